"""Arithmetic that a processor does on several numbers at once: logarithms without a branch, sums in lanes.

A compiler may not change the order in which numbers are added, so a plain loop waits for each sum before the next; and
the logarithm of the standard library is a call. Both written out as here give the same bits on every machine, for each
operation is the rounded one of the standard.
"""

from __future__ import annotations

import math
import struct
from importlib import import_module
from typing import Any

from llvmlite import ir
from numba import njit
from numba.extending import intrinsic

from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import is_compiled

__all__ = ["add_up", "furthest", "logarithm", "roots", "sum_of", "sum_of_gaps", "sum_of_moves"]

_types: Any = import_module("numba").types
_cgutils: Any = import_module("numba.core.cgutils")
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_ROOT_HALF = 0x3FE6A09E667F3BCD
"""Bits of the square root of a half."""
_WHOLE = 0x4330000000000000
"""Bits of 2^52: a whole number below that, added to them, is the fraction of 2^52 plus this number."""
_SHIFT = 2048
_OFFSET = 4503599627370496.0 + _SHIFT
_QUARTER = 512 << 52
"""A quarter of all exponents, in the bits of a number."""
_ROOTS = 128
"""Roots that are made again if one of them is not right."""


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


def _add_up_eights_compiled() -> Any:
    lane = ir.IntType(32)
    four, places_of_four = ir.VectorType(ir.DoubleType(), 4), ir.VectorType(lane, 4)

    @intrinsic
    def add_up(typingctx, x, out, first, groups, total):  # type: ignore[no-untyped-def]
        def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            def picked(numbers: Any, *places: int) -> Any:
                # Place 4 is the first of four zeros.
                return builder.shuffle_vector(numbers, four(None), places_of_four(places))

            source, target = (context.make_array(x)(context, builder, one).data for one in values[:2])
            carried = _cgutils.alloca_once(builder, four)
            # In all four places: the sum that the next group waits for is then one addition away, and no more.
            builder.store(picked(builder.insert_element(four(None), values[4], lane(0)), 0, 0, 0, 0), carried)
            with _cgutils.for_range(builder, values[3]) as loop:
                low_place = builder.add(values[2], builder.mul(loop.index, loop.index.type(8)))
                ends = (low_place, builder.add(low_place, low_place.type(4)))
                sums = [
                    builder.load(builder.bitcast(builder.gep(source, [end]), four.as_pointer()), align=8)
                    for end in ends
                ]
                sums = [builder.fadd(one, picked(one, 4, 0, 4, 2)) for one in sums]
                low, high = (builder.fadd(one, picked(one, 4, 4, 1, 1)) for one in sums)
                high = builder.fadd(high, picked(low, 3, 3, 3, 3))
                before = builder.load(carried)
                for one, end in zip((low, high), ends, strict=True):
                    place = builder.bitcast(builder.gep(target, [end]), four.as_pointer())
                    builder.store(builder.fadd(before, one), place, align=8)
                builder.store(builder.fadd(before, picked(high, 3, 3, 3, 3)), carried)
            return builder.extract_element(builder.load(carried), lane(0))

        return _types.float64(x, out, _types.int64, _types.int64, _types.float64), lower

    return add_up


def _add_up_eights_plain(x, out, first, groups, total):  # type: ignore[no-untyped-def]
    sums = [0.0] * 4
    for group in range(groups):
        for place in range(8):
            i = first + 8 * group + place
            out[i] = total + _within_eight(x[i], place, sums)
        total = out[i]
    return total


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


_add_up_eights = _add_up_eights_compiled() if is_compiled() else _add_up_eights_plain
"""Write, for so many groups of eight values from a place on, `total` and the sums up to each; gives the last."""


@njit(cache=True, error_model="numpy", nogil=True)
def add_up(x, out, place, sums):  # type: ignore[no-untyped-def]
    """Write the sums of the values of an array up to each, the first one at that place from the beginning.

    Eight values are added up among themselves before they meet the sum of all before them, which so is waited for once
    in eight rows. `sums` (4 numbers) is carried: that sum, and what `_within_eight` remembers. At place 0 all is new.
    Where a value is missing, so are all sums after it. `out` may be `x`.
    """
    total = 0.0 if place == 0 else sums[0]
    i = 0
    while i < len(x):
        groups = (len(x) - i) >> 3 if (place + i) & 7 == 0 else 0
        if groups > 0:
            total = _add_up_eights(x, out, i, groups, total)
            i += 8 * groups
        if i < len(x):
            now = total + _within_eight(x[i], (place + i) & 7, sums)
            out[i] = now
            total = now if (place + i) & 7 == 7 else total
            i += 1
    sums[0] = total


def _quick_roots_compiled() -> Any:
    word, long = ir.IntType(8), ir.IntType(64)
    four, four_longs = ir.VectorType(ir.DoubleType(), 4), ir.VectorType(long, 4)

    @intrinsic
    def quick_roots(typingctx, x, factor, out, groups):  # type: ignore[no-untyped-def]
        def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            if "+avx512vl" not in context.codegen()._tm_features.split(","):
                return context.get_constant(_types.boolean, False)

            def all_four(value: Any) -> Any:
                first = builder.insert_element(four(ir.Undefined), value, ir.IntType(32)(0))
                return builder.shuffle_vector(first, first, ir.VectorType(ir.IntType(32), 4)([0] * 4))

            source, target = (context.make_array(x)(context, builder, values[k]).data for k in (0, 2))

            def named(name: str, *given: Any) -> Any:
                function = _cgutils.get_or_insert_function(builder.module, ir.FunctionType(four, given), name)
                return lambda *numbers: builder.call(function, numbers)

            estimate = named("llvm.x86.avx512.rsqrt14.pd.256", four, four, word)
            root, fused = named("llvm.sqrt.v4f64", four), named("llvm.fma.v4f64", four, four, four)
            share, half = all_four(values[1]), four([0.5] * 4)
            odd = _cgutils.alloca_once(builder, four_longs)
            builder.store(four_longs(None), odd)

            def multiplied(number: Any) -> Any:
                # Goldschmidt's two sequences, which double their digits in each step: the root and half its reciprocal.
                near = estimate(number, four(None), word(-1))
                found, inverse = builder.fmul(number, near), builder.fmul(half, near)
                for _ in range(2):
                    left = fused(builder.fneg(found), inverse, half)
                    found, inverse = fused(found, left, found), fused(inverse, left, inverse)
                # Exponents from a quarter to three quarters of all: only then is the second bit set, and no sign.
                bits = builder.add(builder.bitcast(number, four_longs), four_longs([_QUARTER] * 4))
                bits = builder.xor(bits, four_longs([1 << 62] * 4))
                builder.store(builder.or_(builder.load(odd), bits), odd)
                return fused(fused(builder.fneg(found), found, number), inverse, found)

            with _cgutils.for_range(builder, values[3]) as loop:
                for k, made in enumerate((root, multiplied)):
                    place = builder.add(builder.mul(loop.index, loop.index.type(8)), loop.index.type(4 * k))
                    given, wanted = (
                        builder.bitcast(builder.gep(data, [place]), four.as_pointer()) for data in (source, target)
                    )
                    builder.store(made(builder.fmul(builder.load(given, align=8), share)), wanted, align=8)
            every = builder.load(odd)
            anything = long(0)
            for k in range(4):
                anything = builder.or_(anything, builder.extract_element(every, ir.IntType(32)(k)))
            return builder.icmp_unsigned("<", anything, long(1 << 62))

        return _types.boolean(x, _types.float64, out, _types.int64), lower

    return quick_roots


_quick_roots = _quick_roots_compiled() if is_compiled() else (lambda x, factor, out, groups: False)
"""Write the roots of so many groups of eight values times a factor; tells whether they are right.

Where a processor has an instruction for a first estimate, four of them are made by multiplication while its unit for
roots is busy with the others. They are the same bits unless a value is zero, negative, missing, or beyond all that is
measured: before the last step a root is off by a unit in the last place at most, and after it by so little that it
could be rounded to the wrong side only where it lies within 2^-51 of a unit of the middle between two numbers. There
are fifteen such values between 1 and 4, and the tests try them.
"""


@njit(cache=True, error_model="numpy", nogil=True)
def roots(x, factor, out):  # type: ignore[no-untyped-def]
    """Write the square roots of the values of an array, not below zero, times a factor to another one."""
    for first in range(0, len(x), _ROOTS):
        part = x[first : first + _ROOTS]
        target = out[first : first + _ROOTS]
        groups = len(part) // 8
        done = 8 * groups if groups > 0 and _quick_roots(part, factor, target, groups) else 0
        part = part[done:]
        target = target[done:]
        for i in range(len(part)):
            target[i] = math.sqrt(part[i] * factor)


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
