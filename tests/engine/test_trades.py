"""Round trips by hand, the proof that they add up, and a whole account worked out again from the journal alone."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.core.errors import LedgerError
from argus.core.orders import OrderType
from argus.core.time import NS_PER_MINUTE, NS_PER_SECOND
from argus.engine.config import AccountKind, CostModel, RunConfig
from argus.engine.market import Market, lay_out
from argus.engine.record import JOURNAL_ACCOUNTS, RunRecord
from argus.engine.trades import trades_of
from tests.engine.markets import (
    DOLLAR,
    Scripted,
    account,
    at_wakes,
    flat,
    make_bars,
    market_of,
    order,
    play,
    random_bars,
    restless,
)

CASH, POSITION, CLEARING, PNL, FEES, CAPITAL, CARRY, INTEREST, *_ = range(len(JOURNAL_ACCOUNTS))


def traded(rows: Sequence[tuple[float, float, float, float]], script: dict[int, Any], **costs: Any) -> RunRecord:
    config = account(1_000_000, costs=CostModel(**({"fee_per_unit": Decimal(2)} | costs)))
    return play(Scripted(["ES"], at_wakes(script)), market_of(make_bars("ES", rows)), config)


ROWS = [
    (4_000, 4_000, 4_000, 4_000),
    (4_000, 4_012, 3_990, 4_010),
    (4_010, 4_030, 4_004, 4_020),
    (4_020, 4_025, 4_015, 4_016),
    (4_014, 4_020, 4_000, 4_004),
]


def test_a_round_trip_by_hand() -> None:
    (trade,) = traded(ROWS, {0: [order("ES", 2)], 2: [order("ES", -2)]}).trades
    assert (trade["direction"], trade["lots_max"], trade["is_open"], trade["bars"]) == (1, 2, 0, 2)
    assert (trade["entry_fill"], trade["exit_fill"]) == (0, 1)
    assert (trade["entry_ticks"], trade["exit_ticks"]) == (16_000.0, 16_080.0)
    assert trade["gross_micros"] == 2 * 20 * 50 * DOLLAR
    assert trade["fee_micros"] == 8 * DOLLAR
    assert trade["net_micros"] == 1_992 * DOLLAR
    assert trade["mae_micros"] == -2 * 10 * 50 * DOLLAR
    assert trade["mfe_micros"] == 2 * 30 * 50 * DOLLAR


def test_a_short_round_trip_in_parts_has_average_prices() -> None:
    script = {0: [order("ES", -1)], 1: [order("ES", -3)], 2: [order("ES", 2)], 3: [order("ES", 2)]}
    (trade,) = traded(ROWS, script).trades
    assert (trade["direction"], trade["lots_max"], trade["bars"]) == (-1, 4, 3)
    assert trade["entry_ticks"] == (16_000 + 3 * 16_040) / 4
    assert trade["exit_ticks"] == (2 * 16_080 + 2 * 16_056) / 4
    assert trade["gross_micros"] == (4_000 + 3 * 4_010 - 2 * 4_020 - 2 * 4_014) * 50 * DOLLAR


def test_a_fill_that_turns_the_position_ends_one_trade_and_begins_the_next() -> None:
    first, second = traded(ROWS, {0: [order("ES", 1)], 1: [order("ES", -4)], 3: [order("ES", 3)]}).trades
    assert (first["exit_fill"], second["entry_fill"], second["exit_fill"]) == (1, 1, 2)
    assert first["exit_ts_ns"] == second["entry_ts_ns"]
    assert (first["fee_micros"], second["fee_micros"]) == (4 * DOLLAR, 12 * DOLLAR)
    assert (first["gross_micros"], second["gross_micros"]) == (500 * DOLLAR, -3 * 4 * 50 * DOLLAR)


def test_the_closing_part_s_share_of_an_odd_fee_is_half_even_and_the_rest_opens() -> None:
    # 3 micro-units on 2 lots: 1.5 for the closing one, to the even 2, which leaves 1.
    record = traded(ROWS, {0: [order("ES", 1)], 1: [order("ES", -2)]}, fee_per_unit=Decimal("0.0000015"))
    assert record.fills["fee_micros"].tolist() == [2, 3]
    assert record.trades["fee_micros"].tolist() == [2 + 2, 1]


def test_an_unfinished_trade_is_marked_at_the_last_known_close() -> None:
    rows = [*ROWS[:3], (4_020, 4_025, 4_015, float("nan"))]
    (trade,) = traded(rows, {0: [order("ES", 1)]}).trades
    assert (trade["is_open"], trade["exit_fill"], trade["exit_ticks"]) == (1, -1, 16_080.0)
    assert trade["gross_micros"] == 20 * 50 * DOLLAR
    bars = make_bars("ES", rows)
    assert trade["exit_ts_ns"] == bars.ts_close_ns[2]


def test_a_round_trip_within_one_bar() -> None:
    script = {0: [order("ES", 1), order("ES", -1, OrderType.MARKET_ON_CLOSE)]}
    (trade,) = traded(ROWS, script).trades
    assert (trade["bars"], trade["gross_micros"]) == (0, 500 * DOLLAR)
    assert (trade["mae_micros"], trade["mfe_micros"]) == (0, 500 * DOLLAR)


def test_trades_that_do_not_add_up_void_the_run() -> None:
    market = market_of(make_bars("ES", ROWS))
    record = traded(ROWS, {0: [order("ES", 2)]})
    arrays = lay_out(market, ("ES",), account(1_000_000))
    net = record.net_pnl_micros
    assert len(trades_of(arrays, arrays.events, record.fills, record.journal, net)) == 1
    with pytest.raises(LedgerError, match=f"trades add up to {net} micros, the equity changed by {net + 1}"):
        trades_of(arrays, arrays.events, record.fills, record.journal, net + 1)


def test_no_fills_are_no_trades() -> None:
    record = traded(ROWS, {})
    assert len(record.trades) == 0
    assert record.net_pnl_micros == 0


def test_trades_come_in_the_sequence_of_their_entry() -> None:
    market = market_of(flat("ES", [4_000.0] * 6), flat("NQ", [15_000.0] * 6))
    script = {
        0: [order("NQ", 1)],
        1: [order("ES", 1), order("NQ", -1)],
        2: [order("ES", -1), order("NQ", 1)],
        3: [order("ES", 1)],
    }
    record = play(Scripted(["ES", "NQ"], at_wakes(script)), market)
    assert record.trades["instrument"].tolist() == [1, 0, 1, 0]
    assert (np.diff(record.trades["entry_ts_ns"]) >= 0).all()


# ---- the account from the journal alone

WORLDS: list[tuple[tuple[str, ...], AccountKind, int, CostModel]] = [
    (("ES", "CL"), AccountKind.FUTURES, 60_000, CostModel(slippage_ticks=1, multiplier=Decimal("1.5"))),
    (("SPY", "MES"), AccountKind.REG_T, 20_000, CostModel(slippage_rate=Decimal("0.0002"))),
    (("BTCUSD", "SPY"), AccountKind.CASH, 30_000, CostModel(fee_rate=Decimal("0.00123"), fee_minimum=Decimal("0.35"))),
]
LEVELS = {"ES": 16_000, "MES": 16_000, "CL": 3_000, "SPY": 40_000, "BTCUSD": 2_500_000}


def busy(seed: int, world: int, *, marked_ends: bool) -> tuple[RunRecord, Market, RunConfig]:
    symbols, kind, dollars, costs = WORLDS[world]
    # A pause after each bar keeps closes and opens apart, so that each entry belongs to one side of a sample.
    market = market_of(
        *(
            random_bars(
                seed + k, symbol, 40, level=LEVELS[symbol], step=LEVELS[symbol] // 150, per_session=8,
                minutes=30 + 15 * k, pause_ns=NS_PER_MINUTE + k * NS_PER_SECOND, marked_ends=marked_ends,
            )
            for k, symbol in enumerate(symbols)
        )
    )  # fmt: skip
    config = account(dollars, kind, costs=costs)
    strategy = Scripted(symbols, restless(seed, symbols, {"BTCUSD": 0.01000001}))
    return play(strategy, market, config), market, config


def entries(record: RunRecord, until_ns: int) -> list[Any]:
    return [row for row in record.journal if row["ts_ns"] <= until_ns]


def balance(rows: Sequence[Any], account: int, instrument: int | None = None) -> int:
    total = 0
    for row in rows:
        if instrument is None or row["instrument"] == instrument:
            total += int(row["amount_micros"]) * (int(row["debit"] == account) - int(row["credit"] == account))
    return total


def held_value(record: RunRecord, market: Market, code: int, until_ns: int) -> int:
    """Worth of what is held, from the fills and the bars alone."""
    spec, bars = market[record.universe[code]]
    fills = record.fills[(record.fills["instrument"] == code) & (record.fills["ts_event_ns"] <= until_ns)]
    lots = int(fills["signed_lots"].sum())
    closed = np.flatnonzero(bars.ts_close_ns <= until_ns)
    ticks = round(bars.close[closed[-1]] / float(spec.tick_size)) if len(closed) else 0
    return round(Fraction(lots * ticks) * spec.value_micros_per_tick_lot)


@settings(max_examples=12)
@given(seed=st.integers(0, 10**6), world=st.sampled_from([0, 1, 2]), marked_ends=st.booleans())
def test_the_journal_alone_gives_every_balance_and_the_curve(seed: int, world: int, marked_ends: bool) -> None:
    record, market, config = busy(seed, world, marked_ends=marked_ends)
    opening = config.account.cash_micros
    futures = [k for k, symbol in enumerate(record.universe) if market[symbol][0].margins]
    for ts_ns, cash, equity in zip(
        record.equity_ts_ns.tolist(), record.cash_micros.tolist(), record.equity_micros.tolist(), strict=True
    ):
        rows = entries(record, ts_ns)
        if ts_ns == record.equity_ts_ns[-1]:
            # The settlement at the end of the data comes after the last sample, at its instant.
            rows = rows[: len(rows) - (0 if marked_ends else unmarked_settlements(record, ts_ns))]
        assert balance(rows, CASH) == cash
        worth = sum(held_value(record, market, code, ts_ns) for code in range(len(record.universe)))
        assert cash + worth + balance(rows, CLEARING) == equity
    end = entries(record, 2**63 - 1)
    assert balance(end, CAPITAL) == -opening
    assert sum(balance(end, account) for account in range(len(JOURNAL_ACCOUNTS))) == 0
    assert opening - balance(end, PNL) - balance(end, FEES) == record.final_equity_micros
    assert balance(end, FEES) == record.fees_micros
    assert sum(record.trades["net_micros"].tolist()) == record.net_pnl_micros
    for code in range(len(record.universe)):
        assert balance(end, POSITION, code) == held_value(record, market, code, 2**63 - 1)
        assert balance(end, CLEARING, code) == (-balance(end, POSITION, code) if code in futures else 0)


def unmarked_settlements(record: RunRecord, ts_ns: int) -> int:
    """Entries of settlements at an instant, where no bar says that its session ended."""
    return int(((record.journal["ts_ns"] == ts_ns) & (record.journal["fill_id"] == -1)).sum())


@pytest.mark.parametrize("world", [0, 1, 2])
def test_every_entry_is_positive_and_between_the_accounts_of_its_kind(world: int) -> None:
    record, market, _ = busy(5, world, marked_ends=True)
    assert len(record.fills) > 10
    legal_fill = {(POSITION, CLEARING), (POSITION, CASH), (FEES, CASH)}
    legal_settlement = {(POSITION, PNL), (CASH, CLEARING)}
    for row in record.journal[1:]:
        assert row["amount_micros"] > 0
        pair = (int(row["debit"]), int(row["credit"]))
        legal = legal_fill if row["fill_id"] >= 0 else legal_settlement
        assert pair in legal or (pair[::-1] in legal and pair != (CASH, FEES))
        is_future = bool(market[record.universe[row["instrument"]]][0].margins)
        assert (CLEARING in pair) <= is_future
        assert pair not in {(POSITION, CASH), (CASH, POSITION)} or not is_future
