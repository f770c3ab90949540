from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import ConfigError
from argus.core.instruments import instrument
from argus.core.money import MICROS
from argus.core.orders import Order, OrderType, Side, TimeInForce
from argus.core.ports import RiskPolicy
from argus.core.risk import RiskApproved, RiskRefused
from argus.portfolio import LimitRiskPolicy
from tests.portfolio.account import SmallAccount


def order(signed_lots: int, symbol: str = "ES") -> Order:
    side = Side.BUY if signed_lots > 0 else Side.SELL
    return Order(7, 3, symbol, side, OrderType.MARKET, TimeInForce.DAY, abs(signed_lots))


def verdict(
    policy: LimitRiskPolicy, signed_lots: int, symbol: str = "ES", **account: Any
) -> RiskApproved | RiskRefused:
    return policy.approve(order(signed_lots, symbol), SmallAccount(**account))


def test_an_approved_order_is_the_order_that_was_asked_for() -> None:
    asked = order(2)
    approved = LimitRiskPolicy().approve(asked, SmallAccount())
    assert isinstance(approved, RiskApproved)
    assert approved.order is asked


@pytest.mark.parametrize(("lots", "passes"), [(10, True), (11, False), (-10, True), (-11, False)])
def test_margin(lots: int, passes: bool) -> None:
    got = verdict(LimitRiskPolicy(), lots)
    assert isinstance(got, RiskApproved) == passes
    if isinstance(got, RiskRefused):
        assert got.limit == "initial_margin"
        assert got.reason == "The ES order would bring initial margin to 110,000.00; the equity is 100,000.00."
    assert isinstance(verdict(LimitRiskPolicy(check_margin=False), lots), RiskApproved)


def test_margin_counts_what_is_held_elsewhere_and_what_is_pending() -> None:
    assert isinstance(verdict(LimitRiskPolicy(), 5, lots={"NQ": -6}), RiskRefused)
    assert isinstance(verdict(LimitRiskPolicy(), 4, lots={"NQ": -6}), RiskApproved)
    assert isinstance(verdict(LimitRiskPolicy(), 5, pending={"ES": 6}), RiskRefused)
    assert isinstance(verdict(LimitRiskPolicy(), 4, pending={"ES": 6}), RiskApproved)


def test_a_purchase_after_a_pending_sale_is_judged_by_what_it_leads_to() -> None:
    full = LimitRiskPolicy(max_position_units=10)
    assert isinstance(verdict(full, 10, lots={"ES": 10}, pending={"ES": -10}), RiskApproved)
    got = verdict(full, 10, lots={"ES": 10})
    assert isinstance(got, RiskRefused)
    assert got.limit == "max_position_units"


def test_order_and_position_limits_name_figures() -> None:
    policy = LimitRiskPolicy(max_order_units=3, max_position_units=4)
    got = verdict(policy, 4)
    assert isinstance(got, RiskRefused)
    assert (got.limit, got.reason) == ("max_order_units", "The ES order is for 4 units; at most 3 are allowed.")
    got = verdict(policy, -3, lots={"ES": -2})
    assert isinstance(got, RiskRefused)
    assert (got.limit, got.reason) == ("max_position_units", "The ES position would be 5 units; at most 4 are allowed.")
    assert isinstance(verdict(policy, 3), RiskApproved)
    assert isinstance(verdict(policy, 1, lots={"ES": 3}), RiskApproved)


def test_limits_are_in_units_not_lots() -> None:
    policy = LimitRiskPolicy(max_order_units=0.5, check_margin=False)
    assert isinstance(verdict(policy, 50_000_000, "BTCUSD"), RiskApproved)
    got = verdict(policy, 50_000_001, "BTCUSD")
    assert isinstance(got, RiskRefused)
    assert got.reason == "The BTCUSD order is for 0.50000001 units; at most 0.5 are allowed."


def test_specifications_of_the_run_come_before_the_file() -> None:
    own = {"MYTHING": instrument("BTCUSD")}
    policy = LimitRiskPolicy(max_order_units=1, check_margin=False, instruments=own)
    assert isinstance(verdict(policy, 100_000_000, "MYTHING"), RiskApproved)


@pytest.mark.parametrize("check_cash", [False, True])
def test_cash_accounts_neither_owe_nor_go_short(check_cash: bool) -> None:
    policy = LimitRiskPolicy(check_margin=False, check_cash=check_cash)
    price = {"price_micros": 600 * MICROS}
    assert isinstance(verdict(policy, 166, "SPY", **price), RiskApproved)
    got = verdict(policy, 167, "SPY", **price)
    assert isinstance(got, RiskRefused) == check_cash
    if isinstance(got, RiskRefused):
        assert got.limit == "cash"
        assert "would leave cash of -200.00, from 100,000.00 now" in got.reason
    got = verdict(policy, -11, "SPY", lots={"SPY": 10}, **price)
    assert isinstance(got, RiskRefused) == check_cash
    if isinstance(got, RiskRefused):
        assert got.limit == "short_forbidden"


@given(
    st.integers(-50, 50).filter(bool),
    st.integers(-50, 50),
    st.integers(-50, 50),
    st.integers(1, 20),
    st.integers(1, 20),
    st.booleans(),
)
def test_what_reduces_always_passes_and_what_passes_keeps_the_limits(
    lots: int, held: int, pending: int, order_max: int, position_max: int, check_cash: bool
) -> None:
    account = SmallAccount(lots={"ES": held}, pending={"ES": pending}, price_micros=5_000 * MICROS)
    policy = LimitRiskPolicy(order_max, position_max, check_cash=check_cash)
    got = policy.approve(order(lots), account)
    before, after = held + pending, held + pending + lots
    if before * after >= 0 and abs(after) <= abs(before):
        assert isinstance(got, RiskApproved)
    elif isinstance(got, RiskApproved):
        assert abs(lots) <= order_max
        assert abs(after) <= position_max
        assert abs(after) * account.margin_micros <= account.equity_micros
        assert not check_cash or after >= 0
    else:
        assert got.order.signed_lots == lots
        assert got.reason.endswith(".")


# ---- how many, and at what price


SECOND = 1_000_000_000


def test_orders_are_counted_over_a_sliding_window_of_market_time() -> None:
    policy = LimitRiskPolicy(max_orders=3, max_orders_window_s=10)
    sent = [0, 4 * SECOND, 9 * SECOND]
    got = verdict(policy, 1, sent_ns=sent, now_ns=9 * SECOND)
    assert isinstance(got, RiskRefused)
    assert (got.limit, got.reason) == (
        "max_orders",
        "The ES order would be number 4 within 10 s; at most 3 are allowed.",
    )
    assert isinstance(verdict(policy, 1, sent_ns=sent, now_ns=10 * SECOND - 1), RiskRefused)
    assert isinstance(verdict(policy, 1, sent_ns=sent, now_ns=10 * SECOND), RiskApproved)


def test_whoever_wants_out_is_not_counted_away() -> None:
    policy = LimitRiskPolicy(max_orders=1, price_collar_ticks=1, max_order_units=1, check_cash=True)
    account = SmallAccount(lots={"ES": 5}, sent_ns=[0, 0, 0], last_ticks={"ES": 16_000})
    out = priced(OrderType.LIMIT, -5, limit=20_000)
    assert isinstance(policy.approve(out, account), RiskApproved)
    # Also where nothing is held yet: the exit of a bracket may only reduce.
    exit_order = priced(OrderType.STOP, -5, stop=20_000, reduce_only=True)
    assert isinstance(policy.approve(exit_order, SmallAccount(sent_ns=[0])), RiskApproved)
    turned = priced(OrderType.LIMIT, -6, limit=16_000)
    assert isinstance(policy.approve(turned, account), RiskRefused)


def priced(
    kind: OrderType,
    signed_lots: int,
    limit: int | None = None,
    stop: int | None = None,
    trail: int | None = None,
    *,
    reduce_only: bool = False,
) -> Order:
    side = Side.BUY if signed_lots > 0 else Side.SELL
    return Order(
        7, 3, "ES", side, kind, TimeInForce.DAY, abs(signed_lots), limit, stop, trail_ticks=trail,
        reduce_only=reduce_only,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "lots", "prices", "passes"),
    [
        (OrderType.LIMIT, 1, {"limit": 16_100}, True),
        (OrderType.LIMIT, 1, {"limit": 16_101}, False),
        (OrderType.LIMIT, 1, {"limit": 15_900}, True),
        (OrderType.LIMIT, 1, {"limit": 15_899}, False),
        (OrderType.LIMIT, -1, {"limit": 16_101}, False),
        (OrderType.LIMIT_ON_OPEN, 1, {"limit": 16_101}, False),
        (OrderType.LIMIT_ON_CLOSE, -1, {"limit": 15_899}, False),
        (OrderType.STOP, 1, {"stop": 30_000}, True),  # its proper side, however far
        (OrderType.STOP, -1, {"stop": 1}, True),
        (OrderType.STOP, 1, {"stop": 15_900}, True),  # passed, by no more than the collar
        (OrderType.STOP, 1, {"stop": 15_899}, False),
        (OrderType.STOP, -1, {"stop": 16_101}, False),
        (OrderType.STOP_LIMIT, 1, {"stop": 30_000, "limit": 30_100}, True),
        (OrderType.STOP_LIMIT, 1, {"stop": 30_000, "limit": 30_101}, False),
        (OrderType.STOP_LIMIT, -1, {"stop": 16_101, "limit": 16_101}, False),
        (OrderType.TRAILING_STOP, -1, {"trail": 9_000}, True),
        (OrderType.MARKET, 1, {}, True),
        (OrderType.MARKET_ON_CLOSE, -1, {}, True),
    ],
)
def test_the_collar_by_type_of_order(kind: OrderType, lots: int, prices: dict[str, int], passes: bool) -> None:
    account = SmallAccount(last_ticks={"ES": 16_000})
    for policy in (LimitRiskPolicy(price_collar_ticks=100), LimitRiskPolicy(price_collar_fraction=0.00625)):
        got = policy.approve(priced(kind, lots, **prices), account)
        assert isinstance(got, RiskApproved) == passes
        if isinstance(got, RiskRefused):
            assert got.limit.startswith("price_collar_")


def test_the_collar_says_what_was_asked_and_what_is_allowed() -> None:
    account = SmallAccount(last_ticks={"ES": 16_000})
    got = LimitRiskPolicy(price_collar_fraction=0.05).approve(priced(OrderType.LIMIT, 1, limit=20_000), account)
    assert isinstance(got, RiskRefused)
    assert got.reason == (
        "The limit of the ES order is 5,000.00 and the last price is 4,000.00; at most 5 % of the last price between "
        "them are allowed."
    )
    got = LimitRiskPolicy(price_collar_ticks=8).approve(priced(OrderType.STOP, -1, stop=16_009), account)
    assert isinstance(got, RiskRefused)
    assert got.reason == (
        "The stop of the ES order is 4,002.25 and the market is past it at 4,000.00; at most 8 ticks between them are "
        "allowed."
    )
    unknown = LimitRiskPolicy(price_collar_ticks=8).approve(priced(OrderType.STOP, -1, stop=16_009), SmallAccount())
    assert isinstance(unknown, RiskRefused)
    assert "no price of it is known yet" in unknown.reason


def test_both_collars_hold_and_a_negative_price_has_a_size() -> None:
    both = LimitRiskPolicy(price_collar_fraction=0.01, price_collar_ticks=5)
    account = SmallAccount(last_ticks={"ES": -1_000})
    assert isinstance(both.approve(priced(OrderType.LIMIT, 1, limit=-995), account), RiskApproved)
    got = both.approve(priced(OrderType.LIMIT, 1, limit=-994), account)
    assert isinstance(got, RiskRefused)
    assert got.limit == "price_collar_ticks"
    got = both.approve(priced(OrderType.LIMIT, 1, limit=-989), account)
    assert isinstance(got, RiskRefused)
    assert got.limit == "price_collar_fraction"


def test_settings() -> None:
    with pytest.raises(ConfigError, match="max_order_units is 0"):
        LimitRiskPolicy(max_order_units=0)
    with pytest.raises(ConfigError, match="max_position_units is -1"):
        LimitRiskPolicy(max_position_units=-1)
    with pytest.raises(ConfigError, match="max_orders is 0"):
        LimitRiskPolicy(max_orders=0)
    with pytest.raises(ConfigError, match="price_collar_fraction is nan"):
        LimitRiskPolicy(price_collar_fraction=float("nan"))
    with pytest.raises(ConfigError, match=r"price_collar_ticks is 2\.5; a whole number"):
        LimitRiskPolicy(price_collar_ticks=2.5)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="max_orders_window_s is 0; whole seconds"):
        LimitRiskPolicy(max_orders=1, max_orders_window_s=0)
    policy: RiskPolicy = LimitRiskPolicy(max_order_units=2, max_orders=60, price_collar_fraction=0.1)
    assert policy.describe() == {
        "risk": "limits",
        "max_order_units": 2,
        "max_position_units": None,
        "check_margin": True,
        "check_cash": False,
        "max_orders": 60,
        "max_orders_window_s": 60,
        "price_collar_fraction": 0.1,
        "price_collar_ticks": None,
    }
