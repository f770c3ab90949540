"""European options under Heston's model: prices, greeks and the distribution at expiry, by the cosine method.

The price moves with a variance that moves itself: pulled back to a long-run level, shaken by noise of its own, which is
tied to that of the price. Under it, with forward F and x = log(S / F)::

    dS / S = (rate less carry) dt + sqrt(v) dW
    dv     = kappa (theta - v) dt + sigma sqrt(v) dB,     dW dB = rho dt

(Heston 1993, Review of Financial Studies 6(2).) The law of x has a characteristic function in closed form; prices are a
cosine series of it (Fang and Oosterlee 2008, SIAM Journal on Scientific Computing 31(2)). Where the line of x is cut
and where the series ends follow from bounds of the error, not from a rule of thumb: see `_heston_kernels`.

Every function takes arrays of equal length or scalars, one element for each option. A row that cannot be answered is
NaN with a `Reason`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from argus.core.arrays import F64_1D
from argus.core.errors import ConfigError
from argus.options.reasons import Reason

__all__ = [
    "HestonDistribution",
    "HestonGreeks",
    "HestonParameters",
    "HestonPrices",
    "heston_characteristic",
    "heston_distribution",
    "heston_greeks",
    "heston_price",
]

ACCURACY = 1e-7
"""Largest error, as a share of the forward, that is promised unless another is asked for: 1e-5 on a price of 100."""
_ACCURACY_MIN, _ACCURACY_MAX = 1e-13, 1e-2

Complex1D = NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class HestonParameters:
    """Heston's five parameters, annual and continuous.

    Attributes
    ----------
    v0 : float
        Variance now: 0.04 is a volatility of 20 %. Positive.
    kappa : float
        Speed of the pull, per year: half of a deviation is gone after ``0.69 / kappa`` years. Positive.
    theta : float
        Variance that it is pulled to. Positive.
    sigma : float
        Volatility of the variance. Positive.
    rho : float
        Correlation of the shocks to price and variance, between -1 and 1 (both excluded).

    Raises
    ------
    ConfigError
        Naming the parameter that is out of its range.
    """

    v0: float
    kappa: float
    theta: float
    sigma: float
    rho: float

    def __post_init__(self) -> None:
        for name in ("v0", "kappa", "theta", "sigma"):
            value = getattr(self, name)
            if not 0.0 < value < math.inf:
                raise ConfigError(f"Heston's {name} is {value}; it must be positive and finite")
        if not -1.0 < self.rho < 1.0:
            raise ConfigError(f"Heston's rho is {self.rho}; it must lie between -1 and 1, both excluded")

    @property
    def feller_ratio(self) -> float:
        """``2 kappa theta / sigma^2``: at 1 or above the variance never reaches zero; markets are mostly far below."""
        return 2.0 * self.kappa * self.theta / self.sigma**2

    def as_tuple(self) -> tuple[float, float, float, float, float]:
        """(v0, kappa, theta, sigma, rho)."""
        return (float(self.v0), float(self.kappa), float(self.theta), float(self.sigma), float(self.rho))


@dataclass(frozen=True, slots=True, eq=False)
class HestonPrices:
    """Prices of options.

    Attributes
    ----------
    price : (n,) float64
        In currency units, NaN where there is no answer.
    reason : (n,) uint8
        `Reason` of each row.
    """

    price: F64_1D
    reason: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class HestonGreeks:
    """Prices and sensitivities of options. Each row is NaN where there is no answer.

    Attributes
    ----------
    price : (n,) float64
        In currency units.
    delta : (n,) float64
        Change of the price with the forward, today's variance held; times forward over spot it is that with the spot.
    gamma : (n,) float64
        Second derivative to the forward.
    vega : (n,) float64
        Change of the price with `v0`, the variance of now (not with a volatility).
    reason : (n,) uint8
        `Reason` of each row.
    """

    price: F64_1D
    delta: F64_1D
    gamma: F64_1D
    vega: F64_1D
    reason: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class HestonDistribution:
    """Risk-neutral law of the price at expiry.

    Attributes
    ----------
    density : (n,) float64
        Probability density at the level, per unit of price.
    below : (n,) float64
        Probability of ending below the level, between 0 and 1.
    reason : (n,) uint8
        `Reason` of each row.
    """

    density: F64_1D
    below: F64_1D
    reason: NDArray[np.uint8]


def heston_price(
    parameters: HestonParameters,
    strike: ArrayLike,
    right: ArrayLike,
    years: ArrayLike,
    forward: ArrayLike,
    discount: ArrayLike = 1.0,
    *,
    accuracy: float = ACCURACY,
) -> HestonPrices:
    """Prices of European options.

    Parameters
    ----------
    parameters : HestonParameters
    strike, forward : (n,) float or scalar
        Currency units.
    right : (n,) int or scalar
        +1 call, -1 put.
    years : (n,) float or scalar
        Time to expiry.
    discount : (n,) float or scalar
        Value today of one unit paid at expiry.
    accuracy : float
        Largest error as a share of the discounted forward, of strikes up to the forward; above it, it is a share of
        the forward still.

    Raises
    ------
    ConfigError
        On arrays that do not fit together, or an accuracy outside 1e-13 to 0.01.
    """
    rows = OptionRows(strike, right, years, forward, discount)
    put = rows.evaluate(parameters, accuracy, 1)[0]
    return HestonPrices(rows.price(put), rows.reason)


def heston_greeks(
    parameters: HestonParameters,
    strike: ArrayLike,
    right: ArrayLike,
    years: ArrayLike,
    forward: ArrayLike,
    discount: ArrayLike = 1.0,
    *,
    accuracy: float = ACCURACY,
) -> HestonGreeks:
    """Prices, deltas, gammas and vegas of European options; parameters and errors as in `heston_price`.

    The price keeps the accuracy asked for; the greeks come from the same series, ended where the density is as exact.
    """
    rows = OptionRows(strike, right, years, forward, discount)
    put, below, density, vega = rows.evaluate(parameters, accuracy, 4)
    is_call = rows.right > 0
    # The put is K Q - F H, and homogeneous in strike and forward: its derivative to F is -H.
    delta = rows.discount * (put - rows.ratio * below + is_call)
    gamma = rows.discount * density * rows.ratio / rows.forward
    return HestonGreeks(rows.price(put), delta, gamma, rows.discount * rows.forward * vega, rows.reason)


def heston_distribution(
    parameters: HestonParameters,
    level: ArrayLike,
    years: ArrayLike,
    forward: ArrayLike,
    *,
    accuracy: float = ACCURACY,
) -> HestonDistribution:
    """Density and distribution of the price at expiry, risk-neutral: under it the mean is the forward.

    Parameters
    ----------
    parameters : HestonParameters
    level : (n,) float or scalar
        Price at expiry that is asked about, positive.
    years, forward : (n,) float or scalar
    accuracy : float
        Largest error of the probability, and of the density times the level. Where the variance comes close to zero
        within hours or days the density has a spike that no series of reasonable length follows: then the row says so.

    Raises
    ------
    ConfigError
        As `heston_price`.
    """
    rows = OptionRows(level, -1, years, forward, 1.0)
    _, below, density, _ = rows.evaluate(parameters, accuracy, 4)
    return HestonDistribution(np.maximum(density, 0.0) / rows.strike, np.clip(below, 0.0, 1.0), rows.reason)


def heston_characteristic(parameters: HestonParameters, u: ArrayLike, years: float) -> Complex1D:
    """Characteristic function ``E exp(i u x)`` of x = log(S / F) at expiry, for real `u`.

    Raises
    ------
    ConfigError
        Where years are not positive.
    """
    from argus.options._heston_kernels import log_characteristic

    if not 0.0 < years < math.inf:
        raise ConfigError(f"years is {years}; it must be positive and finite")
    points = np.atleast_1d(np.asarray(u, dtype=np.float64))
    model = parameters.as_tuple()
    values: Complex1D = np.exp(np.array([log_characteristic(float(point), float(years), model)[0] for point in points]))
    return values


class OptionRows:
    """Options side by side, the ones that cannot be answered marked."""

    def __init__(
        self, strike: ArrayLike, right: ArrayLike, years: ArrayLike, forward: ArrayLike, discount: ArrayLike
    ) -> None:
        try:
            columns = np.broadcast_arrays(
                *(np.atleast_1d(np.asarray(value, dtype=np.float64)) for value in (strike, years, forward, discount)),
                np.atleast_1d(np.asarray(right)),
            )
        except ValueError as error:
            raise ConfigError(f"the columns of the options do not fit together: {error}") from None
        if columns[0].ndim != 1:
            raise ConfigError(f"options are wanted in one dimension, {columns[0].ndim} were given")
        self.strike, self.years, self.forward, self.discount, self.right = columns
        with np.errstate(all="ignore"):
            self.ratio = self.strike / self.forward
        self.reason = np.zeros(len(self.strike), dtype=np.uint8)
        finite = np.isfinite(self.strike) & np.isfinite(self.years)
        finite &= np.isfinite(self.forward) & np.isfinite(self.discount)
        for bad, reason in (
            (np.abs(self.right) != 1, Reason.BAD_RIGHT),
            (~((self.discount > 0.0) & (self.discount < 10.0)), Reason.DISCOUNT_OUT_OF_RANGE),
            (self.forward <= 0.0, Reason.FORWARD_NOT_POSITIVE),
            (self.strike <= 0.0, Reason.STRIKE_NOT_POSITIVE),
            (self.years <= 0.0, Reason.EXPIRED),
            (~finite, Reason.NOT_FINITE),
        ):
            self.reason[bad] = reason

    def evaluate(
        self, parameters: HestonParameters, accuracy: float, rows: int, terms_max: int = 0
    ) -> NDArray[np.float64]:
        """Rows of `evaluate_rows`, NaN where there is no answer; with `terms_max` what that many terms give."""
        from argus.options._heston_kernels import BLOCK, TERMS_MAX, evaluate_rows

        if not _ACCURACY_MIN <= accuracy <= _ACCURACY_MAX:
            raise ConfigError(f"accuracy is {accuracy}; it must lie between {_ACCURACY_MIN} and {_ACCURACY_MAX}")
        order = np.argsort(self.years, kind="stable")
        order = order[self.reason[order] == 0]
        out = np.full((rows, len(self.strike)), np.nan)
        failed = np.zeros(len(self.strike), dtype=np.uint8)
        evaluate_rows(
            order,
            np.ascontiguousarray(self.years),
            np.ascontiguousarray(self.ratio),
            float(accuracy),
            parameters.as_tuple(),
            terms_max or TERMS_MAX,
            out,
            failed,
            np.empty((5 + rows, len(order))),
            np.empty((rows, BLOCK)),
            np.empty(rows),
            np.empty(5, dtype=np.complex128),
        )
        if failed.any() and not terms_max:
            self.reason[failed > 0] = Reason.ACCURACY_NOT_REACHED
            out[:, failed > 0] = np.nan
        return out

    def price(self, put: F64_1D) -> F64_1D:
        """Prices of undiscounted puts over the forward, calls by parity, held within what no arbitrage allows.

        The true price keeps the bounds, so that being held there brings a price nearer to it.
        """
        sign = self.right.astype(np.float64)
        intrinsic = self.discount * np.maximum(sign * (self.forward - self.strike), 0.0)
        most = self.discount * np.where(sign > 0.0, self.forward, self.strike)
        value = self.discount * self.forward * np.where(sign > 0.0, put + (1.0 - self.ratio), put)
        held: F64_1D = np.minimum(np.maximum(value, intrinsic), most)
        return held
