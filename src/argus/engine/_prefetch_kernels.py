"""A hint to the processor that a cell of an array will be read soon.

A run reads a few columns front to back, and the others only where an order meets a bar: cells that lie nowhere near
what was read before. To ask for them all at once, while the order is entered, hides most of the wait for memory.
"""

from __future__ import annotations

from typing import Any

from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["prefetch"]

_build: Any = cgutils
ir: Any = _build.ir  # LLVM's own types, which Numba brings along
_READ, _STAY, _DATA = 0, 3, 1


@intrinsic
def _prefetch(_context: Any, array: Any, row: Any) -> Any:
    """Emit the hint; `row` must lie within the one-dimensional `array`."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = signature.args[0]
        lying = context.make_array(kind)(context, builder, args[0])
        cell = _build.get_item_pointer(context, builder, kind, lying, [args[1]], wraparound=False)
        word, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
        kind_of_hint = ir.FunctionType(ir.VoidType(), [pointer, word, word, word])
        hint = _build.get_or_insert_function(builder.module, kind_of_hint, "llvm.prefetch.p0")
        settings = [ir.Constant(word, setting) for setting in (_READ, _STAY, _DATA)]
        builder.call(hint, [builder.bitcast(cell, pointer), *settings])
        return context.get_dummy_value()

    return types.void(array, types.intp), codegen


def _nothing(_array: Any, _row: Any) -> None:
    """Where kernels are not compiled there is nobody to hint at."""


prefetch: Any = _nothing if config.DISABLE_JIT else _prefetch  # type: ignore[attr-defined]
