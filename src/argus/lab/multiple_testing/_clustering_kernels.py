"""Kernels of the clustering of trials: products of columns in a fixed order, and how well a cut separates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled

__all__ = ["products", "silhouettes"]


@njit(cache=True, nogil=True, error_model="numpy")
def products(series: Any, out: Any):  # type: ignore[no-untyped-def]
    """Sum over rows of the product of every two columns, into `out`; rows in ascending order, eight at a time.

    Parameters
    ----------
    series : (T, K) float64, C order
        T is a multiple of eight: rows of zeros at the end change nothing.
    out : (K, K) float64
    """
    rows, columns = series.shape
    out[:, :] = 0.0
    for row in range(0, rows, 8):
        one, two, three, four = series[row], series[row + 1], series[row + 2], series[row + 3]
        five, six, seven, eight = series[row + 4], series[row + 5], series[row + 6], series[row + 7]
        for i in range(columns):
            a, b, c, d = one[i], two[i], three[i], four[i]
            e, f, g, h = five[i], six[i], seven[i], eight[i]
            line = out[i]
            for j in range(i, columns):
                first = (a * one[j] + b * two[j]) + (c * three[j] + d * four[j])
                line[j] += first + ((e * five[j] + f * six[j]) + (g * seven[j] + h * eight[j]))
    for i in range(columns):
        for j in range(i):
            out[i, j] = out[j, i]


@njit(cache=True, nogil=True, error_model="numpy")
def silhouettes(apart: Any, merged: Any, out: Any):  # type: ignore[no-untyped-def]
    """Mean and standard deviation of the silhouettes after each merger of a tree.

    Parameters
    ----------
    apart : (n, n) float64
        Distances.
    merged : (m, 2) int64
        What is merged at each step, as scipy numbers it: below n a column, n + i the cluster of step i.
    out : (m, 2) float64
        A column alone in its cluster has 0.
    """
    n = len(apart)
    total = apart.copy()  # of each row to each cluster, which stands in the slot of one of its columns
    label = np.arange(n)
    size = np.ones(n, dtype=np.int64)
    slot = np.arange(n + len(merged))
    alive = np.arange(n)
    clusters = n
    for step in range(len(merged)):
        keep, gone = slot[merged[step, 0]], slot[merged[step, 1]]
        slot[n + step] = keep
        for i in range(n):
            total[i, keep] += total[i, gone]
            if label[i] == gone:
                label[i] = keep
        size[keep] += size[gone]
        for c in range(clusters):
            if alive[c] == gone:
                clusters -= 1
                alive[c] = alive[clusters]
                break
        mean = 0.0
        squares = 0.0
        for i in range(n):
            own = label[i]
            if size[own] == 1:
                continue
            inside = total[i, own] / (size[own] - 1)
            nearest = np.inf
            for c in range(clusters):
                other = alive[c]
                far = total[i, other] / size[other]
                if other != own and far < nearest:
                    nearest = far
            larger = max(inside, nearest)
            value = (nearest - inside) / larger if larger > 0.0 and clusters > 1 else 0.0
            mean += value
            squares += value * value
        mean /= n
        out[step, 0] = mean
        out[step, 1] = np.sqrt(max(squares / n - mean * mean, 0.0))


share_compiled(globals(), makes_arrays=True)
