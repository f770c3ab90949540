"""A column of signals computed on the closes and traded on the same row: a vectorised backtest without a shift."""

from __future__ import annotations

import numpy as np

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market, Sheet, first_two, sign


class SameBarClose(Idea):
    """Holds, over each bar, what the close of that very bar says."""

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market))
        self._sheets = {s: Sheet(market[s][1]) for s in self.symbols}
        self._signal = {s: np.sign(sheet.close - sheet.open) for s, sheet in self._sheets.items()}

    def decide(self, symbol: str, view: View) -> float:
        signal = self._signal[symbol]
        row = self._sheets[symbol].row(view.now_ns) + 1  # the row that fills what is sent now
        return sign(signal[row]) if row < len(signal) else 0.0


class NextBarClose(Idea):
    """Holds, over each bar, what the close of the bar before said."""

    def decide(self, symbol: str, view: View) -> float:
        window = view.bars(symbol, 1)
        return sign(window.close[-1] - window.open[-1])


CASE = Case(
    name="same_bar_close",
    how="Sends the decision that belongs to the close of bar t one bar early, and so is filled at the open of bar t.",
    make=SameBarClose,
    audit="lookahead",
    without=lambda market: NextBarClose(first_two(market)),
)
