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
from argus.features._lanes_kernels import furthest, logarithm, sum_of, sum_of_gaps, sum_of_moves

_LN2 = math.log(2.0)
_CANCELLED = 1e-6
"""Squares about a line this small against those about a value of it have lost digits."""
_STRAIGHT = 1e-12
"""Distance from lines, as a share of the largest sum, up to which sums are lines but for their rounding."""
_AS_NEAR = 1.0 + 1e-9
"""Factor by which a neighbour may be further off than the nearest and still be as near."""
_CLOSE = 3
"""Stretches no more than this many rows apart are no neighbours."""
_LANES = 16
"""Pairs looked at at once."""


def _window(args):  # type: ignore[no-untyped-def]
    return int(args[0])


def _kept_stretches(args):  # type: ignore[no-untyped-def]
    """A result, and what was found in the stretches of each size.

    The window of row t is cut from its end into stretches of a size. Some of them were stretches of the window of an
    earlier row, `every` rows before or a multiple of that, and what was found in them is kept: for each size, for each
    way in which windows may be cut.
    """
    w, every = int(args[0]), int(args[1])
    return 1 + sum(w // math.gcd(every, 1 << k) for k in range(2, w.bit_length()))


def _path_state(args):  # type: ignore[no-untyped-def]
    return 1 + int(args[0]) * int(args[2])


def _held_and_pairs(args):  # type: ignore[no-untyped-def]
    return 1 + 5 * (int(args[0]) + 2 * _LANES)


@njit(cache=True, error_model="numpy", nogil=True)
def _slope(count, sx, sy, sxx, sxy):  # type: ignore[no-untyped-def]
    """Slope of the straight line through points, from their sums."""
    return (count * sxy - sx * sy) / (count * sxx - sx * sx)


@njit(cache=True, error_model="numpy", nogil=True)
def _make_room(values, fresh):  # type: ignore[no-untyped-def]
    """Move the values of stretches `fresh` places on; gives how many are to be worked out."""
    for k in range(len(values) - 1, fresh - 1, -1):
        values[k] = values[k - fresh]
    return min(fresh, len(values))


@njit(cache=True, error_model="numpy", nogil=True)
def _range_over_deviation(part):  # type: ignore[no-untyped-def]
    """Range of the summed gaps from the mean over the deviation of the values; 0 if all are equal."""
    size = len(part)
    mean = part[0] + sum_of_gaps(part, part[0]) / size
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
    return (high - low) / math.sqrt(squares / size) if squares > 0.0 else 0.0


@njit(cache=True, error_model="numpy", nogil=True)
def _rescaled_range(x, every, number, is_whole, kept):  # type: ignore[no-untyped-def]
    """Slope of ln(R/S) against ln(size) for sizes 8, 16, ... up to all values; see `_kept_stretches`."""
    w = len(x)
    count = 0
    sx = 0.0
    sy = 0.0
    sxx = 0.0
    sxy = 0.0
    first = 0
    size = 8
    while size <= w:
        common = math.gcd(every, size)
        stretches = w // size
        start = first + number % (size // common) * stretches
        values = kept[start : start + stretches]
        for k in range(_make_room(values, every // common)):
            values[k] = _range_over_deviation(x[w - (k + 1) * size : w - k * size])
        total = 0.0
        found = 0
        for k in range(stretches):
            total += values[k]
            found += 1 if values[k] > 0.0 else 0
        is_whole = is_whole & (found > 0)
        a = math.log(float(size))
        b = math.log(total / found) if is_whole else 0.0
        count += 1
        sx += a
        sy += b
        sxx += a * a
        sxy += a * b
        first += size // common * stretches
        size *= 2
    return _slope(count, sx, sy, sxx, sxy) if is_whole else np.nan


@njit(cache=True, error_model="numpy", nogil=True)
def _squares_about_line(part):  # type: ignore[no-untyped-def]
    """Squared distances of the summed gaps from the mean from their best line, summed up."""
    size = len(part)
    middle = 0.5 * (size - 1)
    spread = size * (size * size - 1.0) / 12.0
    mean = sum_of_gaps(part, part[0]) / size
    # Only what a line cannot take away matters, so that sums may begin anywhere and be about any mean.
    walk = 0.0
    sy = 0.0
    sty = 0.0
    syy = 0.0
    for j in range(1, size):
        walk += (part[j] - part[0]) - mean
        sy += walk
        sty += (j - middle) * walk
        syy += walk * walk
    rest = syy - sy * sy / size - sty * sty / spread
    if rest <= _CANCELLED * syy:
        walk = 0.0
        rest = 0.0
        for j in range(size):
            walk += (part[j] - part[0]) - mean if j > 0 else 0.0
            gap = walk - sy / size - sty / spread * (j - middle)
            rest += gap * gap
    return rest


@njit(cache=True, error_model="numpy", nogil=True)
def _largest_sum(x):  # type: ignore[no-untyped-def]
    """Largest size of the summed gaps from the mean."""
    mean = x[0] + sum_of_gaps(x, x[0]) / len(x)
    walk = 0.0
    largest = 0.0
    for j in range(len(x)):
        walk += x[j] - mean
        largest = max(largest, abs(walk))
    return largest


@njit(cache=True, error_model="numpy", nogil=True)
def _detrended(x, every, number, is_whole, kept):  # type: ignore[no-untyped-def]
    """Slope of ln(F) against ln(size) for sizes 4, 8, ... up to a quarter of all values; see `_kept_stretches`."""
    w = len(x)
    least = np.inf
    count = 0
    sx = 0.0
    sy = 0.0
    sxx = 0.0
    sxy = 0.0
    first = 0
    size = 4
    while size <= w // 4:
        common = math.gcd(every, size)
        stretches = w // size
        start = first + number % (size // common) * stretches
        values = kept[start : start + stretches]
        for k in range(_make_room(values, every // common)):
            values[k] = _squares_about_line(x[w - (k + 1) * size : w - k * size])
        value = sum_of(values) / (stretches * size)
        least = min(least, value)
        a = math.log(float(size))
        b = 0.5 * math.log(value) if value > 0.0 else 0.0
        count += 1
        sx += a
        sy += b
        sxx += a * a
        sxy += a * b
        first += size // common * stretches
        size *= 2
    if not is_whole:
        return np.nan
    # No sum is larger than all gaps together; where that does not settle it, the sums are looked at.
    distance = math.sqrt(least)
    if distance > _STRAIGHT * (2.0 * w * furthest(x, x[0])) or distance > _STRAIGHT * _largest_sum(x):
        return _slope(count, sx, sy, sxx, sxy)
    return np.nan


@njit(cache=True, error_model="numpy", nogil=True)
def _fill_weights(w, k, weights):  # type: ignore[no-untyped-def]
    """What a move over `k` rows that ends at each place adds to the mean length of the `k` paths of such steps."""
    for i in range(k, w):
        steps = (w - 1 - i % k) // k
        weights[i - k] = (w - 1.0) / (1.0 * steps * k * k * k)


@njit(cache=True, error_model="numpy", nogil=True)
def _higuchi(x, longest, weights):  # type: ignore[no-untyped-def]
    """Slope of ln(length) against ln(1 / step) for steps 1 to `longest`."""
    w = len(x)
    sx = 0.0
    sy = 0.0
    sxx = 0.0
    sxy = 0.0
    for k in range(1, longest + 1):
        length = sum_of_moves(x[: w - k], x[k:], weights[(k - 1) * w : k * w - k])
        # A path of no steps has no length.
        if not length > 0.0 or w < 2 * k:
            return np.nan
        a = -math.log(float(k))
        b = math.log(length)
        sx += a
        sy += b
        sxx += a * a
        sxy += a * b
    return _slope(longest, sx, sy, sxx, sxy)


@njit(cache=True, error_model="numpy", nogil=True)
def _up_to_lanes(count):  # type: ignore[no-untyped-def]
    return (count + _LANES - 1) // _LANES * _LANES


@njit(cache=True, error_model="numpy", nogil=True)
def _keep_least(x, lag, count, least, least_later):  # type: ignore[no-untyped-def]
    """Of `count` stretches of three values and of those `lag` rows later: the least squared distance above zero."""
    later = x[lag:]
    for i in range(count):
        a = later[i] - x[i]
        b = later[i + 1] - x[i + 1]
        c = later[i + 2] - x[i + 2]
        distance = a * a + b * b + c * c
        distance = distance if distance > 0.0 else np.inf
        least[i] = distance if distance < least[i] else least[i]
        least_later[i] = distance if distance < least_later[i] else least_later[i]


@njit(cache=True, error_model="numpy", nogil=True)
def _keep_first(x, lag, count, bound, score, first):  # type: ignore[no-untyped-def]
    """The same pairs: those within their bounds have a neighbour of this `score`, the highest of which is kept."""
    later = x[lag:]
    for i in range(count):
        a = later[i] - x[i]
        b = later[i + 1] - x[i + 1]
        c = later[i + 2] - x[i + 2]
        distance = a * a + b * b + c * c
        found = score if distance <= bound[i] else 0.0
        found = found if distance > 0.0 else 0.0
        first[i] = found if found > first[i] else first[i]


@njit(cache=True, error_model="numpy", nogil=True)
def _find_neighbours(window, last, first, room):  # type: ignore[no-untyped-def]
    """Of each of `last` stretches the first that is as near as the nearest and more than three rows off.

    `first` holds how many rows it is before the stretch, plus `last`; 0 if there is none. All pairs `lag` rows apart
    are looked at at once. Missing values behind the window make whole numbers of `_LANES` pairs, for a remainder takes
    as long as they do.
    """
    size = len(first)
    x, bound, least = room[:size], room[size : 2 * size], room[2 * size : 3 * size]
    for i in range(size):
        x[i] = window[i] if i < last + 2 else np.nan
        bound[i] = np.inf
        least[i] = np.inf
        first[i] = 0.0
    for lag in range(_CLOSE + 1, last):
        _keep_least(x, lag, _up_to_lanes(last - lag), bound, least[lag:])
    for i in range(last):
        nearest = min(bound[i], least[i])
        bound[i] = nearest * (_AS_NEAR * _AS_NEAR) if nearest < np.inf else -1.0
    for lag in range(_CLOSE + 1, last):
        count = _up_to_lanes(last - lag)
        _keep_first(x, lag, count, bound, float(last - lag), first)
        _keep_first(x, lag, count, bound[lag:], float(last + lag), first[lag:])


@njit(cache=True, error_model="numpy", nogil=True)
def _divergence(x, steps, room):  # type: ignore[no-untyped-def]
    """Slope against the step, 0 to `steps`, of the mean ln(distance) of stretches that were nearest neighbours."""
    last = len(x) - 2 - steps
    size = len(room) // 5
    first, logs = room[:size], room[size : 2 * size]
    _find_neighbours(x, last, first, room[2 * size :])
    st = 0.0
    sy = 0.0
    stt = 0.0
    sty = 0.0
    count = 0
    for t in range(steps + 1):
        found = 0
        for i in range(last):
            if first[i] > 0.0:
                j = i + last - int(first[i])
                a = x[i + t] - x[j + t]
                b = x[i + t + 1] - x[j + t + 1]
                c = x[i + t + 2] - x[j + t + 2]
                distance = a * a + b * b + c * c
                logs[found] = distance
                found += 1 if distance > 0.0 else 0
        for i in range(found):
            logs[i] = logarithm(logs[i])
        total = 0.5 * sum_of(logs[:found])
        count += found
        st += t * found
        sy += total
        stt += t * t * found
        sty += t * total
    return _slope(count, st, sy, stt, sty) if count * stt - st * st > 0.0 else np.nan


@kernel(depth=_window, state=_kept_stretches, cost=94.0)
def hurst_exponent(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Hurst exponent of the last args[0] values by rescaled range; in every args[1]-th row; inputs: values, run."""
    w = int(args[0])
    every = int(args[1])
    run = work[io[1], at : at + n]
    for i in range(n):
        if (row + i) % every == 0:
            x = work[io[0], at + i - w + 1 : at + i + 1]
            state[0] = _rescaled_range(x, every, (row + i) // every, run[i] >= w, state[1:])
        work[io[2], at + i] = state[0]


@kernel(depth=_window, state=_kept_stretches, cost=68.0)
def detrended_exponent(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Exponent of detrended fluctuations; inputs and numbers as `hurst_exponent`."""
    w = int(args[0])
    every = int(args[1])
    run = work[io[1], at : at + n]
    for i in range(n):
        if (row + i) % every == 0:
            x = work[io[0], at + i - w + 1 : at + i + 1]
            state[0] = _detrended(x, every, (row + i) // every, run[i] >= w, state[1:])
        work[io[2], at + i] = state[0]


@kernel(depth=_window, state=_path_state, cost=180.0)
def higuchi_dimension(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Higuchi's dimension with steps up to args[2]; inputs and other numbers as `hurst_exponent`."""
    w = int(args[0])
    every = int(args[1])
    longest = int(args[2])
    run = work[io[1], at : at + n]
    weights = state[1:]
    if weights[0] == 0.0:
        for k in range(1, longest + 1):
            _fill_weights(w, k, weights[(k - 1) * w : k * w])
    for i in range(n):
        if (row + i) % every == 0:
            x = work[io[0], at + i - w + 1 : at + i + 1]
            state[0] = _higuchi(x, longest, weights) if run[i] >= w else np.nan
        work[io[2], at + i] = state[0]


@kernel(depth=_window, state=_held_and_pairs, cost=328.0)
def lyapunov_exponent(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Growth of the distance of neighbours over args[2] steps; inputs and other numbers as `hurst_exponent`."""
    w = int(args[0])
    every = int(args[1])
    run = work[io[1], at : at + n]
    for i in range(n):
        if (row + i) % every == 0:
            x = work[io[0], at + i - w + 1 : at + i + 1]
            state[0] = _divergence(x, int(args[2]), state[1:]) if run[i] >= w else np.nan
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
