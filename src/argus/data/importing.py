"""From a file, and what you state about it, to checked bars: in memory, or in the catalog.

Nothing is guessed. Which column is what, the form and the zone of the stamps, and whether a stamp is the start or the
end of its bar are stated in an `ImportSpec` (or come with a named preset, which is the same statement written down
once). A statement that is missing, or that the file contradicts, is an error that lists the file's columns and what to
state: a bar stamped with its end but read as its start lets every strategy see the future.

The road: `read_raw` puts the rows on our clock, `to_bars` runs the quality gates and divides the rows into bars and
quarantine, `import_bars` stores both. `load_file` is the same road without a catalog; there, a bad row is an error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from argus.core.arrays import BAR_FIELDS, BOOL_1D, I64_1D, Bars
from argus.core.errors import DataError, ImportFailed
from argus.core.instruments import InstrumentSpec, instrument
from argus.core.time import day_of, format_ns
from argus.data._catalog_report import ImportReport, report_of, report_of_earlier
from argus.data._catalog_stamps import read_dates, read_instants
from argus.data._catalog_statement import (
    SAME_NAMES,
    STAMPS,
    ImportSpec,
    check_statement,
    interval_label,
    listed,
)
from argus.data._source_columns import numbers, refuse_misread, reject_stamps
from argus.data.calendars import assign_sessions, session_table
from argus.data.catalog import Catalog, SourceRecord, dataset_name
from argus.data.quality import Inspection, QualityLimits, QualityReason, inspect
from argus.data.quarantine import reason_code
from argus.data.raw import RawBars, Rejection, SourceTable
from argus.data.sources import open_source

__all__ = [
    "SAME_NAMES",
    "STAMPS",
    "Checked",
    "ImportReport",
    "ImportSpec",
    "contracts_in",
    "import_bars",
    "import_raw",
    "interval_label",
    "load_file",
    "raw_from_table",
    "read_raw",
    "rows_where",
    "to_bars",
    "warning_counts",
]


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """Bars that passed the gates, and what did not.

    Attributes
    ----------
    bars : Bars
    inspection : Inspection
        What the quality gates found in the rows that could be read.
    quarantined : tuple of Rejection
        Rows that are not in `bars`, in the order of the source.
    rows : (n,) int64
        Row of the raw bars that each bar came from.
    """

    bars: Bars
    inspection: Inspection
    quarantined: tuple[Rejection, ...]
    rows: I64_1D


def read_raw(path: Path, spec: ImportSpec, *, product: InstrumentSpec | None = None) -> RawBars:
    """The rows of a file on our clock, unsorted and unchecked.

    Parameters
    ----------
    path : Path
        Text, Parquet or DBN; see `argus.data.sources.SUFFIXES`.
    spec : ImportSpec
        What is stated about the file.
    product : InstrumentSpec, optional
        The instrument, where it is not one of the package's own file.

    Raises
    ------
    ImportFailed
        If a statement is missing or contradicted, the file is damaged, or more than a tenth of its rows cannot be read
        as stated (then the statement is wrong, not the rows).
    """
    product = instrument(spec.instrument) if product is None else product
    source = open_source(path, delimiter=spec.delimiter, encoding=spec.encoding, header=spec.header)
    check_statement(source, spec)
    assert spec.columns is not None
    assert spec.time_column is not None
    wanted = [spec.time_column, *spec.columns.values(), *_filters(spec)]
    table = _filtered(source.table(list(dict.fromkeys(wanted))), spec)
    return raw_from_table(table, spec, product)


def contracts_in(path: Path, spec: ImportSpec) -> tuple[str, ...]:
    """Contracts in a file of many, sorted.

    Raises
    ------
    ImportFailed
        If `spec.contract_column` is not stated or not a column of the file.
    """
    source = open_source(path, delimiter=spec.delimiter, encoding=spec.encoding, header=spec.header)
    if spec.contract_column is None or spec.contract_column not in source.names:
        raise ImportFailed(
            f"{source.name}: contract_column is stated as {spec.contract_column!r}; state one of the file's columns: "
            f"{listed(source.names)}"
        )
    return _contracts(source.table([spec.contract_column]), spec.contract_column)


def to_bars(
    raw: RawBars,
    spec: ImportSpec,
    *,
    product: InstrumentSpec | None = None,
    limits: QualityLimits | None = None,
    now_ns: int | None = None,
    strict: bool = False,
) -> Checked:
    """Run the quality gates and divide the rows into bars and quarantine.

    Parameters
    ----------
    raw : RawBars
    spec : ImportSpec
        Its `interval_ns` and `delay_ns` are used.
    product, limits
        Instrument and limits of the gates, where they are not the default ones.
    now_ns : int, optional
        A bar that closes after this instant is quarantined.
    strict : bool
        Quarantine bars outside the trading session too, instead of reporting them.

    Raises
    ------
    ImportFailed
        If no row passes.
    """
    product = instrument(spec.instrument) if product is None else product
    limits = limits or QualityLimits()
    if strict:
        limits = replace(limits, outside_quarantine=True)
    inspection = inspect(raw, product, spec.interval_ns, limits, now_ns)
    quarantined = _quarantined(raw, inspection)
    keep = inspection.kept
    if not len(keep):
        first = f"; the first: {quarantined[0].message}" if quarantined else ""
        raise ImportFailed(f"{raw.source}: none of {len(raw) + len(raw.rejected)} rows can be used{first}")
    return Checked(_bars(raw, keep, spec, product, inspection.observed), inspection, quarantined, keep)


def load_file(
    path: Path,
    spec: ImportSpec,
    *,
    product: InstrumentSpec | None = None,
    limits: QualityLimits | None = None,
    now_ns: int | None = None,
) -> tuple[Bars, Inspection]:
    """Bars of one file for a run without a catalog. Warnings are reported, a bad row is an error.

    Raises
    ------
    DataError
        If a row is bad; names the first one, how many there are, and the remedy.
    """
    raw = read_raw(path, spec, product=product)
    checked = to_bars(raw, spec, product=product, limits=limits, now_ns=written_ns(path) if now_ns is None else now_ns)
    if checked.quarantined:
        first = checked.quarantined[0]
        raise DataError(
            f"{path.name}: {len(checked.quarantined)} of {len(raw) + len(raw.rejected)} rows are bad; the first: "
            f"{first.message}. Correct the file, or import it into a catalog (argus data import), which keeps bad rows "
            "apart in quarantine"
        )
    return checked.bars, checked.inspection


def import_bars(
    catalog: Catalog,
    path: Path,
    spec: ImportSpec,
    *,
    product: InstrumentSpec | None = None,
    limits: QualityLimits | None = None,
    now_ns: int | None = None,
    strict: bool = False,
    replace_rows: bool = False,
) -> ImportReport:
    """Import a file into the catalog: good rows to the dataset, bad rows to quarantine, or nothing at all.

    Parameters
    ----------
    catalog : Catalog
    path : Path
    spec : ImportSpec
    product, limits, strict
        As in `to_bars`.
    now_ns : int, optional
        A bar that closes later is quarantined; by default the time at which the file was last written.
    replace_rows : bool
        Whether a row that contradicts the catalog takes the place of what is there, instead of going to quarantine.

    Raises
    ------
    ImportFailed
        If the file cannot be read as stated, or no row of it can be used.
    CatalogError
        If the catalog is held by another writer, damaged, or the disk is full.
    """
    raw = read_raw(path, spec, product=product)
    limit_ns = written_ns(path) if now_ns is None else now_ns
    return import_raw(
        catalog, raw, spec, product=product, limits=limits, now_ns=limit_ns, strict=strict, replace_rows=replace_rows
    )


def import_raw(
    catalog: Catalog,
    raw: RawBars,
    spec: ImportSpec,
    *,
    product: InstrumentSpec | None = None,
    limits: QualityLimits | None = None,
    now_ns: int | None = None,
    strict: bool = False,
    replace_rows: bool = False,
) -> ImportReport:
    """Import rows that were read already; see `import_bars`."""
    fingerprint = spec.fingerprint if not strict else hashlib.sha256(f"{spec.fingerprint} strict".encode()).hexdigest()
    name = dataset_name(raw.instrument, spec.interval, spec.contract)
    held = next((one for one in catalog.manifests() if one.name == name), None)
    before = report_of_earlier(held, raw.source, raw.source_sha256, fingerprint)
    if before is not None and not replace_rows:
        return before
    checked = to_bars(raw, spec, product=product, limits=limits, now_ns=now_ns, strict=strict)
    notes = (*spec.notes, *(suspicion.message for suspicion in raw.suspicions), *checked.inspection.notes)
    record = SourceRecord(
        name=raw.source,
        sha256=raw.source_sha256,
        fingerprint=fingerprint,
        statement=spec.describe(),
        rows_read=len(raw) + len(raw.rejected),
        warnings=warning_counts(checked.inspection),
    )
    written = catalog.write(
        checked.bars,
        spec.interval_ns,
        record,
        contract=spec.contract,
        replace_rows=replace_rows,
        notes=notes,
        quarantine=checked.quarantined,
        reject=lambda rows: [_conflicting(raw, int(checked.rows[row]), name) for row in rows],
    )
    return report_of(catalog.manifest(name), record, written, checked.quarantined, notes)


def written_ns(path: Path) -> int:
    """When the file was last written: it cannot truly hold a bar that closed later."""
    return path.stat().st_mtime_ns


def _filters(spec: ImportSpec) -> dict[str, str]:
    filters = dict(spec.where)
    if spec.contract_column is not None and spec.contract is not None:
        filters[spec.contract_column] = spec.contract
    return filters


def _filtered(table: SourceTable, spec: ImportSpec) -> SourceTable:
    filters = _filters(spec)
    return rows_where(table, filters) if filters else table


def rows_where(table: SourceTable, filters: Mapping[str, str]) -> SourceTable:
    """The rows with the stated values.

    Raises
    ------
    ImportFailed
        If no row has a value; lists those there are.
    """
    import polars as pl

    keep = np.ones(table.frame.height, dtype=np.bool_)
    for column, value in filters.items():
        match = (table.frame[column].cast(pl.String) == value).fill_null(False).to_numpy()
        if not match.any():
            raise ImportFailed(
                f"{table.name}: no row has {value!r} in column {column!r}; it holds {listed(_contracts(table, column))}"
            )
        keep &= match
    rows = np.flatnonzero(keep)
    if not len(rows):
        raise ImportFailed(f"{table.name}: no row has all of {dict(filters)}; state fewer of them")
    return table.take(rows)


def _contracts(table: SourceTable, column: str) -> tuple[str, ...]:
    import polars as pl

    return tuple(table.frame[column].cast(pl.String).drop_nulls().unique().sort().to_list())


def raw_from_table(table: SourceTable, spec: ImportSpec, product: InstrumentSpec) -> RawBars:
    """Apply what is stated to the columns of a source; see `read_raw`, which also opens it and checks the statement."""
    assert spec.columns is not None
    assert spec.time_column is not None
    assert spec.time_format is not None
    column = table.frame[spec.time_column]
    lines = table.source_line
    read = read_dates if spec.stamp == "session_date" else read_instants
    where = f"{table.name}, column {spec.time_column!r}"
    stamps = read(column, spec.time_format, spec.timezone, lines, where)
    rejected: dict[int, Rejection] = {}
    reject_stamps(table, spec.time_column, spec.time_format, stamps, rejected)
    values = {
        name: numbers(table, spec.columns[name], rejected)
        if name in spec.columns
        else np.full(table.frame.height, np.nan)
        for name in BAR_FIELDS
    }
    readable = np.ones(table.frame.height, dtype=np.bool_)
    readable[list(rejected)] = False
    if spec.stamp == "session_date":
        event, close = _session_times(table, stamps.values, readable, product.calendar, rejected)
    else:
        assert spec.interval_ns is not None
        event = stamps.values - spec.interval_ns if spec.stamp == "end" else stamps.values
        close = event + spec.interval_ns
    every = sorted([*table.rejected, *rejected.values()], key=lambda rejection: rejection.source_line)
    raw = RawBars(
        instrument=spec.instrument,
        ts_event_ns=event,
        ts_close_ns=close,
        ts_recv_ns=close + spec.delay_ns,
        observed=frozenset(spec.columns),
        source_line=lines,
        row_bytes=table.original,
        source=table.name,
        source_sha256=table.sha256,
        rejected=tuple(every),
        suspicions=table.suspicions,
        **values,
    )
    _check_share(raw)
    return replace(raw.take(np.flatnonzero(readable)), rejected=raw.rejected) if rejected else raw


def _session_times(
    table: SourceTable, days: I64_1D, readable: BOOL_1D, calendar: str, rejected: dict[int, Rejection]
) -> tuple[I64_1D, I64_1D]:
    """Open and close of each row's session; a date without a session rejects its row."""
    n = len(days)
    event, close = np.zeros(n, np.int64), np.ones(n, np.int64)
    rows = np.flatnonzero(readable)
    if not len(rows):
        return event, close
    known = session_table(calendar, day_of(int(days[rows].min())), day_of(int(days[rows].max())))
    at = np.minimum(np.searchsorted(known.session, days[rows]), max(len(known.session) - 1, 0))
    found = known.session[at] == days[rows] if len(known.session) else np.zeros(len(rows), np.bool_)
    for row in rows[~found].tolist():
        line, day = int(table.source_line[row]), day_of(int(days[row])).isoformat()
        message = f"line {line}: found {day}: the calendar {calendar} has no session on that date"
        rejected.setdefault(row, Rejection(line, "no_session", message, table.original(row)))
        readable[row] = False
    event[rows[found]] = known.open_ns[at[found]]
    close[rows[found]] = known.close_ns[at[found]]
    return event, close


def _check_share(raw: RawBars) -> None:
    """Refuse a file most of whose bad rows come from reading it wrongly."""
    unreadable = [rejection for rejection in raw.rejected if rejection.reason != "no_session"]
    total = len(raw) + sum(rejection.reason == "ragged" for rejection in raw.rejected)
    refuse_misread(raw.source, unreadable, total)


def warning_counts(inspection: Inspection) -> dict[str, int]:
    """How many rows that were kept each reason marks as odd."""
    marks = inspection.reasons[~inspection.fatal]
    marks = marks[marks != 0]
    counts = {reason_code(reason): int(((marks & np.uint32(reason)) != 0).sum()) for reason in QualityReason}
    return {code: count for code, count in counts.items() if count}


def _quarantined(raw: RawBars, inspection: Inspection) -> tuple[Rejection, ...]:
    rows = np.flatnonzero(inspection.fatal)
    found = [_gated(raw, int(row), QualityReason(int(inspection.reasons[row]))) for row in rows]
    return tuple(sorted([*raw.rejected, *found], key=lambda rejection: rejection.source_line))


def _conflicting(raw: RawBars, row: int, name: str) -> Rejection:
    line, start = int(raw.source_line[row]), format_ns(int(raw.ts_event_ns[row]))
    message = (
        f"line {line}, bar {start}: contradicts a bar that {name} has from an earlier import; import with replace to "
        "let this file win"
    )
    return Rejection(line, "conflict", message, raw.original(row))


def _gated(raw: RawBars, row: int, reasons: QualityReason) -> Rejection:
    code = reason_code(reasons)
    line = int(raw.source_line[row])
    values = ", ".join(f"{name} {getattr(raw, name)[row]:g}" for name in BAR_FIELDS if name in raw.observed)
    message = f"line {line}, bar {format_ns(int(raw.ts_event_ns[row]))}: {code.replace('_', ' ')} ({values})"
    return Rejection(line, code, message, raw.original(row))


def _bars(raw: RawBars, keep: I64_1D, spec: ImportSpec, product: InstrumentSpec, observed: frozenset[str]) -> Bars:
    event, close = raw.ts_event_ns[keep], raw.ts_close_ns[keep]
    sessions = assign_sessions(event, close, product.calendar)
    nothing = np.full(len(keep), np.nan)
    columns = {name: getattr(raw, name)[keep] if name in observed else nothing.copy() for name in BAR_FIELDS}
    return Bars(
        instrument=raw.instrument,
        ts_event_ns=event,
        ts_close_ns=close,
        ts_recv_ns=raw.ts_recv_ns[keep],
        session=sessions.session,
        session_end=np.ones(len(keep), np.bool_) if spec.interval_ns is None else sessions.session_end,
        observed=observed,
        **columns,
    )
