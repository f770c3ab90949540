"""How fast the forms of a strategy are: one run, a sweep, and the first compilation.

    python bench/forms.py               everything
    python bench/forms.py run sweep     only these parts: run, sweep, compile

The workload is that of the engine bench: SMA(20/100) cross over a million one-minute bars, and a hundred pairs of it.
Every result is compared with the exact answer before its time is shown. Other work on the machine makes wall times
longer, so processor seconds stand beside them.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from argus_rows import CONFIG, market, pair
from exact import expected, right, store
from exact import market as bars_of_the_bench
from peers.protocol import FAST, PAIRS, SLOW, Bars, load, peak_mb

from argus.core.arrays import F64_1D
from argus.core.arrays import Bars as Market
from argus.core.strategy import FeatureRef, StrategyConstraints, StrategySpec, WakeRule
from argus.engine.batch import run_batch
from argus.engine.compiled import CANCEL, EXIT_STOP, KIND, MARKET, UNITS, Drive, columns_of, limits_of
from argus.engine.config import AccountKind
from argus.engine.forms import ArrayStrategy, CompiledStrategy
from argus.engine.market import lay_out
from argus.engine.replay import run
from argus.lab.trials import MemoryTrialLedger
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import FixedUnits
from argus.strategies.sma_cross import SmaCross

RISK = LimitRiskPolicy()
ROUNDS = 7


def specify(fast: int, slow: int) -> StrategySpec:
    """What the cross declares, without the volatility that no form here looks at."""
    return StrategySpec(
        name="sma_cross_forms",
        version="1",
        summary="Long while a fast average is above a slow one, short while it is below.",
        source="bench",
        universe=("ES",),
        wake=WakeRule.EVERY_BAR,
        warmup_bars=slow,
        parameters=(),
        values={"fast": fast, "slow": slow},
        features=(FeatureRef("fast", "sma", "ES", {"n": fast}), FeatureRef("slow", "sma", "ES", {"n": slow})),
        needs=frozenset({"open", "close"}),
        constraints=StrategyConstraints(2, 1e6),
    )


def stopped(now: Any, parameters: Any, memory: Any, position: Any, out: Any) -> int:
    """The same with a protective stop four points away, so that every bar is held against a resting order."""
    side = 1.0 if now[0] > now[1] else -1.0
    if side == memory[0]:
        return 0
    memory[0] = side
    out[0, KIND] = CANCEL
    out[1, UNITS] = 0.0
    out[2, KIND] = MARKET
    out[2, UNITS] = side
    out[2, EXIT_STOP] = now[2] - 4.0 * side
    return 3


def crosses(_bars: Mapping[str, Market], features: Mapping[str, F64_1D]) -> F64_1D:
    """The cross as an array."""
    side = np.sign(features["fast"] - features["slow"])
    side[side == 0.0] = np.nan
    known = np.flatnonzero(~np.isnan(side))
    before = np.full(len(side), np.nan)
    before[known[1:]] = side[known[:-1]]
    return np.where(side == before, np.nan, side)


def timed(call: Callable[[], Any], rounds: int = ROUNDS) -> tuple[float, float, Any]:
    """(median wall seconds, median processor seconds, last result) of a few repetitions after one that compiles."""
    call()
    walls, cpus = [], []
    for _ in range(rounds):
        begun, used = time.perf_counter(), time.process_time()
        result = call()
        walls.append(time.perf_counter() - begun)
        cpus.append(time.process_time() - used)
    return statistics.median(walls), statistics.median(cpus), result


def line(name: str, bars: int, wall: float, cpu: float) -> None:
    """A row of the table."""
    print(f"{name:<58} {wall:>9.4f} {cpu:>9.4f} {bars / wall / 1e6:>12.1f} {bars / cpu / 1e6:>12.1f}")


def head(what: str) -> None:
    """The head of the table."""
    print(f"\n{'':<58} {'wall s':>9} {'cpu s':>9} {f'M {what}/s':>12} {'per cpu s':>12}")


def check(bars: Bars, orders: Any, micros: Any, sweep: bool = False) -> None:
    """Stop unless the answer is the exact one."""
    wrong = right(expected(bars, "next open", 1, sweep), orders, np.asarray(micros) / 1e6)
    if wrong:
        raise SystemExit(wrong)


def single_runs(bars: Bars) -> None:
    """One run in each form: the kernel alone, and the whole call."""
    laid_out = market(bars)
    head("bars")
    arrays = lay_out(laid_out, ("ES",), CONFIG)
    for name, strategy in (
        ("compiled, kernel alone: fills, margin, ledger, equity per bar", pair(FAST, SLOW)),
        (
            "the same with a protective stop at every entry",
            CompiledStrategy(specify(FAST, SLOW), stopped, ("fast", "slow", "close"), memory=(0.0,)),
        ),
    ):
        columns = columns_of(strategy, laid_out)

        def kernel(strategy: CompiledStrategy = strategy, columns: Any = columns) -> Drive:
            drive = Drive(strategy, arrays, columns, np.arange(len(columns)), CONFIG, limits_of(RISK))
            drive.play()
            return drive

        line(name, len(bars), *timed(kernel)[:2])
    forms: dict[str, Any] = {
        "compiled, whole call: features, record, trades, trial": lambda: pair(FAST, SLOW),
        "array, whole call, with its check for knowledge of the future": lambda: ArrayStrategy(
            specify(FAST, SLOW), crosses
        ),
        "Python, whole call": lambda: SmaCross(["ES"], fast=FAST, slow=SLOW),
    }
    for name, make in forms.items():

        def whole(make: Callable[[], Any] = make) -> Any:
            return run(make(), laid_out, CONFIG, sizer=FixedUnits(1), risk=RISK, trials=MemoryTrialLedger())

        wall, cpu, record = timed(whole, 3 if "Python" in name else ROUNDS)
        check(bars, len(record.orders), record.net_pnl_micros)
        line(name, len(bars), wall, cpu)


def sweep_alone(bars: Bars) -> None:
    """The hundred pairs in a process of their own, whose memory then is that of the sweep and of the bars it reads.

    This process has read the bars from where they lie, checked them and run single runs: its peak is not a sweep's.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bars.npz"
        store(bars, file)
        subprocess.run([sys.executable, os.path.abspath(__file__), "--bars", str(file), "sweep"], check=True)


def sweep(bars: Bars) -> None:
    """The hundred pairs, on one thread and on two."""
    laid_out = market(bars)
    head("combo-bars")
    before = peak_mb()
    for workers in (2, 1):

        def batch(workers: int = workers) -> Any:
            points = [pair(fast, slow) for fast, slow in PAIRS]
            return run_batch(points, laid_out, CONFIG, risk=RISK, trials=MemoryTrialLedger(), workers=workers)

        wall, cpu, rows = timed(batch, 3)
        check(bars, rows["orders"], rows["net_pnl_micros"], sweep=True)
        line(f"compiled, {len(PAIRS)} pairs, {workers} worker{'s' * (workers > 1)}", len(bars) * len(PAIRS), wall, cpu)
        if workers == 2:
            print(f"peak memory {peak_mb():,.0f} MB, of it {before:,.0f} MB before the sweep")


FIRST = """
import resource, time
begun = time.perf_counter()
import forms
from argus.data.synthetic import SyntheticSpec, generate
import datetime
bars = generate(SyntheticSpec("ES", 60_000_000_000, datetime.date(2023, 1, 3), 5, 7, "first", 4_000.0))
from argus.core.instruments import instrument
laid_out = {"ES": (instrument("ES"), bars)}
marks = [time.perf_counter()]
for strategy in STRATEGIES:
    road = {"sizer": forms.FixedUnits(1), "risk": forms.RISK, "trials": forms.MemoryTrialLedger()}
    forms.run(strategy, laid_out, forms.CONFIG, **road)
    marks.append(time.perf_counter())
used = resource.getrusage(resource.RUSAGE_SELF)
print(marks[-1] - marks[0], used.ru_utime + used.ru_stime, marks[0] - begun)
"""


def first_compilation() -> None:
    """A process's first runs, with no kernel cached and with all of them."""
    here = os.path.dirname(os.path.abspath(__file__))
    kinds = {
        "Python form": "[forms.SmaCross(['ES'], fast=5, slow=20)]",
        "compiled form": "[forms.pair(5, 20)]",
        "both": "[forms.SmaCross(['ES'], fast=5, slow=20), forms.pair(5, 20)]",
    }
    print(f"\n{'first run of a process':<40} {'wall s':>9} {'cpu s of all':>13} {'imports s':>10}")
    for name, strategies in kinds.items():
        with tempfile.TemporaryDirectory() as cache:
            for state in ("kernels compiled anew", "kernels from the cache"):
                done = subprocess.run(
                    [sys.executable, "-c", FIRST.replace("STRATEGIES", strategies)],
                    check=True,
                    capture_output=True,
                    text=True,
                    cwd=here,
                    env={**os.environ, "NUMBA_CACHE_DIR": cache},
                )
                wall, cpu, imports = (float(word) for word in done.stdout.split())
                print(f"{name + ', ' + state:<40} {wall:>9.2f} {cpu:>13.2f} {imports:>10.2f}")


def pace() -> float:
    """Processor seconds of a fixed loop: how fast the machine is just now (about 0.45 where it is quiet)."""
    begun = time.process_time()
    total = 0
    for number in range(10_000_000):
        total += number
    return time.process_time() - begun


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="The forms of a strategy.")
    parser.add_argument("parts", nargs="*", help="run, sweep, compile; all without")
    parser.add_argument("--bars", type=Path, help="bars that this bench wrote: sweep over them in this process")
    options = parser.parse_args()
    if options.bars is not None:
        sweep(load(options.bars))
        return
    parts = options.parts or ["run", "sweep", "compile"]
    print(f"load {os.getloadavg()[0]:.1f}, a fixed Python loop takes {pace():.2f} s of processor")
    if "run" in parts or "sweep" in parts:
        bars, origin = bars_of_the_bench()
        print(f"{len(bars):,} bars: {origin}; account: {AccountKind.FUTURES.value}")
        if "run" in parts:
            single_runs(bars)
        if "sweep" in parts:
            sweep_alone(bars)
    if "compile" in parts:
        first_compilation()
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(f"\nload {os.getloadavg()[0]:.1f}, {used.ru_utime:.0f} s of processor, loop {pace():.2f} s")


if __name__ == "__main__":
    main()
