"""A value counts from its release: late prints, revisions, instants that coincide, and files that cannot be read."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import DataError, ImportFailed
from argus.core.time import NS_PER_DAY, NS_PER_MINUTE, day_number, parse_ns
from argus.data.point_in_time import SlowSeries, SlowSeriesSpec, as_of_rows, read_slow_series

SORTED = st.lists(st.integers(0, 60), max_size=30).map(sorted)
NOW = parse_ns("2030-01-01")


def slow(*rows: tuple[str, str, float]) -> SlowSeries:
    return SlowSeries(
        "test",
        np.array([day_number(date.fromisoformat(about)) for about, _, _ in rows], np.int64),
        np.array([parse_ns(release) for _, release, _ in rows], np.int64),
        np.array([value for _, _, value in rows]),
    )


def at(series: SlowSeries, *instants: str) -> list[float]:
    return series.as_of(np.array([parse_ns(one) for one in instants], np.int64)).tolist()


def csv(folder: Path, *rows: str, head: str = "event_date,release_time,value") -> Path:
    path = folder / "series.csv"
    path.write_text("\n".join([head, *rows, ""]))
    return path


def good(count: int) -> list[str]:
    return [f"2020-01-{day:02d},2020-01-{day:02d}T21:15:00Z,{day}.5" for day in range(1, count + 1)]


# ---- rows by instant


@given(SORTED, st.lists(st.integers(-5, 70), max_size=30), st.booleans())
def test_the_last_row_known_by_then(known: list[int], asked: list[int], ordered: bool) -> None:
    asked = sorted(asked) if ordered else asked
    found = as_of_rows(np.array(asked, np.int64), np.array(known, np.int64))
    assert found.dtype == np.int64
    assert found.tolist() == [max((row for row, ts in enumerate(known) if ts <= now), default=-1) for now in asked]


def test_rows_out_of_order_are_refused() -> None:
    with pytest.raises(DataError, match=r"row 2 was known at .* before the row above it"):
        as_of_rows(np.array([5], np.int64), np.array([1, 3, 2], np.int64))


# ---- what is in force


def test_a_late_print_of_the_vix_is_not_used_early() -> None:
    """Tuesday's close came an hour late; whoever decides at the market's close has Monday's."""
    vix = slow(
        ("2024-03-04", "2024-03-04T21:15:00+00:00", 13.49),
        ("2024-03-05", "2024-03-05T22:20:00+00:00", 14.46),
        ("2024-03-06", "2024-03-06T21:15:00+00:00", 14.50),
    )
    close = ("2024-03-04T21:00:00+00:00", "2024-03-05T21:15:00+00:00", "2024-03-05T22:19:59+00:00")
    assert str(at(vix, *close)) == str([float("nan"), 13.49, 13.49])
    assert at(vix, "2024-03-05T22:20:00+00:00", "2024-03-06T14:30:00+00:00") == [14.46, 14.46]


def test_a_revision_counts_from_its_own_release_and_never_replaces_a_newer_figure() -> None:
    gdp = slow(
        ("2024-03-31", "2024-04-25T12:30:00+00:00", 1.6),
        ("2024-03-31", "2024-05-30T12:30:00+00:00", 1.3),
        ("2024-06-30", "2024-07-25T12:30:00+00:00", 2.8),
        ("2024-03-31", "2024-09-26T12:30:00+00:00", 1.5),
        ("2024-06-30", "2024-09-26T12:30:00+00:00", 3.0),
        ("2024-03-31", "2024-12-01T12:30:00+00:00", 1.4),
    )
    days = ("2024-04-25", "2024-04-26", "2024-05-31", "2024-07-26", "2024-09-27", "2024-12-02")
    assert str(at(gdp, *days)) == str([float("nan"), 1.6, 1.3, 2.8, 3.0, 3.0])


def test_two_releases_of_one_instant_the_later_date_counts() -> None:
    both = slow(("2024-01-31", "2024-03-01", 1.0), ("2024-02-29", "2024-03-01", 2.0))
    assert at(both, "2024-03-01") == [2.0]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 20)), unique=True, max_size=25).map(
        lambda rows: sorted(rows, key=lambda row: (row[1], row[0]))
    ),
    st.lists(st.integers(-3, 25), max_size=15),
)
def test_in_force_is_the_newest_release_about_the_newest_date(rows: list[tuple[int, int]], asked: list[int]) -> None:
    series = SlowSeries(
        "made",
        np.array([about for about, _ in rows], np.int64),
        np.array([release for _, release in rows], np.int64),
        np.arange(len(rows), dtype=np.float64),
    )
    for now, found in zip(asked, series.rows_as_of(np.array(asked, np.int64)).tolist(), strict=True):
        out = [(about, release, row) for row, (about, release) in enumerate(rows) if release <= now]
        assert found == (max(out)[2] if out else -1)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("2024-01-02", "2024-01-03", 1.0), ("2024-01-01", "2024-01-02", 1.0)], "row 1: it was released before"),
        ([("2024-01-02", "2024-01-03", 1.0), ("2024-01-02", "2024-01-03", 2.0)], "row 1: it is about no later date"),
        ([("2024-01-02", "2024-01-03", float("nan"))], "row 0: its value is not finite"),
    ],
)
def test_a_series_that_cannot_be_is_refused(rows: list[tuple[str, str, float]], words: str) -> None:
    with pytest.raises(DataError, match=words):
        slow(*rows)


# ---- files


def test_a_file_in_any_order_is_sorted_by_release(tmp_path: Path) -> None:
    rows = good(20)
    found = read_slow_series(csv(tmp_path, *rows[::-1]), SlowSeriesSpec("VIX"), now_ns=NOW)
    assert found.quarantined == ()
    assert found.series.values.tolist() == [day + 0.5 for day in range(1, 21)]
    assert found.series.about[0] == day_number(date(2020, 1, 1))
    assert found.series.ts_recv_ns[0] == parse_ns("2020-01-01T21:15:00+00:00")


def test_bad_rows_are_kept_apart_with_their_reason(tmp_path: Path) -> None:
    lines = [
        *good(29),
        "2020-02-01,,1.0",
        "2020-02-02,2020-02-02T21:15:00Z,.",
        "2020-01-05,2020-01-05T21:15:00Z,5.5",
        *[f"2020-03-{day:02d},2020-03-{day:02d}T21:15:00Z,1" for day in range(1, 29)],
        "2020-03-03,2020-03-03T21:15:00Z,2",
        "2031-01-01,2031-01-01T21:15:00Z,1",
        "2020-04-01,2020-04-01T21:15:00Z,inf",
        "2020-04-02,2020-04-02T21:15:00Z,",
    ]
    found = read_slow_series(csv(tmp_path, *lines), SlowSeriesSpec("VIX"), now_ns=NOW)
    told = [(one.source_line, one.reason) for one in found.quarantined]
    assert told == [
        (31, "no_time"),
        (32, "unparsable"),
        (33, "duplicate"),
        (36, "conflict"),
        (62, "conflict"),
        (63, "future"),
        (64, "infinite"),
        (65, "missing_value"),
    ]
    assert len(found.series) == 29 + 27
    assert found.quarantined[1].original == b"2020-02-02,2020-02-02T21:15:00Z,."


def test_parquet_with_typed_times_is_the_same_series(tmp_path: Path) -> None:
    text = read_slow_series(csv(tmp_path, *good(20)), SlowSeriesSpec("VIX"), now_ns=NOW).series
    frame = pl.read_csv(tmp_path / "series.csv", try_parse_dates=True)
    frame.write_parquet(tmp_path / "series.parquet")
    stated = SlowSeriesSpec("VIX", release_format="datetime", timezone="UTC")
    typed = read_slow_series(tmp_path / "series.parquet", stated, now_ns=NOW).series
    for name in ("about", "ts_recv_ns", "values"):
        assert getattr(text, name).tolist() == getattr(typed, name).tolist()


def test_dates_of_release_need_a_time_of_day(tmp_path: Path) -> None:
    rows = [f"2024-0{month}-01,2024-0{month + 1}-12,{month}" for month in range(1, 9)]
    path = csv(tmp_path, *rows)
    with pytest.raises(ImportFailed, match=r"dates without a time of day.*release_clock="):
        read_slow_series(path, SlowSeriesSpec("CPI", timezone="America/New_York"), now_ns=NOW)
    stated = SlowSeriesSpec("CPI", timezone="America/New_York", release_clock=time(8, 30))
    series = read_slow_series(path, stated, now_ns=NOW).series
    of_day = (series.ts_recv_ns % NS_PER_DAY // NS_PER_MINUTE).tolist()
    assert of_day == [810, 750, 750, 750, 750, 750, 750, 750], "13:30 UTC in winter, 12:30 in summer"


@pytest.mark.parametrize(
    ("head", "rows", "words"),
    [
        ("day,release_time,value", good(3), "no column is called 'event_date'.*'day', 'release_time', 'value'"),
        ("event_date,release_time,value", ["2020-01-01,soon,1", *good(3)], "1 of 4 rows cannot be read as stated"),
        ("release_time,event_date,value", good(3), "dates without a time of day"),
        ("event_date,release_time,value", ["2031-01-01,2031-01-01T21:15:00Z,1"], "none of 1 rows is a value"),
        ("event_date,release_time,value", ["2020-06-01,2020-01-01T21:15:00Z,1"], "mistaken for each other"),
        ("event_date,release_time,value", ["2020-06-01,2020-06-01T21:15:00,1"], "carry no offset from UTC"),
    ],
)
def test_a_wrong_statement_is_refused(tmp_path: Path, head: str, rows: list[str], words: str) -> None:
    with pytest.raises(ImportFailed, match=words):
        read_slow_series(csv(tmp_path, *rows, head=head), SlowSeriesSpec("VIX"), now_ns=NOW)
