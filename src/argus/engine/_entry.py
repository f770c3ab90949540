"""The compiled entry of a kernel, without the dispatch that picks it: half the price of a call."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Literal

import numpy as np

__all__ = ["entry_of"]


def entry_of(kernel: Callable[..., Any], arguments: tuple[Any, ...]) -> Callable[..., Any]:
    """The entry of `kernel` for the types of these arguments; a function that is not compiled is its own entry."""
    from numba.core.registry import CPUDispatcher

    if not isinstance(kernel, CPUDispatcher):
        return kernel
    entry: Callable[..., Any] = kernel.compile(tuple(_type_of(argument) for argument in arguments))
    return entry


def _type_of(argument: Any) -> Any:
    """What `numba.typeof` says; of arrays it is asked once, for with rows of many fields it takes a millisecond."""
    from numba import typeof

    if type(argument) is not np.ndarray:
        return typeof(argument)  # type: ignore[no-untyped-call]
    flags = argument.flags
    layout: Literal["C", "F", "A"] = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
    return _array_type(argument.dtype, argument.ndim, layout, not flags.writeable)


@cache
def _array_type(dtype: np.dtype[Any], dimensions: int, layout: Literal["C", "F", "A"], is_readonly: bool) -> Any:
    from numba.core.types import Array
    from numba.np.numpy_support import from_dtype

    return Array(from_dtype(dtype), dimensions, layout, readonly=is_readonly)
