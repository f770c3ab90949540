"""Whether columns of features know the future, tried on the very rows that they were made of.

Rows are fed in order, and what comes out is held against what is stored: a value that came out before a later row was
given cannot have known it, and stored values that were made in other pieces come out with the same bits. At several
instants the rows after it are then replaced by two other worlds, and taken away altogether: nothing at or before the
instant may move. On some stretches rows are fed one at a time, as they arrive live. All bits are compared, and
only bits count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus.core.arrays import BOOL_1D, F32_2D
from argus.core.random import generator
from argus.core.strategy import FeatureRef
from argus.features import LiveFeatures, SetRunner, column_version, feature
from argus.features.declaration import inputs_of
from argus.features.live import pack_state
from argus.features.runner import State
from argus.lab.audit.report import Status

__all__ = ["REPLACED", "FeatureCertificate", "FeatureVerdict", "audit_features", "inputs_needed", "other_world"]

Inputs = Callable[[int, int], Mapping[str, NDArray[Any]]]
"""Input columns of rows from, to."""
Stored = Callable[[int, int], F32_2D]
"""Stored values of rows from, to: (columns, rows) float32."""
Progress = Callable[[int, int], None]

REPLACED: Final = ("open", "high", "low", "close", "volume", "open_interest")
"""Inputs that are observed. What the calendar says is known beforehand, and stays."""

_CHUNK_ROWS: Final = 65_521
_CHUNK_VALUES: Final = 8_000_000
_AFTER: Final = 4_099
"""Rows of another world after an instant: more than a kernel is ever given at once."""
_WORLDS: Final = 2


@dataclass(frozen=True, slots=True)
class FeatureVerdict:
    """What the audit says of one column.

    Attributes
    ----------
    name, version : str
        The column, and the hash of all that makes it.
    status : Status
        CLEAN, FOUND, or INSUFFICIENT where no replaced row moved it, so that nothing was tried.
    sentence : str
        What was found, or what was tried.
    row : int
        First row that moved; -1 if none did.
    """

    name: str
    version: str
    status: Status
    sentence: str
    row: int = -1


@dataclass(frozen=True, slots=True)
class FeatureCertificate:
    """What was tried on some columns over some rows, and what came of it.

    Attributes
    ----------
    verdicts : tuple of FeatureVerdict
        One for each column.
    rows : int
        Rows that were fed.
    instants : tuple of int
        Rows after which everything was replaced, and taken away.
    rows_compared : int
        Rows of which every value was held against another way to it, over all comparisons.
    live_rows : int
        Rows that were fed one at a time.
    against_stored : bool
        Whether stored values were compared.
    """

    verdicts: tuple[FeatureVerdict, ...]
    rows: int
    instants: tuple[int, ...]
    rows_compared: int
    live_rows: int
    against_stored: bool

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return all(verdict.status is not Status.FOUND for verdict in self.verdicts)

    def as_dict(self) -> dict[str, Any]:
        """For JSON, without the verdicts."""
        return {
            "clean": self.is_clean,
            "rows": self.rows,
            "instants": list(self.instants),
            "rows_compared": self.rows_compared,
            "live_rows": self.live_rows,
            "against_stored": self.against_stored,
        }


def inputs_needed(refs: Sequence[FeatureRef]) -> tuple[str, ...]:
    """Names of the inputs that `audit_features` asks for, those of the clock among them."""
    names = {"start_s", "close_s", "session", "session_end"}
    for ref in refs:
        names |= set(inputs_of(feature(ref.feature).term(ref.parameters)))
    return tuple(sorted(names))


def other_world(columns: Mapping[str, NDArray[Any]], after: int, seed: int) -> dict[str, NDArray[Any]]:
    """The same columns up to row `after`; from the next row on prices, volume and open interest of another world.

    Prices are far from those before and full of holes; the range of a bar stays a range, and the calendar stays.
    """
    found: dict[str, NDArray[Any]] = dict(columns)
    n = len(next(iter(columns.values()))) if columns else 0
    later = np.arange(n) > after
    for member in sorted({name.partition("@")[2] for name in columns}):
        random = generator(seed, "features", "other world", after, member)
        middle = np.exp(random.standard_normal(n) * 2.0 + (6.0 if seed % 2 else -1.0))
        middle[random.random(n) < 0.03] = np.nan
        width = middle * random.random(n) * 0.2
        other = {
            "open": middle + width * (random.random(n) - 0.5),
            "high": middle + width,
            "low": middle - width,
            "close": middle + width * (random.random(n) - 0.5),
            "volume": np.floor(np.exp(random.standard_normal(n) * 2.0 + 5.0)),
            "open_interest": np.floor(np.exp(random.standard_normal(n) + 9.0)),
        }
        for name, values in other.items():
            key = f"{name}@{member}" if member else name
            if key in columns:
                given = np.asarray(columns[key], dtype=np.float64)
                # An input without a single value is one that this market does not have: it stays away.
                found[key] = given if np.isnan(given).all() else np.where(later, values, given)
    return found


def audit_features(
    refs: Sequence[FeatureRef],
    rows: int,
    inputs: Inputs,
    stored: Stored | None = None,
    *,
    instants: int = 9,
    live_rows: int = 300,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> FeatureCertificate:
    """Hold columns to the law that nothing of them depends on a later row.

    Parameters
    ----------
    refs : sequence of FeatureRef
        The columns.
    rows : int
        Rows of the data.
    inputs : callable
        Gives the input columns of some rows: see `inputs_needed`.
    stored : callable or None
        Gives the values of some rows as they are stored; they must come out again.
    instants : int
        Rows after which everything is replaced.
    live_rows : int
        Rows of each of two stretches that are fed one at a time.
    seed : int
        Of the other worlds.
    threads : int or None
    progress : callable or None
        Called with rows done, and of how many.

    Raises
    ------
    ConfigError
        If an input is not given.
    """
    audit = _Audit(refs, rows, inputs, stored, seed, threads)
    return audit.run(instants, live_rows, progress or (lambda done, of: None))


class _Audit:
    """One pass over the rows; at some of them it stops and tries what else could have come."""

    def __init__(
        self,
        refs: Sequence[FeatureRef],
        rows: int,
        inputs: Inputs,
        stored: Stored | None,
        seed: int,
        threads: int | None,
    ) -> None:
        self.refs, self.rows, self.inputs, self.stored = list(refs), rows, inputs, stored
        self.seed, self.threads = seed, threads
        self.other: SetRunner
        self.one_by_one: LiveFeatures
        self.found: dict[int, tuple[int, str]] = {}
        self.moves = np.zeros(len(self.refs), dtype=np.bool_)
        self.compared = self.live = 0
        self.chunk = int(min(_CHUNK_ROWS, max(1_021, _CHUNK_VALUES // max(len(self.refs), 1))))
        # In few rows the pieces would be those in which they were made: another cut tries something.
        self.chunk = min(self.chunk, max(1, rows * 5 // 13))

    def run(self, instants: int, live_rows: int, progress: Progress) -> FeatureCertificate:
        starts = list(range(0, self.rows, self.chunk))
        chosen = _instants(self.rows, instants, self.seed)
        alive = {0, starts[len(starts) // 2]} if starts else set()
        with SetRunner(self.refs, self.threads) as runner, SetRunner(self.refs, self.threads) as self.other:
            fresh = self.other.snapshot()
            self.one_by_one = LiveFeatures(self.refs)
            for first in starts:
                last = min(first + self.chunk, self.rows)
                columns = self.inputs(first, last)
                before = runner.snapshot() if first else fresh
                values = np.empty((len(self.refs), last - first), dtype=np.float32)
                runner.feed(columns, values)
                if self.stored is not None:
                    told = "is stored as {0} and comes out as {1}: another definition, other data, or cut differently"
                    self._hold(values, self.stored(first, last), first, told)
                for instant in chosen:
                    if first <= instant < last:
                        self._replace(columns, values, first, instant, before)
                if first in alive:
                    self._one_at_a_time(columns, values, first, min(live_rows, last - first), before)
                progress(last, self.rows)
        verdicts = tuple(self._verdict(k, ref, len(chosen)) for k, ref in enumerate(self.refs))
        return FeatureCertificate(
            verdicts, self.rows, tuple(chosen), self.compared, self.live, self.stored is not None
        )  # fmt: skip

    def _replace(
        self, columns: Mapping[str, NDArray[Any]], values: F32_2D, first: int, instant: int, before: State
    ) -> None:
        """Two other worlds after an instant, and none."""
        n = instant - first + 1
        end = min(values.shape[1], n + _AFTER)
        near = {name: column[:end] for name, column in columns.items()}
        for world in range(_WORLDS):
            again = self._fed(other_world(near, n - 1, 2 * self.seed + world), before)
            told = f"is {{0}}, and {{1}} if everything after row {instant:,} is replaced: it knows the future"
            self._hold(values[:, :n], again[:, :n], first, told)
            self.moves |= _differing(values[:, n:end], again[:, n:]).any(axis=1)
        again = self._fed({name: column[:n] for name, column in columns.items()}, before)
        told = f"is {{0}}, and {{1}} if the data end at row {instant:,}: it depends on later rows being there"
        self._hold(values[:, :n], again, first, told)

    def _fed(self, columns: Mapping[str, NDArray[Any]], before: State) -> F32_2D:
        n = len(next(iter(columns.values())))
        out = np.empty((len(self.refs), n), dtype=np.float32)
        # What is left of the world before lies where a column must not look: beyond the rows given, and too far back.
        self.other.restore(before)
        self.other.feed(columns, out)
        return out

    def _one_at_a_time(
        self, columns: Mapping[str, NDArray[Any]], values: F32_2D, first: int, n: int, before: State
    ) -> None:
        live = self.one_by_one
        live.restore(pack_state(before))
        given = [np.asarray(columns[name][:n], dtype=np.float64) for name in live.inputs]
        again = np.empty((len(self.refs), n), dtype=np.float32)
        for row in range(n):
            again[:, row] = live.update([column[row] for column in given])
        self._hold(values[:, :n], again, first, "is {0}, and {1} if bars arrive one by one")
        self.live += n

    def _hold(self, was: F32_2D, became: F32_2D, first: int, told: str) -> None:
        """Note the first row of each column that differs."""
        self.compared += was.shape[1]
        for k in range(len(was)):
            if np.array_equal(was[k].view(np.uint32), became[k].view(np.uint32)):
                continue
            places = np.flatnonzero(_differing(was[k], became[k]))
            if len(places) and (k not in self.found or self.found[k][0] > first + places[0]):
                at = int(places[0])
                self.found[k] = (first + at, told.format(_shown(was[k, at]), _shown(became[k, at])))

    def _verdict(self, k: int, ref: FeatureRef, instants: int) -> FeatureVerdict:
        version = column_version(ref)
        if k in self.found:
            row, told = self.found[k]
            return FeatureVerdict(ref.alias, version, Status.FOUND, f"row {row:,} {told}", row)
        names = inputs_of(feature(ref.feature).term(ref.parameters))
        is_observed = any(name.partition("@")[0] in REPLACED for name in names)
        if self.moves[k]:
            told = "its later values did, so the trial had force"
        elif not is_observed:
            told = "it reads the calendar and the clock only, which are known beforehand"
        else:
            told = "no later value moved either: nothing was tried on it"
            return FeatureVerdict(ref.alias, version, Status.INSUFFICIENT, told)
        return FeatureVerdict(
            ref.alias, version, Status.CLEAN, f"nothing at or before any of {instants} instants moved; {told}"
        )


def _instants(rows: int, count: int, seed: int) -> list[int]:
    """Rows spread evenly, each drawn within its share, and one in the first rows."""
    if rows < 2:
        return []
    random = generator(seed, "features", "instants")
    edges = np.linspace(0, rows - 1, max(count, 2))
    drawn = [int(a + (b - a) * random.random()) for a, b in pairwise(edges)]
    return sorted({min(rows - 2, 41), *(min(max(row, 0), rows - 2) for row in drawn)})


def _differing(a: NDArray[np.float32], b: NDArray[np.float32]) -> BOOL_1D:
    """Where the bits differ; missing is missing, whatever its bits."""
    found: BOOL_1D = (a.view(np.uint32) != b.view(np.uint32)) & ~(np.isnan(a) & np.isnan(b))
    return found


def _shown(value: float) -> str:
    return "missing" if np.isnan(value) else f"{value:.9g}"
