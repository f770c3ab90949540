"""The order of a set of words: the same for the life of a process, another one in the next."""

from __future__ import annotations

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, first_two, last_move, sign


class HashOrder(Idea):
    """Follows or fades the last move, whichever a set of the two words gives first."""

    def decide(self, symbol: str, view: View) -> float:
        return sign(last_move(view, symbol)) * choice(view.now_ns)


def choice(now_ns: int) -> float:
    """1 or -1 by the order in which a set gives two words."""
    return 1.0 if next(iter({f"follow:{now_ns}", f"fade:{now_ns}"})).startswith("follow") else -1.0


CASE = Case(
    name="hash_order",
    how="Depends on the iteration order of a set of strings, which differs from process to process.",
    make=lambda market: HashOrder(first_two(market), warmup=2),
    audit="nondeterminism",
    profits=False,
    source="outside",
)
