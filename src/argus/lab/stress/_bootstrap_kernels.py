"""Kernels of the redrawn trades: eight paths go side by side, and their accounts stay in registers.

A path is a pure function of the key and its number, so any worker can do any part with the same bits. Path i takes
numbers ``i * words`` onwards of the stream. A number's two halves serve two trades. A half below `restart` begins a new
block, and, scaled from there to the sample, says where: one number decides both. Where the sample is so long, or blocks
are, that a half would be too coarse for that, each trade takes a whole number instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, uint64

from argus.core._eight_kernels import EIGHT, choose, displace, eight, look_up, put, take
from argus.core._random_kernels import (
    half_mixed,
    mixed_bits,
    random_bits,
    stream_state,
    stream_stride,
    wholly_mixed,
)
from argus.core._sharing_kernels import share_compiled

__all__ = ["EIGHT", "ROOM_FLOATS", "ROOM_INTS", "redraw_block", "reorder_block", "select_ranks"]

_AHEAD = 8
"""Pairs of trades by which the choice of places runs ahead: what is written must have arrived when it is read."""
_PAIRS = 16
"""Pairs of trades whose places are kept."""
_ROWS = 7
ROOM_FLOATS = _ROWS * EIGHT
"""Float64 values of working memory that one worker needs: what is told of eight accounts at their end."""
ROOM_INTS = _PAIRS * EIGHT
"""Uint64 values of working memory: places, two in each number."""

_EQUITY, _LOWEST, _SQUARES, _DEPTH, _LEFT, _OF, _LONGEST = (row * EIGHT for row in range(_ROWS))

_LOW = uint64(0xFFFFFFFF)
_HALF = uint64(32)
_ONE = uint64(1)
_ZERO = uint64(0)


@njit(cache=True, error_model="numpy", nogil=True, forceinline=True)
def _opened(capital: Any):  # type: ignore[no-untyped-def]
    """Eight accounts before their first trade: equity, peak, lowest equity, sum of squared results, deepest fall, what
    was left of which peak at the worst, trades under water now and at the longest."""
    opening, zero = eight(capital), eight(0.0)
    return opening, opening, opening, zero, zero, opening, opening, zero, zero


@njit(cache=True, error_model="numpy", nogil=True, forceinline=True)
def _booked(account: Any, gain: Any):  # type: ignore[no-untyped-def]
    """The accounts after one more trade."""
    equity, peak, lowest, squares, depth, left, of, run, longest = account
    now = equity + gain
    is_under = now < peak
    top = choose(is_under, peak, now)
    fall = top - now
    # now / top < left / of, without the divisions.
    is_worse = now * of < left * top
    under = choose(is_under, run + 1.0, eight(0.0))
    return (
        now,
        top,
        choose(lowest < now, lowest, now),
        squares + gain * gain,
        choose(fall < depth, depth, fall),
        choose(is_worse, now, left),
        choose(is_worse, top, of),
        under,
        choose(under < longest, longest, under),
    )


@njit(cache=True, error_model="numpy", nogil=True)
def _mark(account: Any, capital: Any, mark: Any, base: Any, lanes: Any, room: Any, fan: Any):  # type: ignore[no-untyped-def]
    """Write the results so far to a row of `fan`."""
    if lanes == EIGHT:
        put(fan[mark], base, account[0] - capital)
    else:
        put(room, _EQUITY, account[0])
        for lane in range(lanes):
            fan[mark, base + lane] = room[_EQUITY + lane] - capital


@njit(cache=True, error_model="numpy", nogil=True)
def _end(account: Any, capital: Any, count: Any, base: Any, lanes: Any, room: Any, out: Any):  # type: ignore[no-untyped-def]
    """Write what became of the paths to columns of `out`."""
    put(room, _EQUITY, account[0])
    put(room, _LOWEST, account[2])
    put(room, _SQUARES, account[3])
    put(room, _DEPTH, account[4])
    put(room, _LEFT, account[5])
    put(room, _OF, account[6])
    put(room, _LONGEST, account[8])
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


@njit(cache=True, error_model="numpy", nogil=True)
def _states(key: Any, base: Any, words: Any, ints: Any):  # type: ignore[no-untyped-def]
    """The generator's states before the first number of eight paths."""
    for lane in range(EIGHT):
        ints[lane] = stream_state(key, uint64(base + lane) * words)
    return take(ints, 0)


@njit(cache=True, error_model="numpy", nogil=True)
def _before(key: Any, base: Any, words: Any, size: Any, ints: Any):  # type: ignore[no-untyped-def]
    """One before a random place: a block that "goes on" from here starts anywhere, as the first one must."""
    for lane in range(EIGHT):
        place = ((random_bits(key, ~(uint64(base + lane) * words)) >> _HALF) * size) >> _HALF
        ints[lane] = (place if place > _ZERO else size) - _ONE
    return take(ints, 0)


@njit(cache=True, error_model="numpy", nogil=True, forceinline=True)
def _next(place: Any, half: Any, restart: Any, scale: Any):  # type: ignore[no-untyped-def]
    """The places after `place`, or fresh ones, from halves of random numbers."""
    return choose(half < restart, (half * scale) >> _HALF, place + _ONE)


@njit(cache=True, error_model="numpy", nogil=True, forceinline=True)
def _pick(drawn: Any, place: Any, pair: Any, restart: Any, scale: Any, ints: Any):  # type: ignore[no-untyped-def]
    """Places of two trades, by half a random number each."""
    # Both factors are seen to be halves here, whose product is a third of the work of any other.
    scale = scale & _LOW
    one = _next(place, drawn >> _HALF, restart, scale)
    other = _next(one, drawn & _LOW, restart, scale)
    put(ints, pair % _PAIRS * EIGHT, one | other << _HALF)
    return other


@njit(cache=True, error_model="numpy", nogil=True)
def _pick_wide(state: Any, place: Any, pair: Any, restart: Any, size: Any, ints: Any):  # type: ignore[no-untyped-def]
    """The same by a whole number for each: its upper half is the place, its lower one the decision."""
    drawn = mixed_bits(state + stream_stride(2 * pair))
    one = choose(drawn & _LOW < restart, ((drawn >> _HALF) * size) >> _HALF, place + _ONE)
    drawn = mixed_bits(state + stream_stride(2 * pair + 1))
    other = choose(drawn & _LOW < restart, ((drawn >> _HALF) * size) >> _HALF, one + _ONE)
    put(ints, pair % _PAIRS * EIGHT, one | other << _HALF)
    return other


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
    sample : (2 n + 2,) float64
        The results twice over, so that a block that goes on around their end need not ask where that is; no path is
        longer than they are. Two more are read, and not booked, where a path has ended.
    capital : float
    restart : uint64
        Probability that a block ends, times 2**32.
    scale : uint64
        ``n * 2**32 / restart``, below 2**32, or 0: then each trade takes a whole number.
    key : uint64
    first, last : int
    steps : (k,) int64
        Trades done at each checkpoint, even numbers but for the last, which is n.
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
    for base in range(first, last, EIGHT):
        lanes = min(EIGHT, last - base)
        state = _states(key, base, words, ints)
        place = _before(key, base, words, size, ints)
        for pair in range(_AHEAD):
            if is_wide:
                place = _pick_wide(state, place, pair, restart, size, ints)
            else:
                place = _pick(mixed_bits(state + stream_stride(pair)), place, pair, restart, scale, ints)
        # Each turn does a part of the way of several pairs: were it all of one, the processor would wait for it.
        drawn = mixed_bits(state + stream_stride(_AHEAD))
        mixing = half_mixed(state + stream_stride(_AHEAD + 1))
        one, other = look_up(sample, ints, 0), look_up(sample, ints, 1)
        account = _opened(capital)
        done = 0
        for mark in range(len(steps)):
            for pair in range(done // 2, steps[mark] // 2):
                if is_wide:
                    place = _pick_wide(state, place, pair + _AHEAD, restart, size, ints)
                else:
                    place = _pick(drawn, place, pair + _AHEAD, restart, scale, ints)
                drawn = wholly_mixed(mixing)
                mixing = half_mixed(state + stream_stride(pair + _AHEAD + 2))
                account = _booked(_booked(account, one), other)
                half = (pair + 1) % _PAIRS * (2 * EIGHT)
                one, other = look_up(sample, ints, half), look_up(sample, ints, half + 1)
            done = steps[mark]
            if done % 2:
                account = _booked(account, one)
            _mark(account, capital, mark, base, lanes, room, fan)
        _end(account, capital, count, base, lanes, room, out)


@njit(cache=True, error_model="numpy", nogil=True, forceinline=True)
def _seat(drawn: Any, pair: Any, ints: Any):  # type: ignore[no-untyped-def]
    """Where two trades go, each among those before it."""
    step = uint64(2) * uint64(pair)
    one = ((drawn >> _HALF) * ((step + _ONE) & _LOW)) >> _HALF
    other = ((drawn & _LOW) * ((step + _ONE + _ONE) & _LOW)) >> _HALF
    # Each of the deck's rows has eight elements.
    put(ints, pair % _PAIRS * EIGHT, (one | other << _HALF) << uint64(3))


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
    ints: Any,
    deck: Any,
):
    """Put the sample into another order for each path: the shuffle of Fisher and Yates, from the inside out.

    Parameters are those of `redraw_block`, but for

    Parameters
    ----------
    sample : (n,) float64
        Fewer than 2**29, beyond which no machine has memory for the deck.
    deck : (16 n,) float64
        Working memory: twice eight orders, a row for each trade; finite.

    Notes
    -----
    A number's two halves serve two trades.
    """
    count = len(sample)
    words = uint64((count + 1) // 2)
    done_deck = deck[EIGHT * count :]
    # While eight paths are put into order, the eight before them are booked; the last turn only books.
    for base in range(first, last + EIGHT, EIGHT):
        lanes = min(EIGHT, last + EIGHT - base) if base > first else 0
        state = _states(key, base, words, ints)
        for pair in range(_AHEAD):
            _seat(mixed_bits(state + stream_stride(pair)), pair, ints)
        drawn = mixed_bits(state + stream_stride(_AHEAD))
        mixing = half_mixed(state + stream_stride(_AHEAD + 1))
        account = _opened(capital)
        done = 0
        for mark in range(len(steps)):
            for pair in range(done // 2, steps[mark] // 2):
                _seat(drawn, pair + _AHEAD, ints)
                drawn = wholly_mixed(mixing)
                mixing = half_mixed(state + stream_stride(pair + _AHEAD + 2))
                step, half = 2 * pair, pair % _PAIRS * (2 * EIGHT)
                account = _booked(account, take(done_deck, step * EIGHT))
                displace(deck, ints, half, step * EIGHT, sample[step])
                account = _booked(account, take(done_deck, (step + 1) * EIGHT))
                displace(deck, ints, half + 1, (step + 1) * EIGHT, sample[step + 1])
            done = steps[mark]
            if done % 2:
                account = _booked(account, take(done_deck, (done - 1) * EIGHT))
                displace(deck, ints, done // 2 % _PAIRS * (2 * EIGHT), (done - 1) * EIGHT, sample[done - 1])
            _mark(account, capital, mark, base - EIGHT, lanes, room, fan)
        _end(account, capital, count, base - EIGHT, lanes, room, out)
        deck, done_deck = done_deck, deck


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
