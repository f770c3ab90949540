"""The walk: parameters chosen on the past of each test window, and one account that trades them all in turn.

Between the sessions that choose and those that are traded lies a gap. Runs are causal and training ends before the test
begins, so that no choice can have read a price of its test: what a strategy reads reaches back only, and needs no
embargo here. A position does reach across: what a training session earned belongs to a trade that may end in the test,
and may be held there by the account. The gap is therefore as long as a trade of any set that could be chosen can last,
the purge of `argus.lab.search.splits`, and at least one session.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from argus.core.arrays import I32_1D
from argus.core.errors import CoverageError
from argus.core.ports import TrialLedger
from argus.core.time import day_of
from argus.engine.config import RunConfig
from argus.engine.metrics import sharpe
from argus.engine.record import RunRecord
from argus.lab.candidate import Candidate, ResearchSettings
from argus.lab.evaluation import Curve, FoldResult, Gap
from argus.lab.search.splits import horizon_of
from argus.lab.search.trial_matrix import TrialMatrix
from argus.lab.search.walk_forward import Fold, FoldChoice, Segment, WalkForwardStrategy, choose, folds, handover_times

__all__ = ["Walk", "fold_results", "gap_of", "plan_walk"]


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """The plan of the out-of-sample account: which parameters decide from when on.

    `shortened` says so where the data were too few for the windows that were asked for.
    """

    candidate: Candidate
    matrix: TrialMatrix
    choices: tuple[FoldChoice, ...]
    segments: tuple[Segment, ...]
    gap: Gap
    shortened: str = ""

    @property
    def sessions(self) -> I32_1D:
        """All sessions of the search."""
        return self.matrix.session

    @property
    def per_year(self) -> float:
        """Sessions a year."""
        return self.matrix.per_year

    @property
    def config(self) -> RunConfig:
        """Of the account: it begins with the first test window."""
        return replace(self.candidate.config, start_ns=self.segments[0].start_ns)

    @property
    def tested(self) -> I32_1D:
        """Sessions of the account."""
        return self.sessions[self.choices[0].fold.test_start :]

    def strategy(self) -> WalkForwardStrategy:
        """A fresh one that follows the plan."""
        return WalkForwardStrategy(self.candidate.create, self.segments)

    def run(self, trials: TrialLedger, purpose: str, config: RunConfig | None = None) -> RunRecord:
        """Replay the account."""
        return self.candidate.run(self.strategy(), config or self.config, trials, purpose)


def plan_walk(candidate: Candidate, matrix: TrialMatrix, how: ResearchSettings) -> Walk:
    """Choose parameters window by window, on what the search saw before each.

    Raises
    ------
    CoverageError
        If there are too few sessions.
    """
    gap = gap_of(candidate, matrix, how.embargo_sessions)
    plan, shortened = _folds_for(matrix, how, gap.sessions)
    choices = choose([matrix.returns[:, k] for k in range(matrix.runs)], matrix.values, plan)
    starts = handover_times(candidate.play.market, candidate.universe, matrix.session, plan)
    segments = tuple(Segment(start, matrix.values[one.chosen]) for start, one in zip(starts, choices, strict=True))
    return Walk(candidate, matrix, choices, segments, gap, shortened)


def gap_of(candidate: Candidate, matrix: TrialMatrix, stated: int | None) -> Gap:
    """Sessions between the last one that chooses and the first that is traded, and where that number comes from.

    A declared horizon is known before the data are. The longest trade is not: were it to set the gap, a trade of the
    last year would move the choices of the first. A strategy that declares no horizon therefore gets one session.

    Parameters
    ----------
    candidate : Candidate
    matrix : TrialMatrix
        Its parameter sets.
    stated : int or None
        By hand; None takes what the sets declare.
    """
    declared = [horizon_of(candidate.create(values)) for values in matrix.values]
    known = [horizon for horizon in declared if horizon is not None]
    needed = max([1, *known])
    if stated is not None:
        short = f"; its trades last up to {needed} sessions, which is longer" if stated < needed else ""
        return Gap(stated, f"stated by hand{short}", is_stated=True)
    if len(known) == len(declared):
        return Gap(needed, f"a trade lasts up to {needed} session{'' if needed == 1 else 's'}")
    which = "the strategy declares" if not known else "some parameter sets declare"
    return Gap(
        needed,
        f"{which} no horizon, and the length of its trades is told only by the data to come; state a longer gap as "
        "embargo_sessions if positions are held long",
    )


def _folds_for(matrix: TrialMatrix, how: ResearchSettings, gap: int) -> tuple[tuple[Fold, ...], str]:
    """Windows of whole years where there are enough, otherwise two fifths to train and five to test, and why."""
    per_year, count = matrix.per_year, len(matrix.session)
    usable = count - matrix.begin - gap
    if not math.isfinite(per_year) or usable < 20:
        raise CoverageError(f"there are {max(usable, 0)} sessions after the warm-up; a walk-forward needs at least 20")
    train, test = round(how.train_years * per_year), round(how.test_years * per_year)
    shortened = ""
    if train + 3 * test > usable:
        shortened = (
            f"the walk has other windows than the {how.train_years:g} years to train and {how.test_years:g} to test "
            f"that were asked for: after the warm-up there are {usable / per_year:.1f} years, too few for that and "
            "two more tests; the first two fifths train, and the rest is tested in five windows"
        )
        train, test = 2 * usable // 5, max(1, 3 * usable // 25)
    plan = folds(
        count,
        train_min=train,
        test=test,
        embargo=gap,
        start=matrix.begin,
        anchored=how.anchored,
    )
    return plan, shortened


def fold_results(walk: Walk, curve: Curve) -> tuple[FoldResult, ...]:
    """What each test window of the account brought."""
    results = []
    offset = walk.choices[0].fold.test_start - 1
    for choice in walk.choices:
        fold = choice.fold
        levels = curve.equity[fold.test_start - 1 - offset : fold.test_end - offset]
        returns = np.diff(levels) / levels[:-1] if (levels[:-1] > 0.0).all() else np.zeros(len(levels) - 1)
        results.append(
            FoldResult(
                train_first=day_of(int(walk.sessions[fold.train_start])).isoformat(),
                train_last=day_of(int(walk.sessions[fold.train_end - 1])).isoformat(),
                test_first=day_of(int(walk.sessions[fold.test_start])).isoformat(),
                test_last=day_of(int(walk.sessions[fold.test_end - 1])).isoformat(),
                values=dict(walk.matrix.values[choice.chosen]),
                train_sharpe_annual=choice.train_sharpe * math.sqrt(walk.per_year),
                test_sharpe_annual=sharpe(returns) * math.sqrt(walk.per_year),
                test_pnl=float(levels[-1] - levels[0]),
                test_return=float(levels[-1] / levels[0] - 1.0) if levels[0] > 0.0 else 0.0,
            )
        )
    return tuple(results)
