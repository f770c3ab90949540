"""The command line: a thin face over `argus.app`; no command computes anything itself."""

from __future__ import annotations

__all__: list[str] = []
