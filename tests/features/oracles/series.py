"""What the oracles of the physics families share: the series they measure, values that are held, straight lines."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from argus.core.arrays import F64_1D
from tests.features.oracles.windows import (
    Columns,
    Oracle,
    Parameters,
    each,
    earlier,
    empty,
    log_rise,
    mean,
    over,
    total,
    whole,
)

Value = Callable[[F64_1D], float]
"""Value of one window, oldest first."""


def logarithm(x: F64_1D) -> F64_1D:
    """Natural logarithm of what is above zero."""
    return each(lambda value: math.log(value) if value > 0.0 else math.nan, x)


def log_return(c: Columns) -> F64_1D:
    """Log return of each row: a fall that takes a rise back is as large as the rise, to the last bit."""

    def value(now: float, last: float) -> float:
        if min(now, last) <= 0.0:
            return math.nan
        size = math.log1p(abs(now - last) / min(now, last))
        return math.copysign(size, now - last) if size > 0.0 else 0.0

    return each(value, c["close"], earlier(c["close"], 1))


def log_range(c: Columns) -> F64_1D:
    return log_rise(c["high"], c["low"])


def series(c: Columns, p: Parameters) -> F64_1D:
    """The series that the parameter `of` names."""
    match p["of"]:
        case "return":
            return log_return(c)
        case "range":
            return log_range(c)
        case "volume":
            return logarithm(c["volume"])
        case "close":
            return logarithm(c["close"])
    raise AssertionError(f"no series is called {p['of']}")


def over_series(value: Callable[[F64_1D, Parameters], float]) -> Oracle:
    """Oracle of a feature of the last n values of a series."""

    def oracle(c: Columns, p: Parameters) -> F64_1D:
        return over(whole(p, "n"), lambda x: value(x, p), series(c, p))

    return oracle


def held(n: int, every: int, value: Value, x: F64_1D) -> F64_1D:
    """`value` of the last n values in rows whose number is a multiple of `every`, and until the next of those."""
    found = empty(len(x))
    for t in range(len(x)):
        begin = t - t % every
        window = x[max(begin - n + 1, 0) : begin + 1]
        if begin != t:
            found[t] = found[begin]
        elif len(window) == n and not np.isnan(window).any():
            found[t] = value(window)
    return found


def held_series(value: Callable[[F64_1D, Parameters], float]) -> Oracle:
    """Oracle of a feature of the last n values of a series that is worked out every so many rows."""

    def oracle(c: Columns, p: Parameters) -> F64_1D:
        return held(whole(p, "n"), whole(p, "every"), lambda x: value(x, p), series(c, p))

    return oracle


def all_equal(x: F64_1D) -> bool:
    return bool((x == x[0]).all())


def slope(x: F64_1D, y: F64_1D) -> float:
    """Slope of the least-squares line of y on x; missing where all x are equal."""
    if all_equal(x):
        return math.nan
    dx = x - mean(x)
    return total(dx * (y - mean(y))) / total(dx * dx)


def stretches(x: F64_1D, size: int) -> F64_1D:
    """Whole stretches of that size from the newest value back, one a row."""
    count = len(x) // size
    return x[len(x) - count * size :].reshape(count, size)
