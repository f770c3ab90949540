"""Kernels of one row at a time: arithmetic, logarithms, choices, and values of some rows before.

A choice between two numbers is made after both are worked out, and conditions are joined by ``&``: without a branch in
the loop the compiler works on several rows at once. The logarithm is worked out here, by its series, for the same
reason: the library's takes one number at a time.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numba.extending import overload

from argus.core._fused_kernels import fused
from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import kernel

_EXPONENT = 0x7FF0000000000000
"""Bits of a float that hold its exponent."""
_ONE = 0x3FF0000000000000
"""Bits of 1."""
_ABOVE_ROOT = _ONE - 0x3FE6A09E667F3BCD
"""From the bits of the root of a half to those of 1."""
_HALF_STEP = 1 << 51
"""Half of what the bits of a float grow by as it doubles."""
_WHOLE = 0x4330000000000000
"""Bits of 2^52, in whose last bits a whole number can be written."""
_WHOLE_ONE = 2.0**52 + 1023.0
_SMALLEST = 2.0**-1022
_LARGEST = 1.7976931348623157e308
_LOG_2 = 0.6931471805598903
"""Logarithm of 2 to so many bits that its multiples are exact, and what is missing."""
_LOG_2_REST = 5.497923018708371e-14
NEAR = 0.0025
"""Square of (x - y) / (x + y) below which the first terms of the series of the logarithm hold every digit."""
FADED = 1e-270
"""Size below which a mean that forgets is zero."""
SPECK = 1e-285
"""Added to each new value of a mean that forgets. Nothing else is moved by it, but a mean of zeros ends up at it, not
among numbers so small that they lose their digits, never fade, and take a hundred times as long; what is shown of it is
zero. So no row waits for a comparison before the next one's mean can be made."""


_WHOLE_MAX = 2.0**20
"""Largest whole divisor for which `quotient` was shown to be exact."""


def quotient(x: float, divisor: float, factor: float, rest: float) -> float:
    """x / divisor, of which compiled code is given the reciprocal, and what rounding took from that."""
    return x / divisor


@overload(quotient)
def _compiled_quotient(x, divisor, factor, rest):  # type: ignore[no-untyped-def]
    """As a product: every whole divisor up to a million gives the same last bit.

    No quotient by one so small lies so near to the middle between two floats that what the two factors lack tips it.
    """
    return lambda x, divisor, factor, rest: fused(factor, x, rest * x)


@njit(cache=True, error_model="numpy", nogil=True)
def unfaded(x):  # type: ignore[no-untyped-def]
    """x, or zero where it is smaller than `FADED`."""
    return 0.0 if abs(x) < FADED else x


@njit(cache=True, error_model="numpy", nogil=True)
def near_log(f, z):  # type: ignore[no-untyped-def]
    """Logarithm of (1 + f) / (1 - f), to all digits where z, the square of f, is below `NEAR`."""
    tail = fused(z, fused(z, fused(z, 2.0 / 11.0, 2.0 / 9.0), 2.0 / 7.0), 2.0 / 5.0)
    return fused(f * z, fused(z, tail, 2.0 / 3.0), 2.0 * f)


@njit(cache=True, error_model="numpy", nogil=True)
def log_ratios(x, y, out):  # type: ignore[no-untyped-def]
    """Logarithms of x / y; NaN unless both are above zero.

    ln(x / y) is twice the area tangent of f = (x - y) / (x + y). Prices near each other need six terms of its series,
    which are quicker than a logarithm, and more exact, as the ratio is not rounded to a number near one first.
    """
    far = 0
    for i in range(len(out)):
        f = (x[i] - y[i]) / (x[i] + y[i])
        z = f * f
        value = near_log(f, z)
        # Numbers so near to each other have the same sign.
        is_near = (z < NEAR) & (x[i] > 0.0)
        out[i] = value if is_near else np.nan
        far += 0 if is_near else 1
    if far > 0:
        for i in range(len(out)):
            if not out[i] == out[i] and x[i] > 0.0 and y[i] > 0.0:
                out[i] = math.log(x[i] / y[i])


def _lag(args):  # type: ignore[no-untyped-def]
    return int(args[0])


@njit(cache=True, error_model="numpy", nogil=True)
def _series(z):  # type: ignore[no-untyped-def]
    """2 (z/3 + z^2/5 + ...), of which the next term is below half a unit of 2 for z up to 0.04."""
    z2 = z * z
    z4 = z2 * z2
    low = fused(z2, fused(z, 2.0 / 9.0, 2.0 / 7.0), fused(z, 2.0 / 5.0, 2.0 / 3.0))
    middle = fused(z2, fused(z, 2.0 / 17.0, 2.0 / 15.0), fused(z, 2.0 / 13.0, 2.0 / 11.0))
    high = fused(z2, 2.0 / 23.0, fused(z, 2.0 / 21.0, 2.0 / 19.0))
    return z * fused(z4, fused(z4, high, middle), low)


@njit(cache=True, error_model="numpy", nogil=True)
def log_of_sides(x):  # type: ignore[no-untyped-def]
    """Logarithm of (1 + x) / (1 - x), for x between -1 and 1.

    As `natural_log`, but the power of two is taken from the exponents of both sides, so that there is one division.
    """
    upper = np.float64(1.0 + x).view(np.uint64) + np.uint64(_ONE + _HALF_STEP)
    power = np.uint64((upper - np.float64(1.0 - x).view(np.uint64)) & np.uint64(_EXPONENT))
    k = np.uint64((power >> np.uint64(52)) | np.uint64(_WHOLE)).view(np.float64) - _WHOLE_ONE
    scale = power.view(np.float64)
    less, more = 1.0 - scale, 1.0 + scale
    s = fused(more, x, less) / fused(less, x, more)
    return fused(k, _LOG_2, fused(2.0, s, fused(s, _series(s * s), k * _LOG_2_REST)))


@njit(cache=True, error_model="numpy", nogil=True)
def natural_log(x):  # type: ignore[no-untyped-def]
    """Natural logarithm, within 1.2 units in the last place; NaN unless x is above zero.

    x = 2^k (1 + f), 1 + f between the roots of a half and of two; log (1 + f) = f - s (f - r), s = f / (2 + f), r a
    polynomial in the square of s: method and coefficients of fdlibm's ``e_log.c`` (Sun Microsystems, 1993).
    """
    is_small = x < _SMALLEST
    bits = np.float64(x * 2.0**54 if is_small else x).view(np.uint64) & np.uint64(0x7FFFFFFFFFFFFFFF)
    upper = (bits + np.uint64(_ABOVE_ROOT)) & np.uint64(_EXPONENT)
    k = np.uint64((upper >> np.uint64(52)) | np.uint64(_WHOLE)).view(np.float64) - _WHOLE_ONE
    k = k - 54.0 if is_small else k
    f = np.uint64((bits + np.uint64(_ONE)) - upper).view(np.float64) - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = fused(w, fused(w, 1.531383769920937332e-01, 2.222219843214978396e-01), 3.999999999940941908e-01)
    odd = fused(w, fused(w, 1.479819860511658591e-01, 1.818357216161805012e-01), 2.857142874366239149e-01)
    rest = z * fused(z, even, fused(w, odd, 6.666666666666735130e-01))
    value = fused(k, _LOG_2, fused(k, _LOG_2_REST, fused(-s, f - rest, f)))
    value = x if x > _LARGEST else value
    return value if x > 0.0 else np.nan


@kernel()
def add(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """x + y."""
    x = work[io[0], at : at + n]
    y = work[io[1], at : at + n]
    out = work[io[2], at : at + n]
    for i in range(n):
        out[i] = x[i] + y[i]


@kernel()
def subtract(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """x - y."""
    x = work[io[0], at : at + n]
    y = work[io[1], at : at + n]
    out = work[io[2], at : at + n]
    for i in range(n):
        out[i] = x[i] - y[i]


@kernel()
def multiply(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """x y."""
    x = work[io[0], at : at + n]
    y = work[io[1], at : at + n]
    out = work[io[2], at : at + n]
    for i in range(n):
        out[i] = x[i] * y[i]


@kernel(cost=0.8)
def divide(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """x / y; NaN where y is zero."""
    x = work[io[0], at : at + n]
    y = work[io[1], at : at + n]
    out = work[io[2], at : at + n]
    for i in range(n):
        value = x[i] / y[i]
        out[i] = value if y[i] != 0.0 else np.nan


@kernel(cost=1.0)
def reciprocal(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """args[0] / x; NaN where x is zero."""
    numerator = args[0]
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        value = numerator / x[i]
        out[i] = value if x[i] != 0.0 else np.nan


@kernel(cost=0.2)
def affine(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """args[0] x + args[1]."""
    scale = args[0]
    shift = args[1]
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        out[i] = scale * x[i] + shift


@kernel()
def over(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """x / args[0]; args[1] and args[2] are its reciprocal, rounded towards zero, and what is missing of that."""
    divisor = args[0]
    factor = args[1]
    rest = args[2]
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    if divisor == np.floor(divisor) and abs(divisor) <= _WHOLE_MAX:
        for i in range(n):
            out[i] = quotient(x[i], divisor, factor, rest)
    else:
        for i in range(n):
            out[i] = x[i] / divisor


@kernel()
def absolute(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """|x|."""
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        out[i] = abs(x[i])


@kernel(cost=1.2)
def root(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Square root; NaN below zero."""
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        out[i] = math.sqrt(x[i])


@kernel()
def square(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """x squared."""
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        out[i] = x[i] * x[i]


@kernel(cost=2.5)
def log(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Natural logarithm; NaN unless x is above zero."""
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        out[i] = natural_log(x[i])


@kernel()
def sign(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """1, 0 or -1 as x is above, at or below zero."""
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        value = x[i]
        out[i] = (1.0 if value > 0.0 else 0.0) - (1.0 if value < 0.0 else 0.0) if value == value else np.nan


@kernel()
def clip(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """x held between args[0] and args[1]."""
    low = args[0]
    high = args[1]
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        value = x[i]
        value = low if value < low else value
        out[i] = high if value > high else value


@kernel()
def larger(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """The larger of x and y; NaN if either is missing."""
    x = work[io[0], at : at + n]
    y = work[io[1], at : at + n]
    out = work[io[2], at : at + n]
    for i in range(n):
        most = x[i] if x[i] > y[i] else y[i]
        out[i] = most if x[i] == x[i] else np.nan


@kernel()
def smaller(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """The smaller of x and y; NaN if either is missing."""
    x = work[io[0], at : at + n]
    y = work[io[1], at : at + n]
    out = work[io[2], at : at + n]
    for i in range(n):
        least = x[i] if x[i] < y[i] else y[i]
        out[i] = least if x[i] == x[i] else np.nan


@kernel()
def above_zero(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """x where it is above zero, else NaN."""
    x = work[io[0], at : at + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        out[i] = x[i] if x[i] > 0.0 else np.nan


@kernel()
def above(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """1 where x is above y, else 0; NaN if either is missing."""
    x = work[io[0], at : at + n]
    y = work[io[1], at : at + n]
    out = work[io[2], at : at + n]
    for i in range(n):
        is_above = 1.0 if x[i] > y[i] else 0.0
        out[i] = is_above if (x[i] == x[i]) & (y[i] == y[i]) else np.nan


@kernel(depth=_lag, cost=0.3)
def lag(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """x of args[0] rows before."""
    k = int(args[0])
    x = work[io[0], at - k : at - k + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        out[i] = x[i]


@kernel(depth=_lag)
def difference(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """x less x of args[0] rows before."""
    k = int(args[0])
    x = work[io[0], at : at + n]
    old = work[io[0], at - k : at - k + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        out[i] = x[i] - old[i]


@kernel(depth=_lag, cost=0.9)
def growth(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """x over x of args[0] rows before, less one; NaN unless both are above zero."""
    k = int(args[0])
    x = work[io[0], at : at + n]
    old = work[io[0], at - k : at - k + n]
    out = work[io[1], at : at + n]
    for i in range(n):
        value = x[i] / old[i] - 1.0
        out[i] = value if (x[i] > 0.0) & (old[i] > 0.0) else np.nan


@kernel(depth=_lag, cost=1.2)
def log_growth(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Logarithm of x over x of args[0] rows before; NaN unless both are above zero."""
    k = int(args[0])
    log_ratios(work[io[0], at : at + n], work[io[0], at - k : at - k + n], work[io[1], at : at + n])


@kernel(cost=1.4)
def log_ratio(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Logarithm of x / y; NaN unless both are above zero."""
    log_ratios(work[io[0], at : at + n], work[io[1], at : at + n], work[io[2], at : at + n])


share_compiled(globals())
