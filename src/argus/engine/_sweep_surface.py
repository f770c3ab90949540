"""Plateau or spike: what the points beside the best one say about it.

An edge that exists does not care whether an average is of 50 or of 55 bars: the points around a good one are good too.
A best point that stands alone is what searching finds in noise. These functions are free of any sweep: scores, and
pairs of points that are neighbours.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I64_1D
from argus.core.errors import ConfigError

__all__ = [
    "Neighbours",
    "Reading",
    "connected_points",
    "contiguity_error",
    "contiguity_ratio",
    "grid_neighbours",
    "nearest_neighbours",
    "plateau_share",
    "read_surface",
]

Neighbours = NDArray[np.int64]
"""(m, 2) positions of points that are neighbours, each pair once, the smaller position first."""

FRACTION: Final = 0.25
"""How much of the best score a neighbour may lose and still hold it."""
_PLATEAU_SHARE: Final = 2 / 3
_SHAPE_ERRORS: Final = 1.645
"""Standard errors below 1 from which a contiguity ratio is shape rather than chance: one in twenty shapeless surfaces
passes."""
_RIDGE_POINTS: Final = 4
_NEIGHBOURS_MIN: Final = 3


@dataclass(frozen=True, slots=True)
class Reading:
    """How the surface around the best point reads.

    Attributes
    ----------
    word : str
        ``plateau``, ``ridge``, ``spike``, ``noise``, or ``unknown`` where too few neighbours were run.
    best : int
        Position of the best point; -1 if no point has a score.
    score : float
        Its score.
    neighbours, holding : int
        How many neighbours it has, and how many of them keep at least ``1 - fraction`` of its score.
    beside_median : float
        Median score of the neighbours that have one: what somebody who is slightly off would have seen. NaN if none
        has.
    connected : int
        Points that keep as much and hang together with it through neighbours that do, itself included.
    ratio, ratio_error : float
        `contiguity_ratio` of all scores but the best one's, and how far from 1 chance alone takes it.
    fraction : float
    sentence : str
        The reading in words.
    """

    word: str
    best: int
    score: float
    neighbours: int
    holding: int
    beside_median: float
    connected: int
    ratio: float
    ratio_error: float
    fraction: float
    sentence: str


def grid_neighbours(index: NDArray[np.int64], labels: I64_1D | None = None) -> Neighbours:
    """Pairs of points whose positions on every axis of a grid differ by at most one step.

    Parameters
    ----------
    index : (n, d) int64
        Position of each point on each axis; points may be missing from the grid, none may stand twice.
    labels : (n,) int64 or None
        Points with different labels are no neighbours: values that have no order, such as words.
    """
    n, d = index.shape
    if not n or not d:
        return np.zeros((0, 2), dtype=np.int64)
    columns = [index[:, axis] - index[:, axis].min() for axis in range(d)]
    label = (
        np.zeros(n, dtype=np.int64) if labels is None else np.unique(labels, return_inverse=True)[1].astype(np.int64)
    )
    # One more place on either side of each axis, so that a step beyond its end meets no other row.
    widths = [int(column.max()) + 3 for column in columns]
    if math.prod(widths) * (int(label.max()) + 1) >= 2**62:
        raise ConfigError(f"a grid of {d} parameters with {widths} places is too large to look for neighbours in")
    strides = [math.prod(widths[axis + 1 :]) for axis in range(d)]
    key = label * math.prod(widths)
    for column, stride in zip(columns, strides, strict=True):
        key = key + (column + 1) * stride
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    found = []
    for step in itertools.product((-1, 0, 1), repeat=d):
        shift = sum(one * stride for one, stride in zip(step, strides, strict=True))
        if shift <= 0:
            continue
        wanted = key + shift
        place = np.minimum(np.searchsorted(ordered, wanted), n - 1)
        hit = ordered[place] == wanted
        found.append(np.column_stack((np.flatnonzero(hit), order[place[hit]])))
    return _once(np.concatenate(found))


def nearest_neighbours(coordinates: NDArray[np.float64], count: int) -> Neighbours:
    """Pairs of each point with its `count` nearest ones, for points that stand on no grid.

    Distance is Euclidean between the ranks of the values on each axis, so that no unit and no scale matters.

    Parameters
    ----------
    coordinates : (n, d) float64
    count : int
    """
    from scipy.spatial import cKDTree
    from scipy.stats import rankdata

    n = len(coordinates)
    if n < 2 or not coordinates.shape[1]:
        return np.zeros((0, 2), dtype=np.int64)
    ranks = rankdata(coordinates, axis=0)
    _, near = cKDTree(ranks).query(ranks, k=min(count + 1, n))
    mine = np.repeat(np.arange(n), near.shape[1])
    pairs = np.column_stack((mine, near.ravel()))
    return _once(pairs[pairs[:, 0] != pairs[:, 1]])


def _once(pairs: NDArray[np.int64]) -> Neighbours:
    return np.unique(np.sort(pairs, axis=1), axis=0).astype(np.int64).reshape(-1, 2)


def contiguity_ratio(scores: F64_1D, pairs: Neighbours) -> float:
    """How much neighbours resemble each other: near 0 on a smooth surface, near 1 where they do no more than strangers.

    ``(n - 1) sum_pairs (x_i - x_j)^2 / (2 m sum (x_i - mean)^2)`` over `m` pairs of neighbours (Geary 1954, "The
    Contiguity Ratio and Statistical Mapping", The Incorporated Statistician 5(3)). Points without a score are left
    out; NaN without pairs, or where all scores are equal.
    """
    known = np.isfinite(scores)
    used = pairs[known[pairs[:, 0]] & known[pairs[:, 1]]]
    x = scores[known]
    spread = float(np.sum((x - x.mean()) ** 2)) if len(x) > 1 else 0.0
    if not len(used) or spread <= 0.0:
        return math.nan
    steps = float(np.sum((scores[used[:, 0]] - scores[used[:, 1]]) ** 2))
    return (len(x) - 1) * steps / (2 * len(used) * spread)


def contiguity_error(scores: F64_1D, pairs: Neighbours) -> float:
    """Standard error of the contiguity ratio where scores have nothing to do with their places.

    ``sqrt(((2 S1 + S2)(n - 1) - 4 W^2) / (2 (n + 1) W^2))`` with ``W = 2 m``, ``S1 = 4 m`` and ``S2`` four times the
    sum of squared numbers of neighbours: Cliff and Ord 1981, "Spatial Processes", under normality. NaN without pairs.
    """
    known = np.isfinite(scores)
    used = pairs[known[pairs[:, 0]] & known[pairs[:, 1]]]
    n, m = int(known.sum()), len(used)
    if not m or n < 3:
        return math.nan
    each = np.bincount(used.ravel()).astype(np.float64)
    whole = 2.0 * m
    spread = (8.0 * m + 4.0 * float(np.sum(each**2))) * (n - 1) - 4.0 * whole**2
    return math.sqrt(max(spread, 0.0) / (2.0 * (n + 1))) / whole


def plateau_share(scores: F64_1D, pairs: Neighbours, point: int, fraction: float = FRACTION) -> float:
    """Share of a point's neighbours whose score is at least ``(1 - fraction)`` times its own.

    A neighbour without a score does not hold. NaN without neighbours, or where the point's own score is not positive.
    """
    beside = _beside(pairs, point)
    if not len(beside) or not scores[point] > 0.0:
        return math.nan
    return float(np.mean(_holds(scores, point, fraction)[beside]))


def connected_points(scores: F64_1D, pairs: Neighbours, point: int, fraction: float = FRACTION) -> int:
    """How many points hold ``(1 - fraction)`` of a point's score and are reached from it through such points."""
    holds = _holds(scores, point, fraction)
    used = pairs[holds[pairs[:, 0]] & holds[pairs[:, 1]]]
    reached = np.zeros(len(scores), dtype=bool)
    reached[point] = True
    while True:
        one, other = reached[used[:, 0]], reached[used[:, 1]]
        if (one == other).all():
            return int(reached.sum())
        reached[used[one != other].ravel()] = True


def _beside(pairs: Neighbours, point: int) -> I64_1D:
    beside: I64_1D = np.concatenate((pairs[pairs[:, 0] == point, 1], pairs[pairs[:, 1] == point, 0]))
    return beside


def _holds(scores: F64_1D, point: int, fraction: float) -> NDArray[np.bool_]:
    # A comparison with NaN is false: what has no score does not hold.
    return np.asarray(scores >= (1.0 - fraction) * scores[point])


def read_surface(scores: F64_1D, pairs: Neighbours, fraction: float = FRACTION) -> Reading:
    """Read the surface around its best point.

    In this order: *plateau* if two thirds of the best point's neighbours hold its score; *noise* if the rest of the
    surface has no shape (its `contiguity_ratio` is less than 1.645 standard errors below 1) and the best is no further
    above the second than one standard deviation of the rest, or if no score is positive; *ridge* if four points or
    more hold the score and hang together; else *spike*.

    Parameters
    ----------
    scores : (n,) float64
        Higher is better; NaN where a point has none. Ties are taken by position.
    pairs : (m, 2) int64
        From `grid_neighbours` or `nearest_neighbours`.
    fraction : float
        What a neighbour may lose.
    """
    known = np.isfinite(scores)
    if not known.any():
        nothing = "Unknown: no point has a score."
        return Reading("unknown", -1, math.nan, 0, 0, math.nan, 0, math.nan, math.nan, fraction, nothing)
    best = int(np.argmax(np.where(known, scores, -math.inf)))
    score = float(scores[best])
    beside = _beside(pairs, best)
    rest = scores.copy()
    rest[best] = math.nan
    ratio, error = contiguity_ratio(rest, pairs), contiguity_error(rest, pairs)
    holding = int(_holds(scores, best, fraction)[beside].sum()) if score > 0.0 else 0
    connected = connected_points(scores, pairs, best, fraction) if score > 0.0 else 0
    # Scores that are all equal have a ratio of NaN: that is no shape either.
    has_shape = 1.0 - ratio >= _SHAPE_ERRORS * error
    word = _word(scores, score, len(beside), holding, connected, has_shape)
    around = scores[beside][known[beside]]
    middle = float(np.median(around)) if len(around) else math.nan
    reading = Reading(word, best, score, len(beside), holding, middle, connected, ratio, error, fraction, "")
    return replace(reading, sentence=_sentence(reading))


def _word(scores: F64_1D, score: float, neighbours: int, holding: int, connected: int, has_shape: bool) -> str:
    if score <= 0.0:
        return "noise"
    if neighbours < _NEIGHBOURS_MIN:
        return "unknown"
    if holding >= _PLATEAU_SHARE * neighbours:
        return "plateau"
    known = np.sort(scores[np.isfinite(scores)])
    gap, spread = float(known[-1] - known[-2]), float(np.std(known[:-1]))
    if not has_shape and gap <= spread:
        return "noise"
    return "ridge" if connected >= _RIDGE_POINTS else "spike"


def _sentence(reading: Reading) -> str:
    if reading.score <= 0.0:
        return "Noise: no point has a score above zero, so there is nothing to choose."
    count = reading.neighbours
    if reading.word == "unknown":
        return f"Unknown: the best point has {count} neighbours, too few to tell a plateau from a spike."
    kept = (
        f"{reading.holding} of {count} neighbours of the best point keep at least {1 - reading.fraction:.0%} of its "
        f"score (best {reading.score:.2f}, median of the neighbours {reading.beside_median:.2f})"
    )
    if reading.word == "plateau":
        return f"Plateau: {kept}; values somewhat beside it would have done about as well."
    if reading.word == "noise":
        return (
            f"Noise: {kept}, and neighbours resemble each other no more than chance would have it (contiguity "
            f"ratio {reading.ratio:.2f}; a smooth surface is near 0): the best is the luckiest of many draws."
        )
    if reading.word == "ridge":
        return (
            f"Ridge: only {kept}, but {reading.connected} points that hang together do: it holds in some directions "
            "and is lost in others."
        )
    return f"Spike: {kept}; a small change of a parameter loses the result."
