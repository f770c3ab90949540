"""Kernels of order: where a value stands among the last ones.

A rank is a count, which is taken of several values at once; up to thousands of rows that is quicker than any search.
"""

from __future__ import annotations

import numpy as np

from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import kernel


def _window(args):  # type: ignore[no-untyped-def]
    return int(args[0])


@kernel(depth=_window)
def percentile_rank(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Share of the other args[0] - 1 values of the window that lie below this one, equals counted half.

    Inputs: the values, their `observed_run`.
    """
    w = int(args[0])
    x = work[io[0], at : at + n]
    run = work[io[1], at : at + n]
    out = work[io[2], at : at + n]
    for i in range(n):
        value = x[i]
        past = work[io[0], at + i - w + 1 : at + i + 1]
        twice = 0
        for j in range(w):
            twice += (1 if past[j] < value else 0) + (1 if past[j] <= value else 0)
        out[i] = (twice - 1) / (2.0 * (w - 1)) if run[i] >= w else np.nan


share_compiled(globals())
