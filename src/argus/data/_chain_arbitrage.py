"""Arbitrage between the quotes of a snapshot: what could be bought at asks and sold at bids for a sure gain.

Rows come in the order of a chain, so the strikes of one smile are neighbours. Values here are per unit of the
underlying; an ask of zero or NaN is no offer, a bid of NaN is none.

Source of the conditions: no-arbitrage bounds as in Merton (1973), "Theory of rational option pricing", and Carr and
Madan (2005), "A note on sufficient conditions for no arbitrage"; rates are taken not to be negative in the vertical.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import BOOL_1D, F64_1D
from argus.core.chains import NS_PER_YEAR_365, is_american

__all__ = ["absurd_asks", "european_arbitrage", "exercise_bounds", "parity_fit", "smile_arbitrage"]

_PAIRS_MIN: Final = 4
_DISCOUNT_MIN, _DISCOUNT_MAX = 0.5, 1.1
_EPSILON: Final = 1e-9
_ABSURD_SPREAD: Final = 0.5
"""Spread, over the most that an option can ever pay, beyond which an ask above that most is no price."""
_RATES: Final = (-0.03, 0.15)
"""Annual rates that are plausible."""


def _sides(rows: Mapping[str, Any]) -> tuple[F64_1D, F64_1D]:
    """Bids with 0 and asks with infinity where there is none."""
    bid, ask = rows["bid"], rows["ask"]
    return np.where(bid > 0, bid, 0.0), np.where(ask > 0, ask, np.inf)


def _neighbours(rows: Mapping[str, Any]) -> BOOL_1D:
    """Whether a row and the next are of one smile."""
    same: BOOL_1D = np.ones(max(len(rows["strike"]) - 1, 0), np.bool_)
    for name in ("ts_recv_ns", "expiry_ns", "root", "right"):
        same &= rows[name][1:] == rows[name][:-1]
    return same


def smile_arbitrage(rows: Mapping[str, Any]) -> tuple[BOOL_1D, BOOL_1D]:
    """(rows of a vertical that pays whatever happens, bodies of a butterfly that does), between neighbouring strikes.

    A vertical may neither cost less than nothing nor be sold for more than the distance of its strikes; the option
    between two others may not be sold for more than the two cost in the proportion that covers it.
    """
    n = len(rows["strike"])
    vertical, butterfly = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    if n < 2:
        return vertical, butterfly
    bid, ask = _sides(rows)
    strike, is_call = rows["strike"], rows["right"][:-1] > 0
    same = _neighbours(rows)
    dear, cheap = np.where(is_call, ask[:-1], ask[1:]), np.where(is_call, bid[1:], bid[:-1])
    sold, bought = np.where(is_call, bid[:-1], bid[1:]), np.where(is_call, ask[1:], ask[:-1])
    width = strike[1:] - strike[:-1]
    bad = same & ((cheap > dear + _EPSILON) | (sold - bought > width + _EPSILON))
    vertical[:-1] |= bad
    vertical[1:] |= bad
    if n > 2:
        both = same[:-1] & same[1:]
        span = np.where(both, strike[2:] - strike[:-2], 1.0)
        share = np.where(both, (strike[2:] - strike[1:-1]) / span, 0.5)
        cost = share * ask[:-2] + (1 - share) * ask[2:]
        butterfly[1:-1] = both & (bid[1:-1] > cost + _EPSILON)
    return vertical, butterfly


def exercise_bounds(rows: Mapping[str, Any]) -> BOOL_1D:
    """American options offered below what exercising them pays at once, or bid above what they can ever pay."""
    bid, ask = _sides(rows)
    spot, strike, right = rows["underlying_price"], rows["strike"], rows["right"]
    intrinsic = np.maximum(right * (spot - strike), 0.0)
    most = np.where(right > 0, spot, strike)
    bad: BOOL_1D = is_american(rows["settlement"]) & ((ask < intrinsic - _EPSILON) | (bid > most + _EPSILON))
    return bad


def absurd_asks(rows: Mapping[str, Any]) -> BOOL_1D:
    """Asks that are no price: above the most that the option can ever pay, and off the bid by more than half of it.

    A call can pay the underlying at most, a put its strike. Where no price of the underlying came with the quote, the
    highest strike of its snapshot stands for it. An option deep in the money may well be offered a little above the
    most, so the spread must be wide as well; no bid counts as a bid of zero.
    """
    n = len(rows["strike"])
    if not n:
        return np.zeros(0, np.bool_)
    first = np.concatenate(([True], rows["ts_recv_ns"][1:] != rows["ts_recv_ns"][:-1]))
    highest = np.maximum.reduceat(rows["strike"], np.flatnonzero(first))[np.cumsum(first) - 1]
    spot = np.where(rows["underlying_price"] > 0, rows["underlying_price"], highest)
    most = np.where(rows["right"] > 0, spot, rows["strike"])
    bid = np.where(rows["bid"] > 0, rows["bid"], 0.0)
    bad: BOOL_1D = (rows["ask"] > most) & (rows["ask"] - bid > _ABSURD_SPREAD * most)
    return bad


def parity_fit(strike: F64_1D, difference: F64_1D, years: float) -> tuple[float, float] | None:
    """Discounted forward and discount factor of an expiry from mids of calls less puts, by medians.

    The discount is the median of slopes between strikes half the list apart (after Theil 1950 and Sen 1968), the
    forward the median of what each strike then says. Over a few days the quotes say less of the discount than any
    plausible rate does, so it is held between those of `_RATES`. None where there are too few strikes, or the discount
    is absurd.
    """
    n = len(strike)
    if n < _PAIRS_MIN:
        return None
    half = n // 2
    discount = -float(np.median((difference[half:] - difference[: n - half]) / (strike[half:] - strike[: n - half])))
    if not _DISCOUNT_MIN <= discount <= _DISCOUNT_MAX:
        return None
    low, high = (float(np.exp(-rate * max(years, 0.0))) for rate in reversed(_RATES))
    discount = min(max(discount, low), high)
    forward = float(np.median(difference + discount * strike))
    return (forward, discount) if forward > 0 else None


def european_arbitrage(
    rows: Mapping[str, Any], tick: F64_1D, beneath: NDArray[np.integer[Any]]
) -> tuple[BOOL_1D, BOOL_1D, BOOL_1D]:
    """(rows off put-call parity, rows outside their bounds, rows bid above a later expiry), European options only.

    Parity: call less put differs from forward less strike, discounted, by more than both half spreads and a tick.
    Bounds: offered below the discounted intrinsic value on the forward, or bid above the most it can pay, by more than
    a tick. Calendar: as a share of its forward, an option may not be bid above what the same moneyness costs in the
    next expiry, where the two neighbouring strikes there cover it; both on one future, where they are on futures: rows
    of equal `beneath` are.
    """
    n = len(rows["strike"])
    parity, bounds, calendar = (np.zeros(n, np.bool_) for _ in range(3))
    group = np.ones(max(n - 1, 0), np.bool_)
    for name in ("ts_recv_ns", "expiry_ns", "root"):
        group &= rows[name][1:] == rows[name][:-1]
    edges = np.concatenate(([0], np.flatnonzero(~group) + 1, [n])) if n else np.zeros(1, np.int64)
    american = is_american(rows["settlement"])
    bid, ask = _sides(rows)
    before: tuple[int, int, float, float] | None = None
    for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if american[begin]:
            continue
        fit = _group_parity(rows, bid, ask, tick, begin, end, parity)
        if fit is None:
            continue
        forward, discount = fit
        strike, right = rows["strike"][begin:end], rows["right"][begin:end]
        low = np.maximum(right * (forward - discount * strike), 0.0) - tick[begin:end]
        high = np.where(right > 0, forward, discount * strike) + tick[begin:end]
        bounds[begin:end] = (ask[begin:end] < low) | (bid[begin:end] > high)
        now = (begin, end, forward, discount)
        if before is not None and _follows(rows, before[0], begin) and beneath[before[0]] == beneath[begin]:
            _calendar(rows, bid, ask, before, now, tick, calendar)
        before = now
    return parity, bounds, calendar


def _follows(rows: Mapping[str, Any], first: int, second: int) -> bool:
    """Whether two groups are of one snapshot, the second of a later expiry."""
    return bool(
        rows["ts_recv_ns"][first] == rows["ts_recv_ns"][second] and rows["expiry_ns"][first] < rows["expiry_ns"][second]
    )


def _group_parity(
    rows: Mapping[str, Any], bid: F64_1D, ask: F64_1D, tick: F64_1D, begin: int, end: int, parity: BOOL_1D
) -> tuple[float, float] | None:
    """Forward and discount of one expiry; flags the pairs that are off them."""
    strike = rows["strike"][begin:end]
    middle = begin + int(np.searchsorted(rows["right"][begin:end], 0))  # puts stand first
    _, put, call = np.intersect1d(
        strike[: middle - begin], strike[middle - begin :], assume_unique=True, return_indices=True
    )
    put, call = put + begin, call + middle
    two = (bid[put] > 0) & (bid[call] > 0) & np.isfinite(ask[put]) & np.isfinite(ask[call])
    put, call = put[two], call[two]
    difference = (bid[call] + ask[call] - bid[put] - ask[put]) / 2
    years = (int(rows["expiry_ns"][begin]) - int(rows["ts_recv_ns"][begin])) / NS_PER_YEAR_365
    fit = parity_fit(rows["strike"][put], difference, years)
    if fit is None:
        return None
    room = (ask[call] - bid[call] + ask[put] - bid[put]) / 2 + tick[call]
    off = np.abs(difference - fit[0] + fit[1] * rows["strike"][put]) > room
    parity[put[off]] = True
    parity[call[off]] = True
    return fit


def _calendar(
    rows: Mapping[str, Any],
    bid: F64_1D,
    ask: F64_1D,
    near: tuple[int, int, float, float],
    far: tuple[int, int, float, float],
    tick: F64_1D,
    calendar: BOOL_1D,
) -> None:
    """Flag options of the nearer expiry that are bid above what their moneyness costs in the farther one.

    Only those out of the money: the others say the same by parity, with the noise of the forward on top.
    """
    strike, right = rows["strike"], rows["right"]
    scale = (far[2] / far[3]) / (near[2] / near[3])
    for side in (-1, 1):
        is_out = side * (strike[near[0] : near[1]] * near[3] - near[2]) >= 0
        own = near[0] + np.flatnonzero((right[near[0] : near[1]] == side) & is_out)
        other = far[0] + np.flatnonzero((right[far[0] : far[1]] == side) & np.isfinite(ask[far[0] : far[1]]))
        if len(other) < 2 or not len(own):
            continue
        wanted = strike[own] * scale
        at: NDArray[np.int64] = np.searchsorted(strike[other], wanted, side="right") - 1
        inside = (at >= 0) & (at < len(other) - 1)
        left = other[np.clip(at, 0, len(other) - 2)]
        right_of = other[np.clip(at, 0, len(other) - 2) + 1]
        share = (strike[right_of] - wanted) / (strike[right_of] - strike[left])
        cost = share * ask[left] + (1 - share) * ask[right_of]
        calendar[own] |= inside & (bid[own] / near[2] > (cost + tick[own]) / far[2])
