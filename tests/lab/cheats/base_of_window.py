"""The array behind an array: a slice of a column leads back to the whole column through `.base`.

Windows are copies, so this finds nothing in a run; it stands in `CLOSED`, to find something if they ever become views.
"""

from __future__ import annotations

import numpy as np

from argus.core.ports import View
from tests.lab.cheats.case import Case, Idea, first_two, follow_last, last_move, sign


class BaseOfWindow(Idea):
    """Follows the next move if the window's columns are slices of longer ones, and the last one if not."""

    def decide(self, symbol: str, view: View) -> float:
        window = view.bars(symbol, 2)
        now = int(window.ts_close_ns[-1])
        closes, times = behind(window.close), behind(window.ts_close_ns)
        if closes is not None and times is not None and len(closes) == len(times):
            row = int(np.searchsorted(times, now))
            if row + 1 < len(closes):
                return sign(closes[row + 1] - closes[row])
        return sign(last_move(view, symbol))


def behind(column: np.ndarray) -> np.ndarray | None:
    """The column that this one was cut from."""
    base = column.base
    return base if isinstance(base, np.ndarray) and base.ndim == 1 and len(base) > len(column) else None


CASE = Case(
    name="base_of_window",
    how="Climbs from the columns of a bar window to the arrays that they were cut from, through .base.",
    make=lambda market: BaseOfWindow(first_two(market), warmup=2),
    audit="lookahead",
    without=follow_last,
    source="engine",
)
