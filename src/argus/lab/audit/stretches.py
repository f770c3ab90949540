"""Which part of the data an audit replays: the range of the run, in one piece or in three.

A stretch begins with enough rows to warm up on, so that none of its decisions is spent on that.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from argus.core.strategy import StrategySpec, WakeRule
from argus.lab.audit.subject import Subject

__all__ = ["in_range", "longest_read", "newest", "stretches", "wakes_in", "warm_rows"]

_FUTURE_ROWS: Final = 500


def in_range(subject: Subject, spec: StrategySpec) -> Subject:
    """The market from a warm-up before the run's start to some bars of future after its end."""
    config = subject.config
    if config.start_ns is None and config.end_ns is None:
        return subject
    ts_ns = longest_read(subject, spec).ts_recv_ns
    warm = warm_rows(subject, spec)
    first = 0 if config.start_ns is None else int(np.searchsorted(ts_ns, config.start_ns)) - warm
    last = len(ts_ns) - 1 if config.end_ns is None else int(np.searchsorted(ts_ns, config.end_ns)) + _FUTURE_ROWS
    first, last = max(first, 0), min(max(last, 0), len(ts_ns) - 1)
    return subject.between(int(ts_ns[first]), int(ts_ns[last])) if first <= last else subject


def stretches(subject: Subject, spec: StrategySpec, wakes: int) -> list[Subject]:
    """The whole market, or three stretches of so many wake-ups where it has more than all of them together."""
    bars = longest_read(subject, spec)
    if _rows_for(subject, spec, 3 * wakes) >= len(bars):
        return [subject]
    rows = _rows_for(subject, spec, wakes)
    return [_stretch(subject, spec, row, rows) for row in (0, (len(bars) - rows) // 2, len(bars) - rows)]


def newest(subject: Subject, spec: StrategySpec, wakes: int) -> Subject:
    """The end of the market with about so many wake-ups."""
    bars = longest_read(subject, spec)
    rows = _rows_for(subject, spec, wakes)
    return _stretch(subject, spec, len(bars) - rows, rows) if rows < len(bars) else subject


def warm_rows(subject: Subject, spec: StrategySpec) -> int:
    """Rows until the warm-up is over and every declared feature has its first value."""
    rows = spec.warmup_bars
    for column in subject.read_with_columns(spec.features)[1].values():
        finite = np.flatnonzero(np.isfinite(column))
        rows = max(rows, int(finite[0]) + 1 if len(finite) else 0)
    if subject.rolls is not None:
        # The first session of the data only says which contract to begin with; the next one may be cut in two.
        bars = longest_read(subject, spec)
        rows += 2 * int(np.unique(bars.session, return_counts=True)[1].max())
    return rows


def wakes_in(subject: Subject, spec: StrategySpec) -> int:
    """About how many wake-ups the range of the run holds."""
    bars, config = longest_read(subject, spec), subject.config
    by_session = spec.wake is WakeRule.SESSION_END and subject.rolls is None
    ts_ns = bars.ts_recv_ns[bars.session_end] if by_session else bars.ts_recv_ns
    begin = 0 if config.start_ns is None else int(np.searchsorted(ts_ns, config.start_ns))
    end = len(ts_ns) if config.end_ns is None else int(np.searchsorted(ts_ns, config.end_ns))
    return max(end - begin, 0)


def longest_read(subject: Subject, spec: StrategySpec) -> Any:
    """The longest of the bars that the strategy reads."""
    read = subject.read()
    return max((read[symbol][1] for symbol in spec.universe), key=len)


def _stretch(subject: Subject, spec: StrategySpec, row: int, rows: int) -> Subject:
    bars = longest_read(subject, spec)
    part = subject.between(int(bars.ts_recv_ns[row]), int(bars.ts_recv_ns[row + rows - 1]))
    warm_ns = int(bars.ts_recv_ns[row + max(warm_rows(subject, spec), 1) - 1])
    begin_ns = max(warm_ns, subject.config.start_ns or warm_ns)
    end_ns = subject.config.end_ns
    return part if end_ns is not None and end_ns <= begin_ns else part.on(part.market, start_ns=begin_ns)


def _rows_for(subject: Subject, spec: StrategySpec, wakes: int) -> int:
    """Rows of the longest instrument that hold the warm-up and so many wake-ups."""
    bars = longest_read(subject, spec)
    # Through rolls every bar is a wake-up: of the roll, if not of the strategy.
    by_session = spec.wake is WakeRule.SESSION_END and subject.rolls is None
    per_wake = max(1, len(bars) // max(1, int(bars.session_end.sum()))) if by_session else 1
    return warm_rows(subject, spec) + wakes * per_wake
