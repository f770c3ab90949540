"""Plans at work: rows in, values out, in pieces of a thousand rows or one row at a time, with the same bits.

A `Runner` holds the workspace of one plan and, for every coarser clock that it looks at, another runner over that
clock's bars. All that it remembers can be taken as bytes and put back.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import I64_1D, working_memory
from argus.core.errors import ConfigError, DataError
from argus.features.graph import CLOCK_INPUTS, CLOCKS, Held, Input, Term
from argus.features.plan import Plan, make_plan, past_places, term_key

__all__ = ["PIECE", "Columns", "Runner", "State"]

PIECE: Final = 1024
"""Rows of a piece in the batch form: few enough that the columns at work stay in the cache, and no fewer."""

Columns = Mapping[str, NDArray[Any]]
"""Inputs by name, equally long."""
State = dict[str, bytes]
"""What runners remember: pieces by name."""

_RULES: Final = {"open": 1, "start_s": 1, "session_end": 2, "high": 2, "low": 3, "volume": 4}
"""How inputs are summed up in a coarser bar; the last known value where nothing is said."""
_KINDS: Final = {np.dtype(kind): code for kind, code in (("float64", 0), ("int32", 1), ("int64", 2), ("bool", 3))}
"""Kinds of numbers that `load` takes as they are."""
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
        extra = [name for name in self.inputs if name not in own]
        self._columns = np.array(
            [own[name] if name in own else self.plan.columns + extra.index(name) for name in self.inputs],
            dtype=np.int64,
        )
        place = dict(zip(self.inputs, self._columns, strict=True))
        for one in self._coarse:
            one.columns = np.array([place[name] for name in one.inputs], dtype=np.int64)
        # New rows begin with a cache line in every column, and a column is a little longer than rows need, so that
        # columns do not all begin in the same place of the cache.
        self._first = -(-self.plan.history // 8) * 8
        shape = (self.plan.columns + len(extra), self._first + -(-piece // 8) * 8 + 8)
        self.work = working_memory(math.prod(shape)).reshape(shape)
        self.work.fill(np.nan)
        self.state = np.zeros(int(self.plan.state_at[-1]))
        self._at = self._first
        self._machine = _Machine(self.plan, places)
        self._past_places = past_places(self.plan)

    def feed(self, rows: Sequence[NDArray[Any]], out: NDArray[Any], out_row: int) -> None:
        """Take the next rows, at most `piece`, and write their values.

        Parameters
        ----------
        rows : sequence of (n,) arrays
            One for each of `inputs`.
        out : (terms, rows) float32 or float64
            Values go to columns ``out_row`` to ``out_row + n``.
        """
        n = len(rows[0])
        self.feed_part(_Source(self.inputs, rows, n), 0, n, out, out_row)

    def feed_part(self, source: _Source, first: int, n: int, out: NDArray[Any], out_row: int) -> None:
        """Take rows `first` to ``first + n`` of a source, at most `piece`, and write their values as `feed` does."""
        at = self._room_for(n)
        source.load(self.work, at, n, self._columns, first)
        self._advance(at, n, out, out_row)

    def feed_all(self, columns: Sequence[NDArray[Any]], out: NDArray[Any], done: Callable[[int], None]) -> None:
        """Take all rows of some columns, in pieces, and write their values; `done` is told the values of each piece.

        Parameters
        ----------
        columns : sequence of (n,) arrays
            One for each of `inputs`.
        out : (terms, n) float32 or float64
        done : callable
        """
        n = out.shape[1]
        source = _Source(self.inputs, columns, n)
        for first in range(0, n, self.piece):
            rows = min(self.piece, n - first)
            self.feed_part(source, first, rows, out, first)
            done(self.results * rows)

    def feed_one(self, row: NDArray[np.float64], out: NDArray[Any]) -> None:
        """Take one row, its values in the order of `inputs`, and write what comes of it to the first row of `out`."""
        at = self._room_for(1)
        self._machine.put_row(self.work, at, self._columns, row)
        self._advance(at, 1, out, 0)

    def _room_for(self, n: int) -> int:
        """Position of the next row, with as many free ones from there on."""
        if self._at + n > self._first + self.piece:
            self._machine.slide(self.work, self.plan.deep, self._at, self._first)
            self._at = self._first
        return self._at

    def _advance(self, at: int, n: int, out: NDArray[Any], out_row: int) -> None:
        for one in self._coarse:
            one.feed(self.work, at, n)
        self._machine.advance(self.work, at, n, self.rows, self.state, out, out_row)
        self._at = at + n
        self.rows += n

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
        from argus.features._plan_kernels import gather, spread_out

        self._gather, self._spread_out = gather, spread_out
        self.clock = clock
        self.runner = Runner([one.term for one in terms], max(256, min(piece, PIECE)))
        self.inputs: tuple[str, ...] = (
            *CLOCK_INPUTS,
            *(name for name in self.runner.inputs if name not in CLOCK_INPUTS),
        )
        self.columns: I64_1D = np.empty(0, dtype=np.int64)
        self._targets = np.array(columns, dtype=np.int64)
        self._mode = _MODES.get(clock, 2)
        # On the clock of sessions a session is worth what the bar is that reaches its close, even if that is nothing.
        last = 5 if clock == "session" else 0
        self._rules = np.array([_RULES.get(name.partition("@")[0], last) for name in self.inputs], dtype=np.int64)
        self._seconds = float(CLOCKS[clock])
        self.carried = np.zeros(3 + len(self.inputs))
        self.held = np.full(len(terms), np.nan)
        self._names = [term_key(one.term) for one in terms]
        self._bars = np.empty((len(self.inputs), 2 * piece))
        own = [self._bars[self.inputs.index(name)] for name in self.runner.inputs]
        self._source = _Source(self.runner.inputs, own, 2 * piece)
        self._values = np.empty((len(terms), 2 * piece))
        self._closed = np.empty(piece, dtype=np.int64)

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
        for j, name in enumerate(self._names):
            self.held[j] = np.frombuffer(_taken(taken, f"held {name}", 8))[0]
        self.runner.restore(taken)

    def feed(self, work: NDArray[Any], at: int, n: int) -> None:
        found = self._gather(
            work, at, n, self.columns, self._rules, self._mode, self._seconds, self.carried, self._bars, self._closed,
            self.held, self._targets,
        )  # fmt: skip
        if found < 0:
            start, close = work[self.columns[0], at : at + n], work[self.columns[1], at : at + n]
            raise DataError(
                f"a bar of {(close - start).max():g} seconds cannot be part of a bar of {self.clock}; use bars of at "
                f"most {self._seconds:g} seconds, or a coarser clock"
            )
        if found == 0:
            return
        for first in range(0, found, self.runner.piece):
            last = min(first + self.runner.piece, found)
            self.runner.feed_part(self._source, first, last - first, self._values, first)
        self._spread_out(self._values, self._closed, n, self.held, work, self._targets, at)


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
        self._kernels: Any
        if is_compiled():
            self._kernels = np.array([kernel_address(name) for name in plan.kernels], dtype=np.int64)
        else:
            self._kernels = [kernel_function(name) for name in plan.kernels]

    def advance(
        self, work: NDArray[Any], at: int, n: int, row: int, state: NDArray[Any], out: NDArray[Any], out_row: int
    ) -> None:
        p = self._plan
        self._advance(
            work, at, n, row, self._kernels, p.io, p.io_at, p.args, p.args_at, state, p.state_at, p.emit_at,
            self._emits, out, out_row,
        )  # fmt: skip


class _Source:
    """Columns of inputs, read by the compiled loop where they stand in memory."""

    def __init__(self, names: Sequence[str], columns: Sequence[NDArray[Any]], n: int) -> None:
        from argus.features import _plan_kernels
        from argus.features._form_kernels import is_compiled

        short = [f"{name} has {len(values)}" for name, values in zip(names, columns, strict=True) if len(values) < n]
        if short:
            raise DataError(f"{n} rows are wanted, but {', '.join(short)}; give columns of the same length")
        self._is_compiled = is_compiled()
        self._load = _plan_kernels.load
        # Held here, for the loop only knows their addresses.
        self._columns = [
            np.ascontiguousarray(values, dtype=values.dtype if values.dtype in _KINDS else np.float64)
            for values in columns
        ]
        self._addresses = np.array([values.ctypes.data for values in self._columns], dtype=np.int64)
        self._kinds = np.array([_KINDS[values.dtype] for values in self._columns], dtype=np.int64)

    def load(self, work: NDArray[Any], at: int, n: int, places: I64_1D, first: int) -> None:
        """Put rows `first` to ``first + n`` into a workspace."""
        if self._is_compiled:
            self._load(work, at, n, places, self._addresses, self._kinds, first)
            return
        for place, values in zip(places, self._columns, strict=True):
            work[place, at : at + n] = values[first : first + n]
