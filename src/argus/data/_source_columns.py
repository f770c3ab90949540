"""Columns of a source as numbers and instants; a value that is none rejects its row and says why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from argus.core.arrays import F64_1D
from argus.core.errors import ImportFailed
from argus.data._catalog_stamps import EPOCH_UNITS, FAULTS, Stamps, unit_hint
from argus.data.raw import Rejection, SourceTable

if TYPE_CHECKING:
    import polars as pl

__all__ = ["numbers", "refuse_misread", "reject_stamps", "shown"]

_UNREADABLE_SHARE_MAX: Final = 0.10


def numbers(table: SourceTable, name: str, rejected: dict[int, Rejection]) -> F64_1D:
    """A column as float64, NaN where it is empty; text that is no number rejects its row."""
    import polars as pl

    column: pl.Series = table.frame[name]
    if column.dtype == pl.String:
        text = column.str.strip_chars()
        values_read = text.cast(pl.Float64, strict=False)
        wrong = values_read.is_null() & text.is_not_null() & (text.str.len_bytes() > 0)
        for row in wrong.arg_true().to_list() if wrong.any() else []:
            line = int(table.source_line[row])
            message = f"line {line}, column {name!r}: found {shown(column[row])}: it is not a number"
            rejected.setdefault(row, Rejection(line, "unparsable", message, table.original(row)))
    elif column.dtype.is_numeric():
        values_read = column.cast(pl.Float64)
    else:
        raise ImportFailed(
            f"{table.name}: column {name!r} holds {column.dtype}, not numbers; map the field to a column of numbers"
        )
    values: F64_1D = np.ascontiguousarray(values_read.fill_nan(None).fill_null(np.nan).to_numpy())
    return values


def reject_stamps(
    table: SourceTable, name: str, time_format: str, stamps: Stamps, rejected: dict[int, Rejection]
) -> None:
    """Reject the rows whose stamps in a column have a fault."""
    column = table.frame[name]
    for row in np.flatnonzero(stamps.fault).tolist():
        reason, why = FAULTS[int(stamps.fault[row])]
        line = int(table.source_line[row])
        hint = ""
        if reason == "implausible_time" and time_format in EPOCH_UNITS:
            hint = unit_hint(int(column[row]), time_format)
        message = f"line {line}, column {name!r}: found {shown(column[row])}: {why}.{hint}".removesuffix(".")
        rejected.setdefault(row, Rejection(line, reason, message, table.original(row)))


def refuse_misread(source: str, unreadable: Sequence[Rejection], rows: int) -> None:
    """Refuse a file most of whose bad rows come from reading it wrongly.

    Raises
    ------
    ImportFailed
        If more than a tenth of the rows are unreadable; quotes the first.
    """
    if len(unreadable) > _UNREADABLE_SHARE_MAX * rows:
        raise ImportFailed(
            f"{source}: {len(unreadable)} of {rows} rows cannot be read as stated, so that the statement is wrong "
            f"or the file is damaged; the first: {unreadable[0].message}"
        )


def shown(value: object) -> str:
    """A value as it stands in a message: not longer than a line can bear."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
