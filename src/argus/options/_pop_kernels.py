"""Kernels of the paths on which a position is followed: where the spot goes, what closing brings, when it is closed.

Paths lie in columns, so that a step is one row over all of them. A path is a pure function of the key and its number:
any worker can make any part with the same bits. Arrays that advance are the caller's; nothing is made here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, uint64

from argus.core._random_kernels import portable_exp, portable_log, random_bits, random_normal_pair
from argus.core._sharing_kernels import share_compiled

__all__ = ["diffuse_block", "exit_block", "mark_block", "redraw_block", "touch_block"]

_LOW = uint64(0xFFFFFFFF)
_HALF = uint64(32)
_ONE = uint64(1)
_ZERO = uint64(0)


@njit(cache=True, error_model="numpy", nogil=True)
def diffuse_block(  # type: ignore[no-untyped-def]
    spot: Any, drift: Any, vol: Any, elapsed: Any, key: Any, first: Any, last: Any, out: Any
):
    """Geometric Brownian motion, exact at each step, of paths `first` to `last` (exclusive).

    Parameters
    ----------
    spot, drift, vol : float
        Start; annual growth of the mean; annual volatility.
    elapsed : (steps,) float64
        Years from the start, ascending.
    key : uint64
    first, last : int
    out : (steps, last - first) float64
        Spots.
    """
    steps, lanes = len(elapsed), last - first
    pairs = (steps + 1) // 2
    lean = drift - 0.5 * vol * vol
    start = portable_log(spot)
    for pair in range(pairs):
        step = 2 * pair
        before = elapsed[step - 1] if step > 0 else 0.0
        span = elapsed[step] - before
        shift, scale = lean * span, vol * np.sqrt(span)
        is_whole = step + 1 < steps
        span = elapsed[step + 1] - elapsed[step] if is_whole else 0.0
        shift_next, scale_next = lean * span, vol * np.sqrt(span)
        for lane in range(lanes):
            x, y = random_normal_pair(key, (first + lane) * pairs + pair)
            level = (out[step - 1, lane] if step > 0 else start) + shift + scale * x
            out[step, lane] = level
            if is_whole:
                out[step + 1, lane] = level + shift_next + scale_next * y
    for step in range(steps):
        for lane in range(lanes):
            out[step, lane] = portable_exp(out[step, lane])


@njit(cache=True, error_model="numpy", nogil=True)
def redraw_block(  # type: ignore[no-untyped-def]
    sample: Any, spot: Any, restart: Any, sessions: Any, key: Any, first: Any, last: Any, out: Any
):
    """Paths of redrawn returns: the stationary bootstrap of Politis and Romano (1994), around the end of the sample.

    Parameters
    ----------
    sample : (n,) float64
        Logarithmic returns of a session, in the order of time.
    spot : float
    restart : uint64
        Probability that a block ends, times 2**32.
    sessions : (steps,) int64
        Sessions done at each step, ascending.
    key, first, last, out
        As in `diffuse_block`.
    """
    count = len(sample)
    size, words = uint64(count), uint64(sessions[len(sessions) - 1])
    for lane in range(last - first):
        counter = uint64(first + lane) * words
        place, level, done = _ZERO, portable_log(spot), 0
        for step in range(len(sessions)):
            while done < sessions[step]:
                drawn = random_bits(key, counter + uint64(done))
                onward = place + _ONE
                onward = onward if onward < size else _ZERO
                is_fresh = done == 0 or (drawn & _LOW) < restart
                place = ((drawn >> _HALF) * size) >> _HALF if is_fresh else onward
                level += sample[place]
                done += 1
            out[step, lane] = portable_exp(level)


@njit(cache=True, error_model="numpy", nogil=True, forceinline=True)
def _normal_cdf(x: Any):  # type: ignore[no-untyped-def]
    """Hart's rational form (West 2005, "Better approximations to cumulative normal functions"), without branches.

    Good to 1e-14 within 7 deviations; beyond, it stays at the 1e-12 there, which no mark can tell from its limit.
    """
    z = min(abs(x), 7.0)
    p = 3.52624965998911e-02
    p = p * z + 0.700383064443688
    p = p * z + 6.37396220353165
    p = p * z + 33.912866078383
    p = p * z + 112.079291497871
    p = p * z + 221.213596169931
    p = p * z + 220.206867912376
    q = 8.83883476483184e-02
    q = q * z + 1.75566716318264
    q = q * z + 16.064177579207
    q = q * z + 86.7807322029461
    q = q * z + 296.564248779674
    q = q * z + 637.333633378831
    q = q * z + 793.826512519948
    q = q * z + 440.413735824752
    below = portable_exp(-0.5 * z * z) * p / q
    return 1.0 - below if x > 0.0 else below


@njit(cache=True, error_model="numpy", nogil=True)
def _add_leg(  # type: ignore[no-untyped-def]
    legs: Any, leg: Any, left: Any, vol: Any, added: Any, spot: Any, row: Any
):
    """Add to `row` what closing the leg brings at each spot; its volatilities and what its right to be exercised early
    adds to Black's price stand in `vol` and `added`.
    """
    right, units, strike, rate, carry = legs[0, leg], legs[1, leg], legs[2, leg], legs[5, leg], legs[6, leg]
    half, is_early = legs[7, leg], legs[8, leg] != 0.0
    growth, discount, root = np.exp(carry * left), np.exp(-rate * left), np.sqrt(left)
    for lane in range(len(row)):
        width = vol[lane] * root
        forward = spot[lane] * growth
        d1 = portable_log(forward / strike) / width + 0.5 * width
        value = discount * right * (forward * _normal_cdf(right * d1) - strike * _normal_cdf(right * (d1 - width)))
        # No less than what exercising at once pays, if it may be.
        value = max(value + added[lane], right * (spot[lane] - strike)) if is_early else value
        row[lane] += units * (max(value - half, 0.0) if units > 0.0 else max(value, 0.0) + half)


@njit(cache=True, error_model="numpy", nogil=True)
def mark_block(  # type: ignore[no-untyped-def]
    spot: Any,
    vol_ratio: Any,
    start: Any,
    elasticity: Any,
    elapsed: Any,
    from_step: Any,
    legs: Any,
    added: Any,
    paid: Any,
    commission: Any,
    room: Any,
    out: Any,
):
    """Gain of each path if it were closed at each step, from `from_step` on.

    Parameters
    ----------
    spot : (steps, lanes) float64
    vol_ratio : (n or 1, steps, lanes) float64, or (0, 0, 0)
        Factor on the volatility of each leg, or of all; none where it is empty.
    start, elasticity : float
        The volatilities are multiplied by ``(spot / start) ** elasticity`` besides.
    elapsed : (steps,) float64
        Years from entry.
    legs : (9, n) float64
        Rows: right, units, strike, years, volatility, rate, carry, half-spread, and 1 where it may be exercised early.
        An option whose years are over pays what exercising it does, and closing it costs nothing.
    added : (n, steps, lanes) float64, or (1, 1, lanes) where no leg may be exercised early
        What that right adds to Black's price.
    paid : float
        What entering took.
    commission : float
        Of closing one unit.
    room : (lanes,) float64
        Working memory.
    out : (steps, lanes) float64
    """
    lanes = spot.shape[1]
    kinds = vol_ratio.shape[0]
    for step in range(from_step, spot.shape[0]):
        row = out[step]
        row[:] = -paid
        for leg in range(legs.shape[1]):
            right, units, strike = legs[0, leg], legs[1, leg], legs[2, leg]
            left, half = legs[3, leg] - elapsed[step], legs[7, leg]
            if right == 0.0:
                for lane in range(lanes):
                    row[lane] += units * (spot[step, lane] - half if units > 0.0 else spot[step, lane] + half)
            elif left <= 0.0:
                for lane in range(lanes):
                    row[lane] += units * max(right * (spot[step, lane] - strike), 0.0)
            else:
                for lane in range(lanes):
                    factor = vol_ratio[min(leg, kinds - 1), step, lane] if kinds > 0 else 1.0
                    if elasticity != 0.0:
                        factor *= portable_exp(elasticity * portable_log(spot[step, lane] / start))
                    room[lane] = legs[4, leg] * factor
                own = added[min(leg, added.shape[0] - 1), min(step, added.shape[1] - 1)]
                _add_leg(legs, leg, left, room, own, spot[step], row)
                for lane in range(lanes):
                    row[lane] -= abs(units) * commission


@njit(cache=True, error_model="numpy", nogil=True)
def exit_block(marks: Any, target: Any, stop: Any, pnl: Any, step_out: Any, why: Any):  # type: ignore[no-untyped-def]
    """Close each path at the first step whose gain reaches `target` or whose loss reaches `stop`, or at the last.

    Parameters
    ----------
    marks : (steps, lanes) float64
    target, stop : float
        Positive amounts; infinite for none.
    pnl : (lanes,) float64
    step_out : (lanes,) int64
    why : (lanes,) uint8
        0 the end, 1 the target, 2 the stop.
    """
    steps = marks.shape[0]
    for lane in range(marks.shape[1]):
        pnl[lane] = marks[steps - 1, lane]
        step_out[lane] = steps - 1
        why[lane] = 0
    for back in range(steps):
        # From the last step to the first: the earliest exit is written last.
        step = steps - 1 - back
        for lane in range(marks.shape[1]):
            mark = marks[step, lane]
            if mark >= target or mark <= -stop:
                pnl[lane] = mark
                step_out[lane] = step
                why[lane] = 1 if mark >= target else 2


@njit(cache=True, error_model="numpy", nogil=True)
def touch_block(  # type: ignore[no-untyped-def]
    spot: Any, start: Any, level: Any, vol: Any, elapsed: Any, out: Any
):
    """Probability that each path touched a level by its last step.

    Between two steps on one side of it, a diffusion of volatility `vol` touches with the probability of the Brownian
    bridge (Glasserman 2004, section 6.4); a volatility of 0 looks at the steps alone.

    Parameters
    ----------
    spot : (steps, lanes) float64
    start, level, vol : float
    elapsed : (steps,) float64
    out : (lanes,) float64
    """
    side = 1.0 if start < level else -1.0
    wall = portable_log(level)
    out[:] = 1.0
    for step in range(spot.shape[0]):
        span = elapsed[step] - (elapsed[step - 1] if step > 0 else 0.0)
        variance = vol * vol * span
        for lane in range(spot.shape[1]):
            before = side * (wall - portable_log(spot[step - 1, lane] if step > 0 else start))
            after = side * (wall - portable_log(spot[step, lane]))
            missed = 1.0 if before > 0.0 and after > 0.0 else 0.0
            if variance > 0.0:
                missed *= 1.0 - portable_exp(max(-2.0 * before * after / variance, -600.0)) if missed > 0.0 else 0.0
            out[lane] *= missed
    for lane in range(spot.shape[1]):
        out[lane] = 1.0 - out[lane]


share_compiled(globals())
