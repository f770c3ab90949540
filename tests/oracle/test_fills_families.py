"""docs/fills.md sentence by sentence: reduce-only orders, one-cancels-the-other groups, parents and children.

Every expected number is worked out by hand; `play` runs both engines and holds them to each other.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracle.by_hand import HOUR, T0, ends, filled, flat, market, order, play, ticket
from tests.oracle.script import Cancel, Replace

FILLED = ("FILLED", "NONE", 1)
PARENT_DONE = ("CANCELLED", "PARENT_DONE", 0)
OCO = ("CANCELLED", "OCO", 0)


# -------------------------------------------------------------------------------------------------------- reduce-only


def test_a_reduce_only_order_with_nothing_to_reduce_waits_for_its_condition_and_is_cancelled() -> None:
    bars = market("MES", *flat(100, 2), (100, 100, 90, 100), *flat(100))
    result = play(bars, {0: [order("LIMIT", 1, limit=95, reduce_only=True)]})
    assert ends(result) == [("CANCELLED", "REDUCE_ONLY", 0)]
    assert result.orders[0].done == T0 + 3 * HOUR


@pytest.mark.parametrize("lots", [-1, 1])
def test_an_order_on_the_side_of_the_position_reduces_nothing(lots: int) -> None:
    script = {0: [order("MARKET", lots)], 1: [order("MARKET", lots, reduce_only=True, key="b")]}
    assert ends(play(market("MES", *flat(100, 4)), script))[1] == ("CANCELLED", "REDUCE_ONLY", 0)


def test_a_reduce_only_order_stops_at_flat_and_its_rest_is_cancelled() -> None:
    script = {0: [order("MARKET", 2)], 1: [order("MARKET", -5, reduce_only=True, key="b")]}
    result = play(market("MES", *flat(100, 4)), script)
    assert filled(result)[1] == (1, 2, -2, 100, "MARKET_AT_OPEN")
    assert ends(result)[1] == ("CANCELLED", "REDUCE_ONLY", 2)


def test_a_reduce_only_order_goes_on_while_volume_holds_it_back() -> None:
    rows = [*flat(100, 2), (100, 100, 100, 100, 2), (100, 100, 100, 100, 2), *flat(100, 2)]
    script = {0: [order("MARKET", 3)], 1: [order("MARKET", -5, reduce_only=True, key="b")]}
    result = play(market("MES", *rows), script)
    assert filled(result)[1:] == [(1, 2, -2, 100, "MARKET_AT_OPEN"), (1, 3, -1, 100, "MARKET_AT_OPEN")]
    assert ends(result)[1] == ("CANCELLED", "REDUCE_ONLY", 3)


def test_nothing_to_reduce_ends_it_even_where_the_volume_is_used_up() -> None:
    bars = market("MES", *flat(100), (100, 100, 100, 100, 0), *flat(100))
    assert ends(play(bars, {0: [order("MARKET", 1, reduce_only=True)]})) == [("CANCELLED", "REDUCE_ONLY", 0)]


@pytest.mark.parametrize(
    ("held", "end"),
    [
        (2, ("FILLED", "NONE", 2)),
        (1, ("CANCELLED", "NOT_FILLED_AT_ONCE", 0)),
        (0, ("CANCELLED", "REDUCE_ONLY", 0)),
    ],
)
def test_fill_or_kill_that_only_reduces(held: int, end: tuple[str, str, int]) -> None:
    script: dict[int, Any] = {1: [order("MARKET", -2, reduce_only=True, tif="FOK", key="b")]}
    if held:
        script[0] = [order("MARKET", held)]
    assert ends(play(market("MES", *flat(100, 4)), script))[-1] == end


def test_immediate_or_cancel_that_only_reduces() -> None:
    rows = [*flat(100, 2), (100, 100, 100, 100, 1), *flat(100, 2)]
    script = {0: [order("MARKET", 2)], 1: [order("MARKET", -5, reduce_only=True, tif="IOC", key="b")]}
    assert ends(play(market("MES", *rows), script))[1] == ("CANCELLED", "NOT_FILLED_AT_ONCE", 1)
    assert ends(play(market("MES", *flat(100, 5)), script))[1] == ("CANCELLED", "REDUCE_ONLY", 2)


# ---------------------------------------------------------------------------------------------- one cancels the other


def test_a_fill_ends_the_rest_of_its_group_at_that_event() -> None:
    bars = market("MES", *flat(100, 2), (100, 110, 90, 100), *flat(100))
    pair = [order("LIMIT", -1, limit=105, oco="x", key="a"), order("STOP", -1, stop=95, oco="x", key="b")]
    result = play(bars, {0: pair})
    # Both lie in the range of bar 2: the stop is tried first, and the limit, cancelled by its fill, no more.
    assert filled(result) == [(1, 2, -1, 95, "STOP_TOUCHED")]
    assert ends(result) == [OCO, FILLED]
    assert result.orders[0].done == T0 + 3 * HOUR


def test_at_an_open_the_first_of_a_group_ends_the_others() -> None:
    group = [order("MARKET", 1, oco="x", key=str(i)) for i in range(3)]
    result = play(market("MES", *flat(100, 3)), {0: [*group, order("MARKET", 1, oco="y", key="d")]})
    assert ends(result) == [FILLED, OCO, OCO, FILLED]


def test_a_part_is_enough_and_an_order_still_on_its_way_ends_too() -> None:
    bars = market("MES", *flat(100), (100, 100, 100, 100, 1), (100, 100, 100, 100, 0), *flat(100, 2))
    script = {0: [order("MARKET", 2, oco="x")], 1: [order("MARKET", 1, oco="x", key="b")]}
    # The fill of one lot ended nobody, since b was not sent yet; that of the second ends it.
    assert ends(play(bars, script)) == [("FILLED", "NONE", 2), OCO]
    script = {0: [order("MARKET", 2, oco="x"), order("LIMIT", 1, limit=50, oco="x", key="b")]}
    result = play(bars, script)
    assert [o.done for o in result.orders] == [T0 + 3 * HOUR, T0 + HOUR]
    # One that was sent, and is on its way while the first fills.
    script = {0: [order("MARKET", 1, oco="x")], 1: [order("MARKET", 1, oco="x", key="b")]}
    result = play(market("MES", *flat(100, 5)), script, latency=HOUR)
    assert ends(result) == [FILLED, OCO]
    assert result.orders[1].state == "CANCELLED"
    assert result.orders[1].session is None


def test_a_fill_of_no_lots_ends_nobody() -> None:
    script = {0: [order("MARKET", 1, oco="x"), order("LIMIT", 1, limit=50, oco="x", key="b")]}
    result = play(market("MES", *flat(100, 3)), script, cash=692 * 1_000_000)
    assert ends(result) == [("REJECTED", "INITIAL_MARGIN", 0), ("EXPIRED", "SESSION_END", 0)]


def test_a_word_joins_orders_of_one_instrument_only() -> None:
    bars = [market("MES", *flat(100, 3)), market("ES", *flat(100, 3))]
    pair = [order("MARKET", 1, oco="x"), order("MARKET", 1, symbol="ES", oco="x", key="b")]
    assert ends(play(bars, {0: pair})) == [FILLED, FILLED]


def test_a_group_cancels_before_it_cancels_children() -> None:
    group = [
        order("MARKET", 1, oco="x"),
        order("LIMIT", 1, limit=50, oco="x", key="b"),
        order("STOP", -1, stop=40, parent="b", key="c"),
        order("STOP", -1, stop=40, parent="b", oco="x", key="d"),
    ]
    assert ends(play(market("MES", *flat(100, 3)), {0: group})) == [FILLED, OCO, PARENT_DONE, OCO]


# -------------------------------------------------------------------------------------------------- parents, children


def bracket(lots: int, *, stop: int, target: int, tif: str = "GTC", **says: Any) -> list[Any]:
    """An entry at the market with its two exits."""
    exits = {"parent": "a", "oco": "exits", "reduce_only": True, "tif": tif}
    return [
        order("MARKET", lots, **says),
        order("STOP", -lots, stop=stop, key="s", **exits),
        order("LIMIT", -lots, limit=target, key="t", **exits),
    ]


def test_exits_wait_for_the_entry_and_work_in_its_bar() -> None:
    # The market was at the stop before the entry, and is again in the bar of the entry.
    bars = market("MES", (100, 100, 90, 100), (100, 101, 90, 100), *flat(100, 2))
    result = play(bars, {0: bracket(1, stop=95, target=105)})
    assert filled(result) == [(0, 1, 1, 100, "MARKET_AT_OPEN"), (1, 1, -1, 95, "STOP_TOUCHED")]
    assert ends(result) == [FILLED, FILLED, OCO]
    assert [o.arrives for o in result.orders] == [T0 + HOUR] * 3


def test_the_quantity_of_a_child_follows_its_parent() -> None:
    rows = [*flat(100), (100, 100, 100, 100, 2), (100, 100, 100, 100, 1), (110, 110, 110, 110), *flat(110)]
    result = play(market("MES", *rows), {0: bracket(3, stop=95, target=105)})
    assert filled(result) == [
        (0, 1, 2, 100, "MARKET_AT_OPEN"),
        (0, 2, 1, 100, "MARKET_AT_OPEN"),
        (2, 3, -3, 110, "LIMIT_AT_OPEN"),
    ]


def test_a_child_that_is_done_follows_no_more() -> None:
    rows = [*flat(101), (99, 99, 99, 99, 2), *flat(110), *flat(99), *flat(110)]
    family = [order("LIMIT", 5, limit=100), order("LIMIT", -9, limit=105, parent="a", key="t")]
    result = play(market("MES", *rows), {0: family})
    assert filled(result) == [
        (0, 1, 2, 99, "LIMIT_AT_OPEN"),
        (1, 2, -2, 110, "LIMIT_AT_OPEN"),
        (0, 3, 3, 99, "LIMIT_AT_OPEN"),
    ]
    assert ends(result) == [("FILLED", "NONE", 5), ("FILLED", "NONE", 2)]


def test_a_parent_filled_in_the_range_lets_its_children_in_at_the_next_bar() -> None:
    bars = market("MES", *flat(100), (100, 110, 90, 100), (100, 100, 94, 100), *flat(100))
    orders = [order("LIMIT", 1, limit=95), order("STOP", -1, stop=95, parent="a", key="s")]
    result = play(bars, {0: orders})
    assert filled(result) == [(0, 1, 1, 95, "LIMIT_THROUGH"), (1, 2, -1, 95, "STOP_TOUCHED")]
    assert result.orders[1].arrives == T0 + 2 * HOUR


@pytest.mark.parametrize(
    ("entry", "settings"),
    [
        (order("LIMIT", 1, limit=50), {}),  # expires
        (order("LIMIT", 1, limit=50, tif="IOC"), {}),
        (order("MARKET", 1, reduce_only=True), {}),
        (order("MARKET", 1), {"cash": 1_000_000}),  # refused
        (order("LIMIT", 1, limit=50, tif="GTD", expires=T0 + 2 * HOUR), {}),
    ],
)
def test_children_of_a_parent_that_ends_unfilled_end_with_it(entry: Any, settings: dict[str, Any]) -> None:
    bars = market("MES", *flat(100, 4), sessions=[0, 0, 0, 1])
    result = play(bars, {0: [entry, order("STOP", -1, stop=95, parent="a", key="s", tif="GTC")]}, **settings)
    assert ends(result)[1] == PARENT_DONE
    assert result.orders[1].done == result.orders[0].done


def test_children_of_a_cancelled_or_replaced_parent_end_with_it() -> None:
    family = [order("LIMIT", 1, limit=50), order("STOP", -1, stop=95, parent="a", key="s")]
    bars = market("MES", *flat(100, 4))
    assert ends(play(bars, {0: family, 1: [Cancel("a")]}))[1] == PARENT_DONE
    replaced = play(bars, {0: family, 1: [Replace("a", "b", ticket("MARKET", 1))]})
    assert ends(replaced) == [("CANCELLED", "REPLACED", 0), PARENT_DONE, FILLED]


def test_a_child_sent_late_takes_what_its_parent_has() -> None:
    bars = market("MES", *flat(100, 3), (100, 100, 90, 100), *flat(100))
    script = {0: [order("MARKET", 3)], 1: [order("STOP", -1, stop=95, parent="a", key="s")]}
    result = play(bars, script)
    assert filled(result)[1] == (1, 3, -3, 95, "STOP_TOUCHED")


def test_a_child_sent_after_its_parent_ended_unfilled_is_rejected() -> None:
    script = {
        0: [order("LIMIT", 1, limit=50, tif="IOC")],
        1: [order("STOP", -1, stop=95, parent="a", key="s")],
    }
    assert ends(play(market("MES", *flat(100, 4)), script))[1] == ("REJECTED", "PARENT_DONE", 0)


@pytest.mark.parametrize(("latency", "done"), [(0, 2), (HOUR, 3)])
def test_a_cancel_of_a_waiting_child_holds(latency: int, done: int) -> None:
    family = [order("LIMIT", 1, limit=50), order("STOP", -1, stop=95, parent="a", key="s")]
    result = play(market("MES", *flat(100, 6)), {0: family, 1: [Cancel("s")]}, latency=latency)
    assert ends(result)[1] == ("CANCELLED", "BY_STRATEGY", 0)
    assert result.orders[1].done == T0 + done * HOUR


def test_a_waiting_child_with_a_date_ends_on_it() -> None:
    child = order("STOP", -1, stop=95, parent="a", key="s", tif="GTD", expires=T0 + 2 * HOUR)
    result = play(market("MES", *flat(100, 5)), {0: [order("LIMIT", 1, limit=50), child]})
    assert ends(result)[1] == ("EXPIRED", "GOOD_TILL", 0)


def test_a_replacement_of_a_waiting_child_is_nobodys_child() -> None:
    family = [order("LIMIT", 1, limit=50), order("STOP", -1, stop=95, parent="a", key="s")]
    result = play(market("MES", *flat(100, 5)), {0: family, 1: [Replace("s", "r", ticket("MARKET", -2))]})
    assert ends(result)[1:] == [("CANCELLED", "REPLACED", 0), ("FILLED", "NONE", 2)]


def test_a_child_arrives_no_earlier_than_it_could_have_by_itself() -> None:
    # Sent at the close of bar 1 with two hours on its way, while its parent fills at the open of bar 3.
    bars = market("MES", *flat(100, 3), *flat(90, 5))
    script = {0: [order("LIMIT", 1, limit=95)], 1: [order("MARKET", -1, parent="a", key="s")]}
    result = play(bars, script, latency=2 * HOUR)
    assert filled(result) == [(0, 3, 1, 90, "LIMIT_AT_OPEN"), (1, 4, -1, 90, "MARKET_AT_OPEN")]
    assert result.orders[1].arrives == T0 + 4 * HOUR


def test_a_child_at_the_market_waits_for_the_next_open() -> None:
    script = {0: [order("MARKET", 2), order("MARKET", -1, parent="a", key="s")]}
    result = play(market("MES", *flat(100), *flat(101), *flat(102), *flat(103)), script)
    assert filled(result) == [(0, 1, 2, 101, "MARKET_AT_OPEN"), (1, 2, -2, 102, "MARKET_AT_OPEN")]


def test_a_trailing_exit_sees_no_price_from_before_its_entry() -> None:
    bars = market("MES", (100, 200, 100, 100), (100, 103, 99, 102), (102, 104, 97, 97), *flat(97))
    script = {0: [order("MARKET", 1), order("TRAILING_STOP", -1, trail=5, parent="a", key="s", tif="GTC")]}
    # It works from the range of bar 1 on: 103 - 5 = 98, reached in bar 2.
    assert filled(play(bars, script))[1] == (1, 2, -1, 98, "TRAILING_TOUCHED")


def test_what_lives_at_the_end_ends_for_that_alone() -> None:
    family = [order("LIMIT", 1, limit=50, tif="GTC"), order("STOP", -1, stop=95, parent="a", key="s", tif="GTC")]
    assert ends(play(market("MES", *flat(100, 4)), {0: family})) == [("CANCELLED", "RUN_END", 0)] * 2
