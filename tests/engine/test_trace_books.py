"""The books behind a trade: splits, settlements, carry, finer bars, several books; and every trade of many runs."""

from __future__ import annotations

import dataclasses
import json
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.core.errors import DataError, LedgerError
from argus.core.instruments import instrument
from argus.core.intents import Bracket, Intent
from argus.core.market_events import Dividend, FinalSettlement, Funding, Split
from argus.core.orders import LIMITED, OrderType, Side, TimeInForce
from argus.core.time import NS_PER_HOUR
from argus.engine.config import AccountConfig, AccountKind, CostModel, ImpactModel, RunConfig, SpreadModel
from argus.engine.market import NO_EVENTS, Events
from argus.engine.replay import run_books
from argus.engine.trace import Trace, trace_trade
from argus.portfolio import FixedUnits, LimitRiskPolicy
from tests.engine.markets import TrialList
from tests.engine.test_trace import BUY, FEES, SELL, Market, Scripted, bars, flat, market_of, order, replay

# ---- what comes with the data: splits, final settlements, carry


def at(market: Market, symbol: str, row: int, hours: int = -3) -> int:
    """An instant before the open of a bar."""
    return int(market[symbol][1].ts_event_ns[row]) + hours * NS_PER_HOUR


def test_a_split_in_a_trade() -> None:
    market = market_of(SPY=bars("SPY", [flat(400.0), flat(400.0), flat(404.0), flat(135.0), flat(136.0)]))
    script = {0: [order("SPY", BUY, 7)], 3: [order("SPY", SELL, 10)]}
    events = {"SPY": (Split(at(market, "SPY", 3), 3, 2),)}
    record = replay(market, Scripted(["SPY"], script), account=AccountKind.CASH, events=events)
    for known in (events, NO_EVENTS):
        trace = trace_trade(record, market, events=known)
        step = trace.fills[1]
        assert (step.rule, step.signed_lots, step.position_lots, step.order.order_id) == ("SPLIT", 3, 10, -1)
        assert step.role == "splits 7 lots into 10"
        # 10.5 new shares; the half share is a third of an old one at 404.
        assert trace.split_cash_micros == 134_666_667
        assert (step.price.base_price, step.price.price) == ("404", "269.33")
        assert "3 new for 2 old" in step.price.arithmetic
        assert [(line.debit, line.credit) for line in step.ledger] == [("CASH", "POSITION")]
        assert trace.net_micros == 10 * 136_000_000 - 7 * 400_000_000 + 134_666_667 - trace.fee_micros
        assert json.loads(json.dumps(trace.as_dict()))["adds_up"] is True


@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_split_that_leaves_no_whole_lot_ends_the_trade(side: Side) -> None:
    market = market_of(SPY=bars("SPY", [flat(4.0), flat(4.0), flat(4.5), flat(45.0)]))
    events = {"SPY": (Split(at(market, "SPY", 3), 1, 10),)}
    record = replay(market, Scripted(["SPY"], {0: [order("SPY", side, 7)]}), account=AccountKind.REG_T, events=events)
    trace = trace_trade(record, market)
    assert not trace.is_open
    assert trace.gross_micros == side * 7 * 500_000
    assert trace.fills[-1].position_lots == 0


def test_a_split_record_that_was_tampered_with_is_found() -> None:
    market = market_of(SPY=bars("SPY", [flat(400.0), flat(400.0), flat(404.0), flat(135.0), flat(136.0)]))
    events = {"SPY": (Split(at(market, "SPY", 3), 3, 2),)}
    record = replay(market, Scripted(["SPY"], {0: [order("SPY", BUY, 7)]}), account=AccountKind.CASH, events=events)
    for field, words in (("value_micros", "the cash for the fraction"), ("price_ticks", "the mark in ticks")):
        fills = record.fills.copy()
        fills[1][field] += 1
        with pytest.raises(LedgerError, match=words):
            trace_trade(dataclasses.replace(record, fills=fills), market)


def test_a_contract_that_is_settled_for_good() -> None:
    rows = [flat(4000.0), flat(4000.0), flat(4010.0), (4010.0, 4015.0, 4009.0, float("nan"))]
    market = market_of(MES=bars("MES", rows), ZN=bars("ZN", [flat(110.0)] * 6))
    final = int(market["MES"][1].ts_close_ns[3])
    events = {"MES": (FinalSettlement(final, 4012.5),)}
    record = replay(market, Scripted(["MES", "ZN"], {0: [order("MES", SELL, 2)]}), events=events, costs=FEES)
    trace = trace_trade(record, market, events=events)
    step = trace.fills[-1]
    assert (step.rule, step.role, step.price.price, step.fee.share_micros) == (
        "FINAL_SETTLEMENT", "is settled for good", "4012.5", 0,
    )  # fmt: skip
    assert step.order.type == "FINAL_SETTLEMENT"
    assert step.decision is None
    assert [(line.debit, line.credit) for line in step.ledger] == [("POSITION", "CLEARING")]
    assert (trace.settlements[-1].mark, trace.settlements[-1].ts_ns) == ("4012.5", final)
    assert trace.gross_micros == -2 * 51 * 1_250_000
    wrong = {"MES": (FinalSettlement(final, 4012.75),)}
    with pytest.raises(LedgerError, match="the final price in ticks"):
        trace_trade(record, market, events=wrong)


def test_a_contract_that_is_settled_after_its_last_bar() -> None:
    market = market_of(MES=bars("MES", [flat(4000.0), flat(4000.0), flat(4010.0)]), ZN=bars("ZN", [flat(110.0)] * 6))
    events = {"MES": (FinalSettlement(int(market["MES"][1].ts_close_ns[2]) + NS_PER_HOUR, 4008.0),)}
    record = replay(market, Scripted(["MES", "ZN"], {0: [order("MES", BUY, 1)]}), events=events)
    trace = trace_trade(record, market, events=events)
    assert (trace.fills[-1].rule, trace.fills[-1].bar.row) == ("FINAL_SETTLEMENT", 2)
    assert trace.gross_micros == 8 * 5_000_000


def test_dividends_funding_and_borrow_fees_belong_to_the_trade() -> None:
    market = market_of(SPY=bars("SPY", [flat(400.0)] * 3 + [flat(410.0)] * 3))
    script = {0: [order("SPY", SELL, 10)], 4: [order("SPY", BUY, 10)]}
    events = {
        "SPY": (
            Dividend(at(market, "SPY", 2), Decimal("1.25")),
            Funding(at(market, "SPY", 3), Decimal("0.0001")),
        )
    }
    record = replay(market, Scripted(["SPY"], script), account=AccountKind.REG_T, borrow="0.036", events=events)
    trace = trace_trade(record, market, events=events)
    # A day's borrow is 0.036/360 of 4,000 three times, of 4,100 once; short pays the dividend and receives funding.
    assert [(step.kind, step.amount_micros) for step in trace.carries] == [
        ("dividend", -12_500_000),
        ("borrow fee", -400_000),
        ("funding", 400_000),
        ("borrow fee", -400_000),
        ("borrow fee", -410_000),
        ("borrow fee", -410_000),
    ][: len(trace.carries)]
    assert trace.carry_micros == int(record.trades["carry_micros"][0]) == sum(s.amount_micros for s in trace.carries)
    assert trace.net_micros == trace.gross_micros - trace.fee_micros + trace.carry_micros
    assert trace.carries[0].text == "1.25 USD × -10 units = -12.50 USD"
    assert {step.kind for step in trace_trade(record, market).carries} == {"dividend or funding", "borrow fee"}
    other = {"SPY": (Dividend(at(market, "SPY", 2), Decimal("1.26")), *events["SPY"][1:])}
    with pytest.raises(LedgerError, match="carry of SPY"):
        trace_trade(record, market, events=other)


def test_half_spread_and_square_root_impact_are_worked_out_again() -> None:
    market = market_of(MES=bars("MES", [flat(4000.0 + 3 * (i % 4)) for i in range(8)], volume=500.0))
    costs = CostModel(
        fee_per_unit=Decimal("0.62"),
        slippage_ticks=1,
        spread=SpreadModel(Decimal("0.75"), by_time=(("00:00", Decimal(2)),)),
        impact=ImpactModel(Decimal("0.5"), window=3),
    )
    record = replay(market, Scripted(["MES"], {3: [order("MES", BUY, 9)], 5: [order("MES", SELL, 9)]}), costs=costs)
    trace = trace_trade(record, market)
    assert "2 ticks slippage and half-spread" in trace.fills[0].price.arithmetic
    assert trace.fills[0].fee.impact_micros > 9 * 625_000
    assert "market impact" in trace.fills[0].fee.arithmetic
    fills = record.fills.copy()
    fills[0]["impact_micros"] += 1
    with pytest.raises(LedgerError, match="the impact fee gives"):
        trace_trade(dataclasses.replace(record, fills=fills), market)


def test_each_component_of_a_fee_is_told() -> None:
    market = market_of(SPY=bars("SPY", [flat(400.0)] * 5))
    script = {0: [order("SPY", BUY, 100)], 2: [order("SPY", SELL, 100)]}
    trace = trace_trade(replay(market, Scripted(["SPY"], script), account=AccountKind.CASH), market)
    bought, sold = (step.fee.arithmetic for step in trace.fills)
    assert "sec section 31 falls on sales only: 0 USD" in bought
    assert "sec section 31" in sold
    assert "× 40,000.00 USD" in sold
    for step in trace.fills:
        assert f"together {step.fee.fee_micros / 1e6:.6f}".rstrip("0") in step.fee.arithmetic


def test_what_was_known_is_later_by_the_latency_of_the_data() -> None:
    market = market_of(MES=bars("MES", [flat(4000.0 + i) for i in range(5)]))
    record = replay(market, Scripted(["MES"], {1: [order("MES", BUY, 1)]}), data_latency_ns=NS_PER_HOUR)
    decision = trace_trade(record, market).fills[0].decision
    assert decision is not None
    assert decision.bars[0].row == 1
    assert decision.bars[0].ts_recv_ns == decision.ts_ns


# ---- finer bars


def test_a_trade_whose_orders_met_finer_bars() -> None:
    inside = [flat(4000.0), flat(4000.0), (4000.0, 4004.0, 4000.0, 4004.0), (4004.0, 4004.0, 3995.0, 3996.0)] * 3
    fine = bars("MES", inside, per_session=4)
    coarse = bars("MES", [(4000.0, 4004.0, 3995.0, 3996.0)] * 3)
    market = market_of(MES=coarse)
    bracket = Bracket(order("MES", BUY, 1, order_key="in"), stop_price=3997.0, target_price=4003.5)
    finer = {"MES": fine}
    record = replay(market, Scripted(["MES"], {0: [bracket]}), finer=finer)
    trace = trace_trade(record, market, finer=finer)
    assert [(step.rule, step.bar.row) for step in trace.fills] == [("MARKET_AT_OPEN", 4), ("LIMIT_THROUGH", 6)]
    assert trace.gross_micros == 14 * 1_250_000
    assert trace.fills[0].decision is not None
    assert trace.fills[0].decision.bars[0].close == 3996.0, "the strategy saw the coarse bar"
    with pytest.raises(DataError, match="made on finer bars with content hash"):
        trace_trade(record, market)
    with pytest.raises(DataError, match="made on finer bars with content hash none"):
        trace_trade(replay(market, Scripted(["MES"], {0: [bracket]})), market, finer=finer)


# ---- several books


def test_a_trade_of_one_of_two_books_in_the_same_instrument() -> None:
    rows = [flat(4000.0), flat(4000.0), flat(4010.0), flat(4030.0), flat(4030.0)]
    market = market_of(MES=bars("MES", rows), ZN=bars("ZN", [flat(110.0)] * 5))
    books = {
        "up": Scripted(["ZN", "MES"], {0: [order("MES", BUY, 3)], 2: [order("MES", SELL, 3)]}),
        "down": Scripted(["MES"], {1: [order("MES", SELL, 2)]}),
    }
    config = RunConfig(account=AccountConfig(AccountKind.FUTURES, 10**12), costs=FEES)
    record = run_books(
        books, market, config, sizer=FixedUnits(), risk=LimitRiskPolicy(check_margin=False), trials=TrialList()
    )
    traces = [trace_trade(record, market, i) for i in range(len(record.trades))]
    assert [(trace.instrument, trace.direction, trace.is_open) for trace in traces] == [
        ("MES", "long", False),
        ("MES", "short", True),
    ]
    assert sum(trace.net_micros for trace in traces) == record.net_pnl_micros
    assert all(step.other_micros == 0 for trace in traces for step in trace.settlements)


# ---- every trade of many runs


@dataclasses.dataclass(frozen=True)
class Case:
    """A run to be traced whole."""

    market: Market
    strategy: Scripted
    account: AccountKind
    costs: CostModel
    events: Events


def some_order(rng: np.random.Generator, symbol: str, centre: int, key: str) -> Intent:
    """An order of any type, near the market."""
    spec = instrument(symbol)
    tick = float(spec.tick_size)
    kind = OrderType(int(rng.integers(0, len(OrderType))))
    near = [float(round(centre + int(x)) * tick) for x in rng.integers(-5, 6, 2)]
    at_once = kind in (OrderType.MARKET, OrderType.LIMIT) and rng.random() < 0.2
    request = order(
        symbol,
        BUY if rng.random() < 0.5 else SELL,
        float(int(rng.integers(1, 8)) * spec.lot_size),
        kind,
        limit=near[0] if kind in LIMITED else None,
        stop=near[1] if kind in (OrderType.STOP, OrderType.STOP_LIMIT) else None,
        trail=float(rng.integers(1, 12)) * tick if kind is OrderType.TRAILING_STOP else None,
        tif=TimeInForce.IOC if at_once else TimeInForce.GTC,
        reduce_only=bool(rng.random() < 0.2),
        order_key=key,
    )
    if kind is OrderType.MARKET and not request.reduce_only and rng.random() < 0.4:
        return Bracket(request, trail=float(rng.integers(1, 9)) * tick, target_price=near[0])
    return request


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A random walk, on the grid or off it, random orders of every type, and events of the instrument."""
    symbol = draw(st.sampled_from(["BTCUSD", "SPY", "MES", "ZN"]))
    spot = symbol in ("BTCUSD", "SPY")
    tick, lot = float(instrument(symbol).tick_size), float(instrument(symbol).lot_size)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, off = 24, draw(st.booleans())
    centre = 10_000 + np.cumsum(rng.integers(-9, 10, n))
    rows = np.sort(centre[:, None] + rng.integers(-6, 7, (n, 4)), axis=1)[:, [1, 3, 0, 2]].astype(np.float64)
    if off:
        rows[:, 1:3] += [0.3, -0.3]
        rows += 0.137
    if draw(st.booleans()):
        rows[rng.integers(1, n, 3), 3] = np.nan
    series = bars(
        symbol,
        [tuple(row) for row in (rows * tick).tolist()],
        per_session=draw(st.sampled_from([1, 3])),
        volume=draw(st.sampled_from([float("nan"), 5 * lot])),
        session_end=None if draw(st.booleans()) else rng.random(n) < 0.4,
    )
    script: dict[int, list[Intent]] = {}
    for wake in range(n - 2):
        for number in range(int(rng.integers(0, 3))):
            script.setdefault(wake, []).append(some_order(rng, symbol, int(centre[wake]), f"{wake}.{number}"))
    costs = CostModel(
        fee_per_unit=draw(st.sampled_from([None, Decimal("0.62")])),
        fee_rate=draw(st.sampled_from([None, Decimal("0.0003")])),
        slippage_ticks=draw(st.integers(0, 2)),
        slippage_rate=draw(st.sampled_from([Decimal(0), Decimal("0.0005")])),
        multiplier=draw(st.sampled_from([Decimal(1), Decimal("1.25"), Decimal("1.5")])),
        spread=draw(st.sampled_from([None, SpreadModel(Decimal("0.6"), vol_sensitivity=Decimal(1), vol_long=6)])),
    )
    account = AccountKind.REG_T if spot else AccountKind.FUTURES
    market = market_of(**{symbol: series})
    events: Events = NO_EVENTS
    if draw(st.booleans()):
        instants = sorted(int(series.ts_event_ns[row]) - int(rng.integers(0, 3)) * NS_PER_HOUR for row in (6, 13, 19))
        paid = (Dividend(instants[0], Decimal("0.75")), Split(instants[1], *draw(st.sampled_from([(3, 2), (1, 4)]))))
        charged = (Funding(instants[0], Decimal("0.0005")), Funding(instants[1], Decimal("-0.0003")))
        events = {symbol: (*(paid if spot else charged), Funding(instants[2], Decimal("0.0002")))}
        if not spot and draw(st.booleans()):
            events = {symbol: (*charged, FinalSettlement(int(series.ts_close_ns[-1]), float(centre[-1] * tick)))}
    return Case(market, Scripted([symbol], script), account, costs, events)


@settings(max_examples=60)
@given(cases())
def test_every_trade_of_a_run_adds_up(case: Case) -> None:
    record = replay(
        case.market, case.strategy, account=case.account, costs=case.costs, borrow="0.05", events=case.events
    )
    traces: list[Trace] = [trace_trade(record, case.market, i, events=case.events) for i in range(len(record.trades))]
    assert sum(trace.net_micros for trace in traces) == record.net_pnl_micros
    assert {step.fill_id for trace in traces for step in trace.fills} == set(range(len(record.fills)))
    assert sum(step.fee.share_micros for trace in traces for step in trace.fills) == record.fees_micros
    assert all(step.rule_text.endswith(".") for trace in traces for step in trace.fills)
