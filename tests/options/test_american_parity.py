"""Forwards of American chains: QuantLib makes the prices, and the bias of European parity is gone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from argus.options import ForwardFit, RateCurve, Reason, american_values, implied_forwards
from argus.options.american_parity import AmericanPairs, early_parity
from tests.options.test_american import quantlib

SPOT = 100.0
STRIKES = np.arange(80.0, 121.0, 2.0)
HALF = 0.01
Columns = dict[str, NDArray[np.float64]]


def vol_at(strike: NDArray[np.float64], vol: float) -> NDArray[np.float64]:
    return vol * (1.0 - 0.4 * np.log(strike / SPOT))


def columns_of(middle: NDArray[np.float64], days: int) -> Columns:
    strike, right = np.tile(STRIKES, 2), np.repeat([1.0, -1.0], len(STRIKES))
    quoted = np.maximum(middle, 2.0 * HALF)
    return {
        "years": np.full(len(strike), days / 365.0),
        "strike": strike,
        "right": right,
        "bid": quoted - HALF,
        "ask": quoted + HALF,
    }


def made(days: int, rate: float, dividend: float, vol: float, noise: float = 0.0, seed: int = 0) -> Columns:
    """A chain by our own precise scheme."""
    strike, right = np.tile(STRIKES, 2), np.repeat([1.0, -1.0], len(STRIKES))
    own = vol_at(strike, vol)
    price = american_values(SPOT, strike, days / 365.0, own, rate, dividend, right, accuracy="precise").price
    return columns_of(price + np.random.default_rng(seed).normal(0.0, noise, len(price)), days)


def fit(columns: Columns, **rest: Any) -> ForwardFit:
    return implied_forwards(1, **columns, spot=SPOT, **rest)


# Days, rate, yield, volatility, and by how many half-spreads European parity misses the forward at least.
CASES = [
    (365, 0.05, 0.0, 0.20, 50.0),
    (180, 0.05, 0.03, 0.20, 15.0),
    (60, 0.08, 0.0, 0.35, 10.0),
    (120, 0.02, 0.08, 0.15, 25.0),
    (730, 0.03, 0.01, 0.45, 20.0),
]


@pytest.mark.parametrize(("days", "rate", "dividend", "vol", "missed"), CASES)
def test_the_bias_of_european_parity_is_gone(
    days: int, rate: float, dividend: float, vol: float, missed: float
) -> None:
    strike, right = np.tile(STRIKES, 2), np.repeat([1, -1], len(STRIKES))
    price = np.array(
        [
            quantlib(SPOT, k, days, v, rate, dividend, side)
            for k, v, side in zip(strike, vol_at(strike, vol), right.tolist(), strict=True)
        ]
    )
    columns, truth = columns_of(price, days), SPOT * np.exp((rate - dividend) * days / 365.0)
    biased = fit(columns, curve=RateCurve.flat(rate))
    assert abs(biased.forward[0] - truth) > missed * HALF
    stated = fit(columns, curve=RateCurve.flat(rate), early=True)
    assert stated.reason[0] == 0
    assert abs(stated.forward[0] - truth) < 0.05 * HALF
    assert stated.dividend_yield[0] == pytest.approx(dividend, abs=2e-5)
    assert stated.rate_error[0] == 0.0
    asked = fit(columns, early=True)
    assert abs(asked.forward[0] - truth) < 0.05 * HALF
    assert asked.rate[0] == pytest.approx(rate, abs=2e-4)
    assert np.isfinite(asked.residual).any()
    assert np.nanmax(np.abs(asked.residual_spreads)) < 0.05


def test_standard_errors_are_those_of_repeated_chains() -> None:
    fits = [fit(made(180, 0.05, 0.02, 0.25, 0.01, seed), early=True) for seed in range(10)]
    truth = {"forward": SPOT * np.exp(0.03 * 180 / 365.0), "rate": 0.05}
    for name, real in truth.items():
        values = np.array([getattr(one, name)[0] for one in fits])
        errors = np.array([getattr(one, f"{name}_error")[0] for one in fits])
        assert values.mean() == pytest.approx(real, abs=4.0 * values.std() / np.sqrt(len(fits)))
        assert errors.mean() == pytest.approx(values.std(), rel=0.5)


def test_an_expiry_of_european_options_keeps_its_bits_beside_american_ones() -> None:
    one, other = made(180, 0.05, 0.02, 0.25), made(90, 0.05, 0.02, 0.25)
    both = {name: np.concatenate((one[name], other[name])) for name in one}
    marks = np.repeat([1, 2], len(one["strike"]))
    plain = implied_forwards(marks, **both, spot=SPOT)
    mixed = implied_forwards(marks, **both, spot=SPOT, early=marks == 2)
    assert mixed.forward[0] == plain.forward[0]
    assert mixed.forward_error[0] == plain.forward_error[0]
    assert abs(mixed.forward[1] - plain.forward[1]) > 0.02


NEGATIVE = [(-0.005, 0.0), (0.0, -0.01), (0.0, 0.0), (-0.005, -0.005), (-0.005, -0.02), (-0.02, -0.005)]


@pytest.mark.parametrize(("rate", "dividend"), NEGATIVE)
def test_a_negative_rate_a_negative_yield_and_both(rate: float, dividend: float) -> None:
    # Noise alone makes both negative, where options have two boundaries of exercise.
    truth = SPOT * np.exp((rate - dividend) * 182 / 365.0)
    for seed in range(3):
        columns = made(182, rate, dividend, 0.25, 0.005, seed)
        for curve in (None, RateCurve.flat(rate)):
            found = fit(columns, early=True, curve=curve)
            assert found.reason[0] == 0
            assert abs(found.forward[0] - truth) < 4.0 * found.forward_error[0]
            assert abs(found.rate[0] - rate) <= 4.0 * found.rate_error[0] + 1e-12
            assert found.forward_error[0] < 0.01


def test_the_error_of_the_spot_is_in_forwards_and_rates() -> None:
    columns, share = made(180, 0.05, 0.02, 0.25, 0.01), 1e-4
    exact, vague, moved = (
        implied_forwards(1, **columns, spot=spot, spot_error=error, early=True)
        for spot, error in ((SPOT, 0.0), (SPOT, share), (SPOT * (1.0 + share), 0.0))
    )
    assert vague.rate[0] == exact.rate[0]
    for name in ("rate", "forward"):
        pulled = abs(getattr(moved, name)[0] - getattr(exact, name)[0])
        error = np.hypot(getattr(exact, f"{name}_error")[0], pulled)
        assert getattr(vague, f"{name}_error")[0] == pytest.approx(error, rel=0.1)
    # The quotes know by how much the spot was moved.
    told = moved.spot_move[0] - exact.spot_move[0]
    assert told == pytest.approx(-share, rel=0.4)
    assert abs(exact.spot_move[0]) < 4.0 * exact.spot_move_error[0]


def test_a_quote_that_lies_is_outvoted() -> None:
    columns = made(180, 0.05, 0.02, 0.25)
    for side in ("bid", "ask"):
        columns[side][[4, 15, 30]] += 3.0
    found = fit(columns, early=True)
    assert abs(found.forward[0] - SPOT * np.exp(0.03 * 180 / 365.0)) < 0.02


@pytest.mark.parametrize(("rate", "dividend"), [(0.05, 0.3), (0.0, 0.5), (0.3, 0.0)])
def test_a_line_bent_beyond_belief_is_only_where_the_search_begins(rate: float, dividend: float) -> None:
    columns = made(20, rate, dividend, 0.35)
    assert fit(columns).reason[0] == Reason.DISCOUNT_OUT_OF_RANGE
    found = fit(columns, early=True)
    assert found.reason[0] == 0
    assert found.forward[0] == pytest.approx(SPOT * np.exp((rate - dividend) * 20 / 365.0), abs=1e-5)
    assert found.rate[0] == pytest.approx(rate, abs=1e-3)


def test_what_cannot_be_told_says_why() -> None:
    columns = made(180, 0.05, 0.02, 0.25)
    blind = implied_forwards(1, **columns, early=True)
    assert blind.reason[0] == Reason.NO_UNDERLYING_PRICE
    assert np.isnan(blind.forward[0])
    # Calls and puts that cost more than they can ever pay keep to parity, and have no volatility.
    dear = columns | {side: columns[side] + 500.0 for side in ("bid", "ask")}
    assert fit(dear).reason[0] == 0
    assert fit(dear, early=True).reason[0] == Reason.NO_CONVERGENCE
    none = np.full(5, 1e9)
    pairs = AmericanPairs(np.linspace(90.0, 110.0, 5), none, none, np.ones(5), np.ones(5), SPOT, 0.5)
    assert early_parity(pairs, 100.0, 0.98, known=(float("nan"), float("nan"))) is None
