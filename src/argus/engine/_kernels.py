"""The engine's inner loop: bars in, fills and books out.

`advance` walks the market forward, event by event, matching, marking, settling and proving on its own, and comes back
only when the strategy has to be asked something, when a table must grow, or when the data end. The conditions and
prices of fills stand in ``docs/fills.md``; a test engine written from that page alone must agree to the micro-unit.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.engine._coast_kernels import ahead, note_cash
from argus.engine._layout import (
    AHEAD,
    BOOKS_BROKEN,
    E_TS,
    END,
    FILLED,
    GROW,
    INT64_MAX,
    MONEY_MAX,
    NO_MARK,
    OVERFLOW,
    PHASE_CLOSE,
    PHASE_EVENT,
    PHASE_OPEN,
    PHASE_RECV,
    S_ACTIVE,
    S_AHEAD,
    S_AHEAD_END,
    S_BOOK,
    S_CASH,
    S_END,
    S_EQUITY,
    S_EQUITY_ROWS,
    S_EVENT,
    S_FILLS,
    S_FOREIGN,
    S_JOURNAL,
    S_NOTIFY,
    S_ORDERS,
    S_PHASE,
    S_PLAIN,
    S_START,
    S_TS,
    S_WAKE,
    WAKE,
)
from argus.engine._ledger_kernels import set_mark, settle, settle_last
from argus.engine._match_kernels import match_close, match_open, volume_cap
from argus.engine._order_kernels import R_RUN_END, cancel_all, expire
from argus.engine._quote_kernels import begin_quote, match_quote
from argus.engine._session_kernels import begin_session, check_account, instrument_event


@njit(cache=True, error_model="numpy")
def next_event(par, inst, state, ts_event, ts_close, ts_recv, events):  # type: ignore[no-untyped-def]
    """(time, phase, line) of the next event; the line is -1 when the data are over."""
    best_ts, best_phase, best_k = INT64_MAX, 0, -1
    for k in range(len(inst)):
        row = inst[k]["market_row"]
        if row < par[k]["row_end"]:
            phase = inst[k]["market_phase"]
            ts = ts_event[row] if phase == PHASE_OPEN else ts_close[row]
            if ts < best_ts or (ts == best_ts and phase < best_phase):
                best_ts, best_phase, best_k = ts, phase, k
        row = inst[k]["recv_row"]
        if row < par[k]["known_end"]:
            ts = ts_recv[row]
            if ts < best_ts or (ts == best_ts and best_phase > PHASE_RECV):
                best_ts, best_phase, best_k = ts, PHASE_RECV, k
    at = state[S_EVENT]
    if best_k >= 0 and at < len(events) and events[at, E_TS] <= best_ts:
        return events[at, E_TS], PHASE_EVENT, 0
    return best_ts, best_phase, best_k


@njit(cache=True, error_model="numpy")
def next_of_many(due, state, events):  # type: ignore[no-untyped-def]
    """The same from the table of what is due: (time and phase of the next open or close, time of the next receipt)."""
    best_ts, best_phase, best_k = INT64_MAX, 0, -1
    for k in range(len(due)):
        if due[k, 0] < best_ts or (due[k, 0] == best_ts and best_k >= 0 and due[k, 1] < best_phase):
            best_ts, best_phase, best_k = due[k, 0], due[k, 1], k
        if due[k, 2] < best_ts or (due[k, 2] == best_ts and best_k >= 0 and best_phase > PHASE_RECV):
            best_ts, best_phase, best_k = due[k, 2], PHASE_RECV, k
    at = state[S_EVENT]
    if best_k >= 0 and at < len(events) and events[at, E_TS] <= best_ts:
        return events[at, E_TS], PHASE_EVENT, 0
    return best_ts, best_phase, best_k


@njit(cache=True, error_model="numpy")
def sample(ts, session, state, eq_ts, eq_micros, cash_steps, eq_session):  # type: ignore[no-untyped-def]
    """Note the account at an instant at which a bar closed, with the latest session that closed a bar there.

    A later close of the same instant overwrites. Where one instrument is alone no instants are kept: they are its
    closes. Nor is cash, where only a row of figures is wanted of a run.
    """
    n = state[S_EQUITY_ROWS]
    if len(eq_ts) > 0:
        if n > 0 and eq_ts[n - 1] == ts:
            n -= 1
            session = max(session, eq_session[n])
        eq_ts[n] = ts
        eq_session[n] = session
    eq_micros[n] = state[S_EQUITY]
    note_cash(n, state, cash_steps)
    state[S_EQUITY_ROWS] = n + 1


@njit(cache=True, error_model="numpy")
def next_due(par, inst, state):  # type: ignore[no-untyped-def]
    """FILLED or WAKE for the next book that has to be asked, which is noted in the state; END if none has.

    Book by book: each is told of its fills first, then woken. A book whose instruments have not all shown their
    warm-up hears nothing.
    """
    in_span = state[S_START] <= state[S_TS] < state[S_END]
    first = 0
    while first < len(inst):
        stop, awake, told, woken = first, in_span, np.int64(0), np.int64(0)
        while stop < len(inst) and par[stop]["book"] == par[first]["book"]:
            told |= inst[stop]["notify"]
            woken |= inst[stop]["wake"]
            awake = awake and inst[stop]["recv_row"] - par[stop]["known_begin"] >= par[stop]["warmup"]
            stop += 1
        state[S_BOOK] = par[first]["book"]
        if told == 1:
            for k in range(first, stop):
                inst[k]["notify"] = 0
            if awake:
                return FILLED
        if woken == 1:
            for k in range(first, stop):
                inst[k]["wake"] = 0
            if awake:
                return WAKE
        first = stop
    state[S_NOTIFY] = 0
    state[S_WAKE] = 0
    return END


@njit(cache=True, error_model="numpy")
def has_room(state, inst, active, orders, fills, journal, eq_micros):  # type: ignore[no-untyped-def]
    """Whether every table can take what one event may add."""
    instruments = len(inst)
    fills_max = state[S_ACTIVE] + instruments
    # Money in another currency takes four entries where one's own takes one.
    per_fill, per_line = (14, 24) if state[S_FOREIGN] == 1 else (3, 8)
    return (
        state[S_ORDERS] + instruments <= len(orders)
        and state[S_ACTIVE] + instruments <= len(active)
        and state[S_FILLS] + fills_max <= len(fills)
        and state[S_JOURNAL] + per_fill * fills_max + per_line * instruments <= len(journal)
        and state[S_EQUITY_ROWS] < len(eq_micros)
    )


@njit(cache=True, error_model="numpy")
def finish_run(par, inst, state, active, orders, journal):  # type: ignore[no-untyped-def]
    """The data are over: end orders, settle and prove."""
    cancel_all(R_RUN_END, state[S_TS], inst, state, active, orders)
    for k in range(len(inst)):
        if inst[k]["unsettled"] == 1 and not settle_last(k, state[S_TS], par, inst, state, journal):
            return BOOKS_BROKEN
    return END


@njit(cache=True, error_model="numpy")
def advance(  # type: ignore[no-untyped-def]
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
    cash_steps,
    events,
    spread,
    impact,
    known_end,
    eq_session,
    due,
    quotes,
):
    """Walk the market forward until somebody has to be asked.

    Returns WAKE or FILLED (the instant is in ``state[S_TS]``), AHEAD (a quiet stretch was passed: ask the strategy at
    each of its rows, and take the kernel back with `move_to` where it decides), GROW (a table is full: enlarge it and
    call again), END, BOOKS_BROKEN or OVERFLOW. Bars of all instruments lie one instrument after the other in the market
    columns.
    """
    while True:
        woken = ahead(
            par, inst, state, rates, ts_recv, low, high, marks, special, active, orders, eq_micros, cash_steps
        )  # fmt: skip
        if woken > 0:
            state[S_AHEAD_END] = state[S_AHEAD] + woken
            return AHEAD
        if woken == 0:
            continue
        if state[S_PLAIN] == 1:
            ts, phase, k = next_event(par, inst, state, ts_event, ts_close, ts_recv, events)
        else:
            ts, phase, k = next_of_many(due, state, events)
        group = PHASE_OPEN if phase == PHASE_OPEN else PHASE_CLOSE
        if k < 0 or ts != state[S_TS] or group != state[S_PHASE]:
            if state[S_NOTIFY] == 1 or state[S_WAKE] == 1:
                why = next_due(par, inst, state)
                if why != END:
                    return why
            if k < 0:
                return finish_run(par, inst, state, active, orders, journal)
            state[S_TS] = ts
            state[S_PHASE] = group
        if phase == PHASE_RECV:
            row = inst[k]["recv_row"]
            inst[k]["recv_row"] = row + 1
            due[k, 2] = ts_recv[row + 1] if row + 1 < par[k]["known_end"] else INT64_MAX
            if par[k]["session_end_only"] == 0 or known_end[row]:
                inst[k]["wake"] = 1
                state[S_WAKE] = 1
            continue
        if not has_room(state, inst, active, orders, fills, journal, eq_micros):
            return GROW
        if phase == PHASE_EVENT:
            if not instrument_event(par, inst, state, active, orders, fills, journal, rates, events):
                return BOOKS_BROKEN
            continue
        row = inst[k]["market_row"]
        local = row - par[k]["row_begin"]
        if phase == PHASE_OPEN:
            inst[k]["market_phase"] = PHASE_CLOSE
            due[k, 0], due[k, 1] = ts_close[row], PHASE_CLOSE
            is_first = session[row] != inst[k]["session"]
            first = par[k]["first_line"]
            if inst[first]["volume_row"] != row:
                inst[first]["volume_row"] = row
                inst[first]["volume_left"] = volume_cap(volume[row], par[k])
            inst[k]["adverse_milli"] = par[k]["adverse_milli"] + (spread[row] if len(spread) > 0 else 0)
            inst[k]["impact_scale"] = impact[row] if len(impact) > 0 else 0.0
            if is_first and not begin_session(k, ts, session[row], par, inst, state, journal, rates):
                return BOOKS_BROKEN
            if inst[k]["working"] > 0 and not match_open(
                local, k, ts, open_[row], is_first, session[row], par, inst, state, active, orders,
                fills, journal, rates,
            ):  # fmt: skip
                return OVERFLOW
            continue
        if par[k]["is_quoted"] == 1 and not begin_quote(
            row, k, ts, session[row], quotes, par, inst, state, active, orders, journal, rates
        ):
            return BOOKS_BROKEN
        fault = close_bar(
            row, local, k, ts, ts_event, open_, high, low, close, session, session_end, marks, par, inst, state, active,
            orders, fills, journal, rates, quotes,
        )  # fmt: skip
        if fault != END:
            return fault
        sample(ts, session[row], state, eq_ts, eq_micros, cash_steps, eq_session)
        inst[k]["market_phase"] = PHASE_CLOSE if par[k]["is_quoted"] == 1 else PHASE_OPEN
        inst[k]["market_row"] = row + 1
        due[k, 0] = ts_event[row + 1] if row + 1 < par[k]["row_end"] else INT64_MAX
        due[k, 1] = inst[k]["market_phase"]


@njit(cache=True, error_model="numpy")
def close_bar(  # type: ignore[no-untyped-def]
    row,
    local,
    k,
    ts,
    ts_event,
    open_,
    high,
    low,
    close,
    session,
    session_end,
    marks,
    par,
    inst,
    state,
    active,
    orders,
    fills,
    journal,
    rates,
    quotes,
):
    """The CLOSE event: match, mark, settle at a session end, check the account. Returns END if all is well."""
    if inst[k]["working"] > 0 and par[k]["is_quoted"] == 1:
        if not match_quote(
            row, local, k, ts, session[row], session_end[row], quotes, par, inst, state, active, orders, fills, journal,
            rates,
        ):  # fmt: skip
            return OVERFLOW
    elif inst[k]["working"] > 0:
        if not match_close(
            local, k, ts_event[row], ts, open_[row], high[row], low[row], close[row], session[row], session_end[row],
            par, inst, state, active, orders, fills, journal, rates,
        ):  # fmt: skip
            return OVERFLOW
    first = par[k]["first_line"]
    if marks[row] != NO_MARK:
        if inst[first]["mark_row"] != row:
            inst[first]["mark_row"] = row
            line = first
            while line >= 0:
                inst[line]["has_mark"] = 1
                line = par[line]["next_line"]
            if not set_mark(first, marks[row], par, inst, state, rates):
                return OVERFLOW
        if inst[k]["position"] != 0:
            inst[k]["unsettled"] = 1
    if abs(state[S_EQUITY]) > MONEY_MAX or abs(state[S_CASH]) > MONEY_MAX:
        return OVERFLOW
    check_account(ts, par, inst, state, active, orders)
    if session_end[row]:
        if inst[k]["unsettled"] == 1 and not settle(k, ts, par, inst, state, journal):
            return BOOKS_BROKEN
        if inst[k]["working"] > 0:
            expire(k, session[row], ts, inst, state, active, orders)
    return END


share_compiled(globals(), pointers=("advance",))
