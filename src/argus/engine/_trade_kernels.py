"""Round trips out of fills: from flat to flat, with the best and worst open gain on the way."""

from __future__ import annotations

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.engine._ledger_kernels import half_even, position_value, share_of
from argus.engine._match_kernels import nearest_tick, ticks_of
from argus.engine._session_kernels import F_FINAL, F_SPLIT

# Slots of the running totals of the trade in hand.
FLOW, FEE, POSITION, LOTS_MAX, MAE, MFE, BARS, CURSOR, CLOSE_FILL_ROW, OPENED = range(10)
TOTAL_SLOTS = 10
SUM_SLOTS = 4


@njit(cache=True, error_model="numpy")
def watch(t, ticks, par_k):  # type: ignore[no-untyped-def]
    """Take the open gain at `ticks` into the extremes of the trade in hand."""
    gain = t[FLOW] + position_value(t[POSITION], ticks, par_k)
    t[MAE] = min(t[MAE], gain)
    t[MFE] = max(t[MFE], gain)


@njit(cache=True, error_model="numpy")
def extremes(column, begin, stop):  # type: ignore[no-untyped-def]
    """(largest, smallest) price of some rows; infinite, the other way round, where none is known.

    Four rows side by side: one comparison need not wait for the one before.
    """
    a, b, c, d = -np.inf, -np.inf, -np.inf, -np.inf
    e, f, g, h = np.inf, np.inf, np.inf, np.inf
    row = begin
    # Comparisons with NaN are false: a price that is not known moves nothing.
    while row + 3 < stop:
        p, q, r, s = column[row], column[row + 1], column[row + 2], column[row + 3]
        a, b, c, d = p if p > a else a, q if q > b else b, r if r > c else c, s if s > d else d
        e, f, g, h = p if p < e else e, q if q < f else f, r if r < g else g, s if s < h else h
        row += 4
    while row < stop:
        p = column[row]
        a, e = p if p > a else a, p if p < e else e
        row += 1
    return max(max(a, b), max(c, d)), min(min(e, f), min(g, h))


@njit(cache=True, error_model="numpy")
def walk(t, stop_row, par_k, high, low, close):  # type: ignore[no-untyped-def]
    """Closes of the bars before `stop_row`, with the trade in hand open: its gain is extreme where the price is."""
    first = t[CURSOR]
    begin, stop = par_k["row_begin"] + first, par_k["row_begin"] + stop_row
    best, worst = extremes(close, begin, stop)
    closed = par_k["row_begin"] + t[CLOSE_FILL_ROW]
    if not begin <= closed < stop:
        closed = stop
    for column in (high, low):
        for since, until in ((begin, closed), (closed + 1, stop)):
            above, below = extremes(column, since, until)
            best, worst = max(best, above), min(worst, below)
    for price in (best, worst):
        if not np.isinf(price):
            watch(t, nearest_tick(ticks_of(price, par_k["tick"])), par_k)
    if stop_row > first:
        t[BARS] += stop_row - first
        t[CURSOR] = stop_row


@njit(cache=True, error_model="numpy")
def begin_trade(t, entry, trades, n, fill_id, fills, k, sign):  # type: ignore[no-untyped-def]
    """Open a trade with fill `fill_id`."""
    cursor, close_fill_row = t[CURSOR], t[CLOSE_FILL_ROW]
    for slot in range(TOTAL_SLOTS):
        t[slot] = 0
    for slot in range(SUM_SLOTS):
        entry[slot] = 0.0
    t[CURSOR], t[CLOSE_FILL_ROW], t[OPENED] = cursor, close_fill_row, 1
    trades[n]["instrument"] = k
    trades[n]["direction"] = sign
    trades[n]["entry_fill"] = fill_id
    trades[n]["entry_ts_ns"] = fills[fill_id]["ts_event_ns"]


@njit(cache=True, error_model="numpy")
def end_trade(t, entry, trades, n, fill_id, ts, gross, mark):  # type: ignore[no-untyped-def]
    """Write the totals of the trade in hand; `fill_id` is -1 for one that is still open."""
    trades[n]["is_open"] = 1 if fill_id < 0 else 0
    trades[n]["bars"] = t[BARS]
    trades[n]["exit_fill"] = fill_id
    trades[n]["exit_ts_ns"] = ts
    trades[n]["lots_max"] = t[LOTS_MAX]
    trades[n]["entry_ticks"] = entry[0] / entry[2]
    trades[n]["exit_ticks"] = entry[1] / entry[3] if fill_id >= 0 and entry[3] > 0.0 else float(mark)
    trades[n]["gross_micros"] = gross
    trades[n]["fee_micros"] = t[FEE]
    trades[n]["net_micros"] = gross - t[FEE]
    trades[n]["mae_micros"] = t[MAE]
    trades[n]["mfe_micros"] = t[MFE]
    t[OPENED] = 0


@njit(cache=True, error_model="numpy")
def add_fill(t, sums, lots, price, value, fee, par_k):  # type: ignore[no-untyped-def]
    """Add (part of) a fill to the trade in hand."""
    against = t[POSITION] != 0 and (t[POSITION] > 0) != (lots > 0)
    t[FLOW] -= value
    t[FEE] += fee
    t[POSITION] += lots
    t[LOTS_MAX] = max(t[LOTS_MAX], abs(t[POSITION]))
    side = 1 if against else 0
    sums[side] += float(price) * abs(lots)
    sums[2 + side] += float(abs(lots))
    watch(t, price, par_k)


@njit(cache=True, error_model="numpy")
def last_mark(par_k, paid, fills, ts_close, close, splits):  # type: ignore[no-untyped-def]
    """(ticks, instant) of what a position is worth at the end: the last known close, in the lots of the end.

    Without any known close it is the price of the fill `paid`, the last of the instrument, whichever book's it was.
    `splits` are those of the instrument that were booked: instant, new lots, old lots.
    """
    begin, row = par_k["row_begin"], par_k["row_end"] - 1
    while row >= begin and np.isnan(close[row]):
        row -= 1
    mark, ts = fills[paid]["price_ticks"], fills[paid]["ts_event_ns"]
    if row >= begin:
        mark, ts = nearest_tick(ticks_of(close[row], par_k["tick"])), ts_close[row]
    for at in range(len(splits)):
        if splits[at, 0] > ts:
            mark = half_even(mark * splits[at, 2], splits[at, 1])
    return mark, ts


@njit(cache=True, error_model="numpy")
def round_trips(k, n, par, fills, ts_close, high, low, close, splits, trades, t, sums):  # type: ignore[no-untyped-def]
    """Append the trades of instrument `k` to `trades` from position `n` on; returns the new count.

    `splits` are those of the instrument (`last_mark`). `trades` needs room for as many rows as there are fills of `k`,
    plus one; `t` and `sums` (price times lots in and against the trade's direction, then the lots) are room for the
    trade in hand.
    """
    par_k = par[k]
    begin, rows = par_k["row_begin"], par_k["row_end"] - par_k["row_begin"]
    for slot in range(TOTAL_SLOTS):
        t[slot] = 0
    t[CLOSE_FILL_ROW] = -1
    last_paid = 0
    for f in range(len(fills)):
        if par[fills[f]["instrument"]]["first_line"] == par_k["first_line"]:
            last_paid = f
        if fills[f]["instrument"] != k:
            continue
        lots, price, value = fills[f]["signed_lots"], fills[f]["price_ticks"], fills[f]["value_micros"]
        fee = fills[f]["fee_micros"] + fills[f]["impact_micros"]
        ts = fills[f]["ts_event_ns"]
        row = fills[f]["row"]
        if t[OPENED] == 1:
            walk(t, row, par_k, high, low, close)
        t[CURSOR] = row
        rule = fills[f]["rule"]
        if rule == F_SPLIT:
            if t[OPENED] == 1:
                t[FLOW] -= value
                t[POSITION] += lots
                t[LOTS_MAX] = max(t[LOTS_MAX], abs(t[POSITION]))
                sums[2] *= fills[f]["base_ticks"]
                sums[3] *= fills[f]["base_ticks"]
                if t[POSITION] == 0:
                    watch(t, price, par_k)
                    end_trade(t, sums, trades, n, f, ts, t[FLOW], price)
                    n += 1
            continue
        if rule != F_FINAL and ts == ts_close[begin + row]:
            t[CLOSE_FILL_ROW] = row
        if t[OPENED] == 1 and (t[POSITION] > 0) != (lots > 0):
            closing = min(abs(lots), abs(t[POSITION])) * (1 if lots > 0 else -1)
            closing_value = value if closing == lots else position_value(closing, price, par_k)
            closing_fee = fee if closing == lots else share_of(fee, abs(closing), abs(lots))
            add_fill(t, sums, closing, price, closing_value, closing_fee, par_k)
            lots, value, fee = lots - closing, value - closing_value, fee - closing_fee
            if t[POSITION] == 0:
                end_trade(t, sums, trades, n, f, ts, t[FLOW], price)
                n += 1
        if lots != 0:
            if t[OPENED] == 0:
                begin_trade(t, sums, trades, n, f, fills, k, 1 if lots > 0 else -1)
            add_fill(t, sums, lots, price, value, fee, par_k)
    if t[OPENED] == 1:
        walk(t, rows, par_k, high, low, close)
        mark, ts = last_mark(par_k, last_paid, fills, ts_close, close, splits)
        end_trade(t, sums, trades, n, -1, ts, t[FLOW] + position_value(t[POSITION], mark, par_k), mark)
        n += 1
    return n


@njit(cache=True, error_model="numpy", nogil=True)
def tally(fills):  # type: ignore[no-untyped-def]
    """(fees and impact, round trips that ended) of the fills of one instrument.

    One ends where the position is flat afterwards, or on the other side; a split ends one only where nothing is left.
    """
    cost, closed = np.int64(0), np.int64(0)
    for i in range(len(fills)):
        cost += fills[i]["fee_micros"] + fills[i]["impact_micros"]
        after = fills[i]["position_after_lots"]
        before = after - fills[i]["signed_lots"]
        if before != 0 and (after == 0 or ((before < 0) != (after < 0) and fills[i]["order_id"] >= 0)):
            closed += 1
    return cost, closed


share_compiled(globals())
