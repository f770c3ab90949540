"""Bad input through the real command: one clear line naming place and remedy, non-zero exit, the catalog untouched."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from argus.cli.main import main

STATED = (
    "--instrument", "ES", "--stamp", "end", "--timezone", "UTC", "--time-column", "ts", "--time-format", "iso",
)  # fmt: skip
HEADER = "ts,open,high,low,close,volume"


class Done(NamedTuple):
    code: int
    out: str
    err: str


class Command:
    """The console entry point, with the arguments of a user."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *words: str) -> Done:
        self._monkeypatch.setattr(sys, "argv", ["argus", *words])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = self._capsys.readouterr()
        assert "Traceback" not in out + err
        assert "internal error" not in err
        return Done(code, out, err)


@pytest.fixture
def argus(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


def rows(count: int = 300) -> list[str]:
    stamps = pl.datetime_range(
        pl.datetime(2024, 3, 4, 15), pl.datetime(2024, 3, 5), interval="1m", eager=True
    ).dt.strftime("%Y-%m-%dT%H:%M:%S+00:00")
    return [f"{stamp},4000,4000.5,3999.5,4000.25,500" for stamp in stamps[:count]]


def text(lines: list[str], header: str = HEADER) -> bytes:
    return ("\n".join([header, *lines]) + "\n").encode()


@pytest.fixture
def workspace(tmp_path: Path, argus: Command) -> Path:
    """A workspace whose path has a space and letters beyond ASCII, holding one dataset."""
    folder = tmp_path / "work space ünï 東京"
    assert argus("init", str(folder)).code == 0
    good = tmp_path / "good bars ü.csv"
    good.write_bytes(text(rows()))
    assert argus("data", "import", str(good), *STATED, "-w", str(folder)).code == 0
    return folder


def stored(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


UNUSABLE: list[tuple[str, bytes, str]] = [
    ("empty.csv", b"", "is empty"),
    ("empty.parquet", b"", "is empty"),
    ("header.csv", text([]), "no rows"),
    ("cut.csv.gz", gzip.compress(text(rows()))[:-40], "cut off"),
    ("plain.csv.gz", text(rows()), "gzip"),
    ("cut.parquet", b"PAR1 and nothing that follows", "Parquet"),
    ("wide.csv", text(rows()).decode().encode("utf-16"), "encoding"),
    ("latin.csv", HEADER.encode() + b"\n\xe9\xff,1,2,3,4,5\n", "line 2"),
    ("unknown.csv", text(rows(), "a,b,c,d,e,f"), "--column"),
    ("twice.csv", text(rows(), "ts,open,open,low,close,volume"), "'open'"),
    ("semicolons.csv", text(rows()).replace(b",", b";"), "delimiter"),
    ("quote.csv", text(['"2024-03-04T15:00:00', *rows()]), "quotation mark"),
    ("negative.csv", text([row.replace(",4000,", ",-4000,") for row in rows()]), "line 2"),
    ("future.csv", text([row.replace("2024-", "2999-") for row in rows()]), "line 2"),
    ("words.csv", text([row.replace(",4000.25,", ",abc,") for row in rows()]), "line 2"),
    ("strange.xlsx", b"PK", "no reader"),
]


@pytest.mark.parametrize(("name", "content", "told"), UNUSABLE, ids=[case[0] for case in UNUSABLE])
def test_a_file_that_cannot_be_used_changes_nothing(
    argus: Command, workspace: Path, tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    before = stored(workspace)
    done = argus("data", "import", str(path), *STATED, "-w", str(workspace), "--json")
    assert done.code != 0
    assert done.out == ""
    assert name in done.err
    assert told in done.err
    assert stored(workspace) == before


def test_bad_rows_go_to_quarantine_and_good_ones_stay(argus: Command, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    argus("init", str(folder))
    lines = rows()
    for place, value in ((50, "nan"), (60, "inf"), (70, "-5"), (80, "abc"), (90, "")):
        lines[place] = lines[place].replace(",4000.25,", f",{value},")
    lines[100] = lines[100].replace("2024-", "2999-")
    lines.append(lines[20])
    path = tmp_path / "mixed.csv"
    path.write_bytes(text(lines))
    argus("data", "import", str(path), *STATED, "-w", str(folder))
    listed = json.loads(argus("data", "ls", "--json", "-w", str(folder)).out)
    assert [(entry["name"], entry["rows"]) for entry in listed] == [("ES.1m", 294)]
    assert list((folder / "catalog" / "quarantine").rglob("*.parquet"))
    counted = json.loads(argus("data", "sql", 'select count(*) n from "ES.1m"', "--json", "-w", str(folder)).out)
    assert counted == [{"n": 294}]


@pytest.mark.parametrize(
    "words",
    [
        ("data", "check", "ES.9m"),
        ("data", "check", "../ES.1m"),
        ("data", "export", "NOPE", "out.csv"),
        ("data", "sql", "selec"),
        ("data", "sql", "drop view bars"),
        ("data", "sql", "copy (select 1) to 'stolen.csv'"),
        ("data", "sql", "select * from read_csv('/etc/hostname')"),
        ("data", "sql", ""),
        ("trace", "zzz"),
        ("trace", "last"),
        ("inventory", "nope"),
        ("doctor", "--quick", "--nope"),
        ("backtest", "sma_cross", "--dataset", "ESX.1m"),
    ],
)
def test_a_wrong_name_is_told_on_standard_error_only(
    argus: Command, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    done = argus(*words, "-w", str(workspace), "--json")
    assert done.code != 0
    assert done.out == ""
    assert done.err.strip()
    assert not (tmp_path / "stolen.csv").exists()
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--cash", "0"), ("--cash", "nan"), ("--cash", "1e30"), ("--cash", "abc"), ("--account", "foo"),
        ("--account", "cash"), ("--units", "-1"), ("--units", "nan"), ("--vol-target", "-1"),
        ("--fee-per-contract", "-1"), ("--fee-per-contract", "1e20"), ("--fee-rate", "2"), ("--slippage-ticks", "-1"),
        ("--slippage-rate", "nan"), ("--cost-multiplier", "1e15"), ("--latency-ms", "nan"), ("--latency-ms", "1e30"),
        ("--latency-ms", "-1"), ("--participation", "0"), ("--start", "foo"), ("--start", "0001-01-01"),
        ("--end", "9999-12-31"), ("--interval", "0"), ("--column", "open"), ("--column", "close=nope"),
        ("--preset", "nope"), ("--where", "nope=1"), ("--delay", "-5s"), ("--param", "fast"), ("--param", "nope=1"),
        ("--param", "fast=abc"), ("--param", "fast=nan"), ("--param", "fast=1e9"), ("--param", "slow=2"),
    ],
)  # fmt: skip
def test_an_absurd_option_of_backtest(argus: Command, tmp_path: Path, option: str, value: str) -> None:
    path = tmp_path / "bars.csv"
    path.write_bytes(text(rows(150)))
    done = argus("backtest", "sma_cross", "--bars", str(path), *STATED, option, value, "--json")
    assert done.code != 0
    assert done.out == ""
    assert done.err.startswith(("error: ", "Usage: "))


@pytest.mark.parametrize(
    "settings",
    [
        b"[1, 2]\n",
        b"account: [1\n",
        b"version: 99\n",
        b"versio: 1\n",
        b"version: 1\naccount: {cash: .nan}\n",
        b"version: 1\nresearch: {candidates: []}\n",
        b"\xff\xfe\x00",
    ],
)
def test_wrong_settings(argus: Command, workspace: Path, settings: bytes) -> None:
    (workspace / "argus.yaml").write_bytes(settings)
    done = argus("research", "-w", str(workspace), "--json")
    assert done.code != 0
    assert done.out == ""
    assert "error: " in done.err


@pytest.mark.parametrize(
    ("strategy", "dataset", "told"), [("nope", "ES.1m", "nope"), ("sma_cross", "ESX.1m", "ESX.1m")]
)
def test_a_candidate_that_does_not_exist_is_not_judged(
    argus: Command, workspace: Path, strategy: str, dataset: str, told: str
) -> None:
    done = argus("research", "--strategy", strategy, "--dataset", dataset, "-w", str(workspace), "--json")
    assert done.code == 4
    answer = json.loads(done.out)
    assert answer["deployable"] == 0
    assert answer["candidates"] == []
    assert len(answer["failures"]) == 1
    assert told in json.dumps(answer["failures"])


def test_two_imports_at_once(tmp_path: Path, argus: Command) -> None:
    folder = tmp_path / "two"
    argus("init", str(folder))
    path = tmp_path / "bars.csv"
    path.write_bytes(text(rows()))
    words = [sys.executable, "-m", "argus", "data", "import", str(path), *STATED, "-w", str(folder)]
    both = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=120)
        assert "Traceback" not in err
        assert process.returncode == 0 or err.startswith("error: ")
    listed = json.loads(argus("data", "ls", "--json", "-w", str(folder)).out)
    assert [(entry["name"], entry["rows"]) for entry in listed] == [("ES.1m", 300)]
