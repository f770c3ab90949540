from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.tsa.stattools import acf

from argus.core.arrays import F64_1D
from tests.features.physics_oracles import series_of, smooth_market, value_of

COLUMNS = smooth_market(61, 1_300)
R, RANGE, VOLUME = (series_of(COLUMNS, of) for of in ("return", "range", "volume"))


def correlations(x: F64_1D, y: F64_1D, n: int) -> F64_1D:
    out = np.full(len(x), np.nan)
    for t in range(n - 1, len(x)):
        a, b = x[t - n + 1 : t + 1], y[t - n + 1 : t + 1]
        if np.isfinite(a).all() and np.isfinite(b).all():
            out[t] = np.corrcoef(a, b)[0, 1]
    return out


def lagged(x: F64_1D, k: int) -> F64_1D:
    return np.concatenate((np.full(k, np.nan), x[:-k]))


# Two passes of NumPy against sums about a recent mean: ten digits of a correlation.
EXACT = {"rtol": 1e-8, "atol": 1e-10}


@pytest.mark.parametrize("n", [3, 60, 500])
def test_correlations_agree_with_numpy(n: int) -> None:
    for name, x, y in (
        ("return_volume_correlation", R, VOLUME),
        ("move_volume_correlation", np.abs(R), VOLUME),
        ("return_range_correlation", R, RANGE),
        ("range_volume_correlation", RANGE, VOLUME),
    ):
        np.testing.assert_allclose(value_of(name, COLUMNS, n=n), correlations(x, y, n), **EXACT, err_msg=name)


@pytest.mark.parametrize(("n", "k"), [(40, 1), (100, 7)])
def test_correlations_across_rows_agree_with_numpy(n: int, k: int) -> None:
    for of in ("return", "range", "volume", "close"):
        x = series_of(COLUMNS, of)
        want = correlations(x, lagged(x, k), n)
        np.testing.assert_allclose(value_of("autocorrelation", COLUMNS, of=of, n=n, k=k), want, **EXACT)
    move = np.abs(R)
    got = value_of("absolute_autocorrelation", COLUMNS, n=n, k=k)
    np.testing.assert_allclose(got, correlations(move, lagged(move, k), n), **EXACT)
    got = value_of("leverage_correlation", COLUMNS, n=n, k=k)
    np.testing.assert_allclose(got, correlations(lagged(R, k), move, n), **EXACT)


def test_autocorrelation_is_near_that_of_statsmodels_in_a_long_window() -> None:
    want = acf(VOLUME[-1_200:], nlags=5)
    for k in (1, 5):
        got = value_of("autocorrelation", COLUMNS, of="volume", n=1_200 - k, k=k)[-1]
        # statsmodels takes one mean and one variance of all values, which moves the figure by the order of k / n.
        assert abs(got - want[k]) < 0.01


def test_missing_values_cost_their_windows_and_no_more() -> None:
    columns = {name: column.copy() for name, column in COLUMNS.items()}
    columns["volume"][[400, 401, 900]] = np.nan
    columns["close"][600] = np.nan
    want = correlations(series_of(columns, "return"), series_of(columns, "volume"), 50)
    np.testing.assert_allclose(value_of("return_volume_correlation", columns, n=50), want, **EXACT)


def test_correlations_survive_a_jump_and_its_end() -> None:
    columns = {name: column.copy() for name, column in COLUMNS.items()}
    columns["volume"][500] = 1e300
    columns["close"][800] *= 1e8
    x, y = series_of(columns, "return"), series_of(columns, "volume")
    np.testing.assert_allclose(value_of("return_volume_correlation", columns, n=40), correlations(x, y, 40), **EXACT)


def test_what_stands_still_has_no_correlation() -> None:
    columns = {name: column.copy() for name, column in COLUMNS.items()}
    columns["close"][300:400] = columns["close"][300]
    got = value_of("return_volume_correlation", columns, n=20)
    assert np.isnan(got[320:400]).all()
    assert np.isfinite(got[400:]).all()


@settings(max_examples=25)
@given(st.lists(st.integers(-8, 8), min_size=40, max_size=60), st.integers(1, 3))
def test_bounds_and_signs(steps: list[int], k: int) -> None:
    walk = np.cumsum(np.array(steps)) * 2.0**-8
    up, down = {"close": np.exp(walk)}, {"close": np.exp(-walk)}
    one, other = value_of("autocorrelation", up, n=20, k=k), value_of("autocorrelation", down, n=20, k=k)
    known = np.isfinite(one) & np.isfinite(other)
    assert (np.abs(one[known]) <= 1.0).all()
    turns = pd.Series(np.diff(walk)).rolling(20).std().to_numpy()
    assert np.isfinite(turns[19:]).all()
    np.testing.assert_allclose(one[known], other[known], atol=1e-6)
