from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from argus.core.errors import ConfigError
from argus.engine._sweep_surface import grid_neighbours, read_surface
from argus.lab.evaluation import FoldResult
from argus.lab.stress.stability import plateau_at, walk_instability
from tests.lab.markets import noise

INDEX = np.array([(i, j) for i in range(7) for j in range(7)])
PAIRS = grid_neighbours(INDEX)
HILL = 2.0 - 0.02 * ((INDEX - 3) ** 2).sum(axis=1)
SPIKE = np.where((INDEX == 3).all(axis=1), 2.0, 0.1)
GRID = tuple({"fast": fast, "kind": kind} for fast in (5, 10, 20) for kind in ("a", "b"))


def _fold(
    year: int, test: float, *, train: float = 1.0, fast: int = 10, kind: str = "a", days: int = 365
) -> FoldResult:
    first = np.datetime64(f"{year}-01-01")
    return FoldResult(
        train_first=f"{year - 4}-01-01",
        train_last=f"{year - 1}-12-31",
        test_first=str(first),
        test_last=str(first + days - 1),
        values={"fast": fast, "kind": kind},
        train_sharpe_annual=train,
        test_sharpe_annual=test,
        test_pnl=test,
        test_return=test,
    )


def test_hill_is_safe_and_spike_is_not() -> None:
    best = int(np.argmax(HILL))
    hill, spike = plateau_at(HILL, PAIRS, best), plateau_at(SPIKE, PAIRS, best)
    assert hill.share == 1.0
    assert hill.figure < 0.02
    assert spike.share == 0.0
    assert spike.figure == pytest.approx(1.0 - 0.05 / 2.0)
    for scores in (HILL, SPIKE, noise(49, 3) + 0.01):
        reading = read_surface(scores, PAIRS)
        found = plateau_at(scores, PAIRS, reading.best)
        # A sweep reads the same surface by itself.
        assert (found.score, found.neighbours) == (reading.score, reading.neighbours)
        assert found.share == reading.holding / reading.neighbours
        assert found.beside_ratio == min(max(reading.beside_median / reading.score, 0.0), 1.0)


def test_chosen_point_is_judged_and_not_the_best_one() -> None:
    corner = 0
    found = plateau_at(SPIKE, PAIRS, corner)
    assert found.score == 0.1
    assert found.figure == 0.0
    with pytest.raises(ConfigError, match="point 49"):
        plateau_at(SPIKE, PAIRS, 49)


def test_what_is_not_known_is_said() -> None:
    lost = np.where(np.arange(49) == 24, -1.0, HILL)
    assert plateau_at(lost, PAIRS, 24).figure == 1.0
    alone = plateau_at(HILL, PAIRS[:0], 24)
    assert math.isnan(alone.figure)
    assert alone.sentence.startswith("Unknown")
    # Neighbours that never traded keep nothing.
    assert plateau_at(np.where(np.arange(49) == 24, 1.0, math.nan), PAIRS, 24).figure == 1.0


def test_folds_that_agree_and_keep_their_parameters_are_stable() -> None:
    calm = walk_instability([_fold(2010 + n, 1.0 + 0.1 * (-1) ** n) for n in range(6)], GRID)
    assert calm.figure == pytest.approx(0.0, abs=1e-12)
    wild = walk_instability([_fold(2010 + n, 5.0 * (-1) ** n, fast=(5, 20)[n % 2]) for n in range(6)], GRID)
    assert wild.spread > 1.0
    assert wild.figure > 0.6
    assert math.isnan(walk_instability([_fold(2010, 1.0)], GRID).figure)


def test_luck_of_the_fold_length_is_no_instability() -> None:
    # Sharpe ratios of years without any difference between them: sampling error alone.
    draws = 1.0 + noise(400, 5, vol=1.0)
    excess = walk_instability([_fold(1600 + n, float(draws[n])) for n in range(400)], GRID).spread
    raw = float(np.std(draws, ddof=1) / draws.mean())
    assert excess < 0.35 * raw


def test_jumps_are_distances_in_the_grid() -> None:
    folds = [_fold(2010, 1.0, fast=5), _fold(2011, 1.0, fast=20), _fold(2012, 1.0, fast=10, kind="b")]
    # fast: 2 of 2 steps, then 1 of 2; kind: the same, then another word.
    assert walk_instability(folds, GRID).jumps == pytest.approx((1.0 + 0.5 + 0.0 + 1.0) / 4.0)
    halved = walk_instability([_fold(2010 + n, 0.5, train=2.0) for n in range(3)], GRID)
    assert halved.degradation == pytest.approx(0.75)


def test_a_parameter_left_at_its_default_is_another_choice() -> None:
    grid = ({"entry": 1.0}, {"entry": 2.0}, {"filter": "trend", "window": 50}, {"filter": "trend", "window": 100})
    folds = [
        replace(_fold(2010 + n, 1.0), values=values) for n, values in enumerate((grid[0], grid[2], grid[3], grid[0]))
    ]
    # entry: left out, left out twice, taken up again; window: taken up, one step of one, left out.
    assert walk_instability(folds, grid).jumps == pytest.approx((1.0 + 0.0 + 1.0 + 1.0 + 1.0 + 1.0) / 6.0)
