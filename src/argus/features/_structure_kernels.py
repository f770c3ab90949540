"""Kernels of market structure: swings, levels made by them, gaps between bars, runs, breaks, round numbers.

A swing is known only when the rows after it have confirmed it; nothing here looks at a row that is not yet there.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import kernel

_LARGEST = 1e300
_PLACES = 64
"""Places in a ring of gaps: those that are remembered, one before them and one after."""
_LAST = _PLACES - 1


def _beyond(args):  # type: ignore[no-untyped-def]
    return int(args[0]) + 1


def _swing_levels(args):  # type: ignore[no-untyped-def]
    return 2 + 2 * int(args[1])


@kernel(depth=_beyond, state=7, outputs=5, scratch=2, cost=6.0)
def swings(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Last confirmed swing high and low, rows since they happened, and the trend that they show.

    Inputs: high, low, highest and lowest of args[0] rows. A high is a swing high if it is above the k highs before it
    and not below the k highs after it. Trend: 1 or -1 for a swing high above or below the one before it, likewise for
    lows, and the mean of both. State: begun, then level, level before and row of the last swing high, and of the low.
    """
    k = int(args[0])
    if state[0] == 0.0:
        state[0] = 1.0
        for j in range(1, 7):
            state[j] = np.nan
    for which in range(2):
        side = 1.0 - 2.0 * which
        x = work[io[which], at - k : at - k + n]
        after = work[io[2 + which], at : at + n]
        before = work[io[2 + which], at - k - 1 : at - k - 1 + n]
        level_out = work[io[4 + which], at : at + n]
        since_out = work[io[6 + which], at : at + n]
        rise = work[io[9 + which], at : at + n]
        level = state[1 + 3 * which]
        level_before = state[2 + 3 * which]
        level_row = state[3 + 3 * which]
        for i in range(n):
            is_swing = (side * x[i] > side * before[i]) & (side * x[i] >= side * after[i])
            level_out[i] = x[i] if is_swing else np.nan
        for i in range(n):
            new = level_out[i]
            is_swing = new == new
            now = float(row + i)
            level_before = level if is_swing else level_before
            level = new if is_swing else level
            level_row = now - k if is_swing else level_row
            level_out[i] = level
            since_out[i] = now - level_row
            rise[i] = level - level_before
        state[1 + 3 * which] = level
        state[2 + 3 * which] = level_before
        state[3 + 3 * which] = level_row
    trend = work[io[8], at : at + n]
    high_rise = work[io[9], at : at + n]
    low_rise = work[io[10], at : at + n]
    for i in range(n):
        rises = (0.5 if high_rise[i] > 0.0 else 0.0) + (0.5 if low_rise[i] > 0.0 else 0.0)
        falls = (0.5 if high_rise[i] < 0.0 else 0.0) + (0.5 if low_rise[i] < 0.0 else 0.0)
        is_known = (high_rise[i] == high_rise[i]) & (low_rise[i] == low_rise[i])
        trend[i] = rises - falls if is_known else np.nan


@njit(cache=True, error_model="numpy", nogil=True)
def _compare(level, x, above, below):  # type: ignore[no-untyped-def]
    """Take a level where it is nearer to the values than those that were found at or above, and at or below, them."""
    for i in range(len(x)):
        above[i] = level if (level >= x[i]) & (level < above[i]) else above[i]
    for i in range(len(x)):
        below[i] = level if (level <= x[i]) & (level > below[i]) else below[i]


@kernel(state=_swing_levels, outputs=2, scratch=1, cost=13.0)
def nearest(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Nearest swing level at or above the close, and at or below it, of the last args[1] swing highs and as many lows.

    Inputs: close, then the first four outputs of `swings` of args[0] rows. State: swing highs and lows so far, and the
    levels, the oldest written over: each stays for many rows, which are compared with it together.
    """
    k = args[0]
    m = int(args[1])
    x = work[io[0], at : at + n]
    above = work[io[5], at : at + n]
    below = work[io[6], at : at + n]
    rows = work[io[7], at : at + n]
    above[:] = np.inf
    below[:] = -np.inf
    for which in range(2):
        swing = work[io[1 + which], at : at + n]
        since = work[io[3 + which], at : at + n]
        before = int(state[which])
        turn = before % m
        count = 0
        for i in range(n):
            rows[count] = i
            count += 1 if since[i] == k else 0
        for j in range(m):
            place = 2 + m * which + j
            level = state[place] if before > j else np.nan
            begin = 0
            for new in range(j - turn if j >= turn else j - turn + m, count, m):
                end = int(rows[new])
                _compare(level, x[begin:end], above[begin:end], below[begin:end])
                level = swing[end]
                begin = end
            _compare(level, x[begin:], above[begin:], below[begin:])
            state[place] = level
        state[which] += count
    for i in range(n):
        above[i] = above[i] if above[i] < np.inf else np.nan
    for i in range(n):
        below[i] = below[i] if below[i] > -np.inf else np.nan


@njit(cache=True, error_model="numpy", nogil=True)
def _unfilled(low, old_high, high, old_low, row, m, places, ring, edge, side):  # type: ignore[no-untyped-def]
    """Near edge of the latest unfilled gap, and 1 or -1 by its direction, 0 where there is none.

    Far edges, near edges and rows of gaps upwards, then downwards, each a ring of the gaps and of places that hold
    none, which have no far edge; `places` are the next ones. Both directions go side by side, and a row writes to the
    next place whether a gap is new or not: where gaps come and go cannot be foreseen by a processor.
    """
    up = int(places[0])
    down = int(places[1])
    up_far = ring[(up - 1) & _LAST]
    down_far = ring[3 * _PLACES + ((down - 1) & _LAST)]
    for i in range(len(low)):
        now = float(row + i)
        is_up = low[i] > old_high[i]
        is_down = high[i] < old_low[i]
        least = old_high[i] if is_up else low[i]
        most = old_low[i] if is_down else high[i]
        up -= 1 if least <= up_far else 0
        down -= 1 if most >= down_far else 0
        while least <= ring[(up - 1) & _LAST]:
            up -= 1
        while most >= ring[3 * _PLACES + ((down - 1) & _LAST)]:
            down -= 1
        place = up & _LAST
        ring[place] = least
        ring[_PLACES + place] = low[i]
        ring[2 * _PLACES + place] = now
        place = down & _LAST
        ring[3 * _PLACES + place] = most
        ring[4 * _PLACES + place] = high[i]
        ring[5 * _PLACES + place] = now
        up += 1 if is_up else 0
        down += 1 if is_down else 0
        # The gap before the m latest is forgotten.
        ring[(up - m - 1) & _LAST] = np.nan
        ring[3 * _PLACES + ((down - m - 1) & _LAST)] = np.nan
        place = (up - 1) & _LAST
        up_far = ring[place]
        up_edge = ring[_PLACES + place]
        up_row = ring[2 * _PLACES + place] if up_far == up_far else -1.0
        place = (down - 1) & _LAST
        down_far = ring[3 * _PLACES + place]
        down_edge = ring[4 * _PLACES + place]
        down_row = ring[5 * _PLACES + place] if down_far == down_far else -1.0
        latest = (1.0 if up_row > down_row else 0.0) - (1.0 if up_row < down_row else 0.0)
        near = up_edge if latest > 0.0 else down_edge
        edge[i] = near if latest != 0.0 else np.nan
        side[i] = latest
    places[0] = up & _LAST
    places[1] = down & _LAST


@kernel(depth=2, state=2 + 6 * _PLACES, outputs=3, cost=11.4)
def fair_value_gaps(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Size of a gap that three bars just left, near edge of the latest unfilled gap, and its direction.

    Inputs: high, low. The size is signed by the direction, 0 without a gap. Of each direction the args[0] latest, at
    most 62, are kept in a ring, their far edges in order: rising for gaps upwards, falling for gaps downwards. A gap
    that breaks the order is dropped, for it is filled no later than the newer one and can never be the latest again. So
    a bar fills only the newest. State: next place of each ring, then far edges, near edges and rows of each.
    """
    m = int(args[0])
    high = work[io[0], at : at + n]
    low = work[io[1], at : at + n]
    old_high = work[io[0], at - 2 : at - 2 + n]
    old_low = work[io[1], at - 2 : at - 2 + n]
    size = work[io[2], at : at + n]
    edge = work[io[3], at : at + n]
    side = work[io[4], at : at + n]
    if row == 0:
        state[2:] = np.nan
    _unfilled(low, old_high, high, old_low, row, m, state[:2], state[2:], edge, side)
    for i in range(min(2 - row, n)):
        side[i] = np.nan
    for i in range(n):
        up_gap = low[i] - old_high[i]
        down_gap = old_low[i] - high[i]
        value = (up_gap if up_gap > 0.0 else 0.0) - (down_gap if down_gap > 0.0 else 0.0)
        size[i] = value if (up_gap == up_gap) & (down_gap == down_gap) else np.nan


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


@kernel(depth=1, state=1, cost=1.8)
def signed_run(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Rows in a row that rose (positive) or fell (negative); 0 where a row is equal to the one before."""
    x = work[io[0], at : at + n]
    old = work[io[0], at - 1 : at - 1 + n]
    out = work[io[1], at : at + n]
    missing = 0
    for i in range(n):
        out[i] = (1.0 if x[i] > old[i] else 0.0) - (1.0 if x[i] < old[i] else 0.0)
        missing += 0 if (x[i] == x[i]) & (old[i] == old[i]) else 1
    run = state[0]
    before = (1.0 if run > 0.0 else 0.0) - (1.0 if run < 0.0 else 0.0)
    first = -int(abs(run))
    for i in range(n):
        # Nothing waits for the row before but where the run began.
        side = out[i]
        first = first if side == before else i
        before = side
        out[i] = side * (i - first + 1)
    state[0] = out[n - 1]
    if missing > 0:
        for i in range(n):
            out[i] = out[i] if (x[i] == x[i]) & (old[i] == old[i]) else np.nan


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


@kernel(cost=1.6)
def round_number(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Distance from the nearest multiple of a step, in steps: a step is |x|'s power of ten over ten to the args[0]."""
    finer = 1.0
    for _ in range(int(args[0])):
        finer *= 10.0
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    low, high = _decade(abs(x[0])) if n > 0 and abs(x[0]) > 0.0 else (1.0, 1.0)
    others = 0
    for i in range(n):
        others += 1 if not ((low <= abs(x[i])) & (abs(x[i]) < high)) else 0
    if others == 0:
        # The whole piece in one decade: so it is with prices.
        step = low / finer
        for i in range(n):
            steps = x[i] / step
            out[i] = steps - np.floor(steps + 0.5)
        return
    for i in range(n):
        size = abs(x[i])
        if size > 0.0 and not (low <= size < high):
            low, high = _decade(size)
        steps = x[i] / (low / finer)
        value = steps - np.floor(steps + 0.5)
        out[i] = value if size > 0.0 else np.nan


share_compiled(globals())
