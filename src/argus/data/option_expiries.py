"""When listed US options expire, by exchange rule: which date, which instant, and how the contract ends.

A name holds a date; a price needs an instant. An AM-settled option (root ``SPX``) is worth what the opening prices of
its expiry day make of it, and nobody trades it that day; a PM-settled one (``SPXW``, and options on shares and funds)
is worth what the close makes of it. Both instants are those of the stock market's session, so that half days and
daylight saving are the calendar's business. A date without a session (Good Friday; the Saturdays that monthly options
carried in their names until January 2015) means the session before it.

Options on the Cboe Volatility Index settle on the open of a Wednesday, thirty days before the options that the index is
made of. Options on futures have another module (`argus.data.future_options`): their codes are those of shares as well.

Each rule names the page that was read for it, and which of its figures could not be read (`OptionRule.unverified`).
What real chains confirm stands beside it: of the SPX and SPXW quotes of 25 April to 22 July 2019, taken at 15:00
Chicago time, every SPX expiry is a third Friday, every SPXW expiry is a Monday, Wednesday or Friday, the last session
of a month, or the Tuesday after a holiday Monday; and on 21 June and 19 July 2019 the expiring SPX options have
neither bid nor ask any more, while the expiring SPXW options have both.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import I32_1D, I64_1D
from argus.core.chains import I8_1D, Settlement
from argus.core.errors import ConfigError
from argus.core.instruments import option_expiry_date
from argus.core.time import NS_PER_MINUTE, day_number, day_of, to_ns
from argus.data.calendars import SessionTable, session_table

__all__ = [
    "ENDS_IN",
    "EXPIRY_FAULTS",
    "OPTION_FIGURES",
    "OPTION_RULES",
    "Expiries",
    "OptionRule",
    "canonical_roots",
    "closes_of",
    "expiries",
    "month_end_expiries",
    "monthly_expiries",
    "option_rule",
    "volatility_expiries",
    "weekly_expiries",
]

EXPIRY_FAULTS: Final = {
    1: "no session of the calendar lies on its date, or in the four days before it",
    2: "its date lies outside the years that the calendar holds",
}
"""Fault code of an expiry to what is wrong with it; 0 is no fault."""

OPTION_FIGURES: Final = ("expiry", "holidays", "last trade", "settlement", "tick", "strikes")
"""What an option rule states, each of which was read at its source or not; holidays move an expiry."""

ENDS_IN: Final = ZoneInfo("America/Chicago")
"""Zone of `OptionRule.ends_at`."""

_MOVED_DAYS_MAX: Final = 4
_FIRST, _LAST = date(1973, 4, 26), date(2099, 12, 31)  # Cboe's first day; the calendars end in 2100
_FRIDAY: Final = 4


@dataclass(frozen=True, slots=True)
class OptionRule:
    """What an option root stands for.

    Attributes
    ----------
    root, underlying : str
    settlement : Settlement
    calendar : str
        Whose session's open or close is the expiry.
    ends_at : time or None
        Time of day, in the zone `ENDS_IN`, at which the contract expires, where that is neither the session's open nor
        its close; a session that closes earlier ends it earlier.
    last_trade_late_min : int
        Minutes after the session's close until which a contract that does not expire that day is traded; it is the end
        of trading of an AM-settled one, on the session before its expiry.
    trades_to_end : bool
        Whether an AM-settled contract is traded until its expiry, and not only until the session before.
    pm_root : str or None
        Root under which the PM-settled options on the same underlying are listed; those of `root` itself are then
        AM-settled and expire on third Fridays only.
    tick, tick_below, tick_break : float
        Price increment, and the one below the price `tick_break`.
    strike_step : float
        Strikes are multiples of it; adjusted contracts may not be.
    source : str
        What was read for it, and where; empty where nothing was.
    unverified : tuple of str
        Those of `OPTION_FIGURES` that do not stand there.
    """

    root: str
    underlying: str
    settlement: Settlement
    calendar: str = "NYSE"
    ends_at: time | None = None
    last_trade_late_min: int = 0
    trades_to_end: bool = False
    pm_root: str | None = None
    tick: float = 0.01
    tick_below: float = 0.01
    tick_break: float = 3.0
    strike_step: float = 0.5
    source: str = ""
    unverified: tuple[str, ...] = OPTION_FIGURES


_SPX: Final = "Cboe, SPX Options Product Specification (cboe.com/products/indexopts/spx_spec.aspx)"
_XSP: Final = "Cboe, XSP Options Product Specification (markets.cboe.com/.../mini_spx_options/specifications)"
_VIX: Final = (
    "Cboe, Settlement Information for VIX Derivatives (cfe.cboe.com), settlement reminders of 17 March 2014 and 19 May "
    "2015 (cboe.com/blogs), and VIX Options Product Specifications as copied at qhlt.cn"
)


def _rules() -> dict[str, OptionRule]:
    am, pm = Settlement.AT_OPEN | Settlement.CASH, Settlement.CASH
    nickels = {"tick": 0.1, "tick_below": 0.05}
    index = {"last_trade_late_min": 15, **nickels}
    read = {"source": _SPX, "unverified": ("holidays",)}
    vix = {"source": _VIX, "unverified": (), "strike_step": 0.5}
    rules = (
        OptionRule("SPX", "SPX", am, pm_root="SPXW", strike_step=5.0, **index, **read),  # type: ignore[arg-type]
        OptionRule("SPXW", "SPX", pm, strike_step=5.0, **index, **read),  # type: ignore[arg-type]
        OptionRule("XSP", "XSP", pm, last_trade_late_min=15, strike_step=0.5, source=_XSP, unverified=()),
        OptionRule("NDX", "NDX", am, pm_root="NDXP", strike_step=5.0, **index),  # type: ignore[arg-type]
        OptionRule("NDXP", "NDX", pm, strike_step=5.0, **index),  # type: ignore[arg-type]
        OptionRule("RUT", "RUT", am, pm_root="RUTW", strike_step=5.0, **index),  # type: ignore[arg-type]
        OptionRule("RUTW", "RUT", pm, strike_step=5.0, **index),  # type: ignore[arg-type]
        OptionRule("VIX", "VIX", am, **index, **vix),  # type: ignore[arg-type]
        OptionRule("VIXW", "VIX", am, **index, **vix),  # type: ignore[arg-type]
    )
    return {rule.root: rule for rule in rules}


OPTION_RULES: Final[Mapping[str, OptionRule]] = MappingProxyType(_rules())
"""Roots whose contracts are not those of a US share or fund."""


def option_rule(root: str) -> OptionRule:
    """The rule of a root; one without an entry is a US share or fund: PM, physical, American."""
    known = OPTION_RULES.get(root)
    return OptionRule(root, root, Settlement.AMERICAN) if known is None else known


@dataclass(frozen=True, slots=True, eq=False)
class Expiries:
    """The ends of contracts, one element for each.

    Attributes
    ----------
    session : (n,) int32
        Session of the expiry as days since 1970-01-01: the date of the name, or the session before it.
    expiry_ns : (n,) int64
        Instant at which the value is fixed: the session's open (AM) or close (PM), UTC nanoseconds.
    last_trade_ns : (n,) int64
        When trading ends: the close (PM), or that of the session before (AM), with the minutes of the rule.
    settlement : (n,) int8
        Flags of `Settlement`.
    fault : (n,) uint8
        Key of `EXPIRY_FAULTS`, or 0; where it is not 0, the times are 0.
    """

    session: I32_1D
    expiry_ns: I64_1D
    last_trade_ns: I64_1D
    settlement: I8_1D
    fault: NDArray[np.uint8]


def expiries(
    root: Sequence[str] | NDArray[np.str_],
    expiry_day: NDArray[np.integer[Any]],
    *,
    rules: Mapping[str, OptionRule] | None = None,
) -> Expiries:
    """When contracts expire, by their root and the date in their name.

    Parameters
    ----------
    root : (n,) array of str
    expiry_day : (n,) int
        Days since 1970-01-01.
    rules : mapping, optional
        Root to rule, for roots whose rule is not the one of this module.
    """
    roots, which = np.unique(np.asarray(root, dtype=np.str_), return_inverse=True)
    day = np.asarray(expiry_day, dtype=np.int64)
    n = len(day)
    session, fault = np.zeros(n, np.int32), np.zeros(n, np.uint8)
    times = np.zeros((2, n), np.int64)
    settlement = np.zeros(n, np.int8)
    for number, name in enumerate(roots.tolist()):
        rule = (rules or {}).get(name) or option_rule(name)
        rows = np.flatnonzero(which == number)
        days, inverse = np.unique(day[rows], return_inverse=True)
        found = _ends(rule, days)
        session[rows], fault[rows] = found.session[inverse], found.fault[inverse]
        times[0, rows], times[1, rows] = found.expiry_ns[inverse], found.last_trade_ns[inverse]
        settlement[rows] = int(rule.settlement)
    return Expiries(session, times[0], times[1], settlement, fault)


def _ends(rule: OptionRule, days: I64_1D) -> Expiries:
    """The ends of one root's contracts, by distinct days in rising order."""
    n = len(days)
    outside = (days < day_number(_FIRST)) | (days > day_number(_LAST))
    inside = days[~outside]
    fault = np.where(outside, np.uint8(2), np.uint8(0))
    session, expiry, last = np.zeros(n, np.int32), np.zeros(n, np.int64), np.zeros(n, np.int64)
    if len(inside):
        before = timedelta(days=3 * _MOVED_DAYS_MAX)
        table = session_table(rule.calendar, day_of(int(inside[0])) - before, day_of(int(inside[-1])))
        at = np.searchsorted(table.session, days, side="right") - 1
        at = np.clip(at, 1, len(table) - 1)
        fault[~outside & (days - table.session[at] > _MOVED_DAYS_MAX)] = 1
        late = rule.last_trade_late_min * NS_PER_MINUTE
        expiry = table.open_ns[at] if rule.settlement & Settlement.AT_OPEN else closes_of(rule, table)[at]
        ahead = rule.settlement & Settlement.AT_OPEN and not rule.trades_to_end
        last = table.close_ns[at - 1] + late if ahead else expiry
        session = table.session[at]
    good = fault == 0
    return Expiries(
        np.where(good, session, 0).astype(np.int32),
        np.where(good, expiry, 0),
        np.where(good, last, 0),
        np.full(n, int(rule.settlement), np.int8),
        fault,
    )


def closes_of(rule: OptionRule, table: SessionTable) -> I64_1D:
    """When PM-settled contracts of a rule end, by session: at its close, or before it where the rule says so."""
    if rule.ends_at is None:
        return table.close_ns
    return np.minimum(table.close_ns, _instants(table.session, rule.ends_at))


def _instants(days: I32_1D, at: time) -> I64_1D:
    """A time of day in `ENDS_IN` on each day, UTC nanoseconds."""
    return np.array([to_ns(datetime.combine(day_of(day), at, ENDS_IN)) for day in days.tolist()], np.int64)


def canonical_roots(
    root: Sequence[str] | NDArray[np.str_], expiry_day: NDArray[np.integer[Any]], *, at_open: bool | None = None
) -> NDArray[np.str_]:
    """The roots under which contracts are listed, where a vendor calls all options on an index by one root.

    An ``SPX`` that does not expire on a third Friday can only be an ``SPXW``. On a third Friday both are listed, and
    nothing in the name tells which is meant: it counts as what it is called, unless `at_open` says how it settles.

    Parameters
    ----------
    root, expiry_day
        As for `expiries`.
    at_open : bool, optional
        Whether the contracts settle on the open, where the vendor says so; False makes every ``SPX`` an ``SPXW``.
    """
    found = np.asarray(root, dtype=np.str_).astype(f"U{max(6, *map(len, root), 0) if len(root) else 6}")
    day = np.asarray(expiry_day, dtype=np.int64)
    for rule in OPTION_RULES.values():
        rows = np.flatnonzero(found == rule.root)
        if rule.pm_root is None or not len(rows):
            continue
        monthly = monthly_expiries(day_of(int(day[rows].min())), day_of(int(day[rows].max())), rule.calendar)
        named = np.isin(day[rows], monthly) | _is_third_saturday(day[rows])
        found[rows[~named] if at_open is not False else rows] = rule.pm_root
    return found


def monthly_expiries(first: date, last: date, calendar: str = "NYSE") -> I64_1D:
    """Day numbers from `first` to `last` of the third Fridays, or of the sessions before those that are holidays.

    Raises
    ------
    CoverageError
        If the calendar does not reach so far.
    """
    fridays = []
    for month in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        begin = date(month // 12, month % 12 + 1, 1)
        fridays.append(day_number(begin + timedelta(days=(_FRIDAY - begin.weekday()) % 7 + 14)))
    return _within(_session_before(np.array(fridays, np.int64), calendar), first, last)


def weekly_expiries(first: date, last: date, weekdays: Collection[int] = (0, 2, 4), calendar: str = "NYSE") -> I64_1D:
    """Day numbers from `first` to `last` of weekly expiries.

    A holiday moves a weekly expiry to the session before it; a Monday's moves to the session after it.

    Parameters
    ----------
    first, last : date
    weekdays : collection of int
        0 is Monday. SPXW had Mondays, Wednesdays and Fridays in 2019; later Tuesdays and Thursdays came to them.
    calendar : str

    Raises
    ------
    ConfigError
        If one of `weekdays` is no weekday from 0 to 4.
    CoverageError
        If the calendar does not reach so far.
    """
    if wrong := [day for day in weekdays if day not in range(5)]:
        raise ConfigError(f"weekdays holds {wrong[0]!r}; state days from 0 (Monday) to 4 (Friday)")
    days = np.arange(day_number(first) - 7, day_number(last) + 8)
    wanted = days[np.isin((days + 3) % 7, list(weekdays))]
    mondays = wanted[(wanted + 3) % 7 == 0]
    others = wanted[(wanted + 3) % 7 != 0]
    table = session_table(calendar, day_of(int(days[0])), day_of(int(days[-1]) + 7))
    moved = table.session[np.minimum(np.searchsorted(table.session, mondays), len(table) - 1)]
    return _within(np.union1d(moved, _session_before(others, calendar)).astype(np.int64), first, last)


def volatility_expiries(first: date, last: date) -> I64_1D:
    """Day numbers from `first` to `last` on which monthly options on the Cboe Volatility Index expire.

    The Wednesday thirty days before the third Friday of the next month; where that Friday, or the Wednesday, is a
    holiday of the exchange, the business day before.

    Raises
    ------
    CoverageError
        If the calendar does not reach so far.
    """
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    rule = "thirty_days_before_third_friday_of_next_month"
    found = [day_number(option_expiry_date(rule, "Cboe", month // 12, month % 12 + 1)) for month in months]
    return _within(np.array(found, np.int64), first, last)


def month_end_expiries(first: date, last: date, calendar: str = "NYSE") -> I64_1D:
    """Day numbers from `first` to `last` of the last sessions of months.

    Raises
    ------
    CoverageError
        If the calendar does not reach so far.
    """
    ends = [
        day_number(date((month + 1) // 12, (month + 1) % 12 + 1, 1)) - 1
        for month in range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    ]
    return _within(_session_before(np.array(ends, np.int64), calendar), first, last)


def _session_before(days: I64_1D, calendar: str) -> I64_1D:
    """The last session on or before each day."""
    if not len(days):
        return days
    before = timedelta(days=3 * _MOVED_DAYS_MAX)
    table = session_table(calendar, day_of(int(days.min())) - before, day_of(int(days.max())))
    return table.session[np.searchsorted(table.session, days, side="right") - 1].astype(np.int64)


def _within(days: I64_1D, first: date, last: date) -> I64_1D:
    kept: I64_1D = np.unique(days[(days >= day_number(first)) & (days <= day_number(last))])
    return kept


def _is_third_saturday(day: I64_1D) -> NDArray[np.bool_]:
    """Whether a day is the Saturday after a third Friday, by which monthly options were named until January 2015."""
    in_month = day - day.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    is_third: NDArray[np.bool_] = ((day + 3) % 7 == 5) & (in_month >= 15) & (in_month <= 21)
    return is_third
