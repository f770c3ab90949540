"""Gain or loss since the first price of the file, as if anybody had bought there."""

from __future__ import annotations

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, first_two, sign


class AnchoredFirstPrice(Idea):
    """Long above the first close of the data, short below."""

    def decide(self, symbol: str, view: View) -> float:
        close = view.bars(symbol, 10**9).close
        return sign(close[-1] - close[0])


CASE = Case(
    name="anchored_first_price",
    how="Compares the close with the very first close of the data, whichever that is.",
    make=lambda market: AnchoredFirstPrice(first_two(market), warmup=20),
    audit="warmup",
    profits=False,
    source="declared",
)
