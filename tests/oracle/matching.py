"""The table of docs/fills.md: whether an order fills in an event of a bar, and at what price.

Each function gives the price and the rule of a fill whose condition is met, or None, and moves what the order
remembers: that it has triggered, and the level of a trailing stop.
"""

from __future__ import annotations

from tests.oracle.orders import OracleOrder
from tests.oracle.settings import BarCosts
from tests.oracle.world import NEAR, Row, Ticks

Met = tuple[int, str] | None


def reached(side: int, price: Ticks, stop: Ticks | None) -> bool:
    """At or above the stop for a buy, at or below it for a sell; a level off the grid is reached within 1e-6 of it."""
    assert stop is not None
    beyond = side * (price - stop)
    return beyond >= 0 or (not isinstance(beyond, int) and beyond >= -NEAR)


def above(side: int, price: int, limit: int | None) -> bool:
    """Worse than the limit allows."""
    assert limit is not None
    return side * (price - limit) > 0


def through(side: int, price: Ticks, limit: int | None, *, touch: bool) -> bool:
    """Below the limit for a buy, above it for a sell; at it counts only with the touch setting."""
    assert limit is not None
    return side * (limit - price) > 0 or (touch and price == limit)


def worst_allowed(side: int, price: int, limit: int | None) -> int:
    """The price, or the limit where that is better for the trader."""
    assert limit is not None
    return min(price, limit) if side > 0 else max(price, limit)


def at_open(order: OracleOrder, row: Row, costs: BarCosts, *, touch: bool) -> Met:
    """The `OPEN` column."""
    ticket, opened = order.ticket, row.open
    if opened is None:
        return None
    side, kind, price = ticket.side, ticket.type, costs.slip(opened, ticket.side)
    if kind == "MARKET":
        return price, "MARKET_AT_OPEN"
    if kind == "MARKET_ON_OPEN" and row.first_of_session:
        return price, "MARKET_ON_OPEN"
    if kind == "LIMIT_ON_OPEN" and row.first_of_session and not above(side, price, ticket.limit):
        return price, "LIMIT_ON_OPEN"
    if kind == "STOP" and (order.triggered or reached(side, opened, ticket.stop)):
        order.triggered = True
        return price, "STOP_AT_OPEN"
    if kind == "TRAILING_STOP":
        if order.triggered or (order.level is not None and reached(side, opened, order.level)):
            order.triggered = True
            return price, "TRAILING_AT_OPEN"
        move_level(order, opened)
        return None
    if kind == "STOP_LIMIT" and not order.triggered:
        if reached(side, opened, ticket.stop):
            order.triggered = True
            return (price, "STOP_LIMIT_AT_OPEN") if not above(side, price, ticket.limit) else None
        return None
    if kind in ("LIMIT", "STOP_LIMIT") and through(side, opened, ticket.limit, touch=touch):
        return worst_allowed(side, price, ticket.limit), "LIMIT_AT_OPEN"
    return None


def in_range(order: OracleOrder, row: Row, costs: BarCosts) -> Met:
    """The `CLOSE` column for stops, trailing stops and stop-limits that wait for their price."""
    ticket = order.ticket
    if ticket.type == "TRAILING_STOP":
        return trailing_in_range(order, row, costs)
    extreme = row.high if ticket.side > 0 else row.low
    if extreme is None or not reached(ticket.side, extreme, ticket.stop):
        return None
    assert ticket.stop is not None
    price = costs.slip(worst_traded(order, ticket.stop, row), ticket.side)
    order.triggered = True
    if ticket.type == "STOP":
        return price, "STOP_TOUCHED"
    return (price, "STOP_LIMIT_TOUCHED") if not above(ticket.side, price, ticket.limit) else None


def worst_traded(order: OracleOrder, level: Ticks, row: Row) -> Ticks:
    """The worst of a stop's level and the prices at which the bar was on the far side of it."""
    other = row.low if order.ticket.side > 0 else row.high
    prices = [level, *(price for price in (row.open, other) if price is not None)]
    return max(prices) if order.ticket.side > 0 else min(prices)


def trailing_in_range(order: OracleOrder, row: Row, costs: BarCosts) -> Met:
    """A trailing stop meets a bar: the level it came with first, then the level that the bar makes."""
    side = order.ticket.side
    against, with_it = (row.high, row.low) if side > 0 else (row.low, row.high)
    if order.level is not None and against is not None and reached(side, against, order.level):
        order.triggered = True
        return costs.slip(worst_traded(order, order.level, row), side), "TRAILING_TOUCHED"
    for price in (with_it, row.close):
        if price is not None:
            move_level(order, price)
    if row.close is not None and reached(side, row.close, order.level):
        order.triggered = True
        return costs.slip(row.close, side), "TRAILING_AT_CLOSE"
    return None


def move_level(order: OracleOrder, price: Ticks) -> None:
    """The level follows the best price, never back."""
    side, trail = order.ticket.side, order.ticket.trail
    assert trail is not None
    level = price + side * trail
    if order.level is None:
        order.level = level
    else:
        order.level = min(order.level, level) if side > 0 else max(order.level, level)


def limit_in_range(order: OracleOrder, row: Row, *, touch: bool) -> Met:
    """The `CLOSE` column for limits."""
    extreme = row.low if order.ticket.side > 0 else row.high
    if extreme is None or not through(order.ticket.side, extreme, order.ticket.limit, touch=touch):
        return None
    assert order.ticket.limit is not None
    return order.ticket.limit, "LIMIT_THROUGH"


def at_close(order: OracleOrder, row: Row, costs: BarCosts) -> Met:
    """The `CLOSE` column for on-close orders."""
    if not row.ends_session or row.close is None:
        return None
    price = costs.slip(row.close, order.ticket.side)
    if order.ticket.type == "MARKET_ON_CLOSE":
        return price, "MARKET_ON_CLOSE"
    return (price, "LIMIT_ON_CLOSE") if not above(order.ticket.side, price, order.ticket.limit) else None
