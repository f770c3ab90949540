"""Kernels of one smile: total variance as a line and a few hyperbolas, and the search for the one that fits quotes.

A smile is ``w(k) = a + d k + sum over j of c_j sqrt((k - m_j)^2 + s_j^2)``, with k the logarithm of strike over forward
and w the variance to expiry. One hyperbola is Gatheral's raw SVI; more of them bend the smile where one cannot. The
parameters stand in one array: a, d, then c, m, s of each hyperbola. All derivatives, hence Durrleman's g and the
density, are formulas.

The search works in the smile's own units: k in standard deviations at the money, w in variances at the money. There
every expiry looks alike, from an hour to ten years. It is the method of Levenberg and Marquardt on quotes and on
broken conditions alike: each grid point where the density would be negative, or where the smile would rise above that
of the later expiry, pulls like a quote. Quotes pull with the weight of Cauchy's loss: one wild quote bends nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled

__all__ = [
    "G_MIN",
    "LEFT_MAX",
    "PLACE_HIGH",
    "PLACE_LOW",
    "PULL",
    "PULL_UP",
    "RIGHT_MAX",
    "RULES",
    "SIZE_MAX",
    "SOFT",
    "WIDTH_HIGH",
    "WIDTH_LOW",
    "W_UNIT",
    "add_hyperbola",
    "fill_g",
    "fill_smile",
    "g_of",
    "search",
    "smile_at",
]

SIZE_MAX = 11
"""Parameters of a smile with three hyperbolas."""

W_UNIT, PULL, SOFT, G_MIN, LEFT_MAX, RIGHT_MAX, PLACE_LOW, PLACE_HIGH, WIDTH_LOW, WIDTH_HIGH, PULL_UP = range(11)
RULES = 11
"""Places in the array of rules that a search obeys, and their number."""

_W_LOW = 0.01  # least variance on the grid, in variances at the money
_PULL_VARIANCE = 10.0  # a broken bound of the variance pulls this much more than one of g: both then give way alike
_WING_MIN = 0.08  # least slope of a wing: were it 0, no earlier smile could have any
_RIDGE = 0.05  # keeps two hyperbolas from cancelling each other
_BENDS = 5  # points looked at around the place of each hyperbola
_BEND_STEP = 0.7  # widths between them
_ROUNDS = 40
_TRIALS = 12


@njit(cache=True, error_model="numpy", nogil=True)
def smile_at(theta: Any, k: Any):  # type: ignore[no-untyped-def]
    """Total variance at `k` with its first and second derivative."""
    w, slope, bend = theta[0] + theta[1] * k, theta[1], 0.0
    for at in range(2, len(theta), 3):
        x = k - theta[at + 1]
        s2 = theta[at + 2] * theta[at + 2]
        h = np.sqrt(x * x + s2)
        w += theta[at] * h
        slope += theta[at] * x / h
        bend += theta[at] * s2 / (h * h * h)
    return w, slope, bend


@njit(cache=True, error_model="numpy", nogil=True)
def fill_smile(theta: Any, k: Any, w: Any, slope: Any, bend: Any):  # type: ignore[no-untyped-def]
    """Write `smile_at` of each `k`."""
    for row in range(len(k)):
        w[row], slope[row], bend[row] = smile_at(theta, k[row])


@njit(cache=True, error_model="numpy", nogil=True)
def g_of(k: Any, w: Any, slope: Any, bend: Any, w_unit: Any):  # type: ignore[no-untyped-def]
    """Durrleman's function where w is counted in `w_unit` and k in its root; below 0 the density is negative."""
    tilt = 1.0 - 0.5 * k * slope / w
    return tilt * tilt - 0.25 * slope * slope * (1.0 / w + 0.25 * w_unit) + 0.5 * bend


@njit(cache=True, error_model="numpy", nogil=True)
def fill_g(theta: Any, k: Any, out: Any):  # type: ignore[no-untyped-def]
    """Write Durrleman's g of each `k`; minus infinity where the variance is not positive."""
    for row in range(len(k)):
        w, slope, bend = smile_at(theta, k[row])
        out[row] = g_of(k[row], w, slope, bend, 1.0) if w > 0.0 else -np.inf


@njit(cache=True, error_model="numpy", nogil=True)
def _gradients(theta: Any, k: Any, by: Any):  # type: ignore[no-untyped-def]
    """Derivatives of variance, slope and bend by each parameter (by the logarithm of a width), in rows of `by`."""
    by[0, 0], by[1, 0], by[2, 0] = 1.0, 0.0, 0.0
    by[0, 1], by[1, 1], by[2, 1] = k, 1.0, 0.0
    for at in range(2, len(theta), 3):
        c = theta[at]
        x = k - theta[at + 1]
        s2 = theta[at + 2] * theta[at + 2]
        h2 = x * x + s2
        h = np.sqrt(h2)
        curl = s2 / (h2 * h)
        by[0, at], by[1, at], by[2, at] = h, x / h, curl
        by[0, at + 1], by[1, at + 1], by[2, at + 1] = -c * x / h, -c * curl, 3.0 * c * curl * x / h2
        by[0, at + 2], by[1, at + 2], by[2, at + 2] = c * s2 / h, -c * x * curl, c * curl * (2.0 - 3.0 * s2 / h2)


@njit(cache=True, error_model="numpy", nogil=True)
def _pull(size: Any, by: Any, line: Any, residual: Any, weight: Any, matrix: Any, vector: Any):  # type: ignore[no-untyped-def]
    """Add one residual, with its derivatives in row `line` of `by`, to the normal equations."""
    for i in range(size):
        part = weight * by[line, i]
        vector[i] -= part * residual
        for j in range(i + 1):
            matrix[i, j] += part * by[line, j]


@njit(cache=True, error_model="numpy", nogil=True)
def _wing(theta: Any, side: Any):  # type: ignore[no-untyped-def]
    """Slope of the variance far to the left (side 0) or right (1), outwards."""
    slope = theta[1] if side == 1 else -theta[1]
    for at in range(2, len(theta), 3):
        slope += theta[at]
    return slope


@njit(cache=True, error_model="numpy", nogil=True)
def _grid_at(theta: Any, grid: Any, row: Any):  # type: ignore[no-untyped-def]
    """k, cap and floor of point `row` of the grid; past its end the points are those where a hyperbola bends most."""
    fixed = grid.shape[1]
    if row < fixed:
        return grid[0, row], grid[1, row], grid[2, row]
    at = 2 + 3 * ((row - fixed) // _BENDS)
    return theta[at + 1] + _BEND_STEP * ((row - fixed) % _BENDS - _BENDS // 2) * theta[at + 2], np.inf, 0.0


@njit(cache=True, error_model="numpy", nogil=True)
def _cost(theta: Any, quotes: Any, grid: Any, rules: Any):  # type: ignore[no-untyped-def]
    """What the search makes small: Cauchy's loss of the quotes and the squares of what is broken."""
    total = 0.0
    soft2 = rules[SOFT] * rules[SOFT]
    pull = rules[PULL]
    for at in range(2, len(theta), 3):
        total += (_RIDGE * theta[at]) ** 2
    for row in range(quotes.shape[1]):
        r = (smile_at(theta, quotes[0, row])[0] - quotes[1, row]) / quotes[2, row]
        total += soft2 * np.log1p(r * r / soft2)
    for row in range(grid.shape[1] + _BENDS * ((len(theta) - 2) // 3)):
        k, cap, floor = _grid_at(theta, grid, row)
        w, slope, bend = smile_at(theta, k)
        if w < _W_LOW:
            total += (pull * _PULL_VARIANCE * (_W_LOW - w)) ** 2
            w = _W_LOW
        if w > cap:
            total += (pull * _PULL_VARIANCE * (w / cap - 1.0)) ** 2
        if w < floor:
            r = rules[PULL_UP] * (1.0 - w / floor)
            total += soft2 * np.log1p(r * r / soft2)
        g = g_of(k, w, slope, bend, rules[W_UNIT])
        if g < rules[G_MIN]:
            total += (pull * (rules[G_MIN] - g)) ** 2
    for side in range(2):
        slope = _wing(theta, side)
        if slope < _WING_MIN:
            total += (pull * (_WING_MIN - slope)) ** 2
        if slope > rules[LEFT_MAX + side]:
            total += (pull * (slope - rules[LEFT_MAX + side])) ** 2
    return total


@njit(cache=True, error_model="numpy", nogil=True)
def _pull_grid(theta: Any, grid: Any, rules: Any, matrix: Any, vector: Any, by: Any):  # type: ignore[no-untyped-def]
    """Add the grid points where a condition is broken to the normal equations."""
    size = len(theta)
    pull2 = rules[PULL] * rules[PULL]
    soft2 = rules[SOFT] * rules[SOFT]
    for row in range(grid.shape[1] + _BENDS * ((size - 2) // 3)):
        x, cap, floor = _grid_at(theta, grid, row)
        w, slope, bend = smile_at(theta, x)
        is_low = w < _W_LOW
        v = _W_LOW if is_low else w
        g = g_of(x, v, slope, bend, rules[W_UNIT])
        is_high = v > cap
        is_under = v < floor
        if not (is_low or is_high or is_under or g < rules[G_MIN]):
            continue
        _gradients(theta, x, by)
        if is_low:
            _pull(size, by, 0, w - _W_LOW, pull2 * _PULL_VARIANCE**2, matrix, vector)
        if is_high:
            _pull(size, by, 0, w - cap, pull2 * (_PULL_VARIANCE / cap) ** 2, matrix, vector)
        if is_under:
            scale = floor / rules[PULL_UP]
            miss = w - floor
            _pull(size, by, 0, miss, 1.0 / (scale * scale + miss * miss / soft2), matrix, vector)
        if g < rules[G_MIN]:
            tilt = 1.0 - 0.5 * x * slope / v
            by_w = 0.0 if is_low else (tilt * x * slope + 0.25 * slope * slope) / (v * v)
            by_slope = -tilt * x / v - 0.5 * slope * (1.0 / v + 0.25 * rules[W_UNIT])
            for i in range(size):
                by[3, i] = by_w * by[0, i] + by_slope * by[1, i] + 0.5 * by[2, i]
            _pull(size, by, 3, g - rules[G_MIN], pull2, matrix, vector)


@njit(cache=True, error_model="numpy", nogil=True)
def _equations(theta: Any, quotes: Any, grid: Any, rules: Any, matrix: Any, vector: Any, by: Any):  # type: ignore[no-untyped-def]
    """Write the normal equations at `theta`."""
    size = len(theta)
    matrix[:] = 0.0
    vector[:] = 0.0
    soft2 = rules[SOFT] * rules[SOFT]
    for row in range(quotes.shape[1]):
        miss = smile_at(theta, quotes[0, row])[0] - quotes[1, row]
        half2 = quotes[2, row] * quotes[2, row]
        _gradients(theta, quotes[0, row], by)
        _pull(size, by, 0, miss, 1.0 / (half2 + miss * miss / soft2), matrix, vector)
    _pull_grid(theta, grid, rules, matrix, vector, by)
    for at in range(2, size, 3):
        matrix[at, at] += _RIDGE * _RIDGE
        vector[at] -= _RIDGE * _RIDGE * theta[at]
    for side in range(2):
        slope = _wing(theta, side)
        by[3, :] = 0.0
        by[3, 1] = 1.0 if side == 1 else -1.0
        for at in range(2, size, 3):
            by[3, at] = 1.0
        if slope < _WING_MIN:
            _pull(size, by, 3, slope - _WING_MIN, rules[PULL] ** 2, matrix, vector)
        if slope > rules[LEFT_MAX + side]:
            _pull(size, by, 3, slope - rules[LEFT_MAX + side], rules[PULL] ** 2, matrix, vector)


@njit(cache=True, error_model="numpy", nogil=True)
def _solve(matrix: Any, vector: Any, size: Any, damping: Any, root: Any, step: Any):  # type: ignore[no-untyped-def]
    """Solve the damped normal equations by Cholesky's method; False where they are singular."""
    for i in range(size):
        for j in range(i + 1):
            total = matrix[i, j]
            if i == j:
                total += damping * (matrix[i, i] + 1e-9)
            for n in range(j):
                total -= root[i, n] * root[j, n]
            if i > j:
                root[i, j] = total / root[j, j]
            elif total > 0.0:
                root[i, i] = np.sqrt(total)
            else:
                return False
    for i in range(size):
        total = vector[i]
        for n in range(i):
            total -= root[i, n] * step[n]
        step[i] = total / root[i, i]
    for i in range(size - 1, -1, -1):
        total = step[i]
        for n in range(i + 1, size):
            total -= root[n, i] * step[n]
        step[i] = total / root[i, i]
    return True


@njit(cache=True, error_model="numpy", nogil=True)
def _moved(theta: Any, step: Any, rules: Any, trial: Any):  # type: ignore[no-untyped-def]
    """Write `theta` after a step, places and widths kept in their bounds."""
    trial[0], trial[1] = theta[0] + step[0], theta[1] + step[1]
    for at in range(2, len(theta), 3):
        trial[at] = theta[at] + step[at]
        trial[at + 1] = min(max(theta[at + 1] + step[at + 1], rules[PLACE_LOW]), rules[PLACE_HIGH])
        width = theta[at + 2] * np.exp(min(max(step[at + 2], -1.0), 1.0))
        trial[at + 2] = min(max(width, rules[WIDTH_LOW]), rules[WIDTH_HIGH])


@njit(cache=True, error_model="numpy", nogil=True)
def search(theta: Any, quotes: Any, grid: Any, rules: Any):  # type: ignore[no-untyped-def]
    """Improve `theta` in place until nothing is gained; give the cost.

    Parameters
    ----------
    theta : (2 + 3 j,) float64
    quotes : (3, n) float64
        k, the middle of the total variances of bid and ask, and half their difference.
    grid : (3, m) float64
        k where the conditions are looked at, the most the variance may be there, and what it should not be less than.
    rules : (RULES,) float64
        At their places: unit of the variance, strength of the pull of broken conditions, quotes further off than `SOFT`
        half-spreads lose their pull, least g, largest slopes of the wings, bounds of places and widths; half-spreads
        that a wing at half the height of its floor counts for, twice over.
    """
    size = len(theta)
    matrix, root = np.empty((SIZE_MAX, SIZE_MAX)), np.empty((SIZE_MAX, SIZE_MAX))
    vector, step, by = np.empty(SIZE_MAX), np.empty(SIZE_MAX), np.empty((4, SIZE_MAX))
    trial = theta.copy()
    cost = _cost(theta, quotes, grid, rules)
    damping = 1e-3
    for _ in range(_ROUNDS):
        _equations(theta, quotes, grid, rules, matrix, vector, by)
        now = np.inf
        for _ in range(_TRIALS):
            if _solve(matrix, vector, size, damping, root, step):
                _moved(theta, step, rules, trial)
                now = _cost(trial, quotes, grid, rules)
                if now < cost:
                    break
            damping = min(damping * 5.0, 1e12)
        if not now < cost:
            break
        gain = cost - now
        cost = now
        theta[:] = trial
        damping = max(damping * 0.2, 1e-12)
        if gain < 1e-4 * cost + 1e-9:
            break
    return cost


@njit(cache=True, error_model="numpy", nogil=True)
def add_hyperbola(theta: Any, quotes: Any, places: Any, widths: Any, out: Any):  # type: ignore[no-untyped-def]
    """Write `theta` with one more hyperbola to `out`: of all places and widths offered, the best.

    All heights follow from a place and a width by least squares, which is Zeliade's quasi-explicit calibration (De
    Marco and Martini 2009) for one hyperbola.
    """
    size = len(out)
    free = 2 + (size - 2) // 3
    matrix, root = np.empty((SIZE_MAX, SIZE_MAX)), np.empty((SIZE_MAX, SIZE_MAX))
    vector, step, by = np.empty(SIZE_MAX), np.empty(SIZE_MAX), np.empty((1, SIZE_MAX))
    trial = np.empty(size)
    trial[: size - 3] = theta
    best = np.inf
    for place in places:
        for width in widths:
            trial[size - 2], trial[size - 1] = place, width
            matrix[:] = 0.0
            vector[:] = 0.0
            for row in range(quotes.shape[1]):
                k = quotes[0, row]
                by[0, 0], by[0, 1] = 1.0, k
                for j in range(2, free):
                    at = 3 * j - 4
                    by[0, j] = np.sqrt((k - trial[at + 1]) ** 2 + trial[at + 2] ** 2)
                _pull(free, by, 0, -quotes[1, row], 1.0 / (quotes[2, row] * quotes[2, row]), matrix, vector)
            if not _solve(matrix, vector, free, 1e-9, root, step):
                continue
            trial[0], trial[1] = step[0], step[1]
            for j in range(2, free):
                trial[3 * j - 4] = step[j]
            cost = 0.0
            for row in range(quotes.shape[1]):
                r = (smile_at(trial, quotes[0, row])[0] - quotes[1, row]) / quotes[2, row]
                cost += np.log1p(r * r / 9.0)
            if cost < best:
                best = cost
                out[:] = trial
    return best < np.inf


share_compiled(globals(), makes_arrays=True)
