"""Kernels over the last rows: sums, means, spreads, extremes, lines, and averages that forget.

Sums over a window are differences of sums since the beginning of a block. Blocks begin at multiples of their length,
counted from the first row, so rounding cannot pile up over a long column, the same bits come out of any pieces, and the
differences of many rows are taken at once. Spreads are summed about a value of the block; where too few digits are
left, as after a jump, the window is summed up afresh.

Which windows are whole is told by one column, the rows in a row that had a value (`observed_run`). Beside sums of
blocks it is left out but for the last row, where that tells that all windows of a piece are whole (`all_whole`), as it
nearly always does. So is all of a block's reference that nobody needs.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from argus.core._fused_kernels import fused
from argus.core._sharing_kernels import share_compiled
from argus.features._algebra_kernels import SPECK, quotient, unfaded
from argus.features._fading_kernels import MEAN, STEADY, steady_mean
from argus.features._form_kernels import kernel
from argus.features._lanes_kernels import add_up, roots

_CANCELLED = 1e-6
"""A sum of squares this small against all squares of its blocks has lost digits."""


def _window(args):  # type: ignore[no-untyped-def]
    return int(args[0])


def _longest(args):  # type: ignore[no-untyped-def]
    return int(max(args))


@kernel(state=1)
def observed_run(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Rows in a row, up to this one, that have a value."""
    state[0] = _count_on(work[io[0], at : at + n], state[0], work[io[1], at : at + n])


@njit(cache=True, error_model="numpy", nogil=True)
def _count_on(x, run, out):  # type: ignore[no-untyped-def]
    """Write the `observed_run` of x, `run` rows before it; gives the last one."""
    missing = 0
    for i in range(len(out)):
        missing += 0 if x[i] == x[i] else 1
        # Right if nothing is missing, and no row waits for the one before; only short integers become floats at once.
        out[i] = run + (np.int32(i) + 1.0)
    if missing == 0:
        return run + len(out)
    for i in range(len(out)):
        run = run + 1.0 if x[i] == x[i] else 0.0
        out[i] = run
    return run


@njit(cache=True, error_model="numpy", nogil=True)
def _count_on_blocks(x, missing, run, block, out):  # type: ignore[no-untyped-def]
    """The same where that many values are missing; the last row is enough where `all_whole` will find it so."""
    if missing > 0 or run < block - 1.0:
        return _count_on(x, run, out)
    out[len(out) - 1] = run + len(out)
    return run + len(out)


@njit(cache=True, error_model="numpy", nogil=True)
def all_whole(run, block):  # type: ignore[no-untyped-def]
    """Whether no row of a piece with this `observed_run` has a value missing in the last `block` rows."""
    return run[len(run) - 1] >= len(run) + block - 1.0


@njit(cache=True, error_model="numpy", nogil=True)
def blank(run, w, out):  # type: ignore[no-untyped-def]
    """Take out what was worked out over windows that are not whole."""
    for i in range(len(out)):
        out[i] = out[i] if run[i] >= w else np.nan


@njit(cache=True, error_model="numpy", nogil=True)
def _add_up_known(x, out, offset, state):  # type: ignore[no-untyped-def]
    """Write the sums of the known values up to each, as `add_up`; gives how many are missing."""
    a, b, c, d = state[0], state[1], state[2], state[3]
    add_up(x, out, offset, state)
    if out[len(out) - 1] == out[len(out) - 1]:
        return 0
    # What is missing is missing in all sums after it, so that one question is enough where nothing is.
    state[0], state[1], state[2], state[3] = a, b, c, d
    missing = 0
    for i in range(len(x)):
        is_known = x[i] == x[i]
        out[i] = x[i] if is_known else 0.0
        missing += 0 if is_known else 1
    add_up(out, out, offset, state)
    return missing


@kernel(state=5, outputs=2, cost=0.6)
def block_sum(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Sum since the beginning of the block of args[0] rows, and the `observed_run`; a missing value counts 0."""
    block = int(args[0])
    missing = 0
    here = at
    while here < at + n:
        offset = (row + here - at) % block
        end = min(here + block - offset, at + n)
        missing += _add_up_known(work[io[0], here:end], work[io[1], here:end], offset, state[1:])
        here = end
    state[0] = _count_on_blocks(work[io[0], at : at + n], missing, state[0], args[0], work[io[2], at : at + n])


@njit(cache=True, error_model="numpy", nogil=True)
def keep_last(work, io, first, position, state):  # type: ignore[no-untyped-def]
    """Remember what stands at a position, the last row of a block, in the columns from ``io[first]`` on."""
    for k in range(len(state)):
        state[k] = work[io[first + k], position]


@njit(cache=True, error_model="numpy", nogil=True)
def _sums_across(before, new, old, divisor, factor, rest, out):  # type: ignore[no-untyped-def]
    """Sums of windows that began in the block before, whose sum is `before`, over a divisor."""
    for j in range(len(out)):
        out[j] = quotient((before - old[j]) + new[j], divisor, factor, rest)


@njit(cache=True, error_model="numpy", nogil=True)
def _sums_within(new, old, divisor, factor, rest, out):  # type: ignore[no-untyped-def]
    """Sums of windows that began in this block, over a divisor."""
    for j in range(len(out)):
        out[j] = quotient(new[j] - old[j], divisor, factor, rest)


@kernel(depth=_window, state=1)
def window_sum(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Sum of the last args[0] rows, over args[2], from their `block_sum` (blocks of args[1]) and their `observed_run`.

    The divisor is whole and at most a million; args[3] and args[4] are its reciprocal as `quotient` takes it. State:
    the sum of the whole block before.
    """
    w = int(args[0])
    block = int(args[1])
    divisor, factor, rest = args[2], args[3], args[4]
    sums = work[io[0]]
    out = work[io[2]]
    here = at
    while here < at + n:
        offset = (row + here - at) % block
        end = min(here + block - offset, at + n)
        cut = min(max(here + w - 1 - offset, here), end)
        _sums_across(state[0], sums[here:cut], sums[here - w : cut - w], divisor, factor, rest, out[here:cut])
        if offset < w and cut < end:
            # The window is the block so far.
            out[cut] = quotient(sums[cut], divisor, factor, rest)
            cut += 1
        _sums_within(sums[cut:end], sums[cut - w : end - w], divisor, factor, rest, out[cut:end])
        if offset + end - here == block:
            state[0] = sums[end - 1]
        here = end
    run = work[io[1], at : at + n]
    if not all_whole(run, args[1]):
        blank(run, args[0], out[at : at + n])


@kernel(state=4, outputs=4, cost=1.7)
def block_moments(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Reference of the block of args[0] rows, since its beginning the sums of distances from it and of their squares,
    and the `observed_run`.

    The reference is the last value known before the block's second row. It is written in the first and the last row of
    a block and of what is worked on at once. A missing value counts for nothing. Values are added one by one, not in
    groups: each moves a sum by the same then, whatever stands beside it, and a window that gains what it loses keeps
    its spread.
    """
    block = int(args[0])
    centre, s1, s2 = state[0], state[1], state[2]
    missing = 0
    here = at
    while here < at + n:
        offset = (row + here - at) % block
        end = min(here + block - offset, at + n)
        x = work[io[0], here:end]
        first = work[io[2], here:end]
        second = work[io[3], here:end]
        if offset == 0:
            centre = x[0] if x[0] == x[0] else centre
            s1 = 0.0
            s2 = 0.0
        work[io[1], here] = centre
        work[io[1], end - 1] = centre
        for i in range(len(x)):
            is_known = x[i] == x[i]
            gap = x[i] - centre if is_known else 0.0
            s1 += gap
            s2 += gap * gap
            first[i] = s1
            second[i] = s2
            missing += 0 if is_known else 1
        here = end
    state[0], state[1], state[2] = centre, s1, s2
    state[3] = _count_on_blocks(work[io[0], at : at + n], missing, state[3], args[0], work[io[4], at : at + n])


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


@njit(cache=True, error_model="numpy", nogil=True)
def _moments_across(before, centre, whole, old1, old2, new1, new2, w, out1, out2):  # type: ignore[no-untyped-def]
    """Means and spreads of windows that began in the block before, of whose rows the first one holds `whole`.

    Spreads that have lost digits are -1; gives how many.
    """
    share = 1.0 / w
    shift, all1, all2 = before[0] - centre, before[1], before[2]
    doubtful = 0
    for j in range(len(out1)):
        # Values of the block before, moved to this block's reference; `rest` are as many as lie in that block.
        rest = float(np.int32(whole - j))
        part1 = all1 - old1[j]
        part2 = (all2 - old2[j]) + shift * (2.0 * part1 + rest * shift)
        s1 = (part1 + rest * shift) + new1[j]
        scale = all2 + abs(shift) * (2.0 * abs(part1) + rest * abs(shift)) + new2[j]
        off = s1 * share
        value = (part2 + new2[j]) - s1 * off
        is_bad = value <= _CANCELLED * scale
        out1[j] = centre + off
        out2[j] = -1.0 if is_bad else value
        doubtful += 1 if is_bad else 0
    return doubtful


@njit(cache=True, error_model="numpy", nogil=True)
def _moments_within(centre, old1, old2, new1, new2, w, out1, out2):  # type: ignore[no-untyped-def]
    """The same of windows that began in this block."""
    share = 1.0 / w
    doubtful = 0
    for j in range(len(out1)):
        s1 = new1[j] - old1[j]
        off = s1 * share
        value = (new2[j] - old2[j]) - s1 * off
        is_bad = value <= _CANCELLED * new2[j]
        out1[j] = centre + off
        out2[j] = -1.0 if is_bad else value
        doubtful += 1 if is_bad else 0
    return doubtful


@kernel(depth=_window, state=3, outputs=2, cost=1.4)
def window_moments(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Mean of the last args[0] rows, and the sum of squared distances from it.

    Inputs: the values, their three `block_moments` (blocks of args[1]), their `observed_run`. If all values are equal
    the second is exactly zero. State: the three moments at the end of the block before.
    """
    w = int(args[0])
    block = int(args[1])
    first = work[io[2]]
    second = work[io[3]]
    run = work[io[4]]
    mean = work[io[5]]
    spread = work[io[6]]
    is_whole = all_whole(run[at : at + n], args[1])
    here = at
    while here < at + n:
        offset = (row + here - at) % block
        end = min(here + block - offset, at + n)
        cut = min(max(here + w - 1 - offset, here), end)
        centre = work[io[1], here]
        doubtful = 0
        if cut > here:
            doubtful += _moments_across(
                state, centre, w - 1 - offset, first[here - w : cut - w], second[here - w : cut - w], first[here:cut],
                second[here:cut], args[0], mean[here:cut], spread[here:cut],
            )  # fmt: skip
        if offset < w and cut < end:
            # The window is the block so far.
            off = first[cut] * (1.0 / w)
            value = second[cut] - first[cut] * off
            is_bad = value <= _CANCELLED * second[cut]
            mean[cut] = centre + off
            spread[cut] = -1.0 if is_bad else value
            doubtful += 1 if is_bad else 0
            cut += 1
        if cut < end:
            doubtful += _moments_within(
                centre, first[cut - w : end - w], second[cut - w : end - w], first[cut:end], second[cut:end],
                args[0], mean[cut:end], spread[cut:end],
            )  # fmt: skip
        if not is_whole:
            blank(run[here:end], args[0], mean[here:end])
            blank(run[here:end], args[0], spread[here:end])
        if doubtful > 0:
            _repair(work[io[0]], here, w, mean[here:end], spread[here:end])
        if offset + end - here == block:
            keep_last(work, io, 1, end - 1, state)
        here = end


@kernel(cost=0.7)
def deviation(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Standard deviation from a sum of squared distances and a divisor, args[0]."""
    roots(work[io[0], at : at + n], 1.0 / args[0], work[io[1], at : at + n])


@kernel(depth=_longest, cost=0.5)
def higher(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """The largest of the value and those of so many rows before as the three args say; missing if any is."""
    x = work[io[0], at : at + n]
    x1 = work[io[0], at - int(args[0]) : at - int(args[0]) + n]
    x2 = work[io[0], at - int(args[1]) : at - int(args[1]) + n]
    x3 = work[io[0], at - int(args[2]) : at - int(args[2]) + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        a = x[i] if x[i] > x1[i] else x1[i]
        b = x2[i] if x2[i] > x3[i] else x3[i]
        is_known = (x[i] == x[i]) & (x1[i] == x1[i]) & (x2[i] == x2[i]) & (x3[i] == x3[i])
        best = a if a > b else b
        out[i] = best if is_known else np.nan


@kernel(depth=_longest, cost=0.5)
def lower(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """The smallest of the value and those of so many rows before as the three args say; missing if any is."""
    x = work[io[0], at : at + n]
    x1 = work[io[0], at - int(args[0]) : at - int(args[0]) + n]
    x2 = work[io[0], at - int(args[1]) : at - int(args[1]) + n]
    x3 = work[io[0], at - int(args[2]) : at - int(args[2]) + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        a = x[i] if x[i] < x1[i] else x1[i]
        b = x2[i] if x2[i] < x3[i] else x3[i]
        is_known = (x[i] == x[i]) & (x1[i] == x1[i]) & (x2[i] == x2[i]) & (x3[i] == x3[i])
        best = a if a < b else b
        out[i] = best if is_known else np.nan


@kernel(depth=_longest, outputs=2, cost=1.1)
def freshest(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """The most extreme of the value and those of so many rows before as three args say, and its age; the newest of
    equals.

    Inputs: values, their ages; args[3] is 1 for the largest and -1 for the smallest. Missing if any value is.
    """
    k1, k2, k3 = int(args[0]), int(args[1]), int(args[2])
    side = args[3]
    x = work[io[0], at : at + n]
    x1 = work[io[0], at - k1 : at - k1 + n]
    x2 = work[io[0], at - k2 : at - k2 + n]
    x3 = work[io[0], at - k3 : at - k3 + n]
    age = work[io[1], at : at + n]
    age1 = work[io[1], at - k1 : at - k1 + n]
    age2 = work[io[1], at - k2 : at - k2 + n]
    age3 = work[io[1], at - k3 : at - k3 + n]
    best = work[io[2], at : at + n]
    best_age = work[io[3], at : at + n]
    for i in range(n):
        is_known = (x[i] == x[i]) & (x1[i] == x1[i]) & (x2[i] == x2[i]) & (x3[i] == x3[i])
        top, top1, top2, top3 = side * x[i], side * x1[i], side * x2[i], side * x3[i]
        rows = age1[i] + k1 if top1 > top else age[i]
        top = top1 if top1 > top else top
        rows = age2[i] + k2 if top2 > top else rows
        top = top2 if top2 > top else top
        rows = age3[i] + k3 if top3 > top else rows
        top = top3 if top3 > top else top
        best[i] = side * top if is_known else np.nan
        best_age[i] = rows if is_known else np.nan


@kernel(state=3 + STEADY, lanes=True, cost=0.9)
def ema(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Exponential mean with normalised weights of span args[0]; a missing value is skipped.

    State: values seen, counted up to the span; their weight; whether it has settled; that of the `steady_mean`, which
    it is from then on.
    """
    for k in range(len(args)):
        x = work[io[2 * k], at : at + n]
        out = work[io[2 * k + 1], at : at + n]
        own = state[k * (3 + STEADY) : (k + 1) * (3 + STEADY)]
        begun = 0 if own[2] > 0.0 else _settle(x, out, args[k], own)
        if begun < n:
            steady_mean(x[begun:], out[begun:], 1.0 / own[1], own[3:])


@njit(cache=True, error_model="numpy", nogil=True)
def _settle(x, out, span, state):  # type: ignore[no-untyped-def]
    """The first rows of one lane of `ema`, until its weight does not change any more; gives how many they are."""
    decay = 1.0 - 2.0 / (span + 1.0)
    seen, weight, mean = state[0], state[1], state[3 + MEAN]
    is_settled = False
    i = 0
    while i < len(x) and not is_settled:
        value = x[i]
        if value == value:
            before = weight
            seen += 1.0 if seen < span else 0.0
            weight = decay * weight + 1.0
            mean = fused(1.0 / weight, value + SPECK - mean, mean)
            out[i] = unfaded(mean) if seen >= span else np.nan
            is_settled = (seen >= span) & (weight == before)
        else:
            out[i] = np.nan
        i += 1
    state[0], state[1], state[2], state[3 + MEAN] = seen, weight, 1.0 if is_settled else 0.0, mean
    return i


@kernel(state=1 + STEADY, lanes=True, cost=1.1)
def wilder(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Wilder's mean of args[0] rows: the plain mean of the first, then m + (x - m) / n; a missing value is skipped.

    State: values seen, counted up to args[0]; that of the `steady_mean`, in whose place stands their sum before that.
    """
    for k in range(len(args)):
        own = state[k * (1 + STEADY) : (k + 1) * (1 + STEADY)]
        _wilder(work[io[2 * k], at : at + n], work[io[2 * k + 1], at : at + n], args[k], own)


@njit(cache=True, error_model="numpy", nogil=True)
def _wilder(x, out, w, state):  # type: ignore[no-untyped-def]
    """One lane of `wilder`."""
    i = 0
    while i < len(x) and state[0] < w:
        out[i] = np.nan
        if x[i] == x[i]:
            state[0] += 1.0
            state[1 + MEAN] += x[i] + SPECK
            if state[0] >= w:
                state[1 + MEAN] /= w
                out[i] = unfaded(state[1 + MEAN])
        i += 1
    if i < len(x):
        steady_mean(x[i:], out[i:], 1.0 / w, state[1:])


share_compiled(globals())
