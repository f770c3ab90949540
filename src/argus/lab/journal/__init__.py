"""What was stated, tried and judged, kept so that it cannot be taken back: ledger, registry, kin of an idea."""

from __future__ import annotations

__all__: list[str] = []
