"""``argus audit warmup``: decisions must not depend on how much history precedes the declared warm-up.

The strategy is run twice from the same first decision on: once with all the history there is, once with data that begin
just early enough for the warm-up. Both decide for the first time at the same instant and carry no position into it, so
that whatever differs came from history that the strategy said it does not need.

An average with exponential weights never forgets, it only fades. What is decided must be the same to the bit: which
instrument, which side, how much, at what price. The estimates that a forecast carries along (volatility, expected
return, edge, cost) may drift by what is still fading, but must come within a stated tolerance soon. Drift of features
is reported, however small.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from argus.core.errors import ArgusError, ConfigError, RunError
from argus.core.intents import Forecast
from argus.core.ports import TrialLedger
from argus.core.strategy import StrategySpec
from argus.core.time import format_ns
from argus.engine.rolled_strategy import RolledStrategy
from argus.lab.audit.recording import Entry, Log, first_difference, locate, same, shown, unequal_entry
from argus.lab.audit.report import AuditReport, Check, Difference, Status
from argus.lab.audit.stretches import longest_read
from argus.lab.audit.subject import Counted, Progress, Subject, play

__all__ = ["WarmupSettings", "audit_warmup"]

DECISIONS: Final = "decisions"
ESTIMATES: Final = "estimates"

_ESTIMATES: Final = ("vol_annual", "expected_return_annual", "edge_score", "cost_annual")
_SHARES: Final = (0.0, 0.1, 0.25, 0.5)


@dataclass(frozen=True, slots=True)
class WarmupSettings:
    """How much is tried, and what may drift.

    Attributes
    ----------
    starts : int
        Later beginnings of the data: after one bar, after some more, and at shares of the whole.
    window_wakes : int
        Wake-ups compared after each beginning.
    tolerance : float
        Relative difference within which an estimate counts as the same.
    settle : float
        Multiples of the warm-up, as long as it really was, after which estimates must be within the tolerance for good.
    """

    starts: int = 6
    window_wakes: int = 1_500
    tolerance: float = 0.05
    settle: float = 5.0

    def __post_init__(self) -> None:
        for name, least in (("starts", 1), ("window_wakes", 10), ("tolerance", 0.0), ("settle", 0.0)):
            if not getattr(self, name) >= least:
                raise ConfigError(f"warm-up audit: {name} is {getattr(self, name)}; at least {least} is needed")


@dataclass(frozen=True, slots=True)
class _Drift:
    """How far one estimate or feature is from what more history gives, over one comparison."""

    name: str
    first: Difference
    size: float
    last_size: float
    settled_after: int
    settled: bool


@dataclass(frozen=True, slots=True)
class _Compared:
    """One later beginning, compared."""

    start_row: int
    wakes: int
    decisions: int
    early: Difference | None
    moved: Difference | None
    late: _Drift | None
    estimates: tuple[_Drift, ...]
    features: tuple[_Drift, ...]


def audit_warmup(
    subject: Subject,
    *,
    trials: TrialLedger,
    settings: WarmupSettings | None = None,
    progress: Progress | None = None,
) -> AuditReport:
    """Audit one strategy for needing more history than it declares.

    Parameters
    ----------
    subject : Subject
    trials : TrialLedger
        Every run is written here with the purpose ``audit``.
    settings : WarmupSettings or None
    progress : callable or None

    Raises
    ------
    RunError
        If the strategy cannot be run on the market as it is.
    """
    how = settings or WarmupSettings()
    ledger = Counted(trials)
    made = subject.create()
    spec = made.strategy.spec if isinstance(made, RolledStrategy) else made.spec
    checks: list[Check] = []
    compared: list[_Compared] = []
    rows = _starts(subject, spec, how)
    never = _without_value(subject, spec)
    for number, row in enumerate(rows):
        if progress is not None:
            progress("later beginnings", number, len(rows))
        one = _compare(subject, spec, row, never, how, ledger)
        if one is not None:
            compared.append(one)
    if progress is not None:
        progress("later beginnings", len(rows), len(rows))
    checks.append(_decided(compared, spec))
    if compared:
        checks.append(_estimated(compared, how))
    checks.extend(_drifted(compared))
    checks.extend(_not_covered(subject, spec, never))
    return AuditReport("warmup", spec.name, dict(spec.values), spec.universe, tuple(checks), ledger.runs)


# ---- beginnings


def _starts(subject: Subject, spec: StrategySpec, how: WarmupSettings) -> list[int]:
    """Rows of the longest instrument at which data begin later: near the beginning, and at shares of the whole."""
    n = len(longest_read(subject, spec))
    warm = max(1, spec.warmup_bars)
    wanted = [1, warm // 2 + 1, warm, *(round(share * n) for share in _SHARES[1:]), 2 * warm + 3, 7, 3 * warm + 11]
    usable = dict.fromkeys(row for row in wanted if 0 < row < n - warm - 1)
    return sorted(list(usable)[: how.starts])


def _first_decision(later: Subject, spec: StrategySpec, never: frozenset[str]) -> tuple[int, str] | None:
    """(instant at which the warm-up is over in data that begin later, what it waited for); None if it never is.

    Where a declared feature has its first value after the declared warm-up, the comparison waits for it as well: a
    strategy that has no value yet is waiting, not deciding. `never` are features that have none in all of the data.
    """
    latest, why = -(2**63), "warm-up"
    try:
        read, columns = later.read_with_columns(ref for ref in spec.features if ref.alias not in never)
    except ArgusError:
        return None  # too little is left to say which contract is in front
    for symbol in spec.universe:
        bars = read[symbol][1]
        if len(bars) < max(1, spec.warmup_bars):
            return None
        latest = max(latest, int(bars.ts_recv_ns[max(1, spec.warmup_bars) - 1]))
    for ref in spec.features:
        if ref.alias not in columns:
            continue
        bars = read[ref.instrument][1]
        finite = np.flatnonzero(np.isfinite(columns[ref.alias]))
        if not len(finite):
            return None
        known = int(bars.ts_recv_ns[finite[0]])
        if known > latest:
            latest, why = known, ref.alias
    return latest, why


def _without_value(subject: Subject, spec: StrategySpec) -> frozenset[str]:
    """Declared features that have no value anywhere: nobody waits for them."""
    columns = subject.read_with_columns(spec.features)[1]
    return frozenset(alias for alias, column in columns.items() if not np.isfinite(column).any())


# ---- one comparison


def _compare(
    subject: Subject, spec: StrategySpec, row: int, never: frozenset[str], how: WarmupSettings, ledger: TrialLedger
) -> _Compared | None:
    bars = longest_read(subject, spec)
    later = subject.between(int(bars.ts_recv_ns[row]), int(bars.ts_recv_ns[-1]))
    begin = _first_decision(later, spec, never)
    if begin is None:
        return None
    start_ns = max(begin[0], subject.config.start_ns or begin[0])
    last = subject.config.end_ns
    if last is not None and last <= start_ns:
        return None
    wakes_end = _end_of_window(bars, start_ns, how.window_wakes, str(spec.wake))
    end_ns = wakes_end if last is None else min(last, wakes_end)
    full = play(subject.on(subject.market, start_ns=start_ns, end_ns=end_ns), ledger)
    if full.record is None:
        raise RunError(f"the strategy cannot be audited, it does not run on the market as it is: {full.log.error}")
    short = play(later.on(later.market, start_ns=start_ns, end_ns=end_ns), ledger).log
    moved = first_difference(_decisions_only(full.log), _decisions_only(short), None, subject.market)
    early = None if begin[1] == "warm-up" else _early(subject, later, spec, start_ns, how, ledger)
    estimates = _estimate_drifts(full.log, short, subject, how.tolerance)
    waited = int(np.searchsorted(bars.ts_recv_ns, start_ns, side="right")) - row
    allowed = math.ceil(how.settle * max(1, spec.warmup_bars, waited))
    late = next((drift for drift in estimates if drift.settled_after > allowed), None)
    return _Compared(
        row,
        len(full.log.wakes),
        sum(bool(entry.intents) for entry in full.log.entries),
        early,
        moved,
        late,
        estimates,
        _feature_drifts(full.log, short, subject),
    )


def _early(
    subject: Subject, later: Subject, spec: StrategySpec, ready_ns: int, how: WarmupSettings, ledger: TrialLedger
) -> Difference | None:
    """What is decided after the declared warm-up while a feature has no value yet, and otherwise with more history.

    Asking for nothing is waiting, and nobody is blamed for it.
    """
    warm = max(1, spec.warmup_bars)
    begun_ns = max(int(bars.ts_recv_ns[warm - 1]) for _, bars in later.read().values())
    start_ns = max(begun_ns, subject.config.start_ns or begun_ns)
    end_ns = min(ready_ns, _end_of_window(longest_read(subject, spec), start_ns, how.window_wakes, str(spec.wake)))
    if start_ns >= end_ns:
        return None
    full = play(subject.on(subject.market, start_ns=start_ns, end_ns=end_ns), ledger).log
    short = play(later.on(later.market, start_ns=start_ns, end_ns=end_ns), ledger).log
    for one, other in zip(_decisions_only(full).entries, _decisions_only(short).entries, strict=False):
        if other.intents and one.intents != other.intents:
            found = unequal_entry(one, other, (), next(iter(subject.market)))
            if found is not None:
                return locate(subject.market, found[0], one.ts_ns, *found[1:])
    return None


def _end_of_window(bars: Any, start_ns: int, wakes: int, rule: str) -> int:
    """Instant after the last wake-up that is compared."""
    ts_ns = bars.ts_recv_ns if rule == "every_bar" else bars.ts_recv_ns[bars.session_end]
    at = int(np.searchsorted(ts_ns, start_ns)) + wakes
    return int(ts_ns[at]) if at < len(ts_ns) else int(bars.ts_recv_ns[-1]) + 1


def _decisions_only(log: Log) -> Log:
    """The log without features and estimates, whose drift is judged on its own."""
    entries = [
        Entry(entry.ts_ns, entry.is_wake, tuple(map(_without_estimates, entry.intents)), (), entry.raised)
        for entry in log.entries
    ]
    return Log(log.facts, (), entries, log.error)


def _without_estimates(row: tuple[Any, ...]) -> tuple[Any, ...]:
    if row[0] is not Forecast:
        return row
    names = [name for name in Forecast.__dataclass_fields__ if name != "tag"]
    return (Forecast, *(None if name in _ESTIMATES else value for name, value in zip(names, row[1:], strict=True)))


def _estimate_drifts(full: Log, short: Log, subject: Subject, tolerance: float) -> tuple[_Drift, ...]:
    """Estimates of forecasts that were made at the same wake-ups, one drift an instrument and field."""
    names = [name for name in Forecast.__dataclass_fields__ if name != "tag"]
    pairs: dict[tuple[str, str], list[tuple[int, int, float, float]]] = {}
    for number, (one, other) in enumerate(zip(full.entries, short.entries, strict=False)):
        for mine, theirs in zip(one.intents, other.intents, strict=False):
            if mine[0] is not Forecast or theirs[0] is not Forecast:
                continue
            for name in _ESTIMATES:
                at = names.index(name) + 1
                pairs.setdefault((mine[1], f"Forecast.{name}"), []).append((number, one.ts_ns, mine[at], theirs[at]))
    found = (_drift(subject, key[0], key[1], rows, tolerance) for key, rows in pairs.items())
    return tuple(drift for drift in found if drift is not None)


def _feature_drifts(full: Log, short: Log, subject: Subject) -> tuple[_Drift, ...]:
    """Declared features whose value depends on history before the beginning."""
    found = []
    for k, (alias, instrument) in enumerate(full.aliases):
        rows = [
            (number, one.ts_ns, one.features[k], other.features[k])
            for number, (one, other) in enumerate(zip(full.entries, short.entries, strict=False))
            if one.features and other.features
        ]
        drift = _drift(subject, instrument, f"feature {alias}", rows, 0.0)
        if drift is not None:
            found.append(drift)
    return tuple(found)


def _drift(
    subject: Subject, instrument: str, name: str, rows: Sequence[tuple[int, int, float, float]], tolerance: float
) -> _Drift | None:
    """The drift of one series; None if it is the same throughout."""
    sizes = [(number, ts_ns, _relative(was, became), was, became) for number, ts_ns, was, became in rows]
    apart = [row for row in sizes if row[2] > 0.0]
    if not apart:
        return None
    _, ts_ns, _, was, became = apart[0]
    beyond = [row[0] for row in sizes if row[2] > tolerance]
    return _Drift(
        name,
        locate(subject.market, instrument, ts_ns, name, shown(was), shown(became)),
        max(row[2] for row in apart),
        sizes[-1][2],
        beyond[-1] + 1 if beyond else 0,
        not beyond or beyond[-1] != sizes[-1][0],
    )


def _relative(was: float, became: float) -> float:
    if same(was, became):
        return 0.0
    size = max(abs(was), abs(became))
    found = abs(was - became) / size if size > 0.0 else 0.0
    return math.inf if found != found else found


# ---- answers


def _decided(compared: Sequence[_Compared], spec: StrategySpec) -> Check:
    if not compared:
        return Check(
            DECISIONS,
            Status.INSUFFICIENT,
            f"the data are too short to begin later than a warm-up of {spec.warmup_bars}",
        )
    moved = [one for one in compared if one.moved is not None]
    early = [one.early for one in compared if one.early is not None]
    facts = {"starts": [one.start_row for one in compared], "wakes": sum(one.wakes for one in compared)}
    if moved:
        first = min(moved, key=lambda one: one.moved.ts_ns if one.moved else 0)
        return Check(
            DECISIONS,
            Status.FOUND,
            f"with data that begin {_count(first.start_row, 'row')} later, and its warm-up of "
            f"{_count(spec.warmup_bars, 'bar')} behind it, the strategy decides otherwise ({len(moved)} of "
            f"{len(compared)} beginnings): it needs more history than it declares, or counts from the first row: "
            "declare a longer warm-up, or count from the calendar",
            first.moved,
            facts,
        )
    if early:
        return Check(
            DECISIONS,
            Status.FOUND,
            f"after its warm-up of {_count(spec.warmup_bars, 'bar')} the strategy decides otherwise than with more "
            "history, while a feature that it declares has no value yet: declare a longer warm-up, or ask for "
            "nothing until then",
            min(early, key=lambda first: first.ts_ns),
            facts,
        )
    decisions = sum(one.decisions for one in compared)
    if not decisions:
        return Check(DECISIONS, Status.INSUFFICIENT, f"nothing was decided at {facts['wakes']:,} wake-ups", None, facts)
    return Check(
        DECISIONS,
        Status.CLEAN,
        f"{decisions:,} decisions at {facts['wakes']:,} wake-ups were the same for {len(compared)} later beginnings",
        None,
        facts,
    )


def _estimated(compared: Sequence[_Compared], how: WarmupSettings) -> Check:
    drifts = [drift for one in compared for drift in one.estimates]
    late = [one.late for one in compared if one.late is not None]
    if late:
        worst = min(late, key=lambda drift: drift.first.ts_ns)
        return Check(
            ESTIMATES,
            Status.FOUND,
            f"{worst.name} is still {worst.last_size:.2%} apart at the end and was beyond {how.tolerance:.0%} after "
            f"{worst.settled_after:,} wake-ups: its memory has no end, or the warm-up is far too short for it",
            worst.first,
            _figures(worst),
        )
    if drifts:
        worst = max(drifts, key=lambda drift: drift.size)
        if all(drift.settled for drift in drifts):
            after = _count(max(drift.settled_after for drift in drifts), "wake-up")
            how_long = f"and within {how.tolerance:.0%} for good after {after}: it fades"
        else:
            how_long = (
                f"and not yet within {how.tolerance:.0%} at the end of a comparison shorter than the warm-up allows"
            )
        return Check(
            ESTIMATES,
            Status.NOTED,
            f"{worst.name} is up to {worst.size:.2%} apart, {how_long}; until then positions sized by it differ",
            worst.first,
            _figures(worst),
        )
    return Check(ESTIMATES, Status.CLEAN, "volatility, expected return, edge and cost were the same to the bit")


def _drifted(compared: Sequence[_Compared]) -> list[Check]:
    """One note for each feature that remembers what came before the beginning."""
    worst: dict[str, _Drift] = {}
    for drift in (drift for one in compared for drift in one.features):
        if drift.name not in worst or drift.size > worst[drift.name].size:
            worst[drift.name] = drift
    return [
        Check(
            name,
            Status.NOTED,
            f"depends on history before the warm-up: up to {drift.size:.3g} of its value, {drift.last_size:.3g} at the "
            "end of the comparison",
            drift.first,
            _figures(drift),
        )
        for name, drift in worst.items()
    ]


def _figures(drift: _Drift) -> dict[str, Any]:
    return {"size": drift.size, "last_size": drift.last_size, "settled_after": drift.settled_after}


def _not_covered(subject: Subject, spec: StrategySpec, never: frozenset[str]) -> list[Check]:
    """Whether declared features have their first value only after the declared warm-up, or none at all."""
    notes = [f"feature {alias} has no value anywhere in these data" for alias in sorted(never)]
    begin = _first_decision(subject, spec, never)
    if begin is not None and begin[1] != "warm-up":
        notes.append(
            f"feature {begin[1]} has its first value at {format_ns(begin[0])}, after the declared warm-up of "
            f"{_count(spec.warmup_bars, 'bar')}; decisions were compared from there on"
        )
    return [Check("coverage", Status.NOTED, "; ".join(notes))] if notes else []


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
