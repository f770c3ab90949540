"""A sweep gives the same bytes for any number of workers and after any number of kills, and counts every run once."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest

from argus.core.errors import ConfigError, CoverageError, MissingExtraError, RunError, WorkspaceError
from argus.engine.sweep import (
    Executor,
    InProcess,
    Outcome,
    Point,
    Processes,
    RayCluster,
    SweepStore,
    Task,
    batches_of,
    order_list_hash,
    run_sweep,
)
from argus.lab.journal.trials import SqlTrialLedger
from tests.engine import sweep_tasks as tasks

from tests.engine.markets import at_wakes, flat, market_of, order, play, Scripted  # isort: skip

POINTS = tasks.points_of()


def store_in(folder: Path, count: int = len(POINTS)) -> SweepStore:
    return SweepStore(folder / "sweep", tasks.PARAMETERS, tasks.MEASURES, count)


def swept(
    folder: Path, executor: Executor, task: Task | None = None, progress: Callable[[int, int], None] | None = None
) -> bytes:
    store = store_in(folder)
    ledger = SqlTrialLedger(folder / "trials.db")
    run_sweep(POINTS, task or tasks.OneByOne(), executor=executor, store=store, trials=ledger, progress=progress)
    assert [trial.run_id for trial in ledger.journal()] == [f"run-{i:04d}" for i in range(len(POINTS))]
    return store.table_path.read_bytes()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The table of a sweep that nothing disturbed."""
    return swept(tmp_path_factory.mktemp("undisturbed"), InProcess())


class Backwards(InProcess):
    """Gives batches back in another sequence than they were given."""

    slots = 4

    def wait(self) -> list[Outcome]:
        self._waiting.reverse()
        return super().wait()


def test_the_table_holds_every_point_once_in_its_order(expected: bytes, tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(expected)
    rows = pq.read_table(tmp_path / "t.parquet").to_pylist()
    assert [row["point"] for row in rows] == list(range(80))
    assert rows[6] == {
        "point": 6, "param_a": 0, "param_b": 0.25, "instrument": "B", "period_from": "", "period_to": "",
        "status": "finished", "error": "", "run_id": "run-0006", "score": -0.25, "calls": 1, "word": "é6",
    }  # fmt: skip
    assert (rows[3]["status"], rows[3]["error"], rows[3]["score"]) == ("failed", "point 3 broke", None)
    assert rows[5]["score"] != rows[5]["score"]
    assert rows[7]["period_from"] == "1970-01-01T00:00:00.000001Z"


@pytest.mark.parametrize("workers", [2, 3])
def test_any_number_of_workers_gives_the_same_bytes(expected: bytes, tmp_path: Path, workers: int) -> None:
    told: list[tuple[int, int]] = []
    assert swept(tmp_path, Processes(workers), progress=lambda *done: told.append(done)) == expected
    assert (told[0], told[-1]) == ((0, 80), (80, 80))
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_the_sequence_in_which_batches_come_back_does_not_show(expected: bytes, tmp_path: Path) -> None:
    assert swept(tmp_path, Backwards()) == expected


def test_a_task_may_take_all_points_of_a_market_in_one_call(expected: bytes, tmp_path: Path) -> None:
    calls: list[int] = []

    class Counting(InProcess):
        def submit(self, points: tuple[Point, ...]) -> None:
            calls.append(len(points))
            super().submit(points)

    assert swept(tmp_path, Counting(), tasks.AllAtOnce()) == expected
    assert calls == [20, 20, 20, 20]


def test_batches_share_market_and_period_and_leave_no_slot_idle() -> None:
    batches = batches_of(POINTS, 100, 3)
    assert sorted(point.number for batch in batches for point in batch) == list(range(80))
    assert all(len({point.group for point in batch}) == 1 for batch in batches)
    assert {len(batch) for batch in batches} == {7, 6}
    assert {len(batch) for batch in batches_of(POINTS, 4, 1)} == {4}
    assert batches_of([], 4, 2) == []


# ---- kills


class _Steps:
    """Counts every change that a sweep makes on disk, and kills the process before the n-th one."""

    CHANGES = ((Path, "replace"), (Path, "unlink"), (Path, "rmdir"), (os, "fsync"), (SqlTrialLedger, "record_all"))

    def __init__(self, kill_at: int) -> None:
        self.kill_at, self.count = kill_at, 0
        for owner, name in self.CHANGES:
            setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, what: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self.count += 1
            if self.count == self.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return what(*arguments, **named)

        return call


def killed_before_step(folder: Path, step: int) -> bool:
    """Run the sweep in a process that is killed before its n-th change; False if it came to its end before that."""
    child = os.fork()
    if not child:
        status = 1
        try:
            _Steps(step)
            swept(folder, InProcess(), tasks.OneByOne(5))
            status = 0
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    assert os.WIFSIGNALED(ended) or os.WEXITSTATUS(ended) == 0
    return os.WIFSIGNALED(ended)


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, 6, 7, 20, 43, 60, 67, 68, 69, 70, 71, 72, 76, 82])
def test_killed_before_any_change_nothing_is_lost_or_doubled(expected: bytes, tmp_path: Path, step: int) -> None:
    assert killed_before_step(tmp_path, step)
    assert swept(tmp_path, InProcess()) == expected


def test_killed_again_and_again_it_still_comes_to_the_same_end(expected: bytes, tmp_path: Path) -> None:
    kills = 0
    while killed_before_step(tmp_path, 11):
        kills += 1
        assert kills < 100
    assert kills > 5
    assert store_in(tmp_path).table_path.read_bytes() == expected
    assert sorted(path.name for path in (tmp_path / "sweep").iterdir()) == ["results.parquet"]


@pytest.mark.parametrize("harm", ["cut", "flip", "empty"])
def test_a_torn_part_is_run_again(expected: bytes, tmp_path: Path, harm: str) -> None:
    assert killed_before_step(tmp_path, 60)
    parts = sorted((tmp_path / "sweep" / "parts").glob("*.parquet"))
    assert len(parts) > 2
    content = bytearray(parts[1].read_bytes())
    content[40] ^= 255
    parts[1].write_bytes({"cut": bytes(content[:-30]), "flip": bytes(content), "empty": b""}[harm])
    assert swept(tmp_path, InProcess()) == expected


def test_a_table_that_was_damaged_is_an_error_that_names_it(expected: bytes, tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.folder.mkdir()
    store.table_path.write_bytes(expected[:-100])
    with pytest.raises(WorkspaceError, match=r"results\.parquet cannot be read.*remove it"):
        store.kept()


def test_forgotten_points_are_run_again_and_the_bytes_stay(expected: bytes, tmp_path: Path) -> None:
    swept(tmp_path, InProcess())
    store = store_in(tmp_path)
    store.forget([0, 17, 79])
    assert not store.table_path.exists()
    assert sorted(set(range(80)) - set(store.kept())) == [0, 17, 79]
    with pytest.raises(WorkspaceError, match="3 of 80 points have no row, the first is 0"):
        store.finish()
    assert swept(tmp_path, InProcess()) == expected


def test_a_worker_that_is_killed_costs_nothing_but_time(expected: bytes, tmp_path: Path) -> None:
    assert swept(tmp_path, Processes(2), tasks.Deadly(tmp_path / "flag")) == expected
    assert (tmp_path / "flag").exists()


def test_a_batch_given_to_workers_that_have_died_is_lost_and_the_next_is_not(tmp_path: Path) -> None:
    executor = Processes(1)
    try:
        executor.start(tasks.Slow(tmp_path, 0.0))
        executor.submit((POINTS[0],))
        assert executor.wait()[0].done is not None
        worker = int(next(tmp_path.iterdir()).name)
        os.kill(worker, signal.SIGKILL)
        _until(lambda: [] if _runs(worker) else [worker], 1)
        time.sleep(0.3)
        executor.submit((POINTS[1],))
        assert executor.wait() == [Outcome((POINTS[1],), None)]
        executor.submit((POINTS[1],))
        assert executor.wait()[0].done is not None
    finally:
        executor.stop()


def test_a_point_that_kills_its_process_every_time_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"point 8 \(a=0, b=0\.5 on A\) took its process down 3 times"):
        swept(tmp_path, Processes(2), tasks.Deadly(tmp_path / "flag", always=True))
    assert 8 not in store_in(tmp_path).kept()


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_the_task_itself_ends_the_sweep_and_keeps_what_is_done(tmp_path: Path, workers: int) -> None:
    executor = InProcess() if workers == 1 else Processes(2)
    with pytest.raises(CoverageError, match="B is not there"):
        swept(tmp_path, executor, tasks.Unreadable())
    kept = store_in(tmp_path).kept()
    assert kept
    assert all(POINTS[number].market == "A" for number in kept)


PROGRAM = """
import sys
from pathlib import Path
from tests.engine.sweep_tasks import Slow
from tests.engine.test_sweep import swept
from argus.engine.sweep import Processes
if __name__ == "__main__":
    swept(Path(sys.argv[1]), Processes(2), Slow(Path(sys.argv[1]) / "pids", 600.0))
"""


def test_workers_end_with_the_process_that_started_them(tmp_path: Path, repository: Path) -> None:
    pids = tmp_path / "pids"
    pids.mkdir()
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    with subprocess.Popen([sys.executable, str(tmp_path / "program.py"), str(tmp_path)], env=environment) as parent:
        workers = _until(lambda: [int(path.name) for path in pids.iterdir()], 2)
        parent.kill()
    assert parent.pid not in workers
    _until(lambda: [pid for pid in workers if not _runs(pid)], 2)


def _until(look: Callable[[], list[int]], count: int) -> list[int]:
    for _ in range(1_200):
        if len(found := look()) >= count:
            return found
        time.sleep(0.1)
    raise AssertionError("waited two minutes in vain")


def _runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


# ---- a cluster


def test_without_ray_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"\[ray\]"):
        RayCluster("auto")


@pytest.fixture
def cluster() -> Iterator[SimpleNamespace]:
    with tasks.two_nodes() as found:
        yield found


def test_the_share_of_a_node_that_dies_is_done_again(expected: bytes, tmp_path: Path, cluster: SimpleNamespace) -> None:
    import ray

    begun = tmp_path / "begun"
    begun.mkdir()
    lost: list[int] = []

    class Watched(RayCluster):
        def wait(self) -> list[Outcome]:
            outcomes = super().wait()
            lost.extend(point.number for outcome in outcomes if outcome.done is None for point in outcome.points)
            return outcomes

    def kill() -> None:
        _until(lambda: [int(path.name) for path in begun.iterdir()], 1)
        cluster.nodes.remove_node(cluster.second, allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    executor = Watched("auto")
    assert executor.slots == 2
    task = tasks.StuckAway(begun, ray.get_runtime_context().get_node_id())
    # What began on the second node never comes back from there: the sweep can only end if it is run elsewhere.
    assert swept(tmp_path, executor, task) == expected
    killer.join()
    stuck = {int(path.name) for path in begun.iterdir()}
    assert stuck
    assert stuck <= set(lost)


def test_no_cluster_at_an_address_is_said() -> None:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("ray is not installed (pip install 'argus[ray]')")
    with pytest.raises(ConfigError, match="no Ray cluster answers at 'auto'"):
        RayCluster("auto")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(ConfigError, match=rf"no Ray cluster answers at '{address}'.*ray start --head"):
            RayCluster(address)


@pytest.mark.parametrize("address", ["nowhere", "host:port", ":6379", "host:99999", "ray://host:10001"])
def test_an_address_that_is_none_is_said(address: str) -> None:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("ray is not installed (pip install 'argus[ray]')")
    with pytest.raises(ConfigError, match="auto, local or HOST:PORT"):
        RayCluster(address)


# ---- the order list


def test_the_order_list_hash_is_of_what_was_ordered() -> None:
    market = market_of(flat("ES", [4_000.0] * 6))

    def hashed(wake: int, lots: float, limit: float | None = None) -> str:
        return order_list_hash(play(Scripted(("ES",), at_wakes({wake: [order("ES", lots)]})), market))

    assert hashed(1, 1) == hashed(1, 1)
    assert len({hashed(1, 1), hashed(2, 1), hashed(1, 2), hashed(1, -1), hashed(4, 1)}) == 5
