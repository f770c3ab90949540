"""Array aliases and the column layouts in which market data travel.

A layout is a frozen record of equally long, contiguous, read-only arrays, sorted by the time at which each row
could first be known. Kernels take the columns; people take the record.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from argus.core.errors import DataError

__all__ = [
    "BAR_FIELDS",
    "BOOL_1D",
    "F32_2D",
    "F64_1D",
    "I32_1D",
    "I64_1D",
    "Bars",
    "Quotes",
    "Stretches",
    "memory_of",
    "readonly",
    "roomy_memory",
    "working_memory",
]

F64_1D = NDArray[np.float64]
F32_2D = NDArray[np.float32]
I64_1D = NDArray[np.int64]
I32_1D = NDArray[np.int32]
BOOL_1D = NDArray[np.bool_]

BAR_FIELDS: Final = ("open", "high", "low", "close", "volume", "open_interest")
"""Observable columns of a bar, in catalog order."""
QUOTE_FIELDS: Final = ("ts_event_ns", "ts_recv_ns", "bid", "ask", "bid_size", "ask_size")
"""Columns of quotes, in their order."""

_LINE_FLOATS: Final = 8
"""Float64 values of a cache line."""


def readonly(array: NDArray[np.generic]) -> None:
    """Forbid writing to `array` in place: strategies are handed views of it."""
    array.setflags(write=False)


def working_memory(floats: int) -> F64_1D:
    """`floats` float64 values for a kernel to work in, whatever they hold, from the start of a cache line on.

    A vector register is as long as a cache line: elsewhere, most of what is read or written would lie across two.
    """
    return _from_line(np.empty(floats + _LINE_FLOATS))


def memory_of(part: F64_1D) -> F64_1D:
    """The whole of the `working_memory` that an array is a part of; empty where it is part of none."""
    held = part.base
    return _from_line(held) if held is not None and held.ndim == 1 and held.size >= _LINE_FLOATS else np.empty(0)


def _from_line(held: F64_1D) -> F64_1D:
    """All but a cache line of it, from the start of one on."""
    first = -held.ctypes.data % (8 * _LINE_FLOATS) // 8
    return held[first : first + len(held) - _LINE_FLOATS]


def roomy_memory(rows: int, columns: int) -> NDArray[np.float64]:
    """(rows, columns) float64 zeros, of which only the pages that are written to take memory, a few kilobytes each.

    NumPy asks for pages of two megabytes, which a single number fills.
    """
    held = mmap.mmap(-1, max(8 * rows * columns, 1))
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        held.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(held, dtype=np.float64, count=rows * columns).reshape(rows, columns)


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """A column whose value changes rarely, such as one of the session: a value for each stretch of rows.

    Attributes
    ----------
    values : (s,) float64
    ends : (s,) int64
        Row after the last one of each stretch, never falling.

    Raises
    ------
    DataError
        If the two are of other kinds, differ in length, are not contiguous, or an end falls: compiled loops read them
        where they stand in memory.
    """

    values: F64_1D
    ends: I64_1D

    def __post_init__(self) -> None:
        for name, array, wanted in (("values", self.values, np.float64), ("ends", self.ends, np.int64)):
            if array.dtype != wanted:
                raise DataError(f"stretches: {name} are {array.dtype}, expected {np.dtype(wanted)}")
            if array.shape != (len(self.ends),):
                raise DataError(f"stretches: {name} have shape {array.shape}, expected ({len(self.ends)},)")
            if not array.flags.c_contiguous:
                raise DataError(f"stretches: {name} are not contiguous; pass np.ascontiguousarray of them")
        if np.any(np.diff(self.ends, prepend=0) < 0):
            raise DataError("stretches: an end lies before the one before it, or before the first row")

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def rows(self) -> F64_1D:
        """A value for each row."""
        return np.repeat(self.values, np.diff(self.ends, prepend=0))


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Bars:
    """Bars of one instrument, sorted by `ts_recv_ns`.

    Attributes
    ----------
    instrument : str
        Symbol in the instrument file.
    ts_event_ns, ts_close_ns, ts_recv_ns : (n,) int64
        Start of the bar, its close, and when it could first be known; UTC nanoseconds.
        ``ts_event_ns < ts_close_ns <= ts_recv_ns``, each strictly increasing, and bars do not overlap.
    open, high, low, close : (n,) float64
        Prices in the instrument's currency; NaN throughout in a column that was not observed.
    volume, open_interest : (n,) float64
        Units traded in the bar / outstanding at its close; NaN throughout if not observed.
    session : (n,) int32
        Trading session the bar belongs to: its session date as days since 1970-01-01.
    session_end : (n,) bool
        True where the bar reaches the close of its session by the exchange calendar.
    observed : frozenset of str
        Which of `BAR_FIELDS` hold observations. Closes-only data have ``{"close"}``: nothing may fill at an open there.
    """

    instrument: str
    ts_event_ns: I64_1D
    ts_close_ns: I64_1D
    ts_recv_ns: I64_1D
    open: F64_1D
    high: F64_1D
    low: F64_1D
    close: F64_1D
    volume: F64_1D
    open_interest: F64_1D
    session: I32_1D
    session_end: BOOL_1D
    observed: frozenset[str]

    def __post_init__(self) -> None:
        n = len(self.ts_event_ns)
        for column in _COLUMNS:
            array = getattr(self, column)
            if array.dtype != _DTYPES[column]:
                raise DataError(f"{self.instrument}: column {column} is {array.dtype}, expected {_DTYPES[column]}")
            if array.ndim != 1 or len(array) != n:
                raise DataError(f"{self.instrument}: column {column} has shape {array.shape}, expected ({n},)")
            if not array.flags.c_contiguous:
                raise DataError(
                    f"{self.instrument}: column {column} is not contiguous; pass np.ascontiguousarray of it"
                )
            readonly(array)
        unknown = self.observed - set(BAR_FIELDS)
        if unknown or "close" not in self.observed:
            raise DataError(
                f"{self.instrument}: observed fields are {sorted(self.observed)}; 'close' is required and only "
                f"{', '.join(BAR_FIELDS)} are known"
            )
        for column in BAR_FIELDS:
            if column not in self.observed and not np.isnan(getattr(self, column)).all():
                raise DataError(
                    f"{self.instrument}: column {column} holds numbers but is not stated as observed; "
                    "state it, or fill the column with NaN"
                )
        _check_times(self)

    def __len__(self) -> int:
        return len(self.ts_event_ns)

    @property
    def content_hash(self) -> str:
        """SHA-256 of instrument, observed fields and every column's bytes: equal for equal data, however stored."""
        known = _HASHES.get(self)
        if known is None:
            digest = hashlib.sha256(f"{self.instrument}|{','.join(sorted(self.observed))}|{len(self)}".encode())
            for column in _COLUMNS:
                digest.update(getattr(self, column).data)
            known = _HASHES[self] = digest.hexdigest()
        return known

    def rows(self, start: int, stop: int) -> Bars:
        """Bars ``start`` to ``stop`` (exclusive) as views of the same memory."""
        cut: Mapping[str, object] = {name: getattr(self, name)[start:stop] for name in _COLUMNS}
        return Bars(instrument=self.instrument, observed=self.observed, **cut)  # type: ignore[arg-type]

    def ends(self) -> Bars:
        """The first and the last bar alone."""
        cut: Mapping[str, object] = {name: np.ascontiguousarray(getattr(self, name)[[0, -1]]) for name in _COLUMNS}
        return Bars(instrument=self.instrument, observed=self.observed, **cut)  # type: ignore[arg-type]


_HASHES: WeakKeyDictionary[Bars, str] = WeakKeyDictionary()
_COLUMNS: Final = tuple(f.name for f in fields(Bars) if f.name not in ("instrument", "observed"))
_DTYPES: Final = {
    name: np.dtype(
        np.int64
        if name.startswith("ts_")
        else np.int32
        if name == "session"
        else np.bool_
        if name == "session_end"
        else np.float64
    )
    for name in _COLUMNS
}


def _check_times(bars: Bars) -> None:
    """Raise `DataError` naming the first row whose times are out of order."""
    event, close, recv = bars.ts_event_ns, bars.ts_close_ns, bars.ts_recv_ns
    for label, bad in (
        ("its close is not after its start", close <= event),
        ("it is known before its close", recv < close),
    ):
        if bad.any():
            row = int(np.argmax(bad))
            raise DataError(
                f"{bars.instrument}: row {row}: {label} (start {event[row]}, close {close[row]}, known {recv[row]})"
            )
    for label, bad in (
        ("it starts before the previous bar closed", event[1:] < close[:-1]),
        ("it is known no later than the previous bar", recv[1:] <= recv[:-1]),
        ("its session lies before the previous bar's", bars.session[1:] < bars.session[:-1]),
    ):
        if bad.any():
            row = int(np.argmax(bad)) + 1
            raise DataError(f"{bars.instrument}: row {row}: {label}; sort and deduplicate the bars, or import them")


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Quotes:
    """Top-of-book quotes of one instrument, sorted by `ts_recv_ns`.

    A quote holds from its instant until the next one. Bid and ask may be equal (a locked market), never crossed.

    Attributes
    ----------
    instrument : str
        Symbol in the instrument file.
    ts_event_ns, ts_recv_ns : (n,) int64
        When the quote was made at the venue, and when it could first be known; UTC nanoseconds. Neither ever falls, and
        ``ts_event_ns <= ts_recv_ns``; several quotes may share an instant.
    bid, ask : (n,) float64
        Prices in the instrument's currency; NaN where that side is empty.
    bid_size, ask_size : (n,) float64
        Units shown; above 0 where the side has a price, 0 where it is empty.

    Raises
    ------
    DataError
        Naming the first row that breaks one of these; `argus.data.quotes` keeps such rows apart.
    """

    instrument: str
    ts_event_ns: I64_1D
    ts_recv_ns: I64_1D
    bid: F64_1D
    ask: F64_1D
    bid_size: F64_1D
    ask_size: F64_1D

    def __post_init__(self) -> None:
        n = len(self.ts_event_ns)
        for name in QUOTE_FIELDS:
            array = getattr(self, name)
            wanted = np.dtype(np.int64 if name.startswith("ts_") else np.float64)
            if array.dtype != wanted:
                raise DataError(f"{self.instrument}: column {name} is {array.dtype}, expected {wanted}")
            if array.ndim != 1 or len(array) != n:
                raise DataError(f"{self.instrument}: column {name} has shape {array.shape}, expected ({n},)")
            if not array.flags.c_contiguous:
                raise DataError(f"{self.instrument}: column {name} is not contiguous; pass np.ascontiguousarray of it")
            readonly(array)
        for label, bad in _quote_faults(self):
            if bad.any():
                row = int(np.argmax(bad))
                told = ", ".join(f"{name} {getattr(self, name)[row]}" for name in QUOTE_FIELDS)
                raise DataError(f"{self.instrument}: quote {row}: {label} ({told}); correct the row or leave it out")

    def __len__(self) -> int:
        return len(self.ts_event_ns)

    @property
    def content_hash(self) -> str:
        """SHA-256 of instrument and every column's bytes: equal for equal data, however stored."""
        known = _QUOTE_HASHES.get(self)
        if known is None:
            digest = hashlib.sha256(f"quotes|{self.instrument}|{len(self)}".encode())
            for name in QUOTE_FIELDS:
                digest.update(getattr(self, name).data)
            known = _QUOTE_HASHES[self] = digest.hexdigest()
        return known

    def rows(self, start: int, stop: int) -> Quotes:
        """Quotes ``start`` to ``stop`` (exclusive) as views of the same memory."""
        return Quotes(self.instrument, *(getattr(self, name)[start:stop] for name in QUOTE_FIELDS))


_QUOTE_HASHES: WeakKeyDictionary[Quotes, str] = WeakKeyDictionary()


def _quote_faults(quotes: Quotes) -> Iterator[tuple[str, BOOL_1D]]:
    """(what is wrong, where) of everything that a quote may not be."""
    yield "it is known before it was made", quotes.ts_recv_ns < quotes.ts_event_ns
    for name in ("ts_event_ns", "ts_recv_ns"):
        stamps = getattr(quotes, name)
        yield f"its {name} lies before that of the quote before it", np.append(False, stamps[1:] < stamps[:-1])
    for side in ("bid", "ask"):
        price, size = getattr(quotes, side), getattr(quotes, f"{side}_size")
        is_empty = np.isnan(price)
        yield f"its {side} is not finite", np.isinf(price)
        yield f"its {side} has a price and no size above zero", ~is_empty & ~((size > 0) & (size < np.inf))
        yield f"its {side} has a size and no price", is_empty & (size != 0)
    yield "its bid lies above its ask", quotes.bid > quotes.ask
