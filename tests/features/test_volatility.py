from __future__ import annotations

import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from argus.core.arrays import F64_1D
from argus.core.errors import ConfigError
from argus.features import feature
from argus.features.families.volatility import COLUMNS
from tests.features.market import Market, market, with_gaps
from tests.features.single import values_of

COLUMNS_OF_BARS = ("open", "high", "low", "close")


def usual(n: int = 1_500) -> Market:
    return market(21, n, tick=0.05)


def windows(x: F64_1D, n: int) -> F64_1D:
    """The last n values of every row; rows before the n-th hold missing values."""
    return sliding_window_view(np.concatenate((np.full(n - 1, np.nan), x)), n)


def returns(columns: Market) -> F64_1D:
    close = columns["close"]
    return np.concatenate(([np.nan], np.log1p(np.diff(close) / close[:-1])))


def logs(columns: Market) -> tuple[F64_1D, F64_1D, F64_1D]:
    opened, high, low, close = (columns[name] for name in COLUMNS_OF_BARS)
    return tuple(np.log1p((price - opened) / opened) for price in (high, low, close))  # type: ignore[return-value]


@pytest.mark.parametrize("missing", [False, True])
def test_ranges_agree_with_talib(missing: bool) -> None:
    columns = usual()
    high, low, close = columns["high"], columns["low"], columns["close"]
    # Wilder's recursion in another order of operations: rounding only.
    np.testing.assert_allclose(values_of("true_range", columns), talib.TRANGE(high, low, close), rtol=1e-12)
    np.testing.assert_allclose(values_of("atr", columns, n=14), talib.ATR(high, low, close, 14), rtol=1e-12)
    np.testing.assert_allclose(values_of("natr", columns, n=14), talib.NATR(high, low, close, 14), rtol=1e-12)
    before = np.concatenate(([np.nan], talib.ATR(high, low, close, 5)[:-1]))
    np.testing.assert_allclose(values_of("range_over_atr", columns, n=5), (high - low) / before, rtol=1e-12)
    if missing:
        columns = with_gaps(columns)
        known = np.isfinite(values_of("atr", columns, n=14))
        np.testing.assert_array_equal(known[30:], np.isfinite(values_of("true_range", columns))[30:])


@pytest.mark.parametrize("n", [5, 60])
@pytest.mark.parametrize("year", [1.0, 252.0])
@pytest.mark.parametrize("missing", [False, True])
def test_volatilities_agree_with_their_formulas(n: int, year: float, missing: bool) -> None:
    columns = with_gaps(usual()) if missing else usual()
    r, (h, low, c) = returns(columns), logs(columns)
    body = h * (h - c) + low * (low - c)
    last = np.concatenate(([np.nan], columns["close"][:-1]))
    gap = np.log1p((columns["open"] - last) / last)
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    yang_zhang = windows(gap, n).var(axis=1, ddof=1) + k * windows(c, n).var(axis=1, ddof=1)
    neighbours = np.abs(r) * np.concatenate(([np.nan], np.abs(r[:-1])))
    variances = {
        "close_to_close_vol": windows(r, n).var(axis=1, ddof=1),
        "realized_vol": windows(r * r, n).mean(axis=1),
        "upside_vol": windows(np.maximum(r, 0.0) ** 2, n).mean(axis=1),
        "downside_vol": windows(np.minimum(r, 0.0) ** 2, n).mean(axis=1),
        "bipower_vol": np.pi / 2.0 * windows(neighbours, n - 1).sum(axis=1) / (n - 1),
        "parkinson_vol": windows((h - low) ** 2, n).mean(axis=1) / (4.0 * np.log(2.0)),
        "garman_klass_vol": windows(0.5 * (h - low) ** 2 - (2.0 * np.log(2.0) - 1.0) * c * c, n).mean(axis=1),
        "rogers_satchell_vol": windows(body, n).mean(axis=1),
        "yang_zhang_vol": yang_zhang + (1.0 - k) * windows(body, n).mean(axis=1),
        "gap_vol": windows(gap, n).var(axis=1, ddof=1),
    }
    for name, variance in variances.items():
        got = values_of(name, columns, n=n, bars_per_year=year)
        # Sums of a block of 1,024 rows lose up to three digits of sixteen against those of a window, a root gains some.
        np.testing.assert_allclose(got, np.sqrt(year * variance), rtol=1e-9, atol=1e-13, err_msg=name)
        assert np.isfinite(got).sum() > 600


def test_shares_and_ratios_agree_with_their_formulas() -> None:
    columns = usual()
    r, n = returns(columns), 30
    squares = windows(r * r, n).sum(axis=1)
    neighbours = np.abs(r) * np.concatenate(([np.nan], np.abs(r[:-1])))
    bipower = np.pi / 2.0 * n / (n - 1) * windows(neighbours, n - 1).sum(axis=1)
    jump = values_of("jump_share", columns, n=n)
    np.testing.assert_allclose(jump, np.clip(1.0 - bipower / squares, 0.0, 1.0), rtol=1e-8, atol=1e-12)
    assert 0 < (jump == 0.0).sum() < 1_400
    up = values_of("upside_variance_share", columns, n=n)
    np.testing.assert_allclose(up, windows(np.maximum(r, 0.0) ** 2, n).sum(axis=1) / squares, rtol=1e-9, atol=1e-13)
    fast, slow = windows(r, 10).std(axis=1, ddof=1), windows(r, 50).std(axis=1, ddof=1)
    np.testing.assert_allclose(values_of("vol_ratio", columns, fast=10, slow=50), fast / slow, rtol=1e-9)
    over = windows(fast, 40)
    got = values_of("vol_of_vol", columns, n=10, over=40)
    np.testing.assert_allclose(got, over.std(axis=1, ddof=1) / over.mean(axis=1), rtol=1e-8)
    ranges = windows(talib.TRANGE(columns["high"], columns["low"], columns["close"]), n)
    got = values_of("range_variation", columns, n=n)
    np.testing.assert_allclose(got, ranges.std(axis=1, ddof=1) / ranges.mean(axis=1), rtol=1e-9)


def test_rank_and_label_agree_with_their_formulas() -> None:
    columns = usual(600)
    vol = windows(returns(columns), 10).std(axis=1, ddof=1)
    past = windows(vol, 50)
    below, equal = (past < vol[:, None]).sum(axis=1), (past == vol[:, None]).sum(axis=1)
    rank = np.where(np.isnan(past).any(axis=1), np.nan, (below + 0.5 * (equal - 1)) / 49)
    got = values_of("vol_percentile", columns, n=10, past=50)
    # Two volatilities that are equal but for rounding may change places in either way of computing.
    assert (np.abs(got - rank)[60:] < 1e-12).mean() > 0.99
    np.testing.assert_allclose(got, rank, atol=1.01 / 49)
    label = values_of("vol_regime", columns, n=10, past=50, calm=0.25, wild=0.75)
    want = np.where(np.isnan(got), np.nan, (got >= 0.25).astype(float) + (got > 0.75))
    np.testing.assert_array_equal(label, want)
    assert set(label[60:]) == {0.0, 1.0, 2.0}


@pytest.mark.parametrize("missing", [False, True])
def test_garch_agrees_with_its_recursion(missing: bool) -> None:
    columns = with_gaps(usual()) if missing else usual()
    squares = returns(columns) ** 2
    decay, span, alpha, beta = 1.0 - 2.0 / 51.0, 50, 0.08, 0.9
    want = np.full(len(squares), np.nan)
    weight = total = 0.0
    seen, variance = 0, np.nan
    for t, square in enumerate(squares):
        if np.isnan(square):
            continue
        weight, total, seen = decay * weight + 1.0, decay * total + square, seen + 1
        if seen >= span:
            target = total / weight
            news = (1.0 - alpha - beta) * target + alpha * square
            variance = target if np.isnan(variance) else news + beta * variance
            want[t] = np.sqrt(260.0 * variance)
    got = values_of("garch_vol", columns, alpha=0.08, persistence=0.98, span=50, bars_per_year=260.0)
    np.testing.assert_allclose(got, want, rtol=1e-11)


def test_parameters_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"alpha 0\.5 is above persistence 0\.2"):
        feature("garch_vol").term({"alpha": 0.5, "persistence": 0.2})
    with pytest.raises(ConfigError, match=r"calm 0\.9 is above wild 0\.1"):
        feature("vol_regime").term({"calm": 0.9, "wild": 0.1})


def test_a_jump_is_seen_by_its_share_only_while_in_the_window() -> None:
    random = np.random.default_rng(3)
    columns = usual(400)
    path = np.cumsum(random.standard_normal(400) * 1e-3)
    path[200:] += 0.05
    for name in COLUMNS_OF_BARS:
        columns[name] = 4_000.0 * np.exp(path)
    jump = values_of("jump_share", columns, n=60)
    assert (jump[202:259] > 0.85).all()
    assert jump[260:].max() < 0.4
    # One bar's open is its close here: nothing happens inside a bar.
    for name in ("parkinson_vol", "garman_klass_vol", "rogers_satchell_vol"):
        assert (values_of(name, columns, n=20)[20:] == 0.0).all()


def test_estimators_find_the_volatility_of_a_random_walk() -> None:
    random = np.random.default_rng(4)
    steps = random.standard_normal((20_000, 400)) * (0.01 / 20.0)
    inside = np.cumsum(steps, axis=1)
    start = np.concatenate(([0.0], np.cumsum(inside[:, -1])[:-1]))
    path = 100.0 * np.exp(start[:, None] + inside)
    opened = 100.0 * np.exp(start)
    columns = {
        "open": opened,
        "high": np.maximum(opened, path.max(axis=1)),
        "low": np.minimum(opened, path.min(axis=1)),
        "close": path[:, -1],
    }
    # 400 steps miss the extremes between them, so ranges fall short by about 0.6 / sqrt(400) of sigma at either end.
    for name, slack in (
        ("close_to_close_vol", 0.02), ("realized_vol", 0.02), ("parkinson_vol", 0.06), ("garman_klass_vol", 0.08),
        ("rogers_satchell_vol", 0.08), ("yang_zhang_vol", 0.08), ("bipower_vol", 0.03),
    ):  # fmt: skip
        got = values_of(name, columns, n=5_000)[-1]
        assert abs(got / 0.01 - 1.0) < slack, name


@given(st.integers(0, 1_000), st.integers(2, 40))
def test_volatility_bounds(seed: int, n: int) -> None:
    columns = market(seed, 120)
    two_sided = values_of("realized_vol", columns, n=n) ** 2
    sides = values_of("upside_vol", columns, n=n) ** 2 + values_of("downside_vol", columns, n=n) ** 2
    np.testing.assert_allclose(sides, two_sided, rtol=1e-10)
    share = values_of("jump_share", columns, n=n)
    np.testing.assert_array_equal(np.isnan(share[n:]), two_sided[n:] == 0.0)
    assert ((share >= 0.0) & (share <= 1.0))[n:][two_sided[n:] > 0.0].all()
    # A mean taken off cannot make the scatter larger.
    close = values_of("close_to_close_vol", columns, n=n) ** 2 * (n - 1) / n
    assert (close[n:] <= two_sided[n:] * (1.0 + 1e-9)).all()
    assert (values_of("atr", columns, n=n)[n:] > 0.0).all()


def test_columns_of_the_set_are_of_this_family_and_differ() -> None:
    assert len(COLUMNS) == 25
    assert len({one.alias for one in COLUMNS}) == 25
    for one in COLUMNS:
        assert feature(one.feature).family == "volatility"
        feature(one.feature).values(one.parameters)
