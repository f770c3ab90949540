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


@kernel(state=2, outputs=2, lanes=True)
def block_sum(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Sum since the beginning of the block of args[0] rows, and the `observed_run`; a missing value counts 0."""
    last = len(args) - 1
    for j in range(0, len(args), 4):
        b = min(j + 1, last)
        c = min(j + 2, last)
        d = min(j + 3, last)
        if args[j] == args[b] == args[c] == args[d]:
            _four_block_sums(work, io, at, n, row % int(args[j]), int(args[j]), j, b, c, d, state)
        else:
            for k in range(j, d + 1):
                _four_block_sums(work, io, at, n, row % int(args[k]), int(args[k]), k, k, k, k, state)


@njit(cache=True, error_model="numpy", nogil=True)
def _four_block_sums(work, io, at, n, offset, block, a, b, c, d, state):  # type: ignore[no-untyped-def]
    """Lanes a to d of `block_sum` row by row, so that none waits for its own last sum; the same one may come twice."""
    xa = work[io[3 * a], at : at + n]
    xb = work[io[3 * b], at : at + n]
    xc = work[io[3 * c], at : at + n]
    xd = work[io[3 * d], at : at + n]
    ta = work[io[3 * a + 1], at : at + n]
    tb = work[io[3 * b + 1], at : at + n]
    tc = work[io[3 * c + 1], at : at + n]
    td = work[io[3 * d + 1], at : at + n]
    ra = work[io[3 * a + 2], at : at + n]
    rb = work[io[3 * b + 2], at : at + n]
    rc = work[io[3 * c + 2], at : at + n]
    rd = work[io[3 * d + 2], at : at + n]
    sum_a, sum_b, sum_c, sum_d = state[2 * a], state[2 * b], state[2 * c], state[2 * d]
    run_a, run_b, run_c, run_d = state[2 * a + 1], state[2 * b + 1], state[2 * c + 1], state[2 * d + 1]
    first = 0
    while first < n:
        if offset == block:
            offset = 0
        if offset == 0:
            sum_a = sum_b = sum_c = sum_d = 0.0
        end = min(n, first + block - offset)
        for i in range(first, end):
            va, vb, vc, vd = xa[i], xb[i], xc[i], xd[i]
            sum_a += va if va == va else 0.0
            sum_b += vb if vb == vb else 0.0
            sum_c += vc if vc == vc else 0.0
            sum_d += vd if vd == vd else 0.0
            run_a = run_a + 1.0 if va == va else 0.0
            run_b = run_b + 1.0 if vb == vb else 0.0
            run_c = run_c + 1.0 if vc == vc else 0.0
            run_d = run_d + 1.0 if vd == vd else 0.0
            ta[i], tb[i], tc[i], td[i] = sum_a, sum_b, sum_c, sum_d
            ra[i], rb[i], rc[i], rd[i] = run_a, run_b, run_c, run_d
        offset += end - first
        first = end
    state[2 * a], state[2 * b], state[2 * c], state[2 * d] = sum_a, sum_b, sum_c, sum_d
    state[2 * a + 1], state[2 * b + 1], state[2 * c + 1], state[2 * d + 1] = run_a, run_b, run_c, run_d


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
        observed = run[i : i + rows]
        for j in range(min(max(whole, 0), rows)):
            value = (before - old[j]) + new[j]
            target[j] = value if observed[j] >= w else np.nan
        if 0 <= whole < rows:
            target[whole] = new[whole] if observed[whole] >= w else np.nan
        for j in range(min(max(whole + 1, 0), rows), rows):
            value = new[j] - old[j]
            target[j] = value if observed[j] >= w else np.nan
        if offset + rows == block:
            keep_last(work, io, 0, at + i + rows - 1, state)
        i += rows


@kernel(state=4, outputs=4)
def block_moments(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Reference of the block of args[0] rows, since its beginning the sums of distances from it and of their squares,
    and the `observed_run`.

    The reference is the last value known before the block's second row. A missing value counts for nothing.
    """
    block = int(args[0])
    x = work[io[0], at : at + n]
    reference = work[io[1], at : at + n]
    first = work[io[2], at : at + n]
    second = work[io[3], at : at + n]
    run = work[io[4], at : at + n]
    centre = state[0]
    s1 = state[1]
    s2 = state[2]
    observed = state[3]
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
        observed = observed + 1.0 if value == value else 0.0
        reference[i] = centre
        first[i] = s1
        second[i] = s2
        run[i] = observed
        offset += 1
    state[0] = centre
    state[1] = s1
    state[2] = s2
    state[3] = observed


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


@kernel(state=3, lanes=True)
def ema(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Exponential mean with normalised weights of span args[0]; a missing value is skipped.

    State: values seen, counted up to the span; their weight; the mean. After many values the weight does not change any
    more, and four lanes go on together.
    """
    last = len(args) - 1
    for j in range(0, len(args), 4):
        four = (j, min(j + 1, last), min(j + 2, last), min(j + 3, last))
        settled = 0
        for k in four:
            seen, weight = state[3 * k], state[3 * k + 1]
            decay = 1.0 - 2.0 / (args[k] + 1.0)
            settled += 1 if (seen >= args[k]) & (decay * weight + 1.0 == weight) else 0
        if settled == 4:
            gains = (
                1.0 / state[3 * four[0] + 1],
                1.0 / state[3 * four[1] + 1],
                1.0 / state[3 * four[2] + 1],
                1.0 / state[3 * four[3] + 1],
            )
            _four_steady_means(work, io, at, n, four, gains, state, 3)
        else:
            for k in range(j, four[3] + 1):
                _ema(work[io[2 * k], at : at + n], work[io[2 * k + 1], at : at + n], args[k], state[3 * k : 3 * k + 3])


@njit(cache=True, error_model="numpy", nogil=True)
def _ema(x, out, span, state):  # type: ignore[no-untyped-def]
    """One lane of `ema`."""
    decay = 1.0 - 2.0 / (span + 1.0)
    seen, weight, mean = state[0], state[1], state[2]
    for i in range(len(x)):
        value = x[i]
        if value == value:
            seen += 1.0 if seen < span else 0.0
            weight = decay * weight + 1.0
            mean += (value + SPECK - mean) * (1.0 / weight)
            out[i] = unfaded(mean) if seen >= span else np.nan
        else:
            out[i] = np.nan
    state[0], state[1], state[2] = seen, weight, mean


@njit(cache=True, error_model="numpy", nogil=True)
def _four_steady_means(work, io, at, n, lanes, gains, state, width):  # type: ignore[no-untyped-def]
    """Means that move by a fixed share of each value's distance, row by row; the last of `width` states is the mean."""
    a, b, c, d = lanes
    gain_a, gain_b, gain_c, gain_d = gains
    xa = work[io[2 * a], at : at + n]
    xb = work[io[2 * b], at : at + n]
    xc = work[io[2 * c], at : at + n]
    xd = work[io[2 * d], at : at + n]
    out_a = work[io[2 * a + 1], at : at + n]
    out_b = work[io[2 * b + 1], at : at + n]
    out_c = work[io[2 * c + 1], at : at + n]
    out_d = work[io[2 * d + 1], at : at + n]
    end = width - 1
    mean_a, mean_b = state[width * a + end], state[width * b + end]
    mean_c, mean_d = state[width * c + end], state[width * d + end]
    for i in range(n):
        va, vb, vc, vd = xa[i], xb[i], xc[i], xd[i]
        new_a = mean_a + (va + SPECK - mean_a) * gain_a
        new_b = mean_b + (vb + SPECK - mean_b) * gain_b
        new_c = mean_c + (vc + SPECK - mean_c) * gain_c
        new_d = mean_d + (vd + SPECK - mean_d) * gain_d
        mean_a = new_a if va == va else mean_a
        mean_b = new_b if vb == vb else mean_b
        mean_c = new_c if vc == vc else mean_c
        mean_d = new_d if vd == vd else mean_d
        # Where the value is missing, so is what would have been the new mean.
        out_a[i], out_b[i] = unfaded(new_a), unfaded(new_b)
        out_c[i], out_d[i] = unfaded(new_c), unfaded(new_d)
    state[width * a + end], state[width * b + end] = mean_a, mean_b
    state[width * c + end], state[width * d + end] = mean_c, mean_d


@kernel(state=2, lanes=True)
def wilder(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Wilder's mean of args[0] rows: the plain mean of the first, then m + (x - m) / n; a missing value is skipped.

    State: values seen, counted up to args[0]; the mean, before that the sum.
    """
    last = len(args) - 1
    for j in range(0, len(args), 4):
        four = (j, min(j + 1, last), min(j + 2, last), min(j + 3, last))
        begun = 0
        for k in four:
            begun += 1 if state[2 * k] >= args[k] else 0
        if begun == 4:
            gains = (1.0 / args[four[0]], 1.0 / args[four[1]], 1.0 / args[four[2]], 1.0 / args[four[3]])
            _four_steady_means(work, io, at, n, four, gains, state, 2)
        else:
            for k in range(j, four[3] + 1):
                _wilder(
                    work[io[2 * k], at : at + n], work[io[2 * k + 1], at : at + n], args[k], state[2 * k : 2 * k + 2]
                )


@njit(cache=True, error_model="numpy", nogil=True)
def _wilder(x, out, w, state):  # type: ignore[no-untyped-def]
    """One lane of `wilder`."""
    gain = 1.0 / w
    seen, mean = state[0], state[1]
    for i in range(len(x)):
        value = x[i]
        if value == value:
            if seen >= w:
                mean += (value + SPECK - mean) * gain
            else:
                seen += 1.0
                mean = mean + value + SPECK if seen < w else (mean + value) / w
            out[i] = unfaded(mean) if seen >= w else np.nan
        else:
            out[i] = np.nan
    state[0], state[1] = seen, mean


share_compiled(globals())
