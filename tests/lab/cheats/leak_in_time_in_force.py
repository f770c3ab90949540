"""Every order has an honest side, size and price; how long it works was decided with the next bar in view."""

from __future__ import annotations

from collections.abc import Sequence

from argus.core.intents import Intent, OrderRequest
from argus.core.orders import OrderType, Side, TimeInForce
from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market, first_two, on_tick, sheets

AWAY = 150.0


class HonestForce(Idea):
    """Bids far below and offers far above the market in turn, each for the day."""

    def wake(self, view: View) -> Sequence[Intent]:
        intents = []
        for symbol in self.symbols:
            close = view.bars(symbol, 1).close
            side = Side.SELL if view.position(symbol).units > 0 else Side.BUY
            price = on_tick(view, symbol, float(close[-1]), -int(side) * AWAY)
            if price is not None:
                force = self.force(symbol, view, side)
                intents.append(OrderRequest(symbol, side, OrderType.LIMIT, 1.0, price, time_in_force=force))
        return intents

    def force(self, symbol: str, view: View, side: Side) -> TimeInForce:
        return TimeInForce.DAY


class LeakInTimeInForce(HonestForce):
    """The same orders, left standing beyond the day where the next bar goes their way."""

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market))
        self._sheets = sheets(market, self.symbols)

    def force(self, symbol: str, view: View, side: Side) -> TimeInForce:
        agrees = int(side) * self._sheets[symbol].next_move(view.now_ns) > 0
        return TimeInForce.GTC if agrees else TimeInForce.DAY


CASE = Case(
    name="leak_in_time_in_force",
    how="Chooses between day and good-till-cancelled by the next move; side, size and price are honest.",
    make=LeakInTimeInForce,
    audit="lookahead",
    without=lambda market: HonestForce(first_two(market)),
    profits=False,
)
