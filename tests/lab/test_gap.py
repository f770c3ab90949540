from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from argus.core.errors import ConfigError
from argus.lab.candidate import Candidate, ResearchSettings
from argus.lab.search.splits import guard_of, guard_of_sets, horizon_of
from argus.lab.search.trial_matrix import TrialMatrix
from argus.lab.search.walk import gap_of, plan_walk
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import FixedUnits
from argus.strategies import create, strategy_class
from tests.lab.markets import Fade, config, daily_bars, market_of, noise

SESSIONS = 700
HOW = ResearchSettings(train_years=1.0, test_years=0.5)


def searched(strategy: str, *sets: dict[str, Any], **changes: Any) -> tuple[Candidate, TrialMatrix]:
    """A candidate and a matrix of noise for its sets: the gap reads what they declare and no return."""
    market = market_of(daily_bars(noise(SESSIONS, 1)))
    given = Candidate(strategy, ("ES",), market, config(), FixedUnits(), LimitRiskPolicy(), grid=sets)
    returns = np.column_stack([noise(SESSIONS, 10 + k) for k in range(len(sets))])
    ids = tuple(f"{k:016x}" for k in range(len(sets)))
    matrix = TrialMatrix(market["ES"][1].session, returns, sets, ids, ids, 252.0, begin=40)
    return replace(given, **changes), matrix


@pytest.mark.parametrize(
    ("strategy", "sets", "sessions"),
    [
        ("tsmom", ({"lookback": 20, "rebalance": 5}, {"lookback": 250, "rebalance": 20}), 20),
        ("mean_reversion", ({"hold_max": 4}, {"hold_max": 9}, {"hold_max": 6}), 9),
        ("overnight", ({}, {"filter": "trend"}), 1),
    ],
)
def test_a_trade_of_any_set_fits_into_the_gap(strategy: str, sets: tuple[dict[str, Any], ...], sessions: int) -> None:
    walk = plan_walk(*searched(strategy, *sets), HOW)
    assert walk.gap.sessions == sessions
    assert not walk.gap.is_stated
    for choice in walk.choices:
        # The last day that chooses opens a trade; the longest one has ended when the first tested day begins.
        assert choice.fold.test_start - choice.fold.train_end == sessions
    assert str(sessions) in walk.gap.sentence


def test_what_a_strategy_reads_does_not_widen_the_gap_of_a_walk() -> None:
    near, far = ({"lookback": 10, "rebalance": 5},), ({"lookback": 500, "rebalance": 5},)
    assert gap_of(*searched("tsmom", *near), None) == gap_of(*searched("tsmom", *far), None)
    assert guard_of_sets([create("tsmom", ("ES",), **far[0])], 1.0).embargo == 501


def test_no_declared_horizon_is_one_session_and_a_reason() -> None:
    gap = gap_of(*searched("sma_cross", {"fast": 5, "slow": 50}), None)
    assert (gap.sessions, gap.is_stated) == (1, False)
    assert "declares no horizon" in gap.why
    # A strategy of one's own that knows nothing of horizons is one that declares none.
    own, matrix = searched("fade", {"days": 1}, {"days": 3}, make=Fade)
    assert horizon_of(Fade({})) is None
    assert gap_of(own, matrix, None) == gap


def test_a_stated_gap_is_used_and_says_where_it_is_too_short() -> None:
    subject = searched("tsmom", {"lookback": 20, "rebalance": 20})
    walk = plan_walk(*subject, replace(HOW, embargo_sessions=7))
    assert {one.fold.test_start - one.fold.train_end for one in walk.choices} == {7}
    assert walk.gap.is_stated
    assert "stated by hand; its trades last up to 20 sessions" in walk.gap.sentence
    assert gap_of(*subject, 30).why == "stated by hand"
    with pytest.raises(ConfigError, match="embargo_sessions is 0"):
        ResearchSettings(embargo_sessions=0)


def test_the_guard_of_a_search_covers_the_guard_of_each_set() -> None:
    sets = ({"lookback": 300, "rebalance": 5}, {"lookback": 20, "rebalance": 15})
    strategies = [create("tsmom", ("ES",), **values) for values in sets]
    guard = guard_of_sets(strategies, 99.0)
    single = [guard_of(one.spec, strategy_class("tsmom").horizon(one.spec.values)) for one in strategies]
    assert guard.purge == max(one.purge for one in single) == 15
    assert guard.embargo == max(one.embargo for one in single) == 301
    # Only a set that declares nothing takes the longest trade.
    crossing = create("sma_cross", ("ES",), fast=5, slow=50)
    assert guard_of_sets([crossing], 33.5).purge == 34
    with pytest.raises(ConfigError, match="no parameter set"):
        guard_of_sets([], 1.0)
