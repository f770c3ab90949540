from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from argus.core.time import day_number, day_of
from argus.data import Catalog, check, install_embedded, session_table
from argus.data.embedded import _FORMS, EMBEDDED_SOURCES, _frame


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalog, list[str]]:
    catalog = Catalog(tmp_path_factory.mktemp("workspace") / "catalog")
    return catalog, install_embedded(catalog)


def test_three_indices_and_twenty_stocks_are_there(installed: tuple[Catalog, list[str]]) -> None:
    catalog, names = installed
    assert names[:3] == ["SPX.1d", "IXIC.1d", "VIX.1d"]
    assert len(names) == 23
    assert sorted(names) == [info.name for info in catalog.datasets()]
    assert {source for info in catalog.datasets() for source in info.sources} == set(EMBEDDED_SOURCES)
    rows = {info.name: info.rows for info in catalog.datasets()}
    assert rows["SPX.1d"] == rows["IXIC.1d"] == 5031
    assert {rows[name] for name in names[3:]} == {8313}


def test_the_files_are_read_as_the_loaders_of_their_packages_read_them() -> None:
    from arch.data import nasdaq, sp500, vix
    from skfolio.datasets import load_sp500_dataset

    loaders = (sp500.load, nasdaq.load, vix.load, load_sp500_dataset)
    for form, load in zip(_FORMS, loaders, strict=True):
        ours, theirs = _frame(*form.file), load()
        assert ours.index.equals(theirs.index)
        assert [*ours.columns] == [*theirs.columns]
        for column in theirs:
            a, b = (frame[column].to_numpy(dtype=np.float64) for frame in (ours, theirs))
            assert a.tobytes() == b.tobytes(), f"{form.label}: {column}"


def test_installing_loads_neither_package(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from argus.data import Catalog, install_embedded; "
        "install_embedded(Catalog(Path(sys.argv[1]))); "
        "assert not {'arch', 'skfolio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "catalog")], check=True)


def test_installing_twice_changes_nothing(installed: tuple[Catalog, list[str]]) -> None:
    catalog, names = installed
    before = {path: path.stat().st_mtime_ns for path in catalog.root.rglob("*.*") if path.name != ".lock"}
    assert install_embedded(catalog) == names
    assert {path: path.stat().st_mtime_ns for path in catalog.root.rglob("*.*") if path.name != ".lock"} == before


def test_opens_that_are_copies_of_the_previous_close_are_not_observed(installed: tuple[Catalog, list[str]]) -> None:
    """Measured on the package's own file, so that the rule is seen to follow from the data and not from the name."""
    from arch.data import nasdaq, sp500

    catalog, _ = installed
    for name, module in (("SPX", sp500), ("IXIC", nasdaq)):
        frame = module.load()
        share = float((frame["Open"].to_numpy()[1:] == frame["Close"].to_numpy()[:-1]).mean())
        info, bars = catalog.info(f"{name}.1d"), catalog.load(name, "1d")
        assert ("open" in bars.observed) == (share <= 0.10)
        if share > 0.10:
            assert np.isnan(bars.open).all()
            assert any(f"{share:.0%} of the session bars open exactly at the previous close" in n for n in info.notes)
        else:
            np.testing.assert_array_equal(bars.open, frame["Open"].to_numpy())
    assert catalog.load("SPX", "1d").observed == {"high", "low", "close", "volume"}
    assert catalog.load("IXIC", "1d").observed == {"open", "high", "low", "close", "volume"}


def test_stocks_have_closes_only_and_say_that_nobody_traded_at_them(installed: tuple[Catalog, list[str]]) -> None:
    from skfolio.datasets import load_sp500_dataset

    catalog, _ = installed
    bars, info = catalog.load("US_EQUITY_ADJ:XOM", "1d"), catalog.info("US_EQUITY_ADJ:XOM.1d")
    assert bars.observed == {"close"}
    assert np.isnan(bars.open).all()
    assert any("closes only" in note and "not prices that traded" in note for note in info.notes)
    np.testing.assert_array_equal(bars.close, load_sp500_dataset()["XOM"].to_numpy())


def test_rows_without_a_vix_are_holidays_in_quarantine_and_no_session_lacks_its_close(
    installed: tuple[Catalog, list[str]],
) -> None:
    from arch.data import vix

    catalog, _ = installed
    frame = vix.load()
    missing = int(frame["vix"].isna().sum())
    assert missing > 0
    assert len(catalog.load("VIX", "1d")) == len(frame) - missing
    rows = catalog.quarantined("VIX.1d")
    assert len(rows) == missing
    assert {row.reason for row in rows} == {"no_session"}
    assert check(catalog, "VIX.1d").inspection.completeness.share_complete == 1.0
    assert b'"vix": NaN' in rows[0].original


def test_every_bar_is_a_session_of_the_new_york_calendar_and_known_at_its_close(
    installed: tuple[Catalog, list[str]],
) -> None:
    catalog, _ = installed
    bars = catalog.load("IXIC", "1d")
    table = session_table("NYSE", day_of(int(bars.session[0])), day_of(int(bars.session[-1])))
    assert bars.session.tolist() == table.session.tolist()
    assert bars.ts_recv_ns.tolist() == table.close_ns.tolist()
    assert bars.session_end.all()
    found = check(catalog, "IXIC.1d")
    assert found.inspection.completeness.share_complete == 1.0
    assert found.inspection.completeness.missing_sessions == ()


def test_known_closes(installed: tuple[Catalog, list[str]]) -> None:
    """The S&P 500 closed 2018 at 2,506.85 and its worst day of 2008, 15 October, at 907.84."""
    from datetime import date

    catalog, _ = installed
    bars = catalog.load("SPX", "1d")
    close = dict(zip(bars.session.tolist(), bars.close.tolist(), strict=True))
    assert close[day_number(date(2018, 12, 31))] == pytest.approx(2506.85, abs=0.005)
    assert close[day_number(date(2008, 10, 15))] == pytest.approx(907.84, abs=0.005)


def test_the_content_does_not_depend_on_the_folder(installed: tuple[Catalog, list[str]], tmp_path: Path) -> None:
    catalog, names = installed
    other = Catalog(tmp_path / "elsewhere")
    install_embedded(other)
    assert [other.content_hash(name) for name in names] == [catalog.content_hash(name) for name in names]
