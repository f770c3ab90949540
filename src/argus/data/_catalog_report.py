"""What became of every row of a source: the record that an import returns and that the command line prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol

from argus.core.time import format_ns
from argus.core.words import agreed
from argus.data._catalog_records import SourceRecord, Written
from argus.data.quarantine import reason_counts
from argus.data.raw import Rejection

__all__ = ["ImportReport", "report_of", "report_of_earlier"]

_FUTURE: Final = "future"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of every row of a source.

    ``rows_read = rows_imported + rows_present + rows_quarantined``.

    Attributes
    ----------
    dataset : str
    source, source_sha256 : str
    already_imported : bool
        This very import was made before: nothing was read but the file, and nothing changed.
    rows_read, rows_imported, rows_present, rows_replaced : int
        Rows of the source; those added; those that the catalog had, value for value; rows that gave way to new ones.
    quarantined, warnings : mapping
        Reason to number of rows.
    first_ns, last_ns : int
        Start of the dataset's first and last bar; of chains, when its first and last snapshot could be known.
    content_hash : str
        Of the dataset now.
    notes : tuple of str
    rows_are : str
        What a row is, for people.
    """

    dataset: str
    source: str
    source_sha256: str
    already_imported: bool
    rows_read: int
    rows_imported: int
    rows_present: int
    rows_replaced: int
    quarantined: Mapping[str, int]
    warnings: Mapping[str, int]
    first_ns: int
    last_ns: int
    content_hash: str
    notes: tuple[str, ...]
    rows_are: str = "bars"

    @property
    def rows_quarantined(self) -> int:
        """Rows in quarantine, all reasons together."""
        return sum(self.quarantined.values())

    def lines(self) -> list[str]:
        """The report for people, a sentence a line."""
        span = f"{format_ns(self.first_ns)} to {format_ns(self.last_ns)}"
        if self.already_imported:
            apart = self.rows_quarantined
            kept_apart = f"; {apart} of its rows {agreed(apart, 'is', 'are')} in quarantine" if apart else ""
            return [f"{self.source}: already imported into {self.dataset} ({span}); nothing was changed{kept_apart}"]
        text = [
            f"{self.source} -> {self.dataset}: {self.rows_read} {agreed(self.rows_read, 'row', 'rows')} read, "
            f"{self.rows_imported} imported, "
            f"{self.rows_present} already there, {self.rows_quarantined} quarantined",
            f"{self.dataset} now holds {self.rows_are} from {span}, content {self.content_hash[:16]}",
        ]
        text += [f"replaced: {self.rows_replaced} {self.rows_are} gave way to new ones"] if self.rows_replaced else []
        text += [f"quarantined, {reason.replace('_', ' ')}: {count}" for reason, count in self.quarantined.items()]
        text += [f"warning, {reason.replace('_', ' ')}: {count}" for reason, count in self.warnings.items()]
        return text + [f"note: {note}" for note in self.notes]

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, for JSON."""
        record = asdict(self)
        del record["rows_are"]
        return record | {"rows_quarantined": self.rows_quarantined, "notes": list(self.notes)}


class _Dataset(Protocol):
    """What a manifest says of itself, whatever lies under it."""

    @property
    def name(self) -> str: ...

    @property
    def sources(self) -> tuple[SourceRecord, ...]: ...

    @property
    def span_ns(self) -> tuple[int, int]: ...

    @property
    def content_hash(self) -> str: ...

    @property
    def notes(self) -> tuple[str, ...]: ...


def report_of(
    manifest: _Dataset,
    record: SourceRecord,
    written: Written,
    quarantined: Sequence[Rejection],
    notes: tuple[str, ...],
    *,
    rows_are: str = "bars",
) -> ImportReport:
    """The report of an import that was just written.

    Parameters
    ----------
    manifest : manifest of the dataset
        As it is after the write.
    record : SourceRecord
    written : Written
    quarantined : sequence of Rejection
        Rows of the source that did not come so far as to be written.
    notes : tuple of str
    rows_are : str
    """
    first_ns, last_ns = manifest.span_ns
    return ImportReport(
        dataset=manifest.name,
        source=record.name,
        source_sha256=record.sha256,
        already_imported=False,
        rows_read=record.rows_read,
        rows_imported=written.added,
        rows_present=written.identical,
        rows_replaced=written.replaced,
        quarantined=reason_counts([*quarantined, *written.conflicts]),
        warnings=record.warnings,
        first_ns=first_ns,
        last_ns=last_ns,
        content_hash=written.content_hash,
        notes=notes,
        rows_are=rows_are,
    )


def report_of_earlier(
    manifest: _Dataset | None, source: str, sha256: str, fingerprint: str, *, rows_are: str = "bars"
) -> ImportReport | None:
    """The report of this very import, if it was made before and could not turn out otherwise now."""
    records = manifest.sources if manifest else ()
    at = next((k for k, one in enumerate(records) if (one.sha256, one.fingerprint) == (sha256, fingerprint)), None)
    if manifest is None or at is None:
        return None
    record = records[at]
    # Rows that lay in the future then may not do so now, and its own may have given way to a later import.
    if any(_FUTURE in reason for reason in record.quarantined) or any(one.replaced for one in records[at + 1 :]):
        return None
    first_ns, last_ns = manifest.span_ns
    return ImportReport(
        dataset=manifest.name,
        source=source,
        source_sha256=sha256,
        already_imported=True,
        rows_read=record.rows_read,
        rows_imported=0,
        rows_present=record.rows_read - sum(record.quarantined.values()),
        rows_replaced=0,
        quarantined=record.quarantined,
        warnings=record.warnings,
        first_ns=first_ns,
        last_ns=last_ns,
        content_hash=manifest.content_hash,
        notes=manifest.notes,
        rows_are=rows_are,
    )
