"""``argus sweep``: many runs of one idea over parameters, markets and periods, from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from argus.cli.output import JsonOption, WorkspaceOption, emit
from argus.cli.workers import RayOption, WorkersOption, worker_count

if TYPE_CHECKING:
    from argus.app.sweep import SweepResult
    from argus.app.workspace import Workspace

__all__ = ["sweep"]

_LINES_SHOWN = 5


def sweep(
    file: Annotated[Path, typer.Argument(help="Sweep file (YAML): strategy, ranges, instruments, periods.")],
    workers: WorkersOption = 0,
    ray: RayOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Run more than 1,000 runs.")] = False,
    new: Annotated[
        str | None,
        typer.Option(help="Write a first sweep file for this strategy, and run nothing.", metavar="STRATEGY"),
    ] = None,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Run a strategy over ranges of its parameters, and read whether the best point is a plateau or a spike.

    Every run is counted as a trial. Interrupted at any moment, the same command goes on where it stopped.
    Exit code 4 if a run failed.
    """
    from argus.app.workspace import open_workspace

    count = worker_count(workers, ray)
    home = open_workspace(workspace)
    if new is not None:
        _write_first(home, file, new, json_wanted)
        return
    result = _run(home, file, count, ray, yes)
    emit(result.as_dict(), json_wanted=json_wanted, text=lambda: _print(result))
    if result.view.failed:
        raise typer.Exit(4)


def _run(home: Workspace, file: Path, workers: int, ray: str | None, yes: bool) -> SweepResult:
    """Run the sweep under a bar that says how far it is; Ctrl-C ends with what to do next."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from argus.app.sweep import sweep as use_case

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=console, transient=True) as bars:
        bar = bars.add_task("runs", total=None)

        def tell(done: int, total: int) -> None:
            bars.update(bar, completed=done, total=total)

        try:
            return use_case(home, file, workers=workers, ray=ray, yes=yes, progress=tell)
        except KeyboardInterrupt:
            bars.stop()
            console.print(
                f"interrupted; what is done is kept and counted, go on with: argus sweep {file}",
                highlight=False,
                soft_wrap=True,
            )
            raise typer.Exit(130) from None


def _write_first(home: Workspace, file: Path, strategy: str, json_wanted: bool) -> None:
    from argus.app.sweep import write_starting_file

    write_starting_file(home, file, strategy)
    emit(
        {"file": str(file), "strategy": strategy},
        json_wanted=json_wanted,
        text=lambda: typer.echo(f"{file} is written; change it, then run: argus sweep {file}"),
    )


def _print(result: SweepResult) -> None:
    from rich.console import Console
    from rich.markup import escape

    from argus.report.sweep import slices_table

    out = Console()
    view = result.view
    for note in view.notes:
        out.print(escape(note), highlight=False)
    out.print(slices_table(view))
    for one in view.slices[:_LINES_SHOWN]:
        out.print(f"[bold]{escape(one.name)}[/bold]  {one.reading.sentence}", highlight=False)
        if one.luck:
            out.print(f"  [yellow]{escape(one.luck.sentence)}[/yellow]", highlight=False)
    for line in view.failures[:_LINES_SHOWN]:
        out.print(f"[bold red]failed[/bold red] {escape(line)}", highlight=False)
    out.print(f"table: {result.table}", soft_wrap=True, highlight=False, markup=False)
    out.print(f"page:  {result.report}", soft_wrap=True, highlight=False, markup=False)
