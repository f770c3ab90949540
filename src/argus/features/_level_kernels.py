"""Kernels of price levels that traders watch: extremes of this session, of those before it, of parts of the day.

A stretch is a run of rows with the same value of a key column: the session, or the week. Missing prices are passed
over, so a level is what is known of its stretch. What a stretch was is told from the first row of the next one on.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import is_compiled, kernel

ir: Any = import_module("llvmlite.ir")

_AT_ONCE = 128
"""Rows of which is asked together whether they belong to a stretch."""


@njit(cache=True, error_model="numpy", nogil=True)
def stretch_end(key, first):  # type: ignore[no-untyped-def]
    """Row after the last of those from `first` on that have the same key; a missing key is like no other."""
    here = key[first]
    end = first + 1
    while end + _AT_ONCE <= len(key):
        some = key[end : end + _AT_ONCE]
        others = 0
        for i in range(len(some)):
            others += 1 if some[i] != here else 0
        if others > 0:
            break
        end += _AT_ONCE
    while end < len(key) and key[end] == here:
        end += 1
    return end


def _beyond_compiled(side: str) -> Any:
    lane, four = ir.IntType(32), ir.VectorType(ir.DoubleType(), 4)
    none = ir.Constant(four, [float("-inf") if side == ">" else float("inf")] * 4)

    @intrinsic
    def beyond(typingctx, x, first, most, out):  # type: ignore[no-untyped-def]
        def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            def further(one: Any, other: Any) -> Any:
                return builder.select(builder.fcmp_ordered(side, one, other), one, other)

            def picked(numbers: Any, *places: int) -> Any:
                # Place 4 is none.
                return builder.shuffle_vector(numbers, none, ir.Constant(ir.VectorType(lane, 4), list(places)))

            source, target = (context.make_array(x)(context, builder, values[k]).data for k in (0, 3))
            starts = [builder.add(values[1], values[1].type(4 * half)) for half in range(2)]
            places = [builder.bitcast(builder.gep(source, [one]), four.as_pointer()) for one in starts]
            found = [further(builder.load(place, align=8), none) for place in places]
            found = [further(one, picked(one, 4, 0, 1, 2)) for one in found]
            low, high = (further(one, picked(one, 4, 4, 0, 1)) for one in found)
            high = further(high, picked(low, 3, 3, 3, 3))
            before = picked(builder.insert_element(none, values[2], lane(0)), 0, 0, 0, 0)
            for one, start in zip((low, high), starts, strict=True):
                place = builder.bitcast(builder.gep(target, [start]), four.as_pointer())
                builder.store(further(one, before), place, align=8)
            return further(builder.extract_element(high, lane(3)), values[2])

        return types.float64(x, types.int64, types.float64, out), lower

    return beyond


def _beyond_plain(side: str) -> Any:
    def beyond(x, first, most, out):  # type: ignore[no-untyped-def]
        for i in range(first, first + 8):
            most = x[i] if (x[i] > most if side == ">" else x[i] < most) else most
            out[i] = most
        return most

    return beyond


_highest_of_eight = _beyond_compiled(">") if is_compiled() else _beyond_plain(">")
"""Write the highest so far, beginning with `most`, for eight values from a place on; gives the last."""
_lowest_of_eight = _beyond_compiled("<") if is_compiled() else _beyond_plain("<")
"""The same of the lowest."""


@njit(cache=True, error_model="numpy", nogil=True)
def _extremes(high, low, top, bottom, top_out, bottom_out):  # type: ignore[no-untyped-def]
    """Highest and lowest so far, beginning with `top` and `bottom`; gives the last ones.

    Eight rows are compared among themselves before they meet the extremes before them, so that none waits for the last.
    """
    n = len(high)
    i = 0
    while i + 8 <= n:
        top = _highest_of_eight(high, i, top, top_out)
        bottom = _lowest_of_eight(low, i, bottom, bottom_out)
        i += 8
    for j in range(i, n):
        top = high[j] if high[j] > top else top
        bottom = low[j] if low[j] < bottom else bottom
        top_out[j] = top
        bottom_out[j] = bottom
    return top, bottom


@kernel(cost=0.9)
def share(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """(x - level) / |x|: how far x stands above a level; NaN where x is zero."""
    x = work[io[0], at : at + n]
    level = work[io[1], at : at + n]
    out = work[io[2], at : at + n]
    for i in range(n):
        value = (x[i] - level[i]) / abs(x[i])
        out[i] = value if x[i] != 0.0 else np.nan


@kernel(cost=0.9)
def position(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """(x - low) / (high - low): 0 at the low, 1 at the high; NaN where the two are equal."""
    x = work[io[0], at : at + n]
    low = work[io[1], at : at + n]
    high = work[io[2], at : at + n]
    out = work[io[3], at : at + n]
    for i in range(n):
        width = high[i] - low[i]
        value = (x[i] - low[i]) / width
        out[i] = value if width != 0.0 else np.nan


@kernel(cost=0.9)
def week(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Calendar week, Monday to Sunday, of a day since 1970-01-01 (a Thursday)."""
    day = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        out[i] = np.floor((day[i] + 3.0) / 7.0)


@kernel(state=9, outputs=6, cost=3.0)
def stretch(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """First open, highest and lowest of the stretch so far; high, low and last close of the stretch before.

    Inputs: open, high, low, close, key. Of the stretch before, what is not known is taken from the one before it.
    State: begun, key, open, high, low, close, then the three of the stretch before.
    """
    opened = work[io[0], at : at + n]
    high = work[io[1], at : at + n]
    low = work[io[2], at : at + n]
    close = work[io[3], at : at + n]
    key = work[io[4], at : at + n]
    first_out = work[io[5], at : at + n]
    top_out = work[io[6], at : at + n]
    bottom_out = work[io[7], at : at + n]
    if state[0] == 0.0:
        state[6] = np.nan
        state[7] = np.nan
        state[8] = np.nan
    first_open = state[2]
    top = state[3]
    bottom = state[4]
    last = state[5]
    i = 0
    while i < n:
        if state[0] == 0.0 or key[i] != state[1]:
            if state[0] != 0.0:
                state[6] = top if top > -np.inf else state[6]
                state[7] = bottom if bottom < np.inf else state[7]
                state[8] = last if last == last else state[8]
            state[0] = 1.0
            state[1] = key[i]
            first_open = np.nan
            top = -np.inf
            bottom = np.inf
            last = np.nan
        end = stretch_end(key, i)
        k = i
        while k < end and first_open != first_open:
            first_open = opened[k]
            first_out[k] = first_open
            k += 1
        first_out[k:end] = first_open
        is_blank = top == -np.inf or bottom == np.inf
        top, bottom = _extremes(high[i:end], low[i:end], top, bottom, top_out[i:end], bottom_out[i:end])
        if is_blank:
            for j in range(i, end):
                top_out[j] = top_out[j] if top_out[j] > -np.inf else np.nan
                bottom_out[j] = bottom_out[j] if bottom_out[j] < np.inf else np.nan
        for j in range(end - 1, i - 1, -1):
            if close[j] == close[j]:
                last = close[j]
                break
        for which in range(3):
            work[io[8 + which], at + i : at + end] = state[6 + which]
        i = end
    state[2] = first_open
    state[3] = top
    state[4] = bottom
    state[5] = last


@njit(cache=True, error_model="numpy", nogil=True)
def _parts(start, close, since, until, longer):  # type: ignore[no-untyped-def]
    """How many bars are within a part of the session, and how many close when it is over."""
    inside = 0
    over = 0
    for i in range(len(start)):
        end = until[i] + longer
        inside += 1 if (start[i] >= since[i]) & (close[i] <= end) else 0
        over += 1 if close[i] >= end else 0
    return inside, over


@kernel(state=5, outputs=2, cost=3.0)
def part(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Highest and lowest of the session's bars from one time to another (args[0] seconds later), once that is over.

    Inputs: high, low, session, start and close of the bar, first and last time. A session in which the first row of all
    begins after the first time has none: its part is not whole. State: begun, session, high, low, whether not whole.
    """
    high = work[io[0], at : at + n]
    low = work[io[1], at : at + n]
    session = work[io[2], at : at + n]
    start = work[io[3], at : at + n]
    close = work[io[4], at : at + n]
    since = work[io[5], at : at + n]
    until = work[io[6], at : at + n]
    top_out = work[io[7], at : at + n]
    bottom_out = work[io[8], at : at + n]
    longer = args[0]
    here = state[1]
    top = state[2]
    bottom = state[3]
    torn = state[4]
    if state[0] == 0.0 and n > 0:
        state[0] = 1.0
        here = session[0]
        top = -np.inf
        bottom = np.inf
        torn = 1.0 if start[0] > since[0] else 0.0
    i = 0
    while i < n:
        if session[i] != here:
            here = session[i]
            top = -np.inf
            bottom = np.inf
            torn = 0.0
        end = stretch_end(session, i)
        while i < end:
            k = min(i + _AT_ONCE, end)
            inside, over = _parts(start[i:k], close[i:k], since[i:k], until[i:k], longer)
            if inside == k - i and over == 0:
                if torn == 0.0:
                    top, bottom = _extremes(high[i:k], low[i:k], top, bottom, top_out[i:k], bottom_out[i:k])
                top_out[i:k] = np.nan
                bottom_out[i:k] = np.nan
            elif inside > 0 or 0 < over < k - i:
                for j in range(i, k):
                    if (start[j] >= since[j]) & (close[j] <= until[j] + longer) & (torn == 0.0):
                        top = high[j] if high[j] > top else top
                        bottom = low[j] if low[j] < bottom else bottom
                    is_known = (close[j] >= until[j] + longer) & (top > -np.inf) & (bottom < np.inf)
                    top_out[j] = top if is_known else np.nan
                    bottom_out[j] = bottom if is_known else np.nan
            else:
                is_known = (over > 0) & (top > -np.inf) & (bottom < np.inf)
                top_out[i:k] = top if is_known else np.nan
                bottom_out[i:k] = bottom if is_known else np.nan
            i = k
    state[1] = here
    state[2] = top
    state[3] = bottom
    state[4] = torn


@kernel(state=3)
def first_side(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """1 or -1 by the side on which a close of the session first left a range, 0 before; NaN where there is no range.

    Inputs: close, low and high of the range, session. State: begun, session, side.
    """
    x = work[io[0], at : at + n]
    low = work[io[1], at : at + n]
    high = work[io[2], at : at + n]
    session = work[io[3], at : at + n]
    out = work[io[4], at : at + n]
    here = state[1]
    side = state[2]
    if state[0] == 0.0 and n > 0:
        state[0] = 1.0
        here = session[0]
    for i in range(n):
        side = side if session[i] == here else 0.0
        here = session[i]
        now = (1.0 if x[i] > high[i] else 0.0) - (1.0 if x[i] < low[i] else 0.0)
        side = now if side == 0.0 else side
        out[i] = side if (high[i] == high[i]) & (x[i] == x[i]) else np.nan
    state[1] = here
    state[2] = side


@kernel(depth=1, state=5)
def stretch_range(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Wilder's mean of the true ranges of args[0] stretches, up to the one before.

    Inputs: high, low and close of the stretch before, key, high of the stretch so far. The first stretch has no close
    before it: high less low. One without a high is passed over. State: begun, key, stretches seen, mean, close before.
    """
    w = args[0]
    own = work[io[4], at - 1 : at - 1 + n]
    high = work[io[0], at : at + n]
    low = work[io[1], at : at + n]
    close = work[io[2], at : at + n]
    key = work[io[3], at : at + n]
    out = work[io[5], at : at + n]
    here = state[1]
    seen = state[2]
    mean = state[3]
    if state[0] == 0.0 and n > 0:
        state[0] = 1.0
        state[4] = np.nan
        here = key[0]
    for i in range(n):
        if key[i] != here:
            here = key[i]
            before = state[4]
            top = before if before > high[i] else high[i]
            bottom = before if before < low[i] else low[i]
            value = top - bottom
            if (value == value) & (own[i] == own[i]):
                seen += 1.0
                if seen < w:
                    mean += value
                elif seen == w:
                    mean = (mean + value) / w
                else:
                    mean += (value - mean) / w
            state[4] = close[i]
        out[i] = mean if seen >= w else np.nan
    state[1] = here
    state[2] = seen
    state[3] = mean


@kernel()
def covers(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """1 where a level lies between low and high, edges included, else 0; NaN if any is missing."""
    low = work[io[0], at : at + n]
    high = work[io[1], at : at + n]
    level = work[io[2], at : at + n]
    out = work[io[3], at : at + n]
    for i in range(n):
        is_in = 1.0 if (low[i] <= level[i]) & (level[i] <= high[i]) else 0.0
        is_known = (low[i] == low[i]) & (high[i] == high[i]) & (level[i] == level[i])
        out[i] = is_in if is_known else np.nan


@kernel(state=5, outputs=2, cost=1.4)
def before_week(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """High and low of the last session of the week before; with args[0] set, only in the first session of a week.

    Inputs: high and low of the session before, session, week. State: begun, week, its first session, high, low.
    """
    high = work[io[0], at : at + n]
    low = work[io[1], at : at + n]
    session = work[io[2], at : at + n]
    week = work[io[3], at : at + n]
    top_out = work[io[4], at : at + n]
    bottom_out = work[io[5], at : at + n]
    is_all = args[0] == 0.0
    here = state[1]
    first = state[2]
    top = state[3]
    bottom = state[4]
    if state[0] == 0.0 and n > 0:
        state[0] = 1.0
        here = np.nan
    for i in range(n):
        is_new = week[i] != here
        here = week[i]
        first = session[i] if is_new else first
        top = high[i] if is_new else top
        bottom = low[i] if is_new else bottom
        is_shown = is_all | (session[i] == first)
        top_out[i] = top if is_shown else np.nan
        bottom_out[i] = bottom if is_shown else np.nan
    state[1] = here
    state[2] = first
    state[3] = top
    state[4] = bottom


share_compiled(globals())
