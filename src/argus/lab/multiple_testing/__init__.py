"""What is left of a result once it is known how often one looked."""

from __future__ import annotations

__all__: list[str] = []
