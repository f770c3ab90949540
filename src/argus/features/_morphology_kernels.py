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

_RENEWED = 1024
"""Sums are taken afresh in rows whose number is a multiple of this."""
_CANCELLED = 1e-6
"""A sum of powers this small against the largest since it was taken afresh has lost digits."""
_SMALLEST = -745.0
"""Stands for the logarithm of zero: below that of every number above zero."""


def _window(args):  # type: ignore[no-untyped-def]
    return int(args[0])


def _sorted_state(args):  # type: ignore[no-untyped-def]
    return int(args[0]) + 1


def _weights_state(args):  # type: ignore[no-untyped-def]
    return int(args[0]) + 2 + 3 * (int(args[0]) // 2)


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


@kernel(depth=_window, state=7, outputs=2, cost=11.0)
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
def _places(ordered, count, one, other):  # type: ignore[no-untyped-def]
    """How many of the `count` sorted values are below each of two; both searches at once, without branches."""
    a = 0
    b = 0
    left = count
    while left > 1:
        half = left // 2
        a += half if ordered[a + half - 1] < one else 0
        b += half if ordered[b + half - 1] < other else 0
        left -= half
    if left == 1:
        a += 1 if ordered[a] < one else 0
        b += 1 if ordered[b] < other else 0
    return a, b


@njit(cache=True, error_model="numpy", nogil=True)
def _renew_sorted(new, old, state):  # type: ignore[no-untyped-def]
    """Let one value into the sorted window and one out, either of which may be missing; state[0] counts them."""
    count = int(state[0])
    ordered = state[1:]
    come, gone = _places(ordered, count, new, old)
    if (new == new) & (old == old):
        if come > gone:
            for j in range(gone, come - 1):
                ordered[j] = ordered[j + 1]
            ordered[come - 1] = new
        else:
            for j in range(gone, come, -1):
                ordered[j] = ordered[j - 1]
            ordered[come] = new
    elif old == old:
        for j in range(gone, count - 1):
            ordered[j] = ordered[j + 1]
        state[0] = count - 1
    elif new == new:
        for j in range(count, come, -1):
            ordered[j] = ordered[j - 1]
        ordered[come] = new
        state[0] = count + 1


@kernel(depth=_window, state=_sorted_state, outputs=_quantiles, cost=140.0)
def quantiles(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Quantiles args[1:] of the last args[0] values, between neighbours in proportion to the distance."""
    w = int(args[0])
    wanted = len(args) - 1
    x = work[io[0]]
    for i in range(n):
        _renew_sorted(x[at + i], x[at + i - w], state)
        for k in range(wanted):
            value = np.nan
            if state[0] == w:
                place = (w - 1) * args[1 + k]
                below = min(int(place), w - 2)
                low = state[1 + below]
                value = low + (place - below) * (state[2 + below] - low)
            work[io[1 + k], at + i] = value


@kernel(cost=6.0)
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


@kernel(depth=_window, state=_sorted_state, cost=140.0)
def hill(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Hill's tail index from the args[1] largest of the last args[0] logarithms of sizes (`log_size`)."""
    w = int(args[0])
    k = int(args[1])
    x = work[io[0]]
    out = work[io[1], at : at + n]
    for i in range(n):
        _renew_sorted(x[at + i], x[at + i - w], state)
        out[i] = np.nan
        if state[0] == w:
            threshold = state[w - k]
            largest = state[w - k + 1 : w + 1]
            # Four sums side by side, for speed.
            a = 0.0
            b = 0.0
            c = 0.0
            d = 0.0
            for j in range(0, k - 3, 4):
                a += largest[j] - threshold
                b += largest[j + 1] - threshold
                c += largest[j + 2] - threshold
                d += largest[j + 3] - threshold
            for j in range(k - k % 4, k):
                a += largest[j] - threshold
            total = (a + b) + (c + d)
            if (threshold > _SMALLEST) & (total > 0.0):
                out[i] = k / total


@kernel(depth=_window, state=_weights_state, outputs=2, cost=110.0)
def l_ratios(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """L-skewness and L-kurtosis of the last args[0] values, from the sorted window taken in pairs from its ends."""
    w = int(args[0])
    half = w // 2
    x = work[io[0]]
    skew = work[io[1], at : at + n]
    kurtosis = work[io[2], at : at + n]
    # Weights of the three L-moments by rank; those of the second and fourth change sign from end to end.
    second = state[2 + w : 2 + w + half]
    third = state[2 + w + half : 2 + w + 2 * half]
    fourth = state[2 + w + 2 * half : 2 + w + 3 * half]
    if state[1 + w] == 0.0:
        for j in range(half):
            p1 = j / (w - 1.0)
            p2 = p1 * (j - 1.0) / (w - 2.0)
            p3 = p2 * (j - 2.0) / (w - 3.0)
            second[j] = 2.0 * p1 - 1.0
            third[j] = 6.0 * p2 - 6.0 * p1 + 1.0
            fourth[j] = 20.0 * p3 - 30.0 * p2 + 12.0 * p1 - 1.0
        state[1 + w] = 1.0
    for i in range(n):
        _renew_sorted(x[at + i], x[at + i - w], state)
        skew[i] = np.nan
        kurtosis[i] = np.nan
        if (state[0] == w) & (state[1] < state[w]):
            middle = state[1 + half]
            l2 = 0.0
            l3 = 0.0
            l4 = 0.0
            for j in range(half):
                low = state[1 + j]
                high = state[w - j]
                l2 += second[j] * (low - high)
                l3 += third[j] * ((low - middle) + (high - middle))
                l4 += fourth[j] * (low - high)
            skew[i] = l3 / l2
            kurtosis[i] = l4 / l2


share_compiled(globals())
