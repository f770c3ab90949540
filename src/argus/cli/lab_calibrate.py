"""``argus lab calibrate``: how often the lab is fooled by markets that hold nothing, and what it finds in others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from argus.cli.output import JsonOption, WorkspaceOption, emit
from argus.cli.workers import WorkersOption, worker_count

if TYPE_CHECKING:
    from argus.app.calibration import Calibrated

__all__ = ["calibrate"]


def calibrate(
    no_edge: Annotated[int, typer.Option(min=0, help="Markets without an edge.")] = 400,
    edge: Annotated[int, typer.Option(min=0, help="Markets of each planted edge and strength; there are nine.")] = 60,
    reported: Annotated[int, typer.Option(min=0, help="Markets of each group that is reported and not required.")] = 30,
    seed: Annotated[
        int, typer.Option(min=0, help="Of the first market. Below 1000: for setting thresholds, never for publishing.")
    ] = 1_000,
    without: Annotated[
        list[str] | None, typer.Option(help="Also tell the rates without this gate; repeatable.")
    ] = None,
    threshold: Annotated[
        list[str] | None, typer.Option(help="Also tell what other thresholds of this gate would do; repeatable.")
    ] = None,
    page: Annotated[Path | None, typer.Option(help="Write the figures between the marks of this page.")] = None,
    workers: WorkersOption = 0,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Judge the lab itself, on synthetic markets whose truth is known.

    Interrupted at any moment, the same command goes on where it stopped. Nothing is counted as a trial: no look was
    taken at any market that trades.
    """
    from argus.app.calibration import write_page
    from argus.app.workspace import open_workspace
    from argus.lab.calibration.cases import calibration_plan

    home = open_workspace(workspace)
    plan = calibration_plan(no_edge, edge, reported, seed=seed)
    found = _run(home.runs, plan, worker_count(workers, None))
    if page is not None:
        write_page(found.table, page)
    emit(found.as_dict(), json_wanted=json_wanted, text=lambda: _print(found, without or [], threshold or []))


def _run(parent: Path, plan: object, workers: int) -> Calibrated:
    """Judge under a bar; Ctrl-C ends with what to do next."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from argus.app.calibration import calibrate as use_case

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=console, transient=True) as bars:
        bar = bars.add_task("searches", total=None)

        def tell(done: int, total: int, name: str) -> None:
            bars.update(bar, completed=done, total=total, description=name)

        try:
            return use_case(parent, plan, workers=workers, progress=tell)  # type: ignore[arg-type]
        except KeyboardInterrupt:
            bars.stop()
            console.print("interrupted; what is done is kept, the same command goes on from there")
            raise typer.Exit(130) from None


def _print(found: Calibrated, without: list[str], thresholds: list[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    from argus.report.calibration import threshold_lines

    out = Console()
    table = found.table
    rates = Table(title="called deployable")
    for name in ("markets", "searches", "share", "95 % interval"):
        rates.add_column(name, justify="left" if name == "markets" else "right")
    for group in table.groups:
        one = table.rate(group)
        rates.add_row(group, str(one.of), f"{one.share:.1%}", f"{one.low:.1%} to {one.high:.1%}")
    out.print(rates)
    gates = Table(title="gate by gate")
    for name in ("gate", "passed without edge", "passed with edge", "it alone stopped (no edge)", "(edge)"):
        gates.add_column(name, justify="left" if name == "gate" else "right")
    for row in table.ablation():
        gates.add_row(
            row.gate,
            f"{row.passed_no_edge.share:.1%}",
            f"{row.passed_edge.share:.1%}",
            str(row.only_it_stopped),
            str(row.only_it_lost),
        )
    out.print(gates)
    for gate in without:
        fooled, hit = (table.rate(edge=edge, without=(gate,)) for edge in (False, True))
        out.print(f"without {gate}: fooled {fooled.told}; found {hit.told}", highlight=False, soft_wrap=True)
    for gate in thresholds:
        for line in threshold_lines(table, gate):
            out.print(line, highlight=False, soft_wrap=True)
    out.print(f"fooled: {table.rate(edge=False).told}", highlight=False, soft_wrap=True)
    out.print(f"found:  {table.rate(edge=True).told}", highlight=False, soft_wrap=True)
    out.print(
        f"{found.seconds_case:.1f} s a search; table and pictures: {found.folder}", highlight=False, soft_wrap=True
    )
