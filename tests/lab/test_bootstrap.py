from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import ConfigError
from argus.lab.bootstrap import QUANTILES, bootstrap_paths, bootstrap_trades, optimal_block
from tests.lab.markets import noise, reverting

TRADES = noise(150, 4, vol=100.0) + 10.0


def test_any_number_of_workers_gives_the_same_bits() -> None:
    one = bootstrap_paths(TRADES, capital=1e4, block=3.0, paths=700, seed=5, workers=1)
    for workers in (2, 3, 16):
        many = bootstrap_paths(TRADES, capital=1e4, block=3.0, paths=700, seed=5, workers=workers)
        for name in ("final_pnl", "drawdown", "drawdown_fraction", "equity_min", "sharpe_trade", "fan"):
            assert getattr(one, name).tobytes() == getattr(many, name).tobytes()


def test_a_path_depends_on_seed_and_number_alone() -> None:
    few = bootstrap_paths(TRADES, capital=1e4, block=3.0, paths=100, seed=5)
    many = bootstrap_paths(TRADES, capital=1e4, block=3.0, paths=500, seed=5)
    other = bootstrap_paths(TRADES, capital=1e4, block=3.0, paths=100, seed=6)
    assert (few.final_pnl == many.final_pnl[:100]).all()
    assert (few.final_pnl != other.final_pnl).mean() > 0.9


def test_distribution_agrees_with_arch() -> None:
    from arch.bootstrap import StationaryBootstrap
    from scipy.stats import ks_2samp

    pnl = reverting(120, 8, vol=50.0) + 4.0
    block, capital, paths = 4.0, 1_000.0, 4_000

    def outcome(sample: np.ndarray) -> np.ndarray:
        equity = capital + np.concatenate(([0.0], np.cumsum(sample)))
        peak = np.maximum.accumulate(equity)
        return np.array([sample.sum(), (peak - equity).max(), equity.min(), sample.mean() / sample.std(ddof=1)])

    theirs = StationaryBootstrap(block, pnl, seed=1).apply(outcome, paths)
    ours = bootstrap_paths(pnl, capital=capital, block=block, paths=paths, seed=1)
    for column, mine in enumerate((ours.final_pnl, ours.drawdown, ours.equity_min, ours.sharpe_trade)):
        # Two samples of one distribution: a fixed seed, so this p-value is a constant.
        assert ks_2samp(theirs[:, column], mine).pvalue > 0.01


def test_block_length_is_that_of_arch_and_at_least_one() -> None:
    from arch.bootstrap import optimal_block_length

    streaky = np.convolve(noise(300, 2), np.ones(8), mode="valid")
    expected = float(optimal_block_length(streaky)["stationary"].iloc[0])
    assert optimal_block(streaky) == expected > 4.0
    assert optimal_block(noise(5, 1)) == 1.0
    assert optimal_block(np.full(50, 3.0)) == 1.0
    assert optimal_block(noise(10, 1)) >= 1.0


def test_long_blocks_keep_streaks_together() -> None:
    # Twenty losses in a row: drawn one by one they hardly ever meet again, in long blocks they do.
    pnl = np.concatenate((np.full(20, -10.0), np.full(80, 5.0)))
    alone = bootstrap_paths(pnl, capital=1e4, block=1.0, paths=2_000)
    together = bootstrap_paths(pnl, capital=1e4, block=40.0, paths=2_000)
    assert np.median(together.drawdown) > 2 * np.median(alone.drawdown)


@given(st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 2)), min_size=1, max_size=30), st.integers(0, 9))
def test_every_path_is_possible(values: list[float], seed: int) -> None:
    pnl = np.array(values)
    drawn = bootstrap_paths(pnl, capital=1e5, block=2.0, paths=65, seed=seed)
    n = len(pnl)
    scale = 1e-9 * n * max(1e5, np.abs(pnl).max())
    assert (drawn.final_pnl >= n * pnl.min() - scale).all()
    assert (drawn.final_pnl <= n * pnl.max() + scale).all()
    assert (drawn.drawdown >= 0.0).all()
    assert ((drawn.drawdown_fraction >= 0.0) & (drawn.drawdown_fraction <= 1.0)).all()
    assert (drawn.equity_min <= 1e5).all()
    assert (drawn.fan[:, -1] == drawn.final_pnl).all()
    assert drawn.fan_step[-1] == n


def test_one_trade_repeats_itself() -> None:
    drawn = bootstrap_paths(np.array([-30.0]), capital=100.0, block=1.0, paths=3)
    assert drawn.final_pnl.tolist() == [-30.0] * 3
    assert drawn.drawdown_fraction.tolist() == pytest.approx([0.3] * 3)
    assert np.isnan(drawn.sharpe_trade).all()


def test_result_reports_quantiles_ruin_and_fan() -> None:
    found = bootstrap_trades(TRADES, capital=2_000.0, ruin_fraction=0.5, paths=3_000, seed=2)
    drawn = bootstrap_paths(TRADES, capital=2_000.0, block=found.block, paths=3_000, seed=2)
    assert found.at("final_pnl", 0.05) == float(np.quantile(drawn.final_pnl, 0.05))
    assert found.ruin_probability == float((drawn.equity_min < 1_000.0).mean())
    assert 0.0 < found.ruin_probability < 1.0
    assert found.loss_probability == float((drawn.final_pnl <= 0).mean())
    assert len(found.fan) == len(QUANTILES)
    assert found.fan[4][-1] == found.at("final_pnl", 0.5)
    assert list(found.drawdown) == sorted(found.drawdown)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pnl": np.zeros(0)}, "no trades"),
        ({"pnl": np.array([1.0, math.nan])}, "trade 1 has result nan"),
        ({"capital": 0.0}, "capital"),
        ({"block": 0.5}, "block length"),
        ({"paths": 0}, "paths"),
    ],
)
def test_impossible_input_is_refused(changes: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"pnl": TRADES, "capital": 1e4, "block": 2.0, "paths": 10} | changes
    pnl = arguments.pop("pnl")
    with pytest.raises(ConfigError, match=message):
        bootstrap_paths(pnl, **arguments)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="ruin_fraction"):
        bootstrap_trades(TRADES, capital=1e4, ruin_fraction=1.0)
