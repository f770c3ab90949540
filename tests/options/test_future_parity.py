"""Forwards of options on futures: QuantLib makes the American prices, and the future and the rate come back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from argus.options import (
    ForwardFit,
    RateCurve,
    Reason,
    american_implied_vol,
    american_values,
    black76_price,
    implied_forwards,
)
from tests.options.test_american import quantlib

FUTURE = 75.0
STRIKES = np.arange(60.0, 91.0, 2.5)
HALF = 0.005
Columns = dict[str, NDArray[np.float64]]


def vol_at(strike: NDArray[np.float64], vol: float) -> NDArray[np.float64]:
    return vol * (1.0 - 0.3 * np.log(strike / FUTURE))


def made(days: int, rate: float, vol: float, *, early: bool = True) -> Columns:
    """Quotes around prices by QuantLib (American) or by Black's formula."""
    strike, right = np.tile(STRIKES, 2), np.repeat([1, -1], len(STRIKES))
    own, years = vol_at(strike, vol), days / 365.0
    if early:
        columns = zip(strike, own, right, strict=True)
        price = np.array([quantlib(FUTURE, k, days, v, rate, rate, int(r)) for k, v, r in columns])
    else:
        price = black76_price(FUTURE, np.exp(-rate * years), strike, years, own, right).price
    quoted = np.maximum(price, 2.0 * HALF)
    columns_ = {"strike": strike, "right": right.astype(np.float64), "bid": quoted - HALF, "ask": quoted + HALF}
    return {"years": np.full(len(strike), years), **columns_}


def fit(columns: Columns, **rest: Any) -> ForwardFit:
    return implied_forwards(1, **columns, **({"early": True, "on_futures": True} | rest))


@pytest.mark.parametrize(("days", "rate", "vol"), [(365, 0.05, 0.25), (150, 0.08, 0.40), (45, 0.03, 0.20)])
def test_future_rate_and_volatility_of_quantlibs_prices_come_back(days: int, rate: float, vol: float) -> None:
    columns = made(days, rate, vol)
    found = fit(columns)
    assert found.reason[0] == Reason.OK
    assert abs(found.forward[0] - FUTURE) < 1e-3
    assert abs(found.rate[0] - rate) < 4.0 * found.rate_error[0] + 1e-4
    assert found.dividend_yield[0] == found.rate[0], "a future carries nothing"
    given = fit(columns, curve=RateCurve.flat(rate))
    assert abs(given.forward[0] - FUTURE) < 1e-4
    assert np.nanmax(np.abs(given.residual)) < 1e-3
    middle = 0.5 * (columns["bid"] + columns["ask"])
    vols = american_implied_vol(
        middle, given.forward[0], columns["strike"], days / 365.0, rate, rate, columns["right"]
    ).vol
    out = columns["right"] * (columns["strike"] - FUTURE) >= 0.0
    assert np.nanmax(np.abs(vols - vol_at(columns["strike"], vol))[out & (middle > 0.02)]) < 1e-4


def test_european_parity_would_have_the_rate_wrong() -> None:
    columns = made(365, 0.08, 0.2)
    plain = fit(columns, early=False)
    assert abs(plain.rate[0] - 0.08) > 20.0 * abs(fit(columns).rate[0] - 0.08)


def test_european_options_on_futures_are_those_of_black() -> None:
    columns = made(90, 0.05, 0.3, early=False)
    found = fit(columns, early=False)
    assert found.forward[0] == pytest.approx(FUTURE, abs=1e-9)
    assert found.rate[0] == pytest.approx(0.05, abs=1e-9)
    assert found.dividend_yield[0] == found.rate[0]


@pytest.mark.parametrize("early", [True, False])
def test_what_is_known_is_not_asked_for(early: bool) -> None:
    columns = made(365, 0.05, 0.25, early=early)
    told = fit(columns, early=early, forward=FUTURE + 0.1)
    assert told.forward[0] == FUTURE + 0.1
    assert told.forward_error[0] == 0.0
    assert told.discount_error[0] > 0.0
    right = fit(columns, early=early, forward=FUTURE)
    assert abs(right.rate[0] - 0.05) < 2e-4
    both = fit(columns, early=early, forward=FUTURE, curve=RateCurve.flat(0.05))
    assert (both.forward[0], both.forward_error[0], both.discount_error[0]) == (FUTURE, 0.0, 0.0)
    assert np.nanmax(np.abs(both.residual)) < 1e-4
    # With future and rate stated, an expiry without any pair has an answer too; with the future alone it has none.
    alone = {name: column[:1] for name, column in columns.items()}
    assert fit(alone, early=early, forward=FUTURE, curve=RateCurve.flat(0.05)).reason[0] == Reason.OK
    assert fit(alone, early=early, forward=FUTURE).reason[0] == Reason.TOO_FEW_STRIKES


def test_below_a_rate_of_zero_exercising_early_never_pays() -> None:
    columns = made(180, -0.02, 0.25)
    found = fit(columns)
    assert abs(found.forward[0] - FUTURE) < 1e-3
    assert abs(found.rate[0] + 0.02) < 4.0 * found.rate_error[0] + 1e-4
    strike = columns["strike"]
    own = american_values(FUTURE, strike, 0.5, 0.25, -0.02, -0.02, columns["right"])
    bare = black76_price(FUTURE, np.exp(0.01), strike, 0.5, 0.25, columns["right"]).price
    np.testing.assert_allclose(own.price, bare, rtol=1e-9)
