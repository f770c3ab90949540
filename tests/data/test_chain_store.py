"""Chains at rest: what is written is read again, appends cost little, damage is named, kills are safe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from argus.core.chains import CHAIN_COLUMNS, ChainSnapshots
from argus.core.errors import CatalogError, ConfigError, CoverageError
from argus.core.time import NS_PER_DAY
from argus.data import chain_store
from argus.data._catalog_files import TEMPORARY
from argus.data._chain_segments import chains_together, merge_chains, segment_cuts
from argus.data.catalog import SourceRecord
from argus.data.chain_store import ChainFilter, ChainStore
from argus.data.synthetic_chains import ChainMarketSpec, chain_snapshots, truth_of

SPEC = ChainMarketSpec(sessions=12, strikes_per_expiry=20, months=4, weeks=2, start=date(2019, 5, 6))


def record(number: int) -> SourceRecord:
    return SourceRecord(f"day {number}", f"{number:064x}"[::-1], "stated")


@pytest.fixture(scope="module")
def market() -> list[ChainSnapshots]:
    return list(chain_snapshots(SPEC))


@pytest.fixture
def store(tmp_path: Path, market: list[ChainSnapshots]) -> ChainStore:
    store = ChainStore(tmp_path)
    for number, chain in enumerate(market):
        store.write(chain, "eod", record(number))
    return store


def same(first: ChainSnapshots, second: ChainSnapshots) -> bool:
    return first.content_hash == second.content_hash and len(first) == len(second)


def test_what_is_written_is_read_again(store: ChainStore, market: list[ChainSnapshots]) -> None:
    whole = chains_together(market)
    assert same(store.load("SPX/eod"), whole)
    manifest = store.manifest("SPX/eod")
    assert (manifest.rows, manifest.snapshots, manifest.content_hash) == (len(whole), 12, whole.content_hash)
    assert [chain.content_hash for chain in store.verify("SPX/eod")] == [s.content_hash for s in manifest.segments]
    assert [one.name for one in store.manifests()] == ["SPX/eod"]


def test_the_order_of_imports_does_not_matter(tmp_path: Path, store: ChainStore, market: list[ChainSnapshots]) -> None:
    other = ChainStore(tmp_path / "other")
    for number in np.random.default_rng(7).permutation(len(market)).tolist():
        other.write(market[number], "eod", record(number))
    assert other.manifest("SPX/eod").content_hash == store.manifest("SPX/eod").content_hash
    assert same(other.load("SPX/eod"), store.load("SPX/eod"))


def test_an_append_writes_no_large_segment_again(
    tmp_path: Path, market: list[ChainSnapshots], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain_store, "_SEGMENT_ROWS_MAX", 2 * len(market[0]))
    store = ChainStore(tmp_path)
    written = 0
    for number, chain in enumerate(market):
        before = {segment.file for segment in store.manifest("SPX/eod").segments} if number else set()
        store.write(chain, "eod", record(number))
        written += sum(s.rows for s in store.manifest("SPX/eod").segments if s.file not in before)
    segments = store.manifest("SPX/eod").segments
    assert all(s.rows <= 2 * len(market[0]) for s in segments)
    assert len(segments) >= 6
    assert written <= 2 * sum(map(len, market))
    assert same(store.load("SPX/eod"), chains_together(market))


def test_the_same_rows_again_change_nothing(store: ChainStore, market: list[ChainSnapshots]) -> None:
    before = store.manifest("SPX/eod")
    done = store.write(market[3], "eod", record(3))
    assert (done.added, done.identical, done.changed) == (0, len(market[3]), False)
    assert store.manifest("SPX/eod") == before


def changed(chain: ChainSnapshots, row: int, **values: float) -> ChainSnapshots:
    columns: dict[str, Any] = {name: getattr(chain, name).copy() for name in CHAIN_COLUMNS}
    for name, value in values.items():
        columns[name][row] = value
    return ChainSnapshots(chain.underlying, chain.roots, **columns)


def test_a_contradiction_is_refused_kept_apart_or_wins(store: ChainStore, market: list[ChainSnapshots]) -> None:
    fresh = changed(market[3], 5, volume=12_345.0)
    with pytest.raises(CatalogError, match="1 option contradicts"):
        store.write(fresh, "eod", record(100))
    assert same(store.load("SPX/eod"), chains_together(market))
    done = store.write(fresh, "eod", record(100), replace_rows=True)
    assert (done.added, done.identical, done.replaced) == (1, len(fresh) - 1, 1)
    assert same(store.load("SPX/eod"), chains_together([*market[:3], fresh, *market[4:]]))


def test_halves_of_a_snapshot_come_together(tmp_path: Path, market: list[ChainSnapshots]) -> None:
    store = ChainStore(tmp_path)
    chain = market[0]
    for right in (1, -1):
        half = chain.take(chain.right == right)
        store.write(half, "eod", record(right + 1))
    assert same(store.load("SPX/eod"), chain)


def test_merging_is_by_contract(market: list[ChainSnapshots]) -> None:
    chain = market[0]
    some = chain.take(np.arange(0, len(chain), 3))
    merged = merge_chains(some, chain, replace_rows=False)
    assert same(merged.chain, chain)
    assert (merged.added, merged.identical) == (len(chain) - len(some), len(some))
    other = merge_chains(chain, changed(chain, 4, volume=12_345.0), replace_rows=False)
    assert other.conflicts.tolist() == [4]
    assert same(other.chain, chain)


def test_cuts_are_whole_snapshots() -> None:
    offsets = np.array([0, 4, 8, 30, 31, 32])
    assert segment_cuts(offsets, 10) == [(0, 8), (8, 30), (30, 32)]
    assert segment_cuts(np.zeros(1, np.int64), 10) == []


@pytest.mark.parametrize(
    "where",
    [
        ChainFilter(tenor_days=(5, 20)),
        ChainFilter(delta=(0.2, 0.4), right=-1),
        ChainFilter(moneyness=(0.95, 1.05), roots=("SPXW",)),
        ChainFilter(tenor_days=(0, 400), delta=(0.0, 1.0)),
    ],
)
def test_filters_give_what_a_mask_gives(store: ChainStore, market: list[ChainSnapshots], where: ChainFilter) -> None:
    whole = chains_together(market)
    keep = np.ones(len(whole), np.bool_)
    if where.tenor_days:
        days = (whole.expiry_ns - whole.ts_recv_ns) / NS_PER_DAY
        keep &= (days >= where.tenor_days[0]) & (days <= where.tenor_days[1])
    if where.delta:
        keep &= (abs(whole.vendor_delta) >= where.delta[0]) & (abs(whole.vendor_delta) <= where.delta[1])
    if where.moneyness:
        ratio = whole.strike / whole.underlying_price
        keep &= (ratio >= where.moneyness[0]) & (ratio <= where.moneyness[1])
    if where.right:
        keep &= whole.right == where.right
    if where.roots:
        keep &= np.array([whole.roots[code] in where.roots for code in whole.root])
    assert keep.sum() > 0
    assert same(store.load("SPX/eod", where), whole.take(keep))


def test_times_and_given_deltas_filter(store: ChainStore, market: list[ChainSnapshots]) -> None:
    start, end = int(market[2].ts_recv_ns[0]), int(market[5].ts_recv_ns[0])
    assert same(store.load("SPX/eod", ChainFilter(start_ns=start, end_ns=end)), chains_together(market[2:5]))
    where = ChainFilter(delta=(0.0, 1.0))
    own = store.scan("SPX/eod", where, delta=lambda chain: np.where(chain.strike > 3000, 0.5, 2.0))
    found = chains_together(list(own))
    assert found.strike.min() > 3000
    assert len(found) == sum(int((chain.strike > 3000).sum()) for chain in market)
    frames = list(store.frames("SPX/eod", ChainFilter(right=1), ["strike", "bid"]))
    assert sum(frame.height for frame in frames) == sum(int((chain.right > 0).sum()) for chain in market)
    assert frames[0].columns == ["strike", "bid"]


def test_what_is_not_there_is_said(store: ChainStore) -> None:
    with pytest.raises(CatalogError, match="no chains 'SPY/eod'; it has SPX/eod"):
        store.load("SPY/eod")
    with pytest.raises(CoverageError, match="2019-05-06"):
        store.load("SPX/eod", ChainFilter(tenor_days=(5000, 6000)))
    with pytest.raises(ConfigError, match="columns holds 'vega'"):
        next(store.frames("SPX/eod", columns=["vega"]))
    with pytest.raises(ConfigError, match="lower end"):
        ChainFilter(delta=(0.5, 0.2))
    with pytest.raises(ConfigError, match="series of chains"):
        store.manifest("SPX/../x")


@pytest.mark.parametrize("damage", ["cut", "flip", "gone", "manifest"])
def test_damage_is_found_and_named(store: ChainStore, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "chain" / "SPX" / "eod"
    path = max(folder.glob("*.parquet"), key=lambda one: one.stat().st_size)
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        path.write_bytes(content[:500] + bytes([content[500] ^ 1]) + content[501:])
    elif damage == "gone":
        path.unlink()
    else:
        (folder / "manifest.json").write_text("{")
    with pytest.raises(CatalogError, match=r"damaged|missing"):
        ChainStore(tmp_path).load("SPX/eod")


def test_rows_that_do_not_have_their_hash_are_found(store: ChainStore, tmp_path: Path) -> None:
    path = tmp_path / "chain" / "SPX" / "eod" / "manifest.json"
    told = json.loads(path.read_text())
    told["segments"][0]["content_hash"] = "0" * 64
    path.write_text(json.dumps(told))
    with pytest.raises(CatalogError, match="do not have the recorded hash"):
        list(ChainStore(tmp_path).verify("SPX/eod"))


def test_a_scan_goes_on_when_a_writer_replaces_segments(
    tmp_path: Path, market: list[ChainSnapshots], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain_store, "_SEGMENT_ROWS_MAX", 3 * len(market[0]))
    store = ChainStore(tmp_path)
    store.write(chains_together(market[:9]), "eod", record(0))
    scan = store.scan("SPX/eod")
    got = [next(scan)]
    ChainStore(tmp_path).write(changed(market[8], 0, volume=77_777.0), "eod", record(1), replace_rows=True)
    got += list(scan)
    assert sum(map(len, got)) == sum(map(len, market[:9]))
    assert 77_777.0 in got[-1].volume


def test_removing_leaves_nothing(store: ChainStore, tmp_path: Path) -> None:
    store.remove("SPX/eod")
    assert not list(tmp_path.rglob("*.parquet"))
    assert store.manifests() == ()


WRITE = """
import os, signal, sys
from pathlib import Path
from datetime import date
from argus.data.catalog import SourceRecord
from argus.data.chain_store import ChainStore
from argus.data.synthetic_chains import ChainMarketSpec, chain_snapshots
import filelock, msgspec, polars, pyarrow.parquet
spec = ChainMarketSpec(sessions=12, strikes_per_expiry=20, months=4, weeks=2, start=date(2019, 5, 6))
chains = list(chain_snapshots(spec, 0, 2))
flush, rename = os.fsync, Path.replace
root = Path(sys.argv[1])
for steps in range(1, 40):
    child = os.fork()
    if child == 0:
        left = steps
        def step():
            global left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        def fsync(descriptor):
            step()
            flush(descriptor)
        def replace(self, target):
            step()
            return rename(self, target)
        os.fsync, Path.replace = fsync, replace
        store = ChainStore(root / str(steps))
        for number, chain in enumerate(chains):
            store.write(chain, "eod", SourceRecord(str(number), f"{number:064x}"[::-1], "s"))
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        break
print(steps)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills children that it forks")
def test_a_kill_at_any_moment_leaves_whole_imports(tmp_path: Path, market: list[ChainSnapshots]) -> None:
    limits = os.environ | {"POLARS_MAX_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", WRITE, str(tmp_path)], capture_output=True, text=True, check=True, env=limits
    )
    steps = int(done.stdout)
    assert 9 < steps < 39
    hashes = {chains_together(market[:count]).content_hash for count in range(1, 3)}
    seen = set()
    for number in range(1, steps + 1):
        store = ChainStore(tmp_path / str(number))
        held = store.manifests()
        seen.add(held[0].content_hash if held else "")
        if held:
            assert store.load("SPX/eod").content_hash in hashes
        # The next import finishes what was begun, and leaves nothing behind.
        for at, chain in enumerate(market[:2]):
            store.write(chain, "eod", record(at))
        assert same(store.load("SPX/eod"), chains_together(market[:2]))
        named = {segment.file for segment in store.manifest("SPX/eod").segments}
        files = {path.name for path in (tmp_path / str(number) / "chain").rglob("*") if path.is_file()}
        assert files == named | {"manifest.json"}
        assert not [file for file in files if file.endswith(TEMPORARY)]
    assert seen == hashes | {""}


def test_synthetic_snapshots_are_the_same_whoever_makes_them(market: list[ChainSnapshots]) -> None:
    alone = next(chain_snapshots(SPEC, 7, 8))
    assert same(alone, market[7])
    assert not same(next(chain_snapshots(replace(SPEC, seed=1), 7, 8)), market[7])


def test_synthetic_quotes_hold_the_true_price(market: list[ChainSnapshots]) -> None:
    chain = market[0]
    true = truth_of(SPEC, chain)
    assert (chain.bid <= true.price + 1e-9).all()
    assert (chain.ask >= true.price - 1e-9).all()
    assert np.abs(chain.vendor_iv - true.vol).max() <= 5.1e-5
    # Put-call parity of the truth, which no quote was made by: C - P = D (F - K).
    put, call = chain.right < 0, chain.right > 0
    left = true.price[call] - true.price[put]
    right = true.discount[call] * (true.forward[call] - chain.strike[call])
    assert np.abs(left - right).max() < 1e-8


def test_a_synthetic_market_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="strikes_per_expiry is 2"):
        ChainMarketSpec(strikes_per_expiry=2)
    with pytest.raises(ConfigError, match="vol is"):
        ChainMarketSpec(vol=float("nan"))
