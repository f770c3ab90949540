"""Side, size and time of every order are honest; only the limit price knows how far the next bar will go."""

from __future__ import annotations

from collections.abc import Sequence

from argus.core.intents import Cancel, Intent, OrderRequest
from argus.core.orders import OrderType, Side
from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market, first_two, on_tick, sheets

AWAY = 6.0


class HonestLimit(Idea):
    """Changes sides by a limit order that is renewed at every bar, a few ticks better than the last close."""

    def __init__(self, symbols: Sequence[str]) -> None:
        super().__init__(symbols)
        self._working: dict[str, str] = {}

    def wake(self, view: View) -> Sequence[Intent]:
        intents: list[Intent] = []
        for symbol in self.symbols:
            if symbol in self._working:
                intents.append(Cancel(self._working.pop(symbol)))
            held = view.position(symbol).units
            side = Side.SELL if held > 0 else Side.BUY
            price = on_tick(view, symbol, self.price(symbol, view, side))
            if price is not None:
                key = self._working[symbol] = f"{symbol}:{view.now_ns}"
                intents.append(OrderRequest(symbol, side, OrderType.LIMIT, 2.0 if held else 1.0, price, order_key=key))
        return intents

    def price(self, symbol: str, view: View, side: Side) -> float:
        return float(view.bars(symbol, 1).close[-1]) - int(side) * AWAY * float(view.instrument(symbol).tick_size)


class LeakInLimitPrice(HonestLimit):
    """The same orders, priced at the end of the next bar's range where it will reach further."""

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market))
        self._sheets = sheets(market, self.symbols)

    def price(self, symbol: str, view: View, side: Side) -> float:
        sheet = self._sheets[symbol]
        honest = super().price(symbol, view, side)
        row = sheet.row(view.now_ns) + 1
        if row >= len(sheet):
            return honest
        tick = float(view.instrument(symbol).tick_size)
        if side == Side.BUY:
            return min(honest, float(sheet.low[row]) + tick)
        return max(honest, float(sheet.high[row]) - tick)


CASE = Case(
    name="leak_in_limit_price",
    how="Prices its limit orders one tick inside the low or high of the bar in which they will work.",
    make=LeakInLimitPrice,
    audit="lookahead",
    without=lambda market: HonestLimit(first_two(market)),
)
