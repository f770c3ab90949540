"""docs/fills.md sentence by sentence: finer bars, and bars of single trades.

A coarse bar is an hour, a finer one a quarter of it. Every expected number is worked out by hand; `play` runs both
engines and holds them to each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from argus.core.arrays import Bars
from argus.core.market_events import FinalSettlement, Split
from argus.data.resample import bars_of_trades, resample
from tests.oracle.by_hand import DAY_ONE, DOLLAR, HOUR, T0, Price, ends, filled, flat, market, order, play

QUARTER = HOUR // 4
QUIET = [(100, 100, 100, 100)] * 4
FILLED = ("FILLED", "NONE", 1)


def quarters(*rows: Sequence[Price], **says: Any) -> Bars:
    """Finer bars of a quarter of an hour."""
    return market("MES", *rows, length=QUARTER, **says)


def times(result: Any) -> list[float]:
    """When fills happened, in hours."""
    return [(fill.time - T0) / HOUR for fill in result.fills]


def long_with_exits() -> list[Any]:
    """A purchase with a target 10 ticks above and a stop 10 ticks below."""
    return [
        order("MARKET", 1, key="in"),
        order("LIMIT", -1, key="target", limit=109, parent="in", oco="exits", tif="GTC"),
        order("STOP", -1, key="stop", stop=90, parent="in", oco="exits", tif="GTC"),
    ]


@pytest.mark.parametrize("first", ["target", "stop"])
def test_finer_bars_say_what_came_first(first: str) -> None:
    up, down = (100, 110, 100, 100), (100, 100, 90, 100)
    inside = [(100, 100, 100, 100), *((up, down) if first == "target" else (down, up)), (100, 100, 100, 100)]
    bars = market("MES", *flat(100, 2), (100, 110, 90, 100))
    exit_ = (1, 9, -1, 109, "LIMIT_THROUGH") if first == "target" else (2, 9, -1, 90, "STOP_TOUCHED")
    result = play(bars, {0: long_with_exits()}, finer=quarters(*QUIET, *QUIET, *inside))
    assert filled(result) == [(0, 4, 1, 100, "MARKET_AT_OPEN"), exit_]
    # Without them the worse is taken.
    assert filled(play(bars, {0: long_with_exits()}))[1] == (2, 2, -1, 90, "STOP_TOUCHED")


def test_an_order_meets_the_first_finer_bar_that_starts_after_its_arrival() -> None:
    rows = [(100 + i, 100 + i, 100 + i, 100 + i) for i in range(12)]
    bars = market("MES", *((100 + i, 103 + i, 100 + i, 103 + i) for i in (0, 4, 8)))
    result = play(bars, {0: [order("MARKET", 1)]}, finer=quarters(*rows), latency=QUARTER + 1)
    # Decided at one hour, there a little after a quarter past: the bar from half past on.
    assert filled(result) == [(0, 6, 1, 106, "MARKET_AT_OPEN")]
    assert times(result) == [1.5]


def test_the_strategy_is_woken_by_its_own_bars_and_told_of_fills_within_them() -> None:
    result = play(
        market("MES", *flat(100, 3)), {0: [order("MARKET", 1)]}, {0: [order("MARKET", -1)]}, finer=quarters(*QUIET * 3)
    )
    assert [(time - T0) / HOUR for time in result.wakes] == [1, 2, 3]
    assert times(result) == [1, 1.25]
    # The curve has a point at each close of what orders met.
    assert [(time - T0) / HOUR for time, _, _ in result.curve] == [1 + i / 4 for i in range(9)]


@pytest.mark.parametrize("name", ["open", "high", "low", "close"])
@pytest.mark.parametrize(("moved", "rows"), [(1.0, 9), (1e-5, 9), (1e-7, 12), (float("nan"), 9)])
def test_finer_bars_with_another_price_are_not_met(name: str, moved: float, rows: int) -> None:
    bars = market("MES", *flat(100, 3))
    fine = quarters(*QUIET * 3)
    column = getattr(fine, name).copy()
    at = 7 if name == "close" else slice(4, 8) if moved != moved else 4
    column[at] += (-moved if name == "low" else moved) * 0.25
    result = play(bars, {0: [order("MARKET", 1)]}, finer=replace(fine, **{name: column}))
    # A point for each close from the first wake on: eight finer ones and that of an hour, or one hour that stayed.
    assert len(result.curve) == (9 if rows == 12 else 6)


def test_a_price_that_neither_knows_is_not_the_same() -> None:
    bars = market("MES", (100, 100, 100, 100), (None, 100, 100, 100), (100, 100, 100, 100))
    fine = quarters(*QUIET, *[(None, 100, 100, 100)] * 4, *QUIET)
    assert filled(play(bars, {0: [order("MARKET", 1)]}, finer=fine)) == [(0, 5, 1, 100, "MARKET_AT_OPEN")]


def test_closes_alone_are_compared_by_closes() -> None:
    fine = quarters(*flat(90, 3), (0, 0, 0, 100), *flat(90, 3), (0, 0, 0, 101), closes_only=True)
    bars = market("MES", (0, 0, 0, 100), (0, 0, 0, 101), closes_only=True)
    result = play(bars, {0: [order("MARKET_ON_CLOSE", 1)]}, finer=fine)
    assert filled(result) == [(0, 7, 1, 101, "MARKET_ON_CLOSE")]


def test_finer_bars_have_the_session_and_the_end_of_the_bar_they_replace() -> None:
    bars = market("MES", *flat(100, 4), sessions=[0, 0, 1, 1])
    fine = quarters(*QUIET * 4, sessions=[7] * 16, ends=range(16))
    on_open, on_close = order("MARKET_ON_OPEN", 1, key="o"), order("MARKET_ON_CLOSE", 1, key="c")
    result = play(bars, {0: [on_open, on_close]}, finer=fine)
    assert filled(result) == [(1, 7, 1, 100, "MARKET_ON_CLOSE"), (0, 8, 1, 100, "MARKET_ON_OPEN")]
    assert ends(result) == [FILLED, FILLED]


def test_volume_bounds_by_the_finer_bar() -> None:
    fine = quarters(*[(100, 100, 100, 100, 4)] * 12)
    result = play(market("MES", *flat(100, 3)), {0: [order("MARKET", 5)]}, finer=fine, participation=Decimal("0.5"))
    assert filled(result) == [(0, row, lots, 100, "MARKET_AT_OPEN") for row, lots in ((4, 2), (5, 2), (6, 1))]


def test_a_trailing_stop_follows_within_the_bar() -> None:
    # Up to 110 first: the level is 105, and the fall to 104 passes it. As one bar the fall might have come first.
    inside = [(100, 110, 100, 110), (110, 110, 104, 104), *[(104, 104, 104, 104)] * 2]
    bars = market("MES", *flat(100, 2), (100, 110, 100, 104))
    wakes = {0: [order("MARKET", 1), order("TRAILING_STOP", -1, key="t", trail=5, parent="a", tif="GTC")]}
    result = play(bars, wakes, finer=quarters(*QUIET, *QUIET, *inside))
    assert filled(result)[1] == (1, 9, -1, 105, "TRAILING_TOUCHED")


def test_finer_bars_across_a_border_or_beyond_the_data_are_not_met() -> None:
    bars = market("MES", *flat(100, 2))
    starts = [T0 - HOUR, T0 + HOUR // 2 + 1, T0 + 2 * HOUR + 1, T0 + 3 * HOUR]
    across = market("MES", *flat(100, 4), length=HOUR // 2, starts=starts)
    assert filled(play(bars, {0: [order("MARKET", 1)]}, finer=across)) == [(0, 1, 1, 100, "MARKET_AT_OPEN")]


def test_a_coarse_bar_that_stays_may_be_known_after_finer_ones_that_follow() -> None:
    bars = market("MES", *flat(100, 4), delay=2 * QUARTER)
    fine = quarters(*QUIET, *flat(101, 4), *QUIET, *QUIET)
    result = play(bars, {0: [order("MARKET", 1)]}, finer=fine)
    # Known at half past one: too late for the bar that stayed, in time for the first quarter of the third hour.
    assert filled(result) == [(0, 5, 1, 100, "MARKET_AT_OPEN")]


def test_no_finer_bars_at_all_change_nothing() -> None:
    fine = quarters(*QUIET)
    none = fine.rows(0, 0)
    assert filled(play(market("MES", *flat(100, 2)), {0: [order("MARKET", 1)]}, finer=none))[0][1] == 1


@pytest.mark.parametrize(("missing", "count"), [(0, 2), (1, 1)])
def test_a_final_settlement_at_a_last_bar_whose_finer_ones_close_earlier_comes_after_the_run(
    missing: int, count: int
) -> None:
    bars = market("MES", *flat(100, 3))
    fine = quarters(*flat(100, 12 - missing))
    events = {"MES": (FinalSettlement(T0 + 3 * HOUR, 25.0),)}
    assert len(play(bars, {0: [order("MARKET", 1)]}, finer=fine, events=events).fills) == count


@pytest.mark.parametrize(("later", "count"), [(0, 2), (1, 1), (QUARTER, 1), (HOUR, 1)])
def test_what_happens_between_the_last_close_and_its_being_known_is_ignored(later: int, count: int) -> None:
    bars = market("MES", *flat(100, 3), delay=QUARTER)
    events = {"MES": (FinalSettlement(T0 + 3 * HOUR + later, 26.0),)}
    assert len(play(bars, {0: [order("MARKET", 1)]}, events=events).fills) == count


def test_bars_made_coarser_are_met_as_what_they_were() -> None:
    rows = [(100, 101 + i % 3, 99 - i % 2, 100) for i in range(16)]
    fine = quarters(*rows, sessions=[0] * 8 + [1] * 8)
    coarse = resample(fine, HOUR)
    assert len(coarse) == 4
    wakes = {0: [order("LIMIT", 1, limit=99, tif="GTC"), order("STOP", -1, key="s", stop=98, tif="GTC")]}
    through, within = play(fine, {3: wakes[0]}), play(coarse, wakes, finer=fine)
    assert filled(through) == filled(within)
    assert filled(within)[0][1] == 5


def trades(*at: tuple[float, int, int]) -> Bars:
    """Bars of trades of (hour, ticks, lots)."""
    hour, ticks, lots = (np.array(column, dtype=np.float64) for column in zip(*at, strict=True))
    ts = T0 + (hour * HOUR).astype(np.int64)
    return bars_of_trades("MES", ts, ticks * 0.25, lots, np.full(len(at), DAY_ONE, dtype=np.int32))


@pytest.mark.parametrize(("latency", "row"), [(0, 1), (QUARTER, 1), (2 * QUARTER - 2, 1), (2 * QUARTER, 2)])
def test_an_order_between_two_trades_meets_the_later_one(latency: int, row: int) -> None:
    bars = trades((0.5, 100, 3), (1, 101, 2), (1.5, 102, 2), (2, 103, 9))
    result = play(bars, {0: [order("MARKET", 3)]}, latency=latency)
    prices = {1: 101, 2: 102, 3: 103}
    assert filled(result)[0] == (0, row, 2, prices[row], "MARKET_AT_OPEN")
    assert filled(result)[1][:3] == (0, row + 1, 1)
    # Never before the trade that made the price, but for the nanosecond that a bar must last.
    assert result.fills[0].time == T0 + (row + 1) * 2 * QUARTER - 1


def test_trades_are_met_within_coarser_bars() -> None:
    single = trades((0.25, 100, 1), (0.75, 104, 1), (1.25, 103, 1), (1.5, 109, 2), (1.75, 101, 4), (2, 102, 1))
    bars = resample(single, HOUR)
    assert bars.high.tolist() == [26.0, 27.25]
    wakes = {0: [order("LIMIT", -1, limit=108, tif="GTC"), order("STOP", -1, key="s", stop=102, tif="GTC")]}
    result = play(bars, wakes, finer=single)
    # The limit is passed by the trade at 109, whose bar it meets at the open; the stop by the one at 101 after it.
    assert filled(result) == [(0, 3, -1, 109, "LIMIT_AT_OPEN"), (1, 4, -1, 101, "STOP_AT_OPEN")]


def test_two_splits_before_the_first_close_both_move_the_mark() -> None:
    stock = market("AAPL", *flat(1_000, 3), starts=[T0 + HOUR + i * HOUR for i in range(3)])
    coin = market("BTCUSD", *flat(2_500_000, 24), length=QUARTER)
    events = {"AAPL": (Split(T0 + HOUR + 1, 1, 2), Split(T0 + HOUR + 2, 3, 2))}
    wakes = {0: [order("MARKET", 84, symbol="AAPL")]}
    result = play([coin, stock], wakes, events=events, account="cash", late=("AAPL",))
    assert [fill.price for fill in result.fills] == [1_000, 2_000, 1_333]


def shares(count: int, close: int, **says: Any) -> Bars:
    """Quiet hours of AAPL, the last of them up to a close."""
    return market("AAPL", *flat(1_000, count), (1_000, close, 1_000, close), **says)


@pytest.mark.parametrize("latency", [0, 1])
def test_what_is_seen_after_a_split_is_the_last_received_close_in_new_lots(latency: int) -> None:
    bars = market("AAPL", *flat(1_000, 2), *flat(500, 3))
    events = {"AAPL": (Split(T0 + 3 * HOUR, 2, 1),)}
    result = play(bars, {0: [order("MARKET", 10, symbol="AAPL")]}, {}, events=events, account="reg_t", latency=latency)
    # 10 shares at 10.00 as long as nothing else is known, then 20 at 5.00.
    assert {equity - cash for _, cash, equity, lots in result.seen["script"] if any(lots)} == {100 * DOLLAR}


def test_a_close_within_a_coarse_bar_is_not_seen_after_a_split() -> None:
    fine = market("AAPL", *flat(1_000, 8), (1_000, 1_010, 1_000, 1_010), *flat(1_010, 3), length=QUARTER)
    events = {"AAPL": (Split(T0 + 2 * HOUR + QUARTER, 2, 1),)}
    wakes = {0: [order("MARKET", 10, symbol="AAPL")]}
    result = play(shares(2, 1_010), wakes, {}, finer=fine, events=events, account="reg_t")
    assert [equity - cash for time, cash, equity, _ in result.seen["script"] if time == events["AAPL"][0].ts_ns] == [
        100 * DOLLAR
    ]


def test_a_close_that_is_known_late_is_not_seen_after_a_split() -> None:
    bars = market("AAPL", *flat(1_000, 2), (1_000, 1_000, 600, 600), *flat(600, 2), delay=HOUR // 2)
    events = {"AAPL": (Split(T0 + 2 * HOUR + 1, 2, 1),)}
    wakes = {0: [order("MARKET", 10, symbol="AAPL")], 1: [order("MARKET", 1, symbol="AAPL", key="b")]}
    result = play(bars, wakes, {}, events=events, account="reg_t")
    # Told at three of the second fill: the close at three, at 600, is known at half past only.
    told = [(cash, equity) for time, cash, equity, _ in result.seen["script"] if time == T0 + 3 * HOUR]
    assert [equity - cash for cash, equity in told] == [21 * 5 * DOLLAR]
