"""Kernels of volatility: variances within a bar, filters with a state, and a label."""

from __future__ import annotations

import math

import numpy as np

from argus.core._sharing_kernels import share_compiled
from argus.features._algebra_kernels import SPECK, log_ratios, unfaded
from argus.features._fading_kernels import MEAN, STEADY, steady_mean
from argus.features._form_kernels import kernel

_SQUARED_FADES = 1e-140
"""Size of a gap whose square is smaller than what counts as nothing."""


@kernel(outputs=4, scratch=2, cost=5.0)
def bar_variances(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """What open, high, low and close of one bar say of its variance.

    Outputs: the squared log range, the term of Garman and Klass, that of Rogers and Satchell, and ln(close / open).
    """
    opened = work[io[0], at : at + n]
    squared_range = work[io[4], at : at + n]
    garman_klass = work[io[5], at : at + n]
    rogers_satchell = work[io[6], at : at + n]
    body = work[io[7], at : at + n]
    up = work[io[8], at : at + n]
    down = work[io[9], at : at + n]
    log_ratios(work[io[1], at : at + n], opened, up)
    log_ratios(work[io[2], at : at + n], opened, down)
    log_ratios(work[io[3], at : at + n], opened, body)
    weight = 2.0 * math.log(2.0) - 1.0
    for i in range(n):
        span = up[i] - down[i]
        squared_range[i] = span * span
        garman_klass[i] = 0.5 * (span * span) - weight * (body[i] * body[i])
        rogers_satchell[i] = up[i] * (up[i] - body[i]) + down[i] * (down[i] - body[i])


@kernel(state=1 + STEADY, scratch=1, cost=1.5)
def garch(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Variance of the next return by GARCH(1,1): weights args[0] of the new square, args[1] of the last variance.

    Inputs: squared returns, and the variance to which it returns. Starts at that variance; a row where either is
    missing is skipped. State: whether it has begun; that of the `steady_mean` that it is.
    """
    gain = 1.0 - args[1]
    alpha = args[0] / gain
    square = work[io[0], at : at + n]
    target = work[io[1], at : at + n]
    out = work[io[2], at : at + n]
    news = work[io[3], at : at + n]
    for i in range(n):
        news[i] = (1.0 - alpha) * target[i] + alpha * square[i]
    i = 0
    while i < n and state[0] == 0.0:
        out[i] = np.nan
        if news[i] == news[i]:
            state[0] = 1.0
            state[1 + MEAN] = target[i]
            out[i] = target[i]
        i += 1
    if i < n:
        steady_mean(news[i:], out[i:], gain, state[1:])


@kernel()
def label(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """0 below args[0], 2 above args[1], else 1."""
    low = args[0]
    high = args[1]
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        value = (1.0 if x[i] >= low else 0.0) + (1.0 if x[i] > high else 0.0)
        out[i] = value if x[i] == x[i] else np.nan


@kernel(state=6)
def ewma_vol(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Annualised exponential volatility; state: returns, weight, mean, sum of squares, rows, last value."""
    centre = args[0]
    bars_per_year = args[1]
    decay = centre / (1.0 + centre)
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    seen = state[0]
    weight = state[1]
    mean = state[2]
    squares = state[3]
    rows = state[4]
    last = state[5]
    for i in range(n):
        value = x[i]
        out[i] = np.nan
        if rows > 0.0 and last > 0.0 and value > 0.0:
            change = value / last - 1.0
            seen += 1.0
            weight = decay * weight + 1.0
            gap = change + SPECK - mean
            mean += gap / weight
            # A gap whose square is nothing is not squared: that would be among the numbers that take long.
            moved = gap if abs(gap) > _SQUARED_FADES else 0.0
            squares = decay * squares + (moved * (change - mean) + SPECK)
            if seen >= centre:
                out[i] = math.sqrt(bars_per_year * unfaded(squares) / weight)
        last = value
        rows += 1.0
    state[0] = seen
    state[1] = weight
    state[2] = mean
    state[3] = squares
    state[4] = rows
    state[5] = last


share_compiled(globals())
