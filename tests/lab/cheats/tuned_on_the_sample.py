"""A rule that never looks ahead, with parameters that did: the best of eighty on the sample it is then shown on."""

from __future__ import annotations

import numpy as np

from argus.core.arrays import F64_1D
from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market, first_two, last_move, sign

LOOKBACKS = range(1, 41)


def best(close: F64_1D) -> float:
    """The lookback whose rule earned most on these closes, negative if it is to be faded."""
    gains = {}
    for n in LOOKBACKS:
        gains[n] = float(np.nansum(np.sign(close[n:-1] - close[: -n - 1]) * np.diff(close)[n:]))
    n = max(gains, key=lambda lookback: abs(gains[lookback]))
    return float(n) if gains[n] > 0 else -float(n)


class TunedOnTheSample(Idea):
    """Follows or fades the move over a number of bars, both chosen on the whole sample."""

    def __init__(self, market: Market) -> None:
        symbols = first_two(market)
        self._chosen = {s: best(market[s][1].close) for s in symbols}
        super().__init__(symbols, warmup=max(LOOKBACKS) + 1, values={f"n:{s}": n for s, n in self._chosen.items()})

    def decide(self, symbol: str, view: View) -> float:
        n = self._chosen[symbol]
        return sign(n) * sign(last_move(view, symbol, int(abs(n))))


class TunedBefore(Idea):
    """Follows or fades the move over a number of bars, both chosen on the first bars that it saw."""

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market), warmup=5 * max(LOOKBACKS))
        self._chosen: dict[str, float] = {}

    def decide(self, symbol: str, view: View) -> float:
        if symbol not in self._chosen:
            self._chosen[symbol] = best(view.bars(symbol, 5 * max(LOOKBACKS)).close)
        n = self._chosen[symbol]
        return sign(n) * sign(last_move(view, symbol, int(abs(n))))


CASE = Case(
    name="tuned_on_the_sample",
    how="Picks its lookback and its sign by the profit that they would have made over the whole sample.",
    make=TunedOnTheSample,
    audit="lookahead",
    without=TunedBefore,
    seeds=3,
    sessions=150,
)
