"""The registry of experiments: what was stated before the first run, and everything that was done with it since.

Events are only ever added. Each holds the hash of the one before it, so that an event that was changed or taken out
from the middle is seen. A hold-out can be opened once: not once a name, but once a market and range, because the data
do not forget under which name they were looked at.

On the user's own machine nothing can be made impossible. What is taken off the end of the chain is seen only by what
names it elsewhere: the folders of results, and packs.
"""

from __future__ import annotations

import hashlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from argus.core.errors import ConfigError
from argus.core.time import format_ns
from argus.lab.journal._database import connected, url_of
from argus.lab.journal.experiment import Change, ExperimentSpec, changes
from argus.lab.journal.trials import roots_of

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.engine import Engine

__all__ = [
    "Event",
    "EventKind",
    "ExperimentRegistry",
    "MemoryRegistry",
    "Registration",
    "SqlRegistry",
    "chain_faults",
    "openings",
    "same_as",
    "shut_holdouts",
]

_ATTEMPTS: Final = 50
_FIRST: Final = "0" * 64
_TRIGGERS: Final = tuple(
    f"CREATE TRIGGER IF NOT EXISTS experiment_event_no_{what.lower()} BEFORE {what} ON experiment_event "
    "BEGIN SELECT RAISE(ABORT, 'events of experiments are only ever added'); END"
    for what in ("UPDATE", "DELETE")
)


class EventKind(StrEnum):
    """What happened to an experiment."""

    REGISTERED = "registered"
    RUN = "run"
    THRESHOLD_CHANGED = "threshold_changed"
    HOLDOUT_OPENED = "holdout_opened"
    HOLDOUT_SEEN = "holdout_seen"
    SAME_MARKET = "same_market"
    VERDICT = "verdict"


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the registry.

    Attributes
    ----------
    seq : int
        Place in the chain, from 1.
    experiment : str
        Id of the experiment.
    kind : str
        One of `EventKind`.
    at_ns : int
        When, as its writer said.
    body : mapping
        Plain values.
    before_hash, hash : str
        Of the event before it, and its own.
    """

    seq: int
    experiment: str
    kind: str
    at_ns: int
    body: Mapping[str, Any]
    before_hash: str
    hash: str

    def computed_hash(self) -> str:
        """The hash that its content has."""
        return _hash(self.seq, self.experiment, self.kind, self.at_ns, self.body, self.before_hash)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "seq": self.seq,
            "experiment": self.experiment,
            "kind": self.kind,
            "at": format_ns(self.at_ns),
            "at_ns": self.at_ns,
            "body": dict(self.body),
            "before_hash": self.before_hash,
            "hash": self.hash,
        }


@dataclass(frozen=True, slots=True)
class Registration:
    """An experiment in the registry.

    Attributes
    ----------
    event : Event
        Its REGISTERED.
    is_new : bool
        Whether it was registered just now.
    parent : Event or None
        The registration of the same idea that it is a later form of.
    changes : tuple of Change
        From the parent.
    drift : tuple of Change
        From what was registered under this very file to what holds now: the workspace's settings, the strategy.
    trials_between : int
        Trials that the ledger got between the parent's registration and this one.
    """

    event: Event
    is_new: bool
    parent: Event | None = None
    changes: tuple[Change, ...] = ()
    drift: tuple[Change, ...] = ()
    trials_between: int = 0


class ExperimentRegistry(Protocol):
    """Keeps what was stated before, and what was done since."""

    def register(
        self, spec: ExperimentSpec, found: Mapping[str, Any], at_ns: int, families: Iterable[str] = ()
    ) -> Registration:
        """State an experiment; the same file again is the same registration."""
        ...

    def note(self, experiment: str, kind: EventKind, body: Mapping[str, Any], at_ns: int) -> Event:
        """Add an event."""
        ...

    def open_holdout(self, spec: ExperimentSpec, body: Mapping[str, Any], at_ns: int) -> Event:
        """Record that a hold-out is opened, if no part of it was before."""
        ...

    def journal(self) -> tuple[Event, ...]:
        """Every event, in order."""
        ...


def chain_faults(events: Sequence[Event]) -> tuple[str, ...]:
    """What is wrong with a chain of events, one sentence each; empty if it is whole."""
    faults = []
    before, seq = _FIRST, 0
    for event in events:
        if event.seq != seq + 1:
            gone = f"event {seq + 1} is" if event.seq == seq + 2 else f"events {seq + 1} to {event.seq - 1} are"
            faults.append(f"{gone} missing from the registry of experiments: rows were deleted")
        elif event.before_hash != before:
            faults.append(f"event {event.seq} of the registry does not follow on event {seq}: one was replaced")
        if event.computed_hash() != event.hash:
            faults.append(f"event {event.seq} ({event.kind} of {event.experiment}) was changed after it was written")
        before, seq = event.hash, event.seq
    return tuple(faults)


def openings(events: Sequence[Event], spec: ExperimentSpec) -> tuple[Event, ...]:
    """Earlier openings of hold-outs on a market of this experiment, under any symbol, that overlap its hold-out."""
    start = spec.holdout_from
    if start is None:
        return ()
    end = 2**63 - 1 if spec.holdout_to is None else spec.holdout_to
    roots = roots_of(spec.instruments)
    return tuple(_opened(events, roots | same_as(events, roots), start, end))


def same_as(events: Sequence[Event], symbols: Iterable[str]) -> frozenset[str]:
    """Other symbols that were found to hold the prices of these, or of one that does; roots for contracts."""
    own = roots_of(symbols)
    pairs = [
        {str(pair["market"]), str(pair["other"])}
        for event in events
        if event.kind == EventKind.SAME_MARKET
        for pair in event.body.get("pairs", ())
    ]
    reached = set(own)
    while True:
        found = {symbol for pair in pairs if not pair.isdisjoint(reached) for symbol in pair} - reached
        if not found:
            return frozenset(reached - own)
        reached |= found


def shut_holdouts(events: Sequence[Event], instruments: Iterable[str]) -> tuple[Event, ...]:
    """Registrations whose hold-out is on one of these markets and was not opened; the earliest hold-out first."""
    roots = roots_of(instruments)
    roots |= same_as(events, roots)
    found: list[tuple[int, int, Event]] = []
    for event in events:
        told = event.body.get("spec", {}) if event.kind == EventKind.REGISTERED else {}
        start, until = told.get("holdout_from"), told.get("holdout_to")
        if start is None:
            continue
        own = roots & roots_of(symbol for market in told["symbols"].values() for symbol in market)
        if own and not _opened(
            events, own | same_as(events, own), int(start), 2**63 - 1 if until is None else int(until)
        ):
            found.append((int(start), event.seq, event))
    return tuple(event for _, _, event in sorted(found, key=lambda one: one[:2]))


def _opened(events: Sequence[Event], roots: frozenset[str], start: int, end: int) -> list[Event]:
    """Openings on one of these markets that overlap a range."""
    found = []
    for event in events:
        if event.kind != EventKind.HOLDOUT_OPENED or roots.isdisjoint(event.body["instruments"]):
            continue
        until = event.body.get("to_ns")
        if int(event.body["from_ns"]) < end and (2**63 - 1 if until is None else int(until)) > start:
            found.append(event)
    return found


class _Chain(ABC):
    """Everything of a registry but where its events are kept."""

    @abstractmethod
    def journal(self) -> tuple[Event, ...]:
        """Every event, oldest first."""

    @abstractmethod
    def _insert(self, event: Event) -> bool:
        """Keep an event; False if another one took its place in the chain first."""

    def register(
        self, spec: ExperimentSpec, found: Mapping[str, Any], at_ns: int, families: Iterable[str] = ()
    ) -> Registration:
        """State an experiment; the same file again is the same registration.

        Parameters
        ----------
        spec : ExperimentSpec
        found : mapping
            What the ledger and the catalog hold at this moment: trials, looks and hashes of data. Kept as it is.
        at_ns : int
            Now.
        families : iterable of str
            Names under which the strategy was run, beside its own.
        """
        told = spec.describe()
        known = _registered(self.journal(), spec)
        if known is not None:
            return _placed(self.journal(), known, told, is_new=False)
        parent = _parent(self.journal(), spec, frozenset(families))
        body = {"spec": told, **found, "parent": None if parent is None else parent.hash}

        def guard(events: Sequence[Event]) -> Event | None:
            return _registered(events, spec)

        event = self._add(spec.id, EventKind.REGISTERED, body, at_ns, guard)
        placed = _placed(self.journal(), event, told, is_new=True)
        for change in placed.changes:
            if change.key.startswith("gates."):
                what = {"gate": change.key.removeprefix("gates."), "before": change.before, "after": change.after}
                between = {"trials_between": placed.trials_between, "parent": parent.experiment if parent else None}
                self.note(spec.id, EventKind.THRESHOLD_CHANGED, {**what, **between}, at_ns)
        return placed

    def note(self, experiment: str, kind: EventKind, body: Mapping[str, Any], at_ns: int) -> Event:
        """Add an event.

        Raises
        ------
        ConfigError
            If it is the opening of a hold-out, which `open_holdout` alone adds.
        """
        if kind in (EventKind.HOLDOUT_OPENED, EventKind.REGISTERED):
            raise ConfigError(f"an event {kind} is added by register or open_holdout, which check it first")
        return self._add(experiment, kind, body, at_ns, lambda _: None)

    def open_holdout(self, spec: ExperimentSpec, body: Mapping[str, Any], at_ns: int) -> Event:
        """Record that a hold-out is opened, if no part of it was before.

        Raises
        ------
        ConfigError
            If the experiment has none, or an overlapping range of one of its markets was opened, under any name.
        """
        if spec.holdout_from is None:
            raise ConfigError(f"{spec.name} has no hold-out; state holdout: {{from: DATE}} before its first run")

        def guard(events: Sequence[Event]) -> Event | None:
            for event in openings(events, spec):
                named = ", ".join(event.body["instruments"])
                until = event.body["to_ns"]
                if roots_of(spec.instruments).isdisjoint(event.body["instruments"]):
                    named += f" (whose prices are those of {', '.join(spec.instruments)})"
                raise ConfigError(
                    f"the hold-out of {named} from {format_ns(event.body['from_ns'])} to "
                    f"{'the end' if until is None else format_ns(until)} was opened on {format_ns(event.at_ns)} by "
                    f"{event.body['name']} (experiment {event.experiment}); a hold-out is opened once, under whatever "
                    "name: wait for new data, and set those aside"
                )
            return None

        told = {
            "name": spec.name,
            "instruments": sorted(roots_of(spec.instruments)),
            "from_ns": spec.holdout_from,
            "to_ns": spec.holdout_to,
        }
        return self._add(spec.id, EventKind.HOLDOUT_OPENED, {**body, **told}, at_ns, guard)

    def _add(
        self,
        experiment: str,
        kind: EventKind,
        body: Mapping[str, Any],
        at_ns: int,
        guard: Callable[[Sequence[Event]], Event | None],
    ) -> Event:
        """Append to the chain what the guard lets through; an event that the guard returns stands for it."""
        plain = json.loads(_text(body))
        for _ in range(_ATTEMPTS):
            events = self.journal()
            known = guard(events)
            if known is not None:
                return known
            seq, before = (events[-1].seq + 1, events[-1].hash) if events else (1, _FIRST)
            made = _hash(seq, experiment, str(kind), at_ns, plain, before)
            event = Event(seq, experiment, str(kind), at_ns, plain, before, made)
            # The place in the chain can be taken once, so that what the guard saw is all that there was.
            if self._insert(event):
                return event
        raise ConfigError(f"{_ATTEMPTS} others wrote into the registry of experiments meanwhile; try again")


class MemoryRegistry(_Chain):
    """A registry that lives as long as the process: for calibration and tests."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    def journal(self) -> tuple[Event, ...]:
        """Every event, in order."""
        return tuple(self._events)

    def _insert(self, event: Event) -> bool:
        self._events.append(event)
        return True


@dataclass
class SqlRegistry(_Chain):
    """The registry of a workspace, in the database of its trial ledger; many processes may write it at once.

    Parameters
    ----------
    target : Path or str
        A file (SQLite) or an SQLAlchemy URL.
    timeout_s : float
        How long a writer waits for the others.
    """

    target: Path | str
    timeout_s: float = 60.0
    _opened: tuple[int, Engine, Table] | None = field(default=None, init=False, repr=False)

    def journal(self) -> tuple[Event, ...]:
        """Every event, in order."""
        from sqlalchemy import select

        engine, table = self._open()
        with engine.connect() as connection:
            rows = connection.execute(select(table).order_by(table.c.seq)).all()
        return tuple(
            Event(row.seq, row.experiment, row.kind, row.at_ns, _read(row.body), row.before_hash, row.hash)
            for row in rows
        )

    def _insert(self, event: Event) -> bool:
        from sqlalchemy.exc import IntegrityError

        engine, table = self._open()
        row = {
            "seq": event.seq,
            "experiment": event.experiment,
            "kind": event.kind,
            "at_ns": event.at_ns,
            "body": _text(event.body),
            "before_hash": event.before_hash,
            "hash": event.hash,
        }
        try:
            with engine.begin() as connection:
                connection.execute(table.insert(), [row])
        except IntegrityError:
            return False
        return True

    def close(self) -> None:
        """Let go of the database; the registry opens it again when it is next used."""
        if self._opened is not None and self._opened[0] == os.getpid():
            self._opened[1].dispose()
        self._opened = None

    def _open(self) -> tuple[Engine, Table]:
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = (os.getpid(), *_open_table(url_of(self.target), self.timeout_s))
        return self._opened[1], self._opened[2]


def _open_table(url: str, timeout_s: float) -> tuple[Engine, Table]:
    from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, text

    metadata = MetaData()
    table = Table(
        "experiment_event",
        metadata,
        Column("seq", Integer, primary_key=True, autoincrement=False),
        Column("experiment", String, nullable=False),
        Column("kind", String, nullable=False),
        Column("at_ns", BigInteger, nullable=False),
        Column("body", String, nullable=False),
        Column("before_hash", String, nullable=False, unique=True),
        Column("hash", String, nullable=False),
    )
    engine = connected(url, timeout_s, metadata, "the registry of experiments")
    if engine.dialect.name == "sqlite":
        with engine.begin() as connection:
            for trigger in _TRIGGERS:
                connection.execute(text(trigger))
    return engine, table


def _text(body: Mapping[str, Any]) -> str:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), default=str)


def _read(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"unreadable": text}


def _hash(seq: int, experiment: str, kind: str, at_ns: int, body: Mapping[str, Any], before: str) -> str:
    return hashlib.sha256(_text({"event": [seq, experiment, kind, at_ns, body, before]}).encode()).hexdigest()


def _registered(events: Sequence[Event], spec: ExperimentSpec) -> Event | None:
    return next((e for e in events if e.kind == EventKind.REGISTERED and _hash_of(e) == spec.file_hash), None)


def _hash_of(event: Event) -> str:
    return str(event.body.get("spec", {}).get("file_hash", ""))


def _parent(events: Sequence[Event], spec: ExperimentSpec, families: frozenset[str]) -> Event | None:
    """The latest registration under the same name, or of the same idea on a market of these."""
    roots = roots_of(spec.instruments)
    roots |= same_as(events, roots)
    for event in reversed(events):
        if event.kind != EventKind.REGISTERED or "spec" not in event.body:
            continue
        told = event.body["spec"]
        symbols = roots_of(symbol for market in told["symbols"].values() for symbol in market)
        if told["name"] == spec.name:
            return event
        if told["strategy"] in families | {spec.strategy} and not roots.isdisjoint(symbols):
            return event
    return None


def _placed(events: Sequence[Event], event: Event, told: Mapping[str, Any], *, is_new: bool) -> Registration:
    """The registration with what it is a later form of, and what has changed under it."""
    known = event.body["spec"]
    drift = () if is_new else changes(known, json.loads(_text(told)))
    parent = next((e for e in events if e.hash == event.body.get("parent")), None)
    if parent is None:
        return Registration(event, is_new, drift=drift)
    between = int(event.body.get("trials", 0)) - int(parent.body.get("trials", 0))
    return Registration(event, is_new, parent, changes(parent.body["spec"], known), drift, between)
