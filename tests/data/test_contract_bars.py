"""Contracts of a root: from the catalog and from a file of many, made up here or real."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from argus.core.arrays import Bars
from argus.core.errors import CatalogError, DataError, ImportFailed
from argus.core.time import parse_ns
from argus.data import Catalog, contracts_from_catalog, contracts_from_file, import_contracts
from tests.data.futures_samples import contract

NAMES = ("MES.202303", "MES.202306")


def file_of(folder: Path, contracts: dict[str, Bars], **changed: object) -> Path:
    """A file in the form `futures_daily`."""
    frames = [
        pl.DataFrame(
            {
                "contract_yyyymm": [name.split(".")[1]] * len(bars),
                "time_utc": pl.Series(bars.session.astype("int64") * 86_400_000_000_000 + 6 * 3_600_000_000_000).cast(
                    pl.Datetime("ns", "UTC")
                ),
                **{field: getattr(bars, field) for field in ("open", "high", "low", "close", "volume")},
            }
        )
        for name, bars in contracts.items()
    ]
    path = folder / "MES.parquet"
    pl.concat(frames).with_columns(**{k: pl.lit(v) for k, v in changed.items()}).write_parquet(path)
    return path


def sample() -> dict[str, Bars]:
    return {name: contract(name, date(2023, 1, 3), date(2023, 2, 1), close=4000.0) for name in NAMES}


def test_contracts_of_a_file_come_under_their_own_names(tmp_path: Path) -> None:
    path = file_of(tmp_path, sample())
    found, notes = contracts_from_file(path, "MES", "futures_daily")
    assert list(found) == list(NAMES)
    assert notes == ()
    for name, bars in found.items():
        assert bars.instrument == name
        assert bars.close.tolist() == sample()[name].close.tolist()
        assert bars.ts_event_ns.tolist() == sample()[name].ts_event_ns.tolist()
    only, _ = contracts_from_file(path, "MES", "futures_daily", contracts=["202306"])
    assert list(only) == ["MES.202306"]


def test_the_catalog_gives_the_same_contracts_back(tmp_path: Path) -> None:
    path = file_of(tmp_path, sample())
    catalog = Catalog(tmp_path / "catalog")
    reports = import_contracts(catalog, path, "MES", "futures_daily")
    assert [report.dataset for report in reports] == ["MES.202303.1d", "MES.202306.1d"]
    assert all(report.already_imported for report in import_contracts(catalog, path, "MES", "futures_daily"))
    direct, _ = contracts_from_file(path, "MES", "futures_daily")
    found = contracts_from_catalog(catalog, "MES", "1d")
    assert {name: bars.content_hash for name, bars in found.items()} == {
        name: bars.content_hash for name, bars in direct.items()
    }
    january = contracts_from_catalog(catalog, "MES", "1d", end_ns=parse_ns("2023-01-10"))
    # The session of 10 January opens on the evening of the 9th.
    assert {len(bars) for bars in january.values()} == {6}
    assert contracts_from_catalog(catalog, "MES", "1d", start_ns=parse_ns("2024-01-01")) == {}
    with pytest.raises(CatalogError, match=r"has no contracts of MES with bars of 1h \(it has 1d\)"):
        contracts_from_catalog(catalog, "MES", "1h")
    with pytest.raises(CatalogError, match=r"no contracts of ES .*\(it has no contracts of it at all\)"):
        contracts_from_catalog(catalog, "ES", "1d")


def test_rows_and_contracts_that_do_not_pass_the_gates_are_told(tmp_path: Path) -> None:
    contracts = sample()
    high = contracts["MES.202303"].high.copy()
    high[3] = 1.0
    contracts["MES.202303"] = replace(contracts["MES.202303"], high=high)
    low = contracts["MES.202306"].low + 1000.0
    contracts["MES.202306"] = replace(contracts["MES.202306"], low=low)
    found, notes = contracts_from_file(file_of(tmp_path, contracts), "MES", "futures_daily")
    assert list(found) == ["MES.202303"]
    assert len(found["MES.202303"]) == len(contracts["MES.202303"]) - 1
    assert notes[0].startswith("MES.202303: 1 rows left out, first: line 4")
    assert notes[1].startswith("MES.202306 left out: MES.parquet: none of 21 rows can be used")


def test_a_file_in_which_nothing_can_be_used(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match=r"no contract of MES can be used; MES.202303 left out"):
        contracts_from_file(file_of(tmp_path, sample(), high=1.0), "MES", "futures_daily")


def test_contracts_that_are_not_named_by_month(tmp_path: Path) -> None:
    path = file_of(tmp_path, sample(), contract_yyyymm="MESH23")
    for read in (contracts_from_file, lambda *a: import_contracts(Catalog(tmp_path / "catalog"), *a)):
        with pytest.raises(DataError, match=r"MES: contract 'MESH23' is no delivery month; .* such as 202306"):
            read(path, "MES", "futures_daily")


def test_real_files_give_every_contract(real_data: Path) -> None:
    found, notes = contracts_from_file(real_data / "futures_hourly" / "MES.parquet", "MES", "futures_hourly")
    assert len(found) == 29
    assert list(found)[:2] == ["MES.201906", "MES.201909"]
    assert notes == ()
    assert sum(len(bars) for bars in found.values()) == 91_529
