"""Heston as a model of what a position may become: its law at expiry, and its paths with the volatility they carry.

The same calibrated parameters answer both. Under a stated real-world drift the variance keeps its risk-neutral law: a
drift is a view on the price, and nobody can state the price of variance risk by looking.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D
from argus.core.errors import ConfigError
from argus.core.random import stream_key
from argus.options.heston import HestonParameters, heston_distribution, heston_price
from argus.options.heston_paths import qe_terms
from argus.options.pop_models import Measure, Paths

__all__ = ["HestonLaw"]

_ACCURACY = 1e-6


@dataclass(frozen=True, slots=True)
class HestonLaw:
    """Stochastic volatility (Heston 1993): a `Law` and a `PathModel`.

    Attributes
    ----------
    spot : float
    parameters : HestonParameters
        Calibrated to option prices.
    carry : float
        Annual growth of the forward: rate less dividend yield, continuous.
    horizon : float
        Years to the expiry whose implied volatility is carried along the paths: it moves as the square root of the
        variance expected until then.
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
    horizon: float
    drift: float | None = None

    def __post_init__(self) -> None:
        if not (0.0 < self.spot < math.inf and 0.0 < self.horizon < math.inf):
            raise ConfigError(f"spot {self.spot} and horizon {self.horizon} must be positive and finite")
        if not math.isfinite(self.growth):
            raise ConfigError(f"the drift is {self.growth}; it must be finite")

    @property
    def label(self) -> str:
        """Short name."""
        return "heston"

    @property
    def measure(self) -> Measure:
        """Risk-neutral, unless a drift was stated."""
        return Measure.RISK_NEUTRAL if self.drift is None else Measure.REAL_WORLD

    @property
    def growth(self) -> float:
        """Annual growth of the mean."""
        return self.carry if self.drift is None else self.drift

    @property
    def bridge_vol(self) -> float:
        """0: touches are looked for at the steps alone."""
        return 0.0

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

    def paths(self, elapsed: F64_1D, first: int, last: int, seed: int) -> Paths:
        """Paths `first` to `last` (exclusive), a step of Andersen's scheme for each interval of `elapsed`."""
        from argus.options import _heston_path_kernels as kernels

        keys = np.array([stream_key(seed, "pop", self.label, name) for name in ("normal", "uniform")], dtype=np.uint64)
        steps = np.diff(elapsed, prepend=0.0)
        known = {step: qe_terms(self.parameters, step, self.growth) for step in dict.fromkeys(steps.tolist())}
        terms = np.array([known[step] for step in steps.tolist()])
        growth, variances = np.empty((len(steps), last - first)), np.empty((len(steps), last - first))
        drawn, state = np.empty(kernels.DRAWN_FLOATS), np.empty(kernels.STATE_FLOATS)
        kernels.walk_block(keys, terms, float(self.parameters.v0), first, last, growth, variances, drawn, state)
        left = np.maximum(self.horizon - elapsed, 0.0)
        then = self._expected_variance(variances, left[:, np.newaxis])
        now = self._expected_variance(np.array(self.parameters.v0), np.array(self.horizon))
        return Paths(self.spot * growth, np.sqrt(then / now))

    def _mean(self, years: float) -> float:
        return self.spot * math.exp(self.growth * years)

    def _expected_variance(self, variance: NDArray[np.float64], years: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean of the variance over the next `years`, given what it is."""
        pull = self.parameters.kappa * years
        share: NDArray[np.float64] = np.where(pull > 1e-9, -np.expm1(-pull) / np.maximum(pull, 1e-9), 1.0)
        return self.parameters.theta + (variance - self.parameters.theta) * share
