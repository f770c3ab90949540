"""Orders meet a bar: arrival, trigger, fill, expiry. One function an event, after the table of ``docs/fills.md``."""

from __future__ import annotations

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.engine._layout import (
    GRID_TOLERANCE,
    INT64_MAX,
    MILLI,
    S_ACTIVE,
    S_TOUCH,
)
from argus.engine._ledger_kernels import has_news, opening_lots, record_fill, reducing_lots
from argus.engine._order_kernels import (
    CANCELLED,
    DONE,
    FOK,
    IDLE,
    IOC,
    LIMIT,
    LIMIT_ON_CLOSE,
    LIMIT_ON_OPEN,
    MARKET,
    ON_CLOSE,
    ON_OPEN,
    PARTIAL,
    R_AT_ONCE,
    R_REDUCE_ONLY,
    REJECTED,
    STOP,
    STOP_LIMIT,
    TRAILING,
    TRIGGERED,
    TRIGGERED_IN_BAR,
    arrivals,
    compact,
    end_order,
    expire,
    finish,
    has_filled,
    lives,
)

ROUNDINGS = 4.0 * 2.0**-52
TWO_TO_63 = 2.0**63
# Codes of core.orders.FillRule.
F_MARKET, F_ON_OPEN, F_ON_CLOSE, F_LIMIT_OPEN, F_LIMIT, F_STOP_OPEN, F_STOP, F_SL_OPEN, F_SL, F_LIQUIDATION = range(10)
F_LIMIT_ON_OPEN, F_LIMIT_ON_CLOSE, F_TRAIL_OPEN, F_TRAIL, F_TRAIL_CLOSE = range(10, 15)


@njit(cache=True, error_model="numpy")
def ticks_of(price, tick):  # type: ignore[no-untyped-def]
    """Price in ticks: whole if it lies on the grid, else fractional; NaN stays NaN."""
    x = price / tick
    r = np.rint(x)
    if abs(x - r) <= GRID_TOLERANCE:
        return r
    return x


@njit(cache=True, error_model="numpy")
def slipped(x, sign, par_k, inst_k):  # type: ignore[no-untyped-def]
    """Price in whole ticks after slippage and half-spread, rounded against the trader."""
    y = x + sign * par_k["slip_rate"] * abs(x)
    r = np.rint(y)
    if abs(y - r) > GRID_TOLERANCE:
        r = np.ceil(y) if sign > 0 else np.floor(y)
    return np.int64(r) + sign * (inst_k["adverse_milli"] // MILLI)


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
    lots = np.floor(x + max(GRID_TOLERANCE, ROUNDINGS * x))
    # More than an integer holds binds nothing: cast as it is, it would turn negative, and the bar would fill no order.
    return np.int64(lots) if lots < TWO_TO_63 else INT64_MAX


@njit(cache=True, error_model="numpy")
def execute(i, base, price, rule, ts, row, impact, par, inst, state, active, orders, fills, journal, rates):  # type: ignore[no-untyped-def]
    """Fill order `i` at `price` ticks as far as volume and account allow; False on overflow."""
    k = orders[i]["instrument"]
    side = np.int64(orders[i]["side"])
    rest = orders[i]["quantity_lots"] - orders[i]["filled_lots"]
    allowed = rest
    if orders[i]["reduce_only"] == 1:
        allowed = min(rest, max(np.int64(0), -side * inst[k]["position"]))
        if allowed == 0:
            end_order(i, CANCELLED, R_REDUCE_ONLY, ts, inst, state, active, orders)
            return True
    wanted = min(allowed, inst[par[k]["first_line"]]["volume_left"])
    all_or_none = orders[i]["tif"] == FOK
    if wanted <= 0 or (all_or_none and wanted < rest):
        return True
    if orders[i]["decision_id"] < 0:  # the engine itself closes out: never refused
        opening, refused, reducing = np.int64(0), 0, wanted
    else:
        reducing = reducing_lots(k, side, wanted, par, inst, state)
        opening, refused = opening_lots(k, side, reducing, wanted - reducing, price, impact, par, inst, state, rates)
    if opening < 0:
        return False
    lots = reducing + opening
    if all_or_none and lots < rest:
        return True
    if lots > 0:
        record_fill(i, k, side * lots, base, price, rule, ts, row, impact, par, inst, state, fills, journal, rates)
        orders[i]["filled_lots"] += lots
        has_news(k, par, inst, state)
        has_filled(i, ts, inst, state, active, orders)
    if lots == rest:
        finish(i, DONE, 0, ts, inst, state, orders)
    elif refused != 0:
        end_order(i, REJECTED, refused, ts, inst, state, active, orders)
    elif lots == allowed:
        finish(i, CANCELLED, R_REDUCE_ONLY, ts, inst, state, orders)
    elif lots > 0:
        orders[i]["state"] = PARTIAL
    return True


@njit(cache=True, error_model="numpy")
def move_level(i, x, orders):  # type: ignore[no-untyped-def]
    """A trailing stop sees the price `x` (ticks)."""
    if np.isnan(x):
        return
    sign = orders[i]["side"]
    level = x + sign * float(orders[i]["trail_ticks"])
    if np.isnan(orders[i]["level"]) or sign * (level - orders[i]["level"]) < 0:
        orders[i]["level"] = level


@njit(cache=True, error_model="numpy")
def reached(x, level, sign):  # type: ignore[no-untyped-def]
    """Whether the price `x` is at `level` or beyond it (ticks); the level of a trailing stop is a sum of floats."""
    return sign * (x - level) >= -GRID_TOLERANCE


@njit(cache=True, error_model="numpy")
def at_open(i, x, is_first, par_k, inst_k, state, orders):  # type: ignore[no-untyped-def]
    """(fills, price, rule) of order `i` at an open of `x` ticks; stops are triggered on the way."""
    kind = orders[i]["type"]
    sign = np.int64(orders[i]["side"])
    price = slipped(x, sign, par_k, inst_k)
    if kind == MARKET:
        return True, price, F_LIQUIDATION if orders[i]["liquidation"] == 1 else F_MARKET
    if kind == ON_OPEN:
        return is_first, price, F_ON_OPEN
    if kind == STOP:
        if orders[i]["triggered"] == IDLE and sign * (x - orders[i]["stop_ticks"]) >= 0:
            orders[i]["triggered"] = TRIGGERED
        return orders[i]["triggered"] == TRIGGERED, price, F_STOP_OPEN
    if kind == TRAILING:
        if orders[i]["triggered"] == IDLE and reached(x, orders[i]["level"], sign):
            orders[i]["triggered"] = TRIGGERED
        if orders[i]["triggered"] == IDLE:
            move_level(i, x, orders)
        return orders[i]["triggered"] == TRIGGERED, price, F_TRAIL_OPEN
    limit = orders[i]["limit_ticks"]
    if kind == LIMIT_ON_OPEN:
        return is_first and sign * (price - limit) <= 0, price, F_LIMIT_ON_OPEN
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
    for j in range(state[S_ACTIVE]):
        i = active[j]
        if not lives(i, k, orders) or orders[i]["type"] == ON_CLOSE or orders[i]["type"] == LIMIT_ON_CLOSE:
            continue
        if not np.isnan(x):
            fills_now, price, rule = at_open(i, x, is_first, par[k], inst[k], state, orders)
            if fills_now and not execute(
                i, x, price, rule, ts, row, True, par, inst, state, active, orders, fills, journal, rates
            ):
                return False
        if orders[i]["state"] <= PARTIAL and (orders[i]["tif"] == IOC or orders[i]["tif"] == FOK):
            end_order(i, CANCELLED, R_AT_ONCE, ts, inst, state, active, orders)
    compact(active, state, orders)
    return True


@njit(cache=True, error_model="numpy")
def trail_in_range(i, high, low, x_close, orders):  # type: ignore[no-untyped-def]
    """Whether a bar's range triggers a trailing stop by its close only, after the range has moved its level."""
    sign = orders[i]["side"]
    move_level(i, low if sign > 0 else high, orders)
    move_level(i, x_close, orders)
    return reached(x_close, orders[i]["level"], sign)


@njit(cache=True, error_model="numpy")
def stop_in_range(i, x_open, high, low, x_close, par_k, inst_k, orders):  # type: ignore[no-untyped-def]
    """(fills, base, price, rule) of a waiting stop of any kind in a bar's range (ticks); triggers it.

    The base is the stop itself for an order that met the open; for one that came after it, never a price better than
    the market was at.
    """
    sign = np.int64(orders[i]["side"])
    trails = orders[i]["type"] == TRAILING
    stop = orders[i]["level"] if trails else float(orders[i]["stop_ticks"])
    if trails and not reached(high if sign > 0 else low, stop, sign):
        if not trail_in_range(i, high, low, x_close, orders):
            return False, stop, np.int64(0), F_TRAIL
        orders[i]["triggered"] = TRIGGERED
        return True, x_close, slipped(x_close, sign, par_k, inst_k), F_TRAIL_CLOSE
    if not reached(high if sign > 0 else low, stop, sign):
        return False, stop, np.int64(0), F_STOP
    base = stop
    for known in (x_open, low if sign > 0 else high):
        if sign * (known - base) > 0:
            base = known
    price = slipped(base, sign, par_k, inst_k)
    if orders[i]["type"] != STOP_LIMIT:
        orders[i]["triggered"] = TRIGGERED
        return True, base, price, F_TRAIL if trails else F_STOP
    orders[i]["triggered"] = TRIGGERED_IN_BAR
    return sign * (price - orders[i]["limit_ticks"]) <= 0, base, price, F_SL


@njit(cache=True, error_model="numpy")
def match_range(row, k, ts, x_open, high, low, x_close, par, inst, state, active, orders, fills, journal, rates):  # type: ignore[no-untyped-def]
    """Stops, then limits, against a bar's range (ticks); False on overflow."""
    for j in range(state[S_ACTIVE]):
        i = active[j]
        kind = orders[i]["type"]
        if not lives(i, k, orders) or orders[i]["triggered"] != IDLE:
            continue
        if kind != STOP and kind != STOP_LIMIT and kind != TRAILING:
            continue
        fills_now, base, price, rule = stop_in_range(i, x_open, high, low, x_close, par[k], inst[k], orders)
        if fills_now and not execute(
            i, base, price, rule, ts, row, True, par, inst, state, active, orders, fills, journal, rates
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
            i, float(limit), limit, F_LIMIT, ts, row, False, par, inst, state, active, orders, fills, journal, rates
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
    x = ticks_of(close, tick)
    if not match_range(
        row, k, ts, ticks_of(open_, tick), ticks_of(high, tick), ticks_of(low, tick), x, par, inst, state, active,
        orders, fills, journal, rates,
    ):  # fmt: skip
        return False
    for j in range(state[S_ACTIVE]):
        i = active[j]
        if not lives(i, k, orders):
            continue
        if orders[i]["triggered"] == TRIGGERED_IN_BAR:
            orders[i]["triggered"] = TRIGGERED
        kind = orders[i]["type"]
        if (kind == ON_CLOSE or kind == LIMIT_ON_CLOSE) and session_end and not np.isnan(x):
            sign = np.int64(orders[i]["side"])
            price = slipped(x, sign, par[k], inst[k])
            rule = F_LIQUIDATION if orders[i]["liquidation"] == 1 else F_ON_CLOSE
            if kind == LIMIT_ON_CLOSE:
                rule = F_LIMIT_ON_CLOSE
                if sign * (price - orders[i]["limit_ticks"]) > 0:
                    continue
            if not execute(i, x, price, rule, ts, row, True, par, inst, state, active, orders, fills, journal, rates):
                return False
    compact(active, state, orders)
    return True


share_compiled(globals())
