"""Time: where a bar stands in its session, week, month and year, and before or after which events.

All of it is known beforehand from the exchange calendar. Minutes are those of the bar's close, when its values are
known.
"""

from __future__ import annotations

from typing import Final

from argus.features import windows as w
from argus.features.declaration import Feature, column
from argus.features.graph import Node, Term, input_column, node
from argus.features.inputs import CLOSE

__all__ = ["COLUMNS", "DECLARED"]

_SESSION: Final = input_column("session")
_START: Final = input_column("start_s")
_CLOSED: Final = input_column("close_s")
_SESSION_OPEN: Final = input_column("session_open_s")
_SESSION_CLOSE: Final = input_column("session_close_s")
_REGULAR_OPEN: Final = input_column("regular_open_s")
_REGULAR_CLOSE: Final = input_column("regular_close_s")

_DATE: Final = node("clock.date", _SESSION)
_SHARE: Final = w.clip((_CLOSED - _SESSION_OPEN) / (_SESSION_CLOSE - _SESSION_OPEN), 0.0, 1.0)

_CALENDAR_NAN: Final = "NaN where the calendar gives no value."
_NEVER: Final = "Never missing."
_CALENDAR: Final = "definition; the hours stand in the instrument's exchange calendar"
_INTRADAY: Final = (
    "Wood, McInish, Ord (1985), An investigation of transactions data for NYSE stocks, Journal of Finance 40(3), on "
    "the day's pattern; the count by definition"
)
_WEEKEND: Final = "French (1980), Stock returns and the weekend effect, Journal of Financial Economics 8(1)"
_MONTH_TURN: Final = (
    "Ariel (1987), A monthly effect in stock returns, Journal of Financial Economics 18(1); Lakonishok, Smidt "
    "(1988), Are seasonal anomalies real?, Review of Financial Studies 1(4)"
)
_YEAR: Final = (
    "Rozeff, Kinney (1976), Capital market seasonality: the case of stock returns, Journal of Financial Economics 3(4)"
)
_HOLIDAY: Final = "Ariel (1990), High stock returns before holidays, Journal of Finance 45(5)"
_EXPIRY: Final = "Stoll, Whaley (1987), Program trading and expiration-day effects, Financial Analysts Journal 43(2)"
_LOCAL: Final = "Local clock only: holidays and weekends of the place are not asked for, and older hours may differ."


def _minutes(later: Term, earlier: Term) -> Node:
    return (later - earlier) / 60.0


def _open_hours(place: str, first: int, last: int) -> Node:
    return node("clock.within", input_column(f"{place}_minute"), args=(first, last))


def _circle(x: Term, period: float, output: int) -> Node:
    return node("clock.circle", x, args=(period,), output=output)


def _given(
    name: str, meaning: str, formula: str, source: str, unit: str, low: float = 0.0, high: float = float("inf")
) -> Feature:
    """A column of the calendar as it is."""
    sparse = "Sparse: " if name in ("days_to_expiry", "days_to_roll") else ""
    return Feature(
        name=name,
        family="time",
        meaning=meaning,
        warmup=lambda values: 1,
        build=lambda values: input_column(name),
        formula=formula,
        source=source,
        unit=unit,
        low=low,
        high=high,
        nan_policy=sparse + _CALENDAR_NAN,
    )


def _wave(name: str, of: str, x: Term, period: float, turn: str, source: str, nan_policy: str) -> tuple[Feature, ...]:
    """Sine and cosine of something that comes round again."""
    return tuple(
        Feature(
            name=f"{name}_{kind}",
            family="time",
            meaning=f"The {of} as a place on a circle, so that its end lies next to its beginning ({word}).",
            warmup=lambda values: 1,
            build=lambda values, output=output: _circle(x, period, output),  # type: ignore[misc]
            formula=f"{kind}(2 pi {turn}",
            source=source,
            unit=word,
            low=-1.0,
            high=1.0,
            nan_policy=nan_policy,
        )
        for output, (kind, word) in enumerate((("sin", "sine"), ("cos", "cosine")))
    )


_ROWS: Final = (
    Feature(
        name="count",
        family="time",
        meaning="How many rows there have been: tells whether a strategy has seen enough.",
        warmup=lambda values: 1,
        build=lambda values: node("clock.count", CLOSE),
        formula="number of rows up to and including this one",
        source="definition",
        unit="bars (sessions with on=session)",
        low=1.0,
        nan_policy="Missing values count as rows.",
    ),
    Feature(
        name="time_gap",
        family="time",
        meaning="How long nothing was reported before this bar began: breaks, nights, missing bars.",
        warmup=lambda values: 2,
        build=lambda values: _START - w.lag(_CLOSED, 1),
        formula="start of the bar less close of the bar before; 0 where one follows the other",
        source="definition",
        unit="seconds",
        nan_policy="NaN in the first row.",
        distrust="Where bars without trades are left out it says more of trading than of time.",
    ),
    Feature(
        name="session_day",
        family="time",
        meaning="Which trading session the bar belongs to.",
        warmup=lambda values: 1,
        build=lambda values: _SESSION,
        formula="session date of the row, as days since 1970-01-01",
        source="definition; which session a bar belongs to stands in the instrument's exchange calendar",
        unit="days",
        nan_policy=_NEVER,
    ),
)

_HOURS: Final = (
    Feature(
        name="minute_of_session",
        family="time",
        meaning="How long the session has been open.",
        warmup=lambda values: 1,
        build=lambda values: _minutes(_CLOSED, _SESSION_OPEN),
        formula="(close of the bar - open of the session) in minutes",
        source=_INTRADAY,
        unit="minutes",
        nan_policy=_CALENDAR_NAN,
    ),
    Feature(
        name="minutes_to_close",
        family="time",
        meaning="How long the session stays open.",
        warmup=lambda values: 1,
        build=lambda values: _minutes(_SESSION_CLOSE, _CLOSED),
        formula="(close of the session - close of the bar) in minutes",
        source=_INTRADAY,
        unit="minutes",
        nan_policy=_CALENDAR_NAN,
    ),
    Feature(
        name="session_share",
        family="time",
        meaning="How much of the session is over; the same for long and short sessions.",
        warmup=lambda values: 1,
        build=lambda values: _SHARE,
        formula="(close of the bar - open) / (close - open) of the session, held to 0..1",
        source=_CALENDAR,
        unit="share of the session",
        low=0.0,
        high=1.0,
        nan_policy=_CALENDAR_NAN,
    ),
    Feature(
        name="minute_of_regular_hours",
        family="time",
        meaning="How long the regular hours have been open; negative before they open.",
        warmup=lambda values: 1,
        build=lambda values: _minutes(_CLOSED, _REGULAR_OPEN),
        formula="(close of the bar - open of the regular hours) in minutes",
        source=_CALENDAR,
        unit="minutes",
        nan_policy=_CALENDAR_NAN,
    ),
    Feature(
        name="minutes_to_regular_close",
        family="time",
        meaning="How long the regular hours stay open; negative after they have closed.",
        warmup=lambda values: 1,
        build=lambda values: _minutes(_REGULAR_CLOSE, _CLOSED),
        formula="(close of the regular hours - close of the bar) in minutes",
        source=_CALENDAR,
        unit="minutes",
        nan_policy=_CALENDAR_NAN,
    ),
    Feature(
        name="in_regular_hours",
        family="time",
        meaning="Whether the bar closed in the regular hours, when most is traded.",
        warmup=lambda values: 1,
        build=lambda values: node("clock.between", _CLOSED, _REGULAR_OPEN, _REGULAR_CLOSE),
        formula="1 if open of the regular hours < close of the bar <= close of the regular hours, else 0",
        source=_CALENDAR,
        unit="flag",
        low=0.0,
        high=1.0,
        nan_policy=_CALENDAR_NAN,
    ),
)


def _place(name: str, place: str, city: str, first: int, last: int, source: str) -> Feature:
    """Whether the stock exchange of a city is open, from and to minutes of its day."""
    hours = f"after {first // 60}:{first % 60:02} and not after {last // 60}:{last % 60:02}"
    return Feature(
        name=name,
        family="time",
        meaning=f"Whether it is trading time in {city}.",
        warmup=lambda values: 1,
        build=lambda values: _open_hours(place, first, last),
        formula=f"1 if the bar's close, by the clock of {city}, is {hours}, else 0",
        source=source,
        unit="flag",
        low=0.0,
        high=1.0,
        nan_policy=_CALENDAR_NAN,
        distrust=_LOCAL,
    )


_PLACES: Final = (
    _place(
        "in_asia", "tokyo", "Tokyo", 540, 930,
        "trading hours of the Tokyo Stock Exchange since November 2024 (before: to 15:00), the lunch break counted in",
    ),
    _place(
        "in_europe", "london", "London", 480, 990, "trading hours of the London Stock Exchange"
    ),
    _place(
        "in_us", "new_york", "New York", 570, 960, "trading hours of the New York Stock Exchange"
    ),
)  # fmt: skip

_DATES: Final = (
    Feature(
        name="weekday",
        family="time",
        meaning="Day of the week of the session.",
        warmup=lambda values: 1,
        build=lambda values: _DATE,
        formula="0 for a session dated Monday to 6 for Sunday",
        source=_WEEKEND,
        unit="day",
        low=0.0,
        high=6.0,
        nan_policy=_NEVER,
    ),
    Feature(
        name="day_of_month",
        family="time",
        meaning="Day of the month of the session.",
        warmup=lambda values: 1,
        build=lambda values: _DATE.out(1),
        formula="1 to 31, of the session date",
        source=_MONTH_TURN,
        unit="day",
        low=1.0,
        high=31.0,
        nan_policy=_NEVER,
    ),
    Feature(
        name="month",
        family="time",
        meaning="Month of the session.",
        warmup=lambda values: 1,
        build=lambda values: _DATE.out(2),
        formula="1 to 12, of the session date",
        source=_YEAR,
        unit="month",
        low=1.0,
        high=12.0,
        nan_policy=_NEVER,
    ),
    Feature(
        name="week_of_month",
        family="time",
        meaning="Which seven days of the month the session lies in.",
        warmup=lambda values: 1,
        build=lambda values: node("clock.week_of_month", _DATE.out(1)),
        formula="floor((day of the month + 6) / 7): 1 for days 1 to 7, 5 for days 29 to 31",
        source="definition",
        unit="week",
        low=1.0,
        high=5.0,
        nan_policy=_NEVER,
    ),
    Feature(
        name="turn_of_month",
        family="time",
        meaning="How many sessions the month's end or beginning is away: -1 on the last session, 1 on the first.",
        warmup=lambda values: 1,
        build=lambda values: node(
            "clock.turn_of_month", input_column("session_of_month"), input_column("sessions_left_in_month")
        ),
        formula="k if k <= left + 1, else -(left + 1); k the session's number in its month from 1, left the sessions "
        "of the month after it",
        source=_MONTH_TURN,
        unit="sessions",
        nan_policy=_CALENDAR_NAN,
    ),
)

_EVENTS: Final = (
    _given(
        "is_half_day",
        "Whether the session closes early, when little is traded.",
        "1 on a session that closes early, else 0",
        _CALENDAR,
        "flag",
        high=1.0,
    ),
    _given(
        "days_to_expiry",
        "How long the contract still trades.",
        "calendar days from the session to the contract's last trade",
        _EXPIRY,
        "days",
    ),
    _given(
        "days_to_roll",
        "How long until the series goes over to the next contract.",
        "calendar days from the session to the next roll of the series",
        "definition; the rule of the roll stands with the series",
        "days",
    ),
    _given(
        "days_to_option_expiry",
        "How long until the month's stock options expire, which can pin prices or let them go.",
        "calendar days from the session to the next third Friday, or the session before it if that is a holiday",
        _EXPIRY,
        "days",
    ),
    _given(
        "sessions_to_holiday",
        "How many sessions until the market is shut on a weekday.",
        "sessions until the next weekday without a session; 0 on the last one before it",
        _HOLIDAY,
        "sessions",
    ),
    _given(
        "sessions_since_holiday",
        "How many sessions since the market was shut on a weekday.",
        "sessions since the last weekday without a session; 0 on the first one after it",
        _HOLIDAY,
        "sessions",
    ),
)

_WAVES: Final = (
    *_wave(
        "time_of_day",
        "time of day in New York",
        input_column("new_york_minute"),
        1440.0,
        "m / 1440), with m the minute of the day in New York at the bar's close, 0 to 1439",
        "definition",
        _CALENDAR_NAN,
    ),
    *_wave(
        "weekday", "day of the week", _DATE, 7.0, "d / 7), with d = 0 for Monday to 6 for Sunday", "definition", _NEVER
    ),
    *_wave("month", "month", _DATE.out(2), 12.0, "m / 12), with m the month, 1 to 12", "definition", _NEVER),
    *_wave(
        "session_share",
        "share of the session",
        _SHARE,
        1.0,
        "s), with s = `session_share`",
        "definition",
        _CALENDAR_NAN,
    ),
)

DECLARED: Final = (*_ROWS, *_HOURS, *_PLACES, *_DATES, *_EVENTS, *_WAVES)
"""Features of time."""

COLUMNS: Final = tuple(
    column(name)
    for name in (
        "minute_of_session",
        "minutes_to_close",
        "session_share",
        "minute_of_regular_hours",
        "minutes_to_regular_close",
        "in_regular_hours",
        "in_asia",
        "in_europe",
        "in_us",
        "weekday",
        "day_of_month",
        "month",
        "week_of_month",
        "turn_of_month",
        "is_half_day",
        "days_to_expiry",
        "days_to_roll",
        "days_to_option_expiry",
        "sessions_to_holiday",
        "sessions_since_holiday",
        "time_gap",
        "time_of_day_sin",
        "time_of_day_cos",
        "month_sin",
        "month_cos",
    )
)
"""Columns of the set ``futures``."""
