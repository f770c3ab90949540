from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from argus.core.arrays import Bars
from argus.core.errors import DataError
from argus.core.time import NS_PER_MINUTE
from argus.data import Catalog, SourceRecord, query

MONDAY = 1_704_672_000_000_000_000


def minutes(count: int, observed: frozenset[str], instrument: str = "BTCUSD") -> Bars:
    event = MONDAY + np.arange(count, dtype=np.int64) * NS_PER_MINUTE
    nothing = np.full(count, np.nan)
    values = {
        name: (np.arange(count) + 1.0 if name in observed else nothing.copy()) for name in ("open", "high", "low")
    }
    return Bars(
        instrument=instrument,
        ts_event_ns=event,
        ts_close_ns=event + NS_PER_MINUTE,
        ts_recv_ns=event + NS_PER_MINUTE,
        **values,
        close=np.arange(count) + 1.0,
        volume=nothing.copy(),
        open_interest=nothing.copy(),
        session=np.full(count, 19730, np.int32),
        session_end=np.zeros(count, np.bool_),
        observed=observed,
    )


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    catalog = Catalog(tmp_path / "it's a catalog")
    source = SourceRecord("made", "0" * 64, "1" * 64)
    catalog.write(minutes(100, frozenset({"open", "high", "low", "close"})), NS_PER_MINUTE, source)
    catalog.write(minutes(50, frozenset({"close"})), NS_PER_MINUTE, source, contract="202312")
    return catalog


def test_every_dataset_is_a_view_and_bars_is_all_of_them(catalog: Catalog) -> None:
    assert query(catalog, 'select count(*) as n, max(close) as top from "BTCUSD.1m"').to_pylist() == [
        {"n": 100, "top": 100.0}
    ]
    rows = query(
        catalog, "select dataset, contract, interval, count(*) as n, count(open) as opens from bars group by all"
    )
    assert sorted(rows.to_pylist(), key=lambda row: row["dataset"]) == [
        {"dataset": "BTCUSD.1m", "contract": None, "interval": "1m", "n": 100, "opens": 100},
        {"dataset": "BTCUSD.202312.1m", "contract": "202312", "interval": "1m", "n": 50, "opens": 0},
    ]


def test_times_are_sql_times(catalog: Catalog) -> None:
    (row,) = query(
        catalog,
        """select strftime(min(start), '%Y-%m-%dT%H:%M:%S') as first, strftime(max(close_time), '%H:%M') as last,
        min(session_date)::varchar as session from "BTCUSD.1m" """,
    ).to_pylist()
    assert row == {"first": "2024-01-08T00:00:00", "last": "01:40", "session": "2024-01-08"}


def test_an_empty_catalog_still_answers_what_needs_no_data(tmp_path: Path) -> None:
    assert query(Catalog(tmp_path), "select 1 + 1 as two").to_pylist() == [{"two": 2}]
    with pytest.raises(DataError, match="The datasets are: none yet"):
        query(Catalog(tmp_path), "select * from bars")


def test_the_shape_of_the_data_can_be_asked_for(catalog: Catalog) -> None:
    names = query(catalog, "show tables").column("name").to_pylist()
    assert names == ["BTCUSD.1m", "BTCUSD.202312.1m", "bars"]
    assert "close" in query(catalog, 'describe "BTCUSD.1m"').column("column_name").to_pylist()
    assert query(catalog, 'explain select * from "BTCUSD.1m"').num_rows == 1


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("drop view bars", "DROP is not a question; the catalog is read-only"),
        ("create table t as select 1", "CREATE is not a question"),
        ("copy (select 1) to 'out.csv'", "COPY is not a question"),
        ("set memory_limit = '100GB'", "SET is not a question"),
        ("attach 'other.db'", "ATTACH is not a question"),
        ("select 1; select 2", "2 SQL statements were given; give exactly one"),
        ("", "0 SQL statements"),
        ("selec 1", "syntax error"),
        ("select nothing from bars", "(?s)nothing.*The datasets are"),
        ('select * from "MES.1h"', r"(?s)MES\.1h.*The datasets are: \"BTCUSD\.1m\""),
        ("select * from read_csv('/etc/hostname')", "disabled|Permission|permission"),
        ("select * from read_parquet('/etc/*.parquet')", "disabled|Permission|permission"),
    ],
)
def test_whatever_is_no_question_about_the_catalog_is_refused(catalog: Catalog, sql: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        query(catalog, sql)
    assert query(catalog, "select count(*) as n from bars").to_pylist() == [{"n": 150}]


def test_local_variables_are_not_tables(catalog: Catalog) -> None:
    import pyarrow as pa

    secret = pa.table({"x": [1]})
    with pytest.raises(DataError, match="secret"):
        query(catalog, "select * from secret")
    assert secret.num_rows == 1


def test_memory_is_bounded(catalog: Catalog) -> None:
    with pytest.raises(DataError, match=r"[Oo]ut of [Mm]emory"):
        query(catalog, "select list(i * random()) from range(100000000) t(i)", memory_mb=64)
