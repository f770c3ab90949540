"""The same search cut in other ways than the walk cuts it: does choosing also pay where other years choose?

A walk judges one order of events, the one that happened, and never its first years. Here the session returns of every
parameter set, which the search has left behind, are cut again: into folds that each judge once, into all choices of
some stretches out of many, and into odd and even months. On the training rows a set is chosen as the walk chooses it,
and its test rows are read. Nothing is replayed: a change of parameters costs nothing here, and later years choose for
earlier ones, which nobody could have done. It is evidence beside the walk, and no gate reads it.

Combinatorial purged cross-validation and its paths are those of Lopez de Prado (2018), Advances in Financial Machine
Learning, chapter 12.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I64_1D
from argus.core.errors import CoverageError
from argus.core.time import day_of
from argus.engine.record import RunRecord
from argus.lab.search.splits import Guard, Split, combinatorial, odd_even_months, paths_of, purged_k_fold
from argus.lab.search.trial_matrix import F64_2D, TrialMatrix
from argus.lab.search.walk_forward import parameter_key

__all__ = ["Folds", "Months", "Paths", "Resplits", "SplitResult", "longest_trade_sessions", "resplit"]

_T = TypeVar("_T")

FOLDS: Final = 5
GROUPS: Final = ((10, 3), (10, 2))
"""Stretches, and how many of them are held out: the first that the guard leaves room for is taken. 36 paths, or 9."""
TRAIN_MIN: Final = 60
"""Sessions, about a quarter of a year: what was chosen on fewer was not chosen by its returns."""
LOW: Final = 0.05
_STILL: Final = 1e-10
"""Variance over squared mean below which returns are constant but for roundings."""


@dataclass(frozen=True, slots=True)
class SplitResult:
    """One split: what its training rows chose, and what that did on the test rows.

    Attributes
    ----------
    label : str
    first, last : str
        Session dates of the test, ISO.
    chosen : int
        Column of the matrix.
    train_sessions : int
    train_sharpe_annual, test_sharpe_annual : float
        NaN for what never moved.
    test_return : float
        Sum of the session returns of the test.
    """

    label: str
    first: str
    last: str
    chosen: int
    train_sessions: int
    train_sharpe_annual: float
    test_sharpe_annual: float
    test_return: float


@dataclass(frozen=True, slots=True)
class Folds:
    """Purged k-fold: each stretch judged once by what was chosen on the others.

    Attributes
    ----------
    results : tuple of SplitResult
        In time order.
    earned : float
        Share of the folds that made money.
    sentence : str
    """

    results: tuple[SplitResult, ...]
    earned: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Paths:
    """Combinatorial purged cross-validation: whole histories, each put together of stretches that others chose for.

    Attributes
    ----------
    groups, held : int
        Stretches, and how many of them each split tests.
    splits : int
    sharpe_annual : tuple of float
        Of each path; 0 for one that never moved. Paths share stretches: they are no independent draws.
    low, median : float
        Their 5 % quantile and their median.
    below_zero : float
        Share of paths at zero or below.
    sentence : str
    """

    groups: int
    held: int
    splits: int
    sharpe_annual: tuple[float, ...]
    low: float
    median: float
    below_zero: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Months:
    """Odd months choose for even ones, and the other way round; purged, but months leave no room for an embargo.

    Attributes
    ----------
    results : tuple of SplitResult
        Judged on even months, and on odd ones.
    sentence : str
    """

    results: tuple[SplitResult, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Resplits:
    """A search cut in other ways; None where the guard leaves too little to choose on.

    Attributes
    ----------
    purge, embargo : int
        Sessions beside a test that did not choose.
    why : str
        Where the two come from.
    folds : Folds or None
    paths : Paths or None
    months : Months or None
    missing : tuple of str
        Why what is None is not there.
    """

    purge: int
    embargo: int
    why: str
    folds: Folds | None = None
    paths: Paths | None = None
    months: Months | None = None
    missing: tuple[str, ...] = ()


def resplit(matrix: TrialMatrix, guard: Guard) -> Resplits:
    """Choose and judge on other splits of a search.

    Parameters
    ----------
    matrix : TrialMatrix
    guard : Guard
        What beside a test does not choose; months use its purge alone.
    """
    chooser = _Chooser(matrix)
    missing: list[str] = []
    folds = _or_why(_folds, chooser, guard, missing)
    paths = _or_why(_paths, chooser, guard, missing)
    months = _or_why(_months, chooser, guard, missing)
    return Resplits(guard.purge, guard.embargo, guard.why, folds, paths, months, tuple(missing))


def longest_trade_sessions(record: RunRecord) -> int:
    """Sessions that the longest trade of a run lasted, from that of its entry to that of its exit; at least 1.

    One that is still open has lasted as long as the run shows.
    """
    trades = record.trades
    if not len(trades) or not len(record.equity_ts_ns):
        return 1
    last = len(record.equity_ts_ns) - 1
    of = np.searchsorted(np.unique(record.equity_session), record.equity_session)
    entered = of[np.minimum(np.searchsorted(record.equity_ts_ns, trades["entry_ts_ns"]), last)]
    left = np.where(trades["is_open"] == 1, record.equity_ts_ns[-1], trades["exit_ts_ns"])
    ended = of[np.minimum(np.searchsorted(record.equity_ts_ns, left), last)]
    return max(1, int((ended - entered).max()))


def _or_why(way: Callable[[_Chooser, Guard], _T], chooser: _Chooser, guard: Guard, missing: list[str]) -> _T | None:
    """What a way of splitting gives; None, and the reason, where the guard leaves too few sessions."""
    try:
        return way(chooser, guard)
    except CoverageError as error:
        missing.append(str(error))
        return None


class _Chooser:
    """Sums of a matrix from its first row on, so that any stretch of any set costs two subtractions."""

    def __init__(self, matrix: TrialMatrix) -> None:
        self.matrix = matrix
        self._order = sorted(range(matrix.runs), key=lambda k: parameter_key(matrix.values[k]))
        self._sums = _running(matrix.returns)
        self._squares = _running(matrix.returns * matrix.returns)

    def sums(self, rows: I64_1D) -> tuple[int, F64_1D, F64_1D]:
        """Rows, sums and sums of squares of every set over these rows, which ascend."""
        cuts = np.flatnonzero(np.diff(rows) != 1)
        starts = rows[np.concatenate(([0], cuts + 1))]
        ends = rows[np.concatenate((cuts, [len(rows) - 1]))] + 1
        total, squares = np.zeros(self.matrix.runs), np.zeros(self.matrix.runs)
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            total += self._sums[end] - self._sums[start]
            squares += self._squares[end] - self._squares[start]
        return len(rows), total, squares

    def chosen(self, split: Split) -> tuple[int, float]:
        """What the training rows of a split choose, and its Sharpe ratio per session there, as the walk does it.

        Raises
        ------
        CoverageError
            If there are too few of them.
        """
        if len(split.train) < TRAIN_MIN:
            raise CoverageError(
                f"{split.label}: {len(split.train)} sessions are left to choose on, and at least {TRAIN_MIN} are needed"
            )
        ratios = _ratios(*self.sums(split.train))[self._order]
        place = int(np.argmax(np.where(np.isnan(ratios), -math.inf, ratios)))
        return self._order[place], float(ratios[place])

    def result(self, split: Split) -> SplitResult:
        """A split, judged."""
        root = math.sqrt(self.matrix.per_year)
        column, trained = self.chosen(split)
        count, total, squares = self.sums(split.test)
        tested = _ratios(count, total, squares)[column]
        first, last = (day_of(int(self.matrix.session[split.test[row]])).isoformat() for row in (0, -1))
        return SplitResult(
            label=split.label,
            first=first,
            last=last,
            chosen=column,
            train_sessions=len(split.train),
            train_sharpe_annual=trained * root,
            test_sharpe_annual=float(tested) * root,
            test_return=float(total[column]),
        )


def _running(values: F64_2D) -> F64_2D:
    found = np.zeros((len(values) + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=found[1:])
    return found


def _ratios(
    count: int | NDArray[np.int64], total: NDArray[np.float64], squares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sharpe ratios per session from sums; NaN without variation, as `argus.engine.metrics.sharpe`."""
    mean = total / count
    variance = (squares - total * mean) / (np.asarray(count) - 1)
    moved = variance > _STILL * mean * mean
    found: NDArray[np.float64] = np.divide(
        mean, np.sqrt(np.where(moved, variance, 1.0)), out=np.full(mean.shape, math.nan), where=moved
    )
    return found


def _folds(chooser: _Chooser, guard: Guard) -> Folds:
    matrix = chooser.matrix
    splits = purged_k_fold(len(matrix.session), FOLDS, guard, begin=matrix.begin)
    results = tuple(chooser.result(split) for split in splits)
    earned = sum(one.test_return > 0.0 for one in results)
    return Folds(
        results,
        earned / len(results),
        f"Of {len(results)} stretches, each judged by what the others chose, {earned} made money.",
    )


def _paths(chooser: _Chooser, guard: Guard) -> Paths:
    for groups, held in GROUPS[:-1]:
        try:
            return _paths_of(chooser, guard, groups, held)
        except CoverageError:
            continue
    return _paths_of(chooser, guard, *GROUPS[-1])


def _paths_of(chooser: _Chooser, guard: Guard, groups: int, held: int) -> Paths:
    matrix = chooser.matrix
    splits = combinatorial(len(matrix.session), groups=groups, held=held, guard=guard, begin=matrix.begin)
    chosen = np.array([chooser.chosen(split)[0] for split in splits])
    stretches = purged_k_fold(len(matrix.session), groups, Guard(0, 0), begin=matrix.begin)
    parts = [chooser.sums(stretch.test) for stretch in stretches]
    count = np.array(sum(part[0] for part in parts))
    total, squares = (np.stack([part[of] for part in parts]) for of in (1, 2))
    # Entry [p, g] is the set that path p holds in stretch g.
    held_by = chosen[paths_of(groups, held)]
    across = np.arange(groups)
    ratios = _ratios(count, total[across, held_by].sum(axis=1), squares[across, held_by].sum(axis=1))
    annual = np.nan_to_num(ratios, nan=0.0) * math.sqrt(matrix.per_year)
    low, median = (float(value) for value in np.quantile(annual, (LOW, 0.5)))
    below = float(np.mean(annual <= 0.0))
    return Paths(
        groups,
        held,
        len(splits),
        tuple(annual.tolist()),
        low,
        median,
        below,
        f"Of {len(annual)} histories put together of stretches that others chose for, the median has a Sharpe ratio of "
        f"{median:.2f} a year, one in twenty is below {low:.2f}, and {below:.0%} earned nothing.",
    )


def _months(chooser: _Chooser, guard: Guard) -> Months:
    matrix = chooser.matrix
    splits = odd_even_months(matrix.session, Guard(guard.purge, 0, guard.why), begin=matrix.begin)
    results = tuple(chooser.result(split) for split in splits)
    even, odd = (_told(one.test_sharpe_annual) for one in results)
    return Months(
        results,
        f"What odd months chose has a Sharpe ratio of {even} a year in even ones; what even months chose, {odd} in odd "
        "ones.",
    )


def _told(ratio: float) -> str:
    return f"{ratio:.2f}" if math.isfinite(ratio) else "none (it never traded)"
