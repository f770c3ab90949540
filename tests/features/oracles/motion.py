"""Motion, flow of orders, changes and how long things last: dynamics, flow, change_point and duration."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from argus.core.arrays import F64_1D
from tests.features.oracles.series import (
    all_equal,
    held,
    held_series,
    log_return,
    logarithm,
    series,
    slope,
    stretches,
)
from tests.features.oracles.windows import (
    Columns,
    Oracle,
    Parameters,
    deviation,
    each,
    earlier,
    empty,
    log_rise,
    mean,
    over,
    ratio,
    squares,
    total,
    whole,
)


def velocity(c: Columns, n: int) -> F64_1D:
    return log_rise(c["close"], earlier(c["close"], n)) / n


def acceleration(c: Columns, n: int) -> F64_1D:
    v = velocity(c, n)
    return (v - earlier(v, n)) / n


def jerk(c: Columns, n: int) -> F64_1D:
    a = acceleration(c, n)
    return (a - earlier(a, n)) / n


def sizes(first: int, last: float) -> list[int]:
    found = [first]
    while 2 * found[-1] <= last:
        found.append(2 * found[-1])
    return found


def line(points: dict[int, float]) -> float:
    """Slope of the logarithms of values on those of sizes."""
    if not all(value > 0.0 for value in points.values()):
        return math.nan
    return slope(np.log(np.array(list(points), dtype=float)), np.log(np.array(list(points.values()))))


def rescaled_range(x: F64_1D) -> float:
    sums = [0.0, *np.cumsum(x - mean(x)).tolist()]
    return (max(sums) - min(sums)) / math.sqrt(squares(x) / len(x))


def hurst_rs(x: F64_1D, p: Parameters) -> float:
    found = {}
    for size in sizes(8, len(x)):
        ranges = [rescaled_range(one) for one in stretches(x, size) if not all_equal(one)]
        found[size] = mean(np.array(ranges)) if ranges else math.nan
    return line(found)


def from_line(y: F64_1D) -> F64_1D:
    """Squared distances from the least-squares line."""
    t = np.arange(float(len(y)))
    return (y - mean(y) - slope(t, y) * (t - mean(t))) ** 2


def dfa(x: F64_1D, p: Parameters) -> float:
    if all_equal(x):
        return math.nan
    profile = np.cumsum(x - mean(x))
    found = {}
    for size in sizes(4, len(x) / 4):
        far = math.sqrt(mean(np.concatenate([from_line(one) for one in stretches(profile, size)])))
        found[size] = far if far > 1e-12 * abs(profile).max() else 0.0
    return line(found)


def higuchi_dimension(x: F64_1D, p: Parameters) -> float:
    n = len(x)
    if all_equal(x):
        return math.nan
    lengths = {}
    for k in range(1, whole(p, "steps") + 1):
        each_start = []
        for m in range(k):
            g = (n - 1 - m) // k
            way = math.fsum(abs(x[m + i * k] - x[m + (i - 1) * k]) for i in range(1, g + 1))
            each_start.append(way * (n - 1) / (g * k * k))
        lengths[k] = math.fsum(each_start) / k
    return -line(lengths)


def katz_dimension(x: F64_1D) -> float:
    way, far = total(abs(np.diff(x))), float(abs(x - x[0]).max())
    if way == 0.0:
        return math.nan
    steps = math.log(len(x) - 1)
    below = steps + math.log(far / way)
    return min(steps / below, 10.0) if below > 0.0 else 10.0


def petrosian_dimension(x: F64_1D) -> float:
    n = len(x)
    sign = np.sign(np.diff(x))
    k = int((sign[1:] * sign[:-1] < 0.0).sum())
    return math.log(n) / (math.log(n) + math.log(n / (n + 0.4 * k)))


def lyapunov(x: F64_1D, p: Parameters) -> float:
    steps = whole(p, "steps")
    points = np.array([x[:-2], x[1:-1], x[2:]])
    apart = np.sqrt(((points[:, :, None] - points[:, None, :]) ** 2).sum(axis=0))
    count = len(x) - 2 - steps
    rows = np.arange(count)
    allowed = (abs(rows[:, None] - rows[None, :]) > 3) & (apart[:count, :count] > 0.0)
    found = np.where(allowed, apart[:count, :count], np.inf)
    equals = found <= found.min(axis=1, keepdims=True) * (1.0 + 1e-9)
    followed = [(i, int(equals[i].argmax())) for i in range(count) if allowed[i].any()]
    seen = [(t, apart[i + t, j + t]) for i, j in followed for t in range(steps + 1) if apart[i + t, j + t] > 0.0]
    if not seen:
        return math.nan
    return slope(np.array([float(t) for t, _ in seen]), np.log([far for _, far in seen]))


def variance_ratio(r: F64_1D, p: Parameters) -> float:
    n, q = len(r), whole(p, "q")
    longer = np.array([total(r[i : i + q]) for i in range(n - q + 1)])
    c = total((longer - q * mean(r)) ** 2) / (q * (n - q + 1) * (1.0 - q / n))
    return ratio(c, squares(r) / (n - 1))


def variance_ratio_score(r: F64_1D, p: Parameters) -> float:
    n, q = len(r), whole(p, "q")
    return (variance_ratio(r, p) - 1.0) / math.sqrt(2 * (2 * q - 1) * (q - 1) / (3 * q * n))


def half_life(change: F64_1D, last: F64_1D) -> float:
    b = slope(last, change)
    # A price that goes from one level to another and rests there has a slope of -1, but for its rounding.
    return -math.log(2.0) / math.log1p(b) if -1.0 + 1e-9 < b < 0.0 else math.nan


def of_returns(value: Callable[[F64_1D, Parameters], float]) -> Oracle:
    return lambda c, p: over(whole(p, "n"), lambda r: value(r, p), log_return(c))


DYNAMICS: dict[str, Oracle] = {
    "velocity": lambda c, p: velocity(c, whole(p, "n")),
    "acceleration": lambda c, p: acceleration(c, whole(p, "n")),
    "jerk": lambda c, p: jerk(c, whole(p, "n")),
    "energy": of_returns(lambda r, p: mean(r**2) / 2.0),
    "hurst_rs": held_series(hurst_rs),
    "dfa": held_series(dfa),
    "higuchi_dimension": lambda c, p: held(
        whole(p, "n"), whole(p, "every"), lambda x: higuchi_dimension(x, p), logarithm(c["close"])
    ),
    "katz_dimension": lambda c, p: over(whole(p, "n"), katz_dimension, logarithm(c["close"])),
    "petrosian_dimension": lambda c, p: over(whole(p, "n"), petrosian_dimension, c["close"]),
    "lyapunov": held_series(lyapunov),
    "variance_ratio": of_returns(variance_ratio),
    "variance_ratio_score": of_returns(variance_ratio_score),
    "half_life": lambda c, p: over(
        whole(p, "n"),
        half_life,
        logarithm(c["close"]) - earlier(logarithm(c["close"]), 1),
        earlier(logarithm(c["close"]), 1),
    ),
}


def buy(c: Columns, m: int) -> F64_1D:
    change = c["close"] - earlier(c["close"], 1)

    def value(last: F64_1D) -> float:
        return math.nan if all_equal(last) else 0.5 * math.erfc(-last[-1] / deviation(last) / math.sqrt(2.0))

    return over(m, value, change)


def signed_volume(c: Columns, p: Parameters) -> F64_1D:
    return c["volume"] * (2.0 * buy(c, whole(p, "m")) - 1.0)


def imbalance(c: Columns, p: Parameters, signed: F64_1D) -> F64_1D:
    return over(whole(p, "n"), lambda a, b: ratio(total(a), total(b)), signed, c["volume"])


def amihud(c: Columns, n: int) -> F64_1D:
    def value(r: float, close: float, volume: float) -> float:
        return abs(r) / (close * volume) if volume > 0.0 else math.nan

    return over(n, mean, each(value, log_return(c), c["close"], c["volume"]))


def roll_spread(now: F64_1D, last: F64_1D) -> float:
    return 2.0 * math.sqrt(max(0.0, -mean((now - mean(now)) * (last - mean(last)))))


def corwin_schultz(high: float, low: float, high_before: float, low_before: float, close_before: float) -> float:
    if min(high, low, high_before, low_before, close_before) <= 0.0:
        return math.nan
    away = max(low - close_before, 0.0) + min(high - close_before, 0.0)
    high, low = high - away, low - away
    b = math.log(high / low) ** 2 + math.log(high_before / low_before) ** 2
    g = math.log(max(high, high_before) / min(low, low_before)) ** 2
    k = 3.0 - 2.0 * math.sqrt(2.0)
    a = max(0.0, (math.sqrt(2.0 * b) - math.sqrt(b)) / k - math.sqrt(g / k))
    return 2.0 * math.expm1(a) / (1.0 + math.exp(a))


def corwin_schultz_spread(c: Columns, n: int) -> F64_1D:
    before = [earlier(c[name], 1) for name in ("high", "low", "close")]
    return over(n, mean, each(corwin_schultz, c["high"], c["low"], *before))


def abdi_ranaldo_spread(c: Columns, n: int) -> F64_1D:
    middle = (logarithm(c["high"]) + logarithm(c["low"])) / 2.0
    close = earlier(logarithm(c["close"]), 1)
    product = (close - earlier(middle, 1)) * (close - middle)
    return over(n, lambda last: 2.0 * math.sqrt(max(0.0, mean(last))), product)


FLOW: dict[str, Oracle] = {
    "bulk_buy_share": lambda c, p: buy(c, whole(p, "m")),
    "order_imbalance": lambda c, p: imbalance(c, p, signed_volume(c, p)),
    "vpin": lambda c, p: imbalance(c, p, abs(signed_volume(c, p))),
    "kyle_lambda": lambda c, p: over(whole(p, "n"), slope, signed_volume(c, p), log_return(c)),
    "amihud": lambda c, p: amihud(c, whole(p, "n")),
    "roll_spread": lambda c, p: over(whole(p, "n"), roll_spread, log_return(c), earlier(log_return(c), 1)),
    "corwin_schultz_spread": lambda c, p: corwin_schultz_spread(c, whole(p, "n")),
    "abdi_ranaldo_spread": lambda c, p: abdi_ranaldo_spread(c, whole(p, "n")),
}


def departures(c: Columns, p: Parameters) -> F64_1D:
    """How far each value is from those before it, in standard deviations."""

    def value(x: F64_1D) -> float:
        past = x[:-1]
        return math.nan if all_equal(past) else (x[-1] - mean(past)) / deviation(past)

    return over(whole(p, "n") + 1, value, series(c, p))


def cusum(c: Columns, p: Parameters) -> tuple[F64_1D, F64_1D, F64_1D]:
    """Sums upwards and downwards, and rows since the last change."""
    z = departures(c, p)
    drift, limit = float(p["drift"]), float(p["limit"])
    found = empty(len(z)), empty(len(z)), empty(len(z))
    up = down = 0.0
    run = 0
    for t in np.flatnonzero(~np.isnan(z)):
        up, down = max(0.0, up + z[t] - drift), max(0.0, down - z[t] - drift)
        is_change = max(up, down) > limit
        run = 0 if is_change else run + 1
        found[0][t], found[1][t], found[2][t] = up, down, run
        if is_change:
            up = down = 0.0
    return found


def page_hinkley(c: Columns, p: Parameters) -> F64_1D:
    z = departures(c, p)
    drift, limit = float(p["drift"]), float(p["limit"])
    found = empty(len(z))
    since: list[float] = []
    u = d = 0.0
    least_u = least_d = 0.0
    for t in np.flatnonzero(~np.isnan(z)):
        since.append(float(z[t]))
        middle = math.fsum(since) / len(since)
        u, d = u + z[t] - middle - drift, d + middle - z[t] - drift
        least_u, least_d = min(least_u, u), min(least_d, d)
        found[t] = max(u - least_u, d - least_d)
        if found[t] > limit:
            since = []
            u = d = least_u = least_d = 0.0
    return found


def mean_shift(x: F64_1D, n: int) -> float:
    before, after = x[:n], x[n:]
    v, u = squares(after) / (n - 1), squares(before) / (n - 1)
    return ratio(mean(after) - mean(before), math.sqrt((v + u) / n))


def deviation_shift(x: F64_1D, n: int) -> float:
    if all_equal(x[:n]) or all_equal(x[n:]):
        return math.nan
    return math.log(deviation(x[n:]) / deviation(x[:n]))


CHANGE_POINT: dict[str, Oracle] = {
    "cusum_up": lambda c, p: cusum(c, p)[0],
    "cusum_down": lambda c, p: cusum(c, p)[1],
    "change_run": lambda c, p: cusum(c, p)[2],
    "page_hinkley": page_hinkley,
    "mean_shift": lambda c, p: over(2 * whole(p, "n"), lambda x: mean_shift(x, whole(p, "n")), series(c, p)),
    "deviation_shift": lambda c, p: over(2 * whole(p, "n"), lambda x: deviation_shift(x, whole(p, "n")), series(c, p)),
}


def runs(state: F64_1D) -> F64_1D:
    """Rows in a row with the same state, this one included; a missing one ends it."""
    found = empty(len(state))
    for t, now in enumerate(state):
        if not math.isnan(now):
            found[t] = found[t - 1] + 1.0 if t and now == state[t - 1] else 1.0
    return found


def return_streak(c: Columns, p: Parameters) -> F64_1D:
    sign = np.sign(c["close"] - earlier(c["close"], 1))
    return sign * runs(sign)


def side(x: F64_1D) -> float:
    """Of the newest value against the mean of all; sums of decimal prices in exact arithmetic."""
    above = len(x) * Fraction(float(x[-1])) - sum(map(Fraction, x.tolist()))
    return float((above > 0) - (above < 0))


def volatility_duration(c: Columns, p: Parameters) -> F64_1D:
    s = over(whole(p, "n"), deviation, log_return(c))
    return runs(over(whole(p, "m"), lambda last: float(last[-1] > (1.0 + 1e-6) * mean(last)), s))


def since_last(x: F64_1D, wanted: float) -> float:
    return float(len(x) - 1 - np.flatnonzero(x == wanted)[-1])


def since_move(moves: F64_1D) -> float:
    return float(len(moves) - 1 - np.flatnonzero(moves >= (1.0 - 1e-9) * moves.max())[-1])


DURATION: dict[str, Oracle] = {
    "return_streak": return_streak,
    "trend_duration": lambda c, p: runs(over(whole(p, "n"), side, c["close"])),
    "volatility_duration": volatility_duration,
    "time_since_high": lambda c, p: over(whole(p, "n"), lambda x: since_last(x, x.max()), c["high"]),
    "time_since_low": lambda c, p: over(whole(p, "n"), lambda x: since_last(x, x.min()), c["low"]),
    "time_since_move": lambda c, p: over(whole(p, "n"), since_move, abs(log_return(c))),
}

MOTION: dict[str, Oracle] = {**DYNAMICS, **FLOW, **CHANGE_POINT, **DURATION}
