"""Research end to end on embedded and synthetic prices: verdicts, failures that are shown, files, worker counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from argus.app.research import build_candidate, research
from argus.app.settings import CandidateSettings
from argus.app.tracing import trace_run
from argus.app.workspace import Workspace, init_workspace
from argus.core.errors import WorkspaceError

FAST = CandidateSettings(strategy="tsmom", datasets=("IXIC.1d",), parameters={"rebalance": 20, "lookback": 120})


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return init_workspace(tmp_path_factory.mktemp("research") / "desk")[0]


@pytest.fixture(scope="module")
def result(desk: Workspace):  # type: ignore[no-untyped-def]
    stale = CandidateSettings(strategy="overnight", datasets=("SPX.1d",))
    return research(desk, candidates=[FAST, stale])


def test_every_candidate_is_judged_or_shown_as_failed(result) -> None:  # type: ignore[no-untyped-def]
    assert [evaluation.strategy for evaluation in result.evaluations] == ["tsmom"]
    assert len(result.failures) == 1
    assert "overnight" in result.failures[0].name
    # The opens of that file are copies of the previous close; nobody can have traded there.
    assert "open" in result.failures[0].error


def test_the_report_and_the_figures_are_written_whole(result, desk: Workspace) -> None:  # type: ignore[no-untyped-def]
    page = result.report.read_text(encoding="utf-8")
    assert page.rstrip().endswith("</html>")
    assert (desk.runs / "report.html").read_text(encoding="utf-8") == page
    figures = json.loads((result.folder / "evaluations.json").read_text(encoding="utf-8"))
    assert figures["evaluations"][0]["deployable"] is result.evaluations[0].deployable
    assert figures["failures"] == [{"candidate": result.failures[0].name, "error": result.failures[0].error}]


def test_the_trace_of_the_kept_run_adds_up(result, desk: Workspace) -> None:  # type: ignore[no-untyped-def]
    run_id = result.evaluations[0].record.manifest.run_id
    trace = trace_run(desk, run_id[:8])
    assert trace.as_dict()["run_id"] == run_id
    with pytest.raises(WorkspaceError, match="no run"):
        trace_run(desk, "zzzz")


def test_two_workers_give_the_same_verdict(result, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    other = init_workspace(tmp_path / "other")[0]
    again = research(other, candidates=[FAST], workers=2).evaluations[0]
    first = result.evaluations[0]
    assert again.record.manifest.run_id == first.record.manifest.run_id
    assert again.record.fills.tobytes() == first.record.fills.tobytes()
    assert again.record.equity_micros.tobytes() == first.record.equity_micros.tobytes()
    assert again.as_dict()["gates"] == first.as_dict()["gates"]


def test_every_run_of_a_research_is_in_the_trial_ledger(result, desk: Workspace) -> None:  # type: ignore[no-untyped-def]
    seen = {trial.run_id for trial in desk.trials().journal()}
    assert {run.run_id for run in result.evaluations[0].search} <= seen
    assert result.evaluations[0].record.manifest.run_id in seen


def test_fixed_parameters_are_in_every_set_that_is_tried(desk: Workspace) -> None:
    candidate, _ = build_candidate(desk, FAST)
    sets = candidate.parameter_sets()
    assert sets
    assert all(values["lookback"] == 120 and values["rebalance"] == 20 for values in sets)
    assert len({json.dumps(values, sort_keys=True) for values in sets}) == len(sets)
