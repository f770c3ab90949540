"""Speed of the lab's Monte Carlo: 10,000 paths of 1,000 trades in every mode, all distributions, quantiles and fan.

    python bench/lab_bench.py

Before it is timed, each mode is compared with a plain NumPy version of it: two samples of one distribution by the
Kolmogorov-Smirnov test, and the block length with ``arch``. Wall times depend on what else the machine does, so
processor seconds stand beside them.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from argus.core.random import generator
from argus.lab.stress.bootstrap import QUANTILES, Redraw, bootstrap_paths, bootstrap_trades, optimal_block

PATHS, TRADES, CAPITAL, BLOCK = 10_000, 1_000, 1e6, 3.0
ROUNDS = 15


def draw(pnl: np.ndarray, mode: Redraw, paths: int, seed: int) -> np.ndarray:
    """(paths, trades) results as NumPy draws them."""
    random, count = generator(seed, "bench", mode.value), len(pnl)
    if mode is Redraw.REORDER:
        return random.permuted(np.broadcast_to(pnl, (paths, count)), axis=1)
    fresh = random.integers(0, count, (paths, count))
    if mode is Redraw.IID:
        return pnl[fresh]
    begins = random.random((paths, count)) < 1.0 / BLOCK
    begins[:, 0] = True
    since = np.arange(count) - np.maximum.accumulate(np.where(begins, np.arange(count), 0), axis=1)
    start = np.take_along_axis(fresh, np.arange(count) - since, axis=1)
    return pnl[(start + since) % count]


def figures(drawn: np.ndarray) -> dict[str, np.ndarray]:
    """What the kernel gives of each path."""
    equity = np.concatenate((np.full((len(drawn), 1), CAPITAL), CAPITAL + np.cumsum(drawn, axis=1)), axis=1)
    peak = np.maximum.accumulate(equity, axis=1)
    step = np.arange(equity.shape[1])
    under = step - np.maximum.accumulate(np.where(equity >= peak, step, 0), axis=1)
    return {
        "final_pnl": equity[:, -1] - CAPITAL,
        "drawdown": (peak - equity).max(axis=1),
        "drawdown_fraction": (1.0 - equity / peak).max(axis=1),
        "equity_min": equity.min(axis=1),
        "sharpe_trade": drawn.mean(axis=1) / drawn.std(axis=1, ddof=1),
        "under_water": under.max(axis=1).astype(np.float64),
    }


def plain(pnl: np.ndarray, mode: Redraw, paths: int, seed: int) -> np.ndarray:
    """The same answer by NumPy: draw, measure, quantiles."""
    found = figures(draw(pnl, mode, paths, seed))
    return np.array([np.quantile(values, QUANTILES) for values in found.values()])


def check(pnl: np.ndarray) -> None:
    """Both versions must draw from one distribution, and the block length must be that of ``arch``."""
    from arch.bootstrap import optimal_block_length
    from scipy.stats import ks_2samp

    for mode in Redraw:
        theirs = figures(draw(pnl, mode, 2_000, 1))
        ours = bootstrap_paths(pnl, capital=CAPITAL, block=BLOCK, paths=2_000, seed=1, mode=mode)
        for name, values in theirs.items():
            mine = getattr(ours, name)
            if mode is Redraw.REORDER and name in ("final_pnl", "sharpe_trade"):
                if not np.allclose(mine, values, rtol=1e-9):
                    raise SystemExit(f"{mode.value}: {name} changes with the order")
            elif ks_2samp(mine, values).pvalue < 1e-3:
                raise SystemExit(f"{mode.value}: {name} is not distributed as NumPy has it")
    expected = float(optimal_block_length(pnl)["stationary"].iloc[0])
    if abs(optimal_block(pnl) - max(expected, 1.0)) > 1e-10 * max(expected, 1.0):
        raise SystemExit(f"block length {optimal_block(pnl)}, arch has {expected}")


def row(label: str, work: Callable[[], object], rounds: int = ROUNDS) -> None:
    """The least wall and processor milliseconds of some rounds: those that other work disturbed least."""
    work()
    wall = used = float("inf")
    for _ in range(rounds):
        begun, spent = time.perf_counter(), time.process_time()
        work()
        wall, used = min(wall, time.perf_counter() - begun), min(used, time.process_time() - spent)
    print(f"{label:<52} {wall * 1e3:>9.1f} {used * 1e3:>9.1f}")


def main() -> None:
    """Print the table."""
    pnl = generator(1, "bench", "trades").normal(5.0, 100.0, TRADES)
    check(pnl)
    print(f"{f'{PATHS:,} paths of {TRADES:,} trades, quantiles and fan':<52} {'wall ms':>9} {'cpu ms':>9}")
    for mode in Redraw:
        for workers in (1, 2):
            row(
                f"{mode.value}, {workers} thread{'s' if workers > 1 else ''}",
                lambda mode=mode, workers=workers: bootstrap_trades(pnl, capital=CAPITAL, mode=mode, workers=workers),
            )
        row(f"{mode.value}, plain NumPy without the fan", lambda mode=mode: plain(pnl, mode, PATHS, 2), rounds=2)
    row("block length of 1,000 trades", lambda: optimal_block(pnl))


if __name__ == "__main__":
    main()
