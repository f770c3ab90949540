"""What the trading calendar says about a source: which bars it expects, and whether stamps are an hour off.

Part of `argus.data.quality`, which holds the gates for single rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from argus.core.arrays import BOOL_1D, I32_1D, I64_1D
from argus.core.time import NS_PER_DAY, NS_PER_HOUR, day_of
from argus.data.calendars import assign_sessions, expected_bars, session_table

__all__ = ["Completeness", "completeness", "shifted_by_an_hour"]


@dataclass(frozen=True, slots=True, eq=False)
class Completeness:
    """Bars of each session that the calendar expects between the first and the last row, and those that are there.

    Attributes
    ----------
    session : (n,) int32
        Session dates as days since 1970-01-01.
    expected, present, missing, extra : (n,) int64
        Bars that hold trading time; those of them that exist; those that do not; rows that are none of them. In a
        thinly traded contract a missing bar is a bar without a trade, so missing is reported, not bad.
    """

    session: I32_1D
    expected: I64_1D
    present: I64_1D
    missing: I64_1D
    extra: I64_1D

    @property
    def share_complete(self) -> float:
        """Bars present over bars expected; 1 where none are expected."""
        expected = int(self.expected.sum())
        return int(self.present.sum()) / expected if expected else 1.0

    @property
    def missing_sessions(self) -> tuple[int, ...]:
        """Session dates, as day numbers, of which not one expected bar exists."""
        empty = (self.expected > 0) & (self.present == 0)
        return tuple(int(day) for day in self.session[empty])


def completeness(
    event: I64_1D, close_ts: I64_1D, session: I32_1D, calendar: str, interval_ns: int | None
) -> Completeness:
    """Count the bars of sorted rows against the calendar, from the first row to the last.

    Parameters
    ----------
    event, close_ts : (n,) int64
        Start and close of the bars, UTC nanoseconds.
    session : (n,) int32
        Session of each bar.
    calendar : str
    interval_ns : int or None
        Length of a bar; None for one bar a session.
    """
    if not len(event):
        none = np.empty(0, np.int64)
        return Completeness(np.empty(0, np.int32), none, none, none, none)
    from argus.data._quality_kernels import mark_present

    table = session_table(calendar, day_of(int(session[0])), day_of(int(session[-1])))
    n = len(table)
    at = np.searchsorted(table.session, session)
    if interval_ns is None:
        held = np.bincount(at, minlength=n)
        expected, present = np.ones(n, np.int64), np.minimum(held, 1)
        return Completeness(table.session, expected, present, expected - present, held - present)
    due = expected_bars(table, interval_ns, int(event[0]), int(close_ts[-1]), phase_ns=_phase(event, interval_ns))
    found, matched = np.zeros(len(due), np.bool_), np.zeros(len(event), np.bool_)
    mark_present(due, event, found, matched)
    due_at = np.minimum(np.searchsorted(table.close_ns, due, side="right"), n - 1)
    expected, present = np.bincount(due_at, minlength=n), np.bincount(due_at[found], minlength=n)
    return Completeness(table.session, expected, present, expected - present, np.bincount(at[~matched], minlength=n))


def _phase(event: I64_1D, interval_ns: int) -> int | None:
    """Where on the clock bars start, or None for long bars, whose grid moves with daylight saving."""
    if interval_ns > NS_PER_HOUR:
        return None
    remainder = event % interval_ns
    if bool((remainder == remainder[0]).all()):
        return int(remainder[0])
    values, counts = np.unique(remainder, return_counts=True)
    return int(values[counts.argmax()])


def shifted_by_an_hour(event: I64_1D, outside: I64_1D, calendar: str) -> I64_1D:
    """Rows outside the session that an hour would put inside, in weeks between two regions' clock changes where most
    days have some and other weeks' days rarely do: the mark of stamps converted with the wrong region's clock.
    """
    repaired = np.zeros(len(outside), np.bool_)
    for shift in (-NS_PER_HOUR, NS_PER_HOUR):
        moved = event[outside] + shift
        repaired |= assign_sessions(moved, moved + 1, calendar).inside
    suspects = outside[repaired]
    days = _distinct(event // NS_PER_DAY)
    between = _between_clock_changes(days)
    struck = np.isin(days, event[suspects] // NS_PER_DAY)
    rate_other = float(struck[~between].mean()) if not between.all() else 0.0
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    found = np.zeros(len(days), np.bool_)
    for half in np.unique(months[between] // 6):
        weeks = between & (months // 6 == half)
        if float(struck[weeks].mean()) >= max(0.5, 3.0 * rate_other):
            found |= weeks & struck
    return suspects[np.isin(event[suspects] // NS_PER_DAY, days[found])]


def _between_clock_changes(days: I64_1D) -> BOOL_1D:
    """True for the days (as day numbers) on which New York and London are not five hours apart."""
    from datetime import UTC, datetime, timedelta
    from zoneinfo import ZoneInfo

    zones = (ZoneInfo("America/New_York"), ZoneInfo("Europe/London"))
    apart = np.zeros(len(days), np.bool_)
    month = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    for row in np.flatnonzero(np.isin(month, (3, 4, 10, 11))):
        noon = datetime(1970, 1, 1, 12, tzinfo=UTC) + timedelta(days=int(days[row]))
        new_york, london = (noon.astimezone(zone).utcoffset() or timedelta() for zone in zones)
        apart[row] = london - new_york != timedelta(hours=5)
    return apart


def _distinct(ascending: I64_1D) -> I64_1D:
    # np.unique hashes or sorts its input, which takes a hundred times as long.
    values: I64_1D = ascending[np.diff(ascending, prepend=ascending[0] - 1) != 0]
    return values
