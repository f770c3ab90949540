from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba import njit, typeof

from argus.engine._entry import _type_of, entry_of
from argus.engine._layout import INSTRUMENT_DTYPE

COLUMNS = np.arange(24.0).reshape(2, 3, 4)
ROWS = np.zeros(5, INSTRUMENT_DTYPE)


def readonly(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    array = array.copy()
    array.setflags(write=False)
    return array


@pytest.mark.parametrize(
    "argument",
    [
        *(COLUMNS, COLUMNS[0], COLUMNS[0].T, COLUMNS[:, 1], COLUMNS[0, 0, ::2], COLUMNS[:, :0], np.array(1.0)),
        *(readonly(COLUMNS), COLUMNS.astype(np.int32), COLUMNS > 3, np.arange(3, dtype=np.uint8)),
        *(ROWS, ROWS[::2], ROWS[:0], readonly(ROWS), 7, 2**40, 2**63, 1.5, True, np.int32(3), (1, 2.0)),
    ],
    ids=lambda argument: str(typeof(argument))[:60],
)
def test_types_are_those_that_the_compiler_sees(argument: Any) -> None:
    for _ in range(2):  # the second answer is a remembered one
        assert _type_of(argument) == typeof(argument)


def test_the_entry_computes_what_the_kernel_does() -> None:
    def total(values: np.ndarray[Any, Any], factor: float) -> float:
        return float(values.sum() * factor)

    assert entry_of(total, (COLUMNS, 2.0)) is total
    kernel = njit(total)
    assert entry_of(kernel, (COLUMNS, 2.0))(COLUMNS, 2.0) == total(COLUMNS, 2.0)
