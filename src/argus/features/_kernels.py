"""Feature kernels: one pass over a column, everything that must be remembered carried in `state`.

Every kernel is ``kernel(x, args, state, out)``: `x` the new values, `args` the parameters as float64 in declared order,
`state` a float64 vector that starts as zeros and is left ready for the next call, `out` as long as `x`. A whole column
in one call is the batch form, one value per call the live form: the same function, so the same bits.

Rolling sums drop the oldest value and add the newest, and start afresh from the window at every `BLOCK`-th row, so that
rounding cannot pile up over a long column. Missing values (NaN) count for nothing in a sum and make every output NaN
whose window holds one. The compiled form is strict IEEE arithmetic in the written order, as the plain Python form is.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled

__all__ = ["BLOCK", "count", "ema", "ewma_vol", "log_return", "momentum", "same", "sma", "std", "zscore"]

BLOCK = 1024
"""Rows after which a rolling sum is taken afresh."""

_CANCELLED = 1e-3
"""A spread this small against the largest squares since the restart has lost digits: take the sums afresh."""


@njit(cache=True, error_model="numpy", nogil=True)
def count(x, args, state, out):  # type: ignore[no-untyped-def]
    """Rows seen so far, this one included."""
    rows = state[0]
    for i in range(len(x)):
        rows += 1.0
        out[i] = rows
    state[0] = rows


@njit(cache=True, error_model="numpy", nogil=True)
def same(x, args, state, out):  # type: ignore[no-untyped-def]
    """The values themselves."""
    for i in range(len(x)):
        out[i] = x[i]


@njit(cache=True, error_model="numpy", nogil=True)
def _window_sum(ring, slot):  # type: ignore[no-untyped-def]
    """Sum of a ring from its oldest value at `slot` to its newest, missing values left out."""
    total = 0.0
    n = len(ring)
    for k in range(n):
        j = slot + k
        value = ring[j - n] if j >= n else ring[j]
        if value == value:
            total += value
    return total


@njit(cache=True, error_model="numpy", nogil=True)
def sma(x, args, state, out):  # type: ignore[no-untyped-def]
    """Mean of the last ``args[0]`` values; state: rows, sum, missing, ring."""
    n = int(args[0])
    rows = int(state[0])
    total = state[1]
    missing = int(state[2])
    ring = state[3 : 3 + n]
    slot = rows % n
    for i in range(len(x)):
        old = ring[slot]
        value = x[i]
        ring[slot] = value
        slot += 1
        if slot == n:
            slot = 0
        rows += 1
        if old != old:
            missing -= 1
            old = 0.0
        if value != value:
            missing += 1
            value = 0.0
        if rows % BLOCK == 0:
            total = _window_sum(ring, slot)
        else:
            total += value - old
        out[i] = total / n if rows >= n and missing == 0 else np.nan
    state[0] = rows
    state[1] = total
    state[2] = missing


@njit(cache=True, error_model="numpy", nogil=True)
def ema(x, args, state, out):  # type: ignore[no-untyped-def]
    """Normalised exponential mean of span ``args[0]``; state: observations, weight, mean."""
    span = args[0]
    decay = 1.0 - 2.0 / (span + 1.0)
    seen = state[0]
    weight = state[1]
    mean = state[2]
    for i in range(len(x)):
        value = x[i]
        if value == value:
            seen += 1.0
            weight = decay * weight + 1.0
            mean += (value - mean) / weight
            out[i] = mean if seen >= span else np.nan
        else:
            out[i] = np.nan
    state[0] = seen
    state[1] = weight
    state[2] = mean


@njit(cache=True, error_model="numpy", nogil=True)
def log_return(x, args, state, out):  # type: ignore[no-untyped-def]
    """Logarithm of the value over the one ``args[0]`` rows before; state: rows, ring."""
    n = int(args[0])
    rows = int(state[0])
    ring = state[1 : 1 + n]
    slot = rows % n
    for i in range(len(x)):
        old = ring[slot]
        value = x[i]
        ring[slot] = value
        slot += 1
        if slot == n:
            slot = 0
        out[i] = math.log(value / old) if rows >= n and old > 0.0 and value > 0.0 else np.nan
        rows += 1
    state[0] = rows


@njit(cache=True, error_model="numpy", nogil=True)
def momentum(x, args, state, out):  # type: ignore[no-untyped-def]
    """Return over ``args[0]`` rows that ended ``args[1]`` rows ago; state: rows, ring."""
    skip = int(args[1])
    length = int(args[0]) + skip
    rows = int(state[0])
    ring = state[1 : 1 + length]
    slot = rows % length
    for i in range(len(x)):
        base = ring[slot]
        recent = x[i]
        if skip > 0:
            j = slot - skip
            recent = ring[j + length] if j < 0 else ring[j]
        ring[slot] = x[i]
        slot += 1
        if slot == length:
            slot = 0
        out[i] = recent / base - 1.0 if rows >= length and base > 0.0 and recent > 0.0 else np.nan
        rows += 1
    state[0] = rows


@njit(cache=True, error_model="numpy", nogil=True)
def ewma_vol(x, args, state, out):  # type: ignore[no-untyped-def]
    """Annualised exponential volatility; state: returns, weight, mean, sum of squares, rows, last value."""
    centre = args[0]
    bars_per_year = args[1]
    decay = centre / (1.0 + centre)
    seen = state[0]
    weight = state[1]
    mean = state[2]
    squares = state[3]
    rows = state[4]
    last = state[5]
    for i in range(len(x)):
        value = x[i]
        out[i] = np.nan
        if rows > 0.0 and last > 0.0 and value > 0.0:
            change = value / last - 1.0
            seen += 1.0
            weight = decay * weight + 1.0
            gap = change - mean
            mean += gap / weight
            squares = decay * squares + gap * (change - mean)
            if seen >= centre:
                out[i] = math.sqrt(bars_per_year * squares / weight)
        last = value
        rows += 1.0
    state[0] = seen
    state[1] = weight
    state[2] = mean
    state[3] = squares
    state[4] = rows
    state[5] = last


@njit(cache=True, error_model="numpy", nogil=True)
def _moments_afresh(ring, state):  # type: ignore[no-untyped-def]
    """Window mean as the new reference, and both sums about it, in two passes; missing values left out."""
    total = 0.0
    held = 0
    for value in ring:
        if value == value:
            total += value
            held += 1
    reference = total / held if held > 0 else 0.0
    first = 0.0
    second = 0.0
    for value in ring:
        if value == value:
            gap = value - reference
            first += gap
            second += gap * gap
    state[1] = reference
    state[2] = first
    state[3] = second
    state[4] = second


@njit(cache=True, error_model="numpy", nogil=True)
def _moments(x, n, want_z, state, out):  # type: ignore[no-untyped-def]
    """Rolling sample deviation, or the value's distance from the mean in units of it.

    State: rows, reference, sum and sum of squares about the reference, largest sum of squares since the reference was
    set, missing, equal values in a row, last value, ring.
    """
    rows = int(state[0])
    missing = int(state[5])
    run = int(state[6])
    last = state[7]
    ring = state[8 : 8 + n]
    slot = rows % n
    for i in range(len(x)):
        old = ring[slot]
        value = x[i]
        ring[slot] = value
        slot += 1
        if slot == n:
            slot = 0
        run = run + 1 if value == last and rows > 0 else 1
        last = value
        rows += 1
        fresh = rows % BLOCK == 0 or rows == n
        if old == old:
            if not fresh and rows > n:
                gap = old - state[1]
                state[2] -= gap
                state[3] -= gap * gap
        else:
            missing -= 1
        if value == value:
            if not fresh:
                gap = value - state[1]
                state[2] += gap
                state[3] += gap * gap
        else:
            missing += 1
        if fresh:
            _moments_afresh(ring, state)
        state[4] = max(state[4], state[3])
        out[i] = np.nan
        if rows < n or missing > 0:
            continue
        if run >= n:
            if not want_z:
                out[i] = 0.0
            continue
        spread = state[3] - state[2] * state[2] / n
        if spread < _CANCELLED * state[4] and not fresh:
            _moments_afresh(ring, state)
            spread = state[3] - state[2] * state[2] / n
        deviation = math.sqrt(max(spread, 0.0) / (n - 1))
        if not want_z:
            out[i] = deviation
        elif deviation > 0.0:
            out[i] = ((value - state[1]) - state[2] / n) / deviation
    state[0] = rows
    state[5] = missing
    state[6] = run
    state[7] = last


@njit(cache=True, error_model="numpy", nogil=True)
def std(x, args, state, out):  # type: ignore[no-untyped-def]
    """Sample standard deviation of the last ``args[0]`` values."""
    _moments(x, int(args[0]), False, state, out)


@njit(cache=True, error_model="numpy", nogil=True)
def zscore(x, args, state, out):  # type: ignore[no-untyped-def]
    """Distance from the mean of the last ``args[0]`` values in their sample standard deviations."""
    _moments(x, int(args[0]), True, state, out)


share_compiled(globals())
