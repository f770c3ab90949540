"""Chains as Parquet segments: encoding, filters that run while a segment is read, and how new rows meet those there.

Rows lie in the order of `ChainSnapshots`, so times, expiries and strikes are long runs and take almost no room. A
filter reads the columns that it asks about, and of the others only what passes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from argus.core.arrays import I64_1D
from argus.core.chains import CHAIN_COLUMNS, CHAIN_NUMBERS, ChainSnapshots, chain_order
from argus.core.errors import CatalogError, ConfigError
from argus.core.time import NS_PER_DAY

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "ChainFilter",
    "ChainMerge",
    "chain_of_frame",
    "chains_together",
    "encode_chain",
    "file_digest",
    "filtered_frame",
    "merge_chains",
    "segment_cuts",
]

_ROW_GROUP: Final = 1 << 18
_CHUNK_BYTES: Final = 1 << 22
_TENOR_DAYS_MAX: Final = 1e5
"""Longer than any option lives; more would not fit into nanoseconds."""


@dataclass(frozen=True, slots=True)
class ChainFilter:
    """Which rows of a chain are wanted; None is no restriction, and both ends of a range belong to it.

    Attributes
    ----------
    start_ns, end_ns : int or None
        Snapshots known at or after the first, and before the second.
    tenor_days : (float, float) or None
        Days of 24 hours from the snapshot to the expiry.
    delta : (float, float) or None
        Absolute value of the vendor's delta; rows without one do not pass.
    moneyness : (float, float) or None
        Strike over the price of the underlying; rows without that price do not pass.
    right : int or None
        +1 for calls, -1 for puts.
    roots : tuple of str or None
    """

    start_ns: int | None = None
    end_ns: int | None = None
    tenor_days: tuple[float, float] | None = None
    delta: tuple[float, float] | None = None
    moneyness: tuple[float, float] | None = None
    right: int | None = None
    roots: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("tenor_days", "delta", "moneyness"):
            ends = getattr(self, name)
            if ends is not None and not (len(ends) == 2 and ends[0] <= ends[1]):
                raise ConfigError(f"{name} is {ends!r}; state the lower end and then the upper")
        if self.right not in (None, 1, -1):
            raise ConfigError(f"right is {self.right!r}; 1 is a call, -1 a put")

    def expression(self) -> pl.Expr:
        """The filter over the columns of a segment, but for `start_ns` and `end_ns` where they cut nothing off."""
        import polars as pl

        wanted = pl.lit(True)
        recv, expiry = pl.col("ts_recv_ns"), pl.col("expiry_ns")
        if self.start_ns is not None:
            wanted &= recv >= self.start_ns
        if self.end_ns is not None:
            wanted &= recv < self.end_ns
        if self.tenor_days is not None:
            low, high = (
                round(max(min(end, _TENOR_DAYS_MAX), -_TENOR_DAYS_MAX) * NS_PER_DAY) for end in self.tenor_days
            )
            wanted &= (expiry - recv).is_between(low, high)
        if self.delta is not None:
            wanted &= pl.col("vendor_delta").abs().is_between(*self.delta)
        if self.moneyness is not None:
            wanted &= (pl.col("strike") / pl.col("underlying_price")).is_between(*self.moneyness)
        if self.right is not None:
            wanted &= pl.col("right") == self.right
        if self.roots is not None:
            wanted &= pl.col("root").is_in(list(self.roots))
        return wanted


def encode_chain(chain: ChainSnapshots) -> memoryview:
    """The chain as a Parquet file; a number that is missing is null, so that SQL sees it as such."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, Any] = {name: pa.array(getattr(chain, name), from_pandas=True) for name in CHAIN_COLUMNS}
    columns["root"] = pa.DictionaryArray.from_arrays(pa.array(chain.root), list(chain.roots)).dictionary_decode()
    sink = pa.BufferOutputStream()
    pq.write_table(
        pa.table(columns), sink, compression="lz4", row_group_size=_ROW_GROUP, write_page_checksum=True, version="2.6"
    )
    return memoryview(sink.getvalue())


def filtered_frame(path: Path, where: ChainFilter, columns: Sequence[str]) -> pl.DataFrame:
    """Rows of a segment that pass, in order.

    Raises
    ------
    FileNotFoundError
    CatalogError
        If the segment is damaged.
    """
    import polars as pl

    try:
        return pl.scan_parquet(path).filter(where.expression()).select(columns).collect()
    except FileNotFoundError:
        raise
    except (pl.exceptions.PolarsError, OSError) as error:
        if not path.exists():
            raise FileNotFoundError(2, "No such file", str(path)) from None
        raise CatalogError(f"segment {path} is damaged ({error})") from None


def chain_of_frame(frame: pl.DataFrame, underlying: str) -> ChainSnapshots:
    """The chain of the rows of a segment, all columns of it.

    Raises
    ------
    DataError
        If they are no chain.
    """
    import polars as pl

    roots = tuple(frame["root"].unique().sort().to_list())
    columns: dict[str, Any] = {}
    for name in CHAIN_COLUMNS:
        column = frame[name]
        if name == "root":
            column = column.cast(pl.Enum(list(roots))).to_physical().cast(pl.Int16)
        elif name in CHAIN_NUMBERS:
            column = column.fill_null(np.nan)
        columns[name] = np.ascontiguousarray(column.to_numpy())
    return ChainSnapshots(underlying, roots, **columns)


def chains_together(parts: Sequence[ChainSnapshots]) -> ChainSnapshots:
    """Chains of one underlying one after the other; they must be in order of time.

    Raises
    ------
    DataError
        If they are not.
    """
    if len(parts) == 1:
        return parts[0]
    roots, columns = _side_by_side(parts)
    return ChainSnapshots(parts[0].underlying, roots, **columns)


def _side_by_side(parts: Sequence[ChainSnapshots]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """All roots, and the columns of several chains put together, not sorted."""
    roots = tuple(sorted({root for part in parts for root in part.roots}))
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in CHAIN_COLUMNS if name != "root"
    }
    places = [np.array([roots.index(root) for root in part.roots] or [0], np.int16) for part in parts]
    columns["root"] = np.concatenate([place[part.root] for place, part in zip(places, parts, strict=True)])
    return roots, columns


@dataclass(frozen=True, slots=True, eq=False)
class ChainMerge:
    """The outcome of putting new rows to existing ones.

    Attributes
    ----------
    chain : ChainSnapshots
        All rows, sorted.
    added, identical, replaced : int
        New rows that were taken, those that were there already, value for value, and existing rows that gave way.
    conflicts : (m,) int64
        Rows of the new chain that were not taken: the snapshot has the same contract with other values.
    """

    chain: ChainSnapshots
    added: int
    identical: int
    replaced: int
    conflicts: I64_1D


def merge_chains(existing: ChainSnapshots | None, new: ChainSnapshots, *, replace_rows: bool) -> ChainMerge:
    """Put new rows to existing ones of the same underlying.

    A contract that its snapshot does not have is added; one that equals what is there in every column is skipped; any
    other is a conflict, or takes the place of what is there if `replace_rows` is set.
    """
    if existing is None or not len(existing):
        return ChainMerge(new, len(new), 0, 0, np.zeros(0, np.int64))
    roots, columns = _side_by_side([existing, new])
    order = chain_order(columns)
    is_new = order >= len(existing)
    held = {name: column[order] for name, column in columns.items()}
    same = np.ones(len(order) - 1, np.bool_)
    for name in ("ts_recv_ns", "expiry_ns", "root", "right", "strike"):
        same &= held[name][1:] == held[name][:-1]
    pairs = np.flatnonzero(same)  # the existing row stands before its new twin: the sort is stable
    equal = np.ones(len(pairs), np.bool_)
    for name in CHAIN_COLUMNS:
        old, fresh = held[name][pairs], held[name][pairs + 1]
        equal &= (old == fresh) | ((old != old) & (fresh != fresh))
    kept = np.ones(len(order), np.bool_)
    kept[pairs[equal] + 1] = False
    others = pairs[~equal]
    kept[others if replace_rows else others + 1] = False
    conflicts = np.zeros(0, np.int64) if replace_rows else np.sort(order[others + 1] - len(existing))
    merged = ChainSnapshots(
        existing.underlying, roots, **{name: np.ascontiguousarray(column[kept]) for name, column in held.items()}
    )
    replaced = len(others) if replace_rows else 0
    return ChainMerge(merged, int((kept & is_new).sum()), int(equal.sum()), replaced, conflicts)


def segment_cuts(offsets: I64_1D, rows_max: int) -> list[tuple[int, int]]:
    """Runs of whole snapshots of at most `rows_max` rows each; a larger snapshot is a run of its own."""
    cuts = []
    start, stop = 0, int(offsets[-1])
    while start < stop:
        place = int(np.searchsorted(offsets, start + rows_max, side="right")) - 1
        end = int(offsets[place])
        if end <= start:
            end = int(offsets[place + 1])
        cuts.append((start, end))
        start = end
    return cuts


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, read a piece at a time."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK_BYTES):
            digest.update(piece)
    return digest.hexdigest()
