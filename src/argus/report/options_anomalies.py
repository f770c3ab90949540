"""The page on quotes that do not fit: how many chance alone would show, which, where, and what is left to trade."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.words import counted
from argus.report import figures
from argus.report.options_charts import axis, band, dots, matrix, sheet, xy
from argus.report.options_page import WORDS, OptionsPage, Section, Tile, chart_card, render_page
from argus.report.options_tables import Cell, flag, head, number, sortable, words_cell

__all__ = ["AnomalyRegions", "AnomalyRow", "AnomalyView", "render_anomalies"]

_LISTED: Final = 300


@dataclass(frozen=True, slots=True)
class AnomalyRow:
    """One contract of the ranked list; NaN where there is no figure.

    Attributes
    ----------
    contract : str
        Such as ``2019-06-21 put 2,700``.
    k, days : float
        Log-moneyness, and calendar days to expiry.
    bid, ask, model : float
        Prices per unit of the underlying, the last by the surface.
    residual_spreads : float
        Volatility of the middle less the model's, in spreads of the quote.
    score : float
        What it is ranked by. Positive is dear.
    score_fit, score_history, score_neighbours : float
        Deviations from the fit, from its own past, from its neighbours.
    p_value, q_value : float
        Of the score; the second corrected for how many contracts were looked at.
    by_chance : float
        Contracts that chance alone would rank at least as high.
    edge : float
        Per unit: what trading at bid or ask gains against the model after fees.
    is_tradable : bool
        Whether the edge is a gain; alone it is no reason to trade, for chance leaves some of them.
    is_found : bool
        Whether it stands out beyond chance, by the list's own limit.
    why : str
        How it would be traded, or why it cannot, in a few words.
    """

    contract: str
    k: float
    days: float
    bid: float
    ask: float
    model: float
    residual_spreads: float
    score: float
    score_fit: float
    score_history: float
    score_neighbours: float
    p_value: float
    q_value: float
    by_chance: float
    edge: float
    is_tradable: bool
    is_found: bool
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class AnomalyRegions:
    """Mean residuals by tenor and moneyness.

    Attributes
    ----------
    tenor, moneyness : tuple of str
        Names of rows and columns; moneyness in deviations from the forward.
    residual : (t, m) float64
        Mean residual in spreads; NaN where there is no contract.
    contracts : (t, m) int
    q_value : (t, m) float64
        NaN where there is none.
    """

    tenor: tuple[str, ...]
    moneyness: tuple[str, ...]
    residual: NDArray[np.float64]
    contracts: NDArray[np.int64]
    q_value: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class AnomalyView:
    """What the page of anomalies shows.

    Attributes
    ----------
    title, made, underlying, instant, currency : str
    tests : int
        Contracts that were looked at.
    limit : float
        Largest q value at which a contract counts as found.
    expected : float
        False alarms to be expected among those found: the chance alone.
    rows : tuple of AnomalyRow
        All contracts, the most surprising first.
    regions : AnomalyRegions or None
    notes : tuple of str
        What the scores stand on, such as the number of past days.
    listed : int
        Rows that the table lists; counts and charts are of all.
    """

    title: str
    made: str
    underlying: str
    instant: str
    currency: str
    tests: int
    limit: float
    expected: float
    rows: tuple[AnomalyRow, ...]
    regions: AnomalyRegions | None = None
    notes: tuple[str, ...] = ()
    listed: int = _LISTED


def render_anomalies(view: AnomalyView) -> str:
    """The page as text."""
    charts: dict[str, Any] = {}
    sections = [Section("list", "Contracts", _table(view))]
    if any(math.isfinite(row.residual_spreads) and math.isfinite(row.k) for row in view.rows):
        charts["cloud"] = _cloud(view)
        sections.append(Section("where", "Where they lie", _cloud_card(view)))
    if view.regions is not None and len(view.regions.tenor):
        charts["regions"] = _regions(view.regions)
        how = (
            "Mean residual of all contracts of a region, in spreads; blue is dear, orange is cheap against the "
            "surface. A whole region on one side is the surface's fault, or a view of the market, before it is a "
            "mistake of one quote. Point at a cell for how many contracts it holds, and its q."
        )
        card = chart_card("Mean residual", how, "regions", "Mean residual by tenor and moneyness", kind="matrix")
        sections.append(Section("regions", "Regions", card))
    found = [row for row in view.rows if row.is_found]
    tradable = sum(row.is_tradable for row in found)
    return render_page(
        OptionsPage(
            title=view.title,
            made=view.made,
            span=f"{view.underlying}, {view.instant}",
            headline=_headline(view, len(found), tradable),
            tiles=[
                Tile("Looked at", figures.count(view.tests), "contracts with a residual"),
                Tile("Found", figures.count(len(found)), f"with q up to {figures.percent(view.limit, 0)}"),
                Tile("By chance", figures.ratio(view.expected, 1), "false alarms to be expected among them"),
                Tile("Found and tradable", figures.count(tradable), "a gain is left after spread and fees"),
            ],
            sections=sections,
            charts=charts,
            notes=view.notes,
            words=("By chance", "Edge", "Implied volatility", "Log-moneyness", "Residual", "Score", "q"),
        )
    )


def _headline(view: AnomalyView, found: int, tradable: int) -> tuple[str, str, str]:
    if not view.tests:
        return "no", "No contract could be held against the surface", "There is no residual, so nothing was ranked."
    many = counted(view.tests, "contract")
    if not found:
        return "plain", f"None of {many} stands out beyond chance", "The list below ranks them all the same."
    stand = "stands" if found == 1 else "stand"
    can = "none of them can" if not tradable else f"{tradable} of them can"
    below = (
        f"About {figures.ratio(view.expected, 1)} of them would be there by chance. A finding is a question to the "
        "data first (a stale or mistyped quote), a trade only then."
    )
    return "plain", f"{found} of {many} {stand} out beyond chance; {can} be traded for a gain", below


def _table(view: AnomalyView) -> str:
    if not view.rows:
        return '<p class="nothing">No contract has a residual, so there is nothing to rank.</p>'
    unit = f"in {view.currency} per unit of the underlying"
    heads = [
        head("Contract", is_number=False),
        head("Bid", f"Price at which it can be sold, {unit}."),
        head("Ask", f"Price at which it can be bought, {unit}."),
        head("Model", f"Price by the surface, {unit}."),
        head("Residual"),
        head("Score"),
        head("Fit", "Residual in deviations of all residuals of this snapshot."),
        head("Past", "Distance from its own past residuals, in deviations."),
        head("Beside", "Distance from its neighbours' residuals, in deviations."),
        head("q", f"{WORDS['q']} Below it p: the probability of so large a score by chance, for one contract."),
        head("By chance"),
        head("Edge"),
        head(
            "Tradable",
            "Whether a gain is left after crossing the spread and paying fees. Of a contract that does not stand out, "
            "chance alone may have left it.",
            is_number=False,
        ),
    ]
    rows = view.rows[: view.listed]
    table = sortable(
        f"Most surprising first; prices {unit}", heads, [_row(row) for row in rows], [_tags(row) for row in rows]
    )
    more = len(view.rows) - len(rows)
    rest = f'<p class="note">and {more:,} more, less surprising than these</p>' if more > 0 else ""
    return f'{_filters()}<div class="long">{table}</div>{rest}'


def _tags(row: AnomalyRow) -> str:
    """What the buttons above the table choose by."""
    holds = {
        "found": row.is_found,
        "tradable": row.is_found and row.is_tradable,
        "dear": row.residual_spreads > 0.0,
        "cheap": row.residual_spreads < 0.0,
    }
    kind = ' class="found"' if row.is_found else ""
    return f'data-tags="{" ".join(tag for tag, does in holds.items() if does)}"{kind}'


def _filters() -> str:
    choices = (
        ("", "all"),
        ("found", "beyond chance"),
        ("tradable", "tradable"),
        ("dear", "dear"),
        ("cheap", "cheap"),
    )
    buttons = "".join(
        f'<button type="button" data-filter="{value}" aria-pressed="{"false" if value else "true"}">{name}</button>'
        for value, name in choices
    )
    return f'<div><div class="switch" role="group" aria-label="Which contracts">{buttons}</div></div>'


def _row(row: AnomalyRow) -> tuple[Cell, ...]:
    signed = [figures.ratio(one, sign=True) for one in (row.residual_spreads, row.score, row.score_fit)]
    past, beside = (figures.ratio(one, sign=True) for one in (row.score_history, row.score_neighbours))
    word = flag("no") if not row.is_tradable else flag("yes", "yes") if row.is_found else flag("by chance")
    return (
        words_cell(row.contract, by=row.days),
        number(row.bid),
        number(row.ask),
        number(row.model),
        number(row.residual_spreads, signed[0]),
        number(row.score, signed[1]),
        number(row.score_fit, signed[2]),
        number(row.score_history, past, "no past"),
        number(row.score_neighbours, beside, "no neighbours"),
        _corrected(row),
        number(row.by_chance, figures.ratio(row.by_chance, 2 if row.by_chance < 10.0 else 0)),
        number(row.edge, figures.ratio(row.edge, 3, sign=True)),
        Cell(f"{word}<small>{escape(row.why)}</small>", f"{2 - row.is_tradable * (1 + row.is_found)} {row.why}"),
    )


def _corrected(row: AnomalyRow) -> Cell:
    below = f"<small>p {escape(_probability(row.p_value))}</small>"
    return Cell(escape(_probability(row.q_value)) + below, row.q_value)


def _probability(value: float) -> str:
    return "< 0.0001" if value < 1e-4 else figures.ratio(value, 4 if value < 0.01 else 3)


def _cloud(view: AnomalyView) -> dict[str, Any]:
    groups = (
        ("by chance", "hold", "circle", (False, None)),
        ("beyond chance", "loss", "diamond", (True, False)),
        ("beyond chance and tradable", "gain", "star", (True, True)),
    )
    reach = np.array([row.k for row in view.rows if math.isfinite(row.k)])
    ends = np.array([reach.min(), reach.max()])
    drawn = [band("half a spread", np.full(2, -0.5), np.full(2, 0.5), 0.12)]
    for name, role, symbol, (is_found, is_tradable) in groups:
        rows = [row for row in view.rows if row.is_found is is_found and is_tradable in (None, row.is_tradable)]
        if not rows:
            continue
        text = [
            f"{row.contract}: residual {figures.ratio(row.residual_spreads, sign=True)} spreads, "
            f"q {_probability(row.q_value)}"
            for row in rows
        ]
        k = np.array([row.k for row in rows])
        residual = np.array([row.residual_spreads for row in rows])
        drawn.append(dots(name, k, residual, text, role, symbol))
    return xy([sheet("", ends, drawn)], axis("log-moneyness", ".3f"), axis("residual, spreads", "+.2f"), near=True)


def _cloud_card(view: AnomalyView) -> str:
    how = (
        "Every contract by log-moneyness and residual. Within half a spread of zero the model's price lies between bid "
        "and ask. A pattern across many contracts is the model's; a lone one is a quote's."
    )
    label = f"Residuals of {counted(len(view.rows), 'contract')} by log-moneyness"
    return chart_card("Residuals", how, "cloud", label)


def _regions(regions: AnomalyRegions) -> dict[str, Any]:
    told = [
        [
            f"{count:,} contract{'s' * (count != 1)}"
            + (f", q {_probability(q)}" if math.isfinite(q) else ", not judged")
            for count, q in zip(counts, qs, strict=True)
        ]
        for counts, qs in zip(regions.contracts.tolist(), regions.q_value.tolist(), strict=True)
    ]
    return matrix(
        regions.residual,
        x=regions.moneyness,
        y_names=regions.tenor,
        titles=("deviations from the forward", "tenor"),
        value=axis("residual, spreads", "+.2f"),
        told=told,
        diverging=True,
    )
