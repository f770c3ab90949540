"""The view's own private fields: whatever it cuts its windows from is one underscore away."""

from __future__ import annotations

from argus.core.ports import View
from tests.lab.cheats.case import Case, Sheet, first_two, follow_last
from tests.lab.cheats.reach import Reacher, reachable, whole


class PrivateView(Reacher):
    """Follows the next move, read from what the view keeps to itself."""

    def reach(self, symbol: str, view: View) -> Sheet | None:
        return whole(reachable([view]), symbol, view)


CASE = Case(
    name="private_view",
    how="Walks the private fields of the view, and the selves of its bound methods, to the full arrays.",
    make=lambda market: PrivateView(first_two(market)),
    audit="lookahead",
    without=follow_last,
    source="engine",
)
