"""What the references share: known values, stretches of rows, and the bars of coarser clocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D
from argus.features.graph import CLOCKS
from tests.features.market import Market

Oracle = Callable[[Market, Mapping[str, Any]], F64_1D]
Pick = Callable[[F64_1D], float]
NAN = float("nan")


class Closeness(NamedTuple):
    """How near a value must come to its reference, and why not nearer."""

    relative: float
    absolute: float
    why: str


FLOAT32 = Closeness(1e-6, 0.0, "values are written as float32, which holds seven digits")


def blank(columns: Market) -> F64_1D:
    """A column without any value yet."""
    return np.full(len(columns["close"]), NAN)


def known(values: F64_1D) -> F64_1D:
    """The values that are there."""
    return values[~np.isnan(values)]


def highest(values: F64_1D) -> float:
    there = known(values)
    return float(there.max()) if len(there) else NAN


def lowest(values: F64_1D) -> float:
    there = known(values)
    return float(there.min()) if len(there) else NAN


def first(values: F64_1D) -> float:
    there = known(values)
    return float(there[0]) if len(there) else NAN


def last(values: F64_1D) -> float:
    there = known(values)
    return float(there[-1]) if len(there) else NAN


def total(values: F64_1D) -> float:
    there = known(values)
    return float(there.sum()) if len(there) else NAN


def sign(value: float) -> float:
    return NAN if np.isnan(value) else float(value > 0) - float(value < 0)


def ratio(above: float, below: float) -> float:
    """A quotient; no value where there is nothing to divide by."""
    return above / below if below != 0 else NAN


def from_level(price: float, level: float) -> float:
    """(price - level) / |price|."""
    return ratio(price - level, abs(price))


def stretches(group: F64_1D) -> list[NDArray[np.intp]]:
    """Rows of each stretch of equal values, in order."""
    edges = [0, *(np.flatnonzero(group[1:] != group[:-1]) + 1), len(group)]
    return [np.arange(a, b) for a, b in pairwise(edges)]


def week(columns: Market) -> F64_1D:
    """Number of the week from Monday to Sunday; 1970-01-01 was a Thursday."""
    return (columns["session"] + 3) // 7


def so_far(values: F64_1D, pick: Pick, group: F64_1D) -> F64_1D:
    """`pick` of the values of the stretch up to each row."""
    found = np.full(len(values), NAN)
    for rows in stretches(group):
        for t in rows:
            found[t] = pick(values[rows[0] : t + 1])
    return found


def before(values: F64_1D, pick: Pick, group: F64_1D) -> F64_1D:
    """`pick` of the whole stretch before that of each row, or of the last one before it that has known values."""
    found = np.full(len(values), NAN)
    level = NAN
    for rows in stretches(group):
        found[rows] = level
        of_this = pick(values[rows])
        if not np.isnan(of_this):
            level = of_this
    return found


_SUMMED_UP: dict[str, Pick] = {
    "open": first,
    "start_s": first,
    "session_end": highest,
    "high": highest,
    "low": lowest,
    "volume": total,
}


def coarse_bars(columns: Market, clock: str) -> tuple[Market, list[int]]:
    """Bars of a coarser clock by columns, and the row on which each is first known.

    A bar is over on the row that reaches its end or the session's, or else on the first row after it. On the clock
    ``session`` a session is a bar only if one of its rows reaches the session's close, and that row's are its last
    values, known or not.
    """
    seconds = CLOCKS[clock]
    slot = columns["start_s"] // seconds if seconds else np.zeros(len(columns["start_s"]))
    group = np.cumsum([0.0, *((np.diff(slot) != 0) | (np.diff(columns["session"]) != 0))])
    bars: dict[str, list[float]] = {name: [] for name in columns}
    known_on: list[int] = []
    for rows in stretches(group):
        end = rows[-1]
        is_whole = columns["session_end"][end] > 0
        if clock == "session" and not is_whole:
            continue
        if seconds and columns["close_s"][end] >= (slot[end] + 1) * seconds:
            is_whole = True
        known_on.append(int(end) if is_whole else int(end) + 1)
        for name, values in columns.items():
            pick = _SUMMED_UP.get(name, _very_last if clock == "session" else last)
            bars[name].append(pick(values[rows]))
    return {name: np.array(values) for name, values in bars.items()}, known_on


def held(values: F64_1D, known_on: list[int], n: int) -> F64_1D:
    """Values of coarse bars, on each of n rows that of the last bar that was over."""
    found = np.full(n, NAN)
    for value, row, end in zip(values, known_on, [*known_on[1:], n], strict=True):
        found[row:end] = value
    return found


def on_clock(columns: Market, clock: str, oracle: Callable[[F64_1D], F64_1D]) -> F64_1D:
    """What an oracle makes of the closes of a clock, held."""
    if clock == "bar":
        return oracle(columns["close"])
    needed = ("close", "start_s", "close_s", "session", "session_end")
    bars, known_on = coarse_bars({name: columns[name] for name in needed}, clock)
    return held(oracle(bars["close"]), known_on, len(columns["close"]))


def _very_last(values: F64_1D) -> float:
    return float(values[-1])
