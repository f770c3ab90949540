"""American options with continuous rate and yield: price, delta, gamma, exercise boundary, and implied volatility.

A call is a put with spot and strike, and rate and yield, changed for each other (McDonald, Schroder 1998, "A parity
result for American options"), so that one kernel prices both. Where exercise before expiry can never pay, the European
formula is the answer. Where rate and yield are both negative and the yield lies below the rate (for a call: the rate
below the yield), exercise pays between *two* boundaries; a lattice says what the right adds to the European price then.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from argus.core.arrays import BOOL_1D, F64_1D, working_memory
from argus.core.errors import ConfigError
from argus.options.columns import U8_1D, option_columns
from argus.options.implied import ImpliedVols
from argus.options.reasons import Reason

__all__ = ["AmericanValues", "american_implied_vol", "american_values"]

# Nodes of the boundary, points of its integrals, sweeps, points of the price's integral.
SCHEMES = {"fast": (9, 8, 7, 31), "precise": (15, 21, 12, 51)}
_LATTICE = {"fast": 64, "precise": 384}
"""Steps where there are two boundaries."""
_WORTHLESS = 1e-12
"""A right to exercise early that is worth less than this share of the strike is none."""
_VOL_RANGE = (1e-3, 10.0)
_SEARCHES = 60


@dataclass(frozen=True, slots=True)
class AmericanValues:
    """Values of n American options.

    Attributes
    ----------
    price, delta, gamma : (n,) float64
        Today's value and its first two derivatives by the spot. Where it should be exercised at once, the price is the
        payoff, delta plus or minus one, gamma zero.
    boundary : (n,) float64
        Spot at which it is exercised today: a put at or below it, a call at or above. 0 and infinity mean never before
        expiry, NaN that it pays between two boundaries, which are not told.
    reason : (n,) uint8
        `argus.options.reasons.Reason`; 0 where there is an answer.
    """

    price: F64_1D
    delta: F64_1D
    gamma: F64_1D
    boundary: F64_1D
    reason: U8_1D


@lru_cache(maxsize=len(SCHEMES))
def _scheme(name: str) -> tuple[int, tuple[F64_1D, ...]]:
    """Sweeps, and what the kernel wants to know of nodes and points, as shares of an option's life."""
    nodes, points, sweeps, price_points = SCHEMES[name]
    angle = np.arange(nodes + 1) * np.pi / nodes
    places = np.cos(angle)
    # Barycentric weights of Chebyshev points of the second kind; the last, at expiry, is known to be zero.
    signs = np.where(np.arange(nodes + 1) % 2, -1.0, 1.0)
    signs[[0, -1]] *= 0.5

    def shares(root: NDArray[np.float64]) -> F64_1D:
        apart = 2.0 * root.reshape(-1, 1) - 1.0 - places
        weights = signs / apart
        return np.ascontiguousarray((weights / weights.sum(axis=1, keepdims=True))[:, :-1]).ravel()

    def rule(count: int) -> tuple[F64_1D, F64_1D, F64_1D]:
        at, weight = np.polynomial.legendre.leggauss(count)
        turn = 0.25 * np.pi * (1.0 + at)
        return np.sin(turn), np.cos(turn), 0.25 * np.pi * weight * np.sin(2.0 * turn)

    node_root = 0.5 * (1.0 + places[:-1])
    point_root, point_rest, point_weight = rule(points)
    price_root, price_rest, price_weight = rule(price_points)
    inner = shares(np.multiply.outer(node_root, point_rest))
    return sweeps, (node_root, point_root, point_weight, inner, price_root, price_weight, shares(price_rest))


@dataclass(frozen=True, slots=True)
class _Puts:
    """Options turned into puts of strike one: spot over strike, rate and yield as the put sees them, and their kind."""

    spot: F64_1D
    strike: F64_1D
    years: F64_1D
    rate: F64_1D
    dividend: F64_1D
    is_call: BOOL_1D
    is_double: BOOL_1D
    is_early: BOOL_1D

    def taken(self, rows: Any) -> _Puts:
        """Some of the rows."""
        return _Puts(*(getattr(self, name)[rows] for name in self.__slots__))


def _puts(right: NDArray[Any], reason: U8_1D, columns: list[F64_1D]) -> _Puts:
    """Spot, strike, years, rate, yield of the rows as puts; rows with a reason as a harmless one."""
    is_call, good = right == 1, reason == 0
    spot, strike, years, rate, dividend = (np.where(good, column, 1.0) for column in columns)
    own, other = np.where(is_call, dividend, rate), np.where(is_call, rate, dividend)
    # Exercise earns the own rate on the strike and gives up the other: both, and only both, negative is double.
    is_double = good & (own < 0.0) & (other < own)
    is_early = good & ~is_double & np.where(other < 0.0, own >= 0.0, own * years > _WORTHLESS)
    ratio = np.where(is_call, strike / spot, spot / strike)
    return _Puts(ratio, np.where(is_call, spot, strike), years, own, other, is_call, is_double, is_early)


def _solve(puts: _Puts, vol: F64_1D, accuracy: str) -> NDArray[np.float64]:
    """Price, delta, gamma, boundary of the puts with an early exercise, their strike being one."""
    from argus.options import _american_kernels as kernels

    sweeps, tables = _scheme(accuracy)
    out = np.empty((4, len(vol)))
    room = working_memory(kernels.american_room(len(tables[0])))
    columns = (np.ascontiguousarray(column) for column in (puts.spot, puts.years, vol, puts.rate, puts.dividend))
    kernel: Any = kernels.american_puts
    kernel(*columns, sweeps, *tables, room, out)
    return out


def _with_double(puts: _Puts, vol: F64_1D, european: tuple[F64_1D, F64_1D, F64_1D], accuracy: str) -> F64_1D:
    """Price, delta and gamma, (3, n), in the given units, where exercise pays between two boundaries."""
    from argus.options import _double_boundary_kernels as kernels

    steps = _LATTICE[accuracy]
    out = np.empty((3, len(vol)))
    columns = (np.ascontiguousarray(column) for column in (puts.spot, puts.years, vol, puts.rate, puts.dividend))
    kernel: Any = kernels.added_puts
    kernel(*columns, steps, working_memory(kernels.lattice_room(steps)), out)
    sign = np.where(puts.is_call, -1.0, 1.0)
    own_spot = np.where(puts.is_call, puts.strike, puts.strike * puts.spot)
    own_strike = np.where(puts.is_call, puts.strike * puts.spot, puts.strike)
    price, delta, gamma = _in_own_units(puts, *out)
    payoff = sign * (own_strike - own_spot)
    found = np.stack((european[0] + np.maximum(price, 0.0), european[1] + delta, european[2] + gamma))
    is_exercised = found[0] <= payoff + _WORTHLESS * own_strike
    found[:, is_exercised] = np.stack((payoff, -sign, np.zeros(len(vol))))[:, is_exercised]
    return found


def _in_own_units(part: _Puts, value: F64_1D, slope: F64_1D, bend: F64_1D) -> tuple[F64_1D, F64_1D, F64_1D]:
    """Price, delta and gamma of options out of those of their puts of strike one."""
    # A call's spot is its put's strike, to which the put's value is proportional at a fixed ratio.
    delta = np.where(part.is_call, value - part.spot * slope, slope)
    gamma = np.where(part.is_call, part.spot**2 * bend / part.strike, bend / part.strike)
    return part.strike * value, delta, gamma


def american_values(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    vol: ArrayLike,
    rate: ArrayLike,
    dividend_yield: ArrayLike,
    right: ArrayLike,
    *,
    accuracy: str = "fast",
) -> AmericanValues:
    """Price, delta, gamma and exercise boundary of American options.

    Parameters
    ----------
    spot, strike, years, vol, rate, dividend_yield : (n,) or number
        Years to expiry, annual volatility as a fraction, continuous annual rates of either sign.
    right : (n,) or number
        +1 call, -1 put.
    accuracy : str
        ``"fast"``: the price is right to 2e-6 of the strike for rates and yields up to 12 %, mostly to 1e-7, and at
        worst to 2e-4 (yields far below zero over decades); ``"precise"``: to 1e-6, mostly 1e-8, in seven times as long.
        Where exercise pays between two boundaries to 2e-4 and 4e-5, mostly to 1e-6 and 2e-7; delta
        to 1e-2 and 2e-3.

    Raises
    ------
    ConfigError
        On an unknown accuracy.
    DataError
        On columns of different lengths. A bad row raises nothing: it gets NaN and its reason.
    """
    from argus.options.black import black_scholes_greeks

    _check(accuracy)
    given = {"spot": spot, "strike": strike, "years": years, "rate": rate, "dividend_yield": dividend_yield}
    rows, made, rights = option_columns(right, **given, vol=vol)
    *columns, vols = (np.broadcast_to(column, rows) for column in made)
    rights = np.broadcast_to(rights, rows)
    spots, strikes, times, rates, yields = columns
    european = black_scholes_greeks(spots, strikes, times, vols, rates, yields, rights)
    puts = _puts(rights, european.reason, columns)
    reason = european.reason
    never = np.where(puts.is_call, np.inf, 0.0)
    price, delta, gamma, boundary = european.price.copy(), european.delta.copy(), european.gamma.copy(), never
    double = np.flatnonzero(puts.is_double)
    if len(double):
        bare = (price[double], delta[double], gamma[double])
        price[double], delta[double], gamma[double] = _with_double(puts.taken(double), vols[double], bare, accuracy)
        boundary[double] = np.nan
    early = np.flatnonzero(puts.is_early)
    part = puts.taken(early)
    *solved, edge = _solve(part, vols[early], accuracy)
    payoff = np.where(puts.is_call, spots - strikes, strikes - spots)[early]
    value, delta[early], gamma[early] = _in_own_units(part, *solved)
    # The payoff in the given units: strike times the kernel's differs from it in the last digit.
    price[early] = np.where(part.spot <= edge, payoff, np.maximum(value, payoff))
    own_strike = np.where(part.is_call, part.spot * part.strike, part.strike)
    boundary[early] = np.where(part.is_call, own_strike / edge, own_strike * edge)
    for column in (price, delta, gamma, boundary):
        column[reason != 0] = np.nan
    return AmericanValues(price, delta, gamma, boundary, reason)


def american_implied_vol(
    price: ArrayLike,
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    rate: ArrayLike,
    dividend_yield: ArrayLike,
    right: ArrayLike,
    *,
    accuracy: str = "fast",
) -> ImpliedVols:
    """Volatilities behind prices of American options, between 0.1 % and 1000 %.

    The search brackets: it ends where the pricing of `american_values`, whose parameters these are, cannot tell two
    volatilities apart. A price no higher than that of exercising at once has no volatility (`Reason.BELOW_INTRINSIC`).
    """
    _check(accuracy)
    given = {"spot": spot, "strike": strike, "years": years, "rate": rate, "dividend_yield": dividend_yield}
    rows, made, rights = option_columns(right, price=price, **given)
    prices, *columns = (np.broadcast_to(column, rows) for column in made)
    rights = np.broadcast_to(rights, rows)

    def values(at: Any, sigma: ArrayLike) -> AmericanValues:
        spots, strikes, times, rates, yields = (column[at] for column in columns)
        return american_values(spots, strikes, times, sigma, rates, yields, rights[at], accuracy=accuracy)

    reason = values(slice(None), 0.2).reason
    reason[(reason == 0) & ~np.isfinite(prices)] = Reason.NOT_FINITE
    reason[(reason == 0) & ~(prices > 0.0)] = Reason.PRICE_NOT_POSITIVE
    vol = np.full(rows, np.nan)
    open_ = np.flatnonzero(reason == 0)

    def gap(at: NDArray[np.intp], sigma: F64_1D) -> F64_1D:
        return values(at, sigma).price - prices[at]

    low, high = (np.full(len(open_), edge) for edge in _VOL_RANGE)
    under, over = gap(open_, low), gap(open_, high)
    reason[open_[under >= 0.0]] = Reason.BELOW_INTRINSIC
    reason[open_[over <= 0.0]] = Reason.ABOVE_MAXIMUM
    keep = (under < 0.0) & (over > 0.0)
    vol[open_[keep]] = _search(gap, open_[keep], low[keep], high[keep], under[keep], over[keep])
    return ImpliedVols(vol, reason)


def _search(gap: Any, rows: NDArray[np.intp], low: F64_1D, high: F64_1D, under: F64_1D, over: F64_1D) -> F64_1D:
    """Roots by the rule of Chandrupatla 1997 ("A new hybrid quadratic/bisection algorithm"), all rows side by side."""
    a, b, c = np.log(high), np.log(low), np.log(high)
    f_a, f_b, f_c = over, under, over
    share = np.full(len(rows), 0.5)
    found = np.full(len(rows), np.nan)
    live = np.arange(len(rows))
    for _ in range(_SEARCHES):
        if not len(live):
            break
        x = a + share * (b - a)
        f = gap(rows[live], np.exp(x))
        same = np.sign(f) == np.sign(f_a)
        c, f_c = np.where(same, a, b), np.where(same, f_a, f_b)
        b, f_b = np.where(same, b, a), np.where(same, f_b, f_a)
        a, f_a = x, f
        nearer = np.abs(f_a) < np.abs(f_b)
        best = np.where(nearer, a, b)
        width = 1e-12 / np.maximum(np.abs(b - c), 1e-300)
        done = (width > 0.5) | (np.abs(b - a) < 1e-12) | (np.minimum(np.abs(f_a), np.abs(f_b)) == 0.0)
        found[live[done]] = np.exp(best[done])
        xi, phi = (a - b) / (c - b), (f_a - f_b) / (f_c - f_b)
        curved = (phi**2 < xi) & ((1.0 - phi) ** 2 < 1.0 - xi)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = f_a / (f_b - f_a) * f_c / (f_b - f_c) + (c - a) / (b - a) * f_a / (f_c - f_a) * f_b / (f_c - f_b)
        share = np.clip(np.where(curved, share, 0.5), width, 1.0 - width)
        go = ~done
        a, b, c, f_a, f_b, f_c, share, live = (column[go] for column in (a, b, c, f_a, f_b, f_c, share, live))
    found[live] = np.exp(a)
    return found


def _check(accuracy: str) -> None:
    if accuracy not in SCHEMES:
        raise ConfigError(f"accuracy is {accuracy!r}; it must be one of {', '.join(SCHEMES)}")
