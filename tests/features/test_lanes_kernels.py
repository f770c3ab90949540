from __future__ import annotations

import math

import numpy as np
import pytest
from numba import njit

from argus.core.arrays import F64_1D
from argus.features._lanes_kernels import add_up, furthest, logarithm, roots, sum_of, sum_of_gaps, sum_of_moves


@njit
def logarithms(x, out):  # type: ignore[no-untyped-def]
    for i in range(len(x)):
        out[i] = logarithm(x[i])


@njit
def sums(x, out):  # type: ignore[no-untyped-def]
    for i in range(len(out)):
        out[i] = sum_of(x[:i])


@njit
def of_gaps(x, centre, out):  # type: ignore[no-untyped-def]
    for i in range(len(out)):
        out[i, 0] = sum_of_gaps(x[:i], centre)
        out[i, 1] = furthest(x[:i], centre)


@njit
def so_far(x, place, carried):  # type: ignore[no-untyped-def]
    add_up(x, x, place, carried)


@njit
def of_roots(x, factor, out):  # type: ignore[no-untyped-def]
    roots(x, factor, out)


@njit
def of_moves(x, y, weights, out):  # type: ignore[no-untyped-def]
    for i in range(len(out)):
        out[i] = sum_of_moves(x[:i], y[:i], weights[:i])


def test_logarithms_agree_with_the_library() -> None:
    random = np.random.default_rng(1)
    near_one = 1.0 + np.concatenate((2.0 ** -np.arange(1.0, 53.0), -(2.0 ** -np.arange(1.0, 53.0))))
    edges = [np.finfo(float).tiny, np.finfo(float).max, math.sqrt(0.5), math.nextafter(math.sqrt(0.5), 0.0), 1.0, 2.0]
    x = np.concatenate((np.exp(random.uniform(-700.0, 700.0, 500)), random.random(500), near_one, edges))
    found = np.empty_like(x)
    logarithms(x, found)
    want = np.array([math.log(value) for value in x])
    assert (np.abs(found - want) <= np.spacing(np.abs(want))).all()


def test_a_term_of_zero_is_zero() -> None:
    found = np.empty(1)
    logarithms(np.zeros(1), found)
    assert np.isfinite(found[0])


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_sums_of_any_length_are_sums(scale: float) -> None:
    x = np.random.default_rng(2).standard_normal(100) * scale
    found = np.empty(101)
    sums(x, found)
    np.testing.assert_allclose(found, [math.fsum(x[:i]) for i in range(101)], rtol=0.0, atol=1e-14 * scale)


def test_gaps_are_summed_up_and_the_largest_is_found() -> None:
    x = 1e9 + np.random.default_rng(3).standard_normal(50)
    found = np.empty((51, 2))
    of_gaps(x, 1e9, found)
    gaps = x - 1e9
    np.testing.assert_allclose(found[:, 0], [math.fsum(gaps[:i]) for i in range(51)], rtol=0.0, atol=1e-14)
    np.testing.assert_array_equal(found[1:, 1], np.maximum.accumulate(np.abs(gaps)))
    assert found[0, 1] == 0.0


def test_moves_are_summed_up_with_their_weights() -> None:
    x, y, weights = np.random.default_rng(4).standard_normal((3, 50))
    found = np.empty(51)
    of_moves(x, y, weights, found)
    terms = np.abs(x - y) * weights
    np.testing.assert_allclose(found, [math.fsum(terms[:i]) for i in range(51)], rtol=0.0, atol=1e-14)


@pytest.mark.parametrize("pieces", [[64], [1] * 64, [3, 8, 5, 17, 1, 7, 23]])
def test_sums_so_far_are_those_of_any_pieces(pieces: list[int]) -> None:
    x = np.random.default_rng(5).standard_normal(64)
    want = [math.fsum(x[: i + 1]) for i in range(64)]
    whole, found = x.copy(), x.copy()
    so_far(whole, 0, np.full(4, np.nan))
    carried = np.full(4, np.nan)
    first = 0
    for rows in pieces:
        so_far(found[first : first + rows], first, carried)
        first += rows
    np.testing.assert_allclose(whole, want, rtol=0.0, atol=1e-14)
    np.testing.assert_array_equal(found, whole)


def test_sums_so_far_are_made_of_groups_of_eight() -> None:
    # A small number is lost beside a large one, but not what its group of eight adds up to.
    x = np.full(16, 0.5)
    x[:8] = 2.0**53 / 8.0
    so_far(x, 0, np.zeros(4))
    assert x[7] == 2.0**53
    assert x[15] == 2.0**53 + 4.0


def roots_of(x: F64_1D, factor: float = 1.0) -> F64_1D:
    """By every way there is: each value stands in all places of a group of eight."""
    many = np.repeat(x, 8)
    found = np.empty_like(many)
    of_roots(many, factor, found)
    found = found.reshape(-1, 8)
    np.testing.assert_array_equal(found, found[:, :1].repeat(8, axis=1))
    return found[:, 0]


def near_the_middle() -> list[float]:
    """Numbers of 53 bits whose roots lie next to the middle between two: k^2 + k + j = x, and x ends in 52 or 53 zeros.

    Times 2^-104 they lie between 1 and 4, where their roots are off the middle by (j - 1/4) 2^-54 of a unit or so.
    """
    found = []
    for digits in (52, 53):
        for j in range(-8, 9):
            some = [0, 1]
            for bit in range(digits):
                more = {k + high for k in some for high in (0, 1 << bit)}
                some = [k for k in more if (k * k + k + j) % (2 << bit) == 0]
            wide = {k % (1 << digits) + high for k in some for high in (0, 1 << 52)}
            found += [
                float(k * k + k + j)
                for k in wide
                if 1 << 52 <= k < 1 << 53
                and 1 << 52 <= (k * k + k + j) >> digits < 1 << 53
                and (k * k + k + j) % (1 << digits) == 0
            ]
    return found


def test_roots_next_to_the_middle_between_two_numbers_are_rounded_to_the_nearer() -> None:
    x = np.array(near_the_middle())
    assert len(x) == 15
    for scale in (2.0**-104, 2.0**-300, 2.0**200):
        np.testing.assert_array_equal(roots_of(x * scale), np.sqrt(x * scale))


def test_roots_are_the_bits_of_the_library() -> None:
    random = np.random.default_rng(6)
    ulps = np.arange(1.0, 200.0)
    near_powers = np.concatenate([scale * (1.0 + sign * ulps * 2.0**-52) for scale in (1.0, 2.0) for sign in (-1, 1)])
    squares = random.integers(2**25, 2**26, 1000).astype(float) ** 2
    x = np.concatenate(
        (np.exp(random.uniform(-200.0, 200.0, 3000)), random.uniform(1.0, 4.0, 3000), squares, near_powers)
    )
    np.testing.assert_array_equal(roots_of(x), np.sqrt(x))
    np.testing.assert_array_equal(roots_of(x, 1.0 / 19.0), np.sqrt(x * (1.0 / 19.0)))


@pytest.mark.parametrize("odd", [0.0, -0.0, np.nan, np.inf, 5e-324, 1e-308, 1e-160, 1e160, 1.7e308])
@pytest.mark.parametrize("place", [0, 5, 127, 130])
def test_roots_of_the_odd_and_of_those_beside_them(odd: float, place: int) -> None:
    x = np.random.default_rng(7).random(141)
    x[place] = odd
    found = np.empty_like(x)
    of_roots(x, 1.0, found)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(found, np.sqrt(x))
