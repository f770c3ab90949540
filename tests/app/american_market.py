"""A market of options on a share, of known truth, priced with the right to exercise early."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np

from argus.core.chains import CHAIN_COLUMNS, ChainSnapshots
from argus.data.synthetic_chains import ChainMarketSpec, ChainTruth, chain_snapshots, truth_of
from argus.options import american_values

__all__ = ["SHARE", "american_chain"]

SHARE = ChainMarketSpec(
    underlying="SPY",
    spot=280.0,
    months=4,
    weeks=1,
    sessions=1,
    strikes_per_expiry=40,
    rate=0.05,
    dividend=0.02,
    start=date(2019, 5, 6),
)


def american_chain(spec: ChainMarketSpec = SHARE, half: float = 0.01) -> tuple[ChainSnapshots, ChainTruth]:
    """The market's first snapshot with American prices, `half` of a spread to either side, and its truth."""
    chain = next(chain_snapshots(replace(spec, sessions=1)))
    truth = truth_of(spec, chain)
    price = american_values(
        chain.underlying_price, chain.strike, truth.years, truth.vol, spec.rate, spec.dividend, chain.right
    ).price
    shown = np.isfinite(price) & (price > 0.05)
    quotes = {"bid": np.where(shown, price - half, 0.0), "ask": np.where(shown, price + half, 0.02)}
    columns = {name: quotes.get(name, getattr(chain, name)) for name in CHAIN_COLUMNS}
    return ChainSnapshots(chain.underlying, chain.roots, **columns), truth
