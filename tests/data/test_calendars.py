"""Sessions against dates that can be looked up, against real bars, and the assignment of bars against a slow search."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import ConfigError, CoverageError
from argus.core.time import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE, NS_PER_YEAR, day_number, day_of, to_ns
from argus.data.calendars import (
    SessionTable,
    assign_sessions,
    expected_bars,
    session_bounds,
    session_table,
    sessions_per_year,
)

EQUITY, RATES, FX, GOLD = "CME Globex Equity", "CME Globex Interest Rate Products", "CMEGlobex_FX", "CMEGlobex_GC"
CALENDARS = [EQUITY, RATES, FX, GOLD, "CMEGlobex_CL", "CFE", "NYSE", "24/5", "24/7", "XLON", "HKEX"]


def local(text: str, zone: str = "America/Chicago") -> int:
    """Nanoseconds of ``2024-03-11 16:00`` in a zone."""
    return to_ns(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


def one(calendar: str, day: str) -> SessionTable:
    table = session_table(calendar, date.fromisoformat(day), date.fromisoformat(day))
    assert len(table) == 1, f"{calendar} has no session on {day}"
    return table


# Session, open, close, pause: from the notices named at the top of argus.data.calendars.
KNOWN = [
    # Daylight saving starts on Sunday 10 March 2024 and ends on Sunday 3 November 2024: wall-clock hours stay.
    (EQUITY, "2024-03-08", "2024-03-07 17:00", "2024-03-08 16:00", None),
    (EQUITY, "2024-03-11", "2024-03-10 17:00", "2024-03-11 16:00", None),
    (EQUITY, "2024-11-04", "2024-11-03 17:00", "2024-11-04 16:00", None),
    # The day after Thanksgiving, with the holiday's own hours before it.
    (EQUITY, "2023-11-24", "2023-11-22 17:00", "2023-11-24 12:15", ("2023-11-23 12:00", "2023-11-23 17:00")),
    # Good Friday with an employment report.
    (EQUITY, "2023-04-07", "2023-04-06 17:00", "2023-04-07 08:15", None),
    (FX, "2015-04-03", "2015-04-02 17:00", "2015-04-03 10:15", None),
    # Regular hours of four times; in the first the next trade date began at 15:30.
    (EQUITY, "2012-11-15", "2012-11-14 15:30", "2012-11-15 15:15", ("2012-11-14 16:30", "2012-11-14 17:00")),
    (EQUITY, "2012-11-12", "2012-11-11 17:00", "2012-11-12 15:15", None),
    (EQUITY, "2012-11-20", "2012-11-19 17:00", "2012-11-20 16:15", ("2012-11-20 15:15", "2012-11-20 15:30")),
    (EQUITY, "2015-09-18", "2015-09-17 17:00", "2015-09-18 16:15", ("2015-09-18 15:15", "2015-09-18 15:30")),
    (EQUITY, "2015-09-21", "2015-09-20 17:00", "2015-09-21 16:00", ("2015-09-21 15:15", "2015-09-21 15:30")),
    (EQUITY, "2021-06-25", "2021-06-24 17:00", "2021-06-25 16:00", ("2021-06-25 15:15", "2021-06-25 15:30")),
    (EQUITY, "2021-06-28", "2021-06-27 17:00", "2021-06-28 16:00", None),
    (GOLD, "2015-09-18", "2015-09-17 17:00", "2015-09-18 16:15", None),
    (GOLD, "2020-12-24", "2020-12-23 17:00", "2020-12-24 12:45", None),
    # Hurricane Sandy, and two days of mourning.
    (EQUITY, "2012-10-30", "2012-10-29 17:00", "2012-10-30 08:15", None),
    (RATES, "2012-10-29", "2012-10-28 17:00", "2012-10-29 11:00", None),
    (EQUITY, "2018-12-06", "2018-12-04 17:00", "2018-12-06 16:00", ("2018-12-05 08:30", "2018-12-05 17:00")),
    (EQUITY, "2025-01-09", "2025-01-08 17:00", "2025-01-09 08:30", None),
    (RATES, "2025-01-09", "2025-01-08 17:00", "2025-01-09 12:15", None),
    # A holiday on a Friday belongs to Monday.
    (GOLD, "2025-07-07", "2025-07-03 17:00", "2025-07-07 16:00", ("2025-07-04 12:00", "2025-07-06 17:00")),
    (GOLD, "2023-09-05", "2023-09-03 17:00", "2023-09-05 16:00", ("2023-09-04 13:30", "2023-09-04 17:00")),
    # VIX futures: Cboe's schedule for Martin Luther King day 2017, and the hours of 2014.
    ("CFE", "2017-01-17", "2017-01-15 17:00", "2017-01-17 15:15", ("2017-01-16 10:30", "2017-01-16 17:00")),
    ("CFE", "2014-06-24", "2014-06-23 15:30", "2014-06-24 15:15", None),
    ("CFE", "2014-06-23", "2014-06-22 17:00", "2014-06-23 15:15", None),
    ("CFE", "2014-01-15", "2014-01-14 15:30", "2014-01-15 15:15", ("2014-01-14 16:15", "2014-01-15 02:00")),
    ("CFE", "2024-03-11", "2024-03-10 17:00", "2024-03-11 16:00", None),
]


@pytest.mark.parametrize(("calendar", "day", "opened", "closed", "pause"), KNOWN)
def test_known_sessions(calendar: str, day: str, opened: str, closed: str, pause: tuple[str, str] | None) -> None:
    table = one(calendar, day)
    assert table.open_ns[0] == local(opened)
    assert table.close_ns[0] == local(closed)
    expected = (-1, -1) if pause is None else (local(pause[0]), local(pause[1]))
    assert (table.break_start_ns[0], table.break_end_ns[0]) == expected


@pytest.mark.parametrize(
    ("calendar", "day"),
    [
        (EQUITY, "2024-03-29"),  # Good Friday without an employment report: the library has half a day
        (EQUITY, "2025-04-18"),
        (RATES, "2024-03-29"),
        (FX, "2025-04-18"),
        (EQUITY, "2027-03-26"),
        (RATES, "2018-12-05"),
        (EQUITY, "2023-12-25"),
        (EQUITY, "2024-01-01"),
        (EQUITY, "2023-11-23"),  # Thanksgiving's hours belong to the next day
        ("NYSE", "2012-10-29"),
        ("CFE", "2024-03-29"),
    ],
)
def test_days_without_a_session(calendar: str, day: str) -> None:
    assert len(session_table(calendar, date.fromisoformat(day), date.fromisoformat(day))) == 0


def test_half_days_are_marked() -> None:
    table = session_table(EQUITY, date(2023, 11, 20), date(2023, 12, 29))
    assert [day_of(day) for day in table.session[table.half_day]] == [date(2023, 11, 24)]
    table = session_table("NYSE", date(2023, 11, 20), date(2024, 12, 31))
    halves = [day_of(day).isoformat() for day in table.session[table.half_day]]
    assert halves == ["2023-11-24", "2024-07-03", "2024-11-29", "2024-12-24"]


def test_new_york_hours_follow_daylight_saving() -> None:
    for day in ("2024-03-08", "2024-03-11", "2024-11-01", "2024-11-04"):
        table = one("NYSE", day)
        assert table.open_ns[0] == local(f"{day} 09:30", "America/New_York")
        assert table.close_ns[0] == local(f"{day} 16:00", "America/New_York")
    spot = one("24/5", "2024-03-11")
    assert spot.open_ns[0] == local("2024-03-10 17:00", "America/New_York")
    assert spot.close_ns[0] == local("2024-03-11 17:00", "America/New_York")


def test_round_the_clock_sessions_are_utc_days() -> None:
    table = session_table("24/7", date(2019, 12, 30), date(2020, 1, 2))
    assert (table.open_ns == table.session.astype(np.int64) * NS_PER_DAY).all()
    assert (table.close_ns - table.open_ns == NS_PER_DAY).all()
    assert not table.half_day.any()


@pytest.mark.parametrize("calendar", CALENDARS)
def test_sessions_follow_each_other(calendar: str) -> None:
    table = session_table(calendar, date(1990, 1, 1), date(2035, 12, 31))
    assert (np.diff(table.session) > 0).all()
    assert (table.open_ns < table.close_ns).all()
    assert (table.open_ns[1:] >= table.close_ns[:-1]).all()
    paused = table.break_start_ns >= 0
    assert (table.open_ns[paused] <= table.break_start_ns[paused]).all()
    assert (table.break_start_ns[paused] < table.break_end_ns[paused]).all()
    assert (table.break_end_ns[paused] <= table.close_ns[paused]).all()
    assert (table.break_end_ns[~paused] == -1).all()


@pytest.mark.parametrize("calendar", [EQUITY, "CFE", "NYSE", "24/7"])
def test_a_part_equals_the_same_part_of_the_whole(calendar: str) -> None:
    part = session_table(calendar, date(2012, 10, 20), date(2012, 12, 31))
    whole = session_table(calendar, date(2005, 1, 1), date(2025, 12, 31))
    start, stop = np.searchsorted(whole.session, [part.session[0], part.session[-1] + 1])
    same = whole.rows(int(start), int(stop))
    for column in ("session", "open_ns", "close_ns", "break_start_ns", "break_end_ns", "half_day"):
        assert (getattr(part, column) == getattr(same, column)).all()
    with pytest.raises(ValueError, match="read-only"):
        part.open_ns[0] = 0


def test_wrong_requests_say_what_to_do() -> None:
    with pytest.raises(ConfigError, match="'NYSX' is unknown; did you mean"):
        session_table("NYSX", date(2020, 1, 1), date(2020, 2, 1))
    with pytest.raises(CoverageError, match="is empty"):
        session_table("NYSE", date(2020, 2, 1), date(2020, 1, 1))
    with pytest.raises(CoverageError, match="from 1885 to 2100"):
        session_table("24/7", date(1800, 1, 1), date(2020, 1, 1))
    stamps = np.array([9_000_000_000_000_000_000])
    with pytest.raises(CoverageError, match="check the unit"):
        assign_sessions(stamps, stamps + 1, "NYSE")


def test_sessions_per_year() -> None:
    assert sessions_per_year("NYSE", date(2000, 1, 1), date(2023, 12, 31)) == pytest.approx(251.6, abs=0.5)
    assert sessions_per_year("24/7", date(2000, 1, 1), date(2003, 12, 31)) == pytest.approx(NS_PER_YEAR / NS_PER_DAY)
    assert sessions_per_year("24/5", date(2001, 1, 1), date(2028, 12, 31)) == pytest.approx(260.9, abs=0.1)


def test_session_bounds_open_the_evening_before() -> None:
    days = np.array([day_number(date(2024, 3, 11)), day_number(date(2024, 3, 8))], np.int32)
    open_ns, close_ns = session_bounds(EQUITY, days)
    assert open_ns.tolist() == [local("2024-03-10 17:00"), local("2024-03-07 17:00")]
    assert close_ns.tolist() == [local("2024-03-11 16:00"), local("2024-03-08 16:00")]
    with pytest.raises(CoverageError, match="row 1: the calendar NYSE has no session on 2024-03-09"):
        session_bounds("NYSE", np.array([days[1], day_number(date(2024, 3, 9))], np.int32))
    with pytest.raises(CoverageError, match="row 0"):
        session_bounds("NYSE", np.array([day_number(date(2024, 3, 9))], np.int32))
    assert len(session_bounds("NYSE", np.empty(0, np.int32))[0]) == 0


def test_assignment_at_the_edges() -> None:
    rows = [  # start, length in minutes, session, inside, session end
        ("2024-03-08 14:00", 60, "2024-03-08", True, False),
        ("2024-03-08 15:00", 60, "2024-03-08", True, True),
        ("2024-03-08 16:00", 60, "2024-03-11", False, False),  # the close is no trading time
        ("2024-03-10 16:59", 1, "2024-03-11", False, False),
        ("2024-03-10 17:00", 60, "2024-03-11", True, False),
        ("2024-03-11 15:59", 1, "2024-03-11", True, True),
    ]
    starts = np.array([local(row[0]) for row in rows])
    closes = starts + np.array([row[1] for row in rows]) * NS_PER_MINUTE
    found = assign_sessions(starts, closes, EQUITY)
    assert [day_of(day).isoformat() for day in found.session] == [row[2] for row in rows]
    assert found.inside.tolist() == [row[3] for row in rows]
    assert found.session_end.tolist() == [row[4] for row in rows]
    assert found.session.dtype == np.int32


def test_a_pause_is_outside_but_stays_in_its_session() -> None:
    starts = np.array([local("2020-06-02 15:10"), local("2020-06-02 15:20"), local("2020-06-02 15:30")])
    found = assign_sessions(starts, starts + NS_PER_MINUTE, EQUITY)
    assert found.inside.tolist() == [True, False, True]
    assert {day_of(day).isoformat() for day in found.session} == {"2020-06-02"}


def test_midnight_of_a_round_the_clock_market_belongs_to_the_new_day() -> None:
    starts = np.array([NS_PER_DAY - NS_PER_MINUTE, NS_PER_DAY, NS_PER_DAY + NS_PER_MINUTE])
    found = assign_sessions(starts, starts + NS_PER_MINUTE, "24/7")
    assert found.session.tolist() == [0, 1, 1]
    assert found.session_end.tolist() == [True, False, False]
    assert found.inside.all()


def test_no_bars_no_sessions() -> None:
    nothing = np.empty(0, np.int64)
    assert len(assign_sessions(nothing, nothing, "NYSE").session) == 0


STARTS = st.lists(
    st.integers(local("2012-10-20 00:00") // NS_PER_MINUTE, local("2012-12-20 00:00") // NS_PER_MINUTE),
    min_size=1,
    max_size=60,
)


@given(minutes=STARTS, length=st.sampled_from([1, 30, 60, 24 * 60]), calendar=st.sampled_from([EQUITY, "NYSE", "24/7"]))
def test_assignment_equals_a_slow_search(minutes: list[int], length: int, calendar: str) -> None:
    table = session_table(calendar, date(2012, 10, 1), date(2013, 1, 10))
    starts = np.array(minutes) * NS_PER_MINUTE
    closes = starts + length * NS_PER_MINUTE
    found = assign_sessions(starts, closes, calendar)
    ended: dict[int, int] = {}
    for row in np.argsort(starts, kind="stable"):
        at = next(k for k in range(len(table)) if starts[row] < table.close_ns[k])
        pause = range(int(table.break_start_ns[at]), int(table.break_end_ns[at]))
        inside = starts[row] >= table.open_ns[at] and int(starts[row]) not in pause
        assert found.session[row] == table.session[at]
        assert found.inside[row] == inside
        if inside and closes[row] >= table.close_ns[at]:
            ended.setdefault(at, int(row))
    assert np.flatnonzero(found.session_end).tolist() == sorted(ended.values())
    in_time = np.argsort(starts, kind="stable")
    assert (np.diff(found.session[in_time]) >= 0).all()
    sorted_found = assign_sessions(starts[in_time], closes[in_time], calendar)
    assert (sorted_found.session == found.session[in_time]).all()
    assert (sorted_found.session_end == found.session_end[in_time]).all()


def test_expected_bars_leave_out_pauses_and_cut_the_last_short() -> None:
    table = one(EQUITY, "2020-06-02")
    fives = expected_bars(table, 5 * NS_PER_MINUTE, int(table.open_ns[0]), int(table.close_ns[0]))
    assert len(fives) == 23 * 12 - 3
    assert local("2020-06-02 15:15") not in fives
    assert local("2020-06-02 15:30") in fives
    half = one("NYSE", "2024-07-03")  # 9:30 to 13:00: the fourth hour is half an hour
    hours = expected_bars(half, NS_PER_HOUR, 0, 2**62)
    assert hours.tolist() == [local(f"2024-07-03 {h}:30", "America/New_York") for h in ("09", "10", "11", "12")]
    clock = expected_bars(half, NS_PER_HOUR, 0, 2**62, phase_ns=0)
    assert clock.tolist() == [local(f"2024-07-03 {h}:00", "America/New_York") for h in ("09", "10", "11", "12")]


def test_expected_bars_keep_to_the_range_and_refuse_no_length() -> None:
    table = session_table("24/7", date(2024, 1, 1), date(2024, 1, 3))
    start = int(table.open_ns[1])
    assert expected_bars(table, NS_PER_HOUR, start, start + 3 * NS_PER_HOUR).tolist() == [
        start + k * NS_PER_HOUR for k in range(3)
    ]
    with pytest.raises(ConfigError, match="must be positive"):
        expected_bars(table, 0, 0, 1)


def hours_of(folder: Path, root: str) -> np.ndarray:
    import polars as pl

    stamps = pl.read_parquet(folder / "futures_hourly" / f"{root}.parquet", columns=["time_utc"])["time_utc"]
    return stamps.unique().sort().dt.epoch("ns").to_numpy().astype(np.int64)


@pytest.mark.parametrize(
    ("root", "calendar", "outside_max", "missing_share_max"),
    [
        ("MES", EQUITY, 0, 0.0),
        ("MCL", "CMEGlobex_MCL", 0, 0.0),
        ("YM", EQUITY, 7, 0.04),
        ("M6E", FX, 5, 0.01),
        ("MGC", GOLD, 0, 0.03),
        ("SI", "CMEGlobex_SI", 3, 0.02),
        ("VXM", "CFE", 1, 0.005),
    ],
)
def test_real_hourly_bars_keep_the_hours(
    real_data: Path, root: str, calendar: str, outside_max: int, missing_share_max: float
) -> None:
    hours = hours_of(real_data, root)
    found = assign_sessions(hours, hours + NS_PER_HOUR, calendar)
    assert int((~found.inside).sum()) <= outside_max
    table = session_table(calendar, day_of(int(found.session[0])), day_of(int(found.session[-1])))
    due = expected_bars(table, NS_PER_HOUR, int(hours[0]), int(hours[-1]) + 1, phase_ns=0)
    assert len(np.setdiff1d(due, hours)) <= missing_share_max * len(due)


def test_real_sessions_across_clock_changes(real_data: Path) -> None:
    hours = hours_of(real_data, "MES")
    found = assign_sessions(hours, hours + NS_PER_HOUR, EQUITY)
    assert found.session_end.sum() == len(np.unique(found.session))
    for day in ("2023-03-13", "2023-11-06", "2024-03-11", "2024-11-04"):  # the Mondays after
        rows = np.flatnonzero(found.session == day_number(date.fromisoformat(day)))
        assert len(rows) == 23
        assert hours[rows[0]] == one(EQUITY, day).open_ns[0]
        assert found.session_end[rows].tolist() == [False] * 22 + [True]


def test_real_daily_bars_are_trade_dates(real_data: Path) -> None:
    import polars as pl

    for root, calendar in (("MES", EQUITY), ("MGC", GOLD), ("MCL", "CMEGlobex_MCL")):
        bars = pl.read_parquet(real_data / "futures_daily" / f"{root}.parquet").filter(pl.col("volume") > 0)
        local_dates = bars["time_utc"].dt.convert_time_zone("America/Chicago").dt.date()
        days = np.unique(local_dates.cast(pl.Int32).to_numpy())
        table = session_table(calendar, day_of(int(days[0])), day_of(int(days[-1])))
        assert len(np.setdiff1d(days, table.session)) == 0
        absent = {day_of(int(day)).isoformat() for day in np.setdiff1d(table.session, days)}
        assert absent <= {"2021-04-02"}  # the vendor books this Good Friday's hours under Monday
