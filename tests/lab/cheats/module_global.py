"""A module-level memory of prices: the first run fills it in good faith, the second finds tomorrow in it."""

from __future__ import annotations

from collections.abc import Sequence

from argus.core.intents import Intent
from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, first_two, follow_last, last_move, sign

CLOSE_AFTER: dict[tuple[str, int], float] = {}
"""The close that followed the bar which closed at that instant."""


class ModuleGlobal(Idea):
    """Follows the last move, unless the memory of an earlier run knows the next one."""

    def wake(self, view: View) -> Sequence[Intent]:
        for symbol in self.symbols:
            window = view.bars(symbol, 2)
            if len(window) == 2:
                CLOSE_AFTER.setdefault((symbol, int(window.ts_close_ns[0])), float(window.close[1]))
        return super().wake(view)

    def decide(self, symbol: str, view: View) -> float:
        window = view.bars(symbol, 1)
        after = CLOSE_AFTER.get((symbol, int(window.ts_close_ns[-1])))
        if after is None:
            return sign(last_move(view, symbol))
        return sign(after - window.close[-1])


CASE = Case(
    name="module_global",
    how="Remembers every bar in a module-level dictionary that an earlier run in the process has filled.",
    make=lambda market: ModuleGlobal(first_two(market)),
    audit="lookahead",
    without=follow_last,
    source="process",
    rehearsals=1,
    forget=CLOSE_AFTER.clear,
)
