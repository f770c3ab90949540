from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from argus.app.data import (
    FileStatement,
    check_dataset,
    complete_statement,
    export_dataset,
    import_command,
    import_file,
    measured_interval,
    parse_date,
    parse_duration,
    parse_pairs,
    parse_session_interval,
    session_gaps,
    sql_rows,
    synthetic_spec,
    write_synthetic,
)
from argus.core.errors import CatalogError, ConfigError, ImportFailed
from argus.core.time import NS_PER_DAY, NS_PER_HOUR, NS_PER_MINUTE
from argus.data.catalog import Catalog

SECOND = 1_000_000_000
MONDAY = datetime(2024, 3, 4, 15)  # noqa: DTZ001 - files without a zone are what is tested


def minutes(path: Path, *, zone: str | None = None, at: list[int] | None = None, **extra: list[object]) -> Path:
    """Minute bars of one Monday at the given minutes after 15:00."""
    at = list(range(30)) if at is None else at
    close = [4_000.0 + 0.25 * k for k in range(len(at))]
    moments = [MONDAY + timedelta(minutes=k) for k in at]
    frame = pl.DataFrame({"ts": moments, "open": close, "high": close, "low": close, "close": close, "volume": 10.0})
    frame = frame.with_columns(pl.col("ts").dt.replace_time_zone(zone), *(pl.Series(n, v) for n, v in extra.items()))
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_csv(path)
    return path


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(tmp_path / "catalog")


# ---- what the file says of itself, and what it cannot say


def test_a_typed_file_needs_only_meaning_and_zone(tmp_path: Path) -> None:
    spec, said = complete_statement(minutes(tmp_path / "a.parquet"), FileStatement("ES", stamp="start", timezone="UTC"))
    assert (spec.time_column, spec.time_format, spec.interval_ns) == ("ts", "datetime", NS_PER_MINUTE)
    assert dict(spec.columns or {}) == {name: name for name in ("open", "high", "low", "close", "volume")}
    assert [line.partition(":")[0] for line in said] == ["time column", "time format", "columns", "interval"]


@pytest.mark.parametrize(
    ("stated", "option"),
    [
        (FileStatement("ES", timezone="UTC"), "--stamp"),
        (FileStatement("ES", stamp="end"), "--timezone"),
    ],
)
def test_meaning_and_zone_are_never_guessed(tmp_path: Path, stated: FileStatement, option: str) -> None:
    with pytest.raises(ImportFailed, match=option) as caught:
        complete_statement(minutes(tmp_path / "a.parquet"), stated)
    assert "'ts'" in str(caught.value)


def test_a_zone_in_the_file_need_not_be_stated(tmp_path: Path) -> None:
    spec, _ = complete_statement(minutes(tmp_path / "a.parquet", zone="UTC"), FileStatement("ES", stamp="start"))
    assert spec.timezone is None


def test_two_columns_of_times_must_be_chosen_from(tmp_path: Path) -> None:
    path = minutes(tmp_path / "a.parquet", received=[MONDAY] * 30)
    with pytest.raises(ImportFailed, match="--time-column"):
        complete_statement(path, FileStatement("ES", stamp="start", timezone="UTC"))
    spec, said = complete_statement(path, FileStatement("ES", stamp="start", timezone="UTC", time_column="ts"))
    assert spec.time_format == "datetime"
    assert not any(line.startswith("time column") for line in said)


def test_text_needs_column_and_form(tmp_path: Path) -> None:
    path = minutes(tmp_path / "a.csv")
    with pytest.raises(ImportFailed, match=r"--time-column.*--time-format"):
        complete_statement(path, FileStatement("ES", stamp="start", timezone="UTC"))


def test_columns_are_all_stated_or_none(tmp_path: Path) -> None:
    path = minutes(tmp_path / "a.parquet", settle=[1.0] * 30)
    stated = FileStatement("ES", stamp="start", timezone="UTC", columns={"close": "settle"})
    spec, _ = complete_statement(path, stated)
    assert spec.columns == {"close": "settle"}


def test_a_file_without_a_close_must_say_which_column_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"ts": [MONDAY], "px": [1.0]}).write_parquet(path)
    with pytest.raises(ImportFailed, match="--column close=NAME"):
        complete_statement(path, FileStatement("ES", stamp="start", timezone="UTC"))


# ---- the interval


def test_the_interval_is_measured_across_gaps(tmp_path: Path) -> None:
    path = minutes(tmp_path / "a.parquet", at=[0, 5, 10, 25, 600])
    spec, said = complete_statement(path, FileStatement("ES", stamp="start", timezone="UTC"))
    assert spec.interval_ns == 5 * NS_PER_MINUTE
    assert "5m" in said[-1]


@pytest.mark.parametrize(("at", "complaint"), [([0, 2, 5, 7], "1 others are no whole multiple"), ([0, 1], "too few")])
def test_an_interval_that_cannot_be_measured_must_be_stated(tmp_path: Path, at: list[int], complaint: str) -> None:
    path = minutes(tmp_path / "a.parquet", at=at)
    stated = FileStatement("ES", stamp="start", timezone="UTC")
    with pytest.raises(ImportFailed, match=f"{complaint}.*--interval"):
        complete_statement(path, stated)
    spec, _ = complete_statement(path, replace(stated, interval_ns=NS_PER_MINUTE))
    assert spec.interval_ns == NS_PER_MINUTE


def test_duplicates_do_not_hide_the_interval(tmp_path: Path) -> None:
    path = minutes(tmp_path / "a.parquet", at=[0, 1, 1, 2, 3])
    spec, _ = complete_statement(path, FileStatement("ES", stamp="start", timezone="UTC", interval_ns=1))
    assert measured_interval(path, replace(spec, interval_ns=None)) == NS_PER_MINUTE


def test_a_preset_that_leaves_the_interval_open_gets_it_measured(catalog: Catalog, tmp_path: Path) -> None:
    import_file(catalog, minutes(tmp_path / "a.parquet"), FileStatement("ES", stamp="start", timezone="UTC"))
    exported = export_dataset(catalog, "ES.1m", tmp_path / "out.csv")
    spec, said = complete_statement(exported.path, FileStatement("ES", preset="argus_bars"))
    assert spec == exported.statement
    assert [line.partition(":")[0] for line in said] == ["interval"]
    with pytest.raises(ConfigError, match="no preset is called"):
        complete_statement(exported.path, FileStatement("ES", preset="nonsense"))


# ---- catalog


def test_import_twice_changes_nothing(catalog: Catalog, tmp_path: Path) -> None:
    path, stated = minutes(tmp_path / "a.parquet"), FileStatement("ES", stamp="start", timezone="UTC")
    first, said = import_file(catalog, path, stated)
    assert (first.rows_imported, first.dataset, len(said)) == (30, "ES.1m", 4)
    again, _ = import_file(catalog, path, stated)
    assert again.already_imported
    assert again.content_hash == first.content_hash


def test_the_command_that_an_export_names_brings_back_the_same_content(catalog: Catalog, tmp_path: Path) -> None:
    made = write_synthetic(
        catalog, synthetic_spec("ES", interval_ns=NS_PER_HOUR, start=date(2024, 3, 4), sessions=5, seed=1)
    )
    exported = export_dataset(catalog, made.dataset, tmp_path / "out.parquet")
    words = shlex.split(import_command(exported.path, exported.statement))
    assert words[:4] == ["argus", "data", "import", str(exported.path)]
    assert "--note" in words  # what is synthetic stays marked as such
    assert words[words.index("--contract") + 1] == "SYNTH1"


def test_gaps_are_listed_with_the_worst_first(catalog: Catalog, tmp_path: Path) -> None:
    # 30 bars of one session, the next two sessions empty, then one bar.
    path = minutes(tmp_path / "a.parquet", at=[*range(30), 3 * 24 * 60])
    import_file(catalog, path, FileStatement("ES", stamp="start", timezone="UTC"))
    gaps = session_gaps(check_dataset(catalog, "ES.1m"))
    assert [row["session"] for row in gaps][:2] == ["2024-03-05", "2024-03-06"]
    assert all(row["expected"] == row["present"] + row["missing"] for row in gaps)
    assert [row["present"] for row in gaps[:2]] == [0, 0]


def test_sql_gives_names_and_rows(catalog: Catalog, tmp_path: Path) -> None:
    import_file(catalog, minutes(tmp_path / "a.parquet"), FileStatement("ES", stamp="start", timezone="UTC"))
    names, rows = sql_rows(catalog, 'select count(*) as n, max(close) as top from "ES.1m"')
    assert names == ("n", "top")
    assert rows == [(30, 4_007.25)]


# ---- synthetic markets


def test_a_synthetic_market_is_marked_for_good(catalog: Catalog) -> None:
    spec = synthetic_spec(
        "ES", interval_ns=NS_PER_DAY, start=date(2012, 1, 3), sessions=60, seed=4, edge="trend", sharpe=1.5
    )
    made = write_synthetic(catalog, spec)
    assert (made.dataset, made.rows, made.changed) == ("ES.SYNTH4.1d", 60, True)
    info = catalog.info(made.dataset)
    assert "synthetic" in info.notes[0]
    assert "1.5" in info.notes[0]
    assert not write_synthetic(catalog, spec).changed
    bars = catalog.load("ES", "1d", contract="SYNTH4")
    assert np.array_equal(bars.session_end, np.ones(60, dtype=bool))


def test_another_market_under_the_same_name_is_refused(catalog: Catalog) -> None:
    def spec(edge: str | None, sharpe: float | None):  # type: ignore[no-untyped-def]
        return synthetic_spec(
            "ES", interval_ns=NS_PER_DAY, start=date(2012, 1, 3), sessions=60, seed=4, edge=edge, sharpe=sharpe
        )

    before = write_synthetic(catalog, spec(None, None))
    with pytest.raises(CatalogError, match="contradict"):
        write_synthetic(catalog, spec("drift", 2.0))
    assert catalog.info(before.dataset).rows == 60


def test_an_edge_and_its_sharpe_belong_together() -> None:
    with pytest.raises(ConfigError, match="--edge and --sharpe"):
        synthetic_spec("ES", interval_ns=NS_PER_DAY, start=date(2012, 1, 3), sessions=5, seed=0, edge="trend")
    with pytest.raises(ConfigError, match="edge kind"):
        synthetic_spec(
            "ES", interval_ns=NS_PER_DAY, start=date(2012, 1, 3), sessions=5, seed=0, edge="magic", sharpe=1.0
        )


# ---- what people type


def test_durations() -> None:
    assert [parse_duration(text, "--x") for text in ("90s", "5m", "1h", "250ms", "24h")] == [
        90 * SECOND,
        300 * SECOND,
        3_600 * SECOND,
        SECOND // 4,
        86_400 * SECOND,
    ]
    assert parse_session_interval("1d", "--x") == NS_PER_DAY
    for text in ("", "m", "5", "1.5h", "-1m", "1d", "1 h", "5M"):
        with pytest.raises(ConfigError, match="--interval"):
            parse_duration(text, "--interval")
    with pytest.raises(ConfigError, match="session_date"):
        parse_duration("1d", "--interval")


def test_pairs() -> None:
    assert parse_pairs(["open=Open", "close=a=b"], "--column") == {"open": "Open", "close": "a=b"}
    for pairs in (["open"], ["=x"], ["open="], ["a=1", "a=2"]):
        with pytest.raises(ConfigError, match="--column"):
            parse_pairs(pairs, "--column")


def test_dates() -> None:
    assert parse_date("2024-02-29", "--start") == date(2024, 2, 29)
    with pytest.raises(ConfigError, match="--start is '2024-02-30'"):
        parse_date("2024-02-30", "--start")
