"""Option chains at rest, at size: fill a catalog with generated chains, and measure filtered scans and memory.

Run as ``python bench/chains_bench.py [ROWS [FOLDER]]``; it writes about 12 bytes a row there, and deletes them.
Rates are rows of the catalog that a scan passes over, for each second of one core.
"""

from __future__ import annotations

import os

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import resource
import sys
import time
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from argus.data._chain_segments import chains_together
from argus.data.catalog import SourceRecord
from argus.data.chain_store import ChainFilter, ChainStore
from argus.data.synthetic_chains import ChainMarketSpec, chain_snapshots, snapshot_times

BATCH_ROWS = 1_000_000
FILTERS = {
    "tenor 25-45 days, delta 0.15-0.35": ChainFilter(tenor_days=(25, 45), delta=(0.15, 0.35)),
    "moneyness 0.99-1.01": ChainFilter(moneyness=(0.99, 1.01)),
    "calls, delta 0.45-0.55": ChainFilter(delta=(0.45, 0.55), right=1),
}


def peak_mib() -> float:
    """Most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fill(store: ChainStore, rows_wanted: int) -> int:
    """Write minute chains of an index until there are so many rows."""
    spec = ChainMarketSpec(sessions=4000, snapshots_per_session=78, start=date(2005, 1, 3), strikes_per_expiry=200)
    total, batch, held = 0, [], 0
    for number, chain in enumerate(chain_snapshots(spec, 0, len(snapshot_times(spec)))):
        if held + len(chain) > BATCH_ROWS or total + held >= rows_wanted:
            store.write(chains_together(batch), "5m", SourceRecord(f"batch {number}", f"{number:064x}"[::-1], "bench"))
            total, batch, held = total + held, [], 0
            if total >= rows_wanted:
                break
        batch.append(chain)
        held += len(chain)
    return total


def main(rows_wanted: int, folder: Path | None) -> None:
    """Fill, scan, delete."""
    with TemporaryDirectory(dir=folder) as root:
        store = ChainStore(Path(root))
        began = time.process_time()
        rows = fill(store, rows_wanted)
        took = time.process_time() - began
        size = sum(path.stat().st_size for path in Path(root).rglob("*.parquet"))
        print(f"{rows:,} generated rows, written in {took:.0f} s of one core, {size / rows:.1f} bytes a row.\n")
        print(f"{'filter':<36} {'rows that pass':>14} {'M rows/s, one core':>18} {'on the clock':>12}")
        for text, where in FILTERS.items():
            rates = []
            for _ in range(3):
                began, wall = time.process_time(), time.perf_counter()
                passed = sum(len(chain) for chain in store.scan("SPX/5m", where))
                rates.append((rows / (time.process_time() - began), rows / (time.perf_counter() - wall)))
            cpu, on_wall = max(rates)
            print(f"{text:<36} {passed:>14,} {cpu / 1e6:>18.1f} {on_wall / 1e6:>12.1f}", flush=True)
        print(f"\nPeak memory of writing and scanning: {peak_mib():.0f} MiB.")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000_000, Path(sys.argv[2]) if len(sys.argv) > 2 else None)
