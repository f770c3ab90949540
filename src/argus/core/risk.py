"""Risk approval is a type: only `RiskApproved` orders reach the engine or a broker.

A `RiskApproved` cannot be constructed by hand. It comes out of `_approve`, which the risk policy alone may call
(a test over the source holds that), so that code which forgot to ask does not type-check and does not run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from argus.core.errors import OrderError
from argus.core.orders import Order

__all__ = ["OrderLimits", "RiskApproved", "RiskRefused"]

_SEAL: Final = object()


class RiskApproved:
    """An order that the risk policy let through; hold it, read it, send it, but it cannot be made by hand.

    Attributes
    ----------
    order : Order
    """

    __slots__ = ("_order",)

    def __init__(self, order: Order, *, seal: object) -> None:
        if seal is not _SEAL:
            raise OrderError(f"order {order.order_id}: only the risk policy can approve an order; pass it through one")
        self._order = order

    @property
    def order(self) -> Order:
        """The approved order."""
        return self._order

    def __repr__(self) -> str:
        return f"RiskApproved({self._order!r})"


@dataclass(frozen=True, slots=True)
class RiskRefused:
    """An order that the risk policy stopped.

    Attributes
    ----------
    order : Order
    limit : str
        Name of the limit that stopped it, e.g. ``position_lots_max``.
    reason : str
        One plain sentence with what was asked and what is allowed.
    """

    order: Order
    limit: str
    reason: str


@dataclass(frozen=True, slots=True)
class OrderLimits:
    """The whole of a risk policy that a kernel can apply by itself; its refusals are checked against the policy.

    Attributes
    ----------
    max_order_units, max_position_units : float or None
        Largest order, and largest position either way; None is no limit.
    check_margin : bool
        Whether initial margins, the order included, must be covered by the equity.
    check_cash : bool
        Whether cash must stay at zero or above, and no position be short.
    """

    max_order_units: float | None
    max_position_units: float | None
    check_margin: bool
    check_cash: bool


def _approve(order: Order) -> RiskApproved:
    """Make the approval. For the risk policy only."""
    return RiskApproved(order, seal=_SEAL)
