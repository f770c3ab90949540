"""Every order that is sent is honest; those that the next bar would fill at a loss are withdrawn just before."""

from __future__ import annotations

from collections.abc import Sequence

from argus.core.intents import Cancel, Close, Intent, OrderRequest
from argus.core.orders import OrderType, Side, TimeInForce
from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market, first_two, on_tick, sheets

AWAY = 40.0
AGE = 6


class HonestCancels(Idea):
    """Leaves a bid and an offer resting for six bars, and closes at the next open whatever was filled."""

    def __init__(self, symbols: Sequence[str]) -> None:
        super().__init__(symbols)
        self._resting: list[tuple[int, str, str, Side, float]] = []
        self._wakes = 0

    def wake(self, view: View) -> Sequence[Intent]:
        self._wakes += 1
        intents: list[Intent] = [Close(symbol) for symbol in self.symbols if view.position(symbol).units]
        kept = []
        for entry in self._resting:
            born, key, symbol, side, price = entry
            if self._wakes - born >= AGE or self.unwanted(view, symbol, side, price):
                intents.append(Cancel(key))
            else:
                kept.append(entry)
        self._resting = kept
        for symbol in self.symbols:
            close = float(view.bars(symbol, 1).close[-1])
            for side in (Side.BUY, Side.SELL):
                price = on_tick(view, symbol, close, -int(side) * AWAY)
                if price is None:
                    continue
                key = f"{symbol}:{side.name}:{view.now_ns}"
                self._resting.append((self._wakes, key, symbol, side, price))
                intents.append(OrderRequest(symbol, side, OrderType.LIMIT, 1.0, price, None, TimeInForce.GTC, key))
        return intents

    def unwanted(self, view: View, symbol: str, side: Side, price: float) -> bool:
        return False


class LeakInCancels(HonestCancels):
    """The same orders, of which those are withdrawn that the next bar would fill and leave at a loss."""

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market))
        self._sheets = sheets(market, self.symbols)

    def unwanted(self, view: View, symbol: str, side: Side, price: float) -> bool:
        sheet = self._sheets[symbol]
        row = sheet.row(view.now_ns) + 1
        return row < len(sheet) and int(side) * (float(sheet.close[row]) - price) < 0


CASE = Case(
    name="leak_in_cancels",
    how="Sends honest resting orders and withdraws those that the next bar would fill at a loss.",
    make=LeakInCancels,
    audit="lookahead",
    without=lambda market: HonestCancels(first_two(market)),
)
