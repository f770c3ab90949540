"""What a reader of a verdict must know about how it came about: sentences from the registry and the ledger.

Each is the answer to one way of fooling the lab, or oneself. A new name, a wider search, another period, a market left
out, a threshold moved, costs of nothing, a glance at the hold-out, a row taken out of the database: what cannot be
prevented is printed.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from argus.core.time import format_ns
from argus.lab.journal.experiment import Change, ExperimentSpec
from argus.lab.journal.kinship import Kin, kin_looks, looks_cut, looks_elsewhere
from argus.lab.journal.registry import Event, EventKind, Registration, chain_faults, openings, same_as
from argus.lab.journal.trial_marks import Mark
from argus.lab.journal.trials import UNCOUNTED_PURPOSES, Trial, looks_among, roots_of

__all__ = [
    "Background",
    "after_holdout",
    "dropped_symbols",
    "holdout_seen",
    "runs_digest",
    "verdict_notes",
]

HOLDOUT_PURPOSE: Final = "holdout"
_SHOWN: Final = 5
_SILENT: Final = frozenset({"file_hash", "symbols", "source_hash", "hypothesis"})
_LIFE: Final = 2**62


@dataclass(frozen=True, slots=True)
class Background:
    """What is known beside an experiment when its verdict is written.

    Attributes
    ----------
    events : sequence of Event
        The registry.
    trials, marks : sequence
        The ledger.
    kin : Kin
        Names of the strategy.
    spans : mapping
        Instrument to (first, last) start of its bars in the catalog, all of them.
    data : mapping
        Dataset to content hash, now.
    anchors : mapping
        Hash of an event to the file outside of the registry that names it.
    """

    events: Sequence[Event]
    trials: Sequence[Trial]
    marks: Sequence[Mark]
    kin: Kin
    spans: Mapping[str, tuple[int, int]]
    data: Mapping[str, str]
    anchors: Mapping[str, str]


def verdict_notes(spec: ExperimentSpec, registration: Registration, known: Background) -> tuple[str, ...]:
    """The sentences, what weighs most first; none is empty."""
    parts = (
        _tampered(known),
        _registered(spec, registration),
        _names(spec, known),
        _same_markets(spec, known),
        _other_file(registration),
        _drifted(registration, known),
        _dropped(spec, registration, known),
        _periods(spec, known),
        _holdout(spec, registration, known),
        _costs(spec),
    )
    return tuple(dict.fromkeys(sentence for part in parts for sentence in part))


# ---- the registration


def _registered(spec: ExperimentSpec, registration: Registration) -> Iterator[str]:
    event = registration.event
    yield (
        f"Registered on {_day(event.at_ns)} as {event.experiment} (hash {event.hash[:12]}), before its first run; the "
        f"ledger held {int(event.body.get('trials', 0)):,} trials then."
    )
    before = {market: int(count) for market, count in event.body.get("looks", {}).items() if int(count)}
    if before:
        told = ", ".join(f"{count:,} at {market}" for market, count in before.items())
        yield f"This idea had been looked at before it was registered: {told}. These looks are counted."


def _other_file(registration: Registration) -> Iterator[str]:
    parent = registration.parent
    if parent is None:
        return
    where = f"experiment {parent.experiment} ({parent.body['spec']['name']}, registered on {_day(parent.at_ns)})"
    after = f"after {registration.trials_between:,} more trials" if registration.trials_between else "before any trial"
    told = [change for change in registration.changes if change.key.partition(".")[0] not in _SILENT]
    thresholds = [change for change in told if change.key.startswith("gates.")]
    for change in thresholds:
        gate = change.key.removeprefix("gates.")
        yield (
            f"The threshold of the gate {gate} was changed {after}: {_bound(change.before)} in {where}, "
            f"{_bound(change.after)} now."
        )
    ranges = [change for change in told if change.key.startswith(("ranges", "fixed", "search"))]
    if ranges:
        yield f"The search was changed {after}, since {where}: {_all(ranges)}."
    rest = [change for change in told if change not in thresholds and change not in ranges]
    if rest:
        yield f"It is a later form of {where}, changed {after}: {_all(rest)}."
    if any(change.key == "hypothesis" for change in registration.changes):
        yield f"The hypothesis is worded differently than in {where}."


def _drifted(registration: Registration, known: Background) -> Iterator[str]:
    told = [change for change in registration.drift if change.key.partition(".")[0] not in _SILENT]
    if told:
        yield f"What it was registered with has changed outside of its file: {_all(told)}."
    if any(change.key == "source_hash" for change in registration.drift):
        yield "The source of the strategy is another one than when it was registered; its version is the same."
    data = registration.event.body.get("data", {})
    other = sorted(name for name in {*data, *known.data} if data.get(name) != known.data.get(name))
    if other:
        yield f"Data have changed since it was registered: {_some(other)}."


def _all(found: Sequence[Change]) -> str:
    shown = "; ".join(change.sentence for change in found[:_SHOWN])
    return shown + (f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")


def _bound(value: Any) -> str:
    return "the default" if value is None else f"{value:g}"


# ---- names, markets, periods


def _names(spec: ExperimentSpec, known: Background) -> Iterator[str]:
    if not known.kin.others:
        return
    named = ", ".join(f"{name} ({why})" for name, why in known.kin.others.items())
    looks = kin_looks(known.trials, known.marks, known.kin, spec.instruments, -_LIFE, _LIFE)
    yield (
        f"{spec.strategy} was also run under other names: {named}. The looks of all names are counted together: "
        f"{looks.count:,} at these markets."
    )
    earlier = [
        f"{event.body['spec']['name']} (experiment {event.experiment}, {_day(event.at_ns)})"
        for event in known.events
        if event.kind == EventKind.REGISTERED and event.body.get("spec", {}).get("strategy") in known.kin.others
    ]
    if earlier:
        yield f"Under those names it was registered as {_some(earlier)}."


def dropped_symbols(spec: ExperimentSpec, events: Sequence[Event], registration: Registration) -> tuple[str, ...]:
    """Instruments of earlier forms of an experiment that this one leaves out."""
    known = {event.hash: event for event in events}
    shown = roots_of(spec.instruments)
    dropped: dict[str, None] = {}
    event = registration.parent
    seen: set[str] = set()
    while event is not None and event.hash not in seen:
        seen.add(event.hash)
        symbols = [symbol for market in event.body["spec"]["symbols"].values() for symbol in market]
        dropped.update(dict.fromkeys(one for one in symbols if roots_of([one]).isdisjoint(shown)))
        event = known.get(str(event.body.get("parent")))
    return tuple(sorted(dropped))


def _same_markets(spec: ExperimentSpec, known: Background) -> Iterator[str]:
    """Symbols whose prices are those of one of its own, and how often they were looked at."""
    own = roots_of(spec.instruments)
    for other in sorted(same_as(known.events, own)):
        pairs = [
            pair
            for event in known.events
            if event.kind == EventKind.SAME_MARKET
            for pair in event.body.get("pairs", ())
            if other in (pair["market"], pair["other"])
        ]
        # Of a chain of symbols the link to one of its own is told where there is one.
        pair = next((one for one in pairs if not own.isdisjoint((one["market"], one["other"]))), pairs[0])
        whose = pair["market"] if pair["other"] == other else pair["other"]
        looks = kin_looks(known.trials, known.marks, known.kin, [other], -_LIFE, _LIFE).count
        every = looks_among(known.trials, None, [other], -_LIFE, _LIFE).count
        yield (
            f"{other} holds the prices of {whose} under another name (correlation {pair['correlation']:.4f} over "
            f"{int(pair['sessions']):,} sessions): they are one market. Looks at {other}: {looks:,} of this idea, "
            f"which count here too, and {every:,} of all ideas."
        )


def _dropped(spec: ExperimentSpec, registration: Registration, known: Background) -> Iterator[str]:
    dropped = dropped_symbols(spec, known.events, registration)
    if dropped:
        yield (
            f"{', '.join(dropped)} {'was' if len(dropped) == 1 else 'were'} in an earlier form of this experiment and "
            f"{'is' if len(dropped) == 1 else 'are'} left out now; looks at {'it' if len(dropped) == 1 else 'them'} "
            "count here too."
        )
    elsewhere = looks_elsewhere(known.trials, known.kin.families, spec.instruments)
    if elsewhere:
        told = "; ".join(
            f"{one.market}: {one.looks.count:,} looks{_best(one.looks.sharpe_best)}" for one in elsewhere[:_SHOWN]
        )
        more = f"; and {len(elsewhere) - _SHOWN} more markets" if len(elsewhere) > _SHOWN else ""
        yield f"The same idea was tried on markets that are not shown here: {told}{more}."


def _periods(spec: ExperimentSpec, known: Background) -> Iterator[str]:
    foreign = {mark.run_id for mark in known.marks if mark.experiment != spec.id}
    own = {mark.run_id for mark in known.marks if mark.experiment == spec.id} - foreign
    trials = [trial for trial in known.trials if trial.run_id not in own]
    for symbol in spec.instruments:
        first, last = known.spans.get(symbol, (0, 0))
        left = []
        if spec.data_from is not None and spec.data_from > first:
            left.append(f"before {_day(spec.data_from)}")
        cut = spec.cut_ns
        if cut is not None and cut <= last and (spec.holdout_from is None or cut < spec.holdout_from):
            left.append(f"after {_day(cut)}")
        if left:
            yield (
                f"{symbol} has bars from {_day(first)} to {_day(last)}; the experiment does not trade "
                f"{' and '.join(left)}."
            )
        begun = first if spec.data_from is None else max(first, spec.data_from)
        ended = last if cut is None else cut
        others = looks_cut(trials, known.kin.families, [symbol], begun, _LIFE if cut is None else ended)
        if others:
            told = "; ".join(
                f"{_day(one.first_ns)} to {_day(one.last_ns)}: {one.looks.count:,} looks{_best(one.looks.sharpe_best)}"
                for one in others[:_SHOWN]
            )
            more = f"; and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
            yield f"The same idea was looked at on other periods of {symbol}: {told}{more}."


def _best(sharpe: float) -> str:
    return f", the best with a Sharpe ratio of {sharpe:.3f} a session" if math.isfinite(sharpe) else ""


# ---- the hold-out


def holdout_seen(spec: ExperimentSpec, trials: Sequence[Trial], also: Iterable[str] = ()) -> int:
    """Runs of whatever idea whose data reached into the hold-out, on any of its markets or `also`; openings apart."""
    if spec.holdout_from is None:
        return 0
    roots = roots_of((*spec.instruments, *also))
    end = _LIFE if spec.holdout_to is None else spec.holdout_to
    return sum(
        trial.last_ns > spec.holdout_from and trial.overlaps(roots, spec.holdout_from, end)
        for trial in trials
        if trial.purpose not in UNCOUNTED_PURPOSES and trial.purpose != HOLDOUT_PURPOSE
    )


def _holdout(spec: ExperimentSpec, registration: Registration, known: Background) -> Iterator[str]:
    if spec.holdout_from is None:
        yield "No range was held out: there is nothing left on which this result could still be refuted."
        return
    before = int(registration.event.body.get("holdout_seen", 0))
    if before:
        yield (
            f"The hold-out was seen by {before:,} runs before it was registered; it says less than an untouched one."
        )
    since = holdout_seen(spec, known.trials, same_as(known.events, spec.instruments)) - before
    if since > 0:
        yield f"The hold-out was seen by {since:,} runs after it was registered, outside of this experiment."
    yield from _searched(spec, known.events)
    yield from _came_of_it(spec, known.events)
    for event in openings(known.events, spec):
        if event.experiment != spec.id:
            yield (
                f"Its hold-out, or a part of it, was opened on {_day(event.at_ns)} by {event.body['name']} "
                f"(experiment {event.experiment}); it cannot be opened again."
            )
    roots = roots_of(spec.instruments) | same_as(known.events, spec.instruments)
    for event in known.events:
        if event.kind != EventKind.HOLDOUT_OPENED or roots.isdisjoint(event.body["instruments"]):
            continue
        if event.experiment != spec.id and int(event.body["from_ns"]) < (spec.cut_ns or _LIFE):
            yield (
                f"Its data include a hold-out that {event.body['name']} (experiment {event.experiment}) opened on "
                f"{_day(event.at_ns)}."
            )


def _searched(spec: ExperimentSpec, events: Sequence[Event]) -> Iterator[str]:
    """Searches that were told to go over the hold-out, by whomever."""
    roots = roots_of(spec.instruments) | same_as(events, spec.instruments)
    for event in events:
        if event.kind != EventKind.HOLDOUT_SEEN or roots.isdisjoint(event.body["instruments"]):
            continue
        if spec.holdout_from is not None and int(event.body["to_ns"]) > spec.holdout_from:
            yield (
                f"Its hold-out was looked at on {_day(event.at_ns)}: {event.body['what']} went over it with "
                "--include-holdout. It is no longer untouched."
            )


def _came_of_it(spec: ExperimentSpec, events: Sequence[Event]) -> Iterator[str]:
    for event, market in _results(spec, events):
        word = "It kept its promise." if market["passed"] else "It did not keep its promise: it is not deployable."
        chance, verdict = market.get("kept_without_edge"), market.get("not_deployable")
        if chance is not None:
            word += f" An account without an edge would have kept it with a chance of {chance:.0%}."
        if verdict and market["passed"]:
            word += f" All the same, {verdict}"
        yield (
            f"On the hold-out, opened on {_day(event.at_ns)}, {market['market']} had a Sharpe ratio of "
            f"{_ratio(market['sharpe_annual'])} against the promised {_ratio(market['promised_sharpe_annual'])}. {word}"
        )


def after_holdout(spec: ExperimentSpec, events: Sequence[Event], evaluation: Mapping[str, Any]) -> Mapping[str, Any]:
    """An evaluation as plain values, whose verdict knows what came of the hold-out: a failed one outvotes all gates."""
    failed = tuple(dict.fromkeys(str(market["market"]) for _, market in _results(spec, events) if not market["passed"]))
    if not failed or not evaluation["deployable"]:
        return evaluation
    subject, _, passed = str(evaluation["verdict"]).partition(" is deployable: ")
    why = f"the hold-out of {', '.join(failed)} did not keep what was promised, although {passed}"
    return {**evaluation, "deployable": False, "verdict": f"{subject} is not deployable: {why}"}


def _results(spec: ExperimentSpec, events: Sequence[Event]) -> Iterator[tuple[Event, Mapping[str, Any]]]:
    for event in events:
        if event.kind == EventKind.VERDICT and event.experiment == spec.id and "holdout" in event.body:
            for market in event.body["holdout"]["markets"]:
                yield event, market


def _ratio(value: Any) -> str:
    return "none" if value is None else f"{float(value):.2f}"


# ---- costs


def _costs(spec: ExperimentSpec) -> Iterator[str]:
    costs, execution = spec.trading["costs"], spec.trading["execution"]
    free = [
        words
        for key, words in (("fee_per_unit", "the fee a unit"), ("fee_rate", "the fee rate"))
        if costs.get(key) is not None and not Decimal(str(costs[key]))
    ]
    slips = [costs.get(key) for key in ("slippage_ticks", "slippage_rate", "half_spread_ticks")]
    if all(not Decimal(str(value or 0)) for value in slips):
        free.append("slippage")
    if free:
        yield f"Costs are set to nothing: {', '.join(free)}. No market trades for free; read no gate of costs."
    multiplier = Decimal(str(execution["cost_multiplier"]))
    if multiplier < 1:
        yield f"All costs are multiplied by {multiplier}: cheaper than the workspace itself believes."


# ---- the database


def runs_digest(
    trials: Iterable[Trial], marks: Iterable[Mark], experiment: str, instruments: Iterable[str]
) -> tuple[int, str]:
    """(how many runs, hash of what the ledger says of them) of an experiment at a market, its hold-out apart."""
    own = {mark.run_id for mark in marks if mark.experiment == experiment}
    roots = roots_of(instruments)
    rows = [
        [t.run_id, t.family, t.parameters, t.status, t.sessions, repr(t.sharpe_session), t.net_pnl_micros]
        for t in trials
        if t.run_id in own and t.purpose != HOLDOUT_PURPOSE and not roots.isdisjoint(t.roots)
    ]
    return len(rows), hashlib.sha256(json.dumps(sorted(rows)).encode()).hexdigest()


def _tampered(known: Background) -> Iterator[str]:
    for fault in chain_faults(known.events):
        yield f"The database was changed by hand: {fault}."
    there = {event.hash for event in known.events}
    for anchor, place in known.anchors.items():
        if anchor not in there:
            yield (
                f"The database was changed by hand: {place} names the event {anchor[:12]}, which the registry does not "
                "have; there is no history before what it holds."
            )
    most = max((int(event.body.get("trials", 0)) for event in known.events), default=0)
    if len(known.trials) < most:
        yield (
            f"The database was changed by hand: the ledger holds {len(known.trials):,} trials, and once held {most:,}; "
            "the count of looks is too low."
        )
    latest: dict[tuple[str, str], Event] = {}
    for event in known.events:
        if event.kind == EventKind.RUN and "digest" in event.body:
            latest[event.experiment, str(event.body["market"])] = event
    for (experiment, market), event in latest.items():
        count, digest = runs_digest(known.trials, known.marks, experiment, event.body["instruments"])
        if digest != event.body["digest"]:
            yield (
                f"The database was changed by hand: the ledger does not say what it said of the "
                f"{int(event.body['runs']):,} runs of experiment {experiment} on {market} (it holds {count:,} of them)."
            )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _day(ts_ns: int) -> str:
    return format_ns(ts_ns)[:10]
