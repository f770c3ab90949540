"""The clock on the wall, moved: a strategy that looks at it decides otherwise on another day.

Two runs within a minute see the same date, so that repeating a run does not show who reads it. In a process that is
thrown away afterwards the clock is set forward before the strategy is even imported.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from typing import Any, Final

__all__ = ["SHIFTS_S", "move_clock"]

SHIFTS_S: Final = (86_400, 40_000_000 + 5 * 3_600 + 17 * 60 + 11)
"""A day, and more than a year at another time of day."""


def move_clock(seconds: int) -> None:
    """Set the clock of this process forward, for its life; what counts durations goes on as it was.

    ``time.time``, ``time_ns``, ``localtime``, ``gmtime``, ``ctime`` and ``strftime`` without an argument, and ``now``,
    ``utcnow`` and ``today`` of ``datetime`` are moved. Clocks of compiled libraries are not.
    """
    now, now_ns = time.time, time.time_ns
    time.time = lambda: now() + seconds
    time.time_ns = lambda: now_ns() + seconds * 1_000_000_000
    for name in ("localtime", "gmtime", "ctime"):
        setattr(time, name, _at_moved(getattr(time, name)))
    strftime, localtime = time.strftime, time.localtime
    time.strftime = lambda text, at=None: strftime(text, localtime() if at is None else at)
    ahead = datetime.timedelta(seconds=seconds)

    class Moved(datetime.datetime):
        """A date-time whose present is later."""

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return super().now(tz) + ahead

        @classmethod
        def utcnow(cls) -> Any:
            return super().now(datetime.UTC).replace(tzinfo=None) + ahead

        @classmethod
        def today(cls) -> Any:
            return super().now() + ahead

    class MovedDate(datetime.date):
        """A date whose present is later."""

        @classmethod
        def today(cls) -> Any:
            moved = Moved.now()
            return datetime.date(moved.year, moved.month, moved.day)

    setattr(datetime, "datetime", Moved)  # noqa: B010 - mypy takes a plain assignment for a mistake, as it would be
    setattr(datetime, "date", MovedDate)  # noqa: B010


def _at_moved(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda at=None: function(time.time() if at is None else at)
