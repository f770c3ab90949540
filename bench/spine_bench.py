"""What a user waits for along the road: a command's start, an import, the gates, a backtest, a feature, the bootstrap.

    python bench/spine_bench.py                          on a synthetic million of one-minute bars
    ARGUS_TEST_DATA=FOLDER python bench/spine_bench.py   also checks the published answers on bench/es_1m.parquet

Every result is checked before it is timed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from argus.core.arrays import Bars
from argus.core.instruments import instrument
from argus.core.strategy import FeatureRef
from argus.core.time import NS_PER_MINUTE
from argus.data import Catalog, export, import_bars, load_file
from argus.data.catalog import SourceRecord
from argus.data.synthetic import SyntheticSpec, generate
from argus.engine.config import CostModel, RunConfig
from argus.engine.record import RunRecord
from argus.engine.replay import run
from argus.features import compute
from argus.lab.journal.trials import MemoryTrialLedger
from argus.lab.stress.bootstrap import bootstrap_trades
from argus.portfolio.risk import LimitRiskPolicy
from argus.portfolio.sizing import FixedUnits
from argus.strategies import create

SESSIONS = 728  # about a million minutes of a futures market
PUBLISHED = {1: (13_888, Decimal("-475131.25")), 0: (13_888, Decimal("-127943.75"))}


def row(what: str, work: int, unit: str, call: Callable[[], Any], repeats: int = 3) -> None:
    """Time a call and print its line: least wall and processor seconds, and work per wall second."""
    wall, processor = float("inf"), float("inf")
    for _ in range(repeats):
        begun, used = time.perf_counter(), sum(os.times()[:4])  # this process and those that it waited for
        call()
        wall = min(wall, time.perf_counter() - begun)
        processor = min(processor, sum(os.times()[:4]) - used)
    used_s = f"{processor:.3f}" if processor >= 0.01 else "< 0.01"  # the clock of processes counts in hundredths
    rate = f"{work / wall:>14,.0f} {unit}/s" if unit else ""
    print(f"{what:<58} {wall:>9.3f} {used_s:>9}  {rate}".rstrip())


def replay(bars: Bars, slippage_ticks: int) -> RunRecord:
    """The reference strategy, 20/100, one ES contract."""
    return run(
        create("sma_cross", ["ES"], fast=20, slow=100),
        {"ES": (instrument("ES"), bars)},
        RunConfig(costs=CostModel(fee_per_unit=Decimal("2.25"), slippage_ticks=slippage_ticks)),
        sizer=FixedUnits(1),
        risk=LimitRiskPolicy(),
        trials=MemoryTrialLedger(),
    )


def check_published() -> str:
    """The published answers on the file that they were published for, where it is at hand."""
    from argus.app.data import FileStatement, complete_statement

    folder = os.environ.get("ARGUS_TEST_DATA", "")
    file = Path(folder) / "bench" / "es_1m.parquet"
    if not folder or not file.is_file():
        return "published answers: not checked, ARGUS_TEST_DATA names no folder with bench/es_1m.parquet"
    spec, _ = complete_statement(file, FileStatement("ES", stamp="end", timezone="UTC"))
    bars, _ = load_file(file, spec)
    for ticks, (orders, net) in PUBLISHED.items():
        record = replay(bars, ticks)
        if (len(record.orders), Decimal(record.net_pnl_micros) / 1_000_000) != (orders, net):
            raise SystemExit(f"{len(record.orders)} orders and {record.net_pnl_micros} micros, not {orders} and {net}")
    return "published answers: 13,888 orders, -475,131.25 with one tick of slippage and -127,943.75 with none: equal"


def check_same(bars: Bars) -> RunRecord:
    """The same run twice gives the same bytes."""
    first, second = replay(bars, 1), replay(bars, 1)
    for table in ("orders", "fills", "trades", "journal", "equity_micros"):
        if getattr(first, table).tobytes() != getattr(second, table).tobytes():
            raise SystemExit(f"two runs differ in {table}")
    return first


def commands() -> None:
    """Starts of the command line, each in a process of its own."""
    for words in (["--help"], ["explain", "sharpe"], ["inventory", "strategies"]):
        call = [sys.executable, "-m", "argus", *words]
        row(f"argus {' '.join(words)}", 1, "", lambda call=call: subprocess.run(call, check=True, capture_output=True))


def main() -> None:
    """Print the table."""
    print(check_published())
    bars = generate(SyntheticSpec("ES", NS_PER_MINUTE, date(2018, 1, 2), SESSIONS, 7, "spine", 4_000.0))
    record = check_same(bars)
    count = len(bars)
    trades = record.trades["net_micros"].astype(np.float64) / 1e6
    sma = FeatureRef("x", "sma", "ES", {"n": 100})
    compute(sma, bars)
    bootstrap_trades(trades[:1_000], capital=1e6, seed=1)

    print(f"{'':<58} {'wall s':>9} {'cpu s':>9}")
    commands()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        catalog = Catalog(folder / "catalog")
        catalog.write(bars, NS_PER_MINUTE, SourceRecord("bench", "0", "0"))
        files = [export(catalog, "ES.1m", folder / f"bars.{form}") for form in ("parquet", "csv")]
        for written in files:
            loaded, _ = load_file(written.path, written.statement)
            if loaded.content_hash != bars.content_hash:
                raise SystemExit(f"{written.path.name} does not come back as it was")
        for written in files:
            label = f"read and check {count:,} one-minute bars, {written.path.suffix[1:]}"
            row(label, count, "bars", lambda written=written: load_file(written.path, written.statement))
        number = iter(range(100))

        def fresh() -> None:
            import_bars(Catalog(folder / f"import{next(number)}"), files[0].path, files[0].statement)

        row(f"import {count:,} bars into a catalog, Parquet", count, "bars", fresh)
        row("load them from the catalog, hashes checked", count, "bars", lambda: catalog.load("ES", "1m"))
    row(f"sma_cross 20/100 over {count:,} bars, {len(record.orders):,} orders", count, "bars", lambda: replay(bars, 1))
    row(f"feature sma(100) over {count:,} bars", count, "bars", lambda: compute(sma, bars))
    row(
        "bootstrap, 10,000 paths of 1,000 trades",
        10_000,
        "paths",
        lambda: bootstrap_trades(trades[:1_000], capital=1e6, seed=1),
    )


if __name__ == "__main__":
    main()
