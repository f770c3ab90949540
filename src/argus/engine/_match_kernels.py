"""Orders meet a bar: arrival, trigger, fill, expiry. One function an event, after the table of ``docs/fills.md``."""

from __future__ import annotations

import numpy as np
from numba import njit

from argus.engine._layout import (
    GRID_TOLERANCE,
    INT64_MAX,
    NO_SESSION,
    S_ACTIVE,
    S_LIQUIDATING,
    S_LIQUIDATIONS,
    S_NOTIFY,
    S_NOTIFY_ON,
    S_ORDERS,
    S_TOUCH,
)
from argus.engine._ledger_kernels import opening_lots, record_fill

ROUNDINGS = 4.0 * 2.0**-52
# Codes of core.orders, as the plain integers that kernels compare.
SUBMITTED, WORKING, PARTIAL, DONE, CANCELLED, EXPIRED, REJECTED = 0, 1, 2, 3, 4, 5, 6
MARKET, LIMIT, STOP, STOP_LIMIT, ON_OPEN, ON_CLOSE, TRAILING, LIMIT_ON_OPEN, LIMIT_ON_CLOSE = 0, 1, 2, 3, 4, 5, 6, 7, 8
DAY, GTC, GTD, IOC, FOK = 0, 1, 2, 3, 4
R_REPLACED, R_SESSION_END, R_RUN_END, R_LIQUIDATION, R_REPLACED_DONE = 2, 3, 4, 8, 11
F_MARKET, F_ON_OPEN, F_ON_CLOSE, F_LIMIT_OPEN, F_LIMIT, F_STOP_OPEN, F_STOP, F_SL_OPEN, F_SL, F_LIQUIDATION = (
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
)  # fmt: skip
# Values of an order's `triggered`; a stop-limit triggered within a bar works as a limit from the next bar on.
IDLE, TRIGGERED, TRIGGERED_IN_BAR = 0, 1, 2


@njit(cache=True, error_model="numpy")
def ticks_of(price, tick):  # type: ignore[no-untyped-def]
    """Price in ticks: whole if it lies on the grid, else fractional; NaN stays NaN."""
    x = price / tick
    r = np.rint(x)
    if abs(x - r) <= GRID_TOLERANCE:
        return r
    return x


@njit(cache=True, error_model="numpy")
def slipped(x, sign, par_k):  # type: ignore[no-untyped-def]
    """Price in whole ticks after slippage, rounded against the trader."""
    y = x + sign * par_k["slip_rate"] * abs(x)
    r = np.rint(y)
    if abs(y - r) > GRID_TOLERANCE:
        r = np.ceil(y) if sign > 0 else np.floor(y)
    return np.int64(r) + sign * par_k["slip_ticks"]


@njit(cache=True, error_model="numpy")
def nearest_tick(x):  # type: ignore[no-untyped-def]
    """Whole ticks nearest to `x`, a half to even, where within the tolerance of a half is a half."""
    below = np.floor(x)
    part = x - below
    if abs(part - 0.5) <= GRID_TOLERANCE:
        return np.int64(below) + np.int64(below) % 2
    return np.int64(np.rint(x))


@njit(cache=True, error_model="numpy")
def volume_cap(volume, par_k):  # type: ignore[no-untyped-def]
    """Lots that all fills of a bar together may take."""
    if par_k["has_volume"] == 0:
        return INT64_MAX
    if np.isnan(volume):
        return 0
    x = par_k["participation"] * volume / par_k["lot"]
    # A volume is meant as its shortest decimal: a whole number of lots that the quotient misses by its own rounding.
    return np.int64(np.floor(x + max(GRID_TOLERANCE, ROUNDINGS * x)))


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
def compact(active, state, orders):  # type: ignore[no-untyped-def]
    """Drop finished orders from the active list, keeping its sequence."""
    kept = 0
    for j in range(state[S_ACTIVE]):
        if orders[active[j]]["state"] <= PARTIAL:
            active[kept] = active[j]
            kept += 1
    state[S_ACTIVE] = kept


@njit(cache=True, error_model="numpy")
def arrivals(k, bar_start, session, at_open, is_first, ts, inst, state, active, orders):  # type: ignore[no-untyped-def]
    """Start of an event of `k`: orders that replace nothing any more, cancels that are due, arrivals; by id."""
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
            finish(i, REJECTED, R_REPLACED_DONE, ts, inst, state, orders)
        elif orders[i]["ts_cancel_ns"] <= bar_start:
            finish(i, CANCELLED, orders[i]["reason"], ts, inst, state, orders)
        elif orders[i]["state"] == SUBMITTED and arrived:
            kind = orders[i]["type"]
            if (at_open or (kind != MARKET and kind != ON_OPEN)) and (kind != ON_OPEN or is_first):
                orders[i]["state"] = WORKING
                orders[i]["session"] = session


@njit(cache=True, error_model="numpy")
def lives(i, k, orders):  # type: ignore[no-untyped-def]
    """Whether order `i` works on instrument `k`."""
    return orders[i]["instrument"] == k and (orders[i]["state"] == WORKING or orders[i]["state"] == PARTIAL)


@njit(cache=True, error_model="numpy")
def execute(i, base, price, rule, ts, row, impact, par, inst, state, orders, fills, journal, rates):  # type: ignore[no-untyped-def]
    """Fill order `i` at `price` ticks as far as volume and account allow; False on overflow."""
    k = orders[i]["instrument"]
    side = np.int64(orders[i]["side"])
    wanted = min(orders[i]["quantity_lots"] - orders[i]["filled_lots"], inst[k]["volume_left"])
    if wanted <= 0:
        return True
    position = inst[k]["position"]
    reducing = min(wanted, abs(position)) if position * side < 0 else np.int64(0)
    opening, refused = opening_lots(k, side, reducing, wanted - reducing, price, impact, par, inst, state, rates)
    if opening < 0:
        return False
    lots = reducing + opening
    if lots > 0:
        record_fill(i, k, side * lots, base, price, rule, ts, row, impact, par, inst, state, fills, journal, rates)
        orders[i]["filled_lots"] += lots
        state[S_NOTIFY] = state[S_NOTIFY_ON]
    if orders[i]["filled_lots"] == orders[i]["quantity_lots"]:
        finish(i, DONE, 0, ts, inst, state, orders)
    elif refused != 0:
        finish(i, REJECTED, refused, ts, inst, state, orders)
    elif lots > 0:
        orders[i]["state"] = PARTIAL
    return True


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
            finish(i, EXPIRED, R_SESSION_END, ts, inst, state, orders)
    compact(active, state, orders)


@njit(cache=True, error_model="numpy")
def at_open(i, x, is_first, par_k, state, orders):  # type: ignore[no-untyped-def]
    """(fills, price, rule) of order `i` at an open of `x` ticks; stops are triggered on the way."""
    kind = orders[i]["type"]
    sign = np.int64(orders[i]["side"])
    price = slipped(x, sign, par_k)
    if kind == MARKET:
        return True, price, F_LIQUIDATION if orders[i]["liquidation"] == 1 else F_MARKET
    if kind == ON_OPEN:
        return is_first, price, F_ON_OPEN
    if kind == STOP:
        if orders[i]["triggered"] == IDLE and sign * (x - orders[i]["stop_ticks"]) >= 0:
            orders[i]["triggered"] = TRIGGERED
        return orders[i]["triggered"] == TRIGGERED, price, F_STOP_OPEN
    limit = orders[i]["limit_ticks"]
    if kind == STOP_LIMIT and orders[i]["triggered"] == IDLE:
        if sign * (x - orders[i]["stop_ticks"]) < 0:
            return False, price, F_SL_OPEN
        orders[i]["triggered"] = TRIGGERED
        return sign * (price - limit) <= 0, price, F_SL_OPEN
    beyond = sign * (limit - x)
    if sign * (price - limit) > 0:
        price = limit
    return beyond > 0 or (state[S_TOUCH] == 1 and beyond == 0), price, F_LIMIT_OPEN


@njit(cache=True, error_model="numpy")
def match_open(row, k, ts, open_, is_first, session, par, inst, state, active, orders, fills, journal, rates):  # type: ignore[no-untyped-def]
    """The OPEN event of a bar (`row` counts within its instrument); False on overflow."""
    if is_first:
        expire(k, session - 1, ts, inst, state, active, orders)
    arrivals(k, ts, session, True, is_first, ts, inst, state, active, orders)
    x = ticks_of(open_, par[k]["tick"])
    if not np.isnan(x):
        for j in range(state[S_ACTIVE]):
            i = active[j]
            if not lives(i, k, orders) or orders[i]["type"] == ON_CLOSE:
                continue
            fills_now, price, rule = at_open(i, x, is_first, par[k], state, orders)
            if fills_now and not execute(
                i, x, price, rule, ts, row, True, par, inst, state, orders, fills, journal, rates
            ):
                return False
    compact(active, state, orders)
    return True


@njit(cache=True, error_model="numpy")
def stop_in_range(i, x_open, high, low, par_k, orders):  # type: ignore[no-untyped-def]
    """(fills, base, price, rule) of a waiting stop or stop-limit in a bar's range (ticks); triggers it.

    The base is the stop itself for an order that met the open; for one that came after it, never a price better than
    the market was at.
    """
    sign = np.int64(orders[i]["side"])
    stop = float(orders[i]["stop_ticks"])
    if not sign * ((high if sign > 0 else low) - stop) >= 0:
        return False, stop, np.int64(0), F_STOP
    base = stop
    for known in (x_open, low if sign > 0 else high):
        if sign * (known - base) > 0:
            base = known
    price = slipped(base, sign, par_k)
    if orders[i]["type"] == STOP:
        orders[i]["triggered"] = TRIGGERED
        return True, base, price, F_STOP
    orders[i]["triggered"] = TRIGGERED_IN_BAR
    return sign * (price - orders[i]["limit_ticks"]) <= 0, base, price, F_SL


@njit(cache=True, error_model="numpy")
def match_range(row, k, ts, x_open, high, low, par, inst, state, active, orders, fills, journal, rates):  # type: ignore[no-untyped-def]
    """Stops, then limits, against a bar's range (ticks); False on overflow."""
    for j in range(state[S_ACTIVE]):
        i = active[j]
        kind = orders[i]["type"]
        if not lives(i, k, orders) or orders[i]["triggered"] != IDLE or (kind != STOP and kind != STOP_LIMIT):
            continue
        fills_now, base, price, rule = stop_in_range(i, x_open, high, low, par[k], orders)
        if fills_now and not execute(
            i, base, price, rule, ts, row, True, par, inst, state, orders, fills, journal, rates
        ):
            return False
    for j in range(state[S_ACTIVE]):
        i = active[j]
        kind = orders[i]["type"]
        if not lives(i, k, orders) or not (
            kind == LIMIT or (kind == STOP_LIMIT and orders[i]["triggered"] == TRIGGERED)
        ):
            continue
        limit = orders[i]["limit_ticks"]
        sign = np.int64(orders[i]["side"])
        beyond = sign * (limit - (low if sign > 0 else high))
        if (beyond > 0 or (state[S_TOUCH] == 1 and beyond == 0)) and not execute(
            i, float(limit), limit, F_LIMIT, ts, row, False, par, inst, state, orders, fills, journal, rates
        ):
            return False
    return True


@njit(cache=True, error_model="numpy")
def match_close(  # type: ignore[no-untyped-def]
    row,
    k,
    bar_start,
    ts,
    open_,
    high,
    low,
    close,
    session,
    session_end,
    par,
    inst,
    state,
    active,
    orders,
    fills,
    journal,
    rates,
):
    """The CLOSE event of a bar: stops, then limits, then market-on-close; False on overflow."""
    tick = par[k]["tick"]
    arrivals(k, bar_start, session, False, False, ts, inst, state, active, orders)
    if not match_range(
        row, k, ts, ticks_of(open_, tick), ticks_of(high, tick), ticks_of(low, tick), par, inst, state, active, orders,
        fills, journal, rates,
    ):  # fmt: skip
        return False
    x = ticks_of(close, tick)
    for j in range(state[S_ACTIVE]):
        i = active[j]
        if not lives(i, k, orders):
            continue
        if orders[i]["triggered"] == TRIGGERED_IN_BAR:
            orders[i]["triggered"] = TRIGGERED
        if orders[i]["type"] == ON_CLOSE and session_end and not np.isnan(x):
            price = slipped(x, np.int64(orders[i]["side"]), par[k])
            rule = F_LIQUIDATION if orders[i]["liquidation"] == 1 else F_ON_CLOSE
            if not execute(i, x, price, rule, ts, row, True, par, inst, state, orders, fills, journal, rates):
                return False
    compact(active, state, orders)
    return True


@njit(cache=True, error_model="numpy")
def cancel_all(reason, ts, inst, state, active, orders):  # type: ignore[no-untyped-def]
    """Cancel every order that works or is on its way."""
    for j in range(state[S_ACTIVE]):
        finish(active[j], CANCELLED, reason, ts, inst, state, orders)
    state[S_ACTIVE] = 0


@njit(cache=True, error_model="numpy")
def liquidate(ts, par, inst, state, active, orders):  # type: ignore[no-untyped-def]
    """Cancel all orders and enter one against every position: at the next open, or close where opens are unknown."""
    cancel_all(R_LIQUIDATION, ts, inst, state, active, orders)
    for k in range(len(inst)):
        if inst[k]["position"] == 0:
            continue
        i = state[S_ORDERS]
        orders[i]["decision_id"] = -1
        orders[i]["instrument"] = k
        orders[i]["side"] = -1 if inst[k]["position"] > 0 else 1
        orders[i]["type"] = MARKET if par[k]["has_open"] == 1 else ON_CLOSE
        orders[i]["tif"] = GTC
        orders[i]["state"] = SUBMITTED
        orders[i]["reason"] = 0
        orders[i]["liquidation"] = 1
        orders[i]["triggered"] = IDLE
        orders[i]["quantity_lots"] = abs(inst[k]["position"])
        orders[i]["filled_lots"] = 0
        orders[i]["limit_ticks"] = 0
        orders[i]["stop_ticks"] = 0
        orders[i]["replaces_id"] = -1
        orders[i]["replaced_by"] = -1
        orders[i]["session"] = NO_SESSION
        orders[i]["ts_submit_ns"] = ts
        orders[i]["ts_arrive_ns"] = ts
        orders[i]["ts_cancel_ns"] = INT64_MAX
        orders[i]["ts_done_ns"] = 0
        active[state[S_ACTIVE]] = i
        state[S_ACTIVE] += 1
        state[S_ORDERS] = i + 1
        state[S_LIQUIDATING] += 1
        inst[k]["working"] += 1
    state[S_LIQUIDATIONS] += 1
