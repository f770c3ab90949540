"""Windows of a walk that the data are too short for: others are taken, and it is said."""

from __future__ import annotations

import numpy as np
import pytest

from argus.lab.candidate import ResearchSettings
from argus.lab.search.trial_matrix import TrialMatrix
from argus.lab.search.walk import _folds_for


def _matrix(sessions: int) -> TrialMatrix:
    return TrialMatrix(np.arange(sessions, dtype=np.int32), np.zeros((sessions, 1)), ({},), ("a",), ("",), 250.0)


@pytest.mark.parametrize(("train", "test"), [(50.0, 1.0), (3.0, 5.0), (13.0, 1.0)])
def test_windows_that_do_not_fit_are_replaced_and_named(train: float, test: float) -> None:
    plan, told = _folds_for(_matrix(3_500), ResearchSettings(train_years=train, test_years=test), 1)
    assert len(plan) == 5
    assert f"other windows than the {train:g} years to train and {test:g} to test" in told
    assert "there are 14.0 years" in told


def test_windows_that_fit_are_as_asked_for() -> None:
    plan, told = _folds_for(_matrix(3_500), ResearchSettings(train_years=4.0, test_years=2.0), 1)
    assert told == ""
    assert plan[0].train_end - plan[0].train_start == 1_000
    assert plan[0].test_end - plan[0].test_start == 500
