"""Executors on this machine: in this process, or in several of their own.

Worker processes are fresh ones, so that no thread or database handle is copied into them. They hold one end of a pipe
whose other end is here: when this process ends, however it ends, they read its end and stop.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.connection import Connection

from argus.engine._sweep_points import Done, Outcome, Point, Task

__all__ = ["InProcess", "Processes"]


class InProcess:
    """One batch after the other, here."""

    slots = 1

    def __init__(self) -> None:
        self._task: Task | None = None
        self._waiting: deque[tuple[Point, ...]] = deque()

    def start(self, task: Task) -> None:
        """Take the task."""
        self._task = task

    def submit(self, points: tuple[Point, ...]) -> None:
        """Queue a batch."""
        self._waiting.append(points)

    def wait(self) -> list[Outcome]:
        """Run the next batch."""
        assert self._task is not None
        points = self._waiting.popleft()
        return [Outcome(points, self._task(points))]

    def stop(self) -> None:
        """Forget what is queued."""
        self._waiting.clear()


class Processes:
    """Batches in worker processes of this machine.

    Parameters
    ----------
    workers : int
    """

    def __init__(self, workers: int) -> None:
        self.slots = workers
        self._task: Task | None = None
        self._pool: ProcessPoolExecutor | None = None
        self._life: Connection | None = None
        self._under_way: dict[Future[Done], tuple[Point, ...]] = {}
        self._refused: list[tuple[Point, ...]] = []

    def start(self, task: Task) -> None:
        """Make the pool; its processes start with the first batches."""
        self._task = task
        context = get_context("spawn")
        theirs, self._life = context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(self.slots, context, _begin, (task, theirs))

    def submit(self, points: tuple[Point, ...]) -> None:
        """Begin a batch."""
        assert self._pool is not None
        with _interrupts_held_back():
            try:
                self._under_way[self._pool.submit(_work, points)] = points
            except BrokenProcessPool:
                # A worker died since the last look; `wait` says so, and makes the pool anew.
                self._refused.append(points)

    def wait(self) -> list[Outcome]:
        """Block until a batch came back; if a worker died, every batch under way is lost and the pool is made anew."""
        outcomes = [Outcome(points, None) for points in self._refused]
        broken = bool(self._refused)
        ready, _ = wait(self._under_way, return_when=FIRST_COMPLETED)
        for future in ready:
            points = self._under_way.pop(future)
            try:
                outcomes.append(Outcome(points, future.result()))
            except BrokenProcessPool:
                broken = True
                outcomes.append(Outcome(points, None))
        if broken:
            outcomes += [Outcome(points, None) for points in self._under_way.values()]
            self._under_way.clear()
            task = self._task
            self.stop()
            assert task is not None
            self.start(task)
        return outcomes

    def stop(self) -> None:
        """End the workers at once."""
        if self._life is not None:
            self._life.close()
            self._life = None
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
        self._under_way.clear()
        self._refused.clear()


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Processes started meanwhile never see Ctrl-C, which a terminal sends to all: only this process decides."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_TASKS: list[Task] = []


def _begin(task: Task, life: Connection) -> None:
    """Make a worker ready."""
    _TASKS[:] = [task]
    threading.Thread(target=_end_with_parent, args=(life,), daemon=True).start()


def _end_with_parent(life: Connection) -> None:
    with contextlib.suppress(EOFError, OSError):
        life.recv_bytes()
    os._exit(1)


def _work(points: tuple[Point, ...]) -> Done:
    return _TASKS[0](points)
