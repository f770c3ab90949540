"""Quality gates: what is wrong with each row of a source, what is odd about it, and how complete the whole is.

Bad data are worse than none, so a row that cannot be true (a high below the close, two different bars at one instant,
a bar from the future) is fatal: it goes to quarantine. A row that is merely odd (outside the session, off the tick
grid, a spike) is kept and reported, because markets do odd things and a repaired price is an invented one. Nothing is
filled, smoothed or dropped here; `inspect` only says what it found, row by row and in plain sentences, and the importer
acts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag
from typing import TYPE_CHECKING, Final

import numpy as np

from argus.core.arrays import BAR_FIELDS, BOOL_1D, F64_1D, I32_1D, I64_1D
from argus.core.time import NS_PER_DAY, day_of, format_ns
from argus.data._quality_sessions import Completeness, completeness, shifted_by_an_hour
from argus.data.calendars import assign_sessions

if TYPE_CHECKING:
    from argus.core.instruments import InstrumentSpec
    from argus.data.raw import RawBars

__all__ = ["Completeness", "Example", "Inspection", "QualityLimits", "QualityReason", "inspect"]


class QualityReason(IntFlag):
    """Why a row is bad (bits below 2^16: to quarantine) or odd (above: kept and reported)."""

    MISSING_VALUE = 1 << 0
    INFINITE = 1 << 1
    OHLC = 1 << 2
    NON_POSITIVE = 1 << 3
    NEGATIVE_VOLUME = 1 << 4
    DUPLICATE = 1 << 5
    CONFLICT = 1 << 6
    FUTURE = 1 << 7
    BAD_TIMES = 1 << 8
    OVERLAP = 1 << 9
    OUT_OF_ORDER = 1 << 16
    OUTSIDE_SESSION = 1 << 17
    OFF_TICK = 1 << 18
    SPIKE = 1 << 19
    STALE = 1 << 20
    VOLUME_ANOMALY = 1 << 21
    SPLIT = 1 << 22
    DAYLIGHT_SAVING = 1 << 23


_FATAL: Final = (1 << 16) - 1
# Stamps beyond these are a wrong unit, not a market; the calendars end there too.
_TS_MIN: Final = -85 * 366 * NS_PER_DAY
_TS_MAX: Final = 130 * 365 * NS_PER_DAY
_NO_NOW: Final = np.iinfo(np.int64).max
_SPLITS: Final = (1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0)


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """Where odd begins. The defaults are meant to stay silent on sound data of liquid markets.

    Attributes
    ----------
    spike_sigmas, spike_share_min, spike_revert : float
        A spike is a change beyond so many robust deviations and beyond this share of the price, of which at most the
        share `spike_revert` is left at the next close; or a high or low that far from the bar's other prices.
    spike_quarantine, outside_quarantine : bool
        Make spikes, or bars outside the session, fatal instead of reported.
    window : int
        Bars before each row that the robust deviations are taken over.
    stale_bars, stale_sessions : int
        Identical frozen bars in a row that are reported: intraday, and for session bars.
    volume_sigmas : float
        Robust deviations of the logarithm of volume.
    stale_open_share : float
        Share of session bars that open exactly at the previous close above which opens count as not observed; what the
        neighbouring ticks suggest as chance is deducted first.
    off_tick_share : float
        Share of rows off the tick grid above which it is no fault of rows but the nature of the source, noted once.
    split_tolerance : float
        How far a jump's ratio may lie from a round split ratio, as a share.
    examples : int
        Rows shown per reason.
    """

    spike_sigmas: float = 25.0
    spike_share_min: float = 0.003
    spike_revert: float = 0.3
    spike_quarantine: bool = False
    outside_quarantine: bool = False
    window: int = 50
    stale_bars: int = 60
    stale_sessions: int = 5
    volume_sigmas: float = 15.0
    stale_open_share: float = 0.10
    off_tick_share: float = 0.5
    split_tolerance: float = 0.04
    examples: int = 3


@dataclass(frozen=True, slots=True)
class Example:
    """One row that shows a reason: where it stood in the source, and what is wrong with it, in a sentence."""

    reason: QualityReason
    source_line: int
    ts_event_ns: int
    sentence: str


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """What the gates found.

    Attributes
    ----------
    instrument : str
    reasons : (n,) uint32
        Bits of `QualityReason` of each row, in the order of the source.
    fatal : (n,) bool
        Rows for quarantine.
    kept : (m,) int64
        The other rows, sorted by the start of the bar.
    counts : mapping of str to int
        Rows per reason, by lower-case name; reasons without rows are left out.
    examples : tuple of Example
        The first few rows of each reason.
    completeness : Completeness
    observed : frozenset of str
        Which of the bar's fields hold observations, after the gates.
    stale_open_share : float
        Share of kept session bars that open exactly at the previous close; NaN where it means nothing.
    notes : tuple of str
        Sentences about the source as a whole.
    """

    instrument: str
    reasons: np.ndarray[tuple[int], np.dtype[np.uint32]]
    fatal: BOOL_1D
    kept: I64_1D
    counts: Mapping[str, int]
    examples: tuple[Example, ...]
    completeness: Completeness
    observed: frozenset[str]
    stale_open_share: float
    notes: tuple[str, ...]

    def lines(self) -> list[str]:
        """The findings for people, the verdict first."""
        rows, bad = len(self.reasons), int(self.fatal.sum())
        odd = int((~self.fatal & (self.reasons != 0)).sum())
        found = [f"{self.instrument}: {rows:,} rows, {rows - bad:,} good, {bad:,} to quarantine, {odd:,} kept but odd"]
        for reason in QualityReason:
            name = _name(reason)
            if name not in self.counts:
                continue
            count, what = self.counts[name], name.replace("_", " ")
            found.append(f"  {what}: {count:,} row{'s' if count != 1 else ''}")
            found += [f"    {example.sentence}" for example in self.examples if example.reason == reason]
        found += [f"  {note}" for note in self.notes]
        return [*found, *self._completeness_lines()]

    def _completeness_lines(self) -> list[str]:
        table = self.completeness
        lost = [day_of(day).isoformat() for day in table.missing_sessions]
        due = int((table.expected > 0).sum())
        found = [
            f"  sessions: {due - len(lost):,} of {due:,} present; bars: {table.share_complete:.2%} of "
            f"{int(table.expected.sum()):,} expected, {int(table.missing.sum()):,} missing, "
            f"{int(table.extra.sum()):,} extra"
        ]
        if lost:
            more = f" and {len(lost) - 10} more" if len(lost) > 10 else ""
            found.append(f"  sessions without a bar: {', '.join(lost[:10])}{more}")
        return found

    def as_dict(self) -> dict[str, object]:
        """The findings as plain values for JSON."""
        table = self.completeness
        return {
            "instrument": self.instrument,
            "rows": len(self.reasons),
            "rows_kept": len(self.kept),
            "rows_fatal": int(self.fatal.sum()),
            "counts": dict(self.counts),
            "examples": [
                {
                    "reason": _name(example.reason),
                    "source_line": example.source_line,
                    "ts_event": format_ns(example.ts_event_ns),
                    "sentence": example.sentence,
                }
                for example in self.examples
            ],
            "observed": [name for name in BAR_FIELDS if name in self.observed],
            "stale_open_share": None if np.isnan(self.stale_open_share) else self.stale_open_share,
            "notes": list(self.notes),
            "completeness": {
                "share_complete": table.share_complete,
                "expected": int(table.expected.sum()),
                "present": int(table.present.sum()),
                "missing": int(table.missing.sum()),
                "extra": int(table.extra.sum()),
                "sessions": int((table.expected > 0).sum()),
                "missing_sessions": [day_of(day).isoformat() for day in table.missing_sessions],
            },
        }


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Columns in time order, and the bits found so far."""

    event: I64_1D
    close_ts: I64_1D
    recv: I64_1D
    columns: np.ndarray[tuple[int, int], np.dtype[np.float64]]
    seen: BOOL_1D
    reasons: np.ndarray[tuple[int], np.dtype[np.uint32]]

    def take(self, rows: I64_1D) -> _Rows:
        return _Rows(
            self.event[rows],
            self.close_ts[rows],
            self.recv[rows],
            np.ascontiguousarray(self.columns[:, rows]),
            self.seen,
            self.reasons[rows],
        )

    def column(self, name: str) -> F64_1D:
        values: F64_1D = self.columns[BAR_FIELDS.index(name)]
        return values

    def sees(self, name: str) -> bool:
        return bool(self.seen[BAR_FIELDS.index(name)])


def inspect(
    raw: RawBars,
    spec: InstrumentSpec,
    interval_ns: int | None,
    limits: QualityLimits = QualityLimits(),
    now_ns: int | None = None,
) -> Inspection:
    """Pass the rows of a source through every gate.

    Parameters
    ----------
    raw : RawBars
        Rows in any order; ``observed`` says which columns hold values.
    spec : InstrumentSpec
        Its calendar, tick size, kind and whether prices may be negative are used.
    interval_ns : int or None
        Length of a bar; None for one bar a session.
    limits : QualityLimits
    now_ns : int, optional
        A bar that closes after this instant is from the future. Without it none is.

    Raises
    ------
    ConfigError
        If the instrument's calendar is unknown.
    CoverageError
        If its calendar does not reach the rows' dates.
    """
    observed, notes = _observed(raw)
    order = _time_order(raw.ts_event_ns)
    rows = _sorted(raw, observed, order)
    if order is not None and not _newest_first(raw.ts_event_ns):
        late = np.maximum.accumulate(raw.ts_event_ns) > raw.ts_event_ns
        rows.reasons[late[order]] |= np.uint32(QualityReason.OUT_OF_ORDER)
    elif order is not None:
        notes.append("the source is sorted newest first")
    _flag_rows(rows, spec, now_ns)
    good = np.flatnonzero((rows.reasons & np.uint32(_FATAL)) == 0)
    kept = rows if len(good) == len(rows.event) else rows.take(good)
    session, share, stale = _flag_markets(kept, spec, interval_ns, limits)
    notes += _note_off_tick(kept, spec, limits)
    rows.reasons[good] = kept.reasons
    if stale:
        observed -= {"open"}
        notes.append(
            f"{share:.0%} of the session bars open exactly at the previous close: the opens were not observed, so that "
            "nothing may fill there"
        )
    fatal = (rows.reasons & np.uint32(_fatal_mask(limits))) != 0
    still = np.flatnonzero(~fatal)
    table = completeness(rows.event[still], rows.close_ts[still], session[~fatal[good]], spec.calendar, interval_ns)
    reasons = rows.reasons
    if order is not None:
        reasons, fatal = np.empty_like(reasons), np.empty_like(fatal)
        reasons[order], fatal[order] = rows.reasons, (rows.reasons & np.uint32(_fatal_mask(limits))) != 0
    return Inspection(
        instrument=raw.instrument,
        reasons=reasons,
        fatal=fatal,
        kept=still if order is None else order[still],
        counts=_counts(reasons),
        examples=_examples(raw, reasons, spec, limits.examples),
        completeness=table,
        observed=observed,
        stale_open_share=share,
        notes=tuple(notes),
    )


def _name(reason: QualityReason) -> str:
    return str(reason.name).lower()


def _fatal_mask(limits: QualityLimits) -> int:
    mask = _FATAL
    if limits.spike_quarantine:
        mask |= QualityReason.SPIKE
    if limits.outside_quarantine:
        mask |= QualityReason.OUTSIDE_SESSION
    return int(mask)


def _observed(raw: RawBars) -> tuple[frozenset[str], list[str]]:
    """Observed fields without those that are empty from the first row to the last."""
    empty = [
        name
        for name in BAR_FIELDS
        if name in raw.observed and name != "close" and len(raw) and np.isnan(getattr(raw, name)).all()
    ]
    notes = [f"column {name} is empty throughout, so it counts as not observed" for name in empty]
    return raw.observed - set(empty), notes


def _newest_first(event: I64_1D) -> bool:
    return len(event) > 2 and bool((event[1:] <= event[:-1]).all()) and bool(event[0] > event[-1])


def _time_order(event: I64_1D) -> I64_1D | None:
    """Permutation that sorts the rows, or None where they are sorted already."""
    if bool((event[1:] >= event[:-1]).all()):
        return None
    return np.argsort(event, kind="stable")


def _sorted(raw: RawBars, observed: frozenset[str], order: I64_1D | None) -> _Rows:
    columns = np.empty((len(BAR_FIELDS), len(raw)))
    for at, name in enumerate(BAR_FIELDS):
        values = getattr(raw, name)
        columns[at] = values if order is None else values[order]
    times = (raw.ts_event_ns, raw.ts_close_ns, raw.ts_recv_ns)
    event, close_ts, recv = times if order is None else tuple(stamps[order] for stamps in times)
    seen = np.array([name in observed for name in BAR_FIELDS])
    return _Rows(event, close_ts, recv, columns, seen, np.zeros(len(raw), np.uint32))


def _flag_rows(rows: _Rows, spec: InstrumentSpec, now_ns: int | None) -> None:
    """The faults that need no calendar."""
    from argus.data._quality_kernels import flag_times, flag_values

    open_, high, low, close, volume, interest = rows.columns
    tick, negative = float(spec.tick_size), spec.price_may_be_negative
    flag_values(open_, high, low, close, volume, interest, rows.seen, negative, tick, rows.reasons)
    now = _NO_NOW if now_ns is None else now_ns
    flag_times(rows.event, rows.close_ts, rows.recv, rows.columns, _TS_MIN, _TS_MAX, now, rows.reasons)


def _flag_markets(
    kept: _Rows, spec: InstrumentSpec, interval_ns: int | None, limits: QualityLimits
) -> tuple[I32_1D, float, bool]:
    """What is odd among the rows that can be true; their sessions, the share of opens that repeat a close, and whether
    that is too many."""
    if not len(kept.event):
        return np.empty(0, np.int32), float("nan"), False
    session, outside = _place(kept, spec.calendar, interval_ns)
    _flag_moves(kept, spec, interval_ns, limits, outside)
    share, excess = _stale_open_share(kept, interval_ns, float(spec.tick_size))
    stale = excess > limits.stale_open_share
    _flag_splits(kept, spec, limits, session, kept.sees("open") and not stale)
    return session, share, stale


def _place(kept: _Rows, calendar: str, interval_ns: int | None) -> tuple[I32_1D, BOOL_1D]:
    """Session of each row, and which rows hold no trading time; flags the latter."""
    sessions = assign_sessions(kept.event, kept.close_ts, calendar)
    outside = ~sessions.inside
    doubtful = np.flatnonzero(outside)
    if len(doubtful):
        # A bar on the clock's full hour may start before an open at half past, and still hold trades.
        late = assign_sessions(kept.close_ts[doubtful] - 1, kept.close_ts[doubtful], calendar)
        outside[doubtful[late.inside]] = False
    kept.reasons[outside] |= np.uint32(QualityReason.OUTSIDE_SESSION)
    if interval_ns is not None and outside.any():
        shifted = shifted_by_an_hour(kept.event, np.flatnonzero(outside), calendar)
        kept.reasons[shifted] |= np.uint32(QualityReason.DAYLIGHT_SAVING)
    return sessions.session, outside


def _flag_moves(
    kept: _Rows, spec: InstrumentSpec, interval_ns: int | None, limits: QualityLimits, outside: BOOL_1D
) -> None:
    from argus.data._quality_kernels import flag_moves, rolling_quartiles

    n = len(kept.event)
    open_, top, bottom, close = kept.columns[:4]
    held = np.empty(min(limits.window, n))
    low, middle, high = np.empty(n), np.empty(n), np.empty(n)
    rolling_quartiles(np.abs(np.diff(close, prepend=close[0])), held, low, middle, high)
    # For a normal change the median of its size is 0.6745 deviations and the upper quartile 1.1503; the larger estimate
    # holds where many bars do not move at all, and a tick is the least that a price can move.
    scale = np.maximum(np.maximum(middle / 0.6745, high / 1.1503), float(spec.tick_size))
    traded = kept.column("volume") > 0.0 if kept.sees("volume") else np.zeros(n, np.bool_)
    flag_moves(
        open_,
        top,
        bottom,
        close,
        kept.seen,
        scale,
        limits.spike_sigmas,
        limits.spike_share_min,
        limits.spike_revert,
        ~outside,
        traded,
        limits.stale_sessions if interval_ns is None else limits.stale_bars,
        kept.reasons,
    )
    if kept.sees("volume"):
        size = np.log1p(kept.column("volume"))
        rolling_quartiles(size, held, low, middle, high)
        # A quarter of an e-fold at least: otherwise a market of nearly constant volume makes any change an anomaly.
        spread = np.maximum((high - low) / 1.349, 0.25)
        anomalous = ~outside & (np.abs(size - middle) > limits.volume_sigmas * spread)
        kept.reasons[anomalous] |= np.uint32(QualityReason.VOLUME_ANOMALY)


def _stale_open_share(kept: _Rows, interval_ns: int | None, tick: float) -> tuple[float, float]:
    """Share of session bars that open exactly at the previous close, and what of it chance does not explain.

    Where a session's gap is often no more than a tick (Treasury notes), opens repeat closes honestly; then gaps of one
    tick up or down are about as frequent as none.
    """
    if interval_ns is not None or not kept.sees("open") or len(kept.event) < 20:
        return float("nan"), float("nan")
    gap = kept.column("open")[1:] - kept.column("close")[:-1]
    share = float((gap == 0.0).mean())
    return share, share - float((np.abs(np.abs(gap) / tick - 1.0) < 0.05).mean()) / 2.0


def _note_off_tick(kept: _Rows, spec: InstrumentSpec, limits: QualityLimits) -> list[str]:
    off = (kept.reasons & np.uint32(QualityReason.OFF_TICK)) != 0
    if not len(off) or float(off.mean()) <= limits.off_tick_share:
        return []
    kept.reasons[off] &= ~np.uint32(QualityReason.OFF_TICK)
    return [f"{off.mean():.0%} of the rows lie off the grid of {spec.tick_size}: no traded prices, or an older tick?"]


def _flag_splits(kept: _Rows, spec: InstrumentSpec, limits: QualityLimits, session: I32_1D, opens: bool) -> None:
    """Jumps between sessions by a round ratio with volume moving the other way; only shares split."""
    first = np.flatnonzero(np.diff(session) != 0) + 1
    if spec.kind.value != "equity" or len(first) < 20:
        return
    before = kept.column("close")[first - 1]
    after = kept.column("open" if opens else "close")[first]
    legal = (before > 0.0) & (after > 0.0)
    first, jump = first[legal], np.log(before[legal] / after[legal])
    usual = max(float(np.median(np.abs(jump))) / 0.6745, 1e-6)
    size = np.abs(jump)
    nearest = np.abs(size[:, None] - np.log(_SPLITS)[None, :])
    ratio = np.log(_SPLITS)[nearest.argmin(axis=1)]
    suspect = (nearest.min(axis=1) < limits.split_tolerance) & (size > 10.0 * usual)
    for at in np.flatnonzero(suspect):
        if _volume_follows(kept, session, int(first[at]), float(np.sign(jump[at]) * ratio[at])):
            kept.reasons[first[at]] |= np.uint32(QualityReason.SPLIT)


def _volume_follows(kept: _Rows, session: I32_1D, row: int, log_ratio: float) -> bool:
    """Whether volume changed as a split would change it, by five sessions on each side; True where it is unknown."""
    if not kept.sees("volume"):
        return True
    days = np.unique(session[max(0, row - 10_000) : row])[-5:], np.unique(session[row : row + 10_000])[:5]
    start = int(np.searchsorted(session, days[0][0]))
    stop = int(np.searchsorted(session, days[1][-1], side="right"))
    volume = kept.column("volume")
    past, future = volume[start:row].sum() / len(days[0]), volume[row:stop].sum() / len(days[1])
    if past <= 0.0 or future <= 0.0:
        return True
    return bool(np.sign(log_ratio) * np.log(future / past) > 0.35 * abs(log_ratio))


def _counts(reasons: np.ndarray[tuple[int], np.dtype[np.uint32]]) -> dict[str, int]:
    found = reasons[reasons != 0]
    counts = {_name(reason): int(((found & np.uint32(reason)) != 0).sum()) for reason in QualityReason}
    return {name: count for name, count in counts.items() if count}


def _examples(
    raw: RawBars, reasons: np.ndarray[tuple[int], np.dtype[np.uint32]], spec: InstrumentSpec, most: int
) -> tuple[Example, ...]:
    flagged = np.flatnonzero(reasons)
    examples = []
    for reason in QualityReason:
        rows = flagged[(reasons[flagged] & np.uint32(reason)) != 0][:most]
        for row in (int(row) for row in rows):
            line, ts_ns = int(raw.source_line[row]), int(raw.ts_event_ns[row])
            sentence = f"line {line}, {format_ns(ts_ns)}: {_sentence(raw, row, reason, spec)}"
            examples.append(Example(reason, line, ts_ns, sentence))
    return tuple(examples)


_PLAIN: Final = {
    QualityReason.DUPLICATE: "the same bar stands in the source before",
    QualityReason.CONFLICT: "another row has the same start and other values, and nothing says which is right",
    QualityReason.OVERLAP: "it starts, or becomes known, before the previous bar has closed",
    QualityReason.OUT_OF_ORDER: "a later bar stands before it in the source",
    QualityReason.OUTSIDE_SESSION: "it lies outside the trading hours of the calendar {calendar}",
    QualityReason.STALE: "the price {close:g} stands still, bar after bar, while the market is open",
    QualityReason.VOLUME_ANOMALY: "volume {volume:g} is far from that of the bars before",
    QualityReason.SPLIT: "the price jumps by a round ratio (close {close:g}): a split that was not adjusted?",
    QualityReason.DAYLIGHT_SAVING: "it lies an hour outside the session between two regions' clock changes: stamps "
    "converted with the wrong region's daylight saving?",
    QualityReason.FUTURE: "it closes at {close_ts}, which is still to come",
    QualityReason.BAD_TIMES: "it closes at {close_ts} and is known at {recv}: out of order, or no possible date",
    QualityReason.OHLC: "open {open:g}, high {high:g}, low {low:g} and close {close:g} contradict each other",
    QualityReason.SPIKE: "open {open:g}, high {high:g}, low {low:g}, close {close:g}: a spike that came back at once",
}


def _sentence(raw: RawBars, row: int, reason: QualityReason, spec: InstrumentSpec) -> str:
    values = {name: float(getattr(raw, name)[row]) for name in BAR_FIELDS}
    if reason in _PLAIN:
        times = {"close_ts": format_ns(int(raw.ts_close_ns[row])), "recv": format_ns(int(raw.ts_recv_ns[row]))}
        return _PLAIN[reason].format(calendar=spec.calendar, **times, **values)
    prices = {name: values[name] for name in BAR_FIELDS[:4] if name in raw.observed and np.isfinite(values[name])}
    if reason == QualityReason.MISSING_VALUE:
        # Open interest may be missing; an entirely empty column was set aside before.
        empty = [name for name in BAR_FIELDS[:5] if name in raw.observed and np.isnan(values[name])]
        return f"{' and '.join(empty)} missing or not a number"
    if reason == QualityReason.INFINITE:
        return f"{' and '.join(name for name, value in values.items() if np.isinf(value))} infinite"
    if reason == QualityReason.NON_POSITIVE:
        low = ", ".join(f"{name} {value:g}" for name, value in prices.items() if value <= 0.0)
        return f"{low}, but prices of {spec.symbol} are above zero"
    if reason == QualityReason.NEGATIVE_VOLUME:
        below = ", ".join(f"{name} {values[name]:g}" for name in BAR_FIELDS[4:] if values[name] < 0.0)
        return f"{below}, but nothing trades less than nothing"
    tick = float(spec.tick_size)
    off = (f"{name} {value:.10g}" for name, value in prices.items() if abs(value / tick - round(value / tick)) > 0.05)
    return f"{', '.join(off)} off the grid of {spec.tick_size}"
