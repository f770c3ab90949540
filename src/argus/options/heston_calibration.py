"""Heston's parameters from the quotes of one instant: bounded least squares from several starts.

The five parameters are not equally well known: kappa, theta and sigma trade against each other, and quite different
triples price a chain alike. So the search begins at several places, says how many of them agree, and which parameter
ended at the edge of what is allowed; yesterday's parameters as a start keep it in the same valley from day to day.

The residual of a quote is model less middle, over the scale of the quote: its spread, unless another is given. Whoever
wants errors of volatility to count alike gives Black's vega times a hundredth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from argus.core.arrays import BOOL_1D, F64_1D
from argus.core.errors import ConfigError
from argus.options.heston import HestonParameters, OptionRows
from argus.options.reasons import Reason

__all__ = ["HestonBounds", "HestonCalibration", "HestonQuotes", "calibrate_heston"]

_ACCURACY: Final = 1e-7
_TERMS_MAX: Final = 4096
_NAMES: Final = ("v0", "kappa", "theta", "sigma", "rho")
_CANDIDATES: Final = 16
"""Places that are looked at for each start that is searched from."""
_SAME: Final = 1e-3
"""Fits whose root mean squares differ by less than this share count as one."""
_EVALUATIONS_MAX: Final = 100
_QUOTES_MIN: Final = 6
_SPREAD_MIN: Final = 1e-6
"""Smallest spread, as a share of the forward, that a quote is weighed by: a locked market is not infinitely exact."""


@dataclass(frozen=True, slots=True, eq=False)
class HestonQuotes:
    """Quotes of one instant, one element each; scalars stand for all.

    Attributes
    ----------
    strike, right, years, forward, discount : (n,) array or scalar
        As in `heston_price`.
    bid, ask : (n,) array or scalar
        Currency units.
    """

    strike: ArrayLike
    right: ArrayLike
    years: ArrayLike
    forward: ArrayLike
    discount: ArrayLike
    bid: ArrayLike
    ask: ArrayLike


@dataclass(frozen=True, slots=True)
class HestonBounds:
    """Smallest and largest value of each parameter that a calibration may give; positive but for rho."""

    v0: tuple[float, float] = (1e-4, 2.0)
    kappa: tuple[float, float] = (0.05, 25.0)
    theta: tuple[float, float] = (1e-4, 2.0)
    sigma: tuple[float, float] = (0.02, 8.0)
    rho: tuple[float, float] = (-0.99, 0.99)

    def __post_init__(self) -> None:
        for field in fields(self):
            low, high = getattr(self, field.name)
            least = -1.0 if field.name == "rho" else 0.0
            if not least < low < high < (1.0 if field.name == "rho" else math.inf):
                raise ConfigError(f"the bounds of {field.name} are {low} and {high}; low below high, in its range")


@dataclass(frozen=True, slots=True, eq=False)
class HestonCalibration:
    """What the quotes say.

    Attributes
    ----------
    parameters : HestonParameters or None
        None where fewer than six quotes could be used.
    rms : float
        Root mean square of the residuals, in scales (spreads, unless another scale was given).
    converged : bool
        Whether the search from the best start ended by itself.
    at_bound : tuple of str
        Parameters that ended within a thousandth of a bound: what they say is the bound, not the market.
    agreeing, starts : int
        Searches that came to the best fit, of how many.
    evaluations : int
        Prices of all quotes, with derivatives, that were worked out.
    model : (n,) float64
        Price of each quote by the parameters; NaN where it was not used.
    error_spreads : (n,) float64
        Model less middle of each quote, in spreads: within 0.5 the model lies between bid and ask.
    reason : (n,) uint8
        `Reason` of each quote that was not used.
    """

    parameters: HestonParameters | None
    rms: float
    converged: bool
    at_bound: tuple[str, ...]
    agreeing: int
    starts: int
    evaluations: int
    model: F64_1D
    error_spreads: F64_1D
    reason: NDArray[np.uint8]

    @property
    def inside(self) -> float:
        """Share of the quotes used whose model price lies between bid and ask."""
        used = np.isfinite(self.error_spreads)
        return float(np.mean(np.abs(self.error_spreads[used]) <= 0.5)) if used.any() else math.nan


def calibrate_heston(
    quotes: HestonQuotes,
    *,
    scale: ArrayLike | None = None,
    bounds: HestonBounds | None = None,
    warm: HestonParameters | None = None,
    starts: int = 3,
) -> HestonCalibration:
    """Find the parameters that fit the quotes best in the sense of least squares.

    Parameters
    ----------
    quotes : HestonQuotes
        Best the out-of-the-money side of each strike. Quotes that cannot be used are left out with a reason.
    scale : (n,) array, scalar or None
        Price error that counts as one; None: the spread.
    bounds : HestonBounds or None
    warm : HestonParameters or None
        Where to begin besides, say yesterday's.
    starts : int
        Searches from the best places of a fixed set (Halton 1960); 0 with `warm` follows yesterday alone.

    Raises
    ------
    ConfigError
        On arrays that do not fit together, or no start at all.
    """
    if starts < 0 or (starts == 0 and warm is None):
        raise ConfigError(f"starts is {starts}, and no warm start is given; the search has to begin somewhere")
    fit = _Fit(quotes, scale, bounds or HestonBounds())
    if fit.used.sum() < _QUOTES_MIN:
        nothing = np.full(len(fit.used), np.nan)
        return HestonCalibration(None, math.nan, False, (), 0, 0, 0, nothing, nothing, fit.rows.reason)
    from scipy.optimize import least_squares

    begin = [] if warm is None else [fit.place(warm)]
    begin += fit.best_places(starts)
    found = [
        least_squares(
            fit.residuals,
            place,
            jac=fit.jacobian,
            bounds=fit.box,
            x_scale=(1.0, 1.0, 1.0, 1.0, 0.5),
            xtol=1e-9,
            ftol=1e-10,
            gtol=1e-10,
            max_nfev=_EVALUATIONS_MAX,
        )
        for place in begin
    ]
    return fit.result(found)


class _Fit:
    """Quotes, and how far the model is off at a place: logarithms of the first four parameters, and rho."""

    def __init__(self, quotes: HestonQuotes, scale: ArrayLike | None, bounds: HestonBounds) -> None:
        try:
            columns = np.broadcast_arrays(
                *(np.atleast_1d(np.asarray(getattr(quotes, field.name), dtype=np.float64)) for field in fields(quotes)),
                np.atleast_1d(np.asarray(1.0 if scale is None else scale, dtype=np.float64)),
            )
        except ValueError as error:
            raise ConfigError(f"the columns of the quotes do not fit together: {error}") from None
        strike, right, years, forward, discount, bid, ask, given = columns
        self.rows = OptionRows(strike, right, years, forward, discount)
        self.middle = 0.5 * (bid + ask)
        self.spread = np.maximum(ask - bid, _SPREAD_MIN * self.rows.forward)
        self._mark(bid, ask)
        self.scale = self.spread if scale is None else given
        self.rows.reason[(self.rows.reason == 0) & ~((self.scale > 0.0) & np.isfinite(self.scale))] = Reason.NOT_FINITE
        self.used: BOOL_1D = self.rows.reason == 0
        low, high = np.array([getattr(bounds, name) for name in _NAMES]).T
        low[:4], high[:4] = np.log(low[:4]), np.log(high[:4])
        self.box = (low, high)
        self.evaluations = 0
        self._known: tuple[bytes, F64_1D, NDArray[np.float64]] | None = None

    def _mark(self, bid: F64_1D, ask: F64_1D) -> None:
        rows = self.rows
        sign = rows.right.astype(np.float64)
        with np.errstate(invalid="ignore"):
            least = rows.discount * np.maximum(sign * (rows.forward - rows.strike), 0.0)
            most = rows.discount * np.where(sign > 0.0, rows.forward, rows.strike)
            for bad, reason in (
                (ask <= least, Reason.BELOW_INTRINSIC),
                (bid >= most, Reason.ABOVE_MAXIMUM),
                (bid > ask, Reason.CROSSED),
                (~((bid > 0.0) & (ask > 0.0) & np.isfinite(bid) & np.isfinite(ask)), Reason.NO_TWO_SIDED_QUOTE),
            ):
                rows.reason[bad & (rows.reason == 0)] = reason

    def parameters(self, place: F64_1D) -> HestonParameters:
        """The parameters at a place."""
        v0, kappa, theta, sigma = (float(value) for value in np.exp(place[:4]))
        return HestonParameters(v0, kappa, theta, sigma, float(place[4]))

    def place(self, parameters: HestonParameters) -> F64_1D:
        """The place of parameters, brought a little inside the bounds."""
        values = np.array(parameters.as_tuple())
        values[:4] = np.log(values[:4])
        low, high = self.box
        inside: F64_1D = np.clip(values, low + 2e-3 * (high - low), high - 2e-3 * (high - low))
        return inside

    def best_places(self, count: int) -> list[F64_1D]:
        """The places of a fixed set, around what the quotes near the forward say, at which the model is least off."""
        if not count:
            return []
        near, far = self._variances()
        centre = np.log([near, 2.0, far, 0.8, 1.0])
        reach = np.log([2.0, 4.0, 2.0, 3.0, 1.0])
        places = []
        for number in range(1, _CANDIDATES * count + 1):
            unit = np.array([_radical_inverse(number, base) for base in (2, 3, 5, 7, 11)])
            place = centre + (2.0 * unit - 1.0) * reach
            place[4] = -0.95 + 1.2 * unit[4]
            places.append(self.place(self.parameters(place)))
        costs = [float(np.mean(self._evaluate(place, 1)[0] ** 2)) for place in places]
        return [places[i] for i in np.argsort(costs, kind="stable")[:count]]

    def _variances(self) -> tuple[float, float]:
        """Rough variances of the nearest and the farthest expiry, from the option nearest to the forward."""
        rows = self.rows
        found = []
        for years in (rows.years[self.used].min(), rows.years[self.used].max()):
            here = np.flatnonzero(self.used & (rows.years == years))
            at = here[np.argmin(np.abs(np.log(rows.ratio[here])))]
            intrinsic = max(float(rows.right[at]) * (1.0 - float(rows.ratio[at])), 0.0)
            value = self.middle[at] / (rows.discount[at] * rows.forward[at]) - intrinsic
            # An option at the forward is worth about 0.4 of it times volatility times the root of time.
            found.append(float(np.clip(2.0 * math.pi * value * value / years, 1e-3, 1.0)))
        return found[0], found[1]

    def _evaluate(self, place: F64_1D, columns: int) -> tuple[F64_1D, NDArray[np.float64]]:
        """Residuals, and the rows of the kernel they come from."""
        # Where the series falls slowly the search goes on with what it has: such places are passed, not stayed at.
        out = self.rows.evaluate(self.parameters(place), _ACCURACY, columns, _TERMS_MAX)
        return ((self.rows.price(out[0]) - self.middle) / self.scale)[self.used], out

    def _both(self, place: F64_1D) -> tuple[F64_1D, NDArray[np.float64]]:
        key = place.tobytes()
        if self._known is None or self._known[0] != key:
            self.evaluations += 1
            residuals, out = self._evaluate(place, 6)
            slopes = (out[1:] * self.rows.discount * self.rows.forward / self.scale)[:, self.used]
            slopes[:4] *= np.exp(place[:4])[:, None]
            self._known = (key, residuals, slopes.T)
        return self._known[1], self._known[2]

    def residuals(self, place: F64_1D) -> F64_1D:
        """Model less middle, in scales, of the quotes used."""
        return self._both(place)[0]

    def jacobian(self, place: F64_1D) -> NDArray[np.float64]:
        """Derivatives of the residuals to the place."""
        return self._both(place)[1]

    def result(self, found: list[Any]) -> HestonCalibration:
        """The best of the searches, and how the quotes lie to it."""
        # What the search calls cost is half of the sum of squares.
        rms = [math.sqrt(2.0 * float(one.cost) / int(self.used.sum())) for one in found]
        best, least = found[int(np.argmin(rms))], min(rms)
        low, high = self.box
        edge = 1e-3 * (high - low)
        at_bound = (best.x < low + edge) | (best.x > high - edge)
        model = np.full(len(self.used), np.nan)
        model[self.used] = best.fun * self.scale[self.used] + self.middle[self.used]
        return HestonCalibration(
            parameters=self.parameters(best.x),
            rms=least,
            converged=bool(best.status > 0),
            at_bound=tuple(name for name, is_there in zip(_NAMES, at_bound, strict=True) if is_there),
            agreeing=sum(one <= least * (1.0 + _SAME) + 1e-6 for one in rms),
            starts=len(found),
            evaluations=self.evaluations,
            model=model,
            error_spreads=np.where(self.used, (model - self.middle) / self.spread, np.nan),
            reason=self.rows.reason,
        )


def _radical_inverse(number: int, base: int) -> float:
    """The digits of `number` behind the point instead of before it."""
    value, share = 0.0, 1.0 / base
    while number:
        number, digit = divmod(number, base)
        value += digit * share
        share /= base
    return value
