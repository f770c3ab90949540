"""``argus backtest --roll`` and ``argus trace`` as a user types them."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from argus.app.workspace import init_workspace
from tests.app.root_desk import NAMES, wandering, write
from tests.cli.command import argus

RUN = ("backtest", "sma_cross", "--dataset", "MES", "--param", "fast=3", "--param", "slow=8")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace, _ = init_workspace(tmp_path_factory.mktemp("desk"))
    for at, name in enumerate(NAMES):
        write(workspace.catalog(), wandering(name, at), name)
    return workspace.root


def test_a_root_is_run_through_its_rolls_and_each_is_named_with_its_cost(desk: Path) -> None:
    done = argus(*RUN, "--roll", "calendar", "--slippage-ticks", "1", "--fee-per-contract", "0.5", folder=desk)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for old, new in pairwise(NAMES):
        (line,) = [line for line in lines if f"MES.{old} " in line and f"MES.{new} " in line and "calendar" in line]
        assert "3.50" in line  # two contracts' fee of 0.50, two ticks of 1.25
    assert any("2 rolls, 2 with a position; their fees and slippage: 7.00" in line for line in lines)
    figures = json.loads(argus(*RUN, "--roll", "calendar", "--adjust", "ratio", "--json", folder=desk).stdout)
    assert [roll["from_symbol"] for roll in figures["rolls"]] == [f"MES.{name}" for name in NAMES[:-1]]
    trade = figures["rolls"][0]["opened_trade"]
    traced = argus("trace", figures["run_id"], "--trade", str(trade), folder=desk)
    assert traced.returncode == 0, traced.stderr
    assert f"MES.{NAMES[1]}" in traced.stdout
    assert f"roll from MES.{NAMES[0]}" in " ".join(traced.stdout.split())


def test_limits_and_halts_hold_through_rolls(desk: Path) -> None:
    words = (*RUN, "--roll", "calendar", "--units", "2", "--json")
    free = json.loads(argus(*words, folder=desk).stdout)
    assert not free["refused_orders"]
    held = argus(*words, "--max-position", "1", "--max-order", "5", "--price-collar", "0.5", folder=desk)
    assert held.returncode == 0, held.stderr
    figures = json.loads(held.stdout)
    assert figures["refused_orders"] > 0
    assert figures["fills"] == 0
    assert "would be 2 units; at most 1 are allowed" in " ".join(figures["notes"])
    wide = json.loads(argus(*words, "--max-position", "2", "--max-orders-per-minute", "9", folder=desk).stdout)
    assert (wide["net_pnl"], wide["rolls"]) == (free["net_pnl"], free["rolls"])
    halted = argus(*words, "--cash", "20000", "--daily-loss", "off", "--drawdown", "0.01", "--flatten", folder=desk)
    assert halted.returncode == 0, halted.stderr
    figures = json.loads(halted.stdout)
    assert any("trading was halted" in note for note in figures["notes"])
    assert figures["orders"] < free["orders"]


@pytest.mark.parametrize("kind", ["warmup", "costs"])
def test_a_root_is_audited(desk: Path, kind: str) -> None:
    words = ("audit", kind, *RUN[1:], "--roll", "calendar", "--adjust", "ratio", "--fee-per-contract", "0.5", "--json")
    done = argus(*words, folder=desk)
    assert done.returncode == 0, done.stdout + done.stderr
    (report,) = json.loads(done.stdout)["reports"]
    assert (report["instruments"], report["verdict"]) == (["MES"], "clean")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ((*RUN, "--roll", "weekly"), "--roll is 'weekly'"),
        ((*RUN, "--adjust", "ratio"), "--adjust ratio belongs to a run through rolls"),
        (("backtest", "sma_cross", "--dataset", "NQ", "--roll", "calendar"), "no contracts of that name"),
        ((*RUN, "--roll", "calendar", "--finer", "MES.1m"), "--finer MES.1m: the catalog has no contracts of that"),
        ((*RUN, "--roll", "calendar", "--finer", "MES.1d"), "give bars that are shorter"),
        ((*RUN, "--roll", "calendar", "--events", "sheet.csv"), "futures have no splits and no dividends"),
        (("audit", "costs", "--all", "--roll", "calendar"), "--all audits on the embedded data"),
        (("audit", "costs", "sma_cross", "--dataset", "MES", "--adjust", "ratio"), "belongs to a run through rolls"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(desk: Path, words: tuple[str, ...], named: str) -> None:
    done = argus(*words, folder=desk)
    assert done.returncode == 1
    assert named in done.stderr
    assert "Traceback" not in done.stderr
