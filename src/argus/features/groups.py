"""Which columns of a set are computed together, where several threads share the work.

Each group has a plan of its own, so what two groups both need is computed twice. A column therefore joins the group
that already holds most of what it is made of, unless that one has much more to do than the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from argus.features.graph import Held, Node, Term, terms_below

__all__ = ["groups_of"]

_INPUT: Final = 0.7
"""Nanoseconds a row that it takes to put an input in place."""
_RESULT: Final = 0.55
_CLOCK: Final = 6.0
_STICKINESS: Final = 8.0
"""How many times what a column adds to a group counts against what the group has to do already."""


def groups_of(terms: Sequence[Term], count: int) -> list[list[int]]:
    """Places of the terms in at most `count` groups that take about as long and share as little as can be."""
    parts = [_parts(term) for term in terms]
    held: list[set[object]] = [set() for _ in range(count)]
    taken = [0.0] * count
    groups: list[list[int]] = [[] for _ in range(count)]
    for place in sorted(range(len(terms)), key=lambda k: -sum(parts[k].values())):
        mine = parts[place]
        added = [_RESULT + sum(cost for part, cost in mine.items() if part not in have) for have in held]
        chosen = min(range(count), key=lambda k: taken[k] + _STICKINESS * added[k])
        held[chosen].update(mine)
        taken[chosen] += added[chosen]
        groups[chosen].append(place)
    return [sorted(group) for group in groups if group]


def _parts(term: Term) -> dict[object, float]:
    """What is computed for a term, and about how many nanoseconds a row each takes."""
    from argus.features._form_kernels import form_of

    found: dict[object, float] = {}
    for one in terms_below([term]):
        if isinstance(one, Node):
            found[(one.kernel, one.inputs, one.args)] = form_of(one.kernel).cost
        else:
            found[one] = _INPUT
            if isinstance(one, Held):
                found[one.clock] = _CLOCK
    return found
