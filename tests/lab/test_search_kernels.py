"""Kernels of the tests over a whole search: compiled and plain, in parts and whole, and beside plain NumPy."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from argus.core.random import generator, stream_key
from argus.lab.multiple_testing import _clustering_kernels, _overfitting_kernels, _reality_kernels
from argus.lab.multiple_testing._clustering_kernels import products, silhouettes
from argus.lab.multiple_testing._overfitting_kernels import judge_halves
from argus.lab.multiple_testing._reality_kernels import drawn_rows, eliminate, long_run_variance, resampled_means

KEY = np.uint64(stream_key(3, "kernels"))
SERIES = generator(1, "kernels").normal(size=(70, 5)).cumsum(axis=0) * 0.01
RESTART = 2**32 // 3


def _plain(kernel: Callable[..., Any]) -> Callable[..., Any]:
    return getattr(kernel, "py_func", kernel)


def _means(kernel: Callable[..., Any], *bounds: int) -> np.ndarray:
    out = np.zeros((40, 5))
    for first, last in pairwise(bounds):
        kernel(SERIES, RESTART, KEY, first, last, out)
    return out


def test_means_are_those_of_the_rows_drawn() -> None:
    rows = np.empty(70, dtype=np.int64)
    found = _means(resampled_means, 0, 40)
    for draw in range(40):
        drawn_rows(70, RESTART, KEY, draw, rows)
        assert found[draw] == pytest.approx(SERIES[rows].mean(axis=0), rel=1e-12)


def test_parts_of_the_draws_make_the_whole_to_the_bit() -> None:
    whole = _means(resampled_means, 0, 40)
    assert whole.tobytes() == _means(resampled_means, 0, 7, 32, 40).tobytes()
    assert whole.tobytes() == _means(_plain(resampled_means), 0, 32, 40).tobytes()


def test_rows_go_on_within_a_block_and_around_the_end() -> None:
    rows = np.empty(3_000, dtype=np.int64)
    drawn_rows(3_000, 2**32 // 10, KEY, 0, rows)
    onward = rows[1:] == (rows[:-1] + 1) % 3_000
    # A block ends with probability 1/10; four standard errors.
    assert abs(onward.mean() - 0.9) < 4 * np.sqrt(0.09 / 2_999)
    drawn_rows(3_000, 2**32, KEY, 0, rows)
    assert (rows[1:] == (rows[:-1] + 1) % 3_000).mean() < 0.01
    assert abs(len(np.unique(rows)) / 3_000 - (1 - np.exp(-1))) < 0.03


@pytest.mark.parametrize("stay", [0.0, 0.5, 0.98])
def test_long_run_variance_is_the_sum_over_all_lags(stay: float) -> None:
    centred = SERIES - SERIES.mean(axis=0)
    rows = len(centred)
    expected = (centred**2).sum(axis=0) / rows
    for lag in range(1, rows):
        weight = (1 - lag / rows) * stay**lag + lag / rows * stay ** (rows - lag)
        expected += 2 * weight * (centred[:-lag] * centred[lag:]).sum(axis=0) / rows
    found = np.empty(5)
    long_run_variance(centred, stay, found)
    assert found == pytest.approx(expected, rel=1e-10)


def test_elimination_is_that_of_plain_numpy() -> None:
    draws = generator(2, "kernels").normal(size=(6, 50))
    mean = np.array([0.3, -0.2, 0.1, 0.9, -1.4, 0.0])
    order, beaten = np.empty(6, dtype=np.int64), np.empty(6, dtype=np.int64)
    eliminate(draws.copy(), mean.copy(), order, beaten)
    left = list(range(6))
    for step in range(5):
        around = draws[left].mean(axis=0) - draws[left]
        spread = np.sqrt((around**2).mean(axis=1))
        statistic = (mean[left].mean() - mean[left]) / spread
        assert order[step] == left[int(np.argmax(statistic))]
        assert beaten[step] == ((around / spread[:, None]).max(axis=0) > statistic.max()).sum()
        left.remove(int(order[step]))
    assert order[5] == left[0]
    assert beaten[5] == 50


def test_halves_are_judged_as_by_plain_numpy() -> None:
    from argus.lab.multiple_testing.overfitting import _halves, _subsets

    low, high, masks = _subsets(SERIES, 6, 0, 3), _subsets(SERIES, 6, 3, 6), _halves(6)
    results = []
    for kernel in (judge_halves, _plain(judge_halves)):
        chosen, place = np.empty(20, dtype=np.int64), np.empty(20, dtype=np.int64)
        inside, outside, levels = np.empty(20), np.empty(20), np.zeros((2, 8), dtype=np.int64)
        kernel(*low, *high, masks, 2.0, chosen, inside, outside, place, levels)
        results.append((chosen, inside, outside, place, levels))
    for one, other in zip(*results, strict=True):
        assert one.tobytes() == other.tobytes()

    chosen, inside, outside, place, levels = results[0]
    bounds = [round(k * 70 / 6) for k in range(7)]
    parts = [SERIES[a:b] for a, b in pairwise(bounds)]
    values = []
    for cut in range(20):
        taken = [bool(masks[cut // 2] >> k & 1) != bool(cut % 2) for k in range(6)]
        here = np.concatenate([part for part, own in zip(parts, taken, strict=True) if own])
        there = np.concatenate([part for part, own in zip(parts, taken, strict=True) if not own])
        before, after = here.mean(axis=0) / here.std(axis=0, ddof=1), there.mean(axis=0) / there.std(axis=0, ddof=1)
        best = int(np.argmax(before))
        assert chosen[cut] == best
        assert inside[cut] == pytest.approx(before[best], rel=1e-9)
        assert outside[cut] == pytest.approx(after[best], rel=1e-9)
        assert place[cut] == 2 * ((after < after[best]).sum() + 1)
        values.append(after)
    edges = np.linspace(-2.0, 2.0, 9)
    assert levels[0].tolist() == np.histogram(np.clip(values, -2, 2), edges)[0].tolist()
    assert levels[1].tolist() == np.histogram(np.clip(outside, -2, 2), edges)[0].tolist()


def test_products_are_those_of_numpy() -> None:
    padded = np.zeros((72, 5))
    padded[:70] = SERIES
    found, plain = np.empty((5, 5)), np.empty((5, 5))
    products(padded, found)
    _plain(products)(padded, plain)
    assert found == pytest.approx(SERIES.T @ SERIES, rel=1e-12)
    assert found.tobytes() == plain.tobytes()


def test_silhouettes_agree_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    points = generator(4, "kernels").normal(size=(12, 3))
    apart = np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=2))
    tree = linkage(squareform(apart, checks=False), method="average")
    found = np.empty((11, 2))
    silhouettes(apart, tree[:, :2].astype(np.int64), found)
    for step in range(10):
        labels = fcluster(tree, 12 - step - 1, criterion="maxclust")
        expected = metrics.silhouette_samples(apart, labels, metric="precomputed")
        assert found[step] == pytest.approx([expected.mean(), expected.std()], abs=1e-12)
    assert found[10].tolist() == [0.0, 0.0]


def test_every_kernel_file_says_what_it_offers() -> None:
    for module in (_clustering_kernels, _overfitting_kernels, _reality_kernels):
        assert all(hasattr(module, name) for name in module.__all__)
