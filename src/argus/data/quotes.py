"""From a file of bid and ask quotes, and what you state about it, to checked quotes; what cannot be one is kept apart.

The road is that of bars (`argus.data.importing`): nothing is guessed about columns and stamps, and a row that is no
quote goes to quarantine with its line, its reason and its original. Quotes stay in their file's order. A file tells in
which order its rows came to be known, so that a row which is out of order says that something is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from argus.core.arrays import BOOL_1D, I64_1D, Quotes
from argus.core.errors import ConfigError, ImportFailed
from argus.core.instruments import InstrumentSpec, instrument
from argus.core.time import format_ns
from argus.data._catalog_stamps import read_instants
from argus.data._catalog_statement import listed
from argus.data._source_columns import numbers, reject_stamps
from argus.data.importing import written_ns
from argus.data.quarantine import reason_counts
from argus.data.raw import Rejection, SourceTable
from argus.data.sources import open_source

if TYPE_CHECKING:
    import polars as pl

__all__ = ["QUOTE_PRESETS", "QuoteReason", "QuoteSpec", "QuotesRead", "quote_preset", "read_quote_file"]

_SIDES: Final = ("bid", "ask", "bid_size", "ask_size")
_SAME_NAMES: Final[Mapping[str, str]] = MappingProxyType({name: name for name in _SIDES})
_WRONG_SHARE_MAX: Final = 0.10
_GRID_TOLERANCE: Final = 1e-6


class QuoteReason(StrEnum):
    """Why a row is no quote; of several the first holds."""

    UNPARSABLE = "unparsable"
    KNOWN_BEFORE_MADE = "known_before_made"
    FUTURE = "future"
    PRICE_NOT_FINITE = "price_not_finite"
    NEGATIVE_PRICE = "negative_price"
    NEGATIVE_SIZE = "negative_size"
    NO_SIZE = "no_size"
    NO_PRICE = "no_price"
    CROSSED = "crossed"
    UNSORTED = "unsorted"


_WORDS: Final[Mapping[QuoteReason, str]] = {
    QuoteReason.KNOWN_BEFORE_MADE: "it is known before it was made",
    QuoteReason.FUTURE: "it is later than its file",
    QuoteReason.PRICE_NOT_FINITE: "a price is infinite",
    QuoteReason.NEGATIVE_PRICE: "a price is not above zero",
    QuoteReason.NEGATIVE_SIZE: "a size is below zero or infinite",
    QuoteReason.NO_SIZE: "a price has no size",
    QuoteReason.NO_PRICE: "a size has no price",
    QuoteReason.CROSSED: "the bid lies above the ask",
    QuoteReason.UNSORTED: "it is earlier than a quote before it",
}


@dataclass(frozen=True, slots=True)
class QuoteSpec:
    """What is stated about a file of quotes.

    Attributes
    ----------
    instrument : str
        Symbol in the instrument file.
    columns : mapping
        ``bid``, ``ask``, ``bid_size`` and ``ask_size`` to the file's columns.
    time_column : str
        When the quote was made at the venue.
    recv_column : str or None
        When it was received; None adds `delay_ns` to the venue's stamp.
    time_format, timezone
        As in `argus.data.importing.ImportSpec`.
    delay_ns : int
    delimiter, encoding : str
        Of a text file.
    where : mapping
        Column to the value that a row must have to be read.
    """

    instrument: str
    columns: Mapping[str, str] = field(default_factory=lambda: _SAME_NAMES)
    time_column: str = "ts_event_ns"
    recv_column: str | None = None
    time_format: str = "ns"
    timezone: str | None = None
    delay_ns: int = 0
    delimiter: str = ","
    encoding: str = "utf-8"
    where: Mapping[str, str] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """The statement as plain values."""
        return asdict(replace(self, columns=dict(self.columns), where=dict(self.where)))


QUOTE_PRESETS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "quotes": {"recv_column": "ts_recv_ns"},
        "quotes_iso": {"time_column": "time", "time_format": "iso"},
        "databento_mbp1": {
            "columns": {"bid": "bid_px_00", "ask": "ask_px_00", "bid_size": "bid_sz_00", "ask_size": "ask_sz_00"},
            "time_column": "ts_event",
            "recv_column": "ts_recv",
        },
    }
)
"""Named statements: our own column names with counts of nanoseconds; the same with ISO times in ``time`` and no stamp
of receipt; and Databento's top of book (mbp-1, tbbo)."""


def quote_preset(name: str, instrument: str, **stated: Any) -> QuoteSpec:
    """The statement that a preset stands for, with your own statements over it.

    Raises
    ------
    ConfigError
        If there is no such preset.
    """
    if name not in QUOTE_PRESETS:
        raise ConfigError(f"no preset of quotes is called {name!r}; there are: {', '.join(QUOTE_PRESETS)}")
    return QuoteSpec(instrument, **{**QUOTE_PRESETS[name], **stated})


@dataclass(frozen=True, slots=True, eq=False)
class QuotesRead:
    """Quotes of a file, and what was in it that is none.

    Attributes
    ----------
    quotes : Quotes
    quarantined : tuple of Rejection
        In the order of the file.
    notes : tuple of str
        What a reader of results must know.
    """

    quotes: Quotes
    quarantined: tuple[Rejection, ...]
    notes: tuple[str, ...]


def read_quote_file(
    path: Path, spec: QuoteSpec, *, product: InstrumentSpec | None = None, now_ns: int | None = None
) -> QuotesRead:
    """Quotes of a text, Parquet or DBN file.

    Parameters
    ----------
    path : Path
    spec : QuoteSpec
    product : InstrumentSpec, optional
        The instrument, where it is not one of the package's own file.
    now_ns : int, optional
        A quote that is known later is quarantined; by default the time at which the file was last written.

    Raises
    ------
    ImportFailed
        If the statement names columns that the file does not have, more than a tenth of the rows are unreadable or out
        of order (then the statement is wrong, or the file is not sorted), or no row is a quote.
    """
    product = instrument(spec.instrument) if product is None else product
    source = open_source(path, delimiter=spec.delimiter, encoding=spec.encoding)
    wanted = _wanted(source.names, path.name, spec)
    table = _filtered(source.table(wanted), spec)
    columns, unreadable = _columns(table, spec)
    _check_share(table, unreadable, "cannot be read as stated, so that the statement is wrong or the file damaged")
    limit_ns = written_ns(path) if now_ns is None else now_ns
    kept, faults = _divided(columns, product, limit_ns, np.array(sorted(unreadable), dtype=np.int64))
    found = {row: _rejection(table, row, reason, columns) for row, reason in faults}
    unsorted = {row: one for row, one in found.items() if one.reason == QuoteReason.UNSORTED}
    _check_share(table, unsorted, "are earlier than a row before them: sort the file by its time of receipt")
    every = tuple(one for _, one in sorted([*unreadable.items(), *found.items()]))
    quarantined = tuple(sorted([*table.rejected, *every], key=lambda rejection: rejection.source_line))
    if not len(kept):
        first = f"; the first: {quarantined[0].message}" if quarantined else ""
        raise ImportFailed(f"{path.name}: none of {table.frame.height} rows is a quote{first}")
    quotes = Quotes(product.symbol, **{name: column[kept] for name, column in columns.items()})
    return QuotesRead(quotes, quarantined, _notes(path.name, quotes, quarantined, product, spec))


def _wanted(names: tuple[str, ...], source: str, spec: QuoteSpec) -> list[str]:
    """The file's columns that are to be read."""
    named = {f"columns[{side!r}]": spec.columns.get(side) for side in _SIDES} | {"time_column": spec.time_column}
    if spec.recv_column is not None:
        named["recv_column"] = spec.recv_column
    named |= {f"where[{column!r}]": column for column in spec.where}
    wrong = [f"{label} is not stated" for label, name in named.items() if name is None]
    wrong += [f"{label} is stated as {name!r}, which is no column of the file" for label, name in named.items()
              if name is not None and name not in names]  # fmt: skip
    if spec.delay_ns < 0:
        wrong.append(f"delay_ns is {spec.delay_ns}; a quote cannot be known before it was made")
    if wrong:
        raise ImportFailed(f"{source}: {'; '.join(wrong)}. The file's columns are: {listed(names)}")
    return list(dict.fromkeys(name for name in named.values() if name is not None))


def _filtered(table: SourceTable, spec: QuoteSpec) -> SourceTable:
    """The rows with the stated values."""
    import polars as pl

    for column, value in spec.where.items():
        match = (table.frame[column].cast(pl.String) == value).fill_null(False)
        rows = match.arg_true().to_numpy()
        if not len(rows):
            raise ImportFailed(f"{table.name}: no row has {value!r} in column {column!r}; state a value that one has")
        table = _taken(table, match, rows)
    return table


def _taken(table: SourceTable, match: pl.Series, rows: I64_1D) -> SourceTable:
    def original(row: int) -> bytes:
        return table.original(int(rows[row]))

    frame = table.frame.filter(match)
    return replace(table, frame=frame, source_line=table.source_line[rows], original=original)


def _columns(table: SourceTable, spec: QuoteSpec) -> tuple[dict[str, Any], dict[int, Rejection]]:
    """(columns of quotes, rows that cannot be read as stated)."""
    rejected: dict[int, Rejection] = {}
    columns: dict[str, Any] = {"ts_event_ns": _stamps(table, spec, spec.time_column, rejected)}
    if spec.recv_column is None:
        columns["ts_recv_ns"] = columns["ts_event_ns"] + spec.delay_ns
    else:
        columns["ts_recv_ns"] = _stamps(table, spec, spec.recv_column, rejected)
    for side in _SIDES:
        columns[side] = numbers(table, spec.columns[side], rejected)
    for side in ("bid", "ask"):
        size, is_empty = columns[f"{side}_size"], np.isnan(columns[side])
        columns[f"{side}_size"] = np.where(np.isnan(size) & is_empty, 0.0, size)
    return columns, rejected


def _stamps(table: SourceTable, spec: QuoteSpec, name: str, rejected: dict[int, Rejection]) -> I64_1D:
    column = table.frame[name]
    where = f"{table.name}, column {name!r}"
    stamps = read_instants(column, spec.time_format, spec.timezone, table.source_line, where)
    reject_stamps(table, name, spec.time_format, stamps, rejected)
    return stamps.values


def _check_share(table: SourceTable, wrong: Mapping[int, Rejection], what: str) -> None:
    if len(wrong) > _WRONG_SHARE_MAX * table.frame.height:
        first = wrong[min(wrong)]
        raise ImportFailed(
            f"{table.name}: {len(wrong)} of {table.frame.height} rows {what}; the first: {first.message}"
        )


def _divided(
    columns: Mapping[str, Any], product: InstrumentSpec, now_ns: int, unreadable: I64_1D
) -> tuple[I64_1D, list[tuple[int, QuoteReason]]]:
    """(rows that are quotes, the other readable ones with their reasons)."""
    count = len(columns["ts_event_ns"])
    usable = np.ones(count, dtype=np.bool_)
    usable[unreadable] = False
    faults: list[tuple[int, QuoteReason]] = []
    for reason, bad in _conditions(columns, product, now_ns):
        rows = np.flatnonzero(bad & usable)
        faults += [(int(row), reason) for row in rows]
        usable[rows] = False
    for name in ("ts_recv_ns", "ts_event_ns"):
        rows = np.flatnonzero(usable)
        stamps = columns[name][rows]
        late = rows[stamps < np.maximum.accumulate(stamps)] if len(rows) else rows
        faults += [(int(row), QuoteReason.UNSORTED) for row in late]
        usable[late] = False
    return np.flatnonzero(usable), sorted(faults)


def _conditions(
    columns: Mapping[str, Any], product: InstrumentSpec, now_ns: int
) -> Iterator[tuple[QuoteReason, BOOL_1D]]:
    """Each reason but the order of rows, with the rows that it holds for."""
    bid, ask, bid_size, ask_size = (columns[side] for side in _SIDES)
    yield QuoteReason.KNOWN_BEFORE_MADE, columns["ts_recv_ns"] < columns["ts_event_ns"]
    yield QuoteReason.FUTURE, columns["ts_recv_ns"] > now_ns
    yield QuoteReason.PRICE_NOT_FINITE, np.isinf(bid) | np.isinf(ask)
    if not product.price_may_be_negative:
        yield QuoteReason.NEGATIVE_PRICE, (bid <= 0) | (ask <= 0)
    yield QuoteReason.NEGATIVE_SIZE, (bid_size < 0) | (ask_size < 0) | np.isinf(bid_size) | np.isinf(ask_size)
    yield QuoteReason.NO_SIZE, (~np.isnan(bid) & ~(bid_size > 0)) | (~np.isnan(ask) & ~(ask_size > 0))
    yield QuoteReason.NO_PRICE, (np.isnan(bid) & (bid_size != 0)) | (np.isnan(ask) & (ask_size != 0))
    yield QuoteReason.CROSSED, bid > ask


def _rejection(table: SourceTable, row: int, reason: QuoteReason, columns: Mapping[str, Any]) -> Rejection:
    line = int(table.source_line[row])
    told = ", ".join(f"{side} {columns[side][row]:g}" for side in _SIDES)
    message = f"line {line}, quote of {format_ns(int(columns['ts_event_ns'][row]))}: {_WORDS[reason]} ({told})"
    return Rejection(line, reason, message, table.original(row))


def _notes(
    source: str, quotes: Quotes, quarantined: tuple[Rejection, ...], product: InstrumentSpec, spec: QuoteSpec
) -> tuple[str, ...]:
    notes = []
    if quarantined:
        counts = ", ".join(
            f"{count} {reason.replace('_', ' ')}" for reason, count in reason_counts(quarantined).items()
        )
        notes.append(f"{source}: {len(quarantined)} rows are no quotes ({counts}); the first: {quarantined[0].message}")
    tick = float(product.tick_size)
    off = 0
    for price in (quotes.bid, quotes.ask):
        ticks = price / tick
        off += int((np.abs(ticks - np.rint(ticks)) > _GRID_TOLERANCE).sum())
    if off:
        notes.append(f"{source}: {off} prices lie off the tick of {tick:g}")
    if spec.recv_column is None and not spec.delay_ns:
        notes.append(f"{source}: when a quote was received is not stated; it counts as known when it was made")
    return tuple(notes)
