"""docs/fills.md sentence by sentence, second half: costs, the account, the books and trades.

Every expected number is worked out by hand; `play` runs both engines and holds them to each other. On the session of
these markets one MES needs 693.00 to open and 630.00 to keep, one ES 6,930.00, and a tick of MES is worth 1.25.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from argus.core.errors import ConfigError
from tests.oracle.by_hand import DAY_ONE, DOLLAR, HOUR, T0, costs, ends, filled, flat, market, order, play
from tests.oracle.world import EPOCH

TICK = 1_250_000  # of one MES
FILLED = ("FILLED", "NONE", 1)


def cash_left(result: Any) -> int:
    """Cash at the last close, over the opening balance."""
    return int(result.curve[-1][1] - result.opening_cash)


# -------------------------------------------------------------------------------------------------------------- costs


@pytest.mark.parametrize(
    ("rate", "ticks", "lots", "price"),
    [
        ("0.0001", 0, 1, 8_001),  # 8,000.8 is rounded up
        ("0.0001", 0, -1, 7_999),  # 7,999.2 down
        ("0.001", 0, 1, 8_008),  # whole: no further tick
        ("0.001", 0, -1, 7_992),
        ("0.0001", 2, 1, 8_003),  # rounded once, then the ticks
        ("0", 3, -1, 7_997),
    ],
)
def test_slippage_in_ticks_and_as_a_share_of_the_price(rate: str, ticks: int, lots: int, price: int) -> None:
    bars = market("MES", *flat(8_000, 3))
    result = play(bars, {0: [order("MARKET", lots)]}, **costs(slippage_rate=rate, slippage_ticks=ticks))
    assert [fill.price for fill in result.fills] == [price]


def test_the_fraction_of_a_tick_is_charged_in_cash() -> None:
    # 1.5 times one tick: one tick moves the price, half a tick on 3 lots is 1.875 dollars.
    bars = market("MES", *flat(100), (100, 110, 90, 100), *flat(100))
    orders = [order("MARKET", 3), order("LIMIT", 3, limit=95, key="b"), order("LIMIT", 3, limit=101, key="c")]
    result = play(bars, {0: orders}, **costs(slippage_ticks=1, multiplier="1.5"))
    assert [(fill.rule, fill.price, fill.impact) for fill in result.fills] == [
        ("MARKET_AT_OPEN", 101, 1_875_000),
        ("LIMIT_AT_OPEN", 101, 1_875_000),  # capped at its limit, and charged all the same
        ("LIMIT_THROUGH", 95, 0),
    ]


def test_the_multiplier_scales_the_rate_too() -> None:
    # 2 x 0.0005 x 8,000 ticks = 8 ticks.
    result = play(
        market("MES", *flat(8_000, 3)), {0: [order("MARKET", 1)]}, **costs(slippage_rate="0.0005", multiplier="2")
    )
    assert [fill.price for fill in result.fills] == [8_008]


def test_a_fee_per_contract_and_a_share_of_the_notional_add_up() -> None:
    # 2 lots at 8,000 ticks are 20,000 dollars: 1.25 x (2 x 2.25 + 0.0001 x 20,000) = 8.125.
    fees = costs(fee_per_unit="2.25", fee_rate="0.0001", multiplier="1.25")
    result = play(market("MES", *flat(8_000, 3)), {0: [order("MARKET", 2)]}, **fees)
    assert [fill.fee for fill in result.fills] == [8_125_000]
    assert cash_left(result) == -8_125_000


@pytest.mark.parametrize(("lots", "fee"), [(1, 0), (3, 2), (5, 2), (7, 4)])
def test_a_fee_is_rounded_half_even_once(lots: int, fee: int) -> None:
    # Half a micro-unit a contract.
    result = play(market("MES", *flat(100, 3)), {0: [order("MARKET", lots)]}, **costs(fee_per_unit="0.0000005"))
    assert [fill.fee for fill in result.fills] == [fee]


@pytest.mark.parametrize(("lots", "fee"), [(1, 1_500_000), (10, 3_000_000)])
def test_a_fee_has_a_minimum_that_the_multiplier_scales(lots: int, fee: int) -> None:
    fees = costs(fee_per_unit="0.2", fee_minimum="1", multiplier="1.5")
    result = play(market("MES", *flat(100, 3)), {0: [order("MARKET", lots)]}, **fees)
    assert [fill.fee for fill in result.fills] == [fee]


def test_where_no_fee_is_stated_the_schedule_holds() -> None:
    none = {"fee_per_unit": None, "fee_rate": None, "fee_minimum": None}
    # MES: 0.62 a contract. A share: 0.005, at least 1.00. BTC: 18 basis points, at least 1.75.
    result = play(market("MES", *flat(100, 3)), {0: [order("MARKET", 2)]}, **none)
    assert [fill.fee for fill in result.fills] == [1_240_000]
    shares = market("AAPL", *flat(1_000, 4))
    script = {0: [order("MARKET", 100, symbol="AAPL")], 1: [order("MARKET", 300, symbol="AAPL", key="b")]}
    assert [fill.fee for fill in play(shares, script, account="cash", **none).fills] == [DOLLAR, 1_500_000]
    coins = market("BTCUSD", *[(2_500_000,) * 4 + (10**9,)] * 3)
    result = play(coins, {0: [order("MARKET", 10**8, symbol="BTCUSD")]}, account="cash", **none)
    assert [fill.fee for fill in result.fills] == [45 * DOLLAR]


# -------------------------------------------------------------------------------------------------------- the account


def test_a_future_moves_no_cash_but_fees_until_the_session_ends() -> None:
    bars = market("MES", *flat(100), (100, 104, 100, 104), (104, 106, 104, 106), *flat(107), sessions=[0, 0, 0, 1])
    result = play(bars, {0: [order("MARKET", 2)]}, **costs(fee_per_unit="1"))
    moved = [(cash - result.opening_cash, equity - result.opening_cash) for _, cash, equity in result.curve]
    # Gains of 4, 6 and 7 ticks on 2 lots; the sixth is paid at the end of the session, the seventh a session later.
    assert moved == [
        (0, 0),
        (-2 * DOLLAR, 4 * 2 * TICK - 2 * DOLLAR),
        (6 * 2 * TICK - 2 * DOLLAR, 6 * 2 * TICK - 2 * DOLLAR),
        (7 * 2 * TICK - 2 * DOLLAR, 7 * 2 * TICK - 2 * DOLLAR),
    ]
    assert [(entry.time, entry.gain) for entry in result.settlements] == [
        (T0 + 3 * HOUR, 6 * 2 * TICK),
        (T0 + 4 * HOUR, 2 * TICK),
    ]


def test_a_gain_taken_within_a_session_is_paid_at_its_end() -> None:
    bars = market("MES", *flat(100, 2), *flat(110, 2), *flat(100))
    result = play(bars, {0: [order("MARKET", 1)], 1: [order("MARKET", -1, key="b")]})
    paid = [cash - result.opening_cash for _, cash, _ in result.curve]
    assert paid == [0, 0, 0, 0, 10 * TICK]
    assert [equity - result.opening_cash for _, _, equity in result.curve] == [0, 0, *[10 * TICK] * 3]


def test_without_a_session_end_books_are_settled_before_the_next_session_and_at_the_end() -> None:
    bars = market("MES", *flat(100), *flat(104), *flat(107), *flat(109), sessions=[0, 0, 1, 1], ends=())
    result = play(bars, {0: [order("MARKET", 1), order("MARKET", 1, key="b")]})
    assert [(entry.time, entry.gain) for entry in result.settlements] == [(T0 + 4 * HOUR, 10 * TICK)]
    bars = market("MES", *flat(100, 2), *flat(107), *flat(109), sessions=[0, 0, 0, 1], ends=())
    result = play(bars, {0: [order("MARKET", 1)]})
    assert [(entry.time, entry.gain) for entry in result.settlements] == [
        (T0 + 3 * HOUR, 7 * TICK),
        (T0 + 4 * HOUR, 2 * TICK),
    ]


def test_spot_is_paid_in_full() -> None:
    shares = market("AAPL", *flat(1_000, 2), *flat(1_100, 2))
    script = {0: [order("MARKET", 100, symbol="AAPL")], 2: [order("MARKET", -40, symbol="AAPL", key="b")]}
    result = play(shares, script, account="cash", cash=2_000 * DOLLAR)
    assert [(cash, equity) for _, cash, equity in result.curve[1:]] == [
        (1_000 * DOLLAR, 2_000 * DOLLAR),
        (1_000 * DOLLAR, 2_100 * DOLLAR),
        (1_440 * DOLLAR, 2_100 * DOLLAR),
    ]


def test_before_the_first_close_the_last_fill_is_the_mark() -> None:
    bars = market("MES", (100, 100, 100, None), (100, 110, 90, None), (105, 110, 90, None), (110, 110, 110, 112))
    script = {0: [order("MARKET", 1)], 1: [order("MARKET", 1, key="b")]}
    result = play(bars, script)
    assert [equity - result.opening_cash for _, _, equity in result.curve] == [0, 0, 5 * TICK, (12 + 7) * TICK]


def test_an_unknown_close_leaves_the_mark() -> None:
    bars = market("MES", *flat(100), (100, 110, 90, 108), (100, 100, 100, None), *flat(103))
    result = play(bars, {0: [order("MARKET", 1)]})
    assert [equity - result.opening_cash for _, _, equity in result.curve] == [0, 8 * TICK, 8 * TICK, 3 * TICK]


def test_the_part_that_the_margin_allows_is_filled_and_the_rest_rejected() -> None:
    bars = market("MES", *flat(100, 3))
    result = play(bars, {0: [order("MARKET", 5)]}, cash=2 * 693 * DOLLAR)
    assert ends(result) == [("REJECTED", "INITIAL_MARGIN", 2)]
    assert ends(play(bars, {0: [order("MARKET", 1)]}, cash=693 * DOLLAR - 1)) == [("REJECTED", "INITIAL_MARGIN", 0)]


@pytest.mark.parametrize(("spare", "lots"), [(4_500_000, 2), (4_499_999, 1)])
def test_fees_count_against_the_margin(spare: int, lots: int) -> None:
    fees = costs(fee_per_unit="2.25")
    result = play(market("MES", *flat(100, 3)), {0: [order("MARKET", 2)]}, cash=2 * 693 * DOLLAR + spare, **fees)
    assert result.orders[0].filled == lots


def test_a_reduction_is_always_filled_and_the_opening_part_of_a_turn_is_checked() -> None:
    bars = market("MES", *flat(100, 4))
    result = play(bars, {0: [order("MARKET", 2)], 1: [order("MARKET", -5, key="b")]}, cash=2 * 693 * DOLLAR)
    assert [fill[2] for fill in filled(result)] == [2, -4]
    assert ends(result)[1] == ("REJECTED", "INITIAL_MARGIN", 4)


def test_a_reduction_needs_no_margin() -> None:
    # 40 ticks against one contract: 650 dollars left of 700, below the initial 693; half of it may still be closed.
    bars = market("MES", *flat(100, 2), *flat(60, 3))
    script = {0: [order("MARKET", 1)], 2: [order("MARKET", 1, key="b"), order("MARKET", -1, key="c")]}
    result = play(bars, script, cash=700 * DOLLAR)
    assert ends(result) == [FILLED, ("REJECTED", "INITIAL_MARGIN", 0), FILLED]


def test_the_fill_price_is_the_mark_for_the_check() -> None:
    # At the last close all is well; at the open the first contract has lost 40 ticks, 50 dollars.
    bars = market("MES", *flat(100, 2), *flat(60, 2))
    script = {0: [order("MARKET", 1)], 1: [order("MARKET", 1, key="b")]}
    assert ends(play(bars, script, cash=(2 * 693 + 50) * DOLLAR))[1] == FILLED
    assert ends(play(bars, script, cash=(2 * 693 + 50) * DOLLAR - 1))[1] == ("REJECTED", "INITIAL_MARGIN", 0)


def test_margins_of_all_instruments_add_up() -> None:
    bars = [market("MES", *flat(100, 3)), market("ES", *flat(100, 3))]
    script = {0: [order("MARKET", 1, symbol="ES"), order("MARKET", 1, symbol="MES", key="b")]}
    both = play(bars, script, cash=(6_930 + 693) * DOLLAR)
    assert ends(both) == [FILLED, FILLED]
    # At one instant MES, first in the universe, is filled first.
    assert ends(play(bars, script, cash=(6_930 + 693) * DOLLAR - 1)) == [("REJECTED", "INITIAL_MARGIN", 0), FILLED]


@pytest.mark.parametrize(
    ("day", "needed"),
    [(date(2019, 10, 31), 693), (date(2019, 11, 1), 660), (date(2015, 1, 5), 693)],  # the last: before the first row
)
def test_the_margin_in_force_on_the_session_holds(day: date, needed: int) -> None:
    session = (day - EPOCH).days - DAY_ONE
    bars = market("MES", *flat(100, 3), sessions=[session] * 3)
    assert ends(play(bars, {0: [order("MARKET", 1)]}, cash=needed * DOLLAR)) == [FILLED]
    assert ends(play(bars, {0: [order("MARKET", 1)]}, cash=needed * DOLLAR - 1))[0][2] == 0


@pytest.mark.parametrize("side", [1, -1])
def test_reg_t_asks_for_half_of_the_value_either_way(side: int) -> None:
    shares = market("AAPL", *flat(1_000, 3))
    result = play(shares, {0: [order("MARKET", side * 150, symbol="AAPL")]}, account="reg_t", cash=500 * DOLLAR)
    assert ends(result) == [("REJECTED", "INITIAL_MARGIN", 100)]


@pytest.mark.parametrize(
    ("side", "close", "liquidated"),
    [
        (1, 667, False),  # 167.00 of equity against a quarter of 667.00
        (1, 666, True),  # 166.00 against 166.50
        (-1, 1_153, False),  # 347.00 against 30 % of 1,153.00
        (-1, 1_154, True),  # 346.00 against 346.20
    ],
)
def test_reg_t_asks_for_a_quarter_of_longs_and_three_tenths_of_shorts_to_keep(
    side: int, close: int, liquidated: bool
) -> None:
    shares = market("AAPL", *flat(1_000, 2), *flat(close, 2), sessions=[0, 0, 0, 1])
    result = play(shares, {0: [order("MARKET", side * 100, symbol="AAPL")]}, account="reg_t", cash=500 * DOLLAR)
    assert bool(result.liquidations) is liquidated


@pytest.mark.parametrize(("cash", "lots"), [(3, 50_000), (2, 45_000)])
def test_spot_margin_is_rounded_up(cash: int, lots: int) -> None:
    # 50,000 lots at one tick are worth 5 micro-units, half of which is 2.5: 3 are needed. With 2 the value may be 4,
    # and 45,000 lots are the most that half-even rounding makes 4.
    coins = market("BTCUSD", *[(1, 1, 1, 1, 10**6)] * 3)
    result = play(coins, {0: [order("MARKET", 50_000, symbol="BTCUSD")]}, account="reg_t", cash=cash)
    assert result.orders[0].filled == lots


def test_futures_and_shares_share_one_reg_t_account() -> None:
    bars = [market("MES", *flat(100, 3)), market("AAPL", *flat(1_000, 3))]
    script = {0: [order("MARKET", 1), order("MARKET", 100, symbol="AAPL", key="b")]}
    assert ends(play(bars, script, account="reg_t", cash=(693 + 500) * DOLLAR)) == [FILLED, ("FILLED", "NONE", 100)]
    short = play(bars, script, account="reg_t", cash=(693 + 500) * DOLLAR - 1)
    assert ends(short)[1] == ("REJECTED", "INITIAL_MARGIN", 99)


def test_a_cash_account_spends_what_it_has_fees_included() -> None:
    shares = market("AAPL", *flat(1_000, 3))
    buy = {0: [order("MARKET", 101, symbol="AAPL")]}
    assert ends(play(shares, buy, account="cash", cash=1_000 * DOLLAR)) == [("REJECTED", "CASH", 100)]
    fees = costs(fee_per_unit="0.01")
    assert ends(play(shares, buy, account="cash", cash=1_000 * DOLLAR, **fees)) == [("REJECTED", "CASH", 99)]


def test_a_cash_account_has_no_short_positions() -> None:
    shares = market("AAPL", *flat(1_000, 4))
    script = {0: [order("MARKET", 10, symbol="AAPL")], 1: [order("MARKET", -15, symbol="AAPL", key="b")]}
    result = play(shares, script, account="cash")
    assert ends(result) == [("FILLED", "NONE", 10), ("REJECTED", "SHORT_FORBIDDEN", 10)]


@pytest.mark.parametrize(("account", "symbol"), [("futures", "AAPL"), ("cash", "MES")])
def test_an_account_that_cannot_hold_the_instrument_is_an_error(account: str, symbol: str) -> None:
    with pytest.raises(ConfigError):
        play(market(symbol, *flat(1_000, 3)), {}, account=account)


# ------------------------------------------------------------------------------------------- maintenance, liquidation


def test_a_liquidation_cancels_everything_and_closes_at_the_next_open() -> None:
    bars = market("MES", *flat(100), (100, 100, 43, 43), *flat(42, 2), *flat(40))
    script = {
        0: [order("MARKET", 1), order("LIMIT", -1, limit=200, tif="GTC", key="b")],
        1: [order("MARKET", 1, key="c")],
        2: [order("LIMIT", 1, limit=10, key="d")],
    }
    result = play(bars, script, cash=700 * DOLLAR, slippage_ticks=0)
    assert filled(result) == [(0, 1, 1, 100, "MARKET_AT_OPEN"), (2, 2, -1, 42, "LIQUIDATION")]
    assert ends(result) == [
        FILLED,
        ("CANCELLED", "LIQUIDATION", 0),
        FILLED,  # the liquidation
        ("REJECTED", "LIQUIDATION", 0),  # sent while it lived
        ("EXPIRED", "SESSION_END", 0),  # sent after it was done
    ]
    assert result.orders[2].arrives == T0 + 2 * HOUR


@pytest.mark.parametrize(("low", "liquidated"), [(44, False), (43, True)])
def test_equity_at_the_maintenance_margin_is_enough(low: int, liquidated: bool) -> None:
    # 56 ticks are 70 dollars: 630 are left, the maintenance margin. One tick more is too much.
    bars = market("MES", *flat(100), (100, 100, low, low), *flat(low, 2))
    result = play(bars, {0: [order("MARKET", 1)]}, cash=700 * DOLLAR)
    assert result.liquidations == liquidated


def test_a_liquidation_is_bounded_by_volume_pays_slippage_and_never_expires() -> None:
    rows = [*flat(100), (100, 100, 40, 40, 9), (38, 38, 38, 38, 1), (37, 37, 37, 37, 1), *flat(36)]
    bars = market("MES", *rows, sessions=[0, 0, 1, 2, 3])
    result = play(bars, {0: [order("MARKET", 3)]}, cash=3 * 693 * DOLLAR + 5 * DOLLAR, slippage_ticks=1)
    assert filled(result)[1:] == [
        (1, 2, -1, 37, "LIQUIDATION"),
        (1, 3, -1, 36, "LIQUIDATION"),
        (1, 4, -1, 35, "LIQUIDATION"),
    ]
    assert result.liquidations == 1


def test_every_instrument_is_liquidated_in_the_order_of_the_universe() -> None:
    bars = [
        market("MES", *flat(1_000, 2), (1_000, 1_000, 400, 400), *flat(400, 2)),
        market("ES", *flat(100, 5)),
    ]
    script = {0: [order("MARKET", 1, symbol="ES"), order("MARKET", 1, symbol="MES", key="b")]}
    result = play(bars, script, cash=(6_930 + 693) * DOLLAR)
    assert filled(result)[2:] == [(2, 3, -1, 400, "LIQUIDATION"), (3, 3, -1, 100, "LIQUIDATION")]


def test_where_opens_were_not_observed_a_liquidation_goes_on_close() -> None:
    bars = market("MES", *flat(1_000, 2), *flat(900), *flat(880), sessions=[0, 1, 2, 3], closes_only=True)
    result = play(bars, {0: [order("MARKET_ON_CLOSE", 1)]}, cash=700 * DOLLAR)
    assert filled(result) == [(0, 1, 1, 1_000, "MARKET_ON_CLOSE"), (1, 3, -1, 880, "LIQUIDATION")]


def test_an_account_without_equity_is_closed() -> None:
    # 600 ticks are 750 dollars, more than there is.
    bars = market("MES", *flat(1_000, 2), *flat(400, 3))
    script = {0: [order("MARKET", 1)], 3: [order("MARKET", 1, key="b")]}
    result = play(bars, script, cash=700 * DOLLAR)
    assert ends(result) == [FILLED, FILLED, ("REJECTED", "ACCOUNT_CLOSED", 0)]
    assert result.curve[-1][2] == -50 * DOLLAR


def test_an_account_with_nothing_left_is_closed_and_its_orders_cancelled() -> None:
    # 560 ticks are 700 dollars, all there is; both orders fill at the same open.
    bars = market("MES", *flat(1_000), (1_000, 1_000, 1_000, 1_000), (440, 440, 440, 440), *flat(440, 2))
    script = {
        0: [order("MARKET", 1)],
        1: [order("MARKET", -1, key="b"), order("LIMIT", 1, limit=10, tif="GTC", key="c")],
        3: [order("MARKET", 1, key="d")],
    }
    result = play(bars, script, cash=700 * DOLLAR)
    assert ends(result)[2:] == [("CANCELLED", "LIQUIDATION", 0), ("REJECTED", "ACCOUNT_CLOSED", 0)]
    assert result.curve[-1][2] == 0


# ------------------------------------------------------------------------------------------------------------- trades


def test_a_round_trip_in_numbers() -> None:
    bars = market("MES", *flat(100), (100, 110, 95, 105), (105, 112, 104, 111), (103, 104, 100, 101), *flat(101))
    script = {0: [order("MARKET", 2)], 2: [order("MARKET", -2, key="b")]}
    result = play(bars, script, **costs(fee_per_unit="1"))
    (trade,) = result.trades
    assert (trade.direction, trade.lots_max, trade.bars, trade.is_open) == (1, 2, 2, False)
    assert (trade.entry_time, trade.exit_time) == (T0 + HOUR, T0 + 3 * HOUR)
    assert (trade.gross, trade.fee, trade.net) == (3 * 2 * TICK, 4 * DOLLAR, 3 * 2 * TICK - 4 * DOLLAR)
    # The ranges of both bars count: 5 ticks below the entry, 12 above.
    assert (trade.mae, trade.mfe) == (-5 * 2 * TICK, 12 * 2 * TICK)
    assert result.curve[-1][2] - result.opening_cash == trade.net


def test_the_range_of_a_bar_with_a_fill_in_it_does_not_count() -> None:
    # Entered at 98 within bar 1, left at 90 within bar 2: which came first, high or low, is not known.
    bars = market("MES", *flat(100), (100, 120, 97, 105), (105, 130, 85, 100), *flat(100))
    script = {0: [order("LIMIT", 1, limit=98)], 1: [order("STOP", -1, stop=90, key="b")]}
    (trade,) = play(bars, script).trades
    assert (trade.mae, trade.mfe, trade.gross, trade.bars) == (-8 * TICK, 7 * TICK, -8 * TICK, 1)


def test_a_turn_ends_one_trade_and_starts_the_next_with_its_share_of_the_fee() -> None:
    # 3 contracts at half a micro-unit: 1.5, rounded to 2. A third of 2 is 0.67: 1 closes, 1 opens.
    bars = market("MES", *flat(100, 2), *flat(110, 2), *flat(105))
    script = {0: [order("MARKET", 1)], 1: [order("MARKET", -3, key="b")]}
    result = play(bars, script, **costs(fee_per_unit="0.0000005"))
    first, second = result.trades
    assert (first.gross, first.fee, first.is_open) == (10 * TICK, 0 + 1, False)
    assert (second.direction, second.gross, second.fee, second.is_open) == (-1, 5 * 2 * TICK, 1, True)
    assert (second.entry_fill, second.lots_max) == (1, 2)
    assert first.net + second.net == result.curve[-1][2] - result.opening_cash


def test_the_split_of_a_large_fee() -> None:
    # 100 coins at 50,000 dollars are turned: 18 basis points of 10 million are 18,000 dollars, half for each part.
    coins = market("BTCUSD", *[(5_000_000,) * 4 + (10**12,)] * 5)
    script = {
        0: [order("MARKET", 10**10, symbol="BTCUSD")],
        1: [order("MARKET", -2 * 10**10, symbol="BTCUSD", key="b")],
    }
    result = play(coins, script, account="reg_t", cash=20_000_000 * DOLLAR, **costs(fee_rate="0.0018"))
    assert [trade.fee for trade in result.trades] == [18_000 * DOLLAR, 9_000 * DOLLAR]


def test_an_open_trade_is_marked_at_the_last_known_close() -> None:
    bars = market("MES", *flat(100, 2), *flat(104), (105, 109, 101, None))
    (trade,) = play(bars, {0: [order("MARKET", 1)]}).trades
    assert (trade.is_open, trade.gross, trade.exit_time, trade.last_mark) == (True, 4 * TICK, T0 + 3 * HOUR, 104)
    assert (trade.bars, trade.mae, trade.mfe) == (3, 0, 9 * TICK)


def test_entry_and_exit_are_averages_over_the_lots() -> None:
    bars = market("MES", *flat(100), *flat(101), *flat(104), *flat(110), *flat(100))
    script = {0: [order("MARKET", 2)], 1: [order("MARKET", 1, key="b")], 2: [order("MARKET", -3, key="c")]}
    (trade,) = play(bars, script).trades
    # 2 at 101 and 1 at 104 are 102 on average.
    assert (trade.entered, trade.left) == ([(2, 101), (1, 104)], [(3, 110)])
    assert trade.gross == 3 * 8 * TICK
