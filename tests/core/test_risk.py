from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from argus.core import risk
from argus.core.errors import OrderError
from argus.core.orders import Order, OrderType, Side, TimeInForce
from argus.core.risk import RiskApproved, RiskRefused
from argus.portfolio import LimitRiskPolicy
from tests.portfolio.account import SmallAccount

AN_ORDER = Order(4, 0, "ES", Side.BUY, OrderType.MARKET, TimeInForce.DAY, 2)


@pytest.mark.parametrize("seal", [None, object(), True, "seal"])
def test_nobody_makes_an_approval_by_hand(seal: object) -> None:
    with pytest.raises(OrderError, match="order 4: only the risk policy can approve an order"):
        RiskApproved(AN_ORDER, seal=seal)


def test_an_approval_needs_a_seal() -> None:
    with pytest.raises(TypeError, match="seal"):
        RiskApproved(AN_ORDER)  # type: ignore[call-arg]


def test_the_policy_approves_and_the_order_within_stands() -> None:
    approved = LimitRiskPolicy().approve(AN_ORDER, SmallAccount())
    assert isinstance(approved, RiskApproved)
    assert approved.order is AN_ORDER
    assert repr(AN_ORDER) in repr(approved)
    with pytest.raises(AttributeError):
        approved.order = AN_ORDER  # type: ignore[misc]
    with pytest.raises(AttributeError):
        approved.note = "more"  # type: ignore[attr-defined]


def test_a_refusal_says_which_limit_and_why() -> None:
    refused = LimitRiskPolicy(max_order_units=1).approve(AN_ORDER, SmallAccount())
    assert isinstance(refused, RiskRefused)
    assert refused.order is AN_ORDER
    assert refused.limit == "max_order_units"
    assert refused.reason == "The ES order is for 2 units; at most 1 are allowed."
    with pytest.raises(FrozenInstanceError):
        refused.reason = ""  # type: ignore[misc]


def test_the_maker_of_approvals_is_not_for_everyone() -> None:
    assert risk.__all__ == ["OrderLimits", "RiskApproved", "RiskRefused"]
