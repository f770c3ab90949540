"""Finer bars in the place of coarser ones, where both tell the same story: orders then meet what happened inside.

The strategy goes on seeing the coarse bars, at the times at which they became known. Only its orders walk through the
finer ones, so that a bar whose range holds both stop and target is decided by what came first.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from argus.core.arrays import BOOL_1D, F64_1D, I64_1D, Bars
from argus.core.errors import ConfigError

__all__ = ["Refined", "refine"]

_TOLERANCE_TICKS = 1e-6
"""Prices that lie no farther apart are the same, as everywhere in docs/fills.md."""


@dataclass(frozen=True, slots=True, eq=False)
class Refined:
    """Bars that orders meet, and how they came about.

    Attributes
    ----------
    bars : Bars
    refined, kept, contradicted : int
        Coarse bars that finer ones replaced; that have none within them; and that theirs contradict, which are kept.
    """

    bars: Bars
    refined: int
    kept: int
    contradicted: int

    @property
    def note(self) -> str:
        """What a reader must know."""
        text = f"orders met finer bars within {self.refined} of {self.refined + self.kept + self.contradicted} bars"
        if self.contradicted:
            text += f"; in {self.contradicted} the finer bars have other prices, so the coarse bar was used"
        return text


def refine(coarse: Bars, fine: Bars, tick_size: Decimal) -> Refined:
    """Replace each coarse bar by the finer bars within it, if they have the same open, high, low and close.

    A price that is not known agrees with none. When the result's bars became known plays no part in a run.

    Raises
    ------
    ConfigError
        If the two are of different instruments or observe different fields.
    """
    if coarse.instrument != fine.instrument:
        raise ConfigError(f"bars of {coarse.instrument} cannot be refined by bars of {fine.instrument}")
    if coarse.observed - {"open_interest"} != fine.observed - {"open_interest"}:
        raise ConfigError(
            f"{coarse.instrument}: the finer bars observe {', '.join(sorted(fine.observed))}, the coarser ones "
            f"{', '.join(sorted(coarse.observed))}; they must be the same"
        )
    if not len(fine):
        return Refined(coarse, 0, len(coarse), 0)
    first = np.searchsorted(fine.ts_event_ns, coarse.ts_event_ns, side="left").astype(np.int64)
    stop = np.searchsorted(fine.ts_close_ns, coarse.ts_close_ns, side="right").astype(np.int64)
    has_any = stop > first
    agrees = has_any & _agrees(coarse, fine, first, stop, has_any, float(tick_size))
    counts = np.where(agrees, stop - first, 1)
    owner = np.repeat(np.arange(len(coarse)), counts)
    ends = np.cumsum(counts)
    within = np.arange(len(owner)) - (ends - counts)[owner]
    from_fine = agrees[owner]
    row = np.where(from_fine, first[owner] + within, owner)
    columns = {}
    for name in ("ts_event_ns", "ts_close_ns", "ts_recv_ns", "open", "high", "low", "close", "volume", "open_interest"):
        one, other = getattr(coarse, name), getattr(fine, name)
        columns[name] = np.where(from_fine, other[np.minimum(row, len(fine) - 1)], one[owner])
    if "open_interest" not in coarse.observed:
        columns["open_interest"] = np.full(len(owner), np.nan)
    # A coarse bar may be known after finer ones that follow it; bars are known one after the other.
    counted = np.arange(len(owner))
    columns["ts_recv_ns"] = np.maximum.accumulate(columns["ts_recv_ns"] - counted) + counted
    is_last = np.zeros(len(owner), dtype=np.bool_)
    is_last[ends - 1] = True
    bars = Bars(
        instrument=coarse.instrument,
        session=coarse.session[owner],
        session_end=coarse.session_end[owner] & is_last,
        observed=coarse.observed,
        **columns,
    )
    return Refined(bars, int(agrees.sum()), int((~has_any).sum()), int((has_any & ~agrees).sum()))


def _agrees(coarse: Bars, fine: Bars, first: I64_1D, stop: I64_1D, has_any: BOOL_1D, tick: float) -> BOOL_1D:
    """Whether the finer bars within each coarse one have its prices."""
    agrees = np.zeros(len(coarse), dtype=np.bool_)
    at = np.flatnonzero(has_any)
    if not len(at):
        return agrees
    bounds = np.column_stack([first[at], stop[at]]).ravel()
    if bounds[-1] == len(fine):
        bounds = bounds[:-1]
    same = np.ones(len(at), dtype=np.bool_)
    known = coarse.observed
    if "open" in known:
        same &= _same(fine.open[first[at]], coarse.open[at], tick)
    if "high" in known:
        same &= _same(np.fmax.reduceat(fine.high, bounds)[::2], coarse.high[at], tick)
    if "low" in known:
        same &= _same(np.fmin.reduceat(fine.low, bounds)[::2], coarse.low[at], tick)
    same &= _same(fine.close[stop[at] - 1], coarse.close[at], tick)
    agrees[at] = same
    return agrees


def _same(found: F64_1D, wanted: F64_1D, tick: float) -> BOOL_1D:
    same: BOOL_1D = np.abs(found - wanted) / tick <= _TOLERANCE_TICKS
    return same
