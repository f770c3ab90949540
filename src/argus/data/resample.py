"""Coarser bars out of finer ones, and bars out of trades or quotes: each group summed up when its last member is known.

Nothing crosses a session. A coarse bar becomes known when it is over: when a fine bar reaches its end or the end of the
session, else at its end by the clock. That the last minutes of an hour will bring no trade is not known before they are
past, so a bar whose last fine bars are missing waits for its end all the same.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I32_1D, I64_1D, Bars, Quotes
from argus.core.errors import DataError
from argus.core.time import NS_PER_DAY, format_ns

__all__ = ["bars_of_quotes", "bars_of_trades", "resample"]


def resample(bars: Bars, interval_ns: int, *, drop_open: bool = False) -> Bars:
    """Bars of `interval_ns`, cut at its multiples since 1970 in UTC and at sessions; a day or more is a bar a session.

    A bar begins with its first fine bar and ends with its last one, and is known when it is over. Prices that are not
    known (NaN) count for nothing; a sum of volumes that are all unknown is unknown. Open interest is the last known.

    Parameters
    ----------
    bars : Bars
    interval_ns : int
        Nanoseconds, at least the length of the fine bars.
    drop_open : bool
        Leave out the last bar if the fine bars do not reach its end: more of them may come.

    Raises
    ------
    DataError
        If a fine bar is longer than the interval, or lies across one of its multiples.
    """
    if not len(bars):
        return bars
    longest = int((bars.ts_close_ns - bars.ts_event_ns).max())
    if interval_ns < longest:
        raise DataError(f"{bars.instrument}: bars of {longest} ns cannot be made into bars of {interval_ns} ns")
    changes = bars.session[1:] != bars.session[:-1]
    if interval_ns < NS_PER_DAY:
        slot = bars.ts_event_ns // interval_ns
        across = np.flatnonzero((bars.ts_close_ns - 1) // interval_ns > slot)
        if len(across):
            row = int(across[0])
            raise DataError(
                f"{bars.instrument}: row {row}, from {format_ns(int(bars.ts_event_ns[row]))}, lies across a multiple "
                f"of {interval_ns} ns; choose an interval that the bars divide"
            )
        changes |= slot[1:] != slot[:-1]
    first = np.flatnonzero(np.append(True, changes)).astype(np.int64)
    return _known_when_over(_summed(bars, first), interval_ns, drop_open)


def _known_when_over(coarse: Bars, interval_ns: int, drop_open: bool) -> Bars:
    """The coarse bars, each known when no further fine bar can fall into it."""
    by_clock = interval_ns < NS_PER_DAY
    ends = (coarse.ts_event_ns // interval_ns + 1) * interval_ns if by_clock else coarse.ts_close_ns
    is_over = coarse.session_end | ((coarse.ts_close_ns >= ends) if by_clock else np.False_)
    # A session that no bar reaches the close of is over when the next one begins, at the latest.
    following = np.append(coarse.ts_event_ns[1:], coarse.ts_recv_ns[-1])
    waits = np.minimum(ends, following) if by_clock else following
    known = replace(coarse, ts_recv_ns=np.where(is_over, coarse.ts_recv_ns, np.maximum(coarse.ts_recv_ns, waits)))
    return known.rows(0, len(known) - 1) if drop_open and not is_over[-1] else known


def _summed(bars: Bars, first: I64_1D) -> Bars:
    """One bar for each group of rows; `first` are their first rows."""
    last = np.append(first[1:], len(bars)) - 1
    return Bars(
        instrument=bars.instrument,
        ts_event_ns=bars.ts_event_ns[first],
        ts_close_ns=bars.ts_close_ns[last],
        ts_recv_ns=np.maximum.reduceat(bars.ts_recv_ns, first),
        open=_first_known(bars.open, first, last),
        high=np.fmax.reduceat(bars.high, first),
        low=np.fmin.reduceat(bars.low, first),
        close=_last_known(bars.close, first, last),
        volume=_total(bars.volume, first),
        open_interest=_last_known(bars.open_interest, first, last),
        session=bars.session[first],
        session_end=np.logical_or.reduceat(bars.session_end, first),
        observed=bars.observed,
    )


def _last_known(column: F64_1D, first: I64_1D, last: I64_1D) -> F64_1D:
    rows = np.maximum.accumulate(np.where(np.isnan(column), -1, np.arange(len(column))))[last]
    return np.where(rows >= first, column[np.maximum(rows, 0)], np.nan)


def _first_known(column: F64_1D, first: I64_1D, last: I64_1D) -> F64_1D:
    count = len(column)
    mirrored = _last_known(column[::-1], count - 1 - last[::-1], count - 1 - first[::-1])
    return np.ascontiguousarray(mirrored[::-1])


def _total(column: F64_1D, first: I64_1D) -> F64_1D:
    known = np.logical_or.reduceat(~np.isnan(column), first)
    total: F64_1D = np.where(known, np.add.reduceat(np.nan_to_num(column), first), np.nan)
    return total


def bars_of_trades(
    instrument: str,
    ts_event_ns: I64_1D,
    price: F64_1D,
    size: F64_1D,
    session: I32_1D,
    *,
    ts_recv_ns: I64_1D | None = None,
) -> Bars:
    """Single trades as bars, one for each instant: what the engine replays where every trade is at hand.

    A bar begins a nanosecond before its trade and ends with it. An order that arrives between two trades so meets the
    later one, and nobody is told of a fill before the trade that made its price.

    Parameters
    ----------
    ts_event_ns, price, size, session : (n,) arrays
        Trades in time order; several may share an instant.
    ts_recv_ns : (n,) int64 or None
        When each became known; None is at once.

    Raises
    ------
    DataError
        If times fall, or a price or size is not a number.
    """
    columns: tuple[NDArray[np.generic], ...] = (ts_event_ns, price, size, session)
    if len({len(column) for column in columns}) != 1:
        raise DataError(f"{instrument}: columns of trades have different lengths: {[len(c) for c in columns]}")
    falls = np.flatnonzero(np.diff(ts_event_ns) < 0)
    if len(falls):
        raise DataError(f"{instrument}: trade {int(falls[0]) + 1} is earlier than the one before it; sort by time")
    unknown = np.flatnonzero(~np.isfinite(price) | ~np.isfinite(size))
    if len(unknown):
        raise DataError(f"{instrument}: trade {int(unknown[0])} has no price or size")
    changes = (np.diff(ts_event_ns) != 0) | (np.diff(session) != 0)
    first = np.flatnonzero(np.append(len(price) > 0, changes)).astype(np.int64)
    recv = ts_event_ns if ts_recv_ns is None else ts_recv_ns
    ends = ts_event_ns[first]
    sessions = session[first]
    last = np.append(first[1:], len(price)) - 1
    return Bars(
        instrument=instrument,
        ts_event_ns=ends - 1,
        ts_close_ns=ends,
        ts_recv_ns=np.maximum.reduceat(recv, first) if len(first) else ends,
        open=price[first],
        high=np.maximum.reduceat(price, first) if len(first) else price[first],
        low=np.minimum.reduceat(price, first) if len(first) else price[first],
        close=price[last] if len(first) else price[first],
        volume=np.add.reduceat(size, first) if len(first) else size[first],
        open_interest=np.full(len(first), np.nan),
        session=sessions,
        session_end=np.append(sessions[1:] != sessions[:-1], True)[: len(first)],
        observed=frozenset({"open", "high", "low", "close", "volume"}),
    )


def bars_of_quotes(quotes: Quotes, interval_ns: int, session: I32_1D) -> Bars:
    """Bars of the mid between bid and ask, for signals where quotes are all there is; volume is not observed.

    A bar holds the quotes later than a multiple of the interval and not later than the next one, where it ends. It is
    known then, or when the last of its quotes is. Quotes with an empty side have no mid and count for nothing; where
    nothing was quoted there is no bar. A session that begins within an interval cuts it.

    Parameters
    ----------
    quotes : Quotes
    interval_ns : int
    session : (n,) int32
        Of each quote.

    Raises
    ------
    DataError
        If the interval is not positive, sessions do not fit the quotes, or no quote has both sides.
    """
    if interval_ns <= 0 or len(session) != len(quotes):
        raise DataError(
            f"{quotes.instrument}: {len(quotes)} quotes, {len(session)} sessions and an interval of {interval_ns} ns; "
            "give a session for each quote, and an interval above 0"
        )
    mid = 0.5 * (quotes.bid + quotes.ask)
    rows = np.flatnonzero(~np.isnan(mid))
    if not len(rows):
        raise DataError(f"{quotes.instrument}: none of {len(quotes)} quotes has both a bid and an ask")
    mid, ts, day, recv = mid[rows], quotes.ts_event_ns[rows], session[rows], quotes.ts_recv_ns[rows]
    slot = (ts - 1) // interval_ns
    first = np.flatnonzero(np.append(True, (slot[1:] != slot[:-1]) | (day[1:] != day[:-1]))).astype(np.int64)
    last = np.append(first[1:], len(rows)) - 1
    begins, ends = slot[first] * interval_ns, (slot[first] + 1) * interval_ns
    cut = np.flatnonzero(slot[first][1:] == slot[first][:-1])
    ends[cut] = ts[last[cut]]
    begins[cut + 1] = ends[cut]
    nothing = np.full(len(first), np.nan)
    return Bars(
        instrument=quotes.instrument,
        ts_event_ns=begins,
        ts_close_ns=ends,
        ts_recv_ns=np.maximum(ends, np.maximum.reduceat(recv, first)),
        open=mid[first],
        high=np.maximum.reduceat(mid, first),
        low=np.minimum.reduceat(mid, first),
        close=mid[last],
        volume=nothing,
        open_interest=nothing.copy(),
        session=day[first],
        session_end=np.append(day[first][1:] != day[first][:-1], True),
        observed=frozenset({"open", "high", "low", "close"}),
    )
