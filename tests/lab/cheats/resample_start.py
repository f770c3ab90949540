"""Bars of five made from the rows and joined back at their start: a row then carries a close up to four rows away."""

from __future__ import annotations

import numpy as np

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market, Sheet, first_two, sign

BLOCK = 5


class ResampleStart(Idea):
    """Follows the last five-bar bar, joined to the rows by the time at which it starts."""

    complete_only = False

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market), warmup=3 * BLOCK)
        self._sheets = {s: Sheet(market[s][1]) for s in self.symbols}
        self._block, self._closes = {}, {}
        for symbol in self.symbols:
            start = market[symbol][1].ts_event_ns
            # By the clock, as resamplers do it, and not by the first row of the data.
            label = start // (BLOCK * int(np.diff(start).min()))
            block = np.cumsum(np.concatenate(([0], np.diff(label) != 0)))
            last = np.flatnonzero(np.append(np.diff(block) != 0, True))
            self._block[symbol], self._closes[symbol] = block, self._sheets[symbol].close[last]

    def decide(self, symbol: str, view: View) -> float:
        block = int(self._block[symbol][self._sheets[symbol].row(view.now_ns)]) - self.complete_only
        closes = self._closes[symbol]
        return sign(closes[block] - closes[block - 1]) if block > 0 else 0.0


class ResampleEnd(ResampleStart):
    """Follows the last five-bar bar that lies wholly in the past."""

    complete_only = True


CASE = Case(
    name="resample_start",
    how="Resamples to five-bar bars joined at their start, so that a close is read up to four bars early.",
    make=ResampleStart,
    audit="lookahead",
    without=ResampleEnd,
)
