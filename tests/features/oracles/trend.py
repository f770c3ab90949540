"""Price features that say where the market goes, from the words of their declarations: movement, stops, lines."""

from __future__ import annotations

import math

import numpy as np

from argus.core.arrays import F64_1D
from tests.features.oracles.windows import (
    Columns,
    Oracle,
    Parameters,
    each,
    earlier,
    empty,
    mean,
    over,
    ratio,
    share,
    squares,
    total,
    true_range,
    whole,
    wilder,
)


def rows_since(x: F64_1D, n: int, sign: float) -> F64_1D:
    """Rows since the highest (lowest, if the sign is negative) of the last n + 1 values, the latest of equals."""
    return over(n + 1, lambda w: float(np.argmax(sign * w[::-1])), x)


def aroon(c: Columns, n: int) -> tuple[F64_1D, F64_1D]:
    up = 100.0 * (n - rows_since(c["high"], n, 1.0)) / n
    return up, 100.0 * (n - rows_since(c["low"], n, -1.0)) / n


def movement(c: Columns, n: int) -> tuple[F64_1D, F64_1D, F64_1D]:
    """+DI, -DI and DX."""

    def running(x: F64_1D) -> F64_1D:
        found = empty(len(x))
        s = total(x[: n - 1])
        for i in range(n - 1, len(x)):
            s = s - s / n + x[i]
            found[i] = s
        return found

    def path(high: F64_1D, low: F64_1D, high_before: F64_1D, low_before: F64_1D, last: F64_1D) -> F64_1D:
        up, down = high - high_before, low_before - low
        plus = np.where((up > down) & (up > 0.0), up, 0.0)
        minus = np.where((down > up) & (down > 0.0), down, 0.0)
        tr = np.maximum(high, last) - np.minimum(low, last)
        return np.array([running(plus), running(minus), running(tr)]).T

    columns = (c["high"], c["low"], earlier(c["high"], 1), earlier(c["low"], 1), earlier(c["close"], 1))
    present = ~np.isnan(np.array(columns)).any(axis=0)
    sums = np.full((len(present), 3), np.nan)
    sums[present] = path(*(column[present] for column in columns))
    plus_di = each(lambda s, tr: 100.0 * ratio(s, tr), sums[:, 0], sums[:, 2])
    minus_di = each(lambda s, tr: 100.0 * ratio(s, tr), sums[:, 1], sums[:, 2])
    dx = each(lambda a, b: 100.0 * ratio(abs(a - b), a + b), plus_di, minus_di)
    return plus_di, minus_di, dx


def parabolic(c: Columns, p: Parameters) -> tuple[F64_1D, F64_1D]:
    """The stop that counts for each row, and the side held after it."""
    step, most = float(p["step"]), float(p["most"])

    def path(high: F64_1D, low: F64_1D) -> F64_1D:
        found = np.full((len(high), 2), np.nan)
        if len(high) < 2:
            return found
        fell, rose = low[0] - low[1], high[1] - high[0]
        side = -1.0 if fell > 0.0 and fell > rose else 1.0
        stop, extreme = (low[0], high[1]) if side > 0.0 else (high[0], low[1])
        a = step
        for t in range(1, len(high)):
            before = max(t - 1, 1)
            # The furthest prices that the row and the one before reached against a rise, and against a fall.
            lows, highs = min(low[t], low[before]), max(high[t], high[before])
            if side > 0.0 and low[t] <= stop:
                side, stop, a = -1.0, max(extreme, highs), step
                found[t] = stop, side
                extreme = low[t]
            elif side < 0.0 and high[t] >= stop:
                side, stop, a = 1.0, min(extreme, lows), step
                found[t] = stop, side
                extreme = high[t]
            else:
                found[t] = stop, side
                if side * (high[t] if side > 0.0 else low[t]) > side * extreme:
                    extreme, a = (high[t] if side > 0.0 else low[t]), min(a + step, most)
            stop += a * (extreme - stop)
            stop = min(stop, lows) if side > 0.0 else max(stop, highs)
        return found

    present = ~np.isnan(np.array([c["high"], c["low"]])).any(axis=0)
    both = np.full((len(present), 2), np.nan)
    both[present] = path(c["high"][present], c["low"][present])
    return both[:, 0], both[:, 1]


def slope(w: F64_1D) -> float:
    n = len(w)
    if (w == w[0]).all():
        return 0.0
    return 12.0 * total((np.arange(n) - (n - 1) / 2.0) * (w - mean(w))) / (n * (n * n - 1.0))


def explained(w: F64_1D) -> float:
    """Sum of squares that the line takes up."""
    n = len(w)
    return slope(w) ** 2 * n * (n * n - 1.0) / 12.0


def residual(w: F64_1D) -> float:
    n, whole_sum = len(w), squares(w)
    b, m = slope(w), mean(w)
    left = total((w - m - b * (np.arange(n) - (n - 1) / 2.0)) ** 2)
    if left <= 1e-12 * whole_sum:
        return math.nan
    return (w[-1] - m - b * (n - 1) / 2.0) / math.sqrt(left / (n - 2))


def vortex(c: Columns, n: int) -> tuple[F64_1D, F64_1D]:
    up, down = abs(c["high"] - earlier(c["low"], 1)), abs(c["low"] - earlier(c["high"], 1))
    plus = over(n, lambda a, b: ratio(total(a), total(b)), up, true_range(c))
    minus = over(n, lambda a, b: ratio(total(a), total(b)), down, true_range(c))
    return plus, minus


def kalman(x: F64_1D, p: Parameters) -> tuple[F64_1D, F64_1D]:
    """Slope, and distance of the log price from the level."""

    def path(y: F64_1D) -> F64_1D:
        found = np.full((len(y), 2), np.nan)
        level, s, pp, q, r = 0.0, 0.0, 1.0, 0.0, 1.0
        for i, one in enumerate(y):
            if i == 0:
                level = one
            else:
                level += s
                pp += 2.0 * q + r + float(p["level"])
                q += r
                r += float(p["slope"])
                g, h = pp / (pp + 1.0), q / (pp + 1.0)
                e = one - level
                level += g * e
                s += h * e
                r -= h * q
                pp *= 1.0 - g
                q *= 1.0 - g
            if i + 1 >= whole(p, "n"):
                found[i] = s, one - level
        return found

    logs = each(lambda one: math.log(one) if one > 0.0 else math.nan, x)
    both = np.full((len(x), 2), np.nan)
    present = ~np.isnan(logs)
    both[present] = path(logs[present])
    return both[:, 0], both[:, 1]


TREND: dict[str, Oracle] = {
    "aroon_up": lambda c, p: aroon(c, whole(p, "n"))[0],
    "aroon_down": lambda c, p: aroon(c, whole(p, "n"))[1],
    "aroon_oscillator": lambda c, p: aroon(c, whole(p, "n"))[0] - aroon(c, whole(p, "n"))[1],
    "plus_di": lambda c, p: movement(c, whole(p, "n"))[0],
    "minus_di": lambda c, p: movement(c, whole(p, "n"))[1],
    "dx": lambda c, p: movement(c, whole(p, "n"))[2],
    "adx": lambda c, p: wilder(movement(c, whole(p, "n"))[2], whole(p, "n")),
    "sar": lambda c, p: parabolic(c, p)[0],
    "sar_distance": lambda c, p: each(lambda close, stop: share(close - stop, close), c["close"], parabolic(c, p)[0]),
    "sar_side": lambda c, p: parabolic(c, p)[1],
    "linreg": lambda c, p: over(whole(p, "n"), lambda w: mean(w) + slope(w) * (len(w) - 1) / 2.0, c["close"]),
    "linear_slope": lambda c, p: over(whole(p, "n"), lambda w: share(slope(w), w[-1]), c["close"]),
    "linear_r2": lambda c, p: over(whole(p, "n"), lambda w: ratio(explained(w), squares(w)), c["close"]),
    "linear_residual": lambda c, p: over(whole(p, "n"), residual, c["close"]),
    "vortex_plus": lambda c, p: vortex(c, whole(p, "n"))[0],
    "vortex_minus": lambda c, p: vortex(c, whole(p, "n"))[1],
    "vortex": lambda c, p: vortex(c, whole(p, "n"))[0] - vortex(c, whole(p, "n"))[1],
    "kalman_slope": lambda c, p: kalman(c["close"], p)[0],
    "kalman_distance": lambda c, p: kalman(c["close"], p)[1],
}
