"""Trading sessions: when each one opened, paused and closed, in UTC nanoseconds, with daylight saving worked out.

A session is what the exchange books as one trade date: on CME Monday's session opens on Sunday evening, and the hours
traded on a holiday such as Labor Day belong to the next trade date, with a pause from the holiday's early halt to that
evening's reopening. Days and holidays come from pandas_market_calendars; "24/7" is handled here (a session is a UTC
day, 00:00 to 24:00), and "24/5" is spot currencies' week of five sessions from 17:00 to 17:00 New York time.

Where the library (5.5.0) is wrong it is corrected by the small tables below. Times are Chicago's; "bars" are hourly
futures bars per contract, which prove the hour, not the minute. What was found, and by what:

* ``CME Globex Equity`` and the energy and metals calendars know only today's hours. Equity index until 16 November
  2012: 15:30 (the day before) to 15:15, shut 16:30 to 17:00; then 17:00 to 16:15 with a halt 15:15 to 15:30 (CME notice
  "CME Globex Trading Day for Equity Index Products to End at 4:15 p.m. CT", November 2012); close at 16:00 since 21
  September 2015, for energy and metals too (NinjaTrader Advisory 25, 15 September 2015; bars of YM, MGC, SI, QG reach
  into the hour after 16:00 until 18 September 2015). The halt ended on 28 June 2021 (so the library's ``CME_Equity``).
* Good Friday is traded only when the US employment report is released, so on the first Friday of a month: the library
  has half a day in 2024, 2025 and later years without one (no bars of MES, YM, ZN, M6E). It omits the half days of
  currencies in 2010, 2012 and 2015 (bars of M6E until 10:15) and of rates in 1994, 1996, 1999 (CME notice of 19 March
  1999: until 10:00) and 2007 (daily bars of ZN in all four).
* Closed or cut short: hurricane Sandy, 29 and 30 October 2012 (CME releases of 28 and 29 October 2012); the days of
  mourning 5 December 2018 (CME release, 2 December 2018) and 9 January 2025 (CME release, 30 December 2024).
* Energy and metals closed at 12:45 on 24 December (bars of MGC, SI, QG on every such weekday 2009 to 2024), at 12:15 on
  holidays until February 2014 (bars; schedule of July 2013), at 13:30 on Labor Day 2022 to 2025 and at noon on 4 July
  2025 (bars; the minutes are the library's for the other holidays of these years), and on 29 November 2024, as
  currencies did, in the hour after 13:00 (bars; 13:45 is the library's for 2026). Currencies closed at 12:15 on 31
  December 2010 (bars of M6E; the minute is the library's for rates).
* ``CFE`` knows only the pit's hours. VIX futures: from 2:00 with an afternoon part from 4 November 2013, nearly round
  the clock since 23 June 2014 (Cboe's circulars on extended trading hours), 17:00 to 16:00 since September 2020 at the
  latest (bars of VXM; Cboe's contract specification). Holidays trade until 10:30 for the next business day (Cboe's
  schedule for 16 January 2017; bars of VXM since 2020), Good Friday 2021 and 2023 until 8:15, 9 January 2025 until
  8:30; 24 December closes at 12:15 (bars of 2020 and 2024).

Before these tables begin (equity index 2005-09-12; currencies and rates have none) hours are nominal: the dates are the
exchange's trade dates, the hours today's. That suits session-dated daily bars, which need only the date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final, cast

import numpy as np

from argus.core.arrays import BOOL_1D, I32_1D, I64_1D, readonly
from argus.core.errors import ConfigError, CoverageError
from argus.core.time import NS_PER_DAY, NS_PER_MINUTE, day_number, day_of, format_ns
from argus.data._calendar_store import keep_table, kept_table

__all__ = [
    "SessionTable",
    "Sessions",
    "assign_sessions",
    "expected_bars",
    "session_bounds",
    "hold_tables",
    "session_table",
    "tables_held",
    "sessions_per_year",
]

ROUND_THE_CLOCK: Final = "24/7"
"""The calendar of markets that never close."""

_SPOT_FX: Final = "24/5"
_YEAR_MIN: Final = 1885
_YEAR_MAX: Final = 2100
_DAYS_PER_YEAR: Final = 365.2425
# A holiday is at most this many days before the trade date that its hours belong to, and a request at most this far.
_NEIGHBOURS: Final = 10


@dataclass(frozen=True, slots=True, eq=False)
class SessionTable:
    """The sessions of one calendar, oldest first.

    Attributes
    ----------
    calendar : str
        Name of the calendar.
    session : (n,) int32
        Session date as days since 1970-01-01, strictly increasing.
    open_ns, close_ns : (n,) int64
        First instant of the session and the first after it, UTC nanoseconds.
    break_start_ns, break_end_ns : (n,) int64
        The pause within the session (the longest, where there are two), or -1.
    half_day : (n,) bool
        True where the session closed earlier, or opened later, than is usual for its time.
    """

    calendar: str
    session: I32_1D
    open_ns: I64_1D
    close_ns: I64_1D
    break_start_ns: I64_1D
    break_end_ns: I64_1D
    half_day: BOOL_1D

    def __post_init__(self) -> None:
        for name in _COLUMNS:
            readonly(getattr(self, name))

    def __len__(self) -> int:
        return len(self.session)

    def rows(self, start: int, stop: int) -> SessionTable:
        """Sessions ``start`` to ``stop`` (exclusive) as views of the same memory."""
        return SessionTable(self.calendar, *(getattr(self, name)[start:stop] for name in _COLUMNS))


_COLUMNS: Final = tuple(f.name for f in fields(SessionTable) if f.name != "calendar")


@dataclass(frozen=True, slots=True, eq=False)
class Sessions:
    """Which session each bar belongs to.

    Attributes
    ----------
    session : (n,) int32
        Session date as days since 1970-01-01; never decreases with the bar's start.
    session_end : (n,) bool
        True for the first bar that reaches its session's close.
    inside : (n,) bool
        True where the bar starts within its session's trading hours.
    """

    session: I32_1D
    session_end: BOOL_1D
    inside: BOOL_1D


@dataclass(frozen=True, slots=True)
class _Era:
    """Usual hours from session date `first` on, in minutes from its local midnight (negative: on the day before).

    A market that reopens in the afternoon for the next trade date does so only where the day before was a trade date;
    `after_gap_min` is when it opens otherwise (as on Sundays), and `pause_min` then falls away if it comes earlier.
    """

    first: str
    open_min: int
    close_min: int
    after_gap_min: int
    pause_min: tuple[int, int] | None = None


_EVENING: Final = -420  # 17:00 on the day before
_ERAS: Final[Mapping[str, tuple[_Era, ...]]] = {
    "equity": (
        _Era("1885-01-01", _EVENING, 960, _EVENING),
        _Era("2005-09-12", -510, 915, _EVENING, (-450, _EVENING)),
        _Era("2012-11-19", _EVENING, 975, _EVENING, (915, 930)),
        _Era("2015-09-21", _EVENING, 960, _EVENING, (915, 930)),
        _Era("2021-06-28", _EVENING, 960, _EVENING),
    ),
    "rates": (_Era("1885-01-01", _EVENING, 960, _EVENING),),
    "fx": (_Era("1885-01-01", _EVENING, 960, _EVENING),),
    "energy_metals": (
        _Era("1885-01-01", _EVENING, 975, _EVENING),
        _Era("2015-09-21", _EVENING, 960, _EVENING),
    ),
    "cfe": (
        _Era("1885-01-01", 510, 915, 510),
        _Era("2013-11-04", -510, 915, 120, (-465, 120)),
        _Era("2014-06-23", -510, 915, _EVENING),
        _Era("2020-09-09", _EVENING, 960, _EVENING),
    ),
}
_GROUPS: Final = {
    "CMEGlobexEquitiesExchangeCalendar": "equity",
    "CMEGlobexFixedIncomeCalendar": "rates",
    "CMEGlobexFXExchangeCalendar": "fx",
    "CMEGlobexEnergyAndMetalsExchangeCalendar": "energy_metals",
    "CFEExchangeCalendar": "cfe",
}
# Session date to close, in minutes from local midnight; None: no session at all.
_CLOSES: Final[Mapping[str, Mapping[str, int | None]]] = {
    "equity": {"2012-10-29": 495, "2012-10-30": 495, "2018-12-05": 510, "2025-01-09": 510},
    "rates": {
        "1994-04-01": 600,
        "1996-04-05": 600,
        "1999-04-02": 600,
        "2007-04-06": 615,
        "2012-10-29": 660,
        "2018-12-05": None,
        "2025-01-09": 735,
    },
    "fx": {"2010-04-02": 615, "2010-12-31": 735, "2012-04-06": 615, "2015-04-03": 615, "2024-11-29": 825},
    "energy_metals": {
        "2022-09-05": 810,
        "2023-09-04": 810,
        "2024-09-02": 810,
        "2024-11-29": 825,
        "2025-07-04": 720,
        "2025-09-01": 810,
    },
    "cfe": {"2021-04-02": 495, "2023-04-07": 495, "2025-01-09": 510},
}
# Days that are no date of the exchange's trade-date calendar, yet were booked under their own date.
_OWN_TRADE_DATE: Final[Mapping[str, frozenset[str]]] = {
    "equity": frozenset({"2025-01-09"}),
    "rates": frozenset({"2007-01-02", "2025-01-09"}),
    "fx": frozenset({"2018-12-05", "2025-01-09"}),
    "energy_metals": frozenset({"2018-12-05", "2025-01-09"}),
    "cfe": frozenset(),
}
_CFE_HOLIDAYS_FROM: Final = "2017-01-01"
_CFE_HALT_MIN: Final = 630


def session_table(calendar: str, first: date, last: date) -> SessionTable:
    """Sessions dated `first` to `last`, both included; kept in memory between calls, and on disk between processes.

    Parameters
    ----------
    calendar : str
        ``"24/7"``, ``"24/5"`` or a calendar of pandas_market_calendars.
    first, last : date
        Session dates.

    Raises
    ------
    ConfigError
        If the calendar is unknown.
    CoverageError
        If the range is empty, or reaches beyond what the calendar holds.
    """
    if first > last:
        raise CoverageError(f"calendar {calendar}: the range {first} to {last} is empty; give the earlier date first")
    if first.year < _YEAR_MIN or last.year > _YEAR_MAX:
        raise CoverageError(
            f"calendar {calendar}: sessions are known from {_YEAR_MIN} to {_YEAR_MAX}, asked for {first} to {last}; "
            "check the unit and the time zone of the stamps"
        )
    held = _TABLES.get(calendar)
    if held is None or first.year < held[0] or last.year > held[1]:
        years = (first.year, last.year) if held is None else (min(first.year, held[0]), max(last.year, held[1]))
        held = _TABLES[calendar] = _held(calendar, *years)
    table = held[2]
    start, stop = np.searchsorted(table.session, [day_number(first), day_number(last) + 1])
    return table.rows(int(start), int(stop))


_TABLES: Final[dict[str, tuple[int, int, SessionTable]]] = {}


def tables_held() -> tuple[tuple[str, date, date], ...]:
    """(calendar, first, last session date) of every table that this process keeps in memory."""
    return tuple((name, date(held[0], 1, 1), date(held[1], 12, 31)) for name, held in _TABLES.items())


def hold_tables(held: tuple[tuple[str, date, date], ...]) -> None:
    """Build tables beforehand, as `tables_held` of another process named them."""
    for name, first, last in held:
        session_table(name, first, last)


def assign_sessions(ts_event_ns: I64_1D, ts_close_ns: I64_1D, calendar: str) -> Sessions:
    """Session of each bar, by its start.

    A bar belongs to the session whose hours contain its start; the close itself is no part of them, so that a bar that
    starts at midnight of a 24-hour market belongs to the new day. A bar outside every session is given to the next one
    to open, so that session numbers never decrease; a bar within a pause stays in its session. Both are not `inside`.

    Parameters
    ----------
    ts_event_ns, ts_close_ns : (n,) int64
        Start and close of the bars, in any order.
    calendar : str
        As for `session_table`.

    Raises
    ------
    ConfigError, CoverageError
        As `session_table`.
    """
    n = len(ts_event_ns)
    if n == 0:
        return Sessions(np.empty(0, np.int32), np.empty(0, np.bool_), np.empty(0, np.bool_))
    table = _table_over(calendar, int(ts_event_ns.min()), int(ts_event_ns.max()))
    ordered = bool((ts_event_ns[1:] >= ts_event_ns[:-1]).all())
    if ordered:
        # Far fewer sessions than bars: find where each session ends among the bars, instead of each bar's session.
        ends = np.searchsorted(ts_event_ns, table.close_ns, side="left")
        at = np.repeat(np.arange(len(table)), np.diff(ends, prepend=0))
    else:
        at = np.searchsorted(table.close_ns, ts_event_ns, side="right")
    inside = ts_event_ns >= table.open_ns[at]
    paused = table.break_start_ns[at]
    if (paused >= 0).any():
        inside &= ~((paused >= 0) & (ts_event_ns >= paused) & (ts_event_ns < table.break_end_ns[at]))
    reaching = np.flatnonzero(inside & (ts_close_ns >= table.close_ns[at]))
    if not ordered:
        reaching = reaching[np.argsort(ts_event_ns[reaching], kind="stable")]
    session_end = np.zeros(n, np.bool_)
    session_end[reaching[np.diff(at[reaching], prepend=-1) != 0]] = True
    return Sessions(table.session[at], session_end, inside)


def session_bounds(calendar: str, session: I32_1D) -> tuple[I64_1D, I64_1D]:
    """Open and close of each given session, for daily bars that carry only a session date.

    Parameters
    ----------
    calendar : str
    session : (n,) int32
        Session dates as days since 1970-01-01.

    Returns
    -------
    open_ns, close_ns : (n,) int64

    Raises
    ------
    CoverageError
        If the calendar has no session on one of the dates; names the first.
    """
    if len(session) == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    table = session_table(calendar, day_of(int(session.min())), day_of(int(session.max())))
    at = np.minimum(np.searchsorted(table.session, session), max(len(table) - 1, 0))
    wrong = table.session[at] != session if len(table) else np.ones(len(session), np.bool_)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise CoverageError(
            f"row {row}: the calendar {calendar} has no session on {day_of(int(session[row]))} "
            f"({int(wrong.sum())} such rows); check which calendar the dates follow"
        )
    return table.open_ns[at], table.close_ns[at]


def sessions_per_year(calendar: str, first: date, last: date) -> float:
    """Sessions dated `first` to `last` (both included) over the years that these days make up."""
    return len(session_table(calendar, first, last)) / (((last - first).days + 1) / _DAYS_PER_YEAR)


def expected_bars(
    table: SessionTable, interval_ns: int, start_ns: int, end_ns: int, *, phase_ns: int | None = None
) -> I64_1D:
    """Starts of all bars of one length that hold trading time, from `start_ns` to `end_ns` (exclusive).

    The grid of a session starts at its open; with `phase_ns`, on instants of that remainder by the interval (bars on
    the clock's full hours where a session opens at half past). The first and last bar may be short; a bar that lies
    wholly within a pause is left out.

    Raises
    ------
    ConfigError
        If `interval_ns` is not positive.
    """
    if interval_ns <= 0:
        raise ConfigError(f"interval_ns is {interval_ns}; a bar's length must be positive")
    first = table.open_ns
    if phase_ns is not None:
        first = first - (first - phase_ns) % interval_ns
    counts = np.maximum(-((first - table.close_ns) // interval_ns), 0)
    at = np.repeat(np.arange(len(table)), counts)
    within = np.arange(len(at)) - np.repeat(np.cumsum(counts) - counts, counts)
    starts: I64_1D = first[at] + within * interval_ns
    paused = (table.break_start_ns[at] >= 0) & (starts >= table.break_start_ns[at])
    paused &= starts + interval_ns <= table.break_end_ns[at]
    starts = starts[~paused & (starts >= start_ns) & (starts < end_ns)]
    # With a phase, the last bar of one session and the first of the next may be the same bar of the clock.
    return starts if phase_ns is None or not len(starts) else starts[np.diff(starts, prepend=starts[0] - 1) != 0]


def _table_over(calendar: str, first_ns: int, last_ns: int) -> SessionTable:
    """Sessions around the given instants: from before the first until at least one that opens after the last."""
    for ts_ns in (first_ns, last_ns):
        if not _YEAR_MIN < 1970 + ts_ns / (_DAYS_PER_YEAR * NS_PER_DAY) < _YEAR_MAX:
            raise CoverageError(
                f"calendar {calendar}: a bar starts at {format_ns(ts_ns)}, but sessions are known only from "
                f"{_YEAR_MIN} to {_YEAR_MAX}; check the unit of the stamps"
            )
    first, last = first_ns // NS_PER_DAY - _NEIGHBOURS, last_ns // NS_PER_DAY + _NEIGHBOURS
    table = session_table(calendar, max(day_of(first), date(_YEAR_MIN, 1, 1)), day_of(last))
    while not len(table) or table.close_ns[-1] <= last_ns:
        last += _NEIGHBOURS * _NEIGHBOURS
        table = session_table(calendar, max(day_of(first), date(_YEAR_MIN, 1, 1)), day_of(last))
    return table


def _held(calendar: str, first: int, last: int) -> tuple[int, int, SessionTable]:
    """The table of whole years, from disk where it is kept there; what needs no library is not worth keeping."""
    if calendar in (ROUND_THE_CLOCK, _SPOT_FX):
        return first, last, _build_years(calendar, first, last)
    kept = kept_table(calendar)
    if kept is not None and kept[0] <= first and last <= kept[1]:
        return kept[0], kept[1], SessionTable(calendar, **cast("dict[str, Any]", kept[2]))
    begin, end = (first, last) if kept is None else (min(first, kept[0]), max(last, kept[1]))
    try:
        table = _build_years(calendar, begin, end)
    except CoverageError:  # what is kept and what is asked for may lie on both sides of a hole
        return first, last, _build_years(calendar, first, last)
    zone = str(_library_calendar(calendar).tz)
    keep_table(calendar, zone, begin, end, {name: getattr(table, name) for name in _COLUMNS})
    return begin, end, table


def _build_years(calendar: str, first: int, last: int) -> SessionTable:
    return _build(calendar, day_number(date(first, 1, 1)), day_number(date(last, 12, 31)))


def _build(calendar: str, first: int, last: int) -> SessionTable:
    """The table for day numbers `first` to `last`; needs neighbours, because holidays join later sessions."""
    if calendar == ROUND_THE_CLOCK:
        days = np.arange(first, last + 1)
        return _table(calendar, days, days * NS_PER_DAY, (days + 1) * NS_PER_DAY, None, np.zeros(len(days), np.bool_))
    if calendar == _SPOT_FX:
        days = _weekdays(first, last)
        bounds = [_utc_ns(days, np.full(len(days), minute), "America/New_York") for minute in (_EVENING, 1_020)]
        return _table(calendar, days, bounds[0], bounds[1], None, np.zeros(len(days), np.bool_))
    library = _library_calendar(calendar)
    group = _GROUPS.get(type(library).__name__)
    margin_first = max(first - _NEIGHBOURS, day_number(date(_YEAR_MIN, 1, 1)))
    schedule = _schedule(calendar, library, margin_first, last + _NEIGHBOURS)
    if group is None:
        return _table_as_delivered(calendar, library, schedule, first, last)
    return _table_corrected(calendar, group, schedule, first, last)


def _weekdays(first: int, last: int) -> I64_1D:
    days = np.arange(first, last + 1)
    return days[(days + 3) % 7 < 5]  # 1970-01-01 was a Thursday


def _table(
    calendar: str,
    days: I64_1D,
    open_ns: I64_1D,
    close_ns: I64_1D,
    pauses: tuple[I64_1D, I64_1D] | None,
    half_day: BOOL_1D,
) -> SessionTable:
    start, end = pauses or (np.full(len(days), -1), np.full(len(days), -1))
    return SessionTable(calendar, days.astype(np.int32), open_ns, close_ns, start, end, half_day)


def _library_calendar(calendar: str) -> Any:
    import pandas_market_calendars

    known = pandas_market_calendars.get_calendar_names()
    if calendar not in known:
        import difflib

        close = difflib.get_close_matches(calendar, known, n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise ConfigError(
            f"calendar '{calendar}' is unknown{hint} Name one of pandas_market_calendars, or 24/7 or 24/5"
        )
    return pandas_market_calendars.get_calendar(calendar)


def _schedule(calendar: str, library: Any, first: int, last: int) -> Any:
    try:
        schedule = library.schedule(day_of(first).isoformat(), day_of(last).isoformat())
    except (ValueError, KeyError, IndexError) as error:
        raise CoverageError(
            f"calendar {calendar}: the library has no sessions for {day_of(first)} to {day_of(last)}: {error}; "
            "leave out the years that it does not know"
        ) from None
    return schedule


def _ns(stamps: Any) -> I64_1D:
    """Nanoseconds of a pandas column of aware stamps, whatever unit it is stored in; -1 where there is none."""
    values = stamps.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[ns]")
    return np.where(np.isnat(values), -1, values.astype(np.int64))


def _days(index: Any) -> I64_1D:
    days: I64_1D = index.to_numpy().astype("datetime64[D]").astype(np.int64)
    return days


def _table_as_delivered(calendar: str, library: Any, schedule: Any, first: int, last: int) -> SessionTable:
    """What the library says, except that a pause of no length or one outside the hours is none."""
    unusual = schedule.index.isin(library.early_closes(schedule).index)
    unusual |= schedule.index.isin(library.late_opens(schedule).index)
    days, open_ns, close_ns = _days(schedule.index), _ns(schedule["market_open"]), _ns(schedule["market_close"])
    pauses = None
    if "break_start" in schedule:
        start, end = _ns(schedule["break_start"]), _ns(schedule["break_end"])
        none = (start < 0) | (end <= start) | (start >= close_ns) | (end <= open_ns)
        pauses = (np.where(none, -1, start), np.where(none, -1, end))
    table = _table(calendar, days, open_ns, close_ns, pauses, np.asarray(unusual, np.bool_))
    start_row, stop_row = np.searchsorted(days, [first, last + 1])
    return table.rows(int(start_row), int(stop_row))


def _table_corrected(calendar: str, group: str, schedule: Any, first: int, last: int) -> SessionTable:
    """Library days with our hours, closes and trade dates; minutes from local midnight until the last step."""
    zone = "America/Chicago"
    local = schedule["market_close"].dt.tz_convert(zone).dt
    days, close = _corrected_closes(
        group, _days(schedule.index), local.hour.to_numpy(np.int64) * 60 + local.minute.to_numpy(np.int64)
    )
    eras = _ERAS[group]
    at = np.searchsorted([day_number(date.fromisoformat(era.first)) for era in eras], days, side="right") - 1
    usual_close = np.array([era.close_min for era in eras])[at]
    early = close >= 0
    close = np.where(early, np.minimum(close, usual_close), usual_close)
    early &= close < usual_close
    holiday = ~_own_trade_date(group, days)

    chained = np.zeros(len(days), np.bool_)
    chained[1:] = (np.diff(days) == 1) & ~holiday[:-1] & (close[:-1] >= 720)
    usual_open = np.array([era.open_min for era in eras])[at]
    opens = np.where(chained, usual_open, np.array([era.after_gap_min for era in eras])[at])
    pause = np.array([era.pause_min or (0, 0) for era in eras])[at]
    pause_start, pause_end = pause[:, 0], pause[:, 1]
    none = (pause_end <= pause_start) | (pause_start >= close) | (pause_start < opens)

    open_ns, close_ns = _utc_ns(days, opens, zone), _utc_ns(days, close, zone)
    start_ns = np.where(none, -1, _utc_ns(days, pause_start, zone))
    end_ns = np.where(none, -1, _utc_ns(days, pause_end, zone))

    # A holiday's hours open the session that follows it; its halt and the reopening bound that session's pause.
    joined = np.flatnonzero(holiday[:-1] & ~holiday[1:]) + 1
    start_ns[joined], end_ns[joined] = close_ns[joined - 1], open_ns[joined]
    open_ns[joined] = open_ns[joined - 1]
    keep = np.flatnonzero(~holiday & (days >= first) & (days <= last))
    return _table(calendar, days[keep], open_ns[keep], close_ns[keep], (start_ns[keep], end_ns[keep]), early[keep])


def _corrected_closes(group: str, days: I64_1D, close: I64_1D) -> tuple[I64_1D, I64_1D]:
    """Session days and closes after our corrections; -1 stands for the usual close of the time."""
    usual = 915 if group == "cfe" else 960
    closes = {int(day): -1 if minute == usual else int(minute) for day, minute in zip(days, close, strict=True)}
    if group in ("equity", "rates", "fx"):
        # Good Fridays from 2023 on, recognised by a close that no other day has, that are not the first Friday.
        late = [d for d, m in closes.items() if m in (495, 615) and day_of(d).year >= 2023 and day_of(d).day > 7]
        for day in late:
            del closes[day]
    if group == "energy_metals":
        until = day_number(date(2014, 3, 1))
        closes.update({d: 735 for d, m in closes.items() if m == 720 and d < until})
        eves = [day_number(date(year, 12, 24)) for year in range(2009, _YEAR_MAX + 1)]
        closes.update({eve: 765 for eve in eves if eve in closes})
    if group == "cfe":
        eves = [day_number(date(year, 12, 24)) for year in range(2020, _YEAR_MAX + 1)]
        closes.update({eve: 735 for eve in eves if eve in closes})
        closes.update(dict.fromkeys(_cfe_holidays(closes), _CFE_HALT_MIN))
    low, high = int(days[0]), int(days[-1])
    for text, minute in _CLOSES[group].items():
        day = day_number(date.fromisoformat(text))
        if minute is None:
            closes.pop(day, None)
        elif low <= day <= high:
            closes[day] = minute
    ordered = np.array(sorted(closes), np.int64)
    return ordered, np.array([closes[int(day)] for day in ordered], np.int64)


def _cfe_holidays(closes: Mapping[int, int]) -> list[int]:
    """Weekdays without a session on which VIX futures trade in the morning: not New Year, Christmas, Good Friday."""
    days = _weekdays(max(min(closes), day_number(date.fromisoformat(_CFE_HOLIDAYS_FROM))), max(closes))
    found = []
    for day in (int(day) for day in days if int(day) not in closes):
        when = day_of(day)
        new_year_or_christmas = (when.month, when.day) in {(1, 1), (1, 2), (12, 24), (12, 25), (12, 26), (12, 31)}
        spring_friday = when.weekday() == 4 and when.month in (3, 4)
        mourning = when in (date(2018, 12, 5), date(2025, 1, 9))
        if not (new_year_or_christmas or spring_friday or mourning):
            found.append(day)
    return found


def _own_trade_date(group: str, days: I64_1D) -> BOOL_1D:
    """True where the exchange books the day under its own date, False where its hours belong to the next."""
    name = "CFE" if group == "cfe" else "CME_TradeDate"
    trade_dates = _days(
        _library_calendar(name).valid_days(day_of(int(days[0])), day_of(int(days[-1]))).tz_localize(None)
    )
    own = np.isin(days, trade_dates)
    own |= np.isin(days, [day_number(date.fromisoformat(text)) for text in _OWN_TRADE_DATE[group]])
    if group != "cfe":
        weekday, month = (days + 3) % 7, days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1
        own |= (weekday == 4) & (month >= 3) & (month <= 4)  # only Good Friday can be missing among these
    return own


def _utc_ns(days: I64_1D, minutes: I64_1D, zone: str) -> I64_1D:
    """UTC nanoseconds of local wall-clock minutes from midnight of each day, daylight saving applied."""
    import pandas

    wall = (days * NS_PER_DAY + minutes * NS_PER_MINUTE).astype("datetime64[ns]")
    # No session opens, pauses or closes in the small hours in which clocks change, except on a Sunday when it is shut.
    aware = pandas.DatetimeIndex(wall).tz_localize(zone, ambiguous=False, nonexistent="shift_forward")
    stamps: I64_1D = aware.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[ns]").astype(np.int64)
    return stamps
