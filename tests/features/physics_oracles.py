"""What tests of shapes, disorder, motion and flow share: float64 values of a feature, and formulas over each window."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from argus.core.arrays import F64_1D
from argus.core.strategy import ParameterValue
from argus.features import feature
from argus.features.runner import Runner
from tests.features.market import Market, market

Formula = Callable[[F64_1D], float]


def smooth_market(seed: int = 11, n: int = 1_300) -> Market:
    """A market whose prices are on no grid, so that no two values are equal by chance."""
    columns = market(seed, n, tick=1e-9)
    random = np.random.default_rng(seed)
    columns["high"] = np.maximum(columns["open"], columns["close"]) * (1.0 + 1e-3 * random.random(n))
    columns["low"] = np.minimum(columns["open"], columns["close"]) * (1.0 - 1e-3 * random.random(n))
    columns["volume"] = random.gamma(2.0, 500.0, n) + 1.0
    return columns


def value_of(name: str, columns: Market, piece: int = 500, **parameters: ParameterValue) -> F64_1D:
    """A feature over whole columns, not rounded to float32."""
    runner = Runner([feature(name).term(parameters)], piece)
    n = len(columns["close"])
    out = np.empty((1, n))
    for first in range(0, n, piece):
        rows = [columns[key][first : first + piece] for key in runner.inputs]
        runner.feed(rows, out, first)
    return out[0]


def series_of(columns: Market, of: str) -> F64_1D:
    """The series of a feature's parameter ``of``, by its formula."""
    if of == "return":
        return np.concatenate(([np.nan], np.diff(np.log(columns["close"]))))
    if of == "range":
        return np.log(columns["high"] / columns["low"])
    return np.log(columns[of])


def over_windows(x: F64_1D, n: int, formula: Formula, rows: Iterable[int] | None = None) -> F64_1D:
    """A formula over the last `n` values of each row (or of some rows); NaN where one of them is missing."""
    out = np.full(len(x), np.nan)
    for t in range(n - 1, len(x)) if rows is None else rows:
        window = x[t - n + 1 : t + 1]
        if t >= n - 1 and not np.isnan(window).any():
            out[t] = formula(window)
    return out


def of_windows(x: F64_1D, n: int, formula: Callable[..., F64_1D], **given: object) -> F64_1D:
    """As `over_windows`, for a function that takes many rows of windows at once by ``axis``."""
    out = np.full(len(x), np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(x, n)
    whole = ~np.isnan(windows).any(axis=1)
    out[n - 1 :][whole] = formula(windows[whole], axis=1, **given)
    return out


def held(values: F64_1D, every: int) -> F64_1D:
    """Each value held from a row whose number is a multiple of `every` to the next."""
    return values[np.arange(len(values)) // every * every]
