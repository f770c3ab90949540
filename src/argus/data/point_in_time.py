"""Slow series beside fast ones, joined by when each value was released: macro figures, rates, closes of the VIX.

A value about January that was released in February was unknown in January, and its revision of March was unknown until
March. So every row carries two dates, what it is about and when it came out, and a join looks at the second one only.
What is in force at an instant is the latest release about the latest date that has been released by then: a revision
of an older figure does not take the place of a newer one.

Files are read as quotes and bars are: nothing is guessed, and a row that cannot be one is kept apart with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np

from argus.core.arrays import F64_1D, I64_1D, readonly
from argus.core.errors import DataError, ImportFailed
from argus.core.time import NS_PER_DAY, NS_PER_MINUTE, NS_PER_SECOND, day_of, format_ns
from argus.data._catalog_stamps import EPOCH_UNITS, FAULTS, Stamps, read_dates, read_instants
from argus.data._catalog_statement import listed
from argus.data.importing import written_ns
from argus.data.raw import Rejection, SourceTable
from argus.data.sources import open_source

__all__ = ["SeriesReason", "SlowSeries", "SlowSeriesRead", "SlowSeriesSpec", "as_of_rows", "read_slow_series"]

_WRONG_SHARE_MAX: Final = 0.10
_TIME_OF_DAY: Final = next(code for code, (reason, _) in FAULTS.items() if reason == "time_of_day")


def as_of_rows(known_ns: I64_1D, ts_recv_ns: I64_1D) -> I64_1D:
    """Row of the last value that was known at or before each instant.

    Parameters
    ----------
    known_ns : (n,) int64
        Instants of decisions, such as `Bars.ts_recv_ns`; in any order, fastest if they never fall.
    ts_recv_ns : (m,) int64
        When each row of the other series could first be known; never falls. Of rows of one instant the last counts.

    Returns
    -------
    (n,) int64
        -1 where nothing was known.

    Raises
    ------
    DataError
        If `ts_recv_ns` falls; names the row.
    """
    late = np.flatnonzero(ts_recv_ns[1:] < ts_recv_ns[:-1])
    if len(late):
        row = int(late[0]) + 1
        raise DataError(
            f"row {row} was known at {format_ns(int(ts_recv_ns[row]))}, before the row above it "
            f"({format_ns(int(ts_recv_ns[row - 1]))}); sort the rows by when they were known"
        )
    if len(known_ns) and (known_ns[1:] >= known_ns[:-1]).all():
        # Where each value begins among the instants is found once a value, not once an instant.
        begins = np.searchsorted(known_ns, ts_recv_ns, side="left")
        lengths = np.diff(np.concatenate(([0], begins, [len(known_ns)])))
        return np.repeat(np.arange(-1, len(ts_recv_ns), dtype=np.int64), lengths)
    return np.searchsorted(ts_recv_ns, known_ns, side="right").astype(np.int64) - 1


@dataclass(frozen=True, slots=True, eq=False)
class SlowSeries:
    """Values with what they are about and when they were released, oldest release first.

    Attributes
    ----------
    name : str
    about : (n,) int64
        Date that each value is about, days since 1970-01-01: a period by its first or last day, as the source has it.
        Within one release the dates rise.
    ts_recv_ns : (n,) int64
        When it could first be known; UTC nanoseconds, never falls.
    values : (n,) float64
        Finite.

    Raises
    ------
    DataError
        Naming the first row that is out of order, or released twice at once, or no number.
    """

    name: str
    about: I64_1D
    ts_recv_ns: I64_1D
    values: F64_1D

    def __post_init__(self) -> None:
        n = len(self.values)
        for column in ("about", "ts_recv_ns"):
            if len(getattr(self, column)) != n:
                raise DataError(f"series {self.name}: {len(getattr(self, column))} rows of {column} and {n} values")
        for array in (self.about, self.ts_recv_ns, self.values):
            readonly(array)
        same = self.ts_recv_ns[1:] == self.ts_recv_ns[:-1]
        for label, bad in (
            ("its value is not finite", ~np.isfinite(self.values)),
            ("it was released before the row above it", np.append(False, self.ts_recv_ns[1:] < self.ts_recv_ns[:-1])),
            (
                "it is about no later date than the row above it, which was released at the same instant",
                np.append(False, same & (self.about[1:] <= self.about[:-1])),
            ),
        ):
            if bad.any():
                row = int(np.argmax(bad))
                raise DataError(
                    f"series {self.name}: row {row}: {label} (about {day_of(int(self.about[row]))}, released "
                    f"{format_ns(int(self.ts_recv_ns[row]))}, {self.values[row]:g}); sort by release, then by date"
                )

    def __len__(self) -> int:
        return len(self.values)

    def rows_as_of(self, known_ns: I64_1D) -> I64_1D:
        """Row in force at each instant; -1 before the first release."""
        newest = np.maximum.accumulate(self.about)
        row = np.arange(len(self), dtype=np.int64)
        in_force = np.maximum.accumulate(np.where(self.about == newest, row, 0))
        at = as_of_rows(known_ns, self.ts_recv_ns)
        return np.where(at < 0, -1, np.append(in_force, -1)[at])

    def as_of(self, known_ns: I64_1D) -> F64_1D:
        """Value in force at each instant; NaN before the first release.

        Parameters
        ----------
        known_ns : (n,) int64
            When each decision is made, such as `Bars.ts_recv_ns`.

        Returns
        -------
        (n,) float64
        """
        return np.append(self.values, np.nan)[self.rows_as_of(known_ns)]


class SeriesReason(StrEnum):
    """Why a row is no value of a series, beside the faults of its stamps."""

    UNPARSABLE = "unparsable"
    MISSING_VALUE = "missing_value"
    INFINITE = "infinite"
    FUTURE = "future"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class SlowSeriesSpec:
    """What is stated about a file of a slow series.

    Attributes
    ----------
    name : str
    about_column, release_column, value_column : str
    about_format, release_format : str
        As `time_format` in `argus.data.importing.ImportSpec`.
    timezone : str or None
        IANA zone of releases without an offset.
    release_clock : time or None
        Time of day of the releases, where the file has only their dates; a local time of `timezone`.
    delimiter, encoding : str
        Of a text file.
    """

    name: str
    about_column: str = "event_date"
    release_column: str = "release_time"
    value_column: str = "value"
    about_format: str = "iso"
    release_format: str = "iso"
    timezone: str | None = None
    release_clock: time | None = None
    delimiter: str = ","
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True, eq=False)
class SlowSeriesRead:
    """A series of a file, and the rows of it that are none.

    Attributes
    ----------
    series : SlowSeries
    quarantined : tuple of Rejection
        In the order of the file.
    """

    series: SlowSeries
    quarantined: tuple[Rejection, ...]


def read_slow_series(path: Path, spec: SlowSeriesSpec, *, now_ns: int | None = None) -> SlowSeriesRead:
    """A slow series of a text or Parquet file; rows may stand in any order.

    Parameters
    ----------
    path : Path
    spec : SlowSeriesSpec
    now_ns : int, optional
        A row released later is quarantined; by default the time at which the file was last written.

    Raises
    ------
    ImportFailed
        If the statement names columns that the file does not have, more than a tenth of the rows are unreadable, no row
        is a value, releases have no time of day and none is stated, or every release precedes what it is about.
    """
    source = open_source(path, delimiter=spec.delimiter, encoding=spec.encoding)
    columns = (spec.about_column, spec.release_column, spec.value_column)
    absent = [name for name in columns if name not in source.names]
    if absent:
        raise ImportFailed(
            f"{path.name}: no column is called {listed(absent)}; state about_column, release_column and value_column. "
            f"The file's columns are: {listed(source.names)}"
        )
    table = source.table(list(dict.fromkeys(columns)))
    rejected: dict[int, Rejection] = {}
    about = _stamps(table, spec.about_column, _about(table, spec), rejected)
    recv_ns = _stamps(table, spec.release_column, _released(table, spec), rejected)
    values = _values(table, spec.value_column, rejected)
    unreadable = len(rejected)
    if unreadable > _WRONG_SHARE_MAX * table.frame.height:
        raise ImportFailed(
            f"{path.name}: {unreadable} of {table.frame.height} rows cannot be read as stated, so that the statement "
            f"is wrong or the file damaged; the first: {rejected[min(rejected)].message}"
        )
    _check_rows(table, about, recv_ns, values, rejected, written_ns(path) if now_ns is None else now_ns)
    kept = np.array([row for row in range(len(values)) if row not in rejected], dtype=np.int64)
    quarantined = tuple(sorted([*table.rejected, *rejected.values()], key=lambda one: one.source_line))
    if not len(kept):
        first = f"; the first: {quarantined[0].message}" if quarantined else ""
        raise ImportFailed(f"{path.name}: none of {table.frame.height} rows is a value{first}")
    if (recv_ns[kept] < about[kept] * NS_PER_DAY - NS_PER_DAY).all():
        raise ImportFailed(
            f"{path.name}: every row is released before the date that it is about; were {spec.about_column!r} and "
            f"{spec.release_column!r} mistaken for each other?"
        )
    order = kept[np.lexsort((about[kept], recv_ns[kept]))]
    return SlowSeriesRead(SlowSeries(spec.name, about[order], recv_ns[order], values[order]), quarantined)


def _about(table: SourceTable, spec: SlowSeriesSpec) -> Stamps:
    where = f"{table.name}, column {spec.about_column!r}"
    return read_dates(table.frame[spec.about_column], spec.about_format, None, table.source_line, where)


def _released(table: SourceTable, spec: SlowSeriesSpec) -> Stamps:
    """Releases as instants; with a stated time of day, from dates."""
    import polars as pl

    name = spec.release_column
    column, where = table.frame[name], f"{table.name}, column {name!r}"
    dates = None
    if column.dtype == pl.Date or spec.release_format not in EPOCH_UNITS:
        dates = read_dates(column, spec.release_format, None, table.source_line, where)
    if spec.release_clock is None:
        if dates is not None and (dates.fault == 0).any() and not (dates.fault == _TIME_OF_DAY).any():
            raise ImportFailed(
                f"{where} holds dates without a time of day, and at midnight nothing had been released; state "
                "release_clock= and timezone=, such as 8:30 in 'America/New_York', or the end of the day to be careful"
            )
        return read_instants(column, spec.release_format, spec.timezone, table.source_line, where)
    if dates is None:
        raise ImportFailed(
            f"{where}: release_clock is stated, but counts since 1970 have a time of day; leave it out, or state the "
            "release_format of dates"
        )
    clock = spec.release_clock
    of_day = (clock.hour * 60 + clock.minute) * NS_PER_MINUTE + clock.second * NS_PER_SECOND
    wall = pl.Series(name, dates.values * NS_PER_DAY + of_day).cast(pl.Datetime("ns"))
    stamps = read_instants(wall, "datetime", spec.timezone, table.source_line, where)
    return Stamps(stamps.values, np.where(dates.fault != 0, dates.fault, stamps.fault))


def _stamps(table: SourceTable, name: str, stamps: Stamps, rejected: dict[int, Rejection]) -> I64_1D:
    for row in np.flatnonzero(stamps.fault).tolist():
        reason, why = FAULTS[int(stamps.fault[row])]
        _reject(table, row, reason, f"column {name!r}: found {table.frame[name][row]!r}: {why}", rejected)
    return stamps.values


def _values(table: SourceTable, name: str, rejected: dict[int, Rejection]) -> F64_1D:
    """The values; what is empty, no number or infinite rejects its row."""
    import polars as pl

    column = table.frame[name]
    is_text = column.dtype == pl.String
    text = column.str.strip_chars() if is_text else column
    values: F64_1D = text.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy().copy()
    empty = column.is_null().to_numpy() | ((text.str.len_bytes().fill_null(0) == 0).to_numpy() if is_text else False)
    for row in np.flatnonzero(~np.isfinite(values)).tolist():
        if np.isinf(values[row]):
            reason, why = SeriesReason.INFINITE, "it is infinite"
        elif empty[row] or not is_text:
            reason, why = SeriesReason.MISSING_VALUE, "it is empty"
        else:
            reason, why = SeriesReason.UNPARSABLE, "it is not a number"
        _reject(table, row, reason, f"column {name!r}: found {column[row]!r}: {why}", rejected)
    return values


def _check_rows(
    table: SourceTable, about: I64_1D, recv_ns: I64_1D, values: F64_1D, rejected: dict[int, Rejection], now_ns: int
) -> None:
    """Reject what is later than the file, stands twice, or contradicts another row of the same release."""
    first: dict[tuple[int, int], int] = {}
    at_odds: set[int] = set()
    for row in range(len(values)):
        if row in rejected:
            continue
        if recv_ns[row] > now_ns:
            told = f"it was released at {format_ns(int(recv_ns[row]))}, later than its file"
            _reject(table, row, SeriesReason.FUTURE, told, rejected)
            continue
        key = (int(about[row]), int(recv_ns[row]))
        before = first.setdefault(key, row)
        if before == row:
            continue
        if values[before] == values[row]:
            told = f"the same release stands in line {int(table.source_line[before])}"
            _reject(table, row, SeriesReason.DUPLICATE, told, rejected)
        else:
            at_odds |= {before, row}
    for row in sorted(at_odds):
        told = (
            f"another row of the same release about {day_of(int(about[row]))} has another value than {values[row]:g}, "
            "and nothing says which is right"
        )
        _reject(table, row, SeriesReason.CONFLICT, told, rejected)


def _reject(table: SourceTable, row: int, reason: str, what: str, rejected: dict[int, Rejection]) -> None:
    line = int(table.source_line[row])
    rejected.setdefault(row, Rejection(line, str(reason), f"line {line}, {what}", table.original(row)))
