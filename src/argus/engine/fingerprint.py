"""Fingerprints of a run: one hash for what was sent, one for what was filled.

Two runs with the same order-list hash sent the same orders, at the same instants, in the same sequence, however the
strategy was written. The fills hash says the same of what came back. Both are hashes over bytes laid out here, field
by field: neither the padding of a table nor a column that is added to it later moves them.

Layout. Integers are signed, 64 bits, least significant byte first; a text is its length in bytes, then its UTF-8 bytes.

1. A text: ``argus orders 1`` or ``argus fills 1``; the number is raised if this layout ever changes.
2. The number of lines that follow, one for each instrument of each book that the table speaks of, in the sequence in
   which they come up first: the number of the book (its place in the run, from 0), then the symbol as a text.
3. The number of rows, then each row's integers: the place of its line in that list, then the columns of
   `ORDER_COLUMNS` or `FILL_COLUMNS`.

A book counts by its number and not by its name, which is the strategy's: the same idea written twice has two names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import I64_1D
from argus.core.errors import DataError
from argus.engine.record import RunRecord

__all__ = ["FILL_COLUMNS", "ORDER_COLUMNS", "fills_hash", "order_list_hash", "orders_hash"]

ORDER_COLUMNS: Final = (
    "ts_submit_ns",
    "side",
    "type",
    "tif",
    "quantity_lots",
    "limit_ticks",
    "stop_ticks",
    "trail_ticks",
    "expires_ns",
    "reduce_only",
    "oco_group",
    "parent_id",
    "replaces_id",
    "liquidation",
)
"""What makes an order the order it is, in the sequence in which it is hashed; how it ended is no part of it.

The quantity of an order that waits for a parent is hashed as 0: it is whatever the parent fills, and follows it.
"""
FILL_COLUMNS: Final = (
    "order_id",
    "rule",
    "ts_event_ns",
    "signed_lots",
    "price_ticks",
    "value_micros",
    "fee_micros",
    "impact_micros",
    "position_after_lots",
)
"""What is hashed of a fill: all of it but the row of its bar and the price before slippage, which are the data's."""


def order_list_hash(record: RunRecord) -> str:
    """SHA-256 of every order as it was sent, 64 hex digits; see the layout above.

    Parameters
    ----------
    record : RunRecord
        Orders that the engine entered itself (liquidations, halts that flatten) count; refusals of the risk policy,
        which never became orders, do not.
    """
    return orders_hash(record.orders, record.universe, record.books)


def orders_hash(orders: NDArray[np.void], universe: Sequence[str], books: Sequence[str]) -> str:
    """The same of a table of orders alone, with the instrument and the book of each line of the run."""
    columns = {name: _integers(orders, name) for name in ORDER_COLUMNS}
    columns["quantity_lots"] = np.where(columns["parent_id"] >= 0, 0, columns["quantity_lots"])
    return _hashed("argus orders 1", universe, books, _integers(orders, "instrument"), columns)


def fills_hash(record: RunRecord) -> str:
    """SHA-256 of every fill with its price, costs and the position after it, 64 hex digits; see the layout above."""
    fills = record.fills
    columns = {name: _integers(fills, name) for name in FILL_COLUMNS}
    return _hashed("argus fills 1", record.universe, record.books, _integers(fills, "instrument"), columns)


def _integers(table: NDArray[np.void], name: str) -> I64_1D:
    column: I64_1D = table[name].astype(np.int64)
    return column


def _hashed(title: str, universe: Sequence[str], books: Sequence[str], line: I64_1D, columns: dict[str, I64_1D]) -> str:
    if len(books) != len(universe):
        raise DataError(f"the record names {len(books)} books for {len(universe)} lines; it needs one for each line")
    book_numbers = {name: number for number, name in enumerate(dict.fromkeys(books))}
    lines, first, place = np.unique(line, return_index=True, return_inverse=True)
    sequence = np.argsort(first)  # of the lines, by the row that speaks of them first
    rank = np.empty(len(lines), dtype=np.int64)
    rank[sequence] = np.arange(len(lines))
    digest = hashlib.sha256(_text(title) + _number(len(lines)))
    for code in lines[sequence].tolist():
        digest.update(_number(book_numbers[books[code]]) + _text(universe[code]))
    rows = np.column_stack([rank[place], *columns.values()])
    digest.update(_number(len(rows)) + np.ascontiguousarray(rows, dtype="<i8").tobytes())
    return digest.hexdigest()


def _number(value: int) -> bytes:
    return value.to_bytes(8, "little", signed=True)


def _text(value: str) -> bytes:
    encoded = value.encode()
    return _number(len(encoded)) + encoded
