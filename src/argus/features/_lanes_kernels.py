"""Arithmetic that a processor does on several numbers at once: logarithms without a branch, sums in lanes.

A compiler may not change the order in which numbers are added, so a plain loop waits for each sum before the next; and
the logarithm of the standard library is a call. Both written out as here give the same bits on every machine, for each
operation is the rounded one of the standard.
"""

from __future__ import annotations

import struct
from importlib import import_module
from typing import Any

from llvmlite import ir
from numba import njit
from numba.extending import intrinsic

from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import is_compiled

__all__ = ["furthest", "logarithm", "sum_of", "sum_of_gaps", "sum_of_moves"]

_types: Any = import_module("numba").types
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_ROOT_HALF = 0x3FE6A09E667F3BCD
"""Bits of the square root of a half."""
_WHOLE = 0x4330000000000000
"""Bits of 2^52: a whole number below that, added to them, is the fraction of 2^52 plus this number."""
_SHIFT = 2048
_OFFSET = 4503599627370496.0 + _SHIFT


def _same_bits(given: Any, wanted: Any, kind: Any) -> Any:
    @intrinsic
    def cast(typingctx, value):  # type: ignore[no-untyped-def]
        def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            return builder.bitcast(values[0], kind)

        return wanted(given), lower

    return cast


def _bits_plain(value):  # type: ignore[no-untyped-def]
    return struct.unpack("<q", struct.pack("<d", value))[0]


def _number_plain(bits):  # type: ignore[no-untyped-def]
    return struct.unpack("<d", struct.pack("<q", bits))[0]


_bits = _same_bits(_types.float64, _types.int64, ir.IntType(64)) if is_compiled() else _bits_plain
"""The bits of a float64, as a whole number."""
_number = _same_bits(_types.int64, _types.float64, ir.DoubleType()) if is_compiled() else _number_plain
"""The float64 that has these bits."""


@njit(cache=True, error_model="numpy", nogil=True)
def logarithm(x):  # type: ignore[no-untyped-def]
    """Natural logarithm of a normal number above zero, to within one unit in the last place.

    Zero gives -709.09, and so nothing once it is multiplied by zero. Method and coefficients of fdlibm's ``e_log.c``
    (Sun Microsystems, 1993): x = 2^k (1 + f), and ln(1 + f) by a polynomial in f / (2 + f).
    """
    bits = _bits(x)
    k = (bits - _ROOT_HALF) >> 52
    exponent = _number(k + _SHIFT + _WHOLE) - _OFFSET
    f = _number(bits - (k << 52)) - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    odd = z * (
        6.666666666666735130e-01
        + w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01))
    )
    half = 0.5 * f * f
    return exponent * _LN2_HIGH - ((half - (s * (half + (even + odd)) + exponent * _LN2_LOW)) - f)


@njit(cache=True, error_model="numpy", nogil=True)
def sum_of_gaps(x, centre):  # type: ignore[no-untyped-def]
    """Sum of the values of an array less `centre`, in eight lanes, which are added up, and then the rest one by one."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    e, f, g, h = 0.0, 0.0, 0.0, 0.0
    whole = len(x) - len(x) % 8
    for j in range(0, whole, 8):
        a += x[j] - centre
        b += x[j + 1] - centre
        c += x[j + 2] - centre
        d += x[j + 3] - centre
        e += x[j + 4] - centre
        f += x[j + 5] - centre
        g += x[j + 6] - centre
        h += x[j + 7] - centre
    total = ((a + e) + (c + g)) + ((b + f) + (d + h))
    for j in range(whole, len(x)):
        total += x[j] - centre
    return total


@njit(cache=True, error_model="numpy", nogil=True)
def sum_of(x):  # type: ignore[no-untyped-def]
    """Sum of the values of an array."""
    return sum_of_gaps(x, 0.0)


@njit(cache=True, error_model="numpy", nogil=True)
def sum_of_moves(before, here, weights):  # type: ignore[no-untyped-def]
    """Sum of the distances between the values of two arrays, times `weights`."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    e, f, g, h = 0.0, 0.0, 0.0, 0.0
    whole = len(weights) - len(weights) % 8
    for j in range(0, whole, 8):
        a += abs(here[j] - before[j]) * weights[j]
        b += abs(here[j + 1] - before[j + 1]) * weights[j + 1]
        c += abs(here[j + 2] - before[j + 2]) * weights[j + 2]
        d += abs(here[j + 3] - before[j + 3]) * weights[j + 3]
        e += abs(here[j + 4] - before[j + 4]) * weights[j + 4]
        f += abs(here[j + 5] - before[j + 5]) * weights[j + 5]
        g += abs(here[j + 6] - before[j + 6]) * weights[j + 6]
        h += abs(here[j + 7] - before[j + 7]) * weights[j + 7]
    total = ((a + e) + (c + g)) + ((b + f) + (d + h))
    for j in range(whole, len(weights)):
        total += abs(here[j] - before[j]) * weights[j]
    return total


@njit(cache=True, error_model="numpy", nogil=True)
def furthest(x, centre):  # type: ignore[no-untyped-def]
    """Largest distance of a value of an array from `centre`; none of them may be missing."""
    # Bits of numbers from zero up stand in the order of the numbers, and whole numbers are compared in lanes.
    most = 0
    for j in range(len(x)):
        size = _bits(abs(x[j] - centre))
        most = size if size > most else most
    return _number(most)


share_compiled(globals())
