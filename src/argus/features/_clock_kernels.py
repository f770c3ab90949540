"""Kernels of time: counting rows, where a bar stands in its session, and the calendar."""

from __future__ import annotations

import numpy as np

from argus.core._fused_kernels import fused
from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import kernel
from argus.features._level_kernels import stretch_end

_TURN = 6.283185307179586
_TO_WHOLE = 6755399441055744.0
"""1.5 times 2 to the 52nd: adding it and taking it off again rounds to a whole number."""

_S3 = -1.0 / 6.0
_S5 = 1.0 / 120.0
_S7 = -1.0 / 5_040.0
_S9 = 1.0 / 362_880.0
_S11 = -1.0 / 39_916_800.0
_S13 = 1.0 / 6_227_020_800.0
_S15 = -1.0 / 1_307_674_368_000.0
_S17 = 1.0 / 355_687_428_096_000.0


@kernel()
def count(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Rows so far, this one included."""
    out = work[io[1], at : at + n]
    for i in range(n):
        out[i] = row + i + 1.0


@kernel(outputs=3, cost=1.3)
def date(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Weekday (Monday is 0), day of the month and month (from 1) of a day since 1970-01-01, Gregorian.

    Years are counted from March, so that a leap day is the last day of its year.
    """
    day = work[io[0], at : at + n]
    weekday = work[io[1], at : at + n]
    of_month = work[io[2], at : at + n]
    month = work[io[3], at : at + n]
    i = 0
    while i < n:
        today = day[i]
        end = stretch_end(day, i)
        # 719,468 days lie between 0000-03-01 and 1970-01-01; 400 years have 146,097 days.
        left = (int(today) + 719_468) % 146_097
        century = min(left // 36_524, 3)
        left -= century * 36_524
        left %= 1_461
        left -= min(left // 365, 3) * 365
        # From March on, months of 31 and 30 days alternate so that five of them have 153 days.
        k = (5 * left + 2) // 153
        of_month[i:end] = left - (153 * k + 2) // 5 + 1
        month[i:end] = k + 3 if k < 10 else k - 9
        weekday[i:end] = (int(today) + 3) % 7
        i = end


@kernel(cost=0.9)
def week_of_month(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Which seventh-day stretch of the month a day of the month lies in, from 1."""
    day = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        out[i] = np.floor((day[i] + 6.0) / 7.0)


@kernel(cost=0.9)
def turn_of_month(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Session of the month, from 1, or with a minus counted from the month's end, whichever is nearer to zero."""
    since = work[io[0], at : at + n]
    left = work[io[1], at : at + n]
    out = work[io[2], at : at + n]
    for i in range(n):
        to_end = left[i] + 1.0
        value = since[i] if since[i] <= to_end else -to_end
        out[i] = value if since[i] == since[i] else np.nan


@kernel(cost=0.5)
def within(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """1 where x is above args[0] and at most args[1], else 0."""
    low = args[0]
    high = args[1]
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        is_in = 1.0 if (x[i] > low) & (x[i] <= high) else 0.0
        out[i] = is_in if x[i] == x[i] else np.nan


@kernel()
def between(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """1 where x is above low and at most high, else 0."""
    x = work[io[0], at : at + n]
    low = work[io[1], at : at + n]
    high = work[io[2], at : at + n]
    out = work[io[3], at : at + n]
    for i in range(n):
        is_in = 1.0 if (x[i] > low[i]) & (x[i] <= high[i]) else 0.0
        out[i] = is_in if (x[i] == x[i]) & (low[i] == low[i]) & (high[i] == high[i]) else np.nan


@kernel(outputs=2, cost=1.9)
def circle(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Sine and cosine of 2 pi x / args[0].

    By the series of the sine to the 17th power on a quarter of a turn, where the first term left out is below 1e-13:
    plain arithmetic gives the same bits everywhere and on several rows at once.
    """
    scale = 1.0 / args[0]
    x = work[io[0], at : at + n]
    # A month, or a day, stays the same for many rows.
    is_still = n > 1 and stretch_end(x, 0) == n
    for which in range(2):
        behind = 0.25 * (which - 1)
        out = work[io[1 + which], at : at + n]
        for i in range(1 if is_still else n):
            # The cosine of the distance from the nearest whole turn, which is the sine of what is left to a quarter.
            turns = fused(x[i], scale, behind)
            turns -= (turns + _TO_WHOLE) - _TO_WHOLE
            a = _TURN * (0.25 - abs(turns))
            s = a * a
            tail = fused(s, fused(s, fused(s, _S17, _S15), _S13), _S11)
            out[i] = fused(a * s, fused(s, fused(s, fused(s, fused(s, tail, _S9), _S7), _S5), _S3), a)
        if is_still:
            out[1:] = out[0]


share_compiled(globals())
