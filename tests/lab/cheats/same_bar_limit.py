"""Limits laid into the range of a bar that has not traded yet: every fill is better than the bar's own close."""

from __future__ import annotations

from collections.abc import Sequence

from argus.core.intents import Cancel, Close, Intent, OrderRequest
from argus.core.orders import OrderType, Side
from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market, first_two, on_tick, sheets

AWAY = 20.0


class LimitPair(Idea):
    """Quotes a bid and an offer around the last close for one bar, and closes what only one of them filled."""

    def __init__(self, symbols: Sequence[str]) -> None:
        super().__init__(symbols)
        self._working: dict[tuple[str, Side], str] = {}

    def wake(self, view: View) -> Sequence[Intent]:
        intents: list[Intent] = [Close(symbol) for symbol in self.symbols if view.position(symbol).units]
        for symbol in self.symbols:
            bid, offer = self.quotes(symbol, view)
            for side, price in ((Side.BUY, bid), (Side.SELL, offer)):
                if self._working.get((symbol, side)):
                    intents.append(Cancel(self._working[symbol, side]))
                key = f"{symbol}:{side.name}:{view.now_ns}" if price is not None else ""
                self._working[symbol, side] = key
                if price is not None:
                    intents.append(OrderRequest(symbol, side, OrderType.LIMIT, 1.0, price, order_key=key))
        return intents

    def quotes(self, symbol: str, view: View) -> tuple[float | None, float | None]:
        close = float(view.bars(symbol, 1).close[-1])
        return on_tick(view, symbol, close, -AWAY), on_tick(view, symbol, close, AWAY)


class SameBarLimit(LimitPair):
    """Quotes one tick inside the low and the high that the next bar is going to have."""

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market))
        self._sheets = sheets(market, self.symbols)

    def quotes(self, symbol: str, view: View) -> tuple[float | None, float | None]:
        sheet = self._sheets[symbol]
        row = sheet.row(view.now_ns) + 1
        if row >= len(sheet):
            return None, None
        bid = on_tick(view, symbol, float(sheet.low[row]), 1.0)
        offer = on_tick(view, symbol, float(sheet.high[row]), -1.0)
        return (bid, offer) if bid is not None and offer is not None and bid < offer else (None, None)


CASE = Case(
    name="same_bar_limit",
    how="Bids one tick above the low and offers one tick below the high of the bar in which the orders will work.",
    make=SameBarLimit,
    audit="lookahead",
    without=lambda market: LimitPair(first_two(market)),
)
