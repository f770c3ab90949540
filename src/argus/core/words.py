"""Counts in sentences."""

from __future__ import annotations

__all__ = ["agreed", "counted"]


def agreed(count: int, one: str, many: str) -> str:
    """The form of a word that goes with the count: `one` with 1, else `many`."""
    return one if count == 1 else many


def counted(count: int, one: str, many: str = "") -> str:
    """The count with its noun; `many` is `one` with an s where it is not given."""
    return f"{count:,} {agreed(count, one, many or f'{one}s')}"
