"""Features for tests that read what only the exchange calendar knows; they are registered where a test asks for it."""

from __future__ import annotations

from typing import Final

from argus.features import registry
from argus.features.declaration import Feature
from argus.features.graph import Term, input_column


def _declared(name: str, term: Term) -> Feature:
    return Feature(
        name=name,
        family="test",
        meaning="Made for a test.",
        formula="the calendar's",
        source="made for a test",
        unit="minutes or days",
        nan_policy="Sparse",
        build=lambda values: term,
        warmup=lambda values: 1,
    )


FEATURES: Final = {
    feature.name: feature
    for feature in (
        _declared("test_minutes_left", (input_column("session_close_s") - input_column("close_s")) / 60.0),
        _declared("test_days_to_expiry", input_column("days_to_expiry")),
        _declared("test_days_to_roll", input_column("days_to_roll")),
    )
}


def register() -> None:
    """Make them known in this process."""
    registry._declared().update(FEATURES)


def forget() -> None:
    """Make them unknown again."""
    for name in FEATURES:
        registry._declared().pop(name, None)
