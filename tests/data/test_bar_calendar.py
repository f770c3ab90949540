"""Columns of the calendar, beside slow loops over dates and beside facts that anybody can look up."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.core.arrays import Bars, Stretches
from argus.core.errors import ConfigError, CoverageError
from argus.core.instruments import instrument, last_trade_date
from argus.core.time import day_number, day_of
from argus.data.bar_calendar import CALENDAR_COLUMNS, calendar_columns, calendar_stretches
from argus.data.calendars import session_table
from argus.data.rolls import RollRule, RollTrigger, customary_rule, roll_date, roll_schedule
from argus.features.inputs import CALENDAR_INPUTS
from tests.data.calendar_bars import calendar_bars
from tests.data.futures_samples import contract

NEW_YORK = ZoneInfo("America/New_York")
CHICAGO = ZoneInfo("America/Chicago")


def on(bars: Bars, name: str, day: date, **given: object) -> list[float]:
    """The different values of a column within a session."""
    column = calendar_columns(bars, [name], **given)[name]  # type: ignore[arg-type]
    values = column[bars.session == day_number(day)]
    assert len(values), f"no bars on {day}"
    return [float(value) for value in np.unique(values)]


def seconds(day: date, hour: int, minute: int, zone: ZoneInfo = NEW_YORK) -> float:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).timestamp()


def test_the_names_are_those_that_features_read() -> None:
    assert tuple(CALENDAR_INPUTS) == CALENDAR_COLUMNS


@pytest.mark.parametrize(
    ("symbol", "first", "last"),
    [
        ("SPY", date(2024, 2, 20), date(2025, 1, 31)),
        ("MES", date(2024, 10, 1), date(2025, 4, 30)),
        ("BTCUSD", date(2024, 10, 20), date(2024, 11, 10)),
        ("EURUSD", date(2024, 10, 20), date(2024, 11, 10)),
    ],
)
def test_every_column_agrees_with_a_slow_loop(symbol: str, first: date, last: date) -> None:
    bars = calendar_bars(symbol, first, last, minutes=60)
    found = calendar_columns(bars)
    spec = instrument(symbol)
    table = session_table(spec.calendar, date(first.year - 1, 1, 1), date(last.year + 1, 12, 31))
    sessions = [day_of(int(number)) for number in table.session]
    own = set(sessions)
    for row in range(0, len(bars), 5):
        day = day_of(int(bars.session[row]))
        at = sessions.index(day)
        assert found["session_open_s"][row] == table.open_ns[at] / 1e9
        assert found["session_close_s"][row] == table.close_ns[at] / 1e9
        assert found["is_half_day"][row] == float(table.half_day[at])
        close = datetime.fromtimestamp(int(bars.ts_close_ns[row]) // 10**9, UTC)
        for name, zone in (
            ("new_york", NEW_YORK),
            ("london", ZoneInfo("Europe/London")),
            ("tokyo", ZoneInfo("Asia/Tokyo")),
        ):
            local = close.astimezone(zone)
            assert found[f"{name}_minute"][row] == local.hour * 60 + local.minute
        month = [one for one in sessions if (one.year, one.month) == (day.year, day.month)]
        assert found["session_of_month"][row] == month.index(day) + 1
        # Mourning on 9 January 2025 was announced on 30 December: nobody could count without it before.
        taken = symbol == "SPY" and day.month == 1 and day.year == 2025 and day < date(2025, 1, 9)
        assert found["sessions_left_in_month"][row] == len(month) - month.index(day) - 1 + taken
        if symbol in ("BTCUSD", "EURUSD"):
            assert np.isnan(found["sessions_to_holiday"][row])
            assert np.isnan(found["sessions_since_holiday"][row])
            continue
        ahead, sudden = day + timedelta(1), symbol == "SPY" and day < date(2025, 1, 9)
        while ahead in own or ahead.weekday() > 4 or (sudden and ahead == date(2025, 1, 9)):
            ahead += timedelta(1)
        behind = day - timedelta(1)
        while behind in own or behind.weekday() > 4:
            behind -= timedelta(1)
        between = sum(day < one < ahead for one in sessions) + (sudden and ahead > date(2025, 1, 9))
        assert found["sessions_to_holiday"][row] == between
        assert found["sessions_since_holiday"][row] == sum(behind < one < day for one in sessions)


@pytest.mark.parametrize(
    ("day", "expiry"),
    [
        (date(2024, 3, 4), date(2024, 3, 15)),
        (date(2024, 3, 15), date(2024, 3, 15)),
        (date(2024, 3, 18), date(2024, 4, 19)),
        (date(2019, 4, 15), date(2019, 4, 18)),  # the third Friday was Good Friday
        (date(2026, 6, 15), date(2026, 6, 18)),  # and here Juneteenth
        (date(2023, 12, 18), date(2024, 1, 19)),
    ],
)
def test_monthly_options_expire_on_the_third_friday_or_before_its_holiday(day: date, expiry: date) -> None:
    for symbol in ("SPY", "BTCUSD"):
        bars = calendar_bars(symbol, day, day)
        assert on(bars, "days_to_option_expiry", day) == [(expiry - day).days]


def test_neighbours_of_a_holiday_are_zero_sessions_from_it() -> None:
    bars = calendar_bars("SPY", date(2024, 6, 24), date(2024, 7, 12))
    assert on(bars, "sessions_to_holiday", date(2024, 7, 3)) == [0.0]
    assert on(bars, "sessions_since_holiday", date(2024, 7, 5)) == [0.0]
    assert on(bars, "sessions_to_holiday", date(2024, 6, 28)) == [3.0]
    assert on(bars, "is_half_day", date(2024, 7, 3)) == [1.0]
    assert on(bars, "session_close_s", date(2024, 7, 3)) == [seconds(date(2024, 7, 3), 13, 0)]


def test_a_closure_that_nobody_foresaw_is_no_holiday_before_it_happened() -> None:
    bars = calendar_bars("SPY", date(2012, 10, 22), date(2012, 11, 30))
    planned = session_table("NYSE", date(2012, 10, 29), date(2012, 11, 21))
    friday = date(2012, 10, 26)
    assert on(bars, "sessions_to_holiday", friday) == [len(planned) + 2], "hurricane Sandy closed two sessions"
    assert on(bars, "sessions_left_in_month", friday) == [3.0]
    assert on(bars, "sessions_since_holiday", date(2012, 10, 31)) == [0.0]
    assert on(bars, "session_of_month", date(2012, 10, 31)) == [21.0]


@pytest.mark.parametrize(
    ("symbol", "day", "opens", "closes", "zone"),
    [
        ("ES", date(2024, 6, 12), (9, 30), (16, 0), NEW_YORK),
        (
            "ES",
            date(2024, 11, 29),
            (9, 30),
            (13, 0),
            NEW_YORK,
        ),  # the stock market closed early, futures 15 minutes later
        ("ES", date(2025, 1, 21), (9, 30), (16, 0), NEW_YORK),  # begins on Sunday, before Martin Luther King day
        ("ZN", date(2024, 6, 12), (7, 20), (14, 0), CHICAGO),
        ("ZN", date(2024, 11, 29), (7, 20), (12, 15), CHICAGO),
        ("GC", date(2024, 6, 12), (8, 20), (13, 30), NEW_YORK),
        ("SI", date(2024, 6, 12), (8, 25), (13, 25), NEW_YORK),
        ("CL", date(2024, 12, 24), (9, 0), (13, 45), NEW_YORK),
        ("6E", date(2024, 6, 12), (7, 20), (14, 0), CHICAGO),
        ("VX", date(2024, 6, 12), (8, 30), (15, 15), CHICAGO),
        ("VX", date(2024, 12, 24), (8, 30), (12, 15), CHICAGO),
        ("SPY", date(2024, 6, 12), (9, 30), (16, 0), NEW_YORK),
    ],
)
def test_regular_hours(symbol: str, day: date, opens: tuple[int, int], closes: tuple[int, int], zone: ZoneInfo) -> None:
    bars = calendar_bars(symbol, day, day)
    assert on(bars, "regular_open_s", day) == [seconds(day, *opens, zone)]
    assert on(bars, "regular_close_s", day) == [seconds(day, *closes, zone)]


def test_a_session_without_the_market_of_its_underlying_has_no_regular_hours() -> None:
    good_friday = date(2023, 4, 7)  # futures traded until 8:15 in Chicago, for the employment report
    bars = calendar_bars("ES", date(2023, 4, 5), date(2023, 4, 11))
    for name in ("regular_open_s", "regular_close_s"):
        column = calendar_columns(bars, [name])[name]
        assert np.isnan(column[bars.session == day_number(good_friday)]).all()
        assert np.isfinite(column[bars.session != day_number(good_friday)]).all()


def test_a_market_that_never_closes_is_regular_all_day() -> None:
    day = date(2024, 3, 10)
    bars = calendar_bars("BTCUSD", day, day)
    assert on(bars, "regular_open_s", day) == on(bars, "session_open_s", day) == [day_number(day) * 86_400.0]
    assert on(bars, "regular_close_s", day) == on(bars, "session_close_s", day) == [(day_number(day) + 1) * 86_400.0]


def test_a_contract_knows_its_expiry_and_when_it_is_rolled() -> None:
    spec = instrument("MES")
    bars = calendar_bars("MES.202406", date(2024, 6, 3), date(2024, 6, 20))
    expiry, roll = last_trade_date(spec, 2024, "M"), roll_date(spec, "MES.202406", customary_rule(spec).days_before)
    assert expiry == date(2024, 6, 21)
    assert on(bars, "days_to_expiry", date(2024, 6, 3)) == [18.0]
    assert on(bars, "days_to_expiry", date(2024, 6, 20)) == [1.0]
    assert on(bars, "days_to_roll", date(2024, 6, 3)) == [(roll - date(2024, 6, 3)).days]
    assert on(bars, "days_to_roll", roll) == [0.0]
    assert np.isnan(on(bars, "days_to_roll", date(2024, 6, 20))).all(), "it has been left"
    for name in ("days_to_expiry", "days_to_roll"):
        assert np.isnan(calendar_columns(calendar_bars("MES", roll, roll), [name])[name]).all(), "of which contract?"
        assert np.isnan(calendar_columns(calendar_bars("SPY", roll, roll), [name])[name]).all()


@pytest.mark.parametrize("trigger", [RollTrigger.CALENDAR, RollTrigger.VOLUME])
def test_a_series_counts_to_the_rolls_that_are_known_beforehand(trigger: RollTrigger) -> None:
    spec = instrument("MES")
    rule = RollRule(trigger)
    contracts = {
        symbol: contract(symbol, first, volume=lambda day, symbol=symbol: 30.0 if symbol[-2:] == "06" else 10.0)  # type: ignore[misc]
        for symbol, first in (("MES.202403", date(2024, 1, 16)), ("MES.202406", date(2024, 1, 16)))
    }
    schedule = roll_schedule(contracts, spec, rule)
    bars = calendar_bars("MES", date(2024, 1, 18), date(2024, 6, 20), minutes=240)
    found = calendar_columns(bars, ["days_to_expiry", "days_to_roll"], spec=spec, schedule=schedule)
    for row in range(0, len(bars), 3):
        day, front = day_of(int(bars.session[row])), schedule.symbol_at(int(bars.ts_event_ns[row]))
        assert front is not None
        expiry = last_trade_date(spec, 2024, "H" if front.endswith("03") else "M")
        left = (expiry - day).days
        assert found["days_to_expiry"][row] == left
        if trigger is RollTrigger.VOLUME:
            assert np.isnan(found["days_to_roll"][row]), "a crossover of volume is known when it has happened"
        else:
            assert found["days_to_roll"][row] == max((roll_date(spec, front, rule.days_before) - day).days, 0)


@given(st.integers(2, 400), st.sampled_from(["MES", "SPY"]))
@settings(max_examples=25)
def test_what_comes_later_changes_nothing(rows: int, symbol: str) -> None:
    bars = calendar_bars(symbol, date(2024, 12, 20), date(2025, 1, 31))
    whole, cut = calendar_columns(bars), calendar_columns(bars.rows(0, rows))
    late = calendar_columns(bars.rows(rows // 2, len(bars)))
    for name in CALENDAR_COLUMNS:
        assert whole[name][:rows].tobytes() == cut[name].tobytes()
        assert whole[name][rows // 2 :].tobytes() == late[name].tobytes()


def test_bars_that_lie_far_apart_and_none_at_all() -> None:
    bars = calendar_bars("SPY", date(2024, 1, 2), date(2024, 12, 31))
    assert all(len(column) == 0 for column in calendar_columns(bars.rows(0, 0)).values())
    assert list(calendar_columns(bars, ["tokyo_minute"])) == ["tokyo_minute"]


def test_a_wrong_name_or_a_foreign_date_is_an_error() -> None:
    bars = calendar_bars("BTCUSD", date(2024, 7, 3), date(2024, 7, 5))
    with pytest.raises(ConfigError, match="no calendar column is called minute"):
        calendar_columns(bars, ["minute"])
    with pytest.raises(CoverageError, match="row 48: the calendar NYSE has no session on 2024-07-04"):
        calendar_columns(bars, ["session_open_s"], spec=instrument("SPY"))


def test_an_instant_on_a_clock_change_belongs_to_the_new_time() -> None:
    bars = calendar_bars("BTCUSD", date(2024, 11, 3), date(2024, 11, 3))
    minute = calendar_columns(bars, ["new_york_minute"])["new_york_minute"]
    # 6:00 UTC: two o'clock summer time becomes one o'clock; bars close on the half hours.
    assert minute[9:15].tolist() == [60.0, 90.0, 60.0, 90.0, 120.0, 150.0]


def test_stretches_say_the_same_as_columns() -> None:
    for symbol in ("MES", "SPY", "BTCUSD"):
        bars = calendar_bars(symbol, date(2024, 6, 3), date(2024, 7, 31))
        columns, told = calendar_columns(bars), calendar_stretches(bars)
        assert list(told) == list(CALENDAR_COLUMNS)
        for name, one in told.items():
            rows = one.rows() if isinstance(one, Stretches) else one
            assert np.array_equal(rows, columns[name], equal_nan=True)
        of_session = [name for name, one in told.items() if isinstance(one, Stretches)]
        assert set(CALENDAR_COLUMNS) - set(of_session) == {"new_york_minute", "london_minute", "tokyo_minute"}


def test_sudden_closures_kept_on_disk_are_those_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    from argus.data import bar_calendar

    closures = bar_calendar._sudden_closures
    closures.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(bar_calendar, "kept_table", lambda name: None)
        fresh = closures()
    assert day_number(date(2012, 10, 29)) in fresh, "the hurricane of 2012"
    closures.cache_clear()
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pandas_market_calendars", None)
        assert closures().tolist() == fresh.tolist()
    closures.cache_clear()
