"""A first experiment file, to be changed: a sweep's first file with the lines that make it an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from argus.app._sweep_start import starting_text, write_new

if TYPE_CHECKING:
    from argus.app.workspace import Workspace

__all__ = ["write_starting_experiment"]

_HELD_OUT: Final = 0.2
"""Share of the data at its end that is set aside."""


def write_starting_experiment(workspace: Workspace, path: Path, strategy: str) -> None:
    """Write an experiment file for a strategy, on the market on which the workspace looks at it.

    Raises
    ------
    StrategyError
        If there is no such strategy.
    ConfigError
        If the file exists, or cannot be written.
    """
    write_new(path, _text(workspace, strategy))


def _text(workspace: Workspace, strategy: str) -> str:
    from argus.app._sweep_data import sources_of
    from argus.core.time import format_ns
    from argus.strategies import strategy_class

    kind = strategy_class(strategy)
    settings = workspace.settings
    chosen = next((c for c in settings.research.candidates if c.strategy == strategy), settings.research.candidates[0])
    sources_of(workspace, {"": tuple(chosen.datasets)}, ((None, None),), None)
    infos = [workspace.catalog().info(name) for name in chosen.datasets]
    first, last = min(info.first_ns for info in infos), max(info.last_ns for info in infos)
    year = format_ns(round(last - _HELD_OUT * (last - first)))[:4]
    lines = [line for line in starting_text(settings, strategy).splitlines()[1:] if not line.startswith("# periods")]
    head = [
        f"# An experiment with {strategy}: say what you believe before you look. It is registered by its first run;",
        "# whatever is changed after that is another experiment, and the difference is printed.",
        f"name: a first look at {strategy}",
        "# What do you believe, and why should it be so? These are the words of the strategy's author; use your own.",
        f"hypothesis: >-\n  {kind.SUMMARY}",
    ]
    tail = [
        "# No run sees a bar from then on. It can be opened once: argus lab open-holdout FILE",
        f"holdout: {{from: {year}-01-01}}",
        "# gates: {walk_forward: 0.5}   # thresholds other than the default; argus lab explain",
        "# require_recent_bars_hours: 96",
    ]
    return "\n".join([*head, *lines, *tail]) + "\n"
