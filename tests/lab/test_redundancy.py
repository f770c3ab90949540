"""Rank correlations against SciPy, and groups that were planted."""

from __future__ import annotations

import numpy as np
from scipy import stats

from argus.core.random import generator
from argus.lab.feature_study.redundancy import clusters, rank_correlation


def planted(n: int = 600) -> np.ndarray:
    random = generator(7, "redundancy")
    a, b, c = random.standard_normal((3, n))
    return np.array([a, np.exp(a), c, -a + 0.01 * b, b, np.round(b * 20), np.zeros(n)], dtype=np.float32)


def test_correlations_are_spearmans() -> None:
    sample = planted()[:6]
    want = stats.spearmanr(sample.T).statistic
    np.testing.assert_allclose(rank_correlation(sample), want, atol=1e-12)


def test_missing_values_leave_the_common_rows() -> None:
    sample = planted()
    sample[0, :100] = np.nan
    sample[4, 560:] = np.nan
    found = rank_correlation(sample)
    here = slice(100, 600)
    want = stats.pearsonr(stats.rankdata(sample[0, here]), stats.rankdata(sample[3])[here]).statistic
    np.testing.assert_allclose(found[0, 3], want, atol=1e-12)
    sample[0, 20:] = np.nan
    assert np.isnan(rank_correlation(sample)[0]).all(), "too few rows have both"


def test_planted_groups_are_found_and_the_best_member_kept() -> None:
    rho = rank_correlation(planted())
    assert np.isnan(rho[6]).all(), "a constant correlates with nothing"
    found, order = clusters(rho, missing=[3, 0, 0, 0, 5, 5, 0], first_row=[0, 20, 0, 10, 9, 5, 0])
    assert [(one.members, one.keep) for one in found] == [((0, 1, 3), 3), ((4, 5), 5)]
    assert all(one.weakest >= 0.9 for one in found)
    assert sorted(order) == list(range(7))
    places = [int(np.flatnonzero(order == k)[0]) for k in (0, 1, 3)]
    assert max(places) - min(places) == 2, "members stand side by side"


def test_one_column_has_no_groups() -> None:
    found, order = clusters(np.ones((1, 1)), [0], [0])
    assert found == ()
    assert order.tolist() == [0]
