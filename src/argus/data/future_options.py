"""Options on futures of CME Group: which day, which instant, what is exercised into what.

A code is the exchange's own product code (``ES``, ``EW3``, ``OZN``, ``LO``, ``OG``). Some of them are also tickers of
shares, so that these rules are never looked up by a root alone: they are given to `argus.data.option_expiries.expiries`
as its `rules`. An option is named by a month, which is that of its future and not always the month in which it ends:
`future_option_end` gives day and instant of a code and a month.

Each rule names the contract specification that was read for it. What did not stand there is told apart
(`OptionRule.unverified`): where a time of day could not be read, the one here is the settlement of the future that day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from itertools import count
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from argus.core.chains import Settlement, future_of, product_of
from argus.core.errors import InstrumentError
from argus.core.instruments import instrument, last_trade_date, option_expiry_date
from argus.core.time import NS_PER_SECOND, day_number
from argus.data.contract_dates import ContractId
from argus.data.option_expiries import OptionRule, expiries, option_rule

__all__ = [
    "FUTURE_OPTIONS",
    "FUTURE_OPTION_RULES",
    "FutureOption",
    "OptionEnd",
    "chain_rule",
    "exchange_day",
    "future_fault",
    "future_option_days",
    "future_option_end",
    "products_on",
]

_SITE: Final = "CME Group contract specifications, cmegroup.com/trading/"
_EQUITY: Final = f"{_SITE}equity-index/us-index/e-mini-sandp500_contractSpecs_options.html"
_WEEKLY: Final = "cmegroup.com/trading/equity-index/weekly-equity-index-options-on-futures.html"
_TUESDAY: Final = (
    "cmegroup.com/articles/faqs/e-mini-s-p-500-tuesday-and-thursday-options-frequently-asked-questions.html; codes: "
    "vicaws.github.io/blog/2023/cme-sp500"
)
_GOOD_FRIDAY: Final = "CME's notice on March 2008, as copied at mypivots.com/board/topic/2845"
_QUARTERLY_PM: Final = (
    "cmegroup.com/education/articles-and-reports/e-mini-sp-500-quarterly-pm-options-european-style-faq.html"
)
_FRONT: Final = (
    "the future beneath, the front month: cmegroup.com/trading/equity-index/"
    "advantages-of-weekly-end-of-month-eq-options.html; the nearest that has not expired: CME on quarterly PM options"
)
_NOTE: Final = f"{_SITE}interest-rates/us-treasury/10-year-us-treasury-note_contractSpecs_options.html"
_NEXT_QUARTERLY: Final = (
    "the future beneath, that of the next quarterly option: CME's FAQ on weekly options on Treasury futures, as quoted "
    "at reddit.com/r/FuturesTrading/comments/1h4tkd3"
)
_CRUDE: Final = f"{_SITE}energy/crude-oil/light-sweet-crude_contractSpecs_options.html"
_GOLD: Final = f"{_SITE}metals/precious/gold_contractSpecs_options.html"

_QUARTERS: Final = (3, 6, 9, 12)
_EVERY: Final = tuple(range(1, 13))
_EVEN: Final = (2, 4, 6, 8, 10, 12)
_NOT_QUARTERS: Final = tuple(month for month in _EVERY if month not in _QUARTERS)
_AM: Final = Settlement.AT_OPEN | Settlement.AMERICAN
_EUROPEAN: Final = Settlement.PM_PHYSICAL_EUROPEAN
_NOTE_DAY: Final = "friday_two_business_days_before_last_of_prior_month"
_MONTHS_AHEAD: Final = 3
"""An option is named by its own month or one of the two after it."""
_MONTHS_AFTER_MAX: Final = 6
"""Months from an option's end to its future's delivery; products whose options reach further are not known here."""
_CHICAGO: Final = ZoneInfo("America/Chicago")
_QUARTERLY: Final = "ES"
_RATES: Final = "CME Globex Interest Rate Products"


@dataclass(frozen=True, slots=True)
class FutureOption:
    """An option on a future.

    Attributes
    ----------
    rule : OptionRule
        Its underlying is the future's root; a settlement that is not in cash is a position in that future.
    exchange : str
        Whose business days count.
    day_rule : str
        See `argus.core.instruments.option_expiry_date`.
    months : tuple of int
        In whose name it is listed.
    delivered : tuple of int
        Months of the futures that it is on: the first that is not before its own. Empty where its month does not tell.
    like : str
        Code of the options whose future it is on: of those named by a month of a future, the first that do not end
        before it. Empty where it has `delivered` of its own.
    """

    rule: OptionRule
    exchange: str
    day_rule: str
    months: tuple[int, ...] = _EVERY
    delivered: tuple[int, ...] = ()
    like: str = ""


@dataclass(frozen=True, slots=True)
class OptionEnd:
    """How one option ends.

    Attributes
    ----------
    day : date
    expiry_ns, last_trade_ns : int
        UTC nanoseconds.
    settlement : Settlement
    """

    day: date
    expiry_ns: int
    last_trade_ns: int
    settlement: Settlement


def _equity(
    code: str,
    settlement: Settlement,
    day_rule: str,
    source: str,
    unverified: tuple[str, ...] = (),
    months: tuple[int, ...] = _EVERY,
) -> FutureOption:
    own = code == _QUARTERLY
    rule = OptionRule(
        code,
        "ES",
        settlement,
        trades_to_end=True,
        tick=0.25,
        tick_below=0.05,
        tick_break=5.0,
        strike_step=5.0,
        source=source if own else f"{source}; {_FRONT}",
        unverified=unverified,
    )
    if own:
        return FutureOption(rule, "CME", day_rule, months, delivered=_QUARTERS)
    return FutureOption(rule, "CME", day_rule, months, like=_QUARTERLY)


def _equities() -> list[FutureOption]:
    quarterly, weekly = f"{_EQUITY}?optionExpiration=Z8; {_GOOD_FRIDAY}", f"{_EQUITY}?optionProductId=2916"
    found = [
        _equity(_QUARTERLY, _AM, "third_friday", quarterly, months=_QUARTERS),
        _equity("EYC", _EUROPEAN, "third_friday", _QUARTERLY_PM, ("holidays", "tick", "strikes"), _QUARTERS),
        _equity("EW", _EUROPEAN, "last_business_day", f"{_EQUITY}?optionProductId=136"),
    ]
    # On the third Friday of a quarter's month the quarterly option is listed, and no weekly one.
    found += [
        _equity(f"EW{week}", _EUROPEAN, f"friday_{week}", weekly, ("holidays",), _NOT_QUARTERS if week == 3 else _EVERY)
        for week in range(1, 5)
    ]
    for letter, name, source in (
        ("A", "monday", _WEEKLY),
        ("B", "tuesday", _TUESDAY),
        ("C", "wednesday", _WEEKLY),
        ("D", "thursday", _TUESDAY),
    ):
        unread = ("holidays", "last trade", "tick", "strikes")
        found += [_equity(f"E{week}{letter}", _EUROPEAN, f"{name}_{week}", source, unread) for week in range(1, 6)]
    return found


def _note(code: str, strike_step: float, source: str, unverified: tuple[str, ...]) -> OptionRule:
    return OptionRule(
        code,
        "ZN",
        Settlement.AMERICAN,
        _RATES,
        tick=1.0 / 64.0,
        tick_below=1.0 / 64.0,
        strike_step=strike_step,
        source=source,
        unverified=unverified,
    )


def _options() -> dict[str, FutureOption]:
    found = _equities()
    found.append(FutureOption(_note("OZN", 0.5, _NOTE, ("holidays",)), "CBOT", _NOTE_DAY, delivered=_QUARTERS))
    weekly, unread = f"{_NOTE}?optionProductId=6082; {_NEXT_QUARTERLY}", ("holidays", "last trade")
    found += [
        FutureOption(_note(f"ZN{week}", 0.25, weekly, unread), "CBOT", f"friday_{week}", like="OZN")
        for week in range(1, 6)
    ]
    crude = OptionRule(
        "LO",
        "CL",
        Settlement.AMERICAN,
        "CMEGlobex_CL",
        ends_at=time(13, 30),
        strike_step=0.5,
        source=_CRUDE,
        unverified=("last trade",),
    )
    gold = OptionRule(
        "OG",
        "GC",
        Settlement.AMERICAN,
        "CMEGlobex_GC",
        ends_at=time(12, 30),
        tick=0.1,
        tick_below=0.1,
        strike_step=1.0,
        source=f"{_GOLD}; futures by months: CME's fact card PM264, Understanding and Pricing COMEX Gold Options",
        unverified=("last trade", "strikes"),
    )
    found += [
        FutureOption(crude, "NYMEX", "third_business_day_before_crude_oil_future", delivered=_EVERY),
        FutureOption(gold, "COMEX", "fourth_last_business_day_of_prior_month_not_before_a_day_off", delivered=_EVEN),
    ]
    return {one.rule.root: one for one in found}


FUTURE_OPTIONS: Final[Mapping[str, FutureOption]] = MappingProxyType(_options())
"""Options on futures, by the exchange's product code."""

FUTURE_OPTION_RULES: Final[Mapping[str, OptionRule]] = MappingProxyType(
    {code: one.rule for code, one in FUTURE_OPTIONS.items()}
)
"""Their rules alone, for `argus.data.option_expiries.expiries`."""


def products_on(underlying: str) -> tuple[str, ...]:
    """Codes of the options on futures of a root, such as ``("OG",)`` for GC; empty where none is known."""
    return tuple(code for code, one in FUTURE_OPTIONS.items() if one.rule.underlying == underlying)


def chain_rule(root: str) -> OptionRule:
    """The rule of a root of a chain; ``EW3 on ES.202403`` has that of the option on a future, ``EW3``.

    Raises
    ------
    InstrumentError
        If the exchange's product has no rule here.
    """
    if not future_of(root):
        return option_rule(root)
    return _known(product_of(root)).rule


def future_option_days(code: str, day: date) -> tuple[date, ...]:
    """Days near a day on which options of a code expire by the rule: of the months that could be meant by it.

    Raises
    ------
    InstrumentError
        If there is no such code.
    """
    return tuple(end for _, _, end in _named_near(code, day))


def _named_near(code: str, day: date) -> list[tuple[int, int, date]]:
    """(year, month, day on which it expires) of the options that a day near it could mean."""
    one, named = _known(code), []
    for ahead in range(_MONTHS_AHEAD):
        year, month = divmod(day.year * 12 + day.month - 1 + ahead, 12)
        if month + 1 in one.months:
            # A fifth Friday that the month does not have is no day.
            with suppress(InstrumentError):
                named.append((year, month + 1, option_expiry_date(one.day_rule, one.exchange, year, month + 1)))
    return named


@lru_cache(maxsize=4096)
def future_fault(code: str, day: date, named: tuple[int, int] | None, contract: ContractId) -> str:
    """Why an option cannot be on a futures contract; empty where it can, or where no rule tells.

    Parameters
    ----------
    code : str
    day : date
        On which it expires.
    named : (year, month) or None
        Of the option's name; None takes it from the day, if that is one of the rule.
    contract : ContractId

    Raises
    ------
    InstrumentError
        If there is no such code.
    """
    underlying = _known(code).rule.underlying
    if contract.root != underlying:
        return f"options {code} are on {underlying}, and not on {contract.symbol}"
    try:
        ends = last_trade_date(instrument(contract.root), contract.year, contract.letter)
        whose, wanted = _beneath(code, day, named)
    except InstrumentError as error:
        return str(error)
    if ends < day:
        return f"{contract.symbol} ends on {ends}, before the option, on {day}"
    months = (contract.year - day.year) * 12 + contract.month - day.month
    if months > _MONTHS_AFTER_MAX:
        return f"{contract.symbol} is delivered {months} months after the option"
    if wanted is None or wanted == contract:
        return ""
    return f"options {code} {whose} are on {wanted.symbol}, by the rule of the exchange, and not on {contract.symbol}"


def _beneath(code: str, day: date, named: tuple[int, int] | None) -> tuple[str, ContractId | None]:
    """(which option, the futures contract that it is on); None where no rule tells."""
    one = _known(code)
    root = one.rule.underlying
    if one.like:
        like = FUTURE_OPTIONS[one.like]
        wanted = next(future for future, end in _followed(like, day) if end >= (day, _is_at_close(one)))
        return f"that end on {day}", ContractId(root, *wanted)
    if named is None:
        named = next(((year, month) for year, month, end in _named_near(code, day) if end == day), None)
    if named is None:
        return "", None
    year, month = named
    later = [delivered for delivered in one.delivered if delivered >= month]
    wanted = (year, later[0]) if later else (year + 1, one.delivered[0])
    return f"of {year}-{month:02d}", ContractId(root, *wanted)


def _followed(like: FutureOption, day: date) -> Iterator[tuple[tuple[int, int], tuple[date, bool]]]:
    """(year and month, day and whether at its close) of the options named by a month of a future, from a day's on."""
    for ahead in count():
        year, month = divmod(day.year * 12 + day.month - 1 + ahead, 12)
        if month + 1 in like.delivered:
            end = option_expiry_date(like.day_rule, like.exchange, year, month + 1)
            yield (year, month + 1), (end, _is_at_close(like))


def _is_at_close(one: FutureOption) -> bool:
    return not one.rule.settlement & Settlement.AT_OPEN


def exchange_day(expiry_ns: int) -> date:
    """Day of an instant where the exchange is, in Chicago."""
    return datetime.fromtimestamp(expiry_ns // NS_PER_SECOND, _CHICAGO).date()


def _known(code: str) -> FutureOption:
    if code not in FUTURE_OPTIONS:
        raise InstrumentError(f"no option on a future is called {code!r}; there are {', '.join(FUTURE_OPTIONS)}")
    return FUTURE_OPTIONS[code]


def future_option_end(code: str, year: int, month: int) -> OptionEnd:
    """When the option of a code and a month expires; a holiday moves it to the business day before.

    Parameters
    ----------
    code : str
        The exchange's product code, such as ``OG``.
    year, month : int
        In the option's name: that of ``OGG09`` is February 2009, and it expires in January.

    Raises
    ------
    InstrumentError
        If there is no such code, or it is not listed in that month.
    """
    one = _known(code)
    if month not in one.months:
        raise InstrumentError(f"{code} has no month {month}; it has {', '.join(map(str, one.months))}")
    day = option_expiry_date(one.day_rule, one.exchange, year, month)
    ends = expiries([code], np.array([day_number(day)]), rules=FUTURE_OPTION_RULES)
    return OptionEnd(day, int(ends.expiry_ns[0]), int(ends.last_trade_ns[0]), one.rule.settlement)
