"""Every wake-up is honest; the answer to a fill is a target at the extreme that its bar is going to have."""

from __future__ import annotations

from collections.abc import Sequence

from argus.core.intents import Intent, OrderRequest
from argus.core.orders import Fill, FillRule, OrderType, Side
from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, Market, first_two, last_move, on_tick, sheets, sign

AWAY = 10.0


class HonestOnFill(Idea):
    """Follows the last move, with a target a few ticks from the fill that works within the bar."""

    def __init__(self, symbols: Sequence[str]) -> None:
        super().__init__(symbols, warmup=2, wakes_on_fill=True)

    def decide(self, symbol: str, view: View) -> float:
        return sign(last_move(view, symbol))

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        held = view.position(fill.instrument).units
        if fill.rule != FillRule.MARKET_AT_OPEN or not held:
            return ()
        price = on_tick(view, fill.instrument, self.target(fill, view, sign(held)))
        side = Side.SELL if held > 0 else Side.BUY
        return [OrderRequest(fill.instrument, side, OrderType.LIMIT, abs(held), price)] if price is not None else ()

    def target(self, fill: Fill, view: View, held: float) -> float:
        return (fill.price_ticks + held * AWAY) * float(view.instrument(fill.instrument).tick_size)


class LeakOnFill(HonestOnFill):
    """The same entries, with targets one tick inside the extreme of the bar of the fill."""

    def __init__(self, market: Market) -> None:
        super().__init__(first_two(market))
        self._sheets = sheets(market, self.symbols)

    def target(self, fill: Fill, view: View, held: float) -> float:
        sheet = self._sheets[fill.instrument]
        row = min(sheet.row(view.now_ns) + 1, len(sheet) - 1)
        tick = float(view.instrument(fill.instrument).tick_size)
        if held > 0:
            return max(super().target(fill, view, held), float(sheet.high[row]) - tick)
        return min(super().target(fill, view, held), float(sheet.low[row]) + tick)


CASE = Case(
    name="leak_on_fill",
    how="Decides honestly when woken, and answers each fill with a target at the extreme of the bar under way.",
    make=LeakOnFill,
    audit="lookahead",
    without=lambda market: HonestOnFill(first_two(market)),
)
