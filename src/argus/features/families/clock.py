"""Time: where a bar stands in its session, week, month and year, and before or after which events."""

from __future__ import annotations

from typing import Final

from argus.features.declaration import Feature
from argus.features.graph import input_column, node
from argus.features.inputs import CLOSE

__all__ = ["DECLARED"]

DECLARED: Final = (
    Feature(
        name="count",
        family="time",
        meaning="How many rows there have been: tells whether a strategy has seen enough.",
        warmup=lambda values: 1,
        build=lambda values: node("clock.count", CLOSE),
        formula="number of rows up to and including this one",
        source="definition",
        unit="bars (sessions with on=session)",
        low=1.0,
        nan_policy="Missing values count as rows.",
    ),
    Feature(
        name="session_day",
        family="time",
        meaning="Which trading session the bar belongs to.",
        warmup=lambda values: 1,
        build=lambda values: input_column("session"),
        formula="session date of the row, as days since 1970-01-01",
        source="definition; which session a bar belongs to stands in the instrument's exchange calendar",
        unit="days",
        nan_policy="Never missing.",
    ),
)
"""Features of time."""
