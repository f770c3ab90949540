"""One table of features brought up to date: only what is missing or depends on what changed is computed.

The table is walked part by part. A column of a part is kept if the feature has the same version and every input that it
reads has the same hash up to the part's end. What is left is computed from what was remembered at the end of the part
before. A part that was not full is computed again with the rows that came, and its old rows are held against those that
are stored, bit by bit: the proof that nothing that was known has changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import F32_2D, I64_1D
from argus.core.errors import ConfigError, DataError
from argus.core.strategy import FeatureRef
from argus.data.feature_store import FeatureTable, Part, TableManifest, chained
from argus.features import SetRunner, column_version, feature
from argus.features.declaration import inputs_of
from argus.features.live import pack_state, unpack_state
from argus.features.runner import State

__all__ = ["Harvested", "bring_up_to_date", "rows_of_a_part"]

Inputs = Callable[[int, int], Mapping[str, NDArray[Any]]]
"""Input columns of rows from, to."""
Progress = Callable[[int, int], None]

_PART_VALUES: Final = 40_000_000


@dataclass(frozen=True, slots=True)
class Harvested:
    """What became of a table.

    Attributes
    ----------
    rows, columns : int
        Of the table now.
    rows_kept, rows_made : int
        Rows of which nothing was computed, and rows of which something was.
    values_made : int
        Values computed and stored.
    rows_proven : int
        Rows that were stored and computed again, and came out with the same bits.
    columns_changed : tuple of str
        Columns of which stored rows were replaced, because their definition or an input changed.
    seconds_compute, seconds_write : float
    """

    rows: int
    columns: int
    rows_kept: int
    rows_made: int
    values_made: int
    rows_proven: int
    columns_changed: tuple[str, ...]
    seconds_compute: float
    seconds_write: float


def rows_of_a_part(columns: int) -> int:
    """Rows of a full part: a power of two, so that a part of many columns takes no more memory than one of few."""
    return int(2 ** np.clip(np.floor(np.log2(_PART_VALUES / max(columns, 1))), 12, 20))


def bring_up_to_date(
    table: FeatureTable,
    refs: Sequence[FeatureRef],
    ts_recv_ns: I64_1D,
    inputs: Inputs,
    about: Mapping[str, Any],
    threads: int = 1,
    progress: Progress | None = None,
) -> Harvested:
    """Make a table hold these features over these rows.

    Parameters
    ----------
    table : FeatureTable
    refs : sequence of FeatureRef
    ts_recv_ns : (n,) int64
        When each row could first be known.
    inputs : callable
        Gives the input columns of some rows.
    about : mapping
        What the manifest says of the table.
    threads : int
    progress : callable or None
        Called with rows done, and of how many.

    Raises
    ------
    DataError
        If a stored row comes out with other bits than it was stored with.
    ConfigError
        If an input is not given.
    """
    return _Walk(table, refs, ts_recv_ns, inputs, about, threads).run(progress or (lambda done, of: None))


class _Walk:
    def __init__(
        self,
        table: FeatureTable,
        refs: Sequence[FeatureRef],
        ts_recv_ns: I64_1D,
        inputs: Inputs,
        about: Mapping[str, Any],
        threads: int,
    ) -> None:
        self.table, self.ts, self.inputs, self.threads = table, ts_recv_ns, inputs, threads
        self.refs = {ref.alias: ref for ref in refs}
        self.versions = {ref.alias: column_version(ref) for ref in refs}
        self.reads = {ref.alias: inputs_of(feature(ref.feature).term(ref.parameters)) for ref in refs}
        manifest = table.manifest()
        self.old = list(manifest.parts) if manifest else []
        rows = manifest.part_rows if manifest else rows_of_a_part(len(refs))
        self.manifest = TableManifest(dict(about), tuple(self.versions), rows, (), False)
        self.parts: list[Part] = []
        self.runner: SetRunner | None = None
        self.running: tuple[str, ...] = ()
        self.names: frozenset[str] | None = None
        self.out = np.empty((len(refs), min(rows, len(ts_recv_ns))), dtype=np.float32)
        self.kept = self.made = self.values = self.proven = 0
        self.changed: dict[str, None] = {}
        self.seconds = {"compute": 0.0, "write": 0.0}

    def run(self, progress: Progress) -> Harvested:
        size, n = self.manifest.part_rows, len(self.ts)
        before: dict[str, str] = {}
        parts = self.parts
        try:
            for first in range(0, n, size):
                last = min(first + size, n)
                columns = self.inputs(first, last)
                hashes = chained(before, columns)
                part, is_new = self._part(len(parts), first, last, columns, before, hashes)
                parts.append(part)
                before = hashes
                if is_new:
                    later = [
                        one for one in self.old[len(parts) :] if self._same_inputs(self.old, len(parts) - 1, hashes)
                    ]
                    self.table.publish(replace(self.manifest, parts=(*parts, *later)))
                progress(last, n)
        finally:
            if self.runner is not None:
                self.runner.__exit__()
        self.table.publish(replace(self.manifest, parts=tuple(parts), is_finished=True))
        return Harvested(
            n, len(self.refs), self.kept, self.made, self.values, self.proven, tuple(self.changed),
            self.seconds["compute"], self.seconds["write"],
        )  # fmt: skip

    def _same_inputs(self, parts: Sequence[Part], k: int, hashes: Mapping[str, str]) -> bool:
        """Whether all inputs that a stored part knew are still the same at its end."""
        return k < len(parts) and all(hashes.get(name, was) == was for name, was in parts[k].inputs.items())

    def _part(
        self,
        k: int,
        first: int,
        last: int,
        columns: Mapping[str, NDArray[Any]],
        before: Mapping[str, str],
        hashes: Mapping[str, str],
    ) -> tuple[Part, bool]:
        """The part of these rows, and whether it had to be written."""
        old = self.old[k] if k < len(self.old) and self.old[k].first_row == first else None
        if old is not None and (old.rows > last - first or not self.table.is_sound(old)):
            old = None
        known = hashes if old is None or old.rows == last - first else self._hashes(columns, old.rows, before)
        same = [name for name in self.versions if old is not None and self._holds(old, name, known)]
        whole = old is not None and old.rows == last - first
        if old is not None and whole and same == list(self.versions) == list(old.versions):
            self.kept += last - first
            return old, False
        todo = tuple(name for name in self.versions if not (whole and name in same))
        values = self._compute(k, first, last, todo, columns)
        if old is not None:
            self.changed.update(
                dict.fromkeys(name for name in old.versions if name in self.versions and name not in same)
            )
            if not whole:
                self._prove(old, same, values, todo)
        part = Part(
            first, last - first, int(self.ts[first]), int(self.ts[last - 1]), dict(hashes), self.versions, "", 0, ""
        )
        return self._write(part, old if whole else None, todo, values), True

    def _hashes(self, columns: Mapping[str, NDArray[Any]], rows: int, before: Mapping[str, str]) -> dict[str, str]:
        return chained(before, {name: column[:rows] for name, column in columns.items()})

    def _holds(self, old: Part, name: str, hashes: Mapping[str, str]) -> bool:
        return old.versions.get(name) == self.versions[name] and all(
            old.inputs.get(one) == hashes[one] for one in self.reads[name]
        )

    def _compute(
        self, k: int, first: int, last: int, todo: tuple[str, ...], columns: Mapping[str, NDArray[Any]]
    ) -> F32_2D:
        started = time.perf_counter()
        if self.runner is None or self.running != todo:
            self._start(k, first, todo)
        assert self.runner is not None
        values = self.out[: len(todo), : last - first]
        self.runner.feed(columns, values)
        self.made += last - first
        self.values += values.size
        self.seconds["compute"] += time.perf_counter() - started
        return values

    def _remembered(self) -> frozenset[str]:
        """Names of all that the whole set remembers: what belonged to other definitions is let go."""
        if self.names is None:
            with SetRunner(list(self.refs.values()), 1) as every:
                self.names = frozenset(every.snapshot())
        return self.names

    def _start(self, k: int, first: int, todo: tuple[str, ...]) -> None:
        """A runner for these columns that stands at row `first`."""
        if self.runner is not None:
            self.runner.__exit__()
        self.runner = SetRunner([self.refs[name] for name in todo], self.threads)
        self.running = todo
        if first == 0:
            return
        try:
            self.runner.restore(unpack_state(self.table.state(self.parts[k - 1])))
        except (ConfigError, IndexError):
            # Nothing remembered that fits: all rows from the first on are looked at again.
            self.runner = SetRunner([self.refs[name] for name in todo], self.threads)
            for start in range(0, first, self.manifest.part_rows):
                stop = start + self.manifest.part_rows
                self.runner.feed(self.inputs(start, stop), self.out[: len(todo), : stop - start])

    def _prove(self, old: Part, same: Sequence[str], values: F32_2D, todo: Sequence[str]) -> None:
        """Hold the rows that were stored against the same rows computed again."""
        stored = self.table.read_part(old, same)
        for name, column in zip(same, stored, strict=True):
            again = values[todo.index(name), : old.rows]
            differs = np.flatnonzero(again.view(np.uint32) != column.view(np.uint32))
            differs = differs[~(np.isnan(again[differs]) & np.isnan(column[differs]))]
            if len(differs):
                row = int(differs[0])
                raise DataError(
                    f"{self.table.folder}: column {name}, row {old.first_row + row} was stored as {column[row]} and is "
                    f"now {again[row]}, from the same inputs; the file was altered: delete the folder and harvest again"
                )
        if same:
            self.proven += old.rows

    def _write(self, part: Part, old: Part | None, todo: tuple[str, ...], values: F32_2D) -> Part:
        started = time.perf_counter()
        kept = [name for name in self.versions if name not in todo]
        state: State = {}
        if kept:
            assert old is not None
            every = np.empty((len(self.versions), part.rows), dtype=np.float32)
            places = list(self.versions)
            every[[places.index(name) for name in kept]] = self.table.read_part(old, kept)
            every[[places.index(name) for name in todo]] = values
            values = every
            if old.state_file:
                wanted = self._remembered()
                state = {name: piece for name, piece in unpack_state(self.table.state(old)).items() if name in wanted}
        assert self.runner is not None
        remembered = b""
        if part.rows == self.manifest.part_rows:
            for name, piece in self.runner.snapshot().items():
                if len(piece) >= len(state.get(name, b"")):
                    state[name] = piece
            remembered = pack_state(state)
        written = self.table.write_part(part, self.ts[part.first_row : part.first_row + part.rows], values, remembered)
        self.seconds["write"] += time.perf_counter() - started
        return written
