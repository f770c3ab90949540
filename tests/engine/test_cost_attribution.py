"""Of `argus.engine.cost_attribution`: every cost has a taker, and together they are what the run recorded."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.core.errors import ConfigError, LedgerError
from argus.core.fees import FeeName
from argus.core.market_events import Dividend, FinalSettlement, Funding, Split
from argus.core.orders import OrderType
from argus.core.time import NS_PER_DAY
from argus.engine.config import AccountConfig, AccountKind, CostModel, HaltRules, ImpactModel, RunConfig, SpreadModel
from argus.engine.cost_attribution import COST_WORDS, CostAttribution, _apportion, attribute_costs
from argus.engine.market import Market
from argus.engine.record import RunRecord
from argus.engine.replay import run_books
from argus.engine.run_metrics import book_pnl, summary
from argus.engine.trade_metrics import slippage_micros
from argus.portfolio import FixedUnits, LimitRiskPolicy
from tests.engine.markets import (
    DOLLAR,
    Scripted,
    TrialList,
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
from tests.engine.test_refine import coarse_of

NO_HALT = HaltRules(daily_loss=None)
HOURLY: dict[str, Any] = {"per_session": 5, "volume": 10_000.0}


def play_books(books: dict[str, Scripted], market: Market, config: RunConfig, events: Any = None) -> RunRecord:
    return run_books(
        books,
        market,
        config,
        sizer=FixedUnits(1),
        risk=LimitRiskPolicy(check_margin=False),
        trials=TrialList(),
        events=events or {},
    )


def adds_up(record: RunRecord, found: CostAttribution) -> None:
    """The identities that hold for every run, to the micro-unit."""
    table, trades = found.table, record.trades
    paid = sum((table[f"{name}_micros"] for name in found.components), np.zeros(len(trades), dtype=np.int64))
    assert (table["gross_micros"] - paid == trades["net_micros"]).all()
    assert (table["net_micros"] == trades["net_micros"]).all()
    in_trades = {name: total for name, total in found.totals().items() if name != "slippage"}
    assert sum(in_trades.values()) == record.fees_micros - int(trades["carry_micros"].sum())
    assert found.totals().get("slippage", 0) == pytest.approx(slippage_micros(record.fills).sum(), abs=len(trades) + 1)
    steps = found.bridge()
    assert (steps[0], steps[-1]) == (("gross", found.gross_micros), ("net", record.net_pnl_micros))
    assert sum(amount for _, amount in steps[:-1]) == steps[-1][1]


# ---- by hand


def test_a_round_trip_in_a_micro_by_hand() -> None:
    # Two MES (a tick is 1.25 dollars), a tick and a half of slippage and half-spread: a tick moves the price, half a
    # tick is charged in cash. The schedule of the instrument: 0.25 commission, 0.35 exchange, 0.02 NFA a side.
    bars = make_bars("MES", [(4_000, 4_010, 3_990, 4_000)] * 3 + [(4_020, 4_030, 4_010, 4_020)] * 3, volume=100.0)
    config = account(100_000, costs=CostModel(slippage_ticks=1, spread=SpreadModel(Decimal("0.5"))))
    script = {0: [order("MES", 2)], 3: [order("MES", -2)]}
    market = market_of(bars)
    found = attribute_costs(play(Scripted(["MES"], at_wakes(script)), market, config), market, config)
    assert found.totals() == {
        "slippage": 2 * 2 * 1_250_000,
        "slippage_below_tick": 2 * 2 * 625_000,
        "commission": 4 * 250_000,
        "exchange": 4 * 350_000,
        "nfa": 4 * 20_000,
    }
    assert found.table.dtype.names == (
        "trade", "instrument", "gross_micros", "slippage_micros", "slippage_below_tick_micros", "commission_micros",
        "exchange_micros", "nfa_micros", "net_micros",
    )  # fmt: skip
    assert found.table["gross_micros"].tolist() == [20 * 5 * 2 * DOLLAR]
    assert found.bridge() == (
        ("gross", 200_000_000), ("slippage", -5_000_000), ("slippage_below_tick", -2_500_000),
        ("commission", -1_000_000), ("exchange", -1_400_000), ("nfa", -80_000), ("net", 190_020_000),
    )  # fmt: skip
    assert found.cost_micros == 9_980_000


def test_a_fill_that_turns_the_position_pays_for_two_trades() -> None:
    # Bought 1, sold 4: a quarter of the second fill's fee is the first trade's.
    market = market_of(flat("MES", [4_000] * 6))
    script = {0: [order("MES", 1)], 1: [order("MES", -4)], 2: [order("MES", 3)]}
    config = account(100_000, costs=CostModel(slippage_ticks=1))
    record = play(Scripted(["MES"], at_wakes(script)), market, config)
    found = attribute_costs(record, market)
    assert found.table["commission_micros"].tolist() == [500_000, 1_500_000]
    assert found.table["nfa_micros"].tolist() == [40_000, 120_000]
    assert found.table["slippage_micros"].tolist() == [2 * 1_250_000, 6 * 1_250_000]
    assert found.totals([1]) == {"slippage": 7_500_000, "commission": 1_500_000, "exchange": 2_100_000, "nfa": 120_000}
    adds_up(record, found)


def test_what_does_not_divide_is_shared_without_a_remainder() -> None:
    # The fill pays 1 millionth to each of three takers and has three lots, one of which closes.
    assert _apportion([1, 1, 1], 1, 3) == [1, 0, 0]
    assert _apportion([5, 0, 7], 2, 4) == [3, 0, 3]  # 6, half of each and the odd one to the first


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=9), st.integers(1, 10**6), st.integers(1, 10**6))
def test_shares_add_up_and_none_is_off_by_one(amounts: list[int], part: int, more: int) -> None:
    shares = _apportion(amounts, part, part + more)
    total = sum(amounts) * part
    assert abs(sum(shares) * 2 * (part + more) - 2 * total) <= part + more
    for amount, share in zip(amounts, shares, strict=True):
        assert 0 <= share <= amount
        assert abs(share * (part + more) - amount * part) < part + more


def test_sales_of_shares_pay_the_regulators() -> None:
    market = market_of(flat("SPY", [400.0] * 6, first_day=19_700))
    config = account(100_000, AccountKind.CASH, costs=CostModel())
    record = play(Scripted(["SPY"], at_wakes({0: [order("SPY", 100)], 2: [order("SPY", -100)]})), market, config)
    found = attribute_costs(record, market)
    assert {"commission", "sec_section_31", "finra_taf"} <= set(found.components)
    only_buy = play(Scripted(["SPY"], at_wakes({0: [order("SPY", 100)]})), market, config)
    assert not {"sec_section_31", "finra_taf"} & set(attribute_costs(only_buy, market).components)
    adds_up(record, found)


def test_dividends_funding_and_borrowing_are_told_apart() -> None:
    bars = flat("SPY", [400.0] * 6)
    day = [int(start) for start in bars.ts_event_ns]
    config = RunConfig(
        account=AccountConfig(AccountKind.REG_T, 100_000 * DOLLAR, borrow_rate=Decimal("0.036")),
        costs=CostModel(fee_per_unit=Decimal(0)),
    )
    # Short 10 shares of 400 from the second session on: 0.40 a night; a dividend of 1 is paid at the fourth's open.
    events = {"SPY": [Dividend(day[3], Decimal(1)), Funding(day[4] + 1, Decimal("0.001"))]}
    strategy = Scripted(["SPY"], at_wakes({0: [order("SPY", -10)]}))
    record = play_books({"short": strategy}, market_of(bars), config, events)
    found = attribute_costs(record, market_of(bars), config, events)
    assert found.totals() == {"dividends": 10 * DOLLAR, "funding": -4 * DOLLAR, "borrow": 4 * 400_000}
    together = attribute_costs(record, market_of(bars))
    assert together.totals() == {"carry": 7_600_000}
    figures = summary(record)
    assert (figures["carry_paid_micros"], figures["carry_received_micros"]) == (11_600_000, 4_000_000)
    adds_up(record, found)


def test_splits_and_final_settlements_cost_nothing() -> None:
    bars = flat("SPY", [400.0, 400.0, 400.0, 100.0, 100.0, 100.0])
    market = market_of(bars)
    events = {"SPY": [Split(int(bars.ts_event_ns[3]) - 1, 4, 1)]}
    config = account(100_000, AccountKind.CASH, costs=CostModel(fee_per_unit=Decimal("0.01"), slippage_ticks=2))
    script = {0: [order("SPY", 10)], 4: [order("SPY", -40)]}
    record = play_books({"split": Scripted(["SPY"], at_wakes(script))}, market, config, events)
    found = attribute_costs(record, market, config, events)
    assert found.totals() == {"slippage": (10 + 40) * 20_000, "all_in": 50 * 10_000}
    assert len(record.fills) == 3
    adds_up(record, found)
    figures = summary(record, market)
    assert figures["slippage_micros"] == 1_000_000
    traded = (10 * 400.02 + 40 * 99.98) * DOLLAR
    assert figures["break_even_cost"] * traded == pytest.approx(figures["net_pnl_micros"] + 1_500_000)
    # 4,000 dollars of shares are held before the split and after it.
    assert figures["exposure_gross"] == pytest.approx(4_000 / 100_000 * 4 / 6, rel=1e-3)

    future = flat("ES", [4_000] * 3)
    ends = {"ES": [FinalSettlement(int(future.ts_close_ns[-1]), 4_010.0)]}
    held = play_books({"held": Scripted(["ES"], at_wakes({0: [order("ES", 1)]}))}, market_of(future), RICH, ends)
    found = attribute_costs(held, market_of(future), RICH, ends)
    assert found.totals() == {"slippage": 12_500_000, "all_in": 2_000_000}


RICH = account(1_000_000, costs=CostModel(fee_per_unit=Decimal(2), slippage_ticks=1))


# ---- properties


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from(["0.5", "1", "1.5", "3"]), st.booleans())
def test_the_components_are_what_futures_were_charged(seed: int, multiplier: str, impact: bool) -> None:
    market = market_of(
        random_bars(seed, "MES", 60, level=16_000, **HOURLY), random_bars(seed + 1, "ES", 60, level=16_000, **HOURLY)
    )
    costs = CostModel(
        slippage_ticks=2,
        slippage_rate=Decimal("0.00001"),
        multiplier=Decimal(multiplier),
        spread=SpreadModel(Decimal("0.37"), by_time=(("09:30", Decimal(1)), ("16:00", Decimal(3)))),
        impact=ImpactModel() if impact else None,
    )
    config = account(10_000_000, costs=costs, halts=NO_HALT)
    record = play(Scripted(["MES", "ES"], restless(seed, ["MES", "ES"])), market, config)
    found = attribute_costs(record, market, config)
    adds_up(record, found)
    assert ("impact" in found.components) == (impact and bool(len(record.fills)))
    lots = int(np.abs(record.fills["signed_lots"]).sum())
    assert found.totals().get("nfa", 0) == lots * Decimal(20_000) * Decimal(multiplier)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.booleans())
def test_the_components_are_what_shares_were_charged(seed: int, known: bool) -> None:
    market = market_of(
        random_bars(seed, "SPY", 60, level=40_000, **HOURLY), random_bars(seed + 1, "QQQ", 60, level=30_000, **HOURLY)
    )
    settings_of = AccountConfig(
        AccountKind.REG_T,
        1_000_000 * DOLLAR,
        borrow_rate=Decimal("0.02"),
        debit_rate=Decimal("0.07"),
        credit_rate=Decimal("0.04"),
    )
    config = RunConfig(account=settings_of, costs=CostModel(slippage_ticks=1), halts=NO_HALT)
    starts = market["SPY"][1].ts_event_ns
    events = {
        "SPY": [
            Dividend(int(starts[15]), Decimal("1.23")),
            Split(int(starts[30]), 3, 2),
            Dividend(int(starts[40]) - NS_PER_DAY // 2, Decimal("0.77")),
        ]
    }
    strategy = Scripted(["SPY", "QQQ"], restless(seed, ["SPY", "QQQ"], {"SPY": 31.0, "QQQ": 7.0}))
    record = play_books({"one": strategy}, market, config, events)
    found = attribute_costs(record, market, config, events if known else {})
    adds_up(record, found)
    assert ("interest", record.interest_micros) in found.bridge()
    assert ("carry" in found.components) <= (not known)


@settings(max_examples=15)
@given(st.integers(0, 10**6))
def test_the_books_and_the_interest_are_the_net_result(seed: int) -> None:
    bars = random_bars(seed, "MES", 60, level=16_000, **HOURLY)
    market = market_of(bars, random_bars(seed + 1, "MNQ", 60, level=60_000, **HOURLY))
    books = {
        "trend": Scripted(["MES", "MNQ"], restless(seed, ["MES", "MNQ"])),
        "hedge": Scripted(["MES"], restless(seed + 7, ["MES"])),
        "idle": Scripted(["MNQ"], at_wakes({})),
    }
    config = RunConfig(
        account=AccountConfig(cash_micros=1_000_000 * DOLLAR, credit_rate=Decimal("0.05")), halts=NO_HALT
    )
    record = play_books(books, market, config)
    results = book_pnl(record)
    assert list(results) == ["trend", "hedge", "idle"]
    assert sum(book.net_micros for book in results.values()) + record.interest_micros == record.net_pnl_micros
    assert record.interest_micros > 0
    for book in results.values():
        assert book.gross_micros - book.fee_micros + book.carry_micros == book.net_micros
    assert sum(book.trades + book.open_trades for book in results.values()) == len(record.trades)
    assert results["idle"].net_micros == results["idle"].trades == 0
    assert sum(book.fee_micros for book in results.values()) == record.fees_micros
    adds_up(record, attribute_costs(record, market))
    # One bar's volume is shared: what two books took of it counts together.
    rows = record.fills[record.fills["instrument"] != 1]
    most = np.bincount(rows["row"], weights=np.abs(rows["signed_lots"])).max() if len(rows) else 0
    other = record.fills[record.fills["instrument"] == 1]
    alone = np.bincount(other["row"], weights=np.abs(other["signed_lots"])).max() if len(other) else 0
    assert summary(record, market)["participation_max"] == pytest.approx(max(most, alone) / 10_000)


def test_cost_share_knows_carry_and_interest() -> None:
    bars = flat("SPY", [400.0, 400.0, 400.0, 380.0, 380.0, 380.0])
    rates = {"borrow_rate": Decimal("0.36"), "credit_rate": Decimal("0.36")}
    config = RunConfig(
        account=AccountConfig(AccountKind.REG_T, 100_000 * DOLLAR, **rates),
        costs=CostModel(fee_per_unit=Decimal("0.1"), slippage_ticks=1),
        halts=NO_HALT,
    )
    script = at_wakes({0: [order("SPY", -10)], 3: [order("SPY", 10)]})
    record = play_books({"short": Scripted(["SPY"], script)}, market_of(bars), config)
    figures = summary(record)
    # Short at 400 for three nights: 4 dollars each, the last one on the lower mark; 20 dollars a share were gained.
    assert figures["carry_paid_micros"] == (4_000 + 4_000 + 3_800) * 1_000
    assert figures["interest_micros"] == record.interest_micros > 0
    costs = (2 + 0.2 + 11.8) * DOLLAR
    assert figures["cost_share"] == pytest.approx(costs / (200 * DOLLAR))
    assert figures["break_even_multiplier"] == pytest.approx(200 * DOLLAR / costs)


# ---- what must not be believed


def test_other_settings_bars_and_sums_are_refused() -> None:
    market = market_of(random_bars(1, "MES", 60, level=16_000, **HOURLY))
    config = account(1_000_000, costs=CostModel(slippage_ticks=1), halts=NO_HALT)
    record = play(Scripted(["MES"], restless(1, ["MES"])), market, config)
    with pytest.raises(ConfigError, match="cost settings given are not those of run"):
        attribute_costs(record, market, account(1_000_000))
    with pytest.raises(ConfigError, match="not those of run"):
        attribute_costs(record, market_of(random_bars(2, "MES", 60, **HOURLY)))
    with pytest.raises(ConfigError, match="market holds no MES"):
        attribute_costs(record, {})
    fills = record.fills.copy()
    fills["fee_micros"][3] += 1
    with pytest.raises(LedgerError, match="fill 3 of MES: its fee worked out again is"):
        attribute_costs(replace(record, fills=fills), market)
    fills = record.fills.copy()
    fills["impact_micros"][2] += 1
    with pytest.raises(LedgerError, match="fill 2 of MES: its impact"):
        attribute_costs(replace(record, fills=fills), market)
    trades = record.trades.copy()
    trades["fee_micros"][0] += 1
    with pytest.raises(LedgerError, match=r"trade 0 of run .* do not believe"):
        attribute_costs(replace(record, trades=trades), market)


def test_orders_that_met_finer_bars_are_worked_out_on_these() -> None:
    fine = random_bars(11, "MES", 200, level=16_000, per_session=40, minutes=5, volume=1_000.0)
    coarse = coarse_of(fine, 4)
    market = market_of(coarse)
    config = account(1_000_000, costs=CostModel(slippage_ticks=1, impact=ImpactModel()), halts=NO_HALT)
    strategy = Scripted(["MES"], restless(2, ["MES"]))
    record = play(strategy, market, config, finer={"MES": fine})
    found = attribute_costs(record, market, finer={"MES": fine})
    assert "impact" in found.components
    adds_up(record, found)
    rows = np.bincount(record.fills["row"], weights=np.abs(record.fills["signed_lots"]))
    figures = summary(record, market, finer={"MES": fine})
    assert figures["participation_max"] == pytest.approx(rows.max() / 1_000)
    with pytest.raises(ConfigError, match=r"MES: the orders of run .* met finer bars"):
        attribute_costs(record, market)
    with pytest.raises(ConfigError, match=r"MES: the orders of run .* met no finer bars"):
        attribute_costs(play(strategy, market, config), market, finer={"MES": fine})


def test_a_run_without_trades_cost_nothing() -> None:
    market = market_of(flat("ES", [4_000] * 4))
    found = attribute_costs(play(Scripted(["ES"], at_wakes({})), market), market)
    assert (found.components, found.bridge(), len(found.table)) == ((), (("gross", 0), ("net", 0)), 0)


def test_limits_that_were_traded_through_pay_fees_alone() -> None:
    market = market_of(make_bars("MES", [(4_000, 4_010, 3_990, 4_000)] * 4))
    config = account(100_000, costs=CostModel(slippage_ticks=1, spread=SpreadModel(Decimal("0.3"))))
    script = {0: [order("MES", 1, OrderType.LIMIT, limit=3_995.0)]}
    record = play(Scripted(["MES"], at_wakes(script)), market, config)
    assert set(attribute_costs(record, market).components) == {"commission", "exchange", "nfa"}


def test_every_fee_has_words_and_a_place() -> None:
    names = list(COST_WORDS)
    assert names[3:-5] == [name.value for name in FeeName]
    assert names[-5:] == ["conversion", "dividends", "funding", "borrow", "carry"]
    assert all(words[0].isupper() for words in COST_WORDS.values())
