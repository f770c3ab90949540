from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import ConfigError
from argus.core.random import generator
from argus.lab.multiple_testing.significance import (
    deflated_sharpe,
    expected_maximum,
    expected_maximum_sharpe,
    minimum_backtest_years,
    minimum_track_record,
)


def test_expected_maximum_of_ten_trials_as_published() -> None:
    # Bailey, Borwein, Lopez de Prado, Zhu 2014, Notices of the AMS 61(5): E[max_10] = 1.5746 (they print 1.57).
    assert expected_maximum(10) == pytest.approx(1.5746, abs=5e-5)


def test_deflated_sharpe_of_the_published_example() -> None:
    # Bailey, Lopez de Prado 2014, "The Deflated Sharpe Ratio": annual Sharpe 2.5 over 1,250 days (250 a year), 100
    # trials with annual variance 1/2, skewness -3, kurtosis 10: SR0 = 0.1132 a day, DSR = 0.9004.
    variance = 0.5 / 250
    assert expected_maximum_sharpe(100, variance) == pytest.approx(0.1132, abs=5e-5)
    assert deflated_sharpe(2.5 / math.sqrt(250), 1250, -3.0, 10.0, 100, variance) == pytest.approx(0.9004, abs=5e-5)


@pytest.mark.parametrize(("per_year", "years"), [(250, 2.73), (52, 2.83), (12, 3.24)])
def test_minimum_track_record_of_the_published_examples(per_year: int, years: float) -> None:
    # Bailey, Lopez de Prado 2012: an annual Sharpe ratio of 2 is above 1 at 95 % after so many years of daily, weekly
    # and monthly returns.
    root = math.sqrt(per_year)
    assert minimum_track_record(2 / root, benchmark=1 / root) / per_year == pytest.approx(years, abs=0.005)


def test_forty_five_trials_need_about_five_years() -> None:
    # Notices of the AMS 61(5): with five years of data no more than about 45 configurations may be tried.
    assert minimum_backtest_years(45) == pytest.approx(5.0, abs=0.15)


@pytest.mark.parametrize("trials", [5, 10, 50])
def test_expected_maximum_agrees_with_simulation(trials: int) -> None:
    best = generator(1, "significance").normal(size=(20_000, trials)).max(axis=1)
    assert expected_maximum(trials) == pytest.approx(float(best.mean()), abs=0.05)


@given(st.integers(1, 10_000))
def test_more_trials_never_make_a_result_better(trials: int) -> None:
    assert expected_maximum(trials + 1) >= expected_maximum(trials)
    few = deflated_sharpe(0.08, 1000, -0.5, 5.0, trials, 0.001)
    assert deflated_sharpe(0.08, 1000, -0.5, 5.0, trials + 1, 0.001) <= few


def test_a_single_trial_is_not_deflated() -> None:
    from argus.engine.metrics import probabilistic_sharpe

    assert deflated_sharpe(0.05, 500, 0.0, 3.0, 1, 0.0) == probabilistic_sharpe(0.05, 500)


def test_deflation_is_calibrated_on_strategies_without_an_edge() -> None:
    # The best of 20 worthless strategies passes 0.95 in about one case in twenty or less.
    draws = generator(3, "deflated").normal(size=(300, 20, 500))
    ratios = draws.mean(axis=2) / draws.std(axis=2, ddof=1)
    passed = [
        deflated_sharpe(float(row.max()), 500, 0.0, 3.0, 20, float(np.var(row, ddof=1))) >= 0.95 for row in ratios
    ]
    assert sum(passed) / len(passed) < 0.05


def test_impossible_input_is_refused() -> None:
    with pytest.raises(ConfigError, match="number of trials is 0"):
        expected_maximum(0)
    with pytest.raises(ConfigError, match="variance"):
        expected_maximum_sharpe(3, -1.0)
    with pytest.raises(ConfigError, match="confidence"):
        minimum_track_record(0.1, confidence=1.0)
    with pytest.raises(ConfigError, match="sharpe_annual"):
        minimum_backtest_years(3, 0.0)
    assert minimum_track_record(0.1, benchmark=0.2) == math.inf
    assert math.isnan(deflated_sharpe(math.nan, 10, 0.0, 3.0, 3, 0.1))
