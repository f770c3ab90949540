"""Corrections of p-values beside statsmodels, and the haircut's worked example."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import ConfigError
from argus.core.random import generator
from argus.lab.multiple_testing.screens import (
    benjamini_hochberg,
    benjamini_yekutieli,
    haircut_sharpe,
    holm,
    one_sided_p,
)

PROBABILITIES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=40)


@pytest.mark.parametrize("count", [1, 2, 7, 60])
def test_corrections_agree_with_statsmodels(count: int) -> None:
    from statsmodels.stats.multitest import multipletests

    p = (generator(count, "screens").uniform(size=count) ** 4).round(3)  # some small, some equal
    for ours, name in ((benjamini_hochberg, "fdr_bh"), (benjamini_yekutieli, "fdr_by"), (holm, "holm")):
        assert ours(p) == pytest.approx(multipletests(p, method=name)[1], abs=1e-12)


@given(PROBABILITIES)
def test_a_correction_never_helps_and_keeps_the_order(p: list[float]) -> None:
    values = np.array(p)
    for correct in (benjamini_hochberg, benjamini_yekutieli, holm):
        found = correct(values)
        assert (found >= values - 1e-15).all()
        assert (np.diff(found[np.argsort(values, kind="stable")]) >= 0.0).all()


def test_share_of_false_discoveries_is_kept() -> None:
    # 90 worthless ideas and 10 with a t-statistic around 4, two hundred times: a share of 0.1 of those taken at most.
    from scipy.stats import norm

    source = generator(1, "screens")
    shares, found = [], 0
    for _ in range(200):
        t = source.normal(size=100)
        t[:10] += 4.0
        taken = benjamini_hochberg(norm.sf(t)) <= 0.1
        shares.append(taken[10:].sum() / max(taken.sum(), 1))
        found += int(taken[:10].sum())
    assert np.mean(shares) < 0.1 + 4 * np.std(shares) / math.sqrt(200)
    assert found > 0.8 * 2_000


def test_haircut_of_the_published_example() -> None:
    # Harvey, Liu 2015: an annual Sharpe ratio of 0.75 over 240 months has p = 0.0008; as one of 200 independent tests
    # 0.15, which is a Sharpe ratio of 0.32.
    found = haircut_sharpe(0.75, 20.0, 200, method="independent")
    assert found.p_value == pytest.approx(0.0008, abs=5e-5)
    assert found.p_corrected == pytest.approx(0.15, abs=5e-3)
    assert found.sharpe_left == pytest.approx(0.32, abs=5e-3)
    assert found.haircut == pytest.approx(1 - 0.32 / 0.75, abs=0.01)


def test_a_haircut_is_not_in_proportion() -> None:
    # Harvey and Liu's point against cutting everything by half: weak ratios lose all, strong ones little.
    cuts = [haircut_sharpe(sharpe, 10.0, 100).haircut for sharpe in (0.5, 1.0, 1.5, 2.0, 3.0)]
    assert cuts[0] == 1.0
    assert (np.diff(cuts) < 0.0).all()
    assert cuts[-1] < 0.1


@given(st.floats(0.05, 4.0), st.floats(0.5, 30.0), st.integers(1, 500))
def test_more_tests_leave_less(sharpe: float, years: float, tests: int) -> None:
    one, more = haircut_sharpe(sharpe, years, tests), haircut_sharpe(sharpe, years, tests + 1)
    assert 0.0 <= more.sharpe_left <= one.sharpe_left <= sharpe
    # Bonferroni is the stricter of the two.
    assert one.sharpe_left <= haircut_sharpe(sharpe, years, tests, method="independent").sharpe_left + 1e-9
    assert haircut_sharpe(sharpe, years, 1).sharpe_left == pytest.approx(sharpe, rel=1e-6)


def test_other_p_values_ease_the_correction() -> None:
    others = [1e-4] * 9 + [0.5] * 90
    strict = haircut_sharpe(1.2, 10.0, 100)
    eased = haircut_sharpe(1.2, 10.0, 100, method="holm", others=others)
    rate = haircut_sharpe(1.2, 10.0, 100, method="benjamini_yekutieli", others=others)
    p = strict.p_value
    assert eased.p_corrected == pytest.approx(91 * p)
    assert rate.p_corrected == pytest.approx(p * 100 * sum(1 / k for k in range(1, 101)) / 10)
    assert eased.sharpe_left > strict.sharpe_left


def test_nothing_is_left_of_a_loss_and_little_taken_from_the_certain() -> None:
    assert haircut_sharpe(-1.0, 10.0, 5).haircut == 1.0
    assert haircut_sharpe(-1.0, 10.0, 5).sharpe_left == 0.0
    certain = haircut_sharpe(20.0, 30.0, 5)
    assert certain.sharpe_left == 20.0
    assert one_sided_p(0.0) == 0.5
    assert one_sided_p(1.6448536269514722) == pytest.approx(0.05)


def test_wrong_figures_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"p-value 1 is 1\.5"):
        holm(np.array([0.1, 1.5]))
    with pytest.raises(ConfigError, match="p-value 0 is nan"):
        benjamini_hochberg(np.array([math.nan]))
    with pytest.raises(ConfigError, match="no p-value"):
        benjamini_yekutieli(np.array([]))
    with pytest.raises(ConfigError, match="sharpe_annual is nan"):
        haircut_sharpe(math.nan, 1.0, 1)
    with pytest.raises(ConfigError, match="years is 0"):
        haircut_sharpe(1.0, 0.0, 1)
    with pytest.raises(ConfigError, match="tests is 0"):
        haircut_sharpe(1.0, 1.0, 0)
    with pytest.raises(ConfigError, match="method is 'half'"):
        haircut_sharpe(1.0, 1.0, 2, method="half")
    with pytest.raises(ConfigError, match="1 other p-values for 5 tests"):
        haircut_sharpe(1.0, 1.0, 5, method="holm", others=[0.5])
