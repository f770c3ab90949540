from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from argus.app.data import FileStatement, write_synthetic
from argus.app.features import compute_file, series_of, table_of
from argus.app.harvest import HarvestResult, harvest
from argus.app.rolled import Rolling
from argus.app.workspace import Workspace, init_workspace
from argus.core.arrays import Bars
from argus.core.errors import CatalogError, ConfigError
from argus.core.time import NS_PER_DAY, NS_PER_MINUTE
from argus.data.catalog import SourceRecord
from argus.data.resample import resample
from argus.data.synthetic import SyntheticSpec, generate
from argus.features import column_version, compute
from argus.features.sets import columns_of

SET = "sma,zscore,momentum,session_day"
SPEC = SyntheticSpec("MES", NS_PER_MINUTE, date(2022, 1, 3), sessions=4, seed=7)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    home = init_workspace(tmp_path / "home")[0]
    write_synthetic(home.catalog(), SPEC)
    return home


def run(home: Workspace, symbols: Sequence[str], timeframes: Sequence[str], **how: int | str) -> HarvestResult:
    return harvest(home, SET, symbols, timeframes, Rolling(adjust="ratio"), **how)  # type: ignore[arg-type]


def contents(home: Workspace) -> dict[str, bytes]:
    folder = home.root / "features"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("rows-*")}


def store(home: Workspace, bars: Bars, interval_ns: int | None, name: str) -> None:
    home.catalog().write(bars, interval_ns, SourceRecord(name, bars.content_hash, name, {}, len(bars)))


def test_a_harvest_holds_the_features_of_the_bars_and_of_coarser_ones(workspace: Workspace) -> None:
    done = run(workspace, ["MES.SYNTH7"], ["1m", "15m", "1d"])
    minutes = generate(SPEC)
    for timeframe, bars in (
        ("1m", minutes),
        ("15m", resample(minutes, 15 * NS_PER_MINUTE)),
        ("1d", resample(minutes, NS_PER_DAY)),
    ):
        stored = table_of(workspace, SET, "MES.SYNTH7", timeframe).scan().collect()
        np.testing.assert_array_equal(stored["ts_recv_ns"].to_numpy(), bars.ts_recv_ns)
        for ref in columns_of(SET):
            np.testing.assert_array_equal(stored[ref.alias].to_numpy(), compute(ref, bars).astype(np.float32))
    assert {table["timeframe"]: table["rows"] for table in done.tables}["1d"] == 4
    assert done.as_dict()["values_made"] == done.as_dict()["rows"] * 4


def test_tables_are_the_same_bytes_whoever_makes_them(workspace: Workspace, tmp_path: Path) -> None:
    other = init_workspace(tmp_path / "other")[0]
    write_synthetic(other.catalog(), SPEC)
    run(workspace, ["MES.SYNTH7"], ["1m", "5m", "1h"])
    run(other, ["MES.SYNTH7"], ["1m", "5m", "1h"], workers=2)
    assert len(contents(workspace)) == 3
    assert contents(workspace) == contents(other)


def test_new_bars_are_added_and_nothing_else_is_touched(tmp_path: Path) -> None:
    home = init_workspace(tmp_path)[0]
    bars = replace(generate(SPEC), instrument="MES")
    store(home, bars.rows(0, 3_000), NS_PER_MINUTE, "first")
    run(home, ["MES"], ["1m", "1h"])
    again = run(home, ["MES"], ["1m", "1h"])
    assert again.as_dict()["values_made"] == 0
    store(home, bars, NS_PER_MINUTE, "second")
    done = run(home, ["MES"], ["1m", "1h"])
    told = {str(table["timeframe"]): table for table in done.tables}
    assert told["1m"]["rows_proven"] == 3_000
    assert told["1m"]["rows"] == len(bars)
    assert told["1m"]["columns_changed"] == ()
    fresh = compute(columns_of(SET)[1], bars).astype(np.float32)
    np.testing.assert_array_equal(table_of(home, SET, "MES", "1m").scan().collect()["zscore"].to_numpy(), fresh)
    assert told["1h"]["rows_proven"] > 0


def test_what_the_catalog_lacks_is_said_before_anything_is_made(workspace: Workspace) -> None:
    with pytest.raises(CatalogError, match="no bars of ZN from which bars of 1m can be made"):
        run(workspace, ["MES.SYNTH7", "ZN"], ["1m"])
    with pytest.raises(CatalogError, match=r"bars of 30s can be made; it has MES\.SYNTH7\.1m"):
        run(workspace, ["MES.SYNTH7"], ["30s"])
    with pytest.raises(ConfigError, match="no set and no feature 'fuutures'; did you mean futures"):
        harvest(workspace, "fuutures", ["MES.SYNTH7"], ["1m"], Rolling())
    assert not (workspace.root / "features").exists()


def test_progress_reaches_what_was_promised(workspace: Workspace) -> None:
    seen: list[tuple[int, int]] = []
    harvest(workspace, SET, ["MES.SYNTH7"], ["1m", "5m"], Rolling(), progress=lambda done, of: seen.append((done, of)))
    assert seen[-1][0] == seen[-1][1] > 0


def test_shares_have_their_splits_taken_out_without_changing_the_past(tmp_path: Path) -> None:
    from argus.data.corporate_actions_import import import_actions

    home = init_workspace(tmp_path)[0]
    made = generate(SyntheticSpec("US_EQUITY:AAPL", NS_PER_DAY, date(2020, 7, 1), sessions=80, seed=3))
    split = int(np.searchsorted(made.session, (date(2020, 8, 31) - date(1970, 1, 1)).days))
    factor = np.where(np.arange(len(made)) >= split, 0.25, 1.0)
    traded = replace(made, **{name: getattr(made, name) * factor for name in ("open", "high", "low", "close")})
    store(home, traded, None, "shares")
    sheet = tmp_path / "actions.csv"
    sheet.write_text("symbol,kind,session,announced,numerator,denominator\nAAPL,split,2020-08-31,2020-07-30,4,1\n")
    import_actions(home.catalog(), sheet, calendar="NYSE")
    series = series_of(home, "US_EQUITY:AAPL", "1d", Rolling())
    np.testing.assert_allclose(series.bars.close, made.close, rtol=1e-12)
    assert series.about["splits"] == 1


def statement() -> FileStatement:
    return FileStatement("MES", stamp="start", timezone="UTC")


def test_a_file_becomes_one_parquet_file(tmp_path: Path) -> None:
    bars = generate(SPEC)
    source = tmp_path / "bars.parquet"
    pl.DataFrame(
        {"ts": bars.ts_event_ns, **{name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}}
    ).with_columns(pl.col("ts").cast(pl.Datetime("ns"))).write_parquet(source)
    out = tmp_path / "made" / "features.parquet"
    seen: list[tuple[int, int]] = []
    done = compute_file(source, statement(), SET, out, progress=lambda rows, of: seen.append((rows, of)))
    stored = pl.read_parquet(out)
    assert (done.rows, done.features) == (len(bars), 4) == (len(stored), len(stored.columns) - 1)
    assert seen[-1] == (len(bars), len(bars))
    for ref in columns_of(SET):
        np.testing.assert_array_equal(stored[ref.alias].to_numpy(), compute(ref, bars).astype(np.float32))
    about = json.loads(pq.read_schema(out).metadata[b"argus"])
    assert about["versions"] == {ref.alias: column_version(ref) for ref in columns_of(SET)}
    assert about["data_hash"] == done.data_hash
    assert list(out.parent.iterdir()) == [out]


def test_a_failed_computation_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from argus.data import feature_store

    bars = generate(SPEC)
    source = tmp_path / "bars.parquet"
    pl.DataFrame({"ts": bars.ts_event_ns, "close": bars.close}).with_columns(
        pl.col("ts").cast(pl.Datetime("ns"))
    ).write_parquet(source)

    def full(self: object, *given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(feature_store.ColumnWriter, "write", full)
    out = tmp_path / "features.parquet"
    out.write_bytes(b"old")
    with pytest.raises(OSError, match="No space left"):
        compute_file(source, statement(), SET, out)
    assert out.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bars.parquet", "features.parquet"]
    with pytest.raises(ConfigError, match=r"give a name that ends in \.parquet"):
        compute_file(source, statement(), SET, tmp_path / "x.csv")
