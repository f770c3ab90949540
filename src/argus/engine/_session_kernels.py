"""What happens to the account besides fills: sessions begin, margins fail, losses halt trading, instruments change.

A new session brings rates up to date and charges for the nights before; a close may liquidate or halt the account; and
dividends, funding, splits and final settlements come with the data, at their own instants.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.engine._layout import (
    E_A,
    E_B,
    E_DIVIDEND,
    E_FUNDING,
    E_KIND,
    E_LINE,
    E_MARGIN,
    E_RATE,
    E_ROW,
    E_SPLIT,
    E_TS,
    INT64_MAX,
    NANO,
    NO_SESSION,
    R_SESSION,
    S_CASH,
    S_CLOSED,
    S_CREDIT_PPM,
    S_DEBIT_PPM,
    S_DRAWDOWN_FLOOR,
    S_DRAWDOWN_PPM,
    S_EQUITY,
    S_EVENT,
    S_FLATTEN,
    S_HALT,
    S_HALTS,
    S_LIQUIDATING,
    S_LIQUIDATIONS,
    S_LOSS_FLOOR,
    S_LOSS_PPM,
    S_MAINTENANCE,
    S_PEAK,
    S_SESSION,
)
from argus.engine._ledger_kernels import (
    CARRY,
    CASH,
    CLEARING,
    INTEREST,
    POSITION,
    PPM,
    half_even,
    has_news,
    part_of,
    pay_cash,
    position_value,
    post,
    quiet_range,
    revalue,
    rounded,
    set_mark,
    settle,
    write_fill,
)
from argus.engine._order_kernels import (
    GTC,
    MARKET,
    ON_CLOSE,
    R_CONTRACT_EXPIRED,
    R_DAILY_LOSS,
    R_DRAWDOWN,
    R_LIQUIDATION,
    R_SPLIT,
    cancel_all,
    cancel_line,
    enter,
)

F_SPLIT, F_FINAL = 15, 16
YEAR_DAYS = 360


@njit(cache=True, error_model="numpy")
def pay_interest(amount, ts, inst, state, journal):  # type: ignore[no-untyped-def]
    """Pay `amount` of interest out of cash (receive it, if negative)."""
    post(INTEREST, CASH, -1, amount, ts, -1, inst, state, journal)
    state[S_EQUITY] -= amount


@njit(cache=True, error_model="numpy")
def loss_floor(equity, ppm):  # type: ignore[no-untyped-def]
    """Equity less a fraction of itself, the fraction rounded up; the int64 minimum where there is no limit."""
    if ppm == 0:
        return np.int64(-INT64_MAX)
    return equity - (equity // PPM * ppm + -((-(equity % PPM) * ppm) // PPM))


@njit(cache=True, error_model="numpy")
def begin_session(k, ts, session, par, inst, state, journal, rates):  # type: ignore[no-untyped-def]
    """First open of a session of line `k`: late settlement, rates, interest and borrow fees, the day's loss limit."""
    proven = True
    if inst[k]["unsettled"] == 1:
        proven = settle(k, ts, par, inst, state, journal)
    last = inst[k]["session"]
    inst[k]["session"] = session
    at = inst[k]["rate_at"]
    while at + 1 < par[k]["rate_end"] and rates[at + 1, R_SESSION] <= session:
        at += 1
    if at != inst[k]["rate_at"]:
        line = par[k]["first_line"]
        while line >= 0:
            inst[line]["rate_at"] = at
            line = par[line]["next_line"]
        revalue(k, par, inst, state, rates)
    is_new = session > state[S_SESSION]
    if is_new and state[S_SESSION] != NO_SESSION:
        days = session - state[S_SESSION]
        if state[S_CASH] < 0:
            interest = part_of(-state[S_CASH], state[S_DEBIT_PPM] * days, YEAR_DAYS * PPM)
        else:
            interest = -part_of(state[S_CASH], state[S_CREDIT_PPM] * days, YEAR_DAYS * PPM)
        pay_interest(interest, ts, inst, state, journal)
    if last != NO_SESSION and inst[k]["position"] < 0 and par[k]["borrow_ppm"] > 0:
        size = abs(inst[k]["value"])
        fee = part_of(size, par[k]["borrow_ppm"] * (session - last), YEAR_DAYS * PPM)
        pay_cash(CARRY, k, fee, ts, -1, par, inst, state, journal)
    if is_new:
        state[S_SESSION] = session
        if state[S_HALT] == R_DAILY_LOSS:
            state[S_HALT] = 0
        if state[S_HALT] == 0:
            state[S_LOSS_FLOOR] = loss_floor(state[S_EQUITY], state[S_LOSS_PPM])
    return proven


@njit(cache=True, error_model="numpy")
def close_out(is_liquidation, ts, par, inst, state, active, orders):  # type: ignore[no-untyped-def]
    """Enter an order against every position: at the next open, or close where opens are unknown."""
    for k in range(len(inst)):
        held = inst[k]["position"]
        if held == 0:
            continue
        kind = MARKET if par[k]["has_open"] == 1 else ON_CLOSE
        i = enter(k, -1 if held > 0 else 1, kind, GTC, abs(held), ts, ts, -1, inst, state, active, orders)
        if is_liquidation:
            orders[i]["liquidation"] = 1
            state[S_LIQUIDATING] += 1
        else:
            orders[i]["reduce_only"] = 1


@njit(cache=True, error_model="numpy")
def halt(reason, ts, par, inst, state, active, orders):  # type: ignore[no-untyped-def]
    """Stop trading: until the next session after a daily loss, for good after a drawdown."""
    cancel_all(reason, ts, inst, state, active, orders)
    state[S_HALT] = reason
    state[S_HALTS] += 1
    state[S_LOSS_FLOOR] = -INT64_MAX
    if reason == R_DRAWDOWN:
        state[S_DRAWDOWN_FLOOR] = -INT64_MAX
    if state[S_FLATTEN] == 1:
        close_out(False, ts, par, inst, state, active, orders)


@njit(cache=True, error_model="numpy")
def check_account(ts, par, inst, state, active, orders):  # type: ignore[no-untyped-def]
    """After a close: liquidate what margin no longer carries, close an account with nothing left, halt after losses."""
    equity = state[S_EQUITY]
    if equity > state[S_PEAK]:
        state[S_PEAK] = equity
        if state[S_HALT] != R_DRAWDOWN:
            state[S_DRAWDOWN_FLOOR] = loss_floor(equity, state[S_DRAWDOWN_PPM])
    if equity > quiet_range(state)[0] or state[S_LIQUIDATING] > 0:
        return
    is_held = False
    for k in range(len(inst)):
        is_held = is_held or inst[k]["position"] != 0
    if is_held and equity < state[S_MAINTENANCE]:
        cancel_all(R_LIQUIDATION, ts, inst, state, active, orders)
        close_out(True, ts, par, inst, state, active, orders)
        state[S_LIQUIDATIONS] += 1
    elif not is_held and equity <= 0:
        state[S_CLOSED] = 1
        cancel_all(R_LIQUIDATION, ts, inst, state, active, orders)
    elif state[S_CLOSED] == 1:
        return
    elif equity <= state[S_DRAWDOWN_FLOOR]:
        halt(R_DRAWDOWN, ts, par, inst, state, active, orders)
    elif equity <= state[S_LOSS_FLOOR]:
        halt(R_DAILY_LOSS, ts, par, inst, state, active, orders)


@njit(cache=True, error_model="numpy")
def split(first, known_row, numerator, denominator, ts, par, inst, state, active, orders, fills, journal, rates):  # type: ignore[no-untyped-def]
    """`numerator` new shares for `denominator` old ones, in all books; fractions are paid in cash at the last mark."""
    old_mark = inst[first]["mark"]
    line = first
    while line >= 0:
        cancel_line(line, R_SPLIT, ts, inst, state, active, orders)
        inst[line]["split_row"] = known_row
        held = inst[line]["position"]
        if held != 0:
            whole = abs(held) * numerator // denominator * (1 if held > 0 else -1)
            left = held * numerator - whole * denominator
            cash = half_even(left * old_mark * par[line]["value_num"], numerator * par[line]["value_den"])
            row = inst[line]["market_row"] - par[line]["row_begin"]
            mark = half_even(old_mark * denominator, numerator)
            n = write_fill(
                -1, line, whole - held, numerator / denominator, mark, F_SPLIT, ts, row, -cash, 0, 0, inst, state, fills
            )
            pay_cash(POSITION, line, -cash, ts, n, par, inst, state, journal)
            has_news(line, par, inst, state)
        line = par[line]["next_line"]
    inst[first]["paid"] = half_even(inst[first]["paid"] * denominator, numerator)
    line = first
    mark = half_even(old_mark * denominator, numerator)
    while line >= 0:
        inst[line]["mark"] = mark
        revalue(line, par, inst, state, rates)
        line = par[line]["next_line"]


@njit(cache=True, error_model="numpy")
def settle_finally(first, price, ts, par, inst, state, active, orders, fills, journal, rates):  # type: ignore[no-untyped-def]
    """The end of a contract: positions of all books are closed at `price` ticks, and settled. False if unproven."""
    line, proven = first, True
    while line >= 0:
        cancel_line(line, R_CONTRACT_EXPIRED, ts, inst, state, active, orders)
        inst[line]["expired"] = 1
        held = inst[line]["position"]
        if held != 0:
            value = position_value(-held, price, par[line])
            row = inst[line]["market_row"] - par[line]["row_begin"]
            n = write_fill(-1, line, -held, float(price), price, F_FINAL, ts, row, value, 0, 0, inst, state, fills)
            if par[line]["is_future"] == 0:
                pay_cash(POSITION, line, value, ts, n, par, inst, state, journal)
            else:
                post(POSITION, CLEARING, line, value, ts, n, inst, state, journal)
                state[S_EQUITY] -= value if par[line]["is_foreign"] == 0 else 0
            revalue(line, par, inst, state, rates)
            has_news(line, par, inst, state)
            proven = settle(line, ts, par, inst, state, journal) and proven
        line = par[line]["next_line"]
    set_mark(first, price, par, inst, state, rates)
    return proven


@njit(cache=True, error_model="numpy")
def instrument_event(par, inst, state, active, orders, fills, journal, rates, events):  # type: ignore[no-untyped-def]
    """Book the next row of the table of events; False if the books do not prove."""
    row = state[S_EVENT]
    state[S_EVENT] = row + 1
    ts, first, kind, a, b = (
        events[row, E_TS],
        events[row, E_LINE],
        events[row, E_KIND],
        events[row, E_A],
        events[row, E_B],
    )
    if kind == E_SPLIT:
        split(first, events[row, E_ROW], a, b, ts, par, inst, state, active, orders, fills, journal, rates)
    elif kind == E_DIVIDEND or kind == E_FUNDING:
        line = first
        while line >= 0:
            held = inst[line]["position"]
            if kind == E_DIVIDEND:
                amount = rounded(held * a + held * b // NANO, held * b % NANO, NANO)
                pay_cash(CARRY, line, -amount, ts, -1, par, inst, state, journal)
            else:
                amount = part_of(inst[line]["value"], a, NANO)
                pay_cash(CARRY, line, amount, ts, -1, par, inst, state, journal)
            line = par[line]["next_line"]
    elif kind == E_RATE or kind == E_MARGIN:
        line = first
        while line >= 0:
            if kind == E_RATE:
                inst[line]["fx_rate"] = a
            else:
                inst[line]["margin_shift"] = a
            revalue(line, par, inst, state, rates)
            line = par[line]["next_line"]
    else:
        return settle_finally(first, a, ts, par, inst, state, active, orders, fills, journal, rates)
    return True


share_compiled(globals())
