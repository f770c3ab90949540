"""A strategy that does not come back is stopped, and named, instead of hanging a night's work."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from argus.core.errors import StrategyTimeout

__all__ = ["Heartbeat", "watched"]


class Heartbeat:
    """Counts wake-ups; the watchdog fires when one is under way and the count stands still."""

    __slots__ = ("awake", "count")

    def __init__(self) -> None:
        self.count = 0
        self.awake = False


@contextmanager
def watched(name: str, limit_s: float) -> Iterator[Heartbeat]:
    """Raise `StrategyTimeout` inside the block if one wake-up lasts longer than `limit_s` to twice `limit_s` seconds.

    Works in the main thread of a process on POSIX systems; elsewhere it counts but cannot stop anything.
    """
    heartbeat = Heartbeat()
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield heartbeat
        return
    last = -1

    def check(_signal: int, _frame: FrameType | None) -> None:
        nonlocal last
        if heartbeat.awake and heartbeat.count == last:
            raise StrategyTimeout(
                f"strategy {name} did not come back from wake-up {heartbeat.count} within {limit_s:g} s; "
                "look for an endless loop in wake() or filled()"
            )
        last = heartbeat.count

    before = signal.signal(signal.SIGALRM, check)
    signal.setitimer(signal.ITIMER_REAL, limit_s, limit_s)
    try:
        yield heartbeat
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
