"""Speed of the synthetic markets in bars a second, open to volume on the tick grid; what look-backs earn of a trend.

    python bench/synthetic_bench.py                 speed: daily, minute, streamed, on one and two threads
    python bench/synthetic_bench.py --shares        share of a trend's true Sharpe ratio that other look-backs earn

Before it is timed, each way of making a market is checked to give the same bits as the others.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from argus.core.arrays import Bars
from argus.core.time import NS_PER_DAY, NS_PER_MINUTE
from argus.data.synthetic import Edge, SyntheticSpec, blocks, generate, generate_many, reference_returns, truth

START = date(2005, 1, 3)
MINUTES = SyntheticSpec("ES", NS_PER_MINUTE, START, 1_400, 1, "bench", 4_000.0, calendar="24/7")
DAYS = SyntheticSpec("ES", NS_PER_DAY, START, 3_914, 1, "bench", 4_000.0, calendar="weekdays")
SESSIONS_PER_BLOCK = 50


def best(run: Callable[[], Sequence[int]], repeats: int) -> tuple[int, float, float]:
    """Bars made, and the least wall and processor seconds of some runs: those that other work disturbed least."""
    wall, processor, bars = float("inf"), float("inf"), 0
    for _ in range(repeats):
        begun, used = time.perf_counter(), time.process_time()
        bars = sum(run())
        wall = min(wall, time.perf_counter() - begun)
        processor = min(processor, time.process_time() - used)
    return bars, wall, processor


def lengths(markets: Sequence[Bars]) -> list[int]:
    """Bars in each market."""
    return [len(bars) for bars in markets]


def check() -> None:
    """Whole, streamed and threaded markets must be equal to the bit."""
    spec = replace(MINUTES, sessions=130)
    whole = generate(spec)
    pieces = list(blocks(spec, SESSIONS_PER_BLOCK))
    threaded = generate_many([spec, spec], workers=2)
    for name in ("ts_event_ns", "open", "high", "low", "close", "volume"):
        column = getattr(whole, name)
        if not np.array_equal(np.concatenate([getattr(piece, name) for piece in pieces]), column):
            raise SystemExit(f"streamed and whole market differ in {name}")
        if not all(np.array_equal(getattr(bars, name), column) for bars in threaded):
            raise SystemExit(f"threaded and whole market differ in {name}")


def speed(repeats: int) -> None:
    """Print bars a second of each way."""
    edge = Edge("mean_reversion", 1.5, 1.0, 2.25, lookback=10)
    days = [replace(DAYS, seed=seed) for seed in range(100)]
    edges = [replace(spec, edge=edge) for spec in days]
    minutes = [replace(MINUTES, seed=seed, sessions=700) for seed in range(4)]
    ways: list[tuple[str, Callable[[], Sequence[int]]]] = [
        ("minute, one market of 2.0 M bars", lambda: [len(generate(MINUTES))]),
        ("minute, streamed in blocks of 72,000", lambda: [len(b) for b in blocks(MINUTES, SESSIONS_PER_BLOCK)]),
        ("minute, four markets of 1.0 M bars, 2 threads", lambda: lengths(generate_many(minutes, workers=2))),
        ("daily, 100 markets of 15 years", lambda: lengths(generate_many(days))),
        ("daily, the same on 2 threads", lambda: lengths(generate_many(days, workers=2))),
        ("daily, the same with a mean-reversion edge", lambda: lengths(generate_many(edges))),
    ]
    for name, run in ways:
        run()
        bars, wall, processor = best(run, repeats)
        sys.stdout.write(
            f"{name:<50} {bars / wall / 1e6:6.1f} M bars/s  {bars / processor / 1e6:6.1f} M bars per processor second\n"
        )


def shares(paths: int) -> None:
    """Print the Sharpe ratio that look-backs earn on planted trends of true Sharpe ratio 1.5, and turns a year."""
    lookbacks = (20, 60, 120, 250)
    sys.stdout.write(
        "planted trend     turns/year  " + "".join(f"{n:>7}" for n in lookbacks) + "  sessions' momentum\n"
    )
    for kind in ("trend", "hidden_trend"):
        for planted in lookbacks:
            earned: dict[int, list[float]] = {n: [] for n in lookbacks}
            turns = []
            for seed in range(paths):
                spec = replace(DAYS, seed=seed, edge=Edge(kind, 1.5, 1.0, 2.25, lookback=planted))  # type: ignore[arg-type]
                bars, known = generate(spec), truth(spec)
                turns.append(np.mean(np.diff(known.directions) != 0) * known.sessions_per_year)
                for n in lookbacks:
                    held = np.zeros(len(bars), dtype=np.int8)
                    held[n + 1 :] = np.sign(bars.close[n:-1] - bars.close[: -n - 1])
                    profit = reference_returns(bars, replace(known, directions=held))[250:]
                    earned[n].append(np.sqrt(known.sessions_per_year) * profit.mean() / profit.std())
            figures = "".join(f"{np.mean(earned[n]):7.2f}" for n in lookbacks)
            sys.stdout.write(f"{kind:<12} {planted:>4} {np.mean(turns):11.1f}  {figures}\n")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shares", action="store_true", help="measure what look-backs earn instead of speed")
    parser.add_argument("--paths", type=int, default=100, help="markets for --shares")
    parser.add_argument("--repeats", type=int, default=7, help="runs of which the fastest counts")
    arguments = parser.parse_args()
    check()
    if arguments.shares:
        shares(arguments.paths)
    else:
        speed(arguments.repeats)


if __name__ == "__main__":
    main()
