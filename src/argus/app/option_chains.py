"""The use cases around option chains: import files of quotes, and check what the catalog holds of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argus.core.errors import ConfigError, ImportFailed
from argus.core.words import counted

if TYPE_CHECKING:
    from argus.data.chain_importing import ChainSpec
    from argus.data.chain_quality import ChainLimits
    from argus.data.chain_store import ChainManifest, ChainStore
    from argus.data.importing import ImportReport

__all__ = ["ChainCheck", "ChainImports", "chain_spec", "check_chains", "first_examples", "import_chain_files"]


@dataclass(frozen=True, slots=True)
class ChainImports:
    """What became of each of several files.

    Attributes
    ----------
    reports : tuple of ImportReport
        Of the files that were read.
    failed : tuple of (str, str)
        File and reason of those that were not.
    """

    reports: tuple[ImportReport, ...]
    failed: tuple[tuple[str, str], ...]

    @property
    def rows_quarantined(self) -> int:
        """Rows that this import put into quarantine."""
        return sum(report.rows_quarantined for report in self.reports if not report.already_imported)

    def lines(self) -> list[str]:
        """The imports for people; of many files the sums."""
        text: list[str] = []
        if len(self.reports) == 1:
            text += self.reports[0].lines()
        elif self.reports:
            sums = {name: sum(getattr(report, name) for report in self.reports) for name in _SUMMED}
            last = self.reports[-1]
            again = sum(report.already_imported for report in self.reports)
            text.append(
                f"{len(self.reports)} files -> {last.dataset}: {counted(sums['rows_read'], 'row')} read, "
                f"{sums['rows_imported']:,} imported, {sums['rows_present']:,} already there, "
                f"{sums['rows_quarantined']:,} quarantined; {counted(again, 'file')} had been imported before"
            )
            for label, counts in (("quarantined", self._sum("quarantined")), ("warning", self._sum("warnings"))):
                text += [f"{label}, {reason.replace('_', ' ')}: {count:,}" for reason, count in counts.items()]
            text += [
                f"note: {note}" for note in dict.fromkeys(note for report in self.reports for note in report.notes)
            ]
        return text + [f"failed: {name}: {why}" for name, why in self.failed]

    def as_dict(self) -> dict[str, Any]:
        """The imports as plain values, for JSON."""
        return {
            "files": [report.as_dict() for report in self.reports],
            "failed": [{"file": name, "reason": why} for name, why in self.failed],
            "quarantined": self._sum("quarantined"),
            "warnings": self._sum("warnings"),
        }

    def _sum(self, name: str) -> dict[str, int]:
        total: Counter[str] = Counter()
        for report in self.reports:
            total.update(getattr(report, name))
        return dict(total.most_common())


_SUMMED = ("rows_read", "rows_imported", "rows_present", "rows_quarantined")


def chain_spec(underlying: str, stated: Mapping[str, Any], *, preset: str | None = None) -> ChainSpec:
    """The statement about a file of option quotes; what is None or empty was not stated.

    Parameters
    ----------
    underlying : str
    stated : mapping
        Fields of `argus.data.chain_importing.ChainSpec`.
    preset : str, optional
        Named form that the rest is stated over; columns go over its columns one by one.

    Raises
    ------
    ConfigError
        If there is no such preset.
    """
    from argus.data.chain_importing import CHAIN_PRESETS, ChainSpec, chain_preset, preset_columns

    given = {name: value for name, value in stated.items() if value not in (None, {}, ())}
    if preset is None:
        return ChainSpec(underlying, **given)
    if "columns" in given:
        given["columns"] = {**preset_columns(preset, given.get("future")), **given["columns"]}
    if "placeholders" in given:
        given["placeholders"] = {**CHAIN_PRESETS.get(preset, {}).get("placeholders", {}), **given["placeholders"]}
    return chain_preset(preset, underlying, **given)


def import_chain_files(
    store: ChainStore,
    paths: Sequence[Path],
    spec: ChainSpec,
    *,
    replace_rows: bool = False,
    progress: Callable[[int, str], None] | None = None,
) -> ChainImports:
    """Import files of one form, one after the other; of several, one that fails does not stop the others.

    Parameters
    ----------
    store : ChainStore
    paths : sequence of Path
    spec : ChainSpec
    replace_rows : bool
        Whether rows that contradict the catalog take the place of what is there.
    progress : callable or None
        Told how many files are done, and the next one.

    Raises
    ------
    ConfigError
        If there is no file.
    ImportFailed
        If there is one file, and it cannot be read as stated; or if none of several can.
    CatalogError
        If another writer holds the catalog, or it cannot be written.
    """
    from argus.data.chain_importing import import_chains

    if not paths:
        raise ConfigError("no file to import is named; name at least one")
    reports, failed = [], []
    for number, path in enumerate(paths):
        if progress is not None:
            progress(number, path.name)
        try:
            reports.append(import_chains(store, path, spec, replace_rows=replace_rows))
        except ImportFailed as error:
            if len(paths) == 1:
                raise
            failed.append((str(path), str(error)))
    if not reports:
        raise ImportFailed(f"none of {len(paths)} files can be imported; the first: {failed[0][1]}")
    return ChainImports(tuple(reports), tuple(failed))


def first_examples(store: ChainStore, done: ChainImports) -> list[str]:
    """The first row of each reason for which these imports put rows into quarantine, in a sentence each."""
    wanted = {reason for report in done.reports if not report.already_imported for reason in report.quarantined}
    if not wanted:
        return []
    first: dict[str, str] = {}
    for row in reversed(store.quarantined(done.reports[-1].dataset)):
        if row.reason in wanted:
            first[row.reason] = row.message
    return [first[reason] for reason in sorted(first)]


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """The state of a series of chains.

    Attributes
    ----------
    manifest : ChainManifest
    counts : mapping
        Reason to number of stored rows that have it.
    examples : tuple of str
        The first few rows of each reason.
    missing : tuple of str
        Expiries that a snapshot lacks and the one before had, in a sentence each.
    missing_sessions : tuple of str
        Sessions of the calendar, from the first snapshot to the last, without one.
    sessions : int
        Sessions with a snapshot.
    quarantined : mapping
        Reason to number of rows that the imports did not take.
    notes : tuple of str
    """

    manifest: ChainManifest
    counts: Mapping[str, int]
    examples: tuple[str, ...]
    missing: tuple[str, ...]
    missing_sessions: tuple[str, ...]
    sessions: int
    quarantined: Mapping[str, int]
    notes: tuple[str, ...] = field(default=())

    @property
    def share_complete(self) -> float:
        """Sessions with a snapshot as a share of the calendar's."""
        total = self.sessions + len(self.missing_sessions)
        return self.sessions / total if total else 0.0

    def lines(self) -> list[str]:
        """The check for people."""
        held = self.manifest
        text = [
            f"{held.name}: {counted(held.rows, 'option')} in {counted(held.snapshots, 'snapshot')} of "
            f"{counted(self.sessions, 'session')}, "
            f"content {held.content_hash[:16]}"
        ]
        text += [f"note: {note}" for note in dict.fromkeys((*held.notes, *self.notes))]
        text += [f"flagged, {reason.replace('_', ' ')}: {count:,}" for reason, count in self.counts.items()]
        text += [f"for example {one}" for one in self.examples]
        text += [f"missing expiry: {one}" for one in self.missing[:10]]
        if len(self.missing) > 10:
            text.append(f"and {counted(len(self.missing) - 10, 'more missing expiry', 'more missing expiries')}")
        text += [f"quarantined, {reason.replace('_', ' ')}: {count:,}" for reason, count in self.quarantined.items()]
        if self.missing_sessions:
            shown = ", ".join(self.missing_sessions[:10])
            more = f" and {len(self.missing_sessions) - 10} more" if len(self.missing_sessions) > 10 else ""
            text.append(f"sessions without a snapshot: {shown}{more}")
        return text

    def as_dict(self) -> dict[str, Any]:
        """The check as plain values, for JSON."""
        held = self.manifest
        return {
            "chains": held.name,
            "rows": held.rows,
            "snapshots": held.snapshots,
            "content_hash": held.content_hash,
            "sessions": self.sessions,
            "missing_sessions": list(self.missing_sessions),
            "share_complete": self.share_complete,
            "flagged": dict(self.counts),
            "examples": list(self.examples),
            "missing_expiries": list(self.missing),
            "quarantined": dict(self.quarantined),
            "notes": list(dict.fromkeys((*held.notes, *self.notes))),
        }


def check_chains(store: ChainStore, name: str, *, limits: ChainLimits | None = None) -> ChainCheck:
    """Verify the values of a series and pass every stored row through the gates again, a segment at a time.

    Raises
    ------
    CatalogError
        If there is no such series, or a segment is damaged or missing.
    """
    import numpy as np

    from argus.core.chains import CHAIN_COLUMNS
    from argus.core.time import day_of, format_ns
    from argus.data import session_table
    from argus.data.calendars import assign_sessions
    from argus.data.chain_quality import ChainLimits, inspect_chain
    from argus.data.future_options import chain_rule
    from argus.data.quarantine import reason_counts

    counts: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    missing: list[str] = []
    notes: list[str] = []
    stamps = []
    limits = limits or ChainLimits()
    before = None
    for chain in store.verify(name):
        columns = {column: getattr(chain, column) for column in CHAIN_COLUMNS}
        found = inspect_chain(columns, chain.roots, limits, before=before)
        counts.update(found.counts)
        for one in found.examples:
            told = examples.setdefault(str(one.reason.name).lower(), [])
            told += [one.sentence] if len(told) < limits.examples else []
        missing += [f"{format_ns(recv)} lacks {root} of {format_ns(expiry)}" for recv, root, expiry in found.missing]
        notes += found.notes
        # The last quote of a snapshot says of which session it is; it may be delivered days later.
        stamps.append(np.maximum.reduceat(chain.ts_event_ns, chain.offsets[:-1]))
        before = chain.snapshot(-1)
        root = chain.roots[0]
    manifest = store.manifest(name)
    taken = np.concatenate(stamps)
    calendar = chain_rule(root).calendar
    # A snapshot at the close belongs to the session that it ends.
    held = np.unique(assign_sessions(taken - 1, taken, calendar).session)
    due = session_table(calendar, day_of(int(held[0])), day_of(int(held[-1]))).session
    return ChainCheck(
        manifest=manifest,
        counts=dict(counts.most_common()),
        examples=tuple(f"{reason.replace('_', ' ')}: {text}" for reason, told in examples.items() for text in told),
        missing=tuple(missing),
        missing_sessions=tuple(day_of(int(day)).isoformat() for day in np.setdiff1d(due, held)),
        sessions=len(held),
        quarantined=reason_counts(store.quarantined(name)),
        notes=tuple(notes),
    )
