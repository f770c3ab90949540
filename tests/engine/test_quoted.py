"""Quotes for the fills: which rows orders meet, what is refused and said, and what is told of a run on them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from argus.core.arrays import Bars, Quotes
from argus.core.errors import ConfigError, DataError, LedgerError
from argus.core.intents import Bracket, Intent, Target
from argus.core.orders import FillRule, OrderType
from argus.core.ports import View
from argus.data.resample import bars_of_quotes
from argus.engine._trace_quotes import QUOTE_SENTENCES
from argus.engine.config import CostModel, HaltRules
from argus.engine.cost_attribution import attribute_costs
from argus.engine.fingerprint import fills_hash, order_list_hash
from argus.engine.forms import ArrayStrategy
from argus.engine.quoted import QuoteRows, meet, quote_columns
from argus.engine.run_metrics import summary
from argus.engine.trace import trace_trade
from tests.engine.markets import (
    DOLLAR,
    Scripted,
    account,
    at_wakes,
    digest,
    make_bars,
    market_of,
    order,
    play,
    random_bars,
    restless,
    spec_of,
)

HOUR_NS = 3_600 * 10**9
TICK = Decimal("0.25")
NO_HALT = HaltRules(daily_loss=None)
HOURLY = {"per_session": 6, "volume": 500.0}


def quotes_for(bars: Bars, seed: int, each: int = 12, tick: float = 0.25) -> Quotes:
    """About `each` quotes within every bar, around its prices: few lots, often repeated, now and then one-sided."""
    random = np.random.Generator(np.random.Philox(key=seed))
    n = len(bars) * each
    row = np.repeat(np.arange(len(bars)), each)
    part = np.tile(np.arange(1, each + 1), len(bars))
    ts = bars.ts_event_ns[row] + (bars.ts_close_ns - bars.ts_event_ns)[row] * part // each
    middle = np.rint((bars.open[row] + (bars.close - bars.open)[row] * part / each) / tick)
    bid = (middle - random.integers(0, 3, n)) * tick
    ask = (middle + random.integers(0, 3, n)) * tick
    bid_size, ask_size = random.integers(1, 9, n).astype(float), random.integers(1, 9, n).astype(float)
    empty = random.random(n) < 0.03
    return Quotes(
        bars.instrument, ts, ts + 1_000, np.where(empty, np.nan, bid), ask, np.where(empty, 0.0, bid_size), ask_size
    )


def shown(rows: Bars) -> QuoteRows:
    assert isinstance(rows, QuoteRows)
    return rows


# ------------------------------------------------------------------------------------------------- rows and the note


def test_rows_are_the_quotes_of_the_sessions_with_the_mid_as_price() -> None:
    bars = random_bars(1, "ES", 12, **HOURLY)
    quotes = quotes_for(bars, 1)
    found, note = meet(bars, quotes, TICK)
    rows = shown(found)
    assert len(rows) == len(quotes) == 144
    assert np.array_equal(rows.ts_event_ns, rows.ts_close_ns)
    np.testing.assert_array_equal(rows.close, (quotes.bid + quotes.ask) / 2)
    assert rows.session.tolist() == np.repeat(bars.session, 12).tolist()
    assert np.flatnonzero(rows.session_end).tolist() == [71, 143]
    assert note == "orders met 144 quotes, bid and ask, and no bars; 12 of 12 bars have a quote within them"


def test_what_is_left_out_is_counted() -> None:
    bars = random_bars(1, "ES", 12, **HOURLY)
    quotes = quotes_for(bars.rows(0, 6), 1)
    stamps = quotes.ts_event_ns.copy()
    stamps[:2] -= 2 * HOUR_NS
    stamps[8] = stamps[7]
    found, note = meet(bars, replace(quotes, ts_event_ns=stamps), TICK)
    rows = shown(found)
    assert len(rows) == 72 - 3 + 1
    assert (rows.ts_close_ns[-1], rows.session[-1], rows.session_end[-1]) == (
        bars.ts_close_ns[-1],
        bars.session[-1],
        False,
    )
    assert np.isnan(rows.bid[-1])
    assert np.isnan(rows.ask[-1])
    assert "6 of 12 bars have a quote within them" in note
    assert "2 quotes outside of the sessions of the bars were left out" in note
    assert "1 quotes were followed by another at the same instant" in note


def test_quotes_that_are_not_of_the_bars_are_refused() -> None:
    bars = random_bars(1, "ES", 12, **HOURLY)
    quotes = quotes_for(bars, 1)
    with pytest.raises(ConfigError, match="orders for NQ cannot meet quotes of ES"):
        meet(random_bars(1, "NQ", 12), quotes, TICK)
    adjusted = replace(quotes, bid=quotes.bid - 300, ask=quotes.ask - 300)
    with pytest.raises(ConfigError, match=r"in 12 of the 12 bars with quotes .*is one of them adjusted"):
        meet(bars, adjusted, TICK)
    with pytest.raises(ConfigError, match="none of its 144 quotes lies in a session"):
        meet(bars, replace(quotes, ts_event_ns=quotes.ts_event_ns - 10**17), TICK)
    with pytest.raises(ConfigError, match="none of its 0 quotes"):
        meet(bars, quotes.rows(0, 0), TICK)
    some = replace(quotes, ask=np.where(np.arange(144) < 12, quotes.ask + 500, quotes.ask),
                   bid=np.where(np.arange(144) < 12, quotes.bid + 500, quotes.bid))  # fmt: skip
    assert "in 1 bars every price lies above or below every bid and ask" in meet(bars, some, TICK)[1]


def test_lots_are_shares_of_the_size_as_it_is_written() -> None:
    bars = random_bars(1, "ES", 2, **HOURLY)
    rows = shown(meet(bars, quotes_for(bars, 1, each=2), TICK)[0])
    table = quote_columns(replace(rows, bid_size=np.array([0.29, 7.0, 0.0, 1e9])), Decimal("0.5"), Decimal("0.01"))
    assert table[:, 2].tolist() == [14.0, 350.0, 0.0, 5e10]


# ------------------------------------------------------------------------------------------------------ runs on quotes


def test_bars_for_the_signals_and_quotes_for_the_fills() -> None:
    bars = make_bars("ES", [(4_000.0, 4_002.0, 3_998.0, 4_000.0)] * 3, per_session=3, volume=9.0)
    stamps = bars.ts_close_ns[0] + np.array([10, 20, 30], dtype=np.int64)
    ones = np.full(3, 2.0)
    quotes = Quotes(
        "ES",
        stamps,
        stamps,
        np.array([3_999.75, 4_001.0, 4_001.5]),
        np.array([4_000.25, 4_001.25, 4_002.0]),
        ones,
        ones,
    )
    seen: list[float] = []

    def decide(view: View, number: int) -> tuple[Intent, ...]:
        seen.append(float(view.bars("ES", 1).close[-1]))
        entry = order("ES", 2, key="in")
        return (Bracket(entry, stop_price=3_990.0, target_price=4_001.25),) if number == 0 else ()

    strategy = Scripted(["ES"], decide)
    record = play(strategy, market_of(bars), finer={"ES": quotes})
    assert seen == [4_000.0] * 3
    assert strategy.wakes == bars.ts_recv_ns.tolist()
    found = [(int(f["ts_event_ns"]), int(f["signed_lots"]), FillRule(f["rule"]).name) for f in record.fills]
    assert found == [(stamps[0], 2, "MARKET_AT_OPEN"), (stamps[2], -2, "LIMIT_THROUGH")]
    # Bought at the ask of 4,000.25 and sold at the target of 4,001.25: one point of 50 dollars on two contracts.
    assert record.net_pnl_micros == 2 * 50 * DOLLAR
    assert record.manifest.data["ES"]["finer"] == quotes.content_hash
    assert record.manifest.data["ES"]["fills"] == "quotes"
    assert any("ES: orders met 3 quotes, bid and ask, and no bars" in note for note in record.notes)
    assert not any("volume was not observed" in note for note in record.notes)


def test_quotes_alone_are_enough() -> None:
    bars = random_bars(5, "ES", 48, **HOURLY)
    quotes = quotes_for(bars, 5)
    own = bars_of_quotes(quotes, HOUR_NS, np.repeat(bars.session, 12))
    script = at_wakes({i: [order("ES", 2 if i % 3 else -3)] for i in range(40)})
    record = play(Scripted(["ES"], script), market_of(own), finer={"ES": quotes})
    assert len(record.fills) > 40
    assert set(np.unique(record.fills["ts_event_ns"])) <= set(quotes.ts_event_ns.tolist())
    assert (record.fills["ts_event_ns"] > record.orders["ts_submit_ns"][record.fills["order_id"]]).all()


def test_an_array_of_targets_is_filled_as_a_python_strategy_is() -> None:
    bars = random_bars(7, "ES", 90, **HOURLY)
    finer, wanted = {"ES": quotes_for(bars, 7)}, np.array([(i // 4) % 3 - 1.0 for i in range(90)])
    by_array = play(
        ArrayStrategy(spec_of(["ES"]), lambda b, _: wanted[: len(b["ES"])].copy()), market_of(bars), finer=finer
    )
    asked = Scripted(["ES"], lambda _view, number: [Target("ES", units=float(wanted[number]))])
    by_call = play(asked, market_of(bars), finer=finer)
    assert len(by_array.fills) > 20
    assert order_list_hash(by_array) == order_list_hash(by_call)
    assert fills_hash(by_array) == fills_hash(by_call)


def test_a_run_is_the_same_bytes_again_and_other_quotes_another_run() -> None:
    bars = random_bars(6, "ES", 60, **HOURLY)
    market, quotes = market_of(bars), quotes_for(bars, 6)
    one = play(Scripted(["ES"], restless(6, ["ES"])), market, finer={"ES": quotes})
    assert digest(one) == digest(play(Scripted(["ES"], restless(6, ["ES"])), market, finer={"ES": quotes}))
    wider = replace(quotes, ask=quotes.ask + 0.25)
    other = play(Scripted(["ES"], restless(6, ["ES"])), market, finer={"ES": wider})
    assert one.manifest.run_id != other.manifest.run_id
    assert fills_hash(one) != fills_hash(other)


@pytest.mark.parametrize("seed", range(3))
def test_a_wider_spread_never_makes_a_market_order_cheaper(seed: int) -> None:
    bars = random_bars(seed, "ES", 60, **HOURLY)
    quotes = quotes_for(bars, seed)
    script = at_wakes({i: [order("ES", 3 if i % 2 else -3)] for i in range(40)})
    wide = replace(quotes, bid=quotes.bid - 0.5, ask=quotes.ask + 0.5)
    results = [play(Scripted(["ES"], script), market_of(bars), finer={"ES": one}) for one in (quotes, wide)]
    filled = np.abs(results[0].fills["signed_lots"]).sum()
    assert np.abs(results[1].fills["signed_lots"]).sum() == filled
    cost = results[0].net_pnl_micros - results[1].net_pnl_micros
    # Two ticks of 12.50 dollars for each lot; what is still held is marked at a mid that did not move.
    assert cost == filled * 2 * 12_500_000


def test_every_trade_on_quotes_is_worked_out_again() -> None:
    bars = random_bars(8, "ES", 120, **HOURLY)
    market, finer = market_of(bars), {"ES": quotes_for(bars, 8)}
    record = play(Scripted(["ES"], restless(8, ["ES"])), market, account(2_000_000, halts=NO_HALT), finer=finer)
    bases = set()
    for trade in range(len(record.trades)):
        trace = trace_trade(record, market, trade, finer=finer)
        assert trace.adds_up
        for step in trace.fills:
            assert step.bar.quote is not None
            assert step.price.base in ("bid", "ask", "limit")
            bases.add(step.price.base)
    assert bases == {"bid", "ask", "limit"}
    told = trace_trade(record, market, 0, finer=finer).as_dict()["fills"][0]
    assert set(told["bar"]["quote"]) == {"bid", "bid_size", "ask", "ask_size"}
    assert told["rule_text"] == QUOTE_SENTENCES[FillRule[told["rule"]]]
    found = attribute_costs(record, market, finer=finer)
    assert found.net_pnl_micros == record.net_pnl_micros
    assert np.isnan(summary(record, market, finer=finer)["participation_max"])


def test_a_trace_wants_the_quotes_of_the_run_and_believes_no_other_price() -> None:
    bars = random_bars(9, "ES", 60, **HOURLY)
    market, finer = market_of(bars), {"ES": quotes_for(bars, 9)}
    script = at_wakes({1: [order("ES", 1)], 5: [order("ES", -1)], 7: [order("ES", 1, OrderType.LIMIT, limit=9_000.0)]})
    record = play(Scripted(["ES"], script), market, finer=finer)
    with pytest.raises(DataError, match="made on quotes with content hash"):
        trace_trade(record, market, 0)
    with pytest.raises(ConfigError, match=r"the orders of run .* met quotes"):
        attribute_costs(record, market)
    fills = record.fills.copy()
    fills["price_ticks"][0] -= 1
    with pytest.raises(LedgerError, match="fill 0: rule MARKET_AT_OPEN gives"):
        trace_trade(replace(record, fills=fills), market, 0, finer=finer)
    fills = record.fills.copy()
    fills["rule"][2] = FillRule.STOP_TOUCHED
    with pytest.raises(LedgerError, match="rule STOP_TOUCHED filled at quote"):
        trace_trade(replace(record, fills=fills), market, len(record.trades) - 1, finer=finer)


def test_costs_in_the_price_are_for_the_instruments_without_quotes() -> None:
    es, nq = random_bars(2, "ES", 30, **HOURLY), random_bars(3, "NQ", 30, level=60_000, **HOURLY)
    config = account(9_000_000, costs=CostModel(fee_per_unit=Decimal(0), slippage_ticks=2), halts=NO_HALT)
    script = at_wakes({i: [order("ES", 1), order("NQ", 1)] for i in range(0, 20, 2)})
    finer = {"ES": quotes_for(es, 2)}
    record = play(Scripted(["ES", "NQ"], script), market_of(es, nq), config, finer=finer)
    worse = record.fills["price_ticks"] - record.fills["base_ticks"]
    assert set(worse[record.fills["instrument"] == 0]) == {0.0}
    assert set(worse[record.fills["instrument"] == 1]) == {2.0}
    assert any("ES: slippage, half-spread and impact do not apply here" in note for note in record.notes)
    found = attribute_costs(record, market_of(es, nq), finer=finer)
    assert "slippage" in found.components
    with pytest.raises(ConfigError, match="orders meet quotes of ES, which hold the spread already"):
        play(Scripted(["ES"], script), market_of(es), config, finer=finer)
