"""docs/fills.md sentence by sentence, first half: units, events, orders and the table of fills.

Every expected number is worked out by hand; `play` runs both engines and holds them to each other.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from tests.oracle.by_hand import HOUR, T0, costs, ends, filled, flat, hours, market, order, play, ticket
from tests.oracle.script import Cancel, Replace

FILLED = ("FILLED", "NONE", 1)


# ------------------------------------------------------------------------------------------------------------- units


def test_a_price_within_a_millionth_of_a_tick_is_on_the_grid() -> None:
    bars = market("MES", *flat(100), (100.0000004, 101, 100, 100), *flat(100))
    assert filled(play(bars, {0: [order("MARKET", 1)]})) == [(0, 1, 1, 100, "MARKET_AT_OPEN")]


@pytest.mark.parametrize(("lots", "price"), [(1, 101), (-1, 100)])
def test_a_price_off_the_grid_is_rounded_against_the_trader(lots: int, price: int) -> None:
    bars = market("MES", *flat(100), (Fraction(1002, 10), 101, 100, 100), *flat(100))
    assert filled(play(bars, {0: [order("MARKET", lots)]})) == [(0, 1, lots, price, "MARKET_AT_OPEN")]


@pytest.mark.parametrize(("close", "mark"), [(100.5, 100), (101.5, 102), (100.75, 101), (99.5, 100)])
def test_a_mark_is_rounded_to_the_nearest_tick_half_to_even(close: float, mark: int) -> None:
    bars = market("MES", *flat(100), (100, 102, 99, close), *flat(100))
    result = play(bars, {0: [order("MARKET", 1)]})
    # One tick of one MES is 1.25 dollars.
    assert result.curve[1][2] - 1_000_000_000_000 == (mark - 100) * 1_250_000


@pytest.mark.parametrize(("lots", "value"), [(5_000, 5_000), (15_000, 15_002), (25_000, 25_002)])
def test_a_value_finer_than_a_micro_unit_is_rounded_half_even(lots: int, value: int) -> None:
    # 10,001 ticks are worth 1.0001 micro-units a lot: 5,000.5, 15,001.5 and 25,002.5.
    bars = market("BTCUSD", *flat(10_001), (10_001, 10_001, 10_001, 10_001, 10**9), *flat(10_001))
    result = play(bars, {0: [order("MARKET", lots, symbol="BTCUSD")]}, account="cash")
    assert [fill.value for fill in result.fills] == [value]


# ------------------------------------------------------------------------------------------------------------- events


def test_a_decision_at_a_close_meets_the_open_of_the_same_instant() -> None:
    bars = market("MES", (100, 100, 100, 105), (107, 107, 107, 107), *flat(100))
    assert filled(play(bars, {0: [order("MARKET", 1)]})) == [(0, 1, 1, 107, "MARKET_AT_OPEN")]


def test_a_bar_known_late_is_decided_on_late() -> None:
    bars = market("MES", *flat(100), *flat(101), *flat(102), delay=1)
    result = play(bars, {0: [order("MARKET", 1)]})
    assert result.wakes[0] == T0 + HOUR + 1
    assert filled(result) == [(0, 2, 1, 102, "MARKET_AT_OPEN")]


def test_events_of_one_instant_go_in_the_order_of_the_universe() -> None:
    bars = [market("MES", *flat(100, 3)), market("ES", *flat(100, 3))]
    result = play(bars, {0: [order("MARKET", 1, symbol="ES", key="a"), order("MARKET", 1, symbol="MES", key="b")]})
    assert [(fill.order_id, fill.line) for fill in result.fills] == [(1, 0), (0, 1)]


def test_an_answer_to_a_fill_at_the_open_works_in_that_bar_but_a_market_order_waits() -> None:
    bars = market("MES", *flat(100), (100, 110, 90, 100), *flat(105))
    answer = [order("LIMIT", -1, key="b", limit=109), order("STOP", -1, key="c", stop=91), order("MARKET", 1, key="d")]
    result = play(bars, {0: [order("MARKET", 1)]}, {0: answer})
    assert filled(result) == [
        (0, 1, 1, 100, "MARKET_AT_OPEN"),
        (2, 1, -1, 91, "STOP_TOUCHED"),
        (1, 1, -1, 109, "LIMIT_THROUGH"),
        (3, 2, 1, 105, "MARKET_AT_OPEN"),
    ]


def test_an_answer_to_a_fill_of_another_instrument_works_in_a_bar_that_began_then() -> None:
    bars = [market("MES", *flat(100), (100, 110, 90, 100), *flat(100)), market("ES", *flat(50, 3))]
    answer = {0: [order("LIMIT", 1, key="b", limit=95)]}
    result = play(bars, {0: [order("MARKET", 1, symbol="ES")]}, answer)
    assert filled(result)[1] == (1, 1, 1, 95, "LIMIT_THROUGH")


def test_a_fill_within_a_bar_is_told_at_its_close_though_the_bar_is_known_later() -> None:
    bars = market("MES", *flat(101), *flat(101), (101, 101, 99, 101), *flat(103), delay=HOUR // 2)
    result = play(bars, {0: [order("LIMIT", 1, limit=100)]}, {0: [order("MARKET", 1, key="b")]})
    assert filled(result) == [(0, 2, 1, 100, "LIMIT_THROUGH"), (1, 3, 1, 103, "MARKET_AT_OPEN")]
    assert result.orders[1].submitted == T0 + 3 * HOUR


def test_wakes_at_session_ends_only() -> None:
    bars = market("MES", *flat(100, 5), sessions=[0, 0, 1, 1, 1])
    assert play(bars, {}, wake="session_end").wakes == [T0 + 2 * HOUR, T0 + 5 * HOUR]


def test_no_wake_before_every_instrument_is_warm() -> None:
    late = [start + 2 * HOUR for start in hours(3)]
    bars = [market("MES", *flat(100, 5)), market("ES", *flat(100, 3), starts=late)]
    assert play(bars, {}, warmup=2).wakes == [T0 + 4 * HOUR, T0 + 5 * HOUR]
    assert play(bars, {}, warmup=0).wakes == [T0 + 3 * HOUR, T0 + 4 * HOUR, T0 + 5 * HOUR]


def test_no_decisions_before_the_start_nor_at_or_after_the_end() -> None:
    bars = market("MES", *flat(100, 5))
    result = play(
        bars,
        {0: [order("MARKET", 1)], 1: [order("MARKET", 1, key="b")]},
        {0: [order("MARKET", 5, key="c")], 1: [order("MARKET", 7, key="d")]},
        start=T0 + 2 * HOUR,
        end=T0 + 3 * HOUR,
    )
    assert result.wakes == [T0 + 2 * HOUR]
    assert filled(result) == [(0, 2, 1, 100, "MARKET_AT_OPEN"), (1, 3, 5, 100, "MARKET_AT_OPEN")]
    assert [point[0] for point in result.curve] == [T0 + i * HOUR for i in (2, 3, 4, 5)]


# ------------------------------------------------------------------------------------------------------------- orders


@pytest.mark.parametrize(("latency", "row"), [(0, 1), (1, 2), (HOUR, 2), (HOUR + 1, 3)])
def test_an_order_takes_part_in_bars_that_start_at_or_after_its_arrival(latency: int, row: int) -> None:
    bars = market("MES", *flat(100, 5))
    assert filled(play(bars, {0: [order("MARKET", 1)]}, latency=latency))[0][1] == row


def test_a_day_order_expires_with_the_session_of_its_first_bar() -> None:
    bars = market("MES", *flat(100, 4), sessions=[0, 0, 1, 1])
    result = play(bars, {0: [order("LIMIT", 1, limit=90)], 1: [order("LIMIT", 1, limit=90, key="b")]})
    assert ends(result) == [("EXPIRED", "SESSION_END", 0)] * 2
    assert [o.done for o in result.orders] == [T0 + 2 * HOUR, T0 + 4 * HOUR]


def test_without_a_session_end_a_day_order_expires_before_a_later_session() -> None:
    bars = market("MES", *flat(100, 2), *flat(90, 2), sessions=[0, 0, 1, 1], ends=())
    result = play(bars, {0: [order("LIMIT", 1, limit=95), order("LIMIT", 1, limit=95, tif="GTC", key="b")]})
    assert ends(result) == [("EXPIRED", "SESSION_END", 0), FILLED]
    assert filled(result) == [(1, 2, 1, 90, "LIMIT_AT_OPEN")]


def test_what_lives_when_the_data_end_is_cancelled() -> None:
    bars = market("MES", *flat(100, 4), sessions=[0, 0, 1, 1], ends=(1,))
    result = play(bars, {0: [order("LIMIT", 1, limit=90, tif="GTC")], 2: [order("LIMIT", 1, limit=90, key="b")]})
    assert ends(result) == [("CANCELLED", "RUN_END", 0)] * 2


def test_a_market_on_open_order_waits_for_the_first_bar_of_a_session() -> None:
    bars = market("MES", *flat(100, 3), *flat(107, 2), sessions=[0, 0, 0, 1, 1])
    assert filled(play(bars, {0: [order("MARKET_ON_OPEN", 1)]})) == [(0, 3, 1, 107, "MARKET_ON_OPEN")]


def test_a_market_on_open_order_sent_after_the_open_waits_for_the_next_session() -> None:
    bars = market("MES", *flat(100, 1), *flat(101, 2), *flat(102, 2), sessions=[0, 1, 1, 2, 2])
    result = play(bars, {0: [order("MARKET", 1)]}, {0: [order("MARKET_ON_OPEN", 1, key="b")]})
    assert filled(result)[1] == (1, 3, 1, 102, "MARKET_ON_OPEN")


def test_on_open_and_on_close_orders_last_one_session_whatever_they_say() -> None:
    rows = [*flat(100), (None, 100, 100, 100), (100, 100, 100, None), *flat(100, 2)]
    bars = market("MES", *rows, sessions=[0, 1, 1, 2, 2])
    both = [order("MARKET_ON_OPEN", 1, tif="GTC"), order("MARKET_ON_CLOSE", 1, tif="GTC", key="b")]
    assert ends(play(bars, {0: both})) == [("EXPIRED", "SESSION_END", 0)] * 2


@pytest.mark.parametrize(("latency", "fills"), [(0, []), (1, [(0, 2, 1, 95, "LIMIT_THROUGH")])])
def test_a_cancel_spares_the_bar_that_had_started(latency: int, fills: list[Any]) -> None:
    # Bar 2 starts at the decision to cancel: with latency it had started before the cancel took effect.
    bars = market("MES", *flat(100, 2), (100, 100, 90, 100), *flat(100, 2))
    result = play(bars, {0: [order("LIMIT", 1, limit=95)], 1: [Cancel("a")]}, latency=latency)
    assert filled(result) == fills
    assert result.orders[0].reason == ("BY_STRATEGY" if not fills else "NONE")


def test_an_order_that_never_worked_is_cancelled_alike() -> None:
    bars = market("MES", *flat(100, 4))
    result = play(bars, {0: [order("MARKET", 1), Cancel("a")]}, latency=HOUR // 2)
    assert ends(result) == [("CANCELLED", "BY_STRATEGY", 0)]


def test_a_cancel_of_a_finished_order_changes_nothing() -> None:
    result = play(market("MES", *flat(100, 4)), {0: [order("MARKET", 1)], 1: [Cancel("a")]})
    assert ends(result) == [FILLED]


def test_a_replacement_takes_the_place_of_a_working_order() -> None:
    bars = market("MES", *flat(100, 3), (100, 100, 90, 100), *flat(100))
    script = {0: [order("LIMIT", 1, limit=95)], 1: [Replace("a", "b", ticket("LIMIT", 2, limit=97))]}
    result = play(bars, script)
    assert ends(result) == [("CANCELLED", "REPLACED", 0), ("FILLED", "NONE", 2)]
    assert filled(result) == [(1, 3, 2, 97, "LIMIT_THROUGH")]


def test_a_replacement_of_a_finished_order_is_rejected() -> None:
    bars = market("MES", *flat(100, 2), (100, 100, 90, 100), *flat(100, 2))
    script = {0: [order("LIMIT", 1, limit=95)], 1: [Replace("a", "b", ticket("MARKET", 1))]}
    result = play(bars, script, latency=1)
    assert ends(result) == [FILLED, ("REJECTED", "REPLACED_ORDER_DONE", 0)]


def test_a_chain_of_replacements_ends_with_the_order_it_began_with() -> None:
    bars = market("MES", *flat(100, 2), (100, 100, 90, 100), *flat(100, 2))
    chain = [Replace("a", "b", ticket("MARKET", 1)), Replace("b", "c", ticket("MARKET", 1))]
    result = play(bars, {0: [order("LIMIT", 1, limit=95)], 1: chain}, latency=1)
    assert ends(result)[1:] == [("REJECTED", "REPLACED_ORDER_DONE", 0)] * 2


def test_of_two_replacements_of_one_order_the_second_is_rejected() -> None:
    bars = market("MES", *flat(100, 4))
    twice = [Replace("a", "b", ticket("MARKET", 1)), Replace("a", "c", ticket("MARKET", 1))]
    result = play(bars, {0: [order("LIMIT", 1, limit=95)], 1: twice})
    assert ends(result) == [("CANCELLED", "REPLACED", 0), FILLED, ("REJECTED", "REPLACED_ORDER_DONE", 0)]


def test_a_partly_filled_order_is_replaced_with_what_the_new_one_says() -> None:
    bars = market("MES", *flat(100), (100, 100, 100, 100, 2), *flat(100, 2))
    script = {0: [order("MARKET", 5)], 1: [Replace("a", "b", ticket("MARKET", 5))]}
    result = play(bars, script)
    assert ends(result) == [("CANCELLED", "REPLACED", 2), ("FILLED", "NONE", 5)]


def test_at_the_open_orders_go_by_id() -> None:
    bars = market("MES", *flat(100), (100, 100, 100, 100, 2), *flat(100))
    orders = [order("STOP", 1, stop=99), order("LIMIT", 1, limit=101, key="b"), order("MARKET", 1, key="c")]
    result = play(bars, {0: orders})
    assert [fill[:2] for fill in filled(result)] == [(0, 1), (1, 1), (2, 2)]


def test_within_a_range_stops_go_before_limits_before_on_close_orders() -> None:
    bars = market("MES", *flat(100), (100, 110, 90, 100, 3), sessions=[0, 0])
    orders = [
        order("MARKET_ON_CLOSE", -1),
        order("LIMIT", -1, limit=105, key="b"),
        order("STOP", -1, stop=95, key="c"),
        order("STOP_LIMIT", -1, stop=95, limit=80, key="d"),
    ]
    result = play(bars, {0: orders})
    assert filled(result) == [
        (2, 1, -1, 95, "STOP_TOUCHED"),
        (3, 1, -1, 95, "STOP_LIMIT_TOUCHED"),
        (1, 1, -1, 105, "LIMIT_THROUGH"),
    ]


# ------------------------------------------------------------------------------------------ which fill, at what price

Bar = tuple[Any, Any, Any, Any]
SLIP: dict[str, Any] = {"slippage_ticks": 2}
TABLE: list[tuple[str, dict[str, Any], Bar, tuple[int, str] | None, dict[str, Any]]] = [
    # market
    ("MARKET", {}, (100, 110, 90, 100), (102, "MARKET_AT_OPEN"), SLIP),
    ("MARKET", {}, (None, 110, 90, 100), None, SLIP),
    # market on close: this bar ends its session
    ("MARKET_ON_CLOSE", {}, (100, 110, 90, 104), (106, "MARKET_ON_CLOSE"), SLIP),
    ("MARKET_ON_CLOSE", {}, (None, None, None, 104), (106, "MARKET_ON_CLOSE"), SLIP),
    ("MARKET_ON_CLOSE", {}, (100, 110, 90, None), None, SLIP),
    # limit
    ("LIMIT", {"limit": 100}, (97, 110, 90, 100), (99, "LIMIT_AT_OPEN"), SLIP),
    ("LIMIT", {"limit": 100}, (99, 110, 90, 100), (100, "LIMIT_AT_OPEN"), SLIP),
    ("LIMIT", {"limit": 100}, (100, 110, 99, 105), (100, "LIMIT_THROUGH"), SLIP),
    ("LIMIT", {"limit": 100}, (100, 110, 100, 105), None, SLIP),
    ("LIMIT", {"limit": 100}, (Fraction(199, 2), 110, 99, 105), (100, "LIMIT_AT_OPEN"), {}),
    ("LIMIT", {"limit": 100}, (105, 110, Fraction(199, 2), 105), (100, "LIMIT_THROUGH"), SLIP),
    ("LIMIT", {"limit": 100}, (None, 110, 99, 105), (100, "LIMIT_THROUGH"), SLIP),
    ("LIMIT", {"limit": 100}, (105, 110, None, 99), None, SLIP),
    ("LIMIT", {"limit": 100}, (100, 110, 99, 105), (100, "LIMIT_AT_OPEN"), {"touch": True, **SLIP}),
    ("LIMIT", {"limit": 100}, (105, 110, 100, 105), (100, "LIMIT_THROUGH"), {"touch": True}),
    ("LIMIT", {"limit": 100}, (105, 110, 101, 105), None, {"touch": True}),
    # stop
    ("STOP", {"stop": 105}, (107, 110, 90, 100), (109, "STOP_AT_OPEN"), SLIP),
    ("STOP", {"stop": 105}, (105, 110, 90, 100), (107, "STOP_AT_OPEN"), SLIP),
    ("STOP", {"stop": 105}, (104, 105, 90, 100), (107, "STOP_TOUCHED"), SLIP),
    ("STOP", {"stop": 105}, (104, 104, 90, 100), None, SLIP),
    ("STOP", {"stop": 105}, (104, None, 90, 106), None, SLIP),
    ("STOP", {"stop": 105}, (None, 110, 90, 100), (107, "STOP_TOUCHED"), SLIP),
    ("STOP", {"stop": 105}, (None, 110, 107, 108), (109, "STOP_TOUCHED"), SLIP),  # never a price that did not trade
    # stop-limit
    ("STOP_LIMIT", {"stop": 105, "limit": 108}, (106, 110, 90, 100), (108, "STOP_LIMIT_AT_OPEN"), SLIP),
    ("STOP_LIMIT", {"stop": 105, "limit": 107}, (106, 110, 106, 108), (107, "LIMIT_THROUGH"), SLIP),
    ("STOP_LIMIT", {"stop": 105, "limit": 106}, (107, 110, 106, 108), None, SLIP),
    ("STOP_LIMIT", {"stop": 105, "limit": 107}, (107, 110, 106, 108), (107, "LIMIT_THROUGH"), SLIP),
    ("STOP_LIMIT", {"stop": 105, "limit": 107}, (104, 105, 90, 100), (107, "STOP_LIMIT_TOUCHED"), SLIP),
    ("STOP_LIMIT", {"stop": 105, "limit": 106}, (104, 105, 90, 100), None, SLIP),
    ("STOP_LIMIT", {"stop": 105, "limit": 108}, (104, 104, 90, 100), None, SLIP),
]


@pytest.mark.parametrize(("kind", "prices", "bar", "expected", "settings"), TABLE)
def test_the_table_of_fills(
    kind: str, prices: dict[str, Any], bar: Bar, expected: tuple[int, str] | None, settings: dict[str, Any]
) -> None:
    result = play(market("MES", *flat(100), bar), {0: [order(kind, 1, **prices)]}, **settings)
    assert filled(result) == ([] if expected is None else [(0, 1, 1, *expected)])


@pytest.mark.parametrize(("kind", "prices", "bar", "expected", "settings"), TABLE)
def test_the_table_mirrored_for_sells(
    kind: str, prices: dict[str, Any], bar: Bar, expected: tuple[int, str] | None, settings: dict[str, Any]
) -> None:
    def mirror(price: Any) -> Any:
        return None if price is None else 200 - price

    opened, high, low, close = (mirror(price) for price in bar)
    mirrored = {name: mirror(price) for name, price in prices.items()}
    bars = market("MES", *flat(100), (opened, low, high, close))
    result = play(bars, {0: [order(kind, -1, **mirrored)]}, **settings)
    assert filled(result) == ([] if expected is None else [(0, 1, -1, mirror(expected[0]), expected[1])])


def test_market_on_open_fills_at_the_first_open_of_a_session() -> None:
    bars = market("MES", *flat(100), (105, 110, 90, 100), *flat(100), sessions=[0, 1, 1])
    assert filled(play(bars, {0: [order("MARKET_ON_OPEN", 1)]}, **SLIP)) == [(0, 1, 1, 107, "MARKET_ON_OPEN")]


def test_market_on_close_waits_for_the_end_of_the_session() -> None:
    bars = market("MES", *flat(100, 2), (100, 110, 90, 104), *flat(100), sessions=[0, 0, 0, 1])
    assert filled(play(bars, {0: [order("MARKET_ON_CLOSE", 1)]})) == [(0, 2, 1, 104, "MARKET_ON_CLOSE")]


def test_a_stop_limit_triggered_at_the_open_works_as_a_limit_in_that_bar() -> None:
    bars = market("MES", *flat(100), (110, 112, 106, 110), *flat(100))
    result = play(bars, {0: [order("STOP_LIMIT", 1, stop=105, limit=107)]})
    assert filled(result) == [(0, 1, 1, 107, "LIMIT_THROUGH")]


def test_a_stop_limit_triggered_in_the_range_works_as_a_limit_from_the_next_bar() -> None:
    bars = market("MES", *flat(100), (104, 110, 90, 104), (104, 104, 90, 100), *flat(100))
    result = play(bars, {0: [order("STOP_LIMIT", 1, stop=105, limit=106)]}, slippage_ticks=2)
    assert filled(result) == [(0, 2, 1, 106, "LIMIT_AT_OPEN")]


def test_an_order_first_tried_in_the_range_pays_what_the_bar_traded_at() -> None:
    # Sent after the open at 108: a stop at 105 cannot fill below the price of that moment.
    bars = market("MES", *flat(100), (108, 112, 104, 110), *flat(110))
    answer = {0: [order("STOP", 1, stop=105, key="b"), order("STOP_LIMIT", 1, stop=105, limit=107, key="c")]}
    result = play(bars, {0: [order("MARKET", 1)]}, answer)
    assert filled(result)[1:] == [(1, 1, 1, 108, "STOP_TOUCHED")]
    # The stop-limit would pay 108 too, beyond its limit; as a limit it would work from the next bar on.
    assert ends(result)[2] == ("EXPIRED", "SESSION_END", 0)


@pytest.mark.parametrize("kind", ["MARKET", "LIMIT", "STOP", "STOP_LIMIT", "MARKET_ON_OPEN"])
def test_closes_alone_fill_only_on_close_orders(kind: str) -> None:
    bars = market("MES", *flat(100), *flat(104), *flat(100), sessions=[0, 1, 2], closes_only=True)
    prices: dict[str, Any] = {"limit": 100} if "LIMIT" in kind else {}
    prices |= {"stop": 100} if "STOP" in kind else {}
    result = play(bars, {0: [order(kind, 1, **prices), order("MARKET_ON_CLOSE", 1, key="b")]})
    assert ends(result) == [("REJECTED", "NO_SUCH_PRICE", 0), FILLED]
    assert result.orders[0].done == T0 + HOUR
    assert filled(result) == [(1, 1, 1, 104, "MARKET_ON_CLOSE")]


def test_a_replacement_rejected_at_once_leaves_the_old_order_alone() -> None:
    bars = market("MES", *flat(100), *flat(104), *flat(100), sessions=[0, 1, 2], closes_only=True)
    script = {0: [order("MARKET_ON_CLOSE", 1), Replace("a", "b", ticket("MARKET", 1))]}
    assert ends(play(bars, script)) == [FILLED, ("REJECTED", "NO_SUCH_PRICE", 0)]


def test_negative_prices_fill_and_slip_against_the_trader() -> None:
    # CL at -100 ticks; one per cent of |price| is one tick.
    bars = market("CL", *flat(-100, 4))
    script = {0: [order("MARKET", 1, symbol="CL")], 1: [order("MARKET", -1, symbol="CL", key="b")]}
    result = play(bars, script, **costs(slippage_rate="0.01"))
    assert [fill.price for fill in result.fills] == [-99, -101]
    assert result.trades[0].net == -2 * 10_000_000


# ------------------------------------------------------------------------------------------ size is bounded by volume


def test_all_fills_of_a_bar_share_its_volume() -> None:
    bars = market("MES", *flat(100), (100, 110, 90, 100, 9), *flat(100))
    orders = [order("MARKET", 3), order("LIMIT", 3, limit=95, key="b")]
    result = play(bars, {0: orders}, participation=Decimal("0.5"))
    # floor(0.5 * 9) is 4.
    assert [(fill[0], fill[1], fill[2]) for fill in filled(result)] == [(0, 1, 3), (1, 1, 1)]


def test_what_is_not_filled_goes_on_at_the_next_open() -> None:
    bars = market("MES", *flat(100), (100, 100, 100, 100, 2), (103, 103, 103, 103, 2), *flat(104))
    result = play(bars, {0: [order("MARKET", 5)]})
    assert [fill[2:4] for fill in filled(result)] == [(2, 100), (2, 103), (1, 104)]


def test_a_stop_that_was_reached_goes_on_as_a_market_order() -> None:
    bars = market("MES", *flat(100), (100, 106, 100, 104, 0), (90, 91, 89, 90, 1), *flat(88))
    result = play(bars, {0: [order("STOP", 2, stop=105)]})
    assert filled(result) == [(0, 2, 1, 90, "STOP_AT_OPEN"), (0, 3, 1, 88, "STOP_AT_OPEN")]


def test_the_rest_of_an_on_close_order_expires_with_its_session() -> None:
    bars = market("MES", *flat(100), (100, 100, 100, 100, 2), *flat(100), sessions=[0, 0, 1])
    result = play(bars, {0: [order("MARKET_ON_CLOSE", 5)]})
    assert ends(result) == [("EXPIRED", "SESSION_END", 2)]


def test_without_observed_volume_there_is_no_bound_and_a_missing_volume_is_none() -> None:
    script = {0: [order("MARKET", 5_000)]}
    rich: dict[str, Any] = {"cash": 10**15}
    assert ends(play(market("MES", *flat(100, 3), no_volume=True), script, **rich)) == [("FILLED", "NONE", 5_000)]
    bars = market("MES", *flat(100), (100, 100, 100, 100, None), *flat(107))
    assert filled(play(bars, {0: [order("MARKET", 1)]})) == [(0, 2, 1, 107, "MARKET_AT_OPEN")]


def test_a_share_of_volume_that_is_whole_but_for_rounding_is_whole() -> None:
    # 0.29 coins in lots of 1e-8 are 29,000,000, though the division of the floats gives a little less.
    bars = market("BTCUSD", *flat(2_500_000), (2_500_000,) * 4 + (29_000_000,), *flat(2_500_000))
    result = play(bars, {0: [order("MARKET", 40_000_000, symbol="BTCUSD")]}, account="cash")
    assert filled(result)[0][2] == 29_000_000
