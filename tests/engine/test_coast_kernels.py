"""Quiet stretches: passed at once they leave the same record as passed one event at a time, and give back any row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.core.arrays import Bars
from argus.core.instruments import instrument
from argus.core.intents import Intent
from argus.core.market_events import Dividend, FinalSettlement, Funding, Split
from argus.core.orders import OrderType, Side, TimeInForce
from argus.core.ports import View
from argus.core.strategy import WakeRule
from argus.core.time import NS_PER_HOUR, NS_PER_MINUTE
from argus.engine import _coast_kernels
from argus.engine._kernels import advance
from argus.engine._layout import (
    AHEAD,
    END,
    INT64_MAX,
    NO_MARK,
    S_ACTIVE,
    S_AHEAD,
    S_AHEAD_END,
    S_EQUITY,
    S_EQUITY_ROWS,
    S_MAINTENANCE,
    S_TS,
    STATE_SLOTS,
    STRETCH_MAX,
    WAKE,
)
from argus.engine.book import RunTables
from argus.engine.config import AccountConfig, AccountKind, CostModel, HaltRules, RunConfig, SpreadModel
from argus.engine.market import NO_EVENTS, Events, MarketArrays, lay_out
from argus.engine.record import ORDER_DTYPE, RunRecord
from tests.engine.markets import (
    DOLLAR,
    Scripted,
    account,
    digest,
    flat,
    make_bars,
    market_of,
    order,
    play,
    random_bars,
    restless,
)

Kernel = Callable[..., Any]
SUBMITTED, WORKING, PARTIAL = 0, 1, 2


def forms(name: str) -> list[Any]:
    """A kernel as it is called, and as the plain function that it was made of."""
    kernel = getattr(_coast_kernels, name)
    cases = [pytest.param(kernel, id=name)]
    if hasattr(kernel, "py_func"):
        cases.append(pytest.param(kernel.py_func, id=f"{name}-plain"))
    return cases


# ---- the band in which living orders rest


def band(kernel: Kernel, *orders: dict[str, Any]) -> tuple[bool, float, float]:
    table = np.zeros(len(orders), dtype=ORDER_DTYPE)
    table["ts_cancel_ns"] = INT64_MAX
    table["state"], table["tif"] = WORKING, TimeInForce.GTC
    for row, columns in zip(table, orders, strict=True):
        for name, value in columns.items():
            row[name] = value
    state = np.zeros(STATE_SLOTS, dtype=np.int64)
    state[S_ACTIVE] = len(orders)
    quiet, below, above = kernel(state, np.arange(len(orders)), table)
    return bool(quiet), float(below), float(above)


BUY, SELL = {"side": Side.BUY}, {"side": Side.SELL}
LIMIT = {"type": OrderType.LIMIT, "limit_ticks": 100}
STOP = {"type": OrderType.STOP, "stop_ticks": 90, "limit_ticks": 95}
STOP_LIMIT = {"type": OrderType.STOP_LIMIT, "stop_ticks": 90, "limit_ticks": 95}
NOTHING = (-np.inf, np.inf)


@pytest.mark.parametrize("kernel", forms("resting_band"))
@pytest.mark.parametrize(
    ("rests", "below", "above"),
    [
        (BUY | LIMIT, 100, np.inf),
        (SELL | LIMIT, -np.inf, 100),
        (BUY | STOP, -np.inf, 90),
        (SELL | STOP, 90, np.inf),
        (BUY | STOP_LIMIT, -np.inf, 90),
        (SELL | STOP_LIMIT, 90, np.inf),
        (BUY | STOP_LIMIT | {"triggered": 1}, 95, np.inf),
        (SELL | STOP_LIMIT | {"triggered": 1}, -np.inf, 95),
        (BUY | LIMIT | {"state": PARTIAL}, 100, np.inf),
        (BUY | {"type": OrderType.MARKET_ON_CLOSE}, *NOTHING),
        (SELL | LIMIT | {"type": OrderType.LIMIT_ON_CLOSE}, *NOTHING),
        (BUY | LIMIT | {"state": SUBMITTED, "ts_arrive_ns": INT64_MAX, "parent_id": 0}, *NOTHING),
    ],
)
def test_an_order_rests_until_its_price_is_reached(
    kernel: Kernel, rests: dict[str, Any], below: float, above: float
) -> None:
    assert band(kernel, rests) == (True, below, above)


@pytest.mark.parametrize("kernel", forms("resting_band"))
@pytest.mark.parametrize(
    "restless_one",
    [
        BUY | {"type": OrderType.MARKET},
        BUY | {"type": OrderType.MARKET_ON_OPEN},
        BUY | LIMIT | {"type": OrderType.LIMIT_ON_OPEN},
        SELL | {"type": OrderType.TRAILING_STOP, "trail_ticks": 5},
        BUY | STOP | {"triggered": 1},
        BUY | LIMIT | {"ts_cancel_ns": 5},
        BUY | LIMIT | {"tif": TimeInForce.GTD},
        BUY | LIMIT | {"state": SUBMITTED, "ts_arrive_ns": 5},
    ],
)
def test_an_order_that_may_act_by_itself_leaves_no_quiet(kernel: Kernel, restless_one: dict[str, Any]) -> None:
    assert not band(kernel, restless_one)[0]
    assert not band(kernel, BUY | LIMIT, restless_one)[0]


@pytest.mark.parametrize("kernel", forms("resting_band"))
def test_the_band_of_many_is_the_narrowest(kernel: Kernel) -> None:
    assert band(kernel) == (True, *NOTHING)
    assert band(
        kernel,
        BUY | LIMIT,
        BUY | LIMIT | {"limit_ticks": 110},
        SELL | LIMIT | {"limit_ticks": 140},
        BUY | STOP | {"stop_ticks": 130},
    ) == (True, 110, 130)


# ---- rows in which only marks move


@pytest.mark.parametrize("kernel", forms("quiet_rows"))
@settings(max_examples=150)
@given(
    seed=st.integers(0, 10**6),
    below=st.sampled_from([-np.inf, 94.5, 97.5]),
    above=st.sampled_from([np.inf, 105.5, 102.5]),
    per_tick=st.sampled_from([0, 7, -7]),
    floor=st.integers(-100, 30),
    ceiling=st.integers(20, 200),
    mark_max=st.sampled_from([10**6, 103]),
)
def test_a_stretch_ends_at_the_first_row_that_is_not_quiet(
    kernel: Kernel, seed: int, below: float, above: float, per_tick: int, floor: int, ceiling: int, mark_max: int
) -> None:
    random = np.random.Generator(np.random.Philox(key=seed))
    marks = 100 + np.cumsum(random.integers(-2, 3, 30))
    low, high = (marks + offset for offset in (-random.integers(0, 2, 30).astype(float), random.integers(0, 2, 30)))
    base, first, n = -100 * per_tick, 3, 5
    written = np.full(60, -1, dtype=np.int64)
    row = kernel(
        first, 28, below, above, low, high.astype(float), marks, base, per_tick, floor, ceiling, mark_max, written, n
    )
    equity = [base + per_tick * int(mark) for mark in marks]

    def quiet(i: int) -> bool:
        inside = low[i] > below and high[i] < above
        return bool(inside and floor < equity[i] <= ceiling and abs(marks[i]) <= mark_max)

    expected = next((i for i in range(first, 28) if not quiet(i)), 28)
    assert row == expected
    assert written[n : n + row - first].tolist() == equity[first:row]
    assert (written[:n] == -1).all()
    # What is written beyond the quiet rows is void, but there is room for the rows that were asked for only.
    assert (written[n + 28 - first :] == -1).all()


# ---- going back to a row of a stretch


def tables_of(bars: Bars, config: RunConfig, *, plain: bool) -> RunTables:
    with pytest.MonkeyPatch.context() as patch:
        if not plain:
            patch.setattr(MarketArrays, "is_plain", property(lambda _: False))
        arrays = lay_out(market_of(bars), (bars.instrument,), config)
        return RunTables(arrays, config)


def standing(tables: RunTables) -> tuple[Any, ...]:
    """Where the kernel stands, as far as anybody can see it."""
    state, inst = tables.state, tables.inst[0]
    rows = int(state[S_EQUITY_ROWS])
    names = (
        "market_row",
        "recv_row",
        "market_phase",
        "mark",
        "mark_row",
        "has_mark",
        "position",
        "value",
        "maintenance",
    )
    return (
        int(state[S_TS]),
        int(state[S_EQUITY]),
        int(state[S_MAINTENANCE]),
        *(int(inst[name]) for name in names),
        tables.eq_micros[:rows].tolist(),
        tables.cash_micros(0, rows).tolist(),
    )


@pytest.mark.parametrize(
    ("symbol", "kind", "level"),
    [("ES", AccountKind.FUTURES, 16_000), ("SPY", AccountKind.REG_T, 40_000), ("BTCUSD", AccountKind.CASH, 4_000_000)],
)
def test_every_row_of_a_stretch_can_be_gone_back_to(symbol: str, kind: AccountKind, level: int) -> None:
    bars = random_bars(7, symbol, 400, level=level, step=level // 2_000, per_session=100, minutes=5)
    config = account(1_000_000, kind, halts=HaltRules(daily_loss=None))
    lots = 3 * int(instrument(symbol).lots_per_unit)
    seen: dict[int, tuple[Any, ...]] = {}
    for plain in (False, True):
        tables = tables_of(bars, config, plain=plain)
        assert advance(*tables.arguments()) == WAKE
        buy(tables, symbol, lots)
        longest = 0
        while (why := advance(*tables.arguments())) != END:
            if why == WAKE:
                found = standing(tables)
                assert seen.setdefault(found[0], found) == found
                continue
            assert plain
            assert why == AHEAD
            first, stop = int(tables.state[S_AHEAD]), int(tables.state[S_AHEAD_END])
            longest = max(longest, stop - first)
            for row in [*range(stop - 1, first - 1, -5), first]:
                tables.move_to(row)
                found = standing(tables)
                assert seen[found[0]] == found
            tables.move_to(stop - 1)
    assert longest > 30


def buy(tables: RunTables, symbol: str, lots: int) -> None:
    from argus.core.orders import Order
    from argus.core.risk import RiskApproved
    from argus.engine.view import ReplayAccount
    from argus.portfolio import LimitRiskPolicy

    wanted = Order(0, 0, symbol, Side.BUY, OrderType.MARKET, TimeInForce.GTC, lots)
    approved = LimitRiskPolicy(check_margin=False).approve(wanted, ReplayAccount(tables, {symbol: 0}))
    assert isinstance(approved, RiskApproved)
    tables.submit(approved, 0)


def test_a_strategy_that_only_looks_is_asked_in_ever_longer_stretches() -> None:
    bars = random_bars(1, "ES", 12_000, per_session=12_000, minutes=1, level=16_000, step=2)
    tables = tables_of(bars, account(1_000_000), plain=True)
    lengths = []
    while (why := advance(*tables.arguments())) != END:
        if why == AHEAD:
            lengths.append(int(tables.state[S_AHEAD_END] - tables.state[S_AHEAD]))
    assert lengths[:3] == [256, 512, 1_024]
    assert max(lengths) == STRETCH_MAX


# ---- marks and rows that are none of a stretch


@pytest.mark.parametrize("kernel", forms("marks_of"))
def test_marks_are_closes_in_whole_ticks(kernel: Kernel) -> None:
    close = np.array([100.0, np.nan, 100.125, 100.375, 100.1, -37.63])
    marks = np.zeros(6, dtype=np.int64)
    kernel(close, 0.25, marks)
    assert marks.tolist() == [400, NO_MARK, 400, 402, 400, -151]


@pytest.mark.parametrize("kernel", forms("special_rows"))
def test_rows_that_the_event_loop_must_see(kernel: Kernel) -> None:
    bars = flat("ES", [4_000.0] * 12, per_session=6, minutes=10)
    marks = np.full(12, 16_000)
    out = np.zeros(13, dtype=np.int64)

    def rows(**changes: Any) -> list[int]:
        names = ("session", "session_end", "ts_event_ns", "ts_recv_ns")
        session, session_end, ts_event, ts_recv = (changes.get(name, getattr(bars, name)) for name in names)
        found = kernel(session, session_end, marks, ts_event, ts_recv, out)
        return out[:found].tolist()

    assert rows() == [0, 5, 6, 11, 12]
    late = bars.ts_recv_ns.copy()
    late[2] += 1
    assert rows(ts_recv_ns=late) == [0, 2, 5, 6, 11, 12]
    together = bars.ts_recv_ns.copy()
    together[8] = together[9]
    assert rows(ts_recv_ns=together) == [0, 5, 6, 8, 9, 11, 12]
    marks[3] = NO_MARK
    assert rows() == [0, 3, 5, 6, 11, 12]


# ---- the same record, passed at once or one event at a time


def both(
    make: Callable[[], Scripted], bars: Bars, config: RunConfig, events: Events = NO_EVENTS
) -> tuple[RunRecord, RunRecord]:
    """The run as it is, and with every event gone through by itself."""
    records = []
    for plain in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            if not plain:
                patch.setattr(MarketArrays, "is_plain", property(lambda _: False))
            records.append(play(make(), market_of(bars), config, events=events))
    return records[0], records[1]


def seldom(seed: int, symbol: str, units: float, one_in: int) -> Callable[[View, int], Sequence[Intent]]:
    """Now and then what `restless` would ask for; else nothing, so that stretches grow long."""
    ask = restless(seed, [symbol], {symbol: units})

    def decide(view: View, number: int) -> Sequence[Intent]:
        draw = np.random.Generator(np.random.Philox(key=[seed + 1, view.now_ns])).integers(0, one_in)
        return ask(view, number) if draw == 0 else ()

    return decide


@st.composite
def runs(draw: st.DrawFn) -> dict[str, Any]:
    symbol, kind, level, units = draw(
        st.sampled_from(
            [
                ("ES", AccountKind.FUTURES, 16_000, 1.0),
                ("SPY", AccountKind.REG_T, 40_000, 10.0),
                ("BTCUSD", AccountKind.CASH, 4_000_000, 0.01000001),
            ]
        )
    )
    bars = random_bars(
        draw(st.integers(0, 10**6)),
        symbol,
        240,
        level=level,
        step=max(3, level // 1_500),
        per_session=draw(st.sampled_from([240, 60, 7])),
        minutes=5,
        pause_ns=draw(st.sampled_from([0, NS_PER_MINUTE])),
        delay_ns=draw(st.sampled_from([0, 30 * 10**9, 6 * NS_PER_MINUTE])),
        marked_ends=draw(st.booleans()),
        volume=draw(st.sampled_from([None, 3.0])),
    )
    if draw(st.booleans()):
        close = bars.close.copy()
        close[draw(st.lists(st.integers(1, 239), max_size=4))] = np.nan
        bars = replace(bars, close=close)
    return {"bars": bars, "kind": kind, "units": units, "seed": draw(st.integers(0, 10**6))}


@settings(max_examples=60)
@given(
    case=runs(),
    one_in=st.sampled_from([2, 15, 60]),
    dollars=st.sampled_from([14_000, 200_000]),
    wake=st.sampled_from([WakeRule.EVERY_BAR, WakeRule.SESSION_END]),
    hears_fills=st.booleans(),
    warmup=st.sampled_from([1, 20]),
    latency=st.sampled_from([0, 7 * NS_PER_MINUTE]),
    halts=st.sampled_from([HaltRules(), HaltRules(daily_loss=None), HaltRules(drawdown=Decimal("0.01"), flatten=True)]),
    start=st.sampled_from([None, 50]),
)
def test_quiet_stretches_change_no_byte_of_a_record(
    case: dict[str, Any],
    one_in: int,
    dollars: int,
    wake: WakeRule,
    hears_fills: bool,
    warmup: int,
    latency: int,
    halts: HaltRules,
    start: int | None,
) -> None:
    bars: Bars = case["bars"]
    interest = (Decimal("0.06"), Decimal("0.01"))
    config = RunConfig(
        account=AccountConfig(case["kind"], dollars * DOLLAR, "USD", Decimal("0.02"), *interest),
        costs=CostModel(
            fee_per_unit=Decimal("0.5"),
            slippage_ticks=1,
            spread=SpreadModel(Decimal("0.4"), by_time=(("12:00", Decimal("1.5")),)),
        ),
        halts=halts,
        latency_ns=latency,
        start_ns=None if start is None else int(bars.ts_recv_ns[start]),
        end_ns=None if start is None else int(bars.ts_recv_ns[200]),
    )
    seen: list[list[tuple[Any, ...]]] = []

    def make() -> Scripted:
        decide = seldom(case["seed"], bars.instrument, case["units"], one_in)
        seen.append([])

        def look(view: View, number: int) -> Sequence[Intent]:
            told, held = view.account, view.position(bars.instrument)
            seen[-1].append(
                (
                    view.now_ns,
                    told.cash_micros,
                    told.equity_micros,
                    told.initial_margin_micros,
                    held.units,
                    held.pending_units,
                    view.bars(bars.instrument, 1).close.tolist(),
                )
            )
            return decide(view, number)

        return Scripted(
            [bars.instrument], look, (lambda _fill, _view: ()) if hears_fills else None, wake=wake, warmup=warmup
        )

    at_once, one_by_one = both(make, bars, config)
    assert repr(seen[0]) == repr(seen[1]), "the strategy saw the same account at each wake-up"
    assert digest(at_once) == digest(one_by_one)


@pytest.mark.parametrize("seed", range(6))
def test_events_of_the_instrument_change_nothing_about_that(seed: int) -> None:
    bars = random_bars(seed, "SPY", 240, level=40_000, step=30, per_session=80, minutes=5, pause_ns=NS_PER_MINUTE)
    instants = [int(bars.ts_event_ns[row]) for row in (60, 100, 161)]
    events = {
        "SPY": (
            Dividend(instants[0], Decimal("0.5")),
            Funding(instants[1] + 1, Decimal("0.0001")),
            Split(instants[2] - NS_PER_HOUR, 3, 2),
            FinalSettlement(int(bars.ts_close_ns[-1]), 300.0),
        )
    }
    config = account(100_000, AccountKind.REG_T)
    at_once, one_by_one = both(lambda: Scripted(["SPY"], seldom(seed, "SPY", 20.0, 25)), bars, config, events)
    assert digest(at_once) == digest(one_by_one)
    assert len(at_once.journal[at_once.journal["fill_id"] == -1]) > 3


def test_a_resting_order_is_filled_in_its_row_wherever_the_stretch_is() -> None:
    rows = [(4_000.0, 4_001.0, 3_999.0, 4_000.0)] * 300
    for row in (40, 41, 97, 250):
        hit = [*rows]
        hit[row] = (4_000.0, 4_001.0, 3_989.75, 4_000.0)
        bars = make_bars("ES", hit, per_session=300, minutes=4)
        asked = {0: [order("ES", 1, OrderType.LIMIT, limit=3_990.0), order("ES", -1, OrderType.STOP, stop=3_989.75)]}

        def make(asked: dict[int, list[Intent]] = asked) -> Scripted:
            return Scripted(["ES"], lambda _view, n: asked.get(n, ()))

        at_once, one_by_one = both(make, bars, account(100_000))
        assert at_once.fills["row"].tolist() == [row, row]
        assert digest(at_once) == digest(one_by_one)
