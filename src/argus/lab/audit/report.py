"""What an audit says: a list of checks, each clean, found, insufficient or noted, and the first place where it moved.

The same form serves all audits, so that the command line, JSON and tests read one thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from argus.core.time import format_ns

__all__ = ["AuditReport", "Check", "Difference", "Status"]


class Status(StrEnum):
    """Outcome of one check."""

    CLEAN = "clean"
    FOUND = "found"
    INSUFFICIENT = "insufficient"
    NOTED = "noted"


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place at which two runs disagree.

    Attributes
    ----------
    instrument : str
    row : int
        Last known bar of the instrument at that wake-up, counted from 0 in the data that were given; -1 before any.
    ts_ns : int
        Instant of the wake-up.
    field : str
        Field of an intent (``Forecast.direction``), alias of a feature (``feature vol:ES``), or what else moved.
    was, became : str
        Value in the reference, and in the altered run.
    """

    instrument: str
    row: int
    ts_ns: int
    field: str
    was: str
    became: str

    def told(self) -> str:
        """The difference in a sentence."""
        return (
            f"{self.instrument} row {self.row:,} at {format_ns(self.ts_ns)}: {self.field} was {self.was} "
            f"and became {self.became}"
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "instrument": self.instrument,
            "row": self.row,
            "time": format_ns(self.ts_ns),
            "ts_ns": self.ts_ns,
            "field": self.field,
            "was": self.was,
            "became": self.became,
        }


@dataclass(frozen=True, slots=True)
class Check:
    """One question of an audit and its answer.

    Attributes
    ----------
    name : str
        What was asked.
    status : Status
    detail : str
        The answer in a sentence.
    difference : Difference or None
        Where it was found, first place first.
    facts : mapping
        Figures behind the answer, for JSON.
    """

    name: str
    status: Status
    detail: str
    difference: Difference | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "check": self.name,
            "status": str(self.status),
            "detail": self.detail,
            "first": None if self.difference is None else self.difference.as_dict(),
            **({"facts": dict(self.facts)} if self.facts else {}),
        }


@dataclass(frozen=True, slots=True)
class AuditReport:
    """An audit of one strategy.

    Attributes
    ----------
    audit : str
        ``lookahead``, ``warmup`` or ``costs``.
    strategy : str
    parameters : mapping
    universe : tuple of str
    checks : tuple of Check
    runs : int
        Replays made for it; all are in the trial ledger with the purpose ``audit``.
    """

    audit: str
    strategy: str
    parameters: Mapping[str, Any]
    universe: tuple[str, ...]
    checks: tuple[Check, ...]
    runs: int

    @property
    def found(self) -> bool:
        """Whether any check found something."""
        return any(check.status is Status.FOUND for check in self.checks)

    @property
    def verdict(self) -> Status:
        """``found`` if anything was, else ``insufficient`` if a check could not be made, else ``clean``."""
        for status in (Status.FOUND, Status.INSUFFICIENT):
            if any(check.status is status for check in self.checks):
                return status
        return Status.CLEAN

    def check(self, name: str) -> Check:
        """The check of that name."""
        return next(check for check in self.checks if check.name == name)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "audit": self.audit,
            "strategy": self.strategy,
            "parameters": dict(self.parameters),
            "instruments": list(self.universe),
            "verdict": str(self.verdict),
            "runs": self.runs,
            "checks": [check.as_dict() for check in self.checks],
        }
