"""The future stands in a field of the forecast that no sizer reads today: no order moves, until one does."""

from __future__ import annotations

from collections.abc import Sequence

from argus.core.intents import Forecast, Intent
from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market, first_two, last_move, sheets, sign


class HonestScore(Idea):
    """Follows the last move, and gives its size as the score."""

    def wake(self, view: View) -> Sequence[Intent]:
        return [
            Forecast(symbol, sign(last_move(view, symbol)), edge_score=self.score(symbol, view))
            for symbol in self.symbols
        ]

    def score(self, symbol: str, view: View) -> float:
        return last_move(view, symbol)


class LeakInEdgeScore(HonestScore):
    """Follows the last move, and gives the next one as the score."""

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market), warmup=2)
        self._sheets = sheets(market, self.symbols)

    def score(self, symbol: str, view: View) -> float:
        return self._sheets[symbol].next_move(view.now_ns)


CASE = Case(
    name="leak_in_edge_score",
    how="Puts the next move into the edge score of its forecasts, a field that moves no order under a fixed size.",
    make=LeakInEdgeScore,
    audit="lookahead",
    without=lambda market: HonestScore(first_two(market), warmup=2),
    profits=False,
)
