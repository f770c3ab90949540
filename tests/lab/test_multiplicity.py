"""All corrections together, on searches whose truth is known."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from argus.core.errors import ConfigError
from argus.core.random import generator
from argus.engine.metrics import kurtosis, probabilistic_sharpe, sharpe, skewness
from argus.lab.journal.trials import Looks
from argus.lab.multiple_testing.multiplicity import Multiplicity, MultiplicitySettings, multiplicity, null_variance
from argus.lab.multiple_testing.significance import expected_maximum, expected_maximum_sharpe
from argus.lab.search.trial_matrix import TrialMatrix

HOW = MultiplicitySettings(draws=299, block=1.0, slices=8)


def _matrix(returns: np.ndarray, begin: int = 0, hashes: tuple[str, ...] = ()) -> TrialMatrix:
    rows, runs = returns.shape
    return TrialMatrix(
        session=np.arange(rows, dtype=np.int32),
        returns=np.ascontiguousarray(returns),
        values=tuple({"length": k} for k in range(runs)),
        run_ids=tuple(f"run-{k}" for k in range(runs)),
        order_hashes=hashes or ("",) * runs,
        per_year=252.0,
        begin=begin,
    )


def _looks(count: int, variance: float = 0.0005) -> Looks:
    return Looks(count=count, sharpe_variance=variance, sharpe_best=0.1, failed=0, kept=count)


def _search(seed: int, annual: float = 0.0, rows: int = 1_000, runs: int = 20, rho: float = 0.7) -> np.ndarray:
    """Runs that share an edge of this annual Sharpe ratio, and most of their noise."""
    source = generator(seed, "search")
    shared = source.normal(size=(rows, 1))
    noise = math.sqrt(rho) * shared + math.sqrt(1.0 - rho) * source.normal(size=(rows, runs))
    return 0.01 * (noise + annual / math.sqrt(252.0))


def _judged(returns: np.ndarray, looks: Looks | None = None, **how: Any) -> Multiplicity:
    best = int(np.argmax(returns.mean(axis=0) / returns.std(axis=0)))
    known = _looks(returns.shape[1]) if looks is None else looks
    return multiplicity(_matrix(returns), best, None, known, replace(HOW, **how))


def test_figures_are_those_of_their_formulas() -> None:
    returns = _search(1, annual=1.0)
    found = _judged(returns)
    own = returns[:, int(np.argmax(returns.mean(axis=0) / returns.std(axis=0)))]
    moments = skewness(own), kurtosis(own)
    assert found.sharpe_session == sharpe(own)
    assert found.psr == probabilistic_sharpe(sharpe(own), 1_000, *moments)
    assert found.sharpe_luck == expected_maximum(found.trials_effective) / math.sqrt(999)
    assert found.dsr == probabilistic_sharpe(sharpe(own), 1_000, *moments, found.sharpe_luck)
    assert found.dsr_counted == pytest.approx(
        probabilistic_sharpe(sharpe(own), 1_000, *moments, expected_maximum_sharpe(20, 0.0005))
    )
    assert found.backtest_years_min == expected_maximum(found.trials_effective) ** 2
    assert found.track_record_deflated_years_min > found.track_record_years_min > 0.0


def test_the_bar_does_not_rise_with_the_edge() -> None:
    worthless, good = _judged(_search(2)), _judged(_search(2, annual=3.0))
    assert good.trials_effective == worthless.trials_effective
    assert good.sharpe_luck == worthless.sharpe_luck
    assert good.dsr > 0.99
    # Where half of the runs have the edge, the variance across the trials contains it, and the bar rises with it.
    mixed = _search(2)
    mixed[:, :10] += 0.01 * 3.0 / math.sqrt(252.0)
    ratios = mixed.mean(axis=0) / mixed.std(axis=0, ddof=1)
    found = _judged(mixed, _looks(20, float(ratios.var(ddof=1))))
    assert found.dsr > 0.999
    assert 1.0 - found.dsr_counted > 10.0 * (1.0 - found.dsr)


def test_worthless_searches_seldom_pass() -> None:
    found = [_judged(_search(seed, rows=500, runs=12), draws=199) for seed in range(120)]
    # 5 % expected of the corrected p-value; 13 of 120 are three and more standard errors above it.
    assert sum(one.chosen_p <= 0.05 for one in found) <= 13
    assert sum(one.superior.consistent <= 0.05 for one in found) <= 13
    # The deflated ratio asks for more than the average luck by a full margin.
    assert sum(one.dsr >= 0.95 for one in found) <= 6
    # Without any correction the best of them passes far too often.
    assert sum(one.psr >= 0.95 for one in found) >= 15


def test_a_shared_edge_is_found() -> None:
    found = [_judged(_search(seed, annual=1.5, rows=2_520, runs=12), draws=199) for seed in range(25)]
    assert sum(one.dsr >= 0.95 for one in found) >= 20
    assert sum(one.chosen_p <= 0.05 and one.chosen_stepwise for one in found) >= 22


def test_looks_outside_the_search_count_one_each() -> None:
    returns = _search(3, annual=1.0)
    alone, more = _judged(returns), _judged(returns, _looks(120))
    assert more.trials_effective == alone.trials_effective + 100
    assert more.trials_counted == 120
    assert more.dsr < alone.dsr
    assert more.haircut.sharpe_left < alone.haircut.sharpe_left
    # A ledger that forgot some runs does not lower the number below what is seen here.
    assert _judged(returns, _looks(1)).trials_effective == alone.trials_effective


def test_copies_change_nothing() -> None:
    returns = _search(4, annual=1.0, runs=6)
    chosen = int(np.argmax(returns.mean(axis=0) / returns.std(axis=0)))
    hashes = tuple("abcdef")
    copied = np.hstack([returns, np.repeat(returns[:, [chosen]], 30, axis=1)])
    one = multiplicity(_matrix(returns, hashes=hashes), chosen, None, _looks(6), HOW)
    other = multiplicity(
        _matrix(copied, hashes=hashes + (hashes[chosen],) * 30), 20, None, _looks(36), replace(HOW, block=1.0)
    )
    assert other.trials_effective == one.trials_effective
    assert (one.dsr, one.chosen_p, one.superior.consistent) == (other.dsr, other.chosen_p, other.superior.consistent)
    assert one.pbo is not None
    assert other.pbo is not None
    assert one.pbo.value == other.pbo.value
    assert other.confidence.p_values[20] == one.confidence.p_values[chosen]
    if one.chosen_stepwise:
        assert set(range(6, 36)) <= set(other.stepwise.superior)


def test_rows_before_the_beginning_are_not_judged() -> None:
    returns = _search(5, annual=1.0)
    hold = returns[:, 0] + 0.01 * generator(5, "hold").normal(size=1_000)
    late = multiplicity(_matrix(returns, begin=300), 2, hold, _looks(20), HOW)
    cut = multiplicity(_matrix(returns[300:]), 2, hold[300:], _looks(20), HOW)
    assert late.sessions == 700
    for name in ("dsr", "chosen_p", "chosen_p_to_hold", "reality_check_p", "trials_effective", "superior_to_hold"):
        assert getattr(late, name) == getattr(cut, name)


def test_holding_in_other_clothes_is_not_superior_to_it() -> None:
    source = generator(6, "hold")
    hold = 0.01 * source.normal(size=2_000) + 0.001
    returns = np.column_stack([hold * scale + 0.002 * scale * source.normal(size=2_000) for scale in (0.3, 0.6, 1.0)])
    found = multiplicity(_matrix(returns), 1, hold, _looks(3), HOW)
    assert found.chosen_p < 0.01
    assert found.superior_to_hold is not None
    assert found.superior_to_hold.consistent > 0.05
    assert found.chosen_p_to_hold > 0.05
    # More of the same is not better: at equal risk leverage cancels out.
    levered = multiplicity(_matrix(returns * 4.0), 1, hold, _looks(3), HOW)
    assert levered.chosen_p_to_hold == found.chosen_p_to_hold


def test_the_chosen_set_is_judged_and_not_the_best() -> None:
    returns = _search(7, rho=0.0, runs=8)
    returns[:, 3] += 0.002
    best = multiplicity(_matrix(returns), 3, None, _looks(8), HOW)
    other = multiplicity(_matrix(returns), 5, None, _looks(8), HOW)
    assert best.superior == other.superior
    assert best.superior.best == 3
    assert best.chosen_p <= 0.05 < other.chosen_p
    assert best.chosen_stepwise
    assert not other.chosen_stepwise
    assert 3 in best.confidence.included


def test_any_number_of_workers_gives_the_same_figures() -> None:
    returns = _search(8, annual=0.8)
    one, many = _judged(returns, block=2.5), _judged(returns, block=2.5, workers=5)
    for name in ("dsr", "chosen_p", "reality_check_p", "superior", "stepwise", "confidence", "implied", "haircut"):
        assert getattr(one, name) == getattr(many, name)
    assert one.pbo is not None
    assert many.pbo is not None
    assert one.pbo.outside.tobytes() == many.pbo.outside.tobytes()


def test_a_single_run_is_one_trial() -> None:
    returns = _search(9, annual=1.0, runs=1)
    found = multiplicity(_matrix(returns), 0, None, _looks(1), HOW)
    assert found.trials_effective == found.clustering.count == 1
    assert found.pbo is None
    assert found.superior_to_hold is None
    assert math.isnan(found.chosen_p_to_hold)
    assert found.dsr == found.psr
    assert found.haircut.haircut == pytest.approx(0.0, abs=1e-9)


def test_little_data_are_cut_into_fewer_slices() -> None:
    found = _judged(_search(10, rows=22, runs=3), slices=16)
    assert found.pbo is not None
    assert found.pbo.slices == 10


def test_what_cannot_be_judged_is_refused() -> None:
    returns = _search(11, runs=3)
    returns[:, 2] = 0.0
    with pytest.raises(ConfigError, match="run-2 never moved"):
        multiplicity(_matrix(returns), 2, None, _looks(3), HOW)
    with pytest.raises(ConfigError, match="chosen is 3"):
        multiplicity(_matrix(returns), 3, None, _looks(3), HOW)
    with pytest.raises(ConfigError, match="10 sessions are left"):
        multiplicity(_matrix(returns, begin=990), 0, None, _looks(3), HOW)
    with pytest.raises(ConfigError, match="hold has 5 returns"):
        multiplicity(_matrix(returns), 0, np.zeros(5), _looks(3), HOW)
    with pytest.raises(ConfigError, match="hold is nan"):
        multiplicity(_matrix(returns), 0, np.full(1_000, math.nan), _looks(3), HOW)
    with pytest.raises(ConfigError, match="1 sessions has no variance"):
        null_variance(1)
