"""Kernels of disorder: entropies of symbols and of histograms.

They are kept as sums of c ln(c) over counts c, in whole multiples of 2^-36, which add up exactly: a count that changes
changes two terms, and nothing drifts.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import kernel

_GRAIN = 68_719_476_736.0
"""Terms c ln(c) are rounded to whole multiples of one over this, so that their sums are exact up to 10,000 rows."""


def _window(args):  # type: ignore[no-untyped-def]
    return int(args[0])


def _two_before(args):  # type: ignore[no-untyped-def]
    return int(args[0]) - 1


def _counted(args):  # type: ignore[no-untyped-def]
    return 4 + int(args[1]) + int(args[0]) + 1


@kernel(depth=_two_before, cost=2.3)
def ordinal_pattern(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Number of the order in which args[0] (3 or 4) values in a row stand; of equals the earlier counts as smaller.

    d1 + 2 d2 + 6 d3, where dk is how many of the values before the one at place k are larger than it.
    """
    order = int(args[0])
    first = at - order + 1
    a = work[io[0], first : first + n]
    b = work[io[0], first + 1 : first + 1 + n]
    c = work[io[0], first + 2 : first + 2 + n]
    d = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        code = (1.0 if a[i] > b[i] else 0.0) + (2.0 if a[i] > c[i] else 0.0) + (2.0 if b[i] > c[i] else 0.0)
        is_known = (a[i] == a[i]) & (b[i] == b[i]) & (c[i] == c[i])
        out[i] = code if is_known else np.nan
    if order == 4:
        for i in range(n):
            larger = (6.0 if a[i] > d[i] else 0.0) + (6.0 if b[i] > d[i] else 0.0) + (6.0 if c[i] > d[i] else 0.0)
            out[i] = out[i] + larger if d[i] == d[i] else np.nan


@njit(cache=True, error_model="numpy", nogil=True)
def _fill_terms(table):  # type: ignore[no-untyped-def]
    """Terms c ln(c) for counts from 0, in grains."""
    table[0] = 0.0
    for c in range(1, len(table)):
        table[c] = np.floor(c * math.log(float(c)) * _GRAIN + 0.5)


@kernel(depth=_window, state=_counted, cost=11.0)
def symbol_entropy(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Entropy of the last args[0] symbols, whole numbers from 0 to args[1] - 1, as a share of the largest possible."""
    m = int(args[0])
    kinds = int(args[1])
    x = work[io[0]]
    out = work[io[1], at : at + n]
    counts = state[4 : 4 + kinds]
    table = state[4 + kinds :]
    if state[0] == 0.0:
        _fill_terms(table)
        state[0] = 1.0
    known = state[1]
    total = state[2]
    most = table[m]
    grain = 1.0 / (m * _GRAIN)
    scale = 1.0 / math.log(float(kinds))
    for i in range(n):
        new = x[at + i]
        old = x[at + i - m]
        if old == old:
            k = int(old)
            c = int(counts[k])
            total += table[c - 1] - table[c]
            counts[k] = c - 1.0
            known -= 1.0
        if new == new:
            k = int(new)
            c = int(counts[k])
            total += table[c + 1] - table[c]
            counts[k] = c + 1.0
            known += 1.0
        value = (most - total) * grain * scale
        value = value if value < 1.0 else 1.0
        out[i] = value if known == m else np.nan
    state[1] = known
    state[2] = total


@njit(cache=True, error_model="numpy", nogil=True)
def _bin(value, low, scale, bins):  # type: ignore[no-untyped-def]
    k = int((value - low) * scale)
    return k if k < bins else bins - 1


@kernel(depth=_window, state=_counted, cost=31.0)
def histogram_entropy(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Entropy of the last args[0] values in args[1] equal bins between the lowest and the highest of them.

    Inputs: the values, their `lowest` and `highest`. Values are counted afresh where one of these has changed.
    """
    w = int(args[0])
    bins = int(args[1])
    x = work[io[0]]
    lowest = work[io[1], at : at + n]
    highest = work[io[2], at : at + n]
    out = work[io[3], at : at + n]
    counts = state[4 : 4 + bins]
    table = state[4 + bins :]
    if state[0] == 0.0:
        _fill_terms(table)
        state[0] = 1.0
        state[1] = 1.0
    most = table[w]
    grain = 1.0 / (w * _GRAIN)
    full = 1.0 / math.log(float(bins))
    for i in range(n):
        low = lowest[i]
        high = highest[i]
        out[i] = np.nan
        if not low < high:
            if low == high:
                out[i] = 0.0
            state[1] = 1.0
            state[2] = 0.0
            continue
        scale = bins / (high - low)
        if (low == state[1]) & (high == state[2]):
            k = _bin(x[at + i - w], low, scale, bins)
            c = int(counts[k])
            state[3] += table[c - 1] - table[c]
            counts[k] = c - 1.0
            k = _bin(x[at + i], low, scale, bins)
            c = int(counts[k])
            state[3] += table[c + 1] - table[c]
            counts[k] = c + 1.0
        else:
            for k in range(bins):
                counts[k] = 0.0
            for j in range(w):
                counts[_bin(x[at + i - j], low, scale, bins)] += 1.0
            total = 0.0
            for k in range(bins):
                total += table[int(counts[k])]
            state[1] = low
            state[2] = high
            state[3] = total
        value = (most - state[3]) * grain * full
        out[i] = value if value < 1.0 else 1.0


share_compiled(globals())
