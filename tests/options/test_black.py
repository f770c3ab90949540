"""Prices and greeks against mpmath's derivatives, QuantLib, vollib, published values and what no arbitrage demands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import QuantLib as ql
from hypothesis import given
from hypothesis import strategies as st
from vollib.black_scholes_merton import black_scholes_merton

from argus.core.errors import DataError
from argus.options import (
    Greeks,
    bachelier_greeks,
    black76_greeks,
    black76_price,
    black_scholes_greeks,
    black_scholes_price,
)

mpmath.mp.dps = 40
# Orders of differentiation by underlying, years, volatility, rate, and the sign: time passes where years shrink.
DERIVATIVES = {
    "delta": (1, 0, 0, 0, 1),
    "gamma": (2, 0, 0, 0, 1),
    "vega": (0, 0, 1, 0, 1),
    "theta": (0, 1, 0, 0, -1),
    "rho": (0, 0, 0, 1, 1),
    "vanna": (1, 0, 1, 0, 1),
    "charm": (1, 1, 0, 0, -1),
    "vomma": (0, 0, 2, 0, 1),
    "veta": (0, 1, 1, 0, -1),
    "speed": (3, 0, 0, 0, 1),
    "color": (2, 1, 0, 0, -1),
}


def exact(model: str, under: Any, strike: Any, years: Any, vol: Any, rate: Any, dividend: Any, right: int) -> Any:
    stdev = vol * mpmath.sqrt(years)
    if model == "bachelier":
        d = (under - strike) / stdev
        value = right * (under - strike) * mpmath.ncdf(right * d) + stdev * mpmath.npdf(d)
    else:
        forward = under * mpmath.exp((rate - dividend) * years) if model == "spot" else under
        d1 = mpmath.log(forward / strike) / stdev + stdev / 2
        value = right * (forward * mpmath.ncdf(right * d1) - strike * mpmath.ncdf(right * (d1 - stdev)))
    return mpmath.exp(-rate * years) * value


@pytest.mark.parametrize("model", ["spot", "forward", "bachelier"])
@pytest.mark.parametrize("seed", range(4))
def test_greeks_are_the_derivatives_of_the_price(model: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    under, strike, rate, dividend = rng.uniform([60, 60, -0.05, -0.05], [140, 140, 0.1, 0.1])
    years, vol = np.exp(rng.uniform(np.log([0.01, 0.05]), np.log([20.0, 2.0])))
    right = 1 if seed % 2 else -1
    if model == "spot":
        found = black_scholes_greeks(under, strike, years, vol, rate, dividend, right)
    elif model == "forward":
        found = black76_greeks(under, np.exp(-rate * years), strike, years, vol, right)
    else:
        vol *= 100.0
        found = bachelier_greeks(under, np.exp(-rate * years), strike, years, vol, right)
    at = [mpmath.mpf(float(x)) for x in (under, years, vol, rate)]

    def price(u: Any, t: Any, v: Any, r: Any) -> Any:
        return exact(model, u, mpmath.mpf(float(strike)), t, v, r, mpmath.mpf(float(dividend)), right)

    assert found.price[0] == pytest.approx(float(price(*at)), rel=1e-12)
    for name, (*orders, sign) in DERIVATIVES.items():
        truth = sign * float(mpmath.diff(price, at, tuple(orders)))
        assert getattr(found, name)[0] == pytest.approx(truth, rel=1e-11), name


def test_prices_over_the_whole_grid_keep_their_digits() -> None:
    # Hours to decades, volatility 1 % to 500 %, nine deviations into either wing.
    rng = np.random.default_rng(11)
    n = 300
    years, vol = np.exp(rng.uniform(np.log([1 / 8760, 0.01]), np.log([40.0, 5.0]), (n, 2))).T
    strike = np.exp(rng.uniform(0.0, 9.0, n))
    forward = strike * np.exp(np.clip(rng.uniform(-9.0, 9.0, n) * vol * np.sqrt(years), -8.0, 8.0))
    right = np.where(forward < strike, 1, -1)
    found = black76_price(forward, 1.0, strike, years, vol, right)
    assert not found.reason.any()
    for i in range(n):
        row = [mpmath.mpf(float(column[i])) for column in (forward, strike, years, vol)]
        truth = float(exact("forward", *row, mpmath.mpf(0), mpmath.mpf(0), int(right[i])))
        # The last digit of d1 weighs d1 times, and the two parts cancel.
        assert found.price[i] == pytest.approx(truth, rel=2e-11, abs=4e-16 * min(forward[i], strike[i]))


@pytest.mark.parametrize(
    ("price", "published"),
    [
        # Hull, "Options, Futures, and Other Derivatives", the example of the chapter on Black-Scholes-Merton.
        (black_scholes_price(42.0, 40.0, 0.5, 0.2, 0.1, 0.0, [1, -1]).price, [4.76, 0.81]),
        # Haug, "The Complete Guide to Option Pricing Formulas": Merton's formula with a yield, and Black 1976.
        (black_scholes_price(75.0, 70.0, 0.5, 0.35, 0.1, 0.05, -1).price, [4.0870]),
        (black76_price(19.0, np.exp(-0.1 * 0.75), 19.0, 0.75, 0.28, [1, -1]).price, [1.7011, 1.7011]),
    ],
    ids=["hull", "haug-merton", "haug-black"],
)
def test_published_values(price: Any, published: list[float]) -> None:
    digits = 2 if len(str(published[0])) <= 4 else 4
    assert price.round(digits).tolist() == published


def test_vollib_and_quantlib_agree() -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        spot, strike, rate, dividend = (float(x) for x in rng.uniform([60, 60, -0.02, -0.02], [140, 140, 0.1, 0.1]))
        years, vol = (float(x) for x in np.exp(rng.uniform(np.log([0.01, 0.05]), np.log([10.0, 1.5]))))
        right = int(rng.choice([-1, 1]))
        found = black_scholes_greeks(spot, strike, years, vol, rate, dividend, right)
        theirs = black_scholes_merton("c" if right == 1 else "p", spot, strike, years, rate, vol, dividend)
        assert found.price[0] == pytest.approx(theirs, rel=1e-10, abs=1e-12)
        payoff = ql.PlainVanillaPayoff(ql.Option.Call if right == 1 else ql.Option.Put, strike)
        grown, discount = spot * np.exp((rate - dividend) * years), np.exp(-rate * years)
        calculator = ql.BlackCalculator(payoff, grown, vol * np.sqrt(years), discount)
        for name, theirs in (
            ("price", calculator.value()),
            ("delta", calculator.delta(spot)),
            ("gamma", calculator.gamma(spot)),
            ("vega", calculator.vega(years)),
            ("rho", calculator.rho(years)),
            ("theta", calculator.theta(spot, years)),
        ):
            assert getattr(found, name)[0] == pytest.approx(theirs, rel=1e-9, abs=1e-11), name


@given(
    moneyness=st.floats(-3.0, 3.0),
    years=st.floats(1e-4, 40.0),
    vol=st.floats(0.01, 5.0),
    rate=st.floats(-0.1, 0.3),
)
def test_parity_and_bounds(moneyness: float, years: float, vol: float, rate: float) -> None:
    forward, discount = 100.0 * np.exp(moneyness), np.exp(-rate * years)
    found = black76_greeks(forward, discount, 100.0, years, vol, [1, -1])
    assert not found.reason.any()
    assert np.isfinite([getattr(found, name) for name in found.__slots__]).all()
    call, put = found.price
    assert call - put == pytest.approx(discount * (forward - 100.0), rel=1e-13, abs=1e-12)
    assert max(discount * (forward - 100.0), 0.0) <= call <= discount * forward * (1.0 + 1e-15)
    assert found.delta[0] - found.delta[1] == pytest.approx(discount, rel=1e-14)
    for same in ("gamma", "vega", "vomma", "speed"):
        assert getattr(found, same)[0] == getattr(found, same)[1]


def test_numbers_stand_for_columns() -> None:
    alone = black76_price(100.0, 0.97, 95.0, 0.5, 0.2, 1)
    strikes = np.full(300, 95.0)
    assert set(black76_price(100.0, 0.97, strikes, [0.5] * 300, 0.2, np.ones(300)).price) == {alone.price[0]}
    assert len(black76_price(100.0, 0.97, [], 0.5, 0.2, 1).price) == 0


def test_columns_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match="strike"):
        black76_price([100.0, 101.0], 0.97, [95.0, 96.0, 97.0], 0.5, 0.2, 1)
    with pytest.raises(DataError, match=r"vol has shape \(1, 2\)"):
        black76_price(100.0, 0.97, 95.0, 0.5, [[0.2, 0.3]], 1)
    with pytest.raises(DataError, match="right has shape"):
        black76_price(100.0, 0.97, 95.0, 0.5, 0.2, [[1]])
    with pytest.raises(DataError, match="strike is not a column of numbers"):
        black76_price(100.0, 0.97, ["high"], 0.5, 0.2, 1)


def test_an_answer_can_be_written_over() -> None:
    strikes = np.arange(60.0, 160.0)
    first = black76_greeks(100.0, 0.97, strikes, 0.5, 0.2, 1)
    again = black76_greeks(100.0, 0.97, strikes, 0.5, 0.3, -1, out=first)
    fresh = black76_greeks(100.0, 0.97, strikes, 0.5, 0.3, -1)
    for name in fresh.__slots__:
        assert np.shares_memory(getattr(again, name), getattr(first, name))
        assert getattr(again, name).tobytes() == getattr(fresh, name).tobytes()
    with pytest.raises(DataError, match="out holds 100 rows"):
        black76_greeks(100.0, 0.97, strikes[1:], 0.5, 0.2, 1, out=first)
    with pytest.raises(DataError, match="of 12 columns, 100 of 9 are wanted"):
        black76_greeks(100.0, 0.97, strikes, 0.5, 0.2, 1, out=first, extended=False)


@pytest.mark.parametrize("model", [black76_greeks, bachelier_greeks])
def test_fewer_greeks_are_the_same_greeks(model: Callable[..., Greeks]) -> None:
    strikes = np.append(np.arange(60.0, 160.0), -np.inf)
    all_of_them = model(100.0, 0.97, strikes, 0.5, 0.2, 1)
    some = model(100.0, 0.97, strikes, 0.5, 0.2, 1, extended=False)
    some = model(100.0, 0.97, strikes, 0.5, 0.2, 1, extended=False, out=some)
    for name in some.__slots__:
        found, wanted = getattr(some, name), getattr(all_of_them, name)
        assert found.tobytes() == (b"" if name in {"veta", "speed", "color"} else wanted.tobytes())
