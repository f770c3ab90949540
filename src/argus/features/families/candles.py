"""Candles: shapes of one, two or three bars, by exact rules, and runs of bars in one direction."""

from __future__ import annotations

from typing import Final

from argus.features.declaration import Feature, column, real
from argus.features.graph import node
from argus.features.inputs import CLOSE, HIGH, LOW, OPEN

__all__ = ["COLUMNS", "DECLARED"]

_PARTS: Final = node("candle.parts", OPEN, HIGH, LOW, CLOSE)
_NISON: Final = "Nison (1991), Japanese Candlestick Charting Techniques; the exact thresholds are ours"
_ONE_BAR: Final = "NaN where one of the bar's four prices is missing."
_TWO_BODIES: Final = "NaN where open or close of one of the bars is missing."
_TWO_RANGES: Final = "NaN where high or low of one of the bars is missing."
_SHARES: Final = (
    "with body = (close - open) / (high - low), upper = (high - max(open, close)) / (high - low), lower = (min(open, "
    "close) - low) / (high - low), all 0 if high = low"
)
_RARE: Final = "Shapes are rare and their forecasts weak; thresholds differ from book to book."

_ONE: Final = (
    Feature(
        name="body_share",
        family="structure",
        meaning="How much of the bar's range lies between open and close, and in which direction.",
        warmup=lambda values: 1,
        build=lambda values: _PARTS,
        formula="(close - open) / (high - low); 0 if high = low",
        source="definition",
        unit="share of the range",
        low=-1.0,
        high=1.0,
        nan_policy=_ONE_BAR,
    ),
    Feature(
        name="upper_wick_share",
        family="structure",
        meaning="How much of the bar's range lies above its body: prices that were tried and given up.",
        warmup=lambda values: 1,
        build=lambda values: _PARTS.out(1),
        formula="(high - max(open, close)) / (high - low); 0 if high = low",
        source="definition",
        unit="share of the range",
        low=0.0,
        high=1.0,
        nan_policy=_ONE_BAR,
    ),
    Feature(
        name="lower_wick_share",
        family="structure",
        meaning="How much of the bar's range lies below its body: prices that were tried and given up.",
        warmup=lambda values: 1,
        build=lambda values: _PARTS.out(2),
        formula="(min(open, close) - low) / (high - low); 0 if high = low",
        source="definition",
        unit="share of the range",
        low=0.0,
        high=1.0,
        nan_policy=_ONE_BAR,
    ),
    Feature(
        name="doji",
        family="structure",
        meaning="A bar that closed about where it opened: nobody won.",
        own_parameters=(real("most", 0.1, 0.0, 1.0, "Largest body, as a share of the range."),),
        warmup=lambda values: 1,
        build=lambda values: node("candle.doji", _PARTS, args=(float(values["most"]),)),
        formula=f"1 if |body| <= most, else 0, {_SHARES}",
        source=_NISON,
        unit="flag",
        low=0.0,
        high=1.0,
        nan_policy=_ONE_BAR,
        distrust="In thin markets most bars are dojis.",
    ),
    Feature(
        name="marubozu",
        family="structure",
        meaning="A bar that is nearly all body: one side had it from open to close.",
        own_parameters=(real("least", 0.95, 0.01, 1.0, "Smallest body, as a share of the range."),),
        warmup=lambda values: 1,
        build=lambda values: node("candle.marubozu", _PARTS, args=(float(values["least"]),)),
        formula=f"1 if body >= least, -1 if body <= -least, else 0, {_SHARES}",
        source=_NISON,
        unit="side",
        low=-1.0,
        high=1.0,
        nan_policy=_ONE_BAR,
        distrust=_RARE,
    ),
    Feature(
        name="hammer",
        family="structure",
        meaning="A small body at one end of the bar: low prices were refused (hammer, 1) or high ones (shooting "
        "star, -1).",
        own_parameters=(
            real("bodies", 2.0, 0.1, 100.0, "Smallest length of the long wick, in bodies."),
            real("most", 0.1, 0.0, 0.3, "Largest length of the short wick, as a share of the range."),
        ),
        warmup=lambda values: 1,
        build=lambda values: node(
            "candle.hammer",
            _PARTS,
            _PARTS.out(1),
            _PARTS.out(2),
            args=(float(values["bodies"]), float(values["most"])),
        ),
        formula="1 if lower >= bodies |body| and upper <= most and body != 0; -1 if upper >= bodies |body| and lower "
        f"<= most and body != 0; 0 if neither or both; {_SHARES}; what went before is not asked",
        source=_NISON,
        unit="side",
        low=-1.0,
        high=1.0,
        nan_policy=_ONE_BAR,
        distrust=_RARE,
    ),
)

_MORE: Final = (
    Feature(
        name="engulfing",
        family="structure",
        meaning="A body that covers the opposite one before it: the other side took over.",
        warmup=lambda values: 2,
        build=lambda values: node("candle.engulfing", OPEN, CLOSE),
        formula="1 if the bar before fell (close < open), this one rose, open <= its close, close >= its open, and "
        "this body is larger; -1 if the bar before rose, this one fell, open >= its close, close <= its open, and "
        "this body is larger; else 0",
        source=_NISON,
        unit="side",
        low=-1.0,
        high=1.0,
        nan_policy=_TWO_BODIES,
        distrust=_RARE,
    ),
    Feature(
        name="star",
        family="structure",
        meaning="A long body, a small one, and one that takes back half of the first: morning (1) or evening star "
        "(-1).",
        own_parameters=(
            real("least", 0.5, 0.0, 1.0, "Smallest first body, as a share of its bar's range."),
            real("most", 0.3, 0.0, 1.0, "Largest second body, as a share of the first."),
        ),
        warmup=lambda values: 3,
        build=lambda values: node(
            "candle.star", OPEN, CLOSE, _PARTS, args=(float(values["least"]), float(values["most"]))
        ),
        formula="with b = close - open of the three bars: |b[t-2]| >= least (high - low)[t-2] and |b[t-1]| <= most "
        "|b[t-2]|; 1 if b[t-2] < 0, b[t] > 0 and close[t] above the middle of open and close of t-2; -1 if b[t-2] > "
        "0, b[t] < 0 and close[t] below that middle; else 0; no gaps between the bars are asked for",
        source=_NISON,
        unit="side",
        low=-1.0,
        high=1.0,
        nan_policy="NaN where open or close of one of the three bars is missing, or high or low of the first.",
        distrust=_RARE,
    ),
    Feature(
        name="inside_bar",
        family="structure",
        meaning="A bar whose range lies within the one before: the market is waiting.",
        warmup=lambda values: 2,
        build=lambda values: node("candle.inside_outside", HIGH, LOW),
        formula="1 if high[t] < high[t-1] and low[t] > low[t-1], else 0",
        source="Crabel (1990), Day Trading with Short Term Price Patterns and Opening Range Breakout",
        unit="flag",
        low=0.0,
        high=1.0,
        nan_policy=_TWO_RANGES,
    ),
    Feature(
        name="outside_bar",
        family="structure",
        meaning="A bar that goes beyond the one before on both sides.",
        warmup=lambda values: 2,
        build=lambda values: node("candle.inside_outside", HIGH, LOW, output=1),
        formula="1 if high[t] > high[t-1] and low[t] < low[t-1], else 0",
        source="definition",
        unit="flag",
        low=0.0,
        high=1.0,
        nan_policy=_TWO_RANGES,
    ),
    Feature(
        name="consecutive_bars",
        family="structure",
        meaning="How many rows in a row closed higher (positive) or lower (negative) than the one before.",
        warmup=lambda values: 2,
        build=lambda values: node("structure.signed_run", CLOSE),
        formula="r[t] = max(r[t-1], 0) + 1 if close[t] > close[t-1], min(r[t-1], 0) - 1 if close[t] < close[t-1], "
        "else 0",
        source="definition",
        unit="rows",
        nan_policy="NaN where this close or the one before is missing; the run then begins again.",
    ),
)

DECLARED: Final = (*_ONE, *_MORE)
"""Features of candles."""

COLUMNS: Final = (
    column("body_share"),
    column("upper_wick_share"),
    column("lower_wick_share"),
    column("inside_bar"),
    column("engulfing"),
    column("consecutive_bars"),
)
"""Columns of the set ``futures``."""
