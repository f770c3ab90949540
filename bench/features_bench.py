"""How fast features are: beside pandas, Polars, TA-Lib and antropy, as a set, one bar at a time, and into a file.

    python bench/features_bench.py                 everything
    python bench/features_bench.py peers live      only these parts; --help names them
    python bench/features_bench.py harvest_whole   35 million rows

Values are compared before anything is timed: where two libraries do not compute the same, no time is shown. Wall times
are the least of some repetitions, for other work on the machine only ever makes them longer; processor seconds stand
beside them. The bare copy of as many columns, double to single precision, is the limit that no feature can pass.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
from numpy.typing import NDArray

from argus.app.features import Series
from argus.core.arrays import Bars, Stretches
from argus.core.instruments import instrument
from argus.core.strategy import FeatureRef
from argus.core.time import NS_PER_DAY, NS_PER_MINUTE
from argus.data.synthetic import SyntheticSpec, generate
from argus.features import LiveFeatures, SetRunner, column, compute_set
from argus.features.sets import columns_of

ROWS = 3_500_000
SESSIONS = 2_560
CHECKED = 20_000
WINDOWS = (10, 20, 50, 100)
SCALED_TO = 150
HARVESTED = (40_000, 160_000)
HARVESTED_WHOLE = (2_300_000,)
"""Minute bars of each symbol."""
GROWN = (1, 10, 50)
"""Millions of rows over which the growth of the cost is shown."""
WHOLE = "harvest_whole"
"""The part that harvests 35 million rows, only if asked for: it takes minutes and 13 GB of disk."""
_MOVING = ("close_s", "start_s", "regular_close_s", "regular_open_s", "session_close_s", "session_open_s", "session")
SYMBOLS = ("ES", "NQ", "RTY", "YM", "CL", "GC", "SI", "ZN", "ZB", "ZF", "MES", "MNQ", "M2K", "MYM", "MCL")
Column = NDArray[np.float64]


@cache
def bars(rows: int = ROWS) -> Bars:
    """Minute bars of a synthetic ES."""
    spec = SyntheticSpec("ES", NS_PER_MINUTE, date(2010, 1, 4), SESSIONS * rows // ROWS + 5, 7)
    return generate(spec).rows(0, rows)


def best(run: Callable[[], object], repeats: int = 3) -> tuple[float, float]:
    """Least wall and processor seconds of some runs."""
    wall = processor = float("inf")
    for _ in range(repeats):
        begun, used = time.perf_counter(), time.process_time()
        run()
        wall = min(wall, time.perf_counter() - begun)
        processor = min(processor, time.process_time() - used)
    return wall, processor


COMMON: tuple[FeatureRef, ...] = (
    *(column("sma", n=n) for n in WINDOWS),
    *(column("std", n=n) for n in WINDOWS),
    *(column("momentum", n=n) for n in WINDOWS),
    *(column("donchian_width", n=n) for n in WINDOWS),
    *(column("rsi", n=n) for n in WINDOWS),
    *(column("wma", n=n) for n in WINDOWS),
)
"""Features that all have; 24 columns."""
WITHOUT_FILTERS = COMMON[:16]
"""Those that Polars and pandas have without a loop of their own."""


def in_pandas(market: Bars) -> list[Column]:
    """The common features without RSI and WMA, in pandas."""
    close, high, low = pd.Series(market.close), pd.Series(market.high), pd.Series(market.low)
    found = [close.rolling(n).mean() for n in WINDOWS]
    found += [close.rolling(n).std() for n in WINDOWS]
    found += [close / close.shift(n) - 1.0 for n in WINDOWS]
    found += [width(high.rolling(n).max(), low.rolling(n).min(), close) for n in WINDOWS]
    return [one.to_numpy(dtype=np.float32) for one in found]


def width(top: pd.Series, bottom: pd.Series, close: pd.Series) -> pd.Series:
    """The channel of the rows before, as a share of the close."""
    return (top.shift(1) - bottom.shift(1)) / close


def in_polars(market: Bars) -> list[Column]:
    """The same in Polars."""
    frame = pl.DataFrame({"close": market.close, "high": market.high, "low": market.low})
    close = pl.col("close")
    wanted = [close.rolling_mean(n).alias(f"mean{n}") for n in WINDOWS]
    wanted += [close.rolling_std(n).alias(f"std{n}") for n in WINDOWS]
    wanted += [(close / close.shift(n) - 1.0).alias(f"mom{n}") for n in WINDOWS]
    wanted += [
        ((pl.col("high").rolling_max(n).shift(1) - pl.col("low").rolling_min(n).shift(1)) / close).alias(f"width{n}")
        for n in WINDOWS
    ]
    made = frame.select([one.cast(pl.Float32) for one in wanted])
    return [made[name].to_numpy() for name in made.columns]


def in_talib(market: Bars) -> list[Column]:
    """All common features in TA-Lib."""
    import talib

    close, high, low = market.close, market.high, market.low
    found = [talib.SMA(close, n) for n in WINDOWS]
    found += [talib.STDDEV(close, n) * np.sqrt(n / (n - 1.0)) for n in WINDOWS]
    found += [talib.ROCP(close, n) for n in WINDOWS]
    for n in WINDOWS:
        span = talib.MAX(high, n) - talib.MIN(low, n)
        found.append(np.concatenate(([np.nan], span[:-1])) / close)
    found += [talib.RSI(close, n) for n in WINDOWS]
    found += [talib.WMA(close, n) for n in WINDOWS]
    return [one.astype(np.float32) for one in found]


def inputs(market: Bars, refs: Sequence[FeatureRef]) -> dict[str, Column | Stretches]:
    """Input columns of a set over the market, those of the calendar included, as a file's bars give them."""
    names, series = _inputs_of(market, refs)
    return series.inputs(names, 0, len(market))


def input_rows(market: Bars, refs: Sequence[FeatureRef]) -> dict[str, Column]:
    """The same with a value for every row."""
    names, series = _inputs_of(market, refs)
    return series.columns(names, 0, len(market))


def _inputs_of(market: Bars, refs: Sequence[FeatureRef]) -> tuple[tuple[str, ...], Series]:
    with SetRunner(refs, 1) as runner:
        return runner.inputs, Series(market, instrument("ES"), None, {})


def agree(name: str, theirs: Sequence[Column], ours: NDArray[np.float32]) -> None:
    """Stop if a peer computes something else."""
    for ref, other, own in zip(COMMON, theirs, ours, strict=False):
        both = np.isfinite(other) & np.isfinite(own)
        if both.sum() < 0.9 * len(own):
            raise SystemExit(f"{name} has too few values of {ref.alias}")
        scale = np.abs(own[both]).max()
        gap = np.abs(other[both] - own[both]).max() / scale
        # pandas and Polars keep running sums, whose error grows along the column; TA-Lib's deviation likewise.
        if gap > 2e-3:
            raise SystemExit(f"{name} and Argus differ in {ref.alias} by {gap:g} of its largest value")


def peers() -> None:
    """The common features beside other libraries."""
    market = bars()
    few = market.rows(0, CHECKED)
    ours = compute_set(COMMON, inputs(few, COMMON))
    for name, run in (("pandas", in_pandas), ("Polars", in_polars), ("TA-Lib", in_talib)):
        agree(name, run(few), ours)
    print(f"### Common features over {ROWS / 1e6:.1f} million minute bars, float64 in, float32 out\n")
    print(f"| library | columns | wall, s | processor, s | ns a row and column | scaled to {SCALED_TO} columns, s |")
    print("|---|---|---|---|---|---|")
    rows: list[tuple[str, int, tuple[float, float]]] = []
    for name, run, count in (("pandas", in_pandas, 16), ("Polars", in_polars, 16), ("TA-Lib, one core", in_talib, 24)):
        rows.append((name, count, best(lambda run=run: run(market), 2)))
    for threads in (1, 2):
        out = np.zeros((len(COMMON), ROWS), dtype=np.float32)
        given = inputs(market, COMMON)
        rows.append(
            (
                f"Argus, {threads} thread{'s' * (threads > 1)}",
                len(COMMON),
                best(lambda threads=threads, out=out, given=given: compute_set(COMMON, given, out, threads)),
            )
        )
    source = np.random.default_rng(0).random(ROWS)
    target = np.zeros((len(COMMON), ROWS), dtype=np.float32)

    def copy() -> None:
        for row in target:
            row[:] = source

    rows.append(("a bare copy, one core", len(COMMON), best(copy)))
    for name, count, (wall, processor) in rows:
        each = wall / ROWS / count * 1e9
        print(f"| {name} | {count} | {wall:.2f} | {processor:.2f} | {each:.2f} | {wall / count * SCALED_TO:.2f} |")
    print()


def whole_set() -> None:
    """The set futures, and how its cost grows."""
    refs = columns_of("futures")
    print(f"### The set `futures`: {len(refs)} columns\n")
    print("| rows | threads | wall, s | processor, s | ns a row and column |")
    print("|---|---|---|---|---|")
    for rows in (500_000, ROWS):
        market = bars().rows(0, rows)
        given = inputs(market, refs)
        out = np.zeros((len(refs), rows), dtype=np.float32)
        for threads in (1, 2):
            wall, processor = best(lambda threads=threads, out=out, given=given: compute_set(refs, given, out, threads))
            print(f"| {rows:,} | {threads} | {wall:.2f} | {processor:.2f} | {wall / rows / len(refs) * 1e9:.2f} |")
    print()


def growth() -> None:
    """The set futures over millions of rows, fed a million at a time: later ones are the first, moved on in time."""
    refs = columns_of("futures")
    market = bars().rows(0, 1_000_000)
    given = input_rows(market, refs)
    weeks = int(market.ts_close_ns[-1] - market.ts_event_ns[0]) // (7 * NS_PER_DAY) + 1
    steps = {name: weeks * 7.0 * (1.0 if name == "session" else 86_400.0) for name in given if name in _MOVING}
    out = np.zeros((len(refs), len(market)), dtype=np.float32)
    print("### How the cost grows: the set `futures` on two threads\n")
    print("| rows | wall, s | ns a row and column |")
    print("|---|---|---|")
    for millions in GROWN:
        spent = 0.0
        with SetRunner(refs, 2) as runner:
            for part in range(millions):
                moved = {
                    name: (values + part * steps[name]).astype(values.dtype) if name in steps else values
                    for name, values in given.items()
                }
                begun = time.perf_counter()
                runner.feed(moved, out)
                spent += time.perf_counter() - begun
        print(f"| {millions},000,000 | {spent:.2f} | {spent / millions / len(refs) * 1e3:.2f} |")
    print()


def live() -> None:
    """One bar at a time."""
    refs = columns_of("futures")
    market = bars().rows(0, 20_000)
    given = input_rows(market, refs)
    one = LiveFeatures(refs)
    rows = np.column_stack([given[name] for name in one.inputs]).astype(np.float64)
    batch = compute_set(refs, given)
    least = float("inf")
    for first in range(0, len(rows), 200):
        begun = time.perf_counter()
        for row in rows[first : first + 200]:
            values = one.update(row)
        least = min(least, (time.perf_counter() - begun) / 200)
    if not np.array_equal(values, batch[:, -1], equal_nan=True):
        raise SystemExit("one bar at a time and the batch differ")
    taken = len(one.snapshot())
    print("### One bar at a time\n")
    print(f"The set `futures`: {least * 1e6:.1f} microseconds a bar; a snapshot has {taken / 1e3:,.0f} kB.\n")


def to_file() -> None:
    """The command, with the file written."""
    print("### `argus features compute --set futures`, Parquet written\n")
    market = bars()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "bars.parquet"
        prices = {name: getattr(market, name) for name in ("open", "high", "low", "close", "volume")}
        frame = pl.DataFrame({"ts": market.ts_event_ns, **prices})
        frame.with_columns(pl.col("ts").cast(pl.Datetime("ns", "UTC"))).write_parquet(source)
        out = Path(folder) / "features.parquet"
        command = [str(Path(sys.executable).with_name("argus")), "features", "compute", "--bars", str(source)]
        command += ["--instrument", "ES", "--stamp", "start", "--set", "futures", "--out", str(out), "--json"]
        told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        size = out.stat().st_size
    print("| rows | columns | setting up, s | computing, s | writing, s | all, s | peak, MB | file, MB |")
    print("|---|---|---|---|---|---|---|---|")
    print(
        f"| {told['rows']:,} | {told['features']} | {told['seconds_setup']:.2f} | {told['seconds_compute']:.2f} | "
        f"{told['seconds_write']:.2f} | {told['seconds']:.2f} | {told['peak_mb']:,.0f} | {size / 1e6:,.0f} |\n"
    )


def harvested(sizes: Sequence[int] = HARVESTED) -> None:
    """Fifteen symbols on three timeframes, with two workers, from a catalog into tables; the memory of each process."""
    from argus.app.workspace import init_workspace
    from argus.data.catalog import SourceRecord

    print("### `argus features harvest --set futures`: 15 symbols x 3 timeframes, 2 workers\n")
    print("| minute bars | all rows | seconds | rows a second | most memory of a process, MB | tables, MB |")
    print("|---|---|---|---|---|---|")
    for rows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            home, _ = init_workspace(Path(folder) / "workspace")
            for seed, symbol in enumerate(SYMBOLS):
                spec = SyntheticSpec(symbol, NS_PER_MINUTE, date(2014, 1, 2), rows // 1_100 + 5, seed)
                made = generate(spec).rows(0, rows)
                source = SourceRecord("synthetic", made.content_hash, symbol, {}, rows)
                home.catalog().write(made, NS_PER_MINUTE, source)
            command = [str(Path(sys.executable).with_name("argus")), "features", "harvest", "--set", "futures"]
            command += ["--symbols", ",".join(SYMBOLS), "--timeframes", "1m,1h,1d", "--workers", "2", "--json"]
            begun = time.perf_counter()
            with subprocess.Popen([*command, "--workspace", str(home.root)], stdout=subprocess.PIPE, text=True) as run:
                peak = 0
                while run.poll() is None:
                    peak = max(peak, _most_memory(run.pid))
                    time.sleep(0.2)
                told = json.loads(run.stdout.read()) if run.stdout else {}
            seconds = time.perf_counter() - begun
            size = sum(one.stat().st_size for one in Path(home.root, "features").rglob("*.parquet"))
            every = sum(table["rows"] for table in told["tables"])
            print(
                f"| {rows * len(SYMBOLS):,} | {every:,} | {seconds:.1f} | {every / seconds:,.0f} | {peak / 1e3:,.0f} | "
                f"{size / 1e6:,.0f} |"
            )
    print()


def _most_memory(parent: int) -> int:
    """Largest resident memory of a process and its children, in kB."""
    found = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line)
        except OSError:
            continue
        if parent in (int(told["PPid"]), int(told["Pid"])) and "VmRSS" in told:
            found = max(found, int(told["VmRSS"].split()[0]))
    return found


def physics() -> None:
    """The set physics over a tenth of the rows."""
    refs = columns_of("physics")
    rows = ROWS // 10
    given = inputs(bars().rows(0, rows), refs)
    out = np.zeros((len(refs), rows), dtype=np.float32)
    compute_set(refs, inputs(bars().rows(0, 3_000), refs))
    wall, processor = best(lambda: compute_set(refs, given, out, 2), 1)
    print(f"### The set `physics`: {len(refs)} columns\n")
    print(
        f"{rows:,} rows on two threads: {wall:.1f} s, {processor:.1f} processor seconds; {wall * 10:.0f} s for "
        f"{ROWS:,} rows at that pace.\n"
    )


def entropy() -> None:
    """Entropies beside antropy, which takes windows one by one."""
    try:
        from antropy import perm_entropy, sample_entropy
    except ImportError:
        print("antropy is not installed: no entropies were compared\n")
        return

    n, rows = 100, 4_000
    market = bars().rows(0, rows)
    returns = np.concatenate(([np.nan], np.log(market.close[1:] / market.close[:-1])))
    print(f"### Entropies of the last {n} returns\n")
    print("| entropy | antropy, microseconds a row | Argus | ratio |")
    print("|---|---|---|---|")
    jobs: tuple[tuple[str, FeatureRef, Callable[[Column], float]], ...] = (
        (
            "permutation, order 3",
            column("permutation_entropy", n=n, order=3),
            lambda x: float(perm_entropy(x, 3, normalize=True)),
        ),
        ("sample, m 2", column("sample_entropy", n=n), lambda x: float(sample_entropy(x, 2))),
    )
    for name, ref, theirs in jobs:
        given = inputs(market, [ref])
        theirs(returns[1 : n + 1])
        begun = time.perf_counter()
        other = np.array([theirs(returns[k - n + 1 : k + 1]) for k in range(n, rows, 10)])
        slow = (time.perf_counter() - begun) / len(other)
        own = compute_set([ref], given)[0][n:rows:10]
        both = np.isfinite(own) & np.isfinite(other)
        gap = float(np.median(np.abs(own[both] - other[both])))
        fast = best(lambda given=given, ref=ref: compute_set([ref], given, threads=1))[0] / rows
        print(f"| {name} (median difference {gap:.1e}) | {slow * 1e6:,.1f} | {fast * 1e6:.2f} | {slow / fast:,.0f} |")
    print()


PARTS: dict[str, Callable[[], None]] = {
    "peers": peers,
    "set": whole_set,
    "live": live,
    "file": to_file,
    "growth": growth,
    "harvest": harvested,
    "physics": physics,
    "entropy": entropy,
}


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description="Measure features.")
    parser.add_argument(
        "parts", nargs="*", help=f"what to measure: {', '.join(PARTS)}; all of these by default; {WHOLE}"
    )
    wanted = parser.parse_args().parts
    if unknown := set(wanted) - {*PARTS, WHOLE}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}, {WHOLE}")
    print("## Features\n")
    for part in wanted or PARTS:
        PARTS[part]() if part in PARTS else harvested(HARVESTED_WHOLE)


if __name__ == "__main__":
    main()
