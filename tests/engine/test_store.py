"""Runs at rest: what is read is what was written, a torn folder is never a run, and damage never reads as numbers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from argus.core.errors import DataError, WorkspaceError
from argus.engine.record import RunRecord
from argus.engine.store import load_run, save_run
from argus.portfolio import LimitRiskPolicy
from tests.engine.markets import (
    CURVES,
    TABLES,
    Scripted,
    account,
    flat,
    market_of,
    order,
    play,
    random_bars,
    restless,
)

SOURCE = {"catalog": "bars", "ranges": [["ES", 1, 2]]}
FILES = [*(f"{name}.parquet" for name in (*TABLES, "equity")), "run.json"]


def small_run(seed: int = 1) -> RunRecord:
    symbols = ["ES", "CL"]
    market = market_of(
        random_bars(seed, "ES", 40, per_session=8, level=16_000),
        random_bars(seed + 1, "CL", 40, per_session=8, minutes=45, level=3_000),
    )
    strategy = Scripted(symbols, restless(seed, symbols), values={"seed": seed, "rule": "any", "scale": 0.5})
    return play(strategy, market, account(100_000), risk=LimitRiskPolicy(max_order_units=2))


def assert_same(left: RunRecord, right: RunRecord) -> None:
    for name in TABLES:
        one, two = getattr(left, name), getattr(right, name)
        assert one.dtype == two.dtype
        for column in one.dtype.names:
            np.testing.assert_array_equal(one[column], two[column], err_msg=f"{name}.{column}")
    for name in CURVES:
        assert getattr(left, name).dtype == getattr(right, name).dtype
        assert getattr(left, name).tobytes() == getattr(right, name).tobytes()
    plain = ("manifest", "universe", "books", "order_tags", "refusals", "opening_cash_micros", "interest_micros")
    for name in (*plain, "bars", "notes"):
        assert getattr(left, name) == getattr(right, name), name


@pytest.fixture(scope="module")
def record() -> RunRecord:
    return small_run()


@pytest.fixture
def saved(tmp_path: Path, record: RunRecord) -> Path:
    return save_run(tmp_path / "runs", record, SOURCE)


def test_what_is_read_is_what_was_written(saved: Path, record: RunRecord) -> None:
    assert len(record.refusals) > 0 < len(record.trades)
    loaded, source = load_run(saved)
    assert_same(loaded, record)
    assert source == SOURCE
    assert saved.name == record.manifest.run_id
    assert {path.name for path in saved.iterdir()} >= set(FILES)


def test_a_run_without_anything_is_a_run(tmp_path: Path) -> None:
    empty = play(Scripted(["ES"], lambda _view, _n: (), warmup=9), market_of(flat("ES", [4_000.0] * 3)))
    loaded, _ = load_run(save_run(tmp_path, empty, {}))
    assert_same(loaded, empty)


def test_any_tool_that_reads_parquet_can_ask(saved: Path, record: RunRecord) -> None:
    import pyarrow.parquet as pq

    table = pq.read_table(saved / "fills.parquet")
    assert table.num_rows == len(record.fills)
    assert table.column("price_ticks").to_pylist() == record.fills["price_ticks"].tolist()
    assert not any(name.startswith("_") for name in table.column_names)


def test_a_run_that_is_there_is_kept(saved: Path, record: RunRecord) -> None:
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in saved.iterdir()}
    assert save_run(saved.parent, record, {"catalog": "another"}) == saved
    assert {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in saved.iterdir()} == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name], "no scratch folder is left"


def test_the_same_run_is_written_as_the_same_bytes(tmp_path: Path, record: RunRecord) -> None:
    one, two = (save_run(tmp_path / name, each, SOURCE) for name, each in (("a", record), ("b", small_run())))
    assert {name: (one / name).read_bytes() == (two / name).read_bytes() for name in FILES} == dict.fromkeys(
        FILES, True
    )


# ---- damage


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_no_run(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(DataError, match="holds no complete run"):
        load_run(saved)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.0, 0.5, 0.97])
def test_a_torn_file_is_no_run(saved: Path, name: str, share: float) -> None:
    content = (saved / name).read_bytes()
    (saved / name).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match="holds no complete run"):
        load_run(saved)


@pytest.mark.parametrize(
    "text", ["[]", "{}", "null", '{"manifest": {}}', '{"manifest": {"run_id": "x"}, "source": {}}']
)
def test_a_description_of_another_shape_is_no_run(saved: Path, text: str) -> None:
    (saved / "run.json").write_text(text)
    with pytest.raises(DataError, match="holds no complete run"):
        load_run(saved)


@pytest.mark.parametrize(
    "key",
    [
        "manifest",
        "universe",
        "books",
        "order_tags",
        "refusals",
        "opening_cash_micros",
        "interest_micros",
        "bars",
        "notes",
        "source",
    ],
)
def test_a_description_without_one_of_its_parts_is_no_run(saved: Path, key: str) -> None:
    described = json.loads((saved / "run.json").read_text())
    del described[key]
    (saved / "run.json").write_text(json.dumps(described))
    with pytest.raises(DataError, match="holds no complete run"):
        load_run(saved)


def change_table(saved: Path, name: str, change: Callable[[Any], Any]) -> None:
    import pyarrow.parquet as pq

    pq.write_table(change(pq.read_table(saved / name)), saved / name)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda table: table.drop_columns(["fee_micros"]), id="a column is missing"),
        pytest.param(lambda table: table.append_column("more", table.column("fee_micros")), id="a column too many"),
        pytest.param(lambda table: table.slice(0, table.num_rows - 1), id="a row is missing"),
    ],
)
def test_a_table_of_another_shape_is_no_run(saved: Path, change: Callable[[Any], Any]) -> None:
    change_table(saved, "fills.parquet", change)
    with pytest.raises(DataError):
        load_run(saved)


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_never_reads_as_another_run(saved: Path, record: RunRecord, name: str) -> None:
    content = (saved / name).read_bytes()
    random = np.random.Generator(np.random.Philox(key=len(name)))
    for at in random.integers(0, len(content), 60):
        damaged = bytearray(content)
        damaged[at] ^= 1 << int(random.integers(0, 8))
        (saved / name).write_bytes(damaged)
        try:
            loaded, source = load_run(saved)
        except DataError:
            continue
        assert source == SOURCE
        assert_same(loaded, record)


def test_a_folder_that_is_none_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere holds no complete run"):
        load_run(tmp_path / "nowhere")


# ---- interruption

KILLED_AT_EACH_LINE = """
import os, signal, sys
from pathlib import Path
import pandas, pyarrow.parquet
from argus.engine import store
from tests.engine.test_store import SOURCE, small_run

record, runs = small_run(), Path(sys.argv[1])


def save_and_die(target, line_number):
    lines = 0

    def trace(frame, event, argument):
        nonlocal lines
        if frame.f_code.co_filename != store.__file__:
            return None
        if event == "line":
            lines += 1
            if lines == line_number:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    store.save_run(target, record, SOURCE)


for number in range(1, 1000, 9):
    child = os.fork()
    if child == 0:
        save_and_die(runs / str(number), number)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    print(number, os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, flush=True)
    if not os.WIFSIGNALED(status):
        break
"""


def test_killed_at_any_line_it_leaves_a_whole_run_or_none(tmp_path: Path, repository: Path, record: RunRecord) -> None:
    environment = os.environ | {"PYTHONPATH": str(repository)}
    child = subprocess.run(
        [sys.executable, "-c", KILLED_AT_EACH_LINE, str(tmp_path)],
        env=environment, cwd=repository, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert child.returncode == 0, child.stderr
    ends = [tuple(map(int, line.split())) for line in child.stdout.splitlines()]
    assert len(ends) > 10
    assert [ended for _, ended in ends] == [signal.SIGKILL] * (len(ends) - 1) + [0]
    for number, _ in ends:
        runs = tmp_path / str(number)
        visible = [path for path in runs.glob("*") if not path.name.startswith(".")]
        for path in visible:
            assert_same(load_run(path)[0], record)
        assert_same(load_run(save_run(runs, record, SOURCE))[0], record)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, record: RunRecord) -> None:
    blocked = tmp_path / "runs"
    blocked.write_text("a file where the folder should be")
    with pytest.raises(WorkspaceError, match=f"run {record.manifest.run_id} could not be written to .*runs"):
        save_run(blocked, record, SOURCE)


def test_half_a_run_that_somebody_left_there_is_not_taken_for_one(saved: Path, record: RunRecord) -> None:
    (saved / "run.json").unlink()
    with pytest.raises(WorkspaceError, match=f"run {record.manifest.run_id} could not be written"):
        save_run(saved.parent, record, SOURCE)
    shutil.rmtree(saved)
    assert_same(load_run(save_run(saved.parent, record, SOURCE))[0], record)


def test_a_limit_order_keeps_its_tag(tmp_path: Path) -> None:
    script = {0: [order("ES", 1, tag="naïve «entry»\n2")]}
    tagged = play(Scripted(["ES"], lambda _view, n: script.get(n, ())), market_of(flat("ES", [4_000.0] * 3)))
    assert load_run(save_run(tmp_path, tagged, {}))[0].order_tags == ("naïve «entry»\n2",)
