"""A cache on the class, meant to save loading time: whichever market comes first is the truth ever after."""

from __future__ import annotations

from typing import ClassVar

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market, Sheet, first_two, follow_last, last_move, sign


class ClassAttribute(Idea):
    """Follows the next move as the class remembers it, and the last one where it does not."""

    CACHE: ClassVar[dict[str, Sheet]] = {}

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market))
        for symbol in self.symbols:
            # Never replaced: a later instance that is given another future still reads the first one.
            self.CACHE.setdefault(symbol, Sheet(market[symbol][1]))

    def decide(self, symbol: str, view: View) -> float:
        move = self.CACHE[symbol].next_move(view.now_ns)
        return sign(move) if move else sign(last_move(view, symbol))


CASE = Case(
    name="class_attribute",
    how="Keeps the first market that any instance was given in a class attribute, and reads the next close from there.",
    make=ClassAttribute,
    audit="lookahead",
    without=follow_last,
    source="process",
    forget=ClassAttribute.CACHE.clear,
)
