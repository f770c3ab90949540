"""Kernels of the synthetic markets: time grid, volatility path, bar shapes, and the walk on the tick grid.

A market is made in blocks of whole sessions. First each bar's random shape is drawn, as ratios to a price that need
not be known yet (`_draw`, no branches, several bars at once). Then the walk passes over the bars one by one
(`_walk`): price times ratio plus what the planted edge adds, rounded to a neighbouring tick. Between two sessions the
walk looks at the closes so far and sets the edge's direction. Every random number is keyed by the bar's number in the
whole series, so that any block can be made on its own from the closes before it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from argus.core._random_kernels import (
    fill_normal,
    portable_exp,
    portable_log,
    random_bits,
    random_normal_pair,
    random_uniform,
    unit_open,
)
from argus.core._sharing_kernels import share_compiled

__all__ = [
    "DRIFT",
    "HIDDEN_TREND",
    "MEAN_REVERSION",
    "NO_EDGE",
    "OVERNIGHT",
    "TICKS_MIN",
    "TREND",
    "Market",
    "lay_out",
    "session_directions",
    "session_vols",
    "simulate",
]

NO_EDGE, DRIFT, OVERNIGHT, TREND, MEAN_REVERSION, HIDDEN_TREND = 0, 1, 2, 3, 4, 5

TICKS_MIN = 20
"""Below this many ticks a price can no longer move by its volatility; the walk stops there."""

_LN2 = 0.6931471805599453
_TO_HALF_UNIT = 1.0 / 4294967296.0
_BLOCK_BARS = 256


class Market(NamedTuple):
    """What the kernels need to know of a market, in ticks and sessions.

    Attributes
    ----------
    key_bars, key_paths, key_vol, key_state : uint64
        Streams of the bars' deviates, of the paths and rounding within them, of the volatility and the hidden state.
    vol_session : float
        Root mean square of a session's return, gap included.
    slow, fast, slow_half_life, fast_half_life : float
        Standard deviations and half-lives (sessions) of the two parts of log volatility.
    tail, bar_gap : float
        Spread of a bar's log variance; share of a bar's variance between the last close and its open.
    volume, volume_noise : float
        Mean units a session; spread of a bar's log volume.
    drift : float
        Expected return of a session that is no edge of a rule.
    kind, lookback, rebalance, hold_max : int
    entry, exit, edge, cost_ticks : float
        The planted edge: `edge` is the expected return, in session volatilities, while its rule holds a position;
        `cost_ticks` is the stated cost of a side.
    start_ticks, tick_numerator, tick_denominator : float
        First price in ticks; the tick size as a ratio of whole numbers.
    """

    key_bars: np.uint64
    key_paths: np.uint64
    key_vol: np.uint64
    key_state: np.uint64
    vol_session: float
    slow: float
    fast: float
    slow_half_life: float
    fast_half_life: float
    tail: float
    bar_gap: float
    volume: float
    volume_noise: float
    drift: float
    kind: int
    lookback: int
    rebalance: int
    hold_max: int
    entry: float
    exit: float
    edge: float
    cost_ticks: float
    start_ticks: float
    tick_numerator: float
    tick_denominator: float


@njit(cache=True, nogil=True)
def session_vols(market, out):  # type: ignore[no-untyped-def]
    """Write each session's volatility: log volatility is the sum of two AR(1) paths, of which the mean square is kept.

    The path does not depend on prices, so volatility clusters without making returns predictable.
    """
    phi_slow = portable_exp(-_LN2 / market.slow_half_life)
    phi_fast = portable_exp(-_LN2 / market.fast_half_life)
    push_slow = np.sqrt(1.0 - phi_slow * phi_slow)
    push_fast = np.sqrt(1.0 - phi_fast * phi_fast)
    level = -(market.slow * market.slow + market.fast * market.fast)
    pushes = np.empty(2 * len(out))
    fill_normal(market.key_vol, 0, pushes)
    slow = fast = 0.0
    for s in range(len(out)):
        # The first is drawn from the law that the path keeps.
        slow = phi_slow * slow + push_slow * pushes[2 * s] if s > 0 else pushes[0]
        fast = phi_fast * fast + push_fast * pushes[2 * s + 1] if s > 0 else pushes[1]
        out[s] = market.slow * slow + market.fast * fast + level
    for s in range(len(out)):
        out[s] = market.vol_session * portable_exp(out[s])


@njit(cache=True, nogil=True)
def session_directions(market, directions):  # type: ignore[no-untyped-def]
    """Set the directions that do not depend on prices: always long, or a hidden state that flips at random."""
    directions[:] = 0
    if market.kind == DRIFT or market.kind == OVERNIGHT:
        directions[:] = 1
    elif market.kind == HIDDEN_TREND:
        state = 1 if random_uniform(market.key_state, 0) < 0.5 else -1
        for s in range(len(directions)):
            directions[s] = state
            if random_uniform(market.key_state, s + 1) * market.lookback < 1.0:
                state = -state


@njit(cache=True, forceinline=True)
def _season_integral(u, season):  # type: ignore[no-untyped-def]
    """Share of a session's variance before the fraction `u` of its time: the integral of 1 + a (12 (u - 1/2)^2 - 1)."""
    c = u - 0.5
    return u + season * (4.0 * c * c * c + 0.5 - u)


@njit(cache=True, nogil=True)
def lay_out(segments, interval_ns, sessions, season, times, session, session_end, shares):  # type: ignore[no-untyped-def]
    """Write the time grid: bars of `interval_ns` from each segment's start; the last of a segment may be short.

    Parameters
    ----------
    segments : (m, 3) int64
        Start, end (ns) and session index of each uninterrupted stretch of trading, in order.
    sessions : (s,) int32
        Session date of each session index.
    times : (2, n) int64
        Start and close of the bars, written.
    session, session_end, shares
        (n,) int32, bool, float64, written; `shares` is each bar's share of its session's variance in trading hours.
    """
    row = 0
    m = len(segments)
    j = 0
    while j < m:
        last = j
        length = segments[j, 1] - segments[j, 0]
        while last + 1 < m and segments[last + 1, 2] == segments[j, 2]:
            last += 1
            length += segments[last, 1] - segments[last, 0]
        before = 0.0
        elapsed = 0
        for k in range(j, last + 1):
            start = segments[k, 0]
            end = segments[k, 1]
            while start < end:
                close = min(start + interval_ns, end)
                elapsed += close - start
                reached = _season_integral(elapsed / length, season)
                times[0, row] = start
                times[1, row] = close
                session[row] = sessions[segments[k, 2]]
                session_end[row] = False
                shares[row] = reached - before
                before = reached
                start = close
                row += 1
        session_end[row - 1] = True
        j = last + 1
    return row


@njit(cache=True, forceinline=True, error_model="numpy")
def _latent_sd(v):  # type: ignore[no-untyped-def]
    """Standard deviation (ticks) of a step that has variance `v` once rounded at random to a tick beside it.

    Rounding adds f (1 - f) for the fraction f: 1/6 on average for a long step, |x| - x^2 for one below a tick, whose
    expectation leaves sd * sqrt(2 / pi). The two laws are joined between 0.27 and 0.42; the variance is right to 0.5 %.
    """
    short = 1.2533141373155003 * v
    long = np.sqrt(max(v - 1.0 / 6.0, 0.0))
    w = min(max((v - 0.27) * (1.0 / 0.15), 0.0), 1.0)
    return short + w * (long - short)


@njit(cache=True, nogil=True, error_model="numpy")
def _draw(market, number, ticks, gaps, steps, highs, lows, volumes):  # type: ignore[no-untyped-def]
    """Draw the shape of each bar as ratios, in place.

    Parameters
    ----------
    number : int
        Number of the first bar in the whole series.
    ticks : float
        A price of about now in ticks, which says how coarse the grid is.
    gaps : (n,) float64
        In: variance of the step from the last close to the open. Out: open / last close before rounding.
    steps : (n,) float64
        In: variance of the step from open to close. Out: close / open before rounding.
    highs, lows : (n,) float64
        Out: highest and lowest price / open. Each has the law of the extreme of a Brownian path between open and
        close (reflection principle), so that an order at a price inside the bar is a fair bet too.
    volumes : (n,) float64
        In: mean units of the bar. Out: units, at least 1.
    """
    half_tail = 0.5 * market.tail
    tail_mean = -half_tail * half_tail
    noise_mean = -0.5 * market.volume_noise * market.volume_noise
    per_tick = 1.0 / ticks
    for i in range(len(gaps)):
        bar = number + i
        z, zg = random_normal_pair(market.key_bars, 2 * bar)
        n, m = random_normal_pair(market.key_bars, 2 * bar + 1)
        root = portable_exp(half_tail * n + tail_mean)
        scale = root * ticks
        scale = scale * scale
        sd = _latent_sd(scale * steps[i]) * per_tick
        sd_gap = _latent_sd(scale * gaps[i]) * per_tick
        x = sd * z - 0.5 * sd * sd
        x2 = x * x
        s2 = -2.0 * sd * sd
        up = np.sqrt(x2 + s2 * portable_log(unit_open(random_bits(market.key_paths, 3 * bar))))
        down = np.sqrt(x2 + s2 * portable_log(unit_open(random_bits(market.key_paths, 3 * bar + 1))))
        gaps[i] = portable_exp(sd_gap * zg - 0.5 * sd_gap * sd_gap)
        steps[i] = portable_exp(x)
        highs[i] = portable_exp(0.5 * (x + up))
        lows[i] = portable_exp(0.5 * (x - down))
        units = volumes[i] * root * portable_exp(market.volume_noise * m + noise_mean)
        volumes[i] = max(np.floor(units + 0.5), 1.0)


@njit(cache=True, nogil=True)
def _trend_direction(market, closes, s, now):  # type: ignore[no-untyped-def]
    """What the trend rule holds after the close of session `s`."""
    n = market.lookback
    if s < n or (s + 1) % market.rebalance != 0 or closes[s] == closes[s - n]:
        return now
    return 1 if closes[s] > closes[s - n] else -1


@njit(cache=True, nogil=True)
def _reversion_direction(market, closes, s, now, memory):  # type: ignore[no-untyped-def]
    """What the mean-reversion rule holds after the close of session `s`.

    `memory` is (sessions held so far, whether it may enter): after leaving because its time is up, it may enter again
    only once the close has been within `entry`.
    """
    n = market.lookback
    if s + 1 < n:
        return 0
    total = 0.0
    for k in range(s + 1 - n, s + 1):
        total += closes[k]
    mean = total / n
    squares = 0.0
    for k in range(s + 1 - n, s + 1):
        squares += (closes[k] - mean) * (closes[k] - mean)
    sd = np.sqrt(squares / (n - 1))
    away = closes[s] - mean
    if now != 0:
        memory[0] += 1
        if sd == 0.0 or -now * away <= market.exit * sd:
            return 0
        if memory[0] >= market.hold_max:
            memory[1] = 0
            return 0
        return now
    if memory[1] == 0:
        if abs(away) < market.entry * sd or sd == 0.0:
            memory[1] = 1
        return 0
    if sd == 0.0 or abs(away) < market.entry * sd:
        return 0
    memory[0] = 0
    return -1 if away > 0.0 else 1


@njit(cache=True, forceinline=True)
def _sides(kind, before, now):  # type: ignore[no-untyped-def]
    """Sides that a session's edge pays for: of a round trip where the rule enters, of a turn where it turns."""
    if kind == OVERNIGHT or now == before:
        return 0
    if kind == MEAN_REVERSION:
        return 2 if now != 0 else 0
    return abs(now - before)


@njit(cache=True, nogil=True, error_model="numpy")
def _walk(key, tick, price, number, bars, columns, shares, pushes):  # type: ignore[no-untyped-def]
    """Walk one session's bars on the tick grid, in place; return the close in ticks.

    A price that falls between two ticks goes to either, with the probabilities that keep its expectation (so rounding
    is no edge), and the walk goes on from the rounded price (so nobody can infer an unrounded one).

    Parameters
    ----------
    key : uint64
        Stream of the paths.
    tick : (float, float)
        Tick size as numerator and denominator.
    price : float
        Last close in ticks.
    number : int
        Number in the whole series of what stands in column 0.
    bars : (4, n) float64
        In: ratios of open, high, low, close of `_draw`. Out: prices in the instrument's currency.
    columns : (int, int)
        First and last (exclusive) column of the session.
    shares : (n,) float64
        Shares of the session's variance, by which the step return is spread.
    pushes : (gap ticks, gap return, step ticks, step return)
        What is added to the expectation of the opening gap and, in all, of the steps of the session.
    """
    gap_ticks, gap_return, step_ticks, step_return = pushes
    up, down = tick
    for i in range(columns[0], columns[1]):
        bits = random_bits(key, 3 * (number + i) + 2)
        first = (float(bits >> 32) + 0.5) * _TO_HALF_UNIT
        second = (float(bits & 0xFFFFFFFF) + 0.5) * _TO_HALF_UNIT
        start = np.floor(price * bars[0, i] * (1.0 + gap_return) + gap_ticks + first)
        free = start * bars[3, i]
        pushed = free * (1.0 + step_return * shares[i]) + step_ticks
        price = np.floor(pushed + second)
        high = np.floor(start * bars[1, i] + max(pushed - free, 0.0))
        low = np.ceil(start * bars[2, i] + min(pushed - free, 0.0))
        bars[0, i] = start * up / down
        bars[1, i] = max(high, max(start, price)) * up / down
        bars[2, i] = min(low, min(start, price)) * up / down
        bars[3, i] = price * up / down
        gap_ticks = 0.0
        gap_return = 0.0
        step_ticks = 0.0
        if price < TICKS_MIN:
            return price
    return price


@njit(cache=True, nogil=True)
def _prepare(market, first, last, offsets, row, vols, gaps, shares, bars, volume):  # type: ignore[no-untyped-def]
    """Write the variances of steps and gaps, and the mean volumes, of the sessions `first` to `last` (exclusive)."""
    for s in range(first, last):
        variance = vols[s] * vols[s] * (1.0 - gaps[s])
        busy = market.volume * vols[s] / market.vol_session
        for i in range(offsets[s] - row, offsets[s + 1] - row):
            mine = variance * shares[i]
            bars[0, i] = mine * market.bar_gap
            bars[3, i] = mine * (1.0 - market.bar_gap)
            volume[i] = busy * shares[i]
        if s > 0 and gaps[s - 1] > 0.0:
            i = offsets[s] - row
            bars[3, i] += bars[0, i]
            bars[0, i] = vols[s - 1] * vols[s - 1] * gaps[s - 1]


@njit(cache=True, forceinline=True)
def _pushes(market, s, directions, vols, gaps):  # type: ignore[no-untyped-def]
    """What the edge adds in session `s`: ticks and return of the gap before it, ticks and return of its own steps."""
    now = directions[s]
    if market.kind == OVERNIGHT:
        if s == 0:
            return 0.0, 0.0, 0.0, 0.0
        return 2.0 * market.cost_ticks, market.edge * np.sqrt(gaps[s - 1]) * vols[s - 1], 0.0, 0.0
    step_return = (now * market.edge * vols[s] + market.drift) * (1.0 - gaps[s])
    if s == 0:
        return 0.0, 0.0, now * _sides(market.kind, 0, now) * market.cost_ticks, step_return
    before = directions[s - 1]
    gap_return = (before * market.edge * vols[s - 1] + market.drift) * gaps[s - 1]
    return 0.0, gap_return, now * _sides(market.kind, before, now) * market.cost_ticks, step_return


@njit(cache=True, nogil=True)
def simulate(market, first, last, offsets, vols, gaps, shares, closes, directions, memory, bars, volume):  # type: ignore[no-untyped-def]
    """Make the bars of the sessions `first` to `last` (exclusive), and their closes and directions.

    Parameters
    ----------
    offsets : (s + 1,) int64
        Number of each session's first bar in the whole series, and of all bars.
    vols, gaps : (s,) float64
        `session_vols`; share of the session's variance that falls between its close and the next open.
    shares : (n,) float64
        Of `lay_out`, for the bars of these sessions.
    closes, directions : (s,) float64, (s + 1,) int8
        Session closes in ticks, and what the edge's rule holds from the session's first open to the next session's.
        Read before `first`, written from it on.
    memory : (2,) int64
        State of the mean-reversion rule, (0, 1) at the start; carried from block to block.
    bars, volume : (4, n) and (n,) float64
        Open, high, low, close; units. Written.

    Returns
    -------
    int
        -1, or the session in which the price fell below `TICKS_MIN`.
    """
    row = offsets[first]
    per_block = max(1, _BLOCK_BARS // max(1, offsets[1] - offsets[0]))
    tick = (market.tick_numerator, market.tick_denominator)
    price = closes[first - 1] if first > 0 else market.start_ticks
    s = first
    while s < last:
        anchor = (s // per_block) * per_block
        stop = min(anchor + per_block, last)
        _prepare(market, s, stop, offsets, row, vols, gaps, shares, bars, volume)
        ticks = closes[anchor - 1] if anchor > 0 else market.start_ticks
        a, b = offsets[s] - row, offsets[stop] - row
        _draw(market, offsets[s], ticks, bars[0, a:b], bars[3, a:b], bars[1, a:b], bars[2, a:b], volume[a:b])
        while s < stop:
            columns = (offsets[s] - row, offsets[s + 1] - row)
            pushes = _pushes(market, s, directions, vols, gaps)
            price = _walk(market.key_paths, tick, price, row, bars, columns, shares, pushes)
            closes[s] = price
            if price < TICKS_MIN:
                return s
            if market.kind == TREND:
                directions[s + 1] = _trend_direction(market, closes, s, directions[s])
            elif market.kind == MEAN_REVERSION:
                directions[s + 1] = _reversion_direction(market, closes, s, directions[s], memory)
            s += 1
    return -1


share_compiled(globals(), makes_arrays=True)
