"""What every command shares: the workspace and JSON options, and one way to print either form of an answer."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

__all__ = ["Columns", "JsonOption", "WorkspaceOption", "emit", "print_table"]

_WIDTH: Final = 160

WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace", "-w", help="Workspace folder; by default the nearest one at or above the current folder."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

Columns = tuple[tuple[str, str, str], ...]
"""Columns of a table: head, key of the value, and its form; ``{!s}`` leaves a name as it is written."""


def emit(data: Mapping[str, Any] | Sequence[Any], *, json_wanted: bool, text: Callable[[], None]) -> None:
    """Print `data` as JSON, alone on standard output, or let `text` print it for people."""
    if json_wanted:
        typer.echo(json.dumps(_finite(data), indent=2, default=str))
    else:
        text()


def _finite(value: Any) -> Any:
    """The value with NaN and infinities as null: JSON has no words for them."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def print_table(rows: Sequence[Mapping[str, Any]], columns: Columns) -> None:
    """Rows as lines; columns by head, key and form of the value, of which NaN is a dash."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for place, (head, _, _) in enumerate(columns):
        table.add_column(head, justify="left" if place == 0 else "right", no_wrap=place == 0)
    for row in rows:
        table.add_row(*(_cell(row[key], form) for _, key, form in columns))
    console = Console()
    # A file or a pipe has no width of its own.
    (console if console.is_terminal else Console(width=_WIDTH)).print(table)


def _cell(value: Any, form: str) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return form.format(value) if form == "{!s}" else form.format(value).replace("_", " ")
