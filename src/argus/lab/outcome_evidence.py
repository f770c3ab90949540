"""What followed the entries of a strategy, beside what followed every bar of the same time.

A strategy may earn because its entries are good, or because the market rose whenever it was in. So the outcomes of the
decisions that opened its trades are held against those of all bars: the mean return over so many bars, how far the
price ran up and fell, which barrier came first. Long and short entries stand apart: what is good for one is bad for
the other, and all figures are of the price, not of the position.

Windows of neighbouring bars share most of their bars, so that a thousand rows are far fewer observations. Standard
errors therefore add up the covariances of all rows whose windows overlap: with equal weights as Hansen, Hodrick (1980),
Forward Exchange Rates as Optimal Predictors of Future Spot Rates, Journal of Political Economy 88(5), or with falling
ones as Newey, West (1987), A Simple, Positive Semi-Definite, Heteroskedasticity and Autocorrelation Consistent
Covariance Matrix, Econometrica 55(3), whichever is larger: the first is right where windows alone make the dependence
but can come out below zero, the second cannot and is too small.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from argus.core.arrays import F64_1D, I64_1D
from argus.core.errors import DataError
from argus.data.outcome_store import OutcomeColumns, OutcomeStatus
from argus.data.point_in_time import as_of_rows
from argus.engine.record import RunRecord
from argus.lab.journal.trials import roots_of

__all__ = ["Entries", "Estimate", "OutcomeEvidence", "OutcomeGroup", "entries_of", "outcome_evidence", "overlap_error"]

ALL: Final = "all bars"
_SIDES: Final = {1: "long entries", -1: "short entries"}


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """Decisions that opened the trades of a run in one instrument.

    Attributes
    ----------
    decided_ns : (n,) int64
        When each was made; in order.
    direction : (n,) int64
        1 long, -1 short.
    """

    decided_ns: I64_1D
    direction: I64_1D


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its standard error, and how it differs from that of all bars.

    Attributes
    ----------
    mean, error : float
        Returns as shares of the entry price, or a share of rows. The error is NaN where fewer than two windows stand
        apart from each other, or all rows have one value.
    difference, difference_error : float
        From all bars; NaN for all bars themselves.
    """

    mean: float
    error: float
    difference: float
    difference_error: float


@dataclass(frozen=True, slots=True)
class OutcomeGroup:
    """Outcomes of all bars, or of the entries on one side.

    Attributes
    ----------
    name : str
        ``all bars``, ``long entries`` or ``short entries``.
    count : int
        Rows whose window has ended.
    apart : int
        The most windows among them that share no bar: as many observations as there would be without overlap.
    left_out : int
        Rows without an outcome: the data end first, or there was no bar to enter on.
    holes : int
        Rows, among those counted, whose window lasts longer than it says because bars are missing.
    figures : mapping
        ``forward_return``, ``run_up``, ``drawdown``, and for each pair of barriers the shares ``upper_1:1`` and
        ``lower_1:1`` of windows that reached that one first. Where one bar reached both, the lower counts.
    ambiguous : mapping
        Pair of barriers to the rows in which one bar reached both.
    """

    name: str
    count: int
    apart: int
    left_out: int
    holes: int
    figures: Mapping[str, Estimate]
    ambiguous: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class OutcomeEvidence:
    """Outcomes over one horizon of one instrument.

    Attributes
    ----------
    instrument : str
    horizon : int
        Bars.
    groups : tuple of OutcomeGroup
        All bars first.
    """

    instrument: str
    horizon: int
    groups: tuple[OutcomeGroup, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def entries_of(record: RunRecord, instrument: str) -> Entries:
    """Decisions that opened trades in an instrument, or in any contract of a root.

    A roll opens a trade in the next contract and decides nothing; it is left out. So is what no order opened.
    """
    from argus.engine.rolled_strategy import roll_from

    moved = roll_from("")
    found: list[tuple[int, int]] = []
    for trade in record.trades:
        symbol = record.universe[int(trade["instrument"])]
        if symbol != instrument and instrument not in roots_of([symbol]):
            continue
        order = int(record.fills["order_id"][int(trade["entry_fill"])])
        if order < 0 or (symbol != instrument and record.order_tags[order].startswith(moved)):
            continue
        decision = int(record.orders["decision_id"][order])
        if decision >= 0:
            found.append((int(record.decisions["ts_ns"][decision]), int(trade["direction"])))
    table = np.array(sorted(found), dtype=np.int64).reshape(-1, 2)
    return Entries(table[:, 0].copy(), table[:, 1].copy())


def overlap_error(influence: F64_1D, rows: I64_1D, horizon: int) -> float:
    """Standard error of a sum whose terms are dependent where their windows overlap.

    Parameters
    ----------
    influence : (n,) float64
        What each row adds to the estimate, less its expectation: of a mean (x - mean) / n.
    rows : (n,) int64
        Place of each row among the bars, rising; a row may stand there more than once.
    horizon : int
        Bars in a window: two windows overlap where their rows are less than that apart.
    """
    if not len(rows):
        return math.nan
    span = int(rows[-1] - rows[0]) + 1
    dense = np.zeros(span)
    np.add.at(dense, rows - rows[0], influence)
    sums = np.concatenate(([0.0], np.cumsum(dense)))
    at = np.arange(span)
    near = sums[np.minimum(at + horizon, span)] - sums[np.maximum(at - horizon + 1, 0)]
    starts = np.arange(1 - horizon, span)
    windows = sums[np.minimum(starts + horizon, span)] - sums[np.maximum(starts, 0)]
    equal, falling = float(np.sum(dense * near)), float(np.sum(windows * windows)) / horizon
    return math.sqrt(max(equal, falling, 0.0))


def outcome_evidence(
    columns: OutcomeColumns,
    entries: Entries,
    instrument: str,
    barriers: Sequence[tuple[float, float]],
    start_ns: int,
) -> OutcomeEvidence:
    """Outcomes of entries beside those of all bars.

    Parameters
    ----------
    columns : OutcomeColumns
        Of the instrument, over all bars; bars that were not known before `start_ns` alone are counted.
    entries : Entries
    instrument : str
    barriers : sequence of (float, float)
        Upper and lower of each pair in `columns`, for its name.
    start_ns : int
        When trading began: the market is measured over the time in which the strategy traded.

    Raises
    ------
    DataError
        If an entry was decided before the first bar was known.
    """
    rows = as_of_rows(entries.decided_ns, columns.ts_recv_ns)
    if len(rows) and int(rows.min()) < 0:
        raise DataError(f"{instrument}: an entry was decided before the first bar of its outcomes was known")
    first = int(np.searchsorted(columns.ts_recv_ns, start_ns))
    every = np.arange(first, len(columns), dtype=np.int64)
    groups = [_group(ALL, columns, every, None, barriers)]
    for direction, name in _SIDES.items():
        own = np.sort(rows[entries.direction == direction])
        if len(own):
            groups.append(_group(name, columns, own, every, barriers))
    return OutcomeEvidence(instrument, columns.horizon, tuple(groups))


def _group(
    name: str,
    columns: OutcomeColumns,
    rows: I64_1D,
    every: I64_1D | None,
    barriers: Sequence[tuple[float, float]],
) -> OutcomeGroup:
    figures: dict[str, Estimate] = {}
    ambiguous: dict[str, int] = {}
    for key in ("forward_return", "run_up", "drawdown"):
        figures[key] = _estimate(getattr(columns, key), rows, every, columns.horizon)
    for pair, touched in zip(barriers, columns.barriers, strict=True):
        told = f"{pair[0]:g}:{pair[1]:g}"
        decided = np.isfinite(touched.gain)
        for word, side in (("upper", 1), ("lower", -1)):
            first = np.where(decided, touched.barrier == side, np.nan)
            figures[f"{word}_{told}"] = _estimate(first, rows, every, columns.horizon)
        ambiguous[told] = int(np.count_nonzero(touched.is_ambiguous[rows] & decided[rows]))
    known = rows[np.isfinite(columns.forward_return[rows])]
    return OutcomeGroup(
        name=name,
        count=len(known),
        apart=_apart(known, columns.horizon),
        left_out=len(rows) - len(known),
        holes=int(np.count_nonzero(columns.status[known] == OutcomeStatus.HOLE)),
        figures=figures,
        ambiguous=ambiguous,
    )


def _estimate(values: F64_1D, rows: I64_1D, every: I64_1D | None, horizon: int) -> Estimate:
    own = rows[np.isfinite(values[rows])]
    if not len(own):
        return Estimate(math.nan, math.nan, math.nan, math.nan)
    mean = float(np.mean(values[own]))
    # Nine windows of which none reached a barrier do not prove that none ever will: no spread, no error to tell.
    few = _for_few(_apart(own, horizon)) if np.ptp(values[own]) > 0.0 else math.nan
    own_part = (values[own] - mean) / len(own)
    error = few * overlap_error(own_part, own, horizon)
    if every is None:
        return Estimate(mean, error, math.nan, math.nan)
    rest = every[np.isfinite(values[every])]
    of_all = float(np.mean(values[rest]))
    # Entries are among all bars: what a row adds to both means is one term of their difference.
    both = np.concatenate((own, rest))
    parts = np.concatenate((own_part, -(values[rest] - of_all) / len(rest)))
    order = np.argsort(both, kind="stable")
    return Estimate(mean, error, mean - of_all, few * overlap_error(parts[order], both[order], horizon))


def _for_few(apart: int) -> float:
    """What makes up for the mean having been taken from the same few windows."""
    return math.sqrt(apart / (apart - 1)) if apart > 1 else math.nan


def _apart(rows: I64_1D, horizon: int) -> int:
    """The most windows that share no bar; rows rise."""
    if not len(rows):
        return 0
    if int(rows[-1] - rows[0]) + 1 == len(rows):
        return -(-len(rows) // horizon)
    count, at = 0, 0
    while at < len(rows):
        count += 1
        at = int(np.searchsorted(rows, rows[at] + horizon))
    return count
