"""How many independent ideas a search tried: parameter sets that trade alike are one idea in many spellings.

Three hundred lengths of a moving average are not three hundred looks at the market, and to count them so hides every
edge; to count them as one hides the luck that even small differences give. Here sets whose returns move together are
brought into groups. `reality.implied_trials` answers the same question by another road, without groups; what deflates a
Sharpe ratio takes the larger of the two answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I64_1D
from argus.core.errors import ConfigError
from argus.core.random import generator
from argus.lab.search.trial_matrix import F64_2D

__all__ = ["ALIKE", "Clustering", "distinct_columns", "effective_trials"]

ALIKE: Final = 0.5
"""Average correlation below which no two groups are brought together, whatever the silhouettes say."""
_STRUCTURE_MIN: Final = 0.25
"""Mean silhouette below which there are no groups to speak of: Kaufman and Rousseeuw 1990, "Finding Groups in Data"."""


@dataclass(frozen=True, slots=True, eq=False)
class Clustering:
    """Groups of trials.

    Attributes
    ----------
    labels : (K,) int64
        Group of each column, numbered from 0 by the first column of each.
    count : int
        How many groups: the effective number of independent trials.
    distinct : int
        Columns that differ at all; the others are copies.
    silhouette : float
        Mean over the distinct columns of how much nearer each is to its own group than to the next, -1 to 1; 0 for
        columns alone. Below 0.25 groups are cut at the correlation `ALIKE` instead of where silhouettes are best.
    participation : float
        ``(sum of eigenvalues)^2 / sum of their squares`` of the correlation matrix of the distinct columns: how many
        directions share the variance. A lower bound: the luck of many half-correlated columns is larger than this says.
    sharpe_variance : float
        Variance of the groups' Sharpe ratios per session, each group held as one portfolio with weights by inverse
        variance; 0 for a single group. It contains the edge where some groups have one.
    sampled : bool
        Whether there were too many columns to compare all, so that some were only brought to the nearest group.
    """

    labels: I64_1D
    count: int
    distinct: int
    silhouette: float
    participation: float
    sharpe_variance: float
    sampled: bool


def distinct_columns(returns: F64_2D, order_hashes: Sequence[str] = ()) -> tuple[I64_1D, I64_1D]:
    """Columns that are not copies of an earlier one, and for each column the place of its original among them.

    Copies have the same order hash (an empty one says nothing), or the same returns to the last bit.

    Returns
    -------
    first : (D,) int64
        Ascending.
    original : (K,) int64
        Places in `first`.
    """
    columns = returns.shape[1]
    if len(order_hashes) not in (0, columns):
        raise ConfigError(f"{len(order_hashes)} order hashes were given for {columns} columns; one each or none")
    turned = np.ascontiguousarray((returns + 0.0).T)  # plus zero: -0.0 and 0.0 are one return
    known: dict[object, int] = {}
    first: list[int] = []
    original = np.empty(columns, dtype=np.int64)
    for k in range(columns):
        names: list[object] = [turned[k].tobytes()]
        if order_hashes and order_hashes[k]:
            names.append(order_hashes[k])
        at = next((known[name] for name in names if name in known), len(first))
        if at == len(first):
            first.append(k)
        for name in names:
            known.setdefault(name, at)
        original[k] = at
    return np.array(first, dtype=np.int64), original


def effective_trials(
    returns: F64_2D,
    order_hashes: Sequence[str] = (),
    *,
    alike: float = ALIKE,
    columns_max: int = 1_000,
    seed: int = 0,
) -> Clustering:
    """Effective number of independent trials, by groups of columns that move together.

    After Lopez de Prado and Lewis 2019, "Detection of False Investment Strategies Using Unsupervised Learning Methods",
    Quantitative Finance 19(9): the distance of two columns is ``sqrt((1 - rho) / 2)``, and that number of groups is
    taken whose silhouettes (Rousseeuw 1987, Journal of Computational and Applied Mathematics 20) have the largest mean
    over standard deviation. Two things differ. Groups come from a tree of average linkage rather than from k-means with
    random starts, so that there is nothing to draw. And no two groups are merged whose average distance is beyond that
    of the correlation `alike`: silhouettes always find a best cut, even where nothing belongs together.

    Parameters
    ----------
    returns : (T, K) float64
    order_hashes : sequence of K str, or empty
        See `distinct_columns`.
    alike : float
        0 to 1 (excluded).
    columns_max : int
        Of more distinct columns a seeded sample is compared; the others join the nearest group if they are within the
        distance of `alike` of it on average, and count one each if not.
    seed : int

    Raises
    ------
    ConfigError
        If there is no column, fewer than 3 rows, or `alike` lies outside its range.
    """
    rows, columns = returns.shape
    if columns < 1 or rows < 3:
        raise ConfigError(f"{rows} sessions of {columns} runs were given; at least 3 of one are needed")
    if not 0.0 <= alike < 1.0:
        raise ConfigError(f"alike is {alike}; a correlation from 0 to 1 (1 excluded) is needed")
    first, original = distinct_columns(returns, order_hashes)
    scaled = _standardised(returns[:, first])
    taken = np.arange(len(first), dtype=np.int64)
    sampled = len(first) > columns_max
    if sampled:
        taken = np.sort(generator(seed, "effective trials").choice(len(first), columns_max, replace=False))
    rho = _correlations(scaled[:, taken])
    groups, silhouette = _cut(rho, alike)
    labels = np.full(len(first), -1, dtype=np.int64)
    labels[taken] = groups
    if sampled:
        _join_the_rest(scaled, taken, labels, alike)
    labels = _numbered(labels[original])
    count = int(labels.max()) + 1
    return Clustering(
        labels=labels,
        count=count,
        distinct=len(first),
        silhouette=silhouette,
        participation=len(rho) ** 2 / float((rho * rho).sum()),
        sharpe_variance=_group_variance(returns[:, first], labels[first], count),
        sampled=sampled,
    )


def _standardised(returns: F64_2D) -> F64_2D:
    """Columns less their mean, of unit length; zero for one that does not vary."""
    centred = returns - returns.mean(axis=0)
    length = np.sqrt((centred * centred).sum(axis=0))
    moves = length > 1e-12 * np.sqrt((returns * returns).sum(axis=0))
    found: F64_2D = np.divide(centred, length, out=np.zeros(centred.shape), where=moves)
    return found


def _correlations(scaled: F64_2D) -> F64_2D:
    from argus.lab.multiple_testing._clustering_kernels import products

    padded = np.zeros((-(-len(scaled) // 8) * 8, scaled.shape[1]))
    padded[: len(scaled)] = scaled
    rho = np.empty((scaled.shape[1], scaled.shape[1]))
    products(padded, rho)
    np.clip(rho, -1.0, 1.0, out=rho)
    np.fill_diagonal(rho, 1.0)
    return rho


def _cut(rho: F64_2D, alike: float) -> tuple[I64_1D, float]:
    """Group of each column, and the mean silhouette there."""
    n = len(rho)
    alone: I64_1D = np.arange(n, dtype=np.int64)
    if n < 2:
        return alone, 0.0
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    from argus.lab.multiple_testing._clustering_kernels import silhouettes

    apart = np.sqrt(np.maximum((1.0 - rho) / 2.0, 0.0))
    np.fill_diagonal(apart, 0.0)
    tree = linkage(squareform(apart, checks=False), method="average")
    allowed = int(np.searchsorted(tree[:, 2], np.sqrt((1.0 - alike) / 2.0), side="right"))
    if not allowed:
        return alone, 0.0
    merged = tree[:allowed, :2].astype(np.int64)
    quality = np.empty((allowed, 2))
    silhouettes(apart, merged, quality)
    mean, spread = quality[:, 0], quality[:, 1]
    ratio = np.divide(mean, spread, out=np.where(mean > 0.0, np.inf, -np.inf), where=spread > 1e-9)
    # All in one group has no silhouette: nothing is outside it.
    ratio[n - 1 - np.arange(allowed) < 2] = -np.inf
    best = int(np.argmax(ratio))
    if not (np.isfinite(mean[best]) and mean[best] >= _STRUCTURE_MIN):
        best = allowed - 1
    labels = alone.copy()
    members = {k: [k] for k in range(n)}
    for step in range(best + 1):
        one, two = members.pop(int(merged[step, 0])), members.pop(int(merged[step, 1]))
        members[n + step] = one + two
    for place, group in enumerate(members.values()):
        labels[group] = place
    return labels, float(mean[best])


def _join_the_rest(scaled: F64_2D, taken: I64_1D, labels: I64_1D, alike: float) -> None:
    """Give each column that was not compared the group it is nearest to on average, or one of its own."""
    groups = int(labels.max()) + 1
    size = np.bincount(labels[taken], minlength=groups)
    centre = np.zeros((len(scaled), groups))
    for column in taken.tolist():
        centre[:, labels[column]] += scaled[:, column]
    centre /= size
    for column in np.flatnonzero(labels < 0).tolist():
        # The mean correlation with a group's columns is that with the mean of their standardised returns.
        rho = (centre * scaled[:, [column]]).sum(axis=0)
        nearest = int(np.argmax(rho))
        if rho[nearest] >= alike:
            labels[column] = nearest
        else:
            labels[column] = groups
            groups += 1


def _numbered(labels: I64_1D) -> I64_1D:
    """The same groups, numbered in the order of their first columns."""
    first, place = np.unique(labels, return_index=True)
    number = np.empty(len(first), dtype=np.int64)
    number[np.argsort(place, kind="stable")] = np.arange(len(first))
    found: I64_1D = number[np.searchsorted(first, labels)]
    return found


def _group_variance(returns: F64_2D, labels: NDArray[np.int64], count: int) -> float:
    """Variance across groups of the Sharpe ratio of each group's portfolio, weighted by inverse variance."""
    if count < 2:
        return 0.0
    variance = returns.var(axis=0, ddof=1)
    ratios: F64_1D = np.zeros(count)
    for group in range(count):
        members = np.flatnonzero((labels == group) & (variance > 0.0))
        if len(members):
            weight = 1.0 / variance[members]
            held = (returns[:, members] * (weight / weight.sum())).sum(axis=1)
            deviation = float(held.std(ddof=1))
            ratios[group] = float(held.mean()) / deviation if deviation > 0.0 else 0.0
    return float(ratios.var(ddof=1))
