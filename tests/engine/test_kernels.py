"""The inner loop whole: both of its forms, table growth, wrap-around, and books that somebody broke on the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from argus.core.arrays import Bars
from argus.core.errors import LedgerError, RunError
from argus.core.market_events import Dividend, FinalSettlement, Funding, Split
from argus.core.money import MONEY_MAX
from argus.core.orders import FillRule, Order, OrderState, OrderType, Reason, Side, TimeInForce
from argus.core.risk import RiskApproved
from argus.core.time import parse_ns
from argus.engine import _layout, _ledger_kernels, _match_kernels, _order_kernels, _session_kernels
from argus.engine import replay as replay_module
from argus.engine._kernels import advance, next_event
from argus.engine._layout import (
    AHEAD,
    BOOKS_BROKEN,
    END,
    FILLED,
    GROW,
    OVERFLOW,
    PHASE_CLOSE,
    PHASE_OPEN,
    PHASE_RECV,
    S_CASH,
    S_EQUITY,
    S_FAULT,
    S_FAULT_INSTRUMENT,
    S_FILLS,
    S_ORDERS,
    S_PLAIN,
    S_TS,
    WAKE,
)
from argus.engine.book import RunTables
from argus.engine.config import (
    AccountConfig,
    AccountKind,
    CostModel,
    FillRules,
    HaltRules,
    ImpactModel,
    RunConfig,
    SpreadModel,
)
from argus.engine.market import Events, Market, lay_out
from argus.engine.record import JOURNAL_ACCOUNTS, RunRecord
from argus.engine.view import ReplayAccount
from argus.engine.watchdog import Heartbeat
from argus.portfolio import FixedUnits, LimitRiskPolicy
from tests.engine.markets import (
    DOLLAR,
    Scripted,
    account,
    at_wakes,
    digest,
    flat,
    make_bars,
    market_of,
    order,
    play,
    random_bars,
    restless,
)


def events_of(bars: Bars) -> Events:
    """A dividend, funding, a split within a bar, and an end at the last close."""
    instants = [int(bars.ts_event_ns[row]) for row in (8, 13, 22)]
    return {
        bars.instrument: (
            Dividend(instants[0], Decimal("0.731")),
            Funding(instants[1] + 60, Decimal("0.0003")),
            Split(instants[2] + 60, 3, 2),
            FinalSettlement(int(bars.ts_close_ns[-1]), 312.34),
        )
    }


def busy_run(number: int) -> RunRecord:
    """One of four small runs in which every kind of order, of account and of rounding takes part."""
    if number == 0:
        market = market_of(
            random_bars(1, "ES", 40, per_session=5, volume=3.0),
            random_bars(2, "CL", 30, level=100, step=60, per_session=4, minutes=75),
        )
        config = account(
            60_000, costs=CostModel(slippage_ticks=1, multiplier=Decimal("1.5")), fills=FillRules(touch=True)
        )
    elif number == 1:
        market = market_of(
            random_bars(3, "SPY", 40, level=40_000, step=300, per_session=5, delay_ns=7_000),
            random_bars(4, "MES", 40, per_session=8, minutes=30),
        )
        config = account(9_000, AccountKind.REG_T, latency_ns=1_000, costs=CostModel(slippage_rate=Decimal("0.0003")))
    elif number == 2:
        spy = random_bars(6, "SPY", 40, level=40_000, step=300, per_session=5, volume=900.0, pause_ns=1_000)
        market = market_of(spy, random_bars(7, "QQQ", 40, level=30_000, step=300, per_session=10, volume=700.0))
        opened = AccountConfig(
            AccountKind.REG_T, 9_000 * DOLLAR, "USD", Decimal("0.03"), Decimal("0.07"), Decimal("0.01")
        )
        costs = CostModel(
            spread=SpreadModel(Decimal("0.7"), vol_sensitivity=Decimal(1), vol_short=2, vol_long=3),
            impact=ImpactModel(Decimal("0.3"), 3),
        )
        config = RunConfig(opened, costs, halts=HaltRules(Decimal("0.05"), Decimal("0.2"), flatten=True))
        return play(Scripted(list(market), restless(2, list(market))), market, config, events=events_of(spy))
    else:
        market = market_of(random_bars(5, "BTCUSD", 40, level=6_000_000, step=90_000, per_session=6, volume=0.4))
        config = account(20_000, AccountKind.CASH, costs=CostModel(fee_rate=Decimal("0.0012"), fee_minimum=Decimal(1)))
    strategy = Scripted(
        list(market), restless(number, list(market), {"BTCUSD": 0.05000001}), lambda _fill, _view: (), warmup=2
    )
    return play(strategy, market, config)


RUNS = (0, 1, 2, 3)
CHILD = """
import json
from tests.engine.markets import digest
from tests.engine.test_kernels import RUNS, busy_run
print(json.dumps([digest(busy_run(number)) for number in RUNS]))
"""


def test_both_forms_of_the_kernels_make_the_same_bytes(repository: Path) -> None:
    other = "0" if os.environ.get("NUMBA_DISABLE_JIT", "0") == "1" else "1"
    environment = os.environ | {"NUMBA_DISABLE_JIT": other, "PYTHONPATH": str(repository)}
    child = subprocess.run(
        [sys.executable, "-c", CHILD], env=environment, cwd=repository, capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, child.stderr
    assert json.loads(child.stdout) == [digest(busy_run(number)) for number in RUNS]


@pytest.mark.parametrize("number", RUNS)
def test_the_runs_that_are_compared_are_worth_comparing(number: int) -> None:
    record = busy_run(number)
    assert len(record.fills) >= 10
    assert {OrderState.FILLED, OrderState.CANCELLED} <= set(record.orders["state"].tolist())
    assert len(set(record.fills["rule"].tolist())) >= 5
    assert (record.equity_micros > 0).all()


KINDS = {name: name for name in ("MARKET", "LIMIT", "STOP", "STOP_LIMIT", "LIMIT_ON_OPEN", "LIMIT_ON_CLOSE")} | {
    "ON_OPEN": "MARKET_ON_OPEN",
    "ON_CLOSE": "MARKET_ON_CLOSE",
    "TRAILING": "TRAILING_STOP",
}
TIMES = {name: name for name in TimeInForce.__members__}
OTHER_NAMES = {"REPLACED_ORDER_DONE": "REPLACED_DONE", "NOT_FILLED_AT_ONCE": "AT_ONCE"}
ELSEWHERE = ("NONE", "INITIAL_MARGIN", "CASH", "SHORT_FORBIDDEN", "ACCOUNT_CLOSED", "NO_SUCH_PRICE")
REASONS = {f"R_{OTHER_NAMES.get(name, name)}": name for name in Reason.__members__ if name not in ELSEWHERE}
RULES = {
    "F_MARKET": "MARKET_AT_OPEN",
    "F_ON_OPEN": "MARKET_ON_OPEN",
    "F_ON_CLOSE": "MARKET_ON_CLOSE",
    "F_LIMIT_OPEN": "LIMIT_AT_OPEN",
    "F_LIMIT": "LIMIT_THROUGH",
    "F_STOP_OPEN": "STOP_AT_OPEN",
    "F_STOP": "STOP_TOUCHED",
    "F_SL_OPEN": "STOP_LIMIT_AT_OPEN",
    "F_SL": "STOP_LIMIT_TOUCHED",
    "F_LIQUIDATION": "LIQUIDATION",
    "F_LIMIT_ON_OPEN": "LIMIT_ON_OPEN",
    "F_LIMIT_ON_CLOSE": "LIMIT_ON_CLOSE",
    "F_TRAIL_OPEN": "TRAILING_AT_OPEN",
    "F_TRAIL": "TRAILING_TOUCHED",
    "F_TRAIL_CLOSE": "TRAILING_AT_CLOSE",
    "F_SPLIT": "SPLIT",
    "F_FINAL": "FINAL_SETTLEMENT",
}


def test_figures_written_out_for_the_kernels_are_those_of_the_vocabulary() -> None:
    assert _layout.MONEY_MAX == MONEY_MAX
    states = (_order_kernels.SUBMITTED, _order_kernels.WORKING, _order_kernels.PARTIAL, _order_kernels.DONE)
    ended = (_order_kernels.CANCELLED, _order_kernels.EXPIRED, _order_kernels.REJECTED)
    assert states + ended == tuple(OrderState)
    for words, names in ((OrderType, KINDS), (TimeInForce, TIMES), (Reason, REASONS)):
        assert {name: getattr(_order_kernels, name) for name in names} == {
            name: words[word] for name, word in names.items()
        }
    rules = {
        name: getattr(module, name)
        for module in (_match_kernels, _session_kernels)
        for name in vars(module)
        if name.startswith("F_")
    }
    assert sorted(rules.values()) == sorted(FillRule)
    assert {name: FillRule(code).name for name, code in rules.items()} == RULES
    refused = (_ledger_kernels.INITIAL_MARGIN, _ledger_kernels.NO_CASH, _ledger_kernels.SHORT_FORBIDDEN)
    assert refused == (Reason.INITIAL_MARGIN, Reason.CASH, Reason.SHORT_FORBIDDEN)
    accounts = tuple(JOURNAL_ACCOUNTS[getattr(_ledger_kernels, name)] for name in JOURNAL_ACCOUNTS)
    assert accounts == JOURNAL_ACCOUNTS


# ---- events


def test_events_come_by_time_then_phase_then_instrument() -> None:
    market = market_of(flat("ES", [4_000] * 4, per_session=4), flat("NQ", [15_000] * 2, per_session=2, minutes=120))
    tables = tables_of(market)
    seen = []
    arguments = (tables.market.par, tables.inst, tables.state, *tables.market.columns[:3], tables.market.events)
    while True:
        ts, phase, k = next_event(*arguments)
        if k < 0:
            break
        seen.append((int(ts), int(phase), int(k)))
        if phase == PHASE_RECV:
            tables.inst[k]["recv_row"] += 1
        elif phase == PHASE_OPEN:
            tables.inst[k]["market_phase"] = PHASE_CLOSE
        else:
            tables.inst[k]["market_phase"] = PHASE_OPEN
            tables.inst[k]["market_row"] += 1
    expected = []
    for k, (_, bars) in enumerate(market.values()):
        for column, phase in (("ts_event_ns", PHASE_OPEN), ("ts_close_ns", PHASE_CLOSE), ("ts_recv_ns", PHASE_RECV)):
            expected += [(int(ts), phase, k) for ts in getattr(bars, column)]
    assert seen == sorted(expected)


# ---- advance, driven by hand


def tables_of(market: Market, config: RunConfig | None = None, *, on_fill: bool = False) -> RunTables:
    config = config or account(1_000_000)
    arrays = lay_out(market, tuple(market), config)
    arrays.par["tells_fills"] = on_fill
    return RunTables(arrays, config)


def send(tables: RunTables, symbol: str, lots: int, code: int = 0) -> None:
    """A market order, entered through the one door."""
    number = int(tables.state[S_ORDERS])
    side = Side.BUY if lots > 0 else Side.SELL
    wanted = Order(number, 0, symbol, side, OrderType.MARKET, TimeInForce.GTC, abs(lots))
    approved = LimitRiskPolicy(check_margin=False).approve(wanted, ReplayAccount(tables, {symbol: code}))
    assert isinstance(approved, RiskApproved)
    tables.submit(approved, code)


def step(tables: RunTables) -> int:
    """One call of the loop; Python integers wrap as compiled ones do, but warn."""
    with np.errstate(over="ignore"):
        return int(advance(*tables.arguments()))


def test_the_loop_comes_back_for_wakes_fills_and_the_end() -> None:
    tables = tables_of(market_of(flat("ES", [4_000, 4_010, 4_020])), on_fill=True)
    assert step(tables) == WAKE
    send(tables, "ES", 2)
    assert step(tables) == FILLED
    assert tables.state[S_FILLS] == 1
    assert [step(tables) for _ in range(3)] == [WAKE, WAKE, END]


@pytest.mark.parametrize(
    ("fault", "corrupt"),
    [
        # The settlement books what is missing in POSITION as a gain, so that debits and credits differ.
        (3, lambda t: t.inst["bal_position"].__iadd__(1)),
        (3, lambda t: t.inst["bal_pnl"].__iadd__(1)),
        (4, lambda t: (t.state.__setitem__(S_CASH, t.state[S_CASH] + 1), t.inst["bal_pnl"].__iadd__(-1))),
        (5, lambda t: t.inst["flow"].__iadd__(1)),
    ],
)
def test_books_that_do_not_prove_stop_the_loop_at_the_next_settlement(
    fault: int, corrupt: Callable[[RunTables], Any]
) -> None:
    tables = tables_of(market_of(flat("SPY", [400, 401, 402])), account(10_000, AccountKind.CASH))
    assert step(tables) == WAKE
    send(tables, "SPY", 2)
    corrupt(tables)
    assert step(tables) == BOOKS_BROKEN
    assert (tables.state[S_FAULT], tables.state[S_FAULT_INSTRUMENT]) == (fault, 0)


def test_broken_books_are_found_at_the_end_of_data_without_session_ends_too() -> None:
    tables = tables_of(market_of(flat("ES", [4_000, 4_010, 4_020], per_session=3, marked_ends=False)))
    assert step(tables) == WAKE
    send(tables, "ES", 2)
    tables.inst["flow"] += 1
    codes = [step(tables), step(tables)]
    assert codes == [AHEAD, BOOKS_BROKEN], "the rest of the data is one quiet stretch"
    assert (tables.state[S_FAULT], tables.state[S_FAULT_INSTRUMENT]) == (5, 0)


def test_broken_books_are_found_at_the_end_of_data_where_each_bar_wakes_too() -> None:
    tables = tables_of(market_of(flat("ES", [4_000, 4_010, 4_020], per_session=3, marked_ends=False)))
    tables.state[S_PLAIN] = 0
    tables.eq_ts = np.empty(len(tables.eq_micros), dtype=np.int64)
    tables.eq_session = np.empty(len(tables.eq_micros), dtype=np.int32)
    assert step(tables) == WAKE
    send(tables, "ES", 2)
    tables.inst["flow"] += 1
    assert [step(tables) for _ in range(3)] == [WAKE, WAKE, BOOKS_BROKEN]


def replay_of(market: Market, config: RunConfig, lots: int) -> Any:
    strategy = Scripted(list(market), at_wakes({0: [order(symbol, lots) for symbol in market]}))
    arrays = lay_out(market, tuple(market), config)
    risk = LimitRiskPolicy(check_margin=False)
    return replay_module._Replay((strategy,), market, config, arrays, FixedUnits(1), risk)


def test_broken_books_become_a_ledger_error_with_instrument_instant_and_proof() -> None:
    replay = replay_of(market_of(flat("ES", [4_000, 4_010, 4_020])), account(100_000), 1)
    replay.tables.inst["flow"] += 1
    words = "books of ES at 2023-06-02T15:00:00Z: equity from the fills is not the running equity"
    with pytest.raises(LedgerError, match=words):
        replay.play(Heartbeat(30.0))


def test_a_position_that_no_ledger_can_hold_ends_the_run() -> None:
    market = market_of(flat("ES", [4_000, 4_010, 4_020]))
    tables = tables_of(market, account(MONEY_MAX / DOLLAR / 2))
    assert step(tables) == WAKE
    send(tables, "ES", 10**9)
    assert step(tables) == OVERFLOW
    with pytest.raises(
        RunError, match="at 2023-06-02T14:00:00Z a position or balance became too large for the ledger; trade smaller"
    ):
        replay_of(market, account(MONEY_MAX / DOLLAR / 2), 10**9).play(Heartbeat(30.0))


def test_a_mark_that_no_ledger_can_hold_ends_the_run() -> None:
    tables = tables_of(market_of(flat("ES", [4_000, 4_000, 40_000])), account(MONEY_MAX / DOLLAR / 2))
    assert step(tables) == WAKE
    send(tables, "ES", 10_000_000)
    assert step(tables) == WAKE
    assert tables.inst[0]["position"] == 10_000_000
    assert step(tables) == OVERFLOW


def test_an_account_beyond_the_ledger_s_range_ends_the_run_and_does_not_wrap() -> None:
    up, down = (1_000.0, 3_900.0, 1_000.0, 3_900.0), (3_900.0, 3_900.0, 1_000.0, 1_000.0)
    market = market_of(make_bars("ES", [down, up, down, up, down]))
    tables = tables_of(market, account(MONEY_MAX / DOLLAR * 0.99))
    balances, why = [], WAKE
    while (why := step(tables)) == WAKE:
        balances.append(int(tables.state[S_EQUITY]))
        send(tables, "ES", 20_000_000 if len(balances) % 2 else -20_000_000)
    assert why == OVERFLOW
    assert all(0 < balance <= MONEY_MAX for balance in balances)


def test_tables_that_are_full_grow_and_nothing_is_lost() -> None:
    def crowd(view: Any, number: int) -> Any:
        return [order("ES", 1 if (number + n) % 2 else -1) for n in range(60)]

    bars = flat("ES", np.arange(4_000, 4_020, 0.5).tolist(), per_session=4)
    record = play(Scripted(["ES"], crowd), market_of(bars), account(10_000_000))
    assert len(record.orders) == 60 * len(bars) > 8 * 256
    assert (record.orders["state"][:-60] == OrderState.FILLED).all()
    assert (record.orders["reason"][-60:] == Reason.RUN_END).all()
    assert (record.fills["order_id"] == np.arange(len(record.fills))).all()
    of_fills = record.journal["fill_id"][record.journal["fill_id"] >= 0]
    assert (of_fills == np.arange(len(record.fills))).all()


def test_a_loop_that_asks_for_room_has_changed_nothing() -> None:
    tables = tables_of(market_of(flat("ES", [4_000, 4_010, 4_020])))
    assert step(tables) == WAKE
    tables.state[S_FILLS] = len(tables.fills)
    before = [table.tobytes() for table in (tables.inst, tables.orders, tables.journal)]
    assert step(tables) == GROW
    assert [table.tobytes() for table in (tables.inst, tables.orders, tables.journal)] == before
    tables.grow()
    assert step(tables) == WAKE
    assert tables.state[S_TS] == parse_ns("2023-06-02T15:00:00Z")


def test_opening_balances_are_equity() -> None:
    config = RunConfig(account=AccountConfig(AccountKind.FUTURES, 5_000 * DOLLAR))
    tables = tables_of(market_of(flat("ES", [4_000])), config)
    assert tables.state[S_EQUITY] == tables.state[S_CASH] == 5_000 * DOLLAR
