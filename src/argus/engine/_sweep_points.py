"""What a sweep is made of: points to run, a task that runs batches of them, and executors that carry batches to it.

A task is ``task(points) -> Done``: it gets points that share one market and one period, and gives back a row for each,
with the trials that the engine noted on the way. A task may replay a strategy once per point, or hand all points of
the batch to one compiled kernel; the sweep does not know which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from argus.core.strategy import ParameterValue

__all__ = ["FAILED", "FINISHED", "Column", "Done", "Executor", "Outcome", "Point", "Task", "TrialNotes"]

FINISHED: Final = "finished"
"""Status of a row whose run came to its end."""
FAILED: Final = "failed"
"""Status of a row whose run raised; the row's ``error`` is the message."""


@dataclass(frozen=True, slots=True)
class Point:
    """One run of a sweep: parameter values on a market in a period.

    Attributes
    ----------
    number : int
        Its row in the table, from 0.
    values : mapping
        Complete parameter values.
    market : str
        Name under which the task loads the market.
    start_ns, end_ns : int or None
        The period: decisions from `start_ns` on, bars before `end_ns`; None is no bound.
    """

    number: int
    values: Mapping[str, ParameterValue]
    market: str
    start_ns: int | None = None
    end_ns: int | None = None

    @property
    def group(self) -> tuple[str, int | None, int | None]:
        """What points of one batch have in common."""
        return self.market, self.start_ns, self.end_ns


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the result table.

    Attributes
    ----------
    name : str
    kind : type
        ``int``, ``float``, ``str`` or ``bool``.
    """

    name: str
    kind: type


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a batch.

    Attributes
    ----------
    rows : tuple of mapping
        One for each point, in the sequence of the points; a column that a row does not name is empty there.
    trials : tuple of mapping
        What the engine told the trial ledger, for whoever holds the real one to write down.
    """

    rows: tuple[Mapping[str, Any], ...]
    trials: tuple[Mapping[str, object], ...] = ()


class Task(Protocol):
    """Runs batches of points. It is sent to other processes, so it must be a plain value.

    A run that raises is a row with status `FAILED`; an error of the task itself (data that cannot be read, say) is
    raised and ends the sweep.
    """

    @property
    def columns(self) -> tuple[Column, ...]:
        """Measures of a row, besides point, parameters, market and period."""
        ...

    @property
    def batch_points(self) -> int:
        """Most points that one call should get: few where a run takes long, many where a kernel takes them at once."""
        ...

    def __call__(self, points: Sequence[Point]) -> Done:
        """Run the points, which share one market and one period."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """A batch that came back.

    Attributes
    ----------
    points : tuple of Point
    done : Done or None
        None if the process or machine that had it was lost.
    """

    points: tuple[Point, ...]
    done: Done | None


class Executor(Protocol):
    """Carries batches to wherever a task runs."""

    @property
    def slots(self) -> int:
        """Batches that may be under way at once."""
        ...

    def start(self, task: Task) -> None:
        """Make ready to run batches of this task."""
        ...

    def submit(self, points: tuple[Point, ...]) -> None:
        """Begin a batch."""
        ...

    def wait(self) -> list[Outcome]:
        """Block until a batch came back, and give all that did.

        Raises
        ------
        ArgusError
            What a task raised of itself.
        """
        ...

    def stop(self) -> None:
        """End at once what still runs, and let go of processes."""
        ...


@dataclass(slots=True)
class TrialNotes:
    """A trial ledger that only remembers, in a process that does not hold the real one.

    Attributes
    ----------
    seen : list of mapping
        Trials in the order in which the engine told them.
    """

    seen: list[Mapping[str, object]] = field(default_factory=list)

    def record(self, trial: Mapping[str, object]) -> None:
        """Remember one trial."""
        self.seen.append(trial)
