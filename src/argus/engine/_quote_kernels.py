"""Orders meet a quote: one event, in which buys trade at the ask and sales at the bid, after ``docs/fills.md``, Quotes.

A quote has no range: an order sees one price, that of the side on which it would trade. What a fill takes of a side
stays taken until the price of that side changes, since the same offer is often quoted many times.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.engine._layout import Q_ASK, Q_ASK_LOTS, Q_BID, Q_BID_LOTS, S_ACTIVE, S_TOUCH
from argus.engine._match_kernels import (
    F_LIMIT,
    F_LIMIT_ON_CLOSE,
    F_LIMIT_OPEN,
    F_ON_CLOSE,
    at_open,
    execute,
    slipped,
    ticks_of,
)
from argus.engine._order_kernels import (
    CANCELLED,
    FOK,
    IOC,
    LIMIT,
    LIMIT_ON_CLOSE,
    ON_CLOSE,
    PARTIAL,
    R_AT_ONCE,
    STOP_LIMIT,
    TRIGGERED,
    arrivals,
    compact,
    end_order,
    expire,
    lives,
)
from argus.engine._session_kernels import begin_session


@njit(cache=True, error_model="numpy")
def begin_quote(row, k, ts, session, quotes, par, inst, state, active, orders, journal, rates):  # type: ignore[no-untyped-def]
    """What comes before the orders at a quote: a session that begins, and what may be taken anew; False if unproven.

    Once for all books, since the mark of a quote that one has met would be in what another settles late.
    """
    first = par[k]["first_line"]
    if inst[first]["volume_row"] == row:
        return True
    inst[first]["volume_row"] = row
    is_first = session != inst[first]["session"]
    if is_first or quotes[row, Q_BID] != quotes[row - 1, Q_BID]:
        inst[first]["bid_taken"] = 0
    if is_first or quotes[row, Q_ASK] != quotes[row - 1, Q_ASK]:
        inst[first]["ask_taken"] = 0
    inst[first]["opens_session"] = is_first
    line = first
    while is_first and line >= 0:
        if inst[line]["working"] > 0:
            expire(line, session - 1, ts, inst, state, active, orders)
        if not begin_session(line, ts, session, par, inst, state, journal, rates):
            return False
        line = par[line]["next_line"]
    return True


@njit(cache=True, error_model="numpy")
def at_quote(i, x, is_first, is_last, par_k, inst_k, state, orders):  # type: ignore[no-untyped-def]
    """(fills, base, price, rule) of order `i` where its side of the market stands at `x` ticks.

    Stops are triggered on the way, and a limit that could not be filled at its first quote rests from then on.
    """
    kind = orders[i]["type"]
    sign = np.int64(orders[i]["side"])
    price = slipped(x, sign, par_k, inst_k)
    limit = orders[i]["limit_ticks"]
    if kind == ON_CLOSE:
        return is_last, x, price, F_ON_CLOSE
    if kind == LIMIT_ON_CLOSE:
        return is_last and sign * (price - limit) <= 0, x, price, F_LIMIT_ON_CLOSE
    if kind == LIMIT and orders[i]["triggered"] != TRIGGERED:
        orders[i]["triggered"] = TRIGGERED
        return sign * (price - limit) <= 0, x, price, F_LIMIT_OPEN
    if kind == LIMIT or (kind == STOP_LIMIT and orders[i]["triggered"] == TRIGGERED):
        beyond = sign * (limit - x)
        return beyond > 0 or (state[S_TOUCH] == 1 and beyond == 0), float(limit), limit, F_LIMIT
    fills_now, price, rule = at_open(i, x, is_first, par_k, inst_k, state, orders)
    return fills_now, x, price, rule


@njit(cache=True, error_model="numpy")
def match_quote(  # type: ignore[no-untyped-def]
    row, local, k, ts, session, is_last, quotes, par, inst, state, active, orders, fills, journal, rates
):
    """The orders of line `k`, by id, at a quote (`local` counts within its instrument); False on overflow."""
    first = par[k]["first_line"]
    is_first = inst[first]["opens_session"] == 1
    arrivals(k, ts, session, True, is_first, ts, inst, state, active, orders)
    for j in range(state[S_ACTIVE]):
        i = active[j]
        if not lives(i, k, orders):
            continue
        buys = orders[i]["side"] > 0
        x = ticks_of(quotes[row, Q_ASK if buys else Q_BID], par[k]["tick"])
        if not np.isnan(x):
            fills_now, base, price, rule = at_quote(i, x, is_first, is_last, par[k], inst[k], state, orders)
            if fills_now:
                taken = inst[first]["ask_taken"] if buys else inst[first]["bid_taken"]
                room = max(np.int64(0), np.int64(quotes[row, Q_ASK_LOTS if buys else Q_BID_LOTS]) - taken)
                inst[first]["volume_left"] = room
                if not execute(
                    i, base, price, rule, ts, local, rule != F_LIMIT, par, inst, state, active, orders, fills, journal,
                    rates,
                ):  # fmt: skip
                    return False
                taken += room - inst[first]["volume_left"]
                if buys:
                    inst[first]["ask_taken"] = taken
                else:
                    inst[first]["bid_taken"] = taken
        if orders[i]["state"] <= PARTIAL and (orders[i]["tif"] == IOC or orders[i]["tif"] == FOK):
            end_order(i, CANCELLED, R_AT_ONCE, ts, inst, state, active, orders)
    compact(active, state, orders)
    return True


share_compiled(globals())
