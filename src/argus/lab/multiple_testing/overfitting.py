"""How often choosing the best of a search picks something worse than the middle of it, on data not used to choose.

The sessions are cut into slices. Every half of the slices is taken once as the past: the parameter set with the best
Sharpe ratio there is looked up among all the others in the other half. No parameter set is judged by this, but the act
of choosing among them.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I64_1D
from argus.core.errors import ConfigError
from argus.lab.search.trial_matrix import F64_2D

__all__ = ["Pbo", "pbo"]

_SLICES_MAX: Final = 20
_ROWS_IN_SLICE_MIN: Final = 2
_CELLS: Final = 512
_MASKS_AT_ONCE: Final = 256


@dataclass(frozen=True, slots=True, eq=False)
class Pbo:
    """What the best in sample did out of sample, over all C ways to cut the sessions into halves.

    Attributes
    ----------
    value : float
        Probability of backtest overfitting: share of cuts at which the best in sample came out at the median of all
        sets or below. 0 is good, 0.5 is what choosing among worthless sets gives, and among equally good ones.
    logits : (C,) float64
        ``log(w / (1 - w))`` of its relative place w out of sample, ``rank / (K + 1)``; 0 is the median.
    inside, outside : (C,) float64
        Its Sharpe ratio per session in sample and out of sample.
    chosen : (C,) int64
        Which column it was.
    slope, intercept, fit : float
        Of the regression of `outside` on `inside`, and its R squared: the degradation of performance. A negative slope
        says that the better something looked the worse it did. It says nothing where `favourite` is near 1: two halves
        of one column have a fixed sum, and the slope is -1 however good the column. NaN if `inside` does not vary.
    loss_probability : float
        Share of cuts at which its Sharpe ratio out of sample was below zero.
    dominates : bool
        Whether choosing beats taking any set at random, for everybody who prefers more: its Sharpe ratio out of sample
        is above any given level at least as often as that of all sets is (first-order stochastic dominance).
    dominates_second : bool
        The same for everybody who also dislikes risk (second-order stochastic dominance).
    slices : int
    """

    value: float
    logits: F64_1D
    inside: F64_1D
    outside: F64_1D
    chosen: I64_1D
    slope: float
    intercept: float
    fit: float
    loss_probability: float
    dominates: bool
    dominates_second: bool
    slices: int

    @property
    def cuts(self) -> int:
        """C."""
        return len(self.logits)

    @property
    def kept(self) -> float:
        """Mean Sharpe ratio out of sample over that in sample; NaN if the latter is not positive."""
        before = float(self.inside.mean())
        return float(self.outside.mean()) / before if before > 0.0 else math.nan

    @property
    def favourite(self) -> float:
        """How often the most chosen column was chosen: 1 if the same set is best whatever the cut."""
        return float(np.bincount(self.chosen).max()) / len(self.chosen)


def pbo(returns: F64_2D, slices: int = 16, workers: int = 1) -> Pbo:
    """Combinatorially symmetric cross-validation (CSCV) of the choice by Sharpe ratio.

    Bailey, Borwein, Lopez de Prado and Zhu 2017, "The Probability of Backtest Overfitting", Journal of Computational
    Finance 20(4). Ties take their mid-rank, and a place at the median counts as overfitted. Slices differ in length by
    one session at most.

    Parameters
    ----------
    returns : (T, K) float64
        Session returns of K parameter sets. Equal columns should be brought together first: a copy of the best one
        would always be next to it.
    slices : int
        Even, 2 to 20; 16 give 12,870 cuts.
    workers : int
        Threads; no part in the result.

    Raises
    ------
    ConfigError
        If there are fewer than 2 columns, fewer than 2 sessions to a slice, values that are not finite, or `slices` is
        out of range.
    """
    returns = np.ascontiguousarray(returns, dtype=np.float64)
    _check(returns, slices)
    from argus.lab.multiple_testing._overfitting_kernels import judge_halves

    columns = returns.shape[1]
    half = slices // 2
    low = _subsets(returns, slices, 0, half)
    high = _subsets(returns, slices, half, slices)
    masks = _halves(slices)
    cuts = 2 * len(masks)
    chosen, place = np.empty(cuts, dtype=np.int64), np.empty(cuts, dtype=np.int64)
    inside, outside = np.empty(cuts), np.empty(cuts)
    reach = _reach(returns)

    def judge(first: int) -> NDArray[np.int64]:
        last = min(len(masks), first + _MASKS_AT_ONCE)
        own = slice(2 * first, 2 * last)
        levels = np.zeros((2, _CELLS), dtype=np.int64)
        judge_halves(
            *low, *high, masks[first:last], reach, chosen[own], inside[own], outside[own], place[own], levels
        )  # fmt: skip
        return levels

    with ThreadPoolExecutor(max(1, workers)) as pool:
        levels = sum(pool.map(judge, range(0, len(masks), _MASKS_AT_ONCE)), np.zeros((2, _CELLS), dtype=np.int64))
    logits = np.log(place / (2.0 * (columns + 1) - place))
    slope, intercept, fit = _line(inside, outside)
    below = np.cumsum(levels, axis=1)
    # The share of all columns below a level less that of the chosen, in whole numbers.
    gap = below[0] - below[1] * columns
    return Pbo(
        value=float(np.mean(place <= columns + 1)),
        logits=logits,
        inside=inside,
        outside=outside,
        chosen=chosen,
        slope=slope,
        intercept=intercept,
        fit=fit,
        loss_probability=float(np.mean(outside < 0.0)),
        dominates=bool((gap >= 0).all() and (gap > 0).any()),
        dominates_second=bool((np.cumsum(gap) >= 0).all() and (gap != 0).any()),
        slices=slices,
    )


def _subsets(returns: F64_2D, slices: int, first: int, last: int) -> tuple[F64_2D, F64_2D, I64_1D]:
    """Sums, sums of squares and rows of every subset of the slices `first` to `last`."""
    rows, columns = returns.shape
    bounds = [round(k * rows / slices) for k in range(slices + 1)]
    count = 1 << (last - first)
    sums, squares = np.zeros((count, columns)), np.zeros((count, columns))
    length = np.zeros(count, dtype=np.int64)
    for k in range(first, last):
        part = returns[bounds[k] : bounds[k + 1]]
        bit = 1 << (k - first)
        # Every subset of the slices before it, with it.
        sums[bit : 2 * bit] = sums[:bit] + part.sum(axis=0)
        squares[bit : 2 * bit] = squares[:bit] + (part * part).sum(axis=0)
        length[bit : 2 * bit] = length[:bit] + len(part)
    return sums, squares, length


def _halves(slices: int) -> I64_1D:
    """Half of the ways to take half of the slices: those without the last one, of which the others are complements."""
    ways = combinations(range(slices - 1), slices // 2)
    return np.array(sorted(sum(1 << k for k in way) for way in ways), dtype=np.int64)


def _reach(returns: F64_2D) -> float:
    """A Sharpe ratio per session that half of the sessions will hardly show: the range in which levels are compared."""
    deviation = returns.std(axis=0, ddof=1)
    ratio = np.divide(np.abs(returns.mean(axis=0)), deviation, out=np.zeros(len(deviation)), where=deviation > 0.0)
    return float(min(ratio.max(), 10.0)) + 6.0 * math.sqrt(2.0 / len(returns))


def _line(x: F64_1D, y: F64_1D) -> tuple[float, float, float]:
    dx, dy = x - x.mean(), y - y.mean()
    spread, across, other = float((dx * dx).sum()), float((dx * dy).sum()), float((dy * dy).sum())
    if not spread > 0.0:
        return math.nan, math.nan, math.nan
    slope = across / spread
    fit = across * across / (spread * other) if other > 0.0 else math.nan
    return slope, float(y.mean() - slope * x.mean()), fit


def _check(returns: F64_2D, slices: int) -> None:
    if slices % 2 or not 2 <= slices <= _SLICES_MAX:
        raise ConfigError(f"slices is {slices}; an even number from 2 to {_SLICES_MAX} is needed")
    rows, columns = returns.shape
    if columns < 2:
        raise ConfigError(f"{columns} parameter set was given; choosing takes at least two that differ")
    if rows < _ROWS_IN_SLICE_MIN * slices:
        raise ConfigError(f"{rows} sessions cannot be cut into {slices} slices of {_ROWS_IN_SLICE_MIN} or more")
    if not np.isfinite(returns).all():
        row, column = np.argwhere(~np.isfinite(returns))[0]
        raise ConfigError(f"column {column} holds {returns[row, column]} in row {row}; finite returns are needed")
