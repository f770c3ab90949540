"""Parameter searches: how a candidate is replayed, every trial side by side, and parameters chosen on the past only."""

from __future__ import annotations

__all__: list[str] = []
