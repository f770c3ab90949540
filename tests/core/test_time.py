from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import ConfigError
from argus.core.time import (
    NS_PER_DAY,
    NS_PER_SECOND,
    NS_PER_YEAR,
    day_number,
    day_of,
    format_ns,
    parse_ns,
    to_ns,
)

# Bounds of the draw, to which the drawn zone is added.
FIRST, LAST = (datetime(year, 1, 1, tzinfo=UTC).replace(tzinfo=None) for year in (1678, 2261))
INT64 = st.integers(-(2**63), 2**63 - 1)
ZONES = st.builds(timezone, st.timedeltas(min_value=timedelta(hours=-14), max_value=timedelta(hours=14)))


@given(INT64)
def test_text_is_exact_to_the_nanosecond(ts_ns: int) -> None:
    assert parse_ns(format_ns(ts_ns)) == ts_ns


@given(st.datetimes(timezones=ZONES, min_value=FIRST, max_value=LAST))
def test_a_moment_is_the_same_in_every_zone(moment: datetime) -> None:
    exact = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000
    assert to_ns(moment) == exact == to_ns(moment.astimezone(UTC))
    assert parse_ns(moment.isoformat()) == exact


@given(st.dates())
def test_a_session_date_survives_its_number(day: date) -> None:
    assert day_of(day_number(day)) == day
    assert parse_ns(day.isoformat()) == day_number(day) * NS_PER_DAY


@pytest.mark.parametrize(
    ("ts_ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (1_500_000_000, "1970-01-01T00:00:01.5Z"),
        (1_709_303_400 * NS_PER_SECOND, "2024-03-01T14:30:00Z"),
    ],
)
def test_text_is_as_short_as_is_exact(ts_ns: int, text: str) -> None:
    assert format_ns(ts_ns) == text


def test_clock_changes_are_the_zone_s_business() -> None:
    assert (
        parse_ns("2024-03-01T09:30:00-05:00") == parse_ns("2024-03-01T14:30:00+00:00") == parse_ns("2024-03-01T14:30Z")
    )


@pytest.mark.parametrize("text", ["2024-03-01T14:30:00", "20240301", "2024-03-01 14:30"])
def test_a_moment_without_a_zone_is_not_guessed(text: str) -> None:
    with pytest.raises(ConfigError, match="has no time zone; state one"):
        parse_ns(text)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2024-13-01", "2024-02-30", "2024-03-01T25:00:00+00:00", "1709303400"]
)
def test_what_is_no_date_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match=f"'{re.escape(text)}' is not an ISO date or date-time.*write 2024-03-01"):
        parse_ns(text)


def test_a_year_is_the_mean_gregorian_one() -> None:
    assert NS_PER_YEAR == 31_556_952 * NS_PER_SECOND
