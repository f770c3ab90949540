"""Orders that work for days, are moved, withdrawn and replaced, and stops that protect what they filled."""

from __future__ import annotations

from collections.abc import Sequence

from argus.core.intents import Cancel, Intent, OrderRequest, Replace
from argus.core.orders import Fill, OrderType, Side, TimeInForce
from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, first_two, on_tick

AWAY = 60.0
STOP = 80.0


class RestingOrders(Idea):
    """Rests a bid below the market, follows it up, protects a fill by a stop and takes a gain at a limit."""

    def __init__(self, symbols: Sequence[str]) -> None:
        super().__init__(symbols, warmup=20, wakes_on_fill=True)
        self._bid: dict[str, tuple[str, float]] = {}
        self._guards: dict[str, tuple[str, ...]] = {}

    def wake(self, view: View) -> Sequence[Intent]:
        intents: list[Intent] = []
        for symbol in self.symbols:
            close = view.bars(symbol, 20).close
            price = on_tick(view, symbol, float(close.max()), -AWAY)
            if view.position(symbol).units or price is None:
                continue
            intents.extend(Cancel(key) for key in self._guards.pop(symbol, ()))
            order = self._limit(symbol, Side.BUY, price, f"{symbol}:bid:{view.now_ns}")
            old = self._bid.get(symbol)
            if old is None:
                intents.append(order)
            elif price > old[1]:
                intents.append(Replace(old[0], order))
            elif price < old[1] - AWAY * float(view.instrument(symbol).tick_size):
                intents.extend((Cancel(old[0]), order))
            else:
                continue
            self._bid[symbol] = (order.order_key, price)
        return intents

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        symbol = fill.instrument
        if fill.signed_lots < 0:
            return [Cancel(key) for key in self._guards.pop(symbol, ())]
        self._bid.pop(symbol, None)
        tick = float(view.instrument(symbol).tick_size)
        stop, target = (fill.price_ticks - STOP) * tick, (fill.price_ticks + STOP) * tick
        keys = (f"{symbol}:stop:{fill.fill_id}", f"{symbol}:target:{fill.fill_id}")
        self._guards[symbol] = keys
        guard = OrderRequest(symbol, Side.SELL, OrderType.STOP, 1.0, None, stop, TimeInForce.GTC, keys[0])
        return [guard, self._limit(symbol, Side.SELL, target, keys[1])]

    def _limit(self, symbol: str, side: Side, price: float, key: str) -> OrderRequest:
        return OrderRequest(symbol, side, OrderType.LIMIT, 1.0, price, None, TimeInForce.GTC, key)


CASE = Case(
    name="resting_orders",
    how="Works with resting limits and stops, replaces and cancels, and is filled long after it decided.",
    make=lambda market: RestingOrders(first_two(market)),
    audit="",
)
