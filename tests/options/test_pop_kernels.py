"""Kernels of paths: laws of what they draw, and every mark and exit against plain arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest

from argus.options import BlackScholes, HistoricalBootstrap
from argus.options import _pop_kernels as kernels
from argus.options._valuation import black_greeks, normal_cdf

NONE = np.empty((0, 0, 0))


def test_the_normal_law_of_the_marks_is_that_of_scipy() -> None:
    x = np.linspace(-9.0, 9.0, 301)
    assert np.array([kernels._normal_cdf(one) for one in x]) == pytest.approx(normal_cdf(x), abs=2e-12)


def test_a_part_of_the_paths_has_the_bits_of_the_whole() -> None:
    elapsed = np.array([0.01, 0.05, 0.06])
    returns = np.array([0.01, -0.02, 0.005, 0.03, -0.01])
    for model in (BlackScholes(100.0, 0.3, 0.02), HistoricalBootstrap(100.0, returns, block=2.5)):
        whole = model.paths(elapsed, 0, 30, 5).spot
        parts = [model.paths(elapsed, first, first + 10, 5).spot for first in (0, 10, 20)]
        assert (whole == np.concatenate(parts, axis=1)).all()
        assert (whole != model.paths(elapsed, 0, 30, 6).spot).any()


def test_diffusions_have_the_moments_of_their_law() -> None:
    count, elapsed = 3_000, np.array([0.25, 1.0, 1.5])
    spot = BlackScholes(50.0, 0.4, 0.1).paths(elapsed, 0, count, 1).spot
    log = np.log(spot / 50.0)
    for step, years in enumerate(elapsed):
        assert log[step].mean() == pytest.approx((0.1 - 0.08) * years, abs=4 * 0.4 * math.sqrt(years / count))
        assert log[step].std() == pytest.approx(0.4 * math.sqrt(years), rel=4 / math.sqrt(2 * count))
    steps = np.diff(log, axis=0, prepend=0.0)
    assert np.abs(np.corrcoef(steps)[np.triu_indices(3, 1)]).max() < 4 / math.sqrt(count)


def test_bootstraps_walk_through_the_sample_in_blocks() -> None:
    returns = np.arange(1.0, 8.0) * 1e-3
    elapsed = np.arange(1, 41) / 252
    log = np.log(HistoricalBootstrap(100.0, returns, block=5.0).paths(elapsed, 0, 200, 3).spot / 100.0)
    place = np.rint(np.diff(log, axis=0, prepend=0.0) * 1e3).astype(int)
    assert set(np.unique(place)) == set(range(1, 8))
    follows = place[1:] == place[:-1] % 7 + 1
    # A block ends with probability 1/5, and a fresh start follows the place by chance in one of seven.
    assert follows.mean() == pytest.approx(0.8 + 0.2 / 7, abs=0.02)
    assert np.bincount(place.ravel(), minlength=8)[1:].min() > 0.1 * place.size


def test_a_drift_moves_the_mean_of_the_bootstrap() -> None:
    returns = np.array([0.02, -0.01, 0.03, -0.03, 0.01, -0.02])
    model = HistoricalBootstrap(100.0, returns, block=1.0, drift=0.5)
    end = model.paths(np.array([21 / 252]), 0, 3_000, 0).spot[0]
    assert end.mean() == pytest.approx(100.0 * math.exp(0.5 * 21 / 252), abs=4 * end.std() / math.sqrt(3_000))


LEGS = np.array(
    [
        [-1.0, 1.0, 0.0, 1.0],  # right
        [-2.0, 1.0, 1.0, -1.0],  # units
        [95.0, 105.0, 0.0, 100.0],  # strike
        [0.1, 0.1, np.inf, 0.3],  # years
        [0.25, 0.2, 0.0, 0.22],  # vol
        [0.03, 0.03, 0.0, 0.04],  # rate
        [0.01, 0.01, 0.0, 0.02],  # carry
        [0.05, 0.02, 0.01, 0.03],  # half-spread
        [0.0, 0.0, 0.0, 0.0],  # may be exercised early
    ]
)
ADDED = np.zeros((1, 1, 3))


@pytest.mark.parametrize(
    ("elasticity", "with_ratio", "each_leg"), [(0.0, False, False), (-4.0, True, False), (0.0, True, True)]
)
def test_marks_are_what_closing_brings(elasticity: float, with_ratio: bool, each_leg: bool) -> None:
    spot = np.array([[90.0, 100.0, 112.0], [80.0, 101.0, 130.0]])
    ratio = np.array([[[1.1, 0.9, 1.0], [1.3, 0.8, 0.7]]]) if with_ratio else NONE
    if with_ratio and each_leg:
        ratio = ratio * (1.0 + 0.05 * np.arange(LEGS.shape[1]))[:, np.newaxis, np.newaxis]
    elapsed, out = np.array([0.04, 0.1]), np.empty((2, 3))
    kernels.mark_block(spot, ratio, 100.0, elasticity, elapsed, 0, LEGS, ADDED, 3.0, 0.01, np.empty(3), out)
    right, units, strike, years, vol, rate, carry, half, _ = LEGS
    for step in range(2):
        for lane in range(3):
            own = ratio[:, step, lane] if with_ratio else 1.0
            factor = (spot[step, lane] / 100.0) ** elasticity * own
            left = np.where(right == 0.0, 0.0, years - elapsed[step])
            value = black_greeks(right, spot[step, lane], strike, left, vol * factor, rate, carry).value
            open_option = (right != 0.0) & (left > 0.0)
            half_now = np.where(open_option | (right == 0.0), half, 0.0)
            closed = np.where(units > 0.0, value - half_now, value + half_now)
            closed = np.where((units > 0.0) & open_option, np.maximum(closed, 0.0), closed)
            expected = units @ closed - 3.0 - 0.01 * np.abs(units[open_option]).sum()
            assert out[step, lane] == pytest.approx(expected, abs=1e-9)


def test_a_leg_that_may_be_exercised_early_is_worth_its_right_and_never_less_than_its_payoff() -> None:
    spot, elapsed, out = np.array([[60.0, 94.0, 100.0]]), np.array([0.04]), np.empty((1, 3))
    legs = LEGS[:, :1].copy()
    legs[8] = 1.0
    added = np.array([[[0.01, 0.02, 0.03]]])
    kernels.mark_block(spot, NONE, 100.0, 0.0, elapsed, 0, legs, added, 0.0, 0.0, np.empty(3), out)
    right, units, strike, years, vol, rate, carry, half, _ = legs[:, 0]
    bare = black_greeks(right, spot[0], strike, years - 0.04, vol, rate, carry).value
    worth = np.maximum(bare + added[0, 0], right * (spot[0] - strike))
    assert worth[0] == 35.0, "deep in the money the right is worth exercising"
    assert out[0] == pytest.approx(units * (worth + half), abs=1e-9)


def test_marks_before_the_first_asked_for_are_left_alone() -> None:
    out = np.full((2, 3), 7.0)
    kernels.mark_block(
        np.full((2, 3), 100.0), NONE, 100.0, 0.0, np.array([0.04, 0.1]), 1, LEGS, ADDED, 0.0, 0.0, np.empty(3), out
    )
    assert (out[0] == 7.0).all()
    assert (out[1] != 7.0).all()


def test_the_first_exit_counts() -> None:
    marks = np.array([[0.1, 0.6, -0.5, 0.0], [0.5, -9.0, -1.0, 0.1], [-3.0, 0.7, 2.0, 0.2]])
    pnl, step, why = np.empty(4), np.empty(4, dtype=np.int64), np.empty(4, dtype=np.uint8)
    kernels.exit_block(marks, 0.5, 1.0, pnl, step, why)
    assert pnl.tolist() == [0.5, 0.6, -1.0, 0.2]
    assert step.tolist() == [1, 0, 1, 2]
    assert why.tolist() == [1, 1, 2, 0]


def test_touches_between_the_steps_are_those_of_the_bridge() -> None:
    spot, elapsed, out = np.array([[95.0, 105.0, 111.0]]), np.array([0.1]), np.empty(3)
    kernels.touch_block(spot, 100.0, 110.0, 0.3, elapsed, out)
    bridge = np.exp(-2.0 * math.log(1.1) * np.log(110.0 / spot[0, :2]) / (0.09 * 0.1))
    assert out == pytest.approx([*bridge, 1.0], rel=1e-12)
    kernels.touch_block(spot, 100.0, 110.0, 0.0, elapsed, out)
    assert out.tolist() == [0.0, 0.0, 1.0]
    kernels.touch_block(spot, 100.0, 96.0, 0.0, elapsed, out)
    assert out.tolist() == [1.0, 0.0, 0.0]
