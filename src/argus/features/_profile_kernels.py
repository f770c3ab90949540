"""Kernels of the volume profile: how much was traded at which price, in a session so far or over the last rows.

Prices are put in bins of equal width in the logarithm, so that a bin is the same share of any price and no tick size is
needed. Bins are counted from the price of one; they lie in a ring, in which a bin's place is its number modulo the
ring's length. Prices further apart than the ring is long have no profile.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.features._algebra_kernels import NEAR, near_log
from argus.features._form_kernels import kernel

_RING = 512
_MASK = _RING - 1
"""A number and this is the number modulo the ring's length, below zero too."""


def _window(args):  # type: ignore[no-untyped-def]
    return int(args[2])


@njit(cache=True, error_model="numpy", nogil=True)
def _value_area(ring, peak, low, high, share, total):  # type: ignore[no-untyped-def]
    """Lowest and highest bin of the value area.

    It starts at the bin with most volume and takes in the larger of the two next ones, the lower of equals, until it
    holds `share` of the total; `low` and `high` are the outermost bins that hold any.
    """
    first = peak
    last = peak
    inside = ring[peak & _MASK]
    wanted = share * total
    while inside < wanted and (first > low or last < high):
        under = ring[(first - 1) & _MASK] if first > low else -1.0
        over = ring[(last + 1) & _MASK] if last < high else -1.0
        if under >= over:
            first -= 1
            inside += under
        else:
            last += 1
            inside += over
    return first, last


@njit(cache=True, error_model="numpy", nogil=True)
def _log_about(x, centre, log_centre):  # type: ignore[no-untyped-def]
    """Logarithm of x from that of a number near it; missing unless x is above zero."""
    f = (x - centre) / (x + centre)
    z = f * f
    if z < NEAR:
        return log_centre + near_log(f, z)
    return math.log(x) if x > 0.0 else np.nan


@kernel(state=8 + _RING, outputs=3)
def session_profile(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Log distances of y from the middle of the session's fullest bin, and from the edges of its value area.

    args: width of a bin, share of the value area. Inputs: price, y, volume, session. State: session, its first price
    and the logarithm of that, total volume, lowest and highest bin, fullest bin, rows counted; the ring.
    """
    width = args[0]
    share = args[1]
    x = work[io[0], at : at + n]
    y = work[io[1], at : at + n]
    volume = work[io[2], at : at + n]
    session = work[io[3], at : at + n]
    peaks = work[io[4], at : at + n]
    lower = work[io[5], at : at + n]
    upper = work[io[6], at : at + n]
    ring = state[8:]
    now = state[0] if row > 0 else np.nan
    centre = state[1]
    log_centre = state[2]
    total = state[3]
    low = int(state[4])
    high = int(state[5])
    peak = int(state[6])
    count = int(state[7])
    scale = 1.0 / width
    for i in range(n):
        if not session[i] == now:
            for k in range(low, min(high, low + _MASK) + 1):
                ring[k & _MASK] = 0.0
            now = session[i]
            total = 0.0
            count = 0
        if not (x[i] > 0.0 and volume[i] == volume[i]):
            peaks[i] = np.nan
            lower[i] = np.nan
            upper[i] = np.nan
            continue
        if count == 0:
            centre = x[i]
            log_centre = math.log(centre)
        k = math.floor(_log_about(x[i], centre, log_centre) * scale)
        if count == 0:
            low = k
            high = k
            peak = k
        low = min(low, k)
        high = max(high, k)
        count += 1
        total += volume[i]
        here = ring[k & _MASK] + volume[i]
        ring[k & _MASK] = here
        most = ring[peak & _MASK]
        if here > most or (here == most and k < peak):
            peak = k
        first, last = _value_area(ring, peak, low, high, share, total)
        price = _log_about(y[i], centre, log_centre)
        price = price if (total > 0.0) & (high - low < _RING) else np.nan
        peaks[i] = price - (peak + 0.5) * width
        lower[i] = price - first * width
        upper[i] = price - (last + 1) * width
    state[0] = now
    state[1] = centre
    state[2] = log_centre
    state[3] = total
    state[4] = low
    state[5] = high
    state[6] = peak
    state[7] = count


@kernel(depth=_window, state=2 * _RING, outputs=3)
def window_profile(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Logarithms of the middle of the fullest bin, and of the edges of the value area, of the last args[2] rows.

    Work per row grows with the bins between lowest and highest.

    Inputs: logarithm of the price, volume (missing where the price is), highest and lowest logarithm of the window.
    State: the ring of volumes, and one of rows, by which an empty bin is known to hold nothing.
    """
    width = args[0]
    share = args[1]
    w = int(args[2])
    ring = state[:_RING]
    rows = state[_RING:]
    for i in range(n):
        j = at + i
        work[io[4], j] = np.nan
        work[io[5], j] = np.nan
        work[io[6], j] = np.nan
        gone = work[io[0], j - w] / width
        if gone == gone and work[io[1], j - w] == work[io[1], j - w]:
            k = math.floor(gone) & _MASK
            rows[k] -= 1.0
            ring[k] = ring[k] - work[io[1], j - w] if rows[k] > 0.0 else 0.0
        come = work[io[0], j] / width
        if come == come and work[io[1], j] == work[io[1], j]:
            k = math.floor(come) & _MASK
            rows[k] += 1.0
            ring[k] += work[io[1], j]
        top = work[io[2], j] / width
        bottom = work[io[3], j] / width
        if not (top - bottom < _RING - 1):
            continue
        low = math.floor(bottom)
        high = math.floor(top)
        peak = low
        total = 0.0
        for k in range(low, high + 1):
            here = ring[k & _MASK]
            total += here
            peak = k if here > ring[peak & _MASK] else peak
        if total > 0.0:
            first, last = _value_area(ring, peak, low, high, share, total)
            work[io[4], j] = (peak + 0.5) * width
            work[io[5], j] = first * width
            work[io[6], j] = (last + 1) * width


share_compiled(globals())
