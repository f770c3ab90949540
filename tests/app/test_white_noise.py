"""White noise beside registered hold-outs: where it stops, and what is written down where it does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from argus.app._experiment_file import plan_experiment
from argus.app._experiment_stages import register
from argus.app.experiments import background
from argus.app.settings import CandidateSettings
from argus.app.white_noise import NoiseRange, NoiseResult, white_noise
from argus.app.workspace import Workspace
from argus.core.errors import ConfigError
from argus.core.time import parse_ns
from argus.lab.journal.registry import EventKind
from argus.lab.journal.verdict_notes import holdout_seen, verdict_notes
from tests.lab.cheats_process.desk import NOW, changed, copied, template, written

ITEM = CandidateSettings(strategy="overnight", datasets=("IXIC.1d",))
OTHER = CandidateSettings(strategy="tsmom", datasets=("SPX.1d",), parameters={"execution": "moc"})
HOLDOUT = parse_ns("2002-01-01")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return template(tmp_path_factory.mktemp("noise") / "fresh")


@pytest.fixture
def home(fresh: Workspace, tmp_path: Path) -> Workspace:
    """A workspace with a registered experiment that holds 2002 out."""
    home = copied(fresh, tmp_path / "desk")
    register(home, plan_experiment(home, written(home)), NOW)
    return home


def searched(home: Workspace, over: NoiseRange | None = None, item: CandidateSettings = ITEM) -> NoiseResult:
    return white_noise(home, item, ("sign_flipped",), 1, over=over, now_ns=NOW)


def notes_of(home: Workspace) -> tuple[str, ...]:
    plan = plan_experiment(home, written(home))
    return verdict_notes(plan.spec, register(home, plan, NOW), background(home, plan))


def test_it_stops_before_a_hold_out_that_is_shut(home: Workspace) -> None:
    found = searched(home)
    assert found.last_ns <= HOLDOUT < found.last_ns + 5 * 86_400 * 10**9
    assert found.as_dict()["holdout"] == {"from": "2002-01-01T00:00:00Z", "searched": False}
    assert any("before the hold-out of months of trend" in note for note in found.notes)
    plan = plan_experiment(home, written(home))
    assert holdout_seen(plan.spec, home.trials().journal()) == 0
    assert all(event.kind != EventKind.HOLDOUT_SEEN for event in home.experiments().journal())
    assert not any("--include-holdout" in note for note in notes_of(home))


def test_going_over_it_is_recorded_first_and_told_in_later_verdicts(home: Workspace) -> None:
    found = searched(home, NoiseRange(include_holdout=True))
    assert found.last_ns > parse_ns("2018-12-01")
    assert found.holdout_seen
    (event,) = [one for one in home.experiments().journal() if one.kind == EventKind.HOLDOUT_SEEN]
    assert event.body["instruments"] == ["IXIC"]
    (anchors,) = home.runs.glob("experiment-*/anchors.json")
    assert event.hash in json.loads(anchors.read_text())
    told = notes_of(home)
    (seen,) = [note for note in told if "--include-holdout" in note]
    assert "argus lab whitenoise overnight (4 parameter sets)" in seen
    assert any("was seen by 4 runs after it was registered" in note for note in told)


def test_a_range_is_kept_to(home: Workspace) -> None:
    found = searched(home, NoiseRange(parse_ns("2000-01-01"), parse_ns("2001-01-01")))
    assert found.first_ns == parse_ns("2000-01-01")
    assert parse_ns("2000-12-25") < found.last_ns <= parse_ns("2001-01-01")
    assert not any("hold-out" in note for note in found.notes)
    (trial, *_) = home.trials().journal()
    assert trial.sessions <= 253
    with pytest.raises(ConfigError, match="begin earlier, or give --include-holdout"):
        searched(home, NoiseRange(parse_ns("2004-01-01")))
    with pytest.raises(ConfigError, match="ends after it begins"):
        NoiseRange(HOLDOUT, HOLDOUT)


def test_other_markets_and_opened_hold_outs_are_searched_whole(home: Workspace) -> None:
    other = searched(home, item=OTHER)
    assert other.as_dict()["holdout"] is None
    assert other.last_ns > parse_ns("2018-12-01")
    spec = plan_experiment(home, written(home)).spec
    home.experiments().open_holdout(spec, {"markets": ["IXIC.1d"]}, NOW)
    assert searched(home).last_ns > parse_ns("2018-12-01")
    later = written(home, changed(("from: 2002-01-01, to: 2003-01-01", "from: 2010-01-01")), "later.yaml")
    register(home, plan_experiment(home, later), NOW)
    assert searched(home).last_ns <= parse_ns("2010-01-01")
