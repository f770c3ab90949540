"""A generator without a seed, used so seldom that most stretches of a run repeat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, first_two, last_move, sign


class UnseededRandom(Idea):
    """Follows the last move, and now and then tosses a coin."""

    def __init__(self, symbols: Sequence[str]) -> None:
        super().__init__(symbols, warmup=2)
        self._random = np.random.default_rng()

    def decide(self, symbol: str, view: View) -> float:
        side = sign(last_move(view, symbol))
        return -side if self._random.random() < 0.02 else side


CASE = Case(
    name="unseeded_random",
    how="Turns one decision in fifty around by a random generator that was never seeded.",
    make=lambda market: UnseededRandom(first_two(market)),
    audit="nondeterminism",
    profits=False,
    source="outside",
)
