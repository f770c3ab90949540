"""Round trips of a line in another currency, in the account's: every amount at the rate of its own moment.

Shares and currencies are converted with each fill; the gain of a future with each settlement, and when its position
ends. So what a trade made is a sum of conversions, each of which belongs to it alone.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.engine._ledger_kernels import converted, position_value, share_of
from argus.engine._match_kernels import nearest_tick, ticks_of
from argus.engine._session_kernels import F_FINAL, F_SPLIT
from argus.engine._trade_kernels import (
    BARS,
    CLOSE_FILL_ROW,
    CURSOR,
    FEE,
    FLOW,
    LOTS_MAX,
    MAE,
    MFE,
    OPENED,
    POSITION,
    TOTAL_SLOTS,
    begin_trade,
    end_trade,
    last_mark,
)

# Slots of a line's own totals: gain of a future since its last settlement, apart from what is held, in its currency;
# and the next settlement.
UNSETTLED, NEXT = 0, 1
# Columns of the table of settlements: fills before it, its instant, its gain in the instrument's currency.
T_FILLS, T_TS, T_GAIN = range(3)


@njit(cache=True, error_model="numpy")
def rate_at(ts, rate_ts, rate_nano):  # type: ignore[no-untyped-def]
    """The rate in force at an instant; a position implies that there is one."""
    low, high = 0, len(rate_ts)
    while high - low > 1:
        middle = (low + high) // 2
        if rate_ts[middle] <= ts:
            low = middle
        else:
            high = middle
    return rate_nano[low]


@njit(cache=True, error_model="numpy")
def gain_at(t, own, ticks, rate, par_k):  # type: ignore[no-untyped-def]
    """Gain of the trade in hand at a price and a rate, in the account's currency."""
    return t[FLOW] + converted(position_value(t[POSITION], ticks, par_k) + own[UNSETTLED], rate)


@njit(cache=True, error_model="numpy")
def watch_foreign(t, own, ticks, rate, par_k):  # type: ignore[no-untyped-def]
    """Take the open gain at `ticks` into the extremes of the trade in hand."""
    gain = gain_at(t, own, ticks, rate, par_k)
    t[MAE] = min(t[MAE], gain)
    t[MFE] = max(t[MFE], gain)


@njit(cache=True, error_model="numpy")
def take_settlement(t, own, settled, rate_ts, rate_nano):  # type: ignore[no-untyped-def]
    """The next settlement: its gain is converted and stays what it is."""
    row = own[NEXT]
    gain = settled[row, T_GAIN]
    t[FLOW] += converted(gain, rate_at(settled[row, T_TS], rate_ts, rate_nano))
    own[UNSETTLED] -= gain
    own[NEXT] = row + 1


@njit(cache=True, error_model="numpy")
def is_settled_before(own, row, par_k, ts_close, session, session_end, settled):  # type: ignore[no-untyped-def]
    """Whether the next settlement came before the close of `row`.

    A quote that begins a session closes at the instant at which the session before it may be settled belatedly; if it
    ends its session too, the last settlement of that instant is its own. (At the end of the data, and where one of two
    such gains is zero and so not posted, this may be off by one; a quote has one price, at which that moves nothing.)
    """
    at = own[NEXT]
    if at >= len(settled) or settled[at, T_TS] > ts_close[row]:
        return False
    if settled[at, T_TS] < ts_close[row]:
        return True
    begins = row == par_k["row_begin"] or session[row] != session[row - 1]
    follows = at + 1 < len(settled) and settled[at + 1, T_TS] == ts_close[row]
    return par_k["is_quoted"] == 1 and begins and (follows or not session_end[row])


@njit(cache=True, error_model="numpy")
def walk_foreign(  # type: ignore[no-untyped-def]
    t, own, stop_row, par_k, ts_close, high, low, close, session, session_end, settled, rate_ts, rate_nano
):
    """Closes of the bars before `stop_row`, with the trade in hand open, and the settlements between them."""
    begin, first = par_k["row_begin"], t[CURSOR]
    for cursor in range(first, stop_row):
        row = begin + cursor
        while is_settled_before(own, row, par_k, ts_close, session, session_end, settled):
            take_settlement(t, own, settled, rate_ts, rate_nano)
        rate = rate_at(ts_close[row], rate_ts, rate_nano)
        for price in (close[row], high[row], low[row]):
            if not np.isnan(price):
                watch_foreign(t, own, nearest_tick(ticks_of(price, par_k["tick"])), rate, par_k)
            if cursor == t[CLOSE_FILL_ROW]:
                break
    if stop_row > first:
        t[BARS] += stop_row - first
        t[CURSOR] = stop_row


@njit(cache=True, error_model="numpy")
def add_foreign_fill(t, own, sums, lots, price, value, fee, rate, par_k):  # type: ignore[no-untyped-def]
    """Add (part of) a fill to the trade in hand; `value` and `fee` are in the account's currency."""
    against = t[POSITION] != 0 and (t[POSITION] > 0) != (lots > 0)
    if par_k["is_future"] == 1:
        own[UNSETTLED] -= position_value(lots, price, par_k)
    else:
        t[FLOW] -= value
    t[FEE] += fee
    t[POSITION] += lots
    t[LOTS_MAX] = max(t[LOTS_MAX], abs(t[POSITION]))
    side = 1 if against else 0
    sums[side] += float(price) * abs(lots)
    sums[2 + side] += float(abs(lots))
    watch_foreign(t, own, price, rate, par_k)


@njit(cache=True, error_model="numpy")
def foreign_round_trips(  # type: ignore[no-untyped-def]
    k, n, par, fills, costs, settled, rate_ts, rate_nano, ts_close, high, low, close, session, session_end, splits,
    trades, t, sums, own,
):  # fmt: skip
    """Append the trades of line `k`, which is in another currency, to `trades` from `n` on; returns the new count.

    As `round_trips`; `costs` is what conversions cost by fill, `settled` the line's settlements in order.
    """
    par_k = par[k]
    begin, rows = par_k["row_begin"], par_k["row_end"] - par_k["row_begin"]
    for slot in range(TOTAL_SLOTS):
        t[slot] = 0
    own[UNSETTLED], own[NEXT] = 0, 0
    t[CLOSE_FILL_ROW] = -1
    last_paid = 0
    for f in range(len(fills)):
        if par[fills[f]["instrument"]]["first_line"] == par_k["first_line"]:
            last_paid = f
        if fills[f]["instrument"] != k:
            continue
        lots, price, value = fills[f]["signed_lots"], fills[f]["price_ticks"], fills[f]["value_micros"]
        fee = fills[f]["fee_micros"] + fills[f]["impact_micros"] + costs[f]
        ts, row, rule = fills[f]["ts_event_ns"], fills[f]["row"], fills[f]["rule"]
        rate = rate_at(ts, rate_ts, rate_nano)
        if t[OPENED] == 1:
            walk_foreign(
                t, own, row, par_k, ts_close, high, low, close, session, session_end, settled, rate_ts, rate_nano
            )
            while own[NEXT] < len(settled) and settled[own[NEXT], T_FILLS] <= f:
                take_settlement(t, own, settled, rate_ts, rate_nano)
        t[CURSOR] = row
        if rule == F_SPLIT:
            if t[OPENED] == 1:
                t[FLOW] -= value
                t[FEE] += fee
                t[POSITION] += lots
                t[LOTS_MAX] = max(t[LOTS_MAX], abs(t[POSITION]))
                sums[2] *= fills[f]["base_ticks"]
                sums[3] *= fills[f]["base_ticks"]
                if t[POSITION] == 0:
                    watch_foreign(t, own, price, rate, par_k)
                    end_trade(t, sums, trades, n, f, ts, t[FLOW], price)
                    n += 1
            continue
        if rule != F_FINAL and ts == ts_close[begin + row]:
            t[CLOSE_FILL_ROW] = row
        if t[OPENED] == 1 and (t[POSITION] > 0) != (lots > 0):
            closing = min(abs(lots), abs(t[POSITION])) * (1 if lots > 0 else -1)
            closing_value = value if closing == lots else converted(position_value(closing, price, par_k), rate)
            closing_fee = fee if closing == lots else share_of(fee, abs(closing), abs(lots))
            add_foreign_fill(t, own, sums, closing, price, closing_value, closing_fee, rate, par_k)
            lots, value, fee = lots - closing, value - closing_value, fee - closing_fee
            if t[POSITION] == 0:
                if own[UNSETTLED] != 0:
                    take_settlement(t, own, settled, rate_ts, rate_nano)
                end_trade(t, sums, trades, n, f, ts, t[FLOW], price)
                n += 1
        if lots != 0:
            if t[OPENED] == 0:
                begin_trade(t, sums, trades, n, f, fills, k, 1 if lots > 0 else -1)
                own[UNSETTLED] = 0
            add_foreign_fill(t, own, sums, lots, price, value, fee, rate, par_k)
    if t[OPENED] == 1:
        walk_foreign(t, own, rows, par_k, ts_close, high, low, close, session, session_end, settled, rate_ts, rate_nano)
        mark, ts = last_mark(par_k, last_paid, fills, ts_close, close, splits)
        while own[NEXT] < len(settled):
            take_settlement(t, own, settled, rate_ts, rate_nano)
        end_trade(t, sums, trades, n, -1, ts, gain_at(t, own, mark, rate_nano[-1], par_k), mark)
        n += 1
    return n


share_compiled(globals())
