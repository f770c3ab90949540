"""Kernels over several markets at one row: shares, means and spreads of the known ones, and what they have in common.

The number of members is given first among the numbers, how many must be known second. What is missing (NaN) does not
count; where too few are known, there is no value.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import kernel

_SQUARINGS = 30
"""Squarings after which the powers end in any case; where one eigenvalue stands out, five are enough."""
_NEGLIGIBLE = 1e-8
"""What a power may hold of other eigenvalues; their share of the result is the square of it."""


@kernel()
def score(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Distance of a value from its mean in its deviations; NaN unless the deviation is above args[0]."""
    least = args[0]
    x = work[io[0], at : at + n]
    mean = work[io[1], at : at + n]
    deviation = work[io[2], at : at + n]
    out = work[io[3], at : at + n]
    for i in range(n):
        value = (x[i] - mean[i]) / deviation[i]
        out[i] = value if deviation[i] > least else np.nan


@kernel()
def apart(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """One value less another; exactly 0 where that is no more than args[0] of the first, which is their rounding."""
    least = args[0]
    x = work[io[0], at : at + n]
    y = work[io[1], at : at + n]
    out = work[io[2], at : at + n]
    for i in range(n):
        gap = x[i] - y[i]
        out[i] = 0.0 if abs(gap) <= least * abs(x[i]) else gap


@kernel()
def mean_known(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Mean of the known ones among args[0] columns; NaN unless at least args[1] are known."""
    count = int(args[0])
    least = args[1]
    out = work[io[count], at : at + n]
    for i in range(n):
        known = 0.0
        total = 0.0
        for k in range(count):
            value = work[io[k], at + i]
            known += 1.0 if value == value else 0.0
            total += value if value == value else 0.0
        mean = total / max(known, 1.0)
        out[i] = mean if known >= least else np.nan


@kernel()
def share_above_zero(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Share of the known ones among args[0] columns that are above zero, zeros counted half; NaN unless args[1] are."""
    count = int(args[0])
    least = args[1]
    out = work[io[count], at : at + n]
    for i in range(n):
        known = 0.0
        twice = 0.0
        for k in range(count):
            value = work[io[k], at + i]
            known += 1.0 if value == value else 0.0
            twice += (1.0 if value > 0.0 else 0.0) + (1.0 if value >= 0.0 else 0.0)
        share = twice / (2.0 * max(known, 1.0))
        out[i] = share if known >= least else np.nan


@kernel()
def deviation_known(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Sample standard deviation of the known ones among args[0] columns; NaN unless at least args[1] are known."""
    count = int(args[0])
    least = args[1]
    out = work[io[count], at : at + n]
    for i in range(n):
        known = 0.0
        total = 0.0
        for k in range(count):
            value = work[io[k], at + i]
            known += 1.0 if value == value else 0.0
            total += value if value == value else 0.0
        mean = total / max(known, 1.0)
        squares = 0.0
        for k in range(count):
            gap = work[io[k], at + i] - mean
            squares += gap * gap if gap == gap else 0.0
        spread = math.sqrt(squares / max(known - 1.0, 1.0))
        out[i] = spread if known >= least else np.nan


@njit(cache=True, error_model="numpy", nogil=True)
def _squared(matrix, out, size):  # type: ignore[no-untyped-def]
    """Square of a symmetric matrix over its trace; gives what the squares of its eigenvalues then lack to one."""
    for p in range(size):
        target = out[p * size : p * size + size]
        for q in range(size):
            target[q] = 0.0
        for k in range(size):
            factor = matrix[p * size + k]
            source = matrix[k * size : k * size + size]
            for q in range(size):
                target[q] += factor * source[q]
    trace = 0.0
    for p in range(size):
        trace += out[p * size + p]
    squares = 0.0
    for j in range(size * size):
        out[j] = out[j] / trace
        squares += out[j] * out[j]
    return 1.0 - squares


@njit(cache=True, error_model="numpy", nogil=True)
def _largest_eigenvalue(matrix, power, other, size):  # type: ignore[no-untyped-def]
    """Largest eigenvalue of a symmetric matrix that has none below zero: its powers turn every vector that way.

    Of two largest eigenvalues that are all but equal the mean may come out, wrong by less than one part in 1e8.
    """
    trace = 0.0
    for p in range(size):
        trace += matrix[p * size + p]
    for j in range(size * size):
        power[j] = matrix[j] / trace
    for _ in range(_SQUARINGS):
        lacking = _squared(power, other, size)
        for j in range(size * size):
            power[j] = other[j]
        if lacking <= _NEGLIGIBLE:
            break
    best = 0
    for p in range(1, size):
        best = p if power[p * size + p] > power[best * size + best] else best
    length = 0.0
    along = 0.0
    for p in range(size):
        image = 0.0
        for q in range(size):
            image += matrix[p * size + q] * power[best * size + q]
        along += image * power[best * size + p]
        length += power[best * size + p] * power[best * size + p]
    return along / length


def _room(args):  # type: ignore[no-untyped-def]
    return 3 * int(args[0]) * int(args[0]) + int(args[0])


@kernel(state=_room)
def first_eigenvalue_share(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Largest eigenvalue of the correlation matrix of args[0] members, over the number of those that are known.

    Inputs: the correlations of the pairs (0, 1), (0, 2), ... (1, 2), ... A member is known if any of its correlations
    is; NaN unless at least args[1] are known, and every correlation between them. State: room for matrices.
    """
    count = int(args[0])
    least = int(args[1])
    square = count * count
    matrix = state[:square]
    power = state[square : 2 * square]
    other = state[2 * square : 3 * square]
    place = state[3 * square :]
    out = work[io[count * (count - 1) // 2], at : at + n]
    for i in range(n):
        for k in range(count):
            place[k] = -1.0
        pair = 0
        for p in range(count):
            for q in range(p + 1, count):
                if work[io[pair], at + i] == work[io[pair], at + i]:
                    place[p] = 1.0
                    place[q] = 1.0
                pair += 1
        size = 0
        for k in range(count):
            if place[k] > 0.0:
                place[k] = size
                size += 1
        total = 0.0
        pair = 0
        for p in range(count):
            for q in range(p + 1, count):
                if (place[p] >= 0.0) & (place[q] >= 0.0):
                    value = work[io[pair], at + i]
                    total += value
                    matrix[int(place[p]) * size + int(place[q])] = value
                    matrix[int(place[q]) * size + int(place[p])] = value
                pair += 1
        for k in range(size):
            matrix[k * size + k] = 1.0
        out[i] = np.nan
        if size >= least and total == total:
            out[i] = _largest_eigenvalue(matrix, power, other, size) / size
    for k in range(len(state)):
        state[k] = 0.0


share_compiled(globals())
