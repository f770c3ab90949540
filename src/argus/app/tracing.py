"""Trace: fetch a run and its bars again, finer ones of its fills too, and work one of its trades out from prices."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argus.app.backtest import catalog_market, file_market, finer_of, quotes_of
from argus.app.events import events_again, name_then
from argus.app.workspace import Workspace

if TYPE_CHECKING:
    from argus.core.ports import Strategy
    from argus.engine.market import Finer, Market
    from argus.engine.trace import Trace

__all__ = ["find_run", "strategy_again", "trace_run"]


def find_run(workspace: Workspace, run: str) -> Path:
    """Folder of the run whose id starts with `run`; ``last`` is the newest.

    Raises
    ------
    WorkspaceError
        If there is none, or more than one.
    """
    from argus.core.errors import WorkspaceError

    folders = sorted(
        (path.parent for path in workspace.runs.glob("*/run.json")),
        key=lambda path: (path / "run.json").stat().st_mtime,
    )
    found = folders[-1:] if run == "last" else [folder for folder in folders if folder.name.startswith(run)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(folder.name for folder in folders[-5:]) or "none yet"
    what = "no run" if not found else f"{len(found)} runs"
    raise WorkspaceError(f"{what} of {workspace.root} start with '{run}'; the latest: {known}")


def trace_run(workspace: Workspace, run: str, trade: int | None = None) -> Trace:
    """One trade of a kept run, end to end; by default the one that contributed most."""
    from argus.engine.store import load_run
    from argus.engine.trace import trace_trade

    record, source = load_run(find_run(workspace, run))
    if source["kind"] == "rolled":
        from argus.app.rolled import trace_rolled

        return trace_rolled(workspace, record, source, trade)
    market = _market_again(workspace, source)
    finer: Finer = {}
    if "quotes" in source:
        told = source["quotes"]
        finer = quotes_of(market, Path(told["path"]), told["preset"], told["where"])[0]
    elif "finer" in source:
        finer = finer_of(market, _market_again(workspace, source["finer"]))
    events = events_again(source.get("events", {}))
    values = record.manifest.strategy["parameters"]
    is_walk = bool(values) and all(name.startswith("from_") for name in values)
    name = source["strategy"] if is_walk and "strategy" in source else record.manifest.strategy["name"]
    strategy = strategy_again(name, record.universe, values)
    traced = trace_trade(record, market, trade, strategy, events=events, finer=finer)
    then = name_then(source.get("called", {}).get(traced.instrument, ()), traced.entry_ts_ns)
    return traced if then is None else replace(traced, name=f"{traced.name}, called {then} at the time")


def _market_again(workspace: Workspace, source: dict[str, Any]) -> Market:
    if source["kind"] == "catalog":
        return catalog_market(workspace, tuple(source["names"]), source["start_ns"], source["end_ns"])[0]
    from argus.data.importing import ImportSpec

    statement: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in source["statement"].items()
    }
    return file_market(Path(source["path"]), ImportSpec(**statement))[0]


def strategy_again(name: str, universe: tuple[str, ...], values: Mapping[str, Any]) -> Strategy:
    """The strategy of a run from its parameters: a plain one, or a walk of parameter sets."""
    from argus.lab.search.walk_forward import Segment, WalkForwardStrategy
    from argus.strategies import create

    if not values or not all(name.startswith("from_") for name in values):
        return create(name, universe, **values)
    segments = []
    for _, text in sorted(values.items()):
        segment = json.loads(text)
        segments.append(Segment(segment.pop("start_ns"), segment))
    return WalkForwardStrategy(lambda chosen: create(name, universe, **chosen), segments)
