"""One idea under several names, on several markets, over several periods: what the ledger knows of all of them.

The lab corrects a result for the looks that were taken. Looks are hidden most easily by spreading them: another name
for the next hundred parameter sets, a market that is dropped because it lost, a first year that is left out. The marks
beside the trials (`argus.lab.journal.trial_marks`) say which names are one idea; here its looks are brought together
again. What cannot be brought together is a strategy that was written anew and shares no run with the old one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from argus.lab.journal.trial_marks import Mark
from argus.lab.journal.trials import COUNTED_PURPOSES, Looks, MarkedJournal, Trial, looks_among, looks_of, roots_of

__all__ = ["Elsewhere", "ExperimentLedger", "Kin", "OtherPeriod", "kin_looks", "kin_of", "looks_cut", "looks_elsewhere"]

_CHOOSING: Final = COUNTED_PURPOSES | {"walk_forward"}
"""Purposes of an experiment's own runs from which its result is chosen."""


@dataclass(frozen=True, slots=True)
class Kin:
    """Names under which one idea was run.

    Attributes
    ----------
    family : str
        The name asked about.
    others : mapping
        Every other name, to what it shares with one of the rest: ``the same source`` or ``the same returns``.
    """

    family: str
    others: Mapping[str, str]

    @property
    def families(self) -> frozenset[str]:
        """All names, its own among them."""
        return frozenset({self.family, *self.others})


def kin_of(family: str, trials: Sequence[Trial], marks: Sequence[Mark], source_hash: str = "") -> Kin:
    """The names of one idea: those that share a text or a series of returns with it, or with one that does.

    Parameters
    ----------
    family : str
    trials : sequence of Trial
    marks : sequence of Mark
    source_hash : str
        Of the text under the name now, where no run of it is in the ledger yet.
    """
    shared: dict[tuple[str, ...], set[str]] = {}
    known = {t.run_id: t for t in trials if t.purpose in COUNTED_PURPOSES}
    for mark in marks:
        trial = known.get(mark.run_id)
        if trial is None:
            continue
        if mark.source_hash:
            shared.setdefault(("the same source", mark.source_hash), set()).add(trial.family)
        if mark.returns_hash:
            key = ("the same returns", mark.returns_hash, ",".join(sorted(trial.roots)))
            shared.setdefault(key, set()).add(trial.family)
    if source_hash:
        shared.setdefault(("the same source", source_hash), set()).add(family)
    links = [(key[0], names) for key, names in sorted(shared.items(), key=lambda item: item[0]) if len(names) > 1]
    others: dict[str, str] = {}
    reached = {family}
    while True:
        found = {
            name: why
            for why, names in reversed(links)
            if not names.isdisjoint(reached)
            for name in sorted(names - reached)
        }
        if not found:
            return Kin(family, dict(sorted(others.items())))
        others.update(found)
        reached.update(found)


def kin_looks(
    trials: Sequence[Trial],
    marks: Sequence[Mark],
    kin: Kin,
    instruments: Iterable[str],
    first_ns: int,
    last_ns: int,
) -> Looks:
    """Independent looks of an idea under all its names at data that overlap these; never fewer than under its own.

    The same parameters under two names, or two versions, with one source are one look.
    """
    own = looks_among(trials, kin.family, instruments, first_ns, last_ns)
    sources = {mark.run_id: mark.source_hash for mark in marks if mark.source_hash}
    wanted = roots_of(instruments)

    def key(trial: Trial) -> tuple[str, ...]:
        family, version, *rest = trial.look_key()
        source = sources.get(trial.run_id)
        return (family, version, *rest) if source is None else (source, "", *rest)

    found = looks_of([t for t in trials if t.family in kin.families and t.overlaps(wanted, first_ns, last_ns)], key)
    return found if found.count >= own.count else replace(found, count=own.count)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Looks of an idea at a market that is not shown.

    Attributes
    ----------
    market : str
        Its instruments or roots, joined by commas.
    looks : Looks
    """

    market: str
    looks: Looks


def looks_elsewhere(trials: Sequence[Trial], families: Iterable[str], shown: Iterable[str]) -> tuple[Elsewhere, ...]:
    """Looks of these families at markets none of whose instruments is among `shown`, most looks first."""
    names, roots = frozenset(families), roots_of(shown)
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.family in names and trial.purpose in COUNTED_PURPOSES and roots.isdisjoint(trial.roots):
            groups.setdefault(",".join(sorted(trial.roots)), []).append(trial)
    found = [Elsewhere(market, looks_of(group)) for market, group in groups.items()]
    return tuple(sorted((one for one in found if one.looks.count), key=lambda one: (-one.looks.count, one.market)))


@dataclass(frozen=True, slots=True)
class OtherPeriod:
    """Looks of an idea at another period of the same market.

    Attributes
    ----------
    first_ns : int
        Where trading began: the start that was set, or the first bar.
    last_ns : int
        Where the data ended.
    looks : Looks
    """

    first_ns: int
    last_ns: int
    looks: Looks


def looks_cut(
    trials: Sequence[Trial], families: Iterable[str], instruments: Iterable[str], first_ns: int, last_ns: int
) -> tuple[OtherPeriod, ...]:
    """Looks of these families at the same market that began elsewhere or went on longer, most looks first.

    A look at a shorter past with the same beginning is no other period: data grow. Of runs through rolls only a longer
    past is told.
    """
    names, roots = frozenset(families), roots_of(instruments)
    groups: dict[tuple[int, int], list[Trial]] = {}
    for trial in trials:
        if trial.family not in names or trial.purpose not in COUNTED_PURPOSES or roots.isdisjoint(trial.roots):
            continue
        # Through rolls a run begins when its series is long enough: that is the parameters' doing, and no choice.
        is_rolled = '"rolled_source"' in trial.parameters
        begun = first_ns if is_rolled else max(trial.first_ns, _start_of(trial.config_hash))
        if begun != first_ns or trial.last_ns > last_ns:
            groups.setdefault((begun, trial.last_ns), []).append(trial)
    found = [OtherPeriod(begun, ended, looks_of(group)) for (begun, ended), group in groups.items()]
    return tuple(sorted((one for one in found if one.looks.count), key=lambda one: (-one.looks.count, one.first_ns)))


@lru_cache(maxsize=4096)
def _start_of(config: str) -> int:
    """When trading was to begin, from a run's settings; as early as can be where nothing was set."""
    try:
        start = json.loads(config).get("start_ns")
    except (ValueError, AttributeError):
        start = None
    return start if isinstance(start, int) else -(2**63)


class ExperimentLedger:
    """The trial ledger as an experiment sees it: its runs are marked, and looks of kin are its own.

    Parameters
    ----------
    inner : MarkedJournal
        Where everything is kept.
    experiment : str
        Id that the runs are marked with.
    source_hash : str
        Of the strategy's text.
    dropped : sequence of str
        Instruments on which the idea was registered before and is not now: looks at them are counted too.
    """

    def __init__(
        self, inner: MarkedJournal, experiment: str, source_hash: str = "", dropped: Sequence[str] = ()
    ) -> None:
        self._inner = inner
        self._experiment = experiment
        self._source_hash = source_hash
        self._dropped = tuple(dropped)

    def record(self, trial: Mapping[str, object]) -> None:
        """Add one trial. The same run recorded twice is one trial."""
        self._inner.record({**trial, "experiment": self._experiment})

    def journal(self) -> tuple[Trial, ...]:
        """Every trial, by run id."""
        return self._inner.journal()

    def marks(self) -> tuple[Mark, ...]:
        """Every mark, by run id and experiment."""
        return self._inner.marks()

    def looks(self, family: str | None, instruments: Iterable[str], first_ns: int, last_ns: int) -> Looks:
        """Independent looks of a family under all its names (None: of all), at dropped markets too."""
        seen = (*instruments, *self._dropped)
        marks = self._inner.marks()
        trials = self._without_aftermath(self._inner.journal(), marks)
        if family is None:
            return looks_among(trials, None, seen, first_ns, last_ns)
        return kin_looks(trials, marks, kin_of(family, trials, marks, self._source_hash), seen, first_ns, last_ns)

    def _without_aftermath(self, trials: Sequence[Trial], marks: Sequence[Mark]) -> list[Trial]:
        """The trials but for what this very experiment runs after its choice was made.

        Nothing is chosen from those, and a repetition would otherwise find its own base parameters as one more look.
        """
        others = {mark.run_id for mark in marks if mark.experiment != self._experiment}
        own = {mark.run_id for mark in marks if mark.experiment == self._experiment} - others
        return [trial for trial in trials if trial.run_id not in own or trial.purpose in _CHOOSING]
