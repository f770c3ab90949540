"""The compiled entry of a kernel, without the dispatch that picks it: half the price of a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["entry_of"]


def entry_of(kernel: Callable[..., Any], arguments: tuple[Any, ...]) -> Callable[..., Any]:
    """The entry of `kernel` for the types of these arguments; a function that is not compiled is its own entry."""
    from numba import typeof
    from numba.core.registry import CPUDispatcher

    if not isinstance(kernel, CPUDispatcher):
        return kernel
    types = tuple(typeof(argument) for argument in arguments)  # type: ignore[no-untyped-call]
    entry: Callable[..., Any] = kernel.compile(types)
    return entry
