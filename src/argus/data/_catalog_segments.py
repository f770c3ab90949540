"""Bars as Parquet segments: encoding, the content hash, and how new rows meet rows that are already there.

The content hash is that of the bars (`Bars.content_hash`), not of the Parquet bytes: another version of the library
that writes the same numbers differently must not change it, and the number of segments must not either. It is the hash
that a run's manifest names, so that a run can be held against the catalog.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np

from argus.core.arrays import BAR_FIELDS, I64_1D, Bars
from argus.core.errors import CatalogError, DataError

__all__ = ["COLUMNS", "Merged", "canonical", "concatenated", "decode_bars", "encode_bars", "merge_bars"]

COLUMNS: Final = tuple(f.name for f in fields(Bars) if f.name not in ("instrument", "observed"))
"""Columns of a segment, in order."""

_COMPRESSION_LEVEL: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """The outcome of putting new bars to existing ones.

    Attributes
    ----------
    bars : Bars
        All bars, sorted.
    added, identical : int
        New rows that were taken, and those that were there already, value for value.
    replaced : int
        Existing rows that gave way.
    conflicts : (m,) int64
        Rows of the new bars that were not taken, because they overlap an existing bar and differ from it.
    """

    bars: Bars
    added: int
    identical: int
    replaced: int
    conflicts: I64_1D


def canonical(bars: Bars) -> Bars:
    """The bars with one and the same NaN wherever a value is missing, as they will be read again.

    A NaN has a payload, which Parquet does not keep for a missing value but the content hash would see.
    """
    one = np.float64(np.nan).view(np.uint64)
    changed: dict[str, Any] = {}
    for name in BAR_FIELDS:
        column = getattr(bars, name)
        missing = np.isnan(column)
        if (column.view(np.uint64)[missing] != one).any():
            changed[name] = np.where(missing, np.nan, column)
    return replace(bars, **changed) if changed else bars


def encode_bars(bars: Bars) -> memoryview:
    """The bars as a Parquet file; a value that is missing is null, so that SQL sees it as such."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({name: pa.array(getattr(bars, name), from_pandas=True) for name in COLUMNS})
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="zstd",
        compression_level=_COMPRESSION_LEVEL,
        use_dictionary=False,
        use_byte_stream_split=list(BAR_FIELDS),
        column_encoding={name: "DELTA_BINARY_PACKED" for name in COLUMNS if name.startswith("ts_")},
    )
    return memoryview(sink.getvalue())


def decode_bars(content: bytes, instrument: str, observed: frozenset[str], name: str) -> Bars:
    """Inverse of `encode_bars`.

    Raises
    ------
    CatalogError
        If the bytes are damaged; names the segment.
    """
    # Polars reads what Arrow wrote in a fraction of the time, and without importing pandas.
    import polars as pl

    try:
        frame = pl.read_parquet(io.BytesIO(content), columns=list(COLUMNS))
        columns = {
            column: np.ascontiguousarray(
                frame[column].fill_null(np.nan).to_numpy()
                if frame.schema[column] == pl.Float64
                else frame[column].to_numpy()
            )
            for column in COLUMNS
        }
        return Bars(instrument=instrument, observed=observed, **columns)
    except (pl.exceptions.PolarsError, OSError, DataError) as error:
        raise CatalogError(f"{name} is damaged ({error})") from None


def concatenated(parts: list[Bars]) -> Bars:
    """The bars of several parts one after the other; the parts must be in order and of one instrument."""
    if len(parts) == 1:
        return parts[0]
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
    return Bars(instrument=parts[0].instrument, observed=parts[0].observed, **columns)


def merge_bars(existing: Bars | None, new: Bars, *, replace_rows: bool) -> Merged:
    """Put new bars to existing ones.

    A new bar that overlaps none is added; one that equals an existing bar in every column is skipped; any other is a
    conflict, or takes the place of all bars that it overlaps if `replace_rows` is set.

    Raises
    ------
    DataError
        If the two do not fit into one series.
    """
    if existing is None or not len(existing):
        return Merged(new, len(new), 0, 0, np.zeros(0, np.int64))
    first = np.searchsorted(existing.ts_close_ns, new.ts_event_ns, side="right")
    last = np.searchsorted(existing.ts_event_ns, new.ts_close_ns, side="left")
    overlaps = last > first
    at = np.minimum(first, len(existing) - 1)
    identical = overlaps & (last - first == 1)
    for name in COLUMNS:
        old, fresh = getattr(existing, name)[at], getattr(new, name)
        equal = old == fresh
        if fresh.dtype == np.float64:
            equal |= np.isnan(old) & np.isnan(fresh)
        identical &= equal
    conflict = overlaps & ~identical
    kept = np.ones(len(existing), dtype=np.bool_)
    taken = ~overlaps
    if replace_rows:
        taken |= conflict
        for row in np.flatnonzero(conflict).tolist():
            kept[first[row] : last[row]] = False
        # A bar that gave way to one new bar may be the twin of another: that one is then new.
        taken |= identical & ~kept[at]
    conflicts = np.zeros(0, np.int64) if replace_rows else np.flatnonzero(conflict)
    count = int(taken.sum())
    bars = existing
    if count:
        order = np.argsort(np.concatenate((existing.ts_event_ns[kept], new.ts_event_ns[taken])), kind="stable")
        columns = {
            name: np.concatenate((getattr(existing, name)[kept], getattr(new, name)[taken]))[order] for name in COLUMNS
        }
        bars = Bars(instrument=existing.instrument, observed=existing.observed, **columns)
    return Merged(bars, count, int((identical & ~taken).sum()), int((~kept).sum()), conflicts)
