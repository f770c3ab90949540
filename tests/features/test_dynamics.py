from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.tools import add_constant

from argus.core.arrays import F64_1D
from tests.features.peers import antropy
from tests.features.physics_oracles import held, over_windows, series_of, smooth_market, value_of

COLUMNS = smooth_market(21, 900)
SERIES = ("return", "range", "volume", "close")


def slope(x: list[float], y: list[float]) -> float:
    return float(np.polyfit(x, y, 1)[0])


def test_motion_is_differences_of_the_logarithm() -> None:
    x, n = np.log(COLUMNS["close"]), 7
    v = np.full(len(x), np.nan)
    v[n:] = (x[n:] - x[:-n]) / n
    a = np.full(len(x), np.nan)
    a[n:] = (v[n:] - v[:-n]) / n
    j = np.full(len(x), np.nan)
    j[n:] = (a[n:] - a[:-n]) / n
    for name, want in (("velocity", v), ("acceleration", a), ("jerk", j)):
        # Logarithms near 8 have 2e-15 left of their digits.
        np.testing.assert_allclose(value_of(name, COLUMNS, n=n), want, rtol=1e-9, atol=1e-15)
    want = over_windows(series_of(COLUMNS, "return"), n, lambda r: float(0.5 * np.mean(r**2)))
    np.testing.assert_allclose(value_of("energy", COLUMNS, n=n), want, rtol=1e-10)


def rescaled_range(x: F64_1D) -> float:
    sizes, values = [], []
    size = 8
    while size <= len(x):
        found = []
        for last in range(len(x), size - 1, -size):
            part = x[last - size : last]
            walk = np.concatenate(([0.0], np.cumsum(part - part.mean())))
            if part.std() > 0.0:
                found.append(np.ptp(walk) / part.std())
        sizes.append(math.log(size))
        values.append(math.log(float(np.mean(found))))
        size *= 2
    return slope(sizes, values)


def detrended(x: F64_1D) -> float:
    walk = np.cumsum(x - x.mean())
    sizes, values = [], []
    size = 4
    while size <= len(x) // 4:
        time = np.arange(size)
        rest = [
            np.polyval(np.polyfit(time, part, 1), time) - part
            for part in (walk[last - size : last] for last in range(len(x), size - 1, -size))
        ]
        sizes.append(math.log(size))
        values.append(0.5 * math.log(float(np.mean(np.square(rest)))))
        size *= 2
    return slope(sizes, values)


@pytest.mark.parametrize(("name", "formula"), [("hurst_rs", rescaled_range), ("dfa", detrended)])
@pytest.mark.parametrize(("of", "n", "every"), [("return", 32, 1), ("range", 100, 7), ("volume", 300, 8)])
def test_memory_agrees_with_its_formula(name: str, formula, of: str, n: int, every: int) -> None:  # type: ignore[no-untyped-def]
    rows = range(0, 900, every * max(1, 20 // every))
    want = over_windows(series_of(COLUMNS, of), n, formula, rows)
    got = value_of(name, COLUMNS, of=of, n=n, every=every)
    known = np.isfinite(want)
    assert known.sum() > 10
    np.testing.assert_allclose(got[known], want[known], rtol=1e-8)
    np.testing.assert_array_equal(got, held(got, every))


def test_memory_of_noise_and_of_a_walk() -> None:
    noise = {"volume": np.exp(np.random.default_rng(2).standard_normal(4_096)), "close": np.ones(4_096)}
    walk = {"volume": np.exp(np.cumsum(np.random.default_rng(3).standard_normal(4_096))), "close": np.ones(4_096)}
    # The exponents of white noise and of its sums are 0.5 and 1.5 for detrended fluctuations.
    assert abs(value_of("dfa", noise, of="volume", n=4_090, every=1)[-1] - 0.5) < 0.1
    assert abs(value_of("dfa", walk, of="volume", n=4_090, every=1)[-1] - 1.5) < 0.15
    assert abs(value_of("hurst_rs", noise, of="volume", n=4_090, every=1)[-1] - 0.55) < 0.1
    assert value_of("hurst_rs", walk, of="volume", n=4_090, every=1)[-1] > 0.85


@pytest.mark.parametrize("n", [16, 60, 131])
def test_dimensions_agree_with_antropy(n: int) -> None:
    x = np.log(COLUMNS["close"])
    rows = range(0, 900, 15)
    for name, formula, parameters in (
        ("higuchi_dimension", lambda window: antropy.higuchi_fd(window, kmax=6), {"steps": 6, "every": 1}),
        ("petrosian_dimension", antropy.petrosian_fd, {}),
    ):
        want = over_windows(x, n, lambda window, formula=formula: float(formula(window)), rows)
        got = value_of(name, COLUMNS, n=n, **parameters)
        known = np.isfinite(want)
        np.testing.assert_allclose(got[known], want[known], rtol=1e-9, err_msg=name)

    def katz(window: F64_1D) -> float:
        # antropy divides by the number of values, the paper by that of steps.
        steps = len(window) - 1
        reach = np.abs(window - window[0]).max() / np.abs(np.diff(window)).sum()
        return min(10.0, math.log(steps) / (math.log(steps) + math.log(reach)))

    np.testing.assert_allclose(value_of("katz_dimension", COLUMNS, n=n), over_windows(x, n, katz), rtol=1e-9)


def divergence(x: F64_1D, steps: int) -> float:
    points = np.column_stack((x[:-2], x[1:-1], x[2:]))
    last = len(x) - 2 - steps
    at, values = [], []
    for i in range(last):
        apart = np.linalg.norm(points[:last] - points[i], axis=1)
        apart[(np.abs(np.arange(last) - i) <= 3) | (apart == 0.0)] = np.inf
        j = int(np.argmin(apart))
        if np.isfinite(apart[j]):
            for t in range(steps + 1):
                distance = float(np.linalg.norm(points[i + t] - points[j + t]))
                if distance > 0.0:
                    at.append(float(t))
                    values.append(math.log(distance))
    return slope(at, values)


@pytest.mark.parametrize(("of", "n", "steps"), [("return", 24, 3), ("close", 64, 5)])
def test_lyapunov_agrees_with_its_formula(of: str, n: int, steps: int) -> None:
    rows = range(0, 900, 32)
    want = over_windows(series_of(COLUMNS, of), n, lambda window: divergence(window, steps), rows)
    got = value_of("lyapunov", COLUMNS, of=of, n=n, steps=steps, every=16)
    known = np.isfinite(want)
    np.testing.assert_allclose(got[known], want[known], rtol=1e-7, atol=1e-9)


def test_lyapunov_of_the_logistic_map() -> None:
    # The exponent of x -> 4 x (1 - x) is ln 2; few steps, before distances reach the size of the set.
    x = [0.3141]
    for _ in range(999):
        x.append(4.0 * x[-1] * (1.0 - x[-1]))
    columns = {"volume": np.exp(np.array(x)), "close": np.ones(1_000)}
    got = value_of("lyapunov", columns, of="volume", n=500, steps=3, every=1)[-1]
    assert abs(got - math.log(2.0)) < 0.15


def lo_mackinlay(r: F64_1D, q: int) -> float:
    n, m = len(r), r.mean()
    longer = np.convolve(r, np.ones(q), "valid")
    c = ((longer - q * m) ** 2).sum() / (q * (n - q + 1) * (1.0 - q / n))
    return float(c / r.var(ddof=1))


@pytest.mark.parametrize(("n", "q"), [(20, 2), (120, 5), (500, 20)])
def test_variance_ratio_agrees_with_its_formula(n: int, q: int) -> None:
    want = over_windows(series_of(COLUMNS, "return"), n, lambda r: lo_mackinlay(r, q))
    np.testing.assert_allclose(value_of("variance_ratio", COLUMNS, n=n, q=q), want, rtol=1e-8)
    score = (want - 1.0) / math.sqrt(2 * (2 * q - 1) * (q - 1) / (3 * q * n))
    np.testing.assert_allclose(value_of("variance_ratio_score", COLUMNS, n=n, q=q), score, rtol=1e-7, atol=1e-8)


def test_half_life_agrees_with_least_squares() -> None:
    x, n = np.log(COLUMNS["close"]), 60
    want = np.full(len(x), np.nan)
    for t in range(n, len(x), 10):
        before, change = x[t - n : t], np.diff(x[t - n : t + 1])
        b = OLS(change, add_constant(before)).fit().params[1]
        want[t] = -math.log(2.0) / math.log1p(b) if -1.0 < b < 0.0 else np.nan
    got = np.where(np.arange(len(x)) % 10 == 0, value_of("half_life", COLUMNS, n=n), np.nan)
    assert np.isfinite(want).sum() > 40
    # Least squares on levels near 8 about which little changes loses digits in the oracle.
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_half_life_of_a_pulled_price_is_found() -> None:
    random = np.random.default_rng(7)
    x = np.zeros(9_000)
    for t in range(1, len(x)):
        x[t] = 0.9 * x[t - 1] + random.standard_normal() * 1e-3
    got = value_of("half_life", {"close": np.exp(x)}, n=8_000)[-1]
    assert got == pytest.approx(math.log(0.5) / math.log(0.9), rel=0.15)


def test_shape_of_the_scores_of_random_walks() -> None:
    random = np.random.default_rng(8)
    scores = [
        value_of("variance_ratio_score", {"close": np.exp(np.cumsum(random.standard_normal(501)) * 1e-3)}, n=500, q=5)[
            -1
        ]
        for _ in range(150)
    ]
    # Standard normal in the limit: far from rejecting.
    assert stats.kstest(scores, "norm").pvalue > 1e-3
