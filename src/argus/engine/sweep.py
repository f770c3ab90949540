"""Sweeps: many runs over parameters, markets and periods, in parallel, counted, and the same bytes however often they
were interrupted.

`run_sweep` hands batches of points to an executor and keeps what comes back: first the trials in the ledger, then the
rows in a part file. A kill between the two makes the batch run again, and a run told twice is one trial, because it
is known by the hash of everything it was made of. In the end the parts become one table, sorted by point.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

from argus.core.errors import RunError
from argus.engine._sweep_local import InProcess, Processes
from argus.engine._sweep_points import FAILED, FINISHED, Column, Done, Executor, Outcome, Point, Task, TrialNotes
from argus.engine._sweep_ranges import Range, parse_range
from argus.engine._sweep_ray import RayCluster
from argus.engine._sweep_rows import MEASURES, environment, measures_of, order_list_hash
from argus.engine._sweep_store import SweepStore, period_text
from argus.engine._sweep_surface import (
    Neighbours,
    Reading,
    contiguity_error,
    contiguity_ratio,
    grid_neighbours,
    nearest_neighbours,
    plateau_share,
    read_surface,
)

__all__ = [
    "FAILED",
    "FINISHED",
    "MEASURES",
    "Column",
    "Done",
    "Executor",
    "InProcess",
    "Neighbours",
    "Outcome",
    "Point",
    "Processes",
    "Range",
    "RayCluster",
    "Reading",
    "BatchLedger",
    "SweepStore",
    "Task",
    "TrialNotes",
    "batches_of",
    "carried",
    "contiguity_error",
    "contiguity_ratio",
    "environment",
    "grid_neighbours",
    "measures_of",
    "nearest_neighbours",
    "order_list_hash",
    "parse_range",
    "period_text",
    "plateau_share",
    "read_surface",
    "run_sweep",
]

LOST_MAX: Final = 3
"""Times that a single point may take its process down, alone on the machine, before the sweep stops."""

Progress = Callable[[int, int], None]
"""Told how many points are done, and of how many."""


class BatchLedger(Protocol):
    """A trial ledger that takes the trials of a batch at once: one transaction instead of one for each run."""

    def record_all(self, trials: Sequence[Mapping[str, object]]) -> None:
        """Add many trials, all or none. The same run recorded twice is one trial."""
        ...


def batches_of(points: Iterable[Point], batch_points: int, slots: int) -> list[tuple[Point, ...]]:
    """Points in batches of one market and period each, small enough that every slot gets a share of each group.

    Parameters
    ----------
    points : iterable of Point
    batch_points : int
        Most points of a batch.
    slots : int
        Batches that run at once.
    """
    groups: dict[object, list[Point]] = {}
    for point in points:
        groups.setdefault(point.group, []).append(point)
    batches: list[tuple[Point, ...]] = []
    for members in groups.values():
        size = max(1, min(batch_points, -(-len(members) // slots)))
        batches += [tuple(members[begin : begin + size]) for begin in range(0, len(members), size)]
    return batches


def run_sweep(
    points: Sequence[Point],
    task: Task,
    *,
    executor: Executor,
    store: SweepStore,
    trials: BatchLedger,
    progress: Progress | None = None,
) -> None:
    """Run every point that has no row yet, and write the table.

    Parameters
    ----------
    points : sequence of Point
        All points of the sweep, numbered from 0.
    task : Task
    executor : Executor
        Stopped in any case when this returns or raises.
    store : SweepStore
    trials : BatchLedger
        Written here, in this process, before the rows are: no row is kept whose trial is not counted.
    progress : callable or None

    Raises
    ------
    RunError
        If a point takes its process down again and again.
    ArgusError
        What the task raises of itself. Rows that were kept stay kept.
    """
    kept = store.kept()
    todo = [point for point in points if point.number not in kept]
    done = len(points) - len(todo)
    tell = progress or (lambda _done, _of: None)
    tell(done, len(points))
    if todo:
        try:
            executor.start(task)
            for outcome in carried(batches_of(todo, task.batch_points, executor.slots), executor):
                assert outcome.done is not None
                trials.record_all(outcome.done.trials)
                store.add(outcome.points, outcome.done.rows)
                done += len(outcome.points)
                tell(done, len(points))
        finally:
            executor.stop()
    store.finish()


def carried(batches: Iterable[tuple[Point, ...]], executor: Executor) -> Iterable[Outcome]:
    """Finished batches as they come. What was lost with its process is redone point by point, one at a time, so that
    a point that kills its process is told from those that only stood beside it."""
    waiting = deque(batches)
    suspects: deque[tuple[Point, ...]] = deque()
    losses: Counter[int] = Counter()
    under_way = 0
    while waiting or suspects or under_way:
        while waiting and not suspects and under_way < executor.slots + 1:
            executor.submit(waiting.popleft())
            under_way += 1
        alone = bool(suspects) and under_way == 0
        if alone:
            executor.submit(suspects.popleft())
            under_way = 1
        for outcome in executor.wait():
            under_way -= 1
            if outcome.done is not None:
                yield outcome
                continue
            if alone:
                _count_loss(outcome.points[0], losses)
            suspects.extend((point,) for point in outcome.points)


def _count_loss(point: Point, losses: Counter[int]) -> None:
    losses[point.number] += 1
    if losses[point.number] >= LOST_MAX:
        values = ", ".join(f"{name}={value}" for name, value in point.values.items())
        raise RunError(
            f"point {point.number} ({values} on {point.market}) took its process down {LOST_MAX} times: it was killed, "
            "or memory ran out; what is done is kept: free memory or use fewer workers, and run the same sweep again"
        )
