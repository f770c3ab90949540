"""Kernels of the tests over a whole search: resampled means of many columns, and what is eliminated from a set of them.

Draw d at step s uses number ``d * T + s`` of the stream: its upper half draws a row, its lower half decides whether a
new block starts. Nothing else is random and every sum has a fixed order, so that any worker can make any draw with the
same bits, which a library's matrix product would not promise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, uint64

from argus.core._random_kernels import random_bits
from argus.core._sharing_kernels import share_compiled

__all__ = ["DRAWS_AT_ONCE", "drawn_rows", "eliminate", "long_run_variance", "resampled_means"]

DRAWS_AT_ONCE = 32
"""Draws that read the same rows while they are near at hand. It has no part in the result."""
_ROWS_AT_ONCE = 64

_LOW = uint64(0xFFFFFFFF)
_HALF = uint64(32)


@njit(cache=True, nogil=True, error_model="numpy")
def drawn_rows(rows: Any, restart: Any, key: Any, draw: Any, out: Any):  # type: ignore[no-untyped-def]
    """Rows of one draw of the stationary bootstrap, in order, into `out`.

    Parameters
    ----------
    rows : int
        T.
    restart : int
        Probability that a block ends, times 2**32.
    key : uint64
    draw : int
    out : (T,) int64
    """
    size = uint64(rows)
    start = uint64(draw) * size
    place = np.int64(-1)
    for step in range(rows):
        bits = random_bits(key, start + uint64(step))
        fresh = np.int64(((bits >> _HALF) * size) >> _HALF)
        onward = place + 1
        onward = onward if onward < rows else np.int64(0)
        place = fresh if step == 0 or np.int64(bits & _LOW) < restart else onward
        out[step] = place


@njit(cache=True, nogil=True, error_model="numpy")
def resampled_means(series: Any, restart: Any, key: Any, first: Any, last: Any, out: Any):  # type: ignore[no-untyped-def]
    """Means of every column over the rows of draws `first` to `last` (exclusive), into those rows of `out`.

    A row counts as often as it was drawn. Rows are added in ascending order, four at a time, in tiles of fixed length.

    Parameters
    ----------
    series : (T, K) float64, C order
    restart : int
    key : uint64
    first, last : int
    out : (draws, K) float64
    """
    rows, columns = series.shape
    drawn = np.empty(rows, dtype=np.int64)
    times = np.empty((DRAWS_AT_ONCE, rows), dtype=np.int32)
    held = np.empty(_ROWS_AT_ONCE + 4, dtype=np.int64)
    weight = np.empty(_ROWS_AT_ONCE + 4)
    for base in range(first, last, DRAWS_AT_ONCE):
        here = min(DRAWS_AT_ONCE, last - base)
        for lane in range(here):
            drawn_rows(rows, restart, key, base + lane, drawn)
            times[lane, :] = 0
            for step in range(rows):
                times[lane, drawn[step]] += 1
            out[base + lane, :] = 0.0
        for tile in range(0, rows, _ROWS_AT_ONCE):
            end = min(rows, tile + _ROWS_AT_ONCE)
            for lane in range(here):
                found = 0
                for row in range(tile, end):
                    if times[lane, row] > 0:
                        held[found] = row
                        weight[found] = times[lane, row]
                        found += 1
                for spare in range(found, found + 4):
                    held[spare] = tile
                    weight[spare] = 0.0
                total = out[base + lane]
                for k in range(0, found, 4):
                    one, two, three, four = (
                        series[held[k]],
                        series[held[k + 1]],
                        series[held[k + 2]],
                        series[held[k + 3]],
                    )
                    a, b, c, d = weight[k], weight[k + 1], weight[k + 2], weight[k + 3]
                    for column in range(columns):
                        total[column] += (a * one[column] + b * two[column]) + (c * three[column] + d * four[column])
        for lane in range(here):
            for column in range(columns):
                out[base + lane, column] /= rows


@njit(cache=True, nogil=True, error_model="numpy")
def long_run_variance(series: Any, stay: Any, out: Any):  # type: ignore[no-untyped-def]
    """Variance of root-T times the mean of each column, under the stationary bootstrap, into `out`.

    The lag weights ``(1 - i/T) stay^i + (i/T) stay^(T - i)`` of all T - 1 lags, by recursion: the work is T x K.

    Parameters
    ----------
    series : (T, K) float64
        Columns less their means.
    stay : float
        Probability that a block goes on.
    out : (K,) float64
    """
    rows, columns = series.shape
    squares = np.zeros(columns)
    plain = np.zeros(columns)  # sum over lags of stay^i x_{t-i}
    lagged = np.zeros(columns)  # the same with weight i
    near = np.zeros(columns)
    far = np.zeros(columns)
    for row in range(rows):
        for k in range(columns):
            x = series[row, k]
            squares[k] += x * x
            near[k] += x * (plain[k] - lagged[k] / rows)
            lagged[k] = stay * (lagged[k] + plain[k] + x)
            plain[k] = stay * (plain[k] + x)
    # Lags that reach around the end: pairs of an early and a late row.
    plain[:] = 0.0
    lagged[:] = 0.0
    ahead = stay
    for row in range(rows - 1, -1, -1):
        behind = stay**row
        for k in range(columns):
            x = series[row, k]
            far[k] += x * behind * (lagged[k] - row * plain[k]) / rows
            plain[k] += x * ahead
            lagged[k] += x * ahead * row
        ahead *= stay
    for k in range(columns):
        out[k] = (squares[k] + 2.0 * (near[k] + far[k])) / rows


@njit(cache=True, nogil=True, error_model="numpy")
def eliminate(drawn: Any, mean: Any, order: Any, beaten: Any):  # type: ignore[no-untyped-def]
    """Steps of the model confidence set with the statistic T_max: the worst column leaves until one is left.

    Parameters
    ----------
    drawn : (K, B) float64
        Resampled means less the mean, of each column; it is overwritten.
    mean : (K,) float64
        Larger is better; it is overwritten.
    order : (K,) int64
        The columns in the order in which they left, the last one staying.
    beaten : (K,) int64
        At each step, draws whose statistic is above that of the data; B for the last.
    """
    columns, draws = drawn.shape
    at = np.arange(columns)
    centre = np.zeros(draws)
    worst = np.empty(draws)
    middle = np.empty(draws)
    around = np.empty(draws)
    for k in range(columns):
        for b in range(draws):
            centre[b] += drawn[k, b]
    left = columns
    for step in range(columns - 1):
        level = 0.0
        for k in range(left):
            level += mean[k]
        level /= left
        worst[:] = -np.inf
        for b in range(draws):
            middle[b] = centre[b] / left
        statistic = -np.inf
        out = 0
        for k in range(left):
            for b in range(draws):
                around[b] = middle[b] - drawn[k, b]
            # Four sums that do not wait for each other.
            one, two, three, four = 0.0, 0.0, 0.0, 0.0
            whole = draws - draws % 4
            for b in range(0, whole, 4):
                one += around[b] * around[b]
                two += around[b + 1] * around[b + 1]
                three += around[b + 2] * around[b + 2]
                four += around[b + 3] * around[b + 3]
            for b in range(whole, draws):
                one += around[b] * around[b]
            deviation = np.sqrt(((one + two) + (three + four)) / draws)
            # Two columns that never differ: neither is worse.
            scale = 1.0 / deviation if deviation > 0.0 else 0.0
            for b in range(draws):
                now = around[b] * scale
                worst[b] = now if now > worst[b] else worst[b]
            now = (level - mean[k]) * scale
            if now > statistic:
                statistic = now
                out = k
        above = 0
        for b in range(draws):
            above += 1 if worst[b] > statistic else 0
        order[step] = at[out]
        beaten[step] = above
        left -= 1
        for b in range(draws):
            centre[b] -= drawn[out, b]
            drawn[out, b] = drawn[left, b]
        mean[out] = mean[left]
        at[out] = at[left]
    order[columns - 1] = at[0]
    beaten[columns - 1] = draws


share_compiled(globals(), makes_arrays=True)
