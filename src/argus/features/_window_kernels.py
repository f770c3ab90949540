"""Kernels over the last rows: sums, means, spreads, extremes, lines, and averages that forget.

Sums over a window are differences of sums since the beginning of a block. Blocks begin at multiples of their length,
counted from the first row, so rounding cannot pile up over a long column, the same bits come out of any pieces, and the
differences of many rows are taken at once. Spreads are summed about a value of the block; where too few digits are
left, as after a jump, the window is summed up afresh.

Which windows are whole is told by one column, the rows in a row that had a value (`observed_run`).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.features._algebra_kernels import SPECK, unfaded
from argus.features._form_kernels import kernel

_CANCELLED = 1e-6
"""A sum of squares this small against all squares of its blocks has lost digits."""


def _window(args):  # type: ignore[no-untyped-def]
    return int(args[0])


@kernel(state=1)
def observed_run(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Rows in a row, up to this one, that have a value."""
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    run = state[0]
    missing = 0
    for i in range(n):
        missing += 0 if x[i] == x[i] else 1
    if missing == 0:
        # The same whole numbers, but no row waits for the one before.
        for i in range(n):
            out[i] = run + (i + 1.0)
        run += n
    else:
        for i in range(n):
            run = run + 1.0 if x[i] == x[i] else 0.0
            out[i] = run
    state[0] = run


@kernel(state=1)
def block_sum(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Sum since the beginning of the block of args[0] rows; a missing value counts for nothing."""
    block = int(args[0])
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    total = state[0]
    offset = row % block
    for i in range(n):
        if offset == block:
            offset = 0
        if offset == 0:
            total = 0.0
        value = x[i]
        total += value if value == value else 0.0
        out[i] = total
        offset += 1
    state[0] = total


@njit(cache=True, error_model="numpy", nogil=True)
def keep_last(work, io, first, position, state):  # type: ignore[no-untyped-def]
    """Remember what stands at a position, the last row of a block, in the columns from ``io[first]`` on."""
    for k in range(len(state)):
        state[k] = work[io[first + k], position]


@kernel(depth=_window, state=1)
def window_sum(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Sum of the last args[0] rows, from their `block_sum` (blocks of args[1]) and their `observed_run`.

    State: the sum of the whole block before.
    """
    w = int(args[0])
    block = int(args[1])
    run = work[io[1], at : at + n]
    out = work[io[2], at : at + n]
    i = 0
    while i < n:
        offset = (row + i) % block
        rows = min(block - offset, n - i)
        whole = w - 1 - offset
        new = work[io[0], at + i : at + i + rows]
        old = work[io[0], at + i - w : at + i - w + rows]
        before = state[0]
        target = out[i : i + rows]
        for j in range(min(max(whole, 0), rows)):
            target[j] = (before - old[j]) + new[j]
        if 0 <= whole < rows:
            target[whole] = new[whole]
        for j in range(min(max(whole + 1, 0), rows), rows):
            target[j] = new[j] - old[j]
        if offset + rows == block:
            keep_last(work, io, 0, at + i + rows - 1, state)
        i += rows
    for i in range(n):
        out[i] = out[i] if run[i] >= w else np.nan


@kernel(state=3, outputs=3)
def block_moments(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Reference of the block of args[0] rows, and since its beginning the sums of distances from it and their squares.

    The reference is the last value known before the block's second row. A missing value counts for nothing.
    """
    block = int(args[0])
    x = work[io[0], at : at + n]
    reference = work[io[1], at : at + n]
    first = work[io[2], at : at + n]
    second = work[io[3], at : at + n]
    centre = state[0]
    s1 = state[1]
    s2 = state[2]
    offset = row % block
    for i in range(n):
        value = x[i]
        if offset == block:
            offset = 0
        if offset == 0:
            centre = value if value == value else centre
            s1 = 0.0
            s2 = 0.0
        gap = value - centre if value == value else 0.0
        s1 += gap
        s2 += gap * gap
        reference[i] = centre
        first[i] = s1
        second[i] = s2
        offset += 1
    state[0] = centre
    state[1] = s1
    state[2] = s2


@njit(cache=True, error_model="numpy", nogil=True)
def _spread_afresh(x, last, w):  # type: ignore[no-untyped-def]
    """Mean of the `w` values up to position `last`, less the last one, and their squared distances from the mean."""
    centre = x[last]
    total = 0.0
    for j in range(w):
        total += x[last - j] - centre
    mean = total / w
    spread = 0.0
    for j in range(w):
        gap = (x[last - j] - centre) - mean
        spread += gap * gap
    return mean, spread


@njit(cache=True, error_model="numpy", nogil=True)
def _repair(x, here, w, mean, spread):  # type: ignore[no-untyped-def]
    """Sum up afresh the windows whose spread is below zero; rows of equal values are counted on, not summed up."""
    equal = 0
    counted = -1
    for j in range(len(spread)):
        if spread[j] < 0.0:
            last = here + j
            if counted == j - 1 and counted >= 0:
                equal = equal + 1 if x[last] == x[last - 1] else 1
            else:
                equal = 1
                while equal < w and x[last - equal] == x[last]:
                    equal += 1
            counted = j
            if equal >= w:
                mean[j] = x[last]
                spread[j] = 0.0
            else:
                gap, spread[j] = _spread_afresh(x, last, w)
                mean[j] = x[last] + gap


@kernel(depth=_window, state=3, outputs=2)
def window_moments(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Mean of the last args[0] rows, and the sum of squared distances from it.

    Inputs: the values, their three `block_moments` (blocks of args[1]), their `observed_run`. If all values are equal
    the second is exactly zero. State: the three moments at the end of the block before.
    """
    w = int(args[0])
    block = int(args[1])
    share = 1.0 / w
    mean = work[io[5], at : at + n]
    spread = work[io[6], at : at + n]
    i = 0
    while i < n:
        offset = (row + i) % block
        rows = min(block - offset, n - i)
        whole = w - 1 - offset
        here = at + i
        centre = work[io[1], here]
        shift = state[0] - centre
        all1 = state[1]
        all2 = state[2]
        run = work[io[4], here : here + rows]
        new1 = work[io[2], here : here + rows]
        new2 = work[io[3], here : here + rows]
        old1 = work[io[2], here - w : here - w + rows]
        old2 = work[io[3], here - w : here - w + rows]
        out1 = mean[i : i + rows]
        out2 = spread[i : i + rows]
        doubtful = 0
        for j in range(min(max(whole, 0), rows)):
            # Values of the block before, moved to this block's reference; `rest` are as many as lie in that block.
            rest = float(whole - j)
            part1 = all1 - old1[j]
            part2 = (all2 - old2[j]) + shift * (2.0 * part1 + rest * shift)
            s1 = (part1 + rest * shift) + new1[j]
            scale = all2 + abs(shift) * (2.0 * abs(part1) + rest * abs(shift)) + new2[j]
            off = s1 * share
            value = (part2 + new2[j]) - s1 * off
            is_whole = run[j] >= w
            is_bad = value <= _CANCELLED * scale
            out1[j] = centre + off if is_whole else np.nan
            out2[j] = (-1.0 if is_bad else value) if is_whole else np.nan
            doubtful += 1 if is_whole & is_bad else 0
        if 0 <= whole < rows:
            # The window is the block so far.
            off = new1[whole] * share
            value = new2[whole] - new1[whole] * off
            is_whole = run[whole] >= w
            is_bad = value <= _CANCELLED * new2[whole]
            out1[whole] = centre + off if is_whole else np.nan
            out2[whole] = (-1.0 if is_bad else value) if is_whole else np.nan
            doubtful += 1 if is_whole & is_bad else 0
        for j in range(min(max(whole + 1, 0), rows), rows):
            s1 = new1[j] - old1[j]
            off = s1 * share
            value = (new2[j] - old2[j]) - s1 * off
            is_whole = run[j] >= w
            is_bad = value <= _CANCELLED * new2[j]
            out1[j] = centre + off if is_whole else np.nan
            out2[j] = (-1.0 if is_bad else value) if is_whole else np.nan
            doubtful += 1 if is_whole & is_bad else 0
        if doubtful > 0:
            _repair(work[io[0]], here, w, out1, out2)
        if offset + rows == block:
            keep_last(work, io, 1, here + rows - 1, state)
        i += rows


@kernel()
def deviation(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Standard deviation from a sum of squared distances and a divisor, args[0]."""
    divisor = args[0]
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        out[i] = math.sqrt(x[i] / divisor)


@kernel(depth=_window)
def higher(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """The larger of the value and that of args[0] rows before; missing if either is."""
    k = int(args[0])
    x = work[io[0], at : at + n]
    old = work[io[0], at - k : at - k + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        best = x[i] if x[i] > old[i] else old[i]
        out[i] = best if x[i] == x[i] else np.nan


@kernel(depth=_window)
def lower(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """The smaller of the value and that of args[0] rows before; missing if either is."""
    k = int(args[0])
    x = work[io[0], at : at + n]
    old = work[io[0], at - k : at - k + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        best = x[i] if x[i] < old[i] else old[i]
        out[i] = best if x[i] == x[i] else np.nan


@kernel(depth=_window, outputs=2)
def fresher(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """The more extreme of the value and that of args[0] rows before, and its age; the newer one of equals.

    Inputs: values, their ages; args[1] is 1 for the larger and -1 for the smaller. Missing if either value is.
    """
    k = int(args[0])
    side = args[1]
    x = work[io[0], at : at + n]
    old = work[io[0], at - k : at - k + n]
    age = work[io[1], at : at + n]
    old_age = work[io[1], at - k : at - k + n]
    best = work[io[2], at : at + n]
    best_age = work[io[3], at : at + n]
    for i in range(n):
        is_new = side * x[i] >= side * old[i]
        is_known = (x[i] == x[i]) & (old[i] == old[i])
        value = x[i] if is_new else old[i]
        rows = age[i] if is_new else old_age[i] + k
        best[i] = value if is_known else np.nan
        best_age[i] = rows if is_known else np.nan


@kernel(state=3)
def ema(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Exponential mean with normalised weights of span args[0]; a missing value is skipped."""
    span = args[0]
    decay = 1.0 - 2.0 / (span + 1.0)
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    seen = state[0]
    weight = state[1]
    mean = state[2]
    for i in range(n):
        value = x[i]
        if value == value:
            seen += 1.0
            weight = decay * weight + 1.0
            mean += (value + SPECK - mean) * (1.0 / weight)
            out[i] = unfaded(mean) if seen >= span else np.nan
        else:
            out[i] = np.nan
    state[0] = seen
    state[1] = weight
    state[2] = mean


@kernel(state=2)
def wilder(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Wilder's mean of args[0] rows: the plain mean of the first, then m + (x - m) / n; a missing value is skipped."""
    w = args[0]
    gain = 1.0 / w
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    seen = state[0]
    mean = state[1]
    for i in range(n):
        value = x[i]
        if value == value:
            seen += 1.0
            if seen < w:
                mean += value + SPECK
            elif seen == w:
                mean = (mean + value) / w
            else:
                mean += (value + SPECK - mean) * gain
            out[i] = unfaded(mean) if seen >= w else np.nan
        else:
            out[i] = np.nan
    state[0] = seen
    state[1] = mean


share_compiled(globals())
