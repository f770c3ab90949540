"""A decision that looks at today's date: two runs of one day agree, and tomorrow's differs."""

from __future__ import annotations

import time

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, first_two, last_move, sign

DAY_S = 86_400


class WallDate(Idea):
    """Follows the last move on even days of the wall clock, and fades it on odd ones."""

    def decide(self, symbol: str, view: View) -> float:
        return sign(last_move(view, symbol)) * (1.0 if int(time.time()) // DAY_S % 2 else -1.0)


CASE = Case(
    name="wall_date",
    how="Takes its side by the date on which the run is made, so that two runs of one day agree.",
    make=lambda market: WallDate(first_two(market), warmup=2),
    audit="nondeterminism",
    profits=False,
    source="outside",
)
