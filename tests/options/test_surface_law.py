"""The law of a smile: its prices are those of the smile, its distribution their slope, and a flat smile is Black's."""

from __future__ import annotations

import numpy as np
import pytest

from argus.core.errors import ConfigError
from argus.options import BlackScholes, Law, Measure, Surface, SurfaceLaw, fit_surface

YEARS = 0.25
STRIKES = np.linspace(70.0, 140.0, 57)


def fitted(vol: np.ndarray) -> Surface:
    """A surface through two expiries with these volatilities at `STRIKES`, of forward 100."""
    years = np.repeat([YEARS, 2.0 * YEARS], len(STRIKES))
    strike, both = np.tile(STRIKES, 2), np.tile(vol, 2)
    right = np.where(strike >= 100.0, 1, -1).astype(np.int8)
    return fit_surface(strike, right, years, np.full(len(years), 100.0), both - 1e-3, both + 1e-3)


FLAT = SurfaceLaw(100.0, fitted(np.full(len(STRIKES), 0.2)), 0.0)
SKEWED = SurfaceLaw(100.0, fitted(0.2 - 0.25 * np.log(STRIKES / 100.0)), 0.0)


def test_a_flat_smile_is_black_and_scholes() -> None:
    black = BlackScholes(100.0, 0.2)
    levels = np.linspace(60.0, 160.0, 101)
    np.testing.assert_allclose(FLAT.cdf(YEARS, levels), black.cdf(YEARS, levels), atol=5e-3)
    np.testing.assert_allclose(FLAT.call_mean(YEARS, levels), black.call_mean(YEARS, levels), atol=2e-2)


def test_the_distribution_is_the_slope_of_the_prices() -> None:
    levels = np.linspace(75.0, 135.0, 1_201)
    slope = 1.0 + np.gradient(SKEWED.call_mean(YEARS, levels), levels)
    np.testing.assert_allclose(SKEWED.cdf(YEARS, levels)[2:-2], slope[2:-2], atol=1e-4)
    wide = SKEWED.cdf(YEARS, np.linspace(1.0, 400.0, 2_000))
    assert (np.diff(wide) >= -1e-12).all()
    assert wide[0] < 1e-6
    assert wide[-1] > 1.0 - 1e-6
    assert SKEWED.cdf(YEARS, np.array([0.0, -5.0])).tolist() == [0.0, 0.0]
    assert SKEWED.call_mean(YEARS, np.array([0.0])).tolist() == [100.0]
    # Falls are feared: the median lies above the mean, and more weight lies far below than far above.
    assert SKEWED.cdf(YEARS, np.array([100.0]))[0] < FLAT.cdf(YEARS, np.array([100.0]))[0]
    assert SKEWED.cdf(YEARS, np.array([80.0]))[0] > 2.0 * FLAT.cdf(YEARS, np.array([80.0]))[0]


def test_a_stated_drift_moves_it_and_is_named() -> None:
    own = SurfaceLaw(100.0, SKEWED.surface, 0.0, drift=0.2)
    assert isinstance(own, Law)
    assert own.measure is Measure.REAL_WORLD
    assert SKEWED.measure is Measure.RISK_NEUTRAL
    assert "user stated (+20.00% a year)" in own.assumes
    np.testing.assert_allclose(own.call_mean(YEARS, np.array([0.0])), 100.0 * np.exp(0.05))
    assert np.isnan(own.touch(YEARS, np.array([90.0]))).all()
    with pytest.raises(ConfigError, match="drift"):
        SurfaceLaw(100.0, SKEWED.surface, 0.0, drift=float("inf"))
