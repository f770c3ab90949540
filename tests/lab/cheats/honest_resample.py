"""Bars of half a session joined at their end: as it should be done, in the same code shape as the cheat."""

from __future__ import annotations

from tests.lab.cheats.case import Case
from tests.lab.cheats.resample_start import ResampleEnd

CASE = Case(
    name="resample",
    how="Resamples the whole market to five-bar bars at construction and reads only blocks that are complete.",
    make=ResampleEnd,
    audit="",
)
