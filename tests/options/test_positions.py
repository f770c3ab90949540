"""Positions: what they are worth, and the straight lines of what they make at expiry."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.core.errors import ConfigError
from argus.options import Costs, Fill, Position, pnl_curve, position_of, profile
from argus.options._valuation import black_greeks

FREE = Costs(commission=0.0, half_spread=0.0)


def _straddle() -> Position:
    return position_of(
        "short_straddle", 45.0, right=[1, -1], quantity=[-1, -1], strike=45.0, years=0.25, price=[4.0, 3.0]
    )


@pytest.mark.parametrize(("spot", "gain"), [(30, -8), (35, -3), (38, 0), (40, 2), (45, 7), (52, 0), (60, -8)])
def test_the_naked_straddle_of_mcmillan(spot: float, gain: float) -> None:
    # McMillan, "Options as a Strategic Investment", table 20-2: a straddle at 45 sold for 7 points.
    assert pnl_curve(_straddle(), FREE).at(spot) == pytest.approx(gain)


def test_break_evens_of_the_naked_straddle() -> None:
    curve = pnl_curve(_straddle(), FREE)
    assert curve.break_evens == (38.0, 52.0)
    assert (curve.profit_max, curve.loss_max) == (7.0, math.inf)
    assert curve.is_exact


def test_values_of_hull() -> None:
    # Hull, "Options, Futures, and Other Derivatives", the example of Black and Scholes: 4.76 and 0.81.
    call, put = black_greeks(np.array([1, -1]), 42.0, 40.0, 0.5, 0.2, 0.1, 0.1).value
    assert (round(float(call), 2), round(float(put), 2)) == (4.76, 0.81)


def test_greeks_are_the_slopes_of_the_value() -> None:
    at = {"spot": 100.0, "strike": 104.0, "years": 0.4, "vol": 0.23, "rate": 0.05, "carry": 0.02}
    for right in (1, -1):

        def value(right: int = right, **moved: float) -> float:
            return float(black_greeks(right, **(at | moved)).value)

        def slope(name: str, h: float, right: int = right) -> float:
            return (value(right, **{name: at[name] + h}) - value(right, **{name: at[name] - h})) / (2 * h)

        greeks = black_greeks(right, **at)
        assert float(greeks.delta) == pytest.approx(slope("spot", 1e-4), abs=1e-8)
        bend = (value(right, spot=100.05) - 2 * value(right) + value(right, spot=99.95)) / 0.05**2
        assert float(greeks.gamma) == pytest.approx(bend, rel=1e-5)
        assert float(greeks.vega) == pytest.approx(slope("vol", 1e-5), rel=1e-7)
        assert float(greeks.theta) == pytest.approx(-slope("years", 1e-6), rel=1e-6)
        both = (
            value(right, rate=0.05 + 1e-6, carry=0.02 + 1e-6) - value(right, rate=0.05 - 1e-6, carry=0.02 - 1e-6)
        ) / 2e-6
        assert float(greeks.rho) == pytest.approx(both, rel=1e-6)


def test_an_underlying_of_zero_leaves_the_strike() -> None:
    assert black_greeks(np.array([1, -1]), 0.0, 100.0, 1.0, 0.2, 0.03, 0.03).value == pytest.approx(
        [0.0, 100.0 * math.exp(-0.03)]
    )


_LEGS = st.lists(
    st.tuples(
        st.sampled_from([1, -1, 0]),
        st.integers(-3, 3).filter(bool),
        st.integers(80, 120),
        st.floats(0.0, 20.0).map(lambda price: round(price, 2)),
    ),
    min_size=1,
    max_size=5,
).filter(lambda legs: any(leg[0] for leg in legs))


@settings(max_examples=60)
@given(_LEGS)
def test_the_curve_is_the_payoff(legs: list[tuple[int, int, int, float]]) -> None:
    right, units, strike, price = (np.array(column, dtype=float) for column in zip(*legs, strict=True))
    position = position_of("any", 100.0, right=right, quantity=units, strike=strike, years=0.1, price=price)
    curve = pnl_curve(position, FREE)
    spots = np.linspace(0.0, 400.0, 4_001)
    stock = right == 0
    paid = np.where(stock, spots[:, None], np.maximum(right * (spots[:, None] - strike), 0.0)) @ units - price @ units
    assert curve.at(spots) == pytest.approx(paid, abs=1e-9)
    slope = float(units[right >= 0].sum())
    assert curve.loss_max == (math.inf if slope < 0 else pytest.approx(-paid.min(), abs=1e-9))
    assert curve.profit_max == (math.inf if slope > 0 else pytest.approx(paid.max(), abs=1e-9))
    for spot in curve.break_evens:
        assert curve.at(spot) == pytest.approx(0.0, abs=1e-7)
    inside = np.zeros(len(spots), dtype=bool)
    for low, high in curve.reaches_above(0.0):
        inside |= ((spots > low) | (low == 0.0)) & (spots < high)
    clear = np.abs(paid) > 1e-6
    assert (inside == (paid > 0.0))[clear].all()


@settings(max_examples=40)
@given(_LEGS, st.floats(-30.0, 30.0))
def test_capping_takes_the_lesser(legs: list[tuple[int, int, int, float]], level: float) -> None:
    right, units, strike, price = (np.array(column, dtype=float) for column in zip(*legs, strict=True))
    position = position_of("any", 100.0, right=right, quantity=units, strike=strike, years=0.1, price=price)
    curve = pnl_curve(position, FREE)
    spots = np.linspace(0.0, 400.0, 1_001)
    assert curve.capped(level).at(spots) == pytest.approx(np.minimum(curve.at(spots), level), abs=1e-6)


def test_entered_at_the_bad_side_unless_told_otherwise() -> None:
    position = position_of(
        "v", 100.0, right=-1, quantity=[-1, 1], strike=[95, 90], years=0.1, bid=[1.0, 0.4], ask=[1.2, 0.5]
    )
    assert position.entry() == pytest.approx(-0.5)
    assert position.entry(Fill.MID) == pytest.approx(-0.65)
    # Two contracts at 0.65 are 0.013 a unit.
    assert pnl_curve(position).profit_max == pytest.approx(0.5 - 0.013)
    assert pnl_curve(position).loss_max == pytest.approx(4.5 + 0.013)


def test_a_call_and_a_put_short_are_mirror_images() -> None:
    both = position_of("s", 100.0, right=[1, -1], quantity=-1, strike=[110, 90], years=0.2, price=1.0)
    curve, reach = pnl_curve(both, FREE), np.linspace(0.0, 90.0, 50)
    assert curve.at(100.0 + reach) == pytest.approx(curve.at(100.0 - reach))


def test_a_costless_conversion_makes_nothing_anywhere() -> None:
    # Long stock, long put, short call at one strike without rates: nothing is won or lost, and no rounding is a profit.
    price = black_greeks(np.array([-1, 1]), 100.0, 97.0, 0.3, 0.27, 0.0, 0.0).value
    made = position_of(
        "conversion", 100.0, right=[0, -1, 1], quantity=[1, 1, -1], strike=97.0, years=0.3, price=[100.0, *price]
    )
    curve = pnl_curve(made, FREE)
    assert curve.pnl == pytest.approx([0.0, 0.0], abs=1e-10)
    assert curve.break_evens == ()


def test_credit_and_debit_verticals_of_the_same_strikes_are_one() -> None:
    strikes, years, vol = np.array([95.0, 105.0]), 0.2, 0.25
    curves = []
    for right in (1, -1):
        price = black_greeks(right, 100.0, strikes, years, vol, 0.0, 0.0).value
        made = position_of("v", 100.0, right=right, quantity=[1, -1], strike=strikes, years=years, price=price)
        curves.append(pnl_curve(made, FREE))
    spots = np.linspace(0.0, 200.0, 41)
    assert curves[0].at(spots) == pytest.approx(curves[1].at(spots), abs=1e-10)
    assert curves[0].break_evens == pytest.approx(curves[1].break_evens)


def test_a_calendar_is_drawn_by_model_and_says_so() -> None:
    price = black_greeks(1, 100.0, 100.0, np.array([0.1, 0.2]), 0.2, 0.0, 0.0).value
    made = position_of(
        "calendar", 100.0, right=1, quantity=[-1, 1], strike=100.0, years=[0.1, 0.2], price=price, vol=0.2
    )
    curve = pnl_curve(made, FREE)
    assert not curve.is_exact
    later = black_greeks(1, 100.0, 100.0, 0.1, 0.2, 0.0, 0.0).value
    assert curve.profit_max == pytest.approx(float(later) - (price[1] - price[0]), rel=1e-6)
    assert curve.loss_max == pytest.approx(float(price[1] - price[0]), rel=1e-6)
    assert len(curve.break_evens) == 2
    assert curve.at(curve.break_evens) == pytest.approx([0.0, 0.0], abs=1e-9)
    costly = pnl_curve(made, Costs(commission=0.65, half_spread=0.05))
    assert curve.profit_max - costly.profit_max == pytest.approx(0.05 + 3 * 0.0065, rel=1e-6)


def test_a_profile_starts_at_the_entry_and_ends_at_the_payoff() -> None:
    price = black_greeks(np.array([1, -1]), 100.0, 100.0, 0.25, 0.2, 0.01, 0.01).value
    made = position_of(
        "straddle", 100.0, right=[1, -1], quantity=1, strike=100, years=0.25, price=price, rate=0.01, carry=0.01
    )
    spots = np.array([80.0, 100.0, 120.0])
    drawn = profile(made, spots, [0.0, 0.125, 0.25])
    assert drawn.pnl.shape == (3, 3)
    assert drawn.pnl[0, 1] == pytest.approx(0.0, abs=1e-12)
    assert drawn.pnl[2] == pytest.approx(pnl_curve(made, FREE).at(spots))
    assert drawn.theta[0, 1] < 0.0 < drawn.gamma[0, 1]
    assert profile(made, spots, vol_factor=1.5).value[0, 1] > drawn.value[0, 1]
    with pytest.raises(ConfigError, match="nearest expiry"):
        profile(made, spots, 0.26)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"strike": 0.0}, "strike"),
        ({"years": -0.1}, "expired"),
        ({"vol": 0.0}, "volatility"),
        ({"bid": 2.0, "ask": 1.0}, "quote"),
        ({"quantity": 0.0}, "quantity"),
        ({"right": 2}, "right"),
        ({"right": 0}, "no leg is an option"),
        ({"rate": math.nan}, "rate"),
        ({"bid": 1.0, "ask": math.inf}, "quote"),
    ],
)
def test_legs_that_make_no_sense_are_refused(change: dict[str, float], words: str) -> None:
    legs: dict[str, float] = {"right": 1, "quantity": 1, "strike": 100, "years": 0.1, "bid": 1.0, "ask": 1.1} | change
    with pytest.raises(ConfigError, match=words):
        position_of("bad", 100.0, **legs)  # type: ignore[arg-type]


def test_a_price_or_a_quote() -> None:
    with pytest.raises(ConfigError, match="either"):
        position_of("bad", 100.0, right=1, quantity=1, strike=100, years=0.1)
    with pytest.raises(ConfigError, match="half_spread"):
        Costs(half_spread=-1.0)
    with pytest.raises(ConfigError, match="commission"):
        Costs(commission=-1.0)


def test_what_a_share_held_pays_is_part_of_the_gain() -> None:
    spot, years, dividend = 100.0, 0.46, 0.08
    forward = spot * math.exp(-dividend * years)
    call, put = (float(black_greeks(side, spot, 97.0, years, 0.2, 0.0, -dividend).value) for side in (1, -1))
    conversion = position_of(
        "conversion", spot, right=[0, -1, 1], quantity=[1, 1, -1], strike=97.0, years=years, price=[spot, put, call],
        vol=0.2, carry=-dividend,
    )  # fmt: skip
    # Share, put and sold call are the strike for sure: without interest a fair one gains nothing, dividends and all.
    assert float(conversion.dividends(years)[0]) == pytest.approx(spot - forward, rel=1e-12)
    curve = pnl_curve(conversion, Costs(commission=0.0))
    np.testing.assert_allclose(curve.at([1.0, 90.0, 97.0, 130.0]), 0.0, atol=1e-10)
    held = profile(conversion, [80.0, 100.0, 120.0], [0.0, years])
    np.testing.assert_allclose(held.pnl[1], 0.0, atol=1e-10)
    np.testing.assert_allclose(held.pnl, held.value - conversion.entry() + conversion.dividends(held.elapsed)[:, None])
    assert conversion.dividends(0.0)[0] == 0.0
    # By Simpson's rule, with a rate: the yield on what the spot is expected to be.
    share = position_of(
        "covered_call", spot, right=[0, 1], quantity=[2, -1], strike=105.0, years=1.0, price=[spot, 3.0], rate=0.02,
        carry=-0.06,
    )  # fmt: skip
    grid = np.linspace(0.0, years, 201)
    flow = 2.0 * spot * dividend * np.exp(-0.06 * grid)
    weights = np.where(np.arange(201) % 2 == 1, 4.0, 2.0)
    weights[[0, -1]] = 1.0
    assert float(share.dividends(years)[0]) == pytest.approx(float(flow @ weights) * years / 600.0, rel=1e-10)
