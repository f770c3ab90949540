"""A universe of those that did well, chosen after they did: an honest rule on a dishonest list."""

from __future__ import annotations

import numpy as np

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market


def growth(market: Market, symbol: str) -> float:
    """What the instrument gained over the sample, in parts of its first price."""
    close = market[symbol][1].close
    known = close[~np.isnan(close)]
    return float(known[-1] / known[0] - 1.0)


class Survivorship(Idea):
    """Buys the two instruments of the universe that gained most by the end of the data, and holds them."""

    def __init__(self, market: Market) -> None:
        super().__init__(sorted(market, key=lambda symbol: -growth(market, symbol))[:2])

    def decide(self, symbol: str, view: View) -> float:
        position = view.position(symbol)
        return float("nan") if position.units or position.pending_units else 1.0


class WholeUniverse(Idea):
    """Buys every instrument of the universe, and holds them."""

    def __init__(self, market: Market) -> None:
        super().__init__(tuple(market))

    def decide(self, symbol: str, view: View) -> float:
        position = view.position(symbol)
        return float("nan") if position.units or position.pending_units else 1.0


CASE = Case(
    name="survivorship",
    how="Chooses its universe by the returns at the end of the sample, and then does nothing but hold it.",
    make=Survivorship,
    audit="lookahead",
    without=WholeUniverse,
    seeds=8,
    sessions=150,
)
