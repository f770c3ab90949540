"""Files of options on futures: which product, which future, which instant; what cannot be true goes to quarantine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from argus.core.chains import future_of, product_of, root_on_future, settlement_text
from argus.core.errors import ImportFailed
from argus.core.time import NS_PER_DAY, day_of, format_ns, parse_ns
from argus.data._future_chain_columns import future_contract
from argus.data.chain_importing import ChainSpec, ChainsRead, chain_preset, import_chains, read_chain_file
from argus.data.chain_store import ChainStore
from argus.data.future_options import chain_rule

NOW_NS = parse_ns("2024-01-03T15:00:00Z")
COLUMNS = {"symbol": "symbol", "future": "future", "expiry": "expiry", "strike": "strike", "bid": "bid", "ask": "ask"}
SPEC = ChainSpec("ES", columns=COLUMNS, time_column="ts", time_format="ns", stamp="instant")


def row(symbol: str, future: str = "ESH4", expiry: str = "2024-01-12", **changed: Any) -> dict[str, Any]:
    plain = {"symbol": symbol, "future": future, "expiry": expiry, "strike": 4700.0, "bid": 10.0, "ask": 11.0}
    return plain | {"ts": NOW_NS} | changed


def many(count: int = 60) -> list[dict[str, Any]]:
    return [row(f"EW2F4 P{4400 + 5 * at}", strike=4400.0 + 5 * at) for at in range(count)]


def read(folder: Path, rows: list[dict[str, Any]], spec: ChainSpec = SPEC) -> ChainsRead:
    path = folder / "chain.csv"
    pl.DataFrame(rows).write_csv(path)
    return read_chain_file(path, spec)


def told(found: ChainsRead) -> list[tuple[str, str, str]]:
    chain = found.chain
    return sorted(
        {
            (chain.roots[code], format_ns(int(expiry)), settlement_text(int(how)))
            for code, expiry, how in zip(chain.root, chain.expiry_ns, chain.settlement, strict=True)
        }
    )


def test_a_root_names_product_and_future() -> None:
    root = root_on_future("EW3", "ES.202403")
    assert root == "EW3 on ES.202403"
    assert (product_of(root), future_of(root)) == ("EW3", "ES.202403")
    assert (product_of("SPXW"), future_of("SPXW")) == ("SPXW", "")
    assert chain_rule(root).underlying == "ES"
    assert chain_rule("ES").tick == 0.01, "a share"
    assert chain_rule(root_on_future("ES", "ES.202403")).tick == 0.25


def test_each_row_names_its_future_and_ends_by_the_rule_of_its_product(tmp_path: Path) -> None:
    rows = [
        row("EW1F4 P4700", expiry="2024-01-05"),
        row("ESH4 C4700", expiry="2024-03-15"),
        row("ESM4 C4700", "ES.202406", "2024-06-21"),
        row("E2CF4 C4700", "ESH2024", "2024-01-10"),
    ]
    expected = [
        ("E2C on ES.202403", "2024-01-10T21:00:00Z", "PM physical European"),
        ("ES on ES.202403", "2024-03-15T13:30:00Z", "AM physical American"),
        ("ES on ES.202406", "2024-06-21T13:30:00Z", "AM physical American"),
        ("EW1 on ES.202403", "2024-01-05T21:00:00Z", "PM physical European"),
    ]
    found = read(tmp_path, rows)
    assert told(found) == expected
    assert found.chain.right.tolist() == [-1, 1, 1, 1]
    assert not [note for note in found.notes if "expire" in note]
    # By the month of the symbol alone, and with the future stated once for all.
    named = {name: column for name, column in COLUMNS.items() if name != "expiry"}
    assert told(read(tmp_path, rows, replace(SPEC, columns=named))) == expected
    stated = {name: column for name, column in named.items() if name != "future"}
    half = [one for one in rows if one["symbol"] != "ESM4 C4700"]
    assert told(read(tmp_path, half, replace(SPEC, columns=stated, future="ESH24"))) == [
        expected[at] for at in (0, 1, 3)
    ]


@pytest.mark.parametrize(
    ("product", "underlying", "future", "expiry", "ends"),
    [
        ("OZN", "ZN", "ZNH4", "2024-02-23", "2024-02-23T22:00:00Z"),
        ("ZN2", "ZN", "ZNH4", "2024-01-12", "2024-01-12T22:00:00Z"),
        ("LO", "CL", "CLH4", "2024-02-14", "2024-02-14T19:30:00Z"),
        ("OG", "GC", "GCG4", "2024-01-25", "2024-01-25T18:30:00Z"),
    ],
)
def test_notes_crude_oil_and_gold_go_by_their_product(
    tmp_path: Path, product: str, underlying: str, future: str, expiry: str, ends: str
) -> None:
    rows = [row("", future, expiry, root=product, right="P", strike=strike) for strike in (70.0, 71.0)]
    columns = {"root": "root", "right": "right"} | {name: name for name in COLUMNS if name != "symbol"}
    found = read(tmp_path, rows, replace(SPEC, underlying=underlying, columns=columns))
    assert [(root, instant) for root, instant, _ in told(found)] == [
        (f"{product} on {underlying}.{_month(future)}", ends)
    ]
    assert "American" in told(found)[0][2]
    # An end-of-day quote is of the settlement, at which an option of that day would end.
    daily = [one | {"ts": expiry} for one in rows]
    spec = replace(SPEC, underlying=underlying, columns=columns, stamp="session_close", time_format="iso")
    chain = read(tmp_path, daily, spec).chain
    assert {format_ns(int(ns)) for ns in chain.ts_event_ns} == {ends}


def _month(future: str) -> str:
    contract = future_contract(future, day_of(NOW_NS // NS_PER_DAY))
    assert contract is not None
    return contract.symbol.partition(".")[2]


@pytest.mark.parametrize(
    ("bad", "reason", "why"),
    [
        (row("EW2F4 P4700", "NQH4"), "other_underlying", "it is a future of NQ"),
        (row("LOF4 P4700"), "other_underlying", "it is an option on CL"),
        (row("nonsense"), "bad_symbol", "no option on a future whose rules are known"),
        (row("EW2F4 P4700", "ES"), "bad_future", "'ES' is no futures contract"),
        (row("EW2F4 P4700", ""), "bad_future", "is no futures contract"),
        (row("ESM4 P4700", "ESH4", "2024-06-21"), "bad_future", "ES.202403 ends on 2024-03-15, before the option"),
        (row("EW2F4 P4700", "ESZ3"), "bad_future", "ES.203312 is delivered 119 months after the option"),
        (row("EW2F4 P4700", "ESG4"), "bad_future", "ES has no delivery month 'G'"),
        (row("E1AF4 P4700", expiry="2024-01-02"), "expired", "expired"),
        (row("EW2F4 P4700", strike=-5.0), "bad_strike", "bad strike"),
        (row("EW2F4 P4700", bid=12.0), "crossed", "crossed"),
        (row("EW2F4 P4700", right="C"), "symbol_mismatch", "the symbol says otherwise"),
        (row("EW2F4 P4700", root="ES"), "symbol_mismatch", "the symbol says otherwise"),
        (row("EW2F4 P4700", asset="NQ"), "other_underlying", "said to be of ES"),
    ],
)
def test_a_bad_row_goes_to_quarantine_with_its_reason(
    tmp_path: Path, bad: dict[str, Any], reason: str, why: str
) -> None:
    extra = {"right": "P", "root": "EW2", "asset": "ES"}
    rows = [extra | one for one in many()]
    own = {"right": bad["symbol"][-5:-4], "root": bad["symbol"][:-8], "asset": "ES"}
    rows.insert(7, own | bad)
    fields = [name for name in ("right", "root") if name in bad]
    columns = COLUMNS | {name: name for name in fields} | ({"underlying": "asset"} if "asset" in bad else {})
    found = read(tmp_path, rows, replace(SPEC, columns=columns))
    (rejected,) = found.quarantined
    assert (rejected.reason, rejected.source_line) == (reason, 9), rejected.message
    assert why in rejected.message
    assert len(found.chain) == len(rows) - 1


@pytest.mark.parametrize(
    ("product", "underlying", "expiry", "right_future", "wrong"),
    [
        ("LO", "CL", "2024-02-14", "CLH4", "CLM4"),
        ("LO", "CL", "2024-03-15", "CLJ4", "CLK4"),
        ("OG", "GC", "2024-01-25", "GCG4", "GCJ4"),
        ("OG", "GC", "2024-02-26", "GCJ4", "GCM4"),
        ("OZN", "ZN", "2024-01-26", "ZNH4", "ZNM4"),
        # Of two options that end on one Friday, the one on the open is on the future that ends with it.
        ("ES", "ES", "2024-03-15", "ESH4", "ESM4"),
        ("EYC", "ES", "2024-03-15", "ESM4", "ESU4"),
        ("E2D", "ES", "2024-03-14", "ESH4", "ESM4"),
        ("EW4", "ES", "2024-03-22", "ESM4", "ESU4"),
        ("EW", "ES", "2024-12-31", "ESH5", "ESM5"),
        # Weekly options on notes follow the quarterly option, which ends in the month before its future's.
        ("ZN3", "ZN", "2024-02-16", "ZNH4", "ZNM4"),
        ("ZN1", "ZN", "2024-03-01", "ZNM4", "ZNH4"),
    ],
)
def test_a_month_that_fixes_its_future_is_on_no_other(
    tmp_path: Path, product: str, underlying: str, expiry: str, right_future: str, wrong: str
) -> None:
    rows = [row("", right_future, expiry, root=product, right="C", strike=70.0 + n) for n in range(20)]
    rows.insert(7, row("", wrong, expiry, root=product, right="C", strike=95.0))
    columns = {"root": "root", "right": "right"} | {name: name for name in COLUMNS if name != "symbol"}
    found = read(tmp_path, rows, replace(SPEC, underlying=underlying, columns=columns))
    (rejected,) = found.quarantined
    assert (rejected.reason, rejected.source_line) == ("bad_future", 9), rejected.message
    assert f"options {product} " in rejected.message
    assert f" are on {underlying}.{_month(right_future)}, by the rule of the exchange" in rejected.message
    assert len(found.chain) == 20


def test_a_date_off_the_rule_is_used_and_told(tmp_path: Path) -> None:
    rows = [row("ESM4 C4700", "ESM4", "2024-06-20"), row("EW2F4 P4700"), row("EW3H4 P4700", expiry="2024-03-14")]
    found = read(tmp_path, rows)
    said = [note for note in found.notes if "said to expire" in note]
    assert said == [
        "options ES of 2024-06, 1 row, are said to expire on 2024-06-20, which is used; the exchange's rule says "
        "2024-06-21",
        "options EW3 of 2024-03, 1 row, are said to expire on 2024-03-14, which is used; EW3 has no month 3; it has "
        "1, 2, 4, 5, 7, 8, 10, 11",
    ]
    assert ("ES on ES.202406", "2024-06-20T13:30:00Z", "AM physical American") in told(found)
    # Without a symbol the months that a date could mean are looked at.
    columns = {"root": "root", "right": "right"} | {name: name for name in COLUMNS if name != "symbol"}
    spec = replace(SPEC, underlying="CL", columns=columns)
    plain = [row("", "CLH4", day, root="LO", right="C", strike=70.0) for day in ("2024-02-14", "2024-02-15")]
    (note,) = [one for one in read(tmp_path, plain, spec).notes if "said to expire" in one]
    assert note.startswith("options LO, 1 row, are said to expire on 2024-02-15")
    assert "2024-02-14" in note


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (replace(SPEC, underlying="NQ"), "no options on futures of 'NQ' are known; there are those of ES, ZN, CL, GC"),
        (replace(SPEC, future="ESH4"), "future is stated, and columns states one too"),
        (replace(SPEC, columns={k: v for k, v in COLUMNS.items() if k != "strike"}), "columns states no 'strike'"),
        (replace(SPEC, columns={k: v for k, v in COLUMNS.items() if k != "symbol"}), "says the product (ES, EYC, EW,"),
    ],
)
def test_a_statement_that_cannot_be_is_refused(tmp_path: Path, spec: ChainSpec, why: str) -> None:
    with pytest.raises(ImportFailed) as refused:
        read(tmp_path, many(3), spec)
    assert why in str(refused.value)


def test_the_catalog_gives_the_same_rows_back(tmp_path: Path) -> None:
    frame = pl.DataFrame(many()).with_columns(ts_event_ns=pl.col("ts"), root=pl.lit("EW2"), right=pl.lit("P"))
    frame.drop("symbol", "ts").write_parquet(tmp_path / "chain.parquet")
    store = ChainStore(tmp_path / "catalog")
    spec = chain_preset("chain_on_futures", "ES")
    report = import_chains(store, tmp_path / "chain.parquet", spec)
    assert (report.rows_imported, report.rows_quarantined) == (60, 0)
    assert store.load("ES/main").roots == ("EW2 on ES.202403",)
    assert import_chains(store, tmp_path / "chain.parquet", spec).already_imported


def test_a_statement_without_futures_is_the_one_that_it_was() -> None:
    assert "future" not in ChainSpec("SPX").describe()
    assert ChainSpec("ES", future="ESH4").describe()["future"] == "ESH4"
