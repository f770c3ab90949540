"""One candidate on the page: verdict and doubts first, then the evidence, then the small print."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from argus.core.arrays import Bars
from argus.core.instruments import InstrumentSpec
from argus.core.money import MICROS
from argus.report import figures, tables
from argus.report.cards import card, chart, reading
from argus.report.charts import MARKERS_MAX
from argus.report.sampling import POINTS_MAX
from argus.report.stress import stress_cards

if TYPE_CHECKING:
    from argus.lab.evaluation import Evaluation

__all__ = ["candidate_section", "failures_panel", "flags_panel", "headline"]

Market = Mapping[str, tuple[InstrumentSpec, Bars]]


def headline(evaluations: Sequence[Evaluation], failed: int = 0) -> tuple[str, str]:
    """The verdict over all candidates in one sentence, and the gates that stopped most of them in another."""
    total = len(evaluations)
    passed = sum(evaluation.deployable for evaluation in evaluations)
    what = "candidate" if total == 1 else "candidates"
    if not total:
        return "Nothing could be judged." if failed else "There is nothing to judge.", _unjudged(failed)
    if passed == 0:
        verdict = f"None of {total} {what} may be traded." if total > 1 else "This candidate may not be traded."
    elif passed == total:
        verdict = f"All {total} {what} pass every gate." if total > 1 else "This candidate passes every gate."
    else:
        verdict = f"{passed} of {total} {what} {'passes' if passed == 1 else 'pass'} every gate."
    stopped: dict[str, int] = {}
    for evaluation in evaluations:
        for gate in evaluation.gates:
            if not gate.passed:
                stopped[gate.name] = stopped.get(gate.name, 0) + 1
    if not stopped:
        return verdict, f"No gate stopped any. Read the red flags before you believe it. {_unjudged(failed)}".rstrip()
    most = sorted(stopped.items(), key=lambda item: -item[1])[:3]
    listed = ", ".join(f"{figures.gate_label(name).lower()} ({number})" for name, number in most)
    return verdict, f"The gates that stopped most: {listed}. {_unjudged(failed)}".rstrip()


def _unjudged(failed: int) -> str:
    if not failed:
        return ""
    return f"{failed} {'candidate' if failed == 1 else 'candidates'} could not be judged."


def failures_panel(failures: Sequence[tuple[str, str]]) -> str:
    """Candidates that could not be judged, and why."""
    if not failures:
        return ""
    items = "".join(f"<li><b>{escape(name)}</b> <small>{escape(reason)}</small></li>" for name, reason in failures)
    return f'<div class="failures"><h3>Not judged</h3><ul>{items}</ul></div>'


def flags_panel(evaluations: Sequence[Evaluation]) -> str:
    """Red flags of all candidates, each sentence once with the candidates that raise it."""
    raised: dict[tuple[str, str], list[str]] = {}
    for place, evaluation in enumerate(evaluations, start=1):
        name = escape(f"{evaluation.strategy} on {figures.universe(evaluation)}")
        for flag in evaluation.red_flags:
            raised.setdefault((flag.sentence, flag.check_next), []).append(f'<a href="#c{place}">{name}</a>')
    if not raised:
        return (
            '<section class="flags calm"><h2>Red flags</h2><p>None was raised. That is not proof of health: it means '
            "that none of the usual signs of self-deception was found.</p></section>"
        )
    items = []
    for (sentence, check_next), names in raised.items():
        # A caveat of the data concerns most candidates alike: naming each would bury the ones that matter.
        who = "every candidate" if len(names) == len(evaluations) > 1 else ", ".join(names)
        items.append(f"<li><span>{escape(sentence)}</span> <small>{who}</small>{_next(check_next)}</li>")
    return (
        '<section class="flags"><h2><span aria-hidden="true">⚑</span> Red flags</h2><p>Read these before any curve. '
        "A flag decides nothing; it says where you are most likely to be fooled.</p>"
        f"<ul>{''.join(items)}</ul></section>"
    )


def _next(told: str) -> str:
    return f"<small><b>Check next:</b> {escape(told)}</small>" if told else ""


def candidate_section(
    place: int, evaluation: Evaluation, charts: Mapping[str, Any], market: Market | None, *, is_open: bool
) -> str:
    """The folding section of one candidate; `charts` says which charts there are."""
    metrics = evaluation.metrics
    currency = tables.currency_of(evaluation)
    summary = (
        f'<summary><span class="who"><b>{escape(evaluation.strategy)}</b> on {escape(figures.universe(evaluation))}'
        f"</span>{tables.verdict_badge(evaluation)}"
        f'<span class="glance w1">Sharpe {figures.ratio(metrics.sharpe_annual)}</span>'
        f'<span class="glance w2">net {figures.money(_net(evaluation), currency, sign=True)}</span>'
        f'<span class="glance w3">deepest fall {figures.percent(metrics.drawdown_max)}</span>'
        f'<span class="glance w4">{figures.count(metrics.trades)} trades</span></summary>'
    )
    tiles = _key_figures(place, evaluation)
    shown = "".join(
        (
            _curves(place, evaluation, charts),
            _evidence(place, evaluation, charts, market),
            stress_cards(place, evaluation, charts),
            _small_print(place, evaluation),
        )
    )
    # A gate leads to its evidence where the page has it.
    anchors = {
        name: f"c{place}-{part}" for name, part in figures.EVIDENCE.items() if f'id="c{place}-{part}"' in tiles + shown
    }
    gates = f'<div class="card">{tables.gates_table(evaluation, anchors)}</div>'
    if evaluation.score:
        gates += f'<div class="card" id="c{place}-score">{tables.score_table(evaluation.score)}</div>'
    body = _verdict(evaluation) + _own_flags(evaluation) + tiles + gates + shown
    opened = " open" if is_open else ""
    return f'<details class="candidate" id="c{place}"{opened}>{summary}<div class="body">{body}</div></details>'


def _net(evaluation: Evaluation) -> float:
    """Net P&L of the out-of-sample account."""
    return evaluation.metrics.net_pnl_micros / MICROS


def _verdict(evaluation: Evaluation) -> str:
    reasons = [gate.sentence for gate in evaluation.gates if not gate.passed]
    listed = "".join(f"<li>{escape(reason)}</li>" for reason in reasons)
    why = f'<ul class="reasons">{listed}</ul>' if reasons else ""
    kind = "yes" if evaluation.deployable else "no"
    return (
        f'<p class="idea">{escape(evaluation.summary)} <small>{escape(evaluation.source)} · version '
        f"{escape(evaluation.version)}</small></p>"
        f'<div class="verdict {kind}"><p>{escape(evaluation.verdict)}</p>{why}</div>'
    )


def _own_flags(evaluation: Evaluation) -> str:
    if not evaluation.red_flags:
        return ""
    items = "".join(f"<li>{escape(flag.sentence)}{_next(flag.check_next)}</li>" for flag in evaluation.red_flags)
    run_id = escape(evaluation.record.manifest.run_id)
    follow = f"<p>Follow the trade that contributed most: <code>argus trace {run_id}</code></p>"
    has_trades = len(evaluation.record.trades) > 0
    return (
        f'<div class="flags"><h3><span aria-hidden="true">⚑</span> Red flags</h3><ul>{items}</ul>'
        f"{follow if has_trades else ''}</div>"
    )


def _key_figures(place: int, evaluation: Evaluation) -> str:
    m = evaluation.metrics
    currency = tables.currency_of(evaluation)
    each = figures.money(m.expectancy_micros / MICROS, currency, sign=True)
    shown = (
        ("Sharpe a year", figures.ratio(m.sharpe_annual), f"± {figures.ratio(m.sharpe_annual_error)}"),
        (
            "Net P&L",
            figures.money(_net(evaluation), currency, sign=True),
            f"{figures.percent(m.return_annual, sign=True)} a year",
        ),
        ("Deepest fall", figures.percent(m.drawdown_max), f"{figures.count(m.drawdown_sessions)} sessions under water"),
        ("Volatility", figures.percent(m.vol_annual), f"a year; Sortino {figures.ratio(m.sortino_annual)}"),
        ("Closed trades", figures.count(m.trades), f"{figures.percent(m.hit_rate, 0)} won"),
        ("Profit factor", figures.ratio(m.profit_factor), f"{each} a trade"),
        (
            "In the market",
            figures.percent(m.exposure, 0),
            f"turned over {figures.ratio(m.turnover_annual, 1)} times a year",
        ),
        ("Fees", figures.money(m.fees_micros / MICROS, currency), f"in {figures.count(m.sessions)} sessions"),
    )
    tiles = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(beside)}</small></dd></div>"
        for name, value, beside in shown
    )
    return f'<dl class="tiles" id="c{place}-figures">{tiles}</dl>'


def _curves(place: int, evaluation: Evaluation, charts: Mapping[str, Any]) -> str:
    if "equity" not in charts:
        return '<p class="nothing">There is no out-of-sample equity to draw: the strategy never came to trade.</p>'
    m, hold, curve = evaluation.metrics, evaluation.hold, evaluation.curve
    tools = (
        '<span class="switch" role="group" aria-label="Scale"><button type="button" data-scale="linear" '
        'aria-pressed="true">linear</button><button type="button" data-scale="log" aria-pressed="false">log</button>'
        "</span>"
    )
    scaled = (
        f"its returns times {figures.ratio(hold.scale)}, so that both swing alike"
        if math.isfinite(hold.scale)
        else "which never moved"
    )
    equity = chart(
        place,
        "equity",
        f"Equity of the strategy (Sharpe {figures.ratio(m.sharpe_annual)}) and of holding at equal risk "
        f"(Sharpe {figures.ratio(hold.sharpe_annual)})",
        "tall",
    )
    shown = min(len(curve.equity), POINTS_MAX)
    note = (
        f"{figures.count(len(curve.equity))} sessions"
        + (
            f", thinned for display to at most {figures.count(shown)} points that keep every piece's highest and lowest"
            if len(curve.equity) > POINTS_MAX
            else ""
        )
        + f". Beside holding it earned {figures.percent(hold.alpha_annual, sign=True)} a year "
        f"(t {figures.ratio(hold.alpha_t, 1)}) at a beta of {figures.ratio(hold.beta)}."
    )
    fall = chart(place, "drawdown", f"Fall below the highest equity so far, at most {figures.percent(m.drawdown_max)}")
    return (
        card(
            "Equity against holding at equal risk",
            f"Out of sample, after all costs. Holding is the same instruments bought and held, {scaled}.",
            equity,
            f'<p class="note">{escape(note)}</p>',
            tools=tools if charts["equity"]["log"] else "",
            anchor=f"c{place}-equity",
        )
        + card(
            "Drawdown",
            "How far below its highest equity the account stood. Ask whether you would have sat through it.",
            fall,
            anchor=f"c{place}-drawdown",
        )
        + f'<div class="card">{tables.months_table(evaluation)}</div>'
    )


def _evidence(place: int, evaluation: Evaluation, charts: Mapping[str, Any], market: Market | None) -> str:
    parts = [_price_card(place, evaluation, charts), _bridge_card(place, evaluation, charts), '<div class="pair">']
    if "costs" in charts:
        parts.append(
            card(
                "Costs",
                "Net P&L of the same account when fees and slippage are scaled together; the mark stands where nothing "
                "would be left.",
                chart(place, "costs", "Net P&L by level of costs"),
                _cost_reading(evaluation),
                wide=False,
                anchor=f"c{place}-costs",
            )
        )
    if "folds" in charts:
        parts.append(
            card(
                "Walk-forward folds",
                "Sharpe ratio on the sessions it was chosen on, beside those it then traded. A lasting gap between the "
                "two is overfitting.",
                chart(place, "folds", "Sharpe ratio of each fold, chosen on and traded"),
                _instability(evaluation) + _gap(evaluation),
                wide=False,
                anchor=f"c{place}-folds",
            )
        )
    if "fan" in charts:
        parts.append(_fan_card(place, evaluation))
    if "histogram" in charts:
        parts.append(
            card(
                "Results of trades",
                "How many closed trades ended with which net result. The ends gather what lies beyond them.",
                chart(place, "histogram", "Histogram of the net result of trades"),
                wide=False,
                anchor=f"c{place}-histogram",
            )
        )
    parts.append("</div>")
    if len(evaluation.record.trades):
        parts.append(
            '<div class="card"><header><h3>Trades to look at</h3></header><p class="how">Each command prints the trade '
            "from what was known to the last micro-unit.</p>"
            + tables.trades_table(evaluation, market, best=True)
            + tables.trades_table(evaluation, market, best=False)
            + "</div>"
        )
    return "".join(parts)


def _cost_reading(evaluation: Evaluation) -> str:
    found = evaluation.robustness.costs if evaluation.robustness else None
    return reading(found.sentence) if found else reading("The break-even was not measured.")


def _instability(evaluation: Evaluation) -> str:
    found = evaluation.robustness.instability if evaluation.robustness else None
    return reading(found.sentence) if found else ""


def _gap(evaluation: Evaluation) -> str:
    return reading(evaluation.gap.sentence) if evaluation.gap else ""


def _price_card(place: int, evaluation: Evaluation, charts: Mapping[str, Any]) -> str:
    if "price" not in charts:
        return ""
    series = charts["price"]
    tools = ""
    if len(series) > 1:
        options = "".join(f'<option value="{symbol}">{symbol}</option>' for symbol in series)
        tools = f'<label class="pick">Market <select data-pick="{place}">{options}</select></label>'
    left_out = sum(one["trades"] - len(one["id"]) for one in series.values())
    note = "Closes"
    if left_out:
        note += (
            f"; of {figures.count(len(evaluation.record.trades))} trades the {MARKERS_MAX} with the largest results "
            "are drawn"
        )
    return card(
        "Trades on the price",
        "Triangles open a trade, up for long and down for short; the line leads to where it ended.",
        chart(place, "price", "Closing prices with the trades", "tall"),
        f'<p class="note">{escape(note)}. Drag to zoom, double-click to return.</p>',
        tools=tools,
    )


def _bridge_card(place: int, evaluation: Evaluation, charts: Mapping[str, Any]) -> str:
    if "bridge" not in charts:
        return ""
    bridge, currency = charts["bridge"], tables.currency_of(evaluation)
    gross = bridge["micros"][0]
    taken = -sum(
        amount
        for name, amount in zip(bridge["step"], bridge["micros"], strict=True)
        if name not in ("gross", "interest", "net")
    )
    note = f"Costs took {figures.money(taken / MICROS, currency)}"
    if gross > 0:
        note += f", {figures.percent(taken / gross)} of what the trades made before them."
    else:
        note += "; before them the trades made nothing that could have paid for it."
    return card(
        "What trading cost",
        "Every cost of every trade by who took it, worked out again from fee schedules and the prices of the fills.",
        tables.costs_table(bridge, len(evaluation.record.trades), currency),
        chart(place, "bridge", "From the result before costs to the result after them"),
        f'<p class="note">{escape(note)}</p>',
    )


def _fan_card(place: int, evaluation: Evaluation) -> str:
    drawn = evaluation.bootstrap
    assert drawn is not None
    currency = tables.currency_of(evaluation)
    note = (
        f"{figures.count(drawn.paths)} paths of {figures.count(drawn.trades)} trades in blocks of "
        f"{figures.ratio(drawn.block, 1)} on average. {figures.percent(drawn.loss_probability)} ended without profit, "
        f"{figures.percent(drawn.ruin_probability)} fell below {figures.money(drawn.ruin_equity, currency)}; one in "
        f"ten fell by more than {figures.percent(drawn.at('drawdown_fraction', 0.90))} of its peak."
        + (
            " Each trade was brought to the size of the opening account first: one of a grown account is larger for no "
            "reason of its own."
            if evaluation.bootstrap_at_opening_size
            else ""
        )
    )
    return card(
        "What else could have happened",
        "The same trades drawn again: bands hold 90 % and 50 % of the paths, the strong line is what happened.",
        chart(place, "fan", "Fan of the summed net result over redrawn trades"),
        f'<p class="note">{escape(note)}</p>',
        wide=False,
    )


def _small_print(place: int, evaluation: Evaluation) -> str:
    s = evaluation.significance
    known = [
        f"{figures.count(s.looks.count)} trials of this strategy at these data are in the ledger, "
        f"{figures.count(s.looks_all.count)} of any strategy; {figures.count(s.looks.failed)} more failed.",
        f"The best of so many worthless trials would show a Sharpe ratio of {figures.ratio(s.sharpe_by_luck_annual)}; "
        f"the probability that this one is truly above that is {figures.percent(s.deflated)}, and above zero, were it "
        f"the only trial, {figures.percent(s.psr_zero)}.",
        f"Below {figures.ratio(s.backtest_years_min, 1)} years, so many trials show a Sharpe ratio of 1 by luck alone. "
        + (
            f"To trust this one above zero takes {figures.ratio(s.track_record_years_min, 1)} years of record."
            if math.isfinite(s.track_record_years_min)
            else "No length of record would show this one to be above zero."
        ),
    ]
    dirty = [cut for cut in evaluation.audit if not cut.clean]
    if evaluation.audit:
        known.append(
            f"Look-ahead audit: the future was replaced by noise at {figures.count(len(evaluation.audit))} dates; "
            + (
                f"decisions changed at {len(dirty)}: {dirty[0].difference}."
                if dirty
                else "no earlier decision changed."
            )
        )
    if evaluation.completeness:
        shares = ", ".join(f"{symbol} {figures.percent(share)}" for symbol, share in evaluation.completeness.items())
        known.append(f"Bars present of those the calendar expects: {shares}.")
    listed = "".join(f"<li>{escape(line)}</li>" for line in known)
    notes = "".join(f"<li>{escape(_sentence(note))}</li>" for note in evaluation.notes) or "<li>None.</li>"
    data = "".join(f"<li>{escape(line)}</li>" for line in _data_lines(evaluation))
    return (
        _fold("Folds in figures", tables.folds_table(evaluation), bool(evaluation.folds))
        + _fold(
            f"Parameter sets tried ({len(evaluation.search)})", tables.search_table(evaluation), bool(evaluation.search)
        )
        + _fold("How much luck is in it", f"<ul>{listed}</ul>", anchor=f"c{place}-counted")
        + _fold("Data and caveats", f"<ul>{data}{notes}</ul>", is_open=True, anchor=f"c{place}-data")
        + _fold("Manifest", tables.manifest_block(evaluation))
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _data_lines(evaluation: Evaluation) -> list[str]:
    """One line an instrument: how much of it there was."""
    return [
        f"{symbol}: {figures.count(int(held['bars']))} bars from {str(held['first'])[:10]} to "
        f"{str(held['last'])[:10]}, content {str(held['content_hash'])[:12]}."
        for symbol, held in evaluation.record.manifest.data.items()
    ]


def _fold(title: str, content: str, shown: bool = True, *, is_open: bool = False, anchor: str = "") -> str:
    if not shown:
        return ""
    named = (f' id="{anchor}"' if anchor else "") + (" open" if is_open else "")
    return f'<details class="fold"{named}><summary>{escape(title)}</summary>{content}</details>'
