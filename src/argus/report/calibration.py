"""A calibration on a page: how often the lab was fooled, what it found, and which gate did what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from argus.lab.calibration.table import CalibrationTable, Rate
from argus.report.svg import Scale, text

__all__ = ["gates_svg", "markdown", "power_svg", "rates_svg", "summary", "threshold_lines"]

_WIDTH: Final = 760.0
_ROW: Final = 22.0
_STYLE: Final = (
    "<style>text{font:12px system-ui,sans-serif;fill:#333}.axis{stroke:#ccc}.soft{fill:#777}.title{font-weight:600}"
    ".bad{stroke:#b3261e;fill:#b3261e}.good{stroke:#1a6b3c;fill:#1a6b3c}.other{stroke:#5b6b8c;fill:#5b6b8c}"
    ".line{stroke-width:2;fill:none}.bar{stroke-width:2}</style>"
)


def summary(table: CalibrationTable) -> dict[str, Any]:
    """The rates as plain types."""

    def told(one: Rate) -> dict[str, Any]:
        return {"count": one.count, "of": one.of, "share": one.share, "low": one.low, "high": one.high}

    return {
        "cases": len(table.cases),
        "not_judged": sum(bool(result.error) for result in table.results),
        "unexplained": table.unexplained,
        "fooled": told(table.rate(edge=False)),
        "found": told(table.rate(edge=True)),
        "groups": {group: told(table.rate(group)) for group in table.groups},
        "gates": {
            row.gate: {
                "stops": row.stops,
                "passed_no_edge": told(row.passed_no_edge),
                "passed_edge": told(row.passed_edge),
                "fooled_without": told(row.fooled_without),
                "found_without": told(row.found_without),
                "only_it_stopped": row.only_it_stopped,
                "only_it_lost": row.only_it_lost,
            }
            for row in table.ablation()
        },
    }


def markdown(table: CalibrationTable) -> str:
    """Tables for the documentation."""
    parts = [_groups_table(table), _ablation_table(table), _power_table(table), _no_edge_table(table)]
    failed = [result for result in table.results if result.error]
    if failed:
        parts.append(
            f"{len(failed)} searches could not be judged and count as not found; the first: {failed[0].case}, "
            f"{failed[0].error}"
        )
    if table.unexplained:
        parts.append(
            f"{table.unexplained} verdicts do not follow from the answers of the gates alone; figures without a gate "
            "are not sure for them."
        )
    return "\n\n".join(part for part in parts if part)


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _share(one: Rate) -> str:
    return f"{one.share:.1%} ({one.low:.1%} to {one.high:.1%})" if one.of else "-"


def _groups_table(table: CalibrationTable) -> str:
    required = {case.group for case in table.cases if case.is_required}
    head = ("markets", "searches", "called deployable", "share (95 % interval)", "")
    rows = []
    for group in table.groups:
        one = table.rate(group)
        rows.append((group, str(one.of), str(one.count), _share(one), "" if group in required else "reported only"))
    return _rows(head, rows)


def _ablation_table(table: CalibrationTable) -> str:
    head = (
        *("gate", "passed without an edge", "passed with an edge", "fooled without the gate"),
        *("found without the gate", "it alone stopped, no edge", "it alone stopped, edge"),
    )
    rows = [
        (
            *(row.gate if row.stops else f"{row.gate} (informs only)", f"{row.passed_no_edge.share:.1%}"),
            *(f"{row.passed_edge.share:.1%}", f"{row.fooled_without.share:.1%}", f"{row.found_without.share:.1%}"),
            *(str(row.only_it_stopped), str(row.only_it_lost)),
        )
        for row in table.ablation()
    ]
    return _rows(head, rows)


def _power_table(table: CalibrationTable) -> str:
    points = table.power_curve()
    years = sorted({point.years for point in points if point.years})
    cells = {(point.edge, point.sharpe, point.years): point.found for point in points}
    rows = [
        (
            *(edge.replace("_", " "), f"{sharpe:g}", _share(cells[edge, sharpe, 0])),
            *(_share(cells[edge, sharpe, n]) if (edge, sharpe, n) in cells else "-" for n in years),
        )
        for edge, sharpe in dict.fromkeys((point.edge, point.sharpe) for point in points)
    ]
    return _rows(("edge", "true Sharpe ratio", "found", *(f"of {n} years" for n in years)), rows)


def _no_edge_table(table: CalibrationTable) -> str:
    rows = [
        (name, str(value), _share(one))
        for name, column in (
            ("strategy", "strategy"),
            ("years", "years"),
            ("slippage, ticks a side", "cost_ticks"),
            ("volatility a year", "vol_annual"),
            ("volatility moves", "mood"),
        )
        for value, one in table.by(column, edge=False).items()
    ]
    return _rows(("without an edge, by", "", "called deployable"), rows)


# ---- pictures


def _drawing(height: float, body: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {height:g}" width="{_WIDTH:g}" role="img">'
        f"{_STYLE}{''.join(body)}</svg>\n"
    )


def _axis(across: Scale, top: float, bottom: float) -> list[str]:
    drawn = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = across(share)
        drawn.append(f'<path class="axis" d="M{x:.1f},{top:.1f}V{bottom:.1f}"/>')
        drawn.append(text(x, bottom + 15, f"{share:.0%}", "middle", "soft"))
    return drawn


def _interval(one: Rate, across: Scale, y: float, kind: str) -> str:
    """A dot at the share, a line over its interval; nothing where there is nothing."""
    if not one.of:
        return ""
    return (
        f'<path class="bar {kind}" d="M{across(one.low):.1f},{y:.1f}H{across(one.high):.1f}"/>'
        f'<circle class="{kind}" cx="{across(one.share):.1f}" cy="{y:.1f}" r="3.5"/>'
    )


def rates_svg(table: CalibrationTable) -> str:
    """Share of searches called deployable in each group, with its interval."""
    across, top = Scale(0.0, 1.0, 290.0, _WIDTH - 30.0), 34.0
    bottom = top + _ROW * len(table.groups)
    body = [text(10, 18, "Called deployable, by what is true of the market", kind="title"), *_axis(across, top, bottom)]
    for number, group in enumerate(table.groups):
        y = top + _ROW * (number + 0.5)
        of = [case for case in table.cases if case.group == group]
        kind = "other" if not of[0].is_required else "good" if of[0].has_edge else "bad"
        one = table.rate(group)
        body.append(text(280, y + 4, f"{group} ({one.of})", "end"))
        body.append(_interval(one, across, y, kind))
    return _drawing(bottom + 26, body)


def power_svg(table: CalibrationTable) -> str:
    """Share of planted edges that is found, by their true Sharpe ratio: a panel for each kind, all lengths."""
    points = [point for point in table.power_curve() if point.years == 0]
    kinds = list(dict.fromkeys(point.edge for point in points))
    body = [text(10, 18, "Found, by the true annual Sharpe ratio of the planted edge", kind="title")]
    top, bottom, wide = 40.0, 220.0, (_WIDTH - 60.0) / max(len(kinds), 1)
    up = Scale(0.0, 1.0, bottom, top)
    for number, kind in enumerate(kinds):
        own = [point for point in points if point.edge == kind]
        left = 45.0 + number * wide
        low, high = own[0].sharpe, own[-1].sharpe
        across = Scale(low - 0.25, max(high, low + 0.01) + 0.25, left, left + wide - 25.0)
        for share in (0.0, 0.5, 1.0):
            body.append(f'<path class="axis" d="M{left:.1f},{up(share):.1f}H{left + wide - 25:.1f}"/>')
            body.append(text(left - 5, up(share) + 4, f"{share:.0%}", "end", "soft"))
        places = "L".join(f"{across(point.sharpe):.1f},{up(point.found.share):.1f}" for point in own)
        body.append(f'<path class="line good" d="M{places}"/>')
        for point in own:
            x = across(point.sharpe)
            body.append(
                f'<path class="bar good" d="M{x:.1f},{up(point.found.low):.1f}V{up(point.found.high):.1f}"/>'
                f'<circle class="good" cx="{x:.1f}" cy="{up(point.found.share):.1f}" r="3.5"/>'
            )
            body.append(text(x, bottom + 16, f"{point.sharpe:g}", "middle", "soft"))
        body.append(text(left, top - 8, kind.replace("_", " ")))
    return _drawing(bottom + 28, body)


def gates_svg(table: CalibrationTable) -> str:
    """What passes each gate alone: searches without an edge and with one."""
    rows = table.ablation()
    across, top = Scale(0.0, 1.0, 190.0, _WIDTH - 30.0), 52.0
    bottom = top + _ROW * len(rows)
    body = [
        text(10, 18, "Passed, gate by gate", kind="title"),
        text(190, 38, "without an edge", kind="bad"),
        text(310, 38, "with a planted edge", kind="good"),
        *_axis(across, top, bottom),
    ]
    for number, row in enumerate(rows):
        y = top + _ROW * (number + 0.5)
        body.append(text(180, y + 4, row.gate, "end"))
        body.append(_interval(row.passed_no_edge, across, y - 4, "bad"))
        body.append(_interval(row.passed_edge, across, y + 4, "good"))
    return _drawing(bottom + 26, body)


def threshold_lines(table: CalibrationTable, gate: str, count: int = 9) -> list[str]:
    """What another threshold of a gate would do, all others as they are; at thresholds that its figures suggest."""
    values = np.array(
        [answer.value for result in table.results for answer in result.answers if answer.gate == gate], dtype=float
    )
    values = values[np.isfinite(values)]
    if not len(values):
        return [f"{gate}: no figures to set a threshold by"]
    lines = []
    for at in sorted({float(np.quantile(values, q)) for q in np.linspace(0.05, 0.95, count)}):
        if table.is_movable(gate, at):
            _, fooled, found = table.threshold_curve(gate, [at])[0]
            lines.append(f"{gate} at {at:.4g}: fooled {fooled.share:.1%}, found {found.share:.1%}")
    return lines or [f"{gate}: its figures say nothing at other thresholds"]
