"""A market walked bar by bar for tests: a view that ends at the present, and an account that is filled at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from argus.core.arrays import F64_1D, Bars
from argus.core.instruments import InstrumentSpec, instrument
from argus.core.intents import Close, Forecast, Intent
from argus.core.ports import Strategy
from argus.core.strategy import WakeRule
from argus.features import compute
from tests.portfolio.account import SmallAccount, SmallPosition


@dataclass(frozen=True)
class Decision:
    """A wake-up that asked for something."""

    now_ns: int
    intents: tuple[Intent, ...]


class TapeView:
    """What is known at `now_ns` of some markets; `core.ports.View` over whole columns and a clock."""

    def __init__(self, strategy: Strategy, market: Mapping[str, Bars]) -> None:
        self._market = market
        self._columns: dict[str, tuple[str, F64_1D]] = {
            ref.alias: (ref.instrument, compute(ref, market[ref.instrument])) for ref in strategy.spec.features
        }
        self._known = dict.fromkeys(market, 0)
        self._held = dict.fromkeys(market, 0.0)
        self.account = SmallAccount()
        self.now_ns = 0

    def advance(self, now_ns: int) -> None:
        self.now_ns = now_ns
        for symbol, bars in self._market.items():
            self._known[symbol] = int(np.searchsorted(bars.ts_recv_ns, now_ns, side="right"))

    def take(self, intents: tuple[Intent, ...]) -> None:
        """Hold at once what the opinions ask for, one unit for a direction of one."""
        for intent in intents:
            if isinstance(intent, Close):
                self._held[intent.instrument] = 0.0
            elif isinstance(intent, Forecast):
                self._held[intent.instrument] = intent.direction

    def known(self, symbol: str) -> int:
        return self._known[symbol]

    def bars(self, instrument: str, n: int) -> Bars:
        stop = self._known[instrument]
        return self._market[instrument].rows(max(0, stop - n), stop)

    def feature(self, alias: str) -> float:
        symbol, column = self._columns[alias]
        known = self._known[symbol]
        return float(column[known - 1]) if known else float("nan")

    def position(self, instrument: str) -> SmallPosition:
        known = self._known[instrument]
        price = float(self._market[instrument].close[known - 1]) if known else float("nan")
        return SmallPosition(self._held[instrument], 0.0, price)

    def instrument(self, symbol: str) -> InstrumentSpec:
        return instrument(symbol)


def play(strategy: Strategy, market: Mapping[str, Bars]) -> list[Decision]:
    """Walk a strategy through markets under its wake rule; gives the decisions that asked for something."""
    spec = strategy.spec
    view = TapeView(strategy, market)
    instants: set[int] = set()
    for symbol in spec.universe:
        bars = market[symbol]
        due = bars.session_end if spec.wake == WakeRule.SESSION_END else np.ones(len(bars), dtype=np.bool_)
        instants.update(int(ts) for ts in bars.ts_recv_ns[due])
    decisions = []
    for now_ns in sorted(instants):
        view.advance(now_ns)
        if any(view.known(symbol) < spec.warmup_bars for symbol in spec.universe):
            continue
        intents = tuple(strategy.wake(view))
        if intents:
            decisions.append(Decision(now_ns, intents))
            view.take(intents)
    return decisions
