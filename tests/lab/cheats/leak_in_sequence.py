"""The same orders at every decision; only which of them is named first depends on the next bar."""

from __future__ import annotations

from collections.abc import Sequence

from argus.core.intents import Intent
from argus.core.ports import View
from tests.lab.cheats.case import Case, FollowLast, Market, first_two, follow_last, sheets


class LeakInSequence(FollowLast):
    """Follows the last move of two instruments, and names them the other way round before the first one falls."""

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market))
        self._sheets = sheets(market, self.symbols)

    def wake(self, view: View) -> Sequence[Intent]:
        intents = list(super().wake(view))
        falls = self._sheets[self.symbols[0]].next_move(view.now_ns) < 0
        return intents[::-1] if falls else intents


CASE = Case(
    name="leak_in_sequence",
    how="Sends the same orders as the honest idea, in a sequence that depends on the next move.",
    make=LeakInSequence,
    audit="lookahead",
    without=follow_last,
    profits=False,
)
