"""What every command shares: the workspace and JSON options, and one way to print either form of an answer."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["JsonOption", "WorkspaceOption", "emit"]

WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace", "-w", help="Workspace folder; by default the nearest one at or above the current folder."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


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
