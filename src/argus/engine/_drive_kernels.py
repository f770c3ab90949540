"""A compiled strategy and the engine in one loop: decide, judge, enter, walk on, without going back to Python.

`drive` lets the engine pass a quiet stretch, asks the strategy about each of its rows, takes the engine back to the row
at which it wants something, and enters what it wants. Sizes, limits and refusals are those of the road in Python
(`argus.portfolio`), so that one idea gives the same orders in either form; tests hold that.

Strategy and engine are called through pointers. So `drive` is compiled once for all strategies, and neither of the two
is compiled into it a second time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from argus.core._random_kernels import random_uniform
from argus.core._sharing_kernels import share_compiled
from argus.engine._account_kernels import as_known, at_market_lots
from argus.engine._coast_kernels import move_to
from argus.engine._layout import (
    AHEAD,
    D_COUNT,
    D_DECISIONS,
    D_FAULT,
    D_FAULT_ROW,
    D_FIRST_NS,
    D_PENDING,
    D_REFUSALS,
    D_ROW,
    F_CASH,
    F_CASH_AFTER,
    F_DECISION,
    F_EQUITY,
    F_HELD,
    F_LIMIT,
    F_LOTS,
    F_MARGIN,
    F_PENDING,
    F_TS,
    GRID_TOLERANCE,
    GROW,
    INT64_MAX,
    K_CANCEL,
    K_TARGET,
    K_TARGET_ON_CLOSE,
    K_TARGET_ON_OPEN,
    L_CHECK_CASH,
    L_CHECK_MARGIN,
    L_LATENCY_NS,
    L_LOT_DEN,
    L_LOT_NUM,
    L_ORDER_LOTS_MAX,
    L_POSITION_LOTS_MAX,
    NOT_REFUSED,
    O_EXIT_STOP,
    O_EXIT_TARGET,
    O_EXIT_TRAIL,
    O_KEY,
    O_KIND,
    O_LIMIT,
    O_REDUCE_ONLY,
    O_STOP,
    O_TIF,
    O_TRAIL,
    O_UNITS,
    ORDER_MAX,
    ORDERS_PER_ROW,
    OUT_OF_CASH,
    OVER_MARGIN,
    P_HELD,
    P_LIVING,
    P_PENDING,
    PARENT_REFUSED,
    PHASE_OPEN,
    POSITION_MAX,
    S_ACTIVE,
    S_AHEAD,
    S_AHEAD_END,
    S_ASLEEP_ROW,
    S_AWAKE_ROW,
    S_CASH,
    S_CLOSED,
    S_HALT,
    S_LIQUIDATING,
    S_ORDERS,
    S_PLAIN,
    S_SPECIAL,
    S_STRETCH,
    S_TS,
    S_WAKE,
    SHORT,
    STRETCH_MAX,
    W_AT_ONCE,
    W_COUNT,
    W_KIND,
    W_NO_UNITS,
    W_PRICE,
    W_PRICE_MISSING,
    W_PRICE_OFF_TICK,
    W_PRICE_TOO_LARGE,
    W_PRICE_UNWANTED,
    W_TIF,
    W_TRAIL,
    W_TWO_STOPS,
    W_UNITS,
    W_UNITS_OFF_LOT,
    W_UNITS_TOO_LARGE,
    WAKE,
    WRONG_ANSWER,
)
from argus.engine._order_kernels import (
    DAY,
    FOK,
    GTC,
    GTD,
    IOC,
    LIMIT,
    LIMIT_ON_CLOSE,
    LIMIT_ON_OPEN,
    MARKET,
    ON_CLOSE,
    ON_OPEN,
    PARTIAL,
    R_BY_STRATEGY,
    R_CONTRACT_EXPIRED,
    R_LIQUIDATION,
    R_PARENT_DONE,
    REJECTED,
    STOP,
    STOP_LIMIT,
    SUBMITTED,
    TRAILING,
    enter,
)

R_ACCOUNT_CLOSED, R_NO_SUCH_PRICE = 9, 10
COUNT_MAX = 2.0**53
"""Lots and ticks beyond this are not exact as floats."""
NO_PRICE = np.int64(0)


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
def clear_answer(count, out):  # type: ignore[no-untyped-def]
    """Make the first rows of an answer blank again."""
    for i in range(count):
        for j in range(out.shape[1]):
            out[i, j] = np.nan
        out[i, O_KIND] = K_TARGET
        out[i, O_TIF] = DAY
        out[i, O_REDUCE_ONLY] = 0.0
        out[i, O_KEY] = 0.0


@njit(cache=True, error_model="numpy")
def units_of(lots, limits):  # type: ignore[no-untyped-def]
    """Units in a number of lots, rounded once."""
    return float(lots * limits[L_LOT_NUM]) / float(limits[L_LOT_DEN])


@njit(cache=True, error_model="numpy")
def lots_toward_zero(units, limits):  # type: ignore[no-untyped-def]
    """Whole lots in a number of units; 0.3 units of lot 0.1 are three."""
    lots = np.int64(np.rint(units * float(limits[L_LOT_DEN]) / float(limits[L_LOT_NUM])))
    if abs(units_of(lots, limits)) > abs(units):
        lots -= 1 if lots > 0 else -1
    return lots


@njit(cache=True, error_model="numpy")
def check_units(units, exact, limits):  # type: ignore[no-untyped-def]
    """Fault of a number of units, or 0."""
    if np.isnan(units) or np.isinf(units):
        return W_UNITS
    if abs(units) * float(limits[L_LOT_DEN]) / float(limits[L_LOT_NUM]) >= COUNT_MAX:
        return W_UNITS_TOO_LARGE
    if exact and units == 0.0:
        return W_NO_UNITS
    if exact and units_of(lots_toward_zero(units, limits), limits) != units:
        return W_UNITS_OFF_LOT
    return 0


@njit(cache=True, error_model="numpy")
def check_price(price, is_wanted, tick):  # type: ignore[no-untyped-def]
    """Fault of a price, or 0; NaN where there should be none."""
    if np.isnan(price):
        return W_PRICE_MISSING if is_wanted else 0
    if not is_wanted:
        return W_PRICE_UNWANTED
    x = price / tick
    if np.isinf(x):
        return W_PRICE
    if abs(x) >= COUNT_MAX:
        return W_PRICE_TOO_LARGE
    return 0 if abs(x - np.rint(x)) <= GRID_TOLERANCE else W_PRICE_OFF_TICK


@njit(cache=True, error_model="numpy")
def fault_of(row, limits, tick):  # type: ignore[no-untyped-def]
    """What is wrong with a row of an answer, or 0."""
    kind = row[O_KIND]
    is_target = kind == K_TARGET or kind == K_TARGET_ON_OPEN or kind == K_TARGET_ON_CLOSE
    if kind == K_CANCEL:
        return 0
    if not is_target and not (MARKET <= kind <= LIMIT_ON_CLOSE and kind == np.rint(kind)):
        return W_KIND
    fault = check_units(row[O_UNITS], not is_target, limits)
    limited = kind == LIMIT or kind == STOP_LIMIT or kind == LIMIT_ON_OPEN or kind == LIMIT_ON_CLOSE
    for price, is_wanted in (
        (row[O_LIMIT], limited),
        (row[O_STOP], kind == STOP or kind == STOP_LIMIT),
        (row[O_TRAIL], kind == TRAILING),
        (row[O_EXIT_STOP], not np.isnan(row[O_EXIT_STOP]) and not is_target),
        (row[O_EXIT_TARGET], not np.isnan(row[O_EXIT_TARGET]) and not is_target),
        (row[O_EXIT_TRAIL], not np.isnan(row[O_EXIT_TRAIL]) and not is_target),
    ):
        if fault == 0:
            fault = check_price(price, is_wanted, tick)
    if fault != 0:
        return fault
    if row[O_TRAIL] <= 0.0 or row[O_EXIT_TRAIL] <= 0.0:
        return W_TRAIL
    if not np.isnan(row[O_EXIT_STOP]) and not np.isnan(row[O_EXIT_TRAIL]):
        return W_TWO_STOPS
    tif = row[O_TIF]
    if not (DAY <= tif <= FOK and tif == np.rint(tif)) or tif == GTD:
        return W_TIF
    if (tif == IOC or tif == FOK) and not (kind == MARKET or kind == LIMIT):
        return W_AT_ONCE
    return 0


@njit(cache=True, error_model="numpy")
def ticks_or_none(price, tick):  # type: ignore[no-untyped-def]
    """A checked price in ticks, 0 for none."""
    if np.isnan(price):
        return NO_PRICE
    return np.int64(np.rint(price / tick))


@njit(cache=True, error_model="numpy")
def limit_that_stops(signed_lots, reduces, limits, par, inst, state, rates, close, active, orders, told):  # type: ignore[no-untyped-def]
    """Code of the limit that an order breaks, or 0; what the account looked like is written to `told`.

    As `portfolio.risk` judges: an order that may only reduce, or that brings the position (what is on its way included)
    nearer to zero, always passes.
    """
    held = inst[0]["position"]
    pending = at_market_lots(0, active, state[S_ACTIVE], orders)
    before = held + pending
    after = before + signed_lots
    if reduces == 1 or (abs(after) <= abs(before) and after * before >= 0):
        return NOT_REFUSED
    told[F_LOTS], told[F_HELD], told[F_PENDING] = signed_lots, held, pending
    if abs(signed_lots) > limits[L_ORDER_LOTS_MAX]:
        return ORDER_MAX
    if abs(after) > limits[L_POSITION_LOTS_MAX]:
        return POSITION_MAX
    if limits[L_CHECK_CASH] == 0 and limits[L_CHECK_MARGIN] == 0:
        return NOT_REFUSED
    margin, cash, equity = as_known(0, signed_lots + pending, par, inst, state, rates, close)
    told[F_MARGIN], told[F_CASH_AFTER], told[F_EQUITY], told[F_CASH] = margin, cash, equity, state[S_CASH]
    if limits[L_CHECK_CASH] == 1:
        if after < 0:
            return SHORT
        if cash < 0:
            return OUT_OF_CASH
    if limits[L_CHECK_MARGIN] == 1 and margin > equity:
        return OVER_MARGIN
    return NOT_REFUSED


@njit(cache=True, error_model="numpy")
def refused_when_sent(kind, lots, reduce_only, parent, par, inst, state, orders):  # type: ignore[no-untyped-def]
    """Reason why an order is rejected at once, or 0."""
    if state[S_CLOSED] == 1:
        return R_ACCOUNT_CLOSED
    if state[S_LIQUIDATING] > 0:
        return R_LIQUIDATION
    if inst[0]["expired"] == 1:
        return R_CONTRACT_EXPIRED
    held = inst[0]["position"]
    lessens = held * lots < 0 and abs(lots) <= abs(held)
    if state[S_HALT] != 0 and reduce_only == 0 and not lessens:
        return state[S_HALT]
    if par[0]["has_open"] == 0 and kind != ON_CLOSE and kind != LIMIT_ON_CLOSE:
        return R_NO_SUCH_PRICE
    if parent >= 0 and orders[parent]["state"] > PARTIAL and orders[parent]["filled_lots"] == 0:
        return R_PARENT_DONE
    return 0


@njit(cache=True, error_model="numpy")
def latency_of(order, stream, limits, latencies, streams):  # type: ignore[no-untyped-def]
    """From a decision to its arrival: fixed, or drawn for this order."""
    if len(latencies) == 0:
        return limits[L_LATENCY_NS]
    return latencies[np.int64(random_uniform(streams[stream], order) * len(latencies))]


@njit(cache=True, error_model="numpy")
def send(  # type: ignore[no-untyped-def]
    kind, tif, lots, limit, stop, trail, reduce_only, parent, key, limits, latencies, streams, par, inst, state, active,
    orders, decision, keys,
):  # fmt: skip
    """Enter an order for signed `lots` that the limits let through; returns its id."""
    i = state[S_ORDERS]
    reason = refused_when_sent(kind, lots, reduce_only, parent, par, inst, state, orders)
    now = state[S_TS]
    one_session = kind == ON_OPEN or kind == ON_CLOSE or kind == LIMIT_ON_OPEN or kind == LIMIT_ON_CLOSE
    side = 1 if lots > 0 else -1
    ready = now + latency_of(i, 0, limits, latencies, streams)
    enter(0, side, kind, DAY if one_session else tif, abs(lots), now, ready, decision, inst, state, active, orders)
    orders[i]["limit_ticks"] = limit
    orders[i]["stop_ticks"] = stop
    orders[i]["trail_ticks"] = trail
    orders[i]["reduce_only"] = reduce_only
    orders[i]["parent_id"] = parent
    if parent >= 0:
        orders[i]["ts_arrive_ns"] = INT64_MAX
    keys[i] = key
    if reason != 0:
        orders[i]["state"] = REJECTED
        orders[i]["reason"] = reason
        orders[i]["ts_done_ns"] = now
        state[S_ACTIVE] -= 1
        inst[0]["working"] -= 1
    return i


@njit(cache=True, error_model="numpy")
def note_refusal(limit, lots, told, refusals, ds, state):  # type: ignore[no-untyped-def]
    """Write down an order that goes no further."""
    n = ds[D_REFUSALS]
    for j in range(len(told)):
        refusals[n, j] = told[j]
    refusals[n, F_DECISION] = ds[D_DECISIONS]
    refusals[n, F_TS] = state[S_TS]
    refusals[n, F_LIMIT] = limit
    refusals[n, F_LOTS] = lots
    ds[D_REFUSALS] = n + 1


@njit(cache=True, error_model="numpy")
def cancel_key(key, limits, latencies, streams, state, active, orders, keys):  # type: ignore[no-untyped-def]
    """Ask for the end of every living order sent under `key`, 0 for all of the strategy."""
    for j in range(state[S_ACTIVE]):
        i = active[j]
        mine = orders[i]["decision_id"] >= 0 and (key == 0 or keys[i] == key)
        if mine and orders[i]["state"] <= PARTIAL and orders[i]["ts_cancel_ns"] == INT64_MAX:
            orders[i]["ts_cancel_ns"] = state[S_TS] + latency_of(i, 1, limits, latencies, streams)
            orders[i]["reason"] = R_BY_STRATEGY


@njit(cache=True, error_model="numpy")
def act_on(row, limits, latencies, streams, par, inst, state, rates, close, active, orders, told, refusals, keys, ds):  # type: ignore[no-untyped-def]
    """Enter what one checked row of an answer asks for."""
    kind: Any = np.int64(row[O_KIND])
    tif: Any = np.int64(row[O_TIF])
    key, tick = np.int64(row[O_KEY]), par[0]["tick"]
    if kind == K_CANCEL:
        cancel_key(key, limits, latencies, streams, state, active, orders, keys)
        return
    lots = lots_toward_zero(row[O_UNITS], limits)
    if kind >= K_TARGET:
        lots -= inst[0]["position"] + at_market_lots(0, active, state[S_ACTIVE], orders)
        if lots == 0:
            return
        tif = DAY
        kind = MARKET if kind == K_TARGET else ON_OPEN if kind == K_TARGET_ON_OPEN else ON_CLOSE
    exit_stop, exit_target = ticks_or_none(row[O_EXIT_STOP], tick), ticks_or_none(row[O_EXIT_TARGET], tick)
    parent, group = np.int64(-1), np.int64(-1)
    for part in range(ORDERS_PER_ROW):
        limit, stop, trail = NO_PRICE, NO_PRICE, NO_PRICE
        if part == 0:
            limit, stop = ticks_or_none(row[O_LIMIT], tick), ticks_or_none(row[O_STOP], tick)
            trail = ticks_or_none(row[O_TRAIL], tick)
        elif part == 1:
            if np.isnan(row[O_EXIT_STOP]) and np.isnan(row[O_EXIT_TRAIL]):
                continue
            kind = TRAILING if np.isnan(row[O_EXIT_STOP]) else STOP
            stop, trail = exit_stop, ticks_or_none(row[O_EXIT_TRAIL], tick)
        else:
            if np.isnan(row[O_EXIT_TARGET]):
                continue
            kind, limit = LIMIT, exit_target
        signed = lots if part == 0 else -lots
        if part > 0 and parent < 0:
            note_refusal(PARENT_REFUSED, signed, told, refusals, ds, state)
            continue
        reduces = np.int64(1) if part > 0 or row[O_REDUCE_ONLY] != 0.0 else np.int64(0)
        stopped = limit_that_stops(signed, reduces, limits, par, inst, state, rates, close, active, orders, told)
        if stopped != NOT_REFUSED:
            note_refusal(stopped, signed, told, refusals, ds, state)
            continue
        sent = send(
            kind, tif if part == 0 else GTC, signed, limit, stop, trail, reduces, parent, key, limits, latencies,
            streams, par, inst, state, active, orders, ds[D_DECISIONS], keys,
        )  # fmt: skip
        if part == 0:
            parent = sent
        else:
            group = sent if group < 0 else group
            orders[sent]["oco_group"] = group


@njit(cache=True, error_model="numpy")
def act(  # type: ignore[no-untyped-def]
    out, limits, latencies, streams, par, inst, state, rates, close, active, orders, told, refusals, decisions, keys, ds
):
    """Enter the answer in hand; False if something is wrong with it."""
    count = ds[D_PENDING]
    for i in range(count):
        fault = fault_of(out[i], limits, par[0]["tick"])
        if fault != 0:
            ds[D_FAULT], ds[D_FAULT_ROW] = fault, i
            return False
    orders_before, refusals_before = state[S_ORDERS], ds[D_REFUSALS]
    for i in range(count):
        act_on(
            out[i], limits, latencies, streams, par, inst, state, rates, close, active, orders, told, refusals, keys, ds
        )
    entered = state[S_ORDERS] - orders_before
    if entered > 0 or ds[D_REFUSALS] > refusals_before:
        n = ds[D_DECISIONS]
        decisions[n]["ts_ns"] = state[S_TS]
        decisions[n]["kind"] = 0
        decisions[n]["order_count"] = entered
        ds[D_DECISIONS] = n + 1
    clear_answer(count, out)
    ds[D_PENDING] = 0
    return True


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
            known_end, eq_session, due,
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
