"""The columns of a file of options on futures as contracts: which product, on which future, and when it ends.

A product's code alone (``ES``, ``LO``) is a ticker of shares too, so that these rules hold only where the file says
that its options are on futures. A one-digit year (``ESH4``) is the first that had not passed when the quote was made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import I64_1D
from argus.core.chains import root_on_future
from argus.core.errors import DataError, InstrumentError
from argus.core.instruments import MONTH_LETTERS
from argus.core.time import NS_PER_DAY, day_number, day_of
from argus.core.words import counted
from argus.data._chain_columns import (
    ChainStatement,
    check_named_underlying,
    expiry_days,
    reject_rows,
    rights_of,
    texts_of,
)
from argus.data._source_columns import numbers
from argus.data.contract_dates import ContractId, is_contract, parse_contract
from argus.data.future_options import (
    FUTURE_OPTION_RULES,
    FUTURE_OPTIONS,
    future_fault,
    future_option_days,
    future_option_end,
    products_on,
)
from argus.data.option_expiries import EXPIRY_FAULTS, expiries
from argus.data.raw import Rejection, SourceTable

__all__ = [
    "FutureOptionName",
    "future_columns",
    "future_contract",
    "future_root",
    "parse_future_option",
    "rule_notes",
]

_YEAR: Final = r"\d{4}|\d{1,2}"
_SYMBOL: Final = re.compile(
    rf"(?P<code>{'|'.join(sorted(FUTURE_OPTIONS, key=len, reverse=True))})(?P<letter>[{MONTH_LETTERS}])"
    rf"(?P<year>{_YEAR}) +(?P<right>[CP])\d+(\.\d+)?"
)
_FUTURE: Final = re.compile(rf"(?P<root>[A-Z0-9]+)(?P<letter>[{MONTH_LETTERS}])(?P<year>{_YEAR})")
_NO_FUTURE: Final = "no futures contract, such as ESH4, ESH2024 or ES.202403"
_NO_NAME: Final = "it is no option on a future whose rules are known, such as 'ESH4 C4500' or 'EW1F4 P4700'"


class FutureOptionName(NamedTuple):
    """Product, year and month of the name, and right (+1 call, -1 put) of an option on a future."""

    code: str
    year: int
    month: int
    right: int


def parse_future_option(text: str, day: date) -> FutureOptionName | None:
    """What a symbol such as ``EW1F4 P4700`` means to who reads it on a day; None where it names no known product.

    The strike in it is not read: products write it in ways of their own.
    """
    found = _SYMBOL.fullmatch(text.strip())
    if found is None:
        return None
    month = MONTH_LETTERS.index(found["letter"]) + 1
    right = 1 if found["right"] == "C" else -1
    return FutureOptionName(found["code"], _year(found["year"], month, day), month, right)


def future_contract(text: str, day: date) -> ContractId | None:
    """The futures contract that ``ESH4``, ``ESH24``, ``ESH2024`` or ``ES.202403`` means on a day, or None."""
    text = text.strip()
    if is_contract(text):
        return parse_contract(text)
    found = _FUTURE.fullmatch(text)
    if found is None:
        return None
    month = MONTH_LETTERS.index(found["letter"]) + 1
    return ContractId(found["root"], _year(found["year"], month, day), month)


def future_root(text: str) -> str:
    """Root of the futures contract that a name means, such as ``ES``.

    Raises
    ------
    DataError
        If it means none.
    """
    found = future_contract(text, date(2000, 1, 1))
    if found is None:
        raise DataError(f"{text!r} is {_NO_FUTURE}")
    return found.root


def _year(text: str, month: int, day: date) -> int:
    """The year of a name: written out, or the first of its last digits whose month had not passed on a day."""
    if len(text) == 4:
        return int(text)
    size = 100 if len(text) == 2 else 10
    year = day.year - day.year % size + int(text) - size
    while (year, month) < (day.year, day.month):
        year += size
    return year


@lru_cache(maxsize=4096)
def _by_rule(code: str, session: int, year: int, month: int) -> str:
    """What is said against a stated date by the month of the name, where it is known; empty if it is the rule's."""
    day = day_of(session)
    try:
        days = (future_option_end(code, year, month).day,) if month else future_option_days(code, day)
    except InstrumentError as error:
        return str(error)
    return "" if day in days else f"the exchange's rule says {' or '.join(map(str, days)) or 'no day near it'}"


def rule_notes(code: NDArray[Any], session: NDArray[Any], year: I64_1D, month: I64_1D) -> list[str]:
    """What dates of expiry differ from the rules of the exchange, in a sentence each.

    Parameters
    ----------
    code : (n,) array of str
        Known products.
    session : (n,) int
        Stated expiries as days since 1970-01-01.
    year, month : (n,) int64
        Of the options' names; 0 where they are not known.
    """
    told: list[str] = []
    keys = np.stack([np.unique(code, return_inverse=True)[1].astype(np.int64), session.astype(np.int64), year, month])
    _, first, count = np.unique(keys, axis=1, return_index=True, return_counts=True)
    for row, options in zip(first.tolist(), count.tolist(), strict=True):
        other = _by_rule(str(code[row]), int(session[row]), int(year[row]), int(month[row]))
        if other:
            named = f" of {year[row]}-{month[row]:02d}" if month[row] else ""
            told.append(
                f"options {code[row]}{named}, {counted(options, 'row')}, are said to expire on "
                f"{day_of(int(session[row]))}, which is used; {other}"
            )
    return told


def future_columns(
    table: SourceTable,
    spec: ChainStatement,
    event_ns: I64_1D,
    rejected: dict[int, Rejection],
    notes: list[str],
) -> tuple[dict[str, NDArray[Any]], tuple[str, ...]]:
    """(``expiry_ns``, ``root``, ``right``, ``settlement`` and ``strike`` of each row, all roots in order).

    Parameters
    ----------
    table, spec, rejected
        As of other chains.
    event_ns : (n,) int64
        When each quote was made, which tells the decade of a short name.
    notes : list of str
        Gets the dates that differ from the exchange's rules.
    """
    check_named_underlying(table, spec, rejected)
    quoted = event_ns // NS_PER_DAY
    code, year, month, right = _named(table, spec, quoted, rejected)
    strike = numbers(table, spec.columns["strike"], rejected)
    day = expiry_days(table, spec, rejected) if "expiry" in spec.columns else _named_days(code, year, month)
    name = next(spec.columns[field] for field in ("expiry", "symbol") if field in spec.columns)
    reject_rows(table, rejected, day == 0, name, "no_expiry", "its product is not listed in that month")
    ends = expiries(code, day, rules=FUTURE_OPTION_RULES)
    for number, why in EXPIRY_FAULTS.items():
        reject_rows(table, rejected, ends.fault == number, name, "no_expiry", why)
    root = _roots(table, spec, quoted, _Named(code, year, month, ends.session), rejected)
    good = np.ones(len(code), np.bool_)
    good[list(rejected)] = False
    if "expiry" in spec.columns:
        notes += rule_notes(code[good], day[good], year[good], month[good])
    roots, codes = np.unique(root, return_inverse=True)
    columns: dict[str, NDArray[Any]] = {
        "expiry_ns": ends.expiry_ns,
        "root": codes.astype(np.int16),
        "right": right,
        "settlement": ends.settlement,
        "strike": strike,
    }
    return columns, tuple(roots.tolist())


def _named(
    table: SourceTable, spec: ChainStatement, quoted: I64_1D, rejected: dict[int, Rejection]
) -> tuple[NDArray[np.str_], I64_1D, I64_1D, NDArray[np.int8]]:
    """Product, year and month of the name (0 where there is no symbol), and right of each row."""
    n = table.frame.height
    products = products_on(spec.underlying)
    year, month = np.zeros(n, np.int64), np.zeros(n, np.int64)
    code = np.full(n, products[0], dtype="U8")
    right = rights_of(table, spec, rejected) if "right" in spec.columns else np.zeros(n, np.int8)
    if "root" in spec.columns:
        code = np.char.strip(texts_of(table.frame[spec.columns["root"]])).astype("U8")
        _check_products(table, rejected, spec.columns["root"], code, products)
    if "symbol" not in spec.columns:
        return np.where(np.isin(code, products), code, products[0]), year, month, right
    column = spec.columns["symbol"]
    own, year, month, of_symbol = _symbols(texts_of(table.frame[column]), quoted)
    reject_rows(table, rejected, own == "", column, "bad_symbol", _NO_NAME)
    _check_products(table, rejected, column, np.where(own == "", products[0], own), products)
    for field, differs in (("root", code != own), ("right", right != of_symbol)):
        if field in spec.columns:
            reject_rows(table, rejected, differs, spec.columns[field], "symbol_mismatch", "the symbol says otherwise")
    return np.where(np.isin(own, products), own, products[0]), year, month, of_symbol


def _check_products(
    table: SourceTable, rejected: dict[int, Rejection], column: str, code: NDArray[np.str_], products: tuple[str, ...]
) -> None:
    for one in np.unique(code[~np.isin(code, products)]).tolist():
        known = FUTURE_OPTION_RULES.get(one)
        why = f"no option on a future is called {one!r}; there are {', '.join(products)}"
        if known is not None:
            why = f"it is an option on {known.underlying}, and those of the file are {', '.join(products)}"
        reject_rows(table, rejected, code == one, column, "other_underlying" if known else "bad_symbol", why)


def _symbols(texts: NDArray[np.str_], quoted: I64_1D) -> tuple[NDArray[np.str_], I64_1D, I64_1D, NDArray[np.int8]]:
    """Product (empty where a symbol is none), year, month and right of symbols read on days."""
    own, right = np.full(len(texts), "", dtype="U8"), np.zeros(len(texts), np.int8)
    year, month = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.int64)
    for rows, text, day in _alike(texts, quoted):
        named = parse_future_option(text, day)
        if named is not None:
            own[rows], year[rows], month[rows], right[rows] = named
    return own, year, month, right


def _named_days(code: NDArray[np.str_], year: I64_1D, month: I64_1D) -> I64_1D:
    """Day on which each option expires by its product and month; 0 where that is not listed."""
    day = np.zeros(len(code), np.int64)
    names, which = np.unique(code, return_inverse=True)
    keys, inverse = np.unique(np.stack((which.astype(np.int64), year, month)), axis=1, return_inverse=True)
    for number, (name, in_year, in_month) in enumerate(keys.T.tolist()):
        with suppress(InstrumentError, ValueError):
            day[inverse.ravel() == number] = day_number(future_option_end(str(names[name]), in_year, in_month).day)
    return day


class _Named(NamedTuple):
    """Product, year and month of the name (0 where it is not known), and session of the expiry, of each row."""

    code: NDArray[np.str_]
    year: I64_1D
    month: I64_1D
    session: NDArray[np.int32]


def _roots(
    table: SourceTable, spec: ChainStatement, quoted: I64_1D, named: _Named, rejected: dict[int, Rejection]
) -> NDArray[np.str_]:
    """Product and future of each row as a root; a row whose future cannot be beneath its option is rejected."""
    n = table.frame.height
    column = spec.columns.get("future", "--future")
    texts = texts_of(table.frame[column]) if spec.future is None else np.full(n, spec.future)
    reject = partial(reject_rows, table, rejected, stated=spec.future)
    root: NDArray[np.str_] = np.full(n, "", dtype="U32")
    for rows, text, day in _alike(texts, quoted):
        contract = future_contract(text, day)
        if contract is None:
            reject(rows, column, "bad_future", f"{text!r} is {_NO_FUTURE}")
        elif contract.root != spec.underlying:
            why = f"it is a future of {contract.root}, and the file is said to be of {spec.underlying}"
            reject(rows, column, "other_underlying", why)
        else:
            for these, code, fault in _by_option(rows, named, contract):
                if fault:
                    reject(these, column, "bad_future", fault)
                root[these] = root_on_future(code, contract.symbol)
    return root


def _by_option(rows: I64_1D, named: _Named, contract: ContractId) -> Iterator[tuple[I64_1D, str, str]]:
    """(rows, product, why they cannot be on the contract) of the rows of one option's month and end."""
    codes, which = np.unique(named.code[rows], return_inverse=True)
    keys = np.stack((which.ravel(), named.year[rows], named.month[rows], named.session[rows]))
    found, inverse = np.unique(keys, axis=1, return_inverse=True)
    for number, (at, year, month, session) in enumerate(found.T.tolist()):
        code = str(codes[at])
        own = (year, month) if month else None
        yield rows[inverse.ravel() == number], code, future_fault(code, day_of(session), own, contract)


def _alike(texts: NDArray[np.str_], quoted: I64_1D) -> Iterator[tuple[I64_1D, str, date]]:
    """(rows, text, a day on which it is read) of the rows that say the same in one month."""
    names, which = np.unique(texts, return_inverse=True)
    months = quoted.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    key = which.astype(np.int64).ravel() * (1 << 20) + (months - months.min() if len(months) else months)
    order = np.argsort(key, kind="stable")
    cuts = np.flatnonzero(np.diff(key[order])) + 1
    for rows in np.split(order, cuts):
        if len(rows):
            yield rows, str(names[which.ravel()[rows[0]]]), day_of(int(quoted[rows[0]]))
