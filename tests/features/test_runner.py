"""How rows come to the kernels: any kind of column, any number of rows at once, coarser clocks beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from argus.core.arrays import F64_1D, Stretches
from argus.core.errors import DataError
from argus.features.graph import CLOCKS, Input, held
from argus.features.inputs import CALENDAR_INPUTS, CLOSE, HIGH, LOW, OPEN, VOLUME
from argus.features.runner import Columns, Runner
from argus.features.windows import mean
from tests.features.market import market

FIELDS = (OPEN, HIGH, LOW, CLOSE, VOLUME, mean(CLOSE, 3), *map(Input, CALENDAR_INPUTS))
TERMS = [CLOSE, mean(CLOSE, 7), *(held(term, clock) for clock in CLOCKS for term in FIELDS)]


def fed(columns: Columns, cuts: Sequence[int] = (), piece: int = 1_024) -> NDArray[np.float64]:
    """Values of all terms, the columns fed in parts."""
    runner = Runner(TERMS, piece)
    n = len(columns["close"])
    out = np.full((len(TERMS), n), -1.0)
    for first, last in zip([0, *cuts], [*cuts, n], strict=True):
        part = [part_of(columns[name], first, last) for name in runner.inputs]
        runner.feed(part, out, first)
    return out


def part_of(column: NDArray[Any] | Stretches, first: int, last: int) -> NDArray[Any] | Stretches:
    if not isinstance(column, Stretches):
        return column[first:last]
    return Stretches(column.values, np.clip(column.ends - first, 0, last - first))


def stretched(column: F64_1D) -> Stretches:
    """A column as stretches, some of them shorter than need be, and some without a row."""
    changes = np.flatnonzero(column[1:] != column[:-1]) + 1
    ends = np.sort(np.concatenate((changes, changes[::3], [len(column) // 2, len(column)])))
    return Stretches(column[ends - 1], ends)


def as_files_give_them(columns: dict[str, F64_1D]) -> Columns:
    """Sessions and minutes as whole numbers, ends of sessions as truths, what is of the session as stretches."""
    named: dict[str, NDArray[Any] | Stretches] = dict(columns)
    named["session"] = columns["session"].astype(np.int32)
    named["session_end"] = columns["session_end"].astype(np.bool_)
    named |= {name: columns[name].astype(np.int16) for name in CALENDAR_INPUTS if "minute" in name}
    return named | {name: stretched(columns[name]) for name in CALENDAR_INPUTS if "minute" not in name}


def test_stretches_are_columns() -> None:
    column = np.array([1.0, 1.0, 2.0, 2.0, 2.0, 1.0])
    told = stretched(column)
    assert len(told) == 6
    assert told.rows().tolist() == column.tolist()
    assert len(Stretches(np.empty(0), np.empty(0, np.int64))) == 0


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        (np.array([1, 2]), np.array([3, 5])),
        (np.array([1.0, 2.0]), np.array([3, 5], np.int32)),
        (np.array([1.0, 2.0]), np.array([3, 5], ">i8")),
        (np.array([1.0, 2.0]), np.array([3, 4, 5, 6])[::2]),
        (np.array([1.0, 2.0, 3.0])[::-2], np.array([3, 5])),
        (np.array([1.0]), np.array([3, 5])),
        (np.array([1.0, 2.0]), np.array([5, 3])),
        (np.array([1.0, 2.0]), np.array([-1, 3])),
    ],
)
def test_stretches_that_a_loop_would_misread_are_refused(values: F64_1D, ends: NDArray[np.int64]) -> None:
    with pytest.raises(DataError, match="stretches: "):
        Stretches(values, ends)


@pytest.mark.parametrize("name", ["start_s", "close_s", "session", "session_end"])
def test_the_clock_may_come_as_stretches_too(name: str) -> None:
    columns = market(16, 500, 7)
    # Sessions that go over into the next one without their last bar.
    columns["session_end"][::3] = 0.0
    terms = [held(Input(one), clock) for clock in CLOCKS for one in ("start_s", "close_s", "session", "session_end")]
    runner = Runner(terms)
    got, want = np.empty((len(terms), 500)), np.empty((len(terms), 500))
    runner.feed([columns[one] for one in runner.inputs], want)
    named: Columns = columns | {name: stretched(columns[name])}
    runner = Runner(terms)
    runner.feed([named[one] for one in runner.inputs], got)
    assert got.tobytes() == want.tobytes()


@pytest.mark.parametrize("per_session", [7, 390, 1_380])
def test_kinds_and_stretches_change_nothing(per_session: int) -> None:
    columns = market(11, 20_000, per_session)
    columns["close"][5_000:5_800] = np.nan
    assert fed(columns).tobytes() == fed(as_files_give_them(columns)).tobytes()


@given(st.lists(st.integers(0, 3_000), max_size=5), st.sampled_from([3, 64, 1_024]))
@settings(max_examples=20)
def test_parts_and_pieces_change_nothing(cuts: list[int], piece: int) -> None:
    columns = market(12, 3_000, 97)
    named = as_files_give_them(columns)
    assert fed(named, sorted(cuts), piece).tobytes() == fed(columns).tobytes()


def test_more_rows_than_are_summed_up_at_once() -> None:
    columns = market(13, 40_000, 1_380)
    whole = fed(as_files_give_them(columns))
    assert whole.tobytes() == fed(columns, range(5_000, 40_000, 5_000)).tobytes()
    # What is held changes where a session has ended, and only there.
    daily = whole[TERMS.index(held(CLOSE, "1d"))]
    changes = np.flatnonzero((daily[1:] != daily[:-1]) & ~np.isnan(daily[1:])) + 1
    assert set(changes) <= set(np.flatnonzero(columns["session_end"]))
    assert len(changes) > 25


def test_single_rows_beside_many() -> None:
    columns = market(14, 2_500, 390)
    whole = fed(columns)
    runner = Runner(TERMS, 300)
    rows = np.column_stack([columns[name] for name in runner.inputs])
    got = np.empty((len(TERMS), 2_500))
    for first in range(0, 2_500, 500):
        runner.feed([columns[name][first : first + 400] for name in runner.inputs], got, first)
        for row in range(first + 400, first + 500):
            one = np.empty((len(TERMS), 1))
            runner.row[:] = rows[row]
            runner.feed_one(one)
            got[:, row] = one[:, 0]
    assert got.tobytes() == whole.tobytes()


def test_a_column_that_is_too_short_is_named() -> None:
    columns: Columns = market(15, 500) | {"days_to_roll": Stretches(np.ones(1), np.array([499]))}
    with pytest.raises(DataError, match="500 rows are wanted, but days_to_roll has 499"):
        fed(columns)
