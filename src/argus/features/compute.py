"""Features over whole columns: one for a strategy, or a set of hundreds, spread over threads.

Rows go through in pieces, each piece through every kernel while it is in the processor's cache. A set is cut into
groups of columns, one for each thread. Neither pieces nor groups change a bit.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import BAR_FIELDS, F32_2D, F64_1D, Bars
from argus.core.errors import ConfigError, DataError
from argus.core.strategy import FeatureRef
from argus.features.declaration import column, inputs_of
from argus.features.graph import CLOCK_INPUTS, Term
from argus.features.groups import groups_of
from argus.features.inputs import CALENDAR_INPUTS
from argus.features.registry import feature
from argus.features.runner import PIECE, Columns, Runner, State

__all__ = ["SetRunner", "bar_columns", "compute", "compute_set", "load_loops"]

_NS: Final = 1e9
_LARGEST_PIECE: Final = 65_536
_PIECE_BY_PAST: Final = 8
"""Rows of a piece for every row that is kept of a column's past, taken over all columns."""

Progress = Callable[[int, int], None]


def bar_columns(bars: Bars, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The inputs of these names that a bar has itself; others are left out."""
    made: dict[str, NDArray[Any]] = {}
    for name in names:
        if name in BAR_FIELDS or name in ("session", "session_end"):
            made[name] = getattr(bars, name)
        elif name == "start_s":
            made[name] = bars.ts_event_ns / _NS
        elif name == "close_s":
            made[name] = bars.ts_close_ns / _NS
    return made


def compute(ref: FeatureRef, bars: Bars, out: F64_1D | None = None, calendar: Columns | None = None) -> F64_1D:
    """A feature over the bars of one instrument.

    Parameters
    ----------
    ref : FeatureRef
        Feature and parameters; which bars are meant is the caller's business.
    bars : Bars
    out : (n,) float64 or None
        Where the values are to be written; None makes a new array.
    calendar : mapping of name to (n,) array, or None
        Columns that the exchange calendar gives (`argus.features.inputs.CALENDAR_INPUTS`), for features that read them.

    Returns
    -------
    (n,) float64
        Value known when each bar is known; NaN in the warm-up and where the feature's NaN policy says so.

    Raises
    ------
    ConfigError
        For an unknown feature or parameter, or a value out of its range.
    DataError
        If the bars lack a field that the feature reads.
    """
    term = feature(ref.feature).term(ref.parameters)
    names = inputs_of(term)
    missing = [name for name in names if name in BAR_FIELDS and name not in bars.observed]
    if missing:
        raise DataError(
            f"feature {ref.feature} (as {ref.alias}) reads {', '.join(missing)}, which the bars of {bars.instrument} "
            f"do not have; they have {', '.join(sorted(bars.observed))}"
        )
    columns = {**bar_columns(bars, names), **(calendar or {})}
    if out is None:
        out = np.empty(len(bars))
    _feed(_runner([term]), columns, out.reshape(1, -1), f"feature {ref.feature} (as {ref.alias})")
    return out


def compute_set(
    refs: Sequence[FeatureRef],
    columns: Columns,
    out: F32_2D | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> F32_2D:
    """Columns of features over the rows of `columns`.

    Parameters
    ----------
    refs : sequence of FeatureRef
    columns : mapping of name to (n,) array
        Inputs, oldest row first, as `argus.features.inputs.INPUTS` names them; the same bits for any `threads`.
    out : (refs, n) float32 or None
        Where the values are to be written; None makes a new array.
    threads : int or None
        None takes as many as there are processors.
    progress : callable or None
        Called with rows times columns done, and of how many.

    Returns
    -------
    (refs, n) float32
        One row for each of `refs`.

    Raises
    ------
    ConfigError
        For an unknown feature or parameter, a value out of its range, or an input that is not given.
    """
    n = len(next(iter(columns.values()))) if columns else 0
    if out is None:
        out = np.empty((len(refs), n), dtype=np.float32)
    with SetRunner(refs, threads) as runner:
        runner.feed(columns, out, progress)
    return out


def load_loops() -> None:
    """Load (the first time: compile) the loops that every set runs in, so that no first rows have to wait for them."""
    one = column("sma", n=1, on="1d")
    compute_set([one], {name: np.ones(1) for name in ("close", *CLOCK_INPUTS)}, threads=1)


class SetRunner:
    """A set of features over rows that come in parts: each part goes on where the one before ended.

    Parameters
    ----------
    refs : sequence of FeatureRef
    threads : int or None
        None takes as many as there are processors; the same bits for any.
    """

    def __init__(self, refs: Sequence[FeatureRef], threads: int | None = None) -> None:
        terms = [feature(ref.feature).term(ref.parameters) for ref in refs]
        threads = threads or os.cpu_count() or 1
        self._runners = [_runner([terms[k] for k in group], group) for group in groups_of(terms, threads)]
        self._pool = ThreadPoolExecutor(threads) if len(self._runners) > 1 else None
        self.inputs = tuple(sorted({name for runner in self._runners for name in runner.inputs}))
        """Names of the inputs that it reads."""

    def __enter__(self) -> SetRunner:
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def feed(self, columns: Columns, out: F32_2D, progress: Progress | None = None) -> None:
        """Take the next rows and write their values.

        Parameters
        ----------
        columns : mapping of name to (n,) array
        out : (refs, n) float32
        progress : callable or None
            Called with values done, and of how many.

        Raises
        ------
        ConfigError
            If an input is not given.
        """
        done = _Done(out.size, progress)

        def work(runner: Runner) -> None:
            _feed(runner, columns, out, "the set", done)

        for _ in map(work, self._runners) if self._pool is None else self._pool.map(work, self._runners):
            pass

    def snapshot(self) -> State:
        """All that it remembers; holds for any set whose features are among these."""
        found: State = {}
        for runner in self._runners:
            for name, value in runner.snapshot().items():
                # Groups may look back on a shared column from different depths: the longer past serves both.
                if len(value) >= len(found.get(name, b"")):
                    found[name] = value
        return found

    def restore(self, taken: State) -> None:
        """Go on from a `snapshot`; `ConfigError` if it knows too little."""
        for runner in self._runners:
            runner.restore(taken)


class _Done:
    """Counts what the threads have done."""

    def __init__(self, of: int, tell: Progress | None) -> None:
        self._of, self._tell = of, tell
        self._lock = threading.Lock()
        self._values = 0

    def add(self, values: int) -> None:
        if self._tell is not None:
            with self._lock:
                self._values += values
                self._tell(self._values, self._of)


def _nobody(values: int) -> None:
    """Who is told of progress that nobody asked for."""


def _runner(terms: Sequence[Term], places: Sequence[int] | None = None) -> Runner:
    """A runner whose pieces are long beside the past that it keeps of a column, which is moved after each piece."""
    runner = Runner(terms, places=places)
    wanted = _PIECE_BY_PAST * int(runner.plan.deep[:, 1].sum()) // runner.plan.columns
    if wanted > PIECE:
        runner = Runner(terms, min(_LARGEST_PIECE, -(-wanted // PIECE) * PIECE), places)
    return runner


def _feed(runner: Runner, columns: Columns, out: NDArray[Any], who: str, done: _Done | None = None) -> None:
    unknown = [name for name in runner.inputs if name not in columns]
    if unknown:
        raise ConfigError(f"{who} reads {_told(unknown)}; give these columns, or leave the feature out")
    runner.feed_all([columns[name] for name in runner.inputs], out, _nobody if done is None else done.add)


def _told(names: Sequence[str]) -> str:
    told = [f"{name} (from the exchange calendar)" if name in CALENDAR_INPUTS else name for name in names]
    roles = [name for name in names if "@" in name]
    if len(roles) > 3:
        told = [one for one in told if one not in roles]
        told.append(
            f"{', '.join(roles[:3])} and {len(roles) - 3} more members of the universe (argus features harvest)"
        )
    return ", ".join(told)
