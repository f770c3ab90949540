"""Price features, from the words of their declarations: averages, oscillators, channels."""

from __future__ import annotations

import math

import numpy as np

from argus.core.arrays import F64_1D
from tests.features.oracles.trend import TREND
from tests.features.oracles.windows import (
    Columns,
    Oracle,
    Parameters,
    deviation,
    each,
    earlier,
    ema,
    empty,
    log_rise,
    mean,
    over,
    ratio,
    rise,
    share,
    skipping,
    sma,
    squares,
    total,
    true_range,
    typical,
    whole,
    wilder,
    wma,
)


def hull(x: F64_1D, n: int) -> F64_1D:
    return wma(2.0 * wma(x, n // 2) - wma(x, n), math.isqrt(n))


def kama(x: F64_1D, p: Parameters) -> F64_1D:
    n = whole(p, "n")
    fast, slow = 2.0 / (whole(p, "fast") + 1), 2.0 / (whole(p, "slow") + 1)
    found = empty(len(x))
    k = math.nan
    for t in range(n, len(x)):
        window = x[t - n : t + 1]
        if np.isnan(window).any():
            continue
        if math.isnan(k):
            k = x[t - 1]
        way = total(abs(np.diff(window)))
        efficiency = abs(window[-1] - window[0]) / way if way > 0.0 else 1.0
        c = efficiency * (fast - slow) + slow
        k += c * c * (x[t] - k)
        found[t] = k
    return found


def distance(x: F64_1D, average: F64_1D) -> F64_1D:
    return each(lambda a, b: share(a, b) - 1.0, x, average)


def macd(x: F64_1D, p: Parameters) -> F64_1D:
    return ema(x, whole(p, "fast")) - ema(x, whole(p, "slow"))


def ppo(x: F64_1D, p: Parameters) -> F64_1D:
    return 100.0 * distance(ema(x, whole(p, "fast")), ema(x, whole(p, "slow")))


def trix(x: F64_1D, span: int) -> F64_1D:
    e = ema(ema(ema(x, span), span), span)
    return each(lambda now, last: 100.0 * (now / last - 1.0) if min(now, last) > 0.0 else math.nan, e, earlier(e, 1))


def coppock(x: F64_1D, p: Parameters) -> F64_1D:
    return wma(100.0 * rise(x, whole(p, "short")) + 100.0 * rise(x, whole(p, "long")), whole(p, "n"))


def rsi(x: F64_1D, n: int) -> F64_1D:
    change = x - earlier(x, 1)
    up = wilder(each(lambda c: max(c, 0.0), change), n)
    down = wilder(each(lambda c: max(-c, 0.0), change), n)
    return each(lambda u, v: 100.0 * u / (u + v) if u + v > 1e-270 else math.nan, up, down)


def stochastic_rsi(x: F64_1D, p: Parameters) -> F64_1D:
    def value(r: F64_1D) -> float:
        # While the price stands still rises and falls fade alike and the RSI does not move, but for its last bits.
        is_still = r.max() - r.min() <= 1e-9
        return math.nan if is_still else 100.0 * float((r[-1] - r.min()) / (r.max() - r.min()))

    return over(whole(p, "k"), value, rsi(x, whole(p, "n")))


def extremes(c: Columns, n: int) -> tuple[F64_1D, F64_1D]:
    """Highest high and lowest low of the last n rows."""
    return over(n, lambda high: float(high.max()), c["high"]), over(n, lambda low: float(low.min()), c["low"])


def stochastic(c: Columns, n: int) -> F64_1D:
    return each(lambda close, h, lo: 100.0 * ratio(close - lo, h - lo), c["close"], *extremes(c, n))


def williams_r(c: Columns, n: int) -> F64_1D:
    return each(lambda close, h, lo: -100.0 * ratio(h - close, h - lo), c["close"], *extremes(c, n))


def cci(c: Columns, n: int) -> F64_1D:
    def value(p: F64_1D) -> float:
        if (p == p[0]).all():
            return math.nan
        m = mean(p)
        return (p[-1] - m) / (0.015 * total(abs(p - m)) / n)

    return over(n, value, typical(c))


def fisher(c: Columns, n: int) -> F64_1D:
    p = (c["high"] + c["low"]) / 2.0
    place = over(n, lambda last: ratio(float(last[-1] - last.min()), float(last.max() - last.min())), p)

    def path(places: F64_1D) -> F64_1D:
        found = empty(len(places))
        v = f = 0.0
        for i, one in enumerate(places):
            v = 0.66 * (one - 0.5) + 0.67 * v
            if v > 0.99:
                v = 0.999
            elif v < -0.99:
                v = -0.999
            f = math.log((1.0 + v) / (1.0 - v)) / 2.0 + f / 2.0
            found[i] = f
        return found

    return skipping(path, place)


def ultimate_oscillator(c: Columns, p: Parameters) -> F64_1D:
    pressure = each(lambda low, close, last: close - min(low, last), c["low"], c["close"], earlier(c["close"], 1))
    tr = true_range(c)

    def q(name: str) -> F64_1D:
        return over(whole(p, name), lambda a, b: ratio(total(a), total(b)), pressure, tr)

    return 100.0 * (4.0 * q("a") + 2.0 * q("b") + q("c")) / 7.0


def choppiness(c: Columns, n: int) -> F64_1D:
    def value(tr: F64_1D, high: F64_1D, low: F64_1D) -> float:
        way = ratio(total(tr), float(high.max() - low.min()))
        return 100.0 * math.log(max(way, 1.0)) / math.log(n) if not math.isnan(way) else math.nan

    return over(n, value, true_range(c), c["high"], c["low"])


def efficiency_ratio(x: F64_1D, n: int) -> F64_1D:
    return over(n + 1, lambda w: ratio(abs(float(w[-1] - w[0])), total(abs(np.diff(w)))), x)


def mass_index(c: Columns, p: Parameters) -> F64_1D:
    e = ema(c["high"] - c["low"], whole(p, "span"))
    return over(whole(p, "n"), total, each(ratio, e, ema(e, whole(p, "span"))))


def awesome_oscillator(c: Columns, p: Parameters) -> F64_1D:
    middle = (c["high"] + c["low"]) / 2.0
    return sma(middle, whole(p, "fast")) - sma(middle, whole(p, "slow"))


def bollinger_b(x: F64_1D, p: Parameters) -> F64_1D:
    n, k = whole(p, "n"), float(p["k"])

    def value(w: F64_1D) -> float:
        s = math.sqrt(squares(w) / n)
        return ratio(w[-1] - mean(w) + k * s, 2.0 * k * s)

    return over(n, value, x)


def bollinger_width(x: F64_1D, p: Parameters) -> F64_1D:
    n, k = whole(p, "n"), float(p["k"])
    return over(n, lambda w: share(2.0 * k * math.sqrt(squares(w) / n), mean(w)), x)


def donchian(c: Columns, n: int) -> tuple[F64_1D, F64_1D]:
    """Highest high and lowest low of the n rows before."""
    highest, lowest = extremes(c, n)
    return earlier(highest, 1), earlier(lowest, 1)


def keltner(c: Columns, p: Parameters) -> tuple[F64_1D, F64_1D]:
    return ema(c["close"], whole(p, "n")), wilder(true_range(c), whole(p, "atr"))


def keltner_position(c: Columns, p: Parameters) -> F64_1D:
    span = whole(p, "n")
    decay = 1.0 - 2.0 / (span + 1.0)

    def path(x: F64_1D) -> F64_1D:
        # Summed as distances from the newest price: in a long standstill both what is divided and what it is divided
        # by go to nothing together, and a difference of two rounded prices would be all noise.
        found = empty(len(x))
        fading = decay ** np.arange(len(x) - 1.0, -1.0, -1.0)
        for i in range(span - 1, len(x)):
            weights = fading[-i - 1 :]
            found[i] = total(weights * (x[i] - x[: i + 1])) / total(weights)
        return found

    def place(above: float, atr: float, close: float) -> float:
        half = float(p["k"]) * atr
        return above / half if half > 1e-9 * abs(close) else math.nan

    return each(place, skipping(path, c["close"]), keltner(c, p)[1], c["close"])


def keltner_width(c: Columns, p: Parameters) -> F64_1D:
    m, a = keltner(c, p)
    return each(lambda middle, atr: share(2.0 * float(p["k"]) * atr, middle), m, a)


def mid(c: Columns, n: int) -> F64_1D:
    return each(lambda highest, lowest: (highest + lowest) / 2.0, *extremes(c, n))


def cloud(c: Columns, p: Parameters) -> tuple[F64_1D, F64_1D]:
    a = (mid(c, whole(p, "short")) + mid(c, whole(p, "middle"))) / 2.0
    return earlier(a, whole(p, "shift")), earlier(mid(c, whole(p, "long")), whole(p, "shift"))


def cloud_position(c: Columns, p: Parameters) -> F64_1D:
    def value(close: float, a: float, b: float) -> float:
        if close > max(a, b):
            return share(close - max(a, b), close)
        return share(close - min(a, b), close) if close < min(a, b) else share(0.0, close)

    return each(value, c["close"], *cloud(c, p))


AVERAGES: dict[str, Oracle] = {
    "sma": lambda c, p: sma(c["close"], whole(p, "n")),
    "ema": lambda c, p: ema(c["close"], whole(p, "span")),
    "wma": lambda c, p: wma(c["close"], whole(p, "n")),
    "hma": lambda c, p: hull(c["close"], whole(p, "n")),
    "kama": lambda c, p: kama(c["close"], p),
    "log_return": lambda c, p: log_rise(c["close"], earlier(c["close"], whole(p, "n"))),
    "momentum": lambda c, p: rise(earlier(c["close"], whole(p, "skip")), whole(p, "n")),
    "roc": lambda c, p: 100.0 * rise(c["close"], whole(p, "n")),
    "zscore": lambda c, p: over(whole(p, "n"), lambda w: ratio(w[-1] - mean(w), deviation(w)), c["close"]),
    "sma_distance": lambda c, p: distance(c["close"], sma(c["close"], whole(p, "n"))),
    "ema_distance": lambda c, p: distance(c["close"], ema(c["close"], whole(p, "span"))),
    "hma_distance": lambda c, p: distance(c["close"], hull(c["close"], whole(p, "n"))),
    "kama_distance": lambda c, p: distance(c["close"], kama(c["close"], p)),
    "sma_cross": lambda c, p: distance(sma(c["close"], whole(p, "fast")), sma(c["close"], whole(p, "slow"))),
    "macd": lambda c, p: macd(c["close"], p),
    "macd_signal": lambda c, p: ema(macd(c["close"], p), whole(p, "signal")),
    "macd_histogram": lambda c, p: macd(c["close"], p) - ema(macd(c["close"], p), whole(p, "signal")),
    "ppo": lambda c, p: ppo(c["close"], p),
    "ppo_histogram": lambda c, p: ppo(c["close"], p) - ema(ppo(c["close"], p), whole(p, "signal")),
    "trix": lambda c, p: trix(c["close"], whole(p, "span")),
    "dpo": lambda c, p: distance(earlier(c["close"], whole(p, "n") // 2 + 1), sma(c["close"], whole(p, "n"))),
    "coppock": lambda c, p: coppock(c["close"], p),
}

OSCILLATORS: dict[str, Oracle] = {
    "rsi": lambda c, p: rsi(c["close"], whole(p, "n")),
    "stochastic_rsi": lambda c, p: stochastic_rsi(c["close"], p),
    "stochastic_k": lambda c, p: stochastic(c, whole(p, "n")),
    "stochastic_d": lambda c, p: sma(stochastic(c, whole(p, "n")), whole(p, "d")),
    "stochastic_slow_d": lambda c, p: sma(sma(stochastic(c, whole(p, "n")), whole(p, "k")), whole(p, "d")),
    "williams_r": lambda c, p: williams_r(c, whole(p, "n")),
    "cci": lambda c, p: cci(c, whole(p, "n")),
    "fisher": lambda c, p: fisher(c, whole(p, "n")),
    "ultimate_oscillator": ultimate_oscillator,
    "choppiness": lambda c, p: choppiness(c, whole(p, "n")),
    "efficiency_ratio": lambda c, p: efficiency_ratio(c["close"], whole(p, "n")),
    "mass_index": mass_index,
    "awesome_oscillator": awesome_oscillator,
    "bollinger_b": lambda c, p: bollinger_b(c["close"], p),
    "bollinger_width": lambda c, p: bollinger_width(c["close"], p),
}

CHANNELS: dict[str, Oracle] = {
    "donchian_position": lambda c, p: each(
        lambda close, high, low: ratio(close - low, high - low), c["close"], *donchian(c, whole(p, "n"))
    ),
    "donchian_width": lambda c, p: each(
        lambda close, high, low: share(high - low, close), c["close"], *donchian(c, whole(p, "n"))
    ),
    "donchian_high_distance": lambda c, p: each(
        lambda close, high: share(close - high, close), c["close"], donchian(c, whole(p, "n"))[0]
    ),
    "donchian_low_distance": lambda c, p: each(
        lambda close, low: share(close - low, close), c["close"], donchian(c, whole(p, "n"))[1]
    ),
    "keltner_position": keltner_position,
    "keltner_width": keltner_width,
    "tenkan": lambda c, p: mid(c, whole(p, "n")),
    "kijun": lambda c, p: mid(c, whole(p, "n")),
    "senkou_a": lambda c, p: earlier((mid(c, whole(p, "short")) + mid(c, whole(p, "middle"))) / 2.0, whole(p, "shift")),
    "senkou_b": lambda c, p: earlier(mid(c, whole(p, "long")), whole(p, "shift")),
    "tenkan_distance": lambda c, p: each(
        lambda close, a, b: share(a - b, close), c["close"], mid(c, whole(p, "short")), mid(c, whole(p, "middle"))
    ),
    "kijun_distance": lambda c, p: each(
        lambda close, middle: share(close - middle, close), c["close"], mid(c, whole(p, "n"))
    ),
    "cloud_position": cloud_position,
    "cloud_width": lambda c, p: each(lambda close, a, b: share(a - b, close), c["close"], *cloud(c, p)),
}

PRICE: dict[str, Oracle] = {**AVERAGES, **OSCILLATORS, **CHANNELS, **TREND}
