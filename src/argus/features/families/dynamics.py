"""Dynamics: speed and its changes, memory, roughness, and whether the past pulls the price back."""

from __future__ import annotations

import math
from typing import Final

from argus.core.strategy import Parameter
from argus.features import windows as w
from argus.features.declaration import Feature, Values, column, whole
from argus.features.graph import Term, node
from argus.features.inputs import CLOSE
from argus.features.series import EVERY, LEAD, OF, SERIES_NAN, first_held, rows_of, series, series_of
from argus.features.windows import observed_run

__all__ = ["COLUMNS", "DECLARED"]

_PRICE_NAN: Final = "NaN where a close of the window is missing, zero or negative."
_STILL: Final = f"{_PRICE_NAN} NaN where the price stood still throughout."


def _n(values: Values) -> int:
    return int(values["n"])


def _q(values: Values) -> int:
    return int(values["q"])


def _step(default: int) -> Parameter:
    return whole("every", default, 1, 10_000, "Rows from one computation to the next; the value is held in between.")


def _held_warmup(values: Values) -> int:
    return first_held(_n(values) + LEAD[str(values.get("of", "close"))], int(values["every"]))


def _velocity(n: int, order: int) -> Term:
    speed = w.log_growth(CLOSE, n) / float(n)
    for _ in range(order):
        speed = w.change(speed, n) / float(n)
    return speed


def _motion(name: str, meaning: str, order: int, formula: str, unit: str) -> Feature:
    return Feature(
        name=name,
        family="dynamics",
        meaning=meaning,
        own_parameters=(rows_of(20, low=1, why="Rows of each stretch."),),
        warmup=lambda values: (order + 1) * _n(values) + 1,
        build=lambda values: _velocity(_n(values), order),
        formula=formula,
        source="definition: differences of ln(close), taken as a position",
        unit=unit,
        nan_policy="NaN where a close that it reads is missing, zero or negative.",
    )


def _windowed(kernel: str, *more: str, of: str = "") -> object:
    def build(values: Values) -> Term:
        x = series(of) if of else series_of(values)
        args = (_n(values), int(values["every"]), *(int(values[name]) for name in more))
        return node(f"dynamics.{kernel}", x, observed_run(x), args=args)

    return build


def _katz(values: Values) -> Term:
    x, n = series("close"), _n(values)
    first = w.lag(x, n - 1)
    reach = w.larger(w.highest(x, n) - first, first - w.lowest(x, n))
    steps = math.log(n - 1)
    apart = w.log(reach / w.total(w.absolute(w.change(x)), n - 1)) + steps
    return steps / w.clip(apart, steps / 10.0, steps)


def _petrosian(values: Values) -> Term:
    n = _n(values)
    turn = w.sign(w.change(CLOSE)) * w.sign(w.lag(w.change(CLOSE), 1))
    turns = w.total((w.square(turn) - turn) * 0.5, n - 2)
    return math.log(n) / (w.log(n / node("algebra.affine", turns, args=(0.4, n))) + math.log(n))


def _variance_ratio(values: Values) -> Term:
    n, q = _n(values), _q(values)
    count = n - q + 1
    one, many = w.log_growth(CLOSE, 1), w.log_growth(CLOSE, q)
    shift = w.mean(many, count) - w.mean(one, n) * float(q)
    spread = w.variance(many, count, 0) + w.square(shift)
    return spread / (q * (1.0 - q / n)) / w.variance(one, n)


def _variance_ratio_score(values: Values) -> Term:
    n, q = _n(values), _q(values)
    return (_variance_ratio(values) - 1.0) / math.sqrt(2.0 * (2 * q - 1) * (q - 1) / (3.0 * q * n))


def _half_life(values: Values) -> Term:
    return node("dynamics.half_life", w.beta(w.log_growth(CLOSE, 1), w.lag(series("close"), 1), _n(values)))


_VARIANCE_RATIO: Final = (
    "VR = c / a, a = sum((r - m)^2) / (n - 1), c = sum((R - q m)^2) / (q (n-q+1) (1 - q/n)), r the last n log "
    "returns, m their mean, R the n-q+1 log returns over q rows within them"
)
_LO_MACKINLAY: Final = (
    "Lo and MacKinlay (1988), Stock market prices do not follow random walks, Review of Financial Studies 1(1)"
)
_VR_PARAMETERS: Final = (rows_of(120, low=8), whole("q", 5, 2, 1_000, "Rows of the longer return; below n."))

DECLARED: Final = (
    _motion(
        "velocity",
        "How fast the price moves: its mean log return for each row.",
        0,
        "v = ln(close[t] / close[t-n]) / n",
        "log return for each row",
    ),
    _motion(
        "acceleration",
        "Whether the price gains speed upwards (above 0) or loses it.",
        1,
        "a = (v[t] - v[t-n]) / n, v as velocity",
        "log return for each row squared",
    ),
    _motion(
        "jerk",
        "Whether the push behind the price grows or wanes.",
        2,
        "(a[t] - a[t-n]) / n, a as acceleration",
        "log return for each row cubed",
    ),
    Feature(
        name="energy",
        family="dynamics",
        meaning="How much movement there is, whatever its direction.",
        own_parameters=(rows_of(20, low=1),),
        warmup=lambda values: _n(values) + 1,
        build=lambda values: w.mean(w.square(w.log_growth(CLOSE, 1)), _n(values)) * 0.5,
        formula="mean(r^2) / 2 over the last n rows, r[t] = ln(close[t] / close[t-1])",
        source="definition: kinetic energy of a unit mass at ln(close)",
        unit="log return squared",
        low=0.0,
        nan_policy=_PRICE_NAN,
    ),
    Feature(
        name="hurst_rs",
        family="dynamics",
        meaning="Whether moves persist (above about 0.5) or are taken back (below), by rescaled range.",
        own_parameters=(OF, rows_of(128, low=16), _step(8)),
        warmup=_held_warmup,
        build=_windowed("hurst_exponent"),  # type: ignore[arg-type]
        formula="slope of the least-squares line of ln(RS) on ln(size), sizes 8, 16, ... up to n; RS the mean, over "
        "whole stretches of that size from the newest value back whose values are not all equal, of (max - min of 0 "
        f"and the sums of x - mean from the stretch's begin) / standard deviation (divisor size). {EVERY}",
        source="Hurst (1951), Long-term storage capacity of reservoirs, Transactions of the American Society of Civil "
        "Engineers 116; Mandelbrot and Wallis (1969), Water Resources Research 5(5)",
        unit="exponent",
        low=-1.0,
        high=2.0,
        nan_policy=f"{SERIES_NAN} NaN where all stretches of a size are of equal values.",
        distrust="Biased upwards in short windows: noise reads 0.55 to 0.65.",
    ),
    Feature(
        name="dfa",
        family="dynamics",
        meaning="Whether moves persist (above 0.5) or are taken back (below), trends of each stretch left out.",
        own_parameters=(OF, rows_of(128, low=32), _step(8)),
        warmup=_held_warmup,
        build=_windowed("detrended_exponent"),  # type: ignore[arg-type]
        formula="slope of the least-squares line of ln(F) on ln(size), sizes 4, 8, ... up to n/4; F the root of the "
        "mean squared distance of the sums of x - mean(x) from the least-squares line of each whole stretch of that "
        "size, from the newest value back; an F not above 1e-12 times the largest |sum| counts as 0: those sums are "
        f"lines but for their rounding. {EVERY}",
        source="Peng and others (1994), Mosaic organization of DNA nucleotides, Physical Review E 49(2)",
        unit="exponent",
        nan_policy=f"{SERIES_NAN} NaN where all values are equal, or the sums of every stretch of a size are a line.",
        distrust="Few stretches of the largest size make it noisy in short windows.",
    ),
    Feature(
        name="higuchi_dimension",
        family="dynamics",
        meaning="How rough the price's path is: 1 for a line, 1.5 for a random walk, 2 where it fills the plane.",
        own_parameters=(
            rows_of(60, low=16),
            whole("steps", 8, 2, 15, "Longest step at which the path is measured."),
            _step(5),
        ),
        warmup=_held_warmup,
        build=_windowed("higuchi_dimension", "steps", of="close"),  # type: ignore[arg-type]
        formula="slope of the least-squares line of ln(L[k]) on ln(1/k), k = 1..steps; L[k] the mean over m = 0..k-1 "
        "of sum(|x[m + i k] - x[m + (i-1) k]|, i = 1..g) (n-1) / (g k^2), g = floor((n-1-m) / k), x the last n "
        f"ln(close), oldest first. {EVERY}",
        source="Higuchi (1988), Approach to an irregular time series on the basis of the fractal theory, Physica D "
        "31(2)",
        unit="dimension",
        nan_policy=_STILL,
    ),
    Feature(
        name="katz_dimension",
        family="dynamics",
        meaning="How much longer the price's path was than the way it got: 1 for a line, more for to and fro.",
        own_parameters=(rows_of(60, low=4),),
        warmup=_n,
        build=_katz,
        formula="ln(n-1) / (ln(n-1) + ln(d / L)), L = sum(|x[t] - x[t-1]|) over the n-1 steps of the window, d = "
        "max(|x - first x of the window|), x = ln(close); 10 where that is more, or what "
        "is divided by is not above 0",
        source="Katz (1988), Fractals and the analysis of waveforms, Computers in Biology and Medicine 18(3)",
        unit="dimension",
        low=1.0,
        high=10.0,
        nan_policy=_STILL,
    ),
    Feature(
        name="petrosian_dimension",
        family="dynamics",
        meaning="How often the price turns: 1 if never, more the more turns there are.",
        own_parameters=(rows_of(60, low=4),),
        warmup=_n,
        build=_petrosian,
        formula="ln(n) / (ln(n) + ln(n / (n + 0.4 k))), k the changes of close, among the n-1 of the window, whose "
        "sign is the opposite of the one before",
        source="Petrosian (1995), Kolmogorov complexity of finite sequences and recognition of different preictal EEG "
        "patterns, IEEE Symposium on Computer-Based Medical Systems",
        unit="dimension",
        low=1.0,
        high=1.5,
        nan_policy="A missing value makes every output NaN whose window holds it.",
    ),
    Feature(
        name="lyapunov",
        family="dynamics",
        meaning="How fast stretches that were alike come apart: the larger, the sooner the past stops being a guide.",
        own_parameters=(
            OF,
            rows_of(64, low=24, high=500),
            whole("steps", 5, 1, 10, "Rows over which neighbours are followed."),
            _step(16),
        ),
        warmup=_held_warmup,
        build=_windowed("lyapunov_exponent", "steps"),  # type: ignore[arg-type]
        formula="slope of the least-squares line of ln(distance) on t = 0..steps, over all pairs followed; for each "
        "i from 0 to n-3-steps the nearest (x[j], x[j+1], x[j+2]) to (x[i], x[i+1], x[i+2]) by straight distance "
        "above 0, j in the same range and |i - j| > 3, followed to i + t and j + t; of those not further off than "
        f"(1 + 1e-9) times the least distance the one with the smallest j; distances of 0 are left out. {EVERY}",
        source="Rosenstein, Collins and De Luca (1993), A practical method for calculating largest Lyapunov "
        "exponents from small data sets, Physica D 65(1-2): dimension 3, delay 1",
        unit="nats for each row",
        nan_policy=f"{SERIES_NAN} NaN where no stretch has a neighbour.",
        distrust="Markets are noise before they are chaos; use it to compare, not as proof of chaos.",
    ),
    Feature(
        name="variance_ratio",
        family="dynamics",
        meaning="Variance of longer returns against that of one-row returns: above 1 trends, below 1 swings back.",
        own_parameters=_VR_PARAMETERS,
        warmup=lambda values: _n(values) + 1,
        build=_variance_ratio,
        formula=_VARIANCE_RATIO,
        source=_LO_MACKINLAY,
        unit="ratio of variances",
        low=0.0,
        nan_policy=_STILL,
    ),
    Feature(
        name="variance_ratio_score",
        family="dynamics",
        meaning="How surely the variance ratio differs from that of a random walk: beyond 2 or -2 is rare.",
        own_parameters=_VR_PARAMETERS,
        warmup=lambda values: _n(values) + 1,
        build=_variance_ratio_score,
        formula=f"(VR - 1) / sqrt(2 (2q - 1) (q - 1) / (3 q n)); {_VARIANCE_RATIO}",
        source=f"{_LO_MACKINLAY}: the statistic for returns of equal variance",
        unit="standard deviations",
        nan_policy=_STILL,
        distrust="Assumes one volatility throughout; changing volatility makes it too sure.",
    ),
    Feature(
        name="half_life",
        family="dynamics",
        meaning="How many rows it takes the price to make up half of its distance from the mean.",
        own_parameters=(rows_of(120, low=4),),
        warmup=lambda values: _n(values) + 1,
        build=_half_life,
        formula="-ln(2) / ln(1 + b), b the slope of x[t] - x[t-1] on x[t-1], least squares with a constant over the "
        "last n rows, x = ln(close)",
        source="half-life of a first-order autoregression, as used for trading in Chan (2013), Algorithmic Trading, "
        "chapter 2",
        unit="rows",
        low=0.0,
        nan_policy=f"Sparse: {_STILL} NaN where b is not between -1 + 1e-9 and 0: the price is not pulled back, or "
        "goes all the way at once.",
        distrust="Least squares sees a pull even in a random walk, the more so the shorter the window.",
    ),
)
"""Features of dynamics."""

COLUMNS: Final = (
    *(column(name, n=n) for n in (5, 20, 60, 240) for name in ("velocity", "acceleration", "jerk", "energy")),
    *(
        column(name, of=of, n=n, every=16)
        for of in ("return", "range")
        for n in (128, 256)
        for name in ("hurst_rs", "dfa")
    ),
    *(column("higuchi_dimension", n=n) for n in (60, 120)),
    *(column(name, n=n) for n in (30, 60, 120, 240, 480) for name in ("katz_dimension", "petrosian_dimension")),
    column("lyapunov", of="return", n=64, every=32),
    column("lyapunov", of="range", n=64, every=32),
    *(
        column(name, n=n, q=q)
        for n in (120, 480)
        for q in (2, 5, 10, 20)
        for name in ("variance_ratio", "variance_ratio_score")
    ),
    *(column("half_life", n=n) for n in (60, 120, 240, 480)),
)
"""Columns of the set `physics`: motion and memory."""
