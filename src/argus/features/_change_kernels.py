"""Kernels of change: tests that add up small departures until they are a change, and how long a state has lasted."""

from __future__ import annotations

import numpy as np

from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import kernel


def _window(args):  # type: ignore[no-untyped-def]
    return int(args[0])


@kernel(state=3, outputs=3, cost=7.6)
def cusum(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Upper and lower sums of x less args[0], and rows since one of them was above args[1], which sets both to zero."""
    drift = args[0]
    limit = args[1]
    x = work[io[0], at : at + n]
    up = work[io[1], at : at + n]
    down = work[io[2], at : at + n]
    since = work[io[3], at : at + n]
    a = state[0]
    b = state[1]
    run = state[2]
    for i in range(n):
        value = x[i]
        up[i] = np.nan
        down[i] = np.nan
        since[i] = np.nan
        if value == value:
            a = a + value - drift
            a = a if a > 0.0 else 0.0
            b = b - value - drift
            b = b if b > 0.0 else 0.0
            is_change = (a > limit) | (b > limit)
            run = 0.0 if is_change else run + 1.0
            up[i] = a
            down[i] = b
            since[i] = run
            if is_change:
                a = 0.0
                b = 0.0
    state[0] = a
    state[1] = b
    state[2] = run


@kernel(state=6, cost=8.8)
def page_hinkley(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Larger of the two Page-Hinkley sums with tolerance args[0]; begun anew after it was above args[1].

    State: rows, their mean, both sums, the lowest of each.
    """
    tolerance = args[0]
    limit = args[1]
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    seen = state[0]
    mean = state[1]
    up = state[2]
    down = state[3]
    lowest_up = state[4]
    lowest_down = state[5]
    for i in range(n):
        value = x[i]
        out[i] = np.nan
        if value == value:
            seen += 1.0
            mean += (value - mean) / seen
            up += value - mean - tolerance
            down += mean - value - tolerance
            lowest_up = up if up < lowest_up else lowest_up
            lowest_down = down if down < lowest_down else lowest_down
            above = up - lowest_up
            below = down - lowest_down
            found = above if above > below else below
            out[i] = found
            if found > limit:
                seen = 0.0
                mean = 0.0
                up = 0.0
                down = 0.0
                lowest_up = 0.0
                lowest_down = 0.0
    state[0] = seen
    state[1] = mean
    state[2] = up
    state[3] = down
    state[4] = lowest_up
    state[5] = lowest_down


@kernel(state=2, cost=2.5)
def state_run(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Rows in a row, this one included, that x has been the same; a missing value ends the run."""
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    run = state[0]
    before = state[1]
    for i in range(n):
        value = x[i]
        run = run + 1.0 if value == before else 1.0
        run = run if value == value else 0.0
        before = value
        out[i] = run if value == value else np.nan
    state[0] = run
    state[1] = before


@kernel(depth=_window, state=1, cost=4.0)
def rows_since_large(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Rows since the latest of the last args[0] values that is not below args[1] of the highest of them.

    Inputs: values, not below zero, and that highest. Rows are looked through only where the highest has become less,
    which a value does once when it leaves. State: the number of the row before.
    """
    w = int(args[0])
    share = args[1]
    top = work[io[1], at : at + n]
    before = work[io[1], at - 1 : at - 1 + n]
    out = work[io[2], at : at + n]
    age = state[0]
    for i in range(n):
        least = share * top[i]
        last = at + i
        if work[io[0], last] >= least:
            age = 0.0
        elif top[i] == before[i]:
            age += 1.0
        else:
            back = 1
            while back < w - 1 and work[io[0], last - back] < least:
                back += 1
            age = float(back)
        out[i] = age if top[i] == top[i] else np.nan
    state[0] = age


share_compiled(globals())
