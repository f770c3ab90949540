"""Heston as a model of what a position may become: its law at expiry, and its paths with the prices met on the way.

The same calibrated parameters answer both. On a path each leg is worth what Heston's formula says at the spot and the
variance there, looked up in a table: a fair position stays fair until it is closed, whenever that is. Under a stated
real-world drift the variance keeps its risk-neutral law: a drift is a view on the price, and nobody can state the price
of variance risk by looking.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, working_memory
from argus.core.errors import ConfigError
from argus.core.random import stream_key
from argus.options.heston import HestonParameters, heston_distribution, heston_price
from argus.options.heston_paths import qe_terms
from argus.options.implied import implied_vol
from argus.options.pop_models import Drifting, Measure, Paths
from argus.options.positions import Position

__all__ = ["HestonLaw", "HestonMarks"]

_ACCURACY = 1e-6
_PRICE_MIN = 1e-5
"""Share of the forward below which a price says nothing of a volatility."""
_WIDTHS = 6.0
_K_POINTS, _S_POINTS = 61, 17
_S_MIN = 0.01


@dataclass(frozen=True, slots=True)
class HestonLaw(Drifting):
    """Stochastic volatility (Heston 1993) as a `Law`; with a position, `HestonMarks` draws its paths.

    Attributes
    ----------
    spot : float
    parameters : HestonParameters
        Calibrated to option prices.
    carry : float
        Annual growth of the forward: rate less dividend yield, continuous.
    drift : float or None
        Annual growth of the mean spot that the user believes in, continuous; None takes the forward's, which is the
        risk-neutral measure.

    Raises
    ------
    ConfigError
        Naming what is out of range.
    """

    spot: float
    parameters: HestonParameters
    carry: float
    drift: float | None = None

    def __post_init__(self) -> None:
        if not 0.0 < self.spot < math.inf:
            raise ConfigError(f"spot is {self.spot}; it must be positive and finite")
        if not math.isfinite(self.growth):
            raise ConfigError(f"the drift is {self.growth}; it must be finite")

    @property
    def label(self) -> str:
        """Short name."""
        return "heston"

    @property
    def assumes(self) -> str:
        """What it assumes."""
        v0, kappa, theta, _, rho = self.parameters.as_tuple()
        whose = "grows as the forward does" if self.drift is None else "grows at the drift that the user stated"
        return (
            f"Volatility moves by itself, from {math.sqrt(v0):.1%} now towards {math.sqrt(theta):.1%}, half of the way "
            f"in {365.0 * math.log(2.0) / kappa:.0f} days, and {'rises' if rho < 0.0 else 'falls'} as the spot falls "
            f"(correlation {rho:+.2f}), as option prices imply; no jumps. The mean of the spot {whose} "
            f"({self.growth:+.2%} a year)."
        )

    def cdf(self, years: float, level: F64_1D) -> F64_1D:
        """Probability that the spot is at most each level; NaN where the series does not reach its accuracy."""
        x = np.asarray(level, dtype=np.float64)
        known = np.where(x > 0.0, x, self.spot).ravel()
        below = heston_distribution(self.parameters, known, years, self._mean(years), accuracy=_ACCURACY).below
        return np.where(x > 0.0, below.reshape(x.shape), 0.0)

    def call_mean(self, years: float, strike: F64_1D) -> F64_1D:
        """Mean of ``max(spot - strike, 0)``; NaN as in `cdf`."""
        k = np.asarray(strike, dtype=np.float64)
        known = np.where(k > 0.0, k, self.spot)
        mean = self._mean(years)
        return np.where(
            k > 0.0, heston_price(self.parameters, known, 1, years, mean, accuracy=_ACCURACY).price, mean - k
        )

    def touch(self, years: float, level: F64_1D) -> F64_1D:
        """NaN: there is no formula."""
        return np.full(np.shape(level), np.nan)

    def walk(
        self, elapsed: F64_1D, first: int, last: int, seed: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Spot and variance on paths `first` to `last` (exclusive), (steps, paths) each, at the years `elapsed`.

        A step of Andersen's scheme for each interval.
        """
        from argus.options import _heston_path_kernels as kernels

        keys = np.array([stream_key(seed, "pop", self.label, name) for name in ("normal", "uniform")], dtype=np.uint64)
        steps = np.diff(elapsed, prepend=0.0)
        known = {step: qe_terms(self.parameters, step, self.growth) for step in dict.fromkeys(steps.tolist())}
        terms = np.array([known[step] for step in steps.tolist()])
        growth, variances = np.empty((len(steps), last - first)), np.empty((len(steps), last - first))
        drawn, state = working_memory(kernels.DRAWN_FLOATS), working_memory(kernels.STATE_FLOATS)
        kernels.walk_block(keys, terms, float(self.parameters.v0), first, last, growth, variances, drawn, state)
        return self.spot * growth, variances

    def implied_vols(self, variance: float, years: float, k: F64_1D) -> F64_1D:
        """Volatility at which Black gives Heston's price, at a variance now and at ``k = ln(strike / forward)``.

        Where the price is too small to say, the nearest answer stands for it; without any, the mean of the variance.
        """
        _, kappa, theta, sigma, rho = self.parameters.as_tuple()
        now = HestonParameters(variance, kappa, theta, sigma, rho)
        strike, right = np.exp(k), np.where(k < 0.0, -1, 1)
        price = heston_price(now, strike, right, years, 1.0, accuracy=_ACCURACY).price
        vol = implied_vol(np.where(price > _PRICE_MIN, price, np.nan), 1.0, 1.0, strike, years, right).vol
        there = np.isfinite(vol)
        if not there.any():
            share = -math.expm1(-kappa * years) / (kappa * years)
            return np.full(len(k), math.sqrt(theta + (variance - theta) * share))
        found: F64_1D = np.interp(k, k[there], vol[there])
        return found

    def _mean(self, years: float) -> float:
        return self.spot * math.exp(self.growth * years)


class HestonMarks:
    """Heston and a position: a `Law` and a `PathModel` that knows what each leg is worth on the way.

    Parameters
    ----------
    law : HestonLaw
    position : Position
        Its volatilities should be those that the law implies (`HestonLaw.implied_vols`): they are what the factors of
        the paths multiply.
    """

    def __init__(self, law: HestonLaw, position: Position) -> None:
        self.law, self.position = law, position
        self._tables: dict[bytes, tuple[F64_1D, F64_1D, NDArray[np.float64]]] = {}
        self._lock = Lock()

    @property
    def spot(self) -> float:
        """Where it starts."""
        return self.law.spot

    @property
    def label(self) -> str:
        """Short name."""
        return self.law.label

    @property
    def measure(self) -> Measure:
        """As of the law."""
        return self.law.measure

    @property
    def assumes(self) -> str:
        """What it assumes."""
        return self.law.assumes

    @property
    def bridge_vol(self) -> float:
        """0: touches are looked for at the steps alone."""
        return 0.0

    def cdf(self, years: float, level: F64_1D) -> F64_1D:
        """As of the law."""
        return self.law.cdf(years, level)

    def call_mean(self, years: float, strike: F64_1D) -> F64_1D:
        """As of the law."""
        return self.law.call_mean(years, strike)

    def touch(self, years: float, level: F64_1D) -> F64_1D:
        """As of the law."""
        return self.law.touch(years, level)

    def paths(self, elapsed: F64_1D, first: int, last: int, seed: int) -> Paths:
        """Paths `first` to `last` (exclusive), and the factor on the volatility of each leg."""
        position = self.position
        spot, variance = self.law.walk(elapsed, first, last, seed)
        deviation = np.sqrt(np.maximum(variance, 0.0))
        ratio = np.ones((len(position.right), *spot.shape))
        for years in np.unique(position.years[position.right != 0]).tolist():
            k_grid, s_grid, table = self._table(elapsed, years)
            for leg in np.flatnonzero((position.right != 0) & (position.years == years)).tolist():
                for step in np.flatnonzero(elapsed < years).tolist():
                    left = years - elapsed[step]
                    k = np.log(position.strike[leg] / spot[step]) - position.carry[leg] * left
                    vol = _between(k_grid, s_grid, table[step], k, deviation[step])
                    ratio[leg, step] = vol / position.vol[leg]
        return Paths(spot, ratio)

    def _table(self, elapsed: F64_1D, years: float) -> tuple[F64_1D, F64_1D, NDArray[np.float64]]:
        """Volatilities by step, deviation and k for one expiry; the same for every part of the paths."""
        key = elapsed.tobytes() + np.float64(years).tobytes()
        with self._lock:
            if key not in self._tables:
                self._tables[key] = self._made(elapsed, years)
            return self._tables[key]

    def _made(self, elapsed: F64_1D, years: float) -> tuple[F64_1D, F64_1D, NDArray[np.float64]]:
        v0, kappa, theta, sigma, _ = self.law.parameters.as_tuple()
        fade = -math.expm1(-kappa * years)
        spread = sigma * math.sqrt((v0 * (1.0 - fade) * fade + 0.5 * theta * fade**2) / kappa)
        level = max(v0, theta)
        legs = (self.position.right != 0) & (self.position.years == years)
        widest = float(np.abs(np.log(self.position.strike[legs] / self.law.spot)).max())
        reach = widest + _WIDTHS * math.sqrt(level * years)
        k_grid = np.linspace(-reach, reach, _K_POINTS)
        s_grid = np.linspace(_S_MIN, math.sqrt(level + _WIDTHS * spread), _S_POINTS)
        table = np.ones((len(elapsed), len(s_grid), len(k_grid)))
        for step in np.flatnonzero(elapsed < years).tolist():
            left = float(years - elapsed[step])
            for row, deviation in enumerate(s_grid.tolist()):
                table[step, row] = self.law.implied_vols(deviation**2, left, k_grid)
        return k_grid, s_grid, table


def _between(x_grid: F64_1D, y_grid: F64_1D, table: NDArray[np.float64], x: F64_1D, y: F64_1D) -> F64_1D:
    """Values between the points of an even grid, straight in both directions; beyond it those of its edge."""
    columns, rows = len(x_grid) - 1, len(y_grid) - 1
    at_x = np.clip((x - x_grid[0]) / (x_grid[-1] - x_grid[0]), 0.0, 1.0) * columns
    at_y = np.clip((y - y_grid[0]) / (y_grid[-1] - y_grid[0]), 0.0, 1.0) * rows
    j, i = np.minimum(at_x.astype(np.int64), columns - 1), np.minimum(at_y.astype(np.int64), rows - 1)
    u, w = at_x - j, at_y - i
    lower = table[i, j] * (1.0 - u) + table[i, j + 1] * u
    upper = table[i + 1, j] * (1.0 - u) + table[i + 1, j + 1] * u
    found: F64_1D = lower * (1.0 - w) + upper * w
    return found
