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

__all__ = ["add_up", "furthest", "logarithm", "sum_of", "sum_of_gaps", "sum_of_moves"]

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


def _add_up_eight_compiled() -> Any:
    lane = ir.IntType(32)
    four, places_of_four = ir.VectorType(ir.DoubleType(), 4), ir.VectorType(lane, 4)

    @intrinsic
    def add_up(typingctx, x, first, total):  # type: ignore[no-untyped-def]
        def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            def picked(numbers: Any, *places: int) -> Any:
                # Place 4 is the first of four zeros.
                return builder.shuffle_vector(numbers, four(None), places_of_four(places))

            data = context.make_array(x)(context, builder, values[0]).data
            low_place = builder.gep(data, [values[1]])
            high_place = builder.gep(low_place, [values[1].type(4)])
            targets = [builder.bitcast(place, four.as_pointer()) for place in (low_place, high_place)]
            sums = [builder.load(target, align=8) for target in targets]
            sums = [builder.fadd(one, picked(one, 4, 0, 4, 2)) for one in sums]
            low, high = (builder.fadd(one, picked(one, 4, 4, 1, 1)) for one in sums)
            high = builder.fadd(high, picked(low, 3, 3, 3, 3))
            before = picked(builder.insert_element(four(None), values[2], lane(0)), 0, 0, 0, 0)
            for one, target in zip((low, high), targets, strict=True):
                builder.store(builder.fadd(before, one), target, align=8)
            return builder.extract_element(builder.fadd(before, picked(high, 3, 3, 3, 3)), lane(0))

        return _types.float64(x, _types.int64, _types.float64), lower

    return add_up


def _add_up_eight_plain(x, first, total):  # type: ignore[no-untyped-def]
    sums = [0.0] * 4
    for place in range(8):
        last = total + _within_eight(x[first + place], place, sums)
        x[first + place] = last
    return last


@njit(cache=True, error_model="numpy", nogil=True)
def _within_eight(value, place, sums):  # type: ignore[no-untyped-def]
    """Sum of the values of a group of eight up to this one, at a place from 0 to 7.

    ``sums[1:]`` are, where the place has passed them, those of the last four, the last two after them, and the one
    after these.
    """
    if place & 1:
        value += sums[3]
    else:
        sums[3] = value
    if place & 2:
        value += sums[2]
    elif place & 1:
        sums[2] = value
    if place & 4:
        value += sums[1]
    elif place & 3 == 3:
        sums[1] = value
    return value


_add_up_eight = _add_up_eight_compiled() if is_compiled() else _add_up_eight_plain
"""Replace eight values from a place on by `total` and the sums up to each; gives the last."""


@njit(cache=True, error_model="numpy", nogil=True)
def add_up(x, place, sums):  # type: ignore[no-untyped-def]
    """Replace the values of an array by the sums up to each, the first one at that place from the beginning.

    Eight values are added up among themselves before they meet the sum of all before them, which so is waited for once
    in eight rows. `sums` (4 numbers) is carried: that sum, and what `_within_eight` remembers. At place 0 all is new.
    """
    total = 0.0 if place == 0 else sums[0]
    i = 0
    while i < len(x):
        if (place + i) & 7 == 0:
            while i + 8 <= len(x):
                total = _add_up_eight(x, i, total)
                i += 8
        if i < len(x):
            now = total + _within_eight(x[i], (place + i) & 7, sums)
            x[i] = now
            total = now if (place + i) & 7 == 7 else total
            i += 1
    sums[0] = total


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
