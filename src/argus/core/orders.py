"""Orders, their state machine, and fills: the same in replay, sweep, paper and live.

An order lives through these states; a move that is not drawn is an error::

    SUBMITTED ──▶ WORKING ──▶ PARTIAL ──▶ FILLED   (from WORKING at once, or part by part)
        │            │           │
        ├────────────┼───────────┼──▶ CANCELLED   by the strategy, its group, a halt or the account's liquidation
        ├────────────┼───────────┼──▶ EXPIRED     a day order at the end of its session, GTD at its instant
        └────────────┴───────────┴──▶ REJECTED    by the engine: account or data
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from argus.core.errors import OrderError

__all__ = [
    "AT_MARKET",
    "AT_ONCE",
    "FINAL_STATES",
    "LIMITED",
    "ONE_SESSION",
    "ON_CLOSE",
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
    TRAILING_STOP = 6
    LIMIT_ON_OPEN = 7
    LIMIT_ON_CLOSE = 8


class TimeInForce(IntEnum):
    """How long an order works: to its session's end, until cancelled, until an instant, or at once and no longer."""

    DAY = 0
    GTC = 1
    GTD = 2
    IOC = 3
    FOK = 4


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
    GOOD_TILL = 12
    NOT_FILLED_AT_ONCE = 13
    REDUCE_ONLY = 14
    OCO = 15
    PARENT_DONE = 16
    DAILY_LOSS = 17
    DRAWDOWN = 18
    SPLIT = 19
    CONTRACT_EXPIRED = 20
    NO_RATE = 21


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
    LIMIT_ON_OPEN = 10
    LIMIT_ON_CLOSE = 11
    TRAILING_AT_OPEN = 12
    TRAILING_TOUCHED = 13
    TRAILING_AT_CLOSE = 14
    SPLIT = 15
    FINAL_SETTLEMENT = 16


FINAL_STATES: Final = frozenset({OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED})

AT_ONCE: Final = frozenset({TimeInForce.IOC, TimeInForce.FOK})
"""Times in force that end at the first open they meet."""
ONE_SESSION: Final = frozenset(
    {OrderType.MARKET_ON_OPEN, OrderType.MARKET_ON_CLOSE, OrderType.LIMIT_ON_OPEN, OrderType.LIMIT_ON_CLOSE}
)
"""Types that are day orders, whatever their time in force."""
ON_CLOSE: Final = frozenset({OrderType.MARKET_ON_CLOSE, OrderType.LIMIT_ON_CLOSE})
"""Types that need no open."""
LIMITED: Final = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.LIMIT_ON_OPEN, OrderType.LIMIT_ON_CLOSE})
"""Types with a limit price."""
AT_MARKET: Final = frozenset({OrderType.MARKET, OrderType.MARKET_ON_OPEN, OrderType.MARKET_ON_CLOSE})
"""Types that will fill at whatever price comes."""

_ALLOWED: Final = {
    OrderState.SUBMITTED: frozenset(
        {OrderState.WORKING, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED}
    ),
    OrderState.WORKING: frozenset(OrderState) - {OrderState.SUBMITTED, OrderState.WORKING},
    OrderState.PARTIAL: frozenset(OrderState) - {OrderState.SUBMITTED, OrderState.WORKING},
}


_NONE: Final = (None, None, None, None)


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
    trail_ticks : int or None
        Distance of a trailing stop from the best price seen.
    expires_ns : int or None
        End of a good-till-date order.
    reduce_only : bool
        Never fills more than brings the position nearer to zero.
    oco_group : int or None
        Orders of one group end as soon as one of them fills; its number is the id of the group's first order.
    parent_id : int or None
        The order whose fill this one waits for.
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
    trail_ticks: int | None = None
    expires_ns: int | None = None
    reduce_only: bool = False
    oco_group: int | None = None
    parent_id: int | None = None

    def __post_init__(self) -> None:
        if self.quantity_lots <= 0:
            raise OrderError(f"order {self.order_id}: quantity is {self.quantity_lots} lots; it must be positive")
        if self.type is OrderType.MARKET and self.time_in_force is TimeInForce.DAY:
            prices = self.limit_ticks, self.stop_ticks, self.trail_ticks, self.expires_ns
            if prices == _NONE:  # nearly all orders, and they need no further look
                return
        for name, value, needed in (
            ("limit price", self.limit_ticks, self.type in LIMITED),
            ("stop price", self.stop_ticks, self.type in (OrderType.STOP, OrderType.STOP_LIMIT)),
            ("trail", self.trail_ticks, self.type == OrderType.TRAILING_STOP),
        ):
            if needed != (value is not None):
                verb = "needs a" if needed else "takes no"
                raise OrderError(f"order {self.order_id}: a {self.type.name} order {verb} {name}")
        if self.trail_ticks is not None and self.trail_ticks <= 0:
            raise OrderError(f"order {self.order_id}: trail is {self.trail_ticks} ticks; it must be positive")
        if (self.time_in_force == TimeInForce.GTD) != (self.expires_ns is not None):
            raise OrderError(
                f"order {self.order_id}: time in force is {self.time_in_force.name} and expires_ns is "
                f"{self.expires_ns}; GTD orders, and only they, name the instant at which they end"
            )
        if self.time_in_force in AT_ONCE and self.type not in (OrderType.MARKET, OrderType.LIMIT):
            raise OrderError(
                f"order {self.order_id}: a {self.type.name} order cannot be {self.time_in_force.name}; "
                "market and limit orders can"
            )

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
