from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from typing import get_args

import pytest

from argus.core.errors import OrderError
from argus.core.intents import Bracket, Cancel, Close, Forecast, Intent, OrderRequest, Replace, Target
from argus.core.orders import OrderType, Side, TimeInForce

REQUEST = OrderRequest("ES", Side.BUY, OrderType.MARKET, 1.0)
INTENTS: list[Intent] = [
    Forecast("ES", 1.0),
    Target("ES", units=1.0),
    Close("ES"),
    REQUEST,
    Cancel("entry"),
    Replace("entry", REQUEST),
    Bracket(OrderRequest("ES", Side.BUY, OrderType.MARKET, 1.0, order_key="entry"), stop_price=1.0),
]


def test_the_union_is_all_that_may_be_asked_for() -> None:
    assert {type(intent) for intent in INTENTS} == set(get_args(Intent))


@pytest.mark.parametrize("intent", INTENTS)
def test_intents_cannot_be_changed(intent: Intent) -> None:
    name = next(iter(type(intent).__slots__))
    with pytest.raises(FrozenInstanceError):
        setattr(intent, name, "NQ")


@pytest.mark.parametrize("stated", [{}, {"units": 1.0, "weight": 0.5}])
def test_a_target_is_units_or_a_weight(stated: dict[str, float]) -> None:
    with pytest.raises(OrderError, match="target for ES: give either units or weight"):
        Target("ES", **stated)


def test_a_target_of_zero_is_a_target() -> None:
    assert Target("ES", units=0.0).weight is None
    assert Target("ES", weight=0.0).units is None


def test_what_is_not_stated_is_unknown_and_not_zero() -> None:
    opinion = Forecast("ES", -0.5)
    assert all(math.isnan(getattr(opinion, name)) for name in ("vol_annual", "expected_return_annual", "edge_score"))
    assert opinion.confidence == 1.0
    assert opinion.execution is OrderType.MARKET


def test_an_order_works_for_the_day_unless_stated() -> None:
    assert REQUEST.time_in_force is TimeInForce.DAY
    assert (REQUEST.limit_price, REQUEST.stop_price, REQUEST.order_key) == (None, None, "")
