"""Figures of the whole sample in memory, each read from its release on and not before."""

from __future__ import annotations

from tests.lab.cheats.case import Case
from tests.lab.cheats.period_end_fundamentals import ReleasedFundamentals

CASE = Case(
    name="released_fundamentals",
    how="Is given every figure of the sample, past and to come, and reads each only after its release.",
    make=ReleasedFundamentals,
    audit="",
)
