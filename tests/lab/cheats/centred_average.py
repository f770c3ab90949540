"""A moving average whose window lies half in the future: the classic of smoothed charts."""

from __future__ import annotations

import numpy as np

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market, first_two, sign

HALF = 3


class CentredAverage(Idea):
    """Buys below a centred moving average and sells above it."""

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market), warmup=2 * HALF + 1)
        kernel = np.ones(2 * HALF + 1) / (2 * HALF + 1)
        self._recv = {s: market[s][1].ts_recv_ns for s in self.symbols}
        self._average = {s: np.convolve(market[s][1].close, kernel, mode="same") for s in self.symbols}

    def decide(self, symbol: str, view: View) -> float:
        row = int(np.searchsorted(self._recv[symbol], view.now_ns, side="right")) - 1
        return sign(self._average[symbol][row] - view.bars(symbol, 1).close[-1])


class TrailingAverage(Idea):
    """Buys below a trailing moving average and sells above it."""

    def decide(self, symbol: str, view: View) -> float:
        close = view.bars(symbol, 2 * HALF + 1).close
        return sign(close.mean() - close[-1])


CASE = Case(
    name="centred_average",
    how="Compares the close with a moving average centred on it, half of whose window lies in the future.",
    make=CentredAverage,
    audit="lookahead",
    without=lambda market: TrailingAverage(first_two(market), warmup=2 * HALF + 1),
)
