"""The explainer on frozen copies that were altered on purpose: it must notice each, and name what was altered."""

from __future__ import annotations

import copy
from functools import partial

import pytest

from tests.regression.explain import difference
from tests.regression.runs import RUNS, played
from tests.regression.snapshot import OUTCOME, Snapshot, rows_of, snapshot

NAME = "brackets"


def found() -> Snapshot:
    return snapshot(played(NAME)[1], RUNS[NAME].summary)


def told(frozen: Snapshot, now: Snapshot | None = None) -> str:
    text = difference(NAME, frozen, now or found(), played(NAME)[0])
    assert text is not None
    return text


def with_cell(held: Snapshot, table: str, at: int, column: str, value: str) -> Snapshot:
    """A copy in which one cell of a table says something else."""
    changed = copy.deepcopy(held)
    cells = changed[table][1 + at].split()
    cells[changed[table][0].split().index(column)] = value
    changed[table][1 + at] = " ".join(cells)
    return changed


def without_row(held: Snapshot, table: str, at: int) -> Snapshot:
    """A copy in which one row is missing and those after it have moved up."""
    changed = copy.deepcopy(held)
    rows = [line.split() for line in changed[table][1:] if int(line.split()[0]) != at]
    changed[table][1:] = [" ".join([str(number), *cells[1:]]) for number, cells in enumerate(rows)]
    return changed


def test_what_is_alike_is_not_told() -> None:
    frozen = {"history": [{"reason": "first frozen"}], **found()}
    assert difference(NAME, frozen, found(), played(NAME)[0]) is None


def test_one_price_of_an_order() -> None:
    assert rows_of(found()["orders"])[3]["limit"] == "16014"
    text = told(with_cell(found(), "orders", 3, "limit", "16015"))
    lines = text.splitlines()
    assert lines[0] == "brackets is not what was frozen."
    assert lines[1].startswith("order 3 (SELL 3 INDEX LIMIT DAY limit 16015, of book scripted) was sent otherwise: ")
    assert lines[1].endswith("limit frozen 16015, found 16014")
    assert "decided at 2021-03-01T19:30:00Z" in lines[2]
    assert "INDEX row 4, 2021-03-01T18:30:00Z to 2021-03-01T19:30:00Z, open " in lines[2]
    assert lines[3].strip() == "1 of 74 frozen and 74 found orders differ"
    assert lines[-1] == 'If the change is meant, rebuild it: python -m tests.regression.freeze --reason "WHY" brackets'


def test_the_first_of_several_orders_is_named() -> None:
    frozen = with_cell(with_cell(found(), "orders", 9, "lots", "77"), "orders", 5, "limit", "1")
    text = told(frozen)
    assert "order 5 (" in text
    assert "order 9 (" not in text
    assert "2 of 74 frozen and 74 found orders differ" in text


def test_how_an_order_ended() -> None:
    text = told(with_cell(found(), "orders", 3, "reason", "RUN_END"))
    assert "was sent alike and ended otherwise: reason frozen RUN_END, found SESSION_END" in text


def test_an_order_that_is_no_longer_sent() -> None:
    text = told(found(), without_row(found(), "orders", 12))
    row = rows_of(found()["orders"])[12]
    assert f"order 12 is missing: {row['side']} {row['lots']} INDEX {row['type']}" in text
    assert f"decided at {row['sent']}; the last bar known then: INDEX row" in text
    assert "frozen and 73 found orders differ" in text


def test_the_last_order_is_no_longer_sent() -> None:
    assert "order 73 is missing: " in told(found(), without_row(found(), "orders", 73))


def test_an_order_that_was_not_sent_before() -> None:
    text = told(without_row(found(), "orders", 12))
    assert "order 12 is new: " in text
    assert "it is not in the frozen run" in text


def test_one_price_of_a_fill_with_its_bar() -> None:
    row = rows_of(found()["fills"])[2]
    text = told(with_cell(found(), "fills", 2, "price", "1"))
    assert f"fill 2 of order {row['order']}: price frozen 1, found {row['price']}" in text
    assert f"its bar: INDEX row {row['row']}, " in text


def test_a_fill_that_is_missing_or_new() -> None:
    last = len(rows_of(found()["fills"])) - 1
    assert f"fill {last} is missing; frozen: order " in told(found(), without_row(found(), "fills", last))
    assert f"fill {last} is new: order " in told(without_row(found(), "fills", last))


def test_one_statistic() -> None:
    frozen = found()
    frozen["statistics"] = {**frozen["statistics"], "net_pnl_micros": "961000000"}
    assert told(frozen).splitlines()[1:-1] == ["statistic net_pnl_micros: frozen 961000000, found 962000000 (+1e+06)"]


def test_the_last_digit_of_a_statistic_and_one_that_is_gone() -> None:
    frozen = found()
    moved = frozen["statistics"]["sharpe_session"]
    frozen["statistics"] = {**frozen["statistics"], "sharpe_session": moved[:-1] + str((int(moved[-1]) + 1) % 10)}
    del frozen["statistics"]["hit_rate"]
    lines = told(frozen).splitlines()[1:-1]
    assert [line.split(":")[0] for line in lines] == ["statistic hit_rate", "statistic sharpe_session"]
    assert lines[0] == f"statistic hit_rate: frozen nothing, found {found()['statistics']['hit_rate']}"


def test_a_trade_and_a_session() -> None:
    text = told(with_cell(with_cell(found(), "trades", 1, "mae_micros", "-1"), "sessions", 4, "cash_micros", "5"))
    assert "trade 1: mae_micros frozen -1, found " in text
    assert "session 2021-03-05: cash_micros frozen 5, found 999171000000" in text


@pytest.mark.parametrize(("which", "table"), [("order_list_hash", "orders"), ("fills_hash", "fills")])
def test_a_hash_that_moved_by_itself(which: str, table: str) -> None:
    text = told({**found(), which: "0" * 64})
    assert f"{which}: frozen 000000000000, found {found()[which][:12]}; no row of the {table} differs" in text


def test_a_summary_and_an_unknown_entry() -> None:
    assert "summary: frozen 'old words', found " in told({**found(), "summary": "old words"})
    assert "holds other entries" in told({**found(), "another": 1})
    wider = found()
    wider["orders"] = [f" {line}" for line in wider["orders"]]
    assert "tables laid out otherwise" in told(wider)


@pytest.mark.parametrize("table", ["orders", "fills", "trades", "sessions"])
def test_no_column_can_change_unseen(table: str) -> None:
    change = partial(with_cell, found(), table, 1)
    for column in found()[table][0].split():
        text = told(change(column, "7777777"))
        assert f"{column} frozen 7777777, found " in text or (column == "session" and "session 7777777: " in text)


def test_a_column_that_came_or_went_is_told() -> None:
    frozen = found()
    frozen["orders"] = [" ".join(line.split()[:-1]) for line in frozen["orders"]]
    assert "done frozen nothing, found 2021-03-01T15:30:00Z" in told(frozen)


def test_an_instrument_that_is_no_longer_there_is_told() -> None:
    longer = with_cell(found(), "orders", 73, "symbol", "GONE")
    text = told(longer, without_row(found(), "orders", 73))
    assert "order 73 is missing: " in text
    assert "the run has no bars of GONE now" in text


def test_the_outcome_columns_are_columns() -> None:
    assert set(OUTCOME) < set(found()["orders"][0].split())
