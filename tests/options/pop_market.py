"""A made market for the tests of positions: a chain with a smile, priced by its own volatilities."""

from __future__ import annotations

import numpy as np

from argus.options import ChainSlice
from argus.options._valuation import black_greeks


def made_chain(
    *, spot: float = 100.0, rate: float = 0.03, carry: float = 0.02, vol: float = 0.2, skew: float = -0.1,
    half: float = 0.02, step: float = 1.0, days: tuple[float, ...] = (16.0, 30.0, 58.0, 86.0),
) -> ChainSlice:  # fmt: skip
    """Every strike from half to one and a half times the spot, calls and puts."""
    strike, years, right = (
        grid.ravel()
        for grid in np.meshgrid(
            np.arange(0.5 * spot, 1.5 * spot + step / 2, step), np.array(days) / 365.0, np.array([1.0, -1.0])
        )
    )
    own = vol + skew * np.log(strike / spot)
    mid = black_greeks(right, spot, strike, years, own, rate, carry).value
    return ChainSlice(
        spot,
        right.astype(np.int8),
        strike,
        years,
        np.maximum(mid - half, 0.0),
        mid + half,
        own,
        spot * np.exp(carry * years),
        np.exp(-rate * years),
    )
