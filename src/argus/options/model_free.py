"""Variance without a model: what the strip of out-of-the-money quotes says, by the rules of Cboe's VIX.

The rules are those of the Cboe Volatility Index white paper in its form of 2014 (with weekly options, fixed 30 days):
every strike weighs its mid price by its gap over the strike squared, and two expiries are mixed to the target in total
variance by minutes. The variance holds as far as strikes are quoted; wings that no one quotes are not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D
from argus.core.errors import ConfigError
from argus.options.reasons import Reason

__all__ = ["MINUTES_YEAR", "ModelFreeIndex", "ModelFreeVariance", "model_free_index", "model_free_variance"]

MINUTES_YEAR: Final = 525_600.0
"""Minutes of a year of 365 days, as the index counts them."""


@dataclass(frozen=True, slots=True)
class ModelFreeVariance:
    """Variance of one expiry.

    Attributes
    ----------
    years : float
        Time to expiry.
    variance : float
        Annual; NaN where `reason` is not 0.
    forward : float
        From the strike whose call and put mids lie closest.
    strike_0 : float
        K0, the highest strike not above the forward.
    strikes : int
        Strikes that count.
    strike_low, strike_high : float
        The first and last of them.
    reason : int
        A `Reason`.
    """

    years: float
    variance: float
    forward: float
    strike_0: float
    strikes: int
    strike_low: float
    strike_high: float
    reason: int


@dataclass(frozen=True, slots=True)
class ModelFreeIndex:
    """The index: annual volatility at a fixed horizon, in percent.

    Attributes
    ----------
    index : float
        ``100 sqrt(variance)``; NaN where `reason` is not 0.
    near, next : ModelFreeVariance
        The two expiries mixed.
    weight_near : float
        Of the near total variance; above 1 where both expiries lie beyond the target.
    reason : int
        A `Reason`.
    """

    index: float
    near: ModelFreeVariance
    next: ModelFreeVariance
    weight_near: float
    reason: int


def model_free_variance(
    strike: F64_1D, right: NDArray[np.int8], bid: F64_1D, ask: F64_1D, *, years: float, rate: float
) -> ModelFreeVariance:
    """Variance of one expiry by the rules of the VIX.

    1. The forward is ``K + exp(r T) (C - P)`` at the strike where the mids of call and put are closest; K0 is the
    highest
       strike not above it.
    2. From K0 outwards, puts below and calls above count while they have a bid; after two strikes in a row without one,
       nothing further counts. At K0 the mean of both counts.
    3. ``variance = 2 / T * sum of dK / K^2 exp(r T) mid - (F / K0 - 1)^2 / T``, dK being half the distance of the
       neighbours that count, or at an end the distance to the only one.

    Parameters
    ----------
    strike, bid, ask : (n,) float64
        One row for each option, in any order; a bid of 0 or NaN is none. A row without a positive, finite strike and
        ask, or with its ask below its bid, is left out as if it had no bid.
    right : (n,) int8
        +1 call, -1 put. Only strikes that have both are looked at.
    years : float
        By the index: minutes to the expiry's settlement over `MINUTES_YEAR`; an AM settlement ends at the open.
    rate : float
        Annual, continuous, to the expiry.

    Returns
    -------
    ModelFreeVariance
        With reason `EXPIRED`, `NOT_FINITE`, `TOO_FEW_STRIKES` (fewer than three count) or `NO_FORWARD`.

    Raises
    ------
    ConfigError
        Where the arrays differ in length.
    """
    if not len(strike) == len(right) == len(bid) == len(ask):
        raise ConfigError(f"{len(strike)} strikes, {len(right)} rights, {len(bid)} bids, {len(ask)} asks: equal needed")
    if not (np.isfinite(years) and np.isfinite(rate)):
        return _refused(years, Reason.NOT_FINITE)
    if years <= 0.0:
        return _refused(years, Reason.EXPIRED)
    k, calls, puts = _paired(strike, right, bid, ask)
    if len(k) < 3:
        return _refused(years, Reason.TOO_FEW_STRIKES)
    gap = calls - puts
    two_sided = np.isfinite(gap)
    if not two_sided.any():
        return _refused(years, Reason.NO_FORWARD)
    nearest = int(np.argmin(np.where(two_sided, np.abs(gap), np.inf)))
    growth = float(np.exp(rate * years))
    forward = float(k[nearest] + growth * gap[nearest])
    at = int(np.searchsorted(k, forward, side="right")) - 1
    if at < 0 or not np.isfinite(gap[at]):
        return _refused(years, Reason.NO_FORWARD)
    below = at - 1 - _counted(puts[:at][::-1])
    above = at + 1 + _counted(calls[at + 1 :])
    rows = np.concatenate((below[::-1], [at], above))
    price = np.where(rows < at, puts[rows], calls[rows])
    price[rows == at] = 0.5 * (calls[at] + puts[at])
    chosen = k[rows]
    if len(chosen) < 3:
        return _refused(years, Reason.TOO_FEW_STRIKES)
    width = np.empty(len(chosen))
    width[1:-1] = 0.5 * (chosen[2:] - chosen[:-2])
    width[0], width[-1] = chosen[1] - chosen[0], chosen[-1] - chosen[-2]
    total = float(np.sum(width / chosen**2 * price)) * growth
    variance = 2.0 / years * total - (forward / k[at] - 1.0) ** 2 / years
    return ModelFreeVariance(
        years=years,
        variance=variance,
        forward=forward,
        strike_0=float(k[at]),
        strikes=len(chosen),
        strike_low=float(chosen[0]),
        strike_high=float(chosen[-1]),
        reason=int(Reason.OK),
    )


def model_free_index(near: ModelFreeVariance, next_: ModelFreeVariance, *, days: float = 30.0) -> ModelFreeIndex:
    """Volatility over `days` from two expiries, in percent, mixed in total variance by minutes.

    ``100 sqrt((T1 v1 (N2 - N) / (N2 - N1) + T2 v2 (N - N1) / (N2 - N1)) * N365 / N)``. The index itself takes expiries
    of more than 23 and less than 37 days on either side of 30; any two may be given here.

    Raises
    ------
    ConfigError
        Where `next_` does not expire after `near`, or `days` is not positive.
    """
    if not next_.years > near.years:
        raise ConfigError(f"the next expiry is {next_.years} years off, the near one {near.years}; it must be later")
    if not days > 0.0:
        raise ConfigError(f"days is {days}; it must be positive")
    target = days * 1_440.0
    first, second = near.years * MINUTES_YEAR, next_.years * MINUTES_YEAR
    weight = (second - target) / (second - first)
    reason = near.reason or next_.reason
    total = near.years * near.variance * weight + next_.years * next_.variance * (1.0 - weight)
    annual = total * MINUTES_YEAR / target
    if not reason and not annual > 0.0:
        reason = int(Reason.VOL_NOT_POSITIVE)
    index = float(np.sqrt(annual)) * 100.0 if not reason else float("nan")
    return ModelFreeIndex(index=index, near=near, next=next_, weight_near=weight, reason=reason)


def _paired(strike: F64_1D, right: NDArray[np.int8], bid: F64_1D, ask: F64_1D) -> tuple[F64_1D, F64_1D, F64_1D]:
    """Strikes that have a call and a put, ascending, and their mids, NaN where there is no bid."""
    sound = np.isfinite(strike) & (strike > 0.0)
    quoted = (bid > 0.0) & np.isfinite(ask) & (ask >= bid)
    middle = np.where(quoted, 0.5 * (bid + ask), np.nan)
    sides = []
    for side in (1, -1):
        rows = np.flatnonzero(sound & (right == side))
        _, first = np.unique(strike[rows], return_index=True)
        sides.append(rows[first])
    calls, puts = sides
    k, of_calls, of_puts = np.intersect1d(strike[calls], strike[puts], return_indices=True)
    return k, middle[calls[of_calls]], middle[puts[of_puts]]


def _counted(price: F64_1D) -> NDArray[np.intp]:
    """Places, going outwards, that have a price, up to the first two in a row that have none."""
    missing = np.isnan(price)
    pairs = np.flatnonzero(missing[1:] & missing[:-1])
    end = int(pairs[0]) if len(pairs) else len(price)
    return np.flatnonzero(~missing[:end])


def _refused(years: float, reason: Reason) -> ModelFreeVariance:
    nan = float("nan")
    return ModelFreeVariance(years, nan, nan, nan, 0, nan, nan, int(reason))
