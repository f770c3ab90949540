"""``argus lab`` as a user types it: answers for people and for programs, and what each exit code promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from argus.lab.gates import GATES, HOLD_OUT
from tests.cli.command import Done, argus
from tests.lab.cheats_process.desk import FILE, template, written


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    home = template(tmp_path_factory.mktemp("lab") / "desk")
    written(home, FILE)
    return home.root, argus("lab", "run", "experiment.yaml", "--workers", "1", "--json", folder=home.root)


def test_a_run_tells_verdict_notes_and_hash(done: tuple[Path, Done]) -> None:
    told = json.loads(done[1].stdout)
    assert done[1].returncode == 0
    assert told["markets"][0]["verdict"].startswith("tsmom on IXIC is ")
    assert any(note.startswith("Registered on") for note in told["notes"])
    # A trade of the file's strategy is revised every 20 sessions.
    assert told["markets"][0]["gap"]["sessions"] == 20
    again = argus("lab", "run", "experiment.yaml", "--workers", "1", folder=done[0])
    assert "kept   tsmom on IXIC" in again.stdout
    assert told["examination_hash"] in again.stdout
    assert "the walk leaves out 20 sessions: a trade lasts up to 20 sessions" in again.stdout


def test_a_pack_is_made_and_repeated(done: tuple[Path, Done], tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    made = json.loads(argus("lab", "pack", "experiment.yaml", "--out", str(folder), "--json", folder=done[0]).stdout)
    assert made["expected"] == json.loads(done[1].stdout)["examination_hash"]
    # From a folder without a workspace: a pack needs none.
    repeated = argus("lab", "run", "--pack", str(folder), "--workers", "1", folder=tmp_path)
    assert repeated.returncode == 0
    assert "the same, byte for byte" in repeated.stdout
    experiment = folder / "experiment.yaml"
    experiment.chmod(0o644)
    experiment.write_text(FILE + "# x\n")
    broken = argus("lab", "run", "--pack", str(folder), folder=tmp_path)
    assert broken.returncode == 1
    assert "experiment.yaml was changed after the pack was made" in broken.stderr


def test_the_journal_and_the_loop(done: tuple[Path, Done]) -> None:
    told = json.loads(argus("lab", "journal", "--json", folder=done[0]).stdout)
    assert [event["kind"] for event in told["events"]][:3] == ["registered", "run", "verdict"]
    assert told["looks"][0]["strategy"] == "tsmom"
    assert "months of trend: tsmom on IXIC.1d" in argus("lab", "journal", folder=done[0]).stdout
    (row,) = told["screen"]["rows"]
    examined = json.loads(Path(json.loads(done[1].stdout)["examination"]).read_text())["markets"][0]["evaluation"]
    assert row["p_value"] == row["holm"] == 1.0 - examined["metrics"]["psr_zero"]
    assert row["sharpe_annual"] == examined["metrics"]["sharpe_annual"]
    words = argus("lab", "journal", folder=done[0]).stdout
    assert "1 idea was judged" in words
    assert "months of trend on IXIC.1d" in words
    looped = argus("lab", "loop", "experiment.yaml", "missing.yaml", "--workers", "1", folder=done[0])
    assert looped.returncode == 4
    assert "unchanged experiment.yaml" in looped.stdout
    assert "refused   missing.yaml" in looped.stdout


def test_a_hold_out_asks_once_more_before_it_is_spent(done: tuple[Path, Done]) -> None:
    asked = argus("lab", "open-holdout", "experiment.yaml", folder=done[0])
    assert asked.returncode == 1
    assert "give --yes" in asked.stderr
    opened = argus("lab", "open-holdout", "experiment.yaml", "--yes", folder=done[0])
    assert opened.returncode in (0, 3)
    assert "against the promised" in opened.stdout
    again = argus("lab", "open-holdout", "experiment.yaml", "--yes", folder=done[0])
    assert again.returncode == 1
    assert "under whatever name" in again.stderr


def test_every_gate_is_explained(tmp_path: Path) -> None:
    told = json.loads(argus("lab", "explain", "--json", folder=tmp_path).stdout)
    assert [one["term"] for one in told] == [gate.name for gate in (*GATES, HOLD_OUT)]
    text = argus("lab", "explain", "walk_forward", folder=tmp_path).stdout
    assert all(word in text for word in ("asks", "bound", "read", "fooled"))
    assert "nobody had looked at" in argus("lab", "explain", "hold_out", folder=tmp_path).stdout
    wrong = argus("lab", "explain", "walk_backward", folder=tmp_path)
    assert wrong.returncode == 1
    assert "no gate walk_backward" in wrong.stderr


def test_a_run_needs_a_file_or_a_pack(tmp_path: Path) -> None:
    assert "or --pack FOLDER" in argus("lab", "run", folder=tmp_path).stderr
    assert "goes with --pack" in argus("lab", "run", "x.yaml", "--keep", "y", folder=tmp_path).stderr
