"""Audits of strategies that read the calendar: it is known beforehand, so nobody who reads it is a cheat for that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from argus.lab.audit import LookaheadSettings, Status, WarmupSettings, audit_lookahead, audit_warmup
from argus.lab.journal.trials import MemoryTrialLedger
from tests.data.calendar_bars import calendar_bars
from tests.engine import calendar_features
from tests.lab.audit_subjects import subject
from tests.lab.calendar_reader import before_the_close

BARS = calendar_bars("ES", date(2024, 11, 4), date(2025, 1, 31), minutes=240)


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
