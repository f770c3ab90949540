"""White noise: what the best of a whole search earns on markets that hold nothing, beside what it earned on this one.

A search finds something wherever it looks. So the same search, with all its parameter sets, is run on surrogates of the
market (`argus.lab.calibration.surrogates`), and the best Sharpe ratio of each is written down. If the market holds
nothing that its surrogates do not, the real search is one more of them, and its rank is as good as drawn: the share of
surrogates that did as well is its p-value (Phipson, Smyth 2010, Permutation P-values Should Never Be Zero, Statistical
Applications in Genetics and Molecular Biology 9(1), for the one that is added above and below).

Runs on surrogates are no looks at the market and are counted nowhere. Whoever chose parameters by them would have
looked after all: choose nothing here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from argus.core.arrays import F64_1D
from argus.core.errors import ConfigError
from argus.core.ports import TrialLedger
from argus.core.random import stream_key
from argus.lab.calibration.surrogates import SURROGATES, surrogate
from argus.lab.candidate import Candidate, MapRuns, Progress
from argus.lab.search.parameter_search import search
from argus.lab.search.play import PlainPlay, RolledPlay

__all__ = ["WhiteNoise", "white_noise"]

ROOTS_NOTE = (
    "measured on the continuous series as it is, the real search too: surrogates of single contracts would come apart "
    "from each other at every roll"
)


@dataclass(frozen=True, slots=True, eq=False)
class WhiteNoise:
    """A search beside the same search on surrogates of one kind.

    Attributes
    ----------
    kind : str
        In `surrogates.SURROGATES`.
    real : float
        Best annual Sharpe ratio of all parameter sets on the market, in sample.
    surrogate : (m,) float64
        The same on each surrogate.
    p : float
        Share of these m + 1 searches that did as well as the real one, itself included: at least 1 / (m + 1).
    runs : int
        Parameter sets of a search.
    note : str
        What a reader must know; empty if nothing.
    """

    kind: str
    real: float
    surrogate: F64_1D
    p: float
    runs: int
    note: str = ""

    @property
    def sentence(self) -> str:
        """What came out, in one plain sentence."""
        count = len(self.surrogate)
        as_good = round(self.p * (count + 1)) - 1
        return (
            f"the best of {self.runs} parameter sets has a Sharpe ratio of {self.real:.2f}; on {as_good} of {count} "
            f"{self.kind.replace('_', '-')} markets the best was as good (p = {self.p:.3f}, their median "
            f"{float(np.median(self.surrogate)):.2f})"
        )

    def as_dict(self) -> Mapping[str, object]:
        """Plain types for JSON."""
        return {
            "kind": self.kind,
            "real": self.real,
            "surrogate": self.surrogate.tolist(),
            "p": self.p,
            "runs": self.runs,
            "note": self.note,
        }


class _Uncounted:
    """Where trials go that are no looks at anything."""

    def record(self, trial: Mapping[str, object]) -> None:
        """Forget it."""


def white_noise(
    candidate: Candidate,
    kinds: Sequence[str] = tuple(SURROGATES),
    surrogates: int = 200,
    *,
    trials: TrialLedger,
    seed: int = 0,
    map_runs: MapRuns = map,
    progress: Progress | None = None,
) -> tuple[WhiteNoise, ...]:
    """Run a candidate's search on its market and on surrogates of it.

    Parameters
    ----------
    candidate : Candidate
        Of roots of futures their continuous series is taken, without rolls.
    kinds : sequence of str
        Kinds of surrogates, one result each.
    surrogates : int
        How many of each kind; 19 are the fewest by which 5 % can be reached.
    trials : TrialLedger
        Where the search on the real market is counted.
    seed : int
        Of the surrogates; the same for any number of processes.
    map_runs : callable
        ``map``, or a process pool's ``map``.
    progress : callable or None

    Raises
    ------
    ConfigError
        If there are no surrogates, or of a kind that is not known.
    CoverageError, DataError, RunError
        As the search, or if the market cannot be made a surrogate of.
    """
    if surrogates < 1:
        raise ConfigError(f"white noise: surrogates is {surrogates}; at least one is needed")
    plain, note = _as_it_is(candidate)
    changes = {kind: surrogate(kind, 0) for kind in kinds}
    if not changes:
        raise ConfigError(f"white noise: name a kind of surrogates: {', '.join(SURROGATES)}")
    real = _best(plain, trials)
    jobs = [(kind, stream_key(seed, "white_noise", kind, number)) for kind in changes for number in range(surrogates)]
    found = []
    for number, value in enumerate(map_runs(partial(_best_on, plain), jobs), start=1):
        found.append(value)
        if progress is not None:
            progress("surrogates", number, len(jobs))
    results = []
    for number, kind in enumerate(changes):
        values = np.array(found[number * surrogates : (number + 1) * surrogates])
        p = (1 + int(np.count_nonzero(values >= real))) / (surrogates + 1)
        results.append(WhiteNoise(kind, real, values, p, len(plain.parameter_sets()), note))
    return tuple(results)


def _as_it_is(candidate: Candidate) -> tuple[Candidate, str]:
    play = candidate.play
    if isinstance(play, RolledPlay):
        return replace(candidate, market=play.market, replays=PlainPlay(play.market)), ROOTS_NOTE
    return candidate, ""


def _best(candidate: Candidate, trials: TrialLedger) -> float:
    """Highest annual Sharpe ratio of all parameter sets."""
    matrix = search(candidate, trials, map, _silent).matrix
    return float(matrix.sharpes().max()) * math.sqrt(matrix.per_year)


def _best_on(candidate: Candidate, job: tuple[str, int]) -> float:
    kind, seed = job
    changed = candidate.play.changed(surrogate(kind, seed))
    return _best(replace(candidate, market=changed.market, replays=changed), _Uncounted())


def _silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""
