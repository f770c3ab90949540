"""Files of quotes: what is read from each form, and every kind of row that is no quote."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from argus.core.errors import ConfigError, ImportFailed
from argus.data.quarantine import reason_counts
from argus.data.quotes import QuoteReason, QuoteSpec, quote_preset, read_quote_file
from argus.data.raw import Rejection

T0 = 1_700_000_000_000_000_000
HEAD = "ts_event_ns,ts_recv_ns,bid,ask,bid_size,ask_size"


def csv(folder: Path, *rows: str, head: str = HEAD) -> Path:
    path = folder / "quotes.csv"
    path.write_text("\n".join([head, *rows, ""]))
    return path


def good(count: int, first: int = 0) -> list[str]:
    return [f"{T0 + i},{T0 + i + 5},4000.25,4000.5,{1 + i % 3},2" for i in range(first, first + count)]


def read(path: Path, name: str = "quotes", symbol: str = "ES", **stated: object) -> object:
    return read_quote_file(path, quote_preset(name, symbol, **stated), now_ns=T0 + 10**12)


def quarantined(folder: Path, *rows: str) -> Sequence[Rejection]:
    found = read_quote_file(csv(folder, *good(40), *rows), quote_preset("quotes", "ES"), now_ns=T0 + 10**12)
    assert len(found.quotes) == 40
    return found.quarantined


def test_a_text_file_becomes_quotes(tmp_path: Path) -> None:
    path = csv(tmp_path, f"{T0},{T0 + 5},4000.25,4000.5,3,2", f"{T0 + 9},{T0 + 9},4000.5,4000.5,1,7")
    found = read_quote_file(path, quote_preset("quotes", "ES"), now_ns=T0 + 100)
    assert found.quarantined == found.notes == ()
    quotes = found.quotes
    assert quotes.instrument == "ES"
    assert quotes.ts_event_ns.tolist() == [T0, T0 + 9]
    assert quotes.ts_recv_ns.tolist() == [T0 + 5, T0 + 9]
    assert (quotes.bid.tolist(), quotes.ask.tolist()) == ([4000.25, 4000.5], [4000.5, 4000.5]), "locked is a quote"
    assert (quotes.bid_size.tolist(), quotes.ask_size.tolist()) == ([3.0, 1.0], [2.0, 7.0])


def test_an_empty_side_is_a_quote(tmp_path: Path) -> None:
    path = csv(tmp_path, f"{T0},{T0},,4000.5,,2", f"{T0 + 1},{T0 + 1},4000.5,,1,0")
    quotes = read_quote_file(path, quote_preset("quotes", "ES"), now_ns=T0 + 9).quotes
    assert np.isnan(quotes.bid[0])
    assert np.isnan(quotes.ask[1])
    assert (quotes.bid_size.tolist(), quotes.ask_size.tolist()) == ([0.0, 1.0], [2.0, 0.0])


def test_text_parquet_and_iso_times_give_the_same(tmp_path: Path) -> None:
    rows = good(4)
    text = read_quote_file(csv(tmp_path, *rows), quote_preset("quotes", "ES"), now_ns=T0 + 100)
    table = [[float(part) if i > 1 else int(part) for i, part in enumerate(row.split(","))] for row in rows]
    frame = pl.DataFrame(table, schema=HEAD.split(","), orient="row")
    frame.write_parquet(tmp_path / "quotes.parquet")
    typed = read_quote_file(tmp_path / "quotes.parquet", quote_preset("quotes", "ES"), now_ns=T0 + 100)
    assert typed.quotes.content_hash == text.quotes.content_hash
    iso = csv(
        tmp_path,
        "2023-11-14T22:13:20.000000001Z,4000.25,4000.5,1,2",
        "2023-11-14T23:13:20.000000002+01:00,4000.25,4000.5,2,2",
        head="time,bid,ask,bid_size,ask_size",
    )
    found = read_quote_file(iso, quote_preset("quotes_iso", "ES"), now_ns=T0 + 100)
    assert found.quotes.ts_event_ns.tolist() == [T0 + 1, T0 + 2]
    assert "is not stated; it counts as known when it was made" in found.notes[0]
    late = read_quote_file(iso, quote_preset("quotes_iso", "ES", delay_ns=7), now_ns=T0 + 100)
    assert late.quotes.ts_recv_ns.tolist() == [T0 + 8, T0 + 9]
    assert late.notes == ()


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("4000.75,4000.5,1,1", QuoteReason.CROSSED),
        ("4000.25,4000.5,0,1", QuoteReason.NO_SIZE),
        ("4000.25,4000.5,1,", QuoteReason.NO_SIZE),
        ("4000.25,4000.5,-1,1", QuoteReason.NEGATIVE_SIZE),
        ("4000.25,4000.5,inf,1", QuoteReason.NEGATIVE_SIZE),
        (",4000.5,3,1", QuoteReason.NO_PRICE),
        ("nan,4000.5,3,1", QuoteReason.NO_PRICE),
        ("4000.25,inf,3,1", QuoteReason.PRICE_NOT_FINITE),
        ("-4000.25,4000.5,3,1", QuoteReason.NEGATIVE_PRICE),
        ("0,4000.5,3,1", QuoteReason.NEGATIVE_PRICE),
        ("many,4000.5,3,1", QuoteReason.UNPARSABLE),
    ],
)
def test_a_row_that_is_no_quote_is_kept_apart(tmp_path: Path, cells: str, reason: QuoteReason) -> None:
    row = f"{T0 + 90},{T0 + 95},{cells}"
    (found,) = quarantined(tmp_path, row)
    assert found.reason == reason
    assert found.source_line == 42
    assert found.message.startswith("line 42")
    assert found.original.strip() == row.encode()


@pytest.mark.parametrize(
    ("event", "recv", "reason"),
    [
        (T0 + 90, T0 + 89, "known_before_made"),
        (T0 + 3, T0 + 99, "unsorted"),
        (T0 + 3, T0 + 9, "unsorted"),
        (T0 + 90, T0 + 2 * 10**12, "future"),
        ("soon", T0 + 99, "unparsable_time"),
        ("", T0 + 99, "no_time"),
    ],
)
def test_a_stamp_that_cannot_be_is_kept_apart(tmp_path: Path, event: object, recv: int, reason: str) -> None:
    (found,) = quarantined(tmp_path, f"{event},{recv},4000.25,4000.5,1,1")
    assert found.reason == reason
    assert "line 42" in found.message


def test_a_stamp_from_the_future_does_not_make_the_rows_after_it_late(tmp_path: Path) -> None:
    path = csv(tmp_path, *good(20), f"{T0 + 2 * 10**12},{T0 + 2 * 10**12},1,2,1,1", *good(20, 20))
    found = read_quote_file(path, quote_preset("quotes", "ES"), now_ns=T0 + 10**12)
    assert reason_counts(found.quarantined) == {"future": 1}
    assert len(found.quotes) == 40


def test_what_was_kept_apart_and_off_the_grid_is_said(tmp_path: Path) -> None:
    path = csv(tmp_path, *good(40), f"{T0 + 90},{T0 + 95},4000.3,4000.5,1,1", f"{T0 + 91},{T0 + 95},2,1,1,1")
    found = read_quote_file(path, quote_preset("quotes", "ES"), now_ns=T0 + 10**12)
    assert "quotes.csv: 1 rows are no quotes (1 crossed); the first: line 43" in found.notes[0]
    assert found.notes[1] == "quotes.csv: 1 prices lie off the tick of 0.25"


def test_a_negative_price_is_a_price_where_the_instrument_has_them(tmp_path: Path) -> None:
    path = csv(tmp_path, f"{T0},{T0},-37.63,-37.5,1,1")
    assert len(read_quote_file(path, quote_preset("quotes", "CL"), now_ns=T0 + 9).quotes) == 1
    with pytest.raises(ImportFailed, match="none of 1 rows is a quote; the first: line 2"):
        read_quote_file(path, quote_preset("quotes", "ES"), now_ns=T0 + 9)


def test_a_file_that_is_not_sorted_or_not_as_stated_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="39 of 40 rows are earlier than a row before them: sort the file"):
        read(csv(tmp_path, *reversed(good(40))))
    with pytest.raises(ImportFailed, match=r"columns\['bid'\] is stated as 'best', which is no column"):
        read(csv(tmp_path, *good(3)), columns={"bid": "best", "ask": "ask", "bid_size": "bid_size", "ask_size": "ask"})
    with pytest.raises(ImportFailed, match=r"columns\['ask'\] is not stated"):
        read(csv(tmp_path, *good(3)), columns={"bid": "bid"})
    with pytest.raises(ImportFailed, match="recv_column is stated as 'ts_recv_ns', which is no column"):
        read(csv(tmp_path, "1,1,2,3,4", head="ts_event_ns,bid,ask,bid_size,ask_size"))
    with pytest.raises(ImportFailed, match="3 of 3 rows cannot be read as stated"):
        read(csv(tmp_path, *good(3)), time_format="iso", timezone="UTC")
    with pytest.raises(ImportFailed, match="delay_ns is -1"):
        read(csv(tmp_path, *good(3)), delay_ns=-1)
    with pytest.raises(ConfigError, match="no preset of quotes is called 'odd'; there are: quotes, quotes_iso"):
        quote_preset("odd", "ES")
    with pytest.raises(ImportFailed, match="does not exist"):
        read(tmp_path / "none.csv")


def test_only_rows_with_the_stated_value_are_read(tmp_path: Path) -> None:
    rows = [f"{row},{'ESH4' if i % 2 else 'ESM4'}" for i, row in enumerate(good(6))]
    path = csv(tmp_path, *rows[:-1], rows[-1].replace("4000.25", "4001"), head=f"{HEAD},symbol")
    found = read_quote_file(path, quote_preset("quotes", "ES", where={"symbol": "ESH4"}), now_ns=T0 + 99)
    assert found.quotes.ts_event_ns.tolist() == [T0 + 1, T0 + 3]
    assert found.quarantined[0].source_line == 7
    assert b"4001" in found.quarantined[0].original
    with pytest.raises(ImportFailed, match="no row has 'ESZ4' in column 'symbol'"):
        read_quote_file(path, quote_preset("quotes", "ES", where={"symbol": "ESZ4"}), now_ns=T0 + 99)


def test_a_statement_is_plain_values() -> None:
    spec = quote_preset("databento_mbp1", "ES", where={"symbol": "ESH4"})
    assert json.loads(json.dumps(spec.describe()))["columns"]["bid"] == "bid_px_00"
    assert QuoteSpec(**spec.describe()) == spec


# ------------------------------------------------------------------------------------------------------------ databento


def mbp1_file(folder: Path, tops: Sequence[tuple[int, float | None, float | None, int, int]]) -> Path:
    """A DBN file of (instant, bid, ask, sizes) at the top of one book, written with the vendor's own encoder."""
    dbn = pytest.importorskip("databento_dbn", reason="the databento extra is not installed")
    metadata = dbn.Metadata(
        dataset="GLBX.MDP3",
        start=T0,
        stype_in=dbn.SType.RAW_SYMBOL,
        stype_out=dbn.SType.INSTRUMENT_ID,
        schema=dbn.Schema.from_str("mbp-1"),
        symbols=["ESH4"],
        mappings=[],
    )
    none = np.iinfo(np.int64).max

    def fixed(price: float | None) -> int:
        return none if price is None else round(price * 1e9)

    records = [
        dbn.MBP1Msg(
            1, 4, at, 4_000_000_000_000, 1, dbn.Action.ADD, dbn.Side.BID, 0, at + 70,
            levels=dbn.BidAskPair(fixed(bid), fixed(ask), bid_size, ask_size, 1, 1),
        )
        for at, bid, ask, bid_size, ask_size in tops
    ]  # fmt: skip
    path = folder / "top.mbp-1.dbn"
    path.write_bytes(bytes(metadata) + b"".join(map(bytes, records)))
    return path


def test_databento_top_of_book(tmp_path: Path) -> None:
    tops = [(T0 + i, 4000.25, 4000.5, 3, 4) for i in range(20)]
    tops += [(T0 + 20, None, 4000.5, 0, 4), (T0 + 21, 4000.75, 4000.5, 1, 1)]
    found = read_quote_file(mbp1_file(tmp_path, tops), quote_preset("databento_mbp1", "ES"), now_ns=T0 + 999)
    quotes = found.quotes
    assert len(quotes) == 21
    assert (quotes.bid[0], quotes.ask[0], quotes.bid_size[0], quotes.ask_size[0]) == (4000.25, 4000.5, 3.0, 4.0)
    assert quotes.ts_recv_ns[0] - quotes.ts_event_ns[0] == 70
    assert np.isnan(quotes.bid[20])
    assert reason_counts(found.quarantined) == {"crossed": 1}
