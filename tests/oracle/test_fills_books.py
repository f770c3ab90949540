"""docs/fills.md sentence by sentence: several books in one account.

Every expected number is worked out by hand; `play` runs both engines and holds them to each other. On the session of
these markets one MES needs 693.00 to open and 630.00 to keep; a tick of it is worth 1.25.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from argus.core.market_events import Dividend, FinalSettlement, Split
from tests.oracle.by_hand import DOLLAR, HOUR, T0, costs, ends, filled, flat, market, order, plan, play

FILLED = ("FILLED", "NONE", 1)
MARGIN = 693 * DOLLAR


def buys(lots: int, *symbols: str, at: int = 0, **says: Any) -> Any:
    """A book that sends one order at the market."""
    return plan(*(symbols or ("MES",)), wakes={at: [order("MARKET", lots, symbol=(symbols or ("MES",))[0], **says)]})


def test_each_book_has_its_positions_orders_and_trades() -> None:
    bars = market("MES", *flat(100, 2), *flat(110, 2))
    result = play(bars, books={"one": buys(3), "two": buys(-1)})
    assert result.lines == [("one", "MES"), ("two", "MES")]
    assert [(fill.line, fill.lots, fill.position_after) for fill in result.fills] == [(0, 3, 3), (1, -1, -1)]
    assert [(trade.line, trade.gross) for trade in result.trades] == [(0, 30 * 1_250_000), (1, -10 * 1_250_000)]


def test_the_same_key_and_group_in_two_books_are_two() -> None:
    wakes = {0: [order("MARKET", 1, oco="x"), order("LIMIT", 1, limit=50, oco="x", key="b")]}
    other = {0: [order("LIMIT", 1, limit=50, oco="x"), order("MARKET", 1, parent="a", key="b")]}
    result = play(
        market("MES", *flat(100, 3)), books={"one": plan("MES", wakes=wakes), "two": plan("MES", wakes=other)}
    )
    assert ends(result) == [
        FILLED,
        ("CANCELLED", "OCO", 0),
        ("EXPIRED", "SESSION_END", 0),
        ("CANCELLED", "PARENT_DONE", 0),
    ]


def test_books_share_the_volume_of_a_bar_the_first_one_first() -> None:
    bars = market("MES", *flat(100), (100, 100, 100, 100, 5), *flat(101, 2))
    result = play(bars, books={"one": buys(3), "two": buys(4)})
    assert filled(result) == [
        (0, 1, 3, 100, "MARKET_AT_OPEN"),
        (1, 1, 2, 100, "MARKET_AT_OPEN"),
        (1, 2, 2, 101, "MARKET_AT_OPEN"),
    ]


def test_the_volume_of_the_range_is_what_the_open_left() -> None:
    # The first book's limit in the range comes before the second book's, but after what the second took at the open.
    bars = market("MES", *flat(100), (100, 110, 90, 100, 5), *flat(100))
    one = plan("MES", wakes={0: [order("LIMIT", 4, limit=95)]})
    result = play(bars, books={"one": one, "two": buys(3)})
    assert filled(result) == [(1, 1, 3, 100, "MARKET_AT_OPEN"), (0, 1, 2, 95, "LIMIT_THROUGH")]


def test_margin_is_asked_for_the_net_position() -> None:
    # Long 3 in one book; the other may sell 6 with the margin of three, since the net is then short 3.
    bars = market("MES", *flat(100, 4))
    result = play(bars, books={"one": buys(3), "two": buys(-7, at=1)}, cash=3 * MARGIN)
    assert ends(result) == [("FILLED", "NONE", 3), ("REJECTED", "INITIAL_MARGIN", 6)]


def test_what_reduces_the_net_position_is_always_filled() -> None:
    # After a loss of 25 dollars 1,361 are left: the second book, which is flat, sells the two that the first holds and
    # one more, since the account may be short one, not two.
    rows = [*flat(100, 2), (100, 100, 90, 90), *flat(90, 2)]
    result = play(market("MES", *rows), books={"one": buys(2), "two": buys(-5, at=2)}, cash=2 * MARGIN)
    assert ends(result)[1] == ("REJECTED", "INITIAL_MARGIN", 3)


def test_in_a_cash_account_no_book_may_be_short() -> None:
    bars = market("AAPL", *flat(1_000, 4))
    result = play(bars, books={"one": buys(5, "AAPL"), "two": buys(-1, "AAPL", at=1)}, account="cash")
    assert ends(result)[1] == ("REJECTED", "SHORT_FORBIDDEN", 0)


def test_a_mark_is_one_for_all_books() -> None:
    # The fill of the second book is the mark of the first before any close: 100 + 4 ticks of slippage.
    bars = market("MES", (100, 100, 100, None), (100, 100, 100, None), *flat(100))
    result = play(bars, books={"one": buys(1), "two": buys(1)}, **costs(slippage_ticks=4))
    assert result.curve[1][2] == result.opening_cash
    bars = market("MES", (100, 100, 100, None), (100, 100, 100, None), (106, 106, 106, None), *flat(100))
    result = play(bars, books={"one": buys(1), "two": buys(1, at=1)})
    assert result.curve[2][2] - result.opening_cash == 6 * 1_250_000


def test_books_are_told_and_woken_one_after_the_other() -> None:
    bars = market("MES", *flat(100, 4))
    one = plan(
        "MES",
        wakes={0: [order("MARKET", 1)], 1: [order("MARKET", 1, key="w")]},
        fills={0: [order("MARKET", 1, key="f")]},
    )
    result = play(bars, books={"one": one, "two": one})
    # At the first wake: 0 of one, 1 of two. Both fill at the open of bar 1, are told of it, and are woken again later.
    assert [(o.line, o.submitted) for o in result.orders] == [
        (0, T0 + HOUR),
        (1, T0 + HOUR),
        (0, T0 + HOUR),
        (1, T0 + HOUR),
        (0, T0 + 2 * HOUR),
        (1, T0 + 2 * HOUR),
    ]


def test_each_book_is_told_of_its_own_fills() -> None:
    bars = market("MES", *flat(100, 4))
    two = plan("MES", wakes={1: [order("MARKET", 1)]}, fills={0: [order("MARKET", -1, key="f")]})
    result = play(bars, books={"one": buys(1), "two": two})
    assert [(fill.line, fill.lots) for fill in result.fills] == [(0, 1), (1, 1), (1, -1)]


def test_books_of_different_instruments_warm_up_by_themselves() -> None:
    bars = [market("MES", *flat(100, 4)), market("ES", *flat(100, 2), starts=[T0 + 2 * HOUR, T0 + 3 * HOUR])]
    result = play(bars, books={"one": plan("MES"), "two": plan("ES", "MES")})
    assert result.book_wakes == {
        "one": [T0 + i * HOUR for i in (1, 2, 3, 4)],
        "two": [T0 + i * HOUR for i in (3, 4)],
    }


def test_a_liquidation_closes_every_book_though_the_net_is_small() -> None:
    # Net long 2, which need 1,260 dollars to keep: of 3,465 a fall of 882 ticks leaves just that, one of 883 less.
    # Nothing is asked for margin on the way, where the first book's order leaves the account short 3.
    books = {"one": buys(5), "two": buys(-3)}
    for close, fills in ((118, []), (117, [(0, -5, "LIQUIDATION"), (1, 3, "LIQUIDATION")])):
        bars = market("MES", *flat(1_000, 2), (1_000, 1_000, 100, close), *flat(close, 2))
        result = play(bars, books=books, cash=5 * MARGIN)
        assert [(fill.line, fill.lots, fill.rule) for fill in result.fills][2:] == fills


def test_flattening_closes_every_book_though_the_net_is_flat() -> None:
    rows = [*flat(100), (100, 100, 92, 92), *flat(92, 3)]
    books = {"one": plan("MES", wakes={0: [order("MARKET", 100)]}), "two": buys(-1)}
    result = play(market("MES", *rows), books=books, cash=100_000 * DOLLAR, daily_loss=Decimal("0.005"), flatten=True)
    assert [(fill.line, fill.lots) for fill in result.fills] == [(0, 100), (1, -1), (0, -100), (1, 1)]


def test_during_a_halt_only_what_reduces_the_net_is_filled() -> None:
    rows = [*flat(100), (100, 100, 92, 92), *flat(92, 3)]
    books = {
        "one": plan("MES", wakes={0: [order("MARKET", 100)]}),
        "two": plan("MES", wakes={0: [order("MARKET", -10)], 1: [order("MARKET", 5, reduce_only=True, key="b")]}),
    }
    result = play(market("MES", *rows), books=books, cash=100_000 * DOLLAR, daily_loss=Decimal("0.005"))
    # Its own book is short, but the account is net long, and buying adds to that.
    assert ends(result)[-1] == ("REJECTED", "DAILY_LOSS", 0)


def test_reduce_only_looks_at_its_own_book() -> None:
    bars = market("MES", *flat(100, 4))
    result = play(bars, books={"one": buys(2), "two": buys(-1, at=1, reduce_only=True)})
    assert ends(result)[1] == ("CANCELLED", "REDUCE_ONLY", 0)


@pytest.mark.parametrize("swapped", [False, True])
def test_events_of_an_instrument_reach_every_book(swapped: bool) -> None:
    bars = market("AAPL", *flat(1_000, 2), *flat(500, 2))
    at = T0 + 2 * HOUR
    books = {"one": buys(3, "AAPL"), "two": buys(-5, "AAPL")}
    if swapped:
        books = {"two": books["two"], "one": books["one"]}
    events = {"AAPL": (Dividend(at, Decimal(1)), Split(at, 3, 2))}
    result = play(bars, books=books, events=events, account="reg_t")
    lots = {fill.line: (fill.lots, fill.value) for fill in result.fills if fill.rule == "SPLIT"}
    # 4.5 and 7.5 new lots: half a new one is a third of an old one at ten dollars, the mark before the split in both.
    expected = {0: (1, -3_333_333), 1: (-2, 3_333_333)}
    assert lots == ({1: expected[0], 0: expected[1]} if swapped else expected)
    assert result.carry == -2 * DOLLAR


def test_a_contract_ends_in_every_book() -> None:
    bars = market("MES", *flat(100, 3))
    events = {"MES": (FinalSettlement(T0 + 3 * HOUR, 30.0),)}
    result = play(bars, books={"one": buys(3), "two": buys(-1)}, events=events)
    assert [(fill.line, fill.lots, fill.rule) for fill in result.fills][2:] == [
        (0, -3, "FINAL_SETTLEMENT"),
        (1, 1, "FINAL_SETTLEMENT"),
    ]
    assert result.final_cash - result.opening_cash == 2 * 20 * 1_250_000


def test_each_short_book_borrows() -> None:
    bars = market("AAPL", *flat(1_000, 4), sessions=[0, 0, 1, 1])
    books = {"one": buys(-100, "AAPL"), "two": buys(100, "AAPL")}
    result = play(bars, books=books, account="reg_t", borrow_rate=Decimal("0.36"))
    assert [trade.carry for trade in result.trades] == [-DOLLAR, 0]
