"""Columns of the calendar on real bars: the days on which clocks change, half days, and a market that never closes."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from argus.core.arrays import F64_1D, Bars
from argus.core.instruments import instrument
from argus.core.time import day_number, parse_ns
from argus.data import contracts_from_file, load_file, preset, read_raw, to_bars
from argus.data.bar_calendar import calendar_columns
from argus.data.calendars import assign_sessions
from argus.data.contract_dates import contract_life

CHANGES = {
    "2025-03-09": (date(2025, 3, 7), date(2025, 3, 10)),
    "2025-11-02": (date(2025, 10, 31), date(2025, 11, 3)),
    "2026-03-08": (date(2026, 3, 6), date(2026, 3, 9)),
}
"""Sundays on which New York's clocks change, with the sessions before and after."""
WINTER = {date(2025, 3, 7), date(2025, 11, 3), date(2026, 3, 6)}
OPEN, CLOSE, EARLY = 570, 960, 780


@pytest.fixture(scope="module")
def minutes(real_data: Path) -> Bars:
    return load_file(real_data / "etf_intraday/SPY_1min.parquet", preset("etf_1min_utc", "SPY"))[0]


@pytest.fixture(scope="module")
def fives(real_data: Path) -> Bars:
    return load_file(real_data / "etf_intraday/SPY_5min.parquet", preset("etf_5min_eastern", "SPY"))[0]


def session(bars: Bars, day: date) -> dict[str, F64_1D]:
    """Columns over the bars within a session's hours; files have some after the close, which belong to the next one."""
    spec = instrument(bars.instrument.partition(".")[0])
    inside = assign_sessions(bars.ts_event_ns, bars.ts_close_ns, spec.calendar).inside
    rows = np.flatnonzero((bars.session == day_number(day)) & inside)
    assert len(rows), f"no bars on {day}"
    columns = {
        **calendar_columns(bars),
        "start_s": bars.ts_event_ns / 1e9,
        "close_s": bars.ts_close_ns / 1e9,
        "session_end": bars.session_end.astype(float),
    }
    return {name: column[rows] for name, column in columns.items()}


def check_day(bars: Bars, day: date, length: int, close_minute: int) -> None:
    """Every bar of a regular session, by plain arithmetic from New York's clock."""
    found = session(bars, day)
    hours = 5 if day in WINTER else 4
    midnight = (day_number(day) * 24 + hours) * 3_600.0
    assert (found["session_open_s"] == midnight + OPEN * 60).all()
    assert (found["session_close_s"] == midnight + close_minute * 60).all()
    assert (found["regular_open_s"] == found["session_open_s"]).all()
    assert (found["regular_close_s"] == found["session_close_s"]).all()
    assert (found["is_half_day"] == float(close_minute < CLOSE)).all()
    minute, close_s = found["new_york_minute"], found["close_s"]
    np.testing.assert_array_equal(minute, (close_s - midnight) / 60.0)
    assert minute[0] == OPEN + length
    assert minute[found["session_end"] == 1.0].tolist() == [close_minute]
    left = (found["session_close_s"] - close_s) / 60.0
    np.testing.assert_array_equal(left, close_minute - minute)
    assert left[found["session_end"] == 1.0].tolist() == [0.0]


@pytest.mark.parametrize("day", CHANGES["2025-03-09"])
def test_minutes_of_spy_around_a_change_of_the_clock(minutes: Bars, day: date) -> None:
    check_day(minutes, day, 1, CLOSE)


@pytest.mark.parametrize("day", [*CHANGES["2025-11-02"], *CHANGES["2026-03-08"]])
def test_five_minutes_of_spy_around_a_change_of_the_clock(fives: Bars, day: date) -> None:
    check_day(fives, day, 5, CLOSE)


@pytest.mark.parametrize("day", [date(2025, 7, 3), date(2025, 11, 28)])
def test_half_days_of_spy(fives: Bars, day: date) -> None:
    found = session(fives, day)
    midnight = (day_number(day) * 24 + (4 if day.month == 7 else 5)) * 3_600.0
    assert (found["session_close_s"] == midnight + EARLY * 60).all()
    assert (found["is_half_day"] == 1.0).all()
    minute = (found["close_s"] - midnight) / 60.0
    np.testing.assert_array_equal(found["new_york_minute"], minute)
    assert found["new_york_minute"][found["session_end"] == 1.0].tolist() == [EARLY]
    assert (found["sessions_to_holiday"] == (0.0 if day.month == 7 else 18.0)).all()
    assert (found["sessions_since_holiday"] == (9.0 if day.month == 7 else 0.0)).all()


def test_london_and_new_york_change_their_clocks_on_different_days(minutes: Bars) -> None:
    for day, apart in ((date(2025, 3, 7), 300.0), (date(2025, 3, 10), 240.0), (date(2025, 3, 31), 300.0)):
        found = session(minutes, day)
        assert np.unique(found["london_minute"] - found["new_york_minute"]).tolist() == [apart]


@pytest.fixture(scope="module")
def mes(real_data: Path) -> dict[str, Bars]:
    return contracts_from_file(real_data / "futures_hourly" / "MES.parquet", "MES", "futures_hourly")[0]


@pytest.mark.parametrize(
    ("contract", "friday", "monday", "before", "after"),
    [
        ("MES.202503", date(2025, 3, 7), date(2025, 3, 10), 23, 22),
        ("MES.202412", date(2024, 11, 1), date(2024, 11, 4), 22, 23),
    ],
)
def test_hours_of_mes_in_utc_around_a_change_of_the_clock(
    mes: dict[str, Bars], contract: str, friday: date, monday: date, before: int, after: int
) -> None:
    bars = mes[contract]
    for day, opened, utc in ((friday, friday - timedelta(1), before), (monday, monday - timedelta(1), after)):
        found = session(bars, day)
        opens = day_number(opened) * 86_400.0 + utc * 3_600.0
        assert (found["session_open_s"] == opens).all()
        assert (found["session_close_s"] == opens + 23 * 3_600.0).all()
        assert found["start_s"][0] == opens, "the first real bar begins with the session"
        # The stock market opens fifteen and a half hours after the futures, whatever the clocks do in between.
        assert (found["regular_open_s"] == opens + 15.5 * 3_600.0).all()
        assert (found["regular_close_s"] == opens + 22 * 3_600.0).all()
        assert found["new_york_minute"][0] == 19 * 60.0
        assert found["new_york_minute"][found["session_end"] == 1.0].tolist() == [17 * 60.0]
    life = contract_life(contract, instrument("MES"))
    left = session(bars, monday)
    assert (left["days_to_expiry"] == (life.last_trade_date - monday).days).all()


@pytest.mark.parametrize(("day", "close_utc"), [(date(2025, 7, 3), 17.25), (date(2024, 11, 29), 18.25)])
def test_half_days_of_mes(mes: dict[str, Bars], day: date, close_utc: float) -> None:
    found = session(mes["MES.202509" if day.month == 7 else "MES.202412"], day)
    midnight = day_number(day) * 86_400.0
    assert (found["is_half_day"] == 1.0).all()
    assert (found["session_close_s"] == midnight + close_utc * 3_600.0).all()
    assert (found["regular_close_s"] == midnight + (close_utc - 0.25) * 3_600.0).all(), "stocks close at 13:00"


def test_bitcoin_never_closes(real_data: Path) -> None:
    stated = preset("btc_ms_start", "BTCUSD")
    path = real_data / "crypto_1m/BTCUSD.parquet"
    raw = read_raw(path, stated)
    bars = to_bars(raw, stated, now_ns=parse_ns("2025-01-01")).bars
    rows = slice(*np.searchsorted(bars.ts_event_ns, [parse_ns("2019-11-02"), parse_ns("2019-11-05")]).tolist())
    part = bars.rows(rows.start, rows.stop)
    found = calendar_columns(part)
    day = part.session * 86_400.0
    assert (found["session_open_s"] == day).all()
    assert (found["regular_close_s"] == day + 86_400.0).all()
    assert not found["is_half_day"].any()
    utc_minute = part.ts_close_ns // 60_000_000_000 % 1440
    changed = part.ts_close_ns >= parse_ns("2019-11-03T06:00:00+00:00")
    np.testing.assert_array_equal(found["new_york_minute"], (utc_minute - np.where(changed, 300, 240)) % 1440)
    np.testing.assert_array_equal(found["tokyo_minute"], (utc_minute + 540) % 1440)
    assert np.unique(found["sessions_left_in_month"]).tolist() == [26.0, 27.0, 28.0]
    assert np.isnan(found["sessions_to_holiday"]).all()
