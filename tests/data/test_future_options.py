"""Options on futures against tables of expiries that others published."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from argus.core.chains import Settlement
from argus.core.errors import InstrumentError
from argus.core.instruments import MONTH_LETTERS, instrument, last_trade_date, option_expiry_date
from argus.core.time import day_number, format_ns
from argus.data.future_options import FUTURE_OPTION_RULES, FUTURE_OPTIONS, future_option_end
from argus.data.option_expiries import expiries, option_rule

# www.bohlish.com/CEXP.cgi?Crude_Oil_NYM and ?Gold_CMX, both of 8 August 2008: contract, last trade of the option.
CRUDE = (
    "09F 12/16 09G 01/14 09H 02/17 09J 03/17 09K 04/16 09M 05/14 09N 06/17 09Q 07/16 09U 08/17 09V 09/17 09X 10/15 "
    "09Z 11/17 10F 12/16 10G 01/14 10H 02/17 10J 03/17 10K 04/15 10M 05/17 10N 06/17 10Q 07/15 10U 08/17 10V 09/16 "
    "10X 10/15 10Z 11/16"
)
# Its 11/23 for December 2009 is left out: it takes the day after Thanksgiving for no business day, as COMEX did then.
GOLD = "09G 01/27 09J 03/26 09M 05/26 09N 06/25 09Q 07/28 10M 05/25 10Z 11/23"


def published(code: str, table: str) -> list[tuple[str, int, int, str]]:
    words = table.split()
    return [
        (code, 2000 + int(name[:2]), MONTH_LETTERS.index(name[2]) + 1, day)
        for name, day in zip(words[::2], words[1::2], strict=True)
    ]


@pytest.mark.parametrize(("code", "year", "month", "day"), published("LO", CRUDE) + published("OG", GOLD))
def test_commodity_options_end_as_published(code: str, year: int, month: int, day: str) -> None:
    assert future_option_end(code, year, month).day.strftime("%m/%d") == day


@pytest.mark.parametrize(
    ("code", "year", "month", "expiry"),
    [
        # Definition of ESM4 options by the exchange: the instant itself.
        ("ES", 2024, 6, "2024-06-21T13:30:00Z"),
        # CME: because of Good Friday, March 2008 expires on Thursday, before the open.
        ("ES", 2008, 3, "2008-03-20T13:30:00Z"),
        ("ES", 2018, 12, "2018-12-21T14:30:00Z"),
        ("EYC", 2021, 9, "2021-09-17T20:00:00Z"),
        ("EW", 2019, 5, "2019-05-31T20:00:00Z"),
        # CME: week 1 of October 2016 is the first Wednesday option, on the 5th.
        ("E1C", 2016, 10, "2016-10-05T20:00:00Z"),
        ("EW2", 2019, 1, "2019-01-11T21:00:00Z"),
        # CME, Weekly Options on U.S. Treasury Futures Expiration Calendar 2016: the serial and the quarterly option.
        ("OZN", 2016, 2, "2016-01-22T22:00:00Z"),
        ("OZN", 2016, 3, "2016-02-19T22:00:00Z"),
        ("ZN2", 2016, 1, "2016-01-08T22:00:00Z"),
        ("ZN5", 2016, 1, "2016-01-29T22:00:00Z"),
    ],
)
def test_the_instant_is_that_of_the_exchange(code: str, year: int, month: int, expiry: str) -> None:
    end = future_option_end(code, year, month)
    assert format_ns(end.expiry_ns) == expiry
    assert end.last_trade_ns == end.expiry_ns


def test_an_option_ends_before_its_future() -> None:
    for code, year in (("LO", 2019), ("OG", 2019), ("OZN", 2019), ("ES", 2019)):
        one = FUTURE_OPTIONS[code]
        future = instrument(one.rule.underlying)
        for month in one.months:
            letter = MONTH_LETTERS[month - 1]
            if letter in future.delivery_months:
                assert future_option_end(code, year, month).day <= last_trade_date(future, year, letter)


def test_a_gold_option_never_ends_before_a_day_off() -> None:
    for year in (2009, 2010, 2016, 2021):
        days = [future_option_end("OG", year, month).day for month in range(1, 13)]
        assert all(day.weekday() < 4 for day in days)
        assert all((day.year * 12 + day.month) == year * 12 + month for month, day in enumerate(days))


def test_exercise_is_as_the_exchange_lists_it() -> None:
    flags = {code: rule.settlement for code, rule in FUTURE_OPTION_RULES.items()}
    assert flags["ES"] == Settlement.AT_OPEN | Settlement.AMERICAN
    assert {flags[code] for code in ("EW", "EW1", "E1A", "EYC")} == {Settlement.PM_PHYSICAL_EUROPEAN}
    assert {flags[code] for code in ("OZN", "ZN1", "LO", "OG")} == {Settlement.AMERICAN}


def test_a_ticker_of_a_share_stays_a_share() -> None:
    named = np.array([day_number(date(2019, 6, 21))])
    assert option_rule("ES").settlement == Settlement.AMERICAN
    assert format_ns(int(expiries(["ES"], named).expiry_ns[0])) == "2019-06-21T20:00:00Z"
    assert format_ns(int(expiries(["ES"], named, rules=FUTURE_OPTION_RULES).expiry_ns[0])) == "2019-06-21T13:30:00Z"


def test_what_is_not_listed_is_refused() -> None:
    with pytest.raises(InstrumentError, match="no option on a future is called 'CL'"):
        future_option_end("CL", 2019, 6)
    with pytest.raises(InstrumentError, match="ES has no month 5; it has 3, 6, 9, 12"):
        future_option_end("ES", 2019, 5)
    # Where the quarterly option ends on the third Friday, no weekly one is listed.
    with pytest.raises(InstrumentError, match="EW3 has no month 6; it has 1, 2, 4, 5, 7, 8, 10, 11"):
        future_option_end("EW3", 2019, 6)
    assert future_option_end("EW3", 2019, 5).day == date(2019, 5, 17)
    with pytest.raises(InstrumentError, match="2019-02 has no friday a fifth time"):
        future_option_end("ZN5", 2019, 2)
    with pytest.raises(InstrumentError, match="no expiry rule is called 'soon'"):
        option_expiry_date("soon", "CME", 2019, 5)
