"""Fewer points for the eye: long curves are thinned for display so that no peak and no trough is lost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import I64_1D

__all__ = ["POINTS_MAX", "keep_extremes", "short"]

POINTS_MAX: Final = 1_500
"""Points of a curve that a page shows."""


def keep_extremes(*series: NDArray[np.floating[Any]], points_max: int = POINTS_MAX) -> I64_1D:
    """Positions to show of curves that share an axis.

    The axis is cut into equal pieces; of each, the lowest and highest value of every curve stay, and so do the first
    and the last point. A curve short enough stays whole. What is drawn are true points: nothing is averaged.

    Parameters
    ----------
    series : (n,) float
        Curves of equal length; NaN counts as missing.
    points_max : int
        Most points to return, at least two for each curve.

    Returns
    -------
    (m,) int64
        Increasing positions, `m` at most `points_max`.
    """
    n = len(series[0])
    if n <= points_max:
        return np.arange(n, dtype=np.int64)
    pieces = max(1, (points_max - 2) // (2 * len(series)))
    edges = np.linspace(0, n, pieces + 1).astype(np.int64)
    kept = {0, n - 1}
    for values in series:
        missing = np.isnan(values)
        low, high = np.where(missing, np.inf, values), np.where(missing, -np.inf, values)
        for begin, end in pairwise(edges.tolist()):
            if not missing[begin:end].all():
                kept.add(begin + int(low[begin:end].argmin()))
                kept.add(begin + int(high[begin:end].argmax()))
    return np.array(sorted(kept), dtype=np.int64)


def short(values: NDArray[np.floating[Any]] | Sequence[float], digits: int = 6) -> list[float | int | None]:
    """Values to so many significant digits; None where there is none."""
    shortened: list[float | int | None] = []
    for value in values:
        if not math.isfinite(value):
            shortened.append(None)
            continue
        number = float(f"{value:.{digits}g}")
        shortened.append(int(number) if number.is_integer() and abs(number) < 2**53 else number)
    return shortened
