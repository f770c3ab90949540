"""The warm-up audit: who needs more history than declared, who only fades, and who is the same to the bit."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from argus.core.errors import ConfigError, RunError
from argus.lab.audit import Status, Subject, WarmupSettings, audit_warmup
from argus.lab.journal.trials import MemoryTrialLedger
from argus.strategies import strategies
from tests.lab import audit_subjects as planted
from tests.lab.audit_subjects import bars_of, subject

BARS = bars_of(700)


def audited(given: Subject, **settings: Any) -> Any:
    return audit_warmup(given, trials=MemoryTrialLedger(), settings=WarmupSettings(**settings))


@pytest.mark.parametrize("name", list(strategies()))
def test_registered_strategies_are_clean(name: str) -> None:
    report = audited(subject(planted.registered, BARS, name=name))
    assert report.verdict is Status.CLEAN, report.as_dict()
    assert report.check("decisions").facts["wakes"] > 500
    assert report.check("estimates").status is Status.NOTED


def test_revisions_that_count_from_the_first_row_are_found() -> None:
    class Counts(planted.SinceTheStart):
        def wake(self, view: Any) -> Any:
            rows = len(view.bars("ES", 10**9))
            return [planted.Target("ES", units=1.0)] if rows % 20 == 0 else []

    report = audited(subject(lambda market: Counts(), BARS))
    found = report.check("decisions")
    assert found.status is Status.FOUND
    assert "counts from the first row" in found.detail
    assert found.difference.field == "intent"


def test_a_window_without_length_is_found_with_row_and_field() -> None:
    found = audited(subject(planted.since_the_start, BARS)).check("decisions")
    assert found.status is Status.FOUND
    assert found.difference.field == "Target.units"
    assert found.difference.ts_ns == BARS.ts_recv_ns[found.difference.row]
    assert found.difference.row >= 20


def test_an_average_that_never_forgets_is_found_when_its_warmup_is_short_and_clean_when_it_is_long() -> None:
    short = audited(subject(planted.averages, BARS, span=40, warmup=40))
    assert short.check("decisions").status is Status.FOUND
    assert short.check("decisions").difference.field == "Forecast.direction"
    drift = short.check("feature mean")
    assert drift.status is Status.NOTED
    assert drift.facts["size"] > drift.facts["last_size"]
    long = audited(subject(planted.averages, BARS, span=10, warmup=300))
    assert long.check("decisions").status is Status.CLEAN


def test_an_estimate_that_does_not_come_within_the_tolerance_is_found() -> None:
    report = audited(subject(planted.unsettled, BARS))
    assert report.check("decisions").status is Status.CLEAN, "only the volatility is another one"
    found = report.check("estimates")
    assert found.status is Status.FOUND
    assert found.difference.field == "Forecast.vol_annual"
    assert float(found.difference.was) > float(found.difference.became)
    allowed = audited(subject(planted.unsettled, BARS), tolerance=0.9)
    assert allowed.check("estimates").status is Status.NOTED


def test_what_has_a_window_is_the_same_to_the_bit() -> None:
    report = audited(subject(planted.honest_array, BARS))
    assert [check.status for check in report.checks] == [Status.CLEAN, Status.CLEAN]


def test_a_feature_that_begins_after_the_declared_warmup_is_noted_and_waited_for() -> None:
    report = audited(subject(planted.averages, BARS, span=60, warmup=5))
    assert "after the declared warm-up of 5 bars" in report.check("coverage").detail


def test_a_feature_without_any_value_is_not_waited_for() -> None:
    bars = bars_of(200)
    open_ended = replace(bars, session_end=np.zeros(len(bars), dtype=np.bool_))
    report = audited(subject(planted.registered, open_ended, name="sma_cross", fast=3, slow=8))
    assert report.check("decisions").status is Status.CLEAN, report.as_dict()
    assert "feature vol:ES has no value anywhere" in report.check("coverage").detail


def test_data_that_are_too_short_are_not_called_clean() -> None:
    report = audited(subject(planted.registered, bars_of(60), name="tsmom"))
    assert report.verdict is Status.INSUFFICIENT


def test_runs_are_counted_as_audits() -> None:
    ledger = MemoryTrialLedger()
    report = audit_warmup(subject(planted.honest_array, BARS), trials=ledger, settings=WarmupSettings(starts=2))
    assert report.runs == 4
    assert {trial.purpose for trial in ledger.journal()} == {"audit"}


def test_what_cannot_be_audited_is_an_error() -> None:
    class Raises(planted.Chance):
        def wake(self, view: Any) -> Any:
            raise KeyError("x")

    with pytest.raises(RunError, match="does not run on the market as it is"):
        audited(subject(lambda market: Raises(), BARS))
    with pytest.raises(ConfigError, match="starts is 0"):
        WarmupSettings(starts=0)
    assert isinstance(subject(planted.averages, BARS, span=2, warmup=2).make, partial)
