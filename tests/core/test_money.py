from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import ConfigError
from argus.core.money import MICROS, MONEY_MAX, decimal_of, format_micros, to_decimal, to_float, to_micros

AMOUNTS = st.integers(-MONEY_MAX, MONEY_MAX)


@given(AMOUNTS)
def test_micros_survive_the_way_to_text_and_back(micros: int) -> None:
    assert to_micros(to_decimal(micros)) == micros
    assert to_micros(str(to_decimal(micros))) == micros
    assert to_micros(format_micros(micros).replace(",", "")) == micros


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=9))
def test_finer_amounts_are_rounded_half_to_even(amount: Decimal) -> None:
    exact = Fraction(amount) * MICROS
    assert to_micros(amount) == round(exact)
    assert to_micros(str(amount)) == int((amount * MICROS).to_integral_value(ROUND_HALF_EVEN))


@pytest.mark.parametrize(
    ("amount", "micros"),
    [
        (2.25, 2_250_000),
        (0.1, 100_000),
        (1, 1_000_000),
        ("-3.5", -3_500_000),
        ("0.0000005", 0),
        ("0.0000015", 2),
        ("-0.0000025", -2),
        (Decimal("1E+3"), 1_000_000_000),
        (1e-07, 0),
    ],
)
def test_what_a_person_types(amount: Decimal | str | float, micros: int) -> None:
    assert to_micros(amount) == micros


@given(st.floats(-1e9, 1e9))
def test_a_float_is_its_shortest_text(number: float) -> None:
    assert decimal_of(number, "x") == Decimal(repr(number))
    assert to_micros(np.float64(number)) == to_micros(number)


@pytest.mark.parametrize("bad", ["", "ten", "1,5", None, float("nan"), float("inf"), "Infinity", "-inf", [1]])
def test_what_is_no_number_is_refused_by_name(bad: object) -> None:
    with pytest.raises(ConfigError, match="fee_per_unit is "):
        to_micros(bad, "fee_per_unit")  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [MONEY_MAX // MICROS + 1, "-4611686018427.387905", "1e30", "1e999999"])
def test_what_no_ledger_can_hold_is_refused_by_name(bad: int | str) -> None:
    with pytest.raises(ConfigError, match=r"cash is .*beyond the ledger's range of 4,611,686,018,427 units"):
        to_micros(bad, "cash")


def test_the_largest_amount_is_the_limit_itself() -> None:
    assert to_micros(to_decimal(MONEY_MAX)) == MONEY_MAX
    assert to_micros(to_decimal(-MONEY_MAX)) == -MONEY_MAX


@pytest.mark.parametrize(
    ("micros", "places", "text"),
    [
        (0, 2, "0.00"),
        (1, 2, "0.000001"),
        (-1_500_000, 2, "-1.50"),
        (1_234_567_890_000, 2, "1,234,567.89"),
        (1_234_567_890_120, 2, "1,234,567.89012"),
        (1_000_000_000, 0, "1,000"),
        (MONEY_MAX, 2, "4,611,686,018,427.387904"),
    ],
)
def test_text_shows_every_decimal_that_there_is(micros: int, places: int, text: str) -> None:
    assert format_micros(micros, places=places) == text


def test_floats_are_for_pictures() -> None:
    assert to_float(1_500_000) == 1.5
    assert to_float(np.int64(-1)) == -1e-6
