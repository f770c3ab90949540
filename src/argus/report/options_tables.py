"""Tables of the pages on options: headings that explain themselves and sort, figures with errors, legs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from argus.report import figures
from argus.report.options_page import WORDS, Tile
from argus.report.tables import _table

__all__ = [
    "Cell",
    "LegLine",
    "Measured",
    "PositionTerms",
    "flag",
    "head",
    "legs_table",
    "measured",
    "missing",
    "number",
    "sortable",
    "terms_tiles",
    "words_cell",
]

SURE: Final = 2.0
"""Standard errors beyond which a figure is told from zero."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure, how far chance may have put it off, or why there is none.

    Attributes
    ----------
    value : float
        NaN where there is none.
    error : float
        Standard error; 0 for a figure by formula, NaN where it is not known.
    why : str
        Why there is no value.
    """

    value: float
    error: float = math.nan
    why: str = ""


@dataclass(frozen=True, slots=True)
class LegLine:
    """One leg of a position.

    Attributes
    ----------
    quantity : float
        Signed: bought is positive.
    right : str
        ``call``, ``put`` or ``underlying``.
    strike : float
        NaN for the underlying.
    expiry : str
        Empty for the underlying.
    days : float
        Calendar days to expiry; NaN for the underlying.
    bid, ask : float
        Per unit of the underlying.
    vol : float
        Implied volatility by which it is valued, as a fraction; NaN for the underlying.
    delta : float
        Of one unit bought.
    """

    quantity: float
    right: str
    strike: float
    expiry: str
    days: float
    bid: float
    ask: float
    vol: float
    delta: float


@dataclass(frozen=True, slots=True)
class PositionTerms:
    """What is held and what entering it took. Money is per unit of the underlying.

    Attributes
    ----------
    structure, view : str
        Name among traders, and what it bets on in a sentence.
    underlying, instant, currency : str
        Whose options, when they were quoted, and in which money.
    spot, multiplier : float
        Price of the underlying, and its units in a contract.
    legs : tuple of LegLine
    entry_natural, entry_mid : float
        What entering takes at bid and ask, and half-way: a debit is positive, a credit negative.
    commission : float
        Of one side.
    entered_at : str
        Which of the two prices all results assume, in words.
    profit_max, loss_max : float
        Largest gain and loss, the latter as a positive amount; infinite where they have no bound.
    break_evens : tuple of float
    bounds_why : str
        What the largest gain and loss assume, or why they are missing; may be empty.
    """

    structure: str
    view: str
    underlying: str
    instant: str
    currency: str
    spot: float
    multiplier: float
    legs: tuple[LegLine, ...]
    entry_natural: float
    entry_mid: float
    commission: float
    entered_at: str
    profit_max: float
    loss_max: float
    break_evens: tuple[float, ...]
    bounds_why: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """Markup of a cell and what it is sorted by: a number, or text."""

    markup: str
    by: float | str


def head(name: str, told: str = "", word: str = "", *, is_number: bool = True) -> str:
    """A heading that sorts; `word` is the term of `WORDS` that explains it where `told` does not."""
    meaning = told or WORDS.get(word or name, "")
    title = f' title="{escape(meaning)}"' if meaning else ""
    kind = ' class="n"' if is_number else ""
    return f'<th scope="col"{kind}{title} aria-sort="none"><button type="button">{escape(name)}</button></th>'


def sortable(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Cell]], told: Sequence[str] = ()) -> str:
    """A table that a click on a heading sorts; the first cell of a row names it, `told` are attributes of rows."""
    lines = []
    for k, cells in enumerate(rows):
        shown = []
        for place, (cell, over) in enumerate(zip(cells, heads, strict=True)):
            tag, scope = ("th", ' scope="row"') if place == 0 else ("td", "")
            kind = ' class="n"' if over.startswith('<th scope="col" class="n"') else ""
            shown.append(f'<{tag}{scope}{kind} data-v="{_by(cell.by)}">{cell.markup}</{tag}>')
        lines.append(f"<tr {told[k] if told else ''}>{''.join(shown)}</tr>")
    return _table(escape(caption), heads, lines, "sortable")


def _by(value: float | str) -> str:
    if isinstance(value, str):
        return escape(value)
    return f"{value:.9g}" if math.isfinite(value) else ""


def number(value: float, text: str = "", why: str = "") -> Cell:
    """A figure; a dash with the reason below it where there is none."""
    if math.isnan(value):
        return Cell(missing(why), value)
    return Cell(escape(text or figures.ratio(value)), value)


def words_cell(text: str, below: str = "", by: float | str | None = None) -> Cell:
    """Text with a smaller line below it."""
    small = f"<small>{escape(below)}</small>" if below else ""
    return Cell(escape(text) + small, text if by is None else by)


def missing(why: str = "") -> str:
    """A dash, and why."""
    return figures.NOTHING + (f"<small>{escape(why)}</small>" if why else "")


def flag(told: str, kind: str = "") -> str:
    """A short word in a frame."""
    return f'<span class="flag {kind}">{escape(told)}</span>'


def measured(one: Measured, form: str = "percent", scale: float = 1.0) -> Cell:
    """A figure with its standard error below it; `form` is ``percent``, ``money`` or ``days``."""
    if math.isnan(one.value):
        return Cell(missing(one.why or "not worked out"), one.value)
    value, error = one.value * scale, one.error * scale
    shown = _form(value, form, sign=form == "money")
    if one.error == 0.0:
        below = "exact"
    elif math.isnan(error):
        below = "error not known"
    else:
        below = f"±\N{NO-BREAK SPACE}{_form(error, form, sign=False)}"
    return Cell(f"{escape(shown)}<small>{escape(below)}</small>", value)


def _form(value: float, form: str, *, sign: bool) -> str:
    if form == "percent":
        return figures.percent(value, 2 if abs(value) < 0.0095 else 1, sign=sign)
    if form == "money":
        return figures.money(value, places=0 if abs(value) >= 1_000 else 2, sign=sign)
    return figures.ratio(value, 1)


# ------------------------------------------------------------------------------------------------------------- position


def legs_table(terms: PositionTerms) -> str:
    """The legs, a row each."""
    heads = [
        head("Leg", is_number=False),
        head("Strike"),
        head("Expiry", is_number=False),
        head("Bid", "Price at which it can be sold, per unit of the underlying."),
        head("Ask", "Price at which it can be bought, per unit of the underlying."),
        head("Volatility", word="Implied volatility"),
        head("Delta", "Change of one unit's value for a rise of the underlying by one point; of a bought unit."),
    ]
    rows = []
    for leg in terms.legs:
        side = "Buy" if leg.quantity > 0 else "Sell"
        is_stock = leg.right == "underlying"
        until = f"{figures.ratio(leg.days, 0 if leg.days >= 10 else 1)} days" if math.isfinite(leg.days) else ""
        rows.append(
            (
                words_cell(f"{side} {abs(leg.quantity):g} {leg.right}"),
                number(leg.strike, figures.ratio(leg.strike, 2 if leg.strike % 1 else 0)),
                words_cell(leg.expiry or figures.NOTHING, until, by=leg.days),
                number(leg.bid),
                number(leg.ask),
                number(leg.vol, figures.percent(leg.vol), "" if is_stock else "not implied"),
                number(leg.delta),
            )
        )
    caption = f"Legs of one {terms.structure.lower()}; prices in {terms.currency} per unit of the underlying"
    return sortable(caption, heads, rows)


def terms_tiles(terms: PositionTerms) -> list[Tile]:
    """Entry, costs, bounds and break-evens."""

    def contract(amount: float) -> str:
        return figures.money(
            amount * terms.multiplier, terms.currency, places=0 if abs(amount) * terms.multiplier >= 100.0 else 2
        )

    def entry(amount: float) -> tuple[str, str]:
        if math.isnan(amount):
            return figures.NOTHING, "a leg has no price"
        word = "debit" if amount > 0 else "credit"
        return contract(abs(amount)), f"{word}: {figures.ratio(abs(amount))} a unit, times {terms.multiplier:g}"

    def bound(amount: float, kind: str) -> tuple[str, str]:
        if math.isinf(amount):
            return "no bound", terms.bounds_why or f"the {kind} grows with the move"
        if math.isnan(amount):
            return figures.NOTHING, terms.bounds_why
        told = f"{figures.ratio(amount)} a unit"
        return contract(amount), f"{told}; {terms.bounds_why}" if terms.bounds_why else told

    natural, mid = entry(terms.entry_natural), entry(terms.entry_mid)
    levels = " and ".join(figures.ratio(level) for level in terms.break_evens)
    away = ", ".join(figures.percent(level / terms.spot - 1.0, sign=True) for level in terms.break_evens)
    return [
        Tile("Entry at bid and ask", *natural),
        Tile("Entry half-way", *mid),
        Tile("Commission, one side", contract(terms.commission), f"results assume entry at {terms.entered_at}"),
        Tile("Spot", figures.ratio(terms.spot), terms.underlying),
        Tile("Largest gain", *bound(terms.profit_max, "gain")),
        Tile("Largest loss", *bound(terms.loss_max, "loss")),
        Tile("Break-even at expiry", levels or "none", f"{away} from the spot" if away else "the sign never changes"),
    ]
