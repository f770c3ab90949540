"""Scorecard, verdicts and trace as a terminal shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from rich.console import Console

from argus.core.arrays import Bars
from argus.core.instruments import instrument
from argus.core.intents import Intent
from argus.core.market_events import Dividend, FinalSettlement, Split
from argus.core.money import MICROS
from argus.core.orders import OrderType, TimeInForce
from argus.core.time import NS_PER_DAY, NS_PER_HOUR, day_number
from argus.engine.config import AccountConfig, AccountKind, CostModel, HaltRules, RunConfig
from argus.engine.cost_attribution import CostAttribution, attribute_costs
from argus.engine.replay import run
from argus.engine.trace import Trace, trace_trade
from argus.lab.gates import GATES
from argus.lab.journal.trials import MemoryTrialLedger
from argus.portfolio import FixedUnits, LimitRiskPolicy
from argus.report.terminal import costs_view, scorecard, trace_view, verdict_line
from argus.strategies import create
from tests.engine.markets import Scripted, account, at_wakes, flat, make_bars, market_of, order, play
from tests.report.sample_evaluation import sample_evaluation, without_trades


def _text(renderable: object, width: int = 110) -> str:
    console = Console(width=width, color_system=None, force_terminal=False, record=True, file=None, quiet=False)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


def test_a_wide_terminal_has_a_column_a_gate() -> None:
    shown = [without_trades()[0], sample_evaluation(1, drift=-0.0004, strategy="worse")[0], sample_evaluation()[0]]
    text = _text(scorecard(shown), 300)
    lines = [line for line in text.splitlines() if line.strip().startswith(("✓ tsmom", "✕"))]
    assert [line.split()[1] for line in lines] == ["tsmom", "worse", "tsmom"]
    assert lines[0].count("✓") == 1 + len(GATES)
    assert lines[2].count("?") == len(GATES)
    assert "Deflated" in text


def test_a_narrow_terminal_says_what_stopped_it() -> None:
    text = _text(scorecard([sample_evaluation(1, drift=-0.0004)[0], sample_evaluation()[0]]), 80)
    assert "Stopped by" in text
    assert f"{len(GATES)} of {len(GATES)}" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_verdict_line() -> None:
    assert _text(verdict_line(sample_evaluation()[0])).strip() == "✓ tsmom on ES passes every gate.  ⚑ 1 red flag"
    assert _text(verdict_line(without_trades()[0]), 300).strip().endswith("⚑ 2 red flags")


@pytest.fixture(scope="module")
def traces() -> Sequence[Trace]:
    """Trades of the reference strategy over a slow wave."""
    n = 400
    place = np.arange(n)
    session = (day_number(date(2015, 1, 5)) + place).astype(np.int32)
    start = session.astype(np.int64) * NS_PER_DAY + 14 * NS_PER_HOUR
    close = np.round(4 * (2_000.0 + 150.0 * np.sin(place / 25.0))) / 4
    open_ = np.concatenate(([close[0]], close[:-1]))
    bars = Bars(
        instrument="MES",
        ts_event_ns=start,
        ts_close_ns=start + 7 * NS_PER_HOUR,
        ts_recv_ns=start + 7 * NS_PER_HOUR,
        open=open_,
        high=np.maximum(open_, close),
        low=np.minimum(open_, close),
        close=close,
        volume=np.full(n, 1e5),
        open_interest=np.full(n, np.nan),
        session=session,
        session_end=np.ones(n, dtype=bool),
        observed=frozenset({"open", "high", "low", "close", "volume"}),
    )
    spec = instrument("MES")
    market = {"MES": (spec, bars)}
    strategy = create("sma_cross", ["MES"], fast=5, slow=20)
    record = run(
        strategy,
        market,
        RunConfig(),
        sizer=FixedUnits(2.0),
        risk=LimitRiskPolicy(instruments={"MES": spec}),
        trials=MemoryTrialLedger(),
    )
    return [trace_trade(record, market, i, strategy) for i in range(len(record.trades))]


def test_a_trace_is_told_in_its_order(traces: Sequence[Trace]) -> None:
    text = _text(trace_view(traces[1]), 140)
    labels = ["fill", "known", "read", "decided", "order", "bar", "rule", "price", "value", "fee", "ledger", "sold"]
    places = [text.index(f"\n{label} ") for label in labels]
    assert places == sorted(places)
    assert places[-2] < text.index("Settlements") < places[-1]
    assert "✓ adds up to the micro-unit" in text
    assert "fast:MES = sma(" in text
    assert "closes (part of a fill that turned the position)" in text


def test_every_trade_can_be_told(traces: Sequence[Trace]) -> None:
    assert len(traces) > 3
    assert traces[-1].is_open
    assert "still open, at the last mark" in _text(trace_view(traces[-1]))
    for trace in traces:
        assert "✓ adds up" in _text(trace_view(trace), 100)


def test_a_long_trade_is_shortened_and_its_sum_kept(traces: Sequence[Trace]) -> None:
    trace = max(traces, key=lambda one: len(one.settlements))
    short = _text(trace_view(trace, settlements_shown=4), 140)
    assert f"… {len(trace.settlements) - 4} more" in short
    assert len(short) < len(_text(trace_view(trace, settlements_shown=1_000), 140))


def test_costs_are_told_from_gross_to_net() -> None:
    evaluation, market = sample_evaluation(trades=40)
    found = attribute_costs(evaluation.record, market)
    text = _text(costs_view(found, "USD"))
    lines = [line for line in text.splitlines() if line.strip()]
    names = ("Before costs", "Spread and slippage, in the price", "Commission", "Exchange", "National", "After costs")
    places = [next(at for at, line in enumerate(lines) if name in line) for name in names]
    assert places == sorted(places)
    assert f"−{158 * 12.5:,.2f}" in lines[places[1]]
    assert f"−{158 * 12.5 / 40:,.2f}" in lines[places[1]]
    assert "▇" * 16 in lines[places[1]]
    nothing = _text(costs_view(CostAttribution(found.table[:0], (), 0, 0)))
    assert "—" in nothing


def test_costs_keep_every_digit_in_a_narrow_terminal() -> None:
    evaluation, market = sample_evaluation(trades=40)
    found = attribute_costs(evaluation.record, market)
    for width in (80, 100):
        text = _text(costs_view(found, "USD"), width)
        assert "…" not in text
        for _, micros in found.bridge():
            assert f"{abs(micros) / MICROS:,.2f}" in text
        assert all(len(line) <= width for line in text.splitlines())


# ---- what no order of the strategy did


def _rows(text: str, label: str) -> list[str]:
    """Lines of a trace that begin with a label, without it."""
    return [line.removeprefix(label).strip() for line in text.splitlines() if line.startswith(f"{label} ")]


def _amount(text: str, label: str) -> Decimal:
    (line,) = _rows(text, label)
    return Decimal(line.split()[0].replace(",", ""))


SPOT = AccountConfig(AccountKind.REG_T, 100_000 * MICROS, borrow_rate=Decimal("0.036"))


def test_a_split_is_told_as_such_and_its_cash_counted() -> None:
    market = market_of(flat("SPY", [400.0, 400.0, 404.0, 135.0, 136.0]))
    ts = int(market["SPY"][1].ts_event_ns[3]) - 3 * NS_PER_HOUR
    events = {"SPY": (Split(ts, 3, 2),)}
    script: dict[int, Sequence[Intent]] = {0: [order("SPY", 7)], 3: [order("SPY", -10)]}
    record = play(Scripted(["SPY"], at_wakes(script)), market, RunConfig(account=SPOT), events=events)
    text = _text(trace_view(trace_trade(record, market, events=events)), 140)
    assert "2. splits 7 lots into 10; the mark becomes 269.33" in text
    assert "none: the split came with the data" in text
    assert "by nobody: it happened to the instrument" in text
    assert "liquidated" not in text
    assert _rows(text, "cash")[0].startswith("134.666667 USD for what is no whole lot")
    assert _amount(text, "splits") == Decimal("134.666667")
    assert _amount(text, "sold") + _amount(text, "bought") + _amount(text, "splits") == _amount(text, "gross")
    assert _amount(text, "gross") + _amount(text, "fees") == _amount(text, "net")
    short = _text(trace_view(trace_trade(record, market, events=events), fills_shown=2), 140)
    assert "splits 7 lots into 10; the mark becomes 269.33" in short
    assert "cash for what is no whole lot 134.666667" in short


def test_a_final_settlement_is_no_liquidation() -> None:
    market = market_of(flat("MES", [4_000.0, 4_000.0, 4_010.0]))
    events = {"MES": (FinalSettlement(int(market["MES"][1].ts_close_ns[2]), 4_012.5),)}
    record = play(Scripted(["MES"], at_wakes({0: [order("MES", 2)]})), market, events=events)
    text = _text(trace_view(trace_trade(record, market, events=events)), 140)
    assert "2. is settled for good: sold 2 at 4012.5" in text
    assert "none: the final settlement came with the data" in text
    assert _rows(text, "decided")[1].startswith("by nobody")


def test_what_a_halt_closes_is_no_liquidation() -> None:
    market = market_of(flat("MES", [4_000.0, 4_000.0, 3_900.0, 3_900.0]))
    halts = HaltRules(daily_loss=None, drawdown=Decimal("0.015"), flatten=True)
    record = play(Scripted(["MES"], at_wakes({0: [order("MES", 5)]})), market, account(50_000, halts=halts))
    trace = trace_trade(record, market)
    assert not trace.fills[-1].order.is_liquidation
    text = _text(trace_view(trace), 140)
    assert _rows(text, "decided")[-1] == "by the engine, not the strategy: a halt after losses closed what was held"
    assert "market, gtc, reduce only; sent" in text


def test_a_liquidation_is_told_as_one() -> None:
    market = market_of(flat("MES", [4_000.0, 4_000.0, 3_600.0, 3_600.0]))
    halts = HaltRules(daily_loss=None)
    record = play(Scripted(["MES"], at_wakes({0: [order("MES", 5)]})), market, account(12_000, halts=halts))
    text = _text(trace_view(trace_trade(record, market)), 140)
    assert _rows(text, "decided")[-1].endswith("the account had to be liquidated")


def test_what_holding_cost_leads_from_gross_to_net() -> None:
    market = market_of(flat("SPY", [400.0] * 8 + [410.0] * 2))
    ts = int(market["SPY"][1].ts_event_ns[2]) - 3 * NS_PER_HOUR
    events = {"SPY": (Dividend(ts, Decimal("1.25")),)}
    script: dict[int, Sequence[Intent]] = {0: [order("SPY", -10)], 8: [order("SPY", 10)]}
    config = RunConfig(account=SPOT, costs=CostModel(fee_per_unit=Decimal("0.005")))
    record = play(Scripted(["SPY"], at_wakes(script)), market, config, events=events)
    trace = trace_trade(record, market, events=events)
    text = _text(trace_view(trace), 160)
    assert "What holding it cost and brought" in text
    assert "1.25 USD × -10 units = -12.50 USD" in text
    assert sum("borrow fee" in line for line in text.splitlines()) == len(trace.carries) - 1 == 8
    assert _amount(text, "carry") == Decimal(trace.carry_micros) / MICROS
    assert _amount(text, "gross") + _amount(text, "fees") + _amount(text, "carry") == _amount(text, "net")
    short = _text(trace_view(trace, settlements_shown=4), 160)
    assert f"… {len(trace.carries) - 4} more" in short.split("What holding it cost")[1]


def test_an_order_is_told_with_its_trail_its_end_and_why_it_ended() -> None:
    rows = [(4_000.0,) * 4, (4_000.0, 4_012.0, 3_999.0, 4_010.0), (4_011.0, 4_020.0, 4_008.0, 4_015.0)]
    market = market_of(make_bars("MES", [*rows, *[(4_005.0,) * 4] * 2], volume=2.0))
    until = int(market["MES"][1].ts_close_ns[1])
    entry = replace(order("MES", 5), time_in_force=TimeInForce.GTD, expires_ns=until)
    stop = order("MES", -2, OrderType.TRAILING_STOP, trail=10.25)
    record = play(Scripted(["MES"], at_wakes({0: [entry], 1: [stop]})), market)
    trace = trace_trade(record, market)
    text = _text(trace_view(trace), 400)
    opened, closed = _rows(text, "order")
    assert opened.startswith("#0 buy 5 market, gtd 2023-06-02T15:00:00Z; sent 2023-06-01 15:00, arrived")
    assert f"; then it ended: {trace.fills[0].order.ended_text.removesuffix('.')}" in opened
    assert "it was good till 2023-06-02T15:00:00Z; 2 of 5 lots were filled" in opened
    assert closed.startswith("#1 sell 2 trailing stop, trailing by 10.25, gtc; sent")
    assert "ended" not in closed
