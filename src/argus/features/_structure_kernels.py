"""Kernels of market structure: swings, levels made by them, gaps between bars, runs, breaks, round numbers.

A swing is known only when the rows after it have confirmed it; nothing here looks at a row that is not yet there.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import kernel

_LARGEST = 1e300


def _beyond(args):  # type: ignore[no-untyped-def]
    return int(args[0]) + 1


def _swing_levels(args):  # type: ignore[no-untyped-def]
    return 2 + 2 * int(args[1])


def _gaps(args):  # type: ignore[no-untyped-def]
    return 1 + 3 * int(args[0])


@kernel(depth=_beyond, state=7, outputs=5)
def swings(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Last confirmed swing high and low, rows since they happened, and the trend that they show.

    Inputs: high, low, highest and lowest of args[0] rows. A high is a swing high if it is above the k highs before it
    and not below the k highs after it. Trend: 1 or -1 for a swing high above or below the one before it, likewise for
    lows, and the mean of both. State: begun, last high, high before, its row, last low, low before, its row.
    """
    k = int(args[0])
    top = work[io[0], at - k : at - k + n]
    top_after = work[io[2], at : at + n]
    top_before = work[io[2], at - k - 1 : at - k - 1 + n]
    bottom = work[io[1], at - k : at - k + n]
    bottom_after = work[io[3], at : at + n]
    bottom_before = work[io[3], at - k - 1 : at - k - 1 + n]
    high_out = work[io[4], at : at + n]
    low_out = work[io[5], at : at + n]
    since_high = work[io[6], at : at + n]
    since_low = work[io[7], at : at + n]
    trend = work[io[8], at : at + n]
    if state[0] == 0.0:
        state[0] = 1.0
        for j in range(1, 7):
            state[j] = np.nan
    high = state[1]
    high_before = state[2]
    high_row = state[3]
    low = state[4]
    low_before = state[5]
    low_row = state[6]
    for i in range(n):
        now = float(row + i)
        is_high = (top[i] > top_before[i]) & (top[i] >= top_after[i])
        high_before = high if is_high else high_before
        high = top[i] if is_high else high
        high_row = now - k if is_high else high_row
        is_low = (bottom[i] < bottom_before[i]) & (bottom[i] <= bottom_after[i])
        low_before = low if is_low else low_before
        low = bottom[i] if is_low else low
        low_row = now - k if is_low else low_row
        high_out[i] = high
        low_out[i] = low
        since_high[i] = now - high_row
        since_low[i] = now - low_row
        rises = (0.5 if high > high_before else 0.0) + (0.5 if low > low_before else 0.0)
        falls = (0.5 if high < high_before else 0.0) + (0.5 if low < low_before else 0.0)
        trend[i] = rises - falls if (high_before == high_before) & (low_before == low_before) else np.nan
    state[1] = high
    state[2] = high_before
    state[3] = high_row
    state[4] = low
    state[5] = low_before
    state[6] = low_row


@kernel(state=_swing_levels, outputs=2)
def nearest(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Nearest swing level at or above the close, and at or below it, of the last args[1] swing highs and as many lows.

    Inputs: close, then the first four outputs of `swings` of args[0] rows. State: swing highs and lows so far, and the
    levels, the oldest written over.
    """
    k = args[0]
    m = int(args[1])
    x = work[io[0], at : at + n]
    high = work[io[1], at : at + n]
    low = work[io[2], at : at + n]
    since_high = work[io[3], at : at + n]
    since_low = work[io[4], at : at + n]
    above_out = work[io[5], at : at + n]
    below_out = work[io[6], at : at + n]
    levels = state[2:]
    above = -np.inf
    below = np.inf
    for i in range(n):
        is_changed = not (below < x[i] < above)
        if since_high[i] == k:
            levels[int(state[0]) % m] = high[i]
            state[0] += 1.0
            is_changed = True
        if since_low[i] == k:
            levels[m + int(state[1]) % m] = low[i]
            state[1] += 1.0
            is_changed = True
        if is_changed:
            above = np.inf
            below = -np.inf
            for j in range(min(int(state[0]), m)):
                level = levels[j]
                above = level if (level >= x[i]) & (level < above) else above
                below = level if (level <= x[i]) & (level > below) else below
            for j in range(m, m + min(int(state[1]), m)):
                level = levels[j]
                above = level if (level >= x[i]) & (level < above) else above
                below = level if (level <= x[i]) & (level > below) else below
        above_out[i] = above if above < np.inf else np.nan
        below_out[i] = below if below > -np.inf else np.nan
        if x[i] != x[i]:
            # Nothing was found for a missing close, which says nothing of the next.
            above = -np.inf
            below = np.inf


@njit(cache=True, error_model="numpy", nogil=True)
def _unfilled(gaps, count, low, high):  # type: ignore[no-untyped-def]
    """Take out the gaps that this bar filled; how many are left, highest far edge below, lowest far edge above."""
    kept = 0
    floor = -np.inf
    ceiling = np.inf
    for j in range(count):
        side = gaps[3 * j]
        far = gaps[3 * j + 2]
        if low <= far if side > 0.0 else high >= far:
            continue
        gaps[3 * kept] = side
        gaps[3 * kept + 1] = gaps[3 * j + 1]
        gaps[3 * kept + 2] = far
        floor = far if side > 0.0 and far > floor else floor
        ceiling = far if side < 0.0 and far < ceiling else ceiling
        kept += 1
    return kept, floor, ceiling


@kernel(depth=2, state=_gaps, outputs=3)
def fair_value_gaps(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Size of a gap that three bars just left, near edge of the latest unfilled gap, and its direction.

    Inputs: high, low. The size is signed by the direction, 0 without a gap. At most args[0] unfilled gaps are
    remembered, the oldest forgotten first. State: how many, then direction, near and far edge of each, oldest first.
    """
    m = int(args[0])
    high = work[io[0], at : at + n]
    low = work[io[1], at : at + n]
    old_high = work[io[0], at - 2 : at - 2 + n]
    old_low = work[io[1], at - 2 : at - 2 + n]
    size_out = work[io[2], at : at + n]
    edge_out = work[io[3], at : at + n]
    side_out = work[io[4], at : at + n]
    count = int(state[0])
    gaps = state[1:]
    count, floor, ceiling = _unfilled(gaps, count, np.nan, np.nan)
    for i in range(n):
        if (low[i] <= floor) | (high[i] >= ceiling):
            count, floor, ceiling = _unfilled(gaps, count, low[i], high[i])
        is_up = low[i] > old_high[i]
        is_down = high[i] < old_low[i]
        size = low[i] - old_high[i] if is_up else (high[i] - old_low[i] if is_down else 0.0)
        if is_up | is_down:
            if count == m:
                for j in range(3 * (m - 1)):
                    gaps[j] = gaps[j + 3]
                count -= 1
            gaps[3 * count] = 1.0 if is_up else -1.0
            gaps[3 * count + 1] = low[i] if is_up else high[i]
            gaps[3 * count + 2] = old_high[i] if is_up else old_low[i]
            floor = old_high[i] if is_up and old_high[i] > floor else floor
            ceiling = old_low[i] if is_down and old_low[i] < ceiling else ceiling
            count += 1
        is_known = (high[i] - low[i]) + (old_high[i] - old_low[i])
        size_out[i] = size if is_known == is_known else np.nan
        edge_out[i] = gaps[3 * count - 2] if count > 0 else np.nan
        side = gaps[3 * count - 3] if count > 0 else 0.0
        side_out[i] = side if row + i >= 2 else np.nan
    state[0] = count


@kernel(depth=1)
def breakout(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """1 or -1 where the close is above the highest or below the lowest of the rows before this one, else 0.

    Inputs: close, highest, lowest (both up to this row).
    """
    x = work[io[0], at : at + n]
    high = work[io[1], at - 1 : at - 1 + n]
    low = work[io[2], at - 1 : at - 1 + n]
    out = work[io[3], at : at + n]
    for i in range(n):
        side = (1.0 if x[i] > high[i] else 0.0) - (1.0 if x[i] < low[i] else 0.0)
        is_known = (x[i] == x[i]) & (high[i] == high[i]) & (low[i] == low[i])
        out[i] = side if is_known else np.nan


@kernel(state=2)
def rows_since(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Rows since the column last was args[0]; NaN before it ever was. State: whether it was, its row."""
    wanted = args[0]
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    last = state[1] if state[0] != 0.0 else np.nan
    for i in range(n):
        now = float(row + i)
        last = now if x[i] == wanted else last
        out[i] = now - last
    state[0] = 1.0 if last == last else 0.0
    state[1] = last


@kernel(depth=1, state=1)
def signed_run(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Rows in a row that rose (positive) or fell (negative); 0 where a row is equal to the one before."""
    x = work[io[0], at : at + n]
    old = work[io[0], at - 1 : at - 1 + n]
    out = work[io[1], at : at + n]
    run = state[0]
    for i in range(n):
        up = (run if run > 0.0 else 0.0) + 1.0
        down = (run if run < 0.0 else 0.0) - 1.0
        run = up if x[i] > old[i] else (down if x[i] < old[i] else 0.0)
        out[i] = run if (x[i] == x[i]) & (old[i] == old[i]) else np.nan
    state[0] = run


@njit(cache=True, error_model="numpy", nogil=True)
def _decade(x):  # type: ignore[no-untyped-def]
    """Largest power of ten not above `x`, and the next one; `x` above zero."""
    power = 1.0
    if x >= 1.0:
        while power * 10.0 <= x and power < _LARGEST:
            power *= 10.0
        return power, power * 10.0
    parts = 1.0
    while 1.0 / parts > x and parts < _LARGEST:
        power = 1.0 / parts
        parts *= 10.0
    return 1.0 / parts, power


@kernel()
def round_number(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Distance from the nearest multiple of a step, in steps: a step is |x|'s power of ten over ten to the args[0]."""
    finer = 1.0
    for _ in range(int(args[0])):
        finer *= 10.0
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    low = 1.0
    high = 1.0
    for i in range(n):
        size = abs(x[i])
        if not (low <= size < high):
            if size > 0.0:
                low, high = _decade(size)
        steps = x[i] / (low / finer)
        value = steps - np.floor(steps + 0.5)
        out[i] = value if size > 0.0 else np.nan


share_compiled(globals())
