"""A compiled strategy and the engine in one loop: decide, judge, enter, walk on, without going back to Python.

`drive` asks the strategy about the rows ahead for as long as the market is likely to be quiet, lets the engine pass
them, and enters what the strategy wants at the row where it wants it. Where the engine met something on the way, the
answer is forgotten and the strategy is asked again.

Strategy and engine are called through pointers. So `drive` is compiled once for all strategies, and neither of the two
is compiled into it a second time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.engine._account_kernels import at_market_lots
from argus.engine._answer_kernels import (
    act,
    clear_answer,
    units_of,
)
from argus.engine._coast_kernels import move_to
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
    PHASE_OPEN,
    S_ACTIVE,
    S_AHEAD,
    S_AHEAD_END,
    S_ASLEEP_ROW,
    S_AWAKE_ROW,
    S_LIQUIDATING,
    S_ORDERS,
    S_PLAIN,
    S_SPECIAL,
    S_STRETCH,
    S_WAKE,
    STRETCH_MAX,
    W_COUNT,
    WAKE,
    WRONG_ANSWER,
)
from argus.engine._order_kernels import (
    SUBMITTED,
    TRAILING,
)


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
            for j in range(width):
                now[j] = columns[np.uintp(pick[j]), np.uintp(row)]
            state[D_ROW] = row
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


@njit(cache=True, error_model="numpy")
def forget_answer(remembered, memory, out):  # type: ignore[no-untyped-def]
    """Make as if the strategy had not been asked."""
    for slot in range(len(memory)):
        memory[slot] = remembered[slot]
    clear_answer(len(out), out)


@njit(cache=True, error_model="numpy")
def remember(memory, position, remembered):  # type: ignore[no-untyped-def]
    """Keep what the strategy remembers, and the position with which it is asked."""
    for slot in range(len(memory)):
        remembered[slot] = memory[slot]
    for slot in range(len(position)):
        remembered[len(memory) + slot] = position[slot]


@njit(cache=True, error_model="numpy")
def is_as_remembered(position, remembered):  # type: ignore[no-untyped-def]
    """Whether the position is the one with which the strategy was asked."""
    begin = len(remembered) - len(position)
    for slot in range(len(position)):
        if remembered[begin + slot] != position[slot]:
            return False
    return True


@njit(cache=True, error_model="numpy")
def speculative_stop(par, inst, state, special, active, orders):  # type: ignore[no-untyped-def]
    """Row up to which the next stretch will be quiet unless a price is reached; the present one if it cannot be.

    The strategy may be asked about these rows before the engine has passed them: should a price be reached there, what
    it remembers is put back, and it is asked again.
    """
    first = inst[0]["market_row"]
    if (
        state[S_PLAIN] == 0
        or par[0]["session_end_only"] == 1
        or inst[0]["market_phase"] != PHASE_OPEN
        or inst[0]["recv_row"] != first
        or state[S_WAKE] == 1
        or state[S_LIQUIDATING] > 0
        or not state[S_AWAKE_ROW] <= first < state[S_ASLEEP_ROW]
    ):
        return first
    for j in range(state[S_ACTIVE]):
        i = active[j]
        waits = orders[i]["state"] == SUBMITTED and orders[i]["ts_arrive_ns"] != INT64_MAX
        if waits or orders[i]["ts_cancel_ns"] != INT64_MAX or orders[i]["type"] == TRAILING:
            return first
    at = state[S_SPECIAL]
    while special[at] < first:
        at += 1
    return min(special[at], state[S_ASLEEP_ROW], first + STRETCH_MAX)


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
    remembered,
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
    eq_cash,
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
    while True:
        if ds[D_PENDING] > 0:
            more = ORDERS_PER_ROW * ds[D_PENDING]
            if (
                state[S_ORDERS] + more > len(orders)
                or state[S_ACTIVE] + more > len(active)
                or ds[D_REFUSALS] + more > len(refusals)
                or ds[D_DECISIONS] >= len(decisions)
            ):
                return GROW
            if not act(
                out, limits, latencies, streams, par, inst, state, rates, known_close, active, orders, told, refusals,
                decisions, keys, ds,
            ):  # fmt: skip
                return WRONG_ANSWER
        first = inst[0]["market_row"]
        stop = speculative_stop(par, inst, state, special, active, orders)
        row, asked = stop, stop > first
        state[S_STRETCH] = 1
        if asked:
            look(limits, inst, state, active, orders, position)
            remember(memory, position, remembered)
            try:
                row = scan(first, stop, columns, pick, parameters, memory, position, now, out, ds)
                state[S_STRETCH] = min(row + 1, stop) - first
            except Exception:  # noqa: BLE001 - it is asked again, and may raise, once the engine has come so far
                forget_answer(remembered, memory, out)
                asked = False
                state[S_STRETCH] = ds[D_ROW] + 1 - first
        why = advance(
            par, inst, state, rates, ts_event, ts_close, ts_recv, open_, high, low, close, volume, session, session_end,
            marks, special, active, orders, fills, journal, eq_ts, eq_micros, eq_cash, events, spread, impact,
            known_end, eq_session, due, quotes,
        )  # fmt: skip
        if why == AHEAD or why == WAKE:
            look(limits, inst, state, active, orders, position)
        if asked and not (
            why == AHEAD
            and state[S_AHEAD] == first
            and state[S_AHEAD_END] == min(row + 1, stop)
            and is_as_remembered(position, remembered)
        ):
            # Something came before the row at which it decided, or changed its position: it has not been asked yet.
            forget_answer(remembered, memory, out)
            asked = False
        if why == AHEAD:
            first, stop = state[S_AHEAD], state[S_AHEAD_END]
        elif why == WAKE:
            stop = inst[0]["recv_row"]
            first = stop - 1
        else:
            return why
        if ds[D_FIRST_NS] == INT64_MAX:
            ds[D_FIRST_NS] = ts_recv[first]
        if not asked:
            row = scan(first, stop, columns, pick, parameters, memory, position, now, out, ds)
        if row < stop:
            if why == AHEAD and row + 1 < stop:
                move_to(row, par, inst, state, rates, ts_recv, marks)
            count = ds[D_COUNT]
            if count < 0 or count > len(out):
                ds[D_FAULT] = W_COUNT
                return WRONG_ANSWER
            ds[D_PENDING] = count


share_compiled(globals())
