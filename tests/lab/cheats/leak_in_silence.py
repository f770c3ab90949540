"""Every order that is sent is the honest one; those that would lose are simply never sent."""

from __future__ import annotations

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market, first_two, follow_last, last_move, sheets, sign


class LeakInSilence(Idea):
    """Follows the last move, but says nothing where the next one will be against it."""

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market), warmup=2)
        self._sheets = sheets(market, self.symbols)

    def decide(self, symbol: str, view: View) -> float:
        side = sign(last_move(view, symbol))
        return float("nan") if side * self._sheets[symbol].next_move(view.now_ns) < 0 else side


CASE = Case(
    name="leak_in_silence",
    how="Sends only honest orders and leaves out those that the next move would turn into losses.",
    make=LeakInSilence,
    audit="lookahead",
    without=follow_last,
)
