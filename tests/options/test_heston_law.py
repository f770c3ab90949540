"""Heston as a model of positions: its law and its paths are one, and know the drift that they were given."""

from __future__ import annotations

import numpy as np
import pytest

from argus.core.errors import ConfigError
from argus.options import (
    HestonLaw,
    HestonParameters,
    Law,
    Measure,
    PathModel,
    heston_price,
    pop_at_expiry,
    pop_by_paths,
    position_of,
)

MARKET = HestonParameters(v0=0.03, kappa=3.0, theta=0.05, sigma=0.6, rho=-0.7)
YEARS = 45 / 365
MODEL = HestonLaw(100.0, MARKET, 0.01, YEARS)


def test_it_is_both_a_law_and_a_drawer_of_paths() -> None:
    assert isinstance(MODEL, Law)
    assert isinstance(MODEL, PathModel)
    assert MODEL.measure is Measure.RISK_NEUTRAL
    assert HestonLaw(100.0, MARKET, 0.01, YEARS, drift=0.08).measure is Measure.REAL_WORLD
    assert "correlation -0.70" in MODEL.assumes


def test_the_law_is_that_of_the_prices() -> None:
    levels = np.linspace(60.0, 140.0, 321)
    forward = 100.0 * np.exp(0.01 * YEARS)
    calls = heston_price(MARKET, levels, 1, YEARS, forward).price
    np.testing.assert_allclose(MODEL.call_mean(YEARS, levels), calls, atol=2e-4)
    np.testing.assert_allclose(MODEL.call_mean(YEARS, np.array([0.0])), forward, rtol=1e-15)
    # The distribution is the slope of the undiscounted call: 1 + dC/dK.
    slope = 1.0 + np.gradient(MODEL.call_mean(YEARS, levels), levels)
    np.testing.assert_allclose(MODEL.cdf(YEARS, levels)[5:-5], slope[5:-5], atol=1e-3)
    assert MODEL.cdf(YEARS, np.array([-1.0, 0.0])).tolist() == [0.0, 0.0]


def test_paths_agree_with_the_law_within_three_standard_errors() -> None:
    elapsed = np.concatenate((np.linspace(0.0, YEARS, 30)[1:-1], [YEARS]))
    spot, ratio = MODEL.paths(elapsed, 0, 40_000, 11)
    assert ratio is not None
    end = spot[-1]
    levels = np.array([85.0, 95.0, 100.0, 105.0, 115.0])
    below = (end[:, np.newaxis] <= levels).mean(axis=0)
    chance = MODEL.cdf(YEARS, levels)
    assert (np.abs(below - chance) < 3.0 * np.sqrt(chance * (1.0 - chance) / len(end)) + 1e-3).all()
    mean = 100.0 * np.exp(0.01 * YEARS)
    assert abs(end.mean() - mean) < 3.0 * end.std() / np.sqrt(len(end))
    # At the horizon the ratio is that of the variance itself, whose mean is known.
    pull = 3.0 * YEARS
    expected = 0.05 + (0.03 - 0.05) * (1.0 - np.exp(-pull)) / pull
    assert abs((ratio[-1] ** 2).mean() * expected - (0.05 + (0.03 - 0.05) * np.exp(-pull))) < 1e-3
    assert np.corrcoef(np.log(end), ratio[-1])[0, 1] < -0.4


def test_paths_are_the_same_in_any_parts() -> None:
    elapsed = np.linspace(0.0, YEARS, 9)[1:]
    whole = MODEL.paths(elapsed, 0, 300, 5)
    parts = [MODEL.paths(elapsed, first, last, 5) for first, last in ((0, 70), (70, 71), (71, 300))]
    assert np.hstack([part.spot for part in parts]).tobytes() == whole.spot.tobytes()
    assert np.hstack([part.vol_ratio for part in parts]).tobytes() == whole.vol_ratio.tobytes()


def test_a_position_has_one_probability_by_law_and_by_paths() -> None:
    right = np.array([-1, -1], dtype=np.int8)
    position = position_of(
        "short_put_vertical",
        100.0,
        right=right,
        quantity=np.array([-1.0, 1.0]),
        strike=np.array([95.0, 90.0]),
        years=np.full(2, YEARS),
        bid=np.array([1.2, 0.5]),
        ask=np.array([1.3, 0.6]),
        vol=np.array([0.20, 0.23]),
        carry=np.full(2, 0.01),
        rate=np.full(2, 0.02),
    )
    exact = pop_at_expiry(position, MODEL)
    drawn = pop_by_paths(position, MODEL, paths=40_000, steps=30, seed=3)
    assert abs(exact.probability - drawn.probability.value) < 3.0 * drawn.probability.standard_error + 1e-3


@pytest.mark.parametrize("wrong", [{"spot": 0.0}, {"horizon": -1.0}, {"drift": float("nan")}])
def test_what_is_out_of_range_is_named(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        HestonLaw(**({"spot": 100.0, "parameters": MARKET, "carry": 0.0, "horizon": 0.1} | wrong))
