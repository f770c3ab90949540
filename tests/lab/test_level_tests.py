"""The tests for a level against statsmodels, on series of every kind that a feature's column can be."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from argus.core.random import generator
from argus.lab.feature_study.level_tests import kpss_level, unit_root


def kinds(n: int) -> dict[str, np.ndarray]:
    random = generator(11, "level tests", n)
    noise = random.standard_normal(n)
    reverting = noise.copy()
    for t in range(1, n):
        reverting[t] += 0.97 * reverting[t - 1]
    return {
        "noise": noise,
        "reverting": reverting,
        "walk": np.cumsum(noise),
        "twice summed": np.cumsum(np.cumsum(noise)),
        "growing": np.exp(0.5 * np.cumsum(noise) / math.sqrt(n)),
        "explosive": np.exp(np.arange(n) * 8.0 / n) + noise,
        "negated": noise * np.resize([1.0, -1.0], n),
        "broken": noise + (np.arange(n) > n // 2),
        "flags": (noise > 1.0).astype(np.float64),
        "steps": np.round(reverting / 3.0),
        "heavy": noise / random.random(n),
        "cycle": np.sin(np.arange(n) / 30.0) + 0.1 * noise,
    }


def scaled(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.std()


@pytest.mark.parametrize("n", [100, 801, 2_500])
def test_both_tests_are_those_of_statsmodels(n: int) -> None:
    from statsmodels.tsa.stattools import adfuller, kpss

    lags = int(4.0 * (n / 100.0) ** 0.25)
    seen = []
    for name, values in kinds(n).items():
        series = scaled(values)
        want = adfuller(series, maxlag=lags, autolag=None, regression="c", result_object=True)
        found = unit_root(series, lags)
        # Two ways to solve the same least squares: what is left is rounding. The twice summed series leaves nearly
        # collinear columns, and more of it.
        assert found == pytest.approx((want.statistic, want.pvalue), rel=1e-8, abs=1e-12), name
        with warnings.catch_warnings():
            # It says that a p-value lies beyond the table.
            warnings.simplefilter("ignore")
            level = kpss(series, regression="c", nlags="auto", result_object=True)
        assert kpss_level(series) == pytest.approx((level.statistic, level.pvalue), rel=1e-8), name
        seen.append((want.pvalue, level.pvalue))
    adf_p, kpss_p = zip(*seen, strict=True)
    # Every piece of the approximations is among them.
    assert min(adf_p) < 1e-5
    assert max(adf_p) > 0.9
    assert {min(kpss_p), max(kpss_p)} == {0.01, 0.1}


@pytest.mark.parametrize("statistic", [-30.0, -18.84, -18.82, -5.0, -2.86, -1.62, -1.60, 0.0, 2.7, 2.75, 9.0])
def test_the_p_value_is_mackinnons_over_its_whole_range(statistic: float) -> None:
    from statsmodels.tsa.adfvalues import mackinnonp

    from argus.lab.feature_study.level_tests import _unit_root_p

    assert _unit_root_p(statistic) == pytest.approx(mackinnonp(statistic, regression="c", N=1), rel=1e-12, abs=1e-300)


def test_columns_that_are_combinations_of_others_share_a_coefficient() -> None:
    from statsmodels.tsa.stattools import adfuller

    # Three values in turn: their last two changes and the constant say all that the value before does.
    series = scaled(np.resize([0.0, 1.0, 3.0], 300) + 1e-3 * (np.arange(300) == 150))
    want = adfuller(series, maxlag=5, autolag=None, regression="c", result_object=True).statistic
    assert unit_root(series, 5)[0] == pytest.approx(want, rel=1e-6)


def test_a_series_that_leaves_nothing_to_test_gives_no_figure() -> None:
    assert np.isnan(unit_root(np.array([1.0, 2.0]), 4)).all()
    assert np.isnan(unit_root(np.arange(8.0), 4)).all(), "as many weights as rows"
    assert np.isnan(kpss_level(np.zeros(200))).all()
