"""What the spot may do until expiry: the models that a probability of profit is asked of, and what each assumes.

Two small protocols: a `Law` knows the distribution of the spot at one time, a `PathModel` draws paths. Black-Scholes is
both, the bootstrap of past returns draws only. Another model plugs in by having the same few methods.

A probability under the risk-neutral measure is what option prices imply, an insurance price and no forecast; under the
real-world measure it is a forecast, and as good as the drift and the volatility that somebody stated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D
from argus.core.errors import ConfigError
from argus.core.random import stream_key
from argus.options._valuation import normal_cdf

__all__ = ["BlackScholes", "Drifting", "HistoricalBootstrap", "Law", "Measure", "Model", "PathModel", "Paths"]

SESSIONS_A_YEAR = 252


class Measure(StrEnum):
    """Whose probability it is."""

    RISK_NEUTRAL = "risk_neutral"
    """The drift is the forward's: what option prices imply."""
    REAL_WORLD = "real_world"
    """The drift is a forecast, stated by the user or taken from the past."""


class Paths(NamedTuple):
    """Paths of the spot, (steps, paths), and with them a factor on implied volatilities, or None where they stay.

    The factor is one for all legs, (steps, paths), or one for each, (legs, steps, paths).
    """

    spot: NDArray[np.float64]
    vol_ratio: NDArray[np.float64] | None = None


@runtime_checkable
class Model(Protocol):
    """What every model says of itself.

    Attributes
    ----------
    label : str
        Short name.
    measure : Measure
    assumes : str
        What it assumes, in a sentence for the reader of a probability.
    spot : float
        Where it starts.
    """

    @property
    def spot(self) -> float: ...
    @property
    def label(self) -> str: ...
    @property
    def measure(self) -> Measure: ...
    @property
    def assumes(self) -> str: ...


@runtime_checkable
class Law(Model, Protocol):
    """Distribution of the spot after some years."""

    def cdf(self, years: float, level: F64_1D) -> F64_1D:
        """Probability that the spot is at most each level; 0 at and below a level of 0."""
        ...

    def call_mean(self, years: float, strike: F64_1D) -> F64_1D:
        """Mean of ``max(spot - strike, 0)``, not discounted; at a strike of 0 the mean of the spot."""
        ...

    def touch(self, years: float, level: F64_1D) -> F64_1D:
        """Probability that each level is touched by then, watched all the time; NaN where there is no formula."""
        ...


@runtime_checkable
class PathModel(Model, Protocol):
    """Drawer of paths.

    Attributes
    ----------
    bridge_vol : float
        Volatility of the Brownian bridge between two steps by which touches are counted; 0 looks at the steps alone.
    """

    @property
    def bridge_vol(self) -> float: ...

    def paths(self, elapsed: F64_1D, first: int, last: int, seed: int) -> Paths:
        """Paths `first` to `last` (exclusive) at the years `elapsed`, ascending; of seed and number alone."""
        ...


class Drifting:
    """A model whose mean grows with the forward, or at the drift that the user stated."""

    __slots__ = ()
    carry: float
    drift: float | None

    @property
    def measure(self) -> Measure:
        """Risk-neutral, unless a drift was stated."""
        return Measure.RISK_NEUTRAL if self.drift is None else Measure.REAL_WORLD

    @property
    def growth(self) -> float:
        """Annual growth of the mean."""
        return self.carry if self.drift is None else self.drift


@dataclass(frozen=True, slots=True)
class BlackScholes(Drifting):
    """Constant volatility: the logarithm of the spot is a Brownian motion (Black, Scholes 1973; Merton 1973).

    Attributes
    ----------
    spot, vol : float
        Start, and annual volatility.
    carry : float
        Annual growth of the forward: rate less dividend yield, continuous.
    drift : float or None
        Annual growth of the mean spot that the user believes in, continuous; None takes the forward's, which is the
        risk-neutral measure.
    """

    spot: float
    vol: float
    carry: float = 0.0
    drift: float | None = None

    def __post_init__(self) -> None:
        if not (0.0 < self.spot < math.inf and 0.0 < self.vol < math.inf):
            raise ConfigError(f"spot {self.spot} and vol {self.vol} must be positive and finite")
        if not math.isfinite(self.growth):
            raise ConfigError(f"the drift is {self.growth}; it must be finite")

    @property
    def label(self) -> str:
        """Short name."""
        return "black_scholes"

    @property
    def bridge_vol(self) -> float:
        """The volatility: its bridge is exact."""
        return self.vol

    @property
    def assumes(self) -> str:
        """What it assumes."""
        whose = "grows as the forward does" if self.drift is None else "grows at the drift that the user stated"
        return (
            f"The spot moves by {self.vol:.1%} a year at all times and all prices, without jumps, and its mean {whose} "
            f"({self.growth:+.2%} a year)."
        )

    def cdf(self, years: float, level: F64_1D) -> F64_1D:
        """Probability that the spot is at most each level."""
        x = np.asarray(level, dtype=np.float64)
        return np.where(x > 0.0, normal_cdf(-self._d2(years, x)), 0.0)

    def call_mean(self, years: float, strike: F64_1D) -> F64_1D:
        """Mean of ``max(spot - strike, 0)``."""
        k = np.asarray(strike, dtype=np.float64)
        mean = self.spot * math.exp(self.growth * years)
        d2 = self._d2(years, k)
        above = mean * normal_cdf(d2 + self.vol * math.sqrt(years)) - k * normal_cdf(d2)
        return np.where(k > 0.0, above, mean - k)

    def touch(self, years: float, level: F64_1D) -> F64_1D:
        """Probability that each level is touched by then: the reflection principle with drift.

        Shreve 2004, "Stochastic Calculus for Finance II", corollary 7.2.2.
        """
        b = np.asarray(level, dtype=np.float64)
        side = np.where(b >= self.spot, 1.0, -1.0)
        with np.errstate(divide="ignore"):
            far = side * np.log(b / self.spot)
        lean = side * (self.growth - 0.5 * self.vol**2)
        root = self.vol * math.sqrt(years)
        reflected = np.exp(np.minimum(2.0 * lean * far / self.vol**2, 700.0)) * normal_cdf((-far - lean * years) / root)
        return np.where(far > 0.0, np.minimum(normal_cdf((lean * years - far) / root) + reflected, 1.0), 1.0)

    def paths(self, elapsed: F64_1D, first: int, last: int, seed: int) -> Paths:
        """Paths `first` to `last` (exclusive)."""
        from argus.options._pop_kernels import diffuse_block

        out = np.empty((len(elapsed), last - first))
        key = np.uint64(stream_key(seed, "pop", self.label))
        diffuse_block(float(self.spot), float(self.growth), float(self.vol), elapsed, key, first, last, out)
        return Paths(out)

    def _d2(self, years: float, level: F64_1D) -> F64_1D:
        root = self.vol * math.sqrt(years)
        with np.errstate(divide="ignore", invalid="ignore"):
            far = np.log(self.spot / np.maximum(level, 0.0))
        return (far + (self.growth - 0.5 * self.vol**2) * years) / root


@dataclass(frozen=True, slots=True, eq=False)
class HistoricalBootstrap:
    """The future is made of pieces of the past: sessions drawn in blocks of random length.

    The stationary bootstrap of Politis and Romano 1994, "The Stationary Bootstrap", JASA 89(428). Streaks and calm and
    wild spells stay together over about a block. What never happened in the sample cannot be drawn.

    Attributes
    ----------
    spot : float
    log_returns : (n,) float64
        Close-to-close logarithmic returns of single sessions, in the order of time.
    block : float
        Mean block length in sessions; 1 draws single sessions.
    drift : float or None
        Annual growth of the mean spot to which the returns are shifted, so that the mean of ``exp(return)`` is that of
        a session at this drift; None leaves the mean of the sample. Over several sessions the mean of the spot is that
        of the drift but for the dependence within blocks.
    is_risk_neutral : bool
        States that `drift` is the forward's. The spread of the returns stays that of the past, so that even then this
        is no price: only the drift is risk-neutral.
    """

    spot: float
    log_returns: F64_1D
    block: float = 10.0
    drift: float | None = None
    is_risk_neutral: bool = False

    def __post_init__(self) -> None:
        if not 0.0 < self.spot < math.inf:
            raise ConfigError(f"spot is {self.spot}; it must be positive and finite")
        if self.log_returns.ndim != 1 or len(self.log_returns) < 2:
            raise ConfigError(f"log_returns has shape {self.log_returns.shape}; at least two sessions in a row needed")
        if not np.isfinite(self.log_returns).all():
            row = int(np.argmin(np.isfinite(self.log_returns)))
            raise ConfigError(f"log_returns: session {row} is {self.log_returns[row]}; leave it out or mend it")
        if not self.block >= 1.0:
            raise ConfigError(f"block is {self.block} sessions; at least 1")
        if self.drift is not None and not math.isfinite(self.drift):
            raise ConfigError(f"drift is {self.drift}; it must be finite, or None")
        if self.is_risk_neutral and self.drift is None:
            raise ConfigError("is_risk_neutral needs the forward's growth as drift")

    @property
    def label(self) -> str:
        """Short name."""
        return "historical_bootstrap"

    @property
    def measure(self) -> Measure:
        """Real-world, unless the drift was stated to be the forward's."""
        return Measure.RISK_NEUTRAL if self.is_risk_neutral else Measure.REAL_WORLD

    @property
    def bridge_vol(self) -> float:
        """0: nothing is known of the way between two closes."""
        return 0.0

    @property
    def assumes(self) -> str:
        """What it assumes."""
        whose = {
            (True, False): "the mean return is that of the sample",
            (False, False): "shifted to the drift that the user stated",
            (False, True): "shifted to the growth of the forward",
        }[(self.drift is None, self.is_risk_neutral)]
        return (
            f"The sessions to come are drawn from {len(self.log_returns)} past ones in blocks of {self.block:g} on the "
            f"average, whatever the volatility of today; {whose}. Touches are seen at closes only."
        )

    def paths(self, elapsed: F64_1D, first: int, last: int, seed: int) -> Paths:
        """Paths `first` to `last` (exclusive); a time stands for the nearest whole number of sessions, 252 a year."""
        from argus.options._pop_kernels import redraw_block

        sessions = np.maximum(np.rint(elapsed * SESSIONS_A_YEAR), 1.0).astype(np.int64)
        sample = np.ascontiguousarray(self.log_returns, dtype=np.float64)
        if self.drift is not None:
            sample = sample + (self.drift / SESSIONS_A_YEAR - math.log(float(np.mean(np.exp(sample)))))
        out = np.empty((len(elapsed), last - first))
        key = np.uint64(stream_key(seed, "pop", self.label))
        restart = np.uint64(max(1, round(2.0**32 / self.block)))
        redraw_block(sample, float(self.spot), restart, sessions, key, first, last, out)
        return Paths(out)
