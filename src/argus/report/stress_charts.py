"""What the script draws of robustness and multiplicity: bars of Sharpe ratios, the search, its luck and its splits.

Thousands of halves are counted into bins, and a wide search is thinned: a picture has no room for more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from argus.core.arrays import F64_1D
from argus.report.figures import parameters
from argus.report.sampling import short

if TYPE_CHECKING:
    from argus.lab.evaluation import Evaluation
    from argus.lab.search.trial_matrix import TrialMatrix
    from argus.lab.stress.replays import Outcome

__all__ = ["BINS", "PATH_BINS", "SHORT_SESSIONS", "stress_charts"]

BINS: Final = 41
PATH_BINS: Final = 15
"""Histories are a few dozen."""

SHORT_SESSIONS: Final = 20
"""A regime that lasted less is drawn pale: its Sharpe ratio says nothing."""

_CELLS_MAX: Final = 2_500
_RANKED_MAX: Final = 300
_LUCK_POINTS: Final = 121


def stress_charts(evaluation: Evaluation) -> dict[str, Any]:
    """The data of these charts by name; None where something was not measured."""
    robust = evaluation.robustness
    return {
        "regimes": _regimes(evaluation),
        "delay": _outcomes(robust.delay.outcomes) if robust and robust.delay else None,
        "perturbed": _outcomes(robust.perturbed.outcomes) if robust and robust.perturbed else None,
        "surface": _surface(evaluation.matrix, evaluation.chosen),
        "logits": _logits(evaluation),
        "paths": _paths(evaluation),
        "luck": _luck(evaluation),
    }


def _outcomes(outcomes: Sequence[Outcome]) -> dict[str, Any] | None:
    if not outcomes:
        return None
    return {
        "name": [escape(one.name) for one in outcomes],
        "sharpe": short([one.sharpe_annual for one in outcomes], 3),
        "net": short([one.net_pnl for one in outcomes], 6),
        "trades": [one.trades for one in outcomes],
    }


def _regimes(evaluation: Evaluation) -> dict[str, Any] | None:
    """By source, in the order in which they were asked for."""
    found = evaluation.robustness.regimes if evaluation.robustness else None
    shown = [one for one in found.results if one.buckets] if found else []
    return {
        escape(one.name): {
            "name": [escape(bucket.name) for bucket in one.buckets],
            "sharpe": short([bucket.sharpe_annual for bucket in one.buckets], 3),
            "share": short([bucket.share for bucket in one.buckets], 3),
            "sessions": [bucket.sessions for bucket in one.buckets],
            "pale": [bucket.sessions < SHORT_SESSIONS for bucket in one.buckets],
        }
        for one in shown
    } or None


def _logits(evaluation: Evaluation) -> dict[str, Any] | None:
    """Halves by where the best of one half came out in the other; zero is an edge and counts as overfitted."""
    found = evaluation.multiplicity.pbo if evaluation.multiplicity else None
    if found is None:
        return None
    reach = float(np.abs(found.logits).max()) or 1.0
    half = BINS // 2
    width = reach / half
    # A logit of zero is the median, which counts as overfitted: bins are closed above.
    place = np.clip(np.ceil(found.logits / width).astype(np.int64) + half - 1, 0, 2 * half - 1)
    return {
        "edge": short([(k - half) * width for k in range(2 * half + 1)], 5),
        "count": np.bincount(place, minlength=2 * half).tolist(),
    }


def _paths(evaluation: Evaluation) -> dict[str, Any] | None:
    """Histories by their Sharpe ratio, with that of the walk; zero is an edge."""
    found = evaluation.resplits.paths if evaluation.resplits else None
    if found is None:
        return None
    shown = np.array(found.sharpe_annual)
    width = (float(np.ptp(shown)) or 1.0) / PATH_BINS
    low, high = (math.floor(float(shown.min()) / width), math.floor(float(shown.max()) / width) + 1)
    counts = np.bincount(np.floor(shown / width).astype(np.int64) - low, minlength=high - low)
    walk = evaluation.metrics.sharpe_annual
    return {
        "edge": short([k * width for k in range(low, high + 1)], 5),
        "count": counts.tolist(),
        "median": short([found.median], 3)[0],
        "walk": short([walk], 3)[0] if math.isfinite(walk) else None,
    }


def _luck(evaluation: Evaluation) -> dict[str, Any] | None:
    """What the best of as many worthless sets shows, as a density over annual Sharpe ratios."""
    from argus.lab.multiple_testing.multiplicity import null_variance
    from argus.lab.multiple_testing.significance import maximum_density

    found = evaluation.multiplicity
    if found is None or evaluation.matrix is None:
        return None
    root = math.sqrt(evaluation.matrix.per_year)
    variance = null_variance(found.sessions)
    error = math.sqrt(variance) * root
    expected = found.sharpe_luck * root
    low, high = min(expected - 3.5 * error, found.sharpe_annual), max(expected + 4.0 * error, found.sharpe_annual)
    room = 0.04 * (high - low)
    at = np.linspace(low - room, high + room, _LUCK_POINTS)
    return {
        "x": short(at, 4),
        "density": short(maximum_density(at / root, found.trials_effective, variance) / root, 4),
        "expected": short([expected], 3)[0],
        "result": short([found.sharpe_annual], 3)[0],
    }


# ---- the search


def _surface(matrix: TrialMatrix | None, chosen: int) -> dict[str, Any] | None:
    """A line of one parameter, a map of two, or all sets by rank where they stand on no grid."""
    if matrix is None or matrix.runs < 2:
        return None
    scores = matrix.sharpes() * math.sqrt(matrix.per_year)
    tried = {
        name: _ordered([one[name] for one in matrix.values])
        for name in matrix.values[0]
        if all(name in one for one in matrix.values)
    }
    varied = sorted((name for name, values in tried.items() if len(values) > 1), key=lambda name: -len(tried[name]))
    if len(varied) == 1:
        return _line(matrix, scores, chosen, varied[0], tried[varied[0]])
    if len(varied) > 1 and chosen >= 0:
        drawn = _map(matrix, scores, chosen, varied, (tried[varied[0]], tried[varied[1]]))
        if drawn is not None:
            return drawn
    return _ranked(matrix, scores, chosen)


def _ordered(values: Sequence[Any]) -> list[Any]:
    distinct = list(dict.fromkeys(values))
    if all(isinstance(value, int | float) for value in distinct):
        return sorted(distinct)
    return sorted(distinct, key=str)


def _told(value: object) -> str:
    return escape(f"{value:g}" if isinstance(value, float) else str(value))


def _line(matrix: TrialMatrix, scores: F64_1D, chosen: int, name: str, tried: Sequence[Any]) -> dict[str, Any]:
    if len(tried) > _RANKED_MAX:
        return _ranked(matrix, scores, chosen)
    best: dict[Any, float] = {}
    for one, score in zip(matrix.values, scores, strict=True):
        best[one[name]] = max(best.get(one[name], -math.inf), float(score))
    return {
        "kind": "line",
        "x": [_told(value) for value in tried],
        "y": short([best[value] for value in tried], 3),
        "xname": escape(name),
        "mark": [_told(matrix.values[chosen][name]), short([scores[chosen]], 3)[0]] if chosen >= 0 else None,
    }


def _map(
    matrix: TrialMatrix, scores: F64_1D, chosen: int, varied: Sequence[str], tried: tuple[list[Any], list[Any]]
) -> dict[str, Any] | None:
    """The two parameters with the most values, the others as in the chosen set; None for what is no grid."""
    across, down = varied[:2]
    held = {name: matrix.values[chosen][name] for name in varied[2:]}
    here = [k for k, one in enumerate(matrix.values) if all(one[name] == value for name, value in held.items())]
    cells = len(tried[0]) * len(tried[1])
    if cells > _CELLS_MAX or 4 * len(here) < cells:
        return None
    z = np.full((len(tried[1]), len(tried[0])), np.nan)
    for k in here:
        z[tried[1].index(matrix.values[k][down]), tried[0].index(matrix.values[k][across])] = scores[k]
    return {
        "kind": "heat",
        "x": [_told(value) for value in tried[0]],
        "y": [_told(value) for value in tried[1]],
        "z": [short(row, 3) for row in z],
        "xname": escape(across),
        "yname": escape(down),
        "held": escape(parameters(held)),
        "mark": [_told(matrix.values[chosen][across]), _told(matrix.values[chosen][down])],
    }


def _ranked(matrix: TrialMatrix, scores: F64_1D, chosen: int) -> dict[str, Any]:
    order = np.argsort(-scores, kind="stable")
    rank = int(np.flatnonzero(order == chosen)[0]) if chosen >= 0 else -1
    kept = np.unique(np.linspace(0, len(order) - 1, min(len(order), _RANKED_MAX)).round().astype(np.int64))
    return {
        "kind": "rank",
        "x": (kept + 1).tolist(),
        "y": short(scores[order[kept]], 3),
        "xname": "parameter sets, best first",
        "mark": [rank + 1, short([scores[chosen]], 3)[0]] if rank >= 0 else None,
    }
