"""What the functions of this package take: columns of equal length, in which one number may stand for all rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from argus.core.arrays import F64_1D, readonly
from argus.core.errors import DataError

__all__ = ["I8_1D", "U8_1D", "frozen", "option_columns"]

I8_1D = NDArray[np.int8]
U8_1D = NDArray[np.uint8]


def option_columns(right: ArrayLike, **columns: ArrayLike) -> tuple[int, list[F64_1D], I8_1D]:
    """Row count, each column contiguous in float64 (of that length, or of one where a number was given), and rights.

    A right is +1 (call) or -1 (put); anything else becomes 0, which then gets its reason.

    Raises
    ------
    DataError
        Naming the column that is no column of numbers, or whose length differs from that of the others.
    """
    made = {name: _column(name, column) for name, column in columns.items()}
    rights = np.atleast_1d(np.asarray(right))
    if rights.ndim > 1:
        raise DataError(f"right has shape {rights.shape}; give one number or a one-dimensional array")
    if rights.dtype != np.int8:
        rights = (rights == 1).astype(np.int8) - (rights == -1).astype(np.int8)
    lengths = {name: len(column) for name, column in {**made, "right": rights}.items() if len(column) != 1}
    if len(set(lengths.values())) > 1:
        raise DataError(f"columns differ in length ({lengths}); give equal lengths, or one number for all rows")
    return next(iter(lengths.values()), 1), list(made.values()), frozen(rights)


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """A contiguous view that cannot be written to: kernels then see one kind of array, and are compiled once."""
    view = np.ascontiguousarray(array).view()
    readonly(view)
    return view


def _column(name: str, column: ArrayLike) -> F64_1D:
    try:
        array = np.atleast_1d(np.asarray(column, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} is not a column of numbers: {error}") from error
    if array.ndim > 1:
        raise DataError(f"{name} has shape {array.shape}; give one number or a one-dimensional array")
    return frozen(array)
