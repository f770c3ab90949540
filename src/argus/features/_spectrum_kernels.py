"""Kernel of the spectrum of the last rows: the sum of each wave is turned by one row and takes the new value in.

Turned sums are taken afresh at every multiple of 1,024 rows, and wherever almost all of what was in them has gone, as
after a jump. Waves that fit the window a whole number of times do not see the mean.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.features._form_kernels import kernel
from argus.features._lanes_kernels import logarithm, sum_of

_RENEWED = 1024
"""Sums are taken afresh in rows whose number is a multiple of this."""
_CANCELLED = 1e-12
"""So small a power against the largest since sums were taken afresh has lost digits."""


def _window(args):  # type: ignore[no-untyped-def]
    return int(args[0])


def _results(args):  # type: ignore[no-untyped-def]
    return int(args[0]).bit_length()


def _state(args):  # type: ignore[no-untyped-def]
    w = int(args[0])
    return 2 + w.bit_length() + 4 * (w // 2) + 2 * w


@njit(cache=True, error_model="numpy", nogil=True)
def _waves_afresh(x, newest, w, real, imaginary, cosines, sines):  # type: ignore[no-untyped-def]
    """Sums of the window, as distances from its newest value, times each wave; the oldest row has angle zero."""
    centre = x[newest]
    centre = centre if centre == centre else 0.0
    for k in range(w // 2):
        a = 0.0
        b = 0.0
        place = 0
        for j in range(w):
            value = x[newest - w + 1 + j]
            gap = value - centre if value == value else 0.0
            a += gap * cosines[place]
            b -= gap * sines[place]
            # The angle is a multiple of the step, less whole turns.
            place += k + 1
            place -= w if place >= w else 0
        real[k] = a
        imaginary[k] = b
    return centre


@njit(cache=True, error_model="numpy", nogil=True)
def _turn(step, real, imaginary, cosines, sines):  # type: ignore[no-untyped-def]
    """Take the difference of the new and the old value in, and turn every wave by one row."""
    for k in range(len(real)):
        a = real[k] + step
        b = imaginary[k]
        real[k] = a * cosines[k + 1] - b * sines[k + 1]
        imaginary[k] = b * cosines[k + 1] + a * sines[k + 1]


@njit(cache=True, error_model="numpy", nogil=True)
def _take_powers(real, imaginary, powers):  # type: ignore[no-untyped-def]
    """Power of each wave; gives their sum. The fastest wave has no twin."""
    last = len(real) - 1
    for k in range(last + 1):
        powers[k] = real[k] * real[k] + imaginary[k] * imaginary[k]
    powers[last] = 0.5 * powers[last]
    return sum_of(powers)


@njit(cache=True, error_model="numpy", nogil=True)
def _sum_up(powers, total, terms, results):  # type: ignore[no-untyped-def]
    """Shares of the octaves, entropy and mean frequency of the powers."""
    half = len(powers)
    octaves = len(results) - 2
    share = 1.0 / total
    for band in range(octaves):
        first = (1 << band) - 1
        end = (1 << (band + 1)) - 1 if band < octaves - 1 else half
        results[band] = share * sum_of(powers[first:end])
    for k in range(half):
        terms[k] = (k + 1) * powers[k]
    results[octaves + 1] = share * sum_of(terms) / (2.0 * half)
    for k in range(half):
        power = share * powers[k]
        terms[k] = power * logarithm(power)
    results[octaves] = -sum_of(terms) / math.log(float(half))


@kernel(depth=_window, state=_state, outputs=_results, cost=130.0)
def spectrum(work, io, at, n, row, args, state):  # type: ignore[no-untyped-def]
    """Shares of the power of the last args[0] values by octave, then entropy and mean frequency of their spectrum.

    Inputs: the values, their `observed_run`. Worked out in every args[1]-th row. State: centre, largest power, results,
    waves, tables of cosines and sines, powers, terms of sums.
    """
    w = int(args[0])
    every = int(args[1])
    half = w // 2
    x = work[io[0]]
    run = work[io[1], at : at + n]
    count = len(io) - 2
    results = state[2 : 2 + count]
    real = state[2 + count : 2 + count + half]
    imaginary = state[2 + count + half : 2 + count + w]
    cosines = state[2 + count + w : 2 + count + 2 * w]
    sines = state[2 + count + 2 * w : 2 + count + 3 * w]
    powers = state[2 + count + 3 * w : 2 + count + 3 * w + half]
    terms = state[2 + count + 3 * w + half :]
    if cosines[0] == 0.0:
        for j in range(w):
            cosines[j] = math.cos(2.0 * math.pi * j / w)
            sines[j] = math.sin(2.0 * math.pi * j / w)
    for i in range(n):
        if (row + i) % _RENEWED == 0:
            state[0] = _waves_afresh(x, at + i, w, real, imaginary, cosines, sines)
            state[1] = _take_powers(real, imaginary, powers)
        else:
            new = x[at + i] - state[0] if x[at + i] == x[at + i] else 0.0
            old = x[at + i - w] - state[0] if x[at + i - w] == x[at + i - w] else 0.0
            _turn(new - old, real, imaginary, cosines, sines)
        if (row + i) % every == 0:
            total = _take_powers(real, imaginary, powers)
            if total < _CANCELLED * state[1]:
                state[0] = _waves_afresh(x, at + i, w, real, imaginary, cosines, sines)
                total = _take_powers(real, imaginary, powers)
                state[1] = total
            state[1] = total if total > state[1] else state[1]
            for k in range(count):
                results[k] = np.nan
            if (run[i] >= w) & (total > 0.0):
                _sum_up(powers, total, terms, results)
        for k in range(count):
            work[io[2 + k], at + i] = results[k]


share_compiled(globals())
