"""The page on a table of features: how many columns are in doubt and why, then each of them.

Everything shown was worked out before; here it is laid out. The page is one file that loads nothing else. Its drawings
are part of it, so that only sorting, filtering and the heat map ask for a script.
"""

from __future__ import annotations

import base64
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I64_1D
from argus.lab.audit.features import FeatureCertificate, FeatureVerdict
from argus.lab.feature_study.flags import FeatureFlag, Severity
from argus.lab.feature_study.redundancy import Cluster
from argus.lab.feature_study.study import LEVELS, Distribution, Drift, Stationarity
from argus.report import feature_drawings as drawings
from argus.report import figures, svg
from argus.report.charts import to_script_json
from argus.report.tables import _cells, _heads, _table

if TYPE_CHECKING:
    from argus.features import Feature

__all__ = ["FeatureColumn", "FeatureReportView", "render_features", "summary_lines"]

_HERE: Final = Path(__file__).parent
_MARKS: Final = {"clean": ("✓", "pass"), "found": ("✕", "fail"), "insufficient": ("?", "none")}
_SHOWN: Final = 12


@dataclass(frozen=True, slots=True, eq=False)
class FeatureColumn:
    """One column with all that was found out about it.

    Attributes
    ----------
    name : str
    declared : Feature
    parameters : mapping
        Every parameter's value.
    warmup : int
        Declared, in rows of its clock.
    seen, level, years, verdict
        Distribution, stationarity, drift and causality.
    cluster : int
        Place of its group among `FeatureReportView.clusters`; -1 for none.
    flags : tuple of FeatureFlag
    curve_row, curve : (m,)
        Rows and values that the page draws.
    """

    name: str
    declared: Feature
    parameters: Mapping[str, Any]
    warmup: int
    seen: Distribution
    level: Stationarity
    years: Drift
    verdict: FeatureVerdict
    cluster: int
    flags: tuple[FeatureFlag, ...]
    curve_row: I64_1D
    curve: F64_1D

    @property
    def worst(self) -> Severity | None:
        """Severity of its gravest flag."""
        return next((one for one in Severity if any(flag.severity is one for flag in self.flags)), None)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.name,
            "feature": self.declared.name,
            "family": self.declared.family,
            "unit": self.declared.unit,
            "version": self.verdict.version,
            "warmup": self.warmup,
            "distribution": self.seen.as_dict(),
            "stationarity": self.level.as_dict(),
            "drift": self.years.as_dict(),
            "causality": {"status": self.verdict.status.value, "sentence": self.verdict.sentence},
            "cluster": None if self.cluster < 0 else self.cluster,
            "flags": [
                {"name": flag.name, "severity": flag.severity.value, "sentence": flag.sentence} for flag in self.flags
            ],
        }


@dataclass(frozen=True, slots=True, eq=False)
class FeatureReportView:
    """What the page shows.

    Attributes
    ----------
    title, made, data_hash, argus : str
        The table; by what and when the page was made; hash of the bars, and version of the program.
    ts_ns : (2,) int64 as int
        When the first and the last row could first be known.
    rows : int
    columns : tuple of FeatureColumn
    clusters : tuple of Cluster
    order : (columns,) int64
        Neighbours of the heat map.
    rho : (columns, columns) float64
        Rank correlations.
    sampled : int
        Rows that they are of.
    certificate : FeatureCertificate
    axis : tuple of (int, str)
        Rows that are named on the axes of the curves.
    notes : tuple of str
    """

    title: str
    made: str
    data_hash: str
    argus: str
    ts_ns: tuple[int, int]
    rows: int
    columns: tuple[FeatureColumn, ...]
    clusters: tuple[Cluster, ...]
    order: I64_1D
    rho: NDArray[np.float64]
    sampled: int
    certificate: FeatureCertificate
    axis: tuple[tuple[int, str], ...]
    notes: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[FeatureColumn, ...]:
        """Columns that must not be used as they are."""
        return tuple(column for column in self.columns if column.worst is Severity.ERROR)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        names = [column.name for column in self.columns]
        return {
            "table": self.title,
            "rows": self.rows,
            "first": figures.instant(self.ts_ns[0]),
            "last": figures.instant(self.ts_ns[1]),
            "errors": [column.name for column in self.errors],
            "flags": dict(_counted(self)),
            "columns": [column.as_dict() for column in self.columns],
            "clusters": [
                {
                    "members": [names[k] for k in cluster.members],
                    "keep": names[cluster.keep],
                    "weakest": cluster.weakest,
                }
                for cluster in self.clusters
            ],
            "certificate": {**self.certificate.as_dict(), "data_hash": self.data_hash, "argus": self.argus},
            "notes": list(self.notes),
        }


def headline(view: FeatureReportView) -> str:
    """The page in a sentence."""
    count, bad = len(view.columns), len(view.errors)
    doubted = sum(column.worst is Severity.DOUBT for column in view.columns)
    if bad:
        return f"{bad} of {count} columns must not be used as they are; {doubted} more are in doubt"
    if doubted:
        return f"No column of {count} is in error; {doubted} are in doubt"
    return f"Nothing speaks against any of the {count} columns"


def certified(view: FeatureReportView) -> str:
    """What was tried for causality, and what came of it, in a sentence."""
    told = view.certificate
    stored = ", each held against what is stored" if told.against_stored else ""
    start = "No value moved" if told.is_clean else "Values moved"
    return (
        f"{start}: {told.rows:,} rows computed again{stored}; at {len(told.instants)} instants everything after was "
        f"replaced twice and taken away once; {told.live_rows:,} rows fed one at a time; {told.rows_compared:,} rows "
        f"compared bit by bit."
    )


def summary_lines(view: FeatureReportView) -> list[str]:
    """The page in a few lines, for the terminal: the sentence, reasons, worst columns, groups, certificate."""
    lines = [f"{view.title}: {view.rows:,} rows", f"{headline(view)}."]
    lines += [f"  {count:>4}  {name}: {_WHY[name]}" for name, count in _counted(view)]
    offenders = [column for column in view.columns if column.worst in (Severity.ERROR, Severity.DOUBT)]
    offenders.sort(key=_gravity)
    if offenders:
        lines.append("Worst:")
    for column in offenders[:_SHOWN]:
        lines.append(f"  {column.name}: {column.flags[0].sentence}" + _and_more(column))
    if len(offenders) > _SHOWN:
        lines.append(f"  and {len(offenders) - _SHOWN} more")
    names = [column.name for column in view.columns]
    for cluster in view.clusters[:_SHOWN]:
        others = ", ".join(names[k] for k in cluster.members if k != cluster.keep)
        lines.append(f"The same: keep {names[cluster.keep]}, leave {others}")
    if len(view.clusters) > _SHOWN:
        lines.append(f"  and {len(view.clusters) - _SHOWN} more groups")
    lines.append(f"Causality: {certified(view)}")
    return [*lines, *view.notes]


def _gravity(column: FeatureColumn) -> tuple[bool, int, float]:
    """Errors first, then the kind of the first flag, then how far the worst year is off."""
    psi = column.years.psi
    kind = list(_WHY).index(column.flags[0].name)
    return column.worst is not Severity.ERROR, kind, -(psi if math.isfinite(psi) else 0.0)


def _and_more(column: FeatureColumn) -> str:
    others = [flag.name for flag in column.flags[1:]]
    return f" (also: {', '.join(others)})" if others else ""


_WHY: Final[Mapping[str, str]] = {
    "causality": "a value depends on later rows",
    "range": "values leave the declared range",
    "empty": "no value at all",
    "unmoved": "the audit moved nothing, so it showed nothing",
    "holes": "more than one row in twenty is missing after the first value",
    "stuck": "nearly all values are equal",
    "trending": "no level that it returns to",
    "shifted": "a year with another distribution",
    "redundant": "says the same as a column that is kept",
}
"""What each flag means, gravest first."""


def _counted(view: FeatureReportView) -> list[tuple[str, int]]:
    found = Counter(flag.name for column in view.columns for flag in column.flags)
    return [(name, found[name]) for name in _WHY if found[name]]


# ----------------------------------------------------------------------------------------------------------------- page


def render_features(view: FeatureReportView) -> str:
    """The page as text."""
    names = [column.name for column in view.columns]
    percent = np.where(np.isnan(view.rho), -128, np.round(np.nan_to_num(view.rho) * 100)).astype(np.int8)
    order = view.order.tolist()
    heat = {
        "names": [names[k] for k in order],
        "anchors": [f"f{k}" for k in order],
        "rho": base64.b64encode(percent[np.ix_(order, order)].tobytes()).decode(),
    }
    return Template(_part("features.html")).substitute(
        title=escape(view.title),
        style=_part("page.css") + _part("features.css"),
        made=escape(view.made),
        notes="".join(f"<p>{escape(note)}</p>" for note in view.notes),
        kind="no" if view.errors else "yes",
        headline=escape(headline(view)),
        span=f"{view.rows:,} rows, {figures.instant(view.ts_ns[0])} to {figures.instant(view.ts_ns[1])} UTC",
        reasons=_reasons(view),
        certificate=_certificate(view),
        table=_overview(view),
        clusters=_clusters(view),
        sampled=f"{view.sampled:,}",
        sections="".join(_section(view, k, column) for k, column in enumerate(view.columns)),
        heat=to_script_json(heat),
        script=_part("features.js"),
    )


def _part(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _reasons(view: FeatureReportView) -> str:
    grave = {flag.name: flag.severity for column in view.columns for flag in column.flags}
    tiles = "".join(
        f'<button type="button" class="reason {grave[name].value}" data-reason="{name}" aria-pressed="false">'
        f"<b>{count}</b> {name}<small>{escape(_WHY[name])}</small></button>"
        for name, count in _counted(view)
    )
    return f'<div class="reasons-row">{tiles}</div>' if tiles else ""


def _certificate(view: FeatureReportView) -> str:
    told = view.certificate
    mark, kind = ("✓", "pass") if told.is_clean else ("✕", "fail")
    where = ", ".join(f"{row:,}" for row in told.instants)
    facts = (
        ("Instants (rows)", where or figures.NOTHING),
        ("Data hash", view.data_hash),
        ("Argus", view.argus),
    )
    rows = "".join(f"<tr><th scope='row'>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in facts)
    return (
        f'<div class="certificate {kind}"><p><span class="mark {kind}">{mark}</span> {escape(certified(view))}</p>'
        f'<details class="fold"><summary>What it stands on</summary><table class="manifest">{rows}</table></details>'
        f"</div>"
    )


def _overview(view: FeatureReportView) -> str:
    rows = []
    for k, column in enumerate(view.columns):
        seen = column.seen
        psi = column.years.psi
        flags = " ".join(f'<span class="flag {flag.severity.value}">{flag.name}</span>' for flag in column.flags)
        mark, kind = _MARKS[column.verdict.status.value]
        cells: tuple[tuple[str, float | str], ...] = (
            (f'<a href="#f{k}">{escape(column.name)}</a><small>{escape(column.declared.family)}</small>', column.name),
            (drawings.histogram(seen, small=True), ""),
            (svg.figure(seen.mean), seen.mean),
            (svg.figure(seen.std), seen.std),
            (svg.figure(seen.kurtosis), seen.kurtosis),
            (figures.percent(seen.hole_share), seen.hole_share),
            (f'<span class="word {column.level.word}">{column.level.word}</span>', column.level.word),
            (figures.ratio(psi) + (f"<small>{column.years.worst}</small>" if column.years.worst else ""), psi),
            (f'<span class="mark {kind}" title="{escape(column.verdict.sentence)}">{mark}</span>', kind),
            (flags, _weight(column)),
        )
        numeric = (0, 0, 1, 1, 1, 1, 0, 1, 0, 0)
        told = "".join(
            f'<td class="{"n" if is_number else ""}" data-v="{_sortable(value)}">{shown}</td>'
            for (shown, value), is_number in zip(cells, numeric, strict=True)
        )
        reasons = " ".join(flag.name for flag in column.flags)
        grave = "error" if column.worst is Severity.ERROR else ""
        rows.append(f'<tr class="{grave}" data-reasons="{reasons}">{told}</tr>')
    heads = (
        "Column", "", "#Mean", "#Std", "#Kurtosis", "#Holes", "Level", "#Drift", "Causal", "Flags",
    )  # fmt: skip
    head = [
        f'<th scope="col" class="{"n" if name.startswith("#") else ""}" aria-sort="none">'
        + (f'<button type="button">{escape(name.lstrip("#"))}</button>' if name else "")
        + "</th>"
        for name in heads
    ]
    caption = "A click on a heading sorts. Kurtosis of a normal distribution is 3; drift is the index of the worst year"
    return _table(caption, head, rows, "overview")


def _weight(column: FeatureColumn) -> int:
    weights = {Severity.ERROR: 10_000, Severity.DOUBT: 100, Severity.NOTE: 1}
    return sum(weights[flag.severity] for flag in column.flags)


def _sortable(value: float | str) -> str:
    if isinstance(value, str):
        return escape(value)
    return f"{value:.9g}" if math.isfinite(value) else ""


def _clusters(view: FeatureReportView) -> str:
    if not view.clusters:
        return '<p class="nothing">No two columns say the same.</p>'
    rows = []
    for cluster in view.clusters:
        linked = [f'<a href="#f{k}">{escape(view.columns[k].name)}</a>' for k in cluster.members if k != cluster.keep]
        kept = f'<a href="#f{cluster.keep}">{escape(view.columns[cluster.keep].name)}</a>'
        rows.append(
            f'<tr><th scope="row">{kept}</th><td>{", ".join(linked)}</td>'
            f'<td class="n">{len(cluster.members)}</td><td class="n">{figures.ratio(cluster.weakest)}</td></tr>'
        )
    return _table(
        "Columns that say the same: one is enough",
        _heads("Keep", "Leave", "#Columns", "#Weakest correlation"),
        rows,
        "clusters",
    )


def _section(view: FeatureReportView, place: int, column: FeatureColumn) -> str:
    declared = column.declared
    flags = "".join(
        f'<li class="{flag.severity.value}"><b>{flag.name}</b> {escape(flag.sentence)}</li>' for flag in column.flags
    )
    mark, kind = _MARKS[column.verdict.status.value]
    shown = " ".join(f'<span class="flag {flag.severity.value}">{flag.name}</span>' for flag in column.flags)
    pictures = (
        ("Values", drawings.histogram(column.seen), f"{column.seen.known:,} values, in {declared.unit}"),
        ("Years", drawings.years(column.years), "median, and where half and nine tenths of the values lie"),
        (
            "Series",
            drawings.curve(column.curve_row, column.curve, view.rows, view.axis),
            "its extremes are all drawn",
        ),
    )
    cards = "".join(
        f'<div class="card"><header><h3>{name}</h3><small>{escape(note)}</small></header>{drawing}</div>'
        for name, drawing, note in pictures
    )
    return (
        f'<details class="candidate" id="f{place}" data-reasons="{" ".join(flag.name for flag in column.flags)}">'
        f'<summary><span class="who">{escape(column.name)}</span>{shown}'
        f'<span class="mark {kind}">{mark}</span></summary><div class="body">'
        f'<p class="idea">{escape(declared.meaning)}</p>'
        + (f'<ul class="reasons">{flags}</ul>' if flags else "")
        + f'<div class="drawings">{cards}</div>{_figures_table(column)}{_facts(view, column)}</div></details>'
    )


def _figures_table(column: FeatureColumn) -> str:
    seen = column.seen
    heads = [f"#{level:.0%}" for level in LEVELS]
    cells = [f"#{svg.figure(value)}" for value in seen.quantiles]
    head = _heads("#Mean", "#Std", "#Skewness", "#Kurtosis", "#Least", *heads, "#Greatest")
    moments = [f"#{svg.figure(value)}" for value in (seen.mean, seen.std, seen.skew, seen.kurtosis, seen.low)]
    return _table("", head, [f"<tr>{_cells(*moments, *cells, f'#{svg.figure(seen.high)}')}</tr>"])


def _facts(view: FeatureReportView, column: FeatureColumn) -> str:
    declared, seen, level = column.declared, column.seen, column.level
    tests = level.sentence
    if math.isfinite(level.adf):
        tests += (
            f" (ADF {level.adf:.2f}, p {level.adf_p:.3f}; KPSS {level.kpss:.2f}, p {_kpss_p(level.kpss_p)}; "
            f"{level.rows:,} rows, evenly thinned)"
        )
    group = ""
    if column.cluster >= 0:
        cluster = view.clusters[column.cluster]
        others = [view.columns[k].name for k in cluster.members if view.columns[k].name != column.name]
        group = f"{', '.join(others)}; keep {view.columns[cluster.keep].name}"
    facts = (
        ("Formula", declared.formula),
        ("Source", declared.source),
        ("Parameters", figures.parameters(column.parameters)),
        (
            "Range",
            f"{_bound(declared.low)} to {_bound(declared.high)}; "
            f"seen {svg.figure(seen.low)} to {svg.figure(seen.high)}",
        ),
        (
            "Missing",
            f"{seen.first_row:,} rows before the first value (declared warm-up: {column.warmup:,} rows of its clock), "
            f"{seen.holes:,} later. {declared.nan_policy}",
        ),
        ("Most frequent", f"{svg.figure(seen.top_value)}, {figures.percent(seen.top_share, 2)} of the values"),
        ("Level", tests),
        ("Drift", column.years.sentence),
        ("Says the same", group),
        ("Distrust", declared.distrust),
        ("Causality", column.verdict.sentence),
        ("Version", column.verdict.version),
    )
    rows = "".join(
        f'<tr><th scope="row">{name}</th><td>{escape(value)}</td></tr>' for name, value in facts if value
    )  # fmt: skip
    return f'<div class="scroll"><table class="manifest">{rows}</table></div>'


def _bound(value: float) -> str:
    return f"{value:g}" if math.isfinite(value) else "no bound"


def _kpss_p(value: float) -> str:
    return "0.01 or less" if value <= 0.01 else "0.1 or more" if value >= 0.1 else f"{value:.3f}"
