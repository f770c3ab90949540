"""The short way through a bar: one instrument alone, nothing in hand but at most one market order.

The event loop of `advance` handles every case, an event at a time, and asks at each what may come next. Of the bars of
a compiled strategy nearly all are either quiet, or meet one market order at their open; what happens in those is known
beforehand. A kernel here either does exactly what the event loop would, with the same functions for prices, limits and
entries, or says that it cannot before anything has changed. What it cannot do, the event loop goes on with.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.engine._coast_kernels import note_cash, set_row
from argus.engine._layout import (
    INT64_MAX,
    MONEY_MAX,
    PHASE_CLOSE,
    PHASE_OPEN,
    S_ACTIVE,
    S_ASLEEP_ROW,
    S_AWAKE_ROW,
    S_CASH,
    S_EQUITY,
    S_EQUITY_ROWS,
    S_LIQUIDATING,
    S_NOTIFY,
    S_PEAK,
    S_PHASE,
    S_PLAIN,
    S_SPECIAL,
    S_TS,
    S_WAKE,
)
from argus.engine._ledger_kernels import opening_lots, quiet_range, record_fill, reducing_lots, set_mark, too_large
from argus.engine._match_kernels import F_MARKET, slipped, ticks_of, volume_cap
from argus.engine._order_kernels import DAY, DONE, GTC, MARKET, SUBMITTED, finish


@njit(cache=True, error_model="numpy", forceinline=True)
def in_lane(par, inst, state):  # type: ignore[no-untyped-def]
    """Whether the only instrument stands before a bar that wakes the strategy, and everything before it is done."""
    row = inst[0]["market_row"]
    return (
        state[S_PLAIN] == 1
        and inst[0]["market_phase"] == PHASE_OPEN
        and inst[0]["recv_row"] == row
        and state[S_WAKE] == 0
        and state[S_NOTIFY] == 0
        and state[S_LIQUIDATING] == 0
        and par[0]["session_end_only"] == 0
        and par[0]["is_foreign"] == 0
        and state[S_AWAKE_ROW] <= row < state[S_ASLEEP_ROW]
    )


@njit(cache=True, error_model="numpy", forceinline=True)
def barrier_of(row, state, special):  # type: ignore[no-untyped-def]
    """First row from `row` on that only the event loop may pass, or at which the strategy is no longer woken."""
    at = state[S_SPECIAL]
    while special[at] < row:
        at += 1
    state[S_SPECIAL] = at
    return min(special[at], state[S_ASLEEP_ROW])


@njit(cache=True, error_model="numpy", forceinline=True)
def heard_all(inst, state):  # type: ignore[no-untyped-def]
    """The strategy was woken, and nothing else is due at this instant: close it."""
    if inst[0]["wake"] == 0 and inst[0]["notify"] == 0:
        state[S_WAKE] = 0
        state[S_NOTIFY] = 0


@njit(cache=True, error_model="numpy", forceinline=True)
def is_plain_market(i, ts, orders):  # type: ignore[no-untyped-def]
    """Whether order `i` is of the strategy, to be filled at the open at `ts`, and stands alone."""
    return (
        orders[i]["type"] == MARKET
        and orders[i]["state"] == SUBMITTED
        and orders[i]["ts_arrive_ns"] <= ts
        and orders[i]["ts_cancel_ns"] == INT64_MAX
        and orders[i]["expires_ns"] == INT64_MAX
        and (orders[i]["tif"] == DAY or orders[i]["tif"] == GTC)
        and orders[i]["decision_id"] >= 0
        and orders[i]["reduce_only"] == 0
        and orders[i]["replaces_id"] < 0
        and orders[i]["parent_id"] < 0
        and orders[i]["oco_group"] < 0
    )


@njit(cache=True, error_model="numpy", forceinline=True)
def fill_at_open(  # type: ignore[no-untyped-def]
    row, ts, open_, volume, adverse_milli, impact_scale, par, inst, state, active, orders, fills, journal, rates
):
    """Fill the only order, whole, at the open of a bar that begins no session; False if that is not what happens."""
    i = active[0]
    if not is_plain_market(i, ts, orders):
        return False
    x = ticks_of(open_, par[0]["tick"])
    left = volume_cap(volume, par[0])
    lots = orders[i]["quantity_lots"]
    if np.isnan(x) or lots > left:
        return False
    inst[0]["adverse_milli"] = par[0]["adverse_milli"] + adverse_milli
    inst[0]["impact_scale"] = impact_scale
    side = np.int64(orders[i]["side"])
    price = slipped(x, side, par[0], inst[0])
    reducing = reducing_lots(0, side, lots, par, inst, state)
    opening, refused = opening_lots(0, side, reducing, lots - reducing, price, True, par, inst, state, rates)
    if refused != 0 or reducing + opening != lots:
        return False
    state[S_TS] = ts
    state[S_PHASE] = PHASE_OPEN
    inst[0]["market_phase"] = PHASE_CLOSE
    inst[0]["volume_row"] = row
    inst[0]["volume_left"] = left
    orders[i]["session"] = inst[0]["session"]
    local = row - par[0]["row_begin"]
    record_fill(i, 0, side * lots, x, price, F_MARKET, ts, local, True, par, inst, state, fills, journal, rates)
    orders[i]["filled_lots"] = lots
    finish(i, DONE, 0, ts, inst, state, orders)
    state[S_ACTIVE] = 0
    return True


@njit(cache=True, error_model="numpy", forceinline=True)
def close_quietly(row, mark, ts_recv, par, inst, state, rates, eq_micros, cash_steps):  # type: ignore[no-untyped-def]
    """Close a bar within its session in which no order works, and learn of it; False if the account may have to act."""
    if too_large(inst[0]["position"], mark, par[0]):
        return False
    inst[0]["mark_row"] = row
    inst[0]["has_mark"] = 1
    set_mark(0, mark, par, inst, state, rates)
    equity = state[S_EQUITY]
    if equity > min(state[S_PEAK], MONEY_MAX) or abs(state[S_CASH]) > MONEY_MAX or equity <= quiet_range(state)[0]:
        return False
    if inst[0]["position"] != 0:
        inst[0]["unsettled"] = 1
    n = state[S_EQUITY_ROWS]
    eq_micros[n] = equity
    note_cash(n, state, cash_steps)
    state[S_EQUITY_ROWS] = n + 1
    inst[0]["market_phase"] = PHASE_OPEN
    inst[0]["market_row"] = row + 1
    inst[0]["recv_row"] = row + 1
    state[S_TS] = ts_recv
    state[S_PHASE] = PHASE_CLOSE
    return True


@njit(cache=True, error_model="numpy", forceinline=True)
def stand_after(first, row, par, inst, state, rates, ts_recv, marks, eq_micros, cash_steps):  # type: ignore[no-untyped-def]
    """The quiet rows from `first` up to before `row` are passed and known.

    Their equity is written already; where no cash is kept, it is written at the last of them only.
    """
    n = state[S_EQUITY_ROWS]
    stop = n + row - first
    set_row(row, stop, par, inst, state, rates, marks)
    if len(cash_steps) > 0:
        note_cash(n, state, cash_steps)
    else:
        eq_micros[stop - 1] = state[S_EQUITY]
    if inst[0]["position"] != 0:
        inst[0]["unsettled"] = 1
    state[S_TS] = ts_recv[row - 1]
    state[S_PHASE] = PHASE_CLOSE


share_compiled(globals())
