"""Time: int64 nanoseconds since 1970-01-01 UTC, and nothing else, inside Argus.

Everything observed carries two of them: `ts_event_ns`, when it happened at the venue, and `ts_recv_ns`, when we
could first know it. Text and `datetime` are for the edges.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

from argus.core.errors import ConfigError

__all__ = [
    "NS_PER_DAY",
    "NS_PER_HOUR",
    "NS_PER_MINUTE",
    "NS_PER_SECOND",
    "NS_PER_YEAR",
    "day_number",
    "day_of",
    "format_ns",
    "parse_ns",
    "to_ns",
]

NS_PER_SECOND: Final = 1_000_000_000
NS_PER_MINUTE: Final = 60 * NS_PER_SECOND
NS_PER_HOUR: Final = 60 * NS_PER_MINUTE
NS_PER_DAY: Final = 24 * NS_PER_HOUR
NS_PER_YEAR: Final = int(365.2425 * 86_400) * NS_PER_SECOND
"""Mean Gregorian year."""

_FRACTION: Final = re.compile(r"[.,](\d+)")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = date(1970, 1, 1)


def to_ns(moment: datetime) -> int:
    """Nanoseconds since the epoch of an aware `datetime` (exact to its microsecond).

    Raises
    ------
    ConfigError
        If `moment` carries no time zone: Argus does not guess one.
    """
    if moment.tzinfo is None:
        raise ConfigError(f"{moment.isoformat()} has no time zone; state one (for UTC append +00:00)")
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * NS_PER_SECOND + delta.microseconds * 1_000


def parse_ns(text: str) -> int:
    """Nanoseconds of an ISO date (midnight UTC) or of an ISO date-time with an offset."""
    try:
        if len(text) == 10:
            return day_number(date.fromisoformat(text)) * NS_PER_DAY
        # datetime knows microseconds only; digits beyond them are read apart, so that none is dropped.
        fraction = _FRACTION.search(text)
        digits = fraction.group(1) if fraction else ""
        if len(digits) > 9 and digits[9:].strip("0"):
            raise ValueError("finer than a nanosecond")
        whole = text if fraction is None else text[: fraction.start()] + text[fraction.end() :]
        return to_ns(datetime.fromisoformat(whole)) + int(f"{digits[:9]:0<9}")
    except ValueError as error:
        raise ConfigError(
            f"'{text}' is not an ISO date or date-time: {error}; write 2024-03-01 or 2024-03-01T14:30:00+00:00"
        ) from None


def format_ns(ts_ns: int) -> str:
    """ISO text in UTC, as short as is exact: no fraction when the second is whole."""
    seconds, nanos = divmod(int(ts_ns), NS_PER_SECOND)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{nanos:09d}".rstrip("0") + "Z" if nanos else text + "Z"


def day_number(day: date) -> int:
    """Days since 1970-01-01: the number that stands for a session date."""
    return (day - _EPOCH_DAY).days


def day_of(number: int) -> date:
    """Session date of a day number."""
    return _EPOCH_DAY + timedelta(days=int(number))
