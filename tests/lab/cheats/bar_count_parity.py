"""Trades at every seventh bar counted from the first one given: which days those are, the data decide."""

from __future__ import annotations

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, first_two, last_move, sign

EVERY = 7


class BarCountParity(Idea):
    """Follows the last move at every seventh bar of the data."""

    def decide(self, symbol: str, view: View) -> float:
        return sign(last_move(view, symbol)) if len(view.bars(symbol, 10**9)) % EVERY == 0 else float("nan")


CASE = Case(
    name="bar_count_parity",
    how="Decides at every seventh bar counted from the first one of the data.",
    make=lambda market: BarCountParity(first_two(market), warmup=20),
    audit="warmup",
    profits=False,
    source="declared",
)
