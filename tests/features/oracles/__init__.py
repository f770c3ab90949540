"""Plain references of declared features, written from the text of their declarations by somebody who had not read code.

An oracle takes the columns of a market and the values of a feature's parameters and gives the feature on every row. It
is slow and obvious: it walks over rows, bars or sessions and looks only back. `ORACLES` holds them by name, `CLOSENESS`
the tolerances that are not those of float32, each with its reason.
"""

from __future__ import annotations

from typing import Final

from tests.features.oracles import calendar, candles, levels, multi_timeframe, structure
from tests.features.oracles.plain import Closeness, Oracle

__all__ = ["CLOSENESS", "LOST", "ORACLES"]

_FAMILIES: Final = (structure, candles, levels, calendar, multi_timeframe)

ORACLES: Final[dict[str, Oracle]] = {name: one for family in _FAMILIES for name, one in family.ORACLES.items()}
CLOSENESS: Final[dict[str, Closeness]] = {
    **structure.CLOSENESS,
    **calendar.CLOSENESS,
    **multi_timeframe.CLOSENESS,
}
LOST: Final = dict.fromkeys(("trend_alignment", "trend_cascade"), multi_timeframe.lost_in_rounding)
"""Features that take a sign of what rounding may have left, and the rows on which that is so."""
