"""Other currencies and intraday margins on markets written by hand, with the numbers that docs/fills.md leads to."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest

from argus.core.instruments import InstrumentSpec, instrument
from argus.core.market_events import Dividend, Split
from tests.oracle.by_hand import DAY_ONE, DOLLAR, HOUR, T0, costs, ends, flat, market, order, plan, play
from tests.oracle.cases import play_engine, play_oracle
from tests.oracle.compare import first_difference
from tests.oracle.variations import varied_case

BEFORE, DAY = date(2019, 5, 31), date(2019, 6, 3)
TWO_DAYS = [T0, T0 + HOUR, T0 + 24 * HOUR, T0 + 25 * HOUR]
THREE_AND_TWO = [T0, T0 + HOUR, T0 + 2 * HOUR, T0 + 24 * HOUR, T0 + 25 * HOUR]
MICRO = Decimal("0.000001")


def euros(symbol: str = "MES", currency: str = "EUR") -> dict[str, InstrumentSpec]:
    return {symbol: replace(instrument(symbol), currency=currency)}


def rates(*rows: tuple[date, str], cost: str = "0", currency: str = "EUR") -> dict[str, Any]:
    return {"rates": tuple((currency, day, Decimal(rate)) for day, rate in rows), "fx_cost_bp": Decimal(cost)}


def money(amount: Decimal) -> int:
    """Micro-units, half to even."""
    return int(amount.quantize(MICRO, ROUND_HALF_EVEN) * DOLLAR)


def test_a_future_in_euros_by_plain_decimals() -> None:
    bars = market(
        "MES",
        *flat(8_000, 2),
        (8_000, 8_020, 8_000, 8_013),
        *flat(8_013, 2),
        sessions=[0, 0, 0, 1, 1],
        starts=THREE_AND_TWO,
    )
    result = play(
        bars, {0: [order("MARKET", 2)], 3: [order("MARKET", -2, key="b")]}, specs=euros(),
        **costs(fee_per_unit="2.25"), **rates((BEFORE, "1.1234"), (DAY, "1.0987"), cost="5"),
    )  # fmt: skip
    share = Decimal("0.0005")
    fee_in = (Decimal("4.50") * Decimal("1.1234")).quantize(MICRO, ROUND_HALF_EVEN)
    gain = (Decimal(13) * Decimal("1.25") * 2 * Decimal("1.1234")).quantize(MICRO, ROUND_HALF_EVEN)
    fee_out = (Decimal("4.50") * Decimal("1.0987")).quantize(MICRO, ROUND_HALF_EVEN)
    converting = sum((amount * share).quantize(MICRO, ROUND_HALF_EVEN) for amount in (fee_in, gain, fee_out))
    (trade,) = result.trades
    assert trade.gross == money(gain) == 36_510_500
    assert trade.fee == money(fee_in + fee_out + converting) == 10_022_705
    assert result.final_cash - result.opening_cash == trade.gross - trade.fee
    assert [fill.fee for fill in result.fills] == [5_055_300, 4_944_150]
    assert [(entry.time, entry.gain) for entry in result.settlements] == [(T0 + 3 * HOUR, 32_500_000)]


def test_a_share_in_euros_gains_and_loses_with_the_rate() -> None:
    bars = market("AAPL", *flat(1_000, 4), sessions=[0, 0, 1, 1], starts=TWO_DAYS)
    result = play(
        bars, {0: [order("MARKET", 100, symbol="AAPL")], 2: [order("MARKET", -100, key="b", symbol="AAPL")]},
        specs=euros("AAPL"), account="reg_t", **costs(), **rates((BEFORE, "1.10"), (DAY, "1.21"), cost="10"),
    )  # fmt: skip
    # 1,000 euros cost 1,100 and 1.10 for the conversion; they bring 1,210 less 1.21.
    assert result.trades[0].gross == 110 * DOLLAR
    assert result.trades[0].fee == 2_310_000
    assert [equity - result.opening_cash for _, _, equity in result.curve] == [
        0, -1_100_000, 110 * DOLLAR - 1_100_000, 110 * DOLLAR - 2_310_000,
    ]  # fmt: skip


def test_nothing_opens_before_a_rate_is_known() -> None:
    bars = market("MES", *flat(8_000, 4), sessions=[0, 0, 1, 1], starts=TWO_DAYS)
    result = play(
        bars, {0: [order("MARKET", 1)], 2: [order("MARKET", 1, key="b")]}, specs=euros(), **rates((DAY, "1.1"))
    )
    assert ends(result) == [("REJECTED", "NO_RATE", 0), ("FILLED", "NONE", 1)]


def test_a_position_that_turns_settles_what_it_gained_at_once() -> None:
    bars = market("MES", *flat(8_000, 2), *flat(8_010, 2), sessions=[0, 0, 0, 0])
    result = play(
        bars, {0: [order("MARKET", 1)], 1: [order("MARKET", -3, key="b")]}, specs=euros(),
        **costs(fee_per_unit="1"), **rates((BEFORE, "1.5"), cost="100"),
    )  # fmt: skip
    assert [(entry.time, entry.gain) for entry in result.settlements] == [(T0 + 2 * HOUR, 12_500_000)]
    first, second = result.trades
    assert (first.gross, first.is_open) == (18_750_000, False)
    # 3 euros of fees cost 4.5, and 1 % of it, and 1 % of the 18.75 that the gain came to: a third of it all, the rest.
    assert first.fee == 1_515_000 + (4_500_000 + 45_000 + 187_500) // 3
    assert second.fee == (4_500_000 + 45_000 + 187_500) * 2 // 3


def test_the_rate_of_a_pair_counts_from_its_receipt() -> None:
    bars = market("MES", *flat(8_000, 5))
    pair = market("EURUSD", *[(p, p, p, p) for p in (110_000, 120_000, 130_000, 140_000, 150_000)], delay=HOUR // 2)
    result = play(
        [bars, pair], {2: [order("MARKET", 1)]}, specs=euros(), account="reg_t",
        books={"one": plan("MES", wakes={1: [order("MARKET", 1)]})}, **costs(fee_per_unit="1"), fx_cost_bp=Decimal(0),
    )  # fmt: skip
    # Woken at the close of the second hour, filled right there: of the pair only the first close had been received.
    assert result.fills[0].fee == 1_100_000


def test_a_pair_the_other_way_round_is_turned() -> None:
    bars = market("MES", *flat(8_000, 3))
    pair = market("USDJPY", *flat(150_000, 3))
    result = play(
        [bars, pair], specs=euros(currency="JPY"), account="reg_t",
        books={"one": plan("MES", wakes={0: [order("MARKET", 1)]})}, **costs(fee_per_unit="200"), fx_cost_bp=Decimal(0),
    )  # fmt: skip
    # 1 / 150 is 0.006666667 in billionths.
    assert result.fills[0].fee == 1_333_333


def test_margins_are_converted() -> None:
    # Initial margin of MES on that day is 693: 10,000 dollars carry 14 contracts, at two dollars a euro 7.
    bars = market("MES", *flat(8_000, 3))
    for rate, held in (("1", 14), ("2", 7)):
        result = play(
            bars, {0: [order("MARKET", 20)]}, specs=euros(), cash=10_000 * DOLLAR, **costs(), **rates((BEFORE, rate))
        )
        assert ends(result) == [("REJECTED", "INITIAL_MARGIN", held)]


def test_a_dividend_and_a_split_in_euros() -> None:
    bars = market("AAPL", *flat(1_000, 2), *flat(2_000, 2))
    events = {"AAPL": (Dividend(T0 + 2 * HOUR, Decimal("0.5")), Split(T0 + 2 * HOUR, 1, 2))}
    result = play(
        bars, {0: [order("MARKET", 11, symbol="AAPL")]}, specs=euros("AAPL"), account="reg_t", events=events,
        **costs(), **rates((BEFORE, "1.2"), cost="100"),
    )  # fmt: skip
    (trade,) = result.trades
    assert trade.carry == 6_600_000  # 11 times half a euro
    # 1 % of 132.00 for the purchase, of 6.60 for the dividend, of 12.00 for the share that was no whole one.
    assert trade.fee == 1_320_000 + 66_000 + 120_000
    assert result.fills[1].value == -12_000_000


SESSION_CLOSE = 24 * 60
INTRADAY: dict[str, Any] = {"intraday_cutoff": SESSION_CLOSE - 3 * 60, "intraday_share": Decimal("0.5")}


def around_the_clock() -> dict[str, InstrumentSpec]:
    return {"MES": replace(instrument("MES"), calendar="24/7")}


def test_intraday_margins_hold_to_the_cut_off() -> None:
    # Half of 693: 10,000 carry 28 contracts; from 03:00 on the overnight 630 of each must be kept, 17,640 in all.
    bars = market("MES", *flat(8_000, 5))
    result = play(
        bars, {0: [order("MARKET", 30)]}, specs=around_the_clock(), cash=10_000 * DOLLAR, **costs(), **INTRADAY
    )
    assert ends(result) == [("REJECTED", "INITIAL_MARGIN", 28), ("FILLED", "NONE", 28)]
    assert result.liquidations == 1
    # The cut-off is before the close of the third hour; its check liquidates, at the open of the fourth.
    assert [(fill.row, fill.lots, fill.rule) for fill in result.fills] == [
        (1, 28, "MARKET_AT_OPEN"), (3, -28, "LIQUIDATION"),
    ]  # fmt: skip


def test_what_the_overnight_margin_carries_is_kept() -> None:
    bars = market("MES", *flat(8_000, 5))
    result = play(
        bars, {0: [order("MARKET", 15)]}, specs=around_the_clock(), cash=10_000 * DOLLAR, **costs(), **INTRADAY
    )
    # 15 contracts need 10,395 to be opened overnight, and 9,450 to be kept.
    assert result.liquidations == 0
    assert result.fills[0].lots == 15


def test_after_the_cut_off_an_entry_is_judged_by_the_overnight_margin() -> None:
    bars = market("MES", *flat(8_000, 6))
    result = play(
        bars, {3: [order("MARKET", 20)]}, specs=around_the_clock(), cash=10_000 * DOLLAR, **costs(), **INTRADAY
    )
    assert ends(result) == [("REJECTED", "INITIAL_MARGIN", 14)]


def test_a_session_that_ends_sooner_ends_its_intraday_margins() -> None:
    bars = market("MES", *flat(8_000, 4), sessions=[0, 0, 1, 1], starts=TWO_DAYS)
    rules = {"intraday_cutoff": 60, "intraday_rates": (("MES", Decimal(100), Decimal(90)),)}
    result = play(bars, {0: [order("MARKET", 50)]}, specs=around_the_clock(), cash=10_000 * DOLLAR, **costs(), **rules)
    assert [(fill.row, fill.lots, fill.rule) for fill in result.fills] == [
        (1, 50, "MARKET_AT_OPEN"), (2, -50, "LIQUIDATION"),
    ]  # fmt: skip
    assert DAY_ONE * 24 * HOUR == T0


@pytest.mark.parametrize("seed", range(900, 925))
def test_random_runs_with_every_term_of_the_account(seed: int) -> None:
    case, names = varied_case(seed, only=("currencies", "intraday", "books", "events", "financing"))
    assert first_difference(play_oracle(case), play_engine(case)) is None, names
