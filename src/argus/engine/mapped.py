"""Arrays too large for memory lie in files, mapped: the system brings in what is read, and is told what can go.

A replay reads its columns once, front to back. What it has passed is given back (`forget`), so that the memory in use
stays small however long the data are. A mapped array is an array like any other.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import tempfile
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from argus.core.arrays import Bars

__all__ = ["LARGE_BYTES", "empty", "forget", "forget_bars", "is_mapped", "keep_freed", "kept", "open_array"]

LARGE_BYTES: Final = 64 << 20
"""Arrays beyond this are mapped."""


_FREED_MAX, _KEPT_BELOW = 256 << 20, 32 << 20
"""Bytes at the end of the heap that stay with the process, and how large the arrays may be that lie there: glibc before
2.35 takes no more than 32 MiB."""
_TRIM_ABOVE, _MAP_ABOVE = -1, -3
"""`M_TRIM_THRESHOLD` and `M_MMAP_THRESHOLD` of ``malloc.h``."""


@cache
def keep_freed() -> None:
    """Let the process keep up to a quarter of a gigabyte of what it frees, instead of giving it back at once.

    A run makes and drops a dozen columns. To get each from the system anew takes longer than to fill it: of a million
    bars replayed once a day it was half of the time. Where the C library is not glibc, or somebody has told it
    otherwise, nothing changes.
    """
    if sys.platform == "linux" and not {"MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"} & os.environ.keys():
        tell = getattr(ctypes.CDLL(None), "mallopt", None)
        if tell is not None and tell(_MAP_ABOVE, _KEPT_BELOW):
            tell(_TRIM_ABOVE, _FREED_MAX)


def empty(n: int, dtype: DTypeLike) -> NDArray[Any]:
    """A new array of `n` items, in a file without a name if it is large; the file goes with the array."""
    kind = np.dtype(dtype)
    return _in_file(n, kind) if n * kind.itemsize > LARGE_BYTES else np.empty(n, dtype=kind)


def _in_file(n: int, kind: np.dtype[Any]) -> NDArray[Any]:
    with tempfile.TemporaryFile() as file:
        file.truncate(n * kind.itemsize)
        return np.frombuffer(mmap.mmap(file.fileno(), 0), dtype=kind)


def kept(array: NDArray[Any], beside_bytes: int = 0) -> NDArray[Any]:
    """The array, in a file of its own if it is large, with the `beside_bytes` that stay in memory with it."""
    if array.nbytes + beside_bytes <= LARGE_BYTES or is_mapped(array):
        return array
    column = _in_file(len(array), array.dtype)
    column[:] = array
    forget(column)
    return column


def open_array(path: Path, dtype: DTypeLike) -> NDArray[Any]:
    """The array in a file, read-only."""
    with path.open("rb") as file:
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), dtype=dtype)


def is_mapped(array: NDArray[Any]) -> bool:
    """Whether the array, or what it is a part of, lies in a file."""
    return _mapping(array) is not None


def forget(array: NDArray[Any], start: int = 0, stop: int | None = None) -> None:
    """Give the memory of items `start` to `stop` back; nothing is lost, the next read brings them in again.

    Does nothing to arrays that are not mapped, and where the system knows no such advice.
    """
    mapping = _mapping(array)
    if mapping is None or not hasattr(mmap, "MADV_DONTNEED"):
        return
    offset = array.__array_interface__["data"][0] - np.frombuffer(mapping, np.uint8).__array_interface__["data"][0]
    begin = offset + start * array.itemsize
    end = offset + (len(array) if stop is None else stop) * array.itemsize
    begin, end = -(-begin // mmap.PAGESIZE) * mmap.PAGESIZE, end // mmap.PAGESIZE * mmap.PAGESIZE
    if end > begin:
        mapping.madvise(mmap.MADV_DONTNEED, begin, end - begin)


def forget_bars(bars: Bars) -> None:
    """Give the memory of all columns of bars back."""
    for field in fields(bars):
        column = getattr(bars, field.name)
        if isinstance(column, np.ndarray):
            forget(column)


def _mapping(array: NDArray[Any]) -> mmap.mmap | None:
    owner: object = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    if isinstance(owner, memoryview):
        owner = owner.obj
    return owner if isinstance(owner, mmap.mmap) else None
