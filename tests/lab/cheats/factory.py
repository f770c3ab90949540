"""Strategies of the corpus by their names, for processes that know nothing.

A module of its own: what makes a strategy is imported in each of these processes, and what tests need beside it, such
as pytest, costs more there than the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from argus.core.ports import Strategy
from tests.lab.cheats import CHEATS, CLOSED, HONEST

__all__ = ["CASES", "FromCorpus"]

CASES: Final = {case.name: case for case in (*CHEATS, *CLOSED, *HONEST)}


@dataclass(frozen=True)
class FromCorpus:
    """A factory that can be sent to another process by its name."""

    name: str

    def __call__(self, market: Any) -> Strategy:
        return CASES[self.name].make(market)
