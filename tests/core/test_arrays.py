from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.arrays import BAR_FIELDS, QUOTE_FIELDS, Bars, Quotes, readonly, roomy_memory, working_memory
from argus.core.errors import DataError
from tests.engine.markets import flat, make_bars, random_bars

COLUMNS = [field.name for field in fields(Bars) if field.name not in ("instrument", "observed")]


def plain() -> Bars:
    return random_bars(1, "ES", 6, per_session=2, volume=100.0)


def changed(bars: Bars, column: str, row: int, value: Any) -> Bars:
    array = getattr(bars, column).copy()
    array[row] = value
    return replace(bars, **{column: array})


def test_bars_are_frozen_and_their_arrays_read_only() -> None:
    bars = plain()
    with pytest.raises(FrozenInstanceError):
        bars.close = bars.open  # type: ignore[misc]
    for column in COLUMNS:
        with pytest.raises(ValueError, match="read-only"):
            getattr(bars, column)[0] = 1


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_of_another_type_is_refused_by_name(column: str) -> None:
    bars = plain()
    other = np.float32 if column != "session_end" else np.int64
    with pytest.raises(DataError, match=f"ES: column {column} is {np.dtype(other)}, expected"):
        replace(bars, **{column: getattr(bars, column).astype(other)})


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_of_another_length_is_refused_by_name(column: str) -> None:
    bars = plain()
    wrong = {column: getattr(bars, column)[:-1].copy()}
    expected = "ES: column ts_close_ns has shape" if column == "ts_event_ns" else f"ES: column {column} has shape"
    with pytest.raises(DataError, match=expected):
        replace(bars, **wrong)


def test_columns_of_two_dimensions_or_with_strides_are_refused() -> None:
    bars = plain()
    with pytest.raises(DataError, match=r"column close has shape \(6, 1\), expected \(6,\)"):
        replace(bars, close=bars.close.reshape(6, 1))
    with pytest.raises(DataError, match=r"column close is not contiguous; pass np\.ascontiguousarray"):
        replace(bars, close=np.repeat(bars.close, 2)[::2])


def test_observed_names_known_fields_and_always_the_close() -> None:
    with pytest.raises(DataError, match="'close' is required"):
        replace(plain(), observed=frozenset({"open"}))
    with pytest.raises(DataError, match="mid"):
        replace(plain(), observed=frozenset({"close", "mid"}))


@pytest.mark.parametrize("column", [name for name in BAR_FIELDS if name != "close"])
def test_a_column_that_was_not_observed_holds_no_numbers(column: str) -> None:
    bars = replace(plain(), open_interest=np.full(6, 5.0), observed=frozenset(BAR_FIELDS))
    with pytest.raises(DataError, match=column):
        replace(bars, observed=frozenset(BAR_FIELDS) - {column})


@pytest.mark.parametrize(
    ("column", "shift", "words"),
    [
        ("ts_close_ns", -(10**13), "row 3: its close is not after its start"),
        ("ts_recv_ns", -1, "row 3: it is known before its close"),
        ("ts_event_ns", -(10**13), "row 3: it starts before the previous bar closed"),
        ("session", -2, "row 3: its session lies before the previous bar's"),
    ],
)
def test_disordered_times_are_refused_with_the_row(column: str, shift: int, words: str) -> None:
    bars = plain()
    with pytest.raises(DataError, match=f"ES: {words}"):
        changed(bars, column, 3, getattr(bars, column)[3] + shift)


def test_two_bars_known_at_one_instant_are_refused() -> None:
    bars = plain()
    with pytest.raises(DataError, match="row 4: it is known no later than the previous bar"):
        changed(bars, "ts_recv_ns", 3, bars.ts_recv_ns[4])


def test_no_bars_are_legal_bars() -> None:
    assert len(plain().rows(0, 0)) == 0
    assert plain().rows(0, 0).content_hash == plain().rows(6, 6).content_hash


def test_rows_are_views_of_the_same_memory() -> None:
    bars = plain()
    part = bars.rows(1, 4)
    assert len(part) == 3
    assert part.instrument == "ES"
    assert part.observed == bars.observed
    for column in COLUMNS:
        assert np.shares_memory(getattr(part, column), getattr(bars, column))
        np.testing.assert_array_equal(getattr(part, column), getattr(bars, column)[1:4])


def test_equal_data_have_equal_hashes_however_they_are_stored() -> None:
    bars = random_bars(3, "ES", 9)
    aside = replace(bars, **{name: getattr(bars, name).copy() for name in COLUMNS})
    assert bars.content_hash == aside.content_hash == bars.rows(0, 9).content_hash
    assert bars.content_hash == bars.content_hash


@given(row=st.integers(0, 5), column=st.sampled_from(["open", "high", "low", "close", "volume"]))
def test_the_smallest_change_of_a_number_changes_the_hash(row: int, column: str) -> None:
    bars = plain()
    nudged = changed(bars, column, row, np.nextafter(getattr(bars, column)[row], np.inf))
    assert nudged.content_hash != bars.content_hash


def test_everything_that_a_bar_is_goes_into_the_hash() -> None:
    bars = flat("ES", [1.0, 2.0], volume=5.0)
    others = [
        replace(bars, instrument="NQ"),
        replace(bars, session_end=~bars.session_end),
        replace(bars, session=bars.session + np.int32(1)),
        changed(bars, "ts_recv_ns", 1, bars.ts_recv_ns[1] + 1),
        changed(bars, "open_interest", 0, 1.0) if "open_interest" in bars.observed else bars.rows(0, 1),
        flat("ES", [1.0, 2.0]),
    ]
    assert len({bars.content_hash, *(other.content_hash for other in others)}) == len(others) + 1


def quotes(**changes: Any) -> Quotes:
    columns: dict[str, Any] = {
        "ts_event_ns": np.array([1, 2, 3], dtype=np.int64),
        "ts_recv_ns": np.array([1, 4, 4], dtype=np.int64),
        **{name: np.ones(3) for name in ("bid", "ask", "bid_size", "ask_size")},
    }
    return Quotes(instrument="SPY", **(columns | changes))


def test_quotes_are_ordered_read_only_columns() -> None:
    assert len(quotes()) == 3
    with pytest.raises(ValueError, match="read-only"):
        quotes().bid[0] = 2.0
    with pytest.raises(DataError, match=r"SPY: column ask has shape \(2,\), expected \(3,\)"):
        quotes(ask=np.ones(2))
    for times, row, what in (
        ([1, 1, 4], 1, "it is known before it was made"),
        ([1, 4, 3], 2, "its ts_recv_ns lies before that of the quote before it"),
        ([0, 4, 4], 0, "it is known before it was made"),
    ):
        with pytest.raises(DataError, match=f"SPY: quote {row}: {what}"):
            quotes(ts_recv_ns=np.array(times, dtype=np.int64))
    nothing = {name: np.zeros(0, dtype=getattr(quotes(), name).dtype) for name in QUOTE_FIELDS}
    assert len(Quotes(instrument="SPY", **nothing)) == 0


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        ("bid", 1.5, "its bid lies above its ask"),
        ("bid", np.inf, "its bid is not finite"),
        ("ask", np.nan, "its ask has a size and no price"),
        ("ask_size", 0.0, "its ask has a price and no size above zero"),
        ("bid_size", -1.0, "its bid has a price and no size above zero"),
        ("bid_size", np.nan, "its bid has a price and no size above zero"),
        ("bid_size", np.inf, "its bid has a price and no size above zero"),
        ("ts_event_ns", 0, "its ts_event_ns lies before that of the quote before it"),
    ],
)
def test_what_is_no_quote_is_refused_by_its_row(column: str, value: float, what: str) -> None:
    array = getattr(quotes(), column).copy()
    array[1] = value
    with pytest.raises(DataError, match=f"SPY: quote 1: {what}"):
        quotes(**{column: array})


def test_a_locked_market_and_an_empty_side_are_quotes() -> None:
    ask, size = np.array([1.0, np.nan, 1.25]), np.array([1.0, 0.0, 3.0])
    found = quotes(ask=ask, ask_size=size)
    assert len(found.rows(1, 3)) == 2
    assert found.rows(0, 3).content_hash == found.content_hash
    assert found.content_hash != quotes().content_hash
    with pytest.raises(DataError, match="SPY: column bid is float32, expected float64"):
        quotes(bid=np.ones(3, dtype=np.float32))
    with pytest.raises(DataError, match="SPY: column bid is not contiguous"):
        quotes(bid=np.ones(6)[::2])


def test_readonly_forbids_writing_in_place() -> None:
    array = np.zeros(2)
    readonly(array)
    with pytest.raises(ValueError, match="read-only"):
        array += 1


def test_bars_of_one_price_have_it_four_times() -> None:
    bars = make_bars("ES", [(1.0, 2.0, 0.5, 1.5)])
    assert (bars.open[0], bars.high[0], bars.low[0], bars.close[0]) == (1.0, 2.0, 0.5, 1.5)
    assert bars.observed == frozenset(BAR_FIELDS[:4])


@pytest.mark.parametrize("floats", [1, 8, 1000])
def test_working_memory_starts_where_a_cache_line_does(floats: int) -> None:
    held = [working_memory(floats) for _ in range(9)]
    assert all(one.shape == (floats,) and one.ctypes.data % 64 == 0 and one.flags.c_contiguous for one in held)


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="this system does not say what memory is in use")
def test_roomy_memory_takes_place_only_where_it_is_written() -> None:
    def pages() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1])

    before = pages()
    held = roomy_memory(64, 1_000_000)
    held[:, 0] = 1.0
    # Half a gigabyte in pages of two megabytes, otherwise a page for each row.
    assert pages() - before < 2_000
    assert held.sum() == 64.0
    assert held.flags.c_contiguous
    assert held.flags.writeable
