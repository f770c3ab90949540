"""Corporate actions from files into the catalog: every bad row named and kept, nothing half-done, read back in time."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from argus.core.errors import CatalogError, ImportFailed
from argus.core.time import format_ns, parse_ns
from argus.data import (
    CashDividend,
    Catalog,
    Delisting,
    Split,
    SymbolChange,
    import_actions,
    load_actions,
    quarantined_actions,
    read_actions,
)

HEADER = "kind,symbol,session,numerator,denominator,amount,currency,pay_session,new_symbol,cash,known_at"
SPLIT = "split,AAPL,2020-08-31,4,1,,,,,,2020-07-30T20:30:00+00:00"
DIVIDEND = "cash_dividend,AAPL,2020-08-07,,,0.82,USD,2020-08-13,,,2020-07-30"
CHANGE = "symbol_change,FB,2022-06-09,,,,,,META,,"
END = "delisting,TWTR,2022-10-27,,,,USD,,,54.20,"


def csv(folder: Path, *rows: str, header: str = HEADER, name: str = "actions.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(tmp_path / "catalog")


def test_every_kind_is_read_with_its_times(tmp_path: Path) -> None:
    file = read_actions(csv(tmp_path, CHANGE, SPLIT, END, DIVIDEND))
    dividend, split, change, end = file.actions
    assert file.quarantined == ()
    assert isinstance(split, Split)
    assert (split.numerator, split.denominator) == (4, 1)
    assert format_ns(split.effective_ns) == "2020-08-31T13:30:00Z"
    assert format_ns(split.known_at_ns) == "2020-07-30T20:30:00Z"
    assert isinstance(dividend, CashDividend)
    assert (dividend.amount, dividend.currency, dividend.pay_session) == (Decimal("0.82"), "USD", date(2020, 8, 13))
    # A plain date is known at the opening of the session after it.
    assert format_ns(dividend.known_at_ns) == "2020-07-31T13:30:00Z"
    assert isinstance(change, SymbolChange)
    assert change.new_symbol == "META"
    assert change.known_at_ns == change.effective_ns, "nothing stated: known when it takes effect"
    assert isinstance(end, Delisting)
    assert end.cash == Decimal("54.20")
    assert format_ns(end.effective_ns) == "2022-10-27T20:00:00Z", "the close of the last session"


def test_only_the_columns_that_the_kinds_need_must_be_there(tmp_path: Path) -> None:
    path = csv(tmp_path, "split,NVDA,2024-06-10,10,1", header="kind,symbol,session,numerator,denominator")
    assert read_actions(path).actions[0].symbol == "NVDA"
    with pytest.raises(
        ImportFailed, match=r"column session is missing; .*split: numerator, denominator.* The file has kind"
    ):
        read_actions(csv(tmp_path, "split,NVDA", header="kind,symbol"))


@pytest.mark.parametrize(
    ("row", "reason", "message"),
    [
        ("merger,AAPL,2020-08-31,,,,,,,,", "unknown_kind", "line 3: kind is 'merger'; one of split, cash_dividend,"),
        ("split,AAPL,2020-08-31,4,,,,,,,", "missing_value", "line 3: a split needs denominator, and it is empty"),
        ("split,,2020-08-31,4,1,,,,,,", "missing_value", "a split needs symbol"),
        ("split,AAPL,08/31/2020,4,1,,,,,,", "unparsable_time", "session is '08/31/2020', no ISO date such as"),
        ("split,AAPL,2020-09-07,4,1,,,,,,", "no_session", "session is 2020-09-07, and the calendar NYSE has none"),
        ("split,AAPL,2020-08-31,four,1,,,,,,", "unparsable", "numerator is 'four', no whole number"),
        ("split,AAPL,2020-08-31,1,1,,,,,,", "impossible", "a split of 1 new for 1 old"),
        ("cash_dividend,AAPL,2020-08-07,,,a lot,USD,2020-08-13,,,", "unparsable", "amount is 'a lot', no number"),
        ("cash_dividend,AAPL,2020-08-07,,,-1,USD,2020-08-13,,,", "impossible", "it must be above zero"),
        ("cash_dividend,AAPL,2020-08-07,,,1,USD,2020-08-06,,,", "impossible", "before its ex-session"),
        ("cash_dividend,AAPL,2020-08-07,,,1,USD,soon,,,", "unparsable_time", "pay_session is 'soon'"),
        ("split,AAPL,2020-08-31,4,1,,,,,,2020-08-31", "impossible", "is stated to be known only at 2020-09-01T13:30"),
        ("split,AAPL,2020-08-31,4,1,,,,,,2020-07-30 20:30", "unparsable_time", "no instant with its offset from UTC"),
        ("symbol_change,FB,2022-06-09,,,,,,FB,,", "impossible", "to itself"),
        ("delisting,TWTR,2022-10-27,,,,USD,,,-1,", "impossible", "-1 paid per share"),
        ("split,AAPL,2020-08-31,4", "ragged", "line 3 has 4 fields where the header names 11"),
    ],
)
def test_a_bad_row_is_named_and_kept(tmp_path: Path, catalog: Catalog, row: str, reason: str, message: str) -> None:
    path = csv(tmp_path, DIVIDEND, row)
    report = import_actions(catalog, path)
    assert (report.rows_read, report.rows_imported) == (2, 1)
    assert report.quarantined == {reason: 1}
    (kept,) = quarantined_actions(catalog)
    assert (kept.source_line, kept.reason, kept.original) == (3, reason, row.encode())
    assert message in kept.message


def test_a_file_without_a_good_row_writes_nothing(tmp_path: Path, catalog: Catalog) -> None:
    with pytest.raises(ImportFailed, match=r"none of 1 rows can be used; the first: line 2: kind is 'merger'"):
        import_actions(catalog, csv(tmp_path, "merger,AAPL,2020-08-31,,,,,,,,"))
    assert load_actions(catalog) == ()
    assert not (catalog.root / "corporate_actions").exists()


def test_two_rows_of_one_action(tmp_path: Path) -> None:
    other = SPLIT.replace("4,1", "7,1")
    same = read_actions(csv(tmp_path, DIVIDEND, SPLIT, SPLIT))
    assert [row.reason for row in same.quarantined] == ["duplicate"]
    assert "split of AAPL on 2020-08-31: the same stood on line 3" in same.quarantined[0].message
    contradicting = read_actions(csv(tmp_path, DIVIDEND, SPLIT, other))
    assert [type(action) for action in contradicting.actions] == [CashDividend]
    assert [row.reason for row in contradicting.quarantined] == ["conflict", "conflict"]


def test_the_same_import_twice_changes_nothing_and_a_contradiction_needs_replace(
    tmp_path: Path, catalog: Catalog
) -> None:
    path = csv(tmp_path, SPLIT, DIVIDEND)
    first = import_actions(catalog, path)
    stored = catalog.root / "corporate_actions" / "actions.json"
    before = stored.read_bytes()
    second = import_actions(catalog, path)
    assert (second.rows_imported, second.rows_present, second.content_hash) == (0, 2, first.content_hash)
    assert stored.read_bytes() == before

    right = csv(tmp_path, DIVIDEND.replace("0.82", "0.205"), CHANGE, name="later.csv")
    refused = import_actions(catalog, right)
    assert (refused.rows_imported, refused.quarantined) == (1, {"conflict": 1})
    assert "contradicts what an earlier import gave" in quarantined_actions(catalog)[0].message
    assert [a.amount for a in load_actions(catalog) if isinstance(a, CashDividend)] == [Decimal("0.82")]
    taken = import_actions(catalog, right, replace_rows=True)
    assert (taken.rows_replaced, taken.rows_present) == (1, 1)
    assert [a.amount for a in load_actions(catalog) if isinstance(a, CashDividend)] == [Decimal("0.205")]


def test_actions_come_back_as_they_were_and_only_those_that_were_known(tmp_path: Path, catalog: Catalog) -> None:
    path = csv(tmp_path, SPLIT, DIVIDEND, CHANGE, END)
    import_actions(catalog, path)
    assert load_actions(catalog) == read_actions(path).actions
    assert [a.symbol for a in load_actions(catalog, ["META"])] == ["FB"]
    assert load_actions(catalog, []) == ()
    july = load_actions(catalog, known_at_ns=parse_ns("2020-07-31T00:00:00+00:00"))
    assert [type(action) for action in july] == [Split], "the dividend's day counts as known on the morning after"
    assert load_actions(Catalog(tmp_path / "elsewhere")) == ()


def test_parquet_files_are_read_in_their_own_types(tmp_path: Path, catalog: Catalog) -> None:
    path = tmp_path / "actions.parquet"
    pl.DataFrame(
        {
            "kind": ["split", "cash_dividend"],
            "symbol": ["AAPL", "AAPL"],
            "session": [date(2020, 8, 31), date(2020, 8, 7)],
            "numerator": [4.0, None],
            "denominator": [1, None],
            "amount": [None, 0.82],
            "currency": [None, "USD"],
            "pay_session": [None, date(2020, 8, 13)],
        }
    ).write_parquet(path)
    dividend, split = read_actions(path).actions
    assert isinstance(dividend, CashDividend)
    assert dividend.amount == Decimal("0.82")
    assert isinstance(split, Split)
    assert split.numerator == 4
    assert import_actions(catalog, path).rows_imported == 2


def test_other_calendars_have_other_sessions(tmp_path: Path) -> None:
    row = "split,SAP,2020-08-31,2,1,,,,,,"
    assert read_actions(csv(tmp_path, row), calendar="XETR").actions[0].effective_ns != (
        read_actions(csv(tmp_path, row)).actions[0].effective_ns
    )


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "is damaged: "),
        (lambda text: text.replace('"0.82"', '"0.83"'), "its actions do not have the recorded hash"),
        (lambda text: text.replace('"format": 1', '"format": 9'), "is of format 9, this version reads 1; update Argus"),
    ],
)
def test_a_damaged_file_is_an_error_that_names_it(
    tmp_path: Path, catalog: Catalog, damage: object, message: str
) -> None:
    import_actions(catalog, csv(tmp_path, SPLIT, DIVIDEND))
    stored = catalog.root / "corporate_actions" / "actions.json"
    stored.write_text(damage(stored.read_text()))  # type: ignore[operator]
    with pytest.raises(CatalogError, match=f"actions.json .*{message}"):
        load_actions(catalog)


def test_what_a_killed_import_left_is_swept_and_the_old_state_stands(
    tmp_path: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    from argus.data import corporate_actions_import as module

    import_actions(catalog, csv(tmp_path, SPLIT))
    before = load_actions(catalog)

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "_store", killed)
        with pytest.raises(KeyboardInterrupt):
            import_actions(catalog, csv(tmp_path, DIVIDEND, "merger,X,2020-08-31,,,,,,,,", name="b.csv"))
    assert load_actions(catalog) == before
    left = list((catalog.root / "quarantine" / "corporate_actions").glob("*"))
    assert len(left) == 1
    import_actions(catalog, csv(tmp_path, CHANGE, name="c.csv"))
    assert not left[0].exists()
    assert len(load_actions(catalog)) == 2


def test_the_actions_lie_beside_the_bars_and_disturb_no_dataset(tmp_path: Path, catalog: Catalog) -> None:
    import_actions(catalog, csv(tmp_path, SPLIT))
    assert catalog.datasets() == []
    stored = json.loads((catalog.root / "corporate_actions" / "actions.json").read_text())
    assert stored["sources"][0]["name"] == "actions.csv"
    assert stored["actions"][0]["kind"] == "split"
