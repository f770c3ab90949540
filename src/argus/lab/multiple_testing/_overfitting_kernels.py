"""Kernel of the combinatorial cross-validation: every way to take half of the slices, and what the best of one
half does in the other.

The sums of both halves of the slice numbers are tabled for every subset, so that a combination is one addition. A
combination and its complement are judged together: what is in sample for the one is out of sample for the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled

__all__ = ["judge_halves"]


@njit(cache=True, nogil=True, error_model="numpy")
def _sharpes(one: Any, one_squares: Any, two: Any, two_squares: Any, rows: Any, out: Any):  # type: ignore[no-untyped-def]
    """Mean over standard deviation of each column, from two parts' sums and sums of squares; 0 without variation."""
    for k in range(len(out)):
        squares = one_squares[k] + two_squares[k]
        mean = (one[k] + two[k]) / rows
        variance = (squares - rows * mean * mean) / (rows - 1)
        ratio = mean / np.sqrt(variance)
        out[k] = ratio if variance > 1e-12 * squares else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _place(values: Any, chosen: Any):  # type: ignore[no-untyped-def]
    """Twice the mid-rank of `values[chosen]` among all, from the worst."""
    mine = values[chosen]
    place = 1
    for k in range(len(values)):
        place += (1 if values[k] < mine else 0) + (1 if values[k] <= mine else 0)
    return place


@njit(cache=True, nogil=True, error_model="numpy")
def _best(values: Any):  # type: ignore[no-untyped-def]
    """The first place of the largest value."""
    found = 0
    most = values[0]
    for k in range(1, len(values)):
        if values[k] > most:
            most = values[k]
            found = k
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def judge_halves(  # type: ignore[no-untyped-def]
    low: Any, low_squares: Any, low_rows: Any, high: Any, high_squares: Any, high_rows: Any, masks: Any, reach: Any,
    chosen: Any, inside: Any, outside: Any, place: Any, levels: Any
):  # fmt: skip
    """Judge combination i of `masks` into entry 2i of the results, its complement into entry 2i + 1.

    Parameters
    ----------
    low, low_squares, high, high_squares : (2**h, K) float64
        For every subset of the first and of the last h slices: sums and sums of squares of its rows.
    low_rows, high_rows : (2**h,) int64
        How many rows those are.
    masks : (c,) int64
        Subsets of 2h slices, the first in the lowest bit.
    reach : float
        `levels` counts from -reach to reach.
    chosen : (2c,) int64
        The column with the largest Sharpe ratio in sample.
    inside, outside : (2c,) float64
        Its Sharpe ratio in sample and out of it.
    place : (2c,) int64
        Twice its mid-rank among all columns out of sample.
    levels : (2, n) int64
        How many Sharpe ratios out of sample fall into each of n equal cells: of all columns, of the chosen; added to.
    """
    full = len(low) - 1
    half = 0
    while (1 << half) <= full:
        half += 1
    columns = low.shape[1]
    cells = levels.shape[1]
    scale = cells / (2.0 * reach)
    first = np.empty(columns)
    second = np.empty(columns)
    for i in range(len(masks)):
        a = masks[i] & full
        b = masks[i] >> half
        _sharpes(low[a], low_squares[a], high[b], high_squares[b], low_rows[a] + high_rows[b], first)
        a = full - a
        b = full - b
        _sharpes(low[a], low_squares[a], high[b], high_squares[b], low_rows[a] + high_rows[b], second)
        for side in range(2):
            at = 2 * i + side
            here, there = (first, second) if side == 0 else (second, first)
            best = _best(here)
            chosen[at] = best
            inside[at] = here[best]
            outside[at] = there[best]
            place[at] = _place(there, best)
            for k in range(columns):
                cell = np.int64((min(max(there[k], -reach), reach) + reach) * scale)
                levels[0, min(cell, cells - 1)] += 1
            cell = np.int64((min(max(there[best], -reach), reach) + reach) * scale)
            levels[1, min(cell, cells - 1)] += 1


share_compiled(globals(), makes_arrays=True)
