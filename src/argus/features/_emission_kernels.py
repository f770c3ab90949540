"""How inputs come in and results leave: what one array expression of NumPy for each column would take too long for."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numba import config, njit, types
from numba.extending import intrinsic

from argus.core._sharing_kernels import share_compiled

__all__ = ["element", "emit"]

_LARGEST = 3.4028234663852886e38
"""Largest finite float32."""


def _element_rule(typingctx, address, kind, index):  # type: ignore[no-untyped-def]
    """The element of that kind of number at a place of an array that begins at an address."""
    signature = kind.dtype(types.int64, kind, types.int64)

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer = builder.inttoptr(values[0], context.get_data_type(signature.return_type).as_pointer())
        return builder.load(builder.gep(pointer, [values[2]]))

    return signature, lower


def _plain_element(address: int, kind: Any, index: int) -> Any:
    size = np.dtype(kind).itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(int(address) + size * int(index)), dtype=kind)[0]


element: Any = _plain_element if config.DISABLE_JIT else intrinsic(_element_rule)  # type: ignore[attr-defined]
"""The element of that kind of number at a place of an array that begins at an address."""


@njit(cache=True, error_model="numpy", nogil=True)
def emit(source, target):  # type: ignore[no-untyped-def]
    """Write a column as results: what is infinite or too large for float32 goes out as NaN."""
    for i in range(len(target)):
        value = source[i]
        target[i] = value if abs(value) <= _LARGEST else np.nan


share_compiled(globals())
