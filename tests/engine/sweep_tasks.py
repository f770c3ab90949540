"""Tasks for tests of sweeps: plain values that other processes can import, some of which fail, kill or wait."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from argus.core.errors import CoverageError
from argus.engine.sweep import FAILED, FINISHED, Column, Done, Point

MEASURES = (Column("score", float), Column("calls", int), Column("word", str))
PARAMETERS = (Column("a", int), Column("b", float))


def points_of(across: int = 5, down: int = 4) -> list[Point]:
    """A grid of two parameters on two markets, in two periods."""
    found = [
        Point(-1, {"a": a, "b": b / 4}, market, start)
        for a in range(across)
        for b in range(down)
        for market in ("A", "B")
        for start in (None, 1_000)
    ]
    return [Point(i, p.values, p.market, p.start_ns, p.end_ns) for i, p in enumerate(found)]


def trial_of(point: Point, status: str = "finished") -> dict[str, Any]:
    """What an engine would tell the ledger of a point."""
    return {
        "run_id": f"run-{point.number:04d}",
        "strategy": "toy",
        "version": "1",
        "family": "toy",
        "parameters": dict(point.values),
        "instruments": point.market,
        "data_hash": "data",
        "config_hash": f"{point.start_ns}",
        "first_ns": 0,
        "last_ns": 1,
        "status": status,
        "sessions": 10,
        "sharpe_session": float(point.values["a"]) / 10,
        "skew": 0.0,
        "kurtosis": 3.0,
        "net_pnl_micros": 1,
        "orders": 1,
        "cost_multiplier": 1.0,
        "purpose": "search",
    }


@dataclass(frozen=True)
class OneByOne:
    """A run for each point; every seventh raises, as a run of a real strategy may."""

    batch_points: int = 3
    columns = MEASURES

    def __call__(self, points: Sequence[Point]) -> Done:
        assert len({point.group for point in points}) == 1
        rows, trials = [], []
        for point in points:
            failed = point.number % 7 == 3
            trials.append(trial_of(point, "failed" if failed else "finished"))
            head = {"status": FAILED if failed else FINISHED, "run_id": trials[-1]["run_id"]}
            if failed:
                rows.append({**head, "error": f"point {point.number} broke"})
                continue
            a, b = float(point.values["a"]), float(point.values["b"])
            score = float("nan") if point.number % 11 == 5 else a * b - b
            rows.append({**head, "score": score, "calls": 1, "word": f"é{point.number}"})
        return Done(tuple(rows), tuple(trials))


@dataclass(frozen=True)
class AllAtOnce:
    """The same by arrays, as a compiled kernel would have it: all points of a market and period in one call."""

    batch_points: int = 10_000
    columns = MEASURES

    def __call__(self, points: Sequence[Point]) -> Done:
        number = np.array([point.number for point in points])
        a = np.array([float(point.values["a"]) for point in points])
        b = np.array([float(point.values["b"]) for point in points])
        score = np.where(number % 11 == 5, np.nan, a * b - b)
        rows, trials = [], []
        for i, point in enumerate(points):
            failed = number[i] % 7 == 3
            trials.append(trial_of(point, "failed" if failed else "finished"))
            head = {"status": FAILED if failed else FINISHED, "run_id": trials[-1]["run_id"]}
            figures = {"score": float(score[i]), "calls": 1, "word": f"é{point.number}"}
            rows.append({**head, "error": f"point {point.number} broke"} if failed else {**head, **figures})
        return Done(tuple(rows), tuple(trials))


@dataclass(frozen=True)
class Deadly:
    """Ends its process at one point: once, as a killed worker would, or always."""

    flag: Path
    always: bool = False
    batch_points: int = 3
    columns = MEASURES

    def __call__(self, points: Sequence[Point]) -> Done:
        if any(point.number == 8 for point in points) and (self.always or not self.flag.exists()):
            self.flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return OneByOne()(points)


@dataclass(frozen=True)
class Unreadable:
    """Cannot load the second market."""

    batch_points: int = 3
    columns = MEASURES

    def __call__(self, points: Sequence[Point]) -> Done:
        if points[0].market == "B":
            raise CoverageError("B is not there; import it")
        return OneByOne()(points)


@dataclass(frozen=True)
class Slow:
    """Takes a while, and leaves the id of its process in a folder."""

    folder: Path
    seconds: float
    batch_points: int = 1
    columns = MEASURES

    def __call__(self, points: Sequence[Point]) -> Done:
        (self.folder / str(os.getpid())).touch()
        time.sleep(self.seconds)
        return OneByOne()(points)


@dataclass(frozen=True)
class StuckAway:
    """Works on one node of a Ray cluster; on any other it says that it began, and never comes back."""

    folder: Path
    home: str
    batch_points: int = 1
    columns = MEASURES

    def __call__(self, points: Sequence[Point]) -> Done:
        import ray

        if ray.get_runtime_context().get_node_id() != self.home:
            (self.folder / str(points[0].number)).touch()
            time.sleep(3_600.0)
        time.sleep(0.2)
        return OneByOne()(points)


_QUICK = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 1_000,
    "health_check_failure_threshold": 4,
}
"""A node that was killed is given up after two seconds, not after half a minute."""


@contextlib.contextmanager
def two_nodes() -> Iterator[SimpleNamespace]:
    """A local Ray cluster of two nodes with one CPU each, to which this process is connected."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("ray is not installed (pip install 'argus[ray]')")
    import ray
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "include_dashboard": False, "_system_config": _QUICK}
    nodes = Cluster(initialize_head=True, head_node_args=head)
    try:
        second = nodes.add_node(num_cpus=1)
        ray.init(address=nodes.address, log_to_driver=False, logging_level="error")
        nodes.wait_for_nodes()
        yield SimpleNamespace(nodes=nodes, second=second)
    finally:
        ray.shutdown()
        nodes.shutdown()
