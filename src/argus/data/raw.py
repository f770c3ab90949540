"""Bars as a source delivered them: on our clock, but unsorted, unchecked and with a way back to the original bytes.

Reading a file has two halves. A reader in `argus.data.sources` turns bytes into a `SourceTable` of named columns and
knows on which line each row stood. `argus.data.importing` then applies what the user stated about the columns and the
stamps, which gives `RawBars`. Rows that cannot be read at all become `Rejection` records: they carry no usable time, so
no quality gate could place them, yet they must not vanish.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from argus.core.arrays import BAR_FIELDS, F64_1D, I64_1D, readonly
from argus.core.errors import DataError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["NO_NAMES", "RawBars", "Rejection", "SourceTable", "Suspicion"]

NO_NAMES: Final[tuple[str, ...]] = ()
"""No column names: the file names its columns itself."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row of a source that could not be read as stated.

    Attributes
    ----------
    source_line : int
        1-based line of a text source, 1-based row of a columnar one.
    reason : str
        Short code, such as ``"unparsable"``.
    message : str
        A sentence with the column and the value that was found.
    original : bytes
        The row as it stood in the source.
    """

    source_line: int
    reason: str
    message: str
    original: bytes


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Something odd about a source as a whole, for the import report.

    Attributes
    ----------
    code : str
        Short code, such as ``"no_final_newline"``.
    message : str
        What was found, and what it may mean.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class SourceTable:
    """The columns of a source, by their own names, before anything that was stated about them is applied.

    Attributes
    ----------
    name : str
        File name, for messages.
    sha256 : str
        Hash of the file's bytes as they lie on disk.
    frame : polars.DataFrame
        The columns asked for; text sources give text, columnar ones their own types.
    source_line : (n,) int64
        Where each row stood.
    original : callable
        Row of `frame` to the original bytes.
    rejected : tuple of Rejection
        Rows that are not in `frame`, because they have too few or too many fields.
    suspicions : tuple of Suspicion
    """

    name: str
    sha256: str
    frame: pl.DataFrame
    source_line: I64_1D
    original: Callable[[int], bytes]
    rejected: tuple[Rejection, ...] = ()
    suspicions: tuple[Suspicion, ...] = ()

    def take(self, rows: I64_1D) -> SourceTable:
        """Some rows of the frame, in rising order; what is rejected and suspected of the source stays with them."""
        return replace(
            self,
            frame=self.frame[rows],
            source_line=self.source_line[rows],
            original=lambda row: self.original(int(rows[row])),
        )


@dataclass(frozen=True, slots=True, eq=False)
class RawBars:
    """Bars of one instrument as read: times are known, nothing else has been checked, and nothing is sorted.

    Attributes
    ----------
    instrument : str
        Symbol in the instrument file.
    ts_event_ns, ts_close_ns, ts_recv_ns : (n,) int64
        Start, close and first possible knowledge of each bar, UTC nanoseconds.
    open, high, low, close, volume, open_interest : (n,) float64
        NaN where the source has no value; NaN throughout if the column was not delivered.
    observed : frozenset of str
        Which of `BAR_FIELDS` the source delivers.
    source_line : (n,) int64
        1-based line of a text source, 1-based row of a columnar one.
    row_bytes : callable
        Row to the bytes of its original; see `original`.
    source, source_sha256 : str
        Name of the source and the hash of its bytes.
    rejected : tuple of Rejection
        Rows that could not be read as stated; they are in none of the arrays.
    suspicions : tuple of Suspicion
        What is odd about the source as a whole.
    """

    instrument: str
    ts_event_ns: I64_1D
    ts_close_ns: I64_1D
    ts_recv_ns: I64_1D
    open: F64_1D
    high: F64_1D
    low: F64_1D
    close: F64_1D
    volume: F64_1D
    open_interest: F64_1D
    observed: frozenset[str]
    source_line: I64_1D
    row_bytes: Callable[[int], bytes] = field(repr=False)
    source: str = ""
    source_sha256: str = ""
    rejected: tuple[Rejection, ...] = ()
    suspicions: tuple[Suspicion, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.ts_event_ns)
        for name in _ARRAYS:
            array = getattr(self, name)
            if array.shape != (n,):
                raise DataError(f"{self.instrument}: raw column {name} has shape {array.shape}, expected ({n},)")
            readonly(array)

    def __len__(self) -> int:
        return len(self.ts_event_ns)

    def original(self, row: int) -> bytes:
        """The row as it stood in the source: the line of a text file, a JSON object of a columnar row."""
        return self.row_bytes(row)

    def take(self, rows: Sequence[int] | I64_1D) -> RawBars:
        """The given rows, in the given order, as new arrays."""
        index = np.asarray(rows, dtype=np.int64)
        columns = {name: getattr(self, name)[index] for name in _ARRAYS}

        def row_bytes(row: int) -> bytes:
            return self.row_bytes(int(index[row]))

        return RawBars(
            instrument=self.instrument,
            observed=self.observed,
            row_bytes=row_bytes,
            source=self.source,
            source_sha256=self.source_sha256,
            suspicions=self.suspicions,
            **columns,
        )


_ARRAYS: Final = tuple(
    f.name for f in fields(RawBars) if f.name.startswith("ts_") or f.name in BAR_FIELDS or f.name == "source_line"
)
