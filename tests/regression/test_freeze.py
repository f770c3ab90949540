from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from argus.core.errors import DataError
from tests.regression.freeze import main
from tests.regression.runs import RUNS
from tests.regression.snapshot import path_of, read, rows_of

TWO = {name: RUNS[name] for name in ("targets", "closes_only")}


@pytest.fixture
def frozen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder with two runs frozen."""
    assert main([], folder=tmp_path, runs=TWO) == 0
    capsys.readouterr()
    return tmp_path


def alter(folder: Path, name: str = "targets") -> str:
    """Let a frozen file say something else; returns its text."""
    held = read(name, folder)
    held["statistics"]["orders"] = "3"
    path_of(name, folder).write_text(json.dumps(held), encoding="utf-8")
    return path_of(name, folder).read_text(encoding="utf-8")


def test_files_are_written_once_with_their_history(frozen: Path) -> None:
    held = read("targets", frozen)
    assert held["history"] == [
        {"reason": "first frozen", "order_list_hash": held["order_list_hash"], "fills_hash": held["fills_hash"]}
    ]
    assert len(rows_of(held["orders"])) == int(held["statistics"]["orders"])
    assert sorted(path.stem for path in frozen.iterdir()) == ["closes_only", "targets"]


def test_a_second_time_changes_nothing(frozen: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = path_of("targets", frozen).read_bytes()
    assert main(["--reason", "there is none"], folder=frozen, runs=TWO) == 0
    assert path_of("targets", frozen).read_bytes() == before
    assert capsys.readouterr().out == "targets: as frozen\ncloses_only: as frozen\n"


def test_a_change_is_explained_and_not_written_without_a_reason(
    frozen: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = alter(frozen)
    assert main([], folder=frozen, runs=TWO) == 1
    assert path_of("targets", frozen).read_text(encoding="utf-8") == before
    told = capsys.readouterr().out
    assert "statistic orders: frozen 3, found 20" in told
    assert 'left as they are: targets. Give --reason "..."' in told


def test_a_reason_overwrites_and_is_kept(frozen: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alter(frozen)
    assert main(["--reason", "fees are counted anew", "targets"], folder=frozen, runs=TWO) == 0
    held = read("targets", frozen)
    assert [entry["reason"] for entry in held["history"]] == ["first frozen", "fees are counted anew"]
    assert held["statistics"]["orders"] == "20"
    assert "targets: frozen anew" in capsys.readouterr().out


def test_a_check_writes_nothing(frozen: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = alter(frozen)
    path_of("closes_only", frozen).unlink()
    assert main(["--check"], folder=frozen, runs=TWO) == 1
    assert path_of("targets", frozen).read_text(encoding="utf-8") == before
    assert not path_of("closes_only", frozen).exists()
    assert "closes_only is not frozen yet" in capsys.readouterr().out


def test_one_name_leaves_the_others_alone(frozen: Path) -> None:
    before = alter(frozen)
    assert main(["closes_only"], folder=frozen, runs=TWO) == 0
    assert path_of("targets", frozen).read_text(encoding="utf-8") == before


def test_a_file_without_a_run_is_told(frozen: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path_of("of_old", frozen).write_text("{}", encoding="utf-8")
    assert main(["--check"], folder=frozen, runs=TWO) == 1
    assert "no reference run is behind of_old.json" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["targte"], "no reference run is called targte; there are targets, closes_only"),
        (["--reason", " "], "--reason is empty"),
        (["--check", "--reason", "why"], "--check writes nothing"),
    ],
)
def test_wrong_calls(arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments, folder=tmp_path, runs=TWO) == 2
    assert told in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_there_or_of_another_format(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing is frozen under this name; run python -m"):
        read("targets", tmp_path)
    path_of("targets", tmp_path).write_text('{"format": 0}', encoding="utf-8")
    with pytest.raises(DataError, match="has format 0; this code reads 1"):
        read("targets", tmp_path)


def test_the_command_can_be_called(repository: Path) -> None:
    command = [sys.executable, "-m", "tests.regression.freeze", "--check", "no_such_run"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout.startswith("no reference run is called no_such_run; there are targets, ")
