"""Correlation: what moves together within one series of bars, at once or some rows later."""

from __future__ import annotations

from typing import Final

from argus.core.strategy import Parameter
from argus.features import windows as w
from argus.features.declaration import Feature, Values, column, whole
from argus.features.graph import Term
from argus.features.series import OF, SERIES_NAN, rows_of, series, series_of, window_warmup

__all__ = ["COLUMNS", "DECLARED"]

_EQUAL: Final = f"{SERIES_NAN} NaN where all values of one side are equal."
_SOURCE: Final = "Pearson's correlation coefficient"


def _n(values: Values) -> int:
    return int(values["n"])


def _k(values: Values) -> int:
    return int(values["k"])


def _lag_parameter(default: int) -> Parameter:
    return whole("k", default, 1, 1_000, "Rows between the two values of a pair.")


def _autocorrelation(values: Values) -> Term:
    x = series_of(values)
    return w.correlation(x, w.lag(x, _k(values)), _n(values))


def _absolute_autocorrelation(values: Values) -> Term:
    x = w.absolute(series("return"))
    return w.correlation(x, w.lag(x, _k(values)), _n(values))


def _leverage(values: Values) -> Term:
    r = series("return")
    return w.correlation(w.lag(r, _k(values)), w.absolute(r), _n(values))


def _pair(name: str, meaning: str, x: str, y: str, formula: str, source: str) -> Feature:
    def side(which: str) -> Term:
        return w.absolute(series("return")) if which == "move" else series(which)

    return Feature(
        name=name,
        family="correlation",
        meaning=meaning,
        own_parameters=(rows_of(60, low=3),),
        warmup=lambda values: _n(values) + (0 if x == "range" else 1),
        build=lambda values: w.correlation(side(x), side(y), _n(values)),
        formula=f"correlation of {formula} over the last n rows"
        + ("" if x == "range" else ", r[t] = ln(close[t] / close[t-1])"),
        source=source,
        unit="correlation",
        low=-1.0,
        high=1.0,
        nan_policy=_EQUAL,
    )


DECLARED: Final = (
    Feature(
        name="autocorrelation",
        family="correlation",
        meaning="Whether a value tends to be followed, k rows later, by one on the same side (above 0) or the other.",
        own_parameters=(OF, rows_of(60, low=3), _lag_parameter(1)),
        warmup=lambda values: window_warmup(values) + _k(values),
        build=_autocorrelation,
        formula="correlation of x[t] and x[t-k] over the last n pairs, each side about its own mean",
        source=_SOURCE,
        unit="correlation",
        low=-1.0,
        high=1.0,
        nan_policy=_EQUAL,
        distrust="Bid-ask bounce alone makes it negative at lag 1; see roll_spread.",
    ),
    Feature(
        name="absolute_autocorrelation",
        family="correlation",
        meaning="Whether large moves follow large moves, whatever their direction.",
        own_parameters=(rows_of(60, low=3), _lag_parameter(1)),
        warmup=lambda values: _n(values) + _k(values) + 1,
        build=_absolute_autocorrelation,
        formula="correlation of |r[t]| and |r[t-k]| over the last n pairs, r[t] = ln(close[t] / close[t-1])",
        source="Ding, Granger and Engle (1993), A long memory property of stock market returns and a new model, "
        "Journal of Empirical Finance 1(1)",
        unit="correlation",
        low=-1.0,
        high=1.0,
        nan_policy=_EQUAL,
    ),
    Feature(
        name="leverage_correlation",
        family="correlation",
        meaning="Whether falls are followed by larger moves than rises: below 0 where fear raises volatility.",
        own_parameters=(rows_of(240, low=3), _lag_parameter(1)),
        warmup=lambda values: _n(values) + _k(values) + 1,
        build=_leverage,
        formula="correlation of r[t-k] and |r[t]| over the last n pairs, r[t] = ln(close[t] / close[t-1])",
        source="Bouchaud, Matacz and Potters (2001), Leverage effect in financial markets, Physical Review Letters "
        "87(22) 228701: the idea, with |r| and a correlation",
        unit="correlation",
        low=-1.0,
        high=1.0,
        nan_policy=_EQUAL,
    ),
    _pair(
        "return_volume_correlation",
        "Whether volume comes with rises (above 0) or with falls (below 0).",
        "return",
        "volume",
        "r and ln(volume)",
        "Karpoff (1987), The relation between price changes and trading volume, Journal of Financial and Quantitative "
        "Analysis 22(1)",
    ),
    _pair(
        "move_volume_correlation",
        "Whether volume comes with large moves, as it usually does; low where moves are thin.",
        "move",
        "volume",
        "|r| and ln(volume)",
        "Karpoff (1987), Journal of Financial and Quantitative Analysis 22(1)",
    ),
    _pair(
        "return_range_correlation",
        "Whether bars are wide when the price rises (above 0) or when it falls (below 0).",
        "return",
        "range",
        "r and ln(high / low)",
        _SOURCE,
    ),
    _pair(
        "range_volume_correlation",
        "How closely the width of a bar follows its volume.",
        "range",
        "volume",
        "ln(high / low) and ln(volume)",
        _SOURCE,
    ),
)
"""Features of correlation."""

COLUMNS: Final = (
    *(column("autocorrelation", of="return", n=n, k=k) for n in (60, 240) for k in range(1, 11)),
    *(column("autocorrelation", of=of, n=n, k=k) for of in ("range", "volume") for n in (60, 240) for k in (1, 2, 5)),
    *(column("absolute_autocorrelation", n=n, k=k) for n in (60, 240) for k in range(1, 11)),
    *(column("leverage_correlation", n=n, k=k) for n in (120, 480) for k in (1, 2, 3, 5, 10)),
    *(
        column(f"{name}_correlation", n=n)
        for name in ("return_volume", "move_volume", "return_range", "range_volume")
        for n in (30, 60, 120, 240, 480)
    ),
)
"""Columns of the set `physics`: what moves together."""
