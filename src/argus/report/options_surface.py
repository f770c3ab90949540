"""The page on a volatility surface: heat map and surface in space, term structure, tails, densities, how it fits."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D
from argus.core.words import counted
from argus.report import figures
from argus.report.options_charts import DASHES, axis, curve, mark, matrix, sheet, xy
from argus.report.options_page import OptionsPage, Section, Tile, chart_card, picker, render_page, switch
from argus.report.options_tables import Cell, head, number, sortable, words_cell
from argus.report.tables import mark as answer_mark

__all__ = [
    "Density",
    "Finding",
    "SurfaceExpiry",
    "SurfaceView",
    "VolIndex",
    "VolPremium",
    "render_surface",
]


@dataclass(frozen=True, slots=True, eq=False)
class Density:
    """What the smile of an expiry says about the price then, under the pricing measure.

    Attributes
    ----------
    k : (m,) float64
        Logarithm of the price at expiry over the forward, ascending.
    density : (m,) float64
        Of `k`, per 1.00.
    lognormal : (m,) float64
        The same for constant volatility at the money.
    """

    k: F64_1D
    density: F64_1D
    lognormal: F64_1D


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceExpiry:
    """One expiry of the surface. Volatilities are annual, as fractions; NaN where there is none.

    Attributes
    ----------
    label : str
    days : float
        Calendar days to settlement.
    vol_atm, vol_forward : float
        At the forward; and between the last expiry a day or more before, and this one.
    risk_reversal, butterfly : float
        Of 25 % delta.
    skewness, kurtosis : float
        Of the implied distribution of the log price.
    quotes : int
        Quotes that the fit used.
    inside_share : float
        Share of them with the model's price inside bid and ask.
    density : Density or None
    why : str
        Why something is missing or in doubt; empty where nothing is.
    """

    label: str
    days: float
    vol_atm: float
    vol_forward: float
    risk_reversal: float
    butterfly: float
    skewness: float
    kurtosis: float
    quotes: int
    inside_share: float
    density: Density | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A check with its answer: passed, failed, or None where too little was there to judge."""

    passed: bool | None
    sentence: str


@dataclass(frozen=True, slots=True)
class VolIndex:
    """A volatility index by the rules of the VIX.

    Attributes
    ----------
    name : str
    ours, published : float
        In per cent a year; `published` is NaN where none is known.
    sentence : str
        Of which expiries it is made, or why there is none.
    """

    name: str
    ours: float
    published: float
    sentence: str


@dataclass(frozen=True, slots=True)
class VolPremium:
    """What options charge for volatility against what is to be expected.

    Attributes
    ----------
    days : float
        Horizon in calendar days.
    implied : float
        Annual volatility that options imply over it, as a fraction.
    realised : tuple of (str, float)
        Past volatilities, each with its window in words.
    forecasts : tuple of (str, float, float)
        Name of the method, forecast volatility, and the premium in annual variance (implied less forecast).
    sentence : str
        What the data were, or why there is no forecast.
    """

    days: float
    implied: float
    realised: tuple[tuple[str, float], ...]
    forecasts: tuple[tuple[str, float, float], ...]
    sentence: str


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceView:
    """What the page of a surface shows.

    Attributes
    ----------
    title, made, underlying, instant, model : str
        The last is the name of the fit.
    spot : float
    k : (m,) float64
        Log-moneyness of the columns of the grid.
    tenor_days : (n,) float64
        Calendar days of its rows, positive and ascending.
    tenor : tuple of str
        Names of the rows.
    vol, local_vol : (n, m) float64
        As fractions; NaN where the surface has no answer.
    local_why : str
        Why local volatilities are missing, whole or in part.
    expiries : tuple of SurfaceExpiry
    findings : tuple of Finding
        Checks for arbitrage.
    index : VolIndex or None
    premium : VolPremium or None
    notes : tuple of str
    """

    title: str
    made: str
    underlying: str
    instant: str
    model: str
    spot: float
    k: F64_1D
    tenor_days: F64_1D
    tenor: tuple[str, ...]
    vol: NDArray[np.float64]
    local_vol: NDArray[np.float64] | None
    local_why: str
    expiries: tuple[SurfaceExpiry, ...]
    findings: tuple[Finding, ...]
    index: VolIndex | None = None
    premium: VolPremium | None = None
    notes: tuple[str, ...] = ()


def render_surface(view: SurfaceView) -> str:
    """The page as text."""
    charts: dict[str, Any] = {}
    sections = []
    if len(view.tenor):
        charts |= _grids(view)
        sections.append(Section("surface", "Surface", _grid_cards(view)))
    if view.expiries:
        charts |= _tenors(view)
        sections.append(Section("tenors", "By tenor", _tenor_cards(charts)))
    densities = [one for one in view.expiries if one.density is not None]
    if densities:
        charts["density"] = _density_chart(densities)
        sections.append(Section("density", "Implied distribution", _density_card(densities)))
    sections.append(Section("fit", "How it fits", _findings(view) + _fit_table(view)))
    if view.premium is not None:
        sections.append(Section("premium", "Implied against expected volatility", _premium(view.premium)))
    return render_page(
        OptionsPage(
            title=view.title,
            made=view.made,
            span=f"{view.underlying}, {view.instant}; fit: {view.model}",
            headline=_headline(view),
            tiles=_tiles(view),
            sections=sections,
            charts=charts,
            notes=view.notes,
            words=(
                "At the money", "Butterfly", "Forward", "Forward volatility", "Implied volatility", "Inside",
                "Kurtosis", "Local volatility", "Log-moneyness", "Risk reversal", "Skewness", "Variance premium",
            ),
        )
    )  # fmt: skip


def _share_inside(view: SurfaceView) -> float:
    """Of all quotes used."""
    judged = [one for one in view.expiries if math.isfinite(one.inside_share)]
    count = sum(one.quotes for one in judged)
    return sum(one.inside_share * one.quotes for one in judged) / count if count else math.nan


def _headline(view: SurfaceView) -> tuple[str, str, str]:
    fitted = sum(math.isfinite(one.vol_atm) for one in view.expiries)
    if not fitted:
        return "no", "No expiry could be fitted", "The table says why."
    failed = [one for one in view.findings if one.passed is False]
    share = figures.percent(_share_inside(view))
    over = counted(fitted, "expiry", "expiries")
    sentence = f"{share} of the quotes hold the model's price between bid and ask, over {over}"
    if failed:
        return "no", sentence, f"{len(failed)} of {len(view.findings)} checks failed: {failed[0].sentence}"
    if not view.findings:
        return "plain", sentence, "No check for arbitrage was made."
    unsure = sum(one.passed is None for one in view.findings)
    told = f"; {unsure} could not be judged" if unsure else ""
    return "yes", sentence, f"{len(view.findings) - unsure} of {len(view.findings)} checks for arbitrage passed{told}."


def _tiles(view: SurfaceView) -> list[Tile]:
    shown = [
        Tile("Model inside bid and ask", figures.percent(_share_inside(view)), "of all quotes used"),
        Tile(
            "Expiries fitted",
            figures.count(sum(math.isfinite(one.vol_atm) for one in view.expiries)),
            f"of {len(view.expiries)}",
        ),
    ]
    near = min((one for one in view.expiries if math.isfinite(one.vol_atm)), key=_from_a_month, default=None)
    if near is not None:
        shown.append(Tile("At the money", figures.percent(near.vol_atm, 2), f"a year; {near.label}"))
    if view.index is not None:
        one = view.index
        beside = f"published {figures.ratio(one.published)}, {figures.ratio(one.ours - one.published, sign=True)}"
        told = beside if math.isfinite(one.published) else one.sentence
        shown.append(Tile(one.name, figures.ratio(one.ours), told))
    if view.premium is not None and view.premium.forecasts:
        name, _, premium = view.premium.forecasts[0]
        shown.append(Tile("Variance premium", _points(premium), f"implied less forecast ({name}), % squared"))
    return shown


def _from_a_month(one: SurfaceExpiry) -> float:
    return abs(one.days - 30.0)


def _points(variance: float) -> str:
    return figures.ratio(variance * 1e4, 1, sign=True)


# ----------------------------------------------------------------------------------------------------------------- grid


def _grids(view: SurfaceView) -> dict[str, Any]:
    titles = ("log-moneyness", "expiry")

    def grid(z: NDArray[np.float64], title: str) -> dict[str, Any]:
        value = axis(title, ".1f", " %")
        return matrix(100.0 * z, x=view.k, y_names=view.tenor, y=view.tenor_days, titles=titles, value=value)

    drawn = {"vol": grid(view.vol, "implied volatility")}
    if view.local_vol is not None:
        drawn["local"] = grid(view.local_vol, "local volatility")
    return drawn


def _grid_cards(view: SurfaceView) -> str:
    views = (("flat", "heat map"), ("solid", "in space"))
    markup = chart_card(
        "Implied volatility",
        "Annual volatility by log-moneyness (across: 0 is the forward, −0.10 a strike about 10 % below) and expiry "
        "(down). Empty where no quote reaches; the outermost three in a hundred cells share the end colours.",
        "vol",
        "Implied volatility by log-moneyness and tenor",
        tools=switch("vol", "view", views),
        kind="matrix",
        below=_notes(view.vol, ""),
    )
    if view.local_vol is None:
        told = view.local_why or "they were not worked out"
        return markup + f'<p class="note">No local volatilities: {escape(told)}.</p>'
    return markup + chart_card(
        "Local volatility",
        "The volatility at each price and time that would make all of these option prices at once (Dupire). It is the "
        "slope of the surface, and so the first place where a poor fit shows.",
        "local",
        "Local volatility by log-moneyness and tenor",
        tools=switch("local", "view", views),
        kind="matrix",
        below=_notes(view.local_vol, view.local_why),
    )


def _notes(z: NDArray[np.float64], why: str) -> str:
    holes = int(np.isnan(z).sum())
    if not holes and not why:
        return ""
    told = f"{holes:,} of {z.size:,} cells are empty" + (f": {why}" if why else ", beyond the quoted strikes")
    return f'<p class="note">{escape(told)}.</p>' if holes else f'<p class="note">{escape(why)}</p>'


# --------------------------------------------------------------------------------------------------------------- tenors


def _tenors(view: SurfaceView) -> dict[str, Any]:
    days = _column(view, lambda one: one.days)
    at = axis("calendar days to expiry", ",.0f", tenors=True)

    def chart(title: str, form: str, unit: str, scale: float, *columns: tuple[str, F64_1D, str]) -> dict[str, Any]:
        drawn = [
            curve(name, scale * values, role=role, dash=DASHES[k], with_points=True)
            for k, (name, values, role) in enumerate(columns)
            if np.isfinite(values).any()
        ]
        return xy([sheet("", days, drawn)], at, axis(title, form, unit))

    return {
        "term": chart(
            "annual volatility", ".2f", " %", 100.0,
            ("at the money", _column(view, lambda one: one.vol_atm), "gain"),
            ("forward, from a day or more before", _column(view, lambda one: one.vol_forward), "loss"),
        ),
        "wings": chart(
            "points of volatility", ".2f", "", 100.0,
            ("risk reversal, 25 % delta", _column(view, lambda one: one.risk_reversal), "loss"),
            ("butterfly, 25 % delta", _column(view, lambda one: one.butterfly), "gain"),
        ),
        "skewness": chart(
            "skewness", ".2f", "", 1.0, ("skewness", _column(view, lambda one: one.skewness), "loss")
        ),
        "kurtosis": chart(
            "kurtosis", ".2f", "", 1.0, ("kurtosis", _column(view, lambda one: one.kurtosis), "gain")
        ),
    }  # fmt: skip


def _column(view: SurfaceView, of: Callable[[SurfaceExpiry], float]) -> F64_1D:
    return np.array([of(one) for one in view.expiries], dtype=np.float64)


def _tenor_cards(charts: dict[str, Any]) -> str:
    def one(name: str, title: str, how: str) -> str:
        if not charts[name]["sheets"][0]["series"]:
            return f'<div class="card"><h3>{escape(title)}</h3><p class="nothing">No expiry has a figure.</p></div>'
        return chart_card(title, how, name, f"{title} by days to expiry")

    term = one(
        "term",
        "Term structure",
        "Volatility at the money by expiry; the forward volatility is what is priced between two expiries. Falling "
        "lines mean that the market is more afraid of the near than of the far future.",
    )
    wings = one(
        "wings",
        "Skew",
        "Risk reversal: call less put volatility at 25 % delta, below zero where falls are feared. Butterfly: their "
        "mean less that at the money, how dear large moves are.",
    )
    lean = one(
        "skewness",
        "Skewness",
        "Lean of the implied distribution of the log price; zero is even, below zero the longer tail is a fall.",
    )
    fat = one("kurtosis", "Kurtosis", "Fatness of its tails: 3 for a normal distribution, more for fatter ones.")
    return f'<div class="pair">{term}{wings}</div><div class="pair">{lean}{fat}</div>'


# -------------------------------------------------------------------------------------------------------------- density


def _density_chart(expiries: list[SurfaceExpiry]) -> dict[str, Any]:
    sheets = []
    for one in expiries:
        assert one.density is not None
        # In per cent of the forward, as returns are read; the density follows so that areas stay probabilities.
        growth = np.exp(one.density.k)
        move = 100.0 * (growth - 1.0)
        drawn = [
            curve("implied by the smile", one.density.density / growth, x=move, fill="zero"),
            curve("lognormal, same volatility", one.density.lognormal / growth, x=move, role="ink", dash="dash"),
        ]
        sheets.append(sheet(one.label, None, drawn, marks=[mark(0.0, "forward")]))
    return xy(
        sheets, axis("price at expiry against the forward", "+.1f", " %"), axis("% of cases in a move of 1 %", ".2f")
    )


def _density_card(expiries: list[SurfaceExpiry]) -> str:
    names = [f"{one.label} · {one.days:,.0f} days" for one in expiries]
    nearest = min(range(len(expiries)), key=lambda k: _from_a_month(expiries[k]))
    how = (
        "How likely option prices make each price at expiry (second derivative of prices by strike, Breeden and "
        "Litzenberger), beside a lognormal of the same volatility at the money. It holds the price of insurance as "
        "well as a belief, and is no forecast. Beyond the quoted strikes it is the fit's own."
    )
    tools = picker("density", "Expiry", names, nearest)
    return chart_card("Risk-neutral density", how, "density", "Density of the price at expiry", tools=tools)


# ------------------------------------------------------------------------------------------------------------------ fit


def _findings(view: SurfaceView) -> str:
    if not view.findings:
        return '<p class="nothing">No check for arbitrage was made.</p>'
    items = "".join(f"<li>{answer_mark(one.passed)} {escape(one.sentence)}</li>" for one in view.findings)
    index = ""
    if view.index is not None:
        one = view.index
        beside = f", published {figures.ratio(one.published)}" if math.isfinite(one.published) else ""
        index = f'<p class="note">{escape(f"{one.name}: {figures.ratio(one.ours)}{beside}. {one.sentence}")}</p>'
    return f'<div><ul class="reasons plain">{items}</ul>{index}</div>'


def _fit_table(view: SurfaceView) -> str:
    if not view.expiries:
        return '<p class="nothing">The snapshot has no expiry.</p>'
    heads = [
        head("Expiry", is_number=False),
        head("Days", "Calendar days to settlement."),
        head("Quotes", "Quotes that the fit used."),
        head("Inside"),
        head("At the money", "Annual volatility at the forward."),
        head("Forward vol.", word="Forward volatility"),
        head("Risk reversal"),
        head("Butterfly"),
        head("Skewness"),
        head("Kurtosis"),
    ]
    rows = []
    for one in view.expiries:
        rows.append(
            (
                words_cell(one.label, one.why, by=one.days),
                number(one.days, figures.ratio(one.days, 0 if one.days >= 10.0 else 1)),
                number(one.quotes, figures.count(one.quotes)),
                number(one.inside_share, figures.percent(one.inside_share)),
                number(one.vol_atm, figures.percent(one.vol_atm, 2)),
                number(one.vol_forward, figures.percent(one.vol_forward, 2)),
                number(100.0 * one.risk_reversal, figures.ratio(100.0 * one.risk_reversal, sign=True)),
                number(100.0 * one.butterfly, figures.ratio(100.0 * one.butterfly, sign=True)),
                number(one.skewness),
                number(one.kurtosis),
            )
        )
    kinds = ['class="missed"' if math.isnan(one.vol_atm) else "" for one in view.expiries]
    return sortable("Each expiry; risk reversal and butterfly in points of volatility", heads, rows, kinds)


def _premium(one: VolPremium) -> str:
    heads = [
        head("What", is_number=False),
        head("Volatility a year", "Annual volatility."),
        head("Premium", "Implied variance less this forecast, in per cent squared a year.", "Variance premium"),
    ]
    none = math.nan
    rows: list[tuple[Cell, ...]] = [
        (
            words_cell("Implied by options", f"over {one.days:g} days"),
            number(one.implied, figures.percent(one.implied, 2)),
            number(none),
        )
    ]
    rows += [
        (words_cell("Forecast", name), number(vol, figures.percent(vol, 2)), number(premium, _points(premium)))
        for name, vol, premium in one.forecasts
    ]
    rows += [
        (words_cell("Realised", name), number(vol, figures.percent(vol, 2)), number(none)) for name, vol in one.realised
    ]
    caption = (
        "Variance premium: implied variance less the variance that is forecast, in per cent squared a year. Positive "
        "is usual: it pays those who sell insurance, and some day takes it back"
    )
    return sortable(caption, heads, rows) + f'<p class="note">{escape(one.sentence)}</p>'
