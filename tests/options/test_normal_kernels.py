"""The normal distribution's pieces against mpmath, over all that an option can ask for."""

from __future__ import annotations

from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from numpy.typing import NDArray

from argus.options._normal_kernels import bounded_exp, exp_row, normal_cdf, positive_log, tail_ratio, two_tail_ratios

ULP = 2.0**-52
mpmath.mp.dps = 40


def exact_ratio(z: float) -> mpmath.mpf:
    wide = mpmath.mpf(z)
    return mpmath.erfc(wide / mpmath.sqrt(2)) / 2 * mpmath.exp(wide * wide / 2)


def spread(low: float, high: float, count: int = 120) -> NDArray[np.float64]:
    return np.random.default_rng(3).uniform(low, high, count)


@pytest.mark.parametrize(
    ("ours", "exact", "numbers", "ulps"),
    [
        pytest.param(bounded_exp, mpmath.exp, np.append(spread(-690, 690), spread(-1, 1)), 1.0, id="exp"),
        pytest.param(
            positive_log, mpmath.log, np.append(np.exp(spread(-500, 500)), 1.0 + spread(-0.3, 0.4)), 2.0, id="log"
        ),
        pytest.param(tail_ratio, exact_ratio, np.append(spread(0, 2), spread(0, 60)), 4.0, id="tail"),
        pytest.param(normal_cdf, mpmath.ncdf, spread(-6, 6), 20.0, id="cdf"),
    ],
)
def test_relative_error(
    ours: Callable[[float], float],
    exact: Callable[[float], mpmath.mpf],
    numbers: NDArray[np.float64],
    ulps: float,
) -> None:
    for x in numbers:
        truth = exact(mpmath.mpf(float(x)))
        assert abs((mpmath.mpf(float(ours(float(x)))) - truth) / truth) < ulps * ULP, x


def test_two_ratios_at_once_are_those_of_one() -> None:
    for y, z in zip(spread(0, 40), spread(0, 3), strict=True):
        both = two_tail_ratios(y, z)
        assert both == pytest.approx((tail_ratio(y), tail_ratio(z)), rel=1e-15)


def test_a_row_of_exponentials_is_that_of_each() -> None:
    numbers = np.concatenate((spread(-710, 700), [-np.inf, -700.5, 0.0, np.nan]))
    count = len(numbers)
    room = np.concatenate((np.full(2, 7.0), numbers, np.full(count, np.nan)))
    exp_row(count, 2, 2 + count, room)
    assert room[:2].tolist() == [7.0, 7.0]
    assert room[2 : 2 + count].tolist() == pytest.approx(
        [bounded_exp(one) for one in numbers], rel=0, abs=0, nan_ok=True
    )


def test_the_ends_are_exact() -> None:
    assert bounded_exp(0.0) == 1.0
    assert bounded_exp(-700.5) == 0.0
    assert bounded_exp(-np.inf) == 0.0
    assert tail_ratio(0.0) == 0.5
    assert (normal_cdf(-50.0), normal_cdf(50.0)) == (0.0, 1.0)
