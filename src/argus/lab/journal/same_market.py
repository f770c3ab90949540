"""Whether two symbols are one market: the prices are asked, not the names.

An opened hold-out and the looks at a market belong to its prices. An export of an index that is imported under the name
of a fund is the same index; so is the small contract beside the large one, and the fund beside its index. What the
sessions of two markets share is compared: where their returns are as good as the same, whoever saw one saw the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from argus.core.arrays import F64_1D, I32_1D

__all__ = ["CORRELATION_SAME", "SESSIONS_MIN", "DailyPath", "Likeness", "daily_path", "likeness", "nearest_path"]

CORRELATION_SAME: Final = 0.995
"""Absolute correlation of session returns above which two markets are one; minus one is the market turned around."""

SESSIONS_MIN: Final = 60
"""Common sessions below which nothing is said."""


@dataclass(frozen=True, slots=True, eq=False)
class DailyPath:
    """A market in sessions.

    Attributes
    ----------
    session : (n,) int32
        Session dates as days since 1970-01-01, increasing.
    level : (n,) float64
        Sum of the returns from close to close up to then; the first is 0.
    """

    session: I32_1D
    level: F64_1D


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two markets are.

    Attributes
    ----------
    correlation : float
        Of the returns between common sessions.
    sessions : int
        Such returns.
    """

    correlation: float
    sessions: int

    @property
    def is_same(self) -> bool:
        """Whether they are one market."""
        return self.sessions >= SESSIONS_MIN and abs(self.correlation) > CORRELATION_SAME


def daily_path(session: I32_1D, close: F64_1D) -> DailyPath:
    """The path of bars of any length: the last close of each session counts.

    Parameters
    ----------
    session : (n,) int32
        Of each bar, not decreasing.
    close : (n,) float64
        Closes; a return from a close of zero, or one that is not a number, counts as none.
    """
    last = np.flatnonzero(np.append(session[1:] != session[:-1], True)) if len(session) else np.zeros(0, np.int64)
    days, closes = session[last], close[last]
    return DailyPath(days, _level(_returns(closes)))


def nearest_path(contracts: Sequence[tuple[I32_1D, F64_1D]]) -> DailyPath:
    """The path of a root: each session's return is that of the nearest contract which has it.

    Parameters
    ----------
    contracts : sequence of ((n,) int32, (n,) float64)
        Sessions and closes of the bars of each contract, the nearest month first.
    """
    found: dict[int, float] = {}
    for session, close in contracts:
        path = daily_path(session, close)
        for day, gain in zip(path.session[1:].tolist(), np.diff(path.level).tolist(), strict=True):
            found.setdefault(day, gain)
    days = sorted(found)
    gains = np.array([found[day] for day in days], dtype=np.float64)
    # The first session has a return that nothing precedes: it is where the path begins.
    return DailyPath(np.array(days, dtype=np.int32), np.cumsum(gains) - (gains[0] if len(gains) else 0.0))


def likeness(one: DailyPath, other: DailyPath, from_session: int | None = None) -> Likeness:
    """How alike two markets are over the sessions that both have, from `from_session` on if it is given.

    Returns are taken between common sessions, so that a day left out of one of them hides nothing.
    """
    common, mine, theirs = np.intersect1d(one.session, other.session, assume_unique=True, return_indices=True)
    kept = common >= (common[0] if from_session is None and len(common) else from_session or 0)
    a, b = np.diff(one.level[mine[kept]]), np.diff(other.level[theirs[kept]])
    if len(a) < 2 or not a.any() or not b.any():
        return Likeness(math.nan, len(a))
    a, b = a - a.mean(), b - b.mean()
    spread = math.sqrt(float(a @ a) * float(b @ b))
    return Likeness(float(a @ b) / spread if spread > 0.0 else math.nan, len(a))


def _returns(close: F64_1D) -> F64_1D:
    if len(close) < 2:
        return np.zeros(0, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        gains: Any = np.diff(close) / np.abs(close[:-1])
    return np.where(np.isfinite(gains), gains, 0.0)


def _level(gains: F64_1D) -> F64_1D:
    return np.concatenate(([0.0], np.cumsum(gains)))
