"""Other markets for the same past: noise, mirror image, a later stretch, or nothing at all after an instant.

Each kind catches what another may miss. Noise moves everything that is computed over the whole sample; the mirror
turns the sign of every later move, so that whoever peeks at a direction must change it; the shift keeps what real
markets look like; the truncation shows who needs rows that do not exist yet. Prices go on from the last one that was
known, on the tick grid, and volumes and open interest are altered with them. Times, sessions and what was observed
stay: the calendar is known beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import numpy as np

from argus.core.arrays import F64_1D, I64_1D, Bars
from argus.core.errors import DataError
from argus.core.instruments import InstrumentSpec
from argus.core.random import generator

__all__ = [
    "Auxiliary",
    "Market",
    "Variant",
    "alter",
    "alter_auxiliary",
    "blur",
    "noise_after",
    "opposite_futures",
    "replace_all",
]

Market = Mapping[str, tuple[InstrumentSpec, Bars]]
"""Symbol to specification and bars."""

_WINDOW: Final = 500
_PRICES: Final = ("open", "high", "low", "close")
_WILDNESS: Final = (1.0, 3.0)
"""Of the noise, in the market's own deviations: as calm as it was, then three times as wild."""
_BLUR: Final = 3.0
"""Deviations of the error that is put on every price of a blurred market."""


class Variant(StrEnum):
    """What the future is replaced by."""

    NOISE = "noise"
    MIRROR = "mirror"
    SHIFT = "shift"
    TRUNCATE = "truncate"


@dataclass(frozen=True, slots=True, eq=False)
class Auxiliary:
    """A series beside the bars that a strategy is made with: fundamentals, a second market, a signal of a vendor.

    Attributes
    ----------
    ts_known_ns : (n,) int64
        When each value could first be known; ascending.
    values : (n,) float64
    """

    ts_known_ns: I64_1D
    values: F64_1D

    def __post_init__(self) -> None:
        if len(self.ts_known_ns) != len(self.values):
            raise DataError(
                f"an auxiliary series has {len(self.ts_known_ns)} times and {len(self.values)} values; one each"
            )
        late = np.flatnonzero(np.diff(self.ts_known_ns) < 0)
        if len(late):
            raise DataError(f"an auxiliary series: row {late[0] + 1} was known before the row above it; sort it")


def alter(spec: InstrumentSpec, bars: Bars, cut_ns: int, variant: Variant, seed: int) -> Bars:
    """Bars that are real where they had closed by `cut_ns`, and something else afterwards.

    A bar under way at the cut keeps its open, which was traded before it. With `Variant.TRUNCATE` it is gone too.
    """
    known = int(np.searchsorted(bars.ts_close_ns, cut_ns, side="right"))
    if variant is Variant.TRUNCATE:
        return bars.rows(0, max(known, 1))
    if variant is Variant.NOISE:
        return noise_after(spec, bars, cut_ns, seed, wildness=_WILDNESS[seed % len(_WILDNESS)])
    if known == len(bars):
        return bars
    begin = _last_price(bars, known)
    future = {name: getattr(bars, name)[known:] for name in (*_PRICES, "volume", "open_interest")}
    if variant is Variant.MIRROR:
        made = {name: _mirrored(spec, column, begin) for name, column in future.items() if name in _PRICES}
        made["high"], made["low"] = made["low"], made["high"]
        made |= {name: future[name][::-1].copy() for name in ("volume", "open_interest")}
    else:
        by = max(1, len(future["close"]) // 3)
        moved = {name: np.roll(column, -by) for name, column in future.items()}
        finite = moved["open"] if "open" in bars.observed else moved["close"]
        base = next((float(x) for x in finite if np.isfinite(x)), begin)
        made = {name: _rebased(spec, moved[name], begin, base) for name in _PRICES}
        made |= {name: moved[name] for name in ("volume", "open_interest")}
    return _joined(bars, known, cut_ns, made)


def noise_after(
    spec: InstrumentSpec, bars: Bars, cut_ns: int, seed: int, *, wildness: float = 3.0, tail: int | None = None
) -> Bars:
    """Bars that are real where they had closed by `cut_ns`, and a random walk afterwards.

    Parameters
    ----------
    spec, bars, cut_ns
        As in `alter`.
    seed : int
        Of the noise; streams differ by instrument and cut.
    wildness : float
        Deviation of a step, in those of the last 500 known bars.
    tail : int or None
        Bars of noise, after which the data end; None is as many as there were.
    """
    known = int(np.searchsorted(bars.ts_close_ns, cut_ns, side="right"))
    stop = len(bars) if tail is None else min(len(bars), known + tail)
    if stop <= known:
        return bars.rows(0, known)
    made = _noise(spec, bars, known, stop, cut_ns, seed, wildness)
    return _joined(bars.rows(0, stop) if stop < len(bars) else bars, known, cut_ns, made)


def opposite_futures(
    spec: InstrumentSpec, bars: Bars, cut_ns: int, seed: int, *, wildness: float, tail: int
) -> tuple[int, tuple[Mapping[str, F64_1D], Mapping[str, F64_1D]]]:
    """(rows received by `cut_ns`, two futures of noise), the second one with every move turned round.

    Made from what was received by the cut, and from the open of a bar then under way. Whatever the next move is,
    upwards or downwards in price or volume, one of the two does not agree with it. The first close always moves.

    Parameters
    ----------
    spec, bars, cut_ns, seed
        As in `alter`.
    wildness : float
        Deviation of a step, in those of the last 500 received bars.
    tail : int
        Bars of each future, fewer where the data end.
    """
    known = int(np.searchsorted(bars.ts_recv_ns, cut_ns, side="right"))
    stop = min(len(bars), known + tail)
    futures = []
    for sign in (1, -1):
        made = _noise(spec, bars, known, stop, cut_ns, seed, wildness, sign)
        begun = known < stop and bars.ts_event_ns[known] < cut_ns
        made = _with_open(made, float(bars.open[known]) if begun else float("nan"))
        futures.append(
            {
                name: column if name in bars.observed else getattr(bars, name)[known:stop]
                for name, column in made.items()
            }
        )
    return known, (futures[0], futures[1])


def _noise(
    spec: InstrumentSpec,
    bars: Bars,
    known: int,
    stop: int,
    cut_ns: int,
    seed: int,
    wildness: float,
    sign: int = 1,
) -> dict[str, F64_1D]:
    """Columns of rows `known` to `stop`, made from the rows before."""
    count = stop - known
    random = generator(seed, "look_ahead", spec.symbol, int(cut_ns))
    tick = float(spec.tick_size)
    step = wildness * max(_deviation(np.diff(_sample(bars, known))), tick)
    begin = _last_price(bars, known)
    steps = random.normal(0.0, step, count)
    if count:
        steps[0] = np.copysign(max(abs(steps[0]), tick), steps[0])
    close = _on_grid(spec, begin + sign * np.cumsum(steps))
    gaps = sign * random.normal(0.0, step / 3.0, count)
    opened = _on_grid(spec, np.concatenate(([begin], close))[:count] + gaps)
    high = np.maximum(opened, close) + np.abs(random.normal(0.0, step / 2.0, count))
    low = np.minimum(opened, close) - np.abs(random.normal(0.0, step / 2.0, count))
    return {
        "open": opened,
        "high": _on_grid(spec, high),
        "low": np.minimum(_on_grid(spec, low), np.minimum(opened, close)),
        "close": close,
        "volume": np.round(_sizes(bars.volume, known, count) * random.uniform(1.1, 2.0, count) ** sign) + 1.0,
        "open_interest": np.round(_sizes(bars.open_interest, known, count) * random.uniform(1.1, 2.0, count) ** sign),
    }


def _sizes(column: F64_1D, known: int, count: int) -> F64_1D:
    """Volumes to go on from: those of the last known rows, newest first, over and over; 1 where there are none."""
    past = column[max(0, known - _WINDOW) : known]
    past = past[np.isfinite(past)]
    return np.resize(past[::-1], count) if len(past) else np.ones(count)


def replace_all(spec: InstrumentSpec, bars: Bars, seed: int) -> Bars:
    """A market of noise from the first bar on, at the real one's first price and as calm as it was."""
    return noise_after(spec, bars, int(bars.ts_event_ns[0]), seed, wildness=1.0)


def blur(spec: InstrumentSpec, bars: Bars, seed: int) -> Bars:
    """The real market with an error on every price, three times as large as its moves.

    Levels stay near the real ones, so that whoever compares what is given with a private copy goes on doing so; the
    next move can no longer be told from the prices that are given.
    """
    random = generator(seed, "blur", spec.symbol)
    size = _BLUR * max(_deviation(np.diff(_sample(bars, len(bars)))), float(spec.tick_size))
    error = random.normal(0.0, size, len(bars) + 1)
    made = {"open": _on_grid(spec, bars.open + error[:-1]), "close": _on_grid(spec, bars.close + error[1:])}
    made["high"] = _on_grid(spec, bars.high + np.maximum(error[:-1], error[1:]))
    made["low"] = _on_grid(spec, bars.low + np.minimum(error[:-1], error[1:]))
    made |= {"volume": bars.volume.copy(), "open_interest": bars.open_interest.copy()}
    return _joined(bars, 0, int(bars.ts_event_ns[0]), made)


def alter_auxiliary(series: Auxiliary, cut_ns: int, variant: Variant, seed: int, name: str) -> Auxiliary:
    """The series with everything replaced that was not known by `cut_ns`."""
    known = int(np.searchsorted(series.ts_known_ns, cut_ns, side="right"))
    future = series.values[known:]
    if variant is Variant.TRUNCATE or not len(future):
        return Auxiliary(series.ts_known_ns[:known], series.values[:known])
    finite = series.values[np.isfinite(series.values)]
    step = max(_deviation(np.diff(finite)), 1e-9)
    past = series.values[:known]
    past = past[np.isfinite(past)]
    begin = float(past[-1]) if len(past) else float(finite[0]) if len(finite) else 0.0
    if variant is Variant.NOISE:
        made = begin + np.cumsum(generator(seed, "auxiliary", name, int(cut_ns)).normal(0.0, 3.0 * step, len(future)))
    elif variant is Variant.MIRROR:
        made = 2.0 * begin - future
    else:
        made = np.roll(future, -max(1, len(future) // 3))
    return Auxiliary(series.ts_known_ns, np.concatenate((series.values[:known], made)))


def _sample(bars: Bars, known: int) -> F64_1D:
    """Closes by which the size of the noise is set: the last known ones, or the first there are."""
    closes = bars.close[max(0, known - _WINDOW) : known]
    closes = closes[np.isfinite(closes)]
    if len(closes) > 2:
        return closes
    whole = bars.close[:_WINDOW]
    return np.asarray(whole[np.isfinite(whole)], dtype=np.float64)


def _deviation(moves: F64_1D) -> float:
    return float(np.std(moves)) if len(moves) > 1 else 0.0


def _last_price(bars: Bars, known: int) -> float:
    """The last close that was known; before there is one, the first price of the data."""
    past = bars.close[:known]
    past = past[np.isfinite(past)]
    if len(past):
        return float(past[-1])
    first = bars.close[np.isfinite(bars.close)]
    return float(first[0]) if len(first) else 1.0


def _on_grid(spec: InstrumentSpec, prices: F64_1D) -> F64_1D:
    tick = float(spec.tick_size)
    if spec.price_may_be_negative:
        return np.round(prices / tick) * tick
    return np.maximum(np.round(np.abs(prices) / tick) * tick, tick)


def _mirrored(spec: InstrumentSpec, prices: F64_1D, begin: float) -> F64_1D:
    """Every move turned round: by the same ratio where prices are positive, else by the same amount."""
    if spec.price_may_be_negative or begin <= 0.0:
        return _on_grid(spec, 2.0 * begin - prices)
    return _on_grid(spec, begin * begin / np.maximum(prices, float(spec.tick_size)))


def _rebased(spec: InstrumentSpec, prices: F64_1D, begin: float, base: float) -> F64_1D:
    if spec.price_may_be_negative or base <= 0.0:
        return _on_grid(spec, prices + (begin - base))
    return _on_grid(spec, prices * (begin / base))


def _joined(bars: Bars, known: int, cut_ns: int, made: Mapping[str, F64_1D]) -> Bars:
    """The known rows of `bars` and the made ones after them; columns that were not observed stay empty."""
    begun = known < len(bars) and bars.ts_event_ns[known] < cut_ns
    columns: dict[str, Any] = {}
    for name, column in _with_open(made, float(bars.open[known]) if begun else float("nan")).items():
        if name in bars.observed:
            columns[name] = np.concatenate((getattr(bars, name)[:known], column))
    return replace(bars, **columns)


def _with_open(made: Mapping[str, F64_1D], first: float) -> dict[str, F64_1D]:
    """The columns with the open of the first row as it was, if it is a number, and ranges that hold open and close."""
    opened, close = made["open"].copy(), made["close"]
    if len(opened) and np.isfinite(first):
        opened[0] = first
    return {
        **made,
        "open": opened,
        "high": np.fmax(made["high"], np.fmax(opened, close)),
        "low": np.fmin(made["low"], np.fmin(opened, close)),
    }
