"""The oracle's orders: how they live and end, alone, in groups and as parents and children, from docs/fills.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.oracle.script import Ticket
from tests.oracle.world import Ticks

LIVING = ("SUBMITTED", "WORKING", "PARTIAL")
ONE_SESSION = ("MARKET_ON_OPEN", "MARKET_ON_CLOSE", "LIMIT_ON_OPEN", "LIMIT_ON_CLOSE")
ON_OPEN = ("MARKET_ON_OPEN", "LIMIT_ON_OPEN")
ON_CLOSE = ("MARKET_ON_CLOSE", "LIMIT_ON_CLOSE")
AT_ONCE = ("IOC", "FOK")


@dataclass(eq=False)
class OracleOrder:
    """An order and all that became of it."""

    order_id: int
    line: int
    ticket: Ticket
    submitted: int
    arrives: int | None  # None: waits for its parent
    lots: int = 0  # wanted in all; a child's are its parent's filled ones
    state: str = "SUBMITTED"
    reason: str = "NONE"
    filled: int = 0
    triggered: bool = False
    level: Ticks | None = None  # of a trailing stop
    liquidation: bool = False
    flattens: bool = False
    replaces: OracleOrder | None = None
    cancel_at: int | None = None
    cancelled_by: OracleOrder | None = None
    session: int | None = None
    done: int | None = None
    parent: OracleOrder | None = None
    at_venue: int = 0  # when it would arrive if it waited for nothing
    children: list[OracleOrder] = field(default_factory=list)

    @property
    def living(self) -> bool:
        """Whether it may still fill."""
        return self.state in LIVING

    @property
    def remaining(self) -> int:
        """Lots not filled yet."""
        return self.lots - self.filled

    def arrived(self, start: int) -> bool:
        """Whether it was at the venue when a bar started."""
        return self.arrives is not None and self.arrives <= start


class Orders:
    """All orders of a run."""

    def __init__(self) -> None:
        self.all: list[OracleOrder] = []
        self._live: list[OracleOrder] = []

    def enter(self, order: OracleOrder) -> None:
        """Take a new order in."""
        self.all.append(order)
        self._live.append(order)

    def living(self, lines: Iterable[int] | None = None) -> list[OracleOrder]:
        """Living orders by id, of some lines or of all."""
        self._live = [order for order in self._live if order.living]
        if lines is None:
            return list(self._live)
        wanted = set(lines)
        return [order for order in self._live if order.line in wanted]

    @property
    def liquidating(self) -> bool:
        """Whether a liquidation order lives."""
        return any(order.liquidation and order.living for order in self._live)

    def end(self, order: OracleOrder, state: str, reason: str, time: int) -> None:
        """Go to a final state; the children of an order that ends unfilled end with it."""
        order.state, order.reason, order.done = state, reason, time
        if not order.filled:
            for child in order.children:
                if child.living:
                    self.end(child, "CANCELLED", "PARENT_DONE", time)

    def cancel_all(self, orders: Iterable[OracleOrder], reason: str, time: int) -> None:
        """Cancel every one of these for the same reason, children too."""
        ended = [order for order in orders if order.living]
        for order in ended:
            order.state, order.reason, order.done = "CANCELLED", reason, time
        for order in ended:
            self.end(order, order.state, reason, time)

    def after_fill(self, order: OracleOrder, time: int) -> None:
        """A fill reaches the children, then ends the rest of the group."""
        for child in order.children:
            if child.living:
                child.lots = order.filled
                if child.arrives is None:
                    child.arrives = max(time, child.at_venue)
        if order.ticket.oco:
            group = [o for o in self.living([order.line]) if o.ticket.oco == order.ticket.oco and o is not order]
            self.cancel_all(group, "OCO", time)
