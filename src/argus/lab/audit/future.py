"""Whether decisions move when all that comes after them is replaced: each of them alone, and whole runs at some cuts.

The first way (`argus.lab.audit.probing`) tries every decision and names the first one. The second replays the run with
the engine from its beginning, so that nothing is missed that a strategy carries along for longer than the first way
looks back, and tries futures that look real.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from argus.core.random import generator
from argus.core.time import format_ns
from argus.lab.audit.alteration import Market, Variant
from argus.lab.audit.probing import Moved, NotRepeated, first_moved, repeated
from argus.lab.audit.recording import Entry, Log, first_difference
from argus.lab.audit.report import Check, Difference, Status
from argus.lab.audit.rooms import Rooms
from argus.lab.audit.subject import Altered, Counted, Progress, Subject

__all__ = ["FUTURE", "FutureSettings", "Stretch", "does_not_know"]

FUTURE: Final = "does not know the future"

_DONE_TO: Final = {
    Variant.NOISE: "became noise",
    Variant.MIRROR: "was mirrored",
    Variant.SHIFT: "was another stretch of the market",
    Variant.TRUNCATE: "was taken away",
}
_REMEDY: Final = "find what is computed from later rows there, and compute it from rows that were known"


@dataclass(frozen=True, slots=True)
class FutureSettings:
    """As in `LookaheadSettings`."""

    cuts: int
    seeds: int
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """A part of the market, and the log of the run over it, with its calls."""

    subject: Subject
    log: Log


def does_not_know(
    rooms: Rooms,
    ledger: Counted,
    runs: Sequence[Stretch],
    whole: Market,
    wakes: int,
    how: FutureSettings,
    tell: Progress,
) -> Check:
    """Every call with two opposite futures; if none moves, whole runs.

    Parameters
    ----------
    rooms : Rooms
        Of a `Workshop`.
    ledger : Counted
    runs : sequence of Stretch
    whole : mapping
        The market in which rows are counted.
    wakes : int
        Wake-ups of all the data, stretches or not.
    how : FutureSettings
    tell : callable
    """
    seen = sum(len(run.log.wakes) for run in runs)
    decisions = sum(bool(entry.intents) for run in runs for entry in run.log.entries)
    if not seen:
        return Check(FUTURE, Status.INSUFFICIENT, "the strategy was never woken: the data are shorter than its warm-up")
    total = sum(len(run.log.calls) for run in runs)
    done, not_repeated = 0, None
    for run in runs:
        found = _each_call(rooms, run, whole, how.seed, partial(_from, tell, done, total))
        if isinstance(found, Moved):
            return _told(found, Variant.NOISE, seen, done)
        not_repeated = not_repeated or found
        done += len(run.log.calls)
    cuts, moved = _whole_runs(rooms, ledger, runs, whole, how, tell)
    if moved is not None:
        return _told(*moved, seen, None)
    if not decisions:
        return Check(FUTURE, Status.INSUFFICIENT, f"the strategy asked for nothing at any of {seen:,} wake-ups")
    facts = {"wakes": seen, "decisions": decisions, "calls": total, "cuts": cuts, "stretches": len(runs)}
    if not_repeated is not None:
        return Check(
            FUTURE,
            Status.INSUFFICIENT,
            f"whole runs did not move at {cuts:,} cuts, but single decisions could not be repeated without the engine",
            not_repeated.difference,
            facts,
        )
    if len(runs) == 1:
        tried = f"each of {seen:,} wake-ups"
    else:
        share = min(1.0, seen / max(wakes, 1))
        tried = f"each of {seen:,} wake-ups in {len(runs)} stretches ({share:.0%} of all; --window 0 takes every one)"
    return Check(
        FUTURE,
        Status.CLEAN,
        f"{tried} was tried on two opposite futures, and whole runs at {cuts:,} cuts on noise, mirror image, a later "
        f"stretch, and nothing: {decisions:,} decisions did not move",
        facts=facts,
    )


def _from(tell: Progress, before: int, total: int, number: int) -> None:
    tell("decisions", before + number, total)


def _each_call(
    rooms: Rooms, run: Stretch, whole: Market, seed: int, tell: Callable[[int], None]
) -> Moved | NotRepeated | None:
    with rooms.open() as room:
        blocks = repeated(run.subject, run.log, room)
    if isinstance(blocks, NotRepeated):
        return blocks
    with rooms.open() as room:
        return first_moved(run.subject, run.log, blocks, room, seed, whole, tell)


def _told(moved: Moved, variant: Variant, seen: int, before: int | None) -> Check:
    return Check(
        FUTURE,
        Status.FOUND,
        f"what was decided moved when all after {format_ns(moved.cut_ns)} {_DONE_TO[variant]}; {_REMEDY}",
        moved.difference,
        {"cut": format_ns(moved.cut_ns), "variant": str(variant), "wakes": seen, "every_call": before is not None},
    )


# ---- whole runs


def _whole_runs(
    rooms: Rooms, ledger: Counted, runs: Sequence[Stretch], whole: Market, how: FutureSettings, tell: Progress
) -> tuple[int, tuple[Moved, Variant] | None]:
    """(number of cuts, what moved first in time)."""
    share = max(1, how.cuts // len(runs))
    plans = [_plan(run.log, share, how, number) for number, run in enumerate(runs)]
    total, done = sum(len(plan) for plan in plans), 0
    found: list[tuple[Difference, Altered]] = []
    for run, plan in zip(runs, plans, strict=True):
        with rooms.open() as room:
            for one in plan:
                tell("whole runs", done, total)
                given = run.subject.altered(one)
                made = room.call("run", given.market, given.auxiliary, given.config)
                for trial in made.trials:
                    ledger.record(trial)
                moved = first_difference(run.log, made.log, one.cut_ns, whole)
                if moved is not None:
                    found.append((moved, one))
                done += 1
    tell("whole runs", total, total)
    cuts = sum(len({one.cut_ns for one in plan}) for plan in plans)
    if not found:
        return cuts, None
    first, altered = min(found, key=lambda pair: (pair[0].ts_ns, pair[1].cut_ns))
    return cuts, (Moved(first, altered.cut_ns), altered.variant)


def _plan(log: Log, cuts: int, how: FutureSettings, number: int) -> list[Altered]:
    """Cuts in time, and what replaces the future at each."""
    chosen = _cuts(log, cuts, how.seed + number)
    kinds = [(Variant.NOISE, how.seed + k) for k in range(how.seeds)]
    kinds += [(variant, how.seed) for variant in (Variant.MIRROR, Variant.SHIFT, Variant.TRUNCATE)]
    return [Altered(cut, variant, seed) for cut in chosen for variant, seed in kinds]


def _cuts(log: Log, count: int, seed: int) -> list[int]:
    """Instants of wake-ups: spread evenly, drawn, and right before and at decisions that changed something."""
    wakes = sorted(set(log.wakes))
    if len(wakes) <= count:
        return wakes
    third = max(1, count // 3)
    spread = np.linspace(0, len(wakes) - 1, third + 1).astype(int)[:-1] + len(wakes) // (2 * third + 1)
    random = generator(seed, "look_ahead", "cuts")
    drawn = random.choice(len(wakes), size=third, replace=False)
    row = {ts: at for at, ts in enumerate(wakes)}
    turning = [row[ts] for ts in _turning(log.entries)]
    picks = max(1, (count - 2 * third + 1) // 2)
    turned = [turning[int(at)] for at in np.linspace(0, len(turning) - 1, min(picks, len(turning)))] if turning else []
    before = [max(0, at - 1) for at in turned]
    rows = {min(int(at), len(wakes) - 1) for at in (*spread, *drawn, *turned, *before)}
    return [wakes[at] for at in sorted(rows)]


def _turning(entries: Sequence[Entry]) -> list[int]:
    """Instants at which something was asked for that had not just been asked for."""
    found = []
    last: object = None
    for entry in entries:
        if entry.is_wake:
            if entry.intents and entry.intents != last:
                found.append(entry.ts_ns)
            last = entry.intents
    return found
