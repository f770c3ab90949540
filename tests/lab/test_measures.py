"""What the gates read: the regime that is named is the one that is left out."""

from __future__ import annotations

import numpy as np

from argus.lab.measures import _regimes
from argus.lab.stress.regimes_stress import RegimeLabels, Regimes, regime_stress


def test_the_regime_that_is_named_is_the_one_that_is_left_out() -> None:
    # Ten sessions of a crisis earned most, but are too few to be left out; of the others 'calm' earned more.
    returns = np.concatenate((np.full(10, 0.05), np.full(40, 0.004), np.full(50, 0.002)))
    labels = np.repeat(np.array([0, 1, 2], dtype=np.int8), [10, 40, 50])
    told = regime_stress(returns, RegimeLabels("weather", ("crisis", "calm", "wild"), labels), per_year=252.0)
    figure = _regimes(Regimes((told,), told.figure, told.sentence))
    assert figure.value == 1.0 - told.largest_share
    assert told.largest_share == max(one.share for one in told.buckets if one.sessions >= 20)
    assert "Without the regime 'calm'" in figure.sentence
