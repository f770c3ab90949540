"""``argus audit lookahead``: nothing that comes after an instant may move what was decided up to it.

Four questions, each with a verdict of its own. Does the same run twice give the same decisions? Does a run leave
something behind that another one reads? Do decisions and features up to a cut move when everything after it is
replaced? And do positions taken on a market of noise foresee the real one, which they could only from data that the
strategy was not given?
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from argus.core.arrays import Bars
from argus.core.errors import ConfigError, RunError
from argus.core.instruments import InstrumentSpec
from argus.core.money import MONEY_MAX
from argus.core.ports import TrialLedger
from argus.core.random import generator
from argus.core.strategy import StrategySpec, WakeRule
from argus.core.time import format_ns
from argus.lab.audit.alteration import Market, Variant, alter_auxiliary, blur, replace_all
from argus.lab.audit.foresight import NOTHING, Foresight, foresight_of
from argus.lab.audit.recording import Entry, Log, first_difference
from argus.lab.audit.report import AuditReport, Check, Difference, Status
from argus.lab.audit.subject import Altered, Counted, Played, Progress, Subject, isolated, play, spec_apart

__all__ = ["LookaheadSettings", "audit_lookahead"]

REPEATS: Final = "repeats itself"
KEEPS_NOTHING: Final = "leaves nothing behind"
FUTURE: Final = "does not know the future"
OWN_DATA: Final = "brings no data of its own"

_Z_BLIND: Final = 5.0
_P_HITS: Final = 1e-6
_Z_BLURRED: Final = 6.0
_CORRELATION_BLURRED: Final = 0.15
_RICHER: Final = 10
_OWN_WAKES: Final = 20_000
_FUTURE_ROWS: Final = 500
_BEGINNING: Final = -(2**62)


@dataclass(frozen=True, slots=True)
class LookaheadSettings:
    """How much is tried.

    Attributes
    ----------
    cuts : int
        Instants at which the future is replaced: spread evenly, drawn at random, and right before and at decisions
        that changed something, a third each. Where there are no more wake-ups than that, every one is a cut.
    seeds : int
        Noises tried at each cut, beside the mirror, the shift and the truncation.
    window_wakes : int
        Longest stretch that is replayed for each cut. Longer data are audited in three stretches: first, middle, last.
    isolate : bool
        Whether some runs are made in processes of their own.
    foresight : bool
        Whether to look for data that the strategy keeps to itself.
    seed : int
        Of the noise and of the random cuts.
    """

    cuts: int = 40
    seeds: int = 2
    window_wakes: int = 1_500
    isolate: bool = True
    foresight: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("cuts", 1), ("seeds", 1), ("window_wakes", 50)):
            if getattr(self, name) < least:
                raise ConfigError(f"look-ahead audit: {name} is {getattr(self, name)}; at least {least} is needed")


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
    ledger = Counted(trials)
    spec = spec_apart(subject)
    used = {symbol: subject.market[symbol] for symbol in spec.universe if symbol in subject.market}
    subject = subject.on({**used, **subject.market})
    whole = subject.market
    subject = _in_range(subject, spec)
    windows = _windows(subject, spec, how)
    tell("repetition", 0, 3)
    # First of all, so that nothing has run in this process yet that a copy of it could have kept.
    apart = _apart(windows[0], spec, ledger, how) if how.isolate else None
    tell("repetition", 1, 3)
    first = _reference(windows[0], ledger)
    again = play(windows[0], ledger).log
    tell("repetition", 2, 3)
    checks = list(_repeats(windows[0], whole, first, again, apart, ledger))
    tell("repetition", 3, 3)
    if checks[0].status is not Status.FOUND:
        checks.append(_future(whole, windows, first.log, apart, how, ledger, tell))
        if how.foresight:
            checks.append(_own_data(_newest(subject, spec, _OWN_WAKES), how, ledger, tell))
    else:
        checks.append(
            Check(FUTURE, Status.INSUFFICIENT, "not judged: decisions that differ from run to run compare with nothing")
        )
    return AuditReport("lookahead", spec.name, dict(spec.values), spec.universe, tuple(checks), ledger.runs)


def _silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""


def _reference(subject: Subject, ledger: TrialLedger) -> Played:
    played = play(subject, ledger)
    if played.record is None:
        raise RunError(
            f"the strategy cannot be audited, for it does not run on the market as it is: {played.log.error}"
        )
    return played


# ---- the stretches


def _in_range(subject: Subject, spec: StrategySpec) -> Subject:
    """The market from a warm-up before the run's start to some bars of future after its end."""
    config = subject.config
    if config.start_ns is None and config.end_ns is None:
        return subject
    ts_ns = max((subject.market[symbol][1] for symbol in spec.universe), key=len).ts_recv_ns
    warm = _warm_rows(subject, spec)
    first = 0 if config.start_ns is None else int(np.searchsorted(ts_ns, config.start_ns)) - warm
    last = len(ts_ns) - 1 if config.end_ns is None else int(np.searchsorted(ts_ns, config.end_ns)) + _FUTURE_ROWS
    first, last = max(first, 0), min(max(last, 0), len(ts_ns) - 1)
    return subject.between(int(ts_ns[first]), int(ts_ns[last])) if first <= last else subject


def _windows(subject: Subject, spec: StrategySpec, how: LookaheadSettings) -> list[Subject]:
    """The whole market, or three stretches of it where it has more wake-ups than can be replayed at every cut."""
    bars = max((subject.market[symbol][1] for symbol in spec.universe), key=len)
    rows = _rows_for(subject, spec, how.window_wakes)
    if rows * 3 // 2 >= len(bars):
        return [subject]
    return [_stretch(subject, spec, row, rows) for row in (0, (len(bars) - rows) // 2, len(bars) - rows)]


def _newest(subject: Subject, spec: StrategySpec, wakes: int) -> Subject:
    """The end of the market with about so many wake-ups."""
    bars = max((subject.market[symbol][1] for symbol in spec.universe), key=len)
    rows = _rows_for(subject, spec, wakes)
    return _stretch(subject, spec, len(bars) - rows, rows) if rows < len(bars) else subject


def _stretch(subject: Subject, spec: StrategySpec, row: int, rows: int) -> Subject:
    """So many rows from `row` on; what the features need to warm up is not spent on decisions."""
    bars = max((subject.market[symbol][1] for symbol in spec.universe), key=len)
    part = subject.between(int(bars.ts_recv_ns[row]), int(bars.ts_recv_ns[row + rows - 1]))
    warm_ns = int(bars.ts_recv_ns[row + max(_warm_rows(subject, spec), 1) - 1])
    begin_ns = max(warm_ns, subject.config.start_ns or warm_ns)
    end_ns = subject.config.end_ns
    return part if end_ns is not None and end_ns <= begin_ns else part.on(part.market, start_ns=begin_ns)


def _rows_for(subject: Subject, spec: StrategySpec, wakes: int) -> int:
    """Rows of the longest instrument that hold the warm-up and so many wake-ups."""
    bars = max((subject.market[symbol][1] for symbol in spec.universe), key=len)
    by_session = spec.wake is WakeRule.SESSION_END
    per_wake = max(1, len(bars) // max(1, int(bars.session_end.sum()))) if by_session else 1
    return _warm_rows(subject, spec) + wakes * per_wake


def _warm_rows(subject: Subject, spec: StrategySpec) -> int:
    """Rows until the warm-up is over and every declared feature has its first value."""
    from argus.features import compute

    rows = spec.warmup_bars
    for ref in spec.features:
        column = compute(ref, subject.market[ref.instrument][1])
        finite = np.flatnonzero(np.isfinite(column))
        rows = max(rows, int(finite[0]) + 1 if len(finite) else 0)
    return rows


# ---- repetition and isolation


@dataclass(frozen=True, slots=True)
class _Apart:
    """Logs from processes of their own: one run, and one run after another one on an altered market.

    `why_not` says why there are none.
    """

    altered: Altered
    fresh: Log
    before: Log
    after: Log
    how: str
    why_not: str


def _apart(subject: Subject, spec: StrategySpec, ledger: TrialLedger, how: LookaheadSettings) -> _Apart:
    """Make the runs that must not share a process with any other."""
    ts_ns = max((subject.market[symbol][1] for symbol in spec.universe), key=len).ts_recv_ns
    begin = int(np.searchsorted(ts_ns, subject.config.start_ns or 0))
    begin = min(max(begin, _warm_rows(subject, spec) - 1), len(ts_ns) - 1)
    end_ns = subject.config.end_ns
    end = len(ts_ns) if end_ns is None else max(begin + 1, int(np.searchsorted(ts_ns, end_ns)))
    altered = Altered(int(ts_ns[(begin + end - 1) // 2]), Variant.MIRROR, how.seed)
    one = isolated(subject, (None,), ledger)
    other = isolated(subject, (altered, None), ledger)
    if not one.logs or not other.logs:
        return _Apart(altered, Log(), Log(), Log(), "", one.why_not or other.why_not)
    return _Apart(altered, one.logs[0], other.logs[0], other.logs[1], one.how, "")


def _repeats(
    subject: Subject, market: Market, first: Played, again: Log, apart: _Apart | None, ledger: Counted
) -> Iterator[Check]:
    """The same run twice here, and in processes of their own, one of them after a run on another market."""
    here = first_difference(first.log, again, None, market)
    alone = other = None
    note = "compared within one process only"
    if apart is not None and apart.why_not:
        note += f": {apart.why_not}"
    elif apart is not None:
        alone = first_difference(first.log, apart.fresh, None, market)
        other = first_difference(apart.fresh, apart.after, None, market)
        note = "compared with processes of their own"
        if apart.how == "fork":
            note += " (copies of this one: the factory is not importable)"
    apart_agrees = (
        apart is not None and not apart.why_not and _fresh_agree(subject, market, here or alone, apart, ledger)
    )
    if (here or alone) is not None and not apart_agrees:
        yield Check(
            REPEATS,
            Status.FOUND,
            "the same run twice gives different decisions: the strategy uses chance, a clock, or what changes between "
            "runs; seed it by name (argus.core.random) or remove it",
            here or alone,
        )
        return
    yield Check(REPEATS, Status.CLEAN, f"the same run gives the same decisions, {note}")
    moved = other or here or alone
    if moved is None:
        yield Check(KEEPS_NOTHING, Status.CLEAN, f"a run after another one decides the same, {note}")
    else:
        yield Check(
            KEEPS_NOTHING,
            Status.FOUND,
            "decisions depend on which run came before in the same process: a module, a class or a file keeps what an "
            "earlier run saw; keep state in the strategy object",
            moved,
        )


def _fresh_agree(
    subject: Subject, market: Market, moved: Difference | None, apart: _Apart, ledger: TrialLedger
) -> bool:
    """Whether another fresh process repeats the first one, though runs in this one do not."""
    if moved is None:
        return True
    again = isolated(subject, (None,), ledger)
    return bool(again.logs) and first_difference(apart.fresh, again.logs[0], None, market) is None


# ---- the future


def _future(
    whole: Market,
    windows: Sequence[Subject],
    first: Log,
    apart: _Apart | None,
    how: LookaheadSettings,
    ledger: Counted,
    tell: Progress,
) -> Check:
    """Every cut with every variant; the earliest place that moved is reported."""
    found: list[tuple[Difference, Altered]] = []
    if apart is not None and not apart.why_not:
        moved = first_difference(apart.fresh, apart.before, apart.altered.cut_ns, whole)
        found += [(moved, apart.altered)] if moved is not None else []
    seen = decisions = cuts_made = 0
    share = max(1, how.cuts // len(windows))
    logs = [first, *(_reference(window, ledger).log for window in windows[1:])]
    plans = [_plan(log, share, how, number) for number, log in enumerate(logs)]
    total = sum(len(plan) for plan in plans) or 1
    done = 0
    for window, log, plan in zip(windows, logs, plans, strict=True):
        seen += len(log.wakes)
        decisions += sum(bool(entry.intents) for entry in log.entries)
        cuts_made += len({one.cut_ns for one in plan})
        for one in plan:
            moved = first_difference(log, play(window.altered(one), ledger).log, one.cut_ns, whole)
            if moved is not None:
                found.append((moved, one))
            done += 1
            tell("future", done, total)
    if found:
        return _told(found, total)
    if not seen:
        return Check(FUTURE, Status.INSUFFICIENT, "the strategy was never woken: the data are shorter than its warm-up")
    if not decisions:
        return Check(FUTURE, Status.INSUFFICIENT, f"the strategy asked for nothing at any of {seen:,} wake-ups")
    facts = {"cuts": cuts_made, "wakes": seen, "decisions": decisions, "stretches": len(windows)}
    return Check(
        FUTURE,
        Status.CLEAN,
        f"{decisions:,} decisions at {seen:,} wake-ups did not move at {cuts_made:,} cuts, replaced by noise, mirror "
        "image, a later stretch, and nothing",
        facts=facts,
    )


def _told(found: Sequence[tuple[Difference, Altered]], total: int) -> Check:
    moved, how = min(found, key=lambda pair: (pair[0].ts_ns, pair[1].cut_ns))
    closest, near = min(found, key=lambda pair: pair[1].cut_ns - pair[0].ts_ns)
    what = {
        Variant.NOISE: "became noise",
        Variant.MIRROR: "was mirrored",
        Variant.SHIFT: "was another stretch of the market",
        Variant.TRUNCATE: "was taken away",
    }
    return Check(
        FUTURE,
        Status.FOUND,
        f"what was decided moved in {len(found):,} of {total:,} altered futures; first when all after "
        f"{format_ns(how.cut_ns)} {what[how.variant]}",
        moved,
        {
            "altered": total,
            "moved": len(found),
            "cut": format_ns(how.cut_ns),
            "variant": str(how.variant),
            "nearest_cut": format_ns(near.cut_ns),
            "nearest_moved": format_ns(closest.ts_ns),
            "variants": sorted({str(pair[1].variant) for pair in found}),
        },
    )


def _plan(log: Log, cuts: int, how: LookaheadSettings, number: int) -> list[Altered]:
    """Cuts and what replaces the future at each."""
    chosen = _cuts(log, cuts, how.seed + number)
    kinds = [(Variant.NOISE, how.seed + k) for k in range(how.seeds)]
    kinds += [(variant, how.seed) for variant in (Variant.MIRROR, Variant.SHIFT, Variant.TRUNCATE)]
    return [Altered(cut, variant, seed) for cut in chosen for variant, seed in kinds]


def _cuts(log: Log, count: int, seed: int) -> list[int]:
    """Instants of wake-ups, for between two of them nothing is decided."""
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


# ---- data of its own


def _own_data(subject: Subject, how: LookaheadSettings, ledger: Counted, tell: Progress) -> Check:
    """Positions taken on noise, and on a blurred copy of the market, against the real moves."""
    blind, blurred = [NOTHING], [NOTHING]
    for number, seed in enumerate((how.seed, how.seed + 1)):
        tell("own data", 2 * number, 4)
        blind.append(_seen_from(subject, ledger, replace_all, seed))
        tell("own data", 2 * number + 1, 4)
        blurred.append(_seen_from(subject, ledger, blur, seed))
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
    subject: Subject, ledger: TrialLedger, change: Callable[[InstrumentSpec, Bars, int], Bars], seed: int
) -> Foresight:
    """How well positions taken on a changed market stand to the real one; with an account that is not soon ruined."""
    market = {symbol: (spec, change(spec, bars, seed)) for symbol, (spec, bars) in subject.market.items()}
    series = {
        name: alter_auxiliary(one, _BEGINNING, Variant.NOISE, seed, name)
        for name, one in (subject.auxiliary or {}).items()
    }
    account = subject.config.account
    rich = replace(account, cash_micros=min(account.cash_micros * _RICHER, MONEY_MAX // 4))
    record = play(subject.on(market, series, account=rich), ledger).record
    return NOTHING if record is None else foresight_of(record, subject.market)
