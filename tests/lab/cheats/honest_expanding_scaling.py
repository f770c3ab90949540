"""Scaling by everything seen since the first decision: the window grows, and never beyond the present."""

from __future__ import annotations

from collections.abc import Sequence

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, first_two, sign

WARMUP = 50


class ExpandingScaling(Idea):
    """Against the price where it is far from the running mean, in running standard deviations (Welford)."""

    def __init__(self, symbols: Sequence[str]) -> None:
        super().__init__(symbols, warmup=WARMUP)
        self._moments: dict[str, tuple[int, float, float]] = {}

    def decide(self, symbol: str, view: View) -> float:
        fresh = view.bars(symbol, 1 if symbol in self._moments else WARMUP).close
        count, mean, squares = self._moments.get(symbol, (0, 0.0, 0.0))
        for price in fresh:
            count += 1
            step = float(price) - mean
            mean += step / count
            squares += step * (float(price) - mean)
        self._moments[symbol] = (count, mean, squares)
        deviation = (squares / count) ** 0.5
        z = (float(fresh[-1]) - mean) / deviation if deviation > 0 else 0.0
        return -sign(z) if abs(z) > 0.7 else float("nan")


CASE = Case(
    name="expanding_scaling",
    how="Standardises by a window that grows from its warm-up at the first decision to the present.",
    make=lambda market: ExpandingScaling(first_two(market)),
    audit="",
)
