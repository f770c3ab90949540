from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from argus.core.errors import OrderError
from argus.core.orders import (
    FINAL_STATES,
    Fill,
    FillRule,
    Order,
    OrderState,
    OrderType,
    Reason,
    Side,
    TimeInForce,
    check_transition,
)

S = OrderState
# What docs/fills.md lets an order do: only orders that work fill, and one that has a part may get another. An order
# with a last date may expire before it arrives.
LEGAL = {
    S.SUBMITTED: {S.WORKING, S.CANCELLED, S.EXPIRED, S.REJECTED},
    S.WORKING: {S.PARTIAL, S.FILLED, S.CANCELLED, S.EXPIRED, S.REJECTED},
    S.PARTIAL: {S.PARTIAL, S.FILLED, S.CANCELLED, S.EXPIRED, S.REJECTED},
}


@pytest.mark.parametrize("before", list(S))
@pytest.mark.parametrize("after", list(S))
def test_every_move_between_two_states(before: OrderState, after: OrderState) -> None:
    if after in LEGAL.get(before, set()):
        check_transition(before, after)
    else:
        with pytest.raises(OrderError, match=f"cannot go from {before.name} to {after.name}"):
            check_transition(before, after)


def test_final_states_are_those_that_nothing_leaves() -> None:
    assert frozenset(S) - frozenset(LEGAL) == FINAL_STATES


def sent(kind: OrderType, **changes: Any) -> Order:
    values: dict[str, Any] = {
        "order_id": 7,
        "decision_id": 0,
        "instrument": "ES",
        "side": Side.SELL,
        "type": kind,
        "time_in_force": TimeInForce.DAY,
        "quantity_lots": 3,
        "limit_ticks": 5 if kind.name.startswith("LIMIT") or kind == OrderType.STOP_LIMIT else None,
        "stop_ticks": 5 if kind in (OrderType.STOP, OrderType.STOP_LIMIT) else None,
        "trail_ticks": 5 if kind == OrderType.TRAILING_STOP else None,
    }
    return Order(**(values | changes))


@pytest.mark.parametrize("kind", list(OrderType))
def test_each_type_has_the_prices_it_needs_and_no_other(kind: OrderType) -> None:
    good = sent(kind)
    for field, name in (("limit_ticks", "limit price"), ("stop_ticks", "stop price"), ("trail_ticks", "trail")):
        needed = getattr(good, field) is not None
        words = f"order 7: a {kind.name} order {'needs a' if needed else 'takes no'} {name}"
        with pytest.raises(OrderError, match=words):
            sent(kind, **{field: None if needed else 5})


@pytest.mark.parametrize("kind", [OrderType.LIMIT, OrderType.STOP])
def test_a_price_of_zero_or_less_is_a_price(kind: OrderType) -> None:
    field = f"{kind.name.lower()}_ticks"
    assert getattr(sent(kind, **{field: 0}), field) == 0
    assert getattr(sent(kind, **{field: -3700}), field) == -3700


@pytest.mark.parametrize("lots", [0, -1])
def test_a_quantity_is_positive(lots: int) -> None:
    with pytest.raises(OrderError, match=f"order 7: quantity is {lots} lots; it must be positive"):
        sent(OrderType.MARKET, quantity_lots=lots)


def test_the_side_gives_the_sign() -> None:
    assert sent(OrderType.MARKET).signed_lots == -3
    assert sent(OrderType.MARKET, side=Side.BUY).signed_lots == 3
    assert [int(side) for side in Side] == [1, -1]


def test_orders_and_fills_cannot_be_changed() -> None:
    fill = Fill(0, 7, "ES", 1, 2, -3, 100, 0, FillRule.LIQUIDATION)
    with pytest.raises(FrozenInstanceError):
        fill.price_ticks = 99  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        sent(OrderType.MARKET).quantity_lots = 9  # type: ignore[misc]


@pytest.mark.parametrize("words", [OrderType, TimeInForce, OrderState, Reason, FillRule])
def test_codes_count_from_zero_since_records_hold_them(words: type[OrderState]) -> None:
    assert [int(member) for member in words] == list(range(len(words)))
