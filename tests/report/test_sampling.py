"""Thinning keeps what matters: ends, peaks and troughs."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.report.sampling import POINTS_MAX, keep_extremes


def test_a_short_curve_stays_whole() -> None:
    assert keep_extremes(np.arange(POINTS_MAX, dtype=np.float64)).tolist() == list(range(POINTS_MAX))


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1_501, 20_000), st.integers(1, 3))
def test_extremes_of_every_curve_survive(seed: int, length: int, curves: int) -> None:
    rng = np.random.default_rng(seed)
    series = [np.cumsum(rng.normal(size=length)) for _ in range(curves)]
    kept = keep_extremes(*series)
    assert len(kept) <= POINTS_MAX
    assert kept[0] == 0
    assert kept[-1] == length - 1
    assert (np.diff(kept) > 0).all()
    for values in series:
        assert values[kept].min() == values.min()
        assert values[kept].max() == values.max()


def test_missing_values_are_passed_over() -> None:
    values = np.full(5_000, np.nan)
    values[1_234] = 7.0
    assert 1_234 in keep_extremes(values).tolist()
