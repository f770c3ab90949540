"""What is stated about a file of bars, and the check that enough is stated and that the file does not contradict it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from argus.core.arrays import BAR_FIELDS
from argus.core.errors import ImportFailed
from argus.data._catalog_stamps import EPOCH_UNITS
from argus.data.raw import NO_NAMES
from argus.data.sources import Source

__all__ = ["SAME_NAMES", "STAMPS", "ImportSpec", "check_statement", "interval_label", "listed"]

STAMPS: Final = ("start", "end", "session_date")
"""What a time stamp can mean."""

SAME_NAMES: Final[Mapping[str, str]] = {name: name for name in BAR_FIELDS[:5]}
"""Columns of a file whose columns carry our own names: open, high, low, close, volume."""

_LABELS: Final = ((86_400_000_000_000, "d"), (3_600_000_000_000, "h"), (60_000_000_000, "m"), (1_000_000_000, "s"))


@dataclass(frozen=True, slots=True)
class ImportSpec:
    """What is stated about a file. A field left None has not been stated; where it is needed, that is an error.

    Attributes
    ----------
    instrument : str
        Symbol in the instrument file.
    columns : mapping
        Bar field (``open``, ``high``, ``low``, ``close``, ``volume``, ``open_interest``) to the file's column.
        ``close`` is required; a field that is left out is not observed.
    time_column : str
        The file's column of time stamps.
    time_format : str
        ``ns``, ``us``, ``ms``, ``s`` (counts since 1970-01-01 UTC), ``iso``, ``datetime`` (typed column of a
        Parquet file), or a strptime pattern such as ``%m/%d/%Y %H:%M``.
    timezone : str
        IANA name of the zone of naive stamps; for session dates, the zone whose midnight an instant stands for.
    stamp : str
        ``start`` or ``end`` of the bar, or ``session_date`` for one bar a session.
    interval_ns : int
        Length of a bar; None for session dates, whose start and close are those of the calendar's session.
    delay_ns : int
        How long after a bar's close the vendor delivers it.
    delimiter, encoding, header
        Of a text file; `header` names the columns of one without a header line.
    where : mapping
        Column to the value that a row must have to be read.
    contract_column, contract : str
        For files of many contracts: the column that names them, and the one to read.
    notes : tuple of str
        What a reader of results must know about this source, kept with the data.
    """

    instrument: str
    columns: Mapping[str, str] | None = None
    time_column: str | None = None
    time_format: str | None = None
    timezone: str | None = None
    stamp: str | None = None
    interval_ns: int | None = None
    delay_ns: int = 0
    delimiter: str = ","
    encoding: str = "utf-8"
    header: tuple[str, ...] = NO_NAMES
    where: Mapping[str, str] = field(default_factory=dict)
    contract_column: str | None = None
    contract: str | None = None
    notes: tuple[str, ...] = ()

    def describe(self) -> dict[str, Any]:
        """The statement as plain values, for the manifest."""
        record = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in ("columns", "where"):
            record[name] = None if record[name] is None else dict(record[name])
        return record | {"header": list(self.header), "notes": list(self.notes)}

    @property
    def fingerprint(self) -> str:
        """Hash of the statement: the same file under another statement is another import."""
        return hashlib.sha256(json.dumps(self.describe(), sort_keys=True).encode()).hexdigest()

    @property
    def interval(self) -> str:
        """Label of the bar length, ``1d`` for session dates."""
        return interval_label(self.interval_ns)


def interval_label(interval_ns: int | None) -> str:
    """``1m``, ``5m``, ``1h``, ``90s`` ... of a bar length; ``1d`` for None, one bar a session."""
    if interval_ns is None:
        return "1d"
    for unit_ns, letter in _LABELS:
        # A fixed 24 hours is not a session: it must not share the label of session bars.
        if interval_ns % unit_ns == 0 and letter != "d":
            return f"{interval_ns // unit_ns}{letter}"
    return f"{interval_ns}ns"


def check_statement(source: Source, spec: ImportSpec) -> None:
    """Raise `ImportFailed` with everything that is missing from or wrong with the statement."""
    wrong = [*_missing(spec), *_impossible(spec)]
    named = {f"columns[{key!r}]": value for key, value in (spec.columns or {}).items()}
    named |= {} if spec.time_column is None else {"time_column": spec.time_column}
    named |= {f"where[{key!r}]": key for key in spec.where}
    named |= {} if spec.contract_column is None else {"contract_column": spec.contract_column}
    for label, column in named.items():
        if column not in source.names:
            wrong.append(f"{label} is stated as {column!r}, which is not a column of the file")
    if source.interval_ns is not None and spec.interval_ns not in (None, source.interval_ns):
        wrong.append(
            f"interval_ns is stated as {spec.interval_ns}, but the file holds bars of {source.interval_ns} nanoseconds"
        )
    if wrong:
        raise ImportFailed(
            f"{source.name}: {'; '.join(wrong)}. The file's columns are: {listed(source.names)}.{source.hint}"
        )


def _missing(spec: ImportSpec) -> list[str]:
    wrong = []
    if not spec.columns:
        wrong.append("columns is not stated: map bar fields to the file's columns, for example close='Close'")
    elif "close" not in spec.columns:
        wrong.append("columns states no 'close', and a bar without one is none")
    if spec.time_column is None:
        wrong.append("time_column is not stated: name the column of time stamps")
    if spec.time_format is None:
        wrong.append("time_format is not stated: one of ns, us, ms, s, iso, datetime, or a strptime pattern")
    if spec.stamp is None:
        wrong.append("stamp is not stated: 'start' or 'end' of the bar, or 'session_date' (ask the vendor)")
    if spec.stamp in ("start", "end") and spec.interval_ns is None:
        wrong.append("interval_ns is not stated: the length of a bar")
    if spec.contract_column is not None and spec.contract is None:
        wrong.append("contract is not stated: which of the file's contracts to read")
    return wrong


def _impossible(spec: ImportSpec) -> list[str]:
    wrong = []
    unknown = set(spec.columns or ()) - set(BAR_FIELDS)
    if unknown:
        wrong.append(f"columns names {listed(sorted(unknown))}, but a bar has only {', '.join(BAR_FIELDS)}")
    if spec.stamp is not None and spec.stamp not in STAMPS:
        wrong.append(f"stamp is {spec.stamp!r}; one of {', '.join(STAMPS)} expected")
    if spec.stamp == "session_date" and spec.interval_ns is not None:
        wrong.append("interval_ns is stated for session dates, whose length is the calendar's: leave it out")
    if spec.interval_ns is not None and spec.interval_ns <= 0:
        wrong.append(f"interval_ns is {spec.interval_ns}; it must be positive")
    if spec.delay_ns < 0:
        wrong.append(f"delay_ns is {spec.delay_ns}; a bar cannot be known before its close")
    if spec.time_format in EPOCH_UNITS and spec.stamp != "session_date" and spec.timezone not in (None, "UTC"):
        wrong.append(f"timezone is {spec.timezone!r}, but counts since 1970 are UTC: leave it out")
    return wrong


def listed(names: tuple[str, ...] | list[str], most: int = 40) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
