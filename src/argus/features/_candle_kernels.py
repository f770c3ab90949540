"""Kernels of the shapes of one, two or three bars."""

from __future__ import annotations

import numpy as np

from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import kernel


@kernel(outputs=3, cost=2.5)
def parts(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Signed body, upper and lower wick as shares of the bar's range; all 0 where the range is zero."""
    opened = work[io[0], at : at + n]
    high = work[io[1], at : at + n]
    low = work[io[2], at : at + n]
    close = work[io[3], at : at + n]
    body = work[io[4], at : at + n]
    upper = work[io[5], at : at + n]
    lower = work[io[6], at : at + n]
    # One output at a time: a loop that writes to several is too much for the compiler to take rows together.
    for i in range(n):
        width = high[i] - low[i]
        move = close[i] - opened[i]
        value = move / width
        body[i] = value if width != 0.0 else move
    for i in range(n):
        width = high[i] - low[i]
        top = opened[i] if opened[i] > close[i] else close[i]
        value = (high[i] - top) / width
        value = value if width != 0.0 else 0.0
        upper[i] = value if body[i] == body[i] else np.nan
    for i in range(n):
        width = high[i] - low[i]
        bottom = opened[i] if opened[i] < close[i] else close[i]
        value = (bottom - low[i]) / width
        value = value if width != 0.0 else 0.0
        lower[i] = value if body[i] == body[i] else np.nan


@kernel()
def doji(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """1 where the body's share is at most args[0], else 0."""
    most = args[0]
    body = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        is_small = 1.0 if abs(body[i]) <= most else 0.0
        out[i] = is_small if body[i] == body[i] else np.nan


@kernel()
def marubozu(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """1 or -1 where the signed body's share is at least args[0], else 0."""
    least = args[0]
    body = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        side = (1.0 if body[i] >= least else 0.0) - (1.0 if body[i] <= -least else 0.0)
        out[i] = side if body[i] == body[i] else np.nan


@kernel()
def hammer(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """1 for a hammer, -1 for a shooting star, else 0; inputs: the three shares.

    The long wick is at least args[0] bodies, the other at most args[1] of the range, and there is a body.
    """
    bodies = args[0]
    most = args[1]
    body = work[io[0], at : at + n]
    upper = work[io[1], at : at + n]
    lower = work[io[2], at : at + n]
    out = work[io[3], at : at + n]
    for i in range(n):
        size = abs(body[i])
        long = bodies * size
        up = 1.0 if (lower[i] >= long) & (upper[i] <= most) & (size > 0.0) else 0.0
        down = 1.0 if (upper[i] >= long) & (lower[i] <= most) & (size > 0.0) else 0.0
        out[i] = up - down if body[i] == body[i] else np.nan


@kernel(depth=1, cost=1.2)
def engulfing(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """1 or -1 where a rising or falling body covers the opposite body before it and is larger, else 0; open, close."""
    opened = work[io[0], at : at + n]
    close = work[io[1], at : at + n]
    open_before = work[io[0], at - 1 : at - 1 + n]
    close_before = work[io[1], at - 1 : at - 1 + n]
    out = work[io[2], at : at + n]
    for i in range(n):
        move = close[i] - opened[i]
        before = close_before[i] - open_before[i]
        is_larger = abs(move) > abs(before)
        covers_up = (opened[i] <= close_before[i]) & (close[i] >= open_before[i])
        covers_down = (opened[i] >= close_before[i]) & (close[i] <= open_before[i])
        up = 1.0 if (move > 0.0) & (before < 0.0) & covers_up & is_larger else 0.0
        down = 1.0 if (move < 0.0) & (before > 0.0) & covers_down & is_larger else 0.0
        out[i] = up - down if (move == move) & (before == before) else np.nan


@kernel(depth=2)
def star(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """1 for a morning star, -1 for an evening star, else 0; inputs: open, close, signed body's share.

    A first body of at least args[0] of its range, a second of at most args[1] of the first, a third that goes the other
    way and closes beyond the middle of the first.
    """
    least = args[0]
    most = args[1]
    opened = work[io[0], at : at + n]
    close = work[io[1], at : at + n]
    open_between = work[io[0], at - 1 : at - 1 + n]
    close_between = work[io[1], at - 1 : at - 1 + n]
    open_first = work[io[0], at - 2 : at - 2 + n]
    close_first = work[io[1], at - 2 : at - 2 + n]
    share_first = work[io[2], at - 2 : at - 2 + n]
    out = work[io[3], at : at + n]
    for i in range(n):
        move = close[i] - opened[i]
        between = close_between[i] - open_between[i]
        first = close_first[i] - open_first[i]
        middle = open_first[i] + 0.5 * first
        is_star = (abs(share_first[i]) >= least) & (abs(between) <= most * abs(first))
        up = 1.0 if is_star & (first < 0.0) & (move > 0.0) & (close[i] > middle) else 0.0
        down = 1.0 if is_star & (first > 0.0) & (move < 0.0) & (close[i] < middle) else 0.0
        is_known = (move == move) & (between == between) & (share_first[i] == share_first[i])
        out[i] = up - down if is_known else np.nan


@kernel(depth=1, outputs=2, cost=1.0)
def inside_outside(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """1 where the bar lies within the one before, and 1 where it goes beyond it on both sides, else 0; high, low."""
    high = work[io[0], at : at + n]
    low = work[io[1], at : at + n]
    high_before = work[io[0], at - 1 : at - 1 + n]
    low_before = work[io[1], at - 1 : at - 1 + n]
    inside = work[io[2], at : at + n]
    outside = work[io[3], at : at + n]
    for i in range(n):
        top = high[i] - high_before[i]
        bottom = low[i] - low_before[i]
        is_known = (top == top) & (bottom == bottom)
        is_inside = 1.0 if (top < 0.0) & (bottom > 0.0) else 0.0
        is_outside = 1.0 if (top > 0.0) & (bottom < 0.0) else 0.0
        inside[i] = is_inside if is_known else np.nan
        outside[i] = is_outside if is_known else np.nan


share_compiled(globals())
