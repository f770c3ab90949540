"""``argus options`` as a user types it, in temporary workspaces."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from argus.app.workspace import open_workspace
from argus.core.option_symbols import format_option_symbols
from argus.core.time import NS_PER_DAY
from argus.data.chain_store import ChainStore
from argus.data.synthetic_chains import ChainMarketSpec, chain_snapshots
from tests.cli.command import argus

SAME = ("underlying_price", "bid", "ask", "last", "volume", "open_interest", "vendor_iv", "vendor_delta")


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    assert argus("init", "desk", folder=tmp_path).returncode == 0
    return tmp_path / "desk"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Sessions 0, 1 and 3 of an invented market, a CSV each."""
    folder = tmp_path_factory.mktemp("chains")
    spec = ChainMarketSpec(sessions=4, strikes_per_expiry=12, months=2, weeks=1, start=date(2019, 5, 6))
    paths = []
    for number, chain in enumerate(chain_snapshots(spec)):
        roots = [chain.roots[code] for code in chain.root]
        symbols = format_option_symbols(roots, (chain.expiry_ns // NS_PER_DAY), chain.right, chain.strike)
        text = ["symbol,ts," + ",".join(SAME)]
        for row, symbol in enumerate(symbols.tolist()):
            values = [symbol, chain.ts_event_ns[row], *(getattr(chain, name)[row] for name in SAME)]
            text.append(",".join(str(value) for value in values))
        if number != 2:
            paths.append(folder / f"{number}.csv")
            paths[-1].write_text("\n".join(text) + "\n")
    return paths


def stated(*names: str) -> list[str]:
    columns = [word for name in ("symbol", *SAME, *names) for word in ("--column", f"{name}={name}")]
    return [
        "-u",
        "SPX",
        "--series",
        "eod",
        "--stamp",
        "instant",
        "--time-column",
        "ts",
        "--time-format",
        "ns",
        *columns,
    ]


def test_import_and_check(desk: Path, files: list[Path]) -> None:
    done = argus("options", "import", *map(str, files), *stated(), folder=desk)
    assert done.returncode == 0, done.stderr
    assert "3 files -> SPX/eod" in done.stdout
    assert "0 quarantined" in done.stdout
    again = json.loads(argus("options", "import", str(files[0]), *stated(), "--json", folder=desk).stdout)
    assert again["files"][0]["already_imported"]

    found = argus("options", "check", "SPX/eod", "--json", folder=desk)
    assert found.returncode == 3
    told = json.loads(found.stdout)
    assert (told["snapshots"], told["sessions"], told["missing_sessions"]) == (3, 3, ["2019-05-08"])
    assert not told["complete"]
    assert set(told["flagged"]) <= {"zero_bid", "no_quote"}
    text = argus("options", "check", "SPX/eod", "--min-complete", "0.7", folder=desk)
    assert text.returncode == 0
    assert "sessions without a snapshot: 2019-05-08" in text.stdout


def test_a_number_that_stands_for_nothing_is_read_as_none(desk: Path, files: list[Path]) -> None:
    given = ("options", "import", str(files[0]), *stated(), "--placeholder")
    lines = files[0].read_text().splitlines()
    iv = float(lines[1].split(",")[2 + SAME.index("vendor_iv")])
    assert argus(*given, f"vendor_iv={iv!r}", folder=desk).returncode == 0
    chain = ChainStore(open_workspace(desk).catalog().root).load("SPX/eod")
    values = [float(line.split(",")[2 + SAME.index("vendor_iv")]) for line in lines[1:]]
    assert int(np.isnan(chain.vendor_iv).sum()) == values.count(iv) > 0
    for wrong in ("vendor_iv=x", "vendor_iv=nan", "vendor_iv", "colour=1"):
        refused = argus(*given, wrong, "--replace", folder=desk)
        assert refused.returncode == 1, wrong
        assert "placeholder" in refused.stderr


def test_bad_rows_are_told_and_exit_with_3(desk: Path, files: list[Path], tmp_path: Path) -> None:
    lines = files[0].read_text().splitlines()
    lines[3] = lines[3].replace("SPX", "spx")
    bad = tmp_path / "bad.csv"
    bad.write_text("\n".join(lines) + "\n")
    done = argus("options", "import", str(bad), *stated(), folder=desk)
    assert done.returncode == 3
    assert "quarantined, bad symbol: 1" in done.stdout
    assert "quarantined: line 4, column 'symbol'" in done.stderr
    check = json.loads(argus("options", "check", "SPX/eod", "--json", folder=desk).stdout)
    assert check["quarantined"] == {"bad_symbol": 1}


def test_counts_of_one_have_their_grammar(desk: Path, files: list[Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    lines = files[0].read_text().splitlines()
    bad.write_text("\n".join([*lines[:5], "nonsense" + lines[5], *lines[6:]]) + "\n")
    done = argus("options", "import", str(bad), *stated(), folder=desk)
    assert "1 row is in quarantine" in done.stderr
    assert "in 1 snapshot of 1 session," in argus("options", "check", "SPX/eod", folder=desk).stdout


def test_one_bad_file_does_not_stop_the_others(desk: Path, files: list[Path], tmp_path: Path) -> None:
    done = argus("options", "import", str(tmp_path / "none.csv"), str(files[0]), *stated(), "--json", folder=desk)
    assert done.returncode == 3
    told = json.loads(done.stdout)
    assert "does not exist" in told["failed"][0]["reason"]
    assert len(told["files"]) == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["options", "check", "SPY/eod"], "has no chains 'SPY/eod'"),
        (["options", "import", "x.csv", "-u", "SPX", "--preset", "no"], "no preset of chains is called 'no'"),
        (["options", "import", "x.csv", "-u", "SPX", "--settles", "noon"], "--settles is 'noon'"),
        (["options", "import", "x.csv", "-u", "SPX"], "does not exist"),
    ],
)
def test_mistakes_are_one_line_and_exit_with_1(desk: Path, words: list[str], why: str) -> None:
    done = argus(*words, folder=desk)
    assert done.returncode == 1
    assert why in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stdout == ""
