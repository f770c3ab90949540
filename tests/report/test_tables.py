"""The tables show what the records hold."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from html.parser import HTMLParser

import pytest

from argus.report import figures, tables
from tests.report.sample_evaluation import sample_evaluation, without_trades


class Cells(HTMLParser):
    """Rows of a table's body as texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._cell = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self._cell = True
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._cell = False

    def handle_data(self, data: str) -> None:
        if self._cell:
            self.rows[-1][-1] += data


def test_the_scorecard_has_a_row_a_candidate_and_a_column_a_gate() -> None:
    shown = [sample_evaluation()[0], without_trades()[0]]
    rows = Cells(tables.scorecard_table(shown)).rows
    assert [len(row) for row in rows] == [4 + len(shown[0].gates)] * 3
    assert rows[1][0:3] == ["tsmom", "ES", "✓ deployable"]
    assert rows[2][2] == "✕ not deployable"
    assert all(cell == "?—" for cell in rows[2][3:-1])
    assert rows[2][-1] == "⚑ 2"


def test_gates_show_figure_threshold_sentence_and_reading() -> None:
    evaluation, _ = sample_evaluation()
    text = tables.gates_table(evaluation)
    for gate in evaluation.gates:
        assert escape(gate.how_to_read) in text
    rows = Cells(text).rows
    (walk,) = [row for row, gate in zip(rows[1:], evaluation.gates, strict=True) if gate.name == "walk_forward"]
    assert walk[2].startswith("0.9")
    assert walk[2].endswith("above 0.30")


def test_months_compound_to_their_year() -> None:
    evaluation, _ = sample_evaluation(sessions=600)
    rows = Cells(tables.months_table(evaluation)).rows[1:]
    assert [row[0] for row in rows] == ["2004", "2005", "2006"]
    whole = 1.0
    for month in evaluation.months:
        if month.year == 2005:
            whole *= 1.0 + month.value
    shown = float(rows[1][-1].replace("−", "-").replace("\u00a0%", ""))
    assert shown == pytest.approx(100 * (whole - 1.0), abs=0.051)


def test_best_and_worst_trades_lead_to_their_trace() -> None:
    evaluation, market = sample_evaluation()
    net = evaluation.record.trades["net_micros"]
    best = Cells(tables.trades_table(evaluation, market, best=True)).rows
    worst = Cells(tables.trades_table(evaluation, market, best=False)).rows
    run_id = evaluation.record.manifest.run_id
    assert len(best) == tables.TRADES_SHOWN + 1
    assert best[1][-1] == f"argus trace {run_id} --trade {int(net.argmax())}"
    assert worst[1][-1] == f"argus trace {run_id} --trade {int(net.argmin())}"


def test_trades_without_their_market_have_no_price() -> None:
    evaluation, _ = sample_evaluation()
    assert Cells(tables.trades_table(evaluation, None, best=True)).rows[1][4] == "—"


def test_only_losers() -> None:
    evaluation, market = sample_evaluation(trades=3)
    trades = evaluation.record.trades.copy()
    trades["net_micros"] = -1_000_000
    evaluation = replace(evaluation, record=replace(evaluation.record, trades=trades))
    assert "No trade gained" in tables.trades_table(evaluation, market, best=True)
    assert len(Cells(tables.trades_table(evaluation, market, best=False)).rows) == 4


def test_parameter_sets_best_first_and_those_without_a_ratio_last() -> None:
    evaluation, _ = sample_evaluation()
    search = (replace(evaluation.search[0], sharpe_annual=float("nan")), *evaluation.search[1:])
    rows = Cells(tables.search_table(replace(evaluation, search=search))).rows[1:]
    shown = [float(row[1].replace("−", "-")) for row in rows[:-1]]
    assert shown == sorted(shown, reverse=True)
    assert rows[-1][1] == "—"


def test_the_manifest_is_complete() -> None:
    evaluation, _ = sample_evaluation()
    text = tables.manifest_block(evaluation)
    assert evaluation.record.manifest.run_id in text
    assert evaluation.record.manifest.code_version in text
    assert evaluation.record.manifest.data["ES"]["content_hash"] in text


def test_what_trading_cost_is_told_from_gross_to_net() -> None:
    bridge = {
        "step": ["gross", "slippage", "dividends", "interest", "net"],
        "word": ["Before costs", "Spread and slippage, in the price", "Dividends", "Interest", "After costs"],
        "micros": [200_000_000, -50_000_000, 25_000_000, 5_000_000, 180_000_000],
    }
    text = tables.costs_table(bridge, 4, "USD")
    rows = text.split("<tr")[2:]
    assert len(rows) == 5
    assert "+200.00\u00a0USD" in rows[0]
    assert "took" not in rows[0] + rows[4]
    assert "−50.00\u00a0USD" in rows[1]
    assert "−12.50<" in rows[1]
    assert "−25.0\u00a0%" in rows[1]
    assert 'class="took down" style="--part:1.0000"' in rows[1]
    assert 'class="took up" style="--part:0.5000"' in rows[2]
    lost = tables.costs_table(bridge | {"micros": [-1, -50_000_000, 25_000_000, 0, -25_000_001]}, 4, "USD")
    assert lost.count(figures.NOTHING) == 5
