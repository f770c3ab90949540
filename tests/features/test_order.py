from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from argus.core.arrays import F64_1D
from argus.features import windows as w
from argus.features.graph import Term
from argus.features.inputs import CLOSE
from argus.features.runner import Runner

SHARES = (0.0, 0.1, 0.5, 0.75, 1.0)


def run(terms: list[Term], x: F64_1D, piece: int = 512) -> F64_1D:
    runner = Runner(terms, piece)
    out = np.empty((len(terms), len(x)))
    for first in range(0, len(x), piece):
        runner.feed([x[first : first + piece]], out, first)
    return out


def series(seed: int, n: int, missing: float = 0.0) -> F64_1D:
    random = np.random.default_rng(seed)
    x = np.round(np.cumsum(random.standard_normal(n)) * 2.0) * 0.25 + 100.0
    x[random.random(n) < missing] = np.nan
    return x


def oracle(x: F64_1D, n: int) -> F64_1D:
    out = np.full((1 + len(SHARES), len(x)), np.nan)
    for t in range(n - 1, len(x)):
        window = x[t - n + 1 : t + 1]
        if not np.isnan(window).any():
            below, equal = int((window < x[t]).sum()), int((window == x[t]).sum())
            out[0, t] = (below + 0.5 * (equal - 1)) / (n - 1)
            out[1:, t] = np.quantile(window, SHARES)
    return out


def terms(n: int) -> list[Term]:
    return [w.percentile_rank(CLOSE, n), *w.quantiles(CLOSE, n, SHARES)]


@pytest.mark.parametrize("n", [2, 3, 50])
@pytest.mark.parametrize("missing", [0.0, 0.02])
def test_ranks_and_quantiles_agree_with_numpy(n: int, missing: float) -> None:
    x = series(n, 1_200, missing)
    want = oracle(x, n)
    # Between two values NumPy may round once more.
    np.testing.assert_allclose(run(terms(n), x), want, rtol=1e-14)
    assert np.isfinite(want[0]).sum() > 150


def test_long_windows_agree_with_numpy() -> None:
    x = series(3, 2_500)
    got = run(terms(1_100), x)
    for t in (1_099, 1_100, 2_047, 2_048, 2_499):
        window = x[t - 1_099 : t + 1]
        below, equal = int((window < x[t]).sum()), int((window == x[t]).sum())
        assert got[0, t] == (below + 0.5 * (equal - 1)) / 1_099
        np.testing.assert_allclose(got[1:, t], np.quantile(window, SHARES), rtol=1e-14)


def test_order_does_not_depend_on_pieces() -> None:
    x = series(4, 700, 0.01)
    whole = run(terms(31), x, 700)
    for piece in (1, 37):
        np.testing.assert_array_equal(run(terms(31), x, piece), whole)


def test_the_median_of_few_values() -> None:
    x = np.array([3.0, 1.0, 2.0, 10.0, 2.0, np.nan, 5.0, 6.0, 8.0])
    median, quantile = run([*w.quantiles(CLOSE, 3, [0.5]), *w.quantiles(CLOSE, 2, [0.25])], x)
    np.testing.assert_array_equal(median, [np.nan, np.nan, 2.0, 2.0, 2.0, np.nan, np.nan, np.nan, 6.0])
    np.testing.assert_array_equal(quantile, [np.nan, 1.5, 1.25, 4.0, 4.0, np.nan, np.nan, 5.25, 6.5])


@given(arrays(np.float64, 30, elements=st.integers(0, 12).map(float)), st.integers(2, 9))
def test_order_of_few_different_values(x: F64_1D, n: int) -> None:
    np.testing.assert_allclose(run(terms(n), x), oracle(x, n), rtol=1e-13)
    rank, turned = run([w.percentile_rank(CLOSE, n)], x)[0], run([w.percentile_rank(CLOSE, n)], -x)[0]
    np.testing.assert_allclose(rank + turned, np.where(np.isnan(rank), np.nan, 1.0), rtol=1e-15)
