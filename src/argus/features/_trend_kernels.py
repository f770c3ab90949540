"""Kernels of indicators that carry themselves on from bar to bar: relative strength, directional movement, stops.

They are chains that no window ends, so each row has to wait for the one before. Several chains run side by side in one
pass where an indicator has them, which costs hardly more than one. Divisions are left to a second loop.
"""

from __future__ import annotations

import numpy as np

from argus.core._sharing_kernels import share_compiled
from argus.features._algebra_kernels import FADED, SPECK, natural_log, unfaded
from argus.features._form_kernels import kernel

_SETTLED = 1e-13
"""Share by which a Kalman gain may still move when it is taken for constant."""


@kernel(depth=1, state=3, scratch=1, cost=5.0)
def relative_strength(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Wilder's RSI over args[0] rows, from 0 to 100; state: changes seen, sums or means of rises and of falls."""
    w = args[0]
    gain = 1.0 / w
    decay = 1.0 - gain
    x = work[io[0], at : at + n]
    old = work[io[0], at - 1 : at - 1 + n]
    out = work[io[1], at : at + n]
    sunk = work[io[2], at : at + n]
    seen = state[0]
    rises = state[1]
    falls = state[2]
    for i in range(n):
        change = x[i] - old[i]
        out[i] = (change if change > 0.0 else SPECK) * gain
        sunk[i] = (-change if change < 0.0 else SPECK) * gain
    for i in range(n):
        change = x[i] - old[i]
        is_known = change == change
        seen += 1.0 if is_known else 0.0
        # The first w changes are averaged plainly; a missing one leaves all as it was.
        is_first = seen <= w
        keep = 1.0 if is_first | (not is_known) else decay
        rises = rises * keep + out[i]
        falls = falls * keep + sunk[i]
        out[i] = rises if is_known & (seen >= w) else np.nan
        sunk[i] = falls
    state[0] = seen
    state[1] = rises
    state[2] = falls
    for i in range(n):
        both = out[i] + sunk[i]
        value = 100.0 * (unfaded(out[i]) / both)
        out[i] = value if both > FADED else np.nan


@kernel(depth=1, state=4, outputs=3, cost=5.0)
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
    for i in range(n):
        reach = index[i]
        is_known = reach == reach
        seen += 1.0 if is_known else 0.0
        keep = decay if is_known & (seen >= w) else 1.0
        way = way * keep + (reach if is_known else 0.0)
        ups = ups * keep + plus[i]
        downs = downs * keep + minus[i]
        index[i] = way if is_known & (seen >= w) else np.nan
        plus[i] = ups
        minus[i] = downs
    state[0] = seen
    state[1] = way
    state[2] = ups
    state[3] = downs
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


@kernel(state=6, outputs=2, cost=7.4)
def parabolic(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Parabolic stop and its side; inputs: high, low; args: step and largest acceleration.

    State: side (0 before the start), the next stop, extreme, acceleration, last high and low. A falling market is a
    rising one with prices negated, so that one set of rules does for both.
    """
    step = args[0]
    most = args[1]
    high = work[io[0], at : at + n]
    low = work[io[1], at : at + n]
    stop = work[io[2], at : at + n]
    side_out = work[io[3], at : at + n]
    side = state[0]
    sar = state[1]
    extreme = state[2]
    pace = state[3]
    last_high = state[4] if row > 0 else np.nan
    last_low = state[5] if row > 0 else np.nan
    for i in range(n):
        stop[i] = np.nan
        side_out[i] = np.nan
        if not (high[i] == high[i] and low[i] == low[i]):
            continue
        if last_high == last_high:
            if side == 0.0:
                down = last_low - low[i]
                side = -1.0 if down > 0.0 and high[i] - last_high < down else 1.0
                sar = last_low if side > 0.0 else -last_high
                extreme = high[i] if side > 0.0 else -low[i]
                pace = step
                last_high = high[i]
                last_low = low[i]
            floor = low[i] if side > 0.0 else -high[i]
            before = last_low if side > 0.0 else -last_high
            top = high[i] if side > 0.0 else -low[i]
            if floor <= sar:
                # Turned: the stop goes over to the extreme, or beyond the last two bars on that side.
                side = -side
                reach = last_low if side > 0.0 else -last_high
                now = low[i] if side > 0.0 else -high[i]
                sar = min(-extreme, reach, now)
                stop[i] = side * sar
                extreme = high[i] if side > 0.0 else -low[i]
                pace = step
                sar = min(min(reach, now), sar + pace * (extreme - sar))
            else:
                stop[i] = side * sar
                if top > extreme:
                    extreme = top
                    pace = min(pace + step, most)
                sar = min(min(before, floor), sar + pace * (extreme - sar))
            side_out[i] = side
        last_high = high[i]
        last_low = low[i]
    state[0] = side
    state[1] = sar
    state[2] = extreme
    state[3] = pace
    state[4] = last_high
    state[5] = last_low


@kernel(depth=1, state=2, cost=3.0)
def adaptive(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Kaufman's adaptive average; inputs: values, their efficiency ratio; args: fast and slow span.

    State: whether it has begun, the average. It begins with the value before the first known efficiency.
    """
    fast = 2.0 / (args[0] + 1.0)
    slow = 2.0 / (args[1] + 1.0)
    x = work[io[0], at : at + n]
    old = work[io[0], at - 1 : at - 1 + n]
    ratio = work[io[1], at : at + n]
    out = work[io[2], at : at + n]
    begun = state[0]
    mean = state[1]
    for i in range(n):
        pace = ratio[i] * (fast - slow) + slow
        pace = pace * pace
        is_known = pace == pace
        mean = old[i] if is_known & (begun == 0.0) else mean
        begun = 1.0 if is_known else begun
        mean = mean + (pace * (x[i] + SPECK - mean) if is_known else 0.0)
        out[i] = unfaded(mean) if is_known else np.nan
    state[0] = begun
    state[1] = mean


@kernel()
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


@kernel(state=2, cost=15.0)
def fisher(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Ehlers' Fisher transform of where a value (first input) stands between a lowest and a highest.

    State: the smoothed position, the transform. A row without a position is skipped.
    """
    x = work[io[0], at : at + n]
    low = work[io[1], at : at + n]
    high = work[io[2], at : at + n]
    out = work[io[3], at : at + n]
    for i in range(n):
        raw = 0.66 * ((x[i] - low[i]) / (high[i] - low[i]) - 0.5) + SPECK
        out[i] = raw if high[i] > low[i] else np.nan
    place = state[0]
    for i in range(n):
        raw = out[i] + 0.67 * place
        # Both bounds are asked for at once, and what is missing is told by what does not wait for the row before.
        held = -0.999 if raw < -0.99 else raw
        held = 0.999 if raw > 0.99 else held
        place = held if out[i] == out[i] else place
        out[i] = held
    state[0] = place
    for i in range(n):
        out[i] = 0.5 * natural_log((1.0 + out[i]) / (1.0 - out[i])) + SPECK
    bent = state[1]
    for i in range(n):
        value = out[i] + 0.5 * bent
        bent = value if out[i] == out[i] else bent
        out[i] = value
    state[1] = bent
    for i in range(n):
        out[i] = unfaded(out[i])


@kernel(state=9, outputs=2, cost=6.5)
def local_trend(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Distance from the level, and slope, of a local linear trend filter; a missing value is skipped.

    args: variance of the level and of the slope per row, over that of an observation; values before the first output.
    State: values seen, level, slope, three covariances, two gains, whether the gains stand still.
    """
    level_noise = args[0]
    slope_noise = args[1]
    wanted = args[2]
    x = work[io[0], at : at + n]
    distance = work[io[1], at : at + n]
    pace = work[io[2], at : at + n]
    seen = state[0]
    level = state[1]
    slope = state[2]
    p11 = state[3]
    p12 = state[4]
    p22 = state[5]
    k1 = state[6]
    k2 = state[7]
    still = state[8]
    for i in range(n):
        value = x[i]
        if value == value:
            if seen == 0.0:
                level = value
                p11 = 1.0
                p22 = 1.0
            else:
                if still == 0.0:
                    p11 += 2.0 * p12 + p22 + level_noise
                    p12 += p22
                    p22 += slope_noise
                    gain1 = p11 / (p11 + 1.0)
                    gain2 = p12 / (p11 + 1.0)
                    p22 -= gain2 * p12
                    p11 *= 1.0 - gain1
                    p12 *= 1.0 - gain1
                    still = 1.0 if abs(gain1 - k1) <= _SETTLED * gain1 and abs(gain2 - k2) <= _SETTLED * gain2 else 0.0
                    k1 = gain1
                    k2 = gain2
                level += slope
                gap = value + SPECK - level
                level += k1 * gap
                slope += k2 * gap
            seen += 1.0
        is_known = (value == value) & (seen >= wanted)
        distance[i] = unfaded(value - level) if is_known else np.nan
        pace[i] = unfaded(slope) if is_known else np.nan
    state[0] = seen
    state[1] = level
    state[2] = slope
    state[3] = p11
    state[4] = p12
    state[5] = p22
    state[6] = k1
    state[7] = k2
    state[8] = still


share_compiled(globals())
