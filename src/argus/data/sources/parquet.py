"""Parquet files: typed columns, with the row number as the line and a JSON object as the original."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from argus.core.errors import ImportFailed
from argus.data.raw import SourceTable

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ParquetSource", "row_json"]


class ParquetSource:
    """A Parquet file, opened.

    Parameters
    ----------
    path : Path
        For the name.
    content : bytes
        The file as it lies on disk.

    Raises
    ------
    ImportFailed
        If the bytes are no sound Parquet file, or it has no rows.
    """

    interval_ns: int | None = None
    hint = ""

    def __init__(self, path: Path, content: bytes) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.name = path.name
        self.sha256 = hashlib.sha256(content).hexdigest()
        self._content = content
        if not content:
            raise ImportFailed(f"{self.name} is empty (0 bytes); deliver the file again")
        try:
            metadata = pq.read_metadata(pa.BufferReader(content))
        except (pa.ArrowException, OSError) as error:
            raise ImportFailed(f"{self.name} is not a sound Parquet file: {error}; deliver it again") from None
        self.names: tuple[str, ...] = tuple(metadata.schema.to_arrow_schema().names)
        if metadata.num_rows == 0:
            raise ImportFailed(f"{self.name} has columns and no rows; deliver the file again")

    def table(self, columns: Sequence[str]) -> SourceTable:
        """The named columns in their own types."""
        frame = self._read(list(dict.fromkeys(columns)))
        every: list[pl.DataFrame] = []

        def original(row: int) -> bytes:
            if not every:  # the columns that nobody asked for are read only when a row must be shown whole
                every.append(self._read(list(self.names)))
            return row_json(every[0], row)

        return SourceTable(
            name=self.name,
            sha256=self.sha256,
            frame=frame,
            source_line=np.arange(1, frame.height + 1, dtype=np.int64),
            original=original,
        )

    def _read(self, columns: list[str]) -> pl.DataFrame:
        import polars as pl

        try:
            return pl.read_parquet(io.BytesIO(self._content), columns=columns)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise ImportFailed(f"{self.name} is damaged: {error}; deliver it again") from None


def row_json(frame: pl.DataFrame, row: int) -> bytes:
    """One row as a JSON object, columns in the frame's order; what JSON cannot express is written as text."""
    return json.dumps(frame.row(row, named=True), default=str, ensure_ascii=False).encode()
