"""Levels of sessions and weeks, the overnight hours and the opening range, by their declared formulas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D
from tests.features.market import Market
from tests.features.oracles.plain import (
    NAN,
    Oracle,
    Pick,
    before,
    blank,
    first,
    from_level,
    highest,
    last,
    lowest,
    ratio,
    so_far,
    stretches,
    week,
)

Values = Mapping[str, Any]
Group = Callable[[Market], F64_1D]
Range = tuple[F64_1D, F64_1D]
"""High and low on every row."""


def session(columns: Market) -> F64_1D:
    return columns["session"]


def _distance(columns: Market, level: F64_1D) -> F64_1D:
    return np.array([from_level(close, x) for close, x in zip(columns["close"], level, strict=True)])


def _position(columns: Market, high: F64_1D, low: F64_1D) -> F64_1D:
    return np.array(
        [ratio(c - bottom, top - bottom) for c, top, bottom in zip(columns["close"], high, low, strict=True)]
    )


def _width(columns: Market, high: F64_1D, low: F64_1D) -> F64_1D:
    return (high - low) / np.abs(columns["close"])


def _this_session(name: str, pick: Pick) -> Oracle:
    return lambda columns, _: _distance(columns, so_far(columns[name], pick, session(columns)))


def session_position(columns: Market, values: Values) -> F64_1D:
    high = so_far(columns["high"], highest, session(columns))
    return _position(columns, high, so_far(columns["low"], lowest, session(columns)))


def _before(name: str, pick: Pick, group: Group) -> Oracle:
    return lambda columns, _: _distance(columns, before(columns[name], pick, group(columns)))


def prior_session_position(columns: Market, values: Values) -> F64_1D:
    high = before(columns["high"], highest, session(columns))
    return _position(columns, high, before(columns["low"], lowest, session(columns)))


def friday_range_position(columns: Market, values: Values) -> F64_1D:
    high = before(columns["high"], highest, session(columns))
    low = before(columns["low"], lowest, session(columns))
    found = blank(columns)
    for rows in stretches(week(columns))[1:]:
        for t in rows:
            is_monday = columns["session"][t] == columns["session"][rows[0]]
            if is_monday or values["on_days"] == "week":
                found[t] = ratio(columns["close"][t] - low[rows[0]], high[rows[0]] - low[rows[0]])
    return found


def pivot_distance(columns: Market, values: Values) -> F64_1D:
    high = before(columns["high"], highest, session(columns))
    low = before(columns["low"], lowest, session(columns))
    p = (high + low + before(columns["close"], last, session(columns))) / 3
    level = {
        "p": p,
        "r1": 2 * p - low,
        "s1": 2 * p - high,
        "r2": p + (high - low),
        "s2": p - (high - low),
        "r3": high + 2 * (p - low),
        "s3": low - 2 * (high - p),
    }
    return _distance(columns, level[values["level"]])


def session_gap(columns: Market, values: Values) -> F64_1D:
    opened = so_far(columns["open"], first, session(columns))
    closed = before(columns["close"], last, session(columns))
    return (opened - closed) / np.abs(closed)


def session_gap_atr(columns: Market, values: Values) -> F64_1D:
    n, found = values["n"], blank(columns)
    opened = so_far(columns["open"], first, session(columns))
    ranges: list[float] = []
    mean, closed = NAN, NAN
    for rows in stretches(session(columns)):
        for t in rows:
            found[t] = ratio(opened[t] - closed, mean)
        top, bottom = highest(columns["high"][rows]), lowest(columns["low"][rows])
        if not np.isnan(top - bottom):
            true_range = top - bottom if np.isnan(closed) else max(top, closed) - min(bottom, closed)
            ranges.append(true_range)
            if len(ranges) == n:
                mean = sum(ranges) / n
            elif len(ranges) > n:
                mean += (true_range - mean) / n
        if not np.isnan(last(columns["close"][rows])):
            closed = last(columns["close"][rows])
    return found


def session_gap_filled(columns: Market, values: Values) -> F64_1D:
    high = so_far(columns["high"], highest, session(columns))
    low = so_far(columns["low"], lowest, session(columns))
    closed = before(columns["close"], last, session(columns))
    found = blank(columns)
    for t in range(len(found)):
        if not np.isnan([high[t], low[t], closed[t]]).any():
            found[t] = float(low[t] <= closed[t] <= high[t])
    return found


def _window_range(columns: Market, begin: F64_1D, end: F64_1D) -> Range:
    """Extremes of the session's bars between two instants, from the first bar that closes at or after the second."""
    start, close = columns["start_s"], columns["close_s"]
    high, low = blank(columns), blank(columns)
    for number, rows in enumerate(stretches(session(columns))):
        if number == 0 and start[0] > begin[0]:
            continue
        for t in rows:
            if close[t] >= end[t]:
                inside = _inside(rows[rows <= t], start >= begin, close <= end)
                high[t], low[t] = highest(columns["high"][inside]), lowest(columns["low"][inside])
    return high, low


def _inside(rows: NDArray[np.intp], after: NDArray[np.bool_], until: NDArray[np.bool_]) -> NDArray[np.intp]:
    return rows[after[rows] & until[rows]]


def _overnight(columns: Market, values: Values) -> Range:
    return _window_range(columns, columns["session_open_s"], columns["regular_open_s"])


def _opening(columns: Market, values: Values) -> Range:
    begin = columns["regular_open_s"]
    return _window_range(columns, begin, begin + 60.0 * values["minutes"])


def opening_range_break(columns: Market, values: Values) -> F64_1D:
    high, low = _opening(columns, values)
    close, found = columns["close"], blank(columns)
    for rows in stretches(session(columns)):
        side = 0.0
        for t in rows:
            if np.isnan([high[t], low[t], close[t]]).any():
                continue
            if side == 0:
                side = float(close[t] > high[t]) - float(close[t] < low[t])
            found[t] = side
    return found


def _of_window(window: Callable[[Market, Values], Range], prefix: str) -> dict[str, Oracle]:
    return {
        f"{prefix}_high_distance": lambda columns, values: _distance(columns, window(columns, values)[0]),
        f"{prefix}_low_distance": lambda columns, values: _distance(columns, window(columns, values)[1]),
        f"{prefix}_position": lambda columns, values: _position(columns, *window(columns, values)),
        f"{prefix}_width": lambda columns, values: _width(columns, *window(columns, values)),
    }


ORACLES: Final[dict[str, Oracle]] = {
    "session_open_distance": _this_session("open", first),
    "session_high_distance": _this_session("high", highest),
    "session_low_distance": _this_session("low", lowest),
    "session_position": session_position,
    "prior_session_high_distance": _before("high", highest, session),
    "prior_session_low_distance": _before("low", lowest, session),
    "prior_session_close_distance": _before("close", last, session),
    "prior_session_position": prior_session_position,
    "prior_week_high_distance": _before("high", highest, week),
    "prior_week_low_distance": _before("low", lowest, week),
    "prior_week_close_distance": _before("close", last, week),
    "friday_range_position": friday_range_position,
    "pivot_distance": pivot_distance,
    "session_gap": session_gap,
    "session_gap_atr": session_gap_atr,
    "session_gap_filled": session_gap_filled,
    **_of_window(_overnight, "overnight"),
    **_of_window(_opening, "opening_range"),
    "opening_range_break": opening_range_break,
}
