from __future__ import annotations

import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from argus.core.arrays import F64_1D
from argus.features import feature
from argus.features.families.volume import COLUMNS
from tests.features.market import Market, market, with_gaps, with_huge_prices, without_volume
from tests.features.single import values_of


def usual(n: int = 1_500, fractional: bool = False) -> Market:
    columns = market(31, n)
    if fractional:
        columns["volume"] = columns["volume"] / 7.0
    return columns


def prices(columns: Market) -> tuple[F64_1D, F64_1D, F64_1D, F64_1D]:
    return columns["high"], columns["low"], columns["close"], columns["volume"]


def typical(columns: Market) -> F64_1D:
    return (columns["high"] + columns["low"] + columns["close"]) / 3.0


def windows(x: F64_1D, n: int) -> F64_1D:
    """The last n values of every row; rows before the n-th hold missing values."""
    return sliding_window_view(np.concatenate((np.full(n - 1, np.nan), x)), n)


def sums(x: F64_1D, n: int) -> F64_1D:
    return windows(x, n).sum(axis=1)


def ema(x: F64_1D, span: int) -> F64_1D:
    """Exponential mean with normalised weights; a missing value is skipped."""
    decay, out = 1.0 - 2.0 / (span + 1.0), np.full(len(x), np.nan)
    total = weight = 0.0
    seen = 0
    for t, value in enumerate(x):
        if not np.isnan(value):
            total, weight, seen = decay * total + value, decay * weight + 1.0, seen + 1
            if seen >= span:
                out[t] = total / weight
    return out


def side(close: F64_1D) -> F64_1D:
    return np.concatenate(([np.nan], np.sign(np.diff(close))))


def running(x: F64_1D) -> F64_1D:
    return np.where(np.isnan(x), np.nan, np.nancumsum(x))


def location(columns: Market) -> F64_1D:
    high, low, close, _ = prices(columns)
    span = high - low
    with np.errstate(invalid="ignore"):
        return np.where(span == 0.0, 0.0, ((close - low) - (high - close)) / span)


def check(got: F64_1D, want: F64_1D, rtol: float = 1e-9, atol: float = 1e-9) -> None:
    """Sums over blocks of 1,024 rows lose up to three digits of sixteen against sums over a window."""
    np.testing.assert_allclose(got, want, rtol=rtol, atol=atol)


def test_running_sums_agree_with_talib() -> None:
    high, low, close, volume = prices(usual())
    # TA-Lib begins on-balance volume with the first volume, Argus with nothing.
    want = talib.OBV(close, volume) - volume[0]
    np.testing.assert_array_equal(values_of("obv", usual())[1:], want[1:])
    check(values_of("ad_line", usual()), talib.AD(high, low, close, volume))


def test_money_flow_agrees_with_talib() -> None:
    high, low, close, volume = prices(usual())
    check(values_of("mfi", usual(), n=14), talib.MFI(high, low, close, volume, 14))
    check(values_of("mfi", usual(), n=60), talib.MFI(high, low, close, volume, 60))


def test_money_flow_tells_rises_from_falls_below_a_price_of_zero() -> None:
    close = np.arange(-60.0, 60.0)
    columns = {"high": close + 0.25, "low": close - 0.25, "close": close, "volume": np.full(120, 7.0)}
    np.testing.assert_array_equal(values_of("mfi", columns, n=5)[5:], 100.0)
    falling = {**columns, **{name: -columns[other] for name, other in (("high", "low"), ("low", "high"))}}
    falling["close"] = -close
    np.testing.assert_array_equal(values_of("mfi", falling, n=5)[5:], 0.0)


def test_there_is_no_share_of_a_price_that_is_not_above_zero() -> None:
    columns = market(36, 400)
    for name in ("open", "high", "low", "close"):
        columns[name] = columns[name] - columns["close"][200]
    for average in ("vwap", "session_vwap"):
        level, got = values_of(average, columns), values_of(f"{average}_distance", columns)
        assert 20 < (level > 0.0).sum() < 380
        np.testing.assert_array_equal(np.isfinite(got), level > 0.0)
    np.testing.assert_array_equal(np.isfinite(values_of("natr", columns, n=14))[14:], columns["close"][14:] > 0.0)


def test_chaikin_oscillator_agrees_with_talib_once_beginnings_are_forgotten() -> None:
    high, low, close, volume = prices(usual())
    got, want = values_of("chaikin_oscillator", usual()), talib.ADOSC(high, low, close, volume, 3, 10)
    # The first value weighs (9 / 11)^t of the whole: below 1e-17 after 200 rows.
    check(got[200:], want[200:], rtol=1e-8, atol=1e-6)
    assert np.abs(got[9:40] - want[9:40]).max() > 1.0


@pytest.mark.parametrize("kind", ["usual", "gaps", "nothing traded", "huge"])
@pytest.mark.parametrize("n", [5, 40])
def test_windows_agree_with_their_formulas(kind: str, n: int) -> None:
    columns = usual(fractional=True)
    if kind != "usual":
        columns = {"gaps": with_gaps, "nothing traded": without_volume, "huge": with_huge_prices}[kind](columns)
    _, _, close, volume = prices(columns)
    s = side(close)
    growth = np.concatenate(([np.nan], close[1:] / close[:-1] - 1.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        moved = sums(np.where(s == 0.0, 0.0, np.abs(s * volume)), n)
        ups = sums(np.where(s > 0.0, volume, 0.0 * s * volume), n)
        wanted = {
            "obv_share": sums(s * volume, n) / sums(volume + 0.0 * s, n),
            "up_volume_share": ups / moved,
            "cmf": sums(location(columns) * volume, n) / sums(volume, n),
            "volume_weighted_return": sums(growth * volume, n) / sums(volume, n),
            "vwap": sums(typical(columns) * volume, n) / sums(volume, n),
            "volume_ratio": volume / (sums(volume, n) / n),
        }
    for name, want in wanted.items():
        want = np.where(np.isinf(want), np.nan, want)
        check(values_of(name, columns, n=n), want, rtol=1e-8, atol=1e-8)
        assert np.isfinite(want).sum() > 300, name


@pytest.mark.parametrize("n", [5, 60])
def test_distances_from_the_average_price_agree_with_their_formulas(n: int) -> None:
    columns = usual(fractional=True)
    p, volume, close = windows(typical(columns), n), windows(columns["volume"], n), columns["close"]
    average = (p * volume).sum(axis=1) / volume.sum(axis=1)
    spread = np.sqrt((volume * (p - average[:, None]) ** 2).sum(axis=1) / volume.sum(axis=1))
    check(values_of("vwap_distance", columns, n=n), close / average - 1.0, atol=1e-13)
    check(values_of("vwap_z", columns, n=n), (close - average) / spread, rtol=1e-7)


def test_correlations_agree_with_numpy() -> None:
    columns, n = usual(700), 30
    high, low, close, volume = prices(columns)
    change = np.concatenate(([np.nan], np.diff(np.log(close))))
    got, ranges = (
        values_of("volume_return_correlation", columns, n=n),
        values_of("volume_range_correlation", columns, n=n),
    )
    true_range = talib.TRANGE(high, low, close)
    for t in (30, 100, 699):
        rows = slice(t - n + 1, t + 1)
        np.testing.assert_allclose(got[t], np.corrcoef(change[rows], volume[rows])[0, 1], atol=1e-9)
        np.testing.assert_allclose(ranges[t], np.corrcoef(true_range[rows], volume[rows])[0, 1], atol=1e-9)


def test_smoothed_volume_agrees_with_its_formulas() -> None:
    columns = with_gaps(usual())
    high, low, close, volume = prices(columns)
    s = side(close)
    before = np.concatenate(([np.nan], close[:-1]))
    middle = (high + low) / 2.0
    moves = (middle - np.concatenate(([np.nan], middle[:-1]))) * (high - low) / volume
    trend = running((close / before - 1.0) * volume)
    check(values_of("vzo", columns, n=14), 100.0 * ema(s * volume, 14) / ema(volume + 0.0 * s, 14))
    check(values_of("force_index", columns, n=13), ema((close - before) * volume, 13), atol=1e-6)
    check(values_of("ease_of_movement", columns, n=14), windows(moves, 14).mean(axis=1), rtol=1e-8, atol=1e-12)
    check(values_of("price_volume_trend", columns), trend, atol=1e-8)
    check(values_of("pvo", columns, fast=5, slow=9), 100.0 * (ema(volume, 5) / ema(volume, 9) - 1.0))
    check(values_of("turnover", columns, n=9), windows(close * volume, 9).mean(axis=1))


def test_volume_indices_agree_with_their_recursion() -> None:
    columns = with_gaps(usual(800))
    close, volume = columns["close"], columns["volume"]
    down = up = 1_000.0
    want = np.full((2, len(close)), np.nan)
    for t in range(len(close)):
        if t and not np.isnan(close[t] / close[t - 1]):
            down *= close[t] / close[t - 1] if volume[t] < volume[t - 1] else 1.0
            up *= close[t] / close[t - 1] if volume[t] > volume[t - 1] else 1.0
        if not np.isnan(close[t] + volume[t]):
            want[:, t] = down, up
    check(values_of("nvi", columns), want[0])
    check(values_of("pvi", columns), want[1])
    check(values_of("nvi_distance", columns, n=50), want[0] / ema(want[0], 50) - 1.0, atol=1e-12)


def test_the_session_average_begins_anew_with_every_session() -> None:
    columns = with_gaps(usual())
    p, volume, close = typical(columns), columns["volume"], columns["close"]
    want = np.full((4, len(p)), np.nan)
    for t in range(len(p)):
        if np.isnan(p[t] + volume[t]):
            continue
        rows = np.flatnonzero((columns["session"] == columns["session"][t]) & ~np.isnan(p + volume))
        rows = rows[rows <= t]
        total = volume[rows].sum()
        average = (p[rows] * volume[rows]).sum() / total
        spread = np.sqrt((volume[rows] * (p[rows] - average) ** 2).sum() / total)
        want[:, t] = (
            total,
            average,
            close[t] / average - 1.0,
            (close[t] - average) / spread if spread > 1e-9 else np.nan,
        )
    for name, row in zip(("session_volume", "session_vwap", "session_vwap_distance"), want[:3], strict=True):
        check(values_of(name, columns), row, atol=1e-12)
    got = values_of("session_vwap_z", columns)
    # The spread about the first price loses digits where the session has moved away from it.
    check(got, want[3], rtol=1e-6, atol=1e-6)


def profile(x: F64_1D, volume: F64_1D, width: float, share: float) -> tuple[float, float, float]:
    """Point of control and value area of bars, as declared."""
    bins: dict[int, float] = {}
    for price, traded in zip(x, volume, strict=True):
        k = int(np.floor(np.log(price) / width))
        bins[k] = bins.get(k, 0.0) + traded
    peak = min(k for k in bins if bins[k] == max(bins.values()))
    first = last = peak
    while sum(bins.get(k, 0.0) for k in range(first, last + 1)) < share * sum(bins.values()):
        under = bins.get(first - 1, 0.0) if first > min(bins) else -1.0
        over = bins.get(last + 1, 0.0) if last < max(bins) else -1.0
        if max(under, over) < 0.0:
            break
        first, last = (first - 1, last) if under >= over else (first, last + 1)
    return (peak + 0.5) * width, first * width, (last + 1) * width


PROFILE = ("poc_distance", "value_area_low_distance", "value_area_high_distance")


@pytest.mark.parametrize(("bin_width", "share"), [(5.0, 0.7), (1.0, 0.4), (40.0, 0.7), (5.0, 1.0)])
def test_the_session_profile_agrees_with_its_definition(bin_width: float, share: float) -> None:
    columns = with_gaps(market(32, 900))
    p, volume = typical(columns), columns["volume"]
    got = np.array([values_of(name, columns, bin=bin_width, share=share) for name in PROFILE])
    for t in range(0, 900, 7):
        if np.isnan(p[t] + volume[t]):
            assert np.isnan(got[:, t]).all()
            continue
        rows = np.flatnonzero((columns["session"] == columns["session"][t]) & ~np.isnan(p + volume))
        rows = rows[rows <= t]
        want = np.log(columns["close"][t]) - np.array(profile(p[rows], volume[rows], bin_width / 1e4, share))
        np.testing.assert_allclose(got[:, t], want, atol=1e-12)


@pytest.mark.parametrize("volumes", ["few", "fractional"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_value_area_that_is_kept_is_the_one_that_the_search_finds(volumes: str, share: float) -> None:
    """A row fed alone searches anew; equal bins, and sums that just reach the share, are where the two could part."""
    columns = with_gaps(market(38, 1_200))
    columns["volume"] = np.floor(columns["volume"] % 4.0) if volumes == "few" else columns["volume"] / 7.0
    for name in PROFILE:
        kept = values_of(name, columns, bin=2.0, share=share)
        searched = values_of(name, columns, piece=1, bin=2.0, share=share)
        np.testing.assert_array_equal(kept, searched, err_msg=name)


@pytest.mark.parametrize("n", [3, 120])
def test_the_rolling_profile_agrees_with_its_definition(n: int) -> None:
    columns = market(33, 700)
    columns["close"][200] = np.nan
    columns["volume"][300:310] = np.nan
    p, volume = typical(columns), np.nan_to_num(columns["volume"])
    got = np.array([values_of(f"rolling_{name}", columns, n=n) for name in PROFILE])
    assert np.isnan(got[:, 200 : 200 + n]).all()
    for t in [n - 1, 150, 260, 308, 399, 640, 699]:
        rows = slice(t - n + 1, t + 1)
        if np.isnan(p[rows]).any() or volume[rows].sum() == 0.0:
            assert np.isnan(got[:, t]).all()
            continue
        want = np.log(columns["close"][t]) - np.array(profile(p[rows], volume[rows], 5e-4, 0.7))
        np.testing.assert_allclose(got[:, t], want, atol=1e-12)


def test_prices_too_far_apart_have_no_profile_and_leave_none_behind() -> None:
    columns = market(34, 800)
    columns["close"][250] = columns["high"][250] = 40_000.0
    session, window = values_of("poc_distance", columns), values_of("rolling_poc_distance", columns, n=50)
    assert np.isnan(session[250:400]).all()
    assert np.isfinite(session[400:]).all()
    assert np.isnan(window[250:300]).all()
    clean = values_of("rolling_poc_distance", {name: column[300:] for name, column in columns.items()}, n=50)
    np.testing.assert_array_equal(window[349:], clean[49:])


def test_bars_without_volume_do_not_widen_a_profile() -> None:
    columns = market(37, 400)
    far = {name: column.copy() for name, column in columns.items()}
    for row, price in ((130, 3_000.0), (140, 5_000.0), (150, 400_000.0)):
        for name in ("high", "low", "close"):
            columns[name][row] = columns["close"][row - 1]
            far[name][row] = price
        columns["volume"][row] = far["volume"][row] = 0.0
    others = np.setdiff1d(np.arange(400), (130, 140, 150))
    for name in PROFILE:
        for which, window in ((name, {}), (f"rolling_{name}", {"n": 60})):
            got, want = values_of(which, far, share=1.0, **window), values_of(which, columns, share=1.0, **window)
            assert np.isfinite(want[60:]).all()
            np.testing.assert_allclose(got[others], want[others], atol=1e-12, err_msg=which)
            assert np.isfinite(got[[130, 140, 150]]).all()


def test_relative_volume_knows_only_earlier_sessions() -> None:
    columns = market(35, 3_000)
    n, per_session, minutes = len(columns["close"]), 200, 5
    volume = columns["volume"]
    volume[777] = np.nan
    got = values_of("relative_volume", columns, minutes=minutes, sessions=8)
    slot = (np.arange(n) % per_session) // minutes
    session = np.arange(n) // per_session
    assert np.isnan(got[: 5 * per_session]).all()
    for t in range(5 * per_session, n, 37):
        usual_volume = 0.0
        for k in range(session[t]):
            mean = np.nanmean(volume[(session == k) & (slot == slot[t])])
            usual_volume += (mean - usual_volume) / min(k + 1, 8)
        np.testing.assert_allclose(got[t], volume[t] / usual_volume, rtol=1e-12)


@given(st.integers(0, 1_000), st.integers(1, 40))
def test_volume_bounds_and_mirror(seed: int, n: int) -> None:
    columns = market(seed, 120)
    share, vwap = values_of("obv_share", columns, n=n), values_of("vwap", columns, n=n)
    p = windows(typical(columns), n)
    known = np.isfinite(vwap)
    assert (vwap[known] >= p.min(axis=1)[known] * (1.0 - 1e-12)).all()
    assert (vwap[known] <= p.max(axis=1)[known] * (1.0 + 1e-12)).all()
    mirrored = dict(columns)
    for name, other in (("open", "open"), ("high", "low"), ("low", "high"), ("close", "close")):
        mirrored[name] = 10_000.0 - columns[other]
    np.testing.assert_array_equal(values_of("obv_share", mirrored, n=n), 0.0 - share)
    np.testing.assert_allclose(values_of("cmf", mirrored, n=n), -values_of("cmf", columns, n=n), atol=1e-12)
    np.testing.assert_allclose(values_of("clv", mirrored), -values_of("clv", columns), atol=1e-12)


def test_columns_of_the_set_are_of_this_family_and_differ() -> None:
    assert len(COLUMNS) == 25
    assert len({one.alias for one in COLUMNS}) == 25
    for one in COLUMNS:
        assert feature(one.feature).family == "volume"
        feature(one.feature).values(one.parameters)
