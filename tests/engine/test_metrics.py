from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import ConfigError
from argus.engine import metrics
from argus.engine.replay import run
from argus.lab.journal.trials import MemoryTrialLedger
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import FixedUnits
from tests.lab.markets import Fade, config, daily_bars, market_of, noise

equities = st.lists(st.integers(min_value=1, max_value=10**15), min_size=1, max_size=60)


BACON = np.concatenate(
    (
        [0.003, 0.026, 0.011, -0.01, 0.015, 0.025, 0.016, 0.067, -0.014, 0.04, -0.005, 0.081],
        [0.04, -0.037, -0.061, 0.017, -0.049, -0.022, 0.07, 0.058, -0.065, 0.024, -0.005, -0.009],
    )
)


def _array(values: list[int]) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_returns_are_taken_from_the_opening_balance_on() -> None:
    assert metrics.session_returns(_array([110, 99]), 100).tolist() == pytest.approx([0.10, -0.10])


def test_an_account_that_is_gone_stays_gone() -> None:
    assert metrics.session_returns(_array([50, 0, 70, 80]), 100).tolist() == [-0.5, -1.0, 0.0, 0.0]
    assert metrics.session_returns(_array([-20, 30]), 100).tolist() == [-1.0, 0.0]


def test_an_account_without_an_opening_balance_is_an_error() -> None:
    with pytest.raises(ConfigError, match="opening balance"):
        metrics.session_returns(_array([1]), 0)


@given(
    st.lists(st.integers(min_value=10**6, max_value=10**9), min_size=1, max_size=60),
    st.integers(min_value=10**6, max_value=10**9),
)
def test_returns_compound_to_the_change_in_equity(values: list[int], opening: int) -> None:
    returns = metrics.session_returns(_array(values), opening)
    assert math.fsum(np.log1p(returns)) == pytest.approx(math.log(values[-1] / opening), abs=1e-9)


def test_sessions_a_year_are_counted() -> None:
    session = np.array([0, 365, 730], dtype=np.int32)
    assert metrics.sessions_per_year(session) == pytest.approx(2 * 365.2425 / 730)
    assert math.isnan(metrics.sessions_per_year(session[:1]))
    assert math.isnan(metrics.sessions_per_year(session[:0]))
    with pytest.raises(ConfigError, match="session 2 is day 3 after day 3"):
        metrics.sessions_per_year(np.array([1, 3, 3], dtype=np.int32))


@pytest.mark.parametrize("days", [8, 11, 25, 200, 364, 400, 3_000])
def test_a_weekday_market_has_261_sessions_a_year_however_short_the_series(days: int) -> None:
    monday = 14_613
    day = np.arange(monday, monday + days + 1, dtype=np.int32)
    weekdays = day[(day + 3) % 7 < 5]
    assert metrics.sessions_per_year(weekdays) == pytest.approx(365.2425 * 5 / 7, rel=0.005)
    assert metrics.sessions_per_year(day) == pytest.approx(365.2425)


def test_a_single_week_says_nothing_about_a_year() -> None:
    assert math.isnan(metrics.sessions_per_year(np.arange(14_613, 14_618, dtype=np.int32)))


def test_sharpe_is_mean_over_sample_deviation() -> None:
    assert metrics.sharpe(np.array([0.01, 0.03])) == pytest.approx(0.02 / math.sqrt(2e-4))
    assert math.isnan(metrics.sharpe(np.array([0.01])))
    assert math.isnan(metrics.sharpe(np.full(7, 0.1)))


@given(st.floats(0.01, 100.0), st.integers(0, 50))
def test_sharpe_skew_and_kurtosis_do_not_depend_on_scale(factor: float, seed: int) -> None:
    returns = noise(40, seed) + 0.001
    for statistic in (metrics.sharpe, metrics.skewness, metrics.kurtosis, metrics.sortino):
        assert statistic(factor * returns) == pytest.approx(statistic(returns), rel=1e-9)


def test_moments_agree_with_scipy() -> None:
    from scipy import stats

    returns = noise(500, 3) ** 3
    assert metrics.skewness(returns) == pytest.approx(float(stats.skew(returns)))
    assert metrics.kurtosis(returns) == pytest.approx(float(stats.kurtosis(returns, fisher=False)))


def test_normal_error_is_that_of_lo_2002() -> None:
    # Lo 2002 for independent returns: sqrt((1 + SR^2 / 2) / T); the divisor here is T - 1.
    assert metrics.sharpe_error(0.5, 61) == pytest.approx(math.sqrt((1 + 0.125) / 60))


def test_error_agrees_with_simulation_under_skewed_returns() -> None:
    # The mean of many estimates' variance is what the formula predicts (Mertens 2002).
    from argus.core.random import generator

    draws = generator(5, "metrics").exponential(1.0, (4_000, 400)) - 0.8
    ratios = draws.mean(axis=1) / draws.std(axis=1, ddof=1)
    predicted = metrics.sharpe_error(0.2, 400, skew=2.0, kurt=9.0)
    assert float(ratios.std()) == pytest.approx(predicted, rel=0.05)


def test_probabilistic_sharpe_of_the_published_example() -> None:
    # Bailey, Lopez de Prado 2012, "The Sharpe Ratio Efficient Frontier": 24 months, Sharpe 0.458 a month, skewness
    # -2.448, kurtosis 10.164: PSR(0) is 0.982 under normality and 0.913 with the moments.
    assert metrics.probabilistic_sharpe(0.458, 24) == pytest.approx(0.982, abs=5e-4)
    assert metrics.probabilistic_sharpe(0.458, 24, -2.448, 10.164) == pytest.approx(0.913, abs=5e-4)
    assert math.isnan(metrics.probabilistic_sharpe(math.nan, 24))


def test_sortino_counts_every_period() -> None:
    assert metrics.sortino(np.array([0.02, -0.01, 0.02, -0.01])) == pytest.approx(0.005 / math.sqrt(2e-4 / 4))
    assert math.isnan(metrics.sortino(np.array([0.01, 0.02])))
    assert math.isnan(metrics.sortino(np.array([-0.01])))


def test_sortino_of_the_published_example() -> None:
    # Rollinger, Hoffman, "Sortino: A 'Sharper' Ratio", Red Rock Capital: annual returns, target 0.
    returns = np.array([0.17, 0.15, 0.23, -0.05, 0.12, 0.09, 0.13, -0.04])
    assert metrics.downside_deviation(returns) == pytest.approx(0.02264, abs=5e-6)
    assert metrics.sortino(returns) == pytest.approx(4.417, abs=5e-4)


def test_bacons_portfolio_has_its_published_figures() -> None:
    # Bacon 2008, "Practical Portfolio Performance Measurement and Attribution", as restated with expected values in
    # the vignette PA-Bacon of the R package PerformanceAnalytics: Kappa of order 2 above 0.5 % a month is Sortino's
    # ratio, 0.157; kurtosis 2.43; skewness over kurtosis -0.034.
    assert metrics.sortino(BACON, 0.005) == pytest.approx(0.157, abs=5e-4)
    assert metrics.kurtosis(BACON) == pytest.approx(2.43, abs=5e-3)
    assert metrics.skewness(BACON) / metrics.kurtosis(BACON) == pytest.approx(-0.034, abs=5e-4)


def test_calmar_needs_a_fall() -> None:
    assert metrics.calmar(0.2, 0.1) == pytest.approx(2.0)
    assert math.isnan(metrics.calmar(0.2, 0.0))
    assert math.isnan(metrics.calmar(math.nan, 0.1))


def test_drawdown_knows_depth_money_and_time() -> None:
    found = metrics.max_drawdown(_array([120, 90, 100, 130, 117, 125, 126]), 100)
    assert found.fraction == pytest.approx(0.25)
    assert found.micros == 30
    assert (found.peak, found.trough) == (0, 1)
    assert found.periods == 3


def test_drawdown_counts_from_the_opening_balance() -> None:
    assert metrics.max_drawdown(_array([80, 90]), 100) == (pytest.approx(0.2), 20, -1, 0, 2)
    assert metrics.max_drawdown(_array([]), 100).fraction == 0.0
    with pytest.raises(ConfigError, match="opening balance"):
        metrics.drawdown_curve(_array([1]), 0)


def test_a_drawdown_to_nothing_never_ends() -> None:
    equity = _array([50, -20, 400, 300])
    assert metrics.drawdown_curve(equity, 100).tolist() == [0.5, 1.0, 1.0, 1.0]
    found = metrics.max_drawdown(equity, 100)
    assert (found.fraction, found.micros, found.periods) == (1.0, 120, 4)
    assert (found.peak, found.trough) == (-1, 1)


@given(equities, st.integers(min_value=1, max_value=10**15))
def test_drawdown_agrees_with_a_plain_loop(values: list[int], opening: int) -> None:
    peak, depth, money, run_length, longest = opening, 0.0, 0, 0, 0
    for value in values:
        peak = max(peak, value)
        depth = max(depth, 1 - value / peak)
        money = max(money, peak - value)
        run_length = run_length + 1 if value < peak else 0
        longest = max(longest, run_length)
    found = metrics.max_drawdown(_array(values), opening)
    assert found.fraction == pytest.approx(depth, abs=1e-12)
    assert (found.micros, found.periods) == (money, longest)
    assert float(metrics.drawdown_curve(_array(values), opening).max()) == found.fraction


def test_trade_statistics() -> None:
    net = _array([300, -100, 200, -100, 0])
    assert metrics.hit_rate(net) == 0.4
    assert metrics.profit_factor(net) == 2.5
    assert metrics.expectancy(net) == 60.0
    assert metrics.largest_share(net) == 1.0
    assert metrics.profit_factor(_array([5])) == math.inf
    assert math.isnan(metrics.largest_share(_array([-5])))
    assert all(math.isnan(f(_array([]))) for f in (metrics.hit_rate, metrics.profit_factor, metrics.expectancy))


def test_annual_return_and_turnover_bounds() -> None:
    assert metrics.return_annual(121.0, 100.0, 2.0) == pytest.approx(0.10)
    assert metrics.return_annual(-1.0, 100.0, 2.0) == -1.0
    assert math.isnan(metrics.return_annual(1.0, 1.0, 0.0))
    assert metrics.turnover_annual(400, 100.0, 2.0) == 1.0
    assert math.isnan(metrics.turnover_annual(400, 0.0, 2.0))


def test_summary_of_a_run_agrees_with_its_record() -> None:
    record = run(
        Fade({"days": 3}),
        market_of(daily_bars(noise(400, 11))),
        config(),
        sizer=FixedUnits(2),
        risk=LimitRiskPolicy(),
        trials=MemoryTrialLedger(),
    )
    found = metrics.summarise(record, 260.0)
    closed = record.trades[record.trades["is_open"] == 0]
    assert found.net_pnl_micros == record.net_pnl_micros == int(record.trades["net_micros"].sum())
    assert found.trades == len(closed)
    assert found.expectancy_micros == pytest.approx(closed["net_micros"].mean())
    assert found.sharpe_annual == pytest.approx(found.sharpe_session * math.sqrt(260.0))
    assert found.sessions == len(record.session_equity()[0])
    # Two lots, turned around at each reversal: a turn of the position sells it and buys it once.
    years = found.sessions / 260.0
    turns = np.abs(record.fills["signed_lots"]).sum() / 4 / years
    assert found.turnover_annual == pytest.approx(turns, rel=0.05)
    assert 0.95 < found.exposure <= 1.0
    for wrong in (0.0, -1.0, math.inf):
        with pytest.raises(ConfigError, match="periods_per_year"):
            metrics.summarise(record, wrong)
    unknown = metrics.summarise(record, math.nan)
    annual = ("return_annual", "vol_annual", "sharpe_annual", "sharpe_annual_error", "sortino_annual", "calmar")
    assert all(math.isnan(getattr(unknown, name)) for name in (*annual, "turnover_annual", "turnover_equity_annual"))
    assert unknown.sharpe_session == found.sharpe_session


def test_held_value_follows_the_fills_of_each_instrument() -> None:
    from argus.engine.record import FILL_DTYPE

    fills = np.zeros(3, dtype=FILL_DTYPE)
    fills["instrument"] = [0, 1, 0]
    fills["ts_event_ns"] = [10, 20, 30]
    fills["signed_lots"] = [2, -1, -2]
    fills["value_micros"] = [200, -70, -220]
    fills["position_after_lots"] = [2, -1, 0]
    held = metrics.held_values(fills, np.array([5, 10, 25, 30], dtype=np.int64))
    assert held.tolist() == [0.0, 200.0, 270.0, 70.0]
    net = metrics.held_values(fills, np.array([5, 10, 25, 30], dtype=np.int64), net=True)
    assert net.tolist() == [0.0, 200.0, 130.0, -70.0]
