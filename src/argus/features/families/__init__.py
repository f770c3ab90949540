"""The features, by family: one file each, ending in `DECLARED`, its features, and in the columns it gives to sets."""

from __future__ import annotations

__all__: list[str] = []
