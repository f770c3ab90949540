"""Contracts and runs for the tests of rolls: two made-up contracts on a sheet, and strategies that watch their view."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np

from argus.core.arrays import Bars
from argus.core.instruments import InstrumentSpec, instrument
from argus.core.intents import Intent
from argus.core.ports import RiskPolicy, View
from argus.core.time import day_number
from argus.data import session_table
from argus.engine.config import AccountConfig, AccountKind, CostModel, RunConfig
from argus.engine.record import RunRecord
from argus.engine.rolled_view import RolledView
from argus.engine.rolling import RolledRoot, rolled_root, run_rolled
from argus.portfolio import FixedUnits, LimitRiskPolicy
from tests.engine.markets import DOLLAR, Scripted, TrialList

MES = instrument("MES")
H, M = "MES.202303", "MES.202306"
DAYS = tuple(date(2023, 3, day) for day in (6, 7, 8, 9, 10, 13))
"""Two bars a session; the first session decides, so that the series begins on 7 March. The roll is due on 9 March."""

Sheet = Sequence[tuple[float, float]]

# Open and close of each bar. The two contracts last have a bar in common on the evening of 8 March: 4011 and 4040.50.
SHEET_H: Sheet = (
    *((4000.00, 4002.00), (4002.00, 4004.00)),
    *((4005.00, 4006.00), (4007.00, 4009.00)),
    *((4008.00, 4010.00), (4012.00, 4011.00)),
    *((4015.00, 4018.00), (4018.00, 4016.00)),
    *((4013.00, 4010.00), (4010.00, 4012.00)),
    *((4014.00, 4015.00), (4016.00, 4017.00)),
)
SHEET_M: Sheet = (
    *((4030.00, 4032.00), (4032.00, 4034.50)),
    *((4036.00, 4037.00), (4037.00, 4039.00)),
    *((4038.00, 4041.00), (4042.00, 4040.50)),
    *((4045.50, 4047.00), (4047.00, 4046.00)),
    *((4043.00, 4041.00), (4041.00, 4044.00)),
    *((4046.00, 4045.00), (4045.00, 4048.00)),
)
GAP = 29.50


def sheet_bars(
    symbol: str, sheet: Sheet, days: Sequence[date] = DAYS, *, volume: float | Sequence[float] = 100.0
) -> Bars:
    """The bars of a sheet, evenly over the sessions of the root's calendar; high and low are half a point beyond."""
    spec = instrument(symbol.split(".")[0])
    table = session_table(spec.calendar, days[0], days[-1])
    rows = [int(np.flatnonzero(table.session == day_number(day))[0]) for day in days]
    each = len(sheet) // len(days)
    edges = np.array([np.linspace(table.open_ns[r], table.close_ns[r], each + 1) for r in rows], dtype=np.int64)
    opens, closes = (np.array(column, dtype=np.float64) for column in zip(*sheet, strict=True))
    ends = edges[:, 1:].ravel()
    return Bars(
        instrument=symbol,
        ts_event_ns=edges[:, :-1].ravel(),
        ts_close_ns=ends,
        ts_recv_ns=ends.copy(),
        open=opens,
        high=np.maximum(opens, closes) + 0.5,
        low=np.minimum(opens, closes) - 0.5,
        close=closes,
        volume=np.full(len(sheet), volume, dtype=np.float64),
        open_interest=np.full(len(sheet), np.nan),
        session=np.repeat(table.session[rows], each).astype(np.int32),
        session_end=np.tile(np.arange(each) == each - 1, len(days)),
        observed=frozenset({"open", "high", "low", "close", "volume"}),
    )


def two_contracts(**options: Any) -> dict[str, Bars]:
    """March and June of the sheet."""
    return {H: sheet_bars(H, SHEET_H, **options), M: sheet_bars(M, SHEET_M, **options)}


def sheet_root(**options: Any) -> RolledRoot:
    """The root of the two contracts, by the customary rule."""
    return rolled_root(two_contracts(), MES, **options)


def settings(dollars: float = 100_000, fee: str = "1.25", ticks: int = 1, **others: Any) -> RunConfig:
    """A futures account that pays a stated fee a contract, and slippage in ticks."""
    costs = CostModel(fee_per_unit=Decimal(fee), slippage_ticks=ticks)
    return RunConfig(account=AccountConfig(AccountKind.FUTURES, round(dollars * DOLLAR)), costs=costs, **others)


def play_rolled(
    strategy: Any,
    *roots: RolledRoot,
    config: RunConfig | None = None,
    risk: RiskPolicy | None = None,
    limits: RiskPolicy | None = None,
) -> RunRecord:
    """A run through rolls; unless stated on the sheet's account, one contract a forecast."""
    contracts: Mapping[str, InstrumentSpec] = {name: root.spec for root in roots for name in root.contracts}
    return run_rolled(
        strategy,
        roots,
        config or settings(),
        sizer=FixedUnits(1),
        risk=risk or LimitRiskPolicy(instruments=contracts),
        trials=TrialList(),
        limits=limits,
    )


def scripted(
    script: Mapping[int, Sequence[Intent]], watch: Callable[[RolledView, int], None] | None = None, **declared: Any
) -> Scripted:
    """A strategy on MES that does what the script says at its wake-ups, and shows its view to `watch`."""

    def decide(view: View, number: int) -> Sequence[Intent]:
        assert isinstance(view, RolledView)
        if watch is not None:
            watch(view, number)
        return script.get(number, ())

    return Scripted(("MES",), decide, **declared)


def fills_told(record: RunRecord) -> list[tuple[str, int, float, str]]:
    """(contract, lots, price, tag) of each fill, in sequence."""
    tick = float(MES.tick_size)
    return [
        (
            record.universe[fill["instrument"]],
            int(fill["signed_lots"]),
            int(fill["price_ticks"]) * tick,
            record.order_tags[fill["order_id"]] if fill["order_id"] >= 0 else "",
        )
        for fill in record.fills
    ]
