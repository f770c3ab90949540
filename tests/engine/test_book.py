"""The engine's tables and the door into them: approved orders in sequence, cancels once, growth without loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import OrderError
from argus.core.orders import Order, OrderState, OrderType, Reason, Side, TimeInForce
from argus.core.risk import RiskApproved
from argus.engine._coast_kernels import note_cash
from argus.engine._kernels import advance
from argus.engine._layout import (
    INT64_MAX,
    S_ACTIVE,
    S_CASH,
    S_CASH_STEPS,
    S_CLOSED,
    S_JOURNAL,
    S_LIQUIDATING,
    S_ORDERS,
    S_TS,
    WAKE,
)
from argus.engine.book import RunTables
from argus.engine.config import RunConfig
from argus.engine.market import lay_out
from argus.engine.record import JOURNAL_ACCOUNTS
from argus.engine.view import ReplayAccount
from argus.portfolio import LimitRiskPolicy
from tests.engine.markets import DOLLAR, account, flat, market_of

LATENCY_NS = 7


def tables_at_first_wake(*symbols: str, observed: frozenset[str] | None = None) -> RunTables:
    how: dict[str, Any] = {} if observed is None else {"observed": observed}
    market = market_of(*(flat(symbol, [4_000.0] * 4, **how) for symbol in symbols or ("ES",)))
    config = account(1_000_000, latency_ns=LATENCY_NS)
    arrays = lay_out(market, tuple(market), config)
    tables = RunTables(arrays, config)
    assert advance(*tables.arguments()) == WAKE
    return tables


def approved(tables: RunTables, symbol: str = "ES", kind: OrderType = OrderType.MARKET, **changes: Any) -> RiskApproved:
    values: dict[str, Any] = {
        "order_id": int(tables.state[S_ORDERS]),
        "decision_id": 0,
        "instrument": symbol,
        "side": Side.BUY,
        "type": kind,
        "time_in_force": TimeInForce.GTC,
        "quantity_lots": 2,
        "limit_ticks": 15_000 if kind == OrderType.LIMIT else None,
    }
    verdict = LimitRiskPolicy(check_margin=False).approve(
        Order(**(values | changes)), ReplayAccount(tables, {symbol: 0})
    )
    assert isinstance(verdict, RiskApproved)
    return verdict


@pytest.mark.parametrize("other", ["an order", None])
def test_only_what_was_approved_comes_in(other: Any) -> None:
    tables = tables_at_first_wake()
    bare = approved(tables).order if other == "an order" else other
    with pytest.raises(OrderError, match="is not approved: an order reaches the engine only through the risk policy"):
        tables.submit(bare, 0)
    assert tables.state[S_ORDERS] == 0


def test_orders_come_in_sequence() -> None:
    tables = tables_at_first_wake()
    with pytest.raises(OrderError, match="order 3 is out of sequence; the next order is 0"):
        tables.submit(approved(tables, order_id=3), 0)
    first = approved(tables)
    tables.submit(first, 0)
    with pytest.raises(OrderError, match="order 0 is out of sequence; the next order is 1"):
        tables.submit(first, 0)


def test_an_order_as_it_was_sent() -> None:
    tables = tables_at_first_wake()
    tables.submit(approved(tables, kind=OrderType.LIMIT, side=Side.SELL, tag="exit", decision_id=4), 0)
    row = tables.orders[0]
    now = int(tables.state[S_TS])
    assert (row["decision_id"], row["side"], row["type"], row["limit_ticks"], row["stop_ticks"]) == (
        4,
        -1,
        1,
        15_000,
        0,
    )
    assert (row["ts_submit_ns"], row["ts_arrive_ns"], row["ts_cancel_ns"]) == (now, now + LATENCY_NS, INT64_MAX)
    assert (row["state"], row["replaces_id"], row["replaced_by"]) == (OrderState.SUBMITTED, -1, -1)
    assert tables.order_tags == {0: "exit"}
    assert tables.active[: tables.state[S_ACTIVE]].tolist() == [0]


@pytest.mark.parametrize("kind", [OrderType.MARKET_ON_OPEN, OrderType.MARKET_ON_CLOSE])
def test_auction_orders_are_day_orders_whatever_they_say(kind: OrderType) -> None:
    tables = tables_at_first_wake()
    tables.submit(approved(tables, kind=kind), 0)
    assert tables.orders[0]["tif"] == TimeInForce.DAY


def test_the_first_cancel_of_an_order_holds() -> None:
    tables = tables_at_first_wake()
    tables.submit(approved(tables), 0)
    assert tables.cancel(0, Reason.BY_STRATEGY)
    due = int(tables.orders[0]["ts_cancel_ns"])
    assert due == tables.state[S_TS] + LATENCY_NS
    tables.state[S_TS] += 5
    assert not tables.cancel(0, Reason.REPLACED)
    assert (tables.orders[0]["ts_cancel_ns"], tables.orders[0]["reason"]) == (due, Reason.BY_STRATEGY)


def test_a_finished_order_cannot_be_cancelled() -> None:
    tables = tables_at_first_wake()
    tables.submit(approved(tables), 0)
    tables.orders[0]["state"] = OrderState.FILLED
    assert not tables.cancel(0, Reason.BY_STRATEGY)
    assert tables.orders[0]["ts_cancel_ns"] == INT64_MAX


def test_a_replacement_is_a_new_order_and_a_cancel_of_the_old_one() -> None:
    tables = tables_at_first_wake()
    tables.submit(approved(tables), 0)
    tables.submit(approved(tables, replaces_id=0, quantity_lots=5), 0)
    old, new = tables.orders[0], tables.orders[1]
    assert (old["reason"], old["replaced_by"], old["ts_cancel_ns"]) == (Reason.REPLACED, 1, new["ts_arrive_ns"])
    assert (new["replaces_id"], new["quantity_lots"]) == (0, 5)


@pytest.mark.parametrize(
    ("slots", "reason"),
    [
        ({S_CLOSED: 1}, Reason.ACCOUNT_CLOSED),
        ({S_LIQUIDATING: 1}, Reason.LIQUIDATION),
        ({S_CLOSED: 1, S_LIQUIDATING: 1}, Reason.ACCOUNT_CLOSED),
    ],
)
def test_what_is_rejected_when_sent_replaces_nothing(slots: dict[int, int], reason: Reason) -> None:
    tables = tables_at_first_wake()
    tables.submit(approved(tables), 0)
    for slot, value in slots.items():
        tables.state[slot] = value
    tables.submit(approved(tables, replaces_id=0), 0)
    row = tables.orders[1]
    assert (row["state"], row["reason"], row["ts_done_ns"]) == (OrderState.REJECTED, reason, tables.state[S_TS])
    assert row["replaces_id"] == 0, "the record keeps what was asked"
    assert (tables.orders[0]["replaced_by"], tables.orders[0]["ts_cancel_ns"]) == (-1, INT64_MAX)
    assert tables.state[S_ACTIVE] == 1


def test_without_observed_opens_only_the_close_can_be_asked_for() -> None:
    tables = tables_at_first_wake("ES", observed=frozenset({"close"}))
    tables.submit(approved(tables), 0)
    tables.submit(approved(tables, kind=OrderType.MARKET_ON_CLOSE), 0)
    assert tables.orders["reason"][:2].tolist() == [Reason.NO_SUCH_PRICE, Reason.NONE]


def test_pending_counts_what_market_orders_have_left_until_they_are_cancelled() -> None:
    tables = tables_at_first_wake("ES", "NQ")
    assert tables.pending_lots(0) == 0
    tables.submit(approved(tables, quantity_lots=5), 0)
    tables.submit(approved(tables, quantity_lots=2, side=Side.SELL, kind=OrderType.MARKET_ON_CLOSE), 0)
    tables.submit(approved(tables, quantity_lots=9, kind=OrderType.LIMIT), 0)
    tables.submit(approved(tables, "NQ", quantity_lots=4), 1)
    assert (tables.pending_lots(0), tables.pending_lots(1)) == (3, 4)
    tables.orders[0]["filled_lots"] = 1
    assert tables.pending_lots(0) == 2
    tables.cancel(1, Reason.BY_STRATEGY)
    assert tables.pending_lots(0) == 4


def test_tables_grow_and_keep_what_they_hold() -> None:
    tables = tables_at_first_wake()
    for _ in range(700):
        tables.submit(approved(tables, kind=OrderType.LIMIT), 0)
    assert len(tables.orders) >= 700 <= len(tables.active)
    assert tables.active[:700].tolist() == list(range(700))
    assert (tables.orders["quantity_lots"][:700] == 2).all()
    before = {name: getattr(tables, name).copy() for name in ("orders", "fills", "journal", "active")}
    tables.grow()
    for name, table in before.items():
        grown = getattr(tables, name)
        assert len(grown) == 2 * len(table)
        assert grown[: len(table)].tobytes() == table.tobytes()
        assert not np.frombuffer(grown[len(table) :].tobytes(), dtype=np.uint8).any()


def test_the_books_open_with_the_capital() -> None:
    market = market_of(flat("ES", [1.0], first_day=19_500), flat("NQ", [1.0], first_day=19_400))
    tables = RunTables(
        lay_out(market, tuple(market), RunConfig()),
        account(5_000),
    )
    entry = tables.journal[0]
    assert tables.state[S_JOURNAL] == 1
    assert (JOURNAL_ACCOUNTS[entry["debit"]], JOURNAL_ACCOUNTS[entry["credit"]]) == ("CASH", "CAPITAL")
    assert (entry["amount_micros"], entry["fill_id"], entry["instrument"]) == (5_000 * DOLLAR, -1, -1)
    assert entry["ts_ns"] == market["NQ"][1].ts_event_ns[0], "before anything happened"


@given(
    st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=1, max_size=40),
    st.integers(0, 45),
)
def test_changes_of_cash_give_the_cash_of_every_row(noted: list[tuple[bool, int]], first: int) -> None:
    """Rows come in sequence, the last may be noted again; the cash of a row is what was noted last for it."""
    tables = tables_at_first_wake()
    tables.state[S_CASH_STEPS] = 0
    by_row: list[int] = []
    for again, cash in noted:
        if again and by_row:
            by_row[-1] = cash
        else:
            by_row.append(cash)
        tables.state[S_CASH] = cash
        note_cash(len(by_row) - 1, tables.state, tables.cash_steps)
    first = min(first, len(by_row))
    assert tables.cash_micros(first, len(by_row)).tolist() == by_row[first:]
    assert tables.state[S_CASH_STEPS] <= len(noted)
