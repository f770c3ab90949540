"""What the right to exercise early is worth in a position, and when its sold options may be assigned.

The figures are those of a model with a steady dividend yield, of options on futures without one: it tells the spot
from which on exercising pays the holder of a sold option, and on paths how often that is reached. It knows no date of a
dividend, the evening before which sold calls are assigned; the sentences say so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from argus.core.arrays import BOOL_1D, F64_1D

if TYPE_CHECKING:
    from argus.options import Position

__all__ = ["EarlyExercise", "assignment_notes", "early_exercise"]


@dataclass(frozen=True, slots=True, eq=False)
class EarlyExercise:
    """Of each leg of a position.

    Attributes
    ----------
    premium : (legs,) float64
        What the right to exercise early is worth now, per unit: American less European price at one volatility; 0 where
        there is none.
    boundary : (legs,) float64
        Spot at and beyond which exercising pays today, below it for puts and above it for calls; NaN where it never
        does before the expiry, or between two boundaries only.
    is_double : (legs,) bool
        Where it pays between two boundaries.
    """

    premium: F64_1D
    boundary: F64_1D
    is_double: BOOL_1D


def early_exercise(position: Position) -> EarlyExercise:
    """What the right is worth in each leg."""
    from argus.options import american_values

    premium, boundary = np.zeros(len(position.right)), np.full(len(position.right), np.nan)
    is_double = np.zeros(len(position.right), dtype=np.bool_)
    legs = np.flatnonzero(position.early)
    if len(legs):
        own = (getattr(position, name)[legs] for name in ("strike", "years", "vol", "rate", "carry", "right"))
        strike, years, vol, rate, carry, right = own
        found = american_values(position.spot, strike, years, vol, rate, rate - carry, right)
        bare = position.without_early().leg_values(position.spot).value[0, legs]
        premium[legs] = np.maximum(found.price - bare, 0.0)
        is_double[legs] = np.isnan(found.boundary)
        boundary[legs] = np.where((found.boundary > 0.0) & np.isfinite(found.boundary), found.boundary, np.nan)
    return EarlyExercise(premium, boundary, is_double)


def assignment_notes(position: Position, contracts: Sequence[str], early: EarlyExercise, future: str = "") -> list[str]:
    """When each sold option may be assigned before its expiry, in a sentence each; `future` is what it is on."""
    told = []
    for leg in np.flatnonzero(position.early & (position.quantity < 0.0)).tolist():
        is_call = position.right[leg] > 0
        named = f"the sold {'call' if is_call else 'put'} {contracts[leg]}"
        edge, way = float(early.boundary[leg]), "above" if is_call else "below"
        if early.is_double[leg]:
            when = (
                "by negative rate and yield exercising it pays its holder between two prices of the underlying, which "
                "are not known here, and neither is its chance"
            )
        elif not math.isfinite(edge):
            when = f"{'' if future else 'by a steady dividend yield '}exercising it early never pays its holder"
        elif (position.spot - edge) * position.right[leg] >= 0.0:
            when = f"exercising it pays its holder now (at {edge:,.2f} and {way}): expect to be assigned"
        else:
            when = (
                f"from {edge:,.2f} on and {way} exercising it today pays its holder ({edge / position.spot - 1.0:+.1%})"
            )
        dividend = (
            "; the evening before a dividend larger than the time value that is left it is exercised as well, and no "
            "date of a dividend is known here"
            if is_call and not future
            else f"; exercised, it becomes a position in {future}"
            if future
            else ""
        )
        # The evening before a dividend every sold call may be.
        never = not (early.is_double[leg] or math.isfinite(edge)) and (future or not is_call)
        chance = "is not expected to be" if never else "may be"
        told.append(f"{named} {chance} assigned before its expiry: {when}{dividend}")
    return told
