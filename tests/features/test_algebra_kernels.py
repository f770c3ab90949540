"""The logarithm that kernels share, against arithmetic of more digits."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.features._algebra_kernels import natural_log
from argus.features._form_kernels import is_compiled


def units_off(x: float) -> float:
    """Distance from the true logarithm in units of its last place."""
    with localcontext() as context:
        context.prec = 60
        true = Decimal(x).ln()
        return float(abs(Decimal(float(natural_log(x))) - true) / Decimal(math.ulp(float(true))))


@given(st.floats(min_value=5e-324, max_value=1.7976931348623157e308))
def test_logarithm_is_within_units_of_the_last_place(x: float) -> None:
    assert units_off(x) <= 1.25


@given(st.floats(min_value=0.25, max_value=4.0))
def test_logarithm_of_what_is_near_one_is_too(x: float) -> None:
    assert units_off(x) <= 1.25


@pytest.mark.parametrize("x", [1.0 + 2.0**-52, 1.0 - 2.0**-53, 2.0**-1074, 2.0**-1022, math.sqrt(0.5), math.sqrt(2.0)])
def test_logarithm_at_its_seams(x: float) -> None:
    for near in (math.nextafter(x, 0.0) or x, x, math.nextafter(x, math.inf)):
        if near != 1.0:
            assert units_off(near) <= 1.25


def test_logarithm_where_there_is_none() -> None:
    assert natural_log(1.0) == 0.0
    assert natural_log(np.inf) == np.inf
    for x in (0.0, -0.0, -1.0, -np.inf, np.nan):
        assert np.isnan(natural_log(x))


@pytest.mark.skipif(not is_compiled(), reason="compares the compiled form with the plain one")
def test_plain_logarithm_has_the_bits_of_the_compiled_one() -> None:
    random = np.random.default_rng(1)
    for x in np.concatenate((np.exp(random.standard_normal(500) * 40.0), 1.0 + random.standard_normal(500) * 1e-3)):
        assert natural_log.py_func(x) == natural_log(x)
