"""One instrument against the other: a decision on each that reads both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from argus.core.intents import Intent, Target
from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market, sign

WINDOW = 60


class Pairs(Idea):
    """Against the wider of the log ratios of neighbours, each measured by its own last sixty bars."""

    def __init__(self, market: Market) -> None:
        super().__init__(tuple(market), warmup=WINDOW)

    def wake(self, view: View) -> Sequence[Intent]:
        closes = {symbol: view.bars(symbol, WINDOW).close for symbol in self.symbols}
        intents = []
        for one, other in zip(self.symbols[::2], self.symbols[1::2], strict=False):
            ratio = np.log(np.abs(closes[one])) - np.log(np.abs(closes[other]))
            deviation = float(ratio.std())
            z = float(ratio[-1] - ratio.mean()) / deviation if deviation > 0 else 0.0
            if abs(z) > 1.5:
                intents += [Target(one, units=-sign(z)), Target(other, units=sign(z))]
        return intents


CASE = Case(
    name="pairs",
    how="Decides on each of several instruments by the bars of two, in pairs.",
    make=Pairs,
    audit="",
)
