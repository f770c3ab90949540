"""What a chain itself says about forward and discount: put-call parity, fitted through the strikes of an expiry.

A call less a put of the same strike pays forward less strike whatever happens, so today ``C - P = D (F - K)``: a
straight line in the strike, whose slope is the discount and whose zero is the forward. Quotes are noisy and some are
stale, so the line is fitted by Huber's weights, tight quotes counting more than wide ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from argus.core.arrays import F64_1D, I64_1D
from argus.core.errors import ConfigError, DataError
from argus.options._robust import coefficient_covariance, huber_weights
from argus.options.american_parity import AmericanPairs, early_parity
from argus.options.columns import U8_1D, option_columns
from argus.options.reasons import Reason

__all__ = ["ForwardFit", "ParityRules", "RateCurve", "implied_forwards"]

_FITS = 50
_SETTLED = 1e-12
_NUMBERS = ("years", "forward", "discount", "forward_error", "discount_error", "rate", "dividend_yield")
_OF_SPOT = ("spot_move", "spot_move_error")


@dataclass(frozen=True, slots=True)
class RateCurve:
    """Continuous zero rates by years to maturity, with rate times years straight between the points.

    Before the first and after the last point the zero rate is that of the point.

    Attributes
    ----------
    years : (n,) float64
        Positive, increasing.
    zero : (n,) float64
        Continuous annual rates, as fractions.

    Raises
    ------
    ConfigError
        On an empty, unsorted or non-finite curve.
    """

    years: F64_1D
    zero: F64_1D

    def __post_init__(self) -> None:
        years, zero = (np.atleast_1d(np.asarray(column, dtype=np.float64)) for column in (self.years, self.zero))
        if years.ndim != 1 or years.shape != zero.shape or not len(years):
            raise ConfigError(f"a rate curve needs as many years as rates; shapes are {years.shape} and {zero.shape}")
        if not (np.isfinite(years).all() and np.isfinite(zero).all()):
            raise ConfigError("a rate curve holds a number that is not finite")
        if years[0] <= 0.0 or (np.diff(years) <= 0.0).any():
            raise ConfigError(f"years of a rate curve are {years}; they must be positive and increase")
        object.__setattr__(self, "years", years)
        object.__setattr__(self, "zero", zero)

    @classmethod
    def flat(cls, rate: float) -> RateCurve:
        """One rate for all maturities."""
        return cls(np.ones(1), np.array([rate]))

    def rate(self, years: ArrayLike) -> F64_1D:
        """Zero rate to each maturity; NaN where the years are not positive."""
        at = np.atleast_1d(np.asarray(years, dtype=np.float64))
        with np.errstate(divide="ignore", invalid="ignore"):
            inner = np.interp(at, self.years, self.years * self.zero) / at
        rates = np.where(at <= self.years[0], self.zero[0], np.where(at >= self.years[-1], self.zero[-1], inner))
        return np.where(at > 0.0, rates, np.nan)

    def discount(self, years: ArrayLike) -> F64_1D:
        """Discount factor to each maturity; NaN where the years are not positive."""
        at = np.atleast_1d(np.asarray(years, dtype=np.float64))
        return np.asarray(np.exp(-self.rate(at) * at), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class ParityRules:
    """Which pairs are used, and what is believed.

    Attributes
    ----------
    band : float
        Strikes further from the forward than this share of it are left out: the options in the money are stale there.
    pairs_min : int
        Strikes with both rights quoted that a line needs; where a curve gives the discount, one less is enough.
    rate_max : float
        A rate beyond it, of either sign, is absurd.
    yield_max : float
        So is a dividend yield of American options beyond this: the spot is not that of the quotes.
    error_max : float
        Standard error of the forward, as a share of it, beyond which it says nothing.
    """

    band: float = 0.2
    pairs_min: int = 3
    rate_max: float = 0.5
    yield_max: float = 1.0
    error_max: float = 0.02

    def __post_init__(self) -> None:
        if not self.band > 0.0 or not self.pairs_min >= 3 or not self.rate_max > 0.0 or not self.error_max > 0.0:
            raise ConfigError(f"{self} is out of range: all positive, and at least 3 pairs")


@dataclass(frozen=True, slots=True)
class ForwardFit:
    """Forward and discount of m expiries, from n quotes; NaN where there is a reason.

    Attributes
    ----------
    expiry : (m,) int64
        The given marks of expiries, in increasing order.
    years, forward, discount : (m,) float64
    forward_error, discount_error : (m,) float64
        Standard errors, from the spread of the residuals and, where they are few, from what bid and ask leave open;
        0 for a discount that a curve gave.
    rate : (m,) float64
        Continuous annual rate of the discount.
    dividend_yield : (m,) float64
        Rate less the growth from spot to forward: dividends and cost of borrowing together. NaN without a spot.
    spot_move, spot_move_error : (m,) float64
        Of American options: the share of itself by which the spot would have to move for the right to exercise early to
        be worth what it is quoted at, and its standard error. NaN of European ones.
    pairs : (m,) int64
        Strikes used.
    residual : (n,) float64
        For each quote in a used pair, call less put less what the line says, in price units; NaN elsewhere.
    residual_spreads : (n,) float64
        The same over half the sum of both spreads: beyond 1 the line lies outside what the quotes allow.
    reason : (m,) uint8
        `argus.options.reasons.Reason`; 0 where there is an answer.
    """

    expiry: I64_1D
    years: F64_1D
    forward: F64_1D
    discount: F64_1D
    forward_error: F64_1D
    discount_error: F64_1D
    rate: F64_1D
    dividend_yield: F64_1D
    spot_move: F64_1D
    spot_move_error: F64_1D
    pairs: I64_1D
    residual: F64_1D
    residual_spreads: F64_1D
    reason: U8_1D

    @property
    def rate_error(self) -> F64_1D:
        """Standard error of the rate, (m,): 0 where a curve gave it, large where an expiry is near."""
        with np.errstate(divide="ignore", invalid="ignore"):
            error: F64_1D = self.discount_error / (self.discount * self.years)
        return error


class _Known(NamedTuple):
    """Forward and discount of an expiry that the quotes are not asked for; NaN where they are."""

    forward: float
    discount: float

    @property
    def told(self) -> int:
        """How many of the two there are."""
        return int(np.isfinite(self.forward)) + int(np.isfinite(self.discount))


@dataclass(frozen=True, slots=True)
class _Line:
    """A fitted line: forward, discount, their standard errors, and the residuals of the pairs."""

    forward: float
    discount: float
    forward_error: float
    discount_error: float
    residual: F64_1D
    spot_move: float = float("nan")
    spot_move_error: float = float("nan")


def implied_forwards(
    expiry: ArrayLike,
    years: ArrayLike,
    strike: ArrayLike,
    right: ArrayLike,
    bid: ArrayLike,
    ask: ArrayLike,
    *,
    curve: RateCurve | None = None,
    spot: float = float("nan"),
    spot_error: float = 0.0,
    early: ArrayLike = False,
    on_futures: bool = False,
    forward: ArrayLike = float("nan"),
    rules: ParityRules | None = None,
) -> ForwardFit:
    """Forward and discount of each expiry from put-call parity.

    American prices hold the right to exercise as well, which bends the line: of such expiries the fit is that of
    `argus.options.american_parity`, which takes the right out.

    Parameters
    ----------
    expiry : (n,) int64
        Mark of the quote's expiry, equal for quotes that expire together (expiry and settlement, never the date alone).
    years, strike, right, bid, ask : (n,) float64
        Years to expiry (the first of an expiry counts), strike, +1 call or -1 put, quoted prices.
    curve : RateCurve or None
        Gives the discount; without it the slope of the line does. A short expiry says little about its own rate.
    spot : float
        For the dividend yield, and for what exercising early is worth.
    spot_error : float
        Standard error of the spot, as a share of it, which adds to those of American forwards and rates.
    early : (n,) bool
        Options that may be exercised early; the first of an expiry counts. Without a spot such an expiry has no answer.
    on_futures : bool
        The options are on futures: what an early exercise pays is the forward itself less the strike, whose yield is
        then the rate. No spot is needed, and none is looked at.
    forward : (n,) float64
        Forward where it is known and not asked for; the first of an expiry counts.
    rules : ParityRules or None

    Raises
    ------
    DataError
        On columns of different lengths. A bad expiry raises nothing: it gets NaN and its reason.
    """
    rows, made, rights = option_columns(right, years=years, strike=strike, bid=bid, ask=ask)
    marks = np.atleast_1d(np.asarray(expiry, dtype=np.int64))
    if len(marks) not in (1, rows):
        raise DataError(f"expiry has {len(marks)} rows, the quotes {rows}; equal lengths are needed")
    is_right_early = np.atleast_1d(np.asarray(early, dtype=np.bool_))
    if len(is_right_early) not in (1, rows):
        raise DataError(f"early has {len(is_right_early)} rows, the quotes {rows}; equal lengths are needed")
    marks, rights = np.broadcast_to(marks, rows), np.broadcast_to(rights, rows)
    times, strikes, bids, asks = (np.broadcast_to(column, rows) for column in made)
    ahead = np.broadcast_to(np.atleast_1d(np.asarray(forward, dtype=np.float64)), rows)
    rules = rules or ParityRules()
    found, first, group = np.unique(marks, return_index=True, return_inverse=True)
    is_early = np.broadcast_to(is_right_early, rows)[first]
    numbers = np.full((9, len(found)), np.nan)
    pairs, reason = np.zeros(len(found), dtype=np.int64), np.zeros(len(found), dtype=np.uint8)
    residual, spreads = np.full(rows, np.nan), np.full(rows, np.nan)
    usable = (bids > 0.0) & (asks >= bids) & np.isfinite(asks) & (strikes > 0.0) & np.isfinite(strikes)
    numbers[0] = times[first]
    for number in range(len(found)):
        inside = np.flatnonzero((group == number) & usable)
        calls, puts = _pairs(strikes, rights, inside)
        t = float(numbers[0, number])
        given = float(curve.discount(t)[0]) if curve is not None and t > 0.0 else float("nan")
        known = _Known(float(ahead[first[number]]), given)
        line, calls, puts, why = _expiry(calls, puts, strikes, bids, asks, t, known, rules)
        if line is not None and is_early[number]:
            start, line, why = line, None, Reason.NO_UNDERLYING_PRICE
            if on_futures or spot > 0.0:
                own = (float("nan"), 0.0) if on_futures else (spot, spot_error)
                line, why = _without_early(start, calls, puts, strikes, bids, asks, t, known, own, rules)
        # Not before: what the right to exercise early is worth can bend a line beyond belief.
        if line is not None:
            line, why = _judged(line, strikes[calls], t, known, rules)
        pairs[number], reason[number] = len(calls), why
        if line is None:
            continue
        rate = -np.log(line.discount) / t
        growth = 0.0 if on_futures else np.log(line.forward / spot) / t if spot > 0.0 else np.nan
        numbers[1:, number] = (
            line.forward,
            line.discount,
            line.forward_error,
            line.discount_error,
            rate,
            rate - growth,
            line.spot_move,
            line.spot_move_error,
        )
        half = 0.5 * (asks[calls] - bids[calls] + asks[puts] - bids[puts])
        for side in (calls, puts):
            residual[side] = line.residual
            spreads[side] = np.divide(line.residual, half, out=np.full(len(half), np.nan), where=half > 0.0)
    named = dict(zip(_NUMBERS + _OF_SPOT, numbers, strict=True))
    return ForwardFit(found, **named, pairs=pairs, residual=residual, residual_spreads=spreads, reason=reason)


def _pairs(strikes: F64_1D, rights: NDArray[np.int8], inside: NDArray[np.intp]) -> tuple[I64_1D, I64_1D]:
    """Rows of calls and puts of equal strike, by strike; of several quotes of one option the first."""
    sides = []
    for right in (1, -1):
        rows = inside[rights[inside] == right]
        _, once = np.unique(strikes[rows], return_index=True)
        sides.append(rows[once])
    _, of_calls, of_puts = np.intersect1d(strikes[sides[0]], strikes[sides[1]], return_indices=True)
    return sides[0][of_calls], sides[1][of_puts]


def _expiry(
    calls: I64_1D,
    puts: I64_1D,
    strikes: F64_1D,
    bids: F64_1D,
    asks: F64_1D,
    years: float,
    known: _Known,
    rules: ParityRules,
) -> tuple[_Line | None, I64_1D, I64_1D, int]:
    """The line of one expiry, not judged yet, with the pairs it rests on; or none and the reason."""
    if not years > 0.0:
        return None, calls, puts, Reason.EXPIRED if years <= 0.0 else Reason.NOT_FINITE
    # Each of the two that is known takes one strike less; with both there is nothing to ask.
    least = rules.pairs_min - known.told if known.told < len(known) else 0
    if len(calls) < least:
        return None, calls, puts, Reason.TOO_FEW_STRIKES
    gap = 0.5 * (bids[calls] + asks[calls] - bids[puts] - asks[puts])
    centre = known.forward
    if not np.isfinite(centre):
        nearest = int(np.argmin(np.abs(gap)))
        centre = float(strikes[calls][nearest] + gap[nearest])
    near = np.abs(strikes[calls] - centre) <= rules.band * abs(centre)
    calls, puts, gap = calls[near], puts[near], gap[near]
    if len(calls) < least:
        return None, calls, puts, Reason.TOO_FEW_STRIKES
    scale = _scale(calls, puts, bids, asks)
    open_ = _least(calls, puts, bids, asks)
    line = _fit(strikes[calls], gap, scale, open_, centre, known)
    return line, calls, puts, Reason.OK


def _scale(calls: I64_1D, puts: I64_1D, bids: F64_1D, asks: F64_1D) -> F64_1D:
    """Price that counts as one, of each pair: both spreads."""
    spread = asks[calls] - bids[calls] + asks[puts] - bids[puts]
    # A locked quote is no proof of exactness: none counts more than ten times the usual one.
    typical = float(np.median(spread)) if len(spread) else 0.0
    return np.maximum(spread, 0.1 * typical) if typical > 0.0 else np.ones(len(spread))


def _least(calls: I64_1D, puts: I64_1D, bids: F64_1D, asks: F64_1D) -> F64_1D:
    """Deviation of call less put, of each pair, that the spreads allow: a half-spread is two deviations of a middle."""
    least: F64_1D = 0.25 * np.hypot(asks[calls] - bids[calls], asks[puts] - bids[puts])
    return least


def _without_early(
    start: _Line,
    calls: I64_1D,
    puts: I64_1D,
    strikes: F64_1D,
    bids: F64_1D,
    asks: F64_1D,
    years: float,
    known: _Known,
    spot: tuple[float, float],
    rules: ParityRules,
) -> tuple[_Line | None, int]:
    """The line that American prices leave when what exercising early is worth is taken out of them."""
    call, put = (0.5 * (bids[rows] + asks[rows]) for rows in (calls, puts))
    scale, least = (weigh(calls, puts, bids, asks) for weigh in (_scale, _least))
    pairs = AmericanPairs(strikes[calls], call, put, scale, least, spot[0], years, spot[1])
    found = early_parity(pairs, start.forward, start.discount, known=known)
    if found is None:
        return None, Reason.NO_CONVERGENCE
    line = _Line(*found)
    rate, growth = -np.log(line.discount) / years, np.log(line.forward / spot[0]) / years
    if abs(rate - growth) > rules.yield_max:
        return None, Reason.YIELD_OUT_OF_RANGE
    return line, Reason.OK


def _judged(line: _Line, strike: F64_1D, years: float, known: _Known, rules: ParityRules) -> tuple[_Line | None, int]:
    """The line, or why it is not believed."""
    if not (line.discount > 0.0 and abs(np.log(line.discount)) <= rules.rate_max * years):
        return None, Reason.DISCOUNT_OUT_OF_RANGE
    if np.isfinite(known.forward):
        return (line, Reason.OK) if line.forward > 0.0 else (None, Reason.NO_FORWARD)
    lowest, highest = float(strike.min()), float(strike.max())
    margin = rules.band * abs(highest)
    if not (line.forward > 0.0 and lowest - margin <= line.forward <= highest + margin):
        return None, Reason.NO_FORWARD
    if not line.forward_error <= rules.error_max * line.forward:
        return None, Reason.FORWARD_UNCERTAIN
    return line, Reason.OK


def _fit(strike: F64_1D, gap: F64_1D, scale: F64_1D, least: F64_1D, centre: float, known: _Known) -> _Line:
    """Huber's line through call less put, each error in units of its spread; `centre` is the forward if it is known."""
    u = (strike - centre) / scale
    asks_forward, asks_discount = not np.isfinite(known.forward), not np.isfinite(known.discount)
    target = gap / scale if asks_discount else gap / scale + known.discount * u
    if not (asks_forward or asks_discount):
        return _Line(known.forward, known.discount, 0.0, 0.0, target * scale)
    columns = np.column_stack([1.0 / scale] * asks_forward + [-u] * asks_discount)
    weight = np.ones(len(gap))
    found: NDArray[Any] = np.zeros(columns.shape[1])
    for _ in range(_FITS):
        root = np.sqrt(weight)
        before = found
        found = np.linalg.lstsq(columns * root[:, None], target * root, rcond=None)[0]
        left = target - columns @ found
        weight = huber_weights(left)
        if np.max(np.abs(found - before)) <= _SETTLED * max(1.0, float(np.max(np.abs(found)))):
            break
    spread = coefficient_covariance(columns, left, least / scale)
    slope = float(found[-1]) if asks_discount else known.discount
    discount_error = float(np.sqrt(spread[-1, -1])) if asks_discount else 0.0
    if not asks_forward:
        return _Line(known.forward, slope, 0.0, discount_error, left * scale)
    level = float(found[0])
    # F = centre + level / slope, errors to first order.
    tilt = np.array([1.0, -level / slope])[: len(found)] / slope if slope != 0.0 else np.full(len(found), np.inf)
    forward_error = float(np.sqrt(tilt @ spread @ tilt)) if np.isfinite(tilt).all() else float("inf")
    forward = centre + level / slope if slope != 0.0 else float("nan")
    return _Line(forward, slope, forward_error, discount_error, left * scale)
