"""Kernels of straight lines through the last rows, and of averages that weigh newer rows more.

A least-squares line needs the sum of place times value. It is taken, as other sums over windows are, from sums since
the beginning of a block about the block's reference (see `block_moments`), so it costs the same for any window. A mean
with linearly falling weights is the plain mean and a share of the slope. Where a wild value of the block has eaten the
digits of a quiet window, as the window's own spread tells, the window is summed up afresh.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from argus.core._fused_kernels import fused
from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import kernel
from argus.features._lanes_kernels import add_up
from argus.features._window_kernels import keep_last

_SQUARED_DIGITS = 1e16
"""How many times the square of what was summed up may exceed the square of what is left of it."""

_PERFECT = 1e-12
"""Share of the squared distances below which nothing is left about a line but rounding."""


_ROWS_AT_ONCE = 256
"""Rows that are summed up together, so that they stay in the first cache."""


def _window(args):  # type: ignore[no-untyped-def]
    return int(args[0])


@kernel(depth=_window, cost=2.1)
def weighted_window(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """args[3] x plus the sum over k from 1 to args[0] - 1 of (args[1] + args[2] k) (x of k rows before less x).

    For short windows: it costs a step for each row of them, but several rows are worked on at once. A missing value in
    the window makes it missing, and equal values leave nothing but args[3] x.
    """
    w = int(args[0])
    keep = args[3]
    first = 0
    while first < n:
        rows = min(_ROWS_AT_ONCE, n - first)
        here = at + first
        x = work[io[0], here : here + rows]
        out = work[io[1], here : here + rows]
        for i in range(rows):
            out[i] = keep * x[i]
        k = 1
        while k + 4 <= w:
            x1 = work[io[0], here - k : here - k + rows]
            x2 = work[io[0], here - k - 1 : here - k - 1 + rows]
            x3 = work[io[0], here - k - 2 : here - k - 2 + rows]
            x4 = work[io[0], here - k - 3 : here - k - 3 + rows]
            weight1 = args[1] + args[2] * k
            weight2 = args[1] + args[2] * (k + 1)
            weight3 = args[1] + args[2] * (k + 2)
            weight4 = args[1] + args[2] * (k + 3)
            for i in range(rows):
                newest = x[i]
                total = fused(weight1, x1[i] - newest, out[i])
                total = fused(weight2, x2[i] - newest, total)
                total = fused(weight3, x3[i] - newest, total)
                out[i] = fused(weight4, x4[i] - newest, total)
            k += 4
        while k < w:
            x1 = work[io[0], here - k : here - k + rows]
            weight1 = args[1] + args[2] * k
            for i in range(rows):
                out[i] = fused(weight1, x1[i] - x[i], out[i])
            k += 1
        first += rows


@kernel(state=4, cost=0.9)
def block_ramp(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Sum of place in the block times distance from its reference, since the beginning of the block of args[0] rows.

    Inputs: the values, the reference of `block_moments`. A missing value counts for nothing.
    """
    block = int(args[0])
    here = at
    while here < at + n:
        offset = (row + here - at) % block
        end = min(here + block - offset, at + n)
        x = work[io[0], here:end]
        out = work[io[2], here:end]
        centre = work[io[1], here]
        for i in range(len(x)):
            gap = x[i] - centre
            out[i] = float(np.int32(offset + i)) * gap if gap == gap else 0.0
        add_up(out, out, offset, state)
        here = end


@njit(cache=True, error_model="numpy", nogil=True)
def _slope_afresh(x, last, w, places):  # type: ignore[no-untyped-def]
    """Slope through the `w` values up to position `last`; `places` are the squared distances of their places."""
    centre = x[last]
    total = 0.0
    for k in range(w):
        total += (0.5 * (w - 1.0) - k) * (x[last - k] - centre)
    return total / places


@njit(cache=True, error_model="numpy", nogil=True)
def _slopes_within(offset, w, half, share, limit, new1, new2, new3, old1, old3, left, out):  # type: ignore[no-untyped-def]
    """Slopes of windows that began in this block, the first one at place `offset`; gives the doubtful."""
    doubtful = 0
    for j in range(len(out)):
        # A window that is the block so far begins where its sums are zero.
        is_all = offset + j == w - 1
        s1 = new1[j] - (0.0 if is_all else old1[j])
        s3 = new3[j] - (0.0 if is_all else old3[j])
        value = (s3 - (np.int32(offset + j) - half) * s1) * share
        out[j] = value if left[j] > 0.0 else 0.0
        doubtful += 1 if (left[j] > 0.0) & (limit * new2[j] > left[j]) else 0
    return doubtful


@kernel(depth=_window, state=4, cost=2.3)
def window_slope(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Slope per row of the least-squares line through the last args[0] rows; exactly zero if all are equal.

    Inputs: the values, their three `block_moments` (blocks of args[1]), their `block_ramp`, and the squared distances
    from the mean (`window_moments`), which also say where windows are whole. State: all four sums at the end of the
    block before.
    """
    w = int(args[0])
    block = int(args[1])
    places = w * (w * w - 1.0) / 12.0
    share = 1.0 / places
    half = 0.5 * (w - 1.0)
    limit = float(block) * block * block / (3.0 * places * _SQUARED_DIGITS)
    spread = work[io[5], at : at + n]
    out = work[io[6], at : at + n]
    i = 0
    while i < n:
        offset = (row + i) % block
        rows = min(block - offset, n - i)
        crossing = min(max(w - 1 - offset, 0), rows)
        here = at + i
        shift = state[0] - work[io[1], here]
        new1 = work[io[2], here : here + rows]
        new2 = work[io[3], here : here + rows]
        new3 = work[io[4], here : here + rows]
        old1 = work[io[2], here - w : here - w + rows]
        old3 = work[io[4], here - w : here - w + rows]
        left = spread[i : i + rows]
        target = out[i : i + rows]
        all1 = state[1]
        all3 = state[3]
        scale = state[2] + block * shift * shift
        doubtful = 0
        for j in range(crossing):
            # Values of the block before lie at negative places and are moved to this block's reference.
            rest = float(np.int32(w - 1 - offset - j))
            part1 = all1 - old1[j]
            part3 = (all3 - old3[j]) - block * part1 - shift * (0.5 * rest * (rest + 1.0))
            s1 = (part1 + rest * shift) + new1[j]
            s3 = part3 + new3[j]
            value = (s3 - (np.int32(offset + j) - half) * s1) * share
            target[j] = value if left[j] > 0.0 else 0.0
            doubtful += 1 if (left[j] > 0.0) & (limit * (scale + new2[j]) > left[j]) else 0
        doubtful += _slopes_within(
            offset + crossing, w, half, share, limit, new1[crossing:], new2[crossing:], new3[crossing:],
            old1[crossing:], old3[crossing:], left[crossing:], target[crossing:],
        )  # fmt: skip
        if doubtful > 0:
            for j in range(rows):
                known = scale + new2[j] if j < crossing else new2[j]
                if left[j] > 0.0 and limit * known > left[j]:
                    target[j] = _slope_afresh(work[io[0]], here + j, w, places)
        if offset + rows == block:
            keep_last(work, io, 1, here + rows - 1, state)
        i += rows
    for i in range(n):
        out[i] = out[i] if spread[i] == spread[i] else np.nan


@kernel()
def along(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Mean and args[0] times slope: the line at a place, or a mean with linear weights."""
    share = args[0]
    mean = work[io[0], at : at + n]
    slope = work[io[1], at : at + n]
    out = work[io[2], at : at + n]
    for i in range(n):
        out[i] = mean[i] + share * slope[i]


@kernel(cost=0.9)
def explained(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Share of the squared distances (second input) that a line of that slope (first) explains, over args[0] rows."""
    w = args[0]
    places = w * (w * w - 1.0) / 12.0
    slope = work[io[0], at : at + n]
    spread = work[io[1], at : at + n]
    out = work[io[2], at : at + n]
    for i in range(n):
        value = slope[i] * slope[i] * places / spread[i]
        value = 1.0 if value > 1.0 else value
        out[i] = value if spread[i] > 0.0 else np.nan


@kernel(cost=2.1)
def residual_score(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Distance of the value from the end of its line in standard deviations about the line, over args[0] rows.

    Inputs: values, mean, slope, squared distances from the mean. NaN where next to nothing is left about the line.
    """
    w = args[0]
    places = w * (w * w - 1.0) / 12.0
    half = 0.5 * (w - 1.0)
    share = 1.0 / (w - 2.0)
    x = work[io[0], at : at + n]
    mean = work[io[1], at : at + n]
    slope = work[io[2], at : at + n]
    spread = work[io[3], at : at + n]
    out = work[io[4], at : at + n]
    for i in range(n):
        left = spread[i] - slope[i] * slope[i] * places
        value = (x[i] - (mean[i] + half * slope[i])) / math.sqrt(left * share)
        out[i] = value if left > _PERFECT * spread[i] else np.nan


share_compiled(globals())
