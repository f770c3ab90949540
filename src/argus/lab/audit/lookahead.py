"""``argus audit lookahead``: nothing that comes after an instant may move what was decided up to it.

Five questions, each with a verdict of its own. Does the same run twice give the same decisions, in another process and
on another day? Does a run leave something behind that another one reads? Does the strategy look at files or memory
while it decides? Does any decision or feature move when everything after it is replaced? And do positions taken on a
market of noise foresee the real one, which they could only from data that the strategy was not given?
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from argus.core.arrays import Bars
from argus.core.errors import ConfigError, RunError
from argus.core.instruments import InstrumentSpec
from argus.core.money import MONEY_MAX
from argus.core.ports import TrialLedger
from argus.core.strategy import StrategySpec
from argus.core.time import format_ns
from argus.data.bar_calendar import hold_calendars
from argus.data.calendars import tables_held
from argus.engine.feature_columns import reads_calendar
from argus.lab.audit.alteration import Market, Variant, alter_auxiliary, blur, replace_all
from argus.lab.audit.clocks import SHIFTS_S, move_clock
from argus.lab.audit.foresight import NOTHING, Foresight, foresight_of
from argus.lab.audit.future import FUTURE, FutureSettings, Stretch, does_not_know
from argus.lab.audit.recording import Log, first_difference
from argus.lab.audit.report import AuditReport, Check, Difference, Status
from argus.lab.audit.rolled import know_calendars
from argus.lab.audit.rooms import Room, Rooms
from argus.lab.audit.stretches import in_range, longest_read, newest, stretches, wakes_in, warm_rows
from argus.lab.audit.subject import Altered, Counted, Progress, Subject
from argus.lab.audit.touches import Touch
from argus.lab.audit.workshop import Done, Workshop

__all__ = ["LookaheadSettings", "audit_lookahead"]

REPEATS: Final = "repeats itself"
KEEPS_NOTHING: Final = "leaves nothing behind"
LOOKS: Final = "looks at its view only"
OWN_DATA: Final = "brings no data of its own"

_Z_BLIND: Final = 5.0
_P_HITS: Final = 1e-6
_Z_BLURRED: Final = 6.0
_CORRELATION_BLURRED: Final = 0.15
_RICHER: Final = 10
_OWN_WAKES: Final = 20_000
_BEGINNING: Final = -(2**62)
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class LookaheadSettings:
    """How much is tried.

    Attributes
    ----------
    window_wakes : int
        Every decision is put to the strategy again on other futures. Data with more than three times so many wake-ups
        are audited in three stretches of this length: first, middle, last. 0 is no bound.
    cuts : int
        Instants at which, beside that, the whole run is made again with the engine: spread evenly, drawn at random, and
        right before and at decisions that changed something, a third each.
    seeds : int
        Noises tried at each cut, beside the mirror, the shift and the truncation.
    isolate : bool
        Whether runs are made in processes of their own.
    foresight : bool
        Whether to look for data that the strategy keeps to itself.
    seed : int
        Of the noise and of the random cuts.
    """

    window_wakes: int = 4_000
    cuts: int = 12
    seeds: int = 2
    isolate: bool = True
    foresight: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("cuts", 1), ("seeds", 1)):
            if getattr(self, name) < least:
                raise ConfigError(f"look-ahead audit: {name} is {getattr(self, name)}; at least {least} is needed")
        if self.window_wakes and self.window_wakes < 50:
            raise ConfigError(
                f"look-ahead audit: window_wakes is {self.window_wakes}; at least 50 is needed, or 0 for no bound"
            )


@dataclass(frozen=True, slots=True, eq=False)
class _Audit:
    """What every check needs."""

    rooms: Rooms
    ledger: Counted
    how: LookaheadSettings
    whole: Market

    def run(self, room: Room, subject: Subject, *, with_calls: bool = False) -> Done:
        """A run in a room, written to the ledger here."""
        done: Done = room.call("run", subject.market, subject.auxiliary, subject.config, with_calls)
        for trial in done.trials:
            self.ledger.record(trial)
        return done


def audit_lookahead(
    subject: Subject,
    *,
    trials: TrialLedger,
    settings: LookaheadSettings | None = None,
    progress: Progress | None = None,
) -> AuditReport:
    """Audit one strategy for knowledge that it cannot have.

    Parameters
    ----------
    subject : Subject
        The strategy's factory, market, account, sizing and risk.
    trials : TrialLedger
        Every run is written here with the purpose ``audit``.
    settings : LookaheadSettings or None
    progress : callable or None

    Raises
    ------
    RunError
        If the strategy cannot be run on the market as it is.
    """
    how = settings or LookaheadSettings()
    tell = progress or _silent
    bare = replace(subject, market={}, auxiliary=None)
    audit = _Audit(Rooms.of(Workshop, (bare,), apart=how.isolate), Counted(trials), how, subject.market)
    if subject.rolls is not None:
        subject.read()
        specs = tuple(spec for spec, _ in subject.rolls.rules)
        audit.rooms.prepare(partial(know_calendars, specs, tuple(subject.market), tables_held()))
    with audit.rooms.open() as room:
        spec: StrategySpec = room.call("spec", subject.market, subject.auxiliary)
    if any(reads_calendar(ref) for ref in spec.features):
        subject.read_with_columns(spec.features)
        audit.rooms.prepare(partial(hold_calendars, tables_held()))
    subject = in_range(subject, spec)
    parts = stretches(subject, spec, how.window_wakes) if how.window_wakes else [subject]
    tell("repetition", 0, 1)
    repeats = _repetition(audit, parts[0], spec)
    checks = _repeats(audit, repeats)
    tell("repetition", 1, 1)
    if all(check.status is not Status.FOUND for check in checks):
        runs = [Stretch(parts[0], repeats.first)]
        for part in parts[1:]:
            with audit.rooms.open() as room:
                runs.append(Stretch(part, _finished(audit.run(room, part, with_calls=True)).log))
        decide = FutureSettings(how.cuts, how.seeds, how.seed)
        checks.append(
            does_not_know(audit.rooms, audit.ledger, runs, audit.whole, wakes_in(subject, spec), decide, tell)
        )
        if how.foresight and checks[-1].status is not Status.FOUND:
            checks.append(_own_data(audit, newest(subject, spec, _OWN_WAKES), tell))
    else:
        checks.append(_before_the_cut(audit, repeats))
    return AuditReport("lookahead", spec.name, dict(spec.values), spec.universe, tuple(checks), audit.ledger.runs)


def _silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""


def _finished(done: Done) -> Done:
    if not done.finished:
        raise RunError(f"the strategy cannot be audited, for it does not run on the market as it is: {done.log.error}")
    return done


# ---- repetition and isolation


@dataclass(frozen=True, slots=True, eq=False)
class _Repetition:
    """The same run in several circumstances.

    Attributes
    ----------
    first, again : Log
        Twice in one room.
    fresh : Log
        In a room with another order of sets.
    later : tuple of Log
        In rooms whose clocks are set forward.
    altered : Altered
    before, after : Log
        In one room: on the altered market, then on the real one.
    touched : tuple of Touch
    """

    first: Log
    again: Log
    fresh: Log
    later: tuple[Log, ...]
    altered: Altered
    before: Log
    after: Log
    touched: tuple[Touch, ...]


def _repetition(audit: _Audit, part: Subject, spec: StrategySpec) -> _Repetition:
    with audit.rooms.open() as room:
        first = _finished(audit.run(room, part, with_calls=True)).log
        again = audit.run(room, part).log
    altered = _halfway(part, spec, audit.how.seed)
    with audit.rooms.open() as room:
        before = audit.run(room, part.altered(altered)).log
        after = audit.run(room, part).log
    if audit.rooms.how == "here":
        return _Repetition(first, again, again, (), altered, before, after, ())
    with audit.rooms.open(nursery=1) as room:
        room.call("watch")
        fresh = audit.run(room, part)
    later = []
    for seconds in SHIFTS_S:
        with audit.rooms.open(first=partial(move_clock, seconds)) as room:
            later.append(audit.run(room, part).log)
    return _Repetition(first, again, fresh.log, tuple(later), altered, before, after, fresh.touched)


def _halfway(part: Subject, spec: StrategySpec, seed: int) -> Altered:
    """The mirror image from the middle of the decisions on."""
    ts_ns = longest_read(part, spec).ts_recv_ns
    begin = int(np.searchsorted(ts_ns, part.config.start_ns or 0))
    begin = min(max(begin, warm_rows(part, spec) - 1), len(ts_ns) - 1)
    end_ns = part.config.end_ns
    end = len(ts_ns) if end_ns is None else max(begin + 1, int(np.searchsorted(ts_ns, end_ns)))
    return Altered(int(ts_ns[(begin + end - 1) // 2]), Variant.MIRROR, seed)


def _repeats(audit: _Audit, runs: _Repetition) -> list[Check]:
    """Whether the run repeats itself, leaves nothing behind, and looks at nothing else."""
    where = {
        "fresh": "in one process, in one that walks sets in another order, and on other days",
        "copy": f"in copies of this process, also on other days (the factory cannot be sent: {audit.rooms.why})",
        "here": "compared within this process only",
    }[audit.rooms.how]
    differs = partial(first_difference, market=audit.whole)
    chance = differs(runs.first, runs.fresh, None)
    clock = next((found for log in runs.later if (found := differs(runs.first, log, None)) is not None), None)
    here = differs(runs.first, runs.again, None)
    if audit.rooms.how == "here":
        chance, here = here, None
    checks = [_chance(chance, clock, where)]
    if chance is None and clock is None:
        checks.append(_memory(here or differs(runs.first, runs.after, None)))
    if audit.rooms.how != "here":
        checks.append(_looks(runs.touched, audit.whole))
    return checks


def _chance(chance: Difference | None, clock: Difference | None, where: str) -> Check:
    if chance is not None:
        return Check(
            REPEATS,
            Status.FOUND,
            "the same run twice gives different decisions: the strategy uses chance, a clock, the order of a set, or "
            "what changes between runs; seed it by name (argus.core.random), sort it, or remove it",
            chance,
        )
    if clock is not None:
        return Check(
            REPEATS,
            Status.FOUND,
            "the same run on another day gives different decisions: the strategy reads the clock on the wall; take the "
            "time from view.now_ns",
            clock,
        )
    return Check(REPEATS, Status.CLEAN, f"the same run gives the same decisions, {where}")


def _memory(moved: Difference | None) -> Check:
    if moved is None:
        return Check(
            KEEPS_NOTHING, Status.CLEAN, "a run decides the same after others, on these data and on other ones"
        )
    return Check(
        KEEPS_NOTHING,
        Status.FOUND,
        "decisions depend on which run came before in the same process: a module, a class or a file keeps what an "
        "earlier run saw; keep state in the strategy object",
        moved,
    )


def _looks(touched: Sequence[Touch], market: Market) -> Check:
    """Files, sockets, the heap and the stack, touched in a decision or while the strategy was made."""
    deciding = [touch for touch in touched if touch.ts_ns is not None]
    told = "; ".join(f"{touch.by} {touch.what}" for touch in (deciding or touched)[:_SHOWN])
    facts = {"touches": [{"ts_ns": t.ts_ns, "what": t.what, "by": t.by} for t in touched]}
    if deciding:
        first = deciding[0]
        assert first.ts_ns is not None
        symbol, (_, bars) = next(iter(market.items()))
        row = int(np.searchsorted(bars.ts_recv_ns, first.ts_ns, side="right")) - 1
        return Check(
            LOOKS,
            Status.FOUND,
            f"while it decides, {told}: what is found there is not replaced with the market; hand it to the factory as "
            "a series with the times at which it was known",
            Difference(symbol, row, first.ts_ns, "touched", "nothing but its view", f"{first.by} {first.what}"),
            facts,
        )
    if touched:
        return Check(
            LOOKS,
            Status.NOTED,
            f"while it is made, {told}: what is read there is not replaced with the market",
            facts=facts,
        )
    return Check(LOOKS, Status.CLEAN, "no file, socket, heap or call stack is touched while it is made and decides")


def _before_the_cut(audit: _Audit, runs: _Repetition) -> Check:
    """What can be said about the future where runs do not repeat: one altered one, seen before any other market."""
    moved = first_difference(runs.first, runs.before, runs.altered.cut_ns, audit.whole)
    repeats = audit.rooms.how != "here" and first_difference(runs.first, runs.fresh, None, audit.whole) is None
    if moved is not None and repeats:
        return Check(
            FUTURE,
            Status.FOUND,
            f"what was decided moved when all after {format_ns(runs.altered.cut_ns)} was mirrored; no other future was "
            "tried, for what a run decides depends on what else was done",
            moved,
            {"cut": format_ns(runs.altered.cut_ns), "variant": str(runs.altered.variant)},
        )
    return Check(
        FUTURE,
        Status.INSUFFICIENT,
        "not judged: decisions that do not come from the view alone compare with nothing; see above",
    )


# ---- data of its own


def _own_data(audit: _Audit, subject: Subject, tell: Progress) -> Check:
    """Positions taken on noise, and on a blurred copy of the market, against the real moves."""
    blind, blurred = [NOTHING], [NOTHING]
    with audit.rooms.open() as room:
        for number, seed in enumerate((audit.how.seed, audit.how.seed + 1)):
            tell("own data", 2 * number, 4)
            blind.append(_seen_from(audit, room, subject, replace_all, seed))
    with audit.rooms.open() as room:
        for number, seed in enumerate((audit.how.seed, audit.how.seed + 1)):
            tell("own data", 2 + number, 4)
            blurred.append(_seen_from(audit, room, subject, blur, seed))
    tell("own data", 4, 4)
    worst = max(blind, key=lambda one: (one.enough, max(one.z, -math.log10(max(one.p_hits, 1e-300)))))
    nearest = max(blurred, key=lambda one: (one.correlation > _CORRELATION_BLURRED, one.enough, one.z))
    facts = {"noise": worst.as_dict(), "blurred": nearest.as_dict()}
    if worst.z > _Z_BLIND or worst.p_hits < _P_HITS:
        return Check(
            OWN_DATA,
            Status.FOUND,
            f"positions taken on a market of pure noise foresee the real one ({worst.z:.1f} deviations from chance, "
            f"{worst.hits} of {worst.spells} stretches right): the strategy reads data that were not given to it",
            facts=facts,
        )
    if nearest.z > _Z_BLURRED and nearest.correlation > _CORRELATION_BLURRED:
        return Check(
            OWN_DATA,
            Status.FOUND,
            f"positions taken on a blurred market foresee the true one (correlation {nearest.correlation:.2f} with the "
            f"next move, {nearest.z:.1f} deviations from chance): the strategy compares it with data of its own",
            facts=facts,
        )
    if not worst.enough and not nearest.enough:
        return Check(
            OWN_DATA,
            Status.NOTED,
            "could not be judged: on other markets the strategy hardly changes its position, or not at all",
            facts=facts,
        )
    return Check(
        OWN_DATA,
        Status.CLEAN,
        f"positions taken on noise say nothing about the real market ({worst.z:.1f} deviations from chance)",
        facts=facts,
    )


def _seen_from(
    audit: _Audit, room: Room, subject: Subject, change: Callable[[InstrumentSpec, Bars, int], Bars], seed: int
) -> Foresight:
    """How well positions taken on a changed market stand to the real one; with an account that is not soon ruined."""
    market = {symbol: (spec, change(spec, bars, seed)) for symbol, (spec, bars) in subject.market.items()}
    series: Mapping[str, object] = {
        name: alter_auxiliary(one, _BEGINNING, Variant.NOISE, seed, name)
        for name, one in (subject.auxiliary or {}).items()
    }
    account = subject.config.account
    rich = replace(account, cash_micros=min(account.cash_micros * _RICHER, MONEY_MAX // 4))
    config = replace(subject.config, account=rich)
    held = room.call("held", market, series or None, config)
    if held is None:
        return NOTHING
    for trial in held.trials:
        audit.ledger.record(trial)
    return foresight_of(held.universe, held.fills, subject.market)
