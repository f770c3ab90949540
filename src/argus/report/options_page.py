"""The frame that all pages on options share: sentence first, figures next, then charts, tables and what the words mean.

A page is one file that loads nothing else. Its charts wait as data; the script draws one when it is looked at, with the
sheet, axis and view that its controls say. What a page says does not depend on the script: every figure that matters
stands in a table or a sentence too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Template
from typing import Any, Final

from argus.report import cards
from argus.report.charts import to_script_json

__all__ = ["WORDS", "OptionsPage", "Section", "Tile", "chart_card", "picker", "render_page", "switch", "tiles"]

_HERE: Final = Path(__file__).parent

WORDS: Final[Mapping[str, str]] = {
    "At the money": "At the strike that equals the forward.",
    "Break-even": "A price of the underlying at expiry at which the position neither gains nor loses, costs included.",
    "Butterfly": (
        "Mean volatility of the put and the call of 25 % delta, less that at the money: how dear large moves are, "
        "whichever way."
    ),
    "By chance": "How many contracts would rank at least as high if every residual were noise.",
    "CVaR": "Conditional value at risk: the mean result of the worst cases. A loss is negative.",
    "Delta": "Change of the value for a rise of the underlying by one point.",
    "Discount": "What one unit of money paid at expiry is worth today, as put and call prices imply it.",
    "Edge": "What trading at the bid or the ask would gain against the model, fees paid; negative is a loss.",
    "Expected value": "Mean result over all cases, costs paid, interest not counted.",
    "Forward": "The price for delivery at expiry that put and call prices imply.",
    "Forward volatility": (
        "Volatility at the money that is priced between the last expiry a day or more before, and this one."
    ),
    "Gamma": "Change of delta for a rise of the underlying by one point.",
    "Implied rate": "Annual rate, continuously compounded, behind the discount.",
    "Implied volatility": "The annual volatility at which the Black formula gives the option's price.",
    "Inside": "Share of the quotes used whose model price lies between bid and ask.",
    "Kurtosis": "How fat the tails of the implied distribution of the log price are; 3 for a normal one.",
    "Local volatility": "The volatility at each price and time that would make all option prices at once (Dupire).",
    "Log-moneyness": "Natural logarithm of strike over forward: −0.10 is a strike about 10 % below.",
    "Natural": "Bought at the ask, sold at the bid: the price that is there for sure.",
    "Probability of profit": "Share of the cases with a result above zero, costs paid. It says nothing of how much.",
    "q": "Share of false alarms among all contracts that rank this high or higher (Benjamini and Hochberg).",
    "Residual": "Volatility of the quote's middle less the model's, in units of the spread between bid and ask.",
    "Rho": "Change of the value for a rise of the interest rate by one percentage point.",
    "Risk reversal": (
        "Volatility of the call of 25 % delta less that of the put of 25 % delta; negative where falls are feared."
    ),
    "Score": "Distance in deviations; what a contract is ranked by is the least of those known. Positive is dear.",
    "Skewness": "Lean of the implied distribution of the log price; negative means the longer tail is a fall.",
    "Standard error": "How far a simulated figure may be off by chance: two of them, in nineteen of twenty cases.",
    "Theta": "Change of the value as one calendar day passes and nothing else moves.",
    "Touch": "Probability that the underlying trades at the sold strike at any time before expiry.",
    "Variance premium": "Implied variance less the variance that is forecast; positive where insurance costs more.",
    "Vega": "Change of the value for a rise of volatility by one percentage point.",
}
"""What the words on the pages mean, in a sentence each."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure that must not be overlooked: its name, its text, and a line below."""

    name: str
    value: str
    told: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page: where links lead, heading, and its markup."""

    anchor: str
    title: str
    markup: str


@dataclass(frozen=True, slots=True)
class OptionsPage:
    """What the frame is filled with; all text but the markup of sections is plain and is escaped here.

    Attributes
    ----------
    title, made, span : str
        Heading, by what it was made, and the line below the heading.
    headline : (str, str, str)
        Kind (``yes``, ``no`` or ``plain``), sentence and the smaller line below it.
    tiles : sequence of Tile
    sections : sequence of Section
    charts : mapping
        Data of each chart by the name under which a section places it.
    notes, words : sequence of str
        Sentences below the headline, and terms of `WORDS` that the page uses.
    """

    title: str
    made: str
    span: str
    headline: tuple[str, str, str]
    tiles: Sequence[Tile]
    sections: Sequence[Section]
    charts: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
    words: Sequence[str] = ()


def render_page(page: OptionsPage) -> str:
    """The page as text."""
    from plotly.offline import get_plotlyjs

    kind, sentence, below = page.headline
    links = "".join(f'<a href="#{one.anchor}">{escape(one.title)}</a>' for one in page.sections)
    return Template(_part("options.html")).substitute(
        title=escape(page.title),
        style=_part("page.css") + _part("options.css"),
        made=escape(page.made),
        span=escape(page.span),
        kind=kind,
        headline=escape(sentence),
        below=escape(below),
        tiles=tiles(page.tiles),
        notes="".join(f"<p>{escape(note)}</p>" for note in page.notes),
        links=links,
        sections="".join(
            f'<section id="{one.anchor}"><h2>{escape(one.title)}</h2><div class="panel">{one.markup}</div></section>'
            for one in page.sections
        ),
        words="".join(f"<dt>{escape(word)}</dt><dd>{escape(WORDS[word])}</dd>" for word in sorted(page.words)),
        data=to_script_json(dict(page.charts)),
        plotly=get_plotlyjs() if page.charts else "",
        script=_part("options.js"),
    )


def _part(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def tiles(shown: Sequence[Tile]) -> str:
    """Figures side by side; nothing for none."""
    if not shown:
        return ""
    each = "".join(
        f"<div><dt>{escape(tile.name)}</dt><dd>{escape(tile.value)}<small>{escape(tile.told)}</small></dd></div>"
        for tile in shown
    )
    return f'<dl class="tiles">{each}</dl>'


def chart_card(title: str, how: str, name: str, label: str, *, tools: str = "", kind: str = "", below: str = "") -> str:
    """A card with a chart; `tools` and `below` are markup."""
    place = cards.chart(0, name, label, kind)
    return cards.card(title, how, place, below, tools=f'<div class="tools">{tools}</div>' if tools else "")


def picker(chart: str, label: str, names: Sequence[str], chosen: int = 0) -> str:
    """A list that chooses the sheet of a chart, with buttons for the one before and the next; nothing for one sheet."""
    if len(names) < 2:
        return ""
    options = "".join(
        f'<option value="{k}"{" selected" if k == chosen else ""}>{escape(name)}</option>'
        for k, name in enumerate(names)
    )
    return (
        f'<span class="picker"><button type="button" data-step="-1" aria-label="previous">‹</button>'
        f'<select data-for="{chart}" data-key="sheet" aria-label="{escape(label)}">{options}</select>'
        f'<button type="button" data-step="1" aria-label="next">›</button></span>'
    )


def switch(chart: str, key: str, choices: Sequence[tuple[str, str]]) -> str:
    """Buttons of which one is pressed, for the `key` (sheet, axis or view) of a chart: (value, name) each."""
    buttons = "".join(
        f'<button type="button" data-value="{value}" aria-pressed="{"false" if k else "true"}">{escape(name)}</button>'
        for k, (value, name) in enumerate(choices)
    )
    return f'<div class="switch" data-for="{chart}" data-key="{key}">{buttons}</div>'
