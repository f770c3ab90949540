"""The page of an experiment: verdict and reasons first, then what must be known about it, then each market.

Sections of markets that were judged earlier are put in as they were kept; a market whose section was not kept is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import Any

from argus.lab.score import standing
from argus.report import figures
from argus.report.html import Part, ReportContext, render_page
from argus.report.outcomes import outcomes_panel
from argus.report.tables import mark

__all__ = ["render_experiment", "retold"]


def render_experiment(examination: Mapping[str, Any], parts: Mapping[str, Part], made: str = "") -> str:
    """The page as text.

    Parameters
    ----------
    examination : mapping
        Plain values, as an experiment keeps them: the experiment, notes, verdict, and each market's evaluation.
    parts : mapping
        Market to its section, numbered by the place of the market in the examination, from 1.
    made : str
        When and with what it was made, in words.
    """
    told, markets = examination["experiment"], examination["markets"]
    missing = [market["market"] for market in markets if market["market"] not in parts]
    passed = sum(all(gate["passed"] is True for gate in market["evaluation"]["gates"]) for market in markets)
    if examination["deployable"]:
        verdict = "Every gate passed on every market."
    elif passed == len(markets):
        verdict = "Not deployable: every gate passes, but the hold-out did not keep what was promised."
    elif passed:
        verdict = f"Not deployable: {passed} of {len(markets)} markets pass every gate, and all must."
    else:
        verdict = "Not deployable on any market." if len(markets) > 1 else "Not deployable."
    context = ReportContext(
        title=f"Experiment: {told['name']}", made=made, notes=(f"Hypothesis: {told['hypothesis']}",)
    )
    ordered = sorted(markets, key=lambda market: standing(market["evaluation"]))
    shown = [parts[market["market"]] for market in ordered if market["market"] in parts]
    return render_page(
        context,
        (verdict, "Read what must be known about it before any curve."),
        shown,
        is_good=bool(examination["deployable"]),
        scorecard=_reasons(markets, parts),
        panels=(
            _left_out(missing),
            _known((*_changed(markets), *examination["notes"])) + outcomes_panel(markets),
        ),
    )


def retold(part: Part, before: str, after: str) -> Part:
    """A kept section whose verdict was outvoted since it was drawn."""
    block = f'<div class="verdict yes"><p>{escape(before)}</p>'
    return replace(part, section=part.section.replace(block, f'<div class="verdict no"><p>{escape(after)}</p>'))


def _reasons(markets: Sequence[Mapping[str, Any]], parts: Mapping[str, Part]) -> str:
    """A block a market: its verdict, and the sentence of every gate that it did not pass; survivors first, by score."""
    blocks = []
    for place, market in sorted(enumerate(markets, start=1), key=lambda item: standing(item[1]["evaluation"])):
        evaluation = market["evaluation"]
        gates = evaluation["gates"]
        failed = "".join(
            f"<li>{mark(gate['passed'])} <b>{escape(figures.gate_label(gate['name']))}</b> "
            f"{escape(gate['sentence'])}</li>"
            for gate in gates
            if gate["passed"] is not True
        )
        name = escape(market["market"])
        link = f'<a href="#c{place}">{name}</a>' if market["market"] in parts else name
        passed = sum(gate["passed"] is True for gate in gates)
        score = evaluation.get("score")
        told = f"; score {figures.ratio(score['value'])}, {figures.score_parts(score)}" if score else ""
        blocks.append(
            f'<div class="verdict {"yes" if evaluation["deployable"] else "no"}"><p>{escape(evaluation["verdict"])}</p>'
            f"<small>{link}: {passed} of {len(gates)} gates passed{escape(told)}</small>"
            + (f'<ul class="reasons plain">{failed}</ul>' if failed else "")
            + "</div>"
        )
    return "".join(blocks)


def _changed(markets: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Thresholds that the file sets: they are the same on every market."""
    gates = markets[0]["evaluation"]["gates"] if markets else ()
    return tuple(
        f"The threshold of {figures.gate_label(gate['name']).lower()} is {gate['threshold']:g}; the default is "
        f"{gate['default']:g}."
        for gate in gates
        if gate.get("default") is not None and gate["default"] != gate["threshold"]
    )


def _known(notes: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<section class="notes"><h2>What must be known about it</h2><ul>{items}</ul></section>' if items else ""


def _left_out(missing: Sequence[str]) -> str:
    if not missing:
        return ""
    named = ", ".join(map(escape, missing))
    return (
        f'<div class="failures"><h3>Not drawn</h3><p>{named}: judged before, and no pictures were kept of it. The '
        "verdict above stands; its figures are in examination.json.</p></div>"
    )
