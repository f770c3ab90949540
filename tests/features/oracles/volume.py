"""Volume features, from the words of their declarations."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable

import numpy as np

from argus.core.arrays import F64_1D
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
    squares,
    total,
    true_range,
    typical,
    whole,
)


def side(c: Columns) -> F64_1D:
    return each(lambda now, last: float(np.sign(now - last)), c["close"], earlier(c["close"], 1))


def sum_so_far(x: F64_1D) -> F64_1D:
    return skipping(lambda values: np.array([total(values[: i + 1]) for i in range(len(values))]), x)


def shared(n: int, counted: F64_1D, volume: F64_1D) -> F64_1D:
    """Sum of what is counted over the volume, both of the last n rows."""
    return over(n, lambda a, b: ratio(total(a), total(b)), counted, volume)


def up_volume_share(c: Columns, p: Parameters) -> F64_1D:
    def value(s: F64_1D, volume: F64_1D) -> float:
        return ratio(total(volume[s > 0.0]), total(volume[s != 0.0]))

    return over(whole(p, "n"), value, side(c), c["volume"])


def vzo(c: Columns, p: Parameters) -> F64_1D:
    signed = side(c) * c["volume"]
    volume = np.where(np.isnan(signed), np.nan, c["volume"])
    return 100.0 * each(ratio, ema(signed, whole(p, "n")), ema(volume, whole(p, "n")))


def clv(c: Columns) -> F64_1D:
    return each(
        lambda high, low, close: ((close - low) - (high - close)) / (high - low) if high > low else 0.0,
        *(c["high"], c["low"], c["close"]),
    )


def chaikin_oscillator(c: Columns, p: Parameters) -> F64_1D:
    line = sum_so_far(clv(c) * c["volume"])
    return ema(line, whole(p, "fast")) - ema(line, whole(p, "slow"))


def mfi(c: Columns, p: Parameters) -> F64_1D:
    price = typical(c)

    def value(now: F64_1D, last: F64_1D, volume: F64_1D) -> float:
        money = abs(now) * volume
        return 100.0 * ratio(total(money[now > last]), total(money[now != last]))

    return over(whole(p, "n"), value, price, earlier(price, 1), c["volume"])


def ease_of_movement(c: Columns, p: Parameters) -> F64_1D:
    middle = (c["high"] + c["low"]) / 2.0
    ease = each(
        lambda m, last, high, low, volume: (m - last) * (high - low) / volume if volume > 0.0 else 0.0,
        *(middle, earlier(middle, 1), c["high"], c["low"], c["volume"]),
    )
    return over(whole(p, "n"), mean, ease)


def index(c: Columns, sign: float) -> F64_1D:
    """An index that moves as the price does, in rows whose volume rose (or fell, if the sign is negative)."""
    found = empty(len(c["close"]))
    value = 1000.0
    moves = 1.0 + rise(c["close"])
    grown = sign * (c["volume"] - earlier(c["volume"], 1))
    for t in range(len(found)):
        if grown[t] > 0.0 and not math.isnan(moves[t]):
            value *= moves[t]
        if not math.isnan(c["close"][t] + c["volume"][t]):
            found[t] = value
    return found


def index_distance(c: Columns, p: Parameters, sign: float) -> F64_1D:
    line = index(c, sign)
    return each(ratio, line, ema(line, whole(p, "n"))) - 1.0


def relative_volume(c: Columns, p: Parameters) -> F64_1D:
    sessions = whole(p, "sessions")
    found = empty(len(c["volume"]))
    means: dict[int, list[float]] = defaultdict(list)
    current: dict[int, list[float]] = defaultdict(list)
    for t, volume in enumerate(c["volume"]):
        if t > 0 and c["session"][t] != c["session"][t - 1]:
            for slot, volumes in current.items():
                means[slot].append(mean(np.array(volumes)))
            current = defaultdict(list)
        if math.isnan(volume):
            continue
        slot = int((c["start_s"][t] - c["session_open_s"][t]) // (60.0 * whole(p, "minutes")))
        past = means[slot]
        current[slot].append(volume)
        if len(past) < min(5, sessions):
            continue
        usual = mean(np.array(past[:sessions]))
        for x in past[sessions:]:
            usual += (x - usual) / sessions
        found[t] = ratio(volume, usual)
    return found


def correlation(a: F64_1D, b: F64_1D) -> float:
    scale = math.sqrt(squares(a) * squares(b))
    return ratio(total((a - mean(a)) * (b - mean(b))), scale)


def in_session(c: Columns, price: F64_1D, value: Callable[[F64_1D, F64_1D, float], float]) -> F64_1D:
    """`value` of the prices and volumes of the session so far, and the close; rows without either are skipped."""
    found = empty(len(price))
    rows: list[int] = []
    for t in range(len(found)):
        if t > 0 and c["session"][t] != c["session"][t - 1]:
            rows = []
        if not math.isnan(price[t] + c["volume"][t]):
            rows.append(t)
            found[t] = value(price[rows], c["volume"][rows], float(c["close"][t]))
    return found


def average_price(p: F64_1D, volume: F64_1D) -> float:
    return ratio(total(p * volume), total(volume))


def from_average(p: F64_1D, volume: F64_1D, close: float) -> float:
    """Distance of the close from the average price, in deviations of the volume about it."""
    traded = p[volume > 0.0]
    if len(traded) == 0 or (traded == traded[0]).all():
        return math.nan
    v = average_price(p, volume)
    return (close - v) / math.sqrt(total(volume * (p - v) ** 2) / total(volume))


def profile(p: F64_1D, volume: F64_1D, parameters: Parameters) -> tuple[float, float, float] | None:
    """Logs of the point of control and of the value area's edges."""
    width = float(parameters["bin"]) / 10_000.0
    bins: dict[int, float] = defaultdict(float)
    for place, units in zip(np.floor(np.log(p) / width).tolist(), volume.tolist(), strict=True):
        if units > 0.0:
            bins[int(place)] += units
    if not bins:
        return None
    least = float(parameters["share"]) * math.fsum(bins.values())
    lowest, highest = min(bins), max(bins)
    if highest - lowest >= 512:
        return None
    most = max(bins.values())
    low = high = poc = min(b for b in bins if bins[b] == most)
    held = most
    while held < least and (low > lowest or high < highest):
        below = bins.get(low - 1, 0.0) if low > lowest else -1.0
        above = bins.get(high + 1, 0.0) if high < highest else -1.0
        if below >= above:
            low, held = low - 1, held + below
        else:
            high, held = high + 1, held + above
    return (poc + 0.5) * width, low * width, (high + 1) * width


def positive(x: F64_1D) -> F64_1D:
    """Prices that have a logarithm; the others are missing."""
    return np.where(x > 0.0, x, np.nan)


def log(price: float) -> float:
    return math.log(price) if price > 0.0 else math.nan


def session_profile(which: int) -> Oracle:
    def oracle(c: Columns, p: Parameters) -> F64_1D:
        def value(prices: F64_1D, volume: F64_1D, close: float) -> float:
            found = profile(prices, volume, p)
            return math.nan if found is None else log(close) - found[which]

        return in_session(c, positive(typical(c)), value)

    return oracle


def rolling_profile(which: int) -> Oracle:
    def oracle(c: Columns, p: Parameters) -> F64_1D:
        def value(prices: F64_1D, volume: F64_1D, close: F64_1D) -> float:
            found = profile(prices, volume, p)
            return math.nan if found is None else log(float(close[-1])) - found[which]

        return over(whole(p, "n"), value, positive(typical(c)), np.nan_to_num(c["volume"]), c["close"])

    return oracle


def turned(c: Columns) -> F64_1D:
    """What a price change moved: the return of the row times its volume."""
    return rise(c["close"]) * c["volume"]


RUNNING: dict[str, Oracle] = {
    "obv": lambda c, p: sum_so_far(side(c) * c["volume"]),
    "obv_share": lambda c, p: shared(whole(p, "n"), side(c) * c["volume"], c["volume"]),
    "up_volume_share": up_volume_share,
    "vzo": vzo,
    "clv": lambda c, p: clv(c),
    "ad_line": lambda c, p: sum_so_far(clv(c) * c["volume"]),
    "cmf": lambda c, p: shared(whole(p, "n"), clv(c) * c["volume"], c["volume"]),
    "chaikin_oscillator": chaikin_oscillator,
    "mfi": mfi,
    "force_index": lambda c, p: ema((c["close"] - earlier(c["close"], 1)) * c["volume"], whole(p, "n")),
    "ease_of_movement": ease_of_movement,
    "price_volume_trend": lambda c, p: sum_so_far(turned(c)),
    "volume_weighted_return": lambda c, p: shared(whole(p, "n"), turned(c), c["volume"]),
    "nvi": lambda c, p: index(c, -1.0),
    "pvi": lambda c, p: index(c, 1.0),
    "nvi_distance": lambda c, p: index_distance(c, p, -1.0),
    "pvi_distance": lambda c, p: index_distance(c, p, 1.0),
    "volume_ratio": lambda c, p: over(whole(p, "n"), lambda v: ratio(v[-1], mean(v)), c["volume"]),
    "volume_z": lambda c, p: over(whole(p, "n"), lambda v: ratio(v[-1] - mean(v), deviation(v)), c["volume"]),
    "pvo": lambda c, p: (
        100.0 * (each(ratio, ema(c["volume"], whole(p, "fast")), ema(c["volume"], whole(p, "slow"))) - 1.0)
    ),
    "relative_volume": relative_volume,
    "volume_return_correlation": lambda c, p: over(
        whole(p, "n"), correlation, log_rise(c["close"], earlier(c["close"], 1)), c["volume"]
    ),
    "volume_range_correlation": lambda c, p: over(whole(p, "n"), correlation, true_range(c), c["volume"]),
}

BY_PRICE: dict[str, Oracle] = {
    "turnover": lambda c, p: over(whole(p, "n"), mean, c["close"] * c["volume"]),
    "session_volume": lambda c, p: in_session(c, typical(c), lambda _, v, close: total(v) if v.any() else math.nan),
    "session_vwap": lambda c, p: in_session(c, typical(c), lambda price, v, close: average_price(price, v)),
    "session_vwap_distance": lambda c, p: in_session(
        c, typical(c), lambda price, v, close: share(close, average_price(price, v)) - 1.0
    ),
    "session_vwap_z": lambda c, p: in_session(c, typical(c), from_average),
    "vwap": lambda c, p: over(whole(p, "n"), average_price, typical(c), c["volume"]),
    "vwap_distance": lambda c, p: over(
        whole(p, "n"),
        lambda price, v, close: share(close[-1], average_price(price, v)) - 1.0,
        *(typical(c), c["volume"], c["close"]),
    ),
    "vwap_z": lambda c, p: over(
        whole(p, "n"), lambda price, v, close: from_average(price, v, close[-1]), typical(c), c["volume"], c["close"]
    ),
    "poc_distance": session_profile(0),
    "value_area_low_distance": session_profile(1),
    "value_area_high_distance": session_profile(2),
    "rolling_poc_distance": rolling_profile(0),
    "rolling_value_area_low_distance": rolling_profile(1),
    "rolling_value_area_high_distance": rolling_profile(2),
}

VOLUME: dict[str, Oracle] = {**RUNNING, **BY_PRICE}
