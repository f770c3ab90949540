"""Plans at work: rows in, values out, in pieces of a thousand rows or one row at a time, with the same bits.

A `Runner` holds the workspace of one plan and, for every coarser clock that it looks at, another runner over that
clock's bars. All that it remembers can be taken as bytes and put back.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, I64_1D, Stretches, roomy_memory, working_memory
from argus.core.errors import ConfigError, DataError
from argus.features.graph import CLOCK_INPUTS, CLOCKS, Held, Input, Term
from argus.features.plan import Plan, make_plan, past_places, term_key

__all__ = ["PIECE", "Column", "Columns", "Runner", "State"]

PIECE: Final = 1024
"""Rows of a piece in the batch form: few enough that the columns at work stay in the cache, and no fewer."""

_ROWS: Final = 16 * PIECE
"""Rows, or those of a longer piece, whose coarser bars are summed up together before the rows go through in pieces."""

Column = NDArray[Any] | Stretches
"""An input, oldest row first."""
Columns = Mapping[str, Column]
"""Inputs by name, equally long."""
State = dict[str, bytes]
"""What runners remember: pieces by name."""

_RULES: Final = {"open": 1, "start_s": 1, "session_end": 5, "high": 2, "low": 3, "volume": 4}
"""How inputs are summed up in a coarser bar; the last known value where nothing is said."""
_KINDS: Final = {np.dtype(kind): code for code, kind in enumerate(("float64", "int32", "int64", "bool", "int16"))}
"""Kinds of numbers that `load` takes as they are."""
STRETCHES: Final = 5
"""The kind of a column of stretches, as `load` knows it."""
_MODES: Final = {"session": 0, "1d": 1}


class Runner:
    """Computes a list of terms over rows that are fed in order.

    Parameters
    ----------
    terms : sequence of Term
    piece : int
        Rows that may be fed at once.
    places : sequence of int or None
        Row of `out` in which each term is written; None takes the first, the second and so on.
    """

    def __init__(self, terms: Sequence[Term], piece: int = PIECE, places: Sequence[int] | None = None) -> None:
        self.plan: Plan = make_plan(terms)
        self.results = len(terms)
        self.piece = piece
        self.rows = 0
        self.inputs: tuple[str, ...]
        self._coarse = _coarse_runners(self.plan, piece)
        needed = {leaf.key for leaf in self.plan.leaves if isinstance(leaf, Input)}
        for one in self._coarse:
            needed |= set(one.inputs)
        own = {
            leaf.key: int(c)
            for leaf, c in zip(self.plan.leaves, self.plan.leaf_columns, strict=True)
            if isinstance(leaf, Input)
        }
        self.inputs = tuple(sorted(needed))
        """Names of the inputs, in the order in which they are fed."""
        # What only coarser clocks read has no column: it all goes to one behind the others, from which nobody reads.
        held = [int(column) for one in self._coarse for column in one.targets]
        self._columns = np.array([*(own.get(name, self.plan.columns) for name in self.inputs), *held], dtype=np.int64)
        self._read = np.array([k for k, name in enumerate(self.inputs) if name in own], dtype=np.int64)
        self._targets = np.concatenate((self._columns[self._read], self._columns[len(self.inputs) :]))
        self._row = np.full(len(self._columns), np.nan)
        for one in self._coarse:
            one.places = np.array([self.inputs.index(name) for name in one.inputs], dtype=np.int64)
        self.row = self._row[: len(self.inputs)]
        """Where `feed_one` reads a row from, its values in the order of `inputs`."""
        row = _Source.of(self.inputs, [self._row[k : k + 1] for k in range(len(self.inputs))], 1)
        self._of_row = [(one, row.some(one.places)) for one in self._coarse]
        # New rows begin with a cache line in every column, and a column is a little longer than rows need, so that
        # columns do not all begin in the same place of the cache.
        self._first = -(-self.plan.history // 8) * 8
        shape = (self.plan.columns + 1, self._first + -(-piece // 8) * 8 + 8)
        self.work = working_memory(math.prod(shape)).reshape(shape)
        self.work.fill(np.nan)
        self.state = np.zeros(int(self.plan.state_at[-1]))
        self._at = self._first
        self._machine = _Machine(self.plan, places)
        self._past_places = past_places(self.plan)

    def feed(self, rows: Sequence[Column], out: NDArray[Any], out_row: int = 0) -> None:
        """Take the next rows, and write their values.

        Parameters
        ----------
        rows : sequence of (n,) arrays or Stretches
            One for each of `inputs`.
        out : (terms, rows) float32 or float64
            Values go to columns ``out_row`` to ``out_row + n``.
        """
        n = len(rows[0])
        self.take(self.given(rows, n), n, out, out_row)

    def feed_all(self, columns: Sequence[Column], out: NDArray[Any], done: Callable[[int], None]) -> None:
        """Take all rows of some columns, and write their values; `done` is told the values of each part.

        Parameters
        ----------
        columns : sequence of (n,) arrays or Stretches
            One for each of `inputs`.
        out : (terms, n) float32 or float64
        done : callable
        """
        self.take(self.given(columns, out.shape[1]), out.shape[1], out, 0, done)

    def given(self, columns: Sequence[Column], n: int) -> _Given:
        """Columns of at least `n` rows, as `take` reads them; DataError if one is shorter."""
        source = _Source.of(self.inputs, columns, n)
        read = _joined([source.some(self._read), *(one.source for one in self._coarse)])
        return _Given(read, [source.some(one.places) for one in self._coarse])

    def take(
        self, given: _Given, n: int, out: NDArray[Any], out_row: int, done: Callable[[int], None] | None = None
    ) -> None:
        """Take the first `n` rows of what is `given`, and write their values as `feed` does."""
        together = max(self.piece, _ROWS)
        for first in range(0, n, together):
            rows = min(together, n - first)
            for one, source in zip(self._coarse, given.coarse, strict=True):
                one.feed(source, first, rows)
            given.read.told[3, len(self._read) :] = 0
            self._at = self._machine.feed(
                self.work, self._at, rows, self._first, self.piece, self._targets, given.read, first, self.rows,
                self.state, out, out_row + first,
            )  # fmt: skip
            self.rows += rows
            if done is not None:
                done(self.results * rows)
        self._note_held()

    def feed_one(self, out: NDArray[Any]) -> None:
        """Take the values that stand in `row` as the next row, and write what comes of it to the first row of `out`."""
        if self._at == self._first + self.piece:
            self._machine.slide(self.work, self.plan.deep, self._at, self._first)
            self._at = self._first
        closed = 0
        for one, given in self._of_row:
            closed += one.feed(given, 0, 1)
        if closed:
            self._note_held()
        self._machine.put_row(self.work, self._at, self._columns, self._row)
        self._machine.advance_row(self.work, self._at, self.rows, self.state, out)
        self._at += 1
        self.rows += 1

    def _note_held(self) -> None:
        """Have the next single row begin with what coarser clocks hold now."""
        if self._coarse:
            self._row[len(self.inputs) :] = np.concatenate([one.held for one in self._coarse])

    def snapshot(self) -> State:
        """All that it remembers, each piece under the name of the term that it belongs to."""
        found: State = {"rows": struct.pack("<q", self.rows)}
        for name, first, last in self.plan.states:
            found[f"state {name}"] = self.state[first:last].tobytes()
        for name, column, depth in self._past_places:
            found[f"past {name}"] = self.work[column, self._at - depth : self._at].tobytes()
        for one in self._coarse:
            found |= {f"{one.clock}: {name}": value for name, value in one.snapshot().items()}
        return found

    def restore(self, taken: State) -> None:
        """Go on from a `snapshot` of a runner that computed at least these terms, at the same row.

        Raises
        ------
        ConfigError
            If a term is not among those of the snapshot, or less of its past is.
        """
        self.rows = struct.unpack("<q", _taken(taken, "rows", 8))[0]
        self._at = self._first
        for name, first, last in self.plan.states:
            self.state[first:last] = np.frombuffer(_taken(taken, f"state {name}", 8 * (last - first)))
        for name, column, depth in self._past_places:
            self.work[column, self._at - depth : self._at] = np.frombuffer(_taken(taken, f"past {name}", 8 * depth))
        for one in self._coarse:
            start = f"{one.clock}: "
            one.restore({name[len(start) :]: value for name, value in taken.items() if name.startswith(start)})
        self._note_held()


def _taken(taken: State, name: str, length: int) -> bytes:
    """A piece of a snapshot, its newest `length` bytes."""
    found = taken.get(name)
    if found is None or len(found) < length:
        raise ConfigError(
            f"the snapshot holds too little of {name!r}; it is of other features, or of another version of them: "
            "feed the bars anew"
        )
    return found[len(found) - length :]


class _Coarse:
    """The bars of one coarser clock and what is computed on them."""

    def __init__(self, clock: str, terms: Sequence[Held], columns: Sequence[int], piece: int) -> None:
        from argus.features._plan_kernels import gather

        self._gather = gather
        self.clock = clock
        self.runner = Runner([one.term for one in terms], max(256, min(piece, PIECE)))
        self.inputs: tuple[str, ...] = (
            *CLOCK_INPUTS,
            *(name for name in self.runner.inputs if name not in CLOCK_INPUTS),
        )
        self.targets = np.array(columns, dtype=np.int64)
        """Columns of the workspace for what is held, in their order."""
        self.places: I64_1D = np.empty(0, dtype=np.int64)
        """Which of the inputs that are fed its own are."""
        self._mode = _MODES.get(clock, 2)
        # On the clock of sessions a session is worth what the bar is that reaches its close, even if that is nothing.
        last = 5 if clock == "session" else 0
        self._rules = np.array([_RULES.get(name.partition("@")[0], last) for name in self.inputs], dtype=np.int64)
        self._seconds = float(CLOCKS[clock])
        self.carried = np.zeros(3 + len(self.inputs))
        self._names = [term_key(one.term) for one in terms]
        most = 2 * max(piece, _ROWS)
        self._bars = roomy_memory(len(self.inputs), most)
        self._given = self.runner.given([self._bars[self.inputs.index(name)] for name in self.runner.inputs], most)
        self._values = roomy_memory(len(terms), most + 1)
        self._values[:, 0] = np.nan
        self._closed = 0
        self._ends = np.zeros(most + 1, dtype=np.int64)
        told = np.zeros((4, len(terms)), dtype=np.int64)
        told[0] = self._values.ctypes.data + self._values.strides[0] * np.arange(len(terms))
        told[1], told[2] = STRETCHES, self._ends.ctypes.data
        self.source = _Source(told, (self._values, self._ends))
        """What is held at each of the rows that `feed` took last."""

    @property
    def held(self) -> F64_1D:
        """Values of the coarse bar closed last."""
        return self._values[:, self._closed]

    def snapshot(self) -> State:
        """The open bar by inputs, what is held by terms, and what is remembered on this clock."""
        found = {"open bar": self.carried[:3].tobytes()}
        for name, value in zip(self.inputs, self.carried[3:], strict=True):
            found[f"open bar {name}"] = value.tobytes()
        for name, value in zip(self._names, self.held, strict=True):
            found[f"held {name}"] = value.tobytes()
        return found | self.runner.snapshot()

    def restore(self, taken: State) -> None:
        """Go on from a `snapshot`."""
        self.carried[:3] = np.frombuffer(_taken(taken, "open bar", 24))
        for j, name in enumerate(self.inputs):
            self.carried[3 + j] = np.frombuffer(_taken(taken, f"open bar {name}", 8))[0]
        self._closed = 0
        for j, name in enumerate(self._names):
            self.held[j] = np.frombuffer(_taken(taken, f"held {name}", 8))[0]
        self.runner.restore(taken)

    def feed(self, source: _Source, first: int, n: int) -> int:
        """Take rows `first` to ``first + n`` of the inputs; gives how many bars they closed."""
        if self._closed:
            self._values[:, 0] = self.held
        found: int = self._gather(
            source.told, first, n, self._rules, self._mode, self._seconds, self.carried, self._bars, self._ends
        )
        if found < 0:
            raise DataError(
                f"a bar of {self.carried[0]:g} seconds cannot be part of a bar of {self.clock}; use bars of at "
                f"most {self._seconds:g} seconds, or a coarser clock"
            )
        if found:
            self.runner.take(self._given, found, self._values, 1)
        self._closed = found
        return found


def _coarse_runners(plan: Plan, piece: int) -> list[_Coarse]:
    by_clock: dict[str, list[tuple[Held, int]]] = {}
    for leaf, column in zip(plan.leaves, plan.leaf_columns, strict=True):
        if isinstance(leaf, Held):
            by_clock.setdefault(leaf.clock, []).append((leaf, int(column)))
    return [
        _Coarse(clock, [leaf for leaf, _ in held], [column for _, column in held], piece)
        for clock, held in sorted(by_clock.items())
    ]


class _Machine:
    """The plan's kernels: behind addresses if compiled, else as Python functions."""

    def __init__(self, plan: Plan, places: Sequence[int] | None) -> None:
        from argus.features import _plan_kernels
        from argus.features._form_kernels import is_compiled, kernel_address, kernel_function

        self._plan = plan
        self._emits = plan.emits
        if places is not None:
            self._emits = np.stack((plan.emits[:, 0], np.asarray(places, dtype=np.int64)[plan.emits[:, 1]]), axis=1)
        self.slide = _plan_kernels.slide
        self.put_row = _plan_kernels.put_row
        self._advance = _plan_kernels.advance
        self._feed = _plan_kernels.feed
        self._kernels: Any
        if is_compiled():
            self._kernels = np.array([kernel_address(name) for name in plan.kernels], dtype=np.int64)
        else:
            self._kernels = [kernel_function(name) for name in plan.kernels]

    def advance_row(
        self, work: NDArray[Any], at: int, row: int, state: NDArray[Any], out: NDArray[Any]
    ) -> None:  # fmt: skip
        """The row at `at`, into the first one of `out`."""
        p = self._plan
        self._advance(
            work, at, 1, row, self._kernels, p.io, p.io_at, p.args, p.args_at, state, p.state_at, p.emit_at,
            self._emits, out, 0,
        )  # fmt: skip

    def feed(
        self, work: NDArray[Any], at: int, n: int, begin: int, piece: int, columns: I64_1D, source: _Source, first: int,
        row: int, state: NDArray[Any], out: NDArray[Any], out_row: int,
    ) -> int:  # fmt: skip
        """Rows `first` to ``first + n`` of a source, in pieces; gives where in the workspace the next one goes."""
        p = self._plan
        place: int = self._feed(
            work, at, n, begin, piece, p.deep, columns, source.told, first, row, self._kernels, p.io, p.io_at, p.args,
            p.args_at, state, p.state_at, p.emit_at, self._emits, out, out_row,
        )  # fmt: skip
        return place


@dataclass(frozen=True, slots=True)
class _Source:
    """Columns of inputs, read by the compiled loop where they stand in memory.

    Attributes
    ----------
    told : (4, columns) int64
        As `load` takes them: addresses, kinds, and of stretches where their ends stand, and which one is at hand.
    held : tuple of arrays
        So that they stay where they are.
    """

    told: I64_1D
    held: tuple[NDArray[Any], ...]

    @classmethod
    def of(cls, names: Sequence[str], columns: Sequence[Column], n: int) -> _Source:
        """Columns of at least `n` rows each; `DataError` if one is shorter."""
        short = [f"{name} has {len(values)}" for name, values in zip(names, columns, strict=True) if len(values) < n]
        if short:
            raise DataError(f"{n} rows are wanted, but {', '.join(short)}; give columns of the same length")
        held: list[NDArray[Any]] = []
        told = np.zeros((4, len(columns)), dtype=np.int64)
        for k, column in enumerate(columns):
            values = column.values if isinstance(column, Stretches) else column
            values = np.ascontiguousarray(values, dtype=values.dtype if values.dtype in _KINDS else np.float64)
            told[:2, k] = values.ctypes.data, _KINDS[values.dtype]
            held.append(values)
            if isinstance(column, Stretches):
                told[1:3, k] = STRETCHES, column.ends.ctypes.data
                held.append(column.ends)
        return cls(told, tuple(held))

    def some(self, places: I64_1D) -> _Source:
        """Some of the columns, to be read by themselves."""
        return _Source(self.told[:, places], self.held)


def _joined(sources: Sequence[_Source]) -> _Source:
    """The columns of several sources."""
    told = np.concatenate([one.told for one in sources], axis=1)
    return _Source(told, tuple(array for one in sources for array in one.held))


@dataclass(frozen=True, slots=True)
class _Given:
    """What a runner takes: columns of its own clock, then what coarser ones hold; and the inputs of each of these."""

    read: _Source
    coarse: list[_Source]
