"""Kernels of time: counting rows, and where a bar stands in its session."""

from __future__ import annotations

from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import kernel


@kernel()
def count(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Rows so far, this one included."""
    out = work[io[1], at : at + n]
    for i in range(n):
        out[i] = row + i + 1.0


share_compiled(globals())
