"""Whether a Sharpe ratio means anything, once it is known how many were tried to find it.

The best of many worthless backtests looks good: the more were run, the better it looks. These functions say how good
the best of N would look by luck alone, and what is left of the one that is shown. All Sharpe ratios are per period
(per session in Argus) unless a name says annual.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

import numpy as np

from argus.core.arrays import F64_1D
from argus.core.errors import ConfigError
from argus.engine.metrics import probabilistic_sharpe

__all__ = [
    "deflated_sharpe",
    "expected_maximum",
    "expected_maximum_sharpe",
    "maximum_density",
    "minimum_backtest_years",
    "minimum_track_record",
]

_EULER_GAMMA: Final = 0.5772156649015329
_NORMAL: Final = NormalDist()


def expected_maximum(trials: int) -> float:
    """Expected maximum of `trials` independent standard normal draws; 0 for a single one.

    ``(1 - g) Z(1 - 1/N) + g Z(1 - 1/(N e))`` with Euler's constant g and the normal quantile Z: an approximation by
    the extreme-value limit, good from about N = 5 on (Bailey, Borwein, Lopez de Prado, Zhu 2014, "Pseudo-Mathematics
    and Financial Charlatanism", Notices of the AMS 61(5), proposition 1).

    Raises
    ------
    ConfigError
        If there is no trial: a result that is shown was tried at least once.
    """
    if trials < 1:
        raise ConfigError(f"number of trials is {trials}; the result that is shown is itself one")
    if trials == 1:
        return 0.0
    upper = _NORMAL.inv_cdf(1.0 - 1.0 / trials)
    return (1.0 - _EULER_GAMMA) * upper + _EULER_GAMMA * _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))


def expected_maximum_sharpe(trials: int, variance: float) -> float:
    """Sharpe ratio that the best of `trials` strategies without any edge shows on average.

    ``sqrt(V) * expected_maximum(N)`` where V is the variance of Sharpe ratios across the trials (Bailey and Lopez de
    Prado 2014, "The Deflated Sharpe Ratio", Journal of Portfolio Management 40(5)). Trials that resemble each other
    have a small V, so that near-copies of one idea do not count in full.

    Raises
    ------
    ConfigError
        If the variance is negative or not finite.
    """
    if not (math.isfinite(variance) and variance >= 0.0):
        raise ConfigError(f"variance of trial Sharpe ratios is {variance}; it must be finite and not negative")
    return math.sqrt(variance) * expected_maximum(trials)


def maximum_density(at: F64_1D, trials: int, variance: float) -> F64_1D:
    """Density of the Sharpe ratio that the best of `trials` independent strategies without any edge shows.

    ``N f(x / s) F(x / s)^(N - 1) / s`` with the normal density f and distribution F and ``s = sqrt(variance)``. Its
    mean is what `expected_maximum_sharpe` approximates.

    Parameters
    ----------
    at : (n,) float64
        Sharpe ratios per period.
    trials : int
        At least 1.
    variance : float
        Of the Sharpe ratio of one such strategy; positive.

    Raises
    ------
    ConfigError
        If there is no trial, or the variance is not positive and finite.
    """
    if trials < 1 or not (math.isfinite(variance) and variance > 0.0):
        raise ConfigError(f"density of a maximum: {trials} trials, variance {variance}; at least 1, and positive")
    spread = math.sqrt(variance)
    x = at / spread
    below = np.array([_NORMAL.cdf(float(one)) for one in x])
    found: F64_1D = trials * np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi) * below ** (trials - 1) / spread
    return found


def deflated_sharpe(
    sharpe_period: float, periods: int, skew: float, kurt: float, trials: int, variance: float
) -> float:
    """Probability that the true Sharpe ratio exceeds what the best of `trials` worthless strategies would show: DSR.

    The probabilistic Sharpe ratio against `expected_maximum_sharpe` (Bailey and Lopez de Prado 2014, as above).

    Parameters
    ----------
    sharpe_period : float
        The Sharpe ratio that is shown, per period.
    periods : int
        Observations it was estimated on.
    skew, kurt : float
        Moments of its returns; `kurt` is 3 for a normal distribution.
    trials : int
        Every look taken at these data, the shown one included.
    variance : float
        Variance of the per-period Sharpe ratios of those trials.

    Returns
    -------
    float
        0 to 1; NaN where the Sharpe ratio is.
    """
    return probabilistic_sharpe(sharpe_period, periods, skew, kurt, expected_maximum_sharpe(trials, variance))


def minimum_track_record(
    sharpe_period: float, skew: float = 0.0, kurt: float = 3.0, benchmark: float = 0.0, confidence: float = 0.95
) -> float:
    """Periods needed before a Sharpe ratio exceeds `benchmark` with `confidence`; infinite if it is not above it.

    ``1 + (1 - skew SR + (kurt - 1)/4 SR^2) (Z(confidence) / (SR - SR*))^2``: Bailey and Lopez de Prado 2012, "The
    Sharpe Ratio Efficient Frontier", Journal of Risk 15(2), eq. 14.

    Raises
    ------
    ConfigError
        If `confidence` lies outside 0.5 to 1.
    """
    if not 0.5 < confidence < 1.0:
        raise ConfigError(f"confidence is {confidence}; it must lie between 0.5 and 1")
    if not sharpe_period > benchmark:
        return math.inf
    spread = 1.0 - skew * sharpe_period + (kurt - 1.0) / 4.0 * sharpe_period**2
    return 1.0 + spread * (_NORMAL.inv_cdf(confidence) / (sharpe_period - benchmark)) ** 2


def minimum_backtest_years(trials: int, sharpe_annual: float = 1.0) -> float:
    """Years of data below which the best of `trials` worthless strategies is expected to show `sharpe_annual`.

    ``(expected_maximum(N) / SR)^2``: Bailey et al. 2014, Notices of the AMS 61(5), theorem 1.

    Raises
    ------
    ConfigError
        If `sharpe_annual` is not positive.
    """
    if not sharpe_annual > 0.0:
        raise ConfigError(f"sharpe_annual is {sharpe_annual}; it must be positive")
    return (expected_maximum(trials) / sharpe_annual) ** 2
