"""The row loops behind `argus.data.quality`: each sets bits in `reasons` and decides nothing else.

Rows come sorted by the start of the bar. The bits are plain integers here, because compiled code knows no enumeration;
`argus.data.quality.QualityReason` gives them their names and meaning.
"""

from __future__ import annotations

import math

from numba import njit

from argus.core._sharing_kernels import share_compiled

__all__ = [
    "ALWAYS_FATAL",
    "flag_moves",
    "flag_times",
    "flag_values",
    "mark_present",
    "rolling_quartiles",
]

MISSING_VALUE = 1 << 0
INFINITE = 1 << 1
OHLC = 1 << 2
NON_POSITIVE = 1 << 3
NEGATIVE_VOLUME = 1 << 4
DUPLICATE = 1 << 5
CONFLICT = 1 << 6
FUTURE = 1 << 7
BAD_TIMES = 1 << 8
OVERLAP = 1 << 9
OFF_TICK = 1 << 18
SPIKE = 1 << 19
STALE = 1 << 20
VOLUME_ANOMALY = 1 << 21

ALWAYS_FATAL = (1 << 16) - 1
"""Bits below 2^16 are faults that no setting turns into a warning."""

_ROUNDING = 1e-9  # of a price: what a vendor's own arithmetic may leave between two prices that are equal
_TICK_SHARE = 0.05  # of a tick: how far from the grid a price may lie that passed through 32-bit floats


@njit(cache=True)
def _price_bits(price, negative_allowed, tick):  # type: ignore[no-untyped-def]
    """Bits of one price; `tick` 0 means that no grid is known."""
    if math.isnan(price):
        return MISSING_VALUE
    if math.isinf(price):
        return INFINITE
    bits = 0
    if price <= 0.0 and not negative_allowed:
        bits |= NON_POSITIVE
    if tick > 0.0:
        ticks = price / tick
        if abs(ticks - math.floor(ticks + 0.5)) > _TICK_SHARE:
            bits |= OFF_TICK
    return bits


@njit(cache=True)
def _amount_bits(amount, may_be_missing):  # type: ignore[no-untyped-def]
    """Bits of a volume or an open interest."""
    if math.isnan(amount):
        return 0 if may_be_missing else MISSING_VALUE
    if math.isinf(amount):
        return INFINITE
    return NEGATIVE_VOLUME if amount < 0.0 else 0


@njit(cache=True)
def flag_values(open_, high, low, close, volume, open_interest, seen, negative_allowed, tick, reasons):  # type: ignore[no-untyped-def]
    """Values that cannot be, row by row.

    `seen` holds six flags, which of the columns were observed, in the order of the arguments.
    """
    for i in range(len(close)):
        bits = _price_bits(close[i], negative_allowed, tick)
        if seen[0]:
            bits |= _price_bits(open_[i], negative_allowed, tick)
        if seen[1]:
            bits |= _price_bits(high[i], negative_allowed, tick)
        if seen[2]:
            bits |= _price_bits(low[i], negative_allowed, tick)
        if bits & (MISSING_VALUE | INFINITE) == 0:
            top = close[i]
            bottom = close[i]
            if seen[0]:
                top = max(top, open_[i])
                bottom = min(bottom, open_[i])
            slack = _ROUNDING * max(abs(top), abs(bottom))
            if seen[1] and high[i] < top - slack:
                bits |= OHLC
            if seen[2] and low[i] > bottom + slack:
                bits |= OHLC
            if seen[1] and seen[2] and high[i] < low[i]:
                bits |= OHLC
        if seen[4]:
            bits |= _amount_bits(volume[i], False)
        if seen[5]:
            bits |= _amount_bits(open_interest[i], True)
        reasons[i] |= bits


@njit(cache=True)
def _same(a, b):  # type: ignore[no-untyped-def]
    return a == b or (math.isnan(a) and math.isnan(b))


@njit(cache=True)
def flag_times(event, close_ts, recv, columns, ts_min, ts_max, ts_now, reasons):  # type: ignore[no-untyped-def]
    """Times that cannot be, duplicates and overlaps. `columns` is (6, n): two rows are identical when all agree.

    A row that is already known to be bad has no say: it neither conflicts with a good one nor displaces it.
    """
    n = len(event)
    for i in range(n):
        if close_ts[i] <= event[i] or recv[i] < close_ts[i] or event[i] < ts_min or close_ts[i] > ts_max:
            reasons[i] |= BAD_TIMES
        if close_ts[i] > ts_now:
            reasons[i] |= FUTURE
    i = 0
    while i < n:
        stop = i + 1
        while stop < n and event[stop] == event[i]:
            stop += 1
        if stop - i > 1:
            first = -1
            conflict = False
            for k in range(i, stop):
                if reasons[k] & ALWAYS_FATAL:
                    continue
                if first < 0:
                    first = k
                    continue
                if close_ts[k] != close_ts[first]:
                    conflict = True
                for column in range(6):
                    if not _same(columns[column, k], columns[column, first]):
                        conflict = True
            for k in range(i, stop):
                if reasons[k] & ALWAYS_FATAL:
                    continue
                if conflict:
                    reasons[k] |= CONFLICT
                elif k != first:
                    reasons[k] |= DUPLICATE
        i = stop
    last = -1
    for i in range(n):
        if reasons[i] & ALWAYS_FATAL:
            continue
        if last >= 0 and (event[i] < close_ts[last] or recv[i] <= recv[last]):
            reasons[i] |= OVERLAP
            continue
        last = i


@njit(cache=True)
def rolling_quartiles(x, held, low, middle, high):  # type: ignore[no-untyped-def]
    """Quartiles of the `len(held)` values before each row; the first rows share those of the first full window.

    `held` is scratch space; the quartiles are values of the window, not interpolated.
    """
    n = len(x)
    window = min(len(held), n)
    for i in range(window):
        at = i
        while at > 0 and held[at - 1] > x[i]:
            held[at] = held[at - 1]
            at -= 1
        held[at] = x[i]
    for i in range(n):
        low[i] = held[window // 4]
        middle[i] = held[window // 2]
        high[i] = held[(3 * window) // 4]
        if i < window:
            continue
        leaving = x[i - window]
        entering = x[i]
        left = 0
        right = window
        while left < right:
            at = (left + right) // 2
            if held[at] < leaving:
                left = at + 1
            else:
                right = at
        at = left
        while at + 1 < window and held[at + 1] < entering:
            held[at] = held[at + 1]
            at += 1
        while at > 0 and held[at - 1] > entering:
            held[at] = held[at - 1]
            at -= 1
        held[at] = entering


@njit(cache=True)
def flag_moves(open_, high, low, close, seen, scale, sigmas, share_min, revert, inside, traded, stale_min, reasons):  # type: ignore[no-untyped-def]
    """Spikes that came back, and prices that stand still, among rows that are otherwise good.

    `scale` is the usual size of a change of the close at each row; a spike is beyond `sigmas` of it and beyond
    `share_min` of the price, and at most the share `revert` of it is left at the next close. `traded` marks rows with
    volume. A frozen run of `stale_min` bars counts where it was traded or the market was open.
    """
    n = len(close)
    run = 0
    for i in range(n):
        if i > 0:
            before = close[i - 1]
            least = max(sigmas * scale[i], share_min * abs(before))
            move = close[i] - before
            if i + 1 < n and abs(move) > least and abs(close[i + 1] - before) <= revert * abs(move):
                reasons[i] |= SPIKE
            top = max(before, close[i])
            bottom = min(before, close[i])
            if seen[0]:
                top = max(top, open_[i])
                bottom = min(bottom, open_[i])
            if (seen[1] and high[i] - top > least) or (seen[2] and bottom - low[i] > least):
                reasons[i] |= SPIKE
        frozen = i > 0 and close[i] == close[i - 1] and (inside[i] or traded[i])
        if seen[1] and seen[2] and high[i] != low[i]:
            frozen = False
        if frozen:
            run += 1
        if run > 0 and (not frozen or i + 1 == n):
            end = i + 1 if frozen else i
            if run + 1 >= stale_min:
                for k in range(end - run - 1, end):
                    reasons[k] |= STALE
            run = 0


@njit(cache=True)
def mark_present(expected, event, found, matched):  # type: ignore[no-untyped-def]
    """Which of the expected starts exist, and which rows were expected; both inputs ascend."""
    i = 0
    k = 0
    while i < len(expected) and k < len(event):
        if expected[i] == event[k]:
            found[i] = True
            matched[k] = True
            i += 1
            k += 1
        elif expected[i] < event[k]:
            i += 1
        else:
            k += 1


share_compiled(globals())
