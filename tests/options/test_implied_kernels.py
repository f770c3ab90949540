"""Implied volatility: the same bits compiled and as plain Python, and a reason for each quote without an answer."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from argus.options import Reason, bachelier_price, black76_price, implied_vol
from argus.options._black_kernels import LANES

ROWS = LANES + 3
STRIKE = 70.0 + 60.0 * np.arange(ROWS) / ROWS
RIGHT = np.where(np.arange(ROWS) % 3, 1, -1).astype(np.int8)


def test_the_bits_are_these_compiled_or_not() -> None:
    price = black76_price(100.0, 0.97, STRIKE, 0.7, 0.25, RIGHT).price
    amounts = bachelier_price(100.0, 0.97, STRIKE, 0.7, 20.0, RIGHT).price
    found = implied_vol(price, 100.0, 0.97, STRIKE, 0.7, RIGHT)
    moved = implied_vol(amounts, 100.0, 0.97, STRIKE, 0.7, RIGHT, model="bachelier")
    assert found.vol == pytest.approx(np.full(ROWS, 0.25), rel=1e-12)
    assert moved.vol == pytest.approx(np.full(ROWS, 20.0), rel=1e-12)
    assert hashlib.sha256(found.vol.tobytes() + moved.vol.tobytes()).hexdigest()[:16] == "f33c7dcd18a7fdd6"


GOOD = {"price": 5.0, "forward": 100.0, "discount": 0.97, "strike": 105.0, "years": 0.5, "right": 1.0}


@pytest.mark.parametrize("model", ["black", "bachelier"])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, Reason.OK),
        ({"price": np.nan}, Reason.NOT_FINITE),
        ({"forward": np.inf}, Reason.NOT_FINITE),
        ({"discount": np.nan}, Reason.NOT_FINITE),
        ({"years": 0.0}, Reason.EXPIRED),
        ({"years": -0.1}, Reason.EXPIRED),
        ({"right": 3.0}, Reason.BAD_RIGHT),
        ({"discount": 0.0}, Reason.DISCOUNT_OUT_OF_RANGE),
        ({"discount": 1e-9}, Reason.DISCOUNT_OUT_OF_RANGE),
        ({"price": 0.0}, Reason.PRICE_NOT_POSITIVE),
        ({"price": -1.0}, Reason.PRICE_NOT_POSITIVE),
        ({"strike": 90.0, "price": 9.7}, Reason.BELOW_INTRINSIC),
        ({"strike": 90.0, "price": 9.0}, Reason.BELOW_INTRINSIC),
        ({"strike": 90.0, "price": 9.7 + 2e-15}, Reason.BELOW_INTRINSIC),
        ({"right": -1.0, "price": 4.8}, Reason.BELOW_INTRINSIC),
    ],
)
def test_every_bad_quote_has_its_reason(model: str, change: dict[str, float], reason: Reason) -> None:
    row = GOOD | change
    found = implied_vol(*row.values(), model=model)
    assert found.reason[0] == reason
    assert np.isnan(found.vol[0]) == (reason != Reason.OK)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"strike": 0.0}, Reason.STRIKE_NOT_POSITIVE),
        ({"strike": -1.0}, Reason.STRIKE_NOT_POSITIVE),
        ({"forward": 0.0}, Reason.FORWARD_NOT_POSITIVE),
        ({"forward": -3.0}, Reason.FORWARD_NOT_POSITIVE),
        ({"price": 97.0}, Reason.ABOVE_MAXIMUM),
        ({"right": -1.0, "price": 0.97 * 105.0}, Reason.ABOVE_MAXIMUM),
        ({"price": 1e-99}, Reason.OK),
    ],
)
def test_what_only_percentages_forbid(change: dict[str, float], reason: Reason) -> None:
    assert implied_vol(*(GOOD | change).values()).reason[0] == reason


def test_a_bad_row_disturbs_no_other() -> None:
    price = black76_price(100.0, 0.97, STRIKE, 0.7, 0.25, RIGHT).price
    clean = implied_vol(price, 100.0, 0.97, STRIKE, 0.7, RIGHT).vol
    price[[0, 7, ROWS - 1]] = (np.nan, -1.0, 1e9)
    dirty = implied_vol(price, 100.0, 0.97, STRIKE, 0.7, RIGHT)
    others = np.setdiff1d(np.arange(ROWS), [0, 7, ROWS - 1])
    assert clean[others].tobytes() == dirty.vol[others].tobytes()
    assert not dirty.reason[others].any()
    assert dirty.reason[[0, 7, ROWS - 1]].all()
