from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from argus.core.errors import ConfigError
from argus.lab.stress.bootstrap import Redraw, bootstrap_trades
from argus.lab.stress.paths import KillRule, monte_carlo
from tests.lab.markets import noise

GOOD = noise(300, 4, vol=100.0) + 30.0


def test_a_good_account_survives_every_mode() -> None:
    found = monte_carlo(GOOD, capital=20_000.0, paths=2_000, seed=1)
    assert [drawn.mode for drawn in found.results] == list(Redraw)
    assert found.passed
    assert found.figure > 0.95
    assert found.sentence.startswith("Holds")
    alone = bootstrap_trades(GOOD, capital=20_000.0, paths=2_000, seed=1, mode=Redraw.IID)
    assert found.of(Redraw.IID) == alone


@pytest.mark.parametrize(
    ("pnl", "capital", "broken"),
    [
        (noise(300, 4, vol=100.0) - 20.0, 40_000.0, {"median", "bad_return", "survival"}),
        (noise(300, 4, vol=100.0) + 5.0, 1e6, {"bad_return", "survival"}),
        (GOOD, 700.0, {"bad_drawdown", "ruin", "survival"}),
    ],
)
def test_each_clause_breaks_where_it_should(pnl: np.ndarray, capital: float, broken: set[str]) -> None:
    found = monte_carlo(pnl, capital=capital, modes=[Redraw.IID], paths=2_000, seed=1)
    assert {clause.name for clause in found.clauses if not clause.passed} == broken
    assert not found.passed
    assert found.sentence.startswith("Breaks")


def test_thresholds_are_the_rule() -> None:
    found = monte_carlo(GOOD, capital=20_000.0, modes=[Redraw.STATIONARY], paths=2_000, seed=1)
    (drawn,) = found.results
    for clause in found.clauses:
        field = {
            "median": "median_return_min",
            "bad_return": "bad_return_min",
            "bad_drawdown": "bad_drawdown_max",
            "ruin": "ruin_max",
            "survival": "survival_min",
        }[clause.name]
        if field in ("bad_drawdown_max",):
            continue  # it is also the survivors' bound, which the paths are drawn with
        worse = clause.value + 1e-9 if field.endswith("min") else clause.value - 1e-9
        if not 0.0 <= worse <= 1.0:
            continue
        tightened = replace(KillRule(), **{field: worse}).judge(drawn)
        assert [one.name for one in tightened if not one.passed] == [clause.name]


def test_a_rule_is_not_read_on_paths_of_another_rule() -> None:
    drawn = bootstrap_trades(GOOD, capital=20_000.0, ruin_fraction=0.4, paths=100)
    with pytest.raises(ConfigError, match="ruin level"):
        KillRule().judge(drawn)
    with pytest.raises(ConfigError, match="bad_share"):
        KillRule(bad_share=0.07)
    with pytest.raises(ConfigError, match="no mode"):
        monte_carlo(GOOD, capital=1e4, modes=[])
    with pytest.raises(ConfigError, match="was not drawn"):
        monte_carlo(GOOD, capital=1e4, modes=[Redraw.IID], paths=100).of(Redraw.REORDER)
