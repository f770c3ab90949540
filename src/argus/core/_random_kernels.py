"""Counter-based random numbers: the n-th number of a stream is a pure function of the stream's key and n.

So any worker can make any part of a stream, in any order, with the same bits. The generator is SplitMix64 (Steele,
Lea, Flood 2014, "Fast splittable pseudorandom number generators"), whose state is a counter.

Mathematical libraries differ in the last bit of ``log``, ``exp`` and ``sin`` between platforms. The deviates here are
therefore made of ``+ - * /``, ``sqrt`` and shifts only, whose results IEEE 754 fixes, and nothing may fuse or
reorder them (no fastmath). They have no branches, so that the compiler can make several at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import config, njit, uint64

from argus.core._sharing_kernels import share_compiled

__all__ = [
    "fill_normal",
    "fill_uniform",
    "half_mixed",
    "later_state",
    "mixed_bits",
    "portable_exp",
    "portable_log",
    "random_bits",
    "random_normal",
    "random_normal_pair",
    "random_uniform",
    "stream_state",
    "stream_stride",
    "unit_open",
    "wholly_mixed",
]

_MASK = 0xFFFFFFFFFFFFFFFF
_GAMMA = 0x9E3779B97F4A7C15
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB
_TO_UNIT = 1.0 / 9007199254740992.0

_ONE_BITS = 0x3FF0000000000000
_FRACTION_BITS = 0x000FFFFFFFFFFFFF
_TWO_52_BITS = 0x4330000000000000
_TWO_52 = 4503599627370496.0
_ROUNDER = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to a whole number, which then stands in the low bits
_HALF_ULP = 1.0 / 9007199254740992.0
_SQRT_2 = 1.4142135623730951
_LOG2_E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01  # its low bits are zero, so that a whole multiple of it is exact
_LN2_LOW = 1.90821492927058770002e-10
_QUARTER_TURN = 1.5707963267948966


if config.DISABLE_JIT:  # type: ignore[attr-defined]

    def _u64(x: Any) -> Any:
        """`x` as an unsigned 64-bit number; Python's integers do not wrap, hence the masks below."""
        return int(x) & _MASK

else:

    @njit(cache=True, forceinline=True)
    def _u64(x: Any) -> Any:
        """`x` as an unsigned 64-bit number."""
        return uint64(x)


@njit(cache=True, forceinline=True)
def stream_stride(numbers):  # type: ignore[no-untyped-def]
    """How much further in the generator's state the number is that comes `numbers` later."""
    return (_u64(numbers) * _GAMMA) & _MASK


@njit(cache=True, forceinline=True)
def stream_state(key, counter):  # type: ignore[no-untyped-def]
    """The generator's state that number `counter` of the stream `key` is made from."""
    return (_u64(key) + ((_u64(counter) + _u64(1)) & _MASK) * _GAMMA) & _MASK


@njit(cache=True, forceinline=True)
def later_state(state, stride):  # type: ignore[no-untyped-def]
    """The state that lies `stride` (of `stream_stride`) further: one sum instead of a product for each number."""
    return (_u64(state) + stride) & _MASK


@njit(cache=True, forceinline=True)
def half_mixed(state):  # type: ignore[no-untyped-def]
    """The first half of the way from a state to its bits: a loop may do the second one a turn later."""
    return ((state ^ (state >> 30)) * _MIX_1) & _MASK


@njit(cache=True, forceinline=True)
def wholly_mixed(z):  # type: ignore[no-untyped-def]
    """The second half of it."""
    z = ((z ^ (z >> 27)) * _MIX_2) & _MASK
    return z ^ (z >> 31)


@njit(cache=True, forceinline=True)
def mixed_bits(state):  # type: ignore[no-untyped-def]
    """64 random bits from a state."""
    return wholly_mixed(half_mixed(state))


@njit(cache=True, forceinline=True)
def random_bits(key, counter):  # type: ignore[no-untyped-def]
    """64 random bits: number `counter` of the stream `key` (both are taken modulo 2**64)."""
    return mixed_bits(stream_state(key, counter))


@njit(cache=True, forceinline=True)
def random_uniform(key, counter):  # type: ignore[no-untyped-def]
    """A double in the open interval (0, 1): 53 random bits, centred in their cell."""
    return (float(random_bits(key, counter) >> 11) + 0.5) * _TO_UNIT


@njit(cache=True, forceinline=True)
def unit_open(bits):  # type: ignore[no-untyped-def]
    """A double in the open interval (0, 1) from the upper 52 of 64 random bits, centred in its cell."""
    return np.uint64((bits >> 12) | _ONE_BITS).view(np.float64) - 1.0 + _HALF_ULP


@njit(cache=True, forceinline=True, error_model="numpy")
def portable_log(x):  # type: ignore[no-untyped-def]
    """Logarithm of a normal positive double, to 2 units of the last place: 2 artanh((m - 1)/(m + 1)) + k ln 2."""
    bits = np.float64(x).view(np.int64)
    k = np.int64((bits >> 52) | _TWO_52_BITS).view(np.float64) - _TWO_52 - 1023.0
    m = np.int64((bits & _FRACTION_BITS) | _ONE_BITS).view(np.float64)
    high = m > _SQRT_2
    m = 0.5 * m if high else m
    k = k + 1.0 if high else k
    s = (m - 1.0) / (m + 1.0)
    q = s * s
    p = 2.0 / 21.0
    p = p * q + 2.0 / 19.0
    p = p * q + 2.0 / 17.0
    p = p * q + 2.0 / 15.0
    p = p * q + 2.0 / 13.0
    p = p * q + 2.0 / 11.0
    p = p * q + 2.0 / 9.0
    p = p * q + 2.0 / 7.0
    p = p * q + 2.0 / 5.0
    p = p * q + 2.0 / 3.0
    return k * _LN2_HIGH + (2.0 * s + (s * q * p + k * _LN2_LOW))


@njit(cache=True, forceinline=True, error_model="numpy")
def portable_exp(x):  # type: ignore[no-untyped-def]
    """Exponential of a double in (-700, 700), to 2 units of the last place: 2**k times a series in the remainder."""
    t = x * _LOG2_E + _ROUNDER
    k = t - _ROUNDER
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    p = 1.0 / 6227020800.0
    p = p * r + 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    p = 1.0 + (r + r * r * p)
    scale = np.int64(((np.float64(t).view(np.int64) + 1023) & 0x7FF) << 52).view(np.float64)
    return p * scale


@njit(cache=True, forceinline=True, error_model="numpy")
def _normals_of_bits(bits_radius, bits_angle):  # type: ignore[no-untyped-def]
    """Two independent standard normal deviates (Box, Muller 1958) from 128 random bits.

    The angle is a random quarter turn (two low bits) plus an angle within 45 degrees of zero, for which the series of
    sine and cosine are short.
    """
    radius = np.sqrt(-2.0 * portable_log(unit_open(bits_radius)))
    a = (unit_open(bits_angle) - 0.5) * _QUARTER_TURN
    q = a * a
    s = -1.0 / 1307674368000.0
    s = s * q + 1.0 / 6227020800.0
    s = s * q - 1.0 / 39916800.0
    s = s * q + 1.0 / 362880.0
    s = s * q - 1.0 / 5040.0
    s = s * q + 1.0 / 120.0
    s = s * q - 1.0 / 6.0
    sine = a + a * q * s
    c = 1.0 / 20922789888000.0
    c = c * q - 1.0 / 87178291200.0
    c = c * q + 1.0 / 479001600.0
    c = c * q - 1.0 / 3628800.0
    c = c * q + 1.0 / 40320.0
    c = c * q - 1.0 / 720.0
    c = c * q + 1.0 / 24.0
    c = c * q - 0.5
    cosine = 1.0 + q * c
    swapped = (bits_angle & 1) != 0
    flipped = (bits_angle & 2) != 0
    x = -sine if swapped else cosine
    y = cosine if swapped else sine
    x = -x if flipped else x
    y = -y if flipped else y
    return radius * x, radius * y


@njit(cache=True, forceinline=True, error_model="numpy")
def random_normal_pair(key, pair):  # type: ignore[no-untyped-def]
    """Standard normal deviates ``2 * pair`` and ``2 * pair + 1`` of the stream `key`; none lies beyond 8.6."""
    first = (_u64(pair) << 1) & _MASK
    return _normals_of_bits(random_bits(key, first), random_bits(key, first | 1))


@njit(cache=True, error_model="numpy")
def random_normal(key, counter):  # type: ignore[no-untyped-def]
    """Standard normal deviate number `counter` of the stream `key`."""
    c = _u64(counter)
    x, y = random_normal_pair(key, c >> 1)
    return y if (c & 1) != 0 else x


@njit(cache=True, nogil=True)
def fill_uniform(key, start, out):  # type: ignore[no-untyped-def]
    """Write uniform deviates `start`, `start` + 1, ... of the stream `key` to `out`."""
    for i in range(len(out)):
        out[i] = random_uniform(key, start + i)


@njit(cache=True, nogil=True, error_model="numpy")
def fill_normal(key, start, out):  # type: ignore[no-untyped-def]
    """Write standard normal deviates `start`, `start` + 1, ... of the stream `key` to `out`."""
    n = len(out)
    odd = start & 1
    if odd == 1 and n > 0:
        out[0] = random_normal(key, start)
    pairs = (n - odd) // 2
    for i in range(pairs):
        x, y = random_normal_pair(key, (start + odd) // 2 + i)
        out[odd + 2 * i] = x
        out[odd + 2 * i + 1] = y
    if n > 0 and odd + 2 * pairs < n:
        out[n - 1] = random_normal(key, start + n - 1)


share_compiled(globals())
