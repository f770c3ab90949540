"""Implied volatility against mpmath over the whole grid, and against vollib and QuantLib."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import QuantLib as ql
from hypothesis import given
from hypothesis import strategies as st
from vollib.black.implied_volatility import implied_volatility as vollib_implied

from argus.core.errors import ConfigError
from argus.options import Reason, black76_greeks, implied_vol, quote_vols

mpmath.mp.dps = 40
EPS = 2.0**-52


def exact_price(forward: float, strike: float, years: float, vol: float, right: int, model: str) -> float:
    f, k, t, v = (mpmath.mpf(float(x)) for x in (forward, strike, years, vol))
    s = v * mpmath.sqrt(t)
    if model == "bachelier":
        return float(right * (f - k) * mpmath.ncdf(right * (f - k) / s) + s * mpmath.npdf((f - k) / s))
    d1 = mpmath.log(f / k) / s + s / 2
    return float(right * (f * mpmath.ncdf(right * d1) - k * mpmath.ncdf(right * (d1 - s))))


def test_the_whole_grid_comes_back() -> None:
    # Hours to decades, volatility 1 % to 500 %, nine deviations into the wings, a third of the quotes in the money.
    rng = np.random.default_rng(3)
    n = 1_500
    years, vol = np.exp(rng.uniform(np.log([1 / 8760, 0.01]), np.log([40.0, 5.0]), (n, 2))).T
    strike = np.exp(rng.uniform(0.0, 9.0, n))
    forward = strike * np.exp(np.clip(rng.uniform(-9.0, 9.0, n) * vol * np.sqrt(years), -8.0, 8.0))
    right = np.where((forward < strike) == (rng.random(n) < 0.7), 1, -1)
    price = np.array([exact_price(forward[i], strike[i], years[i], vol[i], int(right[i]), "black") for i in range(n)])
    found = implied_vol(price, forward, 1.0, strike, years, right)
    # What the last digit of the price, of the forward and of the strike leaves open.
    vega = black76_greeks(forward, 1.0, strike, years, vol, right).vega
    open_ = EPS * np.maximum(price, np.minimum(forward, strike)) / vega
    answered = found.reason == 0
    error = np.abs(found.vol - vol)[answered]
    assert (error <= 1e-12 + 20.0 * open_[answered]).all()
    told = open_[answered] < 1e-11
    assert told.mean() > 0.5
    assert error[told].max() < 1e-10
    # No answer only where the digits of the price do not hold one.
    assert set(found.reason[~answered]) <= {Reason.BELOW_INTRINSIC, Reason.ABOVE_MAXIMUM}
    assert (open_[~answered] > 1e-11).all()


def test_far_out_of_the_money_the_price_is_enough() -> None:
    # Relative digits of a tiny price hold the volatility where absolute ones could not.
    price = exact_price(100.0, 300.0, 0.25, 0.2, 1, "black")
    assert price < 1e-26
    assert implied_vol(price, 100.0, 1.0, 300.0, 0.25, 1).vol[0] == pytest.approx(0.2, rel=1e-12)


def test_amounts_come_back() -> None:
    rng = np.random.default_rng(5)
    n = 300
    years, vol = np.exp(rng.uniform(np.log([1 / 8760, 0.1]), np.log([40.0, 200.0]), (n, 2))).T
    strike = rng.uniform(-50.0, 150.0, n)
    deviations = rng.uniform(-8.0, 8.0, n)
    deviations[:10] = 0.0
    forward = strike + deviations * vol * np.sqrt(years)
    right = np.where(forward < strike, 1, -1)
    price = [exact_price(forward[i], strike[i], years[i], vol[i], int(right[i]), "bachelier") for i in range(n)]
    found = implied_vol(price, forward, 1.0, strike, years, right, model="bachelier")
    assert not found.reason.any()
    assert found.vol == pytest.approx(vol, rel=1e-12)


def test_vollib_and_quantlib_agree() -> None:
    rng = np.random.default_rng(9)
    for _ in range(60):
        strike, rate = (float(x) for x in rng.uniform([80.0, 0.0], [125.0, 0.08]))
        years, vol = (float(x) for x in np.exp(rng.uniform(np.log([0.05, 0.08]), np.log([3.0, 1.0]))))
        right = int(rng.choice([-1, 1]))
        discount = float(np.exp(-rate * years))
        price = discount * exact_price(100.0, strike, years, vol, right, "black")
        ours = implied_vol(price, 100.0, discount, strike, years, right).vol[0]
        vega = black76_greeks(100.0, discount, strike, years, vol, right).vega[0]
        flag = "c" if right == 1 else "p"
        assert abs(ours - vollib_implied(price, 100.0, strike, rate, years, flag)) * vega < 1e-12
        side = ql.Option.Call if right == 1 else ql.Option.Put
        theirs = ql.blackFormulaImpliedStdDev(side, strike, 100.0, price, discount, 0.0, 0.3, 1e-14, 500)
        assert abs(ours - theirs / np.sqrt(years)) * vega < 1e-9


@given(
    deviations=st.floats(-6.0, 6.0), years=st.floats(1e-3, 30.0), vol=st.floats(0.02, 3.0), rate=st.floats(-0.05, 0.2)
)
def test_a_price_gives_the_volatility_that_made_it(deviations: float, years: float, vol: float, rate: float) -> None:
    discount = np.exp(-rate * years)
    forward = 100.0 * np.exp(np.clip(deviations * vol * np.sqrt(years), -5.0, 5.0))
    made = black76_greeks(forward, discount, 100.0, years, vol, [1, -1])
    found = implied_vol(made.price, forward, discount, 100.0, years, [1, -1])
    for price, vega, back, reason in zip(made.price, made.vega, found.vol, found.reason, strict=True):
        lost = 1e-15 * max(price, discount * min(forward, 100.0)) / vega if vega > 0.0 else np.inf
        if lost < 1e-6:
            assert reason == 0
            assert abs(back - vol) <= 1e-12 + 20.0 * lost


def test_both_sides_of_a_quote_and_their_middle() -> None:
    found = quote_vols([1.0, 0.0, 3.0, 2.0], [1.2, 1.0, 2.9, np.nan], 100.0, 0.99, 105.0, 0.3, 1)
    assert found.bid.reason.tolist() == [0, Reason.NO_TWO_SIDED_QUOTE, Reason.CROSSED, 0]
    assert found.mid.reason.tolist() == [0, Reason.NO_TWO_SIDED_QUOTE, Reason.CROSSED, Reason.NO_TWO_SIDED_QUOTE]
    assert found.ask.reason.tolist() == [0, 0, Reason.CROSSED, Reason.NO_TWO_SIDED_QUOTE]
    assert found.bid.vol[0] < found.mid.vol[0] < found.ask.vol[0]
    assert found.mid.vol[0] == implied_vol(1.1, 100.0, 0.99, 105.0, 0.3, 1).vol[0]
    for side in (found.bid, found.mid, found.ask):
        assert (np.isnan(side.vol) == (side.reason != 0)).all()


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ConfigError, match="heston"):
        implied_vol(5.0, 100.0, 1.0, 100.0, 1.0, 1, model="heston")
