"""What an instrument is: tick, multiplier, currency, hours, expiry, margin and fees, and where each figure came from.

A wrong multiplier ruins an account, so specifications are data in one file (`instruments.yaml`, beside this module),
not code: validated when they are loaded, checked against each other (tick value = tick size x multiplier), and every
figure names its source. A figure whose source could not be read is marked unverified and says so through
`InstrumentSpec.unverified`, in `argus doctor` and in every report that used it. A trader adds or overrides instruments
with a file of the same form. `docs/instruments.md` explains the fields.
"""

from __future__ import annotations

import difflib
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from argus.core._instrument_rules import FIRST_NOTICE_RULES, LAST_TRADE_RULES, OPTION_RULES, business_calendar
from argus.core.errors import InstrumentError
from argus.core.fees import FeeComponent, FeeSchedule, fees_in_force
from argus.core.money import MICROS

if TYPE_CHECKING:
    from argus.core._instrument_schema import InstrumentFile

__all__ = [
    "MONTH_LETTERS",
    "FeeComponent",
    "FeeSchedule",
    "InstrumentKind",
    "InstrumentSpec",
    "MarginRate",
    "RegularHours",
    "Source",
    "TradingSession",
    "fee_set",
    "first_notice_date",
    "instrument",
    "last_trade_date",
    "load_instruments",
    "option_expiry_date",
]

MONTH_LETTERS: Final = "FGHJKMNQUVXZ"
"""Delivery months January to December, as exchanges write them."""

_DEFAULT_FILE: Final = Path(__file__).with_name("instruments.yaml")
_TICKER: Final = re.compile(r"[A-Z0-9][A-Z0-9.\-]*")


class InstrumentKind(StrEnum):
    """What sort of thing is traded; decides how it is margined, marked and settled."""

    FUTURE = "future"
    EQUITY = "equity"
    FX = "fx"
    CRYPTO = "crypto"
    INDEX = "index"
    OPTION = "option"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a figure came from; `verified` is False when that place could not be read."""

    text: str
    url: str | None
    verified: bool


@dataclass(frozen=True, slots=True)
class MarginRate:
    """Margin of one futures contract, in its currency, from `effective_date` until the next row."""

    effective_date: date
    initial: Decimal
    maintenance: Decimal
    source: Source


@dataclass(frozen=True, slots=True)
class TradingSession:
    """Ordinary hours of one session, in local wall-clock time of `timezone`.

    A session has the name of its calendar day. With `opens_previous_day` it opens on the day before; without it, when
    `close` is not after `open`, it closes on the day after (a 24-hour UTC day). `hours_from_calendar` is False where
    the calendar library knows the days but not these hours: take the days from it and the hours from here.
    """

    open: time
    close: time
    timezone: str
    opens_previous_day: bool
    hours_from_calendar: bool
    break_start: time | None = None
    break_end: time | None = None


@dataclass(frozen=True, slots=True)
class RegularHours:
    """The part of a session in which most is traded: when the floor was open, or the market of the underlying is.

    Local wall-clock times of `timezone`, on the session's own date. Where `calendar` names one, the hours of that
    market bound them: a day on which it closes early cuts them short, and one without a session of it has none.
    """

    open: time
    close: time
    timezone: str
    calendar: str | None = None


@cache
def _tick_value(tick_size: Decimal, lot_size: Decimal, multiplier: Decimal) -> Fraction:
    # Kept, for it is asked for with every fill that is worked out again.
    return Fraction(tick_size) * Fraction(lot_size) * Fraction(multiplier) * MICROS


@dataclass(frozen=True, slots=True)
class InstrumentSpec:
    """One instrument. Prices are in `currency` per unit of price, quantities in contracts, shares or coins.

    `tick_value` is the currency value of one tick for a quantity of 1.0, `multiplier` that of a price change of 1.0.
    `last_trade_time` is when trading ends on the last trade date, in the session's time zone; None: with its session.
    `fee_components` are the dated rows of every charge, `fees` the sums of what broker and venue take on both sides.
    `regular_hours` are those of the floor or of the underlying market; None: the whole session.
    `sources` maps a figure's name to where it came from.
    """

    symbol: str
    name: str
    kind: InstrumentKind
    exchange: str
    currency: str
    calendar: str
    session: TradingSession
    tick_size: Decimal
    tick_value: Decimal
    multiplier: Decimal
    lot_size: Decimal
    price_may_be_negative: bool
    delivery_months: tuple[str, ...]
    last_trade_rule: str
    settlement: str
    margins: tuple[MarginRate, ...]
    fees: tuple[FeeSchedule, ...]
    sources: Mapping[str, Source] = field(hash=False)
    notes: str = ""
    template: bool = False
    last_trade_time: time | None = None
    first_notice_rule: str = "none"
    fee_components: tuple[FeeComponent, ...] = ()
    regular_hours: RegularHours | None = None

    @property
    def value_micros_per_tick_lot(self) -> Fraction:
        """Exact worth of one tick on one lot, in micro-units of the currency; whole for futures, shares and indices."""
        return _tick_value(self.tick_size, self.lot_size, self.multiplier)

    @property
    def ticks_per_point(self) -> Fraction:
        """Price increments in a price change of 1.0."""
        return 1 / Fraction(self.tick_size)

    @property
    def lots_per_unit(self) -> Fraction:
        """Lots in a quantity of 1.0."""
        return 1 / Fraction(self.lot_size)

    def margin_on(self, day: date) -> MarginRate | None:
        """Margin in force on `day`; None before the first dated row, which means unknown, not zero."""
        return _in_force(self.margins, day)

    def fee_on(self, day: date) -> FeeSchedule | None:
        """Sum of the standing fees in force on `day`; None before the first dated row."""
        return _in_force(self.fees, day)

    def fees_on(self, session_day: date) -> tuple[FeeComponent, ...]:
        """Components in force on a session, one of each name; what `argus.core.fees.charge` takes."""
        return fees_in_force(self.fee_components, session_day)

    def unverified(self) -> tuple[str, ...]:
        """Names of the figures of which at least one source could not be read, in alphabetical order."""
        names = {name for name, source in self.sources.items() if not source.verified}
        if any(not row.source.verified for row in self.margins):
            names.add("margins")
        charged = [row.source for row in self.fees] + [row.source for row in self.fee_components]
        if any(not source.verified for source in charged):
            names.add("fees")
        return tuple(sorted(names))


_Row = TypeVar("_Row", MarginRate, FeeSchedule)


def _in_force(rows: tuple[_Row, ...], day: date) -> _Row | None:
    at = bisect_right(rows, day, key=lambda row: row.effective_date)
    return rows[at - 1] if at else None


def load_instruments(path: Path | None = None) -> Mapping[str, InstrumentSpec]:
    """All known instruments by symbol: those of the package, and over them those of the user's file at `path`.

    Raises
    ------
    InstrumentError
        The file cannot be read, or an entry is malformed or inconsistent; names file, symbol, field, what was found
        and what to do.
    """
    if path is None:
        return _default().instruments
    try:
        stat = path.stat()
    except OSError as error:
        raise InstrumentError(
            f"{path}: cannot be read ({error.strerror}); give the path of an instrument file"
        ) from error
    return _merged(path.resolve(), stat.st_mtime_ns, stat.st_size).instruments


def fee_set(name: str, *, path: Path | None = None) -> tuple[FeeComponent, ...]:
    """Rows that many instruments share, such as `us_options`, from the package's file and the user's over it.

    Raises
    ------
    InstrumentError
        The set is unknown; names those there are. Or the file is unusable, as with `load_instruments`.
    """
    if path is not None:
        load_instruments(path)
    file = _default() if path is None else _merged(path.resolve(), path.stat().st_mtime_ns, path.stat().st_size)
    if name not in file.fee_sets:
        raise InstrumentError(f"fee set {name!r} is unknown; there are {', '.join(sorted(file.fee_sets))}")
    return file.fee_sets[name]


@lru_cache(maxsize=1)
def _default() -> InstrumentFile:
    # Pydantic and YAML cost more to import than the file costs to read: `argus --help` must not pay for them.
    from argus.core._instrument_schema import read_file

    return read_file(_DEFAULT_FILE)


@lru_cache(maxsize=8)
def _merged(path: Path, mtime_ns: int, size: int) -> InstrumentFile:
    """The user's file over the default one; the time and size of the file are in the key so that an edit is seen."""
    from argus.core._instrument_schema import read_file

    return read_file(path, base=_default())


def instrument(symbol: str, *, path: Path | None = None) -> InstrumentSpec:
    """The specification of `symbol`; `US_EQUITY:AAPL` is any ticker under the rules of a template.

    `US_EQUITY:AAPL` carries the symbol AAPL. Every other template keeps its prefix in the symbol
    (`US_EQUITY_ADJ:AAPL`), so that a symbol always leads back to the same specification.

    Raises
    ------
    InstrumentError
        The symbol is unknown; names the closest known ones.
    """
    known = load_instruments(path)
    if symbol in known:
        return known[symbol]
    prefix, colon, ticker = symbol.partition(":")
    template = known.get(prefix)
    if colon and template is not None and template.template:
        return _from_template(template, ticker, known)
    if "US_EQUITY" in known and colon == "" and _TICKER.fullmatch(symbol):
        hint = f" Any US share can be asked for as US_EQUITY:{symbol}."
    else:
        hint = ""
    close = difflib.get_close_matches(symbol.upper(), known, n=4, cutoff=0.5)
    nearest = f" Did you mean {', '.join(close)}?" if close else ""
    raise InstrumentError(f"instrument {symbol!r} is unknown.{nearest}{hint} Or add it to an instrument file.")


def _from_template(template: InstrumentSpec, ticker: str, known: Mapping[str, InstrumentSpec]) -> InstrumentSpec:
    if not _TICKER.fullmatch(ticker):
        raise InstrumentError(
            f"ticker {ticker!r} of template {template.symbol} is not a ticker; write capital letters and digits, "
            f"for example {template.symbol}:AAPL"
        )
    if template.symbol == "US_EQUITY":
        if ticker in known and known[ticker].kind is not InstrumentKind.EQUITY:
            raise InstrumentError(
                f"US_EQUITY:{ticker} would be called {ticker}, which is already {known[ticker].name}; "
                "add the share under another symbol to an instrument file"
            )
        return known.get(ticker) or replace(template, symbol=ticker, name=f"{ticker} ({template.name})", template=False)
    return replace(template, symbol=f"{template.symbol}:{ticker}", name=f"{ticker} ({template.name})", template=False)


@lru_cache(maxsize=256)
def _business_days(calendar: str, year: int) -> Sequence[date]:
    """Business days of the year before, the year and the year after: no rule reaches further."""
    import pandas_market_calendars

    days = pandas_market_calendars.get_calendar(calendar).valid_days(f"{year - 1}-01-01", f"{year + 1}-12-31")
    return tuple(stamp.date() for stamp in days)


def last_trade_date(spec: InstrumentSpec, year: int, month_letter: str) -> date:
    """Last day on which the contract of a delivery month trades, by the exchange's rule on its business days.

    Holidays are those scheduled today: a closure declared after a contract was listed is known to the calendar for past
    years only. For contracts that cease in the morning (equity index, volatility) the day is that morning's.

    Parameters
    ----------
    spec : InstrumentSpec
        A future.
    year : int
        Year of the delivery month.
    month_letter : str
        Letter of the delivery month, one of `spec.delivery_months`.

    Raises
    ------
    InstrumentError
        The instrument does not expire, or has no such delivery month.
    """
    if spec.last_trade_rule not in LAST_TRADE_RULES:
        raise InstrumentError(f"{spec.symbol} is {spec.kind.value} and does not expire; ask for a future")
    if month_letter not in spec.delivery_months:
        raise InstrumentError(
            f"{spec.symbol} has no delivery month {month_letter!r}; it has {' '.join(spec.delivery_months)}"
        )
    days = _business_days(business_calendar(spec.exchange, spec.calendar), year)
    return LAST_TRADE_RULES[spec.last_trade_rule](days, year, MONTH_LETTERS.index(month_letter) + 1)


def option_expiry_date(rule: str, exchange: str, year: int, month: int, calendar: str = "NYSE") -> date:
    """Day on which the option of a month expires, by the exchange's rule on its business days.

    Parameters
    ----------
    rule : str
        Name of a rule; see `argus.data.future_options` and `argus.data.option_expiries` for those in use.
    exchange, calendar : str
        The exchange, and the calendar whose sessions are its business days where it is none of CME Group.
    year, month : int
        Of the option's name, which is not always the month in which it expires.

    Raises
    ------
    InstrumentError
        If there is no such rule, or the month does not have that day.
    """
    if rule not in OPTION_RULES:
        raise InstrumentError(f"no expiry rule is called {rule!r}; there are {', '.join(OPTION_RULES)}")
    day = OPTION_RULES[rule](_business_days(business_calendar(exchange, calendar), year), year, month)
    if rule.endswith("_5") and day.month != month:
        raise InstrumentError(f"{year}-{month:02d} has no {rule.removesuffix('_5')} a fifth time")
    return day


def first_notice_date(spec: InstrumentSpec, year: int, month_letter: str) -> date | None:
    """First day on which the holder of a long contract may be told to take delivery; None where cash settles.

    Parameters
    ----------
    spec : InstrumentSpec
        A future.
    year : int
        Year of the delivery month.
    month_letter : str
        Letter of the delivery month, one of `spec.delivery_months`.

    Raises
    ------
    InstrumentError
        As `last_trade_date`; or if the contract is delivered and the specification names no rule.
    """
    last = last_trade_date(spec, year, month_letter)
    if spec.settlement == "cash":
        return None
    if spec.first_notice_rule not in FIRST_NOTICE_RULES:
        raise InstrumentError(
            f"{spec.symbol}: first_notice_rule is {spec.first_notice_rule!r}, but its contracts are delivered; name "
            f"one of {', '.join(FIRST_NOTICE_RULES)}"
        )
    days = _business_days(business_calendar(spec.exchange, spec.calendar), year)
    return FIRST_NOTICE_RULES[spec.first_notice_rule](days, year, MONTH_LETTERS.index(month_letter) + 1, last)
