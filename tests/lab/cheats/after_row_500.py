"""Honest for as long as an audit with a short sample looks; the leak begins at row 500."""

from __future__ import annotations

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market, first_two, follow_last, last_move, sheets, sign

FIRST = 500


class AfterRow500(Idea):
    """Follows the last move at first, and the next one later."""

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market), warmup=2)
        self._sheets = sheets(market, self.symbols)

    def decide(self, symbol: str, view: View) -> float:
        sheet = self._sheets[symbol]
        if sheet.row(view.now_ns) >= FIRST:
            return sign(sheet.next_move(view.now_ns))
        return sign(last_move(view, symbol))


CASE = Case(
    name="after_row_500",
    how="Is honest for its first 500 rows and uses the next close from then on.",
    make=AfterRow500,
    audit="lookahead",
    without=follow_last,
    sessions=150,
)
