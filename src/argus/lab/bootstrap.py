"""What else could have happened with the same trades: a stationary bootstrap of their results.

The trades of a run came in one order, with one run of luck. Drawn again ten thousand times, in blocks of random length
so that streaks stay together, they show how deep the falls could have been and how often the account would have been
ruined. The bootstrap knows only what the sample holds: it cannot draw a crash that never happened.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np

from argus.core.arrays import F64_1D, I64_1D
from argus.core.errors import ConfigError
from argus.core.random import stream_key

__all__ = ["BootstrapPaths", "BootstrapResult", "bootstrap_paths", "bootstrap_trades", "optimal_block"]

QUANTILES: Final = (0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99)
"""Quantiles that every distribution is reported at."""

_FAN_STEPS: Final = 50
_TRADES_MIN: Final = 10


@dataclass(frozen=True, slots=True, eq=False)
class BootstrapPaths:
    """Outcome of each path, in currency units of the trades given.

    Attributes
    ----------
    final_pnl, drawdown, drawdown_fraction, equity_min, sharpe_trade : (paths,) float64
        Sum of the results; deepest fall below a peak of capital plus results, in money and as a share of that peak;
        lowest equity; mean over standard deviation of the path's trades (NaN without variation).
    fan_step : (k,) int64
        Number of trades done at each checkpoint.
    fan : (paths, k) float64
        Sum of the results at each checkpoint.
    """

    final_pnl: F64_1D
    drawdown: F64_1D
    drawdown_fraction: F64_1D
    equity_min: F64_1D
    sharpe_trade: F64_1D
    fan_step: I64_1D
    fan: np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class BootstrapResult:
    """Distributions over paths; money in currency units.

    Attributes
    ----------
    paths, trades, seed : int
    block : float
        Mean block length in trades.
    capital, ruin_equity : float
        Opening capital, and the equity below which an account counts as ruined.
    quantiles : tuple of float
        Levels of the tuples below.
    final_pnl, drawdown, drawdown_fraction, sharpe_trade : tuple of float
        Quantiles over paths.
    ruin_probability, loss_probability : float
        Share of paths that ever fell below `ruin_equity`; that ended without profit.
    fan_step : tuple of int
    fan : tuple of tuple of float
        For each level of `quantiles`, the summed results at each step.
    realised : tuple of float
        The summed results at each step as they happened.
    """

    paths: int
    trades: int
    seed: int
    block: float
    capital: float
    ruin_equity: float
    quantiles: tuple[float, ...]
    final_pnl: tuple[float, ...]
    drawdown: tuple[float, ...]
    drawdown_fraction: tuple[float, ...]
    sharpe_trade: tuple[float, ...]
    ruin_probability: float
    loss_probability: float
    fan_step: tuple[int, ...]
    fan: tuple[tuple[float, ...], ...]
    realised: tuple[float, ...]

    def at(self, distribution: str, level: float) -> float:
        """A quantile by name of the distribution and level, e.g. ``at("final_pnl", 0.05)``."""
        values: tuple[float, ...] = getattr(self, distribution)
        return values[self.quantiles.index(level)]


def optimal_block(pnl: F64_1D) -> float:
    """Mean block length for the stationary bootstrap: Politis and White 2004, corrected by Patton, Politis, White 2009.

    "Automatic Block-Length Selection for the Dependent Bootstrap", Econometric Reviews 23(1) and 28(4), as computed by
    ``arch``. At least 1; exactly 1 for fewer than ten results or results that do not vary, where nothing can be seen.
    """
    if len(pnl) < _TRADES_MIN or float(np.ptp(pnl)) == 0.0:
        return 1.0
    from arch.bootstrap import optimal_block_length

    with np.errstate(divide="ignore", invalid="ignore"):
        length = float(optimal_block_length(pnl)["stationary"].iloc[0])
    return max(length, 1.0) if math.isfinite(length) else 1.0


def bootstrap_paths(
    pnl: F64_1D, *, capital: float, block: float, paths: int = 10_000, seed: int = 0, workers: int = 1
) -> BootstrapPaths:
    """Draw the paths: Politis and Romano 1994, "The Stationary Bootstrap", JASA 89(428).

    Each path has as many trades as the sample. A block starts at a random trade and goes on, around the end of the
    sample if need be, with probability ``1 - 1 / block`` at each step.

    Parameters
    ----------
    pnl : (n,) float64
        Net results of the trades, in the order in which they ended; currency units.
    capital : float
        Opening equity; positive.
    block : float
        Mean block length, at least 1.
    paths, seed : int
        Path `i` depends on the seed and `i` alone: the same bits for any number of workers.
    workers : int
        Threads.

    Raises
    ------
    ConfigError
        On an empty or non-finite sample, or a setting out of range.
    """
    _check(pnl, capital, block, paths)
    from argus.lab._bootstrap_kernels import LANES, bootstrap_block

    count = len(pnl)
    steps: I64_1D = np.unique(np.linspace(0, count, min(_FAN_STEPS, count) + 1).round().astype(np.int64))[1:]
    out = np.empty((5, paths), dtype=np.float64)
    fan = np.empty((paths, len(steps)), dtype=np.float64)
    key = np.uint64(stream_key(seed, "bootstrap"))
    sample = np.ascontiguousarray(pnl, dtype=np.float64)
    restart = round(2.0**32 / block)

    def draw(first: int, last: int) -> None:
        bootstrap_block(sample, float(capital), restart, key, first, last, steps, out, fan)

    parts = max(1, min(workers, -(-paths // LANES)))
    bounds = [min(paths, LANES * round(part * (paths / LANES) / parts)) for part in range(parts)] + [paths]
    if parts == 1:
        draw(0, paths)
    else:
        with ThreadPoolExecutor(parts) as pool:
            list(pool.map(draw, bounds[:-1], bounds[1:]))
    return BootstrapPaths(out[0], out[1], out[2], out[3], out[4], steps, fan)


def bootstrap_trades(
    pnl: F64_1D,
    *,
    capital: float,
    ruin_fraction: float = 0.5,
    paths: int = 10_000,
    seed: int = 0,
    block: float | None = None,
    workers: int = 1,
) -> BootstrapResult:
    """Distributions of final result, drawdown, ruin and Sharpe ratio over redrawn trades.

    Parameters
    ----------
    pnl : (n,) float64
        Net results of the trades, in the order in which they ended; currency units.
    capital : float
        Opening equity.
    ruin_fraction : float
        An account that ever falls below this share of its opening equity is ruined: most traders stop there.
    paths, seed, workers : int
        See `bootstrap_paths`.
    block : float or None
        Mean block length in trades; None chooses it by `optimal_block`.
    """
    if not 0.0 <= ruin_fraction < 1.0:
        raise ConfigError(f"ruin_fraction is {ruin_fraction}; it must lie in 0 to 1 (1 excluded)")
    length = optimal_block(pnl) if block is None else block
    drawn = bootstrap_paths(pnl, capital=capital, block=length, paths=paths, seed=seed, workers=workers)
    ruin = ruin_fraction * capital
    fan = np.quantile(drawn.fan, QUANTILES, axis=0)
    return BootstrapResult(
        paths=paths,
        trades=len(pnl),
        seed=seed,
        block=length,
        capital=float(capital),
        ruin_equity=ruin,
        quantiles=QUANTILES,
        final_pnl=_quantiles(drawn.final_pnl),
        drawdown=_quantiles(drawn.drawdown),
        drawdown_fraction=_quantiles(drawn.drawdown_fraction),
        sharpe_trade=_quantiles(drawn.sharpe_trade),
        ruin_probability=float(np.mean(drawn.equity_min < ruin)),
        loss_probability=float(np.mean(drawn.final_pnl <= 0.0)),
        fan_step=tuple(int(step) for step in drawn.fan_step),
        fan=tuple(tuple(float(value) for value in line) for line in fan),
        realised=tuple(float(value) for value in np.cumsum(pnl)[drawn.fan_step.astype(np.int64) - 1]),
    )


def _quantiles(values: F64_1D) -> tuple[float, ...]:
    known = values[~np.isnan(values)]
    if not len(known):
        return tuple(math.nan for _ in QUANTILES)
    return tuple(float(value) for value in np.quantile(known, QUANTILES))


def _check(pnl: F64_1D, capital: float, block: float, paths: int) -> None:
    if not len(pnl):
        raise ConfigError("the bootstrap was given no trades; a run without trades has no distribution of results")
    if not np.isfinite(pnl).all():
        raise ConfigError(
            f"trade {int(np.argmin(np.isfinite(pnl)))} has result {pnl[~np.isfinite(pnl)][0]}; finite needed"
        )
    if len(pnl) >= 2**31:
        raise ConfigError(f"the bootstrap was given {len(pnl)} results; fewer than 2**31 can be drawn from")
    if not capital > 0.0:
        raise ConfigError(f"capital is {capital}; it must be positive")
    if not block >= 1.0:
        raise ConfigError(f"mean block length is {block}; it must be at least 1 trade")
    if paths < 1:
        raise ConfigError(f"paths is {paths}; at least one is needed")
