"""Prices and greeks of many European options: blocks of `LANES` options in one buffer, one short loop for each step.

Everything stands in one buffer, in rows of `LANES` at fixed places: the compiler can then prove that no two rows
overlap, and works on several options at once. The loops are short because a long one waits for its own results: the
processor sees only a few hundred instructions ahead. Nothing fuses or reorders, so plain Python gives the same bits.
The answers of a block are copied out column by column between the loops of the next one: memory takes them while the
processor reckons, which is a sixth faster than all at once.

The out-of-the-money side is priced, and the other by parity from it: no option is the small difference of large
numbers. A bad option is replaced by a harmless one, and its answers by NaN at the end, so that no loop has a branch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.options._normal_kernels import INV_SQRT_2PI, bounded_exp, exp_row, positive_log, tail_ratio, two_tail_ratios

__all__ = ["COLUMNS", "LANES", "ROOM", "bachelier_greeks", "black_greeks", "spot_greeks", "stage"]

LANES = 128
"""Options that advance together. It has no part in the result."""
COLUMNS = 12
"""Price, delta, gamma, vega, theta, rho, vanna, charm, vomma, veta, speed, color."""

_UNDER, _STRIKE, _YEARS, _VOL, _RATE, _YIELD, _DISCOUNT, _RIGHT, _CODE = (row * LANES for row in range(9))
_CARRY, _GROWTH, _RATIO, _ROOT, _PER_STDEV, _D1, _D2 = (row * LANES for row in range(9, 16))
_DENSITY, _BELOW_1, _BELOW_2 = (row * LANES for row in range(16, 19))
_OUT = 19 * LANES
_SPARE = _BELOW_1
ROOM = (19 + COLUMNS) * LANES
"""Float64 values of working memory."""

# Within these bounds nothing overflows; what lies beyond them is no option.
PRICE_MIN, PRICE_MAX = 1e-100, 1e100
YEARS_MIN, YEARS_MAX = 1e-9, 1e4
VOL_MIN, VOL_MAX = 1e-12, 1e6
RATE_MAX, GROWTH_MAX = 10.0, 50.0
DISCOUNT_MIN, DISCOUNT_MAX = 1.9287498479639178e-22, 5.184705528587072e21  # exp of -50 and of 50
_DISTANCE_MAX = 1e5

# The numbers of `argus.options.reasons.Reason`.
NOT_FINITE, EXPIRED, STRIKE, FORWARD, DISCOUNT, VOL, RIGHT, YIELD = 1, 2, 3, 4, 5, 9, 10, 20


@njit(cache=True, error_model="numpy", nogil=True)
def stage(column: Any, base: Any, lanes: Any, row: Any, room: Any):  # type: ignore[no-untyped-def]
    """Lay a part of a column, or the one number that stands for all of it, into a row; lanes beyond the end are 1."""
    # Unsigned places cannot count from the end, which would cost a question for each number.
    start, place, count = np.uint64(base), np.uint64(row), np.uint64(lanes)
    if len(column) == 1:
        value = np.float64(column[0])
        for lane in range(np.uint64(LANES)):
            room[place + lane] = value
    else:
        for lane in range(count):
            room[place + lane] = column[start + lane]
        for lane in range(count, np.uint64(LANES)):
            room[place + lane] = 1.0


@njit(cache=True, error_model="numpy", nogil=True)
def _count_bad(price_min: Any, vol_max: Any, room: Any):  # type: ignore[no-untyped-def]
    """Options of the block that cannot be priced: mostly none, and cheaper to ask at once than one by one."""
    fine = 0
    for lane in range(LANES):
        under, strike, years, vol = room[_UNDER + lane], room[_STRIKE + lane], room[_YEARS + lane], room[_VOL + lane]
        rate, dividend, right = room[_RATE + lane], room[_YIELD + lane], room[_RIGHT + lane]
        # NaN fails every comparison.
        good = (under > price_min) & (under < PRICE_MAX) & (strike > price_min) & (strike < PRICE_MAX)
        good &= (years >= YEARS_MIN) & (years < YEARS_MAX) & (vol >= VOL_MIN) & (vol < vol_max) & (right * right == 1.0)
        good &= (abs(rate) <= RATE_MAX) & (abs(rate * years) <= GROWTH_MAX)
        good &= (abs(dividend) <= RATE_MAX) & (abs(dividend * years) <= GROWTH_MAX)
        fine += 1 if good else 0
    return LANES - fine


@njit(cache=True, error_model="numpy", nogil=True)
def _fault(price_min: Any, vol_max: Any, lane: Any, room: Any):  # type: ignore[no-untyped-def]
    """Reason against one option of the block, 0 without; the gravest is asked first."""
    under, strike, years, vol = room[_UNDER + lane], room[_STRIKE + lane], room[_YEARS + lane], room[_VOL + lane]
    rate, dividend, right = room[_RATE + lane], room[_YIELD + lane], room[_RIGHT + lane]
    size = abs(under) + abs(strike) + abs(years) + abs(vol) + abs(rate) + abs(dividend) + abs(right)
    if not size < np.inf or max(abs(under), abs(strike)) >= PRICE_MAX or years >= YEARS_MAX or vol >= vol_max:
        return NOT_FINITE
    if right * right != 1.0:
        return RIGHT
    if years < YEARS_MIN:
        return EXPIRED
    if strike <= price_min:
        return STRIKE
    if under <= price_min:
        return FORWARD
    if vol < VOL_MIN:
        return VOL
    if abs(rate) > RATE_MAX or abs(rate * years) > GROWTH_MAX:
        return DISCOUNT
    if abs(dividend) > RATE_MAX or abs(dividend * years) > GROWTH_MAX:
        return YIELD
    return 0


@njit(cache=True, error_model="numpy", nogil=True)
def _weed(price_min: Any, vol_max: Any, room: Any):  # type: ignore[no-untyped-def]
    """Write reasons, and put a harmless option in the place of each bad one."""
    bad = _count_bad(price_min, vol_max, room)
    if bad > 0:
        for lane in range(LANES):
            code = _fault(price_min, vol_max, lane, room)
            room[_CODE + lane] = code
            if code != 0:
                for row in (_UNDER, _STRIKE, _YEARS, _VOL, _RIGHT, _DISCOUNT):
                    room[row + lane] = 1.0
                room[_RATE + lane] = 0.0
                room[_YIELD + lane] = 0.0
    return bad


@njit(cache=True, error_model="numpy", nogil=True)
def _rate_of_discount(room: Any):  # type: ignore[no-untyped-def]
    """The rate that a discount stands for; one beyond all bounds where there is none."""
    for lane in range(LANES):
        discount = room[_DISCOUNT + lane]
        is_usable = (discount > DISCOUNT_MIN) & (discount < DISCOUNT_MAX)
        missing = 2.0 * RATE_MAX + (discount - discount)
        years = room[_YEARS + lane]
        rate = -positive_log(discount if is_usable else 1.0) / (years if years > 0.0 else 1.0)
        rate = rate if is_usable else missing
        room[_RATE + lane] = rate
        room[_YIELD + lane] = rate


@njit(cache=True, error_model="numpy", nogil=True)
def _hold_forward(room: Any):  # type: ignore[no-untyped-def]
    """The underlying is the forward itself."""
    for lane in range(LANES):
        room[_CARRY + lane] = 0.0
        room[_GROWTH + lane] = 1.0


@njit(cache=True, error_model="numpy", nogil=True)
def _carry(room: Any):  # type: ignore[no-untyped-def]
    """Carry, and the logarithms of discount and growth, from rate and yield."""
    for lane in range(LANES):
        rate = room[_RATE + lane]
        carry = rate - room[_YIELD + lane]
        room[_CARRY + lane] = carry
        room[_DISCOUNT + lane] = -rate * room[_YEARS + lane]
        room[_GROWTH + lane] = carry * room[_YEARS + lane]


@njit(cache=True, error_model="numpy", nogil=True)
def _distances(room: Any):  # type: ignore[no-untyped-def]
    """The two distances in standard deviations, and the logarithm of the density there."""
    for lane in range(LANES):
        ratio = room[_UNDER + lane] * room[_GROWTH + lane] / room[_STRIKE + lane]
        room[_RATIO + lane] = ratio
        root = np.sqrt(room[_YEARS + lane])
        stdev = room[_VOL + lane] * root
        per_stdev = 1.0 / stdev
        d1 = positive_log(ratio) * per_stdev + 0.5 * stdev
        room[_ROOT + lane] = root
        room[_PER_STDEV + lane] = per_stdev
        room[_D1 + lane] = d1
        room[_D2 + lane] = d1 - stdev
        room[_DENSITY + lane] = -0.5 * d1 * d1


@njit(cache=True, error_model="numpy", nogil=True)
def _tails(room: Any):  # type: ignore[no-untyped-def]
    """The probabilities below the two distances, on the out-of-the-money side."""
    for lane in range(LANES):
        d1, d2, ratio, density = room[_D1 + lane], room[_D2 + lane], room[_RATIO + lane], room[_DENSITY + lane]
        tail_1, tail_2 = two_tail_ratios(min(abs(d1), _DISTANCE_MAX), min(abs(d2), _DISTANCE_MAX))
        tail_1 = density * tail_1
        tail_2 = density * ratio * tail_2
        is_call = ratio < 1.0
        room[_BELOW_1 + lane] = tail_1 if (d1 < 0.0) == is_call else 1.0 - tail_1
        room[_BELOW_2 + lane] = tail_2 if (d2 < 0.0) == is_call else 1.0 - tail_2


@njit(cache=True, error_model="numpy", nogil=True)
def _black_low(moves: Any, room: Any):  # type: ignore[no-untyped-def]
    """Price and the greeks to second order; `moves` is 1 where a rate moves the forward, 0 where it is held."""
    for lane in range(LANES):
        right, years, under, root = room[_RIGHT + lane], room[_YEARS + lane], room[_UNDER + lane], room[_ROOT + lane]
        strike, growth, discount = room[_STRIKE + lane], room[_GROWTH + lane], room[_DISCOUNT + lane]
        carry, per_stdev, d2, vol = room[_CARRY + lane], room[_PER_STDEV + lane], room[_D2 + lane], room[_VOL + lane]
        below_1 = room[_BELOW_1 + lane]
        forward = under * growth
        side = 1.0 if room[_RATIO + lane] < 1.0 else -1.0
        cheap = side * (forward * below_1 - strike * room[_BELOW_2 + lane])
        price = discount * (max(cheap, 0.0) + max(right * (forward - strike), 0.0))
        per_under = discount * growth
        delta = per_under * right * (below_1 if right == side else 1.0 - below_1)
        density = per_under * INV_SQRT_2PI * room[_DENSITY + lane]
        vega = under * density * root
        per_root = vol * per_stdev
        drift = carry * per_stdev - 0.5 * d2 * per_root * per_root
        per_vol = root * per_stdev
        carried = under * (carry * delta + 0.5 * density * vol * per_root)
        room[_OUT + lane] = price
        room[_OUT + LANES + lane] = delta
        room[_OUT + 2 * LANES + lane] = density * per_stdev / under
        room[_OUT + 3 * LANES + lane] = vega
        room[_OUT + 4 * LANES + lane] = room[_RATE + lane] * price - carried
        room[_OUT + 5 * LANES + lane] = years * (moves * under * delta - price)
        room[_OUT + 6 * LANES + lane] = -density * d2 * per_vol
        room[_OUT + 7 * LANES + lane] = room[_YIELD + lane] * delta - density * drift
        room[_OUT + 8 * LANES + lane] = vega * room[_D1 + lane] * d2 * per_vol


@njit(cache=True, error_model="numpy", nogil=True)
def _black_high(room: Any):  # type: ignore[no-untyped-def]
    """Veta, speed and color."""
    for lane in range(LANES):
        d1, per_stdev = room[_D1 + lane], room[_PER_STDEV + lane]
        gamma, vega = room[_OUT + 2 * LANES + lane], room[_OUT + 3 * LANES + lane]
        per_root = room[_VOL + lane] * per_stdev
        half_rate = 0.5 * per_root * per_root
        fade = room[_YIELD + lane] + d1 * (room[_CARRY + lane] * per_stdev - room[_D2 + lane] * half_rate)
        room[_OUT + 9 * LANES + lane] = vega * (fade - half_rate)
        room[_OUT + 10 * LANES + lane] = -gamma / room[_UNDER + lane] * (d1 * per_stdev + 1.0)
        room[_OUT + 11 * LANES + lane] = gamma * (fade + half_rate)


@njit(cache=True, error_model="numpy", nogil=True)
def _bachelier_distances(room: Any):  # type: ignore[no-untyped-def]
    """Distance, density and probability on the out-of-the-money side where the forward moves by amounts."""
    for lane in range(LANES):
        root = np.sqrt(room[_YEARS + lane])
        per_stdev = 1.0 / (room[_VOL + lane] * root)
        distance = (room[_UNDER + lane] - room[_STRIKE + lane]) * per_stdev
        distance = max(min(distance, _DISTANCE_MAX), -_DISTANCE_MAX)
        density = bounded_exp(-0.5 * distance * distance)
        room[_ROOT + lane] = root
        room[_PER_STDEV + lane] = per_stdev
        room[_D1 + lane] = distance
        room[_DENSITY + lane] = density
        room[_BELOW_1 + lane] = density * tail_ratio(abs(distance))


@njit(cache=True, error_model="numpy", nogil=True)
def _bachelier(room: Any):  # type: ignore[no-untyped-def]
    """Price and all greeks of the model where the forward moves by amounts."""
    for lane in range(LANES):
        right, years, discount, rate = (
            room[_RIGHT + lane],
            room[_YEARS + lane],
            room[_DISCOUNT + lane],
            room[_RATE + lane],
        )
        vol, root, per_stdev, d = room[_VOL + lane], room[_ROOT + lane], room[_PER_STDEV + lane], room[_D1 + lane]
        tail, gain = room[_BELOW_1 + lane], room[_UNDER + lane] - room[_STRIKE + lane]
        density = discount * INV_SQRT_2PI * room[_DENSITY + lane]
        cheap = vol * root * density - discount * abs(gain) * tail
        price = max(cheap, 0.0) + discount * max(right * gain, 0.0)
        delta = discount * right * (tail if right * d < 0.0 else 1.0 - tail)
        gamma, vega = density * per_stdev, density * root
        half_rate = 0.5 / years
        room[_OUT + lane] = price
        room[_OUT + LANES + lane] = delta
        room[_OUT + 2 * LANES + lane] = gamma
        room[_OUT + 3 * LANES + lane] = vega
        room[_OUT + 4 * LANES + lane] = rate * price - half_rate * vega * vol
        room[_OUT + 5 * LANES + lane] = -years * price
        room[_OUT + 6 * LANES + lane] = -gamma * d * root
        room[_OUT + 7 * LANES + lane] = rate * delta + density * d * half_rate
        room[_OUT + 8 * LANES + lane] = gamma * d * d * years
        room[_OUT + 9 * LANES + lane] = vega * (rate - half_rate * (1.0 + d * d))
        room[_OUT + 10 * LANES + lane] = -gamma * d * per_stdev
        room[_OUT + 11 * LANES + lane] = gamma * (rate + half_rate * (1.0 - d * d))


@njit(cache=True, error_model="numpy", nogil=True)
def _mark(base: Any, lanes: Any, bad: Any, room: Any, code: Any):  # type: ignore[no-untyped-def]
    """Write the reasons of the block, and NaN for the answers of its bad options."""
    for lane in range(lanes):
        code[base + lane] = 0
    if bad > 0:
        for lane in range(lanes):
            if room[_CODE + lane] != 0.0:
                code[base + lane] = np.uint8(room[_CODE + lane])
                for column in range(COLUMNS):
                    room[_OUT + column * LANES + lane] = np.nan


@njit(cache=True, error_model="numpy", nogil=True)
def _hand_over(column: Any, base: Any, room: Any, out: Any, code: Any):  # type: ignore[no-untyped-def]
    """Copy one column, if it is asked for, of the block before `base`; `out` holds its columns one after the other."""
    if base > 0 and (column + 1) * len(code) <= len(out):
        start, row = np.uint64(column * len(code) + base - LANES), np.uint64(_OUT + column * LANES)
        for lane in range(np.uint64(LANES)):
            out[start + lane] = room[row + lane]


@njit(cache=True, error_model="numpy", nogil=True)
def _hand_over_last(room: Any, out: Any, code: Any):  # type: ignore[no-untyped-def]
    """Copy all columns of the last block."""
    count = len(code)
    if count > 0:
        base = (count - 1) // LANES * LANES
        for column in range(len(out) // count):
            for lane in range(count - base):
                out[column * count + base + lane] = room[_OUT + column * LANES + lane]


@njit(cache=True, error_model="numpy", nogil=True)
def _black(moves: Any, base: Any, lanes: Any, bad: Any, room: Any, out: Any, code: Any):  # type: ignore[no-untyped-def]
    """The answers of the block, from its discount, carry and growth; hands over from the sixth column on."""
    _distances(room)
    _hand_over(5, base, room, out, code)
    exp_row(LANES, _DENSITY, _SPARE, room)
    _hand_over(6, base, room, out, code)
    _hand_over(7, base, room, out, code)
    _tails(room)
    _hand_over(8, base, room, out, code)
    for column in range(9, COLUMNS):
        _hand_over(column, base, room, out, code)
    _black_low(moves, room)
    if len(out) > 9 * len(code):
        _black_high(room)
    _mark(base, lanes, bad, room, code)


@njit(cache=True, error_model="numpy", nogil=True)
def spot_greeks(  # type: ignore[no-untyped-def]
    spot: Any,
    strike: Any,
    years: Any,
    vol: Any,
    rate: Any,
    dividend: Any,
    right: Any,
    room: Any,
    out: Any,
    code: Any,
):
    """Black-Scholes with a dividend yield; inputs of length n or 1, `out` of n, 9 n or 12 n, `code` of n."""
    for base in range(0, len(code), LANES):
        lanes = min(LANES, len(code) - base)
        stage(spot, base, lanes, _UNDER, room)
        stage(strike, base, lanes, _STRIKE, room)
        stage(years, base, lanes, _YEARS, room)
        stage(vol, base, lanes, _VOL, room)
        stage(rate, base, lanes, _RATE, room)
        stage(dividend, base, lanes, _YIELD, room)
        stage(right, base, lanes, _RIGHT, room)
        _hand_over(0, base, room, out, code)
        bad = _weed(PRICE_MIN, VOL_MAX, room)
        _hand_over(1, base, room, out, code)
        _carry(room)
        _hand_over(2, base, room, out, code)
        exp_row(LANES, _DISCOUNT, _SPARE, room)
        _hand_over(3, base, room, out, code)
        exp_row(LANES, _GROWTH, _SPARE, room)
        _hand_over(4, base, room, out, code)
        _black(1.0, base, lanes, bad, room, out, code)
    _hand_over_last(room, out, code)


@njit(cache=True, error_model="numpy", nogil=True)
def _stage_forward(  # type: ignore[no-untyped-def]
    forward: Any,
    discount: Any,
    strike: Any,
    years: Any,
    vol: Any,
    right: Any,
    base: Any,
    lanes: Any,
    room: Any,
    out: Any,
    code: Any,
):
    """The inputs of a block, for models of a forward; hands over two columns."""
    stage(forward, base, lanes, _UNDER, room)
    stage(discount, base, lanes, _DISCOUNT, room)
    stage(strike, base, lanes, _STRIKE, room)
    stage(years, base, lanes, _YEARS, room)
    stage(vol, base, lanes, _VOL, room)
    stage(right, base, lanes, _RIGHT, room)
    _hand_over(0, base, room, out, code)
    _rate_of_discount(room)
    _hand_over(1, base, room, out, code)


@njit(cache=True, error_model="numpy", nogil=True)
def black_greeks(  # type: ignore[no-untyped-def]
    forward: Any,
    discount: Any,
    strike: Any,
    years: Any,
    vol: Any,
    right: Any,
    room: Any,
    out: Any,
    code: Any,
):
    """Black 1976; inputs of length n or 1, `out` of n, 9 n or 12 n, `code` of n."""
    for base in range(0, len(code), LANES):
        lanes = min(LANES, len(code) - base)
        _stage_forward(forward, discount, strike, years, vol, right, base, lanes, room, out, code)
        _hand_over(2, base, room, out, code)
        bad = _weed(PRICE_MIN, VOL_MAX, room)
        _hand_over(3, base, room, out, code)
        _hold_forward(room)
        _hand_over(4, base, room, out, code)
        _black(0.0, base, lanes, bad, room, out, code)
    _hand_over_last(room, out, code)


@njit(cache=True, error_model="numpy", nogil=True)
def bachelier_greeks(  # type: ignore[no-untyped-def]
    forward: Any,
    discount: Any,
    strike: Any,
    years: Any,
    vol: Any,
    right: Any,
    room: Any,
    out: Any,
    code: Any,
):
    """Bachelier 1900 on a forward; inputs of length n or 1, `out` of n, 9 n or 12 n, `code` of n."""
    for base in range(0, len(code), LANES):
        lanes = min(LANES, len(code) - base)
        _stage_forward(forward, discount, strike, years, vol, right, base, lanes, room, out, code)
        bad = _weed(-PRICE_MAX, PRICE_MAX, room)
        for column in range(2, 6):
            _hand_over(column, base, room, out, code)
        _bachelier_distances(room)
        for column in range(6, COLUMNS):
            _hand_over(column, base, room, out, code)
        _bachelier(room)
        _mark(base, lanes, bad, room, code)
    _hand_over_last(room, out, code)


share_compiled(globals(), wide=True)
