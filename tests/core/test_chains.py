"""The layout of chains: what it accepts, how it names what it does not, and when two of them are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from argus.core.chains import (
    CHAIN_COLUMNS,
    CHAIN_NUMBERS,
    ChainSnapshots,
    Settlement,
    is_american,
    settlement_text,
    settles_at_open,
    settles_in_cash,
    years_to_expiry,
)
from argus.core.errors import DataError

DAY = 86_400_000_000_000


def chain(**changed: Any) -> ChainSnapshots:
    """Two snapshots of two strikes, a put and a call each."""
    n = 8
    columns: dict[str, Any] = {name: np.full(n, np.nan) for name in CHAIN_NUMBERS}
    columns |= {
        "ts_event_ns": np.repeat([DAY, 2 * DAY], 4),
        "ts_recv_ns": np.repeat([DAY + 5, 2 * DAY + 5], 4),
        "expiry_ns": np.full(n, 30 * DAY),
        "root": np.zeros(n, np.int16),
        "right": np.tile(np.array([-1, -1, 1, 1], np.int8), 2),
        "settlement": np.full(n, 3, np.int8),
        "strike": np.tile([90.0, 100.0], 4),
        "bid": np.ones(n),
        "ask": np.full(n, 1.5),
    }
    return ChainSnapshots("SPX", ("SPX",), **(columns | changed))


def test_snapshots_are_runs_of_one_instant() -> None:
    both = chain()
    assert both.snapshot_count == 2
    assert both.offsets.tolist() == [0, 4, 8]
    assert both.snapshot(1).ts_recv_ns.tolist() == [2 * DAY + 5] * 4
    assert both.snapshot(-1).content_hash == both.snapshot(1).content_hash
    with pytest.raises(IndexError, match="no snapshot 2"):
        both.snapshot(2)
    assert both.rows(0, 0).snapshot_count == 0


def test_columns_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        chain().bid[0] = 5.0


@pytest.mark.parametrize(
    ("name", "row", "value", "why"),
    [
        ("ts_event_ns", 0, DAY + 6, "known before it was quoted"),
        ("expiry_ns", 0, DAY - 1, "quoted after its expiry"),
        ("root", 3, 1, "root has no name"),
        ("right", 2, 0, "neither"),
        ("settlement", 5, 8, "unknown flags"),
        ("strike", 1, np.nan, "strike is not above zero"),
        ("underlying_price", 1, 0.0, "underlying is not above zero"),
        ("bid", 4, -1.0, "bid is below zero"),
        ("volume", 4, np.inf, "volume is below zero or infinite"),
        ("vendor_iv", 4, np.inf, "vendor_iv is infinite"),
        ("bid", 6, 2.0, "bid lies above its ask"),
        ("strike", 1, 90.0, "same contract"),
        ("strike", 1, 80.0, "does not come after"),
    ],
)
def test_a_row_that_cannot_be_is_named(name: str, row: int, value: Any, why: str) -> None:
    column = getattr(chain(), name).copy()
    column[row] = value
    with pytest.raises(DataError, match=f"SPX: option {row}.*{why}|SPX: option .*{why}"):
        chain(**{name: column})


def test_wrong_types_lengths_and_roots_are_errors() -> None:
    with pytest.raises(DataError, match="column bid is float32"):
        chain(bid=np.ones(8, np.float32))
    with pytest.raises(DataError, match="column bid has shape"):
        chain(bid=np.ones(7))
    with pytest.raises(DataError, match="alphabetical"):
        replace_roots(chain(), ("SPXW", "SPX"))


def replace_roots(held: ChainSnapshots, roots: tuple[str, ...]) -> ChainSnapshots:
    return ChainSnapshots(held.underlying, roots, **{name: getattr(held, name) for name in CHAIN_COLUMNS})


def test_the_hash_sees_every_value_and_no_arrangement() -> None:
    held = chain()
    assert chain().content_hash == held.content_hash
    # A root that no row has is no difference.
    moved = replace_roots(held, ("A", "SPX"))
    moved = ChainSnapshots(
        "SPX", ("A", "SPX"), **({n: getattr(held, n) for n in CHAIN_COLUMNS} | {"root": np.ones(8, np.int16)})
    )
    assert moved.content_hash == held.content_hash
    seen = {held.content_hash, replace_roots(held, ("SPXW",)).content_hash}
    for name in CHAIN_COLUMNS:
        column = getattr(held, name).copy()
        if name == "root":
            continue
        column[7] = {"right": 1, "settlement": 2, "strike": 101.0, "bid": 1.25, "ask": 1.75}.get(name, column[7])
        if name.endswith("_ns"):
            column[4:] += -1 if name == "ts_event_ns" else 1
        elif np.isnan(column[7]):
            column[7] = 0.5
        if name != "right":
            seen.add(chain(**{name: column}).content_hash)
    assert len(seen) == 2 + len(CHAIN_COLUMNS) - 2


def test_hashes_of_parts_add_up() -> None:
    held = chain()
    parts = held.snapshot(0).hash_sum + held.snapshot(1).hash_sum
    assert f"{parts % (1 << 256):064x}" == held.content_hash


def test_settlement_is_three_flags() -> None:
    every = np.arange(8, dtype=np.int8)
    assert settles_at_open(every).tolist() == [False, True] * 4
    assert settles_in_cash(every).tolist() == [False, False, True, True] * 2
    assert is_american(every).tolist() == [False] * 4 + [True] * 4
    assert settlement_text(int(Settlement.AT_OPEN | Settlement.CASH)) == "AM cash European"
    assert settlement_text(int(Settlement.AMERICAN)) == "PM physical American"


def test_years_count_nanoseconds_of_a_year_of_365_days() -> None:
    assert years_to_expiry(0, np.array([365 * DAY])).tolist() == [1.0]
    assert years_to_expiry(np.array([DAY]), np.array([0]))[0] == -1 / 365
