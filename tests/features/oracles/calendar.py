"""What the calendar says of a row, by the declared formulas."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, Final

import numpy as np

from argus.core.arrays import F64_1D
from tests.features.market import Market
from tests.features.oracles.plain import Closeness, Oracle, blank

Values = Mapping[str, Any]


def count(columns: Market, values: Values) -> F64_1D:
    return np.array([t + 1.0 for t in range(len(columns["close"]))])


def time_gap(columns: Market, values: Values) -> F64_1D:
    found = blank(columns)
    for t in range(1, len(found)):
        found[t] = columns["start_s"][t] - columns["close_s"][t - 1]
    return found


def _each_row(rule: Callable[..., float], *names: str) -> Oracle:
    """A rule of this row's values; no value where one of them is missing."""

    def oracle(columns: Market, values: Values) -> F64_1D:
        found = blank(columns)
        for t in range(len(found)):
            row = [float(columns[name][t]) for name in names]
            if not any(map(math.isnan, row)):
                found[t] = rule(*row)
        return found

    return oracle


def _of_date(rule: Callable[[date], float]) -> Oracle:
    return _each_row(lambda days: rule(date(1970, 1, 1) + timedelta(days=int(days))), "session")


def _share(close: float, begin: float, end: float) -> float:
    return min(max((close - begin) / (end - begin), 0.0), 1.0)


def _turn(number: float, left: float) -> float:
    return number if number <= left + 1 else -(left + 1)


def _in_hours(name: str, begin: int, end: int) -> Oracle:
    return _each_row(lambda minute: float(begin < minute <= end), name)


def _circle(angle: Callable[..., float], *names: str) -> tuple[Oracle, Oracle]:
    return (
        _each_row(lambda *row: math.sin(2 * math.pi * angle(*row)), *names),
        _each_row(lambda *row: math.cos(2 * math.pi * angle(*row)), *names),
    )


def _date_circle(angle: Callable[[date], float]) -> tuple[Oracle, Oracle]:
    return (
        _of_date(lambda day: math.sin(2 * math.pi * angle(day))),
        _of_date(lambda day: math.cos(2 * math.pi * angle(day))),
    )


_SHARE: Final = ("close_s", "session_open_s", "session_close_s")
_TIME_OF_DAY: Final = _circle(lambda minute: minute / 1440, "new_york_minute")
_WEEKDAY: Final = _date_circle(lambda day: day.weekday() / 7)
_MONTH: Final = _date_circle(lambda day: day.month / 12)
_SESSION_SHARE: Final = _circle(_share, *_SHARE)

ORACLES: Final[dict[str, Oracle]] = {
    "count": count,
    "time_gap": time_gap,
    "session_day": _each_row(lambda day: day, "session"),
    "minute_of_session": _each_row(lambda close, begin: (close - begin) / 60, "close_s", "session_open_s"),
    "minutes_to_close": _each_row(lambda end, close: (end - close) / 60, "session_close_s", "close_s"),
    "session_share": _each_row(_share, *_SHARE),
    "minute_of_regular_hours": _each_row(lambda close, begin: (close - begin) / 60, "close_s", "regular_open_s"),
    "minutes_to_regular_close": _each_row(lambda end, close: (end - close) / 60, "regular_close_s", "close_s"),
    "in_regular_hours": _each_row(
        lambda close, begin, end: float(begin < close <= end), "close_s", "regular_open_s", "regular_close_s"
    ),
    "in_asia": _in_hours("tokyo_minute", 9 * 60, 15 * 60 + 30),
    "in_europe": _in_hours("london_minute", 8 * 60, 16 * 60 + 30),
    "in_us": _in_hours("new_york_minute", 9 * 60 + 30, 16 * 60),
    "weekday": _of_date(lambda day: day.weekday()),
    "day_of_month": _of_date(lambda day: day.day),
    "month": _of_date(lambda day: day.month),
    "week_of_month": _of_date(lambda day: (day.day + 6) // 7),
    "turn_of_month": _each_row(_turn, "session_of_month", "sessions_left_in_month"),
    "time_of_day_sin": _TIME_OF_DAY[0],
    "time_of_day_cos": _TIME_OF_DAY[1],
    "weekday_sin": _WEEKDAY[0],
    "weekday_cos": _WEEKDAY[1],
    "month_sin": _MONTH[0],
    "month_cos": _MONTH[1],
    "session_share_sin": _SESSION_SHARE[0],
    "session_share_cos": _SESSION_SHARE[1],
    **{
        name: _each_row(lambda value: value, name)
        for name in (
            "is_half_day",
            "days_to_expiry",
            "days_to_roll",
            "days_to_option_expiry",
            "sessions_to_holiday",
            "sessions_since_holiday",
        )
    },
}
CLOSENESS: Final[dict[str, Closeness]] = {
    f"{name}_{side}": Closeness(1e-6, 1e-9, "the angle is rounded, which is all that is left of it where it is near 0")
    for name in ("time_of_day", "weekday", "month", "session_share")
    for side in ("sin", "cos")
}
