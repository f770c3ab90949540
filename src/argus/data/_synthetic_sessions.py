"""When a synthetic market trades: its sessions, the bars of each, and which sessions are followed by a gap."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import BOOL_1D, F64_1D, I32_1D, I64_1D
from argus.core.errors import DataError
from argus.core.time import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE, day_number

__all__ = ["PLAIN_CALENDAR", "Grid", "Schedule", "grid", "schedule"]

PLAIN_CALENDAR: Final = "weekdays"
"""Monday to Friday, 14:30 to 21:00 UTC, no holidays: quick to make, and long enough for a year's 261 sessions."""

_DAYS_PER_YEAR: Final = 365.2425
_SHARED_BARS_MAX: Final = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """Sessions in time.

    Attributes
    ----------
    dates : (s,) int32
        Session dates as days since 1970-01-01.
    segments : (m, 3) int64
        Start, end (ns) and session index of each uninterrupted stretch of trading.
    offsets : (s + 1,) int64
        Number of each session's first bar, and of all bars.
    gap_follows : (s,) bool
        Whether the market is shut between the session and the next.
    interval_ns : int
        Length of a bar.
    sessions_per_year : float
        Fixed for the calendar, so that a longer market begins with the bars of a shorter one.
    """

    dates: I32_1D
    segments: NDArray[np.int64]
    offsets: I64_1D
    gap_follows: BOOL_1D
    interval_ns: int
    sessions_per_year: float


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Bars in time, and each one's share of its session's variance in trading hours."""

    starts: I64_1D
    ends: I64_1D
    session: I32_1D
    session_end: BOOL_1D
    shares: F64_1D


@lru_cache(maxsize=32)
def schedule(calendar: str, start: date, sessions: int, interval_ns: int) -> Schedule:
    """Lay out so many sessions from `start` on, in bars of `interval_ns`; from a day on, one bar is one session.

    Raises
    ------
    DataError
        If the calendar does not reach that far.
    """
    if calendar == "24/7":
        days = day_number(start) + np.arange(sessions, dtype=np.int64)
        segments = _segments(days * NS_PER_DAY, (days + 1) * NS_PER_DAY)
        per_year, follows = _DAYS_PER_YEAR, np.zeros(sessions, dtype=np.bool_)
    elif calendar == PLAIN_CALENDAR:
        span = np.arange(7 * (sessions // 5 + 2), dtype=np.int64) + day_number(start)
        days = span[(span + 3) % 7 < 5][:sessions]  # day 0 was a Thursday
        opens = days * NS_PER_DAY + 14 * NS_PER_HOUR + 30 * NS_PER_MINUTE
        segments = _segments(opens, days * NS_PER_DAY + 21 * NS_PER_HOUR)
        per_year, follows = _DAYS_PER_YEAR * 5.0 / 7.0, np.ones(sessions, dtype=np.bool_)
    else:
        days, segments, per_year, follows = _exchange_sessions(calendar, start, sessions)
    if interval_ns >= NS_PER_DAY:
        # One bar a session, whatever its pauses; one that takes in a holiday's hours is longer than a day.
        first = np.searchsorted(segments[:, 2], np.arange(sessions))
        last = np.concatenate((first[1:], [len(segments)])) - 1
        segments = _segments(segments[first, 0], segments[last, 1])
        interval_ns = int(np.max(segments[:, 1] - segments[:, 0]))
    bars = (segments[:, 1] - segments[:, 0] + interval_ns - 1) // interval_ns
    counts = np.zeros(sessions, dtype=np.int64)
    np.add.at(counts, segments[:, 2], bars)
    offsets = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts)))
    return Schedule(days.astype(np.int32), segments, offsets, follows, interval_ns, per_year)


def _segments(opens: I64_1D, closes: I64_1D) -> NDArray[np.int64]:
    return np.column_stack((opens, closes, np.arange(len(opens), dtype=np.int64)))


def _exchange_sessions(calendar: str, start: date, sessions: int) -> tuple[I64_1D, NDArray[np.int64], float, BOOL_1D]:
    """Sessions of an exchange's calendar; a year has as many as it had on average from 2010 to 2019."""
    from argus.data.calendars import session_table, sessions_per_year

    per_year = sessions_per_year(calendar, date(2010, 1, 1), date(2019, 12, 31))
    # One session more, to see whether a gap follows the last; a month for holidays.
    table = session_table(calendar, start, start + timedelta(days=int((sessions + 1) / per_year * 366.0 * 1.02) + 30))
    if len(table) <= sessions:
        raise DataError(
            f"calendar {calendar} has {len(table)} sessions from {start} on, {sessions + 1} are needed; ask for fewer "
            "sessions or start earlier"
        )
    opens, closes = table.open_ns[:sessions], table.close_ns[:sessions]
    paused = table.break_start_ns[:sessions] >= 0
    index = np.arange(sessions, dtype=np.int64)
    before = np.column_stack((opens, np.where(paused, table.break_start_ns[:sessions], closes), index))
    after = np.column_stack((table.break_end_ns[:sessions], closes, index))[paused]
    segments = np.concatenate((before, after))
    segments = segments[np.lexsort((segments[:, 0], segments[:, 2]))]
    segments = np.ascontiguousarray(segments[segments[:, 1] > segments[:, 0]])
    follows = table.open_ns[1 : sessions + 1] > closes
    return table.session[:sessions].astype(np.int64), segments, per_year, follows


def grid(plan: Schedule, season: float, first: int, last: int) -> Grid:
    """The bars of the sessions `first` to `last` (exclusive).

    The grid of a whole small market is kept and shared, read-only, by the many markets of a calibration.
    """
    if first == 0 and last == len(plan.dates) and plan.offsets[last] <= _SHARED_BARS_MAX:
        return _whole_grid(plan, season)
    return _grid(plan, season, first, last)


@lru_cache(maxsize=8)
def _whole_grid(plan: Schedule, season: float) -> Grid:
    return _grid(plan, season, 0, len(plan.dates))


def _grid(plan: Schedule, season: float, first: int, last: int) -> Grid:
    from argus.data._synthetic_kernels import lay_out

    n = int(plan.offsets[last] - plan.offsets[first])
    times = np.empty((2, n), dtype=np.int64)
    made = Grid(times[0], times[1], np.empty(n, np.int32), np.empty(n, np.bool_), np.empty(n))
    span = slice(*np.searchsorted(plan.segments[:, 2], (first, last)))
    lay_out(
        plan.segments[span], plan.interval_ns, plan.dates, season, times, made.session, made.session_end, made.shares
    )
    return made
