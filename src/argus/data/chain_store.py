"""Option chains at rest: Parquet segments of whole snapshots under a manifest for each series.

::

    <catalog>/chain/<underlying>/<series>/manifest.json             what the series is, and which segments it has
    <catalog>/chain/<underlying>/<series>/<first>-<hash>.parquet    consecutive snapshots, at most a million rows
    <catalog>/quarantine/chain%2F<underlying>%2F<series>/           rows that an import did not take

Files are written, locked and swept as those of bars (`argus.data.catalog`): a kill leaves the old manifest or the new
one. An import reads and writes only the segments whose time it touches, and a small neighbour, so that a day put to
years of chains costs as little as the first. Readers take no lock and hold one segment at a time. A segment's bytes are
checked against their hash before a store reads it for the first time; `verify` checks the values as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from argus.core.arrays import F64_1D
from argus.core.chains import CHAIN_COLUMNS, ChainSnapshots
from argus.core.errors import CatalogError, ConfigError, CoverageError, DataError
from argus.core.time import format_ns
from argus.core.words import agreed, counted
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
from argus.data._chain_segments import (
    ChainFilter,
    ChainMerge,
    chain_of_frame,
    chains_together,
    encode_chain,
    file_digest,
    filtered_frame,
    merge_chains,
    segment_cuts,
)
from argus.data.raw import Rejection

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ChainFilter", "ChainManifest", "ChainSegment", "ChainStore"]

_FORMAT: Final = 1
_SEGMENT_ROWS_MAX: Final = 1 << 20
_HASH_RANGE: Final = 1 << 256
_READS_MAX: Final = 5
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._\-^$:]*")
_ALL: Final = ChainFilter()


@dataclass(frozen=True, slots=True)
class ChainSegment:
    """One Parquet file of a series: consecutive whole snapshots.

    Attributes
    ----------
    file : str
    file_sha256 : str
        Of the file's bytes.
    content_hash : str
        Of its rows (`ChainSnapshots.content_hash`).
    rows, snapshots : int
    first_recv_ns, last_recv_ns : int
        When its first and its last snapshot could first be known.
    """

    file: str
    file_sha256: str
    content_hash: str
    rows: int
    snapshots: int
    first_recv_ns: int
    last_recv_ns: int


@dataclass(frozen=True, slots=True)
class ChainManifest:
    """Everything about a series but its rows; the content of ``manifest.json``.

    Attributes
    ----------
    format : int
    underlying, series : str
        A series is one vendor's chains of one underlying, such as ``eod``.
    segments : tuple of ChainSegment
        In order of time.
    sources : tuple of SourceRecord
    notes : tuple of str
    """

    format: int
    underlying: str
    series: str
    segments: tuple[ChainSegment, ...] = ()
    sources: tuple[SourceRecord, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the series, such as ``SPX/eod``."""
        return f"{self.underlying}/{self.series}"

    @property
    def rows(self) -> int:
        """Rows of all segments."""
        return sum(segment.rows for segment in self.segments)

    @property
    def snapshots(self) -> int:
        """Snapshots of all segments."""
        return sum(segment.snapshots for segment in self.segments)

    @property
    def span_ns(self) -> tuple[int, int]:
        """When its first and its last snapshot could first be known."""
        return self.segments[0].first_recv_ns, self.segments[-1].last_recv_ns

    @property
    def content_hash(self) -> str:
        """Hash of all rows: equal if every value is, however they lie in segments."""
        return f"{sum(int(segment.content_hash, 16) for segment in self.segments) % _HASH_RANGE:064x}"

    @property
    def quarantined(self) -> int:
        """Rows in quarantine, all imports together."""
        return rows_quarantined(self.sources)


class ChainStore:
    """The chains of a catalog.

    Parameters
    ----------
    root : Path
        The catalog's own folder.
    lock_timeout_s : float
        How long a writer waits for another.
    """

    def __init__(self, root: Path, *, lock_timeout_s: float = 30.0) -> None:
        self.root = Path(root)
        self._lock_timeout_s = lock_timeout_s
        self._checked: set[tuple[str, int, int]] = set()

    # ------------------------------------------------------------------------------------------------------- reading

    def manifests(self) -> tuple[ChainManifest, ...]:
        """Manifests of all series, by name.

        Raises
        ------
        CatalogError
            If one is damaged; names the file.
        """
        paths = sorted(self.root.glob(f"chain/*/*/{MANIFEST}"))
        found = [read_manifest(path, ChainManifest, _FORMAT) for path in paths]
        return tuple(sorted((manifest for manifest in found if manifest), key=lambda manifest: manifest.name))

    def manifest(self, name: str) -> ChainManifest:
        """The manifest of a series by its name, such as ``SPX/eod``.

        Raises
        ------
        CatalogError
            If there is none of that name, or it is damaged.
        """
        underlying, _, series = name.partition("/")
        found = read_manifest(self._folder(underlying, series) / MANIFEST, ChainManifest, _FORMAT) if series else None
        if found is None:
            names = ", ".join(manifest.name for manifest in self.manifests())
            hint = f"it has {names}" if names else "it has none: import one with argus options import"
            raise CatalogError(f"the catalog {self.root} has no chains {name!r}; {hint}")
        return found

    def scan(
        self,
        name: str,
        where: ChainFilter = _ALL,
        *,
        delta: Callable[[ChainSnapshots], F64_1D] | None = None,
    ) -> Iterator[ChainSnapshots]:
        """Rows that pass a filter, a segment at a time and in order; segments without any are left out.

        Parameters
        ----------
        name : str
        where : ChainFilter
        delta : callable, optional
            Gives the deltas of rows that pass everything else, where the vendor's are not the ones to filter by.

        Raises
        ------
        CatalogError
            If there is no such series, or a segment is damaged or missing; names it.
        """
        own = where if delta is None else replace(where, delta=None)
        for _, frame in self._frames(name, own, CHAIN_COLUMNS):
            if not frame.height:
                continue
            chain = self._chain(name, frame)
            if delta is not None and where.delta is not None:
                values = abs(delta(chain))
                chain = chain.take((values >= where.delta[0]) & (values <= where.delta[1]))
            if len(chain):
                yield chain

    def frames(self, name: str, where: ChainFilter = _ALL, columns: Sequence[str] = ()) -> Iterator[pl.DataFrame]:
        """Some columns of the rows that pass a filter, as tables: faster than `scan` where few columns are wanted.

        Raises
        ------
        ConfigError
            If a column is none of a chain's.
        CatalogError
            As `scan`.
        """
        unknown = set(columns) - set(CHAIN_COLUMNS)
        if unknown:
            raise ConfigError(f"columns holds {sorted(unknown)[0]!r}; a chain has {', '.join(CHAIN_COLUMNS)}")
        for _, frame in self._frames(name, where, columns or CHAIN_COLUMNS):
            if frame.height:
                yield frame

    def load(self, name: str, where: ChainFilter = _ALL) -> ChainSnapshots:
        """All rows that pass a filter, at once.

        Raises
        ------
        CatalogError
            As `scan`.
        CoverageError
            If none does; names the range that there is.
        """
        parts = list(self.scan(name, where))
        if parts:
            return chains_together(parts)
        manifest = self.manifest(name)
        first, last = manifest.span_ns
        raise CoverageError(
            f"{name} has no option that passes {where}; its snapshots are from {format_ns(first)} to "
            f"{format_ns(last)}: ask for more, or import more"
        )

    def quarantined(self, name: str) -> tuple[Rejection, ...]:
        """Rows that the imports into a series did not take, in order of import."""
        return quarantined_rows(self._quarantine_folder(name), self.manifest(name).sources)

    def verify(self, name: str) -> Iterator[ChainSnapshots]:
        """Every segment, after its values were checked against their hash.

        Raises
        ------
        CatalogError
            Naming the first segment that is damaged or missing.
        """
        for segment, frame in self._frames(name, _ALL, CHAIN_COLUMNS):
            chain = self._chain(name, frame)
            if chain.content_hash != segment.content_hash:
                raise CatalogError(
                    f"{name}: segment {segment.file} is damaged: its rows do not have the recorded hash; "
                    f"{_remedy(self.manifest(name))}"
                )
            yield chain

    # ------------------------------------------------------------------------------------------------------- writing

    def write(
        self,
        chain: ChainSnapshots,
        series: str,
        source: SourceRecord,
        *,
        replace_rows: bool = False,
        notes: Sequence[str] = (),
        quarantine: Sequence[Rejection] = (),
        reject: Reject | None = None,
    ) -> Written:
        """Add rows to a series, wholly or not at all.

        Parameters
        ----------
        chain : ChainSnapshots
        series : str
        source : SourceRecord
            Where they come from.
        replace_rows : bool
            Whether a row that contradicts the catalog takes the place of what is there.
        notes : sequence of str
            What a reader of results must know.
        quarantine : sequence of Rejection
            Rows of the source that are not in the chain.
        reject : callable, optional
            Turns rows of `chain` that contradict the catalog into rejections. Without it such a row is an error.

        Raises
        ------
        ConfigError
            If the underlying or the series cannot be a folder's name.
        CatalogError
            If another writer holds the catalog, the disk is full, or a row contradicts the catalog; nothing is changed
            then.
        """
        folder = self._folder(chain.underlying, series)
        blank = ChainManifest(_FORMAT, chain.underlying, series)
        with lock_for_writing(self.root, self._lock_timeout_s):
            old = read_manifest(folder / MANIFEST, ChainManifest, _FORMAT)
            self._sweep(old or blank)
            first, last = _touched(old, chain)
            touched = old.segments[first:last] if old else ()
            merged = self._merged(old, touched, chain, replace_rows)
            conflicts = conflicts_of(
                merged.conflicts,
                reject,
                lambda row: (
                    f"{blank.name}: {counted(len(merged.conflicts), 'option')} "
                    f"{agreed(len(merged.conflicts), 'contradicts', 'contradict')} what is there already, the first in "
                    f"the snapshot of {format_ns(int(chain.ts_recv_ns[row]))}"
                ),
            )
            record = with_quarantine(self._quarantine_folder(blank.name), source, [*quarantine, *conflicts])
            new = with_record(old or blank, record, notes, merged.replaced)
            if merged.added:
                written = self._write_segments(folder, merged.chain, touched)
                new = replace(new, segments=(*new.segments[:first], *written, *new.segments[last:]))
            if new != old:
                write_manifest(folder / MANIFEST, new)
            self._sweep(new)
        changed = bool(merged.added or merged.replaced)
        return Written(
            blank.name, merged.added, merged.identical, merged.replaced, conflicts, new.content_hash, changed
        )

    def remove(self, name: str) -> None:
        """Delete a series, its manifest first: a kill leaves it whole or gone."""
        with lock_for_writing(self.root, self._lock_timeout_s):
            manifest = self.manifest(name)
            (self._folder(manifest.underlying, manifest.series) / MANIFEST).unlink()
            self._sweep(ChainManifest(_FORMAT, manifest.underlying, manifest.series))

    # ------------------------------------------------------------------------------------------------------ internals

    def _folder(self, underlying: str, series: str) -> Path:
        for label, text in (("underlying", underlying), ("series", series)):
            if not _NAME.fullmatch(text):
                raise ConfigError(f"the {label} of chains is {text!r}; write letters, digits and . _ - ^ $ : only")
        return self.root / "chain" / quote(underlying, safe="") / quote(series, safe="")

    def _quarantine_folder(self, name: str) -> Path:
        return self.root / "quarantine" / quote(f"chain/{name}", safe="")

    def _sweep(self, manifest: ChainManifest) -> None:
        """Remove what the manifest does not name: what a killed writer left, and segments that gave way."""
        sweep(self._folder(manifest.underlying, manifest.series), {segment.file for segment in manifest.segments})
        sweep(self._quarantine_folder(manifest.name), {record.quarantine for record in manifest.sources})

    def _frames(
        self, name: str, where: ChainFilter, columns: Sequence[str]
    ) -> Iterator[tuple[ChainSegment, pl.DataFrame]]:
        """Each segment in the filter's time, with its rows that pass.

        A writer may replace segments meanwhile. Then the newer manifest is read, and the scan goes on behind the last
        snapshot that it has given.
        """
        manifest = self.manifest(name)
        low = -(2**63) if where.start_ns is None else where.start_ns
        high = 2**63 - 1 if where.end_ns is None else where.end_ns
        misses = 0
        while True:
            segment = next((s for s in manifest.segments if s.last_recv_ns >= low and s.first_recv_ns < high), None)
            if segment is None:
                return
            path = self._folder(manifest.underlying, manifest.series) / segment.file
            try:
                self._check_bytes(path, segment, manifest)
                inside = low <= segment.first_recv_ns and segment.last_recv_ns < high
                own = replace(where, start_ns=None if inside else low, end_ns=None if inside else high)
                frame = filtered_frame(path, own, columns)
            except FileNotFoundError:
                misses += 1
                newer = self.manifest(name)
                if misses == _READS_MAX or newer.segments == manifest.segments:
                    raise CatalogError(f"{name}: segment {path} is missing; {_remedy(manifest)}") from None
                manifest = newer
                continue
            except CatalogError as error:
                raise CatalogError(f"{name}: {error}; {_remedy(manifest)}") from None
            yield segment, frame
            low = segment.last_recv_ns + 1

    def _check_bytes(self, path: Path, segment: ChainSegment, manifest: ChainManifest) -> None:
        """Compare a segment's bytes with their hash, once for each state of the file."""
        state = path.stat()
        seen = (segment.file_sha256, state.st_size, state.st_mtime_ns)
        if seen in self._checked:
            return
        if file_digest(path) != segment.file_sha256:
            raise CatalogError(f"segment {path} is damaged: its bytes do not have the recorded hash")
        self._checked.add(seen)

    def _chain(self, name: str, frame: pl.DataFrame) -> ChainSnapshots:
        try:
            return chain_of_frame(frame, name.partition("/")[0])
        except DataError as error:
            raise CatalogError(f"{name} is damaged: {error}; {_remedy(self.manifest(name))}") from None

    def _merged(
        self, old: ChainManifest | None, touched: tuple[ChainSegment, ...], chain: ChainSnapshots, replace_rows: bool
    ) -> ChainMerge:
        if old is None or not touched:
            return merge_chains(None, chain, replace_rows=replace_rows)
        wanted = ChainFilter(start_ns=touched[0].first_recv_ns, end_ns=touched[-1].last_recv_ns + 1)
        return merge_chains(self.load(old.name, wanted), chain, replace_rows=replace_rows)

    def _write_segments(
        self, folder: Path, chain: ChainSnapshots, old: tuple[ChainSegment, ...]
    ) -> tuple[ChainSegment, ...]:
        known = {segment.content_hash: segment for segment in old}
        written = []
        for begin, end in segment_cuts(chain.offsets, _SEGMENT_ROWS_MAX):
            part = chain.rows(begin, end)
            segment = known.get(part.content_hash)
            if segment is None:
                content = encode_chain(part)
                first, last = int(part.ts_recv_ns[0]), int(part.ts_recv_ns[-1])
                file = f"{format_ns(first).replace(':', '')}-{part.content_hash[:16]}.parquet"
                write_atomic(folder / file, content)
                digest = file_digest(folder / file)
                segment = ChainSegment(file, digest, part.content_hash, len(part), part.snapshot_count, first, last)
            written.append(segment)
        return tuple(written)


def _touched(old: ChainManifest | None, chain: ChainSnapshots) -> tuple[int, int]:
    """Segments that a chain is merged with: those whose time it touches, and neighbours no larger than what is written.

    Each row is so written again only when what it lies in doubles, however many small imports come one after the other.
    """
    segments = old.segments if old else ()
    if not len(chain):
        return 0, 0
    first_ns, last_ns = int(chain.ts_recv_ns[0]), int(chain.ts_recv_ns[-1])
    first = sum(segment.last_recv_ns < first_ns for segment in segments)
    last = max(first, sum(segment.first_recv_ns <= last_ns for segment in segments))
    rows = len(chain) + sum(segment.rows for segment in segments[first:last])
    while first > 0 and segments[first - 1].rows <= min(rows, _SEGMENT_ROWS_MAX - rows):
        first -= 1
        rows += segments[first].rows
    while last < len(segments) and segments[last].rows <= min(rows, _SEGMENT_ROWS_MAX - rows):
        rows += segments[last].rows
        last += 1
    return first, last


def _remedy(manifest: ChainManifest) -> str:
    names = [record.name for record in manifest.sources]
    told = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"remove the chains {manifest.name} and import them again (from {told})"
