"""The page on a position's probability of profit: what each model answers, how sure that is, and what it assumes.

A probability alone says nothing: a short option wins often and little. So the expected value and the mean of the worst
cases stand beside it everywhere, and the models side by side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D
from argus.report import figures
from argus.report.options_charts import DASHES, axis, band, bars, curve, mark, ranges, sheet, xy
from argus.report.options_page import OptionsPage, Section, Tile, chart_card, picker, render_page
from argus.report.options_structure import payoff_marks
from argus.report.options_tables import (
    SURE,
    Cell,
    Measured,
    PositionTerms,
    head,
    legs_table,
    measured,
    number,
    sortable,
    terms_tiles,
    words_cell,
)

__all__ = ["PopAnswer", "PopFan", "PopModel", "PopView", "render_pop"]

_RANGE_LEVELS: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
_BANDS: Final = ((0.05, 0.95, "5 % to 95 %", 0.13), (0.25, 0.75, "25 % to 75 %", 0.24))


_TO_THE_END: Final = Measured(math.nan, why="held to expiry")


@dataclass(frozen=True, slots=True, eq=False)
class PopFan:
    """What closing would bring as time passes, closed by nothing but the end.

    Attributes
    ----------
    paths : int
    days : (t,) float64
        Calendar days from entry.
    levels : tuple of float
    pnl : (levels, t) float64
        Quantiles of the gain per unit of the underlying.
    profit_share, profit_error : (t,) float64
        Share of the paths with a gain, and its standard error.
    """

    paths: int
    days: F64_1D
    levels: tuple[float, ...]
    pnl: NDArray[np.float64]
    profit_share: F64_1D
    profit_error: F64_1D


@dataclass(frozen=True, slots=True, eq=False)
class PopAnswer:
    """One answer of a model: how the position is held, and what comes of it. Money is per unit of the underlying.

    Attributes
    ----------
    how : str
        Such as ``held to expiry, by formula`` or ``with exits, on paths``.
    probability, expected_pnl, cvar : Measured
        The last is the mean of the worst share `tail`; a loss is negative.
    touch : tuple of (float, Measured)
        Strike of each sold option, and the probability that it is touched.
    assigned : tuple of (str, Measured)
        Each sold option that may be exercised early, and how often that pays its holder before the position ends.
    closed : tuple of (str, Measured)
        Shares by what closed it, such as ``target``; empty where only the end does.
    days_held : Measured
    levels, quantiles : tuple of float
        Levels and the gain at each.
    histogram_edge : (bins + 1,) float64 or None
    histogram_share, histogram_error : (bins,) float64 or None
        Shares of the cases, and their standard errors.
    fan : PopFan or None
    paths : int
        0 for an answer by formula.
    """

    how: str
    probability: Measured
    expected_pnl: Measured
    cvar: Measured
    touch: tuple[tuple[float, Measured], ...] = ()
    assigned: tuple[tuple[str, Measured], ...] = ()
    closed: tuple[tuple[str, Measured], ...] = ()
    days_held: Measured = _TO_THE_END
    levels: tuple[float, ...] = ()
    quantiles: tuple[float, ...] = ()
    histogram_edge: F64_1D | None = None
    histogram_share: F64_1D | None = None
    histogram_error: F64_1D | None = None
    fan: PopFan | None = None
    paths: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class PopModel:
    """One model of the underlying and its answers.

    Attributes
    ----------
    name : str
        Such as ``Heston``.
    measure : str
        Whose probability it is, such as ``risk-neutral`` or ``real-world``.
    assumes : str
        In a sentence.
    answers : tuple of PopAnswer
    density_spot, density : (m,) float64 or None
        Density of the price at the nearest expiry, per point.
    why : str
        Why answers are missing; empty where none is.
    """

    name: str
    measure: str
    assumes: str
    answers: tuple[PopAnswer, ...]
    density_spot: F64_1D | None = None
    density: F64_1D | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class PopView:
    """What the page of a probability of profit shows.

    Attributes
    ----------
    title, made : str
    terms : PositionTerms
    plan : str
        When it is closed early, in a sentence; empty where it is held to expiry.
    costs : str
        Which costs are in the figures, in a sentence.
    tail : float
        Share of the worst cases.
    models : tuple of PopModel
    spot : (s,) float64
        Prices of the underlying, ascending, the strikes among them.
    pnl_expiry, pnl_today : (s,) float64
        Gain per unit at them, costs paid.
    notes : tuple of str
    """

    title: str
    made: str
    terms: PositionTerms
    plan: str
    costs: str
    tail: float
    models: tuple[PopModel, ...]
    spot: F64_1D
    pnl_expiry: F64_1D
    pnl_today: F64_1D
    notes: tuple[str, ...] = ()


_Named = tuple[PopModel, PopAnswer]


def render_pop(view: PopView) -> str:
    """The page as text."""
    answers = [(model, answer) for model in view.models for answer in model.answers]
    charts: dict[str, Any] = {}
    sections = [Section("answers", "Answers", _answers(view, answers) + _assumptions(view))]
    if view.spot.size:
        charts["payoff"] = _payoff(view)
        sections.append(Section("payoff", "Where it gains and loses", _payoff_card(view)))
    results = _results(view, answers, charts)
    if results:
        sections.append(Section("results", "What may come of it", results))
    fans = [(model, answer) for model, answer in answers if answer.fan is not None]
    if fans:
        charts["fan"] = _fan(view, fans)
        sections.append(Section("fan", "On the way", _fan_card(fans)))
    sections.append(Section("legs", "Legs", legs_table(view.terms)))
    return render_page(
        OptionsPage(
            title=view.title,
            made=view.made,
            span=f"{view.terms.underlying}, {view.terms.instant}. {view.terms.view}",
            headline=_headline(view, answers),
            tiles=_tiles(answers) + terms_tiles(view.terms),
            sections=sections,
            charts=charts,
            notes=tuple(note for note in (view.plan, view.costs, *view.notes) if note),
            words=(
                "Break-even", "CVaR", "Delta", "Expected value", "Implied volatility", "Natural",
                "Probability of profit", "Standard error", "Touch",
            ),
        )
    )  # fmt: skip


def _span(values: Sequence[float], form: Any) -> str:
    """Lowest and highest of several, once where they read the same."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return figures.NOTHING
    low, high = str(form(min(known))), str(form(max(known)))
    return low if low == high else f"{low} to {high}"


def _headline(view: PopView, answers: Sequence[_Named]) -> tuple[str, str, str]:
    known = [answer for _, answer in answers if math.isfinite(answer.probability.value)]
    if not known:
        return "no", "No model has an answer", "; ".join(model.why for model in view.models if model.why)
    multiplier, currency = view.terms.multiplier, view.terms.currency
    means = [answer.expected_pnl for answer in known]
    chance = _span([answer.probability.value for answer in known], figures.percent)
    value = _span(
        [mean.value * multiplier for mean in means],
        lambda amount: figures.money(amount, currency, places=0 if abs(amount) >= 100 else 2, sign=True),
    )
    told = [mean for mean in means if math.isfinite(mean.value)]
    edges = [(mean.value, SURE * mean.error if math.isfinite(mean.error) else 0.0) for mean in told]
    if edges and all(value - error > 0.0 for value, error in edges):
        kind, below = "yes", "Every model expects a gain, by more than two standard errors."
    elif edges and all(value + error < 0.0 for value, error in edges):
        kind, below = "no", "Every model expects a loss, by more than two standard errors: it wins often enough or not."
    else:
        kind, below = "plain", "The models do not agree on the sign of the expected value, or cannot tell it from zero."
    return kind, f"Profit in {chance} of the cases; expected value {value}, by model and way of holding", below


def _tiles(answers: Sequence[_Named]) -> list[Tile]:
    return [
        Tile(
            f"Profit, {model.name}",
            figures.percent(answer.probability.value),
            f"{answer.how}; {_error(answer.probability)}",
        )
        for model, answer in answers
        if math.isfinite(answer.probability.value)
    ][:4]


def _error(one: Measured) -> str:
    if one.error == 0.0:
        return "no error of chance"
    return f"±\N{NO-BREAK SPACE}{figures.percent(one.error, 2)}" if math.isfinite(one.error) else "error not known"


def _answers(view: PopView, answers: Sequence[_Named]) -> str:
    """What each model says of the result, and below it what of the way there."""
    money, multiplier = view.terms.currency, view.terms.multiplier
    heads = [
        *_WHO,
        head("Profit", word="Probability of profit"),
        head(f"Expected, {money}", word="Expected value"),
        head(f"CVaR {figures.percent(view.tail, 0)}, {money}", word="CVaR"),
    ]
    rows: list[tuple[Cell, ...]] = [
        (
            *_who(model, answer),
            measured(answer.probability),
            measured(answer.expected_pnl, "money", multiplier),
            measured(answer.cvar, "money", multiplier),
        )
        for model, answer in answers
    ]
    for model in view.models:
        if not model.answers:
            empty = [number(math.nan)] * (len(heads) - 2)
            rows.append((words_cell(model.name, model.measure), words_cell("no answer", model.why), *empty))
    if not rows:
        return '<p class="nothing">No model was asked.</p>'
    caption = f"Of one structure, costs paid, each figure above its standard error; CVaR of the worst {view.tail:.0%}"
    return sortable(caption, heads, rows) + _ways(answers)


_WHO: Final = (head("Model", is_number=False), head("Held", is_number=False))


def _who(model: PopModel, answer: PopAnswer) -> tuple[Cell, Cell]:
    paths = f"{answer.paths:,} paths" if answer.paths else ""
    return words_cell(model.name, model.measure), words_cell(answer.how, paths)


def _ways(answers: Sequence[_Named]) -> str:
    """Touches, assignments and what closes the position, of the answers that tell any; a table of its own for width."""
    strikes = sorted({strike for _, answer in answers for strike, _ in answer.touch})
    sold = list(dict.fromkeys(name for _, answer in answers for name, _ in answer.assigned))
    ways = list(dict.fromkeys(way for _, answer in answers for way, _ in answer.closed))
    heads = [
        *_WHO,
        *(head(f"Touch {figures.ratio(strike, 2 if strike % 1 else 0)}", word="Touch") for strike in strikes),
        *(
            head(f"Assigned {name}", "How often exercising it pays its holder before the position ends.")
            for name in sold
        ),
        *(head(f"By {way}", "Share of the cases that it closes.") for way in ways),
        head("Days", "Mean calendar days until it is closed."),
    ]
    rows = []
    for model, answer in answers:
        touch, assigned, closed = dict(answer.touch), dict(answer.assigned), dict(answer.closed)
        told = (*touch.values(), *assigned.values(), *closed.values(), answer.days_held)
        if not any(math.isfinite(one.value) for one in told):
            continue
        rows.append(
            (
                *_who(model, answer),
                *(measured(touch.get(strike, Measured(math.nan, why="not asked"))) for strike in strikes),
                *(measured(assigned.get(name, Measured(math.nan, why="on paths only"))) for name in sold),
                *(measured(closed.get(way, Measured(math.nan, why="no exit plan"))) for way in ways),
                measured(answer.days_held, "days"),
            )
        )
    if not rows:
        return ""
    return f'<div class="narrow">{sortable("On the way: how often, and how long it is held", heads, rows)}</div>'


def _assumptions(view: PopView) -> str:
    items = "".join(
        f"<li><b>{escape(model.name)}</b> ({escape(model.measure)}): {escape(model.assumes)}"
        f"{f' <b>{escape(model.why)}</b>' if model.why else ''}</li>"
        for model in view.models
    )
    told = (
        "Risk-neutral probabilities are what option prices imply, an insurance price and no forecast; real-world ones "
        "are a forecast, as good as the drift and the volatility that it was given."
    )
    heading = "<h3>What each model assumes</h3>"
    return f'<div class="card">{heading}<ul class="reasons">{items}</ul><p class="note">{told}</p></div>'


# --------------------------------------------------------------------------------------------------------------- charts


def _payoff(view: PopView) -> dict[str, Any]:
    terms = view.terms
    drawn = [
        curve("at the nearest expiry", view.pnl_expiry * terms.multiplier, role="ink", fill="sign"),
        curve("today", view.pnl_today * terms.multiplier, role="gain", dash="dash"),
    ]
    low, high = float(view.spot[0]), float(view.spot[-1])
    dense = [
        (model.name, model.density_spot, model.density)
        for model in view.models
        if model.density is not None and model.density_spot is not None
    ]
    for k, (name, at, density) in enumerate(dense):
        within = (at >= low) & (at <= high)
        drawn.append(
            curve(
                f"density, {name}",
                100.0 * density[within],
                x=at[within],
                role=f"m{k % len(DASHES)}",
                dash=DASHES[k % len(DASHES)],
                panel=1,
            )
        )
    return xy(
        [sheet("", view.spot, drawn, marks=payoff_marks(terms))],
        axis(f"{terms.underlying} at that time", ",.2f"),
        axis(f"gain or loss, {terms.currency}", ",.0f"),
        axis("% a point", ".3f") if dense else None,
    )


def _payoff_card(view: PopView) -> str:
    how = (
        "Gain or loss of one structure against the price, costs of entry paid. Below: how likely each model holds each "
        "price at expiry, in per cent of the cases a point. A probability of profit is the area of a density over the "
        "blue part."
    )
    label = "Gain and loss against the price, with the densities of the models"
    return chart_card("Payoff and densities", how, "payoff", label, kind="tall")


def _results(view: PopView, answers: Sequence[_Named], charts: dict[str, Any]) -> str:
    """Histograms and quantiles."""
    multiplier, currency = view.terms.multiplier, view.terms.currency
    markup = ""
    sheets, names = [], []
    for model, answer in answers:
        if answer.histogram_edge is None or answer.histogram_share is None:
            continue
        error = answer.histogram_error
        marks = [mark(0.0, "nothing gained", "hold", "solid")]
        for one, name, role in ((answer.expected_pnl, "expected", "ink"), (answer.cvar, "CVaR", "loss")):
            if math.isfinite(one.value):
                amount = one.value * multiplier
                marks.append(mark(amount, f"{name} {figures.money(amount, currency, sign=True)}", role, "dash"))
        histogram = bars(
            "cases",
            answer.histogram_edge * multiplier,
            100.0 * answer.histogram_share,
            None if error is None else 100.0 * error,
        )
        names.append(_named(model, answer))
        sheets.append(sheet(names[-1], None, [histogram], marks=marks))
    if sheets:
        charts["results"] = xy(
            sheets,
            axis(f"gain or loss of one structure, {currency}", ",.0f"),
            axis("share of the cases", ".2f", " %"),
            near=True,
        )
        how = "How often each result came, all costs paid, with the standard error of each bar. Blue is a gain."
        tools = picker("results", "Model and way of holding", names)
        markup += chart_card("Distribution of the result", how, "results", "Histogram of the result", tools=tools)
    rows = [
        (_named(model, answer), tuple(multiplier * value for value in _range(answer)))
        for model, answer in answers
        if len(answer.quantiles) > 1
    ]
    if rows:
        money = axis(f"gain or loss of one structure, {currency}", "+,.0f")
        charts["ranges"] = ranges([name for name, _ in rows], [columns for _, columns in rows], money)
        how = "The same as ranges: half of all cases lie in the thick part, nine of ten in the thin one."
        markup += chart_card("Side by side", how, "ranges", "Ranges of the result by model") + _quantiles(view, answers)
    return markup


def _named(model: PopModel, answer: PopAnswer) -> str:
    return f"{model.name}, {answer.how}"


def _range(answer: PopAnswer) -> tuple[float, ...]:
    at = dict(zip(answer.levels, answer.quantiles, strict=True))
    known = [at.get(level, math.nan) for level in _RANGE_LEVELS]
    return (*known, answer.expected_pnl.value, answer.cvar.value)


def _quantiles(view: PopView, answers: Sequence[_Named]) -> str:
    levels = sorted({level for _, answer in answers for level in answer.levels})
    heads = [
        head("Model", is_number=False),
        *(
            head(f"{100 * level:g} %", f"In {100 * level:g} of a hundred cases the result is this or worse.")
            for level in levels
        ),
    ]
    rows = []
    for model, answer in answers:
        at = dict(zip(answer.levels, answer.quantiles, strict=True))
        amounts = [at.get(level, math.nan) * view.terms.multiplier for level in levels]
        rows.append(
            (
                words_cell(model.name, answer.how),
                *(number(amount, figures.money(amount, sign=True)) for amount in amounts),
            )
        )
    caption = f"Result in {view.terms.currency} that so many of a hundred cases do not exceed"
    return f'<div class="card">{sortable(caption, heads, rows)}</div>'


def _fan(view: PopView, fans: Sequence[_Named]) -> dict[str, Any]:
    sheets = []
    for model, answer in fans:
        fan = answer.fan
        assert fan is not None
        at = {level: fan.pnl[k] * view.terms.multiplier for k, level in enumerate(fan.levels)}
        drawn = [band(name, at[low], at[high], share) for low, high, name, share in _BANDS if low in at and high in at]
        if 0.5 in at:
            drawn.append(curve("median", at[0.5], role="gain"))
        if 0.05 in at:
            drawn.append(curve("5 %", at[0.05], role="loss", dash="dot"))
        low, high = (100.0 * (fan.profit_share + side * SURE * fan.profit_error) for side in (-1.0, 1.0))
        drawn.append(band("± two standard errors", low, high, 0.25, "m3") | {"panel": 1})
        drawn.append(curve("share with a gain", 100.0 * fan.profit_share, role="m3", panel=1))
        sheets.append(sheet(_named(model, answer), fan.days, drawn))
    return xy(
        sheets,
        axis("calendar days from entry", ",.1f"),
        axis(f"gain or loss, {view.terms.currency}", "+,.0f"),
        axis("% with a gain", ".1f", " %"),
    )


def _fan_card(fans: Sequence[_Named]) -> str:
    paths = sorted({answer.fan.paths for _, answer in fans if answer.fan is not None})
    how = (
        f"What closing would bring on each day, over {' or '.join(f'{count:,}' for count in paths)} paths, closed by "
        "nothing but the end. Below: the share of the paths that would be closed with a gain."
    )
    tools = picker("fan", "Model", [_named(model, answer) for model, answer in fans])
    return chart_card("Gain and loss over time", how, "fan", "Fan of the gain over time", tools=tools, kind="tall")
