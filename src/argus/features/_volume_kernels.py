"""Kernels of volume: sums since the beginning or the session's opening, averages weighted by volume, usual volume.

Averages over windows are differences of sums of a block, as for plain windows; here each value weighs as much as was
traded at it. Where a window's weight, or its spread, is so small against the block's that digits were lost, it is
summed up afresh.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import kernel
from argus.features._lanes_kernels import add_up
from argus.features._level_kernels import stretch_end
from argus.features._window_kernels import all_whole, blank, keep_last

_CANCELLED = 1e-6
"""A window's share of its blocks' sums below which digits were lost."""
_NOTHING = 1e-13
"""A variance this small against the square about the session's first price is rounding."""
_ROWS_AT_ONCE = 256
"""Rows that are gone through several times at once, so that they stay in the first cache."""
_SLOT = 5
"""What is remembered for each slot of the session."""


def _window(args):  # type: ignore[no-untyped-def]
    return int(args[0])


def _slots(args):  # type: ignore[no-untyped-def]
    return _SLOT * math.ceil(1440.0 / args[0])


@kernel(depth=1, outputs=2, cost=1.0)
def directed(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Volume with the sign of the change of x, and volume where there is a change to speak of (x known twice)."""
    x = work[io[0], at : at + n]
    last = work[io[0], at - 1 : at - 1 + n]
    volume = work[io[1], at : at + n]
    signed = work[io[2], at : at + n]
    counted = work[io[3], at : at + n]
    for i in range(n):
        change = x[i] - last[i]
        side = (1.0 if change > 0.0 else 0.0) - (1.0 if change < 0.0 else 0.0)
        is_known = change == change
        signed[i] = side * volume[i] if is_known else np.nan
    # One output at a time: a loop that writes to several is too much for the compiler to take rows together.
    for i in range(n):
        change = x[i] - last[i]
        counted[i] = volume[i] if change == change else np.nan


@kernel(state=4, cost=0.6)
def running_total(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Sum of all values so far; a missing value gives none and is skipped."""
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    missing = 0
    for i in range(n):
        is_known = x[i] == x[i]
        out[i] = x[i] if is_known else 0.0
        missing += 0 if is_known else 1
    add_up(out, out, row, state)
    if missing > 0:
        for i in range(n):
            out[i] = out[i] if x[i] == x[i] else np.nan


@kernel(cost=0.9)
def close_location(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """((close - low) - (high - close)) / (high - low); 0 where high is low. Inputs: high, low, close."""
    high = work[io[0], at : at + n]
    low = work[io[1], at : at + n]
    close = work[io[2], at : at + n]
    out = work[io[3], at : at + n]
    for i in range(n):
        span = high[i] - low[i]
        above = (close[i] - low[i]) - (high[i] - close[i])
        value = above / span
        out[i] = value if span != 0.0 else 0.0 * above


@kernel(cost=0.9)
def ease(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Product of x and y over volume; 0 where nothing was traded."""
    x = work[io[0], at : at + n]
    y = work[io[1], at : at + n]
    volume = work[io[2], at : at + n]
    out = work[io[3], at : at + n]
    for i in range(n):
        moved = x[i] * y[i]
        value = moved / volume[i]
        out[i] = value if volume[i] != 0.0 else 0.0 * moved


@njit(cache=True, error_model="numpy", nogil=True)
def _ratios_across(all_x, all_y, old_x, old_y, new_x, new_y, out):  # type: ignore[no-untyped-def]
    """Ratios over windows that began in the block before, whose sums are `all_x` and `all_y`; gives the doubtful."""
    doubtful = 0
    for j in range(len(out)):
        below = (all_y - old_y[j]) + new_y[j]
        is_good = below > _CANCELLED * (all_y + new_y[j])
        value = ((all_x - old_x[j]) + new_x[j]) / below
        out[j] = value if is_good else np.nan
        doubtful += 0 if is_good else 1
    return doubtful


@njit(cache=True, error_model="numpy", nogil=True)
def _ratios_within(old_x, old_y, new_x, new_y, out):  # type: ignore[no-untyped-def]
    """The same over windows that began in this block."""
    doubtful = 0
    for j in range(len(out)):
        below = new_y[j] - old_y[j]
        is_good = below > _CANCELLED * new_y[j]
        value = (new_x[j] - old_x[j]) / below
        out[j] = value if is_good else np.nan
        doubtful += 0 if is_good else 1
    return doubtful


@kernel(depth=_window, state=2, cost=1.3)
def ratio_of_totals(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Sum of x over sum of y of the last args[0] rows, where no x is larger than its y; NaN where nothing is in y.

    Inputs: x, y, their `block_sum` (blocks of args[1]), the `observed_run` beside that of x. State: both sums of the
    block before.
    """
    w = int(args[0])
    block = int(args[1])
    x = work[io[2]]
    y = work[io[3]]
    run = work[io[4]]
    out = work[io[5]]
    is_whole = all_whole(run[at : at + n], args[1])
    here = at
    while here < at + n:
        offset = (row + here - at) % block
        end = min(here + block - offset, at + n)
        cut = min(max(here + w - 1 - offset, here), end)
        doubtful = _ratios_across(
            state[0], state[1], x[here - w : cut - w], y[here - w : cut - w], x[here:cut], y[here:cut], out[here:cut]
        )
        if offset < w and cut < end:
            # The window is the block so far.
            out[cut] = x[cut] / y[cut] if y[cut] > 0.0 else np.nan
            cut += 1
        doubtful += _ratios_within(x[cut - w : end - w], y[cut - w : end - w], x[cut:end], y[cut:end], out[cut:end])
        if doubtful > 0:
            for last in range(here, end):
                if not out[last] == out[last] and (is_whole or run[last] >= w):
                    above = 0.0
                    below = 0.0
                    for k in range(last - w + 1, last + 1):
                        above += work[io[0], k]
                        below += work[io[1], k]
                    out[last] = above / below if below > 0.0 else np.nan
        if offset + end - here == block:
            keep_last(work, io, 2, end - 1, state)
        here = end
    if not is_whole:
        blank(run[at : at + n], args[0], out[at : at + n])


@njit(cache=True, error_model="numpy", nogil=True)
def _weighted_gaps(x, weight, centre, run, runs, out1, out2):  # type: ignore[no-untyped-def]
    """Write runs as if nothing were missing, weighted distances from a centre, and those times the distances."""
    for i in range(len(x)):
        gap = x[i] - centre
        part = weight[i] * gap
        runs[i] = run + (np.int32(i) + 1.0)
        out1[i] = part
        out2[i] = part * gap


@njit(cache=True, error_model="numpy", nogil=True)
def _known_weighted_gaps(x, weight, centre, run, runs, out0, out1, out2):  # type: ignore[no-untyped-def]
    """The same, and the weights, where a row with a missing value or weight gives 0."""
    for i in range(len(x)):
        gap = x[i] - centre
        part = weight[i] * gap
        is_known = part == part
        run = run + 1.0 if is_known else 0.0
        runs[i] = run
        out0[i] = weight[i] if is_known else 0.0
        out1[i] = part if is_known else 0.0
        out2[i] = part * gap if is_known else 0.0


@kernel(state=14, outputs=5, cost=2.6)
def weighted_block(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Rows in a row that have a value and a weight, and sums of the block of args[0] rows.

    Outputs: that run; the block's reference, in the first and the last row of a block and of what is worked on at once;
    since its beginning the sums of weights, of weighted distances from the reference, and of their squares. Inputs:
    values, weights; a row with a missing one counts for nothing. State: the reference, the run, and what `add_up`
    carries of the three sums.
    """
    block = int(args[0])
    sums0, sums1, sums2 = state[2:6], state[6:10], state[10:14]
    here = at
    while here < at + n:
        offset = (row + here - at) % block
        end = min(here + block - offset, at + n, here + _ROWS_AT_ONCE)
        x = work[io[0], here:end]
        weight = work[io[1], here:end]
        runs = work[io[2], here:end]
        out0 = work[io[4], here:end]
        out1 = work[io[5], here:end]
        out2 = work[io[6], here:end]
        if offset == 0:
            state[0] = x[0] if x[0] == x[0] else state[0]
        centre = state[0]
        work[io[3], here] = centre
        work[io[3], end - 1] = centre
        _weighted_gaps(x, weight, centre, state[1], runs, out1, out2)
        before = sums1[0], sums1[1], sums1[2], sums1[3]
        add_up(out1, out1, offset, sums1)
        # What is missing is missing in all sums after it.
        if out1[len(out1) - 1] == out1[len(out1) - 1]:
            add_up(weight, out0, offset, sums0)
        else:
            sums1[0], sums1[1], sums1[2], sums1[3] = before
            _known_weighted_gaps(x, weight, centre, state[1], runs, out0, out1, out2)
            add_up(out1, out1, offset, sums1)
            add_up(out0, out0, offset, sums0)
        add_up(out2, out2, offset, sums2)
        state[1] = runs[len(runs) - 1]
        here = end


@njit(cache=True, error_model="numpy", nogil=True)
def _weighted_afresh(x, weight, last, w):  # type: ignore[no-untyped-def]
    """Weighted mean and variance of the `w` values up to position `last`; NaN without weight."""
    centre = x[last]
    s0 = 0.0
    s1 = 0.0
    for j in range(last - w + 1, last + 1):
        s0 += weight[j]
        s1 += weight[j] * (x[j] - centre)
    if not s0 > 0.0:
        return np.nan, np.nan
    mean = s1 / s0
    spread = 0.0
    for j in range(last - w + 1, last + 1):
        gap = (x[j] - centre) - mean
        spread += weight[j] * gap * gap
    return centre + mean, spread / s0


@njit(cache=True, error_model="numpy", nogil=True)
def _weighted_across(before, centre, old0, old1, old2, new0, new1, new2, out1, out2):  # type: ignore[no-untyped-def]
    """Means and variances of windows that began in the block before; variances in doubt are -1; gives how many."""
    shift, all0, all1, all2 = before[0] - centre, before[1], before[2], before[3]
    doubtful = 0
    for j in range(len(out1)):
        # Values of the block before, moved to this block's reference.
        part0 = all0 - old0[j]
        part1 = all1 - old1[j]
        s0 = part0 + new0[j]
        s1 = (part1 + part0 * shift) + new1[j]
        s2 = (all2 - old2[j]) + shift * (2.0 * part1 + part0 * shift) + new2[j]
        scale = all2 + abs(shift) * (2.0 * abs(part1) + all0 * abs(shift)) + new2[j]
        share = 1.0 / s0
        off = s1 * share
        spread = s2 - s1 * off
        is_good = (s0 > _CANCELLED * (all0 + new0[j])) & (spread > _CANCELLED * scale)
        out1[j] = centre + off
        out2[j] = spread * share if is_good else -1.0
        doubtful += 0 if is_good else 1
    return doubtful


@njit(cache=True, error_model="numpy", nogil=True)
def _weighted_within(centre, old0, old1, old2, new0, new1, new2, out1, out2):  # type: ignore[no-untyped-def]
    """The same of windows that began in this block."""
    doubtful = 0
    for j in range(len(out1)):
        s0 = new0[j] - old0[j]
        s1 = new1[j] - old1[j]
        share = 1.0 / s0
        off = s1 * share
        spread = (new2[j] - old2[j]) - s1 * off
        is_good = (s0 > _CANCELLED * new0[j]) & (spread > _CANCELLED * new2[j])
        out1[j] = centre + off
        out2[j] = spread * share if is_good else -1.0
        doubtful += 0 if is_good else 1
    return doubtful


@kernel(depth=_window, state=4, outputs=2, cost=3.0)
def weighted_window(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Weighted mean of the last args[0] values, and their weighted variance; NaN where nothing has weight.

    Inputs: values, weights, their five `weighted_block` (blocks of args[1]). State: four of them at the end of the
    block before.
    """
    w = int(args[0])
    block = int(args[1])
    x0, x1, x2 = work[io[4]], work[io[5]], work[io[6]]
    run, mean, variance = work[io[2]], work[io[7]], work[io[8]]
    here = at
    while here < at + n:
        offset = (row + here - at) % block
        end = min(here + block - offset, at + n)
        cut = min(max(here + w - 1 - offset, here), end)
        centre = work[io[3], here]
        doubtful = 0
        if cut > here:
            doubtful += _weighted_across(
                state, centre, x0[here - w : cut - w], x1[here - w : cut - w], x2[here - w : cut - w],
                x0[here:cut], x1[here:cut], x2[here:cut], mean[here:cut], variance[here:cut],
            )  # fmt: skip
        if offset < w and cut < end:
            # The window is the block so far.
            share = 1.0 / x0[cut]
            off = x1[cut] * share
            spread = x2[cut] - x1[cut] * off
            is_good = (x0[cut] > 0.0) & (spread > _CANCELLED * x2[cut])
            mean[cut] = centre + off
            variance[cut] = spread * share if is_good else -1.0
            doubtful += 0 if is_good else 1
            cut += 1
        if cut < end:
            doubtful += _weighted_within(
                centre, x0[cut - w : end - w], x1[cut - w : end - w], x2[cut - w : end - w],
                x0[cut:end], x1[cut:end], x2[cut:end], mean[cut:end], variance[cut:end],
            )  # fmt: skip
        if doubtful > 0:
            for last in range(here, end):
                if variance[last] < 0.0 and run[last] >= w:
                    mean[last], variance[last] = _weighted_afresh(work[io[0]], work[io[1]], last, w)
        if offset + end - here == block:
            keep_last(work, io, 3, end - 1, state)
        here = end
    observed = run[at : at + n]
    if not all_whole(observed, args[0]):
        blank(observed, args[0], mean[at : at + n])
        blank(observed, args[0], variance[at : at + n])


@njit(cache=True, error_model="numpy", nogil=True)
def _weighted_parts(x, weight, centre, out0, out1, out2):  # type: ignore[no-untyped-def]
    """What each row adds to the sums of weights, of weighted distances from `centre`, and of their squares."""
    for i in range(len(x)):
        counts = (x[i] == x[i]) & (weight[i] > 0.0)
        out0[i] = weight[i] if counts else 0.0
    for i in range(len(x)):
        part = weight[i] * (x[i] - centre)
        out1[i] = part if out0[i] > 0.0 else 0.0
    for i in range(len(x)):
        out2[i] = out1[i] * (x[i] - centre) if out0[i] > 0.0 else 0.0


@njit(cache=True, error_model="numpy", nogil=True)
def _sums(s0, s1, s2, out0, out1, out2):  # type: ignore[no-untyped-def]
    """Replace the values of three arrays by the sums up to each; gives the last ones."""
    for i in range(len(out0)):
        s0 += out0[i]
        s1 += out1[i]
        s2 += out2[i]
        out0[i] = s0
        out1[i] = s1
        out2[i] = s2
    return s0, s1, s2


@njit(cache=True, error_model="numpy", nogil=True)
def _averages(x, weight, centre, out0, mean, spread):  # type: ignore[no-untyped-def]
    """Weight, weighted mean and standard deviation from the three sums, in their places."""
    for i in range(len(x)):
        is_known = (x[i] == x[i]) & (weight[i] == weight[i]) & (out0[i] > 0.0)
        out0[i] = out0[i] if is_known else np.nan
    for i in range(len(x)):
        each = 1.0 / out0[i]
        off = mean[i] * each
        square = spread[i] * each
        variance = square - off * off
        mean[i] = centre + off
        spread[i] = math.sqrt(variance if variance > _NOTHING * square else 0.0 * variance)


@kernel(state=5, outputs=3, cost=5.9)
def session_average(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Weight so far in the session, weighted mean of the values so far in it, and weighted standard deviation.

    Inputs: values, weights, session. A row with a missing value or weight gives none and is skipped. State: session,
    its first value, sums of weights, of weighted distances from the first value, and of their squares.
    """
    x = work[io[0], at : at + n]
    weight = work[io[1], at : at + n]
    session = work[io[2], at : at + n]
    out0 = work[io[3], at : at + n]
    mean = work[io[4], at : at + n]
    spread = work[io[5], at : at + n]
    now = state[0] if row > 0 else np.nan
    centre = state[1]
    s0 = state[2]
    s1 = state[3]
    s2 = state[4]
    i = 0
    while i < n:
        if not session[i] == now:
            now = session[i]
            centre = np.nan
            s0 = 0.0
            s1 = 0.0
            s2 = 0.0
        end = stretch_end(session, i)
        while i < end:
            k = min(i + _ROWS_AT_ONCE, end)
            for j in range(i, k):
                if centre == centre:
                    break
                centre = x[j] if weight[j] > 0.0 else np.nan
            _weighted_parts(x[i:k], weight[i:k], centre, out0[i:k], mean[i:k], spread[i:k])
            s0, s1, s2 = _sums(s0, s1, s2, out0[i:k], mean[i:k], spread[i:k])
            _averages(x[i:k], weight[i:k], centre, out0[i:k], mean[i:k], spread[i:k])
            i = k
    state[0] = now
    state[1] = centre
    state[2] = s0
    state[3] = s1
    state[4] = s2


@kernel(state=_slots, cost=5.0)
def usual_volume(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Mean volume of a bar that began in the same args[0] minutes after the opening of earlier sessions.

    The mean of the first args[1] sessions, then m + (x - m) / args[1]; none before args[2] sessions. Inputs: volume,
    start of the bar, opening of its session, session. State, for each slot: sessions, mean, the session that is being
    counted there (its number and one), its volume and bars.
    """
    seconds = 60.0 * args[0]
    most = args[1]
    least = args[2]
    slots = len(state) // _SLOT
    volume = work[io[0], at : at + n]
    start = work[io[1], at : at + n]
    opening = work[io[2], at : at + n]
    session = work[io[3], at : at + n]
    out = work[io[4], at : at + n]
    for i in range(n):
        out[i] = (start[i] - opening[i]) / seconds
    slot = -1
    now = np.nan
    usual = np.nan
    total = 0.0
    bars = 0.0
    for i in range(n):
        since = out[i]
        if not (since >= 0.0 and since < slots):
            out[i] = np.nan
            continue
        # Bars of the same slot follow each other; what is counted there is put back when another one begins.
        if _SLOT * int(since) != slot or session[i] != now:
            if slot >= 0:
                state[slot + 3] = total
                state[slot + 4] = bars
            slot = _SLOT * int(since)
            now = session[i]
            total = state[slot + 3]
            bars = state[slot + 4]
            if state[slot + 2] != now + 1.0:
                if bars > 0.0:
                    state[slot] += 1.0
                    state[slot + 1] += (total / bars - state[slot + 1]) / min(state[slot], most)
                state[slot + 2] = now + 1.0
                total = 0.0
                bars = 0.0
            usual = state[slot + 1] if state[slot] >= least else np.nan
        value = volume[i]
        is_known = value == value
        total += value if is_known else 0.0
        bars += 1.0 if is_known else 0.0
        out[i] = usual if is_known else np.nan
    if slot >= 0:
        state[slot + 3] = total
        state[slot + 4] = bars


@kernel(depth=1, state=3, outputs=2)
def volume_indices(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Indices that start at args[0] and move with the price on falling volume, and on rising volume.

    Inputs: prices, volume. A row whose price or volume, or the row's before, is missing (or price not above zero)
    moves neither. State: whether begun, both indices.
    """
    x = work[io[0], at : at + n]
    last = work[io[0], at - 1 : at - 1 + n]
    volume = work[io[1], at : at + n]
    before = work[io[1], at - 1 : at - 1 + n]
    falling = work[io[2], at : at + n]
    rising = work[io[3], at : at + n]
    down = state[1] if state[0] > 0.0 else args[0]
    up = state[2] if state[0] > 0.0 else args[0]
    for i in range(n):
        factor = x[i] / last[i]
        is_price = (x[i] > 0.0) & (last[i] > 0.0)
        down *= factor if is_price & (volume[i] < before[i]) else 1.0
        up *= factor if is_price & (volume[i] > before[i]) else 1.0
        is_known = (x[i] == x[i]) & (volume[i] == volume[i])
        falling[i] = down if is_known else np.nan
        rising[i] = up if is_known else np.nan
    state[0] = 1.0
    state[1] = down
    state[2] = up


share_compiled(globals())
