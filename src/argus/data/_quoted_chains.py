"""Snapshots of chains from a stream of top-of-book records, by the definitions of their contracts.

A stream says what changed, and of whom it speaks only by a number. At an instant the book of a contract is its last
record until then; the definitions, delivered as a file of their own, say which contract a number is. The future beneath
an option gives the price of the underlying, where it is quoted in the same file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I64_1D
from argus.core.chains import root_on_future
from argus.core.errors import ImportFailed
from argus.core.time import NS_PER_DAY, NS_PER_SECOND, day_of
from argus.data._future_chain_columns import future_contract
from argus.data.future_options import FUTURE_OPTION_RULES
from argus.data.option_contracts import OptionContracts, read_option_contracts
from argus.data.option_expiries import option_rule
from argus.data.raw import Rejection, SourceTable

if TYPE_CHECKING:
    import polars as pl

__all__ = ["QuotedChains", "quoted_chains"]


@dataclass(frozen=True, slots=True, eq=False)
class QuotedChains:
    """Rows of snapshots, not yet checked.

    Attributes
    ----------
    table : SourceTable
        One row for each contract and snapshot: the record that was the last.
    columns : dict
        Of a chain, by name.
    roots : tuple of str
    rejected : dict
        Row to why it cannot be used.
    notes : list of str
    """

    table: SourceTable
    columns: dict[str, NDArray[Any]]
    roots: tuple[str, ...]
    rejected: dict[int, Rejection]
    notes: list[str]


def quoted_chains(path: Path, definitions: Path, underlying: str, *, every_ns: int | None) -> QuotedChains:
    """Snapshots of all options on an underlying that a file of top-of-book quotes speaks of.

    Parameters
    ----------
    path, definitions : Path
        Databento files of quotes and of definitions.
    underlying : str
        Root of the futures, or symbol of a share or an index; what is quoted on others is left out and counted.
    every_ns : int or None
        A snapshot at every multiple of this until the last quote; None takes one, at the last quote.

    Raises
    ------
    ImportFailed
        If a file is damaged or of another schema, `every_ns` is shorter than a second, or there is no such snapshot.
    MissingExtraError
        If the databento library is not installed.
    """
    from argus.data.sources.databento import read_definitions, read_top

    if every_ns is not None and every_ns < NS_PER_SECOND:
        raise ImportFailed(f"every_ns is {every_ns}; a second is the least between two snapshots")
    contracts, every = read_option_contracts(definitions), read_definitions(definitions)
    top, sha256 = read_top(path)
    place, torn = _places(contracts)
    defined = set(every["instrument_id"].to_list())
    bad = _bad(contracts, every, underlying)
    ids, which = np.unique(top["instrument_id"].to_numpy(), return_inverse=True)
    wanted = np.array([_is_wanted(int(one), contracts, place, underlying, defined, bad) for one in ids])
    rows, times = _sampled(top["ts_recv_ns"].to_numpy(), which, wanted, every_ns, path.name)
    at = np.array([place.get(int(one), 0) for one in ids])[which[rows]]
    numbers = ids[which[rows]]
    if not len(contracts):
        raise ImportFailed(f"{definitions.name} defines no option that can be used")
    live = contracts.expiry_ns[at] >= times
    live |= np.array([int(one) not in place for one in numbers], dtype=np.bool_)
    rows, times, at, numbers = rows[live], times[live], at[live], numbers[live]
    table = _table(path.name, sha256, top, rows)
    rejected: dict[int, Rejection] = {}
    for number in np.unique(numbers).tolist():
        code, why = _fault(number, contracts, place, torn, bad)
        for row in np.flatnonzero(numbers == number).tolist() if why else ():
            line = int(table.source_line[row])
            rejected[row] = Rejection(line, code, f"record {line}, instrument {number}: {why}", table.original(row))
    names = np.array([_root(contracts, row) for row in range(len(contracts))])[at]
    names[list(rejected)] = ""
    roots, codes = np.unique(names, return_inverse=True)
    columns: dict[str, NDArray[Any]] = {
        "ts_event_ns": table.frame["ts_event_ns"].to_numpy(),
        "ts_recv_ns": times,
        "expiry_ns": contracts.expiry_ns[at],
        "root": codes.astype(np.int16),
        "right": contracts.right[at],
        "settlement": contracts.settlement[at],
        "strike": contracts.strike[at],
        "underlying_price": _future_prices(every, top, contracts, at, times),
    }
    columns |= {name: table.frame[name].to_numpy() for name in ("bid", "ask", "bid_size", "ask_size")}
    unsaid = ("last", "volume", "open_interest", "vendor_iv", "vendor_delta", "vendor_gamma")
    columns |= {name: np.full(len(rows), np.nan) for name in unsaid}
    others = int((~wanted)[which].sum())
    notes = [f"{others:,} records of what is no option on {underlying} are left out"] * bool(others)
    return QuotedChains(table, columns, tuple(roots.tolist()), rejected, [*contracts.notes, *notes])


def _bad(contracts: OptionContracts, every: pl.DataFrame, underlying: str) -> dict[int, Rejection]:
    """Number to why its definition cannot be used; without options that are known to be on another root's futures."""
    ids, assets = every["instrument_id"].to_list(), every["asset"].to_list()
    found: dict[int, Rejection] = {}
    for one in contracts.quarantined:
        at = one.source_line - 1
        if one.reason != "bad_future" or FUTURE_OPTION_RULES[assets[at]].underlying == underlying:
            found[int(ids[at])] = one
    return found


def _places(contracts: OptionContracts) -> tuple[dict[int, int], set[int]]:
    """Number to its last definition, and the numbers that were given to several contracts."""
    place: dict[int, int] = {}
    torn: set[int] = set()
    for row in np.argsort(contracts.ts_recv_ns, kind="stable").tolist():
        number = int(contracts.instrument_id[row])
        if number in place and contracts.symbol[place[number]] != contracts.symbol[row]:
            torn.add(number)
        place[number] = row
    return place, torn


def _is_wanted(
    number: int,
    contracts: OptionContracts,
    place: dict[int, int],
    underlying: str,
    defined: set[int],
    bad: dict[int, Rejection],
) -> bool:
    """Whether a number is an option on the underlying, or may be one: it has no definition, or a bad one."""
    if number in place:
        row = place[number]
        future, root = contracts.future[row], contracts.root[row]
        return (future.partition(".")[0] if future else option_rule(root).underlying) == underlying
    return number in bad or number not in defined


def _fault(
    number: int, contracts: OptionContracts, place: dict[int, int], torn: set[int], bad: dict[int, Rejection]
) -> tuple[str, str]:
    """Reason and sentence of why a number is no contract; the sentence is empty where it is one."""
    if number in torn:
        why = "its number was given to several contracts; import the days apart, each with its own definitions"
        return "bad_definition", why
    if number in bad:
        return bad[number].reason, bad[number].message
    if number not in place:
        return "no_definition", "the definitions do not have it"
    root = contracts.root[place[number]]
    if contracts.future[place[number]] and root not in FUTURE_OPTION_RULES:
        return "bad_definition", f"no rules of options on futures called {root!r} are known"
    return "", ""


def _root(contracts: OptionContracts, row: int) -> str:
    future = contracts.future[row]
    return root_on_future(contracts.root[row], future) if future else contracts.root[row]


def _sampled(
    known_ns: I64_1D, which: NDArray[Any], wanted: NDArray[np.bool_], every_ns: int | None, name: str
) -> tuple[I64_1D, I64_1D]:
    """(record, instant of the snapshot) of the last record of each wanted number at each instant."""
    if not wanted.any():
        raise ImportFailed(f"{name} has no quote of an option on that underlying")
    last_ns = int(known_ns[-1])
    times = [last_ns]
    if every_ns is not None:
        times = list(range(-(-int(known_ns[0]) // every_ns) * every_ns, last_ns + 1, every_ns))
        if not times:
            raise ImportFailed(
                f"{name} has no multiple of {every_ns / NS_PER_SECOND:g} s between its first and its last quote"
            )
    latest = np.full(len(wanted), -1, np.int64)
    begin, rows, stamps = 0, [], []
    for instant in times:
        end = int(np.searchsorted(known_ns, instant, side="right"))
        # Of several records of one number the last one stays.
        latest[which[begin:end]] = np.arange(begin, end)
        begin = end
        held = np.sort(latest[wanted & (latest >= 0)])
        rows.append(held)
        stamps.append(np.full(len(held), instant, np.int64))
    return np.concatenate(rows), np.concatenate(stamps)


def _table(name: str, sha256: str, top: pl.DataFrame, rows: I64_1D) -> SourceTable:
    from argus.data.sources.parquet import row_json

    frame = top[rows]
    return SourceTable(
        name=name,
        sha256=sha256,
        frame=frame,
        source_line=frame["line"].to_numpy(),
        original=lambda row: row_json(frame, row),
    )


def _future_prices(
    every: pl.DataFrame, top: pl.DataFrame, contracts: OptionContracts, at: I64_1D, times: I64_1D
) -> F64_1D:
    """Middle of the last quote of the future beneath each row, at its instant; NaN where it has none."""
    price = np.full(len(at), np.nan)
    beneath = np.array(contracts.future)[at] if len(at) else np.zeros(0, dtype=np.str_)
    futures = every.filter(every["instrument_class"] == "F")
    listed = futures.select("instrument_id", "raw_symbol", "ts_recv_ns").rows()
    number_of = top["instrument_id"].to_numpy()
    for number, name, known_ns in dict.fromkeys(listed):
        contract = future_contract(name, day_of(known_ns // NS_PER_DAY))
        rows = np.flatnonzero(beneath == contract.symbol) if contract is not None else np.zeros(0, np.int64)
        quotes = np.flatnonzero(number_of == number)
        if not len(rows) or not len(quotes):
            continue
        own = np.searchsorted(top["ts_recv_ns"].to_numpy()[quotes], times[rows], side="right") - 1
        last = quotes[np.maximum(own, 0)]
        middle = 0.5 * (top["bid"].to_numpy()[last] + top["ask"].to_numpy()[last])
        price[rows] = np.where((own >= 0) & (middle > 0.0), middle, np.nan)
    return price
