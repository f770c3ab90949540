"""The lattice of options with two boundaries as plain Python and compiled: the same bits."""

from __future__ import annotations

import hashlib

import numpy as np


def test_the_bits_are_these_compiled_or_not() -> None:
    from argus.options import _double_boundary_kernels as kernels

    out, room = np.empty((3, 2)), np.empty(kernels.lattice_room(16))
    rates = (np.array([-0.005, -0.01]), np.array([-0.03, -0.015]))
    kernels.added_puts(np.array([0.9, 1.05]), np.array([1.0, 0.3]), np.array([0.2, 0.5]), *rates, 16, room, out)
    assert np.isfinite(out).all()
    assert (out[0] > 0.0).all()
    assert hashlib.sha256(out.tobytes()).hexdigest()[:16] == "37e98cc199b6e9e4"
