"""What a column of a feature looks like: its distribution, whether it wanders, and how it differs from year to year.

A model that is fitted on some years is used on others. What it learnt holds only as far as the feature's values mean
the same then: a feature that trends, or whose distribution moves, takes the model to values that it has never seen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I64_1D
from argus.core.time import NS_PER_DAY
from argus.lab.feature_study.level_tests import kpss_level, unit_root

__all__ = [
    "LEVELS",
    "TESTED_ROWS",
    "Distribution",
    "Drift",
    "Stationarity",
    "Year",
    "distribution",
    "drift",
    "stationarity",
]

F32_1D = NDArray[np.float32]
"""One column as it is stored."""
LEVELS: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""Quantiles of a distribution."""
YEAR_LEVELS: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles of each year."""
TESTED_ROWS: Final = 2_500
"""Most rows that the tests for stationarity read, evenly thinned."""
BINS: Final = 40

_SURE: Final = 0.05
_TESTED_MIN: Final = 100
_SLACK: Final = 1e-5
_PSI_BINS: Final = 10
_PSI_FLOOR: Final = 1e-4
_PSI_SOME: Final = 0.10
_PSI_LARGE: Final = 0.25
_YEAR_MIN: Final = 50


@dataclass(frozen=True, slots=True)
class Distribution:
    """The values of a column.

    Attributes
    ----------
    rows, known : int
        Rows, and those with a value.
    first_row : int
        Row of the first value; the number of rows if there is none.
    holes : int
        Rows without a value after the first one.
    mean, std, skew, kurtosis : float
        The standard deviation with n - 1; skewness and kurtosis from central moments with n, a normal one has 0 and 3.
    low, high : float
        Least and greatest value.
    quantiles : tuple of float
        At `LEVELS`, between neighbours by their distance.
    top_value, top_share : float
        The most frequent value, and the share of the values that it makes up; the least of several.
    below, above : int
        Values beyond the declared range.
    edges, counts : tuple
        A histogram between the outermost quantiles; what lies beyond is counted in its first and last bin.
    """

    rows: int
    known: int
    first_row: int
    holes: int
    mean: float
    std: float
    skew: float
    kurtosis: float
    low: float
    high: float
    quantiles: tuple[float, ...]
    top_value: float
    top_share: float
    below: int
    above: int
    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def hole_share(self) -> float:
        """Share of the rows after the first value that have none."""
        after = self.rows - self.first_row
        return self.holes / after if after else math.nan

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        names = ("rows", "known", "first_row", "holes", "mean", "std", "skew", "kurtosis", "low", "high")
        told: dict[str, Any] = {name: getattr(self, name) for name in names}
        told["quantiles"] = {f"{level:g}": value for level, value in zip(LEVELS, self.quantiles, strict=True)}
        return told | {
            "top_value": self.top_value,
            "top_share": self.top_share,
            "below_range": self.below,
            "above_range": self.above,
        }


def distribution(values: F32_1D, low: float = -math.inf, high: float = math.inf) -> Distribution:
    """Describe a column.

    Parameters
    ----------
    values : (n,) float32
        NaN is missing.
    low, high : float
        Declared range; rounding to float32 is forgiven.
    """
    is_known = ~np.isnan(values)
    known = np.sort(values[is_known])
    n = len(known)
    first = int(np.argmax(is_known)) if n else len(values)
    if not n:
        nothing = math.nan
        return Distribution(
            len(values), 0, first, 0, nothing, nothing, nothing, nothing, nothing, nothing, (nothing,) * len(LEVELS),
            nothing, nothing, 0, 0, (), (),
        )  # fmt: skip
    exact = known.astype(np.float64)
    mean, std, skew, kurtosis = _moments(exact)
    starts = np.concatenate(([0], np.flatnonzero(known[1:] != known[:-1]) + 1))
    lengths = np.diff(starts, append=n)
    top = int(np.argmax(lengths))
    edges, counts = _histogram(known)
    return Distribution(
        rows=len(values),
        known=n,
        first_row=first,
        holes=len(values) - first - n,
        mean=mean,
        std=std,
        skew=skew,
        kurtosis=kurtosis,
        low=float(known[0]),
        high=float(known[-1]),
        quantiles=tuple(float(value) for value in _quantiles(known, LEVELS)),
        top_value=float(known[starts[top]]),
        top_share=float(lengths[top]) / n,
        below=int(np.searchsorted(exact, low - _SLACK * max(1.0, abs(low)), "left")) if math.isfinite(low) else 0,
        above=n - int(np.searchsorted(exact, high + _SLACK * max(1.0, abs(high)), "right"))
        if math.isfinite(high)
        else 0,
        edges=edges,
        counts=counts,
    )


def _moments(known: F64_1D) -> tuple[float, float, float, float]:
    n = len(known)
    if known[0] == known[-1]:
        return float(known[0]), 0.0, math.nan, math.nan
    mean = float(known.mean())
    away = known - mean
    square = away * away
    second = float(square.mean())
    if not second > 0.0:
        return mean, 0.0, math.nan, math.nan
    third = float(np.multiply(away, square, out=away).mean())
    fourth = float(np.multiply(square, square, out=square).mean())
    return mean, math.sqrt(second * n / (n - 1)), third / second**1.5, fourth / second**2


def _quantiles(ordered: NDArray[Any], levels: Sequence[float] | F64_1D) -> F64_1D:
    """Quantiles of sorted values, as NumPy's default."""
    place = np.asarray(levels) * (len(ordered) - 1)
    below = np.floor(place).astype(np.int64)
    beside = np.minimum(below + 1, len(ordered) - 1)
    a, b = ordered[below].astype(np.float64), ordered[beside].astype(np.float64)
    return np.asarray(a + (b - a) * (place - below))


def _histogram(known: F32_1D) -> tuple[tuple[float, ...], tuple[int, ...]]:
    low, high = (float(value) for value in _quantiles(known, (0.001, 0.999)))
    if not high > low:
        low, high = float(known[0]), float(known[-1])
    if not high > low:
        return (low, high), (len(known),)
    edges = np.linspace(low, high, BINS + 1)
    inner = np.searchsorted(known, edges[1:-1].astype(np.float32), "left")
    counts = np.diff(np.concatenate(([0], inner, [len(known)])))
    return tuple(edges.tolist()), tuple(counts.tolist())


# -------------------------------------------------------------------------------------------------------- stationarity


@dataclass(frozen=True, slots=True)
class Stationarity:
    """Whether a column keeps about one level.

    Attributes
    ----------
    word : str
        stationary, trending, unclear or untested.
    sentence : str
        Why.
    rows : int
        Rows that were tested.
    adf, adf_p : float
        Augmented Dickey-Fuller: a small p speaks against a unit root, so for a level that it returns to.
    kpss, kpss_p : float
        Kwiatkowski, Phillips, Schmidt and Shin: a small p speaks against one level. Its table ends at 0.01 and 0.1.
    """

    word: str
    sentence: str
    rows: int
    adf: float = math.nan
    adf_p: float = math.nan
    kpss: float = math.nan
    kpss_p: float = math.nan

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def stationarity(values: F32_1D) -> Stationarity:
    """Test a column for a unit root, and for one level.

    The two tests ask opposite questions, so that together they can also say that they do not know. Of a long column
    `TESTED_ROWS` values are read, evenly thinned over all of it: whether it comes back to a level shows over its whole
    length.

    Parameters
    ----------
    values : (n,) float32
        NaN is left out.

    Notes
    -----
    Dickey and Fuller (1979), Journal of the American Statistical Association 74, with a constant and
    ``floor(4 (n / 100)^(1/4))`` lags; Kwiatkowski, Phillips, Schmidt and Shin (1992), Journal of Econometrics 54, with
    the lags of Hobijn, Franses and Ooms (2004).
    """
    known = values[~np.isnan(values)]
    if len(known) > TESTED_ROWS:
        known = known[np.linspace(0, len(known) - 1, TESTED_ROWS).astype(np.int64)]
    n = len(known)
    if n < _TESTED_MIN:
        return Stationarity("untested", f"{n:,} values are too few to test; {_TESTED_MIN} are needed", n)
    series = known.astype(np.float64)
    spread = float(series.std())
    if not spread > 0.0:
        return Stationarity("untested", "all values are equal", n)
    series = (series - series.mean()) / spread
    adf, adf_p = unit_root(series, int(4.0 * (n / 100.0) ** 0.25))
    kpss_stat, kpss_p = kpss_level(series)
    if not all(map(math.isfinite, (adf, kpss_stat))):
        return Stationarity("untested", "the tests give no figure on these values", n)
    returns, wanders = adf_p < _SURE, kpss_p < _SURE
    if returns and not wanders:
        word, why = "stationary", "it returns to a level, and nothing speaks against one level"
    elif wanders and not returns:
        word, why = "trending", "it does not return to a level: what a model learnt of its values will not hold"
    elif returns:
        word, why = "unclear", "it returns, but to a level that moves: slow cycles, or a break"
    else:
        word, why = "unclear", "too little movement to tell"
    return Stationarity(word, why, n, adf, adf_p, kpss_stat, kpss_p)


# --------------------------------------------------------------------------------------------------------------- drift


@dataclass(frozen=True, slots=True)
class Year:
    """One calendar year of a column.

    Attributes
    ----------
    year, known : int
        UTC year in which rows could first be known; values in it.
    mean, std : float
    quantiles : tuple of float
        At 5, 25, 50, 75 and 95 %.
    psi : float
        Population stability index between this year and the rest; NaN with fewer than 50 values on either side.
    distance : float
        Kolmogorov-Smirnov distance to the rest, at the percentiles of all values.
    """

    year: int
    known: int
    mean: float
    std: float
    quantiles: tuple[float, ...]
    psi: float
    distance: float


@dataclass(frozen=True, slots=True)
class Drift:
    """How a column differs from year to year.

    Attributes
    ----------
    word : str
        steady, moved, shifted or untested, by the worst year.
    worst : int
        Year that differs most from the rest; 0 if none can be compared.
    sentence : str
    years : tuple of Year
    """

    word: str
    worst: int
    sentence: str
    years: tuple[Year, ...]

    @property
    def psi(self) -> float:
        """Index of the worst year; NaN if none can be compared."""
        return next((year.psi for year in self.years if year.year == self.worst), math.nan)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "word": self.word,
            "worst_year": self.worst or None,
            "psi": self.psi,
            "sentence": self.sentence,
            "years": [{name: getattr(year, name) for name in Year.__dataclass_fields__} for year in self.years],
        }


def drift(values: F32_1D, ts_ns: I64_1D) -> Drift:
    """Hold each calendar year of a column against all the others.

    Parameters
    ----------
    values : (n,) float32
    ts_ns : (n,) int64
        When each row could first be known, increasing.

    Notes
    -----
    The index is ``sum((p - q) log(p / q))`` over ten bins between the deciles of all values, p and q the shares of the
    year and of the rest, none below 0.0001. Read as by Siddiqi (2006), Credit Risk Scorecards: below 0.1 nothing to
    see, above 0.25 another distribution. It takes values as independent: a year of a slow feature has few that are, and
    differs by chance alone more than this rule expects.
    """
    spans = _years(ts_ns)
    known = np.sort(values[~np.isnan(values)])
    if not len(known):
        return Drift("untested", 0, "there are no values", ())
    bins = np.unique(_quantiles(known, np.arange(1, _PSI_BINS) / _PSI_BINS).astype(np.float32))
    marks = np.unique(_quantiles(known, np.arange(1, 100) / 100).astype(np.float32))
    whole_bins, whole_marks = (np.searchsorted(known, at, "right") for at in (bins, marks))
    years = []
    for year, (first, last) in spans.items():
        part = values[first:last]
        part = np.sort(part[~np.isnan(part)])
        if len(part):
            others = len(known) - len(part)
            psi = distance = math.nan
            if len(part) >= _YEAR_MIN and others >= _YEAR_MIN:
                in_bins = np.searchsorted(part, bins, "right")
                psi = _index(_shares(in_bins, len(part)), _shares(whole_bins - in_bins, others))
                in_marks = np.searchsorted(part, marks, "right")
                distance = float(np.abs(in_marks / len(part) - (whole_marks - in_marks) / others).max())
            exact = part.astype(np.float64)
            spread = float(exact.std(ddof=1)) if len(part) > 1 else math.nan
            quantiles = tuple(float(value) for value in _quantiles(part, YEAR_LEVELS))
            years.append(Year(year, len(part), float(exact.mean()), spread, quantiles, psi, distance))
    return _reading(tuple(years))


def _reading(years: tuple[Year, ...]) -> Drift:
    compared = [year for year in years if math.isfinite(year.psi)]
    if not compared:
        return Drift("untested", 0, f"no two calendar years with {_YEAR_MIN} values each", years)
    worst = max(compared, key=lambda year: year.psi)
    figures = f"{worst.year} differs most from the rest: index {worst.psi:.2f}, distance {worst.distance:.2f}"
    if worst.psi < _PSI_SOME:
        return Drift("steady", worst.year, f"{figures}; no year is out of line", years)
    if worst.psi < _PSI_LARGE:
        return Drift("moved", worst.year, f"{figures}; somewhat out of line", years)
    return Drift("shifted", worst.year, f"{figures}; that year had another distribution", years)


def _years(ts_ns: I64_1D) -> Mapping[int, tuple[int, int]]:
    """Rows of each calendar year."""
    if not len(ts_ns):
        return {}
    days = ts_ns // NS_PER_DAY
    first, last = (int(np.datetime64(int(day), "D").astype("datetime64[Y]").astype(int)) for day in days[[0, -1]])
    starts = [int(np.datetime64(f"{1970 + year}-01-01", "D").astype(int)) for year in range(first, last + 2)]
    edges = np.searchsorted(days, np.array(starts), "left")
    return {1970 + first + k: (int(edges[k]), int(edges[k + 1])) for k in range(last - first + 1)}


def _shares(cumulated: I64_1D, n: int) -> F64_1D:
    counts = np.diff(np.concatenate(([0], cumulated, [n])))
    return np.asarray(np.maximum(counts / n, _PSI_FLOOR))


def _index(p: F64_1D, q: F64_1D) -> float:
    return float(((p - q) * np.log(p / q)).sum())
