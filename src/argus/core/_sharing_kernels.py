"""One compiled form of a kernel for all the numbers that it is called with.

Numba compiles a function anew for each constant that another kernel passes to it, and for each width of an integer: the
function that ends an order was compiled sixteen times, once for each reason. `share_compiled` at the end of a kernel
file has constants taken as the numbers they are, which saves a third of the first compilation and changes no result.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core.dispatcher import Dispatcher

__all__ = ["share_compiled"]


def share_compiled(module: dict[str, Any]) -> None:
    """Let every kernel of a module (its globals) take constants as numbers, and integers of 32 bits as of 64."""
    for member in list(module.values()):
        if isinstance(member, Dispatcher) and member.py_func.__module__ == module["__name__"]:
            _take_numbers(member)


def _take_numbers(kernel: Any) -> None:
    resolve = kernel.get_call_template

    def get_call_template(args: Any, kws: Any) -> Any:
        return resolve(tuple(_number(one) for one in args), {name: _number(one) for name, one in dict(kws).items()})

    kernel.get_call_template = get_call_template


def _number(kind: Any) -> Any:
    """The type in which an argument of this type is passed."""
    kind = types.unliteral(kind)
    return types.int64 if kind is types.int32 else kind
