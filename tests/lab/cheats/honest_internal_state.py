"""A small machine of its own: entry prices, waiting times and a tally of fills, all of them memory of its own past."""

from __future__ import annotations

from collections.abc import Sequence

from argus.core.intents import Close, Intent
from argus.core.orders import Fill
from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, first_two, last_move, sign

HOLD = 7


class InternalState(Idea):
    """Follows a move of three bars for seven bars, waits as many as it has had fills modulo five, and starts again."""

    def __init__(self, symbols: Sequence[str]) -> None:
        super().__init__(symbols, warmup=4, wakes_on_fill=True)
        self._entered: dict[str, float] = {}
        self._age = dict.fromkeys(symbols, 0)
        self._fills = dict.fromkeys(symbols, 0)

    def decide(self, symbol: str, view: View) -> float:
        self._age[symbol] += 1
        held = view.position(symbol).units
        if held and self._age[symbol] >= HOLD:
            self._age[symbol] = -(self._fills[symbol] % 5)
            return 0.0
        if not held and self._age[symbol] > 0:
            self._age[symbol] = 0
            return sign(last_move(view, symbol, 3))
        return float("nan")

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        self._fills[fill.instrument] += 1
        price = fill.price_ticks * float(view.instrument(fill.instrument).tick_size)
        entered = self._entered.pop(fill.instrument, None)
        if entered is None:
            self._entered[fill.instrument] = price
            return ()
        return [Close(fill.instrument)] if view.position(fill.instrument).units else ()


CASE = Case(
    name="internal_state",
    how="Counts bars and fills, remembers its entries and acts on them, in the instance and nowhere else.",
    make=lambda market: InternalState(first_two(market)),
    audit="",
)
