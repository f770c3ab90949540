"""The pricing kernels: the same bits compiled and as plain Python, in any block, beside any neighbour."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from argus.options import (
    Reason,
    bachelier_greeks,
    bachelier_price,
    black76_greeks,
    black76_price,
    black_scholes_greeks,
    black_scholes_price,
)
from argus.options._black_kernels import LANES

ROWS = LANES + 3
UNDER = 80.0 + 40.0 * np.arange(ROWS) / ROWS
VOL = 0.05 + 0.01 * np.arange(ROWS)
RIGHT = np.where(np.arange(ROWS) % 3, 1, -1).astype(np.int8)


@pytest.mark.parametrize(
    ("call", "digest"),
    [
        (lambda: black_scholes_greeks(UNDER, 100.0, 0.7, VOL, 0.03, 0.01, RIGHT), "c28cf009c996978f"),
        (lambda: black76_greeks(UNDER, 0.97, 100.0, 0.7, VOL, RIGHT), "dcfd1436d2b542dd"),
        (lambda: bachelier_greeks(UNDER - 100.0, 0.97, 0.0, 0.7, 20.0 * VOL, RIGHT), "05f1a589a99470ed"),
    ],
    ids=["spot", "forward", "amounts"],
)
def test_the_bits_are_these_compiled_or_not(call: Any, digest: str) -> None:
    found = call()
    columns = [getattr(found, name) for name in found.__slots__]
    assert hashlib.sha256(b"".join(column.tobytes() for column in columns)).hexdigest()[:16] == digest


def test_a_bad_row_disturbs_no_other() -> None:
    clean = black76_greeks(UNDER, 0.97, 100.0, 0.7, VOL, RIGHT)
    under = UNDER.copy()
    under[5] = np.nan
    dirty = black76_greeks(under, 0.97, 100.0, 0.7, VOL, RIGHT)
    others = np.arange(ROWS) != 5
    for name in clean.__slots__:
        one, other = getattr(clean, name), getattr(dirty, name)
        assert one[others].tobytes() == other[others].tobytes()
    assert dirty.reason[5] == Reason.NOT_FINITE
    assert np.isnan([getattr(dirty, name)[5] for name in clean.__slots__[:-1]]).all()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"under": np.nan}, Reason.NOT_FINITE),
        ({"under": np.inf}, Reason.NOT_FINITE),
        ({"strike": 1e200}, Reason.NOT_FINITE),
        ({"vol": np.inf}, Reason.NOT_FINITE),
        ({"years": 0.0}, Reason.EXPIRED),
        ({"years": -1.0}, Reason.EXPIRED),
        ({"strike": 0.0}, Reason.STRIKE_NOT_POSITIVE),
        ({"strike": -5.0}, Reason.STRIKE_NOT_POSITIVE),
        ({"under": 0.0}, Reason.FORWARD_NOT_POSITIVE),
        ({"under": -1.0}, Reason.FORWARD_NOT_POSITIVE),
        ({"vol": 0.0}, Reason.VOL_NOT_POSITIVE),
        ({"vol": -0.2}, Reason.VOL_NOT_POSITIVE),
        ({"right": 0}, Reason.BAD_RIGHT),
        ({"right": 2}, Reason.BAD_RIGHT),
        ({"rate": 11.0}, Reason.DISCOUNT_OUT_OF_RANGE),
        ({"rate": np.nan}, Reason.NOT_FINITE),
    ],
)
def test_every_bad_input_has_its_reason(change: dict[str, float], reason: Reason) -> None:
    row = {"under": 100.0, "strike": 95.0, "years": 0.5, "vol": 0.2, "right": 1, "rate": 0.03} | change
    discount = np.exp(-row["rate"] * abs(row["years"]))
    spot = black_scholes_price(row["under"], row["strike"], row["years"], row["vol"], row["rate"], 0.0, row["right"])
    forward = black76_price(row["under"], discount, row["strike"], row["years"], row["vol"], row["right"])
    for found in (spot, forward):
        assert found.reason[0] == reason
        assert np.isnan(found.price[0])


def test_a_discount_that_is_none_and_an_absurd_yield() -> None:
    for discount in (0.0, -1.0, 1e30):
        assert black76_price(100.0, discount, 95.0, 0.5, 0.2, 1).reason[0] == Reason.DISCOUNT_OUT_OF_RANGE
    assert black_scholes_price(100.0, 95.0, 0.5, 0.2, 0.0, -12.0, 1).reason[0] == Reason.YIELD_OUT_OF_RANGE


def test_a_negative_forward_is_no_fault_where_it_moves_by_amounts() -> None:
    found = bachelier_price([-5.0, np.nan], 0.99, [-4.0, -4.0], 1.0, 2.0, 1)
    assert found.reason.tolist() == [Reason.OK, Reason.NOT_FINITE]
    assert found.price[0] == pytest.approx(0.3917, abs=1e-4)
