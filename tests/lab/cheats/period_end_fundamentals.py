"""A figure filled forward from the day on which its period ended, two sessions before anybody could read it."""

from __future__ import annotations

import numpy as np

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market, Sheet, first_two, sign

TUESDAY = 1
FRIDAY_TO_TUESDAY = 4


def weekday(day: np.ndarray) -> np.ndarray:
    """0 is Monday; day 0 is 1970-01-01, a Thursday."""
    return (day + 3) % 7


class PeriodEndFundamentals(Idea):
    """Holds in the direction of the last surprise, stamped with the Friday that ended its week."""

    lead_days = FRIDAY_TO_TUESDAY

    def __init__(self, market: Market) -> None:
        bars_per_session = max(int(np.unique(market[s][1].session, return_counts=True)[1].max()) for s in market)
        super().__init__(first_two(market), warmup=8 * bars_per_session)
        self._sheets = {s: Sheet(market[s][1]) for s in self.symbols}
        self._over = {s: market[s][1].session_end for s in self.symbols}
        self._released, self._surprise = {}, {}
        for symbol, sheet in self._sheets.items():
            day, first = np.unique(sheet.session, return_index=True)
            last = np.append(first[1:], len(sheet)) - 1
            # The market reacts to the figure on the Tuesday of its release: the surprise is what it then did.
            tuesdays = weekday(day) == TUESDAY
            self._released[symbol] = day[tuesdays]
            self._surprise[symbol] = (sheet.close[last] - sheet.open[first])[tuesdays]

    def decide(self, symbol: str, view: View) -> float:
        row = self._sheets[symbol].row(view.now_ns)
        # A figure is read after the close of the session in which it came.
        today = int(self._sheets[symbol].session[row]) - (0 if self._over[symbol][row] else 1)
        stamp = self._released[symbol] - self.lead_days
        known = int(np.searchsorted(stamp, today, side="right")) - 1
        return sign(self._surprise[symbol][known]) if known >= 0 else 0.0


class ReleasedFundamentals(PeriodEndFundamentals):
    """Holds in the direction of the last surprise that was released."""

    lead_days = 0


CASE = Case(
    name="period_end_fundamentals",
    how="Fills a fundamental figure forward from the end of its period instead of from its release.",
    make=PeriodEndFundamentals,
    audit="lookahead",
    without=ReleasedFundamentals,
    seeds=3,
    sessions=150,
)
