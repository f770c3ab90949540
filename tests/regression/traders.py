"""Strategies of the reference runs: one that follows a script, and the words in which scripts are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from argus.core.intents import Cancel, Intent, OrderRequest, Replace
from argus.core.orders import LIMITED, Fill, OrderType, Side, TimeInForce
from argus.core.ports import View
from argus.core.strategy import StrategyConstraints, StrategySpec, WakeRule
from tests.regression.tape import Dice

__all__ = ["Pit", "Scripted", "at_wakes", "dealer"]

OnWake = Callable[[View, int], Sequence[Intent]]
OnFill = Callable[[Fill, View], Sequence[Intent]]


class Scripted:
    """Asks one function at each wake-up, with the number of the wake-up, and another one after each fill."""

    def __init__(
        self,
        universe: Sequence[str],
        on_wake: OnWake,
        on_fill: OnFill | None = None,
        *,
        name: str = "scripted",
        wake: WakeRule = WakeRule.EVERY_BAR,
        warmup: int = 1,
        late: frozenset[str] = frozenset(),
    ) -> None:
        self._on_wake, self._on_fill, self._wakes = on_wake, on_fill, 0
        self.spec = StrategySpec(
            name=name,
            version="1",
            summary="Follows a script.",
            source="the reference runs",
            universe=tuple(universe),
            wake=wake,
            warmup_bars=warmup,
            parameters=(),
            values={},
            features=(),
            needs=frozenset({"close"}),
            constraints=StrategyConstraints(parameter_count_max=1, turnover_annual_max=1e9),
            wakes_on_fill=on_fill is not None,
            late=late,
        )

    def wake(self, view: View) -> Sequence[Intent]:
        self._wakes += 1
        return self._on_wake(view, self._wakes - 1)

    def filled(self, fill: Fill, view: View) -> Sequence[Intent]:
        return () if self._on_fill is None else self._on_fill(fill, view)


@dataclass(frozen=True, slots=True)
class Pit:
    """Where orders for one instrument are written: prices as ticks from the last known close.

    Attributes
    ----------
    view : View
    symbol : str
    """

    view: View
    symbol: str

    @property
    def tick(self) -> float:
        """Tick size."""
        return float(self.view.instrument(self.symbol).tick_size)

    @property
    def last(self) -> int:
        """Last known close in whole ticks."""
        return round(self.view.position(self.symbol).mark_price / self.tick)

    @property
    def held(self) -> int:
        """Lots held."""
        return self.view.account.position_lots(self.symbol)

    def order(
        self,
        lots: int,
        kind: OrderType = OrderType.MARKET,
        *,
        limit: int | None = None,
        stop: int | None = None,
        trail: int | None = None,
        tif: TimeInForce = TimeInForce.GTC,
        **more: Any,
    ) -> OrderRequest:
        """An order for signed lots; `limit` and `stop` in ticks from the last close, `trail` in ticks."""
        last = self.last
        return OrderRequest(
            self.symbol,
            Side.BUY if lots > 0 else Side.SELL,
            kind,
            float(abs(lots) * self.view.instrument(self.symbol).lot_size),  # multiplied as decimals: exact
            limit_price=None if limit is None else (last + limit) * self.tick,
            stop_price=None if stop is None else (last + stop) * self.tick,
            trail=None if trail is None else trail * self.tick,
            time_in_force=tif,
            **more,
        )


def at_wakes(script: Mapping[int, Callable[[View], Sequence[Intent]]]) -> OnWake:
    """What these functions answer, each at the wake-up of its number."""
    return lambda view, number: script[number](view) if number in script else ()


def dealer(
    symbols: Sequence[str],
    kinds: Sequence[OrderType],
    *,
    name: str,
    every: int = 3,
    lots_max: int = 3,
    held_max: int = 6,
    reach: int = 8,
    tifs: Sequence[TimeInForce] = (TimeInForce.DAY, TimeInForce.GTC),
    second_thoughts: int = 0,
    lots_of: int = 1,
) -> OnWake:
    """A script that deals: at about every `every`-th wake-up an order of one of `kinds`, near the market.

    Parameters
    ----------
    symbols, kinds, tifs
        What is picked from.
    name : str
        Of the stream of random numbers.
    every, lots_max, held_max, reach : int
        Wake-ups per order; largest order, and largest position before it trades against it; largest distance from the
        last close, in ticks.
    second_thoughts : int
        Per cent of wake-ups at which an earlier order is cancelled or replaced.
    lots_of : int
        All quantities are this many lots each.
    """
    dice = Dice("dealer", name)
    sent: list[str] = []

    def write(pit: Pit, key: str) -> OrderRequest:
        kind, tif = kinds[dice.whole(0, len(kinds) - 1)], tifs[dice.whole(0, len(tifs) - 1)]
        side = 1 if dice.chance(50) else -1
        if abs(pit.held) >= held_max * lots_of:
            side = -1 if pit.held > 0 else 1
        if tif in (TimeInForce.IOC, TimeInForce.FOK) and kind not in (OrderType.MARKET, OrderType.LIMIT):
            tif = TimeInForce.DAY
        near, far = dice.whole(-reach, reach), dice.whole(-2, reach)
        return pit.order(
            side * dice.whole(1, lots_max) * lots_of,
            kind,
            limit=near if kind in LIMITED else None,
            stop=side * far if kind in (OrderType.STOP, OrderType.STOP_LIMIT) else None,
            trail=dice.whole(1, reach) if kind == OrderType.TRAILING_STOP else None,
            tif=tif,
            expires_ns=pit.view.now_ns + dice.whole(1, 9) * 3_000_000_000_000 if tif == TimeInForce.GTD else None,
            order_key=key,
            tag=kind.name.lower(),
        )

    def decide(view: View, number: int) -> Sequence[Intent]:
        intents: list[Intent] = []
        for symbol in symbols:
            key = f"{symbol} {number}"
            if sent and dice.chance(second_thoughts):
                old = sent[dice.whole(max(0, len(sent) - 4), len(sent) - 1)]
                if old.startswith(symbol) and dice.chance(50):
                    intents.append(Replace(old, write(Pit(view, symbol), key)))
                    sent.append(key)
                else:
                    intents.append(Cancel(old))
            elif dice.whole(1, every) == 1 and not isnan(view.position(symbol).mark_price):
                intents.append(write(Pit(view, symbol), key))
                sent.append(key)
        return intents

    return decide
