"""How inputs come in and results leave: what one array expression of NumPy for each column would take too long for.

A result is written once and not looked at again before all are done, so its bytes go straight to memory: the cache
keeps the columns that kernels still work on, and memory is not read only to be written over. That halves what a set of
hundreds of columns sends over the wires.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from argus.core._sharing_kernels import share_compiled

__all__ = ["element", "emit", "settle"]

_numba: Any = import_module("numba")
_LARGEST = 3.4028234663852886e38
"""Largest finite float32."""
_FEW = 64
"""Rows up to which results go through the cache, for they are looked at next."""
_ALIGNED = 32


def _place(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    made = context.make_array(kind)(context, builder, array)
    return builder.gep(made.data, [index])


def _element_rule(typingctx, address, kind, index):  # type: ignore[no-untyped-def]
    """The element of that kind of number at a place of an array that begins at an address."""
    signature = kind.dtype(types.int64, kind, types.int64)

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer = builder.inttoptr(values[0], context.get_data_type(signature.return_type).as_pointer())
        return builder.load(builder.gep(pointer, [values[2]]))

    return signature, lower


def _lead_rule(typingctx, array):  # type: ignore[no-untyped-def]
    """Elements before the first one that stands at a whole multiple of 32 bytes."""
    signature = types.int64(array)

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        whole = ir.IntType(64)
        pointer = _place(context, builder, signature.args[0], values[0], ir.Constant(whole, 0))
        size = signature.args[0].dtype.bitwidth // 8
        left = builder.and_(builder.neg(builder.ptrtoint(pointer, whole)), ir.Constant(whole, _ALIGNED - 1))
        return builder.udiv(left, ir.Constant(whole, size))

    return signature, lower


def _put_eight_rule(typingctx, source, target, index):  # type: ignore[no-untyped-def]
    """Eight values of a float64 array to an array of floats, past the cache; NaN where one is too large for float32."""
    signature = types.void(source, target, index)

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = ir.VectorType(context.get_value_type(signature.args[1].dtype), 8)
        eight = ir.VectorType(ir.DoubleType(), 8)
        place = _place(context, builder, signature.args[0], values[0], values[2])
        value = builder.load(builder.bitcast(place, eight.as_pointer()), align=8)
        size = builder.call(
            builder.module.globals.get("llvm.fabs.v8f64")
            or ir.Function(builder.module, ir.FunctionType(eight, [eight]), "llvm.fabs.v8f64"),
            [value],
        )
        is_small = builder.fcmp_ordered("<=", size, ir.Constant(eight, [_LARGEST] * 8))
        if kind != eight:
            value = builder.fptrunc(value, kind)
        value = builder.select(is_small, value, ir.Constant(kind, [float("nan")] * 8))
        place = _place(context, builder, signature.args[1], values[1], values[2])
        stored = builder.store(value, builder.bitcast(place, kind.as_pointer()), align=_ALIGNED)
        stored.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)]))
        return context.get_dummy_value()

    return signature, lower


def _fence_rule(typingctx):  # type: ignore[no-untyped-def]

    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), lower


element: Any = intrinsic(_element_rule)
"""The element of that kind of number at a place of an array that begins at an address."""
_lead: Any = intrinsic(_lead_rule)
_put_eight: Any = intrinsic(_put_eight_rule)
_fence: Any = intrinsic(_fence_rule)


@njit(cache=True, error_model="numpy", nogil=True)
def _emit_few(source, target):  # type: ignore[no-untyped-def]
    for i in range(len(target)):
        value = source[i]
        target[i] = value if abs(value) <= _LARGEST else np.nan


@njit(cache=True, error_model="numpy", nogil=True)
def _emit_many(source, target):  # type: ignore[no-untyped-def]
    n = len(target)
    if n <= _FEW or target.strides[0] != target.itemsize:
        _emit_few(source, target)
        return
    first = _lead(target)
    _emit_few(source[:first], target[:first])
    last = n - 8
    i = first
    while i <= last:
        _put_eight(source, target, i)
        i += 8
    _emit_few(source[i:], target[i:])


@njit(cache=True, error_model="numpy", nogil=True)
def _wait(n):  # type: ignore[no-untyped-def]
    if n > _FEW:
        _fence()


@njit(cache=True, error_model="numpy", nogil=True)
def _wait_for_nothing(n):  # type: ignore[no-untyped-def]
    pass


emit = _emit_few if _numba.config.DISABLE_JIT else _emit_many
"""Write a column as results: what is infinite or too large for float32 goes out as NaN."""
settle = _wait_for_nothing if _numba.config.DISABLE_JIT else _wait
"""Wait until all results of `n` rows have been written, so that other threads see them."""

share_compiled(globals())
