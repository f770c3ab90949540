"""Plateau or spike: surfaces whose reading is known, formulas by hand, and noise that is not taken for an edge."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.random import generator
from argus.engine.sweep import (
    contiguity_error,
    contiguity_ratio,
    grid_neighbours,
    nearest_neighbours,
    plateau_share,
    read_surface,
)

GRID = np.array(list(itertools.product(range(6), range(6))))
PAIRS = grid_neighbours(GRID)


def surface(rows: list[list[float]]) -> np.ndarray:
    return np.array(rows, dtype=np.float64).ravel()


@given(st.sets(st.tuples(*[st.integers(0, 3)] * 3), max_size=40), st.integers(0, 2))
def test_neighbours_are_those_within_one_step(places: set[tuple[int, int, int]], words: int) -> None:
    points = sorted(places)
    index = np.array(points, dtype=np.int64).reshape(len(points), 3)
    labels = np.array([i % (words + 1) for i in range(len(points))], dtype=np.int64)
    expected = [
        [i, j]
        for i, j in itertools.combinations(range(len(points)), 2)
        if labels[i] == labels[j] and max(abs(a - b) for a, b in zip(points[i], points[j], strict=True)) == 1
    ]
    assert grid_neighbours(index, labels).tolist() == expected


def test_nearest_neighbours_do_not_see_units() -> None:
    drawn = generator(1, "test").random((30, 2))
    stretched = np.column_stack((np.exp(9 * drawn[:, 0]), 1e6 * drawn[:, 1]))
    near = nearest_neighbours(drawn, 4)
    assert near.tolist() == nearest_neighbours(stretched, 4).tolist()
    assert all(np.count_nonzero(near == i) >= 4 for i in range(30))
    assert len(nearest_neighbours(drawn[:1], 4)) == 0


def test_the_contiguity_ratio_by_hand() -> None:
    # A line of four: pairs (0,1), (1,2), (2,3); mean 2.5, squares 2.25 + 0.25 + 0.25 + 2.25 = 5, steps 1 + 1 + 1 = 3.
    line = grid_neighbours(np.arange(4).reshape(4, 1))
    assert contiguity_ratio(np.array([1.0, 2.0, 3.0, 4.0]), line) == pytest.approx(3 * 3 / (2 * 3 * 5))
    assert contiguity_ratio(np.array([1.0, 2.0, math.nan, 4.0]), line) == pytest.approx(2 * 1 / (2 * 1 * (14 / 3)))
    assert math.isnan(contiguity_ratio(np.full(4, 2.0), line))
    assert math.isnan(contiguity_ratio(np.array([1.0, 2.0]), np.zeros((0, 2), dtype=np.int64)))


def test_the_contiguity_error_is_what_shapeless_surfaces_show() -> None:
    random = generator(1, "shapeless")
    ratios = [contiguity_ratio(random.standard_normal(36), PAIRS) for _ in range(2_000)]
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.01)
    assert contiguity_error(np.zeros(36), PAIRS) == pytest.approx(float(np.std(ratios)), rel=0.05)


def test_the_plateau_share_counts_what_failed_as_lost() -> None:
    pairs = grid_neighbours(np.arange(3).reshape(3, 1))
    assert plateau_share(np.array([0.75, 1.0, 0.74]), pairs, 1) == 0.5
    assert plateau_share(np.array([0.75, 1.0, math.nan]), pairs, 1, fraction=0.5) == 0.5
    assert math.isnan(plateau_share(np.array([0.1, -1.0, 0.2]), pairs, 1))


SIDE = [0, 0.9, 0.9, 0.9, 0, 0]
FLAT_WITH_HILL = [[0.0] * 6, SIDE, [0, 0.9, 1, 0.9, 0, 0], SIDE, *[[0.0] * 6] * 2]
DIAGONAL = [[1.0 - 0.3 * abs(i - j) - 0.01 * abs(i - 3) for j in range(6)] for i in range(6)]
ALONE = [[2.0 if (i, j) == (2, 3) else 0.1 * ((i * j) % 3) for j in range(6)] for i in range(6)]


@pytest.mark.parametrize(
    ("rows", "word", "holding", "connected"),
    [
        (FLAT_WITH_HILL, "plateau", 8, 9),
        (DIAGONAL, "ridge", 2, 6),
        (ALONE, "spike", 0, 1),
        ([[-1.0] * 6] * 6, "noise", 0, 0),
        ([[math.nan] * 6] * 6, "unknown", 0, 0),
    ],
)
def test_surfaces_whose_reading_is_known(rows: list[list[float]], word: str, holding: int, connected: int) -> None:
    reading = read_surface(surface(rows), PAIRS)
    assert (reading.word, reading.holding, reading.connected) == (word, holding, connected)
    assert reading.sentence.lower().startswith(word)


def test_the_median_of_the_neighbours_stands_beside_the_best() -> None:
    rows = [[0.0] * 3, [0.2, 1.0, math.nan], [0.4, 0.6, 0.8]]
    scores = np.array(rows).ravel()
    pairs = grid_neighbours(np.array([[i, j] for i in range(3) for j in range(3)]))
    reading = read_surface(scores, pairs)
    # Of the eight neighbours one has no score: 0, 0, 0, 0.2, 0.4, 0.6, 0.8.
    assert (reading.best, reading.neighbours, reading.holding) == (4, 8, 1)
    assert reading.beside_median == pytest.approx(0.2)
    assert "best 1.00, median of the neighbours 0.20" in reading.sentence
    alone = read_surface(np.array([1.0]), np.zeros((0, 2), dtype=np.int64))
    assert math.isnan(alone.beside_median)


def test_two_points_are_too_few_to_tell() -> None:
    reading = read_surface(np.array([1.0, 0.9]), grid_neighbours(np.arange(2).reshape(2, 1)))
    assert (reading.word, reading.best, reading.neighbours) == ("unknown", 0, 1)


def test_pure_noise_is_hardly_ever_a_plateau_or_a_ridge() -> None:
    random = generator(2, "noise")
    words = Counter(read_surface(random.standard_normal(36), PAIRS).word for _ in range(500))
    assert words["noise"] >= 400
    assert words["plateau"] + words["ridge"] <= 10


def test_a_broad_hill_in_some_noise_is_a_plateau() -> None:
    random = generator(3, "hill")
    words: Counter[str] = Counter()
    for _ in range(200):
        centre = 1.0 + 3.0 * random.random(2)
        hill = np.exp(-((GRID - centre) ** 2).sum(axis=1) / (2 * 3.0**2))
        words[read_surface(hill + 0.05 * random.standard_normal(36), PAIRS).word] += 1
    assert words["plateau"] >= 180
