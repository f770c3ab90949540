"""Two tests for the level of a series: does it come back to one (ADF), and is there one (KPSS).

Worked out here because a report makes them for hundreds of columns, and the package that has them takes longer to load
than to compute. The tests hold every figure against that package.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from argus.core.arrays import F64_1D

__all__ = ["kpss_level", "unit_root"]

# MacKinnon (1994), tables 3 and 4, one series with a constant: the p-value is the normal distribution at a polynomial
# of the statistic, a steep one below the split and a flat one above it.
_ALWAYS_BELOW: Final = -18.83
_SPLIT: Final = -1.61
_ALWAYS_ABOVE: Final = 2.74
_BELOW: Final = (2.1659, 1.4412, 0.038269)
_ABOVE: Final = (1.7339, 0.93202, -0.12745, -0.010368)

# Kwiatkowski et al. (1992), table 1, the test of a level.
_KPSS_AT: Final = (0.347, 0.463, 0.574, 0.739)
_KPSS_P: Final = (0.10, 0.05, 0.025, 0.01)


def unit_root(series: F64_1D, lags: int) -> tuple[float, float]:
    """Augmented Dickey-Fuller test with a constant.

    The change of each value is explained by a constant, the value before it and the `lags` changes before it. The
    statistic is the coefficient of the value before, by its standard error.

    Parameters
    ----------
    series : (n,) float64
        Without missing values, scaled to about one.
    lags : int

    Returns
    -------
    statistic, p : float
        A small p speaks against a unit root. NaN with no more rows than weights, or if they explain all.

    Notes
    -----
    Dickey and Fuller (1979), Journal of the American Statistical Association 74; the p-value of MacKinnon (1994),
    Journal of Business and Economic Statistics 12. Explaining columns that are combinations of others share their
    coefficient in the smallest way, as the pseudoinverse has it.
    """
    changes = np.diff(series)
    n = len(changes) - lags
    if n <= lags + 2:
        return math.nan, math.nan
    explaining = np.empty((n, lags + 2))
    explaining[:, 0] = series[lags:-1]
    for lag in range(1, lags + 1):
        explaining[:, lag] = changes[lags - lag : len(changes) - lag]
    explaining[:, -1] = 1.0
    explained = changes[lags:]
    basis, triangle = np.linalg.qr(explaining)
    left, sizes, right = np.linalg.svd(triangle)
    # Values come from float32, so that a direction as small as rounding in float64 is no direction.
    stands = sizes > sizes[0] * max(explaining.shape) * np.finfo(np.float64).eps
    left, sizes, right = left[:, stands], sizes[stands], right[stands]
    freedom = n - len(sizes)
    weights = right.T @ ((left.T @ (basis.T @ explained)) / sizes)
    rest = explained - explaining @ weights
    variance = float(rest @ rest) / freedom * float(((right[:, 0] / sizes) ** 2).sum())
    if not variance > 0.0:
        return math.nan, math.nan
    statistic = float(weights[0]) / math.sqrt(variance)
    return statistic, _unit_root_p(statistic)


def _unit_root_p(statistic: float) -> float:
    if statistic > _ALWAYS_ABOVE:
        return 1.0
    if statistic < _ALWAYS_BELOW:
        return 0.0
    powers = _BELOW if statistic <= _SPLIT else _ABOVE
    at = sum(weight * statistic**power for power, weight in enumerate(powers))
    return 0.5 * math.erfc(-at / math.sqrt(2.0))


def kpss_level(series: F64_1D) -> tuple[float, float]:
    """Test of Kwiatkowski, Phillips, Schmidt and Shin for one level.

    Parameters
    ----------
    series : (n,) float64
        Without missing values, scaled to about one.

    Returns
    -------
    statistic, p : float
        A small p speaks against one level; between the values of the published table, which ends at 0.01 and 0.1. NaN
        where the long-run variance is nothing.

    Notes
    -----
    Journal of Econometrics 54 (1992); the lags of the long-run variance as by Hobijn, Franses and Ooms (2004),
    Statistica Neerlandica 58, for Bartlett's weights.
    """
    n = len(series)
    rest = series - series.mean()
    near = int(n ** (2.0 / 9.0))
    own = np.array([float(rest[lag:] @ rest[: n - lag]) for lag in range(min(near, n - 1) + 1)]) / n
    total = own[0] + 2.0 * own[1:].sum()
    if total == 0.0:
        return math.nan, math.nan
    slope = 2.0 * float((np.arange(1, len(own)) * own[1:]).sum()) / total
    lags = min(int(1.1447 * (slope * slope) ** (1.0 / 3.0) * n ** (1.0 / 3.0)), n - 1)
    long_run = float(rest @ rest)
    for lag in range(1, lags + 1):
        long_run += 2.0 * float(rest[lag:] @ rest[: n - lag]) * (1.0 - lag / (lags + 1.0))
    if not long_run > 0.0:
        return math.nan, math.nan
    walked = np.cumsum(rest)
    statistic = float(walked @ walked) / (n * long_run)
    return statistic, float(np.interp(statistic, _KPSS_AT, _KPSS_P))
