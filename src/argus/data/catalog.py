"""The catalog: market data at rest, as Parquet segments under a manifest for each dataset.

::

    <catalog>/bar/<instrument[.contract]>/<interval>/manifest.json       what the dataset is, and which segments it has
    <catalog>/bar/<instrument[.contract]>/<interval>/<first>-<hash>.parquet
    <catalog>/quarantine/<dataset>/<source>.parquet                      rows that an import did not take
    <catalog>/.lock                                                      held by the one writer

The manifest is the only file that is ever replaced, and it is replaced by a rename, after everything that it refers to
is on the disk. A process that is killed at any moment leaves the old manifest or the new one; what it may leave
besides, segments that no manifest knows, is swept by the next writer. Readers take no lock. Every segment is checked
against its content hash when it is loaded.
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from argus.core.arrays import Bars
from argus.core.errors import CatalogError, CoverageError
from argus.core.time import format_ns
from argus.data._catalog_files import MANIFEST, lock_for_writing, read_manifest, sweep, write_atomic, write_manifest
from argus.data._catalog_records import (
    Reject,
    SourceRecord,
    Written,
    conflicts_of,
    quarantined_rows,
    rows_quarantined,
    with_quarantine,
    with_record,
)
from argus.data._catalog_segments import Merged, canonical, concatenated, decode_bars, encode_bars, merge_bars
from argus.data._catalog_statement import interval_label
from argus.data.raw import Rejection

__all__ = ["Catalog", "DatasetInfo", "Manifest", "Segment", "SourceRecord", "Written", "dataset_name"]

_FORMAT: Final = 1
_SEGMENT_ROWS_MAX: Final = 1 << 20
_SEGMENTS_MAX: Final = 16
_READS_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class Segment:
    """One Parquet file of a dataset."""

    file: str
    content_hash: str
    rows: int
    first_event_ns: int
    last_event_ns: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything about a dataset but its rows; the content of ``manifest.json``."""

    format: int
    instrument: str
    contract: str | None
    interval_ns: int | None
    observed: tuple[str, ...]
    content_hash: str
    rows: int
    segments: tuple[Segment, ...]
    sources: tuple[SourceRecord, ...]
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return dataset_name(self.instrument, interval_label(self.interval_ns), self.contract)

    @property
    def span_ns(self) -> tuple[int, int]:
        """Start of the first and of the last bar."""
        return self.segments[0].first_event_ns, self.segments[-1].last_event_ns


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """A dataset as people see it.

    Attributes
    ----------
    name : str
        Such as ``MES.1h``, or ``MES.202312.1h`` for one contract.
    instrument, interval : str
    interval_ns : int or None
        None for session bars.
    contract : str or None
    rows : int
    first_ns, last_ns : int
        Start of the first and of the last bar.
    content_hash : str
    observed : tuple of str
    sources : tuple of str
        File names, in order of import.
    quarantined : int
        Rows in quarantine, all imports together.
    notes : tuple of str
    """

    name: str
    instrument: str
    interval: str
    interval_ns: int | None
    contract: str | None
    rows: int
    first_ns: int
    last_ns: int
    content_hash: str
    observed: tuple[str, ...]
    sources: tuple[str, ...]
    quarantined: int
    notes: tuple[str, ...]


def dataset_name(instrument: str, interval: str, contract: str | None = None) -> str:
    """``MES.1h``, or ``MES.202312.1h`` for one contract."""
    return ".".join(part for part in (instrument, contract, interval) if part)


class Catalog:
    """A folder of datasets.

    Parameters
    ----------
    root : Path
        The catalog's own folder; it is made on the first write.
    lock_timeout_s : float
        How long a writer waits for another.
    """

    def __init__(self, root: Path, *, lock_timeout_s: float = 30.0) -> None:
        self.root = Path(root)
        self._lock_timeout_s = lock_timeout_s

    # ------------------------------------------------------------------------------------------------------- reading

    def manifests(self) -> tuple[Manifest, ...]:
        """Manifests of all datasets, by name.

        Raises
        ------
        CatalogError
            If one is damaged; names the file.
        """
        found = [read_manifest(path, Manifest, _FORMAT) for path in sorted(self.root.glob(f"bar/*/*/{MANIFEST}"))]
        return tuple(sorted((manifest for manifest in found if manifest), key=lambda manifest: manifest.name))

    def datasets(self) -> list[DatasetInfo]:
        """All datasets, by name."""
        return [_info(manifest) for manifest in self.manifests()]

    def info(self, name: str) -> DatasetInfo:
        """One dataset by its name.

        Raises
        ------
        CatalogError
            If there is none of that name; lists those that come near.
        """
        return _info(self.manifest(name))

    def manifest(self, name: str) -> Manifest:
        """The manifest of a dataset; raises like `info`."""
        manifests = {manifest.name: manifest for manifest in self.manifests()}
        if name not in manifests:
            near = difflib.get_close_matches(name, manifests, n=5, cutoff=0.3) or list(manifests)[:5]
            hint = f"it has {', '.join(near)}" if near else "it is empty: import data into it first"
            raise CatalogError(f"the catalog {self.root} has no dataset {name!r}; {hint}")
        return manifests[name]

    def content_hash(self, name: str) -> str:
        """Hash of a dataset's rows: equal if and only if every value is."""
        return self.manifest(name).content_hash

    def load(
        self,
        instrument: str,
        interval: str,
        start_ns: int | None = None,
        end_ns: int | None = None,
        contract: str | None = None,
    ) -> Bars:
        """Bars that start at or after `start_ns` and before `end_ns`, checked against their content hashes.

        Raises
        ------
        CatalogError
            If there is no such dataset, or a segment is damaged or missing; names the segment.
        CoverageError
            If no bar lies in the range; names the range that there is.
        """
        name = dataset_name(instrument, interval, contract)
        for attempt in range(_READS_MAX):
            manifest = self.manifest(name)
            try:
                return self._load(manifest, start_ns, end_ns)
            except FileNotFoundError as error:
                # A writer may have replaced the segments since the manifest was read; then there is a newer one.
                if attempt == _READS_MAX - 1 or self.manifest(name).segments == manifest.segments:
                    raise CatalogError(f"{name}: segment {error.filename} is missing; {_remedy(manifest)}") from None
        raise AssertionError("unreachable")

    def quarantined(self, name: str) -> tuple[Rejection, ...]:
        """Rows that the imports into a dataset did not take, in order of import."""
        return quarantined_rows(self._quarantine_folder(name), self.manifest(name).sources)

    def segment_paths(self, name: str) -> list[Path]:
        """Parquet files of a dataset, in order of time."""
        manifest = self.manifest(name)
        return [self._folder(manifest) / segment.file for segment in manifest.segments]

    # ------------------------------------------------------------------------------------------------------- writing

    def write(
        self,
        bars: Bars,
        interval_ns: int | None,
        source: SourceRecord,
        *,
        contract: str | None = None,
        replace_rows: bool = False,
        notes: Sequence[str] = (),
        quarantine: Sequence[Rejection] = (),
        reject: Reject | None = None,
    ) -> Written:
        """Add bars to a dataset, wholly or not at all.

        Parameters
        ----------
        bars : Bars
        interval_ns : int or None
            Length of a bar; None for session bars.
        source : SourceRecord
            Where they come from.
        contract : str, optional
        replace_rows : bool
            Whether a bar that contradicts the catalog takes the place of what is there.
        notes : sequence of str
            What a reader of results must know.
        quarantine : sequence of Rejection
            Rows of the source that are not among the bars.
        reject : callable, optional
            Turns rows of `bars` that contradict the catalog into rejections. Without it such a row is an error.

        Raises
        ------
        CatalogError
            If another writer holds the catalog, the disk is full, a bar contradicts the catalog, or the bars lack a
            field that the dataset has; nothing is changed then.
        """
        blank = Manifest(_FORMAT, bars.instrument, contract, interval_ns, (), "", 0, (), (), ())
        with self._writing():
            self._sweep(blank)
            old = read_manifest(self._folder(blank) / MANIFEST, Manifest, _FORMAT)
            existing = self._load(old, None, None, whole=True) if old else None
            bars, notes = _fitted(canonical(bars), old, notes)
            merged = merge_bars(existing, bars, replace_rows=replace_rows)
            starts = bars.ts_event_ns
            conflicts = conflicts_of(
                merged.conflicts,
                reject,
                lambda row: (
                    f"{blank.name}: {len(merged.conflicts)} bars contradict bars that are there already, the first at "
                    f"{format_ns(int(starts[row]))}"
                ),
            )
            record = with_quarantine(self._quarantine_folder(blank.name), source, [*quarantine, *conflicts])
            new = self._committed(old or blank, merged, record, notes)
            if old:
                self._drop_unused(old, new)
        return Written(
            name=blank.name,
            added=merged.added,
            identical=merged.identical,
            replaced=merged.replaced,
            conflicts=conflicts,
            content_hash=new.content_hash,
            changed=bool(merged.added or merged.replaced),
        )

    def remove(self, name: str) -> None:
        """Delete a dataset, its manifest first: a kill leaves it whole or gone."""
        with self._writing():
            manifest = self.manifest(name)
            (self._folder(manifest) / MANIFEST).unlink()
            self._sweep(manifest)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with lock_for_writing(self.root, self._lock_timeout_s):
            yield

    def _committed(self, old: Manifest, merged: Merged, source: SourceRecord, notes: Sequence[str]) -> Manifest:
        """Put the segments and then the manifest on the disk."""
        new = with_record(old, source, notes, merged.replaced)
        if merged.added or not old.segments:
            new = replace(
                new,
                observed=tuple(sorted(merged.bars.observed)),
                content_hash=merged.bars.content_hash,
                rows=len(merged.bars),
                segments=self._write_segments(old, merged),
            )
        if new != old:
            write_manifest(self._folder(new) / MANIFEST, new)
        return new

    def _write_segments(self, old: Manifest, merged: Merged) -> tuple[Segment, ...]:
        """Write the rows that are not on the disk yet: behind the old ones if they all lie there, else all anew."""
        bars = merged.bars
        kept = old.segments
        appended = bool(kept) and merged.replaced == 0 and merged.added == len(bars) - old.rows
        behind = appended and int(bars.ts_event_ns[old.rows - 1]) == kept[-1].last_event_ns
        if not behind or len(kept) >= _SEGMENTS_MAX:
            kept = ()
        start = sum(segment.rows for segment in kept)
        written = []
        for begin in range(start, len(bars), _SEGMENT_ROWS_MAX):
            part = bars.rows(begin, min(begin + _SEGMENT_ROWS_MAX, len(bars)))
            digest = part.content_hash
            event = part.ts_event_ns
            file = f"{format_ns(int(event[0])).replace(':', '')}-{digest[:16]}.parquet"
            segment = Segment(file, digest, len(part), int(event[0]), int(event[-1]))
            if segment not in old.segments:
                write_atomic(self._folder(old) / file, encode_bars(part))
            written.append(segment)
        return (*kept, *written)

    # ------------------------------------------------------------------------------------------------------ internals

    def _load(self, manifest: Manifest, start_ns: int | None, end_ns: int | None, *, whole: bool = False) -> Bars:
        low = -(2**63) if start_ns is None else start_ns
        high = 2**63 - 1 if end_ns is None else end_ns
        wanted = [s for s in manifest.segments if s.last_event_ns >= low and s.first_event_ns < high]
        parts = [self._load_segment(manifest, segment) for segment in wanted]
        if parts:
            bars = concatenated(parts)
            if whole:
                return bars
            begin, end = np.searchsorted(bars.ts_event_ns, (low, high), side="left")
            if end > begin:
                return bars.rows(int(begin), int(end)) if end - begin < len(bars) else bars
        info = _info(manifest)
        asked = f"{'the start' if start_ns is None else format_ns(start_ns)} to "
        asked += "the end" if end_ns is None else format_ns(end_ns)
        raise CoverageError(
            f"{manifest.name} has no bar from {asked}; its bars start from {format_ns(info.first_ns)} to "
            f"{format_ns(info.last_ns)}: ask for a range within, or import more"
        )

    def _load_segment(self, manifest: Manifest, segment: Segment) -> Bars:
        path = self._folder(manifest) / segment.file
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise CatalogError(f"{manifest.name}: segment {path} cannot be read: {error.strerror}") from None
        label = f"{manifest.name}: segment {path}"
        try:
            bars = decode_bars(content, manifest.instrument, frozenset(manifest.observed), label)
        except CatalogError as error:
            raise CatalogError(f"{error}; {_remedy(manifest)}") from None
        if bars.content_hash != segment.content_hash:
            raise CatalogError(f"{label} is damaged: its rows do not have the recorded hash; {_remedy(manifest)}")
        return bars

    def _folder(self, manifest: Manifest) -> Path:
        series = ".".join(part for part in (manifest.instrument, manifest.contract) if part)
        return self.root / "bar" / quote(series, safe="") / interval_label(manifest.interval_ns)

    def _quarantine_folder(self, name: str) -> Path:
        return self.root / "quarantine" / quote(name, safe="")

    def _sweep(self, blank: Manifest) -> None:
        """Remove what a killed writer left in the folders of a dataset. Only the holder of the lock may."""
        manifest = read_manifest(self._folder(blank) / MANIFEST, Manifest, _FORMAT)
        segments = {segment.file for segment in manifest.segments} if manifest else set()
        kept = {record.quarantine for record in manifest.sources} if manifest else set()
        sweep(self._folder(blank), segments)
        sweep(self._quarantine_folder(blank.name), kept)

    def _drop_unused(self, old: Manifest, new: Manifest) -> None:
        kept = {segment.file for segment in new.segments}
        for segment in old.segments:
            if segment.file not in kept:
                (self._folder(old) / segment.file).unlink(missing_ok=True)


def _info(manifest: Manifest) -> DatasetInfo:
    return DatasetInfo(
        name=manifest.name,
        instrument=manifest.instrument,
        interval=interval_label(manifest.interval_ns),
        interval_ns=manifest.interval_ns,
        contract=manifest.contract,
        rows=manifest.rows,
        first_ns=manifest.span_ns[0],
        last_ns=manifest.span_ns[1],
        content_hash=manifest.content_hash,
        observed=manifest.observed,
        sources=tuple(record.name for record in manifest.sources),
        quarantined=rows_quarantined(manifest.sources),
        notes=manifest.notes,
    )


def _remedy(manifest: Manifest) -> str:
    names = ", ".join(record.name for record in manifest.sources)
    return f"remove the dataset {manifest.name} and import it again (from {names})"


def _fitted(bars: Bars, old: Manifest | None, notes: Sequence[str]) -> tuple[Bars, Sequence[str]]:
    """The bars with the dataset's fields; a field less is an error, a field more is left out with a note."""
    if old is None or set(old.observed) == bars.observed:
        return bars, notes
    lacking, more = set(old.observed) - bars.observed, bars.observed - set(old.observed)
    if lacking:
        raise CatalogError(
            f"{old.name} holds {', '.join(old.observed)}, but the new bars lack {', '.join(sorted(lacking))}; import a "
            "source that has them, or remove the dataset first"
        )
    empty: dict[str, Any] = {name: np.full(len(bars), np.nan) for name in more}
    fitted = replace(bars, observed=frozenset(old.observed), **empty)
    return fitted, [*notes, f"{', '.join(sorted(more))} of later imports left out: the first import has none"]
