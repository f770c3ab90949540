"""An average of sixty closes under a declared warm-up of ten: for fifty bars it is an average of something else."""

from __future__ import annotations

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, first_two, sign

WINDOW = 60
DECLARED = 10


class ShortWarmup(Idea):
    """Long above the average of sixty closes, short below."""

    def decide(self, symbol: str, view: View) -> float:
        close = view.bars(symbol, WINDOW).close
        return sign(close[-1] - close.mean())


CASE = Case(
    name="short_warmup",
    how="Averages up to sixty closes and declares a warm-up of ten.",
    make=lambda market: ShortWarmup(first_two(market), warmup=DECLARED),
    audit="warmup",
    without=lambda market: ShortWarmup(first_two(market), warmup=WINDOW),
    profits=False,
    source="declared",
)
