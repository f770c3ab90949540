"""Several clocks seen together, by the declared formulas: each clock is worked out on its own bars, then held."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D
from tests.features.market import Market
from tests.features.oracles.plain import NAN, Closeness, Oracle, blank, on_clock, ratio, sign

Values = Mapping[str, Any]
UPWARDS: Final = ("1d", "1h", "15m", "5m", "bar")


def above_ema(x: F64_1D, span: int) -> F64_1D:
    """x less ema(x, span), the ema sum(d^i x[t-i]) / sum(d^i) over the known values, from the span-th of them on.

    As the mean of the differences x[t] - x[t-i]: its sign is then right also where the ema has come so near to the
    price that rounding hides what lies between them.
    """
    d = 1 - 2 / (span + 1)
    found, weights, past = np.full(len(x), NAN), d ** np.arange(len(x)), np.empty(0)
    for t in range(len(x)):
        if not np.isnan(x[t]):
            past = np.append(x[t], past)
            if len(past) >= span:
                of_past = weights[: len(past)]
                found[t] = (of_past * (x[t] - past)).sum() / of_past.sum()
    return found


def zscore(x: F64_1D, n: int) -> F64_1D:
    found = np.full(len(x), NAN)
    for t in range(n - 1, len(x)):
        window = x[t - n + 1 : t + 1]
        if window.min() != window.max():
            found[t] = (x[t] - window.mean()) / window.std(ddof=1)
    return found


def deviation_of_returns(x: F64_1D, n: int) -> F64_1D:
    found = np.full(len(x), NAN)
    for t in range(n, len(x)):
        window = x[t - n : t + 1]
        found[t] = np.diff(np.log(window)).std(ddof=1)
    return found


def momentum(x: F64_1D, n: int) -> F64_1D:
    deviation, found = deviation_of_returns(x, n), np.full(len(x), NAN)
    for t in range(n, len(x)):
        found[t] = ratio(math.log(x[t] / x[t - n]), math.sqrt(n) * deviation[t])
    return found


def direction(columns: Market, clock: str, n: int) -> F64_1D:
    """sign(close - ema(close, n)) of the last closed bar of a clock."""
    return on_clock(columns, clock, lambda x: np.array([sign(away) for away in above_ema(x, n)]))


def lost_in_rounding(columns: Market, values: Values) -> NDArray[np.bool_]:
    """Rows on which some clock's ema has come so near to the close that only rounding says on which side it is."""

    def is_lost(x: F64_1D) -> F64_1D:
        return np.array(
            [float(abs(away) < 1e-12 * abs(price)) for away, price in zip(above_ema(x, values["n"]), x, strict=True)]
        )

    on_any = np.zeros(len(columns["close"]), dtype=np.bool_)
    for clock in UPWARDS:
        on_any |= on_clock(columns, clock, is_lost) == 1
    return on_any


def trend_alignment(columns: Market, values: Values) -> F64_1D:
    found = blank(columns)
    signs = zip(*(direction(columns, clock, values["n"]) for clock in UPWARDS), strict=True)
    for t, of_row in enumerate(signs):
        found[t] = sum(of_row) / len(UPWARDS)
    return found


def trend_cascade(columns: Market, values: Values) -> F64_1D:
    signs = np.array([direction(columns, clock, values["n"]) for clock in UPWARDS])
    found = blank(columns)
    for t in range(len(found)):
        if not np.isnan(signs[:, t]).any():
            run = 0
            while run < len(UPWARDS) and signs[run, t] == signs[0, t]:
                run += 1
            found[t] = signs[0, t] * run
    return found


def rows_since_turn(columns: Market, values: Values) -> F64_1D:
    now, found = direction(columns, values["slow"], values["n"]), blank(columns)
    last, since = NAN, 0
    for t in range(len(found)):
        if np.isnan(now[t]):
            continue
        if now[t] != last:
            last, since = now[t], t
        found[t] = t - since
    return found


def zscore_divergence(columns: Market, values: Values) -> F64_1D:
    fast, slow = (on_clock(columns, values[clock], lambda x: zscore(x, values["n"])) for clock in ("fast", "slow"))
    return fast - slow


def momentum_divergence(columns: Market, values: Values) -> F64_1D:
    fast, slow = (on_clock(columns, values[clock], lambda x: momentum(x, values["n"])) for clock in ("fast", "slow"))
    return fast - slow


def volatility_cascade(columns: Market, values: Values) -> F64_1D:
    fast, slow = (
        on_clock(columns, values[clock], lambda x: deviation_of_returns(x, values["n"])) for clock in ("fast", "slow")
    )
    return np.array([ratio(a, b) for a, b in zip(fast, slow, strict=True)])


def slow_range_position(columns: Market, values: Values) -> F64_1D:
    n = values["n"]

    def extreme(of_top: bool) -> F64_1D:
        def on_bars(x: F64_1D) -> F64_1D:
            found = np.full(len(x), NAN)
            for t in range(n - 1, len(x)):
                window = x[t - n + 1 : t + 1]
                found[t] = window.max() if of_top else window.min()
            return found

        return on_clock(columns, values["slow"], on_bars)

    high, low = extreme(True), extreme(False)
    return np.array([ratio(c - b, a - b) for c, a, b in zip(columns["close"], high, low, strict=True)])


def pullback(columns: Market, values: Values) -> F64_1D:
    fast = on_clock(columns, values["fast"], lambda x: zscore(x, values["n"]))
    return -direction(columns, values["slow"], values["n"]) * fast


ORACLES: Final[dict[str, Oracle]] = {
    "trend_alignment": trend_alignment,
    "trend_cascade": trend_cascade,
    "rows_since_turn": rows_since_turn,
    "zscore_divergence": zscore_divergence,
    "momentum_divergence": momentum_divergence,
    "volatility_cascade": volatility_cascade,
    "slow_range_position": slow_range_position,
    "pullback": pullback,
}
CLOSENESS: Final[dict[str, Closeness]] = {
    "zscore_divergence": Closeness(1e-6, 1e-6, "a difference of two scores, which may nearly cancel"),
    "momentum_divergence": Closeness(1e-6, 1e-6, "a difference of two scores, which may nearly cancel"),
    "pullback": Closeness(1e-6, 1e-7, "the price may stand on its mean but for the rounding of sums"),
}
