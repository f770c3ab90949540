from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from argus.core.arrays import F64_1D
from tests.features.market import market
from tests.features.physics_oracles import over_windows, series_of, smooth_market, value_of

COLUMNS = smooth_market(41, 800)
N = 30


def scores(of: str) -> F64_1D:
    x = series_of(COLUMNS, of)
    mean = over_windows(x, N, lambda window: float(window.mean()))
    deviation = over_windows(x, N, lambda window: float(window.std(ddof=1)))
    z = np.full(len(x), np.nan)
    z[1:] = (x[1:] - mean[:-1]) / deviation[:-1]
    return z


def cusum(z: F64_1D, drift: float, limit: float) -> tuple[F64_1D, F64_1D, F64_1D]:
    up, down, run = (np.full(len(z), np.nan) for _ in range(3))
    a = b = 0.0
    rows = 0
    for t in np.flatnonzero(np.isfinite(z)):
        a, b = max(0.0, a + z[t] - drift), max(0.0, b - z[t] - drift)
        rows = 0 if max(a, b) > limit else rows + 1
        up[t], down[t], run[t] = a, b, rows
        if rows == 0:
            a = b = 0.0
    return up, down, run


def page_hinkley(z: F64_1D, drift: float, limit: float) -> F64_1D:
    out = np.full(len(z), np.nan)
    seen: list[float] = []
    up, down = [0.0], [0.0]
    for t in np.flatnonzero(np.isfinite(z)):
        seen.append(float(z[t]))
        mean = float(np.mean(seen))
        up.append(up[-1] + z[t] - mean - drift)
        down.append(down[-1] + mean - z[t] - drift)
        out[t] = max(up[-1] - min(up), down[-1] - min(down))
        if out[t] > limit:
            seen, up, down = [], [0.0], [0.0]
    return out


@pytest.mark.parametrize("of", ["return", "range", "volume"])
@pytest.mark.parametrize(("drift", "limit"), [(0.5, 4.0), (0.0, 8.0), (0.2, 1e5)])
def test_sums_of_departures_agree_with_their_definition(of: str, drift: float, limit: float) -> None:
    given_values = {"of": of, "n": N, "drift": drift, "limit": limit}
    wanted = cusum(scores(of), drift, limit)
    for name, want in zip(("cusum_up", "cusum_down", "change_run"), wanted, strict=True):
        # Sums over hundreds of rows of scores that agree to ten digits.
        np.testing.assert_allclose(value_of(name, COLUMNS, **given_values), want, rtol=1e-8, atol=1e-8)
    got = value_of("page_hinkley", COLUMNS, **given_values)
    np.testing.assert_allclose(got, page_hinkley(scores(of), drift, limit), rtol=1e-8, atol=1e-8)
    if limit < 10.0:
        assert (wanted[2] == 0).sum() > 3


@pytest.mark.parametrize("of", ["return", "range", "volume", "close"])
def test_shifts_agree_with_scipy(of: str) -> None:
    x = series_of(COLUMNS, of)

    def welch(window: F64_1D) -> float:
        return float(stats.ttest_ind(window[N:], window[:N], equal_var=False).statistic)

    def wilder(window: F64_1D) -> float:
        return float(np.log(window[N:].std(ddof=1) / window[:N].std(ddof=1)))

    np.testing.assert_allclose(value_of("mean_shift", COLUMNS, of=of, n=N), over_windows(x, 2 * N, welch), rtol=1e-6)
    got = value_of("deviation_shift", COLUMNS, of=of, n=N)
    np.testing.assert_allclose(got, over_windows(x, 2 * N, wilder), rtol=1e-7, atol=1e-9)


def test_a_change_is_noticed_soon_and_not_before() -> None:
    random = np.random.default_rng(9)
    moves = random.standard_normal(600) * 1e-3
    moves[400:] += 2e-3
    columns = {"close": np.exp(np.cumsum(moves))}
    up = value_of("cusum_up", columns, n=200, limit=8.0)
    assert np.nanmax(up[:400]) < 8.0
    assert (up[400:415] > 8.0).any()
    assert np.nanargmax(value_of("mean_shift", columns, n=100)) in range(480, 520)


def run_lengths(states: F64_1D) -> F64_1D:
    out = np.full(len(states), np.nan)
    for t, state in enumerate(states):
        if not np.isnan(state):
            out[t] = out[t - 1] + 1 if t > 0 and states[t - 1] == state else 1
    return out


def test_durations_agree_with_their_definitions() -> None:
    columns = market(42, 700)
    columns["close"][300] = np.nan
    close = columns["close"]
    change = np.sign(np.concatenate(([np.nan], np.diff(close))))
    np.testing.assert_array_equal(value_of("return_streak", columns), change * run_lengths(change))
    side = np.sign(close - over_windows(close, 20, lambda window: float(window.mean())))
    np.testing.assert_array_equal(value_of("trend_duration", columns, n=20), run_lengths(side))
    spread = over_windows(series_of(COLUMNS, "return"), 10, lambda window: float(window.std(ddof=1)))
    mean = over_windows(spread, 40, lambda window: float(window.mean()))
    high = np.where(np.isnan(mean), np.nan, spread > mean)
    np.testing.assert_array_equal(value_of("volatility_duration", COLUMNS, n=10, m=40), run_lengths(high))


def test_times_since_extremes_agree_with_their_definitions() -> None:
    columns = market(43, 500)
    move = np.abs(series_of(columns, "return"))
    for name, x in (
        ("time_since_high", columns["high"]),
        ("time_since_low", -columns["low"]),
        ("time_since_move", move),
    ):
        want = over_windows(x, 25, lambda window: float(np.argmax(window[::-1])))
        np.testing.assert_array_equal(value_of(name, columns, n=25), want)


@settings(max_examples=25)
@given(st.lists(st.integers(-3, 3), min_size=5, max_size=60))
def test_streaks_add_up_to_all_rows(steps: list[int]) -> None:
    close = 100.0 + np.cumsum(np.array([0, *steps], dtype=float))
    streak = value_of("return_streak", {"close": close})[1:]
    assert (np.sign(streak) == np.sign(steps)).all()
    grows = np.abs(streak[1:]) == np.abs(streak[:-1]) + 1
    same = (np.sign(streak[1:]) == np.sign(streak[:-1])) & (streak[1:] != 0)
    assert (grows[same]).all()
