"""``argus lab whitenoise``: what the same search finds on markets that hold nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from argus.cli.output import JsonOption, WorkspaceOption, emit
from argus.cli.workers import WorkersOption, worker_count

if TYPE_CHECKING:
    from argus.app.white_noise import NoiseResult

__all__ = ["whitenoise"]


def whitenoise(
    strategy: Annotated[str, typer.Argument(help="A registered strategy; its own parameter sets are searched.")],
    dataset: Annotated[list[str], typer.Option(help="Dataset of the workspace; several are traded together.")],
    kind: Annotated[
        list[str] | None,
        typer.Option(
            help="redrawn, block_bootstrapped, phase_randomised or sign_flipped; repeatable, all if left out."
        ),
    ] = None,
    surrogates: Annotated[int, typer.Option(min=1, help="How many of each kind.")] = 200,
    start: Annotated[
        str | None,
        typer.Option("--from", "--start", metavar="DATE", help="First decision, ISO date; earlier bars warm up."),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", "--end", metavar="DATE", help="No bar that closes after it is read.")
    ] = None,
    include_holdout: Annotated[
        bool,
        typer.Option(
            "--include-holdout",
            help="Search registered hold-outs too; it is recorded, and stands in every later verdict.",
        ),
    ] = False,
    workers: WorkersOption = 0,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Run a whole search on its market and on surrogates of it, and say how many of them did as well.

    The search on the real market counts as trials; those on surrogates are no looks at anything. It ends before the
    first hold-out that an experiment registered for one of these markets, and that was not opened.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from argus.app.settings import CandidateSettings
    from argus.app.white_noise import NoiseRange, white_noise
    from argus.app.workspace import open_workspace
    from argus.core.time import parse_ns

    home = open_workspace(workspace)
    item = CandidateSettings(strategy=strategy, datasets=tuple(dataset))
    bounds = [None if one is None else parse_ns(one) for one in (start, end)]
    over = NoiseRange(bounds[0], bounds[1], include_holdout)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("surrogates", total=None)
        found = white_noise(
            home,
            item,
            kind or (),
            surrogates,
            over=over,
            now_ns=time.time_ns(),
            workers=worker_count(workers, None),
            progress=lambda done, total: bars.update(bar, completed=done, total=total),
        )
    emit(found.as_dict(), json_wanted=json_wanted, text=lambda: _print(found))


def _print(found: NoiseResult) -> None:
    from rich.console import Console

    out = Console()
    told = found.as_dict()
    out.print(
        f"{found.strategy} on {', '.join(found.universe)}, {told['first'][:10]} to {told['last'][:10]}", highlight=False
    )
    for result in found.results:
        out.print(f"  {result.kind.replace('_', '-')}: {result.sentence}", highlight=False, soft_wrap=True)
    for note in found.notes:
        out.print(f"  note: {note}", highlight=False, soft_wrap=True)
