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

from argus.core.arrays import F64_1D

if TYPE_CHECKING:
    from argus.options import PopRow, Position

__all__ = ["EarlyExercise", "assignment_chances", "assignment_notes", "early_exercise"]


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
        does before the expiry.
    """

    premium: F64_1D
    boundary: F64_1D


def early_exercise(position: Position) -> EarlyExercise:
    """What the right is worth in each leg."""
    from argus.options import american_values

    premium, boundary = np.zeros(len(position.right)), np.full(len(position.right), np.nan)
    legs = np.flatnonzero(position.early)
    if len(legs):
        own = (getattr(position, name)[legs] for name in ("strike", "years", "vol", "rate", "carry", "right"))
        strike, years, vol, rate, carry, right = own
        found = american_values(position.spot, strike, years, vol, rate, rate - carry, right)
        bare = position.without_early().leg_values(position.spot).value[0, legs]
        premium[legs] = np.maximum(found.price - bare, 0.0)
        boundary[legs] = np.where((found.boundary > 0.0) & np.isfinite(found.boundary), found.boundary, np.nan)
    return EarlyExercise(premium, boundary)


def assignment_notes(position: Position, contracts: Sequence[str], early: EarlyExercise, future: str = "") -> list[str]:
    """When each sold option may be assigned before its expiry, in a sentence each; `future` is what it is on."""
    told = []
    for leg in np.flatnonzero(position.early & (position.quantity < 0.0)).tolist():
        is_call = position.right[leg] > 0
        named = f"the sold {'call' if is_call else 'put'} {contracts[leg]}"
        edge, way = float(early.boundary[leg]), "above" if is_call else "below"
        if not math.isfinite(edge):
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
            else f"; it becomes a position in {future}"
            if future
            else ""
        )
        told.append(f"{named} may be assigned before its expiry: {when}{dividend}")
    return told


def assignment_chances(rows: Sequence[PopRow], contracts: Sequence[str]) -> list[str]:
    """How often exercising a sold option early pays its holder, by model and plan, in a sentence for each option."""
    by_leg: dict[int, list[str]] = {}
    for row in rows:
        for how, paths in (("held", row.held), ("by the plan", row.managed)):
            for leg, chance in () if paths is None else paths.assigned:
                said = f"{row.model.replace('_', ' ')}, {how}, {chance.value:.1%} +/- {chance.standard_error:.1%}"
                by_leg.setdefault(leg, []).append(said)
    return [
        f"chance that exercising the sold {contracts[leg]} pays its holder at a close before the position ends: "
        f"{'; '.join(said)}"
        for leg, said in by_leg.items()
    ]
