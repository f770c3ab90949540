"""Files of many contracts as vendors name them: every row finds its contract, or is told why it has none."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from argus.app.contract_import import import_all_contracts
from argus.app.data import FileStatement
from argus.app.workspace import init_workspace
from argus.cli.data import app
from argus.core.errors import ConfigError, ImportFailed
from argus.core.time import NS_PER_DAY, NS_PER_HOUR, day_of, format_ns, parse_ns
from argus.data import Catalog
from argus.data.contract_files import FileImport, _months
from argus.data.importing import import_bars
from argus.data.presets import preset
from tests.data.test_contract_bars import file_of, sample
from tests.data.test_sources import dbn_file

HOUR = NS_PER_HOUR
MONDAY = parse_ns("2024-01-08T15:00:00Z")
HEADER = "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol"
STATED = FileStatement(
    "ES", stamp="start", time_column="ts_event", time_format="iso", interval_ns=HOUR, columns={"close": "close"}
)


def row(at: int, name: str, price: float = 4_750.25) -> str:
    return f"{format_ns(at)},34,1,7,{price},{price},{price},{price},10,{name}"


def vendor_file(folder: Path, rows: list[str]) -> Path:
    path = folder / "glbx.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return path


def hours(name: str, first: int = MONDAY, price: float = 4_750.25, count: int = 4) -> list[str]:
    return [row(first + k * HOUR, name, price) for k in range(count)]


def brought(catalog: Catalog, path: Path, stated: FileStatement = STATED) -> FileImport:
    return import_all_contracts(catalog, path, stated)[0]


def test_every_row_finds_its_contract_or_is_told(tmp_path: Path) -> None:
    rows = hours("ESH4") + hours("ESM4", price=4_800.5) + hours("ESH4-ESM4", price=50.25) + hours("MESH4")
    rows += [*hours("ESU4", price=-1.0), row(MONDAY, "")]
    path = vendor_file(tmp_path, rows)
    catalog = Catalog(tmp_path / "catalog")
    told: list[tuple[int, int, str]] = []
    done, said = import_all_contracts(catalog, path, STATED, progress=lambda *step: told.append(step))
    assert [(one.contract, one.named, one.rows) for one in done.contracts] == [
        ("202403", "ESH4", 4),
        ("202406", "ESM4", 4),
        ("202409", "ESU4", 4),
    ]
    # The one whose prices cannot be is told with the reason; the others are in.
    (failed,) = done.failed
    assert failed.named == "ESU4"
    assert "none of 4 rows can be used" in failed.error
    assert {(one.named, one.rows) for one in done.left_out} == {("ESH4-ESM4", 4), ("MESH4", 4), ("(empty)", 1)}
    assert done.rows == sum(one.rows for one in (*done.contracts, *done.left_out)) == len(rows)
    assert catalog.load("ES", "1h", contract="202406").close.tolist() == [4_800.5] * 4
    assert told[0][1] == told[-1][0] == told[-1][1] == 6
    assert said == ("contracts: named by the column 'symbol'",)
    again = brought(catalog, path)
    assert [one.report.already_imported for one in again.contracts if one.report] == [True, True]


def test_a_short_name_that_comes_round_again_is_another_contract(tmp_path: Path) -> None:
    rows = hours("ESH4", parse_ns("2014-01-13T15:00:00Z"), 1_800.0) + hours("ESH4")
    done = brought(Catalog(tmp_path / "catalog"), vendor_file(tmp_path, rows))
    assert [(one.contract, one.rows) for one in done.contracts] == [("201403", 4), ("202403", 4)]


@pytest.mark.parametrize("name", ["ESH4", "ESZ9", "ESZ0"])
def test_of_each_name_the_nearest_month_that_had_not_ended(name: str) -> None:
    month, digit = {"H": 3, "Z": 12}[name[2]], int(name[3])
    days = np.arange(10_000, 25_000, 97)
    found = _months(name, "ES", days * NS_PER_DAY)
    for day, contract in zip(days.tolist(), found.tolist(), strict=True):
        at = day_of(day)
        wanted = next(
            year
            for year in range(at.year, at.year + 12)
            if year % 10 == digit and date(year + month // 12, month % 12 + 1, 1) > at
        )
        assert contract == wanted * 100 + month
    assert set(_months("ESH24", "ES", np.zeros(2, dtype=np.int64)).tolist()) == {202403}
    assert set(_months("ESH1999", "ES", np.zeros(1, dtype=np.int64)).tolist()) == {199903}


def test_lines_that_cannot_be_divided_are_kept_once(tmp_path: Path) -> None:
    rows = [*hours("ESH4", count=30)[:10], "2024-01-08T15:00:00Z,34", *hours("ESH4", MONDAY + 12 * HOUR, count=4)]
    path = vendor_file(tmp_path, [*rows, *hours("ESM4")])
    catalog = Catalog(tmp_path / "catalog")
    done = brought(catalog, path)
    assert done.failed == ()
    assert done.rows_quarantined >= 1
    ragged = [one for one in catalog.quarantined("ES.202403.1h") if one.reason == "ragged"]
    assert len(ragged) == 1
    assert not [one for one in catalog.quarantined("ES.202406.1h") if one.reason == "ragged"]


def test_contracts_named_by_month_are_imported_as_one_by_one(tmp_path: Path) -> None:
    path = file_of(tmp_path, sample())
    catalog = Catalog(tmp_path / "catalog")
    done = brought(catalog, path, FileStatement("MES", preset="futures_daily"))
    assert [one.contract for one in done.contracts] == ["202303", "202306"]
    for name in ("202303", "202306"):
        assert import_bars(catalog, path, preset("futures_daily", "MES", contract=name)).already_imported


def test_dbn_files_of_several_symbols(tmp_path: Path) -> None:
    start = parse_ns("2023-12-18T15:00:00Z")
    path = dbn_file(tmp_path, "ohlcv-1h", [(4, start, 4_750.25), (5, start, 4_800.5), (4, start + HOUR, 4_751.0)])
    stated = FileStatement("ES", preset="databento_ohlcv")
    done = brought(Catalog(tmp_path / "catalog"), path, stated)
    assert [(one.contract, one.named, one.rows) for one in done.contracts] == [
        ("202403", "ESH4", 2),
        ("202503", "ESH5", 1),
    ]
    assert done.failed == done.left_out == ()


def test_what_holds_no_contract_is_refused(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog")
    with pytest.raises(ImportFailed, match=r"'symbol' names no contract of ES; it holds .*NQH4"):
        brought(catalog, vendor_file(tmp_path, hours("NQH4")))
    with pytest.raises(ConfigError, match="exclude each other"):
        brought(catalog, vendor_file(tmp_path, hours("ESH4")), FileStatement("ES", contract="202403"))


def test_the_command_says_what_failed(tmp_path: Path) -> None:
    init_workspace(tmp_path / "desk")
    path = vendor_file(tmp_path, hours("ESH4") + hours("ESU4", price=-1.0))
    asked = ["import", str(path), "-i", "ES", "--all-contracts", "--time-column", "ts_event", "--time-format", "iso"]
    done = CliRunner().invoke(app, [*asked, "--stamp", "start", "--interval", "1h", "-w", str(tmp_path / "desk")])
    assert done.exit_code == 3, done.output
    assert "ESH4 -> ES.202403.1h: 4 rows, 4 imported" in done.output
    assert "ESU4: NOT imported, 4 rows" in done.output
    assert "1 of 2 contracts are in the catalog" in done.output


def test_a_real_file_of_many_contracts(real_data: Path, tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog")
    done = brought(catalog, real_data / "futures_daily" / "MES.parquet", FileStatement("MES", preset="futures_daily"))
    assert len(done.contracts) == 31
    assert done.failed == done.left_out == ()
    assert done.rows == sum(one.rows for one in done.contracts) == 7_249
