"""What is audited: a way to make the strategy from a market, and all that it is run with.

The strategy is made anew for every run, and from the market of that run, because whatever it works out beforehand
(arrays of decisions, scalings, fitted parameters) must come from data that the audit can replace.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from typing import Any

import numpy as np

from argus.core.errors import ArgusError
from argus.core.ports import RiskPolicy, Sizer, Strategy, TrialLedger
from argus.core.strategy import StrategySpec
from argus.engine.config import RunConfig
from argus.engine.record import RunRecord
from argus.lab.audit.alteration import Auxiliary, Market, Variant, alter, alter_auxiliary
from argus.lab.audit.recording import Log, Recorder

__all__ = ["Altered", "Counted", "Isolated", "Played", "Progress", "Subject", "isolated", "play", "spec_apart"]

Progress = Callable[[str, int, int], None]
"""Told the stage, and how far of how much."""

Auxiliaries = Mapping[str, Auxiliary]


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A strategy with everything it would be traded with.

    Attributes
    ----------
    make : callable
        ``make(market)`` gives a fresh strategy; with `auxiliary`, ``make(market, auxiliary)``. Importable (a function
        of a module, or a `functools.partial` of one), so that it can also be made in a process of its own.
    market : mapping
        Symbol to (specification, bars).
    config : RunConfig
    sizer, risk : Sizer, RiskPolicy
    auxiliary : mapping or None
        Series beside the bars, by name. One that is not given here cannot be replaced.
    """

    make: Callable[..., Strategy]
    market: Market
    config: RunConfig
    sizer: Sizer
    risk: RiskPolicy
    auxiliary: Auxiliaries | None = None

    def create(self) -> Strategy:
        """A fresh strategy made from this market."""
        return self.make(self.market) if self.auxiliary is None else self.make(self.market, self.auxiliary)

    def on(self, market: Market, auxiliary: Auxiliaries | None = None, **settings: Any) -> Subject:
        """The same strategy on another market, with other settings of the run."""
        config = replace(self.config, **settings) if settings else self.config
        return replace(self, market=market, config=config, auxiliary=auxiliary if auxiliary else self.auxiliary)

    def altered(self, how: Altered) -> Subject:
        """The same strategy on a market whose future is another one after a cut, deciding up to the cut only."""
        market = {
            symbol: (spec, alter(spec, bars, how.cut_ns, how.variant, how.seed))
            for symbol, (spec, bars) in self.market.items()
        }
        series = {
            name: alter_auxiliary(one, how.cut_ns, how.variant, how.seed, name)
            for name, one in (self.auxiliary or {}).items()
        }
        return self.on(market, series, end_ns=how.cut_ns + 1)

    def between(self, begin_ns: int, end_ns: int) -> Subject:
        """The same strategy on the bars known from `begin_ns` to `end_ns`."""
        market = {}
        for symbol, (spec, bars) in self.market.items():
            rows = np.searchsorted(bars.ts_recv_ns, [begin_ns, end_ns + 1])
            market[symbol] = (spec, bars.rows(int(rows[0]), int(rows[1])))
        return self.on(market)


@dataclass(frozen=True, slots=True)
class Altered:
    """One altered future: where, by what, with which noise."""

    cut_ns: int
    variant: Variant
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """A run for an audit: what was answered, and the record if it came to an end."""

    log: Log
    record: RunRecord | None


@dataclass(slots=True)
class Counted:
    """Writes through to a ledger and counts the runs."""

    ledger: TrialLedger
    runs: int = 0

    def record(self, trial: Mapping[str, object]) -> None:
        """Add one trial."""
        self.ledger.record(trial)
        self.runs += 1


def play(subject: Subject, trials: TrialLedger) -> Played:
    """Make the strategy, run it and log every answer; an error ends the log and is kept in it.

    Whatever the strategy raises is an answer here: one that fails only without its future has been found out.
    """
    from argus.engine.replay import run

    recorder = None
    try:
        recorder = Recorder(subject.create())
        record = run(
            recorder,
            subject.market,
            subject.config,
            sizer=subject.sizer,
            risk=subject.risk,
            trials=trials,
            purpose="audit",
        )
    except Exception as error:  # noqa: BLE001 - a strategy may raise anything, and that is what is recorded
        log = Log() if recorder is None else recorder.log
        kind = "" if isinstance(error, ArgusError) else f"{type(error).__name__}: "
        log.error = f"{kind}{error}"
        return Played(log, None)
    return Played(recorder.log, record)


# ---- processes of their own


@dataclass(slots=True)
class Isolated:
    """Logs from a process of its own.

    Attributes
    ----------
    logs : list of Log
        One for each run, in sequence.
    how : str
        ``spawn``: an empty process; ``fork``: a copy of this one, where the factory could not be sent to an empty one.
    why_not : str
        Why there are no logs; empty if there are.
    """

    logs: list[Log] = field(default_factory=list)
    how: str = ""
    why_not: str = ""


def isolated(subject: Subject, runs: tuple[Altered | None, ...], trials: TrialLedger) -> Isolated:
    """Play the subject in a process of its own, once for each item of `runs`, one after the other.

    Parameters
    ----------
    subject : Subject
    runs : tuple of Altered or None
        None is the market as it is.
    trials : TrialLedger
        Runs made over there are written here.
    """
    why = ""
    for how in ("spawn", "fork"):
        if how not in multiprocessing.get_all_start_methods():
            continue
        try:
            logs, written = _in_process(multiprocessing.get_context(how), subject, runs)
        except _NotStarted as error:
            why = str(error)
            continue
        for trial in written:
            trials.record(trial)
        return Isolated(logs, how)
    return Isolated(why_not=why)


def spec_apart(subject: Subject) -> StrategySpec:
    """What the strategy declares.

    A factory that cannot be sent to an empty process is asked in a copy of this one: making a strategy may already
    leave something behind, and later copies must not have it.
    """
    if not _can_be_sent(subject.make) and "fork" in multiprocessing.get_all_start_methods():
        context = multiprocessing.get_context("fork")
        home, away = context.Pipe(duplex=False)
        process = context.Process(target=_tell_spec, args=(away, subject), daemon=True)
        process.start()
        away.close()
        try:
            return home.recv()  # type: ignore[no-any-return]
        except Exception:  # noqa: BLE001 - it failed over there, or cannot be sent: it is asked here, and says why
            return subject.create().spec
        finally:
            home.close()
            process.join()
    return subject.create().spec


def _can_be_sent(make: Callable[..., Strategy]) -> bool:
    from multiprocessing.reduction import ForkingPickler

    try:
        ForkingPickler.dumps(make)
    except Exception:  # noqa: BLE001 - what cannot be pickled says so in many ways
        return False
    return True


def _tell_spec(away: Connection, subject: Subject) -> None:
    """In the other process: make the strategy and send home what it declares; nothing, if that fails."""
    try:
        away.send(subject.create().spec)
    except Exception:  # noqa: BLE001 - whoever asked will see it again
        away.close()


class _NotStarted(Exception):
    """A process of its own could not be had."""


class _Kept:
    """A ledger that can be sent home."""

    def __init__(self) -> None:
        self.seen: list[Mapping[str, object]] = []

    def record(self, trial: Mapping[str, object]) -> None:
        self.seen.append(dict(trial))


def _in_process(
    context: BaseContext, subject: Subject, runs: tuple[Altered | None, ...]
) -> tuple[list[Log], list[Mapping[str, object]]]:
    home, away = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(away, subject, runs), daemon=True)  # type: ignore[attr-defined]
    try:
        process.start()
    except Exception as error:  # noqa: BLE001 - pickling a factory may fail in any way
        raise _NotStarted(f"{type(error).__name__}: {error}") from None
    away.close()
    try:
        logs, written = home.recv()
    except Exception as error:  # noqa: BLE001 - what comes back may not be readable here
        raise _NotStarted(f"the process ended without an answer ({type(error).__name__})") from None
    finally:
        home.close()
        process.join()
    return logs, written


def _serve(away: Connection, subject: Subject, runs: tuple[Altered | None, ...]) -> None:
    """In the other process: play, and send the logs home."""
    ledger = _Kept()
    logs = [play(subject if how is None else subject.altered(how), ledger).log for how in runs]
    away.send((logs, ledger.seen))
    away.close()
