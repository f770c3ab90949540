"""Kernels of two series side by side: covariance, correlation and slope over the last rows.

Sums slide: the new pair comes in, the old one goes out. They are about the means that the window had when they were
last summed up afresh, which is at every multiple of 1,024 rows and wherever too few digits are left, as after a jump.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import kernel

_RENEWED = 1024
"""Sums are taken afresh in rows whose number is a multiple of this."""
_CANCELLED = 1e-6
"""A sum of squares this small against the largest since it was taken afresh has lost digits."""


def _window(args):  # type: ignore[no-untyped-def]
    return int(args[0])


@njit(cache=True, error_model="numpy", nogil=True)
def _pairs_afresh(x, y, last, w, state):  # type: ignore[no-untyped-def]
    """Sums over the `w` pairs up to position `last`, those with a missing value left out.

    State: pairs, both centres, sums, sums of squares, sum of products, largest sums of squares since.
    """
    centre_x = 0.0
    centre_y = 0.0
    known = 0.0
    for j in range(w):
        a = x[last - j]
        b = y[last - j]
        if (a == a) & (b == b):
            centre_x = a if known == 0.0 else centre_x
            centre_y = b if known == 0.0 else centre_y
            known += 1.0
    total_x = 0.0
    total_y = 0.0
    for j in range(w):
        a = x[last - j]
        b = y[last - j]
        is_known = (a == a) & (b == b)
        total_x += a - centre_x if is_known else 0.0
        total_y += b - centre_y if is_known else 0.0
    centre_x = centre_x + total_x / known if known > 0.0 else 0.0
    centre_y = centre_y + total_y / known if known > 0.0 else 0.0
    sx = 0.0
    sy = 0.0
    sxx = 0.0
    syy = 0.0
    sxy = 0.0
    for j in range(w):
        a = x[last - j]
        b = y[last - j]
        is_known = (a == a) & (b == b)
        a = a - centre_x if is_known else 0.0
        b = b - centre_y if is_known else 0.0
        sx += a
        sy += b
        sxx += a * a
        syy += b * b
        sxy += a * b
    state[0] = known
    state[1] = centre_x
    state[2] = centre_y
    state[3] = sx
    state[4] = sy
    state[5] = sxx
    state[6] = syy
    state[7] = sxy
    state[8] = sxx
    state[9] = syy


@kernel(depth=_window, state=10, outputs=3, cost=7.0)
def pairs(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Correlation, slope of the second on the first, and mean product of distances from the means, of args[0] pairs."""
    w = int(args[0])
    x = work[io[0]]
    y = work[io[1]]
    correlation = work[io[2], at : at + n]
    slope = work[io[3], at : at + n]
    covariance = work[io[4], at : at + n]
    share = 1.0 / w
    known, centre_x, centre_y = state[0], state[1], state[2]
    sx, sy, sxx, syy, sxy, most_x, most_y = state[3], state[4], state[5], state[6], state[7], state[8], state[9]
    for i in range(n):
        is_afresh = (row + i) % _RENEWED == 0
        if not is_afresh:
            # One pair in and one out; the largest sums of squares so far are kept.
            new_x, new_y, old_x, old_y = x[at + i], y[at + i], x[at + i - w], y[at + i - w]
            comes = (new_x == new_x) & (new_y == new_y)
            goes = (old_x == old_x) & (old_y == old_y)
            a = new_x - centre_x if comes else 0.0
            b = new_y - centre_y if comes else 0.0
            c = old_x - centre_x if goes else 0.0
            d = old_y - centre_y if goes else 0.0
            known += (1.0 if comes else 0.0) - (1.0 if goes else 0.0)
            sx += a - c
            sy += b - d
            sxx += a * a - c * c
            syy += b * b - d * d
            sxy += a * b - c * d
            most_x = sxx if sxx > most_x else most_x
            most_y = syy if syy > most_y else most_y
            vx = sxx - sx * share * sx
            vy = syy - sy * share * sy
            is_afresh = (known >= w) & (not ((vx >= _CANCELLED * most_x) & (vy >= _CANCELLED * most_y)))
        if is_afresh:
            _pairs_afresh(x, y, at + i, w, state)
            known, centre_x, centre_y, sx, sy = state[0], state[1], state[2], state[3], state[4]
            sxx, syy, sxy, most_x, most_y = state[5], state[6], state[7], state[8], state[9]
            vx = sxx - sx * share * sx
            vy = syy - sy * share * sy
        is_whole = known >= w
        slope[i] = vx if is_whole else np.nan
        correlation[i] = vy if is_whole else np.nan
        covariance[i] = sxy - sx * share * sy if is_whole else np.nan
    state[0], state[1], state[2] = known, centre_x, centre_y
    state[3], state[4], state[5], state[6], state[7] = sx, sy, sxx, syy, sxy
    state[8], state[9] = most_x, most_y
    for i in range(n):
        vx = slope[i]
        vy = correlation[i]
        together = covariance[i]
        value = together / math.sqrt(vx * vy)
        value = 1.0 if value > 1.0 else value
        value = -1.0 if value < -1.0 else value
        along = together / vx
        covariance[i] = together * share
        slope[i] = along if vx > 0.0 else np.nan
        correlation[i] = value if (vx > 0.0) & (vy > 0.0) else np.nan


share_compiled(globals())
