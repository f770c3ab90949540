"""A label that slipped in at one decision of fifty; the other forty-nine are clean."""

from __future__ import annotations

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market, first_two, follow_last, last_move, sheets, sign

EVERY = 50


class OneInFifty(Idea):
    """Follows the last move, at every fiftieth row the next one."""

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market), warmup=2)
        self._sheets = sheets(market, self.symbols)

    def decide(self, symbol: str, view: View) -> float:
        sheet = self._sheets[symbol]
        if sheet.row(view.now_ns) % EVERY == EVERY - 1:
            return sign(sheet.next_move(view.now_ns))
        return sign(last_move(view, symbol))


CASE = Case(
    name="one_in_fifty",
    how="Uses the sign of the next move as a label at one decision of fifty.",
    make=OneInFifty,
    audit="lookahead",
    without=follow_last,
    sessions=150,
)
