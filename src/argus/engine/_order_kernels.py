"""The table of orders: entering, ending, groups of orders that end each other, children that wait for a parent."""

from __future__ import annotations

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.engine._layout import (
    INT64_MAX,
    NO_SESSION,
    S_ACTIVE,
    S_LIQUIDATING,
    S_ORDERS,
)

# Codes of core.orders, as the plain integers that kernels compare.
SUBMITTED, WORKING, PARTIAL, DONE, CANCELLED, EXPIRED, REJECTED = 0, 1, 2, 3, 4, 5, 6
MARKET, LIMIT, STOP, STOP_LIMIT, ON_OPEN, ON_CLOSE, TRAILING, LIMIT_ON_OPEN, LIMIT_ON_CLOSE = range(9)
DAY, GTC, GTD, IOC, FOK = 0, 1, 2, 3, 4
R_BY_STRATEGY, R_REPLACED, R_SESSION_END, R_RUN_END = 1, 2, 3, 4
R_LIQUIDATION, R_REPLACED_DONE, R_GOOD_TILL, R_AT_ONCE, R_REDUCE_ONLY = 8, 11, 12, 13, 14
R_OCO, R_PARENT_DONE, R_DAILY_LOSS, R_DRAWDOWN, R_SPLIT, R_CONTRACT_EXPIRED, R_NO_RATE = 15, 16, 17, 18, 19, 20, 21
# Values of an order's `triggered`; a stop-limit triggered within a bar works as a limit from the next bar on.
IDLE, TRIGGERED, TRIGGERED_IN_BAR = 0, 1, 2


@njit(cache=True, error_model="numpy")
def enter(k, side, kind, tif, lots, ts_submit, ts_ready, decision, inst, state, active, orders):  # type: ignore[no-untyped-def]
    """Enter a plain order for line `k`; returns its id. Both tables need room."""
    i = state[S_ORDERS]
    orders[i]["decision_id"] = decision
    orders[i]["instrument"] = k
    orders[i]["side"] = side
    orders[i]["type"] = kind
    orders[i]["tif"] = tif
    orders[i]["state"] = SUBMITTED
    orders[i]["reason"] = 0
    orders[i]["liquidation"] = 0
    orders[i]["triggered"] = IDLE
    orders[i]["quantity_lots"] = lots
    orders[i]["filled_lots"] = 0
    orders[i]["limit_ticks"] = 0
    orders[i]["stop_ticks"] = 0
    orders[i]["replaces_id"] = -1
    orders[i]["replaced_by"] = -1
    orders[i]["session"] = NO_SESSION
    orders[i]["reduce_only"] = 0
    orders[i]["trail_ticks"] = 0
    orders[i]["level"] = np.nan
    orders[i]["expires_ns"] = INT64_MAX
    orders[i]["oco_group"] = -1
    orders[i]["parent_id"] = -1
    orders[i]["ts_submit_ns"] = ts_submit
    orders[i]["ts_ready_ns"] = ts_ready
    orders[i]["ts_arrive_ns"] = ts_ready
    orders[i]["ts_cancel_ns"] = INT64_MAX
    orders[i]["ts_done_ns"] = 0
    active[state[S_ACTIVE]] = i
    state[S_ACTIVE] += 1
    state[S_ORDERS] = i + 1
    inst[k]["working"] += 1
    return i


@njit(cache=True, error_model="numpy")
def finish(i, status, reason, ts, inst, state, orders):  # type: ignore[no-untyped-def]
    """Move order `i` to a final state; `compact` then drops it from the active list."""
    orders[i]["state"] = status
    orders[i]["reason"] = reason
    orders[i]["ts_done_ns"] = ts
    inst[orders[i]["instrument"]]["working"] -= 1
    if orders[i]["liquidation"] == 1:
        state[S_LIQUIDATING] -= 1


@njit(cache=True, error_model="numpy")
def end_order(i, status, reason, ts, inst, state, active, orders):  # type: ignore[no-untyped-def]
    """Move order `i` to a final state; if nothing of it was filled, its children end too."""
    finish(i, status, reason, ts, inst, state, orders)
    if orders[i]["filled_lots"] == 0:
        end_children(i, ts, inst, state, active, orders)


@njit(cache=True, error_model="numpy")
def end_children(i, ts, inst, state, active, orders):  # type: ignore[no-untyped-def]
    """Cancel the living orders that wait for order `i`."""
    for j in range(state[S_ACTIVE]):
        child = active[j]
        if orders[child]["parent_id"] == i and orders[child]["state"] <= PARTIAL:
            finish(child, CANCELLED, R_PARENT_DONE, ts, inst, state, orders)


@njit(cache=True, error_model="numpy")
def has_filled(i, ts, inst, state, active, orders):  # type: ignore[no-untyped-def]
    """After a fill of order `i`: its children take its filled quantity and arrive; the others of its group end."""
    for j in range(state[S_ACTIVE]):
        child = active[j]
        if orders[child]["parent_id"] == i and orders[child]["state"] <= PARTIAL:
            orders[child]["quantity_lots"] = orders[i]["filled_lots"]
            if orders[child]["ts_arrive_ns"] == INT64_MAX:
                orders[child]["ts_arrive_ns"] = max(ts, orders[child]["ts_ready_ns"])
    group = orders[i]["oco_group"]
    if group < 0:
        return
    for j in range(state[S_ACTIVE]):
        other = active[j]
        if other != i and orders[other]["oco_group"] == group and orders[other]["state"] <= PARTIAL:
            finish(other, CANCELLED, R_OCO, ts, inst, state, orders)
    for j in range(state[S_ACTIVE]):
        other = active[j]
        if (
            orders[other]["oco_group"] == group
            and orders[other]["reason"] == R_OCO
            and orders[other]["filled_lots"] == 0
        ):
            end_children(other, ts, inst, state, active, orders)


@njit(cache=True, error_model="numpy")
def compact(active, state, orders):  # type: ignore[no-untyped-def]
    """Drop finished orders from the active list, keeping its sequence."""
    kept = 0
    for j in range(state[S_ACTIVE]):
        if orders[active[j]]["state"] <= PARTIAL:
            active[kept] = active[j]
            kept += 1
    state[S_ACTIVE] = kept


@njit(cache=True, error_model="numpy")
def cancel_all(reason, ts, inst, state, active, orders):  # type: ignore[no-untyped-def]
    """Cancel every order that works or is on its way."""
    for j in range(state[S_ACTIVE]):
        if orders[active[j]]["state"] <= PARTIAL:
            finish(active[j], CANCELLED, reason, ts, inst, state, orders)
    state[S_ACTIVE] = 0


@njit(cache=True, error_model="numpy")
def cancel_line(k, reason, ts, inst, state, active, orders):  # type: ignore[no-untyped-def]
    """Cancel every living order of one line."""
    for j in range(state[S_ACTIVE]):
        i = active[j]
        if orders[i]["instrument"] == k and orders[i]["state"] <= PARTIAL:
            finish(i, CANCELLED, reason, ts, inst, state, orders)
    compact(active, state, orders)


@njit(cache=True, error_model="numpy")
def expire(k, session, ts, inst, state, active, orders):  # type: ignore[no-untyped-def]
    """End the day orders of a session that is over."""
    for j in range(state[S_ACTIVE]):
        i = active[j]
        if (
            orders[i]["instrument"] == k
            and orders[i]["state"] <= PARTIAL
            and orders[i]["tif"] == DAY
            and NO_SESSION < orders[i]["session"] <= session
        ):
            end_order(i, EXPIRED, R_SESSION_END, ts, inst, state, active, orders)
    compact(active, state, orders)


@njit(cache=True, error_model="numpy")
def arrivals(k, bar_start, session, at_open, is_first, ts, inst, state, active, orders):  # type: ignore[no-untyped-def]
    """Start of an event of `k`: orders that replace nothing any more, ends that are due, arrivals; by id."""
    for j in range(state[S_ACTIVE]):
        i = active[j]
        if orders[i]["instrument"] != k or orders[i]["state"] > PARTIAL:
            continue
        arrived = orders[i]["ts_arrive_ns"] <= bar_start
        old = orders[i]["replaces_id"]
        if (
            orders[i]["state"] == SUBMITTED
            and arrived
            and old >= 0
            and orders[old]["state"] >= DONE
            and not (orders[old]["reason"] == R_REPLACED and orders[old]["replaced_by"] == i)
        ):
            end_order(i, REJECTED, R_REPLACED_DONE, ts, inst, state, active, orders)
        elif orders[i]["ts_cancel_ns"] <= bar_start:
            end_order(i, CANCELLED, orders[i]["reason"], ts, inst, state, active, orders)
        elif orders[i]["expires_ns"] <= bar_start:
            end_order(i, EXPIRED, R_GOOD_TILL, ts, inst, state, active, orders)
        elif orders[i]["state"] == SUBMITTED and arrived:
            kind, tif = orders[i]["type"], orders[i]["tif"]
            opens_only = kind == MARKET or kind == ON_OPEN or kind == LIMIT_ON_OPEN or tif == IOC or tif == FOK
            if (at_open or not opens_only) and (is_first or (kind != ON_OPEN and kind != LIMIT_ON_OPEN)):
                orders[i]["state"] = WORKING
                orders[i]["session"] = session


@njit(cache=True, error_model="numpy")
def lives(i, k, orders):  # type: ignore[no-untyped-def]
    """Whether order `i` works on line `k`."""
    return orders[i]["instrument"] == k and (orders[i]["state"] == WORKING or orders[i]["state"] == PARTIAL)


share_compiled(globals())
