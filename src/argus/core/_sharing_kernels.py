"""Kernels that call kernels, compiled once and no more than is needed: half of the first compilation.

Left to itself, Numba compiles a function anew for each constant that another kernel passes to it, and for each width of
an integer: the function that ends an order was compiled sixteen times, once for each reason. It also makes two doors to
every function, for Python and for C, though nearly all are called by other kernels only; a door for twenty arrays is
longer than most kernels. `share_compiled` at the end of a kernel file lets kernels call each other in a form without
doors, in which constants are the numbers they are. No result changes, and Python calls a kernel as before.

Nor do these kernels count references to the arrays that they are given, which took two fifths of a run's time: arrays
belong to whoever called the first kernel, and none is made on the way. One that makes an array does not compile.
"""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.core.dispatcher import Dispatcher

from argus.core._kernel_compiler import Part, Whole, WideWhole

__all__ = ["share_compiled"]


def share_compiled(
    module: dict[str, Any], makes_arrays: bool = False, pointers: tuple[str, ...] = (), wide: bool = False
) -> None:
    """Let the kernels of a module (its globals) be called by other kernels in their shared form.

    `makes_arrays` says that some kernel of the module makes an array, so that references have to be counted; `pointers`
    names kernels that are handed to others as pointers, which needs a door for C. `wide` asks for the widest vectors
    that the processor has: a third to a half faster where all is arithmetic on columns near the processor, slower where
    columns come from further away. No result changes: the same operations, on more numbers at once.
    """
    for member in list(module.values()):
        if isinstance(member, Dispatcher) and member.py_func.__module__ == module["__name__"]:
            _share(member, makes_arrays, WideWhole if wide else Whole)
            if member.py_func.__name__ not in pointers:
                member.targetoptions["no_cfunc_wrapper"] = True


def _share(kernel: Any, makes_arrays: bool, whole: Any) -> None:
    # Never cached by itself: it would stand in the cache under the name of the kernel, and Python would find no door.
    if not makes_arrays:
        kernel.targetoptions["_nrt"] = False
    options: dict[str, Any] = {name: value for name, value in kernel.targetoptions.items() if name != "nopython"}
    options |= {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    inner: Any = njit(cache=False, pipeline_class=Part, **options)(kernel.py_func)
    kernel._compiler.pipeline_class = whole

    def get_call_template(args: Any, kws: Any) -> Any:
        named = {name: _number(one) for name, one in dict(kws).items()}
        return inner.get_call_template(tuple(_number(one) for one in args), named)

    kernel.get_call_template = get_call_template
    kernel.get_overload = inner.get_overload


def _number(kind: Any) -> Any:
    """The type in which an argument of this type is passed."""
    kind = types.unliteral(kind)  # type: ignore[no-untyped-call]
    return types.int64 if kind is types.int32 else kind
