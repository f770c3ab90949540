"""The call stack: whoever calls `wake` holds the market in a local variable."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from argus.core.ports import View
from tests.lab.cheats.case import Case, Sheet, first_two, follow_last
from tests.lab.cheats.reach import Reacher, reachable, whole


def callers() -> Iterable[object]:
    """Local variables of everybody on the stack."""
    frame = sys._getframe(1)
    while frame is not None:
        yield from list(frame.f_locals.values())
        frame = frame.f_back  # type: ignore[assignment]


class Frames(Reacher):
    """Follows the next move, read from the local variables of its callers."""

    def reach(self, symbol: str, view: View) -> Sheet | None:
        return whole(reachable(thing for thing in callers() if thing is not view), symbol, view)


CASE = Case(
    name="frames",
    how="Climbs the call stack with sys._getframe and takes the full market from its callers' local variables.",
    make=lambda market: Frames(first_two(market)),
    audit="lookahead",
    without=follow_last,
    source="engine",
)
