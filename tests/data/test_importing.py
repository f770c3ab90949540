from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.core.errors import ConfigError, DataError, ImportFailed
from argus.core.time import NS_PER_HOUR, NS_PER_MINUTE, day_number, parse_ns, to_ns
from argus.data import (
    PRESETS,
    SAME_NAMES,
    ImportSpec,
    Rejection,
    contracts_in,
    interval_label,
    load_file,
    preset,
    read_raw,
    to_bars,
)
from argus.data._catalog_stamps import read_dates, read_instants

MONDAY = parse_ns("2024-01-08T15:00:00+00:00")
"""Nine o'clock in Chicago, on an ordinary Monday."""

HOURLY = ImportSpec(
    instrument="MES",
    columns=SAME_NAMES,
    time_column="time",
    time_format="iso",
    timezone="UTC",
    stamp="start",
    interval_ns=NS_PER_HOUR,
)


def csv_file(folder: Path, lines: list[str], header: str = "time,open,high,low,close,volume") -> Path:
    path = folder / "bars.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def hour(number: int, values: str = "4700,4701,4699,4700.25,10") -> str:
    """A good line of the hour `number` after MONDAY."""
    moment = datetime.fromtimestamp(MONDAY / 1e9, UTC) + timedelta(hours=number)
    return f"{moment:%Y-%m-%d %H:%M:%S},{values}"


def stated(**changes: object) -> ImportSpec:
    from dataclasses import replace

    return replace(HOURLY, **changes)  # type: ignore[arg-type]


def bad_rows(path: Path, spec: ImportSpec = HOURLY, **options: object) -> tuple[Rejection, ...]:
    return to_bars(read_raw(path, spec), spec, **options).quarantined  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------------------- statements


def test_start_and_end_stamps_differ_by_one_bar_and_a_bar_is_known_at_its_close(tmp_path: Path) -> None:
    path = csv_file(tmp_path, [hour(0), hour(1)])
    start = to_bars(read_raw(path, HOURLY), HOURLY).bars
    assert start.ts_event_ns.tolist() == [MONDAY, MONDAY + NS_PER_HOUR]
    assert start.ts_recv_ns.tolist() == start.ts_close_ns.tolist() == [MONDAY + NS_PER_HOUR, MONDAY + 2 * NS_PER_HOUR]
    late = stated(stamp="end", delay_ns=7)
    end = to_bars(read_raw(path, late), late).bars
    assert end.ts_close_ns.tolist() == [MONDAY, MONDAY + NS_PER_HOUR]
    assert (end.ts_recv_ns - end.ts_close_ns).tolist() == [7, 7]
    assert start.session.tolist() == [day_number(datetime(2024, 1, 8, tzinfo=UTC).date())] * 2


def test_everything_that_is_missing_is_asked_for_at_once(tmp_path: Path) -> None:
    path = csv_file(tmp_path, [hour(0)])
    with pytest.raises(ImportFailed) as caught:
        read_raw(path, ImportSpec("MES"))
    for missing in ("columns", "time_column", "time_format", "stamp"):
        assert f"{missing} is not stated" in str(caught.value)
    assert "'time', 'open', 'high', 'low', 'close', 'volume'" in str(caught.value)
    with pytest.raises(ImportFailed, match="interval_ns is not stated"):
        read_raw(path, stated(interval_ns=None))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"timezone": None}, "no offset from UTC.*line 2.*state timezone="),
        ({"timezone": "America/Chikago"}, "no time zone is called 'America/Chikago'"),
        ({"columns": {"close": "Close"}}, r"columns\['close'\] is stated as 'Close', which is not a column"),
        ({"columns": {"open": "open"}}, "states no 'close'"),
        ({"columns": {"close": "close", "vwap": "open"}}, "'vwap', but a bar has only"),
        ({"time_column": "date"}, "time_column is stated as 'date', which is not a column of the file"),
        ({"where": {"root": "ES"}}, r"where\['root'\]"),
        ({"stamp": "middle"}, "stamp is 'middle'; one of start, end, session_date"),
        ({"stamp": "session_date"}, "interval_ns is stated for session dates"),
        ({"interval_ns": -1}, "must be positive"),
        ({"delay_ns": -1}, "cannot be known before its close"),
        ({"time_format": "ms", "timezone": "America/Chicago"}, "counts since 1970 are UTC"),
        ({"time_format": "datetime"}, "holds text"),
        ({"contract_column": "volume"}, "contract is not stated"),
        ({"contract_column": "volume", "contract": "99"}, "no row has '99' in column 'volume'; it holds '10'"),
        ({"delimiter": ";"}, "is that the delimiter"),
        ({"time_format": "%d/%m/%Y"}, "cannot be read as stated, so that the statement is wrong"),
    ],
)
def test_a_wrong_statement_is_refused_with_the_remedy(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    path = csv_file(tmp_path, [hour(number) for number in range(3)])
    with pytest.raises(ImportFailed, match=message) as caught:
        read_raw(path, stated(**changes))
    assert "bars.csv" in str(caught.value)


def test_a_stated_zone_must_agree_with_the_offsets_in_the_file(tmp_path: Path) -> None:
    path = csv_file(tmp_path, ["2024-01-08T09:00:00-06:00,1,1,1,1,1", "2024-07-08T09:00:00-05:00,1,1,1,1,1"])
    free = read_raw(path, stated(timezone=None))
    assert free.ts_event_ns.tolist() == [MONDAY, parse_ns("2024-07-08T14:00:00+00:00")]
    assert read_raw(path, stated(timezone="America/Chicago")).ts_event_ns.tolist() == free.ts_event_ns.tolist()
    with pytest.raises(ImportFailed, match=r"line 2 carries the offset -06:00, but timezone='UTC' has \+00:00"):
        read_raw(path, stated(timezone="UTC"))
    with pytest.raises(
        ImportFailed, match=r"line 2 carries the offset -06:00, but timezone='America/New_York' has -05"
    ):
        read_raw(path, stated(timezone="America/New_York"))


def test_stamps_with_and_without_offset_do_not_mix(tmp_path: Path) -> None:
    path = csv_file(tmp_path, ["2024-01-08T09:00:00Z,1,1,1,1,1", "2024-01-08T10:00:00,1,1,1,1,1"])
    with pytest.raises(ImportFailed, match="1 stamps carry an offset from UTC and 1 do not"):
        read_raw(path, stated(timezone=None))


def test_a_wrong_epoch_unit_is_refused_with_a_hint(tmp_path: Path) -> None:
    path = csv_file(tmp_path, [f"{MONDAY // 10**6},1,1,1,1,1"])
    with pytest.raises(ImportFailed, match=r"years 1850 to 2200.*Read as ms, 1704726000000 is 2024-01-08T15:00:00Z"):
        read_raw(path, stated(time_format="s", timezone=None))
    for unit, size in (("ns", 1), ("us", 10**3), ("ms", 10**6), ("s", 10**9)):
        path = csv_file(tmp_path, [f"{MONDAY // size},1,1,1,1,1"])
        assert read_raw(path, stated(time_format=unit, timezone=None)).ts_event_ns.tolist() == [MONDAY]


def test_local_times_that_a_clock_change_repeats_or_skips_are_not_guessed(tmp_path: Path) -> None:
    hours = [f"2024-{day} {hour:02d}:30:00,1,1,1,1,1" for day in ("03-10", "11-03") for hour in range(24)]
    spec = stated(instrument="BTCUSD", timezone="America/New_York")
    raw = read_raw(csv_file(tmp_path, hours), spec)
    assert [(row.source_line, row.reason) for row in raw.rejected] == [
        (4, "nonexistent_time"),
        (27, "ambiguous_time"),
    ]
    assert raw.rejected[0].original == b"2024-03-10 02:30:00,1,1,1,1,1"
    assert "'2024-03-10 02:30:00'" in raw.rejected[0].message
    assert len(raw) == 46
    assert raw.ts_event_ns[1] == parse_ns("2024-03-10T06:30:00+00:00")
    assert raw.ts_event_ns[2] == parse_ns("2024-03-10T07:30:00+00:00")


def test_one_contract_of_many_is_chosen_by_name(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path,
        [f"2024-01-08 1{n}:00:00,1,1,1,{price},1,{c}" for c, price in (("H4", 1), ("M4", 2)) for n in range(3)],
        "time,open,high,low,close,volume,contract",
    )
    spec = stated(contract_column="contract", contract="M4")
    assert contracts_in(path, spec) == ("H4", "M4")
    raw = read_raw(path, spec)
    assert raw.close.tolist() == [2.0, 2.0, 2.0]
    assert raw.source_line.tolist() == [5, 6, 7]
    assert raw.original(0).endswith(b",M4")
    with pytest.raises(ImportFailed, match="contract_column is stated as None; state one of"):
        contracts_in(path, HOURLY)


def test_typed_columns_need_no_pattern_and_keep_their_zone(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    naive = pl.Series("time", [MONDAY, MONDAY + NS_PER_HOUR]).cast(pl.Datetime("ns"))
    columns = {name: [1.0, 1.0] for name in SAME_NAMES}

    def instants(time: pl.Series, **changes: object) -> list[int]:
        pl.DataFrame({"time": time, **columns}).write_parquet(path)
        return read_raw(path, stated(time_format="datetime", **changes)).ts_event_ns.tolist()

    right = [MONDAY, MONDAY + NS_PER_HOUR]
    assert instants(naive) == right
    assert instants(naive.cast(pl.Datetime("ms"))) == right
    assert instants(naive, timezone="America/Chicago") == [stamp + 6 * NS_PER_HOUR for stamp in right]
    assert instants(naive.dt.replace_time_zone("UTC"), timezone=None) == right
    chicago = naive.dt.replace_time_zone("UTC").dt.convert_time_zone("America/Chicago")
    assert instants(chicago, timezone="America/Chicago") == right
    with pytest.raises(ImportFailed, match="carries the offset -06:00"):
        instants(chicago, timezone="UTC")
    with pytest.raises(ImportFailed, match="no offset from UTC"):
        instants(naive, timezone=None)
    with pytest.raises(ImportFailed, match="state stamp='session_date'"):
        instants(naive.cast(pl.Date))


# ------------------------------------------------------------------------------------------------------- session dates

DAILY = stated(stamp="session_date", interval_ns=None, timezone=None)


def test_a_session_date_spans_the_calendars_session(tmp_path: Path) -> None:
    path = csv_file(tmp_path, ["2024-01-08,1,1,1,1,1", "2024-01-09,1,1,1,1,1"])
    bars = to_bars(read_raw(path, DAILY), DAILY).bars
    assert bars.ts_event_ns[0] == parse_ns("2024-01-07T23:00:00+00:00")  # Sunday 17:00 in Chicago
    assert bars.ts_close_ns[0] == parse_ns("2024-01-08T22:00:00+00:00")  # Monday 16:00
    assert bars.session_end.all()
    assert bars.session.tolist() == [19730, 19731]


def test_a_date_without_a_session_is_kept_apart(tmp_path: Path) -> None:
    days = ["2024-01-05", "2024-01-06", "2024-01-08"]
    raw = read_raw(csv_file(tmp_path, [f"{day},1,1,1,1,1" for day in days]), DAILY)
    assert len(raw) == 2
    assert [(row.source_line, row.reason) for row in raw.rejected] == [(3, "no_session")]
    assert "2024-01-06" in raw.rejected[0].message


def test_a_session_date_is_a_date_or_the_midnight_of_the_stated_zone(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    midnights = pl.Series("time", [MONDAY - 9 * NS_PER_HOUR]).cast(pl.Datetime("ns", "UTC"))
    pl.DataFrame({"time": midnights, **{name: [1.0] for name in SAME_NAMES}}).write_parquet(path)
    from dataclasses import replace

    typed = replace(DAILY, time_format="datetime")
    assert read_raw(path, replace(typed, timezone="America/Chicago")).ts_close_ns[0] == MONDAY + 7 * NS_PER_HOUR
    with pytest.raises(ImportFailed, match="must be a plain date or a local midnight; state the time zone"):
        read_raw(path, typed)


def test_an_offset_with_a_date_leaves_the_date_as_written() -> None:
    column = pl.Series(["2007-01-03 00:00:00-05:00", "2007-07-03 00:00:00-04:00", "2007-07-04"])
    with pytest.raises(ImportFailed, match="do not"):
        read_dates(column, "iso", None, np.arange(3), "x")
    days = read_dates(column[:2], "iso", None, np.arange(2), "x")
    assert days.values.tolist() == [13516, 13697]
    assert days.fault.tolist() == [0, 0]


# ------------------------------------------------------------------------------------------------------------ bad rows


@pytest.mark.parametrize(
    ("line", "reason", "shown"),
    [
        (hour(2, "4700,abc,4699,4700,10"), "unparsable", "column 'high': found 'abc': it is not a number"),
        (hour(2, '4700,"4,701",4699,4700,10'), "unparsable", "found '4,701'"),
        (hour(2, "4700,4701,4699,,10"), "missing_value", "close nan"),
        (hour(2, "4700,4701,4699,nan,10"), "missing_value", "close nan"),
        (hour(2, "4700,inf,4699,4700,10"), "infinite", "high inf"),
        (hour(2, "4700,4690,4699,4700,10"), "ohlc", "high 4690"),
        (hour(2, "4700,4701,4699,4700,-1"), "negative_volume", "volume -1"),
        (hour(2, "4700,4701,4699"), "ragged", "has 4 fields where the header names 6"),
        (hour(0, "4700,4701,4699,4700.25,10"), "duplicate", "2024-01-08T15:00:00Z"),
        ("yesterday,4700,4701,4699,4700,10", "unparsable_time", "column 'time': found 'yesterday'"),
        (",4700,4701,4699,4700,10", "no_time", "the time stamp is empty"),
        ("3024-01-08 17:00:00,4700,4701,4699,4700,10", "implausible_time", "3024"),
    ],
)
def test_a_bad_row_goes_to_quarantine_with_line_reason_and_bytes(
    tmp_path: Path, line: str, reason: str, shown: str
) -> None:
    good = [hour(number) for number in range(24, 44)]
    path = csv_file(tmp_path, [hour(0), hour(1), line, *good])
    checked = to_bars(read_raw(path, HOURLY), HOURLY)
    assert len(checked.bars) == 22
    (row,) = checked.quarantined
    assert row.source_line == 4
    assert reason in row.reason.split("|")
    assert row.original == line.encode()
    assert "line 4" in row.message
    assert shown in row.message


def test_contradicting_duplicates_are_both_quarantined_because_nothing_says_which_is_right(tmp_path: Path) -> None:
    path = csv_file(tmp_path, [hour(0), hour(1), hour(1, "4700,4701,4699,4699.5,10"), hour(2)])
    assert [row.source_line for row in bad_rows(path)] == [3, 4]


def test_a_price_of_zero_is_bad_where_it_cannot_be_and_good_where_it_can(tmp_path: Path) -> None:
    path = csv_file(tmp_path, [hour(0), hour(1, "0,0,0,0,10"), hour(2, "-37.5,-37,-38,-37.5,10")])
    with pytest.raises(ImportFailed, match="none of 3 rows can be used; the first: line 2"):
        bad_rows(path, stated(instrument="SPY"), now_ns=0)
    assert [row.reason for row in bad_rows(path, stated(instrument="BTCUSD"))] == ["non_positive", "non_positive"]
    assert bad_rows(path, stated(instrument="CL")) == ()


def test_rows_out_of_order_are_sorted_and_reported(tmp_path: Path) -> None:
    path = csv_file(tmp_path, [hour(1), hour(0, "4700,4701,4699,4699.5,10"), hour(2)])
    checked = to_bars(read_raw(path, HOURLY), HOURLY)
    assert checked.bars.close.tolist() == [4699.5, 4700.25, 4700.25]
    assert checked.rows.tolist() == [1, 0, 2]
    assert checked.inspection.counts["out_of_order"] == 1


def test_a_bar_from_the_future_is_quarantined(tmp_path: Path) -> None:
    path = csv_file(tmp_path, [hour(number) for number in range(4)])
    now = MONDAY + 2 * NS_PER_HOUR
    assert [(row.source_line, row.reason) for row in bad_rows(path, now_ns=now)] == [(4, "future"), (5, "future")]
    os.utime(path, ns=(now, now))
    with pytest.raises(DataError, match=r"2 of 4 rows are bad; the first: line 4, bar 2024-01-08T17:00:00Z: future"):
        load_file(path, HOURLY)


def test_bars_outside_the_session_are_kept_unless_strict(tmp_path: Path) -> None:
    path = csv_file(tmp_path, [hour(6), hour(7), hour(8)])  # 15:00, 16:00 (shut) and 17:00 in Chicago
    assert bad_rows(path) == ()
    assert [row.source_line for row in bad_rows(path, strict=True)] == [3]


def test_a_file_without_catalog_loads_whole_or_names_the_first_bad_row(tmp_path: Path) -> None:
    path = csv_file(tmp_path, [hour(0), hour(1), hour(2)])
    bars, inspection = load_file(path, HOURLY)
    assert len(bars) == 3
    assert not inspection.fatal.any()
    path = csv_file(tmp_path, [hour(0), hour(1, "1,x,1,1,1"), *(hour(n) for n in range(2, 20)), hour(20, "1,1,2,1,1")])
    with pytest.raises(DataError, match=r"bars.csv: 2 of 21 rows are bad; the first: line 3, column 'high': found 'x'"):
        load_file(path, HOURLY)


def test_a_field_that_the_file_does_not_have_is_not_observed(tmp_path: Path) -> None:
    path = csv_file(tmp_path, [hour(0), hour(1)])
    spec = stated(columns={"close": "close"})
    bars = to_bars(read_raw(path, spec), spec).bars
    assert bars.observed == {"close"}
    assert np.isnan(bars.open).all()
    assert np.isnan(bars.volume).all()


def test_text_in_a_typed_price_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    times = pl.Series([MONDAY]).cast(pl.Datetime("ns"))
    pl.DataFrame({"time": times, "close": [True]}).write_parquet(path)
    with pytest.raises(ImportFailed, match="column 'close' holds Boolean, not numbers"):
        read_raw(path, stated(time_format="datetime", columns={"close": "close"}))


# -------------------------------------------------------------------------------------------------------------- stamps


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001 - wall-clock readings are naive
    st.sampled_from(["America/New_York", "America/Chicago", "Europe/London", "Asia/Tokyo", "Australia/Sydney", "UTC"]),
)
def test_local_times_are_what_the_zone_database_says_or_faults(wall: datetime, zone: str) -> None:
    wall = wall.replace(microsecond=0)
    early, late = (wall.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
    column = pl.Series([f"{wall:%Y-%m-%d %H:%M:%S}"])
    stamps = read_instants(column, "iso", zone, np.array([2]), "x")
    if early.utcoffset() == late.utcoffset():
        assert stamps.fault[0] == 0
        assert stamps.values[0] == to_ns(early)
        offset = early.strftime("%z")
        for text in (f"{wall:%Y-%m-%dT%H:%M:%S}{offset}", f"{wall:%Y-%m-%d %H:%M:%S.000}{offset[:3]}:{offset[3:]}"):
            assert read_instants(pl.Series([text]), "iso", zone, np.array([2]), "x").values[0] == to_ns(early)
        other = read_instants(pl.Series([f"{wall:%d.%m.%Y %H%M%S}"]), "%d.%m.%Y %H%M%S", zone, np.array([2]), "x")
        assert other.values[0] == to_ns(early)
    else:
        repeated = early.utcoffset() > late.utcoffset()
        assert stamps.fault[0] == (3 if repeated else 4)


def test_iso_comes_in_several_widths() -> None:
    texts = ["2024-01-08T15:00Z", "2024-01-08T15:00:00.5Z", "2024-01-08 15:00:00+00", "2024-01-08T09:00:00-0600"]
    texts += ["2024-01-08T15:00:00.123456789Z", "2024-01-08T15:00:00.1234567Z"]
    stamps = read_instants(pl.Series(texts), "iso", None, np.arange(6), "x")
    assert (stamps.values - MONDAY).tolist() == [0, 500_000_000, 0, 0, 123_456_789, 123_456_700]
    assert stamps.fault.tolist() == [0] * 6


@pytest.mark.parametrize("year", [1066, 1677, 1849, 2201, 2263, 3024, 9999])
def test_a_year_that_nanoseconds_cannot_hold_is_a_fault_and_does_not_wrap_around(year: int) -> None:
    text = pl.Series([f"{year}-01-08 15:00:00"])
    typed = text.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us")
    for column, form in ((text, "iso"), (text, "%Y-%m-%d %H:%M:%S"), (typed, "datetime")):
        assert read_instants(column, form, "UTC", np.arange(1), "x").fault.tolist() == [5]
        assert read_dates(column, form, None, np.arange(1), "x").fault[0] in (5, 6)


# ------------------------------------------------------------------------------------------------------------- presets


def test_presets_are_complete_statements_but_for_what_they_say_they_leave_open() -> None:
    open_fields = {"contract": "202312", "interval_ns": NS_PER_MINUTE}
    for name, form in PRESETS.items():
        spec = preset(name, "MES", **{need: open_fields[need] for need in form.needs})
        assert spec.columns
        assert spec.time_column
        assert spec.time_format
        assert spec.stamp in ("start", "end", "session_date")
        assert (spec.interval_ns is None) == (spec.stamp == "session_date")
        assert len(form.summary) > 30


def test_a_preset_is_refused_when_it_is_unknown_or_incomplete_or_overruled_with_nonsense() -> None:
    with pytest.raises(ConfigError, match="no preset is called 'hourly'; there are: hour_iso_start"):
        preset("hourly", "MES")
    with pytest.raises(ConfigError, match="leaves contract open"):
        preset("futures_hourly", "MES")
    with pytest.raises(ConfigError, match="zone is nothing that can be stated"):
        preset("hour_iso_start", "MES", zone="UTC")
    assert preset("daily_csv", "BTCUSD").notes == preset("daily_csv", "SPX").notes == ()
    assert len(preset("daily_csv", "NOT_IN_THE_FILE").notes) == 1
    spec = preset("daily_csv", "SPY", notes=("mine",), delay_ns=5)
    assert spec.delay_ns == 5
    assert "not prices that traded" in spec.notes[0]
    assert spec.notes[1] == "mine"


def test_labels_of_bar_lengths() -> None:
    lengths = [60, 300, 3600, 14400, 86400, 90, 1]
    assert [interval_label(seconds * 10**9) for seconds in lengths] == ["1m", "5m", "1h", "4h", "24h", "90s", "1s"]
    assert interval_label(None) == "1d"
    assert interval_label(500_000_000) == "500000000ns"


def test_the_same_statement_has_the_same_fingerprint_and_another_one_does_not() -> None:
    assert stated().fingerprint == HOURLY.fingerprint
    assert stated(stamp="end").fingerprint != HOURLY.fingerprint


@pytest.mark.parametrize(
    ("name", "file", "instrument", "changes", "rows", "first"),
    [
        ("hour_iso_start", "vendor_raw/Hour_SP500_micro_20230600.csv.gz", "MES", {}, 3736, "2022-08-01T14:00:00"),
        ("6e_1min_end", "vendor_raw/6EH4_1min_202401.csv.gz", "6E", {}, 29996, "2024-01-01T23:00:00"),
        ("btc_ms_start", "vendor_raw/BTCUSD_2015_1m.csv.gz", "BTCUSD", {}, 366710, "2015-01-01T00:00:00"),
        ("futures_hourly", "futures_hourly/MES.parquet", "MES", {"contract": "201906"}, None, "2019-05-05T22:00:00"),
        ("futures_daily", "futures_daily/MES.parquet", "MES", {"contract": "201906"}, None, "2019-04-30T22:00:00"),
        ("etf_5min_eastern", "etf_intraday/SPY_5min.parquet", "SPY", {}, 17463, "2025-05-12T13:30:00"),
        ("etf_1min_utc", "etf_intraday/SPY_1min.parquet", "SPY", {}, 102236, "2024-03-26T13:30:00"),
        ("daily_csv", "daily/SPY.csv", "US_EQUITY_ADJ:SPY", {}, 8448, "1993-01-29T14:30:00"),
        ("index_daily_csv", "daily/VVIX.csv", "VIX", {}, 4927, "2007-01-03T14:30:00"),
    ],
)
def test_the_presets_read_the_files_that_they_are_named_for(
    real_data: Path,
    name: str,
    file: str,
    instrument: str,
    changes: dict[str, str],
    rows: int | None,
    first: str,
) -> None:
    spec = preset(name, instrument, **changes)
    checked = to_bars(read_raw(real_data / file, spec), spec)
    assert checked.quarantined == ()
    assert rows is None or len(checked.bars) == rows
    assert checked.bars.ts_event_ns[0] == parse_ns(first + "+00:00")


def test_the_candle_files_columns_are_taken_by_name(real_data: Path) -> None:
    spec = preset("btc_ms_start", "BTCUSD")
    raw = read_raw(real_data / "vendor_raw/BTCUSD_2015_1m.csv.gz", spec)
    assert (raw.open[0], raw.close[0], raw.high[0], raw.low[0]) == (322.31, 322.09, 322.31, 322.09)
    assert raw.original(0) == b"1420070400000,322.31,322.09,322.31,322.09,62.874248"


def test_a_million_bars_of_the_reference_file_come_through_bit_for_bit(real_data: Path) -> None:
    bars, inspection = load_file(real_data / "bench/es_1m.parquet", preset("es_1min_end", "ES"))
    assert len(bars) == 1_000_000
    matrix = np.column_stack((bars.open, bars.high, bars.low, bars.close, bars.volume))
    assert hashlib.sha256(np.ascontiguousarray(matrix)).hexdigest().startswith("83f2d1b3")
    assert bars.ts_close_ns[0] == parse_ns("2017-12-31T23:01:00+00:00")
    assert not inspection.fatal.any()
