"""What the oracles of all families are written with: windows, means that forget, rows that are skipped.

Everything here is slow and obvious: a row's value is computed from the rows up to it, one row after the other. Nothing
is taken from the kernels, so that a mistake there cannot be repeated here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from argus.core.arrays import F64_1D

Columns = Mapping[str, F64_1D]
Parameters = Mapping[str, int | float | str]
Oracle = Callable[[Columns, Parameters], F64_1D]


def whole(parameters: Parameters, name: str) -> int:
    return int(parameters[name])


def empty(n: int) -> F64_1D:
    return np.full(n, np.nan)


def over(n: int, value: Callable[..., float], *columns: F64_1D) -> F64_1D:
    """`value` of the last n values of each column, in rows where none of them is missing."""
    found = empty(len(columns[0]))
    missing = np.isnan(np.array(columns)).any(axis=0).tolist()
    since = 0
    for t, is_missing in enumerate(missing):
        since = 0 if is_missing else since + 1
        if since >= n:
            found[t] = value(*[column[t - n + 1 : t + 1] for column in columns])
    return found


def each(value: Callable[..., float], *columns: F64_1D) -> F64_1D:
    """`value` of each row's values, where none of them is missing."""
    found = empty(len(columns[0]))
    for t, row in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        if not any(map(math.isnan, row)):
            found[t] = value(*row)
    return found


def skipping(path: Callable[..., F64_1D], *columns: F64_1D) -> F64_1D:
    """`path` over the rows in which nothing is missing, as if there were no others."""
    found = empty(len(columns[0]))
    present = ~np.isnan(np.array(columns)).any(axis=0)
    found[present] = path(*(column[present] for column in columns))
    return found


def earlier(x: F64_1D, k: int) -> F64_1D:
    """What stood k rows before; missing in the first k rows."""
    return np.concatenate((np.full(min(k, len(x)), np.nan), x[: max(len(x) - k, 0)]))


def ratio(above: float, below: float) -> float:
    """The quotient; missing where there is nothing to divide by."""
    return above / below if below != 0.0 else math.nan


def share(above: float, below: float) -> float:
    """The quotient; missing where what is divided by is not above zero."""
    return above / below if below > 0.0 else math.nan


def total(x: F64_1D) -> float:
    """The sum, rounded once."""
    return math.fsum(x.tolist())


def mean(x: F64_1D) -> float:
    return total(x) / len(x)


def squares(x: F64_1D) -> float:
    """Sum of squared distances from the mean; exactly 0 where all are equal."""
    return 0.0 if (x == x[0]).all() else total((x - mean(x)) ** 2)


def deviation(x: F64_1D) -> float:
    """Sample standard deviation."""
    return math.sqrt(squares(x) / (len(x) - 1))


def sma(x: F64_1D, n: int) -> F64_1D:
    return over(n, mean, x)


def wma(x: F64_1D, n: int) -> F64_1D:
    weights = np.arange(1.0, n + 1.0)
    return over(n, lambda last: total(weights * last) / (n * (n + 1) / 2), x)


def ema(x: F64_1D, span: float) -> F64_1D:
    """Exponential mean of all values so far, none before there are as many as the span."""
    decay = 1.0 - 2.0 / (span + 1.0)

    def path(values: F64_1D) -> F64_1D:
        found = empty(len(values))
        above = below = 0.0
        for i, value in enumerate(values):
            above = above * decay + value
            below = below * decay + 1.0
            if i + 1 >= span:
                found[i] = above / below
        return found

    return skipping(path, x)


def wilder(x: F64_1D, n: int) -> F64_1D:
    """Plain mean of the first n values, then a step of 1 / n towards each new one."""

    def path(values: F64_1D) -> F64_1D:
        found = empty(len(values))
        for i in range(n - 1, len(values)):
            found[i] = mean(values[:n]) if i == n - 1 else found[i - 1] + (values[i] - found[i - 1]) / n
        return found

    return skipping(path, x)


def true_range(columns: Columns) -> F64_1D:
    return each(
        lambda high, low, last: max(high, last) - min(low, last),
        *(columns["high"], columns["low"], earlier(columns["close"], 1)),
    )


def rise(x: F64_1D, k: int = 1) -> F64_1D:
    """x[t] / x[t-k] - 1, of prices above zero."""
    return each(lambda now, then: now / then - 1.0 if min(now, then) > 0.0 else math.nan, x, earlier(x, k))


def log_rise(x: F64_1D, since: F64_1D) -> F64_1D:
    """ln(x / since), of prices above zero."""
    return each(lambda now, then: math.log(now / then) if min(now, then) > 0.0 else math.nan, x, since)


def typical(columns: Columns) -> F64_1D:
    return (columns["high"] + columns["low"] + columns["close"]) / 3.0
