"""Price, volume and volatility features against slow oracles that were written from the declarations alone.

Nobody who wrote an oracle has read the kernel: where words and numbers differ, one of the two is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from argus.core.arrays import F64_1D
from argus.core.random import generator
from argus.features import column, compute_set, features
from tests.features.market import NASTY, Market, market
from tests.features.oracles.plain import Oracle, Parameters
from tests.features.oracles.price import PRICE
from tests.features.oracles.volatility import VOLATILITY
from tests.features.oracles.volume import VOLUME
from tests.features.test_clocks import coarse_bars, with_missing_minutes

ORACLES: dict[str, Oracle] = {**PRICE, **VOLUME, **VOLATILITY}
FAMILIES = ("price", "volume", "volatility")
WITHOUT_ORACLE: tuple[str, ...] = ()
"""Features of these families that no oracle checks yet."""

OTHERS: dict[str, tuple[dict[str, int | float], ...]] = {
    "macd": ({"fast": 7, "slow": 3},),
}
"""Parameters tried beside the defaults, the smallest allowed, and the defaults cut to a third."""
