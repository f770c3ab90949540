"""Every cheat of the corpus is caught by the audit that its record names, and no honest strategy is accused.

The markets are short, for the audits try every decision; a cheat that waits for row 500 gets a longer one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any, Final

import pytest

from argus.core.money import MICROS
from argus.engine import AccountConfig, AccountKind, CostModel, RunConfig
from argus.lab.audit import (
    AuditReport,
    LookaheadSettings,
    Status,
    Subject,
    WarmupSettings,
    audit_costs,
    audit_lookahead,
    audit_warmup,
)
from argus.lab.audit.rooms import Rooms
from argus.lab.journal.trials import MemoryTrialLedger
from argus.portfolio import FixedUnits, LimitRiskPolicy
from tests.lab.cheats import CHEATS, CLOSED, HONEST, Case
from tests.lab.cheats.factory import CASES, FromCorpus
from tests.lab.cheats.market import SYMBOLS, random_market

SESSIONS: Final = {
    "after_row_500": 51,
    "ema_warm": 36,
    "ema_feature": 36,
    "rare": 30,
    "pretrained_regression": 20,
    "period_end_fundamentals": 20,
    "released_fundamentals": 20,
}
MANY: Final = frozenset({"survivorship", "pairs", "period_end_fundamentals", "released_fundamentals"})
"""Those that need more than two instruments."""
QUICK: Final = LookaheadSettings(cuts=3, seeds=1)
REPEATS, KEEPS, LOOKS, FUTURE, OWN = (
    "repeats itself",
    "leaves nothing behind",
    "looks at its view only",
    "does not know the future",
    "brings no data of its own",
)
ROWS: Final = {"leak_once": 120 * 61 // 100, "after_row_500": 500, "one_in_fifty": 49, "same_bar_close": 0}
"""The row at which a leak begins, where it is known."""
BY: Final = {
    "module_global": KEEPS,
    "class_attribute": KEEPS,
    "construction_count": KEEPS,
    "frames": LOOKS,
    "garbage": LOOKS,
    "data_file": LOOKS,
    "vendor_file": LOOKS,
}
"""Which question catches those that are not caught by what they know of the future, or by chance."""


@pytest.fixture(scope="module", autouse=True)
def known_to_the_nurseries() -> None:
    """The corpus is imported there once, instead of in each of some hundred rooms; rooms still forget what it keeps."""
    Rooms.of(dict, ()).prepare(partial(import_module, FromCorpus.__module__))


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    for case in CASES.values():
        case.forget()
    yield
    for case in CASES.values():
        case.forget()


def subject(case: Case, sessions: int = 12) -> Subject:
    symbols = SYMBOLS if case.name in MANY else SYMBOLS[:2]
    return Subject(
        FromCorpus(case.name),
        random_market(1, symbols, SESSIONS.get(case.name, sessions)),
        RunConfig(
            account=AccountConfig(AccountKind.FUTURES, 1_000_000_000 * MICROS),
            costs=CostModel(slippage_ticks=1),
        ),
        FixedUnits(1),
        LimitRiskPolicy(check_margin=False),
    )


def looked(case: Case, sessions: int = 12) -> AuditReport:
    return audit_lookahead(subject(case, sessions), trials=MemoryTrialLedger(), settings=QUICK)


def some(cases: list[Case], *audits: str) -> Any:
    chosen = [case for case in cases if case.audit in audits]
    return pytest.mark.parametrize("case", chosen, ids=lambda case: case.name)


@some(CHEATS, "lookahead")
def test_who_looks_ahead_is_caught(case: Case) -> None:
    given = subject(case)
    report = audit_lookahead(given, trials=MemoryTrialLedger(), settings=QUICK)
    found = report.check(BY.get(case.name, FUTURE))
    assert found.status is Status.FOUND, report.as_dict()
    first = found.difference
    assert first is not None
    assert given.market[first.instrument][1].ts_recv_ns[first.row] == first.ts_ns
    assert first.was != first.became
    assert first.row == ROWS.get(case.name, first.row)
    if case.name not in BY:
        assert found.facts["every_call"], "a single decision is enough; no whole run was needed"


@some(CHEATS, "nondeterminism")
def test_who_is_not_the_same_twice_is_caught(case: Case) -> None:
    report = looked(case)
    assert report.check(BY.get(case.name, REPEATS)).status is Status.FOUND, report.as_dict()
    assert report.check(FUTURE).status is Status.INSUFFICIENT, "what differs by itself compares with nothing"


@some(CHEATS, "warmup")
def test_who_needs_more_history_is_caught(case: Case) -> None:
    found = warmed(case).check("decisions")
    assert found.status is Status.FOUND, found
    assert found.difference is not None


@some(CHEATS, "costs")
def test_who_escapes_costs_is_caught(case: Case) -> None:
    report = audit_costs(subject(case, 10), trials=MemoryTrialLedger())
    found = report.check("market" if case.name == "fee_free_market" else "fills")
    assert found.status is Status.FOUND, report.as_dict()
    assert found.difference is not None


@some([*HONEST, *CLOSED], "", "lookahead")
def test_the_honest_pass_all_three(case: Case) -> None:
    report = looked(case, 9)
    assert report.verdict is Status.CLEAN, report.as_dict()
    assert report.check(FUTURE).facts["wakes"] > 20
    costs = audit_costs(subject(case, 12), trials=MemoryTrialLedger())
    assert not costs.found, costs.as_dict()
    warm = warmed(case)
    assert warm.verdict is Status.CLEAN, warm.as_dict()


def warmed(case: Case) -> AuditReport:
    longer = {"ema_warm": 80, "ema_feature": 80, "rare": 80, "released_fundamentals": 50}.get(case.name, 30)
    given = replace(subject(case), market=random_market(1, SYMBOLS if case.name in MANY else SYMBOLS[:2], longer))
    return audit_warmup(given, trials=MemoryTrialLedger(), settings=WarmupSettings(starts=3, window_wakes=80))
