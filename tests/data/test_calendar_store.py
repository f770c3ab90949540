"""Session tables that are kept on disk are those that the library gives, and only as long as nothing changed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from argus.data import _calendar_store as store
from argus.data import calendars
from argus.data.calendars import SessionTable, session_table

COLUMNS = ("session", "open_ns", "close_ns", "break_start_ns", "break_end_ns", "half_day")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of its own for what is kept, and a process that holds nothing yet."""
    monkeypatch.setattr(store, "cache_root", lambda: tmp_path)
    monkeypatch.setattr(calendars, "_TABLES", {})
    return tmp_path


def forget() -> None:
    """What a new process holds: nothing."""
    calendars._TABLES.clear()


def table(calendar: str, first: int, last: int) -> SessionTable:
    return session_table(calendar, date(first, 1, 1), date(last, 12, 31))


def same(one: SessionTable, other: SessionTable) -> bool:
    return all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes()
        and getattr(one, name).dtype == getattr(other, name).dtype
        for name in COLUMNS
    )


def no_library(*_: object) -> None:
    raise AssertionError("the library was asked for what is kept")


@pytest.mark.parametrize("calendar", ["CME Globex Equity", "CFE", "NYSE", "LSE"])
def test_what_is_kept_is_what_the_library_said(calendar: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = table(calendar, 2011, 2013)
    forget()
    with monkeypatch.context() as without:
        without.setattr(calendars, "_build", no_library)
        assert same(made, table(calendar, 2011, 2013))
        forget()
        year = table(calendar, 2012, 2012)
        first = int(np.searchsorted(made.session, year.session[0]))
        assert same(year, made.rows(first, first + len(year)))
    assert len(list(root.rglob("*.npz"))) == 1


def test_years_are_added_to_those_that_are_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table("NYSE", 2011, 2012)
    forget()
    wide = table("NYSE", 2014, 2014)
    forget()
    monkeypatch.setattr(calendars, "_build", no_library)
    assert same(wide, table("NYSE", 2014, 2014))
    forget()
    assert len(table("NYSE", 2011, 2014)) == len(table("NYSE", 2011, 2011)) + len(table("NYSE", 2012, 2014))


@pytest.mark.parametrize("damage", [b"", b"not a table", None])
def test_a_damaged_file_is_made_again(damage: bytes | None, root: Path) -> None:
    made = table("NYSE", 2012, 2012)
    path = next(root.rglob("*.npz"))
    content = path.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]
    path.write_bytes(flipped if damage is None else damage)
    forget()
    assert same(made, table("NYSE", 2012, 2012))
    assert path.read_bytes() == content


def test_other_rules_of_daylight_saving_make_it_void(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table("NYSE", 2012, 2012)
    assert store.kept_table("NYSE") is not None
    monkeypatch.setattr(store, "_rules_of", lambda zone: "others")
    assert store.kept_table("NYSE") is None


def test_other_libraries_have_a_place_of_their_own(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table("NYSE", 2012, 2012)
    monkeypatch.setattr(store, "_made_with", lambda: "another version")
    assert store.kept_table("NYSE") is None


def test_without_a_place_nothing_is_kept_and_nothing_is_missing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = table("NYSE", 2012, 2012)
    forget()
    monkeypatch.setattr(store, "cache_root", lambda: None)
    assert same(made, table("NYSE", 2012, 2012))
    forget()
    in_a_file = root / "file"
    in_a_file.write_text("no folder")
    monkeypatch.setattr(store, "cache_root", lambda: in_a_file)
    assert same(made, table("NYSE", 2012, 2012))


def test_rules_of_a_zone_are_those_of_this_machine() -> None:
    assert store._rules_of("America/New_York") != store._rules_of("Europe/London")
    with pytest.raises(KeyError):
        store._rules_of("Nowhere/Atall")
