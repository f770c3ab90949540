"""The price of the underlying at the moment of the quotes, where options may be exercised early.

What exercising pays depends on that price, so that one of another moment makes rates and yields false by far more than
their errors. What the quotes say the right is worth tells whether it is theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from argus.core.arrays import BOOL_1D

if TYPE_CHECKING:
    from argus.options import ForwardFit

__all__ = ["agreed_spot", "near_forward"]

_SPOT_DAYS_MIN: Final = 2.0
_SPOT_DAYS_MAX: Final = 10.0
"""Days to an expiry up to which its forward may stand for the underlying where early exercise is weighed."""
_CARRY_MAX: Final = 0.05
"""Rate less yield that a forward which stands for the underlying may hold, a year."""
_SPOT_NEAR: Final = 0.003
"""Share of itself by which the underlying may miss the nearest forward before the forwards' own spot is begun with."""
_SPOT_APART: Final = 0.0005
_ERRORS: Final = 3.0
"""The underlying is believed within these errors, and within that share, of what the quotes say it is."""
_SPOT_TURNS: Final = 6
_SPOT_STEP: Final = 0.02
_SPOT_REST: Final = 0.0001
"""Share of itself by which a spot that is looked for may still move after all turns."""


def near_forward(forwards: ForwardFit) -> tuple[float, float]:
    """The nearest forward of two days or more, and its days; NaN without one."""
    known = np.flatnonzero(np.isfinite(forwards.forward) & (forwards.years * 365.0 >= _SPOT_DAYS_MIN))
    if not len(known):
        return float("nan"), float("nan")
    return float(forwards.forward[known[0]]), float(forwards.years[known[0]]) * 365.0


def agreed_spot(quotes: tuple[Any, ...], early: BOOL_1D, given: float) -> tuple[float, float, tuple[str, ...]]:
    """The underlying at the moment of the quotes, its standard error as a share, and what to say of it.

    A spot of another moment makes rates and yields of options that may be exercised early false by far more than their
    errors: what their quotes say the right is worth tells whether it is theirs.
    """
    from argus.options import implied_forwards

    plain = implied_forwards(*quotes)
    near, days = near_forward(plain)
    start, error = given, 0.0
    notes: tuple[str, ...] = ()
    if not given > 0.0:
        start, error = near if days <= _SPOT_DAYS_MAX else float("nan"), _CARRY_MAX * days / 365.0
        notes = (_stand_in(start, days),)
    elif abs(np.log(near / given)) > _SPOT_NEAR + _CARRY_MAX * days / 365.0:
        start = _spot_of_lines(plain)
    spot, spread, is_found = _told_spot(quotes, early, start)
    if not given > 0.0:
        if is_found and spread < error:
            notes = (f"{notes[0]}, moved to {spot:,.2f} by what the right to exercise early is quoted at",)
            return spot, spread, notes
        return start, error, notes
    if not is_found or not np.isfinite(spread):
        again = _told_spot(quotes, early, _spot_of_lines(plain))
        if np.isfinite(again[1]):
            spot, spread, is_found = again
    apart = float(np.log(spot / given))
    if not is_found:
        miss = abs(apart) + spread
        said = (
            f"the price of the underlying that came with the chain, {given:,.2f}, may not be of the moment of these "
            "quotes: the right to exercise early in them says another, and no one price for all expiries. It is used, "
            f"with an error of {given * miss:,.2f} that counts in those of forwards and rates"
        )
        return given, miss, (said,)
    if not np.isfinite(spread) or not abs(apart) > max(_ERRORS * spread, _SPOT_APART):
        return given, 0.0, notes
    said = (
        f"the price of the underlying that came with the chain, {given:,.2f}, is not of the moment of these quotes: "
        f"the right to exercise early in them says {spot:,.3f} +/- {spot * spread:.3f}, which is used"
    )
    return spot, spread, (said,)


def _stand_in(spot: float, days: float) -> str:
    why = "these options may be exercised early, and the chain has no price of the underlying: "
    if np.isfinite(spot):
        return why + f"the forward of {days:.1f} days stands for it"
    return why + (
        f"without it, or an expiry of {_SPOT_DAYS_MIN:g} to {_SPOT_DAYS_MAX:g} days whose forward could stand for "
        "it, they have no forward and no volatility"
    )


def _spot_of_lines(plain: ForwardFit) -> float:
    """Where the line through the two nearest forwards stands today; NaN without any."""
    known = np.flatnonzero(np.isfinite(plain.forward) & (plain.years * 365.0 >= _SPOT_DAYS_MIN))
    if not len(known):
        return float("nan")
    years, first = np.unique(plain.years[known], return_index=True)
    heights = np.log(plain.forward[known][first])
    slope = (heights[1] - heights[0]) / (years[1] - years[0]) if len(years) > 1 else 0.0
    return float(np.exp(heights[0] - slope * years[0]))


def _told_spot(quotes: tuple[Any, ...], early: BOOL_1D, spot: float) -> tuple[float, float, bool]:
    """The spot that all expiries together tell, its standard error as a share, and whether it came to rest.

    The error is infinite where they tell none, and counts the last move.
    """
    from argus.options import implied_forwards

    spread, left = float("inf"), 0.0
    for _ in range(_SPOT_TURNS):
        found = implied_forwards(*quotes, spot=spot, early=early)
        weight = np.where(np.isfinite(found.spot_move), found.spot_move_error, np.inf) ** -2.0
        if not weight.sum() > 0.0:
            break
        move = float(weight @ np.nan_to_num(found.spot_move) / weight.sum())
        apart = np.nan_to_num((found.spot_move - move) ** 2 * weight)
        # Expiries that contradict each other know less than each of them says.
        spread = float(np.sqrt(max(1.0, apart.sum() / max((weight > 0.0).sum() - 1, 1)) / weight.sum()))
        left = abs(move)
        spot *= float(np.exp(np.clip(move, -_SPOT_STEP, _SPOT_STEP)))
        if left <= 0.3 * spread:
            break
    return spot, float(np.hypot(spread, left)), left <= max(0.3 * spread, _SPOT_REST)
