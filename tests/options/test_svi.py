"""One smile: published parameters, its density, and what repairs it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from argus.core.errors import ConfigError
from argus.options import (
    JumpWings,
    Svi,
    butterfly_g,
    fit_svi,
    jump_wings,
    repair_svi,
    smile_density,
    smile_is_free,
    smile_moments,
    smile_variance,
    ssvi_slice,
    svi_from_jump_wings,
)

# Axel Vogt's example, with its jump wings and both repairs: Gatheral and Jacquier 2014, sections 2.2 and 5.1.
VOGT = Svi(-0.0410, 0.1331, 0.3060, 0.3586, 0.4153)
VOGT_WINGS = (0.01742625, -0.1752111, 0.6997381, 1.316798, 0.0116249)


def test_vogts_smile_has_the_published_wings() -> None:
    found = jump_wings(VOGT, 1.0)
    assert (found.v, found.psi, found.p, found.c, found.v_low) == pytest.approx(VOGT_WINGS, rel=3e-6)
    back = svi_from_jump_wings(found)
    assert (back.a, back.b, back.rho, back.m, back.sigma) == pytest.approx((-0.0410, 0.1331, 0.3060, 0.3586, 0.4153))


def test_vogts_butterfly_is_found_and_the_published_repairs_are_free() -> None:
    assert butterfly_g(VOGT.smile, np.linspace(0.6, 1.2, 61)).min() < -0.01
    assert not smile_is_free(VOGT.smile)
    v, psi, p, _, v_low = VOGT_WINGS
    for c, low in ((0.3493158, 0.01548182), (0.8564763, v_low)):
        assert smile_is_free(svi_from_jump_wings(JumpWings(v, psi, p, c, low, 1.0)).smile)


def test_vogts_smile_is_repaired_and_keeps_the_money() -> None:
    repaired = repair_svi(VOGT, 1.0)
    wings = jump_wings(repaired, 1.0)
    assert smile_is_free(repaired.smile)
    assert (wings.v, wings.psi, wings.p, wings.v_low) == pytest.approx((*VOGT_WINGS[:3], VOGT_WINGS[4]), rel=3e-6)
    # As far back as may be: further than the published repair, short of the smile that was broken.
    assert 0.8564763 < wings.c < 1.316798
    assert repair_svi(repaired, 1.0) == repaired


def test_an_impossible_slope_is_refused() -> None:
    with pytest.raises(ConfigError, match="psi"):
        svi_from_jump_wings(JumpWings(0.04, 3.0, 0.5, 0.5, 0.03, 1.0))


def test_wings_around_zero_come_back() -> None:
    svi = Svi(0.01, 0.2, -0.3, 0.0, 0.1)
    back = svi_from_jump_wings(jump_wings(svi, 0.5))
    np.testing.assert_allclose(back.smile, svi.smile, atol=1e-12)
    with pytest.raises(ConfigError, match="width is not known"):
        svi_from_jump_wings(jump_wings(Svi(0.01, 0.2, 0.0, 0.0, 0.1), 0.5))


@given(
    theta=st.floats(0.001, 0.5),
    rho=st.floats(0.05, 0.9) | st.floats(-0.9, -0.05),
    share=st.floats(0.05, 0.95),
    years=st.floats(0.01, 5.0),
)
def test_ssvi_under_its_conditions_is_free_and_its_wings_come_back(
    theta: float, rho: float, share: float, years: float
) -> None:
    most = min(4.0 / (theta * (1.0 + abs(rho))), np.sqrt(4.0 / (theta * (1.0 + abs(rho)))))
    svi = ssvi_slice(theta, rho, share * most)
    assert smile_is_free(svi.smile, margin=-1e-12)
    assert smile_variance(svi.smile, np.zeros(1))[0][0] == pytest.approx(theta, rel=1e-12)
    back = svi_from_jump_wings(jump_wings(svi, years))
    np.testing.assert_allclose(back.smile, svi.smile, rtol=1e-5, atol=1e-9)


def test_a_flat_smile_is_lognormal() -> None:
    found = smile_moments(np.array([0.09, 0.0]))
    values = (found.mass, found.forward, found.mean, found.variance, found.skew, found.kurtosis, found.negative)
    assert values == pytest.approx((1.0, 1.0, -0.045, 0.09, 0.0, 3.0, 0.0), abs=1e-9)


@pytest.mark.parametrize(
    "svi", [ssvi_slice(0.04, -0.7, 3.0), ssvi_slice(0.0004, -0.5, 40.0), ssvi_slice(0.6, 0.3, 0.9)]
)
def test_the_density_sums_to_one_and_pays_the_forward(svi: Svi) -> None:
    found = smile_moments(svi.smile)
    assert (found.mass, found.forward, found.negative) == pytest.approx((1.0, 1.0, 0.0), abs=1e-8)
    assert np.sign(found.skew) == np.sign(svi.rho)
    assert found.kurtosis > 3.0


def test_the_density_is_the_second_derivative_of_the_call() -> None:
    smile = ssvi_slice(0.04, -0.6, 3.0).smile
    strike, step = np.exp(np.linspace(-0.5, 0.3, 7)), 1e-4

    def call(at: np.ndarray) -> np.ndarray:
        root = np.sqrt(smile_variance(smile, np.log(at))[0])
        d1 = -np.log(at) / root + 0.5 * root
        return ndtr(d1) - at * ndtr(d1 - root)

    curved = (call(strike + step) - 2.0 * call(strike) + call(strike - step)) / step**2
    np.testing.assert_allclose(smile_density(smile, np.log(strike)), curved * strike, rtol=1e-4)


def test_a_broken_smile_has_negative_mass() -> None:
    assert smile_moments(VOGT.smile).negative > 1e-5


def test_a_known_svi_is_recovered_from_quotes_in_any_order() -> None:
    svi = ssvi_slice(0.01, -0.5, 5.0)
    k = np.linspace(-0.5, 0.3, 40)[::-1].copy()
    w = smile_variance(svi.smile, k)[0]
    found = fit_svi(k, 0.999 * w, 1.001 * w)
    np.testing.assert_allclose(smile_variance(found.smile, k)[0], w, rtol=1e-5)


def test_vogts_quotes_are_fitted_without_the_butterfly() -> None:
    k = np.linspace(-1.0, 1.2, 60)
    w = smile_variance(VOGT.smile, k)[0]
    found = fit_svi(k, 0.97 * w, 1.03 * w)
    assert smile_is_free(found.smile)
    assert np.median(np.abs(smile_variance(found.smile, k)[0] / w - 1.0)) < 0.05


def test_bad_input_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 6"):
        fit_svi(np.zeros(3), np.ones(3), np.ones(3))
    k = np.linspace(-1.0, 1.0, 8)
    with pytest.raises(ConfigError, match="variance_bid"):
        fit_svi(k, np.full(8, 0.2), np.full(8, 0.1))
    with pytest.raises(ConfigError, match="shape"):
        smile_variance(np.zeros(4), k)
    with pytest.raises(ConfigError, match="sigma"):
        Svi(0.1, 0.1, 0.0, 0.0, 0.0)
