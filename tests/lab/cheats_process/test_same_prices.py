"""The same prices under another symbol, for a fresh hold-out and fresh looks: the registry is not fooled by a name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from argus.app._experiment_file import plan_experiment
from argus.app._experiment_stages import MarketJob, register
from argus.app.experiments import background
from argus.app.workspace import Workspace
from argus.core.errors import ConfigError
from argus.data.catalog import SourceRecord
from argus.lab.journal.registry import EventKind
from argus.lab.journal.verdict_notes import verdict_notes
from tests.lab.cheats_process.desk import DAY, FILE, NOW, changed, copied, template, written

TWIN = changed(("[IXIC.1d]", "['US_EQUITY_ADJ:XLE.1d']"), ("months of trend", "something new"))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    home = template(tmp_path_factory.mktemp("twins") / "fresh")
    bars = home.catalog().load("IXIC", "1d")
    home.catalog().write(replace(bars, instrument="US_EQUITY_ADJ:XLE"), None, SourceRecord("xle.csv", "0" * 64, "x"))
    return home


@pytest.fixture
def desk(fresh: Workspace, tmp_path: Path) -> Workspace:
    return copied(fresh, tmp_path / "desk")


def test_its_hold_out_does_not_open_again(desk: Workspace) -> None:
    first = plan_experiment(desk, written(desk))
    register(desk, first, NOW)
    desk.experiments().open_holdout(first.spec, {"markets": ["IXIC.1d"]}, NOW)
    plan = plan_experiment(desk, written(desk, TWIN, "twin.yaml"))
    registration = register(desk, plan, NOW + DAY)
    with pytest.raises(
        ConfigError, match=r"hold-out of IXIC \(whose prices are those of US_EQUITY_ADJ:XLE\).* was opened"
    ):
        desk.experiments().open_holdout(plan.spec, {"markets": list(plan.spec.markets)}, NOW + DAY)
    notes = verdict_notes(plan.spec, registration, background(desk, plan))
    assert any("was opened on 2020-01-01 by months of trend" in note for note in notes)
    # Once is enough: what is known is not written again.
    register(desk, plan, NOW + 2 * DAY)
    kinds = [event.kind for event in desk.experiments().journal()]
    assert kinds.count(EventKind.SAME_MARKET) == 1


def test_looks_at_it_are_told_and_counted_with_those_of_the_idea(desk: Workspace) -> None:
    first = plan_experiment(desk, written(desk))
    register(desk, first, NOW)
    span = background(desk, first).spans["IXIC"]
    values = {"version": "1", "parameters": "{}", "instruments": "IXIC", "data_hash": "a", "config_hash": "{}"}
    result = {"status": "finished", "sessions": 200, "sharpe_session": 0.1, "skew": 0.0, "kurtosis": 3.0}
    rest = {"net_pnl_micros": 1, "orders": 9, "cost_multiplier": 1.0, "purpose": "search"}
    for number, family in enumerate(("tsmom", "tsmom", "overnight")):
        run = {"run_id": f"run {number}", "strategy": family, "family": family, "first_ns": span[0] + number}
        desk.trials().record({**values, **result, **rest, **run, "last_ns": span[1]})
    plan = plan_experiment(desk, written(desk, TWIN, "twin.yaml"))
    registration = register(desk, plan, NOW + DAY)
    assert registration.event.body["looks"] == {"US_EQUITY_ADJ:XLE.1d": 2}
    assert registration.parent is not None
    (note,) = [one for one in verdict_notes(plan.spec, registration, background(desk, plan)) if "one market" in one]
    assert note.startswith("IXIC holds the prices of US_EQUITY_ADJ:XLE under another name (correlation 1.0000 over ")
    assert note.endswith("Looks at IXIC: 2 of this idea, which count here too, and 3 of all ideas.")
    ledger = MarketJob(desk, plan, registration, "US_EQUITY_ADJ:XLE.1d").ledger()
    assert ledger.looks("tsmom", ["US_EQUITY_ADJ:XLE"], *span).count == 2


def test_two_indices_are_two_markets(desk: Workspace) -> None:
    register(desk, plan_experiment(desk, written(desk, FILE)), NOW)
    other = plan_experiment(desk, written(desk, changed(("[IXIC.1d]", "[SPX.1d]")), "spx.yaml"))
    register(desk, other, NOW + DAY)
    assert all(event.kind != EventKind.SAME_MARKET for event in desk.experiments().journal())
