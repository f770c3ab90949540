"""x y + z, rounded once, and only where it is asked for by name.

Compilers may fuse products and sums of their own accord, and then a result depends on who compiled it for what; Numba
is not allowed to. Asked for by name it is one and the same number everywhere (IEEE 754, `fusedMultiplyAdd`), nearer to
the truth, and on current processors half the work.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import config, types
from numba.extending import intrinsic

__all__ = ["fused"]


def _in_python(x: float, y: float, z: float) -> Any:
    """By whole numbers, whose quotient Python rounds once."""
    plain = np.float64(x) * y + z
    if not (math.isfinite(x) and math.isfinite(y) and math.isfinite(z)):
        return plain
    (a, b), (c, d), (e, f) = x.as_integer_ratio(), y.as_integer_ratio(), z.as_integer_ratio()
    exact = a * c * f + e * b * d
    # Zero has a sign, which whole numbers lack; the plain sum is exact there.
    try:
        return np.float64(exact / (b * d * f)) if exact else plain
    except OverflowError:
        return plain


def _rule(_context: Any, x: Any, y: Any, z: Any) -> Any:
    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fma(*values)

    return types.float64(types.float64, types.float64, types.float64), lower


fused: Any = _in_python if config.DISABLE_JIT else intrinsic(_rule)  # type: ignore[attr-defined]
"""x y + z, rounded once."""
