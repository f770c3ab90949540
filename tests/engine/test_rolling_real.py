"""Micro S&P futures, hour by hour through all their rolls, beside a spreadsheet that knows nothing of the engine.

The spreadsheet is plain Python over the files' bars: which contract is in front, the joined closes, the two averages,
one order after the other at the next opening, fees, and the account at each session's close. It must agree to the
micro-unit. Then every trade in the month around each roll is traced.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from argus.core.arrays import Bars
from argus.core.time import NS_PER_DAY
from argus.data import Adjustment, Roll, contracts_from_file, roll_schedule, session_table
from argus.engine.config import AccountConfig, CostModel, RunConfig
from argus.engine.record import RunRecord
from argus.engine.rolled_strategy import RolledStrategy
from argus.engine.rolling import RolledRoot, rolled_events, rolled_market, rolled_root
from argus.engine.rolls_traded import rolls_traded, with_series
from argus.engine.trace import trace_trade
from argus.strategies import create
from tests.engine.rolls import MES, play_rolled

FAST, SLOW = 20, 100
OPENING = 100_000_000_000
FEE, SLIP_TICKS = 620_000, 1
TICK, TICK_VALUE = 0.25, 1_250_000
CONFIG = RunConfig(
    account=AccountConfig(cash_micros=OPENING), costs=CostModel(fee_per_unit=Decimal("0.62"), slippage_ticks=SLIP_TICKS)
)


@pytest.fixture(scope="module")
def contracts(real_data: Path) -> dict[str, Bars]:
    session_table(MES.calendar, date(2019, 1, 1), date(2025, 12, 31))  # built once over all years
    return contracts_from_file(real_data / "futures_hourly" / "MES.parquet", "MES", "futures_hourly")[0]


@pytest.fixture(scope="module")
def root(contracts: dict[str, Bars]) -> RolledRoot:
    return rolled_root(contracts, MES)


@pytest.fixture(scope="module")
def record(root: RolledRoot) -> RunRecord:
    return play_rolled(create("sma_cross", ("MES",), fast=FAST, slow=SLOW), root, config=CONFIG)


# -------------------------------------------------------------------------------------------------------- spreadsheet


@dataclass
class Page:
    """One contract's rows."""

    start: list[int]
    known: list[int]
    open: list[float]
    close: list[float]
    volume: list[float]
    session: list[int]


@dataclass
class Spreadsheet:
    """All that is written down."""

    pages: dict[str, Page]
    fills: list[tuple[int, str, int, int]] = field(default_factory=list)
    """(time, contract, lots, price in ticks)"""

    def trade(self, at_ns: int, contract: str, lots: int) -> None:
        """An order that is sent at an instant fills at the contract's next opening, a tick against the trader."""
        page = self.pages[contract]
        row = bisect_left(page.start, at_ns)
        assert page.volume[row] >= abs(lots), "the hour traded too little: the sheet would need parts"
        ticks = round(page.open[row] / TICK) + (SLIP_TICKS if lots > 0 else -SLIP_TICKS)
        self.fills.append((page.start[row], contract, lots, ticks))

    def equity_at(self, at_ns: int) -> int:
        """Opening cash, and every fill's difference to its contract's last close, less fees."""
        equity = OPENING
        for time, contract, lots, ticks in self.fills:
            if time < at_ns:
                page = self.pages[contract]
                last = bisect_left(page.known, at_ns + 1) - 1
                equity += lots * (round(page.close[last] / TICK) - ticks) * TICK_VALUE - abs(lots) * FEE
        return equity


def page_of(bars: Bars) -> Page:
    columns = (bars.ts_event_ns, bars.ts_recv_ns, bars.open, bars.close, bars.volume, bars.session)
    return Page(*(column.tolist() for column in columns))


def gap_at(old: Page, new: Page, effective_ns: int) -> float:
    """Old close less new close on the last hour that both traded before the roll."""
    closes = {s: c for s, c, v in zip(new.start, new.close, new.volume, strict=True) if v > 0}
    for row in range(bisect_left(old.known, effective_ns + 1) - 1, -1, -1):
        if old.volume[row] > 0 and old.start[row] in closes:
            return old.close[row] - closes[old.start[row]]
    raise AssertionError("no common hour")


def joined(pages: dict[str, Page], first: str, start_ns: int, rolls: tuple[Roll, ...]) -> list[tuple[int, float]]:
    """(known, adjusted close) of each hour of the contract in front."""
    rows: list[tuple[int, float]] = []
    legs = [(first, start_ns), *((roll.to_symbol, roll.effective_ns) for roll in rolls)]
    ends = [*(roll.effective_ns for roll in rolls), 2**63 - 1]
    added = 0.0
    for at, ((contract, begin), end) in enumerate(zip(legs, ends, strict=True)):
        page = pages[contract]
        if at:
            added += gap_at(pages[legs[at - 1][0]], page, begin)
        span = range(bisect_left(page.start, begin), bisect_left(page.start, end))
        rows += [(page.known[row], page.close[row] + added) for row in span]
    return rows


def worked_out(contracts: dict[str, Bars]) -> Spreadsheet:
    """The whole sheet: averages, crosses, rolls."""
    schedule = roll_schedule(contracts, MES)
    sheet = Spreadsheet({name: page_of(bars) for name, bars in contracts.items()})
    rows = joined(sheet.pages, schedule.first_symbol, schedule.start_ns, schedule.rolls)
    rolls = list(schedule.rolls)
    front, held, wanted = schedule.first_symbol, 0, 0
    closes: list[float] = []
    for known, close in rows:
        while rolls and known >= rolls[0].known_at_ns:
            roll = rolls.pop(0)
            if held:
                sheet.trade(roll.known_at_ns, roll.from_symbol, -held)
                sheet.trade(roll.known_at_ns, roll.to_symbol, held)
            front = roll.to_symbol
        closes.append(close)
        if len(closes) < SLOW:
            continue
        fast, slow = sum(closes[-FAST:]) / FAST, sum(closes[-SLOW:]) / SLOW
        direction = 1 if fast > slow else -1 if fast < slow else wanted
        if direction != wanted:
            sheet.trade(known, front, direction - held)
            wanted = held = direction
    return sheet


def test_the_engine_agrees_with_the_spreadsheet(
    contracts: dict[str, Bars], root: RolledRoot, record: RunRecord
) -> None:
    sheet = worked_out(contracts)
    found = [
        (int(f["ts_event_ns"]), record.universe[f["instrument"]], int(f["signed_lots"]), int(f["price_ticks"]))
        for f in record.fills
    ]
    assert len(found) > 500
    assert sorted(found) == sorted(sheet.fills)
    assert record.fees_micros == sum(abs(lots) * FEE for _, _, lots, _ in sheet.fills)
    # The account at the last close of every tenth session, and at the very end.
    ends = np.flatnonzero(np.append(np.diff(record.equity_session) != 0, True))
    for row in [*ends[::10], ends[-1]]:
        assert int(record.equity_micros[row]) == sheet.equity_at(int(record.equity_ts_ns[row]))
    assert len(root.schedule.rolls) == 26


def test_every_roll_moved_the_position_at_one_opening(root: RolledRoot, record: RunRecord) -> None:
    rolls = rolls_traded(record, [root])
    assert [(roll.from_symbol, roll.to_symbol) for roll in rolls] == [
        (roll.from_symbol, roll.to_symbol) for roll in root.schedule.rolls
    ]
    for roll, scheduled in zip(rolls, root.schedule.rolls, strict=True):
        assert abs(roll.closed_lots) == 1  # a cross of averages is always in the market
        assert roll.opened_lots == -roll.closed_lots
        assert roll.closed_ns == roll.opened_ns == scheduled.effective_ns
        # Two openings lie about as far apart as the two closes before, slippage aside.
        assert abs(roll.spread - roll.gap) < 6.0
        assert (roll.fee_micros, roll.slippage_micros) == (2 * FEE, 2 * SLIP_TICKS * TICK_VALUE)
    total = sum(roll.cost_micros for roll in rolls)
    assert total == 26 * 2 * (FEE + SLIP_TICKS * TICK_VALUE)


def test_a_month_around_each_roll_is_traced(root: RolledRoot, record: RunRecord) -> None:
    market, events = rolled_market([root]), rolled_events([root])
    strategy = RolledStrategy(create("sma_cross", ("MES",), fast=FAST, slow=SLOW), [root])
    entries, exits = record.trades["entry_ts_ns"], record.trades["exit_ts_ns"]
    rolls = rolls_traded(record, [root])
    for roll, scheduled in zip(rolls, root.schedule.rolls, strict=True):
        near = (exits >= scheduled.effective_ns - 15 * NS_PER_DAY) & (
            entries <= scheduled.effective_ns + 15 * NS_PER_DAY
        )
        traced = {
            trade: with_series(trace_trade(record, market, trade, events=events), strategy)
            for trade in np.flatnonzero(near).tolist()
        }
        assert all(trace.adds_up for trace in traced.values())
        ended, began = traced[roll.closed_trade], traced[roll.opened_trade]
        assert (ended.instrument, began.instrument) == (roll.from_symbol, roll.to_symbol)
        assert (ended.fills[-1].order.tag, began.fills[0].order.tag) == (
            f"roll to {roll.to_symbol}",
            f"roll from {roll.from_symbol}",
        )
        for step in (ended.fills[-1], began.fills[0]):
            assert step.decision is not None
            seen = [bar.instrument for bar in step.decision.bars]
            assert sorted(seen[:-1]) == sorted((roll.from_symbol, roll.to_symbol))
            assert seen[-1] == "MES difference series"
            assert {feature.instrument for feature in step.decision.features} == {"MES"}


def test_what_the_strategy_read_does_not_change_what_a_flat_roll_earns(contracts: dict[str, Bars]) -> None:
    """Unadjusted, the jump of a roll is in the averages; it is in no fill."""
    raw = rolled_root(contracts, MES, adjustment=Adjustment.UNADJUSTED)
    record = play_rolled(create("sma_cross", ("MES",), fast=FAST, slow=SLOW), raw, config=CONFIG)
    for fill in record.fills[:200]:
        bars = raw.contracts[record.universe[fill["instrument"]]]
        moved = SLIP_TICKS * (1 if fill["signed_lots"] > 0 else -1)
        assert fill["price_ticks"] == round(bars.open[fill["row"]] / TICK) + moved
