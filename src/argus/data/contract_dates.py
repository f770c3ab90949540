"""The life of a futures contract in instants: when it stops trading, when its holder may be delivered to, how it ends.

`argus.core.instruments` knows the days by the exchange's rules; here the days become UTC nanoseconds by the clock of
the contract's session, and the names of contracts get one form, `MES.202306`, which is also the name of the contract's
series in the catalog. `contract_life` is the table that an engine needs to leave a contract in time and to settle what
is still held at the end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from argus.core.arrays import Bars
from argus.core.errors import CoverageError, DataError, InstrumentError
from argus.core.instruments import MONTH_LETTERS, InstrumentKind, InstrumentSpec, first_notice_date, last_trade_date
from argus.core.time import day_number, to_ns
from argus.data.calendars import SessionTable, session_table

__all__ = [
    "ContractId",
    "ContractLife",
    "SettlementKind",
    "contract_life",
    "contract_lives",
    "contract_spec",
    "contract_symbol",
    "is_contract",
    "parse_contract",
]

_CONTRACT: Final = re.compile(r"(?P<root>[A-Z0-9][A-Z0-9_\-]*)\.(?P<year>\d{4})(?P<month>\d{2})")
_NEIGHBOURS: Final = timedelta(days=14)
# Final value from the opening prices of the index's members, at the opening of the US stock market. CME: "Special
# Opening Quotation"; Cboe: the same name, for the volatility indices.
_OPENING: Final = frozenset({"third_friday_0930_et", "thirty_days_before_third_friday_of_next_month"})
_STOCKS_OPEN: Final = time(8, 30)


class SettlementKind(StrEnum):
    """What becomes of a position that is held to the end."""

    PHYSICAL = "physical"
    """Delivery: a long takes the goods and pays, a short hands them over."""
    CASH_OPENING = "cash_opening"
    """Cash against a value computed from opening prices after trading has stopped."""
    CASH_CLOSING = "cash_closing"
    """Cash against a settlement price at the end of trading."""


@dataclass(frozen=True, slots=True, order=True)
class ContractId:
    """Root and delivery month of a contract; contracts of one root sort by delivery.

    Attributes
    ----------
    root : str
        Symbol in the instrument file.
    year, month : int
        Delivery month.
    """

    root: str
    year: int
    month: int

    @property
    def symbol(self) -> str:
        """The contract's name, such as ``MES.202306``."""
        return f"{self.root}.{self.year:04d}{self.month:02d}"

    @property
    def letter(self) -> str:
        """Letter of the delivery month."""
        return MONTH_LETTERS[self.month - 1]


@dataclass(frozen=True, slots=True)
class ContractLife:
    """When a contract can be held, and how it ends.

    Attributes
    ----------
    symbol : str
        Such as ``ZN.202306``.
    first_bar_ns : int or None
        Start of the first bar that there is; None if none was given.
    last_trade_date : date
        Day by the exchange's rule.
    last_trade_ns : int
        Instant at which trading ends for good.
    first_notice_date : date or None
        First day on which a holder of a long may be told to take delivery; None where cash settles.
    first_notice_ns : int or None
        Opening of that day's session.
    exit_by_ns : int or None
        Last instant at which a long can be closed without standing for delivery: the close of the last session before
        the first notice day, because notices go to those who hold at that close; or the end of trading where notices
        come only then (crude oil, natural gas, currencies). None where cash settles.
    settlement : SettlementKind
    settlement_ns : int
        When the contract turns into its final settlement: the instant that the final value refers to, not before
        `last_trade_ns`. It is published later, in the hours that follow.
    """

    symbol: str
    first_bar_ns: int | None
    last_trade_date: date
    last_trade_ns: int
    first_notice_date: date | None
    first_notice_ns: int | None
    exit_by_ns: int | None
    settlement: SettlementKind
    settlement_ns: int


def contract_symbol(root: str, year: int, month: int) -> str:
    """``MES.202306`` for the contract of June 2023."""
    return ContractId(root, year, month).symbol


def is_contract(symbol: str) -> bool:
    """Whether a symbol is the name of a contract, such as ``MES.202306``."""
    match = _CONTRACT.fullmatch(symbol)
    return match is not None and 1 <= int(match["month"]) <= 12


def parse_contract(symbol: str) -> ContractId:
    """Root and delivery month of a contract's name.

    Raises
    ------
    DataError
        If the name is not of the form ``MES.202306``.
    """
    match = _CONTRACT.fullmatch(symbol)
    if match is None or not 1 <= int(match["month"]) <= 12:
        raise DataError(
            f"{symbol!r} names no contract; write root, dot, year and month of delivery, such as MES.202306"
        )
    return ContractId(match["root"], int(match["year"]), int(match["month"]))


def contract_spec(spec: InstrumentSpec, symbol: str) -> InstrumentSpec:
    """The specification of one contract: that of its root under the contract's own symbol.

    Raises
    ------
    InstrumentError
        If the root is another one, or has no such delivery month.
    """
    contract = _of_root(spec, symbol)
    return replace(spec, symbol=contract.symbol, name=f"{spec.name} {contract.letter}{contract.year}")


def contract_lives(contracts: Mapping[str, Bars], spec: InstrumentSpec) -> tuple[ContractLife, ...]:
    """The life of each contract, by delivery month; raises like `contract_life`."""
    ordered = sorted(contracts, key=parse_contract)
    return tuple(contract_life(symbol, spec, contracts[symbol]) for symbol in ordered)


def contract_life(symbol: str, spec: InstrumentSpec, bars: Bars | None = None) -> ContractLife:
    """When a contract can be held, and how it ends.

    Parameters
    ----------
    symbol : str
        Such as ``ZN.202306``.
    spec : InstrumentSpec
        Specification of the root.
    bars : Bars, optional
        Bars of the contract.

    Raises
    ------
    InstrumentError
        If the instrument does not expire, has no such delivery month, or is delivered by no known rule.
    CoverageError
        If the calendar does not reach the contract's days.
    """
    contract = _of_root(spec, symbol)
    last_day = last_trade_date(spec, contract.year, contract.letter)
    notice_day = first_notice_date(spec, contract.year, contract.letter)
    last_ns = _last_trade_ns(spec, last_day)
    opening = spec.last_trade_rule in _OPENING
    if notice_day is None:
        kind = SettlementKind.CASH_OPENING if opening else SettlementKind.CASH_CLOSING
    else:
        kind = SettlementKind.PHYSICAL
    settled_ns = max(last_ns, _instant(spec, last_day, _STOCKS_OPEN)) if opening else last_ns
    notice_ns = exit_ns = None
    if notice_day is not None:
        notice_ns, closed_ns = _notice(spec, notice_day)
        exit_ns = closed_ns if notice_day < last_day else last_ns
    return ContractLife(
        symbol=contract.symbol,
        first_bar_ns=int(bars.ts_event_ns[0]) if bars is not None and len(bars) else None,
        last_trade_date=last_day,
        last_trade_ns=last_ns,
        first_notice_date=notice_day,
        first_notice_ns=notice_ns,
        exit_by_ns=exit_ns,
        settlement=kind,
        settlement_ns=settled_ns,
    )


def _of_root(spec: InstrumentSpec, symbol: str) -> ContractId:
    contract = parse_contract(symbol)
    if spec.kind is not InstrumentKind.FUTURE:
        raise InstrumentError(
            f"{spec.symbol} is {spec.kind.value} and has no contracts; give the specification of a future"
        )
    if contract.root != spec.symbol:
        raise InstrumentError(
            f"{symbol} is a contract of {contract.root}, but the specification is that of {spec.symbol}"
        )
    if contract.letter not in spec.delivery_months:
        raise InstrumentError(
            f"{symbol}: {spec.symbol} has no delivery month {contract.letter!r}; it has "
            f"{' '.join(spec.delivery_months)}"
        )
    return contract


def _last_trade_ns(spec: InstrumentSpec, day: date) -> int:
    if spec.last_trade_time is not None:
        return _instant(spec, day, spec.last_trade_time)
    table = _sessions_around(spec.calendar, day)
    at = int(np.searchsorted(table.session, day_number(day)))
    if at == len(table) or table.session[at] != day_number(day):
        raise CoverageError(
            f"{spec.symbol}: the calendar {spec.calendar} has no session on the last trade date {day}; state "
            "last_trade_time in the instrument file"
        )
    return int(table.close_ns[at])


def _instant(spec: InstrumentSpec, day: date, clock: time) -> int:
    return to_ns(datetime.combine(day, clock, ZoneInfo(spec.session.timezone)))


def _notice(spec: InstrumentSpec, day: date) -> tuple[int, int]:
    """Opening of the notice day's session, and the close of the session before it."""
    table = _sessions_around(spec.calendar, day)
    at = int(np.searchsorted(table.session, day_number(day)))
    if not 0 < at < len(table):
        raise CoverageError(f"{spec.symbol}: the calendar {spec.calendar} has no sessions around {day}")
    return int(table.open_ns[at]), int(table.close_ns[at - 1])


@lru_cache(maxsize=1024)
def _sessions_around(calendar: str, day: date) -> SessionTable:
    return session_table(calendar, day - _NEIGHBOURS, day + _NEIGHBOURS)
