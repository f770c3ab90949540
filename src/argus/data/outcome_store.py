"""Outcomes at rest: what followed each bar, in parts beside the features, and never told before it was known.

An outcome looks ahead, so that a table of them is the most dangerous file in a workspace: joined to features by the
time of the bar it is the future itself. Whoever decides (strategies, the engine, live trading) therefore reads it
through `KnownOutcomes.known_at`, which takes the present and gives the table as it stood then: rows of bars not yet
closed are not there, and what had not ended yet is open. `OutcomeTable.after_the_fact` gives all of it, for the lab.

There is a table for each horizon over the bars of one instrument and timeframe: a row a bar.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import BOOL_1D, F64_1D, I32_1D, I64_1D, readonly
from argus.core.errors import CatalogError, DataError
from argus.data.feature_store import KNOWN_AT, Part, PartTable, TableManifest

__all__ = [
    "NEVER",
    "BarrierColumns",
    "KnownOutcomes",
    "OutcomeColumns",
    "OutcomeStatus",
    "OutcomeTable",
    "column_names",
]

I8_1D = NDArray[np.int8]

NEVER: Final = int(np.iinfo(np.int64).max)
"""`known_at_ns` of what has not ended yet."""


class OutcomeStatus(IntEnum):
    """What became of a window of bars."""

    COMPLETE = 0
    OPEN = 1
    """The data end before the window does."""
    SESSION_END = 2
    """The session ended first, and the window with it."""
    NO_ENTRY = 3
    """There is no bar to enter on: the session was over, or its first price is none above zero."""
    HOLE = 4
    """Bars are missing in it by the trading calendar, so that it lasts longer than it says."""
    NO_VOL = 5
    """Barriers alone: the volatility that scales them is not known yet, or zero."""


@dataclass(frozen=True, slots=True, eq=False)
class BarrierColumns:
    """Which of two prices was reached first after each bar, or neither before the window's end.

    Attributes
    ----------
    known_at_ns : (n,) int64
        When that was known; `NEVER` where it is open.
    barrier : (n,) int8
        1 the upper, -1 the lower, 0 neither (or none, see `status`).
    gain : (n,) float64
        Price there as a share of the entry, less 1: at the barrier, at the open if the bar opened beyond it, at the
        window's last close if neither was reached. NaN without one.
    bars : (n,) int32
        Bars from the row to the bar where it was decided; 0 without one.
    status : (n,) int8
        `OutcomeStatus` of the window up to that bar.
    is_ambiguous : (n,) bool
        Both prices lie within the bar that decided; counted as the lower, because nothing says which came first.
    """

    known_at_ns: I64_1D
    barrier: I8_1D
    gain: F64_1D
    bars: I32_1D
    status: I8_1D
    is_ambiguous: BOOL_1D


@dataclass(frozen=True, slots=True, eq=False)
class OutcomeColumns:
    """What followed each bar within some bars, entering at the next open.

    Attributes
    ----------
    horizon : int
        Bars in the window.
    ts_event_ns, ts_recv_ns : (n,) int64
        Start of the bar, and when it was known: the decision.
    known_at_ns : (n,) int64
        When the window had ended and was known; `NEVER` where it is open.
    forward_return : (n,) float64
        Last close of the window as a share of the entry, less 1. NaN where there is none, here and below.
    run_up, drawdown : (n,) float64
        Highest and lowest price of the window as a share of the entry, less 1.
    bars_to_run_up, bars_to_drawdown : (n,) int32
        Bars from the row to the first bar that reached them; 0 where there is none.
    status : (n,) int8
        `OutcomeStatus`.
    barriers : tuple of BarrierColumns
        One for each pair of the specification.
    """

    horizon: int
    ts_event_ns: I64_1D
    ts_recv_ns: I64_1D
    known_at_ns: I64_1D
    forward_return: F64_1D
    run_up: F64_1D
    drawdown: F64_1D
    bars_to_run_up: I32_1D
    bars_to_drawdown: I32_1D
    status: I8_1D
    barriers: tuple[BarrierColumns, ...] = ()

    def __post_init__(self) -> None:
        for name, column in self.columns().items():
            if len(column) != len(self.ts_recv_ns):
                raise DataError(f"outcomes: column {name} has {len(column)} rows, expected {len(self.ts_recv_ns)}")
            readonly(column)

    def __len__(self) -> int:
        return len(self.ts_recv_ns)

    def columns(self) -> dict[str, NDArray[Any]]:
        """All columns by the names under which they are stored."""
        found: dict[str, NDArray[Any]] = {name: getattr(self, name) for name in (KNOWN_AT, *_WINDOW)}
        for number, one in enumerate(self.barriers):
            found |= {f"barrier_{number}_{name}": getattr(one, name) for name in _BARRIER}
        return found

    @classmethod
    def of(cls, horizon: int, columns: Mapping[str, NDArray[Any]]) -> OutcomeColumns:
        """The record of columns by name; the reverse of `columns`."""
        pairs = sum(name.startswith("barrier_") for name in columns) // len(_BARRIER)
        barriers = tuple(
            BarrierColumns(**{name: columns[f"barrier_{number}_{name}"] for name in _BARRIER})
            for number in range(pairs)
        )
        return cls(horizon, **{name: columns[name] for name in (KNOWN_AT, *_WINDOW)}, barriers=barriers)

    def take(self, rows: I64_1D | slice) -> OutcomeColumns:
        """Some rows, in their order: those of signals, such as entry decisions."""
        return OutcomeColumns.of(
            self.horizon, {name: np.ascontiguousarray(column[rows]) for name, column in self.columns().items()}
        )

    def known_at(self, now_ns: int) -> OutcomeColumns:
        """As it stood at an instant: bars closed by then, and of what followed them only what had ended.

        It is what would have been computed from the bars known at that instant.
        """
        kept = self.take(slice(0, int(np.searchsorted(self.ts_recv_ns, now_ns, side="right"))))
        columns = {name: column.copy() for name, column in kept.columns().items()}
        _blank(columns, "", _WINDOW, now_ns)
        for number in range(len(self.barriers)):
            _blank(columns, f"barrier_{number}_", _BARRIER, now_ns)
        return OutcomeColumns.of(self.horizon, columns)


_BARRIER: Final = tuple(one.name for one in fields(BarrierColumns))
_WINDOW: Final = tuple(one.name for one in fields(OutcomeColumns) if one.name not in ("horizon", KNOWN_AT, "barriers"))
_KEYS: Final = ("ts_event_ns", KNOWN_AT)


def column_names(pairs: int) -> tuple[str, ...]:
    """Stored columns of a table with so many pairs of barriers, in order, beside `ts_recv_ns`."""
    return (*_WINDOW, *(f"barrier_{number}_{name}" for number in range(pairs) for name in _BARRIER))


def _blank(columns: dict[str, NDArray[Any]], prefix: str, names: Sequence[str], now_ns: int) -> None:
    """Make open what was not known yet."""
    late = columns[f"{prefix}known_at_ns"] > now_ns
    for name in names:
        if name in _KEYS:
            continue
        column = columns[prefix + name]
        if name == "known_at_ns":
            column[late] = NEVER
        elif name == "status":
            column[late] = OutcomeStatus.OPEN
        else:
            column[late] = np.nan if column.dtype.kind == "f" else 0


class KnownOutcomes:
    """Outcomes for whoever decides: only what was known at the time.

    Parameters
    ----------
    folder : Path
        Of one table.
    """

    def __init__(self, folder: Path) -> None:
        self._table = _OutcomeParts(folder)

    def known_at(self, now_ns: int) -> OutcomeColumns:
        """The table as it stood at an instant.

        Parameters
        ----------
        now_ns : int
            The present of whoever asks, such as `View.now_ns`.

        Raises
        ------
        CatalogError
            If there is no table, it is unfinished, or a file of it is damaged.
        """
        manifest = self._table.whole()
        parts = [part for part in manifest.parts if part.first_recv_ns <= now_ns]
        return self._table.read(manifest, parts or manifest.parts[:1]).known_at(now_ns)


class OutcomeTable(KnownOutcomes):
    """A folder with the outcomes of one horizon over the bars of one instrument and timeframe.

    Parameters
    ----------
    folder : Path
        Made with the first part.
    """

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._table.folder

    @property
    def parts(self) -> PartTable:
        """The files, for whoever writes them."""
        return self._table

    def after_the_fact(self) -> OutcomeColumns:
        """All rows with all that followed them. To be read by the lab alone: no decision may rest on it.

        Raises
        ------
        CatalogError
            If there is no table, it is unfinished, or a file of it is damaged.
        """
        manifest = self._table.whole()
        return self._table.read(manifest, manifest.parts)


class _OutcomeParts(PartTable):
    remedy: ClassVar[str] = "make the outcomes again (argus lab outcomes)"

    def whole(self) -> TableManifest:
        manifest = self.manifest()
        if manifest is None or not manifest.parts:
            raise CatalogError(f"{self.folder} holds no outcomes; make them first (argus lab outcomes)")
        if not manifest.is_whole:
            raise CatalogError(f"{self.folder}: making it was not finished; run the same argus lab outcomes again")
        return manifest

    def read(self, manifest: TableManifest, parts: Sequence[Part]) -> OutcomeColumns:
        """Rows of some parts, put together."""
        names = [KNOWN_AT, *manifest.columns]
        read = list(self._columns(parts, names))
        columns = {name: np.concatenate([one[name] for one in read]) for name in names}
        return OutcomeColumns.of(int(manifest.about["horizon"]), columns)

    def _columns(self, parts: Sequence[Part], names: Sequence[str]) -> Iterator[dict[str, NDArray[Any]]]:
        for part in parts:
            found = self.read_columns(part, names)
            if len(found[KNOWN_AT]) != part.rows:
                raise CatalogError(
                    f"{self.folder / part.file} has {len(found[KNOWN_AT])} rows and its manifest says {part.rows}; "
                    f"{self.remedy}"
                )
            yield found
