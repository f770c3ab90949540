from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from argus.core.errors import ImportFailed
from argus.data import Catalog, import_bars, preset, read_raw
from argus.data.sources import SUFFIXES, open_source

HEADER = "time,open,high,low,close,volume\n"
ROWS = "1,10,12,9,11,100\n2,11,13,10,12,200\n3,12,14,11,13,300\n"


def text_file(folder: Path, content: str | bytes, name: str = "bars.csv") -> Path:
    path = folder / name
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def test_text_gives_columns_in_the_order_asked_for_with_lines_and_originals(tmp_path: Path) -> None:
    source = open_source(text_file(tmp_path, HEADER + ROWS))
    assert source.names == ("time", "open", "high", "low", "close", "volume")
    table = source.table(["close", "time"])
    assert table.frame.columns == ["close", "time"]
    assert table.frame.rows() == [("11", "1"), ("12", "2"), ("13", "3")]
    assert table.source_line.tolist() == [2, 3, 4]
    assert table.original(1) == b"2,11,13,10,12,200"
    assert table.rejected == ()
    assert table.suspicions == ()


@pytest.mark.parametrize("name", ["bars.csv", "bars.csv.gz", "bars.txt", "BARS.CSV"])
def test_every_text_suffix_reads_the_same(tmp_path: Path, name: str) -> None:
    assert open_source(text_file(tmp_path, HEADER + ROWS, name)).table(["close"]).frame.height == 3


@pytest.mark.parametrize(
    "content",
    [
        (HEADER + ROWS).replace("\n", "\r\n"),
        (HEADER + ROWS).replace("\n", "\r"),
        "\n" + HEADER + "\n" + ROWS + "\n\n",
        "\ufeff" + HEADER + ROWS,
        (HEADER + ROWS).replace("10", '"10"'),
    ],
    ids=["crlf", "cr", "blank lines", "byte order mark", "quotes"],
)
def test_line_ends_blank_lines_marks_and_quotes_do_not_matter(tmp_path: Path, content: str) -> None:
    table = open_source(text_file(tmp_path, content)).table(["time", "open", "close"])
    assert table.frame.rows() == [("1", "10", "11"), ("2", "11", "12"), ("3", "12", "13")]


def test_a_quoted_delimiter_is_no_field_boundary(tmp_path: Path) -> None:
    table = open_source(text_file(tmp_path, 'time,name,close\n1,"a,b",2\n')).table(["close", "name"])
    assert table.frame.rows() == [("2", "a,b")]


def test_a_line_break_in_quotes_belongs_to_its_field(tmp_path: Path) -> None:
    table = open_source(text_file(tmp_path, 'time,close\n1,"2\n3"\n4,5\n')).table(["close"])
    assert table.frame["close"].to_list() == ["2\n3", "5"]


def test_lines_stay_right_behind_blank_and_ragged_lines(tmp_path: Path) -> None:
    content = HEADER + "1,10,12,9,11,100\n\n2,11,13\n3,12,14,11,13,300,9\n4,12,14,11,13,300\n"
    table = open_source(text_file(tmp_path, content)).table(["time"])
    assert table.frame["time"].to_list() == ["1", "4"]
    assert table.source_line.tolist() == [2, 6]
    assert [(row.source_line, row.reason, row.original) for row in table.rejected] == [
        (4, "ragged", b"2,11,13"),
        (5, "ragged", b"3,12,14,11,13,300,9"),
    ]
    assert "line 4 has 3 fields where the header names 6" in table.rejected[0].message


def test_a_file_without_header_takes_stated_names(tmp_path: Path) -> None:
    source = open_source(text_file(tmp_path, "1;10\n2;11\n"), delimiter=";", header=("t", "c"))
    table = source.table(["c"])
    assert table.frame["c"].to_list() == ["10", "11"]
    assert table.source_line.tolist() == [1, 2]


def test_a_missing_last_line_break_is_a_suspicion(tmp_path: Path) -> None:
    (suspicion,) = open_source(text_file(tmp_path, (HEADER + ROWS)[:-2])).table(["close"]).suspicions
    assert suspicion.code == "no_final_newline"
    assert "line 4" in suspicion.message


def test_other_encodings_are_read_when_stated(tmp_path: Path) -> None:
    path = text_file(tmp_path, (HEADER + ROWS).encode("utf-16"))
    assert open_source(path, encoding="utf-16").table(["close"]).frame["close"].to_list() == ["11", "12", "13"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"empty \(0 bytes\)"),
        (b"\n\n", "is empty: it has no header and no rows"),
        (HEADER.encode(), "a header line and no rows"),
        (HEADER.encode() + b"1,\xff,2,3,4,5\n", r"line 2 is not utf-8 text: byte 0xff at offset 34.*encoding="),
        ((HEADER + ROWS).encode("utf-16"), "UTF-16 byte order mark; state encoding='utf-16'"),
        (HEADER.encode() + b"1,2,3,4\0,5,6\n", "line 2 holds a NUL byte.*torn"),
        (b"time,close,close\n1,2,3\n", "names 'close' more than once"),
        (b'time,close\n1,"2\n', "never closed"),
    ],
)
def test_a_bad_text_file_is_named_with_the_place_and_the_remedy(tmp_path: Path, content: bytes, message: str) -> None:
    path = text_file(tmp_path, content)
    with pytest.raises(ImportFailed, match=message) as caught:
        open_source(path).table(["time"])
    assert "bars.csv" in str(caught.value)


def test_a_wrong_delimiter_is_hinted_at(tmp_path: Path) -> None:
    assert "';'" in open_source(text_file(tmp_path, "time;close\n1;2\n")).hint
    with pytest.raises(ImportFailed, match="one ASCII character"):
        open_source(text_file(tmp_path, HEADER + ROWS), delimiter="||")


def test_a_truncated_or_torn_gzip_file_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress((HEADER + ROWS * 500).encode())
    path = tmp_path / "bars.csv.gz"
    for cut in (len(whole) - 1, len(whole) // 2, 12):
        path.write_bytes(whole[:cut])
        with pytest.raises(ImportFailed, match=r"bars\.csv\.gz.*cut off"):
            open_source(path)
    torn = bytearray(whole)
    torn[-6] ^= 0xFF  # in the checksum at the end
    path.write_bytes(torn)
    with pytest.raises(ImportFailed, match="not a sound gzip file"):
        open_source(path)
    path.write_bytes(b"time,close\n1,2\n")
    with pytest.raises(ImportFailed, match="not a sound gzip file"):
        open_source(path)


def test_missing_files_and_unknown_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="does not exist"):
        open_source(tmp_path / "none.csv")
    with pytest.raises(ImportFailed, match=r"must end in one of \.csv"):
        open_source(tmp_path / "bars.xlsx")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ImportFailed, match="cannot be read"):
        open_source(tmp_path / "folder.csv")
    assert ".dbn.zst" in SUFFIXES


def test_parquet_keeps_types_and_shows_whole_rows(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    pl.DataFrame({"t": [1, 2], "close": [1.5, None], "note": ["a", "b"]}).write_parquet(path)
    source = open_source(path)
    assert source.names == ("t", "close", "note")
    table = source.table(["close"])
    assert table.frame["close"].to_list() == [1.5, None]
    assert table.source_line.tolist() == [1, 2]
    assert json.loads(table.original(1)) == {"t": 2, "close": None, "note": "b"}


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    pl.DataFrame({"t": range(1000), "close": [1.5] * 1000}).write_parquet(path)
    whole = path.read_bytes()
    for content in (b"", whole[:-1], whole[: len(whole) // 2], b"time,close\n1,2\n"):
        path.write_bytes(content)
        with pytest.raises(ImportFailed, match=r"bars\.parquet.*deliver it again|0 bytes"):
            open_source(path)
    pl.DataFrame({"t": [], "close": []}).write_parquet(path)
    with pytest.raises(ImportFailed, match="no rows"):
        open_source(path)


# ------------------------------------------------------------------------------------------------------------ databento


def dbn_file(folder: Path, schema: str, bars: list[tuple[int, int, float]], name: str = "bars.dbn") -> Path:
    """A DBN file of (instrument id, start, price), written with the vendor's own encoder."""
    dbn = pytest.importorskip("databento_dbn", reason="the databento extra is not installed")

    class Interval:
        def __init__(self, symbol: str) -> None:
            import datetime as dt

            self.start_date, self.end_date, self.symbol = dt.date(2023, 12, 1), dt.date(2024, 1, 1), symbol

    class Mapping:
        def __init__(self, raw_symbol: str, symbol: str) -> None:
            self.raw_symbol, self.intervals = raw_symbol, [Interval(symbol)]

    ids = sorted({number for number, _, _ in bars})
    metadata = dbn.Metadata(
        dataset="GLBX.MDP3",
        start=1_701_388_800_000_000_000,
        stype_in=dbn.SType.RAW_SYMBOL,
        stype_out=dbn.SType.INSTRUMENT_ID,
        schema=dbn.Schema.from_str(schema),
        symbols=[f"ESH{number}" for number in ids],
        mappings=[Mapping(f"ESH{number}", str(number)) for number in ids],
    )
    rtype = {"ohlcv-1s": 32, "ohlcv-1m": 33, "ohlcv-1h": 34, "ohlcv-1d": 35}[schema]
    records = [
        dbn.OHLCVMsg(
            rtype, 1, number, start, *(round(price * 1e9) + step for step in (0, 250_000_000, -250_000_000, 0)), 7
        )
        for number, start, price in bars
    ]
    path = folder / name
    path.write_bytes(bytes(metadata) + b"".join(map(bytes, records)))
    return path


START = 1_703_000_000_000_000_000 // 60_000_000_000 * 60_000_000_000


def test_dbn_bars_become_columns(tmp_path: Path) -> None:
    path = dbn_file(tmp_path, "ohlcv-1m", [(4, START, 4799.25), (4, START + 60_000_000_000, 4800.5)])
    source = open_source(path)
    assert source.interval_ns == 60_000_000_000
    table = source.table(["ts_event", "symbol", "open", "high", "low", "close", "volume"])
    assert table.frame.rows() == [
        (START, "ESH4", 4799.25, 4799.5, 4799.0, 4799.25, 7.0),
        (START + 60_000_000_000, "ESH4", 4800.5, 4800.75, 4800.25, 4800.5, 7.0),
    ]
    assert json.loads(table.original(0))["symbol"] == "ESH4"


def test_dbn_of_several_instruments_must_say_which(tmp_path: Path) -> None:
    source = open_source(dbn_file(tmp_path, "ohlcv-1h", [(4, START, 1.0), (5, START, 2.0)]))
    with pytest.raises(ImportFailed, match=r"2 instruments \(ESH4, ESH5\).*where="):
        source.table(["close"])
    assert source.table(["symbol", "close"]).frame.height == 2


def test_dbn_bars_import_by_their_preset_and_their_length_cannot_be_misstated(tmp_path: Path) -> None:
    minute = 60_000_000_000
    bars = [(number, START + at * minute, 4800.0 + at) for at in (0, 1) for number in (4, 5)]
    path = dbn_file(tmp_path, "ohlcv-1m", bars)
    spec = preset("databento_ohlcv", "ES", interval_ns=minute, where={"symbol": "ESH5"}, contract="202503")
    report = import_bars(Catalog(tmp_path / "catalog"), path, spec)
    assert (report.dataset, report.rows_read, report.rows_imported) == ("ES.202503.1m", 2, 2)
    loaded = Catalog(tmp_path / "catalog").load("ES", "1m", contract="202503")
    assert loaded.ts_event_ns.tolist() == [START, START + minute]
    assert loaded.close.tolist() == [4800.0, 4801.0]
    wrong = preset("databento_ohlcv", "ES", interval_ns=60 * minute, where={"symbol": "ESH5"})
    with pytest.raises(ImportFailed, match="interval_ns is stated as 3600000000000, but the file holds bars of 600000"):
        read_raw(path, wrong)
    with pytest.raises(ImportFailed, match=r"no row has 'NQH5' in column 'symbol'; it holds 'ESH4', 'ESH5'"):
        read_raw(path, preset("databento_ohlcv", "ES", interval_ns=minute, where={"symbol": "NQH5"}))


def test_dbn_days_and_damaged_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="UTC days, not sessions"):
        open_source(dbn_file(tmp_path, "ohlcv-1d", [(4, START, 1.0)]))
    (tmp_path / "torn.dbn").write_bytes(b"DBN\x01nonsense")
    with pytest.raises(ImportFailed, match=r"torn\.dbn is not a sound DBN file"):
        open_source(tmp_path / "torn.dbn")
    (tmp_path / "none.dbn").write_bytes(b"")
    with pytest.raises(ImportFailed, match="empty"):
        open_source(tmp_path / "none.dbn")


def test_a_missing_databento_library_names_the_extra(tmp_path: Path) -> None:
    (tmp_path / "x.dbn").write_bytes(b"DBN")
    script = (
        "import sys, pathlib; sys.modules['databento'] = None\n"
        "from argus.core.errors import MissingExtraError\n"
        "from argus.data.sources import open_source\n"
        "try: open_source(pathlib.Path(sys.argv[1]))\n"
        "except MissingExtraError as error: sys.stdout.write(str(error))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "x.dbn")], capture_output=True, text=True)
    assert "[databento]" in done.stdout, done.stderr


def test_real_dbn_samples_give_trades_and_definitions(real_data: Path) -> None:
    pytest.importorskip("databento", reason="the databento extra is not installed")
    from argus.data.sources.databento import read_definitions, read_quotes, read_trades

    sample = real_data / "databento" / "esh4-glbx-mdp3-20231225.mbo.dbn.zst"
    trades = read_trades(sample)
    assert set(trades["symbol"].to_list()) == {"ESH4"}
    assert trades["ts_recv_ns"].is_sorted()
    assert ((trades["price"] * 4) % 1 == 0).all()
    assert trades["price"].is_between(4700, 4900).all()
    assert set(trades["aggressor"].drop_nulls().unique()) <= {"buy", "sell"}
    assert (trades["size"] >= 1).all()
    with pytest.raises(ImportFailed, match="a book is not rebuilt"):
        read_quotes(sample, "ESH4", "ES")
    with pytest.raises(ImportFailed, match="no bars"):
        open_source(sample)
    definitions = read_definitions(real_data / "databento" / "definition-glbx-es-opt.dbn.zst")
    assert definitions["raw_symbol"].to_list() == ["ESM4 C4250", "ESM4 C3550"]
    assert definitions["strike_price"].to_list() == [4250.0, 3550.0]
