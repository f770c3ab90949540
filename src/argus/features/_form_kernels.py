"""The one form of every feature kernel, how it is declared, and how a compiled loop calls many of them.

A kernel is ``kernel(work, io, at, n, row, args, state)``:

``work``
    (columns, length) float64: every column of a plan, the newest rows at the end and older ones before them.
``io``
    Columns of the inputs, then of the outputs, then of scratch space.
``at``, ``n``
    The kernel writes its outputs at positions ``at`` to ``at + n`` and may read any input up to there, and as far back
    as its `depth` says. Before the first row inputs are NaN.
``row``
    Rows that came before position ``at``: the number of the row at ``at``, from zero.
``args``, ``state``
    Its numbers, and what it carries from call to call: a float64 vector that starts as zeros.

A whole column in pieces of thousands of rows is the batch form, one row per call the live form: the same function. What
comes out must not depend on the pieces, which every kernel's test holds it to. A kernel takes slices of ``work`` and
loops over them from zero, so that the compiler can work on several rows at once.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from numba import njit, types
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

__all__ = [
    "Form",
    "call_kernel",
    "form_of",
    "is_compiled",
    "kernel",
    "kernel_address",
    "kernel_function",
    "lent",
    "source_hash",
]

_numba: Any = import_module("numba")
Size = int | Callable[[Sequence[float]], int]
_ARGUMENTS = (
    types.Array(types.float64, 2, "C"),
    types.Array(types.int64, 1, "C"),
    types.int64,
    types.int64,
    types.int64,
    types.Array(types.float64, 1, "C"),
    types.Array(types.float64, 1, "C"),
)


@dataclass(frozen=True, slots=True)
class Form:
    """What a plan must know of a kernel.

    Attributes
    ----------
    depth : int or callable of args
        Rows before the current one that it reads of its inputs.
    own_depth : int or callable of args
        Rows before the current one that it reads of its own outputs and scratch.
    state : int or callable of args
        Length of its state.
    outputs, scratch : int or callable of args
        Columns it writes for others, and for itself.
    lanes : bool
        Whether it takes several calls at once: the columns, args and states of each, one after the other. Chains of
        values that each wait for the one before then go side by side.
    cost : float
        About how many nanoseconds a row takes, by which threads share the work.
    """

    depth: Size = 0
    own_depth: Size = 0
    state: Size = 0
    outputs: Size = 1
    scratch: Size = 0
    lanes: bool = False
    cost: float = 0.4

    def size(self, name: str, args: Sequence[float]) -> int:
        """One of the attributes for these args."""
        value: Size = getattr(self, name)
        return value if isinstance(value, int) else int(value(args))


def kernel(
    *,
    depth: Size = 0,
    own_depth: Size = 0,
    state: Size = 0,
    outputs: Size = 1,
    scratch: Size = 0,
    lanes: bool = False,
    cost: float = 0.4,
) -> Callable[[Any], Any]:
    """Declare a function of a kernel module as a feature kernel."""

    def declare(function: Any) -> Any:
        # Kernels are called by address, never from Python: a door for Python is a fifth of the compilation.
        without_door: dict[str, Any] = {"no_cpython_wrapper": True}
        compiled: Any = njit(cache=True, error_model="numpy", nogil=True, **without_door)(function)
        compiled.form = Form(depth, own_depth, state, outputs, scratch, lanes, cost)
        return compiled

    return declare


@cache
def kernel_function(name: str) -> Any:
    """The kernel ``module.function`` of this package."""
    module, _, function = name.partition(".")
    return getattr(import_module(f"argus.features._{module}_kernels"), function)


def form_of(name: str) -> Form:
    """The declared form of a kernel."""
    form: Form = kernel_function(name).form
    return form


@cache
def kernel_address(name: str) -> int:
    """Where the compiled kernel stands in memory; compiled now if it was not."""
    compiled = kernel_function(name)
    compiled.compile(_ARGUMENTS)
    result = compiled.overloads[_ARGUMENTS]
    return int(result.library.get_pointer_to_function(result.fndesc.llvm_func_name))


def _part(context: Any, builder: Any, kinds: tuple[Any, Any], values: tuple[Any, Any], k: Any) -> Any:
    """Elements ``places[k]`` to ``places[k + 1]`` of an array: a slice of which nobody asks whether it lies inside."""
    array, places = (context.make_array(kind)(context, builder, one) for kind, one in zip(kinds, values, strict=True))
    after = builder.add(k, context.get_constant(types.int64, 1))
    first, last = (builder.load(builder.gep(places.data, [place])) for place in (k, after))
    made = context.make_array(kinds[0])(context, builder)
    fill: Any = populate_array
    fill(
        made,
        data=builder.gep(array.data, [first]),
        shape=[builder.sub(last, first)],
        strides=array.strides,
        itemsize=array.itemsize,
        meminfo=None,
    )
    return made._getvalue()


def _call_compiled() -> Any:
    @intrinsic
    def call(typingctx, address, work, at, n, row, io, io_at, args, args_at, state, state_at, k):  # type: ignore[no-untyped-def]
        kinds = (work, io, types.int64, types.int64, types.int64, args, state)
        signature = types.void(address, work, at, n, row, io, io_at, args, args_at, state, state_at, k)

        def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            address, work, at, n, row, *lists, k = values
            io, args, state = (
                _part(context, builder, signature.args[5 + j : 7 + j], tuple(lists[j : j + 2]), k) for j in (0, 2, 4)
            )
            pointer = context.call_conv.get_function_type(types.none, kinds).as_pointer()
            function = builder.inttoptr(address, pointer)
            context.call_conv.call_function(builder, function, types.none, kinds, (work, io, at, n, row, args, state))
            return context.get_dummy_value()

        return signature, lower

    return call


def _call_plain(kernel, work, at, n, row, io, io_at, args, args_at, state, state_at, k):  # type: ignore[no-untyped-def]
    kernel(
        work,
        io[io_at[k] : io_at[k + 1]],
        at,
        n,
        row,
        args[args_at[k] : args_at[k + 1]],
        state[state_at[k] : state_at[k + 1]],
    )


call_kernel = _call_plain if _numba.config.DISABLE_JIT else _call_compiled()
"""Call a kernel, the compiled one at an address or the plain function, with what call `k` of a plan gives it."""


def _lent_compiled() -> Any:
    @intrinsic
    def lent(typingctx, array):  # type: ignore[no-untyped-def]
        def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            made = context.make_array(array)(context, builder, values[0])
            for owner in ("meminfo", "parent"):
                setattr(made, owner, getattr(made, owner).type(None))
            return made._getvalue()

        return array(array), lower

    return lent


lent = (lambda array: array) if _numba.config.DISABLE_JIT else _lent_compiled()
"""An array without its owner, who must outlive it: parts of it that kernels take then cost nothing to count."""


@cache
def source_hash(name: str) -> str:
    """Hash of a kernel's source and of every function of Argus that it calls."""
    digest = hashlib.sha256()
    seen: set[int] = set()
    waiting = [kernel_function(name)]
    while waiting:
        function = getattr(waiting[0], "py_func", waiting[0])
        waiting.pop(0)
        if id(function) in seen:
            continue
        seen.add(id(function))
        digest.update(inspect.getsource(function).encode())
        for used in sorted(function.__code__.co_names):
            value = function.__globals__.get(used)
            inner = getattr(value, "py_func", value)
            if inspect.isfunction(inner) and inner.__module__.startswith("argus."):
                waiting.append(inner)
            elif isinstance(value, int | float):
                digest.update(f"{used}={value!r}".encode())
    return digest.hexdigest()[:16]


def is_compiled() -> bool:
    """Whether kernels are compiled, or run as plain Python (``NUMBA_DISABLE_JIT=1``)."""
    return not _numba.config.DISABLE_JIT
