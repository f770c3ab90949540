"""Readers of market data files, one module per form or vendor; a vendor's library is imported in its own module only.

`open_source` chooses the reader by the file's suffix. A reader knows the file's column names and gives columns with the
line of every row; what the columns mean is not its business.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from argus.core.errors import ImportFailed
from argus.data.raw import NO_NAMES, SourceTable

__all__ = ["SUFFIXES", "Source", "open_source"]

SUFFIXES: Final = (".csv", ".csv.gz", ".txt", ".txt.gz", ".parquet", ".dbn", ".dbn.zst")
"""File name endings that can be read."""


class Source(Protocol):
    """An opened file.

    Attributes
    ----------
    name, sha256 : str
        File name and the hash of its bytes.
    names : tuple of str
        Its columns.
    interval_ns : int or None
        Length of its bars, where the format itself states it.
    hint : str
        What may be wrong with the way it was opened; empty if nothing.
    """

    name: str
    sha256: str
    names: tuple[str, ...]
    interval_ns: int | None

    @property
    def hint(self) -> str:
        """What may be wrong with the way the file was opened."""

    def table(self, columns: Sequence[str]) -> SourceTable:
        """The named columns with the line of every row."""


def open_source(
    path: Path, *, delimiter: str = ",", encoding: str = "utf-8", header: Sequence[str] = NO_NAMES
) -> Source:
    """Read a file whole and make its columns available.

    Parameters
    ----------
    path : Path
        A file whose name ends in one of `SUFFIXES`.
    delimiter, encoding, header
        For text files; see `argus.data.sources.csv.TextSource`.

    Raises
    ------
    ImportFailed
        If the file does not exist, is not readable, of no known form, or damaged.
    MissingExtraError
        If its form needs a library that is not installed.
    """
    name = path.name.lower()
    if path.is_dir():
        raise ImportFailed(f"{path} cannot be read: it is a folder; name a file in it")
    if not name.endswith(SUFFIXES):
        raise ImportFailed(f"{path.name}: no reader for this file name; it must end in one of {', '.join(SUFFIXES)}")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ImportFailed(f"{path} does not exist; check the path") from None
    except OSError as error:
        raise ImportFailed(f"{path} cannot be read: {error.strerror}") from None
    if name.endswith(".parquet"):
        from argus.data.sources.parquet import ParquetSource

        return ParquetSource(path, content)
    if name.endswith((".dbn", ".dbn.zst")):
        from argus.data.sources.databento import DbnSource

        return DbnSource(path, content)
    from argus.data.sources.csv import TextSource

    return TextSource(path, content, delimiter, encoding, header)
