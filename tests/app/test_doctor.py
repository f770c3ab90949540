from __future__ import annotations

import os
import sqlite3
from datetime import date
from pathlib import Path

import pytest
from filelock import FileLock

from argus.app import doctor
from argus.app.data import synthetic_spec, write_synthetic
from argus.app.doctor import Check, Status, diagnose, healthy
from argus.app.workspace import Workspace, init_workspace
from argus.core.time import NS_PER_DAY

TODAY = date(2026, 6, 1)


def found(workspace: Workspace | None, *, deep: bool = True) -> dict[str, Check]:
    return {check.name: check for check in diagnose(workspace, today=TODAY, deep=deep)}


@pytest.fixture
def desk(tmp_path: Path) -> Workspace:
    workspace, _ = init_workspace(tmp_path / "desk")
    spec = synthetic_spec("ES", interval_ns=NS_PER_DAY, start=date(2020, 1, 2), sessions=20, seed=0)
    write_synthetic(workspace.catalog(), spec)
    return workspace


def test_a_sound_workspace(desk: Workspace) -> None:
    checks = found(desk)
    assert healthy(tuple(checks.values()))
    assert checks["catalog"].found == "1 datasets with 20 bars, read and equal to their hashes"
    assert checks["libraries"].status == Status.OK
    assert checks["workspace"].status == Status.OK
    assert checks["catalog lock"].found == "free"
    assert "CME Globex Equity" in " ".join(checks["calendars"].details)


def test_rules_of_expiry_that_could_not_be_read_are_listed(desk: Workspace) -> None:
    check = found(desk)["option rules"]
    assert check.status == Status.WARNING
    told = dict(line.split(": ", 1) for line in check.details)
    assert told["shares and funds, NDX, NDXP, RUT, RUTW"] == "expiry, holidays, last trade, settlement, tick, strikes"
    assert told["options on CL futures LO"] == "last trade"
    assert told["options on ES futures EW1, EW2, EW3, EW4"] == "holidays"
    assert not any("VIX" in names for names in told)


def test_unverified_figures_are_counted_and_named(desk: Workspace) -> None:
    from argus.core.instruments import load_instruments

    doubtful = [symbol for symbol, spec in load_instruments().items() if spec.unverified()]
    check = found(desk)["instruments"]
    assert check.status == Status.WARNING
    assert [line.partition(":")[0] for line in check.details] == doubtful


def test_no_workspace_is_missing_not_broken() -> None:
    checks = found(None)
    assert checks["workspace"].status == Status.MISSING
    assert "argus init" in checks["workspace"].remedy
    assert "catalog" not in checks
    assert healthy(tuple(checks.values()))


def test_a_damaged_segment_fails_and_only_a_deep_look_finds_it(desk: Workspace) -> None:
    (segment,) = desk.catalog().segment_paths("ES.SYNTH0.1d")
    content = segment.read_bytes()
    segment.write_bytes(content[: len(content) // 2])
    check = found(desk)["catalog"]
    assert check.status == Status.FAILED
    assert segment.name in check.details[0]
    assert not healthy((check,))
    assert found(desk, deep=False)["catalog"].status == Status.OK
    segment.unlink()
    assert found(desk, deep=False)["catalog"].status == Status.FAILED


def test_wrong_settings_fail(desk: Workspace) -> None:
    desk.settings_file.write_text("account: {cash: -5}\n")
    check = found(Workspace(desk.root))["settings"]
    assert check.status == Status.FAILED
    assert "account.cash" in check.found


def test_a_held_lock_is_told(desk: Workspace) -> None:
    (desk.root / "catalog" / ".writer").write_text("4242\n")
    with FileLock(desk.root / "catalog" / ".lock"):
        check = found(desk, deep=False)["catalog lock"]
    assert (check.status, check.found) == (Status.WARNING, "held by process 4242")


def test_a_damaged_ledger_fails(desk: Workspace) -> None:
    connection = sqlite3.connect(desk.database)
    connection.execute("create table t (x)")
    connection.commit()
    connection.close()
    assert found(desk, deep=False)["trial ledger"].status == Status.OK
    desk.database.write_bytes(b"SQLite format 3\0" + b"\xff" * 4_096)
    check = found(desk, deep=False)["trial ledger"]
    assert check.status == Status.FAILED
    assert "copy" in check.remedy


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_cannot_be_written(desk: Workspace) -> None:
    desk.root.chmod(0o500)
    try:
        assert found(desk, deep=False)["workspace"].status == Status.FAILED
    finally:
        desk.root.chmod(0o700)


def test_a_library_that_is_too_old_or_missing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"numpy": "1.26.4", "scipy": None}
    real = doctor._installed
    monkeypatch.setattr(doctor, "_installed", lambda name: versions.get(name, real(name)))
    check = found(None)["libraries"]
    assert check.status == Status.FAILED
    assert any(line.startswith("numpy 1.26.4, at least") for line in check.details)
    assert any(line.startswith("scipy is missing") for line in check.details)


def test_a_missing_extra_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor._installed
    monkeypatch.setattr(doctor, "_installed", lambda name: None if name == "databento" else real(name))
    check = found(None)["extra databento"]
    assert check.status == Status.MISSING
    assert "pip install" in check.remedy
    assert "[databento]" in check.remedy
    assert healthy((check,))


@pytest.mark.parametrize(
    ("version", "least", "older"),
    [("2.4.0", "2.4", False), ("2.10.1", "2.4", False), ("2.3.9", "2.4", True), ("6.0.3", "6.0.3", False)],
)
def test_versions_compare_as_numbers(version: str, least: str, older: bool) -> None:
    assert doctor._older(version, least) is older


def test_the_kernel_cache_names_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    check = found(None)["kernel cache"]
    assert check.status == Status.OK
    assert str(tmp_path / "cache") in check.found
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "below"))
    assert found(None)["kernel cache"].status == Status.WARNING
