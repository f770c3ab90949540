"""Databento's definitions and top-of-book quotes of options on futures, written by the vendor's own encoder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from argus.core.chains import settlement_text
from argus.core.errors import ImportFailed
from argus.core.time import format_ns, parse_ns
from argus.data.chain_importing import ChainSpec, import_chains, read_chain_file
from argus.data.chain_store import ChainStore
from argus.data.future_options import future_option_end
from argus.data.option_contracts import read_option_contracts
from tests.app.future_market import INDEX, NOW_NS, future_frame, smile
from tests.cli.command import argus

dbn = pytest.importorskip("databento_dbn", reason="the databento extra is not installed")
pytest.importorskip("databento", reason="the databento extra is not installed")

T0 = parse_ns("2024-01-03T15:00:00Z")
SECOND = 1_000_000_000
NONE = int(np.iinfo(np.int64).max)
Top = tuple[int, int, float | None, float | None]


def metadata(schema: str) -> bytes:
    return bytes(
        dbn.Metadata(
            dataset="GLBX.MDP3",
            start=T0,
            stype_in=dbn.SType.RAW_SYMBOL,
            stype_out=dbn.SType.INSTRUMENT_ID,
            schema=dbn.Schema.from_str(schema),
            symbols=["ES.OPT"],
            mappings=[],
        )
    )


def definition(number: int, symbol: str, **changed: Any) -> bytes:
    """An option such as ``EW2F4 P4700``, or a future such as ``ESH4``, as CME's definitions have it."""
    name, _, contract = symbol.partition(" ")
    code, is_option = name[:-2], bool(contract)
    month = " FGHJKMNQUVXZ".index(name[-2])
    kind = {"C": dbn.InstrumentClass.CALL, "P": dbn.InstrumentClass.PUT}.get(contract[:1], dbn.InstrumentClass.FUTURE)
    american = code in ("ES", "LO")
    plain: dict[str, Any] = {
        "ts_recv": T0 - 9 * SECOND,
        "raw_symbol": symbol,
        "asset": code,
        "instrument_class": kind,
        "underlying": "ESH4" if is_option else "",
        "cfi": f"O{contract[:1]}{'A' if american else 'E'}FPS" if is_option else "FFIXSX",
        "exchange": "XCME",
        "security_type": "OOF" if is_option else "FUT",
        "currency": "USD",
        "unit_of_measure": "IPNT",
        "unit_of_measure_qty": 50 * SECOND,
        "expiration": future_option_end(code, 2024, month).expiry_ns if is_option else parse_ns("2024-03-15T13:30:00Z"),
    }
    if is_option:
        plain["strike_price"] = round(float(contract[1:]) * 1e9)
    return bytes(
        dbn.InstrumentDefMsg(
            publisher_id=1,
            instrument_id=number,
            ts_event=T0 - 10 * SECOND,
            min_price_increment=NONE,
            display_factor=10_000_000,
            security_update_action=dbn.SecurityUpdateAction.ADD,
            **(plain | changed),
        )
    )


def definitions(folder: Path, records: Sequence[bytes], name: str = "es.definition.dbn") -> Path:
    path = folder / name
    path.write_bytes(metadata("definition") + b"".join(records))
    return path


def fixed(price: float | None) -> int:
    return NONE if price is None else round(price * 1e9)


def quotes(folder: Path, tops: Sequence[Top], schema: str = "mbp-1", publisher: Sequence[int] = ()) -> Path:
    """Records of (seconds after the start, instrument, bid, ask)."""
    records = []
    for at, (seconds, number, bid, ask) in enumerate(tops):
        level = dbn.BidAskPair(fixed(bid), fixed(ask), 3, 4, 1, 1)
        instant = T0 + seconds * SECOND
        venue = publisher[at] if publisher else 1
        if schema == "mbp-1":
            action, side = dbn.Action.ADD, dbn.Side.BID
            records.append(dbn.MBP1Msg(venue, number, instant - 50, NONE, 1, action, side, 0, instant, levels=level))
        else:
            records.append(
                dbn.BBOMsg(195, venue, number, instant - 3600 * SECOND, NONE, 1, dbn.Side.NONE, instant, levels=level)
            )
    path = folder / f"es.{schema}.dbn"
    path.write_bytes(metadata(schema) + b"".join(map(bytes, records)))
    return path


OIL_PUT = {"instrument_class": dbn.InstrumentClass.PUT, "cfi": "OPAFPS", "strike_price": 70 * SECOND}
LISTED = (
    definition(1, "ESH4"),
    definition(10, "ESH4 C4800"),
    definition(11, "ESH4 P4700"),
    definition(12, "EW2F4 P4700"),
    definition(13, "LOG4 P4700", underlying="CLG4"),
)
TOPS: tuple[Top, ...] = (
    (1, 1, 4779.75, 4780.25),
    (2, 10, 60.0, 61.0),
    (3, 11, 40.0, 41.0),
    (4, 12, 20.0, 21.0),
    (5, 13, 1.0, 2.0),
    (70, 10, 62.0, 63.0),
    (80, 1, 4781.75, 4782.25),
    (90, 12, None, 22.0),
)


def spec(folder: Path, records: Sequence[bytes] = LISTED, **stated: Any) -> ChainSpec:
    return ChainSpec("ES", definitions=definitions(folder, records), **stated)


def test_a_definition_becomes_an_option_on_its_future(tmp_path: Path) -> None:
    found = read_option_contracts(definitions(tmp_path, LISTED))
    assert found.root == ("ES", "ES", "EW2", "LO")
    assert found.future == ("ES.202403", "ES.202403", "ES.202403", "CL.202402")
    assert [settlement_text(int(one)) for one in found.settlement] == [
        "AM physical American", "AM physical American", "PM physical European", "PM physical American",
    ]  # fmt: skip
    assert found.others == 1
    assert found.notes == ()


def test_instants_and_styles_off_the_rule_are_used_and_told(tmp_path: Path) -> None:
    later = parse_ns("2024-01-12T22:00:00Z")
    records = [
        definition(12, "EW2F4 P4700", expiration=later),
        definition(13, "EW2F4 P4750", expiration=later),
        definition(14, "ESH4 C4800", cfi="OCEFPS"),
    ]
    found = read_option_contracts(definitions(tmp_path, records))
    assert found.expiry_ns.tolist()[:2] == [later, later]
    assert found.notes == (
        "EW2 of 2024-01 expires at 2024-01-12T22:00:00Z by its definition and at 2024-01-12T21:00:00Z by our rule; the "
        "definition is used (2 contracts)",
        "ES of 2024-03 is AM physical European by its definition and AM physical American by our rule; the definition "
        "is used (1 contracts)",
    )


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"underlying": "INDEX"}, "its underlying 'INDEX' is no futures contract"),
        ({"cfi": "OXXXXX"}, "its CFI code does not say how it ends"),
        ({"strike_price": NONE}, "it has no strike or no expiry"),
        ({"expiration": int(np.iinfo(np.uint64).max)}, "it has no strike or no expiry"),
    ],
)
def test_a_bad_definition_and_its_quotes_are_kept_apart(tmp_path: Path, changed: dict[str, Any], why: str) -> None:
    bad = definition(12, "EW2F4 P4700", **changed)
    records = [LISTED[1], LISTED[2], bad]
    (rejected,) = read_option_contracts(definitions(tmp_path, records)).quarantined
    assert (rejected.reason, rejected.source_line) == ("bad_definition", 3)
    assert why in rejected.message
    found = read_chain_file(quotes(tmp_path, TOPS[1:4]), spec(tmp_path, records))
    (row,) = found.quarantined
    assert (row.reason, row.source_line) == ("bad_definition", 3)
    assert why in row.message
    assert len(found.chain) == 2


@pytest.mark.parametrize(
    ("symbol", "changed", "why"),
    [
        (
            "EW2F4 P4700",
            {"underlying": "ESM4"},
            "options EW2 that end on 2024-01-12 are on ES.202403, by the rule",
        ),
        ("EW2F4 P4700", {"underlying": "ESZ3"}, "ES.202312 ends on 2023-12-15, before the option, on 2024-01-12"),
        ("ESM4 P4700", {"underlying": "ESU4"}, "options ES of 2024-06 are on ES.202406"),
        ("EW2F4 P4700", {"underlying": "NQH4"}, "options EW2 are on ES, and not on NQ.202403"),
    ],
)
def test_an_option_on_a_future_that_is_not_its_own_is_kept_apart(
    tmp_path: Path, symbol: str, changed: dict[str, Any], why: str
) -> None:
    # One of a third of the rows: definitions are no statement about the file that could be wrong.
    records = [LISTED[1], LISTED[2], definition(12, symbol, **changed, ts_recv=parse_ns("2023-12-12T15:00:00Z"))]
    found = read_chain_file(quotes(tmp_path, TOPS[1:4]), spec(tmp_path, records))
    (row,) = found.quarantined
    assert (row.reason, row.source_line) == ("bad_future", 3)
    assert why in row.message
    assert len(found.chain) == 2


def test_a_misplaced_option_on_another_root_is_none_of_this_import(tmp_path: Path) -> None:
    # The day is that of the exchange: an instant after seven in the evening of Chicago is of the next day in UTC.
    late = parse_ns("2024-02-15T01:00:00Z")
    right, wrong = (
        definition(number, "EW2F4 P70", asset="LO", underlying=future, expiration=late, **OIL_PUT)
        for number, future in ((12, "CLH4"), (13, "CLM4"))
    )
    found = read_chain_file(quotes(tmp_path, TOPS), spec(tmp_path, (*LISTED[:3], right, wrong)))
    assert found.quarantined == ()
    oil = read_chain_file(quotes(tmp_path, TOPS), replace(spec(tmp_path, (*LISTED[:3], right, wrong)), underlying="CL"))
    assert oil.chain.roots == ("LO on CL.202403",)
    (row,) = oil.quarantined
    assert (row.reason, row.source_line) == ("bad_future", 5)
    assert "options LO of 2024-03 are on CL.202403, by the rule of the exchange, and not on CL.202406" in row.message


def test_a_snapshot_is_the_last_record_of_each_contract(tmp_path: Path) -> None:
    found = read_chain_file(quotes(tmp_path, TOPS), spec(tmp_path))
    chain = found.chain
    assert chain.roots == ("ES on ES.202403", "EW2 on ES.202403")
    assert set(chain.ts_recv_ns.tolist()) == {T0 + 90 * SECOND}
    told = {
        (chain.roots[code], float(strike), int(right)): (float(bid), float(ask), int(made - T0) // SECOND)
        for code, strike, right, bid, ask, made in zip(
            chain.root, chain.strike, chain.right, chain.bid, chain.ask, chain.ts_event_ns + 50, strict=True
        )
    }
    assert told[("ES on ES.202403", 4800.0, 1)] == (62.0, 63.0, 70)
    assert told[("ES on ES.202403", 4700.0, -1)] == (40.0, 41.0, 3)
    assert np.isnan(told[("EW2 on ES.202403", 4700.0, -1)][0])
    assert chain.underlying_price.tolist() == [4782.0] * 3, "the future's own quote"
    assert chain.bid_size.tolist() == [3.0] * 3
    assert any(note.startswith("3 records of what is no option on ES") for note in found.notes)
    assert found.rows_read == 3


def test_snapshots_at_multiples_know_nothing_later(tmp_path: Path) -> None:
    found = read_chain_file(quotes(tmp_path, TOPS), spec(tmp_path, every_ns=60 * SECOND)).chain
    assert {format_ns(int(one)) for one in found.ts_recv_ns} == {"2024-01-03T15:01:00Z"}
    assert found.bid.tolist() == [20.0, 40.0, 60.0]
    assert found.underlying_price.tolist() == [4780.0] * 3
    many = read_chain_file(quotes(tmp_path, TOPS), spec(tmp_path, every_ns=3 * SECOND)).chain
    assert many.snapshot_count == 30
    assert [len(many.snapshot(at)) for at in (0, 1, 29)] == [2, 3, 3]
    late = read_chain_file(quotes(tmp_path, TOPS), spec(tmp_path, every_ns=60 * SECOND, delay_ns=5 * SECOND)).chain
    assert {format_ns(int(one)) for one in late.ts_recv_ns} == {"2024-01-03T15:01:05Z"}
    with pytest.raises(ImportFailed, match="no multiple of 3600 s between its first and its last quote"):
        read_chain_file(quotes(tmp_path, TOPS), spec(tmp_path, every_ns=3600 * SECOND))
    with pytest.raises(ImportFailed, match="a second is the least"):
        read_chain_file(quotes(tmp_path, TOPS), spec(tmp_path, every_ns=1))


def test_samples_of_a_minute_are_quotes_of_their_instant(tmp_path: Path) -> None:
    tops: list[Top] = [(60, 1, 4779.75, 4780.25), (60, 10, 60.0, 61.0), (120, 10, 62.0, 63.0)]
    chain = read_chain_file(quotes(tmp_path, tops, "bbo-1m"), spec(tmp_path, every_ns=60 * SECOND)).chain
    assert chain.ts_event_ns.tolist() == [T0 + 60 * SECOND, T0 + 120 * SECOND]
    assert chain.bid.tolist() == [60.0, 62.0]


def test_what_cannot_be_told_goes_to_quarantine_or_is_refused(tmp_path: Path) -> None:
    store = ChainStore(tmp_path / "catalog")
    unknown = (*TOPS, (91, 77, 1.0, 2.0), (92, 78, 1.0, 2.0))
    records = (*LISTED, definition(78, "ESH4 C5000"), definition(78, "ESH4 C5100", ts_recv=T0 - 5 * SECOND))
    report = import_chains(store, quotes(tmp_path, unknown), spec(tmp_path, records))
    assert report.quarantined == {"no_definition": 1, "bad_definition": 1}
    assert (report.rows_read, report.rows_imported) == (5, 3)
    messages = [row.message for row in store.quarantined("ES/main")]
    assert messages == [
        "record 9, instrument 77: the definitions do not have it",
        "record 10, instrument 78: its number was given to several contracts; import the days apart, each with its own "
        "definitions",
    ]
    assert import_chains(store, quotes(tmp_path, unknown), spec(tmp_path, records)).already_imported
    with pytest.raises(ImportFailed, match=r"several venues; take their consolidated one \(cmbp-1\)"):
        read_chain_file(quotes(tmp_path, TOPS, publisher=[1, 2] * 4), spec(tmp_path))
    with pytest.raises(ImportFailed, match="has no quote of an option on that underlying"):
        read_chain_file(quotes(tmp_path, TOPS[:4]), replace(spec(tmp_path), underlying="ZN"))
    with pytest.raises(ImportFailed, match="'definition' is needed"):
        read_chain_file(quotes(tmp_path, TOPS), ChainSpec("ES", definitions=quotes(tmp_path, TOPS)))
    with pytest.raises(ImportFailed, match="columns is stated, and the definitions say all of it"):
        read_chain_file(quotes(tmp_path, TOPS), replace(spec(tmp_path), columns={"bid": "bid_px_00"}))
    with pytest.raises(ImportFailed, match="every_ns is stated, and no definitions"):
        read_chain_file(quotes(tmp_path, TOPS), ChainSpec("ES", every_ns=SECOND))
    with pytest.raises(ImportFailed, match=r"gone\.dbn cannot be read"):
        import_chains(store, quotes(tmp_path, TOPS), ChainSpec("ES", definitions=tmp_path / "gone.dbn"))


def test_a_product_without_rules_and_a_dead_contract(tmp_path: Path) -> None:
    odd = definition(20, "ESH4 C4900", asset="XX")
    dead = definition(21, "E1AF4 P4700", expiration=parse_ns("2024-01-02T21:00:00Z"))
    tops: tuple[Top, ...] = (*TOPS, (95, 20, 1.0, 2.0), (96, 21, 1.0, 2.0))
    found = read_chain_file(quotes(tmp_path, tops), spec(tmp_path, (*LISTED, odd, dead)))
    (row,) = found.quarantined
    assert "no rules of options on futures called 'XX' are known" in row.message
    assert len(found.chain) == 3


def test_the_command_line_takes_definitions_and_quotes_to_volatilities(tmp_path: Path) -> None:
    listed = INDEX[:1]
    frame = future_frame(listed)
    records, tops = [LISTED[0]], [(1, 1, 4779.75, 4780.25)]
    for number, row in enumerate(frame.iter_rows(named=True), start=100):
        records.append(definition(number, f"EW2F4 {row['right']}{row['strike']:g}"))
        tops.append((2, number, row["bid"], row["ask"]))
    # The market is that of an hour later: the stamps of the quotes are moved there.
    moved = [((NOW_NS - T0) // SECOND, *rest) for _, *rest in tops]
    file, described = quotes(tmp_path, moved), definitions(tmp_path, records)
    assert argus("init", folder=tmp_path).returncode == 0
    words = ("options", "import", str(file), "--underlying", "ES", "--definitions", str(described), "--json")
    done = argus(*words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["files"][0]["rows_imported"] == frame.height
    out = tmp_path / "vols.parquet"
    told = argus("options", "iv", "--chain", "ES/main", "--out", str(out), "--json", folder=tmp_path)
    (expiry,) = json.loads(told.stdout)["expiries"]
    assert (expiry["root"], expiry["forward"]) == ("EW2 on ES.202403", 4780.0)
    vols = pl.read_parquet(out).filter(
        (pl.col("bid") > 1.0) & ((pl.col("strike") >= 4780.0) == (pl.col("right") == "call"))
    )
    assert vols.height > 8
    assert np.abs(vols["vol_mid"].to_numpy() - smile(vols["strike"].to_numpy(), listed[0])).max() < 2e-3
