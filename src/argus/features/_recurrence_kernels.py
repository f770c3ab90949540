"""Kernels of repetition: how often the last rows come back to where they were, and how many new words they hold.

Which rows of a window are near which others is held as bits, 62 to a number, so that one operation compares a row with
62 others, and everything counted is a whole number. The bits lie in the kernel's state, seen as whole numbers.
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

import numpy as np
from numba import njit
from numba.extending import intrinsic

from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import is_compiled, kernel

_types: Any = import_module("numba").types
_BITS = 62
"""Rows to a number."""
_FULL = (1 << _BITS) - 1


def _window(args):  # type: ignore[no-untyped-def]
    return int(args[0])


def _recurrence_state(args):  # type: ignore[no-untyped-def]
    w = int(args[0])
    words = -(-w // _BITS)
    return 6 + w + _BITS + (w + 2) * (words + 1)


def _word_state(args):  # type: ignore[no-untyped-def]
    return 1 + 2 * (-(-int(args[0]) // _BITS) + 1)


def _ones_compiled() -> Any:
    @intrinsic
    def ones(typingctx, bits):  # type: ignore[no-untyped-def]
        def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            return builder.ctpop(values[0])

        return _types.int64(_types.int64), lower

    return ones


def _ones_plain(bits):  # type: ignore[no-untyped-def]
    return int(bits).bit_count()


_ones = _ones_compiled() if is_compiled() else _ones_plain
"""How many bits are set."""


@njit(cache=True, error_model="numpy", nogil=True)
def _near_bits(window, r, powers, near):  # type: ignore[no-untyped-def]
    """Bits of the rows near each row of the window, and an empty number after those of each."""
    w = len(window)
    words = -(-w // _BITS)
    for q in range(words):
        others = window[q * _BITS : min((q + 1) * _BITS, w)]
        for i in range(w):
            value = window[i]
            bits = 0
            for j in range(len(others)):
                bits |= powers[j] if abs(others[j] - value) <= r else 0
            near[i * (words + 1) + q] = bits


@njit(cache=True, error_model="numpy", nogil=True)
def _count_repeats(near, w, words, logs):  # type: ignore[no-untyped-def]
    """Ordered pairs of like stretches of one, two, two that go on, and three rows; sums of logarithms of two, three.

    Each stretch is also like itself.
    """
    one = 0
    two = 0
    going_on = 0
    three = 0
    log_two = 0.0
    log_three = 0.0
    step = words + 1
    last_word = (w - 2) // _BITS
    last_place = (w - 2) - last_word * _BITS
    for i in range(w):
        here = near[i * step : i * step + step]
        second = near[(i + 1) * step : (i + 2) * step]
        third = near[(i + 2) * step : (i + 3) * step]
        pairs = 0
        triples = 0
        for q in range(words):
            both = here[q] & ((second[q] >> 1) | ((second[q + 1] & 1) << (_BITS - 1)))
            all_three = both & ((third[q] >> 2) | ((third[q + 1] & 3) << (_BITS - 2)))
            one += _ones(here[q])
            pairs += _ones(both)
            triples += _ones(all_three)
        if i < w - 1:
            two += pairs
            log_two += logs[pairs]
        if i < w - 2:
            # A stretch that ends the window cannot go on.
            ends = (here[last_word] >> last_place) & (second[(w - 1) // _BITS] >> ((w - 1) % _BITS)) & 1
            going_on += pairs - ends
            three += triples
            log_three += logs[triples]
    return one, two, going_on, three, log_two, log_three


@kernel(depth=_window, state=_recurrence_state, outputs=4, cost=1000.0)
def recurrences(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Sample and approximate entropy of stretches of two, recurrence rate and determinism of the last args[0] values.

    Inputs: the values, and the distance up to which two are near, to be taken times args[1]. Worked out in every
    args[2]-th row. State: a flag, four results, logarithms, single bits, bits of near rows.
    """
    w = int(args[0])
    share = args[1]
    every = int(args[2])
    words = -(-w // _BITS)
    x = work[io[0]]
    reach = work[io[1], at : at + n]
    logs = state[5 : 6 + w]
    bits = state[6 + w :].view(np.int64)
    powers = bits[:_BITS]
    near = bits[_BITS:]
    if state[0] == 0.0:
        for c in range(1, w + 1):
            logs[c] = math.log(float(c))
        for j in range(_BITS):
            powers[j] = 1 << j
        state[0] = 1.0
    for i in range(n):
        if (row + i) % every == 0:
            r = share * reach[i]
            for k in range(1, 5):
                state[k] = np.nan
            if r == r:
                _near_bits(x[at + i - w + 1 : at + i + 1], r, powers, near)
                one, two, going_on, three, log_two, log_three = _count_repeats(near, w, words, logs)
                # Every stretch is like itself, and every other pair was counted both ways.
                ones = (one - w) // 2
                twos = (two - (w - 1)) // 2
                begun = (going_on - (w - 2)) // 2
                threes = (three - (w - 2)) // 2
                # Without a longer stretch that repeats, the entropy is as large as so many rows can show.
                ratio = begun / max(threes, 1) if threes > 0 else 0.5 * (w - 2) * (w - 3)
                state[1] = math.log(ratio)
                phi2 = log_two / (w - 1.0) - math.log(w - 1.0)
                phi3 = log_three / (w - 2.0) - math.log(w - 2.0)
                state[2] = phi2 - phi3
                state[3] = ones / (0.5 * w * (w - 1))
                state[4] = (2.0 * twos - threes) / max(ones, 1)
        for k in range(4):
            work[io[2 + k], at + i] = state[1 + k]


@njit(cache=True, error_model="numpy", nogil=True)
def _parts(symbols, starts, w, words):  # type: ignore[no-untyped-def]
    """How many parts the bits fall into, each the shortest that does not already begin earlier.

    `starts` are the places where the part so far begins earlier, another bit for each.
    """
    found = 1
    place = 1
    while place < w:
        for q in range(words):
            rest = min(max(place - q * _BITS, 0), _BITS)
            starts[q] = (1 << rest) - 1
        length = 0
        is_new = False
        while place + length < w and not is_new:
            end = place + length
            wanted = (symbols[end // _BITS] >> (end % _BITS)) & 1
            flip = 0 if wanted == 1 else _FULL
            skip = length // _BITS
            shift = length - skip * _BITS
            left = 0
            for q in range(words):
                low = symbols[q + skip] if q + skip < words else 0
                high = symbols[q + skip + 1] if q + skip + 1 < words else 0
                moved = (low >> shift) | ((high & ((1 << shift) - 1)) << (_BITS - shift))
                still = starts[q] & (moved ^ flip)
                starts[q] = still
                left |= still
            length += 1
            is_new = left == 0
        place += length
        found += 1
    return found


@kernel(depth=_window, state=_word_state, cost=110.0)
def lempel_ziv(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Parts of the last args[0] values, each above the mean or not, over w / log2(w); in every args[1]-th row.

    Inputs: the values, their mean over the window.
    """
    w = int(args[0])
    every = int(args[1])
    words = -(-w // _BITS)
    x = work[io[0]]
    mean = work[io[1], at : at + n]
    out = work[io[2], at : at + n]
    bits = state[1:].view(np.int64)
    symbols = bits[: words + 1]
    starts = bits[words + 1 :]
    scale = math.log(float(w)) / math.log(2.0) / w
    for i in range(n):
        if (row + i) % every == 0:
            middle = mean[i]
            state[0] = np.nan
            if middle == middle:
                first = at + i - w + 1
                for q in range(words):
                    here = x[first + q * _BITS : first + min((q + 1) * _BITS, w)]
                    word = 0
                    for j in range(len(here)):
                        word |= (1 if here[j] > middle else 0) << j
                    symbols[q] = word
                state[0] = scale * _parts(symbols, starts, w, words)
        out[i] = state[0]


share_compiled(globals())
