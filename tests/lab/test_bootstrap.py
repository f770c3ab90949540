from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import ConfigError
from argus.lab.stress.bootstrap import QUANTILES, Redraw, bootstrap_paths, bootstrap_trades, optimal_block
from tests.lab.markets import noise, reverting

TRADES = noise(150, 4, vol=100.0) + 10.0


FIGURES = ("final_pnl", "drawdown", "drawdown_fraction", "equity_min", "sharpe_trade", "under_water", "fan")


@pytest.mark.parametrize("mode", Redraw)
def test_any_number_of_workers_gives_the_same_bits(mode: Redraw) -> None:
    one = bootstrap_paths(TRADES, capital=1e4, block=3.0, paths=700, seed=5, workers=1, mode=mode)
    for workers in (2, 3, 16):
        many = bootstrap_paths(TRADES, capital=1e4, block=3.0, paths=700, seed=5, workers=workers, mode=mode)
        for name in FIGURES:
            assert getattr(one, name).tobytes() == getattr(many, name).tobytes()
    results = [bootstrap_trades(TRADES, capital=1e4, paths=700, workers=workers, mode=mode) for workers in (1, 2, 5)]
    assert results[0] == results[1] == results[2]


def test_reordering_keeps_the_trades() -> None:
    pnl = np.round(TRADES)  # whole numbers: any order of adding them gives the same sum
    drawn = bootstrap_paths(pnl, capital=1e5, paths=500, seed=1, mode=Redraw.REORDER)
    assert (drawn.final_pnl == pnl.sum()).all()
    assert drawn.sharpe_trade == pytest.approx(np.full(500, pnl.mean() / pnl.std(ddof=1)), rel=1e-12)
    assert len(set(drawn.drawdown.tolist())) > 300
    # Powers of two: the sum after k trades says which trades these were. Each is drawn once, and each first as often.
    bits = 2.0 ** np.arange(12)
    orders = bootstrap_paths(bits, capital=1.0, paths=6_000, seed=2, mode=Redraw.REORDER)
    assert orders.fan_step.tolist() == [4, 8, 12]
    assert (orders.fan[-1] == bits.sum()).all()
    held = orders.fan[0].astype(np.int64)[:, None] >> np.arange(12) & 1
    assert (held.sum(axis=1) == 4).all()
    assert held.mean(axis=0) == pytest.approx(np.full(12, 1 / 3), abs=4 * math.sqrt(2 / 9 / 6_000))


def test_drawdown_of_fair_coins_agrees_with_the_reflection_principle() -> None:
    # Gains and losses of 1, drawn alone: the final sum is a simple random walk, and by the reflection principle the
    # fall below the *opening* equity reaches b with probability P(S <= -b) + P(S < -b) (Feller 1968, vol. 1, III.7).
    from scipy.stats import binom

    n, paths = 64, 20_000
    drawn = bootstrap_paths(np.tile([1.0, -1.0], n // 2), capital=1e6, paths=paths, seed=3, mode=Redraw.IID)
    for bound in (4, 8, 14):
        chance = binom.cdf((n - bound) // 2, n, 0.5) + binom.cdf((n - bound) // 2 - 1, n, 0.5)
        share = float((drawn.equity_min <= 1e6 - bound).mean())
        assert abs(share - chance) < 4.0 * math.sqrt(chance * (1.0 - chance) / paths)


@pytest.mark.parametrize("block", [1.0, 7.5])
def test_coarse_and_whole_random_numbers_draw_alike(block: float, monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy.stats import ks_2samp

    halves = bootstrap_paths(TRADES, capital=1e4, block=block, paths=20_000, seed=1)
    monkeypatch.setattr("argus.lab.stress.bootstrap._COARSE", 0)
    whole = bootstrap_paths(TRADES, capital=1e4, block=block, paths=20_000, seed=1)
    for name in ("final_pnl", "drawdown", "under_water"):
        assert ks_2samp(getattr(halves, name), getattr(whole, name)).pvalue > 0.01
        assert (getattr(halves, name) != getattr(whole, name)).any()


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
        below = np.flatnonzero(np.concatenate((peak <= equity, [True])))
        figures = [sample.sum(), (peak - equity).max(), equity.min(), sample.mean() / sample.std(ddof=1)]
        return np.array([*figures, np.diff(below).max() - 1])

    theirs = StationaryBootstrap(block, pnl, seed=1).apply(outcome, paths)
    ours = bootstrap_paths(pnl, capital=capital, block=block, paths=paths, seed=1)
    for column, mine in enumerate(
        (ours.final_pnl, ours.drawdown, ours.equity_min, ours.sharpe_trade, ours.under_water)
    ):
        # Two samples of one distribution: a fixed seed, so this p-value is a constant.
        assert ks_2samp(theirs[:, column], mine).pvalue > 0.01


def test_block_length_is_that_of_arch_and_at_least_one() -> None:
    from arch.bootstrap import optimal_block_length

    streaky = np.convolve(noise(300, 2), np.ones(8), mode="valid")
    assert optimal_block(streaky) > 4.0
    for seed, (n, width) in enumerate([(10, 1), (25, 2), (100, 1), (301, 3), (1_000, 12), (2_500, 40), (1_200, 1)]):
        series = np.convolve(noise(n + width, seed), np.ones(width), mode="valid") + seed
        expected = float(optimal_block_length(series)["stationary"].iloc[0])
        assert optimal_block(series) == pytest.approx(max(expected, 1.0), rel=1e-10)
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
    assert (drawn.fan[-1] == drawn.final_pnl).all()
    assert ((drawn.under_water >= 0) & (drawn.under_water <= n)).all()
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
    kept = (drawn.final_pnl > 0) & (drawn.equity_min >= 1_000.0) & (drawn.drawdown_fraction <= found.drawdown_max)
    assert found.survival_share == float(kept.mean())
    for name in ("drawdown", "drawdown_fraction", "sharpe_trade", "under_water"):
        assert getattr(found, name) == tuple(np.quantile(getattr(drawn, name), QUANTILES).tolist())
    assert np.array(found.fan).tolist() == np.quantile(drawn.fan, QUANTILES, axis=1).tolist()


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
