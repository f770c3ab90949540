"""One feature over the columns of a test market, in float64, so that oracles can be held to more than seven digits."""

from __future__ import annotations

import numpy as np

from argus.core.arrays import F64_1D
from argus.core.strategy import ParameterValue
from argus.features import feature
from argus.features.runner import Runner
from tests.features.market import Market

_PIECE = 1_500


def values_of(name: str, columns: Market, *, piece: int = _PIECE, **parameters: ParameterValue) -> F64_1D:
    """The feature's values, in pieces of at most so many rows."""
    runner = Runner([feature(name).term(parameters)], piece)
    n = len(columns["close"])
    out = np.empty((1, n))
    for first in range(0, n, piece):
        last = min(first + piece, n)
        runner.feed([columns[one][first:last] for one in runner.inputs], out, first)
    return out[0]
