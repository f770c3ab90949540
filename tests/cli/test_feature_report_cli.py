"""``argus features report`` and the pictures of ``argus explain`` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import argus

REPORT = ("features", "report", "--set", "sma,zscore", "--symbol", "ES.SYNTH0", "--timeframe", "1d")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("features")
    assert argus("init", "desk", folder=folder).returncode == 0
    assert argus("data", "synth", "-i", "ES", "--sessions", "700", folder=folder / "desk").returncode == 0
    done = argus(
        "features", "harvest", "--set", "sma,zscore", "--symbols", "ES.SYNTH0", "--timeframes", "1d",
        folder=folder / "desk",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "desk"


def test_report_in_text_json_and_page(desk: Path) -> None:
    done = argus(*REPORT, "--out", "page.html", folder=desk)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("sma,zscore: ES.SYNTH0 1d: 700 rows")
    assert "Causality: No value moved" in done.stdout
    assert (desk / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    told = json.loads(argus(*REPORT, "--json", folder=desk).stdout)
    assert [column["name"] for column in told["columns"]] == ["sma", "zscore"]
    assert told["certificate"]["clean"] is True
    assert told["page"] is None


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--set", "sma"), "state --symbol and --timeframe of a harvested table, or a file with --bars"),
        (("--symbol", "ES.SYNTH0", "--timeframe", "1d", "--stamp", "end"), "--stamp describes a file"),
        (("--symbol", "ES.SYNTH0", "--timeframe", "1d", "--bars", "x.csv"), "state one"),
        (("--bars", "x.csv"), "--instrument is missing"),
        (("--symbol", "ES.SYNTH0", "--timeframe", "1d", "--set", "rsi"), "no features of rsi are harvested"),
    ],
)
def test_what_is_not_stated_or_not_there_is_said(desk: Path, words: tuple[str, ...], hint: str) -> None:
    done = argus("features", "report", *words, folder=desk)
    assert done.returncode == 1
    assert hint in done.stderr


def test_explain_draws_a_feature_but_not_in_json(tmp_path: Path) -> None:
    told = argus("explain", "feature", "zscore", "--picture", "z.svg", folder=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "formula:" in told.stdout
    assert "ES, synthetic" in told.stdout
    assert (tmp_path / "z.svg").read_text(encoding="utf-8").startswith("<svg")
    (entry,) = json.loads(argus("explain", "feature", "zscore", "--json", folder=tmp_path).stdout)
    assert entry["kind"] == "feature"
    refused = argus("explain", "gate", "minimum_trades", "--picture", "g.svg", folder=tmp_path)
    assert refused.returncode == 1
    assert "--picture draws features" in refused.stderr


def test_inventory_lists_features_and_sets(tmp_path: Path) -> None:
    rows = json.loads(argus("inventory", "features", "--json", folder=tmp_path).stdout)
    assert {"name", "family", "unit", "range", "warmup", "meaning"} <= set(rows[0])
    sets = json.loads(argus("inventory", "sets", "--json", folder=tmp_path).stdout)
    assert sets[0]["name"] == "futures"
    assert sets[0]["count"] == len(sets[0]["columns"])
