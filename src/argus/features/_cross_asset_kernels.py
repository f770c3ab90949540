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

_SWEEPS = 30
"""Sweeps after which rotations end in any case; a matrix of eight takes about six."""
_NEGLIGIBLE = 1e-22
"""Squares off the diagonal this small against those on it no longer change the eigenvalues."""


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
def _rotate(matrix, size, p, q):  # type: ignore[no-untyped-def]
    """One Jacobi rotation, after which the symmetric matrix is zero at row `p` and column `q`."""
    apart = matrix[p * size + q]
    theta = (matrix[q * size + q] - matrix[p * size + p]) / (2.0 * apart)
    tangent = 1.0 / (abs(theta) + math.sqrt(theta * theta + 1.0))
    tangent = -tangent if theta < 0.0 else tangent
    cosine = 1.0 / math.sqrt(tangent * tangent + 1.0)
    sine = tangent * cosine
    for k in range(size):
        a = matrix[k * size + p]
        b = matrix[k * size + q]
        matrix[k * size + p] = cosine * a - sine * b
        matrix[k * size + q] = sine * a + cosine * b
    for k in range(size):
        a = matrix[p * size + k]
        b = matrix[q * size + k]
        matrix[p * size + k] = cosine * a - sine * b
        matrix[q * size + k] = sine * a + cosine * b


@njit(cache=True, error_model="numpy", nogil=True)
def _largest_eigenvalue(matrix, size):  # type: ignore[no-untyped-def]
    """Largest eigenvalue of a symmetric matrix that is used up."""
    for _ in range(_SWEEPS):
        apart = 0.0
        along = 0.0
        for p in range(size):
            along += matrix[p * size + p] * matrix[p * size + p]
            for q in range(p + 1, size):
                apart += matrix[p * size + q] * matrix[p * size + q]
        if apart <= _NEGLIGIBLE * along:
            break
        for p in range(size):
            for q in range(p + 1, size):
                if matrix[p * size + q] != 0.0:
                    _rotate(matrix, size, p, q)
    best = matrix[0]
    for p in range(1, size):
        best = max(best, matrix[p * size + p])
    return best


def _square(args):  # type: ignore[no-untyped-def]
    return int(args[0]) * int(args[0]) + int(args[0])


@kernel(state=_square)
def first_eigenvalue_share(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Largest eigenvalue of the correlation matrix of args[0] members, over the number of those that are known.

    Inputs: the correlations of the pairs (0, 1), (0, 2), ... (1, 2), ... A member is known if any of its correlations
    is; NaN unless at least args[1] are known, and every correlation between them. State: room for the matrix.
    """
    count = int(args[0])
    least = int(args[1])
    matrix = state[: count * count]
    place = state[count * count :]
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
            out[i] = _largest_eigenvalue(matrix, size) / size
    for k in range(len(state)):
        state[k] = 0.0


share_compiled(globals())
