"""One step of the scheme against the moments it must keep, lanes against the scalar step, bits against frozen ones."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
from scipy.stats import kstest, norm

from argus.options import _heston_path_kernels as kernels
from argus.options.heston import HestonParameters
from argus.options.heston_paths import PathPlan, QeTerms, qe_terms, simulate_heston

CALM = HestonParameters(0.04, 2.0, 0.04, 0.3, -0.7)
WILD = HestonParameters(0.04, 0.5, 0.04, 1.0, -0.9)
STEPS = [1 / 252, 0.25, 1.0]


def deviates(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights that integrate over a standard normal deviate."""
    points, weights = np.polynomial.hermite_e.hermegauss(count)
    return points, weights / weights.sum()


def next_variances(v: float, terms: QeTerms) -> tuple[np.ndarray, np.ndarray]:
    """The variances after one step from `v`, and their weights, over a fine grid of the deviate that makes them."""
    if v >= terms[5]:
        points, weights = deviates(40)
        return np.array([kernels.qe_step(0.0, v, 0.0, float(z), 0.5, terms)[1] for z in points]), weights
    # Gauss-Legendre in the logarithm of the uniform deviate, where the rule is a straight line above its kink.
    mean = v * terms[1] + terms[2]
    psi = (v * terms[3] + terms[4]) / mean**2
    points, weights = np.polynomial.legendre.leggauss(60)
    kink = 2.0 / (1.0 + psi)
    depth = 0.5 * (points + 1.0) * 40.0
    uniform = kink * np.exp(-depth)
    values = np.array([kernels.qe_step(0.0, v, 0.0, 0.0, float(u), terms)[1] for u in uniform])
    return np.append(values, 0.0), np.append(0.5 * weights * 40.0 * uniform, 1.0 - kink)


@pytest.mark.parametrize("parameters", [CALM, WILD])
@pytest.mark.parametrize("years_step", STEPS)
@pytest.mark.parametrize("v", [0.0, 0.001, 0.04, 0.5])
def test_mean_and_variance_of_the_variance_are_exact(parameters: HestonParameters, years_step: float, v: float) -> None:
    _, kappa, theta, sigma, _ = parameters.as_tuple()
    values, weights = next_variances(v, qe_terms(parameters, years_step))
    fade = 1.0 - math.exp(-kappa * years_step)
    mean = theta + (v - theta) * (1.0 - fade)
    spread = v * sigma**2 * (1.0 - fade) * fade / kappa + theta * sigma**2 * fade**2 / (2.0 * kappa)
    assert weights @ values == pytest.approx(mean, rel=1e-8)
    assert weights @ (values - mean) ** 2 == pytest.approx(spread, rel=1e-6)
    assert (values >= 0.0).all()


@pytest.mark.parametrize("parameters", [CALM, WILD, HestonParameters(0.04, 1.0, 0.09, 0.8, 0.4)])
@pytest.mark.parametrize("years_step", STEPS)
@pytest.mark.parametrize("v", [0.0, 0.004, 0.3])
def test_mean_of_the_price_is_exact_from_any_variance(
    parameters: HestonParameters, years_step: float, v: float
) -> None:
    terms = qe_terms(parameters, years_step, drift=0.05)
    values, weights = next_variances(v, terms)
    points, chances = deviates(30)
    calm = v >= terms[5]
    psi_points, _ = deviates(40)
    mean = 0.0
    for place, (value, weight) in enumerate(zip(values, weights, strict=True)):
        # What the price does given the variance: one deviate more.
        normal = float(psi_points[place]) if calm else 0.0
        psi = (v * terms[3] + terms[4]) / (v * terms[1] + terms[2]) ** 2
        uniform = 0.5 if calm else min(0.999999, 2.0 / (1.0 + psi) * math.exp(-_depth(value, v, terms)))
        base, _ = kernels.qe_step(0.0, v, 0.0, normal, uniform, terms)
        spread = math.sqrt(terms[9] * (v + value))
        mean += weight * float(chances @ np.exp(base + spread * points))
    assert mean == pytest.approx(math.exp(0.05 * years_step), rel=2e-6)


def _depth(value: float, v: float, terms: QeTerms) -> float:
    """Minus the logarithm of the uniform deviate over that of the kink, given the variance that it made."""
    mean = v * terms[1] + terms[2]
    psi = (v * terms[3] + terms[4]) / mean**2
    return -1e-3 if value == 0.0 else value / (0.5 * mean * (1.0 + psi))


def test_terms_name_the_edge_at_which_psi_is_andersens() -> None:
    for parameters in (CALM, WILD):
        for years_step in STEPS:
            terms = qe_terms(parameters, years_step)
            psi = (terms[5] * terms[3] + terms[4]) / (terms[5] * terms[1] + terms[2]) ** 2
            assert terms[5] < 0.0 or psi == pytest.approx(1.5, rel=1e-9)


def test_short_and_long_form_of_a_step_agree() -> None:
    for parameters in (CALM, WILD):
        short = qe_terms(parameters, 1 / 252)
        assert short[11] == 1.0
        long: QeTerms = (*short[:11], -1.0)
        for v in (0.0, 0.002, 0.04, 0.4):
            one = kernels.qe_step(0.01, v, 0.3, -0.8, 0.02, short)
            assert kernels.qe_step(0.01, v, 0.3, -0.8, 0.02, long) == pytest.approx(one, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("years", [0.05, 6.0])
def test_lanes_are_the_scalar_step_to_the_bit(years: float) -> None:
    plan = PathPlan(years, 5, 4, drift=0.03, seed=11)
    for parameters in (CALM, WILD):
        found = simulate_heston(parameters, plan, workers=1)
        keys = _keys(plan.seed)
        terms = qe_terms(parameters, years / 5, 0.03)
        for path in range(4):
            sign = -1.0 if path % 2 else 1.0
            x, v = 0.0, parameters.v0
            for step in range(5):
                number = np.uint64(path // 2 * 5 + step)
                spot, variance = kernels.draw_normals(keys[0], number)
                uniform = kernels.draw_uniform(keys[1], number)
                x, v = kernels.qe_step(x, v, sign * spot, sign * variance, 0.5 + sign * (uniform - 0.5), terms)
            assert (x, v) == (found.log_return[path], found.variance[path])


def _keys(seed: int) -> np.ndarray:
    from argus.core.random import stream_key

    return np.array([stream_key(seed, "heston", name) for name in ("normal", "uniform")], dtype=np.uint64)


def test_paths_are_the_same_bits_compiled_or_not() -> None:
    digest = hashlib.sha256()
    for parameters, years in ((CALM, 0.03), (WILD, 0.03), (WILD, 8.0)):
        found = simulate_heston(parameters, PathPlan(years, 4, 70, seed=2), lower=0.95, upper=1.02, follow=True)
        for column in (found.log_return, found.variance, found.log_lowest, found.touch_lower, found.touch_upper):
            digest.update(column.tobytes())
    assert digest.hexdigest()[:16] == "969a2b10b4e27d8f"


def test_deviates_are_normal_and_uniform() -> None:
    key = _keys(1)
    pairs = np.array([kernels.draw_normals(key[0], np.uint64(i)) for i in range(1000)])
    assert kstest(pairs[:, 0], norm.cdf).pvalue > 1e-3
    assert kstest(pairs[:, 1], norm.cdf).pvalue > 1e-3
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 4.0 / math.sqrt(1000)
    assert kstest([kernels.draw_uniform(key[1], np.uint64(i)) for i in range(1000)], "uniform").pvalue > 1e-3
