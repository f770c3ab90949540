from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus.core.arrays import BAR_FIELDS, Bars
from argus.core.errors import CatalogError, CoverageError, DataError
from argus.core.time import NS_PER_HOUR, NS_PER_MINUTE, parse_ns
from argus.data import (
    SAME_NAMES,
    Catalog,
    ImportSpec,
    SourceRecord,
    check,
    dataset_name,
    export,
    import_bars,
    preset,
    read_raw,
)
from argus.data import _catalog_segments as segments

MONDAY = parse_ns("2024-01-08T00:00:00+00:00")
SOURCE = SourceRecord("made.csv", "0" * 64, "1" * 64)
SPEC = ImportSpec(
    instrument="BTCUSD",
    columns=SAME_NAMES,
    time_column="time",
    time_format="ns",
    stamp="start",
    interval_ns=NS_PER_MINUTE,
)


def bars(first: int, stop: int, *, shift: float = 0.0, observed: frozenset[str] | None = None) -> Bars:
    """Minutes `first` to `stop` after MONDAY of a market that never closes."""
    observed = frozenset(SAME_NAMES) if observed is None else observed
    minute = np.arange(first, stop, dtype=np.int64)
    event = MONDAY + minute * NS_PER_MINUTE
    price = 40_000.0 + minute % 97 + shift
    values = {"open": price, "high": price + 2, "low": price - 1, "close": price + 1, "volume": minute * 1.0 + 1}
    values["open_interest"] = minute * 3.0
    nothing = np.full(len(minute), np.nan)
    columns = {name: (values[name].copy() if name in observed else nothing.copy()) for name in BAR_FIELDS}
    day = 24 * 60 * NS_PER_MINUTE
    return Bars(
        instrument="BTCUSD",
        ts_event_ns=event,
        ts_close_ns=event + NS_PER_MINUTE,
        ts_recv_ns=event + NS_PER_MINUTE,
        session=(event // day).astype(np.int32),
        session_end=(event + NS_PER_MINUTE) % day == 0,
        observed=observed,
        **columns,
    )


def minute_file(path: Path, rows: Bars) -> Path:
    text = ["time,open,high,low,close,volume"]
    columns = (rows.ts_event_ns, rows.open, rows.high, rows.low, rows.close, rows.volume)
    text += [",".join(str(value.item()) for value in row) for row in zip(*columns, strict=True)]
    path.write_text("\n".join(text) + "\n")
    return path


def put(catalog: Catalog, rows: Bars, source: str = "made.csv", *, replace_rows: bool = False) -> str:
    record = SourceRecord(source, f"{source:0>64}", "1" * 64)
    return catalog.write(rows, NS_PER_MINUTE, record, replace_rows=replace_rows).content_hash


def same(one: Bars, other: Bars) -> bool:
    return one.content_hash == other.content_hash


def state(root: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below `root` with its time and content, but for the lock."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(root)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


# ------------------------------------------------------------------------------------------------- reading and writing


def test_what_was_written_is_read_again_bit_for_bit(tmp_path: Path) -> None:
    catalog, whole = Catalog(tmp_path), bars(0, 3000)
    digest = put(catalog, whole)
    loaded = catalog.load("BTCUSD", "1m")
    for name in segments.COLUMNS:
        assert getattr(loaded, name).tobytes() == getattr(whole, name).tobytes(), name
    assert loaded.observed == whole.observed
    assert digest == catalog.content_hash("BTCUSD.1m") == whole.content_hash
    info = catalog.info("BTCUSD.1m")
    assert (info.rows, info.interval, info.first_ns) == (3000, "1m", MONDAY)
    assert info.sources == ("made.csv",)


def test_a_range_holds_the_bars_that_start_in_it(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    put(catalog, bars(0, 100))
    put(catalog, bars(100, 200), "more.csv")
    part = catalog.load("BTCUSD", "1m", MONDAY + 90 * NS_PER_MINUTE, MONDAY + 110 * NS_PER_MINUTE)
    assert same(part, bars(90, 110))
    assert len(catalog.load("BTCUSD", "1m", end_ns=MONDAY + 1)) == 1
    with pytest.raises(CoverageError, match=r"2030-01-01.*2024-01-08T00:00:00Z to 2024-01-08T03:19:00Z"):
        catalog.load("BTCUSD", "1m", parse_ns("2030-01-01"))


def test_an_unknown_dataset_is_refused_with_those_that_come_near(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    with pytest.raises(CatalogError, match="it is empty: import data into it first"):
        catalog.load("BTCUSD", "1m")
    put(catalog, bars(0, 10))
    with pytest.raises(CatalogError, match=r"no dataset 'BTCUSD\.5m'; it has BTCUSD\.1m"):
        catalog.load("BTCUSD", "5m")


def test_missing_values_and_unobserved_fields_survive(tmp_path: Path) -> None:
    catalog, rows = Catalog(tmp_path), bars(0, 50, observed=frozenset({"close", "open_interest"}))
    interest = np.where(np.arange(50) % 7 == 0, np.nan, np.arange(50.0))
    rows = dataclasses.replace(rows, open_interest=interest)
    put(catalog, rows)
    loaded = catalog.load("BTCUSD", "1m")
    assert loaded.observed == {"close", "open_interest"}
    np.testing.assert_array_equal(loaded.open_interest, interest)
    assert np.isnan(loaded.open).all()


def test_names_hold_contracts_and_symbols_that_no_folder_may_have(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    rows = dataclasses.replace(bars(0, 10), instrument="US_EQUITY_ADJ:BRK.B")
    catalog.write(rows, NS_PER_MINUTE, SOURCE)
    catalog.write(bars(0, 10), NS_PER_MINUTE, SOURCE, contract="202312")
    assert [info.name for info in catalog.datasets()] == ["BTCUSD.202312.1m", "US_EQUITY_ADJ:BRK.B.1m"]
    assert catalog.load("US_EQUITY_ADJ:BRK.B", "1m").instrument == "US_EQUITY_ADJ:BRK.B"
    assert len(catalog.load("BTCUSD", "1m", contract="202312")) == 10
    assert not [path for path in tmp_path.rglob("*") if ":" in path.name]
    assert dataset_name("MES", "1h") == "MES.1h"


def test_a_missing_value_is_one_value_whatever_its_bits(tmp_path: Path) -> None:
    odd = np.full(20, np.nan)
    odd.view(np.uint64)[:] |= np.uint64(1)
    catalog, rows = Catalog(tmp_path), bars(0, 20)
    digest = put(catalog, dataclasses.replace(rows, open_interest=odd))
    assert digest == rows.content_hash == catalog.load("BTCUSD", "1m").content_hash


# ----------------------------------------------------------------------------------------------- appending and merging


def test_new_rows_behind_the_old_ones_become_a_segment_and_the_others_stay(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    put(catalog, bars(0, 100))
    before = catalog.segment_paths("BTCUSD.1m")
    assert put(catalog, bars(100, 150), "more.csv") == bars(0, 150).content_hash
    after = catalog.segment_paths("BTCUSD.1m")
    assert after[:1] == before
    assert len(after) == 2


def test_many_small_appends_are_put_together_again(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    for number in range(40):
        put(catalog, bars(number * 10, number * 10 + 10), f"{number}.csv")
    assert len(catalog.segment_paths("BTCUSD.1m")) <= 16
    assert len(list(tmp_path.rglob("*.parquet"))) == len(catalog.segment_paths("BTCUSD.1m"))
    assert same(catalog.load("BTCUSD", "1m"), bars(0, 400))


def test_rows_that_are_there_already_are_skipped_and_a_contradiction_is_an_error(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    put(catalog, bars(0, 100))
    written = catalog.write(bars(50, 120), NS_PER_MINUTE, dataclasses.replace(SOURCE, name="more.csv"))
    assert (written.added, written.identical, written.replaced) == (20, 50, 0)
    before = state(tmp_path)
    with pytest.raises(CatalogError, match=r"5 bars contradict.*first at 2024-01-08T00:10:00Z.*replace"):
        put(catalog, bars(10, 15, shift=1.0), "other.csv")
    assert state(tmp_path) == before


def test_replacing_lets_the_new_rows_win_and_sweeps_the_old_segment(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    put(catalog, bars(0, 100))
    put(catalog, bars(10, 15, shift=1.0), "other.csv", replace_rows=True)
    loaded = catalog.load("BTCUSD", "1m")
    assert same(loaded.rows(10, 15), bars(10, 15, shift=1.0))
    assert same(loaded.rows(0, 10), bars(0, 10))
    assert same(loaded.rows(15, 100), bars(15, 100))
    assert len(list(tmp_path.rglob("*.parquet"))) == len(catalog.segment_paths("BTCUSD.1m"))


def test_a_bar_that_overlaps_others_contradicts_them_and_replaces_all_of_them() -> None:
    old, new = bars(0, 10), bars(0, 12)
    wide = dataclasses.replace(
        new.rows(2, 3), ts_close_ns=new.ts_event_ns[5:6].copy(), ts_recv_ns=new.ts_event_ns[5:6].copy()
    )
    assert segments.merge_bars(old, wide, replace_rows=False).conflicts.tolist() == [0]
    merged = segments.merge_bars(old, wide, replace_rows=True)
    assert (merged.added, merged.replaced, len(merged.bars)) == (1, 3, 8)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30)), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_the_order_and_the_pieces_in_which_rows_arrive_do_not_matter(pieces: list[tuple[int, int]], random) -> None:  # type: ignore[no-untyped-def]
    whole = None
    for first, count in pieces:
        whole = segments.merge_bars(whole, bars(first, first + count), replace_rows=False).bars
    random.shuffle(pieces)
    other = None
    for first, count in pieces:
        merged = segments.merge_bars(other, bars(first, first + count), replace_rows=False)
        assert merged.added + merged.identical == count
        other = merged.bars
    assert whole is not None
    assert other is not None
    assert same(whole, other)


@settings(max_examples=60)
@given(st.integers(0, 40), st.integers(1, 40), st.integers(0, 40), st.integers(1, 40), st.booleans())
def test_merging_takes_skips_or_refuses_every_row_exactly_once(a: int, n: int, b: int, m: int, replace: bool) -> None:
    old, new = bars(a, a + n), bars(b, b + m, shift=1.0)
    merged = segments.merge_bars(old, new, replace_rows=replace)
    common = len(set(range(a, a + n)) & set(range(b, b + m)))
    assert merged.identical == 0
    assert len(merged.conflicts) == (0 if replace else common)
    assert merged.replaced == (common if replace else 0)
    assert merged.added == (m if replace else m - common)
    assert len(merged.bars) == n + m - common


def test_a_source_with_fewer_fields_is_refused_and_one_with_more_is_cut(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    put(catalog, bars(0, 10, observed=frozenset({"close", "volume"})))
    with pytest.raises(CatalogError, match=r"the new bars lack volume; import a source that has them"):
        put(catalog, bars(10, 20, observed=frozenset({"close"})), "less.csv")
    put(catalog, bars(10, 20), "more.csv")
    assert catalog.load("BTCUSD", "1m").observed == {"close", "volume"}
    assert "high, low, open of later imports left out" in catalog.info("BTCUSD.1m").notes[0]


# ----------------------------------------------------------------------------------------------------------- importing


def test_the_same_import_twice_changes_nothing(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog")
    path = minute_file(tmp_path / "bars.csv", bars(0, 200))
    first = import_bars(catalog, path, SPEC)
    assert (first.rows_imported, first.rows_present, first.already_imported) == (200, 0, False)
    before = state(tmp_path)
    again = import_bars(catalog, path, SPEC)
    assert again.already_imported
    assert (again.rows_imported, again.rows_present) == (0, 200)
    assert again.content_hash == first.content_hash
    assert "already imported" in again.lines()[0]
    replaced = import_bars(catalog, path, SPEC, replace_rows=True)
    assert (replaced.rows_imported, replaced.rows_present, replaced.rows_replaced) == (0, 200, 0)
    assert state(tmp_path) == before
    os.utime(path)
    assert import_bars(catalog, path, SPEC).already_imported


def test_a_contradicting_row_goes_to_quarantine_with_its_bytes_unless_it_replaces(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog")
    import_bars(catalog, minute_file(tmp_path / "one.csv", bars(0, 10)), SPEC)
    other = minute_file(tmp_path / "two.csv", bars(8, 12, shift=1.0))
    report = import_bars(catalog, other, SPEC)
    assert (report.rows_read, report.rows_imported, report.quarantined) == (4, 2, {"conflict": 2})
    rows = catalog.quarantined("BTCUSD.1m")
    assert [row.source_line for row in rows] == [2, 3]
    assert rows[0].original == other.read_bytes().splitlines()[1]
    assert "contradicts a bar that BTCUSD.1m has" in rows[0].message
    report = import_bars(catalog, other, SPEC, replace_rows=True)
    assert (report.rows_imported, report.rows_replaced, report.rows_present) == (2, 2, 2)
    assert catalog.quarantined("BTCUSD.1m") == ()
    assert same(catalog.load("BTCUSD", "1m").rows(8, 12), bars(8, 12, shift=1.0))


def test_every_row_of_a_source_is_accounted_for(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog")
    path = minute_file(tmp_path / "bars.csv", bars(0, 40))
    lines = path.read_text().splitlines()
    lines[3] = lines[3].replace(".0,", ".x,", 1)
    lines[5] = "1,2"
    lines.append(lines[10])
    path.write_text("\n".join(lines) + "\n")
    report = import_bars(catalog, path, SPEC)
    assert report.rows_read == 41
    assert report.rows_imported == 38
    assert report.rows_quarantined == 3
    assert report.rows_read == report.rows_imported + report.rows_present + report.rows_quarantined
    rows = catalog.quarantined("BTCUSD.1m")
    assert [row.source_line for row in rows] == [4, 6, 42]
    assert [row.original.decode() for row in rows] == [lines[3], lines[5], lines[41]]
    assert json.loads(json.dumps(report.as_dict()))["rows_quarantined"] == 3
    assert any("3 quarantined" in line for line in report.lines())
    assert catalog.info("BTCUSD.1m").quarantined == 3


def test_bars_of_the_future_are_taken_once_they_have_happened(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog")
    path = minute_file(tmp_path / "bars.csv", bars(0, 10))
    report = import_bars(catalog, path, SPEC, now_ns=MONDAY + 6 * NS_PER_MINUTE)
    assert (report.rows_imported, report.quarantined) == (6, {"future": 4})
    later = import_bars(catalog, path, SPEC)
    assert (later.rows_imported, later.rows_present, later.rows_quarantined) == (4, 6, 0)
    assert catalog.quarantined("BTCUSD.1m") == ()
    assert import_bars(catalog, path, SPEC).already_imported


def test_a_check_reads_the_stored_bars_and_the_quarantine(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog")
    rows = bars(0, 2880)
    path = minute_file(tmp_path / "bars.csv", rows)
    lines = path.read_text().splitlines()
    del lines[100:110]
    lines[50] = lines[50].rsplit(",", 2)[0] + ",,1"
    path.write_text("\n".join(lines) + "\n")
    import_bars(catalog, path, SPEC)
    found = check(catalog, "BTCUSD.1m")
    assert found.inspection.completeness.missing.tolist() == [11, 0]
    assert len(found.quarantined) == 1
    assert found.quarantined_share == 1 / 2870
    assert any("line 51" in line for line in found.lines())
    assert json.loads(json.dumps(found.as_dict()))["quarantined"] == {"missing_value": 1}


# -------------------------------------------------------------------------------------------------------------- export


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_export_imports_back_to_the_same_content(tmp_path: Path, form: str) -> None:
    catalog, other = Catalog(tmp_path / "one"), Catalog(tmp_path / "two")
    rows = dataclasses.replace(bars(0, 300), close=40_000.5 + np.random.Generator(np.random.PCG64(1)).random(300) / 3)
    put(catalog, dataclasses.replace(rows, high=rows.close + 100, low=rows.close - 600))
    done = export(catalog, "BTCUSD.1m", tmp_path / f"out.{form}")
    assert done.rows == 300
    report = import_bars(other, done.path, done.statement)
    assert report.content_hash == catalog.content_hash("BTCUSD.1m")
    again = preset("argus_bars", "BTCUSD", interval_ns=NS_PER_MINUTE)
    assert import_bars(Catalog(tmp_path / "three"), done.path, again).content_hash == report.content_hash


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_session_bars_with_a_delay_and_a_contract_export_and_import_back(tmp_path: Path, form: str) -> None:
    (tmp_path / "d.csv").write_text("date,close,oi\n2024-01-08,4700.25,7\n2024-01-09,4701.5,\n2024-01-10,4702,9\n")
    spec = ImportSpec(
        instrument="MES",
        columns={"close": "close", "open_interest": "oi"},
        time_column="date",
        time_format="iso",
        stamp="session_date",
        delay_ns=NS_PER_HOUR,
        contract="202403",
        notes=("closes only",),
    )
    catalog, other = Catalog(tmp_path / "one"), Catalog(tmp_path / "two")
    first = import_bars(catalog, tmp_path / "d.csv", spec)
    assert first.dataset == "MES.202403.1d"
    done = export(catalog, first.dataset, tmp_path / f"out.{form}")
    second = import_bars(other, done.path, done.statement)
    assert (second.dataset, second.content_hash) == (first.dataset, first.content_hash)
    assert other.info(second.dataset).notes == ("closes only",)


def test_an_export_of_another_form_or_dataset_is_refused(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    put(catalog, bars(0, 3))
    with pytest.raises(DataError, match="the form 'xlsx' is unknown; one of csv, parquet"):
        export(catalog, "BTCUSD.1m", tmp_path / "out.xlsx")
    with pytest.raises(CatalogError, match="no dataset"):
        export(catalog, "MES.1h", tmp_path / "out.csv")
    assert not list(tmp_path.glob("out*"))


def test_removing_a_dataset_leaves_nothing_of_it(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog")
    import_bars(catalog, minute_file(tmp_path / "one.csv", bars(0, 10)), SPEC)
    import_bars(catalog, minute_file(tmp_path / "two.csv", bars(0, 10, shift=1.0)), SPEC)
    catalog.remove("BTCUSD.1m")
    assert catalog.datasets() == []
    assert not list(tmp_path.rglob("*.parquet"))
    with pytest.raises(CatalogError, match="no dataset"):
        catalog.remove("BTCUSD.1m")


# ----------------------------------------------------------------------------------------------------------- real data


def test_hourly_contracts_of_a_vendor_and_of_the_collection_agree(tmp_path: Path, real_data: Path) -> None:
    catalog = Catalog(tmp_path)
    spec = preset("futures_hourly", "MES", contract="202306")
    collected = import_bars(catalog, real_data / "futures_hourly/MES.parquet", spec)
    vendor = preset("hour_iso_start", "MES", contract="202306")
    again = import_bars(catalog, real_data / "vendor_raw/Hour_SP500_micro_20230600.csv.gz", vendor)
    assert again.rows_read == again.rows_imported + again.rows_present + again.rows_quarantined
    assert again.rows_present > 0.99 * again.rows_read
    assert again.rows_quarantined == 0
    assert collected.rows_quarantined == 0


def test_an_export_of_real_bars_imports_back_to_the_same_content(tmp_path: Path, real_data: Path) -> None:
    catalog, other = Catalog(tmp_path / "one"), Catalog(tmp_path / "two")
    first = import_bars(catalog, real_data / "etf_intraday/SPY_5min.parquet", preset("etf_5min_eastern", "SPY"))
    done = export(catalog, "SPY.5m", tmp_path / "spy.csv")
    assert import_bars(other, done.path, done.statement).content_hash == first.content_hash
    assert len(read_raw(done.path, done.statement)) == first.rows_imported
