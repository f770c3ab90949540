"""Heston paths by Andersen's quadratic-exponential scheme, and averages over them with their standard errors.

For questions that a price at expiry does not answer: what a path touched on the way, and when. The steps need not be
short, one a day is plenty; the mean of the price is exact at any step (the martingale correction), up to chance. Path i
depends on the seed and i alone: the same bits for any number of workers, and on a graphics card.

What was looked at is the price at the steps; a level that was touched in between and left again is not seen.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I32_1D, working_memory
from argus.core.errors import ConfigError, MissingExtraError, RunError
from argus.core.random import stream_key
from argus.options.heston import HestonParameters

__all__ = ["HestonPaths", "PathMean", "PathPlan", "path_mean", "qe_terms", "simulate_heston"]

QeTerms = tuple[float, float, float, float, float, float, float, float, float, float, float, float]

_PSI_EDGE = 1.5
_SHORT = 0.1


@dataclass(frozen=True, slots=True)
class PathPlan:
    """What is simulated.

    Attributes
    ----------
    years : float
        Length of the paths.
    steps : int
        Equal steps they are made of.
    paths : int
        Even where antithetic.
    drift : float
        Annual, continuous growth of the mean price: rate less dividends and borrow for the risk-neutral law, or one's
        own view for the real world.
    antithetic : bool
        Whether each second path mirrors the one before it: half of the random numbers, and less noise in the average
        of anything that rises (or falls) with the price.
    seed : int

    Raises
    ------
    ConfigError
        Naming what is out of range.
    """

    years: float
    steps: int
    paths: int = 100_000
    drift: float = 0.0
    antithetic: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 < self.years < math.inf:
            raise ConfigError(f"years is {self.years}; it must be positive and finite")
        if self.steps < 1 or self.paths < 1:
            raise ConfigError(f"steps is {self.steps} and paths is {self.paths}; both must be at least 1")
        if self.antithetic and self.paths % 2:
            raise ConfigError(f"paths is {self.paths}; antithetic paths come in pairs, take an even number")
        if not math.isfinite(self.drift):
            raise ConfigError(f"drift is {self.drift}; it must be finite")


@dataclass(frozen=True, slots=True, eq=False)
class HestonPaths:
    """What became of each path.

    Attributes
    ----------
    plan : PathPlan
    log_return : (paths,) float64
        Logarithm of the price at the end over the spot.
    variance : (paths,) float64
        Annual variance at the end.
    log_lowest, log_highest : (paths,) float64
        Lowest and highest logarithm of price over spot at the steps, the start included; empty unless followed.
    touch_lower, touch_upper : (paths,) int32
        First step at which the price was at or beyond the level, 0 for the start, -1 for never; empty unless followed.
    """

    plan: PathPlan
    log_return: F64_1D
    variance: F64_1D
    log_lowest: F64_1D
    log_highest: F64_1D
    touch_lower: I32_1D
    touch_upper: I32_1D

    @property
    def growth(self) -> F64_1D:
        """Price at the end over the spot; its mean is ``exp(drift * years)``."""
        return np.exp(self.log_return)


@dataclass(frozen=True, slots=True)
class PathMean:
    """An average over paths.

    Attributes
    ----------
    mean, standard_error : float
        The truth lies within three standard errors of the mean in all but 3 of 1,000 seeds.
    beta : float
        How much of the control was taken off; 0 without one.
    """

    mean: float
    standard_error: float
    beta: float


def qe_terms(parameters: HestonParameters, years_step: float, drift: float = 0.0) -> QeTerms:
    """The constants of `qe_step` for steps of `years_step` years.

    In their order: drift of a step; decay and pull of the mean of the variance; slope and level of its variance;
    variance from which on it is drawn by the quadratic rule; Andersen's K0 and K1 without the correction; K2; K3; A;
    1 where steps are so short that the correction's logarithm stays near zero, else -1.
    """
    _, kappa, theta, sigma, rho = parameters.as_tuple()
    decay = math.exp(-kappa * years_step)
    fade = -math.expm1(-kappa * years_step)
    pull = theta * fade
    slope = sigma**2 * decay * fade / kappa
    level = theta * sigma**2 * fade**2 / (2.0 * kappa)
    # psi falls with the variance: it equals the edge where (slope v + level) = edge (decay v + pull)^2.
    a = _PSI_EDGE * decay**2
    b = 2.0 * _PSI_EDGE * decay * pull - slope
    c = _PSI_EDGE * pull**2 - level
    inner = b * b - 4.0 * a * c
    edge = (-b + math.sqrt(inner)) / (2.0 * a) if inner > 0.0 and a > 0.0 else -1.0
    half = 0.5 * years_step * (kappa * rho / sigma - 0.5)
    k2 = half + rho / sigma
    k3 = 0.5 * years_step * (1.0 - rho**2)
    tilt = k2 + 0.5 * k3
    # Neither rule lets the correction's logarithm be taken of a number further than 0.75 times this from one.
    is_short = abs(tilt) * sigma**2 * fade <= _SHORT * kappa * decay
    return (
        drift * years_step,
        decay,
        pull,
        slope,
        level,
        edge,
        -rho * kappa * theta * years_step / sigma,
        half - rho / sigma,
        k2,
        k3,
        tilt,
        1.0 if is_short else -1.0,
    )


def simulate_heston(
    parameters: HestonParameters,
    plan: PathPlan,
    *,
    lower: float = 0.0,
    upper: float = math.inf,
    follow: bool = False,
    workers: int = 2,
    on_gpu: bool = False,
) -> HestonPaths:
    """Simulate paths and report where each ended and, if asked, how far it went and what it touched.

    Parameters
    ----------
    parameters : HestonParameters
    plan : PathPlan
    lower, upper : float
        Levels, as multiples of the spot, whose first touch is noted; 0 and infinity for none.
    follow : bool
        Whether lowest, highest and touches are wanted.
    workers : int
        Threads; no part in the result.
    on_gpu : bool
        Run on the graphics card (``argus[gpu]``), with the same numbers.

    Raises
    ------
    ConfigError
        On a level below zero or not a number.
    MissingExtraError, RunError
        Where the card is asked for and its library is not installed, or finds none.
    """
    if not (lower >= 0.0 and upper >= 0.0):
        raise ConfigError(f"the levels are {lower} and {upper}; they must be multiples of the spot, 0 or above")
    keys = np.array([stream_key(plan.seed, "heston", name) for name in ("normal", "uniform")], dtype=np.uint64)
    terms = qe_terms(parameters, plan.years / plan.steps, plan.drift)
    levels = (math.log(lower) if lower > 0.0 else -math.inf, math.log(upper) if upper > 0.0 else -math.inf)
    out = np.empty((6 if follow else 2, plan.paths))
    if on_gpu:
        _need_card()
        from argus.options._heston_cuda_kernels import follow_on_gpu

        follow_on_gpu(keys, terms, float(parameters.v0), plan.steps, plan.antithetic, follow, levels, out)
    else:
        _follow_in_threads(keys, terms, float(parameters.v0), plan, follow, levels, out, workers)
    if not follow:
        nothing, never = np.empty(0), np.empty(0, dtype=np.int32)
        return HestonPaths(plan, out[0], out[1], nothing, nothing, never, never)
    return HestonPaths(plan, out[0], out[1], out[2], out[3], out[4].astype(np.int32), out[5].astype(np.int32))


def _need_card() -> None:
    """Numba's simulator, or a card and the library that drives it."""
    from importlib.util import find_spec

    from numba import config, cuda

    if config.ENABLE_CUDASIM:  # type: ignore[attr-defined]
        return
    if find_spec("numba_cuda") is None:
        raise MissingExtraError("numba-cuda", "gpu")
    if not cuda.is_available():  # type: ignore[no-untyped-call]
        raise RunError("no graphics card was found; leave on_gpu out, or look at what nvidia-smi says")


def _follow_in_threads(
    keys: NDArray[np.uint64],
    terms: QeTerms,
    variance: float,
    plan: PathPlan,
    follow: bool,
    levels: tuple[float, float],
    out: NDArray[np.float64],
    workers: int,
) -> None:
    from argus.options import _heston_path_kernels as kernels

    draws = plan.paths // 2 if plan.antithetic else plan.paths

    def walk(first: int, last: int) -> None:
        drawn, state = working_memory(kernels.DRAWN_FLOATS), working_memory(kernels.STATE_FLOATS)
        kernels.follow_block(
            keys, terms, variance, plan.steps, first, last, plan.antithetic, follow, *levels, out, drawn, state,
            working_memory(kernels.STATE_FLOATS),
        )  # fmt: skip

    # More parts than workers: a worker whose core is busy elsewhere holds the others up for less.
    parts = max(1, min(8 * workers, -(-draws // kernels.LANES)))
    bounds = [min(draws, kernels.LANES * round(part * (draws / kernels.LANES) / parts)) for part in range(parts)]
    if workers == 1:
        walk(0, draws)
        return
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(walk, bounds, [*bounds[1:], draws]))


def path_mean(paths: HestonPaths, values: F64_1D, control: F64_1D | None = None, control_mean: float = 0.0) -> PathMean:
    """Mean of `values` over paths, with its standard error.

    Antithetic pairs are averaged first: they are one observation, not two. A control is another value of each path
    whose true mean is known, say ``paths.growth`` with ``exp(drift * years)``, or a payoff that has a formula; the
    multiple of its deviation that explains most is taken off (Glasserman 2004, Monte Carlo Methods in Financial
    Engineering, section 4.1).

    Parameters
    ----------
    paths : HestonPaths
    values : (paths,) float64
        What is averaged, e.g. discounted payoffs.
    control : (paths,) float64 or None
    control_mean : float
        True mean of the control.

    Raises
    ------
    ConfigError
        Where the lengths differ, or there are fewer than two independent paths.
    """
    columns = [np.asarray(values, dtype=np.float64)]
    if control is not None:
        columns.append(np.asarray(control, dtype=np.float64) - control_mean)
    for column in columns:
        if column.shape != (plan_paths := paths.plan.paths,):
            raise ConfigError(f"values of {column.shape} were given for {plan_paths} paths; one a path is needed")
    if paths.plan.antithetic:
        columns = [0.5 * (column[0::2] + column[1::2]) for column in columns]
    count = len(columns[0])
    if count < 2:
        raise ConfigError("one independent path has no standard error; simulate more")
    beta = 0.0
    if control is not None:
        away = columns[1] - columns[1].mean()
        spread = float(away @ away)
        beta = float(away @ columns[0]) / spread if spread > 0.0 else 0.0
        columns[0] = columns[0] - beta * columns[1]
    return PathMean(float(columns[0].mean()), float(columns[0].std(ddof=1)) / math.sqrt(count), beta)
