"""Of `argus.engine.risk_metrics`."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import ConfigError
from argus.core.random import generator
from argus.engine import metrics
from argus.engine import risk_metrics as risk
from tests.engine.test_metrics import BACON

equities = st.lists(st.integers(-50, 400), min_size=0, max_size=60)
floats = st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=80)


def array(values: list[int]) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_falls_of_a_small_account() -> None:
    falls = risk.drawdowns(array([90, 100, 120, 90, 96, 120, 130, 116, 125]), 100)
    assert falls == (
        risk.Fall(-1, 0, 1, pytest.approx(0.1), 10, 1, 1),
        risk.Fall(2, 3, 5, pytest.approx(0.25), 30, 1, 2),
        risk.Fall(6, 7, -1, pytest.approx(14 / 130), 14, 1, 2),
    )
    assert [fall.peak for fall in risk.worst_drawdowns(falls, 2)] == [2, 6]
    assert risk.worst_drawdowns(falls, 0) == ()
    assert risk.mean_drawdown(falls) == (pytest.approx((0.35 + 14 / 130) / 3), pytest.approx(5 / 3))
    with pytest.raises(ConfigError, match="count is -1"):
        risk.worst_drawdowns(falls, -1)


def test_equal_falls_keep_their_sequence() -> None:
    falls = risk.drawdowns(array([100, 50, 100, 50, 100]), 100)
    assert [fall.peak for fall in risk.worst_drawdowns(falls, 5)] == [0, 2]


def test_an_account_that_never_fell_has_no_fall() -> None:
    assert risk.drawdowns(array([100, 110]), 100) == ()
    assert risk.drawdowns(array([]), 100) == ()
    assert all(math.isnan(value) for value in risk.mean_drawdown(()))
    assert risk.under_water(np.zeros(3)) == 0.0
    assert risk.ulcer_index(np.zeros(3)) == 0.0
    assert math.isnan(risk.ulcer_performance(0.1, 0.0))
    assert math.isnan(risk.under_water(np.zeros(0)))
    assert math.isnan(risk.ulcer_index(np.zeros(0)))


def test_ruin_is_a_fall_that_does_not_end() -> None:
    (fall,) = risk.drawdowns(array([50, -20, 400]), 100)
    assert fall == risk.Fall(-1, 1, -1, 1.0, 120, 2, 3)


@given(equities, st.integers(1, 400))
def test_falls_agree_with_the_curve_and_the_deepest_one(values: list[int], opening: int) -> None:
    equity = array(values)
    falls = risk.drawdowns(equity, opening)
    curve = metrics.drawdown_curve(equity, opening)
    deepest = metrics.max_drawdown(equity, opening)
    assert sum(fall.periods_under for fall in falls) == int((curve > 0).sum())
    assert max((fall.fraction for fall in falls), default=0.0) == deepest.fraction
    assert max((fall.periods_under for fall in falls), default=0) == deepest.periods
    assert max((fall.micros for fall in falls), default=0) == deepest.micros
    for fall in falls:
        peak = opening if fall.peak < 0 else values[fall.peak]
        assert fall.fraction == pytest.approx(1 - max(values[fall.trough], 0) / peak)
        assert fall.periods_down <= fall.periods_under
        if fall.recovery >= 0:
            assert values[fall.recovery] >= peak
            assert fall.recovery == fall.peak + fall.periods_under + 1


def test_ulcer_of_bacons_portfolio_is_the_published_one() -> None:
    # Bacon 2008, p. 91, by the documentation of MartinRatio in the R package PerformanceAnalytics: 1.70.
    equity = np.round(1e12 * np.cumprod(1.0 + BACON)).astype(np.int64)
    ulcer = risk.ulcer_index(metrics.drawdown_curve(equity, 10**12))
    annual = metrics.return_annual(float(equity[-1]), 1e12, 2.0)
    assert risk.ulcer_performance(annual, ulcer) == pytest.approx(1.70, abs=0.01)


def test_value_at_risk_is_a_loss_that_occurred() -> None:
    returns = np.arange(1, 101) / 1_000 - 0.05  # -0.049 to 0.05
    shuffled = generator(1, "tests", "risk metrics").permutation(returns)
    assert risk.value_at_risk(shuffled) == pytest.approx(0.045)  # the fifth worst
    assert risk.conditional_value_at_risk(shuffled) == pytest.approx(np.mean([0.049, 0.048, 0.047, 0.046, 0.045]))
    assert risk.value_at_risk(shuffled, 0.99) == pytest.approx(0.049)


def test_a_period_across_the_edge_of_the_tail_counts_in_part() -> None:
    # 30 periods, the tail is one and a half of them.
    returns = np.concatenate(([-0.10, -0.04], np.full(28, 0.01)))
    assert risk.value_at_risk(returns) == pytest.approx(0.04)
    assert risk.conditional_value_at_risk(returns) == pytest.approx((0.10 + 0.5 * 0.04) / 1.5)


def test_a_tail_of_exactly_one_is_not_rounded_up_to_two() -> None:
    returns = np.concatenate(([-0.10, -0.04], np.full(18, 0.01)))
    assert risk.value_at_risk(returns) == pytest.approx(0.10)
    assert risk.conditional_value_at_risk(returns) == pytest.approx(0.10)


def test_tails_of_short_or_broken_histories_are_unknown() -> None:
    short = np.linspace(-0.1, 0.1, 19)
    broken = np.append(np.linspace(-0.1, 0.1, 50), math.nan)
    for returns in (np.zeros(0), short, broken):
        for figure in (risk.value_at_risk, risk.conditional_value_at_risk, risk.tail_ratio):
            assert math.isnan(figure(returns))
    for wrong in (0.0, 1.0, math.nan):
        with pytest.raises(ConfigError, match="level is"):
            risk.value_at_risk(short, wrong)
    with pytest.raises(ConfigError, match=r"between 0\.5 and 1"):
        risk.tail_ratio(short, 0.4)


def test_a_tail_ratio_needs_a_loss_and_a_gain() -> None:
    assert risk.tail_ratio(np.linspace(-0.1, 0.2, 101)) == pytest.approx(0.185 / 0.085)
    assert math.isnan(risk.tail_ratio(np.linspace(0.1, 0.2, 101)))
    assert math.isnan(risk.tail_ratio(np.linspace(-0.2, -0.1, 101)))
    assert math.isnan(risk.tail_ratio(np.zeros(101)))


@given(floats, st.floats(0.5, 0.99))
def test_shortfall_is_between_the_value_at_risk_and_the_worst(values: list[float], level: float) -> None:
    returns = np.array(values)
    at_risk, shortfall = risk.value_at_risk(returns, level), risk.conditional_value_at_risk(returns, level)
    if math.isnan(at_risk):
        assert len(values) * (1 - level) < 1
        assert math.isnan(shortfall)
        return
    assert at_risk - 1e-12 <= shortfall <= -returns.min() + 1e-12
    assert risk.value_at_risk(3.0 * returns, level) == pytest.approx(3.0 * at_risk)


@given(st.lists(st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)), min_size=20, max_size=60))
def test_shortfall_of_a_sum_is_never_more_than_the_sum_of_both(pairs: list[tuple[float, float]]) -> None:
    # Subadditivity, the property that value at risk lacks (Acerbi, Tasche 2002).
    a, b = np.array(pairs).T
    together = risk.conditional_value_at_risk(a + b)
    assert together <= risk.conditional_value_at_risk(a) + risk.conditional_value_at_risk(b) + 1e-12
