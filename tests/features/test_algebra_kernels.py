"""The logarithm that kernels share, against arithmetic of more digits; quotients that are worked out as products."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core import _fused_kernels
from argus.core.arrays import F64_1D
from argus.features import _algebra_kernels
from argus.features._algebra_kernels import log_of_sides, natural_log
from argus.features._form_kernels import is_compiled
from argus.features.inputs import CLOSE
from argus.features.runner import Runner


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


@given(st.floats(min_value=-0.999, max_value=0.999).filter(lambda x: abs(x) > 1e-15))
def test_logarithm_of_two_sides_is_within_units_too(x: float) -> None:
    with localcontext() as context:
        context.prec = 80
        true = ((1 + Decimal(x)) / (1 - Decimal(x))).ln()
        assert abs(Decimal(float(log_of_sides(x))) - true) <= Decimal("1.5") * Decimal(math.ulp(float(true)))


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
def test_plain_logarithm_has_the_bits_of_the_compiled_one(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    sample = np.concatenate((np.exp(random.standard_normal(500) * 40.0), 1.0 + random.standard_normal(500) * 1e-3))
    compiled = [natural_log(x) for x in sample]
    # What is fused is the processor's in one form and Python's in the other.
    monkeypatch.setattr(_algebra_kernels, "fused", _fused_kernels._in_python)
    assert [natural_log.py_func(x) for x in sample] == compiled


def quotients(x: list[float], divisor: float, piece: int) -> F64_1D:
    runner = Runner([CLOSE / divisor], piece)
    out = np.empty((1, len(x)))
    runner.feed_all([np.array(x)], out, lambda _: None)
    return out[0]


@given(
    st.one_of(st.integers(1, 1000), st.integers(1, 2**20)),
    st.lists(st.floats(min_value=-1e30, max_value=1e30), max_size=20),
    st.integers(1, 2**52),
)
def test_division_by_a_whole_number_is_exact_to_the_last_bit(divisor: int, some: list[float], whole: int) -> None:
    # Beside any numbers those whose quotients are exact, or as near to the middle of two floats as can be.
    known = [float(whole) * divisor, (whole + 0.5) * divisor, (2.0**52 + whole) * divisor]
    near = [math.nextafter(value, end) for value in known for end in (0.0, math.inf)]
    x = [value for value in (0.0, -0.0, *some, *known, *near) if value == 0.0 or abs(value) > 1e-250]
    for sign in (1.0, -1.0):
        want = np.array(x) / (sign * divisor)
        for piece in (1, 100):
            assert quotients(x, sign * divisor, piece).tobytes() == want.tobytes()


@given(st.floats(min_value=1e-3, max_value=1e9), st.floats(min_value=1e-20, max_value=1e20))
def test_division_by_any_number_is_exact_to_the_last_bit(divisor: float, x: float) -> None:
    assert quotients([x], divisor, 1)[0] == x / divisor


@pytest.mark.parametrize("divisor", [1, 2, 3, -4])
def test_what_is_infinite_stays_so_when_divided(divisor: int) -> None:
    runner = Runner([1.0 / (CLOSE / divisor)])
    out = np.empty((1, 2))
    runner.feed_all([np.array([math.inf, -math.inf])], out, lambda _: None)
    assert (out == 0.0).all()
