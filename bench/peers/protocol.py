"""How a runner of the engine bench speaks: one way for Argus, for its peers and for the bare loop that is their limit.

A runner is a program that runs in its own environment. It reads the bars that the bench wrote, prepares what is not to
be timed, and then repeats one backtest. After each repetition it prints a line of JSON, at the end a summary. With
``--wait`` it waits for a line on its standard input before each repetition, so that the bench can take turns between
runners and what disturbs the machine disturbs all of them.

    python RUNNER.py BARS.npz [VARIANT] [--repeats N] [--wait]

Only NumPy is needed, for this file is imported in every peer's environment.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TICK = 0.25
MULTIPLIER = 50.0
FEE = 2.25
"""Currency per contract and side."""
CAPITAL = 10_000_000.0
"""So much that no pair of the sweep runs out of it."""
NS_PER_MINUTE = 60_000_000_000
FAST, SLOW = 20, 100
PAIRS = tuple((fast, slow) for fast in range(5, 55, 5) for slow in range(60, 260, 20))
"""The hundred parameter pairs of the sweep."""


@dataclass(frozen=True)
class Bars:
    """The market of the bench.

    Attributes
    ----------
    open, high, low, close, volume : (n,) float64
    ts_close_ns : (n,) int64
        UTC nanoseconds at which the bar ended.
    session : (n,) int32
    session_end : (n,) bool
        Sessions of the exchange's calendar.
    directions : (n,) int8
        The reference rule's wanted position after each bar, for engines whose users compute signals beforehand.
    """

    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    ts_close_ns: NDArray[np.int64]
    session: NDArray[np.int32]
    session_end: NDArray[np.bool_]
    directions: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.close)


class NotThere(Exception):
    """What the row would show does not exist yet."""


Answer = tuple[Any, Any]
"""Orders and P&L in currency: two numbers, or one of each per parameter pair."""


@dataclass(frozen=True)
class Variant:
    """One row of the table.

    Attributes
    ----------
    fresh : callable
        From the bars to the call that is timed; what happens before that call is not timed.
    read : callable
        From what the timed call gave to orders and P&L; not timed.
    fills : str
        Which exact answer it must give: "next open", "same close", "next close", or "daily": decided at session ends,
        filled at the next open.
    slippage_ticks : int
    remark : str
        What a reader must know: what it does not do, or what was done so that it could.
    compiles : bool
        Whether the first repetition compiles, and so is not counted.
    """

    fresh: Callable[[Bars], Callable[[], Any]]
    read: Callable[[Any], Answer]
    fills: str = "next open"
    slippage_ticks: int = 1
    remark: str = ""
    compiles: bool = False


def load(path: Path) -> Bars:
    """The bars that the bench wrote."""
    with np.load(path) as stored:
        return Bars(**{name: stored[name] for name in Bars.__dataclass_fields__})


def signs(closes_ticks: NDArray[np.int64], fast: int, slow: int) -> NDArray[np.int8]:
    """+1 where the fast average is above the slow one, -1 below, 0 at a tie and before there are averages; exact."""
    n = len(closes_ticks)
    sums = np.concatenate([[0], np.cumsum(closes_ticks)])
    ends = np.arange(slow, n + 1)
    fast_sum, slow_sum = sums[ends] - sums[ends - fast], sums[ends] - sums[ends - slow]
    found = np.zeros(n, dtype=np.int8)
    found[slow - 1 :] = np.sign(fast_sum * slow - slow_sum * fast)
    return found


def held(decided: NDArray[np.int8]) -> NDArray[np.int8]:
    """The last decision that was not 0, at each row."""
    last = np.where(decided != 0, np.arange(len(decided)), 0)
    return decided[np.maximum.accumulate(last)]


def directions(closes_ticks: NDArray[np.int64], fast: int, slow: int) -> NDArray[np.int8]:
    """The wanted position after each bar; a tie keeps the last one."""
    return held(signs(closes_ticks, fast, slow))


def ticks(prices: NDArray[np.float64]) -> NDArray[np.int64]:
    """Prices as whole ticks."""
    return np.rint(prices / TICK).astype(np.int64)


def peak_mb() -> float:
    """Largest resident memory of this process so far."""
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def processor_s() -> float:
    """Processor seconds of this process and of its workers that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def serve(package: str, variants: Mapping[str, Variant], arguments: Sequence[str] | None = None) -> None:
    """The program of a runner: see the head of this file."""
    parser = argparse.ArgumentParser(description=f"Run the engine bench's workload in {package}.")
    parser.add_argument("bars", type=Path)
    parser.add_argument("variant", nargs="?", default=next(iter(variants)), choices=list(variants))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--wait", action="store_true")
    options = parser.parse_args(arguments)
    variant = variants[options.variant]
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # some engines print to the standard output, which belongs to the answers
        answer = _speaker(answers)
        try:
            release = version(package)
        except PackageNotFoundError:
            release = ""
        bars = load(options.bars)
        answer({"version": release, "compiles": variant.compiles, "peak_mb": peak_mb()})
        _repeat(variant, bars, options, answer)


def _speaker(stream: Any) -> Callable[[Mapping[str, Any]], None]:
    def answer(record: Mapping[str, Any]) -> None:
        stream.write(json.dumps(record) + "\n")
        stream.flush()

    return answer


def _repeat(
    variant: Variant, bars: Bars, options: argparse.Namespace, answer: Callable[[Mapping[str, Any]], None]
) -> None:
    seconds: list[float] = []
    first_s = None
    orders: Any = None
    pnl: Any = None
    left = options.repeats + variant.compiles
    while left and (not options.wait or sys.stdin.readline()):
        left -= 1
        try:
            call = variant.fresh(bars)
        except NotThere as reason:
            answer({"missing": str(reason)})
            return
        begun, used = time.perf_counter(), processor_s()
        result = call()
        taken, used = time.perf_counter() - begun, processor_s() - used
        orders, pnl = (_plain(value) for value in variant.read(result))
        del call, result
        gc.collect()  # what one repetition leaves must not count in the next one's memory
        if first_s is None:
            first_s = taken
        if not variant.compiles or first_s is not taken:
            seconds.append(taken)
        answer({"seconds": taken, "cpu_s": used, "orders": orders, "pnl": pnl, "peak_mb": peak_mb()})
    answer(
        {
            "bars": len(bars),
            "seconds": seconds,
            "median_s": statistics.median(seconds) if seconds else None,
            "first_s": first_s,
            "peak_mb": peak_mb(),
            "orders": orders,
            "pnl": pnl,
            "fills": variant.fills,
            "slippage_ticks": variant.slippage_ticks,
            "compiles": variant.compiles,
            "remark": variant.remark,
        }
    )
