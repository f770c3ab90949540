"""The page on an option structure: its legs, what it pays now and later, how it answers to the market, its margin."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D
from argus.report import figures
from argus.report.options_charts import Mark, axis, curve, mark, sheet, xy
from argus.report.options_page import WORDS, OptionsPage, Section, Tile, chart_card, render_page, switch, tiles
from argus.report.options_tables import (
    PositionTerms,
    head,
    legs_table,
    number,
    sortable,
    terms_tiles,
    words_cell,
)

__all__ = ["MarginLine", "StructureView", "payoff_marks", "render_structure"]

_UNITS: Final[Mapping[str, str]] = {
    "delta": "units of the underlying",
    "gamma": "delta per point of the underlying",
    "vega": "{money} per percentage point of volatility",
    "theta": "{money} per calendar day",
    "rho": "{money} per percentage point of the rate",
}


@dataclass(frozen=True, slots=True)
class MarginLine:
    """What a position ties up by one set of rules.

    Attributes
    ----------
    name : str
        Of the rules.
    amount : float
        Per unit of the underlying; NaN where the rules do not cover the position.
    sentence : str
        What was applied, or why there is no figure.
    """

    name: str
    amount: float
    sentence: str


@dataclass(frozen=True, slots=True, eq=False)
class StructureView:
    """What the page of a structure shows. Money is per unit of the underlying.

    Attributes
    ----------
    title, made : str
    terms : PositionTerms
    spot : (s,) float64
        Prices of the underlying, ascending, the strikes among them.
    days : (t,) float64
        Calendar days from entry, ascending; the last is the nearest expiry.
    pnl : (t, s) float64
        Gain by model, costs of entry paid.
    greeks : mapping of str to (t, s) float64
        ``delta``, ``gamma``, ``vega`` (per percentage point), ``theta`` (per calendar day), ``rho`` (per percentage
        point); those that are missing are not offered.
    greeks_now : mapping of str to float
        The same at the spot at entry.
    margins : tuple of MarginLine
    assumes : str
        By which model the values before expiry are, in a sentence.
    notes : tuple of str
    """

    title: str
    made: str
    terms: PositionTerms
    spot: F64_1D
    days: F64_1D
    pnl: NDArray[np.float64]
    greeks: Mapping[str, NDArray[np.float64]]
    greeks_now: Mapping[str, float]
    margins: tuple[MarginLine, ...]
    assumes: str
    notes: tuple[str, ...] = ()


def render_structure(view: StructureView) -> str:
    """The page as text."""
    terms = view.terms
    charts: dict[str, Any] = {}
    sections = [Section("legs", "Legs", legs_table(terms))]
    if view.pnl.size:
        charts["payoff"] = _payoff(view)
        sections.append(Section("payoff", "Gain and loss", _payoff_card(view)))
    offered = [name for name in _UNITS if name in view.greeks and view.greeks[name].size]
    if offered:
        charts["greeks"] = _greeks(view, offered)
    sections.append(Section("greeks", "How it answers to the market", _greeks_part(view, offered)))
    sections.append(Section("margin", "Margin", _margins(view)))
    credit = terms.entry_natural < 0.0
    kind = "credit" if credit else "debit"
    amount = figures.money(abs(terms.entry_natural) * terms.multiplier, terms.currency)
    entered = (
        f", entered for a {kind} of {amount}" if math.isfinite(terms.entry_natural) else ", which cannot be entered"
    )
    return render_page(
        OptionsPage(
            title=view.title,
            made=view.made,
            span=f"{terms.underlying}, {terms.instant}",
            headline=("plain", f"{terms.structure}{entered}", terms.view),
            tiles=terms_tiles(terms),
            sections=sections,
            charts=charts,
            notes=view.notes,
            words=(
                "Break-even", "Delta", "Forward", "Gamma", "Implied volatility", "Natural", "Rho", "Theta", "Vega",
            ),
        )
    )  # fmt: skip


def payoff_marks(terms: PositionTerms) -> list[Mark]:
    """Spot and break-evens as upright lines."""
    marks = [mark(terms.spot, f"spot {figures.ratio(terms.spot)}", "ink", "dot")]
    return marks + [mark(level, f"break-even {figures.ratio(level)}", "hold", "dash") for level in terms.break_evens]


def _times(days: F64_1D) -> list[tuple[str, str]]:
    """Name and role of each time."""
    last = len(days) - 1
    named = []
    for k, day in enumerate(days.tolist()):
        if k == last:
            named.append(("at the nearest expiry", "ink"))
        elif day == 0.0:
            named.append(("today", "ramp:1"))
        else:
            told = figures.ratio(day, 0 if day >= 2.0 else 1)
            named.append((f"after {told} day{'s' * (told != '1')}", f"ramp:{1.0 - k / max(last, 1):.2f}"))
    return named


def _by_time(view: StructureView, values: NDArray[np.float64], *, filled: bool) -> list[dict[str, Any]]:
    last = len(view.days) - 1
    drawn = []
    for k, (name, role) in enumerate(_times(view.days)):
        dash = "solid" if k == last else "dash" if k == 0 else "dot"
        drawn.append(curve(name, values[k], role=role, dash=dash, fill="sign" if filled and k == last else ""))
    return drawn[::-1]


def _payoff(view: StructureView) -> dict[str, Any]:
    terms = view.terms
    money = axis(f"gain or loss, {terms.currency}", ",.0f")
    drawn = sheet(
        "",
        view.spot,
        _by_time(view, view.pnl * terms.multiplier, filled=True),
        marks=payoff_marks(terms),
    )
    return xy([drawn], axis(f"{terms.underlying} at that time", ",.2f"), money)


def _payoff_card(view: StructureView) -> str:
    how = (
        "Gain or loss of one structure against the price of the underlying, costs of entry paid: at the nearest "
        f"expiry, and earlier. Blue is a gain, orange a loss. {view.assumes}"
    )
    return chart_card("Gain and loss by price and time", how, "payoff", "Gain and loss against the price", kind="tall")


def _greeks(view: StructureView, offered: Sequence[str]) -> dict[str, Any]:
    multiplier = view.terms.multiplier
    sheets = []
    for name in offered:
        value = axis(f"{name}, {_unit(name, view.terms.currency)}", ".4~g")
        lines = _by_time(view, view.greeks[name] * multiplier, filled=False)
        marks = [mark(view.terms.spot, f"spot {figures.ratio(view.terms.spot)}", "ink", "dot")]
        sheets.append(sheet(name, view.spot, lines, marks=marks, y=value))
    return xy(sheets, axis(f"{view.terms.underlying} at that time", ",.2f"), axis(""))


def _unit(name: str, currency: str) -> str:
    return _UNITS.get(name, "").replace("{money}", currency)


def _greeks_part(view: StructureView, offered: Sequence[str]) -> str:
    now = [
        Tile(
            name.capitalize(),
            figures.ratio(value * view.terms.multiplier, 4 if name == "gamma" else 2, sign=True)
            if math.isfinite(value)
            else figures.NOTHING,
            _unit(name, view.terms.currency),
        )
        for name, value in view.greeks_now.items()
    ]
    shown = f'<div><p class="how">Of one structure at the spot, today.</p>{tiles(now)}</div>' if now else ""
    if not offered:
        return shown or '<p class="nothing">No greeks were worked out.</p>'
    told = " ".join(f"{name.capitalize()}: {WORDS[name.capitalize()][0].lower()}{WORDS[name.capitalize()][1:]}"
                    for name in offered)  # fmt: skip
    tools = switch("greeks", "sheet", [(str(k), name) for k, name in enumerate(offered)])
    return shown + chart_card("Greeks against the price", told, "greeks", "Greeks against the price", tools=tools)


def _margins(view: StructureView) -> str:
    if not view.margins:
        return '<p class="nothing">No margin was worked out.</p>'
    heads = [
        head("By which rules", is_number=False),
        head("One structure", "Money that stands still for one structure."),
        head("A unit", "The same per unit of the underlying."),
        head("Largest gain on it", "Largest gain over the margin: not a rate of return, and never sure."),
        head("What was applied", is_number=False),
    ]
    gain = view.terms.profit_max
    rows = []
    for one in view.margins:
        share = gain / one.amount if one.amount > 0.0 and math.isfinite(gain) else math.nan
        rows.append(
            (
                words_cell(one.name),
                number(one.amount, figures.money(one.amount * view.terms.multiplier, view.terms.currency)),
                number(one.amount),
                number(share, figures.percent(share), "" if math.isnan(one.amount) else "no bound"),
                words_cell(one.sentence),
            )
        )
    caption = "What the position ties up at entry; a broker's house rules may ask for more"
    return sortable(caption, heads, rows) + (
        '<p class="note">Margins are at entry and move with the market: a short option asks for more when it is least '
        "welcome.</p>"
    )
