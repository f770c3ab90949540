"""Our figures beside those of quantstats and empyrical-reloaded, where the definitions agree, and where they do not.

Neither library is needed to run or test Argus: the figures that they gave for one published series are frozen below,
and the live comparisons are skipped where a peer is not installed (``pip install quantstats empyrical-reloaded``). The
differences asserted here are those of the table in
``docs/metrics.md``: if a peer changes its definition, the page must change.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

from argus.core.random import generator
from argus.engine import metrics, period_metrics, risk_metrics, trade_metrics
from argus.engine.period_metrics import Frequency
from tests.engine.test_metrics import BACON

OPENING = 10**15
CASES = [(seed, count) for seed in range(4) for count in (60, 251, 1_000)]
YEAR = 252.0


def returns_of(seed: int, count: int) -> np.ndarray:
    """Skewed returns with fat tails, and some sessions at exactly zero."""
    random = generator(seed, "tests", "metrics", "peers")
    drawn = 0.0006 + 0.01 * random.standard_t(4, count) * np.where(random.random(count) < 0.5, 1.0, 1.3)
    return np.where(random.random(count) < 0.05, 0.0, np.clip(drawn, -0.2, 0.2))


def equity_of(returns: np.ndarray) -> np.ndarray:
    return np.round(OPENING * np.cumprod(1.0 + returns)).astype(np.int64)


def series(returns: np.ndarray) -> Any:
    import pandas as pd

    return pd.Series(returns, index=pd.bdate_range("2015-01-01", periods=len(returns)))


@pytest.fixture(scope="module")
def empyrical() -> Any:
    return pytest.importorskip("empyrical", reason="empyrical-reloaded is not installed")


@pytest.fixture(scope="module")
def quantstats() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip("quantstats", reason="quantstats is not installed")
    return module.stats


def near(value: float) -> Any:
    return pytest.approx(value, rel=1e-9, abs=1e-12)


def test_figures_that_both_peers_gave_for_bacons_portfolio() -> None:
    """Of empyrical-reloaded 0.7.1 and quantstats 0.0.86, which agreed with each other; months, 12 a year."""
    equity = equity_of(BACON)
    root = math.sqrt(12.0)
    annual = metrics.return_annual(float(equity[-1]), float(OPENING), 2.0)
    depth = metrics.max_drawdown(equity, OPENING).fraction
    assert metrics.sharpe(BACON) * root == near(0.7883202548144858)
    assert metrics.sortino(BACON) * root == near(1.3592165786838635)
    assert metrics.downside_deviation(BACON) * root == near(0.07945753582889417)
    assert period_metrics.volatility(BACON) * root == near(0.1370001586796923)
    assert annual == near(0.10367828972980941)
    assert depth == near(0.144672955739218)
    assert metrics.calmar(annual, depth) == near(0.7166390511623746)
    assert risk_metrics.tail_ratio(BACON) == near(1.1748310810810811)
    thousandths = np.round(BACON * 1_000).astype(np.int64)
    assert metrics.profit_factor(thousandths) == near(1.779783393501805)
    assert trade_metrics.payoff_ratio(thousandths) == near(1.2712738525012894)
    assert metrics.hit_rate(thousandths) == near(0.5833333333333334)


def test_figures_that_differ_from_the_peers_for_bacons_portfolio() -> None:
    """What theirs was stands beside ours; why is told in ``docs/metrics.md``."""
    curve = metrics.drawdown_curve(equity_of(BACON), OPENING)
    assert risk_metrics.ulcer_index(curve) == near(0.06250022893381009 * math.sqrt(23 / 24))
    assert risk_metrics.value_at_risk(BACON) == near(0.061)  # 0.0592 between two losses, 0.0561 of a normal
    assert risk_metrics.conditional_value_at_risk(BACON) == near((0.065 + 0.2 * 0.061) / 1.2)  # 0.063, 0.0726
    ratio, skew, kurt = metrics.sharpe(BACON), metrics.skewness(BACON), metrics.kurtosis(BACON)
    assert metrics.probabilistic_sharpe(ratio, 24, skew, kurt) == pytest.approx(0.8577, abs=1e-3)  # 0.85765


@pytest.mark.parametrize(("seed", "count"), CASES)
def test_empyrical_agrees(empyrical: Any, seed: int, count: int) -> None:
    returns = returns_of(seed, count)
    equity = equity_of(returns)
    root = math.sqrt(YEAR)
    annual = metrics.return_annual(float(equity[-1]), float(OPENING), count / YEAR)
    depth = metrics.max_drawdown(equity, OPENING).fraction
    assert metrics.session_returns(equity, OPENING) == pytest.approx(returns, abs=1e-12)
    assert metrics.sharpe(returns) * root == near(empyrical.sharpe_ratio(returns))
    assert metrics.sortino(returns) * root == near(empyrical.sortino_ratio(returns))
    assert metrics.downside_deviation(returns) * root == near(empyrical.downside_risk(returns))
    assert period_metrics.volatility(returns) * root == near(empyrical.annual_volatility(returns))
    assert annual == pytest.approx(empyrical.annual_return(returns), rel=1e-8)
    assert depth == pytest.approx(-empyrical.max_drawdown(returns), rel=1e-8)
    assert metrics.calmar(annual, depth) == pytest.approx(empyrical.calmar_ratio(returns), rel=1e-7)
    assert risk_metrics.tail_ratio(returns) == near(empyrical.tail_ratio(returns))


@pytest.mark.parametrize("frequency", ["weekly", "monthly"])
@pytest.mark.parametrize(("seed", "count"), CASES)
def test_empyrical_agrees_on_weeks_and_months(empyrical: Any, seed: int, count: int, frequency: str) -> None:
    returns = series(returns_of(seed, count))
    session = returns.index.to_numpy().astype("datetime64[D]").astype(np.int32)
    ours = period_metrics.period_returns(
        session, equity_of(returns.to_numpy()), OPENING, Frequency.WEEK if frequency == "weekly" else Frequency.MONTH
    )
    theirs = empyrical.aggregate_returns(returns, frequency)
    assert ours.returns == pytest.approx(theirs.to_numpy(), abs=1e-10)


@pytest.mark.parametrize(("seed", "count"), CASES)
def test_where_empyrical_means_something_else(empyrical: Any, seed: int, count: int) -> None:
    returns = returns_of(seed, count)
    # Without variation there is no ratio; theirs is infinite.
    assert empyrical.sharpe_ratio(np.full(count, 0.001)) == math.inf
    assert math.isnan(metrics.sharpe(np.full(count, 0.001)))
    # Value at risk: theirs lies between two returns and keeps the sign; ours is the lower of the two.
    low, high = np.sort(returns)[[math.ceil(0.05 * count - 1e-9) - 1, math.ceil(0.05 * count - 1e-9)]]
    assert low <= empyrical.value_at_risk(returns) <= high
    assert risk_metrics.value_at_risk(returns) == -low
    # Expected shortfall: theirs takes int(0.05 (n - 1)) + 1 returns, all of them in full.
    taken = int((count - 1) * 0.05) + 1
    assert empyrical.conditional_value_at_risk(returns) == near(float(np.sort(returns)[:taken].mean()))
    if taken == 0.05 * count:
        assert risk_metrics.conditional_value_at_risk(returns) == near(-empyrical.conditional_value_at_risk(returns))


@pytest.mark.parametrize(("seed", "count"), CASES)
def test_quantstats_agrees(quantstats: Any, seed: int, count: int) -> None:
    returns = returns_of(seed, count)
    table = series(returns)
    equity = equity_of(returns)
    root = math.sqrt(YEAR)
    annual = metrics.return_annual(float(equity[-1]), float(OPENING), count / YEAR)
    drawdown = metrics.max_drawdown(equity, OPENING)
    assert metrics.sharpe(returns) * root == near(quantstats.sharpe(table))
    assert metrics.sortino(returns) * root == near(quantstats.sortino(table))
    assert period_metrics.volatility(returns) * root == near(quantstats.volatility(table))
    assert annual == pytest.approx(quantstats.cagr(table), rel=1e-8)
    assert drawdown.fraction == pytest.approx(-quantstats.max_drawdown(table), rel=1e-8)
    assert metrics.calmar(annual, drawdown.fraction) == pytest.approx(quantstats.calmar(table), rel=1e-7)
    assert risk_metrics.tail_ratio(returns) == near(quantstats.tail_ratio(table))


@pytest.mark.parametrize(("seed", "count"), CASES)
def test_quantstats_agrees_on_profit_factor_and_payoff(quantstats: Any, seed: int, count: int) -> None:
    # Theirs are of session returns, ours of trades: given the same numbers, they are the same figures.
    millionths = np.round(returns_of(seed, count) * 1e6).astype(np.int64)
    table = series(millionths / 1e6)
    assert metrics.profit_factor(millionths) == near(quantstats.profit_factor(table))
    assert trade_metrics.payoff_ratio(millionths) == near(quantstats.payoff_ratio(table))
    # Theirs leaves out the zeros.
    zeros = float(np.mean(millionths == 0))
    assert metrics.hit_rate(millionths) == near(quantstats.win_rate(table) * (1.0 - zeros))


@pytest.mark.parametrize(("seed", "count"), CASES)
def test_where_quantstats_means_something_else(quantstats: Any, seed: int, count: int) -> None:
    returns = returns_of(seed, count)
    table = series(returns)
    curve = metrics.drawdown_curve(equity_of(returns), OPENING)
    # Ulcer index: theirs divides by n - 1.
    ulcer = risk_metrics.ulcer_index(curve)
    assert ulcer == pytest.approx(quantstats.ulcer_index(table) * math.sqrt((count - 1) / count), rel=1e-7)
    # Its performance index: theirs takes the total return, ours the annual one.
    total = float(np.prod(1.0 + returns)) - 1.0
    assert quantstats.ulcer_performance_index(table) == pytest.approx(total / quantstats.ulcer_index(table), rel=1e-9)
    # Moments: theirs carry the small-sample correction, kurtosis in excess of 3.
    n = float(count)
    skew, kurt = metrics.skewness(returns), metrics.kurtosis(returns)
    assert quantstats.skew(table) == near(skew * math.sqrt(n * (n - 1)) / (n - 2))
    corrected = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * kurt - 3 * (n - 1))
    assert quantstats.kurtosis(table) == near(corrected)
    # PSR: the same formula, theirs with those moments.
    ratio = metrics.sharpe(returns)
    assert metrics.probabilistic_sharpe(ratio, count, quantstats.skew(table), corrected + 3.0) == near(
        quantstats.probabilistic_sharpe_ratio(table)
    )
    # Value at risk: theirs is that of a normal distribution; ours the one that occurred.
    normal = float(np.mean(returns)) - 1.6448536269514722 * period_metrics.volatility(returns)
    assert quantstats.value_at_risk(table) == near(normal)
    # Exposure: theirs is the share of sessions with a return other than zero, rounded up to a percent.
    assert quantstats.exposure(table) == near(math.ceil(float(np.mean(returns != 0.0)) * 100) / 100)
