"""Data of the charts on options: what is drawn, on which axes, in which role; the page's script knows the colours.

A role is the name of a colour of the page (``gain``, ``loss``, ``ink``, ``hold``), ``m0`` to ``m5`` for models side by
side, or ``ramp:s`` with s from 0 to 1 for curves that follow each other in time. Names are escaped here, because the
chart library reads tags in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D
from argus.report.sampling import short

__all__ = ["DASHES", "Mark", "axis", "band", "bars", "curve", "dots", "mark", "matrix", "ranges", "sheet", "xy"]

DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
"""Models side by side differ in their dashes too, not in colour alone."""

Chart = dict[str, Any]
Mark = dict[str, Any]


def axis(title: str, form: str = ",.2f", unit: str = "", *, tenors: bool = False) -> Chart:
    """An axis: its title, how its figures are written, what follows them, and whether it is one of days to expiry."""
    drawn: Chart = {"title": escape(title), "form": form, "unit": escape(unit)}
    return drawn | {"tenors": True} if tenors else drawn


def curve(
    name: str,
    y: F64_1D,
    *,
    x: F64_1D | None = None,
    role: str = "gain",
    dash: str = "solid",
    fill: str = "",
    panel: int = 0,
    with_points: bool = False,
) -> Chart:
    """A line; `fill` is ``zero`` (to zero) or ``sign`` (above zero and below it apart), `panel` 1 the lower one."""
    drawn: Chart = {"mode": "line", "name": escape(name), "y": short(y), "role": role}
    if x is not None:
        drawn["x"] = short(x)
    return drawn | {key: value for key, value in _options(dash, fill, panel, with_points) if value}


def _options(dash: str, fill: str, panel: int, with_points: bool) -> Sequence[tuple[str, str | int]]:
    return ("dash", dash), ("fill", fill), ("panel", panel), ("points", int(with_points))


def band(name: str, low: F64_1D, high: F64_1D, share: float, role: str = "gain") -> Chart:
    """The area between two lines, more or less transparent."""
    return {"mode": "band", "name": escape(name), "low": short(low), "high": short(high), "share": share, "role": role}


def dots(name: str, x: F64_1D, y: F64_1D, text: Sequence[str], role: str = "gain", symbol: str = "circle") -> Chart:
    """Points, each with what is said of it."""
    return {
        "mode": "dots",
        "name": escape(name),
        "x": short(x),
        "y": short(y),
        "text": [escape(one) for one in text],
        "role": role,
        "symbol": symbol,
    }


def bars(name: str, edge: F64_1D, y: F64_1D, error: F64_1D | None = None) -> Chart:
    """A histogram, gains and losses in their colours, with the standard error of each bar."""
    drawn: Chart = {"mode": "bars", "name": escape(name), "edge": short(edge), "y": short(y)}
    return drawn if error is None else drawn | {"error": short(error)}


def mark(x: float, name: str, role: str = "hold", dash: str = "dot") -> Mark:
    """An upright line with its name in the legend."""
    return {"x": float(f"{x:.8g}"), "name": escape(name), "role": role, "dash": dash}


def sheet(
    name: str, x: F64_1D | None, series: Sequence[Chart], *, marks: Sequence[Mark] = (), y: Chart | None = None
) -> Chart:
    """What a chart shows at a time; series without an x of their own share `x`, and `y` replaces the chart's axis."""
    drawn: Chart = {"name": escape(name), "series": list(series), "marks": list(marks)}
    if x is not None:
        drawn["x"] = short(x)
    return drawn if y is None else drawn | {"y": y}


def xy(sheets: Sequence[Chart], x: Chart, y: Chart, lower: Chart | None = None, *, near: bool = False) -> Chart:
    """A chart of lines, bands, bars and points; `lower` is the axis of a panel below, `near` tells of one point."""
    return {"kind": "xy", "sheets": list(sheets), "axis": x, "value": y, "lower": lower, "near": near}


def matrix(
    z: NDArray[np.float64],
    *,
    x: F64_1D | Sequence[str],
    y_names: Sequence[str],
    y: F64_1D | None = None,
    titles: tuple[str, str],
    value: Chart,
    told: Sequence[Sequence[str]] | None = None,
    diverging: bool = False,
) -> Chart:
    """A heat map of (rows, columns), and a surface where `y` places the rows; `told` is said of each cell."""
    drawn: Chart = {
        "kind": "matrix",
        "z": [short(row, 5) for row in z],
        "x": short(x) if isinstance(x, np.ndarray) else [escape(one) for one in x],
        "names": [escape(name) for name in y_names],
        "titles": [escape(title) for title in titles],
        "value": value,
        "diverging": diverging,
    }
    if y is not None:
        drawn["y"] = short(y)
    if told is not None:
        drawn["told"] = [[escape(one) for one in row] for row in told]
    return drawn


def ranges(names: Sequence[str], columns: Sequence[tuple[float, ...]], x: Chart) -> Chart:
    """Distributions side by side: (5 %, 25 %, 50 %, 75 %, 95 %, mean, mean of the worst) of each."""
    table = [short(np.asarray(column, dtype=np.float64)) for column in columns]
    return {"kind": "ranges", "names": [escape(name) for name in names], "rows": table, "axis": x}
