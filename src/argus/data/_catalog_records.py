"""What every kind of dataset keeps of its imports, whatever a row of it is: its sources, and the rows not taken.

Bars (`argus.data.catalog`) and chains (`argus.data.chain_store`) lie in segments of their own form; the record of an
import, its quarantine, and what happens to a row that contradicts the catalog are one and the same, here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from argus.core.arrays import I64_1D
from argus.core.errors import CatalogError
from argus.data.quarantine import keep_apart, read_quarantine, reason_counts
from argus.data.raw import Rejection

__all__ = [
    "Reject",
    "SourceRecord",
    "Written",
    "conflicts_of",
    "quarantined_rows",
    "rows_quarantined",
    "with_quarantine",
    "with_record",
]

Reject = Callable[[I64_1D], Sequence[Rejection]]
"""Turns rows of what is written that contradict the catalog into rejections."""


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """One import into a dataset: the source, what was stated about it, and what became of its rows.

    Attributes
    ----------
    name, sha256 : str
        File name, and the hash of its bytes.
    fingerprint : str
        Hash of the statement; the same source under the same statement is the same import.
    statement : mapping
        The statement itself.
    rows_read : int
    quarantined, warnings : mapping
        Reason to number of rows.
    quarantine : str or None
        File of the rows that were not taken.
    replaced : int
        Rows of earlier imports that gave way to it, each time that it was made.
    """

    name: str
    sha256: str
    fingerprint: str
    statement: dict[str, Any] = field(default_factory=dict)
    rows_read: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)
    quarantine: str | None = None
    replaced: int = 0

    @property
    def key(self) -> str:
        """Short name of this import, from the source and the statement."""
        return f"{self.sha256[:16]}-{self.fingerprint[:8]}"


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did.

    Attributes
    ----------
    name : str
        The dataset.
    added, identical, replaced : int
        Rows taken, rows that were there already, rows that gave way.
    conflicts : tuple of Rejection
        Rows not taken because they contradict the catalog.
    content_hash : str
        Of the dataset after the write.
    changed : bool
        Whether any row was added or replaced.
    """

    name: str
    added: int
    identical: int
    replaced: int
    conflicts: tuple[Rejection, ...]
    content_hash: str
    changed: bool


class _Recorded(Protocol):
    @property
    def sources(self) -> tuple[SourceRecord, ...]: ...

    @property
    def notes(self) -> tuple[str, ...]: ...


_Manifest = TypeVar("_Manifest", bound=_Recorded)


def with_record(manifest: _Manifest, source: SourceRecord, notes: Sequence[str], replaced: int = 0) -> _Manifest:
    """The manifest with an import to which `replaced` rows gave way, last unless it was there as it is; its notes."""
    replaced += sum(record.replaced for record in manifest.sources if record.key == source.key)
    source = replace(source, replaced=replaced)
    others = tuple(record for record in manifest.sources if record.key != source.key)
    sources = manifest.sources if source in manifest.sources else (*others, source)
    changed: Any = {"sources": sources, "notes": tuple(dict.fromkeys([*manifest.notes, *notes]))}
    found: _Manifest = replace(manifest, **changed)  # type: ignore[type-var]
    return found


def with_quarantine(folder: Path, source: SourceRecord, rows: Sequence[Rejection]) -> SourceRecord:
    """The record of an import with its bad rows, once these are on the disk."""
    file = keep_apart(folder, source.key, rows)
    return source if file is None else replace(source, quarantined=reason_counts(rows), quarantine=file)


def quarantined_rows(folder: Path, sources: Iterable[SourceRecord]) -> tuple[Rejection, ...]:
    """Rows that imports did not take, in their order."""
    files = dict.fromkeys(record.quarantine for record in sources if record.quarantine)
    return tuple(row for file in files for row in read_quarantine(folder / file))


def rows_quarantined(sources: Iterable[SourceRecord]) -> int:
    """Rows in quarantine, all imports together."""
    return sum(sum(record.quarantined.values()) for record in sources)


def conflicts_of(rows: I64_1D, reject: Reject | None, told: Callable[[int], str]) -> tuple[Rejection, ...]:
    """Rows that contradict the catalog, as rejections.

    Parameters
    ----------
    rows : (n,) int64
    reject : callable or None
        Without it such a row is an error.
    told : callable
        The first of them to what is wrong, for that error.

    Raises
    ------
    CatalogError
        If there is a row and no `reject`.
    """
    if not len(rows):
        return ()
    if reject is None:
        message = f"{told(int(rows[0]))}; nothing was changed: write with replace to let the new ones win"
        raise CatalogError(message)
    return tuple(reject(rows))
