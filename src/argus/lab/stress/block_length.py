"""How long the blocks of a bootstrap should be: long enough to keep the dependence of a series, and no longer.

The rule of Politis and White reads it from the autocorrelations: it finds the lag beyond which they are no more than
chance, and balances the bias of short blocks against the variance of long ones.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from argus.core.arrays import F64_1D

__all__ = ["optimal_block"]

_RESULTS_MIN: Final = 10


def optimal_block(series: F64_1D) -> float:
    """Mean block length for the stationary bootstrap: Politis and White 2004, corrected by Patton, Politis, White 2009.

    "Automatic Block-Length Selection for the Dependent Bootstrap", Econometric Reviews 23(1) and 28(4): with the
    flat-top window, ``(2 G^2 / D)^(1/3) n^(1/3)`` where G sums the lags times their autocovariances and D is twice the
    square of the long-run variance; at most ``ceil(min(3 sqrt(n), n / 3))``.

    Parameters
    ----------
    series : (n,) float64
        Results or returns in the order of time.

    Returns
    -------
    float
        At least 1; exactly 1 for fewer than ten values or values that do not vary, where nothing can be seen.
    """
    n = len(series)
    if n < _RESULTS_MIN or float(np.ptp(series)) == 0.0:
        return 1.0
    x = np.ascontiguousarray(series, dtype=np.float64)
    x = x - x.mean()
    quiet = max(5, int(math.log10(n)))
    lags = math.ceil(math.sqrt(n)) + quiet
    covariance = np.array([float(x[lag:] @ x[: n - lag]) / n if lag < n else 0.0 for lag in range(lags + 1)])
    window = _window(_insignificant_lag(x, covariance, quiet), lags)
    lag = np.arange(1, window + 1)
    weight = np.where(lag / window <= 0.5, 1.0, 2.0 * (1.0 - lag / window)) * covariance[1 : window + 1]
    slope = float(np.sum(2.0 * lag * weight))
    long_run = float(covariance[0] + np.sum(2.0 * weight))
    if not long_run**2 > 0.0:
        return 1.0
    length = (slope**2 / long_run**2 * n) ** (1.0 / 3.0)
    longest = math.ceil(min(3.0 * math.sqrt(n), n / 3.0))
    return max(1.0, min(float(length), float(longest)))


def _insignificant_lag(x: F64_1D, covariance: F64_1D, quiet: int) -> int | None:
    """The first lag from which `quiet` correlations in a row are within chance; None if there is none."""
    n = len(x)
    bound = 2.0 * math.sqrt(math.log10(n) / n)
    squares = np.concatenate(([0.0], np.cumsum(x * x)))
    run = 0
    for lag in range(len(covariance)):
        if run == quiet:
            return lag - quiet
        early, late = squares[max(n - lag - 1, 0)], squares[n] - squares[min(lag + 1, n)]
        scale = math.sqrt(max(early * late, 0.0))
        run = run + 1 if abs(covariance[lag]) * n < bound * scale else 0
    return None


def _window(lag: int | None, lags: int) -> int:
    return lags if lag is None else min(2 * max(lag, 1), lags)
