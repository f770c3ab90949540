"""Text, epoch counts and typed stamps to UTC nanoseconds or session dates, by what was stated and nothing else.

A local time that a clock change repeats or skips has two readings or none, and a stamp without a zone has as many as
there are zones. None of these is guessed here: the first is a fault of its row, the second an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import I64_1D
from argus.core.errors import ImportFailed
from argus.core.time import NS_PER_DAY, NS_PER_SECOND, format_ns

if TYPE_CHECKING:
    import polars as pl

__all__ = ["EPOCH_UNITS", "FAULTS", "Stamps", "read_dates", "read_instants"]

EPOCH_UNITS: Final = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": NS_PER_SECOND}
"""Time formats that count from 1970-01-01 UTC, with their length in nanoseconds."""

FAULTS: Final = {
    1: ("no_time", "the time stamp is empty"),
    2: ("unparsable_time", "it is not a time in the stated form"),
    3: ("ambiguous_time", "the clock change makes this local time occur twice; deliver UTC or stamps with an offset"),
    4: ("nonexistent_time", "the clock change skips this local time; is the stated time zone right?"),
    5: ("implausible_time", "it lies outside the years 1850 to 2200; is the stated unit right?"),
    6: ("time_of_day", "a session date must be a plain date or a local midnight; state the time zone it is meant in"),
}
"""Fault code to its reason and its explanation; 0 is no fault."""

_EARLIEST_NS: Final = -3_786_912_000 * NS_PER_SECOND
_LATEST_NS: Final = 7_258_118_400 * NS_PER_SECOND
_OFFSET: Final = r"(:\d{2}(?:\.\d+)?)\s?(Z|z|[+-]\d{2}(?::?\d{2})?)$"
_UTC_NAMES: Final = ("UTC", "Etc/UTC", "Z", "GMT", "Etc/GMT")


@dataclass(frozen=True, slots=True, eq=False)
class Stamps:
    """Stamps of a column.

    Attributes
    ----------
    values : (n,) int64
        UTC nanoseconds, or day numbers of session dates; 0 where `fault` is not.
    fault : (n,) uint8
        Key into `FAULTS`, or 0.
    """

    values: I64_1D
    fault: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class _Walls:
    """Wall-clock readings before a zone is applied: nanoseconds as if UTC, with the offset of each where it has one."""

    wall_ns: I64_1D
    offset_ns: I64_1D | None
    fault: NDArray[np.uint8]


def read_instants(column: pl.Series, time_format: str, timezone: str | None, lines: I64_1D, where: str) -> Stamps:
    """UTC nanoseconds of the stamps.

    Parameters
    ----------
    column : polars.Series
        Text, integers or typed times.
    time_format : str
        A key of `EPOCH_UNITS`, ``"iso"``, ``"datetime"`` for a typed column, or a strptime pattern.
    timezone : str or None
        IANA zone of naive stamps.
    lines : (n,) int64
        Source line of each stamp, for messages.
    where : str
        File and column, for messages.

    Raises
    ------
    ImportFailed
        If a naive stamp has no stated zone, or a stated zone contradicts the offset that a stamp carries.
    """
    walls = _walls(column, time_format, where)
    fault = walls.fault
    if walls.offset_ns is not None:
        values = walls.wall_ns - walls.offset_ns
        if timezone is not None and timezone not in _UTC_NAMES:
            _check_offsets(walls, values, timezone, lines, where)
        elif timezone is not None and (walls.offset_ns[fault == 0] != 0).any():
            row = int(np.flatnonzero((fault == 0) & (walls.offset_ns != 0))[0])
            _contradiction(where, lines, row, int(walls.offset_ns[row]), timezone, 0)
    elif timezone is None:
        raise ImportFailed(
            f"{where}: the stamps carry no offset from UTC (line {lines[0]} has {column[0]}); state timezone= as an "
            "IANA name, such as 'UTC', 'America/New_York' or 'America/Chicago'"
        )
    elif timezone in _UTC_NAMES:
        values = walls.wall_ns
    else:
        values, fault = _local_to_utc(walls, timezone, where)
    outside = (fault == 0) & ((values < _EARLIEST_NS) | (values > _LATEST_NS))
    return _clean(values, np.where(outside, np.uint8(5), fault))


def read_dates(column: pl.Series, time_format: str, timezone: str | None, lines: I64_1D, where: str) -> Stamps:
    """Session dates of the stamps, as day numbers: the date as written, or the local date where `timezone` is stated.

    Raises
    ------
    ImportFailed
        If the stated zone is unknown.
    """
    import polars as pl

    if column.dtype == pl.Date:
        days = column.cast(pl.Int32).cast(pl.Int64)
        empty = column.is_null().to_numpy()
        return _clean(days.fill_null(0).to_numpy(), np.where(empty, np.uint8(1), np.uint8(0)))
    walls = _walls(column, time_format, where)
    local_ns = walls.wall_ns
    if walls.offset_ns is not None and timezone is not None:
        utc_ns = walls.wall_ns - walls.offset_ns
        local_ns = utc_ns + _zone_offset(utc_ns, timezone, where)
    days_of, of_day = np.divmod(local_ns, NS_PER_DAY)
    fault = walls.fault.copy()
    fault[(fault == 0) & (of_day != 0)] = 6
    fault[(fault == 0) & ((local_ns < _EARLIEST_NS) | (local_ns > _LATEST_NS))] = 5
    return _clean(days_of, fault)


def _clean(values: I64_1D, fault: NDArray[np.uint8]) -> Stamps:
    return Stamps(np.where(fault == 0, values, 0).astype(np.int64), fault.astype(np.uint8))


def _walls(column: pl.Series, time_format: str, where: str) -> _Walls:
    import polars as pl

    if time_format in EPOCH_UNITS:
        return _epoch_walls(column, EPOCH_UNITS[time_format], where)
    if isinstance(column.dtype, pl.Datetime) or column.dtype == pl.Date:
        if time_format != "datetime":
            raise ImportFailed(
                f"{where} holds typed times ({column.dtype}) but time_format is stated as {time_format!r}; "
                "state time_format='datetime'"
            )
        return _typed_walls(column, where)
    if column.dtype != pl.String:
        raise ImportFailed(
            f"{where} holds {column.dtype}, which time_format={time_format!r} cannot read; for counts since 1970 state "
            "one of 'ns', 'us', 'ms', 's'"
        )
    if time_format == "datetime":
        raise ImportFailed(f"{where} holds text; time_format='datetime' is for typed columns: state 'iso' or a pattern")
    text = column.str.strip_chars()
    empty = text.is_null().to_numpy() | (text.str.len_bytes().fill_null(0) == 0).to_numpy()
    walls = _iso_walls(text, where) if time_format == "iso" else _pattern_walls(text, time_format, where)
    walls.fault[empty] = 1
    return walls


def _epoch_walls(column: pl.Series, unit_ns: int, where: str) -> _Walls:
    import polars as pl

    if not (column.dtype.is_integer() or column.dtype.is_float() or column.dtype == pl.String):
        raise ImportFailed(
            f"{where} holds {column.dtype}, not counts since 1970; state time_format='datetime' or 'iso'"
        )
    text = column.str.strip_chars() if column.dtype == pl.String else column
    counts = text.cast(pl.Int64, strict=False)
    if column.dtype.is_float():
        counts = counts.set(counts.cast(pl.Float64) != column, None)
    missing = counts.is_null().to_numpy()
    empty = column.is_null().to_numpy()
    values = counts.fill_null(0).to_numpy()
    huge = np.abs(values) > _LATEST_NS // unit_ns
    fault = np.where(empty, 1, np.where(missing, 2, np.where(huge, 5, 0))).astype(np.uint8)
    return _Walls(np.where(huge, 0, values) * unit_ns, np.zeros(len(values), np.int64), fault)


def _typed_walls(column: pl.Series, where: str) -> _Walls:
    import polars as pl

    if column.dtype == pl.Date:
        raise ImportFailed(f"{where} holds dates without a time of day; state stamp='session_date'")
    zone = column.dtype.time_zone  # type: ignore[attr-defined]
    fault = np.where(column.is_null().to_numpy(), np.uint8(1), np.uint8(0))
    values = _bounded_ns(column, fault)
    if zone is None:
        return _Walls(values, None, fault)
    offset = np.zeros(len(values), np.int64) if zone in _UTC_NAMES else _zone_offset(values, zone, where)
    return _Walls(values + offset, offset, fault)


def _iso_walls(text: pl.Series, where: str) -> _Walls:
    import polars as pl

    offsets = text.str.extract(_OFFSET, 2)
    aware = int(offsets.is_not_null().sum())
    bare = text.str.replace(_OFFSET, "$1") if aware else text
    bare = bare.str.replace("T", " ", literal=True)
    moment = bare.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    for pattern in ("%Y-%m-%d %H:%M", "%Y-%m-%d"):
        if moment.null_count() == 0:
            break
        other = bare.str.to_datetime if pattern != "%Y-%m-%d" else bare.str.to_date
        moment = pl.select(pl.coalesce(moment, other(pattern, strict=False).cast(pl.Datetime("us")))).to_series()
    fault = np.where(moment.is_null().to_numpy(), np.uint8(2), np.uint8(0))
    wall_ns = _bounded_ns(moment, fault)
    finer = bare.str.extract(r":\d{2}\.\d{6}(\d{1,3})$", 1)
    if finer.null_count() < len(finer):
        wall_ns = wall_ns + finer.str.pad_end(3, "0").cast(pl.Int64).fill_null(0).to_numpy()
    if aware == 0:
        return _Walls(wall_ns, None, fault)
    carried = offsets.is_not_null().to_numpy()
    bare_rows = np.flatnonzero(~carried & (fault == 0))
    if len(bare_rows):
        row = int(bare_rows[0])
        raise ImportFailed(
            f"{where}: {aware} stamps carry an offset from UTC and {len(bare_rows)} do not (first: {text[row]!r}); "
            "one statement cannot be right for both: divide the file"
        )
    seconds = {key: _offset_seconds(key) for key in offsets.unique().to_list() if key is not None}
    offset_s = offsets.replace_strict(seconds, default=0, return_dtype=pl.Int64).fill_null(0).to_numpy()
    return _Walls(wall_ns, offset_s * NS_PER_SECOND, fault)


def _offset_seconds(text: str) -> int:
    if text in ("Z", "z"):
        return 0
    digits = text[1:].replace(":", "").ljust(4, "0")
    return (1 if text[0] == "+" else -1) * (int(digits[:2]) * 3_600 + int(digits[2:]) * 60)


def _pattern_walls(text: pl.Series, pattern: str, where: str) -> _Walls:
    import polars as pl

    try:
        if any(part in pattern for part in ("%z", "%:z", "%#z")):
            utc = text.str.to_datetime(pattern, time_unit="us", time_zone="UTC", strict=False)
            fault = np.where(utc.is_null().to_numpy(), np.uint8(2), np.uint8(0))
            values = _bounded_ns(utc, fault)
            return _Walls(values, np.zeros(len(values), np.int64), fault)
        dated_only = not any(part in pattern for part in ("%H", "%I", "%T", "%R", "%k", "%l"))
        parse = text.str.to_date if dated_only else text.str.to_datetime
        moment = parse(pattern, strict=False).cast(pl.Datetime("us"))
    except pl.exceptions.PolarsError as error:
        raise ImportFailed(f"{where}: time_format={pattern!r} is not a usable strptime pattern: {error}") from None
    fault = np.where(moment.is_null().to_numpy(), np.uint8(2), np.uint8(0))
    return _Walls(_bounded_ns(moment, fault), None, fault)


def _bounded_ns(moments: pl.Series, fault: NDArray[np.uint8]) -> I64_1D:
    """Nanoseconds of typed times; those outside the plausible years become faults before they can wrap around."""
    unit_ns = EPOCH_UNITS[moments.dtype.time_unit]  # type: ignore[attr-defined]
    counts = moments.to_physical().fill_null(0).to_numpy()
    outside = (counts < _EARLIEST_NS // unit_ns) | (counts > _LATEST_NS // unit_ns)
    fault[outside & (fault == 0)] = 5
    values: I64_1D = np.where(outside, 0, counts) * unit_ns
    return values


def _known_zone(timezone: str, where: str) -> str:
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ImportFailed(
            f"{where}: no time zone is called {timezone!r}; use an IANA name such as 'America/Chicago'"
        ) from None
    return timezone


def _zone_offset(utc_ns: I64_1D, timezone: str, where: str) -> I64_1D:
    """Offset of the zone from UTC at each instant, nanoseconds."""
    import polars as pl

    utc = pl.Series(utc_ns).cast(pl.Datetime("ns", "UTC"))
    local = utc.dt.convert_time_zone(_known_zone(timezone, where)).dt.replace_time_zone(None)
    offset: I64_1D = local.to_physical().to_numpy() - utc_ns
    return offset


def _local_to_utc(walls: _Walls, timezone: str, where: str) -> tuple[I64_1D, NDArray[np.uint8]]:
    """UTC of naive stamps; those that occur twice or never in the zone become faults."""
    import polars as pl

    zone = _known_zone(timezone, where)
    naive = pl.Series(walls.wall_ns).cast(pl.Datetime("ns"))
    utc = naive.dt.replace_time_zone(zone, ambiguous="null", non_existent="null").to_physical()
    fault = walls.fault.copy()
    unclear = utc.is_null().to_numpy() & (fault == 0)
    if unclear.any():
        rows = np.flatnonzero(unclear)
        either = naive.gather(rows).dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        fault[rows] = np.where(either.is_null().to_numpy(), 4, 3)
    return utc.fill_null(0).to_numpy(), fault


def _check_offsets(walls: _Walls, utc_ns: I64_1D, timezone: str, lines: I64_1D, where: str) -> None:
    assert walls.offset_ns is not None
    stated = _zone_offset(utc_ns, timezone, where)
    wrong = (stated != walls.offset_ns) & (walls.fault == 0)
    if wrong.any():
        row = int(np.argmax(wrong))
        _contradiction(where, lines, row, int(walls.offset_ns[row]), timezone, int(stated[row]))


def _contradiction(where: str, lines: I64_1D, row: int, carried_ns: int, timezone: str, stated_ns: int) -> NoReturn:
    def text(offset_ns: int) -> str:
        sign, minutes = ("-", -offset_ns) if offset_ns < 0 else ("+", offset_ns)
        hours, minutes = divmod(minutes // (60 * NS_PER_SECOND), 60)
        return f"{sign}{hours:02d}:{minutes:02d}"

    raise ImportFailed(
        f"{where}: line {lines[row]} carries the offset {text(carried_ns)}, but timezone={timezone!r} has "
        f"{text(stated_ns)} there; the stamps state their zone themselves: leave timezone out, or correct it"
    )


def unit_hint(value: int, time_format: str) -> str:
    """Which epoch unit would make a plausible time of a count that the stated unit does not; empty if none."""
    for unit, unit_ns in EPOCH_UNITS.items():
        if unit != time_format and _EARLIEST_NS < value * unit_ns < _LATEST_NS and value * unit_ns > 10**17:
            return f" Read as {unit}, {value} is {format_ns(value * unit_ns)}."
    return ""
