"""A vendor's file that holds many contracts of a root, imported in one go: each contract a dataset of its own.

The file is read once. Every row goes to the contract that its row names, by delivery month (``202403``) or by the
exchange's short name (``ESH4``, ``ESH24``, ``ESH2024``). A short name with one digit of the year comes round every ten
years: a row belongs to the nearest such delivery month that had not ended when its bar began. What names no single
contract of the root (spreads, other roots, nothing at all) is counted by name and left out; a contract that cannot be
imported is told with the reason and does not stop the others. Where every row went adds up to the rows of the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np

from argus.core.arrays import I64_1D
from argus.core.errors import DataError, ImportFailed, InstrumentError
from argus.core.instruments import MONTH_LETTERS, InstrumentSpec, instrument
from argus.core.time import NS_PER_DAY, day_number
from argus.data._catalog_report import ImportReport
from argus.data._catalog_statement import ImportSpec, check_statement, listed
from argus.data.catalog import Catalog
from argus.data.importing import import_raw, raw_from_table, rows_where, written_ns
from argus.data.raw import RawBars, SourceTable
from argus.data.sources import open_source

__all__ = ["ContractImport", "FileImport", "LeftOut", "import_contract_file", "most_held"]

_MONTH: Final = re.compile(r"(?P<year>\d{4})(?P<month>0[1-9]|1[0-2])(?:00)?")
_YYYYMM: Final = 6
_CENTURY_TURN: Final = 70
"""Years of two digits from here on are of the twentieth century."""


@dataclass(frozen=True, slots=True)
class ContractImport:
    """What became of the rows of one contract.

    Attributes
    ----------
    contract : str
        Delivery month, such as ``202403``.
    named : str
        As the file names it.
    rows : int
    report : ImportReport or None
        None if it could not be imported.
    error : str
        Why not; empty if it could.
    """

    contract: str
    named: str
    rows: int
    report: ImportReport | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Rows of a name that is no single contract of the root."""

    named: str
    rows: int
    why: str


@dataclass(frozen=True, slots=True)
class FileImport:
    """What became of a file of many contracts.

    Attributes
    ----------
    source : str
    rows : int
        Of the file, after the statement's conditions; lines that could not be read at all among them.
    contracts : tuple of ContractImport
        By delivery month.
    left_out : tuple of LeftOut
    """

    source: str
    rows: int
    contracts: tuple[ContractImport, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def failed(self) -> tuple[ContractImport, ...]:
        """Contracts that could not be imported."""
        return tuple(one for one in self.contracts if one.report is None)

    @property
    def rows_quarantined(self) -> int:
        """Rows that this import put into quarantine."""
        return sum(
            one.report.rows_quarantined for one in self.contracts if one.report and not one.report.already_imported
        )

    def lines(self) -> list[str]:
        """The report for people, a sentence a line."""
        told = []
        for one in self.contracts:
            if one.report is None:
                told.append(f"{one.named}: NOT imported, {one.rows:,} rows: {one.error}")
            elif one.report.already_imported:
                told.append(f"{one.named} -> {one.report.dataset}: already imported, nothing was changed")
            else:
                told.append(
                    f"{one.named} -> {one.report.dataset}: {one.rows:,} rows, {one.report.rows_imported:,} imported, "
                    f"{one.report.rows_present:,} already there, {one.report.rows_quarantined:,} quarantined"
                )
        told += [f"{one.named}: left out, {one.rows:,} rows: {one.why}" for one in self.left_out]
        done, beside = len(self.contracts) - len(self.failed), sum(one.rows for one in self.left_out)
        told.append(
            f"{self.source}: {self.rows:,} rows; {done} of {len(self.contracts)} contracts are in the catalog, "
            f"{beside:,} rows name no contract of the root"
        )
        return told

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "source": self.source,
            "rows": self.rows,
            "contracts": [
                {
                    "contract": one.contract,
                    "named": one.named,
                    "rows": one.rows,
                    "error": one.error or None,
                    "report": None if one.report is None else one.report.as_dict(),
                }
                for one in self.contracts
            ],
            "left_out": [{"named": one.named, "rows": one.rows, "why": one.why} for one in self.left_out],
            "failed": len(self.failed),
            "rows_quarantined": self.rows_quarantined,
        }


def import_contract_file(
    catalog: Catalog,
    path: Path,
    spec: ImportSpec,
    *,
    product: InstrumentSpec | None = None,
    strict: bool = False,
    replace_rows: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
) -> FileImport:
    """Import every contract of a file, each whole or not at all; after a kill the same call goes on where it stopped.

    Parameters
    ----------
    catalog : Catalog
    path : Path
    spec : ImportSpec
        Its `contract_column` names the contract of each row; `contract` is not used.
    product : InstrumentSpec, optional
        The root, where it is not one of the package's own file.
    strict, replace_rows
        As `argus.data.importing.import_bars`.
    progress : callable or None
        Told how many names are done, of how many, and the next one.

    Raises
    ------
    ImportFailed
        If the file cannot be read as stated, or names no contract of the root.
    CatalogError
        If the catalog is held by another writer, damaged, or the disk is full.
    """
    product = instrument(spec.instrument) if product is None else product
    spec = replace(spec, contract=None)
    table, column = _table(path, spec)
    names, rows_of = _by_name(table, column)
    found: list[ContractImport] = []
    left: list[LeftOut] = []
    # Lines that could not even be divided into columns name nothing: they are quarantined once, with the contract that
    # most rows have.
    most = _most(names, rows_of, spec.instrument)
    how = {"product": product, "strict": strict, "replace_rows": replace_rows, "now_ns": written_ns(path)}
    for number, name in enumerate(names):
        if progress is not None:
            progress(number, len(names), name)
        rows = rows_of[name]
        why = _no_contract(name, spec.instrument)
        if why:
            left.append(LeftOut(name or "(empty)", len(rows), why))
            continue
        own = replace(table.take(rows), rejected=table.rejected if name == most else ())
        found += _imported(catalog, own, name, spec, how)
    if progress is not None:
        progress(len(names), len(names), "")
    if not found:
        raise ImportFailed(
            f"{path.name}: column {column!r} names no contract of {spec.instrument}; it holds {listed(names)}, and "
            f"{spec.instrument}.202403 would be 202403 or {spec.instrument}H4"
        )
    count = table.frame.height + len(table.rejected)
    return FileImport(path.name, count, tuple(sorted(found, key=lambda one: (one.contract, one.named))), tuple(left))


def most_held(path: Path, spec: ImportSpec) -> str:
    """The name in the file's column of contracts that most rows have: what is measured on a file is measured there.

    Raises
    ------
    ImportFailed
        If there is no such column, or it names no contract of the root.
    """
    source = open_source(path, delimiter=spec.delimiter, encoding=spec.encoding, header=spec.header)
    column = spec.contract_column
    if column is None or column not in source.names:
        raise ImportFailed(
            f"{path.name}: the column that names the contract of each row is stated as {column!r}; state one of the "
            f"file's columns: {listed(source.names)}"
        )
    names, rows_of = _by_name(source.table([column]), column)
    most = _most(names, rows_of, spec.instrument)
    if not most:
        raise ImportFailed(
            f"{path.name}: column {column!r} names no contract of {spec.instrument}; it holds {listed(names)}"
        )
    return most


def _table(path: Path, spec: ImportSpec) -> tuple[SourceTable, str]:
    source = open_source(path, delimiter=spec.delimiter, encoding=spec.encoding, header=spec.header)
    # Which contract to read is left open here and is not missing.
    check_statement(source, replace(spec, contract=""))
    assert spec.columns is not None
    assert spec.time_column is not None
    assert spec.contract_column is not None
    wanted = [spec.time_column, *spec.columns.values(), *spec.where, spec.contract_column]
    table = source.table(list(dict.fromkeys(wanted)))
    return (rows_where(table, dict(spec.where)) if spec.where else table), spec.contract_column


def _by_name(table: SourceTable, column: str) -> tuple[tuple[str, ...], dict[str, I64_1D]]:
    """(names in order, name to its rows); rows without a name are under the empty one."""
    import polars as pl

    texts = table.frame[column].cast(pl.String).fill_null("").str.strip_chars().to_numpy().astype(str)
    names, inverse = np.unique(texts, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(inverse, minlength=len(names)))[:-1])
    told = tuple(str(name) for name in names)
    return told, dict(zip(told, parts, strict=True))


def _most(names: Sequence[str], rows_of: Mapping[str, I64_1D], root: str) -> str:
    """The contract that most rows name; empty if there is none."""
    return max(((len(rows_of[name]), name) for name in names if not _no_contract(name, root)), default=(0, ""))[1]


def _short(root: str) -> re.Pattern[str]:
    return re.compile(rf"{re.escape(root)}(?P<letter>[{MONTH_LETTERS}])(?P<year>\d{{4}}|\d{{1,2}})")


def _no_contract(name: str, root: str) -> str:
    """Why a name is no single contract of the root; empty if it is one."""
    if _MONTH.fullmatch(name) or _short(root).fullmatch(name):
        return ""
    if not name:
        return "the row names no contract"
    return f"it is no single contract of {root} (a spread, another root, or a name of another kind)"


def _imported(
    catalog: Catalog, table: SourceTable, name: str, spec: ImportSpec, how: dict[str, Any]
) -> Iterator[ContractImport]:
    """Import the rows of one name: one contract, or several where the name came round again."""
    rows = table.frame.height
    own = replace(spec, contract_column=None, where={**spec.where, str(spec.contract_column): name})
    month = _MONTH.fullmatch(name)
    if month:
        # Named as Argus names it, the statement is that of an import of this contract alone.
        own = replace(spec, contract=name) if len(name) == _YYYYMM else replace(own, contract=name[:_YYYYMM])
    try:
        raw = raw_from_table(table, own, how["product"])
    except (ImportFailed, DataError) as error:
        yield ContractImport(own.contract or "", name, rows, None, str(error))
        return
    if month:
        yield _one(catalog, raw, own, name, rows, how)
        return
    months = _months(name, spec.instrument, raw.ts_event_ns)
    for place, contract in enumerate(np.unique(months).tolist()):
        part = raw.take(np.flatnonzero(months == contract))
        # A row that could not be read has no time to tell contracts of one name apart; it stays with the first.
        unread = raw.rejected if place == 0 else ()
        part = replace(part, rejected=unread)
        stated = replace(own, contract=str(contract))
        yield _one(
            catalog, part, stated, name, len(part) + len(unread) - (len(table.rejected) if not place else 0), how
        )
    if not len(months):
        yield ContractImport("", name, rows, None, f"no row can be read; the first: {raw.rejected[0].message}")


def _one(catalog: Catalog, raw: RawBars, spec: ImportSpec, name: str, rows: int, how: dict[str, Any]) -> ContractImport:
    assert spec.contract is not None
    try:
        return ContractImport(spec.contract, name, rows, import_raw(catalog, raw, spec, **how))
    except (ImportFailed, DataError, InstrumentError) as error:
        return ContractImport(spec.contract, name, rows, None, str(error))


def _months(name: str, root: str, ts_event_ns: I64_1D) -> I64_1D:
    """Delivery month (year and month as one number) of each row of a short name."""
    found = _short(root).fullmatch(name)
    assert found is not None
    month, text = MONTH_LETTERS.index(found["letter"]) + 1, found["year"]
    if len(text) == 4:
        return np.full(len(ts_event_ns), int(text) * 100 + month)
    if len(text) == 2:
        year = int(text) + (1900 if int(text) >= _CENTURY_TURN else 2000)
        return np.full(len(ts_event_ns), year * 100 + month)
    if not len(ts_event_ns):
        return np.zeros(0, dtype=np.int64)
    days = ts_event_ns // NS_PER_DAY
    years = range(1960 + int(text), 2200, 10)
    ends = np.array([day_number(date(year + month // 12, month % 12 + 1, 1)) for year in years])
    # A bar of the last session of a month belongs to it; the first day after the month does not.
    at = np.searchsorted(ends, days, side="right")
    return np.array(years)[at] * 100 + month
