"""Volatility features, from the words of their declarations."""

from __future__ import annotations

import math

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
    whole,
    wilder,
)


def log_returns(c: Columns) -> F64_1D:
    return log_rise(c["close"], earlier(c["close"], 1))


def yearly(p: Parameters, variance: float) -> float:
    return math.sqrt(float(p["bars_per_year"]) * variance)


def neighbours(r: F64_1D) -> float:
    return total(abs(r[1:]) * abs(r[:-1]))


def logs(c: Columns) -> tuple[F64_1D, F64_1D, F64_1D, F64_1D]:
    """ln(high / open), ln(low / open), ln(close / open) and the log of the step from the last close to the open."""
    prices = np.array([c["open"], c["high"], c["low"], c["close"]])
    is_sound = (prices > 0.0).all(axis=0)
    o, h, lo, cl = (np.where(is_sound, row, np.nan) for row in prices)
    return np.log(h / o), np.log(lo / o), np.log(cl / o), log_rise(c["open"], earlier(c["close"], 1))


def ewma_vol(c: Columns, p: Parameters) -> F64_1D:
    com = float(p["com"])
    decay = com / (1.0 + com)

    def path(r: F64_1D) -> F64_1D:
        found = empty(len(r))
        fading = decay ** np.arange(len(r) - 1.0, -1.0, -1.0)
        for i in range(len(r)):
            if i + 1 < com:
                continue
            weights = fading[-i - 1 :]
            m = total(weights * r[: i + 1]) / total(weights)
            found[i] = yearly(p, total(weights * (r[: i + 1] - m) ** 2) / total(weights))
        return found

    return skipping(path, rise(c["close"]))


def range_over_atr(c: Columns, p: Parameters) -> F64_1D:
    usual = earlier(wilder(true_range(c), whole(p, "n")), 1)
    return each(lambda high, low, atr: ratio(high - low, atr), c["high"], c["low"], usual)


def parkinson(c: Columns, p: Parameters) -> F64_1D:
    # The open is not in the formula, but a bar without one is left out.
    spread = each(
        lambda o, h, lo: math.log(h / lo) if min(o, h, lo) > 0.0 else math.nan, c["open"], c["high"], c["low"]
    )
    return over(whole(p, "n"), lambda last: yearly(p, mean(last**2) / (4.0 * math.log(2.0))), spread)


def garman_klass(c: Columns, p: Parameters) -> F64_1D:
    h, lo, cl, _ = logs(c)
    return over(
        whole(p, "n"),
        lambda a, b, d: yearly(p, mean(0.5 * (a - b) ** 2 - (2.0 * math.log(2.0) - 1.0) * d**2)),
        *(h, lo, cl),
    )


def rogers_satchell_term(c: Columns) -> F64_1D:
    h, lo, cl, _ = logs(c)
    return h * (h - cl) + lo * (lo - cl)


def yang_zhang(c: Columns, p: Parameters) -> F64_1D:
    n = whole(p, "n")
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    _, _, body, gap = logs(c)

    def value(g: F64_1D, b: F64_1D, term: F64_1D) -> float:
        return yearly(p, squares(g) / (n - 1) + k * squares(b) / (n - 1) + (1.0 - k) * mean(term))

    return over(n, value, gap, body, rogers_satchell_term(c))


def scatter(c: Columns, n: int) -> F64_1D:
    """Sample standard deviation of the last n log returns."""
    return over(n, deviation, log_returns(c))


def vol_percentile(c: Columns, p: Parameters) -> F64_1D:
    past = whole(p, "past")

    def value(v: F64_1D) -> float:
        others = v[:-1]
        # Two windows of the same returns in another order have the same deviation, whatever rounding makes of it.
        same = np.isclose(others, v[-1], rtol=1e-9, atol=0.0)
        return float((others < v[-1])[~same].sum() + same.sum() / 2.0) / (past - 1)

    return over(past, value, scatter(c, whole(p, "n")))


def vol_regime(c: Columns, p: Parameters) -> F64_1D:
    return each(
        lambda rank: 0.0 if rank < float(p["calm"]) else 2.0 if rank > float(p["wild"]) else 1.0, vol_percentile(c, p)
    )


def garch_vol(c: Columns, p: Parameters) -> F64_1D:
    alpha, persistence = float(p["alpha"]), float(p["persistence"])

    def path(squared: F64_1D) -> F64_1D:
        found = empty(len(squared))
        s = math.nan
        for i, q in enumerate(ema(squared, whole(p, "span"))):
            if math.isnan(q):
                continue
            s = q if math.isnan(s) else (1.0 - persistence) * q + alpha * squared[i] + (persistence - alpha) * s
            found[i] = yearly(p, s)
        return found

    return skipping(path, log_returns(c) ** 2)


def jump_share(c: Columns, p: Parameters) -> F64_1D:
    n = whole(p, "n")
    return over(
        n,
        lambda r: (
            max(0.0, 1.0 - math.pi / 2.0 * n / (n - 1) * ratio(neighbours(r), total(r * r))) if r.any() else math.nan
        ),
        log_returns(c),
    )


def of_returns(value: str) -> Oracle:
    """A mean square of the last n returns: all of them, the rises or the falls."""
    kept = {"all": lambda r: r, "rises": lambda r: np.maximum(r, 0.0), "falls": lambda r: np.minimum(r, 0.0)}[value]
    return lambda c, p: over(whole(p, "n"), lambda r: yearly(p, mean(kept(r) ** 2)), log_returns(c))


VOLATILITY: dict[str, Oracle] = {
    "ewma_vol": ewma_vol,
    "std": lambda c, p: over(whole(p, "n"), deviation, c["close"]),
    "true_range": lambda c, p: true_range(c),
    "atr": lambda c, p: wilder(true_range(c), whole(p, "n")),
    "natr": lambda c, p: 100.0 * each(share, wilder(true_range(c), whole(p, "n")), c["close"]),
    "range_over_atr": range_over_atr,
    "range_variation": lambda c, p: over(whole(p, "n"), lambda tr: ratio(deviation(tr), mean(tr)), true_range(c)),
    "close_to_close_vol": lambda c, p: over(
        whole(p, "n"), lambda r: yearly(p, squares(r) / (len(r) - 1)), log_returns(c)
    ),
    "realized_vol": of_returns("all"),
    "upside_vol": of_returns("rises"),
    "downside_vol": of_returns("falls"),
    "upside_variance_share": lambda c, p: over(
        whole(p, "n"), lambda r: ratio(total(np.maximum(r, 0.0) ** 2), total(r * r)), log_returns(c)
    ),
    "bipower_vol": lambda c, p: over(
        whole(p, "n"), lambda r: yearly(p, math.pi / 2.0 * neighbours(r) / (len(r) - 1)), log_returns(c)
    ),
    "jump_share": jump_share,
    "parkinson_vol": parkinson,
    "garman_klass_vol": garman_klass,
    "rogers_satchell_vol": lambda c, p: over(
        whole(p, "n"), lambda term: yearly(p, mean(term)), rogers_satchell_term(c)
    ),
    "yang_zhang_vol": yang_zhang,
    "gap_vol": lambda c, p: over(whole(p, "n"), lambda g: yearly(p, squares(g) / (len(g) - 1)), logs(c)[3]),
    "vol_of_vol": lambda c, p: over(
        whole(p, "over"), lambda v: ratio(deviation(v), mean(v)), scatter(c, whole(p, "n"))
    ),
    "vol_ratio": lambda c, p: each(ratio, scatter(c, whole(p, "fast")), scatter(c, whole(p, "slow"))),
    "vol_percentile": vol_percentile,
    "vol_regime": vol_regime,
    "garch_vol": garch_vol,
}
