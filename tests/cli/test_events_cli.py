"""Corporate actions from the command line: into the catalog, into a run on it, and from a sheet for a file."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from argus.app.workspace import init_workspace
from argus.core.time import day_of
from tests.app.test_events import ACTIONS, apple, shares, write
from tests.cli.test_data_cli import argus, succeeds

RUN = ("--param", "fast=2", "--param", "slow=4", "--units", "10", "--fee-per-contract", "0", "--json")
SHEET = "date,kind,value\n2020-08-07,dividend,0.82\n2020-08-31,split,4:1\n"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("events")
    home, _ = init_workspace(folder / "desk")
    bars = shares("US_EQUITY:AAPL", date(2020, 7, 1), date(2020, 9, 30), apple)
    write(home, bars)
    (home.root / "actions.csv").write_text(ACTIONS)
    (home.root / "sheet.csv").write_text(SHEET)
    days = [day_of(int(day)).isoformat() for day in bars.session]
    prices = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    pl.DataFrame({"day": days, **prices}).write_csv(home.root / "AAPL.csv")
    return home.root


def test_the_catalog_s_actions_are_booked_and_a_sheet_gives_a_file_the_same_run(desk: Path) -> None:
    on_catalog = ("backtest", "sma_cross", "--dataset", "US_EQUITY:AAPL.1d", *RUN)
    bare = json.loads(succeeds(*on_catalog, folder=desk))
    said = succeeds("data", "actions", "actions.csv", folder=desk)
    assert "4 corporate actions imported, 0 were there" in said
    again = json.loads(succeeds("data", "actions", "actions.csv", "--json", folder=desk))
    assert (again["rows_imported"], again["rows_present"]) == (0, 4)
    booked = json.loads(succeeds(*on_catalog, folder=desk))
    assert any("1 dividend, 1 split" in note for note in booked["notes"])
    assert booked["net_pnl"] > bare["net_pnl"] + 2_000
    off = json.loads(succeeds(*on_catalog, "--events", "off", folder=desk))
    assert (off["net_pnl"], off["run_id"]) == (bare["net_pnl"], bare["run_id"])
    file = ("--bars", "AAPL.csv", "--instrument", "US_EQUITY:AAPL", "--stamp", "session_date", "--time-column", "day")
    stated = (*file, "--time-format", "iso", "--events", "sheet.csv")
    from_file = json.loads(succeeds("backtest", "sma_cross", *stated, *RUN, folder=desk))
    assert from_file["net_pnl"] == booked["net_pnl"]
    traced = json.loads(succeeds("trace", from_file["run_id"], "--trade", "0", "--json", folder=desk))
    assert traced["carry_micros"] == 8_200_000


def test_a_bad_row_is_kept_apart_and_the_command_says_so(desk: Path) -> None:
    (desk / "bad.csv").write_text(
        "kind,symbol,session,numerator,denominator\nsplit,AAPL,2020-08-30,4,1\nsplit,KO,2012-08-13,2,1\n"
    )
    done = argus("data", "actions", "bad.csv", folder=desk)
    assert done.returncode == 3
    assert "no_session: 1 rows to quarantine" in done.stdout
