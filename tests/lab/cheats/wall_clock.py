"""A decision that looks at the clock on the wall: no two runs are alike."""

from __future__ import annotations

import time

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, first_two, last_move, sign


class WallClock(Idea):
    """Follows the last move in even microseconds of the wall clock, and fades it in odd ones."""

    def decide(self, symbol: str, view: View) -> float:
        return sign(last_move(view, symbol)) * (1.0 if time.time_ns() // 1_000 % 2 else -1.0)


CASE = Case(
    name="wall_clock",
    how="Takes its side by the microsecond of the wall clock.",
    make=lambda market: WallClock(first_two(market), warmup=2),
    audit="nondeterminism",
    profits=False,
    source="outside",
)
