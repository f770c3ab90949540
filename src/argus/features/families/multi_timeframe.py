"""Multi-timeframe: what longer bars say beside shorter ones, each as of the close of its last finished bar.

Every feature can be asked ``on`` a coarser clock. Here are those that hold several clocks against each other: do they
agree, by how much do they differ, and from which one down do they agree.
"""

from __future__ import annotations

from functools import reduce
from typing import Final

from argus.core.strategy import FeatureRef, Parameter
from argus.features import windows as w
from argus.features.declaration import Feature, Values, column, whole
from argus.features.graph import CLOCKS, Term, held, node
from argus.features.inputs import CLOSE

__all__ = ["ALIGNED", "COLUMNS", "DECLARED", "on_every_clock"]

ALIGNED: Final = ("5m", "15m", "1h", "1d")
"""Clocks of the set, from the shortest; the bars themselves come before them."""
_CHOICES: Final = ("bar", *(clock for clock in CLOCKS if clock != "session"))
_SPARSE: Final = (
    "Sparse: no value before every clock has one; missing prices as on each clock by itself. An ema has its first "
    "value at the n-th known close of its clock."
)

_STANDSTILL: Final = (
    "A price that stands still keeps the sign of its way into the standstill for as long as it lasts: the ema nears it "
    "and does not reach it. 0 is a price that has not moved since the data begin, or an ema that rounding makes equal."
)


def _clock(name: str, default: str, why: str) -> Parameter:
    return Parameter(name, default, choices=_CHOICES, why=why)


_FAST: Final = _clock("fast", "bar", "The shorter clock.")
_SLOW: Final = _clock("slow", "1h", "The longer clock.")


def _n(values: Values) -> int:
    return int(values["n"])


def _on(term: Term, clock: object) -> Term:
    return term if clock == "bar" else held(term, str(clock))


def _trend(n: int) -> Term:
    return w.sign(CLOSE - w.ema(CLOSE, n))


def _trends(n: int) -> list[Term]:
    return [_trend(n), *(held(_trend(n), clock) for clock in ALIGNED)]


def _alignment(values: Values) -> Term:
    trends = _trends(_n(values))
    return reduce(lambda a, b: a + b, trends) / float(len(trends))


def _cascade(values: Values) -> Term:
    return node("timeframe.cascade", *reversed(_trends(_n(values))))


def _score(values: Values, clock: object) -> Term:
    return _on(w.zscore(CLOSE, _n(values)), clock)


def _score_divergence(values: Values) -> Term:
    return _score(values, values["fast"]) - _score(values, values["slow"])


def _momentum(values: Values, clock: object) -> Term:
    n = _n(values)
    change = w.log_growth(CLOSE, 1)
    return _on(w.log_growth(CLOSE, n) / (w.deviation(change, n) * float(n) ** 0.5), clock)


def _vol(values: Values, clock: object) -> Term:
    return _on(w.deviation(w.log_growth(CLOSE, 1), _n(values)), clock)


def _range_position(values: Values) -> Term:
    n, clock = _n(values), values["slow"]
    top, bottom = _on(w.highest(CLOSE, n), clock), _on(w.lowest(CLOSE, n), clock)
    return (CLOSE - bottom) / (top - bottom)


def _pullback(values: Values) -> Term:
    return -(_on(_trend(_n(values)), values["slow"]) * _score(values, values["fast"]))


def _windows(values: Values) -> int:
    return _n(values)


def _rows(default: int, low: int = 2) -> Parameter:
    return whole("n", default, low, 10_000, "Rows of each clock.")


DECLARED: Final = (
    Feature(
        name="trend_alignment",
        family="multi_timeframe",
        meaning="Do the bars, 5 minutes, 15 minutes, the hour and the day point the same way? 1: all up, -1: all down.",
        own_parameters=(_rows(20),),
        warmup=_windows,
        build=_alignment,
        formula="mean over the clocks bar, 5m, 15m, 1h, 1d of sign(close - ema(close, n)), each of its last closed bar",
        source="definition; Elder (1993), Trading for a Living (triple screen), for the idea",
        unit="mean of signs",
        low=-1.0,
        high=1.0,
        nan_policy=_SPARSE,
        distrust=_STANDSTILL,
    ),
    Feature(
        name="trend_cascade",
        family="multi_timeframe",
        meaning="From the day down, how many clocks in a row follow the day's direction; signed by that direction.",
        own_parameters=(_rows(20),),
        warmup=_windows,
        build=_cascade,
        formula="s(1d) k, s(c) = sign(close - ema(close, n)) of the last closed bar of clock c, k the number of clocks "
        "in the order 1d, 1h, 15m, 5m, bar, from the first on, that have s(c) = s(1d); 0 if s(1d) is 0",
        source="definition",
        unit="clocks, signed",
        low=-5.0,
        high=5.0,
        nan_policy=_SPARSE,
        distrust=_STANDSTILL,
    ),
    Feature(
        name="rows_since_turn",
        family="multi_timeframe",
        meaning="How long ago, in bars, the direction of a longer clock last changed: fresh turns and tired trends.",
        own_parameters=(_rows(20), _SLOW),
        warmup=_windows,
        build=lambda values: node("timeframe.rows_since_change", _on(_trend(_n(values)), values["slow"])),
        formula="rows since sign(close - ema(close, n)) on the clock slow, held, last changed; counted from its first "
        "value until it changes",
        source="definition",
        unit="rows",
        low=0.0,
        nan_policy=_SPARSE,
        distrust=_STANDSTILL,
    ),
    Feature(
        name="zscore_divergence",
        family="multi_timeframe",
        meaning="Is the price stretched on the short clock but not on the long one (or the other way)?",
        own_parameters=(_rows(20), _FAST, _SLOW),
        warmup=_windows,
        build=_score_divergence,
        formula="zscore(close, n) on the clock fast less that on the clock slow, each of its last closed bar",
        source="definition",
        unit="sample standard deviations",
        nan_policy=_SPARSE + " NaN where all closes of a window are equal.",
    ),
    Feature(
        name="momentum_divergence",
        family="multi_timeframe",
        meaning="Does the short clock run faster than the long one, each against its own noise?",
        own_parameters=(_rows(20), _FAST, _SLOW),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: _momentum(values, values["fast"]) - _momentum(values, values["slow"]),
        formula="m(fast) - m(slow), m = ln(x[t] / x[t-n]) / (sqrt(n) std of the last n one-row log returns, divisor "
        "n - 1), each of its last closed bar",
        source="definition",
        unit="standard deviations of an n-row return",
        nan_policy=_SPARSE + " NaN where a clock's returns were all equal.",
    ),
    Feature(
        name="volatility_cascade",
        family="multi_timeframe",
        meaning="Is the short clock more restless than the long one, each bar for itself? Grows before moves spread.",
        own_parameters=(_rows(20), _FAST, _SLOW),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: _vol(values, values["fast"]) / _vol(values, values["slow"]),
        formula="std of the last n one-row log returns on the clock fast over that on the clock slow, divisor n - 1",
        source="definition; Mueller et al. (1997), Volatilities of different time resolutions, Journal of Empirical "
        "Finance 4, for the idea",
        unit="ratio",
        low=0.0,
        nan_policy=_SPARSE + " NaN where the slow clock has no deviation.",
    ),
    Feature(
        name="slow_range_position",
        family="multi_timeframe",
        meaning="Where the price is within the range of closes of a longer clock; below 0 or above 1: out of it.",
        own_parameters=(_rows(20), _SLOW),
        warmup=_windows,
        build=_range_position,
        formula="(close - L) / (H - L), H and L highest and lowest close of the last n closed bars of the clock slow",
        source="definition",
        unit="share of the range",
        nan_policy=_SPARSE + " NaN where highest and lowest are equal.",
    ),
    Feature(
        name="pullback",
        family="multi_timeframe",
        meaning="How far the short clock has moved against the direction of the long one: dips in an up-trend.",
        own_parameters=(_rows(20), _FAST, _SLOW),
        warmup=_windows,
        build=_pullback,
        formula="-sign(close - ema(close, n)) on the clock slow times zscore(close, n) on the clock fast",
        source="definition; Elder (1993), Trading for a Living (triple screen), for the idea",
        unit="sample standard deviations against the trend",
        nan_policy=_SPARSE + " NaN where all closes of the short window are equal.",
    ),
)
"""Features that hold clocks against each other."""

_PAIRS: Final = (("bar", "5m"), ("bar", "15m"), ("bar", "1h"), ("bar", "1d"), ("5m", "1h"), ("15m", "1h"), ("1h", "1d"))

COLUMNS: Final = (
    *(column(name, n=n) for name in ("trend_alignment", "trend_cascade") for n in (10, 20, 50)),
    *(column(name, n=20, slow=slow) for name in ("rows_since_turn", "slow_range_position") for slow in ALIGNED),
    *(
        column(name, n=20, fast=fast, slow=slow)
        for name in ("zscore_divergence", "momentum_divergence", "volatility_cascade", "pullback")
        for fast, slow in _PAIRS
    ),
)
"""Columns that hold clocks against each other."""


def on_every_clock(columns: tuple[FeatureRef, ...]) -> tuple[FeatureRef, ...]:
    """The columns on each of the coarser clocks."""
    return tuple(
        column(ref.feature, ref.instrument, **{**ref.parameters, "on": clock}) for clock in ALIGNED for ref in columns
    )
