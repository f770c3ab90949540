"""``argus trace``: one trade from what the strategy saw to the last ledger line."""

from __future__ import annotations

from typing import Annotated

import typer

from argus.cli.output import JsonOption, WorkspaceOption, emit

__all__ = ["trace"]


def trace(
    run: Annotated[str, typer.Argument(help="Run id or the beginning of one; 'last' is the newest.")],
    trade: Annotated[
        int | None, typer.Option(help="Number of the trade; by default the one that contributed most.")
    ] = None,
    workspace: WorkspaceOption = None,
    json_wanted: JsonOption = False,
) -> None:
    """Work one trade out again from prices, and prove that it adds up to the micro-unit."""
    from argus.app.tracing import trace_run
    from argus.app.workspace import open_workspace

    found = trace_run(open_workspace(workspace), run, trade)

    def show() -> None:
        from rich.console import Console

        from argus.report.terminal import trace_view

        Console().print(trace_view(found))

    emit(found.as_dict(), json_wanted=json_wanted, text=show)
