"""Prices, greeks and distribution under Heston against QuantLib, published values, and what must hold of any price."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from argus.core.errors import ConfigError
from argus.options import (
    HestonParameters,
    Reason,
    heston_characteristic,
    heston_distribution,
    heston_greeks,
    heston_price,
)

PLAIN = HestonParameters(0.04, 1.5, 0.06, 0.6, -0.7)
ANDERSEN_I = HestonParameters(0.04, 0.5, 0.04, 1.0, -0.9)


def quantlib_puts(parameters: HestonParameters, days: int, strikes: np.ndarray, engine: str) -> np.ndarray:
    """Puts on a forward of 100 as QuantLib has them."""
    import QuantLib as ql

    today = ql.Date(1, 1, 2020)
    ql.Settings.instance().evaluationDate = today
    flat = ql.YieldTermStructureHandle(ql.FlatForward(today, 0.0, ql.Actual365Fixed()))
    spot = ql.QuoteHandle(ql.SimpleQuote(100.0))
    model = ql.HestonModel(ql.HestonProcess(flat, flat, spot, *parameters.as_tuple()))
    chosen = (
        ql.AnalyticHestonEngine(model, 1e-10, 100_000) if engine == "analytic" else ql.COSHestonEngine(model, 20, 2000)
    )
    exercise = ql.EuropeanExercise(today + days)
    prices = []
    for strike in strikes:
        option = ql.EuropeanOption(ql.PlainVanillaPayoff(ql.Option.Put, float(strike)), exercise)
        option.setPricingEngine(chosen)
        prices.append(option.NPV())
    return np.array(prices)


def test_prices_are_those_of_quantlib_over_a_random_grid() -> None:
    random = np.random.default_rng(7)
    violated = 0
    for _ in range(60):
        parameters = HestonParameters(
            10 ** random.uniform(-2.5, 0.0),
            10 ** random.uniform(-1.0, 1.2),
            10 ** random.uniform(-2.5, 0.0),
            10 ** random.uniform(-1.3, 0.4),
            random.uniform(-0.98, 0.8),
        )
        days = int(10 ** random.uniform(0.0, 3.8))
        width = 3.0 * math.sqrt(max(parameters.v0, parameters.theta) * days / 365)
        strikes = 100.0 * np.exp(random.uniform(-1.0, 1.0, 4) * width)
        ours = heston_price(parameters, strikes, -1, days / 365, 100.0)
        assert not ours.reason.any()
        np.testing.assert_allclose(ours.price, quantlib_puts(parameters, days, strikes, "analytic"), rtol=0, atol=1e-5)
        violated += parameters.feller_ratio < 1.0
    assert 20 < violated < 60


def test_prices_are_those_of_quantlibs_own_cosine_engine() -> None:
    strikes = np.array([60.0, 90.0, 100.0, 110.0, 150.0])
    ours = heston_price(PLAIN, strikes, -1, 1.0, 100.0, accuracy=1e-11).price
    np.testing.assert_allclose(ours, quantlib_puts(PLAIN, 365, strikes, "cosine"), rtol=0, atol=1e-8)


def test_the_promised_error_is_kept_at_every_accuracy() -> None:
    strikes = np.tile(np.linspace(50.0, 200.0, 31), 3)
    years = np.repeat([0.02, 0.5, 8.0], 31)
    for parameters in (PLAIN, ANDERSEN_I):
        exact = heston_price(parameters, strikes, 1, years, 100.0, accuracy=1e-13).price
        for accuracy in (1e-3, 1e-5, 1e-7, 1e-9):
            found = heston_price(parameters, strikes, 1, years, 100.0, accuracy=accuracy).price
            assert np.abs(found - exact).max() <= 100.0 * accuracy


def test_alan_lewis_reference_prices() -> None:
    # Alan Lewis, "Heston - Reference Prices", wilmott.com forum, 30 May 2012: 20 digits by Mathematica, 10 here.
    parameters = HestonParameters(0.04, 4.0, 0.25, 1.0, -0.5)
    strikes, discount = np.array([80.0, 90.0, 100.0, 110.0, 120.0]), math.exp(-0.01)
    puts = [7.9588781133, 12.0179667073, 17.0552709613, 23.0178258984, 29.8110262027]
    calls = [26.7747587440, 20.9333490006, 16.0701549170, 12.1322115167, 9.0249134835]
    for right, expected in ((-1, puts), (1, calls)):
        found = heston_price(parameters, strikes, right, 1.0, 100.0 * math.exp(-0.01), discount, accuracy=1e-13)
        np.testing.assert_allclose(found.price, expected, rtol=0, atol=2e-10)


def test_fang_and_oosterlee_reference_prices() -> None:
    # Fang, Oosterlee 2008, section 5.2: the Feller condition fails; their own references hold to some 1e-8.
    parameters = HestonParameters(0.0175, 1.5768, 0.0398, 0.5751, -0.5711)
    found = heston_price(parameters, 100.0, 1, [1.0, 10.0], 100.0, accuracy=1e-12)
    np.testing.assert_allclose(found.price, [5.785155450, 22.318945791], rtol=0, atol=3e-8)
    assert parameters.feller_ratio < 1.0


def test_without_volatility_of_variance_it_is_black() -> None:
    from scipy.stats import norm

    parameters = HestonParameters(0.09, 2.0, 0.04, 1e-6, 0.3)
    years, strikes = 0.75, np.array([80.0, 100.0, 130.0])
    total = 0.04 * years + 0.05 * (1.0 - math.exp(-2.0 * years)) / 2.0
    d = (np.log(100.0 / strikes) + 0.5 * total) / math.sqrt(total)
    black = 100.0 * norm.cdf(d) - strikes * norm.cdf(d - math.sqrt(total))
    np.testing.assert_allclose(heston_price(parameters, strikes, 1, years, 100.0).price, black, rtol=0, atol=1e-5)


def test_greeks_are_differences_of_prices() -> None:
    strikes = np.array([70.0, 95.0, 100.0, 108.0, 140.0])
    for right in (1, -1):
        greeks = heston_greeks(PLAIN, strikes, right, 0.4, 100.0, 0.97, accuracy=1e-10)

        def price(forward: float = 100.0, v0: float = 0.04, right: int = right) -> np.ndarray:
            moved = HestonParameters(v0, 1.5, 0.06, 0.6, -0.7)
            return heston_price(moved, strikes, right, 0.4, forward, 0.97, accuracy=1e-13).price

        np.testing.assert_allclose(greeks.price, price(), atol=1e-8)
        np.testing.assert_allclose(greeks.delta, (price(100.01) - price(99.99)) / 0.02, atol=1e-6)
        np.testing.assert_allclose(greeks.gamma, (price(100.03) - 2 * price() + price(99.97)) / 9e-4, atol=1e-6)
        np.testing.assert_allclose(greeks.vega, (price(v0=0.0401) - price(v0=0.0399)) / 2e-4, atol=1e-3)


def test_distribution_is_one_and_has_the_forward_as_mean() -> None:
    level = np.linspace(0.5, 500.0, 20_001)
    law = heston_distribution(PLAIN, level, 0.5, 100.0, accuracy=1e-9)
    assert np.trapezoid(law.density, level) == pytest.approx(1.0, abs=1e-6)
    assert np.trapezoid(law.density * level, level) == pytest.approx(100.0, abs=1e-4)
    assert (np.diff(law.below) >= -1e-9).all()
    np.testing.assert_allclose(np.gradient(law.below, level)[1:-1], law.density[1:-1], atol=1e-4)


def test_distribution_is_the_slope_of_puts_in_the_strike() -> None:
    for parameters, years in ((PLAIN, 0.1), (ANDERSEN_I, 10.0)):
        level = np.array([60.0, 100.0, 120.0])
        law = heston_distribution(parameters, level, years, 100.0, accuracy=1e-9)
        up, down = (heston_price(parameters, level + h, -1, years, 100.0, accuracy=1e-13).price for h in (1e-3, -1e-3))
        np.testing.assert_allclose(law.below, (up - down) / 2e-3, atol=1e-6)


def test_characteristic_function_is_that_of_the_distribution() -> None:
    level = np.linspace(20.0, 250.0, 20_001)
    density = heston_distribution(PLAIN, level, 0.25, 100.0, accuracy=1e-9).density
    for u in (0.0, 1.0, 3.0):
        integral = np.trapezoid(density * np.exp(1j * u * np.log(level / 100.0)), level)
        assert abs(heston_characteristic(PLAIN, u, 0.25)[0] - integral) < 1e-5


@settings(max_examples=40)
@example(v0=0.25, kappa=1.0, theta=0.25, sigma=1.0, rho=-0.9453125, years=1.0)
@given(
    v0=st.floats(0.001, 1.0),
    kappa=st.floats(0.1, 10.0),
    theta=st.floats(0.005, 1.0),
    sigma=st.floats(0.05, 2.0),
    rho=st.floats(-0.95, 0.9),
    years=st.floats(0.01, 15.0),
)
def test_no_price_can_be_arbitraged(
    v0: float, kappa: float, theta: float, sigma: float, rho: float, years: float
) -> None:
    parameters = HestonParameters(v0, kappa, theta, sigma, rho)
    strikes = np.linspace(20.0, 300.0, 57)
    puts = heston_price(parameters, strikes, -1, years, 100.0, 0.9)
    calls = heston_price(parameters, strikes, 1, years, 100.0, 0.9)
    if puts.reason.any():
        assert set(puts.reason) == {Reason.ACCURACY_NOT_REACHED}
        return
    np.testing.assert_allclose(calls.price - puts.price, 0.9 * (100.0 - strikes), atol=2e-5)
    assert (puts.price >= 0.9 * np.maximum(strikes - 100.0, 0.0)).all()
    assert (puts.price <= 0.9 * strikes).all()
    slopes = np.diff(puts.price) / np.diff(strikes)
    assert (slopes >= -1e-5).all()
    assert (slopes <= 0.9 + 1e-5).all()
    assert (np.diff(slopes) >= -2e-5).all()


def test_rows_do_not_disturb_each_other() -> None:
    strikes, years = np.array([80.0, 100.0, 120.0, 90.0]), np.array([1.0, 0.1, 1.0, 0.1])
    rights, forwards = np.array([1, -1, -1, 1]), np.array([100.0, 101.0, 102.0, 99.0])
    together = heston_price(PLAIN, strikes, rights, years, forwards, 0.95)
    for row in range(4):
        alone = heston_price(PLAIN, strikes[row], rights[row], years[row], forwards[row], 0.95).price[0]
        assert alone == pytest.approx(together.price[row], abs=1e-8)


def test_bad_rows_are_named_and_the_good_one_answered() -> None:
    bad = [
        (math.nan, 1, 1.0, 100.0, 1.0, Reason.NOT_FINITE),
        (100.0, 1, math.inf, 100.0, 1.0, Reason.NOT_FINITE),
        (100.0, 1, 0.0, 100.0, 1.0, Reason.EXPIRED),
        (100.0, 1, -1.0, 100.0, 1.0, Reason.EXPIRED),
        (0.0, 1, 1.0, 100.0, 1.0, Reason.STRIKE_NOT_POSITIVE),
        (100.0, 1, 1.0, -5.0, 1.0, Reason.FORWARD_NOT_POSITIVE),
        (100.0, 1, 1.0, 100.0, 0.0, Reason.DISCOUNT_OUT_OF_RANGE),
        (100.0, 0, 1.0, 100.0, 1.0, Reason.BAD_RIGHT),
        (1e9, 1, 1.0, 100.0, 1.0, Reason.ACCURACY_NOT_REACHED),
        (100.0, 1, 1.0, 100.0, 1.0, Reason.OK),
    ]
    columns = [np.array(column) for column in zip(*bad, strict=True)]
    found = heston_price(PLAIN, *columns[:5])
    assert [Reason(code) for code in found.reason] == list(columns[5])
    assert np.isnan(found.price[:-1]).all()
    assert found.price[-1] == pytest.approx(heston_price(PLAIN, 100.0, 1, 1.0, 100.0).price[0], abs=1e-5)
    greeks = heston_greeks(PLAIN, *columns[:5])
    assert np.isnan(greeks.delta[:-1]).all()
    assert np.isnan(heston_distribution(PLAIN, columns[0], columns[2], columns[3]).below[:6]).all()


def test_far_strikes_are_worth_nothing_or_the_difference() -> None:
    found = heston_price(PLAIN, [1e-6, 1e7], [-1, -1], 0.1, 100.0)
    np.testing.assert_allclose(found.price, [0.0, 1e7 - 100.0], atol=1e-5)


def test_no_answer_is_given_where_the_series_falls_too_slowly() -> None:
    wild = HestonParameters(0.0014, 0.17, 0.0026, 4.65, -0.98)
    found = heston_price(wild, 100.0, -1, 29 / 365, 100.0)
    assert found.reason[0] == Reason.ACCURACY_NOT_REACHED
    assert np.isnan(found.price[0])


def test_parameters_and_calls_out_of_range_are_refused() -> None:
    for name, value in (("v0", 0.0), ("kappa", -1.0), ("theta", math.nan), ("sigma", math.inf), ("rho", 1.0)):
        with pytest.raises(ConfigError, match=name):
            HestonParameters(**{"v0": 0.04, "kappa": 1.0, "theta": 0.04, "sigma": 0.5, "rho": 0.0, name: value})
    with pytest.raises(ConfigError, match="accuracy"):
        heston_price(PLAIN, 100.0, 1, 1.0, 100.0, accuracy=0.5)
    with pytest.raises(ConfigError, match="fit together"):
        heston_price(PLAIN, [90.0, 100.0], 1, [1.0, 2.0, 3.0], 100.0)
    with pytest.raises(ConfigError, match="one dimension"):
        heston_price(PLAIN, np.ones((2, 2)), 1, 1.0, 100.0)
    with pytest.raises(ConfigError, match="years"):
        heston_characteristic(PLAIN, 1.0, -1.0)


def test_no_options_are_no_prices() -> None:
    assert len(heston_price(PLAIN, np.empty(0), 1, 1.0, 100.0).price) == 0
