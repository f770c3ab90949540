from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from typing import get_args

import pytest

from argus.core import events
from argus.core.events import BarClosed, Event, OrderChanged, OrderFilled, QuoteChanged, SessionClosed
from argus.core.orders import Fill, FillRule, Order, OrderState, OrderType, Reason, Side, TimeInForce

AN_ORDER = Order(0, 0, "ES", Side.BUY, OrderType.MARKET, TimeInForce.DAY, 1)
A_FILL = Fill(0, 0, "ES", 5, 6, 1, 100, 0, FillRule.MARKET_AT_OPEN)
EVENTS: list[Event] = [
    BarClosed("ES", 1, 2, 3, 1.0, 2.0, 0.5, 1.5, 10.0),
    QuoteChanged("ES", 1, 2, 1.0, 1.25, 3.0, 4.0),
    OrderChanged(AN_ORDER, OrderState.WORKING, Reason.NONE, 1, 2),
    OrderFilled(A_FILL, 5, 6),
    SessionClosed("ES", 19_000, 1, 2),
]


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_carries_both_clocks_and_cannot_be_changed(event: Event) -> None:
    assert event.ts_event_ns <= event.ts_recv_ns
    for field in fields(event):
        with pytest.raises(FrozenInstanceError):
            setattr(event, field.name, 0)


@pytest.mark.parametrize("event", EVENTS)
def test_equal_events_are_one_in_a_set(event: Event) -> None:
    twin = type(event)(**{field.name: getattr(event, field.name) for field in fields(event)})
    assert {event, twin} == {event}


def test_every_event_belongs_to_the_union() -> None:
    assert set(get_args(Event)) == {type(event) for event in EVENTS}
    assert {kind.__name__ for kind in get_args(Event)} | {"Event"} == set(events.__all__)
