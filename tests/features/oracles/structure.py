"""Swings, gaps between bars, ranges and round numbers, by their declared formulas."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from argus.core.arrays import F64_1D
from tests.features.market import Market
from tests.features.oracles.plain import NAN, Closeness, Oracle, blank, from_level, ratio, sign

Values = Mapping[str, Any]


def swings(values: F64_1D, k: int, side: int) -> list[int]:
    """Rows of the swing highs (side 1) or lows (side -1) of a column of highs or lows."""
    x = side * values
    found = []
    for s in range(k, len(x) - k):
        if all(x[s] > x[s - j] and x[s] >= x[s + j] for j in range(1, k + 1)):
            found.append(s)
    return found


def confirmed(rows: list[int], k: int, t: int) -> list[int]:
    """The swings that are known on row t."""
    return rows[: bisect_right(rows, t - k)]


def _swing_distance(name: str, side: int) -> Oracle:
    def oracle(columns: Market, values: Values) -> F64_1D:
        k, found = values["k"], blank(columns)
        rows = swings(columns[name], k, side)
        for t in range(len(found)):
            there = confirmed(rows, k, t)
            if there:
                found[t] = from_level(columns["close"][t], columns[name][there[-1]])
        return found

    return oracle


def _rows_since_swing(name: str, side: int) -> Oracle:
    def oracle(columns: Market, values: Values) -> F64_1D:
        k, found = values["k"], blank(columns)
        rows = swings(columns[name], k, side)
        for t in range(len(found)):
            there = confirmed(rows, k, t)
            if there:
                found[t] = t - there[-1]
        return found

    return oracle


def swing_trend(columns: Market, values: Values) -> F64_1D:
    k, found = values["k"], blank(columns)
    high, low = columns["high"], columns["low"]
    all_highs, all_lows = swings(high, k, 1), swings(low, k, -1)
    for t in range(len(found)):
        highs, lows = confirmed(all_highs, k, t), confirmed(all_lows, k, t)
        if len(highs) >= 2 and len(lows) >= 2:
            up = sign(high[highs[-1]] - high[highs[-2]])
            found[t] = (up + sign(low[lows[-1]] - low[lows[-2]])) / 2
    return found


def _level_distance(side: int) -> Oracle:
    """Resistance (side 1) or support (side -1)."""

    def oracle(columns: Market, values: Values) -> F64_1D:
        k, m, found = values["k"], values["m"], blank(columns)
        high, low, close = columns["high"], columns["low"], columns["close"]
        all_highs, all_lows = swings(high, k, 1), swings(low, k, -1)
        for t in range(len(found)):
            levels = [high[s] for s in confirmed(all_highs, k, t)[-m:]]
            levels += [low[s] for s in confirmed(all_lows, k, t)[-m:]]
            away = [side * (level - close[t]) for level in levels if side * (level - close[t]) >= 0]
            if away:
                found[t] = min(away) / abs(close[t])
        return found

    return oracle


def fair_value_gap(columns: Market, values: Values) -> F64_1D:
    high, low, close, found = columns["high"], columns["low"], columns["close"], blank(columns)
    for t in range(2, len(found)):
        if np.isnan([high[t], low[t], high[t - 2], low[t - 2], close[t]]).any():
            continue
        up, down = low[t] - high[t - 2], high[t] - low[t - 2]
        found[t] = (up if up > 0 else down if down < 0 else 0.0) / abs(close[t])
    return found


def _open_gaps(columns: Market) -> list[tuple[float, float] | None]:
    """(direction, near edge) of the latest unfilled gap on every row."""
    high, low = columns["high"], columns["low"]
    gaps: dict[int, list[tuple[int, float, float]]] = {1: [], -1: []}
    found: list[tuple[float, float] | None] = []
    for t in range(len(high)):
        gaps[1] = [gap for gap in gaps[1] if not low[t] <= gap[2]]
        gaps[-1] = [gap for gap in gaps[-1] if not high[t] >= gap[2]]
        if t >= 2 and low[t] > high[t - 2]:
            older = [gap for gap in gaps[1] if not high[t - 2] <= gap[2]]
            gaps[1] = [*older, (t, low[t], high[t - 2])][-32:]
        if t >= 2 and high[t] < low[t - 2]:
            older = [gap for gap in gaps[-1] if not low[t - 2] >= gap[2]]
            gaps[-1] = [*older, (t, high[t], low[t - 2])][-32:]
        latest = [(gap[0], direction, gap[1]) for direction in (1, -1) for gap in gaps[direction][-1:]]
        found.append(max(latest)[1:] if latest else None)
    return found


def fair_value_gap_distance(columns: Market, values: Values) -> F64_1D:
    found = blank(columns)
    for t, gap in enumerate(_open_gaps(columns)):
        if gap is not None:
            found[t] = from_level(columns["close"][t], gap[1])
    return found


def fair_value_gap_side(columns: Market, values: Values) -> F64_1D:
    found = np.array([0.0 if gap is None else gap[0] for gap in _open_gaps(columns)])
    found[:2] = NAN
    return found


def range_position(columns: Market, values: Values) -> F64_1D:
    n, found = values["n"], blank(columns)
    for t in range(n - 1, len(found)):
        top, bottom = columns["high"][t - n + 1 : t + 1].max(), columns["low"][t - n + 1 : t + 1].min()
        found[t] = ratio(columns["close"][t] - bottom, top - bottom)
    return found


def breakout(columns: Market, values: Values) -> F64_1D:
    n, found = values["n"], blank(columns)
    for t in range(n, len(found)):
        top, bottom = columns["high"][t - n : t].max(), columns["low"][t - n : t].min()
        close = columns["close"][t]
        if not np.isnan([top, bottom, close]).any():
            found[t] = float(close > top) - float(close < bottom)
    return found


def rows_since_breakout(columns: Market, values: Values) -> F64_1D:
    breaks, found = breakout(columns, values), blank(columns)
    wanted = 1.0 if values["side"] == "up" else -1.0
    for t in range(len(found)):
        there = np.flatnonzero(breaks[: t + 1] == wanted)
        if len(there):
            found[t] = t - there[-1]
    return found


def round_number_distance(columns: Market, values: Values) -> F64_1D:
    found = blank(columns)
    for t, close in enumerate(columns["close"]):
        if not np.isnan(close) and close != 0:
            q = close / 10.0 ** (math.floor(math.log10(abs(close))) - values["digits"])
            found[t] = q - math.floor(q + 0.5)
    return found


ORACLES: Final[dict[str, Oracle]] = {
    "swing_high_distance": _swing_distance("high", 1),
    "swing_low_distance": _swing_distance("low", -1),
    "rows_since_swing_high": _rows_since_swing("high", 1),
    "rows_since_swing_low": _rows_since_swing("low", -1),
    "swing_trend": swing_trend,
    "resistance_distance": _level_distance(1),
    "support_distance": _level_distance(-1),
    "fair_value_gap": fair_value_gap,
    "fair_value_gap_distance": fair_value_gap_distance,
    "fair_value_gap_side": fair_value_gap_side,
    "range_position": range_position,
    "breakout": breakout,
    "rows_since_breakout": rows_since_breakout,
    "round_number_distance": round_number_distance,
}
CLOSENESS: Final[dict[str, Closeness]] = {
    "round_number_distance": Closeness(
        1e-6,
        2e-9,
        "a price of seven digits in steps of a thousandth: q is held to about 1e-9, and little of it is left",
    ),
}
