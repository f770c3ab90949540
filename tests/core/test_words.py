"""Counts and the words that go with them."""

from __future__ import annotations

from argus.core.words import agreed, counted


def test_one_is_one() -> None:
    assert [counted(count, "row") for count in (0, 1, 2, 1_500)] == ["0 rows", "1 row", "2 rows", "1,500 rows"]
    assert [counted(count, "expiry", "expiries") for count in (1, 3)] == ["1 expiry", "3 expiries"]
    assert [agreed(count, "is", "are") for count in (0, 1, 2)] == ["are", "is", "are"]
