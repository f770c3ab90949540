"""Kernels of price features of one row at a time or over a window: shares, positions, choppiness, mean distance."""

from __future__ import annotations

import math

import numpy as np

from argus.core._sharing_kernels import share_compiled
from argus.features._algebra_kernels import natural_log
from argus.features._form_kernels import kernel

_ROWS_AT_ONCE = 256
"""Rows that are summed up together, so that they stay in the first cache."""


def _window(args):  # type: ignore[no-untyped-def]
    return int(args[0])


@kernel(cost=0.8)
def gap_share(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """args[0] (x - y) / z; NaN unless z is above zero and above args[1] |x|."""
    scale = args[0]
    least = args[1]
    x = work[io[0], at : at + n]
    y = work[io[1], at : at + n]
    z = work[io[2], at : at + n]
    out = work[io[3], at : at + n]
    for i in range(n):
        value = scale * (x[i] - y[i]) / z[i]
        out[i] = value if z[i] > least * abs(x[i]) else np.nan


@kernel()
def gap_times(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """(x - y) z."""
    x = work[io[0], at : at + n]
    y = work[io[1], at : at + n]
    z = work[io[2], at : at + n]
    out = work[io[3], at : at + n]
    for i in range(n):
        out[i] = (x[i] - y[i]) * z[i]


@kernel(cost=0.9)
def share(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """args[0] x / z; NaN unless z is above zero."""
    scale = args[0]
    x = work[io[0], at : at + n]
    z = work[io[1], at : at + n]
    out = work[io[2], at : at + n]
    for i in range(n):
        value = scale * x[i] / z[i]
        out[i] = value if z[i] > 0.0 else np.nan


@kernel(cost=0.8)
def position(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """args[0] (x - low) / (high - low) + args[1]; NaN unless high - low is above args[2]."""
    scale = args[0]
    shift = args[1]
    least = args[2]
    x = work[io[0], at : at + n]
    low = work[io[1], at : at + n]
    high = work[io[2], at : at + n]
    out = work[io[3], at : at + n]
    for i in range(n):
        reach = high[i] - low[i]
        value = scale * ((x[i] - low[i]) / reach) + shift
        out[i] = value if reach > least else np.nan


@kernel(cost=0.9)
def outside(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """How far x is beyond the nearer of two bounds, as a share of x; 0 between them, NaN unless x is above zero."""
    x = work[io[0], at : at + n]
    a = work[io[1], at : at + n]
    b = work[io[2], at : at + n]
    out = work[io[3], at : at + n]
    for i in range(n):
        top = a[i] if a[i] > b[i] else b[i]
        bottom = b[i] if a[i] > b[i] else a[i]
        beyond = x[i] - top if x[i] > top else 0.0
        beyond = x[i] - bottom if x[i] < bottom else beyond
        value = beyond / x[i]
        out[i] = value if (x[i] > 0.0) & (a[i] == a[i]) & (b[i] == b[i]) else np.nan


@kernel(cost=4.0)
def choppiness(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """100 log(way / range) / log(args[0]); inputs: summed true range, highest high, lowest low. Never below zero."""
    scale = 100.0 / math.log(args[0])
    way = work[io[0], at : at + n]
    high = work[io[1], at : at + n]
    low = work[io[2], at : at + n]
    out = work[io[3], at : at + n]
    for i in range(n):
        ratio = way[i] / (high[i] - low[i])
        # The way cannot be shorter than the range; only rounding makes it so.
        value = scale * natural_log(1.0 if ratio < 1.0 else ratio)
        out[i] = value if high[i] > low[i] else np.nan


@kernel(depth=_window, cost=4.8)
def mean_distance(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Mean of the absolute distances of the last args[0] values from their mean; costs a step for each row of them.

    Inputs: values, their mean, the squared distances from it. Exactly zero if all are equal.
    """
    w = int(args[0])
    first = 0
    while first < n:
        rows = min(_ROWS_AT_ONCE, n - first)
        here = at + first
        mean = work[io[1], here : here + rows]
        spread = work[io[2], here : here + rows]
        out = work[io[3], here : here + rows]
        for i in range(rows):
            out[i] = 0.0
        j = 0
        while j + 4 <= w:
            x0 = work[io[0], here - j : here - j + rows]
            x1 = work[io[0], here - j - 1 : here - j - 1 + rows]
            x2 = work[io[0], here - j - 2 : here - j - 2 + rows]
            x3 = work[io[0], here - j - 3 : here - j - 3 + rows]
            for i in range(rows):
                m = mean[i]
                out[i] += (abs(x0[i] - m) + abs(x1[i] - m)) + (abs(x2[i] - m) + abs(x3[i] - m))
            j += 4
        while j < w:
            x0 = work[io[0], here - j : here - j + rows]
            for i in range(rows):
                out[i] += abs(x0[i] - mean[i])
            j += 1
        for i in range(rows):
            value = out[i] / w
            out[i] = value if spread[i] != 0.0 else 0.0
        first += rows


share_compiled(globals())
