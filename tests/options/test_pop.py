"""Probability of profit: formulas, integrals and paths must tell the same."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from argus.core.errors import ConfigError
from argus.options import (
    STRUCTURES,
    BlackScholes,
    Costs,
    ExitPlan,
    HistoricalBootstrap,
    Law,
    Measure,
    PathModel,
    Paths,
    PnlCurve,
    Position,
    pnl_curve,
    pop_at_expiry,
    pop_by_paths,
    pop_table,
    position_of,
    select_structure,
)
from argus.options._valuation import black_greeks, normal_cdf
from tests.options.pop_market import made_chain

FREE = Costs(commission=0.0, half_spread=0.0)
CHAIN = made_chain()
MODEL = BlackScholes(100.0, 0.2, 0.02)
RETURNS = np.random.default_rng(4).normal(0.0004, 0.012, 800)


def _position(name: str) -> Position:
    position = select_structure(name, CHAIN).position
    assert position is not None
    return position


def _put(price: float = 1.0) -> Position:
    return position_of("short_put", 100.0, right=-1, quantity=-1, strike=95.0, years=0.25, price=price)


def test_the_probability_of_one_short_put_is_the_formula() -> None:
    law = BlackScholes(100.0, 0.3, 0.04)
    answer = pop_at_expiry(_put(), law, costs=FREE)
    root = 0.3 * 0.5
    d2 = (math.log(100.0 / 94.0) + (0.04 - 0.045) * 0.25) / root
    assert answer.probability == pytest.approx(float(normal_cdf(d2)), rel=1e-13)
    put = float(black_greeks(-1, 100.0, 95.0, 0.25, 0.3, 0.0, 0.04).value)
    assert answer.expected_pnl == pytest.approx(1.0 - put, rel=1e-12)
    assert answer.break_evens == (94.0,)
    assert (answer.profit_max, answer.loss_max, answer.is_exact) == (1.0, 94.0, True)
    # Below the strike the loss falls with the spot: the worst twentieth is the mean of the lowest twentieth of spots.
    low = 100.0 * math.exp((0.04 - 0.045) * 0.25 + root * -1.6448536269514722)
    tail = 100.0 * math.exp(0.01) * float(normal_cdf(-1.6448536269514722 - root)) / 0.05
    assert answer.quantiles[1] == pytest.approx(low - 94.0, abs=1e-8)
    assert answer.cvar == pytest.approx(tail - 94.0, abs=1e-7)


def _integrated(curve: PnlCurve, law: BlackScholes, years: float) -> tuple[float, float, float]:
    """Probability, mean and mean of the worst twentieth, by summing a fine grid of normal deviates."""
    share = (np.arange(400_000) + 0.5) / 400_000
    from scipy.special import ndtri

    spot = law.spot * np.exp((law.growth - law.vol**2 / 2) * years + law.vol * math.sqrt(years) * ndtri(share))
    pnl = np.sort(curve.at(spot))
    return float(np.mean(pnl > 1e-9)), float(pnl.mean()), float(pnl[:20_000].mean())


@pytest.mark.parametrize("name", sorted(STRUCTURES))
def test_formula_integral_and_paths_agree(name: str) -> None:
    position = _position(name)
    by_law = pop_at_expiry(position, MODEL)
    probability, mean, worst = _integrated(pnl_curve(position), MODEL, position.horizon)
    assert by_law.probability == pytest.approx(probability, abs=2e-5)
    assert by_law.expected_pnl == pytest.approx(mean, abs=2e-4)
    assert by_law.cvar == pytest.approx(worst, abs=2e-3)
    paths = pop_by_paths(position, MODEL, paths=8_000, steps=1, workers=1, seed=11)
    for by_formula, drawn in (
        (by_law.probability, paths.probability),
        (by_law.expected_pnl, paths.expected_pnl),
        (by_law.cvar, paths.cvar),
    ):
        assert abs(drawn.value - by_formula) < 3.0 * drawn.standard_error + 1e-9
    assert paths.by_end.value == 1.0
    assert paths.histogram_share.sum() == pytest.approx(1.0)


def test_quantiles_are_the_inverse_of_the_distribution() -> None:
    position = _position("iron_condor")
    by_law = pop_at_expiry(position, MODEL)
    drawn = pop_by_paths(position, MODEL, paths=40_000, steps=1)
    assert by_law.levels == drawn.levels
    for exact, estimate in zip(by_law.quantiles, drawn.quantiles, strict=True):
        assert abs(exact - estimate.value) < 4.0 * estimate.standard_error + 1e-6
    assert by_law.quantiles[-1] == pytest.approx(by_law.profit_max)
    assert by_law.quantiles[0] == pytest.approx(-by_law.loss_max)


@pytest.mark.parametrize("plan", [ExitPlan(), ExitPlan(0.5, 2.0), ExitPlan(0.25, 1.0, exit_years=0.1)])
def test_no_plan_makes_money_of_a_fair_price(plan: ExitPlan) -> None:
    # Without rates and costs, with every leg at the model's own volatility, the marks are a martingale: whatever the
    # rule of stopping, the mean gain is nothing (Doob's optional stopping).
    years = 60 / 365
    price = black_greeks(np.array([-1, -1]), 100.0, np.array([95.0, 90.0]), years, 0.25, 0.0, 0.0).value
    fair = position_of("v", 100.0, right=-1, quantity=[-1, 1], strike=[95, 90], years=years, price=price, vol=0.25)
    answer = pop_by_paths(fair, BlackScholes(100.0, 0.25), plan=plan, costs=FREE, paths=16_000)
    assert abs(answer.expected_pnl.value) < 3.0 * answer.expected_pnl.standard_error
    total = answer.by_target.value + answer.by_stop.value + answer.by_end.value
    assert total == pytest.approx(1.0)


def test_costs_come_off_the_mean() -> None:
    plan = ExitPlan(exit_years=0.05)
    free = pop_by_paths(_put(), MODEL, plan=plan, costs=FREE, paths=1_000)
    paid = pop_by_paths(_put(), MODEL, plan=plan, costs=Costs(commission=2.0, half_spread=0.1), paths=1_000)
    assert free.expected_pnl.value - paid.expected_pnl.value == pytest.approx(2 * 0.02 + 0.1)
    held = pop_by_paths(_put(), MODEL, costs=Costs(commission=2.0, half_spread=0.1), paths=1_000)
    settled = pop_by_paths(_put(), MODEL, costs=FREE, paths=1_000)
    # Held to expiry, nothing is closed: only the entry is paid for.
    assert settled.expected_pnl.value - held.expected_pnl.value == pytest.approx(0.02)


def test_a_target_is_reached_more_often_than_expiry_is_won() -> None:
    position = _position("short_put_vertical")
    held = pop_by_paths(position, MODEL, costs=FREE, paths=4_000)
    managed = pop_by_paths(position, MODEL, plan=ExitPlan(profit_target=0.5), costs=FREE, paths=4_000)
    assert managed.probability.value > held.probability.value
    assert managed.years_held.value < held.years_held.value == pytest.approx(position.horizon)
    stopped = pop_by_paths(position, MODEL, plan=ExitPlan(stop=1.0), costs=FREE, paths=4_000)
    assert stopped.cvar.value > held.cvar.value
    assert stopped.by_stop.value > 0.1


def test_a_touch_is_twice_as_likely_as_an_end_beyond() -> None:
    # The reflection principle: without drift in the logarithm exactly twice.
    law = BlackScholes(100.0, 0.2, 0.02)
    level = np.array([90.0])
    assert law.touch(0.3, level) == pytest.approx(2.0 * law.cdf(0.3, level))
    assert law.touch(0.3, np.array([100.0])) == pytest.approx([1.0])
    assert law.touch(0.3, np.array([1e-3, 1e6])) == pytest.approx([0.0, 0.0], abs=1e-12)


def test_touches_on_paths_are_those_of_the_formula() -> None:
    position = _position("iron_condor")
    law = dataclasses.replace(MODEL, drift=0.3)
    exact = pop_at_expiry(position, law)
    drawn = pop_by_paths(position, law, paths=8_000, steps=4)
    assert exact.touch_strike == drawn.touch_strike
    for formula, estimate in zip(exact.touch, drawn.touch, strict=True):
        assert abs(formula - estimate.value) < 3.0 * estimate.standard_error
        assert 0.0 < estimate.standard_error < 0.01


def test_any_number_of_workers_gives_the_same_bits() -> None:
    position, plan = _position("calendar"), ExitPlan(0.3, 0.5)
    one, two = (pop_by_paths(position, MODEL, plan=plan, paths=9_000, workers=count) for count in (1, 2))
    for field in dataclasses.fields(one):
        if field.name != "fan":
            assert np.array_equal(getattr(one, field.name), getattr(two, field.name)), field.name
    assert (one.fan.pnl == two.fan.pnl).all()


def test_the_fan_ends_where_the_held_position_does() -> None:
    position = _position("short_strangle")
    answer = pop_by_paths(position, MODEL, paths=3_000, plan=ExitPlan(0.5))
    held = pop_by_paths(position, MODEL, paths=3_000)
    assert answer.fan.elapsed[-1] == position.horizon
    assert answer.fan.profit_share[-1] == held.probability.value
    assert (np.diff(answer.fan.pnl, axis=0) >= 0.0).all()
    assert answer.fan.pnl.shape == (5, answer.steps) == answer.fan.pnl_error.shape


def test_nothing_seen_is_not_nothing_possible() -> None:
    safe = position_of("far", 100.0, right=-1, quantity=-1, strike=20.0, years=0.1, price=0.5)
    answer = pop_by_paths(safe, MODEL, paths=200)
    assert answer.probability.value == 1.0
    assert answer.probability.standard_error > 0.0
    assert answer.expected_pnl.standard_error < 1e-15


def test_volatility_follows_the_spot_where_it_is_told_to() -> None:
    plan = ExitPlan(exit_years=0.1)
    rigid = pop_by_paths(_put(), MODEL, plan=plan, costs=FREE, paths=2_000)
    lively = pop_by_paths(_put(), MODEL, plan=plan, costs=FREE, paths=2_000, vol_elasticity=-4.0)
    assert lively.cvar.value < rigid.cvar.value


@dataclasses.dataclass(frozen=True)
class _TwoSpots:
    """A model from elsewhere: the spot ends at one of two prices, and volatility doubles on the way."""

    spot: float = 100.0
    label: str = "two_spots"
    measure: Measure = Measure.REAL_WORLD
    assumes: str = "Up or down."
    bridge_vol: float = 0.0

    def cdf(self, years: float, level: Any) -> Any:
        return 0.25 * (np.asarray(level) >= 80.0) + 0.75 * (np.asarray(level) >= 120.0)

    def call_mean(self, years: float, strike: Any) -> Any:
        return 0.25 * np.maximum(80.0 - strike, 0.0) + 0.75 * np.maximum(120.0 - strike, 0.0)

    def touch(self, years: float, level: Any) -> Any:
        return np.full(np.shape(level), np.nan)

    def paths(self, elapsed: Any, first: int, last: int, seed: int) -> Paths:
        ends = np.where(np.arange(first, last) % 4 == 0, 80.0, 120.0)
        spot = np.tile(ends, (len(elapsed), 1))
        return Paths(spot, np.full(spot.shape, 2.0))


def test_a_model_from_elsewhere_plugs_in() -> None:
    model = _TwoSpots()
    assert isinstance(model, Law)
    assert isinstance(model, PathModel)
    (row,) = pop_table(_put(), [model], plan=ExitPlan(exit_years=0.1), costs=FREE, paths=400)
    assert row.at_expiry is not None
    assert row.held is not None
    assert row.managed is not None
    assert row.at_expiry.probability == 0.75
    assert row.at_expiry.expected_pnl == pytest.approx(0.25 * -14.0 + 0.75)
    assert row.at_expiry.cvar == pytest.approx(-14.0)
    assert row.held.probability.value == 0.75
    assert row.held.touch[0].value == 0.25
    value = float(black_greeks(-1, 80.0, 95.0, 0.15, 0.4, 0.0, 0.0).value)
    assert row.managed.quantiles[0].value == pytest.approx(1.0 - value)


def test_models_stand_side_by_side_and_say_whose_probability_it_is() -> None:
    models = [
        MODEL,
        dataclasses.replace(MODEL, drift=0.08),
        HistoricalBootstrap(100.0, RETURNS),
        HistoricalBootstrap(100.0, RETURNS, drift=0.02, is_risk_neutral=True),
    ]
    rows = pop_table(_position("short_put_vertical"), models, paths=2_000)
    neutral, real = Measure.RISK_NEUTRAL, Measure.REAL_WORLD
    assert [row.measure for row in rows] == [neutral, real, real, neutral]
    assert [row.at_expiry is None for row in rows] == [False, False, True, True]
    assert all(row.managed is None and row.held is not None for row in rows)
    assert "stated" in rows[1].assumes
    assert "800 past ones" in rows[2].assumes
    upward, flat = rows[1].at_expiry, rows[0].at_expiry
    assert upward is not None
    assert flat is not None
    assert upward.probability > flat.probability


def test_settings_out_of_range_are_refused() -> None:
    put = _put()
    for words, call in (
        ("starts at 90", lambda: pop_at_expiry(put, BlackScholes(90.0, 0.2))),
        ("tail", lambda: pop_at_expiry(put, MODEL, tail=1.0)),
        ("exit_years", lambda: pop_by_paths(put, MODEL, plan=ExitPlan(exit_years=1.0))),
        ("at least 100", lambda: pop_by_paths(put, MODEL, paths=10)),
        ("profit_target", lambda: ExitPlan(profit_target=-0.5)),
        ("basis", lambda: pop_by_paths(_put(0.0), MODEL, plan=ExitPlan(0.5))),
        ("positive", lambda: BlackScholes(100.0, 0.0)),
        ("drift", lambda: BlackScholes(100.0, 0.2, drift=math.nan)),
        ("session 1", lambda: HistoricalBootstrap(100.0, np.array([0.0, np.nan]))),
        ("two sessions", lambda: HistoricalBootstrap(100.0, np.array([0.0]))),
        ("block", lambda: HistoricalBootstrap(100.0, RETURNS, block=0.5)),
        ("is_risk_neutral", lambda: HistoricalBootstrap(100.0, RETURNS, is_risk_neutral=True)),
    ):
        with pytest.raises(ConfigError, match=words):
            call()


@pytest.mark.parametrize("name", ["covered_call", "collar"])
def test_dividends_of_a_share_held_are_gained_by_formula_and_on_paths(name: str) -> None:
    # No interest, a yield of 8 %: what the forward is short of the spot comes as dividends. A fair position is fair.
    chain = made_chain(rate=0.0, carry=-0.08, half=0.0)
    position = select_structure(name, chain).position
    assert position is not None
    flat = dataclasses.replace(position, vol=np.where(position.right != 0, 0.2, 0.0))
    fair = [float(value) for value in flat.leg_values(100.0).value[0]]
    flat = dataclasses.replace(flat, bid=np.array(fair), ask=np.array(fair))
    law = BlackScholes(100.0, 0.2, -0.08)
    answer = pop_at_expiry(flat, law, costs=FREE)
    assert answer.expected_pnl == pytest.approx(0.0, abs=1e-9)
    assert answer.profit_max == pytest.approx(
        float(pnl_curve(dataclasses.replace(flat, rate=flat.carry), FREE).profit_max + flat.dividends(flat.horizon)[0])
    )
    for plan in (ExitPlan(), ExitPlan(exit_years=0.5 * flat.horizon)):
        paths = pop_by_paths(flat, law, plan=plan, costs=FREE, paths=20_000)
        assert abs(paths.expected_pnl.value) < 3.5 * paths.expected_pnl.standard_error
        assert float(flat.dividends(0.5 * flat.horizon)[0]) > 5.0 * paths.expected_pnl.standard_error
    held = pop_by_paths(flat, law, costs=FREE, paths=20_000)
    assert abs(held.probability.value - answer.probability) < 3.5 * held.probability.standard_error


def test_a_plan_against_an_underlying_held_is_of_the_option_premium() -> None:
    plan = ExitPlan(profit_target=0.5, stop=2.0)
    covered, collar, put = (_position(name) for name in ("covered_call", "collar", "short_put"))
    call = float(covered.bid[1])
    assert plan.amounts(covered, FREE) == pytest.approx((0.5 * call, 2.0 * call))
    assert plan.amounts(collar, FREE)[0] == pytest.approx(0.5 * float(collar.bid[2]))
    assert plan.amounts(put, FREE)[0] == pytest.approx(0.5 * float(put.bid[0]))
    assert pop_by_paths(covered, MODEL, plan=plan, costs=FREE, paths=500).by_target.value > 0.2
    assert plan.amounts(_position("iron_condor"), FREE)[0] == pytest.approx(-0.5 * _position("iron_condor").entry())
