"""Change points: whether what the market does has become something else, and how long ago."""

from __future__ import annotations

from typing import Final

from argus.features import windows as w
from argus.features.declaration import Feature, Values, column, real
from argus.features.graph import Node, Term, node
from argus.features.series import OF, SERIES_NAN, rows_of, series_of, window_warmup

__all__ = ["COLUMNS", "DECLARED"]

_SCORE: Final = (
    "z[t] = (x[t] - mean) / standard deviation (divisor n-1), both of the n values before x[t]; a row without z is "
    "left out"
)
_SCORE_NAN: Final = f"{SERIES_NAN} NaN where the n values before are all equal; sums stay as they are in such rows."
_N: Final = rows_of(120, low=2, why="Rows before the current one that say what is usual.")
_HALF: Final = rows_of(60, low=2, why="Rows on each side of the supposed change.")
_DRIFT: Final = real("drift", 0.5, 0.0, 10.0, "Departure, in standard deviations, that is not counted.")
_LIMIT: Final = real("limit", 8.0, 0.1, 1e6, "Sum, in standard deviations, at which a change is taken to be proven.")


def _n(values: Values) -> int:
    return int(values["n"])


def _score(values: Values) -> Term:
    x, n = series_of(values), _n(values)
    return (x - w.lag(w.mean(x, n), 1)) / w.lag(w.deviation(x, n), 1)


def _cusum(values: Values) -> Node:
    return node("change.cusum", _score(values), args=(float(values["drift"]), float(values["limit"])))


def _page_hinkley(values: Values) -> Term:
    return node("change.page_hinkley", _score(values), args=(float(values["drift"]), float(values["limit"])))


def _mean_shift(values: Values) -> Term:
    x, n = series_of(values), _n(values)
    both = w.variance(x, n) + w.lag(w.variance(x, n), n)
    return w.change(w.mean(x, n), n) / w.root(both / float(n))


def _deviation_shift(values: Values) -> Term:
    x, n = series_of(values), _n(values)
    return w.log_growth(w.deviation(x, n), n)


def _after_window(values: Values) -> int:
    return window_warmup(values) + 1


def _two_windows(values: Values) -> int:
    return window_warmup(values) + _n(values)


_CUSUM_SOURCE: Final = "Page (1954), Continuous inspection schemes, Biometrika 41(1/2); standardised by the past"
_CUSUM_FORMULA: Final = (
    "up[t] = max(0, up[t-1] + z[t] - drift), down[t] = max(0, down[t-1] - z[t] - drift), both from 0; after a row in "
    f"which one is above limit both are 0; {_SCORE}"
)

DECLARED: Final = (
    Feature(
        name="cusum_up",
        family="change_point",
        meaning="Departures upwards from what was usual, added up: grows while values stay unusually high.",
        own_parameters=(OF, _N, _DRIFT, _LIMIT),
        warmup=_after_window,
        build=_cusum,
        formula=f"up[t]; {_CUSUM_FORMULA}",
        source=_CUSUM_SOURCE,
        unit="standard deviations",
        low=0.0,
        nan_policy=_SCORE_NAN,
    ),
    Feature(
        name="cusum_down",
        family="change_point",
        meaning="Departures downwards from what was usual, added up: grows while values stay unusually low.",
        own_parameters=(OF, _N, _DRIFT, _LIMIT),
        warmup=_after_window,
        build=lambda values: _cusum(values).out(1),
        formula=f"down[t]; {_CUSUM_FORMULA}",
        source=_CUSUM_SOURCE,
        unit="standard deviations",
        low=0.0,
        nan_policy=_SCORE_NAN,
    ),
    Feature(
        name="change_run",
        family="change_point",
        meaning="How many rows the market has gone on as it was: small shortly after a change.",
        own_parameters=(OF, _N, _DRIFT, _LIMIT),
        warmup=_after_window,
        build=lambda values: _cusum(values).out(2),
        formula=f"rows with z since the last one in which up or down was above limit, which has 0; without any, rows "
        f"with z so far; {_CUSUM_FORMULA}",
        source=_CUSUM_SOURCE,
        unit="rows",
        low=0.0,
        nan_policy=_SCORE_NAN,
        distrust="Before the first change it only counts rows.",
    ),
    Feature(
        name="page_hinkley",
        family="change_point",
        meaning="How far values have drifted, up or down, from their own mean since the last change.",
        own_parameters=(OF, _N, _DRIFT, _LIMIT),
        warmup=_after_window,
        build=_page_hinkley,
        formula="max(u - min(u), d - min(d)), u and d the sums since the last change, from 0 (the minimum includes "
        "it), of z - mean - drift and of mean - z - drift, mean that of all z since then, this one included; all "
        f"begins anew after a row above limit; {_SCORE}",
        source="Page (1954), Biometrika 41(1/2); Hinkley (1971), Inference about the change-point from cumulative sum "
        "tests, Biometrika 58(3)",
        unit="standard deviations",
        low=0.0,
        nan_policy=_SCORE_NAN,
    ),
    Feature(
        name="mean_shift",
        family="change_point",
        meaning="How surely the mean of the last rows differs from that of as many before: above 3 or below -3 is "
        "rare.",
        own_parameters=(OF, _HALF),
        warmup=_two_windows,
        build=_mean_shift,
        formula="(a - b) / sqrt((v + u) / n), a and v mean and variance (divisor n-1) of the last n values, b and u of "
        "the n before",
        source="Welch (1947), The generalization of Student's problem when several different population variances are "
        "involved, Biometrika 34(1/2)",
        unit="t statistic",
        nan_policy=f"{SERIES_NAN} NaN where values are all equal in both stretches.",
        distrust="Values that depend on each other, as ranges and volumes do, make it larger than it should be.",
    ),
    Feature(
        name="deviation_shift",
        family="change_point",
        meaning="Whether the last rows are wilder (above 0) or calmer (below 0) than as many before.",
        own_parameters=(OF, _HALF),
        warmup=_two_windows,
        build=_deviation_shift,
        formula="ln(s / q), s the standard deviation (divisor n-1) of the last n values, q that of the n before",
        source="definition; twice it is the logarithm of the F ratio of variances (Fisher 1924)",
        unit="difference of logarithms",
        nan_policy=f"{SERIES_NAN} NaN where values are all equal in one stretch.",
    ),
)
"""Features of change points."""

COLUMNS: Final = (
    *(
        column(name, of=of, n=n)
        for of in ("return", "range", "volume")
        for n in (60, 240)
        for name in ("cusum_up", "cusum_down", "change_run", "page_hinkley")
    ),
    *(
        column(name, of=of, n=n)
        for of in ("return", "range", "volume")
        for n in (30, 60, 120, 240)
        for name in ("mean_shift", "deviation_shift")
    ),
)
"""Columns of the set `physics`: changes."""
