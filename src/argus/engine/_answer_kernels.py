"""What a compiled strategy asks for, entered: checked, held against the limits, and put into the table of orders.

Sizes, limits and refusals are those of the road in Python (`argus.portfolio`), so that one idea gives the same orders
in either form; tests hold that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from argus.core._random_kernels import random_uniform
from argus.core._sharing_kernels import share_compiled
from argus.engine._account_kernels import as_known, at_market_lots
from argus.engine._layout import (
    D_DECISIONS,
    D_FAULT,
    D_FAULT_ROW,
    D_PENDING,
    D_REFUSALS,
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
    PARENT_REFUSED,
    POSITION_MAX,
    S_ACTIVE,
    S_CASH,
    S_CLOSED,
    S_HALT,
    S_LIQUIDATING,
    S_ORDERS,
    S_TS,
    SHORT,
    W_AT_ONCE,
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
    TRAILING,
    enter,
)

R_ACCOUNT_CLOSED, R_NO_SUCH_PRICE = 9, 10
COUNT_MAX = 2.0**53
"""Lots and ticks beyond this are not exact as floats."""
NO_PRICE = np.int64(0)


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


@njit(cache=True, error_model="numpy", forceinline=True)
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


@njit(cache=True, error_model="numpy", forceinline=True)
def limit_that_stops(signed_lots, reduces, limits, par, inst, state, rates, close, events, active, orders, told):  # type: ignore[no-untyped-def]
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
    margin, cash, equity = as_known(0, signed_lots + pending, par, inst, state, rates, close, events)
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


@njit(cache=True, error_model="numpy", forceinline=True)
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


@njit(cache=True, error_model="numpy", forceinline=True)
def act_on(  # type: ignore[no-untyped-def]
    row, limits, latencies, streams, par, inst, state, rates, close, events, active, orders, told, refusals, keys, ds
):
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
        stopped = limit_that_stops(
            signed, reduces, limits, par, inst, state, rates, close, events, active, orders, told
        )
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
    out, limits, latencies, streams, par, inst, state, rates, close, events, active, orders, told, refusals, decisions,
    keys, ds,
):  # fmt: skip
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
            out[i], limits, latencies, streams, par, inst, state, rates, close, events, active, orders, told, refusals,
            keys, ds,
        )  # fmt: skip
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


share_compiled(globals())
