"""The loop that carries out a plan: rows in, every kernel over them, results handed out, history kept.

`advance` is the heart of it, for a piece of a thousand rows as for a single one; `feed` cuts many rows into pieces.
Kernels stand behind addresses, so that a new feature compiles its own kernel and nothing else.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.features._emission_kernels import element, emit
from argus.features._form_kernels import call_kernel, lent

__all__ = ["advance", "feed", "gather", "load", "put_row", "slide"]

_FEW = 64
"""Rows that are asked at once whether a session goes on through all of them."""


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
def feed(  # type: ignore[no-untyped-def]
    work, at, n, begin, piece, deep, columns, given, first, row, addresses, io, io_at, args, args_at, state, state_at,
    emit_at, emits, out, out_row,
):  # fmt: skip
    """Rows `first` to ``first + n`` of what `load` takes, in pieces, through `advance`; gives where the next row goes.

    The first row goes to `at`, and none beyond ``begin + piece``: before that the history moves to before `begin`.
    """
    done = 0
    while done < n:
        rows = min(piece, n - done)
        if at + rows > begin + piece:
            slide(work, deep, at, begin)
            at = begin
        load(work, at, rows, columns, given, first + done)
        advance(
            work, at, rows, row + done, addresses, io, io_at, args, args_at, state, state_at, emit_at, emits, out,
            out_row + done,
        )  # fmt: skip
        at += rows
        done += rows
    return at


@njit(cache=True, error_model="numpy", nogil=True)
def load(work, at, n, columns, given, first):  # type: ignore[no-untyped-def]
    """Rows `first` to ``first + n`` of arrays elsewhere in memory, as float64 into columns of `work`.

    `given` (4, columns): addresses; kinds: 0 float64, 1 int32, 2 int64, 3 one byte of truth, 4 int16, 5 stretches:
    float64 values, each of which holds up to the row that stands at its place of an int64 array; the address of that
    array; and the place of the current stretch, which moves on: rows are loaded in their order.
    """
    for j in range(len(columns)):
        target = work[columns[j], at : at + n]
        address = given[0, j]
        kind = given[1, j]
        if kind == 0:
            for i in range(n):
                target[i] = element(address, np.float64, first + i)
        elif kind == 1:
            for i in range(n):
                target[i] = element(address, np.int32, first + i)
        elif kind == 2:
            for i in range(n):
                target[i] = element(address, np.int64, first + i)
        elif kind == 3:
            for i in range(n):
                target[i] = element(address, np.uint8, first + i)
        elif kind == 4:
            for i in range(n):
                target[i] = element(address, np.int16, first + i)
        else:
            given[3, j] = _load_stretches(target, address, given[2, j], given[3, j], first)


@njit(cache=True, error_model="numpy", nogil=True)
def _load_stretches(target, address, ends, place, first):  # type: ignore[no-untyped-def]
    """A column of stretches from row `first` on, which lies in the stretch at a place or behind it; gives the last."""
    n = len(target)
    i = 0
    while True:
        last = min(element(ends, np.int64, place) - first, n)
        value = element(address, np.float64, place)
        for k in range(i, last):
            target[k] = value
        i = max(i, last)
        if i == n:
            return place
        place += 1


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
def gather(given, first, n, rules, clock, seconds, carried, coarse, closes):  # type: ignore[no-untyped-def]
    """Sum up rows `first` to ``first + n`` into bars of a coarser clock.

    Parameters
    ----------
    given : (4, c) int64
        Columns summed up, as `load` takes them; the first four are start, close, session and session end, which rule
        the clock.
    rules : (c,) int64
        How each is summed up: 0 last known, 1 first known, 2 largest, 3 smallest, 4 sum, 5 last, known or not.
    clock, seconds : int
        0 a session that reaches its close, 1 any session, 2 multiples of `seconds`, cut at sessions.
    carried : (3 + c,) float64
        The open bar: whether there is one, its slot, its session, its values.
    coarse : (c, at least 2 n) float64
        Bars that were closed.
    closes : (at least 2 n + 1,) int64
        For each of them the first row that knows it; then the row after the last one.

    Returns
    -------
    int
        Bars closed; -1 if a row is longer than a coarse bar, with its seconds then first in `carried`.
    """
    found = 0
    row = first
    while row < first + n:
        start = _value(given, 0, row)
        session = _value(given, 2, row)
        slot = np.floor(start / seconds) if clock == 2 else session
        if carried[0] > 0.0 and (slot != carried[1] or session != carried[2]):
            if clock != 0:
                found = _close_bar(carried, coarse, found, closes, row)
            carried[0] = 0.0
        carried[1] = slot
        carried[2] = session
        over = (slot + 1.0) * seconds if clock == 2 else np.inf
        last = _last_of_bar(given, row, first + n - 1, session, over, clock)
        if clock == 2:
            longest = _longest(given, row, last)
            if longest > seconds:
                carried[0] = longest
                return -1
        for j in range(len(rules)):
            carried[3 + j] = _summed_up(given, j, row, last, rules[j], carried[3 + j] if carried[0] > 0.0 else np.nan)
        carried[0] = 1.0
        is_over = clock == 2 and _value(given, 1, last) >= over
        if is_over or _value(given, 3, last) > 0.0:
            found = _close_bar(carried, coarse, found, closes, last)
            carried[0] = 0.0
        row = last + 1
    closes[found] = first + n
    return found


@njit(cache=True, error_model="numpy", nogil=True)
def _value(given, j, row):  # type: ignore[no-untyped-def]
    """A row of column `j`."""
    address = given[0, j]
    kind = given[1, j]
    if kind == 0:
        return element(address, np.float64, row)
    if kind == 1:
        return float(element(address, np.int32, row))
    if kind == 2:
        return float(element(address, np.int64, row))
    if kind == 3:
        return float(element(address, np.uint8, row))
    if kind == 4:
        return float(element(address, np.int16, row))
    while element(given[2, j], np.int64, given[3, j]) <= row:
        given[3, j] += 1
    # Where a bar ends is told from the row after it, which may lie in the next stretch.
    while given[3, j] > 0 and element(given[2, j], np.int64, given[3, j] - 1) > row:
        given[3, j] -= 1
    return element(address, np.float64, given[3, j])


@njit(cache=True, error_model="numpy", nogil=True)
def _close_bar(carried, coarse, found, closes, row):  # type: ignore[no-untyped-def]
    """Write down the open bar as the one after so many found, known from a row on; gives how many there are then."""
    for j in range(len(carried) - 3):
        coarse[j, found] = carried[3 + j]
    closes[found] = row
    return found + 1


@njit(cache=True, error_model="numpy", nogil=True)
def _longest(given, first, last):  # type: ignore[no-untyped-def]
    """Longest of the rows `first` to `last`, in seconds."""
    found = 0.0
    if (given[1, 0] == 0) & (given[1, 1] == 0):
        for k in range(first, last + 1):
            length = element(given[0, 1], np.float64, k) - element(given[0, 0], np.float64, k)
            found = length if length > found else found
    else:
        for k in range(first, last + 1):
            length = _value(given, 1, k) - _value(given, 0, k)
            found = length if length > found else found
    return found


@njit(cache=True, error_model="numpy", nogil=True)
def _last_of_bar(given, first, end, session, over, clock):  # type: ignore[no-untyped-def]
    """Last row, up to `end`, of the coarse bar of a session that row `first` lies in; `over` is where it ends."""
    last = first
    is_usual = (given[1, 0] == 0) & (given[1, 1] == 0) & (given[1, 2] == 1) & (given[1, 3] == 3)
    if is_usual and clock != 2:
        # A session is long: many rows are asked at once whether it ends at one of them.
        while last + _FEW <= end:
            ended = 0
            for i in range(_FEW):
                is_other = element(given[0, 2], np.int32, last + 1 + i) != np.int32(session)
                ended += 1 if is_other | (element(given[0, 3], np.uint8, last + i) != 0) else 0
            if ended > 0:
                break
            last += _FEW
    if is_usual:
        while last < end:
            ends_here = (element(given[0, 3], np.uint8, last) != 0) | (element(given[0, 1], np.float64, last) >= over)
            is_other = element(given[0, 2], np.int32, last + 1) != np.int32(session)
            if ends_here | is_other | (element(given[0, 0], np.float64, last + 1) >= over):
                break
            last += 1
        return last
    while last < end:
        ends_here = _value(given, 3, last) > 0.0
        if ends_here or _value(given, 1, last) >= over:
            break
        is_other = _value(given, 2, last + 1) != session
        if is_other or _value(given, 0, last + 1) >= over:
            break
        last += 1
    return last


@njit(cache=True, error_model="numpy", nogil=True)
def _summed_up(given, j, first, last, rule, held):  # type: ignore[no-untyped-def]
    """What is held of a column in the open bar, with rows `first` to `last` too, by one of the rules of `gather`."""
    if rule == 5:
        return _value(given, j, last)
    if given[1, j] == 0:
        return _floats_summed_up(given[0, j], first, last, rule, held)
    k = first
    while k <= last and not (rule == 1 and held == held):
        held = _with(held, _value(given, j, k), rule)
        # Of a stretch one row is as good as all, but for a sum.
        k = element(given[2, j], np.int64, given[3, j]) if (given[1, j] == 5) & (rule != 4) else k + 1
    return held


@njit(cache=True, error_model="numpy", nogil=True)
def _floats_summed_up(address, first, last, rule, held):  # type: ignore[no-untyped-def]
    """The same of numbers that stand side by side."""
    if rule == 0:
        for k in range(last, first - 1, -1):
            value = element(address, np.float64, k)
            if value == value:
                return value
    elif rule == 1:
        for k in range(first, last + 1):
            held = element(address, np.float64, k) if held != held else held
            if held == held:
                break
    else:
        for k in range(first, last + 1):
            held = _with(held, element(address, np.float64, k), rule)
    return held


@njit(cache=True, error_model="numpy", nogil=True)
def _with(held, value, rule):  # type: ignore[no-untyped-def]
    """What is held after one more value; a missing one changes nothing."""
    if held != held:
        return value
    if rule == 4:
        return held + (value if value == value else 0.0)
    is_taken = (rule == 0) & (value == value) | (rule == 2) & (value > held) | (rule == 3) & (value < held)
    return value if is_taken else held


share_compiled(globals())
