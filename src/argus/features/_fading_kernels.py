"""Means that move by a fixed share of each value's distance, of which no row waits for the one before.

A mean's gap from the newest value keeps a share of the last gap and of what the value moved by. Worked out from the gap
eight values before, it keeps the eighth power of that share, and what the values moved by in between is added up
beside: in pairs, in fours, in eights. So eight values go together, and only from eight to eight does one wait. A mean
hangs on the values up to it alone, not on which are worked out together, and a value that stays the same becomes it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from argus.core._eight_kernels import EIGHT, choose, fuse, last_of, put, shifter, take
from argus.core._fused_kernels import fused
from argus.core._sharing_kernels import share_compiled
from argus.features._algebra_kernels import FADED, SPECK, unfaded

__all__ = ["MEAN", "STEADY", "steady_mean"]

_VALUES = 1
_MOVES = _VALUES + EIGHT
_PAIRS = _MOVES + EIGHT
_FOURS = _PAIRS + EIGHT
_GAPS = _FOURS + EIGHT
"""Where the last eight of each begin in the state; they are counted round, from place 0 to 7."""
STEADY = _GAPS + EIGHT
"""Length of the state of `steady_mean`."""
MEAN = _VALUES + EIGHT - 1
"""Where the mean before the first value is put in a new state: as if it were the value before."""
_PLACES = EIGHT - 1

_one_before = shifter(1)
_two_before = shifter(2)
_four_before = shifter(4)


@njit(cache=True, error_model="numpy", nogil=True)
def _one(value, kept, state):  # type: ignore[no-untyped-def]
    """The mean after one more value."""
    place = int(state[0])
    move = fused(kept[0], state[_VALUES + (place - 1 & _PLACES)] - value, SPECK)
    pair = fused(kept[0], state[_MOVES + (place - 1 & _PLACES)], move)
    four = fused(kept[1], state[_PAIRS + (place - 2 & _PLACES)], pair)
    gap = fused(kept[2], state[_FOURS + (place - 4 & _PLACES)], four)
    gap = fused(kept[3], state[_GAPS + place], gap)
    state[_VALUES + place] = value
    state[_MOVES + place] = move
    state[_PAIRS + place] = pair
    state[_FOURS + place] = four
    state[_GAPS + place] = gap
    state[0] = place + 1 & _PLACES
    return unfaded(value + gap)


@njit(cache=True, error_model="numpy", nogil=True)
def _eights(x, out, kept, is_certain, state):  # type: ignore[no-untyped-def]
    """Means of whole groups of eight, unless a value is missing, which the last gap shows; whether that was so."""
    values, moves = take(state, _VALUES), take(state, _MOVES)
    pairs, fours, gaps = take(state, _PAIRS), take(state, _FOURS), take(state, _GAPS)
    for i in range(0, len(x), EIGHT):
        now = take(x, i)
        move = fuse(kept[0], _one_before(values, now) - now, SPECK)
        pair = fuse(kept[0], _one_before(moves, move), move)
        four = fuse(kept[1], _two_before(pairs, pair), pair)
        put(out, i, fuse(kept[2], _four_before(fours, four), four))
        values, moves, pairs, fours = now, move, pair, four
    for i in range(0, len(x), EIGHT):
        gaps = fuse(kept[3], gaps, take(out, i))
        means = take(x, i) + gaps
        put(out, i, choose(abs(means) < FADED, 0.0, means))
    last = last_of(gaps)
    if not (is_certain or last == last):
        return False
    put(state, _VALUES, values)
    put(state, _MOVES, moves)
    put(state, _PAIRS, pairs)
    put(state, _FOURS, fours)
    put(state, _GAPS, gaps)
    return True


@njit(cache=True, error_model="numpy", nogil=True)
def _known(x, first):  # type: ignore[no-untyped-def]
    """Values from one on until one is missing."""
    end = first
    while end < len(x) and x[end] == x[end]:
        end += 1
    return end - first


@njit(cache=True, error_model="numpy", nogil=True)
def steady_mean(x, out, gain, state):  # type: ignore[no-untyped-def]
    """Means that move by `gain` times each value's distance; a missing value is skipped, and so is its row of `out`.

    State: the next place; the last eight values, moves, sums of moves, and gaps.
    """
    decay = 1.0 - gain
    square = decay * decay
    fourth = square * square
    kept = (decay, square, fourth, fourth * fourth)
    is_gappy = False
    i = 0
    while i < len(x):
        if state[0] == 0.0:
            # As a rule nothing is missing, and it is quicker to ask that afterwards.
            known = _known(x, i) if is_gappy else len(x) - i
            end = i + known - known % EIGHT
            if end > i:
                if _eights(x[i:end], out[i:end], kept, is_gappy, state):
                    i = end
                else:
                    is_gappy = True
                continue
        out[i] = _one(x[i], kept, state) if x[i] == x[i] else np.nan
        i += 1


share_compiled(globals())
