"""Would somebody slightly off have done as well: parameters beside the chosen ones, and folds beside each other.

A plateau is judged at the point that was chosen, not at the best one. A walk is judged by how much its folds differ
beyond what their length explains, how far the chosen parameters jump, and how much of what training showed is left.
Penalties are 0 (nothing to object) to 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final

import numpy as np

from argus.core.arrays import F64_1D
from argus.core.errors import ConfigError
from argus.core.strategy import ParameterValue
from argus.engine._sweep_surface import FRACTION, Neighbours, plateau_share
from argus.lab.evaluation import FoldResult

__all__ = ["Instability", "Plateau", "plateau_at", "walk_instability"]

Values = Mapping[str, ParameterValue]

_NEIGHBOURS_MIN: Final = 3
_DAYS_PER_YEAR: Final = 365.2425


@dataclass(frozen=True, slots=True)
class Plateau:
    """What the neighbours of a point keep of its score.

    Attributes
    ----------
    score : float
    neighbours : int
    share : float
        Of the neighbours, how many keep at least ``1 - fraction`` of the score; NaN where too few were run.
    beside_ratio : float
        Median score of the neighbours over the point's own, clipped to 0 and 1.
    fraction : float
        What a neighbour may lose.
    figure : float
        Penalty: ``1 - (share + beside_ratio) / 2``; 1 for a score that is not positive, NaN where nothing is known.
    sentence : str
    """

    score: float
    neighbours: int
    share: float
    beside_ratio: float
    fraction: float
    figure: float
    sentence: str


def plateau_at(scores: F64_1D, pairs: Neighbours, point: int, fraction: float = FRACTION) -> Plateau:
    """The plateau around a chosen point of a surface.

    Parameters
    ----------
    scores : (n,) float64
        Higher is better; NaN where a point has none.
    pairs : (m, 2) int64
        Neighbours, each pair once: `argus.engine._sweep_surface.grid_neighbours`.
    point : int
    fraction : float

    Raises
    ------
    ConfigError
        If there is no such point.
    """
    if not 0 <= point < len(scores):
        raise ConfigError(f"plateau: point {point} was asked for and there are {len(scores)} points")
    beside = np.concatenate((pairs[pairs[:, 0] == point, 1], pairs[pairs[:, 1] == point, 0]))
    known = scores[beside][np.isfinite(scores[beside])]
    middle = float(np.median(known)) if len(known) else math.nan
    share = plateau_share(scores, pairs, point, fraction)
    return _plateau(float(scores[point]), len(beside), share, middle, fraction)


def _plateau(score: float, neighbours: int, share: float, middle: float, fraction: float) -> Plateau:
    if math.isfinite(score) and score <= 0.0:
        sentence = f"No plateau: the point's own score is {score:.2f}."
        return Plateau(score, neighbours, math.nan, math.nan, fraction, 1.0, sentence)
    if not math.isfinite(score) or neighbours < _NEIGHBOURS_MIN:
        sentence = f"Unknown: {neighbours} neighbours were run; at least {_NEIGHBOURS_MIN} are needed."
        return Plateau(score, neighbours, math.nan, math.nan, fraction, math.nan, sentence)
    # Neighbours that have no score at all never traded: nothing of the result is left there.
    ratio = min(max(middle / score, 0.0), 1.0) if math.isfinite(middle) else 0.0
    penalty = 1.0 - (share + ratio) / 2.0
    sentence = (
        f"{share:.0%} of {neighbours} neighbours keep at least {1 - fraction:.0%} of the score of {score:.2f}; their "
        f"median keeps {ratio:.0%} of it."
    )
    return Plateau(score, neighbours, share, ratio, fraction, penalty, sentence)


@dataclass(frozen=True, slots=True)
class Instability:
    """How much a walk-forward differs from fold to fold.

    Attributes
    ----------
    folds : int
    spread : float
        Standard deviation of the folds' annual Sharpe ratios beyond what their length explains, over the size of their
        mean plus its standard error.
    jumps : float
        Mean distance between the parameters of consecutive folds, 0 (the same) to 1 (from one end of every range to
        the other).
    degradation : float
        Share of the training Sharpe ratio that the tests did not show, 0 to 1; 1 if training showed nothing.
    figure : float
        Penalty: the mean of ``spread / (1 + spread)``, `jumps` and `degradation`; NaN with fewer than two folds.
    sentence : str
    """

    folds: int
    spread: float
    jumps: float
    degradation: float
    figure: float
    sentence: str


def walk_instability(folds: Sequence[FoldResult], grid: Sequence[Values]) -> Instability:
    """The instability of a walk.

    A fold of y years has a standard error of about ``1 / sqrt(y)`` in its annual Sharpe ratio (Lo 2002, "The Statistics
    of Sharpe Ratios", Financial Analysts Journal 58(4)), so that much difference is no instability.

    Parameters
    ----------
    folds : sequence of FoldResult
        In time order.
    grid : sequence of mapping
        All parameter sets that could have been chosen.
    """
    known = [fold for fold in folds if math.isfinite(fold.test_sharpe_annual)]
    if len(known) < 2:
        sentence = f"Unknown: {len(known)} folds have a Sharpe ratio; at least 2 are needed."
        return Instability(len(folds), math.nan, math.nan, math.nan, math.nan, sentence)
    tested = np.array([fold.test_sharpe_annual for fold in known])
    trained = np.array([fold.train_sharpe_annual for fold in known if math.isfinite(fold.train_sharpe_annual)])
    chance = float(np.mean([1.0 / _years(fold) for fold in known]))
    variance = float(np.var(tested, ddof=1))
    mean = float(np.mean(tested))
    spread = math.sqrt(max(variance - chance, 0.0)) / (abs(mean) + math.sqrt(max(variance, chance) / len(known)))
    promised = float(np.mean(trained)) if len(trained) else math.nan
    degradation = 1.0 - min(max(mean / promised, 0.0), 1.0) if promised > 0.0 else 1.0
    jumps = _jumps([fold.values for fold in folds], grid)
    penalty = (spread / (1.0 + spread) + jumps + degradation) / 3.0
    sentence = (
        f"Over {len(known)} folds the Sharpe ratio averages {mean:.2f} (training promised {promised:.2f}); parameters "
        f"move {jumps:.0%} of their ranges from fold to fold."
    )
    return Instability(len(folds), spread, jumps, degradation, penalty, sentence)


def _years(fold: FoldResult) -> float:
    days = (date.fromisoformat(fold.test_last) - date.fromisoformat(fold.test_first)).days + 1
    return max(days, 1) / _DAYS_PER_YEAR


def _jumps(chosen: Sequence[Values], grid: Sequence[Values]) -> float:
    """Mean distance in ranks of the values that were tried; words have no order, another one is the whole distance.

    A set that leaves a parameter at its default is as far as can be from one that does not.
    """
    distances = []
    for name in sorted({name for values in grid for name in values}):
        tried = list({values[name] for values in grid if name in values})
        if len(tried) < 2:
            continue
        is_number = all(isinstance(value, int | float) and not isinstance(value, bool) for value in tried)
        order = sorted(tried, key=float) if is_number else tried
        for one, other in pairwise(chosen):
            if is_number and name in one and name in other:
                step = abs(order.index(one[name]) - order.index(other[name])) / (len(order) - 1)
            else:
                step = float(one.get(name) != other.get(name))
            distances.append(step)
    return float(np.mean(distances)) if distances else 0.0
