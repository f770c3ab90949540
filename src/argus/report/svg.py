"""Small drawings as SVG text: scales with round figures on them, lines that break where a value is missing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

import numpy as np

from argus.core.arrays import F64_1D, I64_1D
from argus.core.time import NS_PER_DAY, NS_PER_SECOND

__all__ = ["Scale", "figure", "line", "scale_of", "text", "ticks", "time_ticks"]


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight scale from values to places of a drawing.

    Attributes
    ----------
    low, high : float
        Values at its ends.
    start, end : float
        Places of its ends.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where a value is drawn."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def scale_of(values: F64_1D, start: float, end: float, margin: float = 0.05) -> Scale:
    """A scale that shows all finite values, with some room about them."""
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    if not high > low:
        room = abs(low) * 0.05 or 1.0
        low, high = low - room, high + room
    room = (high - low) * margin
    return Scale(low - room, high + room, start, end)


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round values within a range, about as many as asked for."""
    span = high - low
    if not (math.isfinite(span) and span > 0.0):
        return [low] if math.isfinite(low) else []
    raw = span / max(about, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * k for k in (1.0, 2.0, 2.5, 5.0, 10.0) if power * k >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def time_ticks(ts_ns: I64_1D, about: int = 5) -> list[tuple[int, str]]:
    """(row, label) of rows to be named on an axis of rows, with as much of the date as tells them apart."""
    n = len(ts_ns)
    if not n:
        return []
    rows = [round((k + 0.5) * (n - 1) / about) for k in range(about)]
    span = int(ts_ns[-1] - ts_ns[0])
    if span > 800 * NS_PER_DAY:
        form = "%b %Y"
    elif span > 5 * NS_PER_DAY:
        form = "%d %b %Y"
    else:
        form = "%d %b %H:%M"
    return [
        (row, datetime.fromtimestamp(int(ts_ns[row]) // NS_PER_SECOND, UTC).strftime(form))
        for row in dict.fromkeys(rows)
    ]


def line(x: Sequence[float] | F64_1D, y: F64_1D, across: Scale, up: Scale, kind: str) -> str:
    """A line through points; it breaks where a value is missing, and a lone value is a dot."""
    pieces: list[list[str]] = [[]]
    for a, b in zip(x, y, strict=True):
        if math.isfinite(b):
            pieces[-1].append(f"{across(a):.1f},{up(b):.1f}")
        elif pieces[-1]:
            pieces.append([])
    drawn = []
    for piece in pieces:
        if len(piece) == 1:
            place = piece[0].split(",")
            drawn.append(f'<circle class="{kind} dot" cx="{place[0]}" cy="{place[1]}" r="1.2"/>')
        elif piece:
            drawn.append(f'<path class="{kind}" d="M{"L".join(piece)}"/>')
    return "".join(drawn)


def text(x: float, y: float, told: str, anchor: str = "start", kind: str = "") -> str:
    """A piece of text."""
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(told)}</text>'


def figure(value: float, step: float = 0.0) -> str:
    """A value as short as it can be told beside others that are `step` apart."""
    if not math.isfinite(value):
        return "—"
    if value == 0.0:
        return "0"
    size = max(abs(value), step)
    if size >= 1e5 or size < 1e-3:
        for scale, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
            if size >= scale:
                return f"{value / scale:.3g}{letter}".replace("-", "−")
        return f"{value:.1e}".replace("e-0", "e-").replace("-", "−")
    places = max(0, 3 - math.floor(math.log10(size)))
    if step:
        places = max(0, -math.floor(math.log10(step) + 1e-9))
        places += round(step * 10**places, 6) % 1 > 0
    told = f"{value:.{min(places, 9)}f}"
    if "." in told and not step:
        told = told.rstrip("0").rstrip(".")
    return told.replace("-", "−")
