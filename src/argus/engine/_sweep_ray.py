"""An executor over a Ray cluster: batches as remote tasks, the task itself once in the cluster's object store.

Ray is optional (``argus[ray]``) and imported here alone. What a lost node had under way comes back as lost, and the
sweep gives it out again. Every node needs this version of Argus, and whatever the task reads under the same path.
"""

from __future__ import annotations

import os
import socket
from typing import Any, Final

from argus.core.errors import ConfigError, MissingExtraError
from argus.engine._sweep_points import Done, Outcome, Point, Task

__all__ = ["RayCluster"]


_ANSWER_S: Final = 5.0
"""How long an address may take to answer before there is said to be nothing."""
_TRIES: Final = "2"
"""How often Ray itself asks a cluster that does not answer; each time takes it most of a minute, twenty are its own
choice."""


def _work(task: Task, points: tuple[Point, ...]) -> Done:
    return task(points)


class RayCluster:
    """Batches on a Ray cluster.

    Parameters
    ----------
    address : str
        ``auto`` for the cluster that runs on this machine, ``local`` for one of its own, or ``HOST:PORT``. A
        connection that this process has already is used as it is.
    slots : int or None
        Batches under way at once; None for one per CPU of the cluster.

    Raises
    ------
    MissingExtraError
        If Ray is not installed.
    ConfigError
        If the address is none, or nothing answers there.
    """

    def __init__(self, address: str, slots: int | None = None) -> None:
        if address != "local":
            os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", _TRIES)
        self._ray = ray = _ray()
        self._ours = not ray.is_initialized()
        if self._ours and address not in ("auto", "local"):
            _check_answers(address)
        if self._ours:
            try:
                how = {"include_dashboard": False} if address == "local" else {}
                ray.init(address=address, log_to_driver=False, logging_level="error", **how)
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise _no_cluster(address, str(error).strip() or type(error).__name__) from None
        self.slots = slots or max(1, int(ray.cluster_resources().get("CPU", 1)))
        self._task: Any = None
        self._remote: Any = None
        self._under_way: dict[Any, tuple[Point, ...]] = {}

    def start(self, task: Task) -> None:
        """Put the task where every node can fetch it."""
        self._task = self._ray.put(task)
        # Redoing is the sweep's business: it counts how often a batch took its process down.
        self._remote = self._ray.remote(max_retries=0)(_work)

    def submit(self, points: tuple[Point, ...]) -> None:
        """Begin a batch."""
        self._under_way[self._remote.remote(self._task, points)] = points

    def wait(self) -> list[Outcome]:
        """Block until a batch came back, or its node or process was lost."""
        from ray.exceptions import NodeDiedError, ObjectLostError, RayTaskError, WorkerCrashedError

        ready, _ = self._ray.wait(list(self._under_way), num_returns=1)
        outcomes = []
        for reference in ready:
            points = self._under_way.pop(reference)
            try:
                outcomes.append(Outcome(points, self._ray.get(reference)))
            except RayTaskError as error:
                cause = error.cause
                raise (cause if isinstance(cause, Exception) else error) from None
            except (WorkerCrashedError, NodeDiedError, ObjectLostError):
                outcomes.append(Outcome(points, None))
        return outcomes

    def stop(self) -> None:
        """Cancel what is under way; a connection made here is closed."""
        for reference in self._under_way:
            self._ray.cancel(reference, force=True)
        self._under_way.clear()
        self._task = self._remote = None
        if self._ours:
            self._ray.shutdown()


def _no_cluster(address: str, why: str) -> ConfigError:
    return ConfigError(
        f"no Ray cluster answers at {address!r}: {why}; start one with `ray start --head`, or give --ray local"
    )


def _check_answers(address: str) -> None:
    """Refuse at once an address at which nothing listens; Ray would ask it for a quarter of an hour."""
    host, separator, port = address.rpartition(":")
    if not (host and separator and port.isdigit() and int(port) < 65_536) or "/" in address:
        raise ConfigError(
            f"the Ray address is {address!r}; auto, local or HOST:PORT (such as 10.0.0.5:6379) is expected"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_S).close()
    except OSError as error:
        raise _no_cluster(address, error.strerror or str(error)) from None


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise MissingExtraError("ray", "ray") from None
    return ray
