"""The commands of calibration and white noise, in an app of their own: who registers them is another's business."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from argus.app import calibration as app_calibration
from argus.app.workspace import init_workspace
from argus.cli.lab_calibrate import calibrate
from argus.cli.lab_whitenoise import whitenoise
from argus.core.time import NS_PER_DAY
from tests.app.test_calibration import quick

lab = typer.Typer()
lab.command("calibrate")(calibrate)
lab.command("whitenoise")(whitenoise)
RUNNER = CliRunner()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    init_workspace(tmp_path)
    return tmp_path


def test_calibrate_prints_rates_and_writes_its_page(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_calibration, "_timed", quick)
    page = home / "page.md"
    page.write_text("<!-- calibration:begin -->\n<!-- calibration:end -->\n", encoding="utf-8")
    few = ["calibrate", "--no-edge", "4", "--edge", "1", "--reported", "0", "--workers", "1", "-w", str(home)]
    shown = RUNNER.invoke(lab, [*few, "--without", "walk_forward", "--threshold", "walk_forward", "--page", str(page)])
    assert shown.exit_code == 0, shown.output
    assert "fooled: 0 of 4" in shown.output
    assert "without walk_forward: fooled 4 of 4" in shown.output
    assert "found:  6 of 9" in shown.output
    assert "| no edge | 4 | 0 |" in page.read_text(encoding="utf-8")
    told = json.loads(RUNNER.invoke(lab, [*few, "--json"]).stdout)
    assert told["judged"] == 0
    assert told["groups"]["trend 1.5"]["count"] == 1


def test_whitenoise_tells_a_p_value_for_each_kind(home: Path) -> None:
    from argus.app.white_noise import SIZING_NOTE
    from argus.app.workspace import open_workspace
    from argus.data.embedded import install_embedded

    install_embedded(open_workspace(home).catalog())
    asked = ["whitenoise", "overnight", "--dataset", "IXIC.1d", "--surrogates", "2", "--workers", "1", "-w", str(home)]
    shown = RUNNER.invoke(lab, [*asked, "--kind", "sign_flipped", "--json"])
    assert shown.exit_code == 0, shown.output
    told = json.loads(shown.stdout)
    (found,) = told["results"]
    assert found["kind"] == "sign_flipped"
    assert len(found["surrogate"]) == 2
    assert found["p"] in (1 / 3, 2 / 3, 1.0)
    assert SIZING_NOTE in told["notes"]
    looks = open_workspace(home).trials().looks(None, ("IXIC",), 0, 100_000 * NS_PER_DAY)
    assert looks.count == found["runs"] == 4
