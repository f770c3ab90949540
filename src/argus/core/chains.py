"""Option chains as columns: one or several snapshots of all options on one underlying.

A snapshot is all that became known at one instant, so its rows share their `ts_recv_ns`; each row keeps the instant of
its own quote. Rows are sorted by snapshot, expiry, root, right and strike, so that a smile is a run of rows. What a
contract turns into at its end is one small number for each row, read with the helpers here.

Options on futures of one root are one chain, though each has a contract of its own beneath it: their root is the
product's code and that contract, ``EW3 on ES.202403`` (`root_on_future`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import IntFlag
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import BOOL_1D, F64_1D, I64_1D, readonly
from argus.core.errors import DataError
from argus.core.time import NS_PER_DAY

__all__ = [
    "CHAIN_COLUMNS",
    "CHAIN_NUMBERS",
    "I16_1D",
    "I8_1D",
    "NS_PER_YEAR_365",
    "ChainSnapshots",
    "Settlement",
    "chain_order",
    "future_of",
    "is_american",
    "product_of",
    "root_on_future",
    "settlement_text",
    "settles_at_open",
    "settles_in_cash",
    "years_to_expiry",
]

I8_1D = NDArray[np.int8]
I16_1D = NDArray[np.int16]

NS_PER_YEAR_365: Final = 365 * NS_PER_DAY
"""The year of the day count ACT/365, in nanoseconds."""


class Settlement(IntFlag):
    """How a contract ends, as flags in one int8; 0 is European, physical, on the close of the expiry day."""

    PM_PHYSICAL_EUROPEAN = 0
    AT_OPEN = 1
    """AM settlement: against a value made of the opening prices of the expiry day, when trading is already over."""
    CASH = 2
    AMERICAN = 4


_ON: Final = " on "
_SETTLEMENT_MAX: Final = int(Settlement.AT_OPEN | Settlement.CASH | Settlement.AMERICAN)


def settles_at_open(settlement: NDArray[np.integer[Any]]) -> BOOL_1D:
    """Where the value at expiry is made of opening prices (AM settlement)."""
    has: BOOL_1D = (settlement & np.int8(Settlement.AT_OPEN)) != 0
    return has


def settles_in_cash(settlement: NDArray[np.integer[Any]]) -> BOOL_1D:
    """Where money changes hands at expiry, and not the underlying."""
    has: BOOL_1D = (settlement & np.int8(Settlement.CASH)) != 0
    return has


def is_american(settlement: NDArray[np.integer[Any]]) -> BOOL_1D:
    """Where the holder may exercise before expiry."""
    has: BOOL_1D = (settlement & np.int8(Settlement.AMERICAN)) != 0
    return has


def settlement_text(settlement: int) -> str:
    """Such as ``AM cash European``."""
    flags = Settlement(int(settlement))
    words = ("AM" if flags & Settlement.AT_OPEN else "PM", "cash" if flags & Settlement.CASH else "physical")
    return " ".join((*words, "American" if flags & Settlement.AMERICAN else "European"))


def root_on_future(product: str, contract: str) -> str:
    """Root of an option on a futures contract, such as ``EW3 on ES.202403``."""
    return f"{product}{_ON}{contract}"


def product_of(root: str) -> str:
    """Code under which the exchange lists a root: ``EW3`` of ``EW3 on ES.202403``, and any other root itself."""
    return root.partition(_ON)[0]


def future_of(root: str) -> str:
    """Futures contract that a root's options are on, such as ``ES.202403``; empty where they are on no future."""
    return root.partition(_ON)[2]


def years_to_expiry(ts_ns: I64_1D | int, expiry_ns: I64_1D) -> F64_1D:
    """Years from an instant to the expiry by ACT/365, counted in nanoseconds; below zero after it."""
    years: F64_1D = (expiry_ns - ts_ns) / NS_PER_YEAR_365
    return years


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class ChainSnapshots:
    """One or several snapshots of the options on one underlying.

    Sorted by `ts_recv_ns`, `expiry_ns`, root, `right` and `strike`, and no two rows are equal in all five.

    Attributes
    ----------
    underlying : str
        Symbol of the underlying.
    roots : tuple of str
        Option roots, sorted (``("SPX", "SPXW")``); `root` numbers them. Of options on futures see `root_on_future`.
    ts_event_ns, ts_recv_ns : (n,) int64
        When each quote was made at the venue, and when its snapshot could first be known; UTC nanoseconds,
        ``ts_event_ns <= ts_recv_ns``. Rows of one snapshot share the latter.
    expiry_ns : (n,) int64
        Instant at which the contract's value is fixed; not before `ts_event_ns`.
    root : (n,) int16
        Place in `roots`.
    right : (n,) int8
        +1 for a call, -1 for a put.
    settlement : (n,) int8
        Flags of `Settlement`.
    strike : (n,) float64
        Above zero.
    underlying_price : (n,) float64
        The underlying (of an option on a future: that contract) as the vendor delivers it with the quote; NaN where it
        does not.
    bid, ask, last : (n,) float64
        Prices for one unit of the underlying. 0 is a quote of zero (nobody bids), NaN is no quote; never crossed.
    bid_size, ask_size, volume, open_interest : (n,) float64
        Contracts; NaN where a vendor has none.
    vendor_iv, vendor_delta, vendor_gamma : (n,) float64
        As the vendor delivers them; NaN where it does not. They are kept beside ours and never trusted.
    offsets : (m + 1,) int64
        Snapshot ``i`` is the rows ``offsets[i]`` to ``offsets[i + 1]``; worked out from `ts_recv_ns`.

    Raises
    ------
    DataError
        Naming the first row that breaks one of these; imports keep such rows apart.
    """

    underlying: str
    roots: tuple[str, ...]
    ts_event_ns: I64_1D
    ts_recv_ns: I64_1D
    expiry_ns: I64_1D
    root: I16_1D
    right: I8_1D
    settlement: I8_1D
    strike: F64_1D
    underlying_price: F64_1D
    bid: F64_1D
    ask: F64_1D
    last: F64_1D
    bid_size: F64_1D
    ask_size: F64_1D
    volume: F64_1D
    open_interest: F64_1D
    vendor_iv: F64_1D
    vendor_delta: F64_1D
    vendor_gamma: F64_1D
    offsets: I64_1D = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n = len(self.ts_event_ns)
        for name in CHAIN_COLUMNS:
            array = getattr(self, name)
            if array.dtype != _DTYPES[name]:
                raise DataError(f"{self.underlying}: column {name} is {array.dtype}, expected {_DTYPES[name]}")
            if array.ndim != 1 or len(array) != n:
                raise DataError(f"{self.underlying}: column {name} has shape {array.shape}, expected ({n},)")
            if not array.flags.c_contiguous:
                raise DataError(f"{self.underlying}: column {name} is not contiguous; pass np.ascontiguousarray of it")
            readonly(array)
        if list(self.roots) != sorted(set(self.roots)):
            raise DataError(f"{self.underlying}: roots are {self.roots}; name each once, in alphabetical order")
        for label, bad in _faults(self):
            if bad.any():
                row = int(np.argmax(bad))
                told = ", ".join(f"{name} {getattr(self, name)[row]}" for name in _TOLD)
                raise DataError(f"{self.underlying}: option {row}: {label} ({told}); correct the row or leave it out")
        cuts = np.flatnonzero(self.ts_recv_ns[1:] != self.ts_recv_ns[:-1]) + 1
        offsets = np.concatenate((np.zeros(1, np.int64), cuts, np.full(min(n, 1), n, np.int64)))
        readonly(offsets)
        object.__setattr__(self, "offsets", offsets)

    def __len__(self) -> int:
        return len(self.ts_event_ns)

    @property
    def snapshot_count(self) -> int:
        """How many snapshots there are."""
        return len(self.offsets) - 1

    def snapshot(self, at: int) -> ChainSnapshots:
        """Snapshot number `at` alone, as views of the same memory; negative numbers count from the end.

        Raises
        ------
        IndexError
            If there is no such snapshot.
        """
        count = self.snapshot_count
        if not -count <= at < count:
            raise IndexError(f"{self.underlying}: there is no snapshot {at} among {count}")
        return self.rows(int(self.offsets[at % count]), int(self.offsets[at % count + 1]))

    def rows(self, start: int, stop: int) -> ChainSnapshots:
        """Rows ``start`` to ``stop`` (exclusive) as views of the same memory."""
        cut: Mapping[str, Any] = {name: getattr(self, name)[start:stop] for name in CHAIN_COLUMNS}
        return ChainSnapshots(self.underlying, self.roots, **cut)

    def take(self, rows: I64_1D | BOOL_1D) -> ChainSnapshots:
        """Some rows, in rising order, as new arrays."""
        cut: Mapping[str, Any] = {name: getattr(self, name)[rows] for name in CHAIN_COLUMNS}
        return ChainSnapshots(self.underlying, self.roots, **cut)

    @property
    def hash_sum(self) -> int:
        """Sum of the snapshots' SHA-256 as numbers, modulo 2^256: chains put together have the sum of their sums."""
        known = _HASHES.get(self)
        if known is None:
            hashes = (_snapshot_hash(self, at) for at in range(self.snapshot_count))
            known = _HASHES[self] = sum(hashes) % _HASH_RANGE
        return known

    @property
    def content_hash(self) -> str:
        """`hash_sum` as 64 hexadecimal digits: equal for equal data, however stored."""
        return f"{self.hash_sum:064x}"


CHAIN_COLUMNS: Final = tuple(f.name for f in fields(ChainSnapshots) if f.name not in ("underlying", "roots", "offsets"))
"""Columns of a chain, in catalog order."""
_DTYPES: Final = {
    name: np.dtype(
        np.int64
        if name.endswith("_ns")
        else np.int16
        if name == "root"
        else np.int8
        if name in ("right", "settlement")
        else np.float64
    )
    for name in CHAIN_COLUMNS
}
CHAIN_NUMBERS: Final = tuple(name for name in CHAIN_COLUMNS if _DTYPES[name] == np.float64)
"""Columns of float64: the strike, prices, sizes and what the vendor worked out."""
_TOLD: Final = ("ts_event_ns", "expiry_ns", "right", "strike", "bid", "ask")
_KEY: Final = ("ts_recv_ns", "expiry_ns", "root", "right", "strike")
_HASH_RANGE: Final = 1 << 256
_HASHES: WeakKeyDictionary[ChainSnapshots, int] = WeakKeyDictionary()


def chain_order(columns: Mapping[str, NDArray[Any]]) -> I64_1D:
    """Permutation that puts rows into the order of a chain; equal keys stay in the order in which they stand."""
    return np.lexsort(tuple(columns[name] for name in reversed(_KEY)))


def _snapshot_hash(chain: ChainSnapshots, at: int) -> int:
    """SHA-256 of one snapshot as a number; roots count by name, so that it matters not which others there are."""
    begin, end = int(chain.offsets[at]), int(chain.offsets[at + 1])
    used, codes = np.unique(chain.root[begin:end], return_inverse=True)
    names = ",".join(chain.roots[int(one)] for one in used)
    digest = hashlib.sha256(f"chain|{chain.underlying}|{names}|{end - begin}".encode())
    for name in CHAIN_COLUMNS:
        column = codes.astype(np.int16) if name == "root" else getattr(chain, name)[begin:end]
        digest.update(column.data)
    return int.from_bytes(digest.digest(), "big")


def _faults(chain: ChainSnapshots) -> Iterator[tuple[str, BOOL_1D]]:
    """(what is wrong, where) of everything that a row may not be."""
    yield "its snapshot is known before it was quoted", chain.ts_recv_ns < chain.ts_event_ns
    yield "it was quoted after its expiry", chain.expiry_ns < chain.ts_event_ns
    yield "its root has no name", (chain.root < 0) | (chain.root >= len(chain.roots))
    yield "its right is neither +1 nor -1", np.abs(chain.right) != 1
    yield "its settlement has unknown flags", (chain.settlement < 0) | (chain.settlement > _SETTLEMENT_MAX)
    yield "its strike is not above zero", ~((chain.strike > 0) & (chain.strike < np.inf))
    yield "its underlying is not above zero", (chain.underlying_price <= 0) | np.isinf(chain.underlying_price)
    for name in ("bid", "ask", "last", "bid_size", "ask_size", "volume", "open_interest"):
        column = getattr(chain, name)
        yield f"its {name} is below zero or infinite", (column < 0) | (column == np.inf)
    for name in ("vendor_iv", "vendor_delta", "vendor_gamma"):
        yield f"its {name} is infinite", np.isinf(getattr(chain, name))
    yield "its bid lies above its ask", chain.bid > chain.ask
    yield "it does not come after the row before it, or is the same contract", ~_rises(chain)


def _rises(chain: ChainSnapshots) -> BOOL_1D:
    """Whether each row's key is above that of the row before."""
    n = len(chain)
    above, equal = np.zeros(max(n - 1, 0), np.bool_), np.ones(max(n - 1, 0), np.bool_)
    for name in _KEY:
        column = getattr(chain, name)
        above |= equal & (column[1:] > column[:-1])
        equal &= column[1:] == column[:-1]
    return np.concatenate((np.ones(min(n, 1), np.bool_), above))
