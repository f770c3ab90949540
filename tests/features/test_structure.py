from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.arrays import F64_1D
from argus.core.strategy import FeatureRef
from argus.features import compute_set, feature
from argus.features.families import candles, clock, levels, structure
from argus.features.runner import Runner
from tests.features.market import NASTY, Market, market

KINDS = ["usual", "gaps"]


def run(name: str, columns: Market, **given_values: Any) -> F64_1D:
    """Values in float64, so that oracles are compared to the last digits."""
    runner = Runner([feature(name).term(given_values)], 512)
    n = len(columns["close"])
    out = np.empty((1, n))
    for first in range(0, n, 512):
        last = min(first + 512, n)
        runner.feed([columns[key][first:last] for key in runner.inputs], out, first)
    return out[0]


def rows_of(kind: str, seed: int = 21, n: int = 900) -> Market:
    columns = market(seed, n, per_session=150)
    return columns if kind == "usual" else NASTY[kind](columns)


def bars(*rows: tuple[float, float, float, float]) -> Market:
    """Open, high, low, close of a few bars, all in one session."""
    columns = {name: column[: len(rows)].copy() for name, column in market(1, 200).items()}
    for k, name in enumerate(("open", "high", "low", "close")):
        columns[name] = np.array([row[k] for row in rows])
    return columns


def same(got: F64_1D, want: F64_1D) -> None:
    # Both sides do the same few operations in double precision, in another order at most.
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)


def swing_rows(x: F64_1D, k: int, side: float) -> list[int]:
    """Rows of swing highs (side 1) or lows (-1), by the declared rule."""
    y = side * x
    found = []
    for s in range(k, len(x) - k):
        before, after = y[s - k : s], y[s + 1 : s + k + 1]
        if not np.isnan(y[s - k : s + k + 1]).any() and (y[s] > before).all() and (y[s] >= after).all():
            found.append(s)
    return found


def known_swings(found: list[int], t: int, k: int) -> list[int]:
    return [s for s in found if s + k <= t]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [1, 2, 5])
def test_swings_by_their_rule(kind: str, k: int) -> None:
    columns = rows_of(kind)
    high, low, close = columns["high"], columns["low"], columns["close"]
    highs, lows = swing_rows(high, k, 1.0), swing_rows(low, k, -1.0)
    n = len(close)
    want = {name: np.full(n, np.nan) for name in ("high", "low", "since_high", "since_low", "trend")}
    for t in range(n):
        up, down = known_swings(highs, t, k), known_swings(lows, t, k)
        if up:
            want["high"][t] = (close[t] - high[up[-1]]) / close[t]
            want["since_high"][t] = t - up[-1]
        if down:
            want["low"][t] = (close[t] - low[down[-1]]) / close[t]
            want["since_low"][t] = t - down[-1]
        if len(up) > 1 and len(down) > 1:
            want["trend"][t] = (np.sign(high[up[-1]] - high[up[-2]]) + np.sign(low[down[-1]] - low[down[-2]])) / 2
    same(run("swing_high_distance", columns, k=k), want["high"])
    same(run("swing_low_distance", columns, k=k), want["low"])
    same(run("rows_since_swing_high", columns, k=k), want["since_high"])
    same(run("rows_since_swing_low", columns, k=k), want["since_low"])
    same(run("swing_trend", columns, k=k), want["trend"])
    assert np.nanmin(want["since_high"]) == k


def test_a_swing_is_not_known_before_k_rows_confirm_it() -> None:
    columns = market(3, 400)
    columns["high"][200] = 9_000.0
    for k in (2, 7):
        since = run("rows_since_swing_high", columns, k=k)
        assert since[200 + k] == k
        assert not (since[200 : 200 + k] < k).any()
        distance = run("swing_high_distance", columns, k=k)
        assert (distance[200 : 200 + k] > -0.5).all()
        assert distance[200 + k] < -0.5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("k", "m"), [(1, 1), (2, 5), (5, 3)])
def test_nearest_levels_by_their_rule(kind: str, k: int, m: int) -> None:
    columns = rows_of(kind)
    high, low, close = columns["high"], columns["low"], columns["close"]
    highs, lows = swing_rows(high, k, 1.0), swing_rows(low, k, -1.0)
    resistance, support = np.full(len(close), np.nan), np.full(len(close), np.nan)
    for t, c in enumerate(close):
        marks = [high[s] for s in known_swings(highs, t, k)[-m:]] + [low[s] for s in known_swings(lows, t, k)[-m:]]
        above, below = [v for v in marks if v >= c], [v for v in marks if v <= c]
        resistance[t] = (min(above) - c) / c if above else np.nan
        support[t] = (c - max(below)) / c if below else np.nan
    same(run("resistance_distance", columns, k=k, m=m), resistance)
    same(run("support_distance", columns, k=k, m=m), support)
    assert np.isnan(resistance[300:]).any() or m > 1


def fair_value_oracle(columns: Market) -> tuple[F64_1D, F64_1D, F64_1D]:
    """Size, distance and side, from lists of all unfilled gaps: no order among them is made use of."""
    high, low, close = columns["high"], columns["low"], columns["close"]
    size, distance, side = (np.full(len(close), np.nan) for _ in range(3))
    gaps: list[tuple[float, float, float]] = []
    for t in range(2, len(close)):
        gaps = [(d, near, far) for d, near, far in gaps if not (low[t] <= far if d > 0 else high[t] >= far)]
        if low[t] > high[t - 2]:
            gaps.append((1.0, low[t], high[t - 2]))
        elif high[t] < low[t - 2]:
            gaps.append((-1.0, high[t], low[t - 2]))
        size[t] = (max(low[t] - high[t - 2], 0.0) - max(low[t - 2] - high[t], 0.0)) / close[t]
        distance[t] = (close[t] - gaps[-1][1]) / close[t] if gaps else np.nan
        side[t] = gaps[-1][0] if gaps else 0.0
    return size, distance, side


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [21, 22, 23])
def test_fair_value_gaps_by_their_rule(kind: str, seed: int) -> None:
    columns = rows_of(kind, seed)
    size, distance, side = fair_value_oracle(columns)
    same(run("fair_value_gap", columns), size)
    same(run("fair_value_gap_distance", columns), distance)
    np.testing.assert_array_equal(run("fair_value_gap_side", columns), side)
    assert {-1.0, 1.0} <= set(side[2:])


def test_a_gap_by_hand() -> None:
    columns = bars(
        (9, 10, 8, 9), (10, 13, 9, 12), (12, 14, 11, 13), (13, 13.5, 10.5, 11), (11, 11, 10, 10), (9, 9, 8, 8)
    )
    np.testing.assert_allclose(run("fair_value_gap", columns), [np.nan, np.nan, 1 / 13, 0, -0.0, -1.5 / 8])
    # Row 2 leaves the gap from 10 to 11; row 3 enters it; row 4 fills it; row 5 leaves one downwards from 10.5 to 9.
    np.testing.assert_array_equal(run("fair_value_gap_side", columns), [np.nan, np.nan, 1, 1, 0, -1])
    want = [np.nan, np.nan, 2 / 13, 0.0, np.nan, -1 / 8]
    np.testing.assert_allclose(run("fair_value_gap_distance", columns), want)


@pytest.mark.parametrize(("rises", "side"), [(20, 1.0), (33, 1.0), (34, 1.0), (35, 0.0), (80, 0.0)])
def test_only_so_many_gaps_are_remembered(rises: int, side: float) -> None:
    # Every row from the third on leaves a gap upwards. The last bar falls through all of them but the first, which
    # begins at 10.5, and is so wide that it leaves none itself. 34 rows leave 32 gaps, as many as are remembered.
    stairs = [(10 + 2 * v, 10.5 + 2 * v, 9.5 + 2 * v, 10 + 2 * v) for v in range(rises)]
    columns = bars(*stairs, (11, 999, 10.8, 11))
    values = run("fair_value_gap_side", columns)
    assert (values[2:rises] == 1.0).all()
    assert values[rises] == side


@pytest.mark.parametrize("kind", KINDS)
def test_breakouts_by_their_rule(kind: str) -> None:
    columns = rows_of(kind)
    high, low, close = columns["high"], columns["low"], columns["close"]
    n, size = 20, len(close)
    side, position = np.full(size, np.nan), np.full(size, np.nan)
    for t in range(size):
        top, bottom = high[max(t - n, 0) : t], low[max(t - n, 0) : t]
        if t >= n and not np.isnan([*top, *bottom, close[t]]).any():
            side[t] = float(close[t] > top.max()) - float(close[t] < bottom.min())
        top, bottom = high[max(t - n + 1, 0) : t + 1], low[max(t - n + 1, 0) : t + 1]
        if t >= n - 1 and not np.isnan([*top, *bottom, close[t]]).any() and top.max() > bottom.min():
            position[t] = (close[t] - bottom.min()) / (top.max() - bottom.min())
    np.testing.assert_array_equal(run("breakout", columns, n=n), side)
    same(run("range_position", columns, n=n), position)
    for word, wanted in (("up", 1.0), ("down", -1.0)):
        hits = np.flatnonzero(side == wanted)
        since = np.array([t - hits[hits <= t][-1] if (hits <= t).any() else np.nan for t in range(size)])
        assert len(hits) > 3
        np.testing.assert_array_equal(run("rows_since_breakout", columns, n=n, side=word), since)


@pytest.mark.parametrize(
    ("price", "digits", "steps"),
    [
        (4_321.0, 1, 0.21), (4_321.0, 0, 0.321), (4_321.0, 2, 0.1), (4_350.0, 1, -0.5), (4_349.0, 1, 0.49),
        (1.0, 1, 0.0), (0.0999, 1, -0.1), (1.1034, 1, 0.034), (99.5, 1, -0.5), (-4_321.0, 1, -0.21), (1e-5, 1, 0.0),
    ],
)  # fmt: skip
def test_round_numbers(price: float, digits: int, steps: float) -> None:
    columns = bars((price, price, price, price))
    # A price such as 0.0999 is not its decimal: its distance comes out to about 1e-13 of a step.
    np.testing.assert_allclose(run("round_number_distance", columns, digits=digits), [steps], atol=1e-11)


def test_round_numbers_agree_with_logarithms() -> None:
    random = np.random.default_rng(4)
    columns = {"close": np.exp(random.uniform(-12.0, 14.0, 2_000))}
    columns["close"][[7, 8]] = [0.0, np.nan]
    with np.errstate(divide="ignore", invalid="ignore"):
        q = columns["close"] / 10.0 ** (np.floor(np.log10(columns["close"])) - 1)
        want = q - np.floor(q + 0.5)
    # Steps below one are quotients of powers of ten here and powers of ten there: 1e-13 of up to 100 steps.
    np.testing.assert_allclose(run("round_number_distance", columns, digits=1), want, atol=1e-12)
    assert np.isnan(want[[7, 8]]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_of_bars_by_their_rules(kind: str) -> None:
    columns = rows_of(kind)
    flat = slice(100, 110)
    for name in ("open", "high", "low", "close"):
        columns[name][flat] = 4_000.0
    o, h, lo, c = (columns[name] for name in ("open", "high", "low", "close"))
    known = ~np.isnan(o + h + lo + c)
    wide = h > lo
    with np.errstate(invalid="ignore", divide="ignore"):
        body = np.where(wide, (c - o) / (h - lo), 0.0)
        upper = np.where(wide, (h - np.maximum(o, c)) / (h - lo), 0.0)
        lower = np.where(wide, (np.minimum(o, c) - lo) / (h - lo), 0.0)
        size = np.abs(body)
        up = (lower >= 2 * size) & (upper <= 0.1) & (size > 0)
        down = (upper >= 2 * size) & (lower <= 0.1) & (size > 0)
        want = {
            "body_share": body,
            "upper_wick_share": upper,
            "lower_wick_share": lower,
            "doji": (size <= 0.1) * 1.0,
            "marubozu": (body >= 0.95) * 1.0 - (body <= -0.95),
            "hammer": up * 1.0 - down,
        }
    for name, values in want.items():
        same(run(name, columns), np.where(known, values, np.nan))
        assert len(set(values[known])) > 1
    parts = np.abs(run("body_share", columns)) + run("upper_wick_share", columns) + run("lower_wick_share", columns)
    np.testing.assert_allclose(parts[known], np.where(wide, 1.0, 0.0)[known], atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_of_several_bars_by_their_rules(kind: str) -> None:
    columns = rows_of(kind, n=3_000)
    o, h, lo, c = (columns[name] for name in ("open", "high", "low", "close"))
    b = c - o
    engulfing, star, inside, outside, runs = (np.full(len(o), np.nan) for _ in range(5))
    run_now = 0.0
    for t in range(1, len(o)):
        if not np.isnan(b[t] + b[t - 1]):
            larger = abs(b[t]) > abs(b[t - 1])
            rise = b[t - 1] < 0 < b[t] and o[t] <= c[t - 1] and c[t] >= o[t - 1] and larger
            fall = b[t - 1] > 0 > b[t] and o[t] >= c[t - 1] and c[t] <= o[t - 1] and larger
            engulfing[t] = float(rise) - float(fall)
        if not np.isnan(h[t] + h[t - 1]):
            inside[t] = float(h[t] < h[t - 1] and lo[t] > lo[t - 1])
            outside[t] = float(h[t] > h[t - 1] and lo[t] < lo[t - 1])
        run_now = max(run_now, 0) + 1 if c[t] > c[t - 1] else min(run_now, 0) - 1 if c[t] < c[t - 1] else 0
        runs[t] = run_now if not np.isnan(c[t] + c[t - 1]) else np.nan
        if t > 1 and not np.isnan(b[t] + b[t - 1] + b[t - 2]):
            first, width = b[t - 2], h[t - 2] - lo[t - 2]
            long = width > 0 and abs(first) >= 0.5 * width and abs(b[t - 1]) <= 0.3 * abs(first)
            middle = o[t - 2] + 0.5 * first
            star[t] = float(long and first < 0 < b[t] and c[t] > middle) - float(
                long and first > 0 > b[t] and c[t] < middle
            )
    for name, want in (
        ("engulfing", engulfing), ("star", star), ("inside_bar", inside), ("outside_bar", outside),
        ("consecutive_bars", runs),
    ):  # fmt: skip
        np.testing.assert_array_equal(run(name, columns), want)
        assert len(set(want[~np.isnan(want)])) > 1


def test_shapes_by_hand() -> None:
    hammer, flipped = (10.0, 10.5, 8.0, 10.4), (10.0, 12.0, 9.9, 9.95)
    assert run("hammer", bars(hammer, flipped)).tolist() == [1.0, -1.0]
    assert run("doji", bars((10, 11, 9, 10.1), (10, 11, 9, 10.5), (10, 10, 10, 10))).tolist() == [1.0, 0.0, 1.0]
    assert run("marubozu", bars((10, 12, 10, 12), (12, 12, 10, 10), (10, 12, 10, 11))).tolist() == [1.0, -1.0, 0.0]
    morning = bars((12, 12, 10, 10), (10, 10.2, 9.6, 9.9), (10, 11.6, 10, 11.5))
    assert run("star", morning)[2] == 1.0
    assert run("engulfing", bars((11, 11.2, 9.9, 10), (9.9, 11.5, 9.8, 11.3)))[1] == 1.0


@given(st.lists(st.integers(-20, 20), min_size=8, max_size=120), st.integers(1, 4))
def test_upside_down_highs_are_lows(ticks: list[int], k: int) -> None:
    close = 4_000.0 + 0.25 * np.cumsum(ticks)
    columns = bars(*[(v, v + 0.5, v - 0.25, v) for v in close])
    turned = bars(*[(8_000 - v, 8_000 - v + 0.25, 8_000 - v - 0.5, 8_000 - v) for v in close])
    for name, mirror, sign in (
        ("rows_since_swing_high", "rows_since_swing_low", 1.0),
        ("swing_trend", "swing_trend", -1.0),
        ("fair_value_gap_side", "fair_value_gap_side", -1.0),
        ("consecutive_bars", "consecutive_bars", -1.0),
        ("body_share", "body_share", -1.0),
    ):
        given_values = {"k": k} if "swing" in name else {}
        got, want = run(name, columns, **given_values), sign * run(mirror, turned, **given_values)
        np.testing.assert_array_equal(got, want)


@given(st.lists(st.integers(-8, 8), min_size=3, max_size=150), st.integers(0, 10_000))
def test_fair_value_gaps_of_any_bars(ticks: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    close = 100.0 + np.cumsum(ticks)
    columns = bars(*[(v, v + random.integers(0, 4), v - random.integers(0, 4), v) for v in close])
    size, distance, side = fair_value_oracle(columns)
    same(run("fair_value_gap", columns) * columns["close"], size * columns["close"])
    np.testing.assert_array_equal(run("fair_value_gap_side", columns), side)
    same(run("fair_value_gap_distance", columns), distance)


def test_columns_of_the_set() -> None:
    refs: tuple[FeatureRef, ...] = (*structure.COLUMNS, *levels.COLUMNS, *candles.COLUMNS, *clock.COLUMNS)
    assert len(refs) == 55
    assert len({ref.alias for ref in refs}) == 55
    assert len(clock.COLUMNS) == 25
    values = compute_set(refs, market(9, 41_400, per_session=1_380))
    spread = {ref.alias: np.nanstd(row) for ref, row in zip(refs, values, strict=True)}
    assert [alias for alias, width in spread.items() if not width > 0.0] == []
