from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import ConfigError, CoverageError
from argus.core.strategy import FeatureRef, StrategyConstraints, StrategySpec, WakeRule
from argus.core.time import day_of
from argus.lab.search.splits import (
    Guard,
    Split,
    combinatorial,
    guard_of,
    odd_even_months,
    paths_of,
    purged_k_fold,
    walk,
)
from argus.strategies import strategy_class
from tests.lab.markets import FIRST_DAY

GUARDS = st.builds(Guard, st.integers(0, 6), st.integers(0, 9), st.just("drawn"))


def may_train(row: int, test: Sequence[int], guard: Guard) -> bool:
    """Whether a row is far enough from every test row: the rule itself, pair by pair."""
    return all(row < one - guard.purge or row > one + guard.purge + guard.embargo for one in test)


def holds(split: Split, rows: Sequence[int], guard: Guard) -> None:
    test = split.test.tolist()
    assert test
    assert split.train.tolist() == [row for row in rows if row not in set(test) and may_train(row, test, guard)]


@given(st.integers(20, 70), st.integers(2, 6), GUARDS, st.integers(0, 5))
def test_k_fold_trains_on_all_that_is_far_enough_and_nothing_else(n: int, k: int, guard: Guard, begin: int) -> None:
    try:
        made = purged_k_fold(n, k, guard, begin=begin)
    except CoverageError:
        return
    assert np.concatenate([split.test for split in made]).tolist() == list(range(begin, n))
    assert max(len(split.test) for split in made) - min(len(split.test) for split in made) <= 1
    for split in made:
        holds(split, range(begin, n), guard)


@given(st.integers(40, 70), st.integers(3, 6), st.integers(1, 3), GUARDS, st.integers(0, 5))
def test_combinatorial_is_every_choice_once(n: int, groups: int, held: int, guard: Guard, begin: int) -> None:
    held = min(held, groups - 1)
    try:
        made = combinatorial(n, groups=groups, held=held, guard=guard, begin=begin)
    except CoverageError:
        return
    assert len({tuple(split.test.tolist()) for split in made}) == len(made) == math.comb(groups, held)
    for split in made:
        holds(split, range(begin, n), guard)
    counts = np.bincount(np.concatenate([split.test for split in made]), minlength=n)
    assert (counts[:begin] == 0).all()
    assert (counts[begin:] == math.comb(groups - 1, held - 1)).all()


@pytest.mark.parametrize(("groups", "held"), [(6, 2), (5, 1), (10, 5), (4, 3), (10, 2)])
def test_every_path_is_every_session_once(groups: int, held: int) -> None:
    n = 10 * groups + 3
    made = combinatorial(n, groups=groups, held=held, guard=Guard(1, 1))
    paths = paths_of(groups, held)
    # Lopez de Prado 2018, 12.4: phi[N, k] = C(N, k) k / N.
    assert paths.shape == (math.comb(groups, held) * held // groups, groups)
    edges = [group * n // groups for group in range(groups + 1)]
    used = set()
    for path in paths.tolist():
        rows = []
        for group, number in enumerate(path):
            stretch = list(range(edges[group], edges[group + 1]))
            assert set(stretch) <= set(made[number].test.tolist())
            rows += stretch
            used.add((number, group))
        assert rows == list(range(n))
    assert len(used) == len(made) * held


def test_the_published_example_of_six_stretches_and_five_paths() -> None:
    # Lopez de Prado 2018, figures 12.1 and 12.2: N = 6, k = 2 makes 15 splits and 5 paths.
    assert math.comb(6, 2) == len(combinatorial(60, groups=6, held=2, guard=Guard(0, 0))) == 15
    assert paths_of(6, 2).shape == (5, 6)
    # The first path takes each stretch from the first split that tests it.
    assert paths_of(6, 2)[0].tolist() == [0, 0, 1, 2, 3, 4]


@pytest.mark.parametrize(("groups", "held", "purge", "embargo"), [(6, 2, 2, 3), (8, 4, 1, 0), (5, 2, 0, 4)])
def test_against_skfolio(groups: int, held: int, purge: int, embargo: int) -> None:
    reference = pytest.importorskip("skfolio.model_selection").CombinatorialPurgedCV(
        n_folds=groups, n_test_folds=held, purged_size=purge, embargo_size=embargo
    )
    n = 20 * groups
    made = combinatorial(n, groups=groups, held=held, guard=Guard(purge, embargo))
    expected = list(reference.split(np.zeros((n, 1))))
    assert len(made) == len(expected)
    for split, (train, tests) in zip(made, expected, strict=True):
        assert split.train.tolist() == train.tolist()
        assert split.test.tolist() == np.concatenate(tests).tolist()
    assert paths_of(groups, held).T.tolist() == reference.recombined_paths.tolist()


@given(st.integers(60, 200), st.integers(5, 40), st.integers(3, 20), st.integers(0, 8), st.booleans())
def test_a_walk_trains_on_the_past_alone(n: int, train_min: int, test: int, purge: int, anchored: bool) -> None:
    guard = Guard(purge, 99)
    try:
        made = walk(n, train_min=train_min, test=test, guard=guard, begin=4, anchored=anchored)
    except CoverageError:
        return
    for split in made:
        assert split.train[0] >= 4
        assert split.test[0] - split.train[-1] == max(1, purge) + 1
        assert len(split.train) >= train_min
    tested = np.concatenate([split.test for split in made])
    assert tested.tolist() == list(range(int(tested[0]), n))


@given(st.integers(150, 400), st.integers(0, 4), st.integers(0, 3), st.integers(0, 100))
def test_odd_months_choose_for_even_ones_and_back(n: int, purge: int, embargo: int, begin: int) -> None:
    days = FIRST_DAY + np.arange(2 * n + 10)
    session = days[(days + 3) % 7 < 5][:n].astype(np.int32)
    guard = Guard(purge, embargo)
    odd_first, even_first = odd_even_months(session, guard, begin=begin)
    odd = [day_of(int(day)).month % 2 == 1 for day in session]
    assert odd_first.test.tolist() == [row for row in range(begin, n) if not odd[row]]
    assert even_first.test.tolist() == [row for row in range(begin, n) if odd[row]]
    for split in (odd_first, even_first):
        holds(split, range(begin, n), guard)


def spec_of(name: str, **values: float) -> StrategySpec:
    return strategy_class(name).specify(["ES"], **values)


def test_the_guard_follows_from_what_a_strategy_declares() -> None:
    for values in ({"lookback": 250, "rebalance": 20}, {"lookback": 400, "rebalance": 5}):
        spec = spec_of("tsmom", **values)
        guard = guard_of(spec, strategy_class("tsmom").horizon(spec.values), 390.0)
        # A past return over n sessions is known from n + 1 closes, however many bars a session has.
        assert (guard.purge, guard.embargo) == (values["rebalance"], values["lookback"] + 1)
        assert f"past:ES reaches {values['lookback'] + 1} back" in guard.why
    assert guard_of(spec_of("mean_reversion", hold_max=7), 7.0).purge == 7
    bars = spec_of("sma_cross", fast=10, slow=780)
    assert strategy_class("sma_cross").horizon(bars.values) is None
    # Its windows count bars: 780 of them are 112 sessions of 7, beside a volatility over 61 sessions.
    guard = guard_of(bars, 2.5, 7.0)
    assert (guard.purge, guard.embargo) == (3, 112)
    assert guard_of(bars, 2.5, 390.0).embargo == 61


def test_what_a_strategy_reads_beside_its_features_counts() -> None:
    ref = FeatureRef("mean", "sma", "ES", {"n": 5})
    spec = StrategySpec(
        name="reader",
        version="1",
        summary="",
        source="",
        universe=("ES",),
        wake=WakeRule.EVERY_BAR,
        warmup_bars=40,
        parameters=(),
        values={},
        features=(ref,),
        needs=frozenset({"close"}),
        constraints=StrategyConstraints(0, 1.0),
    )
    assert guard_of(spec, 1, 4.0).embargo == 10


def test_what_cannot_be_split_is_said() -> None:
    with pytest.raises(ConfigError, match="declares no horizon"):
        guard_of(spec_of("sma_cross"), None)
    with pytest.raises(ConfigError, match="must be positive and finite"):
        guard_of(spec_of("tsmom"), 0.0)
    with pytest.raises(ConfigError, match="at least one bar in a session"):
        guard_of(spec_of("tsmom"), 1.0, 0.5)
    with pytest.raises(ConfigError, match="purge is -1"):
        Guard(-1, 0)
    with pytest.raises(CoverageError, match="leave none of 80 sessions to train on"):
        purged_k_fold(100, 5, Guard(20, 100))
    with pytest.raises(CoverageError, match="cannot be cut into 5"):
        purged_k_fold(8, 5, Guard(0, 0), begin=4)
    with pytest.raises(ConfigError, match="begin is row 8 of 8"):
        purged_k_fold(8, 2, Guard(0, 0), begin=8)
    with pytest.raises(ConfigError, match="1 stretches"):
        purged_k_fold(8, 1, Guard(0, 0))
    with pytest.raises(ConfigError, match="3 of 3"):
        combinatorial(90, groups=3, held=3, guard=Guard(0, 0))
    with pytest.raises(ConfigError, match="12,870 splits"):
        paths_of(16, 8)
    days = np.arange(FIRST_DAY, FIRST_DAY + 20, dtype=np.int32)
    with pytest.raises(CoverageError, match="lies in an even month"):
        odd_even_months(days, Guard(0, 0))
