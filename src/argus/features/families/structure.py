"""Structure: swings and the levels they leave, gaps between bars, breaks of ranges, round numbers.

A swing is known only after the rows that confirm it: every level here counts from the row on which it could be known.
"""

from __future__ import annotations

from typing import Final

from argus.core.strategy import Parameter
from argus.features import windows as w
from argus.features.declaration import Feature, Values, column, whole
from argus.features.graph import Node, Term, node
from argus.features.inputs import CLOSE, HIGH, LOW

__all__ = ["COLUMNS", "DECLARED"]

_REMEMBERED: Final = 32
_SIDE: Final = Parameter("side", "up", choices=("up", "down"), why="Breaks above the highest, or below the lowest.")
_K: Final = whole("k", 5, 1, 1_000, "Rows on each side that confirm a swing; it is known k rows after it happened.")
_M: Final = whole("m", 5, 1, 1_000, "How many of the latest swing highs, and of the latest swing lows, are remembered.")
_ROWS: Final = whole("n", 55, 1, 100_000, "Rows before this one whose range is to be broken.")

_SWING_RULE: Final = (
    "row s is a swing high if high[s] > high[s-j] and high[s] >= high[s+j] for j = 1..k, a swing low if low[s] < "
    "low[s-j] and low[s] <= low[s+j]; it counts from row s + k on"
)
_SWING_NAN: Final = (
    "Sparse: NaN before the first swing is confirmed. A missing high rules out swing highs within k rows of it, a "
    "missing low swing lows; what was confirmed before is held."
)
_CLOSE_NAN: Final = " NaN in a row without a close."
_WILLIAMS: Final = "Williams (1995), Trading Chaos, Wiley: fractals, there with k = 2"
_LATE: Final = "Every swing is k rows old when it is first known."


def _k(values: Values) -> int:
    return int(values["k"])


def _confirmed(values: Values) -> int:
    return 2 * _k(values) + 1


def _swings(values: Values) -> Node:
    k = _k(values)
    return node("structure.swings", HIGH, LOW, w.highest(HIGH, k), w.lowest(LOW, k), args=(k,))


def _nearest(values: Values) -> Node:
    found = _swings(values)
    given = (found, found.out(1), found.out(2), found.out(3))
    return node("structure.nearest", CLOSE, *given, args=(_k(values), int(values["m"])))


def _distance(level: Term) -> Node:
    return w.distance(CLOSE, level)


def _gaps(output: int) -> Node:
    return node("structure.fair_value_gaps", HIGH, LOW, args=(_REMEMBERED,), output=output)


def _breakout(values: Values) -> Node:
    n = int(values["n"])
    return node("structure.breakout", CLOSE, w.highest(HIGH, n), w.lowest(LOW, n))


def _since_breakout(values: Values) -> Node:
    wanted = 1.0 if values["side"] == "up" else -1.0
    return node("structure.rows_since", _breakout(values), args=(wanted,))


_SWINGS: Final = (
    Feature(
        name="swing_high_distance",
        family="structure",
        meaning="How far the price stands above the last swing high, a peak that the rows around it confirmed.",
        own_parameters=(_K,),
        warmup=_confirmed,
        build=lambda values: _distance(_swings(values)),
        formula=f"(close - high[s]) / |close|, s the latest swing high; {_SWING_RULE}",
        source=_WILLIAMS,
        unit="share of the close",
        nan_policy=_SWING_NAN + _CLOSE_NAN,
        distrust=_LATE,
    ),
    Feature(
        name="swing_low_distance",
        family="structure",
        meaning="How far the price stands above the last swing low, a trough that the rows around it confirmed.",
        own_parameters=(_K,),
        warmup=_confirmed,
        build=lambda values: _distance(_swings(values).out(1)),
        formula=f"(close - low[s]) / |close|, s the latest swing low; {_SWING_RULE}",
        source=_WILLIAMS,
        unit="share of the close",
        nan_policy=_SWING_NAN + _CLOSE_NAN,
        distrust=_LATE,
    ),
    Feature(
        name="rows_since_swing_high",
        family="structure",
        meaning="How long ago the last confirmed peak was.",
        own_parameters=(_K,),
        warmup=_confirmed,
        build=lambda values: _swings(values).out(2),
        formula=f"t - s, s the latest swing high; {_SWING_RULE}; so it is never below k",
        source=_WILLIAMS,
        unit="rows",
        low=1.0,
        nan_policy=_SWING_NAN,
        distrust=_LATE,
    ),
    Feature(
        name="rows_since_swing_low",
        family="structure",
        meaning="How long ago the last confirmed trough was.",
        own_parameters=(_K,),
        warmup=_confirmed,
        build=lambda values: _swings(values).out(3),
        formula=f"t - s, s the latest swing low; {_SWING_RULE}; so it is never below k",
        source=_WILLIAMS,
        unit="rows",
        low=1.0,
        nan_policy=_SWING_NAN,
        distrust=_LATE,
    ),
    Feature(
        name="swing_trend",
        family="structure",
        meaning="Higher highs and higher lows make an uptrend, lower ones a downtrend; in between there is none.",
        own_parameters=(_K,),
        warmup=lambda values: _confirmed(values) + 1,
        build=lambda values: _swings(values).out(4),
        formula="(sign(last swing high - the one before) + sign(last swing low - the one before)) / 2; " + _SWING_RULE,
        source="Rhea (1932), The Dow Theory, for higher highs and higher lows; swings as Williams (1995)",
        unit="score",
        low=-1.0,
        high=1.0,
        nan_policy="Sparse: NaN before two swing highs and two swing lows are confirmed; held where prices are "
        "missing.",
        distrust=_LATE,
    ),
    Feature(
        name="resistance_distance",
        family="structure",
        meaning="How far it is up to the nearest swing level overhead, where sellers may wait.",
        own_parameters=(_K, _M),
        warmup=_confirmed,
        build=lambda values: -_distance(_nearest(values)),
        formula="(level - close) / |close|, level the smallest one at or above the close among the last m swing "
        f"highs and the last m swing lows; {_SWING_RULE}",
        source="Osler (2000), Support for resistance, FRBNY Economic Policy Review 6(2), that such levels turn prices; "
        "the choice of levels is ours",
        unit="share of the close",
        low=0.0,
        nan_policy="Sparse: NaN where no remembered level is at or above the close, and in a row without a close.",
        distrust=_LATE,
    ),
    Feature(
        name="support_distance",
        family="structure",
        meaning="How far it is down to the nearest swing level below, where buyers may wait.",
        own_parameters=(_K, _M),
        warmup=_confirmed,
        build=lambda values: _distance(_nearest(values).out(1)),
        formula="(close - level) / |close|, level the largest one at or below the close among the last m swing highs "
        f"and the last m swing lows; {_SWING_RULE}",
        source="Osler (2000), Support for resistance, FRBNY Economic Policy Review 6(2), that such levels turn prices; "
        "the choice of levels is ours",
        unit="share of the close",
        low=0.0,
        nan_policy="Sparse: NaN where no remembered level is at or below the close, and in a row without a close.",
        distrust=_LATE,
    ),
)

_GAP_RULE: Final = (
    "a row t with low[t] > high[t-2] leaves a gap upwards with edges low[t] (near) and high[t-2] (far), one with "
    "high[t] < low[t-2] a gap downwards with edges high[t] (near) and low[t-2] (far); it is filled by the first later "
    "row whose low (high, if downwards) reaches its far edge; a gap is forgotten when a newer one in its direction "
    f"has a far edge that is reached no sooner, or {_REMEMBERED} newer ones in its direction are unfilled"
)
_GAP_SOURCE: Final = "traders' definition of the fair value gap (three-bar imbalance); no paper is known to us"

_FAIR_VALUE: Final = (
    Feature(
        name="fair_value_gap",
        family="structure",
        meaning="Size of the gap that the last three bars left: prices at which hardly anything was traded.",
        warmup=lambda values: 3,
        build=lambda values: _gaps(0) / w.absolute(CLOSE),
        formula="(low[t] - high[t-2]) / |close| if positive; (high[t] - low[t-2]) / |close| if negative; else 0",
        source=_GAP_SOURCE,
        unit="share of the close, signed by direction",
        nan_policy="NaN where this row's or the row's two before has no high or low, or this row no close.",
    ),
    Feature(
        name="fair_value_gap_distance",
        family="structure",
        meaning="How far the price stands from the latest gap that is still open; prices tend to be drawn to it.",
        warmup=lambda values: 3,
        build=lambda values: _distance(_gaps(1)),
        formula=f"(close - near edge) / |close|, of the latest unfilled gap; {_GAP_RULE}",
        source=_GAP_SOURCE,
        unit="share of the close",
        nan_policy="Sparse: NaN while no gap is unfilled, and in a row without a close.",
        distrust="That gaps draw prices is traders' lore.",
    ),
    Feature(
        name="fair_value_gap_side",
        family="structure",
        meaning="Whether the latest gap that is still open points up or down.",
        warmup=lambda values: 3,
        build=lambda values: _gaps(2),
        formula=f"1 or -1 by the direction of the latest unfilled gap, 0 if there is none; {_GAP_RULE}",
        source=_GAP_SOURCE,
        unit="side",
        low=-1.0,
        high=1.0,
        nan_policy="NaN in the first two rows; held where prices are missing.",
    ),
)

_RANGES: Final = (
    Feature(
        name="range_position",
        family="structure",
        meaning="Where the price stands in the range of the last rows: 0 at its low, 1 at its high.",
        own_parameters=(whole("n", 100, 1, 100_000, "Rows in the range, this one included."),),
        warmup=lambda values: int(values["n"]),
        build=lambda values: node(
            "level.position", CLOSE, w.lowest(LOW, int(values["n"])), w.highest(HIGH, int(values["n"]))
        ),
        formula="(close - lowest low) / (highest high - lowest low) over rows t-n+1..t",
        source="definition",
        unit="share of the range",
        low=0.0,
        high=1.0,
        nan_policy="NaN where a high or a low of the window or this close is missing, and where the range is zero.",
    ),
    Feature(
        name="breakout",
        family="structure",
        meaning="Whether this row closed above the highest or below the lowest price of the rows before.",
        own_parameters=(_ROWS,),
        warmup=lambda values: int(values["n"]) + 1,
        build=_breakout,
        formula="1 if close > max(high[t-n..t-1]), -1 if close < min(low[t-n..t-1]), else 0",
        source="Faith (2007), Way of the Turtle, McGraw-Hill: entries at the extremes of 20 and 55 days",
        unit="side",
        low=-1.0,
        high=1.0,
        nan_policy="NaN where a high or a low of the window or this close is missing.",
    ),
    Feature(
        name="rows_since_breakout",
        family="structure",
        meaning="How long ago the price last broke out of the range of its last rows.",
        own_parameters=(_ROWS, _SIDE),
        warmup=lambda values: int(values["n"]) + 1,
        build=_since_breakout,
        formula="rows since `breakout` with the same n was last 1 (side=up) or -1 (side=down); 0 on that row",
        source="definition, on breakouts as Faith (2007)",
        unit="rows",
        low=0.0,
        nan_policy="Sparse: NaN before the first break; rows with missing prices count as rows.",
    ),
    Feature(
        name="round_number_distance",
        family="structure",
        meaning="How far the price is from the nearest round number, where orders crowd.",
        own_parameters=(
            whole("digits", 1, 0, 6, "Leading digits after the first that a round number may have: 1 is 4,300."),
        ),
        warmup=lambda values: 1,
        build=lambda values: node("structure.round_number", CLOSE, args=(int(values["digits"]),)),
        formula="q - floor(q + 0.5) with q = close / step, step = 10^(floor(log10 |close|) - digits): the distance "
        "in steps from the nearest multiple of the step, positive above it; half-way counts from the one above. "
        "4,321 with one digit: step 100, 0.21",
        source="Osler (2003), Currency orders and exchange rate dynamics, Journal of Finance 58(5); the step is ours",
        unit="steps",
        low=-0.5,
        high=0.5,
        price_degree=None,
        nan_policy="NaN where the close is missing or zero.",
        distrust="Means nothing on prices that were adjusted for rolls, splits or dividends.",
    ),
)

DECLARED: Final = (*_SWINGS, *_FAIR_VALUE, *_RANGES)
"""Features of structure."""

COLUMNS: Final = (
    column("swing_high_distance", k=5),
    column("swing_low_distance", k=5),
    column("rows_since_swing_high", k=5),
    column("rows_since_swing_low", k=5),
    column("swing_trend", k=5),
    column("resistance_distance", k=5, m=5),
    column("support_distance", k=5, m=5),
    column("fair_value_gap_distance"),
    column("fair_value_gap_side"),
    column("breakout", n=100),
    column("round_number_distance", digits=1),
)
"""Columns of the set ``futures``."""
