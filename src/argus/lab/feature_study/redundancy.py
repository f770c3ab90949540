"""Columns that say the same: rank correlations, and groups of which one is enough.

Ten columns that are one column in other clothes do not make ten reasons. They make a search look broader than it is,
and a model's weights arbitrary among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F32_2D, F64_1D

__all__ = ["ALIKE", "Cluster", "clusters", "rank_correlation"]

F64_2D = NDArray[np.float64]
"""A table of numbers."""
ALIKE: Final = 0.9
"""Average absolute rank correlation from which columns are one group."""
_COMMON_MIN: Final = 30


@dataclass(frozen=True, slots=True)
class Cluster:
    """Columns that say about the same.

    Attributes
    ----------
    members : tuple of int
        Places of the columns.
    keep : int
        The one to keep: fewest missing values, then the earliest first value, then the first in order.
    weakest : float
        Smallest absolute correlation between two of them.
    """

    members: tuple[int, ...]
    keep: int
    weakest: float


def rank_correlation(sample: F32_2D) -> F64_2D:
    """Spearman's correlation of every two columns.

    Parameters
    ----------
    sample : (columns, rows) float32
        NaN is missing. Values are ranked among all values of their column, ties by their mean rank; two columns are
        compared on the rows where both have one. Without missing values that is Spearman's coefficient.

    Returns
    -------
    (columns, columns) float64
        NaN where a column does not vary, or fewer than 30 rows have both.
    """
    known = ~np.isnan(sample)
    ranks = np.zeros(sample.shape)
    for k, column in enumerate(sample):
        here = known[k]
        if here.any():
            ranks[k, here] = _ranks_about_their_mean(column[here])
    has = known.astype(np.float64)
    count = has @ has.T
    sums = ranks @ has.T
    squares = (ranks * ranks) @ has.T
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = ranks @ ranks.T - sums * sums.T / count
        variance = squares - sums * sums / count
        found = covariance / np.sqrt(variance * variance.T)
    varies = (variance > 1e-9 * np.maximum(squares, 1.0)) & (count >= _COMMON_MIN)
    rho: F64_2D = np.where(varies & varies.T, np.clip(found, -1.0, 1.0), np.nan)
    return rho


def _ranks_about_their_mean(values: NDArray[np.float32]) -> F64_1D:
    """Ranks, ties by their mean rank, less the mean of all, so that sums of squares do not cancel."""
    order = np.argsort(values)
    ordered = values[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    ends = np.append(starts[1:], len(values))
    ranks = np.empty(len(values))
    # From 0 to n - 1 the ranks have the mean (n - 1) / 2, with or without ties.
    ranks[order] = np.repeat((starts + ends - len(values)) / 2.0, ends - starts)
    return ranks


def clusters(
    rho: F64_2D, missing: Sequence[int], first_row: Sequence[int], alike: float = ALIKE
) -> tuple[tuple[Cluster, ...], NDArray[np.int64]]:
    """Groups of columns that say the same, and an order that puts neighbours together.

    Average linkage on ``1 - |rho|``, cut at ``1 - alike``; no correlation counts as none.

    Parameters
    ----------
    rho : (columns, columns) float64
    missing, first_row : sequence of int
        Of each column: values missing after the first one, and where that is.
    alike : float

    Returns
    -------
    clusters : tuple of Cluster
        Those of two and more, the largest first.
    order : (columns,) int64
        The leaves of the tree.
    """
    from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
    from scipy.spatial.distance import squareform

    n = len(rho)
    if n < 2:
        return (), np.arange(n, dtype=np.int64)
    apart = 1.0 - np.abs(np.nan_to_num(rho, nan=0.0))
    apart = np.maximum((apart + apart.T) / 2.0, 0.0)
    np.fill_diagonal(apart, 0.0)
    tree = linkage(squareform(apart, checks=False), method="average")
    labels = fcluster(tree, 1.0 - alike, criterion="distance")
    found = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) > 1:
            keep = min(members.tolist(), key=lambda k: (missing[k], first_row[k], k))
            weakest = float(1.0 - apart[np.ix_(members, members)].max())
            found.append(Cluster(tuple(members.tolist()), keep, weakest))
    return tuple(sorted(found, key=lambda one: (-len(one.members), one.members))), leaves_list(tree).astype(np.int64)
