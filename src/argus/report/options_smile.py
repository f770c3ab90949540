"""The page on the smiles of a chain: each quote as a bid-ask bar in volatility, and the model's line through them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D
from argus.core.words import agreed, counted
from argus.report import cards, figures
from argus.report.options_charts import axis
from argus.report.options_page import OptionsPage, Section, Tile, chart_card, picker, render_page, switch
from argus.report.options_tables import Cell, head, missing, number, sortable
from argus.report.sampling import short

__all__ = ["SmileExpiry", "SmileView", "render_smile"]

_REASONS_SHOWN: Final = 3
_TYPICAL_DAYS: Final = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class SmileExpiry:
    """One expiry: its quotes as volatilities, and what put-call parity and the model say.

    Attributes
    ----------
    label : str
        Such as ``2019-06-21, settled at the open``.
    days : float
        Calendar days to settlement.
    forward, discount, rate : float
        From put-call parity; the rate is annual and continuous. NaN where there is none.
    vol_atm : float
        Annual volatility at the forward, as a fraction.
    strike : (n,) float64
    right : (n,) int8
        +1 call, -1 put.
    vol_bid, vol_mid, vol_ask : (n,) float64
        Annual volatilities of the quote, as fractions; NaN where a price has none.
    reason : tuple of str
        Why each quote was left out, in words; empty where it was used.
    curve_strike, curve_vol : (m,) float64 or None
        The model's line.
    vol_vendor : (n,) float64 or None
    why : str
        Why forward or line are missing; empty where they are not.
    forward_error : float
        Standard error of the forward; NaN where it is not known.
    rate_said, own_rate_said : str
        The rate, and what this expiry's quotes alone say of it, with their errors in words; empty for the bare rate.
    """

    label: str
    days: float
    forward: float
    discount: float
    rate: float
    vol_atm: float
    strike: F64_1D
    right: NDArray[np.int8]
    vol_bid: F64_1D
    vol_mid: F64_1D
    vol_ask: F64_1D
    reason: tuple[str, ...]
    curve_strike: F64_1D | None = None
    curve_vol: F64_1D | None = None
    vol_vendor: F64_1D | None = None
    why: str = ""
    forward_error: float = math.nan
    rate_said: str = ""
    own_rate_said: str = ""

    @property
    def used(self) -> int:
        """Quotes that were used."""
        return self.reason.count("")


@dataclass(frozen=True, slots=True, eq=False)
class SmileView:
    """What the page of smiles shows.

    Attributes
    ----------
    title, made : str
    underlying, instant : str
        Whose options, and when they were quoted.
    spot : float
        NaN where it is not known.
    model : str
        Name of the lines, such as ``SVI``; empty where no expiry has one.
    expiries : tuple of SmileExpiry
        The nearest first.
    notes : tuple of str
    """

    title: str
    made: str
    underlying: str
    instant: str
    spot: float
    model: str
    expiries: tuple[SmileExpiry, ...]
    notes: tuple[str, ...] = ()


def render_smile(view: SmileView) -> str:
    """The page as text."""
    quotes = sum(len(one.strike) for one in view.expiries)
    used = sum(one.used for one in view.expiries)
    fitted = sum(one.curve_strike is not None for one in view.expiries)
    over = counted(len(view.expiries), "expiry", "expiries")
    headline = (
        f"{used:,} of {counted(quotes, 'quote')} in {over} {agreed(used, 'has', 'have')} a volatility that is used"
    )
    left_out = Counter(reason for one in view.expiries for reason in one.reason if reason)
    below = (
        f"Left out, {left_out.total():,}: {', '.join(_reasons(left_out, len(left_out)))}."
        if left_out
        else "No quote was left out."
    )
    tiles = [
        Tile("Expiries", figures.count(len(view.expiries)), f"{fitted:,} with a line of the model"),
        Tile("Quotes used", figures.percent(used / quotes if quotes else math.nan), f"{used:,} of {quotes:,}"),
        Tile("Spot", figures.ratio(view.spot), view.underlying if math.isfinite(view.spot) else "not known"),
    ]
    sections, charts = [], {}
    if quotes:
        charts["smile"] = _chart(view)
        sections.append(Section("smile", "Smile", _card(view)))
    sections.append(Section("expiries", "Expiries", _table(view)))
    return render_page(
        OptionsPage(
            title=view.title,
            made=view.made,
            span=f"{view.underlying}, {view.instant}",
            headline=("plain" if quotes else "no", headline if quotes else "There is no quote to show", below),
            tiles=tiles if quotes else (),
            sections=sections,
            charts=charts,
            notes=view.notes,
            words=("At the money", "Discount", "Forward", "Implied rate", "Implied volatility", "Log-moneyness"),
        )
    )


def _first(view: SmileView) -> int:
    """The sheet that is open at first: with quotes, nearest to a month."""
    far = [abs(one.days - _TYPICAL_DAYS) if one.used else math.inf for one in view.expiries]
    return far.index(min(far))


def _card(view: SmileView) -> str:
    names = [f"{one.label} · {_days(one.days)} days · {counted(one.used, 'quote')}" for one in view.expiries]
    tools = (
        picker("smile", "Expiry", names, _first(view))
        + switch("smile", "axis", (("strike", "strike"), ("k", "log-moneyness"), ("sd", "deviations")))
        + switch("smile", "view", (("all", "all quotes"), ("used", "used only")))
    )
    how = (
        "Each bar reaches from the volatility of the bid to that of the ask, the mark stands at their middle. A line "
        "within the bars says nothing that the market contradicts. Pale marks were left out; a dash alone is an ask "
        "whose bid has no volatility. A double click shows everything, outliers too."
    )
    label = f"Smile of {view.underlying} by expiry, bid to ask in volatility"
    below = cards.reading(
        "Log-moneyness is the logarithm of strike over forward. Deviations are that over the volatility at the money "
        "times the root of the years: on this axis short and long expiries can be compared."
    )
    return chart_card("Bid to ask in volatility", how, "smile", label, tools=tools, kind="tall", below=below)


def _chart(view: SmileView) -> dict[str, Any]:
    words = sorted({reason for one in view.expiries for reason in one.reason if reason})
    code = {"": 0} | {word: k for k, word in enumerate(words, start=1)}
    return {
        "kind": "smile",
        "model": escape(view.model or "model"),
        "reasons": ["", *(escape(word) for word in words)],
        "axes": {
            "strike": "strike",
            "k": "log-moneyness, ln(strike / forward)",
            "sd": "deviations from the forward",
        },
        "value": axis("annual volatility", ".2f", " %"),
        "expiries": [_expiry(one, code) for one in view.expiries],
    }


def _expiry(one: SmileExpiry, code: Mapping[str, int]) -> dict[str, Any]:
    deviation = one.vol_atm * math.sqrt(max(one.days, 0.0) / 365.0)
    drawn: dict[str, Any] = {
        "forward": short([one.forward], 10)[0] if one.forward > 0.0 else None,
        "deviation": short([deviation])[0] if deviation > 0.0 else None,
        "strike": short(one.strike, 10),
        "call": [int(side > 0) for side in one.right],
        "reason": [code[reason] for reason in one.reason],
    }
    for name, values in (("bid", one.vol_bid), ("mid", one.vol_mid), ("ask", one.vol_ask), ("vendor", one.vol_vendor)):
        if values is not None:
            drawn[name] = short(100.0 * values, 5)
    if one.curve_strike is not None and one.curve_vol is not None:
        drawn["curve"] = {"strike": short(one.curve_strike, 7), "vol": short(100.0 * one.curve_vol, 5)}
    return drawn


def _reasons(reasons: Counter[str], most: int) -> list[str]:
    """The most frequent first, each with how many it has where there are several."""
    if len(reasons) == 1:
        return list(reasons)
    told = [f"{reason} ({count:,})" for reason, count in reasons.most_common(most)]
    rest = sum(reasons.values()) - sum(count for _, count in reasons.most_common(most))
    return [*told, f"other reasons ({rest:,})"] if rest else told


def _below(lines: Sequence[str]) -> str:
    return "".join(f"<small>{escape(line)}</small>" for line in lines)


def _days(days: float) -> str:
    return figures.ratio(days, 0 if days >= 10.0 else 1)


def _table(view: SmileView) -> str:
    if not view.expiries:
        return '<p class="nothing">The chain has no expiry.</p>'
    heads = [
        head("Expiry", is_number=False),
        head("Days", "Calendar days to settlement."),
        head("Forward"),
        head("+/-", "Standard error of the forward."),
        head("Discount"),
        head("Implied rate", "Annual, of the expiries that know theirs, with its standard error."),
        head("Its own quotes say", "The rate by this expiry's quotes alone."),
        head("At the money", "Annual volatility at the forward."),
        head("Used", "Quotes whose volatility was used."),
        head("Left out", "Quotes that were not, and the most frequent reasons."),
    ]
    rows, kinds = [], []
    for k, one in enumerate(view.expiries):
        left_out = Counter(reason for reason in one.reason if reason)
        note = f"<small>{escape(one.why)}</small>" if one.why else ""
        rows.append(
            (
                Cell(_named(one.label, k) + note, one.days),
                number(one.days, _days(one.days)),
                number(one.forward),
                number(one.forward_error, figures.ratio(one.forward_error, 3)),
                number(one.discount, figures.ratio(one.discount, 5)),
                Cell(escape(one.rate_said) or figures.percent(one.rate, 2), one.rate),
                Cell(escape(one.own_rate_said) or missing(), 0.0),
                number(one.vol_atm, figures.percent(one.vol_atm, 2)),
                number(one.used, figures.count(one.used)),
                Cell(figures.count(left_out.total()) + _below(_reasons(left_out, _REASONS_SHOWN)), left_out.total()),
            )
        )
        kinds.append('class="missed"' if one.why else "")
    caption = "Forward, discount and rate as put and call prices imply them; a click on an expiry draws it"
    return sortable(caption, heads, rows, kinds)


def _named(label: str, sheet: int) -> str:
    return f'<button type="button" class="link" data-goto="smile {sheet}">{escape(label)}</button>'
