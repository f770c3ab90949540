"""Expiry rules against dates that are known: holidays, half days, daylight saving, and the names of the Saturdays."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from argus.core.errors import ConfigError
from argus.core.time import day_number, day_of, format_ns
from argus.data.future_options import FUTURE_OPTION_RULES
from argus.data.option_expiries import (
    OPTION_FIGURES,
    OPTION_RULES,
    OptionRule,
    canonical_roots,
    expiries,
    month_end_expiries,
    monthly_expiries,
    option_rule,
    volatility_expiries,
    weekly_expiries,
)


def days(*dates: date) -> np.ndarray:
    return np.array([day_number(one) for one in dates])


def dates(numbers: np.ndarray) -> list[str]:
    return [day_of(int(number)).isoformat() for number in numbers]


@pytest.mark.parametrize(
    ("root", "named", "expiry", "last_trade", "settlement"),
    [
        ("SPX", date(2019, 6, 21), "2019-06-21T13:30:00Z", "2019-06-20T20:15:00Z", 3),
        ("SPX", date(2019, 12, 20), "2019-12-20T14:30:00Z", "2019-12-19T21:15:00Z", 3),  # winter time
        ("SPX", date(2019, 4, 19), "2019-04-18T13:30:00Z", "2019-04-17T20:15:00Z", 3),  # Good Friday
        ("SPX", date(2014, 1, 18), "2014-01-17T14:30:00Z", "2014-01-16T21:15:00Z", 3),  # named by the Saturday
        ("SPXW", date(2019, 6, 21), "2019-06-21T20:00:00Z", "2019-06-21T20:00:00Z", 2),
        ("SPXW", date(2019, 7, 3), "2019-07-03T17:00:00Z", "2019-07-03T17:00:00Z", 2),  # half day
        ("VIX", date(2015, 5, 20), "2015-05-20T13:30:00Z", "2015-05-19T20:15:00Z", 3),  # Cboe's reminder: 3:15 CDT
        ("VIXW", date(2019, 3, 19), "2019-03-19T13:30:00Z", "2019-03-18T20:15:00Z", 3),
        ("SPY", date(2024, 1, 19), "2024-01-19T21:00:00Z", "2024-01-19T21:00:00Z", 4),
    ],
)
def test_expiry_is_an_instant(root: str, named: date, expiry: str, last_trade: str, settlement: int) -> None:
    found = expiries([root], days(named))
    assert format_ns(int(found.expiry_ns[0])) == expiry
    assert format_ns(int(found.last_trade_ns[0])) == last_trade
    assert found.settlement[0] == settlement
    assert found.fault[0] == 0


def test_a_date_that_the_calendar_does_not_hold_is_a_fault_of_its_row() -> None:
    found = expiries(["SPX", "SPX", "SPXW"], days(date(2200, 1, 3), date(2019, 6, 21), date(1900, 1, 5)))
    assert found.fault.tolist() == [2, 0, 2]
    assert found.expiry_ns.tolist()[0] == 0


def test_own_rules_go_first() -> None:
    own = {"SPX": OptionRule("SPX", "SPX", option_rule("SPXW").settlement)}
    assert format_ns(int(expiries(["SPX"], days(date(2019, 6, 21)), rules=own).expiry_ns[0])) == "2019-06-21T20:00:00Z"


def test_an_index_root_off_its_third_friday_is_the_weekly_root() -> None:
    named = days(date(2019, 6, 21), date(2019, 6, 19), date(2019, 4, 18), date(2014, 1, 18), date(2019, 6, 19))
    found = canonical_roots(["SPX", "SPX", "SPX", "SPX", "SPY"], named)
    assert found.tolist() == ["SPX", "SPXW", "SPX", "SPX", "SPY"]
    assert canonical_roots(["SPX"], named[:1], at_open=False).tolist() == ["SPXW"]
    assert canonical_roots([], named[:0]).tolist() == []


def test_listed_dates_move_with_holidays() -> None:
    assert dates(monthly_expiries(date(2019, 4, 1), date(2019, 7, 31))) == [
        "2019-04-18",
        "2019-05-17",
        "2019-06-21",
        "2019-07-19",
    ]
    # 27 May 2019 is Memorial Day: that Monday's weekly moves to Tuesday.
    assert dates(weekly_expiries(date(2019, 5, 24), date(2019, 5, 31))) == [
        "2019-05-24",
        "2019-05-28",
        "2019-05-29",
        "2019-05-31",
    ]
    assert dates(month_end_expiries(date(2019, 6, 1), date(2019, 8, 31))) == ["2019-06-28", "2019-07-31", "2019-08-30"]
    with pytest.raises(ConfigError, match="weekdays holds 5"):
        weekly_expiries(date(2019, 5, 24), date(2019, 5, 31), weekdays=(5,))


def test_options_on_the_volatility_index_expire_thirty_days_before_the_index_they_are_on() -> None:
    # 19 March 2019 is a Tuesday: the options that the index is made of expire before Good Friday, 18 April.
    assert dates(volatility_expiries(date(2019, 1, 1), date(2019, 12, 31))) == [
        "2019-01-16",
        "2019-02-13",
        "2019-03-19",
        "2019-04-17",
        "2019-05-22",
        "2019-06-19",
        "2019-07-17",
        "2019-08-21",
        "2019-09-18",
        "2019-10-16",
        "2019-11-20",
        "2019-12-18",
    ]
    # Cboe's settlement reminders: cboeoptionshub.com of 2011-04-19, 2011-12-20 and 2014-03-17, cboe.com of 2015-05-19;
    # the table of 2011 and 2012 at sixfigureinvesting.com ("VIX option expiration dates").
    for told in ("2011-04-20", "2011-12-21", "2012-03-21", "2012-08-22", "2012-11-21", "2014-03-18", "2015-05-20"):
        month = date.fromisoformat(told[:8] + "01")
        assert dates(volatility_expiries(month, month + timedelta(days=27))) == [told]


def test_a_rule_says_what_of_it_was_read_and_where() -> None:
    for rule in (*OPTION_RULES.values(), *FUTURE_OPTION_RULES.values(), option_rule("SPY")):
        assert set(rule.unverified) <= set(OPTION_FIGURES)
        assert bool(rule.source) == (set(rule.unverified) != set(OPTION_FIGURES)), rule.root
    assert all(rule.pm_root is None or rule.pm_root in OPTION_RULES for rule in OPTION_RULES.values())
