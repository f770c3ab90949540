"""Heston as a model of positions: law and paths are one, and a fair position stays fair whenever it is closed."""

from __future__ import annotations

import numpy as np
import pytest

from argus.core.errors import ConfigError
from argus.options import (
    Costs,
    ExitPlan,
    Fill,
    HestonLaw,
    HestonMarks,
    HestonParameters,
    Law,
    Measure,
    PathModel,
    Position,
    black76_price,
    heston_price,
    pop_at_expiry,
    pop_by_paths,
    position_of,
)

MARKET = HestonParameters(v0=0.03, kappa=3.0, theta=0.05, sigma=0.6, rho=-0.7)
YEARS = 45 / 365
CARRY = 0.01
LAW = HestonLaw(100.0, MARKET, CARRY)
FREE = Costs(commission=0.0, half_spread=0.0, fill=Fill.MID)


def fair_position() -> Position:
    """A credit spread of puts at Heston's own prices, marked at the volatilities that they imply."""
    strike, right = np.array([95.0, 90.0]), np.array([-1, -1], dtype=np.int8)
    forward = 100.0 * np.exp(CARRY * YEARS)
    price = heston_price(MARKET, strike, right, YEARS, forward).price
    return position_of(
        "short_put_vertical",
        100.0,
        right=right,
        quantity=np.array([-1.0, 1.0]),
        strike=strike,
        years=YEARS,
        price=price,
        vol=LAW.implied_vols(MARKET.v0, YEARS, np.log(strike / forward)[::-1])[::-1],
        carry=CARRY,
    )


def test_law_and_marks_keep_the_protocols() -> None:
    marks = HestonMarks(LAW, fair_position())
    assert isinstance(LAW, Law)
    assert isinstance(marks, Law)
    assert isinstance(marks, PathModel)
    assert LAW.measure is marks.measure is Measure.RISK_NEUTRAL
    assert HestonLaw(100.0, MARKET, 0.01, drift=0.08).measure is Measure.REAL_WORLD
    assert "correlation -0.70" in marks.assumes


def test_the_law_is_that_of_the_prices() -> None:
    levels = np.linspace(60.0, 140.0, 321)
    forward = 100.0 * np.exp(CARRY * YEARS)
    calls = heston_price(MARKET, levels, 1, YEARS, forward).price
    np.testing.assert_allclose(LAW.call_mean(YEARS, levels), calls, atol=2e-4)
    np.testing.assert_allclose(LAW.call_mean(YEARS, np.array([0.0])), forward, rtol=1e-15)
    # The distribution is the slope of the undiscounted call: 1 + dC/dK.
    slope = 1.0 + np.gradient(LAW.call_mean(YEARS, levels), levels)
    np.testing.assert_allclose(LAW.cdf(YEARS, levels)[5:-5], slope[5:-5], atol=1e-3)
    assert LAW.cdf(YEARS, np.array([-1.0, 0.0])).tolist() == [0.0, 0.0]


def test_paths_agree_with_the_law_within_three_standard_errors() -> None:
    elapsed = np.linspace(0.0, YEARS, 30)[1:]
    spot, variance = LAW.walk(elapsed, 0, 40_000, 11)
    end = spot[-1]
    levels = np.array([85.0, 95.0, 100.0, 105.0, 115.0])
    below = (end[:, np.newaxis] <= levels).mean(axis=0)
    chance = LAW.cdf(YEARS, levels)
    assert (np.abs(below - chance) < 3.0 * np.sqrt(chance * (1.0 - chance) / len(end)) + 1e-3).all()
    assert abs(end.mean() - 100.0 * np.exp(CARRY * YEARS)) < 3.0 * end.std() / np.sqrt(len(end))
    expected = 0.05 + (0.03 - 0.05) * np.exp(-3.0 * YEARS)
    assert abs(variance[-1].mean() - expected) < 3.0 * variance[-1].std() / np.sqrt(len(end))
    assert np.corrcoef(np.log(end), variance[-1])[0, 1] < -0.4


def test_marks_on_the_way_are_the_prices_of_the_formula() -> None:
    position = fair_position()
    elapsed = np.array([10.0, 30.0]) / 365
    spot, ratio = HestonMarks(LAW, position).paths(elapsed, 0, 40, 3)
    variance = LAW.walk(elapsed, 0, 40, 3)[1]
    assert ratio is not None
    assert ratio.shape == (2, 2, 40)
    for step, left in enumerate((YEARS - elapsed).tolist()):
        for path in range(40):
            now = HestonParameters(float(variance[step, path]), 3.0, 0.05, 0.6, -0.7)
            forward = spot[step, path] * np.exp(CARRY * left)
            want = heston_price(now, position.strike, -1, left, forward).price
            vol = position.vol * ratio[:, step, path]
            got = black76_price(forward, 1.0, position.strike, left, vol, -1).price
            # Lines between the points of a table: cents on a price of a hundred.
            np.testing.assert_allclose(got, want, atol=0.02)


def test_no_plan_of_exit_makes_a_fair_position_pay() -> None:
    position = fair_position()
    exact = pop_at_expiry(position, LAW, costs=FREE)
    assert abs(exact.expected_pnl) < 2e-3
    model = HestonMarks(LAW, position)
    for plan in (None, ExitPlan(profit_target=0.5, stop=2.0), ExitPlan(stop=1.0, exit_years=0.5 * YEARS)):
        drawn = pop_by_paths(position, model, plan=plan, costs=FREE, paths=20_000, steps=30, seed=3)
        assert abs(drawn.expected_pnl.value) < 3.0 * drawn.expected_pnl.standard_error + 0.01
        if plan is None:
            error = drawn.probability.standard_error
            assert abs(exact.probability - drawn.probability.value) < 3.0 * error + 2e-3


def test_paths_are_the_same_in_any_parts() -> None:
    elapsed = np.linspace(0.0, YEARS, 9)[1:]
    model = HestonMarks(LAW, fair_position())
    whole = model.paths(elapsed, 0, 300, 5)
    parts = [model.paths(elapsed, first, last, 5) for first, last in ((0, 70), (70, 71), (71, 300))]
    assert np.concatenate([part.spot for part in parts], axis=-1).tobytes() == whole.spot.tobytes()
    ratios = [part.vol_ratio for part in parts if part.vol_ratio is not None]
    assert whole.vol_ratio is not None
    assert np.concatenate(ratios, axis=-1).tobytes() == whole.vol_ratio.tobytes()


@pytest.mark.parametrize("wrong", [{"spot": 0.0}, {"drift": float("nan")}])
def test_what_is_out_of_range_is_named(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        HestonLaw(**({"spot": 100.0, "parameters": MARKET, "carry": 0.0} | wrong))  # type: ignore[arg-type]
