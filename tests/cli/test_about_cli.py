"""``argus doctor``, ``inventory`` and ``explain`` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from argus.app.inventory import KINDS
from tests.cli.command import argus


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("about")
    assert argus("init", "desk", folder=folder).returncode == 0
    assert argus("data", "synth", "-i", "ES", "--sessions", "150", folder=folder / "desk").returncode == 0
    assert argus("backtest", "sma_cross", "--dataset", "ES.SYNTH0.1d", folder=folder / "desk").returncode == 0
    return folder / "desk"


def test_doctor_says_what_it_found(desk: Path) -> None:
    done = argus("doctor", folder=desk)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 datasets with 150 bars, read and equal to their hashes" in done.stdout
    assert "ES: margins" in done.stdout
    assert done.stdout.splitlines()[-1] == "sound"
    answer = json.loads(argus("doctor", "--json", "--quick", folder=desk).stdout)
    assert answer["healthy"] is True
    assert {check["name"] for check in answer["checks"]} >= {"python", "libraries", "instruments", "calendars", "disk"}


def test_doctor_exits_with_one_where_something_is_broken(desk: Path, tmp_path: Path) -> None:
    assert argus("init", "sick", folder=tmp_path).returncode == 0
    (tmp_path / "sick" / "argus.yaml").write_text("nonsense: 1\n")
    done = argus("doctor", folder=tmp_path / "sick")
    assert done.returncode == 1
    assert "failed   settings" in done.stdout
    assert "Traceback" not in done.stderr


def test_doctor_needs_no_workspace(tmp_path: Path) -> None:
    done = argus("doctor", folder=tmp_path)
    assert done.returncode == 0
    assert "argus init FOLDER" in done.stdout


def test_inventory_counts_every_kind_and_lists_one(desk: Path) -> None:
    counts = json.loads(argus("inventory", "--json", folder=desk).stdout)
    assert [row["kind"] for row in counts] == list(KINDS)
    assert {row["kind"]: row["count"] for row in counts}["datasets"] == 1
    told = argus("inventory", folder=desk).stdout
    assert "strategies" in told
    rows = json.loads(argus("inventory", "gates", "--json", folder=desk).stdout)
    assert "deflated_sharpe" in [row["name"] for row in rows]
    assert "sma_cross" in argus("inventory", "strategy", folder=desk).stdout
    (run,) = json.loads(argus("inventory", "runs", "--json", folder=desk).stdout)
    assert (run["strategy"], run["instruments"], run["parameters"]["fast"]) == ("sma_cross", ["ES"], 20)
    assert "no runs here" in argus("inventory", "runs", folder=desk.parent).stdout


def test_inventory_of_an_unknown_kind(desk: Path) -> None:
    done = argus("inventory", "spaceships", folder=desk)
    assert done.returncode == 1
    assert "known: strategies" in done.stderr


def test_explain_tells_in_four_parts(tmp_path: Path) -> None:
    told = argus("explain", "deflated", "sharpe", folder=tmp_path)
    assert told.returncode == 0
    for label in ("What it is", "Why it matters", "How to read it", "What to distrust", "passes: at least 0.95"):
        assert label in told.stdout
    (entry,) = json.loads(argus("explain", "MARKET_AT_OPEN", "--json", folder=tmp_path).stdout)
    assert entry["term"] == "Market at open"


def test_explain_an_unknown_word(tmp_path: Path) -> None:
    done = argus("explain", "sharpp", folder=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "did you mean sharpe" in done.stderr
