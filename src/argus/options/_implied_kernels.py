"""Implied volatility of many quotes: a formula's guess, then four steps of third order, for blocks of options at once.

All of it happens on the out-of-the-money side: an in-the-money price keeps its time value only in its last digits, so
its parity with the other side is taken first. There, with ``x`` the negative distance of the logarithms of forward and
strike, ``s`` the standard deviation until expiry and ``c`` the price over the most it can be worth,

    c(s) = N(d1) - exp(-x) N(d2),    d1 = x / s + s / 2,    d2 = d1 - s.

Halley's method is applied to ``log(c / (1 - c))`` as a function of ``log(s)``: in the far wing, where c falls like
``exp(-x**2 / (2 s**2))``, and near the maximum, where ``1 - c`` falls like ``exp(-s**2 / 8)``, a tenth too much then
leaves a few ten-thousandths after one step, and nothing after three. The guess is the formula of Stefanica and
Radoicic 2017, "An explicit implied volatility formula", IJTAF 20(7), which is good to about a tenth everywhere.

A bad quote is replaced by a harmless one, and its answer by NaN at the end, so that no loop has a branch. What four
steps do not settle is bisected.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.options._black_kernels import (
    DISCOUNT_MAX,
    DISCOUNT_MIN,
    LANES,
    PRICE_MAX,
    PRICE_MIN,
    RATE_MAX,
    YEARS_MAX,
    YEARS_MIN,
    stage,
)
from argus.options._normal_kernels import INV_SQRT_2PI, bounded_exp, positive_log, tail_ratio, two_tail_ratios

__all__ = ["IMPLIED_ROOM", "bachelier_implied", "black_implied"]

_PRICE, _FORWARD, _DISCOUNT, _STRIKE, _YEARS, _RIGHT, _CODE = (row * LANES for row in range(7))
_SHARE, _X, _STDEV, _STEP, _CHEAP, _REST, _DENSITY, _GAP = (row * LANES for row in range(7, 15))
IMPLIED_ROOM = 15 * LANES
"""Float64 values of working memory."""

# The numbers of `argus.options.reasons.Reason`.
NOT_FINITE, EXPIRED, STRIKE, FORWARD, DISCOUNT, PRICE = 1, 2, 3, 4, 5, 6
INTRINSIC, MAXIMUM, RIGHT, CONVERGENCE = 7, 8, 10, 16

_ROUNDINGS = 1.8e-15
"""Eight units of the last place: a time value that is no more of the price is what rounding left, not a quote."""
_SHARE_MIN = 1e-280
_STEPS = 4
_SETTLED = 1e-5
_TWO_OVER_PI = 0.6366197723675814
_HALF_PI = 1.5707963267948966
_SQRT_2PI = 2.5066282746310002
_DISTANCE_MAX = 1e5


@njit(cache=True, error_model="numpy", nogil=True)
def _cheap_side(has_maximum: Any, room: Any):  # type: ignore[no-untyped-def]
    """Undiscounted price of the out-of-the-money side, and how many quotes of the block have a fault."""
    fine = 0
    for lane in range(LANES):
        price, discount, years = room[_PRICE + lane], room[_DISCOUNT + lane], room[_YEARS + lane]
        forward, strike, right = room[_FORWARD + lane], room[_STRIKE + lane], room[_RIGHT + lane]
        gain = right * (forward - strike)
        worth = price / discount
        cheap = worth - max(gain, 0.0)
        room[_CHEAP + lane] = cheap
        floor = PRICE_MIN if has_maximum > 0.0 else -PRICE_MAX
        most = min(forward, strike) if has_maximum > 0.0 else PRICE_MAX
        # NaN fails every comparison.
        good = (forward > floor) & (forward < PRICE_MAX) & (strike > floor) & (strike < PRICE_MAX)
        good &= (discount > DISCOUNT_MIN) & (max(discount, 1.0 / discount) - 1.0 <= RATE_MAX * years)
        good &= (years >= YEARS_MIN) & (years < YEARS_MAX) & (right * right == 1.0) & (price > PRICE_MIN)
        good &= (cheap > (_ROUNDINGS * worth if gain > 0.0 else 0.0)) & (cheap < most)
        fine += 1 if good else 0
    return LANES - fine


@njit(cache=True, error_model="numpy", nogil=True)
def _fault(has_maximum: Any, lane: Any, room: Any):  # type: ignore[no-untyped-def]
    """Reason against one quote, 0 without; the gravest is asked first."""
    price, discount, years = room[_PRICE + lane], room[_DISCOUNT + lane], room[_YEARS + lane]
    forward, strike, right = room[_FORWARD + lane], room[_STRIKE + lane], room[_RIGHT + lane]
    size = abs(price) + abs(discount) + abs(years) + abs(forward) + abs(strike) + abs(right)
    if not size < np.inf or max(abs(forward), abs(strike)) >= PRICE_MAX or years >= YEARS_MAX:
        return NOT_FINITE
    if right * right != 1.0:
        return RIGHT
    if years < YEARS_MIN:
        return EXPIRED
    if has_maximum > 0.0 and strike <= PRICE_MIN:
        return STRIKE
    if has_maximum > 0.0 and forward <= PRICE_MIN:
        return FORWARD
    if discount <= DISCOUNT_MIN or discount >= DISCOUNT_MAX or abs(positive_log(discount)) > RATE_MAX * years:
        return DISCOUNT
    if price <= PRICE_MIN:
        return PRICE
    gain = right * (forward - strike)
    worth = price / discount
    if room[_CHEAP + lane] <= (_ROUNDINGS * worth if gain > 0.0 else 0.0):
        return INTRINSIC
    if room[_CHEAP + lane] >= (min(forward, strike) if has_maximum > 0.0 else PRICE_MAX):
        return MAXIMUM
    return 0


@njit(cache=True, error_model="numpy", nogil=True)
def _weed(has_maximum: Any, room: Any):  # type: ignore[no-untyped-def]
    """Write reasons, and put a harmless quote in the place of each bad one."""
    bad = _cheap_side(has_maximum, room)
    for lane in range(LANES):
        room[_CODE + lane] = 0.0
    if bad > 0:
        for lane in range(LANES):
            code = _fault(has_maximum, lane, room)
            room[_CODE + lane] = code
            if code != 0:
                room[_FORWARD + lane] = 1.0
                room[_STRIKE + lane] = 1.0
                room[_YEARS + lane] = 1.0
                room[_CHEAP + lane] = 0.1
    return bad


@njit(cache=True, error_model="numpy", nogil=True)
def _guess(room: Any):  # type: ignore[no-untyped-def]
    """First standard deviation of each quote."""
    for lane in range(LANES):
        forward, strike = room[_FORWARD + lane], room[_STRIKE + lane]
        low, high = min(forward, strike), max(forward, strike)
        ratio = low / high
        room[_GAP + lane] = (high - low) / high
        room[_REST + lane] = ratio
        room[_SHARE + lane] = room[_CHEAP + lane] / low
        room[_X + lane] = positive_log(ratio)
    for lane in range(LANES):
        room[_DENSITY + lane] = bounded_exp(_TWO_OVER_PI * room[_X + lane])
    for lane in range(LANES):
        c, m, u, gap = room[_SHARE + lane], room[_REST + lane], room[_DENSITY + lane], room[_GAP + lane]
        w = m / u
        c_m = c * m
        # B and C of the paper over 4 and 16, in terms that do not cancel.
        wide = w + 1.0 / w
        a = (w - 1.0) * (w + 1.0) / w
        b = (u - 1.0) * (u - 1.0) / u - (w - 1.0) * (w - 1.0) / w + 2.0 * c * (gap + c_m) * wide
        e = c * (1.0 - c) * (c_m + gap) * (1.0 + c_m)
        beta = 8.0 * e / (b + np.sqrt(b * b + 4.0 * a * a * e))
        room[_STEP + lane] = min(max(beta, 1e-300), 1.0)
    for lane in range(LANES):
        x, c, m, u = -room[_X + lane], room[_SHARE + lane], room[_REST + lane], room[_DENSITY + lane]
        gamma = max(-_HALF_PI * positive_log(room[_STEP + lane]), x)
        outer, inner = np.sqrt(gamma + x), np.sqrt(gamma - x)
        is_low = c <= 0.5 - 0.5 * (u * u / m) / (1.0 + np.sqrt(max(1.0 - u * u, 0.0)))
        total = outer + inner
        s = (2.0 * x / total if total > 0.0 else 0.0) if is_low else total
        # At the money the price is no more than s / sqrt(2 pi): a floor where the formula has lost its digits.
        room[_STDEV + lane] = max(s, _SQRT_2PI * c)


@njit(cache=True, error_model="numpy", nogil=True, forceinline=True)
def _share(x: Any, s: Any):  # type: ignore[no-untyped-def]
    """Price over its maximum, one less that, the density at d1 without its constant, d1 and d2."""
    d1 = x / s + 0.5 * s
    d2 = d1 - s
    density = bounded_exp(-0.5 * d1 * d1)
    tail_1, tail_2 = two_tail_ratios(min(abs(d1), _DISTANCE_MAX), min(abs(d2), _DISTANCE_MAX))
    below = d1 < 0.0
    c = density * (tail_1 - tail_2) if below else 1.0 - density * (tail_1 + tail_2)
    rest = 1.0 - density * (tail_1 - tail_2) if below else density * (tail_1 + tail_2)
    return max(c, 1e-305), max(rest, 1e-305), density, d1, d2


@njit(cache=True, error_model="numpy", nogil=True, forceinline=True)
def _exp_of_small(x: Any):  # type: ignore[no-untyped-def]
    """Exponential to third order: steps are small, and the next one mends what is missing."""
    return 1.0 + x * (1.0 + x * (0.5 + x * 0.16666666666666666))


@njit(cache=True, error_model="numpy", nogil=True)
def _halley(room: Any):  # type: ignore[no-untyped-def]
    """One step of every quote."""
    for lane in range(LANES):
        c, rest, density, _d1, _d2 = _share(room[_X + lane], room[_STDEV + lane])
        target = room[_SHARE + lane]
        room[_CHEAP + lane] = c
        room[_REST + lane] = rest
        room[_DENSITY + lane] = density
        room[_GAP + lane] = c * (1.0 - target) / (target * rest)
    for lane in range(LANES):
        room[_GAP + lane] = positive_log(room[_GAP + lane])
    for lane in range(LANES):
        x, s, c, rest = room[_X + lane], room[_STDEV + lane], room[_CHEAP + lane], room[_REST + lane]
        d1 = x / s + 0.5 * s
        slope = s * INV_SQRT_2PI * max(room[_DENSITY + lane], 1e-300) / (c * rest)
        bend = d1 * (d1 - s) - slope * (rest - c) + 1.0
        newton = room[_GAP + lane] / slope
        step = newton / (1.0 - 0.5 * newton * bend)
        step = step if abs(step) < 1.0 else (1.0 if newton > 0.0 else -1.0)
        room[_STEP + lane] = step
        room[_STDEV + lane] = s * _exp_of_small(-step)


@njit(cache=True, error_model="numpy", nogil=True)
def _bisect_black(x: Any, target: Any):  # type: ignore[no-untyped-def]
    """Standard deviation of one stubborn quote, NaN where the price has no digits to tell it."""
    low, high = 1e-12, 100.0
    for _ in range(200):
        middle = np.sqrt(low * high)
        c, rest, _density, _d1, _d2 = _share(x, middle)
        if c * (1.0 - target) < target * rest:
            low = middle
        else:
            high = middle
    c, rest, _density, _d1, _d2 = _share(x, low)
    gap = c * (1.0 - target) / (target * rest)
    return low if abs(gap - 1.0) < 1e-6 else np.nan


@njit(cache=True, error_model="numpy", nogil=True)
def _settle(  # type: ignore[no-untyped-def]
    base: Any, lanes: Any, bad: Any, is_black: Any, room: Any, vol: Any, code: Any
):
    """Volatilities from standard deviations; what has not settled is bisected or given up."""
    open_ = 0
    for lane in range(LANES):
        settled = (abs(room[_STEP + lane]) < _SETTLED) & (room[_SHARE + lane] > _SHARE_MIN)
        open_ += 0 if settled else 1
        room[_STDEV + lane] = room[_STDEV + lane] / np.sqrt(room[_YEARS + lane])
    start, count = np.uint64(base), np.uint64(lanes)
    for lane in range(count):
        vol[start + lane] = room[np.uint64(_STDEV) + lane]
    for lane in range(lanes):
        code[base + lane] = 0
    if bad + open_ > 0:
        for lane in range(lanes):
            if room[_CODE + lane] != 0.0:
                vol[base + lane] = np.nan
                code[base + lane] = np.uint8(room[_CODE + lane])
            elif not abs(room[_STEP + lane]) < _SETTLED or room[_SHARE + lane] <= _SHARE_MIN:
                found = np.nan
                if is_black > 0.0 and room[_SHARE + lane] > _SHARE_MIN:
                    found = _bisect_black(room[_X + lane], room[_SHARE + lane]) / np.sqrt(room[_YEARS + lane])
                vol[base + lane] = found
                code[base + lane] = 0 if found == found else CONVERGENCE


@njit(cache=True, error_model="numpy", nogil=True)
def _guess_bachelier(room: Any):  # type: ignore[no-untyped-def]
    """First standard deviation in price units, good to a third of a percent.

    The form is that of Choi, Kim, Kwak 2009: the square root of how far a straddle is from its intrinsic value, times a
    polynomial in it, fitted here.
    """
    for lane in range(LANES):
        cheap, apart = room[_CHEAP + lane], abs(room[_FORWARD + lane] - room[_STRIKE + lane])
        straddle = 2.0 * cheap + apart
        room[_X + lane] = apart
        room[_SHARE + lane] = cheap / (cheap + apart)
        room[_REST + lane] = apart / straddle
        room[_GAP + lane] = positive_log((cheap + apart) / cheap)
        room[_STDEV + lane] = straddle
    for lane in range(LANES):
        part, depth = room[_REST + lane], room[_GAP + lane]
        eta = 2.0 * part / depth if part > 1e-4 else 1.0
        factor = 0.4017 + eta * (0.770898 + eta * (-0.196106 + eta * 0.023479))
        room[_STDEV + lane] = room[_STDEV + lane] * 0.5 * _SQRT_2PI * np.sqrt(eta) * factor


@njit(cache=True, error_model="numpy", nogil=True)
def _halley_bachelier(room: Any):  # type: ignore[no-untyped-def]
    """One step of every quote, for the logarithm of the price as a function of that of the standard deviation."""
    for lane in range(LANES):
        s = room[_STDEV + lane]
        z = min(room[_X + lane] / s, _DISTANCE_MAX)
        density = bounded_exp(-0.5 * z * z)
        worth = max(s * density * (INV_SQRT_2PI - z * tail_ratio(z)), 1e-305)
        slope = s * INV_SQRT_2PI * max(density, 1e-300) / worth
        room[_DENSITY + lane] = slope
        room[_REST + lane] = z * z - slope + 1.0
        room[_GAP + lane] = worth / room[_CHEAP + lane]
    for lane in range(LANES):
        newton = positive_log(room[_GAP + lane]) / room[_DENSITY + lane]
        step = newton / (1.0 - 0.5 * newton * room[_REST + lane])
        step = step if abs(step) < 1.0 else (1.0 if newton > 0.0 else -1.0)
        room[_STEP + lane] = step
        room[_STDEV + lane] = room[_STDEV + lane] * _exp_of_small(-step)


@njit(cache=True, error_model="numpy", nogil=True)
def _stage_quotes(  # type: ignore[no-untyped-def]
    price: Any,
    forward: Any,
    discount: Any,
    strike: Any,
    years: Any,
    right: Any,
    base: Any,
    lanes: Any,
    room: Any,
):
    """The inputs of a block; what lies beyond the end is a quote without fault."""
    stage(price, base, lanes, _PRICE, room)
    stage(forward, base, lanes, _FORWARD, room)
    stage(discount, base, lanes, _DISCOUNT, room)
    stage(strike, base, lanes, _STRIKE, room)
    stage(years, base, lanes, _YEARS, room)
    stage(right, base, lanes, _RIGHT, room)
    for lane in range(lanes, LANES):
        for row in (_FORWARD, _DISCOUNT, _STRIKE, _YEARS, _RIGHT):
            room[row + lane] = 1.0
        room[_PRICE + lane] = 0.1


@njit(cache=True, error_model="numpy", nogil=True)
def black_implied(  # type: ignore[no-untyped-def]
    price: Any,
    forward: Any,
    discount: Any,
    strike: Any,
    years: Any,
    right: Any,
    room: Any,
    vol: Any,
    code: Any,
):
    """Black 1976; inputs of length n or 1, `vol` and `code` of n."""
    for base in range(0, len(code), LANES):
        lanes = min(LANES, len(code) - base)
        _stage_quotes(price, forward, discount, strike, years, right, base, lanes, room)
        bad = _weed(1.0, room)
        _guess(room)
        for _ in range(_STEPS):
            _halley(room)
        _settle(base, lanes, bad, 1.0, room, vol, code)


@njit(cache=True, error_model="numpy", nogil=True)
def bachelier_implied(  # type: ignore[no-untyped-def]
    price: Any,
    forward: Any,
    discount: Any,
    strike: Any,
    years: Any,
    right: Any,
    room: Any,
    vol: Any,
    code: Any,
):
    """Bachelier 1900; inputs of length n or 1, `vol` (price units) and `code` of n."""
    for base in range(0, len(code), LANES):
        lanes = min(LANES, len(code) - base)
        _stage_quotes(price, forward, discount, strike, years, right, base, lanes, room)
        bad = _weed(0.0, room)
        _guess_bachelier(room)
        for _ in range(_STEPS - 1):
            _halley_bachelier(room)
        _settle(base, lanes, bad, 0.0, room, vol, code)


share_compiled(globals(), wide=True)
