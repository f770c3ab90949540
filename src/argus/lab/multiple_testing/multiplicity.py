"""What is left of the chosen parameter set, once everything that was tried to find it is counted.

All corrections for having looked often are gathered here, from the session returns of the whole search and the number
of looks in the ledger. They judge the chosen set *in sample*, where it was chosen. A walk-forward account, on which
nothing was chosen, is judged elsewhere, and not by the number of parameter sets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from argus.core.arrays import F64_1D, I64_1D
from argus.core.errors import ConfigError
from argus.engine.metrics import kurtosis, probabilistic_sharpe, sharpe, skewness
from argus.lab.journal.trials import Looks
from argus.lab.multiple_testing.effective_trials import ALIKE, Clustering, distinct_columns, effective_trials
from argus.lab.multiple_testing.overfitting import Pbo, pbo
from argus.lab.multiple_testing.reality import (
    ConfidenceSet,
    Resampled,
    StepwiseTest,
    SuperiorAbility,
    common_block,
    confidence_set,
    equal_risk,
    excess_over,
    implied_trials,
    reality_check,
    resample,
    step_m,
    stepwise_p_values,
    superior_ability,
)
from argus.lab.multiple_testing.screens import Haircut, haircut_sharpe
from argus.lab.multiple_testing.significance import (
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_backtest_years,
    minimum_track_record,
)
from argus.lab.search.trial_matrix import F64_2D, TrialMatrix

__all__ = ["Multiplicity", "MultiplicitySettings", "multiplicity", "null_variance"]

_SESSIONS_MIN: Final = 20


@dataclass(frozen=True, slots=True)
class MultiplicitySettings:
    """How the corrections are made.

    Attributes
    ----------
    draws : int
        Of the bootstrap.
    block : float or None
        Mean block length in sessions; None takes `reality.common_block`.
    slices : int
        Of the cross-validated choice, even; fewer are taken where there are fewer than two sessions to each.
    size : float
        Chance of error of the stepwise test and of the confidence set.
    confidence : float
        Of the minimum track record.
    alike : float
        See `effective_trials`.
    seed, workers : int
        `workers` has no part in the result.
    """

    draws: int = 1_000
    block: float | None = None
    slices: int = 16
    size: float = 0.05
    confidence: float = 0.95
    alike: float = ALIKE
    seed: int = 0
    workers: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Multiplicity:
    """The chosen set against everything that was tried. Numbers of sets are columns of the matrix given.

    Attributes
    ----------
    sessions : int
        Rows that were judged.
    sharpe_session, sharpe_annual : float
        Of the chosen set over them.
    clustering : Clustering
    implied : int
        Independent trials whose best would be expected to look as good by luck as the best of this search does.
    trials_counted : int
        All looks: those of the ledger, or the distinct sets of the matrix if they are more.
    trials_effective : int
        The larger of `clustering.count` and `implied`, plus one for each look outside the matrix; at most
        `trials_counted`.
    sharpe_luck : float
        Sharpe ratio per session that the best of `trials_effective` worthless sets shows on average.
    psr, dsr : float
        Probability that the true Sharpe ratio is above zero, were this the only set; and above `sharpe_luck`.
    dsr_counted : float
        The same if every look counted in full, with the ledger's variance of Sharpe ratios: for comparison.
    track_record_years_min, track_record_deflated_years_min : float
        Years until the Sharpe ratio shown would be above zero, and above `sharpe_luck`; infinite if it is below.
    backtest_years_min : float
        Years below which the best of `trials_effective` worthless sets is expected to show an annual Sharpe ratio of 1.
    pbo : Pbo or None
        None where there are fewer than two distinct sets.
    block : float
        Mean block length of the bootstrap, in sessions.
    reality_check_p : float
        White's, at equal risk: is any set better than nothing?
    superior, superior_to_hold : SuperiorAbility
        Hansen's: is any set better than nothing; than holding at equal risk (None if there is nothing to hold).
    chosen_p, chosen_p_to_hold : float
        The same of the chosen set itself, corrected for all the others: it need not be the best.
    stepwise : StepwiseTest
        Sets that are better than nothing, copies included.
    chosen_stepwise : bool
        Whether the chosen set is one of them.
    confidence : ConfidenceSet
        Sets whose Sharpe ratio cannot be told from the best one's, copies included.
    haircut : Haircut
        What is left of the annual Sharpe ratio after Bonferroni's correction for `trials_effective` tests.
    """

    sessions: int
    sharpe_session: float
    sharpe_annual: float
    clustering: Clustering
    implied: int
    trials_counted: int
    trials_effective: int
    sharpe_luck: float
    psr: float
    dsr: float
    dsr_counted: float
    track_record_years_min: float
    track_record_deflated_years_min: float
    backtest_years_min: float
    pbo: Pbo | None
    block: float
    reality_check_p: float
    superior: SuperiorAbility
    superior_to_hold: SuperiorAbility | None
    chosen_p: float
    chosen_p_to_hold: float
    stepwise: StepwiseTest
    chosen_stepwise: bool
    confidence: ConfidenceSet
    haircut: Haircut


def null_variance(sessions: int) -> float:
    """Variance of the Sharpe ratio per session that a set without an edge shows: ``1 / (sessions - 1)``.

    Lo 2002, "The Statistics of Sharpe Ratios", Financial Analysts Journal 58(4), at a true ratio of zero, with the
    divisor of Bailey and Lopez de Prado 2012. Bailey and Lopez de Prado 2014 take the variance across the trials that
    were run. Where many of them share an edge, that variance contains it: the better the idea, the higher the bar. What
    luck alone gives does not depend on how good the idea is, and follows from the number of sessions.
    """
    if sessions < 2:
        raise ConfigError(f"a Sharpe ratio of {sessions} sessions has no variance; at least two are needed")
    return 1.0 / (sessions - 1)


def multiplicity(
    matrix: TrialMatrix,
    chosen: int,
    hold: F64_1D | None,
    looks: Looks,
    how: MultiplicitySettings = MultiplicitySettings(),
) -> Multiplicity:
    """Judge the chosen set by all that was tried.

    Parameters
    ----------
    matrix : TrialMatrix
        Rows before its `begin` are left out.
    chosen : int
        Column of the set that would be traded.
    hold : (T,) float64 or None
        Session returns of holding the market, for the rows of the matrix; they are brought to the risk of each set.
    looks : Looks
        Of the ledger at these data; the runs of the matrix are among them.
    how : MultiplicitySettings

    Raises
    ------
    ConfigError
        If there are fewer than 20 sessions, `chosen` is no column or never moved, or `hold` has another length.
    """
    returns = np.ascontiguousarray(matrix.judged)
    _check(matrix, returns, chosen, hold)
    rows = len(returns)
    first, original = distinct_columns(returns, matrix.order_hashes)
    at = int(original[chosen])
    clustering = effective_trials(returns, matrix.order_hashes, alike=how.alike, seed=how.seed)
    drawn, against = _draw(returns[:, first], None if hold is None else hold[matrix.begin :], how)
    implied = implied_trials(drawn)

    counted = max(looks.count, len(first), 1)
    outside = max(looks.count - matrix.runs, 0)
    effective = min(counted, max(clustering.count, implied) + outside)
    own = returns[:, chosen]
    shown, skew, kurt = sharpe(own), skewness(own), kurtosis(own)
    luck = expected_maximum_sharpe(effective, null_variance(rows))
    annual = shown * math.sqrt(matrix.per_year)
    stepwise, confidence = step_m(drawn, how.size), confidence_set(drawn, how.size)
    return Multiplicity(
        sessions=rows,
        sharpe_session=shown,
        sharpe_annual=annual,
        clustering=clustering,
        implied=implied,
        trials_counted=counted,
        trials_effective=effective,
        sharpe_luck=luck,
        psr=probabilistic_sharpe(shown, rows, skew, kurt),
        dsr=deflated_sharpe(shown, rows, skew, kurt, effective, null_variance(rows)),
        dsr_counted=deflated_sharpe(shown, rows, skew, kurt, counted, looks.sharpe_variance),
        track_record_years_min=minimum_track_record(shown, skew, kurt, 0.0, how.confidence) / matrix.per_year,
        track_record_deflated_years_min=minimum_track_record(shown, skew, kurt, luck, how.confidence) / matrix.per_year,
        backtest_years_min=minimum_backtest_years(effective),
        pbo=_choice(returns[:, first], how),
        block=drawn.block,
        reality_check_p=reality_check(drawn),
        superior=_named(superior_ability(drawn), first),
        superior_to_hold=None if against is None else _named(superior_ability(against), first),
        chosen_p=float(stepwise_p_values(drawn)[at]),
        chosen_p_to_hold=math.nan if against is None else float(stepwise_p_values(against)[at]),
        stepwise=StepwiseTest(_with_copies(stepwise.superior, original), stepwise.size, stepwise.critical),
        chosen_stepwise=at in stepwise.superior,
        confidence=ConfidenceSet(
            tuple(confidence.p_values[k] for k in original), _with_copies(confidence.included, original), how.size
        ),
        haircut=haircut_sharpe(annual, rows / matrix.per_year, effective),
    )


def _draw(returns: F64_2D, hold: F64_1D | None, how: MultiplicitySettings) -> tuple[Resampled, Resampled | None]:
    """One pass for both benchmarks: the sets at equal risk, and these less holding at the same risk."""
    columns = returns.shape[1]
    held = hold is not None and float(np.ptp(hold)) > 0.0
    scaled = equal_risk(returns if not held or hold is None else np.column_stack([returns, hold]))
    # Holding has no say in the length of the blocks: what is found of the sets does not depend on it.
    block = common_block(np.ascontiguousarray(scaled[:, :columns])) if how.block is None else how.block
    drawn = resample(scaled, block=block, draws=how.draws, seed=how.seed, workers=how.workers)
    if not held:
        return drawn, None
    alone = Resampled(
        drawn.series[:, :columns],
        drawn.mean[:columns],
        drawn.deviation[:columns],
        drawn.drawn[:, :columns],
        drawn.block,
        drawn.seed,
    )
    return alone, excess_over(drawn, columns)


def _choice(returns: F64_2D, how: MultiplicitySettings) -> Pbo | None:
    rows, columns = returns.shape
    slices = min(how.slices, rows // 4 * 2)
    return pbo(returns, slices, how.workers) if columns > 1 else None


def _named(found: SuperiorAbility, first: I64_1D) -> SuperiorAbility:
    """With the best one's column in the matrix given."""
    best = int(first[found.best]) if found.best >= 0 else -1
    return SuperiorAbility(found.statistic, best, found.lower, found.consistent, found.upper)


def _with_copies(found: tuple[int, ...], original: I64_1D) -> tuple[int, ...]:
    return tuple(int(k) for k in np.flatnonzero(np.isin(original, found)))


def _check(matrix: TrialMatrix, returns: F64_2D, chosen: int, hold: F64_1D | None) -> None:
    if not 0 <= chosen < matrix.runs:
        raise ConfigError(f"chosen is {chosen}; the matrix has columns 0 to {matrix.runs - 1}")
    if len(returns) < _SESSIONS_MIN:
        raise ConfigError(
            f"{len(returns)} sessions are left after row {matrix.begin}; at least {_SESSIONS_MIN} are needed"
        )
    if not math.isfinite(sharpe(returns[:, chosen])):
        raise ConfigError(f"run {matrix.run_ids[chosen]} never moved; there is nothing to judge")
    if hold is not None and len(hold) != len(matrix.session):
        raise ConfigError(f"hold has {len(hold)} returns for {len(matrix.session)} sessions; one each is needed")
    if hold is not None and not np.isfinite(hold).all():
        raise ConfigError(f"hold is {hold[~np.isfinite(hold)][0]} in some session; finite returns are needed")
