"""Kernels of trading flow: the share of buyers in a bar, and the spread that highs and lows betray."""

from __future__ import annotations

import math

import numpy as np

from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import kernel

_ROOT_HALF = math.sqrt(0.5)
_ROOT_TWO = math.sqrt(2.0)
_THIRD = 3.0 - 2.0 * math.sqrt(2.0)


def _one(args):  # type: ignore[no-untyped-def]
    return 1


@kernel(cost=16.0)
def normal_share(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Standard normal distribution function."""
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        out[i] = 0.5 * math.erfc(-x[i] * _ROOT_HALF) if x[i] == x[i] else np.nan


@kernel(cost=1.1)
def positive_root(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """args[0] times the square root of x, 0 where x is below zero."""
    scale = args[0]
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        value = x[i]
        out[i] = scale * math.sqrt(value if value > 0.0 else 0.0) if value == value else np.nan


@kernel(depth=_one, cost=49.0)
def two_bar_spread(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Spread that two bars show (Corwin and Schultz), not below 0; inputs: high, low, close."""
    high = work[io[0], at : at + n]
    low = work[io[1], at : at + n]
    high_before = work[io[0], at - 1 : at - 1 + n]
    low_before = work[io[1], at - 1 : at - 1 + n]
    close_before = work[io[2], at - 1 : at - 1 + n]
    out = work[io[3], at : at + n]
    for i in range(n):
        # What the price jumped over between the bars is taken out of the second bar.
        gap = 0.0
        gap = low[i] - close_before[i] if low[i] > close_before[i] else gap
        gap = high[i] - close_before[i] if high[i] < close_before[i] else gap
        top = high[i] - gap
        floor = low[i] - gap
        top_before = high_before[i]
        floor_before = low_before[i]
        out[i] = np.nan
        # A close before that is missing leaves no gap to be known.
        is_known = close_before[i] == close_before[i]
        if is_known & (floor > 0.0) & (floor_before > 0.0) & (top >= floor) & (top_before >= floor_before):
            one = math.log(top / floor)
            before = math.log(top_before / floor_before)
            highest = top if top > top_before else top_before
            lowest = floor if floor < floor_before else floor_before
            both = math.log(highest / lowest)
            beta = one * one + before * before
            alpha = (_ROOT_TWO - 1.0) * math.sqrt(beta) / _THIRD - math.sqrt(both * both / _THIRD)
            alpha = alpha if alpha > 0.0 else 0.0
            grown = math.exp(alpha)
            out[i] = 2.0 * (grown - 1.0) / (1.0 + grown)


share_compiled(globals())
