"""Reference runs on quotes: bars for the signals, bids and asks with sizes for the fills."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from argus.core.arrays import Bars, Quotes
from argus.core.instruments import InstrumentSpec
from argus.core.orders import OrderType, TimeInForce
from argus.engine.config import AccountKind, CostModel, FillRules
from argus.portfolio import FixedUnits
from tests.regression.instruments import INDEX, METAL, STOCK
from tests.regression.reference import Reference, Scene, account, staged
from tests.regression.tape import Dice, Tape, walk
from tests.regression.traders import Scripted, dealer

__all__ = ["QUOTE_RUNS"]

_TIFS: Final = (TimeInForce.DAY, TimeInForce.GTC, TimeInForce.GTD, TimeInForce.IOC, TimeInForce.FOK)
_DELAY_NS: Final = 250_000


def quoted(spec: InstrumentSpec, bars: Bars, seed: int, *, each: int = 8, lots_max: int = 3) -> Quotes:
    """About `each` quotes in every bar, near a line from its open to its close; offers are repeated, sides go empty."""
    dice, tick, lot = Dice("quotes", spec.symbol, seed), float(spec.tick_size), float(spec.lot_size)
    rows: list[tuple[int, float, float, float, float]] = []
    for at in range(len(bars)):
        start, close = int(bars.ts_event_ns[at]), int(bars.ts_close_ns[at])
        opened, closed = round(float(bars.open[at]) / tick), round(float(bars.close[at]) / tick)
        for part in range(1, each + 1):
            level = opened + (closed - opened) * part // each
            sides = [(level - dice.whole(0, 2), dice.whole(1, lots_max)), (level + dice.whole(0, 2), 0)]
            sides[1] = (sides[1][0], dice.whole(1, lots_max))
            bid, ask = ((ticks * tick, lots * lot) for ticks, lots in sides)
            if rows and dice.chance(30) and rows[-1][1] <= ask[0]:
                bid = (rows[-1][1], rows[-1][2])
            if dice.chance(4):
                ask = (float("nan"), 0.0)
            rows.append((start + (close - start) * part // each + dice.whole(-1, 1), *bid, *ask))
    stamps = np.array([row[0] for row in rows], dtype=np.int64)
    columns = np.array([row[1:] for row in rows], dtype=np.float64)
    bid, bid_size, ask, ask_size = (np.ascontiguousarray(columns[:, at]) for at in range(4))
    return Quotes(spec.symbol, stamps, stamps + _DELAY_NS, bid, ask, bid_size, ask_size)


def _future() -> Scene:
    bars = walk(INDEX, Tape(sessions=10, per_session=7, level=16_000), 61)
    kinds: Sequence[OrderType] = tuple(OrderType)
    trader = Scripted(["INDEX"], dealer(["INDEX"], kinds, name="quoted", every=2, tifs=_TIFS, second_thoughts=15))
    config = account(200_000, latency_ns=40 * 10**9)
    return staged(trader, config, (INDEX, bars), finer={"INDEX": quoted(INDEX, bars, 61)})


def _beside_bars() -> Scene:
    stock = walk(STOCK, Tape(10, 7, 10_000, step=80, gap=30, wick=30, volume=(2_000, 9_000)), 62)
    metal = walk(METAL, Tape(10, 7, 18_000, step=15), 62)
    both = ["STOCK", "METAL"]
    trader = Scripted(both, dealer(both, tuple(OrderType), name="quoted beside bars", every=2, lots_max=5))
    config = account(
        200_000,
        AccountKind.REG_T,
        costs=CostModel(slippage_ticks=1),
        fills=FillRules(touch=True, participation=FillRules().participation / 2),
    )
    quotes = quoted(STOCK, stock, 62, each=20, lots_max=9)
    return staged(trader, config, (STOCK, stock), (METAL, metal), finer={"STOCK": quotes}, sizer=FixedUnits(2))


QUOTE_RUNS: Final = (
    Reference(
        "quotes",
        "Every type of order and time in force on the quotes of a future, a few lots at a time, with latency.",
        _future,
    ),
    Reference(
        "quotes_beside_bars",
        "Shares on quotes, half of each offer and limits on touch, beside a future on bars with slippage.",
        _beside_bars,
    ),
)
"""Fills on bids and asks."""
