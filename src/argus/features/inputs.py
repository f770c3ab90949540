"""The columns that features are made from: what a bar holds, and what the exchange calendar says of the bar.

Calendar columns are known beforehand: when the session closes is no secret at its opening. All columns are float64 in
the kernels; times are seconds since 1970 in UTC, exact to well under a microsecond.
"""

from __future__ import annotations

from typing import Final

from argus.features.graph import input_column

__all__ = ["BAR_INPUTS", "CALENDAR_INPUTS", "CLOSE", "HIGH", "INPUTS", "LOW", "OPEN", "OPEN_INTEREST", "VOLUME"]

BAR_INPUTS: Final = {
    "open": "price of the bar's first trade",
    "high": "highest price of the bar",
    "low": "lowest price of the bar",
    "close": "price of the bar's last trade",
    "volume": "units traded in the bar",
    "open_interest": "units outstanding at the bar's close",
    "start_s": "start of the bar, seconds since 1970 UTC",
    "close_s": "close of the bar, seconds since 1970 UTC",
    "session": "session date, days since 1970-01-01",
    "session_end": "1 where the bar reaches the close of its session, else 0",
}
"""Columns that every bar has, and what they hold; those of prices and volume may be missing (NaN throughout)."""

CALENDAR_INPUTS: Final = {
    "session_open_s": "open of the bar's session, seconds since 1970 UTC",
    "session_close_s": "close of the bar's session, seconds since 1970 UTC",
    "regular_open_s": "open of the regular hours (of the floor, or the cash market), seconds since 1970 UTC",
    "regular_close_s": "close of the regular hours, seconds since 1970 UTC",
    "is_half_day": "1 on a session that closes early, else 0",
    "new_york_minute": "minute of the day in New York at the bar's close, 0 to 1439",
    "london_minute": "minute of the day in London at the bar's close, 0 to 1439",
    "tokyo_minute": "minute of the day in Tokyo at the bar's close, 0 to 1439",
    "session_of_month": "which session of its month this is, from 1",
    "sessions_left_in_month": "sessions of the month after this one",
    "sessions_to_holiday": "sessions until the next weekday without a session; 0 on the last one before it",
    "sessions_since_holiday": "sessions since the last such weekday; 0 on the first one after it",
    "days_to_expiry": "calendar days to the contract's last trade; NaN where nothing expires",
    "days_to_roll": "calendar days to the next roll of the series; NaN where nothing rolls",
    "days_to_option_expiry": "calendar days to the next monthly option expiry (third Friday, or the session before)",
}
"""Columns that the calendar and the instrument's rules give for every bar."""

INPUTS: Final = {**BAR_INPUTS, **CALENDAR_INPUTS}
"""Every input and what it holds."""

OPEN: Final = input_column("open")
HIGH: Final = input_column("high")
LOW: Final = input_column("low")
CLOSE: Final = input_column("close")
VOLUME: Final = input_column("volume")
OPEN_INTEREST: Final = input_column("open_interest")
