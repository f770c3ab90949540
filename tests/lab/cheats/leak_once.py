"""One decision in the whole run knows the next bar. Whoever samples decisions is likely to miss it."""

from __future__ import annotations

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market, first_two, follow_last, last_move, sheets, sign

ROW = 1_037


class LeakOnce(Idea):
    """Follows the last move, but at one row the next one."""

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market), warmup=2)
        self._sheets = sheets(market, self.symbols)
        # In a market with fewer rows the leak lies at the same share of it.
        self._row = {s: min(ROW, len(sheet) * 61 // 100) for s, sheet in self._sheets.items()}

    def decide(self, symbol: str, view: View) -> float:
        sheet = self._sheets[symbol]
        if sheet.row(view.now_ns) == self._row[symbol]:
            return sign(sheet.next_move(view.now_ns))
        return sign(last_move(view, symbol))


CASE = Case(
    name="leak_once",
    how="Uses the sign of the next move at a single decision of the run.",
    make=LeakOnce,
    audit="lookahead",
    without=follow_last,
    profits=False,
)
