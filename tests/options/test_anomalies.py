"""Anomalies: a planted one comes first, chance is counted, and a real session's list can be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import ndtr

from argus.core.errors import ConfigError
from argus.core.random import normals, stream_key
from argus.options import (
    QuoteResiduals,
    find_anomalies,
    find_regions,
    fit_surface,
    history_scores,
    judge_quotes,
    neighbour_residuals,
)
from tests.options.spx_chains import read_session, session_files, surface_columns

EXPIRIES, STRIKES = 8, 50
N = EXPIRIES * STRIKES


def _snapshot(seed: int = 0) -> QuoteResiduals:
    """Residuals of a tenth of a spread, in prices of 10 with a spread of 1."""
    years = np.repeat(np.linspace(0.05, 1.0, EXPIRIES), STRIKES)
    k = np.tile(np.linspace(-0.3, 0.2, STRIKES), EXPIRIES)
    residual = 0.1 * normals(stream_key(seed, "residuals"), 0, N)
    middle, ones = 10.0 + residual, np.ones(N)
    right = np.where(k >= 0.0, 1, -1).astype(np.int8)
    return QuoteResiduals(100.0 * np.exp(k), years, right, k, residual, middle - 0.5, middle + 0.5, 10.0 * ones)


def _planted(quotes: QuoteResiduals, row: int, size: float) -> QuoteResiduals:
    residual, bid, ask = quotes.residual_spreads.copy(), quotes.bid.copy(), quotes.ask.copy()
    residual[row], bid[row], ask[row] = size, 10.0 + size - 0.5, 10.0 + size + 0.5
    return replace(quotes, residual_spreads=residual, bid=bid, ask=ask)


def _past(days: int = 30) -> NDArray[np.float64]:
    return np.stack([_snapshot(1_000 + day).residual_spreads for day in range(days)])


@settings(max_examples=25)
@given(st.integers(0, N - 1), st.sampled_from([-1.0, 1.0]), st.integers(0, 500))
def test_a_planted_mispricing_comes_first(row: int, side: float, seed: int) -> None:
    found = find_anomalies(_planted(_snapshot(seed), row, 1.2 * side), past=_past(), cost=0.05)
    assert found.row[0] == row
    assert np.sign(found.score[0]) == side
    assert found.q_value[0] < 0.01
    assert found.expected_by_chance[0] < 0.01
    # The middle is 1.2 off, half a spread is crossed, costs are paid.
    assert found.edge[0] == pytest.approx(0.65)
    assert found.is_tradable[0]
    assert not found.is_tradable[1:].any()


def test_chance_alone_is_seldom_taken() -> None:
    taken = 0
    for seed in range(60):
        found = find_anomalies(_snapshot(seed), past=_past())
        taken += bool((found.q_value < 0.1).any())
        # Of contracts within what chance brings, no more are found than expected: the least score is severe.
        assert (found.p_value < 0.05).sum() <= 0.05 * found.tests
        np.testing.assert_allclose(found.expected_by_chance, found.tests * found.p_value)
        assert (np.diff(np.abs(found.score)) <= 0.0).all()
    assert taken <= 6


def test_what_the_neighbourhood_shares_is_no_mispricing() -> None:
    quotes = _snapshot()
    residual = quotes.residual_spreads.copy()
    patch = slice(4 * STRIKES + 10, 4 * STRIKES + 25)
    residual[patch] += 1.2
    inner = 4 * STRIKES + 17
    found = find_anomalies(replace(quotes, residual_spreads=residual))
    at = int(np.flatnonzero(found.row == inner)[0])
    assert abs(found.score_fit[at]) > 6.0
    assert abs(found.score[at]) < 0.7 * abs(found.score_fit[at])


def test_what_is_usual_for_the_contract_is_no_news() -> None:
    past = _past()
    past[:, 7] += 1.2
    found = find_anomalies(_planted(_snapshot(), 7, 1.2), past=past)
    at = int(np.flatnonzero(found.row == 7)[0])
    assert abs(found.score_history[at]) < 3.0
    assert found.q_value[at] > 0.1


def test_history_needs_enough_days_and_knows_only_the_past() -> None:
    past = np.full((12, 3), np.nan)
    past[:9, 0] = past[:, 1] = -0.1
    past[:, 2] = np.linspace(-0.1, 0.1, 12)
    found = history_scores(np.array([1.0, 1.0, np.nan]), past)
    assert np.isnan(found[[0, 2]]).all()
    # No scatter at all in the past: the least deviation of 0.05 holds.
    assert found[1] == pytest.approx(1.1 / 0.05)


def test_neighbours_are_those_around_and_never_the_contract_itself() -> None:
    k = np.array([-0.1, 0.0, 0.0, 0.1, 0.0])
    years = np.array([0.25, 0.25, 0.25, 0.25, 1.0])
    residual = np.array([1.0, 50.0, 60.0, 3.0, 5.0])
    ones = np.ones(5)
    quotes = QuoteResiduals(ones, years, np.array([-1, 1, -1, 1, 1], dtype=np.int8), k, residual, ones, ones, ones)
    found = neighbour_residuals(quotes, count=1)
    # Strike 0 sees -0.1, 0.1 and the later expiry; not the put of its own strike.
    assert found[1] == found[2] == 3.0
    alone = replace(quotes, residual_spreads=np.array([1.0, *[np.nan] * 4]))
    assert np.isnan(neighbour_residuals(alone)).all()


def test_a_region_that_moved_comes_first() -> None:
    quotes = _snapshot()
    residual = quotes.residual_spreads.copy()
    far = (quotes.years > 0.5) & (quotes.k / (0.2 * np.sqrt(quotes.years)) < -1.0)
    residual[far] += 1.0
    edges = {"tenor_edges": np.array([0.2, 0.5]), "moneyness_edges": np.array([-1.0, 0.0, 1.0])}
    found = find_regions(replace(quotes, residual_spreads=residual), **edges)
    assert (found.tenor[0], found.moneyness[0]) == (2, 0)
    assert found.contracts.sum() == N
    assert found.q_value[0] < 0.05
    assert abs(found.score[0]) > 5.0
    past = np.zeros((20, 3, 4))
    past[:, 2, 0] = 1.0 + 0.01 * np.arange(20)
    usual = find_regions(replace(quotes, residual_spreads=residual), past=past, **edges)
    assert np.abs(usual.score).max() < 3.0
    assert usual.q_value.min() > 0.1


def test_rows_without_a_residual_are_not_counted() -> None:
    quotes = _snapshot()
    residual = quotes.residual_spreads.copy()
    residual[:100] = np.nan
    found = find_anomalies(replace(quotes, residual_spreads=residual))
    assert found.tests == N - 100 == len(found)
    assert found.row.min() == 100
    none = find_anomalies(replace(quotes, residual_spreads=np.full(N, np.nan)))
    assert len(none) == none.tests == 0


def test_bad_calls_are_refused() -> None:
    quotes = _snapshot()
    with pytest.raises(ConfigError, match="past has shape"):
        find_anomalies(quotes, past=np.zeros((3, 4)))
    with pytest.raises(ConfigError, match="history_min"):
        find_anomalies(quotes, history_min=1)
    with pytest.raises(ConfigError, match="ascend"):
        find_regions(quotes, tenor_edges=np.array([1.0, 0.5]), moneyness_edges=np.array([0.0]))
    with pytest.raises(ConfigError, match="past has shape"):
        find_regions(quotes, tenor_edges=np.array([0.5]), moneyness_edges=np.array([0.0]), past=np.zeros((3, 1, 1)))
    with pytest.raises(ConfigError, match="lengths"):
        replace(quotes, k=np.zeros(3))


def test_a_planted_mispricing_is_found_in_a_real_session(real_data: Path) -> None:
    columns = surface_columns(read_session(session_files(real_data)[30]))
    wanted = np.where(columns["strike"] >= columns["forward"], 1.0, -1.0) == columns["right"]
    columns = {name: values[wanted] for name, values in columns.items()}
    strike, years, forward = columns["strike"], columns["years"], columns["forward"]
    near = np.flatnonzero((np.abs(np.log(strike / forward)) < 0.05) & (years > 0.1) & (years < 0.3))
    row = near[len(near) // 2]
    spread = columns["vol_ask"][row] - columns["vol_bid"][row]
    for side in ("vol_bid", "vol_ask"):
        columns[side][row] += 4.0 * spread
    fit_names = ("strike", "right", "years", "forward", "vol_bid", "vol_ask")
    surface = fit_surface(*(columns[name] for name in fit_names))
    judged = judge_quotes(surface, strike, years, columns["vol_bid"], columns["vol_ask"], forward=forward)
    root = judged.vol * np.sqrt(years)
    d1 = np.log(forward / strike) / root + 0.5 * root
    side = columns["right"]
    model = columns["discount"] * side * (forward * ndtr(side * d1) - strike * ndtr(side * (d1 - root)))
    found = find_anomalies(
        QuoteResiduals(
            strike,
            years,
            side.astype(np.int8),
            np.log(strike / forward),
            judged.residual_spreads,
            columns["bid"],
            columns["ask"],
            model,
        )
    )
    assert found.row[0] == row
    assert found.q_value[0] < 0.05
    assert (found.q_value < 0.05).sum() < 0.02 * found.tests
