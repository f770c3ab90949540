"""docs/fills.md sentence by sentence: dividends, funding, splits and final settlements.

Every expected number is worked out by hand; `play` runs both engines and holds them to each other. A tick of one share
of AAPL is worth 0.01, one of one MES 1.25.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from argus.core.instruments import instrument
from argus.core.market_events import Dividend, FinalSettlement, Funding, Split
from tests.oracle.by_hand import DOLLAR, HOUR, T0, costs, ends, filled, flat, market, order, play
from tests.oracle.trades import average

FILLED = ("FILLED", "NONE", 1)
BEFORE = {"account": "reg_t"}


def shares(lots: int, **says: Any) -> Any:
    return order("MARKET", lots, symbol="AAPL", **says)


def moved(result: Any) -> list[int]:
    """Cash at each close, over the opening balance."""
    return [cash - result.opening_cash for _, cash, _ in result.curve]


# ------------------------------------------------------------------------------------------------- dividends, funding


@pytest.mark.parametrize(("lots", "received"), [(100, 24 * DOLLAR), (-100, -24 * DOLLAR)])
def test_a_dividend_is_received_on_what_is_long_and_paid_on_what_is_short(lots: int, received: int) -> None:
    events = {"AAPL": (Dividend(T0 + 2 * HOUR, Decimal("0.24")),)}
    result = play(market("AAPL", *flat(1_000, 4)), {0: [shares(lots)]}, events=events, **BEFORE)
    assert result.carry == received
    assert [(trade.carry, trade.gross, trade.net) for trade in result.trades] == [(received, 0, received)]
    # Posted before the close of that instant: cash has it at the second point of the curve.
    bought = -lots * 10 * DOLLAR
    assert moved(result) == [0, bought + received, bought + received, bought + received]


@pytest.mark.parametrize(("lots", "amount"), [(1, 0), (3, 2), (-3, -2), (5, 2)])
def test_a_dividend_is_rounded_half_even(lots: int, amount: int) -> None:
    events = {"AAPL": (Dividend(T0 + 2 * HOUR, Decimal("0.0000005")),)}
    assert play(market("AAPL", *flat(1_000, 4)), {0: [shares(lots)]}, events=events, **BEFORE).carry == amount


def test_events_come_before_everything_else_of_their_instant_and_may_have_one_to_themselves() -> None:
    # A dividend at the open at which the order fills finds nothing; one a nanosecond later finds it.
    bars = market("AAPL", *flat(1_000, 4))
    for at, carry in ((T0 + HOUR, 0), (T0 + HOUR + 1, DOLLAR)):
        result = play(bars, {0: [shares(1)]}, events={"AAPL": (Dividend(at, Decimal(1)),)}, **BEFORE)
        assert result.carry == carry


@pytest.mark.parametrize(
    ("lots", "rate", "paid"), [(100, "0.001", 1_100_000), (-100, "0.001", -1_100_000), (100, "-0.002", -2_200_000)]
)
def test_funding_is_paid_on_the_value_at_the_last_mark(lots: int, rate: str, paid: int) -> None:
    # The mark is 1,100 ticks, 1,100 dollars for 100.
    bars = market("AAPL", *flat(1_000), (1_000, 1_100, 1_000, 1_100), *flat(1_200, 2))
    events = {"AAPL": (Funding(T0 + 2 * HOUR + 1, Decimal(rate)),)}
    assert play(bars, {0: [shares(lots)]}, events=events, **BEFORE).carry == -paid


def test_events_after_the_last_close_of_the_run_are_ignored() -> None:
    bars = market("AAPL", *flat(1_000, 3))
    for at, carry in ((T0 + 3 * HOUR, DOLLAR), (T0 + 3 * HOUR + 1, 0)):
        assert play(bars, {0: [shares(1)]}, events={"AAPL": (Dividend(at, Decimal(1)),)}, **BEFORE).carry == carry


def test_carry_belongs_to_the_trade_that_is_open() -> None:
    bars = market("AAPL", *flat(1_000, 6))
    script = {0: [shares(1)], 1: [shares(-1, key="b")], 2: [shares(1, key="c")]}
    events = {"AAPL": tuple(Dividend(T0 + i * HOUR + 1, Decimal(i)) for i in (1, 2, 3))}
    result = play(bars, script, events=events, **BEFORE)
    assert [trade.carry for trade in result.trades] == [DOLLAR, 3 * DOLLAR]


# ------------------------------------------------------------------------------------------------------------- splits


@pytest.mark.parametrize(
    ("lots", "split", "held", "cash", "mark"),
    [
        (100, (2, 1), 200, 0, 500),
        (-100, (2, 1), -200, 0, 500),
        (15, (1, 10), 1, 50_000_000, 10_000),  # five shares of ten dollars are left over
        (-15, (1, 10), -1, -50_000_000, 10_000),
        (1, (3, 2), 1, 3_333_333, 667),  # half a new share, a third of an old one; 666.67 ticks
        (9, (1, 10), 0, 90_000_000, 10_000),
    ],
)
def test_a_split_rounds_towards_zero_and_pays_the_rest(
    lots: int, split: tuple[int, int], held: int, cash: int, mark: int
) -> None:
    bars = market("AAPL", *flat(1_000, 2), *flat(mark, 2))
    result = play(bars, {0: [shares(lots)]}, events={"AAPL": (Split(T0 + 2 * HOUR + 1, *split),)}, **BEFORE)
    last = result.fills[-1]
    assert (last.rule, last.lots, last.price, last.value, last.position_after) == (
        "SPLIT",
        held - lots,
        mark,
        -cash,
        held,
    )
    assert (last.order_id, last.row, last.fee, last.time) == (-1, 2, 0, T0 + 2 * HOUR + 1)
    assert moved(result)[-1] == -lots * 10 * DOLLAR + cash
    # What it is worth has changed by no more than the rounding of the mark.
    assert result.curve[-1][2] - result.opening_cash == cash + held * mark * 10_000 - lots * 10 * DOLLAR


def test_a_split_rounds_the_mark_half_to_even() -> None:
    bars = market("AAPL", *flat(1_001), (1_001, 1_001, 1_001, 1_001), (None, None, None, None), *flat(500))
    events = {"AAPL": (Split(T0 + 2 * HOUR, 2, 1),)}
    result = play(bars, {0: [shares(10)]}, events=events, **BEFORE)
    # The split comes before the close of bar 1, which marks at 1,001 once more; 500.5 is 500 before it.
    assert result.fills[1].price == 500
    assert result.curve[1][2] - result.opening_cash == 20 * 10_010_000 - 10 * 10_010_000


def test_a_split_cancels_the_orders_of_its_instrument() -> None:
    bars = [market("AAPL", *flat(1_000, 4)), market("MSFT", *flat(1_000, 4))]
    orders = [
        order("LIMIT", 1, symbol="AAPL", limit=500, key="a"),
        order("LIMIT", 1, symbol="MSFT", limit=500, key="b"),
        order("STOP", -1, symbol="AAPL", stop=1, parent="a", key="c"),
    ]
    result = play(
        bars,
        {0: orders},
        specs={"MSFT": instrument("US_EQUITY:MSFT")},
        events={"AAPL": (Split(T0 + HOUR + 1, 2, 1),)},
        **BEFORE,
    )
    assert ends(result) == [("CANCELLED", "SPLIT", 0), ("EXPIRED", "SESSION_END", 0), ("CANCELLED", "SPLIT", 0)]
    assert result.orders[0].done == T0 + HOUR + 1


def test_a_trade_over_a_split_counts_in_new_lots() -> None:
    # 100 at 10.00 are 200 at 5.00; sold at 5.50 they gain 100 dollars.
    bars = market("AAPL", *flat(1_000, 2), *flat(500), *flat(550, 2))
    script = {0: [shares(100)], 2: [shares(-200, key="b")]}
    result = play(bars, script, events={"AAPL": (Split(T0 + 2 * HOUR, 2, 1),)}, **BEFORE)
    (trade,) = result.trades
    assert (trade.gross, trade.lots_max, trade.is_open) == (100 * DOLLAR, 200, False)
    assert (average(trade.entered), average(trade.left)) == (500.0, 550.0)
    assert (trade.entry_fill, trade.exit_fill) == (0, 2)


def test_a_position_that_a_split_rounds_away_is_a_finished_trade() -> None:
    bars = market("AAPL", *flat(1_000, 2), *flat(10_000, 2))
    result = play(bars, {0: [shares(9)]}, events={"AAPL": (Split(T0 + 2 * HOUR, 1, 10),)}, **BEFORE)
    (trade,) = result.trades
    assert (trade.is_open, trade.gross, trade.exit_fill, trade.exit_time) == (False, 0, 1, T0 + 2 * HOUR)
    assert (trade.left, trade.exit_mark) == ([], 10_000)


def test_the_trader_is_told_of_a_split() -> None:
    bars = market("AAPL", *flat(1_000, 2), *flat(500, 3))
    answers = {1: [shares(-200, key="b")]}
    result = play(bars, {0: [shares(100)]}, answers, events={"AAPL": (Split(T0 + 2 * HOUR + 1, 2, 1),)}, **BEFORE)
    assert filled(result)[2] == (1, 3, -200, 500, "MARKET_AT_OPEN")
    assert result.orders[1].submitted == T0 + 2 * HOUR + 1


def test_events_of_one_instant_go_in_the_order_given() -> None:
    # A dividend before the split is paid on 100 shares, one after it on 200.
    at = T0 + 2 * HOUR
    events = {"AAPL": (Dividend(at, Decimal(1)), Split(at, 2, 1), Dividend(at, Decimal(1)))}
    assert play(market("AAPL", *flat(1_000, 4)), {0: [shares(100)]}, events=events, **BEFORE).carry == 300 * DOLLAR


# --------------------------------------------------------------------------------------------------- final settlement


@pytest.mark.parametrize(("price", "ticks"), [(26.5, 106), (26.60, 106), (26.65, 107), (26.625, 106)])
def test_a_contract_ends_at_its_final_price_without_slippage_or_fee(price: float, ticks: int) -> None:
    # Ends while another instrument goes on. A tick is 0.25: 26.625 is 106.5 ticks, half to even.
    bars = [market("MES", *flat(100, 2)), market("ES", *flat(100, 4))]
    events = {"MES": (FinalSettlement(T0 + 2 * HOUR + 1, price),)}
    rules = costs(fee_per_unit="1", slippage_ticks=1)
    result = play(bars, {0: [order("MARKET", 2)]}, events=events, **rules)
    last = result.fills[-1]
    assert (last.rule, last.lots, last.price, last.fee, last.impact) == ("FINAL_SETTLEMENT", -2, ticks, 0, 0)
    assert (last.order_id, last.row, last.position_after) == (-1, 2, 0)
    gain = 2 * (ticks - 101) * 1_250_000
    assert result.trades[0].gross == gain
    assert moved(result)[-1] == gain - 2 * DOLLAR
    # The last bar of its data settled at 100, the end of the contract pays the rest at once.
    assert [(s.time, s.gain) for s in result.settlements] == [
        (T0 + 2 * HOUR, -2_500_000),
        (T0 + 2 * HOUR + 1, 2 * (ticks - 100) * 1_250_000),
    ]


def test_orders_of_a_contract_that_ended_are_cancelled_and_later_ones_rejected() -> None:
    bars = [market("MES", *flat(100, 2), sessions=[0, 1]), market("ES", *flat(100, 4), sessions=[0, 1, 2, 3])]
    script = {0: [order("LIMIT", 1, limit=50, tif="GTC")], 2: [order("MARKET", 1, key="b")]}
    result = play(bars, script, events={"MES": (FinalSettlement(T0 + 2 * HOUR, 25.0),)})
    assert ends(result) == [("CANCELLED", "CONTRACT_EXPIRED", 0), ("REJECTED", "CONTRACT_EXPIRED", 0)]


def test_an_end_at_the_last_close_comes_before_it() -> None:
    bars = market("MES", *flat(100, 3))
    script = {0: [order("MARKET", 1), order("MARKET_ON_CLOSE", 1, key="b")]}
    result = play(bars, script, events={"MES": (FinalSettlement(T0 + 3 * HOUR, 30.0),)})
    assert ends(result) == [FILLED, ("CANCELLED", "CONTRACT_EXPIRED", 0)]
    assert moved(result)[-1] == 20 * 1_250_000
    assert result.fills[-1].row == 2


def test_a_listing_ends_in_cash() -> None:
    bars = market("AAPL", *flat(1_000, 3))
    events = {"AAPL": (FinalSettlement(T0 + 3 * HOUR, 9.0),)}
    result = play(bars, {0: [shares(-100)]}, events=events, **BEFORE)
    assert moved(result)[-1] == 100 * DOLLAR
    assert result.trades[0].gross == 100 * DOLLAR


def test_the_exact_fraction_of_a_lot_is_paid() -> None:
    # 7 coins' lots, three for two: 10.5, of which half a new one is a third of an old one at 2,500,000 ticks.
    bars = market("BTCUSD", *[(2_500_000,) * 4 + (10**9,)] * 4)
    events = {"BTCUSD": (Split(T0 + 2 * HOUR, 3, 2),)}
    result = play(bars, {0: [order("MARKET", 7, symbol="BTCUSD")]}, events=events, account="cash")
    per_tick = Fraction(10_000, 10**8)  # micro-units of one tick on one lot
    assert result.fills[1].value == -round(Fraction(1, 3) * 2_500_000 * per_tick)
    assert result.fills[1].lots == 3
