"""What exercising a put early is worth where rate and yield are both negative, the yield the more so.

Exercise then pays only between two boundaries, both below the strike and above ``rate / yield`` of it: higher up
nothing is paid, lower down the negative rate on the strike costs more than the negative yield of the underlying does.
An integral equation would have to find both, and the time before expiry from which there are any.

A lattice needs neither. It carries only what the right adds to the European price, which is known in closed form
wherever exercise is asked about, so that no kink of a payoff disturbs it. The nodes follow the drift, which keeps their
weights positive at any volatility.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.options._normal_kernels import bounded_exp, normal_cdf, positive_log

__all__ = ["added_puts", "lattice_room"]

_DISTANCE_MAX = 1e5
_DEVIATIONS = 6.0
_SQRT_3 = 1.7320508075688772


def lattice_room(steps: int) -> int:
    """Float64 values of working memory, for so many steps."""
    return 2 * (2 * steps + 5)


@njit(cache=True, error_model="numpy", nogil=True)
def _gain(log: Any, years: Any, vol: Any, rate: Any, dividend: Any):  # type: ignore[no-untyped-def]
    """Payoff of a put of strike one, in the money, less its European price."""
    stdev = vol * np.sqrt(years)
    d1 = (log + (rate - dividend) * years) / stdev + 0.5 * stdev
    d1 = max(min(d1, _DISTANCE_MAX), -_DISTANCE_MAX)
    below_1, below_2 = normal_cdf(-d1), normal_cdf(stdev - d1)
    spot = bounded_exp(log)
    return 1.0 - spot - (bounded_exp(-rate * years) * below_2 - bounded_exp(-dividend * years) * spot * below_1)


@njit(cache=True, error_model="numpy", nogil=True)
def _lattice(log: Any, years: Any, vol: Any, rate: Any, dividend: Any, steps: Any, room: Any):  # type: ignore[no-untyped-def]
    """Leave what the right adds at the spot, and one node below and above it, at places 0 to 2 of `room`."""
    step = years / steps
    height = vol * np.sqrt(step) * _SQRT_3
    up = bounded_exp(min(height, 700.0))
    drift = (rate - dividend) * step - positive_log(2.0 / 3.0 + (up + 1.0 / up) / 6.0)
    fade = bounded_exp(-rate * step) / 6.0
    lowest = positive_log(max(rate / dividend, 1e-300))
    # Beyond six standard deviations nothing that is added there is heard.
    reach = min(np.int64(_DEVIATIONS * np.sqrt(steps / 3.0)) + 2, steps)
    half = 2 * reach + 5
    for place in range(2 * half):
        room[place] = 0.0
    middle, before, after = reach + 2, 0, half
    for turn in range(steps):
        at = steps - 1 - turn
        left = years - at * step
        centre = log + at * drift
        wide = min(at + 1, reach)
        for node in range(-wide, wide + 1):
            place = middle + node
            value = fade * (room[after + place - 1] + 4.0 * room[after + place] + room[after + place + 1])
            where = centre + node * height
            if lowest < where < 0.0:
                value = max(value, _gain(where, left, vol, rate, dividend))
            room[before + place] = value
        before, after = after, before
    for node in range(-1, 2):
        room[node + 1] = room[after + middle + node]
    return height


@njit(cache=True, error_model="numpy", nogil=True)
def added_puts(spot: Any, years: Any, vol: Any, rate: Any, dividend: Any, steps: Any, room: Any, out: Any):  # type: ignore[no-untyped-def]
    """Of puts of strike one: what the right adds to price, delta and gamma, `out` (3, n).

    Of `steps`, an even number, and of half as many; the error falls as their inverse, and so is taken out.
    """
    for row in range(out.shape[1]):
        log = positive_log(spot[row])
        out[0, row], out[1, row], out[2, row] = 0.0, 0.0, 0.0
        for way in range(2):
            count, weight = (steps // 2, -1.0) if way == 0 else (steps, 2.0)
            height = _lattice(log, years[row], vol[row], rate[row], dividend[row], count, room)
            slope = (room[2] - room[0]) / (2.0 * height)
            bend = (room[2] - 2.0 * room[1] + room[0]) / (height * height)
            out[0, row] += weight * room[1]
            out[1, row] += weight * slope / spot[row]
            out[2, row] += weight * (bend - slope) / (spot[row] * spot[row])


share_compiled(globals())
