"""Files of option quotes into the catalog: what is stated counts, bad rows are kept, nothing is lost or doubled."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from argus.core.chains import settlement_text
from argus.core.errors import ConfigError, ImportFailed
from argus.core.time import format_ns
from argus.data.chain_importing import CHAIN_PRESETS, ChainSpec, chain_preset, import_chains, read_chain_file
from argus.data.chain_store import ChainStore

HEADER = (
    "underlying,underlying_last,exchange,optionroot,type,expiration,quotedate,strike,last,net,bid,ask,volume,"
    "openinterest,impliedvol,delta,gamma"
)
SPEC = chain_preset("spx_eod_2019", "SPX")


def line(symbol: str = "SPXW190621C02900000", **changed: object) -> str:
    """A line of an invented session in the form of the real files."""
    kind = "call" if "C0" in symbol else "put"
    strike = int(symbol[-8:]) / 1000
    fields: dict[str, object] = {
        "underlying": "SPX", "underlying_last": 2900.0, "exchange": "CBOE", "optionroot": symbol, "type": kind,
        "expiration": f"{symbol[-13:-11]}/{symbol[-11:-9]}/20{symbol[-15:-13]}", "quotedate": "06/03/2019",
        "strike": strike, "last": 0.0, "net": 0.0, "bid": 10.0, "ask": 10.4, "volume": 3, "openinterest": 5,
        "impliedvol": 0.2, "delta": 0.5 if kind == "call" else -0.5, "gamma": 0.001,
    }  # fmt: skip
    return ",".join(str(value) for value in (fields | changed).values())


def quotes(count: int = 40, date: str = "06/03/2019") -> list[str]:
    return [line(f"SPXW190621C0{2800 + 5 * number}000", quotedate=date) for number in range(count)]


def written(path: Path, lines: list[str]) -> Path:
    path.write_bytes(gzip.compress(("\n".join([HEADER, *lines]) + "\n").encode()))
    return path


@pytest.fixture
def store(tmp_path: Path) -> ChainStore:
    return ChainStore(tmp_path / "catalog")


def test_a_session_is_read_at_its_close_with_its_expiries(tmp_path: Path) -> None:
    lines = [line("SPX190621P02900000"), line("SPXW190621P02900000", last=9.5), line("SPXW190603C02905000")]
    chain = read_chain_file(written(tmp_path / "a.csv.gz", lines), SPEC).chain
    assert {format_ns(int(one)) for one in chain.ts_recv_ns} == {"2019-06-03T20:00:00Z"}
    told = [
        (chain.roots[root], format_ns(int(expiry)), settlement_text(int(how)))
        for root, expiry, how in zip(chain.root, chain.expiry_ns, chain.settlement, strict=True)
    ]
    assert told == [
        ("SPXW", "2019-06-03T20:00:00Z", "PM cash European"),
        ("SPX", "2019-06-21T13:30:00Z", "AM cash European"),
        ("SPXW", "2019-06-21T20:00:00Z", "PM cash European"),
    ]
    assert np.isnan(chain.last).tolist() == [True, True, False]
    assert np.isnan(chain.bid_size).all()


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (line(optionroot="nonsense"), "bad_symbol"),
        (line(type="put"), "symbol_mismatch"),
        (line(strike=2905), "symbol_mismatch"),
        (line(expiration="06/28/2019"), "symbol_mismatch"),
        (line(type="both"), "bad_right"),
        (line(bid="ten"), "unparsable"),
        (line(quotedate="2019-06-03"), "unparsable_time"),
        (line(quotedate=""), "no_time"),
        (line(quotedate="06/02/2019"), "no_session"),
        (line(expiration="6/2019"), "unparsable_time"),
        (line("SPXW190621C03100000", bid=11.0), "crossed"),
        (line("SPXW190621C03100000", bid=-1.0), "negative"),
        (line("SPXW190531C02900000"), "expired"),
        (quotes()[3], "duplicate"),
        (line()[:-20], "ragged"),
    ],
)
def test_a_bad_row_is_kept_with_its_reason_and_its_bytes(
    store: ChainStore, tmp_path: Path, bad: str, reason: str
) -> None:
    lines = quotes()
    lines.insert(20, bad)
    report = import_chains(store, written(tmp_path / "a.csv.gz", lines), SPEC)
    assert (report.rows_read, report.rows_quarantined) == (41, 1), report.quarantined
    assert report.rows_read == report.rows_imported + report.rows_quarantined
    (row,) = store.quarantined("SPX/eod")
    assert row.reason == reason, row.message
    assert row.source_line == 22
    assert row.original.decode() == lines[20]
    assert "line 22" in row.message


def test_the_number_at_which_a_solver_stops_is_no_volatility(tmp_path: Path) -> None:
    lines = [
        line(f"SPXW190621C0{strike}000", impliedvol=vol) for strike, vol in ((2900, 0.02), (2905, 0.0201), (2910, 0))
    ]
    path = written(tmp_path / "a.csv.gz", lines)
    np.testing.assert_array_equal(read_chain_file(path, SPEC).chain.vendor_iv, [np.nan, 0.0201, np.nan])
    stated = chain_preset("spx_eod_2019", "SPX", placeholders={"vendor_gamma": 0.001}, zero_is_none=())
    chain = read_chain_file(path, stated).chain
    assert chain.vendor_iv.tolist() == [0.02, 0.0201, 0.0]
    assert np.isnan(chain.vendor_gamma).all()
    with pytest.raises(ImportFailed, match="placeholders names 'colour', which is no number"):
        read_chain_file(path, chain_preset("spx_eod_2019", "SPX", placeholders={"colour": 1.0}))


def test_two_quotes_of_one_contract_are_both_kept_apart(store: ChainStore, tmp_path: Path) -> None:
    lines = [*quotes(), line("SPXW190621C02815000", bid=10.1)]
    report = import_chains(store, written(tmp_path / "a.csv.gz", lines), SPEC)
    assert report.quarantined == {"conflict": 2}
    assert report.rows_imported == 39


def test_the_same_import_twice_changes_nothing_and_other_values_do_not_win(store: ChainStore, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv.gz", quotes())
    first = import_chains(store, path, SPEC)
    again = import_chains(store, path, SPEC)
    assert again.already_imported
    assert (again.rows_present, again.content_hash) == (40, first.content_hash)
    other = quotes()
    other[7] = other[7].replace("10.4", "10.5")
    corrected = written(tmp_path / "b.csv.gz", other)
    report = import_chains(store, corrected, SPEC)
    assert report.quarantined == {"conflict": 1}
    assert (report.rows_present, report.content_hash) == (39, first.content_hash)
    assert "contradicts" in store.quarantined("SPX/eod")[0].message
    report = import_chains(store, corrected, SPEC, replace_rows=True)
    assert (report.rows_replaced, report.rows_quarantined) == (1, 0)
    assert "snapshots" in report.lines()[1]
    assert 10.5 in store.load("SPX/eod").ask


def test_a_file_whose_rows_gave_way_is_held_against_the_catalog_again(store: ChainStore, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv.gz", quotes())
    import_chains(store, path, SPEC)
    other = quotes()
    other[7] = other[7].replace("10.4", "9999.0")
    corrected = written(tmp_path / "b.csv.gz", other)
    import_chains(store, corrected, SPEC, replace_rows=True)
    assert import_chains(store, corrected, SPEC).already_imported
    again = import_chains(store, path, SPEC)
    assert not again.already_imported
    assert (again.rows_present, again.quarantined) == (39, {"conflict": 1})
    # Once told, it is as any import with a row in quarantine: done before, and no silence about that row.
    told = import_chains(store, path, SPEC)
    assert told.already_imported
    assert "nothing was changed; 1 of its rows is in quarantine" in told.lines()[0]
    assert import_chains(store, path, SPEC, replace_rows=True).rows_replaced == 1
    assert import_chains(store, path, SPEC).rows_quarantined == 0
    assert not import_chains(store, corrected, SPEC).already_imported
    assert 9999.0 not in store.load("SPX/eod").ask


def test_options_on_another_underlying_are_not_taken(store: ChainStore, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv.gz", quotes())
    columns = {field: name for field, name in SPEC.columns.items() if field != "underlying"}
    for stated, why in (({}, "found 'SPX': the file"), ({"columns": columns}, "it is an option on SPX, and the file")):
        with pytest.raises(ImportFailed, match=f"40 of 40 rows .*{why} is said to be of SPY"):
            import_chains(store, path, chain_preset("spx_eod_2019", "SPY", **stated))
    assert store.manifests() == ()
    # A root that no rule knows is told by the file's own column.
    shares = written(
        tmp_path / "b.csv.gz", [line(f"XYZ190621C0{2800 + 5 * k}000", underlying="XYZ") for k in range(40)]
    )
    with pytest.raises(ImportFailed, match=r"40 of 40 rows .*found 'XYZ': the file is said to be of SPX"):
        import_chains(store, shares, SPEC)
    assert import_chains(store, shares, chain_preset("spx_eod_2019", "XYZ")).rows_imported == 40
    # A stray row is kept apart, and the others are taken.
    few = written(tmp_path / "c.csv.gz", [*quotes(), line("NDX190621C07000000", underlying="SPX")])
    assert import_chains(store, few, SPEC).quarantined == {"other_underlying": 1}


def test_files_that_cannot_be_used_write_nothing(store: ChainStore, tmp_path: Path) -> None:
    holiday = written(tmp_path / "h.csv.gz", quotes(date="05/27/2019"))
    with pytest.raises(ImportFailed, match=r"none of 40 rows can be used.*no session"):
        import_chains(store, holiday, SPEC)
    future = written(tmp_path / "f.csv.gz", quotes())
    with pytest.raises(ImportFailed, match=r"none of 40 rows.*future"):
        import_chains(store, future, SPEC, now_ns=0)
    torn = tmp_path / "t.csv.gz"
    torn.write_bytes(written(tmp_path / "a.csv.gz", quotes()).read_bytes()[:-40])
    with pytest.raises(ImportFailed, match=r"t\.csv\.gz"):
        import_chains(store, torn, SPEC)
    wrong = written(tmp_path / "w.csv.gz", [line(quotedate="2019-06-03")] * 20 + quotes(20))
    with pytest.raises(ImportFailed, match="20 of 40 rows cannot be read as stated"):
        import_chains(store, wrong, SPEC)
    assert store.manifests() == ()


@pytest.mark.parametrize(
    ("stated", "why"),
    [
        ({"stamp": "close"}, "stamp is 'close'"),
        ({"time_column": None}, "time_column is not stated"),
        ({"time_column": "when"}, "'when', which is no column"),
        ({"columns": {"symbol": "optionroot", "bid": "bid"}}, "states no 'ask'"),
        ({"columns": {"strike": "strike", "bid": "bid", "ask": "ask"}}, "states no 'expiry'"),
        ({"columns": {"vega": "bid"}}, "'vega', which is no field"),
        ({"zero_is_none": ("symbol",)}, "no number"),
        ({"delay_ns": -1}, "before it was made"),
    ],
)
def test_a_wrong_statement_is_an_error_that_lists_the_columns(tmp_path: Path, stated: dict[str, Any], why: str) -> None:
    path = written(tmp_path / "a.csv.gz", quotes(3))
    with pytest.raises(ImportFailed, match=f"{why}.*The file's columns are: 'underlying'"):
        read_chain_file(path, chain_preset("spx_eod_2019", "SPX", **stated))


def test_a_preset_does_without_the_columns_that_nobody_needs(store: ChainStore, tmp_path: Path) -> None:
    rows = [f"1559592000000000000,SPXW  190621{side}0{strike}000,10.0,10.5" for side in "CP" for strike in (2800, 2900)]
    path, none = tmp_path / "bare.csv", tmp_path / "none.csv"
    path.write_text("\n".join(["ts_event_ns,symbol,bid,ask", *rows]))
    assert import_chains(store, path, chain_preset("chain_symbols", "SPX")).rows_imported == 4
    lacking = chain_preset(
        "chain_symbols", "SPX", columns={"symbol": "symbol", "bid": "bid", "ask": "ask", "last": "x"}
    )
    with pytest.raises(ImportFailed, match="'x', which is no column"):
        read_chain_file(path, lacking)
    none.write_text("ts_event_ns,symbol,ask\n1559592000000000000,SPXW  190621C02900000,1.0")
    with pytest.raises(ImportFailed, match="'bid', which is no column"):
        read_chain_file(none, chain_preset("chain_symbols", "SPX"))


def test_presets_are_known_by_name() -> None:
    with pytest.raises(ConfigError, match="no preset of chains is called 'x'"):
        chain_preset("x", "SPX")
    with pytest.raises(ConfigError, match="vendor is nothing that can be stated"):
        chain_preset("spx_eod_2019", "SPX", vendor="y")
    assert SPEC.fingerprint != chain_preset("spx_eod_2019", "SPX", delay_ns=5).fingerprint
    assert len({chain_preset(name, "SPX").fingerprint for name in CHAIN_PRESETS}) == len(CHAIN_PRESETS)


def test_typed_files_are_mapped_by_column(store: ChainStore, tmp_path: Path) -> None:
    path = tmp_path / "shares.parquet"
    n = 30
    frame = pl.DataFrame(
        {
            "quoted": pl.Series([1_557_172_800_000_000_000] * n).cast(pl.Datetime("ns", "UTC")),
            "exp": pl.Series(["2019-05-17"] * n).str.to_date(),
            "cp": ["C", "P"] * (n // 2),
            "k": [270.0 + number // 2 for number in range(n)],
            "b": [1.0] * n,
            "a": [1.02] * n,
        }
    )
    frame.write_parquet(path)
    spec = ChainSpec(
        "SPY", columns={"expiry": "exp", "right": "cp", "strike": "k", "bid": "b", "ask": "a"}, time_column="quoted",
        time_format="datetime", stamp="instant", expiry_format="datetime", delay_ns=60 * 10**9,
    )  # fmt: skip
    report = import_chains(store, path, spec)
    assert report.rows_imported == n
    chain = store.load("SPY/main")
    assert settlement_text(int(chain.settlement[0])) == "PM physical American"
    assert format_ns(int(chain.expiry_ns[0])) == "2019-05-17T20:00:00Z"
    assert chain.ts_recv_ns[0] - chain.ts_event_ns[0] == 60 * 10**9


def test_a_vendor_that_calls_weeklies_by_the_index_is_understood(tmp_path: Path) -> None:
    lines = [line("SPX190605C02900000"), line("SPX190621C02900000")]
    chain = read_chain_file(written(tmp_path / "a.csv.gz", lines), SPEC).chain
    assert chain.roots == ("SPX", "SPXW")
    assert [chain.roots[code] for code in chain.root] == ["SPXW", "SPX"]


def test_real_sessions_are_imported_whole(real_data: Path, store: ChainStore) -> None:
    folder = real_data / "spx_chains_2019"
    last = import_chains(store, folder / "SPX_20190620.csv.gz", SPEC)
    assert (last.rows_read, last.rows_quarantined) == (last.rows_imported, 0)
    # The third Friday: SPX settled at the open, and what a file still tells of it at the close is no quote.
    friday = import_chains(store, folder / "SPX_20190621.csv.gz", SPEC)
    assert set(friday.quarantined) == {"expired"}
    assert friday.rows_read == friday.rows_imported + friday.rows_quarantined
    assert all(b",0.0,0.0," in row.original for row in store.quarantined("SPX/eod"))
    # 4 July was a holiday: that file is a copy of 3 July's quotes.
    with pytest.raises(ImportFailed, match="no session on that date"):
        import_chains(store, folder / "SPX_20190704.csv.gz", SPEC)
    chain = store.load("SPX/eod")
    assert chain.snapshot_count == 2
    assert not {"vertical", "butterfly", "crossed", "locked"} & {*last.warnings, *friday.warnings}


def test_definitions_become_contracts(real_data: Path) -> None:
    pytest.importorskip("databento")
    from argus.data.future_options import future_option_end
    from argus.data.option_contracts import read_option_contracts

    listed = read_option_contracts(real_data / "databento" / "definition-opra.dbn.zst")
    assert listed.symbol == ("SPY   240119P00340000", "SPY   240119P00370000")
    assert {format_ns(int(one)) for one in listed.expiry_ns} == {"2024-01-19T21:00:00Z"}
    assert {settlement_text(int(one)) for one in listed.settlement} == {"PM physical American"}
    futures = read_option_contracts(real_data / "databento" / "definition-glbx-es-opt.dbn.zst")
    assert futures.root == ("ES", "ES")
    assert futures.right.tolist() == [1, 1]
    # The exchange's own instant is the one of our rule for the product, and so is how it ends.
    end = future_option_end("ES", 2024, 6)
    assert futures.expiry_ns.tolist() == [end.expiry_ns, end.expiry_ns]
    assert {settlement_text(int(one)) for one in futures.settlement} == {"AM physical American"}
    assert futures.quarantine_counts == {}
    assert len(futures) == 2
