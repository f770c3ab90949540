"""What every entry of the corpus is made of: a record about the strategy, and the few lines that all of them share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from argus.core.arrays import Bars
from argus.core.instruments import InstrumentSpec
from argus.core.intents import Intent, Target
from argus.core.orders import Fill
from argus.core.ports import Strategy, View
from argus.core.strategy import FeatureRef, ParameterValue, StrategyConstraints, StrategySpec, WakeRule

Market = Mapping[str, tuple[InstrumentSpec, Bars]]
Factory = Callable[[Market], Strategy]


def _nothing() -> None:
    """Most entries keep nothing beyond their own instance."""


@dataclass(frozen=True, slots=True)
class Case:
    """One strategy of the corpus.

    Attributes
    ----------
    name : str
        Also the name of its module, without ``honest_``.
    how : str
        How it cheats, or what makes an honest one look suspicious, in one sentence.
    make : callable
        A fresh strategy for a market. It may keep what it is given, as a research notebook would.
    audit : str
        ``lookahead``, ``warmup``, ``nondeterminism`` or ``costs``: the audit that ought to catch it; empty if honest.
    without : callable or None
        The same idea without the leak.
    profits : bool
        Whether the leak earns: more than `without` on a market where nothing can be earned.
    seeds, sessions : int
        Markets over which that is to be shown, and their length; ideas that trade seldom need more of both.
    source : str
        Where the leak comes from: ``market`` (what `make` was given), ``process`` (memory that outlives a run),
        ``disk``, ``engine`` (through the view, the frames or the heap while it runs), ``declared`` (what the
        specification says), ``outside`` (clock, entropy).
    rehearsals : int
        Earlier runs in the same process that it needs before it can cheat.
    forget : callable
        Empties whatever outlives its instances, so that one test does not depend on another.
    """

    name: str
    how: str
    make: Factory
    audit: str
    without: Factory | None = None
    profits: bool = True
    seeds: int = 1
    sessions: int = 60
    source: str = "market"
    rehearsals: int = 0
    forget: Callable[[], None] = _nothing


class Idea:
    """Base of the corpus: wants a number of units of each instrument at every wake-up.

    Parameters
    ----------
    symbols : sequence of str
        What it trades.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        *,
        warmup: int = 1,
        features: tuple[FeatureRef, ...] = (),
        wakes_on_fill: bool = False,
        needs: frozenset[str] = frozenset({"open", "close"}),
        values: Mapping[str, ParameterValue] | None = None,
    ) -> None:
        self.symbols = tuple(symbols)
        self._spec = StrategySpec(
            name=type(self).__name__,
            version="1",
            summary=(type(self).__doc__ or type(self).__name__).splitlines()[0],
            source="the corpus of cheats",
            universe=self.symbols,
            wake=WakeRule.EVERY_BAR,
            warmup_bars=warmup,
            parameters=(),
            values=values or {},
            features=features,
            needs=needs,
            constraints=StrategyConstraints(parameter_count_max=9, turnover_annual_max=1e9),
            wakes_on_fill=wakes_on_fill,
        )

    @property
    def spec(self) -> StrategySpec:
        return self._spec

    def wake(self, view: View) -> Sequence[Intent]:
        wanted = ((symbol, self.decide(symbol, view)) for symbol in self.symbols)
        return [Target(symbol, units=units) for symbol, units in wanted if not math.isnan(units)]

    def decide(self, symbol: str, view: View) -> float:
        """Wanted units; NaN leaves the position as it is."""
        raise NotImplementedError

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        return ()


class Sheet:
    """All rows of one instrument, as a research notebook holds them: the future is one index away."""

    def __init__(self, bars: Bars) -> None:
        self.recv = bars.ts_recv_ns
        self.open, self.high, self.low, self.close = bars.open, bars.high, bars.low, bars.close
        self.session = bars.session

    def __len__(self) -> int:
        return len(self.recv)

    def row(self, now_ns: int) -> int:
        """Last row known at `now_ns`."""
        return int(np.searchsorted(self.recv, now_ns, side="right")) - 1

    def next_move(self, now_ns: int) -> float:
        """What the close will do over the bar that has only begun; 0 where the data end."""
        row = self.row(now_ns)
        return float(self.close[row + 1] - self.close[row]) if 0 <= row < len(self.close) - 1 else 0.0


def sheets(market: Market, symbols: Sequence[str]) -> dict[str, Sheet]:
    """Everything about these instruments, from the first row to the last."""
    return {symbol: Sheet(market[symbol][1]) for symbol in symbols}


def first_two(market: Market) -> tuple[str, ...]:
    """What most entries trade."""
    return tuple(market)[:2]


def sign(number: float) -> float:
    """-1, 0 or 1; a number that is none counts as 0."""
    return float(number > 0) - float(number < 0)


def last_move(view: View, symbol: str, bars: int = 1) -> float:
    """Honest momentum: what the close did over the last known bars; NaN before there are enough."""
    close = view.bars(symbol, bars + 1).close
    return float(close[-1] - close[0]) if len(close) > bars else float("nan")


def on_tick(view: View, symbol: str, price: float, ticks: float = 0.0) -> float | None:
    """`price` moved by `ticks`, on the grid; None if there is no such price."""
    tick = float(view.instrument(symbol).tick_size)
    if not math.isfinite(price) or abs(price) > 1e9:
        return None
    return round(price / tick + ticks) * tick


class FollowLast(Idea):
    """Follows the last move: the plain idea that many entries spoil."""

    def __init__(self, symbols: Sequence[str], warmup: int = 2) -> None:
        super().__init__(symbols, warmup=warmup)

    def decide(self, symbol: str, view: View) -> float:
        return sign(last_move(view, symbol))


def follow_last(market: Market) -> Strategy:
    """The plain idea on the first two instruments."""
    return FollowLast(first_two(market))
