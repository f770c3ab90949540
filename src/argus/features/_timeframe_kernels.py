"""Kernels that hold clocks against each other."""

from __future__ import annotations

import numpy as np

from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import kernel


@kernel()
def cascade(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Sign of the first input times how many inputs, from it on, have the same sign; NaN if any is missing."""
    inputs = len(io) - 1
    out = work[io[inputs], at : at + n]
    for i in range(n):
        first = work[io[0], at + i]
        agreeing = 0.0
        is_known = True
        is_agreeing = True
        for k in range(inputs):
            value = work[io[k], at + i]
            is_known = is_known and value == value
            is_agreeing = is_agreeing and value == first
            agreeing += 1.0 if is_agreeing else 0.0
        out[i] = first * agreeing if is_known else np.nan


@kernel(state=3)
def rows_since_change(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Rows since the value last changed; a missing value gives NaN and is otherwise skipped."""
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    is_known = state[0]
    last = state[1]
    changed = state[2]
    for i in range(n):
        value = x[i]
        if value == value:
            if is_known == 0.0 or value != last:
                changed = row + i
                last = value
                is_known = 1.0
            out[i] = row + i - changed
        else:
            out[i] = np.nan
    state[0] = is_known
    state[1] = last
    state[2] = changed


share_compiled(globals())
