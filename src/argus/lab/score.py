"""One figure to order survivors by. It decides nothing: gates do.

Whoever passed all gates still has to be put into some order. The score is a weighted geometric mean of figures between
0 and 1, so that a part near zero cannot be bought back by the others. It is no probability, and no gate reads it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from argus.core.errors import ConfigError

if TYPE_CHECKING:
    from argus.lab.evaluation import Significance
    from argus.lab.gates import GateResult
    from argus.lab.stress.robustness import Robustness

__all__ = ["FLOOR", "WEIGHTS", "Score", "composite", "score_of", "standing"]

WEIGHTS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "deflated_sharpe": 0.25,
        "choice": 0.15,
        "plateau": 0.15,
        "regimes": 0.15,
        "cost_margin": 0.15,
        "walk_stability": 0.10,
        "capacity": 0.05,
    }
)
"""Parts of the score and how much each weighs. They sum to 1.

``deflated_sharpe`` is the probability of that name: is there anything at all? It weighs most, as nothing else matters
without it. ``choice`` is 1 less the probability of loss of the cross-validated choice: does choosing work here?
``plateau`` is 1 less the surface penalty: do the neighbours hold? ``regimes`` is 1 less the regime sensitivity: does it
need one kind of market? ``cost_margin`` is how much of the way from the costs assumed to twice these is left before the
profit is gone. These four are the common ways in which a real past edge fails, and weigh alike. ``walk_stability`` is 1
less the instability of the walk-forward: it overlaps with the others. ``capacity`` is the share of the money wanted
that the market takes: it limits what is earned, not whether.

The weights are a judgement, not an estimate: no data were used to set them, so that none are overfitted by them.
"""

FLOOR: Final = 0.01
"""What a part counts as at least; and what one counts as that was not measured, so that not measuring never helps."""


@dataclass(frozen=True, slots=True)
class Score:
    """A place in an order.

    Attributes
    ----------
    value : float
        `FLOOR` to 1.
    parts : tuple of (str, float)
        Each part as it was counted, in the order of `WEIGHTS`.
    weights : tuple of (str, float)
    missing : tuple of str
        Parts that were not measured and count as `FLOOR`.
    """

    value: float
    parts: tuple[tuple[str, float], ...]
    weights: tuple[tuple[str, float], ...]
    missing: tuple[str, ...]


def composite(figures: Mapping[str, float | None], weights: Mapping[str, float] = WEIGHTS) -> Score:
    """The score of one survivor: ``exp(sum of w log(max(x, FLOOR)))`` with weights that sum to 1.

    Parameters
    ----------
    figures : mapping
        By part, 0 to 1 and larger is better; None or NaN, or no entry, is not measured.
    weights : mapping
        Positive; they are divided by their sum.

    Raises
    ------
    ConfigError
        If a figure lies outside 0 to 1 or has no weight, or a weight is not positive.
    """
    unknown = sorted(set(figures) - set(weights))
    if unknown:
        raise ConfigError(f"figure {unknown[0]!r} has no weight; the parts of a score are {', '.join(weights)}")
    bad = next((name for name, weight in weights.items() if not (math.isfinite(weight) and weight > 0.0)), None)
    if bad is not None or not weights:
        raise ConfigError(f"weight of {bad!r} is {weights.get(str(bad))}; every part needs a positive one")
    total = math.fsum(weights.values())
    parts: list[tuple[str, float]] = []
    missing: list[str] = []
    for name in weights:
        value = figures.get(name)
        if value is None or math.isnan(value):
            missing.append(name)
            value = FLOOR
        if not 0.0 <= value <= 1.0:
            raise ConfigError(f"figure {name} is {value}; a part of a score lies in 0 to 1")
        parts.append((name, max(float(value), FLOOR)))
    shares = tuple((name, weight / total) for name, weight in weights.items())
    logs = math.fsum(share * math.log(value) for (_, share), (_, value) in zip(shares, parts, strict=True))
    return Score(min(max(math.exp(logs), FLOOR), 1.0), tuple(parts), shares, tuple(missing))


def score_of(gates: Sequence[GateResult], significance: Significance, robust: Robustness) -> Score | None:
    """The score of a candidate that passed all gates; None of any other, which no score may put before another."""
    if not all(gate.passed is True for gate in gates):
        return None
    lost = next((gate.value for gate in gates if gate.name == "overfitting"), math.nan)
    penalties = {
        "choice": lost,
        "plateau": robust.plateau.figure if robust.plateau else math.nan,
        "regimes": robust.regimes.figure if robust.regimes else math.nan,
        "walk_stability": robust.instability.figure if robust.instability else math.nan,
    }
    figures = {name: 1.0 - penalty for name, penalty in penalties.items()}
    figures["deflated_sharpe"] = significance.deflated
    figures["cost_margin"] = robust.costs.break_even_multiplier - 1.0 if robust.costs else math.nan
    figures["capacity"] = robust.capacity.multiple if robust.capacity else math.nan
    return composite({name: min(max(value, 0.0), 1.0) for name, value in figures.items() if not math.isnan(value)})


def standing(evaluation: Mapping[str, Any]) -> tuple[bool, float, int]:
    """What sorts evaluations, as plain values, best first: survivors by score, others by the gates they passed."""
    passed = sum(gate["passed"] is True for gate in evaluation["gates"])
    score = evaluation.get("score")
    return not evaluation["deployable"], -score["value"] if score else 0.0, -passed
