"""Morphology: the shape of a distribution in the last rows, such as lopsided, with fat tails or in two heaps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from argus.core.strategy import Parameter
from argus.features.declaration import Feature, Values, column, real
from argus.features.graph import Node, Term, node
from argus.features.series import OF, SERIES_NAN, rows_of, series_of, window_warmup
from argus.features.windows import observed_run, quantiles

__all__ = ["COLUMNS", "DECLARED"]

_QUANTILES: Final = (0.01, 0.05, 0.1, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 0.9, 0.95, 0.99)
_EQUAL_NAN: Final = f"{SERIES_NAN} NaN where all values of the window are equal."
_TAILS: Final = {"both": 0.0, "right": 1.0, "left": -1.0}


def _n(values: Values) -> int:
    return int(values["n"])


def _moments(values: Values) -> tuple[Node, Node]:
    x = series_of(values)
    skew = node("morphology.higher_moments", x, observed_run(x), args=(_n(values),))
    return skew, skew.out(1)


def _skew(values: Values) -> Term:
    n = _n(values)
    return _moments(values)[0] * (math.sqrt(n * (n - 1)) / (n - 2))


def _kurtosis(values: Values) -> Term:
    n = _n(values)
    scale = (n - 1) / ((n - 2) * (n - 3))
    return node("algebra.affine", _moments(values)[1], args=(scale * (n + 1), scale * 6.0))


def _bimodality(values: Values) -> Term:
    n = _n(values)
    skew = _skew(values)
    return (skew * skew + 1.0) / (_kurtosis(values) + 3.0 * (n - 1) ** 2 / ((n - 2) * (n - 3)))


def _quantile(values: Values) -> Callable[[float], Term]:
    found = quantiles(series_of(values), _n(values), _QUANTILES)
    return lambda p: found[_QUANTILES.index(p)]


def _quantile_spread(values: Values) -> Term:
    q, p = _quantile(values), float(str(values["tail"]))
    return q(1.0 - p) - q(p)


def _quantile_skew(values: Values) -> Term:
    q, p = _quantile(values), float(str(values["tail"]))
    return ((q(1.0 - p) - q(0.5)) - (q(0.5) - q(p))) / (q(1.0 - p) - q(p))


def _quantile_kurtosis(values: Values) -> Term:
    q = _quantile(values)
    return ((q(0.875) - q(0.625)) + (q(0.375) - q(0.125))) / (q(0.75) - q(0.25))


def _largest(values: Values) -> int:
    return max(2, math.floor(_n(values) * float(values["share"])))


def _tail_index(values: Values) -> Term:
    size = node("morphology.log_size", series_of(values), args=(_TAILS[str(values["tail"])],))
    return node("morphology.hill", size, args=(_n(values), _largest(values)))


def _l_ratio(output: int) -> Callable[[Values], Term]:
    return lambda values: node("morphology.l_ratios", series_of(values), args=(_n(values),), output=output)


def _tail_parameter(choices: tuple[str, ...], default: str) -> Parameter:
    return Parameter("tail", default, choices=choices, why="Share of values below the lower of the two quantiles.")


DECLARED: Final = (
    Feature(
        name="skew",
        family="morphology",
        meaning="Whether the large moves of the last rows went up (above zero) or down (below).",
        own_parameters=(OF, rows_of(60, low=3)),
        warmup=window_warmup,
        build=_skew,
        formula="sqrt(n (n-1)) / (n-2) * m3 / m2^1.5, mk = mean((x - mean(x))^k) over the last n values",
        source="Joanes and Gill (1998), Comparing measures of sample skewness and kurtosis, The Statistician 47(1): G1",
        unit="dimensionless",
        nan_policy=_EQUAL_NAN,
        distrust="One value of the window can make all of it; a step appears when that value leaves.",
    ),
    Feature(
        name="kurtosis",
        family="morphology",
        meaning="How much of the movement came in few large moves; 0 as of a normal distribution.",
        own_parameters=(OF, rows_of(60, low=4)),
        warmup=window_warmup,
        build=_kurtosis,
        formula="(n-1) / ((n-2) (n-3)) * ((n+1) (m4 / m2^2 - 3) + 6), mk = mean((x - mean(x))^k) over the last n "
        "values",
        source="Joanes and Gill (1998), Comparing measures of sample skewness and kurtosis, The Statistician 47(1): G2",
        unit="dimensionless",
        nan_policy=_EQUAL_NAN,
        distrust="One value of the window can make all of it; a step appears when that value leaves.",
    ),
    Feature(
        name="bimodality",
        family="morphology",
        meaning="Whether values fall in two heaps: above 5/9, that of an even spread, two heaps are likely.",
        own_parameters=(OF, rows_of(60, low=8)),
        warmup=window_warmup,
        build=_bimodality,
        formula="(skew^2 + 1) / (kurtosis + 3 (n-1)^2 / ((n-2) (n-3))), with the features skew and kurtosis",
        source="Pfister, Schwarz, Janczyk, Dale and Freeman (2013), Good things peak in pairs, Frontiers in Psychology "
        "4:700; Sarle's coefficient as SAS computes it",
        unit="dimensionless",
        low=0.0,
        high=1.5,
        nan_policy=_EQUAL_NAN,
        distrust="Strong skew alone also makes it large.",
    ),
    Feature(
        name="quantile_spread",
        family="morphology",
        meaning="How far apart the high and the low values are; one wild value does not move it.",
        own_parameters=(OF, rows_of(60), _tail_parameter(("0.01", "0.05", "0.1", "0.25"), "0.1")),
        warmup=window_warmup,
        build=_quantile_spread,
        formula="q(1 - tail) - q(tail); q(p) lies between the sorted values s[k] and s[k+1], k = floor((n-1) p), at "
        "s[k] + ((n-1) p - k) (s[k+1] - s[k]) with k from 0 to n-2",
        source="Hyndman and Fan (1996), Sample quantiles in statistical packages, The American Statistician 50(4): "
        "definition 7",
        unit="as the series: log return, or difference of logarithms",
        low=0.0,
        nan_policy=SERIES_NAN,
    ),
    Feature(
        name="quantile_skew",
        family="morphology",
        meaning="Whether the upper half of the values reaches further than the lower; one wild value does not move it.",
        own_parameters=(OF, rows_of(60), _tail_parameter(("0.01", "0.05", "0.1", "0.25"), "0.25")),
        warmup=window_warmup,
        build=_quantile_skew,
        formula="((q(1 - tail) - q(0.5)) - (q(0.5) - q(tail))) / (q(1 - tail) - q(tail)), q as in quantile_spread",
        source="Bowley (1901), Elements of Statistics (tail 0.25); Hinkley (1975), On power transformations to "
        "symmetry, Biometrika 62(1) (other tails)",
        unit="dimensionless",
        low=-1.0,
        high=1.0,
        nan_policy=f"Sparse: {SERIES_NAN} NaN where both outer quantiles are equal.",
    ),
    Feature(
        name="quantile_kurtosis",
        family="morphology",
        meaning="How heavy the shoulders and tails are against the middle, by octiles; 1.233 for a normal "
        "distribution.",
        own_parameters=(OF, rows_of(60)),
        warmup=window_warmup,
        build=_quantile_kurtosis,
        formula="((q(7/8) - q(5/8)) + (q(3/8) - q(1/8))) / (q(6/8) - q(2/8)), q as in quantile_spread",
        source="Moors (1988), A quantile alternative for kurtosis, The Statistician 37(1)",
        unit="dimensionless",
        low=0.0,
        nan_policy=f"Sparse: {SERIES_NAN} NaN where both quartiles are equal.",
    ),
    Feature(
        name="tail_index",
        family="morphology",
        meaning="How thin the tail of large returns is: 2 to 4 is usual of markets, lower is wilder.",
        own_parameters=(
            rows_of(120, low=20),
            Parameter("tail", "both", choices=("both", "left", "right"), why="Sizes, falls only, or rises only."),
            real("share", 0.1, 0.01, 0.45, "Share of the rows that counts as tail."),
        ),
        warmup=lambda values: _n(values) + 1,
        build=_tail_index,
        formula="k / sum(ln(s[i]) - ln(s[k+1]), i = 1..k), s the n last values of |r| (both), r (right) or -r (left) "
        "from the largest down, r the log return of a row, k = max(2, floor(n share)); ln of what is not above zero is "
        "taken as below all others",
        source="Hill (1975), A simple general approach to inference about the tail of a distribution, The Annals of "
        "Statistics 3(5)",
        unit="exponent of the tail",
        low=0.0,
        nan_policy=f"Sparse: {SERIES_NAN} NaN where fewer than k+1 values are above zero, or these are all equal.",
        distrust="Returns on a coarse price grid come in few sizes, and the index then measures the grid.",
    ),
    Feature(
        name="l_skew",
        family="morphology",
        meaning="Skewness by order statistics: bounded, and far less moved by one wild value than the usual one.",
        own_parameters=(OF, rows_of(60, low=5)),
        warmup=window_warmup,
        build=_l_ratio(0),
        formula="l3 / l2; b_r = mean(x_(j) C(j, r) / C(n-1, r)) over ranks j = 0..n-1, l2 = 2 b1 - b0, "
        "l3 = 6 b2 - 6 b1 + b0",
        source="Hosking (1990), L-moments, Journal of the Royal Statistical Society B 52(1)",
        unit="dimensionless",
        low=-1.0,
        high=1.0,
        nan_policy=_EQUAL_NAN,
    ),
    Feature(
        name="l_kurtosis",
        family="morphology",
        meaning="Weight of the tails by order statistics: 0.1226 for a normal distribution, 0 for an even spread.",
        own_parameters=(OF, rows_of(60, low=5)),
        warmup=window_warmup,
        build=_l_ratio(1),
        formula="l4 / l2; l4 = 20 b3 - 30 b2 + 12 b1 - b0, with l2 and b_r as in l_skew",
        source="Hosking (1990), L-moments, Journal of the Royal Statistical Society B 52(1)",
        unit="dimensionless",
        # Of a sample the lower bound is a little below that of distributions, -1/4.
        low=-1.0,
        high=1.0,
        nan_policy=_EQUAL_NAN,
    ),
)
"""Features of morphology."""

COLUMNS: Final = (
    *(
        column(name, of=of, n=n)
        for of in ("return", "range", "volume", "close")
        for n in (30, 60, 120, 240, 480)
        for name in ("skew", "kurtosis", "bimodality")
    ),
    *(
        column(name, of=of, n=n)
        for of in ("return", "range", "volume")
        for n in (60, 240)
        for name in ("quantile_spread", "quantile_skew", "quantile_kurtosis")
    ),
    *(column("tail_index", n=n, tail="both") for n in (120, 240, 480)),
    *(column("tail_index", n=240, tail=tail) for tail in ("left", "right")),
    *(column(name, of=of, n=60) for of in ("return", "range") for name in ("l_skew", "l_kurtosis")),
)
"""Columns of the set `physics`: shapes."""
