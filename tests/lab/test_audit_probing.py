"""Calls repeated without the engine: the same answers as with it, and nothing of the future in what is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from argus.lab.audit.alteration import opposite_futures
from argus.lab.audit.probing import BLOCK, NotRepeated, first_moved, repeated
from argus.lab.audit.recording import Log
from argus.lab.audit.rooms import Rooms
from argus.lab.audit.subject import Subject, play
from argus.lab.audit.workshop import Workshop
from argus.lab.journal.trials import MemoryTrialLedger
from tests.lab import audit_subjects as planted
from tests.lab.audit_subjects import bars_of, subject
from tests.lab.cheats import CHEATS, HONEST
from tests.lab.test_audit_corpus import subject as of_corpus


def logged(given: Subject) -> Log:
    return play(given, MemoryTrialLedger(), with_calls=True).log


def rooms_of(given: Subject) -> Rooms:
    return Rooms.of(Workshop, (replace(given, market={}, auxiliary=None),), apart=False)


@pytest.mark.parametrize(
    "name", [*(case.name for case in HONEST), "leak_on_fill", "leak_in_cancels", "leak_in_edge_score"]
)
def test_the_whole_run_can_be_repeated_without_the_engine(name: str) -> None:
    given = of_corpus(next(case for case in (*HONEST, *CHEATS) if case.name == name))
    log = logged(given)
    with rooms_of(given).open() as room:
        (answers,) = room.call("repeat", given.market, None, log.calls, [(0, len(log.calls))])
    assert answers == log.entries
    assert any(entry.intents for entry in answers)


@pytest.mark.parametrize("name", ["sma_cross", "tsmom", "mean_reversion", "overnight"])
def test_registered_strategies_can_be_repeated_without_the_engine(name: str) -> None:
    given = subject(planted.registered, name=name)
    log = logged(given)
    with rooms_of(given).open() as room:
        (answers,) = room.call("repeat", given.market, None, log.calls, [(0, len(log.calls))])
    assert [(e.ts_ns, e.intents, e.asked, e.raised) for e in answers] == [
        (e.ts_ns, e.intents, e.asked, e.raised) for e in log.entries
    ]
    assert np.array_equal([e.features for e in answers], [e.features for e in log.entries], equal_nan=True)


def test_a_strategy_that_asks_more_than_the_view_cannot_be_repeated() -> None:
    class Odd:
        spec = planted.spec_of()

        def wake(self, view: Any) -> Any:
            return [planted.Target("ES", units=float(type(view._view).__name__ == "ReplayView"))]

        def filled(self, fill: Any, view: Any) -> Any:
            return ()

    given = subject(lambda market: Odd(), bars_of(60))
    with rooms_of(given).open() as room:
        found = repeated(given, logged(given), room)
    assert isinstance(found, NotRepeated)
    assert found.difference.field == "Target.units"


class _Listening:
    """A room that keeps what is sent to it."""

    def __init__(self, room: Any) -> None:
        self._room = room
        self.probes: list[Any] = []

    def call(self, method: str, *arguments: Any) -> Any:
        if method == "probe":
            self.probes.append(arguments[0])
        if method == "begin":
            for _, bars in arguments[0].values():
                assert np.isnan(bars.close).all(), "the calendar holds no price"
        return self._room.call(method, *arguments)


def test_nothing_is_sent_before_it_was_known() -> None:
    given = subject(planted.honest_array, bars_of(90))
    bars, log = given.market["ES"][1], logged(given)
    with rooms_of(given).open() as room:
        blocks = repeated(given, log, room)
    assert not isinstance(blocks, NotRepeated)
    assert len(blocks) == -(-len(log.calls) // BLOCK)
    with rooms_of(given).open() as room:
        listening: Any = _Listening(room)
        assert first_moved(given, log, blocks, listening, 0, given.market, lambda number: None) is None
    assert len(listening.probes) == len(log.calls)
    known = 0
    for call, probe in zip(log.calls, listening.probes, strict=True):
        known += len(probe.revealed["ES"]["close"])
        assert known == np.searchsorted(bars.ts_recv_ns, call.ts_ns, side="right")
        futures = [one["ES"] for one in probe.futures]
        assert [future.known for future in futures] == [known, known]
        if known < len(bars):
            assert any(future.columns["close"][0] != bars.close[known] for future in futures)


def test_opposite_futures_go_opposite_ways_and_stay_valid() -> None:
    given = subject(planted.honest_array, bars_of(90))
    spec, bars = given.market["ES"]
    for row in range(5, 89):
        known, (up, down) = opposite_futures(spec, bars, int(bars.ts_recv_ns[row]), 3, wildness=1.0, tail=30)
        assert known == row + 1
        last = bars.close[row]
        assert np.sign(up["close"][0] - last) == -np.sign(down["close"][0] - last) != 0
        for made in (up, down):
            assert (made["high"] >= np.maximum(made["open"], made["close"])).all()
            assert (made["low"] <= np.minimum(made["open"], made["close"])).all()
            assert (made["close"] * 4 == np.round(made["close"] * 4)).all()
            assert len(made["close"]) == min(30, 89 - row)
