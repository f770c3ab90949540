"""The market's own law: the distribution of the price at an expiry that the fitted smile implies.

No model of how the price gets there, and so no paths: only what options of that expiry cost. Of all answers at expiry
it is the one that agrees with the quotes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from argus.core.arrays import F64_1D
from argus.core.errors import ConfigError
from argus.options._valuation import normal_cdf
from argus.options.pop_models import Drifting
from argus.options.surface import Surface
from argus.options.svi import smile_variance

__all__ = ["SurfaceLaw"]

_LOWEST = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceLaw(Drifting):
    """The smile of an expiry as a `Law` (Breeden and Litzenberger 1978, Journal of Business 51(4)).

    Attributes
    ----------
    spot : float
    surface : Surface
        Beyond the quoted strikes its wings answer.
    carry : float
        Annual growth of the forward: rate less dividend yield, continuous.
    drift : float or None
        Annual growth of the mean spot that the user believes in, continuous: the whole distribution is moved to it;
        None takes the forward's, which is the risk-neutral measure.

    Raises
    ------
    ConfigError
        Naming what is out of range.
    """

    spot: float
    surface: Surface
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
        return "market_smile"

    @property
    def assumes(self) -> str:
        """What it assumes."""
        whose = "grows as the forward does" if self.drift is None else "is moved to the drift that the user stated"
        return (
            "What options of the expiry cost, by the arbitrage-free fit, and nothing of the way there; beyond the "
            f"quoted strikes the fit's wings. The mean of the spot {whose} ({self.growth:+.2%} a year)."
        )

    def cdf(self, years: float, level: F64_1D) -> F64_1D:
        """Probability that the spot is at most each level: the slope of the put price to the strike."""
        x = np.asarray(level, dtype=np.float64)
        k, w, slope = self._smile(years, x)
        root = np.sqrt(w)
        below = normal_cdf(k / root + 0.5 * root) + np.exp(-0.5 * (k / root + 0.5 * root) ** 2) * slope / (
            2.0 * root * math.sqrt(2.0 * math.pi)
        )
        return np.where(x > 0.0, np.clip(below, 0.0, 1.0), 0.0)

    def call_mean(self, years: float, strike: F64_1D) -> F64_1D:
        """Mean of ``max(spot - strike, 0)``: Black's price at the smile's volatility."""
        x = np.asarray(strike, dtype=np.float64)
        k, w, _ = self._smile(years, x)
        mean, root = self._mean(years), np.sqrt(w)
        price = mean * normal_cdf(-k / root + 0.5 * root) - x * normal_cdf(-k / root - 0.5 * root)
        return np.where(x > 0.0, np.maximum(price, 0.0), mean - x)

    def touch(self, years: float, level: F64_1D) -> F64_1D:
        """NaN: prices of one expiry say nothing of the way there."""
        return np.full(np.shape(level), np.nan)

    def _mean(self, years: float) -> float:
        return self.spot * math.exp(self.growth * years)

    def _smile(self, years: float, level: F64_1D) -> tuple[F64_1D, F64_1D, F64_1D]:
        """``ln(level / mean)``, total variance there, and its slope; in the shape of `level`."""
        mean = self._mean(years)
        k = np.log(np.maximum(level, _LOWEST * mean) / mean)
        w, slope, _ = smile_variance(self.surface.smile_at(years), k.ravel())
        return k, w.reshape(k.shape), slope.reshape(k.shape)
