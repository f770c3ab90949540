"""Legs that may be exercised early: value and greeks against QuantLib, and marks on paths against that value."""

from __future__ import annotations

import numpy as np
import pytest

from argus.core.errors import ConfigError
from argus.options import BlackScholes, Costs, ExitPlan, american_values, pop_by_paths, position_of, profile
from argus.options._valuation import american_greeks, black_greeks
from argus.options.american_marks import EarlyMarks
from argus.options.positions import Position
from tests.options.test_american import quantlib

FREE = Costs(commission=0.0, half_spread=0.0)
EMPTY = np.empty((0, 0, 0))


def short_put(strike: float = 100.0, years: float = 0.25, rate: float = 0.06, early: bool = True) -> Position:
    return position_of(
        "short_put", 100.0, right=-1, quantity=-1, strike=strike, years=years, price=8.0, vol=0.25, rate=rate,
        carry=rate, early=early,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("right", "strike", "dividend"), [(-1, 90, 0.0), (-1, 108, 0.02), (1, 95, 0.08), (1, 110, 0.03)]
)
def test_greeks_are_the_slopes_of_quantlibs_prices(right: int, strike: float, dividend: float) -> None:
    days, vol, rate = 180, 0.25, 0.05

    def price(**moved: float) -> float:
        at = {"spot": 100.0, "strike": strike, "days": days, "vol": vol, "rate": rate, "dividend": dividend} | moved
        return quantlib(at["spot"], at["strike"], int(at["days"]), at["vol"], at["rate"], at["dividend"], right)

    found = american_greeks(right, 100.0, strike, days / 365.0, vol, rate, rate - dividend)
    assert float(found.value) == pytest.approx(price(), abs=2e-4)
    assert float(found.delta) == pytest.approx((price(spot=100.1) - price(spot=99.9)) / 0.2, abs=2e-4)
    bend = (price(spot=101.0) - 2.0 * price() + price(spot=99.0)) / 1.0
    assert float(found.gamma) == pytest.approx(bend, rel=5e-3)
    assert float(found.vega) == pytest.approx((price(vol=vol + 1e-3) - price(vol=vol - 1e-3)) / 2e-3, rel=2e-3)
    day = (price(days=days - 1) - price(days=days + 1)) / 2.0
    assert float(found.theta) / 365.0 == pytest.approx(day, rel=5e-3)
    assert float(found.rho) == pytest.approx((price(rate=rate + 1e-3) - price(rate=rate - 1e-3)) / 2e-3, rel=5e-3)


def test_what_should_be_exercised_at_once_is_worth_its_payoff() -> None:
    found = american_greeks(-1, np.array([0.0, 40.0]), 100.0, 1.0, 0.2, 0.05, 0.05)
    assert found.value.tolist() == [100.0, 60.0]
    assert (found.delta[1], found.gamma[1], found.theta[1]) == (-1.0, 0.0, 0.0)


def test_a_position_knows_which_leg_may_be_exercised() -> None:
    american, european = short_put(), short_put(early=False)
    spot = np.array([70.0, 100.0, 130.0])
    gap = european.value(spot).value - american.value(spot).value
    assert (gap > 0.0).all(), "sold, the right costs"
    assert american.value(spot).value[0] == -30.0
    assert (american.without_early().value(spot).value == european.value(spot).value).all()
    # At the expiry both pay the same.
    end = american.horizon
    assert (american.value(spot, end).value == european.value(spot, end).value).all()
    assert profile(american, spot, [0.0, end]).value.shape == (2, 3)
    with pytest.raises(ConfigError, match="early has shape"):
        Position(*(getattr(american, name) for name in Position.__slots__[:-1]), early=np.zeros(2, dtype=np.bool_))


@pytest.mark.parametrize(("moves", "bound"), [(False, 1e-4), (True, 1e-3)])
def test_marks_are_near_the_american_price(moves: bool, bound: float) -> None:
    rng = np.random.default_rng(8)
    worst = 0.0
    for _ in range(2 if moves else 4):
        right, rate, dividend = rng.choice([-1, 1]), *rng.uniform(0.0, 0.08, 2)
        vol, years, strike = rng.uniform(0.1, 0.6), rng.uniform(0.05, 1.0), rng.uniform(85.0, 115.0)
        position = position_of(
            "one", 100.0, right=right, quantity=1, strike=strike, years=years, price=5.0, vol=vol, rate=rate,
            carry=rate - dividend, early=True,
        )  # fmt: skip
        steps = max(2, round(252 * years))
        elapsed = years * np.arange(1, steps + 1) / steps
        marks = EarlyMarks(position, elapsed, moves=moves)
        spot = 100.0 * np.exp(vol * np.sqrt(elapsed)[:, None] * rng.normal(size=(steps, 20)))
        ratio = np.exp(rng.uniform(-1.5, 1.5, (1, steps, 20))) if moves else EMPTY
        added = marks.added(spot, ratio)[0]
        own = vol * (ratio[0] if moves else np.ones(spot.shape))
        left = np.broadcast_to((years - elapsed)[:, None], spot.shape)
        at = (left > 1e-9) & (own > 0.05) & (own < 1.0)
        bare = black_greeks(right, spot[at], strike, left[at], own[at], rate, rate - dividend).value
        given = np.maximum(bare + added[at], right * (spot[at] - strike))
        true = american_values(spot[at], strike, left[at], own[at], rate, dividend, right).price
        worst = max(worst, float(np.abs(given - true).max()) / strike)
    assert worst < bound


def test_the_chance_of_assignment_is_that_of_the_boundary() -> None:
    position = short_put(years=0.2, rate=0.08)
    model = BlackScholes(100.0, 0.25, 0.08)
    # Of two steps only the first lies before the end.
    found = pop_by_paths(position, model, costs=FREE, paths=20_000, steps=2, seed=3)
    edge = american_values(100.0, 100.0, 0.1, 0.25, 0.08, 0.0, -1).boundary
    chance = float(model.cdf(0.1, edge)[0])
    ((leg, told),) = found.assigned
    assert leg == 0
    assert 0.03 < chance < 0.5
    assert abs(told.value - chance) < 4.0 * told.standard_error
    assert pop_by_paths(short_put(early=False), model, costs=FREE, paths=200).assigned == ()
    # Closed at the first loss of a cent or gain of one, it is mostly gone before it could be assigned.
    plan = ExitPlan(profit_target=0.01, stop=0.01, basis=1.0)
    early = pop_by_paths(position, model, plan=plan, costs=FREE, paths=20_000, steps=2, seed=3).assigned[0][1]
    assert early.value == 0.0


def test_any_number_of_workers_gives_the_same_bits() -> None:
    model = BlackScholes(100.0, 0.25, 0.06)
    plan = ExitPlan(profit_target=0.3, stop=0.5)
    runs = [pop_by_paths(short_put(), model, plan=plan, paths=9_000, seed=1, workers=count) for count in (1, 2)]
    assert runs[0].expected_pnl == runs[1].expected_pnl
    assert runs[0].assigned == runs[1].assigned
    assert (runs[0].fan.pnl == runs[1].fan.pnl).all()


@pytest.mark.parametrize(("strike", "least"), [(108.0, 0.2), (130.0, 0.5)])
def test_marks_on_the_way_are_those_of_the_american_option(strike: float, least: float) -> None:
    # A path that does not move: closed half-way, the put costs its American price (deep in the money its payoff), where
    # Black asks less.
    position = short_put(strike=strike, years=0.5)
    quiet = BlackScholes(100.0, 1e-6, 0.0)
    plan = ExitPlan(exit_years=0.25)
    american, european = (
        pop_by_paths(one, quiet, plan=plan, costs=FREE, paths=100, seed=0).expected_pnl.value
        for one in (position, position.without_early())
    )
    price = float(american_values(100.0, strike, 0.25, 0.25, 0.06, 0.0, -1).price[0])
    assert american == pytest.approx(8.0 - price, abs=1e-4 * strike)
    assert european - american > least
