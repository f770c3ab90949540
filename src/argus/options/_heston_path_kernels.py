"""Kernels of Heston paths: Andersen's quadratic-exponential scheme, many paths side by side so that vector units fill.

`qe_step` is the scheme as one scalar function: state in, state out. The lanes here and the thread of a graphics card
call the same arithmetic, of ``+ - * /``, ``sqrt``, shifts and selections only, so that a path has the same bits on
either, compiled or not. `draw_row` and `step_row` do it for `LANES` paths at once; whoever follows paths by other
questions than the ones answered here (lowest, highest, first touch) calls these two and looks at the rows in between.

Source of the scheme: L. Andersen (2008), "Simple and efficient simulation of the Heston stochastic volatility model",
Journal of Computational Finance 11(3), with central weights (gamma 1/2) and the martingale correction of section 4.2.
Three things are written otherwise than there, with the same law:

* the quadratic variance ``a (b + Z)^2`` is ``(sqrt(r) + sqrt(m - r) Z)^2``, m being its mean, with
  ``r = sqrt(m^2 - s^2 / 2)``, s^2 its variance: no division;
* the exponential variance takes a uniform number of its own, not that behind Z, so that no normal has to be inverted;
* whether a variance is drawn one way or the other is asked of the variance itself, which psi falls with.

A stream's number ``path * steps + step`` belongs to one step of one path. Its 64 bits make the pair of normals: 32 for
the radius, 30 and two for the angle, which is finer by far than what any number of paths here can show. A second stream
makes the uniform numbers.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from numba import njit, uint64

from argus.core._random_kernels import (
    later_state,
    mixed_bits,
    portable_exp,
    portable_log,
    random_bits,
    stream_state,
    stream_stride,
)
from argus.core._sharing_kernels import share_compiled

__all__ = [
    "DRAWN_FLOATS",
    "LANES",
    "STATE_FLOATS",
    "draw_normals",
    "draw_row",
    "draw_uniform",
    "follow_block",
    "count_wild",
    "qe_step",
    "step_row",
    "walk_block",
]

LANES = 128
"""Paths that advance together. It has no part in the result."""

DRAWN_FLOATS = 3 * LANES
"""Float64 values of a row of deviates: normal of the price, normal of the variance, uniform."""
STATE_FLOATS = 12 * LANES
"""Float64 values of the state of `LANES` paths: log price, variance, lowest, highest, touches below and above; what
becomes of the variance; those of the exponential rule side by side."""

_V, _LOW, _HIGH, _TOUCH_LOW, _TOUCH_HIGH, _NEXT, _ROOT, _BEND = (row * LANES for row in range(1, 9))
_WILD_LANE, _WILD_V, _WILD_UNIFORM = (row * LANES for row in range(9, 12))
_NORMAL_VARIANCE, _UNIFORM = LANES, 2 * LANES

_HALF_ROOT_BITS = 0x3FE6A09E667F3BCD  # sqrt(1/2), so that what is left of a number lies around one
_UP_FROM_HALF_ROOT = 0x3FF0000000000000 - _HALF_ROOT_BITS
_FRACTION_BITS = 0x000FFFFFFFFFFFFF
_TWO_52_BITS = 0x4330000000000000
_TWO_52 = 4503599627370496.0
_TO_UNIT = 1.0 / 4294967296.0
_LOW_BITS = 0xFFFFFFFF
_ANGLE_BITS = ~3
_LN_2 = 0.6931471805599453
_QUARTER_TURN = 1.5707963267948966


@njit(cache=True, forceinline=True, error_model="numpy")
def _short_log(x: Any):  # type: ignore[no-untyped-def]
    """Logarithm of a normal positive double to 4e-11: `portable_log` with half of its terms."""
    bits = np.float64(x).view(np.int64) + _UP_FROM_HALF_ROOT
    k = np.int64((bits >> 52) | _TWO_52_BITS).view(np.float64) - (_TWO_52 + 1023.0)
    m = np.int64((bits & _FRACTION_BITS) + _HALF_ROOT_BITS).view(np.float64)
    s = (m - 1.0) / (m + 1.0)
    q = s * s
    q2 = q * q
    p = (2.0 / 3.0 + q * (2.0 / 5.0)) + q2 * ((2.0 / 7.0 + q * (2.0 / 9.0)) + q2 * (2.0 / 11.0))
    return k * _LN_2 + (2.0 * s + s * q * p)


@njit(cache=True, forceinline=True, error_model="numpy")
def _whole(bits: Any):  # type: ignore[no-untyped-def]
    """A whole number below 2**52 as a double."""
    return np.uint64(bits | _TWO_52_BITS).view(np.float64) - _TWO_52


@njit(cache=True, forceinline=True, error_model="numpy")
def _square(high: Any):  # type: ignore[no-untyped-def]
    """Squared distance of a pair of normals from zero, from a whole number of 32 random bits."""
    return -2.0 * _short_log((high + 0.5) * _TO_UNIT)


@njit(cache=True, forceinline=True, error_model="numpy")
def _direction(held: Any):  # type: ignore[no-untyped-def]
    """A point of the unit circle from 2**52 and 32 random bits: a quarter turn, and one within 45 degrees of zero."""
    bits = np.float64(held).view(np.int64)
    a = (((np.int64(bits & _ANGLE_BITS).view(np.float64) - _TWO_52) + 2.0) * _TO_UNIT - 0.5) * _QUARTER_TURN
    q = a * a
    q2 = q * q
    s = (-1.0 / 6.0 + q * (1.0 / 120.0)) + q2 * ((-1.0 / 5040.0 + q * (1.0 / 362880.0)) + q2 * (-1.0 / 39916800.0))
    sine = a + a * q * s
    c = (-1.0 / 720.0 + q * (1.0 / 40320.0)) + q2 * (-1.0 / 3628800.0 + q * (1.0 / 479001600.0))
    cosine = 1.0 + q * ((-0.5 + q * (1.0 / 24.0)) + q2 * c)
    swapped = (bits & 1) != 0
    flipped = (bits & 2) != 0
    x = -sine if swapped else cosine
    y = cosine if swapped else sine
    return -x if flipped else x, -y if flipped else y


@njit(cache=True, forceinline=True, error_model="numpy")
def draw_normals(key: Any, number: Any):  # type: ignore[no-untyped-def]
    """Two standard normal deviates: number `number` of the stream `key`, none beyond 6.8 (Box and Muller 1958)."""
    bits = random_bits(key, number)
    radius = sqrt(_square(_whole(bits >> 32)))
    x, y = _direction(_whole(bits & _LOW_BITS) + _TWO_52)
    return radius * x, radius * y


@njit(cache=True, forceinline=True, error_model="numpy")
def draw_uniform(key: Any, number: Any):  # type: ignore[no-untyped-def]
    """A deviate in the open interval (0, 1), of 32 bits: number `number` of the stream `key`."""
    return (_whole(random_bits(key, number) >> 32) + 0.5) * _TO_UNIT


@njit(cache=True, forceinline=True, error_model="numpy")
def _calm_variance(v: Any, normal: Any, terms: Any):  # type: ignore[no-untyped-def]
    """The next variance by the quadratic rule, the root r, and what its mean is above it; below the edge only r counts.

    Rounding may leave the variance a hair below zero, hence the floor.
    """
    mean = v * terms[1] + terms[2]
    square = mean * mean
    root = sqrt(square - 0.5 * (v * terms[3] + terms[4]) if v >= terms[5] else square)
    above = mean - root
    drawn = root + above * normal * normal + 2.0 * normal * sqrt(root * above)
    return drawn if drawn > 0.0 else 0.0, root, above


@njit(cache=True, forceinline=True, error_model="numpy")
def _wild_variance(v: Any, uniform: Any, terms: Any):  # type: ignore[no-untyped-def]
    """The next variance by the exponential rule, and half of the mean of those that are not zero."""
    mean = v * terms[1] + terms[2]
    share = 1.0 + (v * terms[3] + terms[4]) / (mean * mean)
    half = 0.5 * mean * share
    rise = _LN_2 - _short_log(share * uniform)
    return half * (rise if rise > 0.0 else 0.0), 0.5 * half


@njit(cache=True, forceinline=True, error_model="numpy")
def _short_onward(x: Any, v: Any, v_next: Any, root: Any, bend: Any, normal: Any, terms: Any):  # type: ignore[no-untyped-def]
    """The next log price, given what the variance did, where the correction takes logarithms of numbers near one.

    ``log(n) = 2 artanh((n - 1) / (n + 1))`` to 4e-14, and one division serves that and the correction's own.
    """
    is_calm = v >= terms[5]
    tilt, lift = 2.0 * terms[10] * bend, terms[10] * root
    room = 1.0 - tilt
    over = -tilt if is_calm else lift
    under = 1.0 + room if is_calm else 2.0 * room + lift
    inverse = 1.0 / (under * room)
    s = over * room * inverse
    q = s * s
    p = (2.0 / 3.0 + q * (2.0 / 5.0)) + q * q * (2.0 / 7.0)
    log = s * (2.0 + q * p)
    base = (0.5 * log - lift * under * inverse if is_calm else -log) - 0.5 * terms[9] * v
    return x + (terms[0] + base + terms[8] * v_next + sqrt(terms[9] * (v + v_next)) * normal)


@njit(cache=True, forceinline=True, error_model="numpy")
def _long_onward(x: Any, v: Any, v_next: Any, root: Any, bend: Any, normal: Any, terms: Any):  # type: ignore[no-untyped-def]
    """The same for steps of any length."""
    is_calm = v >= terms[5]
    room = 1.0 - 2.0 * terms[10] * bend
    drag = terms[10] * root / room
    inner = room if is_calm else 1.0 + drag
    # Where the expectation that the correction divides by does not exist, Andersen's plain constants stand.
    exists = (room > 0.0) & (inner > 0.0)
    log = portable_log(inner if exists else 1.0)
    base = (0.5 * log - drag if is_calm else -log) - 0.5 * terms[9] * v
    base = base if exists else terms[6] + terms[7] * v
    return x + (terms[0] + base + terms[8] * v_next + sqrt(terms[9] * (v + v_next)) * normal)


@njit(cache=True, error_model="numpy", nogil=True)
def qe_step(  # type: ignore[no-untyped-def]
    x: Any, v: Any, normal_spot: Any, normal_variance: Any, uniform: Any, terms: Any
):
    """Log price and variance one step on.

    Parameters
    ----------
    x, v : float
        Log of the price over the spot; annual variance, not negative.
    normal_spot, normal_variance, uniform : float
        Independent deviates, as `draw_normals` and `draw_uniform` make them. The antithetic path takes the negatives
        and ``1 - uniform``.
    terms : tuple of 12 float
        Of one step's length: `argus.options.heston_paths.qe_terms`.
    """
    v_next, root, bend = _calm_variance(v, normal_variance, terms)
    if v < terms[5]:
        v_next, bend = _wild_variance(v, uniform, terms)
    if terms[11] > 0.0:
        return _short_onward(x, v, v_next, root, bend, normal_spot, terms), v_next
    return _long_onward(x, v, v_next, root, bend, normal_spot, terms), v_next


@njit(cache=True, error_model="numpy", nogil=True)
def draw_row(keys: Any, first: Any, steps: Any, step: Any, wants_uniform: Any, drawn: Any):  # type: ignore[no-untyped-def]
    """Deviates of step `step` of paths `first` to ``first + LANES``, into the three rows of `drawn`."""
    begin, stride = uint64(first) * uint64(steps) + uint64(step), stream_stride(steps)
    state = stream_state(keys[0], begin)
    for lane in range(LANES):
        bits = mixed_bits(state)
        state = later_state(state, stride)
        drawn[lane] = _whole(bits >> 32)
        drawn[_NORMAL_VARIANCE + lane] = _whole(bits & _LOW_BITS) + _TWO_52
    for lane in range(LANES):
        drawn[lane] = _square(drawn[lane])
    for lane in range(LANES):
        radius = sqrt(drawn[lane])
        x, y = _direction(drawn[_NORMAL_VARIANCE + lane])
        drawn[lane] = radius * x
        drawn[_NORMAL_VARIANCE + lane] = radius * y
    if wants_uniform:
        state = stream_state(keys[1], begin)
        for lane in range(LANES):
            drawn[_UNIFORM + lane] = (_whole(mixed_bits(state) >> 32) + 0.5) * _TO_UNIT
            state = later_state(state, stride)


@njit(cache=True, error_model="numpy", nogil=True)
def count_wild(terms: Any, state: Any):  # type: ignore[no-untyped-def]
    """How many of these paths take their next variance, and a uniform deviate, by the exponential rule."""
    count = 0
    for lane in range(LANES):
        count += 1 if state[_V + lane] < terms[5] else 0
    return count


@njit(cache=True, error_model="numpy", nogil=True)
def _step_many_wild(sign: Any, terms: Any, drawn: Any, state: Any):  # type: ignore[no-untyped-def]
    """The variances of the wild paths, where they are: every path is drawn by both rules."""
    for lane in range(LANES):
        v = state[_V + lane]
        v_next, bend = _wild_variance(v, 0.5 + sign * (drawn[_UNIFORM + lane] - 0.5), terms)
        state[_NEXT + lane] = v_next if v < terms[5] else state[_NEXT + lane]
        state[_BEND + lane] = bend if v < terms[5] else state[_BEND + lane]


@njit(cache=True, error_model="numpy", nogil=True)
def _step_few_wild(sign: Any, terms: Any, drawn: Any, state: Any):  # type: ignore[no-untyped-def]
    """The same, side by side."""
    wild = 0
    for lane in range(LANES):
        state[_WILD_LANE + wild] = lane
        wild += 1 if state[_V + lane] < terms[5] else 0
    for place in range(wild):
        lane = int(state[_WILD_LANE + place])
        state[_WILD_V + place] = state[_V + lane]
        state[_WILD_UNIFORM + place] = 0.5 + sign * (drawn[_UNIFORM + lane] - 0.5)
    for place in range((wild + 7) // 8 * 8):  # whole vectors: what stands behind the last one is not looked at
        v_next, bend = _wild_variance(state[_WILD_V + place], state[_WILD_UNIFORM + place], terms)
        state[_WILD_V + place] = v_next
        state[_WILD_UNIFORM + place] = bend
    for place in range(wild):
        lane = int(state[_WILD_LANE + place])
        state[_NEXT + lane] = state[_WILD_V + place]
        state[_BEND + lane] = state[_WILD_UNIFORM + place]


@njit(cache=True, error_model="numpy", nogil=True)
def step_row(sign: Any, terms: Any, wild: Any, drawn: Any, state: Any):  # type: ignore[no-untyped-def]
    """One step of `LANES` paths: log prices in the first row of `state`, variances in the second.

    `sign` is 1.0, or -1.0 for the antithetic paths of the same deviates; `wild` is what `count_wild` says. Short
    loops keep the processor from waiting for the results of one long chain.
    """
    for lane in range(LANES):
        v_next, root, bend = _calm_variance(state[_V + lane], sign * drawn[_NORMAL_VARIANCE + lane], terms)
        state[_NEXT + lane] = v_next
        state[_ROOT + lane] = root
        state[_BEND + lane] = bend
    if wild > LANES // 4:
        _step_many_wild(sign, terms, drawn, state)
    elif wild > 0:
        _step_few_wild(sign, terms, drawn, state)
    if terms[11] > 0.0:
        for lane in range(LANES):
            v, v_next, root, bend = state[_V + lane], state[_NEXT + lane], state[_ROOT + lane], state[_BEND + lane]
            state[lane] = _short_onward(state[lane], v, v_next, root, bend, sign * drawn[lane], terms)
            state[_V + lane] = v_next
    else:
        for lane in range(LANES):
            v, v_next, root, bend = state[_V + lane], state[_NEXT + lane], state[_ROOT + lane], state[_BEND + lane]
            state[lane] = _long_onward(state[lane], v, v_next, root, bend, sign * drawn[lane], terms)
            state[_V + lane] = v_next


@njit(cache=True, error_model="numpy", nogil=True)
def _follow_row(now: Any, lower: Any, upper: Any, state: Any):  # type: ignore[no-untyped-def]
    """Lowest and highest log price so far, and the step at which a level was first reached (-1: not yet)."""
    for lane in range(LANES):
        x, low, high = state[lane], state[_LOW + lane], state[_HIGH + lane]
        state[_LOW + lane] = x if x < low else low
        state[_HIGH + lane] = x if x > high else high
        first_low, first_high = state[_TOUCH_LOW + lane], state[_TOUCH_HIGH + lane]
        state[_TOUCH_LOW + lane] = now if (x <= lower) & (first_low < 0.0) else first_low
        state[_TOUCH_HIGH + lane] = now if (x >= upper) & (first_high < 0.0) else first_high


@njit(cache=True, error_model="numpy", nogil=True)
def _begin_row(variance: Any, lower: Any, upper: Any, state: Any):  # type: ignore[no-untyped-def]
    for lane in range(LANES):
        state[lane] = 0.0
        state[_V + lane] = variance
        state[_LOW + lane] = 0.0
        state[_HIGH + lane] = 0.0
        state[_TOUCH_LOW + lane] = 0.0 if lower >= 0.0 else -1.0
        state[_TOUCH_HIGH + lane] = 0.0 if upper <= 0.0 else -1.0
        state[_WILD_V + lane] = 0.0
        state[_WILD_UNIFORM + lane] = 0.5


@njit(cache=True, error_model="numpy", nogil=True)
def follow_block(  # type: ignore[no-untyped-def]
    keys: Any,
    terms: Any,
    variance: Any,
    steps: Any,
    first: Any,
    last: Any,
    has_twins: Any,
    follows: Any,
    lower: Any,
    upper: Any,
    out: Any,
    drawn: Any,
    state: Any,
    twin: Any,
):
    """Walk draws `first` to `last` (exclusive) to the end, into columns of `out`.

    Parameters
    ----------
    keys : (2,) uint64
        Streams of the normal and of the uniform deviates.
    terms : tuple of 12 float
        See `qe_step`.
    variance : float
        Annual variance at the start.
    steps : int
    has_twins : bool
        False: draw i is path i. True: it is path ``2 i`` and, antithetic, path ``2 i + 1``.
    follows : bool
        Whether rows 2 to 5 of `out` are wanted.
    lower, upper : float
        Levels of the log price whose first touch is noted.
    out : (6, paths) float64
        Log price over spot, variance, lowest and highest log price (the start counts), steps at which the levels were
        first reached, -1 for never.
    drawn, state, twin : (DRAWN_FLOATS,), (STATE_FLOATS,), (STATE_FLOATS,) float64
        Working memory.
    """
    stride = 2 if has_twins else 1
    for base in range(first, last, LANES):
        _begin_row(variance, lower, upper, state)
        _begin_row(variance, lower, upper, twin)
        for step in range(steps):
            wild = count_wild(terms, state)
            wild_twins = count_wild(terms, twin) if has_twins else 0
            draw_row(keys, base, steps, step, wild + wild_twins > 0, drawn)
            step_row(1.0, terms, wild, drawn, state)
            if has_twins:
                step_row(-1.0, terms, wild_twins, drawn, twin)
            if follows:
                _follow_row(step + 1.0, lower, upper, state)
                if has_twins:
                    _follow_row(step + 1.0, lower, upper, twin)
        for row in range(6 if follows else 2):
            for lane in range(min(LANES, last - base)):
                out[row, (base + lane) * stride] = state[row * LANES + lane]
                if has_twins:
                    out[row, (base + lane) * stride + 1] = twin[row * LANES + lane]


@njit(cache=True, error_model="numpy", nogil=True)
def walk_block(  # type: ignore[no-untyped-def]
    keys: Any, terms: Any, variance: Any, first: Any, last: Any, growth: Any, variances: Any, drawn: Any, state: Any
):
    """Walk paths `first` to `last` (exclusive) over steps of any lengths, and keep every step.

    Parameters
    ----------
    keys, variance, drawn, state
        See `follow_block`.
    terms : (steps, 12) float64
        Of each step, see `qe_step`.
    growth, variances : (steps, last - first) float64
        Results: price over spot, and annual variance, after each step.
    """
    steps = len(terms)
    for base in range(first, last, LANES):
        _begin_row(variance, -np.inf, np.inf, state)
        for step in range(steps):
            wild = count_wild(terms[step], state)
            draw_row(keys, base, steps, step, wild > 0, drawn)
            step_row(1.0, terms[step], wild, drawn, state)
            for lane in range(min(LANES, last - base)):
                growth[step, base - first + lane] = portable_exp(state[lane])
                variances[step, base - first + lane] = state[_V + lane]


share_compiled(globals(), wide=True)
