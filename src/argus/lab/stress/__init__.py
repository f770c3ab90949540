"""Would it have survived something else: redrawn trades, costs, delay, other prices, other regimes, more money."""

from __future__ import annotations

__all__: list[str] = []
