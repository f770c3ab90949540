"""Audits of strategies that read the calendar: it is known beforehand, so nobody who reads it is a cheat for that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import pytest

from argus.core.intents import Intent, Target
from argus.core.ports import Strategy, View
from argus.core.strategy import FeatureRef
from argus.lab.audit import LookaheadSettings, Status, WarmupSettings, audit_lookahead, audit_warmup
from argus.lab.journal.trials import MemoryTrialLedger
from tests.data.calendar_bars import calendar_bars
from tests.engine import calendar_features
from tests.lab.audit_subjects import spec_of, subject

BARS = calendar_bars("ES", date(2024, 11, 4), date(2025, 1, 31), minutes=240)


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


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    calendar_features.register()
    yield
    calendar_features.forget()


@pytest.mark.parametrize("apart", [False, True])
def test_look_ahead_finds_nothing(apart: bool) -> None:
    # Processes of their own are to find the same, which two cuts show; each of them costs as much as all the rest.
    how = LookaheadSettings(cuts=2 if apart else 6, isolate=apart)
    report = audit_lookahead(subject(before_the_close, BARS), trials=MemoryTrialLedger(), settings=how)
    assert {check.name: (check.status, check.summary) for check in report.checks if check.status is Status.FOUND} == {}
    future = next(check for check in report.checks if check.name == "does not know the future")
    assert future.status is Status.CLEAN
    assert future.facts["decisions"] > 200


def test_a_later_beginning_changes_nothing() -> None:
    report = audit_warmup(subject(before_the_close, BARS), trials=MemoryTrialLedger(), settings=WarmupSettings())
    assert {check.name: check.summary for check in report.checks if check.status is Status.FOUND} == {}
