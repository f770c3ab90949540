"""Orders, their state machine, and fills: the same in replay, sweep, paper and live.

An order lives through these states; a move that is not drawn is an error::

    SUBMITTED ──▶ WORKING ──▶ PARTIAL ──▶ FILLED   (from WORKING at once, or part by part)
        │            │           │
        ├────────────┼───────────┼──▶ CANCELLED   by the strategy, a replacement or the account's liquidation
        │            ├───────────┼──▶ EXPIRED     a day order at the end of its session
        └────────────┴───────────┴──▶ REJECTED    by the engine: account or data
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from argus.core.errors import OrderError

__all__ = [
    "FINAL_STATES",
    "Fill",
    "FillRule",
    "Order",
    "OrderState",
    "OrderType",
    "Reason",
    "Side",
    "TimeInForce",
    "check_transition",
]


class Side(IntEnum):
    """Direction of an order; the value is the sign of its quantity."""

    BUY = 1
    SELL = -1


class OrderType(IntEnum):
    """How an order asks to be executed; conditions and prices stand in ``docs/fills.md``."""

    MARKET = 0
    LIMIT = 1
    STOP = 2
    STOP_LIMIT = 3
    MARKET_ON_OPEN = 4
    MARKET_ON_CLOSE = 5


class TimeInForce(IntEnum):
    """How long an order works: to the end of its session, or until it is cancelled."""

    DAY = 0
    GTC = 1


class OrderState(IntEnum):
    """Where an order stands."""

    SUBMITTED = 0
    WORKING = 1
    PARTIAL = 2
    FILLED = 3
    CANCELLED = 4
    EXPIRED = 5
    REJECTED = 6


class Reason(IntEnum):
    """Why an order ended other than by being filled."""

    NONE = 0
    BY_STRATEGY = 1
    REPLACED = 2
    SESSION_END = 3
    RUN_END = 4
    INITIAL_MARGIN = 5
    CASH = 6
    SHORT_FORBIDDEN = 7
    LIQUIDATION = 8
    ACCOUNT_CLOSED = 9
    NO_SUCH_PRICE = 10
    REPLACED_ORDER_DONE = 11


class FillRule(IntEnum):
    """Which rule of ``docs/fills.md`` made a fill."""

    MARKET_AT_OPEN = 0
    MARKET_ON_OPEN = 1
    MARKET_ON_CLOSE = 2
    LIMIT_AT_OPEN = 3
    LIMIT_THROUGH = 4
    STOP_AT_OPEN = 5
    STOP_TOUCHED = 6
    STOP_LIMIT_AT_OPEN = 7
    STOP_LIMIT_TOUCHED = 8
    LIQUIDATION = 9


FINAL_STATES: Final = frozenset({OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED})

_ALLOWED: Final = {
    OrderState.SUBMITTED: frozenset({OrderState.WORKING, OrderState.CANCELLED, OrderState.REJECTED}),
    OrderState.WORKING: frozenset(OrderState) - {OrderState.SUBMITTED, OrderState.WORKING},
    OrderState.PARTIAL: frozenset(OrderState) - {OrderState.SUBMITTED, OrderState.WORKING},
}


def check_transition(before: OrderState, after: OrderState) -> None:
    """Raise `OrderError` unless an order may go from `before` to `after`."""
    if after not in _ALLOWED.get(before, frozenset()):
        raise OrderError(f"an order cannot go from {before.name} to {after.name}")


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it was sent: prices on the tick grid, quantity in lots.

    Attributes
    ----------
    order_id : int
        Position in the run's order list, from 0.
    decision_id : int
        The wake-up that asked for it; -1 for a liquidation.
    instrument : str
    side : Side
    type : OrderType
    time_in_force : TimeInForce
    quantity_lots : int
        Positive.
    limit_ticks, stop_ticks : int or None
        Prices as whole numbers of price increments; None where the type has no such price.
    replaces_id : int or None
        The working order that this one takes the place of, once it arrives.
    tag : str
        The strategy's own word for the purpose.
    """

    order_id: int
    decision_id: int
    instrument: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    quantity_lots: int
    limit_ticks: int | None = None
    stop_ticks: int | None = None
    replaces_id: int | None = None
    tag: str = ""

    def __post_init__(self) -> None:
        if self.quantity_lots <= 0:
            raise OrderError(f"order {self.order_id}: quantity is {self.quantity_lots} lots; it must be positive")
        needs_limit = self.type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
        needs_stop = self.type in (OrderType.STOP, OrderType.STOP_LIMIT)
        for name, price, needed in (("limit", self.limit_ticks, needs_limit), ("stop", self.stop_ticks, needs_stop)):
            if needed != (price is not None):
                verb = "needs" if needed else "takes no"
                raise OrderError(f"order {self.order_id}: a {self.type.name} order {verb} {name} price")

    @property
    def signed_lots(self) -> int:
        """Quantity with the sign of its side."""
        return self.quantity_lots * int(self.side)


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution.

    Attributes
    ----------
    fill_id, order_id : int
    instrument : str
    ts_event_ns, ts_recv_ns : int
        When it happened at the venue (a bar's open, or its close for fills within it), and when it was known here.
    signed_lots : int
        Positive bought, negative sold.
    price_ticks : int
        Price paid or received, slippage included.
    fee_micros : int
        All fees of this fill, not negative.
    rule : FillRule
    """

    fill_id: int
    order_id: int
    instrument: str
    ts_event_ns: int
    ts_recv_ns: int
    signed_lots: int
    price_ticks: int
    fee_micros: int
    rule: FillRule
