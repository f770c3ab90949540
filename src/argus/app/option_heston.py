"""Heston calibrated to a snapshot, what it says of a position, and where it is not believed.

A model that misprices what it is asked about shows the difference as a gain or a loss that nobody can have. So it is
refused where it misses the expiry as a whole, and where it misses the position itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from argus.app.option_snapshots import Snapshot
from argus.core.arrays import BOOL_1D, I64_1D
from argus.core.time import NS_PER_DAY

if TYPE_CHECKING:
    from argus.options import Costs, HestonCalibration, HestonLaw, Law, PnlCurve, Position, Reason

__all__ = [
    "Refusal",
    "calibrate_snapshot",
    "fit_notes",
    "marked_by",
    "refused_expiry",
    "refused_paths",
    "refused_position",
    "refused_search",
]

_HESTON_BAND: Final = 3.0
_HESTON_DAYS: Final = (3.0, 730.0)
_HESTON_REACH: Final = 2.0
"""The shortest expiry of the calibration over the one asked for, up to which Heston answers."""
_HESTON_MISS_MAX: Final = 0.15
"""Median miss of the volatilities of an expiry, as a share of them, up to which Heston answers for it."""
_HESTON_GAP_MAX: Final = 0.15
"""How far Heston's price of a position may lie from the middle of its quotes, where that is more than its own spread:
a share of what it can gain or lose, whichever is less."""
_HESTON_CHANCE_MAX: Final = 0.05
"""How far the probability at the expiry of parameters that are not the market's may lie from the smile's."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A model without an answer.

    Attributes
    ----------
    model, measure, reason, why : str
        Label, whose probability it would be, name of the `Reason`, and a sentence with the figures.
    """

    model: str
    measure: str
    reason: str
    why: str


def calibrate_snapshot(snapshot: Snapshot, horizon: float) -> HestonCalibration:
    """Heston's parameters from the out-of-the-money quotes of three days to two years, within three deviations.

    Of options on futures those on the future beneath the expiry in `horizon` years: another one has another law.
    """
    from argus.options import HestonQuotes, calibrate_heston

    chain, rows = snapshot.chain, _calibration_rows(snapshot, horizon)
    return calibrate_heston(
        HestonQuotes(
            chain.strike[rows],
            chain.right[rows],
            snapshot.years[rows],
            snapshot.forward[rows],
            snapshot.discount[rows],
            *snapshot.as_european(rows),
        )
    )


def _calibration_rows(snapshot: Snapshot, horizon: float) -> I64_1D:
    days, beneath = snapshot.years * 365.0, snapshot.future_marks[snapshot.expiry]
    among = _near_the_money(snapshot) & (beneath == beneath[np.argmax(snapshot.years == horizon)])
    return np.flatnonzero(among & (days >= _HESTON_DAYS[0]) & (days <= _HESTON_DAYS[1]))


def _near_the_money(snapshot: Snapshot) -> BOOL_1D:
    """Quotes out of the money, within three deviations."""
    with np.errstate(all="ignore"):
        k = np.log(snapshot.chain.strike / snapshot.forward)
        near: BOOL_1D = np.abs(k) <= _HESTON_BAND * snapshot.vols.mid.vol * np.sqrt(snapshot.years)
    return snapshot.is_out & near


def marked_by(position: Position, law: HestonLaw) -> Position:
    """The position, valued at the volatilities at which Black and Scholes give each leg's Heston price."""
    vol = position.vol.copy()
    for leg in np.flatnonzero(position.right != 0).tolist():
        years = float(position.years[leg])
        k = np.array([np.log(position.strike[leg] / position.spot) - position.carry[leg] * years])
        vol[leg] = law.implied_vols(law.parameters.v0, years, k)[0]
    return position.at_vols(vol)


def refused_expiry(snapshot: Snapshot, heston: HestonCalibration, law: HestonLaw, horizon: float) -> Refusal | None:
    """Why calibrated parameters are no answer for the expiry that a position ends at; None where they are one."""
    from argus.options import Reason

    days = horizon * 365.0
    shortest = float(snapshot.years[_calibration_rows(snapshot, horizon)[heston.reason == 0]].min()) * 365.0
    if shortest > _HESTON_REACH * days:
        return _refused(
            law,
            Reason.EXPIRY_NOT_CALIBRATED,
            f"the shortest expiry that it is calibrated to has {shortest:.1f} days, more than {_HESTON_REACH:g} times "
            f"the {days:.1f} days asked for",
        )
    rows = np.flatnonzero((snapshot.years == horizon) & _near_the_money(snapshot))
    k, vol = np.log(snapshot.chain.strike[rows] / snapshot.forward[rows]), snapshot.vols.mid.vol[rows]
    if not len(rows):
        return None
    miss = float(np.median(np.abs(law.implied_vols(law.parameters.v0, horizon, k) / vol - 1.0)))
    if not miss > _HESTON_MISS_MAX:
        return None
    return _refused(
        law,
        Reason.MODEL_OFF_QUOTES,
        f"it misses half of the volatilities of the {len(rows)} out-of-the-money quotes in {days:.1f} days by more "
        f"than {miss:.0%} of them; up to {_HESTON_MISS_MAX:.0%} it is believed",
    )


def refused_position(law: HestonLaw, fair: Position, curve: PnlCurve) -> Refusal | None:
    """Why it is no answer for a position that it marks, whose gain at the expiry is `curve`; None where it is one."""
    from argus.options import Reason

    value, middle = _prices(fair)
    gap, spread = abs(value - middle), math.fsum(np.abs(fair.quantity) * (fair.ask - fair.bid))
    least = max(0.0, min(curve.profit_max, curve.loss_max))
    if not (gap > spread and gap > _HESTON_GAP_MAX * least):
        return None
    return _refused(
        law,
        Reason.MODEL_OFF_QUOTES,
        f"it prices the position at {value:,.2f} a unit where the middle of its quotes is {middle:,.2f}. That is more "
        f"than the {spread:,.2f} between its bids and asks, and than {_HESTON_GAP_MAX:.0%} of the {least:,.2f} that it "
        "can gain or lose, whichever is less: the mean gain would be the misfit",
    )


def refused_search(
    law: HestonLaw, heston: HestonCalibration, fair: Position, costs: Costs, smile: Law | None
) -> Refusal | None:
    """Why parameters of a search that did not settle, or that ended at a bound, are no answer for a position.

    Such parameters are not what the quotes say. They answer only where they give back what the quotes do say: the
    position's price within its half-spreads, and the smile's probability of profit, where there is one.
    """
    from argus.options import Reason, pop_at_expiry

    if heston.converged and not heston.at_bound:
        return None
    value, middle = _prices(fair)
    half = 0.5 * math.fsum(np.abs(fair.quantity) * (fair.ask - fair.bid))
    told, is_off = f"it prices the position at {value:,.2f} a unit, its quotes at {middle:,.2f} +/- {half:,.2f}", False
    if smile is not None:
        own, quoted = (pop_at_expiry(fair, one, costs=costs).probability for one in (law, smile))
        told += f", and gives a profit {own:.1%} at the expiry where the smile of the quotes gives {quoted:.1%}"
        is_off = abs(own - quoted) > _HESTON_CHANCE_MAX
    if abs(value - middle) <= half and not is_off:
        return None
    return _refused(
        law,
        Reason.MODEL_OFF_QUOTES,
        f"the search for its parameters {_ended(heston)}, with {heston.inside:.0%} of the quotes hit between bid and "
        f"ask; {told}. Within the half-spreads and {100 * _HESTON_CHANCE_MAX:.0f} points it would be believed",
    )


def refused_paths(snapshot: Snapshot, heston: HestonCalibration, law: HestonLaw, horizon: float) -> Refusal | None:
    """Why calibrated parameters are no answer for anything before the expiry; None where they are one.

    At the expiry their law can be held against its quotes. How fast volatility moves on the way there nothing else
    tells than the parameters, so that each must be what the quotes say.
    """
    from argus.options import Reason

    used = _calibration_rows(snapshot, horizon)[heston.reason == 0]
    days = np.unique(snapshot.expiry_ns[snapshot.expiry[used]] // NS_PER_DAY)
    if len(days) == 1:
        why = (
            "it is calibrated to one expiry alone, which does not tell how high volatility is now and how fast it "
            "comes back"
        )
    elif not heston.converged or heston.at_bound:
        why = f"the search for its parameters {_ended(heston)}: they are not what the quotes say"
    else:
        return None
    return _refused(law, Reason.PATHS_NOT_TOLD, f"{why}; paths, held or by the plan, rest on that", " on the way")


def _ended(heston: HestonCalibration) -> str:
    """How a search ended that did not end well."""
    return f"ended at the bound of {', '.join(heston.at_bound)}" if heston.at_bound else "did not settle"


def _prices(fair: Position) -> tuple[float, float]:
    """The model's price, and the middle of the quotes."""
    return float(fair.value(fair.spot).value[0]), 0.5 * math.fsum(fair.quantity * (fair.bid + fair.ask))


def _refused(law: HestonLaw, reason: Reason, why: str, where: str = "") -> Refusal:
    return Refusal(law.label, law.measure.value, reason.name.lower(), f"Heston has no answer{where}: {why}")


def fit_notes(heston: HestonCalibration, fair: Position) -> list[str]:
    """How far Heston is off, from a position that it marks."""
    value, middle = _prices(fair)
    told = [
        f"Heston prices the position at {value:,.2f} a unit where the middle of its quotes is {middle:,.2f}: that much "
        "of its mean gain is the misfit of the model, and no edge"
    ]
    if not heston.converged or heston.at_bound:
        where = f"; at the bound: {', '.join(heston.at_bound)}" if heston.at_bound else ""
        told.append(f"the search for Heston's parameters did not settle{where}: read its answers with care")
    return told
