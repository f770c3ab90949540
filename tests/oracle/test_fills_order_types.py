"""docs/fills.md sentence by sentence: trailing stops, limits on open and close, GTD, IOC, FOK, and latencies.

Every expected number is worked out by hand; `play` runs both engines and holds them to each other.
"""

from __future__ import annotations

from typing import Any

import pytest

from argus.core.random import stream_key, uniforms
from tests.oracle.by_hand import HOUR, T0, costs, ends, filled, flat, market, order, play, ticket
from tests.oracle.script import Cancel, Replace

FILLED = ("FILLED", "NONE", 1)
AT_ONCE = ("CANCELLED", "NOT_FILLED_AT_ONCE")


# ----------------------------------------------------------------------------------------------------- trailing stops


@pytest.mark.parametrize(
    ("bars", "fill"),
    [
        # The open of bar 1 sets the level at 95; 95 is reached in bar 2.
        ([(100, 100, 96, 100), (100, 100, 95, 100)], (0, 2, -1, 95, "TRAILING_TOUCHED")),
        # The high of bar 1 lifts it to 105: the low of 101 in bar 2 is reached from an open above.
        ([(100, 110, 100, 108), (108, 108, 101, 103)], (0, 2, -1, 105, "TRAILING_TOUCHED")),
        # A low within the bar that set the level does not count, but its close does: 110 - 5 lay on the way to 104.
        ([(100, 110, 97, 104)], (0, 1, -1, 104, "TRAILING_AT_CLOSE")),
        # 95 from the open is reached in the same bar: lows come before highs.
        ([(100, 110, 95, 108)], (0, 1, -1, 95, "TRAILING_TOUCHED")),
        # The gap is the trader's.
        ([(100, 110, 100, 108), (102, 104, 101, 103)], (0, 2, -1, 102, "TRAILING_AT_OPEN")),
        # At the level is beyond it.
        ([(100, 110, 100, 108), (105, 106, 105, 106)], (0, 2, -1, 105, "TRAILING_AT_OPEN")),
        # An unknown open moves nothing and fills nothing; the high and the close do.
        ([(None, 110, 100, 108), (108, 108, 105, 107)], (0, 2, -1, 105, "TRAILING_TOUCHED")),
        # An unknown low reaches nothing, an unknown high sets nothing: the close of 101 moves the level to 96.
        ([(100, None, None, 101), (101, 101, 96, 100)], (0, 2, -1, 96, "TRAILING_TOUCHED")),
        # The level never goes back: 103 - 5 after 110 - 5 leaves 105.
        ([(100, 110, 106, 106), (106, 106, 106, 106), (106, 106, 104, 104)], (0, 3, -1, 105, "TRAILING_TOUCHED")),
        # Off the grid: 100.5 + 9.75 - 5 is 105.25 as a level, and 105 as a fill.
        ([(100.5, 110.25, 100.5, 108), (108, 108, 105, 107)], (0, 2, -1, 105, "TRAILING_TOUCHED")),
    ],
)
def test_a_trailing_stop_to_sell(bars: list[Any], fill: tuple[Any, ...]) -> None:
    result = play(market("MES", *flat(100), *bars, *flat(120)), {0: [order("TRAILING_STOP", -1, trail=5, tif="GTC")]})
    assert filled(result) == [fill]


@pytest.mark.parametrize(
    ("bars", "fill"),
    [
        ([(100, 104, 100, 100), (100, 105, 100, 100)], (0, 2, 1, 105, "TRAILING_TOUCHED")),
        ([(100, 103, 90, 96)], (0, 1, 1, 96, "TRAILING_AT_CLOSE")),
        ([(100, 100, 90, 92), (98, 99, 98, 98)], (0, 2, 1, 98, "TRAILING_AT_OPEN")),
    ],
)
def test_a_trailing_stop_to_buy_is_its_mirror(bars: list[Any], fill: tuple[Any, ...]) -> None:
    result = play(market("MES", *flat(100), *bars, *flat(80)), {0: [order("TRAILING_STOP", 1, trail=5, tif="GTC")]})
    assert filled(result) == [fill]


def test_a_trailing_stop_pays_slippage() -> None:
    bars = market("MES", *flat(100), (100, 110, 97, 104), *flat(120))
    result = play(bars, {0: [order("TRAILING_STOP", -1, trail=5)]}, **costs(slippage_ticks=2))
    assert filled(result) == [(0, 1, -1, 102, "TRAILING_AT_CLOSE")]


def test_the_rest_of_a_triggered_trailing_stop_is_a_market_order() -> None:
    bars = market("MES", *flat(100), (100, 100, 95, 100, 2), (110, 120, 110, 120, 2), *flat(130))
    result = play(bars, {0: [order("TRAILING_STOP", -5, trail=5)]})
    assert filled(result) == [
        (0, 1, -2, 95, "TRAILING_TOUCHED"),
        (0, 2, -2, 110, "TRAILING_AT_OPEN"),
        (0, 3, -1, 130, "TRAILING_AT_OPEN"),
    ]


def test_a_trailing_stop_sent_after_the_open_never_fills_better_than_the_market_was() -> None:
    # Sent at the open of bar 1, it has no level there; the high of 110 sets 105, the close of 90 is far beyond.
    bars = market("MES", *flat(100), (100, 110, 90, 90), *flat(80))
    result = play(bars, {0: [order("MARKET", 1)]}, {0: [order("TRAILING_STOP", -1, trail=5, key="b")]})
    assert filled(result)[1] == (1, 1, -1, 90, "TRAILING_AT_CLOSE")


def test_trailing_stops_go_by_id_among_stops_and_before_limits() -> None:
    bars = market("MES", *flat(100), (100, 101, 100, 100), (100, 110, 90, 100, 3), *flat(100))
    orders = [
        order("LIMIT", -1, limit=105, key="a"),
        order("TRAILING_STOP", -1, trail=5, key="b"),
        order("STOP", -1, stop=95, key="c"),
        order("TRAILING_STOP", -1, trail=6, key="d"),
    ]
    assert [fill[0] for fill in filled(play(bars, {0: orders}))[:3]] == [1, 2, 3]


# ---------------------------------------------------------------------------------------- limits on open and on close


@pytest.mark.parametrize(
    ("opened", "slippage", "rules"), [(100, 0, ["LIMIT_ON_OPEN"]), (100, 1, []), (99, 1, ["LIMIT_ON_OPEN"])]
)
def test_a_limit_on_open_fills_if_the_slipped_open_is_not_above(opened: int, slippage: int, rules: list[str]) -> None:
    bars = market("MES", *flat(105, 2), (opened, 100, 90, 95), *flat(90, 2), sessions=[0, 0, 1, 1, 2])
    result = play(bars, {0: [order("LIMIT_ON_OPEN", 1, limit=100, tif="GTC")]}, **costs(slippage_ticks=slippage))
    assert [fill.rule for fill in result.fills] == rules
    assert [fill.price for fill in result.fills] == [opened + slippage] * len(rules)
    # It met one open, whatever comes later in the session, and is a day order.
    assert ends(result) == [FILLED if rules else ("EXPIRED", "SESSION_END", 0)]


@pytest.mark.parametrize(("close", "slippage", "rules"), [(100, 0, ["LIMIT_ON_CLOSE"]), (100, 1, []), (101, 0, [])])
def test_a_limit_on_close_fills_if_the_slipped_close_is_not_above(close: int, slippage: int, rules: list[str]) -> None:
    bars = market("MES", *flat(105, 2), (105, 105, 90, close), *flat(90), sessions=[0, 0, 0, 1])
    result = play(bars, {0: [order("LIMIT_ON_CLOSE", 1, limit=100)]}, **costs(slippage_ticks=slippage))
    assert [fill.rule for fill in result.fills] == rules
    assert ends(result) == [FILLED if rules else ("EXPIRED", "SESSION_END", 0)]


def test_a_limit_on_close_works_on_closes_alone_and_a_limit_on_open_does_not() -> None:
    bars = market("MES", *flat(100, 3), closes_only=True)
    orders = [order("LIMIT_ON_CLOSE", -1, limit=99), order("LIMIT_ON_OPEN", 1, limit=200, key="b")]
    assert ends(play(bars, {0: orders})) == [FILLED, ("REJECTED", "NO_SUCH_PRICE", 0)]


# --------------------------------------------------------------------------------------------------- good till a date


@pytest.mark.parametrize(("expires", "fills"), [(T0 + 2 * HOUR, 0), (T0 + 2 * HOUR + 1, 1)])
def test_a_good_till_date_order_takes_no_part_in_bars_from_its_instant_on(expires: int, fills: int) -> None:
    bars = market("MES", *flat(100, 2), (100, 100, 90, 100), *flat(100), sessions=[0, 1, 2, 3])
    result = play(bars, {0: [order("LIMIT", 1, limit=95, tif="GTD", expires=expires)]})
    assert ends(result) == [FILLED if fills else ("EXPIRED", "GOOD_TILL", 0)]
    assert result.orders[0].done == (T0 + 3 * HOUR if fills else T0 + 2 * HOUR)


def test_where_a_cancel_is_due_as_well_the_cancel_ended_it() -> None:
    bars = market("MES", *flat(100, 4))
    result = play(bars, {0: [order("LIMIT", 1, limit=95, tif="GTD", expires=T0 + 2 * HOUR)], 1: [Cancel("a")]})
    assert ends(result) == [("CANCELLED", "BY_STRATEGY", 0)]


def test_a_replacement_of_an_order_whose_date_has_come_is_rejected() -> None:
    bars = market("MES", *flat(100, 5))
    first = order("LIMIT", 1, limit=95, tif="GTD", expires=T0 + 2 * HOUR)
    result = play(bars, {0: [first], 1: [Replace("a", "b", ticket("MARKET", 1))]}, latency=HOUR // 2)
    assert ends(result) == [("EXPIRED", "GOOD_TILL", 0), ("REJECTED", "REPLACED_ORDER_DONE", 0)]


def test_on_close_orders_are_day_orders_even_with_a_date() -> None:
    bars = market("MES", *flat(100, 3), sessions=[0, 0, 1])
    result = play(bars, {0: [order("MARKET_ON_CLOSE", 1, tif="GTD", expires=T0 + HOUR)]})
    assert ends(result) == [FILLED]


# ------------------------------------------------------------------------------------------------------------ at once


def test_immediate_or_cancel_takes_what_there_is() -> None:
    bars = market("MES", *flat(100), (100, 110, 90, 100, 2), *flat(100))
    result = play(bars, {0: [order("MARKET", 5, tif="IOC")]})
    assert filled(result) == [(0, 1, 2, 100, "MARKET_AT_OPEN")]
    assert ends(result) == [(*AT_ONCE, 2)]
    assert result.orders[0].done == T0 + HOUR


@pytest.mark.parametrize("tif", ["IOC", "FOK"])
def test_a_limit_at_once_meets_one_open_and_no_range(tif: str) -> None:
    bars = market("MES", *flat(100), (100, 110, 90, 100), *flat(90))
    assert ends(play(bars, {0: [order("LIMIT", 1, limit=95, tif=tif)]})) == [(*AT_ONCE, 0)]


@pytest.mark.parametrize("tif", ["IOC", "FOK"])
def test_an_unknown_open_ends_an_order_at_once(tif: str) -> None:
    bars = market("MES", *flat(100), (None, 110, 90, 100), *flat(90))
    assert ends(play(bars, {0: [order("MARKET", 1, tif=tif)]})) == [(*AT_ONCE, 0)]


@pytest.mark.parametrize(("lots", "end"), [(2, ("FILLED", "NONE", 2)), (3, (*AT_ONCE, 0))])
def test_fill_or_kill_needs_the_whole_quantity_in_the_volume_that_is_left(lots: int, end: tuple[str, str, int]) -> None:
    bars = market("MES", *flat(100), (100, 100, 100, 100, 3), *flat(100))
    result = play(bars, {0: [order("MARKET", 1), order("MARKET", lots, tif="FOK", key="b")]})
    assert ends(result)[1] == end


@pytest.mark.parametrize(("cash", "end"), [(1_386, ("FILLED", "NONE", 2)), (1_385, (*AT_ONCE, 0))])
def test_fill_or_kill_needs_an_account_that_carries_all_of_it(cash: int, end: tuple[str, str, int]) -> None:
    result = play(market("MES", *flat(100, 3)), {0: [order("MARKET", 2, tif="FOK")]}, cash=cash * 1_000_000)
    assert ends(result) == [end]


def test_immediate_or_cancel_that_the_account_cannot_carry_is_rejected_for_that() -> None:
    result = play(market("MES", *flat(100, 3)), {0: [order("MARKET", 2, tif="IOC")]}, cash=1_385 * 1_000_000)
    assert ends(result) == [("REJECTED", "INITIAL_MARGIN", 1)]


def test_an_order_at_once_in_answer_to_a_fill_waits_for_the_next_open() -> None:
    bars = market("MES", *flat(100), (100, 110, 90, 100), *flat(94, 2))
    result = play(bars, {0: [order("MARKET", 1)]}, {0: [order("LIMIT", 1, limit=95, tif="IOC", key="b")]})
    assert filled(result)[1] == (1, 2, 1, 94, "LIMIT_AT_OPEN")


# ---------------------------------------------------------------------------------------------------------- latencies


def drawn(name: str, order_id: int, sample: tuple[int, ...], seed: int) -> int:
    return sample[int(float(uniforms(stream_key(seed, "latency", name), order_id, 1)[0]) * len(sample))]


def test_each_order_and_each_cancel_draws_its_latency() -> None:
    sample, seed = (0, 1, HOUR, 2 * HOUR, 3 * HOUR), 7
    bars = market("MES", *flat(100, 12))
    orders = [order("LIMIT", 1, limit=50, key=str(i)) for i in range(4)]
    result = play(bars, {0: orders, 1: [Cancel(str(i)) for i in range(4)]}, latency_sample=sample, seed=seed)
    for i, o in enumerate(result.orders):
        assert o.arrives == T0 + HOUR + drawn("order", i, sample, seed)
        assert o.cancel_at == T0 + 2 * HOUR + drawn("cancel", i, sample, seed)
        assert o.done == -(-o.cancel_at // HOUR) * HOUR  # at the first bar that starts then or later
    assert len({o.arrives for o in result.orders}) > 1
    assert len({o.done for o in result.orders}) > 1


def test_a_replacement_takes_effect_when_it_arrives_by_its_own_draw() -> None:
    sample, seed = (0, 2 * HOUR), 3
    bars = market("MES", *flat(100, 9))
    script = {0: [order("LIMIT", 1, limit=50)], 1: [Replace("a", "b", ticket("LIMIT", 1, limit=51))]}
    result = play(bars, script, latency_sample=sample, seed=seed)
    due = T0 + 2 * HOUR + drawn("order", 1, sample, seed)
    assert (result.orders[1].arrives, result.orders[0].done) == (due, due)
    assert ends(result)[0] == ("CANCELLED", "REPLACED", 0)


def test_the_first_cancel_that_was_decided_holds_even_if_a_later_one_would_be_faster() -> None:
    bars = market("MES", *flat(100, 9))
    script = {0: [order("LIMIT", 1, limit=50)], 1: [Replace("a", "b", ticket("MARKET", 1))], 2: [Cancel("a")]}
    for seed in range(12):
        result = play(bars, script, latency_sample=(0, 4 * HOUR), seed=seed)
        assert result.orders[0].reason == "REPLACED"


def test_data_latency_delays_decisions() -> None:
    bars = market("MES", *flat(100), *flat(101), *flat(102))
    result = play(bars, {0: [order("MARKET", 1)]}, data_latency=1)
    assert result.wakes[0] == T0 + HOUR + 1
    assert filled(result) == [(0, 2, 1, 102, "MARKET_AT_OPEN")]
