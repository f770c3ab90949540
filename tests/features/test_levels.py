from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.arrays import F64_1D
from argus.features import feature
from argus.features.runner import Runner
from tests.features.market import MINUTE_S, NASTY, Market, market

KINDS = ["usual", "gaps"]


def run(name: str, columns: Market, piece: int = 512, **given_values: Any) -> F64_1D:
    """Values in float64, so that oracles are compared to the last digits."""
    runner = Runner([feature(name).term(given_values)], piece)
    n = len(columns["close"])
    out = np.empty((1, n))
    for first in range(0, n, piece):
        last = min(first + piece, n)
        runner.feed([columns[key][first:last] for key in runner.inputs], out, first)
    return out[0]


def rows_of(kind: str, seed: int = 31) -> Market:
    columns = market(seed, 2_100, per_session=130)
    return columns if kind == "usual" else NASTY[kind](columns)


def same(got: F64_1D, want: F64_1D) -> None:
    # The same few operations in double precision on both sides.
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)


def first_known(x: F64_1D) -> float:
    known = x[~np.isnan(x)]
    return float(known[0]) if len(known) else np.nan


def last_known(x: F64_1D) -> float:
    return first_known(x[::-1])


def most(x: F64_1D, side: float = 1.0) -> float:
    known = x[~np.isnan(x)]
    return float(side * (side * known).max()) if len(known) else np.nan


def stretch_before(columns: Market, key: F64_1D) -> dict[str, F64_1D]:
    """High, low and close of the stretch before each row's, from whole stretches cut out of the data."""
    found = {name: np.full(len(key), np.nan) for name in ("high", "low", "close")}
    values = list(dict.fromkeys(key))
    for before, now in pairwise(values):
        here, old = key == now, key == before
        found["high"][here] = most(columns["high"][old])
        found["low"][here] = most(columns["low"][old], -1.0)
        found["close"][here] = last_known(columns["close"][old])
    return found


def so_far(columns: Market) -> dict[str, F64_1D]:
    found = {name: np.full(len(columns["close"]), np.nan) for name in ("open", "high", "low")}
    for t, today in enumerate(columns["session"]):
        rows = np.flatnonzero(columns["session"] == today)
        rows = rows[rows <= t]
        found["open"][t] = first_known(columns["open"][rows])
        found["high"][t] = most(columns["high"][rows])
        found["low"][t] = most(columns["low"][rows], -1.0)
    return found


def weeks(columns: Market) -> F64_1D:
    """Monday of each row's week, by NumPy's calendar."""
    days = columns["session"].astype(np.int64).astype("datetime64[D]")
    return (np.busday_offset(days + 1, -1, roll="forward", weekmask="1000000")).astype(np.int64).astype(float)


def share(x: F64_1D, level: F64_1D) -> F64_1D:
    return (x - level) / np.abs(x)


@pytest.mark.parametrize("kind", KINDS)
def test_levels_of_the_session_so_far(kind: str) -> None:
    columns = rows_of(kind)
    now, close = so_far(columns), columns["close"]
    same(run("session_open_distance", columns), share(close, now["open"]))
    same(run("session_high_distance", columns), share(close, now["high"]))
    same(run("session_low_distance", columns), share(close, now["low"]))
    with np.errstate(invalid="ignore", divide="ignore"):
        position = (close - now["low"]) / (now["high"] - now["low"])
    same(run("session_position", columns), np.where(np.isinf(position), np.nan, position))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stretch", ["session", "week"])
def test_levels_of_the_session_and_week_before(kind: str, stretch: str) -> None:
    columns = rows_of(kind)
    old = stretch_before(columns, columns["session"] if stretch == "session" else weeks(columns))
    for name in ("high", "low", "close"):
        same(run(f"prior_{stretch}_{name}_distance", columns), share(columns["close"], old[name]))
    if stretch == "session":
        position = (columns["close"] - old["low"]) / (old["high"] - old["low"])
        same(run("prior_session_position", columns), position)


def test_a_session_without_prices_is_passed_over() -> None:
    columns = market(5, 400, per_session=100)
    for name in ("open", "high", "low", "close"):
        columns[name][200:300] = np.nan
    got = run("prior_session_close_distance", columns)
    same(got[300:], share(columns["close"][300:], np.full(100, columns["close"][199])))


def test_pivots_by_their_formulas() -> None:
    columns = rows_of("usual")
    old, close = stretch_before(columns, columns["session"]), columns["close"]
    high, low, last = old["high"], old["low"], old["close"]
    p = (high + low + last) / 3
    want = {
        "p": p, "r1": 2 * p - low, "s1": 2 * p - high, "r2": p + high - low, "s2": p - high + low,
        "r3": high + 2 * (p - low), "s3": low - 2 * (high - p),
    }  # fmt: skip
    for name, level in want.items():
        # The level is of the close's size: an error of its last digit is 1e-16 of the distance's unit.
        got = run("pivot_distance", columns, level=name)
        np.testing.assert_allclose(got, share(close, level), rtol=1e-9, atol=1e-14)
    order = [run("pivot_distance", columns, level=name)[500] for name in ("r3", "r2", "r1", "p", "s1", "s2", "s3")]
    assert order == sorted(order)


@pytest.mark.parametrize("kind", KINDS)
def test_gaps_between_sessions(kind: str) -> None:
    columns = rows_of(kind)
    old, now = stretch_before(columns, columns["session"]), so_far(columns)
    gap = (now["open"] - old["close"]) / old["close"]
    same(run("session_gap", columns), gap)
    covered = (now["low"] <= old["close"]) & (old["close"] <= now["high"])
    known = ~np.isnan(now["low"] + old["close"])
    np.testing.assert_array_equal(run("session_gap_filled", columns), np.where(known, covered * 1.0, np.nan))
    assert {0.0, 1.0} <= set(covered[known] * 1.0)
    for n in (1, 4):
        ranges, last, mean = [], np.nan, np.nan
        want = np.full(len(gap), np.nan)
        sessions = list(dict.fromkeys(columns["session"]))
        for today in sessions[1:]:
            row = np.flatnonzero(columns["session"] == today)[0]
            high, low = old["high"][row], old["low"][row]
            ranges.append(np.fmax(high, last) - np.fmin(low, last))
            mean = np.mean(ranges) if len(ranges) <= n else mean + (ranges[-1] - mean) / n
            last = old["close"][row]
            here = columns["session"] == today
            if len(ranges) >= n:
                want[here] = (now["open"][here] - old["close"][here]) / mean
        same(run("session_gap_atr", columns, n=n), want)


def test_a_gap_is_filled_when_the_price_comes_back() -> None:
    columns = market(6, 200, per_session=100)
    for name in ("open", "high", "low", "close"):
        columns[name][:100] = 100.0
        columns[name][100:] = 103.0
    columns["low"][150] = 100.0
    filled = run("session_gap_filled", columns)
    assert (filled[100:150] == 0.0).all()
    assert (filled[150:] == 1.0).all()
    np.testing.assert_allclose(run("session_gap", columns)[100:], 0.03)


@pytest.mark.parametrize("on_days", ["monday", "week"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_range_before_the_weekend(kind: str, on_days: str) -> None:
    columns = rows_of(kind)
    week, session, close = weeks(columns), columns["session"], columns["close"]
    want = np.full(len(week), np.nan)
    for monday in list(dict.fromkeys(week))[1:]:
        here = week == monday
        first = session == session[here][0]
        friday = session == session[week < monday][-1]
        high, low = most(columns["high"][friday]), most(columns["low"][friday], -1.0)
        shown = here & first if on_days == "monday" else here
        want[shown] = (close[shown] - low) / (high - low)
    same(run("friday_range_position", columns, on_days=on_days), want)
    share_known = np.isfinite(want).mean()
    assert 0.1 < share_known < 0.3 if on_days == "monday" else share_known > 0.7


def window_oracle(columns: Market, first: F64_1D, last: F64_1D) -> tuple[F64_1D, F64_1D]:
    """High and low of the session's bars within times, for the rows that close at or after the last time."""
    high, low = np.full(len(first), np.nan), np.full(len(first), np.nan)
    begin = columns["start_s"][0]
    for today in dict.fromkeys(columns["session"]):
        here = columns["session"] == today
        since, until = first[here][0], last[here][0]
        if columns["session"][0] == today and begin > since:
            continue
        inside = here & (columns["start_s"] >= since) & (columns["close_s"] <= until)
        over = here & (columns["close_s"] >= until)
        high[over], low[over] = most(columns["high"][inside]), most(columns["low"][inside], -1.0)
    return high, low


@pytest.mark.parametrize("kind", KINDS)
def test_the_night_and_the_opening_range(kind: str) -> None:
    columns = rows_of(kind)
    close, regular = columns["close"], columns["regular_open_s"]
    cases: list[tuple[str, dict[str, Any], F64_1D, F64_1D]] = [
        ("overnight", {}, *window_oracle(columns, columns["session_open_s"], regular))
    ]
    for minutes in (5, 15, 30):
        window = window_oracle(columns, regular, regular + minutes * MINUTE_S)
        cases.append(("opening_range", {"minutes": minutes}, *window))
    for name, values, high, low in cases:
        same(run(f"{name}_high_distance", columns, **values), share(close, high))
        same(run(f"{name}_low_distance", columns, **values), share(close, low))
        same(run(f"{name}_position", columns, **values), (close - low) / (high - low))
        same(run(f"{name}_width", columns, **values), (high - low) / close)
        assert 0.3 < np.isfinite(high).mean() < 0.8


def test_the_opening_range_is_not_seen_before_it_is_complete() -> None:
    columns = market(8, 200)
    # The regular hours open 40 minutes into the session: rows 40 to 54 are their first 15 minutes.
    position = run("opening_range_position", columns, minutes=15)
    assert np.isnan(position[:54]).all()
    assert np.isfinite(position[54:]).all()
    high, low = columns["high"][40:55].max(), columns["low"][40:55].min()
    same(position[54:], (columns["close"][54:] - low) / (high - low))
    without = {name: np.delete(column, 54) for name, column in columns.items()}
    late = run("opening_range_position", without, minutes=15)
    assert np.isnan(late[:54]).all()
    assert np.isfinite(late[54])
    torn = {name: column[45:] for name, column in columns.items()}
    assert np.isnan(run("opening_range_position", torn, minutes=15)).all()
    assert np.isnan(run("overnight_position", torn)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_close_outside_the_opening_range(kind: str) -> None:
    columns = rows_of(kind)
    close, session = columns["close"], columns["session"]
    high, low = window_oracle(columns, columns["regular_open_s"], columns["regular_open_s"] + 600.0)
    want = np.full(len(close), np.nan)
    for today in dict.fromkeys(session):
        side = 0.0
        for t in np.flatnonzero(session == today):
            if side == 0.0:
                side = float(close[t] > high[t]) - float(close[t] < low[t])
            want[t] = side if not np.isnan(high[t] + close[t]) else np.nan
    np.testing.assert_array_equal(run("opening_range_break", columns, minutes=10), want)
    assert {-1.0, 0.0, 1.0} <= set(want)


def test_hourly_bars_have_no_opening_range_that_they_straddle() -> None:
    columns = market(4, 240, per_session=24)
    columns["start_s"] = columns["session_open_s"] + 3600.0 * (np.arange(240) % 24)
    columns["close_s"] = columns["start_s"] + 3600.0
    assert np.isnan(run("opening_range_position", columns, minutes=15)).all()
    # The regular hours open after 40 minutes: no bar ends before them.
    assert np.isnan(run("overnight_position", columns)).all()


@given(st.integers(0, 10_000), st.integers(3, 90), st.integers(1, 70))
def test_levels_enclose_the_price_and_do_not_depend_on_pieces(seed: int, per_session: int, piece: int) -> None:
    columns = market(seed, 200, per_session=per_session)
    high, low = run("session_high_distance", columns), run("session_low_distance", columns)
    assert (high <= 0.0).all()
    assert (low >= 0.0).all()
    for name in ("session_position", "prior_week_low_distance", "session_gap_atr", "friday_range_position"):
        np.testing.assert_array_equal(run(name, columns, piece), run(name, columns))


def spy_minutes(folder: Path) -> tuple[Market, pl.DataFrame]:
    """A year of regular sessions of SPY in UTC, over both changes of the clock, with the hours of New York."""
    frame = pl.read_parquet(folder / "etf_intraday" / "SPY_1min.parquet").sort("timestamp")
    local = pl.col("timestamp").dt.replace_time_zone(None).dt.replace_time_zone("UTC")
    local = local.dt.convert_time_zone("America/New_York")
    frame = frame.with_columns(
        start=local.dt.epoch("s").cast(pl.Float64),
        day=local.dt.date(),
        minute=local.dt.hour().cast(pl.Int64) * 60 + local.dt.minute().cast(pl.Int64),
        regular=local.dt.truncate("1d").dt.offset_by("9h30m").dt.epoch("s").cast(pl.Float64),
    )
    columns = {name: frame[name].to_numpy().astype(np.float64) for name in ("open", "high", "low", "close")}
    columns["start_s"] = frame["start"].to_numpy()
    columns["close_s"] = columns["start_s"] + MINUTE_S
    columns["session"] = frame["day"].to_physical().to_numpy().astype(np.float64)
    columns["regular_open_s"] = frame["regular"].to_numpy()
    return columns, frame


def test_levels_of_real_sessions_agree_with_their_group_by(real_data: Path) -> None:
    columns, frame = spy_minutes(real_data)
    days = (
        frame.group_by("day", maintain_order=True)
        .agg(high=pl.col("high").max(), low=pl.col("low").min(), close=pl.col("close").last())
        .with_columns(pl.all().exclude("day").shift(1))
    )
    monday = pl.col("day").dt.truncate("1w")
    week = (
        frame.group_by(monday.alias("week"), maintain_order=True)
        .agg(week_high=pl.col("high").max())
        .with_columns(pl.col("week_high").shift(1))
    )
    range_30 = (
        frame.filter(pl.col("minute").is_between(570, 599))
        .group_by("day", maintain_order=True)
        .agg(opening_high=pl.col("high").max(), opening_low=pl.col("low").min())
    )
    known = (
        frame.select("day", "minute", now="close")
        .join(days, on="day", how="left", maintain_order="left")
        .with_columns(week=monday)
        .join(week, on="week", how="left", maintain_order="left")
        .join(range_30, on="day", how="left", maintain_order="left")
    )
    want = known.select(
        high=(pl.col("now") - pl.col("high")) / pl.col("now"),
        close=(pl.col("now") - pl.col("close")) / pl.col("now"),
        week=(pl.col("now") - pl.col("week_high")) / pl.col("now"),
        opening=pl.when(pl.col("minute") >= 599).then(
            (pl.col("now") - pl.col("opening_low")) / (pl.col("opening_high") - pl.col("opening_low"))
        ),
    )
    same(run("prior_session_high_distance", columns), want["high"].to_numpy())
    same(run("prior_session_close_distance", columns), want["close"].to_numpy())
    same(run("prior_week_high_distance", columns), want["week"].to_numpy())
    same(run("opening_range_position", columns, minutes=30), want["opening"].to_numpy())
    assert days.height > 200
    assert want["opening"].is_not_null().mean() > 0.9
