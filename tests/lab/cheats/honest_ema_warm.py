"""An exponential average carried in the instance: endless, and yet nothing is left of what came before its warm-up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, first_two, sign

SPAN = 10
WARMUP = 300


class EmaWarm(Idea):
    """Long above an exponential average of ten closes, short below; warmed up over three hundred."""

    def __init__(self, symbols: Sequence[str]) -> None:
        super().__init__(symbols, warmup=WARMUP)
        self._average: dict[str, float] = {}

    def decide(self, symbol: str, view: View) -> float:
        fresh = view.bars(symbol, 1 if symbol in self._average else WARMUP).close
        average = self._average.get(symbol, float(fresh[0]))
        for price in fresh:
            average += 2.0 / (SPAN + 1) * (float(price) - average)
        if np.isnan(average):  # a missing price; the window has the ones before it
            average = float(np.nanmean(view.bars(symbol, SPAN).close))
        self._average[symbol] = average
        return sign(float(fresh[-1]) - average)


CASE = Case(
    name="ema_warm",
    how="Carries a recursive average whose memory is formally endless, with a warm-up that makes the rest vanish.",
    make=lambda market: EmaWarm(first_two(market)),
    audit="",
)
