"""Is this machine and this workspace fit to be trusted? What is installed, what is missing, and how to get it.

Each check answers on its own, so that one broken part does not hide the others. `FAILED` means that something required
does not work; `WARNING` that results are possible, with something to know.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from argus.core.errors import ArgusError

if TYPE_CHECKING:
    from datetime import date

    from argus.app.workspace import Workspace

__all__ = ["Check", "Status", "diagnose", "healthy"]

_DISTRIBUTION: Final = "argus"
_PYTHON_MIN: Final = (3, 11)
_DISK_WARN_BYTES: Final = 1_000_000_000
_DISK_FAIL_BYTES: Final = 50_000_000
_EXTRAS: Final = {
    "databento": "read Databento DBN files",
    "dev": "run the tests and checks",
    "docs": "build the documentation site",
}


class Status(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One answer.

    Attributes
    ----------
    name : str
    status : Status
        ``missing`` is optional and not there; only ``failed`` makes the whole unhealthy.
    found : str
        What was found, in a sentence or a figure.
    remedy : str
        What to do; empty where nothing has to be done.
    details : tuple of str
        Single findings, one a line.
    """

    name: str
    status: Status
    found: str
    remedy: str = ""
    details: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The check as plain values, for JSON."""
        return asdict(self)


def diagnose(workspace: Workspace | None, *, today: date, deep: bool = True) -> tuple[Check, ...]:
    """All checks.

    Parameters
    ----------
    workspace : Workspace or None
    today : date
        The calendars must reach beyond it.
    deep : bool
        Read every dataset and compare it with its content hash, instead of only its manifest.
    """
    checks: list[Callable[[], Iterator[Check]]] = [_python, _libraries, _extras, _numba_cache]
    checks += [_instruments, _option_rules, lambda: _calendars(today)]
    checks.append(lambda: _workspace(workspace, deep))
    found: list[Check] = []
    for check in checks:
        found.extend(check())
    return tuple(found)


def healthy(checks: tuple[Check, ...]) -> bool:
    """Whether nothing that is required is broken."""
    return all(check.status != Status.FAILED for check in checks)


# -------------------------------------------------------------------------------------------------------- installation


def _python() -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= _PYTHON_MIN
    least = ".".join(map(str, _PYTHON_MIN))
    yield Check(
        "python",
        Status.OK if good else Status.FAILED,
        f"{version} at {sys.executable}",
        "" if good else f"install Python {least} or newer, then: make setup PYTHON=python{least}",
    )


@dataclass(frozen=True, slots=True)
class _Requirement:
    name: str
    least: str
    extra: str


def _requirements() -> Iterator[_Requirement]:
    from importlib.metadata import requires

    for text in requires(_DISTRIBUTION) or ():
        matched = re.match(r"([A-Za-z0-9._-]+)\s*(?:>=\s*([0-9][^;,\s]*))?", text)
        extra = re.search(r"""extra\s*==\s*["']([^"']+)["']""", text)
        if matched:
            yield _Requirement(matched[1], matched[2] or "0", extra[1] if extra else "")


def _installed(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _older(found: str, least: str) -> bool:
    def numbers(text: str) -> tuple[int, ...]:
        return tuple(int(part) for part in re.findall(r"\d+", text.split("+")[0])[:3])

    return numbers(found) < numbers(least)


def _libraries() -> Iterator[Check]:
    from importlib.metadata import PackageNotFoundError

    import argus

    try:
        core = [requirement for requirement in _requirements() if not requirement.extra]
    except PackageNotFoundError:
        yield Check("argus", Status.FAILED, "the package is not installed", "in the checkout: make setup")
        return
    yield Check("argus", Status.OK, f"{argus.__version__} at {Path(argus.__file__).parent}")
    versions = {requirement: _installed(requirement.name) for requirement in core}
    faults = tuple(
        f"{requirement.name} {found or 'is missing'}, at least {requirement.least} needed"
        for requirement, found in versions.items()
        if found is None or _older(found, requirement.least)
    )
    yield Check(
        "libraries",
        Status.FAILED if faults else Status.OK,
        f"{len(core) - len(faults)} of {len(core)} as needed",
        "in the checkout: make setup" if faults else "",
        faults or tuple(f"{requirement.name} {found}" for requirement, found in versions.items()),
    )


def _extras() -> Iterator[Check]:
    from importlib.metadata import PackageNotFoundError

    try:
        optional = [requirement for requirement in _requirements() if requirement.extra]
    except PackageNotFoundError:
        return
    for extra in sorted({requirement.extra for requirement in optional}):
        names = [requirement.name for requirement in optional if requirement.extra == extra]
        missing = [name for name in names if _installed(name) is None]
        state = f"lacks {', '.join(missing)}" if missing else "installed"
        yield Check(
            f"extra {extra}",
            Status.MISSING if missing else Status.OK,
            f"to {_EXTRAS.get(extra, 'do more')}: {state}",
            f"in the checkout: .venv/bin/pip install -c constraints.txt -e '.[{extra}]'" if missing else "",
        )


def _numba_cache() -> Iterator[Check]:
    stated = os.environ.get("NUMBA_CACHE_DIR")
    if stated:
        folder = Path(stated)
    else:
        import argus.engine

        folder = Path(argus.engine.__file__).parent / "__pycache__"
    good = _writable(folder)
    yield Check(
        "kernel cache",
        Status.OK if good else Status.WARNING,
        f"{folder} is writable" if good else f"{folder} is not writable: kernels are compiled anew, or cached at home",
        "" if good else "set NUMBA_CACHE_DIR to a folder that you may write",
    )


def _writable(folder: Path) -> bool:
    """Whether a file can be made in a folder, or in the nearest one above it that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


# ----------------------------------------------------------------------------------------------- figures and calendars


def _instruments() -> Iterator[Check]:
    from argus.core.instruments import load_instruments

    try:
        known = load_instruments()
    except ArgusError as error:
        yield Check("instruments", Status.FAILED, str(error), "correct the instrument file")
        return
    doubtful = {symbol: spec.unverified() for symbol, spec in known.items() if spec.unverified()}
    figures = sum(len(names) for names in doubtful.values())
    yield Check(
        "instruments",
        Status.WARNING if doubtful else Status.OK,
        f"{len(known)} instruments; {figures} kinds of figures of {len(doubtful)} of them rest on a source that could "
        "not be read",
        "before real money, put your broker's figures into an instrument file of your own" if doubtful else "",
        tuple(f"{symbol}: {', '.join(names)}" for symbol, names in doubtful.items()),
    )


def _option_rules() -> Iterator[Check]:
    from argus.data.future_options import FUTURE_OPTION_RULES
    from argus.data.option_expiries import OPTION_RULES, option_rule

    # Any other root is a share or a fund.
    known = {"shares and funds": ("", option_rule(""))} | {root: ("", rule) for root, rule in OPTION_RULES.items()}
    known |= {code: (f"options on {rule.underlying} futures ", rule) for code, rule in FUTURE_OPTION_RULES.items()}
    doubtful: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name, (kind, rule) in known.items():
        if rule.unverified:
            doubtful.setdefault((kind, rule.unverified), []).append(name)
    count = sum(map(len, doubtful.values()))
    yield Check(
        "option rules",
        Status.WARNING if doubtful else Status.OK,
        f"{len(known)} rules of expiry; figures of {count} of them rest on a source that could not be read",
        "before real money, compare them with the exchange's contract specifications" if doubtful else "",
        tuple(f"{kind}{', '.join(names)}: {', '.join(figures)}" for (kind, figures), names in doubtful.items()),
    )


def _calendars(today: date) -> Iterator[Check]:
    from datetime import date, timedelta

    from argus.core.instruments import load_instruments
    from argus.core.time import day_of
    from argus.data.calendars import session_table

    try:
        names = sorted({spec.calendar for spec in load_instruments().values()})
    except ArgusError:
        return  # said by the check of the instruments
    details, faults = [], []
    for name in names:
        try:
            past = session_table(name, date(2000, 1, 1), today)
            coming = session_table(name, today, today + timedelta(days=90))
            last = day_of(int(coming.session[-1])).isoformat() if len(coming) else "none"
            details.append(f"{name}: {len(past):,} sessions since 2000, known until at least {last}")
            if not len(coming):
                faults.append(name)
        except ArgusError as error:
            faults.append(name)
            details.append(f"{name}: {error}")
    yield Check(
        "calendars",
        Status.FAILED if faults else Status.OK,
        f"{len(names) - len(faults)} of {len(names)} reach from 2000 beyond {today.isoformat()}",
        "in the checkout: make setup, for a calendar library that knows these years" if faults else "",
        tuple(details),
    )


# ------------------------------------------------------------------------------------------------------------ workspace


def _workspace(workspace: Workspace | None, deep: bool) -> Iterator[Check]:
    if workspace is None:
        yield Check("workspace", Status.MISSING, "none at or above this folder", "argus init FOLDER")
        return
    writable = _writable(workspace.root)
    yield Check(
        "workspace",
        Status.OK if writable else Status.FAILED,
        f"{workspace.root} is {'writable' if writable else 'not writable'}",
        "" if writable else "change its rights, or make another one: argus init FOLDER",
    )
    yield _settings(workspace)
    yield _disk(workspace.root)
    yield _lock(workspace.root / "catalog")
    yield _catalog(workspace, deep)
    yield _database(workspace.database)


def _settings(workspace: Workspace) -> Check:
    try:
        count = len(workspace.settings.research.candidates)
    except ArgusError as error:
        return Check("settings", Status.FAILED, str(error), "correct argus.yaml")
    return Check("settings", Status.OK, f"argus.yaml is sound; {count} candidates to research")


def _disk(root: Path) -> Check:
    free = shutil.disk_usage(root).free
    status = Status.FAILED if free < _DISK_FAIL_BYTES else Status.WARNING if free < _DISK_WARN_BYTES else Status.OK
    remedy = "" if status == Status.OK else "free some space; an import that runs out of it changes nothing"
    return Check("disk", status, f"{free / 1e9:,.1f} GB free", remedy)


def _lock(catalog: Path) -> Check:
    from filelock import FileLock, Timeout

    path = catalog / ".lock"
    if not path.exists():
        return Check("catalog lock", Status.OK, "free")
    try:
        with FileLock(path, timeout=0):
            return Check("catalog lock", Status.OK, "free")
    except Timeout:
        holder = catalog / ".writer"
        process = holder.read_text().strip() if holder.is_file() else "unknown"
        return Check("catalog lock", Status.WARNING, f"held by process {process}", "wait until its import is finished")
    except OSError as error:
        return Check(
            "catalog lock", Status.FAILED, f"{path}: {error.strerror}", "change the rights of the catalog folder"
        )


def _catalog(workspace: Workspace, deep: bool) -> Check:
    catalog = workspace.catalog()
    faults: list[str] = []
    try:
        datasets = catalog.datasets()
    except ArgusError as error:
        return Check("catalog", Status.FAILED, str(error), "follow the message")
    for info in datasets:
        try:
            if deep:
                catalog.load(info.instrument, info.interval, contract=info.contract)
            else:
                faults += [
                    f"{info.name}: {path} is missing" for path in catalog.segment_paths(info.name) if not path.is_file()
                ]
        except ArgusError as error:
            faults.append(str(error))
    rows = sum(info.rows for info in datasets)
    how = "read and equal to their hashes" if deep else "listed, not read"
    return Check(
        "catalog",
        Status.FAILED if faults else Status.OK,
        f"{len(datasets)} datasets with {rows:,} bars, {how}" if not faults else f"{len(faults)} datasets are damaged",
        "remove what is damaged and import it again" if faults else "",
        tuple(faults),
    )


def _database(path: Path) -> Check:
    import sqlite3

    if not path.exists():
        return Check("trial ledger", Status.OK, "no trial yet")
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            answer = str(connection.execute("pragma quick_check").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error as error:
        answer = str(error)
    if answer != "ok":
        return Check(
            "trial ledger", Status.FAILED, f"{path}: {answer}", "restore it from a copy: trials must not be forgotten"
        )
    return Check("trial ledger", Status.OK, f"{path.name} is sound, {path.stat().st_size / 1e6:,.1f} MB")
