"""A cache at module level that outlives the run, of a pure function: it saves time and carries nothing."""

from __future__ import annotations

import functools

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, first_two, sign


@functools.lru_cache(maxsize=4_096)
def weights(n: int, power: int) -> tuple[float, ...]:
    """Weights that fall with age."""
    return tuple(1.0 / (1 + age) ** power for age in range(n))


class PureCache(Idea):
    """Long above a weighted average of thirty closes, short below."""

    def decide(self, symbol: str, view: View) -> float:
        close = view.bars(symbol, 30).close
        each = weights(len(close), 1 + len(symbol) % 2)
        mean = sum(w * float(c) for w, c in zip(each, close[::-1], strict=True)) / sum(each)
        return sign(float(close[-1]) - mean)


CASE = Case(
    name="pure_cache",
    how="Shares a module-level cache between runs, which holds results of a pure function and no prices.",
    make=lambda market: PureCache(first_two(market), warmup=30),
    audit="",
)
