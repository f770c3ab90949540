"""Settings of a run: what is refused, how they are told, and what each kind of account may do."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from argus.core.errors import ConfigError
from argus.core.intents import Close, Target
from argus.core.money import MONEY_MAX
from argus.core.orders import FillRule, OrderState, OrderType, Reason
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
from argus.engine.record import RunRecord
from argus.portfolio import LimitRiskPolicy
from tests.engine.markets import DOLLAR, Scripted, account, at_wakes, flat, market_of, order, play

NOTHING = at_wakes({})


def states(record: RunRecord) -> list[tuple[str, str]]:
    return [(OrderState(row["state"]).name, Reason(row["reason"]).name) for row in record.orders]


def prices(record: RunRecord) -> list[tuple[int, int]]:
    return [(int(fill["signed_lots"]), int(fill["price_ticks"])) for fill in record.fills]


@pytest.mark.parametrize("cash", [0, -1])
def test_an_account_opens_with_money(cash: int) -> None:
    with pytest.raises(ConfigError, match=r"opening cash is .*; it must be positive"):
        AccountConfig(cash_micros=cash)


@pytest.mark.parametrize("cash", [MONEY_MAX + 1, 2**63])
def test_an_account_opens_with_money_that_a_ledger_can_hold(cash: int) -> None:
    with pytest.raises(ConfigError, match="cash"):
        AccountConfig(cash_micros=cash)


@pytest.mark.parametrize(
    "name", ["fee_per_unit", "fee_rate", "fee_minimum", "slippage_ticks", "slippage_rate", "multiplier"]
)
def test_costs_are_not_negative(name: str) -> None:
    with pytest.raises(ConfigError, match=f"cost setting {name} is -1; it cannot be negative"):
        CostModel(**{name: -1 if name == "slippage_ticks" else Decimal(-1)})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["fee_rate", "slippage_rate"])
def test_a_rate_is_a_fraction(name: str) -> None:
    with pytest.raises(ConfigError, match=f"cost setting {name} is 1; it is a fraction"):
        CostModel(**{name: Decimal(1)})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["fee_per_unit", "fee_rate", "fee_minimum", "slippage_rate", "multiplier"])
@pytest.mark.parametrize("number", ["NaN", "Infinity"])
def test_a_cost_is_a_finite_number(name: str, number: str) -> None:
    with pytest.raises(ConfigError, match=name):
        CostModel(**{name: Decimal(number)})  # type: ignore[arg-type]


@pytest.mark.parametrize("share", ["0", "-0.1", "1.01", "NaN"])
def test_participation_is_a_share_of_the_volume(share: str) -> None:
    with pytest.raises(ConfigError, match="participation is "):
        FillRules(participation=Decimal(share))


def test_a_run_has_a_latency_and_a_range_in_the_right_direction() -> None:
    with pytest.raises(ConfigError, match="latency is -1e-06 ms; it cannot arrive before it is sent"):
        RunConfig(latency_ns=-1)
    with pytest.raises(ConfigError, match=r"the run starts at .*Z and ends at .*Z; nothing lies between"):
        RunConfig(start_ns=5, end_ns=5)
    assert RunConfig(start_ns=5, end_ns=6).end_ns == 6


def test_settings_are_told_in_plain_text_and_equal_amounts_are_told_alike() -> None:
    told = RunConfig(costs=CostModel(fee_per_unit=Decimal("2.50"), multiplier=Decimal("1E+1"))).describe()
    assert json.loads(json.dumps(told)) == told
    assert told["account"] == {
        "kind": "futures",
        "cash_micros": 10**12,
        "currency": "USD",
        "borrow_rate": "0",
        "debit_rate": "0",
        "credit_rate": "0",
    }
    costs: Any = told["costs"]
    assert (costs["fee_per_unit"], costs["multiplier"], costs["fee_rate"]) == ("2.5", "10", None)
    same = RunConfig(costs=CostModel(fee_per_unit=Decimal("2.5"), multiplier=Decimal(10)))
    assert same.describe() == told


def test_models_of_costs_and_halts_are_told_whole() -> None:
    told: Any = RunConfig(
        costs=CostModel(
            spread=SpreadModel(Decimal("0.50"), (("ES", Decimal("1.0")),), (("08:30", Decimal(2)),)),
            impact=ImpactModel(Decimal("0.8"), 10),
        ),
        halts=HaltRules(daily_loss=None, drawdown=Decimal("0.10"), flatten=True),
        latency_sample_ns=(5, 7),
    ).describe()
    assert json.loads(json.dumps(told)) == told
    assert told["costs"]["spread"] == {
        "half_spread_ticks": "0.5",
        "by_instrument": [["ES", "1"]],
        "by_time": [["08:30", "2"]],
        "vol_sensitivity": "0",
        "vol_short": 5,
        "vol_long": 60,
    }
    assert told["costs"]["impact"] == {"coefficient": "0.8", "window": 10}
    assert told["halts"] == {"daily_loss": None, "drawdown": "0.1", "flatten": True}
    assert told["latency_sample_ns"] == [5, 7]


@pytest.mark.parametrize("name", ["borrow_rate", "debit_rate", "credit_rate"])
@pytest.mark.parametrize(
    ("rate", "words"),
    [("-0.01", "yearly fraction"), ("1.01", "yearly fraction"), ("NaN", "yearly"), ("0.0000001", "six decimals")],
)
def test_a_rate_of_interest_is_a_yearly_fraction(name: str, rate: str, words: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is .*{words}"):
        AccountConfig(**{name: Decimal(rate)})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["daily_loss", "drawdown"])
@pytest.mark.parametrize("limit", ["0", "-0.1", "1.1", "NaN", "0.0000001"])
def test_a_loss_limit_is_a_fraction(name: str, limit: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is {limit.replace('0.0000001', '1E-7')}"):
        HaltRules(**{name: Decimal(limit)})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"half_spread_ticks": Decimal(-1)}, "half_spread_ticks is -1"),
        ({"vol_sensitivity": Decimal("NaN")}, "vol_sensitivity is NaN"),
        ({"by_instrument": (("ES", Decimal(10_001)),)}, "half spread of ES is 10001"),
        ({"by_time": (("08:30", Decimal(-1)),)}, "spread factor from 08:30 is -1"),
        ({"by_time": (("8:30", Decimal(1)),)}, "give times as HH:MM"),
        ({"by_time": (("24:00", Decimal(1)),)}, "give times as HH:MM"),
        ({"by_time": (("09:00", Decimal(1)), ("08:00", Decimal(1)))}, "each later than the one before"),
        ({"vol_short": 1}, "vol_short is 1"),
        ({"vol_short": 60}, "vol_short is 60, vol_long 60"),
    ],
)
def test_a_spread_model_that_cannot_be_meant_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        SpreadModel(**settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"coefficient": Decimal(-1)}, "impact coefficient is -1"),
        ({"coefficient": Decimal("NaN")}, "impact coefficient is NaN"),
        ({"window": 1}, "impact window is 1 sessions"),
    ],
)
def test_an_impact_model_that_cannot_be_meant_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ImpactModel(**settings)


def test_latencies_are_either_fixed_or_a_sample_and_not_beyond_a_year() -> None:
    with pytest.raises(ConfigError, match="give either latency_ns or latency_sample_ns"):
        RunConfig(latency_ns=1, latency_sample_ns=(1,))
    with pytest.raises(ConfigError, match=r"latency sample is .* ms; it cannot arrive before it is sent"):
        RunConfig(latency_sample_ns=(5, -1))
    for name in ("latency_ns", "data_latency_ns"):
        with pytest.raises(ConfigError, match="more than a year"):
            RunConfig(**{name: 366 * 86_400 * 10**9})  # type: ignore[arg-type]


# ---- accounts


def test_five_thousand_dollars_do_not_carry_a_contract_and_the_policy_says_so() -> None:
    strategy = Scripted(["ES"], lambda _view, _n: [Target("ES", units=1.0)])
    record = play(strategy, market_of(flat("ES", [4_000, 4_010, 3_000])), account(5_000), risk=LimitRiskPolicy())
    assert len(record.fills) == len(record.orders) == 0
    assert {refusal.limit for refusal in record.refusals} == {"initial_margin"}
    assert len(record.refusals) == 3
    assert "11,000.00; the equity is 5,000.00" in record.refusals[0].reason
    assert set(record.equity_micros.tolist()) == {5_000 * DOLLAR}


def test_five_thousand_dollars_do_not_carry_a_contract_at_the_fill_either() -> None:
    strategy = Scripted(["ES"], lambda _view, _n: [order("ES", 1)])
    record = play(strategy, market_of(flat("ES", [4_000, 4_010, 3_000, 3_000])), account(5_000))
    assert states(record) == [("REJECTED", "INITIAL_MARGIN")] * 3 + [("CANCELLED", "RUN_END")]
    assert len(record.fills) == 0
    assert (record.equity_micros == 5_000 * DOLLAR).all()
    assert (record.cash_micros >= 0).all()


def test_an_account_below_maintenance_is_liquidated_at_the_next_open() -> None:
    closes = [4_000, 4_000, 3_870, 3_860, 3_850]
    script = at_wakes({0: [order("ES", 1)], 1: [order("ES", 1, OrderType.LIMIT, limit=3_500)]})
    record = play(Scripted(["ES"], script), market_of(flat("ES", closes)), account(16_000))
    assert states(record) == [("FILLED", "NONE"), ("CANCELLED", "LIQUIDATION"), ("FILLED", "NONE")]
    assert prices(record) == [(1, 16_000), (-1, 15_440)]
    assert FillRule(record.fills[1]["rule"]) is FillRule.LIQUIDATION
    assert record.orders[2]["decision_id"] == -1
    assert record.order_tags[2] == "liquidation"
    assert any("liquidated 1 times" in note for note in record.notes)
    assert record.final_equity_micros == (16_000 - 140 * 50) * DOLLAR


def test_an_account_with_nothing_left_is_closed() -> None:
    closes = [4_000, 4_000, 3_000, 3_000, 3_000, 3_000]
    script = at_wakes({0: [order("ES", 1)], 2: [order("ES", 1)], 4: [order("ES", -1)]})
    record = play(Scripted(["ES"], script), market_of(flat("ES", closes)), account(16_000))
    assert states(record)[0] == ("FILLED", "NONE")
    assert ("REJECTED", "LIQUIDATION") in states(record)
    assert states(record)[-1] == ("REJECTED", "ACCOUNT_CLOSED")
    assert record.final_equity_micros == (16_000 - 50_000) * DOLLAR, "the loss beyond the account is owed, not hidden"


def test_a_cash_account_never_owes_and_never_is_short() -> None:
    script = at_wakes({0: [order("SPY", -1)], 1: [order("SPY", 30)], 2: [order("SPY", -40)], 3: [order("SPY", 24)]})
    record = play(Scripted(["SPY"], script), market_of(flat("SPY", [400.0] * 6)), account(10_000, AccountKind.CASH))
    assert states(record) == [
        ("REJECTED", "SHORT_FORBIDDEN"),
        ("REJECTED", "CASH"),
        ("REJECTED", "SHORT_FORBIDDEN"),
        ("FILLED", "NONE"),
    ]
    assert [lots for lots, _ in prices(record)] == [25, -25, 24]
    assert (record.cash_micros >= 0).all()


def test_reg_t_carries_twice_the_equity_long_or_short_and_futures_beside_it() -> None:
    script = at_wakes({0: [order("SPY", -60)], 1: [Close("SPY")], 2: [order("SPY", 10), order("MES", 9)]})
    market = market_of(flat("SPY", [400.0] * 6), flat("MES", [4_000.0] * 6))
    record = play(Scripted(["SPY", "MES"], script), market, account(10_000, AccountKind.REG_T))
    assert [lots for lots, _ in prices(record)] == [-50, 50, 10, 7]
    assert states(record)[-1] == ("REJECTED", "INITIAL_MARGIN"), "2,000 for the shares leave 7 contracts of 1,100"


@pytest.mark.parametrize(("symbol", "kind"), [("SPY", AccountKind.FUTURES), ("ES", AccountKind.CASH)])
def test_an_account_holds_only_what_it_may(symbol: str, kind: AccountKind) -> None:
    with pytest.raises(ConfigError, match=symbol):
        play(Scripted([symbol], NOTHING), market_of(flat(symbol, [100.0] * 3)), account(10_000, kind))
