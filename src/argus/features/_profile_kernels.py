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
from argus.features._algebra_kernels import log_ratios
from argus.features._form_kernels import kernel
from argus.features._level_kernels import stretch_end

_RING = 512
_MASK = _RING - 1
"""A number and this is the number modulo the ring's length, below zero too."""
_BEYOND = 1e300
"""Stands beyond all prices for a bar in which nothing was traded."""
_DOUBT = 1e-9
"""Share of the total within which two sums of the same volumes, in whichever order, may differ by rounding."""


def _window(args):  # type: ignore[no-untyped-def]
    return int(args[2])


@njit(cache=True, error_model="numpy", nogil=True)
def _value_area(ring, peak, low, high, share, total):  # type: ignore[no-untyped-def]
    """Lowest and highest bin of the value area, and the volume in it.

    It starts at the bin with most volume and takes in the larger of the two next ones, the lower of equals, until it
    holds `share` of the total; `low` and `high` are the outermost bins that hold any.
    """
    first = peak
    last = peak
    inside = ring[peak & _MASK]
    wanted = share * total
    under = ring[(first - 1) & _MASK] if first > low else -1.0
    over = ring[(last + 1) & _MASK] if last < high else -1.0
    while inside < wanted and (first > low or last < high):
        # Chosen without a branch: which side comes next is a coin toss that the processor cannot foresee. What comes
        # after either is fetched before it is known which one it will be.
        below = ring[(first - 2) & _MASK] if first - 1 > low else -1.0
        above = ring[(last + 2) & _MASK] if last + 1 < high else -1.0
        is_under = under >= over
        inside += under if is_under else over
        first -= 1 if is_under else 0
        last += 0 if is_under else 1
        under, over = below if is_under else under, over if is_under else above
    return first, last, inside


@njit(cache=True, error_model="numpy", nogil=True)
def _least(ring, first, last):  # type: ignore[no-untyped-def]
    """Least volume of the bins from `first` to the one before `last`; infinite for none."""
    least = np.inf
    for k in range(first, last):
        least = min(least, ring[k & _MASK])
    return least


@njit(cache=True, error_model="numpy", nogil=True)
def _first_prices(x, volume, session, row, state, centre, log_centre):  # type: ignore[no-untyped-def]
    """The session's first price and its logarithm, row by row; state: session, price, logarithm."""
    now = state[0] if row > 0 else np.nan
    price = state[1]
    log_price = state[2]
    n = len(x)
    i = 0
    while i < n:
        if not session[i] == now:
            now = session[i]
            price = np.nan
            log_price = np.nan
        if not price == price and x[i] > 0.0 and volume[i] == volume[i]:
            price = x[i]
            log_price = math.log(price)
        end = stretch_end(session, i) if price == price else i + 1
        centre[i:end] = price
        log_centre[i:end] = log_price
        i = end
    state[0] = now
    state[1] = price
    state[2] = log_price


@njit(cache=True, error_model="numpy", nogil=True)
def _session_areas(volume, session, place, price, width, share, state, now, peaks, lower, upper):  # type: ignore[no-untyped-def]
    """The fullest bin and the value area, row by row, of volumes in the bins `place`.

    Most rows leave the area as it was, which is asked first. The search takes in bins of either side of the peak in the
    order of the least volume from the peak up to each, those under it before their equals over it. So the last bin of
    the area is the one at the end of the side with the smaller least one. The search comes to the same area if the
    next bin of the other side would still come later, and stops there if it holds enough and without its last bin does
    not; where rounding could decide that, it is done again.
    """
    ring = state[8:]
    total = state[3]
    low = int(state[4])
    high = int(state[5])
    peak = int(state[6])
    count = int(state[7])
    first = peak
    last = peak
    inside = np.nan
    least_under = np.inf
    least_over = np.inf
    for i in range(len(place)):
        if not session[i] == now:
            for k in range(low, min(high, low + _MASK) + 1):
                ring[k & _MASK] = 0.0
            now = session[i]
            total = 0.0
            count = 0
            inside = np.nan
        if not place[i] == place[i]:
            peaks[i] = np.nan
            lower[i] = np.nan
            upper[i] = np.nan
            continue
        k = int(place[i])
        if volume[i] > 0.0:
            if count == 0:
                low = high = peak = first = last = k
            low = min(low, k)
            high = max(high, k)
            count += 1
            total += volume[i]
            old = ring[k & _MASK]
            here = old + volume[i]
            ring[k & _MASK] = here
            if (first <= k) & (k < peak) & (old <= least_under):
                least_under = _least(ring, first, peak)
            if (peak < k) & (k <= last) & (old <= least_over):
                least_over = _least(ring, peak + 1, last + 1)
            inside += volume[i] if (first <= k) & (k <= last) else 0.0
            most = ring[peak & _MASK]
            if here > most or (here == most and k < peak):
                inside = np.nan
                peak = k
        wanted = share * total
        doubt = _DOUBT * total
        if least_under >= least_over:
            is_reached = (ring[(first - 1) & _MASK] if first > low else -1.0) < least_over
            end = ring[last & _MASK]
        else:
            is_reached = (ring[(last + 1) & _MASK] if last < high else -1.0) <= least_under
            end = ring[first & _MASK]
        if not (is_reached & (inside - doubt >= wanted) & (inside - end + doubt < wanted)):
            first, last, inside = _value_area(ring, peak, low, high, share, total)
            least_under = _least(ring, first, peak)
            least_over = _least(ring, peak + 1, last + 1)
        is_known = (total > 0.0) & (high - low < _RING)
        peaks[i] = price[i] - (peak + 0.5) * width if is_known else np.nan
        lower[i] = price[i] - first * width if is_known else np.nan
        upper[i] = price[i] - (last + 1) * width if is_known else np.nan
    state[3] = total
    state[4] = low
    state[5] = high
    state[6] = peak
    state[7] = count


@kernel(state=8 + _RING, outputs=3, scratch=4, cost=24.0)
def session_profile(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Log distances of y from the middle of the session's fullest bin, and from the edges of its value area.

    args: width of a bin, share of the value area. Inputs: price, y, volume, session. State: session, its first price
    and the logarithm of that, total volume, lowest and highest bin, fullest bin, rows with volume; the ring.
    """
    width = args[0]
    share = args[1]
    x = work[io[0], at : at + n]
    volume = work[io[2], at : at + n]
    session = work[io[3], at : at + n]
    peaks = work[io[4], at : at + n]
    lower = work[io[5], at : at + n]
    upper = work[io[6], at : at + n]
    centre = work[io[7], at : at + n]
    log_centre = work[io[8], at : at + n]
    place = work[io[9], at : at + n]
    price = work[io[10], at : at + n]
    now = state[0] if row > 0 else np.nan
    _first_prices(x, volume, session, row, state, centre, log_centre)
    log_ratios(x, centre, place)
    log_ratios(work[io[1], at : at + n], centre, price)
    for i in range(n):
        place[i] = np.floor((place[i] + log_centre[i]) / width) + 0.0 * volume[i]
        price[i] += log_centre[i]
    _session_areas(volume, session, place, price, width, share, state, now, peaks, lower, upper)


@kernel(outputs=2)
def traded(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Price for the highest, and for the lowest, of those at which there was volume; inputs: price, volume."""
    x = work[io[0], at : at + n]
    volume = work[io[1], at : at + n]
    upper = work[io[2], at : at + n]
    lower = work[io[3], at : at + n]
    for i in range(n):
        is_beyond = (x[i] == x[i]) & (not volume[i] > 0.0)
        upper[i] = -_BEYOND if is_beyond else x[i]
        lower[i] = _BEYOND if is_beyond else x[i]


@kernel(depth=_window, state=2 * _RING, outputs=3)
def window_profile(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Logarithms of the middle of the fullest bin, and of the edges of the value area, of the last args[2] rows.

    Work per row grows with the bins between lowest and highest.

    Inputs: logarithm of the price, volume, highest and lowest logarithm of the window at which there was volume.
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
        if gone == gone and work[io[1], j - w] > 0.0:
            k = math.floor(gone) & _MASK
            rows[k] -= 1.0
            ring[k] = ring[k] - work[io[1], j - w] if rows[k] > 0.0 else 0.0
        come = work[io[0], j] / width
        if come == come and work[io[1], j] > 0.0:
            k = math.floor(come) & _MASK
            rows[k] += 1.0
            ring[k] += work[io[1], j]
        top = work[io[2], j] / width
        bottom = work[io[3], j] / width
        # Tried before they are made whole: without volume they stand beyond all whole numbers, the upper one below.
        if not (0.0 <= top - bottom < _RING):
            continue
        low = math.floor(bottom)
        high = math.floor(top)
        if high - low >= _RING:
            continue
        peak = low
        total = 0.0
        for k in range(low, high + 1):
            here = ring[k & _MASK]
            total += here
            peak = k if here > ring[peak & _MASK] else peak
        if total > 0.0:
            first, last, _ = _value_area(ring, peak, low, high, share, total)
            work[io[4], j] = (peak + 0.5) * width
            work[io[5], j] = first * width
            work[io[6], j] = (last + 1) * width


share_compiled(globals())
