"""Terms over the last rows, by the names that traders know: the words in which features are declared.

Each takes terms and a window in rows and gives a term. They agree on blocks, so that windows of one column share its
sums. A window that holds a missing value has none itself, nor has one that is not yet full.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from argus.features.graph import Node, Term, node, reciprocal
from argus.features.inputs import CLOSE, HIGH, LOW

__all__ = [
    "absolute",
    "above",
    "above_zero",
    "beta",
    "change",
    "clip",
    "correlation",
    "covariance",
    "deviation",
    "distance",
    "ema",
    "gap_share",
    "growth",
    "highest",
    "lag",
    "larger",
    "line_end",
    "line_score",
    "log",
    "log_growth",
    "log_ratio",
    "lowest",
    "mean",
    "observed_run",
    "percentile_rank",
    "quantiles",
    "moments",
    "position",
    "r_squared",
    "ratio_of_totals",
    "repaired_mean",
    "root",
    "rows_since_highest",
    "rows_since_lowest",
    "share",
    "sign",
    "slope",
    "smaller",
    "square",
    "total",
    "true_range",
    "typical_price",
    "variance",
    "weighted_deviation",
    "weighted_mean",
    "wilder",
    "wma",
    "zscore",
]

_BLOCKS: Final = (1024, 8192, 131_072)

_SHORT: Final = 40
"""Rows up to which a weighted sum is made row by row, which costs no more there and keeps all digits."""


def _block(n: int) -> int:
    """Rows of the blocks in which windows of `n` rows are summed."""
    return next(block for block in _BLOCKS if n <= block)


def observed_run(x: Term) -> Node:
    """Rows in a row, up to this one, that have a value."""
    return node("window.observed_run", x)


def total(x: Term, n: int) -> Node:
    """Sum of the last `n` values; exact where all sums of a block are, as for prices on a binary grid."""
    return _total_over(x, n, 1.0)


def mean(x: Term, n: int) -> Node:
    """Mean of the last `n` values."""
    return _total_over(x, n, float(n))


def _total_over(x: Term, n: int, divisor: float) -> Node:
    block = _block(n)
    sums = node("window.block_sum", x, args=(block,))
    return node("window.window_sum", sums, sums.out(1), args=(n, block, divisor, *reciprocal(divisor)))


def ratio_of_totals(x: Term, y: Term, n: int) -> Node:
    """Sum of the last `n` values of `x` over that of `y`, where no ``|x|`` is above its `y`; NaN if all `y` are 0."""
    block = _block(n)
    sums = [node("window.block_sum", one, args=(block,)) for one in (x, y)]
    return node("volume.ratio_of_totals", x, y, *sums, sums[0].out(1), args=(n, block))


def _weighted(x: Term, weight: Term, n: int) -> Node:
    block = _block(n)
    sums = node("volume.weighted_block", x, weight, args=(block,))
    return node("volume.weighted_window", x, weight, *(sums.out(k) for k in range(5)), args=(n, block))


def weighted_mean(x: Term, weight: Term, n: int) -> Node:
    """Mean of the last `n` values, each weighing as its weight (not below zero); NaN where nothing has weight."""
    return _weighted(x, weight, n)


def weighted_deviation(x: Term, weight: Term, n: int) -> Node:
    """Root of the weighted mean of squared distances from `weighted_mean`."""
    return root(_weighted(x, weight, n).out(1))


def _moments(x: Term, n: int) -> Node:
    block = _block(n)
    sums = node("window.block_moments", x, args=(block,))
    return node("window.window_moments", x, *(sums.out(k) for k in range(4)), args=(n, block))


def repaired_mean(x: Term, n: int) -> Node:
    """Mean of the last `n` values that keeps its digits after one of another size; free beside `zscore`."""
    return _moments(x, n)


def variance(x: Term, n: int, freedom: int = 1) -> Node:
    """Variance of the last `n` values with divisor ``n - freedom``; exactly 0 if all are equal."""
    return _moments(x, n).out(1) / float(n - freedom)


def deviation(x: Term, n: int, freedom: int = 1) -> Node:
    """Standard deviation of the last `n` values; exactly 0 if all are equal."""
    return node("window.deviation", _moments(x, n).out(1), args=(n - freedom,))


def zscore(x: Term, n: int) -> Node:
    """Distance of the value from the mean of the last `n`, in sample standard deviations; NaN if all are equal."""
    return gap_share(x, _moments(x, n), deviation(x, n))


def _products(x: Term, y: Term, n: int) -> tuple[Node, Node, Node]:
    """Sums over the last `n` rows: products of distances from both means, and squares of each."""
    block = _block(n)
    parts = [node("window.block_moments", one, args=(block,)) for one in (x, y)]
    products = node("pair.block_products", x, y, *parts, args=(block,))
    squares = (_moments(x, n).out(1), _moments(y, n).out(1))
    moments = [one.out(output) for one in parts for output in range(3)]
    return node("pair.window_products", x, y, *moments, products, *squares, args=(n, block)), *squares


def covariance(x: Term, y: Term, n: int, freedom: int = 1) -> Node:
    """Covariance of the last `n` pairs with divisor ``n - freedom``; exactly 0 if all values of either are equal."""
    return _products(x, y, n)[0] / float(n - freedom)


def correlation(x: Term, y: Term, n: int) -> Node:
    """Correlation of the last `n` pairs, from -1 to 1; NaN if all values of either are equal."""
    return node("pair.correlation", *_products(x, y, n))


def beta(y: Term, x: Term, n: int) -> Node:
    """Slope of `y` on `x` over the last `n` pairs; NaN if all values of `x` are equal."""
    products, squares, _ = _products(x, y, n)
    return products / squares


def moments(x: Term, n: int) -> tuple[Node, Node]:
    """Mean of the last `n` values and the sum of squared distances from it, which is exactly 0 if all are equal."""
    return _moments(x, n), _moments(x, n).out(1)


def slope(x: Term, n: int) -> Node:
    """Slope per row of the least-squares line through the last `n` values, at least 2; exactly 0 if all are equal."""
    if n <= _SHORT:
        places = n * (n * n - 1) / 12.0
        return node("line.weighted_window", x, args=(n, (n - 1) / 2.0 / places, -1.0 / places, 0.0))
    block = _block(n)
    sums = node("window.block_moments", x, args=(block,))
    ramp = node("line.block_ramp", x, sums, args=(block,))
    spread = _moments(x, n).out(1)
    return node("line.window_slope", x, sums, sums.out(1), sums.out(2), ramp, spread, args=(n, block))


def line_end(x: Term, n: int) -> Node:
    """Value at the newest row of the least-squares line through the last `n` values, at least 2."""
    return node("line.along", _moments(x, n), slope(x, n), args=((n - 1) / 2.0,))


def r_squared(x: Term, n: int) -> Node:
    """Share of the variance of the last `n` values, at least 2, that their line explains; NaN if all are equal."""
    return node("line.explained", slope(x, n), _moments(x, n).out(1), args=(n,))


def line_score(x: Term, n: int) -> Node:
    """Distance from `line_end` in standard deviations about the line (divisor ``n - 2``, `n` at least 3).

    NaN where the squared distances from the line are less than 1e-12 of those from the mean.
    """
    return node("line.residual_score", x, _moments(x, n), slope(x, n), _moments(x, n).out(1), args=(n,))


def wma(x: Term, n: int) -> Node:
    """Mean of the last `n` values, at least 2, with weights `n` for the newest down to 1 for the oldest."""
    if n <= _SHORT:
        weights = n * (n + 1) / 2.0
        return node("line.weighted_window", x, args=(n, n / weights, -1.0 / weights, 1.0))
    return node("line.along", _moments(x, n), slope(x, n), args=((n - 1) / 6.0,))


def highest(x: Term, n: int) -> Node:
    """Largest of the last `n` values."""
    return _joined("window.higher", x, n)


def lowest(x: Term, n: int) -> Node:
    """Smallest of the last `n` values."""
    return _joined("window.lower", x, n)


def _joined(kernel: str, x: Term, n: int) -> Node:
    """Extreme of `n` rows from four of 1, 4, 16, ... rows, which all windows over a column share."""
    if n == 1:
        return node("algebra.lag", x, args=(0,))
    part, lags = _four_parts(n)
    return node(kernel, x if part == 1 else _joined(kernel, x, part), args=lags)


def _four_parts(n: int) -> tuple[int, tuple[int, int, int]]:
    """Rows of the parts of which four, so many rows apart from the newest, cover `n` rows."""
    part = 4 ** ((n - 1).bit_length() - 1 >> 1)
    return part, (min(part, n - part), min(2 * part, n - part), n - part)


def _aged(x: Term, n: int, side: float) -> tuple[Term, Node]:
    """Extreme of `n` rows, made from four as in `_joined`, and its age."""
    if n == 1:
        return x, x * 0.0
    part, lags = _four_parts(n)
    found = node("window.freshest", *_aged(x, part, side), args=(*lags, side))
    return found, found.out(1)


def rows_since_highest(x: Term, n: int) -> Node:
    """Rows since the largest of the last `n` values, the latest of equals."""
    return _aged(x, n, 1.0)[1]


def rows_since_lowest(x: Term, n: int) -> Node:
    """Rows since the smallest of the last `n` values, the latest of equals."""
    return _aged(x, n, -1.0)[1]


def percentile_rank(x: Term, n: int) -> Node:
    """Share of the other ``n - 1`` of the last `n` values that lie below the newest, equals counted half; 0 to 1."""
    return node("order.percentile_rank", x, observed_run(x), args=(n,))


def quantiles(x: Term, n: int, shares: Sequence[float]) -> tuple[Node, ...]:
    """Quantiles of the last `n` values of one sorted window, in proportion between two (Hyndman, Fan 1996: type 7)."""
    window = node("morphology.quantiles", x, args=(n, *shares))
    return tuple(window.out(k) for k in range(len(shares)))


def ema(x: Term, span: float) -> Node:
    """Exponential mean of that span with normalised weights over all values so far; none before `span` values."""
    return node("window.ema", x, args=(span,))


def wilder(x: Term, n: int) -> Node:
    """Wilder's mean: the plain mean of the first `n` values, then ``m + (x - m) / n``."""
    return node("window.wilder", x, args=(n,))


def lag(x: Term, k: int) -> Node:
    """Value of `k` rows before."""
    return node("algebra.lag", x, args=(k,))


def change(x: Term, k: int = 1) -> Node:
    """Value less the value of `k` rows before."""
    return node("algebra.difference", x, args=(k,))


def growth(x: Term, k: int = 1) -> Node:
    """Value over the value of `k` rows before, less one; NaN unless both are above zero."""
    return node("algebra.growth", x, args=(k,))


def log_growth(x: Term, k: int = 1) -> Node:
    """Logarithm of the value over the value of `k` rows before; NaN unless both are above zero."""
    return node("algebra.log_growth", x, args=(k,))


def log_ratio(x: Term, y: Term) -> Node:
    """Logarithm of one value over another; NaN unless both are above zero."""
    return node("algebra.log_ratio", x, y)


def log(x: Term) -> Node:
    """Natural logarithm; NaN unless above zero."""
    return node("algebra.log", x)


def root(x: Term) -> Node:
    """Square root; NaN below zero."""
    return node("algebra.root", x)


def square(x: Term) -> Node:
    """Value squared."""
    return node("algebra.square", x)


def absolute(x: Term) -> Node:
    """Absolute value."""
    return node("algebra.absolute", x)


def sign(x: Term) -> Node:
    """1, 0 or -1 as the value is above, at or below zero."""
    return node("algebra.sign", x)


def clip(x: Term, low: float, high: float) -> Node:
    """Value held between `low` and `high`."""
    return node("algebra.clip", x, args=(low, high))


def larger(x: Term, y: Term) -> Node:
    """The larger of two values; NaN if either is missing."""
    return node("algebra.larger", x, y)


def smaller(x: Term, y: Term) -> Node:
    """The smaller of two values; NaN if either is missing."""
    return node("algebra.smaller", x, y)


def above_zero(x: Term) -> Node:
    """The value where it is above zero, else none."""
    return node("algebra.above_zero", x)


def above(x: Term, y: Term) -> Node:
    """1 where `x` is above `y`, else 0; NaN if either is missing."""
    return node("algebra.above", x, y)


def gap_share(x: Term, y: Term, z: Term, scale: float = 1.0, least: float = 0.0) -> Node:
    """``scale (x - y) / z``; NaN unless `z` is above zero and above ``least |x|``."""
    return node("price.gap_share", x, y, z, args=(scale, least))


def share(x: Term, z: Term, scale: float = 1.0) -> Node:
    """``scale x / z``; NaN unless `z` is above zero."""
    return node("price.share", x, z, args=(scale,))


def distance(x: Term, level: Term) -> Node:
    """How far `x` stands above a level, as a share of ``|x|``; NaN where `x` is zero. All levels share one division."""
    return node("price.gap_times", x, level, 1.0 / absolute(x))


def position(x: Term, low: Term, high: Term, scale: float = 1.0, shift: float = 0.0, least: float = 0.0) -> Node:
    """``scale (x - low) / (high - low) + shift``; NaN unless `high` is above `low` by more than `least`."""
    return node("price.position", x, low, high, args=(scale, shift, least))


def true_range() -> Node:
    """Larger of high and the last close, less the smaller of low and the last close (Wilder 1978)."""
    before = lag(CLOSE, 1)
    return larger(HIGH, before) - smaller(LOW, before)


def typical_price() -> Node:
    """Mean of high, low and close."""
    return (HIGH + LOW + CLOSE) / 3.0
