"""A strategy that reads the calendar, in a module that is quickly imported in processes that know nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from argus.core.intents import Intent, Target
from argus.core.ports import Strategy, View
from argus.core.strategy import FeatureRef
from tests.engine import calendar_features
from tests.lab.audit_subjects import spec_of

__all__ = ["before_the_close"]


class BeforeTheClose:
    """Long until four hours before the close, and out."""

    def __init__(self) -> None:
        refs = (FeatureRef("left", "test_minutes_left", "ES"), FeatureRef("mean", "sma", "ES", {"n": 4}))
        self.spec = spec_of(features=refs)

    def wake(self, view: View) -> Sequence[Intent]:
        up = view.bars("ES", 1).close[-1] > view.feature("mean")
        return [Target("ES", units=(1.0 if up else -1.0) if view.feature("left") > 240.0 else 0.0)]

    def filled(self, fill: Any, view: View) -> Sequence[Intent]:
        return ()


def before_the_close(market: Mapping[str, Any]) -> Strategy:
    """Registers the feature where the strategy is made, which may be a process that knows nothing."""
    calendar_features.register()
    return BeforeTheClose()
