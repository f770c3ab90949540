"""Processes that know nothing: fresh where a factory can be named, copies where it cannot, none where not wanted."""

from __future__ import annotations

import os
import time
from functools import partial
from typing import Any

import pytest

from argus.lab.audit.clocks import move_clock
from argus.lab.audit.rooms import RoomLost, Rooms

HELD: list[int] = []


class Desk:
    """Something to be called from afar."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.calls = 0

    def count(self) -> int:
        self.calls += 1
        return self.calls

    def process(self) -> int:
        return os.getpid()

    def held(self) -> list[int]:
        return list(HELD)

    def order(self) -> list[str]:
        return list({f"word {k}" for k in range(40)})

    def now(self) -> float:
        return time.time()

    def fail(self) -> None:
        raise ValueError("as asked")

    def unsendable(self) -> Any:
        return lambda: None

    def vanish(self) -> None:
        os._exit(3)


def test_a_fresh_room_is_another_process_and_knows_nothing_of_this_one() -> None:
    HELD.append(1)
    try:
        rooms = Rooms.of(Desk, ("one",))
        assert rooms.how == "fresh"
        with rooms.open() as room:
            assert room.call("process") != os.getpid()
            assert room.call("held") == []
            assert [room.call("count"), room.call("count")] == [1, 2]
        with rooms.open() as room:
            assert room.call("count") == 1, "every room is a new one"
    finally:
        HELD.clear()


def test_rooms_of_the_two_nurseries_walk_sets_in_another_order() -> None:
    rooms = Rooms.of(Desk, ())
    orders = []
    for nursery in (0, 0, 1):
        with rooms.open(nursery=nursery) as room:
            orders.append(room.call("order"))
    assert orders[0] == orders[1] != orders[2]


def test_what_cannot_be_named_lives_in_a_copy_and_the_reason_is_kept() -> None:
    HELD.append(7)
    try:
        rooms = Rooms.of(lambda: Desk(), ())
        assert rooms.how == "copy"
        assert rooms.why
        with rooms.open() as room:
            assert room.call("process") != os.getpid()
            assert room.call("held") == [7]
    finally:
        HELD.clear()


def test_no_process_where_none_is_wanted() -> None:
    rooms = Rooms.of(Desk, (), apart=False)
    with rooms.open() as room:
        assert room.call("process") == os.getpid()


def test_the_clock_of_a_room_is_moved_and_ours_is_not() -> None:
    with Rooms.of(Desk, ()).open(first=partial(move_clock, 86_400)) as room:
        ahead = room.call("now") - time.time()
    assert 86_000 < ahead < 87_000


def test_errors_come_home_and_losses_are_said() -> None:
    with Rooms.of(Desk, ()).open() as room:
        with pytest.raises(ValueError, match="as asked"):
            room.call("fail")
        with pytest.raises(RoomLost, match="cannot be sent"):
            room.call("unsendable")
        assert room.call("count") == 1, "the room lives on"
        with pytest.raises(RoomLost):
            room.call("vanish")
