"""One figure to order survivors by. It decides nothing: gates do.

Whoever passed all gates still has to be put into some order. The score is a weighted geometric mean of figures between
0 and 1, so that a part near zero cannot be bought back by the others. It is no probability, and no gate reads it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from argus.core.errors import ConfigError

__all__ = ["FLOOR", "WEIGHTS", "Score", "composite"]

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
``plateau`` is 1 less the surface penalty: do the neighbours hold? ``regimes`` is the regime score: does it need one
kind of market? ``cost_margin`` is how much of the way to twice the costs is left before the profit is gone. These four
are the common ways in which a real past edge fails, and weigh alike. ``walk_stability`` is 1 less the instability of
the walk-forward: it overlaps with the others. ``capacity`` is the share of the money wanted that the market takes: it
limits what is earned, not whether.

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
