"""``argus lab whitenoise``: what the same search finds on markets that hold nothing."""

from __future__ import annotations

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
    workers: WorkersOption = 0,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Run a whole search on its market and on surrogates of it, and say how many of them did as well.

    The search on the real market counts as trials; those on surrogates are no looks at anything.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from argus.app.settings import CandidateSettings
    from argus.app.white_noise import white_noise
    from argus.app.workspace import open_workspace

    home = open_workspace(workspace)
    item = CandidateSettings(strategy=strategy, datasets=tuple(dataset))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("surrogates", total=None)
        found = white_noise(
            home,
            item,
            kind or (),
            surrogates,
            workers=worker_count(workers, None),
            progress=lambda done, total: bars.update(bar, completed=done, total=total),
        )
    emit(found.as_dict(), json_wanted=json_wanted, text=lambda: _print(found))


def _print(found: NoiseResult) -> None:
    from rich.console import Console

    out = Console()
    out.print(f"{found.strategy} on {', '.join(found.universe)}", highlight=False)
    for result in found.results:
        out.print(f"  {result.kind.replace('_', '-')}: {result.sentence}", highlight=False, soft_wrap=True)
    for note in found.notes:
        out.print(f"  note: {note}", highlight=False, soft_wrap=True)
