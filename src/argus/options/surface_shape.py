"""What a surface looks like to a trader: level, slope and curvature of each smile, at its expiries or at fixed tenors.

Deltas are those of Black-76 on the forward, undiscounted and with the smile's own volatility at the strike sought.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D
from argus.core.errors import ConfigError
from argus.options.reasons import Reason
from argus.options.surface import Surface
from argus.options.svi import Moments, smile_density, smile_moments, smile_variance

__all__ = ["SmileShapes", "surface_density", "surface_moments", "surface_shapes"]

_HALVINGS: Final = 80
_COLUMNS: Final = (
    "vol_atm",
    "slope_atm",
    "bend_atm",
    "vol_put",
    "vol_call",
    "k_put",
    "k_call",
    "risk_reversal",
    "butterfly",
)


@dataclass(frozen=True, slots=True, eq=False)
class SmileShapes:
    """Columns of equal length, one row for each time asked for; NaN where there is no answer.

    Attributes
    ----------
    years, forward : (n,) float64
    vol_atm : (n,) float64
        Volatility at the forward.
    slope_atm, bend_atm : (n,) float64
        First and second derivative of the volatility by ``ln(strike / forward)`` there.
    vol_put, vol_call : (n,) float64
        Volatilities where the put has delta ``-delta`` and the call ``delta``.
    k_put, k_call : (n,) float64
        Those strikes, as logarithms over the forward.
    risk_reversal : (n,) float64
        ``vol_call - vol_put``: negative where falls are feared.
    butterfly : (n,) float64
        ``(vol_call + vol_put) / 2 - vol_atm``: how fat the tails are priced.
    vol_forward : (n,) float64
        Volatility at the money between the row before and this one; NaN in the first row.
    beyond_quotes : (n,) bool
        A strike of that delta lies outside of the quoted ones, so the formula's wing answered.
    reason : (n,) uint8
        A `Reason`, 0 where there is an answer.
    """

    years: F64_1D
    forward: F64_1D
    vol_atm: F64_1D
    slope_atm: F64_1D
    bend_atm: F64_1D
    vol_put: F64_1D
    vol_call: F64_1D
    k_put: F64_1D
    k_call: F64_1D
    risk_reversal: F64_1D
    butterfly: F64_1D
    vol_forward: F64_1D
    beyond_quotes: NDArray[np.bool_]
    reason: NDArray[np.uint8]


def surface_shapes(surface: Surface, years: F64_1D | None = None, *, delta: float = 0.25) -> SmileShapes:
    """Level, slope and curvature of the smiles at the expiries, or at any `years` between them (constant maturities).

    Between expiries the total variance is a straight line in time at fixed ``ln(strike / forward)``.

    Parameters
    ----------
    years : (n,) float64, optional
        The surface's expiries where not given. A time outside of them has the reason `OUTSIDE_SURFACE`.
    delta : float
        In 0 to 0.5 (both excluded).

    Raises
    ------
    ConfigError
        Where `delta` is out of its range.
    """
    if not 0.0 < delta < 0.5:
        raise ConfigError(f"delta is {delta}; it must lie in 0 to 0.5 (both excluded)")
    times = surface.years if years is None else np.atleast_1d(np.asarray(years, dtype=np.float64))
    count = len(times)
    table = np.full((9, count), np.nan)
    beyond = np.zeros(count, dtype=bool)
    reason = np.full(count, int(Reason.OUTSIDE_SURFACE), dtype=np.uint8)
    for row, time in enumerate(times.tolist()):
        if not (len(surface.years) and surface.years[0] <= time <= surface.years[-1]):
            continue
        smile = surface.smile_at(time)
        w, slope, bend = (float(part[0]) for part in smile_variance(smile, np.zeros(1)))
        sigma = math.sqrt(w / time)
        root = math.sqrt(w)
        k_put, k_call = (_strike_of_delta(smile, side, delta) for side in (-1, 1))
        wings = np.sqrt(smile_variance(smile, np.array([k_put, k_call]))[0] / time)
        table[:, row] = (
            sigma,
            0.5 * slope / (root * math.sqrt(time)),
            (0.5 * bend / root - 0.25 * slope * slope / (w * root)) / math.sqrt(time),
            wings[0],
            wings[1],
            k_put,
            k_call,
            wings[1] - wings[0],
            0.5 * (wings[0] + wings[1]) - sigma,
        )
        low, high = np.interp(time, surface.years, surface.k_low), np.interp(time, surface.years, surface.k_high)
        beyond[row] = k_put < low or k_call > high
        reason[row] = Reason.OK
    total = table[0] ** 2 * times
    between = np.full(count, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        between[1:] = np.sqrt(np.diff(total) / np.diff(times))
    columns = dict(zip(_COLUMNS, table, strict=True))
    return SmileShapes(
        years=times,
        forward=surface.forward_at(times),
        vol_forward=between,
        beyond_quotes=beyond,
        reason=reason,
        **columns,
    )


def surface_density(surface: Surface, years: float, k: F64_1D) -> F64_1D:
    """Density of ``ln(price / forward)`` at any time between the expiries (`smile_density`).

    Raises
    ------
    ConfigError
        Outside of the expiries.
    """
    return smile_density(surface.smile_at(years), k)


def surface_moments(surface: Surface) -> tuple[Moments, ...]:
    """Moments of the density of each expiry, wings by the formula included (`smile_moments`)."""
    return tuple(smile_moments(smile) for smile in surface.smile)


def _strike_of_delta(smile: F64_1D, side: int, delta: float) -> float:
    """``ln(strike / forward)`` where the call (side 1) or put (-1) has a delta of that size, by halving."""
    from scipy.special import ndtr

    root = math.sqrt(float(smile_variance(smile, np.zeros(1))[0][0]))
    near, far = 0.0, 12.0 * side * root + side * root * root
    for _ in range(_HALVINGS):
        middle = 0.5 * (near + far)
        v = math.sqrt(float(smile_variance(smile, np.array([middle]))[0][0]))
        size = float(ndtr(side * (-middle / v + 0.5 * v)))
        near, far = (middle, far) if size > delta else (near, middle)
    return 0.5 * (near + far)
