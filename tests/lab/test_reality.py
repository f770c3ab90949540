"""Tests over a whole search: beside arch on the same draws, against theory, and under truth that is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from argus.core.errors import ConfigError
from argus.core.random import generator
from argus.lab.multiple_testing.reality import (
    Resampled,
    common_block,
    confidence_set,
    equal_risk,
    excess_over,
    expected_best,
    implied_trials,
    reality_check,
    resample,
    resampled_rows,
    step_m,
    stepwise_p_values,
    superior_ability,
)
from argus.lab.multiple_testing.significance import expected_maximum

BLOCK, DRAWS, SEED = 4, 199, 11


def _matrix(seed: int, rows: int = 160, columns: int = 7) -> np.ndarray:
    """Columns of different means and spreads that share half of their variance and remember their last row."""
    drawn = generator(seed, "reality")
    noise = drawn.normal(size=(rows, columns)) + drawn.normal(size=(rows, 1))
    noise[1:] += 0.3 * noise[:-1]
    return (noise + drawn.normal(size=columns) * 0.2) * drawn.uniform(0.5, 2.0, size=columns) * 0.01


def _on_our_draws(test: Any, rows: int) -> Any:
    """The peer's test, drawing the rows that ours drew."""
    drawn = iter(resampled_rows(rows, block=BLOCK, draws=DRAWS, seed=SEED))
    test.bootstrap.update_indices = lambda: next(drawn)
    return test


def _raised(p: float) -> float:
    """A p-value of arch counts only the draws; ours counts the data as one more."""
    return (1.0 + p * DRAWS) / (1.0 + DRAWS)


@pytest.mark.parametrize("edge", [0.0, -0.01, -0.1])
@pytest.mark.parametrize("seed", range(6))
def test_superior_ability_agrees_with_arch_on_the_same_draws(seed: int, edge: float) -> None:
    from arch.bootstrap import SPA

    matrix = _matrix(seed) + edge
    ours = resample(matrix, block=BLOCK, draws=DRAWS, seed=SEED)
    # arch does not divide by the deviation it finds; columns that were divided beforehand make it do so.
    peer = _on_our_draws(SPA(np.zeros(160), -matrix / ours.deviation, block_size=BLOCK, reps=DRAWS), 160)
    peer.compute()
    found = superior_ability(ours)
    assert found.lower == pytest.approx(_raised(peer.pvalues["lower"]), abs=1e-10)
    assert found.consistent == pytest.approx(_raised(peer.pvalues["consistent"]), abs=1e-10)
    assert found.upper == pytest.approx(_raised(peer.pvalues["upper"]), abs=1e-10)
    assert found.statistic == pytest.approx(
        max(0.0, float((-np.asarray(peer.models)).mean(axis=0).max())) * math.sqrt(160), rel=1e-10
    )
    simulated = np.moveaxis(peer._simulated_vals, 0, 1)[:, :, 2]
    assert (ours.drawn - ours.mean) / ours.deviation == pytest.approx(simulated, abs=1e-10)


@pytest.mark.parametrize("seed", range(6))
def test_reality_check_and_deviation_agree_with_arch_on_the_same_draws(seed: int) -> None:
    from arch.bootstrap import SPA

    matrix, benchmark = _matrix(seed), _matrix(seed + 50, columns=1)
    together = resample(np.hstack([matrix, benchmark]), block=BLOCK, draws=DRAWS, seed=SEED)
    ours = excess_over(together, 7)
    peer = _on_our_draws(SPA(-benchmark[:, 0], -matrix, block_size=BLOCK, reps=DRAWS), 160)
    peer.compute()
    assert reality_check(ours) == pytest.approx(_raised(peer.pvalues["upper"]), abs=1e-10)
    assert ours.deviation**2 == pytest.approx(peer._loss_diff_var, rel=1e-10)
    assert ours.drawn - ours.mean == pytest.approx(peer._simulated_vals[:, :, 2].T, abs=1e-10)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [0.05, 0.4])
def test_stepwise_test_agrees_with_arch_on_the_same_draws(seed: int, size: float) -> None:
    from arch.bootstrap import StepM

    matrix = _matrix(seed) + 0.001
    matrix[:, 6] -= 0.05  # the peer breaks where none is left
    ours = resample(matrix, block=BLOCK, draws=DRAWS, seed=SEED)
    peer = StepM(np.zeros(160), -matrix / ours.deviation, size=size, block_size=BLOCK, reps=DRAWS)
    _on_our_draws(peer.spa, 160)
    peer.compute()
    assert list(step_m(ours, size).superior) == peer.superior_models


@pytest.mark.parametrize("seed", range(6))
def test_confidence_set_agrees_with_arch_on_the_same_draws(seed: int) -> None:
    from arch.bootstrap import MCS

    matrix = _matrix(seed)
    peer = _on_our_draws(MCS(-matrix, 0.1, block_size=BLOCK, reps=DRAWS, method="max"), 160)
    peer.compute()
    found = confidence_set(resample(matrix, block=BLOCK, draws=DRAWS, seed=SEED), 0.1)
    expected = [
        1.0 if p == 1.0 else _raised(p) for p in (float(peer.pvalues.Pvalue.loc[column]) for column in range(7))
    ]
    assert found.p_values == pytest.approx(expected, abs=1e-10)


def test_any_number_of_workers_gives_the_same_bits() -> None:
    matrix = _matrix(1, rows=120, columns=9)
    one = resample(matrix, block=3.5, draws=300, seed=2, workers=1)
    for workers in (2, 5, 32):
        many = resample(matrix, block=3.5, draws=300, seed=2, workers=workers)
        assert one.drawn.tobytes() == many.drawn.tobytes()
        assert one.deviation.tobytes() == many.deviation.tobytes()
    fewer = resample(matrix, block=3.5, draws=100, seed=2)
    assert (fewer.drawn == one.drawn[:100]).all()
    assert (resample(matrix, block=3.5, draws=100, seed=3).drawn != fewer.drawn).mean() > 0.9


def _under_the_null(rows: int, columns: int, times: int, dependence: float = 0.0) -> list[Resampled]:
    drawn = []
    for seed in range(times):
        source = generator(seed, "null")
        matrix = source.normal(size=(rows, columns)) + source.normal(size=(rows, 1))
        for row in range(1, rows):
            matrix[row] += dependence * matrix[row - 1]
        drawn.append(resample(matrix, block=1.0 if not dependence else 12.0, draws=199, seed=seed))
    return drawn


def test_p_values_are_uniform_where_nothing_has_an_edge() -> None:
    from scipy.stats import kstest

    drawn = _under_the_null(rows=200, columns=8, times=300)
    for name, p in {
        "superior ability, all relevant": [superior_ability(one).upper for one in drawn],
        "reality check": [reality_check(one) for one in drawn],
        "best of the stepwise": [float(stepwise_p_values(one).min()) for one in drawn],
    }.items():
        assert kstest(p, "uniform").pvalue > 0.01, name
    # The stepwise test takes nothing in about 95 % of them: 15 of 300 expected, 28 are four standard errors.
    assert sum(bool(step_m(one, 0.05).superior) for one in drawn) <= 30


def test_returns_that_depend_on_each_other_are_drawn_in_blocks() -> None:
    drawn = _under_the_null(rows=400, columns=5, times=120, dependence=0.5)
    in_blocks = np.mean([superior_ability(one).consistent < 0.1 for one in drawn])
    singly = np.mean([superior_ability(resample(one.series, block=1.0, draws=199)).consistent < 0.1 for one in drawn])
    assert in_blocks < 0.22
    assert singly > in_blocks + 0.08


def test_one_edge_among_hopeless_sets_is_found_by_the_studentised_test() -> None:
    source = generator(5, "edge")
    matrix = source.normal(size=(1_500, 40)) * 0.01
    matrix[:, :30] = matrix[:, :30] * 8.0 - 0.02  # wild and hopeless
    matrix[:, 35] += 0.0015
    drawn = resample(matrix, block=1.0, draws=399, seed=1)
    found = superior_ability(drawn)
    assert found.best == 35
    assert found.consistent < 0.01
    assert found.lower <= found.consistent <= found.upper
    assert step_m(drawn).superior == (35,)
    # White's means are ruled by the wildest column.
    assert reality_check(drawn) > 0.5
    included = confidence_set(resample(equal_risk(matrix), block=1.0, draws=399)).included
    assert 35 in included
    assert min(included) >= 30


@pytest.mark.parametrize("loss", [0.15, 0.4, 3.0])
def test_sets_that_all_lost_are_worth_nothing_however_hopeless_they_are(loss: float) -> None:
    matrix = generator(6, "losers").normal(size=(1_000, 20)) - loss
    assert (matrix.mean(axis=0) < 0.0).all()
    drawn = resample(matrix, block=1.0, draws=199, seed=1)
    found = superior_ability(drawn)
    assert found.statistic == 0.0
    assert 0.2 < found.lower <= found.consistent <= found.upper
    assert step_m(drawn).superior == ()
    assert stepwise_p_values(drawn).min() > 0.2


@pytest.mark.parametrize("seed", range(4))
def test_order_and_scale_of_columns_change_no_answer(seed: int) -> None:
    matrix = _matrix(seed)
    turn = generator(seed, "turn").permutation(7)
    one = resample(matrix, block=2.0, draws=199, seed=4)
    other = resample(matrix[:, turn] * np.array([1, 2, 4, 8, 0.5, 0.25, 16.0]), block=2.0, draws=199, seed=4)
    assert superior_ability(one).consistent == superior_ability(other).consistent
    assert (stepwise_p_values(one)[turn] == stepwise_p_values(other)).all()
    assert sorted(turn[list(step_m(other).superior)].tolist()) == list(step_m(one).superior)


@pytest.mark.parametrize("seed", range(4))
def test_corrected_p_values_and_the_stepwise_set_say_the_same(seed: int) -> None:
    matrix = _matrix(seed) + 0.002
    drawn = resample(matrix, block=2.0, draws=999, seed=4)
    p = stepwise_p_values(drawn)
    order = np.argsort(-drawn.statistic())
    assert (np.diff(p[order]) >= 0.0).all()
    assert p.min() == pytest.approx(superior_ability(drawn).upper, abs=1e-12)
    # All columns are near the benchmark here, so that none is taken as hopeless by the one and not by the other.
    assert set(np.flatnonzero(p < 0.049)) <= set(step_m(drawn, 0.05).superior) <= set(np.flatnonzero(p < 0.06))


@pytest.mark.parametrize("columns", [5, 60])
def test_luck_of_independent_sets_is_that_of_as_many_trials(columns: int) -> None:
    drawn = resample(generator(8, "luck").normal(size=(800, columns)), block=1.0, draws=2_000)
    assert expected_best(drawn) == pytest.approx(expected_maximum(columns), abs=0.06)
    assert abs(implied_trials(drawn) - columns) <= 0.2 * columns


def test_luck_of_equally_correlated_sets_is_that_of_theory() -> None:
    # The shared part of a correlation rho moves all alike: the best of K shows sqrt(1 - rho) of the luck of K.
    source = generator(9, "luck")
    shared = source.normal(size=(800, 1))
    matrix = math.sqrt(0.75) * shared + 0.5 * source.normal(size=(800, 100))
    drawn = resample(matrix, block=1.0, draws=2_000)
    assert expected_best(drawn) == pytest.approx(0.5 * expected_maximum(100), abs=0.1)
    assert implied_trials(drawn) == pytest.approx(7, abs=2)


def test_copies_of_one_set_are_one_trial() -> None:
    column = generator(3, "copies").normal(size=(300, 1))
    assert implied_trials(resample(np.repeat(column, 50, axis=1), block=1.0)) == 1


def test_sets_that_never_moved_are_left_out() -> None:
    matrix = _matrix(2)
    matrix[:, 3] = 0.0
    matrix[:, 4] = 0.1  # the same every session
    drawn = resample(matrix, block=2.0, draws=99)
    assert drawn.varies.tolist() == [True, True, True, False, False, True, True]
    assert superior_ability(drawn).best not in (3, 4)
    assert stepwise_p_values(drawn)[3] == 1.0
    assert math.isnan(confidence_set(drawn).p_values[3])
    nothing = resample(np.zeros((50, 2)), draws=99)
    assert reality_check(nothing) == superior_ability(nothing).consistent == 1.0
    assert step_m(nothing).superior == ()
    assert confidence_set(nothing).included == ()
    assert implied_trials(nothing) == 1


def test_one_block_length_is_taken_for_all_columns() -> None:
    source = generator(6, "block")
    slow = source.normal(size=(600, 4))
    for row in range(1, 600):
        slow[row] += 0.8 * slow[row - 1]
    assert common_block(slow) > 3 * common_block(source.normal(size=(600, 4)))
    assert common_block(np.zeros((600, 3))) == 1.0
    assert resample(slow, draws=3).block == common_block(slow)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"series": np.zeros((10, 2))}, "10 sessions"),
        ({"series": np.full((30, 2), np.nan)}, "column 0 holds nan in row 0"),
        ({"block": 0.5}, "block length is 0.5"),
        ({"draws": 0}, "draws is 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(change: dict[str, Any], told: str) -> None:
    asked: dict[str, Any] = {"series": _matrix(1), "block": 2.0, "draws": 9} | change
    with pytest.raises(ConfigError, match=told):
        resample(asked.pop("series"), **asked)


def test_a_size_that_is_no_probability_is_refused() -> None:
    drawn = resample(_matrix(1), block=2.0, draws=9)
    with pytest.raises(ConfigError, match=r"size is 1\.5"):
        step_m(drawn, 1.5)
    with pytest.raises(ConfigError, match="size is 0"):
        confidence_set(drawn, 0.0)
