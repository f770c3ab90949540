"""The evidence against a candidate: a small picture, or a table, and a sentence of reading for each.

What was not measured says so in its place: a picture that is missing without a word would look like one that passed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from argus.report import figures, tables
from argus.report.cards import card, chart, reading
from argus.report.stress_charts import SHORT_SESSIONS

if TYPE_CHECKING:
    from argus.lab.evaluation import Evaluation
    from argus.lab.multiple_testing.multiplicity import Multiplicity

__all__ = ["NOT_MEASURED", "stress_cards"]

NOT_MEASURED = "Not measured."


def stress_cards(place: int, evaluation: Evaluation, charts: Mapping[str, Any]) -> str:
    """Regimes, delay, altered prices, kill rule, the search and its luck, concentration and capacity."""
    cards = (
        _regimes(place, evaluation, charts),
        '<div class="pair">',
        _delay(place, evaluation, charts),
        _perturbed(place, evaluation, charts),
        _surface(place, evaluation, charts),
        _logits(place, evaluation, charts),
        _paths(place, evaluation, charts),
        _luck(place, evaluation, charts),
        _counted(place, evaluation),
        _concentration(place, evaluation),
        _capacity(place, evaluation),
        "</div>",
        _kill(place, evaluation),
    )
    return "".join(cards)


def _missing(why: str = "") -> str:
    return f'<p class="nothing">{f"{NOT_MEASURED} {why}".strip()}</p>'


def _regimes(place: int, evaluation: Evaluation, charts: Mapping[str, Any]) -> str:
    found = evaluation.robustness.regimes if evaluation.robustness else None
    tools, content = "", _missing()
    if found and "regimes" in charts:
        options = "".join(f'<option value="{name}">{name}</option>' for name in charts["regimes"])
        tools = f'<label class="pick">Regimes by <select data-pick="{place}">{options}</select></label>'
        sentences = "".join(reading(one.sentence) for one in found.results if one.buckets)
        content = chart(place, "regimes", "Sharpe ratio in each regime") + sentences
    return card(
        "Regimes",
        "Sharpe ratio of the account in each kind of market. Volatility, trend and drawdown are told by earlier closes "
        f"only; crises by hindsight. Bars of fewer than {SHORT_SESSIONS} sessions are pale: they say nothing.",
        content,
        tools=tools,
        anchor=f"c{place}-regimes",
    )


def _delay(place: int, evaluation: Evaluation, charts: Mapping[str, Any]) -> str:
    found = evaluation.robustness.delay if evaluation.robustness else None
    content = _missing()
    if found and "delay" in charts:
        content = chart(place, "delay", "Sharpe ratio by delay of decisions") + reading(found.sentence)
    return card(
        "Late decisions",
        "Sharpe ratio if every order is sent some wake-ups later. An edge that is gone one bar late is hard to trade.",
        content,
        wide=False,
        anchor=f"c{place}-delay",
    )


def _perturbed(place: int, evaluation: Evaluation, charts: Mapping[str, Any]) -> str:
    found = evaluation.robustness.perturbed if evaluation.robustness else None
    content = _missing()
    if found and "perturbed" in charts:
        content = chart(place, "perturbed", "Sharpe ratio on altered prices") + reading(found.sentence)
    return card(
        "Altered prices",
        "Sharpe ratio when prices move within the spread, or bars are lost. A large difference is a fit to the tape.",
        content,
        wide=False,
        anchor=f"c{place}-perturbed",
    )


def _surface(place: int, evaluation: Evaluation, charts: Mapping[str, Any]) -> str:
    found = evaluation.robustness.plateau if evaluation.robustness else None
    how = "In-sample Sharpe ratio a year of every parameter set, for choosing only. The star is the best one."
    content = _missing("There was no other parameter set to compare with.")
    if "surface" in charts:
        drawn = charts["surface"]
        content = chart(place, "surface", "Sharpe ratio in sample by parameters")
        if drawn.get("held"):
            content += f'<p class="note">Drawn at {drawn["held"]}, as in the chosen set.</p>'
        content += reading(found.sentence if found else "Neighbours of the chosen set were not compared.")
    return card("Parameters", how, content, wide=False, anchor=f"c{place}-surface")


def _logits(place: int, evaluation: Evaluation, charts: Mapping[str, Any]) -> str:
    found = evaluation.multiplicity.pbo if evaluation.multiplicity else None
    content = _missing("There were no two parameter sets that differ.")
    if found and "logits" in charts:
        sentence = (
            f"In {figures.percent(found.loss_probability)} of {figures.count(found.cuts)} ways to halve the sessions "
            "the best set of one half lost money in the other: that is what the gate reads. In "
            f"{figures.percent(found.value)} it came out at the middle of all sets or below (probability of "
            "overfitting, PBO). The gate does not read that one, because sets that are equally good rank by chance: a "
            "broad plateau shows one half, as noise does, and only the losses tell the two apart."
        )
        content = chart(place, "logits", "Histogram of the logits of the cross-validated choice") + reading(sentence)
    return card(
        "Choosing on one half, judged on the other",
        "Where the best set of one half stood in the other half: right of zero it was better than the middle.",
        content,
        wide=False,
        anchor=f"c{place}-logits",
    )


def _paths(place: int, evaluation: Evaluation, charts: Mapping[str, Any]) -> str:
    found = evaluation.resplits
    content = _missing()
    if found:
        told = [one.sentence for one in (found.paths, found.folds, found.months) if one]
        content = "".join(reading(sentence) for sentence in told)
        if "paths" in charts:
            content = chart(place, "paths", "Histogram of Sharpe ratios of histories, with the walk's") + content
        if found.folds:
            rows = [
                (f"{one.first} to {one.last}", figures.ratio(one.test_sharpe_annual)) for one in found.folds.results
            ]
            content += tables.named_table("Sharpe ratio a year of each stretch, chosen on the others", rows)
        beside = f"Beside a test, {found.purge} sessions on each side and {found.embargo} after it did not choose"
        notes = [f"{beside}: {found.why}.", *(f"Not measured: {why}." for why in found.missing)]
        content += "".join(f'<p class="note">{escape(note)}</p>' for note in notes)
    return card(
        "Other stretches choose",
        "The search cut in other ways than the walk, without a replay: what later and earlier years chose, where they "
        "did not choose. No gate reads it; histories share stretches, and switching sets costs nothing in them.",
        content,
        wide=False,
        anchor=f"c{place}-paths",
    )


def _luck(place: int, evaluation: Evaluation, charts: Mapping[str, Any]) -> str:
    found = evaluation.multiplicity
    content = _missing()
    if found and "luck" in charts:
        drawn = charts["luck"]
        sentence = (
            f"The best of {figures.count(found.trials_effective)} worthless independent sets shows "
            f"{figures.ratio(drawn['expected'])} a year on average; the chosen set shows "
            f"{figures.ratio(drawn['result'])} in sample. The probability that it is truly above that luck is "
            f"{figures.percent(found.dsr)}."
        )
        content = chart(place, "luck", "Density of the best Sharpe ratio by luck, with the result") + reading(sentence)
    return card(
        "Noise: what luck alone shows",
        "Sharpe ratio of the best of as many worthless sets, if sessions were independent and normal. A result inside "
        "the hill is what searching in noise finds.",
        content,
        wide=False,
        anchor=f"c{place}-luck",
    )


def _counted(place: int, evaluation: Evaluation) -> str:
    found = evaluation.multiplicity
    content = _missing() if found is None else tables.named_table("The chosen set, in sample", _corrections(found))
    return card(
        "After counting everything that was tried",
        "What is left of the chosen set once every look at the data is held against it.",
        content,
        wide=False,
        anchor=f"c{place}-trials",
    )


def _corrections(found: Multiplicity) -> tuple[tuple[str, str], ...]:
    hold = found.superior_to_hold
    rows = [
        ("Looks in the ledger", figures.count(found.trials_counted)),
        ("Of them independent, effectively", figures.count(found.trials_effective)),
        ("Probability of an edge, were it the only trial", figures.percent(found.psr)),
        ("Probability of an edge beyond luck (deflated)", figures.percent(found.dsr)),
        ("p-value of the chosen set, corrected", f"{found.chosen_p:.3f}"),
        ("p-value of the best set, reality check", f"{found.reality_check_p:.3f}"),
        ("p-value of the best set, superior ability", f"{found.superior.consistent:.3f}"),
        ("Sets not to be told from the best", figures.count(len(found.confidence.included))),
    ]
    if hold is not None:
        rows += [
            ("p-value of the best set against holding", f"{hold.consistent:.3f}"),
            ("p-value of the chosen set against holding, corrected", f"{found.chosen_p_to_hold:.3f}"),
        ]
    return tuple(rows)


def _concentration(place: int, evaluation: Evaluation) -> str:
    found = evaluation.robustness.concentration if evaluation.robustness else None
    content = _missing()
    if found:
        rows = [
            (f"{number} best of {figures.count(found.trades)} trades", figures.percent(share))
            for number, share in found.best_trades
        ]
        rows += [
            ("Five best sessions", figures.percent(found.days_share)),
            ("Three best months", figures.percent(found.months_share)),
            ("Sharpe a year", figures.ratio(found.sharpe_annual)),
            ("without the five best sessions", figures.ratio(found.sharpe_without_days)),
            ("without the three best months", figures.ratio(found.sharpe_without_months)),
        ]
        content = tables.named_table("Share of the net profit", rows) + reading(found.sentence)
    return card(
        "Concentration",
        "How much of the profit hangs on how little. Above 100 %, all the rest together lost.",
        content,
        wide=False,
        anchor=f"c{place}-concentration",
    )


def _capacity(place: int, evaluation: Evaluation) -> str:
    found = evaluation.robustness.capacity if evaluation.robustness else None
    content = _missing()
    if found:
        currency = tables.currency_of(evaluation)
        rows = (
            ("Largest share of a bar that was taken", figures.percent(found.participation_max, 3)),
            ("Bound on that share", figures.percent(found.limit)),
            ("Times as large as traded", figures.ratio(found.multiple, 1)),
            ("Largest account", figures.money(found.capital, currency)),
        )
        known = math.isfinite(found.multiple)
        content = (tables.named_table("Size", rows) if known else "") + reading(found.sentence)
    return card(
        "Capacity",
        "How large the account could be before its own orders became the market.",
        content,
        wide=False,
        anchor=f"c{place}-capacity",
    )


def _kill(place: int, evaluation: Evaluation) -> str:
    found = evaluation.robustness.paths if evaluation.robustness else None
    content = _missing() if found is None else tables.clauses_table(found) + reading(found.sentence)
    return card(
        "Kill rule",
        "What redrawn trades must show for the strategy to be worth trading; shares of the opening capital, of a peak "
        "or of all paths. The gate of the bootstrap judges the stationary way; the others are for comparison.",
        content,
        anchor=f"c{place}-kill",
    )
