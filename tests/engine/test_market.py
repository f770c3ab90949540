"""A market laid out: every figure in kernel units, what a reader must know about it, and data of every kind."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import ConfigError, CoverageError
from argus.core.fees import FeeComponent, FeeName
from argus.core.instruments import InstrumentSpec, Source, instrument
from argus.core.market_events import Dividend, FinalSettlement, Funding, Split
from argus.core.orders import OrderState, OrderType, Reason
from argus.core.strategy import WakeRule
from argus.core.time import NS_PER_HOUR, NS_PER_SECOND, day_number
from argus.engine._layout import (
    C_MAX,
    C_MIN,
    C_NANO,
    C_PPB,
    C_SELLS_ONLY,
    C_WHOLE,
    E_DIVIDEND,
    E_FINAL,
    E_FUNDING,
    E_SPLIT,
    INT64_MAX,
    NANO,
    R_FEE_BEGIN,
    R_FEE_END,
    R_INITIAL,
    R_MAINTENANCE,
    R_SESSION,
)
from argus.engine.config import AccountKind, CostModel, FillRules, RunConfig
from argus.engine.market import lay_out, seat
from argus.engine.record import RunRecord
from tests.engine.markets import (
    Scripted,
    account,
    at_wakes,
    flat,
    make_bars,
    market_of,
    order,
    play,
    random_bars,
    restless,
    spec_of,
)

NOTHING = at_wakes({})


def states(record: RunRecord) -> list[tuple[str, str]]:
    return [(OrderState(row["state"]).name, Reason(row["reason"]).name) for row in record.orders]


def prices(record: RunRecord) -> list[tuple[int, int]]:
    return [(int(fill["signed_lots"]), int(fill["price_ticks"])) for fill in record.fills]


def laid_out(symbol: str, kind: AccountKind = AccountKind.FUTURES, **costs: Any) -> Any:
    config = account(100_000, kind, costs=CostModel(**costs))
    return lay_out(market_of(flat(symbol, [100.0, 101.0])), (symbol,), config)


@pytest.mark.parametrize(
    ("symbol", "tick", "lot", "num", "den", "kind"),
    [
        ("ES", 0.25, 1.0, 12_500_000, 1, AccountKind.FUTURES),
        ("ZN", 0.015625, 1.0, 15_625_000, 1, AccountKind.FUTURES),
        ("6J", 5e-07, 1.0, 6_250_000, 1, AccountKind.FUTURES),
        ("SPY", 0.01, 1.0, 10_000, 1, AccountKind.CASH),
        ("EURUSD", 0.00001, 1.0, 10, 1, AccountKind.REG_T),
        ("BTCUSD", 0.01, 1e-08, 1, 10_000, AccountKind.CASH),
    ],
)
def test_an_instrument_in_kernel_units(
    symbol: str, tick: float, lot: float, num: int, den: int, kind: AccountKind
) -> None:
    p = laid_out(symbol, kind).par[0]
    assert (p["tick"], p["lot"], p["value_num"], p["value_den"]) == (tick, lot, num, den)
    assert p["is_future"] == (kind == AccountKind.FUTURES)
    assert (p["has_open"], p["has_volume"]) == (1, 0)
    ppm = (500_000, 250_000, 300_000) if kind == AccountKind.REG_T else (0, 0, 0)
    assert (p["initial_ppm"], p["maintenance_long_ppm"], p["maintenance_short_ppm"]) == ppm


@pytest.mark.parametrize(
    ("ticks", "multiplier", "milli"), [(2, "1", 2_000), (1, "1.5", 1_500), (3, "0.5", 1_500), (1, "0.001", 1)]
)
def test_slippage_is_counted_in_thousandths_of_a_tick(ticks: int, multiplier: str, milli: int) -> None:
    p = laid_out("ES", slippage_ticks=ticks, multiplier=Decimal(multiplier)).par[0]
    assert p["adverse_milli"] == milli


@pytest.mark.parametrize(
    ("ticks", "multiplier", "whole", "impact"),
    [(2, "1", 2, 0), (1, "1.5", 1, 6_250_000), (3, "0.5", 1, 6_250_000), (1, "0.001", 0, 12_500)],
)
def test_slippage_of_a_fraction_of_a_tick_is_an_impact_fee(
    ticks: int, multiplier: str, whole: int, impact: int
) -> None:
    costs = CostModel(fee_per_unit=Decimal(0), slippage_ticks=ticks, multiplier=Decimal(multiplier))
    script = at_wakes({0: [order("ES", 1)], 1: [order("ES", -1)]})
    record = play(Scripted(["ES"], script), market_of(flat("ES", [4_000.0] * 4)), account(100_000, costs=costs))
    assert prices(record) == [(1, 16_000 + whole), (-1, 16_000 - whole)]
    assert record.fills["impact_micros"].tolist() == [impact, impact]


def test_what_is_finer_than_the_ledger_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="ES: fee_per_unit times the cost multiplier is finer than the ledger"):
        laid_out("ES", fee_per_unit=Decimal("1e-16"))
    with pytest.raises(ConfigError, match="ES: fee_rate times the cost multiplier is finer than the ledger"):
        laid_out("ES", fee_rate=Decimal("1e-10"))
    fine = {"fee_per_unit": Decimal(0), "slippage_ticks": 1, "multiplier": Decimal("1.0001")}
    with pytest.raises(ConfigError, match=r"cost multiplier 1\.0001: 1 ticks of slippage times it are no whole"):
        laid_out("BTCUSD", AccountKind.CASH, **fine)


def test_a_remainder_finer_than_the_rounding_account_is_refused() -> None:
    fine = replace(instrument("BTCUSD"), tick_size=Decimal("1e-8"))
    assert fine.value_micros_per_tick_lot.denominator == 10**10
    with pytest.raises(ConfigError, match="BTCUSD"):
        lay_out({"BTCUSD": (fine, flat("BTCUSD", [1.0]))}, ("BTCUSD",), account(100, AccountKind.CASH))


@given(
    per_unit=st.decimals(0, 100, places=4),
    rate=st.decimals(0, "0.01", places=6),
    minimum=st.decimals(0, 10, places=2),
    multiplier=st.decimals(0, 5, places=2),
)
def test_stated_fees_in_kernel_units(per_unit: Decimal, rate: Decimal, minimum: Decimal, multiplier: Decimal) -> None:
    arrays = laid_out("ES", fee_per_unit=per_unit, fee_rate=rate, fee_minimum=minimum, multiplier=multiplier)
    every = [components_at(arrays, at) for at in range(arrays.par[0]["rate_end"])]
    assert all(components == every[0] for components in every), "no date changes a stated fee"
    (row,) = every[0]
    assert Decimal(row[C_WHOLE]) + Decimal(row[C_NANO]) / NANO == per_unit * multiplier * 10**6
    assert Decimal(row[C_PPB]) == rate * multiplier * NANO
    assert row[C_MIN] == round(minimum * multiplier * 10**6)
    assert (row[C_MAX], row[C_SELLS_ONLY]) == (INT64_MAX, 0)


def components_at(arrays: Any, at: int) -> list[list[int]]:
    """Fee components that the dated row `at` points to."""
    rates = arrays.rates
    return [rates[c].tolist() for c in range(rates[at, R_FEE_BEGIN], rates[at, R_FEE_END])]


def test_margins_take_effect_on_their_dates() -> None:
    arrays = laid_out("ES")
    rates = arrays.rates[: arrays.par[0]["rate_end"]]
    assert (np.diff(rates[:, R_SESSION]) > 0).all()
    spec = instrument("ES")
    for margin in spec.margins[1:]:
        (row,) = rates[rates[:, R_SESSION] == day_number(margin.effective_date)]
        assert (row[R_INITIAL], row[R_MAINTENANCE]) == (margin.initial * 10**6, margin.maintenance * 10**6)
    assert rates[0, R_INITIAL] == spec.margins[0].initial * 10**6, "before the first date the first figure holds"


def component(name: FeeName, day: date, per_unit: str, **more: Any) -> FeeComponent:
    terms: dict[str, Any] = {"rate": Decimal(0), "minimum": Decimal(0), "maximum": None, "sells_only": False} | more
    return FeeComponent(name, day, Decimal(per_unit), source=Source("a test", None, True), **terms)


def test_a_run_that_states_no_fee_takes_the_components_of_each_date() -> None:
    spec = instrument("SPY")
    components = (
        component(FeeName.COMMISSION, date.min, "0.1", minimum=Decimal(1)),
        component(FeeName.COMMISSION, date(2023, 6, 3), "0.5"),
        component(FeeName.SEC_SECTION_31, date(2023, 6, 4), "0", rate=Decimal("0.001"), sells_only=True),
        component(FeeName.FINRA_TAF, date(2023, 6, 4), "0.01", maximum=Decimal("0.02")),
    )
    market = {"SPY": (replace(spec, fee_components=components), flat("SPY", [400.0] * 6))}
    script = at_wakes({n: [order("SPY", 5 if n < 3 else -5)] for n in range(4)})
    config = account(100_000, AccountKind.CASH, costs=CostModel())
    record = play(Scripted(["SPY"], script), market, config)
    assert record.fills["fee_micros"].tolist() == [1_000_000, 2_500_000, 2_520_000, 2_520_000 + 2_000_000]
    arrays = lay_out(market, ("SPY",), config)
    assert [len(components_at(arrays, at)) for at in range(arrays.par[0]["rate_end"])] == [1, 1, 1, 3]
    doubled = account(100_000, AccountKind.CASH, costs=CostModel(multiplier=Decimal(2)))
    record = play(Scripted(["SPY"], script), market, doubled)
    assert record.fills["fee_micros"].tolist() == [2_000_000, 5_000_000, 5_040_000, 5_040_000 + 4_000_000]


def test_a_fee_that_changes_within_a_run_needs_no_new_margin() -> None:
    dated = component(FeeName.ALL_IN, date(2023, 6, 3), "9")
    market = {"ES": (replace(instrument("ES"), fee_components=(dated,)), flat("ES", [4_000.0] * 5))}
    arrays = lay_out(market, ("ES",), account(100_000, costs=CostModel()))
    days = arrays.rates[: arrays.par[0]["rate_end"], R_SESSION].tolist()
    assert day_number(date(2023, 6, 3)) in days
    assert days == sorted(set(days))
    at = days.index(day_number(date(2023, 6, 3)))
    assert arrays.rates[at, R_INITIAL] == arrays.rates[at - 1, R_INITIAL] > 0
    assert (components_at(arrays, at - 1), len(components_at(arrays, at))) == ([], 1)


# ---- events of instruments


def test_events_come_in_kernel_units_by_instant_then_universe_then_as_given() -> None:
    spy, btc = flat("SPY", [400.0] * 4), flat("BTCUSD", [100.0] * 4)
    first, second = (int(ts) for ts in spy.ts_event_ns[1:3])
    events = {
        "BTCUSD": (Funding(first, Decimal("-0.000000001")), FinalSettlement(int(btc.ts_close_ns[-1]), 100.25)),
        "SPY": (
            Split(second, 3, 2),
            Dividend(first, Decimal("1.234567")),
            Split(first, 1, 10),
            Dividend(second, Decimal("0.5")),
        ),
    }
    config = account(1_000, AccountKind.CASH)
    arrays = lay_out(market_of(spy, btc), ("SPY", "BTCUSD"), config, events)
    assert arrays.events.tolist() == [
        [first, 0, E_DIVIDEND, 1_234_567, 0],
        [first, 0, E_SPLIT, 1, 10],
        [first, 1, E_FUNDING, -1, 0],
        [second, 0, E_SPLIT, 3, 2],
        [second, 0, E_DIVIDEND, 500_000, 0],
        [int(btc.ts_close_ns[-1]), 1, E_FINAL, 10_025, 0],
    ]
    assert lay_out(market_of(spy, btc), ("SPY", "BTCUSD"), config).events.shape == (0, 5)


def test_a_dividend_on_a_fraction_of_a_coin_keeps_its_billionths() -> None:
    bars = flat("BTCUSD", [100.0] * 3)
    events = {"BTCUSD": (Dividend(int(bars.ts_event_ns[1]), Decimal("12.345")),)}
    arrays = lay_out(market_of(bars), ("BTCUSD",), account(1_000, AccountKind.CASH), events)
    assert arrays.events[0, 3:].tolist() == [0, 123_450_000]


@pytest.mark.parametrize(
    ("symbol", "event", "kind", "words"),
    [
        ("ES", Dividend(0, Decimal(1)), AccountKind.FUTURES, "ES is a future: it has no dividend"),
        ("ES", Split(0, 2, 1), AccountKind.FUTURES, "ES is a future: it has no split"),
        ("ES", Funding(0, Decimal("1e-10")), AccountKind.FUTURES, "ES: funding rate 1E-10 is finer than a billionth"),
        (
            "SPY",
            Dividend(0, Decimal("1e-16")),
            AccountKind.CASH,
            "SPY: dividend 1E-16 a share is finer",
        ),
    ],
)
def test_an_event_that_cannot_be_booked_is_refused(symbol: str, event: Any, kind: AccountKind, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        lay_out(market_of(flat(symbol, [100.0] * 3)), (symbol,), account(1_000, kind), {symbol: (event,)})


def test_bars_after_a_final_settlement_are_refused() -> None:
    bars = flat("ES", [4_000.0] * 4)
    events = {"ES": (FinalSettlement(int(bars.ts_close_ns[1]), 4_000.0),)}
    with pytest.raises(CoverageError, match="ES: row 2 closes at 2023-06-03T15:00:00Z, after the final settlement at"):
        lay_out(market_of(bars), ("ES",), account(1_000), events)


def test_rows_around_an_event_are_left_to_the_event_loop() -> None:
    bars = flat("SPY", [400.0] * 40, per_session=40, minutes=5)
    config = account(1_000, AccountKind.CASH)
    quiet = lay_out(market_of(bars), ("SPY",), config).special.tolist()
    assert quiet == [0, 39, 40]
    events = {"SPY": tuple(Dividend(int(bars.ts_event_ns[row]) + past, Decimal(1)) for row, past in ((7, 0), (20, 1)))}
    assert lay_out(market_of(bars), ("SPY",), config, events).special.tolist() == [0, 6, 20, 39, 40]


# ---- books in one instrument


def test_a_symbol_that_comes_again_is_a_line_of_the_same_bars() -> None:
    market = market_of(flat("ES", [1.0, 2.0, 3.0]), flat("NQ", [4.0, 5.0]))
    arrays = lay_out(market, ("ES", "NQ", "ES", "ES"), RunConfig())
    assert len(arrays.columns[0]) == 5
    assert arrays.par["first_line"].tolist() == [0, 1, 0, 0]
    assert arrays.par["next_line"].tolist() == [2, -1, 3, -1]
    for name in ("row_begin", "row_end", "rate_begin", "rate_end", "value_num", "tick"):
        assert arrays.par[name][2] == arrays.par[name][0]
    assert not arrays.is_plain


def test_lines_are_given_to_strategies_each_with_its_own_wake_rule() -> None:
    market = market_of(flat("ES", [1.0] * 3), flat("NQ", [4.0] * 3))
    arrays = lay_out(market, ("ES", "NQ", "ES"), RunConfig())
    first = spec_of(("ES", "NQ"), warmup=5, wakes_on_fill=True)
    second = spec_of(("ES",), warmup=0, wake=WakeRule.SESSION_END)
    seat(arrays, [replace(first, late=frozenset({"NQ"})), second])
    assert arrays.par["book"].tolist() == [0, 0, 1]
    assert arrays.par["warmup"].tolist() == [5, 0, 1]
    assert arrays.par["session_end_only"].tolist() == [0, 0, 1]
    assert arrays.par["tells_fills"].tolist() == [1, 1, 0]


# ---- data of every kind, and margins


def test_margin_of_the_session_is_what_a_position_needs() -> None:
    first = day_number(date(2024, 12, 30))
    bars = flat("ES", [4_000.0] * 5, first_day=first)
    record = play(Scripted(["ES"], at_wakes({0: [order("ES", 1)]})), market_of(bars), account(15_000))
    assert record.orders["liquidation"].tolist() == [0, 1], "20,275 are needed to keep it from 2025 on"
    assert record.orders["ts_submit_ns"][1] == bars.ts_close_ns[2]


@pytest.mark.parametrize(
    ("market", "universe", "config", "kind", "words"),
    [
        ({}, ("ES",), RunConfig(), CoverageError, "ES: the run has no bars of it; it has none at all"),
        (
            market_of(flat("ES", [])),
            ("ES",),
            RunConfig(),
            CoverageError,
            "ES: there are no bars in the run's range",
        ),
        (
            {"ES": (replace(instrument("ES"), margins=()), flat("ES", [1.0]))},
            ("ES",),
            RunConfig(),
            ConfigError,
            "ES has no margin figure",
        ),
    ],
)
def test_what_cannot_be_laid_out(market: Any, universe: Any, config: RunConfig, kind: Any, words: str) -> None:
    with pytest.raises(kind, match=words):
        lay_out(market, universe, config)


@pytest.mark.parametrize("other", ["MES", "NQ"])
def test_a_specification_of_another_instrument_is_refused(other: str) -> None:
    market: dict[str, tuple[InstrumentSpec, Any]] = {"ES": (instrument(other), flat("ES", [4_000.0] * 3))}
    with pytest.raises(ConfigError, match=other):
        lay_out(market, ("ES",), RunConfig())


def test_bars_lie_one_instrument_after_the_other_in_the_order_of_the_universe() -> None:
    market = market_of(flat("ES", [1.0, 2.0, 3.0]), flat("NQ", [4.0, 5.0]))
    arrays = lay_out(market, ("NQ", "ES"), RunConfig())
    assert arrays.columns[6].tolist() == [4.0, 5.0, 1.0, 2.0, 3.0]
    assert [(int(p["row_begin"]), int(p["row_end"])) for p in arrays.par] == [(0, 2), (2, 5)]
    assert not any(column.flags.writeable for column in arrays.columns)


def test_notes_say_what_a_reader_must_know() -> None:
    def notes(symbol: str, day: date, **costs: Any) -> str:
        market = market_of(flat(symbol, [100.0], first_day=day_number(day)))
        return " | ".join(lay_out(market, (symbol,), account(1_000, costs=CostModel(**costs))).notes)

    assert "ZN: unverified figures were used: fees, margins" in notes("ZN", date(2023, 1, 3))
    assert "ZN: unverified figures were used: margins" in notes("ZN", date(2023, 1, 3), fee_per_unit=Decimal(1))
    assert "ZN: unverified figures were used: margins" in notes("ZN", date(2023, 1, 3), fee_minimum=Decimal(1))
    assert "volume was not observed" in notes("ES", date(2023, 1, 3))
    assert "margins before 2012-03-26 are not known" in notes("ES", date(2012, 3, 23))
    assert "margins before" not in notes("ES", date(2012, 3, 26))


def test_size_is_bounded_by_volume_and_participation() -> None:
    bars = make_bars("ES", [(4_000,) * 4] * 5, volume=10.0)
    config = account(10_000_000, fills=FillRules(participation=Decimal("0.29")))
    record = play(Scripted(["ES"], at_wakes({0: [order("ES", 7)]})), market_of(bars), config)
    assert record.fills["signed_lots"].tolist() == [2, 2, 2, 1]


# ---- data of every kind


def test_closes_alone_can_be_traded_on_the_close_and_on_nothing_else() -> None:
    bars = flat("VIX", [20.0, 21.0, 22.0, 23.0], observed=frozenset({"close"}))
    kinds = {
        OrderType.MARKET: {},
        OrderType.MARKET_ON_OPEN: {},
        OrderType.LIMIT: {"limit": 99.0},
        OrderType.STOP: {"stop": 1.0},
        OrderType.STOP_LIMIT: {"stop": 1.0, "limit": 99.0},
        OrderType.MARKET_ON_CLOSE: {},
    }
    asked = [order("VIX", 2, kind, **priced) for kind, priced in kinds.items()]
    record = play(Scripted(["VIX"], at_wakes({0: asked})), market_of(bars), account(1_000, AccountKind.REG_T))
    assert states(record) == [("REJECTED", "NO_SUCH_PRICE")] * 5 + [("FILLED", "NONE")]
    assert prices(record) == [(2, 2_100)]
    assert record.fills["ts_event_ns"].tolist() == bars.ts_close_ns[1:2].tolist()


def test_a_column_that_was_not_observed_fills_nothing() -> None:
    whole = make_bars("ES", [(4_000, 4_100, 3_900, 4_000)] * 4)
    blind = np.full(4, np.nan)
    bars = replace(whole, high=blind.copy(), low=blind.copy(), observed=frozenset({"open", "close"}))
    asked = [order("ES", 1, OrderType.LIMIT, limit=3_950), order("ES", 1, OrderType.STOP, stop=4_050), order("ES", 1)]
    record = play(Scripted(["ES"], at_wakes({0: asked})), market_of(bars))
    assert states(record) == [("CANCELLED", "RUN_END"), ("CANCELLED", "RUN_END"), ("FILLED", "NONE")]


def test_instruments_with_their_own_hours_intervals_and_delays_live_side_by_side() -> None:
    es = random_bars(1, "ES", 24, per_session=6, delay_ns=3 * NS_PER_SECOND)
    cl = random_bars(2, "CL", 9, per_session=3, minutes=100, delay_ns=NS_PER_HOUR, first_day=int(es.session[0]) + 1)
    strategy = Scripted(["ES", "CL"], restless(5, ["ES", "CL"]), lambda _fill, _view: ())
    record = play(strategy, market_of(es, cl), account(500_000))
    assert set(record.fills["instrument"].tolist()) == {0, 1}
    known = {*es.ts_recv_ns.tolist(), *cl.ts_recv_ns.tolist()}
    assert set(strategy.wakes) == {ts for ts in known if ts >= cl.ts_recv_ns[0]}
    assert record.equity_ts_ns.tolist() == sorted(
        ts for ts in {*es.ts_close_ns.tolist(), *cl.ts_close_ns.tolist()} if ts >= strategy.wakes[0]
    )
    for fill in record.fills:
        sent = record.orders[fill["order_id"]]
        bars = (es, cl)[fill["instrument"]]
        assert sent["ts_arrive_ns"] <= bars.ts_event_ns[fill["row"]]
