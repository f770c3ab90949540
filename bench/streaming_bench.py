"""Replays far larger than memory: fifteen instruments, ten years of minute bars, from column files.

    python bench/streaming_bench.py                     1 M, 5 M and 52 M rows
    python bench/streaming_bench.py --millions 1 5      these sizes only

Each size is written and replayed in processes of its own, so that the memory of one says nothing about another. The
strategy follows the sign of the last five sessions' move in each instrument, revised at every session end. Reported:
seconds, rows per second, and the largest resident memory of the process that replays.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

SYMBOLS = ("ES", "NQ", "RTY", "YM", "CL", "GC", "SI", "ZN", "ZB", "ZF", "MES", "MNQ", "M2K", "MYM", "MCL")
MILLION = 1_000_000


def write(folder: Path, rows: int) -> None:
    """Synthetic minute bars of all instruments, in parts of some hundred sessions."""
    from argus.data.synthetic import SyntheticSpec, blocks
    from argus.engine.column_store import write_columns

    def parts(symbol: str, seed: int) -> Any:
        # Every instrument has the same number of rows; a session of any of them has more than 1,100 minutes.
        sessions = rows // len(SYMBOLS) // 1_100 + 2
        spec = SyntheticSpec(symbol, 60 * 10**9, date(2014, 1, 2), sessions, seed=seed)
        left = rows // len(SYMBOLS)
        for block in blocks(spec, 100):
            yield block.rows(0, min(left, len(block)))
            left -= min(left, len(block))
            if not left:
                return

    write_columns(folder, ((symbol, parts(symbol, seed)) for seed, symbol in enumerate(SYMBOLS)))


def replay(folder: Path) -> dict[str, float]:
    """Replay the folder; seconds, rows, orders and the largest resident memory in MB."""
    import resource

    from argus.core.instruments import instrument
    from argus.engine import AccountConfig, RunConfig
    from argus.engine.column_store import ColumnMarket
    from argus.engine.replay import run
    from argus.lab.journal.trials import MemoryTrialLedger
    from argus.portfolio import FixedUnits, LimitRiskPolicy
    from argus.strategies.registry import create

    def once(market: Any) -> Any:
        return run(
            create("tsmom", tuple(market), lookback=5, rebalance=1),
            market,
            replace(RunConfig(), account=AccountConfig(cash_micros=10**15)),
            sizer=FixedUnits(1),
            risk=LimitRiskPolicy(check_margin=False),
            trials=MemoryTrialLedger(),
            purpose="benchmark",
        )

    specs = {symbol: instrument(symbol) for symbol in SYMBOLS}
    market = ColumnMarket(folder, specs)
    once({symbol: (specs[symbol], market[symbol][1].rows(0, 3_000)) for symbol in SYMBOLS})
    started = time.perf_counter()
    record = once(market)
    seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "rows": record.bars,
        "orders": len(record.orders),
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """Write and replay each size, in processes of their own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 5, 52])
    parser.add_argument("--write", type=Path)
    parser.add_argument("--replay", type=Path)
    asked = parser.parse_args()
    if asked.write:
        write(asked.write, round(asked.millions[0] * MILLION))
        return
    if asked.replay:
        print(json.dumps(replay(asked.replay)))
        return
    for millions in asked.millions:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "columns"
            me = [sys.executable, __file__, "--millions", str(millions)]
            subprocess.run([*me, "--write", str(folder)], check=True)
            out = subprocess.run([*me, "--replay", str(folder)], check=True, capture_output=True, text=True).stdout
            found = json.loads(out.splitlines()[-1])
            rate = found["rows"] / found["seconds"] / MILLION
            print(
                f"{found['rows']:>12,} rows  {found['seconds']:8.2f} s  {rate:6.2f} M rows/s  {found['mb']:7.0f} MB"
                f"  {found['orders']:,} orders",
                flush=True,
            )


if __name__ == "__main__":
    main()
