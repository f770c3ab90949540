"""Seeds itself with the number of its kind that were made before: a second run is not the first."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from argus.core.ports import View
from argus.core.random import generator
from tests.lab.cheats.case import Case, Idea, first_two, last_move, sign

_MADE = itertools.count()


class ConstructionCount(Idea):
    """Follows the last move, and now and then tosses a coin that depends on how many were made before it."""

    def __init__(self, symbols: Sequence[str]) -> None:
        super().__init__(symbols, warmup=2)
        self._random = generator(1, "construction", next(_MADE))

    def decide(self, symbol: str, view: View) -> float:
        side = sign(last_move(view, symbol))
        return -side if self._random.random() < 0.05 else side


CASE = Case(
    name="construction_count",
    how="Seeds its generator with a count of instances that the module keeps.",
    make=lambda market: ConstructionCount(first_two(market)),
    audit="nondeterminism",
    profits=False,
    source="process",
)
