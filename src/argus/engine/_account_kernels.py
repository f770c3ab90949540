"""The account as it can be known: at closes that have been received, and with what-if questions answered there.

The engine's own marks move when a bar closes; with a delay between close and receipt they would give a close away
before it is known. So everything a strategy or a risk policy sees is valued at the last close that was received.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.engine._layout import (
    E_A,
    E_B,
    E_KIND,
    E_LINE,
    E_ROW,
    E_SPLIT,
    INT64_MAX,
    S_CASH,
    S_EQUITY,
    S_EVENT,
)
from argus.engine._ledger_kernels import (
    converted,
    fee_of,
    half_even,
    impact_of,
    initial_margin,
    net_position,
    open_amount,
    paid_in_base,
    position_value,
    too_large,
)
from argus.engine._match_kernels import nearest_tick, ticks_of
from argus.engine._order_kernels import MARKET, ON_CLOSE, ON_OPEN

UNAFFORDABLE = 2**62


@njit(cache=True, error_model="numpy")
def in_new_lots(mark, row, k, par, inst, state, events):  # type: ignore[no-untyped-def]
    """The close of `row` in ticks, after all splits of the instrument since that bar closed."""
    if row < inst[k]["split_row"]:
        for at in range(state[S_EVENT]):
            if events[at, E_KIND] == E_SPLIT and events[at, E_LINE] == par[k]["first_line"] and row < events[at, E_ROW]:
                mark = half_even(mark * events[at, E_B], events[at, E_A])
    return mark


@njit(cache=True, error_model="numpy")
def known_mark(k, par, inst, state, close, events):  # type: ignore[no-untyped-def]
    """Last received close of instrument `k` in ticks, or the price of its last fill if none is known.

    Where nothing is on its way, that is the engine's own mark.
    """
    known = inst[k]["recv_row"] - par[k]["known_begin"]
    if par[k]["is_refined"] == 0 and known >= inst[k]["market_row"] - par[k]["row_begin"]:
        return inst[k]["mark"]
    row = inst[k]["recv_row"] - 1
    while row >= par[k]["known_begin"]:
        if not np.isnan(close[row]):
            return in_new_lots(nearest_tick(ticks_of(close[row], par[k]["tick"])), row, k, par, inst, state, events)
        row -= 1
    return inst[par[k]["first_line"]]["paid"]


@njit(cache=True, error_model="numpy")
def as_known(k, lots, par, inst, state, rates, close, events):  # type: ignore[no-untyped-def]
    """(initial margin of all that is held, cash, equity) if signed `lots` of `k` were traded; lots may be 0.

    All at the last received closes. More than a ledger can hold needs more margin, and leaves less cash, than any
    account has.
    """
    margin = 0
    equity = state[S_EQUITY]
    for m in range(len(inst)):
        mark = known_mark(m, par, inst, state, close, events)
        more = position_value(inst[m]["position"], mark, par[m]) - inst[m]["value"]
        if par[m]["is_foreign"] == 1:
            more = converted(open_amount(inst[m]) + more, inst[m]["fx_rate"]) - inst[m]["worth"]
        equity += more
        if par[m]["first_line"] != m:
            continue
        net = net_position(m, par, inst)
        if lots != 0 and par[k]["first_line"] == m:
            net += lots
            if too_large(abs(net) + abs(lots), mark, par[m]):
                return UNAFFORDABLE, -UNAFFORDABLE, equity
        if net != 0:
            margin += initial_margin(net, position_value(net, mark, par[m]), par[m], inst[m], rates)
    cash = state[S_CASH]
    if lots != 0:
        value = position_value(lots, known_mark(k, par, inst, state, close, events), par[k])
        cash -= paid_in_base(fee_of(lots, value, inst[k]["rate_at"], rates)[0], par[k], inst[k])
        cash -= paid_in_base(impact_of(abs(lots), par[k], inst[k])[0], par[k], inst[k])
        if par[k]["is_future"] == 0:
            cash -= paid_in_base(value, par[k], inst[k])
    return margin, cash, equity


@njit(cache=True, error_model="numpy")
def at_market_lots(k, active, count, orders):  # type: ignore[no-untyped-def]
    """Signed lots that living market, on-open and on-close orders on instrument `k` would add."""
    lots = 0
    for j in range(count):
        i = active[j]
        kind = orders[i]["type"]
        if orders[i]["instrument"] == k and (kind == MARKET or kind == ON_OPEN or kind == ON_CLOSE):
            if orders[i]["ts_cancel_ns"] == INT64_MAX and orders[i]["ts_arrive_ns"] != INT64_MAX:
                lots += orders[i]["side"] * (orders[i]["quantity_lots"] - orders[i]["filled_lots"])
    return lots


share_compiled(globals())
