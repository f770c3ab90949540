"""Distribution, stationarity and drift against SciPy, statsmodels, NumPy and values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from argus.core.random import generator
from argus.core.time import NS_PER_DAY
from argus.lab.feature_study.study import LEVELS, distribution, drift, stationarity


def column(seed: int, n: int = 5_000) -> np.ndarray:
    values = generator(seed, "study").standard_t(5, n).astype(np.float32)
    values[:20] = np.nan
    values[100:140] = np.nan
    return values


def days(n: int, first: str = "2020-01-01", step: int = NS_PER_DAY) -> np.ndarray:
    return np.datetime64(first, "ns").astype(np.int64) + np.arange(n) * step


def test_moments_and_quantiles_are_those_of_scipy_and_numpy() -> None:
    values = column(1)
    known = values[~np.isnan(values)].astype(np.float64)
    seen = distribution(values)
    assert (seen.rows, seen.known, seen.first_row, seen.holes) == (5_000, 4_940, 20, 40)
    assert seen.hole_share == 40 / 4_980
    # The same formulas in float64; a millionth part of rounding at most.
    assert seen.mean == pytest.approx(known.mean(), rel=1e-9, abs=1e-12)
    assert seen.std == pytest.approx(known.std(ddof=1), rel=1e-9)
    assert seen.skew == pytest.approx(stats.skew(known), rel=1e-6)
    assert seen.kurtosis == pytest.approx(stats.kurtosis(known, fisher=False), rel=1e-6)
    np.testing.assert_allclose(seen.quantiles, np.quantile(known, LEVELS), rtol=1e-9)
    assert sum(seen.counts) == seen.known
    assert len(seen.edges) == len(seen.counts) + 1


def test_the_most_frequent_value_and_those_out_of_range() -> None:
    values = np.array([np.nan, 1, 2, 2, 2, 5, -1, 7], dtype=np.float32)
    seen = distribution(values, 0.0, 5.0)
    assert (seen.top_value, seen.top_share) == (2.0, 3 / 7)
    assert (seen.below, seen.above) == (1, 1)
    within = distribution(np.array([np.nextafter(np.float32(1.0), np.float32(2.0))], dtype=np.float32), 0.0, 1.0)
    assert within.above == 0, "float32 rounds a value at the bound a little beyond it"


@pytest.mark.parametrize("values", [np.full(300, np.nan), np.empty(0), np.full(300, 4.2), np.array([1.0])])
def test_columns_with_nothing_to_say_are_no_trouble(values: np.ndarray) -> None:
    values = values.astype(np.float32)
    seen = distribution(values)
    assert seen.known == np.isfinite(values).sum()
    assert np.isnan(seen.kurtosis)
    assert stationarity(values).word == "untested"
    assert drift(values, days(len(values))).word == "untested"


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=60))
def test_whatever_the_values_the_counts_add_up(given_values: list[float]) -> None:
    seen = distribution(np.array(given_values, dtype=np.float32))
    assert sum(seen.counts) == seen.known == len(given_values)
    assert seen.low <= seen.quantiles[0] <= seen.quantiles[3] <= seen.quantiles[-1] <= seen.high
    assert 0.0 < seen.top_share <= 1.0


def test_known_processes_get_their_names() -> None:
    random = generator(3, "processes")
    noise = random.standard_normal(20_000)
    reverting = np.zeros(20_000)
    for t in range(1, 20_000):
        reverting[t] = 0.9 * reverting[t - 1] + noise[t]
    assert stationarity(reverting.astype(np.float32)).word == "stationary"
    assert stationarity(np.cumsum(noise).astype(np.float32)).word == "trending"
    broken = noise + np.where(np.arange(20_000) < 10_000, 0.0, 1.0)
    found = stationarity(broken.astype(np.float32))
    assert (found.word, found.rows) == ("unclear", 2_500)
    assert found.adf_p < 0.05
    assert found.kpss_p < 0.05


def test_the_statistics_are_those_of_statsmodels_on_the_same_rows() -> None:
    from statsmodels.tsa.stattools import adfuller

    values = np.cumsum(generator(4, "walk").standard_normal(800)).astype(np.float32)
    found = stationarity(values)
    want = adfuller(values.astype(np.float64), maxlag=int(4 * 8**0.25), autolag=None, result_object=True)
    # It is tested after scaling, which the statistic does not feel.
    assert found.adf == pytest.approx(want.statistic, rel=1e-6)
    assert found.rows == 800


def test_the_index_of_two_halves_by_hand() -> None:
    # The first year holds 0 (three quarters) and 1, the second the other way round: two bins, cut at 0.
    first = np.repeat([0.0, 1.0], [273, 92])
    second = np.repeat([0.0, 1.0], [91, 274])
    found = drift(np.concatenate((first, second)).astype(np.float32), days(730, "2021-01-01"))
    p, q = np.array([273, 92]) / 365, np.array([91, 274]) / 365
    assert [year.year for year in found.years] == [2021, 2022]
    for year in found.years:
        assert year.psi == pytest.approx(((p - q) * np.log(p / q)).sum(), rel=1e-12)
        assert year.distance == pytest.approx((273 - 91) / 365, rel=1e-12)
    assert (found.word, found.worst) == ("shifted", 2021)


def test_the_year_that_is_different_is_named() -> None:
    values = generator(5, "years").standard_normal(5 * 365).astype(np.float32)
    ts = days(len(values), "2015-01-01")
    assert drift(values, ts).word == "steady"
    values[365:730] *= 3.0
    found = drift(values, ts)
    assert (found.word, found.worst) == ("shifted", 2016)
    assert found.psi == max(year.psi for year in found.years)
    year = found.years[1]
    want = stats.ks_2samp(values[365:730], np.concatenate((values[:365], values[730:]))).statistic
    # At percentiles instead of at every value, which can miss a hundredth part on either side.
    assert want - 0.03 <= year.distance <= want + 1e-12


def test_years_are_told_apart_at_new_year() -> None:
    ts = days(120, "2020-12-31 12:00:00", 3_600 * 10**9)
    found = drift(np.arange(120, dtype=np.float32), ts)
    assert [(year.year, year.known) for year in found.years] == [(2020, 12), (2021, 108)]
    assert found.word == "untested"
