"""From a file of option quotes, and what you state about it, to checked chains in the catalog.

The road is that of bars (`argus.data.importing`): columns, stamps and zones are stated and never guessed, a row that
cannot be read or cannot be true goes to quarantine with its line, its reason and its original, and the same import
twice changes nothing. Two things are particular to options. A contract is named by a symbol, or by root, expiry, right
and strike, or by both; where both are delivered they must agree. And its expiry becomes an instant by the exchange's
rule for its root (`argus.data.option_expiries`), so that a day on which options settle at the open is not a day longer
than it was. A file whose rows name a futures contract, or that is said to be on one, holds options on futures: those
go by the rules of the exchange's product codes (`argus.data.future_options`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I64_1D
from argus.core.chains import CHAIN_COLUMNS, CHAIN_NUMBERS, ChainSnapshots
from argus.core.errors import ConfigError, DataError, ImportFailed
from argus.data._catalog_records import SourceRecord
from argus.data._catalog_report import ImportReport, report_of, report_of_earlier
from argus.data._catalog_statement import listed
from argus.data._chain_columns import CONTRACT_FIELDS, chain_times, contract_columns
from argus.data._future_chain_columns import future_columns, future_root
from argus.data._quoted_chains import quoted_chains
from argus.data._source_columns import numbers, refuse_misread
from argus.data.chain_quality import ChainInspection, ChainLimits, ChainReason, inspect_chain, row_text
from argus.data.chain_store import ChainStore
from argus.data.future_options import FUTURE_OPTION_RULES, exchange_day, future_option_days, products_on
from argus.data.importing import rows_where, written_ns
from argus.data.quarantine import reason_code
from argus.data.raw import Rejection, SourceTable
from argus.data.sources import open_source

__all__ = [
    "CHAIN_PRESETS",
    "ChainSpec",
    "ChainsRead",
    "chain_preset",
    "future_root",
    "import_chains",
    "preset_columns",
    "read_chain_file",
]

STAMPS: Final = ("instant", "session_close")
_OBSERVED: Final = tuple(name for name in CHAIN_NUMBERS if name != "strike")
_FIELDS: Final = (*CONTRACT_FIELDS, *_OBSERVED)
_STEPS_MIN: Final = 100.0
"""Steps between strikes that lie below the price of a future; of a share there are few of so wide ones."""
_NOT_UNREADABLE: Final = ("no_session", "symbol_mismatch", "no_expiry", "no_definition", "bad_definition")


@dataclass(frozen=True, slots=True)
class ChainSpec:
    """What is stated about a file of option quotes.

    Attributes
    ----------
    underlying : str
        Symbol of the underlying that all rows are about; the root of the futures (``ES``) of options on futures.
    series : str
        Name under which the chains are kept: one for each vendor and kind of snapshot.
    columns : mapping
        Field to the file's column. A contract is ``symbol``, or ``expiry``, ``right`` and ``strike`` with ``root``
        where it is not the underlying's symbol; or all of them. Where ``underlying`` is a column too, a row that names
        another one is not taken. Options on futures have the futures contract as ``future`` (``ESH4``, ``ES.202403``),
        the exchange's product code as ``root`` or a ``symbol`` such as ``EW1F4 P4700``, and a ``strike`` in any case;
        with a symbol, an ``expiry`` is not needed. Beside it any of ``underlying_price``, ``bid``,
        ``ask``, ``last``, ``bid_size``, ``ask_size``, ``volume``, ``open_interest``, ``vendor_iv``, ``vendor_delta``
        and ``vendor_gamma``; ``bid`` and ``ask`` are required.
    time_column : str
        When the quotes were made.
    time_format, timezone
        As in `argus.data.importing.ImportSpec`.
    stamp : str
        ``instant``, or ``session_close`` where the column is a session date and the quotes are those of its close.
    expiry_format : str
        Of the expiry column: ``iso``, ``datetime`` for a typed date, or a pattern such as ``%m/%d/%Y``.
    delay_ns : int
        How long after the quotes the vendor delivers them.
    zero_is_none : tuple of str
        Fields in which this vendor writes 0 for what it does not have.
    placeholders : mapping
        Field to another number that this vendor writes there for what it does not have.
    future : str or None
        The one futures contract that all rows are on, where no column says it.
    at_open : bool or None
        Whether the contracts settle on the open, where roots do not tell (see `canonical_roots`).
    definitions : Path or None
        Databento's file of definitions, where the file itself is one of top-of-book quotes by Databento: neither
        columns nor stamps are stated then.
    every_ns : int or None
        Of such a file a snapshot is taken at every multiple of this; None takes one, at its last quote.
    delimiter, encoding, where, notes
        As in `argus.data.importing.ImportSpec`.
    may_lack : tuple of str
        Fields whose column the file may be without: those that a preset names and nobody needs.
    """

    underlying: str
    series: str = "main"
    columns: Mapping[str, str] = field(default_factory=dict)
    time_column: str | None = None
    time_format: str = "iso"
    timezone: str | None = None
    stamp: str | None = None
    expiry_format: str = "iso"
    delay_ns: int = 0
    zero_is_none: tuple[str, ...] = ()
    placeholders: Mapping[str, float] = field(default_factory=dict)
    future: str | None = None
    at_open: bool | None = None
    definitions: Path | None = None
    every_ns: int | None = None
    delimiter: str = ","
    encoding: str = "utf-8"
    where: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    may_lack: tuple[str, ...] = ()

    def describe(self) -> dict[str, Any]:
        """The statement as plain values, for the manifest."""
        own = replace(self, columns=dict(self.columns), where=dict(self.where), placeholders=dict(self.placeholders))
        plain = asdict(own)
        del plain["may_lack"]
        # A statement that says nothing of them is the one that it was before they could be stated.
        for name in ("future", "definitions", "every_ns"):
            if plain[name] is None:
                del plain[name]
        if self.definitions is not None:
            try:
                plain["definitions"] = hashlib.sha256(self.definitions.read_bytes()).hexdigest()
            except OSError as error:
                raise ImportFailed(f"{self.definitions} cannot be read: {error.strerror}") from None
        return plain | {"zero_is_none": list(self.zero_is_none), "notes": list(self.notes)}

    @property
    def is_on_futures(self) -> bool:
        """Whether the options are on futures."""
        return self.future is not None or "future" in self.columns

    @property
    def fingerprint(self) -> str:
        """Hash of the statement: the same file under another statement is another import."""
        return hashlib.sha256(json.dumps(self.describe(), sort_keys=True).encode()).hexdigest()


_SAME: Final = {name: name for name in _OBSERVED}

CHAIN_PRESETS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "spx_eod_2019": {
            "series": "eod",
            "columns": {"symbol": "optionroot", "expiry": "expiration", "right": "type", "strike": "strike"}
            | {"underlying": "underlying"}
            | {"underlying_price": "underlying_last", "bid": "bid", "ask": "ask", "last": "last", "volume": "volume"}
            | {"open_interest": "openinterest", "vendor_iv": "impliedvol"}
            | {"vendor_delta": "delta", "vendor_gamma": "gamma"},
            "time_column": "quotedate",
            "time_format": "%m/%d/%Y",
            "stamp": "session_close",
            "expiry_format": "%m/%d/%Y",
            "zero_is_none": ("last", "vendor_iv"),
            # Its solver stops at 2 %: in 58 files thousands of volatilities are exactly that, and none lies below.
            "placeholders": {"vendor_iv": 0.02},
        },
        "chain_on_futures": {
            "columns": {"root": "root", "future": "future", "expiry": "expiry", "right": "right", "strike": "strike"}
            | _SAME,
            "time_column": "ts_event_ns",
            "time_format": "ns",
            "stamp": "instant",
        },
        "chain_symbols": {
            "columns": {"symbol": "symbol", **_SAME},
            "time_column": "ts_event_ns",
            "time_format": "ns",
            "stamp": "instant",
        },
    }
)
"""Named statements: end-of-day chains of an index with month/day/year dates (a CSV a day); and our own column names
with OSI symbols, or with the futures that options are on, and counts of nanoseconds."""


def preset_columns(name: str, future: str | None = None) -> dict[str, str]:
    """The columns of a preset; a future that is stated for all rows takes the place of its column of futures."""
    columns = CHAIN_PRESETS.get(name, {}).get("columns", {})
    return {field: column for field, column in columns.items() if field != "future" or future is None}


def chain_preset(name: str, underlying: str, **stated: Any) -> ChainSpec:
    """The statement that a preset stands for, with your own statements over it.

    Raises
    ------
    ConfigError
        If there is no such preset, or a statement is none that can be made.
    """
    if name not in CHAIN_PRESETS:
        raise ConfigError(f"no preset of chains is called {name!r}; there are: {', '.join(CHAIN_PRESETS)}")
    unknown = set(stated) - set(ChainSpec.__dataclass_fields__)
    if unknown:
        raise ConfigError(f"preset {name}: {', '.join(sorted(unknown))} is nothing that can be stated about a file")
    preset = preset_columns(name, stated.get("future"))
    form = {**CHAIN_PRESETS[name], "columns": preset, **stated}
    optional = (one for one in _OBSERVED if one not in ("bid", "ask") and form["columns"].get(one) == preset.get(one))
    return ChainSpec(underlying, **{"may_lack": tuple(optional), **form})


@dataclass(frozen=True, slots=True, eq=False)
class ChainsRead:
    """Chains of a file, and what was in it that is none.

    Attributes
    ----------
    chain : ChainSnapshots
    inspection : ChainInspection
        What the gates found in the rows that could be read.
    quarantined : tuple of Rejection
        In the order of the file.
    rows_read : int
    source, source_sha256 : str
    original : callable
        Row of `chain` to its rejection, for a reason and a sentence.
    notes : tuple of str
        What a reader of results must know.
    """

    chain: ChainSnapshots
    inspection: ChainInspection
    quarantined: tuple[Rejection, ...]
    rows_read: int
    source: str
    source_sha256: str
    table: SourceTable = field(repr=False)
    rows: I64_1D = field(repr=False)
    notes: tuple[str, ...] = ()

    def rejection(self, row: int, reason: str, why: str) -> Rejection:
        """A row of the chain as one that was not taken."""
        at = int(self.rows[row])
        line = int(self.table.source_line[at])
        columns = {name: getattr(self.chain, name) for name in CHAIN_COLUMNS}
        message = f"line {line}, {row_text(columns, self.chain.roots, row)}: {why}"
        return Rejection(line, reason, message, self.table.original(at))


def read_chain_file(
    path: Path,
    spec: ChainSpec,
    *,
    limits: ChainLimits | None = None,
    now_ns: int | None = None,
    before: ChainSnapshots | None = None,
) -> ChainsRead:
    """Chains of a text or Parquet file.

    Parameters
    ----------
    path : Path
    spec : ChainSpec
    limits : ChainLimits, optional
    now_ns : int, optional
        A snapshot that is known later is quarantined; by default the time at which the file was last written.
    before : ChainSnapshots, optional
        The snapshot before these, to tell copies and missing expiries.

    Raises
    ------
    ImportFailed
        If a statement is missing or the file contradicts it, more than a tenth of the rows cannot be read as stated
        (then the statement is wrong, not the rows), or no row can be used.
    """
    said: list[str] = []
    if spec.definitions is None and spec.every_ns is not None:
        raise ImportFailed(f"{path.name}: every_ns is stated, and no definitions: it is for a stream of quotes")
    if spec.definitions is not None:
        stated = [name for name in ("columns", "time_column", "stamp", "where", "future") if getattr(spec, name)]
        if stated:
            raise ImportFailed(f"{path.name}: {stated[0]} is stated, and the definitions say all of it; leave it out")
        quotes = quoted_chains(path, spec.definitions, spec.underlying, every_ns=spec.every_ns)
        table, columns, roots, rejected = quotes.table, quotes.columns, quotes.roots, quotes.rejected
        said += quotes.notes
        columns["ts_recv_ns"] = columns["ts_recv_ns"] + spec.delay_ns
    else:
        spec, table = _stated_table(path, spec)
        columns, roots, rejected = _columns(table, spec, said)
        _check_share(table, rejected)
    usable = np.ones(table.frame.height, np.bool_)
    usable[list(rejected)] = False
    rows = np.flatnonzero(usable)
    columns = {name: np.ascontiguousarray(column[rows]) for name, column in columns.items()}
    limit_ns = written_ns(path) if now_ns is None else now_ns
    found = inspect_chain(columns, roots, limits or ChainLimits(), now_ns=limit_ns, before=before)
    for row in np.flatnonzero(found.fatal).tolist():
        at = int(rows[row])
        rejected[at] = _gated(table, at, columns, roots, row, ChainReason(int(found.reasons[row])))
    every = [*table.rejected, *rejected.values()]
    quarantined = tuple(sorted(every, key=lambda rejection: rejection.source_line))
    rows_read = table.frame.height + len(table.rejected)
    if not len(found.kept):
        first = f"; the first: {quarantined[0].message}" if quarantined else ""
        raise ImportFailed(f"{path.name}: none of {rows_read} rows can be used{first}")
    chain = _chain(columns, roots, found.kept, spec.underlying)
    notes = [*spec.notes, *said, *(suspicion.message for suspicion in table.suspicions), *found.notes]
    if not spec.delay_ns and spec.definitions is None:
        notes.append("when the vendor delivered the chains is not stated; they count as known when they were quoted")
    return ChainsRead(
        chain, found, quarantined, rows_read, table.name, table.sha256, table, rows[found.kept], tuple(notes)
    )


def _stated_table(path: Path, spec: ChainSpec) -> tuple[ChainSpec, SourceTable]:
    """The columns that a statement names, and the statement without those that the file may lack."""
    source = open_source(path, delimiter=spec.delimiter, encoding=spec.encoding)
    there = {name: at for name, at in spec.columns.items() if name not in spec.may_lack or at in source.names}
    spec = replace(spec, columns=there)
    _check_statement(source.names, path.name, spec)
    assert spec.time_column is not None
    table = source.table(list(dict.fromkeys([spec.time_column, *spec.columns.values(), *spec.where])))
    if spec.where:
        table = rows_where(table, spec.where)
    return spec, table


def import_chains(
    store: ChainStore,
    path: Path,
    spec: ChainSpec,
    *,
    limits: ChainLimits | None = None,
    now_ns: int | None = None,
    replace_rows: bool = False,
) -> ImportReport:
    """Import a file into the catalog: good rows to the series, bad rows to quarantine, or nothing at all.

    Parameters as for `read_chain_file`; with `replace_rows`, a row that contradicts the catalog takes the place of what
    is there, instead of going to quarantine.

    Raises
    ------
    ImportFailed
        If the file cannot be read as stated, or no row of it can be used.
    CatalogError
        If the catalog is held by another writer, damaged, or the disk is full.
    """
    name = f"{spec.underlying}/{spec.series}"
    if not replace_rows and (before := _imported_before(store, name, path, spec.fingerprint)):
        return before
    read = read_chain_file(path, spec, limits=limits, now_ns=now_ns)
    record = SourceRecord(
        name=read.source,
        sha256=read.source_sha256,
        fingerprint=spec.fingerprint,
        statement=spec.describe(),
        rows_read=read.rows_read,
        warnings=read.inspection.warnings,
    )
    why = f"contradicts what {name} has from an earlier import; import with replace to let this file win"
    written = store.write(
        read.chain,
        spec.series,
        record,
        replace_rows=replace_rows,
        notes=read.notes,
        quarantine=read.quarantined,
        reject=lambda rows: [read.rejection(int(row), "conflict", why) for row in rows],
    )
    return report_of(store.manifest(name), record, written, read.quarantined, read.notes, rows_are="snapshots")


def _check_statement(names: tuple[str, ...], source: str, spec: ChainSpec) -> None:
    """Raise `ImportFailed` with everything that is missing from or wrong with the statement."""
    wrong = [f"columns names {name!r}, which is no field of an option" for name in spec.columns if name not in _FIELDS]
    wrong += [f"zero_is_none names {name!r}, which is no number" for name in spec.zero_is_none if name not in _OBSERVED]
    wrong += [f"placeholders names {name!r}, which is no number" for name in spec.placeholders if name not in _OBSERVED]
    wrong += [f"columns states no {name!r}" for name in ("bid", "ask") if name not in spec.columns]
    wrong += _faults_on_futures(spec) if spec.is_on_futures else []
    if "symbol" not in spec.columns:
        wrong += [
            f"columns states no {name!r}, nor a 'symbol' that says it"
            for name in ("expiry", "right", "strike")
            if name not in spec.columns
        ]
    if spec.time_column is None:
        wrong.append("time_column is not stated: name the column that says when the quotes were made")
    if spec.stamp not in STAMPS:
        wrong.append(f"stamp is {spec.stamp!r}: state 'instant', or 'session_close' for a session date")
    if spec.delay_ns < 0:
        wrong.append(f"delay_ns is {spec.delay_ns}; a quote cannot be known before it was made")
    stated = {f"columns[{name!r}]": column for name, column in spec.columns.items()}
    stated |= {"time_column": spec.time_column} if spec.time_column is not None else {}
    stated |= {f"where[{column!r}]": column for column in spec.where}
    wrong += [
        f"{label} is stated as {column!r}, which is no column of the file"
        for label, column in stated.items()
        if column not in names
    ]
    if wrong:
        raise ImportFailed(f"{source}: {'; '.join(wrong)}. The file's columns are: {listed(names)}")


def _faults_on_futures(spec: ChainSpec) -> list[str]:
    """What is wrong with a statement about options on futures."""
    products = products_on(spec.underlying)
    if not products:
        roots = dict.fromkeys(rule.underlying for rule in FUTURE_OPTION_RULES.values())
        return [f"no options on futures of {spec.underlying!r} are known; there are those of {', '.join(roots)}"]
    wrong = ["future is stated, and columns states one too"] if spec.future and "future" in spec.columns else []
    if spec.future is not None:
        try:
            root = future_root(spec.future)
            if root != spec.underlying:
                wrong.append(f"--future {spec.future!r} is of {root}, and the file is said to be of {spec.underlying}")
        except DataError as error:
            wrong.append(f"--future {error}")
    if len(products) > 1 and not {"root", "symbol"} & set(spec.columns):
        wrong.append(f"columns states no 'root' that says the product ({', '.join(products)}), nor a 'symbol'")
    if "symbol" in spec.columns and "strike" not in spec.columns:
        wrong.append("columns states no 'strike': symbols of options on futures write it in ways of their own")
    return wrong


def _columns(
    table: SourceTable, spec: ChainSpec, notes: list[str]
) -> tuple[dict[str, NDArray[Any]], tuple[str, ...], dict[int, Rejection]]:
    """(columns of a chain, roots, rows that cannot be read as stated)."""
    rejected: dict[int, Rejection] = {}
    if spec.is_on_futures:
        times = chain_times(table, spec, rejected)
        columns, roots = future_columns(table, spec, times["ts_event_ns"], rejected, notes)
    else:
        columns, roots = contract_columns(table, spec, rejected)
        if "symbol" not in spec.columns:
            notes += _notes_of_codes(spec.underlying, roots, columns)
        times = chain_times(table, spec, rejected)
    columns |= times
    for name in _OBSERVED:
        if name in spec.columns:
            values = numbers(table, spec.columns[name], rejected)
            nothing = [0.0] * (name in spec.zero_is_none) + [spec.placeholders.get(name, np.nan)]
            columns[name] = np.where(np.isin(values, nothing), np.nan, values)
        else:
            columns[name] = np.full(table.frame.height, np.nan)
    return columns, roots, rejected


def _notes_of_codes(underlying: str, roots: tuple[str, ...], columns: Mapping[str, NDArray[Any]]) -> list[str]:
    """How to name the future, where roots that were taken for options on a share are codes of options on futures.

    Such options have no OSI symbols. ``ES`` alone is also the root of a share's own options: what they are is told by
    days and strikes.
    """
    codes = [root for root in roots if root in products_on(underlying)]
    if underlying in codes:
        own = columns["root"] == roots.index(underlying)
        if not _is_listed(underlying, columns["expiry_ns"][own], columns["strike"][own]):
            codes.remove(underlying)
    if not codes:
        return []
    return [
        f"{', '.join(codes)}: the exchange's code of options on futures of {underlying}, read as options on a share "
        "here, as the file names no future; if they are on futures, name the contract: --column future=NAME, or "
        "--future for one of all rows"
    ]


def _is_listed(code: str, expiry_ns: I64_1D, strike: F64_1D) -> bool:
    """Whether all contracts end when options of a product do, and stand as high in steps of its strikes."""
    days = [exchange_day(ns) for ns in np.unique(expiry_ns[expiry_ns > 0]).tolist()]
    is_high = np.nanmedian(strike) >= _STEPS_MIN * FUTURE_OPTION_RULES[code].strike_step
    return bool(is_high) and all(day in future_option_days(code, day) for day in days)


def _check_share(table: SourceTable, rejected: Mapping[int, Rejection]) -> None:
    """Refuse a file most of whose bad rows come from reading it wrongly."""
    unreadable = [one for one in rejected.values() if one.reason not in _NOT_UNREADABLE]
    unreadable += list(table.rejected)
    total = table.frame.height + len(table.rejected)
    refuse_misread(table.name, unreadable, total)


def _gated(
    table: SourceTable, at: int, columns: Mapping[str, Any], roots: tuple[str, ...], row: int, reasons: ChainReason
) -> Rejection:
    code = reason_code(reasons)
    line = int(table.source_line[at])
    message = f"line {line}, {row_text(columns, roots, row)}: {code.replace('_', ' ')}"
    return Rejection(line, code, message, table.original(at))


def _chain(columns: Mapping[str, Any], roots: tuple[str, ...], kept: I64_1D, underlying: str) -> ChainSnapshots:
    """The kept rows; roots that none of them has are left out."""
    cut = {name: np.ascontiguousarray(columns[name][kept]) for name in CHAIN_COLUMNS}
    used, codes = np.unique(cut["root"], return_inverse=True)
    cut["root"] = codes.astype(np.int16)
    return ChainSnapshots(underlying, tuple(roots[int(one)] for one in used), **cut)


def _imported_before(store: ChainStore, name: str, path: Path, fingerprint: str) -> ImportReport | None:
    """The report of this very import, if it was made before and could not turn out otherwise now."""
    held = next((one for one in store.manifests() if one.name == name), None)
    if held is None or not path.is_file():
        return None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return report_of_earlier(held, path.name, digest, fingerprint, rows_are="snapshots")
