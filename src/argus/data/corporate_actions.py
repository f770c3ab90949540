"""Splits, cash dividends, changes of symbol and delistings, and what they do to a series that signals are read on.

An engine books these actions as they happen: shares multiply, cash is paid. A signal needs something else, a series in
which a four-for-one split is no crash and a dividend no loss. The functions here make one in the way that
`argus.data.continuous` joins contracts: anchored at the *oldest* price, so that a value at time t uses only actions
that had taken effect and were known by t, and no row is ever rewritten. The customary vendor series does the opposite:
each new split or dividend rewrites its whole past, so that a price of 1995 depends on a dividend of last week.

How actions are read from files and kept beside the bars is in `argus.data.corporate_actions_import`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

import numpy as np

from argus.core.arrays import BAR_FIELDS, F64_1D, Bars, readonly
from argus.core.errors import DataError
from argus.core.time import day_number, format_ns

__all__ = [
    "AdjustedBars",
    "CashDividend",
    "CorporateAction",
    "Delisting",
    "Split",
    "SymbolChange",
    "changes_to",
    "join_symbols",
    "known_actions",
    "split_adjusted",
    "total_return_adjusted",
]

_PRICES: Final = BAR_FIELDS[:4]
_ADJUSTED: Final = "_ADJ:"


@dataclass(frozen=True, slots=True)
class Split:
    """`numerator` new shares for `denominator` old ones: 4 and 1 for a four-for-one split, 1 and 10 for a reverse one.

    Attributes
    ----------
    symbol : str
    session : date
        First session in which the shares trade split.
    effective_ns : int
        Opening of that session.
    known_at_ns : int
        When it could first be known, not after `effective_ns`.
    numerator, denominator : int
    """

    symbol: str
    session: date
    effective_ns: int
    known_at_ns: int
    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        _check_known(self)
        if self.numerator < 1 or self.denominator < 1 or self.numerator == self.denominator:
            raise DataError(
                f"{self.symbol}: a split of {self.numerator} new for {self.denominator} old shares on {self.session} "
                "is none; both must be whole, above zero and different"
            )


@dataclass(frozen=True, slots=True)
class CashDividend:
    """Cash per share to those who hold at the close before the ex-session; a short pays it.

    Attributes
    ----------
    symbol : str
    session : date
        Ex-session: the first in which a buyer does not get the dividend.
    effective_ns : int
        Opening of the ex-session.
    known_at_ns : int
        When it was declared, not after `effective_ns`.
    amount : Decimal
        Per share, as shares are counted on the ex-session.
    currency : str
    pay_session : date
        When the cash moves, not before the ex-session.
    """

    symbol: str
    session: date
    effective_ns: int
    known_at_ns: int
    amount: Decimal
    currency: str
    pay_session: date

    def __post_init__(self) -> None:
        _check_known(self)
        if not self.amount.is_finite() or self.amount <= 0:
            raise DataError(f"{self.symbol}: a dividend of {self.amount} on {self.session}; it must be above zero")
        if self.pay_session < self.session:
            raise DataError(
                f"{self.symbol}: the dividend of {self.session} is paid on {self.pay_session}, before its ex-session; "
                "correct the dates"
            )


@dataclass(frozen=True, slots=True)
class SymbolChange:
    """The same shares under a new name from the opening of `session` on.

    Attributes
    ----------
    symbol, new_symbol : str
    session : date
        First session under the new symbol.
    effective_ns : int
        Opening of that session.
    known_at_ns : int
    """

    symbol: str
    session: date
    effective_ns: int
    known_at_ns: int
    new_symbol: str

    def __post_init__(self) -> None:
        _check_known(self)
        if self.symbol == self.new_symbol:
            raise DataError(f"{self.symbol}: changes its symbol on {self.session} to itself; correct new_symbol")


@dataclass(frozen=True, slots=True)
class Delisting:
    """The shares trade for the last time.

    Attributes
    ----------
    symbol : str
    session : date
        Last session of trading.
    effective_ns : int
        Close of that session.
    known_at_ns : int
    cash : Decimal or None
        Paid per share after the end, zero if the shares became worthless; None if that is not known.
    currency : str
    """

    symbol: str
    session: date
    effective_ns: int
    known_at_ns: int
    cash: Decimal | None
    currency: str

    def __post_init__(self) -> None:
        _check_known(self)
        if self.cash is not None and not (self.cash.is_finite() and self.cash >= 0):
            raise DataError(
                f"{self.symbol}: {self.cash} paid per share at its delisting; write zero or more, or nothing"
            )


CorporateAction = Split | CashDividend | SymbolChange | Delisting
"""What a company can do to its shares, as far as Argus knows it."""


def _check_known(action: CorporateAction) -> None:
    if action.known_at_ns > action.effective_ns:
        raise DataError(
            f"{action.symbol}: the {type(action).__name__} of {action.session} takes effect at "
            f"{format_ns(action.effective_ns)} and is stated to be known only at {format_ns(action.known_at_ns)}; the "
            "market knew it by then: correct the time"
        )


@dataclass(frozen=True, slots=True, eq=False)
class AdjustedBars:
    """Bars for signals, without the jumps of corporate actions.

    Attributes
    ----------
    bars : Bars
        Prices times `factor`. Volume is counted in shares of the first row, so that splits do not show in it either.
    factor : (n,) float64
        What each row's prices were multiplied with; 1 before the first action.
    applied : tuple of Split or CashDividend
        Actions that are in the series, in order of time.
    """

    bars: Bars
    factor: F64_1D
    applied: tuple[Split | CashDividend, ...]

    def __post_init__(self) -> None:
        readonly(self.factor)


def known_actions(actions: Iterable[CorporateAction], now_ns: int) -> tuple[CorporateAction, ...]:
    """Actions that could be known at an instant, in the order in which they take effect."""
    return tuple(sorted((a for a in actions if a.known_at_ns <= now_ns), key=_order))


def split_adjusted(bars: Bars, actions: Iterable[CorporateAction]) -> AdjustedBars:
    """The bars as if the shares had never been split: prices after a split are those of the old, larger share.

    Parameters
    ----------
    bars : Bars
        Prices as they traded.
    actions : iterable
        Of any symbol and kind; splits of the bars' symbol are used.

    Raises
    ------
    DataError
        If the bars are adjusted already.
    """
    return _adjusted(bars, [a for a in actions if isinstance(a, Split)])


def total_return_adjusted(bars: Bars, actions: Iterable[CorporateAction]) -> AdjustedBars:
    """The bars as if no split had been and every dividend had been reinvested at the opening of its ex-session.

    From the ex-session on prices are multiplied with ``c / (c - d)``, `c` being the last close received before it and
    `d` the dividend: the factor that makes a fall by exactly the dividend no fall at all. Taxes and fees are not in it.

    Parameters
    ----------
    bars : Bars
        Prices as they traded.
    actions : iterable
        Of any symbol and kind; splits and cash dividends of the bars' symbol are used.

    Raises
    ------
    DataError
        If the bars are adjusted already, or a dividend is not smaller than the close before it.
    """
    return _adjusted(bars, [a for a in actions if isinstance(a, (Split, CashDividend))])


def _order(action: CorporateAction) -> tuple[int, str, str]:
    return action.effective_ns, action.symbol, type(action).__name__


def _adjusted(bars: Bars, actions: Sequence[Split | CashDividend]) -> AdjustedBars:
    if _ADJUSTED in bars.instrument:
        raise DataError(
            f"{bars.instrument}: these prices are adjusted already, by their vendor; take prices that traded"
        )
    # A dividend is stated per share of its ex-session: a split of that session comes first.
    own = sorted(
        (a for a in actions if a.symbol == bars.instrument), key=lambda a: (a.effective_ns, isinstance(a, CashDividend))
    )
    factor = np.ones(len(bars))
    split_factor = np.ones(len(bars))
    applied: list[Split | CashDividend] = []
    for action in own:
        rows = (bars.session >= day_number(action.session)) & (bars.ts_recv_ns >= action.known_at_ns)
        begin = int(np.argmax(rows)) if rows.any() else len(bars)
        # An action before the first row is in all prices alike, and one after the last row is not in any.
        if begin == 0 or begin == len(bars):
            continue
        if isinstance(action, Split):
            share = action.numerator / action.denominator
            split_factor[begin:] *= share
        else:
            share = _dividend_factor(bars, action, begin, split_factor)
        factor[begin:] *= share
        applied.append(action)
    columns: dict[str, F64_1D] = {name: getattr(bars, name) * factor for name in _PRICES if name in bars.observed}
    if "volume" in bars.observed:
        columns["volume"] = bars.volume / split_factor
    changed: Any = columns
    return AdjustedBars(replace(bars, **changed), factor, tuple(applied))


def _dividend_factor(bars: Bars, dividend: CashDividend, begin: int, split_factor: F64_1D) -> float:
    known = np.flatnonzero(np.isfinite(bars.close[:begin]) & (bars.ts_recv_ns[:begin] <= dividend.effective_ns))
    if not len(known):
        return 1.0
    row = int(known[-1])
    close = float(bars.close[row] * split_factor[row] / split_factor[begin])
    amount = float(dividend.amount)
    if amount >= close:
        raise DataError(
            f"{dividend.symbol}: the dividend of {dividend.amount} on {dividend.session} is not smaller than the close "
            f"before it, {close:g}; check the amount, and that the prices are as they traded"
        )
    return close / (close - amount)


def join_symbols(bars: Mapping[str, Bars], actions: Iterable[CorporateAction], symbol: str) -> Bars:
    """One history of shares that changed their symbol, under the symbol that they have at the end.

    Rows of the old symbol count until before the change, rows of the new one from the change on: what else is found
    under either name belongs to another company that had the name before or took it over.

    Parameters
    ----------
    bars : mapping
        Symbol to bars of one length.
    actions : iterable
        Of any symbol and kind; changes that lead to `symbol` are used.
    symbol : str
        The last symbol.

    Raises
    ------
    DataError
        If bars of one of the symbols are missing, or nothing is left.
    """
    chain = changes_to(symbol, [a for a in actions if isinstance(a, SymbolChange)])
    names = [*(change.symbol for change in chain), symbol]
    bounds = [-(2**31), *(day_number(change.session) for change in chain), 2**31 - 1]
    missing = [name for name in names if name not in bars]
    if missing:
        raise DataError(f"{symbol} was called {', '.join(names[:-1])} before, and there are no bars of {missing[0]}")
    parts = []
    for at, name in enumerate(names):
        start, stop = np.searchsorted(bars[name].session, bounds[at : at + 2])
        if stop > start:
            parts.append(bars[name].rows(int(start), int(stop)))
    if not parts:
        raise DataError(f"{symbol}: no bar lies in the time in which it had that symbol or one before")
    observed = frozenset.intersection(*(part.observed for part in parts))
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("ts_event_ns", "ts_close_ns", "ts_recv_ns", "session", "session_end", *BAR_FIELDS)
    }
    lost = {name: np.full(len(columns["session"]), np.nan) for name in BAR_FIELDS if name not in observed}
    return replace(parts[0], instrument=symbol, observed=observed, **(columns | lost))


def changes_to(symbol: str, changes: Sequence[SymbolChange]) -> list[SymbolChange]:
    """The changes that lead to a symbol, oldest first: the latest one to it, the latest before that, and so on."""
    chain: list[SymbolChange] = []
    before = 2**63 - 1
    while True:
        fitting = [c for c in changes if c.new_symbol == symbol and c.effective_ns < before]
        if not fitting:
            return chain[::-1]
        latest = max(fitting, key=_order)
        chain.append(latest)
        symbol, before = latest.symbol, latest.effective_ns
