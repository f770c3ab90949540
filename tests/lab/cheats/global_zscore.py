"""Prices standardised once over the whole sample: the mean of what is still to come is an anchor worth money."""

from __future__ import annotations

import numpy as np

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market, first_two, sign


class GlobalZScore(Idea):
    """Against the price where it lies more than one full-sample standard deviation from the full-sample mean."""

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market))
        closes = {s: market[s][1].close for s in self.symbols}
        self._scale = {s: (float(np.nanmean(c)), float(np.nanstd(c))) for s, c in closes.items()}

    def decide(self, symbol: str, view: View) -> float:
        mean, deviation = self._scale[symbol]
        z = (float(view.bars(symbol, 1).close[-1]) - mean) / deviation
        return -sign(z) if abs(z) > 1.0 else float("nan")


class TrailingZScore(Idea):
    """Against the price where it lies more than one standard deviation from the mean of the last hundred bars."""

    def decide(self, symbol: str, view: View) -> float:
        close = view.bars(symbol, 100).close
        z = (close[-1] - close.mean()) / close.std()
        return -sign(z) if abs(z) > 1.0 else float("nan")


CASE = Case(
    name="global_zscore",
    how="Standardises prices with the mean and standard deviation of the whole sample.",
    make=GlobalZScore,
    audit="lookahead",
    without=lambda market: TrailingZScore(first_two(market), warmup=100),
    seeds=6,
    sessions=150,
)
