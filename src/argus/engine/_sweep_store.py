"""A sweep at rest: a part file for every batch that came back, and in the end one table, the same for any number of
workers and any number of interruptions.

A part is written under another name, flushed and renamed, so that a kill at any moment leaves whole parts only. Parts
carry page checksums: one that cannot be read is removed and its points are run again.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from argus.core.errors import WorkspaceError
from argus.engine._sweep_points import Column, Point

__all__ = ["HEAD", "PARAMETER", "SweepStore", "period_text"]

HEAD: Final = (
    Column("point", int),
    Column("instrument", str),
    Column("period_from", str),
    Column("period_to", str),
    Column("status", str),
    Column("error", str),
    Column("run_id", str),
)
"""Columns that every sweep has; parameters stand after ``point``."""
PARAMETER: Final = "param_"
"""Before a parameter's name in the table, so that it is never taken for a measure."""
_TABLE: Final = "results.parquet"
_PARTS: Final = "parts"
_TEMPORARY: Final = ".part"
_ROWS_PER_GROUP: Final = 100_000


def period_text(ts_ns: int | None) -> str:
    """A bound of a period as text; empty for no bound."""
    from argus.core.time import format_ns

    return "" if ts_ns is None else format_ns(ts_ns)


@dataclass(frozen=True)
class SweepStore:
    """The folder of one sweep.

    Attributes
    ----------
    folder : Path
    parameters : tuple of Column
    measures : tuple of Column
        What the task measures.
    count : int
        Points of the whole sweep.
    """

    folder: Path
    parameters: tuple[Column, ...]
    measures: tuple[Column, ...]
    count: int

    @property
    def table_path(self) -> Path:
        """The table of results; it exists only when it is complete."""
        return self.folder / _TABLE

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns of the table, in their order."""
        parameters = (Column(PARAMETER + column.name, column.kind) for column in self.parameters)
        return (HEAD[0], *parameters, *HEAD[1:], *self.measures)

    def add(self, points: Sequence[Point], rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep the rows of a batch, wholly or not at all."""
        numbers = ",".join(str(point.number) for point in points)
        name = f"{points[0].number:07d}-{hashlib.sha256(numbers.encode()).hexdigest()[:12]}.parquet"
        complete = [_row(point, row) for point, row in zip(points, rows, strict=True)]
        _write(self.folder / _PARTS / name, self._table(complete))

    def kept(self) -> dict[int, str]:
        """Run id of every row that is kept so far, by point; empty where a run has none."""
        tables = [self.table()] if self.table_path.exists() else [table for _, table in self._parts()]
        found: dict[int, str] = {}
        for table in tables:
            found.update(zip(table["point"].to_pylist(), table["run_id"].to_pylist(), strict=True))
        return found

    def table(self) -> Any:
        """The finished table, a `pyarrow.Table` sorted by point."""
        return self._read(self.table_path)

    def forget(self, points: Collection[int]) -> None:
        """Drop the rows of these points, so that they are run again."""
        gone = np.array(sorted(points), dtype=np.int64)
        if not len(gone):
            return
        if self.table_path.exists():
            # As a part again first: a kill between the two leaves the table, or all that is kept.
            _write(self.folder / _PARTS / "0000000-kept.parquet", self.table())
            self.table_path.unlink()
        for path, table in self._parts():
            left = np.flatnonzero(~np.isin(table["point"].to_numpy(), gone))
            if not len(left):
                path.unlink()
            elif len(left) < table.num_rows:
                _write(path, table.take(left))

    def finish(self) -> Path:
        """Merge the parts into the table, sorted by point, and remove them.

        Raises
        ------
        WorkspaceError
            If a point has no row.
        """
        if not self.table_path.exists():
            import pyarrow as pa

            parts = [table for _, table in self._parts()]
            whole = pa.concat_tables(parts) if parts else self._table([])
            found, places = np.unique(whole["point"].to_numpy(), return_index=True)
            if len(found) != self.count:
                missing = np.setdiff1d(np.arange(self.count), found)
                raise WorkspaceError(
                    f"{self.folder}: {len(missing)} of {self.count} points have no row, the first is {missing[0]}; "
                    "run the same sweep again"
                )
            # One chunk a column: where chunks end would show in the bytes.
            _write(self.table_path, whole.take(places).combine_chunks())
        for path in (*self._part_paths(), *self.folder.glob(f"*{_TEMPORARY}")):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            (self.folder / _PARTS).rmdir()
        return self.table_path

    def _part_paths(self) -> list[Path]:
        folder = self.folder / _PARTS
        for abandoned in folder.glob(f"*{_TEMPORARY}"):
            abandoned.unlink(missing_ok=True)
        return sorted(folder.glob("*.parquet"))

    def _parts(self) -> Iterator[tuple[Path, Any]]:
        for path in self._part_paths():
            table = None
            # A part that cannot be read is no loss but of time.
            with contextlib.suppress(WorkspaceError):
                table = self._read(path)
            if table is None:
                path.unlink(missing_ok=True)
                continue
            yield path, table

    def _table(self, rows: Sequence[Mapping[str, Any]]) -> Any:
        import pyarrow as pa

        kinds = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}
        schema = pa.schema([pa.field(column.name, kinds[column.kind]) for column in self.columns])
        return pa.Table.from_arrays(
            [
                pa.array([row.get(name) for row in rows], type=kind)
                for name, kind in zip(schema.names, schema.types, strict=True)
            ],
            schema=schema,
        )

    def _read(self, path: Path) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(pa.BufferReader(path.read_bytes()), page_checksum_verification=True)
        except (OSError, pa.ArrowException) as error:
            raise WorkspaceError(f"{path} cannot be read ({error}); remove it and run the sweep again") from None
        wanted = [column.name for column in self.columns]
        if table.column_names != wanted:
            raise WorkspaceError(f"{path} has other columns than this sweep; remove it and run the sweep again")
        return table


def _row(point: Point, measured: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "point": point.number,
        **{PARAMETER + name: value for name, value in point.values.items()},
        "instrument": point.market,
        "period_from": period_text(point.start_ns),
        "period_to": period_text(point.end_ns),
        "error": "",
        "run_id": "",
        **measured,
    }


def _write(path: Path, table: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from argus.data._catalog_files import write_atomic

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True, row_group_size=_ROWS_PER_GROUP)
    write_atomic(path, memoryview(sink.getvalue()))
