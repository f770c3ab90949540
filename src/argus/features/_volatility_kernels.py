"""Kernels of volatility that carry a state of their own."""

from __future__ import annotations

import math

import numpy as np

from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import kernel


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


share_compiled(globals())
