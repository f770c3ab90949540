"""Which quotes of a snapshot a leg may be taken from, and the volatility that each is valued at.

A quote is not always a price. An ask above everything that the option can ever pay is none, and a middle between a bid
of five cents and an ask of five dollars says next to nothing: by the volatility of that middle a far put would seem
to be a near one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from argus.app.option_surface import fit_snapshot
from argus.core.arrays import BOOL_1D, F64_1D, I64_1D
from argus.core.errors import CoverageError

if TYPE_CHECKING:
    from argus.app.option_snapshots import Snapshot

__all__ = ["TradableVols", "quote_notes", "tradable_vols"]

_OPEN_MAX: Final = 0.25
"""Half of what lies between the volatilities of bid and ask, as a share of the middle's, up to which that one counts;
and how far a volatility may lie from the surface before it is told."""


class TradableVols(NamedTuple):
    """Volatilities of the rows of a snapshot.

    Attributes
    ----------
    vol : (n,) float64
        By which a row is chosen and valued; NaN where its quote is no price, and where nothing says it.
    own, smile : (n,) float64
        Of the row's middle, and of the surface there; NaN where there is none.
    is_open : (n,) bool
        Where bid and ask leave the volatility open, and the surface says it.
    """

    vol: F64_1D
    own: F64_1D
    smile: F64_1D
    is_open: BOOL_1D


def tradable_vols(snapshot: Snapshot) -> TradableVols:
    """The volatility of each row's own middle; where that is missing or left open, the surface's.

    Where it is left open, it is the one between those of bid and ask that is nearest to the surface.
    """
    chain, vols = snapshot.chain, snapshot.vols
    own = vols.mid.vol
    smile = np.full(len(chain), np.nan)
    try:
        surface = fit_snapshot(snapshot).surface
    except CoverageError:
        pass
    else:
        with np.errstate(invalid="ignore"):
            k = np.log(chain.strike / snapshot.forward)
        smile = surface.vol(k, snapshot.years).value
    low, high = np.nan_to_num(vols.bid.vol, nan=0.0), np.nan_to_num(vols.ask.vol, nan=np.inf)
    is_open = (0.5 * (high - low) > _OPEN_MAX * own) & np.isfinite(smile)
    vol = np.where(np.isnan(own), smile, np.where(is_open, np.clip(smile, low, high), own))
    return TradableVols(np.where(snapshot.no_price, np.nan, vol), own, smile, is_open)


def quote_notes(snapshot: Snapshot, found: TradableVols, rows: I64_1D, names: Sequence[str]) -> list[str]:
    """What is wrong with the quotes of some rows.

    Parameters
    ----------
    rows : (legs,) int64
        Below zero for the underlying.
    names : sequence of str
        Of the legs, as people read them.
    """
    told = []
    chain, vols = snapshot.chain, snapshot.vols
    for row, name in zip(rows.tolist(), names, strict=True):
        if row < 0:
            continue
        own, smile, quote = found.own[row], found.smile[row], f"{chain.bid[row]:g} bid, {chain.ask[row]:g} asked"
        if found.is_open[row]:
            low, high = (f"{vol:.1%}" if np.isfinite(vol) else "none" for vol in (vols.bid.vol[row], vols.ask.vol[row]))
            told.append(
                f"the quote of the {name} ({quote}) leaves its volatility open, from {low} to {high}: it is chosen and "
                f"valued at {found.vol[row]:.1%}, nearest to the {smile:.1%} of the surface; the middle is no price "
                "to count on"
            )
        elif abs(own / smile - 1.0) > _OPEN_MAX:
            told.append(
                f"the quote of the {name} ({quote}) has a volatility of {own:.1%} where the surface through all quotes "
                f"has {smile:.1%}: a false or stale quote makes a false delta, and a mean gain that is no edge"
            )
    return told
