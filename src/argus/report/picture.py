"""A price and a feature over the same rows, one above the other: in characters for a terminal, or as an SVG file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import Final

import numpy as np

from argus.core.arrays import F64_1D, I64_1D
from argus.report.svg import Scale, figure, line, scale_of, text, ticks, time_ticks

__all__ = ["Picture", "in_characters", "in_svg"]

_DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a braille character: four dots down, two across."""
_EMPTY: Final = 0x2800
_LABEL: Final = 10


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What is drawn.

    Attributes
    ----------
    name, unit : str
        Of the feature.
    price_name, told : str
        Whose price, and what sort of data.
    ts_ns : (n,) int64
    price, values : (n,) float64
    warmup : int
        Rows of the picture before the feature's first value.
    declared_warmup : int
        Rows of its clock at the last of which the first value can come.
    low, high : float
        Range that no value leaves; infinite for none.
    """

    name: str
    unit: str
    price_name: str
    told: str
    ts_ns: I64_1D
    price: F64_1D
    values: F64_1D
    warmup: int
    declared_warmup: int
    low: float
    high: float


# ----------------------------------------------------------------------------------------------------------- characters


def in_characters(picture: Picture, width: int = 100) -> list[str]:
    """The picture in lines of braille characters: price above, feature below, one axis of time.

    Parameters
    ----------
    picture : Picture
    width : int
        Most characters a line.
    """
    across = max(20, width - _LABEL - 1)
    lines = [f"{picture.price_name} ({picture.told})"]
    lines += _panel(picture.price, across, 6)
    lines.append(f"{picture.name} ({picture.unit})"[:width])
    lines += _panel(picture.values, across, 6)
    lines.append(_under(picture, across))
    if picture.warmup:
        shaded = max(1, round(picture.warmup / len(picture.values) * across))
        lines.append(" " * (_LABEL + 1) + "└" + "─" * max(shaded - 2, 0) + "┘ no value yet: warm-up")
    return lines


def _panel(values: F64_1D, across: int, high: int) -> list[str]:
    """Lines of braille with the outermost values beside them; each place shows the span of the rows under it."""
    cells = np.full((high, across), 0, dtype=np.int64)
    scale = scale_of(values, 4 * high - 1, 0, margin=0.0)
    n, columns = len(values), 2 * across
    last: int | None = None
    for k in range(columns):
        part = values[k * n // columns : max((k + 1) * n // columns, k * n // columns + 1)]
        part = part[np.isfinite(part)]
        if not len(part):
            last = None
            continue
        ends = [round(scale(float(value))) for value in (part.max(), part.min())]
        top, bottom = (max(0, min(4 * high - 1, end)) for end in ends)
        if last is not None:
            # From where the line was: else a jump would be two dots with nothing between.
            top, bottom = min(top, last + 1) if last < top else top, max(bottom, last - 1) if last > bottom else bottom
        for dot in range(top, bottom + 1):
            cells[dot // 4, k // 2] |= _DOTS[dot % 4][k % 2]
        last = max(0, min(4 * high - 1, round(scale(float(part[-1])))))
    rows = []
    for r in range(high):
        label = figure(scale.high) if r == 0 else figure(scale.low) if r == high - 1 else ""
        rows.append(f"{label:>{_LABEL}} " + "".join(chr(_EMPTY + int(cell)) for cell in cells[r]).rstrip(chr(_EMPTY)))
    return rows


def _under(picture: Picture, across: int) -> str:
    """The axis of time."""
    n = len(picture.ts_ns)
    told = [" "] * (across + _LABEL + 1)
    for row, label in time_ticks(picture.ts_ns, 4):
        start = _LABEL + 1 + round(row / max(n - 1, 1) * (across - 1)) - len(label) // 2
        start = max(_LABEL + 1, min(start, len(told) - len(label)))
        told[start : start + len(label)] = label
    return "".join(told).rstrip()


# ------------------------------------------------------------------------------------------------------------------ SVG

_STYLE: Final = (
    "text{font:12px ui-sans-serif,system-ui,sans-serif;fill:#5c656e}.title{font-size:14px;font-weight:600;fill:#1c2126}"
    ".level{stroke:#e2e0d8}.price,.value{fill:none;stroke-width:1.4;stroke-linejoin:round}.price{stroke:#1c2126}"
    ".value{stroke:#0f6b8f}.dot{stroke:none}.price.dot{fill:#1c2126}.value.dot{fill:#0f6b8f}.warm{fill:#f1f0eb}"
    ".bound{stroke:#b4450f;stroke-dasharray:4 4}.paper{fill:#fff}"
)
_WIDE, _LEFT, _RIGHT = 900.0, 74.0, 16.0


def in_svg(picture: Picture) -> str:
    """The picture as an SVG file: price above, feature below, one axis of time, the warm-up shaded."""
    n = len(picture.ts_ns)
    across = Scale(0.0, float(max(n - 1, 1)), _LEFT, _WIDE - _RIGHT)
    drawn = [f'<rect class="paper" width="{_WIDE:g}" height="470"/>']
    if picture.warmup:
        end = across(min(picture.warmup, n - 1))
        drawn.append(f'<rect class="warm" x="{_LEFT}" y="30" width="{end - _LEFT:.1f}" height="404"/>')
        drawn.append(text(_LEFT, 466, "shaded: no value yet (warm-up)"))
    drawn.append(_svg_panel(picture.price, picture.price_name, "price", across, (36.0, 214.0)))
    drawn.append(_svg_panel(picture.values, f"{picture.name}: {picture.unit}", "value", across, (250.0, 434.0)))
    drawn.append(_bounds(picture, (250.0, 434.0)))
    drawn += [text(across(row), 452, label, "middle") for row, label in time_ticks(picture.ts_ns, 6)]
    drawn.append(text(_WIDE - _RIGHT, 20, picture.told, "end"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE:g} 470" width="{_WIDE:g}" height="470" '
        f'role="img" aria-label="{escape(picture.name)} on sample data"><style>{_STYLE}</style>{"".join(drawn)}</svg>\n'
    )


def _svg_panel(values: F64_1D, title: str, kind: str, across: Scale, place: tuple[float, float]) -> str:
    top, floor = place
    up = scale_of(values, floor, top)
    marks = ticks(up.low, up.high, 5)
    step = marks[1] - marks[0] if len(marks) > 1 else 0.0
    levels = "".join(
        f'<path class="level" d="M{_LEFT},{up(mark):.1f}H{_WIDE - _RIGHT}"/>'
        + text(_LEFT - 8, up(mark) + 4, figure(mark, step), "end")
        for mark in marks
    )
    rows = np.arange(len(values), dtype=np.float64)
    return (
        levels
        + line(rows, values, across, up, kind)
        + text(_LEFT, top - 16 if top < 100 else top - 10, title, kind="title")
    )


def _bounds(picture: Picture, place: tuple[float, float]) -> str:
    """The declared range, where it lies within the picture."""
    top, floor = place
    up = scale_of(picture.values, floor, top)
    return "".join(
        f'<path class="bound" d="M{_LEFT},{up(bound):.1f}H{_WIDE - _RIGHT}"/>'
        for bound in (picture.low, picture.high)
        if math.isfinite(bound) and up.low <= bound <= up.high
    )
