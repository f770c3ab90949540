"""Kernels of a surface: its smiles fitted from the last expiry to the first, each below the one after it.

A smile times a number below one keeps its density: ``g`` is concave in that number, and not negative at either end. So
the later smile, scaled down, is always an answer without arbitrage; whatever the search finds is mixed with it until
the check on a dense grid is clean. The wings of a short expiry, where nothing is quoted, are thus bounded by the quotes
of the longer ones, and not the other way round.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.options._svi_kernels import (
    G_MIN,
    LEFT_MAX,
    PLACE_HIGH,
    PLACE_LOW,
    PULL,
    PULL_UP,
    RIGHT_MAX,
    RULES,
    SIZE_MAX,
    SOFT,
    W_UNIT,
    WIDTH_HIGH,
    WIDTH_LOW,
    add_hyperbola,
    g_of,
    search,
    smile_at,
)

__all__ = ["CHECKED", "check_smile", "fill_surface", "fit_smiles"]

CHECKED = 1_201
"""Points of a check: 801 over the strikes quoted, the others as far as five times their width outside. Beside them
stand 21 around the place of each hyperbola, where a narrow one bends."""
_CHECKED_BENDS = 21
_INSIDE = 801

_GRID_INSIDE = 80
_GRID_OUTSIDE = np.array([0.03, 0.08, 0.15, 0.25, 0.4, 0.6, 0.9, 1.3, 2.0, 3.2, 5.0])
_WIDTHS = np.array([0.1, 0.3, 0.8, 2.0])
_PULLS_UP = np.array([60.0, 30.0, 200.0, 100.0])  # how firmly floors are held: no one strength serves all snapshots
_WORST = 0.5  # mean loss of the worst expiry below which no other strength is tried
_FLOORS = 601
_PLACES = 9
_SLOPE_MAX = 1.95  # Lee's bound is 2
_PLACE_LEFT, _PLACE_RIGHT = -6.0, 4.0  # standard deviations
_FIRM = 30.0  # how hard a broken condition pulls: by 0.01 of g it is as bad as a quote a third of a half-spread off
_FIRM_LAST = 300.0
_POLISHES = 6
_FIRMER = 3
_SCALED_AWAY = 3e-4  # rise that scaling the smile down may mend: no quote notices it
_SCALED_MAX = 0.01
_MIXES = 20
_GOOD = 0.15  # mean loss of the quotes below which no other start is tried
_NO_CAP = 1e300


@njit(cache=True, error_model="numpy", nogil=True)
def check_point(at: Any, low: Any, high: Any):  # type: ignore[no-untyped-def]
    """Where point `at` of a check lies: evenly inside, ever wider apart outside."""
    if at < _INSIDE:
        return low + (high - low) * at / (_INSIDE - 1)
    half = (CHECKED - _INSIDE) // 2
    number = at - _INSIDE
    share = (number % half + 1) / half
    reach = 5.0 * (high - low) * share * share
    return low - reach if number < half else high + reach


@njit(cache=True, error_model="numpy", nogil=True)
def wings(theta: Any):  # type: ignore[no-untyped-def]
    """Slopes of the variance far to the left and right, outwards."""
    rise = 0.0
    for at in range(2, len(theta), 3):
        rise += theta[at]
    return rise - theta[1], rise + theta[1]


@njit(cache=True, error_model="numpy", nogil=True)
def check_smile(theta: Any, later: Any, has_later: Any, low: Any, high: Any, w_unit: Any):  # type: ignore[no-untyped-def]
    """Least g, minus infinity where a wing breaks Lee's bound, and least rise to the later smile as a share of it.

    The wings' slopes are part of the rise: to infinity, where no grid reaches, they decide.
    """
    g_min, rise_min = np.inf, np.inf
    left, right = wings(theta)
    steepest = 2.0 / np.sqrt(w_unit)
    if not (left >= 0.0 and right >= 0.0 and left < steepest and right < steepest):
        g_min = -np.inf
    if has_later:
        left_later, right_later = wings(later)
        rise_min = min((left_later - left) / max(left_later, 1e-9), (right_later - right) / max(right_later, 1e-9))
    for at in range(CHECKED + _CHECKED_BENDS * ((len(theta) - 2) // 3)):
        if at < CHECKED:
            k = check_point(at, low, high)
        else:
            place = 3 + 3 * ((at - CHECKED) // _CHECKED_BENDS)
            k = theta[place] + 0.25 * ((at - CHECKED) % _CHECKED_BENDS - _CHECKED_BENDS // 2) * theta[place + 1]
        w, slope, bend = smile_at(theta, k)
        g_min = min(g_min, g_of(k, w, slope, bend, w_unit) if w > 0.0 else -np.inf)
        if has_later:
            above = smile_at(later, k)[0]
            rise_min = min(rise_min, (above - w) / above)
    return g_min, rise_min


@njit(cache=True, error_model="numpy", nogil=True)
def _in_units(theta: Any, k_unit: Any, w_unit: Any, out: Any):  # type: ignore[no-untyped-def]
    """Write a smile of plain units in others: k in `k_unit`, w in `w_unit`. With the inverses, back."""
    out[0] = theta[0] / w_unit
    for at in range(1, len(out)):
        kind = at % 3  # 1 d, 2 c: a slope; 0 m, 1 s: a place; the first d is the only slope with kind 1
        out[at] = theta[at] * k_unit / w_unit if at == 1 or kind == 2 else theta[at] / k_unit


@njit(cache=True, error_model="numpy", nogil=True)
def _multiply(theta: Any, by: Any, out: Any):  # type: ignore[no-untyped-def]
    """Write a smile whose variance is `by` times as high to `out`."""
    out[:] = theta
    out[0] *= by
    out[1] *= by
    for at in range(2, len(out), 3):
        out[at] *= by


@njit(cache=True, error_model="numpy", nogil=True)
def _scale(later: Any, quotes: Any, out: Any):  # type: ignore[no-untyped-def]
    """Write the later smile, scaled down to the quotes by the median of their shares of it, to `out`."""
    share = np.empty(quotes.shape[1])
    for row in range(quotes.shape[1]):
        share[row] = quotes[1, row] / smile_at(later, quotes[0, row])[0]
    _multiply(later, min(max(np.median(share), 1e-6), 1.0), out)


@njit(cache=True, error_model="numpy", nogil=True)
def _fill_grid(quotes: Any, later: Any, has_later: Any, floors: Any, k_unit: Any, grid: Any):  # type: ignore[no-untyped-def]
    """Write where the search looks at the conditions, the cap that the later smile sets, and what earlier quotes ask.

    `floors` holds k and variances in plain units; they count outside of the own strikes only, where nothing else does.
    """
    low, high = quotes[0, 0], quotes[0, -1]
    span = high - low
    for at in range(_GRID_INSIDE):
        grid[0, at] = low + span * at / (_GRID_INSIDE - 1)
    for number in range(len(_GRID_OUTSIDE)):
        grid[0, _GRID_INSIDE + 2 * number] = low - span * _GRID_OUTSIDE[number]
        grid[0, _GRID_INSIDE + 2 * number + 1] = high + span * _GRID_OUTSIDE[number]
    step = floors[0, 1] - floors[0, 0]
    for at in range(grid.shape[1]):
        k = grid[0, at]
        grid[1, at] = smile_at(later, k)[0] if has_later else _NO_CAP
        grid[2, at] = 0.0
        cell = (k * k_unit - floors[0, 0]) / step
        if at >= _GRID_INSIDE and cell >= 0.0 and cell < floors.shape[1] - 1:
            left = int(cell)
            floor = floors[1, left] + (floors[1, left + 1] - floors[1, left]) * (cell - left)
            grid[2, at] = min(floor / (k_unit * k_unit), 0.999 * grid[1, at])


@njit(cache=True, error_model="numpy", nogil=True)
def _raise_floor(floors: Any, quotes: Any):  # type: ignore[no-untyped-def]
    """Raise the floor under later smiles to the quotes of one expiry: half-way from the bid to the middle."""
    last = quotes.shape[1] - 1
    right = 1
    for at in range(floors.shape[1]):
        k = floors[0, at]
        if k < quotes[0, 0] or k > quotes[0, last]:
            continue
        while right < last and quotes[0, right] < k:
            right += 1
        part = (k - quotes[0, right - 1]) / (quotes[0, right] - quotes[0, right - 1])
        before = quotes[1, right - 1] - 0.5 * quotes[2, right - 1]
        after = quotes[1, right] - 0.5 * quotes[2, right]
        floors[1, at] = max(floors[1, at], before + part * (after - before))


@njit(cache=True, error_model="numpy", nogil=True)
def _improve(theta: Any, quotes: Any, grid: Any, rules: Any, pull: Any):  # type: ignore[no-untyped-def]
    """Search twice: first with all quotes heard and conditions held loosely, then the few wild ones ignored."""
    rules[PULL], rules[SOFT] = 0.1 * pull, 5.0
    search(theta, quotes, grid, rules)
    rules[PULL], rules[SOFT] = pull, 1.0
    return search(theta, quotes, grid, rules)


@njit(cache=True, error_model="numpy", nogil=True)
def _from_nothing(size: Any, quotes: Any, grid: Any, rules: Any, out: Any):  # type: ignore[no-untyped-def]
    """Build a smile one hyperbola after the other; give its cost."""
    places = np.linspace(max(quotes[0, 0], _PLACE_LEFT), min(quotes[0, -1], _PLACE_RIGHT), _PLACES)
    cost = np.inf
    before = np.zeros(2)
    for now in range(5, size + 1, 3):
        trial = np.zeros(now)
        if not add_hyperbola(before, quotes, places, _WIDTHS, trial):
            return np.inf
        cost = _improve(trial, quotes, grid, rules, _FIRM)
        out[:now] = trial
        before = trial
    return cost


@njit(cache=True, error_model="numpy", nogil=True)
def _clean(theta: Any, size: Any, safe: Any, later: Any, has_later: Any, quotes: Any, grid: Any, rules: Any):  # type: ignore[no-untyped-def]
    """Make `theta` free of arbitrage: by firmer searches with some room, then mixed with `safe`, then scaled."""
    low, high, unit = quotes[0, 0], quotes[0, -1], rules[W_UNIT]
    g_min, rise_min = check_smile(theta, later, has_later, low, high, unit)
    pull = _FIRM
    for _ in range(_FIRMER):
        if g_min >= 0.0 and rise_min >= -_SCALED_AWAY:
            break
        pull *= 5.0
        rules[G_MIN] += 0.01
        grid[1, :] *= 1.0 - _SCALED_AWAY
        rules[LEFT_MAX] *= 1.0 - _SCALED_AWAY
        rules[RIGHT_MAX] *= 1.0 - _SCALED_AWAY
        _improve(theta[:size], quotes, grid, rules, pull)
        g_min, rise_min = check_smile(theta, later, has_later, low, high, unit)
    found = theta.copy()
    for left in range(_MIXES - 1, -1, -1):
        if g_min >= 0.0 and rise_min >= -_SCALED_MAX:
            break
        for at in range(SIZE_MAX):
            theta[at] = safe[at] + (found[at] - safe[at]) * left / _MIXES if left > 0 else safe[at]
        g_min, rise_min = check_smile(theta, later, has_later, low, high, unit)
    if rise_min < 0.0:
        _multiply(theta, 1.0 + rise_min, theta)


@njit(cache=True, error_model="numpy", nogil=True)
def _begin_rules(quotes: Any, w_unit: Any, above: Any, has_later: Any, up: Any, rules: Any):  # type: ignore[no-untyped-def]
    """Write the rules with which every search of one smile begins."""
    rules[W_UNIT], rules[G_MIN], rules[PULL_UP] = w_unit, 0.01, up
    span = quotes[0, -1] - quotes[0, 0]
    rules[PLACE_LOW], rules[PLACE_HIGH] = quotes[0, 0] - span, quotes[0, -1] + span
    rules[WIDTH_LOW], rules[WIDTH_HIGH] = 0.02, 2.0 * span
    rules[LEFT_MAX] = rules[RIGHT_MAX] = _SLOPE_MAX / np.sqrt(w_unit)
    if has_later:
        left, right = wings(above)
        rules[LEFT_MAX], rules[RIGHT_MAX] = min(rules[LEFT_MAX], left), min(rules[RIGHT_MAX], right)


@njit(cache=True, error_model="numpy", nogil=True)
def _loss(theta: Any, quotes: Any):  # type: ignore[no-untyped-def]
    """Mean of Cauchy's loss of the quotes: small where most lie inside of bid and ask."""
    total = 0.0
    for row in range(quotes.shape[1]):
        r = (smile_at(theta, quotes[0, row])[0] - quotes[1, row]) / quotes[2, row]
        total += np.log1p(r * r)
    return total / quotes.shape[1]


@njit(cache=True, error_model="numpy", nogil=True)
def _polish(theta: Any, size: Any, later: Any, has_later: Any, quotes: Any, grid: Any, rules: Any):  # type: ignore[no-untyped-def]
    """Search on from a clean smile that fits badly, going each time as far as it stays clean."""
    low, high, unit = quotes[0, 0], quotes[0, -1], rules[W_UNIT]
    found, trial = theta.copy(), theta.copy()
    for _ in range(_POLISHES):
        before = _loss(theta, quotes)
        found[:] = theta
        rules[PULL], rules[SOFT] = _FIRM_LAST, 1.0
        search(found[:size], quotes, grid, rules)
        for left in range(8):
            for at in range(SIZE_MAX):
                trial[at] = theta[at] + (found[at] - theta[at]) * 0.5**left
            g_min, rise_min = check_smile(trial, later, has_later, low, high, unit)
            if g_min >= 0.0 and rise_min >= -_SCALED_AWAY:
                if rise_min < 0.0:
                    _multiply(trial, 1.0 + rise_min, trial)
                if _loss(trial, quotes) < before:
                    theta[:] = trial
                    break
        if not _loss(theta, quotes) < 0.99 * before:
            break


@njit(cache=True, error_model="numpy", nogil=True)
def _fit_one(  # type: ignore[no-untyped-def]
    size: Any, quotes: Any, w_unit: Any, later: Any, has_later: Any, floors: Any, up: Any, shape: Any, out: Any
):
    """Fit one smile in its own units, write it to `out` in plain ones and its `shape` over that of the later smile.

    The search begins at the later smile's shape, then, unless the result is good, from nothing, then at the later smile
    scaled down. Each result is made clean before they are compared.
    """
    k_unit = np.sqrt(w_unit)
    rules = np.empty(RULES)
    above, safe, theta = np.zeros(SIZE_MAX), np.zeros(SIZE_MAX), np.zeros(SIZE_MAX)
    best = np.zeros(SIZE_MAX)
    if has_later:
        _in_units(later, k_unit, w_unit, above)
        _scale(above, quotes, safe)
    else:
        safe[0] = np.median(quotes[1])
        safe[4::3] = 1.0
    grid = np.empty((3, _GRID_INSIDE + 2 * len(_GRID_OUTSIDE)))
    best_loss = np.inf
    for start in range(3):
        if start != 1 and not (has_later and shape[size - 3] != 0.0):
            continue
        _begin_rules(quotes, w_unit, above, has_later, up, rules)
        _fill_grid(quotes, above, has_later, floors, k_unit, grid)
        theta[:] = 0.0
        theta[4::3] = 1.0
        if start == 1:
            _from_nothing(size, quotes, grid, rules, theta)
        else:
            theta[:size] = shape[:size] if start == 0 else safe[:size]
            _improve(theta[:size], quotes, grid, rules, _FIRM)
        _clean(theta, size, safe, above, has_later, quotes, grid, rules)
        loss = _loss(theta, quotes)
        if loss < best_loss:
            best_loss = loss
            best[:] = theta
        if best_loss < _GOOD:
            break
    if best_loss > _GOOD:
        _begin_rules(quotes, w_unit, above, has_later, up, rules)
        _fill_grid(quotes, above, has_later, floors, k_unit, grid)
        grid[1, :] *= 1.0 - _SCALED_AWAY
        _polish(best, size, above, has_later, quotes, grid, rules)
    shape[:] = best
    _in_units(best, 1.0 / k_unit, 1.0 / w_unit, out)
    return _loss(best, quotes)


@njit(cache=True, error_model="numpy", nogil=True)
def _fit_all(offsets: Any, sizes: Any, quotes: Any, w_unit: Any, floors: Any, up: Any, out: Any):  # type: ignore[no-untyped-def]
    """Fit all smiles with one pull of the floors; give the mean loss of the quotes and that of the worst expiry."""
    shape = np.zeros(SIZE_MAX)
    count = len(sizes)
    total, worst = 0.0, 0.0
    for expiry in range(count - 1, -1, -1):
        unit = w_unit[expiry]
        own = quotes[:, offsets[expiry] : offsets[expiry + 1]].copy()
        own[0] /= np.sqrt(unit)
        own[1:] /= unit
        later = out[min(expiry + 1, count - 1)]
        loss = _fit_one(sizes[expiry], own, unit, later, expiry < count - 1, floors[expiry], up, shape, out[expiry])
        total += loss * own.shape[1]
        worst = max(worst, loss)
    return total / quotes.shape[1], worst


@njit(cache=True, error_model="numpy", nogil=True)
def fit_smiles(offsets: Any, sizes: Any, quotes: Any, w_unit: Any, out: Any):  # type: ignore[no-untyped-def]
    """Fit the smiles of all expiries.

    Parameters
    ----------
    offsets : (n + 1,) int64
        Where the quotes of each expiry begin; they are sorted by expiry, then by strike.
    sizes : (n,) int64
        Parameters that each smile may have.
    quotes : (3, m) float64
        k, the middle of the total variances of bid and ask, and half their difference; plain units.
    w_unit : (n,) float64
        Variance at the money.
    out : (n, SIZE_MAX) float64
        The smiles.
    """
    count = len(sizes)
    floors = np.zeros((count, 2, _FLOORS))
    for expiry in range(count):
        floors[expiry, 0] = np.linspace(np.min(quotes[0]), np.max(quotes[0]), _FLOORS)
        if expiry > 0:
            floors[expiry, 1] = floors[expiry - 1, 1]
            _raise_floor(floors[expiry], quotes[:, offsets[expiry - 1] : offsets[expiry]])
    best = np.inf
    trial = np.empty((count, SIZE_MAX))
    for up in _PULLS_UP:
        mean, worst = _fit_all(offsets, sizes, quotes, w_unit, floors, up, trial)
        if mean < best:
            best = mean
            out[:] = trial
        if worst < _WORST:
            break


@njit(cache=True, error_model="numpy", nogil=True)
def fill_surface(nodes: Any, smiles: Any, k: Any, years: Any, out: Any):  # type: ignore[no-untyped-def]
    """Write total variance, slope, bend and the derivative by time of each row; NaN outside of the expiries.

    Between expiries the variance is a straight line in time at fixed k; at an expiry the derivative is that of the time
    after it, at the last one that of the time before.
    """
    last = len(nodes) - 1
    for row in range(len(k)):
        t = years[row]
        if not (t >= nodes[0] and t <= nodes[last]) or last == 0:
            out[:, row] = np.nan
            if last == 0 and t == nodes[0]:
                out[0, row], out[1, row], out[2, row] = smile_at(smiles[0], k[row])
            continue
        left = min(np.searchsorted(nodes, t, side="right") - 1, last - 1)
        part = (t - nodes[left]) / (nodes[left + 1] - nodes[left])
        w, slope, bend = smile_at(smiles[left], k[row])
        w_next, slope_next, bend_next = smile_at(smiles[left + 1], k[row])
        out[0, row] = w + part * (w_next - w) if part < 1.0 else w_next
        out[1, row] = slope + part * (slope_next - slope) if part < 1.0 else slope_next
        out[2, row] = bend + part * (bend_next - bend) if part < 1.0 else bend_next
        out[3, row] = (w_next - w) / (nodes[left + 1] - nodes[left])


share_compiled(globals(), makes_arrays=True)
