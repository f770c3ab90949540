"""antropy, the reference of entropies and dimensions, as plain Python.

It compiles its functions while it is imported, which would take each process that collects the tests many seconds.
"""

from __future__ import annotations

import pytest
from numba import config

with pytest.MonkeyPatch.context() as patch:
    patch.setattr(config, "DISABLE_JIT", 1)
    import antropy

__all__ = ["antropy"]
