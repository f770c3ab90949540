"""The use cases around market data: state what a file is, import it, look at it, check it, export it, make a market.

A person states what only they (or their vendor) can know: what a stamp means and in which zone it is. What the file
says of itself is read from it, and repeated to the person, who can then disagree: columns that carry the fields' own
names, the one typed column of times, the spacing of its stamps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from argus.core.errors import ConfigError, ImportFailed

if TYPE_CHECKING:
    from datetime import date

    from argus.data import DatasetCheck, Exported
    from argus.data.catalog import Catalog, DatasetInfo
    from argus.data.importing import ImportReport, ImportSpec
    from argus.data.synthetic import SyntheticSpec

__all__ = [
    "FileStatement",
    "SyntheticWritten",
    "check_dataset",
    "complete_statement",
    "export_dataset",
    "import_command",
    "import_file",
    "list_datasets",
    "measured_interval",
    "parse_date",
    "parse_duration",
    "parse_pairs",
    "parse_session_interval",
    "session_gaps",
    "sql_rows",
    "synthetic_spec",
    "write_synthetic",
]

_OPTIONS: Final[Mapping[str, str]] = {
    "stamp": "--stamp start|end|session_date (what a stamp means; ask the vendor)",
    "time_column": "--time-column NAME (the column of time stamps)",
    "time_format": "--time-format ns|us|ms|s|iso|datetime or a pattern such as '%m/%d/%Y %H:%M'",
    "timezone": "--timezone ZONE (of stamps without an offset, such as UTC or America/New_York)",
    "columns": "--column close=NAME (and open, high, low, volume where the file has them)",
    "interval_ns": "--interval 1m (the length of a bar)",
}


@dataclass(frozen=True, slots=True)
class FileStatement:
    """What a person stated about a file of bars; None and empty are what was left out.

    Attributes
    ----------
    instrument : str
    preset : str or None
        Named form that the rest is stated over.
    columns, where : mapping
        Bar field to the file's column; column to the value that a row must have.
    stamp, time_column, time_format, timezone, contract_column, contract, delimiter, encoding, notes
        As in `argus.data.importing.ImportSpec`.
    interval_ns, delay_ns : int or None
    """

    instrument: str
    preset: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, str] = field(default_factory=dict)
    stamp: str | None = None
    time_column: str | None = None
    time_format: str | None = None
    timezone: str | None = None
    interval_ns: int | None = None
    delay_ns: int | None = None
    contract_column: str | None = None
    contract: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    notes: tuple[str, ...] = ()


def complete_statement(path: Path, stated: FileStatement) -> tuple[ImportSpec, tuple[str, ...]]:
    """Fill in what the file says of itself, and refuse where a statement is missing that only a person can make.

    Returns
    -------
    spec : ImportSpec
    read_from_file : tuple of str
        A sentence for each thing that was not stated but read; whoever reads results must see them.

    Raises
    ------
    ImportFailed
        Naming each missing option and the file's columns, or why the file cannot be read.
    ConfigError
        If there is no such preset.
    """
    spec = _spec_of(stated)
    said: list[str] = []
    names, typed, hint = _columns_of(path, spec)
    if spec.time_column is None and len(typed) == 1:
        spec = replace(spec, time_column=next(iter(typed)))
        said.append(f"time column: {spec.time_column!r}, the file's only column of times")
    if spec.time_format is None and spec.time_column in typed:
        spec = replace(spec, time_format="datetime")
        said.append(f"time format: {spec.time_column!r} is a typed column of times")
    if not spec.columns:
        from argus.core.arrays import BAR_FIELDS

        same: dict[str, str] = {name: name for name in BAR_FIELDS if name in names}
        if "close" in same:
            spec = replace(spec, columns=same)
            said.append(f"columns: {', '.join(same)}, by their own names")
    _check_stated(path, spec, names, hint, naive=spec.time_column is not None and typed.get(spec.time_column) is True)
    if spec.stamp != "session_date" and spec.interval_ns is None:
        interval_ns = measured_interval(path, spec)
        from argus.data.importing import interval_label

        spec = replace(spec, interval_ns=interval_ns)
        said.append(
            f"interval: {interval_label(interval_ns)}, the smallest spacing of the stamps; all others are multiples"
        )
    return spec, tuple(said)


def _spec_of(stated: FileStatement) -> ImportSpec:
    from argus.data.importing import ImportSpec
    from argus.data.presets import PRESETS, preset

    given: dict[str, Any] = {
        name: getattr(stated, name)
        for name in FileStatement.__dataclass_fields__
        if name not in ("instrument", "preset") and getattr(stated, name) not in (None, {}, ())
    }
    if stated.preset is None:
        return ImportSpec(stated.instrument, **given)
    known = PRESETS.get(stated.preset)
    measured = known is not None and "interval_ns" in known.needs and stated.interval_ns is None
    # The form leaves the bar length open: it is measured on the file, as without a preset.
    spec = preset(stated.preset, stated.instrument, **given, **({"interval_ns": 1} if measured else {}))
    return replace(spec, interval_ns=None) if measured else spec


def _columns_of(path: Path, spec: ImportSpec) -> tuple[tuple[str, ...], dict[str, bool], str]:
    """The file's columns; its typed times, with whether they lack a zone; what may be wrong with it."""
    from argus.data.sources import open_source

    source = open_source(path, delimiter=spec.delimiter, encoding=spec.encoding, header=spec.header)
    if path.suffix.lower() != ".parquet":
        return source.names, {}, source.hint
    import pyarrow as pa
    import pyarrow.parquet as pq

    typed = {}
    for entry in pq.read_schema(path):
        if pa.types.is_timestamp(entry.type):
            typed[entry.name] = entry.type.tz is None
        elif pa.types.is_date(entry.type):
            typed[entry.name] = False
    return source.names, typed, source.hint


def _check_stated(path: Path, spec: ImportSpec, names: tuple[str, ...], hint: str, *, naive: bool) -> None:
    missing = [name for name in ("stamp", "time_column", "time_format", "columns") if not getattr(spec, name)]
    if naive and spec.timezone is None and spec.stamp != "session_date":
        missing.append("timezone")
    if missing:
        options = "; ".join(_OPTIONS[name] for name in missing)
        columns = ", ".join(repr(name) for name in names)
        raise ImportFailed(
            f"{path.name}: not everything is stated. State {options}. Or state --preset NAME (argus inventory presets "
            f"lists them). The file's columns are: {columns}.{hint}"
        )


def measured_interval(path: Path, spec: ImportSpec) -> int:
    """Length of a bar: the smallest spacing of the file's stamps, if every other is a whole multiple of it.

    Raises
    ------
    ImportFailed
        If the file has fewer than three different stamps, or spacings that are no multiples: then state the length.
    """
    import numpy as np

    from argus.data.importing import interval_label, read_raw
    from argus.data.sources import open_source

    of_format = open_source(path, delimiter=spec.delimiter, encoding=spec.encoding, header=spec.header).interval_ns
    if of_format is not None:
        return of_format
    columns = {"close": (spec.columns or {}).get("close", "close")}
    # Sorted and compared: numpy.unique hashes every stamp, which takes thirty times as long.
    stamps = np.sort(read_raw(path, replace(spec, columns=columns, interval_ns=1)).ts_event_ns)
    stamps = stamps[np.diff(stamps, prepend=stamps[:1] - 1) > 0]
    if len(stamps) < 3:
        raise ImportFailed(
            f"{path.name}: {len(stamps)} different stamps are too few to measure; state {_OPTIONS['interval_ns']}"
        )
    spacings = np.unique(np.diff(stamps))
    smallest = int(spacings[0])
    odd = spacings[spacings % smallest != 0]
    if len(odd):
        raise ImportFailed(
            f"{path.name}: the smallest spacing of its stamps is {interval_label(smallest)}, but {len(odd)} others are "
            f"no whole multiple of it (such as {interval_label(int(odd[0]))}); state {_OPTIONS['interval_ns']}"
        )
    return smallest


def import_file(
    catalog: Catalog, path: Path, stated: FileStatement, *, replace_rows: bool = False, strict: bool = False
) -> tuple[ImportReport, tuple[str, ...]]:
    """Import a file into the catalog; bad rows go to its quarantine.

    Raises
    ------
    ImportFailed
        If the file cannot be read as stated.
    CatalogError
        If another writer holds the catalog, or it cannot be written.
    """
    from argus.data.importing import import_bars

    spec, said = complete_statement(path, stated)
    return import_bars(catalog, path, spec, replace_rows=replace_rows, strict=strict), said


def quarantine_examples(catalog: Catalog, report: ImportReport) -> list[str]:
    """The first row of each reason for which this import put rows into quarantine, in a sentence each."""
    if report.already_imported or not report.rows_quarantined:
        return []
    rows = reversed(catalog.quarantined(report.dataset))
    first: dict[str, str] = {row.reason: row.message for row in rows if row.reason in report.quarantined}
    return [first[reason] for reason in report.quarantined if reason in first]


def list_datasets(catalog: Catalog) -> list[DatasetInfo]:
    """All datasets of a catalog, by name."""
    return catalog.datasets()


def check_dataset(catalog: Catalog, name: str) -> DatasetCheck:
    """Verify a dataset's content, run the gates over it and count what it holds back.

    Raises
    ------
    CatalogError
        If the dataset is missing or damaged.
    """
    from argus.data import check

    return check(catalog, name)


def export_dataset(catalog: Catalog, name: str, path: Path) -> Exported:
    """Write a dataset to a CSV or Parquet file that imports back to the same content hash.

    Raises
    ------
    DataError
        If the file's name ends in neither ``.csv`` nor ``.parquet``.
    CatalogError
        If the dataset is missing or damaged, or the file cannot be written.
    """
    from argus.data import export

    return export(catalog, name, path)


def sql_rows(catalog: Catalog, question: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Column names and rows of the answer to one SQL question.

    Raises
    ------
    DataError
        If it is not one question, or it cannot be answered; with the database's own words.
    """
    from argus.data.sql import query

    answer = query(catalog, question)
    columns = [column.to_pylist() for column in answer.columns]
    return tuple(answer.column_names), list(zip(*columns, strict=True))


@dataclass(frozen=True, slots=True)
class SyntheticWritten:
    """A synthetic market in the catalog.

    Attributes
    ----------
    dataset : str
    rows : int
    changed : bool
        False if it was there already.
    truth : str
        What is true of it, in one sentence.
    """

    dataset: str
    rows: int
    changed: bool
    truth: str


def synthetic_spec(
    instrument: str,
    *,
    interval_ns: int,
    start: date,
    sessions: int,
    seed: int,
    edge: str | None = None,
    sharpe: float | None = None,
    lookback: int | None = None,
) -> SyntheticSpec:
    """Specification of a synthetic market; a planted edge needs its Sharpe ratio, and the other way round.

    Raises
    ------
    ConfigError
        If one of the two is missing, or a value is out of range.
    """
    from argus.data.synthetic import Edge, SyntheticSpec

    if (edge is None) != (sharpe is None):
        raise ConfigError(
            "a planted edge is stated by --edge and --sharpe together; leave both out for a market without one"
        )
    if edge is None and lookback is not None:
        raise ConfigError("--lookback belongs to a planted edge; state --edge and --sharpe with it")
    planted = None
    if edge is not None and sharpe is not None:
        own = {} if lookback is None else {"lookback": lookback}
        planted = Edge(edge, sharpe, **own)  # type: ignore[arg-type]
    return SyntheticSpec(
        instrument,
        interval_ns=interval_ns,
        start=start,
        sessions=sessions,
        seed=seed,
        name=_market_name(edge),
        edge=planted,
    )


def _market_name(edge: str | None) -> str:
    return "no edge" if edge is None else edge


def write_synthetic(catalog: Catalog, spec: SyntheticSpec) -> SyntheticWritten:
    """Make a synthetic market and write it to the catalog under the contract name ``SYNTH<seed>``.

    The contract name keeps it apart from real prices of the same instrument for good, and its notes say what it is.

    Raises
    ------
    ConfigError, DataError
        If the market is impossible.
    CatalogError
        If the catalog holds another synthetic market under that name, or cannot be written.
    """
    import hashlib

    from argus.core.time import NS_PER_DAY
    from argus.data.catalog import SourceRecord
    from argus.data.synthetic import generate

    bars = generate(spec)
    statement = {name: _plain(getattr(spec, name)) for name in spec.__dataclass_fields__}
    digest = hashlib.sha256(repr(sorted(statement.items())).encode()).hexdigest()
    source = SourceRecord(
        name=f"synthetic market, seed {spec.seed}",
        sha256=bars.content_hash,
        fingerprint=digest,
        statement=statement,
        rows_read=len(bars),
    )
    truth = (
        "no edge: the price is a martingale"
        if spec.edge is None
        else f"planted edge: {spec.edge.kind}, true annual Sharpe ratio {spec.edge.sharpe:g} for its reference rule"
    )
    written = catalog.write(
        bars,
        None if spec.interval_ns == NS_PER_DAY else spec.interval_ns,
        source,
        contract=f"SYNTH{spec.seed}",
        notes=(f"synthetic: nobody traded at these prices; {truth}; seed {spec.seed}",),
    )
    return SyntheticWritten(written.name, len(bars), written.changed, truth)


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return value if isinstance(value, int | float | str | bool | None) else str(value)


def parse_pairs(pairs: Sequence[str], option: str) -> dict[str, str]:
    """``["open=Open", ...]`` as a mapping.

    Raises
    ------
    ConfigError
        For text without ``=``, or a name that is given twice.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name or not value:
            raise ConfigError(f"{option} is {pair!r}; write {option} NAME=VALUE")
        if name in found:
            raise ConfigError(f"{option} names {name!r} twice ({found[name]!r} and {value!r}); keep one")
        found[name] = value
    return found


_UNITS: Final[Mapping[str, int]] = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}


def parse_duration(text: str, option: str) -> int:
    """Nanoseconds of ``1h``, ``5m``, ``90s``, ``250ms``.

    Raises
    ------
    ConfigError
        For anything else; a day is no fixed duration, because sessions differ.
    """
    digits = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = text[len(digits) :]
    if not digits.isdigit() or unit not in _UNITS:
        hint = " A daily bar covers a session: state --stamp session_date and no interval." if unit == "d" else ""
        raise ConfigError(f"{option} is {text!r}; write a whole number and a unit, such as 30s, 5m or 1h.{hint}")
    return int(digits) * _UNITS[unit]


def parse_session_interval(text: str, option: str) -> int:
    """Like `parse_duration`, and ``1d`` for one bar a session."""
    from argus.core.time import NS_PER_DAY

    return NS_PER_DAY if text == "1d" else parse_duration(text, option)


def parse_date(text: str, option: str) -> date:
    """An ISO date.

    Raises
    ------
    ConfigError
        Naming the option.
    """
    from datetime import date

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{option} is {text!r}; write a date such as 2024-03-01") from None


def session_gaps(found: DatasetCheck) -> list[dict[str, Any]]:
    """Sessions that lack expected bars, the least complete first, then by date."""
    from argus.core.time import day_of

    table = found.inspection.completeness
    rows = [
        {
            "session": day_of(int(table.session[at])).isoformat(),
            "expected": int(table.expected[at]),
            "present": int(table.present[at]),
            "missing": int(table.missing[at]),
            "extra": int(table.extra[at]),
        }
        for at in range(len(table.session))
        if table.missing[at] > 0
    ]
    return sorted(rows, key=lambda row: (row["present"] / row["expected"], row["session"]))


def import_command(path: Path, spec: ImportSpec) -> str:
    """The command that imports a file under a statement."""
    import shlex

    words = ["argus", "data", "import", str(path), "--instrument", spec.instrument]
    for option, value in (
        ("--stamp", spec.stamp),
        ("--time-column", spec.time_column),
        ("--time-format", spec.time_format),
        ("--timezone", spec.timezone),
        ("--interval", None if spec.interval_ns is None else spec.interval),
        ("--contract", spec.contract),
        ("--contract-column", spec.contract_column),
        ("--delay", f"{spec.delay_ns}ns" if spec.delay_ns else None),
    ):
        words += [] if value is None else [option, value]
    for name, column in (spec.columns or {}).items():
        words += [] if name == column else ["--column", f"{name}={column}"]
    for name, value in spec.where.items():
        words += ["--where", f"{name}={value}"]
    for note in spec.notes:
        words += ["--note", note]
    return shlex.join(words)
