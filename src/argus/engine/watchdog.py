"""A strategy that does not come back is stopped, and named, instead of hanging a night's work."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Heartbeat", "WakeStopped", "watched"]


class WakeStopped(BaseException):
    """Raised inside a wake-up that takes too long; no `Exception`, so that a strategy does not swallow it by habit."""


class Heartbeat:
    """Counts wake-ups; the watchdog fires when one is under way and neither the count nor the step moves.

    Attributes
    ----------
    limit_s : float
        How long a wake-up may last.
    count : int
        Wake-ups so far; all those of a quiet stretch count as one.
    step : callable
        How far a strategy has come within a stretch.
    awake : bool
        Whether one is under way.
    stopped : bool
        Whether one was stopped: it stays so even if the strategy swallowed the exception.
    """

    __slots__ = ("awake", "count", "limit_s", "step", "stopped")

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.count = 0
        self.step: Callable[[], int] = int
        self.awake = False
        self.stopped = False


@contextmanager
def watched(limit_s: float) -> Iterator[Heartbeat]:
    """Raise `WakeStopped` inside the block if one wake-up lasts longer than `limit_s` to twice `limit_s` seconds.

    Works in the main thread of a process on POSIX systems; elsewhere it counts but cannot stop anything.
    """
    heartbeat = Heartbeat(limit_s)
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield heartbeat
        return
    last = (-1, 0)

    def check(_signal: int, _frame: FrameType | None) -> None:
        nonlocal last
        now = heartbeat.count, heartbeat.step()
        if heartbeat.awake and now == last:
            heartbeat.stopped = True
            raise WakeStopped
        last = now

    before = signal.signal(signal.SIGALRM, check)
    signal.setitimer(signal.ITIMER_REAL, limit_s, limit_s)
    try:
        yield heartbeat
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
