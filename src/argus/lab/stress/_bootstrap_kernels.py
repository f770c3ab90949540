"""Kernels of the redrawn trades: many paths side by side, four trades at a time, so that the vector units are full.

Everything that advances stands in one buffer, in rows of `LANES` at fixed places: the compiler can then prove that no
two rows overlap, keeps a path's state in registers over four trades, and needs neither branches nor divisions. A path
is a pure function of the key and its number, so any worker can do any part with the same bits.

Path i takes numbers ``i * words`` onwards of the stream. A number's two halves serve two trades. A half below `restart`
begins a new block, and, scaled from there to the sample, says where: one number decides both. Where the sample is so
long, or blocks are, that a half would be too coarse for that, each trade takes a whole number instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, uint64

from argus.core._random_kernels import later_state, mixed_bits, random_bits, stream_state, stream_stride
from argus.core._sharing_kernels import share_compiled

__all__ = ["LANES", "ROOM_FLOATS", "ROOM_INTS", "redraw_block", "reorder_block", "select_ranks"]

LANES = 64
"""Paths that advance together. It has no part in the result."""

_STATES = 9
ROOM_FLOATS = (_STATES + 4) * LANES
"""Float64 values of working memory that one worker needs: nine rows of state, four of results."""
ROOM_INTS = 6 * LANES
"""Uint64 values of working memory: states of the generator, four rows of places, and what a half is scaled by."""

_EQUITY, _PEAK, _LOWEST, _SQUARES, _DEPTH, _LEFT, _OF, _RUN, _LONGEST = (row * LANES for row in range(9))
_GAIN_1, _GAIN_2, _GAIN_3, _GAIN_4 = (row * LANES for row in range(9, 13))
_PLACE_1, _PLACE_2, _PLACE_3, _PLACE_4, _SCALE = (row * LANES for row in range(1, 6))

_LOW = uint64(0xFFFFFFFF)
_HALF = uint64(32)
_ONE = uint64(1)
_ZERO = uint64(0)


@njit(cache=True, error_model="numpy", nogil=True)
def _begin(capital: Any, room: Any):  # type: ignore[no-untyped-def]
    """Open the accounts of all lanes."""
    for lane in range(LANES):
        room[_EQUITY + lane] = capital
        room[_PEAK + lane] = capital
        room[_LOWEST + lane] = capital
        room[_SQUARES + lane] = 0.0
        room[_DEPTH + lane] = 0.0
        room[_LEFT + lane] = capital
        room[_OF + lane] = capital
        room[_RUN + lane] = 0.0
        room[_LONGEST + lane] = 0.0


@njit(cache=True, error_model="numpy", nogil=True, forceinline=True)
def _one(  # type: ignore[no-untyped-def]
    equity: Any,
    peak: Any,
    lowest: Any,
    squares: Any,
    depth: Any,
    left: Any,
    of: Any,
    run: Any,
    longest: Any,
    gain: Any,
    weight: Any,
):
    """The state after one more trade; `weight` 0 is no trade."""
    now = equity + gain
    is_under = now < peak
    top = peak if is_under else now
    low = lowest if lowest < now else now
    fall = top - now
    deep = depth if depth > fall else fall
    # now / top < left / of, without the divisions.
    is_worse = now * of < left * top
    onward = run + weight
    under = onward if is_under else 0.0
    return (
        now,
        top,
        low,
        squares + gain * gain,
        deep,
        now if is_worse else left,
        top if is_worse else of,
        under,
        longest if longest > under else under,
    )


@njit(cache=True, error_model="numpy", nogil=True)
def _follow(room: Any, second: Any, third: Any, fourth: Any):  # type: ignore[no-untyped-def]
    """Book four trades of each lane; the weights of the last three are 0 where the path has ended."""
    for lane in range(LANES):
        state = (
            room[_EQUITY + lane],
            room[_PEAK + lane],
            room[_LOWEST + lane],
            room[_SQUARES + lane],
            room[_DEPTH + lane],
            room[_LEFT + lane],
            room[_OF + lane],
            room[_RUN + lane],
            room[_LONGEST + lane],
        )
        state = _one(*state, room[_GAIN_1 + lane], 1.0)
        state = _one(*state, room[_GAIN_2 + lane], second)  # type: ignore[call-arg]
        state = _one(*state, room[_GAIN_3 + lane], third)  # type: ignore[call-arg]
        state = _one(*state, room[_GAIN_4 + lane], fourth)  # type: ignore[call-arg]
        room[_EQUITY + lane] = state[0]
        room[_PEAK + lane] = state[1]
        room[_LOWEST + lane] = state[2]
        room[_SQUARES + lane] = state[3]
        room[_DEPTH + lane] = state[4]
        room[_LEFT + lane] = state[5]
        room[_OF + lane] = state[6]
        room[_RUN + lane] = state[7]
        room[_LONGEST + lane] = state[8]


@njit(cache=True, error_model="numpy", nogil=True)
def _end(capital: Any, count: Any, base: Any, lanes: Any, room: Any, out: Any):  # type: ignore[no-untyped-def]
    """Write what became of the lanes to columns of `out`."""
    for lane in range(lanes):
        total = room[_EQUITY + lane] - capital
        mean = total / count
        variance = (room[_SQUARES + lane] - total * mean) / (count - 1) if count > 1 else 0.0
        out[0, base + lane] = total
        out[1, base + lane] = room[_DEPTH + lane]
        out[2, base + lane] = min(1.0 - room[_LEFT + lane] / room[_OF + lane], 1.0)
        out[3, base + lane] = room[_LOWEST + lane]
        # A path of one trade repeated keeps a variance of a few roundings.
        out[4, base + lane] = mean / np.sqrt(variance) if variance > 1e-12 * mean * mean else np.nan
        out[5, base + lane] = room[_LONGEST + lane]


@njit(cache=True, error_model="numpy", nogil=True, forceinline=True)
def _next(place: Any, half: Any, restart: Any, scale: Any):  # type: ignore[no-untyped-def]
    """The place after `place`, or a fresh one, from half a random number."""
    fresh = (half * scale) >> _HALF
    # A signed comparison: the vector units have no other, and nothing here reaches 2**63.
    return fresh if np.int64(half) < np.int64(restart) else place + _ONE


@njit(cache=True, error_model="numpy", nogil=True)
def _pick_four(offset: Any, restart: Any, ints: Any):  # type: ignore[no-untyped-def]
    """Next four places of each lane, from two random numbers: two in each of two rows, and the last in its own."""
    for lane in range(LANES):
        state = later_state(ints[lane], offset)
        one, other = mixed_bits(state), mixed_bits(later_state(state, stream_stride(1)))
        # Both factors are seen to be halves here, whose product is a third of the work of any other.
        scale = ints[_SCALE + lane] & _LOW
        first = _next(ints[_PLACE_4 + lane], one >> _HALF, restart, scale)
        second = _next(first, one & _LOW, restart, scale)
        third = _next(second, other >> _HALF, restart, scale)
        fourth = _next(third, other & _LOW, restart, scale)
        ints[_PLACE_4 + lane] = fourth
        ints[_PLACE_1 + lane] = first | second << _HALF
        ints[_PLACE_2 + lane] = third | fourth << _HALF


@njit(cache=True, error_model="numpy", nogil=True)
def _pick_wide(offset: Any, restart: Any, size: Any, row: Any, before: Any, ints: Any):  # type: ignore[no-untyped-def]
    """Next places, from a whole number for each trade: its upper half is the place, its lower one the decision."""
    for lane in range(LANES):
        drawn = mixed_bits(later_state(ints[lane], offset))
        fresh = ((drawn >> _HALF) * size) >> _HALF
        ints[row + lane] = fresh if (drawn & _LOW) < restart else ints[before + lane] + _ONE


@njit(cache=True, error_model="numpy", nogil=True)
def _clear(row: Any, room: Any):  # type: ignore[no-untyped-def]
    """No result: the path has ended."""
    for lane in range(LANES):
        room[row + lane] = 0.0


@njit(cache=True, error_model="numpy", nogil=True)
def _draw_four(  # type: ignore[no-untyped-def]
    sample: Any, step: Any, restart: Any, size: Any, is_wide: Any, ints: Any, room: Any
):
    """Four trades of each lane from `step` on; two places stand in one number, which is read at once."""
    if is_wide:
        _pick_wide(stream_stride(step), restart, size, _PLACE_1, _PLACE_4, ints)
        _pick_wide(stream_stride(step + 1), restart, size, _PLACE_2, _PLACE_1, ints)
        _pick_wide(stream_stride(step + 2), restart, size, _PLACE_3, _PLACE_2, ints)
        _pick_wide(stream_stride(step + 3), restart, size, _PLACE_4, _PLACE_3, ints)
        for lane in range(LANES):
            ints[_PLACE_1 + lane] = ints[_PLACE_1 + lane] | ints[_PLACE_2 + lane] << _HALF
            ints[_PLACE_2 + lane] = ints[_PLACE_3 + lane] | ints[_PLACE_4 + lane] << _HALF
    else:
        _pick_four(stream_stride(step >> 1), restart, ints)
    for lane in range(LANES):
        pair, other = ints[_PLACE_1 + lane], ints[_PLACE_2 + lane]
        room[_GAIN_1 + lane] = sample[pair & _LOW]
        room[_GAIN_2 + lane] = sample[pair >> _HALF]
        room[_GAIN_3 + lane] = sample[other & _LOW]
        room[_GAIN_4 + lane] = sample[other >> _HALF]


@njit(cache=True, error_model="numpy", nogil=True)
def redraw_block(  # type: ignore[no-untyped-def]
    sample: Any,
    capital: Any,
    restart: Any,
    scale: Any,
    key: Any,
    first: Any,
    last: Any,
    steps: Any,
    out: Any,
    fan: Any,
    room: Any,
    ints: Any,
):
    """Draw paths `first` to `last` (exclusive) with replacement, in blocks, into columns of `out` and `fan`.

    Parameters
    ----------
    sample : (2 n + 4,) float64
        The results twice over, so that a block that goes on around their end need not ask where that is; no path is
        longer than they are. Four more are read where a path has ended.
    capital : float
    restart : uint64
        Probability that a block ends, times 2**32.
    scale : uint64
        ``n * 2**32 / restart``, below 2**32, or 0: then each trade takes a whole number.
    key : uint64
    first, last : int
    steps : (k,) int64
        Trades done at each checkpoint, multiples of four but for the last, which is n.
    out : (6, paths) float64
        Final sum, drawdown, drawdown fraction, lowest equity, Sharpe ratio of the trades, longest time under water.
    fan : (k, paths) float64
    room, ints
        Working memory of `ROOM_FLOATS` float64 and `ROOM_INTS` uint64.
    """
    count = steps[-1]
    size = uint64(count)
    is_wide = scale == _ZERO
    words = uint64(count) if is_wide else uint64((count + 3) // 4 * 2)
    for base in range(first, last, LANES):
        lanes = min(LANES, last - base)
        for lane in range(LANES):
            counter = uint64(base + lane) * words
            ints[lane] = stream_state(key, counter)
            ints[_SCALE + lane] = scale
            # One before a random place: a block that "goes on" from here starts anywhere, as the first one must.
            place = ((random_bits(key, ~counter) >> _HALF) * size) >> _HALF
            ints[_PLACE_4 + lane] = (place if place > _ZERO else size) - _ONE
        _begin(capital, room)
        done = 0
        for mark in range(len(steps)):
            until = steps[mark]
            for step in range(done, until, 4):
                _draw_four(sample, step, restart, size, is_wide, ints, room)
                left = until - step
                for number in range(left, 4):
                    _clear(_GAIN_1 + number * LANES, room)
                _follow(room, 1.0 if left > 1 else 0.0, 1.0 if left > 2 else 0.0, 1.0 if left > 3 else 0.0)
            done = until
            for lane in range(lanes):
                fan[mark, base + lane] = room[_EQUITY + lane] - capital
        _end(capital, count, base, lanes, room, out)


@njit(cache=True, error_model="numpy", nogil=True)
def reorder_block(  # type: ignore[no-untyped-def]
    sample: Any,
    capital: Any,
    key: Any,
    first: Any,
    last: Any,
    steps: Any,
    out: Any,
    fan: Any,
    room: Any,
    order: Any,
):
    """Put the sample into another order for each path: the shuffle of Fisher and Yates, from the inside out.

    Parameters are those of `redraw_block`, but for

    Parameters
    ----------
    order : (LANES, n + 3) float64
        Working memory: the sample as each lane has it.

    Notes
    -----
    A number's two halves serve two trades.
    """
    count = len(sample)
    words = uint64((count + 1) // 2)
    order[:, count:] = 0.0
    for base in range(first, last, LANES):
        lanes = min(LANES, last - base)
        for lane in range(lanes):
            _shuffle(sample, key, uint64(base + lane) * words, order[lane])
        _begin(capital, room)
        done = 0
        for mark in range(len(steps)):
            until = steps[mark]
            for step in range(done, until, 4):
                _take_four(order, step, room)
                left = until - step
                _follow(room, 1.0 if left > 1 else 0.0, 1.0 if left > 2 else 0.0, 1.0 if left > 3 else 0.0)
            done = until
            for lane in range(lanes):
                fan[mark, base + lane] = room[_EQUITY + lane] - capital
        _end(capital, count, base, lanes, room, out)


@njit(cache=True, error_model="numpy", nogil=True)
def _shuffle(sample: Any, key: Any, counter: Any, order: Any):  # type: ignore[no-untyped-def]
    """Put each trade to a random place among those before it; the one that was there goes to the end."""
    count = len(sample)
    for pair in range(count // 2):
        drawn = random_bits(key, counter + uint64(pair))
        step = 2 * pair
        _insert(sample, step, drawn >> _HALF, order)
        _insert(sample, step + 1, drawn & _LOW, order)
    if count % 2:
        _insert(sample, count - 1, random_bits(key, counter + uint64(count // 2)) >> _HALF, order)


@njit(cache=True, error_model="numpy", nogil=True, forceinline=True)
def _insert(sample: Any, step: Any, half: Any, order: Any):  # type: ignore[no-untyped-def]
    at = (half * uint64(step + 1)) >> _HALF
    order[step] = order[at]
    order[at] = sample[step]


@njit(cache=True, error_model="numpy", nogil=True)
def _take_four(order: Any, step: Any, room: Any):  # type: ignore[no-untyped-def]
    """Four trades of each lane; behind the last one stand zeros."""
    for lane in range(LANES):
        room[_GAIN_1 + lane] = order[lane, step]
        room[_GAIN_2 + lane] = order[lane, step + 1]
        room[_GAIN_3 + lane] = order[lane, step + 2]
        room[_GAIN_4 + lane] = order[lane, step + 3]


@njit(cache=True, error_model="numpy", nogil=True)
def _settle(part: Any, low: Any, high: Any, rank: Any):  # type: ignore[no-untyped-def]
    """Bring the order statistic `rank` of ``part[low:high + 1]`` to its place: the selection of Hoare (1961)."""
    while low < high:
        a, b, c = part[low], part[(low + high) >> 1], part[high]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = low, high
        while i <= j:
            while part[i] < pivot:
                i += 1
            while part[j] > pivot:
                j -= 1
            if i <= j:
                held = part[i]
                part[i] = part[j]
                part[j] = held
                i += 1
                j -= 1
        if rank <= j:
            high = j
        elif rank >= i:
            low = i
        else:
            low = high


@njit(cache=True, error_model="numpy", nogil=True)
def select_ranks(  # type: ignore[no-untyped-def]
    values: Any, low: Any, high: Any, ranks: Any, out: Any, spare: Any, bins: Any, counts: Any, starts: Any
):
    """Order statistics of `values` without sorting them: only bins in which a rank lies are looked into.

    Parameters
    ----------
    values : (n,) float64
        Finite. Left as they are.
    low, high : float
        The least and the greatest of them.
    ranks : (k,) int64
        Positions in sorted order.
    out : (k,) float64
    spare, bins : (n,) float64, (n,) int64
    counts, starts : (b,) int64
        Working memory; b bins of equal width.
    """
    count, width = len(values), len(counts)
    scale = (width - 1) / (high - low) if high > low else 0.0
    counts[:] = 0
    starts[:] = -1
    for row in range(count):
        # Rounding may put the largest value one bin too far.
        bins[row] = min(np.int64((values[row] - low) * scale), width - 1)
    for row in range(count):
        counts[bins[row]] += 1
    below = 0
    for number in range(width):
        below += counts[number]
        counts[number] = below
    filled = 0
    for number in range(len(ranks)):
        place = np.searchsorted(counts, ranks[number], side="right")
        if starts[place] < 0:
            starts[place] = filled
            filled += counts[place] - (counts[place - 1] if place else 0)
    for row in range(count):
        at = starts[bins[row]]
        if at >= 0:
            spare[at] = values[row]
            starts[bins[row]] = at + 1
    for number in range(len(ranks)):
        place = np.searchsorted(counts, ranks[number], side="right")
        before = counts[place - 1] if place else 0
        end = starts[place]
        rank = end - (counts[place] - ranks[number])
        _settle(spare, end - (counts[place] - before), end - 1, rank)
        out[number] = spare[rank]


share_compiled(globals(), wide=True)
