"""Kernels of indicators that carry themselves on from bar to bar: relative strength, directional movement, stops.

They are chains that no window ends, so each row has to wait for the one before. Several chains run side by side in one
pass where an indicator has them, which costs hardly more than one. Divisions are left to a second loop.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from argus.core._fused_kernels import fused
from argus.core._sharing_kernels import share_compiled
from argus.features._algebra_kernels import FADED, SPECK, log_of_sides, unfaded
from argus.features._fading_kernels import STEADY, steady_mean
from argus.features._form_kernels import kernel

_SETTLED = 1e-13
"""Share by which a Kalman gain may still move when it is taken for constant."""
_FADE_EVERY = 64
"""Values after which what has faded becomes zero, before it can lose its digits."""


@kernel(depth=1, state=3, scratch=1, lanes=True, cost=2.0)
def relative_strength(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Wilder's RSI over args[0] rows, from 0 to 100; state: changes seen, fading sums of rises and of falls."""
    k = 0
    while k < len(args):
        # Two windows over the same values go together.
        other = k + 1 if k + 1 < len(args) and io[3 * k + 3] == io[3 * k] else k
        x = work[io[3 * k], at : at + n]
        old = work[io[3 * k], at - 1 : at - 1 + n]
        rises = work[io[3 * k + 1], at : at + n]
        falls = work[io[3 * k + 2], at : at + n]
        other_rises = work[io[3 * other + 1], at : at + n]
        other_falls = work[io[3 * other + 2], at : at + n]
        own, others = state[3 * k : 3 * k + 3], state[3 * other : 3 * other + 3]
        missing = _part_changes(x, old, rises, falls)
        if missing == 0 and own[0] >= args[k] and others[0] >= args[other]:
            keep, other_keep = 1.0 - 1.0 / args[k], 1.0 - 1.0 / args[other]
            _fade_two(rises, falls, other_rises, other_falls, keep, other_keep, own, others)
        else:
            _fade_changes(rises, falls, args[k], own)
            if other > k:
                _part_changes(x, old, other_rises, other_falls)
                _fade_changes(other_rises, other_falls, args[other], others)
        _share_of_rises(rises, falls)
        if other > k:
            _share_of_rises(other_rises, other_falls)
        k = other + 1


@njit(cache=True, error_model="numpy", nogil=True)
def _part_changes(x, old, rises, falls):  # type: ignore[no-untyped-def]
    """Rises and falls between two arrays; gives how many are missing."""
    missing = 0
    for i in range(len(x)):
        change = x[i] - old[i]
        is_known = change == change
        rises[i] = (change if change > 0.0 else SPECK) if is_known else np.nan
        falls[i] = -change if change < 0.0 else SPECK
        missing += 0 if is_known else 1
    return missing


@njit(cache=True, error_model="numpy", nogil=True)
def _fade_two(rises, falls, other_rises, other_falls, keep, other_keep, state, other_state):  # type: ignore[no-untyped-def]
    """Fading sums of rises and falls over two windows, none of whose first rows is among these."""
    up, down = state[1], state[2]
    other_up, other_down = other_state[1], other_state[2]
    for i in range(len(rises)):
        rise, fall = rises[i], falls[i]
        up = fused(keep, up, rise)
        down = fused(keep, down, fall)
        other_up = fused(other_keep, other_up, rise)
        other_down = fused(other_keep, other_down, fall)
        rises[i], falls[i] = up, down
        other_rises[i], other_falls[i] = other_up, other_down
    state[1], state[2] = up, down
    other_state[1], other_state[2] = other_up, other_down


@njit(cache=True, error_model="numpy", nogil=True)
def _fade_changes(rises, falls, w, state):  # type: ignore[no-untyped-def]
    """Fading sums of rises and falls; the first w are summed up plainly, a missing one leaves all as it was."""
    decay = 1.0 - 1.0 / w
    for i in range(len(rises)):
        if rises[i] == rises[i]:
            keep = decay if state[0] >= w else 1.0
            state[0] += 1.0 if state[0] < w else 0.0
            state[1] = fused(keep, state[1], rises[i])
            state[2] = fused(keep, state[2], falls[i])
            rises[i] = state[1] if state[0] >= w else np.nan
            falls[i] = state[2]


@njit(cache=True, error_model="numpy", nogil=True)
def _share_of_rises(rises, falls):  # type: ignore[no-untyped-def]
    """The share of rises in all movement, in percent, in the place of rises."""
    for i in range(len(rises)):
        both = rises[i] + falls[i]
        value = 100.0 * unfaded(rises[i] / both)
        rises[i] = value if both > FADED else np.nan


@kernel(depth=1, state=4, outputs=3, cost=4.0)
def directional(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Wilder's +DI, -DI and DX over args[0] rows; inputs: high, low, close.

    State: rows seen, fading sums of the true range and of the movement up and down.
    """
    w = args[0]
    decay = 1.0 - 1.0 / w
    high = work[io[0], at : at + n]
    low = work[io[1], at : at + n]
    high_before = work[io[0], at - 1 : at - 1 + n]
    low_before = work[io[1], at - 1 : at - 1 + n]
    close_before = work[io[2], at - 1 : at - 1 + n]
    plus = work[io[3], at : at + n]
    minus = work[io[4], at : at + n]
    index = work[io[5], at : at + n]
    seen = state[0]
    way = state[1]
    ups = state[2]
    downs = state[3]
    missing = 0
    for i in range(n):
        up = high[i] - high_before[i]
        down = low_before[i] - low[i]
        last = close_before[i]
        top = high[i] if high[i] > last else last
        bottom = low[i] if low[i] < last else last
        is_known = (up == up) & (down == down) & (last == last)
        index[i] = (top - bottom) + SPECK if is_known else np.nan
        plus[i] = up if (up > 0.0) & (up > down) & is_known else SPECK
        minus[i] = down if (down > 0.0) & (down > up) & is_known else SPECK
        missing += 0 if is_known else 1
    if missing == 0 and seen >= w:
        for i in range(n):
            way = fused(decay, way, index[i])
            ups = fused(decay, ups, plus[i])
            downs = fused(decay, downs, minus[i])
            index[i], plus[i], minus[i] = way, ups, downs
    else:
        for i in range(n):
            reach = index[i]
            is_known = reach == reach
            seen += 1.0 if is_known & (seen < w) else 0.0
            keep = decay if is_known & (seen >= w) else 1.0
            way = fused(keep, way, reach if is_known else 0.0)
            ups = fused(keep, ups, plus[i])
            downs = fused(keep, downs, minus[i])
            index[i] = way if is_known & (seen >= w) else np.nan
            plus[i], minus[i] = ups, downs
    state[0], state[1], state[2], state[3] = seen, way, ups, downs
    for i in range(n):
        plus[i] = unfaded(plus[i])
        minus[i] = unfaded(minus[i])
        index[i] = unfaded(index[i])
        both = plus[i] + minus[i]
        apart = 100.0 * (abs(plus[i] - minus[i]) / both)
        is_known = index[i] > 0.0
        scale = 100.0 / index[i]
        plus[i] = scale * plus[i] if is_known else np.nan
        minus[i] = scale * minus[i] if is_known else np.nan
        index[i] = apart if is_known & (both > 0.0) else np.nan


@kernel(state=7, outputs=2, cost=6.8)
def parabolic(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Parabolic stop and its side; inputs: high, low; args: step and largest acceleration.

    State: side (0 before the start), the next stop, extreme, acceleration, last low and high, whether there are any. A
    falling market is a rising one with prices negated, lows for highs, so that one set of rules does for both.
    """
    step = args[0]
    most = args[1]
    high = work[io[0], at : at + n]
    low = work[io[1], at : at + n]
    stop = work[io[2], at : at + n]
    side_out = work[io[3], at : at + n]
    side, sar, extreme, pace, last_floor, last_top = state[0], state[1], state[2], state[3], state[4], state[5]
    i = 0
    while i < n:
        # Up to the next turn, in a loop of its own: its rows wait for nothing but the stop.
        floors = low if side > 0.0 else high
        tops = high if side > 0.0 else low
        while i < n and side != 0.0:
            floor, top = side * floors[i], side * tops[i]
            if not (floor > sar and top == top):
                break
            stop[i] = side * sar
            side_out[i] = side
            is_new = top > extreme
            extreme = top if is_new else extreme
            pace = min(pace + step, most) if is_new else pace
            sar = min(min(last_floor, floor), fused(pace, extreme - sar, sar))
            last_floor, last_top = floor, top
            i += 1
        if i == n:
            break
        if not (high[i] == high[i] and low[i] == low[i]):
            stop[i], side_out[i] = np.nan, np.nan
        elif state[6] == 0.0:
            stop[i], side_out[i] = np.nan, np.nan
            state[6], last_floor, last_top = 1.0, low[i], high[i]
        elif side == 0.0:
            down = last_floor - low[i]
            side = -1.0 if down > 0.0 and high[i] - last_top < down else 1.0
            sar = last_floor if side > 0.0 else -last_top
            last_floor, last_top = (low[i], high[i]) if side > 0.0 else (-high[i], -low[i])
            extreme, pace = last_top, step
            # The same bar again, as one of a trend.
            continue
        else:
            # Turned: the stop goes over to the extreme, or beyond the last two bars on that side.
            now, reach = (-high[i], -last_top) if side > 0.0 else (low[i], -last_top)
            side = -side
            sar = min(-extreme, reach, now)
            stop[i] = side * sar
            side_out[i] = side
            extreme, pace = (-low[i] if side < 0.0 else high[i]), step
            sar = min(min(reach, now), fused(pace, extreme - sar, sar))
            last_floor, last_top = now, extreme
        i += 1
    state[0], state[1], state[2], state[3], state[4], state[5] = side, sar, extreme, pace, last_floor, last_top


@kernel(depth=1, state=3, scratch=1, cost=2.5)
def adaptive(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Kaufman's adaptive average; inputs: values, their efficiency ratio; args: fast and slow span.

    State: whether it has begun, the last value that counted, the average's gap from it. It begins with the value before
    the first known efficiency. The gap is carried on, not the average: that takes half the time, and a value that stays
    the same becomes its average.
    """
    fast = 2.0 / (args[0] + 1.0)
    slow = 2.0 / (args[1] + 1.0)
    x = work[io[0], at : at + n]
    old = work[io[0], at - 1 : at - 1 + n]
    ratio = work[io[1], at : at + n]
    out = work[io[2], at : at + n]
    moves = work[io[3], at : at + n]
    gap = state[2]
    missing = 0
    for i in range(n):
        pace = ratio[i] * (fast - slow) + slow
        keep = 1.0 - pace * pace
        out[i] = keep
        moves[i] = fused(keep, old[i] - x[i], SPECK)
        missing += 0 if moves[i] == moves[i] else 1
    if missing == 0 and state[0] > 0.0:
        moves[0] = fused(out[0], state[1] - x[0], SPECK)
        for i in range(n):
            gap = fused(out[i], gap, moves[i])
            out[i] = gap
        state[1] = x[n - 1]
    else:
        for i in range(n):
            keep = out[i]
            if keep == keep:
                last = state[1] if state[0] > 0.0 else old[i]
                gap = fused(keep, gap, fused(keep, last - x[i], SPECK))
                state[0], state[1] = 1.0, x[i]
                out[i] = gap
    state[2] = gap
    for i in range(n):
        out[i] = unfaded(x[i] + out[i])


@kernel(cost=0.9)
def efficiency(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """|way made| / way gone, from 0 to 1; where nothing moved args[0], or NaN if that is negative."""
    still = args[0] if args[0] >= 0.0 else np.nan
    made = work[io[0], at : at + n]
    gone = work[io[1], at : at + n]
    out = work[io[2], at : at + n]
    for i in range(n):
        value = abs(made[i]) / gone[i]
        value = 1.0 if value > 1.0 else value
        value = value if gone[i] > 0.0 else still
        out[i] = value if (made[i] == made[i]) & (gone[i] == gone[i]) else np.nan


@kernel(state=1 + STEADY, scratch=1, cost=9.2)
def fisher(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Ehlers' Fisher transform of where a value (first input) stands between a lowest and a highest.

    State: the smoothed position; that of the transform's `steady_mean`. A row without a position is skipped.
    """
    x = work[io[0], at : at + n]
    low = work[io[1], at : at + n]
    high = work[io[2], at : at + n]
    out = work[io[3], at : at + n]
    places = work[io[4], at : at + n]
    for i in range(n):
        raw = 0.66 * ((x[i] - low[i]) / (high[i] - low[i]) - 0.5)
        places[i] = raw if high[i] > low[i] else np.nan
    place = state[0]
    i = 0
    while i < n:
        # Bounds are seldom met: to guess so and go back is quicker than to wait each time.
        while i < n:
            now = fused(0.67, place, places[i])
            if not abs(now) <= 0.99:
                break
            place = now
            places[i] = now
            i += 1
        if i < n:
            if places[i] == places[i]:
                place = 0.999 if now > 0.0 else -0.999
                places[i] = place
            i += 1
    state[0] = unfaded(place)
    for i in range(n):
        places[i] = log_of_sides(places[i])
    # Half of it and half of the transform before: the mean of the whole.
    steady_mean(places, out, 0.5, state[1:])


@kernel(depth=1, state=11, outputs=2, cost=3.5)
def local_trend(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Distance from the level, and slope, of a local linear trend filter; a missing value is skipped.

    args: variance of the level and of the slope per row, over that of an observation; values before the first output.
    State: values seen, the last one, how far it was from what was foreseen, the slope after it and before it, whether
    the gains stand still, three covariances, and the two gains. The surprise is carried on, not the level: the next one
    then waits for two operations only.
    """
    x = work[io[0], at : at + n]
    old = work[io[0], at - 1 : at - 1 + n]
    distance = work[io[1], at : at + n]
    pace = work[io[2], at : at + n]
    missing = 0
    for i in range(n):
        distance[i] = x[i] - old[i]
        missing += 0 if distance[i] == distance[i] else 1
    if missing == 0 and state[0] >= args[2] and state[5] > 0.0:
        _go_on(distance, pace, state)
        state[1] = x[n - 1]
    else:
        for i in range(n):
            _filter(x[i], args, distance, pace, i, state)
    for i in range(n):
        distance[i] = unfaded(distance[i])
        pace[i] = unfaded(pace[i])


@njit(cache=True, error_model="numpy", nogil=True)
def _go_on(distance, pace, state):  # type: ignore[no-untyped-def]
    """Rows of `local_trend` by gains that stand still; `distance` holds what the values moved by."""
    surprise, slope, before = state[2], state[3], state[4]
    k1, k2 = state[9], state[10]
    left = 1.0 - k1
    carry = left - k2
    seen = int(state[0])
    for i in range(len(distance)):
        surprise = fused(carry, surprise, distance[i] - before)
        before = slope
        slope = fused(k2, surprise, slope)
        distance[i] = left * surprise
        pace[i] = slope
        seen += 1
        if seen % _FADE_EVERY == 0:
            surprise, slope, before = unfaded(surprise), unfaded(slope), unfaded(before)
    state[0], state[2], state[3], state[4] = float(seen), surprise, slope, before


@njit(cache=True, error_model="numpy", nogil=True)
def _filter(value, args, distance, pace, i, state):  # type: ignore[no-untyped-def]
    """One row of `local_trend`."""
    distance[i] = np.nan
    pace[i] = np.nan
    if not value == value:
        return
    if state[0] == 0.0:
        state[6], state[8] = 1.0, 1.0
    else:
        surprise = fused((1.0 - state[9]) - state[10], state[2], (value - state[1]) - state[4])
        if state[5] == 0.0:
            _settle(args, state)
        state[2], state[4] = surprise, state[3]
        state[3] = fused(state[10], surprise, state[3])
    state[0] += 1.0
    state[1] = value
    if state[0] >= args[2]:
        distance[i] = (1.0 - state[9]) * state[2]
        pace[i] = state[3]
    if state[0] % _FADE_EVERY == 0.0:
        for k in range(2, 5):
            state[k] = unfaded(state[k])


@njit(cache=True, error_model="numpy", nogil=True)
def _settle(args, state):  # type: ignore[no-untyped-def]
    """The next covariances and gains of `local_trend`, and whether these stand still."""
    p11, p12, p22 = state[6], state[7], state[8]
    p11 += 2.0 * p12 + p22 + args[0]
    p12 += p22
    p22 += args[1]
    k1 = p11 / (p11 + 1.0)
    k2 = p12 / (p11 + 1.0)
    is_still = abs(k1 - state[9]) <= _SETTLED * k1 and abs(k2 - state[10]) <= _SETTLED * k2
    state[5] = 1.0 if is_still else 0.0
    state[6], state[7], state[8] = p11 * (1.0 - k1), p12 * (1.0 - k1), p22 - k2 * p12
    state[9], state[10] = k1, k2


share_compiled(globals())
