"""One smile: total variance as a formula of the strike, and all that follows from the formula alone.

A smile gives the variance to expiry ``w(k)`` at ``k = ln(strike / forward)``. Raw SVI (Gatheral 2004) is one hyperbola;
the surface uses up to three. Both are an array of parameters here (a, d, then c, m, s of each hyperbola, see
`smile_variance`), so that the density, its moments and the tests for arbitrage serve either.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from argus.core.arrays import F64_1D
from argus.core.errors import ConfigError

__all__ = [
    "JumpWings",
    "Moments",
    "Svi",
    "butterfly_g",
    "fit_svi",
    "jump_wings",
    "repair_svi",
    "smile_density",
    "smile_is_free",
    "smile_moments",
    "smile_variance",
    "ssvi_slice",
    "svi_from_jump_wings",
]

_STEPS: Final = 4_000
_REACH: Final = 60.0  # log-strikes of the moments' grid; the density of steep wings falls slowly there
_CHECKED: Final = np.sinh(np.linspace(-9.0, 9.0, 6_001)) / np.sinh(9.0) * 40.0


@dataclass(frozen=True, slots=True)
class Svi:
    """Raw SVI: ``w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2))``.

    Gatheral 2004, "A parsimonious arbitrage-free implied volatility parameterization with application to the valuation
    of volatility derivatives". `w` is total variance; k, m, sigma are logarithms of strike over forward.

    Raises
    ------
    ConfigError
        Where ``b < 0``, ``abs(rho) >= 1`` or ``sigma <= 0``.
    """

    a: float
    b: float
    rho: float
    m: float
    sigma: float

    def __post_init__(self) -> None:
        if not (self.b >= 0.0 and abs(self.rho) < 1.0 and self.sigma > 0.0):
            raise ConfigError(f"{self} is no SVI smile: b >= 0, abs(rho) < 1 and sigma > 0 needed")

    @property
    def smile(self) -> F64_1D:
        """The same smile as an array: a, d, c, m, s."""
        return np.array([self.a - self.b * self.rho * self.m, self.b * self.rho, self.b, self.m, self.sigma])


@dataclass(frozen=True, slots=True)
class JumpWings:
    """SVI in the terms of a trader, which do not move with expiry (Gatheral and Jacquier 2014, section 3.3).

    Attributes
    ----------
    v : float
        Annual variance at the money.
    psi : float
        Slope of the volatility at the money, times the root of the years.
    p, c : float
        Slopes of the put and the call wing, over the root of the total variance at the money.
    v_low : float
        Least annual variance.
    years : float
    """

    v: float
    psi: float
    p: float
    c: float
    v_low: float
    years: float


@dataclass(frozen=True, slots=True)
class Moments:
    """What a smile says about the price at expiry, under the pricing measure.

    Attributes
    ----------
    mass : float
        Integral of the density; 1 for a sound smile.
    forward : float
        Expected price over the forward; 1 for a sound smile.
    mean, variance, skew, kurtosis : float
        Of the logarithm of price over forward, to expiry; the kurtosis of a normal law is 3.
    negative : float
        Share of the mass that is negative; 0 without butterfly arbitrage.
    """

    mass: float
    forward: float
    mean: float
    variance: float
    skew: float
    kurtosis: float
    negative: float


def smile_variance(smile: F64_1D, k: F64_1D) -> tuple[F64_1D, F64_1D, F64_1D]:
    """Total variance at each `k`, (n,), and its first and second derivative by k.

    ``w(k) = a + d k + sum of c sqrt((k - m)^2 + s^2)`` with `smile` holding a, d, then c, m, s of each hyperbola.
    """
    from argus.options._svi_kernels import fill_smile

    k = np.ascontiguousarray(k, dtype=np.float64)
    w, slope, bend = np.empty_like(k), np.empty_like(k), np.empty_like(k)
    fill_smile(_checked(smile), k, w, slope, bend)
    return w, slope, bend


def butterfly_g(smile: F64_1D, k: F64_1D) -> F64_1D:
    """Durrleman's function at each `k`, (n,): where it is negative, a butterfly costs less than nothing.

    ``g = (1 - k w' / (2 w))^2 - w'^2 / 4 (1 / w + 1 / 4) + w'' / 2`` (Gatheral and Jacquier 2014, equation 2.1). Minus
    infinity where the variance is not positive.
    """
    from argus.options._svi_kernels import fill_g

    k = np.ascontiguousarray(k, dtype=np.float64)
    out = np.empty_like(k)
    fill_g(_checked(smile), k, out)
    return out


def smile_is_free(smile: F64_1D, margin: float = 0.0) -> bool:
    """Whether a smile has no butterfly arbitrage: g at least `margin` on a dense grid, wings within Lee's bound.

    The grid has 6,001 points, densest at the money, to 40 on both sides. A wing's slope must lie in 0 to 2 (2
    excluded).
    """
    theta = _checked(smile)
    rise = float(theta[2::3].sum())
    slopes = (rise - theta[1], rise + theta[1])
    return all(-1e-12 <= slope < 2.0 for slope in slopes) and bool(butterfly_g(theta, _CHECKED).min() >= margin)


def smile_density(smile: F64_1D, k: F64_1D) -> F64_1D:
    """Density of ``ln(price at expiry / forward)`` at each `k`, (n,), under the pricing measure.

    The second derivative of the call by strike (Breeden and Litzenberger 1978) in closed form: ``g / sqrt(2 pi w) *
    exp(-d2^2 / 2)`` with ``d2 = -k / sqrt(w) - sqrt(w) / 2``. NaN where the variance is not positive.
    """
    w, _, _ = smile_variance(smile, k)
    root = np.sqrt(np.where(w > 0.0, w, np.nan))
    d2 = -np.asarray(k) / root - 0.5 * root
    density: F64_1D = butterfly_g(smile, k) / (math.sqrt(2.0 * math.pi) * root) * np.exp(-0.5 * d2 * d2)
    return density


def smile_moments(smile: F64_1D) -> Moments:
    """Moments of the density over the whole line, by Simpson's rule on a grid that is densest at the money."""
    from scipy.integrate import simpson

    root = math.sqrt(max(float(smile_variance(smile, np.zeros(1))[0][0]), 1e-300))
    at = np.linspace(-1.0, 1.0, 2 * _STEPS + 1)
    stretch = math.asinh(_REACH / root)
    k, step = root * np.sinh(stretch * at), root * stretch * np.cosh(stretch * at)
    weight = np.nan_to_num(smile_density(smile, k)) * step
    # The expected price integrates exp(k) against the density, in one exponential: apart, one overflows.
    w, _, _ = smile_variance(smile, k)
    v = np.sqrt(np.maximum(w, 1e-300))
    d1 = -k / v + 0.5 * v
    share = np.nan_to_num(butterfly_g(smile, k) / (math.sqrt(2.0 * math.pi) * v) * np.exp(-0.5 * d1 * d1)) * step

    def integral(values: F64_1D) -> float:
        return float(simpson(values, x=at))

    mass = integral(weight)
    mean = integral(k * weight) / mass
    moments = [integral((k - mean) ** power * weight) / mass for power in (2, 3, 4)]
    return Moments(
        mass=mass,
        forward=integral(share),
        mean=mean,
        variance=moments[0],
        skew=moments[1] / moments[0] ** 1.5,
        kurtosis=moments[2] / moments[0] ** 2,
        negative=integral(np.maximum(-weight, 0.0)),
    )


def jump_wings(svi: Svi, years: float) -> JumpWings:
    """Raw SVI in the terms of a trader."""
    edge = math.hypot(svi.m, svi.sigma)
    w = svi.a + svi.b * (edge - svi.rho * svi.m)
    if not (years > 0.0 and w > 0.0):
        raise ConfigError(f"{svi} has variance {w} at the money over {years} years; both must be positive")
    root = math.sqrt(w)
    return JumpWings(
        v=w / years,
        psi=0.5 * svi.b / root * (svi.rho - svi.m / edge),
        p=svi.b * (1.0 - svi.rho) / root,
        c=svi.b * (1.0 + svi.rho) / root,
        v_low=(svi.a + svi.b * svi.sigma * math.sqrt(1.0 - svi.rho**2)) / years,
        years=years,
    )


def svi_from_jump_wings(wings: JumpWings) -> Svi:
    """Raw SVI from the terms of a trader (Gatheral and Jacquier 2014, lemma 3.2).

    Raises
    ------
    ConfigError
        Where no smile has these terms (the slope at the money lies outside of those of the wings), or many have: where
        the least variance is that at the money, nothing tells the width.
    """
    w = wings.v * wings.years
    root = math.sqrt(w)
    b = 0.5 * root * (wings.c + wings.p)
    rho = 1.0 - wings.p * root / b
    beta = rho - 2.0 * wings.psi * root / b
    if not -1.0 <= beta <= 1.0:
        raise ConfigError(f"{wings} is no smile: psi {wings.psi} lies outside of -p/2 to c/2")
    across = math.sqrt(1.0 - rho * rho)
    rise = (wings.v - wings.v_low) * wings.years
    if rise <= 0.0 or (abs(beta) < 1e-12 and across == 1.0):
        raise ConfigError(f"{wings} is no one smile: with its least variance at the money the width is not known")
    if abs(beta) < 1e-12:
        m, sigma = 0.0, rise / (b * (1.0 - across))
    else:
        alpha = math.copysign(math.sqrt(1.0 / beta**2 - 1.0), beta)
        m = rise / (b * (-rho + math.copysign(math.sqrt(1.0 + alpha * alpha), alpha) - alpha * across))
        sigma = alpha * m
    return Svi(wings.v_low * wings.years - b * sigma * across, b, rho, m, sigma)


def ssvi_slice(theta: float, rho: float, phi: float) -> Svi:
    """The smile of SSVI with variance `theta` at the money: ``theta / 2 (1 + rho phi k + sqrt((phi k + rho)^2 + 1 -
    rho^2))``.

    Free of butterflies where ``theta phi (1 + abs(rho)) < 4`` and ``theta phi^2 (1 + abs(rho)) <= 4`` (Gatheral and
    Jacquier 2014, theorem 4.2).
    """
    across = 1.0 - rho * rho
    return Svi(0.5 * theta * across, 0.5 * theta * phi, rho, -rho / phi, math.sqrt(across) / phi)


def repair_svi(svi: Svi, years: float) -> Svi:
    """The smile itself where it has no butterfly arbitrage, else one near it that has none.

    Variance, slope and put wing at the money are kept (v, psi, p). Gatheral and Jacquier 2014, section 5.1, set ``c = p
    + 2 psi`` and ``v_low = 4 v p c / (p + c)^2``, which is a slice of SSVI; from there the least variance, then
    the call wing, are moved back as far as g stays above 0. The slice itself may still have a butterfly where it is
    very steep.

    Raises
    ------
    ConfigError
        Where the smile has no positive variance at the money, or the repaired slice is not free either.
    """
    if smile_is_free(svi.smile):
        return svi
    wings = jump_wings(svi, years)
    call = wings.p + 2.0 * wings.psi
    low = 4.0 * wings.v * wings.p * call / (wings.p + call) ** 2

    def mixed(part_low: float, part_call: float) -> Svi | None:
        c = call + part_call * (wings.c - call)
        v_low = low + part_low * (wings.v_low - low)
        try:
            found = svi_from_jump_wings(JumpWings(wings.v, wings.psi, wings.p, c, v_low, years))
        except (ConfigError, ZeroDivisionError, ValueError):
            return None
        return found if smile_is_free(found.smile) else None

    if mixed(0.0, 0.0) is None:
        raise ConfigError(f"{svi} cannot be repaired: its SSVI slice has a butterfly too; fit the quotes anew")
    part_low = _largest(lambda part: mixed(part, 0.0) is not None)
    part_call = _largest(lambda part: mixed(part_low, part) is not None)
    best = mixed(part_low, part_call)
    assert best is not None
    return best


def fit_svi(k: F64_1D, variance_bid: F64_1D, variance_ask: F64_1D) -> Svi:
    """Raw SVI through bid and ask of one expiry, free of butterflies.

    Parameters
    ----------
    k : (n,) float64
        Logarithms of strike over forward, in any order; at least six different ones.
    variance_bid, variance_ask : (n,) float64
        Total variances; ``0 < bid <= ask``, finite.

    Raises
    ------
    ConfigError
        For fewer than six quotes, shapes that differ, or a value that is not finite and positive.
    """
    from argus.options._surface_kernels import fit_smiles
    from argus.options._svi_kernels import SIZE_MAX

    if not (len(k) == len(variance_bid) == len(variance_ask)) or len(np.unique(k)) < 6:
        raise ConfigError(f"{len(k)} k, {len(variance_bid)} bids, {len(variance_ask)} asks: at least 6 quotes needed")
    if not (np.isfinite(k).all() and (variance_bid > 0.0).all() and (variance_ask >= variance_bid).all()):
        raise ConfigError("k must be finite and 0 < variance_bid <= variance_ask throughout")
    order = np.argsort(k, kind="stable")
    quotes = np.stack([k, 0.5 * (variance_bid + variance_ask), 0.5 * (variance_ask - variance_bid)])[:, order]
    unit = np.array([np.interp(0.0, quotes[0], quotes[1])])
    quotes[2] = np.maximum(quotes[2], 1e-4 * unit[0])
    out = np.zeros((1, SIZE_MAX))
    fit_smiles(np.array([0, len(k)]), np.array([5]), np.ascontiguousarray(quotes), unit, out)
    a, d, c, m, s = out[0, :5].tolist()
    rho = d / c if c > 0.0 else 0.0
    return Svi(a + d * m, max(c, 0.0), float(np.clip(rho, -1.0 + 1e-12, 1.0 - 1e-12)), m, s)


def _largest(is_allowed: object) -> float:
    """The largest part of 0 to 1 that is allowed, by bisection from 0, which is."""
    assert callable(is_allowed)
    if is_allowed(1.0):
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if is_allowed(middle) else (low, middle)
    return low


def _checked(smile: F64_1D) -> F64_1D:
    theta = np.ascontiguousarray(smile, dtype=np.float64)
    if theta.ndim != 1 or len(theta) < 2 or (len(theta) - 2) % 3:
        raise ConfigError(f"a smile has 2 parameters and 3 for each hyperbola; found shape {theta.shape}")
    return theta
