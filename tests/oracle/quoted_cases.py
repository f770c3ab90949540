"""Random quotes for the bars of a case: few ticks apart, few lots, often repeated, now and then empty."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import numpy as np

from argus.core.arrays import Bars, Quotes
from argus.core.errors import ConfigError
from argus.core.instruments import InstrumentSpec
from argus.engine.quoted import meet
from tests.oracle.cases import Case
from tests.oracle.random_cases import SECOND, Dice

Side = tuple[float, float]  # price, size


def lay_quotes(dice: Dice, case: Case, length: int) -> Case:
    """Quotes for some or all of the instruments; where all have them, no cost in the price is left to state."""
    found = {}
    for symbol, bars in case.bars.items():
        if dice.chance(0.75):
            quotes = random_quotes(dice, case.specs[symbol], bars)
            try:
                meet(bars, quotes, case.specs[symbol].tick_size)
            except ConfigError:
                continue
            found[symbol] = quotes
    if not found:
        return case
    if len(found) == len(case.bars):
        case = case.under(slippage_ticks=0, slippage_rate=Decimal(0), spread=None, impact=None)
    return replace(case, quotes=found)


def random_quotes(dice: Dice, spec: InstrumentSpec, bars: Bars) -> Quotes:
    """Quotes about the prices of the bars, some between bars and some at their very instants."""
    instants = sorted(_instants(dice, bars))
    tick, width = Fraction(spec.tick_size), dice.pick(0, 1, 1, 2, 6)
    shift = dice.pick(Fraction(0), Fraction(0), Fraction(0), Fraction(1, 4), Fraction(1, 3))
    empty, repeated = dice.pick(0.0, 0.0, 0.1), dice.pick(0.2, 0.6)
    lots_max = dice.pick(2, 5, 1_000) if spec.lot_size == 1 else 40_000_000
    rows: list[tuple[Side, Side]] = []
    for instant in instants:
        row = min(int(np.searchsorted(bars.ts_close_ns, instant)), len(bars) - 1)
        price = dice.pick(bars.close, bars.open)[row]
        if np.isnan(price):
            price = bars.close[row]
        if np.isnan(price):
            level = round(rows[-1][0][0] / float(tick)) if rows and not np.isnan(rows[-1][0][0]) else 10
        else:
            level = round(Fraction(float(price)) / tick)
        floor = -(10**9) if spec.price_may_be_negative else 1
        bid = max(floor, level - dice.whole(0, width))
        ask = max(bid, level + dice.whole(0, width))
        sides = []
        for at, ticks in enumerate((bid, ask)):
            if rows and dice.chance(repeated):
                sides.append(rows[-1][at])
            elif dice.chance(empty):
                sides.append((float("nan"), 0.0))
            else:
                lots = dice.whole(1, lots_max)
                sides.append((float((ticks + shift) * tick), float(Decimal(lots) * spec.lot_size)))
        if sides[0][0] > sides[1][0]:
            sides[1] = (sides[0][0], sides[1][1])
        rows.append((sides[0], sides[1]))
    table = np.array(rows, dtype=np.float64).reshape(-1, 2, 2)
    stamps = np.array(instants, dtype=np.int64)
    delay = dice.pick(0, 5, SECOND)
    return Quotes(
        instrument=spec.symbol,
        ts_event_ns=stamps,
        ts_recv_ns=stamps + delay,
        bid=table[:, 0, 0].copy(),
        ask=table[:, 1, 0].copy(),
        bid_size=table[:, 0, 1].copy(),
        ask_size=table[:, 1, 1].copy(),
    )


def _instants(dice: Dice, bars: Bars) -> list[int]:
    most = dice.pick(1, 2, 4)
    instants: list[int] = []
    for start, close, known in zip(
        bars.ts_event_ns.tolist(), bars.ts_close_ns.tolist(), bars.ts_recv_ns.tolist(), strict=True
    ):
        for _ in range(dice.whole(0, most)):
            place = dice.pick(start, start, close, known, start + (close - start) // 3, (start + close) // 2)
            instants.append(place + dice.pick(0, 0, 0, -1, 1, SECOND, -SECOND))
    return instants or [int(bars.ts_close_ns[0])]
