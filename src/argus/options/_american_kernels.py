"""American puts by the integral equation of their exercise boundary, for blocks of options at once.

The method is that of Andersen, Lake, Offengenden 2016, "High-performance American option pricing", Journal of
Computational Finance 20(1). With the strike as unit, ``B(t)`` the boundary with t years left, ``X = min(1, r / q)`` its
limit at expiry, and d1, d2 the distances from ``B(t)`` to ``B(t - v)`` over v years (to 1 where v is t), it solves

    B(t) = [exp(-r t) f2(t) + r Int exp(-r v) f2(v) dv] / [exp(-q t) f1(t) + q Int exp(-q v) f1(v) dv],  v from 0 to t,

both with ``f1 = N(d1), f2 = N(d2)`` (their system B) and ``f1 = N(d1) + n(d1) / s, f2 = n(d2) / s``, s being
``vol * sqrt(v)`` (A). Iterating B is safe and slow; A is quick, but diverges where the drift is large beside the
variance. As both quotients are the same number at the solution, so is the quotient of any mixture of their numerators
and denominators. Here A has the weight ``min(1, vol**2 / (r - q))``, which converged fast wherever it was tried.

The boundary is iterated at a few Chebyshev nodes; between them ``log(B / X)**2``, as a function of the root of time, is
so smooth that a polynomial through the nodes is enough. With ``v = t sin(a)**2`` the roots of v and of ``t - v`` are
both smooth in a, and few Gauss-Legendre points do. Nodes and points are the same fractions of every option's life, so
the polynomial's values at the points are fixed sums of its values at the nodes, made once for all options.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from argus.core._sharing_kernels import share_compiled
from argus.options._black_kernels import LANES, stage
from argus.options._normal_kernels import INV_SQRT_2PI, bounded_exp, positive_log, two_tail_ratios

__all__ = ["american_puts", "american_room"]

_SPOT, _YEARS, _VOL, _RATE, _YIELD, _ROOT, _LIMIT, _CENTRE = (row * LANES for row in range(8))
_LOG_Z, _STDEV, _D1, _D2, _DENSITY_1, _DENSITY_2, _FADE_1, _FADE_2 = (row * LANES for row in range(8, 16))
_UPPER, _LOWER, _PRICE, _DELTA, _GAMMA, _SUM, _MIX, _FLOOR = (row * LANES for row in range(16, 24))
_NODES = 24 * LANES
_DISTANCE_MAX = 1e5
_SEED_STRETCH = 2.0


def american_room(nodes: int) -> int:
    """Float64 values of working memory, for so many nodes."""
    return _NODES + nodes * LANES


@njit(cache=True, error_model="numpy", nogil=True)
def _seed(node_root: Any, room: Any):  # type: ignore[no-untyped-def]
    """First boundary: from its limit at expiry to that of an option without one, over a few standard deviations."""
    for lane in range(LANES):
        rate, dividend, vol = room[_RATE + lane], room[_YIELD + lane], room[_VOL + lane]
        limit = min(1.0, rate / dividend) if dividend > 0.0 else 1.0
        variance = vol * vol
        drift = rate - dividend - 0.5 * variance
        root = -(drift + np.sqrt(drift * drift + 2.0 * rate * variance)) / variance
        forever = root / (root - 1.0)
        room[_ROOT + lane] = np.sqrt(room[_YEARS + lane])
        room[_LIMIT + lane] = positive_log(limit)
        share = max(min(forever / limit, 1.0), 1e-200)
        room[_CENTRE + lane] = share
        room[_FLOOR + lane] = positive_log(share)
        room[_MIX + lane] = 1.0 / max((rate - dividend) / variance, 1.0)
    for node in range(len(node_root)):
        row = np.uint64(_NODES + node * LANES)
        for lane in range(np.uint64(LANES)):
            floor, stdev = room[np.uint64(_CENTRE) + lane], room[np.uint64(_VOL) + lane]
            stdev = stdev * room[np.uint64(_ROOT) + lane] * node_root[node]
            log = positive_log(floor + (1.0 - floor) * bounded_exp(-_SEED_STRETCH * stdev))
            room[row + lane] = log * log


@njit(cache=True, error_model="numpy", nogil=True)
def _boundary_at(weights: Any, place: Any, nodes: Any, room: Any):  # type: ignore[no-untyped-def]
    """Logarithm of the boundary over its limit, squared, at a quadrature point: a fixed sum over the nodes."""
    for lane in range(LANES):
        room[_SUM + lane] = 0.0
    for node in range(nodes):
        weight = weights[place * nodes + node]
        row, total = np.uint64(_NODES + node * LANES), np.uint64(_SUM)
        for lane in range(np.uint64(LANES)):
            room[total + lane] = room[total + lane] + weight * room[row + lane]


@njit(cache=True, error_model="numpy", nogil=True)
def _distances(fraction: Any, room: Any):  # type: ignore[no-untyped-def]
    """Distances, discounted densities and discounts over the years whose root is `fraction` of the life's root."""
    for lane in range(LANES):
        root = room[_ROOT + lane] * fraction
        years, stdev = root * root, room[_VOL + lane] * root
        rate, dividend = room[_RATE + lane], room[_YIELD + lane]
        d1 = (room[_LOG_Z + lane] + (rate - dividend) * years) / stdev + 0.5 * stdev
        d2 = d1 - stdev
        room[_STDEV + lane] = stdev
        room[_D1 + lane] = d1
        room[_D2 + lane] = d2
        room[_DENSITY_1 + lane] = -0.5 * d1 * d1 - dividend * years
        room[_DENSITY_2 + lane] = -0.5 * d2 * d2 - rate * years
        room[_FADE_1 + lane] = -dividend * years
        room[_FADE_2 + lane] = -rate * years
    for lane in range(LANES):
        room[_DENSITY_1 + lane] = bounded_exp(room[_DENSITY_1 + lane])
    for lane in range(LANES):
        room[_DENSITY_2 + lane] = bounded_exp(room[_DENSITY_2 + lane])
    for lane in range(LANES):
        room[_FADE_1 + lane] = bounded_exp(room[_FADE_1 + lane])
    for lane in range(LANES):
        room[_FADE_2 + lane] = bounded_exp(room[_FADE_2 + lane])


@njit(cache=True, error_model="numpy", nogil=True)
def _accumulate(first: Any, span: Any, room: Any):  # type: ignore[no-untyped-def]
    """Add what stands outside the integrals (`first` 1, `span` 0), or one point of them, to the quotient."""
    for lane in range(LANES):
        d1, d2, mix = room[_D1 + lane], room[_D2 + lane], room[_MIX + lane]
        tail_1, tail_2 = two_tail_ratios(min(abs(d1), _DISTANCE_MAX), min(abs(d2), _DISTANCE_MAX))
        density_1, density_2 = room[_DENSITY_1 + lane], room[_DENSITY_2 + lane]
        above_1 = density_1 * tail_1 if d1 < 0.0 else room[_FADE_1 + lane] - density_1 * tail_1
        above_2 = density_2 * tail_2 if d2 < 0.0 else room[_FADE_2 + lane] - density_2 * tail_2
        scale = mix * INV_SQRT_2PI / room[_STDEV + lane]
        years = span * room[_YEARS + lane]
        weight_1, weight_2 = first + years * room[_YIELD + lane], first + years * room[_RATE + lane]
        room[_LOWER + lane] = room[_LOWER + lane] + weight_1 * (above_1 + scale * density_1)
        room[_UPPER + lane] = room[_UPPER + lane] + weight_2 * ((1.0 - mix) * above_2 + scale * density_2)


@njit(cache=True, error_model="numpy", nogil=True)
def _improve(  # type: ignore[no-untyped-def]
    node: Any, node_root: Any, point_root: Any, point_weight: Any, weights: Any, room: Any
):
    """One fixed-point step of the boundary at one node."""
    centre = np.uint64(_NODES + node * LANES)
    nodes, points = len(node_root), len(point_root)
    for lane in range(np.uint64(LANES)):
        log = room[np.uint64(_LIMIT) + lane] - np.sqrt(room[centre + lane])
        room[np.uint64(_CENTRE) + lane] = log
        room[np.uint64(_LOG_Z) + lane] = log
        room[np.uint64(_UPPER) + lane] = 0.0
        room[np.uint64(_LOWER) + lane] = 0.0
    _distances(node_root[node], room)
    _accumulate(1.0, 0.0, room)
    for point in range(points):
        _boundary_at(weights, node * points + point, nodes, room)
        for lane in range(LANES):
            room[_LOG_Z + lane] = room[_CENTRE + lane] - room[_LIMIT + lane] + np.sqrt(max(room[_SUM + lane], 0.0))
        _distances(node_root[node] * point_root[point], room)
        _accumulate(0.0, point_weight[point] * node_root[node] * node_root[node], room)
    for lane in range(np.uint64(LANES)):
        below = room[np.uint64(_LOWER) + lane]
        # A yield below zero can turn the denominator on the way: the boundary then lies as high as it may.
        ratio = max(room[np.uint64(_UPPER) + lane] / below, 1e-200) if below > 0.0 else 1.0
        log = positive_log(ratio) - room[np.uint64(_LIMIT) + lane]
        log = max(min(log, 0.0), room[np.uint64(_FLOOR) + lane])
        room[centre + lane] = log * log


@njit(cache=True, error_model="numpy", nogil=True)
def _european(room: Any):  # type: ignore[no-untyped-def]
    """European put: price, delta, gamma, the strike being one."""
    for lane in range(LANES):
        room[_LOG_Z + lane] = positive_log(room[_SPOT + lane])
    _distances(1.0, room)
    for lane in range(LANES):
        d1, d2, spot = room[_D1 + lane], room[_D2 + lane], room[_SPOT + lane]
        tail_1, tail_2 = two_tail_ratios(min(abs(d1), _DISTANCE_MAX), min(abs(d2), _DISTANCE_MAX))
        tail_1, tail_2 = room[_DENSITY_1 + lane] * tail_1, room[_DENSITY_2 + lane] * tail_2
        below_1 = tail_1 if d1 > 0.0 else room[_FADE_1 + lane] - tail_1
        below_2 = tail_2 if d2 > 0.0 else room[_FADE_2 + lane] - tail_2
        room[_PRICE + lane] = below_2 - spot * below_1
        room[_DELTA + lane] = -below_1
        room[_GAMMA + lane] = INV_SQRT_2PI * room[_DENSITY_1 + lane] / (spot * room[_STDEV + lane])


@njit(cache=True, error_model="numpy", nogil=True)
def _premium(  # type: ignore[no-untyped-def]
    nodes: Any, price_root: Any, price_weight: Any, price_weights: Any, room: Any
):
    """Add what the right to exercise early is worth, with its two derivatives."""
    for lane in range(LANES):
        room[_CENTRE + lane] = positive_log(room[_SPOT + lane])
    for point in range(len(price_root)):
        _boundary_at(price_weights, point, nodes, room)
        for lane in range(LANES):
            room[_LOG_Z + lane] = room[_CENTRE + lane] - room[_LIMIT + lane] + np.sqrt(max(room[_SUM + lane], 0.0))
        _distances(price_root[point], room)
        for lane in range(LANES):
            d1, d2, spot, stdev = room[_D1 + lane], room[_D2 + lane], room[_SPOT + lane], room[_STDEV + lane]
            rate, dividend = room[_RATE + lane], room[_YIELD + lane]
            tail_1, tail_2 = two_tail_ratios(min(abs(d1), _DISTANCE_MAX), min(abs(d2), _DISTANCE_MAX))
            tail_1, tail_2 = room[_DENSITY_1 + lane] * tail_1, room[_DENSITY_2 + lane] * tail_2
            below_1 = tail_1 if d1 > 0.0 else room[_FADE_1 + lane] - tail_1
            below_2 = tail_2 if d2 > 0.0 else room[_FADE_2 + lane] - tail_2
            slope_1 = dividend * INV_SQRT_2PI * room[_DENSITY_1 + lane] / stdev
            slope_2 = rate * INV_SQRT_2PI * room[_DENSITY_2 + lane] / (spot * stdev)
            span = price_weight[point] * room[_YEARS + lane]
            room[_PRICE + lane] = room[_PRICE + lane] + span * (rate * below_2 - dividend * spot * below_1)
            room[_DELTA + lane] = room[_DELTA + lane] + span * (slope_1 - slope_2 - dividend * below_1)
            bend = slope_2 * (1.0 + d2 / stdev) + slope_1 * (1.0 - d1 / stdev)
            room[_GAMMA + lane] = room[_GAMMA + lane] + span * bend / spot


@njit(cache=True, error_model="numpy", nogil=True)
def american_puts(  # type: ignore[no-untyped-def]
    spot: Any,
    years: Any,
    vol: Any,
    rate: Any,
    dividend: Any,
    sweeps: Any,
    node_root: Any,
    point_root: Any,
    point_weight: Any,
    weights: Any,
    price_root: Any,
    price_weight: Any,
    price_weights: Any,
    room: Any,
    out: Any,
):
    """Puts of strike one, which have a single boundary; `out` (4, n): price, delta, gamma, boundary.

    The node of the whole life comes first. `weights` holds, for each node and point, the share of each node in the
    boundary there.
    """
    nodes = len(node_root)
    for base in range(0, out.shape[1], LANES):
        lanes = min(LANES, out.shape[1] - base)
        stage(spot, base, lanes, _SPOT, room)
        stage(years, base, lanes, _YEARS, room)
        stage(vol, base, lanes, _VOL, room)
        stage(rate, base, lanes, _RATE, room)
        stage(dividend, base, lanes, _YIELD, room)
        _seed(node_root, room)
        for _ in range(sweeps):
            for node in range(nodes):
                _improve(node, node_root, point_root, point_weight, weights, room)
        _european(room)
        _premium(nodes, price_root, price_weight, price_weights, room)
        for lane in range(lanes):
            boundary = bounded_exp(room[_LIMIT + lane] - np.sqrt(room[_NODES + lane]))
            is_exercised = room[_SPOT + lane] <= boundary
            payoff = 1.0 - room[_SPOT + lane]
            out[0, base + lane] = payoff if is_exercised else max(room[_PRICE + lane], payoff)
            out[1, base + lane] = -1.0 if is_exercised else room[_DELTA + lane]
            out[2, base + lane] = 0.0 if is_exercised else room[_GAMMA + lane]
            out[3, base + lane] = boundary


share_compiled(globals(), wide=True)
