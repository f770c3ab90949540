"""Kernels of long memory and of roughness, each over a whole window in every so-manieth row.

What has to look at a window at several scales costs some hundred operations a row. It is worked out only in rows whose
number is a multiple of a step, and held in between.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import kernel

_LN2 = math.log(2.0)
_CANCELLED = 1e-6
"""Squares about a line this small against those about a value of it have lost digits."""
_STRAIGHT = 1e-12
"""Distance from lines, as a share of the largest sum, up to which sums are lines but for their rounding."""
_AS_NEAR = 1.0 + 1e-9
"""Factor by which a neighbour may be further off than the nearest and still be as near."""


def _window(args):  # type: ignore[no-untyped-def]
    return int(args[0])


def _held_and_window(args):  # type: ignore[no-untyped-def]
    return 1 + int(args[0])


@njit(cache=True, error_model="numpy", nogil=True)
def _slope(count, sx, sy, sxx, sxy):  # type: ignore[no-untyped-def]
    """Slope of the straight line through points, from their sums."""
    return (count * sxy - sx * sy) / (count * sxx - sx * sx)


@njit(cache=True, error_model="numpy", nogil=True)
def _range_over_deviation(x, size):  # type: ignore[no-untyped-def]
    """Mean over whole stretches of `size` values, from the newest back, of range of the summed gaps over deviation."""
    w = len(x)
    total = 0.0
    found = 0
    for stretch in range(w // size):
        part = x[w - (stretch + 1) * size : w - stretch * size]
        mean = 0.0
        for j in range(size):
            mean += part[j] - part[0]
        mean = part[0] + mean / size
        walk = 0.0
        low = 0.0
        high = 0.0
        squares = 0.0
        for j in range(size):
            gap = part[j] - mean
            walk += gap
            squares += gap * gap
            low = walk if walk < low else low
            high = walk if walk > high else high
        if squares > 0.0:
            total += (high - low) / math.sqrt(squares / size)
            found += 1
    return total / found if found > 0 else 0.0


@njit(cache=True, error_model="numpy", nogil=True)
def _rescaled_range(x):  # type: ignore[no-untyped-def]
    """Slope of ln(R/S) against ln(size) for sizes 8, 16, ... up to all values."""
    count = 0
    sx = 0.0
    sy = 0.0
    sxx = 0.0
    sxy = 0.0
    size = 8
    while size <= len(x):
        value = _range_over_deviation(x, size)
        if not value > 0.0:
            return np.nan
        a = math.log(float(size))
        b = math.log(value)
        count += 1
        sx += a
        sy += b
        sxx += a * a
        sxy += a * b
        size *= 2
    return _slope(count, sx, sy, sxx, sxy)


@njit(cache=True, error_model="numpy", nogil=True)
def _squares_about_lines(walk, size):  # type: ignore[no-untyped-def]
    """Mean squared distance from the best line of each whole stretch of `size` values, from the newest back."""
    w = len(walk)
    middle = 0.5 * (size - 1)
    spread = size * (size * size - 1.0) / 12.0
    total = 0.0
    for stretch in range(w // size):
        part = walk[w - (stretch + 1) * size : w - stretch * size]
        sy = 0.0
        sty = 0.0
        syy = 0.0
        for j in range(size):
            gap = part[j] - part[0]
            sy += gap
            sty += (j - middle) * gap
            syy += gap * gap
        rest = syy - sy * sy / size - sty * sty / spread
        if rest <= _CANCELLED * syy:
            rest = 0.0
            for j in range(size):
                gap = (part[j] - part[0]) - sy / size - sty / spread * (j - middle)
                rest += gap * gap
        total += rest
    return total / ((w // size) * size)


@njit(cache=True, error_model="numpy", nogil=True)
def _detrended(x, walk):  # type: ignore[no-untyped-def]
    """Slope of ln(F) against ln(size) for sizes 4, 8, ... up to a quarter of all values; `walk` holds sums."""
    w = len(x)
    mean = 0.0
    for j in range(w):
        mean += x[j] - x[0]
    mean = x[0] + mean / w
    total = 0.0
    largest = 0.0
    for j in range(w):
        total += x[j] - mean
        walk[j] = total
        largest = max(largest, abs(total))
    count = 0
    sx = 0.0
    sy = 0.0
    sxx = 0.0
    sxy = 0.0
    size = 4
    while size <= w // 4:
        value = _squares_about_lines(walk, size)
        if not math.sqrt(value) > _STRAIGHT * largest:
            return np.nan
        a = math.log(float(size))
        b = 0.5 * math.log(value)
        count += 1
        sx += a
        sy += b
        sxx += a * a
        sxy += a * b
        size *= 2
    return _slope(count, sx, sy, sxx, sxy)


@njit(cache=True, error_model="numpy", nogil=True)
def _higuchi(x, longest):  # type: ignore[no-untyped-def]
    """Slope of ln(length) against ln(1 / step) for steps 1 to `longest`."""
    w = len(x)
    sx = 0.0
    sy = 0.0
    sxx = 0.0
    sxy = 0.0
    for k in range(1, longest + 1):
        length = 0.0
        for m in range(k):
            steps = (w - 1 - m) // k
            path = 0.0
            for i in range(m + k, m + steps * k + 1, k):
                path += abs(x[i] - x[i - k])
            length += path * (w - 1.0) / (steps * k * k)
        length = length / k
        if not length > 0.0:
            return np.nan
        a = -math.log(float(k))
        b = math.log(length)
        sx += a
        sy += b
        sxx += a * a
        sxy += a * b
    return _slope(longest, sx, sy, sxx, sxy)


@njit(cache=True, error_model="numpy", nogil=True)
def _apart(x, i, j):  # type: ignore[no-untyped-def]
    """Squared distance of the stretches of three values that begin at `i` and `j`."""
    a = x[i] - x[j]
    b = x[i + 1] - x[j + 1]
    c = x[i + 2] - x[j + 2]
    return a * a + b * b + c * c


@njit(cache=True, error_model="numpy", nogil=True)
def _nearest(x, i, last):  # type: ignore[no-untyped-def]
    """The first stretch that is as near to that at `i` as the nearest, more than three values from it; -1 if none."""
    least = np.inf
    for j in range(last):
        distance = _apart(x, i, j)
        least = distance if (abs(i - j) > 3) & (distance > 0.0) & (distance < least) else least
    if least == np.inf:
        return -1
    bound = least * (_AS_NEAR * _AS_NEAR)
    j = 0
    distance = _apart(x, i, j)
    while not ((abs(i - j) > 3) & (distance > 0.0) & (distance <= bound)):
        j += 1
        distance = _apart(x, i, j)
    return j


@njit(cache=True, error_model="numpy", nogil=True)
def _divergence(x, steps):  # type: ignore[no-untyped-def]
    """Slope against the step, 0 to `steps`, of the mean ln(distance) of stretches that were nearest neighbours."""
    last = len(x) - 2 - steps
    st = 0.0
    sy = 0.0
    stt = 0.0
    sty = 0.0
    count = 0
    for i in range(last):
        nearest = _nearest(x, i, last)
        if nearest >= 0:
            for t in range(steps + 1):
                distance = _apart(x, i + t, nearest + t)
                if distance > 0.0:
                    value = 0.5 * math.log(distance)
                    count += 1
                    st += t
                    sy += value
                    stt += t * t
                    sty += t * value
    return _slope(count, st, sy, stt, sty) if count * stt - st * st > 0.0 else np.nan


@kernel(depth=_window, state=1, cost=170.0)
def hurst_exponent(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Hurst exponent of the last args[0] values by rescaled range; in every args[1]-th row; inputs: values, run."""
    w = int(args[0])
    every = int(args[1])
    run = work[io[1], at : at + n]
    for i in range(n):
        if (row + i) % every == 0:
            state[0] = _rescaled_range(work[io[0], at + i - w + 1 : at + i + 1]) if run[i] >= w else np.nan
        work[io[2], at + i] = state[0]


@kernel(depth=_window, state=_held_and_window, cost=130.0)
def detrended_exponent(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Exponent of detrended fluctuations; inputs and numbers as `hurst_exponent`."""
    w = int(args[0])
    every = int(args[1])
    run = work[io[1], at : at + n]
    for i in range(n):
        if (row + i) % every == 0:
            x = work[io[0], at + i - w + 1 : at + i + 1]
            state[0] = _detrended(x, state[1:]) if run[i] >= w else np.nan
        work[io[2], at + i] = state[0]


@kernel(depth=_window, state=1, cost=220.0)
def higuchi_dimension(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Higuchi's dimension with steps up to args[2]; inputs and other numbers as `hurst_exponent`."""
    w = int(args[0])
    every = int(args[1])
    run = work[io[1], at : at + n]
    for i in range(n):
        if (row + i) % every == 0:
            x = work[io[0], at + i - w + 1 : at + i + 1]
            state[0] = _higuchi(x, int(args[2])) if run[i] >= w else np.nan
        work[io[2], at + i] = state[0]


@kernel(depth=_window, state=1, cost=410.0)
def lyapunov_exponent(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Growth of the distance of neighbours over args[2] steps; inputs and other numbers as `hurst_exponent`."""
    w = int(args[0])
    every = int(args[1])
    run = work[io[1], at : at + n]
    for i in range(n):
        if (row + i) % every == 0:
            x = work[io[0], at + i - w + 1 : at + i + 1]
            state[0] = _divergence(x, int(args[2])) if run[i] >= w else np.nan
        work[io[2], at + i] = state[0]


_AT_ONCE = 1e-9
"""Nearer to -1 than this a slope is -1, but for its rounding."""


@kernel(cost=11.0)
def half_life(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Rows until a gap is half as large, from the slope of changes on levels; NaN unless it lies between -1 and 0."""
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        slope = x[i]
        out[i] = -_LN2 / math.log1p(slope) if (slope > -1.0 + _AT_ONCE) & (slope < 0.0) else np.nan


share_compiled(globals())
