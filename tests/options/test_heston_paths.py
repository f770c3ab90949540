"""Simulated paths against the closed form, their averages, their touches, and the graphics card in the simulator."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from argus.core.errors import ConfigError, MissingExtraError
from argus.options import (
    HestonParameters,
    PathPlan,
    heston_distribution,
    heston_price,
    path_mean,
    simulate_heston,
)

# Andersen 2008, section 5: cases I to III, all far from the Feller condition.
CASES = {
    "I": (HestonParameters(0.04, 0.5, 0.04, 1.0, -0.9), 10.0),
    "II": (HestonParameters(0.04, 0.3, 0.04, 0.9, -0.5), 15.0),
    "III": (HestonParameters(0.09, 1.0, 0.09, 1.0, -0.3), 5.0),
}
MARKET = HestonParameters(0.03, 2.5, 0.045, 0.9, -0.75)


def test_andersens_case_one_and_two_have_the_prices_of_the_closed_form() -> None:
    # At the money, as published for these two cases by Andersen and by those who compared schemes after him.
    for name, expected in (("I", 13.085), ("II", 16.649)):
        parameters, years = CASES[name]
        assert parameters.feller_ratio < 0.1
        assert heston_price(parameters, 100.0, 1, years, 100.0).price[0] == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize("name", CASES)
def test_bias_of_andersens_cases_is_gone_at_eight_steps_a_year(name: str) -> None:
    parameters, years = CASES[name]
    exact = heston_price(parameters, 100.0, 1, years, 100.0).price[0]
    for seed in (1, 2):
        paths = simulate_heston(parameters, PathPlan(years, int(8 * years), 30_000, seed=seed))
        found = path_mean(paths, 100.0 * np.maximum(paths.growth - 1.0, 0.0), paths.growth, 1.0)
        # Three standard errors, and the bias that is left: in the paper some hundredths.
        assert abs(found.mean - exact) < 3.0 * found.standard_error + 0.05


def test_bias_falls_with_the_step() -> None:
    # One step a year makes case III too cheap by a third of a point, far outside chance.
    parameters, years = CASES["III"]
    exact = heston_price(parameters, 100.0, 1, years, 100.0).price[0]
    paths = simulate_heston(parameters, PathPlan(years, 5, 200_000, seed=3))
    coarse = path_mean(paths, 100.0 * np.maximum(paths.growth - 1.0, 0.0), paths.growth, 1.0)
    assert exact - coarse.mean > 3.0 * coarse.standard_error + 0.1


@pytest.mark.parametrize("antithetic", [True, False])
def test_daily_paths_lie_within_three_standard_errors_of_the_closed_form(antithetic: bool) -> None:
    years, drift = 0.25, 0.03
    forward = math.exp(drift * years)
    strikes = np.array([0.85, 1.0, 1.1])
    exact = heston_price(MARKET, strikes, 1, years, forward, accuracy=1e-9).price
    beyond = 0
    for seed in range(12):
        paths = simulate_heston(MARKET, PathPlan(years, 63, 10_000, drift, antithetic, seed))
        growth = path_mean(paths, paths.growth)
        assert abs(growth.mean - forward) < 4.0 * growth.standard_error
        for strike, price in zip(strikes, exact, strict=True):
            found = path_mean(paths, np.maximum(paths.growth - strike, 0.0), paths.growth, forward)
            beyond += abs(found.mean - price) > 3.0 * found.standard_error
    # 36 dependent trials of a chance of 0.27 %.
    assert beyond <= 2


def test_probability_below_a_level_is_that_of_the_density() -> None:
    years, level = 0.1, np.array([0.93, 1.0, 1.04])
    exact = heston_distribution(MARKET, level, years, 1.0).below
    paths = simulate_heston(MARKET, PathPlan(years, 25, 40_000, seed=4))
    for place in range(3):
        found = path_mean(paths, (paths.growth < level[place]).astype(np.float64))
        assert abs(found.mean - exact[place]) < 3.5 * found.standard_error


def test_the_number_of_workers_and_of_paths_changes_no_path() -> None:
    for antithetic in (True, False):
        one = simulate_heston(MARKET, PathPlan(0.5, 10, 1_000, 0.01, antithetic, 5), workers=1)
        three = simulate_heston(MARKET, PathPlan(0.5, 10, 1_000, 0.01, antithetic, 5), workers=3)
        fewer = simulate_heston(MARKET, PathPlan(0.5, 10, 130, 0.01, antithetic, 5), follow=True)
        np.testing.assert_array_equal(one.log_return, three.log_return)
        np.testing.assert_array_equal(one.log_return[:130], fewer.log_return)
        np.testing.assert_array_equal(one.variance[:130], fewer.variance)


def test_touches_and_extremes_tell_the_same_story() -> None:
    plan = PathPlan(0.5, 30, 2_000, seed=6)
    paths = simulate_heston(MARKET, plan, lower=0.95, upper=1.06, follow=True)
    np.testing.assert_array_equal(paths.touch_lower >= 0, paths.log_lowest <= math.log(0.95))
    np.testing.assert_array_equal(paths.touch_upper >= 0, paths.log_highest >= math.log(1.06))
    assert (paths.log_lowest <= np.minimum(paths.log_return, 0.0)).all()
    assert (paths.log_highest >= np.maximum(paths.log_return, 0.0)).all()
    assert 0.2 < (paths.touch_lower > 0).mean() < 0.9
    at_start = simulate_heston(MARKET, plan, lower=1.0, upper=1.0, follow=True)
    assert (at_start.touch_lower == 0).all()
    assert (at_start.touch_upper == 0).all()


def test_touch_happens_at_the_first_step_beyond_the_level() -> None:
    from argus.core.random import stream_key
    from argus.options import _heston_path_kernels as kernels
    from argus.options.heston_paths import qe_terms

    plan = PathPlan(0.5, 12, 6, antithetic=False, seed=8)
    found = simulate_heston(MARKET, plan, lower=0.97, upper=1.03, follow=True)
    keys = [np.uint64(stream_key(8, "heston", name)) for name in ("normal", "uniform")]
    terms = qe_terms(MARKET, plan.years / plan.steps)
    for path in range(plan.paths):
        x, v, walked = 0.0, MARKET.v0, [0.0]
        for step in range(plan.steps):
            number = np.uint64(path * plan.steps + step)
            x, v = kernels.qe_step(
                x, v, *kernels.draw_normals(keys[0], number), kernels.draw_uniform(keys[1], number), terms
            )
            walked.append(x)
        line = np.array(walked)
        assert found.log_lowest[path] == line.min()
        assert found.log_highest[path] == line.max()
        for touch, beyond in (
            (found.touch_lower, line <= math.log(0.97)),
            (found.touch_upper, line >= math.log(1.03)),
        ):
            assert touch[path] == (int(np.argmax(beyond)) if beyond.any() else -1)


def test_antithetic_paths_and_a_control_take_noise_away() -> None:
    def error(antithetic: bool, with_control: bool) -> float:
        paths = simulate_heston(MARKET, PathPlan(0.25, 20, 8_000, 0.0, antithetic, 9))
        values = np.maximum(paths.growth - 0.95, 0.0)
        return path_mean(paths, values, paths.growth if with_control else None, 1.0).standard_error

    plain = error(False, False)
    assert error(True, False) < 0.8 * plain
    assert error(False, True) < 0.6 * plain
    assert error(True, True) < 0.6 * plain


def test_mean_of_pairs_is_one_observation() -> None:
    paths = simulate_heston(MARKET, PathPlan(0.1, 2, 4, seed=1))
    found = path_mean(paths, np.array([1.0, 3.0, 4.0, 8.0]))
    assert found.mean == 4.0
    assert found.standard_error == pytest.approx(math.sqrt(8.0) / math.sqrt(2.0))
    constant = path_mean(paths, np.ones(4), np.ones(4), 1.0)
    assert (constant.mean, constant.standard_error, constant.beta) == (1.0, 0.0, 0.0)


SIMULATED = """
import numpy as np
from argus.options import HestonParameters, PathPlan, simulate_heston
for parameters in (HestonParameters(0.04, 0.5, 0.04, 1.0, -0.9), HestonParameters(0.04, 2.0, 0.04, 0.3, 0.5)):
    for antithetic, years in ((True, 0.02), (False, 4.0)):
        plan = PathPlan(years, 4, 20, 0.02, antithetic, 3)
        for follow in (False, True):
            one, other = (
                simulate_heston(parameters, plan, lower=0.99, upper=1.01, follow=follow, on_gpu=card)
                for card in (False, True)
            )
            for name in ("log_return", "variance", "log_lowest", "log_highest", "touch_lower", "touch_upper"):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name), strict=True)
print("same")
"""


def test_the_card_gives_the_same_bits_in_the_simulator() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SIMULATED],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
    )
    assert done.stdout.strip() == "same", done.stderr


@pytest.mark.skipif(find_spec("numba_cuda") is not None, reason="numba-cuda is installed")
def test_without_the_library_the_extra_is_named() -> None:
    with pytest.raises(MissingExtraError, match=r"\[gpu\]"):
        simulate_heston(MARKET, PathPlan(0.1, 2, 4), on_gpu=True)


def test_bad_plans_and_calls_are_refused() -> None:
    for wrong, told in (
        ({"years": 0.0}, "years"),
        ({"years": math.nan}, "years"),
        ({"steps": 0}, "steps"),
        ({"paths": 0}, "paths"),
        ({"paths": 7}, "even"),
        ({"drift": math.inf}, "drift"),
    ):
        with pytest.raises(ConfigError, match=told):
            PathPlan(**{"years": 1.0, "steps": 4, "paths": 8, **wrong})
    with pytest.raises(ConfigError, match="levels"):
        simulate_heston(MARKET, PathPlan(1.0, 2, 4), lower=-0.1)
    paths = simulate_heston(MARKET, PathPlan(1.0, 2, 4))
    with pytest.raises(ConfigError, match="one a path"):
        path_mean(paths, np.ones(3))
    with pytest.raises(ConfigError, match="standard error"):
        path_mean(simulate_heston(MARKET, PathPlan(1.0, 2, 2)), np.ones(2))
