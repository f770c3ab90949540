"""``argus lab``: experiments from their registration to the verdict; each command is one line here."""

from __future__ import annotations

import typer

from argus.cli import lab_calibrate, lab_experiments, lab_outcomes, lab_whitenoise

__all__ = ["app"]

app = typer.Typer(
    help="The lab: experiments registered before they are run, judged, repeated, and written down.",
    no_args_is_help=True,
)
"""The commands of ``argus lab``."""

app.command("run")(lab_experiments.run)
app.command("loop")(lab_experiments.loop)
app.command("journal")(lab_experiments.journal)
app.command("open-holdout")(lab_experiments.open_holdout)
app.command("pack")(lab_experiments.pack)
app.command("explain")(lab_experiments.explain)
app.command("outcomes")(lab_outcomes.outcomes)
app.command("calibrate")(lab_calibrate.calibrate)
app.command("whitenoise")(lab_whitenoise.whitenoise)
