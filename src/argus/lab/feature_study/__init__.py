"""What a table of features holds: distributions, stationarity, drift, groups that say the same."""

from __future__ import annotations

__all__: list[str] = []
