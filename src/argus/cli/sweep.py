"""``argus sweep``: many runs of one idea over parameters, markets and periods, from a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from argus.cli.output import JsonOption, WorkspaceOption, emit

if TYPE_CHECKING:
    from argus.app.sweep import SweepResult

__all__ = ["sweep"]

_LINES_SHOWN = 5
_WORKERS_A_CORE = 4


def sweep(
    file: Annotated[Path, typer.Argument(help="Sweep file (YAML): strategy, ranges, instruments, periods.")],
    workers: Annotated[
        int, typer.Option(min=0, help="Processes; 0 takes one a core. The table is the same for any number.")
    ] = 0,
    ray: Annotated[
        str | None, typer.Option(help="Run on a Ray cluster instead: auto, local or HOST:PORT (extra: ray).")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Run more than 1,000 runs.")] = False,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Run a strategy over ranges of its parameters, and read whether the best point is a plateau or a spike.

    Every run is counted as a trial. Interrupted at any moment, the same command goes on where it stopped.
    Exit code 4 if a run failed.
    """
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
    from argus.app.workspace import open_workspace
    from argus.core.errors import ConfigError

    if workers and ray is not None:
        raise ConfigError(
            "--workers counts processes of this machine, and --ray runs on a cluster; give one of the two"
        )
    cores = _cores()
    if workers > _WORKERS_A_CORE * cores:
        raise ConfigError(
            f"--workers is {workers}, on {cores} core{'s' * (cores > 1)}; more than {_WORKERS_A_CORE} a core only take "
            "memory: leave the option out for one a core"
        )
    home = open_workspace(workspace)
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as bars:
        bar = bars.add_task("runs", total=None)

        def tell(done: int, total: int) -> None:
            bars.update(bar, completed=done, total=total)

        try:
            result = use_case(
                home, file, workers=workers or cores, ray=ray, yes=yes, progress=tell
            )  # fmt: skip
        except KeyboardInterrupt:
            bars.stop()
            console.print(
                f"interrupted; what is done is kept and counted, go on with: argus sweep {file}",
                highlight=False,
                soft_wrap=True,
            )
            raise typer.Exit(130) from None
    emit(result.as_dict(), json_wanted=json_wanted, text=lambda: _print(result))
    if result.view.failed:
        raise typer.Exit(4)


def _cores() -> int:
    """Cores that this process may use, where the system tells; all of them elsewhere."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
