"""Immutable events: what happened, with both clocks. The bus, the tape and the journal of a run carry these."""

from __future__ import annotations

from dataclasses import dataclass

from argus.core.orders import Fill, Order, OrderState, Reason

__all__ = ["BarClosed", "Event", "OrderChanged", "OrderFilled", "QuoteChanged", "SessionClosed"]


@dataclass(frozen=True, slots=True)
class BarClosed:
    """A bar became known."""

    instrument: str
    ts_event_ns: int
    ts_close_ns: int
    ts_recv_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True, slots=True)
class QuoteChanged:
    """The top of the book changed."""

    instrument: str
    ts_event_ns: int
    ts_recv_ns: int
    bid: float
    ask: float
    bid_size: float
    ask_size: float


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """An order moved to another state."""

    order: Order
    state: OrderState
    reason: Reason
    ts_event_ns: int
    ts_recv_ns: int


@dataclass(frozen=True, slots=True)
class OrderFilled:
    """An order was executed, wholly or in part."""

    fill: Fill
    ts_event_ns: int
    ts_recv_ns: int


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """A trading session of an instrument ended; the books were settled and proven."""

    instrument: str
    session: int
    ts_event_ns: int
    ts_recv_ns: int


Event = BarClosed | QuoteChanged | OrderChanged | OrderFilled | SessionClosed
