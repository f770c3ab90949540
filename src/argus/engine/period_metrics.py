"""Returns by session, week or month, and what it does to a Sharpe ratio that neighbouring returns resemble each other.

The square root of time holds for returns that do not depend on each other. Prices that lag, marks that are smoothed and
positions held over many sessions break it, and then the annual Sharpe ratio of daily returns promises too much. Three
ways to see it stand here: the same ratio from weeks and months, Lo's factor in place of the square root, and a standard
error that allows for dependence.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np

from argus.core.arrays import F64_1D, I32_1D, I64_1D
from argus.core.errors import ConfigError
from argus.engine.metrics import session_returns, sessions_per_year, sharpe

__all__ = [
    "Frequency",
    "PeriodReturns",
    "annualisation_factor",
    "autocorrelations",
    "newey_west_lags",
    "period_returns",
    "sharpe_annual_dependent",
    "sharpe_error_dependent",
    "volatility",
]

_WEEKS_PER_YEAR: Final = 365.2425 / 7.0
_MONTHS_PER_YEAR: Final = 12.0
_MONDAY: Final = 3
"""Day 0, 1970-01-01, was a Thursday."""


class Frequency(StrEnum):
    """How long the period of a return is."""

    SESSION = "session"
    WEEK = "week"
    MONTH = "month"


class PeriodReturns(NamedTuple):
    """Returns of an account by calendar period.

    Attributes
    ----------
    session : (n,) int32
        Day number of the last session of each period.
    returns : (n,) float64
    per_year : float
        Periods a year that the data really hold; NaN where they are too short to say.
    """

    session: I32_1D
    returns: F64_1D
    per_year: float


def period_returns(
    session: I32_1D,
    equity_micros: I64_1D,
    opening_micros: int,
    frequency: Frequency = Frequency.SESSION,
    *,
    whole: bool = False,
) -> PeriodReturns:
    """Returns ``E_end / E_previous_end - 1`` by session, week (Monday to Sunday) or calendar month.

    Periods in which the market had no session do not exist, and lower the number of periods a year: of weeks
    ``(n - 1) / weeks from the first to the last``, times 52.18, and of months the like, times 12.

    Parameters
    ----------
    session : (n,) int32
        Session dates as day numbers, increasing.
    equity_micros : (n,) int64
        Equity at the close of each.
    opening_micros : int
        Balance before the first.
    frequency : Frequency
    whole : bool
        Leave out the first and the last week or month, of which the data may hold a part only. All of them together
        compound to the total return; the whole ones alone are comparable with each other.

    Raises
    ------
    ConfigError
        If lengths differ, dates do not increase, or the opening balance is not positive.
    """
    if len(session) != len(equity_micros):
        raise ConfigError(
            f"there are {len(session)} session dates and {len(equity_micros)} equities; give one for each"
        )
    per_year = sessions_per_year(session)
    if frequency is Frequency.SESSION:
        return PeriodReturns(session, session_returns(equity_micros, opening_micros), per_year)
    label = _label(session, frequency)
    ends = np.flatnonzero(np.append(np.diff(label) != 0, True)) if len(label) else np.zeros(0, dtype=np.int64)
    returns = session_returns(equity_micros[ends], opening_micros)
    # An account that was gone within a period is gone, even if its books show money again at the period's end.
    gone = np.flatnonzero(equity_micros <= 0)
    if len(gone):
        first = int(np.searchsorted(ends, gone[0]))
        returns[first], returns[first + 1 :] = -1.0, 0.0
    rate = _periods_per_year(label[ends], frequency)
    kept = slice(1, -1) if whole else slice(None)
    return PeriodReturns(session[ends][kept], returns[kept], rate)


def _label(session: I32_1D, frequency: Frequency) -> I64_1D:
    """Number of the week or month in which each session lies."""
    if frequency is Frequency.WEEK:
        return (session.astype(np.int64) + _MONDAY) // 7
    return session.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _periods_per_year(label: I64_1D, frequency: Frequency) -> float:
    if len(label) < 2:
        return math.nan
    most = _WEEKS_PER_YEAR if frequency is Frequency.WEEK else _MONTHS_PER_YEAR
    return most * (len(label) - 1) / float(label[-1] - label[0])


def volatility(returns: F64_1D) -> float:
    """Sample standard deviation of returns per period (``ddof`` 1); NaN below two.

    Times the root of the periods a year it is the annual figure, if returns do not depend on each other.
    """
    return float(np.std(returns, ddof=1)) if len(returns) > 1 else math.nan


def autocorrelations(returns: F64_1D, lags: int) -> F64_1D:
    """Autocorrelations of lag 1 to `lags`: ``sum((r_t - m)(r_{t-k} - m)) / sum((r_t - m)^2)``.

    Box and Jenkins 1970, "Time Series Analysis". One that is not there shows as about ``±1 / sqrt(n)``.

    Returns
    -------
    (lags,) float64
        NaN for lags that the series is too short for, and throughout without variation.

    Raises
    ------
    ConfigError
        If `lags` is negative.
    """
    if lags < 0:
        raise ConfigError(f"lags is {lags}; give the number of autocorrelations wanted, 0 or more")
    found = np.full(lags, math.nan)
    if math.isnan(sharpe(returns)):
        return found
    centred = returns - np.mean(returns)
    total = float(centred @ centred)
    for lag in range(1, min(lags, len(returns) - 1) + 1):
        found[lag - 1] = float(centred[lag:] @ centred[:-lag]) / total
    return found


def annualisation_factor(periods_per_year: float, autocorrelation: F64_1D) -> float:
    """What to multiply a Sharpe ratio per period by to have that of a year, if returns depend on each other.

    ``q / sqrt(q + 2 sum_{k=1}^{q-1} (q - k) rho_k)``: Lo 2002, "The Statistics of Sharpe Ratios", Financial Analysts
    Journal 58(4). It is the square root of `q` if all `rho_k` are 0, less if they are positive. Lo's `q` is whole; the
    formula is used as it stands for any number of periods a year.

    Parameters
    ----------
    periods_per_year : float
        `q`.
    autocorrelation : (m,) float64
        Of lag 1 to m; beyond them, and beyond q - 1, they count as 0.

    Returns
    -------
    float
        NaN if the autocorrelations are not a possible set (the variance of a year would not be positive) or not known.
    """
    if not periods_per_year >= 1.0:
        return math.nan
    weight = np.maximum(periods_per_year - np.arange(1, len(autocorrelation) + 1), 0.0)
    spread = periods_per_year + 2.0 * float(weight @ autocorrelation)
    return periods_per_year / math.sqrt(spread) if spread > 0.0 else math.nan


def newey_west_lags(periods: int) -> int:
    """Lags that a long-run variance looks back: ``floor(4 (n / 100)^(2/9))``, at most n - 1.

    The customary rule from the growth rate in Newey and West 1994, "Automatic Lag Selection in Covariance Matrix
    Estimation", Review of Economic Studies 61(4); 4 for 100 observations, 8 for 2,500.
    """
    return max(min(math.floor(4.0 * math.pow(periods / 100.0, 2.0 / 9.0)), periods - 1), 0)


def sharpe_error_dependent(returns: F64_1D, lags: int | None = None) -> float:
    """Standard error of a Sharpe ratio per period, whatever the distribution and for returns that depend on each other.

    ``sqrt(V / (n - 1))``, where V is the long-run variance of ``z_t - SR/2 (z_t^2 - 1)`` with ``z_t = (r_t - m) / s``:
    variance plus twice the autocovariances weighted by ``1 - k / (lags + 1)``. It is the generalised method of moments
    of Lo 2002 for stationary returns, with the weights of Newey and West 1987, Econometrica 55(3). With no lags it is
    `metrics.sharpe_error` with the returns' own moments, exactly.

    Parameters
    ----------
    returns : (n,) float64
    lags : int, optional
        `newey_west_lags` of n if None.

    Returns
    -------
    float
        NaN below two returns or without variation.

    Raises
    ------
    ConfigError
        If `lags` is negative or not below n.
    """
    ratio = sharpe(returns)
    if math.isnan(ratio):
        return math.nan
    n = len(returns)
    reach = newey_west_lags(n) if lags is None else lags
    if not 0 <= reach < n:
        raise ConfigError(f"lags is {lags} for {n} returns; give 0 to {n - 1}")
    z = (returns - np.mean(returns)) / np.std(returns)
    influence = z - ratio / 2.0 * (z**2 - 1.0)
    variance = float(influence @ influence)
    for lag in range(1, reach + 1):
        variance += 2.0 * (1.0 - lag / (reach + 1.0)) * float(influence[lag:] @ influence[:-lag])
    return math.sqrt(max(variance, 0.0) / n / (n - 1))


def sharpe_annual_dependent(returns: F64_1D, periods_per_year: float, lags: int | None = None) -> float:
    """Annual Sharpe ratio by Lo's factor from the returns' own autocorrelations, in place of the square root of time.

    See `annualisation_factor` for formula and source.

    Parameters
    ----------
    returns : (n,) float64
    periods_per_year : float
    lags : int, optional
        Autocorrelations used, the later ones being mostly noise; `newey_west_lags` of n if None.

    Returns
    -------
    float
        NaN where the Sharpe ratio or the factor is.
    """
    reach = newey_west_lags(len(returns)) if lags is None else lags
    return sharpe(returns) * annualisation_factor(periods_per_year, autocorrelations(returns, reach))
