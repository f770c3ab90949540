from __future__ import annotations

import contextlib
import signal
import threading

import pytest

from argus.engine.watchdog import Heartbeat, WakeStopped, watched

TICK_S = 0.02


def spin(heartbeat: Heartbeat) -> None:
    """Never come back."""
    heartbeat.awake = True
    while True:
        pass


def wait_for_ticks(count: int) -> None:
    """Work on until the clock of the watchdog has struck this often."""
    struck = 0
    inner = signal.getsignal(signal.SIGALRM)

    def strike(number: int, frame: object) -> None:
        nonlocal struck
        struck += 1
        assert callable(inner)
        inner(number, frame)

    signal.signal(signal.SIGALRM, strike)
    try:
        while struck < count:
            pass
    finally:
        signal.signal(signal.SIGALRM, inner)


def test_a_wake_up_that_does_not_end_is_stopped() -> None:
    with watched(TICK_S) as heartbeat:
        heartbeat.count = 7
        with pytest.raises(WakeStopped):
            spin(heartbeat)
    assert heartbeat.stopped
    assert heartbeat.count == 7


def test_being_stopped_is_not_swallowed_by_habit_and_not_forgotten_if_it_is() -> None:
    def careless(heartbeat: Heartbeat) -> None:
        try:
            spin(heartbeat)
        except Exception:  # noqa: BLE001
            raise AssertionError("an except clause for ordinary errors caught it") from None

    with watched(TICK_S) as heartbeat:
        with contextlib.suppress(BaseException):
            careless(heartbeat)
        heartbeat.awake = False
    assert heartbeat.stopped


def test_time_between_wake_ups_is_the_engine_s_own() -> None:
    with watched(TICK_S) as heartbeat:
        heartbeat.count = 1
        wait_for_ticks(3)
    assert not heartbeat.stopped


def test_a_strategy_that_comes_back_each_time_may_take_as_long_as_it_likes_in_all() -> None:
    with watched(TICK_S) as heartbeat:
        heartbeat.awake = True
        for _ in range(3):
            heartbeat.count += 1
            wait_for_ticks(1)
    assert heartbeat.count == 3
    assert not heartbeat.stopped


def test_the_alarm_is_handed_back_as_it_was_found() -> None:
    def mine(_number: int, _frame: object) -> None:
        raise AssertionError("nobody set this alarm")

    before = signal.signal(signal.SIGALRM, mine)
    try:
        with contextlib.suppress(KeyError), watched(60.0):
            assert signal.getsignal(signal.SIGALRM) is not mine
            raise KeyError("x")
        assert signal.getsignal(signal.SIGALRM) is mine
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_outside_the_main_thread_it_counts_and_lets_be() -> None:
    counted: list[int] = []

    def work() -> None:
        with watched(TICK_S) as heartbeat:
            heartbeat.count += 1
            counted.append(heartbeat.count)

    before = signal.getsignal(signal.SIGALRM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert counted == [1]
    assert signal.getsignal(signal.SIGALRM) is before
