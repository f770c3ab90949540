"""When to leave one futures contract for the next: a rule, and the dated schedule that it gives on real contracts.

A schedule is made by walking through the sessions in order. At the close of each one, and with nothing but sessions
that are complete and received by then, the rule says whether the contract in front is to be left. If so, the roll takes
effect at the next session's opening, never earlier. So each roll carries two instants, when it was known and when it
takes effect, and replacing everything after an instant by noise cannot move a roll that was known by then.

A schedule never rolls back. It goes from the contract in front to the first later one of the declared cycle of delivery
months that traded in the deciding session. `docs/rolls.md` explains the rules and their defaults to a trader.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, Literal

import numpy as np

from argus.core.arrays import Bars
from argus.core.errors import ConfigError, CoverageError, DataError
from argus.core.instruments import MONTH_LETTERS, InstrumentSpec
from argus.core.time import day_number, day_of
from argus.data.calendars import SessionTable, session_table
from argus.data.contract_dates import ContractId, ContractLife, contract_life, parse_contract

__all__ = [
    "Leg",
    "Roll",
    "RollReason",
    "RollRule",
    "RollSchedule",
    "RollTrigger",
    "customary_rule",
    "roll_date",
    "roll_schedule",
]

_AHEAD: Final = timedelta(days=21)
_AROUND: Final = timedelta(days=60)
_DAYS_MAX: Final = 30
_ACTIVE_MONTHS: Final[Mapping[str, str]] = {"GC": "GJMQZ", "MGC": "GJMQZ"}


class RollTrigger(StrEnum):
    """What makes a rule roll."""

    CALENDAR = "calendar"
    """A count of business days before the first notice day or the last trade date, whichever comes first."""
    VOLUME = "volume"
    """The later contract's volume of a session exceeds that of the one in front."""
    OPEN_INTEREST = "open_interest"
    """The later contract's open interest exceeds that of the one in front."""


class RollReason(StrEnum):
    """Why a roll happened."""

    CALENDAR = "calendar"
    VOLUME = "volume"
    OPEN_INTEREST = "open_interest"
    FORCED_DEADLINE = "forced_deadline"
    """The rule had not rolled by the deadline before first notice or last trade."""
    FORCED_SILENT = "forced_silent"
    """The contract in front had stopped trading while a later one traded."""
    AFTER_HOLE = "after_hole"
    """No contract could be held for a while; this is the first one after that."""


@dataclass(frozen=True, slots=True)
class RollRule:
    """How to choose the day of each roll.

    Attributes
    ----------
    trigger : RollTrigger
    days_before : int
        For `CALENDAR`: the roll takes effect at the opening of the session so many business days before the first
        notice day or the last trade date, whichever comes first.
    sessions : int
        For the crossovers: in how many consecutive complete sessions the later contract must lead.
    cycle : str
        Letters of the delivery months that are held, such as ``HMUZ``; empty for all those of the instrument.
    deadline_days : int
        Whatever the trigger, a roll takes effect at the latest so many business days before that day.
    open_interest_lag : int
        For `OPEN_INTEREST`: how many sessions old the figures are that a decision may use. Exchanges publish a
        session's open interest on the next morning, so the default is 1.
    silent_sessions : int
        After so many consecutive sessions in which the contract in front did not trade and a later one did, it is left.

    Raises
    ------
    ConfigError
        If a figure is out of its range.
    """

    trigger: RollTrigger = RollTrigger.CALENDAR
    days_before: int = 5
    sessions: int = 2
    cycle: str = ""
    deadline_days: int = 1
    open_interest_lag: int = 1
    silent_sessions: int = 3

    def __post_init__(self) -> None:
        ranges = {
            "deadline_days": (1, _DAYS_MAX),
            "days_before": (self.deadline_days, _DAYS_MAX),
            "sessions": (1, _DAYS_MAX),
            "open_interest_lag": (0, _DAYS_MAX),
            "silent_sessions": (1, _DAYS_MAX),
        }
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise ConfigError(f"roll rule: {name} is {getattr(self, name)}; it must lie between {low} and {high}")
        if self.cycle != "".join(letter for letter in MONTH_LETTERS if letter in self.cycle):
            raise ConfigError(
                f"roll rule: cycle is {self.cycle!r}; write letters of {MONTH_LETTERS} in that order, each once"
            )


@dataclass(frozen=True, slots=True)
class Roll:
    """One change of contract.

    Attributes
    ----------
    from_symbol, to_symbol : str
    session : date
        The session at whose opening the roll takes effect.
    known_at_ns : int
        When the deciding session was complete and received.
    effective_ns : int
        Opening of `session`, not before `known_at_ns`.
    reason : RollReason
    note : str
        What is odd about this roll; empty if nothing.
    """

    from_symbol: str
    to_symbol: str
    session: date
    known_at_ns: int
    effective_ns: int
    reason: RollReason
    note: str = ""


@dataclass(frozen=True, slots=True)
class Leg:
    """The span in which one contract is in front: from `start_ns` until before `end_ns` (None: still)."""

    symbol: str
    start_ns: int
    end_ns: int | None


@dataclass(frozen=True, slots=True)
class RollSchedule:
    """Which contract of a root is in front at each instant.

    Attributes
    ----------
    root : str
    rule : RollRule
    first_symbol : str
        Contract in front from `start_ns` on.
    start_ns : int
        Opening of the second session of the data: the first one decides.
    rolls : tuple of Roll
        In order of time.
    holes : tuple of (int, int or None)
        Spans in which no contract can be held; None: to the end of the data.
    end_ns : int or None
        Where the last contract ends, if the data reach its end and none follows it.
    notes : tuple of str
        What a reader of results must know.
    """

    root: str
    rule: RollRule
    first_symbol: str
    start_ns: int
    rolls: tuple[Roll, ...]
    holes: tuple[tuple[int, int | None], ...] = ()
    end_ns: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def legs(self) -> tuple[Leg, ...]:
        """Contracts in front, in order of time; they touch except around a hole."""
        begins = [self.start_ns, *(roll.effective_ns for roll in self.rolls)]
        symbols = [self.first_symbol, *(roll.to_symbol for roll in self.rolls)]
        starts = sorted([*begins[1:], *(hole[0] for hole in self.holes)])
        starts += [] if self.end_ns is None else [self.end_ns]
        ends = [starts[at] if (at := bisect_right(starts, begin)) < len(starts) else None for begin in begins]
        return tuple(Leg(*leg) for leg in zip(symbols, begins, ends, strict=True))

    def symbol_at(self, ts_ns: int) -> str | None:
        """Contract in front at an instant; None before the start and in a hole."""
        for leg in self.legs:
            if leg.start_ns <= ts_ns and (leg.end_ns is None or ts_ns < leg.end_ns):
                return leg.symbol
        return None


def customary_rule(spec: InstrumentSpec) -> RollRule:
    """The calendar rule that suits an instrument.

    Equity index futures roll six business days before the third Friday: CME Group's roll date, eight calendar days
    before expiry ("Equity Index Roll Dates", cmegroup.com/trading/equity-index/rolldates.html). Everything else rolls
    five business days before first notice or last trade: two more than brokers demand of holders of deliverable
    contracts (three, for one: discounttrading.com/first-notice-dates.html). Gold leaves October out, which is not among
    its active months (CME Group, Micro Gold contract specs: February, April, June, August, December).
    """
    return RollRule(
        days_before=6 if spec.last_trade_rule == "third_friday_0930_et" else 5,
        cycle=_ACTIVE_MONTHS.get(spec.symbol, ""),
    )


def roll_date(spec: InstrumentSpec, symbol: str, days_before: int) -> date:
    """The session so many business days before a contract's first notice day or last trade date, whichever is earlier.

    Raises
    ------
    InstrumentError, CoverageError
        As `argus.data.contract_dates.contract_life`.
    """
    return _count_back(spec, _reference(contract_life(symbol, spec)), days_before)


def roll_schedule(
    contracts: Mapping[str, Bars],
    spec: InstrumentSpec,
    rule: RollRule | None = None,
    *,
    on_gap: Literal["error", "hole"] = "error",
) -> RollSchedule:
    """The rolls of a root over the bars of its contracts.

    Parameters
    ----------
    contracts : mapping
        Contract's name (``MES.202306``) to its bars, of any one length.
    spec : InstrumentSpec
        Specification of the root.
    rule : RollRule, optional
        By default `customary_rule`.
    on_gap : {"error", "hole"}
        What to do when the contract in front has expired and no later one trades: raise, or record a hole and go on
        with the first one that trades again.

    Raises
    ------
    ConfigError
        If the cycle names a month that the instrument has not, or `on_gap` is neither.
    DataError
        If there are no contracts of the cycle, or the trigger needs a column that was not observed.
    CoverageError
        If there is a gap and `on_gap` is ``"error"``.
    """
    rule = customary_rule(spec) if rule is None else rule
    if on_gap not in ("error", "hole"):
        raise ConfigError(f"on_gap is {on_gap!r}; write 'error' or 'hole'")
    walk = _Walk(_candidates(contracts, spec, rule), _sessions(contracts, spec), spec, rule)
    for at in range(walk.first, walk.last + 1):
        gap = walk.step(at)
        if gap and on_gap == "error":
            raise CoverageError(
                f"{gap}; import the missing contract, end the run before, or ask for holes (on_gap='hole')"
            )
    return walk.schedule()


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A contract with its sessions: row by session number, and what the rule reads of each."""

    contract: ContractId
    life: ContractLife
    horizon: int
    deadline: int
    last_day: int
    sessions: dict[int, int]
    volume: list[float]
    open_interest: list[float]
    traded: list[bool]
    recv_ns: list[int]

    def traded_in(self, session: int) -> bool:
        row = self.sessions.get(session)
        return row is not None and self.traded[row]


def _candidates(contracts: Mapping[str, Bars], spec: InstrumentSpec, rule: RollRule) -> list[_Candidate]:
    months = "".join(spec.delivery_months)
    cycle = rule.cycle or months
    unknown = sorted(set(cycle) - set(months))
    if unknown:
        raise ConfigError(f"{spec.symbol} has no delivery month {', '.join(unknown)}; its months are {months}")
    held = [name for name in sorted(contracts, key=parse_contract) if parse_contract(name).letter in cycle]
    held = [name for name in held if len(contracts[name])]
    if not held:
        raise DataError(
            f"{spec.symbol}: none of {len(contracts)} contracts has bars and a delivery month of the cycle {cycle}; "
            "load its contracts first"
        )
    return [_candidate(name, contracts[name], spec, rule) for name in held]


def _candidate(name: str, bars: Bars, spec: InstrumentSpec, rule: RollRule) -> _Candidate:
    needed = {RollTrigger.VOLUME: "volume", RollTrigger.OPEN_INTEREST: "open_interest"}.get(rule.trigger)
    if needed is not None and needed not in bars.observed:
        raise DataError(
            f"{name}: the rule rolls on {needed}, which was not observed; take a source that has it, or the calendar "
            "rule"
        )
    life = contract_life(name, spec, bars)
    reference = _reference(life)
    deadline = day_number(_count_back(spec, reference, rule.deadline_days))
    calendar = rule.trigger is RollTrigger.CALENDAR
    first = np.flatnonzero(np.diff(bars.session, prepend=bars.session[0] - 1))
    last = np.append(first[1:], len(bars)) - 1
    alive = np.isfinite(bars.close)
    if "volume" in bars.observed:
        alive = alive & (bars.volume > 0)
    return _Candidate(
        contract=parse_contract(name),
        life=life,
        horizon=day_number(_count_back(spec, reference, rule.days_before)) if calendar else deadline,
        deadline=deadline,
        last_day=day_number(life.last_trade_date),
        sessions={int(session): row for row, session in enumerate(bars.session[first])},
        volume=np.add.reduceat(np.nan_to_num(bars.volume), first).tolist(),
        open_interest=bars.open_interest[last].tolist(),
        traded=np.logical_or.reduceat(alive, first).tolist(),
        recv_ns=bars.ts_recv_ns[last].tolist(),
    )


def _reference(life: ContractLife) -> date:
    days = [life.last_trade_date, *([life.first_notice_date] if life.first_notice_date else [])]
    return min(days)


def _count_back(spec: InstrumentSpec, day: date, count: int) -> date:
    table = session_table(spec.calendar, day - _AROUND, day)
    before = table.session[table.session < day_number(day)]
    if len(before) < count:
        raise CoverageError(f"{spec.symbol}: the calendar {spec.calendar} has no {count} sessions before {day}")
    return day_of(int(before[-count]))


def _sessions(contracts: Mapping[str, Bars], spec: InstrumentSpec) -> SessionTable:
    filled = [bars for bars in contracts.values() if len(bars)]
    first = min(int(bars.session[0]) for bars in filled)
    last = max(int(bars.session[-1]) for bars in filled)
    return session_table(spec.calendar, day_of(first), day_of(last) + _AHEAD)


@dataclass(slots=True)
class _Walk:
    """The state of a walk through the sessions: nothing in it comes from a session later than the one at hand."""

    candidates: Sequence[_Candidate]
    table: SessionTable
    spec: InstrumentSpec
    rule: RollRule
    front: int | None = field(init=False, default=None)
    left: int | None = field(init=False, default=None)
    began: tuple[str, int] | None = field(init=False, default=None)
    leading: int = field(init=False, default=0)
    led_by: int = field(init=False, default=-1)
    silent: int = field(init=False, default=0)
    rolls: list[Roll] = field(init=False, default_factory=list)
    holes: list[tuple[int, int | None]] = field(init=False, default_factory=list)
    end_ns: int | None = field(init=False, default=None)
    waiting: dict[str, int] = field(init=False, default_factory=dict)
    notes: list[str] = field(init=False, default_factory=list)

    @property
    def first(self) -> int:
        """Row of the first session with bars of the cycle."""
        return int(np.searchsorted(self.table.session, min(min(c.sessions) for c in self.candidates)))

    @property
    def last(self) -> int:
        """Row of the last session with bars of the cycle."""
        last = max(max(c.sessions) for c in self.candidates)
        return int(np.searchsorted(self.table.session, last, side="right")) - 1

    def step(self, at: int) -> str:
        """Decide at the close of a session; returns a sentence if it opens a hole, else nothing."""
        session = int(self.table.session[at])
        present = [c for c in self.candidates if session in c.sessions]
        known_ns = max([int(self.table.close_ns[at]), *(c.recv_ns[c.sessions[session]] for c in present)])
        target = int(np.searchsorted(self.table.open_ns, known_ns))
        if target == len(self.table) or self.end_ns is not None:
            return ""
        day = int(self.table.session[target])
        if self.front is None:
            self._enter(session, target, day, known_ns)
            return ""
        front = self.candidates[self.front]
        later = self._later(session, day)
        reason = self._reason(front, session, day, later)
        if later is not None and reason is not None:
            self._roll(later, reason, target, known_ns, "" if day <= front.deadline else "late: after the deadline")
            return ""
        if day > front.last_day:
            return self._open_hole(front, target)
        if day >= front.horizon and later is None and present:
            self.waiting.setdefault(front.contract.symbol, session)
        return ""

    def _later(self, session: int, day: int) -> int | None:
        assert self.front is not None
        for k in range(self.front + 1, len(self.candidates)):
            if self.candidates[k].traded_in(session) and self.candidates[k].horizon > day:
                return k
        return None

    def _reason(self, front: _Candidate, session: int, day: int, later: int | None) -> RollReason | None:
        if later is None:
            return None
        self.silent = 0 if front.traded_in(session) else self.silent + 1
        self._count_lead(front, session, later)
        if self.rule.trigger is RollTrigger.CALENDAR and day >= front.horizon:
            return RollReason.CALENDAR
        if self.rule.trigger is not RollTrigger.CALENDAR and self.leading >= self.rule.sessions:
            return RollReason(self.rule.trigger.value)
        if day >= front.deadline:
            return RollReason.FORCED_DEADLINE
        return RollReason.FORCED_SILENT if self.silent >= self.rule.silent_sessions else None

    def _count_lead(self, front: _Candidate, session: int, later: int) -> None:
        if self.rule.trigger is RollTrigger.CALENDAR:
            return
        if later != self.led_by:
            self.led_by, self.leading = later, 0
        ours, theirs = self._measure(front, session), self._measure(self.candidates[later], session)
        if np.isnan(ours) or np.isnan(theirs):
            return
        self.leading = self.leading + 1 if theirs > ours else 0

    def _measure(self, candidate: _Candidate, session: int) -> float:
        """Volume of the session, or the open interest that was published by its close; NaN where it is not known."""
        row = candidate.sessions.get(session)
        if self.rule.trigger is RollTrigger.VOLUME:
            return 0.0 if row is None else candidate.volume[row]
        if row is None or row < self.rule.open_interest_lag:
            return float("nan")
        return candidate.open_interest[row - self.rule.open_interest_lag]

    def _enter(self, session: int, target: int, day: int, known_ns: int) -> None:
        """Take up the nearest contract that trades, or for a crossover rule the one that leads."""
        from_row = 0 if self.left is None else self.left + 1
        rows = range(from_row, len(self.candidates))
        open_to = [k for k in rows if self.candidates[k].traded_in(session) and self.candidates[k].horizon > day]
        if not open_to:
            return
        chosen = open_to[0]
        if self.rule.trigger is not RollTrigger.CALENDAR:
            sizes = [np.nan_to_num(self._measure(self.candidates[k], session)) for k in open_to]
            chosen = open_to[int(np.argmax(sizes))]
        if self.left is None:
            self.front = chosen
            self.began = (self.candidates[chosen].contract.symbol, int(self.table.open_ns[target]))
            return
        self.front = self.left
        start = self.holes[-1][0]
        self.holes[-1] = (start, int(self.table.open_ns[target]))
        self._roll(chosen, RollReason.AFTER_HOLE, target, known_ns, "")

    def _roll(self, to: int, reason: RollReason, target: int, known_ns: int, note: str) -> None:
        assert self.front is not None
        passed = [c.contract.symbol for c in self.candidates[self.front + 1 : to]]
        if passed:
            note = "; ".join(
                part
                for part in (note, f"passed over {', '.join(passed)}: no trade in the deciding session, or due itself")
                if part
            )
        self.rolls.append(
            Roll(
                from_symbol=self.candidates[self.front].contract.symbol,
                to_symbol=self.candidates[to].contract.symbol,
                session=day_of(int(self.table.session[target])),
                known_at_ns=known_ns,
                effective_ns=int(self.table.open_ns[target]),
                reason=reason,
                note=note,
            )
        )
        self.front, self.left = to, None
        self.leading, self.led_by, self.silent = 0, -1, 0

    def _open_hole(self, front: _Candidate, target: int) -> str:
        assert self.front is not None
        opens, day = int(self.table.open_ns[target]), int(self.table.session[target])
        if not any(max(c.sessions) >= day for c in self.candidates[self.front + 1 :]):
            self.end_ns = opens
            return ""
        self.holes.append((opens, None))
        self.left, self.front = self.front, None
        self.leading, self.led_by, self.silent = 0, -1, 0
        found = (
            f"{front.contract.symbol} traded for the last time on {front.life.last_trade_date}, and no later contract "
            f"of the cycle had traded by then"
        )
        self.notes.append(found)
        return found

    def schedule(self) -> RollSchedule:
        if self.began is None:
            raise CoverageError(
                f"{self.spec.symbol}: no contract of the cycle traded in any session before its roll; import more of it"
            )
        late = [
            f"{c.contract.symbol} has bars after its last trade date {c.life.last_trade_date}"
            for c in self.candidates
            if max(c.sessions) > c.last_day
        ]
        waiting = [
            f"{symbol} was due to be left, but no later contract of the cycle traded on {day_of(session)}"
            for symbol, session in self.waiting.items()
        ]
        odd = [
            f"{roll.from_symbol} to {roll.to_symbol} on {roll.session}: {roll.reason.value.replace('_', ' ')}"
            + (f", {roll.note}" if roll.note else "")
            for roll in self.rolls
            if roll.note or roll.reason.value.startswith(("forced", "after"))
        ]
        return RollSchedule(
            root=self.spec.symbol,
            rule=self.rule,
            first_symbol=self.began[0],
            start_ns=self.began[1],
            rolls=tuple(self.rolls),
            holes=tuple(self.holes),
            end_ns=self.end_ns,
            notes=(*odd, *waiting, *self.notes, *late),
        )
