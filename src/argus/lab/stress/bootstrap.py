"""What else could have happened with the same trades: their results drawn again, ten thousand times.

The trades of a run came in one order, with one run of luck. Drawn in blocks of random length, so that streaks stay
together, they show how deep the falls could have been, how long they could have lasted, and how often the account would
have been ruined. Drawn one by one they show the same without streaks; only put into another order, what the order alone
did. None of them knows more than the sample holds: they cannot draw a crash that never happened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

import numpy as np

from argus.core.arrays import F64_1D, I64_1D, working_memory
from argus.core.errors import ConfigError
from argus.core.random import stream_key
from argus.lab.stress.block_length import optimal_block

__all__ = ["BootstrapPaths", "BootstrapResult", "Redraw", "bootstrap_paths", "bootstrap_trades", "optimal_block"]

QUANTILES: Final = (0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99)
"""Quantiles that every distribution is reported at."""

_FAN_STEPS: Final = 50
_STRIDE: Final = 4
_BINS: Final = 1024
_SHARES: Final = 8
"""Shares of the work for each thread: one that the machine holds up leaves the rest to the others."""
_COARSE: Final = 2**22
"""Sample size times block length up to which half a random number says exactly enough where a block begins: no trade
is drawn a thousandth more often than another."""


class Redraw(StrEnum):
    """How a path is made of the trades that were."""

    STATIONARY = "stationary"
    IID = "iid"
    REORDER = "reorder"


@dataclass(frozen=True, slots=True, eq=False)
class BootstrapPaths:
    """Outcome of each path, in currency units of the trades given.

    Attributes
    ----------
    final_pnl, drawdown, drawdown_fraction, equity_min, sharpe_trade, under_water : (paths,) float64
        Sum of the results; deepest fall below a peak of capital plus results, in money and as a share of that peak;
        lowest equity; mean over standard deviation of the path's trades (NaN without variation); most trades in a row
        after which the account stood below its peak.
    fan_step : (k,) int64
        Number of trades done at each checkpoint.
    fan : (k, paths) float64
        Sum of the results at each checkpoint.
    """

    final_pnl: F64_1D
    drawdown: F64_1D
    drawdown_fraction: F64_1D
    equity_min: F64_1D
    sharpe_trade: F64_1D
    under_water: F64_1D
    fan_step: I64_1D
    fan: np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class BootstrapResult:
    """Distributions over paths; money in currency units.

    Attributes
    ----------
    paths, trades, seed : int
    mode : Redraw
    block : float
        Mean block length in trades; 1 for `Redraw.IID`, the number of trades for `Redraw.REORDER`.
    capital, ruin_equity, drawdown_max : float
        Opening capital; the equity below which an account counts as ruined; the fall, as a share of the peak, that a
        surviving account may not exceed.
    quantiles : tuple of float
        Levels of the tuples below.
    final_pnl, drawdown, drawdown_fraction, sharpe_trade, under_water : tuple of float
        Quantiles over paths; `under_water` in trades.
    ruin_probability, loss_probability, survival_share : float
        Share of paths that ever fell below `ruin_equity`; that ended without profit; that ended with profit, were never
        ruined and never fell further than `drawdown_max`.
    fan_step : tuple of int
    fan : tuple of tuple of float
        For each level of `quantiles`, the summed results at each step.
    realised : tuple of float
        The summed results at each step as they happened.
    """

    paths: int
    trades: int
    seed: int
    mode: Redraw
    block: float
    capital: float
    ruin_equity: float
    drawdown_max: float
    quantiles: tuple[float, ...]
    final_pnl: tuple[float, ...]
    drawdown: tuple[float, ...]
    drawdown_fraction: tuple[float, ...]
    sharpe_trade: tuple[float, ...]
    under_water: tuple[float, ...]
    ruin_probability: float
    loss_probability: float
    survival_share: float
    fan_step: tuple[int, ...]
    fan: tuple[tuple[float, ...], ...]
    realised: tuple[float, ...]

    def at(self, distribution: str, level: float) -> float:
        """A quantile by name of the distribution and level, e.g. ``at("final_pnl", 0.05)``."""
        values: tuple[float, ...] = getattr(self, distribution)
        return values[self.quantiles.index(level)]


def bootstrap_paths(
    pnl: F64_1D,
    *,
    capital: float,
    block: float = 1.0,
    paths: int = 10_000,
    seed: int = 0,
    workers: int = 2,
    mode: Redraw = Redraw.STATIONARY,
) -> BootstrapPaths:
    """Draw the paths; each has as many trades as the sample.

    `Redraw.STATIONARY` is Politis and Romano 1994, "The Stationary Bootstrap", JASA 89(428): a block starts at a random
    trade and goes on, around the end of the sample if need be, with probability ``1 - 1 / block`` at each step.
    `Redraw.IID` is the same with blocks of one trade (Efron 1979, Annals of Statistics 7(1)). `Redraw.REORDER` draws
    without replacement: each path is the sample in a random order, so that final result and Sharpe ratio are the same
    in all but rounding.

    Parameters
    ----------
    pnl : (n,) float64
        Net results of the trades, in the order in which they ended; currency units.
    capital : float
        Opening equity; positive.
    block : float
        Mean block length, at least 1; `Redraw.STATIONARY` alone reads it.
    paths, seed : int
        Path `i` depends on the seed and `i` alone: the same bits for any number of workers.
    workers : int
        Threads.
    mode : Redraw

    Raises
    ------
    ConfigError
        On an empty or non-finite sample, or a setting out of range.
    """
    _check(pnl, capital, block, paths)
    from argus.lab.stress._bootstrap_kernels import EIGHT

    count = len(pnl)
    marks = np.linspace(0, count, min(_FAN_STEPS, -(-count // _STRIDE)) + 1)[1:-1]
    # The kernels book trades in pairs and stop in between at the end only.
    steps: I64_1D = np.unique(np.append((marks / _STRIDE).round().astype(np.int64) * _STRIDE, count))
    out = working_memory(6 * paths).reshape(6, paths)
    fan = working_memory(len(steps) * paths).reshape(len(steps), paths)
    sample = np.ascontiguousarray(pnl, dtype=np.float64)
    draw = _drawing(sample, float(capital), block, seed, mode, steps, out, fan)
    _in_threads(draw, paths, EIGHT, workers)
    return BootstrapPaths(out[0], out[1], out[2], out[3], out[4], out[5], steps, fan)


def _drawing(
    sample: F64_1D,
    capital: float,
    block: float,
    seed: int,
    mode: Redraw,
    steps: I64_1D,
    out: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    fan: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> Callable[[int, int], None]:
    """What draws a range of paths in one thread."""
    from argus.lab.stress import _bootstrap_kernels as kernels

    # Modes have streams of their own: one and the same luck in two of them would look like agreement.
    key = np.uint64(stream_key(seed, "bootstrap", mode.value))

    def redraw(first: int, last: int) -> None:
        length = 1.0 if mode is Redraw.IID else block
        restart = max(1, round(2.0**32 / length))
        scale = len(sample) * 2**32 // restart if len(sample) * length <= _COARSE else 0
        room, ints = working_memory(kernels.ROOM_FLOATS), working_memory(kernels.ROOM_INTS).view(np.uint64)
        kernels.redraw_block(
            np.resize(sample, 2 * len(sample) + 2),
            capital,
            np.uint64(restart),
            np.uint64(scale),
            key,
            first,
            last,
            steps,
            out,
            fan,
            room,
            ints,
        )

    def reorder(first: int, last: int) -> None:
        room, ints = working_memory(kernels.ROOM_FLOATS), working_memory(kernels.ROOM_INTS).view(np.uint64)
        deck = working_memory(2 * kernels.EIGHT * len(sample))
        deck[:] = 0.0
        kernels.reorder_block(sample, capital, key, first, last, steps, out, fan, room, ints, deck)

    return reorder if mode is Redraw.REORDER else redraw


def _in_threads(work: Callable[[int, int], None], count: int, step: int, workers: int) -> None:
    """`work` from 0 to `count`, cut at multiples of `step`; a thread that has done its share takes another."""
    steps = -(-count // step)
    workers = max(1, min(workers, steps))
    if workers == 1:
        work(0, count)
        return
    shares = min(steps, workers * _SHARES)
    bounds = [min(count, step * (steps * share // shares)) for share in range(shares + 1)]
    waiting = iter(list(pairwise(bounds)))  # each share goes to whoever asks first

    def take_shares() -> None:
        for first, last in waiting:
            work(first, last)

    with ThreadPoolExecutor(workers - 1) as pool:
        others = [pool.submit(take_shares) for _ in range(workers - 1)]
        take_shares()
        for other in others:
            other.result()


def bootstrap_trades(
    pnl: F64_1D,
    *,
    capital: float,
    ruin_fraction: float = 0.5,
    drawdown_max: float = 0.5,
    paths: int = 10_000,
    seed: int = 0,
    block: float | None = None,
    workers: int = 2,
    mode: Redraw = Redraw.STATIONARY,
) -> BootstrapResult:
    """Distributions of final result, drawdown, ruin, time under water and Sharpe ratio over redrawn trades.

    Parameters
    ----------
    pnl : (n,) float64
        Net results of the trades, in the order in which they ended; currency units.
    capital : float
        Opening equity.
    ruin_fraction : float
        An account that ever falls below this share of its opening equity is ruined: most traders stop there.
    drawdown_max : float
        Fall below a peak, as a share of it, beyond which an account is given up.
    paths, seed, workers, mode
        See `bootstrap_paths`.
    block : float or None
        Mean block length in trades; None chooses it by `optimal_block`.
    """
    if not 0.0 <= ruin_fraction < 1.0:
        raise ConfigError(f"ruin_fraction is {ruin_fraction}; it must lie in 0 to 1 (1 excluded)")
    if not 0.0 < drawdown_max <= 1.0:
        raise ConfigError(f"drawdown_max is {drawdown_max}; it must lie in 0 (excluded) to 1")
    length = 1.0 if mode is Redraw.IID else float(max(len(pnl), 1)) if mode is Redraw.REORDER else block
    if length is None:
        length = optimal_block(pnl)
    drawn = bootstrap_paths(pnl, capital=capital, block=length, paths=paths, seed=seed, workers=workers, mode=mode)
    ruin = ruin_fraction * capital
    kept = (drawn.final_pnl > 0.0) & (drawn.equity_min >= ruin) & (drawn.drawdown_fraction <= drawdown_max)
    known = drawn.sharpe_trade[~np.isnan(drawn.sharpe_trade)]
    rows = [drawn.final_pnl, drawn.drawdown, drawn.drawdown_fraction, known, drawn.under_water, *drawn.fan]
    levels = _quantiles(rows, workers)
    return BootstrapResult(
        paths=paths,
        trades=len(pnl),
        seed=seed,
        mode=mode,
        block=length,
        capital=float(capital),
        ruin_equity=ruin,
        drawdown_max=drawdown_max,
        quantiles=QUANTILES,
        final_pnl=levels[0],
        drawdown=levels[1],
        drawdown_fraction=levels[2],
        sharpe_trade=levels[3],
        under_water=levels[4],
        ruin_probability=float(np.mean(drawn.equity_min < ruin)),
        loss_probability=float(np.mean(drawn.final_pnl <= 0.0)),
        survival_share=float(np.mean(kept)),
        fan_step=tuple(drawn.fan_step.tolist()),
        fan=tuple(zip(*levels[5:], strict=True)),
        realised=tuple(np.cumsum(pnl)[drawn.fan_step - 1].tolist()),
    )


def _quantiles(rows: Sequence[F64_1D], workers: int) -> list[tuple[float, ...]]:
    """Each row at `QUANTILES`, to the bit as ``numpy.quantile`` has it; NaN for an empty row.

    A full sort of sixty rows took longer than drawing them.
    """
    from argus.lab.stress._bootstrap_kernels import select_ranks

    lengths = np.array([len(row) for row in rows])[:, None]
    place = np.array(QUANTILES) * np.maximum(lengths - 1, 0)
    below = np.floor(place).astype(np.int64)
    ranks = np.hstack((below, np.minimum(below + 1, lengths - 1)))
    ends = np.full(ranks.shape, np.nan)

    def work(first: int, last: int) -> None:
        longest = int(lengths[first:last].max(initial=0))
        spare, bins = np.empty(longest), np.empty(longest, dtype=np.int64)
        counts, starts = np.empty(_BINS, dtype=np.int64), np.empty(_BINS, dtype=np.int64)
        for number in range(first, last):
            row = rows[number]
            if len(row):
                select_ranks(row, row.min(), row.max(), ranks[number], ends[number], spare, bins, counts, starts)

    _in_threads(work, len(rows), 1, workers)
    low, high = np.hsplit(ends, 2)
    part, step = place - below, high - low
    # NumPy goes from the nearer end.
    found = np.where(part >= 0.5, high - step * (1.0 - part), low + step * part)
    return [tuple(line) for line in found.tolist()]


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
