"""One table of outcomes brought up to date: a part is made again only if a bar that it rests on is new or has changed.

Outcomes of a part rest on its own bars, on all before them (the volatility), and on a window of bars after it. The part
is kept if hashes of all three are what they were. What is made again is held against what was stored: a row that was
known from the same bars must come out with the same bits, and only open rows may change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from argus.core.errors import DataError
from argus.data.feature_store import KNOWN_AT, Part, TableManifest, chained
from argus.data.outcome_store import OutcomeColumns, OutcomeTable, column_names
from argus.lab.outcomes import OutcomeMaker

__all__ = ["PART_ROWS", "HashedBars", "OutcomesMade", "bring_up_to_date"]

PART_ROWS: Final = 262_144
"""Rows of a full part."""
_AHEAD: Final = "ahead_rows"
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class OutcomesMade:
    """What became of a table.

    Attributes
    ----------
    rows, rows_kept, rows_made : int
        Of the table now; those of parts that were kept as they are; those computed.
    rows_proven : int
        Rows that were known, were computed again and came out with the same bits.
    """

    rows: int
    rows_kept: int
    rows_made: int
    rows_proven: int


class HashedBars:
    """Hashes of the bars behind a maker, each computed once for all horizons.

    Parameters
    ----------
    maker : OutcomeMaker
    part_rows : int
    """

    def __init__(self, maker: OutcomeMaker, part_rows: int = PART_ROWS) -> None:
        self.maker, self.part_rows = maker, part_rows
        self._chains: list[dict[str, str]] = [{}]

    def up_to(self, row: int) -> dict[str, str]:
        """Hashes of the bars from the first to before `row`, chained part by part."""
        full, rest = divmod(row, self.part_rows)
        while len(self._chains) <= full:
            at = (len(self._chains) - 1) * self.part_rows
            self._chains.append(chained(self._chains[-1], self.maker.inputs(at, at + self.part_rows)))
        if not rest:
            return self._chains[full]
        return chained(self._chains[full], self.maker.inputs(full * self.part_rows, row))

    def ahead(self, row: int, rows: int) -> dict[str, str]:
        """Hashes of some bars from `row` on."""
        found = chained({}, self.maker.inputs(row, row + rows))
        return {f"ahead_{name}": one for name, one in found.items()} | {_AHEAD: str(rows)}


def bring_up_to_date(
    table: OutcomeTable,
    bars: HashedBars,
    horizon: int,
    about: Mapping[str, Any],
    progress: Progress | None = None,
) -> OutcomesMade:
    """Make a table hold the outcomes of a horizon over these bars.

    Parameters
    ----------
    table : OutcomeTable
    bars : HashedBars
    horizon : int
    about : mapping
        What the manifest says of the table.
    progress : callable or None
        Called with rows done, and of how many.

    Raises
    ------
    DataError
        If a row that was known comes out with other bits than it was stored with.
    """
    return _Walk(table, bars, horizon, about).run(progress)


class _Walk:
    def __init__(self, table: OutcomeTable, bars: HashedBars, horizon: int, about: Mapping[str, Any]) -> None:
        self.table, self.bars, self.horizon = table, bars, horizon
        spec = bars.maker.spec
        self.n = len(bars.maker.bars)
        self.versions = dict.fromkeys(column_names(len(spec.barriers)), spec.version(horizon))
        told = {**about, "horizon": horizon, "barriers": [list(pair) for pair in spec.barriers]}
        manifest = table.parts.manifest()
        is_same = manifest is not None and manifest.part_rows == bars.part_rows
        self.old: Sequence[Part] = manifest.parts if manifest is not None and is_same else ()
        self.manifest = TableManifest(told, tuple(self.versions), bars.part_rows, (), False)
        self.kept = self.made = self.proven = 0

    def run(self, progress: Progress | None) -> OutcomesMade:
        parts: list[Part] = []
        size = self.bars.part_rows
        for first in range(0, self.n, size):
            last = min(first + size, self.n)
            part, is_new = self._part(len(parts), first, last)
            parts.append(part)
            if is_new:
                self.table.parts.publish(replace(self.manifest, parts=(*parts, *self.old[len(parts) :])))
            if progress is not None:
                progress(last, self.n)
        self.table.parts.publish(replace(self.manifest, parts=tuple(parts), is_finished=True))
        return OutcomesMade(self.n, self.kept, self.made, self.proven)

    def _part(self, k: int, first: int, last: int) -> tuple[Part, bool]:
        """The part of these rows, and whether it had to be written."""
        old = self.old[k] if k < len(self.old) else None
        if old is not None and (dict(old.versions) != self.versions or not self.table.parts.is_sound(old)):
            old = None
        inputs = self._inputs(last, min(self.horizon + 1, self.n - last))
        if old is not None and old.rows == last - first and dict(old.inputs) == inputs:
            self.kept += old.rows
            return old, False
        columns = self.bars.maker.make(self.horizon, first, last)
        if old is not None and self._rests_on_the_same(old, first):
            self._prove(old, columns)
        self.made += last - first
        recv = columns.ts_recv_ns
        part = Part(first, last - first, int(recv[0]), int(recv[-1]), inputs, self.versions, "", 0, "")
        stored = columns.columns()
        return self.table.parts.write_part(part, recv, [stored[name] for name in self.versions]), True

    def _inputs(self, row: int, ahead: int) -> dict[str, str]:
        return self.bars.up_to(row) | self.bars.ahead(row, ahead)

    def _rests_on_the_same(self, old: Part, first: int) -> bool:
        """Whether every bar that the stored rows were made from is still there, unchanged."""
        ahead = int(old.inputs.get(_AHEAD, -1))
        end = first + old.rows
        return ahead >= 0 and end + ahead <= self.n and self._inputs(end, ahead) == dict(old.inputs)

    def _prove(self, old: Part, columns: OutcomeColumns) -> None:
        """Hold the rows that were known against the same rows computed again."""
        stored = OutcomeColumns.of(self.horizon, self.table.parts.read_columns(old, [KNOWN_AT, *self.versions]))
        # What was known when the last of the old bars was: the rest may have become known since.
        then = int(self.bars.maker.bars.ts_recv_ns[old.first_row + old.rows + int(old.inputs[_AHEAD]) - 1])
        again = columns.take(slice(0, old.rows)).known_at(then).columns()
        for name, column in stored.known_at(then).columns().items():
            differs = column.view(_bits(column)) != again[name].view(_bits(column))
            if differs.any():
                row = int(np.argmax(differs))
                raise DataError(
                    f"{self.table.folder}: column {name}, row {old.first_row + row} was stored as {column[row]} and is "
                    f"now {again[name][row]}, from the same bars; the file was altered: delete the folder and make the "
                    "outcomes again (argus lab outcomes)"
                )
        self.proven += int((stored.known_at_ns <= then).sum())


def _bits(column: np.ndarray[Any, Any]) -> str:
    return f"u{column.dtype.itemsize}"
