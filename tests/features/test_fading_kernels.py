"""Means that move by a fixed share of each value's distance: what they are, and that no arrangement changes a bit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from argus.features._fading_kernels import MEAN, STEADY, steady_mean

ROWS = 150
F64 = NDArray[np.float64]


def walk(gaps: float) -> F64:
    random = np.random.default_rng(7)
    x = 4_000.0 + random.normal(size=ROWS).cumsum()
    x[random.random(ROWS) < gaps] = np.nan
    return x


def means(x: F64, gain: float, pieces: int, first: float = 3_990.0) -> F64:
    state, out = np.zeros(STEADY), np.empty(len(x))
    state[MEAN] = first
    for i in range(0, len(x), pieces):
        steady_mean(x[i : i + pieces], out[i : i + pieces], gain, state)
    return out


@pytest.mark.parametrize("gaps", [0.0, 0.01, 0.3, 1.0])
@pytest.mark.parametrize("gain", [1.0, 1.0 / 3.0, 2.0 / 501.0])
def test_each_moves_by_its_share_of_the_distance(gaps: float, gain: float) -> None:
    x, mean = walk(gaps), 3_990.0
    want = np.full(ROWS, np.nan)
    for i in np.flatnonzero(np.isfinite(x)):
        mean += gain * (x[i] - mean)
        want[i] = mean
    np.testing.assert_allclose(means(x, gain, ROWS), want, rtol=1e-14)


@pytest.mark.parametrize("gaps", [0.0, 0.01, 0.3])
@pytest.mark.parametrize("pieces", [1, 5, 8, 37])
def test_pieces_change_no_bit(gaps: float, pieces: int) -> None:
    x = walk(gaps)
    np.testing.assert_array_equal(means(x, 0.1, pieces), means(x, 0.1, ROWS))


def test_a_missing_value_leaves_no_trace() -> None:
    x = walk(0.1)
    known = np.isfinite(x)
    np.testing.assert_array_equal(means(x, 0.1, ROWS)[known], means(x[known], 0.1, ROWS))


def test_what_is_infinite_spreads_and_ends() -> None:
    x = walk(0.0)
    x[40] = np.inf
    found = means(x, 0.1, ROWS)
    assert np.isfinite(found[:40]).all()
    assert not np.isfinite(found[40:]).any()
    np.testing.assert_array_equal(means(x, 0.1, 5), found)


def test_a_value_that_stays_is_its_own_mean() -> None:
    assert (means(np.full(ROWS, 1_234.1), 0.1, ROWS, 1_234.1) == 1_234.1).all()
    assert (means(np.zeros(40 * ROWS), 0.5, ROWS, 1.0)[-1] == 0.0).all()
