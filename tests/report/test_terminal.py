"""Scorecard, verdicts and trace as a terminal shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pytest
from rich.console import Console

from argus.core.arrays import Bars
from argus.core.instruments import instrument
from argus.core.time import NS_PER_DAY, NS_PER_HOUR, day_number
from argus.engine.config import RunConfig
from argus.engine.cost_attribution import CostAttribution, attribute_costs
from argus.engine.replay import run
from argus.engine.trace import Trace, trace_trade
from argus.lab.trials import MemoryTrialLedger
from argus.portfolio import FixedUnits, LimitRiskPolicy
from argus.report.terminal import costs_view, scorecard, trace_view, verdict_line
from argus.strategies import create
from tests.report.sample_evaluation import sample_evaluation, without_trades


def _text(renderable: object, width: int = 110) -> str:
    console = Console(width=width, color_system=None, force_terminal=False, record=True, file=None, quiet=False)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


def test_a_wide_terminal_has_a_column_a_gate() -> None:
    shown = [without_trades()[0], sample_evaluation(1, drift=-0.0004, strategy="worse")[0], sample_evaluation()[0]]
    text = _text(scorecard(shown), 160)
    lines = [line for line in text.splitlines() if line.strip().startswith(("✓ tsmom", "✕"))]
    assert [line.split()[1] for line in lines] == ["tsmom", "worse", "tsmom"]
    assert lines[0].count("✓") == 11
    assert lines[2].count("?") == 10
    assert "Deflated" in text


def test_a_narrow_terminal_says_what_stopped_it() -> None:
    text = _text(scorecard([sample_evaluation(1, drift=-0.0004)[0], sample_evaluation()[0]]), 80)
    assert "Stopped by" in text
    assert "10 of 10" in text
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
