"""The tables of a page as HTML: scorecard, gates, months, folds, parameter sets, trades, and the folded small print."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from argus.core.arrays import Bars
from argus.core.instruments import InstrumentSpec
from argus.core.money import MICROS
from argus.report import figures

if TYPE_CHECKING:
    from argus.lab.evaluation import Evaluation
    from argus.lab.gates import GateResult
    from argus.lab.score import Score
    from argus.lab.stress.paths import PathsResult

__all__ = [
    "TRADES_SHOWN",
    "clauses_table",
    "costs_table",
    "currency_of",
    "folds_table",
    "gates_table",
    "manifest_block",
    "mark",
    "months_table",
    "named_table",
    "score_table",
    "scorecard_table",
    "search_table",
    "trades_table",
]

TRADES_SHOWN: Final = 5
"""Best and worst trades that a page lists."""

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HEAT_FULL: Final = 0.10
"""A month of ten per cent has the full colour."""

Market = Mapping[str, tuple[InstrumentSpec, Bars]]


def currency_of(evaluation: Evaluation) -> str:
    """Currency of the account."""
    account: Mapping[str, Any] = evaluation.record.manifest.config.get("account", {})
    return str(account.get("currency", ""))


def mark(passed: bool | None) -> str:
    """A mark with its word for those who do not see it."""
    sign, word = figures.gate_mark(passed)
    kind = "none" if passed is None else "pass" if passed else "fail"
    return f'<span class="mark {kind}" role="img" aria-label="{word}">{sign}</span>'


def _table(caption: str, head: Iterable[str], rows: Iterable[str], kind: str = "") -> str:
    return (
        f'<div class="scroll"><table class="{kind}"><caption>{caption}</caption><thead><tr>{"".join(head)}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _heads(*names: str) -> list[str]:
    """Headings; one that begins with ``#`` stands over numbers."""
    return [
        f'<th scope="col" class="n">{escape(name[1:])}</th>'
        if name.startswith("#")
        else f'<th scope="col">{escape(name)}</th>'
        for name in names
    ]


def _cells(*values: str) -> str:
    """Cells of escaped text; one that begins with ``#`` is a number."""
    return "".join(
        f'<td class="n">{escape(value[1:])}</td>' if value.startswith("#") else f"<td>{escape(value)}</td>"
        for value in values
    )


def scorecard_table(evaluations: Sequence[Evaluation]) -> str:
    """One row a candidate, one column a gate."""
    names = list(dict.fromkeys(gate.name for evaluation in evaluations for gate in evaluation.gates))
    head = [
        '<th scope="col">Strategy</th><th scope="col">Market</th><th scope="col">Verdict</th>',
        *(
            f'<th scope="col" class="g" title="{escape(figures.gate_question(name))}">'
            f"{escape(figures.gate_label(name))}</th>"
            for name in names
        ),
        '<th scope="col" class="g" title="Reasons for suspicion, listed below">Red flags</th>',
    ]
    rows = []
    for place, evaluation in enumerate(evaluations, start=1):
        answers = {gate.name: gate for gate in evaluation.gates}
        cells = "".join(_score_cell(answers.get(name), currency_of(evaluation)) for name in names)
        flags = len(evaluation.red_flags)
        rows.append(
            f'<tr class="{"yes" if evaluation.deployable else "no"}"><th scope="row"><a href="#c{place}">'
            f"{escape(evaluation.strategy)}</a></th><td>{escape(figures.universe(evaluation))}</td>"
            f"<td>{verdict_badge(evaluation)}</td>{cells}"
            f'<td class="g flags">{f"<b>⚑ {flags}</b>" if flags else figures.NOTHING}</td></tr>'
        )
    currencies = sorted({currency_of(evaluation) for evaluation in evaluations} - {""})
    unit = f"; money in {escape(', '.join(currencies))}" if currencies else ""
    caption = f"Every candidate before every gate, out of sample, costs included{unit}"
    return _table(caption, head, rows, "scorecard")


def verdict_badge(evaluation: Evaluation) -> str:
    """The verdict as a label."""
    if evaluation.deployable:
        return '<span class="badge yes">✓ deployable</span>'
    return '<span class="badge no">✕ not deployable</span>'


def _score_cell(gate: GateResult | None, currency: str) -> str:
    if gate is None:
        return f'<td class="g">{figures.NOTHING}</td>'
    kind = "none" if gate.passed is None else "pass" if gate.passed else "fail"
    figure = escape(figures.gate_value(gate, currency, short=True))
    return f'<td class="g {kind}" title="{escape(gate.sentence)}">{mark(gate.passed)}<i>{figure}</i></td>'


def gates_table(evaluation: Evaluation, anchors: Mapping[str, str] | None = None) -> str:
    """Every gate with its question, figure, threshold, answer and how to read it.

    Parameters
    ----------
    evaluation : Evaluation
    anchors : mapping or None
        Name of a gate to the part of the page that shows its evidence.
    """
    currency = currency_of(evaluation)
    rows = []
    for gate in evaluation.gates:
        kind = "none" if gate.passed is None else "pass" if gate.passed else "fail"
        rows.append(
            f'<tr class="{kind}"><td>{mark(gate.passed)}</td>'
            f'<th scope="row">{escape(figures.gate_label(gate.name))}'
            f"<small>{escape(figures.gate_question(gate.name))}</small>{_bound(gate, anchors or {})}</th>"
            f'<td class="n">{escape(figures.gate_value(gate, currency))}'
            f"<small>{escape(figures.gate_threshold(gate, currency))}</small>{_changed(gate, currency)}</td>"
            f"<td>{escape(gate.sentence)}<small>{escape(gate.how_to_read)}</small></td></tr>"
        )
    head = _heads("", "Gate", "#Figure, and what was asked", "Answer, and how to read it")
    return _table("Gates: all must pass", head, rows, "gates")


def _bound(gate: GateResult, anchors: Mapping[str, str]) -> str:
    where = anchors.get(gate.name)
    link = f' · <a href="#{where}">see the evidence</a>' if where else ""
    return f"<small>{figures.gate_bound(gate)}{link}</small>"


def _changed(gate: GateResult, currency: str) -> str:
    changed = figures.gate_changed(gate, currency)
    return f'<small class="changed">{escape(changed)}</small>' if changed else ""


def months_table(evaluation: Evaluation) -> str:
    """Returns by calendar month, years down."""
    years: dict[int, dict[int, float]] = {}
    for month in evaluation.months:
        years.setdefault(month.year, {})[month.month] = month.value
    rows = []
    for year in sorted(years):
        cells = "".join(_heat_cell(years[year].get(number)) for number in range(1, 13))
        whole = float(np.prod([1.0 + value for value in years[year].values()])) - 1.0
        rows.append(
            f'<tr><th scope="row">{year}</th>{cells}<td class="n whole">{figures.percent(whole, sign=True)}</td></tr>'
        )
    head = _heads("Year", *(f"#{name}" for name in _MONTHS), "#Year")
    return _table("Return of the account by month, in per cent; a year is its months compounded", head, rows, "months")


def _heat_cell(value: float | None) -> str:
    if value is None:
        return "<td></td>"
    heat = min(abs(value) / _HEAT_FULL, 1.0) * 0.62
    kind = "up" if value > 0 else "down"
    text = figures.ratio(value * 100, 1, sign=True)
    return f'<td class="n {kind}" style="--heat:{heat:.2f}">{text}</td>'


def folds_table(evaluation: Evaluation) -> str:
    """Each fold: what it learned on, what it chose, what came of it."""
    currency = currency_of(evaluation)
    rows = [
        "<tr>"
        + _cells(
            f"{fold.train_first} – {fold.train_last}",
            f"{fold.test_first} – {fold.test_last}",
            figures.parameters(fold.values) or "no parameters",
            "#" + figures.ratio(fold.train_sharpe_annual),
            "#" + figures.ratio(fold.test_sharpe_annual),
            "#" + figures.percent(fold.test_return, sign=True),
            "#" + figures.money(fold.test_pnl, currency, sign=True),
        )
        + "</tr>"
        for fold in evaluation.folds
    ]
    head = _heads(
        "Chosen on", "Traded on", "Parameters chosen", "#Sharpe, chosen on", "#Sharpe, traded", "#Return", "#P&L"
    )
    return _table("Walk-forward folds", head, rows)


def search_table(evaluation: Evaluation) -> str:
    """Every parameter set that was tried, best first: in sample, for choosing only."""
    currency = currency_of(evaluation)
    rows = [
        "<tr>"
        + _cells(
            figures.parameters(tried.values) or "no parameters",
            "#" + figures.ratio(tried.sharpe_annual),
            "#" + figures.money(tried.net_pnl, currency, sign=True),
            "#" + figures.count(tried.trades),
            "#" + figures.count(tried.orders),
            tried.run_id,
        )
        + "</tr>"
        for tried in sorted(evaluation.search, key=lambda tried: (-_or_least(tried.sharpe_annual), tried.run_id))
    ]
    head = _heads("Parameters", "#Sharpe a year", "#Net P&L", "#Trades", "#Orders", "Run")
    return _table("Every parameter set tried, over the whole range: in sample, for choosing only", head, rows)


def _or_least(value: float) -> float:
    return value if value == value else float("-inf")


def costs_table(bridge: Mapping[str, Any], trades: int, currency: str) -> str:
    """Who took what, a row a component, from the result before costs to the one after them.

    Parameters
    ----------
    bridge : mapping
        The chart of that name of `candidate_charts`: steps, their words (escaped) and micro-units.
    trades : int
        Over which an amount is spread for the column of one trade.
    currency : str
    """
    steps = list(zip(bridge["step"], bridge["word"], bridge["micros"], strict=True))
    gross = steps[0][2]
    widest = max((abs(amount) for _, _, amount in steps[1:-1]), default=0) or 1
    rows = []
    for name, word, amount in steps:
        is_end = name in ("gross", "net")
        kind = "up" if amount > 0 else "down"
        bar = "" if is_end else f'<i class="took {kind}" style="--part:{abs(amount) / widest:.4f}"></i>'
        cells = _cells(
            "#" + figures.money(amount / MICROS, currency, places=2, sign=True),
            "#" + figures.money(amount / MICROS / trades, places=2, sign=True),
            "#" + (figures.percent(amount / gross, sign=True) if gross > 0 else figures.NOTHING),
        )
        rows.append(
            f'<tr{" class=whole" if is_end else ""}><th scope="row">{word}</th>{cells}<td class="bars">{bar}</td></tr>'
        )
    head = _heads("", "#Amount", "#A trade", "#Of the result before costs", "")
    return _table("What trading cost, and who took it; adds up to the micro-unit", head, rows, "costs")


def trades_table(evaluation: Evaluation, market: Market | None, *, best: bool) -> str:
    """The trades that gained or lost most, each with the command that tells it from end to end."""
    trades = evaluation.record.trades
    net = trades["net_micros"]
    ranked = np.argsort(-net if best else net, kind="stable")
    chosen = [int(i) for i in ranked if (net[i] > 0 if best else net[i] < 0)][:TRADES_SHOWN]
    currency = currency_of(evaluation)
    run_id = evaluation.record.manifest.run_id
    rows = []
    for i in chosen:
        trade = trades[i]
        symbol = evaluation.record.universe[trade["instrument"]]
        tick = float(market[symbol][0].tick_size) if market and symbol in market else float("nan")
        ended = "still open" if trade["is_open"] else figures.instant(int(trade["exit_ts_ns"]))
        cells = _cells(
            symbol,
            "long" if trade["direction"] > 0 else "short",
            figures.instant(int(trade["entry_ts_ns"])),
            ended,
            "#" + figures.price(float(trade["entry_ticks"]) * tick, tick),
            "#" + figures.price(float(trade["exit_ticks"]) * tick, tick),
            "#" + figures.money(int(trade["fee_micros"]) / MICROS, places=2),
            "#" + figures.money(int(trade["net_micros"]) / MICROS, currency, places=2, sign=True),
        )
        rows.append(f"<tr>{cells}<td><code>argus trace {escape(run_id)} --trade {i}</code></td></tr>")
    if not rows:
        return f'<p class="nothing">No trade {"gained" if best else "lost"}.</p>'
    head = _heads("Market", "Side", "Opened, UTC", "Ended, UTC", "#In at", "#Out at", "#Fees", "#Net", "Follow it")
    return _table("Best trades" if best else "Worst trades", head, rows)


def manifest_block(evaluation: Evaluation) -> str:
    """The run's manifest: what it takes to make the same bytes again."""
    manifest = evaluation.record.manifest
    rows = [
        f'<tr><th scope="row">{escape(name)}</th><td><pre>{escape(_pretty(value))}</pre></td></tr>'
        for name, value in (
            ("run", manifest.run_id),
            ("code", manifest.code_version),
            ("strategy", manifest.strategy),
            ("config", manifest.config),
            ("data", manifest.data),
            ("versions", manifest.versions),
        )
    ]
    return _table("The same manifest gives the same bytes, on any machine", (), rows, "manifest")


def _pretty(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=1, sort_keys=True, default=str)


def clauses_table(found: PathsResult) -> str:
    """Every clause of the kill rule in every way of redrawing the trades."""
    rows = [
        f"<tr><td>{mark(clause.passed)}</td>"
        + _cells(
            clause.mode.value,
            clause.what,
            "#" + figures.percent(clause.value, sign=clause.name in ("median", "bad_return")),
            "#" + figures.percent(clause.bound),
        )
        + "</tr>"
        for clause in found.clauses
    ]
    head = _heads("", "Redrawn", "What is asked", "#Found", "#Bound")
    return _table("Kill rule: every clause in every way of redrawing the trades", head, rows)


def score_table(score: Score) -> str:
    """The parts of a survivor's score, each with its weight."""
    weights = dict(score.weights)
    rows = [
        "<tr>"
        + _cells(
            figures.score_part(name) + (", not measured" if name in score.missing else ""),
            "#" + figures.ratio(value),
            "#" + figures.percent(weights[name], 0),
        )
        + "</tr>"
        for name, value in score.parts
    ]
    caption = (
        f"Score {figures.ratio(score.value)}: it orders those that passed every gate and decides nothing. The parts, 0 "
        "to 1, are multiplied, each to the power of its weight"
    )
    return _table(escape(caption), _heads("Part", "#Figure", "#Weight"), rows)


def named_table(caption: str, rows: Iterable[tuple[str, str]]) -> str:
    """Names and figures, a row each."""
    shown = [f'<tr><th scope="row">{escape(name)}</th>{_cells("#" + value)}</tr>' for name, value in rows]
    return _table(escape(caption), (), shown)
