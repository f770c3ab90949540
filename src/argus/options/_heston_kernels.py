"""Kernels of the Heston characteristic function, and of the cosine series that turns it into prices and densities.

Everything is worked out for x, the logarithm of the price at expiry over its forward, whose law depends on the
parameters and the years alone: one characteristic function serves all strikes and all forwards of an expiry.

Errors are bounded, not hoped for. A put is bounded by its strike, so cutting the line of x at `low` and `high` moves
its value by no more than strike times the probability beyond (the mirrored images of the tails are put values too);
Chernoff's inequality with the moments of x, known in closed form, bounds that probability. The terms left out after the
n-th are bounded by the characteristic function at the n-th, which falls with its argument.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled

__all__ = ["BLOCK", "TERMS_MAX", "evaluate_rows", "find_range", "log_characteristic", "log_moment"]

BLOCK = 32
"""Terms of the series that are made together."""
TERMS_MAX = 32_768
"""Terms after which an answer counts as out of reach."""

_RATIO_MAX = 1e6
_PI = 3.141592653589793


@njit(cache=True, error_model="numpy", nogil=True)
def log_moment(p: Any, years: Any, model: Any):  # type: ignore[no-untyped-def]
    """Logarithm of the p-th moment of price at expiry over forward, infinite where the moment does not exist.

    Andersen and Piterbarg (2007), "Moment explosions in stochastic volatility models", give the times of explosion.
    """
    v0, kappa, theta, sigma, rho = model
    b = kappa - rho * sigma * p
    q = p - p * p
    square = b * b + sigma * sigma * q
    if square > 0.0:
        d = np.sqrt(square)
        e = np.exp(-d * years)
        bottom = b * (1.0 - e) + d * (1.0 + e)
        if bottom <= 0.0:
            return np.inf
        m = -q / (b + d) if b > 0.0 else (b - d) / (sigma * sigma)
        log = np.log1p(sigma * sigma * m * (1.0 - e) / (2.0 * d))
        return kappa * theta * (m * years - 2.0 / (sigma * sigma) * log) - v0 * q * (1.0 - e) / bottom
    d = np.sqrt(-square)
    h = 0.5 * d * years
    if d == 0.0 or h >= np.arctan2(d, -b):
        return np.inf
    bottom = b * np.sin(h) + d * np.cos(h)
    log = b * years - 2.0 * np.log(bottom / d)
    return kappa * theta / (sigma * sigma) * log - v0 * q * np.sin(h) / bottom


@njit(cache=True, error_model="numpy", nogil=True)
def _tail(sign: Any, log_probability: Any, years: Any, model: Any):  # type: ignore[no-untyped-def]
    """Distance from zero beyond which x lies, on the side `sign`, with at most this probability; Chernoff's bound.

    Any moment gives a true bound; the search over moments only makes it narrow. The narrowest stands where a parabola
    would have it for a normal law, elsewhere where a tail is heavier or lighter.
    """
    v0, kappa, theta, _, _ = model
    fade = -np.expm1(-kappa * years) / kappa
    p = np.sqrt(-2.0 * log_probability / (theta * (years - fade) + v0 * fade))
    best, found, factor = np.inf, p, 1.0
    for _ in range(60):
        bound = (log_moment(sign * p, years, model) - log_probability) / p
        if bound < best:
            best, found = bound, p
        elif best < np.inf and p < found:
            break
        p *= 0.7
    for _ in range(60):
        factor *= 1.3
        bound = (log_moment(sign * found * factor, years, model) - log_probability) / (found * factor)
        if not bound < best:
            break
        best = bound
    return best


@njit(cache=True, error_model="numpy", nogil=True)
def find_range(log_probability: Any, years: Any, model: Any):  # type: ignore[no-untyped-def]
    """Bounds below and above which x lies with at most the probability whose logarithm is given, each."""
    return -_tail(-1.0, log_probability, years, model), _tail(1.0, log_probability, years, model)


@njit(cache=True, error_model="numpy", nogil=True)
def _log1p(w: Any):  # type: ignore[no-untyped-def]
    """Principal logarithm of one plus a complex number, exact for small ones."""
    a, b = w.real, w.imag
    return complex(0.5 * np.log1p(2.0 * a + a * a + b * b), np.arctan2(b, 1.0 + a))


@njit(cache=True, error_model="numpy", nogil=True)
def _over(z: Any):  # type: ignore[no-untyped-def]
    """One over a complex number of ordinary size, without the care that a general division takes."""
    size = 1.0 / (z.real * z.real + z.imag * z.imag)
    return complex(z.real * size, -z.imag * size)


@njit(cache=True, error_model="numpy", nogil=True)
def _exp(z: Any):  # type: ignore[no-untyped-def]
    """Exponential of a complex number."""
    size = np.exp(z.real)
    return complex(size * np.cos(z.imag), size * np.sin(z.imag))


@njit(cache=True, error_model="numpy", nogil=True)
def _root(z: Any):  # type: ignore[no-untyped-def]
    """Square root of a complex number whose real part is positive."""
    real = np.sqrt(0.5 * (z.real + np.sqrt(z.real * z.real + z.imag * z.imag)))
    return complex(real, 0.5 * z.imag / real)


@njit(cache=True, error_model="numpy", nogil=True)
def log_characteristic(u: Any, years: Any, model: Any):  # type: ignore[no-untyped-def]
    """Logarithm of the characteristic function of x at real u, and its derivative to the variance at the start.

    Heston (1993), in the form of Albrecher, Mayer, Schoutens and Tistaert (2007), "The little Heston trap", whose
    logarithm never leaves its branch; ``b - d`` is written without the difference, so that a small sigma is harmless.
    """
    v0, kappa, theta, sigma, rho = model
    z = complex(u * u, u)
    b = complex(kappa, -rho * sigma * u)
    d = _root(b * b + sigma * sigma * z)
    over = _over(b + d)
    m = -z * over
    g = sigma * sigma * m * over
    e = _exp(-years * d)
    slope = m * (1.0 - e) * _over(1.0 - g * e)
    log = _log1p(g * (1.0 - e) * _over(1.0 - g))
    return kappa * theta * (m * years - 2.0 / (sigma * sigma) * log) + v0 * slope, slope


@njit(cache=True, error_model="numpy", nogil=True)
def _log_gradient(u: Any, years: Any, model: Any, out: Any):  # type: ignore[no-untyped-def]
    """Logarithm of the characteristic function; `out` takes its derivatives to v0, kappa, theta, sigma and rho.

    The chain rule along the lines of `log_characteristic` (Cui, del Bano Rollin and Germano 2017 give another form).
    """
    v0, kappa, theta, sigma, rho = model
    square = sigma * sigma
    z = complex(u * u, u)
    b = complex(kappa, -rho * sigma * u)
    d = _root(b * b + square * z)
    over = _over(b + d)
    m = -z * over
    g = square * m * over
    e = _exp(-years * d)
    inner = _over(1.0 - g * e)
    slope = m * (1.0 - e) * inner
    outer = _over(1.0 - g)
    over_d = _over(d)
    log = _log1p(g * (1.0 - e) * outer)
    level = m * years - 2.0 / square * log
    out[0] = slope
    out[2] = kappa * level
    for which in range(3):
        db = 1.0 + 0.0j if which == 0 else complex(0.0, -(rho if which == 1 else sigma) * u)
        dsigma = 1.0 if which == 1 else 0.0
        dd = (b * db + sigma * dsigma * z) * over_d
        dm = -m * over * (db + dd)
        dg = (2.0 * sigma * dsigma * m + square * dm) * over - g * over * (db + dd)
        de = -years * e * dd
        dslope = inner * (dm * (1.0 - e) - m * de + slope * (dg * e + g * de))
        dlog = dg * outer - (dg * e + g * de) * inner
        dlevel = dm * years - 2.0 / square * dlog + 4.0 * dsigma / (square * sigma) * log
        change = kappa * theta * dlevel + v0 * dslope
        out[1 if which == 0 else 3 if which == 1 else 4] = change + (theta * level if which == 0 else 0.0)
    return kappa * theta * level + v0 * slope


@njit(cache=True, error_model="numpy", nogil=True)
def _make_terms(first: Any, low: Any, width: Any, years: Any, model: Any, rows: Any, slopes: Any, weights: Any):  # type: ignore[no-untyped-def]
    """Weights of terms `first` to ``first + BLOCK``; returns u of the last and the size of what it weighs.

    Row 0 weighs sine and cosine of the price, 1 the distribution, 2 the density, 3 the derivative to the variance;
    with 6 rows, 1 to 5 are the derivatives to the parameters.
    """
    size = 0.0
    u = 0.0
    for place in range(BLOCK):
        k = first + place
        u = k * _PI / width
        if rows == 6:
            log = _log_gradient(u, years, model, slopes)
        else:
            log, slopes[0] = log_characteristic(u, years, model)
        phi = _exp(log - complex(0.0, u * low))
        share = (1.0 if k == 0 else 2.0) / width
        value = share * phi.real
        weights[0, place] = value / (1.0 + u * u)
        size = np.exp(log.real)
        if rows == 4:
            weights[1, place] = value
            weights[3, place] = share * (phi * slopes[0]).real / (1.0 + u * u)
        elif rows == 6:
            most = 1.0
            for row in range(5):
                weights[row + 1, place] = share * (phi * slopes[row]).real / (1.0 + u * u)
                most = max(most, np.abs(slopes[row]))
            size *= most
    return u, size


@njit(cache=True, error_model="numpy", nogil=True)
def _turn(count: Any, room: Any):  # type: ignore[no-untyped-def]
    """Cosine and sine of the next multiple of each strike's angle."""
    for i in range(count):
        c, s = room[1, i], room[2, i]
        room[1, i] = c * room[3, i] - s * room[4, i]
        room[2, i] = s * room[3, i] + c * room[4, i]


@njit(cache=True, error_model="numpy", nogil=True)
def _add_prices(first: Any, count: Any, width: Any, weights: Any, room: Any):  # type: ignore[no-untyped-def]
    """Add a block of terms to the price sums, two at a time."""
    angle, cosine, sine, step_cosine, step_sine, total = room[0], room[1], room[2], room[3], room[4], room[5]
    for place in range(0, BLOCK, 2):
        k = first + place
        one, other = weights[0, place], weights[0, place + 1]
        # The first term's sine over u is its limit, the distance from the lower end.
        begin = one if k == 0 else 0.0
        one_sine = 0.0 if k == 0 else one * width / (k * _PI)
        other_sine = other * width / ((k + 1) * _PI)
        for i in range(count):
            c, s, c1, s1 = cosine[i], sine[i], step_cosine[i], step_sine[i]
            sum_ = total[i] + (one_sine * s - one * c) + begin * angle[i]
            next_c = c * c1 - s * s1
            next_s = s * c1 + c * s1
            total[i] = sum_ + (other_sine * next_s - other * next_c)
            cosine[i] = next_c * c1 - next_s * s1
            sine[i] = next_s * c1 + next_c * s1


@njit(cache=True, error_model="numpy", nogil=True)
def _add_all(first: Any, count: Any, width: Any, rows: Any, weights: Any, room: Any):  # type: ignore[no-untyped-def]
    """Add a block of terms to the sums of every row."""
    for place in range(BLOCK):
        k = first + place
        over = width / (k * _PI) if k > 0 else 0.0
        for row in range(rows):
            weight = weights[row, place]
            if rows == 4 and row == 2:
                continue
            if rows == 4 and row == 1:
                # The distribution from the sines, the density from the cosines.
                for i in range(count):
                    room[6, i] += weight * (over * room[2, i] if k > 0 else room[0, i])
                    room[7, i] += weight * room[1, i]
                continue
            for i in range(count):
                part = over * room[2, i] if k > 0 else room[0, i]
                room[5 + row, i] += weight * (part - room[1, i])
        _turn(count, room)


@njit(cache=True, error_model="numpy", nogil=True)
def _sum_series(  # type: ignore[no-untyped-def]
    count: Any,
    most: Any,
    accuracy: Any,
    low: Any,
    width: Any,
    years: Any,
    model: Any,
    rows: Any,
    terms_max: Any,
    room: Any,
    weights: Any,
    slopes: Any,
    constants: Any,
):
    """Sums over the series of all strikes of an expiry, and of the weights alone; False where it falls too slowly."""
    for i in range(count):
        theta = _PI * room[0, i] / width
        room[1, i], room[2, i] = 1.0, 0.0
        room[3, i], room[4, i] = np.cos(theta), np.sin(theta)
        for row in range(rows):
            room[5 + row, i] = 0.0
    for row in range(rows):
        constants[row] = 0.0
    for first in range(0, terms_max, BLOCK):
        u, size = _make_terms(first, low, width, years, model, rows, slopes, weights)
        for row in range(rows):
            for place in range(BLOCK):
                constants[row] += weights[row, place]
        if rows == 1:
            _add_prices(first, count, width, weights, room)
        else:
            _add_all(first, count, width, rows, weights, room)
        # What is left of the sum of |phi| / (1 + u^2), at most; the density's has no such divisor.
        left = size * (u if rows == 4 else 1.0 / u) * 2.0 / _PI
        if left * most <= accuracy:
            return True
    return False


@njit(cache=True, error_model="numpy", nogil=True)
def evaluate_rows(  # type: ignore[no-untyped-def]
    order: Any,
    years: Any,
    ratio: Any,
    accuracy: Any,
    model: Any,
    terms_max: Any,
    out: Any,
    failed: Any,
    room: Any,
    weights: Any,
    constants: Any,
    slopes: Any,
):
    """Undiscounted puts over the forward, and more, of rows that are sorted by years.

    Parameters
    ----------
    order : (n,) int64
        Rows to answer, those of the same years beside each other.
    years, ratio : (m,) float64
        Years to expiry, strike over forward; positive and finite in the rows of `order`.
    accuracy : float
        Largest error of a put over the forward.
    model : tuple of 5 float
        v0, kappa, theta, sigma, rho.
    terms_max : int
        Terms of the series at most.
    out : (rows, m) float64
        1 row: put. 4 rows: put, probability of ending below the strike, density of x there, derivative of the put to
        v0. 6 rows: put and its derivatives to the five parameters.
    failed : (m,) uint8
        1 where the accuracy cannot be had.
    room, weights, constants, slopes
        Working memory: (5 + rows, n), (rows, BLOCK) and (rows,) float64, (5,) complex128.
    """
    begin, rows = 0, len(out)
    while begin < len(order):
        end = begin
        tau = years[order[begin]]
        most = 1.0
        while end < len(order) and years[order[end]] == tau:
            most = max(most, min(ratio[order[end]], _RATIO_MAX))
            end += 1
        low, high = find_range(np.log(0.25 * accuracy / most), tau, model)
        width = high - low
        count = end - begin
        for i in range(count):
            room[0, i] = min(max(np.log(ratio[order[begin + i]]), low), high) - low
        good = _sum_series(
            count, most, 0.25 * accuracy, low, width, tau, model, rows, terms_max, room, weights, slopes, constants
        )
        floor = np.exp(low)
        for i in range(count):
            at = order[begin + i]
            reach = np.exp(low + room[0, i])
            for row in range(rows):
                out[row, at] = reach * room[5 + row, i] + floor * constants[row]
            out[0, at] += ratio[at] - reach if ratio[at] > reach else 0.0
            if rows == 4:
                is_inside = 0.0 < room[0, i] < width
                out[1, at] = room[6, i]
                out[2, at] = room[7, i] if is_inside else 0.0
            failed[at] = 0 if good and ratio[at] <= _RATIO_MAX else 1
        begin = end


share_compiled(globals())
