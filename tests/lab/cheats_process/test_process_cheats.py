"""Nine ways to make a worthless idea look good, tried on real replays: what comes of each."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sqlalchemy.exc import SQLAlchemyError

from argus.app._experiment_file import plan_experiment
from argus.app.candidates import Wanted, candidate_of
from argus.app.holdout import open_holdout
from argus.app.research import research
from argus.app.settings import CandidateSettings
from argus.app.workspace import Workspace
from argus.core.errors import ConfigError
from argus.core.time import parse_ns
from argus.lab.journal.registry import EventKind
from argus.lab.journal.verdict_notes import after_holdout
from argus.report.experiment import retold
from argus.report.html import Part
from argus.strategies import registry
from argus.strategies.tsmom import TimeSeriesMomentum
from tests.lab.cheats_process.desk import DAY, FILE, NOW, changed, copied, run, template, told, written


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return template(tmp_path_factory.mktemp("cheats") / "fresh")


@pytest.fixture(scope="module")
def judged(fresh: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    home = copied(fresh, tmp_path_factory.mktemp("cheats") / "judged")
    result = run(home)
    assert result.examination["markets"][0]["evaluation"]["significance"]["looks"]["count"] == 3
    return home


@pytest.fixture
def desk(judged: Workspace, tmp_path: Path) -> Workspace:
    return copied(judged, tmp_path / "desk")


def looks_of(result: Any) -> int:
    return int(result.examination["markets"][0]["evaluation"]["significance"]["looks"]["count"])


class Renamed(TimeSeriesMomentum):
    """The same idea under a fresh name."""

    NAME = "fresh_idea"


def test_another_name_keeps_its_looks(desk: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._STRATEGIES, "fresh_idea", Renamed)
    text = changed(("strategy: tsmom", "strategy: fresh_idea"), ("months of trend", "something new"))
    result = run(desk, text, 1)
    note = told(result, "other names")
    assert "tsmom (the same returns)" in note
    # Two parameter sets under each name, and the one walk: what its text cannot show to be the same counts twice.
    assert looks_of(result) == 5
    assert "months of trend" in " ".join(result.notes)


def test_a_wider_search_is_a_later_form_and_its_looks_add_up(desk: Workspace) -> None:
    result = run(desk, changed(("[40, 80]", "[40, 80, 120]")), 1)
    note = told(result, "The search was changed")
    assert "ranges.lookback was [40, 80] and is [40, 80, 120] now" in note
    assert "months of trend, registered on 2020-01-01" in note
    assert looks_of(result) >= 4


def test_a_chosen_period_is_printed_with_what_the_rest_shows(desk: Workspace) -> None:
    result = run(desk, changed(("data: {to:", "data: {from: 1999-10-01, to:")), 1)
    assert "before 1999-10-01" in told(result, "the experiment does not trade")
    assert "1999-01-04 to 2001-06-29: 2 looks" in told(result, "other periods of IXIC")
    left = result.examination["markets"][0]["left_out"]
    # The months before, and those between the end of the data and the hold-out.
    assert [(one["first"], one["last"]) for one in left][-1] == ("2001-07-02", "2001-12-31")
    assert left[0]["last"] == "1999-09-30"


def test_no_run_can_reach_a_bar_after_the_cut(fresh: Workspace) -> None:
    plan = plan_experiment(fresh, written(fresh))
    cut = parse_ns("2001-07-01")
    assert plan.spec.cut_ns == cut
    candidate, _ = candidate_of(fresh, Wanted("tsmom", ("IXIC.1d",), plan.settings, cut_ns=cut))
    last = candidate.market["IXIC"][1].ts_close_ns[-1]
    assert last <= cut
    # A cut in the middle of a session takes the whole bar: its close is not known yet.
    middle, _ = candidate_of(fresh, Wanted("tsmom", ("IXIC.1d",), plan.settings, cut_ns=int(last) - 1))
    assert middle.market["IXIC"][1].ts_close_ns[-1] < last


def test_every_run_of_an_experiment_ends_before_the_hold_out(judged: Workspace) -> None:
    cut = parse_ns("2002-01-01")
    assert all(trial.last_ns <= cut for trial in judged.trials().journal())


def test_a_glance_at_the_hold_out_is_counted(fresh: Workspace, tmp_path: Path) -> None:
    home = copied(fresh, tmp_path / "desk")
    idea = CandidateSettings(
        strategy="tsmom", datasets=("IXIC.1d",), parameters={"execution": "moc", "lookback": 40, "rebalance": 20}
    )
    research(home, candidates=[idea])
    result = run(home)
    assert "before it was registered" in told(result, "The hold-out was seen by")
    assert "had been looked at before" in told(result, "IXIC.1d", "These looks are counted")


def test_a_glance_after_the_registration_is_counted_too(desk: Workspace) -> None:
    run(desk, changed(("2001-07-01", "2005-01-01"), ("holdout: {from: 2002-01-01, to: 2003-01-01}", "")), 1)
    result = run(desk, day=2)
    assert "after it was registered" in told(result, "The hold-out was seen by")
    assert not result.kept  # looks that others took in between change the verdict, so it was judged again


def test_a_hold_out_opens_once_under_whatever_name(desk: Workspace) -> None:
    path = written(desk)
    warned: list[str] = []
    opened = open_holdout(desk, path, now_ns=NOW + DAY, warn=warned.append)
    market = opened["markets"][0]
    # The verdict is not deployable: it is said before, and beside what came.
    (warning,) = warned
    assert warning.startswith(f"{market['not_deployable']} A hold-out that it keeps will not change that")
    assert "tsmom on IXIC is not deployable: " in market["not_deployable"]
    assert 0.0 < market["kept_without_edge"] <= 0.5
    assert market["first"] == "2002-01-02"
    assert market["last"] == "2002-12-31"
    with pytest.raises(ConfigError, match="was opened on 2020-01-02"):
        open_holdout(desk, path, now_ns=NOW + 2 * DAY)
    # Another name, another idea, and a range that only overlaps it.
    other = changed(
        ("months of trend", "a new idea"), ("lookback: [40, 80]", "lookback: [60]"), ("2002-01-01", "2002-06-01")
    )
    result = run(desk, other, 3)
    assert "opened on 2020-01-02 by months of trend" in told(result, "cannot be opened again")
    with pytest.raises(ConfigError, match=r"months of trend .* under whatever name"):
        open_holdout(desk, written(desk, other), now_ns=NOW + 4 * DAY)
    openings = [event for event in desk.experiments().journal() if event.kind == EventKind.HOLDOUT_OPENED]
    assert len(openings) == 1
    # What it showed stays in every later verdict.
    again = run(desk, day=5)
    note = told(again, "On the hold-out, opened on")
    assert f"{market['sharpe_annual']:.2f} against the promised" in note
    assert ("It kept its promise." in note) == market["passed"]
    assert f"An account without an edge would have kept it with a chance of {market['kept_without_edge']:.0%}." in note
    assert (market["not_deployable"] in note) == market["passed"]
    assert not again.deployable


def test_a_verdict_that_the_hold_out_refuted_does_not_say_deployable() -> None:
    gates = [{"name": "bootstrap", "passed": True, "sentence": "It would."}]
    judged = {"deployable": True, "verdict": "tsmom on ES is deployable: it passed all 16 gates.", "gates": gates}
    failed = {"market": "ES", "sharpe_annual": -0.5, "promised_sharpe_annual": 1.2, "passed": False}
    said = SimpleNamespace(kind=EventKind.VERDICT, experiment="one", body={"holdout": {"markets": [failed]}})
    spec: Any = SimpleNamespace(id="one")
    held = after_holdout(spec, [said], judged)  # type: ignore[list-item]
    assert held["verdict"] == (
        "tsmom on ES is not deployable: the hold-out of ES did not keep what was promised, although it passed all 16 "
        "gates."
    )
    assert not held["deployable"]
    assert after_holdout(spec, [], judged) is judged
    other = SimpleNamespace(kind=EventKind.VERDICT, experiment="other", body=said.body)
    kept = SimpleNamespace(
        kind=said.kind, experiment="one", body={"holdout": {"markets": [{**failed, "passed": True}]}}
    )
    assert after_holdout(spec, [other, kept], judged) is judged  # type: ignore[list-item]
    refused = {**judged, "deployable": False, "verdict": "tsmom on ES is not deployable: it failed bootstrap."}
    assert after_holdout(spec, [said], refused) is refused  # type: ignore[list-item]
    kept = Part(f'<div class="verdict yes"><p>{judged["verdict"]}</p></div>', "")
    shown = retold(kept, judged["verdict"], held["verdict"])
    assert shown.section == f'<div class="verdict no"><p>{held["verdict"]}</p></div>'


def test_an_experiment_that_was_not_run_opens_nothing(fresh: Workspace, tmp_path: Path) -> None:
    home = copied(fresh, tmp_path / "desk")
    with pytest.raises(ConfigError, match="nothing is frozen yet"):
        open_holdout(home, written(home), now_ns=NOW)
    assert all(event.kind != EventKind.HOLDOUT_OPENED for event in home.experiments().journal())


def test_a_verdict_that_others_looked_past_opens_nothing_and_says_so(desk: Workspace) -> None:
    run(desk, changed(("months of trend", "a second look"), ("[40, 80]", "[60]")), 1)
    with pytest.raises(ConfigError, match=r"the verdict on IXIC\.1d no longer holds: .* tried this idea"):
        open_holdout(desk, written(desk), now_ns=NOW + 2 * DAY)
    assert all(event.kind != EventKind.HOLDOUT_OPENED for event in desk.experiments().journal())


def test_costs_of_nothing_are_printed(desk: Workspace) -> None:
    free = FILE + "costs: {fee_per_unit: 0, slippage_rate: 0, slippage_ticks: 0}\nexecution: {cost_multiplier: 0.5}\n"
    result = run(desk, free, 1)
    assert "the fee a unit, slippage" in told(result, "Costs are set to nothing")
    told(result, "multiplied by 0.5")
    assert "trading.costs.fee_per_unit is 0 now and was not stated" in told(result, "later form")


def test_costs_changed_in_the_settings_are_printed_though_the_file_is_the_same(desk: Workspace) -> None:
    settings = desk.settings_file.read_text(encoding="utf-8")
    desk.settings_file.write_text(settings.replace("slippage_rate: '0.0002'", "slippage_rate: '0.0'"), encoding="utf-8")
    result = run(Workspace(desk.root), day=1)
    assert "slippage_rate was 0.0002 and is 0.0 now" in told(result, "changed outside of its file")


def test_markets_left_out_are_listed_and_their_looks_count(fresh: Workspace, tmp_path: Path) -> None:
    home = copied(fresh, tmp_path / "desk")
    run(home, changed(("[IXIC.1d]", "[IXIC.1d, SPX.1d]")))
    result = run(home, day=1)
    assert "SPX was in an earlier form" in told(result, "left out now")
    assert "SPX: 2 looks, the best with a Sharpe ratio of" in told(result, "not shown here")
    assert looks_of(result) == 6


def test_a_threshold_that_was_moved_after_the_result_is_printed(desk: Workspace) -> None:
    result = run(desk, FILE + "gates: {walk_forward: -1}\n", 1)
    note = told(result, "The threshold of the gate walk_forward was changed after")
    assert "the default in experiment" in note
    assert note.endswith("-1 now.")
    gate = next(g for g in result.examination["markets"][0]["evaluation"]["gates"] if g["name"] == "walk_forward")
    assert gate["threshold"] == -1.0
    (event,) = [e for e in desk.experiments().journal() if e.kind == EventKind.THRESHOLD_CHANGED]
    assert (event.body["gate"], event.body["before"], event.body["after"]) == ("walk_forward", None, -1.0)


def statement(home: Workspace, *texts: str) -> None:
    with sqlite3.connect(home.database) as connection:
        for text in texts:
            connection.execute(text)


def test_events_cannot_be_edited_or_deleted(desk: Workspace) -> None:
    for text in ("DELETE FROM experiment_event", "UPDATE experiment_event SET body = '{}' WHERE seq = 1"):
        with pytest.raises((sqlite3.DatabaseError, SQLAlchemyError), match="only ever added"):
            statement(desk, text)


UNGUARDED = ("DROP TRIGGER experiment_event_no_update", "DROP TRIGGER experiment_event_no_delete")


def test_an_edited_event_is_printed(desk: Workspace) -> None:
    edit = "UPDATE experiment_event SET body = replace(body, '\"trials\":', '\"tri4ls\":') WHERE seq = 2"
    statement(desk, *UNGUARDED, edit)
    told(run(desk, day=1), "changed by hand", "event 2 (run of")


def test_a_deleted_event_is_printed(desk: Workspace) -> None:
    statement(desk, *UNGUARDED, "DELETE FROM experiment_event WHERE seq = 2")
    result = run(desk, day=1)
    told(result, "changed by hand", "event 2 is missing")


def test_a_deleted_database_is_printed(desk: Workspace) -> None:
    for path in desk.root.glob("argus.db*"):
        path.unlink()
    result = run(desk, day=1)
    assert any("no history before" in note and "anchors.json" in note for note in result.notes)
    assert looks_of(result) == 3  # every run was made again, and is counted again


def test_a_deleted_trial_is_printed_and_its_run_is_made_again(desk: Workspace) -> None:
    run_id = json.loads(next(desk.runs.glob("experiment-*/stage-1.json")).read_text())["evaluation"]["search"][0][
        "run_id"
    ]
    statement(desk, f"DELETE FROM trial WHERE run_id = '{run_id}'")
    other = run(desk, changed(("lookback: [40, 80]", "lookback: [60]")), 1)
    told(other, "changed by hand", "does not say what it said")
    assert not run(desk, day=2).kept
    assert run_id in {trial.run_id for trial in desk.trials().journal()}


def test_an_edited_trial_is_printed(desk: Workspace) -> None:
    statement(desk, "UPDATE trial SET sharpe_session = sharpe_session - 1 WHERE purpose = 'search'")
    other = run(desk, changed(("lookback: [40, 80]", "lookback: [60]")), 1)
    told(other, "changed by hand", "does not say what it said")


def test_an_honest_experiment_has_nothing_to_hide(judged: Workspace, tmp_path: Path) -> None:
    result = run(copied(judged, tmp_path / "desk"), day=1)
    assert result.kept == ("IXIC.1d",)
    assert [note.split()[0] for note in result.notes] == ["Registered", "IXIC"]
    assert np.isfinite(result.examination["markets"][0]["base"]["sharpe_annual"])
