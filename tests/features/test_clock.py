from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.arrays import F64_1D
from argus.features import feature, features
from argus.features.runner import Runner
from tests.features.market import Market, market


def run(name: str, columns: Market, **given_values: Any) -> F64_1D:
    """Values in float64, so that oracles are compared to the last digits."""
    runner = Runner([feature(name).term(given_values)], 512)
    n = len(next(iter(columns.values())))
    out = np.empty((1, n))
    for first in range(0, n, 512):
        last = min(first + 512, n)
        runner.feed([columns[key][first:last] for key in runner.inputs], out, first)
    return out[0]


def of_days(days: list[int]) -> Market:
    return {"session": np.array(days, dtype=float)}


@given(st.lists(st.integers(-150_000, 150_000), min_size=1, max_size=30))
def test_dates_agree_with_numpy(days: list[int]) -> None:
    dates = np.array(days).astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    columns = of_days(days)
    day = (dates - months).astype(int) + 1
    np.testing.assert_array_equal(run("day_of_month", columns), day)
    np.testing.assert_array_equal(run("month", columns), months.astype(int) % 12 + 1)
    np.testing.assert_array_equal(run("weekday", columns), [date.weekday() for date in dates.tolist()])
    np.testing.assert_array_equal(run("week_of_month", columns), np.ceil(day / 7))


def test_every_day_of_four_hundred_years() -> None:
    days = np.arange(np.datetime64("1900-01-01"), np.datetime64("2300-01-01"))
    columns = of_days(days.astype(int).tolist())
    months = days.astype("datetime64[M]")
    np.testing.assert_array_equal(run("day_of_month", columns), (days - months).astype(int) + 1)
    np.testing.assert_array_equal(run("month", columns), months.astype(int) % 12 + 1)


def test_minutes_of_the_session_and_of_the_regular_hours() -> None:
    columns = market(2, 400)
    minute = np.arange(400) % 200 + 1.0
    regular = (minute > 40) & (minute <= 180)
    for name, want in (
        ("minute_of_session", minute),
        ("minutes_to_close", 200 - minute),
        ("session_share", minute / 200),
        ("minute_of_regular_hours", minute - 40),
        ("minutes_to_regular_close", 180 - minute),
        ("in_regular_hours", regular * 1.0),
    ):
        np.testing.assert_allclose(run(name, columns), want, rtol=1e-14, atol=0.0)


def test_a_bar_outside_its_session_has_a_share_between_nothing_and_all() -> None:
    columns = market(2, 4)
    columns["close_s"] = columns["session_open_s"] + np.array([-60.0, 0.0, 12_000.0, 12_060.0])
    assert run("session_share", columns).tolist() == [0.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("name", "place", "first", "last"),
    [("in_asia", "tokyo", 540, 930), ("in_europe", "london", 480, 990), ("in_us", "new_york", 570, 960)],
)
def test_hours_of_a_place_by_its_clock(name: str, place: str, first: int, last: int) -> None:
    minutes = np.arange(1_440.0)
    want = np.zeros(1_440)
    # A bar that closes at the opening was before it; the last one closes at the close.
    want[first + 1 : last + 1] = 1.0
    np.testing.assert_array_equal(run(name, {f"{place}_minute": minutes}), want)
    assert np.isnan(run(name, {f"{place}_minute": np.array([np.nan])})).all()


def test_turn_of_the_month_by_hand() -> None:
    # A month of five sessions, then one of four: the middle one of five counts from the beginning.
    columns = {
        "session_of_month": np.array([1.0, 2, 3, 4, 5, 1, 2, 3, 4]),
        "sessions_left_in_month": np.array([4.0, 3, 2, 1, 0, 3, 2, 1, 0]),
    }
    assert run("turn_of_month", columns).tolist() == [1, 2, 3, -2, -1, 1, 2, -2, -1]


def test_gap_in_time() -> None:
    columns = market(3, 300)
    kept = {name: np.delete(column, [50, 51, 120]) for name, column in columns.items()}
    gap = run("time_gap", kept)
    assert np.isnan(gap[0])
    assert gap[50] == 120.0
    assert gap[118] == 60.0
    assert gap[197] == 86_400.0 - 200 * 60.0
    assert np.count_nonzero(gap[1:]) == 3


@pytest.mark.parametrize(
    ("name", "column", "values", "period"),
    [
        ("time_of_day", "new_york_minute", np.arange(1_440.0), 1440.0),
        ("weekday", "session", np.arange(-3.0, 4.0), 7.0),
        ("session_share", "", np.linspace(0.0, 1.0, 501), 1.0),
    ],
)
def test_cycles_agree_with_the_sine(name: str, column: str, values: F64_1D, period: float) -> None:
    if column:
        columns = {column: values}
    else:
        n = len(values)
        columns = {"session_open_s": np.zeros(n), "session_close_s": np.full(n, 86_400.0), "close_s": values * 86_400.0}
    place = values - values[0]
    # The series ends below 1e-13; the angle itself is good to a few units of its last digit.
    np.testing.assert_allclose(run(f"{name}_sin", columns), np.sin(2 * math.pi * place / period), atol=3e-13)
    np.testing.assert_allclose(run(f"{name}_cos", columns), np.cos(2 * math.pi * place / period), atol=3e-13)


def test_months_as_a_cycle() -> None:
    days = (np.datetime64("2024-01-15") + np.arange(0, 366, 30)).astype("datetime64[D]")
    columns = of_days(days.astype(int).tolist())
    month = run("month", columns)
    assert set(month) == set(range(1, 13))
    np.testing.assert_allclose(run("month_sin", columns), np.sin(math.pi * month / 6), atol=3e-13)
    np.testing.assert_allclose(run("month_cos", columns), np.cos(math.pi * month / 6), atol=3e-13)


@given(st.integers(0, 1_439))
def test_places_on_a_circle_are_on_it(minute: int) -> None:
    columns = {"new_york_minute": np.array([float(minute), (minute + 720.0) % 1440.0])}
    sine, cosine = run("time_of_day_sin", columns), run("time_of_day_cos", columns)
    np.testing.assert_allclose(sine**2 + cosine**2, 1.0, rtol=1e-12)
    np.testing.assert_allclose(sine[0], -sine[1], atol=1e-12)
    np.testing.assert_allclose(cosine[0], -cosine[1], atol=1e-12)


def test_what_the_calendar_gives_goes_through() -> None:
    columns = market(5, 450)
    for name in (
        "is_half_day", "days_to_expiry", "days_to_roll", "days_to_option_expiry", "sessions_to_holiday",
        "sessions_since_holiday",
    ):  # fmt: skip
        np.testing.assert_array_equal(run(name, columns), columns[name])


def test_time_reads_no_prices() -> None:
    time = [one for one in features().values() if one.family == "time" and one.name != "count"]
    assert len(time) >= 30
    for one in time:
        assert not {"open", "high", "low", "close", "volume"} & set(one.inputs), one.name
