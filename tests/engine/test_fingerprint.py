from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from argus.core.errors import DataError
from argus.core.intents import Bracket, Intent, OrderRequest
from argus.core.orders import OrderType, Side, TimeInForce
from argus.core.ports import View
from argus.engine.fingerprint import FILL_COLUMNS, ORDER_COLUMNS, fills_hash, order_list_hash
from argus.engine.record import FILL_DTYPE, ORDER_DTYPE, RunRecord
from argus.engine.replay import run_books
from argus.portfolio import FixedUnits, LimitRiskPolicy
from tests.engine.markets import Scripted, TrialList, account, at_wakes, market_of, order, random_bars

OUTCOME = {
    "state",
    "reason",
    "triggered",
    "filled_lots",
    "replaced_by",
    "session",
    "level",
    "ts_ready_ns",
    "ts_arrive_ns",
    "ts_cancel_ns",
    "ts_done_ns",
}
"""Columns of an order that the market and the engine write."""
ELSEWHERE = {"decision_id": "a number of the run; the instant of the decision is hashed", "instrument": "as the line"}


@pytest.fixture(scope="module")
def record() -> RunRecord:
    """Two books that trade two instruments, with a bracket among the orders."""

    def entry(view: View, number: int) -> Sequence[Intent]:
        if number != 3:
            return ()
        close = float(view.bars("ES", 1).close[-1])
        sent = OrderRequest("ES", Side.BUY, OrderType.MARKET, 2.0, time_in_force=TimeInForce.GTC, order_key="in")
        return (Bracket(sent, stop_price=close - 2.0, target_price=close + 2.0),)

    second = at_wakes(
        {1: [order("NQ", -2.0)], 4: [order("ES", 1.0, OrderType.LIMIT, limit=1_100.0)], 6: [order("NQ", 1.0)]}
    )
    return run_books(
        {"one": Scripted(["ES"], entry), "two": Scripted(["ES", "NQ"], second)},
        market_of(random_bars(1, "ES", 20), random_bars(2, "NQ", 20)),
        account(1_000_000),
        sizer=FixedUnits(1),
        risk=LimitRiskPolicy(check_margin=False),
        trials=TrialList(),
    )


def with_cell(record: RunRecord, table: str, row: int, column: str, value: int) -> RunRecord:
    """A record of which one cell says something else."""
    changed = getattr(record, table).copy()
    changed[column][row] = value
    changed.setflags(write=False)
    return replace(record, **{table: changed})


def by_hand(title: str, record: RunRecord, table: NDArray[np.void], columns: Sequence[str]) -> str:
    """The documented layout, written once more, number by number."""

    def text(value: str) -> bytes:
        return struct.pack("<q", len(value.encode())) + value.encode()

    lines: list[int] = []
    rows = b""
    for row in table:
        line = int(row["instrument"])
        if line not in lines:
            lines.append(line)
        numbers = [lines.index(line)]
        for column in columns:
            waits = column == "quantity_lots" and row["parent_id"] >= 0
            numbers.append(0 if waits else int(row[column]))
        rows += struct.pack(f"<{len(numbers)}q", *numbers)
    books = list(dict.fromkeys(record.books))
    head = text(title) + struct.pack("<q", len(lines))
    for line in lines:
        head += struct.pack("<q", books.index(record.books[line])) + text(record.universe[line])
    return hashlib.sha256(head + struct.pack("<q", len(table)) + rows).hexdigest()


def test_the_layout_is_the_documented_one(record: RunRecord) -> None:
    assert len(record.orders) == 6
    assert len(record.fills) >= 4
    assert order_list_hash(record) == by_hand("argus orders 1", record, record.orders, ORDER_COLUMNS)
    assert fills_hash(record) == by_hand("argus fills 1", record, record.fills, FILL_COLUMNS)


def test_every_column_is_hashed_or_left_out_for_a_reason() -> None:
    assert set(ORDER_COLUMNS) | OUTCOME | set(ELSEWHERE) == set(ORDER_DTYPE.names or ())
    assert not set(ORDER_COLUMNS) & (OUTCOME | set(ELSEWHERE))
    assert set(FILL_COLUMNS) | {"instrument", "row", "base_ticks"} == set(FILL_DTYPE.names or ())


@pytest.mark.parametrize("column", ORDER_COLUMNS)
def test_what_was_sent_moves_the_hash(record: RunRecord, column: str) -> None:
    assert order_list_hash(with_cell(record, "orders", 0, column, 77)) != order_list_hash(record)


@pytest.mark.parametrize("column", sorted(OUTCOME | {"decision_id"}))
def test_how_an_order_ended_does_not(record: RunRecord, column: str) -> None:
    assert order_list_hash(with_cell(record, "orders", 0, column, 3)) == order_list_hash(record)


def test_the_quantity_of_an_order_that_waits_for_a_parent_is_not_its_own(record: RunRecord) -> None:
    child = int(np.flatnonzero(record.orders["parent_id"] >= 0)[0])
    assert order_list_hash(with_cell(record, "orders", child, "quantity_lots", 9)) == order_list_hash(record)
    assert order_list_hash(with_cell(record, "orders", child, "parent_id", -1)) != order_list_hash(record)


@pytest.mark.parametrize("column", FILL_COLUMNS)
def test_what_a_fill_was_moves_its_hash_and_no_order(record: RunRecord, column: str) -> None:
    changed = with_cell(record, "fills", 1, column, 5)
    assert fills_hash(changed) != fills_hash(record)
    assert order_list_hash(changed) == order_list_hash(record)


@pytest.mark.parametrize("column", ["row", "base_ticks"])
def test_where_the_bar_lies_does_not(record: RunRecord, column: str) -> None:
    assert fills_hash(with_cell(record, "fills", 0, column, 3)) == fills_hash(record)


def test_the_sequence_counts(record: RunRecord) -> None:
    assert order_list_hash(replace(record, orders=record.orders[::-1].copy())) != order_list_hash(record)
    assert order_list_hash(replace(record, orders=record.orders[:-1].copy())) != order_list_hash(record)


@pytest.mark.parametrize("table", ["orders", "fills"])
def test_padding_integer_width_and_new_columns_do_not(record: RunRecord, table: str) -> None:
    held = getattr(record, table)
    wider: list[Any] = [("later", np.int8)]
    wider += [(name, np.float64 if name in ("level", "base_ticks") else ">i8") for name in reversed(held.dtype.names)]
    packed = np.zeros(len(held), dtype=np.dtype(wider))
    for name in held.dtype.names:
        packed[name] = held[name]
    tables: dict[str, Any] = {table: packed}
    changed = replace(record, **tables)
    assert (order_list_hash(changed), fills_hash(changed)) == (order_list_hash(record), fills_hash(record))


def test_books_count_by_their_number_and_instruments_by_their_symbol(record: RunRecord) -> None:
    assert record.books == ("one", "two", "two")
    for hashed in (order_list_hash, fills_hash):
        assert hashed(replace(record, books=("first", "second", "second"))) == hashed(record)
        assert hashed(replace(record, books=("one", "one", "two"))) != hashed(record)
        assert hashed(replace(record, books=("two", "one", "one"))) == hashed(record)
        assert hashed(replace(record, universe=("ES", "ES", "RTY"))) != hashed(record)


def test_a_line_without_orders_does_not_count(record: RunRecord) -> None:
    def moved(table: NDArray[np.void]) -> NDArray[np.void]:
        changed = table.copy()
        changed["instrument"] += 1
        return changed

    longer = replace(
        record,
        universe=("GC", *record.universe),
        books=("one", *record.books),
        orders=moved(record.orders),
        fills=moved(record.fills),
    )
    assert order_list_hash(longer) == order_list_hash(record)
    assert fills_hash(longer) == fills_hash(record)


def test_no_orders_have_a_hash_too(record: RunRecord) -> None:
    empty = replace(record, orders=record.orders[:0].copy(), fills=record.fills[:0].copy())
    nothing = struct.pack("<q", 0) * 2
    title = struct.pack("<q", 14) + b"argus orders 1"
    assert order_list_hash(empty) == hashlib.sha256(title + nothing).hexdigest()
    assert fills_hash(empty) != order_list_hash(empty)


def test_a_record_that_names_too_few_books_is_an_error(record: RunRecord) -> None:
    with pytest.raises(DataError, match="names 1 books for 3 lines"):
        order_list_hash(replace(record, books=("one",)))
