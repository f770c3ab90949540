from __future__ import annotations

from fractions import Fraction
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from argus.core.arrays import F64_1D
from argus.features import windows as w
from argus.features.graph import Term
from argus.features.inputs import CLOSE, VOLUME
from argus.features.runner import Runner

X, Y = CLOSE, VOLUME


def run(terms: list[Term], x: F64_1D, y: F64_1D, piece: int = 512) -> F64_1D:
    runner = Runner(terms, piece)
    out = np.empty((len(terms), len(x)))
    columns = {"close": x, "volume": y}
    for first in range(0, len(x), piece):
        runner.feed([columns[name][first : first + piece] for name in runner.inputs], out, first)
    return out


def exact(x: F64_1D, y: F64_1D, n: int) -> F64_1D:
    """Sample covariance, correlation and slope of y on x of every whole window, in exact arithmetic."""
    out = np.full((3, len(x)), np.nan)
    known = ~(np.isnan(x) | np.isnan(y))
    u, unit_u = whole(np.where(known, x, 0.0))
    v, unit_v = whole(np.where(known, y, 0.0))
    of_u, of_v, of_uu, of_vv, of_uv = (
        [0, *accumulate(p * q for p, q in zip(one, other, strict=True))]
        for one, other in ((u, [1] * len(u)), (v, [1] * len(v)), (u, u), (v, v), (u, v))
    )
    for t in range(n - 1, len(x)):
        if not known[t - n + 1 : t + 1].all():
            continue
        su, sv, suu, svv, suv = (of[t + 1] - of[t + 1 - n] for of in (of_u, of_v, of_uu, of_vv, of_uv))
        products = Fraction(n * suv - su * sv, n * unit_u * unit_v)
        squares_u = Fraction(n * suu - su * su, n * unit_u * unit_u)
        squares_v = Fraction(n * svv - sv * sv, n * unit_v * unit_v)
        out[0, t] = float(products / (n - 1))
        if squares_u and squares_v:
            out[1, t] = float(products) / (float(squares_u) * float(squares_v)) ** 0.5
        if squares_u:
            out[2, t] = float(products / squares_u)
    return out


def whole(x: F64_1D) -> tuple[list[int], int]:
    """Floats as whole numbers of one fraction, so that their sums from the first row on are exact."""
    parts = [float(value).as_integer_ratio() for value in x]
    unit = max(below for _, below in parts)
    return [above * (unit // below) for above, below in parts], unit


def series(seed: int, n: int, missing: float = 0.0) -> tuple[F64_1D, F64_1D]:
    random = np.random.default_rng(seed)
    x = 4_000.0 + np.cumsum(random.standard_normal(n))
    y = 0.5 * x + np.cumsum(random.standard_normal(n)) - 1_900.0
    x[random.random(n) < missing] = np.nan
    y[random.random(n) < missing] = np.nan
    return x, y


def terms(n: int) -> list[Term]:
    return [w.covariance(X, Y, n), w.correlation(X, Y, n), w.beta(Y, X, n)]


@pytest.mark.parametrize("n", [2, 5, 60])
@pytest.mark.parametrize("missing", [0.0, 0.01])
def test_pairs_agree_with_exact_arithmetic(n: int, missing: float) -> None:
    x, y = series(n, 1_500, missing)
    # Sums about a block's reference keep 16 digits less what walks away within the block, squared: 10 are left.
    np.testing.assert_allclose(run(terms(n), x, y), exact(x, y, n), rtol=1e-8, atol=1e-9)


def test_a_window_as_long_as_its_block() -> None:
    x, y = series(5, 2_300)
    got = run(terms(1_024), x, y)
    for t in (1_023, 1_024, 1_500, 2_047, 2_048, 2_299):
        a, b = x[t - 1_023 : t + 1], y[t - 1_023 : t + 1]
        np.testing.assert_allclose(got[0, t], np.cov(a, b)[0, 1], rtol=1e-9)
        np.testing.assert_allclose(got[1, t], np.corrcoef(a, b)[0, 1], rtol=1e-9)
        np.testing.assert_allclose(got[2, t], np.cov(a, b)[0, 1] / np.var(a, ddof=1), rtol=1e-9)


def test_pairs_survive_what_cancels() -> None:
    random = np.random.default_rng(6)
    x = 1e6 + random.standard_normal(2_000) * 1e-3
    y = 3.0 * x + random.standard_normal(2_000) * 1e-3
    x[1_100:1_105] = 3e12
    y[1_300] = -4e14
    got, want = run(terms(10), x, y), exact(x, y, 10)
    # A price of a million holds a thousandth to seven digits.
    np.testing.assert_allclose(got[1], want[1], atol=1e-6)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-5, atol=1e-5 * np.nanmax(np.abs(want[0][:1_000])))


def test_what_does_not_move_has_no_correlation() -> None:
    x, y = series(7, 400)
    x[100:140] = 101.37
    covariance, correlation, beta = run(terms(10), x, y)
    assert (covariance[109:140] == 0.0).all()
    assert np.isnan(correlation[109:140]).all()
    assert np.isnan(beta[109:140]).all()
    assert np.isfinite(correlation[140:]).all()
    backwards = run([w.beta(X, Y, 10)], x, y)[0]
    assert (backwards[109:140] == 0.0).all()


@pytest.mark.parametrize("n", [7, 100])
def test_pairs_do_not_depend_on_pieces(n: int) -> None:
    x, y = series(8, 2_200, 0.002)
    whole = run(terms(n), x, y, 2_200)
    for piece in (1, 37, 1_024):
        np.testing.assert_array_equal(run(terms(n), x, y, piece), whole)


TICKS = arrays(np.float64, 40, elements=st.integers(400, 900).map(lambda ticks: ticks * 0.25))


@given(TICKS, TICKS)
def test_correlation_is_symmetric_bounded_and_one_with_itself(x: F64_1D, y: F64_1D) -> None:
    one, other = w.correlation(X, Y, 6), w.correlation(Y, X, 6)
    got, back, itself = run([one, other, w.correlation(X, X, 6)], x, y)
    np.testing.assert_allclose(got, back, atol=1e-9)
    known = got[np.isfinite(got)]
    assert (np.abs(known) <= 1.0).all()
    np.testing.assert_allclose(itself[np.isfinite(itself)], 1.0, atol=1e-9)
    against = run([w.correlation(X, Y, 6)], x, 7.0 - 2.0 * x)[0]
    np.testing.assert_allclose(against[np.isfinite(against)], -1.0, atol=1e-9)
