"""Of `argus.engine.period_metrics`."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from argus.core.errors import ConfigError
from argus.core.random import generator
from argus.core.time import day_number, day_of
from argus.engine import metrics
from argus.engine import period_metrics as periods
from argus.engine.period_metrics import Frequency

FREQUENCIES = (Frequency.SESSION, Frequency.WEEK, Frequency.MONTH)


def days(first: date, count: int) -> np.ndarray:
    """Weekdays from `first` on."""
    day = np.arange(day_number(first), day_number(first) + 2 * count + 10)
    return day[(day + 3) % 7 < 5][:count].astype(np.int32)


def noise(n: int, seed: int, mean: float = 0.0005) -> np.ndarray:
    return generator(seed, "tests", "period metrics").normal(mean, 0.01, n)


def ar1(n: int, seed: int, rho: float) -> np.ndarray:
    """Returns of first-order dependence, `rho` of each in the next."""
    return np.asarray(lfilter([1.0], [1.0, -rho], noise(n, seed, 0.0)))


def equity_of(returns: np.ndarray) -> np.ndarray:
    return np.round(1e12 * np.cumprod(1.0 + returns)).astype(np.int64)


def test_months_and_weeks_of_a_small_account() -> None:
    # Thu 30 and Fri 31 January 2020, Mon 3 and Tue 4 February, Mon 2 March.
    stamps = [date(2020, 1, 30), date(2020, 1, 31), date(2020, 2, 3), date(2020, 2, 4), date(2020, 3, 2)]
    session = np.array([day_number(day) for day in stamps], dtype=np.int32)
    equity = np.array([101, 110, 99, 121, 60], dtype=np.int64)
    months = periods.period_returns(session, equity, 100, Frequency.MONTH)
    assert months.returns.tolist() == pytest.approx([0.10, 0.10, 60 / 121 - 1])
    assert [day_of(int(day)) for day in months.session] == [stamps[1], stamps[3], stamps[4]]
    assert months.per_year == pytest.approx(12.0)
    weeks = periods.period_returns(session, equity, 100, Frequency.WEEK)
    assert weeks.returns.tolist() == pytest.approx([0.10, 0.10, 60 / 121 - 1])
    assert weeks.per_year == pytest.approx(2 / 5 * 365.2425 / 7)
    assert periods.period_returns(session, equity, 100, Frequency.MONTH, whole=True).returns.tolist() == pytest.approx(
        [0.10]
    )


@given(st.integers(0, 10_000), st.integers(1, 400), st.integers(0, 20))
def test_returns_of_any_frequency_compound_to_the_same(start: int, count: int, seed: int) -> None:
    session = days(date(2001, 1, 1) + timedelta(days=start), count)
    equity = equity_of(noise(count, seed))
    total = equity[-1] / 1e12
    for frequency in FREQUENCIES:
        found = periods.period_returns(session, equity, 10**12, frequency)
        assert float(np.prod(1.0 + found.returns)) == pytest.approx(total, rel=1e-9)
        assert len(found.returns) == len(found.session)
        assert found.session[-1] == session[-1]
        whole = periods.period_returns(session, equity, 10**12, frequency, whole=True)
        if frequency is not Frequency.SESSION:
            assert whole.returns.tolist() == found.returns[1:-1].tolist()


@pytest.mark.parametrize(("frequency", "count"), [(Frequency.WEEK, 365.2425 / 7), (Frequency.MONTH, 12.0)])
def test_a_market_without_holes_has_every_week_and_month(frequency: Frequency, count: float) -> None:
    session = days(date(2010, 3, 17), 800)
    assert periods.period_returns(session, equity_of(noise(800, 1)), 10**12, frequency).per_year == pytest.approx(count)


def test_an_account_gone_within_a_month_has_lost_all_of_it() -> None:
    session = days(date(2020, 1, 27), 30)
    equity = np.full(30, 100, dtype=np.int64)
    equity[7], equity[8:] = -5, 300
    months = periods.period_returns(session, equity, 100, Frequency.MONTH)
    assert months.returns.tolist() == [0.0, -1.0, 0.0]


def test_no_sessions_and_one_session() -> None:
    none = np.zeros(0, dtype=np.int32)
    for frequency in FREQUENCIES:
        found = periods.period_returns(none, none.astype(np.int64), 100, frequency)
        assert not len(found.returns)
        assert math.isnan(found.per_year)
        one = periods.period_returns(days(date(2020, 1, 1), 1), np.array([110]), 100, frequency)
        assert one.returns.tolist() == pytest.approx([0.1])
        assert math.isnan(one.per_year)
    with pytest.raises(ConfigError, match="1 session dates and 0 equities"):
        periods.period_returns(days(date(2020, 1, 1), 1), none.astype(np.int64), 100)
    assert math.isnan(periods.volatility(np.array([0.1])))


def test_autocorrelations_by_hand() -> None:
    assert periods.autocorrelations(np.array([1.0, 2.0, 3.0, 4.0]), 3).tolist() == pytest.approx([0.25, -0.3, -0.45])
    assert np.isnan(periods.autocorrelations(np.array([1.0, 2.0]), 3)).tolist() == [False, True, True]
    assert np.isnan(periods.autocorrelations(np.full(5, 0.01), 2)).all()
    with pytest.raises(ConfigError, match="lags is -1"):
        periods.autocorrelations(np.array([1.0]), -1)


def test_autocorrelations_agree_with_statsmodels() -> None:
    stattools = pytest.importorskip("statsmodels.tsa.stattools", reason="comes with arch")
    returns = ar1(500, 3, 0.4)
    assert periods.autocorrelations(returns, 10) == pytest.approx(stattools.acf(returns, nlags=10)[1:])


@pytest.mark.parametrize("rho", [-0.3, 0.0, 0.2, 0.6])
@pytest.mark.parametrize("q", [2, 12, 252])
def test_the_annual_factor_is_los_closed_form_for_first_order_dependence(rho: float, q: int) -> None:
    # Lo 2002: eta(q) = sqrt(q) (1 + 2 rho / (1 - rho) (1 - (1 - rho^q) / (q (1 - rho))))^(-1/2) with rho_k = rho^k.
    closed = math.sqrt(q) / math.sqrt(1.0 + 2.0 * rho / (1.0 - rho) * (1.0 - (1.0 - rho**q) / (q * (1.0 - rho))))
    assert periods.annualisation_factor(q, rho ** np.arange(1, 400)) == pytest.approx(closed)


@given(st.floats(1.0, 400.0), st.lists(st.floats(0.0, 0.9), max_size=10))
def test_likeness_of_neighbours_never_raises_the_factor(q: float, rho: list[float]) -> None:
    factor = periods.annualisation_factor(q, np.array(rho))
    assert factor <= math.sqrt(q) * (1 + 1e-12)
    assert periods.annualisation_factor(q, np.zeros(5)) == pytest.approx(math.sqrt(q))


def test_impossible_autocorrelations_have_no_factor() -> None:
    assert math.isnan(periods.annualisation_factor(12.0, np.array([-0.9, -0.9])))
    assert math.isnan(periods.annualisation_factor(12.0, np.array([math.nan])))
    assert math.isnan(periods.annualisation_factor(math.nan, np.zeros(1)))


def test_lags_follow_the_customary_rule() -> None:
    assert [periods.newey_west_lags(n) for n in (0, 1, 2, 100, 2_500)] == [0, 0, 1, 4, 8]


@given(st.integers(2, 300), st.integers(0, 30))
def test_without_lags_the_error_is_that_of_the_moments(n: int, seed: int) -> None:
    returns = noise(n, seed)
    expected = metrics.sharpe_error(metrics.sharpe(returns), n, metrics.skewness(returns), metrics.kurtosis(returns))
    assert periods.sharpe_error_dependent(returns, 0) == pytest.approx(expected, rel=1e-9)


def test_dependent_returns_are_known_less_well_as_simulation_shows() -> None:
    rho, n = 0.5, 1_500
    drawn = np.stack([ar1(n, seed, rho) for seed in range(400)])
    ratios = [metrics.sharpe(each) for each in drawn]
    spread = float(np.std(ratios))
    independent = float(np.mean([periods.sharpe_error_dependent(each, 0) for each in drawn]))
    dependent = float(np.mean([periods.sharpe_error_dependent(each, 40) for each in drawn]))
    assert dependent == pytest.approx(spread, rel=0.12)
    assert independent < 0.7 * spread


def test_the_annual_ratio_of_dependent_returns_is_that_of_their_years() -> None:
    # Years of 250 sessions, of first-order dependence: Lo's factor predicts the ratio of sums over years.
    returns = ar1(250 * 4_000, 7, 0.4) + 0.002
    years = returns.reshape(-1, 250).sum(axis=1)
    found = periods.sharpe_annual_dependent(returns, 250.0, 20)
    assert found == pytest.approx(metrics.sharpe(years), rel=0.03)
    assert metrics.sharpe(returns) * math.sqrt(250.0) > 1.3 * found


def test_nothing_is_said_of_degenerate_returns() -> None:
    for returns in (np.zeros(0), np.array([0.01]), np.full(9, 0.01), np.array([0.1, math.nan, 0.2])):
        assert math.isnan(periods.sharpe_error_dependent(returns))
        assert math.isnan(periods.sharpe_annual_dependent(returns, 252.0))
    with pytest.raises(ConfigError, match="lags is 5 for 5 returns"):
        periods.sharpe_error_dependent(noise(5, 1), 5)
