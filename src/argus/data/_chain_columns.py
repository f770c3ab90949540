"""The columns of a file of options as contracts and times; a row that names none is rejected and says why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import BOOL_1D, I64_1D
from argus.core.option_symbols import SYMBOL_FAULTS, parse_option_symbols
from argus.core.time import day_of
from argus.data._catalog_stamps import read_dates, read_instants
from argus.data._source_columns import numbers, reject_stamps, shown
from argus.data.calendars import session_table
from argus.data.future_options import FUTURE_OPTION_RULES, products_on
from argus.data.option_expiries import (
    EXPIRY_FAULTS,
    OPTION_RULES,
    canonical_roots,
    closes_of,
    expiries,
    option_rule,
)
from argus.data.raw import Rejection, SourceTable

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "CONTRACT_FIELDS",
    "ChainStatement",
    "chain_times",
    "check_named_underlying",
    "contract_columns",
    "expiry_days",
    "reject_rows",
    "rights_of",
    "texts_of",
]

CONTRACT_FIELDS: Final = ("symbol", "root", "expiry", "right", "strike", "underlying", "future")
"""Fields that name a contract, and what it is on."""

_RIGHTS: Final = {"c": 1, "call": 1, "1": 1, "+1": 1, "p": -1, "put": -1, "-1": -1}
_STRIKE_TOLERANCE: Final = 5e-4  # half a thousandth: a symbol knows no finer strike


class ChainStatement(Protocol):
    """What is read of a `ChainSpec` here."""

    @property
    def underlying(self) -> str: ...
    @property
    def columns(self) -> Mapping[str, str]: ...
    @property
    def time_column(self) -> str | None: ...
    @property
    def time_format(self) -> str: ...
    @property
    def timezone(self) -> str | None: ...
    @property
    def stamp(self) -> str | None: ...
    @property
    def expiry_format(self) -> str: ...
    @property
    def delay_ns(self) -> int: ...
    @property
    def at_open(self) -> bool | None: ...
    @property
    def future(self) -> str | None: ...
    @property
    def is_on_futures(self) -> bool: ...


def reject_rows(
    table: SourceTable,
    rejected: dict[int, Rejection],
    rows: BOOL_1D | I64_1D,
    name: str,
    reason: str,
    why: str,
    *,
    stated: str | None = None,
) -> None:
    """Reject rows for what a column holds, or for what an option `name` stated of all rows.

    A row that is rejected already keeps its first reason.
    """
    index = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
    for row in index.tolist():
        line = int(table.source_line[row])
        found = f"column {name!r}: found {shown(table.frame[name][row])}" if stated is None else f"{name} {stated!r}"
        message = f"line {line}, {found}: {why}"
        rejected.setdefault(row, Rejection(line, reason, message, table.original(row)))


def contract_columns(
    table: SourceTable, spec: ChainStatement, rejected: dict[int, Rejection]
) -> tuple[dict[str, NDArray[Any]], tuple[str, ...]]:
    """(``expiry_ns``, ``root``, ``right``, ``settlement`` and ``strike`` of each row, all roots in order)."""
    n = table.frame.height
    symbol = spec.columns.get("symbol")
    if symbol is not None:
        named = parse_option_symbols(texts_of(table.frame[symbol]))
        for code, why in SYMBOL_FAULTS.items():
            reject_rows(table, rejected, named.fault == code, symbol, "bad_symbol", f"{why}")
        root, day = named.root.astype("U6"), named.expiry_day.astype(np.int64)
        right, strike = named.right.copy(), named.strike.copy()
        _check_agreement(table, spec, rejected, (root, day, right, strike))
    else:
        root = np.full(n, spec.underlying, dtype=f"U{max(6, len(spec.underlying))}")
        if "root" in spec.columns:
            root = np.char.strip(texts_of(table.frame[spec.columns["root"]]))
            reject_rows(table, rejected, np.char.str_len(root) == 0, spec.columns["root"], "bad_symbol", "it is empty")
        day = expiry_days(table, spec, rejected)
        right, strike = rights_of(table, spec, rejected), numbers(table, spec.columns["strike"], rejected)
    root = canonical_roots(root, day, at_open=spec.at_open)
    _check_underlying(table, spec, rejected, root)
    ends = expiries(root, day)
    for code, why in EXPIRY_FAULTS.items():
        reject_rows(table, rejected, ends.fault == code, symbol or spec.columns["expiry"], "no_expiry", why)
    roots, codes = np.unique(root, return_inverse=True)
    columns: dict[str, NDArray[Any]] = {
        "expiry_ns": ends.expiry_ns,
        "root": codes.astype(np.int16),
        "right": right,
        "settlement": ends.settlement,
        "strike": strike,
    }
    return columns, tuple(roots.tolist())


def chain_times(table: SourceTable, spec: ChainStatement, rejected: dict[int, Rejection]) -> dict[str, NDArray[Any]]:
    """``ts_event_ns`` and ``ts_recv_ns`` of each row."""
    assert spec.time_column is not None
    name = spec.time_column
    where = f"{table.name}, column {name!r}"
    is_date = spec.stamp == "session_close"
    read = read_dates if is_date else read_instants
    stamps = read(table.frame[name], spec.time_format, spec.timezone, table.source_line, where)
    reject_stamps(table, name, spec.time_format, stamps, rejected)
    event = _closes(table, spec, stamps.values, stamps.fault == 0, rejected) if is_date else stamps.values
    return {"ts_event_ns": event, "ts_recv_ns": event + spec.delay_ns}


def _closes(
    table: SourceTable, spec: ChainStatement, days: I64_1D, readable: BOOL_1D, rejected: dict[int, Rejection]
) -> I64_1D:
    """Close of each row's session; a date without a session rejects its row.

    Of options on futures it is the settlement of the future, where that is the end of an option of the day.
    """
    assert spec.time_column is not None
    rule = FUTURE_OPTION_RULES[products_on(spec.underlying)[0]] if spec.is_on_futures else option_rule(spec.underlying)
    calendar = rule.calendar
    close = np.zeros(len(days), np.int64)
    rows = np.flatnonzero(readable)
    if len(rows):
        known = session_table(calendar, day_of(int(days[rows].min())), day_of(int(days[rows].max())))
        found = np.isin(days[rows], known.session)
        why = f"the calendar {calendar} has no session on that date"
        reject_rows(table, rejected, rows[~found], spec.time_column, "no_session", why)
        at = np.searchsorted(known.session, days[rows[found]])
        close[rows[found]] = closes_of(rule, known)[at]
    return close


def _check_agreement(
    table: SourceTable, spec: ChainStatement, rejected: dict[int, Rejection], named: tuple[Any, I64_1D, Any, Any]
) -> None:
    """Reject the rows whose own columns say something else than their symbol."""
    root, day, right, strike = named
    differs: dict[str, BOOL_1D] = {}
    if "root" in spec.columns:
        own = np.char.strip(texts_of(table.frame[spec.columns["root"]]))
        differs["root"] = (own != root) & (own != "")
    if "expiry" in spec.columns:
        differs["expiry"] = expiry_days(table, spec, rejected) != day
    if "right" in spec.columns:
        differs["right"] = rights_of(table, spec, rejected) != right
    if "strike" in spec.columns:
        own_strike = numbers(table, spec.columns["strike"], rejected)
        differs["strike"] = ~(np.abs(own_strike - strike) < _STRIKE_TOLERANCE)
    for name, rows in differs.items():
        reject_rows(table, rejected, rows, spec.columns[name], "symbol_mismatch", "the symbol says otherwise")


def _check_underlying(
    table: SourceTable, spec: ChainStatement, rejected: dict[int, Rejection], root: NDArray[np.str_]
) -> None:
    """Reject the rows that are on something else, by the file's own column and by the rules of known roots."""
    said = check_named_underlying(table, spec, rejected)
    name = next(spec.columns[field] for field in ("symbol", "root", "expiry") if field in spec.columns)
    for one in np.unique(root).tolist():
        rule = OPTION_RULES.get(one)
        if rule is not None and rule.underlying != spec.underlying:
            why = f"it is an option on {rule.underlying}, and {said}"
            reject_rows(table, rejected, root == one, name, "other_underlying", why)


def check_named_underlying(table: SourceTable, spec: ChainStatement, rejected: dict[int, Rejection]) -> str:
    """Reject the rows whose own column names another underlying; what the file is said to be, in words."""
    said = f"the file is said to be of {spec.underlying}"
    if "underlying" in spec.columns:
        own = np.char.strip(texts_of(table.frame[spec.columns["underlying"]]))
        other = (own != spec.underlying) & (own != "")
        reject_rows(table, rejected, other, spec.columns["underlying"], "other_underlying", said)
    return said


def expiry_days(table: SourceTable, spec: ChainStatement, rejected: dict[int, Rejection]) -> I64_1D:
    """Day number of each row's expiry by its column; a date that cannot be read rejects its row."""
    name = spec.columns["expiry"]
    where = f"{table.name}, column {name!r}"
    stamps = read_dates(table.frame[name], spec.expiry_format, None, table.source_line, where)
    reject_stamps(table, name, spec.expiry_format, stamps, rejected)
    return stamps.values


def rights_of(table: SourceTable, spec: ChainStatement, rejected: dict[int, Rejection]) -> NDArray[np.int8]:
    """+1 or -1 of each row by its column; a word that is neither rejects its row."""
    name = spec.columns["right"]
    words, which = np.unique(texts_of(table.frame[name]), return_inverse=True)
    known = np.array([_RIGHTS.get(str(word).strip().lower(), 0) for word in words], np.int8)
    right: NDArray[np.int8] = known[which]
    reject_rows(
        table, rejected, right == 0, name, "bad_right", "it is neither a call (call, C, 1) nor a put (put, P, -1)"
    )
    return right


def texts_of(column: pl.Series) -> NDArray[np.str_]:
    """A column as text, empty where it is missing."""
    import polars as pl

    return np.array(column.cast(pl.String).fill_null("").to_list(), dtype=np.str_)
