"""Cross-asset features in plain NumPy, written from the texts of their declarations by somebody who had not read code.

Windows are laid side by side as the rows of a matrix, and every row is worked out anew from its own window. A price
that is not above zero has no logarithm, and so no return.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from argus.core.arrays import F64_1D
from tests.features.oracles.windows import Columns, Oracle, Parameters, earlier, empty, whole

Windows = NDArray[np.float64]
"""One window a row."""

YEAR_S: Final = 31_557_600.0

SECTORS: Final = (
    *("energy", "financials", "industrials", "technology"),
    *("staples", "utilities", "health_care", "discretionary"),
)
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "sectors": SECTORS,
    "assets": ("equity", "bonds_10y", "euro", "gold", "silver", "oil", "gas", "bitcoin"),
    "indices": ("equity", "nasdaq", "small_caps", "dow"),
}
APPETITE: Final = (
    ("equity", "bonds_10y"),
    ("small_caps", "equity"),
    ("high_yield", "bonds_10y"),
    ("discretionary", "staples"),
    ("oil", "gold"),
    ("aussie", "yen"),
)


def close(c: Columns, role: object) -> F64_1D:
    return c[f"close@{role}"]


def windows(x: F64_1D, n: int) -> Windows:
    """Row t holds x[t-n+1..t]; what lies before the first row is missing."""
    return sliding_window_view(np.concatenate((np.full(n - 1, np.nan), x)), n)


def growth(x: F64_1D, n: int) -> F64_1D:
    """ln(x[t] / x[t-n])."""
    above = np.where(x > 0.0, x, np.nan)
    return np.log(above / earlier(above, n))


def quotient(above: F64_1D, below: F64_1D) -> F64_1D:
    """No value where there is nothing to divide by."""
    return above / np.where(below != 0.0, below, np.nan)


def from_mean(w: Windows) -> Windows:
    """Distances from the mean of each window; exactly zero where all its values are equal."""
    far = w - w.mean(axis=1, keepdims=True)
    are_equal = w.min(axis=1) == w.max(axis=1)
    return np.where(are_equal[:, None], 0.0, far)


def deviation(x: F64_1D, n: int) -> F64_1D:
    return np.sqrt((from_mean(windows(x, n)) ** 2).sum(axis=1) / (n - 1))


def zscore(x: F64_1D, n: int, least: float = 0.0) -> F64_1D:
    s = deviation(x, n)
    return from_mean(windows(x, n))[:, -1] / np.where(s > least, s, np.nan)


def correlation(a: F64_1D, b: F64_1D, n: int) -> F64_1D:
    da, db = from_mean(windows(a, n)), from_mean(windows(b, n))
    size = np.sqrt((da * da).sum(axis=1)) * np.sqrt((db * db).sum(axis=1))
    return quotient((da * db).sum(axis=1), size)


def trend(x: F64_1D, n: int) -> F64_1D:
    return quotient(growth(x, n), deviation(growth(x, 1), n) * math.sqrt(n))


def member_return(c: Columns, p: Parameters) -> F64_1D:
    return growth(close(c, p["a"]), whole(p, "n"))


def member_zscore(c: Columns, p: Parameters) -> F64_1D:
    return zscore(close(c, p["a"]), whole(p, "n"))


def member_trend(c: Columns, p: Parameters) -> F64_1D:
    return trend(close(c, p["a"]), whole(p, "n"))


def member_volatility(c: Columns, p: Parameters) -> F64_1D:
    return deviation(growth(close(c, p["a"]), 1), whole(p, "n"))


def member_drawdown(c: Columns, p: Parameters) -> F64_1D:
    a = close(c, p["a"])
    most = windows(a, whole(p, "n")).max(axis=1)
    return a / np.where(most > 0.0, most, np.nan) - 1.0


def dollar_trend(c: Columns, p: Parameters) -> F64_1D:
    found = trend(close(c, p["by"]), whole(p, "n"))
    return -found if p["by"] == "euro" else found


def both(c: Columns, p: Parameters) -> tuple[F64_1D, F64_1D]:
    return close(c, p["a"]), close(c, p["b"])


def returns(c: Columns, p: Parameters) -> tuple[F64_1D, F64_1D]:
    a, b = both(c, p)
    return growth(a, 1), growth(b, 1)


def price_ratio(c: Columns, p: Parameters) -> F64_1D:
    return quotient(*both(c, p))


def ratio_zscore(c: Columns, p: Parameters) -> F64_1D:
    a, b = (np.where(x > 0.0, x, np.nan) for x in both(c, p))
    return zscore(np.log(a / b), whole(p, "n"), 1e-12)


def relative_strength(c: Columns, p: Parameters) -> F64_1D:
    a, b = both(c, p)
    return growth(a, whole(p, "n")) - growth(b, whole(p, "n"))


def pair_correlation(c: Columns, p: Parameters) -> F64_1D:
    return correlation(*returns(c, p), whole(p, "n"))


def correlation_change(c: Columns, p: Parameters) -> F64_1D:
    return correlation(*returns(c, p), whole(p, "short")) - correlation(*returns(c, p), whole(p, "long"))


def pair_beta(c: Columns, p: Parameters) -> F64_1D:
    a, b = (from_mean(windows(x, whole(p, "n"))) for x in returns(c, p))
    return quotient((a * b).sum(axis=1), (b * b).sum(axis=1))


def hedged_return(c: Columns, p: Parameters) -> F64_1D:
    a, b = both(c, p)
    return growth(a, whole(p, "n")) - pair_beta(c, p) * growth(b, whole(p, "n"))


def lead_lag_correlation(c: Columns, p: Parameters) -> F64_1D:
    a, b = returns(c, p)
    return correlation(earlier(a, whole(p, "k")), b, whole(p, "n"))


def lead_lag_lean(c: Columns, p: Parameters) -> F64_1D:
    a, b = returns(c, p)
    k, n = whole(p, "k"), whole(p, "n")
    return correlation(earlier(a, k), b, n) - correlation(earlier(b, k), a, n)


def least(members: int) -> int:
    """Half of the members, and no fewer than two."""
    return max(2, math.ceil(members / 2))


def of_known(values: list[F64_1D], fewest: int, value: Callable[[F64_1D], float]) -> F64_1D:
    """`value` of those that are known on each row, if there are enough of them."""
    found = empty(len(values[0]))
    for t, row in enumerate(np.array(values).T):
        known = row[~np.isnan(row)]
        if len(known) >= fewest:
            found[t] = value(known)
    return found


def group(c: Columns, p: Parameters) -> list[F64_1D]:
    return [close(c, role) for role in GROUPS[str(p["group"])]]


def share_above_zero(known: F64_1D) -> float:
    return float((known > 0.0).mean() + 0.5 * (known == 0.0).mean())


def breadth_above_mean(c: Columns, p: Parameters) -> F64_1D:
    far = [from_mean(windows(a, whole(p, "n")))[:, -1] for a in group(c, p)]
    # What is nearer to its mean than rounding is at it.
    far = [np.where(np.abs(gap) < 1e-12 * np.abs(a), 0.0, gap) for gap, a in zip(far, group(c, p), strict=True)]
    return of_known(far, least(len(far)), share_above_zero)


def breadth_advancing(c: Columns, p: Parameters) -> F64_1D:
    rises = [growth(a, whole(p, "n")) for a in group(c, p)]
    return of_known(rises, least(len(rises)), share_above_zero)


def dispersion(c: Columns, p: Parameters) -> F64_1D:
    rises = [growth(a, whole(p, "n")) for a in group(c, p)]
    return of_known(rises, least(len(rises)), lambda known: float(known.std(ddof=1)))


def correlations(c: Columns, p: Parameters) -> dict[tuple[int, int], F64_1D]:
    rises = [growth(a, 1) for a in group(c, p)]
    pairs = combinations(range(len(rises)), 2)
    return {(i, j): correlation(rises[i], rises[j], whole(p, "n")) for i, j in pairs}


def average_correlation(c: Columns, p: Parameters) -> F64_1D:
    half = least(len(group(c, p)))
    fewest = half * (half - 1) // 2
    return of_known([*correlations(c, p).values()], fewest, lambda known: float(known.mean()))


def absorption_ratio(c: Columns, p: Parameters) -> F64_1D:
    members = len(group(c, p))
    pairs = correlations(c, p)
    found = empty(len(c["close"]))
    for t in range(len(found)):
        matrix = np.eye(members)
        for (i, j), values in pairs.items():
            matrix[i, j] = matrix[j, i] = values[t]
        counts = (~np.isnan(matrix)).sum(axis=1) > 1
        if counts.sum() >= least(members):
            found[t] = np.linalg.eigvalsh(matrix[np.ix_(counts, counts)])[-1] / counts.sum()
    return found


def risk_appetite(c: Columns, p: Parameters) -> F64_1D:
    scores = [ratio_zscore(c, {"a": a, "b": b, "n": p["n"]}) for a, b in APPETITE]
    return of_known(scores, 3, lambda known: float(known.mean()))


def volatility_term_slope(c: Columns, p: Parameters) -> F64_1D:
    return quotient(close(c, "volatility_second"), close(c, "volatility_front")) - 1.0


def volatility_basis(c: Columns, p: Parameters) -> F64_1D:
    return quotient(close(c, "volatility_front"), close(c, "vix")) - 1.0


def realised_variance(c: Columns, n: int) -> F64_1D:
    squares = (windows(growth(close(c, "equity"), 1), n) ** 2).sum(axis=1)
    return YEAR_S * quotient(squares, c["close_s"] - earlier(c["close_s"], n))


def volatility_premium(c: Columns, p: Parameters) -> F64_1D:
    return close(c, "vix") / 100.0 - np.sqrt(realised_variance(c, whole(p, "n")))


def variance_premium(c: Columns, p: Parameters) -> F64_1D:
    return (close(c, "vix") / 100.0) ** 2 - realised_variance(c, whole(p, "n"))


CROSS_ASSET: Final[dict[str, Oracle]] = {
    one.__name__: one
    for one in (
        *(member_return, member_zscore, member_trend, member_volatility, member_drawdown, dollar_trend),
        *(price_ratio, ratio_zscore, relative_strength, pair_correlation, correlation_change, pair_beta),
        *(hedged_return, lead_lag_correlation, lead_lag_lean),
        *(breadth_above_mean, breadth_advancing, dispersion, average_correlation, absorption_ratio),
        *(risk_appetite, volatility_term_slope, volatility_basis, volatility_premium, variance_premium),
    )
}
