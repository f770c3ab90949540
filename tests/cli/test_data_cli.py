"""``argus data`` as a user types it, in temporary workspaces."""

from __future__ import annotations

import gzip
import json
import shlex
from pathlib import Path

import pytest

from tests.cli.command import argus

HEADER = "Time,Open,High,Low,Close,Volume"
STATED = ("--stamp", "start", "--time-column", "Time", "--time-format", "iso")
TITLES = tuple(
    word
    for field in ("open", "high", "low", "close", "volume")
    for word in ("--column", f"{field}={field.capitalize()}")
)


def succeeds(*words: str, folder: Path) -> str:
    done = argus(*words, folder=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def fails(*words: str, folder: Path, code: int = 1) -> str:
    done = argus(*words, folder=folder)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


def hour(row: int, day: int = 4) -> str:
    price = 4_000 + 0.25 * row
    return f"2024-03-{day:02d}T{15 + row:02d}:00:00+00:00,{price},{price + 1},{price - 1},{price + 0.5},{100 + row}"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    succeeds("init", "desk", folder=tmp_path)
    return tmp_path / "desk"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "hours.csv"
    path.write_text("\n".join([HEADER, *(hour(row) for row in range(6))]) + "\n")
    return path


def test_import_list_check_export_and_ask(desk: Path, file: Path) -> None:
    told = succeeds("data", "import", str(file), "--instrument", "MES", *STATED, *TITLES, folder=desk)
    assert "6 rows read, 6 imported" in told
    assert "interval: 1h" in told

    again = json.loads(succeeds("data", "import", str(file), "-i", "MES", *STATED, *TITLES, "--json", folder=desk))
    assert again["already_imported"] is True

    (row,) = json.loads(succeeds("data", "ls", "--json", folder=desk))
    assert (row["name"], row["rows"], row["first"]) == ("MES.1h", 6, "2024-03-04T15:00:00Z")
    assert "MES.1h" in succeeds("data", "ls", folder=desk)

    checked = json.loads(succeeds("data", "check", "MES.1h", "--json", folder=desk))
    assert (checked["complete"], checked["rows"], checked["quarantined"]) == (True, 6, {})

    told = succeeds("data", "export", "MES.1h", "out.csv", folder=desk)
    command = shlex.split(told.splitlines()[1].partition(": ")[2])
    other = desk / "other"
    succeeds("init", str(other), folder=desk)
    back = json.loads(succeeds(*command[1:], "--workspace", str(other), "--json", folder=desk))
    assert back["content_hash"] == row["content_hash"]

    (answer,) = json.loads(succeeds("data", "sql", 'select max(high) as top from "MES.1h"', "--json", folder=desk))
    assert answer == {"top": 4_002.25}


def test_bad_rows_go_to_quarantine_and_are_shown(desk: Path, tmp_path: Path) -> None:
    rows = [hour(row) for row in range(8)]
    rows[3] = "2024-03-04T18:00:00+00:00,4000,3990,4010,4000,5"  # the high lies below the low
    path = tmp_path / "bad.csv.gz"
    path.write_bytes(gzip.compress(("\n".join([HEADER, *rows]) + "\n").encode()))
    done = argus("data", "import", str(path), "-i", "MES", *STATED, *TITLES, folder=desk)
    assert done.returncode == 3
    assert "1 quarantined" in done.stdout
    assert "line 5" in done.stderr
    assert "argus data check MES.1h" in done.stderr
    told = succeeds("data", "check", "MES.1h", "--min-complete", "0.5", folder=desk)
    assert "line 5" in told
    assert "1 missing" in told


def test_too_many_gaps_exit_with_three(desk: Path, tmp_path: Path) -> None:
    path = tmp_path / "gaps.csv"
    path.write_text("\n".join([HEADER, *(hour(row, day) for day in (4, 5, 8) for row in range(2))]) + "\n")
    succeeds("data", "import", str(path), "-i", "MES", *STATED, *TITLES, folder=desk)
    done = argus("data", "check", "MES.1h", folder=desk)
    assert done.returncode == 3
    assert "too little: exit code 3" in done.stdout
    assert "2024-03-06" in done.stdout
    done = argus("data", "check", "MES.1h", "--json", folder=desk)
    assert done.returncode == 3
    found = json.loads(done.stdout)
    assert found["complete"] is False
    assert found["incomplete_sessions"][0]["session"] == "2024-03-06"
    assert argus("data", "check", "MES.1h", "--min-complete", "0.01", folder=desk).returncode == 0


def test_what_is_not_stated_is_asked_for(desk: Path, file: Path) -> None:
    complaint = fails("data", "import", str(file), "-i", "MES", folder=desk)
    assert all(option in complaint for option in ("--stamp", "--time-column", "--time-format", "--column", "'Time'"))
    assert json.loads(succeeds("data", "ls", "--json", folder=desk)) == []


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--instrument", "NOPE"), "instrument 'NOPE' is unknown"),
        (("--instrument", "MES", "--preset", "nope"), "no preset is called 'nope'"),
        (("--instrument", "MES", "--interval", "1d"), "session_date"),
        (("--instrument", "MES", "--column", "close"), "--column NAME=VALUE"),
        (("--instrument", "MES", "--delay", "soon"), "--delay"),
        (("--instrument", "MES", "--where", "Close=7"), "no row has '7' in column 'Close'"),
        (("--instrument", "MES", "--contract-column", "Close"), "contract"),
    ],
)
def test_wrong_statements_name_what_is_wrong(desk: Path, file: Path, words: tuple[str, ...], complaint: str) -> None:
    stated = () if "--preset" in words else (*STATED, *(() if "--column" in words else TITLES))
    assert complaint in fails("data", "import", str(file), *words, *stated, folder=desk)
    assert json.loads(succeeds("data", "ls", "--json", folder=desk)) == []


def test_damaged_files_are_refused_and_leave_nothing(desk: Path, tmp_path: Path) -> None:
    cases = {
        "empty.csv": b"",
        "cut.csv.gz": gzip.compress(b"x" * 1_000)[:30],
        "wrong.parquet": b"PAR1 no such thing",
        "strange.csv": HEADER.encode() + b"\n\xff\xfe\xfa\n",
        "unknown.xlsx": b"",
    }
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        assert name in fails("data", "import", str(tmp_path / name), "-i", "MES", *STATED, *TITLES, folder=desk)
    assert "does not exist" in fails("data", "import", "gone.csv", "-i", "MES", *STATED, *TITLES, folder=desk)
    assert json.loads(succeeds("data", "ls", "--json", folder=desk)) == []


def test_replace_lets_new_rows_win(desk: Path, file: Path, tmp_path: Path) -> None:
    succeeds("data", "import", str(file), "-i", "MES", *STATED, *TITLES, folder=desk)
    revised = tmp_path / "revised.csv"
    revised.write_text(file.read_text().replace("4000.5,100", "4000.25,100"))
    words = ("data", "import", str(revised), "-i", "MES", *STATED, *TITLES, "--json")
    done = argus(*words, folder=desk)
    assert done.returncode == 3
    assert json.loads(done.stdout)["quarantined"] == {"conflict": 1}
    assert json.loads(succeeds(*words, "--replace", folder=desk))["rows_replaced"] == 1


def test_notes_stay_with_the_data(desk: Path, file: Path) -> None:
    succeeds("data", "import", str(file), "-i", "MES", *STATED, *TITLES, "--note", "from a friend", folder=desk)
    (row,) = json.loads(succeeds("data", "ls", "--json", folder=desk))
    assert "from a friend" in row["notes"]


def test_a_dataset_that_is_not_there(desk: Path) -> None:
    for command in (("check", "MES.1h"), ("export", "MES.1h", "out.csv")):
        assert "no dataset 'MES.1h'" in fails("data", *command, folder=desk)
    assert "read-only" in fails("data", "sql", "drop table bars", folder=desk)


def test_outside_a_workspace_the_remedy_is_named(tmp_path: Path) -> None:
    assert "argus init" in fails("data", "ls", folder=tmp_path)


def test_an_export_needs_a_known_form(desk: Path) -> None:
    succeeds("data", "synth", "-i", "ES", "--sessions", "3", folder=desk)
    assert "csv, parquet" in fails("data", "export", "ES.SYNTH0.1d", "out.xlsx", folder=desk)
    assert not (desk / "out.xlsx").exists()


def test_an_exported_contract_comes_back_as_itself(desk: Path) -> None:
    succeeds("data", "synth", "-i", "ES", "--sessions", "3", folder=desk)
    told = succeeds("data", "export", "ES.SYNTH0.1d", "out.parquet", folder=desk)
    command = shlex.split(told.splitlines()[1].partition(": ")[2])
    other = desk / "other"
    succeeds("init", str(other), folder=desk)
    back = json.loads(succeeds(*command[1:], "--workspace", str(other), "--json", folder=desk))
    (before,) = json.loads(succeeds("data", "ls", "--json", folder=desk))
    assert (back["dataset"], back["content_hash"]) == (before["name"], before["content_hash"])
    assert list(back["notes"]) == before["notes"]


def test_a_synthetic_market_is_made_once_and_marked(desk: Path) -> None:
    words = ("data", "synth", "-i", "MES", "--interval", "1h", "--sessions", "4", "--seed", "9", "--edge", "trend")
    assert "--edge and --sharpe" in fails(*words, folder=desk)
    made = json.loads(succeeds(*words, "--sharpe", "1.5", "--json", folder=desk))
    assert (made["dataset"], made["changed"]) == ("MES.SYNTH9.1h", True)
    assert "nothing was changed" in succeeds(*words, "--sharpe", "1.5", folder=desk)
    assert "synthetic" in succeeds("data", "ls", folder=desk)
    assert json.loads(succeeds("data", "check", made["dataset"], "--json", folder=desk))["complete"] is True


def test_the_embedded_data_say_what_they_are(desk: Path) -> None:
    told = succeeds("data", "embedded", folder=desk)
    assert "the opens were not observed" in told
    assert "not prices that traded" in told
    rows = {row["name"]: row for row in json.loads(succeeds("data", "ls", "--json", folder=desk))}
    assert rows["US_EQUITY_ADJ:AAPL.1d"]["observed"] == ["close"]
    assert "open" not in rows["SPX.1d"]["observed"]
    assert "open" in rows["IXIC.1d"]["observed"]


def test_a_long_answer_is_cut_and_says_so(desk: Path) -> None:
    succeeds("data", "synth", "-i", "ES", "--sessions", "20", folder=desk)
    told = succeeds("data", "sql", "select close from bars", "--rows", "5", folder=desk)
    assert "15 more rows" in told
    assert len(told.splitlines()) == 7


def test_vendor_files_by_preset(real_data: Path, desk: Path) -> None:
    file = real_data / "vendor_raw" / "Hour_SP500_micro_20230900.csv.gz"
    told = json.loads(
        succeeds("data", "import", str(file), "-i", "MES", "--preset", "hour_iso_start", "--json", folder=desk)
    )
    assert (told["rows_read"], told["quarantined"]) == (3_812, {})
