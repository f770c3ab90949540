"""The compiled entries of a strategy's run: its own loop over rows, and the drive that calls it, each made once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from argus.core.errors import StrategyError
from argus.engine.forms import ArrayStrategy, CompiledStrategy

__all__ = ["entries", "scan_of"]

_SCANS: dict[tuple[Any, int], Any] = {}
_ENTRIES: dict[tuple[Any, Any], tuple[Callable[..., int], tuple[Any, Any]]] = {}
"""What was compiled in this process; to find the types of forty arrays anew for each point takes milliseconds."""


def scan_of(strategy: CompiledStrategy | ArrayStrategy, makes_arrays: bool = False) -> Any:
    """The compiled loop over a decision, made once in a process for each decision and number of columns."""
    from argus.engine._drive_kernels import follow_targets, make_scan

    decide: Any = follow_targets
    width = 1
    if isinstance(strategy, CompiledStrategy):
        decide, width = strategy.decide, len(strategy.columns)
    key = (decide, width)
    if key not in _SCANS or makes_arrays:
        _SCANS[key] = make_scan(decide, width, makes_arrays)  # type: ignore[no-untyped-call]
    return _SCANS[key]


def entries(
    strategy: CompiledStrategy | ArrayStrategy, arguments: Sequence[Any]
) -> tuple[Callable[..., int], tuple[Any, Any]]:
    """(compiled entry of `drive`, the pointers that it takes first).

    Raises
    ------
    StrategyError
        If Numba cannot compile the decision.
    """
    scan = scan_of(strategy)
    shapes = tuple((a.dtype.char, a.itemsize, a.ndim, a.flags.writeable, a.flags.c_contiguous) for a in arguments)
    if (scan, shapes) not in _ENTRIES:
        _ENTRIES[scan, shapes] = _compiled_entries(strategy, scan, arguments)
    return _ENTRIES[scan, shapes]


def _compiled_entries(
    strategy: CompiledStrategy | ArrayStrategy, scan: Any, arguments: Sequence[Any]
) -> tuple[Callable[..., int], tuple[Any, Any]]:
    from numba import config as numba_config
    from numba import typeof, types
    from numba.core.errors import NumbaError

    from argus.engine._drive_kernels import drive
    from argus.engine._kernels import advance

    if numba_config.DISABLE_JIT:  # type: ignore[attr-defined]
        return drive, (scan, advance)
    kinds = [typeof(argument) for argument in arguments]  # type: ignore[no-untyped-call]
    columns, pick, parameters, memory, position, now, out = kinds[:7]
    number = types.int64
    scan_type = types.FunctionType(
        number(number, number, columns, pick, parameters, memory, position, now, out, kinds[14])
    )
    advance_type = types.FunctionType(number(*kinds[18:]))
    try:
        scan.compile(scan_type.signature.args)
    except NumbaError:
        scan = scan_of(strategy, makes_arrays=True)
        try:
            scan.compile(scan_type.signature.args)
        except NumbaError as error:
            raise StrategyError(
                f"decide() cannot be compiled: {str(error).strip()}; it may use what Numba compiles (numbers and "
                "the arrays that it is given), and returns how many rows of `out` it wrote"
            ) from error
    entry: Callable[..., int] = drive.compile((scan_type, advance_type, *kinds))
    return entry, (_found_at_once(scan), _found_at_once(advance))


def _found_at_once(kernel: Any) -> Any:
    """The kernel, which looks a signature up once: Numba does it at every call, and compares forty types each time."""
    known: dict[int, tuple[Any, Any]] = {}
    look_up = type(kernel).get_compile_result

    def found(signature: Any) -> Any:
        if id(signature) not in known:
            known[id(signature)] = signature, look_up(kernel, signature)  # kept, so that no other has its id
        return known[id(signature)][1]

    kernel.get_compile_result = found
    return kernel
