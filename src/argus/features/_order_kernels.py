"""Kernels of order: where a value stands among the last ones, and which value stands at a given share of them.

A rank is a count, which is taken of several values at once; up to thousands of rows that is quicker than any search.
Quantiles keep their values sorted in the state: the one that leaves and the place of the one that comes are found by
halving, and only what lies between them is moved.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import kernel


def _window(args):  # type: ignore[no-untyped-def]
    return int(args[0])


def _sorted_window(args):  # type: ignore[no-untyped-def]
    return int(args[0]) + 1


def _columns(args):  # type: ignore[no-untyped-def]
    return len(args) - 1


@kernel(depth=_window)
def percentile_rank(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Share of the other args[0] - 1 values of the window that lie below this one, equals counted half.

    Inputs: the values, their `observed_run`.
    """
    w = int(args[0])
    x = work[io[0], at : at + n]
    run = work[io[1], at : at + n]
    out = work[io[2], at : at + n]
    for i in range(n):
        value = x[i]
        past = work[io[0], at + i - w + 1 : at + i + 1]
        twice = 0
        for j in range(w):
            twice += (1 if past[j] < value else 0) + (1 if past[j] <= value else 0)
        out[i] = (twice - 1) / (2.0 * (w - 1)) if run[i] >= w else np.nan


@njit(cache=True, error_model="numpy", nogil=True)
def _first_not_below(values, count, value):  # type: ignore[no-untyped-def]
    """Place of the first of `count` sorted values that is not below `value`."""
    low = 0
    high = count
    while low < high:
        middle = (low + high) // 2
        if values[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, error_model="numpy", nogil=True)
def _replace(values, count, gone, come):  # type: ignore[no-untyped-def]
    """Take one value out of the sorted ones and put another in, each unless missing; how many there are then."""
    if gone == gone:
        place = _first_not_below(values, count, gone)
        if come == come:
            goal = _first_not_below(values, count, come)
            if goal > place:
                goal -= 1
                for k in range(place, goal):
                    values[k] = values[k + 1]
            else:
                for k in range(place, goal, -1):
                    values[k] = values[k - 1]
            values[goal] = come
            return count
        for k in range(place, count - 1):
            values[k] = values[k + 1]
        return count - 1
    if come == come:
        place = _first_not_below(values, count, come)
        for k in range(count, place, -1):
            values[k] = values[k - 1]
        values[place] = come
        return count + 1
    return count


@kernel(depth=_window, state=_sorted_window, outputs=_columns)
def quantiles(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Quantiles of args[1:] of the last args[0] values.

    The quantile q of n values stands at place q (n - 1) of the sorted ones from zero, between two in proportion.
    State: how many values there are, and the values, sorted.
    """
    w = int(args[0])
    x = work[io[0], at : at + n]
    old = work[io[0], at - w : at - w + n]
    values = state[1:]
    count = int(state[0])
    for i in range(n):
        count = _replace(values, count, old[i], x[i])
        is_whole = count == w
        for k in range(1, len(args)):
            place = args[k] * (w - 1)
            low = int(place)
            high = min(low + 1, w - 1)
            between = values[low] + (place - low) * (values[high] - values[low])
            work[io[k], at + i] = between if is_whole else np.nan
    state[0] = count


share_compiled(globals())
