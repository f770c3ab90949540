"""The characteristic function against its differential equation, its derivatives, and the bounds drawn from moments."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from argus.options._heston_kernels import _log_gradient, find_range, log_characteristic, log_moment
from argus.options.heston import HestonParameters, heston_distribution

MODELS = [
    (0.04, 1.5, 0.06, 0.6, -0.7),
    (0.0175, 1.5768, 0.0398, 0.5751, -0.5711),
    (0.04, 0.5, 0.04, 1.0, -0.9),
    (0.2, 3.0, 0.1, 0.05, 0.6),
]


def riccati(power: complex, years: float, model: tuple[float, ...]) -> complex:
    """Logarithm of ``E (S / F) ** power`` by the differential equation it solves, step by step."""
    v0, kappa, theta, sigma, rho = model
    half = 0.5 * (power * power - power)

    def slope(_: float, y: np.ndarray) -> np.ndarray:
        d = y[1]
        return np.array([kappa * theta * d, half + (rho * sigma * power - kappa) * d + 0.5 * sigma**2 * d * d])

    start = np.zeros(2, dtype=np.complex128)
    done = solve_ivp(slope, (0.0, years), start, rtol=1e-10, atol=1e-12, method="DOP853")
    return complex(done.y[0, -1] + v0 * done.y[1, -1])


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("years", [0.02, 1.0, 10.0])
def test_characteristic_function_solves_its_equation(model: tuple[float, ...], years: float) -> None:
    for u in (0.3, 2.0, 11.0):
        ours = np.exp(log_characteristic(u, years, model)[0])
        assert abs(ours - np.exp(riccati(1j * u, years, model))) < 1e-8


@pytest.mark.parametrize("model", MODELS)
def test_moments_solve_the_equation_too(model: tuple[float, ...]) -> None:
    for power in (-2.0, -0.5, 0.5, 1.5):
        ours = log_moment(power, 0.5, model)
        assert ours == pytest.approx(riccati(power, 0.5, model).real, abs=1e-7)
    assert log_moment(1.0, 3.0, model) == pytest.approx(0.0, abs=1e-12)


def test_a_moment_explodes_when_andersen_and_piterbarg_say_so() -> None:
    model = (0.04, 0.5, 0.04, 1.0, 0.3)
    _, kappa, _, sigma, rho = model
    power = 4.0
    beta = rho * sigma * power - kappa
    gamma = math.sqrt(sigma**2 * (power**2 - power) - beta**2)
    instant = 2.0 / gamma * math.atan2(gamma, beta)
    assert math.isfinite(log_moment(power, 0.999 * instant, model))
    assert log_moment(power, 0.999 * instant, model) > 5.0
    assert log_moment(power, 1.001 * instant, model) == math.inf


@pytest.mark.parametrize("model", MODELS)
def test_derivatives_are_those_of_differences(model: tuple[float, ...]) -> None:
    slopes = np.empty(5, dtype=np.complex128)
    for u in (0.4, 7.0):
        value = _log_gradient(u, 0.7, model, slopes)
        assert value == pytest.approx(log_characteristic(u, 0.7, model)[0], rel=1e-11)
        for place in range(5):
            up, down = list(model), list(model)
            up[place] += 1e-6
            down[place] -= 1e-6
            above, below = (log_characteristic(u, 0.7, tuple(one))[0] for one in (up, down))
            assert slopes[place] == pytest.approx((above - below) / 2e-6, rel=2e-6, abs=1e-8)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("years", [0.05, 2.0])
def test_no_more_probability_lies_beyond_the_range_than_was_said(model: tuple[float, ...], years: float) -> None:
    for probability in (1e-2, 1e-4):
        low, high = find_range(math.log(probability), years, model)
        law = heston_distribution(HestonParameters(*model), np.exp([low, high]), years, 1.0, accuracy=1e-8)
        assert law.below[0] <= probability
        assert 1.0 - law.below[1] <= probability
        # A bound that says too much makes the series long: it never says a thousandfold.
        assert min(law.below[0], 1.0 - law.below[1]) > 1e-3 * probability
