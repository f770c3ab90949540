"""docs/fills.md, Quotes, sentence by sentence: small sheets of quotes, with every expected number worked out by hand.

`play` runs both engines and holds them to each other. Bars are hourly and quiet at 100 ticks; quotes are rows of
(minutes since the start, bid, bid lots, ask, ask lots) in ticks and lots.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from argus.core.arrays import Bars, Quotes
from argus.core.errors import ConfigError
from argus.core.instruments import instrument
from argus.core.market_events import Dividend, FinalSettlement
from argus.engine.config import SpreadModel
from tests.oracle.by_hand import DAY_ONE, DOLLAR, HOUR, T0, ends, filled, flat, market, order, plan, play
from tests.oracle.engine import OracleResult
from tests.oracle.script import Cancel

MINUTE = HOUR // 60
WHOLE = 1_000_000 * DOLLAR
Top = tuple[float, float | None, int, float | None, int]


def quotes(*rows: Top, symbol: str = "MES", late: int = 0) -> Quotes:
    """Quotes of these rows; None is an empty side."""
    spec = instrument(symbol)
    tick, lot = Fraction(spec.tick_size), Fraction(spec.lot_size)

    def price(ticks: float | None) -> float:
        return float("nan") if ticks is None else float(Fraction(ticks) * tick)

    stamps = np.array([T0 + round(row[0] * MINUTE) for row in rows], dtype=np.int64)
    return Quotes(
        symbol,
        stamps,
        stamps + late,
        np.array([price(row[1]) for row in rows]),
        np.array([price(row[3]) for row in rows]),
        np.array([float(row[2] * lot) for row in rows]),
        np.array([float(row[4] * lot) for row in rows]),
    )


def meet(rows: Sequence[Top], *actions: Any, bars: Bars | None = None, **settings: Any) -> OracleResult:
    """These actions at the close of the first hour, over three quiet hours, with these quotes."""
    quiet = market("MES", *[(100, 120, 80, 100)] * 3) if bars is None else bars
    return play(quiet, {0: list(actions)}, quotes={"MES": quotes(*rows)}, **settings)


def pair(minute: float, bid: float | None, ask: float | None, lots: int = 10) -> Top:
    """A quote with the same size on both sides."""
    return minute, bid, 0 if bid is None else lots, ask, 0 if ask is None else lots


# ------------------------------------------------------------------------------------------------------ which quote


@pytest.mark.parametrize(("lots", "price"), [(1, 101), (-1, 99)])
def test_a_buy_meets_the_ask_and_a_sale_the_bid(lots: int, price: int) -> None:
    result = meet([pair(50, 97, 103), pair(65, 99, 101), pair(70, 100, 102)], order("MARKET", lots))
    assert filled(result) == [(0, 1, lots, price, "MARKET_AT_OPEN")]
    assert result.fills[0].time == T0 + 65 * MINUTE


def test_the_quote_of_the_instant_of_the_decision_is_not_met() -> None:
    result = meet([pair(60, 99, 101), pair(61, 98, 102)], order("MARKET", 1))
    assert filled(result) == [(0, 1, 1, 102, "MARKET_AT_OPEN")]


@pytest.mark.parametrize(("latency", "row"), [(5 * MINUTE - 1, 1), (5 * MINUTE, 1), (5 * MINUTE + 1, 2)])
def test_an_order_meets_the_first_quote_that_is_not_earlier_than_its_arrival(latency: int, row: int) -> None:
    result = meet([pair(64, 99, 101), pair(65, 99, 102), pair(66, 99, 103)], order("MARKET", 1), latency=latency)
    assert filled(result) == [(0, row, 1, 101 + row, "MARKET_AT_OPEN")]


def test_of_several_quotes_at_one_instant_the_last_counts() -> None:
    result = meet([pair(65, 90, 91), pair(65, 99, 101), pair(70, 99, 101)], order("MARKET", 1))
    assert filled(result) == [(0, 0, 1, 101, "MARKET_AT_OPEN")]


def test_quotes_outside_of_the_sessions_are_left_out() -> None:
    day = 24 * HOUR
    bars = market("MES", *flat(100, 4), sessions=[0, 0, 1, 1], starts=[T0, T0 + HOUR, T0 + day, T0 + day + HOUR])
    rows = [pair(130, 99, 100), pair(24 * 60 - 1, 80, 81), pair(24 * 60 + 5, 99, 102), pair(26 * 60 + 1, 99, 103)]
    result = meet(rows, order("MARKET", 1, tif="GTC"), bars=bars)
    assert filled(result) == [(0, 0, 1, 102, "MARKET_AT_OPEN")]


def test_the_stamp_of_the_venue_decides_and_not_that_of_receipt() -> None:
    bars = market("MES", *flat(100, 3))
    late = quotes(pair(55, 99, 101), pair(65, 99, 102), late=30 * MINUTE)
    result = play(bars, {0: [order("MARKET", 1)]}, quotes={"MES": late})
    assert filled(result) == [(0, 1, 1, 102, "MARKET_AT_OPEN")]


def test_an_empty_side_fills_nothing_and_ends_what_is_to_fill_at_once() -> None:
    rows = [pair(65, 99, None), pair(70, 99, 104)]
    result = meet(rows, order("MARKET", 1), order("MARKET", 1, key="b", tif="IOC"), order("MARKET", -1, key="c"))
    assert filled(result) == [(2, 0, -1, 99, "MARKET_AT_OPEN"), (0, 1, 1, 104, "MARKET_AT_OPEN")]
    assert ends(result)[1] == ("CANCELLED", "NOT_FILLED_AT_ONCE", 0)


def test_a_price_off_the_grid_is_rounded_against_the_trader() -> None:
    result = meet([pair(65, 99.75, 100.25)], order("MARKET", 1), order("MARKET", -1, key="b"))
    assert [fill.price for fill in result.fills] == [101, 99]


# ------------------------------------------------------------------------------------------------------------ limits


@pytest.mark.parametrize(("ask", "price"), [(99, 99), (100, 100)])
def test_a_limit_that_finds_an_offer_takes_it_at_the_offers_price(ask: int, price: int) -> None:
    result = meet([pair(65, 98, ask)], order("LIMIT", 1, limit=100))
    assert filled(result) == [(0, 0, 1, price, "LIMIT_AT_OPEN")]


def test_a_limit_that_rests_fills_at_its_price_when_the_other_side_comes_through() -> None:
    rows = [pair(65, 100, 101), pair(66, 99, 100), pair(67, 97, 98)]
    result = meet(rows, order("LIMIT", 1, limit=100))
    assert filled(result) == [(0, 2, 1, 100, "LIMIT_THROUGH")]
    assert filled(meet(rows, order("LIMIT", 1, limit=100), touch=True)) == [(0, 1, 1, 100, "LIMIT_THROUGH")]
    sold = [pair(65, 99, 100), pair(66, 101, 102), pair(67, 102, 103)]
    assert filled(meet(sold, order("LIMIT", -1, limit=101))) == [(0, 2, -1, 101, "LIMIT_THROUGH")]


def test_the_first_quote_with_its_side_counts_as_the_arrival() -> None:
    result = meet([pair(65, 98, None), pair(66, 98, 99)], order("LIMIT", 1, limit=100))
    assert filled(result) == [(0, 1, 1, 99, "LIMIT_AT_OPEN")]


def test_what_a_limit_could_not_take_rests() -> None:
    rows = [(65, 98, 5, 100, 2), (66, 98, 5, 100, 9), (67, 98, 5, 99, 9)]
    result = meet(rows, order("LIMIT", 5, limit=100))
    assert filled(result) == [(0, 0, 2, 100, "LIMIT_AT_OPEN"), (0, 2, 3, 100, "LIMIT_THROUGH")]


# ------------------------------------------------------------------------------------------------------------- stops


def test_a_sell_stop_watches_the_bid_and_a_buy_stop_the_ask() -> None:
    rows = [pair(65, 99, 101), pair(66, 97, 101), pair(67, 97, 103)]
    result = meet(rows, order("STOP", -1, stop=98), order("STOP", 1, key="b", stop=102))
    assert filled(result) == [(0, 1, -1, 97, "STOP_AT_OPEN"), (1, 2, 1, 103, "STOP_AT_OPEN")]


def test_what_a_stop_leaves_goes_on_at_the_market() -> None:
    rows = [(65, 97, 2, 101, 9), (66, 99, 1, 101, 9), (67, 100, 9, 101, 9)]
    result = meet(rows, order("STOP", -4, stop=98))
    assert filled(result) == [(0, 0, -2, 97, "STOP_AT_OPEN"), (0, 1, -1, 99, "STOP_AT_OPEN"),
                              (0, 2, -1, 100, "STOP_AT_OPEN")]  # fmt: skip


def test_a_stop_limit_takes_the_quote_that_triggers_it_or_rests() -> None:
    rows = [pair(65, 97, 101), pair(66, 99, 101), pair(67, 100, 101)]
    near, far = order("STOP_LIMIT", -1, stop=98, limit=96), order("STOP_LIMIT", -1, key="b", stop=98, limit=99)
    assert filled(meet(rows, near, far)) == [(0, 0, -1, 97, "STOP_LIMIT_AT_OPEN"), (1, 2, -1, 99, "LIMIT_THROUGH")]


def test_a_trailing_stop_follows_the_side_on_which_it_trades() -> None:
    rows = [pair(65, 100, 109), pair(66, 104, 105), pair(67, 102, 109), pair(68, 101, 103)]
    result = meet(rows, order("TRAILING_STOP", -1, trail=3))
    assert filled(result) == [(0, 3, -1, 101, "TRAILING_AT_OPEN")]


# ------------------------------------------------------------------------------------------------------------- sizes


def test_an_offer_that_is_quoted_again_is_the_same_offer() -> None:
    rows = [(65, 99, 9, 101, 10), (66, 98, 9, 101, 10), (67, 98, 9, 101, 12), (68, 98, 9, 102, 4), (69, 98, 9, 101, 3)]
    result = meet(rows, order("MARKET", 30))
    assert [(fill.row, fill.lots) for fill in result.fills] == [(0, 10), (2, 2), (3, 4), (4, 3)]
    assert ends(result) == [("CANCELLED", "RUN_END", 19)] or result.orders[0].filled == 19


def test_both_sides_are_taken_apart_and_participation_takes_its_share() -> None:
    rows = [(65, 99, 7, 101, 9), (66, 99, 7, 101, 9)]
    result = meet(rows, order("MARKET", 9), order("MARKET", -9, key="b"), participation=Decimal("0.5"))
    assert [(fill.row, fill.lots) for fill in result.fills] == [(0, 4), (0, -3)]


def test_books_share_an_offer_in_their_order() -> None:
    books = {"one": plan("MES", wakes={0: [order("MARKET", 4)]}), "two": plan("MES", wakes={0: [order("MARKET", 4)]})}
    rows = quotes((65, 99, 5, 101, 6), (66, 99, 5, 101, 6), (67, 99, 5, 102, 6))
    result = play(market("MES", *flat(100, 3)), books=books, quotes={"MES": rows})
    assert [(fill.line, fill.row, fill.lots) for fill in result.fills] == [(0, 0, 4), (1, 0, 2), (1, 2, 2)]


def test_fill_or_kill_takes_all_that_is_shown_or_nothing() -> None:
    rows = [(65, 99, 5, 101, 6), (66, 99, 5, 101, 6)]
    result = meet(rows, order("MARKET", 7, tif="FOK"), order("MARKET", 6, key="b", tif="FOK"))
    assert filled(result) == [(1, 0, 6, 101, "MARKET_AT_OPEN")]
    assert ends(result)[0] == ("CANCELLED", "NOT_FILLED_AT_ONCE", 0)


# ------------------------------------------------------------------------------------------- orders, sessions, events


def test_exits_meet_the_quote_after_the_one_that_filled_their_entry() -> None:
    entry = order("MARKET", 1)
    target = order("LIMIT", -1, key="t", limit=103, parent="a", oco="x", tif="GTC")
    stop = order("STOP", -1, key="s", stop=99, parent="a", oco="x", tif="GTC")
    rows = [pair(65, 99, 101), pair(66, 102, 104), pair(67, 105, 106)]
    result = meet(rows, entry, target, stop)
    assert filled(result) == [(0, 0, 1, 101, "MARKET_AT_OPEN"), (1, 2, -1, 103, "LIMIT_THROUGH")]
    assert ends(result)[2] == ("CANCELLED", "OCO", 0)


def test_a_cancel_holds_for_quotes_at_or_after_it() -> None:
    rows = [pair(65, 99, 101), pair(120, 97, 98), pair(121, 96, 97)]
    bars = market("MES", *flat(100, 3))
    both = {0: [order("LIMIT", 1, limit=99)], 1: [Cancel("a")]}
    result = play(bars, both, quotes={"MES": quotes(*rows)})
    assert filled(result) == [(0, 1, 1, 99, "LIMIT_THROUGH")], "the quote of the instant came before the decision"
    result = play(bars, both, quotes={"MES": quotes(rows[0], rows[2])})
    assert ends(result) == [("CANCELLED", "BY_STRATEGY", 0)]


def test_on_open_and_on_close_orders_meet_the_first_and_last_quote_of_a_session() -> None:
    bars = market("MES", *[(100, 120, 80, 100)] * 4, sessions=[0, 0, 1, 1])
    rows = [pair(30, 99, 101), pair(90, 98, 102), pair(125, 97, 103), pair(130, 96, 104), pair(200, 95, 105)]
    result = meet(rows, order("MARKET_ON_CLOSE", 1), order("MARKET_ON_OPEN", 1, key="b"), bars=bars)
    assert filled(result) == [(0, 1, 1, 102, "MARKET_ON_CLOSE"), (1, 2, 1, 103, "MARKET_ON_OPEN")]
    limited = order("LIMIT_ON_CLOSE", 1, limit=101)
    assert ends(meet(rows, limited, bars=bars)) == [("EXPIRED", "SESSION_END", 0)]


def test_every_type_of_order_is_taken_where_bars_are_closes_only() -> None:
    bars = market("MES", *flat(100, 3), closes_only=True)
    assert filled(meet([pair(65, 99, 101)], order("MARKET", 1), bars=bars)) == [(0, 0, 1, 101, "MARKET_AT_OPEN")]


# --------------------------------------------------------------------------------------------------- money and marks


def test_a_round_trip_pays_the_spread_and_nothing_else() -> None:
    # Five MES at 101 and out at 99: two ticks of 1.25 dollars each, five times. No fee is stated.
    rows = [pair(65, 99, 101), pair(125, 99, 101)]
    bars = market("MES", *flat(100, 3))
    result = play(bars, {0: [order("MARKET", 5)], 1: [order("MARKET", -5, key="b")]}, quotes={"MES": quotes(*rows)})
    cash = Decimal(result.final_cash) / DOLLAR
    assert cash == Decimal(1_000_000) - 5 * 2 * Decimal("1.25")
    # Between the two the position is marked at the mid of 100, a tick below what was paid.
    assert result.curve[0][2] == WHOLE - round(5 * Decimal("1.25") * DOLLAR)


@pytest.mark.parametrize(("bid", "ask", "mark"), [(99, 102, 100), (100, 103, 102), (99, 101, 100), (100, 100, 100)])
def test_the_mark_is_the_mid_half_a_tick_to_the_even_one(bid: int, ask: int, mark: int) -> None:
    result = meet([pair(65, bid, ask)], order("MARKET", 1))
    assert result.curve[0][2] - WHOLE == (mark - ask) * 1_250_000


def test_an_empty_side_leaves_the_mark() -> None:
    result = meet([pair(65, 99, 101), pair(66, None, 200), pair(67, 104, 106)], order("MARKET", 1))
    assert [point[2] - WHOLE for point in result.curve[:3]] == [-1_250_000, -1_250_000, 5_000_000]


def test_without_any_mid_the_mark_is_the_last_fill_of_any_book() -> None:
    books = {
        "one": plan("MES", wakes={0: [order("MARKET", 1)]}),
        "two": plan("MES", wakes={0: [order("STOP", 1, stop=102)]}),
    }
    rows = quotes(pair(65, None, 101), pair(66, None, 103))
    result = play(market("MES", *flat(100, 3)), books=books, quotes={"MES": rows})
    assert [trade.net for trade in result.trades] == [2_500_000, 0]


def test_what_happens_after_the_last_quote_is_in_the_equity() -> None:
    final = {"MES": (FinalSettlement(T0 + 3 * HOUR, 27.0),)}  # 108 ticks
    result = meet([pair(65, 99, 101)], order("MARKET", 2), events=final)
    assert result.curve[-1] == (T0 + 3 * HOUR, WHOLE + 2 * 7 * 1_250_000, WHOLE + 2 * 7 * 1_250_000)
    shares = market("AAPL", *flat(10_000, 3))
    paid = play(
        shares,
        {0: [order("MARKET", 10, symbol="AAPL")]},
        events={"AAPL": (Dividend(T0 + 2 * HOUR, Decimal("0.25")),)},
        quotes={"AAPL": quotes((65, 9_999, 20, 10_001, 20), symbol="AAPL")},
        account="cash",
    )
    assert paid.final_cash == WHOLE - 10 * 10_001 * 10_000 + 10 * 250_000


# ----------------------------------------------------------------------------------------------------------- refusals


def test_a_cost_in_the_price_is_for_instruments_without_quotes() -> None:
    rows = [pair(65, 99, 101), pair(70, 99, 101)]
    for settings in ({"slippage_ticks": 1}, {"slippage_rate": Decimal("0.001")}, {"spread": SpreadModel(Decimal(1))}):
        with pytest.raises(ConfigError, match="orders meet quotes of MES, which hold the spread already"):
            meet(rows, order("MARKET", 1), **settings)
    bars = [market("MES", *flat(100, 3)), market("MCL", *flat(6_000, 3))]
    both = {0: [order("MARKET", 1), order("MARKET", 1, key="b", symbol="MCL")]}
    result = play(bars, both, quotes={"MES": quotes(*rows)}, slippage_ticks=3)
    assert sorted((fill.line, fill.price) for fill in result.fills) == [(0, 101), (1, 6_003)]


def test_quotes_of_another_market_are_refused() -> None:
    with pytest.raises(ConfigError, match="bars and quotes are not of one market"):
        meet([pair(65, 199, 201), pair(125, 199, 201)], order("MARKET", 1))
    with pytest.raises(ConfigError, match="none of its 1 quotes lies in a session of its bars"):
        meet([pair(-10_000, 99, 101)], order("MARKET", 1))
    assert DAY_ONE > 0
