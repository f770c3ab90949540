"""What may happen to a catalog from outside: kills, two writers, a full disk, damaged files. Nothing may be half there.

The imports that are killed run in children of one process that has loaded everything and then forks, because loading
takes longer than importing.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random  # noqa: TID251 - the moments of a kill, not of a market

import pytest

from argus.core.errors import CatalogError
from argus.core.time import NS_PER_MINUTE
from argus.data import SAME_NAMES, Catalog, ImportSpec, import_bars
from argus.data._catalog_files import TEMPORARY, lock_for_writing

MONDAY = 1_704_672_000_000_000_000
SPEC = ImportSpec(
    instrument="BTCUSD",
    columns=SAME_NAMES,
    time_column="time",
    time_format="ns",
    stamp="start",
    interval_ns=NS_PER_MINUTE,
)

IMPORT = """
import json, os, signal, sys
from pathlib import Path
import filelock, msgspec, numpy as np, polars, pyarrow, pyarrow.parquet
from argus.core.instruments import instrument
from argus.core.time import NS_PER_MINUTE
from argus.data import SAME_NAMES, Catalog, ImportSpec, RawBars, import_bars, to_bars
spec = ImportSpec("BTCUSD", SAME_NAMES, "time", "ns", None, "start", NS_PER_MINUTE)
flush, rename = os.fsync, Path.replace
instrument("BTCUSD")
stamps = np.arange(100) * NS_PER_MINUTE
values = dict.fromkeys(("open", "high", "low", "close", "volume", "open_interest"), np.ones(100))
clocks = stamps, stamps + NS_PER_MINUTE, stamps + NS_PER_MINUTE
raw = RawBars("BTCUSD", *clocks, **values, observed=frozenset(SAME_NAMES), source_line=stamps, row_bytes=bytes)
to_bars(raw, spec)  # compiles what the gates need; no library has started a thread yet, so that forking is safe

def run(root, files, steps=0, size=0, timeout_s=30.0):
    def step():
        nonlocal steps
        steps -= 1
        if steps == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def fsync(descriptor):
        step()
        flush(descriptor)

    def replace(self, target):
        step()
        return rename(self, target)

    if steps > 0:
        os.fsync, Path.replace = fsync, replace
    if size > 0:
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    try:
        for file in files:
            report = import_bars(Catalog(Path(root), lock_timeout_s=timeout_s), Path(file), spec, replace_rows=True)
        return 0, report.content_hash
    except Exception as error:
        return 3, f"{type(error).__name__}: {error}"

for line in sys.stdin:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code, text = run(**json.loads(line))
        os.write(writer, text.encode())
        os._exit(code)
    os.close(writer)
    sys.stdout.write(f"{child}\\n")
    sys.stdout.flush()
    text = os.fdopen(reader, "rb").read().decode()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    sys.stdout.write(json.dumps([code, text]) + "\\n")
    sys.stdout.flush()
"""


class Importer:
    """A process that imports in children of its own, one after the other."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([sys.executable, "-c", IMPORT], stdin=pipe, stdout=pipe, text=True)

    def begin(self, root: Path, *files: Path, **options: float) -> int:
        """Start an import; returns the process id of the child that does it."""
        request = {"root": str(root), "files": [str(file) for file in files], **options}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def end(self) -> tuple[int, str]:
        """Wait for the child: its exit code, and the content hash or the error."""
        assert self.process.stdout is not None
        code, text = json.loads(self.process.stdout.readline())
        return code, text


Pair = tuple[Importer, Importer]


@pytest.fixture(scope="module")
def importers() -> Iterator[tuple[Importer, Importer]]:
    pair = Importer(), Importer()
    yield pair
    for importer in pair:
        importer.process.communicate(timeout=60)


def minute_file(path: Path, first: int, stop: int) -> Path:
    text = ["time,open,high,low,close,volume"]
    for minute in range(first, stop):
        price = 40_000 + minute % 97
        text.append(f"{MONDAY + minute * NS_PER_MINUTE},{price},{price + 2},{price - 1},{price + 1},{minute + 1}")
    if stop - first > 20:
        text.insert(9, f"{MONDAY + first * NS_PER_MINUTE},1,x,1,1,1")
    path.write_text("\n".join(text) + "\n")
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A file that is in the catalog already, and one that rewrites half of its range and adds to it."""
    folder = tmp_path_factory.mktemp("files")
    return minute_file(folder / "old.csv", 500, 1500), minute_file(folder / "new.csv", 0, 6000)


@pytest.fixture(scope="module")
def outcomes(files: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Content hashes before and after the second import, undisturbed."""
    catalog = Catalog(tmp_path_factory.mktemp("calm"))
    return tuple(import_bars(catalog, file, SPEC).content_hash for file in files)  # type: ignore[return-value]


@pytest.fixture
def root(files: tuple[Path, Path], outcomes: tuple[str, str], tmp_path: Path) -> Iterator[Path]:
    catalog = Catalog(tmp_path / "catalog")
    assert import_bars(catalog, files[0], SPEC).content_hash == outcomes[0]
    yield catalog.root
    assert_sound(catalog)


def assert_sound(catalog: Catalog) -> str:
    """The dataset is whole: every segment has its hash, and together they have the dataset's."""
    digest = catalog.content_hash("BTCUSD.1m")
    assert catalog.load("BTCUSD", "1m").content_hash == digest
    expected = sum(sum(record.quarantined.values()) for record in catalog.manifest("BTCUSD.1m").sources)
    assert len(catalog.quarantined("BTCUSD.1m")) == expected
    return digest


def test_a_kill_before_every_single_durable_step_leaves_the_old_or_the_new_state(
    root: Path, files: tuple[Path, Path], outcomes: tuple[str, str], importers: Pair, tmp_path: Path
) -> None:
    catalog, seen = Catalog(root), []
    for steps in range(1, 40):
        importers[0].begin(root, files[1], steps=steps)
        code, text = importers[0].end()
        seen.append(outcomes.index(assert_sound(catalog)))
        if code == 0:
            break
        assert code == -signal.SIGKILL, text
    assert text == outcomes[1]
    assert len(seen) > 6
    assert seen == sorted(seen), "once the new state is there, it stays"
    import_bars(catalog, minute_file(tmp_path / "more.csv", 7000, 7100), SPEC)
    assert not list(root.rglob(f"*{TEMPORARY}"))
    assert len(list((root / "bar").rglob("*.parquet"))) == len(catalog.segment_paths("BTCUSD.1m"))


def test_kills_at_random_moments_leave_the_old_or_the_new_state_and_the_next_import_completes(
    root: Path, files: tuple[Path, Path], outcomes: tuple[str, str], importers: Pair, tmp_path: Path
) -> None:
    catalog, moments = Catalog(root), Random(20240108)
    began = time.monotonic()
    importers[0].begin(tmp_path / "timing", files[1])
    assert importers[0].end()[0] == 0
    whole_s = time.monotonic() - began
    for _ in range(15):
        child = importers[0].begin(root, files[1])
        time.sleep(moments.random() * whole_s)
        with contextlib.suppress(ProcessLookupError):  # it was quicker
            os.kill(child, signal.SIGKILL)
        assert importers[0].end()[0] in (0, -signal.SIGKILL)
        assert assert_sound(catalog) in outcomes
    assert import_bars(catalog, files[1], SPEC, replace_rows=True).content_hash == outcomes[1]
    assert not list(root.rglob(f"*{TEMPORARY}"))


def test_two_imports_at_once_both_arrive(root: Path, importers: Pair, tmp_path: Path) -> None:
    pieces = [minute_file(tmp_path / f"{n}.csv", 2000 + n * 1000, 3000 + n * 1000) for n in range(2)]
    for importer, piece in zip(importers, pieces, strict=True):
        importer.begin(root, piece)
    for importer in importers:
        code, text = importer.end()
        assert code == 0, text
    catalog = Catalog(root)
    minutes = (catalog.load("BTCUSD", "1m").ts_event_ns - MONDAY) // NS_PER_MINUTE
    assert minutes.tolist() == [*range(500, 1500), *range(2000, 4000)]
    assert set(catalog.info("BTCUSD.1m").sources) == {"old.csv", "0.csv", "1.csv"}


def test_a_second_writer_is_told_who_holds_the_catalog_and_readers_are_not_kept_out(
    root: Path, importers: Pair, tmp_path: Path
) -> None:
    piece = minute_file(tmp_path / "more.csv", 2000, 2100)
    with lock_for_writing(root, 1.0):
        importers[0].begin(root, piece, timeout_s=0.2)
        code, text = importers[0].end()
        assert code == 3
        assert f"is being written by process {os.getpid()}, and still was after 0.2 s" in text
        assert len(Catalog(root).load("BTCUSD", "1m")) == 1000
    assert import_bars(Catalog(root), piece, SPEC).rows_imported == 100


def test_the_lock_of_a_killed_writer_does_not_outlive_it(root: Path, tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from argus.data._catalog_files import lock_for_writing\n"
        "with lock_for_writing(Path(sys.argv[1]), 1.0):\n"
        "    sys.stdout.write('held\\n'); sys.stdout.flush(); time.sleep(600)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", script, str(root)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(CatalogError, match=f"written by process {holder.pid}"), lock_for_writing(root, 0.1):
        pass
    holder.kill()
    holder.communicate(timeout=60)
    assert import_bars(Catalog(root), minute_file(tmp_path / "more.csv", 2000, 2100), SPEC).rows_imported == 100


def test_a_full_disk_is_an_error_that_says_so_and_changes_nothing(
    root: Path, files: tuple[Path, Path], importers: Pair, tmp_path: Path
) -> None:
    """A limit on the size of a file stands for a full disk: the kernel refuses the bytes half-way through a write."""
    calm = Catalog(tmp_path / "calm")
    import_bars(calm, files[1], SPEC)
    segment_bytes = calm.segment_paths("BTCUSD.1m")[0].stat().st_size
    before = contents(root)
    for size in (100, segment_bytes // 2, segment_bytes - 1):
        importers[0].begin(root, files[1], size=size)
        code, text = importers[0].end()
        assert code == 3
        assert text.startswith("CatalogError: ")
        assert "is full" in text
        assert "nothing was changed: make room" in text
    # The rows for quarantine may be on the disk already, but no manifest knows them; the next writer sweeps them.
    assert contents(root) == before
    import_bars(Catalog(root), files[1], SPEC)
    known = {record.quarantine for record in Catalog(root).manifest("BTCUSD.1m").sources}
    assert {path.name for path in (root / "quarantine").rglob("*.parquet")} == known


def contents(root: Path) -> dict[str, bytes]:
    """Files of the datasets, without quarantine and lock."""
    return {str(path): path.read_bytes() for path in sorted((root / "bar").rglob("*")) if path.is_file()}


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "catalog").write_text("a file where the folder should be")
    with pytest.raises(CatalogError, match="catalog cannot be written"):
        import_bars(Catalog(tmp_path / "catalog"), minute_file(tmp_path / "x.csv", 0, 10), SPEC)


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "swap"])
def test_a_damaged_segment_is_named_and_never_read(root: Path, files: tuple[Path, Path], damage: str) -> None:
    catalog = Catalog(root)
    (path,) = catalog.segment_paths("BTCUSD.1m")
    whole = path.read_bytes()
    if damage == "swap":
        from argus.data._catalog_segments import encode_bars

        other = catalog.load("BTCUSD", "1m")
        close = other.close.copy()
        close[500] += 0.01
        from dataclasses import replace

        path.write_bytes(encode_bars(replace(other, close=close)))
    elif damage == "flip":
        torn = bytearray(whole)
        torn[len(torn) // 3] ^= 0x10
        path.write_bytes(torn)
    else:
        path.write_bytes(whole[: len(whole) // 2] if damage == "cut" else b"")
    with pytest.raises(CatalogError) as caught:
        catalog.load("BTCUSD", "1m")
    assert path.name in str(caught.value)
    assert "remove the dataset BTCUSD.1m and import it again (from old.csv)" in str(caught.value)
    with pytest.raises(CatalogError, match="is damaged"):
        import_bars(catalog, files[1], SPEC)
    catalog.remove("BTCUSD.1m")
    import_bars(catalog, files[0], SPEC)


def test_a_missing_segment_and_a_damaged_manifest_are_named(root: Path, files: tuple[Path, Path]) -> None:
    catalog = Catalog(root)
    (path,) = catalog.segment_paths("BTCUSD.1m")
    path.unlink()
    with pytest.raises(CatalogError, match="is missing; remove the dataset"):
        catalog.load("BTCUSD", "1m")
    manifest = path.parent / "manifest.json"
    text = manifest.read_text()
    for wrong in (
        text[:100],
        "{}",
        text.replace('"rows": 1000', '"rows": "many"'),
        text.replace('"format": 1', '"format": 9'),
    ):
        manifest.write_text(wrong)
        with pytest.raises(CatalogError, match=r"manifest\.json is (damaged|of format 9)"):
            catalog.datasets()
    manifest.unlink()
    import_bars(catalog, files[0], SPEC)


def test_a_reader_sees_whole_states_while_a_writer_replaces_the_segments(
    root: Path, importers: Pair, tmp_path: Path
) -> None:
    pieces = []
    for number in range(2):
        piece = minute_file(tmp_path / f"{number}.csv", 500, 1500)
        piece.write_text(piece.read_text().replace(",40001,", f",40000.{number + 1},"))
        pieces.append(piece)
    child = importers[0].begin(root, *pieces * 8)
    seen = set()
    while Path(f"/proc/{child}").exists():
        loaded = Catalog(root).load("BTCUSD", "1m")
        assert len(loaded) == 1000
        seen.add(float(loaded.open[loaded.open < 40_002].max()))
    assert importers[0].end()[0] == 0
    assert seen <= {40_001.0, 40_000.1, 40_000.2}
    assert len(seen) >= 2
