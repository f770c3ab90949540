"""Delimited text, plain or gzipped: bytes to columns of text, with the line of every row.

The structure of the file (lines, fields per line, quotes) is measured on the bytes before anything is parsed, because a
parser that repairs as it goes hides exactly the damage that we want to see: a line cut in half becomes a row with a
missing close, a line too many fields wide loses them. Lines whose field count differs from the header's are rejected
with their bytes; whatever is wrong with the file as a whole is an error that names the line.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import BOOL_1D
from argus.core.errors import ImportFailed
from argus.data.raw import Rejection, SourceTable, Suspicion

__all__ = ["TextSource"]

_DELIMITERS_USUAL: Final = (",", ";", "\t", "|")
_BOM_UTF8: Final = b"\xef\xbb\xbf"
_BOM_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_QUOTE: Final = 34
_NEWLINE: Final = 10
_RETURN: Final = 13


class TextSource:
    """A text file, read and split into lines.

    Parameters
    ----------
    path : Path
        ``.csv`` or ``.txt``, or either with ``.gz``.
    content : bytes
        The file as it lies on disk.
    delimiter : str
        One character.
    encoding : str
        Name of the text's encoding.
    header : sequence of str
        Names of the columns of a file without a header line; empty if its first line names them.

    Raises
    ------
    ImportFailed
        If the file is empty, cut off, of another encoding or holds NUL bytes.
    """

    interval_ns: int | None = None

    def __init__(self, path: Path, content: bytes, delimiter: str, encoding: str, header: Sequence[str]) -> None:
        self.name = path.name
        self.sha256 = hashlib.sha256(content).hexdigest()
        if len(delimiter) != 1 or not delimiter.isascii():
            raise ImportFailed(f"{self.name}: the delimiter is stated as {delimiter!r}; it must be one ASCII character")
        self._delimiter = delimiter
        self._data = _decoded(self.name, _unpacked(path, content), encoding)
        self._split_lines()
        first = 0 if header else 1
        if not len(self._starts):
            raise ImportFailed(f"{self.name} is empty: it has no header and no rows; deliver the file again")
        self.names = tuple(header) if header else self._header_names()
        self._body = np.arange(first, len(self._starts))
        if not len(self._body):
            raise ImportFailed(f"{self.name} has a header line and no rows; deliver the file again")

    def _split_lines(self) -> None:
        """Find the start, the end and the number of fields of every line that is not blank."""
        text = np.frombuffer(self._data, dtype=np.uint8)
        breaks = text == _NEWLINE
        fields = text == ord(self._delimiter)
        self._quoted = b'"' in self._data
        if self._quoted:
            outside = (np.cumsum(text == _QUOTE, dtype=np.uint8) & 1) == 0
            if len(outside) and not outside[-1]:
                raise ImportFailed(f"{self.name}: a quotation mark is opened and never closed; the file may be cut off")
            breaks &= outside
            fields &= outside
        ends = np.flatnonzero(breaks)
        starts = np.concatenate((np.zeros(1, np.int64), ends + 1))
        ends = np.append(ends, len(text))
        if starts[-1] >= len(text):
            starts, ends = starts[:-1], ends[:-1]
        counts = np.add.reduceat(fields, starts, dtype=np.int64) + 1 if len(starts) else np.zeros(0, np.int64)
        ends = ends - ((ends > starts) & (text[np.maximum(ends - 1, 0)] == _RETURN) if len(starts) else 0)
        filled = ends > starts
        self._lines = np.flatnonzero(filled) + 1
        self._starts, self._ends, self._counts = starts[filled], ends[filled], counts[filled]

    def _header_names(self) -> tuple[str, ...]:
        line = self._line(0).decode()
        names = tuple(name.strip() for name in next(csv.reader([line], delimiter=self._delimiter)))
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ImportFailed(
                f"{self.name}: the header names {', '.join(repr(name) for name in doubled)} more than once; "
                "rename the columns so that a statement can mean only one of them"
            )
        return names

    def _line(self, row: int) -> bytes:
        return self._data[self._starts[row] : self._ends[row]]

    @property
    def hint(self) -> str:
        """What else the delimiter may be, if the header was not divided at all; else empty."""
        if len(self.names) == 1:
            for other in _DELIMITERS_USUAL:
                if other in self.names[0]:
                    return f" The header holds {other!r}: is that the delimiter?"
        return ""

    def table(self, columns: Sequence[str]) -> SourceTable:
        """The named columns as text.

        Raises
        ------
        ImportFailed
            If the parser cannot make as many rows of the file as it has lines.
        """
        import polars as pl

        width = len(self.names)
        regular: BOOL_1D = self._counts[self._body] == width
        rows = self._body[regular]
        rejected = tuple(self._ragged(int(row), width) for row in self._body[~regular])
        if not len(rows):
            raise ImportFailed(f"{self.name}: {rejected[0].message}, and so has no line; state the delimiter")
        places = [self.names.index(column) for column in columns]
        try:
            frame = pl.read_csv(
                io.BytesIO(self._regular_text(regular)),
                has_header=False,
                columns=sorted(set(places)),
                separator=self._delimiter,
                quote_char='"' if self._quoted else None,
                infer_schema=False,
            )
        except pl.exceptions.PolarsError as error:
            raise ImportFailed(f"{self.name} cannot be parsed as delimited text: {error}") from None
        if frame.height != len(rows):
            raise ImportFailed(
                f"{self.name}: {len(rows)} lines gave {frame.height} rows; a quoted field may hold a line break, "
                "which no price file should: repair the file"
            )
        order = dict(zip(sorted(set(places)), frame.columns, strict=True))
        frame = frame.select([pl.col(order[place]).alias(name) for place, name in zip(places, columns, strict=True)])
        return SourceTable(
            name=self.name,
            sha256=self.sha256,
            frame=frame,
            source_line=self._lines[rows],
            original=lambda row: self._line(int(rows[row])),
            rejected=rejected,
            suspicions=self._suspicions(),
        )

    def _ragged(self, row: int, width: int) -> Rejection:
        line = int(self._lines[row])
        message = f"line {line} has {self._counts[row]} fields where the header names {width}"
        return Rejection(line, "ragged", message, self._line(row))

    def _regular_text(self, regular: BOOL_1D) -> bytes | memoryview:
        """The text of the regular rows: the runs between irregular or blank lines, put together."""
        view = memoryview(self._data)
        rows: NDArray[np.int64] = self._body[regular]
        breaks = np.flatnonzero(np.diff(self._lines[rows]) != 1) + 1
        heads = np.concatenate((np.zeros(1, np.int64), breaks))
        tails = np.append(breaks, len(rows)) - 1
        if len(heads) == 1:
            return view[self._starts[rows[0]] : self._ends[rows[-1]]]
        return b"\n".join(view[self._starts[rows[h]] : self._ends[rows[t]]] for h, t in zip(heads, tails, strict=True))

    def _suspicions(self) -> tuple[Suspicion, ...]:
        if self._data.endswith(b"\n"):
            return ()
        line = int(self._lines[-1])
        return (
            Suspicion("no_final_newline", f"{self.name}: line {line}, the last, has no line break: it may be cut off"),
        )


def _unpacked(path: Path, content: bytes) -> bytes:
    if not content:
        raise ImportFailed(f"{path.name} is empty (0 bytes); deliver the file again")
    if not path.name.lower().endswith(".gz"):
        return content
    try:
        return gzip.decompress(content)
    except EOFError:
        raise ImportFailed(
            f"{path.name}: the gzip stream ends before its end mark: the file is cut off; deliver it again"
        ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise ImportFailed(f"{path.name} is not a sound gzip file: {error}; deliver it again") from None


def _decoded(name: str, data: bytes, encoding: str) -> bytes:
    """The text as UTF-8 without a byte order mark, its line ends LF or CRLF."""
    if encoding.lower().replace("-", "") in ("utf8", "ascii"):
        if data.startswith(_BOM_UTF16):
            raise ImportFailed(
                f"{name} begins with a UTF-16 byte order mark; state encoding='utf-16' (--encoding utf-16)"
            )
        data = data.removeprefix(_BOM_UTF8)
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ImportFailed(
                f"{name}: line {_line_of(data, error.start)} is not {encoding} text: byte 0x{data[error.start]:02x} at "
                f"offset {error.start}; state the file's encoding (for example encoding='latin-1'; --encoding latin-1)"
            ) from None
    else:
        try:
            data = data.decode(encoding).removeprefix("\ufeff").encode()
        except LookupError:
            raise ImportFailed(
                f"{name}: no text encoding is called {encoding!r}; try utf-8, utf-16 or latin-1"
            ) from None
        except UnicodeError as error:
            raise ImportFailed(f"{name} is not {encoding} text: {error}; state the file's encoding") from None
    zero = data.find(b"\0")
    if zero >= 0:
        raise ImportFailed(
            f"{name}: line {_line_of(data, zero)} holds a NUL byte at offset {zero}: the file is torn (a copy that was "
            "interrupted) or is not text; deliver it again"
        )
    if b"\r" in data and b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    return data


def _line_of(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1
