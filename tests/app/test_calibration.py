"""A calibration on disk: it goes on after a kill, has the same bytes for any number of workers, and is drawn."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest

from argus.app import calibration as app
from argus.app.calibration import TABLE, calibrate, calibration_identity, read_table, write_page, write_table
from argus.core.errors import DataError
from argus.lab.calibration.cases import Answer, Case, CaseResult, calibration_plan
from argus.lab.calibration.table import CalibrationTable
from argus.report.calibration import gates_svg, markdown, power_svg, rates_svg, summary, threshold_lines

PLAN = calibration_plan(4, 1, 1)
JUDGED: list[str] = []


def quick(case: Case) -> tuple[CaseResult, float]:
    """A verdict without a search: what is tested here is what becomes of it."""
    JUDGED.append(case.name)
    good = case.has_edge and case.sharpe > 1.2
    answers = (Answer("walk_forward", good, case.sharpe, 0.3), Answer("look_ahead", True, 1.0, 1.0))
    return CaseResult(case.name, good, answers, {"sets": 200.0, "sharpe_walk": case.sharpe}), 0.5


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    JUDGED.clear()
    monkeypatch.setattr(app, "_timed", quick)


@pytest.mark.usefixtures("quickly")
def test_a_killed_calibration_goes_on_and_gives_the_same_bytes(tmp_path: Path) -> None:
    whole = calibrate(tmp_path / "whole", PLAN)
    assert whole.judged == len(PLAN) == len(JUDGED)
    assert whole.seconds_case == 0.5

    class Killed(Exception):
        pass

    def kill(done: int, total: int, name: str) -> None:
        if done == 5:
            raise Killed

    with pytest.raises(Killed):
        calibrate(tmp_path / "parts", PLAN, progress=kill)
    (folder,) = (tmp_path / "parts").iterdir()
    assert not (folder / TABLE).exists()
    with (folder / "done.jsonl").open("ab") as file:
        file.write(b'{"seconds": 0.1, "case": "cut sho')
    JUDGED.clear()
    told: list[tuple[int, int, str]] = []
    rest = calibrate(tmp_path / "parts", PLAN, progress=lambda *news: told.append(news))
    assert rest.judged == len(PLAN) - 5 == len(JUDGED)
    assert told[0][0] == 6
    assert told[-1][:2] == (len(PLAN), len(PLAN))
    assert (rest.folder / TABLE).read_bytes() == (whole.folder / TABLE).read_bytes()
    assert rest.folder.name == whole.folder.name == f"calibration-{calibration_identity(PLAN)}"
    again = calibrate(tmp_path / "parts", PLAN)
    assert again.judged == 0
    assert calibration_identity(PLAN[1:]) != calibration_identity(PLAN)


def test_two_processes_find_what_one_finds(tmp_path: Path) -> None:
    # Cases that end at once: their prices stop at the tick grid before anything is searched.
    plan = tuple(replace(case, vol_annual=2.0) for case in calibration_plan(2, 0, 0))
    one, two = calibrate(tmp_path / "one", plan), calibrate(tmp_path / "two", plan, workers=2)
    assert (one.folder / TABLE).read_bytes() == (two.folder / TABLE).read_bytes()
    assert all("fell below" in result.error for result in one.table.results)
    assert one.table.rate(edge=False).of == 2
    assert "could not be judged" in markdown(one.table)


@pytest.mark.usefixtures("quickly")
def test_the_table_is_read_again_as_it_was(tmp_path: Path) -> None:
    found = calibrate(tmp_path, PLAN)
    again = read_table(found.folder / TABLE)
    assert repr(again.rows()) == repr(found.table.rows())
    write_table(again, tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == (found.folder / TABLE).read_bytes()
    (tmp_path / "no.parquet").write_text("no")
    with pytest.raises(DataError, match="no table of a calibration"):
        read_table(tmp_path / "no.parquet")


@pytest.mark.usefixtures("quickly")
def test_pictures_tables_and_json_tell_the_same(tmp_path: Path) -> None:
    found = calibrate(tmp_path, PLAN)
    table = found.table
    for draw in (rates_svg, power_svg, gates_svg):
        drawn = ElementTree.fromstring(draw(table))
        words = " ".join(node.text or "" for node in drawn.iter())
        assert "nan" not in draw(table)
        assert draw is not rates_svg or all(group in words for group in table.groups)
        assert draw is not gates_svg or "walk_forward" in words
    assert [picture.exists() for picture in found.pictures] == [True] * 3
    told = json.loads(json.dumps(found.as_dict()))
    assert told["fooled"]["count"] == 0
    assert told["found"] == {**told["found"], "count": 6, "of": 9}
    assert summary(table)["gates"]["walk_forward"]["only_it_stopped"] == 4
    text = markdown(table)
    assert "| trend 1.5 | 1 | 1 | 100.0% (2.5% to 100.0%) |  |" in text
    assert "reported only" in text
    assert "look_ahead (informs only)" not in text
    assert threshold_lines(table, "look_ahead")


@pytest.mark.usefixtures("quickly")
def test_a_page_is_written_between_its_marks_only(tmp_path: Path) -> None:
    table = calibrate(tmp_path, PLAN).table
    page = tmp_path / "page.md"
    page.write_text(
        "above\n<!-- calibration:begin -->\nformer figures\n<!-- calibration:end -->\nbelow\n", encoding="utf-8"
    )
    write_page(table, page, {"Found": "images/power.svg"})
    once = page.read_text(encoding="utf-8")
    assert once.startswith("above\n")
    assert once.endswith("\nbelow\n")
    assert "former figures" not in once
    assert "![Found](images/power.svg)" in once
    write_page(table, page, {"Found": "images/power.svg"})
    assert page.read_text(encoding="utf-8") == once
    page.write_text("no marks", encoding="utf-8")
    with pytest.raises(DataError, match="once each"):
        write_page(table, page)


def test_a_gate_without_figures_has_no_thresholds() -> None:
    case = PLAN[0]
    table = CalibrationTable((case,), (CaseResult(case.name, False, (Answer("a", None, float("nan"), 1.0),)),))
    assert threshold_lines(table, "a") == ["a: no figures to set a threshold by"]
