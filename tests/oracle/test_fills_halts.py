"""docs/fills.md sentence by sentence: halts at a daily loss and at a drawdown, and flattening.

Every expected number is worked out by hand; `play` runs both engines and holds them to each other. One tick of one MES
is worth 1.25, so that 8 ticks on 100 lots are 1,000 dollars.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.oracle.by_hand import DOLLAR, HOUR, T0, costs, ends, filled, flat, market, order, play

CASH = 100_000 * DOLLAR
ONE_PERCENT = {"cash": CASH, "daily_loss": Decimal("0.01")}


@pytest.mark.parametrize(("close", "halted"), [(93, False), (92, True), (91, True)])
def test_an_account_halts_at_its_daily_loss(close: int, halted: bool) -> None:
    # 8 ticks on 100 lots are one per cent of 100,000 dollars, and reached is enough.
    bars = market("MES", *flat(100), (100, 100, 90, close), *flat(close, 2))
    script = {0: [order("MARKET", 100)], 1: [order("MARKET", 1, key="b")]}
    result = play(bars, script, **ONE_PERCENT)
    assert result.halts == ([(T0 + 2 * HOUR, "DAILY_LOSS")] if halted else [])
    assert ends(result)[1] == (("REJECTED", "DAILY_LOSS", 0) if halted else ("FILLED", "NONE", 1))


def test_the_loss_that_is_allowed_is_rounded_up() -> None:
    # A millionth of 1,000,000,000,001 micro-units is a little more than 1,000,000: one more micro-unit is needed.
    bars = market("MES", *flat(100, 4))
    fee = {"fee_per_unit": "1.000000"}
    for cash, halted in ((1_000_000 * DOLLAR, True), (1_000_000 * DOLLAR + 1, False)):
        result = play(bars, {0: [order("MARKET", 1)]}, cash=cash, daily_loss=Decimal("0.000001"), **costs(**fee))
        assert bool(result.halts) is halted


def test_a_halt_cancels_every_living_order_and_ends_with_the_session() -> None:
    rows = [*flat(100), (100, 100, 92, 92), *flat(92), *flat(92, 3)]
    bars = market("MES", *rows, sessions=[0, 0, 0, 1, 1, 1])
    script = {
        0: [order("MARKET", 100), order("LIMIT", 1, limit=50, key="b", tif="GTC")],
        2: [order("MARKET", 1, key="c")],
        3: [order("MARKET", 1, key="d")],
    }
    result = play(bars, script, **ONE_PERCENT)
    assert ends(result) == [
        ("FILLED", "NONE", 100),
        ("CANCELLED", "DAILY_LOSS", 0),
        ("REJECTED", "DAILY_LOSS", 0),  # sent at the end of the halted session, though it would meet the next one
        ("FILLED", "NONE", 1),
    ]


def test_a_new_session_counts_from_its_own_beginning() -> None:
    # 7 ticks lost in each of two sessions: less than one per cent in both.
    rows = [*flat(100), (100, 100, 93, 93), (93, 93, 86, 86), *flat(86)]
    bars = market("MES", *rows, sessions=[0, 0, 1, 1])
    assert play(bars, {0: [order("MARKET", 100)]}, **ONE_PERCENT).halts == []
    # The gap between the sessions belongs to the later one: its beginning is valued at the last close.
    rows = [*flat(100), (100, 100, 100, 100), (92, 92, 92, 92), *flat(92)]
    bars = market("MES", *rows, sessions=[0, 0, 1, 1])
    assert play(bars, {0: [order("MARKET", 100)]}, **ONE_PERCENT).halts == [(T0 + 3 * HOUR, "DAILY_LOSS")]


def test_reduce_only_orders_are_taken_and_filled_during_a_halt() -> None:
    bars = market("MES", *flat(100), (100, 100, 92, 92), *flat(92, 3))
    script = {
        0: [order("MARKET", 100)],
        1: [order("MARKET", -30, reduce_only=True, key="b"), order("MARKET", -30, key="c")],
    }
    result = play(bars, script, **ONE_PERCENT)
    assert ends(result)[1:] == [("FILLED", "NONE", 30), ("REJECTED", "DAILY_LOSS", 0)]


def test_a_drawdown_halts_for_good() -> None:
    # Up 80 ticks on 10 lots (1,000 dollars), then down from there: 2 per cent of 101,000 dollars are 161.6 ticks.
    rows = [*flat(400), (400, 480, 400, 480), (480, 480, 319, 319), (319, 319, 318, 318), *flat(318, 3)]
    bars = market("MES", *rows, sessions=[0, 0, 0, 0, 1, 2, 3])
    script = {0: [order("MARKET", 10)], 4: [order("MARKET", 1, key="b")]}
    result = play(bars, script, cash=CASH, drawdown=Decimal("0.02"))
    assert result.halts == [(T0 + 4 * HOUR, "DRAWDOWN")]
    assert ends(result)[1] == ("REJECTED", "DRAWDOWN", 0)


def test_where_both_are_reached_it_is_the_drawdown() -> None:
    bars = market("MES", *flat(100), (100, 100, 92, 92), *flat(92, 2))
    result = play(bars, {0: [order("MARKET", 100)]}, drawdown=Decimal("0.01"), **ONE_PERCENT)
    assert [reason for _, reason in result.halts] == ["DRAWDOWN"]


def test_a_halt_for_the_day_may_become_one_for_good() -> None:
    rows = [*flat(100), (100, 100, 92, 92), (92, 92, 84, 84), *flat(84, 2)]
    bars = market("MES", *rows)
    script = {0: [order("MARKET", 100)], 1: [order("LIMIT", -1, limit=200, reduce_only=True, key="b")]}
    result = play(bars, script, drawdown=Decimal("0.02"), **ONE_PERCENT)
    assert [reason for _, reason in result.halts] == ["DAILY_LOSS", "DRAWDOWN"]
    assert ends(result)[1] == ("CANCELLED", "DRAWDOWN", 0)


def test_flattening_closes_what_is_held_by_ordinary_orders() -> None:
    rows = [*flat(100), (100, 100, 92, 92), (90, 90, 90, 90, 60), *flat(91, 2)]
    result = play(market("MES", *rows), {0: [order("MARKET", 100)]}, flatten=True, **ONE_PERCENT)
    assert filled(result)[1:] == [(1, 2, -60, 90, "MARKET_AT_OPEN"), (1, 3, -40, 91, "MARKET_AT_OPEN")]
    assert not result.orders[1].liquidation
    assert result.orders[1].ticket.reduce_only


def test_a_flattening_order_never_turns_a_position_that_was_reduced_meanwhile() -> None:
    rows = [*flat(100), (100, 100, 92, 92), (92, 92, 92, 92, 60), *flat(92, 2)]
    script: dict[int, Any] = {0: [order("MARKET", 100)], 1: [order("LIMIT", -50, limit=80, reduce_only=True, key="b")]}
    result = play(market("MES", *rows), script, flatten=True, **ONE_PERCENT)
    # Flattening takes the 60 lots of bar 2; of the remaining 40 it takes all in bar 3, and nothing is left to reduce.
    assert [fill.position_after for fill in result.fills] == [100, 40, 0]
    assert ends(result)[2] == ("CANCELLED", "REDUCE_ONLY", 0)


def test_where_opens_were_not_observed_flattening_goes_on_close() -> None:
    bars = market("SPX", *flat(30_000, 2), *flat(20_000, 2), sessions=[0, 1, 2, 3], closes_only=True)
    script = {0: [order("MARKET_ON_CLOSE", 10, symbol="SPX")]}
    result = play(bars, script, account="cash", flatten=True, **ONE_PERCENT)
    assert [fill.rule for fill in result.fills] == ["MARKET_ON_CLOSE", "MARKET_ON_CLOSE"]
    assert [o.ticket.tif for o in result.orders] == ["DAY", "GTC"]


def test_a_liquidation_comes_before_a_halt() -> None:
    # 70 lots need 44,100 dollars to keep; the loss leaves less: the account is liquidated, and only then halted.
    rows = [*flat(1_000), (1_000, 1_000, 949, 949), (949, 949, 949, 949), *flat(949, 2)]
    result = play(market("MES", *rows), {0: [order("MARKET", 70)]}, cash=48_520 * DOLLAR, daily_loss=Decimal("0.02"))
    assert [fill.rule for fill in result.fills] == ["MARKET_AT_OPEN", "LIQUIDATION"]
    assert result.halts == [(T0 + 3 * HOUR, "DAILY_LOSS")]
