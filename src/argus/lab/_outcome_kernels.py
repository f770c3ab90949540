"""Kernels of outcomes: what the bars after each bar did, without looking at any bar more than a few times.

Windows of row i are bars ``i + 1`` to ``min(i + horizon, end[i])``, where ``end[i]`` is the last bar of the row's
session, or far away if windows run on. Both bounds never fall from row to row, so that highs and lows are kept in
queues of those that can still become the highest and lowest: each bar enters and leaves once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled

__all__ = ["BLOCK", "barrier_block", "forward_block", "trailing_volatility"]

BLOCK = 32
"""Bars that the search for a touch can pass over at once."""

COMPLETE, OPEN, SESSION_END, NO_ENTRY, HOLE, NO_VOL = 0, 1, 2, 3, 4, 5
"""`argus.data.outcome_store.OutcomeStatus`."""

NEVER = np.iinfo(np.int64).max
ENTERS = np.iinfo(np.int64).min


@njit(cache=True, error_model="numpy", nogil=True)
def trailing_volatility(close: Any, keep: Any, least: Any, out: Any):  # type: ignore[no-untyped-def]
    """Exponentially weighted deviation of log returns up to each bar, around zero, per bar.

    Weights add up to one from the first return on; NaN before there are `least` returns. A return from or to a price
    that is none above zero is left out.

    Parameters
    ----------
    close : (n,) float64
    keep : float
        Weight of a return relative to the one after it.
    least : int
    out : (n,) float64
    """
    squares = 0.0
    weight = 0.0
    count = 0
    for i in range(len(close)):
        if i > 0 and close[i] > 0.0 and close[i - 1] > 0.0:
            change = np.log(close[i] / close[i - 1])
            squares = keep * squares + (1.0 - keep) * change * change
            weight = keep * weight + (1.0 - keep)
            count += 1
        out[i] = np.sqrt(squares / weight) if count >= least else np.nan


@njit(cache=True, error_model="numpy", nogil=True)
def _window_status(i: Any, stop: Any, horizon: Any, closes: Any, holes: Any, early: Any):  # type: ignore[no-untyped-def]
    """Status of a window that has ended at its last bar."""
    is_cut = stop < i + horizon
    if holes[stop] > holes[i] or (is_cut and not closes[stop] and early[stop + 1]):
        return HOLE
    return SESSION_END if is_cut else COMPLETE


@njit(cache=True, error_model="numpy", nogil=True)
def _ended_at(i: Any, stop: Any, horizon: Any, closes: Any, recv: Any):  # type: ignore[no-untyped-def]
    """When it was known that the window had ended: a session that did not reach its close has ended with the next."""
    if stop == i + horizon or closes[stop]:
        return recv[stop]
    return recv[stop + 1]


@njit(cache=True, error_model="numpy", nogil=True)
def _no_entry(i: Any, n: Any, end: Any, entry: Any, closes: Any, recv: Any):  # type: ignore[no-untyped-def]
    """When it was known that there is no entry: `ENTERS` if there is one, `NEVER` if that is not known yet."""
    if end[i] == i:
        return recv[i] if closes[i] else recv[i + 1]
    if i + 1 >= n:
        return NEVER
    return ENTERS if entry[i] > 0.0 and entry[i] < np.inf else recv[i + 1]


@njit(cache=True, error_model="numpy", nogil=True)
def _best(price: Any, sign: Any, queue: Any, span: Any, i: Any, pushed: Any, stop: Any):  # type: ignore[no-untyped-def]
    """First bar of the highest price (lowest, with sign -1) after row i, once bars up to `stop` have joined the queue.

    The queue holds bars whose price beats those of all bars after them, from place ``span[0]`` to ``span[1]``.
    """
    mask = len(queue) - 1
    begin, past = span[0], span[1]
    for at in range(pushed + 1, stop + 1):
        while past > begin and sign * price[queue[(past - 1) & mask]] < sign * price[at]:
            past -= 1
        queue[past & mask] = at
        past += 1
        # Bars that the window has left make room as others come.
        while queue[begin & mask] <= i:
            begin += 1
    while queue[begin & mask] <= i:
        begin += 1
    span[0], span[1] = begin, past
    return queue[begin & mask]


@njit(cache=True, error_model="numpy", nogil=True)
def forward_block(  # type: ignore[no-untyped-def]
    entry: Any, high: Any, low: Any, close: Any, end: Any, closes: Any, holes: Any, early: Any, recv: Any,
    horizon: Any, first: Any, last: Any, queues: Any, spans: Any, known: Any, figures: Any, bars: Any, status: Any,
):  # fmt: skip
    """Return, highest and lowest price of the window after each of the rows `first` to `last` (exclusive).

    Parameters
    ----------
    entry : (n,) float64
        Price at which a decision at the row enters.
    high, low : (n,) float64
        -inf and inf where there is none.
    close : (n,) float64
    end : (n,) int64
        Last bar of the row's session once that is known, far beyond n otherwise and where windows run on.
    closes : (n,) bool
        Bars that reach the close of their session.
    holes : (n,) int64
        Holes before each bar, all bars before it included.
    early : (n,) bool
        Bars before which another session ended with bars missing.
    recv : (n,) int64
    horizon, first, last : int
    queues, spans : (2, m) int64, (2, 2) int64
        Scratch; m is a power of two above the horizon.
    known : (rows,) int64
        This and what follows comes filled with what an open row has.
    figures : (3, rows) float64
        Forward return, run-up, drawdown.
    bars : (2, rows) int32
        To run-up, to drawdown.
    status : (rows,) int8
    """
    n = len(close)
    spans[:] = 0
    pushed = first
    for i in range(first, last):
        k = i - first
        without = _no_entry(i, n, end, entry, closes, recv)
        if without != ENTERS:
            if without != NEVER:
                known[k], status[k] = without, NO_ENTRY
            continue
        stop = min(i + horizon, end[i])
        if stop >= n:
            continue
        pushed = max(pushed, i)
        top = _best(high, 1.0, queues[0], spans[0], i, pushed, stop)
        bottom = _best(low, -1.0, queues[1], spans[1], i, pushed, stop)
        pushed = stop
        known[k] = _ended_at(i, stop, horizon, closes, recv)
        status[k] = _window_status(i, stop, horizon, closes, holes, early)
        figures[0, k] = close[stop] / entry[i] - 1.0
        if high[top] > -np.inf:
            figures[1, k] = high[top] / entry[i] - 1.0
            bars[0, k] = top - i
        if low[bottom] < np.inf:
            figures[2, k] = low[bottom] / entry[i] - 1.0
            bars[1, k] = bottom - i


@njit(cache=True, error_model="numpy", nogil=True)
def _first_touch(high: Any, low: Any, tops: Any, bottoms: Any, at: Any, stop: Any, upper: Any, lower: Any):  # type: ignore[no-untyped-def]
    """First bar from `at` to `stop` that reaches either price; ``stop + 1`` if none does."""
    while at <= stop:
        if at % BLOCK == 0 and tops[at // BLOCK] < upper and bottoms[at // BLOCK] > lower:
            at += BLOCK
        elif high[at] >= upper or low[at] <= lower:
            return at
        else:
            at += 1
    return stop + 1


@njit(cache=True, error_model="numpy", nogil=True)
def barrier_block(  # type: ignore[no-untyped-def]
    entry: Any, open_: Any, high: Any, low: Any, close: Any, scale: Any, up: Any, down: Any, tops: Any, bottoms: Any,
    end: Any, closes: Any, holes: Any, early: Any, recv: Any, horizon: Any, first: Any, last: Any,
    known: Any, barrier: Any, gain: Any, bars: Any, status: Any, is_ambiguous: Any,
):  # fmt: skip
    """Which of two prices is reached first after each of the rows `first` to `last` (exclusive).

    Parameters
    ----------
    entry, open_, high, low, close, end, closes, holes, early, recv, horizon, first, last
        As for `forward_block`; opens are NaN where they were not observed.
    scale : (n,) float64
        Deviation of the window's return as it was known at the row; no barriers where it is not above 0.
    up, down : float
        Barriers lie so many deviations from the entry.
    tops, bottoms : (m,) float64
        Highest and lowest price of each `BLOCK` of bars.
    known, barrier, gain, bars, status, is_ambiguous : (rows,)
        As `argus.data.outcome_store.BarrierColumns`; they come filled with what an open row has.
    """
    n = len(close)
    for i in range(first, last):
        k = i - first
        if not scale[i] > 0.0:
            known[k] = recv[i]
            status[k] = NO_VOL
            continue
        without = _no_entry(i, n, end, entry, closes, recv)
        if without != ENTERS:
            if without != NEVER:
                known[k], status[k] = without, NO_ENTRY
            continue
        stop = min(i + horizon, end[i])
        seen = min(stop, n - 1)
        upper, lower = entry[i] * (1.0 + up * scale[i]), entry[i] * (1.0 - down * scale[i])
        at = _first_touch(high, low, tops, bottoms, i + 1, seen, upper, lower)
        if at <= seen:
            price = open_[at]
            if price >= upper:
                barrier[k] = 1
            elif price <= lower:
                barrier[k] = -1
            else:
                barrier[k] = -1 if low[at] <= lower else 1
                is_ambiguous[k] = low[at] <= lower and high[at] >= upper
                price = lower if barrier[k] < 0 else upper
            known[k] = recv[at]
            status[k] = HOLE if holes[at] > holes[i] else COMPLETE
            gain[k] = price / entry[i] - 1.0
            bars[k] = at - i
        elif stop < n:
            known[k] = _ended_at(i, stop, horizon, closes, recv)
            status[k] = _window_status(i, stop, horizon, closes, holes, early)
            gain[k] = close[stop] / entry[i] - 1.0
            bars[k] = stop - i


share_compiled(globals())
