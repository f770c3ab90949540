"""Put-call parity of American options: the forward that is left when the right to exercise early is taken out.

An American call less an American put is no straight line in the strike: whichever is in the money holds the right to
exercise as well, worth more the deeper it is. The line of European options then tells a forward and a rate that are
off. So each strike is asked another question. Its out-of-the-money option, whose right is worth little, gives the
volatility of the strike; at that volatility the American model gives the in-the-money option; by what its quote
differs is the strike's residual. It depends on the forward and on the rate, and both are chosen so that the residuals
are small, by Huber's weights as for European options. The European line is the first guess only.

An option that is exercised at once says nothing of forward or rate, and moves neither: its price is the payoff whatever
they are. The standard errors know it, since they come from how much the residuals move with forward and rate.

What exercising pays depends on the underlying as well. Of options on a future that is the forward itself, whatever it
is; of others it is the spot, which must be known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D
from argus.options._robust import coefficient_covariance, huber_weights
from argus.options.american import american_implied_vol, american_values
from argus.options.black import black76_greeks
from argus.options.implied import implied_vol

__all__ = ["AmericanPairs", "early_parity"]

_PAIRS_MAX: Final = 41
"""Strikes that the search looks at; they are spread evenly over those that there are."""
_STEPS: Final = 30
_SETTLED: Final = 1e-7
"""Of the forward as a share, and of the rate: a hundredth of a tick on any price."""
_NUDGE: Final = 1e-4
_SECANTS: Final = 8
_VOL_SETTLED: Final = 1e-9
"""Share of the strike within which a volatility gives its price."""
_STEP_MAX: Final = np.array([0.02, 0.03])
_RATES: Final = (-0.2, 0.5)
_TOLD: Final = 1e-3
"""Price that counts as one, over the spot as a share: with less the quotes do not tell the spot."""


@dataclass(frozen=True, slots=True, eq=False)
class AmericanPairs:
    """Calls and puts of one expiry by strike.

    Attributes
    ----------
    strike, call, put : (n,) float64
        Strike, ascending, and the middle of both quotes.
    scale : (n,) float64
        Price that counts as one.
    least : (n,) float64
        Deviation of call less put that the quotes' spreads allow.
    spot, years : float
        The spot is NaN of options on a future: its price is the forward.
    spot_error : float
        Standard error of the spot, as a share of it.
    """

    strike: F64_1D
    call: F64_1D
    put: F64_1D
    scale: F64_1D
    least: F64_1D
    spot: float
    years: float
    spot_error: float = 0.0

    @property
    def is_on_future(self) -> bool:
        """Whether the forward is the price of what an exercise gives."""
        return not np.isfinite(self.spot)

    def thinned(self) -> AmericanPairs:
        """At most `_PAIRS_MAX` of the strikes."""
        count = len(self.strike)
        rows = np.unique(np.rint(np.linspace(0, count - 1, min(count, _PAIRS_MAX))).astype(np.intp))
        columns = (self.strike, self.call, self.put, self.scale, self.least)
        strike, call, put, scale, least = (column[rows] for column in columns)
        return AmericanPairs(strike, call, put, scale, least, self.spot, self.years, self.spot_error)

    def residuals(self, centre: float, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Call less put less what the model says, (places, n), at rows of ``ln(forward / centre)`` and rate.

        Below `centre` the put gives the volatility, from it on the call. NaN where it has none.
        """
        count, rows = len(self.strike), len(places)
        shift, rate = (np.repeat(column, count) for column in places.T)
        strike = np.tile(self.strike, rows)
        right = np.where(strike >= centre, 1, -1)
        own = np.where(right > 0, np.tile(self.call, rows), np.tile(self.put, rows))
        other = np.where(right > 0, np.tile(self.put, rows), np.tile(self.call, rows))
        spot = centre * np.exp(shift) if self.is_on_future else np.full(len(shift), self.spot)
        dividend = self.dividend(centre, shift, rate)
        vol = self._vols(own, spot, strike, rate, dividend, right)
        model = american_values(spot, strike, self.years, vol, rate, dividend, -right).price
        found: NDArray[np.float64] = (-right * (other - model)).reshape(rows, count)
        return found

    def dividend(self, centre: float, shift: Any, rate: Any) -> Any:
        """The yield at ``ln(forward / centre)`` and rate, one or many: of a future that is the rate."""
        return rate if self.is_on_future else rate - (shift + np.log(centre / self.spot)) / self.years

    def by_spot(self, centre: float, place: NDArray[np.float64]) -> F64_1D:
        """What a spot larger by all of itself would add to the residuals, to first order; 0 where unknown."""
        sides = (self, replace(self, spot=self.spot * (1.0 + _NUDGE)))
        here, there = (one.residuals(centre, place[None, :]) for one in sides)
        found: F64_1D = np.nan_to_num((there - here)[0] / _NUDGE)
        return found

    def _vols(
        self,
        price: F64_1D,
        spot: F64_1D,
        strike: F64_1D,
        rate: F64_1D,
        dividend: F64_1D,
        right: NDArray[np.int64],
    ) -> F64_1D:
        """Volatilities of American prices, by secants from that of a European one, which is near; else by search."""
        forward = spot * np.exp((rate - dividend) * self.years)
        discount = np.exp(-rate * self.years)
        vol = implied_vol(price, forward, discount, strike, self.years, right).vol
        slope = black76_greeks(forward, discount, strike, self.years, vol, right).vega
        before = np.zeros((2, len(vol)))
        with np.errstate(all="ignore"):
            for turn in range(_SECANTS):
                gap = price - american_values(spot, strike, self.years, vol, rate, dividend, right).price
                settled = np.abs(gap) <= _VOL_SETTLED * strike
                if turn:
                    own = (before[1] - gap) / (vol - before[0])
                    slope = np.where(own > 0.0, own, slope)
                if (settled | ~np.isfinite(vol)).all():
                    break
                before = np.stack((vol, gap))
                vol = np.where(settled, vol, np.maximum(vol + gap / slope, 0.1 * vol))
        rest = np.flatnonzero(~settled)
        given = (spot[rest], strike[rest], self.years, rate[rest], dividend[rest], right[rest])
        vol[rest] = american_implied_vol(price[rest], *given).vol
        return vol


def early_parity(
    pairs: AmericanPairs, forward: float, discount: float, *, known: tuple[float, float]
) -> tuple[float, float, float, float, F64_1D, float, float] | None:
    """Forward, discount, their standard errors, residuals of all pairs, and what the quotes say of the spot.

    The last two are the share of itself by which the spot would have to move to be that of the quotes, and its standard
    error; NaN of options on a future. None where the search does not settle.

    Parameters
    ----------
    pairs : AmericanPairs
    forward, discount : float
        Where to begin: those of European parity.
    known : tuple of float
        Forward, which is then `forward`, and discount, where the quotes are not asked for them; NaN where they are.
    """
    searched = pairs.thinned()
    is_given = bool(np.isfinite(known[1]))
    free = np.flatnonzero(np.isnan(known))
    # What early exercise is worth can bend the line so far that it says nothing.
    if np.isnan(known[0]) and not pairs.strike[0] <= forward <= pairs.strike[-1]:
        forward = float(np.median(pairs.strike)) if pairs.is_on_future else pairs.spot
    rate = -np.log(known[1] if is_given else max(discount, 1e-300)) / pairs.years
    place = np.array([0.0, rate if is_given else min(max(rate, 0.0), _RATES[1])])
    if not len(free):
        every = pairs.residuals(forward, place[None, :])[0]
        return forward, known[1], 0.0, 0.0, every, float("nan"), float("nan")
    for _ in range(_STEPS):
        # Rate and yield are both negative or not, and stay so: the slopes are those of one scheme.
        both = max(place[1], pairs.dividend(forward, place[0], place[1])) < 0.0
        sizes = _NUDGE * np.array([1.0, -1.0] if both else [-1.0, 1.0])[free]
        nudges = np.vstack([np.zeros(2), sizes[:, None] * np.eye(2)[free]])
        moved = searched.residuals(forward, place + nudges)
        base, slopes = moved[0], (moved[1:] - moved[0]) / sizes[:, None]
        told = np.isfinite(base) & np.isfinite(slopes).all(axis=0)
        if told.sum() <= len(free):
            return None
        left = base[told] / searched.scale[told]
        columns = (slopes[:, told] / searched.scale[told]).T
        weight = huber_weights(left)
        root = np.sqrt(weight)
        change = np.linalg.lstsq(-columns * root[:, None], left * root, rcond=None)[0]
        change = np.clip(change, -_STEP_MAX[free], _STEP_MAX[free])
        before = place.copy()
        place[free] += change
        place[1] = np.clip(place[1], *_RATES) if not is_given else place[1]
        if np.max(np.abs(place - before)) <= _SETTLED:
            break
    else:
        return None
    least = searched.least[told] / searched.scale[told]
    errors = np.sqrt(np.diag(coefficient_covariance(columns, left, least)))
    move = float("nan"), float("nan")
    if not pairs.is_on_future:
        by_spot = searched.by_spot(forward, place)[told] / searched.scale[told]
        # What an error of the spot moves, and the same fit with the spot asked for too.
        pulled = np.linalg.lstsq(columns * root[:, None], by_spot * root, rcond=None)[0] * pairs.spot_error
        errors = np.hypot(errors, pulled)
        move = _spot_told(np.column_stack((columns, by_spot)), left, weight, least)
    found = forward * float(np.exp(place[0]))
    factor = known[1] if is_given else float(np.exp(-place[1] * pairs.years))
    shift_error, rate_error = (float(errors[free == at].sum()) for at in (0, 1))
    every = pairs.residuals(forward, place[None, :])[0]
    return found, factor, found * shift_error, factor * pairs.years * rate_error, every, *move


def _spot_told(columns: NDArray[np.float64], left: F64_1D, weight: F64_1D, least: F64_1D) -> tuple[float, float]:
    """The last coefficient of a fit and its standard error; infinite where the quotes do not tell it."""
    count, width = columns.shape
    if count <= width or not np.abs(columns[:, -1]).max() > _TOLD:
        return 0.0, float("inf")
    root = np.sqrt(weight)
    move = np.linalg.lstsq(-columns * root[:, None], left * root, rcond=None)[0]
    return float(move[-1]), float(np.sqrt(coefficient_covariance(columns, left, least)[-1, -1]))
