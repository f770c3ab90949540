"""Outcomes of experiments: made of the bars before the cut, shown, and packed; of instruments and of roots."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from argus.app.experiments import ExperimentResult
from argus.app.outcomes import backfill
from argus.app.packs import freeze, repeat
from argus.app.rolled import Rolling
from argus.app.workspace import Workspace, init_workspace
from argus.core.time import parse_ns
from argus.data.outcome_store import NEVER, OutcomeTable
from argus.lab.outcomes import OutcomeSpec
from tests.app.root_desk import NAMES, wandering, write
from tests.app.test_experiments import ROLLED
from tests.lab.cheats_process.desk import DAY, FILE, NOW, run, template, written

ASKED = "outcomes: {horizons: [2, 10], barriers: [[1, 1]]}\n"
CUT = parse_ns("2001-07-01")


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, ExperimentResult]:
    home = template(tmp_path_factory.mktemp("outcomes") / "desk")
    return home, run(home, FILE + ASKED)


def tables(home: Workspace) -> dict[str, OutcomeTable]:
    found = sorted(path.parent for path in home.runs.glob("experiment-*/outcomes/**/manifest.json"))
    return {f"{path.parts[-3]}/{path.parts[-2]}/{path.name.split('-')[0]}": OutcomeTable(path) for path in found}


def test_no_window_looks_over_the_cut(judged: tuple[Workspace, ExperimentResult]) -> None:
    home, _ = judged
    found = tables(home)
    assert set(found) == {"market-1/IXIC/2", "market-1/IXIC/10"}
    for name, table in found.items():
        columns = table.after_the_fact()
        ended = columns.known_at_ns[columns.known_at_ns < NEVER]
        assert ended.max() <= CUT + DAY
        assert columns.ts_recv_ns[-1] <= CUT + DAY
        assert np.isnan(columns.forward_return[-int(name.rpartition("/")[2]) :]).all()
    # Outcomes that the workspace has go to the end of its data, and are not what an experiment reads.
    backfill(home, ["IXIC"], ["1d"], OutcomeSpec(horizons=(2, 10)), Rolling())
    assert len(tables(home)["market-1/IXIC/2"].after_the_fact()) == len(columns)


def test_entries_stand_beside_all_bars(judged: tuple[Workspace, ExperimentResult]) -> None:
    _, result = judged
    (market,) = result.as_dict()["markets"]
    two, ten = market["outcomes"]
    assert (two["horizon"], ten["horizon"]) == (2, 10)
    every, *sides = two["groups"]
    assert every["name"] == "all bars"
    trades = result.examination["markets"][0]["evaluation"]["metrics"]["trades"]
    assert trades <= sum(group["count"] + group["left_out"] for group in sides) <= trades + 1
    assert every["count"] > 200
    assert every["figures"]["upper_1:1"]["mean"] + every["figures"]["lower_1:1"]["mean"] <= 1.0
    page = result.report.read_text(encoding="utf-8")
    assert "What followed the entries" in page
    assert 'aria-label="Mean return after entries and after all bars, by horizon"' in page
    json.dumps(result.examination, allow_nan=False)


def test_a_pack_with_outcomes_repeats_byte_for_byte(judged: tuple[Workspace, ExperimentResult], tmp_path: Path) -> None:
    home, result = judged
    backfill(home, ["IXIC"], ["1d"], OutcomeSpec(horizons=(3,)), Rolling())
    made = freeze(home, written(home, FILE + ASKED), tmp_path / "pack", now_ns=NOW + DAY)
    assert made.expected == result.examination_hash
    assert any(name.startswith(f"runs/experiment-{result.spec.id}/outcomes/market-1/IXIC/") for name in made.files)
    assert any(name.startswith("catalog/outcomes/IXIC/1d/3-bars-") for name in made.files)
    done = repeat(tmp_path / "pack", tmp_path / "again")
    assert done.same is True
    for name, seal in made.files.items():
        if "/outcomes/" in name and name.endswith(".parquet"):
            assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "pack" / name).read_bytes(), seal


def test_a_pack_of_roots_with_outcomes_repeats_byte_for_byte(tmp_path: Path) -> None:
    home, _ = init_workspace(tmp_path / "desk")
    for at, name in enumerate(NAMES):
        write(home.catalog(), wandering(name, at), name)
    backfill(home, ["MES"], ["1d"], OutcomeSpec(horizons=(3,)), Rolling())
    folder = home.root / "features" / "of_closes" / "MES" / "1d"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}", encoding="utf-8")
    result = run(home, ROLLED + ASKED)
    (market,) = result.as_dict()["markets"]
    (every, *sides), _ = (one["groups"] for one in market["outcomes"])
    assert every["count"] > 20
    assert sum(group["count"] + group["left_out"] for group in sides) > 0
    cut = parse_ns("2023-06-01")
    assert all(table.after_the_fact().ts_recv_ns[-1] <= cut for table in tables(home).values())
    made = freeze(home, written(home, ROLLED + ASKED), tmp_path / "pack", now_ns=NOW + DAY)
    assert made.expected == result.examination_hash
    assert "features/of_closes/MES/1d/manifest.json" in made.files
    assert any(name.startswith("catalog/outcomes/MES/1d/3-bars-") for name in made.files)
    assert repeat(tmp_path / "pack", tmp_path / "again").same is True
