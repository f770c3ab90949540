"""x y + z rounded once, compiled or not."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from argus.core._fused_kernels import fused

NUMBERS = st.one_of(st.floats(-1e100, 1e100), st.sampled_from([0.0, -0.0, 1.0, -1.0, 1 + 2**-52, 2.0**-600]))


@njit
def _fuse(x: Any, y: Any, z: Any) -> Any:
    return fused(x, y, z)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_it_is_the_nearest_number_to_the_exact_one(x: float, y: float, z: float) -> None:
    assert _fuse(x, y, z) == float(Fraction(x) * Fraction(y) + Fraction(z))


def test_it_keeps_what_a_rounded_product_loses() -> None:
    x = 1.0 + 2.0**-30
    assert _fuse(x, x, -(1.0 + 2.0**-29)) == 2.0**-60
    assert x * x - (1.0 + 2.0**-29) == 0.0


@pytest.mark.parametrize(
    ("x", "y", "z", "expected"),
    [
        (math.inf, 2.0, 1.0, math.inf),
        (math.inf, 0.0, 1.0, math.nan),
        (1.0, 1.0, -math.inf, -math.inf),
        (math.nan, 1.0, 1.0, math.nan),
        (1e300, 1e300, 0.0, math.inf),
        (-0.0, 1.0, -0.0, -0.0),
        (1.0, 1.0, -1.0, 0.0),
    ],
)
def test_ends_of_the_numbers(x: float, y: float, z: float, expected: float) -> None:
    with np.errstate(all="ignore"):
        assert np.float64(_fuse(x, y, z)).tobytes()[:7] == np.float64(expected).tobytes()[:7] or math.isnan(expected)
        assert math.isnan(_fuse(x, y, z)) == math.isnan(expected)
        assert math.copysign(1.0, _fuse(x, y, z)) == math.copysign(1.0, expected) or math.isnan(expected)
