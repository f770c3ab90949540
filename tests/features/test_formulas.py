from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import accumulate
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from argus.core.arrays import F64_1D
from argus.core.strategy import FeatureRef
from argus.features import compute
from tests.features.bars import bars_of, random_closes


def run(name: str, x: F64_1D, given_values: dict[str, Any]) -> F64_1D:
    return compute(FeatureRef(name, name, "ES", given_values), bars_of(x, per_session=40))


def window_oracle(x: F64_1D, n: int, of: Callable[[list[Fraction]], float]) -> F64_1D:
    """A function of every full window of `x` in exact arithmetic; NaN where a value is missing."""
    out = np.full(len(x), np.nan)
    exact = [None if np.isnan(v) else Fraction(float(v)) for v in x]
    for t in range(n - 1, len(x)):
        window = [v for v in exact[t - n + 1 : t + 1] if v is not None]
        if len(window) == n:
            out[t] = of(window)
    return out


def whole(window: list[Fraction]) -> tuple[list[int], int]:
    """The window as whole numbers of one fraction: what is added and squared need not be reduced at each step."""
    unit = math.lcm(*(v.denominator for v in window))
    return [v.numerator * (unit // v.denominator) for v in window], unit


def exact_mean(window: list[Fraction]) -> float:
    numbers, unit = whole(window)
    return float(Fraction(sum(numbers), len(window) * unit))


def exact_variance(window: list[Fraction]) -> Fraction:
    (numbers, unit), n = whole(window), len(window)
    return Fraction(n * sum(v * v for v in numbers) - sum(numbers) ** 2, n * (n - 1) * unit * unit)


def exact_std(window: list[Fraction]) -> float:
    return float(exact_variance(window)) ** 0.5


def exact_z(window: list[Fraction]) -> float:
    variance = float(exact_variance(window))
    return float(window[-1] - sum(window) / len(window)) / variance**0.5 if variance > 0.0 else np.nan


@pytest.mark.parametrize("n", [1, 2, 20, 100, 1_500])
def test_mean_of_prices_on_a_binary_grid_is_exact(n: int) -> None:
    x = random_closes(3, 2_500)
    # Sums of whole numbers of sixty-fourths, so that sums from the first row on lose nothing either.
    sixty_fourths = [int(v * 64) for v in x]
    assert [v / 64 for v in sixty_fourths] == x.tolist()
    sums = [0, *accumulate(sixty_fourths)]
    want = np.full(len(x), np.nan)
    want[n - 1 :] = [float(Fraction(b - a, 64 * n)) for a, b in zip(sums, sums[n:], strict=False)]
    np.testing.assert_array_equal(run("sma", x, {"n": n}), want)


def test_mean_of_other_prices_does_not_drift() -> None:
    x = random_closes(4, 200_000, tick=0.01)
    x[1_000] = 1e9
    mean = run("sma", x, {"n": 20})
    rows = np.arange(5_000, 200_000, 997)
    exact = [exact_mean([Fraction(float(v)) for v in x[t - 19 : t + 1]]) for t in rows]
    np.testing.assert_allclose(mean[rows], exact, rtol=1e-12)


@pytest.mark.parametrize(("name", "of"), [("sma", exact_mean), ("std", exact_std), ("zscore", exact_z)])
@pytest.mark.parametrize("n", [2, 5, 60])
@pytest.mark.parametrize("missing", [0.0, 0.01])
def test_windows_agree_with_exact_arithmetic(
    name: str, of: Callable[[list[Fraction]], float], n: int, missing: float
) -> None:
    x = random_closes(5, 1_500, missing=missing, tick=0.01)
    got, want = run(name, x, {"n": n}), window_oracle(x, n, of)
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)


def test_deviation_survives_what_cancels() -> None:
    random = np.random.default_rng(6)
    x = 1e6 + random.standard_normal(3_000) * 1e-3
    x[1_200:1_210] = 3e7
    x[2_000:] += np.arange(1_000) * 5.0
    got, want = run("std", x, {"n": 10}), window_oracle(x, 10, exact_std)
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_equal_values_have_no_deviation_and_no_score() -> None:
    x = np.concatenate((random_closes(7, 50, tick=0.01), np.full(40, 101.37), random_closes(8, 50, tick=0.01)))
    deviation, score = run("std", x, {"n": 10}), run("zscore", x, {"n": 10})
    assert (deviation[59:90] == 0.0).all()
    assert np.isnan(score[59:90]).all()
    assert (deviation[90:] > 0.0).all()
    assert np.isfinite(score[90:]).all()


@pytest.mark.parametrize("span", [1, 5, 40])
def test_exponential_mean_agrees_with_its_formula(span: int) -> None:
    x = random_closes(9, 300, missing=0.02)
    decay = 1.0 - 2.0 / (span + 1.0)
    want = np.full(len(x), np.nan)
    seen: list[float] = []
    for t, value in enumerate(x):
        if not np.isnan(value):
            seen.append(float(value))
            weights = decay ** np.arange(len(seen) - 1, -1, -1, dtype=float)
            if len(seen) >= span:
                want[t] = np.dot(weights, seen) / weights.sum()
    np.testing.assert_allclose(run("ema", x, {"span": span}), want, rtol=1e-12)


@pytest.mark.parametrize("com", [1.0, 60.0])
def test_exponential_volatility_agrees_with_its_formula(com: float) -> None:
    x = random_closes(10, 300)
    returns = x[1:] / x[:-1] - 1.0
    decay = com / (1.0 + com)
    want = np.full(len(x), np.nan)
    for t in range(int(com) - 1, len(returns)):
        past = returns[: t + 1]
        weights = decay ** np.arange(t, -1, -1, dtype=float)
        mean = np.dot(weights, past) / weights.sum()
        want[t + 1] = np.sqrt(261.0 * np.dot(weights, (past - mean) ** 2) / weights.sum())
    got = run("ewma_vol", x, {"com": com, "bars_per_year": 261.0})
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-15)


def test_returns_agree_with_their_formulas() -> None:
    x = random_closes(11, 200)
    got = run("log_return", x, {"n": 4})
    # The logarithm of a rounded ratio near one would be a worse oracle: it loses the digits that log1p keeps.
    np.testing.assert_allclose(got[4:], np.log1p((x[4:] - x[:-4]) / x[:-4]), rtol=1e-13)
    assert np.isnan(got[:4]).all()
    got = run("momentum", x, {"n": 10, "skip": 3})
    np.testing.assert_array_equal(got[13:], x[10:-3] / x[:-13] - 1.0)
    assert np.isnan(got[:13]).all()


@pytest.mark.parametrize("bad", [0.0, -37.63, np.nan])
def test_returns_across_a_price_that_allows_none_are_missing(bad: float) -> None:
    x = random_closes(12, 80)
    x[40] = bad
    for name, given_values, holes in (
        ("log_return", {"n": 2}, {40, 42}),
        ("momentum", {"n": 2, "skip": 1}, {41, 43}),
        ("ewma_vol", {"com": 5.0}, {40, 41}),
    ):
        out = run(name, x, given_values)
        assert set(np.flatnonzero(np.isnan(out[10:])) + 10) == holes


PRICES = arrays(
    np.float64,
    st.integers(12, 60),
    elements=st.integers(400, 40_000).map(lambda ticks: ticks * 0.25),
)


@given(PRICES, st.sampled_from([0.25, 2.0, 1024.0]), st.integers(0, 40_000))
def test_scale_and_shift(x: F64_1D, scale: float, shift_ticks: int) -> None:
    shift = shift_ticks * 0.25
    np.testing.assert_array_equal(run("sma", x * scale, {"n": 7}), run("sma", x, {"n": 7}) * scale)
    np.testing.assert_allclose(run("sma", x + shift, {"n": 7}), run("sma", x, {"n": 7}) + shift, rtol=1e-14)
    np.testing.assert_allclose(run("std", x + shift, {"n": 7}), run("std", x, {"n": 7}), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(run("zscore", x * scale, {"n": 7}), run("zscore", x, {"n": 7}), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(run("zscore", x + shift, {"n": 7}), run("zscore", x, {"n": 7}), rtol=1e-7, atol=1e-7)
    for name, values in (("log_return", {"n": 3}), ("momentum", {"n": 3}), ("ewma_vol", {"com": 5.0})):
        # A power of two scales every price without rounding.
        np.testing.assert_array_equal(run(name, x * scale, values), run(name, x, values))


@given(PRICES)
def test_bounds(x: F64_1D) -> None:
    mean, smooth, score = run("sma", x, {"n": 5}), run("ema", x, {"span": 5}), run("zscore", x, {"n": 5})
    for t in range(4, len(x)):
        window = x[t - 4 : t + 1]
        assert window.min() <= mean[t] <= window.max()
        assert x[: t + 1].min() * (1 - 1e-12) <= smooth[t] <= x[: t + 1].max() * (1 + 1e-12)
        assert np.isnan(score[t]) or abs(score[t]) <= 4 / np.sqrt(5) + 1e-9


def test_no_rows() -> None:
    for name in ("sma", "ema", "zscore", "ewma_vol"):
        assert len(run(name, np.empty(0), {})) == 0
