"""The figures of the gates that compare one figure with their threshold, each with its sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from argus.core.orders import Reason
from argus.engine._sweep_surface import Neighbours, grid_neighbours
from argus.engine.metrics import sharpe
from argus.engine.record import RunRecord
from argus.lab.evaluation import FoldResult
from argus.lab.evidence import Figure
from argus.lab.multiple_testing.multiplicity import Multiplicity
from argus.lab.search.trial_matrix import TrialMatrix
from argus.lab.stress.perturbation import PerturbationStress
from argus.lab.stress.regimes_stress import RegimeResult, Regimes, is_long
from argus.lab.stress.robustness import Robustness
from argus.lab.stress.stability import Plateau, plateau_at

__all__ = ["best_run", "measured", "plateau_around"]

_KEPT: Final = 0.5
_FOLDS_MIN: Final = 3
_REGIME_MOST: Final = 0.8
"""Share of the time above which one regime is nearly everything, and leaving it out leaves nothing to judge."""
_BROKEN: Final = (Reason.LIQUIDATION, Reason.ACCOUNT_CLOSED, Reason.DRAWDOWN)
"""A day's halt after a day's loss is a limit at work, not one that was broken."""


def measured(
    record: RunRecord,
    windows: Sequence[FoldResult],
    robust: Robustness,
    multiple: Multiplicity | None,
    runs: int,
) -> Mapping[str, Figure]:
    """Figures by gate.

    Parameters
    ----------
    record : RunRecord
        The out-of-sample account.
    windows : sequence of FoldResult
    robust : Robustness
    multiple : Multiplicity or None
        None where no parameter set ever traded.
    runs : int
        Parameter sets that were run.
    """
    return {
        "risk_caps": _risk_caps(record),
        "fold_concentration": _folds(windows),
        "regime_concentration": _regimes(robust.regimes),
        "perturbation": _perturbation(robust.perturbed),
        "overfitting": _overfitting(multiple, runs),
        "data_snooping": _data_snooping(multiple),
    }


def best_run(matrix: TrialMatrix) -> int:
    """The column with the highest Sharpe ratio: what would be traded from now on; -1 if none ever moved."""
    moved = np.flatnonzero(np.ptp(matrix.judged, axis=0) > 0.0)
    if not len(moved):
        return -1
    ratios = np.array([sharpe(matrix.judged[:, k]) for k in moved])
    return int(moved[int(np.argmax(ratios))])


def plateau_around(matrix: TrialMatrix, chosen: int) -> Plateau | None:
    """What the neighbours of a run keep of its annual Sharpe ratio; None where there is only one run.

    Neighbours differ by one step on any of the axes along which numbers were tried; words that differ part them. Where
    there are fewer than three, all other runs are neighbours.
    """
    if matrix.runs < 2 or chosen < 0:
        return None
    scores = np.array([sharpe(matrix.judged[:, k]) for k in range(matrix.runs)]) * math.sqrt(matrix.per_year)
    pairs = _neighbours(matrix.values)
    if int((pairs == chosen).sum()) < 3:
        others = np.setdiff1d(np.arange(matrix.runs), [chosen])
        pairs = np.sort(np.column_stack([others, np.full(len(others), chosen)]), axis=1).astype(np.int64)
    return plateau_at(scores, pairs, chosen, 1.0 - _KEPT)


def _neighbours(values: Sequence[Mapping[str, object]]) -> Neighbours:
    names = sorted({name for one in values for name in one})
    numbers = [name for name in names if all(_is_number(one.get(name)) for one in values)]
    words = [name for name in names if name not in numbers]
    index = np.empty((len(values), len(numbers)), dtype=np.int64)
    for axis, name in enumerate(numbers):
        _, index[:, axis] = np.unique([float(str(one[name])) for one in values], return_inverse=True)
    told = [repr([one.get(name) for name in words]) for one in values]
    _, labels = np.unique(told, return_inverse=True)
    return grid_neighbours(index, labels.astype(np.int64))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _risk_caps(record: RunRecord) -> Figure:
    forced = int((record.orders["liquidation"] == 1).sum())
    stopped = int(np.isin(record.orders["reason"], [int(reason) for reason in _BROKEN]).sum())
    if not forced and not stopped:
        return Figure(
            0.0, "No position was liquidated, the account was never closed, and its drawdown limit was never reached."
        )
    return Figure(
        float(forced + stopped),
        f"{forced} orders of the broker liquidated positions, and {stopped} orders ended because the account was "
        "liquidated, closed, or at its drawdown limit: it did not keep to its limits.",
    )


def _folds(windows: Sequence[FoldResult]) -> Figure:
    if len(windows) < _FOLDS_MIN:
        return Figure(math.nan, f"There are {len(windows)} test windows; with fewer than three none can be left out.")
    results = [window.test_pnl for window in windows]
    total, best = math.fsum(results), max(results)
    if total <= 0.0:
        return Figure(0.0, "There is no profit, in one window or in several.")
    left = (total - best) / total
    word = "the rest earned too" if left > 0.0 else "the rest lost"
    return Figure(left, f"Without the best of {len(windows)} test windows {left:.0%} of the profit is left: {word}.")


def _regimes(regimes: Regimes | None) -> Figure:
    known = [one for one in regimes.results if _tells(one)] if regimes is not None else []
    if not known:
        return Figure(math.nan, "No regimes could be told apart over the account's life, or it made no money in any.")
    worst = max(known, key=lambda one: one.largest_share)
    best = next(bucket for bucket in worst.buckets if bucket.share == worst.largest_share and is_long(bucket))
    left = 1.0 - worst.largest_share
    word = "the others earned too" if left > 0.0 else "the others lost"
    return Figure(left, f"Without the regime '{best.name}' (by {worst.name}) {left:.0%} of the profit is left: {word}.")


def _tells(one: RegimeResult) -> bool:
    """Whether no regime is nearly all of the time."""
    sessions = [bucket.sessions for bucket in one.buckets]
    return math.isfinite(one.largest_share) and len(sessions) > 1 and max(sessions) <= _REGIME_MOST * sum(sessions)


def _perturbation(found: PerturbationStress | None) -> Figure:
    if found is None:
        return Figure(math.nan, "It was not tried on altered prices.")
    return Figure(found.figure, found.sentence)


def _overfitting(multiple: Multiplicity | None, runs: int) -> Figure:
    if runs == 1:
        return Figure(0.0, "One parameter set was run: nothing was chosen, so nothing could be fitted too well.")
    if multiple is None:
        return Figure(math.nan, "No parameter set ever traded.")
    if multiple.pbo is None:
        return Figure(0.0, "All parameter sets made the same trades: choosing among them made no difference.")
    found = multiple.pbo
    return Figure(
        found.loss_probability,
        f"In {found.loss_probability:.0%} of {found.cuts:,} ways to halve the data the set that was best in one half "
        f"lost in the other, which is what the gate reads; in {found.value:.0%} it came out at the middle of all sets "
        "or below (probability of overfitting, PBO), which sets that are equally good do by chance.",
    )


def _data_snooping(multiple: Multiplicity | None) -> Figure:
    if multiple is None:
        return Figure(math.nan, "No parameter set ever traded.")
    sets = multiple.clustering.distinct
    return Figure(
        multiple.chosen_p,
        f"Among {sets} parameter sets that are all worthless, one would look as good as this one with a chance of "
        f"{multiple.chosen_p:.1%}.",
    )
