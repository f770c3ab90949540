from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from argus.core.arrays import F64_1D
from tests.features.physics_oracles import over_windows, smooth_market, value_of

COLUMNS = smooth_market(31, 600)
CLOSE, HIGH, LOW, VOLUME = (COLUMNS[name] for name in ("close", "high", "low", "volume"))
R = np.concatenate(([np.nan], np.diff(np.log(CLOSE))))
M, N = 25, 40


def buy_share() -> F64_1D:
    change = np.concatenate(([np.nan], np.diff(CLOSE)))
    deviation = over_windows(change, M, lambda window: float(window.std(ddof=1)))
    return np.asarray(stats.norm.cdf(change / deviation))


def rolling(*columns: F64_1D) -> tuple[F64_1D, ...]:
    """Every window of `N` values of each column, as rows; windows with a missing value stay."""
    return tuple(np.lib.stride_tricks.sliding_window_view(column, N) for column in columns)


def test_bulk_volume_classification_agrees_with_its_formula() -> None:
    np.testing.assert_allclose(value_of("bulk_buy_share", COLUMNS, m=M), buy_share(), rtol=1e-9)
    signed = VOLUME * (2.0 * buy_share() - 1.0)
    s, v, r = rolling(signed, VOLUME, R)
    got = value_of("order_imbalance", COLUMNS, n=N, m=M)[N - 1 :]
    np.testing.assert_allclose(got, s.sum(axis=1) / v.sum(axis=1), rtol=1e-9, atol=1e-12)
    got = value_of("vpin", COLUMNS, n=N, m=M)[N - 1 :]
    np.testing.assert_allclose(got, np.abs(s).sum(axis=1) / v.sum(axis=1), rtol=1e-9)
    want = [stats.linregress(a, b).slope if np.isfinite(a).all() else np.nan for a, b in zip(s, r, strict=True)]
    np.testing.assert_allclose(value_of("kyle_lambda", COLUMNS, n=N, m=M)[N - 1 :], want, rtol=1e-8)


def test_illiquidity_and_bounce_agree_with_their_formulas() -> None:
    want = over_windows(np.abs(R) / (CLOSE * VOLUME), N, lambda window: float(window.mean()))
    np.testing.assert_allclose(value_of("amihud", COLUMNS, n=N), want, rtol=1e-9)
    now, before = rolling(R, np.concatenate(([np.nan], R[:-1])))
    c = ((now - now.mean(axis=1, keepdims=True)) * (before - before.mean(axis=1, keepdims=True))).mean(axis=1)
    want = 2.0 * np.sqrt(np.maximum(0.0, -c))
    np.testing.assert_allclose(
        value_of("roll_spread", COLUMNS, n=N)[N - 1 :], np.where(np.isnan(c), np.nan, want), rtol=1e-7
    )


def corwin_schultz(t: int) -> float:
    gap = max(0.0, LOW[t] - CLOSE[t - 1]) + min(0.0, HIGH[t] - CLOSE[t - 1])
    high, low = HIGH[t] - gap, LOW[t] - gap
    beta = math.log(high / low) ** 2 + math.log(HIGH[t - 1] / LOW[t - 1]) ** 2
    gamma = math.log(max(high, HIGH[t - 1]) / min(low, LOW[t - 1])) ** 2
    k = 3.0 - 2.0 * math.sqrt(2.0)
    alpha = max(0.0, (math.sqrt(2.0 * beta) - math.sqrt(beta)) / k - math.sqrt(gamma / k))
    return 2.0 * (math.exp(alpha) - 1.0) / (1.0 + math.exp(alpha))


def test_spreads_from_highs_and_lows_agree_with_their_formulas() -> None:
    one = np.array([np.nan] + [corwin_schultz(t) for t in range(1, len(CLOSE))])
    want = over_windows(one, N, lambda window: float(window.mean()))
    np.testing.assert_allclose(value_of("corwin_schultz_spread", COLUMNS, n=N), want, rtol=1e-7, atol=1e-12)
    c, e = np.log(CLOSE), (np.log(HIGH) + np.log(LOW)) / 2.0
    product = np.concatenate(([np.nan], (c[:-1] - e[:-1]) * (c[:-1] - e[1:])))
    want = over_windows(product, N, lambda window: 2.0 * math.sqrt(max(0.0, window.mean())))
    np.testing.assert_allclose(value_of("abdi_ranaldo_spread", COLUMNS, n=N), want, rtol=1e-6, atol=1e-9)


def test_a_known_spread_is_found() -> None:
    """Trades at random on one side or the other of a price that walks, many to a bar."""
    random = np.random.default_rng(4)
    spread, bars, trades = 0.01, 4_000, 60
    middle = np.cumsum(random.standard_normal(bars * trades) * 0.0008)
    traded = np.exp(middle + random.choice([-0.5, 0.5], bars * trades) * spread).reshape(bars, trades)
    columns = {"close": traded[:, -1], "high": traded.max(axis=1), "low": traded.min(axis=1)}
    assert value_of("roll_spread", columns, n=3_990)[-1] == pytest.approx(spread, rel=0.1)
    assert value_of("abdi_ranaldo_spread", columns, n=3_990)[-1] == pytest.approx(spread, rel=0.1)
    # Two-bar spreads that are negative count as 0, which the paper's simulations also see as a small bias upwards.
    assert value_of("corwin_schultz_spread", columns, n=3_990)[-1] == pytest.approx(spread, rel=0.3)


def test_one_sided_trading_reads_as_such() -> None:
    random = np.random.default_rng(6)
    walk = np.cumsum(np.abs(random.standard_normal(400)) * 0.5 + 0.2) + 100.0
    columns = {"close": walk, "volume": np.full(400, 10.0)}
    assert value_of("order_imbalance", columns, n=50, m=50)[-1] > 0.5
    falling = {"close": 400.0 - walk, "volume": np.full(400, 10.0)}
    up, down = value_of("order_imbalance", columns, n=50, m=50), value_of("order_imbalance", falling, n=50, m=50)
    np.testing.assert_allclose(up, -down, rtol=1e-7)
    np.testing.assert_allclose(value_of("vpin", columns, n=50, m=50), value_of("vpin", falling, n=50, m=50), rtol=1e-7)
