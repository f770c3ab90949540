"""The American kernel as plain Python and compiled: the same bits."""

from __future__ import annotations

import hashlib

import numpy as np

from argus.options.american import _scheme


def test_the_bits_are_these_compiled_or_not() -> None:
    from argus.options import _american_kernels as kernels

    _, tables = _scheme("fast")
    out = np.empty((4, 2))
    room = np.empty(kernels.american_room(len(tables[0])))
    years, vol = np.array([1.0, 0.3]), np.array([0.2, 0.5])
    kernels.american_puts(
        np.array([0.9, 1.1]), years, vol, np.array([0.06, 0.03]), np.array([0.0, 0.08]), 1, *tables, room, out
    )
    assert np.isfinite(out).all()
    assert hashlib.sha256(out.tobytes()).hexdigest()[:16] == "78716b0b88ff253f"
