"""Feature columns at rest: a table for each set, instrument and timeframe, in parts written whole or not at all.

A table is a folder with one Parquet file a part and a manifest. A part holds when each row could first be known and
one float32 column a feature. The manifest says of every part which version of which feature made each column, and of
each input a chain of hashes up to the part's end: whoever has the same inputs and versions has the same numbers. Beside
each full part stands what the features remembered at its end, so that the next part needs none of those before it.

A table may be read while it is written: readers see the parts that the manifest names.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F32_2D, I64_1D
from argus.core.errors import CatalogError
from argus.data._catalog_files import TEMPORARY, write_atomic

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ColumnWriter", "FeatureTable", "Part", "PartTable", "TableManifest", "chained"]

FORMAT: Final = 1
KNOWN_AT: Final = "ts_recv_ns"
"""Name of the column that says when a row could first be known."""
_MANIFEST: Final = "manifest.json"
_ROW_GROUP: Final = 131_072
_ENCODINGS: Final = {"f": "PLAIN", "i": "DELTA_BINARY_PACKED"}
"""How columns are stored, by the kind of their numbers."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a table that are one file.

    Attributes
    ----------
    first_row, rows : int
    first_recv_ns, last_recv_ns : int
        When its first and its last row could first be known.
    inputs : mapping
        Input column to its hash from the first row of the table to this part's last.
    versions : mapping
        Feature column to the version of the feature that made it.
    file : str
    file_bytes : int
    state_file : str
        What the features remembered at its end; empty if they were not asked.
    """

    first_row: int
    rows: int
    first_recv_ns: int
    last_recv_ns: int
    inputs: Mapping[str, str]
    versions: Mapping[str, str]
    file: str
    file_bytes: int
    state_file: str


@dataclass(frozen=True, slots=True)
class TableManifest:
    """Everything about a table but its rows.

    Attributes
    ----------
    about : mapping
        Where it comes from: set, instrument, timeframe, datasets with their content hashes, code.
    columns : tuple of str
        Feature columns, in order.
    part_rows : int
        Rows of a full part.
    parts : tuple of Part
    is_finished : bool
        Whether these are all parts; False while a harvest is under way, or was killed.
    """

    about: Mapping[str, Any]
    columns: tuple[str, ...]
    part_rows: int
    parts: tuple[Part, ...]
    is_finished: bool

    @property
    def rows(self) -> int:
        """Rows of all parts."""
        return sum(part.rows for part in self.parts)

    @property
    def is_whole(self) -> bool:
        """Whether it is finished, and every part has just the table's columns, all of one version."""
        if not self.parts or not self.is_finished:
            return self.is_finished
        last = self.parts[-1].versions
        return tuple(last) == self.columns and all(dict(part.versions) == dict(last) for part in self.parts)


def chained(before: Mapping[str, str], columns: Mapping[str, NDArray[Any]]) -> dict[str, str]:
    """Hash of each input with further rows, after those of the rows before (empty at the first row)."""
    found = {}
    for name in sorted(columns):
        digest = hashlib.sha256(before.get(name, "").encode())
        digest.update(np.ascontiguousarray(columns[name]).data)
        found[name] = digest.hexdigest()[:32]
    return found


class PartTable:
    """A folder with a table in parts: a manifest, and a Parquet file for each part that it names.

    Parameters
    ----------
    folder : Path
        Made with the first part.
    """

    remedy: ClassVar[str] = "make the table again"
    """What to do about a part that cannot be read."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def manifest(self) -> TableManifest | None:
        """What is there; None if nothing is.

        Raises
        ------
        CatalogError
            If the manifest cannot be read.
        """
        path = self.folder / _MANIFEST
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            if told["format"] != FORMAT:
                raise CatalogError(f"{path} has format {told['format']}, this version of Argus reads {FORMAT}")
            parts = tuple(Part(**part) for part in told["parts"])
            return TableManifest(told["about"], tuple(told["columns"]), told["part_rows"], parts, told["is_finished"])
        except FileNotFoundError:
            return None
        except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
            raise CatalogError(f"{path} is damaged ({error}); delete the folder and {self.remedy}") from None

    def publish(self, manifest: TableManifest) -> None:
        """Make this the manifest, and delete files that it does not name."""
        told = {"format": FORMAT, **asdict(manifest)}
        write_atomic(self.folder / _MANIFEST, json.dumps(told, indent=1).encode())
        named = {_MANIFEST} | {name for part in manifest.parts for name in (part.file, part.state_file)}
        for path in self.folder.iterdir():
            if path.name not in named and not path.name.startswith("."):
                with contextlib.suppress(OSError):
                    path.unlink()

    def write_part(
        self, part: Part, ts_recv_ns: I64_1D, values: F32_2D | Sequence[NDArray[Any]], state: bytes = b""
    ) -> Part:
        """Write the file of a part and what is remembered at its end; gives the part with both names in it.

        The manifest does not name them yet: `publish` does.

        Parameters
        ----------
        part : Part
            Without files.
        ts_recv_ns : (n,) int64
        values : (columns, n) float32, or a sequence of (n,) arrays of any types
            In the order of the part's versions.
        """
        made_of = [f"{k}={v}" for known in (part.inputs, part.versions) for k, v in known.items()]
        stem = f"rows-{part.first_row:010d}-{hashlib.sha256('|'.join(made_of).encode()).hexdigest()[:12]}"
        path = self.folder / f"{stem}.parquet"
        self.folder.mkdir(parents=True, exist_ok=True)
        _write_columns(path, part, ts_recv_ns, values)
        state_file = ""
        if state:
            state_file = f"{stem}.state"
            write_atomic(self.folder / state_file, state)
        return replace(part, file=path.name, file_bytes=path.stat().st_size, state_file=state_file)

    def is_sound(self, part: Part) -> bool:
        """Whether the part's file is there in its full length; its pages have checksums of their own."""
        try:
            return (self.folder / part.file).stat().st_size == part.file_bytes
        except OSError:
            return False

    def read_columns(self, part: Part, columns: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Some columns of a part, by name.

        Raises
        ------
        CatalogError
            If the file is missing or damaged.
        """
        import pyarrow.parquet as pq

        path = self.folder / part.file
        try:
            table = pq.read_table(path, columns=list(columns), page_checksum_verification=True)
            return {name: table.column(name).to_numpy() for name in columns}
        except (OSError, KeyError) as error:
            raise CatalogError(f"{path} cannot be read ({error}); {self.remedy}") from None


class FeatureTable(PartTable):
    """A folder with the columns of one set over the bars of one instrument and timeframe."""

    remedy: ClassVar[str] = "harvest the table again"

    def state(self, part: Part) -> bytes:
        """What the features remembered at the end of a part; empty if nothing is there."""
        try:
            return (self.folder / part.state_file).read_bytes() if part.state_file else b""
        except OSError:
            return b""

    def read_part(self, part: Part, columns: Sequence[str]) -> F32_2D:
        """Some columns of a part, (columns, rows) float32.

        Raises
        ------
        CatalogError
            If the file is missing or damaged.
        """
        found = self.read_columns(part, columns)
        out = np.empty((len(columns), part.rows), dtype=np.float32)
        for j, name in enumerate(columns):
            out[j] = found[name]
        return out

    def scan(self) -> pl.LazyFrame:
        """All rows, to be read column by column: `ts_recv_ns`, then the features.

        Raises
        ------
        CatalogError
            If there is no table, or a harvest of it was not finished.
        """
        import polars as pl

        manifest = self.manifest()
        if manifest is None or not manifest.parts:
            raise CatalogError(f"{self.folder} holds no features; harvest them first")
        if not manifest.is_whole:
            raise CatalogError(f"{self.folder}: a harvest of it was not finished; run the same harvest again")
        return pl.scan_parquet([self.folder / part.file for part in manifest.parts])


def _write_columns(path: Path, part: Part, ts_recv_ns: I64_1D, values: F32_2D | Sequence[NDArray[Any]]) -> None:
    """Write columns as one Parquet file, wholly or not at all.

    Floats are stored byte by byte of equal rank, which makes them smaller without loss.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        kinds = {name: column.dtype for name, column in zip(part.versions, values, strict=True)}
        with ColumnWriter(temporary, kinds, {"versions": dict(part.versions)}) as writer:
            for first in range(0, max(len(ts_recv_ns), 1), _ROW_GROUP):
                last = first + _ROW_GROUP
                writer.write(ts_recv_ns[first:last], [column[first:last] for column in values])
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise CatalogError(f"{path} cannot be written: {error.strerror or error}; nothing was changed") from None


class ColumnWriter:
    """Writes columns to a Parquet file, some rows at a time.

    Parameters
    ----------
    path : Path
    names : sequence of str, or mapping of str to dtype
        Columns beside `ts_recv_ns`; float32 where nothing else is said.
    about : mapping
        What the file says of itself, as JSON under the key ``argus``.
    """

    def __init__(
        self, path: Path, names: Sequence[str] | Mapping[str, np.dtype[Any]], about: Mapping[str, Any]
    ) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._pa = pa
        kinds = dict(names) if isinstance(names, Mapping) else dict.fromkeys(names, np.dtype(np.float32))
        self._schema = pa.schema(
            [pa.field(KNOWN_AT, pa.int64(), nullable=False)]
            + [pa.field(name, pa.from_numpy_dtype(kind), nullable=False) for name, kind in kinds.items()],
            metadata={"argus": json.dumps(dict(about))},
        )
        encoding = {KNOWN_AT: "DELTA_BINARY_PACKED"} | {
            name: _ENCODINGS[kind.kind] for name, kind in kinds.items() if kind.kind in _ENCODINGS
        }
        self._writer = pq.ParquetWriter(
            path,
            self._schema,
            compression="lz4",
            use_dictionary=False,
            column_encoding=encoding,
            write_statistics=[KNOWN_AT],
            write_page_checksum=True,
            write_batch_size=_ROW_GROUP,
        )

    def __enter__(self) -> ColumnWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.close()

    def write(self, ts_recv_ns: I64_1D, values: F32_2D | Sequence[NDArray[Any]]) -> None:
        """Add rows as a row group; `values` are the columns in order."""
        arrays = [self._pa.array(ts_recv_ns), *(self._pa.array(column) for column in values)]
        self._writer.write_table(self._pa.Table.from_arrays(arrays, schema=self._schema), row_group_size=_ROW_GROUP)
