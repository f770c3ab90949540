"""Kernels over the last rows of two columns: how they move together.

As for spreads of one column, sums begin anew with every block and are taken about the block's two references. Whether
digits were lost is judged against the spreads of both columns; where they were, the window is summed up afresh.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import kernel
from argus.features._lanes_kernels import add_up
from argus.features._window_kernels import keep_last

_CANCELLED = 1e-10
"""A product of two sums of squares this small against the product of all squares of their blocks has lost digits."""


def _window(args):  # type: ignore[no-untyped-def]
    return int(args[0])


@kernel(state=4, cost=1.0)
def block_products(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Sum since the beginning of the block of args[0] rows of products of distances from both references.

    Inputs: x, y, their references (the first of `block_moments`). A row with a missing value counts for nothing.
    """
    block = int(args[0])
    here = at
    while here < at + n:
        offset = (row + here - at) % block
        end = min(here + block - offset, at + n)
        x = work[io[0], here:end]
        y = work[io[1], here:end]
        out = work[io[4], here:end]
        centre_x = work[io[2], here]
        centre_y = work[io[3], here]
        for i in range(len(x)):
            value = (x[i] - centre_x) * (y[i] - centre_y)
            out[i] = value if value == value else 0.0
        add_up(out, out, offset, state)
        here = end


@njit(cache=True, error_model="numpy", nogil=True)
def _products_afresh(x, y, last, w):  # type: ignore[no-untyped-def]
    """Sum of products of distances from both means over the `w` rows up to position `last`."""
    centre_x = x[last]
    centre_y = y[last]
    total_x = 0.0
    total_y = 0.0
    for j in range(w):
        total_x += x[last - j] - centre_x
        total_y += y[last - j] - centre_y
    mean_x = total_x / w
    mean_y = total_y / w
    products = 0.0
    for j in range(w):
        products += ((x[last - j] - centre_x) - mean_x) * ((y[last - j] - centre_y) - mean_y)
    return products


@njit(cache=True, error_model="numpy", nogil=True)
def _scale(all2, shift, part, rest, new2):  # type: ignore[no-untyped-def]
    """How large the squares were from which a window's spread was taken."""
    return all2 + abs(shift) * (2.0 * abs(part) + rest * abs(shift)) + new2


@njit(cache=True, error_model="numpy", nogil=True)
def _products_across(work, io, here, cut, w, whole, state):  # type: ignore[no-untyped-def]
    """Windows that began in the block before, of whose rows the first one holds `whole`; gives the doubtful."""
    shift_x, all1_x, all2_x = state[0] - work[io[2], here], state[1], state[2]
    shift_y, all1_y, all2_y = state[3] - work[io[5], here], state[4], state[5]
    every = state[6]
    new1_x, new2_x = work[io[3], here:cut], work[io[4], here:cut]
    new1_y, new2_y = work[io[6], here:cut], work[io[7], here:cut]
    new, old = work[io[8], here:cut], work[io[8], here - w : cut - w]
    old1_x, old1_y = work[io[3], here - w : cut - w], work[io[6], here - w : cut - w]
    spread_x, spread_y, out = work[io[9], here:cut], work[io[10], here:cut], work[io[11], here:cut]
    doubtful = 0
    for j in range(len(out)):
        # Values of the block before, moved to this block's references; `rest` are as many as lie in that block.
        rest = float(np.int32(whole - j))
        part_x = all1_x - old1_x[j]
        part_y = all1_y - old1_y[j]
        part = (every - old[j]) + (shift_x * part_y + shift_y * (part_x + rest * shift_x))
        s_x = (part_x + rest * shift_x) + new1_x[j]
        s_y = (part_y + rest * shift_y) + new1_y[j]
        scale_x = _scale(all2_x, shift_x, part_x, rest, new2_x[j])
        scale_y = _scale(all2_y, shift_y, part_y, rest, new2_y[j])
        value = (part + new[j]) - s_x * s_y / w
        product = spread_x[j] * spread_y[j]
        is_bad = product <= _CANCELLED * (scale_x * scale_y)
        out[j] = np.nan if is_bad else value + 0.0 * product
        doubtful += 1 if is_bad else 0
    return doubtful


@njit(cache=True, error_model="numpy", nogil=True)
def _products_within(work, io, cut, end, w):  # type: ignore[no-untyped-def]
    """The same of windows that began in this block."""
    new1_x, new2_x, old1_x = work[io[3], cut:end], work[io[4], cut:end], work[io[3], cut - w : end - w]
    new1_y, new2_y, old1_y = work[io[6], cut:end], work[io[7], cut:end], work[io[6], cut - w : end - w]
    new, old = work[io[8], cut:end], work[io[8], cut - w : end - w]
    spread_x, spread_y, out = work[io[9], cut:end], work[io[10], cut:end], work[io[11], cut:end]
    doubtful = 0
    for j in range(len(out)):
        value = (new[j] - old[j]) - (new1_x[j] - old1_x[j]) * (new1_y[j] - old1_y[j]) / w
        product = spread_x[j] * spread_y[j]
        is_bad = product <= _CANCELLED * (new2_x[j] * new2_y[j])
        out[j] = np.nan if is_bad else value + 0.0 * product
        doubtful += 1 if is_bad else 0
    return doubtful


@kernel(depth=_window, state=7, cost=2.1)
def window_products(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Sum of products of distances from both means over the last args[0] rows.

    Inputs: x, y, the three `block_moments` of x and of y (blocks of args[1]), their `block_products`, and both sums of
    squared distances (the second of `window_moments`), whose missing values say which windows are not whole. If all
    values of either are equal it is exactly zero. State: all sums at the end of the block before.
    """
    w = int(args[0])
    block = int(args[1])
    spread_x = work[io[9]]
    spread_y = work[io[10]]
    out = work[io[11]]
    here = at
    while here < at + n:
        offset = (row + here - at) % block
        end = min(here + block - offset, at + n)
        cut = min(max(here + w - 1 - offset, here), end)
        doubtful = _products_across(work, io, here, cut, w, w - 1 - offset, state) if cut > here else 0
        if offset < w and cut < end:
            # The window is the block so far.
            value = work[io[8], cut] - work[io[3], cut] * work[io[6], cut] / w
            product = spread_x[cut] * spread_y[cut]
            is_bad = product <= _CANCELLED * (work[io[4], cut] * work[io[7], cut])
            out[cut] = np.nan if is_bad else value + 0.0 * product
            doubtful += 1 if is_bad else 0
            cut += 1
        if cut < end:
            doubtful += _products_within(work, io, cut, end, w)
        if doubtful > 0:
            for last in range(here, end):
                product = spread_x[last] * spread_y[last]
                if product == 0.0:
                    out[last] = 0.0
                elif product > 0.0 and not out[last] == out[last]:
                    out[last] = _products_afresh(work[io[0]], work[io[1]], last, w) if w > 1 else 0.0
        if offset + end - here == block:
            keep_last(work, io, 2, end - 1, state)
        here = end


@kernel(cost=2.0)
def correlation(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Correlation, from the sum of products and both sums of squares; NaN where either is zero."""
    products = work[io[0], at : at + n]
    squares_x = work[io[1], at : at + n]
    squares_y = work[io[2], at : at + n]
    out = work[io[3], at : at + n]
    for i in range(n):
        scale = math.sqrt(squares_x[i] * squares_y[i])
        value = products[i] / scale
        value = -1.0 if value < -1.0 else value
        value = 1.0 if value > 1.0 else value
        out[i] = value if scale > 0.0 else np.nan


share_compiled(globals())
