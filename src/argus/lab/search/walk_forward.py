"""Walk-forward: parameters chosen on the past only, traded on what came after, as one account that could have existed.

Sessions are cut into folds. For each fold the parameter set with the best Sharpe ratio on the sessions before it is
chosen, from runs over the whole range: a causal run's equity up to a date does not depend on what follows it, so that
its slice is what a run up to that date would have shown. The chosen sets then trade one after the other within a single
replay, positions carried over, so that no fold starts with free money, and switching costs what it costs.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I64_1D, Bars
from argus.core.errors import ConfigError, CoverageError
from argus.core.instruments import InstrumentSpec
from argus.core.intents import Cancel, Intent, OrderRequest, Replace
from argus.core.orders import Fill
from argus.core.ports import AccountView, BarWindow, PositionView, Strategy, View
from argus.core.strategy import FeatureRef, ParameterValue, StrategySpec
from argus.engine.metrics import session_returns, sharpe
from argus.engine.record import RunRecord

__all__ = [
    "Fold",
    "FoldChoice",
    "Segment",
    "WalkForwardStrategy",
    "aligned_returns",
    "choose",
    "folds",
    "handover_times",
    "market_sessions",
    "parameter_key",
]

Values = Mapping[str, ParameterValue]


@dataclass(frozen=True, slots=True)
class Fold:
    """One step of the walk: positions in the list of sessions, ends excluded.

    Attributes
    ----------
    train_start, train_end : int
        Sessions on which parameters are chosen.
    test_start, test_end : int
        Sessions that are traded with the choice. ``test_start - train_end`` sessions between them are used for neither.
    """

    train_start: int
    train_end: int
    test_start: int
    test_end: int


@dataclass(frozen=True, slots=True)
class FoldChoice:
    """What was chosen for a fold.

    Attributes
    ----------
    fold : Fold
    chosen : int
        Position in the list of parameter sets.
    train_sharpe : float
        Per session, of the chosen set on the training sessions; NaN if no set ever varied.
    """

    fold: Fold
    chosen: int
    train_sharpe: float


def folds(
    sessions: int, *, train_min: int, test: int, embargo: int = 1, start: int = 0, anchored: bool = True
) -> tuple[Fold, ...]:
    """Cut sessions into training and test windows; test windows follow each other without gap or overlap.

    Parameters
    ----------
    sessions : int
        How many there are.
    train_min : int
        Sessions in the first training window; in every one if not `anchored`.
    test : int
        Sessions in a test window. A last piece shorter than half of it joins the window before.
    embargo : int
        Sessions left out between training and test: at least 1, so that a choice is made from results that were known
        when it took effect; longer where a position's result is known only after some sessions.
    start : int
        First session in which every parameter set could decide: the longest warm-up.
    anchored : bool
        Whether training always begins at `start` (growing), or moves along (rolling).

    Raises
    ------
    ConfigError
        If a window is not positive.
    CoverageError
        If there are too few sessions for one fold.
    """
    for name, value in (("train_min", train_min), ("test", test), ("embargo", embargo)):
        if value < 1:
            raise ConfigError(f"walk-forward: {name} is {value}; it must be at least 1 session")
    if start < 0:
        raise ConfigError(f"walk-forward: start is {start}; it cannot be negative")
    first = start + train_min + embargo
    least = first + max(1, test // 2)
    if least > sessions:
        raise CoverageError(
            f"walk-forward needs {least} sessions ({start} to warm up, {train_min} to choose, {embargo} between, half "
            f"of {test} to test) and there are {sessions}; get more data or shorten the windows"
        )
    starts = list(range(first, sessions, test))
    if len(starts) > 1 and sessions - starts[-1] < max(1, test // 2):
        starts.pop()
    ends = [*starts[1:], sessions]
    return tuple(
        Fold(start if anchored else begin - embargo - train_min, begin - embargo, begin, end)
        for begin, end in zip(starts, ends, strict=True)
    )


def market_sessions(market: Mapping[str, tuple[InstrumentSpec, Bars]], universe: Sequence[str]) -> NDArray[np.int32]:
    """Every session in which any instrument of the universe has a bar, in order."""
    return np.unique(np.concatenate([market[symbol][1].session for symbol in universe]))


def handover_times(
    market: Mapping[str, tuple[InstrumentSpec, Bars]],
    universe: Sequence[str],
    sessions: NDArray[np.int32],
    plan: Sequence[Fold],
) -> tuple[int, ...]:
    """The instant from which each fold's choice decides: when the last bar before its first test session is known.

    A strategy that decides at session ends so trades its first test session on a decision made just before it.
    """
    times = []
    for fold in plan:
        before = sessions[fold.test_start - 1]
        known = []
        for symbol in universe:
            bars = market[symbol][1]
            row = int(np.searchsorted(bars.session, before, side="right")) - 1
            if row >= 0:
                known.append(int(bars.ts_recv_ns[row]))
        times.append(max(known))
    return tuple(times)


def aligned_returns(record: RunRecord, sessions: NDArray[np.int32]) -> F64_1D:
    """Session returns of a run on a common list of sessions; 0 where the account did not exist yet.

    An account that was not there, or was flat, has earned nothing.
    """
    own, equity = record.session_equity()
    levels = equity_on(own, equity, sessions, record.opening_cash_micros)
    return session_returns(levels, record.opening_cash_micros)


def equity_on(own: NDArray[np.int32], equity: I64_1D, sessions: NDArray[np.int32], opening_micros: int) -> I64_1D:
    """Last known equity at the end of each session; the opening balance before the first."""
    rows = np.searchsorted(own, sessions, side="right")
    levels: I64_1D = np.concatenate((np.array([opening_micros], dtype=np.int64), equity))[rows]
    return levels


def parameter_key(values: Values) -> str:
    """Parameter values as text that does not depend on their order."""
    return json.dumps(dict(values), sort_keys=True)


def choose(returns: Sequence[F64_1D], grid: Sequence[Values], plan: Sequence[Fold]) -> tuple[FoldChoice, ...]:
    """The best parameter set of each fold's training sessions.

    Parameters
    ----------
    returns : sequence of (sessions,) float64
        Session returns of each parameter set over the whole range (`aligned_returns`).
    grid : sequence of mapping
        The parameter sets.
    plan : sequence of Fold

    Returns
    -------
    tuple of FoldChoice
        The highest Sharpe ratio wins. Sets without one (they never traded) come last; ties go to the set whose
        `parameter_key` comes first, so that the order of the grid does not matter.
    """
    order = sorted(range(len(grid)), key=lambda index: parameter_key(grid[index]))
    choices = []
    for fold in plan:
        best, best_ratio = order[0], -math.inf
        for index in order:
            ratio = sharpe(returns[index][fold.train_start : fold.train_end])
            if math.isfinite(ratio) and ratio > best_ratio:
                best, best_ratio = index, ratio
        choices.append(FoldChoice(fold, best, best_ratio if math.isfinite(best_ratio) else math.nan))
    return tuple(choices)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a walk: from `start_ns` on, the strategy with these parameter values decides."""

    start_ns: int
    values: Values


class _ChildView:
    """What a child sees: the same view, its features under its own names. Implements `core.ports.View`."""

    __slots__ = ("_aliases", "_view")

    def __init__(self, aliases: Mapping[str, str]) -> None:
        self._aliases = aliases
        self._view: View | None = None

    def on(self, view: View) -> _ChildView:
        """This view over the engine's."""
        self._view = view
        return self

    @property
    def _below(self) -> View:
        assert self._view is not None, "a child was asked before the engine gave a view"
        return self._view

    @property
    def now_ns(self) -> int:
        return self._below.now_ns

    @property
    def account(self) -> AccountView:
        return self._below.account

    def bars(self, instrument: str, n: int) -> BarWindow:
        return self._below.bars(instrument, n)

    def feature(self, alias: str) -> float:
        # An undeclared name goes through as it is, for the engine to refuse with the right message.
        return self._below.feature(self._aliases.get(alias, alias))

    def position(self, instrument: str) -> PositionView:
        return self._below.position(instrument)

    def instrument(self, symbol: str) -> InstrumentSpec:
        return self._below.instrument(symbol)


class WalkForwardStrategy:
    """One strategy whose parameters change at given instants. Implements `core.ports.Strategy`.

    Each segment has a fresh child; segments that follow each other with the same values share one. A child takes over
    the positions that it finds; resting orders of the one before are withdrawn at the handover.

    Parameters
    ----------
    make : callable
        Parameter values to a strategy; children must share universe and wake rule.
    segments : sequence of Segment
        In time order.

    Raises
    ------
    ConfigError
        If there is no segment, times do not increase, or children differ in universe or wake rule.
    """

    def __init__(self, make: Callable[[Values], Strategy], segments: Sequence[Segment]) -> None:
        if not segments:
            raise ConfigError("walk-forward: there is no segment to trade")
        starts = [segment.start_ns for segment in segments]
        if any(later <= earlier for earlier, later in pairwise(starts)):
            raise ConfigError(f"walk-forward: segments start at {starts}; each must start after the one before")
        merged: list[Segment] = []
        for segment in segments:
            if not merged or parameter_key(merged[-1].values) != parameter_key(segment.values):
                merged.append(segment)
        self._starts = [segment.start_ns for segment in merged]
        self._children = [make(segment.values) for segment in merged]
        self._spec, aliases = _merged_spec(self._children, segments)
        self._views = [_ChildView(names) for names in aliases]
        self._active = -1
        self._live_keys: dict[str, None] = {}

    @property
    def spec(self) -> StrategySpec:
        """The children's specifications as one."""
        return self._spec

    def wake(self, view: View) -> Sequence[Intent]:
        """Let the child whose segment it is decide."""
        index = bisect_right(self._starts, view.now_ns) - 1
        if index < 0:
            return ()
        handover: list[Intent] = []
        if index != self._active:
            handover = [Cancel(key) for key in self._live_keys]
            self._live_keys.clear()
            self._active = index
        intents = self._children[index].wake(self._views[index].on(view))
        return [*handover, *self._own(intents, index)] if intents or handover else ()

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        """Tell the child that is at work; it owns the positions, whoever opened them."""
        if self._active < 0:
            return ()
        index = self._active
        return self._own(self._children[index].filled(fill, self._views[index].on(view)), index)

    def _own(self, intents: Sequence[Intent], index: int) -> Sequence[Intent]:
        """Order keys get the segment's number, so that two children may use the same word."""
        return [self._renamed(intent, index) for intent in intents]

    def _renamed(self, intent: Intent, index: int) -> Intent:
        if isinstance(intent, OrderRequest):
            if not intent.order_key:
                return intent
            key = f"{index}:{intent.order_key}"
            self._live_keys[key] = None
            return replace(intent, order_key=key)
        if isinstance(intent, Cancel):
            key = f"{index}:{intent.order_key}"
            self._live_keys.pop(key, None)
            return Cancel(key)
        if isinstance(intent, Replace):
            renamed = self._renamed(intent.order, index)
            assert isinstance(renamed, OrderRequest)
            return Replace(f"{index}:{intent.order_key}", renamed)
        return intent


_SAME: Final = ("universe", "wake", "wakes_on_fill", "name", "version")


def _merged_spec(
    children: Sequence[Strategy], segments: Sequence[Segment]
) -> tuple[StrategySpec, tuple[dict[str, str], ...]]:
    """One specification for all children, and each child's own feature names to the merged ones.

    A feature that several children read is computed once.
    """
    first = children[0].spec
    for child in children[1:]:
        for name in _SAME:
            wanted, found = getattr(first, name), getattr(child.spec, name)
            if found != wanted:
                raise ConfigError(
                    f"walk-forward: children differ in {name} ({wanted!r}, {found!r}); only parameters may change "
                    "along the walk"
                )
    merged: dict[str, FeatureRef] = {}
    aliases = []
    for child in children:
        names = {}
        for ref in child.spec.features:
            key = json.dumps([ref.feature, ref.instrument, dict(ref.parameters)], sort_keys=True)
            if key not in merged:
                merged[key] = replace(ref, alias=f"{len(merged)}:{ref.alias}")
            names[ref.alias] = merged[key].alias
        aliases.append(names)
    spec = replace(
        first,
        summary=f"{first.summary} Parameters chosen walk-forward.",
        warmup_bars=max(child.spec.warmup_bars for child in children),
        values={
            f"from_{number:02d}": json.dumps({"start_ns": segment.start_ns, **dict(segment.values)}, sort_keys=True)
            for number, segment in enumerate(segments, start=1)
        },
        features=tuple(merged.values()),
        needs=frozenset().union(*(child.spec.needs for child in children)),
    )
    return spec, tuple(aliases)
