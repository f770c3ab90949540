"""The engine's own tables, found from the view and emptied: fees and slippage are zero from the first decision on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from argus.core.intents import Intent
from argus.core.ports import View
from tests.lab.cheats.case import Case, FollowLast, first_two, follow_last
from tests.lab.cheats.reach import reachable


class ZeroRates(FollowLast):
    """Follows the last move, after it has struck out what that costs."""

    def wake(self, view: View) -> Sequence[Intent]:
        for thing in reachable([view]):
            rates, parameters = getattr(thing, "rates", None), getattr(thing, "par", None)
            if isinstance(rates, np.ndarray) and isinstance(parameters, np.ndarray):
                rates[:, 3:] = 0
                for name in ("adverse_milli", "slip_rate"):
                    parameters[name] = 0
                break
        return super().wake(view)


CASE = Case(
    name="zero_rates",
    how="Reaches the engine's cost tables through the view's private fields and sets fees and slippage to zero.",
    make=lambda market: ZeroRates(first_two(market)),
    audit="costs",
    without=follow_last,
    source="engine",
)
