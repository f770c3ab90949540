"""On which day a futures contract trades for the last time, may first be delivered, and options on it expire.

Exchanges state the day as a count of business days around a fixed date. The counts are plain functions here, each of
the ordered business days around the contract month, so that a rule can be read beside the exchange's sentence and
tested by hand. The business days are not those of the session calendar: on Globex there is trading on days (Martin
Luther King day, for one) that CME Group does not count.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

__all__ = ["FIRST_NOTICE_RULES", "LAST_TRADE_RULES", "OPTION_RULES", "business_calendar"]

_WEDNESDAY: Final = 2
_FRIDAY: Final = 4
_CME_GROUP: Final = frozenset({"CME", "CBOT", "NYMEX", "COMEX"})

Rule = Callable[[Sequence[date], int, int], date]
NoticeRule = Callable[[Sequence[date], int, int, date], date]


def business_calendar(exchange: str, session_calendar: str) -> str:
    """Name of the calendar whose days count as business days of an exchange."""
    return "CME_TradeDate" if exchange in _CME_GROUP else session_calendar


def _third(weekday: int, year: int, month: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 14)


def _next_month(year: int, month: int) -> tuple[int, int]:
    return (year + 1, 1) if month == 12 else (year, month + 1)


def _prior_month(year: int, month: int) -> tuple[int, int]:
    return (year - 1, 12) if month == 1 else (year, month - 1)


def _on_or_before(days: Sequence[date], day: date) -> date:
    return days[bisect_right(days, day) - 1]


def _before(days: Sequence[date], day: date, count: int) -> date:
    """The `count`-th business day before `day`, `day` itself not counted."""
    return days[bisect_left(days, day) - count]


def _after(days: Sequence[date], day: date, count: int) -> date:
    """The `count`-th business day after `day`, `day` itself not counted."""
    return days[bisect_right(days, day) + count - 1]


def _nth_last(days: Sequence[date], year: int, month: int, nth: int) -> date:
    return _before(days, date(*_next_month(year, month), 1), nth)


def _third_friday(days: Sequence[date], year: int, month: int) -> date:
    return _on_or_before(days, _third(_FRIDAY, year, month))


def _before_25th_of_prior_month(days: Sequence[date], year: int, month: int, count: int) -> date:
    # The 25th is first moved back to a business day; the count starts there.
    return _before(days, _on_or_before(days, date(*_prior_month(year, month), 25)), count)


def _crude(days: Sequence[date], year: int, month: int) -> date:
    return _before_25th_of_prior_month(days, year, month, 3)


def _micro_crude(days: Sequence[date], year: int, month: int) -> date:
    return _before_25th_of_prior_month(days, year, month, 4)


def _natural_gas(days: Sequence[date], year: int, month: int) -> date:
    return _nth_last(days, *_prior_month(year, month), 3)


def _mini_natural_gas(days: Sequence[date], year: int, month: int) -> date:
    return _nth_last(days, *_prior_month(year, month), 4)


def _third_last(days: Sequence[date], year: int, month: int) -> date:
    return _nth_last(days, year, month, 3)


def _last(days: Sequence[date], year: int, month: int) -> date:
    return _nth_last(days, year, month, 1)


def _seventh_before_last(days: Sequence[date], year: int, month: int) -> date:
    return _before(days, _last(days, year, month), 7)


def _second_before_third_wednesday(days: Sequence[date], year: int, month: int) -> date:
    return _before(days, _third(_WEDNESDAY, year, month), 2)


def _volatility(days: Sequence[date], year: int, month: int) -> date:
    # The options behind the index expire on the third Friday of the next month, or the business day before it.
    expiry = _on_or_before(days, _third(_FRIDAY, *_next_month(year, month)))
    return _on_or_before(days, expiry - timedelta(days=30))


LAST_TRADE_RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "third_friday_0930_et": _third_friday,
        "third_business_day_before_25th_of_prior_month": _crude,
        "fourth_business_day_before_25th_of_prior_month": _micro_crude,
        "third_last_business_day_of_prior_month": _natural_gas,
        "fourth_last_business_day_of_prior_month": _mini_natural_gas,
        "third_last_business_day": _third_last,
        "last_business_day": _last,
        "seventh_business_day_before_last_business_day": _seventh_before_last,
        "second_business_day_before_third_wednesday": _second_before_third_wednesday,
        "thirty_days_before_third_friday_of_next_month": _volatility,
    }
)
"""Rule by name: (ordered business days, year, month) -> last day on which the contract trades."""


def _last_of_prior_month(days: Sequence[date], year: int, month: int, last_trade: date) -> date:
    return _nth_last(days, *_prior_month(year, month), 1)


def _first_after_last_trade(days: Sequence[date], year: int, month: int, last_trade: date) -> date:
    return _after(days, last_trade, 1)


def _second_after_last_trade(days: Sequence[date], year: int, month: int, last_trade: date) -> date:
    return _after(days, last_trade, 2)


def _on_last_trade(days: Sequence[date], year: int, month: int, last_trade: date) -> date:
    return last_trade


FIRST_NOTICE_RULES: Final[Mapping[str, NoticeRule]] = MappingProxyType(
    {
        "last_business_day_of_prior_month": _last_of_prior_month,
        "first_business_day_after_last_trade": _first_after_last_trade,
        "second_business_day_after_last_trade": _second_after_last_trade,
        "last_trade_date": _on_last_trade,
    }
)
"""Rule by name: (ordered business days, year, month, last trade date) -> first day on which a long may be assigned."""


def _week_day(weekday: int, week: int) -> Rule:
    """The `week`-th of a weekday in the month; where that is no business day, the one before."""

    def rule(days: Sequence[date], year: int, month: int) -> date:
        return _on_or_before(days, _third(weekday, year, month) + timedelta(days=7 * (week - 3)))

    return rule


def _treasury_option(days: Sequence[date], year: int, month: int) -> date:
    bound = _before(days, _nth_last(days, *_prior_month(year, month), 1), 2)
    return _on_or_before(days, bound - timedelta(days=(bound.weekday() - _FRIDAY) % 7))


def _crude_option(days: Sequence[date], year: int, month: int) -> date:
    return _before(days, _crude(days, year, month), 3)


def _gold_option(days: Sequence[date], year: int, month: int) -> date:
    day = _nth_last(days, *_prior_month(year, month), 4)
    # A Friday and the day before a holiday have in common that the next day is none of business.
    return day if day + timedelta(days=1) in days else _before(days, day, 1)


OPTION_RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "third_friday": _third_friday,
        "last_business_day": _last,
        "friday_two_business_days_before_last_of_prior_month": _treasury_option,
        "third_business_day_before_crude_oil_future": _crude_option,
        "fourth_last_business_day_of_prior_month_not_before_a_day_off": _gold_option,
        "thirty_days_before_third_friday_of_next_month": _volatility,
    }
    | {
        f"{name}_{week}": _week_day(weekday, week)
        for weekday, name in enumerate(("monday", "tuesday", "wednesday", "thursday", "friday"))
        for week in range(1, 6)
    }
)
"""Rule by name: (ordered business days, year, month) -> day on which the option of that month or week expires. A fifth
weekday that the month does not have falls into the next month."""
