"""Replay packs: everything that an experiment needs, in one folder that says by hashes what is in it.

A pack is a workspace that is never written to: settings, the experiment's file, its data, the database with all that
was looked at before, and what was registered. Whoever opens it gets a copy to run in, and the same examination to the
last byte. It holds the hold-out's bars too: who has a pack could look at them, as who has the catalog could.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from argus.app._experiment_file import ExperimentPlan, plan_experiment
from argus.app._experiment_outcomes import FOLDER
from argus.app._experiment_stages import folder_of, register, stages_hold
from argus.app.experiments import ExperimentResult, Progress, run_experiment
from argus.app.features import feature_folders, symbol_of
from argus.app.outcomes import outcome_folder
from argus.app.workspace import Workspace
from argus.core.errors import CatalogError, ConfigError

if TYPE_CHECKING:
    from argus.data.catalog import DatasetInfo

__all__ = ["Pack", "Repeated", "freeze", "open_pack", "read_pack", "repeat"]

_FORMAT: Final = 1
_STATEMENT: Final = "pack.json"
_EXPERIMENT: Final = "experiment.yaml"
_READ_ONLY: Final = 0o444


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack that was found whole.

    Attributes
    ----------
    folder : Path
    id : str
        Hash of everything in it.
    files : mapping
        Path in the pack to SHA-256.
    now_ns : int
        When it was made: the time that a repetition takes it to be.
    environment : str
        Code and libraries that it was made with.
    expected : str or None
        Hash of the examination that it must repeat; None if there was none when it was made.
    """

    folder: Path
    id: str
    files: Mapping[str, str]
    now_ns: int
    environment: str
    expected: str | None

    @property
    def experiment(self) -> Path:
        """The experiment's file."""
        return self.folder / _EXPERIMENT


@dataclass(frozen=True, slots=True, eq=False)
class Repeated:
    """What came of running a pack.

    Attributes
    ----------
    pack : Pack
    result : ExperimentResult
    same : bool or None
        Whether the examination is the one that the pack expects; None if it expects none.
    sentence : str
    """

    pack: Pack
    result: ExperimentResult
    same: bool | None
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            **self.result.as_dict(),
            "pack": self.pack.id,
            "expected": self.pack.expected,
            "same": self.same,
            "sentence": self.sentence,
        }


def freeze(workspace: Workspace, path: Path, folder: Path, *, now_ns: int) -> Pack:
    """Write a pack of an experiment; it is registered if it is not yet.

    Parameters
    ----------
    workspace : Workspace
    path : Path
        The experiment file.
    folder : Path
        Where; must not exist, or be empty.
    now_ns : int

    Raises
    ------
    ConfigError
        If the folder holds something, or the file is wrong.
    CatalogError
        If something cannot be read or written.
    """
    plan = plan_experiment(workspace, path)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} is not empty; a pack is written into a folder of its own")
    register(workspace, plan, now_ns)
    expected = _current(workspace, plan, path, now_ns)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / _EXPERIMENT)
        shutil.copyfile(workspace.settings_file, folder / workspace.settings_file.name)
        for source in _sources(workspace, plan):
            _copy(source, workspace.root, folder)
        _copy_database(workspace.database, folder / workspace.database.name)
        return _sealed(folder, now_ns, expected)
    except OSError as error:
        raise CatalogError(f"{folder}: the pack cannot be written: {error}; remove the folder and try again") from None


def read_pack(folder: Path) -> Pack:
    """The pack in a folder, every byte of it checked.

    Raises
    ------
    CatalogError
        Naming the file that is missing, was added, or was changed.
    """
    try:
        told = json.loads((folder / _STATEMENT).read_text(encoding="utf-8"))
        pack = Pack(folder, told["id"], told["files"], told["now_ns"], told["environment"], told["expected"])
    except OSError as error:
        raise CatalogError(f"{folder} is no pack: {_STATEMENT} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise CatalogError(f"{folder / _STATEMENT} is damaged ({error}); get the pack again") from None
    if told.get("format") != _FORMAT:
        raise CatalogError(f"{folder} is a pack of format {told.get('format')}, this version reads {_FORMAT}")
    there = {path.relative_to(folder).as_posix() for path in _files(folder)} - {_STATEMENT}
    for name in sorted(there | set(pack.files)):
        if name not in there:
            raise CatalogError(f"{folder}: {name} is missing from the pack; get it again")
        if name not in pack.files:
            raise CatalogError(f"{folder}: {name} is no part of the pack; take it out")
        if _hash_of(folder / name) != pack.files[name]:
            raise CatalogError(f"{folder}: {name} was changed after the pack was made; get the pack again")
    if _id_of(told) != pack.id:
        raise CatalogError(f"{folder / _STATEMENT} was changed after the pack was made; get the pack again")
    return pack


def open_pack(folder: Path, home: Path) -> tuple[Pack, Workspace]:
    """Check a pack and lay out a copy of it as a workspace at `home`, an empty or new folder.

    Raises
    ------
    CatalogError
        As `read_pack`.
    ConfigError
        If `home` holds something.
    """
    pack = read_pack(folder)
    if home.exists() and any(home.iterdir()):
        raise ConfigError(f"{home} is not empty; a pack is opened in a folder of its own")
    try:
        for name in (*pack.files, _STATEMENT):
            target = home / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, target)
        (home / "runs").mkdir(exist_ok=True)
    except OSError as error:
        raise CatalogError(f"{home}: the pack cannot be opened there: {error}") from None
    return pack, Workspace(home.resolve())


def repeat(
    folder: Path, home: Path, *, workers: int = 1, ray: str | None = None, progress: Progress | None = None
) -> Repeated:
    """Run the experiment of a pack in a copy of it at `home`, and hold the examination against the expected one."""
    from argus.engine.sweep import environment

    pack, workspace = open_pack(folder, home)
    result = run_experiment(
        workspace, home / _EXPERIMENT, workers=workers, ray=ray, now_ns=pack.now_ns, progress=progress
    )
    if pack.expected is None:
        return Repeated(
            pack, result, None, "The pack was made before its experiment was run; there is no hash to meet."
        )
    if result.examination_hash == pack.expected:
        return Repeated(pack, result, True, "The examination is the same, byte for byte.")
    other = environment() != pack.environment
    why = f": it was made with {pack.environment}, and this is {environment()}" if other else ", on the same code"
    return Repeated(pack, result, False, f"The examination is another one than the pack expects{why}.")


# ---- what goes into it


def _current(workspace: Workspace, plan: ExperimentPlan, path: Path, now_ns: int) -> str | None:
    """Hash of the examination as it is now, where every market was judged under what holds now.

    The verdict is put together anew from the markets that were kept, with what was registered or looked at since.
    """
    examined = (folder_of(workspace, plan.spec) / "examination.json").exists()
    if not examined or not stages_hold(workspace, plan):
        return None
    return run_experiment(workspace, path, now_ns=now_ns).examination_hash


def _sources(workspace: Workspace, plan: ExperimentPlan) -> Iterator[Path]:
    """Files and folders of the workspace that belong to the experiment."""
    catalog = workspace.catalog()
    known = {info.name: info for info in catalog.datasets()}
    symbols: set[str] = set(plan.spec.instruments)
    for name in plan.hashes:
        if name not in known:
            continue
        yield _series(catalog.root, known[name])
        yield catalog.root / "quarantine" / quote(name, safe="")
        symbols |= {known[name].instrument, symbol_of(known[name])}
    yield catalog.root / "corporate_actions"
    # Outcomes and features stand under the name of an instrument, of a contract, or of the root of contracts.
    for symbol in sorted(symbols):
        yield outcome_folder(workspace, symbol)
        yield from feature_folders(workspace, symbol)
    yield folder_of(workspace, plan.spec) / "anchors.json"
    yield folder_of(workspace, plan.spec) / FOLDER


def _series(root: Path, info: DatasetInfo) -> Path:
    series = ".".join(part for part in (info.instrument, info.contract) if part)
    return root / "bar" / quote(series, safe="") / info.interval


def _copy(source: Path, root: Path, folder: Path) -> None:
    """One file, or all files below a folder, at the same place in the pack; what is not there is not copied."""
    for path in [source] if source.is_file() else _files(source):
        target = folder / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def _copy_database(database: Path, target: Path) -> None:
    """The database as one file, whatever its write-ahead log still holds."""
    import sqlite3

    with closing(sqlite3.connect(database)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))


def _sealed(folder: Path, now_ns: int, expected: str | None) -> Pack:
    from argus.data._catalog_files import write_atomic
    from argus.engine.sweep import environment

    files = {path.relative_to(folder).as_posix(): _hash_of(path) for path in _files(folder)}
    told: dict[str, Any] = {
        "format": _FORMAT,
        "now_ns": now_ns,
        "environment": environment(),
        "expected": expected,
        "files": files,
    }
    told["id"] = _id_of(told)
    write_atomic(folder / _STATEMENT, json.dumps(told, indent=1, sort_keys=True).encode())
    for path in _files(folder):
        path.chmod(_READ_ONLY)
    return Pack(folder, told["id"], files, now_ns, told["environment"], expected)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in (".lock", ".writer"))


def _hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _id_of(told: Mapping[str, Any]) -> str:
    body = {name: value for name, value in told.items() if name != "id"}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
