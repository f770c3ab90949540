"""Kernel of the stationary bootstrap: many paths side by side, so that the processor's vector units are full.

Path i at step s uses number ``i * steps + s`` of the stream: its upper half draws a place in the sample, its lower half
decides whether a new block starts. Nothing else is random, so any worker can do any part with the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, uint64

from argus.core._random_kernels import random_bits

__all__ = ["LANES", "bootstrap_block"]

LANES = 64
"""Paths that advance together. It has no part in the result."""

_LOW = uint64(0xFFFFFFFF)
_HALF = uint64(32)


@njit(cache=True, nogil=True)
def bootstrap_block(  # type: ignore[no-untyped-def]
    sample: Any, capital: Any, restart: Any, key: Any, first: Any, last: Any, steps: Any, out: Any, fan: Any
):
    """Draw paths `first` to `last` (exclusive) into columns of `out` and rows of `fan`.

    Parameters
    ----------
    sample : (n,) float64
    capital : float
    restart : int
        Probability that a block ends, times 2**32.
    key : uint64
    first, last : int
    steps : (k,) int64
        Trades done at each checkpoint, the last of them n.
    out : (5, paths) float64
        Final sum, drawdown, drawdown fraction, lowest equity, Sharpe ratio of the trades.
    fan : (paths, k) float64
    """
    count = len(sample)
    place = np.empty(LANES, dtype=np.int64)
    counter = np.empty(LANES, dtype=np.uint64)
    equity = np.empty(LANES)
    squares = np.empty(LANES)
    peak = np.empty(LANES)
    lowest = np.empty(LANES)
    depth = np.empty(LANES)
    gain = np.empty(LANES)
    share = np.empty(LANES)
    bits = np.empty(LANES, dtype=np.uint64)
    size = uint64(count)
    for base in range(first, last, LANES):
        lanes = min(LANES, last - base)
        for lane in range(LANES):
            counter[lane] = uint64(base + lane) * size
            # One before a random place: a block that "goes on" from here starts anywhere, as the first one must.
            first_bits = random_bits(key, ~(counter[lane]))
            place[lane] = np.int64(((first_bits >> _HALF) * size) >> _HALF) - 1
            equity[lane] = capital
            peak[lane] = capital
            lowest[lane] = capital
            squares[lane] = 0.0
            depth[lane] = 0.0
            share[lane] = 1.0
        done = 0
        for mark in range(len(steps)):
            for step in range(done, steps[mark]):
                offset = uint64(step)
                # Short loops rather than one: the compiler vectorises a loop only while it touches few arrays.
                for lane in range(LANES):
                    bits[lane] = random_bits(key, counter[lane] + offset)
                for lane in range(LANES):
                    drawn = bits[lane]
                    fresh = np.int64(((drawn >> _HALF) * size) >> _HALF)
                    onward = place[lane] + 1
                    onward = onward if onward < count else 0
                    place[lane] = fresh if np.int64(drawn & _LOW) < restart else onward
                for lane in range(LANES):
                    gain[lane] = sample[place[lane]]
                for lane in range(LANES):
                    equity[lane] += gain[lane]
                    squares[lane] += gain[lane] * gain[lane]
                for lane in range(LANES):
                    now = equity[lane]
                    low = lowest[lane]
                    top = peak[lane]
                    lowest[lane] = low if low < now else now
                    peak[lane] = top if top > now else now
                for lane in range(LANES):
                    fall = peak[lane] - equity[lane]
                    deep = depth[lane]
                    depth[lane] = deep if deep > fall else fall
                for lane in range(LANES):
                    left = equity[lane] / peak[lane]
                    least = share[lane]
                    share[lane] = least if least < left else left
            done = steps[mark]
            for lane in range(lanes):
                fan[base + lane, mark] = equity[lane] - capital
        for lane in range(lanes):
            total = equity[lane] - capital
            mean = total / count
            variance = (squares[lane] - total * mean) / (count - 1) if count > 1 else 0.0
            out[0, base + lane] = total
            out[1, base + lane] = depth[lane]
            out[2, base + lane] = min(1.0 - share[lane], 1.0)
            out[3, base + lane] = lowest[lane]
            # A path of one trade repeated keeps a variance of a few roundings.
            out[4, base + lane] = mean / np.sqrt(variance) if variance > 1e-12 * mean * mean else np.nan
