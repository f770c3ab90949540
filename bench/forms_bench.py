"""How fast the forms of a strategy are: one run, a sweep, and the first compilation.

    python bench/forms_bench.py               everything
    python bench/forms_bench.py run sweep     only these parts: run, sweep, compile

The workload is that of the engine bench: SMA(20/100) cross over a million one-minute bars, and a hundred pairs of it.
Every result is compared with the exact answer before its time is shown. Other work on the machine makes wall times
longer, so processor seconds stand beside them; and the bare loop (limit_loop.py) takes its turns in between, so that
what a row reaches of it was measured at the same pace.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import limit_loop
import numpy as np
from argus_rows import CONFIG, DailyCross, market, pair
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
from argus.lab.journal.trials import MemoryTrialLedger
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


@dataclass(frozen=True)
class Timed:
    """Medians of a few repetitions, after one that compiles, and the last result.

    Attributes
    ----------
    wall, cpu : float
        Seconds, and processor seconds.
    of_limit : float
        Share of the bare loop's speed that was reached; each repetition is held against the loop just after it.
    result : Any
    """

    wall: float
    cpu: float
    of_limit: float
    result: Any


def timed(call: Callable[[], Any], loop: Callable[[], Any], rounds: int = ROUNDS) -> Timed:
    """Repeat a call and the bare loop in turns."""
    call(), loop()
    walls, cpus, shares = [], [], []
    for _ in range(rounds):
        begun, used = time.perf_counter(), time.process_time()
        result = call()
        walls.append(time.perf_counter() - begun)
        cpus.append(time.process_time() - used)
        begun = time.perf_counter()
        loop()
        shares.append((time.perf_counter() - begun) / walls[-1])
    return Timed(statistics.median(walls), statistics.median(cpus), statistics.median(shares), result)


def line(name: str, bars: int, found: Timed) -> None:
    """A row of the table."""
    per_wall, per_cpu = bars / found.wall / 1e6, bars / found.cpu / 1e6
    print(f"{name:<62} {found.wall:>8.4f} {found.cpu:>8.4f} {per_wall:>14.1f} {per_cpu:>10.1f} {found.of_limit:>9.1%}")


def head(what: str) -> None:
    """The head of the table."""
    print(f"\n{'':<62} {'wall s':>8} {'cpu s':>8} {f'M {what}/s':>14} {'per cpu s':>10} {'of limit':>9}")


def check(bars: Bars, orders: Any, micros: Any, sweep: bool = False) -> None:
    """Stop unless the answer is the exact one."""
    wrong = right(expected(bars, "next open", 1, sweep), orders, np.asarray(micros) / 1e6)
    if wrong:
        raise SystemExit(wrong)


def single_runs(bars: Bars) -> None:
    """One run in each form: the kernel alone, and the whole call."""
    laid_out, loop = market(bars), limit_loop.one(bars)
    head("bars")
    line("limit: bare Numba loop", len(bars), timed(loop, loop))
    arrays = lay_out(laid_out, ("ES",), CONFIG)
    for name, strategy in (
        ("compiled, kernel alone: fills, margin, ledger, equity per bar", pair(FAST, SLOW)),
        (
            "the same with a protective stop at every entry",
            CompiledStrategy(specify(FAST, SLOW), stopped, ("fast", "slow", "close"), memory=(0.0,)),
        ),
    ):
        columns = columns_of(strategy, laid_out)
        tables: dict[str, Any] = {}

        def kernel(
            strategy: CompiledStrategy = strategy, columns: Any = columns, tables: dict[str, Any] = tables
        ) -> Drive:
            drive = Drive(strategy, arrays, columns, np.arange(len(columns)), CONFIG, limits_of(RISK), tables)
            drive.play()
            tables.update(drive.tables_in_use())
            return drive

        line(name, len(bars), timed(kernel, loop))
    forms: dict[str, Any] = {
        "compiled, whole call: features, record, trades, trial": lambda: pair(FAST, SLOW),
        "array, whole call, with its check for knowledge of the future": lambda: ArrayStrategy(
            specify(FAST, SLOW), crosses
        ),
        "Python woken every bar, whole call": lambda: SmaCross(["ES"], fast=FAST, slow=SLOW),
        "Python woken once a day, whole call": lambda: DailyCross(["ES"], fast=FAST, slow=SLOW),
    }
    for name, make in forms.items():

        def whole(make: Callable[[], Any] = make) -> Any:
            return run(make(), laid_out, CONFIG, sizer=FixedUnits(1), risk=RISK, trials=MemoryTrialLedger())

        found = timed(whole, loop, 3 if "every bar" in name else ROUNDS)
        if "once a day" not in name:
            check(bars, len(found.result.orders), found.result.net_pnl_micros)
        line(name, len(bars), found)


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
    laid_out, loop = market(bars), limit_loop.sweep(bars)
    head("combo-bars")
    before = peak_mb()
    for workers in (2, 1):

        def batch(workers: int = workers) -> Any:
            points = [pair(fast, slow) for fast, slow in PAIRS]
            return run_batch(points, laid_out, CONFIG, risk=RISK, trials=MemoryTrialLedger(), workers=workers)

        if workers == 2:
            batch()
            peak = peak_mb()  # of a sweep alone: the bare loop compiles with what numba needs for threads
        found = timed(batch, loop, 3)
        check(bars, found.result["orders"], found.result["net_pnl_micros"], sweep=True)
        line(f"compiled, {len(PAIRS)} pairs, {workers} worker{'s' * (workers > 1)}", len(bars) * len(PAIRS), found)
    print(f"peak memory with 2 workers {peak:,.0f} MB, of it {before:,.0f} MB before the sweep")
    line("limit: bare Numba loop, all cores", len(bars) * len(PAIRS), timed(loop, loop, 3))


FIRST = """
import resource, time
begun = time.perf_counter()
import forms_bench as forms
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
