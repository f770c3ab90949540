"""The lab judged by its own rules, on markets of known truth and on surrogates of real ones."""

from __future__ import annotations

__all__: list[str] = []
