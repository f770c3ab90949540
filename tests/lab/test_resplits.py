from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from argus.core.random import generator
from argus.engine.metrics import sharpe
from argus.engine.replay import run
from argus.lab.journal.trials import MemoryTrialLedger
from argus.lab.search.resplits import Folds, SplitResult, longest_trade_sessions, resplit
from argus.lab.search.splits import Guard, Split, combinatorial, odd_even_months, paths_of, purged_k_fold
from argus.lab.search.trial_matrix import TrialMatrix
from argus.lab.search.walk_forward import parameter_key
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import FixedUnits
from tests.lab.markets import Fade, config, daily_bars, market_of, noise, reverting

ROOT = math.sqrt(252.0)
GUARD = Guard(3, 11)


def matrix_of(returns: np.ndarray, begin: int = 0) -> TrialMatrix:
    rows, runs = returns.shape
    days = 14_610 + np.arange(2 * rows)
    session = days[(days + 3) % 7 < 5][:rows].astype(np.int32)
    # Text order is not number order: ties must not go by the column.
    values = tuple({"n": 7 * k} for k in range(runs))
    ids = tuple(f"{k:016x}" for k in range(runs))
    return TrialMatrix(session, np.ascontiguousarray(returns), values, ids, ids, 252.0, begin)


def drawn(seed: int, rows: int = 900, runs: int = 12) -> np.ndarray:
    source = generator(seed, "tests", "resplits")
    found: np.ndarray = source.normal(0.0002, 0.01, (rows, 1)) + source.normal(0.0001, 0.008, (rows, runs))
    return found


def choice(matrix: TrialMatrix, rows: Sequence[int]) -> int:
    """As the walk chooses, written out: the highest Sharpe ratio, the first key among equals."""
    best, best_ratio = -1, -math.inf
    for k in sorted(range(matrix.runs), key=lambda one: parameter_key(matrix.values[one])):
        ratio = sharpe(matrix.returns[np.asarray(rows), k])
        if best < 0 or (math.isfinite(ratio) and ratio > best_ratio):
            best, best_ratio = k, ratio if math.isfinite(ratio) else -math.inf
    return best


def holds(found: SplitResult, split: Split, matrix: TrialMatrix) -> None:
    assert found.chosen == choice(matrix, split.train.tolist())
    tested = matrix.returns[split.test, found.chosen]
    assert found.test_sharpe_annual == pytest.approx(sharpe(tested) * ROOT, rel=1e-9)
    assert found.train_sharpe_annual == pytest.approx(
        sharpe(matrix.returns[split.train, found.chosen]) * ROOT, rel=1e-9
    )
    assert found.test_return == pytest.approx(tested.sum(), rel=1e-9)
    assert found.train_sessions == len(split.train)


@pytest.mark.parametrize(("seed", "begin"), [(1, 0), (2, 57)])
def test_every_split_against_the_rule_written_out(seed: int, begin: int) -> None:
    matrix = matrix_of(drawn(seed), begin)
    rows = len(matrix.session)
    found = resplit(matrix, GUARD)
    assert found.missing == ()
    assert found.folds is not None
    assert found.paths is not None
    assert found.months is not None
    for one, split in zip(found.folds.results, purged_k_fold(rows, 5, GUARD, begin=begin), strict=True):
        holds(one, split, matrix)
    assert found.folds.earned == np.mean([one.test_return > 0.0 for one in found.folds.results])
    for one, split in zip(found.months.results, odd_even_months(matrix.session, Guard(3, 0), begin=begin), strict=True):
        holds(one, split, matrix)
    # A path is the returns of whole stretches, one after the other, each of the set that the others chose.
    splits = combinatorial(rows, groups=10, held=3, guard=GUARD, begin=begin)
    chosen = [choice(matrix, split.train.tolist()) for split in splits]
    edges = [begin + k * (rows - begin) // 10 for k in range(11)]
    expected = []
    for path in paths_of(10, 3):
        pieces = [matrix.returns[edges[g] : edges[g + 1], chosen[split]] for g, split in enumerate(path)]
        expected.append(sharpe(np.concatenate(pieces)) * ROOT)
    assert found.paths.sharpe_annual == pytest.approx(expected, rel=1e-9)
    assert found.paths.splits == 120
    assert (found.paths.low, found.paths.median) == pytest.approx(tuple(np.quantile(expected, (0.05, 0.5))), rel=1e-9)
    assert found.paths.below_zero == np.mean(np.array(expected) <= 0.0)


def test_one_set_that_stands_out_is_chosen_everywhere() -> None:
    returns = drawn(3)
    returns[:, 4] += 0.01
    matrix = matrix_of(returns)
    found = resplit(matrix, GUARD)
    assert found.folds is not None
    assert found.paths is not None
    assert {one.chosen for one in found.folds.results} == {4}
    assert found.folds.earned == 1.0
    assert found.paths.sharpe_annual == pytest.approx([sharpe(returns[:, 4]) * ROOT] * 36, rel=1e-9)
    assert found.paths.below_zero == 0.0


def test_what_earns_in_one_kind_of_month_alone_is_found_out() -> None:
    returns = generator(4, "tests", "resplits").normal(0.0, 0.004, (1_000, 2))
    days = matrix_of(returns).session
    odd = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 2 == 0
    returns[:, 0] += np.where(odd, 0.004, -0.004)
    returns[:, 1] -= np.where(odd, 0.004, -0.004)
    months = resplit(matrix_of(returns), Guard(1, 400)).months
    assert months is not None
    assert [one.chosen for one in months.results] == [0, 1]
    assert all(one.train_sharpe_annual > 5.0 and one.test_sharpe_annual < -5.0 for one in months.results)


def test_sets_that_never_trade_lose_against_any_that_does_and_ties_go_by_name() -> None:
    returns = np.zeros((700, 3))
    returns[:, 1] = noise(700, 5) - 0.002
    found = resplit(matrix_of(returns), GUARD)
    assert found.folds is not None
    assert {one.chosen for one in found.folds.results} == {1}
    nothing = resplit(matrix_of(np.zeros((700, 3))), GUARD)
    assert nothing.folds is not None
    assert nothing.paths is not None
    assert {one.chosen for one in nothing.folds.results} == {0}
    assert all(math.isnan(one.test_sharpe_annual) for one in nothing.folds.results)
    assert set(nothing.paths.sharpe_annual) == {0.0}
    # Constant but for roundings is no Sharpe ratio of millions.
    still = resplit(matrix_of(np.full((700, 2), 0.0001)), GUARD).paths
    assert still is not None
    assert set(still.sharpe_annual) == {0.0}
    # 14 comes before 7 as text.
    twins = np.repeat(noise(700, 6)[:, None], 3, axis=1)
    chosen = resplit(matrix_of(twins), GUARD).folds
    assert isinstance(chosen, Folds)
    assert {one.chosen for one in chosen.results} == {0}
    assert choice(matrix_of(twins[:, 1:]), range(700)) == 0


def test_a_wide_guard_takes_fewer_stretches_and_then_says_that_there_is_no_room() -> None:
    matrix = matrix_of(drawn(7))
    wide = resplit(matrix, Guard(30, 160))
    assert wide.paths is not None
    assert (wide.paths.held, len(wide.paths.sharpe_annual)) == (2, 9)
    assert wide.months is None
    assert any("odd months choose" in why and "purge of 30" in why for why in wide.missing)
    none = resplit(matrix, Guard(300, 300))
    assert (none.folds, none.paths, none.months) == (None, None, None)
    assert len(none.missing) == 3


def test_what_is_left_to_choose_on_must_be_a_quarter_of_a_year() -> None:
    found = resplit(matrix_of(drawn(8, rows=100)), Guard(2, 24))
    assert found.folds is None
    assert "sessions are left to choose on, and at least 60 are needed" in found.missing[0]


def test_the_longest_trade_counts_sessions() -> None:
    record = run(
        Fade({"days": 3}),
        market_of(daily_bars(reverting(300, 1))),
        config(),
        sizer=FixedUnits(),
        risk=LimitRiskPolicy(),
        trials=MemoryTrialLedger(),
    )
    days = np.unique(record.equity_session).astype(np.int64)
    lengths = []
    for trade in record.trades:
        end = int(record.equity_ts_ns[-1]) if trade["is_open"] else int(trade["exit_ts_ns"])
        inside = (days * 86_400_000_000_000 > int(trade["entry_ts_ns"])) & (days * 86_400_000_000_000 <= end)
        lengths.append(int(inside.sum()))
    assert longest_trade_sessions(record) == max(lengths) > 3
