"""No price at all: in by the clock of the market, out by the clock of the market."""

from __future__ import annotations

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, first_two

HALF_HOUR_NS = 1_800_000_000_000


class Calendar(Idea):
    """Long over the middle of the session, flat around its ends."""

    def decide(self, symbol: str, view: View) -> float:
        return 1.0 if 31 <= view.now_ns // HALF_HOUR_NS % 48 < 35 else 0.0


CASE = Case(
    name="calendar",
    how="Depends on the market's time of day and on nothing else, so that no other price ever moves it.",
    make=lambda market: Calendar(first_two(market)),
    audit="",
)
