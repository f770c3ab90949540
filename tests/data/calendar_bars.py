"""Bars on the real sessions of a calendar, for tests of what the calendar says of them."""

from __future__ import annotations

from datetime import date

import numpy as np

from argus.core.arrays import Bars
from argus.core.instruments import instrument
from argus.core.time import NS_PER_MINUTE
from argus.data.calendars import assign_sessions, expected_bars, session_table
from argus.data.contract_dates import is_contract, parse_contract


def calendar_bars(symbol: str, first: date, last: date, minutes: int = 30) -> Bars:
    """Every bar that the calendar expects, sessions dated `first` to `last`; a gentle walk of prices."""
    calendar = instrument(parse_contract(symbol).root if is_contract(symbol) else symbol).calendar
    table = session_table(calendar, first, last)
    start = expected_bars(table, minutes * NS_PER_MINUTE, int(table.open_ns[0]), int(table.close_ns[-1]))
    close = start + minutes * NS_PER_MINUTE
    sessions = assign_sessions(start, close, calendar)
    price = 4_000.0 + 0.25 * (np.arange(len(start)) * 7 % 23)
    return Bars(
        instrument=symbol,
        ts_event_ns=start,
        ts_close_ns=close,
        ts_recv_ns=close.copy(),
        open=price,
        high=price + 1.0,
        low=price - 1.0,
        close=price + 0.25,
        volume=np.full(len(start), 100.0),
        open_interest=np.full(len(start), np.nan),
        session=sessions.session,
        session_end=sessions.session_end,
        observed=frozenset({"open", "high", "low", "close", "volume"}),
    )
