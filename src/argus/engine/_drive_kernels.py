"""A compiled strategy and the engine in one loop: decide, judge, enter, walk on, without going back to Python.

`drive` looks how far the market stays quiet, asks the strategy about these rows, and enters what it wants at the row
where it wants it. A market order that stands alone is filled at the next open right here; whatever else comes is left
to the event loop.

Strategy and engine are called through pointers. So `drive` is compiled once for all strategies, and neither of the two
is compiled into it a second time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.engine._account_kernels import at_market_lots
from argus.engine._answer_kernels import act, units_of
from argus.engine._coast_kernels import is_linear, move_to, quiet_far, quiet_stop
from argus.engine._kernels import has_room
from argus.engine._lane_kernels import barrier_of, close_quietly, fill_at_open, heard_all, in_lane, stand_after
from argus.engine._layout import (
    AHEAD,
    D_COUNT,
    D_DECISIONS,
    D_FAULT,
    D_FIRST_NS,
    D_PENDING,
    D_REFUSALS,
    D_ROW,
    GROW,
    INT64_MAX,
    O_UNITS,
    ORDERS_PER_ROW,
    P_HELD,
    P_LIVING,
    P_PENDING,
    S_ACTIVE,
    S_AHEAD,
    S_AHEAD_END,
    S_ORDERS,
    W_COUNT,
    WAKE,
    WRONG_ANSWER,
)
from argus.engine._prefetch_kernels import prefetch

REACH_MIN, REACH_MAX = 64, 2048
"""Quiet rows that are looked for at once: few after an order, for another may follow soon; then more and more."""
ASKED_MAX = 256
"""Rows of whose instants the cache is told beforehand: after an order, not in a long quiet stretch."""
PER_LINE = 8
"""Numbers that come into the cache together."""


def make_scan(decide, width, makes_arrays):  # type: ignore[no-untyped-def]
    """The loop that asks `decide` row after row until it wants something; compiled anew for each strategy.

    `width` is the number of its columns; `makes_arrays` says whether the decision makes arrays of its own, which then
    must be counted at every row. Within `decide` bounds are checked, for what it is given ends at the
    present, and a division by zero raises as it does in Python.
    """
    options: Any = {"_nrt": makes_arrays}
    asked = decide
    if not hasattr(decide, "py_func"):
        asked = njit(cache=False, boundscheck=True, error_model="python", **options)(decide)

    @njit(cache=False, error_model="numpy", nogil=True, **options)
    def scan(first, stop, columns, pick, parameters, memory, position, now, out, state):  # type: ignore[no-untyped-def]
        row = first
        while row < stop:
            # Unsigned indices: one that could be negative costs a test at every access.
            state[D_ROW] = row
            for j in range(width):
                now[j] = columns[np.uintp(pick[j]), np.uintp(row)]
            count = np.int64(asked(now, parameters, memory, position, out))
            if count != 0:
                state[D_COUNT] = count
                return row
            row += 1
        return stop

    return scan


@njit(cache=True, error_model="numpy")
def follow_targets(now, parameters, memory, position, out):  # type: ignore[no-untyped-def]
    """The decision of an array strategy: its column says the wanted units; NaN leaves things as they are."""
    if np.isnan(now[0]):
        return 0
    out[0, O_UNITS] = now[0]
    return 1


@njit(cache=True, error_model="numpy")
def look(limits, inst, state, active, orders, position):  # type: ignore[no-untyped-def]
    """What the strategy may know of its position."""
    position[P_HELD] = units_of(inst[0]["position"], limits)
    position[P_PENDING] = 0.0
    living = 0
    if inst[0]["working"] > 0:
        position[P_PENDING] = units_of(at_market_lots(0, active, state[S_ACTIVE], orders), limits)
        for j in range(state[S_ACTIVE]):
            living += 1 if orders[active[j]]["decision_id"] >= 0 else 0
    position[P_LIVING] = living


@njit(cache=True, error_model="numpy", forceinline=True)
def has_room_to_act(ds, state, active, orders, refusals, decisions):  # type: ignore[no-untyped-def]
    """Whether every table can take what the answer in hand may add."""
    more = ORDERS_PER_ROW * ds[D_PENDING]
    return (
        state[S_ORDERS] + more <= len(orders)
        and state[S_ACTIVE] + more <= len(active)
        and ds[D_REFUSALS] + more <= len(refusals)
        and ds[D_DECISIONS] < len(decisions)
    )


@njit(cache=True, error_model="numpy", forceinline=True)
def takes_count(ds, out):  # type: ignore[no-untyped-def]
    """Take the number of rows that the strategy answered with; False if there cannot be so many."""
    count = ds[D_COUNT]
    if count < 0 or count > len(out):
        ds[D_FAULT] = W_COUNT
        return False
    ds[D_PENDING] = count
    return True


@njit(cache=True, error_model="numpy", forceinline=True)
def ask_for_next(row, ts_event, ts_recv, open_, volume):  # type: ignore[no-untyped-def]
    """An order will meet the bar `row`: let its cells come while the order is entered."""
    if row < len(ts_event):
        prefetch(ts_event, row)
        prefetch(ts_recv, row)
        prefetch(open_, row)
        prefetch(volume, row)


@njit(cache=True, error_model="numpy", forceinline=True)
def ask_for_instants(first, stop, ts_recv, marks):  # type: ignore[no-untyped-def]
    """The strategy may decide at any of these rows: let the instant and the mark of each come meanwhile."""
    for row in range(first, stop, PER_LINE):
        prefetch(ts_recv, row)
        prefetch(marks, row)


@njit(cache=True, error_model="numpy", forceinline=True)
def ask_for_barrier(row, ts_event, ts_close, ts_recv, volume, session, session_end):  # type: ignore[no-untyped-def]
    """The event loop will pass the bar `row`: let its cells come meanwhile."""
    if row < len(ts_event):
        prefetch(ts_event, row)
        prefetch(ts_close, row)
        prefetch(ts_recv, row)
        prefetch(volume, row)
        prefetch(session, row)
        prefetch(session_end, row)


@njit(cache=True, error_model="numpy", nogil=True)
def drive(  # type: ignore[no-untyped-def]
    scan,
    advance,
    columns,
    pick,
    parameters,
    memory,
    position,
    now,
    out,
    limits,
    latencies,
    streams,
    told,
    refusals,
    decisions,
    keys,
    ds,
    known_close,
    bands,
    mark_bands,
    par,
    inst,
    state,
    rates,
    ts_event,
    ts_close,
    ts_recv,
    open_,
    high,
    low,
    close,
    volume,
    session,
    session_end,
    marks,
    special,
    active,
    orders,
    fills,
    journal,
    eq_ts,
    eq_micros,
    cash_steps,
    events,
    spread,
    impact,
    known_end,
    eq_session,
    due,
    quotes,
):
    """Replay a compiled strategy on one instrument to the end of the data, or until a table must grow.

    Returns what `advance` returns, or WRONG_ANSWER. ``advance`` and ``scan`` are pointers.
    """
    owed = 0  # rows that are passed, and at which the strategy is still to be asked
    reach, expected = REACH_MIN, -1
    while True:
        if ds[D_PENDING] > 0:
            if not has_room_to_act(ds, state, active, orders, refusals, decisions):
                return GROW
            if not act(
                out, limits, latencies, streams, par, inst, state, rates, known_close, events, active, orders, told,
                refusals, decisions, keys, ds,
            ):  # fmt: skip
                return WRONG_ANSWER
            reach = REACH_MIN
        first = inst[0]["market_row"]
        stop = first
        if in_lane(par, inst, state):
            barrier = barrier_of(first, state, special)
            is_passable = first < barrier
            if barrier != expected:
                expected = barrier
                ask_for_barrier(barrier, ts_event, ts_close, ts_recv, volume, session, session_end)
            if (
                is_passable
                and owed == 0
                and state[S_ACTIVE] == 1
                and has_room(state, inst, active, orders, fills, journal, eq_micros)
                and fill_at_open(
                    first, ts_event[first], open_[first], volume[first],
                    spread[first] if len(spread) > 0 else 0, impact[first] if len(impact) > 0 else 0.0, par, inst,
                    state, active, orders, fills, journal, rates,
                )
            ):  # fmt: skip
                is_passable = close_quietly(
                    first, marks[first], ts_recv[first], par, inst, state, rates, eq_micros, cash_steps
                )
                if is_passable:
                    owed = 1
                    first += 1
                    stop = first
            if is_passable and first < barrier and is_linear(par, inst):
                stop = min(barrier, first + reach)
                if len(bands) > 0:
                    stop = quiet_far(first, stop, par, inst, state, low, high, marks, active, orders, bands, mark_bands)
                else:
                    stop = quiet_stop(first, stop, par, inst, state, low, high, marks, active, orders, eq_micros)
        if first - owed < stop:
            look(limits, inst, state, active, orders, position)
            if ds[D_FIRST_NS] == INT64_MAX:
                ds[D_FIRST_NS] = ts_recv[first - owed]
            if stop - first <= ASKED_MAX:
                ask_for_instants(first, stop, ts_recv, marks)
            row = scan(first - owed, stop, columns, pick, parameters, memory, position, now, out, ds)
            owed = 0
            if row < stop:
                ask_for_next(row + 1, ts_event, ts_recv, open_, volume)
            if min(row + 1, stop) > first:
                stand_after(first, min(row + 1, stop), par, inst, state, rates, ts_recv, marks, eq_micros, cash_steps)
            if row < stop:
                if not takes_count(ds, out):
                    return WRONG_ANSWER
                continue
            if stop > first:
                reach = min(2 * reach, REACH_MAX)
                continue
        why = advance(
            par, inst, state, rates, ts_event, ts_close, ts_recv, open_, high, low, close, volume, session, session_end,
            marks, special, active, orders, fills, journal, eq_ts, eq_micros, cash_steps, events, spread, impact,
            known_end, eq_session, due, quotes,
        )  # fmt: skip
        if why == AHEAD:
            first, stop = state[S_AHEAD], state[S_AHEAD_END]
        elif why == WAKE:
            stop = inst[0]["recv_row"]
            first = stop - 1
            heard_all(inst, state)
            if in_lane(par, inst, state):
                owed = 1
                continue
        else:
            return why
        if ds[D_FIRST_NS] == INT64_MAX:
            ds[D_FIRST_NS] = ts_recv[first]
        look(limits, inst, state, active, orders, position)
        row = scan(first, stop, columns, pick, parameters, memory, position, now, out, ds)
        if row < stop:
            if why == AHEAD and row + 1 < stop:
                move_to(row, par, inst, state, rates, ts_recv, marks)
            if not takes_count(ds, out):
                return WRONG_ANSWER


share_compiled(globals())
