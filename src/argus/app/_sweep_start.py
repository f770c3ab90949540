"""A first sweep file, to be changed: the strategy's own parameters, each with why it is there and what it may be.

Ranges span the values that research tries by default, in even steps, because a plateau shows only where steps are
small. Everything is checked again when the file is run.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from argus.core.errors import ConfigError

if TYPE_CHECKING:
    from argus.app.settings import Settings
    from argus.app.workspace import Workspace
    from argus.core.strategy import Parameter

__all__ = ["starting_text", "write_new", "write_starting_file"]

_VALUES: Final = 6
"""Values of a numeric range: enough to see a plateau, and few enough to count."""


def write_starting_file(workspace: Workspace, path: Path, strategy: str) -> None:
    """Write a sweep file for a strategy.

    Raises
    ------
    StrategyError
        If there is no such strategy.
    ConfigError
        If the file exists, or cannot be written.
    """
    write_new(path, starting_text(workspace.settings, strategy))


def write_new(path: Path, text: str) -> None:
    """Write a file that must not be there yet.

    Raises
    ------
    ConfigError
        If it exists, or cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{path} exists already; give another name, or remove it first") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None


def starting_text(settings: Settings, strategy: str) -> str:
    """A sweep file on the first market on which the workspace looks at the strategy, or at anything."""
    from argus.strategies import strategy_class

    kind = strategy_class(strategy)
    candidates = settings.research.candidates
    chosen = next((one for one in candidates if one.strategy == strategy), candidates[0])
    fixed = chosen.parameters if chosen.strategy == strategy else {}
    market = chosen.datasets[0] if len(chosen.datasets) == 1 else f"{{together: [{', '.join(chosen.datasets)}]}}"
    ranges = [one for one in kind.PARAMETERS if one.grid and one.name not in fixed]
    others = [one for one in kind.PARAMETERS if one not in ranges and one.name not in fixed]
    lines = [
        f"# A sweep of {strategy}: change it, then run it. Every combination is a run, and every run is a trial.",
        f"strategy: {strategy}",
        *(["fixed:", *(f"  {name}: {_yaml(value)}" for name, value in fixed.items())] if fixed else []),
        "ranges:",
        *(line for one in ranges for line in (f"  # {_about(one)}", f"  {one.name}: {_range(one)}")),
        *(line for one in others for line in (f"  # {_about(one)}", f"  # {one.name}: [{_yaml(one.default)}]")),
        f"instruments: [{market}]",
        "# periods: [{to: 2010-01-01}, {from: 2010-01-01}]",
    ]
    return "\n".join(lines) + "\n"


def _about(parameter: Parameter) -> str:
    if parameter.choices:
        allowed = f"One of {', '.join(parameter.choices)}."
    elif isinstance(parameter.default, bool):
        allowed = "Either true or false."
    else:
        bounds = [word for word, bound in (("from", parameter.low), ("to", parameter.high)) if bound is not None]
        values = [f"{bound:g}" for bound in (parameter.low, parameter.high) if bound is not None]
        allowed = " ".join(f"{word} {value}" for word, value in zip(bounds, values, strict=True)).capitalize()
        allowed = f"{allowed}." if allowed else ""
    return f"{parameter.why} {allowed}".strip()


def _range(parameter: Parameter) -> str:
    numbers = [value for value in parameter.grid if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if len(numbers) > 1:
        return f"{{from: {min(numbers)}, to: {max(numbers)}, count: {_VALUES}}}"
    return f"[{', '.join(map(_yaml, parameter.grid))}]"


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
