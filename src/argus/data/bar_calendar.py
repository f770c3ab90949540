"""What the exchange calendar says of every bar: when its session opens and closes, how near a holiday or an expiry is.

Features read these columns beside prices. Nothing in them is observed: sessions, holidays, half days and the dates of
contracts are announced long before, so a column has the same value on a bar whatever comes after it, and an audit that
replaces the future leaves it as it is. Two things would break that, and are left out. A closure that nobody could know
beforehand (a hurricane, a day of mourning) is no holiday until it has happened: columns that look forward count it as a
session. And a roll that a crossover of volume decides is not known beforehand, so only rolls by the calendar have a
number of days to them. What remains is the hour of a close that was cut short at a day's notice, which bars have too.

All but the minutes is worked out once a session.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import BOOL_1D, F64_1D, I64_1D, Bars, Stretches
from argus.core.errors import ConfigError, CoverageError
from argus.core.instruments import InstrumentKind, InstrumentSpec, RegularHours, instrument, last_trade_date
from argus.core.time import NS_PER_DAY, NS_PER_MINUTE, NS_PER_SECOND, day_number, day_of, to_ns
from argus.data._calendar_store import keep_table, kept_table
from argus.data.calendars import SessionTable, hold_tables, session_table
from argus.data.contract_dates import is_contract, parse_contract
from argus.data.rolls import RollRule, RollSchedule, RollTrigger, customary_rule, roll_date

__all__ = ["CALENDAR_COLUMNS", "calendar_columns", "calendar_stretches", "hold_calendars"]

CALENDAR_COLUMNS: Final = (
    "session_open_s",
    "session_close_s",
    "regular_open_s",
    "regular_close_s",
    "is_half_day",
    "new_york_minute",
    "london_minute",
    "tokyo_minute",
    "session_of_month",
    "sessions_left_in_month",
    "sessions_to_holiday",
    "sessions_since_holiday",
    "days_to_expiry",
    "days_to_roll",
    "days_to_option_expiry",
)
"""Names of all columns, as features know them."""

_ZONES: Final = {
    "new_york_minute": "America/New_York",
    "london_minute": "Europe/London",
    "tokyo_minute": "Asia/Tokyo",
}
_OPTION_DAYS: Final = "NYSE"
"""Monthly options expire by the days of the US stock market, whatever market reads the column."""
_YEARS: Final = (1885, 2100)
_SUDDEN: Final = "NYSE, sudden closures"
"""Name under which they are kept on disk: the library that lists them takes half a second to load."""
_FRIDAY: Final = 4
_MINUTES_PER_DAY: Final = 1_440
_PROBE_DAYS: Final = 14
"""No clock of these zones was changed twice within so few days."""


def calendar_columns(
    bars: Bars,
    names: Sequence[str] | None = None,
    *,
    spec: InstrumentSpec | None = None,
    schedule: RollSchedule | None = None,
) -> dict[str, F64_1D]:
    """Columns of the calendar for the bars of one instrument.

    Parameters
    ----------
    bars : Bars
    names : sequence of str, optional
        Of `CALENDAR_COLUMNS`; None makes all.
    spec : InstrumentSpec, optional
        None looks the bars' instrument (of a contract: its root) up in the package's file.
    schedule : RollSchedule, optional
        Of the series that the bars are: the contract in front then has an expiry and a roll. Bars of one contract, such
        as ``MES.202306``, need none.

    Returns
    -------
    dict of name to (n,) float64
        Times in seconds since 1970 UTC. NaN: days to an expiry or a roll that there is none of, or that is past or not
        known beforehand; sessions to and since a holiday on a calendar without any; regular hours on a session that
        ends before they begin.

    Raises
    ------
    ConfigError
        For a name that is no column.
    CoverageError
        If the calendar has no session on a bar's session date.
    InstrumentError
        If the instrument is unknown, or has no such delivery month.
    """
    found = calendar_stretches(bars, names, spec=spec, schedule=schedule)
    return {
        name: one.rows() if isinstance(one, Stretches) else one.astype(np.float64) for name, one in found.items()
    }  # fmt: skip


def calendar_stretches(
    bars: Bars,
    names: Sequence[str] | None = None,
    *,
    spec: InstrumentSpec | None = None,
    schedule: RollSchedule | None = None,
) -> dict[str, NDArray[Any] | Stretches]:
    """The same columns in little memory: those of the session as one value for all of its bars, minutes as int16."""
    wanted = CALENDAR_COLUMNS if names is None else tuple(names)
    unknown = [name for name in wanted if name not in CALENDAR_COLUMNS]
    if unknown:
        raise ConfigError(f"no calendar column is called {', '.join(unknown)}; there are {', '.join(CALENDAR_COLUMNS)}")
    if not len(bars):
        return {name: np.empty(0) for name in wanted}
    spec = _specification(bars) if spec is None else spec
    runs = _Runs.of(bars, spec.calendar)
    return {name: _column(name, runs, bars, spec, schedule) for name in wanted}


def hold_calendars(held: tuple[tuple[str, date, date], ...]) -> None:
    """Build the tables of `argus.data.calendars.tables_held` of another process, and load the library beside them."""
    hold_tables(held)
    _sudden_closures()


def _specification(bars: Bars) -> InstrumentSpec:
    return instrument(parse_contract(bars.instrument).root if is_contract(bars.instrument) else bars.instrument)


@dataclass(frozen=True, slots=True)
class _Runs:
    """The sessions of bars: the row after the last of each, and its row in the table of whole years around them."""

    years: _Years
    session: I64_1D
    row: I64_1D
    ends: I64_1D

    @classmethod
    def of(cls, bars: Bars, calendar: str) -> _Runs:
        begin = np.flatnonzero(bars.session[1:] != bars.session[:-1]) + 1
        begin = np.concatenate((np.zeros(1, np.int64), begin))
        session = bars.session[begin].astype(np.int64)
        years = _years(calendar, day_of(int(session[0])).year, day_of(int(session[-1])).year)
        days = years.table.session
        row = np.minimum(np.searchsorted(days, session), len(days) - 1)
        wrong = np.flatnonzero(days[row] != session)
        if len(wrong):
            raise CoverageError(
                f"{bars.instrument}: row {int(begin[wrong[0]])}: the calendar {calendar} has no session on "
                f"{day_of(int(session[wrong[0]]))} ({len(wrong)} such sessions); check which calendar the bars follow"
            )
        return cls(years, session, row, np.append(begin[1:], len(bars)))

    def spread(self, values: NDArray[Any]) -> Stretches:
        """A value for each session, as one for each bar."""
        return Stretches(np.asarray(values, np.float64), self.ends)


def _column(
    name: str, runs: _Runs, bars: Bars, spec: InstrumentSpec, schedule: RollSchedule | None
) -> NDArray[Any] | Stretches:
    if name in _ZONES:
        return _minutes(_ZONES[name], bars.ts_close_ns)
    if name in ("days_to_expiry", "days_to_roll"):
        return _days_of_contract(name, runs, bars, spec, schedule)
    if name == "days_to_option_expiry":
        return runs.spread(_option_expiry(runs.session) - runs.session)
    table, row = runs.years.table, runs.row
    if name == "session_open_s":
        return runs.spread(table.open_ns[row] / NS_PER_SECOND)
    if name == "session_close_s":
        return runs.spread(table.close_ns[row] / NS_PER_SECOND)
    if name == "is_half_day":
        return runs.spread(table.half_day[row])
    if name in ("regular_open_s", "regular_close_s"):
        hours = _regular(spec.regular_hours, table.rows(int(row[0]), int(row[-1]) + 1))
        return runs.spread(hours[int(name == "regular_close_s")][row - row[0]])
    return runs.spread(_COUNTS[name](runs.years)[row])


# ---- sessions of whole years, and what is counted in them


@dataclass(frozen=True, slots=True)
class _Years:
    """Sessions of whole years, with what could be known of them beforehand.

    Attributes
    ----------
    table : SessionTable
    planned : (m,) int64
        Days of the sessions, and of those that a sudden closure took away.
    holidays : (k,) int64
        Weekdays without a session.
    sudden : (k,) bool
        Which of them were not planned.
    """

    table: SessionTable
    planned: I64_1D
    holidays: I64_1D
    sudden: BOOL_1D


def _years(calendar: str, first: int, last: int) -> _Years:
    """Also the year before and the year after, so that the nearest holidays are among them."""
    return _years_between(calendar, max(first - 1, _YEARS[0]), min(last + 1, _YEARS[1]))


@lru_cache(maxsize=64)
def _years_between(calendar: str, first: int, last: int) -> _Years:
    begin, end = date(first, 1, 1), date(last, 12, 31)
    table = session_table(calendar, begin, end)
    days = np.arange(day_number(begin), day_number(end) + 1)
    weekdays = days[(days + 3) % 7 < 5]  # 1970-01-01 was a Thursday
    holidays = weekdays[~np.isin(weekdays, table.session)]
    sudden = np.isin(holidays, _sudden_closures())
    planned = np.union1d(table.session.astype(np.int64), holidays[sudden])
    return _Years(table, planned, holidays, sudden)


@lru_cache(maxsize=1)
def _sudden_closures() -> I64_1D:
    """Days without a session that no rule of the calendar foresaw: storms, blackouts, mourning, attacks.

    Of the US stock market's calendar, which lists them; the days of futures exchanges are among these.
    """
    kept = kept_table(_SUDDEN)
    if kept is not None:
        return kept[2]["day"].astype(np.int64)
    import pandas_market_calendars

    found = [day_number(stamp.date()) for stamp in pandas_market_calendars.get_calendar("NYSE").adhoc_holidays]
    days = np.unique(np.array(found, np.int64))
    keep_table(_SUDDEN, "America/New_York", *_YEARS, {"day": days})
    return days


def _month_begin(days: I64_1D, months_later: int = 0) -> I64_1D:
    month = days.astype("datetime64[D]").astype("datetime64[M]") + months_later
    return month.astype("datetime64[D]").astype(np.int64)


def _of_month(years: _Years) -> I64_1D:
    days = years.table.session.astype(np.int64)
    return np.arange(1, len(days) + 1) - np.searchsorted(days, _month_begin(days))


def _left_in_month(years: _Years) -> I64_1D:
    days = years.table.session.astype(np.int64)
    return _between(years.planned, days, _month_begin(days, 1))


def _to_holiday(years: _Years) -> F64_1D:
    days, holidays = years.table.session.astype(np.int64), years.holidays[~years.sudden]
    at = np.searchsorted(holidays, days)
    known = at < len(holidays)
    found = np.full(len(days), np.nan)
    found[known] = _between(years.planned, days[known], holidays[at[known]])
    return found


def _since_holiday(years: _Years) -> F64_1D:
    days = years.table.session.astype(np.int64)
    at = np.searchsorted(years.holidays, days) - 1
    known = at >= 0
    found = np.full(len(days), np.nan)
    found[known] = _between(days, years.holidays[at[known]], days[known])
    return found


def _between(sessions: I64_1D, after: I64_1D, before: I64_1D) -> I64_1D:
    """How many sessions lie strictly between two days."""
    count: I64_1D = np.searchsorted(sessions, before) - np.searchsorted(sessions, after, side="right")
    return count


_COUNTS: Final[dict[str, Callable[[_Years], NDArray[Any]]]] = {
    "session_of_month": _of_month,
    "sessions_left_in_month": _left_in_month,
    "sessions_to_holiday": _to_holiday,
    "sessions_since_holiday": _since_holiday,
}


# ---- hours of the day


def _regular(hours: RegularHours | None, table: SessionTable) -> tuple[F64_1D, F64_1D]:
    """Open and close of the regular hours of each session, in seconds; the whole session where there are none."""
    if hours is None:
        return table.open_ns / NS_PER_SECOND, table.close_ns / NS_PER_SECOND
    days = table.session.astype(np.int64)
    opens = np.maximum(_instants(hours.timezone, days, hours.open), table.open_ns)
    closes = np.minimum(_instants(hours.timezone, days, hours.close), table.close_ns)
    if hours.calendar is not None:
        market = session_table(hours.calendar, day_of(int(days[0])), day_of(int(days[-1])))
        if not len(market):
            return np.full(len(days), np.nan), np.full(len(days), np.nan)
        at = np.minimum(np.searchsorted(market.session, days), len(market) - 1)
        is_open = market.session[at] == days
        opens = np.maximum(opens, market.open_ns[at])
        closes = np.where(is_open, np.minimum(closes, market.close_ns[at]), opens)
    none = closes <= opens
    return np.where(none, np.nan, opens / NS_PER_SECOND), np.where(none, np.nan, closes / NS_PER_SECOND)


def _instants(zone: str, days: I64_1D, clock: clock_time) -> I64_1D:
    """UTC nanoseconds of a local time on each day; no clock is changed during regular hours."""
    minutes = clock.hour * 60 + clock.minute
    noon_ns = days * NS_PER_DAY + NS_PER_DAY // 2
    change_ns, offset_min = _clock_changes(zone, day_of(int(days[0])).year, day_of(int(days[-1])).year)
    offset = offset_min[np.searchsorted(change_ns, noon_ns, side="right")]
    return days * NS_PER_DAY + (minutes - offset) * NS_PER_MINUTE


def _minutes(zone: str, close_ns: I64_1D) -> NDArray[np.int16]:
    """Minute of the local day at each instant; the instants never decrease."""
    first, last = (day_of(int(ns // NS_PER_DAY)).year for ns in (close_ns[0], close_ns[-1]))
    change_ns, offset_min = _clock_changes(zone, first, last)
    found = np.empty(len(close_ns), dtype=np.int16)
    bounds = np.searchsorted(close_ns, change_ns)
    begins, ends = np.concatenate(([0], bounds)), np.concatenate((bounds, [len(close_ns)]))
    utc_min = close_ns // NS_PER_MINUTE
    for begin, end, offset in zip(begins, ends, offset_min, strict=True):
        if end > begin:
            found[begin:end] = (utc_min[begin:end] + offset) % _MINUTES_PER_DAY
    return found


@lru_cache(maxsize=64)
def _clock_changes(zone: str, first: int, last: int) -> tuple[I64_1D, I64_1D]:
    """(instants at which a zone's offset from UTC changes, offsets in minutes before, between and after them).

    From the year before `first` to well after `last`.
    """
    where = ZoneInfo(zone)
    found: list[int] = []
    day, end = date(max(first - 1, 1), 1, 1), date(last + 3, 1, 1)
    offsets = [_offset_min(where, to_ns(datetime.combine(day, clock_time(), ZoneInfo("UTC"))))]
    while day < end:
        low = to_ns(datetime.combine(day, clock_time(), ZoneInfo("UTC"))) // NS_PER_SECOND
        day += timedelta(days=_PROBE_DAYS)
        high = to_ns(datetime.combine(day, clock_time(), ZoneInfo("UTC"))) // NS_PER_SECOND
        after = _offset_min(where, high * NS_PER_SECOND)
        if after == offsets[-1]:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            if _offset_min(where, middle * NS_PER_SECOND) == after:
                high = middle
            else:
                low = middle
        found.append(high * NS_PER_SECOND)
        offsets.append(after)
    return np.array(found, np.int64), np.array(offsets, np.int64)


def _offset_min(zone: ZoneInfo, ts_ns: int) -> int:
    offset = datetime.fromtimestamp(ts_ns // NS_PER_SECOND, zone).utcoffset()
    assert offset is not None
    return round(offset.total_seconds() / 60)


# ---- expiries and rolls


def _days_of_contract(
    name: str, runs: _Runs, bars: Bars, spec: InstrumentSpec, schedule: RollSchedule | None
) -> F64_1D | Stretches:
    """Days to the last trade, or to the roll, of the bars' contract or of the one in front."""
    if schedule is None:
        symbol = bars.instrument if is_contract(bars.instrument) else spec.symbol
        if not is_contract(symbol) or spec.kind is not InstrumentKind.FUTURE:
            return runs.spread(np.full(len(runs.session), np.nan))
        root = replace(spec, symbol=parse_contract(symbol).root)
        left = _days_left(name, symbol, root, customary_rule(root), runs.session)
        return runs.spread(np.where(left < 0, np.nan, left))
    found = np.full(len(bars), np.nan)
    sessions = bars.session.astype(np.int64)
    for leg in schedule.legs:
        begin = int(np.searchsorted(bars.ts_event_ns, leg.start_ns))
        end = len(bars) if leg.end_ns is None else int(np.searchsorted(bars.ts_event_ns, leg.end_ns))
        if begin < end:
            root = replace(spec, symbol=schedule.root)
            left = _days_left(name, leg.symbol, root, schedule.rule, sessions[begin:end])
            # A contract that stays in front because no later one trades is due to be left on every day.
            found[begin:end] = np.maximum(left, 0.0) if name == "days_to_roll" else np.where(left < 0, np.nan, left)
    return found


def _days_left(name: str, symbol: str, root: InstrumentSpec, rule: RollRule, sessions: I64_1D) -> F64_1D:
    contract = parse_contract(symbol)
    if name == "days_to_expiry":
        day = last_trade_date(root, contract.year, contract.letter)
    elif rule.trigger is RollTrigger.CALENDAR:
        day = roll_date(root, symbol, rule.days_before)
    else:
        return np.full(len(sessions), np.nan)
    return (day_number(day) - sessions).astype(np.float64)


def _option_expiry(sessions: I64_1D) -> I64_1D:
    """Day of the next monthly expiry, on or after each session date."""
    expiries = _option_expiries(day_of(int(sessions[0])).year, day_of(int(sessions[-1])).year)
    return expiries[np.searchsorted(expiries, sessions)]


@lru_cache(maxsize=64)
def _option_expiries(first: int, last: int) -> I64_1D:
    """Third Fridays from `first` to the January after `last`, or the sessions before those that are holidays."""
    begin = np.datetime64(f"{first:04d}-01", "M")
    months = begin + np.arange(12 * (last - first + 1) + 1)
    starts = months.astype("datetime64[D]").astype(np.int64)
    fridays = starts + (_FRIDAY - (starts + 3) % 7) % 7 + 14
    days = _years(_OPTION_DAYS, first, last).planned
    found: I64_1D = days[np.searchsorted(days, fridays, side="right") - 1]
    return found
