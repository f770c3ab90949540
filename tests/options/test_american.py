"""American options against QuantLib, published values, and what the right to exercise early demands."""

from __future__ import annotations

import numpy as np
import pytest
import QuantLib as ql
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.core.errors import ConfigError
from argus.options import (
    Reason,
    american_implied_vol,
    american_values,
    black_scholes_greeks,
    black_scholes_price,
)


def quantlib(spot: float, strike: float, days: int, vol: float, rate: float, dividend: float, right: int) -> float:
    today, count = ql.Date(2, 1, 2020), ql.Actual365Fixed()
    ql.Settings.instance().evaluationDate = today
    curves = [ql.YieldTermStructureHandle(ql.FlatForward(today, float(x), count)) for x in (dividend, rate)]
    smile = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), float(vol), count))
    process = ql.BlackScholesMertonProcess(ql.QuoteHandle(ql.SimpleQuote(float(spot))), *curves, smile)
    payoff = ql.PlainVanillaPayoff(ql.Option.Call if right == 1 else ql.Option.Put, float(strike))
    option = ql.VanillaOption(payoff, ql.AmericanExercise(today, today + int(days)))
    option.setPricingEngine(ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.highPrecisionScheme()))
    return float(option.NPV())


def test_quantlib_agrees() -> None:
    rng = np.random.default_rng(4)
    n = 60
    spot, rate, dividend = rng.uniform([60.0, -0.02, -0.05], [140.0, 0.12, 0.12], (n, 3)).T
    days = np.exp(rng.uniform(np.log(3), np.log(3_650), n)).astype(int)
    vol = np.exp(rng.uniform(np.log(0.05), np.log(1.2), n))
    right = rng.choice([-1, 1], n)
    fast, precise = (
        american_values(spot, 100.0, days / 365.0, vol, rate, dividend, right, accuracy=name)
        for name in ("fast", "precise")
    )
    own, other = np.where(right == 1, dividend, rate), np.where(right == 1, rate, dividend)
    is_double = (own < 0.0) & (other < own)
    assert not fast.reason.any()
    assert not precise.reason.any()
    assert is_double.sum() < 10
    for i in np.flatnonzero(~is_double):
        theirs = quantlib(spot[i], 100.0, days[i], vol[i], rate[i], dividend[i], right[i])
        assert abs(fast.price[i] - theirs) < 100.0 * 2e-6, i
        assert abs(precise.price[i] - theirs) < 100.0 * 3e-7, i


def test_published_values() -> None:
    # Ju, Zhong 1999, "An approximate formula for pricing American options", as QuantLib's own tests quote it.
    spot = np.array([80.0, 90.0, 100.0, 110.0, 120.0])
    found = american_values(spot, 100.0, 0.5, 0.2, 0.03, 0.07, 1, accuracy="precise")
    assert found.price.round(4).tolist() == [0.2194, 1.3864, 4.7826, 11.0977, 20.0004]
    # Longstaff, Schwartz 2001, Table 1, their finite differences: exercise at fifty instants a year, so a little less.
    found = american_values([36.0, 38.0, 40.0, 42.0, 44.0], 40.0, 1.0, 0.2, 0.06, 0.0, -1)
    assert found.price == pytest.approx([4.478, 3.250, 2.314, 1.617, 1.110], abs=0.01)


def test_extreme_drift_and_variance_stay_within_bounds() -> None:
    # Where the plain iterations diverge: drift up to thousands of times the variance, and denominators that turn.
    rng = np.random.default_rng(6)
    n = 400
    years, vol = np.exp(rng.uniform(np.log([1 / 3_000, 0.01]), np.log([30.0, 5.0]), (n, 2))).T
    rate, dividend = np.exp(rng.uniform(np.log(1e-4), np.log(0.3), n)), rng.uniform(-0.2, 0.3, n)
    spot = 100.0 * np.exp(np.clip(rng.uniform(-3.0, 3.0, n) * vol * np.sqrt(years), -0.7, 0.7))
    fast, precise = (
        american_values(spot, 100.0, years, vol, rate, dividend, -1, accuracy=name) for name in ("fast", "precise")
    )
    usual = vol >= 0.05
    assert np.abs(fast.price - precise.price)[usual].max() < 2e-3
    assert np.abs(fast.price - precise.price).max() < 0.02
    assert (precise.price >= np.maximum(100.0 - spot, 0.0)).all()
    assert (precise.price <= 100.0).all()
    assert ((precise.boundary >= 0.0) & (precise.boundary <= 100.0 * (1.0 + 1e-12))).all()


@settings(max_examples=40)
@given(
    spot=st.floats(60.0, 150.0),
    years=st.floats(0.02, 5.0),
    vol=st.floats(0.08, 1.0),
    rate=st.floats(0.0, 0.12),
    dividend=st.floats(0.0, 0.12),
)
def test_the_right_to_exercise_is_worth_something_and_symmetric(
    spot: float, years: float, vol: float, rate: float, dividend: float
) -> None:
    found = american_values(spot, 100.0, years, vol, rate, dividend, [1, -1])
    european = black_scholes_price(spot, 100.0, years, vol, rate, dividend, [1, -1]).price
    assert (found.price >= european - 1e-3).all()
    assert (found.price >= np.maximum([spot - 100.0, 100.0 - spot], 0.0)).all()
    mirrored = american_values(100.0, spot, years, vol, dividend, rate, [-1, 1])
    assert mirrored.price == pytest.approx(found.price, rel=1e-12)
    bounds = np.array([[0.0, 1.0], [-1.0, 0.0]])
    assert (found.delta >= bounds[:, 0] - 1e-4).all()
    assert (found.delta <= bounds[:, 1] + 1e-4).all()


def test_without_anything_to_gain_it_is_european() -> None:
    given_ = (95.0, 100.0, 0.8, 0.3)
    for rate, dividend, right in ((0.05, 0.0, 1), (0.0, 0.04, -1), (-0.02, 0.0, -1), (0.04, -0.03, 1)):
        found = american_values(*given_, rate, dividend, right)
        european = black_scholes_greeks(*given_, rate, dividend, right)
        assert (found.price[0], found.delta[0], found.gamma[0]) == (
            european.price[0],
            european.delta[0],
            european.gamma[0],
        )
        assert found.boundary[0] == (np.inf if right == 1 else 0.0)


def test_delta_and_gamma_are_the_slopes_of_the_price() -> None:
    spot = np.array([85.0, 95.0, 105.0, 115.0] * 2)
    right = np.repeat([1, -1], 4)
    rest = (100.0, 0.75, 0.25, 0.05, 0.04)
    step = 0.01
    low, middle, high = (american_values(spot + x, *rest, right, accuracy="precise") for x in (-step, 0.0, step))
    assert middle.delta == pytest.approx((high.price - low.price) / (2 * step), abs=1e-6)
    assert middle.gamma == pytest.approx((high.price - 2 * middle.price + low.price) / step**2, abs=1e-5)


def test_at_the_boundary_it_is_worth_its_payoff_and_leaves_smoothly() -> None:
    edge = american_values(100.0, 100.0, 1.0, 0.3, 0.06, 0.02, -1, accuracy="precise").boundary[0]
    around = american_values([edge * 0.99, edge * 1.0001], 100.0, 1.0, 0.3, 0.06, 0.02, -1, accuracy="precise")
    assert around.price[0] == 100.0 - edge * 0.99
    assert around.price[1] == pytest.approx(100.0 - edge * 1.0001, abs=1e-5)
    assert around.delta == pytest.approx([-1.0, -1.0], abs=1e-3)
    assert around.gamma[0] == 0.0
    assert around.boundary.tolist() == [edge, edge]


def test_volatility_comes_back() -> None:
    rng = np.random.default_rng(8)
    n = 60
    spot = rng.uniform(85.0, 115.0, n)
    vol, years = np.exp(rng.uniform(np.log([0.1, 0.1]), np.log([0.9, 2.0]), (n, 2))).T
    right = rng.choice([-1, 1], n)
    made = american_values(spot, 100.0, years, vol, 0.05, 0.03, right)
    alive = made.price > np.maximum(right * (spot - 100.0), 0.0) + 1e-6
    assert alive.sum() > 40
    found = american_implied_vol(made.price, spot, 100.0, years, 0.05, 0.03, right)
    assert found.vol[alive] == pytest.approx(vol[alive], abs=1e-9)


def test_prices_without_a_volatility() -> None:
    price = np.array([20.0, 19.0, 100.5, -1.0, np.nan, 25.0, 25.0])
    spot = np.array([80.0, 80.0, 80.0, 80.0, 80.0, np.nan, 80.0])
    years = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    found = american_implied_vol(price, spot, 100.0, years, 0.05, 0.0, -1)
    assert found.reason.tolist() == [
        Reason.BELOW_INTRINSIC,
        Reason.BELOW_INTRINSIC,
        Reason.ABOVE_MAXIMUM,
        Reason.PRICE_NOT_POSITIVE,
        Reason.NOT_FINITE,
        Reason.NOT_FINITE,
        Reason.EXPIRED,
    ]
    assert np.isnan(found.vol).all()


def test_bad_rows_have_reasons_and_disturb_no_other() -> None:
    spot = np.array([90.0, -1.0, 95.0, np.nan])
    found = american_values(spot, 100.0, 1.0, 0.2, [0.05, 0.05, -0.01, 0.05], [0.0, 0.0, -0.03, 0.0], -1)
    assert found.reason.tolist() == [0, Reason.FORWARD_NOT_POSITIVE, 0, Reason.NOT_FINITE]
    assert np.isnan(found.boundary[2])
    assert found.price[0] == american_values(90.0, 100.0, 1.0, 0.2, 0.05, 0.0, -1).price[0]
    for column in (found.price, found.delta, found.gamma, found.boundary):
        assert np.isnan(column[[1, 3]]).all()


def finite_differences(spot: float, days: int, vol: float, rate: float, dividend: float, grid: int) -> float:
    """What the right adds to a put of strike 100, by QuantLib's grid."""
    today, count = ql.Date(2, 1, 2020), ql.Actual365Fixed()
    ql.Settings.instance().evaluationDate = today
    curves = [ql.YieldTermStructureHandle(ql.FlatForward(today, x, count)) for x in (dividend, rate)]
    smile = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), vol, count))
    process = ql.BlackScholesMertonProcess(ql.QuoteHandle(ql.SimpleQuote(spot)), *curves, smile)
    values = []
    for exercise in (ql.AmericanExercise(today, today + days), ql.EuropeanExercise(today + days)):
        option = ql.VanillaOption(ql.PlainVanillaPayoff(ql.Option.Put, 100.0), exercise)
        option.setPricingEngine(ql.FdBlackScholesVanillaEngine(process, grid, grid))
        values.append(option.NPV())
    return values[0] - values[1]


# Spot, days, volatility, rate, yield: near the money and far, a region that is wide, narrow, and soon gone.
DOUBLES = [
    (90.46, 183, 0.054, -0.009, -0.0422),
    (86.49, 651, 0.116, -0.0153, -0.0371),
    (77.21, 1523, 0.119, -0.0107, -0.0488),
    (113.06, 1039, 0.185, -0.0025, -0.0368),
    (101.17, 612, 0.274, -0.0108, -0.0159),
    (95.0, 182, 0.25, -0.005, -0.006),
    (83.84, 23, 0.736, -0.0148, -0.0366),
]


@pytest.mark.parametrize("case", DOUBLES)
def test_between_two_boundaries_quantlib_agrees(case: tuple[float, int, float, float, float]) -> None:
    spot, days, vol, rate, dividend = case
    coarse, fine = (finite_differences(*case, grid) for grid in (400, 800))
    theirs = 2.0 * fine - coarse
    terms = (days / 365.0, vol)
    bare = black_scholes_price(spot, 100.0, *terms, rate, dividend, -1).price[0]
    for accuracy, share in (("fast", 2e-4), ("precise", 4e-5)):
        found = american_values(spot, 100.0, *terms, rate, dividend, -1, accuracy=accuracy)
        assert found.price[0] >= max(bare, 100.0 - spot)
        assert abs(found.price[0] - bare - theirs) < 100.0 * share
        assert np.isnan(found.boundary[0])
        mirrored = american_values(100.0, spot, *terms, dividend, rate, 1, accuracy=accuracy)
        assert mirrored.price[0] == pytest.approx(found.price[0], rel=1e-12)


def test_between_two_boundaries_delta_and_gamma_are_slopes() -> None:
    step, rest = 1.0, (100.0, 1.0, 0.2, -0.005, -0.03, -1)
    spot = np.array([80.0, 95.0, 110.0])
    low, middle, high = (american_values(spot + x, *rest, accuracy="precise") for x in (-step, 0.0, step))
    assert middle.delta == pytest.approx((high.price - low.price) / (2 * step), abs=5e-4)
    assert middle.gamma == pytest.approx((high.price - 2 * middle.price + low.price) / step**2, abs=2e-3)
    exercised = american_values(99.0, 100.0, 1.0, 0.01, -0.005, -0.03, -1)
    assert (exercised.price[0], exercised.delta[0], exercised.gamma[0]) == (1.0, -1.0, 0.0)


def test_between_two_boundaries_the_volatility_comes_back() -> None:
    spot, vol = np.array([85.0, 95.0, 105.0]), np.array([0.3, 0.2, 0.25])
    price = american_values(spot, 100.0, 0.5, vol, -0.005, -0.02, -1).price
    assert american_implied_vol(price, spot, 100.0, 0.5, -0.005, -0.02, -1).vol == pytest.approx(vol, abs=1e-9)


def test_an_unknown_accuracy_is_refused() -> None:
    with pytest.raises(ConfigError, match="wild"):
        american_values(90.0, 100.0, 1.0, 0.2, 0.05, 0.0, -1, accuracy="wild")
