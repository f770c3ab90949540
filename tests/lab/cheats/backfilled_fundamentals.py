"""A figure that exists only where it was reported, its gaps filled from behind: each day knows the next report."""

from __future__ import annotations

import numpy as np

from argus.core.arrays import F64_1D, Bars
from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market, Sheet, first_two, sign

FRIDAY = 4


def reports(bars: Bars) -> F64_1D:
    """The growth since the report before, at the close of every Friday; NaN elsewhere."""
    ends = np.flatnonzero(bars.session_end & ((bars.session + 3) % 7 == FRIDAY))
    figures = np.full(len(bars), np.nan)
    figures[ends[1:]] = np.diff(bars.close[ends])
    return figures


class BackfilledFundamentals(Idea):
    """Holds in the direction of the last growth figure, whose missing days were filled from the next one."""

    backwards = True

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market))
        self._sheets = {s: Sheet(market[s][1]) for s in self.symbols}
        self._figures = {s: self._filled_up(reports(market[s][1])) for s in self.symbols}

    def _filled_up(self, figures: F64_1D) -> F64_1D:
        rows = np.arange(len(figures))
        known = ~np.isnan(figures)
        if self.backwards:
            at = np.minimum.accumulate(np.where(known, rows, len(rows) - 1)[::-1])[::-1]
        else:
            at = np.maximum.accumulate(np.where(known, rows, 0))
        return figures[at]

    def decide(self, symbol: str, view: View) -> float:
        return sign(self._figures[symbol][self._sheets[symbol].row(view.now_ns)])


class ForwardFilledFundamentals(BackfilledFundamentals):
    """Holds in the direction of the last growth figure that was reported."""

    backwards = False


CASE = Case(
    name="backfilled_fundamentals",
    how="Fills the days between reports of a fundamental figure from the report that follows.",
    make=BackfilledFundamentals,
    audit="lookahead",
    without=ForwardFilledFundamentals,
    seeds=2,
    sessions=150,
)
