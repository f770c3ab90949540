"""Experiments end to end: files that are refused, stages that are kept, packs that repeat, roots through rolls."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from argus.app import _experiment_stages as stages
from argus.app._experiment_file import plan_experiment
from argus.app._experiment_start import write_starting_experiment
from argus.app.candidates import Wanted, candidate_of
from argus.app.experiment_loop import experiment_files, journal, loop_once
from argus.app.experiments import run_experiment
from argus.app.packs import freeze, open_pack, read_pack, repeat
from argus.app.rolled import Rolling
from argus.app.tracing import trace_run
from argus.app.workspace import Workspace, init_workspace
from argus.core.errors import ArgusError, CatalogError, ConfigError, CoverageError
from argus.core.time import parse_ns
from argus.lab.journal.registry import EventKind
from argus.lab.search.play import RolledPlay
from tests.app.root_desk import NAMES, wandering, write
from tests.lab.cheats_process.desk import DAY, FILE, NOW, changed, copied, run, template, written

HELD = "data: {to: 2001-07-01}\nholdout: {from: 2002-01-01, to: 2003-01-01}"
TWO = changed(("[IXIC.1d]", "[IXIC.1d, SPX.1d]"))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return template(tmp_path_factory.mktemp("experiments") / "fresh")


@pytest.fixture(scope="module")
def judged(fresh: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    home = copied(fresh, tmp_path_factory.mktemp("experiments") / "judged")
    run(home)
    return home


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("hypothesis: Trends", "hypotheses: Trends", "hypotheses is no key of an experiment; did you mean hypothesis"),
        ("name: months of trend", "version: 0", "name is missing; see `argus lab run --help`"),
        ("Trends of an index last for months, because news is taken in slowly.", "it works", "say in a sentence"),
        ("splits: {", "version: '0.1'\nsplits: {", "another version is another hypothesis"),
        ("{to: 2001-07-01}", "{until: 2001-07-01}", "data has the key 'until'; only from and to are known"),
        ("{to: 2001-07-01}", "{to: 2002-07-01}", "the hold-out comes after the data"),
        ("{to: 2001-07-01}", "{from: 2030-01-01}", "comes after the data"),
        (
            "{to: 2001-07-01}\nholdout: {from: 2002-01-01, to: 2003-01-01}",
            "{from: 2030-01-01}",
            "data lies outside of IXIC",
        ),
        ("from: 2002-01-01, ", "", "holdout.from is missing"),
        ("train_years: 1", "train_years: 0", "splits.train_years is 0"),
        ("splits: {", "splits: {embargo_sessions: 0, ", "splits.embargo_sessions is 0"),
        ("splits: {", "gates: {walk_backward: 1}\nsplits: {", "there is no gate walk_backward"),
        ("splits: {", "gates: {walk_forward: true}\nsplits: {", "gates.walk_forward is True; Input should be"),
        ("splits: {", "require_recent_bars_hours: -1\nsplits: {", "require_recent_bars_hours is -1"),
        ("splits: {", "outcomes: {horizons: [0]}\nsplits: {", "outcomes.horizons"),
        ("splits: {", "periods: []\nsplits: {", "periods is no key of an experiment"),
        ("lookback: [40, 80]", "loockback: [40, 80]", "did you mean lookback"),
        ("splits: {", "costs: {fee: 1}\nsplits: {", "costs.fee is no key of an experiment"),
    ],
)
def test_a_wrong_file_is_refused_with_the_key(fresh: Workspace, old: str, new: str, message: str) -> None:
    with pytest.raises(ArgusError, match=message.replace("(", r"\(")):
        plan_experiment(fresh, written(fresh, changed((old, new))))
    assert fresh.experiments().journal() == ()


def test_an_experiment_without_ranges_is_one_parameter_set(fresh: Workspace) -> None:
    plan = plan_experiment(fresh, written(fresh, changed(("ranges:\n  lookback: [40, 80]\n", ""))))
    (values,) = plan.grids["IXIC.1d"]
    assert values == plan.base["IXIC.1d"]
    assert values["rebalance"] == 20


@pytest.mark.parametrize("strategy", ["sma_cross", "tsmom", "mean_reversion", "overnight"])
def test_a_first_file_can_be_run_as_it_stands(fresh: Workspace, tmp_path: Path, strategy: str) -> None:
    path = tmp_path / "first.yaml"
    write_starting_experiment(fresh, path, strategy)
    plan = plan_experiment(fresh, path)
    assert plan.spec.holdout_from == parse_ns("2015-01-01")
    assert all(len(grid) > 1 for grid in plan.grids.values())
    with pytest.raises(ConfigError, match="exists already"):
        write_starting_experiment(fresh, path, strategy)


def test_what_is_registered_is_known_before_the_first_run(judged: Workspace) -> None:
    first, second, third = judged.experiments().journal()
    assert [first.kind, second.kind, third.kind] == ["registered", "run", "verdict"]
    assert first.body["trials"] == 0
    assert set(first.body["data"]) == {"IXIC.1d"}
    assert first.body["data"]["IXIC.1d"] == judged.catalog().content_hash("IXIC.1d")
    assert first.body["spec"]["holdout_from"] == parse_ns("2002-01-01")
    assert second.body["runs"] == sum(trial.purpose != "holdout" for trial in judged.trials().journal())


def test_stale_data_are_refused_before_anything_is_registered(fresh: Workspace) -> None:
    path = written(fresh, FILE + "require_recent_bars_hours: 96\n")
    with pytest.raises(CoverageError, match=r"IXIC\.1d is stale: its last bar began at 2018-12-31"):
        run_experiment(fresh, path, now_ns=NOW)
    assert fresh.experiments().journal() == ()
    (refused,) = loop_once(fresh, [path], now_ns=NOW)
    assert (refused.did, refused.result) == ("refused", None)


def test_a_kill_costs_only_the_market_in_work(
    fresh: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_number: int, _count: int, market: str, stage: str, _done: int, _of: int) -> None:
        if market == "SPX.1d" and stage == "robustness":
            raise KeyboardInterrupt

    home = copied(fresh, tmp_path / "desk")
    with pytest.raises(KeyboardInterrupt):
        run_experiment(home, written(home, TWO), now_ns=NOW, progress=stop)
    seen = []
    judge = stages.MarketJob.judge
    monkeypatch.setattr(stages.MarketJob, "judge", lambda job, *rest: seen.append(job.market) or judge(job, *rest))
    result = run(home, TWO)
    assert seen == ["SPX.1d"]
    assert result.kept == ("IXIC.1d",)
    page = result.report.read_text(encoding="utf-8")
    # The section of the market that was judged before the kill is put in as it was kept.
    assert [page.count(f'<details class="candidate" id="c{number}">') for number in (1, 2)] == [1, 1]
    assert all(note.replace("'", "&#x27;").replace('"', "&quot;") in page for note in result.notes)
    whole = run(copied(fresh, tmp_path / "whole"), TWO)
    assert whole.examination["markets"] == result.examination["markets"]


def test_the_loop_runs_what_is_new_or_changed_and_nothing_else(judged: Workspace, tmp_path: Path) -> None:
    home = copied(judged, tmp_path / "desk")
    (tmp_path / "files").mkdir()
    path = tmp_path / "files" / "a.yaml"
    path.write_text(FILE, encoding="utf-8")
    files = experiment_files([tmp_path / "files"])
    (first,) = loop_once(home, files, now_ns=NOW)
    assert first.did == "unchanged"
    path.write_text(changed(("[40, 80]", "[40]")), encoding="utf-8")
    (second,) = loop_once(home, files, now_ns=NOW + DAY)
    assert (second.did, second.why) == ("run", "its file changed")
    assert loop_once(home, files, now_ns=NOW + DAY)[0].did == "unchanged"
    with pytest.raises(ConfigError, match="no experiment file"):
        experiment_files([tmp_path / "desk" / "runs"])
    told = journal(home)
    assert told.faults == ()
    assert told.families[0][:2] == ("tsmom", "IXIC")
    assert [event["kind"] for event in told.events].count(EventKind.VERDICT) == 2


def test_looks_at_other_markets_or_behind_the_cut_leave_a_verdict_as_it_is(judged: Workspace, tmp_path: Path) -> None:
    home = copied(judged, tmp_path / "desk")
    path = written(home)
    (own, *_) = [trial for trial in home.trials().journal() if trial.purpose == "search"]
    cut = parse_ns("2001-07-01")

    def look(run_id: str, **changes: object) -> None:
        home.trials().record({**asdict(own), "run_id": run_id, **changes})

    look("another market", instruments="SPX")
    look("behind the cut", first_ns=cut + DAY, last_ns=cut + 90 * DAY)
    assert stages.stages_hold(home, plan_experiment(home, path))
    again = run(home, day=1)
    assert again.kept == ("IXIC.1d",)
    # What a verdict says of other markets and periods is told anew all the same.
    assert any("SPX: 1 looks" in note for note in again.notes)
    # Judged anew it would say the same.
    (kept,) = home.runs.glob("experiment-*/stage-1.json")
    kept.unlink()
    assert run(home, day=1).examination["markets"] == again.examination["markets"]
    look("this market", version="of another time")
    assert not stages.stages_hold(home, plan_experiment(home, path))
    assert run(home, day=2).kept == ()


@pytest.fixture(scope="module")
def packed(judged: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packs") / "pack"
    pack = freeze(judged, written(judged), folder, now_ns=NOW + DAY)
    assert pack.expected is not None
    return folder


def test_a_pack_repeats_to_the_same_examination(packed: Path, tmp_path: Path) -> None:
    done = repeat(packed, tmp_path / "elsewhere")
    assert done.same is True
    assert done.result.kept == ()
    assert read_pack(packed).id == done.pack.id


def test_a_pack_made_before_the_run_gives_what_the_run_gives(fresh: Workspace, tmp_path: Path) -> None:
    home = copied(fresh, tmp_path / "desk")
    pack = freeze(home, written(home), tmp_path / "pack", now_ns=NOW)
    done = repeat(tmp_path / "pack", tmp_path / "elsewhere")
    assert (pack.expected, done.same) == (None, None)
    assert run(home, day=5).examination_hash == done.result.examination_hash


def test_one_flipped_byte_is_named(packed: Path, tmp_path: Path) -> None:
    names = sorted(read_pack(packed).files)
    assert {"argus.db", "argus.yaml", "experiment.yaml"} <= set(names)
    for number, name in enumerate(names):
        copy = tmp_path / f"copy{number}"
        open_pack(packed, copy)
        content = bytearray((copy / name).read_bytes())
        content[len(content) // 2] ^= 1
        (copy / name).write_bytes(content)
        (copy / "runs").rmdir() if not any((copy / "runs").iterdir()) else None
        with pytest.raises(CatalogError, match=f"{name.split('/')[-1]} was changed"):
            read_pack(copy)


def test_a_missing_an_added_and_a_restated_file_are_named(packed: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    open_pack(packed, copy)
    (copy / "more.txt").write_text("x")
    with pytest.raises(CatalogError, match=r"more\.txt is no part of the pack"):
        read_pack(copy)
    (copy / "more.txt").unlink()
    told = json.loads((copy / "pack.json").read_text())
    (copy / "pack.json").write_text(json.dumps(told | {"expected": "0" * 64}))
    with pytest.raises(CatalogError, match=r"pack\.json was changed"):
        read_pack(copy)
    (copy / "experiment.yaml").unlink()
    with pytest.raises(CatalogError, match=r"experiment\.yaml is missing"):
        read_pack(copy)
    with pytest.raises(ConfigError, match="not empty"):
        open_pack(packed, copy)
    with pytest.raises(CatalogError, match="is no pack"):
        read_pack(tmp_path)


ROLLED = """
name: a cross on contracts
hypothesis: The front contract goes on for days after it has crossed its mean.
strategy: sma_cross
rolls: {roll: calendar, adjust: difference, days: 5}
ranges:
  fast: [3, 5]
  slow: [8]
instruments: [MES.1d]
holdout: {from: 2023-06-01}
splits: {train_years: 0.2, test_years: 0.1}
"""


def test_roots_are_judged_through_their_rolls_and_cut_before_the_hold_out(tmp_path: Path) -> None:
    home, _ = init_workspace(tmp_path / "desk")
    for at, name in enumerate(NAMES):
        write(home.catalog(), wandering(name, at), name)
    cut = parse_ns("2023-06-01")
    settings = home.settings
    candidate, source = candidate_of(home, Wanted("sma_cross", ("MES.1d",), settings, rolling=Rolling(), cut_ns=cut))
    assert isinstance(candidate.play, RolledPlay)
    assert all(bars.ts_close_ns[-1] <= cut for _, bars in candidate.play.contracts.values())
    assert all(bars.ts_close_ns[-1] <= cut for root in candidate.play.roots for bars in root.contracts.values())
    assert candidate.market["MES"][1].ts_close_ns[-1] <= cut
    assert source["kind"] == "rolled"
    result = run(home, ROLLED)
    (market,) = result.examination["markets"]
    assert market["evaluation"]["universe"] == ["MES"]
    assert market["evaluation"]["completeness"]["MES"] > 0.5
    assert not any("other periods" in note for note in result.notes)
    assert all(trial.last_ns <= cut for trial in home.trials().journal())
    # The account was kept, and a trade of it can be worked out again, though newer bars are in the catalog.
    (walk,) = [trial for trial in home.trials().journal() if trial.purpose == "walk_forward"]
    trades = market["evaluation"]["metrics"]["trades"]
    assert trades > 1
    for number in range(trades):
        traced = trace_run(home, walk.run_id, number)
        assert traced.instrument in {f"MES.{name}" for name in NAMES}
        assert traced.net_micros == traced.recorded_net_micros
        seen = {bar.instrument for step in traced.fills if step.decision for bar in step.decision.bars}
        assert any(name.startswith("MES ") and name.endswith(" series") for name in seen)
    assert trace_run(home, walk.run_id).run_id == walk.run_id


def test_a_holdout_of_a_few_sessions_is_not_opened(fresh: Workspace, tmp_path: Path) -> None:
    from argus.app._experiment_stages import MarketJob, register
    from argus.app.holdout import _on_holdout

    # Three sessions in: whatever they bring, it is the toss of a coin, and it would be called a promise kept.
    text = changed(("from: 2002-01-01, to: 2003-01-01", "from: 2018-12-27"))
    judged = copied(fresh, tmp_path / "desk")
    plan = plan_experiment(judged, written(judged, text))
    job = MarketJob(judged, plan, register(judged, plan, NOW), "IXIC.1d")
    with pytest.raises(CoverageError, match=r"IXIC has 3 sessions in the hold-out so far.*Nothing was opened"):
        _on_holdout(judged, job, plan)
    assert not any(event.kind == EventKind.HOLDOUT_OPENED for event in judged.experiments().journal())
