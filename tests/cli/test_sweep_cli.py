"""``argus sweep`` as a user types it: kills and Ctrl-C that cost nothing, answers for people and for programs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from argus.app.workspace import Workspace, init_workspace
from argus.data.embedded import install_embedded
from tests.cli.command import Done, argus

FILE = """
strategy: tsmom
ranges:
  lookback: {from: 20, to: 240, step: 20}
  rebalance: [5, 10, 20]
instruments: [IXIC.1d]
"""


def desk_in(folder: Path) -> Path:
    home = init_workspace(folder)[0]
    install_embedded(home.catalog())
    (folder / "sweep.yaml").write_text(FILE, encoding="utf-8")
    return folder


def tables(desk: Path) -> list[Path]:
    return list(desk.glob("runs/sweep-*/results.parquet"))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    desk = desk_in(tmp_path_factory.mktemp("cli") / "desk")
    return desk, argus("sweep", "sweep.yaml", "--workers", "1", "--json", folder=desk)


def test_the_answer_for_programs(done: tuple[Path, Done]) -> None:
    desk, answer = done
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert (found["runs"], found["failed"], found["skipped"]) == (36, 0, 0)
    assert found["table"] == str(tables(desk)[0])
    (one,) = found["slices"]
    assert one["where"] == "IXIC.1d"
    assert one["looks"] == 36
    assert one["neighbours_sharpe_median"] < one["sharpe_annual"]
    assert one["reading"] in {"plateau", "ridge", "spike", "noise"}
    assert (desk / "runs" / one["run_id"] / "trades.parquet").is_file()


def test_the_answer_for_people_leads_with_what_luck_would_show(
    done: tuple[Path, Done],
) -> None:
    desk, _ = done
    answer = argus("sweep", "sweep.yaml", folder=desk)
    assert answer.returncode == 0, answer.stderr
    text = " ".join(answer.stdout.split())
    for said in ("36 different looks at these data", "worthless ideas would show", "best", "median", "worst", "page:"):
        assert said in text
    page = next(desk.glob("runs/sweep-*/report.html")).read_text(encoding="utf-8")
    assert page.rstrip().endswith("</html>")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_sweep_that_is_stopped_goes_on(done: tuple[Path, Done], tmp_path: Path, how: signal.Signals) -> None:
    desk = desk_in(tmp_path / "desk")
    command = [sys.executable, "-m", "argus", "sweep", "sweep.yaml", "--workers", "2"]
    # A process group of its own: a terminal sends Ctrl-C to the workers too.
    with subprocess.Popen(command, cwd=desk, stderr=subprocess.PIPE, text=True, start_new_session=True) as running:
        _wait_for_a_part(desk, running)
        if how == signal.SIGINT:
            os.killpg(running.pid, how)
        else:
            running.kill()
        _, said = running.communicate(timeout=120)
    if how == signal.SIGINT:
        assert running.returncode == 130
        assert "go on with: argus sweep sweep.yaml" in said
        assert "Traceback" not in said
    assert not tables(desk)
    again = argus("sweep", "sweep.yaml", "--workers", "2", "--json", folder=desk)
    assert again.returncode == 0, again.stderr
    assert tables(desk)[0].read_bytes() == tables(done[0])[0].read_bytes()
    assert len(Workspace(desk).trials().journal()) == 36


def _wait_for_a_part(desk: Path, running: subprocess.Popen[str]) -> None:
    for _ in range(1_200):
        if list(desk.glob("runs/sweep-*/parts/*.parquet")):
            return
        assert running.poll() is None, running.stderr.read() if running.stderr else ""
        time.sleep(0.1)
    raise AssertionError("no part in two minutes")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing.yaml",), "nothing.yaml cannot be read"),
        (("wrong.yaml",), "wrong.yaml: ranges.fats: sma_cross has no such parameter; did you mean fast?"),
        (("sweep.yaml", "--workers", "-1"), "--workers"),
        (("sweep.yaml", "--workers", "100000"), "--workers is 100000, on "),
        (("sweep.yaml", "--workers", "2", "--ray", "auto"), "give one of the two"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(done: tuple[Path, Done], words: tuple[str, ...], said: str) -> None:
    desk, _ = done
    (desk / "wrong.yaml").write_text("strategy: sma_cross\nranges: {fats: [1, 2]}\ninstruments: IXIC.1d\n")
    answer = argus("sweep", *words, folder=desk)
    assert answer.returncode != 0
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_first_file_is_written_and_never_over_another(tmp_path: Path) -> None:
    desk = desk_in(tmp_path / "desk")
    answer = argus("sweep", "first.yaml", "--new", "sma_cross", folder=desk)
    assert (answer.returncode, answer.stdout) == (
        0,
        "first.yaml is written; change it, then run: argus sweep first.yaml\n",
    )
    assert not list(desk.glob("runs/sweep-*"))
    again = argus("sweep", "first.yaml", "--new", "sma_cross", folder=desk)
    assert again.returncode == 1
    assert "first.yaml exists already" in again.stderr


def test_a_failed_run_shows_in_the_exit_code(done: tuple[Path, Done]) -> None:
    desk, _ = done
    (desk / "closes.yaml").write_text("strategy: sma_cross\nranges: {fast: [10, 20]}\ninstruments: SPX.1d\n")
    answer = argus("sweep", "closes.yaml", "--workers", "1", folder=desk)
    assert answer.returncode == 4
    assert "failed fast 10 on SPX.1d" in " ".join(answer.stdout.split())
