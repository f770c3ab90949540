"""Arrays of targets, and whether they know the future: the same function is asked again with other futures.

Up to a row, an honest column of targets is a function of the bars up to that row. So all bars after a row are taken
away, or replaced by noise, and nothing up to that row may move by a single bit. The rows at which this is tried lie at
changes of the target, where a peek of one bar shows, and evenly between them, where a mean over the whole sample does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I64_1D, Bars
from argus.core.errors import ArgusError, LookAheadError, OrderError, StrategyFailed
from argus.core.instruments import InstrumentSpec
from argus.core.random import generator
from argus.core.time import format_ns
from argus.engine.feature_columns import feature_column
from argus.engine.forms import ArrayStrategy
from argus.engine.market import Market

__all__ = ["checked_targets", "noise_after"]

_TAIL: Final = 256
"""Bars of noise that stand in for the future."""
_PRICES: Final = ("open", "high", "low", "close")


def checked_targets(strategy: ArrayStrategy, market: Market) -> NDArray[np.float64]:
    """The strategy's targets as a matrix of one row, after the check.

    Raises
    ------
    LookAheadError
        Naming the first row that moved, what stood there, and what came.
    OrderError
        If the array has not one number for each bar, or an infinite one.
    StrategyFailed
        If the function raised.
    """
    symbol = strategy.spec.universe[0]
    spec, bars = market[symbol]
    found = _targets(strategy, spec, bars)
    for cut in _cuts(found, strategy.cuts):
        for what, other in (
            ("taken away", bars.rows(0, cut)),
            ("replaced by noise", noise_after(spec, bars, cut)),
        ):
            _compare(strategy, bars, found, _targets(strategy, spec, other), cut, what)
    return found.reshape(1, -1)


def noise_after(spec: InstrumentSpec, bars: Bars, cut: int) -> Bars:
    """Bars that are real before row `cut`; then a few hundred of a random walk on the tick grid, then none."""
    stop = min(len(bars), cut + _TAIL)
    count = stop - cut
    random = generator(0, "array_form", spec.symbol, cut)
    tick = float(spec.tick_size)
    past = bars.close[max(0, cut - _TAIL) : cut]
    past = past[np.isfinite(past)]
    begin = float(past[-1]) if len(past) else tick
    step = max(4.0 * tick, 3.0 * float(np.std(np.diff(past))) if len(past) > 2 else 0.0)
    walk = begin + np.cumsum(random.normal(0.0, step, count))
    close = np.round(walk / tick) * tick
    if not spec.price_may_be_negative:
        close = np.maximum(np.abs(close), tick)
    opened = np.concatenate(([begin], close[:-1]))
    reach = tick * random.integers(1, 9, count)
    low = np.minimum(opened, close) - reach
    made: Mapping[str, F64_1D] = {
        "open": opened,
        "high": np.maximum(opened, close) + reach,
        "low": low if spec.price_may_be_negative else np.maximum(low, tick),
        "close": close,
        "volume": np.floor(random.uniform(1.0, 1e4, count)),
        "open_interest": np.floor(random.uniform(1.0, 1e4, count)),
    }
    kept = bars.rows(0, stop)
    columns: dict[str, Any] = {
        name: np.concatenate((getattr(bars, name)[:cut], column))
        for name, column in made.items()
        if name in bars.observed
    }
    return replace(kept, **columns)


def _targets(strategy: ArrayStrategy, spec: InstrumentSpec, bars: Bars) -> F64_1D:
    """What the function makes of these bars and their features."""
    features = {ref.alias: feature_column(ref, spec, bars) for ref in strategy.spec.features}
    for column in features.values():
        column.setflags(write=False)
    name = strategy.spec.name
    try:
        found = np.array(strategy.targets({bars.instrument: bars}, features), dtype=np.float64)
    except ArgusError:
        raise
    except Exception as error:
        raise StrategyFailed(
            f"strategy {name} raised {type(error).__name__} in targets() over {len(bars)} bars: {error}"
        ) from error
    if found.shape != (len(bars),):
        raise OrderError(
            f"{name}: targets() gave shape {found.shape} for {len(bars)} bars; one number for each is needed"
        )
    if np.isinf(found).any():
        row = int(np.argmax(np.isinf(found)))
        raise OrderError(
            f"{name}: the target at row {row} ({format_ns(int(bars.ts_recv_ns[row]))}) is {found[row]}; give a finite "
            "number of units, or NaN to leave things as they are"
        )
    return found


def _cuts(found: F64_1D, count: int) -> list[int]:
    """Rows from which on the future is replaced: right after changes of the target, and evenly spread."""
    n = len(found)
    with np.errstate(invalid="ignore"):
        moved = np.flatnonzero((found[1:] != found[:-1]) & ~np.isnan(found[1:])) + 2
    at_changes = _spread(moved[moved < n], count - count // 2)
    evenly = _spread(np.arange(1, n, dtype=np.int64), count // 2 + max(0, count - count // 2 - len(at_changes)))
    return sorted({*at_changes, *evenly})


def _spread(rows: I64_1D, count: int) -> list[int]:
    """`count` of these rows, evenly chosen, the ends not among them where there is a choice."""
    if len(rows) <= count:
        return [int(row) for row in rows]
    return [int(rows[(2 * i + 1) * len(rows) // (2 * count)]) for i in range(count)]


def _compare(strategy: ArrayStrategy, bars: Bars, real: F64_1D, other: F64_1D, cut: int, what: str) -> None:
    """Raise if anything before row `cut` differs by a bit."""
    moved = (real[:cut] != other[:cut]) & ~(np.isnan(real[:cut]) & np.isnan(other[:cut]))
    if not moved.any():
        return
    row = int(np.argmax(moved))
    raise LookAheadError(
        f"{strategy.spec.name}: the target at row {row} ({format_ns(int(bars.ts_recv_ns[row]))}) is {real[row]}, and "
        f"{other[row]} once the bars from row {cut} on are {what}: it knows the future; at a row, use that row and "
        "earlier ones only"
    )
