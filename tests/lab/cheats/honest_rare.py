"""Silent at nearly every decision: hundreds of wake-ups without an order are no sign of anything."""

from __future__ import annotations

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, first_two

WINDOW = 200


class Rare(Idea):
    """Turns with a new extreme of two hundred closes , looked at once a session."""

    def decide(self, symbol: str, view: View) -> float:
        close = view.bars(symbol, WINDOW).close
        if view.now_ns // 1_800_000_000_000 % 48 != 33:  # half past four in the afternoon, once a session
            return float("nan")
        if close[-1] == close.max():
            return 1.0
        return -1.0 if close[-1] == close.min() else float("nan")


CASE = Case(
    name="rare",
    how="Decides once a session and sends a handful of orders in the whole run.",
    make=lambda market: Rare(first_two(market), warmup=WINDOW),
    audit="",
)
