"""Kernels of shape: third and fourth moments, order statistics, tails and L-moments of the last rows.

Sums of powers slide: the new value comes in, the old one goes out. They are about the mean that the window had when
they were last summed up afresh, which is at every multiple of 1,024 rows and wherever too few digits are left, as after
a jump. Order statistics keep the window sorted, which is exact whatever the way there.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import kernel
from argus.features._lanes_kernels import sum_of_gaps

_RENEWED = 1024
"""Sums are taken afresh in rows whose number is a multiple of this."""
_CANCELLED = 1e-6
"""A sum of powers this small against the largest since it was taken afresh has lost digits."""
_SMALLEST = -745.0
"""Stands for the logarithm of zero: below that of every number above zero."""
_LANES = 16
"""Places of a sorted window that are worked out at once."""


def _window(args):  # type: ignore[no-untyped-def]
    return int(args[0])


@njit(cache=True, error_model="numpy", nogil=True)
def _sorted_length(w):  # type: ignore[no-untyped-def]
    """A sorted window with its two ends, in whole lanes."""
    return (w + _LANES - 1) // _LANES * _LANES + 2


def _sorted_state(args):  # type: ignore[no-untyped-def]
    """How many values are known, whether anything was begun, and two sorted windows, of which one follows the other."""
    return 2 + 2 * _sorted_length(int(args[0]))


def _largest_state(args):  # type: ignore[no-untyped-def]
    return 2 + min(int(args[0]), 2 * int(args[1]) + 2)


def _quantile_state(args):  # type: ignore[no-untyped-def]
    return _sorted_state(args) + len(args) - 1  # type: ignore[no-untyped-call]


def _weights_state(args):  # type: ignore[no-untyped-def]
    return _sorted_state(args) + 3 * (int(args[0]) // 2)  # type: ignore[no-untyped-call]


def _quantiles(args):  # type: ignore[no-untyped-def]
    return len(args) - 1


@njit(cache=True, error_model="numpy", nogil=True)
def _powers_afresh(x, last, w, state):  # type: ignore[no-untyped-def]
    """Sums of powers of the distances from the mean of the `w` values up to position `last`, missing ones left out."""
    centre = 0.0
    known = 0.0
    for j in range(w):
        value = x[last - j]
        if value == value:
            centre = value if known == 0.0 else centre
            known += 1.0
    total = 0.0
    for j in range(w):
        value = x[last - j]
        total += value - centre if value == value else 0.0
    centre = centre + total / known if known > 0.0 else 0.0
    s1 = 0.0
    s2 = 0.0
    s3 = 0.0
    s4 = 0.0
    for j in range(w):
        value = x[last - j]
        gap = value - centre if value == value else 0.0
        power = gap * gap
        s1 += gap
        s2 += power
        s3 += power * gap
        s4 += power * power
    state[0] = centre
    state[1] = s1
    state[2] = s2
    state[3] = s3
    state[4] = s4
    state[5] = s2
    state[6] = s4


@njit(cache=True, error_model="numpy", nogil=True)
def _slide_powers(new, old, state):  # type: ignore[no-untyped-def]
    """Let one value in and one out; the largest sums so far are kept."""
    centre = state[0]
    a = new - centre if new == new else 0.0
    b = old - centre if old == old else 0.0
    a2 = a * a
    b2 = b * b
    s2 = state[2] + (a2 - b2)
    s4 = state[4] + (a2 * a2 - b2 * b2)
    state[1] += a - b
    state[2] = s2
    state[3] += a2 * a - b2 * b
    state[4] = s4
    state[5] = s2 if s2 > state[5] else state[5]
    state[6] = s4 if s4 > state[6] else state[6]


@kernel(depth=_window, state=7, outputs=2, cost=17.0)
def higher_moments(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Skewness and excess kurtosis of the last args[0] values, as of a population; inputs: values, `observed_run`."""
    w = int(args[0])
    x = work[io[0]]
    run = work[io[1], at : at + n]
    skew = work[io[2], at : at + n]
    kurtosis = work[io[3], at : at + n]
    share = 1.0 / w
    scale = math.sqrt(float(w))
    for i in range(n):
        if (row + i) % _RENEWED == 0:
            _powers_afresh(x, at + i, w, state)
        else:
            _slide_powers(x[at + i], x[at + i - w], state)
        skew[i] = np.nan
        kurtosis[i] = np.nan
        if run[i] < w:
            continue
        for _ in range(2):
            s1 = state[1]
            s2 = state[2]
            s3 = state[3]
            mean = s1 * share
            square = mean * mean
            m2 = s2 - s1 * mean
            m4 = state[4] - 4.0 * mean * s3 + 6.0 * square * s2 - 3.0 * square * mean * s1
            if (m2 >= _CANCELLED * state[5]) & (m4 >= _CANCELLED * state[6]):
                break
            _powers_afresh(x, at + i, w, state)
        if m2 > 0.0:
            m3 = s3 - 3.0 * mean * s2 + 2.0 * square * s1
            skew[i] = scale * m3 / (m2 * math.sqrt(m2))
            kurtosis[i] = w * m4 / (m2 * m2) - 3.0


@njit(cache=True, error_model="numpy", nogil=True)
def _renew_sorted(new, old, source, target):  # type: ignore[no-untyped-def]
    """Let one value into a sorted window and one out, either of which may be missing.

    Both lie between two ends that stay, infinitely low and high. Without the old value there stands at place j what
    stood there, or behind it if that is not below the old one; with the new one the larger of it and what comes before,
    but no more than what stands at j. That is worked out at all places at once, which is quicker than to search.
    """
    count = len(source) - 2
    before = source[:count]
    here = source[1 : count + 1]
    behind = source[2:]
    renewed = target[1 : count + 1]
    come = new if new == new else np.inf
    gone = old if old == old else np.inf
    for j in range(count):
        low = before[j] if before[j] < gone else here[j]
        high = here[j] if here[j] < gone else behind[j]
        most = low if low > come else come
        renewed[j] = most if most < high else high


@njit(cache=True, error_model="numpy", nogil=True)
def _begin_sorted(w, state):  # type: ignore[no-untyped-def]
    """Two windows of `_sorted_state` in which all values are missing."""
    if state[1] == 0.0:
        length = _sorted_length(w)
        for j in range(2 * length):
            state[2 + j] = np.inf
        state[2] = -np.inf
        state[2 + length] = -np.inf
        state[1] = 1.0


@njit(cache=True, error_model="numpy", nogil=True)
def _count_known(new, old, state):  # type: ignore[no-untyped-def]
    state[0] += (1.0 if new == new else 0.0) - (1.0 if old == old else 0.0)


@kernel(depth=_window, state=_quantile_state, outputs=_quantiles, cost=121.0)
def quantiles(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Quantiles args[1:] of the last args[0] values, between neighbours in proportion to the distance."""
    w = int(args[0])
    wanted = len(args) - 1
    x = work[io[0]]
    length = _sorted_length(w)
    places = state[2 + 2 * length :]
    _begin_sorted(w, state)
    for k in range(wanted):
        places[k] = (w - 1) * args[1 + k]
    for i in range(n):
        first = (row + i) % 2 * length
        ordered = state[2 + length - first : 2 + 2 * length - first]
        _renew_sorted(x[at + i], x[at + i - w], state[2 + first : 2 + first + length], ordered)
        _count_known(x[at + i], x[at + i - w], state)
        for k in range(wanted):
            below = min(int(places[k]), w - 2)
            low = ordered[1 + below]
            value = low + (places[k] - below) * (ordered[2 + below] - low)
            work[io[1 + k], at + i] = value if state[0] == w else np.nan


@kernel(cost=8.1)
def log_size(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Logarithm of |x|, of x above zero or of -x above zero (args[0] is 0, 1 or -1); -745 where there is none."""
    side = args[0]
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        value = abs(x[i]) if side == 0.0 else side * x[i]
        if value > 0.0:
            out[i] = math.log(value)
        else:
            out[i] = _SMALLEST if value == value else np.nan


@njit(cache=True, error_model="numpy", nogil=True)
def _put_in(value, held, ordered):  # type: ignore[no-untyped-def]
    """Put a value among the `held` largest, which end the array in order; the least gives way if there is no room."""
    last = len(ordered) - 1
    j = max(last - held, 0)
    while j < last and ordered[j + 1] < value:
        ordered[j] = ordered[j + 1]
        j += 1
    ordered[j] = value
    return min(held + 1, len(ordered))


@njit(cache=True, error_model="numpy", nogil=True)
def _take_out(value, held, ordered):  # type: ignore[no-untyped-def]
    """Take one of the `held` values out."""
    j = len(ordered) - 1
    while ordered[j] > value:
        j -= 1
    while j > len(ordered) - held:
        ordered[j] = ordered[j - 1]
        j -= 1
    return held - 1


@njit(cache=True, error_model="numpy", nogil=True)
def _find_largest(x, ordered):  # type: ignore[no-untyped-def]
    """The largest values of an array in order, as many as there is room for."""
    held = 0
    for j in range(len(x)):
        if held < len(ordered) or x[j] > ordered[0]:
            held = _put_in(x[j], held, ordered)
    return held


@kernel(depth=_window, state=_largest_state, cost=57.0)
def hill(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Hill's tail index from the args[1] largest of the last args[0] logarithms of sizes (`log_size`).

    State: values known, values held, and these: the largest of the window. What is below the least of them is passed
    by, coming and going; where too many have gone, the largest are looked for again.
    """
    w = int(args[0])
    k = int(args[1])
    x = work[io[0]]
    out = work[io[1], at : at + n]
    ordered = state[2:]
    size = len(ordered)
    held = int(state[1])
    for i in range(n):
        new = x[at + i]
        old = x[at + i - w]
        _count_known(new, old, state)
        if held > 0 and old >= ordered[size - held]:
            held = _take_out(old, held, ordered)
        # With none held it is not known what is below the largest.
        if held > 0 and new >= ordered[size - held]:
            held = _put_in(new, held, ordered)
        out[i] = np.nan
        if state[0] == w:
            if held <= k:
                held = _find_largest(x[at + i - w + 1 : at + i + 1], ordered)
            threshold = ordered[size - k - 1]
            total = sum_of_gaps(ordered[size - k :], threshold)
            if (threshold > _SMALLEST) & (total > 0.0):
                out[i] = k / total
    state[1] = held


@njit(cache=True, error_model="numpy", nogil=True)
def _fill_weights(w, second, third, fourth):  # type: ignore[no-untyped-def]
    """Weights of three L-moments by rank; those of the second and fourth change sign from end to end."""
    for j in range(w // 2):
        p1 = j / (w - 1.0)
        p2 = p1 * (j - 1.0) / (w - 2.0)
        p3 = p2 * (j - 2.0) / (w - 3.0)
        second[j] = 2.0 * p1 - 1.0
        third[j] = 6.0 * p2 - 6.0 * p1 + 1.0
        fourth[j] = 20.0 * p3 - 30.0 * p2 + 12.0 * p1 - 1.0


@kernel(depth=_window, state=_weights_state, outputs=2, cost=104.0)
def l_ratios(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """L-skewness and L-kurtosis of the last args[0] values, from the sorted window taken in pairs from its ends."""
    w = int(args[0])
    half = w // 2
    x = work[io[0]]
    skew = work[io[1], at : at + n]
    kurtosis = work[io[2], at : at + n]
    length = _sorted_length(w)
    weights = state[2 + 2 * length :]
    second, third, fourth = weights[:half], weights[half : 2 * half], weights[2 * half : 3 * half]
    if state[1] == 0.0:
        _fill_weights(w, second, third, fourth)
    _begin_sorted(w, state)
    for i in range(n):
        first = (row + i) % 2 * length
        ordered = state[2 + length - first : 2 + 2 * length - first]
        _renew_sorted(x[at + i], x[at + i - w], state[2 + first : 2 + first + length], ordered)
        _count_known(x[at + i], x[at + i - w], state)
        skew[i] = np.nan
        kurtosis[i] = np.nan
        if (state[0] == w) & (ordered[1] < ordered[w]):
            middle = ordered[1 + half]
            l2 = 0.0
            l3 = 0.0
            l4 = 0.0
            for j in range(half):
                low = ordered[1 + j]
                high = ordered[w - j]
                l2 += second[j] * (low - high)
                l3 += third[j] * ((low - middle) + (high - middle))
                l4 += fourth[j] * (low - high)
            skew[i] = l3 / l2
            kurtosis[i] = l4 / l2


share_compiled(globals())
