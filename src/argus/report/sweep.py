"""The page of a sweep: how the best point was found, what luck alone would have shown, and what lies around it.

A heat map is drawn for each pair of numeric parameters, the others held at the best point. Everything shown was worked
out before; here it is laid out. The page is one file that loads nothing else, like the research report.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from argus.core.arrays import F64_1D, I64_1D
from argus.report import figures
from argus.report.charts import to_script_json
from argus.report.sampling import short
from argus.report.tables import _cells, _heads, _table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from argus.core.strategy import ParameterValue
    from argus.engine.sweep import Reading

__all__ = ["Luck", "SweepSlice", "SweepView", "render_sweep", "slices_table"]

MEASURES: Final = (
    ("sharpe", "Sharpe a year"),
    ("net", "net P&L"),
    ("drawdown", "deepest drawdown"),
    ("trades", "trades"),
)
"""What a heat map can show, and its name."""
_HERE: Final = Path(__file__).parent
_SHOWN: Final = 5
_LINES_SHOWN: Final = 50
_SLICES_IN_FULL: Final = 6
_SURE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Luck:
    """What searching alone would have found.

    Attributes
    ----------
    looks : int
        Looks at these data in the trial ledger, this sweep's among them.
    expected_annual : float
        Sharpe ratio that the best of so many worthless ideas shows on average.
    probability : float
        That the best point's true Sharpe ratio is above it (the deflated Sharpe ratio).
    sentence : str
    """

    looks: int
    expected_annual: float
    probability: float
    sentence: str


@dataclass(frozen=True, slots=True, eq=False)
class SweepSlice:
    """All parameter sets on one market in one period, or the mean over all of those.

    Attributes
    ----------
    name : str
    currency : str
    numeric : tuple of str
        Varied parameters that are numbers: the axes.
    values : mapping
        Each varied parameter's value at each point.
    on_grid : bool
        Whether the values stand on a grid, or were drawn at random.
    sharpe, sharpe_error, net, drawdown, trades, fees, turnover : (n,) float64
        Money in units of the currency; NaN for a run that failed.
    run_ids : tuple of str
        Empty where a point stands for several runs.
    ranking : (m,) int64
        Points with a Sharpe ratio, best first.
    reading : Reading
    luck : Luck or None
    """

    name: str
    currency: str
    numeric: tuple[str, ...]
    values: Mapping[str, tuple[ParameterValue, ...]]
    on_grid: bool
    sharpe: F64_1D
    sharpe_error: F64_1D
    net: F64_1D
    drawdown: F64_1D
    trades: F64_1D
    fees: F64_1D
    turnover: F64_1D
    run_ids: tuple[str, ...]
    ranking: I64_1D
    reading: Reading
    luck: Luck | None

    def point(self, place: int) -> dict[str, ParameterValue]:
        """Varied values of a point."""
        return {name: column[place] for name, column in self.values.items()}


@dataclass(frozen=True, slots=True)
class SweepView:
    """What the page of a sweep shows.

    Attributes
    ----------
    strategy, made : str
    runs, failed : int
    slices : tuple of SweepSlice
    notes : tuple of str
        Sentences under the heading.
    skipped, failures : tuple of str
        A line each.
    """

    strategy: str
    made: str
    runs: int
    failed: int
    slices: tuple[SweepSlice, ...]
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


def render_sweep(view: SweepView) -> str:
    """The page as text."""
    from plotly.offline import get_plotlyjs

    sections, data = [], []
    for place, one in enumerate(view.slices):
        sections.append(_section(place, one))
        data.append(f'<script type="application/json" id="d{place}">{to_script_json(_charts(one))}</script>')
    first = view.slices[0]
    return Template(_part("sweep.html")).substitute(
        title=escape(f"Sweep of {view.strategy}"),
        style=_part("page.css") + _part("sweep.css"),
        made=escape(view.made),
        notes="".join(f"<p>{escape(note)}</p>" for note in view.notes),
        kind=_kind(first) or "no",
        trials=f"{view.runs:,} trial{'s' * (view.runs != 1)}",
        reading=escape(first.reading.sentence),
        tiles=_tiles(first),
        luck=escape(first.luck.sentence if first.luck else _counted(view)),
        overview=_overview(view.slices),
        sections="".join(sections),
        skipped=_lines("Combinations that the strategy refuses", view.skipped),
        failures=_lines("Runs that failed", view.failures),
        data="".join(data),
        plotly=get_plotlyjs(),
        script=_part("sweep.js"),
    )


def _kind(one: SweepSlice) -> str:
    """Only what is both broad and above luck is shown as good; a plateau alone may be a rising market."""
    return "yes" if one.reading.word == "plateau" and one.luck and one.luck.probability >= _SURE else ""


def _counted(view: SweepView) -> str:
    """What stands under the first reading where it is a mean, for which no luck can be worked out."""
    looks = max((one.luck.looks for one in view.slices if one.luck), default=0)
    all_looks = f" The ledger counts up to {looks:,} different looks at one of these markets." if looks else ""
    return (
        f"{view.slices[0].name}: each market and period is read below, beside what luck alone would have shown "
        f"the best of so many.{all_looks}"
    )


def _tiles(one: SweepSlice) -> str:
    """The best point beside its neighbours and beside luck, in figures too large to be overlooked."""
    best, luck, reading = one.reading.best, one.luck, one.reading
    if best < 0:
        return ""
    tiles = [
        ("Best point, in sample", _sharpe(one, best), f"Sharpe a year; {figures.parameters(one.point(best))}"),
        (
            "Median of its neighbours",
            figures.ratio(reading.beside_median),
            f"{reading.holding} of {reading.neighbours} keep {1 - reading.fraction:.0%} of the best",
        ),
        (
            "Median of all points",
            figures.ratio(float(np.median(one.sharpe[one.ranking]))),
            f"{len(one.ranking):,} points",
        ),
    ]
    if luck:
        tiles += [
            ("By luck alone", figures.ratio(luck.expected_annual), f"the best of {luck.looks:,} worthless looks"),
            ("Deflated Sharpe", figures.percent(luck.probability, 0), "chance that the true one is above luck's"),
        ]
    shown = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(what)}</small></dd></div>"
        for name, value, what in tiles
    )
    return f'<dl class="tiles n{len(tiles)}">{shown}</dl>'


def _part(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _lines(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    more = f"<li>and {len(lines) - _LINES_SHOWN:,} more</li>" if len(lines) > _LINES_SHOWN else ""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines[:_LINES_SHOWN])
    return f'<details class="fold"><summary>{escape(title)}: {len(lines):,}</summary><ul>{items}{more}</ul></details>'


def _overview(slices: Sequence[SweepSlice]) -> str:
    rows = []
    for place, one in enumerate(slices):
        best = one.reading.best
        cells = (
            _cells(
                figures.parameters(one.point(best)),
                "#" + _sharpe(one, best),
                "#" + figures.ratio(one.reading.beside_median),
                "#" + (figures.ratio(one.luck.expected_annual) if one.luck else figures.NOTHING),
                "#" + (figures.percent(one.luck.probability, 0) if one.luck else figures.NOTHING),
                "#" + figures.money(float(one.net[best]), one.currency, sign=True),
            )
            if best >= 0
            else _cells(figures.NOTHING, *["#" + figures.NOTHING] * 5)
        )
        rows.append(
            f'<tr><th scope="row"><a href="#s{place}">{escape(one.name)}</a></th>'
            f'<td><span class="word {one.reading.word}">{one.reading.word}</span></td>{cells}</tr>'
        )
    head = _heads(
        "Where",
        "Reading",
        "Best point",
        "#Sharpe a year",
        "#Its neighbours",
        "#By luck alone",
        "#Above luck",
        "#Net P&L",
    )
    return _table("The best point of each market and period: in sample, chosen after seeing all of it", head, rows)


def _sharpe(one: SweepSlice, place: int) -> str:
    ratio = figures.ratio(float(one.sharpe[place]))
    error = float(one.sharpe_error[place])
    return ratio if math.isnan(error) else f"{ratio} ± {figures.ratio(error)}"


def _section(place: int, one: SweepSlice) -> str:
    pairs = _pairs(one)
    switch = "".join(
        f'<button type="button" data-measure="{key}" aria-pressed="{"true" if key == "sharpe" else "false"}">'
        f"{escape(name)}</button>"
        for key, name in MEASURES
    )
    charts = "".join(
        f'<div class="card"><header><h3>{escape(" and ".join(pair))}</h3><small>{escape(_held(one, pair))}</small>'
        f'</header><div class="chart heat" data-slice="{place}" data-chart="{number}"></div></div>'
        for number, pair in enumerate(pairs)
    )
    luck = f"<p>{escape(one.luck.sentence)}</p>" if one.luck else ""
    verdict = f'<div class="verdict {_kind(one)}"><p>{escape(one.reading.sentence)}</p></div>{_tiles(one)}{luck}'
    return (
        f'<details class="candidate" id="s{place}"{" open" if not place else ""}><summary><span class="who">'
        f'{escape(one.name)}</span><span class="word {one.reading.word}">{one.reading.word}</span></summary>'
        # The page begins with the first one's verdict.
        f'<div class="body">{verdict if place else ""}'
        f'<div class="bar"><h3>Heat maps</h3><div class="switch" data-slice="{place}">{switch}</div></div>'
        f'<div class="{"pair" if len(pairs) > 1 else ""}">{charts}</div>{_points_table(one)}</div></details>'
    )


def _points_table(one: SweepSlice) -> str:
    rows = []
    for what, place in _ranked(one):
        rows.append(
            "<tr>"
            + _cells(
                what,
                figures.parameters(one.point(place)),
                "#" + _sharpe(one, place),
                "#" + figures.money(float(one.net[place]), one.currency, sign=True),
                "#" + figures.percent(float(one.drawdown[place])),
                "#" + figures.count(float(one.trades[place])),
                "#" + figures.money(float(one.fees[place]), one.currency),
                "#" + figures.ratio(float(one.turnover[place]), 1),
                one.run_ids[place] if one.run_ids else figures.NOTHING,
            )
            + "</tr>"
        )
    head = _heads(
        "", "Parameters", "#Sharpe a year", "#Net P&L", "#Drawdown", "#Trades", "#Fees", "#Turnover a year", "Run"
    )
    return _table(f"Best, median and worst of {len(one.sharpe):,} points", head, rows)


def _ranked(one: SweepSlice, most: int = _SHOWN) -> list[tuple[str, int]]:
    """(what it is, position) of the best few, the median and the worst."""
    order = one.ranking.tolist()
    shown = [("best" if i == 0 else f"{i + 1}.", order[i]) for i in range(min(most, len(order)))]
    if len(order) > most:
        shown.append(("median", order[len(order) // 2]))
        if len(order) > most + 1:
            shown.append(("worst", order[-1]))
    return shown


def _axes(one: SweepSlice) -> list[str]:
    return [name for name in one.numeric if len(set(one.values[name])) > 1]


def _pairs(one: SweepSlice) -> list[tuple[str, ...]]:
    axes = _axes(one)
    return [(axes[0],)] if len(axes) == 1 else list(itertools.combinations(axes, 2))


def _held(one: SweepSlice, pair: Sequence[str]) -> str:
    """In words, what the other parameters are in a heat map."""
    if one.reading.best < 0:
        return ""
    others = {name: value for name, value in one.point(one.reading.best).items() if name not in pair}
    if not others:
        return ""
    return f"at {figures.parameters(others)}" if one.on_grid else "the other parameters differ from point to point"


def _charts(one: SweepSlice) -> dict[str, Any]:
    return {
        "currency": escape(one.currency),
        "names": {key: escape(name) for key, name in MEASURES},
        "charts": [_heat(one, pair) if one.on_grid and len(pair) == 2 else _cloud(one, pair) for pair in _pairs(one)],
    }


def _measures(one: SweepSlice) -> dict[str, F64_1D]:
    return {"sharpe": one.sharpe, "net": one.net, "drawdown": -100.0 * one.drawdown, "trades": one.trades}


def _heat(one: SweepSlice, pair: Sequence[str]) -> dict[str, Any]:
    """A matrix of each measure: rows are values of the second parameter, columns of the first."""
    best = one.reading.best
    here = _at_best(one, pair)
    across, down = (sorted(set(one.values[name])) for name in pair)
    columns = [across.index(one.values[pair[0]][i]) for i in here]
    rows = [down.index(one.values[pair[1]][i]) for i in here]
    matrices = {}
    for key, values in _measures(one).items():
        z = np.full((len(down), len(across)), np.nan)
        z[rows, columns] = values[here]
        matrices[key] = [short(row, 5) for row in z]
    return {
        "kind": "heat",
        "x": [_text(value) for value in across],
        "y": [_text(value) for value in down],
        "xname": escape(pair[0]),
        "yname": escape(pair[1]),
        "z": matrices,
        "best": [_text(one.values[name][best]) for name in pair] if best >= 0 else None,
    }


def _cloud(one: SweepSlice, pair: Sequence[str]) -> dict[str, Any]:
    """Points of one parameter, or of two that were drawn at random."""
    here = _at_best(one, pair) if one.on_grid else list(range(len(one.sharpe)))
    best = one.reading.best
    return {
        "kind": "line" if len(pair) == 1 else "cloud",
        "x": [one.values[pair[0]][i] for i in here],
        "y": [one.values[pair[1]][i] for i in here] if len(pair) > 1 else [],
        "xname": escape(pair[0]),
        "yname": escape(pair[1]) if len(pair) > 1 else "",
        "z": {key: short(values[here], 5) for key, values in _measures(one).items()},
        "error": short(one.sharpe_error[here], 4),
        "best": [one.values[name][best] for name in pair] if best >= 0 else None,
    }


def _at_best(one: SweepSlice, pair: Sequence[str]) -> list[int]:
    """Points that differ from the best one in this pair of parameters only."""
    best = max(one.reading.best, 0)
    wanted = {name: value for name, value in one.point(best).items() if name not in pair}
    count = len(one.sharpe)
    return [i for i in range(count) if all(one.values[name][i] == value for name, value in wanted.items())]


def _text(value: ParameterValue) -> str:
    return escape(f"{value:g}" if isinstance(value, float) else str(value))


def slices_table(view: SweepView) -> RenderableType:
    """Best, median and worst of each market and period for the terminal, with what luck alone would have shown."""
    from rich.console import Group

    in_full = len(view.slices) <= _SLICES_IN_FULL
    return Group(*(_slice_table(one, 3 if in_full else 1) for one in view.slices))


def _slice_table(one: SweepSlice, most: int) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    title = Text(f"{one.name}: {one.reading.word}", "bold")
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("")
    table.add_column("Parameters")
    for name in ("Sharpe", "Around", "By luck", "Net P&L", "Drawdown", "Trades"):
        table.add_column(name, justify="right", no_wrap=True)
    for what, place in _ranked(one, 1)[:most]:
        table.add_row(
            what,
            Text(figures.parameters(one.point(place))),
            _sharpe(one, place),
            figures.ratio(one.reading.beside_median) if what == "best" else "",
            figures.ratio(one.luck.expected_annual) if what == "best" and one.luck else "",
            figures.money_short(float(one.net[place])),
            figures.percent(float(one.drawdown[place])),
            figures.count(float(one.trades[place])),
        )
    if not len(one.ranking):
        table.add_row("", "no run has a Sharpe ratio", *[""] * 6)
    return table
