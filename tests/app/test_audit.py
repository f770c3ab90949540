"""The audits as a use case: factories by name, one strategy on one market, options, and what is counted."""

from __future__ import annotations

import pickle  # noqa: TID251 - a factory must survive the way to another process
from pathlib import Path

import pytest

from argus.app.audit import AUDITS, EMBEDDED_MARKET, NamedStrategy, _embedded_market, audit_strategy, factory_of
from argus.app.workspace import init_workspace
from argus.core.errors import ConfigError, StrategyError
from argus.lab.audit import Status
from tests.lab.audit_subjects import bars_of
from tests.lab.markets import config, market_of

OWN = """
from argus.strategies import create


def make(market, fast=3, slow=9):
    return create("sma_cross", tuple(market), fast=int(fast), slow=int(slow))
"""


def test_a_registered_name_and_one_of_one_s_own_make_strategies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    market = market_of(bars_of(50))
    named = factory_of("sma_cross", {"fast": 4})
    assert named == NamedStrategy("sma_cross", {"fast": 4})
    assert named(market).spec.values["fast"] == 4
    assert pickle.loads(pickle.dumps(named)) == named
    (tmp_path / "own_ideas_of_a_test.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    own = factory_of("own_ideas_of_a_test:make", {"fast": "5"})
    assert own(market).spec.values["fast"] == 5


@pytest.mark.parametrize("name", ["sma_cros", "nowhere:make", "argus.strategies:nothing"])
def test_a_name_that_leads_nowhere_is_an_error(name: str) -> None:
    with pytest.raises(StrategyError):
        factory_of(name, {})


@pytest.mark.parametrize("audit", AUDITS)
def test_one_strategy_on_one_market_is_counted_in_the_workspace(audit: str, tmp_path: Path) -> None:
    workspace, _ = init_workspace(tmp_path)
    stages: list[str] = []
    report = audit_strategy(
        audit,
        "sma_cross",
        market_of(bars_of(150)),
        config(),
        parameters={"fast": 3, "slow": 9},
        workspace=workspace,
        options={"lookahead": {"cuts": 2}, "warmup": {"starts": 2}}.get(audit),
        progress=lambda stage, done, total: stages.append(stage),
    )
    assert report.audit == audit
    assert report.verdict is Status.CLEAN, report.as_dict()
    journal = workspace.trials().journal()
    assert {trial.purpose for trial in journal} == {"audit"}
    assert stages


def test_an_audit_that_there_is_not_is_an_error() -> None:
    with pytest.raises(ConfigError, match="lookahead, warmup, costs"):
        audit_strategy("future", "sma_cross", market_of(bars_of(60)), config(), parameters={})


def test_the_embedded_market_needs_no_workspace() -> None:
    market = _embedded_market(None)
    assert list(market) == [EMBEDDED_MARKET.split(".")[0]]
    assert "open" in next(iter(market.values()))[1].observed
