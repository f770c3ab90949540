"""A position of several legs, and what it gains or loses at each spot: at expiry exactly, before it by model.

A position is arrays, one element for each leg: calls (+1), puts (-1) and the underlying itself (0), each with a signed
quantity, its quote, its volatility and the rate and carry of its expiry. All money is per unit of the underlying: a
contract's multiplier enters with commissions only.

What it makes at its nearest expiry is a `PnlCurve` of straight lines between strikes. Everything that is asked of it
(break-evens, largest gain and loss, and with a law of the spot the probability of profit) is read off these lines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from argus.core.arrays import BOOL_1D, F64_1D, I64_1D
from argus.core.errors import ConfigError
from argus.options._valuation import LegValue, american_greeks, black_greeks

__all__ = ["Costs", "Fill", "PnlCurve", "Position", "Profile", "closing_gain", "pnl_curve", "position_of", "profile"]

_WIDTHS: Final = 8.0
"""Standard deviations to either side over which a curve without exact corners is drawn."""
_POINTS: Final = 2_001
_NOTHING: Final = 1e-12
"""Share of the largest amount on a curve below which a gain is rounding."""


class Fill(StrEnum):
    """At which price a position is entered."""

    NATURAL = "natural"
    """Bought at the ask, sold at the bid: the pessimistic, and the default."""
    MID = "mid"
    """Half-way between: what a patient trader may hope for and should not count on."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What trading takes.

    Attributes
    ----------
    commission : float
        Currency per option contract and side; none is due at expiry or for the underlying.
    half_spread : float or None
        What closing a leg costs against its model value, per unit; None takes half of each leg's spread at entry.
    multiplier : float
        Units of the underlying in a contract.
    fill : Fill
        Price of the entry.
    """

    commission: float = 0.65
    half_spread: float | None = None
    multiplier: float = 100.0
    fill: Fill = Fill.NATURAL

    def __post_init__(self) -> None:
        if not (0.0 <= self.commission < math.inf and 0.0 < self.multiplier < math.inf):
            raise ConfigError(
                f"commission is {self.commission}, multiplier {self.multiplier}; they must be finite, the one not "
                "negative, the other positive"
            )
        if self.half_spread is not None and not 0.0 <= self.half_spread < math.inf:
            raise ConfigError(f"half_spread is {self.half_spread}; it must be finite and not negative, or None")


_FORWARD_MIN: Final = 0.0625
"""Least forward variance of a later leg, as a share of its own: a quarter of the volatility."""


@dataclass(frozen=True, slots=True, eq=False)
class Position:
    """Legs held together on one underlying.

    Attributes
    ----------
    name : str
    spot : float
    right : (legs,) int8
        +1 call, -1 put, 0 the underlying.
    quantity : (legs,) float64
        Signed units for one unit of the structure; positive is bought.
    strike, years : (legs,) float64
        Strike, and years to expiry; 0 and infinity for the underlying.
    bid, ask, vol : (legs,) float64
        Quote at entry, and the volatility by which the leg is valued later (0 for the underlying).
    rate, carry : (legs,) float64
        Annual continuous rate behind the discount, and growth of the forward over the spot, of the leg's expiry.
    row : (legs,) int64
        Row of the chain that the leg was taken from; -1 where there is none.
    early : (legs,) bool
        Whether its holder may exercise it before its expiry: the leg is then worth what the American model says.

    Raises
    ------
    ConfigError
        Naming the leg that makes no sense.
    """

    name: str
    spot: float
    right: NDArray[np.int8]
    quantity: F64_1D
    strike: F64_1D
    years: F64_1D
    bid: F64_1D
    ask: F64_1D
    vol: F64_1D
    rate: F64_1D
    carry: F64_1D
    row: I64_1D
    early: BOOL_1D

    def __post_init__(self) -> None:
        if not (0.0 < self.spot < math.inf):
            raise ConfigError(f"{self.name}: spot is {self.spot}; it must be positive and finite")
        count = len(self.right)
        for column in ("quantity", "strike", "years", "bid", "ask", "vol", "rate", "carry", "row", "early"):
            if getattr(self, column).shape != (count,):
                raise ConfigError(f"{self.name}: {column} has shape {getattr(self, column).shape}, expected ({count},)")
        is_option = self.right != 0
        if not is_option.any():
            raise ConfigError(f"{self.name}: no leg is an option")
        for label, bad in (
            ("its right is none of +1, -1, 0", ~np.isin(self.right, (-1, 0, 1))),
            ("its quantity is zero or not finite", ~np.isfinite(self.quantity) | (self.quantity == 0.0)),
            ("its strike is not positive", is_option & ~((self.strike > 0.0) & np.isfinite(self.strike))),
            ("it has expired or its expiry is not known", is_option & ~((self.years > 0.0) & np.isfinite(self.years))),
            ("its volatility is not positive", is_option & ~((self.vol > 0.0) & np.isfinite(self.vol))),
            ("its rate or carry is not finite", ~(np.isfinite(self.rate) & np.isfinite(self.carry))),
            ("its quote is not 0 <= bid <= ask", ~((self.bid >= 0.0) & (self.ask >= self.bid) & np.isfinite(self.ask))),
        ):
            if bad.any():
                raise ConfigError(f"{self.name}: leg {int(np.argmax(bad))}: {label}")

    @property
    def horizon(self) -> float:
        """Years to the nearest expiry."""
        return float(self.years[self.right != 0].min())

    @property
    def has_one_expiry(self) -> bool:
        """Whether all options expire together."""
        return bool((self.years[self.right != 0] == self.horizon).all())

    def without_early(self) -> Position:
        """The same legs, none of which may be exercised early."""
        return replace(self, early=np.zeros(len(self.right), dtype=np.bool_))

    def at_vols(self, vol: F64_1D) -> Position:
        """The same legs, valued at other volatilities, (legs,); that of the underlying is not read."""
        return replace(self, vol=np.where(self.right != 0, vol, 0.0))

    def entry(self, fill: Fill = Fill.NATURAL) -> float:
        """What entering takes, per unit: a debit is positive, a credit negative; no commission."""
        return math.fsum(self.entries(fill))

    def entries(self, fill: Fill = Fill.NATURAL) -> F64_1D:
        """The same of each leg, (legs,)."""
        mid = 0.5 * (self.bid + self.ask)
        price = mid if fill is Fill.MID else np.where(self.quantity > 0.0, self.ask, self.bid)
        return np.asarray(self.quantity * price, dtype=np.float64)

    def dividends(self, elapsed: ArrayLike) -> F64_1D:
        """What the underlying held has paid after `elapsed` years, per unit; owed where it is sold.

        The cash that today's forward takes off the spot, as it accrues: the yield is rate less carry, and its payments
        grow as the forward does. A known amount, as dividends of the near future about are, whatever the spot does.
        """
        when = np.atleast_1d(np.asarray(elapsed, dtype=np.float64))
        paid = np.zeros(len(when))
        for leg in np.flatnonzero(self.right == 0).tolist():
            carry = self.carry[leg]
            grown = when if carry == 0.0 else np.expm1(carry * when) / carry
            paid += self.quantity[leg] * self.spot * (self.rate[leg] - carry) * grown
        return paid

    def commission(self, costs: Costs) -> float:
        """Commission of one side for all options, per unit."""
        return math.fsum(np.abs(self.quantity[self.right != 0])) * costs.commission / costs.multiplier

    def vols_at(self, elapsed: float) -> F64_1D:
        """Volatility of what is left of each leg's life after `elapsed` years, (legs,).

        Until the nearest expiry the underlying moves by the volatility of the options that end there. What a later
        leg's total variance holds beyond that is left for the rest: its forward volatility, at least a quarter of its
        own.
        """
        near = (self.right != 0) & (self.years == self.horizon)
        later = (self.right != 0) & ~near
        if not later.any() or elapsed <= 0.0:
            return self.vol
        used = float(np.mean(self.vol[near] ** 2)) * elapsed
        left = np.where(later, self.years - elapsed, 1.0)
        own = self.vol**2
        rest = (own * np.where(later, self.years, 1.0) - used) / left
        return np.where(later, np.sqrt(np.maximum(rest, own * _FORWARD_MIN)), self.vol)

    def leg_values(self, spot: ArrayLike, elapsed: float = 0.0, vol_factor: float = 1.0) -> LegValue:
        """Model value and greeks of one unit of each leg, (spots, legs); as `value` otherwise."""
        if not 0.0 <= elapsed <= self.horizon:
            raise ConfigError(
                f"{self.name}: elapsed is {elapsed} years; from 0 to the nearest expiry at {self.horizon}"
            )
        left = np.where(self.right != 0, self.years - elapsed, 0.0)
        at = np.atleast_1d(np.asarray(spot, dtype=np.float64))[:, None]
        vols = self.vols_at(elapsed) * vol_factor
        found = black_greeks(self.right, at, self.strike, left, vols, self.rate, self.carry)
        legs = np.flatnonzero(self.early)
        if not len(legs):
            return found
        columns = (self.strike, left, vols, self.rate, self.carry)
        own = american_greeks(self.right[legs], at, *(column[legs] for column in columns))
        for part, early in zip(found, own, strict=True):
            part[:, legs] = early
        return found

    def value(self, spot: ArrayLike, elapsed: float = 0.0, vol_factor: float = 1.0) -> LegValue:
        """Model value and greeks at these spots after `elapsed` years, every volatility times `vol_factor`.

        Raises
        ------
        ConfigError
            Beyond the nearest expiry: what a leg paid there depends on a spot that is past.
        """
        return LegValue(*(_summed(part, self.quantity) for part in self.leg_values(spot, elapsed, vol_factor)))


def _summed(part: NDArray[np.float64], quantity: F64_1D) -> F64_1D:
    """Leg by leg, so that one spot gets the same bits as many."""
    total = np.zeros(len(part))
    for leg, units in enumerate(quantity):
        total += units * part[:, leg]
    return total


def position_of(
    name: str,
    spot: float,
    *,
    right: ArrayLike,
    quantity: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    price: ArrayLike | None = None,
    bid: ArrayLike | None = None,
    ask: ArrayLike | None = None,
    vol: ArrayLike = 0.2,
    rate: ArrayLike = 0.0,
    carry: ArrayLike = 0.0,
    early: ArrayLike = False,
) -> Position:
    """A position from legs stated by hand; scalars stand for every leg.

    Parameters
    ----------
    price : array-like or None
        One price for both sides of the quote; None where `bid` and `ask` are given.
    others
        As in `Position`; strike and years of an underlying are not read.
    """
    if (price is None) == (bid is None or ask is None):
        raise ConfigError("give either price, or bid and ask")
    if price is not None:
        bid = ask = price
    stated = (right, quantity, strike, years, bid, ask, vol, rate, carry, early)
    given = np.broadcast_arrays(*(np.atleast_1d(np.asarray(column, dtype=np.float64)) for column in stated))
    side, units, at, until, low, high, sigma, r, b, may = (np.ascontiguousarray(column) for column in given)
    stock = side == 0.0
    return Position(
        name,
        float(spot),
        side.astype(np.int8),
        units,
        np.where(stock, 0.0, at),
        np.where(stock, np.inf, until),
        low,
        high,
        np.where(stock, 0.0, sigma),
        r,
        b,
        np.full(len(stock), -1, dtype=np.int64),
        ~stock & (may != 0.0),
    )


@dataclass(frozen=True, slots=True, eq=False)
class PnlCurve:
    """Gain or loss per unit against the spot at the nearest expiry: straight lines between corners.

    Attributes
    ----------
    knot : (k,) float64
        Corners, ascending, the first at 0.
    pnl : (k,) float64
        Gain at the corners, costs paid.
    slope_end : float
        Gain per unit of spot above the last corner.
    is_exact : bool
        False where later expiries are valued by model: then the lines join points of a smooth curve, and the largest
        gain and loss are those between the first and the last of them.
    """

    knot: F64_1D
    pnl: F64_1D
    slope_end: float
    is_exact: bool

    @property
    def _nothing(self) -> float:
        return _NOTHING * max(1e-300, float(np.abs(self.pnl).max()), abs(self.slope_end) * float(self.knot[-1]))

    @property
    def profit_max(self) -> float:
        """Largest gain; infinite where it is."""
        return math.inf if self.slope_end > 0.0 else float(self.pnl.max())

    @property
    def loss_max(self) -> float:
        """Largest loss, as a positive amount; infinite where it is, negative where even the worst end gains."""
        return math.inf if self.slope_end < 0.0 else float(-self.pnl.min())

    @property
    def break_evens(self) -> tuple[float, ...]:
        """Spots at which the ranges with a gain begin or end."""
        ends = [end for reach in self.reaches_above(0.0) for end in reach]
        return tuple(sorted({end for end in ends if 0.0 < end < math.inf}))

    def at(self, spot: ArrayLike) -> F64_1D:
        """Gain at these spots."""
        x = np.asarray(spot, dtype=np.float64)
        beyond = self.slope_end * np.maximum(x - self.knot[-1], 0.0)
        return np.asarray(np.interp(x, self.knot, self.pnl) + beyond, dtype=np.float64)

    def reaches_above(self, level: float) -> list[tuple[float, float]]:
        """Ranges of the spot in which the gain exceeds `level`, ascending and apart; the last may end at infinity."""
        gap = self.pnl - level
        gap = np.where(np.abs(gap) <= self._nothing, 0.0, gap)
        above = gap > 0.0
        left = np.flatnonzero(above[1:] != above[:-1])
        share = gap[left] / (gap[left] - gap[left + 1])
        ends = (self.knot[left] + share * (self.knot[left + 1] - self.knot[left])).tolist()
        if above[0]:
            ends.insert(0, 0.0)
        if (above[-1] and self.slope_end < 0.0) or (not above[-1] and self.slope_end > 0.0):
            ends.append(float(self.knot[-1] - gap[-1] / self.slope_end))
        if len(ends) % 2:
            ends.append(math.inf)
        return list(zip(ends[::2], ends[1::2], strict=True))

    def capped(self, level: float) -> PnlCurve:
        """The lesser of the gain and `level`."""
        reaches = self.reaches_above(level)
        # A corner beside another would make a line of rounding errors.
        closest = 1e-9 * float(self.knot[-1])
        ends = [end for reach in reaches for end in reach if math.isfinite(end)]
        ends = [end for end in ends if float(np.abs(self.knot - end).min()) > closest]
        knot = np.union1d(self.knot, ends)
        is_open = bool(reaches) and math.isinf(reaches[-1][1])
        pnl = np.minimum(self.at(knot), level)
        return PnlCurve(knot, pnl, 0.0 if is_open else self.slope_end, self.is_exact)


def pnl_curve(position: Position, costs: Costs | None = None) -> PnlCurve:
    """Gain at the nearest expiry against the spot there, entered at `costs.fill`, commissions and closing costs paid.

    Dividends of an underlying held are part of it.

    Exact where all options expire together. Otherwise those that live on are sold or bought back by the model value
    less the half-spread, drawn over eight standard deviations to either side; the spot beyond counts as the last.
    """
    costs = costs or Costs()
    paid = position.entry(costs.fill) + position.commission(costs) - float(position.dividends(position.horizon)[0])
    is_option = position.right != 0
    strikes = position.strike[is_option]
    if position.has_one_expiry:
        knot = np.unique(np.append(strikes, 0.0))
        pnl = position.value(knot, position.horizon).value - paid
        end = math.fsum(position.quantity[position.right >= 0])
        return PnlCurve(knot, pnl, end, True)
    reach = _WIDTHS * float(position.vol[is_option].max()) * math.sqrt(position.horizon)
    grid = position.spot * np.exp(np.linspace(-reach, reach, _POINTS))
    knot = np.unique(np.concatenate(([0.0], grid, strikes)))
    half = half_spreads(position, costs)
    each = position.leg_values(knot, position.horizon).value
    total = np.full(len(knot), -paid)
    for leg, units in enumerate(position.quantity):
        value = each[:, leg]
        if is_option[leg] and position.years[leg] > position.horizon:
            value = np.maximum(value - half[leg], 0.0) if units > 0.0 else value + half[leg]
            total -= abs(units) * costs.commission / costs.multiplier
        total += units * value
    return PnlCurve(knot, total, 0.0, False)


def closing_gain(position: Position, costs: Costs) -> float:
    """Gain per unit if the position were closed as soon as it is entered: what entering and closing it costs."""
    each, half = position.leg_values(position.spot).value[0], half_spreads(position, costs)
    # Nobody pays for being rid of an option.
    brought = np.where(position.quantity > 0.0, np.maximum(each - half, 0.0), each + half)
    return math.fsum(position.quantity * brought) - position.entry(costs.fill) - 2.0 * position.commission(costs)


def half_spreads(position: Position, costs: Costs) -> F64_1D:
    """What closing each leg costs against its value, per unit."""
    own = 0.5 * (position.ask - position.bid)
    if costs.half_spread is None:
        return own
    return np.where(position.right != 0, costs.half_spread, own)


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """A position over spots and times.

    Attributes
    ----------
    spot : (s,) float64
    elapsed : (t,) float64
        Years from entry.
    value, pnl, delta, gamma, vega, theta, rho : (t, s) float64
        Model value per unit; the same less what entering took, with the dividends of an underlying held; greeks as in
        `argus.options._valuation.LegValue`: vega per 1.00 of volatility, theta per year, rho per 1.00 of rate.
    """

    spot: F64_1D
    elapsed: F64_1D
    value: NDArray[np.float64]
    pnl: NDArray[np.float64]
    delta: NDArray[np.float64]
    gamma: NDArray[np.float64]
    vega: NDArray[np.float64]
    theta: NDArray[np.float64]
    rho: NDArray[np.float64]


def profile(
    position: Position,
    spot: ArrayLike,
    elapsed: ArrayLike = 0.0,
    *,
    vol_factor: float = 1.0,
    fill: Fill = Fill.NATURAL,
) -> Profile:
    """Value, gain and greeks over a grid of spots and times; every volatility times `vol_factor`, none otherwise moved.

    Raises
    ------
    ConfigError
        Beyond the nearest expiry.
    """
    at = np.atleast_1d(np.asarray(spot, dtype=np.float64))
    when = np.atleast_1d(np.asarray(elapsed, dtype=np.float64))
    rows = [position.value(at, float(moment), vol_factor) for moment in when]
    value, delta, gamma, vega, theta, rho = (np.stack([row[column] for row in rows]) for column in range(6))
    pnl = value - position.entry(fill) + position.dividends(when)[:, None]
    return Profile(at, when, value, pnl, delta, gamma, vega, theta, rho)
