"""Price features against TA-Lib, and against their declared formulas in plain NumPy where it has none.

Tolerances: sums over windows are kept about a reference and TA-Lib's are running sums, so both are right to about 1e-12
of the prices summed; 1e-9 of the result leaves room for what cancels. Where TA-Lib begins an exponential mean
otherwise (a plain mean of the first values), values are compared after the start has faded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from argus.core.arrays import F64_1D
from argus.features.families import channels, oscillators, price, trend
from argus.features.registry import feature
from argus.features.runner import Runner, State
from tests.features.market import NASTY, Market, market

ROWS = 4_000


@cache
def usual() -> Market:
    return market(11, ROWS, tick=0.01)


def values(name: str, columns: Market | None = None, **parameters: int | float) -> F64_1D:
    """A feature over whole columns, in float64."""
    columns = usual() if columns is None else columns
    runner = Runner([feature(name).term(parameters)], len(columns["close"]))
    out = np.empty((1, len(columns["close"])))
    runner.feed([columns[one] for one in runner.inputs], out, 0)
    return out[0]


@cache
def prepared(names: tuple[str, ...], rows: int) -> tuple[Runner, State]:
    """Features in one plan with their defaults, and what it remembers before the first row."""
    runner = Runner([feature(name).term({}) for name in names], rows)
    return runner, runner.snapshot()


def all_values(names: tuple[str, ...], columns: Market) -> dict[str, F64_1D]:
    """As `values`, for many features of many markets."""
    rows = len(columns["close"])
    runner, fresh = prepared(names, rows)
    runner.restore(fresh)
    out = np.empty((len(names), rows))
    runner.feed([columns[one] for one in runner.inputs], out, 0)
    return dict(zip(names, out, strict=True))


def close_to(got: F64_1D, want: F64_1D, rtol: float = 1e-9, atol: float = 1e-9) -> None:
    assert np.isfinite(want).sum() > len(want) // 2
    np.testing.assert_allclose(got, want, rtol=rtol, atol=atol)


def windows(x: F64_1D, n: int) -> F64_1D:
    """Every window of `n` rows by the row of its end; NaN before the first whole one."""
    padded = np.concatenate((np.full(n - 1, np.nan), x))
    return sliding_window_view(padded, n)


def before(x: F64_1D, k: int = 1) -> F64_1D:
    return np.concatenate((np.full(k, np.nan), x[:-k]))


def ema(x: F64_1D, span: int) -> F64_1D:
    """The declared exponential mean: weights d^i over all values so far, divided by their sum."""
    decay = 1.0 - 2.0 / (span + 1.0)
    out = np.full(len(x), np.nan)
    top = weight = seen = 0.0
    for t, value in enumerate(x):
        if np.isfinite(value):
            top, weight, seen = decay * top + value, decay * weight + 1.0, seen + 1
            out[t] = top / weight if seen >= span else np.nan
    return out


def wilder(x: F64_1D, n: int) -> F64_1D:
    out = np.full(len(x), np.nan)
    seen: list[float] = []
    mean = 0.0
    for t, value in enumerate(x):
        if np.isfinite(value):
            seen.append(value)
            mean = float(np.mean(seen)) if len(seen) <= n else mean + (value - mean) / n
            out[t] = mean if len(seen) >= n else np.nan
    return out


def true_range(m: Market) -> F64_1D:
    last = before(m["close"])
    out = np.maximum(m["high"], last) - np.minimum(m["low"], last)
    return np.asarray(out)


def typical() -> tuple[F64_1D, F64_1D, F64_1D]:
    m = usual()
    return m["high"], m["low"], m["close"]


@pytest.mark.parametrize("n", [2, 3, 14, 33, 200, 1_500])
def test_windows_of_lines_agree_with_talib(n: int) -> None:
    high, low, close = typical()
    close_to(values("wma", n=n), talib.WMA(close, n))
    close_to(values("linear_slope", n=n) * close, talib.LINEARREG_SLOPE(close, n))
    close_to(values("linreg", n=n), talib.LINEARREG(close, n))
    close_to(values("roc", n=n), talib.ROC(close, n))
    close_to(values("williams_r", n=n), talib.WILLR(high, low, close, n))
    close_to(values("aroon_oscillator", n=n), talib.AROONOSC(high, low, n))
    down, up = talib.AROON(high, low, n)
    close_to(values("aroon_up", n=n), up)
    close_to(values("aroon_down", n=n), down)
    close_to(values("tenkan", n=n), talib.MIDPRICE(high, low, n))
    close_to(values("kijun", n=n), talib.MIDPRICE(high, low, n))


@pytest.mark.parametrize("n", [5, 14, 50])
def test_oscillators_agree_with_talib(n: int) -> None:
    high, low, close = typical()
    close_to(values("rsi", n=n), talib.RSI(close, n))
    fast_k, fast_d = talib.STOCHF(high, low, close, n, 4, 0)
    # TA-Lib begins both lines where the second has a value.
    close_to(values("stochastic_k", n=n)[n + 2 :], fast_k[n + 2 :])
    close_to(values("stochastic_d", n=n, d=4), fast_d)
    close_to(values("stochastic_slow_d", n=n, k=3, d=5), talib.STOCH(high, low, close, n, 3, 0, 5, 0)[1])
    close_to(values("stochastic_rsi", n=n, k=9), talib.STOCHRSI(close, n, 9, 1, 0)[0], atol=1e-7)
    close_to(values("cci", n=n), talib.CCI(high, low, close, n), atol=1e-7)
    close_to(values("ultimate_oscillator", a=n, b=2 * n, c=3 * n), talib.ULTOSC(high, low, close, n, 2 * n, 3 * n))
    upper, middle, lower = talib.BBANDS(close, n, 2.5, 2.5, 0)
    # TA-Lib takes the variance from running sums of squares: of 4,000 squared 1e-16 remain 1e-9, beside about 10.
    close_to(values("bollinger_b", n=n, k=2.5), (close - lower) / (upper - lower), rtol=1e-6, atol=1e-6)
    close_to(values("bollinger_width", n=n, k=2.5), (upper - lower) / middle, rtol=1e-6)


@pytest.mark.parametrize("n", [2, 5, 14, 50])
def test_directional_movement_agrees_with_talib(n: int) -> None:
    high, low, close = typical()
    close_to(values("plus_di", n=n), talib.PLUS_DI(high, low, close, n))
    close_to(values("minus_di", n=n), talib.MINUS_DI(high, low, close, n))
    dx = talib.DX(high, low, close, n)
    got = values("dx", n=n)
    # Where there was no movement at all TA-Lib repeats its last value, and there is none here.
    moved = np.isfinite(got) | (np.arange(ROWS) < n)
    assert moved.mean() > 0.9
    close_to(got[moved], dx[moved])
    if n >= 5:
        close_to(values("adx", n=n), talib.ADX(high, low, close, n))


@pytest.mark.parametrize(("step", "most"), [(0.02, 0.2), (0.1, 0.5), (0.005, 0.05)])
def test_parabolic_stop_agrees_with_talib(step: float, most: float) -> None:
    high, low, close = typical()
    want = talib.SAR(high, low, step, most)
    got = values("sar", step=step, most=most)
    close_to(got, want)
    close_to(values("sar_distance", step=step, most=most), (close - want) / close)
    side = values("sar_side", step=step, most=most)[1:]
    assert set(side) == {-1.0, 1.0}
    assert ((np.diff(side) != 0.0).sum()) > 50
    # A stop that was not touched lies on the far side of the bar.
    held = np.concatenate(([False], np.diff(side) == 0.0))
    assert (got[1:][held & (side > 0)] <= low[1:][held & (side > 0)]).all()
    assert (got[1:][held & (side < 0)] >= high[1:][held & (side < 0)]).all()


def test_adaptive_average_agrees_with_talib() -> None:
    close = usual()["close"]
    for n in (2, 10, 40):
        want = talib.KAMA(close, n)
        close_to(values("kama", n=n), want)
        close_to(values("kama_distance", n=n), close / want - 1.0)


def test_exponential_means_agree_with_their_formula_and_come_to_talibs() -> None:
    close = usual()["close"]
    line = ema(close, 12) - ema(close, 26)
    signal = ema(line, 9)
    close_to(values("macd"), line)
    close_to(values("macd_signal"), signal)
    close_to(values("macd_histogram"), line - signal)
    for got, want in zip(("macd", "macd_signal", "macd_histogram"), talib.MACD(close, 12, 26, 9), strict=True):
        # (1 - 2 / 27)^600 is 1e-20.
        close_to(values(got)[600:], want[600:], atol=1e-8)
    percent = 100.0 * (ema(close, 12) / ema(close, 26) - 1.0)
    close_to(values("ppo"), percent)
    close_to(values("ppo_histogram"), percent - ema(percent, 9))
    close_to(values("ppo")[600:], talib.PPO(close, 12, 26, 1)[600:])
    smooth = ema(ema(ema(close, 15), 15), 15)
    close_to(values("trix"), 100.0 * (smooth / before(smooth) - 1.0))
    close_to(values("trix")[900:], talib.TRIX(close, 15)[900:])
    close_to(values("ema_distance", span=30), close / ema(close, 30) - 1.0)


def test_averages_made_of_averages_agree_with_their_formulas() -> None:
    m = usual()
    close = m["close"]
    for n in (4, 9, 20, 150):
        inner = 2.0 * talib.WMA(close, n // 2) - talib.WMA(close, n)
        known = n - 1
        want = np.concatenate((np.full(known, np.nan), talib.WMA(inner[known:], int(np.sqrt(n)))))
        close_to(values("hma", n=n), want)
        close_to(values("hma_distance", n=n), close / want - 1.0)
    both = talib.ROC(close, 11) + talib.ROC(close, 14)
    close_to(values("coppock"), np.concatenate((np.full(14, np.nan), talib.WMA(both[14:], 10))))
    close_to(values("sma_cross", fast=7, slow=90), talib.SMA(close, 7) / talib.SMA(close, 90) - 1.0)
    close_to(values("sma_distance", n=33), close / talib.SMA(close, 33) - 1.0)
    for n in (2, 3, 20):
        close_to(values("dpo", n=n), before(close, n // 2 + 1) / talib.SMA(close, n) - 1.0)
    middle = (m["high"] + m["low"]) / 2.0
    close_to(values("awesome_oscillator"), talib.SMA(middle, 5) - talib.SMA(middle, 34))


@pytest.mark.parametrize("n", [3, 10, 60, 1_200])
def test_fit_of_lines_agrees_with_least_squares(n: int) -> None:
    close = usual()["close"]
    r2, score = values("linear_r2", n=n), values("linear_residual", n=n)
    place = np.arange(n, dtype=float)
    for t in range(n - 1, ROWS, 97):
        x = close[t - n + 1 : t + 1]
        b, a = np.polyfit(place, x - x[-1], 1)
        left = (x - x[-1]) - (a + b * place)
        sum_left, sum_all = np.sum(left**2), np.sum((x - x.mean()) ** 2)
        if sum_all == 0.0:
            assert np.isnan(r2[t])
            assert np.isnan(score[t])
            continue
        assert r2[t] == pytest.approx(1.0 - sum_left / sum_all, abs=1e-9)
        if sum_left > 1e-9 * sum_all:
            assert score[t] == pytest.approx(left[-1] / np.sqrt(sum_left / (n - 2)), rel=1e-6, abs=1e-7)


def test_lines_keep_their_digits_beside_a_wild_value() -> None:
    m = NASTY["huge price"](usual())
    for n in (5, 60, 300):
        want = values("linear_slope", n=n), values("wma", n=n), values("linear_r2", n=n)
        got = values("linear_slope", m, n=n), values("wma", m, n=n), values("linear_r2", m, n=n)
        after = np.arange(ROWS) >= ROWS // 3 + n
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a[after], b[after], rtol=1e-6, atol=1e-9)


def test_a_straight_line_is_one() -> None:
    close = np.arange(3_000) * 0.25 + 100.0
    m = dict.fromkeys(("open", "high", "low", "close"), close)
    np.testing.assert_allclose(values("linear_slope", m, n=50)[49:] * close[49:], 0.25, rtol=1e-12)
    np.testing.assert_allclose(values("linear_r2", m, n=50)[49:], 1.0, rtol=1e-12)
    assert np.isnan(values("linear_residual", m, n=50)).all()
    np.testing.assert_allclose(values("efficiency_ratio", m)[10:], 1.0)
    np.testing.assert_allclose(values("rsi", m)[14:], 100.0)
    # A linear mean is a third of the window behind, Hull's is not.
    np.testing.assert_allclose(values("wma", m, n=31)[30:], close[30:] - 10 * 0.25, rtol=1e-12)
    np.testing.assert_allclose(values("kalman_slope", {"close": np.exp(close * 1e-3)})[200:], 0.25e-3, rtol=1e-6)
    flat = {name: np.full(200, 4_000.1) for name in ("open", "high", "low", "close")}
    assert (values("linear_slope", flat)[19:] == 0.0).all()
    for name in ("linear_r2", "rsi", "stochastic_k", "cci", "choppiness", "efficiency_ratio", "adx", "bollinger_b"):
        assert np.isnan(values(name, flat)).all(), name


def test_channels_agree_with_their_formulas() -> None:
    m = usual()
    high, low, close = typical()
    top, bottom = before(windows(high, 20).max(axis=1)), before(windows(low, 20).min(axis=1))
    close_to(values("donchian_position"), (close - bottom) / (top - bottom))
    close_to(values("donchian_width"), (top - bottom) / close)
    close_to(values("donchian_high_distance"), close / close - top / close)
    close_to(values("donchian_low_distance"), 1.0 - bottom / close)
    middle, reach = ema(close, 20), wilder(true_range(m), 10)
    close_to(values("keltner_position", k=1.5), (close - middle) / (1.5 * reach))
    close_to(values("keltner_width", k=1.5), 3.0 * reach / middle)
    mid = {n: (windows(high, n).max(axis=1) + windows(low, n).min(axis=1)) / 2.0 for n in (9, 26, 52)}
    a, b = before((mid[9] + mid[26]) / 2.0, 26), before(mid[52], 26)
    close_to(values("senkou_a"), a)
    close_to(values("senkou_b"), b)
    close_to(values("tenkan_distance"), (mid[9] - mid[26]) / close)
    close_to(values("kijun_distance"), close / close - mid[26] / close)
    close_to(values("cloud_width"), (a - b) / close)
    above, below = close - np.maximum(a, b), close - np.minimum(a, b)
    inside = np.where(np.isfinite(a + b), 0.0, np.nan)
    want = np.where(above > 0.0, above, np.where(below < 0.0, below, inside)) / close
    close_to(values("cloud_position"), want)
    assert (want > 0).any()
    assert (want < 0).any()
    assert (want == 0).any()


def test_flows_and_ways_agree_with_their_formulas() -> None:
    high, low, close = typical()
    way = true_range(usual())
    total = windows(way, 14).sum(axis=1)
    spread = windows(high, 14).max(axis=1) - windows(low, 14).min(axis=1)
    close_to(values("choppiness"), 100.0 * np.log10(np.maximum(total / spread, 1.0)) / np.log10(14.0), atol=1e-7)
    up = windows(np.abs(high - before(low)), 14).sum(axis=1)
    down = windows(np.abs(low - before(high)), 14).sum(axis=1)
    close_to(values("vortex_plus"), up / total)
    close_to(values("vortex_minus"), down / total)
    close_to(values("vortex"), (up - down) / total)
    moved = windows(np.abs(close - before(close)), 10).sum(axis=1)
    want = np.abs(close - before(close, 10)) / np.where(moved > 0.0, moved, np.nan)
    close_to(values("efficiency_ratio"), want)
    once = ema(high - low, 9)
    close_to(values("mass_index"), windows(once / ema(once, 9), 25).sum(axis=1))


def test_fisher_transform_agrees_with_its_formula() -> None:
    high, low, _ = typical()
    p = (high + low) / 2.0
    top, bottom = windows(p, 10).max(axis=1), windows(p, 10).min(axis=1)
    want = np.full(ROWS, np.nan)
    v = f = 0.0
    for t in range(ROWS):
        if top[t] > bottom[t]:
            v = 0.66 * ((p[t] - bottom[t]) / (top[t] - bottom[t]) - 0.5) + 0.67 * v
            v = 0.999 if v > 0.99 else -0.999 if v < -0.99 else v
            f = 0.5 * np.log((1.0 + v) / (1.0 - v)) + 0.5 * f
            want[t] = f
    close_to(values("fisher"), want)


def test_trend_filter_agrees_with_the_filter_in_matrices() -> None:
    y = np.log(usual()["close"])
    moves = np.array([[1.0, 1.0], [0.0, 1.0]])
    noise = np.diag([0.03, 0.0002])
    state, spread = np.array([y[0], 0.0]), np.eye(2)
    distance, slope = np.full(ROWS, np.nan), np.full(ROWS, np.nan)
    for t in range(1, ROWS):
        state, spread = moves @ state, moves @ spread @ moves.T + noise
        gain = spread[:, 0] / (spread[0, 0] + 1.0)
        state = state + gain * (y[t] - state[0])
        spread = spread - np.outer(gain, spread[0])
        if t >= 49:
            distance[t], slope[t] = y[t] - state[0], state[1]
    # Gains that are held constant differ by 1e-13 of themselves.
    close_to(values("kalman_distance", level=0.03, slope=0.0002), distance, rtol=1e-7, atol=1e-12)
    close_to(values("kalman_slope", level=0.03, slope=0.0002), slope, rtol=1e-7, atol=1e-12)


def test_rows_without_prices_are_skipped_by_what_carries_on() -> None:
    m = NASTY["gaps"](usual())
    known = np.isfinite(m["close"])
    rest = {name: column[known] for name, column in m.items()}
    for name in ("sar", "sar_side", "kalman_slope", "kalman_distance", "ema_distance", "macd", "ppo_histogram"):
        got = values(name, m)
        assert np.isnan(got[~known]).all(), name
        np.testing.assert_array_equal(got[known], values(name, rest), err_msg=name)
    change = np.diff(m["close"], prepend=np.nan)
    rise = wilder(np.where(np.isnan(change), np.nan, np.maximum(change, 0.0)), 14)
    fall = wilder(np.where(np.isnan(change), np.nan, np.maximum(-change, 0.0)), 14)
    close_to(values("rsi", m), 100.0 * rise / (rise + fall))
    for name in ("wma", "linear_slope", "cci", "williams_r"):
        holes = np.isnan(windows(m["close"], 9)).any(axis=1)
        np.testing.assert_array_equal(np.isnan(values(name, m, n=9)), holes, err_msg=name)


@pytest.mark.parametrize("which", ["usual", "gaps"])
def test_windows_that_go_together_are_as_each_alone(which: str) -> None:
    m = usual() if which == "usual" else NASTY[which](usual())
    windows = (5, 14, 60)
    runner = Runner([feature("rsi").term({"n": n}) for n in windows], 100)
    out = np.empty((len(windows), ROWS))
    for first in range(0, ROWS, 100):
        runner.feed([m[one][first : first + 100] for one in runner.inputs], out, first)
    for n, together in zip(windows, out, strict=True):
        np.testing.assert_array_equal(together, values("rsi", m, n=n))


def test_nothing_is_told_from_rounding_in_a_long_standstill() -> None:
    m = {name: column.copy() for name, column in usual().items()}
    still = slice(1_000, 3_900)
    for name in ("open", "high", "low", "close"):
        m[name][still] = m["close"][still.start - 1]
    # A third of rises and falls fades with each row, and is gone before the market wakes up.
    strength = values("rsi", m, n=3)
    faded = np.flatnonzero(np.isnan(strength[still]))
    assert 1_500 < faded[0] < 1_800
    assert (faded == np.arange(faded[0], 2_900)).all()
    np.testing.assert_allclose(strength[1_000 : 1_000 + faded[0]], strength[1_000], rtol=1e-12)
    place = values("stochastic_rsi", m, n=3, k=5)
    assert np.isfinite(place[900:1_003]).all()
    assert np.isnan(place[1_003:3_900]).all()
    assert np.isfinite(place[3_910:]).all()
    # Half-widths fall below a billionth of the price in some 150 rows, and then no place is told.
    place, width = values("keltner_position", m), values("keltner_width", m)
    known = width[still] > 2e-9
    np.testing.assert_array_equal(np.isfinite(place[still]), known)
    assert 100 < known.sum() < 200
    assert (width[still][~known] >= 0.0).all()
    assert np.isfinite(place[3_900:]).all()


def test_long_real_columns_agree_with_talib(real_data: Path) -> None:
    # Bitcoin from 12 to 20,000 dollars, every thirtieth minute: what drifts or loses digits would show here.
    found = pl.read_parquet(real_data / "crypto_1m" / "BTCUSD.parquet", columns=["open", "high", "low", "close"])
    thinned = found.gather_every(30)
    m = {name: thinned[name].cast(pl.Float64).to_numpy().copy() for name in ("open", "high", "low", "close")}
    high, low, close = m["high"], m["low"], m["close"]
    for n in (14, 60, 300):
        close_to(values("wma", m, n=n), talib.WMA(close, n), rtol=1e-8)
        # TA-Lib sums place times price for each row afresh, which is right to about 1e-12 of the price.
        close_to(values("linear_slope", m, n=n) * close, talib.LINEARREG_SLOPE(close, n), rtol=1e-7, atol=1e-8)
        close_to(values("rsi", m, n=n), talib.RSI(close, n))
        close_to(values("adx", m, n=n), talib.ADX(high, low, close, n), rtol=1e-7)
        close_to(values("aroon_oscillator", m, n=n), talib.AROONOSC(high, low, n))
    close_to(values("sar", m), talib.SAR(high, low, 0.02, 0.2))
    close_to(values("kama", m), talib.KAMA(close, 10), rtol=1e-7)


MOVES = arrays(np.int64, (60, 4), elements=st.integers(-12, 12))


def bars(moves: NDArray[np.int64]) -> Market:
    """Bars on a grid of quarters from whole-number moves: of the close, open, and how far high and low reach."""
    steps = moves * 0.25
    close = 400.0 + np.cumsum(steps[:, 0])
    opened = close + steps[:, 1]
    high = np.maximum(close, opened) + np.abs(steps[:, 2])
    low = np.minimum(close, opened) - np.abs(steps[:, 3])
    return {"open": opened, "high": high, "low": low, "close": close}


def mirrored(m: Market) -> Market:
    """The same market upside down, about 1,000."""
    return {
        "open": 2_000.0 - m["open"],
        "high": 2_000.0 - m["low"],
        "low": 2_000.0 - m["high"],
        "close": 2_000.0 - m["close"],
    }


TURNED: Final[tuple[tuple[str, str, Callable[[F64_1D], F64_1D]], ...]] = (
    ("rsi", "rsi", lambda x: 100.0 - x),
    ("plus_di", "minus_di", lambda x: x),
    ("dx", "dx", lambda x: x),
    ("aroon_up", "aroon_down", lambda x: x),
    ("stochastic_k", "stochastic_k", lambda x: 100.0 - x),
    ("donchian_position", "donchian_position", lambda x: 1.0 - x),
    ("tenkan", "tenkan", lambda x: 2_000.0 - x),
    ("wma", "wma", lambda x: 2_000.0 - x),
    ("vortex_plus", "vortex_minus", lambda x: x),
    ("choppiness", "choppiness", lambda x: x),
    ("efficiency_ratio", "efficiency_ratio", lambda x: x),
    ("linear_r2", "linear_r2", lambda x: x),
    ("keltner_position", "keltner_position", lambda x: -x),
    ("cci", "cci", lambda x: -x),
    ("fisher", "fisher", lambda x: -x),
)


@given(MOVES)
def test_upside_down(moves: NDArray[np.int64]) -> None:
    m = bars(moves)
    names = tuple(sorted({name for one, other, _ in TURNED for name in (one, other)}))
    up, down = all_values(names, m), all_values(names, mirrored(m))
    for one, other, of in TURNED:
        np.testing.assert_allclose(down[other], of(up[one]), rtol=1e-7, atol=1e-7, err_msg=f"{one}, {other}")


@given(MOVES, st.integers(0, 4_000))
def test_shift(moves: NDArray[np.int64], quarters: int) -> None:
    m = bars(moves)
    in_prices = ("wma", "hma", "kama", "sar", "kijun")
    of_none = ("rsi", "adx", "williams_r", "linear_r2", "bollinger_b", "aroon_oscillator", "ultimate_oscillator")
    was = all_values((*in_prices, *of_none), m)
    up = all_values((*in_prices, *of_none), {name: column + 0.25 * quarters for name, column in m.items()})
    for name in in_prices:
        np.testing.assert_allclose(up[name], was[name] + 0.25 * quarters, rtol=1e-11, err_msg=name)
    for name in of_none:
        np.testing.assert_allclose(up[name], was[name], rtol=1e-7, atol=1e-7, err_msg=name)


@given(MOVES)
def test_averages_lie_within_their_windows(moves: NDArray[np.int64]) -> None:
    m = bars(moves)
    inside = windows(m["close"], 12)
    mean = values("wma", m, n=12)[11:]
    assert (mean >= inside[11:].min(axis=1) - 1e-9).all()
    assert (mean <= inside[11:].max(axis=1) + 1e-9).all()
    place = values("bollinger_b", m, n=12)
    assert (np.abs(place[np.isfinite(place)] - 0.5) <= np.sqrt(11.0) / 4.0 + 1e-9).all()


def test_columns_of_the_set_are_each_there_once_and_have_values() -> None:
    chosen = (*price.COLUMNS, *oscillators.COLUMNS, *channels.COLUMNS, *trend.COLUMNS)
    assert len(chosen) == len({one.alias for one in chosen}) == 45
    assert len({(one.feature, *sorted(one.parameters.items())) for one in chosen}) == 45
    for one in chosen:
        got = values(one.feature, None, **one.parameters)  # type: ignore[arg-type]
        declared = feature(one.feature)
        assert declared.price_degree == 0.0, one.alias
        assert np.isfinite(got[declared.warmup(declared.values(one.parameters)) :]).mean() > 0.99, one.alias
