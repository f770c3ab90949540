"""A picture of a feature on sample data: a synthetic market with a real calendar, the same for everybody.

The market is a martingale on the tick grid of ES, with volatility that clusters and an intraday U; nothing in it is
real but its hours. A feature that reads other markets gets synthetic ones for those too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D

if TYPE_CHECKING:
    from argus.core.arrays import Bars
    from argus.features.graph import Term
    from argus.report.picture import Picture

__all__ = ["feature_picture", "write_picture"]

_INSTRUMENT: Final = "ES"
_START: Final = date(2023, 1, 3)
_SEED: Final = 20_230_103
_MINUTE: Final = 60 * 1_000_000_000
_HOUR: Final = 60 * _MINUTE
_ROWS_MAX: Final = 12_000
_SHOWN: Final = 240


@dataclass(frozen=True, slots=True)
class _Sample:
    """Bars of one length."""

    bars: Bars
    told: str


def feature_picture(name: str) -> Picture:
    """The feature with its default parameters over sample bars, warm-up included.

    Parameters
    ----------
    name : str
        A registered feature.

    Raises
    ------
    ConfigError
        If there is no such feature.
    """
    from argus.features import column, compute_set, feature
    from argus.lab.audit.features import inputs_needed
    from argus.report.picture import Picture

    declared = feature(name)
    ref = column(name)
    warmup = declared.warmup(declared.values({}))
    names = inputs_needed((ref,))
    best: tuple[_Sample, F64_1D] | None = None
    for sample in _samples(_finest(declared.term({}))):
        columns = _columns(sample.bars, names)
        values = compute_set((ref,), columns, threads=1)[0].astype(np.float64)
        known = int(np.isfinite(values).sum())
        if best is None or known > int(np.isfinite(best[1]).sum()):
            best = sample, values
        if known >= _SHOWN // 3:
            break
    assert best is not None
    sample, values = best
    first, last = _window(values)
    bars = sample.bars
    return Picture(
        name=name,
        unit=declared.unit,
        price_name=f"{_INSTRUMENT}, synthetic",
        told=sample.told,
        ts_ns=bars.ts_recv_ns[first:last],
        price=bars.close[first:last],
        values=values[first:last],
        warmup=min(max(_first_value(values) - first, 0), last - first),
        declared_warmup=warmup,
        low=declared.low,
        high=declared.high,
    )


def write_picture(name: str, path: Path) -> None:
    """Write the picture of a feature as an SVG file, whole or not at all.

    Raises
    ------
    ConfigError
        If there is no such feature, or the file's name does not end in ``.svg``.
    WorkspaceError
        If the file cannot be written.
    """
    from argus.core.errors import ConfigError, WorkspaceError
    from argus.data._catalog_files import write_atomic
    from argus.report.picture import in_svg

    if path.suffix != ".svg":
        raise ConfigError(f"--picture is {path.name}; pictures are written as SVG: give a name that ends in .svg")
    drawn = in_svg(feature_picture(name))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, drawn.encode())
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be written ({error.strerror or error}); give another path") from None


def _finest(term: Term) -> float:
    """Seconds of the shortest clock that a term looks at; no bar of a sample may be longer."""
    from argus.features.graph import CLOCKS, Held, terms_below

    clocks, waiting = [math.inf], [term]
    while waiting:
        for one in terms_below([waiting.pop()]):
            if isinstance(one, Held):
                clocks.append(CLOCKS[one.clock] or math.inf)
                waiting.append(one.term)
    return min(clocks)


def _samples(seconds_max: float) -> Iterator[_Sample]:
    """Hourly bars of two months; for features with no value there five-minute bars, then sessions of some years."""
    from argus.core.time import NS_PER_DAY, NS_PER_SECOND

    if seconds_max >= _HOUR / NS_PER_SECOND:
        yield _sample(_HOUR, 42, "hourly bars")
    yield _sample(5 * _MINUTE, 42, "five-minute bars")
    if math.isinf(seconds_max):
        yield _sample(NS_PER_DAY, 1_500, "daily bars")


@cache
def _sample(interval_ns: int, sessions: int, told: str) -> _Sample:
    """Kept, because all features are drawn over the same three."""
    from argus.data.synthetic import SyntheticSpec, generate

    spec = SyntheticSpec(_INSTRUMENT, interval_ns, _START, sessions, seed=_SEED, name="sample", price_start=4_000.0)
    return _Sample(generate(spec).rows(0, _ROWS_MAX), f"{told} of a synthetic market, seed {_SEED}")


def _columns(bars: Bars, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Inputs of the sample: its bars, the calendar with futures rolled as is customary, and other members' closes."""
    from argus.data.bar_calendar import CALENDAR_COLUMNS, calendar_columns
    from argus.features import bar_columns
    from argus.features.inputs import INPUTS

    found: dict[str, NDArray[Any]] = dict(bar_columns(bars, names))
    wanted = [name for name in names if name in CALENDAR_COLUMNS]
    if wanted:
        found |= calendar_columns(replace(bars, instrument=f"{_INSTRUMENT}.202312"), wanted)
    members = sorted({name.partition("@")[2] for name in names} - {""})
    for name in names:
        if name not in found:
            plain, _, member = name.partition("@")
            own = member or "another"
            if plain in INPUTS:
                found[name] = _other(bars, plain, (*members, own).index(own))
    return found


def _other(bars: Bars, name: str, number: int) -> F64_1D:
    """A column of another member: it moves partly with the sample, partly on its own; or open interest, if asked."""
    from argus.core.random import generator

    n = len(bars)
    if name == "open_interest":
        return np.floor(2e6 * np.exp(0.002 * np.cumsum(generator(_SEED, "open interest").standard_normal(n))))
    if name not in ("open", "high", "low", "close"):
        return np.asarray(getattr(bars, name), dtype=np.float64)
    own = generator(_SEED, "member", number).standard_normal(n)
    moved = np.diff(np.log(bars.close), prepend=np.log(bars.close[0]))
    path = 0.6 * moved + 0.8 * float(moved.std()) * own
    return np.asarray(100.0 * (1 + number) * np.exp(np.cumsum(path)))


def _first_value(values: F64_1D) -> int:
    known = np.isfinite(values)
    return int(np.argmax(known)) if known.any() else len(values)


def _window(values: F64_1D) -> tuple[int, int]:
    """Rows to show: the end of the warm-up, and about two hundred rows after it."""
    n = len(values)
    begin = max(0, _first_value(values) - _SHOWN // 6)
    begin = min(begin, max(0, n - _SHOWN))
    return begin, min(n, begin + _SHOWN)
