"""Quiet stretches: bars in which nothing can happen but that marks move, in one tight loop.

Nearly all bars of a run are such: no order can fill in them, no session begins or ends, the account is well above every
limit. The event loop would come to the same result, one event at a time. A stretch can be taken back to any of its rows
(`move_to`), so that a strategy can be asked about each row after the kernel has passed it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.engine._layout import (
    INT64_MAX,
    NO_MARK,
    PHASE_CLOSE,
    PHASE_OPEN,
    S_ACTIVE,
    S_AHEAD,
    S_AHEAD_EQUITY,
    S_ASLEEP_ROW,
    S_AWAKE_ROW,
    S_CASH,
    S_CASH_STEPS,
    S_EQUITY,
    S_EQUITY_ROWS,
    S_LIQUIDATING,
    S_NOTIFY,
    S_PHASE,
    S_PLAIN,
    S_SPECIAL,
    S_STRETCH,
    S_TS,
    S_WAKE,
    STRETCH_MAX,
    STRETCH_MIN,
)
from argus.engine._ledger_kernels import VALUE_MAX, quiet_range, revalue, too_large
from argus.engine._match_kernels import nearest_tick, ticks_of
from argus.engine._order_kernels import GTD, LIMIT, LIMIT_ON_CLOSE, ON_CLOSE, STOP, STOP_LIMIT, SUBMITTED, TRIGGERED

CHUNK = 256
"""Rows that are looked at together."""
BAND = 64
"""Rows whose extremes are kept, where many runs meet the same market."""


@njit(cache=True, error_model="numpy")
def resting_band(state, active, orders):  # type: ignore[no-untyped-def]
    """(whether no living order can do anything unless a price is reached, highest lower and lowest upper such price).

    In ticks, both ends included: a bar that stays strictly between them fills and triggers nothing.
    """
    below, above = -np.inf, np.inf
    for j in range(state[S_ACTIVE]):
        i = active[j]
        if orders[i]["ts_cancel_ns"] != INT64_MAX or orders[i]["tif"] == GTD:
            return False, below, above
        kind = orders[i]["type"]
        if orders[i]["state"] == SUBMITTED:
            if orders[i]["ts_arrive_ns"] != INT64_MAX:
                return False, below, above
            continue  # waits for its parent
        if kind == ON_CLOSE or kind == LIMIT_ON_CLOSE:
            continue
        buys = orders[i]["side"] > 0
        if kind == LIMIT or (kind == STOP_LIMIT and orders[i]["triggered"] == TRIGGERED):
            level, is_below = float(orders[i]["limit_ticks"]), buys
        elif (kind == STOP or kind == STOP_LIMIT) and orders[i]["triggered"] != TRIGGERED:
            level, is_below = float(orders[i]["stop_ticks"]), not buys
        else:
            return False, below, above
        if is_below:
            below = max(below, level)
        else:
            above = min(above, level)
    return True, below, above


@njit(cache=True, error_model="numpy")
def write_if_quiet(marks, base, per_tick, floor, ceiling, mark_max, eq_micros):  # type: ignore[no-untyped-def]
    """Write the equity at each mark, and say whether all of it is within its range; else what was written is void.

    Without a branch, so that it is done in lanes: equity is largest and smallest where the mark is.
    """
    lowest, highest = INT64_MAX, -INT64_MAX
    for j in range(len(marks)):
        mark = marks[j]
        eq_micros[j] = base + per_tick * mark
        lowest = min(lowest, mark)
        highest = max(highest, mark)
    return is_within(lowest, highest, base, per_tick, floor, ceiling, mark_max)


@njit(cache=True, error_model="numpy")
def are_between(low, high, low_bound, high_bound):  # type: ignore[no-untyped-def]
    """Whether all bars stay strictly between two prices."""
    outside = 0
    for j in range(len(low)):
        outside += 0 if (low[j] > low_bound) & (high[j] < high_bound) else 1
    return outside == 0


@njit(cache=True, error_model="numpy")
def quiet_rows(  # type: ignore[no-untyped-def]
    first, stop, low_bound, high_bound, low, high, marks, base, per_tick, floor, ceiling, mark_max, eq_micros, n
):
    """First row from `first` on that is not quiet, or `stop`; the equity of those before it is written from `n` on.

    The equity at a mark of `m` ticks is ``base + per_tick * m``; at or below `floor`, or above `ceiling`, a row is not
    quiet.
    """
    row = first
    is_bounded = low_bound > -np.inf or high_bound < np.inf
    while row < stop:
        count = min(stop - row, CHUNK)
        chunk = marks[row : row + count]
        if is_bounded and not are_between(low[row : row + count], high[row : row + count], low_bound, high_bound):
            break
        if not write_if_quiet(chunk, base, per_tick, floor, ceiling, mark_max, eq_micros[n : n + count]):
            break
        row += count
        n += count
    while row < stop:
        mark = marks[row]
        equity = base + per_tick * mark
        if is_bounded and not (low[row] > low_bound and high[row] < high_bound):
            break
        if equity <= floor or equity > ceiling or abs(mark) > mark_max:
            break
        eq_micros[n] = equity
        n += 1
        row += 1
    return row


@njit(cache=True, error_model="numpy")
def is_within(lowest, highest, base, per_tick, floor, ceiling, mark_max):  # type: ignore[no-untyped-def]
    """Whether the equity is within its range at both marks, and so at all between them."""
    if lowest < -mark_max or highest > mark_max:
        return False
    at_lowest, at_highest = base + per_tick * lowest, base + per_tick * highest
    return min(at_lowest, at_highest) > floor and max(at_lowest, at_highest) <= ceiling


@njit(cache=True, error_model="numpy")
def quiet_by_bands(  # type: ignore[no-untyped-def]
    first, stop, low_bound, high_bound, low, high, marks, base, per_tick, floor, ceiling, mark_max, bands, mark_bands
):
    """The same as `quiet_rows` finds, band after band; nothing is written."""
    row = first
    while row < stop:
        band = row // BAND
        end = min((band + 1) * BAND, stop)
        if (
            bands[band, 0] > low_bound
            and bands[band, 1] < high_bound
            and is_within(mark_bands[band, 0], mark_bands[band, 1], base, per_tick, floor, ceiling, mark_max)
        ):
            row = end
            continue
        is_bounded = low_bound > -np.inf or high_bound < np.inf
        while row < end:
            if is_bounded and not (low[row] > low_bound and high[row] < high_bound):
                return row
            if not is_within(marks[row], marks[row], base, per_tick, floor, ceiling, mark_max):
                return row
            row += 1
    return stop


@njit(cache=True, error_model="numpy")
def write_bands(low, high, marks, bands, mark_bands):  # type: ignore[no-untyped-def]
    """Lowest low and highest high of every `BAND` rows, and lowest and highest mark; infinite where one is unknown."""
    for band in range(len(bands)):
        lowest, highest = np.inf, -np.inf
        mark_lowest, mark_highest = INT64_MAX, -INT64_MAX
        for row in range(band * BAND, min((band + 1) * BAND, len(marks))):
            lowest = -np.inf if np.isnan(low[row]) else min(lowest, low[row])
            highest = np.inf if np.isnan(high[row]) else max(highest, high[row])
            mark_lowest = min(mark_lowest, marks[row])
            mark_highest = max(mark_highest, marks[row])
        bands[band, 0], bands[band, 1] = lowest, highest
        mark_bands[band, 0], mark_bands[band, 1] = mark_lowest, mark_highest


@njit(cache=True, error_model="numpy")
def is_linear(par, inst):  # type: ignore[no-untyped-def]
    """Whether the equity moves by the same amount with every tick, and the margin not at all."""
    is_whole = par[0]["value_den"] == 1 and par[0]["is_future"] == 1 and par[0]["is_foreign"] == 0
    return inst[0]["position"] == 0 or is_whole


@njit(cache=True, error_model="numpy")
def quiet_terms(par, inst, state, active, orders):  # type: ignore[no-untyped-def]
    """(whether there can be a quiet row, and what `quiet_rows` needs to know of prices and of the account)."""
    is_quiet, below, above = resting_band(state, active, orders)
    tick, position = par[0]["tick"], inst[0]["position"]
    floor, ceiling = quiet_range(state)
    per_tick = position * par[0]["value_num"]
    mark_max = INT64_MAX if position == 0 else np.int64(VALUE_MAX / abs(float(per_tick)))
    base = state[S_EQUITY] - inst[0]["value"]
    return is_quiet, (below + 0.5) * tick, (above - 0.5) * tick, base, per_tick, floor, ceiling, mark_max


@njit(cache=True, error_model="numpy")
def quiet_stop(first, stop, par, inst, state, low, high, marks, active, orders, eq_micros):  # type: ignore[no-untyped-def]
    """First row from `first` on, at most `stop`, that is not quiet, where `is_linear`.

    The equity of those before it is written behind the rows that count; nothing else changes.
    """
    is_quiet, low_bound, high_bound, base, per_tick, floor, ceiling, mark_max = quiet_terms(
        par, inst, state, active, orders
    )
    if not is_quiet:
        return first
    return quiet_rows(
        first, stop, low_bound, high_bound, low, high, marks, base, per_tick, floor, ceiling, mark_max, eq_micros,
        state[S_EQUITY_ROWS],
    )  # fmt: skip


@njit(cache=True, error_model="numpy")
def quiet_far(first, stop, par, inst, state, low, high, marks, active, orders, bands, mark_bands):  # type: ignore[no-untyped-def]
    """The same, found by the extremes of bands, where no equity is to be written."""
    is_quiet, low_bound, high_bound, base, per_tick, floor, ceiling, mark_max = quiet_terms(
        par, inst, state, active, orders
    )
    if not is_quiet:
        return first
    return quiet_by_bands(
        first,
        stop,
        low_bound,
        high_bound,
        low,
        high,
        marks,
        base,
        per_tick,
        floor,
        ceiling,
        mark_max,
        bands,
        mark_bands,
    )


@njit(cache=True, error_model="numpy")
def note_cash(n, state, cash_steps):  # type: ignore[no-untyped-def]
    """From row `n` of the equity on, cash is what it is now; noted where it has changed.

    There is never more to note than there are entries in the journal. Where no cash is kept there is no table.
    """
    if len(cash_steps) == 0:
        return
    cash, at = state[S_CASH], state[S_CASH_STEPS]
    if at > 0 and cash_steps[at - 1, 0] == n:
        at -= 1
    elif at > 0 and cash_steps[at - 1, 1] == cash:
        return
    cash_steps[at, 0], cash_steps[at, 1] = n, cash
    state[S_CASH_STEPS] = at + 1


@njit(cache=True, error_model="numpy")
def coast(stop, par, inst, state, rates, low, high, marks, active, orders, eq_micros, cash_steps):  # type: ignore[no-untyped-def]
    """Pass the quiet rows before `stop` of the only instrument; returns the row after them."""
    first = inst[0]["market_row"]
    position = inst[0]["position"]
    n = state[S_EQUITY_ROWS]
    if is_linear(par, inst):
        row = quiet_stop(first, stop, par, inst, state, low, high, marks, active, orders, eq_micros)
    else:
        row = first
        is_quiet, below, above = resting_band(state, active, orders)
        tick = par[0]["tick"]
        low_bound, high_bound = (below + 0.5) * tick, (above - 0.5) * tick
        is_bounded = below > -np.inf or above < np.inf
        while is_quiet and row < stop and (not is_bounded or (low[row] > low_bound and high[row] < high_bound)):
            before, mark = inst[0]["mark"], marks[row]
            if too_large(position, mark, par[0]):
                break
            inst[0]["mark"] = mark
            revalue(0, par, inst, state, rates)
            floor, ceiling = quiet_range(state)
            if state[S_EQUITY] <= floor or state[S_EQUITY] > ceiling:
                inst[0]["mark"] = before
                revalue(0, par, inst, state, rates)
                break
            eq_micros[n + row - first] = state[S_EQUITY]
            row += 1
    if row > first:
        note_cash(n, state, cash_steps)
        set_row(row, n + row - first, par, inst, state, rates, marks)
        if position != 0:
            inst[0]["unsettled"] = 1
    return row


@njit(cache=True, error_model="numpy")
def set_row(row, equity_rows, par, inst, state, rates, marks):  # type: ignore[no-untyped-def]
    """The only instrument stands before the open of `row`, everything before it done and known."""
    inst[0]["market_row"] = row
    inst[0]["recv_row"] = row
    inst[0]["market_phase"] = PHASE_OPEN
    inst[0]["mark"] = marks[row - 1]
    inst[0]["mark_row"] = row - 1
    inst[0]["has_mark"] = 1
    revalue(0, par, inst, state, rates)
    state[S_EQUITY_ROWS] = equity_rows


@njit(cache=True, error_model="numpy")
def ahead(par, inst, state, rates, ts_recv, low, high, marks, special, active, orders, eq_micros, cash_steps):  # type: ignore[no-untyped-def]
    """Pass a quiet stretch; returns how many of its rows wake the strategy, or -1 if there is none.

    The rows run from ``state[S_AHEAD]`` on; the kernel stands after the last one.
    """
    if (
        state[S_PLAIN] == 0
        or state[S_WAKE] == 1
        or state[S_NOTIFY] == 1
        or state[S_LIQUIDATING] > 0
        or inst[0]["recv_row"] != inst[0]["market_row"]
    ):
        return -1
    first = inst[0]["market_row"]
    at = state[S_SPECIAL]
    while special[at] < first:
        at += 1
    state[S_SPECIAL] = at
    stop = special[at]
    every_bar = par[0]["session_end_only"] == 0
    wakes = every_bar and state[S_AWAKE_ROW] <= first < state[S_ASLEEP_ROW]
    if wakes:
        stop = min(stop, state[S_ASLEEP_ROW], first + state[S_STRETCH])
    elif every_bar and first < state[S_AWAKE_ROW]:
        stop = min(stop, state[S_AWAKE_ROW])
    if stop <= first:
        return -1
    equity_rows = state[S_EQUITY_ROWS]
    row = coast(stop, par, inst, state, rates, low, high, marks, active, orders, eq_micros, cash_steps)
    if row == first:
        return -1
    state[S_TS] = ts_recv[row - 1]
    state[S_PHASE] = PHASE_CLOSE
    if not wakes:
        return 0
    if row - first == state[S_STRETCH]:
        state[S_STRETCH] = min(2 * state[S_STRETCH], STRETCH_MAX)
    state[S_AHEAD] = first
    state[S_AHEAD_EQUITY] = equity_rows
    return row - first


@njit(cache=True, error_model="numpy")
def move_to(row, par, inst, state, rates, ts_recv, marks):  # type: ignore[no-untyped-def]
    """Stand at the instant at which `row`, of the stretch passed last, became known."""
    set_row(row + 1, state[S_AHEAD_EQUITY] + row + 1 - state[S_AHEAD], par, inst, state, rates, marks)
    state[S_TS] = ts_recv[row]
    # What was passed in vain is kept within the length of what was used.
    state[S_STRETCH] = max(STRETCH_MIN, row + 1 - state[S_AHEAD])


@njit(cache=True, error_model="numpy")
def marks_of(close, tick, marks):  # type: ignore[no-untyped-def]
    """Closes as marks in whole ticks; `NO_MARK` where a close is not known."""
    for row in range(len(close)):
        if np.isnan(close[row]):
            marks[row] = NO_MARK
        else:
            marks[row] = nearest_tick(ticks_of(close[row], tick))


@njit(cache=True, error_model="numpy")
def special_rows(session, session_end, marks, ts_event, ts_recv, out):  # type: ignore[no-untyped-def]
    """Write the rows that the event loop must handle itself, and one past the end; returns how many.

    First and last bars of sessions, bars without a close, and bars that are not known before the next one begins.
    """
    n, last = 0, len(marks) - 1
    for row in range(last + 1):
        if (
            row == 0
            or session[row] != session[row - 1]
            or session_end[row]
            or marks[row] == NO_MARK
            or ts_recv[row] == ts_recv[row - 1]
            or (row < last and (ts_recv[row] > ts_event[row + 1] or ts_recv[row] == ts_recv[row + 1]))
        ):
            out[n] = row
            n += 1
    out[n] = last + 1
    return n + 1


share_compiled(globals())
