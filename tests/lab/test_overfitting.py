"""The cross-validated choice on constructions whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from argus.core.errors import ConfigError
from argus.core.random import generator
from argus.lab.multiple_testing.overfitting import pbo


def _noise(seed: int, rows: int = 320, columns: int = 20) -> np.ndarray:
    return generator(seed, "overfitting").normal(size=(rows, columns)) * 0.01


def test_sixteen_slices_give_the_published_number_of_cuts() -> None:
    # Bailey, Borwein, Lopez de Prado, Zhu 2017: C(16, 8) = 12,870.
    found = pbo(_noise(1), 16)
    assert found.cuts == len(found.logits) == len(found.inside) == 12_870


def test_choosing_among_noise_is_a_toss() -> None:
    found = [pbo(_noise(seed), 8) for seed in range(150)]
    values = np.array([one.value for one in found])
    assert values.mean() == pytest.approx(0.5, abs=4 * values.std() / math.sqrt(150))
    assert np.mean([one.loss_probability for one in found]) == pytest.approx(0.5, abs=0.1)
    # What looks better did not do better: slopes lie around or below zero.
    assert np.mean([one.slope for one in found]) < 0.1
    assert np.mean([one.kept for one in found]) == pytest.approx(0.0, abs=0.1)


def test_one_dominant_set_is_always_chosen_and_holds() -> None:
    matrix = _noise(2)
    matrix[:, 13] += 0.01
    found = pbo(matrix, 16)
    assert found.value == 0.0
    assert found.loss_probability == 0.0
    assert found.favourite == 1.0
    assert (found.chosen == 13).all()
    assert found.dominates
    assert found.dominates_second
    assert found.kept == pytest.approx(1.0, abs=0.05)
    # Two halves of one column have a fixed sum: the slope is -1 though nothing is overfitted.
    assert found.slope == pytest.approx(-1.0, abs=0.05)


def test_gains_that_compensate_are_overfitted_for_certain() -> None:
    # Bailey et al. 2014 (Notices of the AMS 61(5)) call it compensation: columns brought to a mean of exactly zero lose
    # after the cut what they won before it.
    matrix = _noise(3)
    found = pbo(matrix - matrix.mean(axis=0), 16)
    assert found.value > 0.99
    assert found.loss_probability == 1.0
    assert found.slope < -0.9
    assert not found.dominates
    assert not found.dominates_second


def test_equally_good_sets_look_overfitted_but_do_not_lose() -> None:
    # Why a plateau is judged by its loss probability.
    found = [pbo(_noise(seed) + 0.004, 8) for seed in range(40)]
    assert np.mean([one.value for one in found]) > 0.35
    assert max(one.loss_probability for one in found) == 0.0


def test_order_scale_and_workers_change_nothing() -> None:
    matrix = _noise(5) + generator(5, "edges").normal(size=20) * 0.001
    turn = generator(6, "turn").permutation(20)
    one, other = pbo(matrix, 12), pbo(matrix[:, turn] * 8.0, 12)
    assert one.value == other.value
    assert (one.logits == other.logits).all()
    assert (turn[other.chosen] == one.chosen).all()
    assert one.outside == pytest.approx(other.outside, rel=1e-9)
    for workers in (2, 7):
        many = pbo(matrix, 12, workers)
        assert one.outside.tobytes() == many.outside.tobytes()
        assert one.logits.tobytes() == many.logits.tobytes()
        assert (one.dominates, one.dominates_second) == (many.dominates, many.dominates_second)


def test_logits_and_slope_are_those_of_a_direct_reading() -> None:
    matrix = _noise(7, rows=61, columns=5)
    found = pbo(matrix, 4)
    assert found.cuts == 6
    assert found.value == np.mean(found.logits <= 0.0)
    slope, intercept = np.polyfit(found.inside, found.outside, 1)
    assert (found.slope, found.intercept) == pytest.approx((slope, intercept), rel=1e-8)
    assert found.fit == pytest.approx(np.corrcoef(found.inside, found.outside)[0, 1] ** 2, rel=1e-8)
    places = {math.log(k / (6 - k)) for k in (1, 2, 3, 4, 5)}
    assert all(min(abs(value - place) for place in places) < 1e-12 for value in found.logits)


def test_a_set_that_never_moved_has_a_ratio_of_zero() -> None:
    matrix = _noise(8, columns=3) - 0.01
    matrix[:, 1] = 0.0
    found = pbo(matrix, 8)
    assert (found.chosen == 1).all()
    assert (found.outside == 0.0).all()
    assert found.loss_probability == 0.0
    assert math.isnan(found.slope)


@pytest.mark.parametrize(
    ("matrix", "slices", "told"),
    [
        (_noise(1), 7, "slices is 7"),
        (_noise(1), 22, "slices is 22"),
        (_noise(1, columns=1), 8, "1 parameter set"),
        (_noise(1, rows=20), 16, "20 sessions cannot be cut"),
        (np.full((40, 2), np.inf), 8, "column 0 holds inf"),
    ],
)
def test_what_cannot_be_cut_is_refused(matrix: np.ndarray, slices: int, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        pbo(matrix, slices)
