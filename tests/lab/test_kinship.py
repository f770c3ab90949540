"""One idea under several names: the ledger brings its looks together, and never loses one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.lab.journal.kinship import ExperimentLedger, kin_looks, kin_of, looks_cut, looks_elsewhere
from argus.lab.journal.trial_marks import Mark
from argus.lab.journal.trials import MarkedJournal, MemoryTrialLedger, SqlTrialLedger
from tests.lab.test_trials import trial


@pytest.fixture(params=["memory", "sql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> MarkedJournal:
    return MemoryTrialLedger() if request.param == "memory" else SqlTrialLedger(tmp_path / "argus.db")


def looked(run_id: str, family: str, lookback: int = 20, **other: object) -> dict[str, object]:
    parameters = json.dumps({"lookback": lookback})
    return trial(run_id, strategy=family, family=family, parameters=parameters, **other)


def test_marks_come_back_and_a_run_of_two_experiments_has_two(ledger: MarkedJournal) -> None:
    ledger.record(looked("a", "tsmom", source_hash="s", returns_hash="r"))
    ledger.record(looked("a", "tsmom", source_hash="s", returns_hash="r", experiment="e"))
    ledger.record(looked("a", "tsmom", source_hash="other", returns_hash="other"))
    ledger.record(looked("b", "tsmom"))
    assert ledger.marks() == (Mark("a", "", "s", "r"), Mark("a", "e", "s", "r"))


def test_names_are_one_idea_by_text_or_by_returns_through_each_other(ledger: MarkedJournal) -> None:
    ledger.record(looked("a", "first", source_hash="s1", returns_hash="r1"))
    ledger.record(looked("b", "second", source_hash="s1", returns_hash="r2"))
    ledger.record(looked("c", "third", source_hash="s3", returns_hash="r2"))
    ledger.record(looked("d", "stranger", source_hash="s4", returns_hash="r4"))
    kin = kin_of("first", ledger.journal(), ledger.marks())
    assert dict(kin.others) == {"second": "the same source", "third": "the same returns"}
    # A name without a run yet is known by its text.
    assert kin_of("fourth", ledger.journal(), ledger.marks(), "s4").families == {"fourth", "stranger"}


def test_equal_returns_on_another_market_are_no_kinship(ledger: MarkedJournal) -> None:
    ledger.record(looked("a", "first", returns_hash="r"))
    ledger.record(looked("b", "second", returns_hash="r", instruments="NQ"))
    assert not kin_of("first", ledger.journal(), ledger.marks()).others


def test_the_same_text_under_two_names_or_versions_is_looked_at_once(ledger: MarkedJournal) -> None:
    for number, (family, version) in enumerate((("one", "1"), ("two", "1"), ("one", "2"))):
        ledger.record(looked(f"r{number}", family, source_hash="s", version=version))
    ledger.record(looked("more", "two", 40, source_hash="s"))
    trials, marks = ledger.journal(), ledger.marks()
    kin = kin_of("one", trials, marks)
    # Under one name it was two versions; nothing may make that fewer.
    assert kin_looks(trials, marks, kin, ["ES"], 0, 1_000).count == 2
    assert ExperimentLedger(ledger, "e").looks("two", ["ES"], 0, 1_000).count == 2


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(1, 3), st.sampled_from(["s1", "s2", ""]), st.sampled_from("xyz")),
        max_size=14,
    )
)
def test_kin_never_has_fewer_looks_than_its_own_name(runs: list[tuple[str, int, str, str]]) -> None:
    ledger = MemoryTrialLedger()
    for number, (family, lookback, source, returns) in enumerate(runs):
        ledger.record(looked(f"r{number}", family, lookback, source_hash=source, returns_hash=returns))
    trials, marks = ledger.journal(), ledger.marks()
    for family in "abc":
        kin = kin_of(family, trials, marks)
        found = kin_looks(trials, marks, kin, ["ES"], 0, 1_000).count
        assert found >= ledger.looks(family, ["ES"], 0, 1_000).count
        assert all(family in kin_of(other, trials, marks).families for other in kin.others)


def test_what_an_experiment_runs_after_its_choice_is_no_look_for_itself(ledger: MarkedJournal) -> None:
    own = ExperimentLedger(ledger, "e")
    own.record(looked("a", "tsmom"))
    own.record(looked("h", "tsmom", 40, purpose="holdout"))
    assert own.looks("tsmom", ["ES"], 0, 1_000).count == 1
    assert ExperimentLedger(ledger, "other").looks("tsmom", ["ES"], 0, 1_000).count == 2


def test_looks_at_dropped_markets_count(ledger: MarkedJournal) -> None:
    ledger.record(looked("a", "tsmom"))
    ledger.record(looked("b", "tsmom", instruments="NQ"))
    assert ExperimentLedger(ledger, "e").looks("tsmom", ["ES"], 0, 1_000).count == 1
    assert ExperimentLedger(ledger, "e", "", ["NQ"]).looks("tsmom", ["ES"], 0, 1_000).count == 2


def test_other_markets_and_periods_are_told(ledger: MarkedJournal) -> None:
    started = json.dumps({"start_ns": 500})
    ledger.record(looked("a", "tsmom", sharpe_session=0.01))
    ledger.record(looked("b", "tsmom", instruments="NQ.202303,NQ.202306", sharpe_session=0.3))
    ledger.record(looked("c", "tsmom", config_hash=started))
    ledger.record(looked("d", "tsmom", last_ns=2_000))
    ledger.record(looked("e", "tsmom", last_ns=900))
    ledger.record(looked("f", "other", instruments="NQ"))
    trials = ledger.journal()
    (elsewhere,) = looks_elsewhere(trials, ["tsmom"], ["ES"])
    assert (elsewhere.market, elsewhere.looks.count, elsewhere.looks.sharpe_best) == ("NQ", 1, 0.3)
    found = looks_cut(trials, ["tsmom"], ["ES"], 0, 1_000)
    assert {(one.first_ns, one.last_ns) for one in found} == {(500, 1_000), (0, 2_000)}
