"""The loop that carries out a plan: every kernel over the new rows, results handed out, history kept.

`advance` is the whole of it, for a piece of thousands of rows as for a single one. Kernels stand behind addresses, so
that a new feature compiles its own kernel and nothing else.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.features._emission_kernels import element, emit
from argus.features._form_kernels import call_kernel, lent

__all__ = ["advance", "gather", "load", "put_row", "slide", "spread_out"]


@njit(cache=True, error_model="numpy", nogil=True)
def advance(work, at, n, row, addresses, io, io_at, args, args_at, state, state_at, emit_at, emits, out, out_row):  # type: ignore[no-untyped-def]
    """Rows `at` to ``at + n`` of every column, and of `out` (results by row of `emits`: column, place in `out`).

    ``emit_at[k]`` to ``emit_at[k + 1]`` are the results that are ready before call `k`. What is infinite or too large
    for float32 goes out as NaN.
    """
    work, out = lent(work), lent(out)
    calls = len(addresses)
    for k in range(calls + 1):
        for e in range(emit_at[k], emit_at[k + 1]):
            emit(work[emits[e, 0], at : at + n], out[emits[e, 1], out_row : out_row + n])
        if k < calls:
            call_kernel(addresses[k], work, at, n, row, io, io_at, args, args_at, state, state_at, k)


@njit(cache=True, error_model="numpy", nogil=True)
def put_row(work, at, columns, row):  # type: ignore[no-untyped-def]
    """Put one row in its columns."""
    for j in range(len(columns)):
        work[columns[j], at] = row[j]


@njit(cache=True, error_model="numpy", nogil=True)
def load(work, at, n, columns, addresses, kinds, first):  # type: ignore[no-untyped-def]
    """Rows `first` to ``first + n`` of arrays elsewhere in memory, as float64 into columns of `work`.

    `kinds`: 0 float64, 1 int32, 2 int64, 3 one byte of truth.
    """
    for j in range(len(columns)):
        target = work[columns[j], at : at + n]
        address = addresses[j]
        if kinds[j] == 0:
            for i in range(n):
                target[i] = element(address, np.float64, first + i)
        elif kinds[j] == 1:
            for i in range(n):
                target[i] = element(address, np.int32, first + i)
        elif kinds[j] == 2:
            for i in range(n):
                target[i] = element(address, np.int64, first + i)
        else:
            for i in range(n):
                target[i] = element(address, np.uint8, first + i)


@njit(cache=True, error_model="numpy", nogil=True)
def slide(work, deep, end, start):  # type: ignore[no-untyped-def]
    """Move the history before `end` to before `start`; rows of `deep` are a column and how far it is read back."""
    for j in range(len(deep)):
        column = work[deep[j, 0]]
        depth = deep[j, 1]
        source = column[end - depth : end]
        target = column[start - depth : start]
        for i in range(depth):
            target[i] = source[i]


@njit(cache=True, error_model="numpy", nogil=True)
def gather(work, at, n, columns, rules, clock, seconds, carried, coarse, closed, held, targets):  # type: ignore[no-untyped-def]
    """Sum up rows of `work` into bars of a coarser clock; where none was closed, what is held goes to its columns.

    Parameters
    ----------
    columns : (c,) int64
        Columns summed up; the first four are start, close, session and session end, which rule the clock.
    rules : (c,) int64
        How each is summed up: 0 last known, 1 first known, 2 largest, 3 smallest, 4 sum, 5 last, known or not.
    clock, seconds : int
        0 a session that reaches its close, 1 any session, 2 multiples of `seconds`, cut at sessions.
    carried : (3 + c,) float64
        The open bar: whether there is one, its slot, its session, its values.
    coarse : (c, at least 2 n) float64
        Bars that were closed.
    closed : (n,) int64
        How many were closed up to and including each row.
    held, targets : (h,) float64, (h,) int64
        Values of the coarse bar closed last, and their columns in `work`.

    Returns
    -------
    int
        Bars closed; -1 if a row is longer than a coarse bar.
    """
    start = work[columns[0], at : at + n]
    close = work[columns[1], at : at + n]
    session = work[columns[2], at : at + n]
    session_end = work[columns[3], at : at + n]
    if clock == 2:
        for i in range(n):
            if close[i] - start[i] > seconds:
                return -1
    found = 0
    first = 0
    while first < n:
        slot = np.floor(start[first] / seconds) if clock == 2 else session[first]
        if carried[0] > 0.0 and (slot != carried[1] or session[first] != carried[2]):
            if clock != 0:
                for j in range(len(columns)):
                    coarse[j, found] = carried[3 + j]
                found += 1
            carried[0] = 0.0
        carried[1] = slot
        carried[2] = session[first]
        ends = (slot + 1.0) * seconds if clock == 2 else np.inf
        last = _last_of_bar(start, close, session, session_end, first, ends)
        for j in range(len(columns)):
            _sum_up(work[columns[j], at + first : at + last + 1], rules[j], carried[0] > 0.0, carried, 3 + j)
        carried[0] = 1.0
        for i in range(first, last):
            closed[i] = found
        if session_end[last] > 0.0 or close[last] >= ends:
            for j in range(len(columns)):
                coarse[j, found] = carried[3 + j]
            found += 1
            carried[0] = 0.0
        closed[last] = found
        first = last + 1
    if found == 0:
        for j in range(len(targets)):
            target = work[targets[j], at : at + n]
            for i in range(n):
                target[i] = held[j]
    return found


@njit(cache=True, error_model="numpy", nogil=True)
def _last_of_bar(start, close, session, session_end, first, ends):  # type: ignore[no-untyped-def]
    """Last row of the coarse bar that row `first` lies in; `ends` is where the bar ends by the clock."""
    n = len(start)
    last = first
    while session_end[last] <= 0.0 and close[last] < ends:
        following = last + 1
        if following == n or session[following] != session[first] or start[following] >= ends:
            break
        last = following
    return last


@njit(cache=True, error_model="numpy", nogil=True)
def _sum_up(values, rule, is_begun, carried, place):  # type: ignore[no-untyped-def]
    """Take further values into what is carried of the open bar, by one of the rules of `gather`."""
    n = len(values)
    held = carried[place] if is_begun else np.nan
    if rule == 5:
        held = values[n - 1]
    elif rule == 0:
        k = n - 1
        while k > 0 and values[k] != values[k]:
            k -= 1
        held = values[k] if values[k] == values[k] else held
    elif rule == 1:
        k = 0
        while held != held and k < n:
            held = values[k]
            k += 1
    else:
        k = 0
        while held != held and k < n:
            held = values[k]
            k += 1
        # Comparisons with a missing value are false, so that it changes nothing.
        if rule == 2:
            for i in range(k, n):
                held = values[i] if values[i] > held else held
        elif rule == 3:
            for i in range(k, n):
                held = values[i] if values[i] < held else held
        else:
            for i in range(k, n):
                held += values[i] if values[i] == values[i] else 0.0
    carried[place] = held


@njit(cache=True, error_model="numpy", nogil=True)
def spread_out(values, closed, n, held, work, columns, at):  # type: ignore[no-untyped-def]
    """Write, for every row, the values of the coarse bar closed last; `held` are those from before, and after."""
    for j in range(len(columns)):
        target = work[columns[j], at : at + n]
        last = held[j]
        i = 0
        while i < n:
            # Rows up to the next close of a coarse bar hold the same value.
            count = closed[i]
            if count > 0:
                last = values[j, count - 1]
            while i < n and closed[i] == count:
                target[i] = last
                i += 1
        held[j] = last


share_compiled(globals())
