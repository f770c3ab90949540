"""Argus beside its peers and beside a bare loop: one strategy over a million one-minute bars, and a sweep over it.

    python bench/engine_bench.py                       all rows
    python bench/engine_bench.py argus limit           only rows whose name begins so
    python bench/engine_bench.py --rounds 7 --budget 120

Every runner is a process of its own (peers in their own environments, see peers/install.py) that waits for its turn:
one repetition each, round after round, so that other work on the machine disturbs all of them alike. A row that takes
long has fewer turns. Before a time is shown, orders and P&L must equal the exact answer for the row's fill convention.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from exact import expected, head, market, right, store
from peers.install import interpreter, state
from peers.protocol import PAIRS, Bars

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
PATIENCE_S = 1_200.0
"""A repetition that takes longer is ended."""
TURNS_MAX = 1_000
TURN_S = 0.25
"""A turn of a fast row repeats it for about so long."""
SMALL = 5_000
"""Bars of the first backtest of a new installation."""


@dataclass(frozen=True)
class Row:
    """One line of a table: a variant of a runner.

    Attributes
    ----------
    name : str
    script : str
        The runner, in this folder.
    variant : str
        Of the runner.
    environment : str
        The peer whose environment it needs; empty for the project's own.
    """

    name: str
    script: str
    variant: str
    environment: str = ""


LIMIT, LIMIT_SWEEP = "limit: bare Numba loop", "limit: bare Numba loop, all cores"
ENGINES = (
    Row("Argus, compiled strategy", "argus_rows.py", "compiled"),
    Row("Argus, Python woken once a day", "argus_rows.py", "daily"),
    Row("Argus, Python woken every bar", "argus_rows.py", "every-bar"),
    Row(LIMIT, "limit_loop.py", "run"),
    Row("vectorbt, Rust", "peers/vectorbt_peer.py", "rust", "vectorbt"),
    Row("vectorbt, Numba", "peers/vectorbt_peer.py", "numba", "vectorbt"),
    Row("hftbacktest", "peers/hftbacktest_peer.py", "run", "hftbacktest"),
    Row("backtesting.py", "peers/backtesting_peer.py", "run", "backtesting"),
    Row("bt", "peers/bt_peer.py", "run", "bt"),
    Row("NautilusTrader", "peers/nautilus_peer.py", "run", "nautilus"),
    Row("backtrader", "peers/backtrader_peer.py", "run", "backtrader"),
)
SWEEPS = (
    Row("Argus, compiled sweep", "argus_rows.py", "sweep"),
    Row(LIMIT_SWEEP, "limit_loop.py", "sweep"),
    Row("vectorbt, Rust, ten at a time", "peers/vectorbt_peer.py", "sweep-ten", "vectorbt"),
    Row("vectorbt, Rust, one by one", "peers/vectorbt_peer.py", "sweep-one", "vectorbt"),
)


@dataclass
class Runner:
    """A runner under way, and what it has answered."""

    row: Row
    trouble: str = ""
    version: str = ""
    compiles: bool = False
    turns: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    errors: Any = None
    tree_mb: float = 0.0

    def start(self, bars: Path, kernels: str) -> None:
        """Have it load the bars; a peer that is not installed is not started."""
        python = sys.executable
        if self.row.environment:
            self.trouble = state(self.row.environment)
            if self.trouble:
                return
            python = str(interpreter(self.row.environment))
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed in `finish`
        # A peer compiles anew, so that its first run is what a user's first run is.
        cache = {"NUMBA_CACHE_DIR": kernels} if self.row.environment else {}
        self.process = subprocess.Popen(
            [python, str(HERE / self.row.script), str(bars), self.row.variant, "--repeats", str(TURNS_MAX), "--wait"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **cache},
        )
        ready = self._read()
        self.version, self.compiles = ready.get("version", ""), ready.get("compiles", False)

    def turn(self) -> None:
        """One repetition."""
        assert self.process is not None
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # then it has ended, and the reading says so
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        answer = self._read()
        if "missing" in answer:
            self.trouble = answer["missing"]
        elif answer:
            self.turns.append(answer)

    def finish(self) -> None:
        """Let it end, and take its summary."""
        if self.process is None:
            return
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        if not self.trouble:
            self.summary = self._read()
        self.process.wait(timeout=60)
        self.errors.close()

    def _read(self) -> dict[str, Any]:
        """Its next line; one that does not come, or a process that ended, is trouble."""
        process = self.process
        assert process is not None
        assert process.stdout is not None
        watch = threading.Event()
        guard = threading.Thread(target=self._guard, args=(watch,), daemon=True)
        guard.start()
        line = process.stdout.readline()
        watch.set()
        guard.join()
        if line:
            found: dict[str, Any] = json.loads(line)
            return found
        process.wait()
        self.errors.seek(0)
        said = [text for text in self.errors.read().splitlines() if text.strip()]
        self.trouble = f"failed: {said[-1][:200]}" if said else f"ended with exit code {process.returncode}"
        return {}

    def _guard(self, done: threading.Event) -> None:
        """End a process that takes too long; watch the memory of one that has workers."""
        assert self.process is not None
        until = time.monotonic() + PATIENCE_S
        while not done.wait(0.2):
            if time.monotonic() > until:
                self.process.kill()
                return
            try:
                parent = psutil.Process(self.process.pid)
                children = parent.children(recursive=True)
                if children:
                    used = sum(each.memory_info().rss for each in (parent, *children))
                    self.tree_mb = max(self.tree_mb, used / 2**20)
            except psutil.Error:
                continue

    @property
    def counted(self) -> list[dict[str, Any]]:
        """Turns without the one that compiled."""
        return self.turns[self.compiles :]

    @property
    def spent_s(self) -> float:
        """Seconds of the turns that count."""
        return sum(turn["seconds"] for turn in self.counted)

    def median_s(self, clock: str) -> float:
        """Of the turns that count, by the wall ("seconds") or the processor ("cpu_s")."""
        return statistics.median(turn[clock] for turn in self.counted)

    def basis_s(self, sweep: bool) -> float:
        """What ratios are taken of: wall seconds of sweeps, which use all cores, processor seconds of the others."""
        return self.median_s("seconds" if sweep else "cpu_s")

    @property
    def peak_mb(self) -> float:
        """Largest resident memory of all its processes up to its first turn that counts: what one backtest takes."""
        return max(self.tree_mb, self.counted[0]["peak_mb"])


def play(rows: Sequence[Row], bars: Path, rounds: int, budget_s: float) -> list[Runner]:
    """Turn after turn; a row whose turns have used up its budget has at least two."""
    runners = [Runner(row) for row in rows]
    with tempfile.TemporaryDirectory() as kernels:
        for runner in runners:
            runner.start(bars, kernels)
        for number in range(rounds + 1):  # the first one compiles
            for runner in runners:
                if runner.trouble or (number >= 2 and runner.spent_s > budget_s):
                    continue
                until = runner.spent_s + TURN_S
                for _ in range(20):
                    runner.turn()
                    if runner.trouble or number == 0 or runner.spent_s > until:
                        break
                if runner.turns and not runner.trouble:
                    print(f"  {number}: {runner.row.name} {runner.turns[-1]['seconds']:.3f} s", file=sys.stderr)
        for runner in runners:
            runner.finish()
    return runners


def rate_name(sweep: bool) -> str:
    """What is counted a second."""
    return "M combo-bars/s" if sweep else "M bars/s"


def table(runners: Sequence[Runner], bars: Bars, limit_name: str, sweep: bool) -> None:
    """Check every answer, then print the rows and their remarks."""
    for runner in runners:
        if runner.trouble:
            continue
        exact = expected(bars, runner.summary["fills"], runner.summary["slippage_ticks"], sweep)
        wrong = next((said for t in runner.turns if (said := right(exact, t["orders"], t["pnl"]))), "")
        if wrong and not runner.row.environment:
            raise SystemExit(f"{runner.row.name}: {wrong}")
        runner.trouble = f"WRONG: {wrong}" if wrong else ""
    print(f"{'':<33} {'':<11} {rate_name(sweep):>14} {'cpu s':>8} {'runs':>4} {'peak MB':>8} ", end="")
    print(f"{'x best peer':>11} {'of limit':>9}  fills")
    timed = [runner for runner in runners if not runner.trouble]
    best_peer_s = min((runner.basis_s(sweep) for runner in timed if runner.row.environment), default=None)
    limit_s = next((runner.basis_s(sweep) for runner in timed if runner.row.name == limit_name), None)
    work = len(bars) * (len(PAIRS) if sweep else 1)
    for runner in runners:
        print(f"{runner.row.name:<33} {runner.version if runner.row.environment else '':<11} ", end="")
        if runner.trouble:
            print(runner.trouble)
            continue
        taken = runner.basis_s(sweep)
        beside = f"{best_peer_s / taken:.3g}" if best_peer_s else "-"
        of = f"{limit_s / taken:.2%}" if limit_s else "-"
        rate = work / runner.median_s("seconds") / 1e6
        print(
            f"{rate:>14.4g} {runner.median_s('cpu_s'):>8.3g} {len(runner.counted):>4} {runner.peak_mb:>8,.0f} ", end=""
        )
        print(f"{beside:>11} {of:>9}  {runner.summary['fills']}")
    print()
    for runner in runners:
        notes = [runner.summary["remark"]] if runner.summary.get("remark") else []
        if runner.compiles and runner.row.environment and runner.turns:
            notes.append(f"first call {runner.turns[0]['seconds']:.1f} s")
        if notes:
            print(f"{runner.row.name}: {'; '.join(notes)}")
    print()


def first_backtest(bars: Bars, rounds: int) -> None:
    """From the start of a process to the end of its first backtest, kernels compiled anew and from the cache."""
    small = OUT / "bars_small.npz"
    store(head(bars, SMALL), small)
    call = [sys.executable, str(HERE / "argus_rows.py"), str(small), "every-bar", "--repeats", "0"]

    def timed(cache: str) -> tuple[float, float]:
        begun = time.perf_counter()
        done = subprocess.run(
            call, check=True, capture_output=True, text=True, env={**os.environ, "NUMBA_CACHE_DIR": cache}
        )
        return time.perf_counter() - begun, float(json.loads(done.stdout.splitlines()[-1])["first_s"])

    cold, cached = [], []
    for _ in range(max(rounds // 2, 1)):
        with tempfile.TemporaryDirectory() as cache:
            cold.append(timed(cache))
            cached.extend(timed(cache) for _ in range(2))
    print(f"Argus, first backtest of a process ({SMALL:,} bars)         process s  of it the call")
    for what, found in (("kernels compiled anew", cold), ("kernels from the cache", cached)):
        whole, inner = (statistics.median(column) for column in zip(*found, strict=True))
        print(f"  {what:<50} {whole:>9.2f} {inner:>15.2f}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Engines beside each other.")
    parser.add_argument("names", nargs="*", help="rows whose name begins so; all without")
    parser.add_argument("--rounds", type=int, default=5, help="turns of a row")
    parser.add_argument("--budget", type=float, default=40.0, help="seconds after which a row has only two turns")
    options = parser.parse_args()
    wanted = tuple(name.lower() for name in options.names) or ("",)
    bars, origin = market()
    path = OUT / "bars.npz"
    store(bars, path)
    load = [os.getloadavg()[0]]
    print(
        f"SMA(20/100) cross, always in the market, {len(bars):,} one-minute bars of synthetic ES, multiplier 50, 2.25 a"
    )
    print(f"contract and side, one tick of slippage. Bars: {origin}.")
    print(
        "Turns are taken in rotation and medians shown; other work shares the machine, so it is ratios that count. They"
    )
    print("are of processor seconds for single runs, of wall seconds for sweeps.\n")
    for rows, limit, sweep in ((ENGINES, LIMIT, False), (SWEEPS, LIMIT_SWEEP, True)):
        chosen = [row for row in rows if row.name.lower().startswith(wanted)]
        if chosen:
            if sweep:
                print(f"The same over {len(PAIRS)} parameter pairs\n")
            table(play(chosen, path, options.rounds, options.budget), bars, limit, sweep)
            load.append(os.getloadavg()[0])
    if any("argus".startswith(name[:5]) for name in wanted):
        first_backtest(bars, options.rounds)
        load.append(os.getloadavg()[0])
    print(f"\nLoad of the machine before, between and after: {', '.join(f'{value:.1f}' for value in load)}.")


if __name__ == "__main__":
    main()
