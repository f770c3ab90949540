"""Coins that fall the same way every time: the generator is keyed by the instant and the instrument."""

from __future__ import annotations

from argus.core.ports import View
from argus.core.random import generator
from tests.lab.cheats.case import Case, Idea, first_two


class KeyedRandom(Idea):
    """Tosses a coin for each instrument and bar."""

    def decide(self, symbol: str, view: View) -> float:
        return float(generator(7, "coin", symbol, view.now_ns).integers(-1, 2))


CASE = Case(
    name="keyed_random",
    how="Decides at random, from a stream that is keyed by seed, instrument and instant.",
    make=lambda market: KeyedRandom(first_two(market)),
    audit="",
)
