"""The features, by family: one file each, ending in `DECLARED`, its features, and in `COLUMNS`, what it gives to sets.

A new file is added to one of the tuples below, and is then known to the registry, the sets and the tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Final

__all__ = ["CLOCK", "CROSS_ASSET", "EVERY", "MARKET", "MULTI_TIMEFRAME", "PHYSICS", "modules"]

MARKET: Final = (
    *("price", "oscillators", "channels", "trend", "volume", "volume_price", "volatility"),
    *("structure", "levels", "candles"),
)
"""Families of one market's bars, which make sense on bars of any length."""
CLOCK: Final = ("clock",)
"""The family of time."""
PHYSICS: Final = (
    *("morphology", "entropy", "dynamics", "flow", "change_point", "duration", "spectrum", "correlation"),
)
"""Families of the set physics."""
CROSS_ASSET: Final = ("cross_asset", "cross_asset_groups")
"""Families over a universe."""
MULTI_TIMEFRAME: Final = ("multi_timeframe",)
"""The family over several clocks."""
EVERY: Final = (*MARKET, *CLOCK, *PHYSICS, *CROSS_ASSET, *MULTI_TIMEFRAME)
"""All families, in the order of the inventory."""


def modules(names: Sequence[str]) -> Iterator[Any]:
    """The modules of these families."""
    return (import_module(f"{__name__}.{name}") for name in names)
