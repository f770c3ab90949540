"""Which of two almost equal averages is read depends on the next bar; the decision is nearly always the same."""

from __future__ import annotations

from collections.abc import Sequence

from argus.core.ports import View
from argus.core.strategy import FeatureRef
from tests.lab.cheats.case import Case, Idea, Market, first_two, sheets, sign

SLOW = 20


class HonestRead(Idea):
    """Long above the average of twenty closes, short below."""

    def __init__(self, symbols: Sequence[str]) -> None:
        refs = [FeatureRef(f"{n}:{s}", "sma", s, {"n": n}) for s in symbols for n in (SLOW, SLOW + 1)]
        super().__init__(symbols, warmup=SLOW + 1, features=tuple(refs))

    def decide(self, symbol: str, view: View) -> float:
        return sign(view.bars(symbol, 1).close[-1] - view.feature(f"{self.read(symbol, view)}:{symbol}"))

    def read(self, symbol: str, view: View) -> int:
        return SLOW


class LeakInFeatureRead(HonestRead):
    """Long above one of two averages, short below; the next move says which."""

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market))
        self._sheets = sheets(market, self.symbols)

    def read(self, symbol: str, view: View) -> int:
        return SLOW if self._sheets[symbol].next_move(view.now_ns) > 0 else SLOW + 1


CASE = Case(
    name="leak_in_feature_read",
    how="Reads one or the other of two nearly equal averages by the next move, which seldom changes the decision.",
    make=LeakInFeatureRead,
    audit="lookahead",
    without=lambda market: HonestRead(first_two(market)),
    profits=False,
)
