"""Whether the best of a whole search is better than nothing, once it is known that it is the best of many.

The session returns of every parameter set are drawn again a thousand times, all sets by the same rows, so that what
they have in common stays in common. Freed of their means, these draws show how good the best of so many would look if
none had an edge: no count of independent trials has to be guessed. One pass serves four questions. Is any set better
than the benchmark (White's reality check, Hansen's test of superior predictive ability)? Which ones (the stepwise test
of Romano and Wolf)? Which cannot be told from the best (the model confidence set of Hansen, Lunde and Nason)?

Larger is better everywhere here: the columns are returns, not losses.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import BOOL_1D, F64_1D
from argus.core.errors import ConfigError
from argus.core.random import stream_key
from argus.lab.multiple_testing.significance import expected_maximum
from argus.lab.search.trial_matrix import F64_2D
from argus.lab.stress.block_length import optimal_block

__all__ = [
    "ConfidenceSet",
    "Resampled",
    "StepwiseTest",
    "SuperiorAbility",
    "common_block",
    "confidence_set",
    "equal_risk",
    "excess_over",
    "expected_best",
    "implied_trials",
    "reality_check",
    "resample",
    "resampled_rows",
    "step_m",
    "stepwise_p_values",
    "superior_ability",
]

_ROWS_MIN: Final = 20


@dataclass(frozen=True, slots=True, eq=False)
class Resampled:
    """Columns of returns and their means over many draws of the stationary bootstrap.

    Attributes
    ----------
    series : (T, K) float64
        What was drawn from.
    mean, deviation : (K,) float64
        Mean of each column; standard deviation of root-T times that mean under the same bootstrap, which allows for
        returns that depend on each other. 0 for a column that does not vary.
    drawn : (B, K) float64
        Means of each draw.
    block : float
        Mean block length in rows.
    seed : int
    """

    series: F64_2D
    mean: F64_1D
    deviation: F64_1D
    drawn: F64_2D
    block: float
    seed: int

    @property
    def rows(self) -> int:
        """T."""
        return len(self.series)

    @property
    def draws(self) -> int:
        """B."""
        return len(self.drawn)

    @property
    def varies(self) -> BOOL_1D:
        """Columns that vary at all; no test says anything of the others, (K,)."""
        varies: BOOL_1D = self.deviation > 0.0
        return varies

    def statistic(self) -> F64_1D:
        """Root-T times the mean over `deviation`, which is a t-statistic; minus infinity without variation, (K,)."""
        found: F64_1D = np.full(len(self.mean), -np.inf)
        np.divide(self.mean * math.sqrt(self.rows), self.deviation, out=found, where=self.varies)
        return found


@dataclass(frozen=True, slots=True)
class SuperiorAbility:
    """Hansen's test: is the best column better than the benchmark?

    Attributes
    ----------
    statistic : float
        The largest t-statistic, at least 0.
    best : int
        The column that has it; -1 if none varies.
    lower, consistent, upper : float
        p-values. They differ in what is believed of columns below the benchmark: `lower` that they are truly as bad as
        they look, `upper` that none is worse than the benchmark, `consistent` leaves out only those too far below it
        to matter. The one to report is `consistent`.
    """

    statistic: float
    best: int
    lower: float
    consistent: float
    upper: float


@dataclass(frozen=True, slots=True)
class StepwiseTest:
    """Columns that are better than the benchmark, with a bound on the chance that even one of them is not.

    Attributes
    ----------
    superior : tuple of int
        Ascending.
    size : float
        That bound.
    critical : tuple of float
        The t-statistic that a column had to exceed, at each step.
    """

    superior: tuple[int, ...]
    size: float
    critical: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ConfidenceSet:
    """Columns that cannot be told from the best one.

    Attributes
    ----------
    p_values : tuple of K float
        Smallest size at which the column is thrown out; 1 for the last one left, NaN for one that does not vary.
    included : tuple of int
        Columns whose p-value is above `size`.
    size : float
    """

    p_values: tuple[float, ...]
    included: tuple[int, ...]
    size: float


def common_block(series: F64_2D, columns_max: int = 24) -> float:
    """One mean block length for all columns: the median of what `optimal_block` finds for some of them.

    The columns are taken evenly from the first to the last; all must share one length, as all are drawn by the same
    rows. Columns that do not vary are left out; 1 if there are no others.
    """
    varies = np.flatnonzero(np.ptp(series, axis=0) > 0.0) if len(series) else np.zeros(0, dtype=np.int64)
    if not len(varies):
        return 1.0
    taken = varies[np.unique(np.linspace(0, len(varies) - 1, min(columns_max, len(varies))).round().astype(np.int64))]
    return float(np.median([optimal_block(np.ascontiguousarray(series[:, column])) for column in taken]))


def equal_risk(series: F64_2D) -> F64_2D:
    """Columns over their own standard deviation, so that means are Sharpe ratios; one that never moved stays zero."""
    deviation = series.std(axis=0, ddof=1)
    # A constant column keeps a deviation of a few roundings of its mean.
    moves = deviation > 1e-12 * np.abs(series).max(axis=0)
    scaled: F64_2D = np.divide(series, deviation, out=np.zeros(series.shape), where=moves)
    return scaled


def resample(
    series: F64_2D, *, block: float | None = None, draws: int = 1_000, seed: int = 0, workers: int = 1
) -> Resampled:
    """Draw the rows again, and keep the mean of each column: Politis and Romano 1994, "The Stationary Bootstrap".

    Parameters
    ----------
    series : (T, K) float64
        Returns, or returns less those of a benchmark.
    block : float or None
        Mean block length in rows; None takes `common_block`.
    draws, seed : int
        Draw `d` depends on the seed and `d` alone: the same bits for any number of workers.
    workers : int
        Threads.

    Raises
    ------
    ConfigError
        If there are fewer than 20 rows, no column, a value that is not finite, or a setting out of range.
    """
    series = np.ascontiguousarray(series, dtype=np.float64)
    _check(series, block, draws)
    from argus.lab.multiple_testing._reality_kernels import DRAWS_AT_ONCE, long_run_variance, resampled_means

    length = common_block(series) if block is None else block
    drawn = np.empty((draws, series.shape[1]), dtype=np.float64)
    key = np.uint64(stream_key(seed, "reality"))
    restart = round(2.0**32 / length)

    def draw(first: int, last: int) -> None:
        resampled_means(series, restart, key, first, last, drawn)

    parts = max(1, min(workers, -(-draws // DRAWS_AT_ONCE)))
    bounds = [min(draws, DRAWS_AT_ONCE * round(part * (draws / DRAWS_AT_ONCE) / parts)) for part in range(parts)]
    bounds.append(draws)
    if parts == 1:
        draw(0, draws)
    else:
        with ThreadPoolExecutor(parts) as pool:
            list(pool.map(draw, bounds[:-1], bounds[1:]))
    mean = series.mean(axis=0)
    variance = np.empty(series.shape[1], dtype=np.float64)
    long_run_variance(series - mean, 1.0 - 1.0 / length, variance)
    return Resampled(series, mean, _deviation(variance, series), drawn, length, seed)


def resampled_rows(rows: int, *, block: float, draws: int, seed: int = 0) -> NDArray[np.int64]:
    """The rows that `resample` draws, in order, (draws, rows): to repeat a draw elsewhere."""
    from argus.lab.multiple_testing._reality_kernels import drawn_rows

    out = np.empty((draws, rows), dtype=np.int64)
    key = np.uint64(stream_key(seed, "reality"))
    for draw in range(draws):
        drawn_rows(rows, round(2.0**32 / block), key, draw, out[draw])
    return out


def excess_over(resampled: Resampled, column: int) -> Resampled:
    """The other columns less this one, from the same draws: a benchmark is drawn along with what is held against it."""
    from argus.lab.multiple_testing._reality_kernels import long_run_variance

    others = np.delete(np.arange(resampled.series.shape[1]), column)
    series = resampled.series[:, others] - resampled.series[:, [column]]
    mean = series.mean(axis=0)
    variance = np.empty(len(others), dtype=np.float64)
    long_run_variance(series - mean, 1.0 - 1.0 / resampled.block, variance)
    drawn = resampled.drawn[:, others] - resampled.drawn[:, [column]]
    return Resampled(series, mean, _deviation(variance, series), drawn, resampled.block, resampled.seed)


def reality_check(resampled: Resampled) -> float:
    """p-value of White's reality check: is the largest mean more than the largest of so many worthless columns?

    White 2000, "A Reality Check for Data Snooping", Econometrica 68(5). Means are compared as they are, so that the
    wildest column rules the test: bring the columns to `equal_risk` first, or read `superior_ability`. All columns are
    taken to be no worse than the benchmark. 1 if none varies.
    """
    varies = resampled.varies
    if not varies.any():
        return 1.0
    luck = (resampled.drawn[:, varies] - resampled.mean[varies]).max(axis=1)
    return _share_above(luck, float(resampled.mean[varies].max()))


def superior_ability(resampled: Resampled) -> SuperiorAbility:
    """Hansen's test for superior predictive ability, with its three p-values.

    Hansen 2005, "A Test for Superior Predictive Ability", Journal of Business & Economic Statistics 23(4): means are
    compared as t-statistics, so that neither wild columns nor many hopeless ones hide a good one. A column counts as
    hopeless if its t-statistic is below ``-sqrt(2 log log T)``.

    A p-value is ``(1 + draws above) / (1 + draws)``, never 0: Davison and Hinkley 1997, "Bootstrap Methods and Their
    Application", section 4.2. Where no column is above the benchmark the largest t-statistic is compared as it is:
    were both sides cut off at zero, no draw of hopeless columns would lie above it, and the worst search look the best.
    """
    varies = resampled.varies
    if not varies.any():
        return SuperiorAbility(0.0, -1, 1.0, 1.0, 1.0)
    statistic = resampled.statistic()
    best = int(np.argmax(statistic))
    largest = float(statistic[best])
    p = [_share_above(_standardised(resampled, centre).max(axis=1), largest) for centre in _centres(resampled)]
    return SuperiorAbility(max(largest, 0.0), best, p[0], p[1], p[2])


def step_m(resampled: Resampled, size: float = 0.05) -> StepwiseTest:
    """Every column that is better than the benchmark, at a chance of at most `size` that any of them is not.

    Romano and Wolf 2005, "Stepwise Multiple Testing as Formalized Data Snooping", Econometrica 73(4): columns above the
    quantile of the luckiest are taken out, and the rest is measured against the luck of the rest, until none is taken.
    The luck is that of `superior_ability`'s consistent form.
    """
    _check_size(size)
    statistic = resampled.statistic()
    left = resampled.varies.copy()
    luck = _standardised(resampled, _centres(resampled)[1])
    place = np.flatnonzero(left)
    critical: list[float] = []
    superior: list[int] = []
    while left.any():
        bound = float(np.quantile(luck[:, left[place]].max(axis=1), 1.0 - size))
        # Where all columns are far below the benchmark the luck is, too; nothing below it is superior.
        bound = max(bound, 0.0)
        critical.append(bound)
        found = np.flatnonzero(left & (statistic > bound))
        if not len(found):
            break
        superior += found.tolist()
        left[found] = False
    return StepwiseTest(tuple(sorted(superior)), size, tuple(critical))


def stepwise_p_values(resampled: Resampled) -> F64_1D:
    """p-value of each column, corrected for all the others, (K,): the smallest size at which a stepwise test takes it.

    Each column is measured against the luckiest of itself and all with smaller t-statistics; no p-value is below that
    of a better column (Romano and Wolf 2005, "Exact and Approximate Stepdown Methods for Multiple Hypothesis Testing",
    JASA 100(469)). No column is taken as hopeless. 1 for a column that does not vary.
    """
    p = np.ones(len(resampled.mean))
    statistic = resampled.statistic()
    order = [int(k) for k in np.argsort(-statistic, kind="stable") if resampled.varies[k]]
    luck = np.full(resampled.draws, -np.inf)
    scale = math.sqrt(resampled.rows)
    for column in reversed(order):
        own = (resampled.drawn[:, column] - resampled.mean[column]) * scale / resampled.deviation[column]
        luck = np.maximum(luck, own)
        p[column] = _share_above(luck, float(statistic[column]))
    highest = 0.0
    for column in order:
        highest = max(highest, float(p[column]))
        p[column] = highest
    return p


def confidence_set(resampled: Resampled, size: float = 0.05) -> ConfidenceSet:
    """Columns that cannot be told from the best: all of them if the data say little, one if they say much.

    Hansen, Lunde and Nason 2011, "The Model Confidence Set", Econometrica 79(2), with the statistic T_max: the column
    furthest below the average of those left is thrown out as long as it is too far below it. Columns that are equal to
    the last bit must be brought together beforehand. For Sharpe ratios rather than means, give columns of `equal_risk`.
    """
    _check_size(size)
    from argus.lab.multiple_testing._reality_kernels import eliminate

    place = np.flatnonzero(resampled.varies)
    p_values = np.full(len(resampled.mean), np.nan)
    if len(place):
        mean = resampled.mean[place]
        around = np.ascontiguousarray((resampled.drawn[:, place] - mean).T)
        order, beaten = np.empty(len(place), dtype=np.int64), np.empty(len(place), dtype=np.int64)
        eliminate(around, mean.copy(), order, beaten)
        p = (1.0 + beaten) / (1.0 + resampled.draws)
        p_values[place[order]] = np.maximum.accumulate(p)
    included = tuple(int(k) for k in np.flatnonzero(p_values > size))
    return ConfidenceSet(tuple(float(value) for value in p_values), included, size)


def expected_best(resampled: Resampled) -> float:
    """Largest t-statistic that these columns would show on average if none had an edge.

    The mean over draws of the largest standardised deviation: `significance.expected_maximum` without the assumption
    that the columns are independent. 0 if none varies; never below 0.
    """
    if not resampled.varies.any():
        return 0.0
    return max(float(_standardised(resampled, resampled.mean).max(axis=1).mean()), 0.0)


def implied_trials(resampled: Resampled) -> int:
    """How many independent trials would be expected to show as good a best one by luck as these columns do.

    The smallest N with ``expected_maximum(N) >= expected_best``, at most the number of columns.
    """
    target = expected_best(resampled)
    low, high = 1, max(1, int(resampled.varies.sum()))
    while low < high:
        middle = (low + high) // 2
        if expected_maximum(middle) >= target:
            high = middle
        else:
            low = middle + 1
    return low


def _centres(resampled: Resampled) -> tuple[F64_1D, F64_1D, F64_1D]:
    """What is taken off the drawn means: of hopeless columns nothing, so that they stay below (Hansen 2005, sec. 3)."""
    mean = resampled.mean
    reach = -resampled.deviation / math.sqrt(resampled.rows) * math.sqrt(2.0 * math.log(math.log(resampled.rows)))
    return np.maximum(mean, 0.0), np.where(mean >= reach, mean, 0.0), mean


def _standardised(resampled: Resampled, centre: F64_1D) -> F64_2D:
    varies = resampled.varies
    scale = math.sqrt(resampled.rows) / resampled.deviation[varies]
    found: F64_2D = (resampled.drawn[:, varies] - centre[varies]) * scale
    return found


def _share_above(luck: F64_1D, value: float) -> float:
    return (1.0 + int((luck > value).sum())) / (1.0 + len(luck))


def _deviation(variance: F64_1D, series: F64_2D) -> F64_1D:
    """Root of the variance; 0 where nothing is left but roundings."""
    floor = 1e-24 * np.max(series * series, axis=0)
    found: F64_1D = np.sqrt(np.where(variance > floor, variance, 0.0))
    return found


def _check(series: F64_2D, block: float | None, draws: int) -> None:
    rows, columns = series.shape
    if rows < _ROWS_MIN or columns < 1:
        raise ConfigError(
            f"the test was given {rows} sessions of {columns} runs; at least {_ROWS_MIN} of one are needed"
        )
    if rows >= 2**31:
        raise ConfigError(f"the test was given {rows} sessions; fewer than 2**31 can be drawn from")
    if not np.isfinite(series).all():
        row, column = np.argwhere(~np.isfinite(series))[0]
        raise ConfigError(f"column {column} holds {series[row, column]} in row {row}; finite returns are needed")
    if block is not None and not 1.0 <= block <= rows:
        raise ConfigError(f"mean block length is {block}; it must be 1 to the number of sessions, {rows}")
    if draws < 1:
        raise ConfigError(f"draws is {draws}; at least one is needed")


def _check_size(size: float) -> None:
    if not 0.0 < size < 1.0:
        raise ConfigError(f"size is {size}; it must lie between 0 and 1")
