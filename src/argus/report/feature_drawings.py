"""Drawings of a feature's values: histogram, fan of the years, and the series, as SVG that takes the page's colours."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from argus.core.arrays import F64_1D, I64_1D
from argus.lab.feature_study.study import Distribution, Drift
from argus.report.svg import Scale, figure, line, scale_of, text, ticks

__all__ = ["curve", "histogram", "years"]

_WIDE, _HIGH = 360.0, 150.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 8.0, 8.0, 20.0


def _frame(inside: str, told: str, width: float = _WIDE, height: float = _HIGH, kind: str = "drawing") -> str:
    return (
        f'<svg class="{kind}" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{told}">{inside}</svg>'
    )  # fmt: skip


def histogram(seen: Distribution, *, small: bool = False) -> str:
    """How often values lie where; as a mark in a table, or with an axis."""
    if not seen.counts:
        return '<span class="nothing">no values</span>'
    if small:
        return _frame(_bars(seen, Scale(0, 1, 0, 110), Scale(0, 1, 24, 1)), "histogram", 110, 25, "spark")
    across = Scale(seen.edges[0], seen.edges[-1], _LEFT, _WIDE - _RIGHT)
    floor = _HIGH - _BOTTOM
    drawn = _bars(seen, Scale(0, 1, _LEFT, _WIDE - _RIGHT), Scale(0, 1, floor, _TOP))
    if seen.edges[-1] > seen.edges[0]:
        marks = ticks(seen.edges[0], seen.edges[-1])
        step = marks[1] - marks[0] if len(marks) > 1 else 0.0
        drawn += "".join(text(across(mark), _HIGH - 5, figure(mark, step), "middle") for mark in marks)
    else:
        drawn += text((_LEFT + _WIDE) / 2, _HIGH - 5, figure(seen.low), "middle")
    return _frame(f'<path class="axis" d="M{_LEFT},{floor}H{_WIDE - _RIGHT}"/>{drawn}', "histogram")


def _bars(seen: Distribution, across: Scale, up: Scale) -> str:
    """Bars whose heights are the square roots of the counts: rare values stay visible."""
    most = math.sqrt(max(seen.counts))
    n = len(seen.counts)
    wide = (across.end - across.start) / n
    drawn = []
    for k, count in enumerate(seen.counts):
        if count:
            top = up(math.sqrt(count) / most)
            drawn.append(f"M{across(k / n):.1f},{up(0):.1f}V{top:.1f}h{max(wide - 0.6, 0.4):.1f}V{up(0):.1f}z")
    return f'<path class="bar" d="{"".join(drawn)}"/>'


def years(drift: Drift) -> str:
    """Each year's median, quartiles and 5 and 95 % points, side by side; the worst year is marked."""
    shown = drift.years
    if not shown:
        return '<span class="nothing">no values</span>'
    ends = np.array([value for year in shown for value in (year.quantiles[0], year.quantiles[-1])])
    up = scale_of(ends, _HIGH - _BOTTOM, _TOP)
    wide = (_WIDE - _LEFT - _RIGHT) / len(shown)
    half = min(wide * 0.32, 16.0)
    drawn = _levels(up)
    every = max(1, math.ceil(len(shown) * 34 / (_WIDE - _LEFT)))
    for k, year in enumerate(shown):
        middle = _LEFT + (k + 0.5) * wide
        low, first, median, third, high = (up(value) for value in year.quantiles)
        kind = " worst" if year.year == drift.worst and drift.word in ("moved", "shifted") else ""
        drawn += (
            f'<g class="year{kind}"><title>{year.year}: median {figure(year.quantiles[2])}, {year.known:,} values, '
            f"index {figure(year.psi)}</title>"
            f'<path class="reach" d="M{middle:.1f},{low:.1f}V{high:.1f}"/>'
            f'<rect x="{middle - half:.1f}" y="{third:.1f}" width="{2 * half:.1f}" '
            f'height="{max(first - third, 0.8):.1f}"/>'
            f'<path class="median" d="M{middle - half:.1f},{median:.1f}h{2 * half:.1f}"/></g>'
        )
        if k % every == 0:
            drawn += text(middle, _HIGH - 5, str(year.year), "middle")
    return _frame(drawn, "quantiles by year")


def curve(rows: I64_1D, values: F64_1D, n: int, axis: Sequence[tuple[int, str]]) -> str:
    """The series over all rows."""
    wide, high = 740.0, 150.0
    across = Scale(0.0, float(max(n - 1, 1)), _LEFT, wide - _RIGHT)
    up = scale_of(values, high - _BOTTOM, _TOP)
    drawn = _levels(up, wide)
    drawn += line(rows.astype(np.float64), values, across, up, "line")
    drawn += "".join(text(across(row), high - 5, told, "middle") for row, told in axis)
    return _frame(drawn, "series", wide, high)


def _levels(up: Scale, wide: float = _WIDE) -> str:
    marks = ticks(up.low, up.high)
    step = marks[1] - marks[0] if len(marks) > 1 else 0.0
    return "".join(
        f'<path class="level" d="M{_LEFT},{up(mark):.1f}H{wide - _RIGHT}"/>'
        + text(_LEFT - 5, up(mark) + 3.5, figure(mark, step), "end")
        for mark in marks
    )
