from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from argus.core.arrays import F64_1D
from argus.features.graph import Input, node
from argus.features.runner import Runner
from tests.features.physics_oracles import of_windows, over_windows, series_of, smooth_market, value_of

COLUMNS = smooth_market()
SERIES = ("return", "range", "volume", "close")

# Sums of fourth powers lose some digits against the two passes of SciPy; the declared repair keeps ten.
MOMENTS = {"rtol": 1e-8, "atol": 1e-8}


@pytest.mark.parametrize("of", SERIES)
@pytest.mark.parametrize("n", [8, 60, 400])
def test_moments_agree_with_scipy(of: str, n: int) -> None:
    x = series_of(COLUMNS, of)
    skew, kurtosis = of_windows(x, n, stats.skew, bias=False), of_windows(x, n, stats.kurtosis, bias=False)
    np.testing.assert_allclose(value_of("skew", COLUMNS, of=of, n=n), skew, **MOMENTS)
    np.testing.assert_allclose(value_of("kurtosis", COLUMNS, of=of, n=n), kurtosis, **MOMENTS)
    bimodal = (skew**2 + 1.0) / (kurtosis + 3.0 * (n - 1) ** 2 / ((n - 2) * (n - 3)))
    np.testing.assert_allclose(value_of("bimodality", COLUMNS, of=of, n=n), bimodal, **MOMENTS)


def test_moments_survive_a_jump_and_its_end() -> None:
    columns = dict(COLUMNS)
    columns["close"] = COLUMNS["close"].copy()
    columns["close"][700] *= 1e9
    x = series_of(columns, "return")
    for name, oracle in (("skew", stats.skew), ("kurtosis", stats.kurtosis)):
        want = of_windows(x, 50, oracle, bias=False)
        np.testing.assert_allclose(value_of(name, columns, n=50), want, **MOMENTS)


@pytest.mark.parametrize("n", [5, 60, 121])
def test_quantiles_agree_with_numpy(n: int) -> None:
    for of in SERIES:
        x = series_of(COLUMNS, of)

        def q(p: float, x: F64_1D = x) -> F64_1D:
            return of_windows(x, n, np.quantile, q=p)

        for tail in (0.01, 0.25):
            low, middle, high = q(tail), q(0.5), q(1.0 - tail)
            got = value_of("quantile_spread", COLUMNS, of=of, n=n, tail=str(tail))
            np.testing.assert_allclose(got[n::9], (high - low)[n::9], rtol=1e-9, atol=1e-14)
            got = value_of("quantile_skew", COLUMNS, of=of, n=n, tail=str(tail))
            want = (high + low - 2.0 * middle) / (high - low)
            np.testing.assert_allclose(got[n::9], want[n::9], rtol=1e-7, atol=1e-9)
        octile = [q(k / 8.0) for k in range(8)]
        want = (octile[7] - octile[5] + octile[3] - octile[1]) / (octile[6] - octile[2])
        np.testing.assert_allclose(value_of("quantile_kurtosis", COLUMNS, of=of, n=n)[n::9], want[n::9], rtol=1e-7)


def hill(sizes: F64_1D, k: int) -> float:
    largest = np.sort(sizes)[::-1]
    return math.nan if largest[k] <= 0.0 else k / float(np.log(largest[:k] / largest[k]).sum())


@pytest.mark.parametrize(("tail", "side"), [("both", 0.0), ("right", 1.0), ("left", -1.0)])
@pytest.mark.parametrize(("n", "share", "k"), [(120, 0.1, 12), (40, 0.33, 13), (20, 0.05, 2)])
def test_tail_index_agrees_with_hills_formula(tail: str, side: float, n: int, share: float, k: int) -> None:
    x = series_of(COLUMNS, "return")
    want = over_windows(np.abs(x) if side == 0.0 else side * x, n, lambda sizes: hill(sizes, k))
    got = value_of("tail_index", COLUMNS, n=n, tail=tail, share=share)
    np.testing.assert_allclose(got, want, rtol=1e-9)


@pytest.mark.parametrize(("n", "k"), [(20, 2), (30, 9), (21, 9)])
@pytest.mark.parametrize("piece", [1, 37])
def test_the_largest_are_known_through_ties_gaps_and_trends(n: int, k: int, piece: int) -> None:
    random = np.random.default_rng(n)
    x = random.integers(-3, 4, 1_200).astype(float)
    x[300:600] -= np.arange(300.0) // 4
    x[600:900] += np.arange(300.0) // 4
    x[random.integers(0, 1_200, 12)] = np.nan
    x[random.integers(0, 1_200, 60)] = -745.0

    def formula(window: F64_1D) -> float:
        largest = np.sort(window)[::-1]
        total = float((largest[:k] - largest[k]).sum())
        return k / total if largest[k] > -745.0 and total > 0.0 else math.nan

    runner = Runner([node("morphology.hill", Input("close"), args=(n, k))], piece)
    got = np.empty((1, len(x)))
    for first in range(0, len(x), piece):
        runner.feed([x[first : first + piece]], got, first)
    np.testing.assert_allclose(got[0], over_windows(x, n, formula), rtol=1e-12)


def test_tail_index_of_a_pareto_tail_is_its_exponent() -> None:
    random = np.random.default_rng(3)
    moves = (random.pareto(3.0, 10_000) + 1.0) * 1e-4 * random.choice([-1.0, 1.0], 10_000)
    columns = {"close": 100.0 * np.exp(np.cumsum(moves))}
    # The estimate from k values scatters by exponent / sqrt(k), here 0.095.
    assert abs(value_of("tail_index", columns, n=10_000 - 1, share=0.1)[-1] - 3.0) < 0.4


def l_ratio(window: F64_1D, order: int) -> float:
    x, n = np.sort(window), len(window)
    b = [sum(math.comb(j, r) / math.comb(n - 1, r) * x[j] for j in range(n)) / n for r in range(4)]
    moments = {2: 2 * b[1] - b[0], 3: 6 * b[2] - 6 * b[1] + b[0], 4: 20 * b[3] - 30 * b[2] + 12 * b[1] - b[0]}
    return float(moments[order] / moments[2])


@pytest.mark.parametrize("n", [5, 24, 61])
def test_l_ratios_agree_with_probability_weighted_moments(n: int) -> None:
    rows = range(n, 1_300, 7)
    for of in ("return", "range"):
        x = series_of(COLUMNS, of)
        for name, order in (("l_skew", 3), ("l_kurtosis", 4)):
            want = over_windows(x, n, lambda window, order=order: l_ratio(window, order), rows)
            got = np.where(np.isnan(want), np.nan, value_of(name, COLUMNS, of=of, n=n))
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)


def test_a_normal_distribution_has_its_known_shape() -> None:
    # Quantiles of the normal distribution in order stand for a sample; the last row sees them all.
    x = stats.norm.ppf((np.arange(4_000) + 0.5) / 4_000) * 1e-3
    columns = {"close": 100.0 * np.exp(np.concatenate(([0.0], np.cumsum(np.random.default_rng(1).permutation(x)))))}
    for name, want, slack in (
        ("skew", 0.0, 1e-6),
        ("kurtosis", 0.0, 0.02),
        ("quantile_kurtosis", 1.233, 2e-3),
        ("l_kurtosis", 0.1226, 1e-3),
        ("l_skew", 0.0, 1e-6),
    ):
        assert abs(value_of(name, columns, n=4_000)[-1] - want) < slack, name


@given(st.floats(0.1, 10.0), st.integers(5, 40))
def test_shapes_do_not_depend_on_scale_and_turn_with_the_sign(scale: float, n: int) -> None:
    moves = np.diff(np.log(COLUMNS["close"]))[:150]
    plain = {"close": np.exp(np.cumsum(moves))}
    turned = {"close": np.exp(-scale * np.cumsum(moves))}
    for name, sign in (("skew", -1.0), ("l_skew", -1.0), ("l_kurtosis", 1.0), ("kurtosis", 1.0)):
        size = max(n, 8)
        got, want = value_of(name, turned, n=size), value_of(name, plain, n=size)
        np.testing.assert_allclose(got, sign * want, rtol=1e-6, atol=1e-7)
