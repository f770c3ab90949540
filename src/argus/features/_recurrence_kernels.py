"""Kernels of repetition: how often the last rows come back to where they were, and how many new words they hold.

Which rows of a window are near which others is held as bits, 62 to a number, so that one operation compares a row with
62 others, and everything counted is a whole number. The rows near a row stand side by side once the window is sorted:
their bits are those of all rows up to the last of them, less those of all before the first. The order of one window is
nearly that of the next. All of it lies in the kernel's state, seen as whole numbers.
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
    return 6 + 2 * w + 7 * w + 1 + (w + 2) * (words + 1)


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
def _sort(window, shift, order, values):  # type: ignore[no-untyped-def]
    """Bring `order`, which sorted the window of `shift` rows ago, to the order of this one; its `values` in it."""
    w = len(window)
    for k in range(w):
        place = order[k] - shift
        order[k] = place if place >= 0 else place + w
    for k in range(w):
        values[k] = window[order[k]]
    for k in range(1, w):
        value = values[k]
        if values[k - 1] > value:
            place = order[k]
            j = k
            while j > 0 and values[j - 1] > value:
                values[j] = values[j - 1]
                order[j] = order[j - 1]
                j -= 1
            values[j] = value
            order[j] = place


@njit(cache=True, error_model="numpy", nogil=True)
def _group(values, kinds):  # type: ignore[no-untyped-def]
    """Number the different ones of sorted values, and bring those to the front; gives how many there are."""
    kind = 0
    known = values[0]
    for k in range(len(values)):
        value = values[k]
        kind += 1 if value > known else 0
        known = value
        kinds[k] = kind
        values[kind] = value
    return kind + 1


@njit(cache=True, error_model="numpy", nogil=True)
def _near_range(values, r, lowest, highest):  # type: ignore[no-untyped-def]
    """Numbers of the lowest and the highest value that is near each of these different ones.

    All pairs `step` places apart at once, for as many steps as any pair is near: no value needs a branch of its own.
    """
    count = len(values)
    for k in range(count):
        lowest[k] = k
        highest[k] = k
    found = 1
    step = 1
    while found > 0 and step < count:
        found = 0
        above = values[step:]
        behind = lowest[step:]
        for k in range(count - step):
            is_near = 1 if above[k] - values[k] <= r else 0
            found += is_near
            highest[k] += is_near
            behind[k] -= is_near
        step += 1


@njit(cache=True, error_model="numpy", nogil=True)
def _near_bits(values, r, order, kinds, lowest, highest, below, near):  # type: ignore[no-untyped-def]
    """Bits of the rows near each row of the window: number q of each row in line q of `near`, two empty rows behind."""
    w = len(order)
    words = -(-w // _BITS)
    count = _group(values, kinds)
    _near_range(values[:count], r, lowest, highest)
    for q in range(words):
        bits = 0
        below[0] = 0
        for k in range(w):
            place = order[k] - q * _BITS
            bits |= 1 << place if 0 <= place < _BITS else 0
            below[1 + kinds[k]] = bits
        line = near[q * (w + 2) : (q + 1) * (w + 2)]
        for k in range(w):
            kind = kinds[k]
            line[order[k]] = below[1 + highest[kind]] ^ below[lowest[kind]]


@njit(cache=True, error_model="numpy", nogil=True)
def _count_repeats(near, w, words, logs, pairs, triples):  # type: ignore[no-untyped-def]
    """Ordered pairs of like stretches of one, two, two that go on, and three rows; sums of logarithms of two, three.

    Each stretch is also like itself.
    """
    step = w + 2
    one = 0
    pairs[:] = 0
    triples[:] = 0
    for q in range(words):
        here = near[q * step : q * step + w]
        second = near[q * step + 1 : q * step + 1 + w]
        third = near[q * step + 2 : q * step + 2 + w]
        second_on = near[(q + 1) * step + 1 : (q + 1) * step + 1 + w]
        third_on = near[(q + 1) * step + 2 : (q + 1) * step + 2 + w]
        for i in range(w):
            both = here[i] & ((second[i] >> 1) | ((second_on[i] & 1) << (_BITS - 1)))
            all_three = both & ((third[i] >> 2) | ((third_on[i] & 3) << (_BITS - 2)))
            one += _ones(here[i])
            pairs[i] += _ones(both)
            triples[i] += _ones(all_three)
    last = near[(w - 2) // _BITS * step : ((w - 2) // _BITS + 1) * step]
    after = near[(w - 1) // _BITS * step : ((w - 1) // _BITS + 1) * step]
    last_place = (w - 2) % _BITS
    after_place = (w - 1) % _BITS
    two = 0
    ending = 0
    three = 0
    for i in range(w - 1):
        two += pairs[i]
    for i in range(w - 2):
        three += triples[i]
        # A stretch that ends the window cannot go on.
        ending += (last[i] >> last_place) & (after[i + 1] >> after_place) & 1
    log_two = 0.0
    log_three = 0.0
    for i in range(w - 2):
        log_two += logs[pairs[i]]
        log_three += logs[triples[i]]
    log_two += logs[pairs[w - 2]]
    return one, two, two - pairs[w - 2] - ending, three, log_two, log_three


@kernel(depth=_window, state=_recurrence_state, outputs=4, cost=469.0)
def recurrences(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Sample and approximate entropy of stretches of two, recurrence rate and determinism of the last args[0] values.

    Inputs: the values, and the distance up to which two are near, to be taken times args[1]. Worked out in every
    args[2]-th row. State: a flag, four results, logarithms, the window sorted; then whole numbers: its order, and
    what is worked out of it afresh.
    """
    w = int(args[0])
    share = args[1]
    every = int(args[2])
    words = -(-w // _BITS)
    x = work[io[0]]
    reach = work[io[1], at : at + n]
    logs = state[5 : 6 + w]
    values = state[6 + w : 6 + 2 * w]
    whole = state[6 + 2 * w :].view(np.int64)
    order, kinds, lowest, highest = whole[:w], whole[w : 2 * w], whole[2 * w : 3 * w], whole[3 * w : 4 * w]
    pairs, triples, below = whole[4 * w : 5 * w], whole[5 * w : 6 * w], whole[6 * w : 7 * w + 1]
    near = whole[7 * w + 1 :]
    if state[0] == 0.0:
        for c in range(1, w + 1):
            logs[c] = math.log(float(c))
            order[c - 1] = c - 1
        state[0] = 1.0
    for i in range(n):
        if (row + i) % every == 0:
            r = share * reach[i]
            for k in range(1, 5):
                state[k] = np.nan
            if r == r:
                _sort(x[at + i - w + 1 : at + i + 1], every % w, order, values)
                _near_bits(values, r, order, kinds, lowest, highest, below, near)
                one, two, going_on, three, log_two, log_three = _count_repeats(near, w, words, logs, pairs, triples)
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


@kernel(depth=_window, state=_word_state, cost=157.0)
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
