"""What one leg is worth at any spot and time, with its first greeks: Black-76 on the leg's own forward, in NumPy.

A leg keeps the rate and the carry that the chain implied for its expiry, so that its forward follows the spot. A leg
that may be exercised early is worth what the American model says at the same volatility. The one place in which
positions ask for a price outside the kernels of paths.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["LegValue", "american_greeks", "black_greeks", "normal_cdf"]

_F64 = NDArray[np.float64]
_INV_SQRT_TWO_PI = 0.3989422804014327
_VOL_NUDGE = 0.01
"""Of the volatility as a share, for vega."""
_RATE_NUDGE = 5e-4


class LegValue(NamedTuple):
    """Value and greeks for one unit long; `vega` per 1.00 of volatility, `theta` per year, `rho` per 1.00 of rate."""

    value: _F64
    delta: _F64
    gamma: _F64
    vega: _F64
    theta: _F64
    rho: _F64


def normal_cdf(x: Any) -> Any:
    """Distribution function of the standard normal law."""
    from scipy.special import ndtr

    return ndtr(x)


def black_greeks(right: Any, spot: Any, strike: Any, years: Any, vol: Any, rate: Any, carry: Any) -> LegValue:
    """Black-76 with forward ``spot * exp(carry * years)`` and discount ``exp(-rate * years)``; all broadcast.

    `delta` and `gamma` are in the spot, and `rho` moves rate and carry together, as a rate does with a given dividend
    yield. An expired option is worth what exercising it pays. A right of 0 is the underlying itself.
    """
    right, spot, strike, years, vol, rate, carry = np.broadcast_arrays(right, spot, strike, years, vol, rate, carry)
    is_alive = (years > 0.0) & (right != 0) & (spot > 0.0)
    t = np.where(is_alive, years, 1.0)
    k, s = np.where(is_alive, strike, 1.0), np.where(is_alive, spot, 1.0)
    width = np.where(is_alive, vol, 1.0) * np.sqrt(t)
    growth, discount = np.exp(carry * t), np.exp(-rate * t)
    forward = s * growth
    d1 = np.log(forward / k) / width + 0.5 * width
    d2 = d1 - width
    n1, n2 = normal_cdf(right * d1), normal_cdf(right * d2)
    density = _INV_SQRT_TWO_PI * np.exp(-0.5 * d1 * d1)
    value = discount * right * (forward * n1 - k * n2)
    delta = discount * growth * right * n1
    gamma = discount * growth * density / (s * width)
    vega = discount * forward * density * np.sqrt(t)
    theta = rate * value - carry * s * delta - 0.5 * vega * vol / t
    rho = discount * right * k * n2 * t
    # A put on an underlying of zero is worth its discounted strike, a call nothing.
    is_dead_spot = (years > 0.0) & (right != 0) & ~(spot > 0.0)
    later = np.exp(-rate * np.maximum(years, 0.0)) * strike
    pays = np.where(is_dead_spot, np.where(right < 0, later, 0.0), np.maximum(right * (spot - strike), 0.0))
    side = np.where(right * (spot - strike) > 0.0, 1.0 * right, 0.0)
    stock = right == 0
    zero = np.zeros_like(value)
    return LegValue(
        np.where(stock, spot, np.where(is_alive, value, pays)),
        np.where(stock, 1.0, np.where(is_alive, delta, side)),
        np.where(is_alive, gamma, zero),
        np.where(is_alive, vega, zero),
        np.where(is_alive, theta, zero),
        np.where(is_alive, rho, zero),
    )


def american_greeks(right: Any, spot: Any, strike: Any, years: Any, vol: Any, rate: Any, carry: Any) -> LegValue:
    """As `black_greeks`, of options that may be exercised early; no right is 0 here.

    Vega and rho are differences of two prices. Theta is what the equation of Black and Scholes leaves for it while the
    option lives, and zero where it should be exercised at once. NaN where the American model has no answer.
    """
    from argus.options.american import american_values

    columns = np.broadcast_arrays(right, spot, strike, years, vol, rate, carry)
    shape = columns[0].shape
    side, s, k, t, sigma, r, b = (np.asarray(column, dtype=np.float64).ravel() for column in columns)
    found = np.stack([part.ravel() for part in black_greeks(*columns)])
    rows = np.flatnonzero((t > 0.0) & (s > 0.0))
    side, s, k, t, sigma, r, b = (column[rows] for column in (side, s, k, t, sigma, r, b))
    q = r - b
    now = american_values(s, k, t, sigma, r, q, side)

    def slope(vol_by: Any, rate_by: float) -> _F64:
        up, down = (
            american_values(s, k, t, sigma + way * vol_by, r + way * rate_by, q, side).price for way in (1.0, -1.0)
        )
        return np.asarray((up - down) / (2.0 * (vol_by if rate_by == 0.0 else rate_by)), dtype=np.float64)

    lives = now.price > side * (s - k)
    theta = r * now.price - b * s * now.delta - 0.5 * sigma**2 * s**2 * now.gamma
    found[:, rows] = (
        now.price,
        now.delta,
        now.gamma,
        slope(_VOL_NUDGE * sigma, 0.0),
        np.where(np.isnan(theta) | lives, theta, 0.0),
        slope(0.0, _RATE_NUDGE),
    )
    # At a spot of zero a put can be exercised at once.
    dead = (columns[3].ravel() > 0.0) & ~(columns[1].ravel() > 0.0) & (columns[0].ravel() < 0)
    found[0, dead] = np.maximum(found[0, dead], columns[2].ravel()[dead])
    return LegValue(*(part.reshape(shape) for part in found))
