"""The side of every trade is honest; how much is traded is not."""

from __future__ import annotations

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market, first_two, last_move, sheets, sign


class LeakInSize(Idea):
    """Follows the last move, with three units where the next one will agree and one where not."""

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market), warmup=2)
        self._sheets = sheets(market, self.symbols)

    def decide(self, symbol: str, view: View) -> float:
        side = sign(last_move(view, symbol))
        return side * (3.0 if side * self._sheets[symbol].next_move(view.now_ns) > 0 else 1.0)


class OneSize(Idea):
    """Follows the last move with two units."""

    def decide(self, symbol: str, view: View) -> float:
        return 2.0 * sign(last_move(view, symbol))


CASE = Case(
    name="leak_in_size",
    how="Takes every side honestly and trades three times as much where the next move will agree.",
    make=LeakInSize,
    audit="lookahead",
    without=lambda market: OneSize(first_two(market), warmup=2),
)
