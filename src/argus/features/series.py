"""The series whose shape, disorder and memory are measured: returns, ranges, volumes or the price itself.

Each is on a scale on which its ups and downs are alike, so that one feature suits them all: logarithms of ratios for
what moves in proportion. None changes when all prices are multiplied by a number.
"""

from __future__ import annotations

from typing import Final

from argus.core.strategy import Parameter
from argus.features import windows as w
from argus.features.declaration import Values, whole
from argus.features.graph import Term
from argus.features.inputs import CLOSE, HIGH, LOW, VOLUME

__all__ = ["EVERY", "LEAD", "OF", "SERIES_NAN", "first_held", "rows_of", "series", "series_of", "window_warmup"]

OF: Final = Parameter(
    "of",
    "return",
    choices=("return", "range", "volume", "close"),
    why="Series measured: the log return of a row, ln(high / low), ln(volume), or ln(close).",
)

SERIES_NAN: Final = (
    "A window that holds a missing value has none: of returns where either close is missing, zero or negative, of "
    "ranges where high or low is, of volume where nothing was traded."
)

EVERY: Final = (
    "It is worked out in rows whose number from zero is a multiple of `every` and held in between, a missing one too."
)

LEAD: Final = {"return": 1, "range": 0, "volume": 0, "close": 0}
"""Rows of each series before its first value."""


def series(of: str) -> Term:
    """The series of that name."""
    if of == "return":
        return w.log_growth(CLOSE, 1)
    if of == "range":
        return w.log(HIGH / w.above_zero(LOW))
    return w.log(VOLUME if of == "volume" else CLOSE)


def series_of(values: Values) -> Term:
    """The series that the parameter `of` names; returns where there is none."""
    return series(str(values.get("of", "return")))


def rows_of(default: int, low: int = 2, high: int = 10_000, why: str = "Rows in the window.") -> Parameter:
    """The parameter ``n``."""
    return whole("n", default, low, high, why)


def window_warmup(values: Values) -> int:
    """First row of a full window of `n` values of the series."""
    return int(values["n"]) + LEAD[str(values.get("of", "return"))]


def first_held(warmup: int, every: int) -> int:
    """First row, counted from one, that is worked out when only every so-manieth is, `warmup` being the first full."""
    return -(-(warmup - 1) // every) * every + 1
