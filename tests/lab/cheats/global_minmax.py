"""Prices scaled to 0..1 by the lowest and highest of the whole sample: near 0 there is only one way to go."""

from __future__ import annotations

import numpy as np

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market, first_two


class GlobalMinMax(Idea):
    """Long in the lowest sixth of the full-sample range, short in the highest."""

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market))
        closes = {s: market[s][1].close for s in self.symbols}
        self._range = {s: (float(np.nanmin(c)), float(np.nanmax(c))) for s, c in closes.items()}

    def decide(self, symbol: str, view: View) -> float:
        low, high = self._range[symbol]
        return stand(float(view.bars(symbol, 1).close[-1]), low, high)


class TrailingMinMax(Idea):
    """Long in the lowest sixth of the range of the last hundred bars, short in the highest."""

    def decide(self, symbol: str, view: View) -> float:
        close = view.bars(symbol, 100).close
        return stand(float(close[-1]), float(close.min()), float(close.max()))


def stand(price: float, low: float, high: float) -> float:
    """Units for a place within a range."""
    place = (price - low) / (high - low) if high > low else 0.5
    if place < 1 / 6:
        return 1.0
    return -1.0 if place > 5 / 6 else float("nan")


CASE = Case(
    name="global_minmax",
    how="Scales prices by the lowest and highest price of the whole sample.",
    make=GlobalMinMax,
    audit="lookahead",
    without=lambda market: TrailingMinMax(first_two(market), warmup=100),
    seeds=4,
    sessions=150,
)
