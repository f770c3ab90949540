"""How many ideas a search tried: planted groups are found, copies collapse, and noise is not called one idea."""

from __future__ import annotations

import math

import numpy as np
import pytest

from argus.core.errors import ConfigError
from argus.core.random import generator
from argus.lab.multiple_testing.effective_trials import distinct_columns, effective_trials


def _blocks(seed: int, groups: int, each: int, rho: float, rows: int = 1_000) -> np.ndarray:
    source = generator(seed, "groups")
    shared = np.repeat(source.normal(size=(rows, groups)), each, axis=1)
    return (math.sqrt(rho) * shared + math.sqrt(1.0 - rho) * source.normal(size=shared.shape)) * 0.01


def test_twenty_copies_and_five_others_are_six_trials() -> None:
    source = generator(1, "copies")
    matrix = np.hstack([np.repeat(source.normal(size=(500, 1)), 20, axis=1), source.normal(size=(500, 5))])
    found = effective_trials(matrix)
    assert found.count == found.distinct == 6
    assert found.labels.tolist() == [0] * 20 + [1, 2, 3, 4, 5]
    assert found.participation == pytest.approx(6.0, abs=0.2)
    near = effective_trials(matrix + 0.05 * source.normal(size=matrix.shape))
    assert near.distinct == 25
    assert near.labels.tolist() == found.labels.tolist()


@pytest.mark.parametrize(("groups", "each", "rho"), [(2, 10, 0.7), (7, 6, 0.8), (12, 4, 0.9)])
def test_planted_groups_are_found(groups: int, each: int, rho: float) -> None:
    matrix = _blocks(groups, groups, each, rho)
    turn = generator(groups, "turn").permutation(groups * each)
    found = effective_trials(matrix[:, turn])
    assert found.count == groups
    assert found.silhouette > 0.25
    planted = turn // each
    assert all(len(set(planted[found.labels == label])) == 1 for label in range(groups))
    # Numbered by their first columns.
    assert found.labels[0] == 0
    assert np.array_equal(
        np.unique(found.labels, return_index=True)[1], np.sort(np.unique(planted, return_index=True)[1])
    )


def test_groups_agree_with_the_cut_that_scikit_learn_finds_best() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    cluster = pytest.importorskip("sklearn.cluster")
    matrix = _blocks(3, 5, 6, 0.6)
    apart = np.sqrt((1.0 - np.corrcoef(matrix.T).clip(-1, 1)) / 2.0)
    best, labels = -math.inf, np.zeros(30)
    for count in range(2, 12):
        tried = cluster.KMeans(count, n_init=5, random_state=0).fit_predict(apart)
        values = metrics.silhouette_samples(apart, tried)
        if values.mean() / values.std() > best:
            best, labels = values.mean() / values.std(), tried
    assert metrics.adjusted_rand_score(labels, effective_trials(matrix).labels) == 1.0


def test_noise_is_as_many_trials_as_it_has_columns() -> None:
    found = effective_trials(_blocks(4, 40, 1, 0.0))
    assert found.count == found.distinct == 40
    assert found.silhouette == 0.0
    # The Sharpe ratios of worthless sets vary as 1/T.
    assert found.sharpe_variance * 1_000 == pytest.approx(1.0, abs=4 * math.sqrt(2 / 39))


def test_one_idea_in_many_spellings_is_one_trial() -> None:
    found = effective_trials(_blocks(5, 1, 30, 0.95))
    assert found.count == 1
    assert found.sharpe_variance == 0.0
    assert 1.0 < found.participation < 1.5


def test_opposite_sets_are_two_ideas() -> None:
    column = generator(6, "opposite").normal(size=(300, 1))
    assert effective_trials(np.hstack([column, -column])).count == 2


def test_orders_or_returns_alike_are_copies() -> None:
    matrix = generator(7, "orders").normal(size=(50, 6))
    matrix[:, 4] = matrix[:, 1]
    matrix[0, 0], matrix[:, 5] = 0.0, matrix[:, 0]
    matrix[0, 5] = -0.0
    first, original = distinct_columns(matrix, ("a", "b", "", "a", "", ""))
    assert first.tolist() == [0, 1, 2]
    assert original.tolist() == [0, 1, 2, 0, 1, 0]
    assert distinct_columns(matrix)[1].tolist() == [0, 1, 2, 3, 1, 0]


def test_variance_of_a_group_is_that_of_its_portfolio() -> None:
    matrix = _blocks(8, 3, 4, 0.8) * np.array([1, 2, 3, 4] * 3) + 0.001
    ratios = []
    for group in range(3):
        members = matrix[:, 4 * group : 4 * group + 4]
        weight = 1.0 / members.var(axis=0, ddof=1)
        held = members @ (weight / weight.sum())
        ratios.append(held.mean() / held.std(ddof=1))
    found = effective_trials(matrix)
    assert found.count == 3
    assert found.sharpe_variance == pytest.approx(np.var(ratios, ddof=1), rel=1e-9)


def test_of_too_many_columns_the_rest_join_the_nearest_group() -> None:
    matrix = np.hstack([_blocks(9, 5, 30, 0.8), generator(9, "alone").normal(size=(1_000, 10)) * 0.01])
    found = effective_trials(matrix, columns_max=60, seed=2)
    assert found.sampled
    assert found.count == 15
    assert all(len(set(found.labels[30 * k : 30 * k + 30])) == 1 for k in range(5))
    assert not effective_trials(matrix).sampled
    assert (effective_trials(matrix).labels == found.labels).all()


def test_sets_that_never_moved_are_one_trial() -> None:
    matrix = _blocks(10, 2, 3, 0.9)
    matrix[:, [0, 5]] = 0.0
    found = effective_trials(matrix)
    assert found.labels[0] == found.labels[5]
    assert found.count == 3


def test_what_cannot_be_grouped_is_refused() -> None:
    with pytest.raises(ConfigError, match="2 sessions"):
        effective_trials(np.zeros((2, 4)))
    with pytest.raises(ConfigError, match="alike is 1"):
        effective_trials(np.zeros((20, 4)), alike=1.0)
    with pytest.raises(ConfigError, match="3 order hashes were given for 4 columns"):
        effective_trials(np.zeros((20, 4)), ("a", "b", "c"))
