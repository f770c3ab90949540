"""A mean over everything that the data happen to hold: load a year more and the same day decides otherwise."""

from __future__ import annotations

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, first_two, sign


class ExpandingFromFirst(Idea):
    """Long above the mean of all closes since the first bar of the data, short below."""

    def decide(self, symbol: str, view: View) -> float:
        close = view.bars(symbol, 10**9).close
        return sign(close[-1] - close.mean())


CASE = Case(
    name="expanding_from_first",
    how="Compares the close with the mean of all bars since the first one given, and declares fifty bars of warm-up.",
    make=lambda market: ExpandingFromFirst(first_two(market), warmup=50),
    audit="warmup",
    profits=False,
    source="declared",
)
